
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_factor.h"


#define SOMA_FACTOR_ESCAPED  3          /* bytes of UTF-8 that \uXXXX is */


static int soma_factor_in(soma_str_t model, soma_str_t family);


/*
 * The first that stands in a name counts.  Around tools: Anthropic states up
 * to 346 tokens, xAI, DeepSeek and Llama's servers add as much without
 * stating it; xAI begins every prompt with some 200 of its own.
 */
static const soma_factor_t  soma_factors[] = {
    { soma_string("claude"),    1500, 64,  448 },
    { soma_string("deepseek"),  1300, 160, 320 },
    { soma_string("gemini"),    1300, 32,  192 },
    { soma_string("gemma"),     1300, 32,  192 },
    { soma_string("grok"),      1300, 256, 320 },
    { soma_string("llama"),     1300, 64,  640 },
    { soma_string("ministral"), 1400, 32,  128 },
    { soma_string("mistral"),   1400, 32,  128 },
    { soma_string("mixtral"),   1400, 32,  128 },
    { soma_string("magistral"), 1400, 32,  128 },
    { soma_string("codestral"), 1400, 32,  128 },
    { soma_string("devstral"),  1400, 32,  128 },
    { soma_string("pixtral"),   1400, 32,  128 },
    { soma_string("qwen"),      1300, 256, 192 },
    { soma_string("qwq"),       1300, 256, 192 },
    { soma_string("command"),   1400, 64,  448 },
    { soma_string("nova"),      1500, 64,  448 },
    { soma_string("palmyra"),   1300, 64,  192 },
    { soma_string("minimax"),   1300, 64,  320 },
    { soma_string("kimi"),      1300, 64,  320 },
    { soma_string("glm"),       1300, 64,  320 },
    { soma_string("sonar"),     1300, 64,  320 },
    { soma_string("phi"),       1400, 64,  320 }
};


/* at the beginning of a word: "anthropic.claude-...", "x-ai/grok-4" */
static int
soma_factor_in(soma_str_t model, soma_str_t family)
{
    size_t      i;
    soma_str_t  part;

    part.len = family.len;

    for (i = 0; i + family.len <= model.len; i++) {

        part.data = model.data + i;

        if (!soma_str_case_is(part, (const char *) family.data)) {
            continue;
        }

        if (i == 0 || !((model.data[i - 1] | 0x20) >= 'a'
                        && (model.data[i - 1] | 0x20) <= 'z'))
        {
            return 1;
        }
    }

    return 0;
}


const soma_factor_t *
soma_factor_find(soma_str_t model)
{
    size_t  i;

    for (i = 0; i < sizeof(soma_factors) / sizeof(soma_factors[0]); i++) {
        if (soma_factor_in(model, soma_factors[i].family)) {
            return &soma_factors[i];
        }
    }

    return NULL;
}


/*
 * A vocabulary that knows a script less well than o200k_base does takes up
 * to a token for two bytes of it.
 */
int64_t
soma_factor_bound(const soma_factor_t *factor, int64_t count,
    int64_t foreign, int64_t bytes, int tools)
{
    int64_t  n;

    n = soma_number_muldiv(count, factor->factor,
                           SOMA_FACTOR_ONE) + 1 + foreign / 2;
    n = n < bytes ? n : bytes;

    return n + factor->base + (tools ? factor->tools : 0);
}


int64_t
soma_factor_foreign(soma_str_t body)
{
    int64_t               n;
    const unsigned char  *p, *end;

    n = 0;
    p = body.data;
    end = p + body.len;

    for ( /* void */ ; p < end; p++) {

        n += *p >= 0x80;

        if (*p == '\\' && ++p < end && *p == 'u') {
            n += SOMA_FACTOR_ESCAPED;
        }
    }

    return n;
}
