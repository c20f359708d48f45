
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_models.h"


static void soma_models_member(soma_out_t *out, const char *name,
    soma_str_t value);
static void soma_models_number(soma_out_t *out, const char *name, int64_t n);
static void soma_models_openai(soma_out_t *out,
    const soma_models_entry_t *entry);
static void soma_models_anthropic(soma_out_t *out,
    const soma_models_entry_t *entry);
static void soma_models_gemini(soma_out_t *out,
    const soma_models_entry_t *entry);


static const struct {
    soma_str_t    dialect;
    const char   *before;
    const char   *after;
    void        (*one)(soma_out_t *out, const soma_models_entry_t *entry);
} soma_models_shapes[] = {
    { soma_string("openai"), "{\"object\":\"list\",\"data\":[", "]}",
      soma_models_openai },
    { soma_string("anthropic"), "{\"data\":[", "],\"has_more\":false",
      soma_models_anthropic },
    { soma_string("gemini"), "{\"models\":[", "]}", soma_models_gemini }
};


soma_str_t
soma_models_dialect(soma_models_e shape)
{
    return soma_models_shapes[shape].dialect;
}


void
soma_models_list(soma_out_t *out, soma_models_e shape,
    const soma_models_entry_t *entry, size_t n)
{
    size_t  i;

    soma_put_cstr(out, soma_models_shapes[shape].before);

    for (i = 0; i < n; i++) {

        if (i != 0) {
            soma_put_char(out, ',');
        }

        soma_models_one(out, shape, &entry[i]);
    }

    soma_put_cstr(out, soma_models_shapes[shape].after);

    if (shape != SOMA_MODELS_ANTHROPIC) {
        return;
    }

    /* where a list that is asked for in pages begins and ends */

    if (n != 0) {
        soma_models_member(out, "first_id", entry[0].name);
        soma_models_member(out, "last_id", entry[n - 1].name);

    } else {
        soma_put_cstr(out, ",\"first_id\":null,\"last_id\":null");
    }

    soma_put_char(out, '}');
}


void
soma_models_one(soma_out_t *out, soma_models_e shape,
    const soma_models_entry_t *entry)
{
    soma_models_shapes[shape].one(out, entry);
}


static void
soma_models_member(soma_out_t *out, const char *name, soma_str_t value)
{
    soma_put_cstr(out, ",\"");
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_json_str(out, value);
}


static void
soma_models_number(soma_out_t *out, const char *name, int64_t n)
{
    soma_put_cstr(out, ",\"");
    soma_put_cstr(out, name);
    soma_put_cstr(out, "\":");
    soma_put_int(out, n);
}


static void
soma_models_openai(soma_out_t *out, const soma_models_entry_t *entry)
{
    soma_put_cstr(out, "{\"id\":");
    soma_put_json_str(out, entry->name);
    soma_put_cstr(out, ",\"object\":\"model\"");
    soma_models_number(out, "created", entry->created);
    soma_models_member(out, "owned_by", entry->owner);
    soma_put_char(out, '}');
}


static void
soma_models_anthropic(soma_out_t *out, const soma_models_entry_t *entry)
{
    soma_put_cstr(out, "{\"type\":\"model\"");
    soma_models_member(out, "id", entry->name);
    soma_models_member(out, "display_name", entry->name);
    soma_put_cstr(out, ",\"created_at\":\"");
    soma_put_time(out, entry->created * 1000);
    soma_put_char(out, '"');

    if (entry->context > 0) {
        soma_models_number(out, "max_input_tokens", entry->context);
    }

    if (entry->output > 0) {
        soma_models_number(out, "max_tokens", entry->output);
    }

    soma_put_char(out, '}');
}


static void
soma_models_gemini(soma_out_t *out, const soma_models_entry_t *entry)
{
    soma_out_t     name;
    soma_str_t     whole;
    unsigned char  buf[1024];

    soma_put_init(&name, buf, sizeof(buf));
    soma_put_cstr(&name, "models/");
    soma_put_str(&name, entry->name);

    whole.data = buf;
    whole.len = (size_t) (name.pos - buf);

    soma_put_cstr(out, "{\"name\":");
    soma_put_json_str(out, whole);
    soma_models_member(out, "baseModelId", entry->name);
    soma_models_member(out, "displayName", entry->name);
    soma_put_cstr(out, ",\"version\":\"1\"");

    if (entry->context > 0) {
        soma_models_number(out, "inputTokenLimit", entry->context);
    }

    if (entry->output > 0) {
        soma_models_number(out, "outputTokenLimit", entry->output);
    }

    soma_put_cstr(out, ",\"supportedGenerationMethods\":"
                       "[\"generateContent\",\"streamGenerateContent\","
                       "\"countTokens\"]}");
}
