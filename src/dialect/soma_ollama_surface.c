
/*
 * Copyright (C) The ngx_soma authors
 *
 * Ollama's endpoints, below /api.
 */


#include "soma_ollama.h"


static const soma_surface_t  soma_ollama_surfaces[] = {
    { soma_string("/chat"), SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON,
      SOMA_STREAM_ASKED, SOMA_OLLAMA_CHAT },
    { soma_string("/generate"), SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON,
      SOMA_STREAM_ASKED, SOMA_OLLAMA_GENERATE },
    { soma_string("/embed"), SOMA_POST, SOMA_API_EMBEDDINGS, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, SOMA_OLLAMA_EMBED },
    { soma_string("/embeddings"), SOMA_POST, SOMA_API_EMBEDDINGS,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, SOMA_OLLAMA_EMBEDDINGS },
    { soma_string("/tags"), SOMA_GET, SOMA_API_MODELS, SOMA_BODY_NONE,
      SOMA_STREAM_NEVER, SOMA_OLLAMA_TAGS },
    { soma_string("/show"), SOMA_POST, SOMA_API_MODELS, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, SOMA_OLLAMA_SHOW },
    { soma_string("/version"), SOMA_GET, SOMA_API_MODELS, SOMA_BODY_NONE,
      SOMA_STREAM_NEVER, SOMA_OLLAMA_VERSION },
    { soma_string("/ps"), SOMA_GET, SOMA_API_MODELS, SOMA_BODY_NONE,
      SOMA_STREAM_NEVER, SOMA_OLLAMA_PS }
};


/* in the order of soma_ollama_form_e: the APIs that a provider answers */
static const soma_str_t  soma_ollama_paths[] = {
    soma_string("/api/chat"),
    soma_string("/api/generate"),
    soma_string("/api/embed"),
    soma_string("/api/embeddings")
};


int
soma_ollama_surface(soma_url_t *url, soma_arena_t *arena)
{
    size_t      i;
    soma_str_t  below;

    (void) arena;

    below = soma_dialect_below(url->path, "/api/");

    if (below.data == NULL) {
        return SOMA_DECLINED;
    }

    for (i = 0;
         i < sizeof(soma_ollama_surfaces) / sizeof(soma_ollama_surfaces[0]);
         i++)
    {
        if (soma_str_eq(below, soma_ollama_surfaces[i].path)) {
            url->surface = &soma_ollama_surfaces[i];
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


soma_ollama_form_e
soma_ollama_surface_form(const soma_ask_t *ask)
{
    if (ask->url != NULL && ask->url->surface != NULL) {
        return (soma_ollama_form_e) ask->url->surface->form;
    }

    return (ask->api == SOMA_API_EMBEDDINGS) ? SOMA_OLLAMA_EMBED
                                             : SOMA_OLLAMA_CHAT;
}


/* the model is named in the body */

soma_str_t
soma_ollama_surface_path(soma_arena_t *arena, const soma_ask_t *ask,
    soma_str_t model)
{
    soma_ollama_form_e  form;

    (void) arena;
    (void) model;

    form = soma_ollama_surface_form(ask);

    return soma_ollama_paths[form <= SOMA_OLLAMA_EMBEDDINGS
                             ? form : SOMA_OLLAMA_CHAT];
}


soma_api_e
soma_ollama_surface_answers(soma_api_e api)
{
    return (api == SOMA_API_EMBEDDINGS) ? SOMA_API_EMBEDDINGS
                                        : SOMA_API_CHAT;
}
