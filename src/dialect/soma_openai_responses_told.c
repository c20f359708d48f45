
/*
 * Copyright (C) The ngx_soma authors
 *
 * The events of a stream of the Responses API: what each of them says beside
 * the objects in it.
 */


#include "soma_openai_responses.h"
#include "soma_write.h"


void
soma_openai_responses_event(soma_openai_responses_t *answer,
    soma_pieces_t *out, const char *type)
{
    soma_pieces_cstr(out, "event: ");
    soma_pieces_cstr(out, type);
    soma_pieces_cstr(out, "\ndata: {");
    soma_write_word(out, "type", type);
    soma_write_int(out, "sequence_number", answer->sequence++);
}


void
soma_openai_responses_event_end(soma_pieces_t *out)
{
    soma_pieces_cstr(out, "}\n\n");
}


/* an event that has the whole response in it */

void
soma_openai_responses_told(soma_openai_responses_t *answer,
    soma_pieces_t *out, const char *type)
{
    if (answer->stream) {
        soma_openai_responses_event(answer, out, type);
        soma_pieces_cstr(out, ",\"response\":");
        soma_openai_responses_object(answer, out);
        soma_openai_responses_event_end(out);
    }
}


/* an event that has an item in it */

void
soma_openai_responses_listed(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_item_t *item, const char *type)
{
    if (answer->stream) {
        soma_openai_responses_event(answer, out, type);
        soma_write_int(out, "output_index", item->index);
        soma_pieces_cstr(out, ",\"item\":");
        soma_openai_responses_item(item, out);
        soma_openai_responses_event_end(out);
    }
}


/* an event about a part, up to its own members */

void
soma_openai_responses_place(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, const char *type)
{
    soma_openai_responses_event(answer, out, type);
    soma_write_raw(out, "item_id", part->item->id);
    soma_write_int(out, "output_index", part->item->index);

    if (part->item->kind == SOMA_INNER_TEXT) {
        soma_write_int(out, "content_index", part->index);

    } else if (part->item->kind == SOMA_INNER_REASONING) {
        soma_write_int(out, "summary_index", part->index);
    }
}


/* a part with its beginning or its end */

void
soma_openai_responses_shown(soma_openai_responses_t *answer,
    soma_pieces_t *out, soma_openai_part_t *part, const char *type)
{
    if (answer->stream) {
        soma_openai_responses_place(answer, out, part, type);
        soma_pieces_cstr(out, ",\"part\":");
        soma_openai_responses_part(part, out);
        soma_openai_responses_event_end(out);
    }
}


/* code and message stand where OpenAI's reference has them, and within
 * "error", where its servers have them */

void
soma_openai_responses_error(soma_openai_responses_t *answer,
    soma_pieces_t *out, const soma_inner_event_t *event)
{
    soma_str_t  type, code;

    type = event->type.len ? event->type : SOMA_STR("server_error");
    code = event->code.len ? event->code : answer->code;

    soma_openai_responses_event(answer, out, "error");
    soma_pieces_cstr(out, ",\"error\":{");
    soma_write_copy(out, "message", event->text);
    soma_write_quoted(out, "type", type);
    soma_pieces_cstr(out, ",\"param\":null");
    soma_write_quoted(out, "code", code);
    soma_pieces_char(out, '}');
    soma_write_quoted(out, "code", code);
    soma_write_copy(out, "message", event->text);
    soma_pieces_cstr(out, ",\"param\":null");
    soma_openai_responses_event_end(out);
}
