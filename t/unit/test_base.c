
/*
 * Copyright (C) The ngx_soma authors
 *
 * Strings, the bounded writer, exact numbers, the calendar.
 */


#include <time.h>

#include "soma_base.h"
#include "soma_xxh3.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


#define DAY_MS   86400000
#define FIRST    (-719162)      /* 0001-01-01 in days since 1970 */
#define LAST     2932896        /* 9999-12-31 */


__extension__ typedef __int128  wide_t;


static unsigned char  buf[512];


static void
test_hex(void)
{
    int             i, good;
    char            want[17];
    uint64_t        n;
    unsigned char  *p;

    good = 1;

    for (i = 0, n = 1; i < 1000; i++, n = n * 0x9e3779b97f4a7c15u + 1) {
        snprintf(want, sizeof(want), "%016llx", (unsigned long long) n);
        p = soma_put_hex64(buf, n);
        good &= (p == buf + 16 && memcmp(buf, want, 16) == 0);
    }

    soma_ok(good, "sixteen digits");
}


/* names that differ little spread all the same, by low bits as by high ones */
static void
test_mix(void)
{
    int       i, len;
    char      name[32];
    uint64_t  hash;
    unsigned  low[256], high[256], most;

    memset(low, 0, sizeof(low));
    memset(high, 0, sizeof(high));

    for (i = 0; i < 16384; i++) {
        len = snprintf(name, sizeof(name), "tenant-%d", i);
        hash = soma_xxh3_mix(name, (size_t) len);

        low[hash & 255]++;
        high[hash >> 56]++;
    }

    for (i = 0, most = 0; i < 256; i++) {
        most = low[i] > most ? low[i] : most;
        most = high[i] > most ? high[i] : most;
    }

    soma_ok(most < 128, "64 names a chain, and the longest has %u", most);

    soma_ok(soma_xxh3_mix("a\0", 1) != soma_xxh3_mix("a\0", 2)
            && soma_xxh3_mix("", 0) != soma_xxh3_mix("\0", 1),
            "bytes of 0 count");
}


/* in memory that ends where they end */
static void
test_short(void)
{
    int             copied, same, differs;
    size_t          len, i;
    unsigned char  *a, *b;

    copied = same = differs = 1;

    for (len = 0; len <= 70; len++) {
        a = malloc(len ? len : 1);
        b = malloc(len ? len : 1);

        if (a == NULL || b == NULL) {
            exit(2);
        }

        for (i = 0; i < len; i++) {
            a[i] = (unsigned char) (i * 7 + 1);
        }

        memset(b, 0, len);
        soma_copy(b, a, len);
        copied &= (memcmp(a, b, len) == 0);
        same &= soma_same(a, b, len);

        for (i = 0; i < len; i++) {
            b[i] ^= 0x80;
            differs &= !soma_same(a, b, len);
            b[i] ^= 0x80;
        }

        free(a);
        free(b);
    }

    soma_ok(copied, "up to 70 bytes are copied");
    soma_ok(same, "and are the same");
    soma_ok(differs, "and are not when one of them is another");
}


static void
test_out(void)
{
    int         i;
    soma_out_t  out;

    soma_put_init(&out, buf, 5);
    soma_put(&out, "abc", 3);
    soma_put_str(&out, str("defg"));
    soma_put_char(&out, 'x');
    soma_is_str(buf, out.pos - out.start, "abcde", "writes up to its end");
    soma_ok(out.full, "says that something is missing");

    soma_put_init(&out, buf, 3);
    soma_put_cstr(&out, "abc");
    soma_ok(!out.full, "exactly full is not too full");
    soma_put(&out, "", 0);
    soma_ok(!out.full, "nothing always fits");
    soma_put_char(&out, 'd');
    soma_ok(out.full, "one more is too much");

    soma_put_init(&out, NULL, 0);
    soma_put_str(&out, (soma_str_t) soma_str_null);
    soma_put_cstr(&out, "");
    soma_ok(!out.full, "no room for nothing");
    soma_put_int(&out, 1);
    soma_ok(out.full && out.pos == NULL, "no room for something");

    for (i = 0; i < 12; i++) {
        soma_put_init(&out, buf, (size_t) i);
        soma_put_json_str(&out, str("a\"\n\x01\xff"));
        soma_put_int(&out, INT64_MIN);
        soma_put_usd(&out, 123456789);

        if (!out.full || out.pos > out.end) {
            break;
        }
    }

    soma_is_int(i, 12, "cut anywhere");
}


static void
test_digits(void)
{
    int       i, wrong;
    char      text[SOMA_INT_LEN + 1];
    size_t    len;
    int64_t   n, power;

    wrong = 0;

    for (n = -10001; n <= 100001; n++) {
        len = soma_put_int_text((unsigned char *) buf, n);
        wrong += len != (size_t) snprintf(text, sizeof(text), "%lld",
                                          (long long) n)
                 || memcmp(buf, text, len) != 0;
    }

    for (power = 10; power < INT64_MAX / 10; power *= 10) {
        for (i = -101; i <= 101; i++) {
            n = (i & 1) ? power + i : -power * 5 + i;
            len = soma_put_int_text((unsigned char *) buf, n);
            wrong += len != (size_t) snprintf(text, sizeof(text), "%lld",
                                              (long long) n)
                     || memcmp(buf, text, len) != 0;
        }
    }

    soma_is_int(wrong, 0, "integers as printf has them");
}


static void
test_put(void)
{
    soma_out_t  out;

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_int(&out, 0);
    soma_put_char(&out, ' ');
    soma_put_int(&out, INT64_MIN);
    soma_put_char(&out, ' ');
    soma_put_int(&out, INT64_MAX);
    soma_is_str(buf, out.pos - buf,
                "0 -9223372036854775808 9223372036854775807", "integers");

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_usd(&out, 1500);
    soma_put_char(&out, ' ');
    soma_put_usd(&out, 0);
    soma_put_char(&out, ' ');
    soma_put_usd(&out, 50000000000);
    soma_put_char(&out, ' ');
    soma_put_usd(&out, -1);
    soma_put_char(&out, ' ');
    soma_put_usd(&out, 1100000000);
    soma_put_char(&out, ' ');
    soma_put_usd(&out, INT64_MIN);
    soma_is_str(buf, out.pos - buf, "0.0000015 0 50 -0.000000001 1.1 "
                "-9223372036.854775808", "money");

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_hex(&out, (const unsigned char *) "\x00\x9f\xff", 3);
    soma_is_str(buf, out.pos - buf, "009fff", "hex");
}


static void
test_json_str(void)
{
    size_t      i;
    soma_out_t  out;

    static const char *const  texts[][2] = {
        { "", "\"\"" },
        { "plain", "\"plain\"" },
        { "\"\\/", "\"\\\"\\\\/\"" },
        { "\b\f\n\r\t\x01\x1f\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"" },
        { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { "\xff", "\"\xef\xbf\xbd\"" },
        { "\x80" "a", "\"\xef\xbf\xbd" "a\"" },
        { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe2\x82", "\"\xef\xbf\xbd\"" },
        { "\xe2\x82z", "\"\xef\xbf\xbdz\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf4\x90\x80\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf0\x9f\x98", "\"\xef\xbf\xbd\"" },
        { "\xe0\x9f\xbf", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xf0\x8f\xbf\xbf",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_json_str(&out, str(texts[i][0]));
        soma_is_str(buf, out.pos - buf, texts[i][1], "JSON string %zu", i);
    }

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_json_str(&out, SOMA_STR("a\0b"));
    soma_is_str(buf, out.pos - buf, "\"a\\u0000b\"", "JSON string with NUL");
}


static void
test_log(void)
{
    soma_out_t  out;

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_log(&out, SOMA_STR("a b~\n\x1b[0m\0\x7f\xc3\xa4\"\\"), 1);
    soma_is_str(buf, out.pos - buf,
                "a b~\\x0a\\x1b[0m\\x00\\x7f\\xc3\\xa4\\x22\\x5c",
                "text of others between quotes of a log");

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_log(&out, SOMA_STR("\"a\"\\\r\x9b"), 0);
    soma_is_str(buf, out.pos - buf, "\"a\"\\\\x0d\\x9b",
                "and without quotes");
}


static void
test_str(void)
{
    unsigned char   raw[4];
    soma_str_t      copy, list, word;
    soma_arena_t   *arena;

    soma_ok(soma_str_eq(str("abc"), str("abc")), "equal");
    soma_ok(!soma_str_eq(str("abc"), str("abd")), "another byte");
    soma_ok(!soma_str_eq(str("abc"), str("ab")), "another length");
    soma_ok(soma_str_eq((soma_str_t) soma_str_null, str("")), "both empty");
    soma_ok(soma_str_is(str("abc"), "abc"), "is");
    soma_ok(!soma_str_is(SOMA_STR("ab\0"), "ab"), "a NUL counts");
    soma_ok(soma_str_case_is(str("BeAreR"), "bearer"), "any case");
    soma_ok(!soma_str_case_is(str("[eareR"), "{earer"), "letters only");

    arena = soma_test_arena();

    copy = soma_str_dup(arena, str("hello"));
    soma_is_str(copy.data, copy.len, "hello", "copy");
    copy = soma_str_dup(arena, (soma_str_t) soma_str_null);
    soma_ok(copy.data != NULL && copy.len == 0, "an empty copy has a place");
    soma_test_arena_fail(arena, 1);
    copy = soma_str_dup(arena, str("hello"));
    soma_ok(copy.data == NULL && copy.len == 0, "no memory");

    soma_test_arena_free(arena);

    copy = soma_str_trim(str(" \t a b\t "));
    soma_is_str(copy.data, copy.len, "a b", "trimmed");
    copy = soma_str_trim(str(" \t "));
    soma_is_int(copy.len, 0, "nothing but blanks");

    list = str("  one two\tthree ");
    soma_ok(soma_str_word(&list, &word) && soma_str_is(word, "one")
            && soma_str_word(&list, &word) && soma_str_is(word, "two")
            && soma_str_word(&list, &word) && soma_str_is(word, "three")
            && !soma_str_word(&list, &word), "words");

    soma_is_int(soma_str_hex(str("00aFfF10"), raw, 4), SOMA_OK, "hex");
    soma_is_mem(raw, 4, "\x00\xaf\xff\x10", 4, "bytes of hex");
    soma_is_int(soma_str_hex(str("00aFfF1"), raw, 4), SOMA_ERROR, "odd");
    soma_is_int(soma_str_hex(str("00aFfF"), raw, 4), SOMA_ERROR, "short");
    soma_is_int(soma_str_hex(str("00aFfF1000"), raw, 4), SOMA_ERROR,
                "long");
    soma_is_int(soma_str_hex(str("00aFfg10"), raw, 4), SOMA_ERROR,
                "no digit");

    soma_ok(soma_str_hash("", 0) == 0xcbf29ce484222325u
            && soma_str_hash("foobar", 6) == 0x85944171f73967e8u,
            "FNV-1a by its own vectors");
}


static void
test_int(void)
{
    size_t   i;
    int64_t  n;

    static const char *const  bad[] = {
        "", "-1", "+1", " 1", "1 ", "1a", "0x1", "1.0", "1e3",
        "9223372036854775808", "99999999999999999999"
    };

    soma_ok(soma_number_int(str("0"), &n) == SOMA_OK && n == 0, "0");
    soma_ok(soma_number_int(str("0042"), &n) == SOMA_OK && n == 42, "0042");
    soma_ok(soma_number_int(str("9223372036854775807"), &n) == SOMA_OK
            && n == INT64_MAX, "the largest");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = 7;
        soma_ok(soma_number_int(str(bad[i]), &n) == SOMA_ERROR && n == 7,
                "no integer: \"%s\"", bad[i]);
    }
}


static void
test_decimal(void)
{
    size_t   i;
    int64_t  n;

    static const struct {
        const char  *text;
        int          scale;
        int64_t      value;
    } good[] = {
        { "0.15", 9, 150000000 },
        { "2.5e-06", 12, 2500000 },
        { "50", 9, 50000000000 },
        { "1.5E+1", 3, 15000 },
        { "0", 12, 0 },
        { "0.000", 12, 0 },
        { "0e99999999999999999999999", 12, 0 },
        { "1e-99999999999999999999999", 12, 0 },
        { "5e-13", 12, 1 },
        { "4.9999999999999999999999999e-13", 12, 0 },
        { "0.49999999999999999999999999999", 0, 0 },
        { "0.5", 0, 1 },
        { "1.5", 0, 2 },
        { "2.4999", 0, 2 },
        { "0.05", 0, 0 },
        { "9.5e-13", 12, 1 },
        { "1.0000000000005", 12, 1000000000001 },
        { "00012.50", 1, 125 },
        { "0.00000000000000000000000000012e27", 2, 12 },
        { "9223372036854775807", 0, INT64_MAX },
        { "9223372036854775807.4", 0, INT64_MAX },
        { "9223372.036854775807", 12, INT64_MAX },
        { "123000000000000000000000e-22", 1, 123 },
        { "1234", -2, 12 },
        { "1250", -2, 13 },
        { "0.1", 9, 100000000 },
        { "3e-07", 12, 300000 },
        { "1.25e-7", 12, 125000 },
    };

    static const char *const  bad[] = {
        "", "-1", "+1", "-0", ".5", "5.", "1..2", "1.2.3", "1e", "1e+",
        "1e1.5", "1e 1", " 1", "1 ", "e5", "0x10", "inf", "nan", "1,5",
        "$5", "9223372036854775808", "9223372036854775807.5", "1e19",
        "10e99999999999999999999999"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        n = -1;
        soma_ok(soma_number_decimal(str(good[i].text), good[i].scale, &n)
                == SOMA_OK && n == good[i].value,
                "%s at scale %d is %lld", good[i].text, good[i].scale,
                (long long) good[i].value);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = 7;
        soma_ok(soma_number_decimal(str(bad[i]), 0, &n) == SOMA_ERROR
                && n == 7, "no decimal: \"%s\"", bad[i]);
    }
}


/* money that is written is read back as it was */
static void
test_decimal_round(void)
{
    int         i, fails;
    int64_t     n, back;
    soma_str_t  text;
    soma_out_t  out;

    fails = 0;

    for (i = 0; i < 200000; i++) {
        n = (int64_t) (soma_rnd() >> (1 + soma_rnd() % 63));
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_usd(&out, n);
        text.data = buf;
        text.len = (size_t) (out.pos - buf);

        fails += (soma_number_decimal(text, 9, &back) != SOMA_OK || back != n);
    }

    soma_is_int(fails, 0, "money there and back");
}


static void
test_duration(void)
{
    size_t   i;
    int64_t  n;

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "30s", 30000 }, { "5m", 300000 }, { "24h", 86400000 },
        { "500ms", 500 }, { "7d", 604800000 }, { "90", 90000 },
        { "0", 0 }, { "0ms", 0 }, { "366d", 31622400000 },
        { "9223372036854775807ms", INT64_MAX },
    };

    static const char *const  bad[] = {
        "", "s", "ms", "-5s", "5 s", "5sec", "5S", "1h30m", "1.5h", "5w",
        "9223372036854775807", "9223372036854775807s", "99999999999999d"
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_ok(soma_number_duration(str(good[i].text), &n) == SOMA_OK
                && n == good[i].ms, "duration %s", good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = 7;
        soma_ok(soma_number_duration(str(bad[i]), &n) == SOMA_ERROR && n == 7,
                "no duration: \"%s\"", bad[i]);
    }
}


/* every day of the years 1 to 9999 against the C library's calendar */
static void
test_calendar(void)
{
    int        year, month, day, fails;
    time_t     t;
    int64_t    d, ms;
    struct tm  tm;

    fails = 0;

    for (d = FIRST; d <= LAST; d++) {
        t = d * 86400;
        gmtime_r(&t, &tm);
        ms = d * DAY_MS + (int64_t) (soma_rnd() % DAY_MS);

        soma_time_civil(ms, &year, &month, &day);

        fails += (year != tm.tm_year + 1900 || month != tm.tm_mon + 1
                  || day != tm.tm_mday);
        fails += (soma_time_day_start(ms) != d * DAY_MS);
        fails += (soma_time_next_day_start(ms) != (d + 1) * DAY_MS);
        fails += (soma_time_day_ms(ms) != ms - d * DAY_MS);

        if (day == 1) {
            fails += (soma_time_month_start(ms) != d * DAY_MS);
            fails += (d != FIRST
                      && soma_time_next_month_start(d * DAY_MS - 1)
                         != d * DAY_MS);
        } else {
            fails += (soma_time_month_start(ms)
                      != soma_time_month_start((d - 1) * DAY_MS));
        }
    }

    soma_is_int(fails, 0, "every day of 9999 years");

    soma_time_civil(INT64_MIN, &year, &month, &day);
    soma_ok(year == 1 && month == 1 && day == 1, "the beginning of time");
    soma_time_civil(INT64_MAX, &year, &month, &day);
    soma_ok(year == 9999 && month == 12 && day == 31, "the end of time");
    soma_ok(soma_time_next_month_start(INT64_MAX)
            > soma_time_month_start(INT64_MAX),
            "even the last month ends");

    soma_is_int(soma_time_month_start(1709164800000), 1706745600000,
                "2024-02-29 is in February");
    soma_is_int(soma_time_next_month_start(1709164800000), 1709251200000,
                "a leap day's next month");
}


static void
test_time_text(void)
{
    size_t      i;
    int64_t     n, back;
    int         fails;
    soma_out_t  out;
    soma_str_t  text;

    static const struct {
        const char  *text;
        int64_t      ms;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-21T03:04:05.678Z", 1795230245678 },
        { "2026-11-21t03:04:05.678z", 1795230245678 },
        { "2026-11-21 03:04:05.678", 1795230245678 },
        { "2026-11-21T03:04:05.678901+00:00", 1795230245678 },
        { "2026-11-21T04:04:05.6789+01:00", 1795230245678 },
        { "2026-11-20T22:34:05.678-04:30", 1795230245678 },
        { "2026-11-21T03:04:05.6Z", 1795230245600 },
        { "2026-11-21", 1795219200000 },
        { "2024-02-29", 1709164800000 },
        { "2016-12-31T23:59:60Z", 1483228800000 },
        { "0001-01-01", -62135596800000 },
    };

    static const char *const  bad[] = {
        "", "2026", "2026-11", "2026-1-1", "2026-13-01", "2026-00-01",
        "2026-02-29", "2026-11-31", "2026-11-00", "0000-01-01",
        "2026-11-21T", "2026-11-21T03", "2026-11-21T03:04",
        "2026-11-21T24:00:00Z", "2026-11-21T03:60:00Z",
        "2026-11-21T03:04:61Z", "2026-11-21T03:04:05.Z",
        "2026-11-21T03:04:05+0100", "2026-11-21T03:04:05+24:00",
        "2026-11-21T03:04:05Zx", "2026-11-21x", "x2026-11-21",
        "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"
    };

    soma_put_init(&out, buf, sizeof(buf));
    soma_put_day(&out, 1795230245678);
    soma_put_char(&out, ' ');
    soma_put_hour(&out, 1795230245678);
    soma_put_char(&out, ' ');
    soma_put_time(&out, 1795230245678);
    soma_put_char(&out, ' ');
    soma_put_time(&out, -1);
    soma_is_str(buf, out.pos - buf, "2026-11-21 2026-11-21T03 "
                "2026-11-21T03:04:05.678Z 1969-12-31T23:59:59.999Z", "times");

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        soma_ok(soma_time_parse(str(good[i].text), &n) == SOMA_OK
                && n == good[i].ms, "time %s", good[i].text);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = 7;
        soma_ok(soma_time_parse(str(bad[i]), &n) == SOMA_ERROR && n == 7,
                "no time: \"%s\"", bad[i]);
    }

    fails = 0;

    for (i = 0; i < 100000; i++) {
        n = (int64_t) (soma_rnd() % 253402300800000u);
        soma_put_init(&out, buf, sizeof(buf));
        soma_put_time(&out, n);
        text.data = buf;
        text.len = (size_t) (out.pos - buf);

        fails += (soma_time_parse(text, &back) != SOMA_OK || back != n);
    }

    soma_is_int(fails, 0, "times there and back");
}


static void
test_muldiv(void)
{
    int      i, fails;
    wide_t   want;
    int64_t  a, b, c;

    soma_is_int(soma_number_muldiv(INT64_MAX, INT64_MAX, INT64_MAX), INT64_MAX,
                "the product does not overflow");
    soma_is_int(soma_number_muldiv(INT64_MAX, 2, 1), INT64_MAX, "too large");
    soma_is_int(soma_number_muldiv(INT64_MAX, -2, 1), INT64_MIN, "too small");
    soma_is_int(soma_number_muldiv(-7, 1, 2), -3, "towards 0");

    fails = 0;

    for (i = 0; i < 100000; i++) {
        a = (int64_t) (soma_rnd() >> soma_rnd() % 63);
        b = (int64_t) (soma_rnd() >> soma_rnd() % 63);
        c = (int64_t) (soma_rnd() >> (1 + soma_rnd() % 62)) + 1;
        want = (wide_t) a * b / c;
        want = want > INT64_MAX ? INT64_MAX : want;
        want = want < INT64_MIN ? INT64_MIN : want;

        fails += (soma_number_muldiv(a, b, c) != want);
    }

    soma_is_int(fails, 0, "random products");
}


int
main(void)
{
    test_short();
    test_mix();
    test_hex();
    test_out();
    test_digits();
    test_put();
    test_json_str();
    test_log();
    test_str();
    test_int();
    test_decimal();
    test_decimal_round();
    test_duration();
    test_calendar();
    test_time_text();
    test_muldiv();

    return soma_done();
}
