
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_echo_run.h"


#define SOMA_ECHO_ESCAPED_MAX  6        /* bytes of one, \u0000 */


static int soma_echo_prompt(soma_echo_run_t *run, yyjson_val *root);
static void soma_echo_messages(soma_echo_run_t *run, yyjson_val *messages,
    yyjson_val **last);
static int64_t soma_echo_count(yyjson_val *content);
static int soma_echo_join(soma_echo_run_t *run, yyjson_val *content);
static void soma_echo_cut(soma_echo_run_t *run);


static void *
soma_echo_malloc(void *ctx, size_t size)
{
    soma_arena_t  *arena = ctx;

    return arena->alloc(arena->data, size);
}


static void *
soma_echo_realloc(void *ctx, void *ptr, size_t old, size_t size)
{
    void          *p;
    soma_arena_t  *arena = ctx;

    p = arena->alloc(arena->data, size);

    if (p != NULL && ptr != NULL) {
        memcpy(p, ptr, old < size ? old : size);
    }

    return p;
}


static void
soma_echo_free(void *ctx, void *ptr)
{
    (void) ctx;
    (void) ptr;
}


int
soma_echo_answer(soma_echo_t *echo, soma_arena_t *arena, soma_str_t *out,
    soma_usage_t *usage, const char **error)
{
    int                rc;
    soma_api_e         api;
    yyjson_alc         alc;
    yyjson_doc        *doc;
    yyjson_val        *root;
    yyjson_read_err    err;
    soma_echo_run_t    run;

    api = echo->ask->api;
    echo->usage = SOMA_STR("");

    if (api != SOMA_API_CHAT && api != SOMA_API_COMPLETIONS
        && api != SOMA_API_EMBEDDINGS && api != SOMA_API_RESPONSES)
    {
        return SOMA_DECLINED;
    }

    alc.malloc = soma_echo_malloc;
    alc.realloc = soma_echo_realloc;
    alc.free = soma_echo_free;
    alc.ctx = arena;

    doc = yyjson_read_opts((char *) echo->body.data, echo->body.len,
                           YYJSON_READ_NOFLAG, &alc, &err);

    if (doc == NULL) {
        *error = (err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
                 ? "no memory" : "the body is not valid JSON";
        return SOMA_ERROR;
    }

    root = yyjson_doc_get_root(doc);

    if (!yyjson_is_obj(root)) {
        *error = "the body is not a JSON object";
        return SOMA_ERROR;
    }

    if (echo->ask->n > SOMA_ECHO_N_MAX) {
        *error = "\"n\" must be at most 16 for this model";
        return SOMA_ERROR;
    }

    if (echo->ask->n < 1) {
        echo->ask->n = 1;
    }

    memset(&run, 0, sizeof(soma_echo_run_t));

    run.echo = echo;
    run.arena = arena;
    run.text = SOMA_STR("");
    run.model = soma_echo_quote(arena, "", echo->model);
    run.id = soma_echo_quote(arena,
                             api == SOMA_API_CHAT ? "chatcmpl-"
                             : api == SOMA_API_RESPONSES ? "resp_" : "cmpl-",
                             echo->id);
    run.item_id = soma_echo_quote(arena, "msg_", echo->id);

    *error = "no memory";

    if (run.model.data == NULL || run.id.data == NULL
        || run.item_id.data == NULL)
    {
        return SOMA_ERROR;
    }

    if (api == SOMA_API_EMBEDDINGS) {
        rc = soma_echo_embed(&run, root, error);

    } else {
        rc = soma_echo_prompt(&run, root);

        if (rc == SOMA_OK) {
            soma_echo_cut(&run);

            rc = (api == SOMA_API_RESPONSES) ? soma_echo_responses(&run)
                                             : soma_echo_chat(&run);
        }
    }

    if (rc != SOMA_OK || run.out.full) {
        return SOMA_ERROR;
    }

    out->data = run.out.start;
    out->len = run.out.pos - run.out.start;

    memset(usage, 0, sizeof(soma_usage_t));

    usage->input_tokens = run.prompt_tokens;
    usage->output_tokens = soma_echo_output_tokens(&run);
    usage->tier = echo->ask->tier;
    usage->known = 1;

    *error = NULL;

    return SOMA_OK;
}


/* the text to say, in run->text, and the prompt's tokens */

static int
soma_echo_prompt(soma_echo_run_t *run, yyjson_val *root)
{
    yyjson_val  *last, *input;

    last = NULL;

    switch (run->echo->ask->api) {

    case SOMA_API_CHAT:
        soma_echo_messages(run, yyjson_obj_get(root, "messages"), &last);
        break;

    case SOMA_API_RESPONSES:
        run->prompt_tokens = soma_echo_count(yyjson_obj_get(root,
                                                            "instructions"));
        input = yyjson_obj_get(root, "input");

        if (yyjson_is_arr(input)) {
            soma_echo_messages(run, input, &last);

        } else {
            run->prompt_tokens += soma_echo_count(input);
            last = input;
        }

        break;

    default:
        last = yyjson_obj_get(root, "prompt");
        run->prompt_tokens = soma_echo_count(last);

        /* several prompts: the last one, as of several messages */

        if (yyjson_is_arr(last)) {
            last = yyjson_arr_get_last(last);
        }
    }

    return soma_echo_join(run, last);
}


static void
soma_echo_messages(soma_echo_run_t *run, yyjson_val *messages,
    yyjson_val **last)
{
    yyjson_val       *message, *content;
    yyjson_arr_iter   it;

    yyjson_arr_iter_init(messages, &it);

    while ((message = yyjson_arr_iter_next(&it)) != NULL) {

        content = yyjson_obj_get(message, "content");

        run->prompt_tokens += soma_echo_count(content);

        if (yyjson_equals_str(yyjson_obj_get(message, "role"), "user")) {
            *last = content;
        }
    }
}


static soma_str_t
soma_echo_string(yyjson_val *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) yyjson_get_str(value);
    s.len = yyjson_get_len(value);

    return s;
}


/* the text of a part of a content: a string, or "text" in an object */

static yyjson_val *
soma_echo_part(yyjson_val *part)
{
    if (yyjson_is_obj(part)) {
        part = yyjson_obj_get(part, "text");
    }

    return yyjson_is_str(part) ? part : NULL;
}


/* tokens of a content; a prompt may also be a list of token numbers */

static int64_t
soma_echo_count(yyjson_val *content)
{
    int64_t           n;
    yyjson_val       *part, *text;
    yyjson_arr_iter   it;

    if (yyjson_is_str(content)) {
        return soma_echo_pieces(soma_echo_string(content));
    }

    if (!yyjson_is_arr(content)) {
        return 0;
    }

    n = 0;
    yyjson_arr_iter_init(content, &it);

    while ((part = yyjson_arr_iter_next(&it)) != NULL) {

        text = soma_echo_part(part);

        if (text != NULL) {
            n += soma_echo_pieces(soma_echo_string(text));

        } else if (yyjson_is_num(part)) {
            n++;

        } else if (yyjson_is_arr(part)) {
            n += yyjson_arr_size(part);
        }
    }

    return n;
}


/* the text of a content; parts are joined by a line feed */

static int
soma_echo_join(soma_echo_run_t *run, yyjson_val *content)
{
    size_t            len;
    soma_str_t        s;
    yyjson_val       *part;
    yyjson_arr_iter   it;

    if (yyjson_is_str(content)) {
        run->text = soma_echo_string(content);
        return SOMA_OK;
    }

    if (!yyjson_is_arr(content)) {
        return SOMA_OK;
    }

    len = 0;
    yyjson_arr_iter_init(content, &it);

    while ((part = yyjson_arr_iter_next(&it)) != NULL) {
        part = soma_echo_part(part);

        if (part != NULL) {
            len += yyjson_get_len(part) + 1;
        }
    }

    if (len == 0) {
        return SOMA_OK;
    }

    run->text.data = run->arena->alloc(run->arena->data, len);
    if (run->text.data == NULL) {
        return SOMA_ERROR;
    }

    yyjson_arr_iter_init(content, &it);

    while ((part = yyjson_arr_iter_next(&it)) != NULL) {
        part = soma_echo_part(part);

        if (part == NULL) {
            continue;
        }

        if (run->text.len != 0) {
            run->text.data[run->text.len++] = '\n';
        }

        s = soma_echo_string(part);

        if (s.len != 0) {
            memcpy(run->text.data + run->text.len, s.data, s.len);
            run->text.len += s.len;
        }
    }

    return SOMA_OK;
}


static int
soma_echo_word(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
           || (c >= 'a' && c <= 'z') || c >= 0x80;
}


/* every character of several bytes counts as a letter; none is cut */

size_t
soma_echo_piece(const unsigned char *p, const unsigned char *end)
{
    size_t                n;
    const unsigned char  *start, *word;

    start = p;

    if (*p == ' ' && end - p > 1 && soma_echo_word(p[1])) {
        p++;
    }

    if (!soma_echo_word(*p)) {
        return 1;
    }

    word = p;

    while (p < end && soma_echo_word(*p)) {

        n = *p < 0xc0 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

        if (n > (size_t) (end - p)) {
            n = end - p;
        }

        if (p - word + n > SOMA_ECHO_WORD_MAX) {
            break;
        }

        p += n;
    }

    return p - start;
}


int64_t
soma_echo_pieces(soma_str_t text)
{
    int64_t               n;
    const unsigned char  *p, *end;

    p = text.data;
    end = text.data + text.len;

    for (n = 0; p < end; n++) {
        p += soma_echo_piece(p, end);
    }

    return n;
}


/* cuts the text after the last piece that the client and the bounds allow */

static void
soma_echo_cut(soma_echo_run_t *run)
{
    size_t          len;
    int64_t         max;
    soma_ask_t     *ask;
    unsigned char  *p, *end;

    ask = run->echo->ask;
    max = SOMA_ECHO_PIECES_MAX / ask->n;

    if (ask->max_tokens >= 0 && ask->max_tokens < max) {
        max = ask->max_tokens;
    }

    p = run->text.data;
    end = p + run->text.len;

    while (p < end) {

        len = soma_echo_piece(p, end);

        if (run->pieces == max
            || p + len - run->text.data > SOMA_ECHO_TEXT_MAX)
        {
            run->length = 1;
            break;
        }

        run->pieces++;

        for ( /* void */ ; len != 0; len--, p++) {
            run->escaped += (*p < 0x20 || *p == 0x7f) ? SOMA_ECHO_ESCAPED_MAX
                            : (*p == '"' || *p == '\\') ? 2 : 1;
        }
    }

    run->text.len = p - run->text.data;
}


int64_t
soma_echo_output_tokens(soma_echo_run_t *run)
{
    return run->pieces * run->echo->ask->n;
}


int
soma_echo_room(soma_echo_run_t *run, size_t size)
{
    unsigned char  *p;

    p = run->arena->alloc(run->arena->data, size);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    soma_put_init(&run->out, p, size);

    return SOMA_OK;
}


soma_str_t
soma_echo_quote(soma_arena_t *arena, const char *prefix, soma_str_t name)
{
    size_t          len;
    soma_out_t      out;
    soma_str_t      s;
    unsigned char  *p;

    s.len = 0;
    s.data = NULL;

    len = strlen(prefix) + name.len;

    p = arena->alloc(arena->data, len + len * SOMA_ECHO_ESCAPED_MAX + 2);
    if (p == NULL) {
        return s;
    }

    memcpy(p, prefix, strlen(prefix));

    if (name.len != 0) {
        memcpy(p + strlen(prefix), name.data, name.len);
    }

    soma_put_init(&out, p + len, len * SOMA_ECHO_ESCAPED_MAX + 2);
    soma_put_json_str(&out, (soma_str_t) { len, p });

    s.data = out.start;
    s.len = out.pos - out.start;

    return s;
}
