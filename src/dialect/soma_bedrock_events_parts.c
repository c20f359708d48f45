
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the blocks of an answer of Converse hold, whole and in pieces.  A block
 * is an object of one member, whose name says what it is.
 */


#include "soma_bedrock_answer.h"
#include "soma_bedrock_events.h"


#define SOMA_BEDROCK_EVENTS_MAKER  "bedrock"


static int soma_bedrock_events_words(soma_bedrock_events_t *answer,
    uint32_t index, soma_inner_kind_e kind, soma_str_t text);
static int64_t soma_bedrock_events_letters(soma_str_t text);
static int soma_bedrock_events_thought(soma_bedrock_events_t *answer,
    uint32_t index, soma_str_t thought);
static int soma_bedrock_events_seal(soma_bedrock_events_t *answer,
    uint32_t index, soma_str_t signature, soma_str_t opaque);
static int soma_bedrock_events_cited(soma_bedrock_events_t *answer,
    uint32_t index, soma_str_t cited);
static int soma_bedrock_events_cite(soma_bedrock_events_t *answer,
    uint32_t index, soma_str_t cite);
static int soma_bedrock_events_opaque(soma_bedrock_events_t *answer,
    soma_str_t type, soma_str_t block);


int
soma_bedrock_events_block(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t block)
{
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    value, input;
    soma_events_open_t  *open;

    if (soma_json_first(&it, block) != SOMA_OK || !it.object
        || soma_json_next(&it, &name, &value) != SOMA_OK)
    {
        return SOMA_OK;
    }

    if (soma_str_is(name, "text")) {
        return soma_bedrock_events_words(answer, index, SOMA_INNER_TEXT,
                                   soma_events_inside(block, "text"));
    }

    if (soma_str_is(name, "reasoningContent")) {
        return soma_bedrock_events_thought(answer, index, value.text);
    }

    if (soma_str_is(name, "citationsContent")) {
        return soma_bedrock_events_cited(answer, index, value.text);
    }

    if (soma_str_is(name, "image")) {
        return soma_bedrock_events_picture(answer, index, value.text, 1);
    }

    if (!soma_str_is(name, "toolUse")
        || soma_str_is(soma_events_inside(value.text, "type"),
                       "server_tool_use"))
    {
        return soma_bedrock_events_opaque(answer, name, block);
    }

    if (soma_bedrock_events_call(answer, index, value.text, &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL
        || soma_json_get(value.text, "input", &input) != SOMA_OK
        || input.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    return soma_events_raw(&answer->events, open, input.text);
}


/* *open is NULL where it is none of the client's */

int
soma_bedrock_events_call(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t call, soma_events_open_t **open)
{
    soma_str_t           id, name;
    soma_events_open_t  *before;
    soma_json_value_t    value;

    *open = NULL;

    if (soma_str_is(soma_events_inside(call, "type"), "server_tool_use")) {
        return SOMA_OK;
    }

    /* one of the same number that was never stopped is over now */

    if (soma_bedrock_events_open(answer, index, SOMA_INNER_CALL, 0, &before)
        != SOMA_OK
        || (before != NULL
            && soma_events_close(&answer->events, before) != SOMA_OK)
        || soma_bedrock_events_open(answer, index, SOMA_INNER_CALL, 1, open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (*open == NULL) {
        return SOMA_OK;
    }

    id.len = 0;
    name.len = 0;

    if (soma_json_get(call, "toolUseId", &value) == SOMA_OK) {
        (void) soma_json_text(answer->events.arena, &value, &id);
    }

    if (soma_json_get(call, "name", &value) == SOMA_OK) {
        (void) soma_json_text(answer->events.arena, &value, &name);
    }

    return soma_events_name(&answer->events, *open, id, name);
}


int
soma_bedrock_events_piece(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t delta)
{
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    value;
    soma_events_open_t  *open;

    if (soma_json_first(&it, delta) != SOMA_OK || !it.object
        || soma_json_next(&it, &name, &value) != SOMA_OK)
    {
        return SOMA_OK;
    }

    if (soma_str_is(name, "text")) {
        return soma_bedrock_events_words(answer, index, SOMA_INNER_TEXT,
                                         soma_events_inside(delta, "text"));
    }

    if (soma_str_is(name, "reasoningContent")) {
        return soma_bedrock_events_thought(answer, index, value.text);
    }

    if (soma_str_is(name, "citation")) {
        return soma_bedrock_events_cite(answer, index, value.text);
    }

    if (soma_str_is(name, "image")) {
        return soma_bedrock_events_picture(answer, index, value.text, 0);
    }

    if (!soma_str_is(name, "toolUse")) {
        return SOMA_OK;
    }

    /* of a call that never began nobody knows what is called */

    if (soma_bedrock_events_open(answer, index, SOMA_INNER_CALL, 0, &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (open == NULL) ? SOMA_OK
           : soma_events_text(&answer->events, open,
                              soma_events_inside(value.text, "input"));
}


/* a block begins with its first word */

static int
soma_bedrock_events_words(soma_bedrock_events_t *answer, uint32_t index,
    soma_inner_kind_e kind, soma_str_t text)
{
    soma_events_open_t  *open;

    if (text.len == 0) {
        return SOMA_OK;
    }

    if (soma_bedrock_events_open(answer, index, kind, 1, &open) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (kind == SOMA_INNER_TEXT) {
        answer->letters = (answer->lettered == index)
                          ? answer->letters : 0;
        answer->lettered = index;
        answer->letters += soma_bedrock_events_letters(text);
    }

    return open ? soma_events_text(&answer->events, open, text) : SOMA_OK;
}


/* of a text with its escapes; the second half of a pair is none */

static int64_t
soma_bedrock_events_letters(soma_str_t text)
{
    size_t   i;
    int64_t  n;

    for (i = 0, n = 0; i < text.len; i++) {

        if ((text.data[i] & 0xc0) == 0x80) {
            continue;
        }

        n++;

        if (text.data[i] != '\\' || ++i == text.len
            || text.data[i] != 'u' || text.len - i < 5)
        {
            continue;
        }

        n -= ((text.data[i + 1] | 0x20) == 'd'
              && memchr("cdefCDEF", text.data[i + 2], 8) != NULL);
        i += 4;
    }

    return n;
}


/* of a whole answer an object in it has text and signature, of a stream each
 * comes by itself */

static int
soma_bedrock_events_thought(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t thought)
{
    soma_str_t         opaque;
    soma_json_value_t  whole;

    opaque = soma_events_inside(thought, "redactedContent");

    if (opaque.len != 0) {
        return soma_bedrock_events_seal(answer, index,
                                        (soma_str_t) soma_str_null, opaque);
    }

    if (soma_json_get(thought, "reasoningText", &whole) == SOMA_OK) {
        thought = whole.text;
    }

    if (soma_bedrock_events_words(answer, index, SOMA_INNER_REASONING,
                                  soma_events_inside(thought, "text"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_bedrock_events_seal(answer, index,
                                    soma_events_inside(thought, "signature"),
                                    opaque);
}


static int
soma_bedrock_events_seal(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t signature, soma_str_t opaque)
{
    soma_mend_t          mend;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    if (signature.len == 0 && opaque.len == 0) {
        return SOMA_OK;
    }

    if (soma_bedrock_events_open(answer, index, SOMA_INNER_REASONING, 1,
                                 &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    event.event = SOMA_INNER_SIGNATURE;
    event.block = open->block;
    event.kind = open->kind;
    event.maker = SOMA_STR(SOMA_BEDROCK_EVENTS_MAKER);

    if (soma_mend_text(&mend, &answer->events.room,
                       signature.len ? signature : opaque,
                       signature.len ? &event.text : &event.opaque)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(&answer->events, &event);
}


/* texts, and citations that are of all of them */

static int
soma_bedrock_events_cited(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t cited)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  list, part;

    if (soma_json_get(cited, "content", &list) == SOMA_OK
        && soma_json_first(&it, list.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {
            if (soma_bedrock_events_words(answer, index, SOMA_INNER_TEXT,
                                          soma_events_inside(part.text,
                                                             "text"))
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    if (soma_json_get(cited, "citations", &list) == SOMA_OK
        && soma_json_first(&it, list.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {
            if (soma_bedrock_events_cite(answer, index, part.text)
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return SOMA_OK;
}


/* in the form that others know */

static int
soma_bedrock_events_cite(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t cite)
{
    int                  rc;
    soma_pieces_t        out;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    memset(&event, 0, sizeof(event));
    soma_pieces_init(&out, answer->events.arena);

    rc = soma_bedrock_cites_read(&out, cite, answer->letters, &event.type,
                                 &event.maker);

    if (rc == SOMA_DECLINED) {
        return SOMA_OK;
    }

    if (rc != SOMA_OK
        || soma_pieces_whole(&out, &event.raw) != SOMA_OK
        || soma_mend_body(answer->events.arena, &event.raw) != SOMA_OK
        || soma_bedrock_events_open(answer, index, SOMA_INNER_TEXT, 1, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    event.event = SOMA_INNER_CITATION;
    event.block = open->block;
    event.kind = open->kind;

    return soma_events_emit(&answer->events, &event);
}


/* {"format":"png","source":{"bytes":"..."}}: its beginning has the format, a
 * piece of a stream the bytes */

int
soma_bedrock_events_picture(soma_bedrock_events_t *answer, uint32_t index,
    soma_str_t image, unsigned begin)
{
    size_t               i;
    soma_str_t           format;
    soma_json_value_t    source;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    static const struct {
        const char  *format;
        soma_str_t   media;
    } formats[] = {
        { "png",  soma_string("image/png") },
        { "jpeg", soma_string("image/jpeg") },
        { "gif",  soma_string("image/gif") },
        { "webp", soma_string("image/webp") }
    };

    if (soma_bedrock_events_open(answer, index, SOMA_INNER_IMAGE, begin,
                                 &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL
        || soma_json_get(image, "source", &source) != SOMA_OK)
    {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_MEDIA;
    event.block = open->block;
    event.kind = open->kind;
    event.text = soma_events_inside(source.text, "bytes");

    if (event.text.len == 0 || !soma_inner_is_text(event.text)) {
        return SOMA_OK;
    }

    format = soma_events_inside(image, "format");
    event.media = soma_inner_sniff(event.text);

    for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (soma_str_is(format, formats[i].format)) {
            event.media = formats[i].media;
        }
    }

    if (event.media.len == 0) {
        event.media = formats[0].media;
    }

    return soma_events_emit(&answer->events, &event);
}


/* a block that only this dialect can say */

static int
soma_bedrock_events_opaque(soma_bedrock_events_t *answer, soma_str_t type,
    soma_str_t block)
{
    soma_inner_event_t  event;

    if (answer->events.finished[0] & 1 || answer->events.over) {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &block) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_RAW;
    event.block = answer->events.blocks[0]++;
    event.kind = SOMA_INNER_OPAQUE;
    event.type = type;
    event.raw = block;
    event.maker = SOMA_STR(SOMA_BEDROCK_EVENTS_MAKER);

    return soma_events_emit(&answer->events, &event);
}
