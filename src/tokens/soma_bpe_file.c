
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vocabulary files: read here, made by tools/vocab and by tests.
 */


#include <zlib.h>

#include "soma_bpe_table.h"


#define SOMA_BPE_SLOTS_MIN  1024
#define SOMA_BPE_BYTES      256


static int soma_bpe_check(const soma_bpe_t *bpe, const soma_bpe_head_t *head,
    const char **error);
static int soma_bpe_put(soma_bpe_head_t *head, soma_bpe_slot_t *slots,
    unsigned char *pool, soma_str_t token, uint32_t rank);


static size_t
soma_bpe_file_len(const soma_bpe_head_t *head)
{
    return sizeof(soma_bpe_head_t) + SOMA_BPE_PAIRS * sizeof(uint32_t)
           + SOMA_BPE_KINDS + (size_t) head->nslots * sizeof(soma_bpe_slot_t)
           + head->npool;
}


static uint32_t
soma_bpe_crc(const unsigned char *file, size_t len)
{
    return (uint32_t) crc32_z(0, file + sizeof(soma_bpe_head_t),
                              len - sizeof(soma_bpe_head_t));
}


static void
soma_bpe_tables(soma_bpe_t *bpe, const unsigned char *file,
    const soma_bpe_head_t *head)
{
    const unsigned char  *p;

    p = file + sizeof(soma_bpe_head_t);

    bpe->family = head->family;
    bpe->mask = head->nslots - 1;
    bpe->longest = head->longest;

    bpe->pair = (const void *) p;
    p += SOMA_BPE_PAIRS * sizeof(uint32_t);

    bpe->kind = p;
    p += SOMA_BPE_KINDS;

    bpe->slot = (const void *) p;
    p += (size_t) head->nslots * sizeof(soma_bpe_slot_t);

    bpe->pool = p;
}


int
soma_bpe_open(soma_bpe_t *bpe, soma_str_t file, const char **error)
{
    soma_bpe_head_t  head;

    if (file.len < sizeof(soma_bpe_head_t)) {
        *error = "the file is too short for a vocabulary";
        return SOMA_ERROR;
    }

    memcpy(&head, file.data, sizeof(soma_bpe_head_t));

    if (memcmp(head.magic, SOMA_BPE_MAGIC, sizeof(head.magic)) != 0) {
        *error = "the file is no vocabulary made by tools/vocab";
        return SOMA_ERROR;
    }

    if (head.order != SOMA_BPE_ORDER) {
        *error = "the file was made on a machine of another byte order";
        return SOMA_ERROR;
    }

    if (head.version != SOMA_BPE_VERSION) {
        *error = "the file has another version: make it anew";
        return SOMA_ERROR;
    }

    if (head.family == SOMA_BPE_NONE || head.family >= SOMA_BPE_FAMILIES
        || head.ntokens > SOMA_BPE_TOKENS_MAX
        || head.nslots > 4 * SOMA_BPE_TOKENS_MAX || head.nslots == 0
        || (head.nslots & (head.nslots - 1)) != 0
        || head.longest > SOMA_BPE_LEN_MAX)
    {
        *error = "the file's head is damaged";
        return SOMA_ERROR;
    }

    if (file.len != soma_bpe_file_len(&head)) {
        *error = "the file is cut off, or has more in it than it should";
        return SOMA_ERROR;
    }

    if (head.crc != soma_bpe_crc(file.data, file.len)) {
        *error = "the file is damaged: its checksum is wrong";
        return SOMA_ERROR;
    }

    soma_bpe_tables(bpe, file.data, &head);

    return soma_bpe_check(bpe, &head, error);
}


/* a checksum does not make a file harmless that was made to harm */

static int
soma_bpe_check(const soma_bpe_t *bpe, const soma_bpe_head_t *head,
    const char **error)
{
    size_t                  i, len;
    uint32_t                taken;
    const soma_bpe_slot_t  *slot;

    *error = "the file's tables are damaged";
    taken = 0;

    for (i = 0; i < head->nslots; i++) {
        slot = &bpe->slot[i];

        if (slot->rank == 0) {
            continue;
        }

        taken++;
        len = soma_bpe_slot_len(slot);

        if (len == 0 || len > head->longest
            || soma_bpe_slot_rank(slot) >= SOMA_BPE_TOKENS_MAX)
        {
            return SOMA_ERROR;
        }

        if (len > SOMA_BPE_FIRST
            && (slot->place > head->npool
                || len - SOMA_BPE_FIRST > head->npool - slot->place))
        {
            return SOMA_ERROR;
        }
    }

    if (taken == head->nslots || taken != head->ntokens) {
        return SOMA_ERROR;
    }

    for (i = 0; i < SOMA_BPE_PAIRS; i++) {
        if (bpe->pair[i] != SOMA_BPE_NO_RANK
            && bpe->pair[i] >= SOMA_BPE_TOKENS_MAX)
        {
            return SOMA_ERROR;
        }
    }

    for (i = 0; i < SOMA_BPE_KINDS; i++) {
        if (bpe->kind[i] >= SOMA_BPE_END) {
            return SOMA_ERROR;
        }
    }

    *error = NULL;

    return SOMA_OK;
}


int
soma_bpe_make(soma_arena_t *arena, soma_bpe_family_e family,
    const soma_str_t *token, uint32_t n, soma_str_t *file, const char **error)
{
    size_t            size;
    uint32_t          i, single, *pair;
    unsigned char    *p, *pool;
    soma_bpe_head_t   head;
    soma_bpe_slot_t  *slots;

    memset(&head, 0, sizeof(soma_bpe_head_t));
    memcpy(head.magic, SOMA_BPE_MAGIC, sizeof(head.magic));
    head.order = SOMA_BPE_ORDER;
    head.version = SOMA_BPE_VERSION;
    head.family = family;

    if (n > SOMA_BPE_TOKENS_MAX) {
        *error = "there are too many tokens";
        return SOMA_ERROR;
    }

    single = 0;

    for (i = 0; i < n; i++) {

        if (token[i].len > SOMA_BPE_LEN_MAX) {
            *error = "a token is too long";
            return SOMA_ERROR;
        }

        single += (token[i].len == 1);

        if (token[i].len > SOMA_BPE_FIRST) {
            head.npool += (uint32_t) (token[i].len - SOMA_BPE_FIRST);
        }
    }

    /* at most half full, so that a search ends soon */

    for (head.nslots = SOMA_BPE_SLOTS_MIN; head.nslots < 2 * n;
         head.nslots *= 2)
    {
        /* void */
    }

    size = soma_bpe_file_len(&head);
    p = arena->alloc(arena->data, size);

    if (p == NULL) {
        *error = "there is no memory";
        return SOMA_ERROR;
    }

    memset(p, 0, size);
    file->data = p;
    file->len = size;

    p += sizeof(soma_bpe_head_t);
    pair = (void *) p;
    memset(pair, 0xff, SOMA_BPE_PAIRS * sizeof(uint32_t));

    p += SOMA_BPE_PAIRS * sizeof(uint32_t);

    for (i = 0; i < SOMA_BPE_KINDS; i++) {
        p[i] = (unsigned char) soma_bpe_split_kind(i);
    }

    slots = (void *) (p + SOMA_BPE_KINDS);
    pool = (void *) (slots + head.nslots);
    head.npool = 0;

    for (i = 0; i < n; i++) {

        if (token[i].len == 0) {
            continue;
        }

        if (soma_bpe_put(&head, slots, pool, token[i], i) != SOMA_OK) {
            *error = "a token is there twice";
            return SOMA_ERROR;
        }

        if (token[i].len == 2) {
            pair[token[i].data[0] << 8 | token[i].data[1]] = i;
        }
    }

    if (single != SOMA_BPE_BYTES) {
        *error = "not every single byte is a token";
        return SOMA_ERROR;
    }

    head.crc = soma_bpe_crc(file->data, size);
    memcpy(file->data, &head, sizeof(soma_bpe_head_t));

    return SOMA_OK;
}


static int
soma_bpe_put(soma_bpe_head_t *head, soma_bpe_slot_t *slots,
    unsigned char *pool, soma_str_t token, uint32_t rank)
{
    size_t            rest;
    uint32_t          i;
    uint64_t          first;
    soma_bpe_slot_t  *slot;

    first = soma_bpe_first(token.data, token.len);
    rest = token.len > SOMA_BPE_FIRST ? token.len - SOMA_BPE_FIRST : 0;

    for (i = soma_bpe_hash(first, token.data, token.len); /* void */ ; i++) {
        slot = &slots[i & (head->nslots - 1)];

        if (slot->rank == 0) {
            break;
        }

        if (slot->first == first && soma_bpe_slot_len(slot) == token.len
            && memcmp(pool + slot->place, token.data + token.len - rest, rest)
               == 0)
        {
            return SOMA_ERROR;
        }
    }

    slot->first = first;
    slot->rank = rank << 8 | (uint32_t) token.len;
    slot->place = head->npool;

    memcpy(pool + head->npool, token.data + token.len - rest, rest);

    head->npool += (uint32_t) rest;
    head->ntokens++;

    if (head->longest < token.len) {
        head->longest = (uint32_t) token.len;
    }

    return SOMA_OK;
}
