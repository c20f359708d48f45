
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whether what came with a good status answers anything, by its beginning,
 * and what an answer with a bad one says.
 */


#include "soma_ollama.h"
#include "soma_sniff.h"
#include "soma_verdict.h"


static const soma_str_t  soma_ollama_answers[] = {
    soma_string("message"),
    soma_string("response"),
    soma_string("embeddings"),
    soma_string("embedding"),
    soma_string("done"),
    soma_string("done_reason"),
    soma_string("created_at"),
    soma_string("model"),
    soma_str_null
};

static const char *const  soma_ollama_content[] = { NULL };

static const char *const  soma_ollama_added[] = { NULL };


static const soma_verdict_words_t  soma_ollama_words = {
    soma_ollama_answers, 4, soma_ollama_content, soma_ollama_added
};


soma_verdict_e
soma_ollama_verdict(soma_look_t *look)
{
    if (!look->event
        && soma_sniff(look->text.data, look->text.len) == SOMA_SNIFF_OTHER)
    {
        return SOMA_VERDICT_NONE;
    }

    return soma_verdict_judge(look, &soma_ollama_words, 1);
}


/* one string is all of its error */

void
soma_ollama_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    soma_json_value_t  error;

    soma_verdict_refusal(body, &soma_ollama_words, refusal);

    refusal->ours = (refusal->whole
                     && soma_json_get(soma_str_trim(body), "error", &error)
                        == SOMA_OK
                     && error.type == SOMA_JSON_STRING);
}
