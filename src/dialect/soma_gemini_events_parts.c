
/*
 * Copyright (C) The ngx_soma authors
 *
 * The parts of a candidate's content as blocks: words go on until words of
 * another kind or something else comes; all else is whole in one part.
 */


#include "soma_gemini.h"
#include "soma_gemini_events.h"


static int soma_gemini_events_close(soma_gemini_events_t *answer,
    unsigned choice, soma_inner_kind_e kind);
static int soma_gemini_events_words(soma_gemini_events_t *answer,
    unsigned choice, soma_inner_kind_e kind, soma_str_t text,
    soma_str_t signature);
static void soma_gemini_events_count(soma_gemini_events_t *answer,
    soma_str_t text);
static int soma_gemini_events_media(soma_gemini_events_t *answer,
    unsigned choice, soma_str_t blob, soma_str_t signature);
static int soma_gemini_events_opaque(soma_gemini_events_t *answer,
    unsigned choice, soma_str_t type, soma_str_t part);


int
soma_gemini_events_part(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t part)
{
    unsigned           thought;
    soma_str_t         name, signature, type, text;
    soma_json_iter_t   it;
    soma_json_value_t  v, call, blob;

    thought = 0;
    type = (soma_str_t) soma_str_null;
    text = (soma_str_t) soma_str_null;
    signature = (soma_str_t) soma_str_null;
    call.type = SOMA_JSON_NONE;
    blob.type = SOMA_JSON_NONE;

    (void) soma_json_first(&it, part);

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        if (v.type == SOMA_JSON_NULL) {
            continue;
        }

        if (soma_gemini_is(name, "text")) {
            text = soma_events_inside(part, "text");

        } else if (soma_gemini_is(name, "thought")) {
            thought = (v.type == SOMA_JSON_TRUE);

        } else if (soma_gemini_is(name, "thoughtSignature")) {

            if (v.type == SOMA_JSON_STRING) {
                signature.data = v.text.data + 1;
                signature.len = v.text.len - 2;
            }

        } else if (soma_gemini_is(name, "functionCall")) {
            call = v;

        } else if (soma_gemini_is(name, "inlineData")) {
            blob = v;

        } else if (!soma_gemini_is(name, "partMetadata")
                   && !soma_gemini_is(name, "mediaResolution"))
        {
            type = name;
        }
    }

    if (call.type == SOMA_JSON_OBJECT) {

        /* other dialects have no place for it on a call: it is that of the
         * reasoning before it, and goes back to the call from there */

        if (soma_gemini_events_words(answer, choice, SOMA_INNER_REASONING,
                                     (soma_str_t) soma_str_null, signature)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        signature = (soma_str_t) soma_str_null;

        return soma_gemini_events_close(answer, choice, SOMA_INNER_CALL)
               == SOMA_OK
               ? soma_gemini_events_call(answer, choice, call.text, signature)
               : SOMA_ERROR;
    }

    if (blob.type == SOMA_JSON_OBJECT) {
        return soma_gemini_events_media(answer, choice, blob.text, signature);
    }

    if (type.len != 0) {
        return soma_gemini_events_opaque(answer, choice, type, part);
    }

    return soma_gemini_events_words(answer, choice,
                                    thought ? SOMA_INNER_REASONING
                                            : SOMA_INNER_TEXT,
                                    text, signature);
}


/* what is open of the choice and of other kinds than that */

static int
soma_gemini_events_close(soma_gemini_events_t *answer, unsigned choice,
    soma_inner_kind_e kind)
{
    size_t               i;
    soma_events_open_t  *open;

    static const soma_inner_kind_e  kinds[] = {
        SOMA_INNER_TEXT, SOMA_INNER_REASONING, SOMA_INNER_CALL
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        if (kinds[i] == kind) {
            continue;
        }

        open = soma_events_find(&answer->events, choice, kinds[i],
                                SOMA_EVENTS_NO_KEY);

        if (open != NULL
            && soma_events_close(&answer->events, open) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


/* an empty text with a signature, as the last event of a stream has it, is the
 * signature of what was said before */

static int
soma_gemini_events_words(soma_gemini_events_t *answer, unsigned choice,
    soma_inner_kind_e kind, soma_str_t text, soma_str_t signature)
{
    uint64_t             bit, *sealed;
    soma_events_t       *events;
    soma_events_open_t  *open;

    events = &answer->events;

    if (text.len == 0 && signature.len == 0) {
        return SOMA_OK;
    }

    /* behind a signature stands another part, which has its own */

    bit = (uint64_t) 1 << (choice % 64);
    sealed = &answer->sealed[choice / 64];

    if (soma_gemini_events_close(answer, choice,
                                 (*sealed & bit) ? SOMA_INNER_OPAQUE : kind)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    *sealed &= ~bit;

    open = soma_events_find(events, choice, kind, SOMA_EVENTS_NO_KEY);

    if (open == NULL
        && soma_events_begin(events, choice, kind, SOMA_EVENTS_NO_KEY, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    if (kind == SOMA_INNER_TEXT && choice == 0) {
        soma_gemini_events_count(answer, text);
    }

    if (signature.len != 0) {
        *sealed |= bit;
    }

    return soma_events_text(events, open, text) == SOMA_OK
           ? soma_gemini_events_signed(answer, choice, open, signature)
           : SOMA_ERROR;
}


/* for offsets: those of Google are in bytes of UTF-8.  Of an escape only those
 * of \u are more than one */

static void
soma_gemini_events_count(soma_gemini_events_t *answer, soma_str_t text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (c == '\\' && i + 1 < text.len) {
            c = text.data[++i];

            if (c == 'u') {
                answer->bytes += 2;
                i += 4;
            }
        }

        answer->bytes++;
        answer->chars += ((c & 0xc0) != 0x80);
    }
}


int
soma_gemini_events_signed(soma_gemini_events_t *answer, unsigned choice,
    soma_events_open_t *open, soma_str_t signature)
{
    soma_mend_t         mend;
    soma_inner_event_t  event;

    if (signature.len == 0) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    event.event = SOMA_INNER_SIGNATURE;
    event.choice = choice;
    event.block = open->block;
    event.kind = open->kind;
    event.maker = SOMA_STR(SOMA_GEMINI_MAKER);

    if (soma_mend_text(&mend, &answer->events.room, signature, &event.text)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(&answer->events, &event);
}


static int
soma_gemini_events_media(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t blob, soma_str_t signature)
{
    soma_str_t           media;
    soma_mend_t          mend;
    soma_inner_kind_e    kind;
    soma_json_value_t    v;
    soma_inner_event_t   event;
    soma_events_open_t  *open;

    media.len = 0;

    if (soma_gemini_get(blob, "mimeType", &v) == SOMA_OK
        && v.type == SOMA_JSON_STRING
        && soma_json_text(answer->events.arena, &v, &media) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    kind = (media.len > 6 && memcmp(media.data, "audio/", 6) == 0)
           ? SOMA_INNER_AUDIO
           : (media.len > 6 && memcmp(media.data, "video/", 6) == 0)
           ? SOMA_INNER_VIDEO : SOMA_INNER_IMAGE;

    if (soma_gemini_events_close(answer, choice, kind) != SOMA_OK
        || soma_events_begin(&answer->events, choice, kind,
                             SOMA_EVENTS_NO_KEY, &open)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (open == NULL) {
        return SOMA_OK;
    }

    memset(&event, 0, sizeof(event));
    memset(&mend, 0, sizeof(mend));

    event.event = SOMA_INNER_MEDIA;
    event.choice = choice;
    event.block = open->block;
    event.kind = kind;
    event.media = media;

    if (soma_mend_text(&mend, &answer->events.room,
                       soma_events_inside(blob, "data"), &event.text)
        != SOMA_OK
        || soma_events_emit(&answer->events, &event) != SOMA_OK
        || soma_gemini_events_signed(answer, choice, open, signature)
           != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_close(&answer->events, open);
}


/* what only this dialect says: code that ran, its own tools */

static int
soma_gemini_events_opaque(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t type, soma_str_t part)
{
    soma_events_t       *events;
    soma_inner_event_t   event;

    events = &answer->events;

    if (soma_gemini_events_close(answer, choice, SOMA_INNER_OPAQUE)
        != SOMA_OK
        || soma_mend_body(events->arena, &part) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (events->choices <= choice) {
        events->choices = choice + 1;
    }

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_RAW;
    event.choice = choice;
    event.block = events->blocks[choice]++;
    event.kind = SOMA_INNER_OPAQUE;
    event.type = type;
    event.raw = part;
    event.maker = SOMA_STR(SOMA_GEMINI_MAKER);

    return soma_events_emit(events, &event);
}
