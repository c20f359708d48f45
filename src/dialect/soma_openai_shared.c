
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai_shared.h"
#include "soma_json.h"
#include "soma_write.h"


static const soma_str_t  soma_openai_shared_maker = soma_string("openai");

const soma_names_t  soma_openai_shared_names = { "_-", 64, 0 };


void
soma_openai_shared_comma(soma_pieces_t *out)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }
}


void
soma_openai_shared_name(soma_pieces_t *out, const char *member,
    soma_str_t name)
{
    soma_str_t  fit;

    if (soma_names_fit(out->arena, &soma_openai_shared_names, name, &fit)
        != SOMA_OK)
    {
        out->failed = 1;
        return;
    }

    soma_write_quoted(out, member, fit);
}


void
soma_openai_shared_data(soma_pieces_t *out, const char *member,
    const soma_inner_block_t *block)
{
    soma_str_t  media;

    media = block->media.len ? block->media : soma_inner_sniff(block->data);

    if (media.len == 0) {
        media = (block->kind == SOMA_INNER_IMAGE)
                ? SOMA_STR("image/png") : SOMA_STR("application/pdf");
    }

    soma_write_name(out, member);
    soma_pieces_cstr(out, "\"data:");
    soma_pieces_put(out, media.data, media.len);
    soma_pieces_cstr(out, ";base64,");
    soma_pieces_str(out, block->data);
    soma_pieces_char(out, '"');
}


soma_str_t
soma_openai_shared_title(const soma_inner_block_t *block)
{
    return block->title.len ? block->title : SOMA_STR("document.pdf");
}


void
soma_openai_shared_words(soma_pieces_t *out, const char *member,
    const soma_inner_block_t *block)
{
    unsigned                   n;
    const soma_inner_block_t  *part;

    soma_write_name(out, member);
    soma_pieces_char(out, '"');
    n = 0;

    if (block->title.len != 0) {
        soma_pieces_str(out, block->title);
        n++;
    }

    if (block->kind == SOMA_INNER_SEARCH_RESULT && block->data.len != 0) {
        soma_pieces_cstr(out, n++ != 0 ? "\\n" : "");
        soma_pieces_str(out, block->data);
    }

    /* what a client says about a document is for the model */

    if (block->text.len != 0) {
        soma_pieces_cstr(out, n++ != 0 ? "\\n\\n" : "");
        soma_pieces_str(out, block->text);
    }

    if (block->kind == SOMA_INNER_DOCUMENT
        && block->source == SOMA_INNER_PLAIN)
    {
        soma_pieces_cstr(out, n++ != 0 ? "\\n\\n" : "");
        soma_pieces_str(out, block->data);
    }

    for (part = block->content; part; part = part->next) {
        if (part->kind == SOMA_INNER_TEXT) {
            soma_pieces_cstr(out, n++ != 0 ? "\\n\\n" : "");
            soma_pieces_str(out, part->text);
        }
    }

    soma_pieces_char(out, '"');
}


unsigned
soma_openai_shared_own(const soma_inner_block_t *block)
{
    size_t  len;

    len = soma_openai_shared_maker.len;

    return block->maker.len >= len
           && memcmp(block->maker.data, soma_openai_shared_maker.data, len)
              == 0
           && (block->maker.len == len || block->maker.data[len] == '/');
}


void
soma_openai_shared_grammar(soma_pieces_t *out, soma_str_t raw, unsigned flat)
{
    soma_json_value_t  inner;

    static const soma_str_t  type = soma_string("{\"type\":\"grammar\",");

    if (raw.data == NULL) {
        return;
    }

    if (soma_json_get(raw, "grammar", &inner) == SOMA_OK
        && inner.type == SOMA_JSON_OBJECT)
    {
        if (!flat) {
            soma_write_raw(out, "format", raw);
            return;
        }

        /* the members of the inner object, behind its brace */

        soma_write_name(out, "format");
        soma_pieces_put(out, type.data, type.len);
        soma_pieces_put(out, inner.text.data + 1, inner.text.len - 1);
        return;
    }

    if (flat || soma_json_get(raw, "definition", &inner) != SOMA_OK) {
        soma_write_raw(out, "format", raw);
        return;
    }

    soma_write_name(out, "format");
    soma_pieces_put(out, type.data, type.len);
    soma_pieces_cstr(out, "\"grammar\":{");
    soma_write_raw(out, "definition", inner.text);

    if (soma_json_get(raw, "syntax", &inner) == SOMA_OK) {
        soma_write_raw(out, "syntax", inner.text);
    }

    soma_pieces_cstr(out, "}}");
}


unsigned
soma_openai_shared_custom(const soma_inner_request_t *request,
    soma_str_t name)
{
    unsigned  i;

    for (i = 0; i < request->ntools; i++) {
        if (request->tools[i].kind == SOMA_INNER_CUSTOM
            && soma_str_eq(request->tools[i].name, name))
        {
            return 1;
        }
    }

    return 0;
}


void
soma_openai_shared_tier(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    size_t                     i;
    const soma_inner_value_t  *tier;

    static const struct {
        const char  *said;
        const char  *word;
    } tiers[] = {
        { "\"auto\"",          "auto" },
        { "\"default\"",       "default" },
        { "\"flex\"",          "flex" },
        { "\"scale\"",         "scale" },
        { "\"priority\"",      "priority" },
        { "\"fast\"",          "fast" },
        { "\"standard_only\"", "default" },
        { "\"standard\"",      "default" }
    };

    tier = &request->member[SOMA_INNER_TIER];

    if (tier->raw.data == NULL || soma_str_is(tier->raw, "\"auto\"")) {
        return;
    }

    for (i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (soma_str_is(tier->raw, tiers[i].said)) {
            soma_write_word(out, "service_tier", tiers[i].word);
            return;
        }
    }

    soma_inner_drop(loss, tier->name);
}


soma_inner_effort_e
soma_openai_shared_effort(const soma_inner_request_t *request)
{
    if (request->effort != SOMA_INNER_EFFORT_UNSET) {
        return request->effort;
    }

    return (request->budget >= 0) ? soma_inner_budget_effort(request->budget)
                                  : SOMA_INNER_EFFORT_UNSET;
}


void
soma_openai_shared_schema(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    soma_write_text(out, "name", request->format_name.len
                                 ? request->format_name
                                 : SOMA_STR("output"));
    soma_write_text(out, "description", request->format_about);
    soma_write_raw(out, "schema", request->format_schema);

    if (request->format_strict) {
        soma_pieces_cstr(out, ",\"strict\":true");
    }
}


void
soma_openai_shared_labels(soma_pieces_t *out,
    const soma_inner_request_t *request)
{
    unsigned  i;

    for (i = 0; i < request->nlabels; i++) {
        soma_pieces_cstr(out, i == 0 ? ",\"metadata\":{" : ",");
        soma_pieces_text(out, request->labels[i].name);
        soma_pieces_char(out, ':');
        soma_pieces_text(out, request->labels[i].value);
    }

    if (request->nlabels != 0) {
        soma_pieces_char(out, '}');
    }
}


void
soma_openai_shared_cite(soma_pieces_t *out, soma_str_t cite)
{
    size_t             i;
    soma_json_value_t  value;

    static const struct {
        const char        *name;
        const char        *none;
        soma_json_type_e   type;
    } members[] = {
        { "start_index", "0",    SOMA_JSON_NUMBER },
        { "end_index",   "0",    SOMA_JSON_NUMBER },
        { "url",         "\"\"", SOMA_JSON_STRING },
        { "title",       "\"\"", SOMA_JSON_STRING }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        soma_write_name(out, members[i].name);

        if (soma_json_get(cite, members[i].name, &value) == SOMA_OK
            && value.type == members[i].type)
        {
            soma_pieces_put(out, value.text.data, value.text.len);

        } else {
            soma_pieces_cstr(out, members[i].none);
        }
    }
}
