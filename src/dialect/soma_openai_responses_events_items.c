
/*
 * Copyright (C) The ngx_soma authors
 *
 * The items of an answer of the Responses API as blocks.
 */


#include "soma_openai_responses_events.h"
#include "soma_openai_shared.h"


#define SOMA_OPENAI_RESPONSES_KEY(index, part)                                \
    ((index) * SOMA_OPENAI_RESPONSES_EACH + (part))


static int soma_openai_responses_events_message(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_events_part(
    soma_openai_responses_events_t *answer, uint32_t index, uint32_t part,
    soma_str_t content);
static int soma_openai_responses_events_notes(
    soma_openai_responses_events_t *answer, soma_events_open_t *open,
    soma_str_t content);
static int soma_openai_responses_events_called(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item,
    soma_inner_tool_e tool);
static int soma_openai_responses_events_reasoning(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_events_seal(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_events_picture(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_events_own(
    soma_openai_responses_events_t *answer, soma_str_t type,
    soma_str_t item);
static int soma_openai_responses_events_close(
    soma_openai_responses_events_t *answer, uint32_t index);


int
soma_openai_responses_events_item(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    int         rc;
    uint64_t    bit;
    soma_str_t  type;

    bit = (uint64_t) 1 << (index % 64);

    if (answer->over[index / 64] & bit) {
        return SOMA_OK;
    }

    answer->over[index / 64] |= bit;
    type = soma_events_inside(item, "type");

    if (soma_str_is(type, "message")) {
        rc = soma_openai_responses_events_message(answer, index, item);

    } else if (soma_str_is(type, "function_call")) {
        rc = soma_openai_responses_events_called(answer, index, item,
                                                 SOMA_INNER_FUNCTION);

    } else if (soma_str_is(type, "custom_tool_call")) {
        rc = soma_openai_responses_events_called(answer, index, item,
                                                 SOMA_INNER_CUSTOM);

    } else if (soma_str_is(type, "reasoning")) {
        rc = soma_openai_responses_events_reasoning(answer, index, item);

    } else if (soma_str_is(type, "image_generation_call")) {
        rc = soma_openai_responses_events_picture(answer, index, item);

    } else {
        rc = soma_openai_responses_events_own(answer, type, item);
    }

    return (rc == SOMA_OK) ? soma_openai_responses_events_close(answer, index)
                           : rc;
}


/* all blocks of an item, the oldest first */

static int
soma_openai_responses_events_close(soma_openai_responses_events_t *answer,
    uint32_t index)
{
    soma_events_open_t  *open, *oldest;

    do {
        oldest = NULL;

        for (open = answer->events.open; open; open = open->next) {
            if (open->key / SOMA_OPENAI_RESPONSES_EACH == index) {
                oldest = open;
            }
        }

        if (oldest != NULL
            && soma_events_close(&answer->events, oldest) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    } while (oldest != NULL);

    return SOMA_OK;
}


static int
soma_openai_responses_events_message(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    uint32_t           part;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  list, content;

    if (soma_json_get(item, "content", &list) != SOMA_OK
        || soma_json_first(&it, list.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    for (part = 0; part < SOMA_OPENAI_RESPONSES_EACH
                   && soma_json_next(&it, &name, &content) == SOMA_OK;
         part++)
    {
        if (content.type == SOMA_JSON_OBJECT
            && soma_openai_responses_events_part(answer, index, part,
                                                 content.text)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* one that came in pieces is open, and has been said */

static int
soma_openai_responses_events_part(soma_openai_responses_events_t *answer,
    uint32_t index, uint32_t part, soma_str_t content)
{
    unsigned             refusal;
    soma_inner_kind_e    kind;
    soma_events_open_t  *open;

    refusal = soma_str_is(soma_events_inside(content, "type"), "refusal");
    kind = refusal ? SOMA_INNER_REFUSAL : SOMA_INNER_TEXT;

    if (soma_events_find(&answer->events, 0, kind,
                         SOMA_OPENAI_RESPONSES_KEY(index, part))
        != NULL)
    {
        return SOMA_OK;
    }

    if (soma_openai_responses_events_words(answer, kind, index, part,
                                           soma_events_inside(content, refusal
                                                              ? "refusal"
                                                              : "text"))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    open = soma_events_find(&answer->events, 0, kind,
                            SOMA_OPENAI_RESPONSES_KEY(index, part));

    if (open == NULL || refusal) {
        return SOMA_OK;
    }

    if (soma_openai_responses_events_notes(answer, open, content) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_openai_responses_events_probs(answer, content);
}


static int
soma_openai_responses_events_notes(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t content)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  notes, note;

    if (soma_json_get(content, "annotations", &notes) != SOMA_OK
        || soma_json_first(&it, notes.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &note) == SOMA_OK) {
        if (soma_openai_responses_events_note(answer, open, note.text)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


int
soma_openai_responses_events_words(soma_openai_responses_events_t *answer,
    soma_inner_kind_e kind, uint32_t index, uint32_t part, soma_str_t text)
{
    uint32_t             key;
    soma_events_open_t  *open;

    if (text.len == 0) {
        return SOMA_OK;
    }

    key = SOMA_OPENAI_RESPONSES_KEY(index, part);
    open = soma_events_find(&answer->events, 0, kind, key);

    if (open == NULL
        && soma_events_begin(&answer->events, 0, kind, key, &open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (open != NULL) ? soma_events_text(&answer->events, open, text)
                          : SOMA_OK;
}


/* one block is all that an item says: its parts are told apart as paragraphs
 * are */

int
soma_openai_responses_events_thought(soma_openai_responses_events_t *answer,
    uint32_t index, int64_t part, unsigned summary, soma_str_t text)
{
    uint64_t             bit;
    soma_events_open_t  *open;

    bit = (uint64_t) 1 << (index % 64);

    if (text.len == 0
        || (summary && (answer->plain[index / 64] & bit)))
    {
        return SOMA_OK;
    }

    if (!summary) {
        answer->plain[index / 64] |= bit;
    }

    open = soma_events_find(&answer->events, 0, SOMA_INNER_REASONING,
                            SOMA_OPENAI_RESPONSES_KEY(index, 0));

    if (open != NULL && answer->part != part
        && soma_events_text(&answer->events, open, SOMA_STR("\\n\\n"))
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    answer->part = part;

    return soma_openai_responses_events_words(answer, SOMA_INNER_REASONING,
                                              index, 0, text);
}


int
soma_openai_responses_events_call(soma_openai_responses_events_t *answer,
    uint32_t index, soma_inner_tool_e tool, soma_str_t item,
    soma_events_open_t **result)
{
    size_t               i;
    soma_str_t           text[2];
    soma_json_value_t    value;
    soma_events_open_t  *open;

    static const char  *const  names[] = { "call_id", "name" };

    open = soma_events_find(&answer->events, 0, SOMA_INNER_CALL,
                            SOMA_OPENAI_RESPONSES_KEY(index, 0));
    *result = open;

    if (open == NULL) {

        if (soma_events_begin(&answer->events, 0, SOMA_INNER_CALL,
                              SOMA_OPENAI_RESPONSES_KEY(index, 0), &open)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (open == NULL) {
            return SOMA_OK;
        }

        open->tool = tool;
        answer->calls = 1;
        *result = open;
    }

    for (i = 0; i < 2; i++) {
        text[i].len = 0;
        text[i].data = NULL;

        if (soma_json_get(item, names[i], &value) == SOMA_OK
            && value.type == SOMA_JSON_STRING
            && value.text.len <= 8 * SOMA_INNER_ID_MAX
            && soma_json_text(answer->events.arena, &value, &text[i])
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return soma_events_name(&answer->events, open, text[0], text[1]);
}


static int
soma_openai_responses_events_called(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item, soma_inner_tool_e tool)
{
    soma_events_open_t  *open;

    if (soma_openai_responses_events_call(answer, index, tool, item, &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL || (answer->said[index / 64] >> (index % 64) & 1)) {
        return SOMA_OK;
    }

    return soma_events_text(&answer->events, open,
                            soma_events_inside(item,
                                               tool == SOMA_INNER_CUSTOM
                                               ? "input" : "arguments"));
}


/* the reasoning itself, where it is there, else the summary of it */

static int
soma_openai_responses_events_reasoning(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    int64_t            part;
    unsigned           i, n;
    soma_str_t         name, text;
    soma_json_iter_t   it;
    soma_json_value_t  list, each;

    static const char  *const  names[] = { "content", "summary" };

    n = (soma_events_find(&answer->events, 0, SOMA_INNER_REASONING,
                          SOMA_OPENAI_RESPONSES_KEY(index, 0))
         != NULL);

    for (i = 0; i < 2 && n == 0; i++) {

        if (soma_json_get(item, names[i], &list) != SOMA_OK
            || soma_json_first(&it, list.text) != SOMA_OK || it.object)
        {
            continue;
        }

        for (part = 0; soma_json_next(&it, &name, &each) == SOMA_OK; part++) {
            text = soma_events_inside(each.text, "text");
            n += (text.len != 0);

            if (soma_openai_responses_events_thought(answer, index, part,
                                                     i == 1, text)
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return soma_openai_responses_events_seal(answer, index, item);
}


/* the provider knows its item by both: "ID|CONTENT" */

static int
soma_openai_responses_events_seal(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    soma_str_t           seal, id;
    soma_mend_t          mend;
    soma_pieces_t       *out;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    seal = soma_events_inside(item, "encrypted_content");

    if (seal.len == 0) {
        return SOMA_OK;
    }

    open = soma_events_find(&answer->events, 0, SOMA_INNER_REASONING,
                            SOMA_OPENAI_RESPONSES_KEY(index, 0));

    if (open == NULL
        && soma_events_begin(&answer->events, 0, SOMA_INNER_REASONING,
                             SOMA_OPENAI_RESPONSES_KEY(index, 0), &open)
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
    event.kind = SOMA_INNER_REASONING;
    event.maker = SOMA_STR("openai");

    id = soma_events_inside(item, "id");
    out = &answer->events.scratch;

    soma_pieces_reset(out);

    if (id.len != 0 && memchr(id.data, '|', id.len) == NULL) {
        soma_pieces_put(out, id.data, id.len);
        soma_pieces_char(out, '|');
    }

    soma_pieces_put(out, seal.data, seal.len);

    if (soma_pieces_whole(out, &seal) != SOMA_OK
        || soma_mend_text(&mend, &answer->events.room, seal, &event.opaque)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(&answer->events, &event);
}


static int
soma_openai_responses_events_picture(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    soma_str_t           bytes, media;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    bytes = soma_events_inside(item, "result");

    if (bytes.len == 0) {
        return SOMA_OK;
    }

    if (soma_events_begin(&answer->events, 0, SOMA_INNER_IMAGE,
                          SOMA_OPENAI_RESPONSES_KEY(index, 0), &open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    media = soma_inner_sniff(bytes);

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_MEDIA;
    event.block = open->block;
    event.kind = SOMA_INNER_IMAGE;
    event.media = media.len ? media : SOMA_STR("image/png");
    event.text = bytes;

    return soma_events_emit(&answer->events, &event);
}


/* what a tool of the provider's own did: nobody else can say it */

static int
soma_openai_responses_events_own(soma_openai_responses_events_t *answer,
    soma_str_t type, soma_str_t item)
{
    soma_inner_event_t  event;

    if (type.len == 0 || answer->events.over
        || (answer->events.finished[0] & 1))
    {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &item) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_RAW;
    event.block = answer->events.blocks[0]++;
    event.kind = SOMA_INNER_OPAQUE;
    event.type = type;
    event.raw = item;
    event.maker = SOMA_STR("openai");

    if (answer->events.choices == 0) {
        answer->events.choices = 1;
    }

    return soma_events_emit(&answer->events, &event);
}


/* a page of the web is in an object of its own in the inner form, as a chat
 * has it */

int
soma_openai_responses_events_note(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t note)
{
    soma_str_t          raw;
    soma_pieces_t      *out;
    soma_inner_event_t  event;

    if (note.len == 0 || note.data[0] != '{') {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &note) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_CITATION;
    event.block = open->block;
    event.kind = SOMA_INNER_TEXT;
    event.type = soma_events_inside(note, "type");
    event.raw = note;
    event.maker = SOMA_STR("openai");

    if (soma_str_is(event.type, "url_citation")) {
        out = &answer->events.scratch;

        soma_pieces_reset(out);
        soma_pieces_cstr(out, "{\"type\":\"url_citation\","
                              "\"url_citation\":{");

        soma_openai_shared_cite(out, note);
        soma_pieces_cstr(out, "}}");

        if (soma_pieces_whole(out, &raw) != SOMA_OK) {
            return SOMA_ERROR;
        }

        event.raw = raw;
    }

    return soma_events_emit(&answer->events, &event);
}


/* as a chat has them */

int
soma_openai_responses_events_probs(soma_openai_responses_events_t *answer,
    soma_str_t object)
{
    soma_str_t          raw;
    soma_pieces_t      *out;
    soma_inner_event_t  event;
    soma_json_value_t   probs;

    if (soma_json_get(object, "logprobs", &probs) != SOMA_OK
        || probs.type != SOMA_JSON_ARRAY || probs.text.len <= 2)
    {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &probs.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    out = &answer->events.scratch;

    soma_pieces_reset(out);
    soma_pieces_cstr(out, "{\"content\":");
    soma_pieces_put(out, probs.text.data, probs.text.len);
    soma_pieces_cstr(out, ",\"refusal\":null}");

    if (soma_pieces_whole(out, &raw) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_PROBS;
    event.raw = raw;

    return soma_events_emit(&answer->events, &event);
}
