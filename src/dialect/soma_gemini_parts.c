
/*
 * Copyright (C) The ngx_soma authors
 *
 * Calls and their results, and what lies in bytes or in files, as blocks of the
 * inner form.
 *
 * Calls of this API need no ids: a result is that of the first call of its
 * name that has none yet.  Here each has one, by its place in the conversation,
 * so that the same conversation is the same request again.
 */


#include "soma_base64.h"
#include "soma_gemini_request.h"


#define SOMA_GEMINI_CALLS_MAX  1024     /* of a step, that are looked at */


static int soma_gemini_parts_id(soma_gemini_fill_t *r,
    soma_inner_block_t *block);
static int soma_gemini_parts_own(soma_gemini_fill_t *r, soma_str_t result);
static soma_gemini_call_t *soma_gemini_parts_called(soma_gemini_fill_t *r,
    const soma_inner_block_t *result);
static int soma_gemini_parts_response(soma_gemini_fill_t *r,
    soma_inner_block_t *block, soma_inner_block_t ***last,
    soma_json_value_t *response);
static int soma_gemini_parts_alone(soma_str_t object, soma_str_t *name,
    soma_str_t *text);
static int soma_gemini_parts_plain(soma_gemini_fill_t *r,
    soma_inner_block_t *block);
static soma_inner_kind_e soma_gemini_parts_kind(soma_str_t media);
static int soma_gemini_parts_media(soma_gemini_fill_t *r, soma_str_t object,
    soma_inner_block_t *about);


int
soma_gemini_parts_call(soma_gemini_fill_t *r, soma_inner_block_t *block,
    soma_str_t call)
{
    soma_json_value_t    v;
    soma_gemini_call_t  *noted;

    if (soma_fill_name(&r->fill, call, "name", &block->name) != SOMA_OK) {
        *r->fill.error = "a \"functionCall\" has no \"name\"";
        return SOMA_ERROR;
    }

    block->arguments = SOMA_STR("{}");

    if (soma_gemini_get(call, "args", &v) == SOMA_OK
        && v.type != SOMA_JSON_NULL)
    {
        if (v.type != SOMA_JSON_OBJECT) {
            *r->fill.error = "\"args\" of a \"functionCall\" must be an "
                             "object";
            return SOMA_ERROR;
        }

        block->arguments = v.text;
    }

    (void) soma_fill_name(&r->fill, call, "id", &block->id);

    /* calls behind results are another step's */

    if (r->results) {
        r->results = 0;
        r->calls = NULL;
    }

    if (block->id.len == 0 && soma_gemini_parts_id(r, block) != SOMA_OK) {
        return SOMA_ERROR;
    }

    noted = r->fill.arena->alloc(r->fill.arena->data,
                                 sizeof(soma_gemini_call_t));
    if (noted == NULL) {
        return SOMA_ERROR;
    }

    noted->next = NULL;
    noted->block = block;
    noted->answered = 0;

    if (r->calls == NULL) {
        r->last = &r->calls;
    }

    *r->last = noted;
    r->last = &noted->next;

    return soma_fill_call(&r->fill, block);
}


static int
soma_gemini_parts_id(soma_gemini_fill_t *r, soma_inner_block_t *block)
{
    soma_pieces_t  out;

    soma_pieces_init(&out, r->fill.arena);
    soma_pieces_cstr(&out, "call_");
    soma_pieces_int(&out, ++r->ncalls);

    return soma_pieces_whole(&out, &block->id);
}


int
soma_gemini_parts_result(soma_gemini_fill_t *r, soma_inner_block_t *block,
    soma_str_t result, unsigned depth)
{
    soma_json_value_t     v;
    soma_gemini_call_t   *call;
    soma_inner_block_t  **last;

    if (soma_fill_name(&r->fill, result, "name", &block->name) != SOMA_OK) {
        *r->fill.error = "a \"functionResponse\" has no \"name\"";
        return SOMA_ERROR;
    }

    (void) soma_fill_name(&r->fill, result, "id", &block->id);

    r->results = 1;
    call = soma_gemini_parts_called(r, block);

    if (call != NULL) {
        call->answered = 1;
        block->id = call->block->id;

    } else if (block->id.len == 0
               && soma_gemini_parts_id(r, block) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_gemini_parts_own(r, result) != SOMA_OK) {
        return SOMA_ERROR;
    }

    last = &block->content;

    if (soma_gemini_get(result, "response", &v) == SOMA_OK
        && soma_gemini_parts_response(r, block, &last, &v) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_gemini_turns_parts(r, &last, result, depth);
}


/* of tools that the model does not wait for */

static int
soma_gemini_parts_own(soma_gemini_fill_t *r, soma_str_t result)
{
    int                rc;
    size_t             i;
    soma_json_value_t  v;

    static const struct {
        const char  *name;
        soma_str_t   path;
    } own[] = {
        { "willContinue",
          soma_string("contents.parts.functionResponse.willContinue") },
        { "scheduling",
          soma_string("contents.parts.functionResponse.scheduling") }
    };

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {

        if (soma_gemini_get(result, own[i].name, &v) != SOMA_OK
            || v.type == SOMA_JSON_NULL || v.type == SOMA_JSON_FALSE
            || soma_str_is(v.text, "\"SCHEDULING_UNSPECIFIED\""))
        {
            continue;
        }

        rc = soma_gemini_request_other(r, own[i].path, v.text);

        if (rc != SOMA_OK) {
            return rc;
        }
    }

    return SOMA_OK;
}


/* by its id, where it names one, else by its name and its place */

static soma_gemini_call_t *
soma_gemini_parts_called(soma_gemini_fill_t *r,
    const soma_inner_block_t *result)
{
    unsigned             n;
    soma_gemini_call_t  *call;

    /* those that are answered in their order are passed over once */

    while (r->calls != NULL && r->calls->answered) {
        r->calls = r->calls->next;
    }

    if (result->id.len != 0) {

        for (call = r->calls, n = 0; call && n < SOMA_GEMINI_CALLS_MAX;
             call = call->next, n++)
        {
            if (soma_str_eq(call->block->id, result->id)) {
                return call;
            }
        }

        if (soma_fill_called(&r->fill, result->id) != NULL) {
            return NULL;
        }
    }

    for (call = r->calls, n = 0; call && n < SOMA_GEMINI_CALLS_MAX;
         call = call->next, n++)
    {
        if (!call->answered && soma_str_eq(call->block->name, result->name)) {
            return call;
        }
    }

    return NULL;
}


/*
 * An object: {"result": "..."} is what SDKs make of a text, {"error": "..."}
 * of one that tells of a failure.  Any other is a text as JSON.
 */

static int
soma_gemini_parts_response(soma_gemini_fill_t *r, soma_inner_block_t *block,
    soma_inner_block_t ***last, soma_json_value_t *response)
{
    soma_str_t           name, text;
    soma_pieces_t        out;
    soma_inner_block_t  *words;

    if (response->type == SOMA_JSON_NULL) {
        return SOMA_OK;
    }

    if (response->type != SOMA_JSON_OBJECT) {
        *r->fill.error = "\"response\" of a \"functionResponse\" must be an "
                         "object";
        return SOMA_ERROR;
    }

    words = soma_fill_block(&r->fill, last, SOMA_INNER_TEXT);
    if (words == NULL) {
        return SOMA_ERROR;
    }

    if (soma_gemini_parts_alone(response->text, &name, &text) == SOMA_OK) {

        block->error = soma_str_is(name, "error");

        if (block->error || soma_str_is(name, "result")
            || soma_str_is(name, "output"))
        {
            words->text = text;
            return SOMA_OK;
        }
    }

    soma_pieces_init(&out, r->fill.arena);
    soma_pieces_quote(&out, response->text);

    if (soma_pieces_whole(&out, &words->text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    words->text.data++;
    words->text.len -= 2;

    return SOMA_OK;
}


/* the one member of an object, where it is a text */

static int
soma_gemini_parts_alone(soma_str_t object, soma_str_t *name,
    soma_str_t *text)
{
    soma_str_t         other;
    soma_json_iter_t   it;
    soma_json_value_t  v, more;

    if (soma_json_first(&it, object) != SOMA_OK
        || soma_json_next(&it, name, &v) != SOMA_OK
        || soma_json_next(&it, &other, &more) != SOMA_DONE)
    {
        return SOMA_DECLINED;
    }

    return soma_fill_inside(&v, text);
}


/* mimeType and displayName of bytes or a file */

static int
soma_gemini_parts_media(soma_gemini_fill_t *r, soma_str_t object,
    soma_inner_block_t *about)
{
    soma_json_value_t  v;

    memset(about, 0, sizeof(soma_inner_block_t));

    if (soma_gemini_get(object, "mimeType", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && soma_json_text(r->fill.arena, &v, &about->media) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(object, "displayName", &v) == SOMA_OK) {
        (void) soma_fill_inside(&v, &about->title);
    }

    return SOMA_OK;
}


int
soma_gemini_parts_data(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t blob, soma_inner_block_t **made)
{
    int                  rc;
    soma_str_t           text;
    soma_json_value_t    v;
    soma_inner_block_t   about, *block;

    if (soma_gemini_parts_media(r, blob, &about) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(blob, "data", &v) != SOMA_OK
        || soma_fill_inside(&v, &text) != SOMA_OK)
    {
        *r->fill.error = "an \"inlineData\" has no \"data\"";
        return SOMA_ERROR;
    }

    rc = soma_inner_plain(r->fill.arena, text, &text);

    if (rc == SOMA_OK) {
        rc = soma_base64_standard(r->fill.arena, text, &about.data);
    }

    if (rc != SOMA_OK) {
        *r->fill.error = (rc == SOMA_DECLINED)
                         ? "\"data\" of an \"inlineData\" is not in base64"
                         : NULL;
        return SOMA_ERROR;
    }

    if (about.media.len == 0) {
        about.media = soma_inner_sniff(about.data);
    }

    block = soma_fill_block(&r->fill, last,
                            soma_gemini_parts_kind(about.media));
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->media = about.media;
    block->title = about.title;
    block->data = about.data;

    *made = block;

    return soma_gemini_parts_plain(r, block);
}


/* the words of a document that is nothing else */

static int
soma_gemini_parts_plain(soma_gemini_fill_t *r, soma_inner_block_t *block)
{
    size_t          len;
    soma_str_t      bytes, text;
    unsigned char  *p;

    if (block->kind != SOMA_INNER_DOCUMENT || block->media.len < 5
        || memcmp(block->media.data, "text/", 5) != 0)
    {
        return SOMA_OK;
    }

    p = r->fill.arena->alloc(r->fill.arena->data,
                             soma_base64_decoded_len(block->data.len));
    if (p == NULL) {
        return SOMA_ERROR;
    }

    if (soma_base64_decode(p, &len, block->data) != SOMA_OK) {
        return SOMA_OK;
    }

    bytes.data = p;
    bytes.len = len;

    if (soma_inner_text(r->fill.arena, bytes, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    block->source = SOMA_INNER_PLAIN;
    block->data = text;

    return SOMA_OK;
}


int
soma_gemini_parts_file(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t file, soma_inner_block_t **made)
{
    soma_str_t           uri;
    soma_json_value_t    v;
    soma_inner_block_t   about, *block;

    if (soma_gemini_parts_media(r, file, &about) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (soma_gemini_get(file, "fileUri", &v) != SOMA_OK
        || v.type != SOMA_JSON_STRING
        || soma_json_text(r->fill.arena, &v, &uri) != SOMA_OK)
    {
        *r->fill.error = "a \"fileData\" has no \"fileUri\"";
        return SOMA_ERROR;
    }

    block = soma_fill_block(&r->fill, last,
                            about.media.len != 0
                            ? soma_gemini_parts_kind(about.media)
                            : SOMA_INNER_VIDEO);
    if (block == NULL) {
        return SOMA_ERROR;
    }

    block->media = about.media;
    block->title = about.title;

    if (soma_gemini_ask_kept(uri)) {
        block->source = SOMA_INNER_FILE;
        block->maker = SOMA_STR(SOMA_GEMINI_MAKER);
        block->data = uri;

    } else {
        block->source = SOMA_INNER_URL;
        (void) soma_fill_inside(&v, &block->data);
    }

    *made = block;

    return SOMA_OK;
}


static soma_inner_kind_e
soma_gemini_parts_kind(soma_str_t media)
{
    size_t  i;

    static const struct {
        soma_str_t          prefix;
        soma_inner_kind_e   kind;
    } kinds[] = {
        { soma_string("image/"), SOMA_INNER_IMAGE },
        { soma_string("audio/"), SOMA_INNER_AUDIO },
        { soma_string("video/"), SOMA_INNER_VIDEO }
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (media.len > kinds[i].prefix.len
            && memcmp(media.data, kinds[i].prefix.data, kinds[i].prefix.len)
               == 0)
        {
            return kinds[i].kind;
        }
    }

    return SOMA_INNER_DOCUMENT;
}
