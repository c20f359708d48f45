
/*
 * Copyright (C) The ngx_soma authors
 *
 * The endpoints of OpenAI's API that are served.
 */


#include "soma_openai.h"


/* what is more special stands first; "*" is one segment, an id */
static const soma_surface_t  soma_openai_surfaces[] = {
    { soma_string("/chat/completions"),
      SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/responses"),
      SOMA_POST, SOMA_API_RESPONSES, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/embeddings"),
      SOMA_POST, SOMA_API_EMBEDDINGS, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/completions"),
      SOMA_POST, SOMA_API_COMPLETIONS, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/responses/compact"),
      SOMA_POST, SOMA_API_COMPACT, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/responses/input_tokens"),
      SOMA_POST, SOMA_API_COUNT, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/responses/*"),
      SOMA_GET|SOMA_DELETE, SOMA_API_STORED, SOMA_BODY_NONE, 0, 0 },
    { soma_string("/responses/*/cancel"),
      SOMA_POST, SOMA_API_STORED, SOMA_BODY_NONE, 0, 0 },
    { soma_string("/responses/*/input_items"),
      SOMA_GET, SOMA_API_STORED, SOMA_BODY_NONE, 0, 0 },
    { soma_string("/moderations"),
      SOMA_POST, SOMA_API_MODERATIONS, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/rerank"),
      SOMA_POST, SOMA_API_RERANK, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/images/generations"),
      SOMA_POST, SOMA_API_IMAGES, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/images/edits"),
      SOMA_POST, SOMA_API_IMAGES, SOMA_BODY_FORM, 0, 0 },
    { soma_string("/images/variations"),
      SOMA_POST, SOMA_API_IMAGES, SOMA_BODY_FORM, 0, 0 },
    { soma_string("/audio/speech"),
      SOMA_POST, SOMA_API_SPEECH, SOMA_BODY_JSON, 0, 0 },
    { soma_string("/audio/transcriptions"),
      SOMA_POST, SOMA_API_TRANSCRIPTIONS, SOMA_BODY_FORM, 0, 0 },
    { soma_string("/audio/translations"),
      SOMA_POST, SOMA_API_TRANSLATIONS, SOMA_BODY_FORM, 0, 0 }
};


static int soma_openai_surface_find(soma_url_t *url, soma_str_t below);
static int soma_openai_surface_deployed(soma_url_t *url, soma_str_t below,
    soma_arena_t *arena);
static int soma_openai_surface_is(soma_str_t pattern, soma_str_t path,
    soma_str_t *id);


int
soma_openai_surface(soma_url_t *url, soma_arena_t *arena)
{
    soma_str_t  below;

    if (soma_openai_surface_find(url, url->below) == SOMA_OK) {
        return SOMA_OK;
    }

    below = soma_dialect_below(url->path, "/openai/deployments/");

    if (below.data != NULL) {
        return soma_openai_surface_deployed(url, below, arena);
    }

    below = soma_dialect_below(url->path, "/openai/");

    if (below.data != NULL
        && soma_openai_surface_find(url, below) == SOMA_OK)
    {
        url->below = below;
        return SOMA_OK;
    }

    return SOMA_DECLINED;
}


static int
soma_openai_surface_find(soma_url_t *url, soma_str_t below)
{
    size_t  i;

    for (i = 0;
         i < sizeof(soma_openai_surfaces) / sizeof(soma_openai_surfaces[0]);
         i++)
    {
        if (soma_openai_surface_is(soma_openai_surfaces[i].path, below,
                                   &url->id))
        {
            url->surface = &soma_openai_surfaces[i];
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


/*
 * /openai/deployments/NAME/chat/completions, as Azure has them: the name is
 * the model's.  Responses have no such path there, and what a form says is
 * not known by its URL.
 */

static int
soma_openai_surface_deployed(soma_url_t *url, soma_str_t below,
    soma_arena_t *arena)
{
    int                    rc;
    soma_str_t             name, rest;
    unsigned char         *slash;
    const soma_surface_t  *surface;

    slash = memchr(below.data + 1, '/', below.len - 1);

    if (slash == NULL || slash == below.data + 1) {
        return SOMA_DECLINED;
    }

    name.data = below.data + 1;
    name.len = (size_t) (slash - name.data);
    rest.data = slash;
    rest.len = (size_t) (below.data + below.len - slash);

    if (soma_openai_surface_find(url, rest) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    surface = url->surface;
    url->surface = NULL;

    if (surface->body != SOMA_BODY_JSON
        || surface->api == SOMA_API_RESPONSES
        || surface->api == SOMA_API_COMPACT
        || surface->api == SOMA_API_COUNT)
    {
        url->id = (soma_str_t) soma_str_null;
        return SOMA_DECLINED;
    }

    rc = soma_dialect_unescape(arena, name, &name);

    if (rc != SOMA_OK) {
        return rc;
    }

    url->surface = surface;
    url->model = name;
    url->below = surface->path;

    return SOMA_OK;
}


/* a provider is asked below its endpoint, whatever its own URLs are called */

soma_str_t
soma_openai_splice_path(soma_arena_t *arena, const soma_ask_t *ask,
    soma_str_t model)
{
    (void) arena;
    (void) model;

    return ask->url->below;
}


void
soma_openai_count(soma_out_t *out, const soma_ask_t *ask, int64_t tokens)
{
    (void) ask;

    soma_put_cstr(out, "{\"object\":\"response.input_tokens\","
                       "\"input_tokens\":");
    soma_put_int(out, tokens);
    soma_put_char(out, '}');
}


static int
soma_openai_surface_is(soma_str_t pattern, soma_str_t path, soma_str_t *id)
{
    size_t          n, rest;
    unsigned char  *star, *end;

    id->data = NULL;
    id->len = 0;

    star = memchr(pattern.data, '*', pattern.len);

    if (star == NULL) {
        return soma_str_eq(pattern, path);
    }

    n = (size_t) (star - pattern.data);
    rest = pattern.len - n - 1;

    if (path.len <= n + rest || memcmp(path.data, pattern.data, n) != 0
        || memcmp(path.data + path.len - rest, star + 1, rest) != 0)
    {
        return 0;
    }

    id->data = path.data + n;
    id->len = path.len - n - rest;

    end = memchr(id->data, '/', id->len);

    return end == NULL;
}
