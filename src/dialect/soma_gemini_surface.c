
/*
 * Copyright (C) The ngx_soma authors
 *
 * The addresses of Google's APIs: a model's name stands in them, and what is
 * asked of it behind a colon.
 *
 *     /v1beta/models/MODEL:generateContent
 *     /v1beta/tunedModels/MODEL:streamGenerateContent
 *     /v1/projects/P/locations/L/publishers/google/models/MODEL:countTokens
 */


#include "soma_gemini.h"


/* a text as long as the longest name that a path has, and what is around */
#define SOMA_GEMINI_ESCAPED  3
#define SOMA_GEMINI_AROUND   64


static const soma_surface_t  soma_gemini_surfaces[] = {
    { soma_string(":generateContent"), SOMA_POST, SOMA_API_CHAT,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, 0 },
    { soma_string(":streamGenerateContent"), SOMA_POST, SOMA_API_CHAT,
      SOMA_BODY_JSON, SOMA_STREAM_ALWAYS, 0 },
    { soma_string(":countTokens"), SOMA_POST, SOMA_API_COUNT,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, 0 },
    { soma_string(":embedContent"), SOMA_POST, SOMA_API_EMBEDDINGS,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, SOMA_GEMINI_ONE },
    { soma_string(":batchEmbedContents"), SOMA_POST, SOMA_API_EMBEDDINGS,
      SOMA_BODY_JSON, SOMA_STREAM_NEVER, SOMA_GEMINI_BATCH },
    { soma_str_null, 0, 0, 0, 0, 0 }
};


static int soma_gemini_surface_version(soma_str_t path);
static soma_str_t soma_gemini_surface_name(soma_arena_t *arena,
    soma_str_t model, const char *behind);


int
soma_gemini_surface(soma_url_t *url, soma_arena_t *arena)
{
    return soma_gemini_surface_of(url, arena, soma_gemini_surfaces);
}


int
soma_gemini_surface_of(soma_url_t *url, soma_arena_t *arena,
    const soma_surface_t *surface)
{
    int         rc;
    soma_str_t  below, rest;

    below = soma_dialect_below(url->path, "/models/");

    if (below.data == NULL) {
        below = soma_dialect_below(url->path, "/tunedModels/");
    }

    if (below.len < 2 || memchr(below.data + 1, '/', below.len - 1) != NULL
        || !soma_gemini_surface_version(url->path))
    {
        return SOMA_DECLINED;
    }

    below.data++;
    below.len--;

    for ( /* void */ ; surface->path.len != 0; surface++) {

        if (below.len <= surface->path.len) {
            continue;
        }

        rest.len = surface->path.len;
        rest.data = below.data + below.len - rest.len;

        if (!soma_str_eq(rest, surface->path)) {
            continue;
        }

        below.len -= rest.len;
        rc = soma_dialect_unescape(arena, below, &url->model);

        if (rc == SOMA_OK) {
            url->surface = surface;

        } else {
            url->model = (soma_str_t) soma_str_null;
        }

        return rc;
    }

    return SOMA_DECLINED;
}


/* whether one of its segments is a version of Google's: v1, v1beta, v1beta1,
 * v1alpha.  Others have "models" in their paths too */

static int
soma_gemini_surface_version(soma_str_t path)
{
    size_t      i, start;
    soma_str_t  segment;

    for (i = 0, start = 0; i < path.len; i++) {

        if (path.data[i] != '/') {
            continue;
        }

        segment.data = path.data + start;
        segment.len = i - start;
        start = i + 1;

        if (soma_str_is(segment, "v1") || soma_str_is(segment, "v1beta")
            || soma_str_is(segment, "v1beta1")
            || soma_str_is(segment, "v1alpha"))
        {
            return 1;
        }
    }

    return 0;
}


soma_str_t
soma_gemini_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    return soma_gemini_surface_name(arena, request->model,
                                    request->task == SOMA_INNER_INPUTS
                                    ? ":batchEmbedContents"
                                    : request->stream
                                    ? ":streamGenerateContent?alt=sse"
                                    : ":generateContent");
}


soma_str_t
soma_gemini_splice_path(soma_arena_t *arena, const soma_ask_t *ask,
    soma_str_t model)
{
    return soma_gemini_surface_name(arena, model,
                          (const char *) ask->url->surface->path.data);
}


/* a name may say itself which kind it is of: "tunedModels/NAME" */

static soma_str_t
soma_gemini_surface_name(soma_arena_t *arena, soma_str_t model,
    const char *behind)
{
    size_t       i, len;
    soma_out_t   out;
    soma_str_t   path, kind, name;

    static const soma_str_t  kinds[] = {
        soma_string("models/"),
        soma_string("tunedModels/")
    };

    kind = kinds[0];
    name = model;

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (model.len > kinds[i].len
            && memcmp(model.data, kinds[i].data, kinds[i].len) == 0)
        {
            kind = kinds[i];
            name.data += kind.len;
            name.len -= kind.len;
            break;
        }
    }

    path.len = 0;
    len = name.len * SOMA_GEMINI_ESCAPED + SOMA_GEMINI_AROUND;

    path.data = arena->alloc(arena->data, len);
    if (path.data == NULL) {
        return path;
    }

    soma_put_init(&out, path.data, len);
    soma_put_char(&out, '/');
    soma_put_str(&out, kind);
    out.pos += soma_dialect_escape(out.pos, name);
    soma_put_cstr(&out, behind);

    path.len = (size_t) (out.pos - out.start);

    return path;
}


/* ?alt=sse, also spelt $alt */

int
soma_gemini_sse(const soma_ask_t *ask)
{
    size_t      i, start;
    soma_str_t  args, arg;

    if (ask->url == NULL) {
        return 1;
    }

    args = ask->url->args;

    if (args.len == 0) {
        return 0;
    }

    for (i = 0, start = 0; i <= args.len; i++) {

        if (i < args.len && args.data[i] != '&') {
            continue;
        }

        arg.data = args.data + start;
        arg.len = i - start;
        start = i + 1;

        if (soma_str_case_is(arg, "alt=sse")
            || soma_str_case_is(arg, "$alt=sse")
            || soma_str_case_is(arg, "%24alt=sse"))
        {
            return 1;
        }
    }

    return 0;
}
