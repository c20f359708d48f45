
/*
 * Copyright (C) The ngx_soma authors
 *
 * JSON of our own, member by member.
 */


#include "soma_member.h"
#include "soma_test.h"


static void test_member_kinds(void);
static void test_member_lists(void);
static void test_member_rows(void);
static void test_member_full(void);


static void
test_member_kinds(void)
{
    soma_out_t     out;
    unsigned char  buf[512];

    soma_put_init(&out, buf, sizeof(buf));

    soma_member_open(&out, NULL, '{');
    soma_member_str(&out, "a", SOMA_STR("x\"y"));
    soma_member_text(&out, "b", "{");
    soma_member_int(&out, "c", -7);
    soma_member_bool(&out, "d", 2);
    soma_member_null(&out, "e");
    soma_member_time(&out, "f", 0);
    soma_member_time(&out, "g", 1);
    soma_member_open(&out, "h", '{');
    soma_member_bool(&out, "i", 0);
    soma_put_char(&out, '}');
    soma_member_cursor(&out, SOMA_STR("a/b"));
    soma_member_cursor(&out, (soma_str_t) soma_str_null);
    soma_put_char(&out, '}');

    soma_is_str(buf, out.pos - out.start,
                "{\"a\":\"x\\\"y\",\"b\":\"{\",\"c\":-7,\"d\":true,"
                "\"e\":null,\"f\":null,\"g\":\"1970-01-01T00:00:00.001Z\","
                "\"h\":{\"i\":false},\"cursor\":\"a/b\",\"cursor\":null}",
                "every kind, with its comma");
}


static void
test_member_lists(void)
{
    size_t         i;
    soma_out_t     out;
    unsigned char  buf[128];

    static const struct {
        soma_str_t   list;
        int          separator;
        const char  *want;
    } cases[] = {
        { soma_str_null, ',', "\"l\":[]" },
        { soma_string("a"), ',', "\"l\":[\"a\"]" },
        { soma_string("a b"), ' ', "\"l\":[\"a\",\"b\"]" },
        { soma_string(" a ;; b 1/day;"), ';', "\"l\":[\"a\",\"b 1/day\"]" },
        { soma_string(";;"), ';', "\"l\":[]" },
        { soma_string("[;{"), ';', "\"l\":[\"[\",\"{\"]" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_member_list(&out, "l", cases[i].list, cases[i].separator);
        soma_is_str(buf, out.pos - out.start, cases[i].want, "list %d",
                    (int) i);
    }
}


/* every other one is not shown */
static void
test_member_row(soma_out_t *out, void *data, size_t n)
{
    int  *calls = data;

    (*calls)++;

    if (n % 2) {
        soma_member_open(out, NULL, '{');
        soma_member_int(out, "n", (int64_t) n);
        soma_put_char(out, '}');
    }
}


static void
test_member_rows(void)
{
    int            calls;
    soma_out_t     out;
    unsigned char  buf[128];

    calls = 0;
    soma_put_init(&out, buf, sizeof(buf));
    soma_member_rows(&out, "rows", 5, test_member_row, &calls);
    soma_member_rows(&out, "none", 0, test_member_row, &calls);

    soma_is_str(buf, out.pos - out.start,
                "\"rows\":[{\"n\":1},{\"n\":3}],\"none\":[]",
                "rows that write nothing leave no comma");
    soma_is_int(calls, 5, "each is asked once");
}


static void
test_member_full(void)
{
    size_t         size;
    soma_out_t     out;
    unsigned char  buf[32];

    for (size = 1; size < 26; size++) {
        soma_put_init(&out, buf, size);
        soma_member_str(&out, "name", SOMA_STR("value"));
        soma_member_int(&out, "n", 1234);
        soma_is_int(out.full, size < 23, "%d bytes of 23", (int) size);
    }
}


int
main(void)
{
    test_member_kinds();
    test_member_lists();
    test_member_rows();
    test_member_full();

    return soma_done();
}
