
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
#include "soma_openai_walk.h"
#include "soma_sniff.h"


/* what the members of an object say, as far as they are there */
typedef struct {
    unsigned  any:1;
    unsigned  answer:1;         /* a member that answers have */
    unsigned  text:1;           /* one that only answers have */
    unsigned  usage:1;
    unsigned  empty:1;          /* choices: [] */
    unsigned  failed:1;
    unsigned  complaint:1;      /* a member that errors have */
} soma_openai_traits_t;


static soma_verdict_e soma_openai_judge(soma_look_t *look,
    unsigned strict);
static int soma_openai_traits(soma_str_t text, soma_openai_traits_t *t);
static void soma_openai_trait(soma_openai_traits_t *t, soma_str_t name,
    soma_json_value_t *value);
static int soma_openai_begun(const unsigned char *p, const unsigned char *end,
    soma_json_value_t *value);
static int soma_openai_hollow(soma_json_value_t *value);
static int soma_openai_page(const soma_look_t *look);
static int soma_openai_type_is(soma_str_t type, const char *prefix);
static int soma_openai_has(soma_str_t text, const char *const *words);


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


soma_verdict_e
soma_openai_verdict(soma_look_t *look)
{
    soma_sniff_e  is;

    if (look->event) {
        return soma_openai_judge(look, 1);
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

        return soma_openai_judge(look, 1);

    default:
        break;
    }

    /* what may be JSON, and may be something else as well: "[Music]" */

    if (is == SOMA_SNIFF_JSON
        && !soma_openai_type_is(look->type, "text/plain"))
    {
        return soma_openai_judge(look, look->api == SOMA_API_SPEECH
                                       || look->api == SOMA_API_TRANSCRIPTIONS
                                       || look->api == SOMA_API_TRANSLATIONS);
    }

    if (is == SOMA_SNIFF_MORE) {
        return look->whole ? SOMA_VERDICT_NONE : SOMA_VERDICT_MORE;
    }

    return soma_openai_page(look) ? SOMA_VERDICT_NONE : SOMA_VERDICT_GOOD;
}


/* strict: it must have a member that answers have */

static soma_verdict_e
soma_openai_judge(soma_look_t *look, unsigned strict)
{
    int                    rc;
    soma_str_t             text;
    soma_openai_traits_t   t;

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

    rc = soma_openai_traits(text, &t);
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
soma_openai_traits(soma_str_t text, soma_openai_traits_t *t)
{
    int                rc;
    soma_str_t         name;
    soma_walk_t        w;
    soma_json_value_t  value;

    memset(t, 0, sizeof(soma_openai_traits_t));

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

            soma_openai_trait(t, name, &value);
            continue;
        }

        if (soma_openai_begun(w.p, w.end, &value)) {
            soma_openai_trait(t, name, &value);
        }

        return SOMA_AGAIN;
    }

    return rc == SOMA_DONE ? SOMA_OK : SOMA_AGAIN;
}


/* a value that is cut off: whether it is certain that it holds something */

static int
soma_openai_begun(const unsigned char *p, const unsigned char *end,
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
soma_openai_trait(soma_openai_traits_t *t, soma_str_t name,
    soma_json_value_t *value)
{
    size_t  i;

    static const soma_str_t  answers[] = {
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
        soma_string("model")
    };

    if (soma_openai_hollow(value)) {

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
    }

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {

        if (soma_str_eq(name, answers[i])) {
            t->answer = 1;
            t->text |= (i < 4);
            return;
        }
    }
}


static int
soma_openai_hollow(soma_json_value_t *value)
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
    soma_json_value_t      error, *message;
    soma_openai_traits_t   t;

    static const char *const  content[] = {
        "content_policy", "content_filter", "policy_violation", "moderation",
        "flagged", NULL
    };
    static const char *const  usage[] = {
        "stream_options", "include_usage", NULL
    };

    memset(refusal, 0, sizeof(soma_refusal_t));

    refusal->usage = soma_openai_has(body, usage);
    message = &refusal->message;

    if (soma_sniff(body.data, body.len) != SOMA_SNIFF_JSON) {
        return;
    }

    while (*body.data != '{' && *body.data != '[') {
        body.data++;
        body.len--;
    }

    if (*body.data == '[' || soma_openai_traits(body, &t) != SOMA_OK) {
        return;
    }

    refusal->whole = 1;

    if (soma_json_get(body, "error", &error) == SOMA_OK) {

        if (error.type == SOMA_JSON_STRING) {
            *message = error;
            return;
        }

        if (error.type == SOMA_JSON_OBJECT) {
            refusal->content = soma_openai_has(error.text, content);

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
soma_openai_has(soma_str_t text, const char *const *words)
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
