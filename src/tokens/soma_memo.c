
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_memo.h"


#define SOMA_MEMO_PRIME   (((uint64_t) 1 << 61) - 1)
#define SOMA_MEMO_BYTES   7         /* of a word, which is below the prime */
#define SOMA_MEMO_WORD    (((uint64_t) 1 << 56) - 1)
#define SOMA_MEMO_LANES   4
#define SOMA_MEMO_KINDS   16


/* a * b + c, with a and b below 2^62: the result is below 2^61 + 4 */
static inline uint64_t
soma_memo_step(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t           low;
    unsigned __int128  n;

    n = (unsigned __int128) a * b + c;
    low = ((uint64_t) n & SOMA_MEMO_PRIME) + (uint64_t) (n >> 61);

    return (low & SOMA_MEMO_PRIME) + (low >> 61);
}


static inline uint64_t
soma_memo_word(const unsigned char *p)
{
    uint64_t  v;

    memcpy(&v, p, sizeof(v));

    return v & SOMA_MEMO_WORD;
}


void
soma_memo_init(soma_memo_t *memo, uint64_t secret)
{
    memset(memo, 0, sizeof(soma_memo_t));

    memo->point = secret % (SOMA_MEMO_PRIME - 2) + 2;
    memo->point2 = soma_memo_step(memo->point, memo->point, 0);
    memo->point3 = soma_memo_step(memo->point2, memo->point, 0);
    memo->point4 = soma_memo_step(memo->point3, memo->point, 0);
}


/* four lanes, since one waits for its own product all the time */

uint64_t
soma_memo_hash(const soma_memo_t *memo, soma_str_t text, unsigned kind)
{
    size_t                i, left;
    uint64_t              h, lane[SOMA_MEMO_LANES], last;
    const unsigned char  *p;

    p = text.data;
    left = text.len;
    memset(lane, 0, sizeof(lane));

    /* a byte more than the words have is read */

    while (left > SOMA_MEMO_LANES * SOMA_MEMO_BYTES) {

        for (i = 0; i < SOMA_MEMO_LANES; i++) {
            lane[i] = soma_memo_step(lane[i], memo->point4,
                                     soma_memo_word(p + i * SOMA_MEMO_BYTES));
        }

        p += SOMA_MEMO_LANES * SOMA_MEMO_BYTES;
        left -= SOMA_MEMO_LANES * SOMA_MEMO_BYTES;
    }

    h = soma_memo_step(lane[0], memo->point3, lane[3]);
    h = soma_memo_step(lane[1], memo->point2, h);
    h = soma_memo_step(lane[2], memo->point, h);

    while (left != 0) {
        i = left < SOMA_MEMO_BYTES ? left : SOMA_MEMO_BYTES;
        last = 0;
        memcpy(&last, p, i);
        h = soma_memo_step(h, memo->point, last);
        p += i;
        left -= i;
    }

    h = soma_memo_step(h, memo->point,
                       (uint64_t) text.len * SOMA_MEMO_KINDS
                       + kind % SOMA_MEMO_KINDS);

    h = soma_memo_step(h, memo->point, 0) % SOMA_MEMO_PRIME;

    return h != 0 ? h : 1;
}


int64_t
soma_memo_get(const soma_memo_t *memo, uint64_t hash)
{
    const soma_memo_slot_t  *slot;

    slot = &memo->slot[hash % SOMA_MEMO_SLOTS];

    return slot->hash == hash ? (int64_t) slot->tokens : -1;
}


void
soma_memo_put(soma_memo_t *memo, uint64_t hash, int64_t tokens)
{
    soma_memo_slot_t  *slot;

    slot = &memo->slot[hash % SOMA_MEMO_SLOTS];
    slot->hash = hash;
    slot->tokens = (uint64_t) tokens;
}
