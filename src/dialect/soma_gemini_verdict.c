
/*
 * Copyright (C) The ngx_soma authors
 *
 * Whether what came with a good status answers anything, by its beginning,
 * and what an answer with a bad one says.  Either may stand in an array: a
 * stream that was not asked for as server-sent events is one.
 */


#include "soma_gemini.h"
#include "soma_sniff.h"
#include "soma_verdict.h"


static const soma_str_t  soma_gemini_answers[] = {
    soma_string("candidates"),
    soma_string("promptFeedback"),
    soma_string("embeddings"),
    soma_string("embedding"),
    soma_string("totalTokens"),
    soma_string("predictions"),
    soma_string("usageMetadata"),
    soma_string("modelVersion"),
    soma_string("responseId"),
    soma_string("createTime"),
    soma_str_null
};

static const char *const  soma_gemini_content[] = {
    "PROHIBITED_CONTENT", "content filter", "content_filter", "blocked",
    "safety", NULL
};

static const char *const  soma_gemini_added[] = { NULL };


static const soma_verdict_words_t  soma_gemini_words = {
    soma_gemini_answers, 6, soma_gemini_content, soma_gemini_added
};


static int64_t soma_gemini_verdict_retry(soma_str_t body);
static int soma_gemini_verdict_list(soma_str_t *text);


soma_verdict_e
soma_gemini_verdict(soma_look_t *look)
{
    soma_str_t      text;
    soma_verdict_e  verdict;

    if (!look->event
        && soma_sniff(look->text.data, look->text.len) == SOMA_SNIFF_OTHER)
    {
        return SOMA_VERDICT_NONE;
    }

    text = look->text;

    if (!soma_gemini_verdict_list(&look->text)) {
        return soma_verdict_judge(look, &soma_gemini_words, 1);
    }

    verdict = soma_verdict_judge(look, &soma_gemini_words, 1);

    look->text = text;
    look->closed = 0;

    return verdict;
}


void
soma_gemini_refusal(soma_str_t body, soma_refusal_t *refusal)
{
    if (soma_gemini_verdict_list(&body)) {
        body = soma_str_trim(body);

        while (body.len != 0 && body.data[body.len - 1] != ']') {
            body.len--;
        }

        body.len -= (body.len != 0);
    }

    soma_verdict_refusal(body, &soma_gemini_words, refusal);
    refusal->retry = soma_gemini_verdict_retry(body);
}


/* RetryInfo among the details: "7s", "0.5s" */

static int64_t
soma_gemini_verdict_retry(soma_str_t body)
{
    int64_t            ms;
    soma_str_t         name, delay;
    soma_json_iter_t   it;
    soma_json_value_t  error, details, detail, v;

    if (soma_json_get(body, "error", &error) != SOMA_OK
        || error.type != SOMA_JSON_OBJECT
        || soma_json_get(error.text, "details", &details) != SOMA_OK
        || soma_json_first(&it, details.text) != SOMA_OK || it.object)
    {
        return 0;
    }

    while (soma_json_next(&it, &name, &detail) == SOMA_OK) {

        if (detail.type != SOMA_JSON_OBJECT
            || soma_json_get(detail.text, "retryDelay", &v) != SOMA_OK
            || v.type != SOMA_JSON_STRING || v.text.len < 4)
        {
            continue;
        }

        delay.data = v.text.data + 1;
        delay.len = v.text.len - 3;

        if (v.text.data[v.text.len - 2] == 's'
            && soma_number_decimal(delay, 3, &ms) == SOMA_OK)
        {
            return ms;
        }
    }

    return 0;
}


/* behind the bracket */

static int
soma_gemini_verdict_list(soma_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len && text->data[i] <= ' '; i++) { /* void */ }

    if (i == text->len || text->data[i] != '[') {
        return 0;
    }

    text->data += i + 1;
    text->len -= i + 1;

    return 1;
}
