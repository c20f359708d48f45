
/*
 * Copyright (C) The ngx_soma authors
 *
 * Small JSON values in memory, and splices.
 */


#include "soma_json.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


/* a copy without a byte behind it, for ASan to see what is read beyond */
static soma_str_t
tight(const char *s, size_t len)
{
    soma_str_t  text;

    text.len = len;
    text.data = malloc(len > 0 ? len : 1);

    if (text.data == NULL) {
        exit(2);
    }

    memcpy(text.data, s, len);

    return text;
}


/* every member as "name=text:type;" and how the walk ends */
static void
walk(soma_str_t text, char *out, size_t size)
{
    int                rc;
    size_t             n;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    n = 0;
    out[0] = '\0';

    if (soma_json_first(&it, text) != SOMA_OK) {
        snprintf(out, size, "declined");
        return;
    }

    while ((rc = soma_json_next(&it, &name, &value)) == SOMA_OK) {
        n += (size_t) snprintf(out + n, size - n, "%.*s=%.*s:%d;",
                               (int) name.len, name.data,
                               (int) value.text.len, value.text.data,
                               value.type);
        if (n >= size) {
            return;
        }
    }

    snprintf(out + n, size - n, "%s", rc == SOMA_DONE ? "done" : "error");

    /* and it stays so */
    if (soma_json_next(&it, &name, &value) != rc) {
        snprintf(out + n, size - n, "unstable");
    }
}


static void
test_walk(void)
{
    size_t   i, k, len;
    char     out[512], again[512];
    soma_str_t  text;

    static const struct {
        const char  *text;
        const char  *want;
    } cases[] = {
        { "{}", "done" },
        { "[]", "done" },
        { " [ ] ", "done" },
        { "{\"a\":1}", "a=1:4;done" },
        { "{ \"a\" : 1 , \"b\" : [ 2 ] }", "a=1:4;b=[ 2 ]:2;done" },
        { "[1,\"x\",true,false,null,{\"a\":[]},[]]",
          "=1:4;=\"x\":3;=true:5;=false:6;=null:7;={\"a\":[]}:1;=[]:2;done" },
        { "{\"a\\n\":\"\\\"}\"}", "a\\n=\"\\\"}\":3;done" },
        { "{\"a\":{\"b\":\"}]\"}}", "a={\"b\":\"}]\"}:1;done" },
        { "", "declined" },
        { "  ", "declined" },
        { "1", "declined" },
        { "\"a\"", "declined" },
        { "{", "error" },
        { "[", "error" },
        { "{\"a\"", "error" },
        { "{\"a\":", "error" },
        { "{\"a\":1", "a=1:4;error" },
        { "{\"a\":1,", "a=1:4;error" },
        { "{\"a\":1,}", "a=1:4;error" },
        { "[1,]", "=1:4;error" },
        { "[,1]", "error" },
        { "[1 2]", "=1:4;error" },
        { "{a:1}", "error" },
        { "{\"a\" 1}", "error" },
        { "{\"a\":tru}", "error" },
        { "[truefalse]", "error" },
        { "[{]}", "error" },
        { "[[1,2]", "=[1,2]:2;error" },
        { "[\"a\nb\"]", "error" },
        { "[\"\\x\"]", "error" },
        { "[\"\\u12g4\"]", "error" },
        { "[\"abc", "error" },
        { "[\"abc\\", "error" },
        { "[\"abc\\u1", "error" },
        { "[/**/]", "error" },
        { "{]", "error" },
        { "[}", "error" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = strlen(cases[i].text);
        text = tight(cases[i].text, len);

        walk(text, out, sizeof(out));
        soma_is_str(out, strlen(out), cases[i].want, "walk %s",
                    cases[i].want);

        free(text.data);

        /* cut anywhere: nothing is read beyond the end */
        for (k = 0; k < len; k++) {
            text = tight(cases[i].text, k);
            walk(text, again, sizeof(again));
            free(text.data);
        }
    }
}


static void
test_get(void)
{
    soma_str_t         object;
    soma_json_value_t  v;

    object = str("{\"a\":1,\"b\\u0063\":\"x\",\"a\":2,"
                 "\"\\ud83d\\ude00\":3,\"\":4,\"x\\ty\":5}");

    soma_ok(soma_json_get(object, "a", &v) == SOMA_OK, "get a");
    soma_is_str(v.text.data, v.text.len, "2", "the last one");
    soma_ok(soma_json_get(object, "bc", &v) == SOMA_OK, "an escaped name");
    soma_is_str(v.text.data, v.text.len, "\"x\"", "its value");
    soma_ok(v.type == SOMA_JSON_STRING, "its type");
    soma_ok(soma_json_get(object, "\xf0\x9f\x98\x80", &v) == SOMA_OK,
            "a surrogate pair in a name");
    soma_ok(soma_json_get(object, "", &v) == SOMA_OK, "an empty name");
    soma_is_str(v.text.data, v.text.len, "4", "its value");
    soma_ok(soma_json_get(object, "x\ty", &v) == SOMA_OK, "a tab");
    soma_ok(soma_json_get(object, "b", &v) == SOMA_DECLINED, "a prefix");
    soma_ok(soma_json_get(object, "bcd", &v) == SOMA_DECLINED, "longer");
    soma_ok(soma_json_get(object, "x\\ty", &v) == SOMA_DECLINED,
            "an escape is not its own text");
    soma_ok(soma_json_get(str("[1]"), "a", &v) == SOMA_DECLINED, "array");
    soma_ok(soma_json_get(str("{\"a\":1"), "a", &v) == SOMA_DECLINED,
            "a broken object");
    soma_ok(soma_json_get(str(""), "a", &v) == SOMA_DECLINED, "nothing");
}


static void
test_int(void)
{
    int                rc;
    size_t             i;
    int64_t            n;
    soma_json_value_t  v;

    static const struct {
        const char  *text;
        int          rc;
        int64_t      n;
    } cases[] = {
        { "0", SOMA_OK, 0 },
        { "-0", SOMA_OK, 0 },
        { "12", SOMA_OK, 12 },
        { "-12", SOMA_OK, -12 },
        { "12.0", SOMA_OK, 12 },
        { "12.00e0", SOMA_OK, 12 },
        { "1.2e1", SOMA_OK, 12 },
        { "1.50e1", SOMA_OK, 15 },
        { "120e-1", SOMA_OK, 12 },
        { "1E+2", SOMA_OK, 100 },
        { "0e99999999999999999999", SOMA_OK, 0 },
        { "0.000e-5", SOMA_OK, 0 },
        { "1000000000000000000000e-9", SOMA_OK, 1000000000000 },
        { "9223372036854775807", SOMA_OK, INT64_MAX },
        { "-9223372036854775808", SOMA_OK, INT64_MIN },
        { "-9223372036854775800", SOMA_OK, -9223372036854775800 },
        { "922337203685477580.7e1", SOMA_OK, INT64_MAX },
        { "9223372036854775808", SOMA_DECLINED, 0 },
        { "-9223372036854775809", SOMA_DECLINED, 0 },
        { "1e19", SOMA_DECLINED, 0 },
        { "1e999999999", SOMA_DECLINED, 0 },
        { "1e-999999999", SOMA_DECLINED, 0 },
        { "1e999999999999999999999999", SOMA_DECLINED, 0 },
        { "1.5", SOMA_DECLINED, 0 },
        { "12e-1", SOMA_DECLINED, 0 },
        { "01", SOMA_DECLINED, 0 },
        { "-", SOMA_DECLINED, 0 },
        { "", SOMA_DECLINED, 0 },
        { ".5", SOMA_DECLINED, 0 },
        { "1.", SOMA_DECLINED, 0 },
        { "1.e1", SOMA_DECLINED, 0 },
        { "1e", SOMA_DECLINED, 0 },
        { "1e+", SOMA_DECLINED, 0 },
        { "1.2.3", SOMA_DECLINED, 0 },
        { "1x", SOMA_DECLINED, 0 },
        { "+1", SOMA_DECLINED, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        v.text = tight(cases[i].text, strlen(cases[i].text));
        v.type = SOMA_JSON_NUMBER;
        n = 0;

        rc = soma_json_int(&v, &n);
        soma_ok(rc == cases[i].rc && n == cases[i].n, "int \"%s\"",
                cases[i].text);

        free(v.text.data);
    }

    v.text = str("1");
    v.type = SOMA_JSON_STRING;
    soma_ok(soma_json_int(&v, &n) == SOMA_DECLINED, "a string is none");
}


static void
test_text(void)
{
    int                rc;
    size_t             i;
    soma_str_t         text;
    soma_arena_t      *arena;
    soma_json_value_t  v;

    static const struct {
        const char  *text;
        const char  *want;      /* NULL: SOMA_ERROR */
    } cases[] = {
        { "\"\"", "" },
        { "\"abc\"", "abc" },
        { "\"a\\\"b\\\\c\\/d\"", "a\"b\\c/d" },
        { "\"\\b\\f\\n\\r\\t\"", "\b\f\n\r\t" },
        { "\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac" },
        { "\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!" },
        { "\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf" },
        { "\"\\ud83dx\"", "\xef\xbf\xbdx" },
        { "\"\\ud83d\"", "\xef\xbf\xbd" },
        { "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A" },
        { "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" },
        { "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
        { "\"\xff\\n\"", "\xff\n" },
        { "\"\\x\"", NULL },
        { "\"\\u12\"", NULL },
        { "\"\\u12g4\"", NULL },
        { "\"\\\"", NULL },
        { "\"", NULL },
        { "", NULL },
        { "abc", NULL }
    };

    arena = soma_test_arena();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        v.text = tight(cases[i].text, strlen(cases[i].text));
        v.type = SOMA_JSON_STRING;

        rc = soma_json_text(arena, &v, &text);

        if (cases[i].want == NULL) {
            soma_is_int(rc, SOMA_ERROR, "text %s is refused", cases[i].text);

        } else if (soma_is_int(rc, SOMA_OK, "text %zu", i)) {
            soma_is_str(text.data, text.len, cases[i].want, "its text");
            soma_ok((memchr(cases[i].text, '\\', v.text.len) == NULL)
                    == (text.data == v.text.data + 1),
                    "a copy only where needed");
        }

        free(v.text.data);
    }

    v.text = str("\"\\u0000\"");
    soma_ok(soma_json_text(arena, &v, &text) == SOMA_OK && text.len == 1
            && text.data[0] == '\0', "a null character");

    soma_test_arena_fail(arena, 1);
    soma_ok(soma_json_text(arena, &v, &text) == SOMA_ERROR, "no memory");

    v.type = SOMA_JSON_NUMBER;
    soma_ok(soma_json_text(arena, &v, &text) == SOMA_ERROR, "no string");

    soma_test_arena_free(arena);
}


static void
test_edit(void)
{
    unsigned           i;
    soma_json_edits_t  e;

    memset(&e, 0, sizeof(e));

    soma_is_int(soma_json_edited_len(&e, 100), 100, "no edit");

    soma_ok(soma_json_edit(&e, 20, 30, str("abc")) == SOMA_OK, "one");
    soma_ok(soma_json_edit(&e, 5, 10, str("0123456789")) == SOMA_OK,
            "one before it");
    soma_ok(soma_json_edit(&e, 30, 30, str("x")) == SOMA_OK,
            "an insertion at its end");
    soma_ok(soma_json_edit(&e, 20, 20, str("y")) == SOMA_OK,
            "an insertion at its start");
    soma_ok(soma_json_edit(&e, 30, 30, str("z")) == SOMA_OK,
            "a second insertion there");

    soma_is_int(e.n, 5, "five");
    soma_is_int(e.edit[0].start, 5, "in order");
    soma_is_str(e.edit[1].text.data, e.edit[1].text.len, "y", "in order");
    soma_is_str(e.edit[2].text.data, e.edit[2].text.len, "abc", "in order");
    soma_is_str(e.edit[3].text.data, e.edit[3].text.len, "x", "in order");
    soma_is_str(e.edit[4].text.data, e.edit[4].text.len, "z", "in order");
    soma_is_int(soma_json_edited_len(&e, 100), 101, "length");

    soma_ok(soma_json_edit(&e, 25, 26, str("")) == SOMA_ERROR, "inside");
    soma_ok(soma_json_edit(&e, 25, 25, str("")) == SOMA_ERROR,
            "an insertion inside");
    soma_ok(soma_json_edit(&e, 19, 21, str("")) == SOMA_ERROR, "over");
    soma_ok(soma_json_edit(&e, 0, 100, str("")) == SOMA_ERROR, "around");
    soma_ok(soma_json_edit(&e, 20, 30, str("")) == SOMA_ERROR, "again");
    soma_ok(soma_json_edit(&e, 50, 49, str("")) == SOMA_ERROR, "backwards");

    soma_is_int(e.n, 5, "none of them is kept");

    for (i = 5; i < SOMA_JSON_EDIT_MAX; i++) {
        soma_ok(soma_json_edit(&e, 50 + i, 51 + i, str("")) == SOMA_OK,
                "edit %u", i);
    }

    soma_ok(soma_json_edit(&e, 90, 91, str("")) == SOMA_ERROR, "too many");
    soma_is_int(soma_json_edited_len(&e, 100), 98, "length");
}


int
main(void)
{
    test_walk();
    test_get();
    test_int();
    test_text();
    test_edit();

    return soma_done();
}
