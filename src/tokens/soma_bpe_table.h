
/*
 * Copyright (C) The ngx_soma authors
 *
 * A vocabulary's file, whose layout is that of the memory it is mapped to:
 *
 *     soma_bpe_head_t
 *     uint32_t         pair[65536]     rank of the bytes a, b at a * 256 + b
 *     unsigned char    kind[65536]     soma_bpe_kind_e of a character
 *     soma_bpe_slot_t  slot[nslots]    open addressing, steps of one
 *     unsigned char    pool[npool]
 *
 * Numbers have the byte order of the machine that made it; another one's is
 * refused.
 */


#ifndef SOMA_BPE_TABLE_H
#define SOMA_BPE_TABLE_H


#include "soma_bpe.h"


#define SOMA_BPE_MAGIC    "somabpe"     /* with its null byte, eight */
#define SOMA_BPE_VERSION  1
#define SOMA_BPE_ORDER    0x01020304u
#define SOMA_BPE_PAIRS    65536
#define SOMA_BPE_KINDS    65536
#define SOMA_BPE_FIRST    8             /* bytes of a token in its slot */
#define SOMA_BPE_LEN_MAX  255           /* of a token */
#define SOMA_BPE_NO_RANK  UINT32_MAX


typedef struct {
    char      magic[8];
    uint32_t  order;
    uint32_t  version;
    uint32_t  family;
    uint32_t  ntokens;
    uint32_t  nslots;       /* a power of two, at least one empty */
    uint32_t  npool;
    uint32_t  longest;      /* bytes of the longest token */
    uint32_t  crc;          /* crc32 of all behind the head */
    uint32_t  reserved[6];
} soma_bpe_head_t;


struct soma_bpe_slot_s {
    uint64_t  first;        /* bytes, the rest 0 */
    uint32_t  rank;         /* times 256, plus the length; 0: empty */
    uint32_t  place;        /* of the bytes behind the eighth */
};


typedef enum {
    SOMA_BPE_OTHER = 0,
    SOMA_BPE_UPPER,         /* Lu, Lt */
    SOMA_BPE_LOWER,         /* Ll */
    SOMA_BPE_LETTER,        /* Lm, Lo: goes with capitals and with small */
    SOMA_BPE_MARK,          /* M */
    SOMA_BPE_NUMBER,        /* N */
    SOMA_BPE_SPACE,         /* White_Space but CR and LF */
    SOMA_BPE_NEWLINE,       /* CR, LF; in soma_bpe_ranges: capitals and small
                               letters by turns */
    SOMA_BPE_END
} soma_bpe_kind_e;


#define soma_bpe_slot_len(slot)   ((slot)->rank & 0xff)
#define soma_bpe_slot_rank(slot)  ((slot)->rank >> 8)


/* the first bytes of a token as a number; len > 0 */
static inline uint64_t
soma_bpe_first(const unsigned char *p, size_t len)
{
    uint16_t  a2, b2;
    uint32_t  a4, b4;
    uint64_t  v;

    if (len >= 8) {
        memcpy(&v, p, 8);
        return v;
    }

    if (len >= 4) {
        memcpy(&a4, p, 4);
        memcpy(&b4, p + len - 4, 4);
        return a4 | (uint64_t) b4 << 8 * (len - 4);
    }

    if (len >= 2) {
        memcpy(&a2, p, 2);
        memcpy(&b2, p + len - 2, 2);
        return a2 | (uint64_t) b2 << 8 * (len - 2);
    }

    return *p;
}


static inline uint32_t
soma_bpe_hash(uint64_t first, const unsigned char *p, size_t len)
{
    size_t    i;
    uint64_t  h, v;

    h = (first ^ len) * 0x9e3779b97f4a7c15u;

    for (i = 8; i < len; i += 8) {
        memcpy(&v, p + (len - i < 8 ? len - 8 : i), 8);
        h = ((h ^ (h >> 29)) + v) * 0xbf58476d1ce4e5b9u;
    }

    h ^= h >> 32;
    h *= 0x94d049bb133111ebu;

    return (uint32_t) (h >> 32);
}


/* soma_bpe_kind_e of any code point; SOMA_BPE_NEWLINE for CR and LF */
unsigned soma_bpe_split_kind(uint32_t cp);

/*
 * The end of the piece that begins at p < end.  "last": the text ends at
 * "end"; else NULL says that what comes behind it decides.
 */
const unsigned char *soma_bpe_split(const soma_bpe_t *bpe,
    const unsigned char *p, const unsigned char *end, int last);


#endif /* SOMA_BPE_TABLE_H */
