
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_xxh3.h"

#define XXH_INLINE_ALL
#include <xxhash.h>


#define TEXT  4096

static unsigned char  text[TEXT + 3];


/* with the machine's widest vectors it is what the header says */
static void
whole(void)
{
    size_t      i, wrong;
    soma_str_t  part;

    wrong = 0;

    for (i = 0; i <= TEXT; i++) {
        part.data = text + i % 3;
        part.len = i;

        wrong += soma_xxh3(&part, 1) != XXH3_64bits(part.data, part.len);
    }

    soma_is_int(wrong, 0, "every length");

    part.len = 0;
    soma_ok(soma_xxh3(&part, 1) == 0x2d06800538d394c2u, "nothing's");
    soma_ok(soma_xxh3(&part, 0) == 0x2d06800538d394c2u, "no part's");
}


static void
parted(void)
{
    size_t      i, cut, wrong;
    uint64_t    hash;
    soma_str_t  part[3];

    wrong = 0;

    for (i = 0; i <= TEXT; i += 97) {
        hash = XXH3_64bits(text, i);

        for (cut = 0; cut <= i; cut++) {
            part[0] = (soma_str_t) { cut / 2, text };
            part[1] = (soma_str_t) { cut - cut / 2, text + cut / 2 };
            part[2] = (soma_str_t) { i - cut, text + cut };

            wrong += soma_xxh3(part, 3) != hash;
        }
    }

    soma_is_int(wrong, 0, "in three parts, wherever they are cut");
}


static void
bytes(void)
{
    size_t      i;
    soma_str_t  part[TEXT];

    for (i = 0; i < TEXT; i++) {
        part[i] = (soma_str_t) { 1, text + i };
    }

    soma_ok(soma_xxh3(part, TEXT) == XXH3_64bits(text, TEXT),
            "byte by byte");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char) (i * i >> 3);
    }

    whole();
    parted();
    bytes();

    return soma_done();
}
