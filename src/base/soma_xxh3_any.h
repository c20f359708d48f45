
/*
 * Copyright (C) The ngx_soma authors
 *
 * What each file does that compiles xxHash's header for one instruction set.
 */


#ifndef SOMA_XXH3_ANY_H
#define SOMA_XXH3_ANY_H


#define SOMA_XXH3_GATHER  2048  /* bytes: less to copy than to hash in parts */


static inline uint64_t
soma_xxh3_gathered(const soma_str_t *part, unsigned n)
{
    size_t         len;
    unsigned       i;
    unsigned char  buf[SOMA_XXH3_GATHER];

    for (i = 0, len = 0; i < n; i++) {
        soma_copy(buf + len, part[i].data, part[i].len);
        len += part[i].len;
    }

    return XXH3_64bits(buf, len);
}


static inline uint64_t
soma_xxh3_any(const soma_str_t *part, unsigned n)
{
    size_t        len;
    unsigned      i;
    XXH3_state_t  state;

    if (n == 1) {
        return XXH3_64bits(part->data, part->len);
    }

    for (i = 0, len = 0; i < n; i++) {
        len += part[i].len;
    }

    if (len <= SOMA_XXH3_GATHER) {
        return soma_xxh3_gathered(part, n);
    }

    (void) XXH3_64bits_reset(&state);

    for (i = 0; i < n; i++) {
        (void) XXH3_64bits_update(&state, part[i].data, part[i].len);
    }

    return XXH3_64bits_digest(&state);
}


#endif /* SOMA_XXH3_ANY_H */
