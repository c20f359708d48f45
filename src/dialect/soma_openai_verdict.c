
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whether what came with a good status answers anything, by its beginning,
 * and what an answer with a bad one says.
 *
 * Providers, and what stands before them, say "200" to an error, a login
 * page and an empty body.  Lenient where it can be: what has a member of any
 * answer is one.
 */


#include "soma_openai.h"
#include "soma_sniff.h"
#include "soma_verdict.h"


static int soma_openai_page(const soma_look_t *look);
static int soma_openai_type_is(soma_str_t type, const char *prefix);


static const soma_str_t  soma_openai_answers[] = {
    soma_string("choices"),
    soma_string("output"),
    soma_string("data"),
    soma_string("text"),
    soma_string("usage"),
    soma_string("delta"),
    soma_string("response"),
    soma_string("item"),
    soma_string("part"),
    soma_string("results"),
    soma_string("images"),
    soma_string("audio"),
    soma_string("segments"),
    soma_string("object"),
    soma_string("id"),
    soma_string("model"),
    soma_str_null
};

static const char *const  soma_openai_content[] = {
    "content_policy", "content_filter", "policy_violation", "moderation",
    "flagged", NULL
};
static const char *const  soma_openai_usage[] = {
    "stream_options", "include_usage", NULL
};


static const soma_verdict_words_t  soma_openai_words = {
    soma_openai_answers, 4, soma_openai_content, soma_openai_usage
};


soma_verdict_e
soma_openai_verdict(soma_look_t *look)
{
    soma_sniff_e  is;

    if (look->event) {
        return soma_verdict_judge(look, &soma_openai_words, 1);
    }

    is = soma_sniff(look->text.data, look->text.len);

    switch (look->api) {

    case SOMA_API_SPEECH:

        if (soma_openai_type_is(look->type, "audio/") && look->text.len) {
            return SOMA_VERDICT_GOOD;
        }

        break;

    case SOMA_API_TRANSCRIPTIONS:
    case SOMA_API_TRANSLATIONS:

        /* of silence there may be no text at all */

        if (is == SOMA_SNIFF_MORE && look->whole
            && soma_openai_type_is(look->type, "text/plain"))
        {
            return SOMA_VERDICT_GOOD;
        }

        break;

    case SOMA_API_CHAT:
    case SOMA_API_COMPLETIONS:
    case SOMA_API_EMBEDDINGS:
    case SOMA_API_RESPONSES:
    case SOMA_API_IMAGES:

        if (is == SOMA_SNIFF_OTHER) {
            return SOMA_VERDICT_NONE;
        }

        return soma_verdict_judge(look, &soma_openai_words, 1);

    default:
        break;
    }

    /* what may be JSON, and may be something else as well: "[Music]" */

    if (is == SOMA_SNIFF_JSON
        && !soma_openai_type_is(look->type, "text/plain"))
    {
        return soma_verdict_judge(look, &soma_openai_words,
                                  look->api == SOMA_API_SPEECH
                                  || look->api == SOMA_API_TRANSCRIPTIONS
                                  || look->api == SOMA_API_TRANSLATIONS);
    }

    if (is == SOMA_SNIFF_MORE) {
        return look->whole ? SOMA_VERDICT_NONE : SOMA_VERDICT_MORE;
    }

    return soma_openai_page(look) ? SOMA_VERDICT_NONE : SOMA_VERDICT_GOOD;
}


static int
soma_openai_page(const soma_look_t *look)
{
    size_t  i;

    if (soma_openai_type_is(look->type, "text/html")) {
        return 1;
    }

    for (i = 0; i < look->text.len && look->text.data[i] <= ' '; i++) {
        /* void */
    }

    return i < look->text.len && look->text.data[i] == '<'
           && !soma_openai_type_is(look->type, "audio/");
}


static int
soma_openai_type_is(soma_str_t type, const char *prefix)
{
    size_t  len;

    len = strlen(prefix);

    if (type.len < len) {
        return 0;
    }

    type.len = len;

    return soma_str_case_is(type, prefix);
}


void
soma_openai_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    soma_verdict_refusal(body, &soma_openai_words, refusal);
}
