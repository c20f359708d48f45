
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a body is by its first bytes, however few of them are there.
 */


#include "soma_sniff.h"
#include "soma_test.h"


typedef struct {
    const char    *body;
    soma_sniff_e   is;
    size_t         from;        /* bytes that it takes to tell */
} case_t;


static const case_t  cases[] = {
    { "data: {}\n\n",               SOMA_SNIFF_SSE,   5 },
    { "data:{}\n\n",                SOMA_SNIFF_SSE,   5 },
    { "data\n\n",                   SOMA_SNIFF_SSE,   5 },
    { "event: response.created\n",  SOMA_SNIFF_SSE,   6 },
    { "id: 1\r\n",                  SOMA_SNIFF_SSE,   3 },
    { "retry: 10\n",                SOMA_SNIFF_SSE,   6 },
    { ": OPENROUTER PROCESSING\n",  SOMA_SNIFF_SSE,   1 },
    { "\n\r\n  : hi",               SOMA_SNIFF_SSE,   6 },
    { "\xef\xbb\xbf" "data: 1",     SOMA_SNIFF_SSE,   8 },
    { "{\"data\":1}",               SOMA_SNIFF_JSON,  1 },
    { " \t\r\n[1]",                 SOMA_SNIFF_JSON,  5 },
    { "\xef\xbb\xbf{}",             SOMA_SNIFF_JSON,  4 },
    { "<html>",                     SOMA_SNIFF_OTHER, 1 },
    { "null",                       SOMA_SNIFF_OTHER, 1 },
    { "database",                   SOMA_SNIFF_OTHER, 5 },
    { "datum: 1",                   SOMA_SNIFF_OTHER, 4 },
    { "ID3\4",                      SOMA_SNIFF_OTHER, 1 },
    { "\xef\xbb" "data: 1",         SOMA_SNIFF_OTHER, 3 },
    { "events: 1",                  SOMA_SNIFF_OTHER, 6 },
    { "irate",                      SOMA_SNIFF_OTHER, 2 }
};


int
main(void)
{
    size_t                i, n, len;
    unsigned char        *copy;
    soma_sniff_e          is;

    soma_is_int(soma_sniff(NULL, 0), SOMA_SNIFF_MORE, "nothing tells nothing");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = strlen(cases[i].body);

        for (n = 1; n <= len; n++) {

            /* a copy that ends where the bytes do */

            copy = malloc(n);
            memcpy(copy, cases[i].body, n);

            is = soma_sniff(copy, n);
            free(copy);

            if (!soma_is_int(is, n < cases[i].from ? SOMA_SNIFF_MORE
                                                   : cases[i].is,
                             "%d bytes of case %d", (int) n, (int) i))
            {
                break;
            }
        }
    }

    return soma_done();
}
