
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_events.h"


static int soma_events_member(soma_events_t *events, soma_str_t object, const
    char *name, soma_str_t *to);
static void soma_events_id(soma_events_t *events, soma_events_open_t *open);
static int soma_events_start(soma_events_t *events);
static int soma_events_first(soma_events_t *events,
    soma_events_open_t *open);
static int soma_events_known(soma_events_t *events,
    soma_events_open_t *open, soma_str_t *name);
static int soma_events_delta(soma_events_t *events,
    soma_events_open_t *open, soma_str_t text);
static int soma_events_taken(soma_events_t *events,
    soma_events_open_t *open);
static int soma_events_said(soma_events_t *events,
    soma_events_open_t *open, soma_str_t text);
static void soma_events_drop(soma_events_t *events,
    soma_events_open_t *open);
static unsigned soma_events_keep(unsigned char *to, size_t size,
    soma_str_t s);
static int soma_events_beyond(soma_events_t *events, const char *text);


void
soma_events_ready(soma_events_t *events)
{
    if (!events->ready) {
        events->ready = 1;
        events->room.arena = events->arena;
        soma_pieces_init(&events->scratch, events->arena);
        soma_pieces_init(&events->taken, events->arena);
    }
}


int
soma_events_about(soma_events_t *events, soma_str_t object)
{
    size_t             i;
    soma_json_value_t  value;

    struct {
        const char  *name;
        soma_str_t  *to;
    } names[] = {
        { "id",    &events->id },
        { "model", &events->model }
    };

    soma_events_ready(events);

    if (events->started) {
        return SOMA_OK;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (soma_events_member(events, object, names[i].name, names[i].to)
            == SOMA_ERROR)
        {
            return SOMA_ERROR;
        }
    }

    if (events->created == 0
        && soma_json_get(object, "created", &value) == SOMA_OK)
    {
        (void) soma_json_int(&value, &events->created);
    }

    return SOMA_OK;
}


/* a name of the answer that is not known yet */

static int
soma_events_member(soma_events_t *events, soma_str_t object, const char *name,
    soma_str_t *to)
{
    soma_str_t         text;
    soma_json_value_t  value;

    if (to->len != 0
        || soma_json_get(object, name, &value) != SOMA_OK
        || value.type != SOMA_JSON_STRING
        || value.text.len > SOMA_INNER_NAME_MAX)
    {
        return SOMA_DECLINED;
    }

    if (soma_json_text(events->arena, &value, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    *to = soma_str_dup(events->arena, text);

    return to->data != NULL ? SOMA_OK : SOMA_ERROR;
}


/* the newest is the first of the list: it is the likeliest to be asked for */

int
soma_events_begin(soma_events_t *events, unsigned choice,
    soma_inner_kind_e kind, uint32_t key, soma_events_open_t **result)
{
    soma_pieces_t        held;
    soma_events_open_t  *open;

    soma_events_ready(events);

    *result = NULL;

    if (choice >= SOMA_INNER_CHOICES_MAX) {
        return soma_events_beyond(events, "the provider's answer has a "
                                          "choice beyond the 1024th");
    }

    if (events->over
        || (events->finished[choice / 64] >> (choice % 64) & 1))
    {
        return SOMA_OK;
    }

    open = events->spare;

    if (open != NULL) {
        events->spare = open->next;
        held = open->held;

    } else if (events->nopen == SOMA_INNER_OPEN_MAX) {
        return soma_events_beyond(events, "the provider's answer has more "
                                          "than 128 blocks open at once");

    } else {
        open = events->arena->alloc(events->arena->data,
                                    sizeof(soma_events_open_t));
        if (open == NULL) {
            return SOMA_ERROR;
        }

        events->nopen++;
        soma_pieces_init(&held, events->arena);
    }

    memset(open, 0, sizeof(soma_events_open_t));

    open->held = held;
    soma_pieces_reset(&open->held);
    open->choice = choice;
    open->kind = kind;
    open->key = key;
    open->next = events->open;
    events->open = open;

    if (events->choices <= choice) {
        events->choices = choice + 1;
    }

    *result = open;

    return (kind == SOMA_INNER_CALL) ? SOMA_OK
                                     : soma_events_first(events, open);
}


int
soma_events_name(soma_events_t *events, soma_events_open_t *open,
    soma_str_t id, soma_str_t name)
{
    if (id.len > sizeof(open->id) || name.len > sizeof(open->name)) {
        return soma_events_beyond(events, "the provider's answer has a call "
                                          "whose id or name is too long");
    }

    if (open->id_len == 0) {
        open->id_len = soma_events_keep(open->id, sizeof(open->id), id);
    }

    if (open->name_len == 0) {
        open->name_len = soma_events_keep(open->name, sizeof(open->name),
                                          name);
    }

    if (open->begun || open->name_len == 0) {
        return SOMA_OK;
    }

    return soma_events_first(events, open);
}


static unsigned
soma_events_keep(unsigned char *to, size_t size, soma_str_t s)
{
    if (s.len == 0 || s.len > size) {
        return 0;
    }

    memcpy(to, s.data, s.len);

    return (unsigned) s.len;
}


/* a block begins, with the arguments that came before its name */

static int
soma_events_first(soma_events_t *events, soma_events_open_t *open)
{
    soma_str_t          text;
    soma_inner_event_t  event;

    if (open->kind == SOMA_INNER_CALL && open->id_len == 0) {
        soma_events_id(events, open);
    }

    events->calls += (open->kind == SOMA_INNER_CALL);

    memset(&event, 0, sizeof(event));

    if (open->kind == SOMA_INNER_CALL
        && soma_events_known(events, open, &event.name) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    event.event = SOMA_INNER_BEGIN;
    event.choice = open->choice;
    event.block = open->block = events->blocks[open->choice]++;
    event.kind = open->kind;
    event.tool = open->tool;

    if (open->kind == SOMA_INNER_CALL) {
        event.id.data = open->id;
        event.id.len = open->id_len;
    }

    open->begun = 1;

    if (soma_events_emit(events, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (open->held.len == 0) {
        return SOMA_OK;
    }

    if (soma_pieces_whole(&open->held, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_delta(events, open, text);
}


/* the tool of a call, as the client knows it */

static int
soma_events_known(soma_events_t *events, soma_events_open_t *open,
    soma_str_t *name)
{
    soma_str_t                   back;
    const soma_inner_toolset_t  *tool;

    back.data = open->name;
    back.len = open->name_len;

    if (events->names != NULL
        && soma_names_back(events->arena, events->names, events->request,
                           back, &back, &tool)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open->tool == SOMA_INNER_FUNCTION
        && soma_custom_find(events->request, back) != NULL)
    {
        open->tool = SOMA_INNER_CUSTOM;
        open->wrapped = 1;
    }

    *name = back;

    return SOMA_OK;
}


/* of a call that its provider gave none */

static void
soma_events_id(soma_events_t *events, soma_events_open_t *open)
{
    soma_out_t  id;

    soma_put_init(&id, open->id, sizeof(open->id));
    soma_put_cstr(&id, "call_");
    id.pos = soma_put_hex64(id.pos, soma_str_hash(&events->seed,
                                                  sizeof(events->seed))
                                + events->calls);
    open->id_len = (unsigned) (id.pos - id.start);
}


int
soma_events_text(soma_events_t *events, soma_events_open_t *open,
    soma_str_t text)
{
    soma_str_t  whole;

    if (soma_mend_text(&open->mend, &events->room, text, &whole) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_events_delta(events, open, whole);
}


int
soma_events_raw(soma_events_t *events, soma_events_open_t *open,
    soma_str_t raw)
{
    soma_str_t  text;

    soma_pieces_reset(&events->scratch);
    soma_pieces_quote(&events->scratch, raw);

    if (soma_pieces_whole(&events->scratch, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    text.data++;
    text.len -= 2;

    return soma_events_delta(events, open, text);
}


static int
soma_events_delta(soma_events_t *events, soma_events_open_t *open,
    soma_str_t text)
{
    if (text.len == 0) {
        return SOMA_OK;
    }

    if (!open->begun) {
        soma_pieces_put(&open->held, text.data, text.len);

        if (open->held.failed) {
            return SOMA_ERROR;
        }

        return (open->held.len <= SOMA_EVENTS_HELD_MAX) ? SOMA_OK
               : soma_events_beyond(events, "the provider's answer has a "
                                            "call without a name");
    }

    if (open->wrapped) {
        soma_pieces_reset(&events->taken);
        soma_custom_take(&open->custom, &events->taken, text);

        return soma_events_taken(events, open);
    }

    return soma_events_said(events, open, text);
}


/* what there is of a custom tool's text, mended apart from the arguments that
 * it came in */

static int
soma_events_taken(soma_events_t *events, soma_events_open_t *open)
{
    soma_str_t  text;

    if (soma_pieces_whole(&events->taken, &text) != SOMA_OK
        || soma_mend_text(&open->taken, &events->room, text, &text)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return (text.len == 0) ? SOMA_OK : soma_events_said(events, open, text);
}


static int
soma_events_said(soma_events_t *events, soma_events_open_t *open,
    soma_str_t text)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_DELTA;
    event.choice = open->choice;
    event.block = open->block;
    event.kind = open->kind;
    event.tool = open->tool;
    event.text = text;

    return soma_events_emit(events, &event);
}


/* a call that never had a name has arguments or an id, or is none at all */

int
soma_events_close(soma_events_t *events, soma_events_open_t *open)
{
    soma_str_t          rest;
    soma_inner_event_t  event;

    if (soma_mend_end(&open->mend, &rest) == SOMA_OK
        && soma_events_delta(events, open, rest) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (!open->begun) {

        if (open->held.len == 0 && open->id_len == 0) {
            soma_events_drop(events, open);
            return SOMA_OK;
        }

        if (soma_events_first(events, open) != SOMA_OK) {
            return SOMA_ERROR;
        }
    }

    if (open->wrapped) {
        soma_pieces_reset(&events->taken);
        soma_custom_end(&open->custom, &events->taken);

        if (soma_events_taken(events, open) != SOMA_OK
            || (soma_mend_end(&open->taken, &rest) == SOMA_OK
                && soma_events_said(events, open, rest) != SOMA_OK))
        {
            return SOMA_ERROR;
        }
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_CLOSE;
    event.choice = open->choice;
    event.block = open->block;
    event.kind = open->kind;

    soma_events_drop(events, open);

    return soma_events_emit(events, &event);
}


static void
soma_events_drop(soma_events_t *events, soma_events_open_t *open)
{
    soma_events_open_t  **link;

    for (link = &events->open; *link != open; link = &(*link)->next) {
        /* void */
    }

    *link = open->next;
    open->next = events->spare;
    events->spare = open;
}


int
soma_events_emit(soma_events_t *events, soma_inner_event_t *event)
{
    if (events->over) {
        return SOMA_OK;
    }

    if ((event->raw.len != 0
         && soma_inner_flat(events->arena, &event->raw) != SOMA_OK)
        || (!events->started && soma_events_start(events) != SOMA_OK)
        || events->sink(events->data, event) != SOMA_OK)
    {
        events->over = 1;
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_events_start(soma_events_t *events)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_START;
    event.id = events->id;
    event.name = events->model;
    event.created = events->created;
    event.usage = events->usage.known ? &events->usage : NULL;

    events->started = 1;

    return events->sink(events->data, &event);
}


int
soma_events_usage(soma_events_t *events)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(event));

    events->usage.known = 1;

    event.event = SOMA_INNER_USAGE;
    event.usage = &events->usage;

    return soma_events_emit(events, &event);
}


int
soma_events_finish(soma_events_t *events, unsigned choice,
    soma_inner_finish_e finish, soma_str_t text)
{
    soma_inner_event_t   event;
    soma_events_open_t  *open, *next, *oldest;

    if (choice >= SOMA_INNER_CHOICES_MAX || events->over
        || (events->finished[choice / 64] >> (choice % 64) & 1))
    {
        return SOMA_OK;
    }

    soma_events_ready(events);

    /* the oldest first */

    do {
        oldest = NULL;

        for (open = events->open; open; open = next) {
            next = open->next;

            if (open->choice == choice) {
                oldest = open;
            }
        }

        if (oldest != NULL && soma_events_close(events, oldest) != SOMA_OK) {
            return SOMA_ERROR;
        }
    } while (oldest != NULL);

    events->finished[choice / 64] |= (uint64_t) 1 << (choice % 64);

    if (events->choices <= choice) {
        events->choices = choice + 1;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_FINISH;
    event.choice = choice;
    event.finish = finish;
    event.text = text;

    return soma_events_emit(events, &event);
}


int
soma_events_failed(soma_events_t *events, int status, soma_str_t type,
    soma_str_t code, soma_str_t text)
{
    int                 rc;
    soma_mend_t         mend;
    soma_inner_event_t  event;

    if (events->over) {
        return SOMA_OK;
    }

    soma_events_ready(events);

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    if (soma_mend_text(&mend, &events->room, text, &event.text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    event.event = SOMA_INNER_FAILED;
    event.status = status;
    event.type = type;
    event.code = code;

    /* nothing has begun, perhaps: that it failed is the first that is said */

    rc = events->sink(events->data, &event);

    events->over = 1;

    return rc;
}


static int
soma_events_beyond(soma_events_t *events, const char *text)
{
    soma_str_t  why;

    why.data = (unsigned char *) text;
    why.len = strlen(text);

    return soma_events_failed(events, 502, SOMA_STR("api_error"),
                              SOMA_STR(""), why);
}


/* a choice that never said why it ended ends, too */

int
soma_events_end(soma_events_t *events)
{
    unsigned            i;
    soma_inner_event_t  event;

    if (events->over) {
        return SOMA_OK;
    }

    for (i = 0; i < events->choices || i == 0; i++) {
        if (soma_events_finish(events, i, SOMA_INNER_OTHER,
                               (soma_str_t) soma_str_null)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_END;

    if (soma_events_emit(events, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    events->over = 1;

    return SOMA_OK;
}
