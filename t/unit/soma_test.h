
/*
 * Copyright (C) The ngx_soma authors
 */


/*
 * A unit test is a program that prints TAP: each check is one line
 * "ok N - text" or "not ok N - text", the plan comes last, and the exit
 * status is 0 if and only if all checks held.
 *
 *     #include "soma_test.h"
 *
 *     int
 *     main(void)
 *     {
 *         soma_ok(2 > 1, "two is more");
 *         soma_is_int(1 + 1, 2, "sum of %d and %d", 1, 1);
 *         soma_is_str(p, len, "abc", "first word");
 *
 *         return soma_done();
 *     }
 *
 * A text is a printf format with its arguments.  Every check returns 1 when
 * it held and 0 when not, so that a test may stop early.
 *
 * soma_file(path, &len) reads a whole file into malloc()ed memory that ends
 * in a null byte outside len, and exits when it cannot.  soma_fails is the
 * number of checks that failed so far.
 *
 * soma_rnd() is the same sequence in every run, soma_any(n) a number of it
 * that is less than n.
 *
 * soma_valgrind() tells whether valgrind runs the program, which then takes
 * thirty times as long.  It asks for fewer rounds of the same.
 *
 * str() is a text without its null byte; of NULL, none.
 *
 * Memory for the code under test: soma_arena_malloc.h.
 */


#ifndef SOMA_TEST_H
#define SOMA_TEST_H


#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "soma_base.h"


#define SOMA_TEST_SHOW_MAX  400


#define soma_ok(cond, ...)                                                    \
    soma_test_ok(!!(cond), #cond, __FILE__, __LINE__, __VA_ARGS__)

#define soma_is_int(got, want, ...)                                           \
    soma_test_is_int((int64_t) (got), (int64_t) (want), __FILE__, __LINE__,   \
                     __VA_ARGS__)

/* want is null-terminated, got is not */
#define soma_is_str(got, len, want, ...)                                      \
    soma_test_is_mem((const char *) (got), (size_t) (len), (want),            \
                     strlen(want), __FILE__, __LINE__, __VA_ARGS__)

#define soma_is_mem(got, len, want, wlen, ...)                                \
    soma_test_is_mem((const char *) (got), (size_t) (len),                    \
                     (const char *) (want), (size_t) (wlen),                  \
                     __FILE__, __LINE__, __VA_ARGS__)

#define soma_done()  soma_test_done()


static int  soma_checks;
static int  soma_fails;


static void
soma_test_line(int held, const char *fmt, va_list args)
{
    soma_checks++;

    if (!held) {
        soma_fails++;
    }

    printf("%s %d - ", held ? "ok" : "not ok", soma_checks);
    vprintf(fmt, args);
    printf("\n");
}


static inline void
soma_test_show(const char *name, const char *p, size_t len)
{
    size_t  i, n;

    n = len > SOMA_TEST_SHOW_MAX ? SOMA_TEST_SHOW_MAX : len;

    printf("#  %s (%zu bytes): \"", name, len);

    for (i = 0; i < n; i++) {
        if (p[i] == '\\' || p[i] == '"') {
            printf("\\%c", p[i]);

        } else if (p[i] < 0x20 || p[i] == 0x7f) {
            printf("\\x%02x", (unsigned char) p[i]);

        } else {
            putchar(p[i]);
        }
    }

    printf("\"%s\n", n < len ? "..." : "");
}


static inline int __attribute__((format(printf, 5, 6)))
soma_test_ok(int held, const char *cond, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    soma_test_line(held, fmt, args);
    va_end(args);

    if (!held) {
        printf("#  %s:%d: %s\n", file, line, cond);
    }

    return held;
}


static inline int __attribute__((format(printf, 5, 6)))
soma_test_is_int(int64_t got, int64_t want, const char *file, int line,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    soma_test_line(got == want, fmt, args);
    va_end(args);

    if (got != want) {
        printf("#  %s:%d: got %lld, want %lld\n", file, line,
               (long long) got, (long long) want);
    }

    return got == want;
}


static inline int __attribute__((format(printf, 7, 8)))
soma_test_is_mem(const char *got, size_t len, const char *want, size_t wlen,
    const char *file, int line, const char *fmt, ...)
{
    int      held;
    va_list  args;

    held = (len == wlen && (len == 0 || memcmp(got, want, len) == 0));

    va_start(args, fmt);
    soma_test_line(held, fmt, args);
    va_end(args);

    if (!held) {
        printf("#  %s:%d:\n", file, line);
        soma_test_show("got", got, len);
        soma_test_show("want", want, wlen);
    }

    return held;
}


static inline char *
soma_file(const char *path, size_t *len)
{
    FILE   *f;
    char   *p;
    long    size;

    f = fopen(path, "rb");

    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        printf("Bail out! cannot read %s\n", path);
        exit(2);
    }

    rewind(f);

    p = malloc((size_t) size + 1);

    if (p == NULL || fread(p, 1, (size_t) size, f) != (size_t) size) {
        printf("Bail out! cannot read %s\n", path);
        exit(2);
    }

    fclose(f);

    p[size] = '\0';
    *len = (size_t) size;

    return p;
}


static inline uint64_t
soma_rnd(void)
{
    static uint64_t  seed = 88172645463325252u;

    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return seed;
}


static inline unsigned
soma_any(unsigned n)
{
    return (unsigned) ((soma_rnd() >> 33) % n);
}


static inline int
soma_valgrind(void)
{
    const char  *preload;

    preload = getenv("LD_PRELOAD");

    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}


static inline soma_str_t
str(const char *s)
{
    soma_str_t  v;

    v.data = (unsigned char *) (uintptr_t) s;
    v.len = s ? strlen(s) : 0;

    return v;
}


static inline int
soma_test_done(void)
{
    printf("1..%d\n", soma_checks);
    fflush(stdout);

    return soma_fails != 0 || soma_checks == 0;
}


#endif /* SOMA_TEST_H */
