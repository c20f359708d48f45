
/*
 * Copyright (C) The ngx_soma authors
 *
 * The addresses of Bedrock's API.  A model's name stands in them, escaped, for
 * it may be an ARN with colons and slashes:
 *
 *     /model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse
 */


#include "soma_bedrock.h"


#define SOMA_BEDROCK_ESCAPED  3         /* bytes for one */
#define SOMA_BEDROCK_AROUND   64        /* and around a name */


static const soma_surface_t  soma_bedrock_surfaces[] = {
    { soma_string("/converse"), SOMA_POST, SOMA_API_CHAT, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, 0 },
    { soma_string("/converse-stream"), SOMA_POST, SOMA_API_CHAT,
      SOMA_BODY_JSON, SOMA_STREAM_ALWAYS, 0 },
    { soma_string("/count-tokens"), SOMA_POST, SOMA_API_COUNT, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, 0 },
    { soma_string("/invoke"), SOMA_POST, SOMA_API_INVOKE, SOMA_BODY_JSON,
      SOMA_STREAM_NEVER, 0 },
    { soma_string("/invoke-with-response-stream"), SOMA_POST, SOMA_API_INVOKE,
      SOMA_BODY_JSON, SOMA_STREAM_ALWAYS, 0 }
};


static soma_str_t soma_bedrock_surface_name(soma_arena_t *arena,
    soma_str_t model, soma_str_t behind);


int
soma_bedrock_surface(soma_url_t *url, soma_arena_t *arena)
{
    int         rc;
    size_t      i;
    soma_str_t  below, action;

    below = soma_dialect_below(url->path, "/model/");

    if (below.len < 2) {
        return SOMA_DECLINED;
    }

    below.data++;
    below.len--;

    for (i = below.len; i > 0 && below.data[i - 1] != '/'; i--) {
        /* void */
    }

    if (i < 2) {
        return SOMA_DECLINED;
    }

    action.data = below.data + i - 1;
    action.len = below.len - i + 1;
    below.len = i - 1;

    for (i = 0; i < sizeof(soma_bedrock_surfaces) / sizeof(soma_surface_t);
         i++)
    {
        if (!soma_str_eq(action, soma_bedrock_surfaces[i].path)) {
            continue;
        }

        rc = soma_dialect_unescape(arena, below, &url->model);

        if (rc == SOMA_OK) {
            url->surface = &soma_bedrock_surfaces[i];

        } else {
            url->model = (soma_str_t) soma_str_null;
        }

        return rc;
    }

    return SOMA_DECLINED;
}


soma_str_t
soma_bedrock_path(soma_arena_t *arena, const soma_inner_request_t *request)
{
    return soma_bedrock_surface_name(arena, request->model,
                                     request->stream
                                     ? SOMA_STR("/converse-stream")
                                     : SOMA_STR("/converse"));
}


soma_str_t
soma_bedrock_splice_path(soma_arena_t *arena, const soma_ask_t *ask,
    soma_str_t model)
{
    return soma_bedrock_surface_name(arena, model, ask->url->surface->path);
}


static soma_str_t
soma_bedrock_surface_name(soma_arena_t *arena, soma_str_t model,
    soma_str_t behind)
{
    size_t      len;
    soma_out_t  out;
    soma_str_t  path;

    path.len = 0;
    len = model.len * SOMA_BEDROCK_ESCAPED + SOMA_BEDROCK_AROUND;

    path.data = arena->alloc(arena->data, len);
    if (path.data == NULL) {
        return path;
    }

    soma_put_init(&out, path.data, len);
    soma_put_cstr(&out, "/model/");
    out.pos += soma_dialect_escape(out.pos, model);
    soma_put_str(&out, behind);

    path.len = (size_t) (out.pos - out.start);

    return path;
}
