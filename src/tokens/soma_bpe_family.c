
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which vocabulary a model reads with.
 */


#include "soma_bpe.h"


typedef struct {
    soma_str_t         prefix;
    soma_bpe_family_e  family;
} soma_bpe_prefix_t;


/* the first that fits counts: the longer one stands first */
static const soma_bpe_prefix_t  soma_bpe_prefixes[] = {
    { soma_string("gpt-4o"), SOMA_BPE_O200K },
    { soma_string("gpt-4.1"), SOMA_BPE_O200K },
    { soma_string("gpt-4.5"), SOMA_BPE_O200K },
    { soma_string("gpt-5"), SOMA_BPE_O200K },
    { soma_string("gpt-oss"), SOMA_BPE_O200K },
    { soma_string("chatgpt-4o"), SOMA_BPE_O200K },
    { soma_string("codex-mini"), SOMA_BPE_O200K },
    { soma_string("o1"), SOMA_BPE_O200K },
    { soma_string("o3"), SOMA_BPE_O200K },
    { soma_string("o4"), SOMA_BPE_O200K },
    { soma_string("gpt-4"), SOMA_BPE_CL100K },
    { soma_string("gpt-3.5"), SOMA_BPE_CL100K },
    { soma_string("gpt-35"), SOMA_BPE_CL100K },
    { soma_string("text-embedding-3"), SOMA_BPE_CL100K },
    { soma_string("text-embedding-ada-002"), SOMA_BPE_CL100K }
};


soma_bpe_family_e
soma_bpe_family(soma_str_t model)
{
    size_t                    i;
    soma_str_t                name;
    unsigned char             c;
    const soma_bpe_prefix_t  *p;

    name = model;

    /* "openai/gpt-4o", "ft:gpt-4o-mini:acme::id" */

    for (i = 0; i < model.len; i++) {
        if (model.data[i] == '/') {
            name.data = model.data + i + 1;
            name.len = model.len - i - 1;
        }
    }

    if (name.len > 3 && memcmp(name.data, "ft:", 3) == 0) {
        name.data += 3;
        name.len -= 3;
    }

    for (i = 0; i < sizeof(soma_bpe_prefixes) / sizeof(soma_bpe_prefixes[0]);
         i++)
    {
        p = &soma_bpe_prefixes[i];

        if (name.len < p->prefix.len
            || memcmp(name.data, p->prefix.data, p->prefix.len) != 0)
        {
            continue;
        }

        if (name.len == p->prefix.len) {
            return p->family;
        }

        /* "o1-mini" is one of them, "o100" is somebody else's */

        c = name.data[p->prefix.len];

        if (c == '-' || c == ':' || c == '.' || c == '@') {
            return p->family;
        }
    }

    return SOMA_BPE_NONE;
}


const char *
soma_bpe_name(soma_bpe_family_e family)
{
    switch (family) {

    case SOMA_BPE_CL100K:
        return "cl100k_base";

    case SOMA_BPE_O200K:
        return "o200k_base";

    default:
        return NULL;
    }
}
