
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_resp.h"


static void
text(const char *want, int argc, const char *a, const char *b)
{
    int             i;
    size_t          len[2], size;
    const char     *argv[2];
    unsigned char  *p, buf[256];

    argv[0] = a;
    argv[1] = b;

    for (i = 0; i < argc; i++) {
        len[i] = strlen(argv[i]);
    }

    size = SOMA_RESP_HEAD + soma_resp_size(argc, len);

    p = soma_resp_array(buf, (size_t) argc);
    p = soma_resp_args(p, argc, argv, len);

    soma_is_str(buf, p - buf, want, "%d of \"%s\"", argc, a);
    soma_ok((size_t) (p - buf) <= size, "no more than %d bytes", (int) size);
}


int
main(void)
{
    size_t          len;
    const char     *arg;
    unsigned char  *p, buf[4096];

    text("*1\r\n$4\r\nPING\r\n", 1, "PING", "");
    text("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", 2, "GET", "");
    text("*2\r\n$3\r\nGET\r\n$12\r\na\r\n$1\r\nb\r\nc\r\r\n", 2, "GET",
         "a\r\n$1\r\nb\r\nc\r");
    text("*0\r\n", 0, "", "");

    /* zeros are bytes like others; a length of four digits */

    memset(buf, 0, sizeof(buf));
    arg = (char *) buf + 2048;
    len = 1000;

    p = soma_resp_args(buf, 1, &arg, &len);

    soma_is_int(p - buf, 1000 + 9, "a thousand zeros");
    soma_ok(memcmp(buf, "$1000\r\n", 7) == 0, "are said to be so many");
    soma_ok(memcmp(p - 2, "\r\n", 2) == 0, "and end so");

    return soma_done();
}
