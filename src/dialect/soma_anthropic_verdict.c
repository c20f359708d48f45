
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whether what came with a good status answers anything, by its beginning,
 * and what an answer with a bad one says.
 */


#include "soma_anthropic.h"
#include "soma_sniff.h"
#include "soma_verdict.h"


static const soma_str_t  soma_anthropic_answers[] = {
    soma_string("content"),
    soma_string("content_block"),
    soma_string("delta"),
    soma_string("message"),
    soma_string("stop_reason"),
    soma_string("usage"),
    soma_string("role"),
    soma_string("index"),
    soma_string("id"),
    soma_string("model"),
    soma_string("input_tokens"),
    soma_str_null
};

static const char *const  soma_anthropic_content[] = {
    "content filter", "content_filter", "content policy", "usage policy",
    "flagged", NULL
};

static const char *const  soma_anthropic_added[] = { NULL };


static const soma_verdict_words_t  soma_anthropic_words = {
    soma_anthropic_answers, 5, soma_anthropic_content, soma_anthropic_added
};


soma_verdict_e
soma_anthropic_verdict(soma_look_t *look)
{
    if (!look->event
        && soma_sniff(look->text.data, look->text.len) == SOMA_SNIFF_OTHER)
    {
        return SOMA_VERDICT_NONE;
    }

    return soma_verdict_judge(look, &soma_anthropic_words, 1);
}


void
soma_anthropic_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    soma_verdict_refusal(body, &soma_anthropic_words, refusal);
}
