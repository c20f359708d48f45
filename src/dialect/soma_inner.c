
/*
 * Copyright (C) The ngx_soma authors
 */


#include <yyjson.h>

#include "soma_inner.h"
#include "soma_json.h"
#include "soma_mend.h"
#include "soma_pieces.h"


#define SOMA_INNER_ESCAPE_MAX  6        /* bytes of \u0020 */


/* efforts and what they come to in tokens; low, medium and high are what
 * Google's own OpenAI surface takes them for */
static const struct {
    const char  *name;
    int64_t      budget;
} soma_inner_efforts[] = {
    { "",         -1 },
    { "none",      0 },
    { "minimal",   512 },
    { "low",       1024 },
    { "medium",    8192 },
    { "high",      24576 },
    { "xhigh",     32768 },
    { "max",       INT64_MAX }
};


static void *soma_inner_nothing(void *data, size_t size);


void
soma_inner_request_init(soma_inner_request_t *request)
{
    const soma_seal_store_t  *seals;

    seals = request->seals;

    memset(request, 0, sizeof(soma_inner_request_t));

    request->seals = seals;
    request->budget = -1;
}


soma_inner_turn_t *
soma_inner_turn(soma_arena_t *arena, soma_inner_turn_t ***last,
    soma_inner_role_e role)
{
    soma_inner_turn_t  *turn;

    turn = arena->alloc(arena->data, sizeof(soma_inner_turn_t));
    if (turn == NULL) {
        return NULL;
    }

    memset(turn, 0, sizeof(soma_inner_turn_t));
    turn->role = role;

    **last = turn;
    *last = &turn->next;

    return turn;
}


soma_inner_block_t *
soma_inner_block(soma_arena_t *arena, soma_inner_block_t ***last,
    soma_inner_kind_e kind)
{
    soma_inner_block_t  *block;

    block = arena->alloc(arena->data, sizeof(soma_inner_block_t));
    if (block == NULL) {
        return NULL;
    }

    memset(block, 0, sizeof(soma_inner_block_t));
    block->kind = kind;

    **last = block;
    *last = &block->next;

    return block;
}


int
soma_inner_other(soma_inner_request_t *request, soma_str_t name,
    soma_str_t raw)
{
    soma_inner_value_t  *value;

    if (request->nothers == SOMA_INNER_OTHERS_MAX) {
        return SOMA_DECLINED;
    }

    value = &request->other[request->nothers++];

    value->name = name;
    value->raw = raw;

    return SOMA_OK;
}


void
soma_inner_drop(soma_inner_loss_t *loss, soma_str_t name)
{
    unsigned  i;

    for (i = 0; i < loss->ndropped; i++) {
        if (soma_str_eq(loss->dropped[i], name)) {
            return;
        }
    }

    if (loss->ndropped < SOMA_INNER_DROPS_MAX) {
        loss->dropped[loss->ndropped++] = name;
    }
}


int
soma_inner_lose(soma_inner_loss_t *loss, soma_str_t name, const char *why)
{
    if (loss->lossy == SOMA_INNER_REFUSE) {
        loss->refused = name;
        loss->why = why;
        return SOMA_DECLINED;
    }

    soma_inner_drop(loss, name);

    return SOMA_OK;
}


int
soma_inner_plain(soma_arena_t *arena, soma_str_t text, soma_str_t *plain)
{
    unsigned char      *p;
    soma_json_value_t   quoted;

    *plain = text;

    if (text.len == 0 || memchr(text.data, '\\', text.len) == NULL) {
        return SOMA_OK;
    }

    p = arena->alloc(arena->data, text.len + 2);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    p[0] = '"';
    memcpy(p + 1, text.data, text.len);
    p[text.len + 1] = '"';

    quoted.type = SOMA_JSON_STRING;
    quoted.text.data = p;
    quoted.text.len = text.len + 2;

    return soma_json_text(arena, &quoted, plain);
}


int
soma_inner_text(soma_arena_t *arena, soma_str_t plain, soma_str_t *text)
{
    size_t         i;
    soma_pieces_t  quoted;

    for (i = 0; i < plain.len && plain.data[i] >= ' ' && plain.data[i] < 0x7f
                && plain.data[i] != '"' && plain.data[i] != '\\'; i++)
    {
        /* void */
    }

    *text = plain;

    if (i == plain.len) {
        return SOMA_OK;
    }

    soma_pieces_init(&quoted, arena);
    soma_pieces_quote(&quoted, plain);

    if (soma_pieces_whole(&quoted, text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    text->data++;
    text->len -= 2;

    return SOMA_OK;
}


int
soma_inner_is_text(soma_str_t text)
{
    size_t              i;
    soma_str_t          out;
    soma_mend_t         mend;
    soma_mend_room_t    room;

    static const soma_arena_t  none = { soma_inner_nothing, NULL };

    for (i = 0; i < text.len; i++) {

        if (text.data[i] == '"'
            || (text.data[i] == '\\' && ++i == text.len))
        {
            return 0;
        }
    }

    /* what has to be mended asks for memory, and there is none */

    memset(&mend, 0, sizeof(soma_mend_t));
    memset(&room, 0, sizeof(soma_mend_room_t));
    room.arena = (soma_arena_t *) &none;

    return soma_mend_text(&mend, &room, text, &out) == SOMA_OK
           && mend.len == 0 && out.data == text.data && out.len == text.len;
}


static void *
soma_inner_nothing(void *data, size_t size)
{
    (void) data;
    (void) size;

    return NULL;
}


/* an escape of a blank is a blank, too: \n, \t, \r, \f, \u0020 ... */

int
soma_inner_blank(soma_str_t text)
{
    unsigned char         c[2];
    const unsigned char  *p, *end;

    p = text.data;
    end = p + text.len;

    while (p < end) {

        if (*p == ' ') {
            p++;
            continue;
        }

        if (*p != '\\' || end - p < 2) {
            return 0;
        }

        if (strchr("nrtf", p[1]) != NULL && p[1] != '\0') {
            p += 2;
            continue;
        }

        if (p[1] != 'u' || end - p < SOMA_INNER_ESCAPE_MAX
            || soma_str_hex((soma_str_t) { 4, (unsigned char *) p + 2 }, c,
                            sizeof(c))
               != SOMA_OK
            || c[0] != 0 || (c[1] != ' ' && (c[1] < '\t' || c[1] > '\r')))
        {
            return 0;
        }

        p += SOMA_INNER_ESCAPE_MAX;
    }

    return 1;
}


int64_t
soma_inner_effort_budget(soma_inner_effort_e effort)
{
    return soma_inner_efforts[effort].budget;
}


soma_inner_effort_e
soma_inner_budget_effort(int64_t budget)
{
    soma_inner_effort_e  effort;

    if (budget < 0) {
        return SOMA_INNER_EFFORT_UNSET;
    }

    if (budget == 0) {
        return SOMA_INNER_EFFORT_NONE;
    }

    for (effort = SOMA_INNER_EFFORT_MAX; effort > SOMA_INNER_EFFORT_MINIMAL;
         effort--)
    {
        if (soma_inner_efforts[effort].budget <= budget) {
            break;
        }
    }

    return effort;
}


soma_inner_effort_e
soma_inner_effort(soma_str_t word)
{
    soma_inner_effort_e  effort;

    for (effort = SOMA_INNER_EFFORT_NONE; effort <= SOMA_INNER_EFFORT_MAX;
         effort++)
    {
        if (soma_str_is(word, soma_inner_efforts[effort].name)) {
            return effort;
        }
    }

    return SOMA_INNER_EFFORT_UNSET;
}


const char *
soma_inner_effort_name(soma_inner_effort_e effort)
{
    return soma_inner_efforts[effort].name;
}


int
soma_inner_words(soma_arena_t *arena, const soma_inner_request_t *request,
    soma_str_t *words)
{
    soma_str_t           text;
    soma_pieces_t        out;
    soma_inner_turn_t   *turn, *last;
    soma_inner_block_t  *block;

    last = NULL;

    for (turn = request->turns; turn; turn = turn->next) {

        for (block = turn->blocks; block; block = block->next) {
            if (turn->role == SOMA_INNER_USER && block->kind == SOMA_INNER_TEXT
                && block->text.len != 0)
            {
                last = turn;
                break;
            }
        }
    }

    soma_pieces_init(&out, arena);

    for (block = last ? last->blocks : NULL; block; block = block->next) {

        if (block->kind != SOMA_INNER_TEXT) {
            continue;
        }

        if (out.len != 0) {
            soma_pieces_char(&out, ' ');
        }

        soma_pieces_put(&out, block->text.data, block->text.len);
    }

    if (soma_pieces_whole(&out, &text) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return soma_inner_plain(arena, text, words);
}


int
soma_inner_flat(soma_arena_t *arena, soma_str_t *raw)
{
    size_t          i;
    unsigned char  *p;

    if (memchr(raw->data, '\n', raw->len) == NULL
        && memchr(raw->data, '\r', raw->len) == NULL)
    {
        return SOMA_OK;
    }

    p = arena->alloc(arena->data, raw->len);
    if (p == NULL) {
        return SOMA_ERROR;
    }

    for (i = 0; i < raw->len; i++) {
        p[i] = (raw->data[i] == '\n' || raw->data[i] == '\r')
               ? ' ' : raw->data[i];
    }

    raw->data = p;

    return SOMA_OK;
}


int
soma_inner_object(soma_str_t text)
{
    int          object;
    yyjson_doc  *doc;

    doc = yyjson_read((char *) text.data, text.len, YYJSON_READ_NOFLAG);
    object = yyjson_is_obj(yyjson_doc_get_root(doc));

    yyjson_doc_free(doc);

    return object;
}
