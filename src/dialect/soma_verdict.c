
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a JSON object is that came as an answer, by its members as far as they
 * are there, and what one says that came with a bad status.  Lenient where it
 * can be: what has a member of any answer is one.
 */


#include "soma_verdict.h"
#include "soma_sniff.h"
#include "soma_walk.h"


/* what the members of an object say, as far as they are there */
typedef struct {
    unsigned  any:1;
    unsigned  answer:1;         /* a member that answers have */
    unsigned  text:1;           /* one that only answers have */
    unsigned  usage:1;
    unsigned  empty:1;          /* choices: [] */
    unsigned  failed:1;
    unsigned  complaint:1;      /* a member that errors have */
} soma_verdict_traits_t;


static int soma_verdict_traits(soma_str_t text,
    const soma_verdict_words_t *words, soma_verdict_traits_t *t);
static void soma_verdict_trait(soma_verdict_traits_t *t,
    const soma_verdict_words_t *words, soma_str_t name,
    soma_json_value_t *value);
static int soma_verdict_begun(const unsigned char *p,
    const unsigned char *end, soma_json_value_t *value);
static int soma_verdict_hollow(soma_json_value_t *value);
static int soma_verdict_has(soma_str_t text, const char *const *words);


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


/* strict: it must have a member that answers have */

soma_verdict_e
soma_verdict_judge(soma_look_t *look, const soma_verdict_words_t *words,
    unsigned strict)
{
    int                    rc;
    soma_str_t             text;
    soma_verdict_traits_t   t;

    static const char  done[] = "[DONE]";

    text = look->text;

    if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        text.data += 3;
        text.len -= 3;
    }

    while (text.len && *text.data <= ' ') {
        text.data++;
        text.len--;
    }

    if (text.len == 0) {
        return look->whole ? SOMA_VERDICT_NONE : SOMA_VERDICT_MORE;
    }

    if (look->event && !look->whole && text.len < sizeof(done) - 1
        && memcmp(text.data, done, text.len) == 0)
    {
        return SOMA_VERDICT_MORE;
    }

    if (look->event && soma_name_is(look->name, "error")) {
        return SOMA_VERDICT_ERROR;
    }

    if (*text.data != '{') {
        return SOMA_VERDICT_NONE;
    }

    rc = soma_verdict_traits(text, words, &t);
    look->closed = (rc == SOMA_OK);

    if (t.failed && look->api == SOMA_API_STORED && t.answer) {

        /* what failed is the response that was asked for */

        t.failed = 0;
    }

    if (t.failed) {
        return (look->api == SOMA_API_STORED && rc == SOMA_AGAIN
                && !look->whole)
               ? SOMA_VERDICT_MORE : SOMA_VERDICT_ERROR;
    }

    if (rc == SOMA_AGAIN && !look->whole) {
        return t.text ? SOMA_VERDICT_GOOD : SOMA_VERDICT_MORE;
    }

    if (look->event) {

        if (t.complaint && !t.answer) {
            return SOMA_VERDICT_ERROR;
        }

        return (rc == SOMA_OK && !t.any) ? SOMA_VERDICT_NONE
                                         : SOMA_VERDICT_GOOD;
    }

    if (rc == SOMA_AGAIN) {

        /* it ends before its brace closes: an answer that is cut, or none */

        return t.text ? SOMA_VERDICT_GOOD : SOMA_VERDICT_NONE;
    }

    if (t.empty && !t.usage && strict) {
        return SOMA_VERDICT_NONE;
    }

    return (t.answer || (t.any && !strict)) ? SOMA_VERDICT_GOOD
                                            : SOMA_VERDICT_NONE;
}


/* SOMA_OK: all of the object; SOMA_AGAIN: as much as there is of it */

static int
soma_verdict_traits(soma_str_t text, const soma_verdict_words_t *words,
    soma_verdict_traits_t *t)
{
    int                rc;
    soma_str_t         name;
    soma_walk_t        w;
    soma_json_value_t  value;

    memset(t, 0, sizeof(soma_verdict_traits_t));

    w.p = text.data;
    w.end = text.data + text.len;

    (void) soma_walk_enter(&w, '{');

    while ((rc = soma_walk_next(&w, &name)) == SOMA_OK) {

        t->any = 1;

        if (soma_walk_value(&w, &value) == SOMA_OK) {

            if (w.p == w.end && value.type != SOMA_JSON_STRING
                && value.type != SOMA_JSON_OBJECT
                && value.type != SOMA_JSON_ARRAY)
            {
                /* a word may go on */

                return SOMA_AGAIN;
            }

            soma_verdict_trait(t, words, name, &value);
            continue;
        }

        if (soma_verdict_begun(w.p, w.end, &value)) {
            soma_verdict_trait(t, words, name, &value);
        }

        return SOMA_AGAIN;
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_AGAIN;
}


/* a value that is cut off: whether it is certain that it holds something */

static int
soma_verdict_begun(const unsigned char *p, const unsigned char *end,
    soma_json_value_t *value)
{
    const unsigned char  *start;

    start = p;

    if (end - p < 2) {
        return 0;
    }

    switch (*p++) {

    case '"':
        value->type = SOMA_JSON_STRING;
        break;

    case '{':
        value->type = SOMA_JSON_OBJECT;
        p = soma_read_space(p, end);
        break;

    case '[':
        value->type = SOMA_JSON_ARRAY;
        p = soma_read_space(p, end);
        break;

    default:
        return 0;
    }

    value->text.data = (unsigned char *) start;
    value->text.len = (size_t) (end - start);

    return p < end;
}


static void
soma_verdict_trait(soma_verdict_traits_t *t,
    const soma_verdict_words_t *words, soma_str_t name,
    soma_json_value_t *value)
{
    size_t  i;

    if (soma_verdict_hollow(value)) {

        if (soma_name_is(name, "choices")) {
            t->empty = 1;
        }

        return;
    }

    if (soma_name_is(name, "error")) {
        t->failed = 1;
        return;
    }

    if (value->type == SOMA_JSON_STRING
        && ((soma_name_is(name, "object")
             && soma_name_is(value->text, "\"error\""))
            || (soma_name_is(name, "type")
                && (soma_name_is(value->text, "\"error\"")
                    || soma_name_is(value->text, "\"response.failed\"")))))
    {
        t->failed = 1;
        return;
    }

    if (soma_name_is(name, "usage")) {
        t->usage = 1;
    }

    if (soma_name_is(name, "message") || soma_name_is(name, "detail")
        || soma_name_is(name, "errors"))
    {
        t->complaint = 1;

        if (value->type == SOMA_JSON_STRING) {
            return;
        }
    }

    for (i = 0; words->answers[i].len != 0; i++) {

        if (soma_str_eq(name, words->answers[i])) {
            t->answer = 1;
            t->text |= (i < words->texts);
            return;
        }
    }
}


static int
soma_verdict_hollow(soma_json_value_t *value)
{
    const unsigned char  *p, *end;

    switch (value->type) {

    case SOMA_JSON_OBJECT:
    case SOMA_JSON_ARRAY:
        end = value->text.data + value->text.len;
        p = soma_read_space(value->text.data + 1, end);

        return p < end && (*p == '}' || *p == ']');

    case SOMA_JSON_STRING:
        return value->text.len == 2 && value->text.data[1] == '"';

    case SOMA_JSON_NULL:
    case SOMA_JSON_FALSE:
        return 1;

    default:
        return 0;
    }
}


void
soma_verdict_refusal(soma_str_t body, const soma_verdict_words_t *words,
    soma_refusal_t *refusal)
{
    soma_json_value_t      error, *message;
    soma_verdict_traits_t   t;

    memset(refusal, 0, sizeof(soma_refusal_t));

    refusal->usage = soma_verdict_has(body, words->usage);
    message = &refusal->message;

    if (soma_sniff(body.data, body.len) != SOMA_SNIFF_JSON) {
        return;
    }

    while (*body.data != '{' && *body.data != '[') {
        body.data++;
        body.len--;
    }

    if (*body.data == '[' || soma_verdict_traits(body, words, &t) != SOMA_OK) {
        return;
    }

    refusal->whole = 1;

    if (soma_json_get(body, "error", &error) == SOMA_OK) {

        if (error.type == SOMA_JSON_STRING) {
            *message = error;
            return;
        }

        if (error.type == SOMA_JSON_OBJECT) {
            refusal->content = soma_verdict_has(error.text, words->content);

            if (soma_json_get(error.text, "message", message) == SOMA_OK
                && message->type == SOMA_JSON_STRING)
            {
                refusal->ours = 1;
                return;
            }
        }
    }

    if (soma_json_get(body, "message", message) != SOMA_OK
        && soma_json_get(body, "detail", message) != SOMA_OK)
    {
        message->type = SOMA_JSON_NONE;
    }
}


static int
soma_verdict_has(soma_str_t text, const char *const *words)
{
    size_t                len;
    const unsigned char  *p, *end;

    end = text.data + text.len;

    for ( /* void */ ; *words != NULL; words++) {

        len = strlen(*words);

        for (p = text.data; p != NULL && (size_t) (end - p) >= len; p++) {

            p = memchr(p, (*words)[0], (size_t) (end - p) - len + 1);

            if (p == NULL) {
                break;
            }

            if (memcmp(p, *words, len) == 0) {
                return 1;
            }
        }
    }

    return 0;
}
