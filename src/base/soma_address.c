
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_address.h"


#define SOMA_ADDRESS_V4  4
#define SOMA_ADDRESS_V6  16


typedef struct {
    unsigned       bits;
    unsigned char  prefix[SOMA_ADDRESS_V6];
} soma_address_range_t;


static int soma_address_in(const unsigned char *p,
    const soma_address_range_t *range);
static int soma_address_public4(const unsigned char *p);
static int soma_address_public6(const unsigned char *p);


int
soma_address_public(const unsigned char *p, size_t len)
{
    switch (len) {

    case SOMA_ADDRESS_V4:
        return soma_address_public4(p);

    case SOMA_ADDRESS_V6:
        return soma_address_public6(p);

    default:
        return 0;
    }
}


static int
soma_address_in(const unsigned char *p, const soma_address_range_t *range)
{
    unsigned  bytes, rest;

    bytes = range->bits / 8;
    rest = range->bits % 8;

    if (memcmp(p, range->prefix, bytes) != 0) {
        return 0;
    }

    return rest == 0
           || (p[bytes] ^ range->prefix[bytes]) >> (8 - rest) == 0;
}


static int
soma_address_public4(const unsigned char *p)
{
    size_t  i;

    static const soma_address_range_t  ranges[] = {
        { 8,  { 0 } },                      /* this network */
        { 8,  { 10 } },                     /* private */
        { 10, { 100, 64 } },                /* a carrier's NAT */
        { 8,  { 127 } },                    /* loopback */
        { 16, { 169, 254 } },               /* link-local, metadata of clouds */
        { 12, { 172, 16 } },                /* private */
        { 24, { 192, 0, 0 } },              /* protocols */
        { 24, { 192, 0, 2 } },              /* documentation */
        { 24, { 192, 88, 99 } },            /* 6to4 relays */
        { 16, { 192, 168 } },               /* private */
        { 15, { 198, 18 } },                /* benchmarks */
        { 24, { 198, 51, 100 } },           /* documentation */
        { 24, { 203, 0, 113 } },            /* documentation */
        { 3,  { 224 } }                     /* multicast, reserved */
    };

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (soma_address_in(p, &ranges[i])) {
            return 0;
        }
    }

    return 1;
}


static int
soma_address_public6(const unsigned char *p)
{
    size_t  i;

    /* what holds an address of version 4 is as that one is */

    static const soma_address_range_t  mapped = {
        96, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }
    };
    static const soma_address_range_t  nat64 = { 96, { 0, 0x64, 0xff, 0x9b } };

    static const soma_address_range_t  global = { 3, { 0x20 } };

    static const soma_address_range_t  ranges[] = {
        { 23, { 0x20, 0x01 } },             /* protocols, Teredo */
        { 32, { 0x20, 0x01, 0x0d, 0xb8 } }, /* documentation */
        { 16, { 0x20, 0x02 } },             /* 6to4 */
        { 20, { 0x3f, 0xff } }              /* documentation */
    };

    if (soma_address_in(p, &mapped) || soma_address_in(p, &nat64)) {
        return soma_address_public4(p + SOMA_ADDRESS_V6 - SOMA_ADDRESS_V4);
    }

    if (!soma_address_in(p, &global)) {
        return 0;
    }

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (soma_address_in(p, &ranges[i])) {
            return 0;
        }
    }

    return 1;
}
