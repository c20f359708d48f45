
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whether what came with a good status answers anything, by its beginning,
 * and what an answer with a bad one says.  AWS names an error in a header: its
 * body has a message alone.
 */


#define _GNU_SOURCE             /* memmem() */

#include "soma_bedrock.h"
#include "soma_sniff.h"
#include "soma_verdict.h"


/* those that only answers have are Converse's; then those of models' own */
static const soma_str_t  soma_bedrock_answers[] = {
    soma_string("output"),
    soma_string("stopReason"),
    soma_string("delta"),
    soma_string("start"),
    soma_string("bytes"),
    soma_string("inputTokens"),
    soma_string("content"),
    soma_string("choices"),
    soma_string("generation"),
    soma_string("generations"),
    soma_string("completion"),
    soma_string("completions"),
    soma_string("results"),
    soma_string("outputs"),
    soma_string("embedding"),
    soma_string("embeddings"),
    soma_string("images"),
    soma_string("text"),
    soma_string("usage"),
    soma_string("metrics"),
    soma_string("contentBlockIndex"),
    soma_string("role"),
    soma_string("id"),
    soma_str_null
};

static const char *const  soma_bedrock_content[] = {
    "content filter", "content_filter", "content policy", "usage policy",
    "guardrail", "flagged", NULL
};

static const char *const  soma_bedrock_added[] = { NULL };


static const soma_verdict_words_t  soma_bedrock_words = {
    soma_bedrock_answers, 5, soma_bedrock_content, soma_bedrock_added
};


soma_verdict_e
soma_bedrock_verdict(soma_look_t *look)
{
    if (look->event) {

        /* of frames: what fails says so, all others are a stream's, be they
         * of a kind that nobody knows */

        return look->failed ? SOMA_VERDICT_ERROR : SOMA_VERDICT_GOOD;
    }

    if (soma_sniff(look->text.data, look->text.len) == SOMA_SNIFF_OTHER) {
        return SOMA_VERDICT_NONE;
    }

    return soma_verdict_judge(look, &soma_bedrock_words,
                              look->api != SOMA_API_INVOKE);
}


void
soma_bedrock_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    size_t             i;
    soma_json_value_t  message;

    soma_verdict_refusal(body, &soma_bedrock_words, refusal);

    if (!refusal->whole) {
        return;
    }

    if (refusal->message.type == SOMA_JSON_NONE
        && soma_json_get(body, "Message", &message) == SOMA_OK
        && message.type == SOMA_JSON_STRING)
    {
        refusal->message = message;
    }

    if (refusal->message.type != SOMA_JSON_STRING) {
        return;
    }

    refusal->ours = 1;

    for (i = 0; soma_bedrock_content[i] != NULL; i++) {
        refusal->content |= memmem(refusal->message.text.data,
                                   refusal->message.text.len,
                                   soma_bedrock_content[i],
                                   strlen(soma_bedrock_content[i])) != NULL;
    }
}
