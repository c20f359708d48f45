
/*
 * Copyright (C) The ngx_soma authors
 *
 * The items of an answer of the Responses API: messages of one or more parts,
 * reasoning, calls.  A stream tells how they come to be and then all of them
 * again, whole: what was told before is not told twice.
 */


#include "soma_names.h"
#include "soma_openai.h"
#include "soma_openai_responses_write.h"


#define SOMA_OPENAI_RESPONSES_ITEM_PARTS  64        /* of one item */
#define SOMA_OPENAI_RESPONSES_ITEMS       65536


typedef enum {
    SOMA_OPENAI_RESPONSES_OTHER = 0,
    SOMA_OPENAI_RESPONSES_ADDED,
    SOMA_OPENAI_RESPONSES_DONE,
    SOMA_OPENAI_RESPONSES_WORDS,
    SOMA_OPENAI_RESPONSES_SUMMARY,
    SOMA_OPENAI_RESPONSES_NOTE
} soma_openai_responses_said_e;


static int soma_openai_responses_items_added(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item,
    soma_events_open_t **open);
static int soma_openai_responses_items_done(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_items_call(
    soma_openai_responses_events_t *answer, soma_events_open_t *open,
    soma_str_t item);
static int soma_openai_responses_items_words(
    soma_openai_responses_events_t *answer, soma_inner_kind_e kind,
    uint32_t key, soma_str_t text);
static int soma_openai_responses_items_summary(
    soma_openai_responses_events_t *answer, uint32_t index,
    soma_str_t event);
static int soma_openai_responses_items_note(
    soma_openai_responses_events_t *answer, soma_events_open_t *open,
    soma_str_t note);
static int soma_openai_responses_items_parts(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item);
static int soma_openai_responses_items_thought(
    soma_openai_responses_events_t *answer, uint32_t index, soma_str_t item,
    unsigned told);
static int soma_openai_responses_items_seal(
    soma_openai_responses_events_t *answer, soma_events_open_t *open,
    soma_str_t item);
static soma_inner_kind_e soma_openai_responses_items_kind(soma_str_t type);
static uint32_t soma_openai_responses_items_key(uint32_t index,
    int64_t part);


static const struct {
    const char                    *type;
    soma_openai_responses_said_e   said;
    soma_inner_kind_e              kind;
} soma_openai_responses_said[] = {
    { "response.output_item.added", SOMA_OPENAI_RESPONSES_ADDED, 0 },
    { "response.output_item.done", SOMA_OPENAI_RESPONSES_DONE, 0 },
    { "response.output_text.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_TEXT },
    { "response.refusal.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_REFUSAL },
    { "response.function_call_arguments.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_CALL },
    { "response.custom_tool_call_input.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_CALL },
    { "response.reasoning_text.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_REASONING },
    { "response.reasoning_summary_text.delta", SOMA_OPENAI_RESPONSES_WORDS,
      SOMA_INNER_REASONING },
    { "response.reasoning_summary_part.added", SOMA_OPENAI_RESPONSES_SUMMARY,
      0 },
    { "response.output_text.annotation.added", SOMA_OPENAI_RESPONSES_NOTE, 0 }
};


int
soma_openai_responses_items_event(soma_openai_responses_events_t *answer,
    soma_str_t type, soma_str_t event)
{
    size_t               i;
    int64_t              index, part;
    uint32_t             key;
    soma_json_value_t    value;
    soma_events_open_t  *open;
    soma_inner_kind_e    kind;

    for (i = 0; i < sizeof(soma_openai_responses_said)
                    / sizeof(soma_openai_responses_said[0]); i++)
    {
        if (soma_str_is(type, soma_openai_responses_said[i].type)) {
            break;
        }
    }

    index = 0;
    part = 0;
    soma_events_count(event, "output_index", &index);
    soma_events_count(event, "content_index", &part);

    if (i == sizeof(soma_openai_responses_said)
             / sizeof(soma_openai_responses_said[0])
        || index >= SOMA_OPENAI_RESPONSES_ITEMS)
    {
        return SOMA_OK;
    }

    kind = soma_openai_responses_said[i].kind;

    if (kind != SOMA_INNER_TEXT && kind != SOMA_INNER_REFUSAL) {
        part = 0;
    }

    key = soma_openai_responses_items_key((uint32_t) index, part);

    switch (soma_openai_responses_said[i].said) {

    case SOMA_OPENAI_RESPONSES_ADDED:
        return (soma_json_get(event, "item", &value) == SOMA_OK)
               ? soma_openai_responses_items_added(answer, (uint32_t) index,
                                                   value.text, &open)
               : SOMA_OK;

    case SOMA_OPENAI_RESPONSES_DONE:
        return (soma_json_get(event, "item", &value) == SOMA_OK)
               ? soma_openai_responses_items_done(answer, (uint32_t) index,
                                                  value.text)
               : SOMA_OK;

    case SOMA_OPENAI_RESPONSES_SUMMARY:
        return soma_openai_responses_items_summary(answer, (uint32_t) index,
                                                   event);

    case SOMA_OPENAI_RESPONSES_NOTE:
        open = soma_events_find(&answer->events, 0, SOMA_INNER_TEXT,
                                soma_openai_responses_items_key(
                                              (uint32_t) index, part));

        return (open != NULL
                && soma_json_get(event, "annotation", &value) == SOMA_OK)
               ? soma_openai_responses_items_note(answer, open, value.text)
               : SOMA_OK;

    default:
        return soma_openai_responses_items_words(answer, kind, key,
                                         soma_events_inside(event, "delta"));
    }
}


/* parts of an item are blocks of their own */

static uint32_t
soma_openai_responses_items_key(uint32_t index, int64_t part)
{
    if (part >= SOMA_OPENAI_RESPONSES_ITEM_PARTS) {
        part = SOMA_OPENAI_RESPONSES_ITEM_PARTS - 1;
    }

    return index * SOMA_OPENAI_RESPONSES_ITEM_PARTS + (uint32_t) part;
}


static soma_inner_kind_e
soma_openai_responses_items_kind(soma_str_t type)
{
    return soma_str_is(type, "reasoning") ? SOMA_INNER_REASONING
           : (soma_str_is(type, "function_call")
              || soma_str_is(type, "custom_tool_call")) ? SOMA_INNER_CALL
           : SOMA_INNER_OPAQUE;
}


/* a message begins with its first part; items that only OpenAI's own tools
 * have are told to nobody */

static int
soma_openai_responses_items_added(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item, soma_events_open_t **open)
{
    soma_str_t           type;
    soma_inner_kind_e    kind;

    *open = NULL;
    type = soma_events_inside(item, "type");
    kind = soma_openai_responses_items_kind(type);

    if (kind == SOMA_INNER_OPAQUE) {
        return SOMA_OK;
    }

    if (soma_events_begin(&answer->events, 0, kind,
                          soma_openai_responses_items_key(index, 0), open)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (*open == NULL || kind != SOMA_INNER_CALL) {
        return SOMA_OK;
    }

    answer->called = 1;

    if (soma_str_is(type, "custom_tool_call")) {
        (*open)->tool = SOMA_INNER_CUSTOM;
    }

    return soma_openai_responses_items_call(answer, *open, item);
}


static int
soma_openai_responses_items_call(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t item)
{
    soma_str_t                   id, name, back;
    soma_arena_t                *arena;
    const soma_inner_toolset_t  *tool;

    arena = answer->events.arena;

    if (soma_inner_plain(arena, soma_events_inside(item, "call_id"), &id)
        != SOMA_OK
        || soma_inner_plain(arena, soma_events_inside(item, "name"), &name)
           != SOMA_OK
        || soma_names_back(arena, &soma_openai_tool_names,
                           answer->request, name, &back, &tool)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_name(&answer->events, open, id, back);
}


static int
soma_openai_responses_items_words(soma_openai_responses_events_t *answer,
    soma_inner_kind_e kind, uint32_t key, soma_str_t text)
{
    soma_events_t       *events;
    soma_events_open_t  *open;

    events = &answer->events;
    open = soma_events_find(events, 0, kind, key);

    if (open == NULL && kind != SOMA_INNER_CALL
        && soma_events_begin(events, 0, kind, key, &open) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL || text.len == 0) {
        return SOMA_OK;
    }

    open->said = 1;

    return soma_events_text(events, open, text);
}


/* summaries are one text, in paragraphs */

static int
soma_openai_responses_items_summary(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t event)
{
    int64_t  n;

    n = 0;
    soma_events_count(event, "summary_index", &n);

    return (n == 0) ? SOMA_OK
           : soma_openai_responses_items_words(answer, SOMA_INNER_REASONING,
                       soma_openai_responses_items_key(index, 0),
                       SOMA_STR("\\n\\n"));
}


static int
soma_openai_responses_items_note(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t note)
{
    soma_str_t          whole;
    soma_pieces_t       out;
    soma_inner_event_t  event;

    if (!soma_str_is(soma_events_inside(note, "type"), "url_citation")) {
        return SOMA_OK;
    }

    if (soma_mend_body(answer->events.arena, &note) != SOMA_OK) {
        return SOMA_ERROR;
    }

    /* as chats have it: in an object of its own */

    soma_pieces_init(&out, answer->events.arena);
    soma_pieces_cstr(&out, "{\"type\":\"url_citation\",\"url_citation\":");
    soma_pieces_put(&out, note.data, note.len);
    soma_pieces_char(&out, '}');

    if (soma_pieces_whole(&out, &whole) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_CITATION;
    event.block = open->block;
    event.kind = SOMA_INNER_TEXT;
    event.type = SOMA_STR("url_citation");
    event.raw = whole;
    event.maker = SOMA_STR("openai");

    return soma_events_emit(&answer->events, &event);
}


/* the whole item behind its deltas: what was not said in them is said now */

static int
soma_openai_responses_items_done(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    soma_str_t           type, text;
    soma_events_t       *events;
    soma_inner_kind_e    kind;
    soma_events_open_t  *open, *next;

    events = &answer->events;
    type = soma_events_inside(item, "type");
    kind = soma_openai_responses_items_kind(type);

    if (kind == SOMA_INNER_REASONING) {
        return soma_openai_responses_items_thought(answer, index, item, 1);
    }

    if (kind == SOMA_INNER_CALL) {
        open = soma_events_find(events, 0, kind,
                                soma_openai_responses_items_key(index, 0));

        if (open == NULL
            && soma_openai_responses_items_added(answer, index, item, &open)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (open == NULL) {
            return SOMA_OK;
        }

        text = soma_events_inside(item, open->tool == SOMA_INNER_CUSTOM
                                        ? "input" : "arguments");

        if (!open->said && soma_events_text(events, open, text) != SOMA_OK) {
            return SOMA_ERROR;
        }

        return soma_events_close(events, open);
    }

    for (open = events->open; open; open = next) {
        next = open->next;

        if (open->key / SOMA_OPENAI_RESPONSES_ITEM_PARTS == index
            && soma_events_close(events, open) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* reasoning comes to its end with what it is encrypted as */

static int
soma_openai_responses_items_thought(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item, unsigned told)
{
    uint32_t             n;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    list, part;
    soma_events_open_t  *open;

    open = soma_events_find(&answer->events, 0, SOMA_INNER_REASONING,
                            soma_openai_responses_items_key(index, 0));

    if (open == NULL
        && soma_openai_responses_items_added(answer, index, item, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    n = 0;

    if (!(told && open->said)
        && soma_json_get(item, "summary", &list) == SOMA_OK
        && soma_json_first(&it, list.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {

            if ((n++ != 0
                 && soma_events_text(&answer->events, open,
                                     SOMA_STR("\\n\\n"))
                    != SOMA_OK)
                || soma_events_text(&answer->events, open,
                                    soma_events_inside(part.text, "text"))
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    if (soma_openai_responses_items_seal(answer, open, item) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_close(&answer->events, open);
}


static int
soma_openai_responses_items_seal(soma_openai_responses_events_t *answer,
    soma_events_open_t *open, soma_str_t item)
{
    soma_str_t          seal;
    soma_inner_event_t  event;

    seal = soma_events_inside(item, "encrypted_content");

    if (seal.len == 0 || !open->begun) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_SIGNATURE;
    event.block = open->block;
    event.kind = SOMA_INNER_REASONING;
    event.opaque = seal;
    event.maker = SOMA_STR("openai");

    return soma_events_emit(&answer->events, &event);
}


int
soma_openai_responses_items_whole(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    soma_str_t  type;

    if (index >= SOMA_OPENAI_RESPONSES_ITEMS) {
        return SOMA_OK;
    }

    type = soma_events_inside(item, "type");

    if (soma_str_is(type, "reasoning")) {
        return soma_openai_responses_items_thought(answer, index, item, 0);
    }

    if (soma_openai_responses_items_kind(type) == SOMA_INNER_CALL) {
        return soma_openai_responses_items_done(answer, index, item);
    }

    return soma_str_is(type, "message")
           ? soma_openai_responses_items_parts(answer, index, item) : SOMA_OK;
}


/* of a message that lies whole */

static int
soma_openai_responses_items_parts(soma_openai_responses_events_t *answer,
    uint32_t index, soma_str_t item)
{
    int64_t              n;
    unsigned             refused;
    uint32_t             key;
    soma_str_t           name, text;
    soma_json_iter_t     it, notes;
    soma_json_value_t    content, part, list, note;
    soma_events_open_t  *open;

    if (soma_json_get(item, "content", &content) != SOMA_OK
        || soma_json_first(&it, content.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    for (n = 0; soma_json_next(&it, &name, &part) == SOMA_OK; n++) {
        refused = soma_str_is(soma_events_inside(part.text, "type"),
                              "refusal");
        text = soma_events_inside(part.text, refused ? "refusal" : "text");
        key = soma_openai_responses_items_key(index, n);

        if (soma_openai_responses_items_words(answer,
                                              refused ? SOMA_INNER_REFUSAL
                                                      : SOMA_INNER_TEXT,
                                              key, text)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        open = soma_events_find(&answer->events, 0, SOMA_INNER_TEXT, key);

        if (open != NULL
            && soma_json_get(part.text, "annotations", &list) == SOMA_OK
            && soma_json_first(&notes, list.text) == SOMA_OK)
        {
            while (soma_json_next(&notes, &name, &note) == SOMA_OK) {
                if (soma_openai_responses_items_note(answer, open, note.text)
                    != SOMA_OK)
                {
                    return SOMA_ERROR;
                }
            }
        }
    }

    return soma_openai_responses_items_done(answer, index, item);
}
