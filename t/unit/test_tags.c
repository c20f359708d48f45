
/*
 * Copyright (C) The ngx_soma authors
 *
 * Tags that a request adds to those of its key.
 */


#include "soma_arena_malloc.h"
#include "soma_tags.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static void
test_tags_list(void)
{
    size_t         i;
    soma_out_t     out;
    unsigned char  buf[24];

    static const struct {
        const char  *key;
        const char  *list;
        const char  *want;
    } cases[] = {
        { "", "", "" },
        { "", "a,b", "a,b" },
        { "team=red", "a", "team=red,a" },
        { "team=red", "", "team=red" },
        { "", " a , ,b=c,", "a,b=c" },
        { "", "a,b\nc,d\x7f,e", "a,e" },
        { "0123456789", "0123456789012,ab,0123456789", "0123456789,"
          "0123456789012" },
        { "0123456789", "01234567890123,ab", "0123456789,ab" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_cstr(&out, cases[i].key);
        soma_tags_list(&out, STR(cases[i].list));

        soma_is_str(buf, out.pos - out.start, cases[i].want,
                    "\"%s\" behind \"%s\"", cases[i].list, cases[i].key);
        soma_is_int(out.full, 0, "there is always room");
    }
}


static void
test_tags_object(soma_arena_t *arena)
{
    size_t         i;
    soma_out_t     out;
    unsigned char  buf[32];

    static const struct {
        const char  *object;
        const char  *want;
    } cases[] = {
        { "{}", "k" },
        { "{\"team\":\"blue\",\"n\":5,\"x\":{},\"y\":\"z\"}",
          "k,team=blue,y=z" },
        { "{\"te\\u0061m\":\"bl\\u0075e\"}", "k,team=blue" },
        { "{\"a\":\"b,c\",\"d\":\"e\\nf\",\"g,h\":\"i\",\"j\":\"\"}", "k" },
        { "{\"a\":\"01234567890123456789012345678901\",\"b\":\"c\"}",
          "k,b=c" },
        { "[\"a\",\"b\"]", "k" },
        { "\"text\"", "k" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_cstr(&out, "k");
        soma_tags_object(&out, STR(cases[i].object), arena);

        soma_is_str(buf, out.pos - out.start, cases[i].want, "%s",
                    cases[i].object);
    }
}


int
main(void)
{
    soma_arena_t  *arena;

    arena = soma_test_arena();

    test_tags_list();
    test_tags_object(arena);

    soma_test_arena_free(arena);

    return soma_done();
}
