
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_openai.h"


static soma_api_e soma_openai_api(soma_str_t path);


static const struct {
    soma_str_t  path;
    soma_api_e  api;
} soma_openai_paths[] = {
    { soma_string("/chat/completions"),      SOMA_API_CHAT },
    { soma_string("/completions"),           SOMA_API_COMPLETIONS },
    { soma_string("/embeddings"),            SOMA_API_EMBEDDINGS },
    { soma_string("/responses"),             SOMA_API_RESPONSES },
    { soma_string("/images/generations"),    SOMA_API_IMAGES },
    { soma_string("/audio/speech"),          SOMA_API_SPEECH },
    { soma_string("/audio/transcriptions"),  SOMA_API_TRANSCRIPTIONS },
    { soma_string("/audio/translations"),    SOMA_API_TRANSLATIONS },
    { soma_string("/models"),                SOMA_API_MODELS }
};


const soma_str_t  soma_openai_args[] = {
    soma_string("api-version"),
    soma_str_null
};


const soma_dialect_t  soma_openai = {
    soma_string("openai"),
    soma_openai_api,
    soma_openai_want,
    soma_openai_policies,
    SOMA_OPENAI_POLICIES,
    soma_openai_policy,
    soma_openai_args,
    soma_openai_ask,
    soma_openai_bounds,
    soma_openai_encode,
    soma_openai_body,
    soma_openai_event,
    soma_openai_part,
    soma_openai_verdict,
    soma_openai_refusal,
    soma_openai_fault,
    soma_openai_fault_event,
    soma_openai_cut
};


/* what the built-in provider speaks; its answers come from soma_echo.c */

const soma_dialect_t  soma_echo_dialect = {
    soma_string("echo"),
    soma_openai_api,
    soma_openai_want,
    soma_openai_policies,
    SOMA_OPENAI_POLICIES,
    soma_openai_policy,
    soma_openai_args,
    soma_openai_ask,
    soma_openai_bounds,
    soma_openai_encode,
    soma_openai_body,
    soma_openai_event,
    soma_openai_part,
    soma_openai_verdict,
    soma_openai_refusal,
    soma_openai_fault,
    soma_openai_fault_event,
    soma_openai_cut
};


static soma_api_e
soma_openai_api(soma_str_t path)
{
    size_t  i;

    for (i = 0; i < sizeof(soma_openai_paths) / sizeof(soma_openai_paths[0]);
         i++)
    {
        if (soma_str_eq(path, soma_openai_paths[i].path)) {
            return soma_openai_paths[i].api;
        }
    }

    return SOMA_API_NONE;
}
