
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first byte chooses the API, the rest is a body: what is counted never
 * passes the bound, and neither passes what a body of its length can hold.
 */


#include <stdlib.h>

#include "soma_json.h"
#include "soma_anthropic.h"
#include "soma_openai.h"
#include "soma_prompt.h"
#include "soma_bpe_test.h"


#define IMAGE_MAX  48169


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
need(int cond)
{
    if (!cond) {
        abort();
    }
}


static int64_t
again(soma_str_t body, const char *name)
{
    size_t   i, n;
    int64_t  tokens;

    n = strlen(name);
    tokens = 0;

    for (i = 0; i + n <= body.len; i++) {
        if (memcmp(body.data + i, name, n) == 0) {
            tokens += SOMA_PROMPT_TOOLS;
        }
    }

    return tokens;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t           tokens, bound;
    unsigned          traits;
    soma_api_e        api;
    soma_str_t        body, file;
    soma_json_scan_t  scan;

    const soma_prompt_names_t     *names;
    static soma_bpe_t              bpe;
    static soma_memo_t             memo;
    static const soma_json_want_t  want[] = { { soma_string("model"), 1 } };

    if (bpe.slot == NULL) {
        need(soma_bpe_test_open(&bpe, SOMA_BPE_O200K, &file) == SOMA_OK);
    }

    if (size < 2) {
        return 0;
    }

    api = data[0] % (SOMA_API_MODELS + 1);
    traits = data[0] / 16 % SOMA_PROMPT_TRAITS;
    names = (data[0] & 0x80) ? &soma_anthropic_prompt : &soma_openai_prompt;

    body.data = (unsigned char *) (uintptr_t) data + 1;
    body.len = size - 1;

    tokens = soma_prompt_tokens(names, &bpe, api, traits, body);
    bound = soma_prompt_tokens(names, NULL, api, traits, body);

    need(tokens >= 0 && bound >= 0);

    if (memo.point == 0) {
        soma_memo_init(&memo, 1234567);
    }

    need(soma_prompt_recall(names, &memo, &bpe, api, traits, body) == tokens);
    need(soma_prompt_recall(names, &memo, &bpe, api, traits, body) == tokens);
    need(bound <= (int64_t) (body.len + 1) * IMAGE_MAX);

    /* where the scanner let the body in, which it always did before */

    soma_json_scan_init(&scan, want, 1);
    soma_json_scan_watch(&scan, names->marks);

    if (soma_json_scan(&scan, body.data, body.len) == SOMA_OK
        && soma_json_scan_end(&scan) == SOMA_OK)
    {
        need(tokens <= bound);
        (void) soma_prompt_fetches(names, body);

        /* the length of a body is a bound of what has nothing special in it;
         * of "tools" that come again a parser takes one, and sources that no
         * block has are taken for the worst */

        if (!soma_json_scan_marked(&scan)
            && again(body, "\"source\"") == 0
            && memchr(body.data, '\\', body.len) == NULL)
        {
            need(bound <= soma_prompt_bound(body.len, 1)
                          + again(body, "\"tools\"")
                          + again(body, "\"functions\""));
        }
    }

    return 0;
}
