
/*
 * Copyright (C) The ngx_soma authors
 *
 * The scanner: what it takes and refuses and where, the same for every kind
 * and however the body is cut; and against yyjson on generated bodies.
 */


#include "soma_json_oracle.h"
#include "soma_test.h"


#define BODIES     200
#define MUTATIONS  4
#define BODY_MAX   4096


typedef struct {
    unsigned char  p[BODY_MAX + 512];
    size_t         len;
} body_t;


static size_t
any_cuts(size_t *cut, size_t max, size_t len)
{
    size_t  n, at;

    at = 0;

    for (n = 0; n < max; n++) {
        at += soma_any(8) ? soma_any(200) : soma_any(3);

        if (at > len) {
            break;
        }

        cut[n] = at;
    }

    return n;
}


/* every way of cutting gives what the whole gave; returns the result */
static int
scan_all_ways(const unsigned char *p, size_t len, soma_json_scan_t *whole,
    const char **fault)
{
    int               rc, again;
    size_t            i, k, n;
    static size_t     cut[BODY_MAX + 512];
    soma_json_scan_t  scan;

    *fault = NULL;

    (void) soma_json_scan_use("portable");
    rc = oracle_scan(whole, p, len, NULL, 0);

    for (i = 0; i < ORACLE_KINDS; i++) {
        if (soma_json_scan_use(oracle_kinds[i]) != SOMA_OK) {
            continue;
        }

        for (k = 0; k < 6; k++) {

            if (k == 0) {
                n = 0;

            } else if (k == 1) {
                for (n = 0; n < len; n++) {
                    cut[n] = n + 1;
                }

            } else {
                n = any_cuts(cut, k == 2 ? 1 : sizeof(cut) / sizeof(cut[0]),
                             len);
            }

            again = oracle_scan(&scan, p, len, cut, n);

            if (again != rc || !oracle_same(whole, &scan)) {
                *fault = oracle_kinds[i];
                return rc;
            }

            if (rc == SOMA_OK) {
                *fault = oracle_marks(p, len, &scan, 0);

                if (*fault != NULL) {
                    return rc;
                }
            }
        }
    }

    return rc;
}


static const struct {
    const char  *text;
    const char  *error;     /* NULL: it is good */
    size_t       offset;
} cases[] = {
    { "{}", NULL, 0 },
    { " \t\r\n{ } \t\r\n", NULL, 0 },
    { "{\"model\":\"x\"}", NULL, 0 },
    { "{\"a\":1,\"a\":2,\"b\":1,\"b\":2}", NULL, 0 },
    { "{\"a\":[{\"model\":1,\"model\":2}]}", NULL, 0 },
    { "{\"a\":-0.5e+10,\"b\":0,\"c\":1E1 ,\"d\":10.01}", NULL, 0 },
    { "{\"a\":true,\"b\":false,\"c\":null}", NULL, 0 },
    { "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\uAbC9\"}", NULL, 0 },
    { "{\"a\":\"\xff\xc0 passes\"}", NULL, 0 },
    { "{\"a\":[\"\\ud800 passes\"]}", NULL, 0 },
    { "{\"\":1,\"\":2}", NULL, 0 },
    { "{\"model2\":1,\"mode\":2,\"odel\":3}", NULL, 0 },
    { "{\"Messages\":1,\"messages\":2}", NULL, 0 },
    { "{\"a\":[1,,2 tru NaN 1.2.3]}", NULL, 0 },
    { "{\"a\":{1:2}}", NULL, 0 },
    { "", "the body is empty", 0 },
    { " \n", "the body is empty", 2 },
    { "[]", "the body is no JSON object", 0 },
    { "\"a\"", "the body is no JSON object", 0 },
    { " 1", "the body is no JSON object", 1 },
    { "\xef\xbb\xbf{}", "a byte order mark before the object", 0 },
    { "{", "the body ends before its object does", 1 },
    { "{\"a\"", "the body ends before its object does", 4 },
    { "{\"a", "the body ends before its object does", 3 },
    { "{\"a\":", "the body ends before its object does", 5 },
    { "{\"a\":1", "the body ends before its object does", 6 },
    { "{\"a\":tr", "the body ends before its object does", 7 },
    { "{\"a\":\"x", "the body ends before its object does", 7 },
    { "{\"a\":[1", "the body ends before its object does", 7 },
    { "{\"a\":1,", "the body ends before its object does", 7 },
    { "{}x", "bytes behind the object", 2 },
    { "{}{}", "bytes behind the object", 2 },
    { "{} }", "bytes behind the object", 3 },
    { "{,}", "a member without a name", 1 },
    { "{\"a\":1,}", "a member without a name", 7 },
    { "{a:1}", "a member without a name", 1 },
    { "{'a':1}", "a member without a name", 1 },
    { "{1:1}", "a member without a name", 1 },
    { "{/**/}", "a member without a name", 1 },
    { "{\"a\" 1}", "no colon behind a name", 5 },
    { "{\"a\",1}", "no colon behind a name", 4 },
    { "{\"a\":}", "no value behind a colon", 5 },
    { "{\"a\":,}", "no value behind a colon", 5 },
    { "{\"a\":x}", "no value behind a colon", 5 },
    { "{\"a\":+1}", "no value behind a colon", 5 },
    { "{\"a\":.5}", "no value behind a colon", 5 },
    { "{\"a\":1 \"b\":2}", "no comma behind a value", 7 },
    { "{\"a\":1]", "no comma behind a value", 6 },
    { "{\"a\":[]]}", "no comma behind a value", 7 },
    { "{\"a\":truex}", "no comma behind a value", 9 },
    { "{\"a\":01}", "no comma behind a value", 6 },
    { "{\"a\":1.5.5}", "no comma behind a value", 8 },
    { "{\"a\":\"x\"y}", "no comma behind a value", 8 },
    { "{\"a\":tru}", "a word that no JSON has", 8 },
    { "{\"a\":nulL}", "a word that no JSON has", 8 },
    { "{\"a\":-}", "a bad number", 6 },
    { "{\"a\":-x}", "a bad number", 6 },
    { "{\"a\":1.}", "a bad number", 7 },
    { "{\"a\":1e}", "a bad number", 7 },
    { "{\"a\":1e+}", "a bad number", 8 },
    { "{\"a\":\"\n\"}", "a control character in a string", 6 },
    { "{\"a\":[\"x\ty\"]}", "a control character in a string", 8 },
    { "{\"a\n\":1}", "a control character in a string", 3 },
    { "{\"a\":\"\\x\"}", "a bad escape in a string", 7 },
    { "{\"a\":\"\\u12G4\"}", "a bad escape in a string", 10 },
    { "{\"a\":[\"\\'\"]}", "a bad escape in a string", 8 },
    { "{\"\\q\":1}", "a bad escape in a string", 3 },
    { "{\"\\u00zz\":1}", "a bad escape in a string", 6 },
    { "{\"a\":[/*\"*/]}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":[\\\"]}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":['x']}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":[#]}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":[\xc2\xa0]}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":[\x01]}", "a byte that no JSON has outside a string", 6 },
    { "{\"a\":[}}", "a bracket closed by one of the other kind", 6 },
    { "{\"a\":{]}", "a bracket closed by one of the other kind", 6 },
    { "{\"a\":[{]}]}", "a bracket closed by one of the other kind", 7 },
    { "{\"model\":1,\"model\":2}",
      "a member that must be unique comes twice", 11 },
    { "{\"model\":1,\"\\u006dod\\u0065l\":2}",
      "a member that must be unique comes twice", 11 },
    { "{\"\\u006Dodel\":1,\"model\":2}",
      "a member that must be unique comes twice", 16 },
    { "{\"\xc3\xa9t\xc3\xa9\":1,\"\\u00e9t\\u00E9\":2}",
      "a member that must be unique comes twice", 11 },
    { "{\"Model\":1}", "a member's name in the wrong case", 1 },
    { "{\"model\":1,\"MODE\\u004c\":2}",
      "a member's name in the wrong case", 11 },
    { "{\"\xc5\xbftream\":1}", "a member's name in the wrong case", 1 },
    { "{\"max_to\\u212Aens\":1}", "a member's name in the wrong case", 1 },
    { "{\"model\\u0000\":1}", "a null character in a name", 12 },
    { "{\"\\ud83dx\":1}", "half a surrogate pair in a name", 8 },
    { "{\"\\ud83d\":1}", "half a surrogate pair in a name", 8 },
    { "{\"\\ude00\":1}", "half a surrogate pair in a name", 7 },
    { "{\"\\ud83d\\n\":1}", "half a surrogate pair in a name", 9 },
    { "{\"\\ud83d\\u0041\":1}", "half a surrogate pair in a name", 13 },
    { "{\"\xff\":1}", "bad UTF-8 in a name", 2 },
    { "{\"\xc1\xad\":1}", "bad UTF-8 in a name", 2 },
    { "{\"\xe0\x80\x80\":1}", "bad UTF-8 in a name", 3 },
    { "{\"\xed\xa0\x80\":1}", "bad UTF-8 in a name", 3 },
    { "{\"\xf4\x90\x80\x80\":1}", "bad UTF-8 in a name", 3 },
    { "{\"\xc3\":1}", "bad UTF-8 in a name", 3 }
};


static void
test_cases(void)
{
    int                   rc;
    size_t                i, len;
    const char           *fault;
    soma_json_scan_t      scan;
    const unsigned char  *p;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p = (const unsigned char *) cases[i].text;
        len = strlen(cases[i].text);

        rc = scan_all_ways(p, len, &scan, &fault);

        soma_ok(fault == NULL, "case %zu: all ways agree", i);

        if (cases[i].error == NULL) {
            soma_ok(rc == SOMA_OK, "case %zu is good", i);
            soma_is_int(scan.offset, len, "case %zu: all seen", i);

        } else {
            soma_is_int(rc, SOMA_ERROR, "case %zu is refused", i);
            soma_is_str(scan.error, scan.error ? strlen(scan.error) : 0,
                        cases[i].error, "case %zu: why", i);
            soma_is_int(scan.offset, cases[i].offset, "case %zu: where", i);
        }

        fault = oracle_check(p, len, &scan, rc);
        soma_ok(fault == NULL, "case %zu: yyjson (%s)", i,
                fault ? fault : "ok");
    }
}


static void
test_null_bytes(void)
{
    size_t            i;
    const char       *fault;
    soma_json_scan_t  scan;

    static const struct {
        const char  *text;
        size_t       len;
    } bodies[] = {
        { "\0{}", 3 },
        { "{\0}", 3 },
        { "{}\0", 3 },
        { "{\"a\0\":1}", 8 },
        { "{\"a\":\0 1}", 9 },
        { "{\"a\":\"\0\"}", 9 },
        { "{\"a\":[\0]}", 9 },
        { "{\"a\":[\"\0\"]}", 11 },
        { "{\"a\":[\"\\\0\"]}", 12 },
        { "{\"a\":1\0}", 8 }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        soma_ok(scan_all_ways((const unsigned char *) bodies[i].text,
                              bodies[i].len, &scan, &fault)
                == SOMA_ERROR && fault == NULL, "null byte %zu", i);
    }
}


/* each byte where its class matters */
static void
test_bytes(void)
{
    int               c, rc;
    size_t            i, k, n, len;
    const char       *fault;
    unsigned char     text[200];
    soma_json_scan_t  scan;

    static const char *const  around[] = {
        "{\"a\":[@1]}", "{\"a\":[\"@\"]}", "{\"a\":[\"\\@1234\"]}",
        "{\"a\":[\"\\u12@4\"]}", "{\"a\":\"@\"}", "{\"a\":\"\\@1234\"}",
        "{\"a\":\"\\u123@\"}", "{\"@\":1}", "{\"\\@0012\":1}", "{\"a\"@:1}",
        "{\"a\":@}", "{\"a\":1@}", "{\"a\":1@2}", "{\"a\":0.1@2}"
    };

    for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {

        for (c = 0; c < 256; c++) {
            fault = NULL;

            for (k = 0; k <= 52 && fault == NULL; k += 52) {
                len = strlen(around[i]);
                memset(text, ' ', k);
                memcpy(text + k, around[i], len);
                len += k;

                for (n = k; text[n] != '@'; n++) {
                    /* void */
                }

                text[n] = (unsigned char) c;

                rc = scan_all_ways(text, len, &scan, &fault);

                if (fault == NULL) {
                    fault = oracle_check(text, len, &scan, rc);
                }
            }

            if (fault != NULL) {
                break;
            }
        }

        soma_ok(c == 256, "every byte in %s (%d: %s)", around[i], c,
                fault ? fault : "ok");
    }
}


/*
 * In a text that is some blocks long, at each place of a block: rows of
 * backslashes before what does and does not make an escape with them.
 */
static void
test_texts(void)
{
    int               c, rc;
    size_t            i, at, len, step;
    unsigned          row;
    const char       *fault;
    unsigned char     text[300];
    soma_json_scan_t  scan;

    static const char *const  head[] = { "{\"a\":\"", "{\"a\":[{\"b\":\"" };
    static const char *const  tail[] = { "\"}", "\"}]}" };

    static const char  usual[] = "nrtbf/\"u'x\n\x1f \x7f\xee";

    for (i = 0; i < 2; i++) {
        fault = NULL;

        for (c = 0; c < 256 && fault == NULL; c++) {
            step = (c && strchr(usual, c)) ? 1 : 61;

            for (row = 0; row <= 3 && fault == NULL; row++) {
                for (at = 128; at < 192 && fault == NULL; at += step) {
                    memset(text, 't', 220);
                    memcpy(text, head[i], strlen(head[i]));
                    memset(text + at, '\\', row);
                    text[at + row] = (unsigned char) c;
                    len = 220 + strlen(tail[i]);
                    memcpy(text + 220, tail[i], strlen(tail[i]));

                    rc = scan_all_ways(text, len, &scan, &fault);

                    if (fault == NULL) {
                        fault = oracle_check(text, len, &scan, rc);
                    }
                }
            }
        }

        soma_ok(fault == NULL, "texts in %s (%d behind %u: %s)", head[i],
                c - 1, row - 1, fault ? fault : "ok");
    }
}


static void
test_spans(void)
{
    soma_json_scan_t  scan;

    static const char  text[] =
        " {\"mod\\u0065l\" : \"gpt\", \"a\":1,\"a\" : [2 ],\"n\":3}\n";

    soma_json_scan_init(&scan, oracle_want, ORACLE_NWANT);

    soma_is_int(soma_json_scan(&scan, (const unsigned char *) text,
                               sizeof(text) - 1), SOMA_OK, "closed");
    soma_is_int(scan.span[0].name, 2, "name of model");
    soma_is_int(scan.span[0].start, 17, "start of model");
    soma_is_int(scan.span[0].end, 22, "end of model");
    soma_is_int(scan.span[0].type, SOMA_JSON_STRING, "type of model");
    soma_is_int(scan.span[6].start, 36, "start of the last a");
    soma_is_int(scan.span[6].end, 40, "its end");
    soma_is_int(scan.span[6].type, SOMA_JSON_ARRAY, "its type");
    soma_is_int(scan.span[3].start, 45, "start of n");
    soma_is_int(scan.span[3].end, 46, "end of n");
    soma_is_int(scan.span[1].type, SOMA_JSON_NONE, "no stream");
    soma_is_int(scan.open, 2, "open");
    soma_is_int(scan.close, 46, "close");
    soma_is_int(scan.empty, 0, "not empty");

    soma_is_int(soma_json_scan(&scan, NULL, 0), SOMA_OK, "an empty piece");
    soma_is_int(soma_json_scan(&scan, (const unsigned char *) " \r\n\t", 4),
                SOMA_OK, "white space may follow");
    soma_is_int(soma_json_scan_end(&scan), SOMA_OK, "the end");
    soma_is_int(soma_json_scan(&scan, (const unsigned char *) " x", 2),
                SOMA_ERROR, "nothing else");
    soma_is_int(scan.offset, sizeof(text) - 1 + 5, "where");
    soma_is_int(soma_json_scan(&scan, (const unsigned char *) " ", 1),
                SOMA_ERROR, "an error stays");
    soma_is_int(soma_json_scan_end(&scan), SOMA_ERROR, "to the end");

    soma_json_scan_init(&scan, NULL, 0);
    soma_is_int(soma_json_scan(&scan, (const unsigned char *) text,
                               sizeof(text) - 1), SOMA_OK, "nothing wanted");

    scan.offset = UINT32_MAX - 2;
    soma_is_int(soma_json_scan(&scan, (const unsigned char *) "   ", 3),
                SOMA_ERROR, "4 GB");

    soma_ok(sizeof(soma_json_scan_t) < 1024, "a scan takes %zu bytes",
            sizeof(soma_json_scan_t));
}


static void
test_names(void)
{
    int               rc;
    size_t            i, len;
    char              text[400];
    const char       *fault;
    soma_json_scan_t  scan;
    soma_json_want_t  want;

    /* the longest name that may be wanted, plain and escaped */
    for (i = 1; i < SOMA_JSON_NAME_MAX + 3; i++) {
        len = (size_t) snprintf(text, sizeof(text),
                                "{\"%.*s\":1,\"\\u0078%.*s\":[]}", (int) i,
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
                                (int) i - 1,
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");

        want.name.data = (unsigned char *) text + 2;
        want.name.len = i;
        want.unique = 0;

        soma_json_scan_init(&scan, &want, 1);
        rc = soma_json_scan(&scan, (unsigned char *) text, len);

        soma_ok(rc == SOMA_OK
                && scan.span[0].type == (i <= SOMA_JSON_NAME_MAX
                                         ? SOMA_JSON_ARRAY : SOMA_JSON_NONE),
                "a name of %zu", i);

        rc = scan_all_ways((unsigned char *) text, len, &scan, &fault);
        soma_ok(rc == SOMA_OK && fault == NULL, "and all ways agree");
    }
}


static void
test_depth(void)
{
    int               rc, good;
    size_t            depth, len, i;
    const char       *fault;
    unsigned char    *p;
    soma_json_scan_t  scan;

    static const size_t  depths[] = {
        2, 3, 62, 63, 64, 65, 66, 127, 128, 129, 130, 200, 511, 512, 513, 600
    };

    p = malloc(BODY_MAX);
    if (p == NULL) {
        exit(2);
    }

    for (i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        depth = depths[i];
        good = (depth <= SOMA_JSON_DEPTH_MAX);

        memcpy(p, "{\"a\":", 5);
        memset(p + 5, '[', depth - 1);
        memset(p + 4 + depth, ']', depth - 1);
        p[3 + 2 * depth] = '}';
        len = 4 + 2 * depth;

        rc = scan_all_ways(p, len, &scan, &fault);
        soma_ok(rc == (good ? SOMA_OK : SOMA_ERROR) && fault == NULL
                && (good || strcmp(scan.error, "brackets nested too deep")
                            == 0),
                "depth %zu", depth);

        /* the kind of every level is remembered */
        p[5 + depth / 2] = '{';
        rc = scan_all_ways(p, len, &scan, &fault);
        soma_ok(rc == SOMA_ERROR && fault == NULL, "depth %zu, mixed", depth);

        if (depth > 3) {
            p[len - 2 - depth / 2] = '}';
            rc = scan_all_ways(p, len, &scan, &fault);
            soma_ok(rc == (good ? SOMA_OK : SOMA_ERROR) && fault == NULL,
                    "depth %zu, mixed and paired", depth);
        }
    }

    free(p);
}


static void
put(body_t *b, const char *s)
{
    size_t  len;

    len = strlen(s);
    memcpy(b->p + b->len, s, len);
    b->len += len;
}


static void
put_space(body_t *b)
{
    static const char *const  space[] = {
        "", "", "", "", "", "", " ", "\n", "\r\n  ", "\t", "                 "
    };

    put(b, space[soma_any(11)]);
}


static void
put_string(body_t *b, unsigned max)
{
    unsigned  n;

    static const char *const  parts[] = {
        "\\n", "\\\"", "\\\\", "\\u00e9", "\\ud83d\\ude00", "\\/", "\\t",
        "{", "}", "[", "]", ",", ":", "\xc3\xa9", "\xf0\x9f\x98\x80",
        "\\\\\\\\\\\"", "/*", "'", "\x7f"
    };

    put(b, "\"");

    for (n = soma_any(max); n > 0 && b->len < BODY_MAX; n--) {
        if (soma_any(6) == 0) {
            put(b, parts[soma_any(sizeof(parts) / sizeof(parts[0]))]);

        } else {
            put(b, &"the quick brown fox jumps over "[soma_any(31)]);
        }
    }

    put(b, "\"");
}


static void
put_value(body_t *b, unsigned depth)
{
    unsigned  n, object;

    static const char *const  plain[] = {
        "true", "false", "null", "0", "-0", "17", "-3.25", "1e9", "0.5E-7"
    };

    switch (soma_any(depth > 0 && b->len < BODY_MAX ? 8 : 4)) {

    case 0:
    case 1:
        put(b, plain[soma_any(9)]);
        return;

    case 2:
        put_string(b, 4);
        return;

    case 3:
        put_string(b, 60);
        return;
    }

    object = soma_any(2);
    put(b, object ? "{" : "[");

    for (n = soma_any(5); n > 0; n--) {
        put_space(b);

        if (object) {
            put_string(b, 2);
            put_space(b);
            put(b, ":");
            put_space(b);
        }

        put_value(b, depth - 1);
        put_space(b);

        if (n > 1) {
            put(b, ",");
        }
    }

    put_space(b);
    put(b, object ? "}" : "]");
}


static void
put_body(body_t *b)
{
    unsigned  n;

    static const char *const  names[] = {
        "\"model\"", "\"stream\"", "\"messages\"", "\"a\"", "\"input\"",
        "\"n\"", "\"max_tokens\"", "\"\\u0061\"", "\"\xc3\xa9t\\u00e9\"",
        "\"m\\u006fdel\"", "\"temperature\"", "\"\"", "\"x\\ny\""
    };

    b->len = 0;

    put_space(b);
    put(b, "{");

    for (n = soma_any(7); n > 0; n--) {
        put_space(b);

        if (soma_any(4) == 0) {
            put_string(b, 3);

        } else {
            put(b, names[soma_any(13)]);
        }

        put_space(b);
        put(b, ":");
        put_space(b);
        put_value(b, soma_any(8));
        put_space(b);

        if (n > 1) {
            put(b, ",");
        }
    }

    put_space(b);
    put(b, "}");
    put_space(b);
}


static void
mutate(body_t *b)
{
    size_t    at;
    unsigned  n;

    static const char  bytes[] = "{}[]\",:\\\n/u0'e\x01\xff";

    for (n = 1 + soma_any(3); n > 0 && b->len > 0; n--) {
        at = soma_any((unsigned) b->len);

        switch (soma_any(4)) {

        case 0:
            memmove(b->p + at, b->p + at + 1, b->len - at - 1);
            b->len--;
            break;

        case 1:
            b->len = soma_any(4) ? b->len : at;
            break;

        default:
            b->p[at] = (unsigned char) bytes[soma_any(sizeof(bytes) - 1)];
        }
    }
}


static void
test_generated(void)
{
    int               rc;
    unsigned          i, k, good, faults;
    const char       *fault;
    static body_t     b;
    soma_json_scan_t  scan;

    good = 0;
    faults = 0;

    for (i = 0; i < BODIES; i++) {
        put_body(&b);

        for (k = 0; k <= MUTATIONS; k++) {
            rc = scan_all_ways(b.p, b.len, &scan, &fault);

            if (fault == NULL) {
                fault = oracle_check(b.p, b.len, &scan, rc);
            }

            if (fault != NULL) {
                faults++;
                soma_ok(0, "body %u.%u: %s", i, k, fault);
                soma_test_show("body", (char *) b.p, b.len);
            }

            good += (rc == SOMA_OK);

            mutate(&b);
        }
    }

    soma_is_int(faults, 0, "%d generated bodies", BODIES * (MUTATIONS + 1));
    soma_ok(good > BODIES / 4, "%u of them are good", good);
}


/* at each place of a block, whole and cut; in strings and out of them */

static void
test_marks(void)
{
    int               want;
    char              body[512];
    size_t            i, k, pad, len;
    const char       *fault, *found;
    soma_json_scan_t  scan;

    static const char *const  texts[] = {
        "[\"document\"]", "{\"image_url\":1}", "{\"input_audio\":{}}",
        "[\"file\"]",
        "{\"a\":1,\"file_id\":1}", "{\"file_data\":1}",
        "{\"i\\u006dage_url\":1}", "{\"file\\u005Fid\":1}",
        "{\"\\u0066ile\":1}",
        "\"image_ur\"", "\"image_urls\"", "\"input_image\"", "\"fil\"",
        "\"files\"", "\"file-id\"", "\"a file\"", "\"if (i)\"",
        "\"\\\"file\\\"\"", "\"\\\\file\"", "\"\\n\\u04f6\"",
        "{\"id\":1,\"function\":\"input\"}", "\"documents\"",
        "{\"dicom\":\"kind\",\"fold\":\"local\"}"
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        found = NULL;
        want = i < 9;

        for (pad = 0; pad < 140; pad++) {
            len = (size_t) sprintf(body, "{\"file\":[\"%*s\",%s,\"%*s\"]}",
                                   (int) pad, "", texts[i],
                                   (int) (140 - pad), "");

            (void) scan_all_ways((unsigned char *) body, len, &scan, &fault);
            found = fault ? fault : found;

            for (k = 0; k < ORACLE_KINDS; k++) {
                if (soma_json_scan_use(oracle_kinds[k]) != SOMA_OK) {
                    continue;
                }

                if (oracle_scan(&scan, (unsigned char *) body, len, NULL, 0)
                    != SOMA_OK || soma_json_scan_marked(&scan) != want)
                {
                    found = oracle_kinds[k];
                }
            }
        }

        soma_ok(found == NULL, "%s is seen, or is none: %s", texts[i],
                found ? found : "by all");
    }
}


/* how strings end, wherever in a block or a piece they do */

static void
test_ends(void)
{
    int               want, rc;
    char              body[512];
    size_t            i, k, pad, cut, len;
    const char       *found;
    soma_json_scan_t  scan;

    static const char *const  texts[] = {
        "{\"file_url\":1}", "{\"_url\" :1}", "{\"a\":{\"\\\"b_url\":[]}}",
        "{\"my_image_url\":1}",
        "{\"image_url\":1}", "[\"file_url\"]", "{\"a\":\"file_url\"}",
        "{\"file_urls\":1}", "{\"url\":1}", "\"\\\"file_url\\\":\""
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        found = NULL;
        want = i < 4;

        for (pad = 0; pad < 140; pad++) {
            len = (size_t) sprintf(body, "{\"n\":{\"file_url\":1},\"messages\":"
                                         "[\"%*s\",%s,\"%*s\"]}",
                                   (int) pad, "", texts[i],
                                   (int) (140 - pad), "");

            for (k = 0; k < ORACLE_KINDS; k++) {
                if (soma_json_scan_use(oracle_kinds[k]) != SOMA_OK) {
                    continue;
                }

                rc = oracle_scan(&scan, (unsigned char *) body, len, NULL, 0);

                if (rc != SOMA_OK || scan.span[4].type != SOMA_JSON_ARRAY
                    || soma_json_scan_ended(&scan, 4) != want
                    || !soma_json_scan_ended(&scan, 3))
                {
                    found = oracle_kinds[k];
                }

                for (cut = 20; want && cut < len; cut += 1 + pad % 3) {
                    (void) oracle_scan(&scan, (unsigned char *) body, len,
                                       &cut, 1);

                    if (!soma_json_scan_ended(&scan, 4)) {
                        found = "a cut one";
                    }
                }
            }
        }

        soma_ok(found == NULL, "%s ends so, or not: %s", texts[i],
                found ? found : "by all");
    }
}


/* what cannot be looked for is taken to be there */

static void
test_watch(void)
{
    size_t             i;
    soma_json_scan_t   scan;
    soma_str_t         mark[2] = { soma_str_null, soma_str_null };
    soma_json_marks_t  marks = { mark, soma_str_null, soma_str_null, 0 };

    static const struct {
        const char  *mark;
        const char  *end;
        int          able;
    } cases[] = {
        { "image\"", "", 1 },
        { "image\"", "url\"", 1 },
        { "", "url\"", 1 },
        { "", "", 1 },
        { "source", "", 0 },
        { "fox\"", "", 0 },
        { "id\"", "", 0 },
        { "image\"", "uri\"", 0 },
        { "image\"", "all\"", 0 },
        { "image\"", "url", 0 }
    };

    soma_json_scan_init(&scan, oracle_want, ORACLE_NWANT);
    soma_ok(soma_json_scan_marked(&scan) && soma_json_scan_ended(&scan, 4),
            "who watches for nothing is told that it is there");

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mark[0] = str(cases[i].mark);
        marks.end = str(cases[i].end);

        soma_json_scan_init(&scan, oracle_want, ORACLE_NWANT);
        soma_json_scan_watch(&scan, &marks);

        soma_is_int(soma_json_scan_marked(&scan), !cases[i].able,
                    "\"%s and %s can be found, or not", cases[i].mark,
                    cases[i].end);
    }
}


static void
test_kinds(void)
{
    size_t  i;

    soma_ok(soma_json_scan_use("none") == SOMA_DECLINED, "no such kind");
    soma_ok(soma_json_scan_use("portable") == SOMA_OK, "portable always");
    soma_is_str(soma_json_scan_kind(), strlen(soma_json_scan_kind()),
                "portable", "it says so");

    for (i = 0; i < ORACLE_KINDS; i++) {
        if (soma_json_scan_use(oracle_kinds[i]) == SOMA_OK) {
            soma_ok(strcmp(soma_json_scan_kind(), oracle_kinds[i]) == 0,
                    "this machine runs %s", oracle_kinds[i]);
        }
    }
}


int
main(void)
{
    test_cases();
    test_null_bytes();
    test_bytes();
    test_texts();
    test_spans();
    test_names();
    test_depth();
    test_generated();
    test_marks();
    test_ends();
    test_watch();
    test_kinds();

    return soma_done();
}
