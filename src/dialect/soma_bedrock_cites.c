
/*
 * Copyright (C) The ngx_soma authors
 *
 * Citations: of pages and letters in Anthropic's form, of addresses in
 * OpenAI's, which are those that other dialects read and write; and Bedrock's.
 *
 *     char_location           documentChar     start, end
 *     page_location           documentPage
 *     content_block_location  documentChunk
 *     search_result_location  searchResultLocation
 *     url_citation            web
 */


#include "soma_bedrock_answer.h"
#include "soma_events.h"
#include "soma_write.h"


typedef struct {
    const char  *own;               /* Bedrock's name of a location, */
    const char  *own_index;
    soma_str_t   type;              /* and Anthropic's */
    const char  *index;
    const char  *start;
    const char  *end;
} soma_bedrock_cites_t;


static int soma_bedrock_cites_address(soma_pieces_t *out,
    const soma_inner_event_t *event);
static void soma_bedrock_cites_number(soma_pieces_t *out, const char *name,
    soma_str_t object, const char *from);
static void soma_bedrock_cites_text(soma_pieces_t *out, const char *name,
    soma_str_t object, const char *from);
static soma_str_t soma_bedrock_cites_words(soma_str_t cite);


static const soma_bedrock_cites_t  soma_bedrock_cites[] = {
    { "documentChar", "documentIndex", soma_string("char_location"),
      "document_index", "start_char_index", "end_char_index" },
    { "documentPage", "documentIndex", soma_string("page_location"),
      "document_index", "start_page_number", "end_page_number" },
    { "documentChunk", "documentIndex",
      soma_string("content_block_location"), "document_index",
      "start_block_index", "end_block_index" },
    { "searchResultLocation", "searchResultIndex",
      soma_string("search_result_location"), "search_result_index",
      "start_block_index", "end_block_index" }
};


#define SOMA_BEDROCK_CITES                                                    \
    (sizeof(soma_bedrock_cites) / sizeof(soma_bedrock_cites[0]))


int
soma_bedrock_cites_write(soma_pieces_t *out, const soma_inner_event_t *event)
{
    size_t                       i;
    soma_str_t                   type;
    const soma_bedrock_cites_t  *c;

    if (soma_str_is(event->maker, "openai")) {
        return soma_bedrock_cites_address(out, event);
    }

    if (!soma_str_is(event->maker, "anthropic")) {
        return SOMA_DECLINED;
    }

    type = soma_events_inside(event->raw, "type");

    if (soma_str_is(type, "web_search_result_location")) {
        return soma_bedrock_cites_address(out, event);
    }

    for (i = 0; i < SOMA_BEDROCK_CITES; i++) {
        if (soma_str_eq(type, soma_bedrock_cites[i].type)) {
            break;
        }
    }

    if (i == SOMA_BEDROCK_CITES) {
        return SOMA_DECLINED;
    }

    c = &soma_bedrock_cites[i];

    soma_pieces_char(out, '{');
    soma_bedrock_cites_text(out, "title", event->raw,
                            i == 3 ? "title" : "document_title");
    soma_bedrock_cites_text(out, "source", event->raw, "source");
    soma_write_name(out, "sourceContent");
    soma_pieces_cstr(out, "[{");
    soma_bedrock_cites_text(out, "text", event->raw, "cited_text");
    soma_pieces_cstr(out, "}]");
    soma_write_name(out, "location");
    soma_pieces_char(out, '{');
    soma_write_name(out, c->own);
    soma_pieces_char(out, '{');
    soma_bedrock_cites_number(out, c->own_index, event->raw, c->index);
    soma_bedrock_cites_number(out, "start", event->raw, c->start);
    soma_bedrock_cites_number(out, "end", event->raw, c->end);
    soma_pieces_cstr(out, "}}}");

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static int
soma_bedrock_cites_address(soma_pieces_t *out,
    const soma_inner_event_t *event)
{
    soma_str_t         object;
    soma_json_value_t  inner;

    object = event->raw;

    if (soma_json_get(object, "url_citation", &inner) == SOMA_OK
        && inner.type == SOMA_JSON_OBJECT)
    {
        object = inner.text;
    }

    if (soma_events_inside(object, "url").len == 0) {
        return SOMA_DECLINED;
    }

    soma_pieces_char(out, '{');
    soma_bedrock_cites_text(out, "title", object, "title");
    soma_write_name(out, "location");
    soma_pieces_cstr(out, "{\"web\":{");
    soma_bedrock_cites_text(out, "url", object, "url");
    soma_pieces_cstr(out, "}}}");

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


static void
soma_bedrock_cites_text(soma_pieces_t *out, const char *name,
    soma_str_t object, const char *from)
{
    soma_str_t  text;

    text = soma_events_inside(object, from);

    if (text.data != NULL) {
        soma_write_copy(out, name, text);
    }
}


static void
soma_bedrock_cites_number(soma_pieces_t *out, const char *name,
    soma_str_t object, const char *from)
{
    int64_t  n;

    n = 0;
    soma_events_count(object, from, &n);
    soma_write_int(out, name, n);
}


int
soma_bedrock_cites_read(soma_pieces_t *out, soma_str_t cite, int64_t text_len,
    soma_str_t *type, soma_str_t *maker)
{
    size_t                       i;
    soma_json_value_t            location, place;
    const soma_bedrock_cites_t  *c;

    if (soma_json_get(cite, "location", &location) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    if (soma_json_get(location.text, "web", &place) == SOMA_OK) {

        *type = SOMA_STR("url_citation");
        *maker = SOMA_STR("openai");

        soma_pieces_cstr(out, "{\"type\":\"url_citation\","
                              "\"url_citation\":{\"start_index\":0");
        soma_write_int(out, "end_index", text_len);
        soma_write_copy(out, "url", soma_events_inside(place.text, "url"));
        soma_write_copy(out, "title", soma_events_inside(cite, "title"));
        soma_pieces_cstr(out, "}}");

        return out->failed ? SOMA_ERROR : SOMA_OK;
    }

    for (i = 0; i < SOMA_BEDROCK_CITES; i++) {
        if (soma_json_get(location.text, soma_bedrock_cites[i].own, &place)
            == SOMA_OK)
        {
            break;
        }
    }

    if (i == SOMA_BEDROCK_CITES) {
        return SOMA_DECLINED;
    }

    c = &soma_bedrock_cites[i];
    *type = c->type;
    *maker = SOMA_STR("anthropic");

    soma_pieces_char(out, '{');
    soma_write_copy(out, "type", c->type);
    soma_write_copy(out, "cited_text", soma_bedrock_cites_words(cite));
    soma_bedrock_cites_number(out, c->index, place.text, c->own_index);
    soma_bedrock_cites_text(out, i == 3 ? "title" : "document_title", cite,
                            "title");

    if (i == 3) {
        soma_write_copy(out, "source", soma_events_inside(cite, "source"));
    }

    soma_bedrock_cites_number(out, c->start, place.text, "start");
    soma_bedrock_cites_number(out, c->end, place.text, "end");
    soma_pieces_char(out, '}');

    return out->failed ? SOMA_ERROR : SOMA_OK;
}


/* the first of its pieces; there is one, as a rule */

static soma_str_t
soma_bedrock_cites_words(soma_str_t cite)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  content, part;

    if (soma_json_get(cite, "sourceContent", &content) != SOMA_OK
        || soma_json_first(&it, content.text) != SOMA_OK
        || soma_json_next(&it, &name, &part) != SOMA_OK)
    {
        return (soma_str_t) soma_str_null;
    }

    return soma_events_inside(part.text, "text");
}
