
/*
 * Copyright (C) The ngx_soma authors
 */


#include <arpa/inet.h>

#include "soma_address.h"
#include "soma_test.h"


int
main(void)
{
    size_t         i;
    unsigned char  p[16];

    static const struct {
        const char  *text;
        int          public;
    } cases[] = {
        { "8.8.8.8", 1 }, { "1.1.1.1", 1 }, { "172.15.0.1", 1 },
        { "172.32.0.1", 1 }, { "100.63.0.1", 1 }, { "100.128.0.1", 1 },
        { "192.0.1.1", 1 }, { "198.20.0.1", 1 }, { "223.255.255.255", 1 },
        { "0.0.0.0", 0 }, { "10.1.2.3", 0 }, { "100.64.0.1", 0 },
        { "127.0.0.1", 0 }, { "127.255.255.255", 0 },
        { "169.254.169.254", 0 }, { "172.16.0.1", 0 }, { "172.31.9.9", 0 },
        { "192.168.1.1", 0 }, { "198.18.0.1", 0 }, { "198.19.0.1", 0 },
        { "224.0.0.1", 0 }, { "240.0.0.1", 0 }, { "255.255.255.255", 0 },
        { "2606:4700::1111", 1 }, { "2a00:1450::1", 1 },
        { "::ffff:8.8.8.8", 1 }, { "64:ff9b::8.8.8.8", 1 },
        { "::", 0 }, { "::1", 0 }, { "fe80::1", 0 }, { "fc00::1", 0 },
        { "fd12:3456::1", 0 }, { "ff02::1", 0 }, { "2001:db8::1", 0 },
        { "2001::1", 0 }, { "2002:7f00:1::", 0 }, { "::ffff:127.0.0.1", 0 },
        { "::ffff:10.0.0.1", 0 }, { "64:ff9b::7f00:1", 0 },
        { "64:ff9b::10.0.0.1", 0 }, { "::127.0.0.1", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_address_public(p,
                        inet_pton(AF_INET, cases[i].text, p) == 1 ? 4
                        : inet_pton(AF_INET6, cases[i].text, p) == 1 ? 16
                        : 0),
                    cases[i].public, "%s", cases[i].text);
    }

    soma_is_int(soma_address_public(p, 5), 0, "what is no address");

    return soma_test_done();
}
