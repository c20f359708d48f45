
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_json.h"
#include "soma_ollama_models.h"
#include "soma_write.h"


#define SOMA_OLLAMA_MODELS_TIME    32   /* bytes of an RFC 3339 time */
#define SOMA_OLLAMA_MODELS_DIGEST  64   /* digits */


static void soma_ollama_models_details(soma_pieces_t *out);
static void soma_ollama_models_time(soma_pieces_t *out, int64_t modified);
static void soma_ollama_models_digest(soma_pieces_t *out, soma_str_t name);


void
soma_ollama_models_begin(soma_pieces_t *out)
{
    soma_pieces_cstr(out, "{\"models\":[");
}


void
soma_ollama_models_end(soma_pieces_t *out)
{
    soma_pieces_cstr(out, "]}");
}


void
soma_ollama_models_model(soma_pieces_t *out, const soma_ollama_model_t *model)
{
    if (out->tail != '[') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_char(out, '{');
    soma_write_quoted(out, "name", model->name);
    soma_write_quoted(out, "model", model->name);
    soma_ollama_models_time(out, model->modified);
    soma_write_int(out, "size", 0);
    soma_ollama_models_digest(out, model->name);
    soma_ollama_models_details(out);
    soma_pieces_char(out, '}');
}


/* clients look for what ends in ".context_length" */

void
soma_ollama_models_show(soma_pieces_t *out, const soma_ollama_model_t *model)
{
    soma_pieces_char(out, '{');
    soma_write_word(out, "license", "");
    soma_write_word(out, "modelfile", "");
    soma_write_word(out, "parameters", "");
    soma_write_word(out, "template", "");
    soma_ollama_models_details(out);
    soma_write_name(out, "model_info");
    soma_pieces_char(out, '{');
    soma_write_word(out, "general.architecture", "soma");

    if (model->context > 0) {
        soma_write_int(out, "soma.context_length", model->context);
    }

    soma_pieces_char(out, '}');
    soma_write_name(out, "capabilities");
    soma_pieces_cstr(out, model->embeds ? "[\"embedding\"" : "[\"completion\"");
    soma_pieces_cstr(out, model->tools ? ",\"tools\"" : "");
    soma_pieces_cstr(out, model->images ? ",\"vision\"" : "");
    soma_pieces_cstr(out, model->thinks ? ",\"thinking\"" : "");
    soma_pieces_char(out, ']');
    soma_ollama_models_time(out, model->modified);
    soma_pieces_char(out, '}');
}


/* nothing is loaded here */

void
soma_ollama_models_ps(soma_pieces_t *out)
{
    soma_pieces_cstr(out, "{\"models\":[]}");
}


void
soma_ollama_models_version(soma_pieces_t *out)
{
    soma_pieces_char(out, '{');
    soma_write_word(out, "version", SOMA_OLLAMA_MODELS_VERSION);
    soma_pieces_char(out, '}');
}


int
soma_ollama_models_asked(soma_arena_t *arena, soma_str_t body,
    soma_str_t *name)
{
    size_t             i;
    soma_json_value_t  v;

    static const char *const  names[] = { "model", "name" };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        if (soma_json_get(body, names[i], &v) != SOMA_OK
            || v.type != SOMA_JSON_STRING)
        {
            continue;
        }

        if (soma_json_text(arena, &v, name) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (name->len != 0) {
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


static void
soma_ollama_models_details(soma_pieces_t *out)
{
    soma_write_raw(out, "details",
                   SOMA_STR("{\"parent_model\":\"\",\"format\":\"\","
                            "\"family\":\"\",\"families\":[],"
                            "\"parameter_size\":\"\","
                            "\"quantization_level\":\"\"}"));
}


static void
soma_ollama_models_time(soma_pieces_t *out, int64_t modified)
{
    soma_out_t     time;
    unsigned char  buf[SOMA_OLLAMA_MODELS_TIME];

    soma_put_init(&time, buf, sizeof(buf));
    soma_put_time(&time, modified * 1000);

    soma_write_name(out, "modified_at");
    soma_pieces_char(out, '"');
    soma_pieces_put(out, buf, (size_t) (time.pos - buf));
    soma_pieces_char(out, '"');
}


/* clients tell models apart by it, and some cut it: it is of the name alone */

static void
soma_ollama_models_digest(soma_pieces_t *out, soma_str_t name)
{
    uint64_t        hash;
    unsigned char  *p, buf[SOMA_OLLAMA_MODELS_DIGEST];

    hash = soma_str_hash(name.data, name.len);

    for (p = buf; p < buf + sizeof(buf); /* void */ ) {
        p = soma_put_hex64(p, hash);
        hash = soma_str_hash(&hash, sizeof(hash));
    }

    soma_write_name(out, "digest");
    soma_pieces_char(out, '"');
    soma_pieces_put(out, buf, sizeof(buf));
    soma_pieces_char(out, '"');
}
