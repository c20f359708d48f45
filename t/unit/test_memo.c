
/*
 * Copyright (C) The ngx_soma authors
 *
 * Texts that were counted before: the same count, and only for the same text.
 */


#include "soma_openai.h"
#include "soma_prompt.h"
#include "soma_bpe_test.h"
#include "soma_test.h"

#include <stdlib.h>


#define LONG_MAX_BYTES  4096
#define SECRET          0x0123456789abcdefu


static soma_memo_t    memo;
static unsigned char  text[LONG_MAX_BYTES + 1];


static soma_str_t
of(size_t from, size_t len)
{
    soma_str_t  s;

    s.data = text + from;
    s.len = len;

    return s;
}


/* the definition, one word after the other */
static uint64_t
plainly(uint64_t point, soma_str_t s, unsigned kind)
{
    size_t             i, j;
    uint64_t           w;
    unsigned __int128  h, prime;

    prime = ((uint64_t) 1 << 61) - 1;
    h = 0;

    for (i = 0; i < s.len; i += 7) {
        w = 0;

        for (j = 0; j < 7 && i + j < s.len; j++) {
            w |= (uint64_t) s.data[i + j] << 8 * j;
        }

        h = (h * point + w) % prime;
    }

    h = (h * point + s.len * 16 + kind) % prime;
    h = h * point % prime;

    return h != 0 ? (uint64_t) h : 1;
}


static void
hashes(void)
{
    int       wrong, same;
    size_t    i;
    uint64_t  h;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char) (i * 2654435761u >> 13);
    }

    wrong = 0;

    for (i = 0; i < 600; i++) {
        wrong += soma_memo_hash(&memo, of(i % 9, i), 3)
                 != plainly(memo.point, of(i % 9, i), 3);
    }

    wrong += soma_memo_hash(&memo, of(0, LONG_MAX_BYTES), 5)
             != plainly(memo.point, of(0, LONG_MAX_BYTES), 5);

    soma_is_int(wrong, 0, "as it is defined, of any length");

    same = 0;
    h = soma_memo_hash(&memo, of(0, 1000), 2);

    for (i = 0; i < 1000; i++) {
        text[i] ^= 1;
        same += soma_memo_hash(&memo, of(0, 1000), 2) == h;
        text[i] ^= 1;
    }

    soma_is_int(same, 0, "each byte counts");
    soma_ok(soma_memo_hash(&memo, of(0, 1000), 3) != h, "so does the kind");

    memset(text, 0, sizeof(text));
    same = 0;

    for (i = 0; i < 200; i++) {
        same += soma_memo_hash(&memo, of(0, i), 2)
                == soma_memo_hash(&memo, of(0, i + 1), 2);
    }

    soma_is_int(same, 0, "and the length, also of zeros");

    memset(text, 0xff, sizeof(text));
    soma_is_int(soma_memo_hash(&memo, of(0, LONG_MAX_BYTES), 5)
                == plainly(memo.point, of(0, LONG_MAX_BYTES), 5), 1,
                "the largest words");
}


static void
slots(void)
{
    soma_memo_init(&memo, SECRET);

    soma_is_int(soma_memo_get(&memo, 77), -1, "nothing is known");
    soma_memo_put(&memo, 77, 12);
    soma_is_int(soma_memo_get(&memo, 77), 12, "it is");
    soma_is_int(soma_memo_get(&memo, 77 + SOMA_MEMO_SLOTS), -1,
                "another one of the slot is not");
    soma_memo_put(&memo, 77 + SOMA_MEMO_SLOTS, 0);
    soma_is_int(soma_memo_get(&memo, 77 + SOMA_MEMO_SLOTS), 0,
                "the newer one stays");
    soma_is_int(soma_memo_get(&memo, 77), -1, "in place of the older");
}


static void
prompts(const soma_bpe_t *bpe)
{
    int          i, j, wrong;
    char         body[4096], content[1024];
    size_t       len;
    int64_t      n, known;
    soma_str_t   s;
    const char  *words[] = { "hello", " world", "\\n", "\\\"", "us", "er",
                             "\\u00e4", "x" };

    wrong = 0;
    known = 0;

    for (i = 0; i < 400; i++) {
        len = 0;
        srand((unsigned) i % 100);

        for (j = rand() % 60; j > 0; j--) {
            len += (size_t) sprintf(content + len, "%s", words[rand() % 8]);
        }

        content[len] = '\0';
        s.data = (unsigned char *) body;
        s.len = (size_t) sprintf(body, "{\"messages\":[{\"role\":\"user\","
                                 "\"content\":\"%s\"}],\"tools\":[\"%s\"]}",
                                 content, content);

        n = soma_prompt_tokens(&soma_openai_prompt, bpe, SOMA_API_CHAT, 0, s);
        wrong += soma_prompt_recall(&soma_openai_prompt, &memo, bpe,
                                    SOMA_API_CHAT, 0, s) != n;
        known += soma_prompt_recall(&soma_openai_prompt, &memo, bpe,
                                    SOMA_API_CHAT, 0, s) == n;
        wrong += soma_prompt_recall(&soma_openai_prompt, &memo, NULL,
                                    SOMA_API_CHAT, 0, s)
                 != soma_prompt_tokens(&soma_openai_prompt, NULL, SOMA_API_CHAT,
                                       0, s);
    }

    soma_is_int(wrong, 0, "prompts come to the same");
    soma_is_int(known, 400, "and again");
}


int
main(void)
{
    soma_str_t  file;
    soma_bpe_t  bpe;

    if (soma_bpe_test_open(&bpe, SOMA_BPE_O200K, &file) != SOMA_OK) {
        soma_ok(0, "a vocabulary is made");
        return soma_done();
    }

    soma_memo_init(&memo, SECRET);
    hashes();
    slots();
    prompts(&bpe);

    free(file.data);

    return soma_done();
}
