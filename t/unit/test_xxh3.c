
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_xxh3.h"

#define XXH_INLINE_ALL
#include <xxhash.h>


/* with the machine's widest vectors it is what the header says */

int
main(void)
{
    size_t         i, wrong;
    unsigned char  text[4096 + 3];

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char) (i * i >> 3);
    }

    wrong = 0;

    for (i = 0; i <= 4096; i++) {
        wrong += soma_xxh3(text + i % 3, i) != XXH3_64bits(text + i % 3, i);
    }

    soma_is_int(wrong, 0, "every length");
    soma_ok(soma_xxh3("", 0) == 0x2d06800538d394c2u, "nothing's");

    return soma_done();
}
