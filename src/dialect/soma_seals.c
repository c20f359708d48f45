
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_seals.h"


static soma_seals_slot_t *soma_seals_find(soma_seals_t *seals,
    const uint64_t key[2]);
static unsigned soma_seals_holds(soma_seals_t *seals,
    const soma_seals_slot_t *slot);
static unsigned char *soma_seals_ring(soma_seals_t *seals);


soma_seals_t *
soma_seals_init(void *memory, size_t size)
{
    size_t         n, taken;
    soma_seals_t  *seals;

    seals = memory;

    for (n = SOMA_SEALS_WAYS; n * 2 * SOMA_SEALS_MEAN <= size; n *= 2) {
        /* void */
    }

    taken = sizeof(soma_seals_t) + n * sizeof(soma_seals_slot_t);

    if (size < taken + SOMA_SEALS_LEN_MAX) {
        return NULL;
    }

    seals->head = 0;
    seals->size = size - taken;
    seals->nslots = n;

    return seals;
}


int
soma_seals_put(soma_seals_t *seals, const uint64_t key[2], soma_str_t bytes)
{
    uint64_t            at;
    unsigned            i;
    soma_seals_slot_t  *slot, *oldest;

    if (bytes.len == 0 || bytes.len > SOMA_SEALS_LEN_MAX
        || bytes.len > seals->size)
    {
        return SOMA_DECLINED;
    }

    /* one lies in one piece: what is left at the end is passed over */

    at = seals->head % seals->size;

    if (bytes.len > seals->size - at) {
        seals->head += seals->size - at;
        at = 0;
    }

    slot = &seals->slot[key[0] & (seals->nslots - SOMA_SEALS_WAYS)];
    oldest = slot;

    for (i = 0; i < SOMA_SEALS_WAYS; i++) {

        if (slot[i].len == 0) {
            oldest = &slot[i];
            break;
        }

        if (slot[i].at < oldest->at) {
            oldest = &slot[i];
        }
    }

    memcpy(soma_seals_ring(seals) + at, bytes.data, bytes.len);

    oldest->key[0] = key[0];
    oldest->key[1] = key[1];
    oldest->at = seals->head;
    oldest->len = (uint32_t) bytes.len;

    seals->head += bytes.len;

    return SOMA_OK;
}


int
soma_seals_get(soma_seals_t *seals, const uint64_t key[2], soma_str_t *bytes)
{
    soma_seals_slot_t  *slot;

    slot = soma_seals_find(seals, key);

    if (slot == NULL || !soma_seals_holds(seals, slot)) {
        return SOMA_DECLINED;
    }

    bytes->data = soma_seals_ring(seals) + slot->at % seals->size;
    bytes->len = slot->len;

    return SOMA_OK;
}


static soma_seals_slot_t *
soma_seals_find(soma_seals_t *seals, const uint64_t key[2])
{
    unsigned            i;
    soma_seals_slot_t  *slot;

    slot = &seals->slot[key[0] & (seals->nslots - SOMA_SEALS_WAYS)];

    for (i = 0; i < SOMA_SEALS_WAYS; i++) {
        if (slot[i].len != 0 && slot[i].key[0] == key[0]
            && slot[i].key[1] == key[1])
        {
            return &slot[i];
        }
    }

    return NULL;
}


/* nothing was written over it since: the ring has not come round to where it
 * begins */

static unsigned
soma_seals_holds(soma_seals_t *seals, const soma_seals_slot_t *slot)
{
    return seals->head - slot->at <= seals->size;
}


static unsigned char *
soma_seals_ring(soma_seals_t *seals)
{
    return (unsigned char *) &seals->slot[seals->nslots];
}
