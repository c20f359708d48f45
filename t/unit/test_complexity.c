
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a prompt scores: the same however its white space and case are, at any
 * length and of any bytes; and files of weights that are none.
 */


#include <math.h>

#include "soma_test.h"
#include "soma_complexity.h"
#include "soma_xxh3.h"


#define PAIRS  3


static soma_complexity_t       weights;
static soma_complexity_text_t  text;
static unsigned char          *file;
static size_t                  size;


static void
sealed(void)
{
    size_t                   head;
    soma_str_t               rest;
    soma_complexity_file_t  *f;

    f = (soma_complexity_file_t *) (void *) file;
    head = offsetof(soma_complexity_file_t, hash) + sizeof(uint64_t);
    rest.data = file + head;
    rest.len = size - head;
    f->hash = soma_xxh3(&rest, 1);
}


/* weights that no text but the same one has the same sum of */

static void
make(void)
{
    size_t                   i;
    uint64_t                 x;
    const char              *error;
    soma_complexity_file_t  *f;
    int8_t                  *w;

    size = soma_complexity_size(PAIRS);
    file = calloc(1, size);
    f = (soma_complexity_file_t *) (void *) file;

    memcpy(f->magic, SOMA_COMPLEXITY_MAGIC, sizeof(SOMA_COMPLEXITY_MAGIC));
    f->npairs = PAIRS;
    f->bits = SOMA_COMPLEXITY_BITS;
    f->points = SOMA_COMPLEXITY_POINTS;

    for (i = 0; i < PAIRS; i++) {
        snprintf(f->pair[i].name, SOMA_COMPLEXITY_NAME_MAX, "a%zu > b", i);
        f->pair[i].gain.scale = 0.01f;
        f->pair[i].gain.bias = 0.1f;
        f->pair[i].out.scale = 0.01f;
        f->pair[i].out.bias = 5;
    }

    w = (int8_t *) &f->pair[PAIRS];
    x = 1;

    for (i = 0; i < (size_t) 2 * PAIRS * SOMA_COMPLEXITY_BUCKETS; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        w[i] = (int8_t) (x >> 56);
    }

    sealed();

    soma_ok(soma_complexity_load(&weights, (soma_str_t) { size, file }, &error)
            == SOMA_OK, "weights are read");
}


static float
scored(const void *p, size_t len, unsigned pair)
{
    soma_complexity_score_t  score[SOMA_COMPLEXITY_PAIRS_MAX];

    soma_complexity_read(&text, (soma_str_t) { len, (unsigned char *)
                                               (uintptr_t) p }, 0);
    soma_complexity_score(&weights, &text, score);

    return soma_complexity_rank(&score[pair], (float) text.len / 4,
                                SOMA_COMPLEXITY_RATIO);
}


static float
said(const char *s)
{
    return scored(s, strlen(s), 0);
}


static void
test_same(void)
{
    size_t  i;
    float   want;

    static const char *const  same[] = {
        "what is the capital of france?",
        "What is the capital of France?",
        "WHAT IS THE CAPITAL OF FRANCE?",
        "  What  is\tthe capital\r\nof\n\n\nFrance?  \n",
        "What is the capital of France? "
    };

    want = said(same[0]);

    for (i = 1; i < sizeof(same) / sizeof(same[0]); i++) {
        soma_ok(fabsf(said(same[i]) - want) < 1e-12f, "%s", same[i]);
    }

    soma_ok(fabsf(said("What is the capital of Spain?") - want) > 1e-9f,
            "another question has another score");
    soma_ok(isfinite(said("")), "nothing has one");
    soma_ok(isfinite(said("a")), "a letter has one");
    soma_ok(isfinite(scored("\xff\xfe\x80\0\xc3", 5, 0)),
            "bytes that are no text have one");
}


/* the weights of each pair are its own, added one by one */

static void
test_sums(void)
{
    float                    gain;
    int32_t                  sum, stat;
    unsigned                 i, pair;
    const char              *s;
    soma_complexity_score_t  score[SOMA_COMPLEXITY_PAIRS_MAX];

    s = "Prove that there are infinitely many primes, in 3 ways.";
    soma_complexity_read(&text, (soma_str_t) { strlen(s), (unsigned char *)
                                               (uintptr_t) s }, 2);
    soma_complexity_score(&weights, &text, score);

    for (pair = 0; pair < PAIRS; pair++) {

        for (i = 0, sum = 0; i < text.n; i++) {
            sum += weights.weight[text.bucket[i] * 2 * PAIRS + 2 * pair];
        }

        for (i = 0, stat = 0; i < text.nstats; i++) {
            stat += weights.weight[text.stat[i] * 2 * PAIRS + 2 * pair];
        }

        gain = 0.1f + 0.01f * ((float) sum / sqrtf((float) text.n)
                               + SOMA_COMPLEXITY_STAT * (float) stat);
        soma_ok(fabsf(gain - score[pair].gain) < 1e-4f, "pair %u", pair);
    }

    for (i = 1; i < text.n; i++) {
        unsigned  k;

        for (k = 0; k < i && text.bucket[k] != text.bucket[i]; k++) {
            /* void */
        }

        if (k < i) {
            break;
        }
    }

    soma_is_int(i, text.n, "each bucket once");
}


/* what lies between the ends of a long text is not looked at */

static void
test_long(void)
{
    size_t          i, len;
    float           one;
    unsigned char  *p;

    len = 1 << 20;
    p = malloc(len);

    for (i = 0; i < len; i++) {
        p[i] = (unsigned char) (32 + (i * 2654435761u >> 7) % 90);
    }

    p[0] = 'a';
    p[len - 1] = 'z';

    one = scored(p, len, 1);
    p[len / 2] ^= 1;
    soma_ok(fabsf(scored(p, len, 1) - one) < 1e-12f, "the middle");
    p[10] = (p[10] == 'q') ? 'w' : 'q';
    soma_ok(text.n < 2 * (2 * SOMA_COMPLEXITY_WINDOW + 1), "bounded");
    soma_ok(fabsf(scored(p, len, 1) - one) > 0, "the beginning");

    /* every length around the window, by valgrind and ASan */

    for (i = 2 * SOMA_COMPLEXITY_WINDOW - 3;
         i < 2 * SOMA_COMPLEXITY_WINDOW + 4; i++)
    {
        soma_ok(isfinite(scored(p + len - i, i, 2)), "%zu bytes", i);
    }

    free(p);
}


static void
test_cuts(void)
{
    unsigned                 i;
    soma_complexity_pair_t   pair;

    memset(&pair, 0, sizeof(pair));

    for (i = 0; i < SOMA_COMPLEXITY_POINTS; i++) {
        pair.curve[i].cut = 64 - (float) i;
        pair.curve[i].kept = 0.8f + 0.2f * sqrtf((float) i / 64);
        pair.curve[i].saved = 0.9f * (1 - (float) i / 64);
    }

    soma_ok(fabsf(soma_complexity_save(&pair, 0.45f) - 32) < 0.01f,
            "half of the cost saved is half of the calls");
    soma_ok(fabsf(soma_complexity_save(&pair, 0.99f) - 64) < 0.01f,
            "more than can be saved is all of it");
    soma_ok(fabsf(soma_complexity_keep(&pair, 0.9f) - 48) < 0.01f,
            "what keeps nine of ten");
    soma_ok(fabsf(soma_complexity_keep(&pair, 1.1f)) < 0.01f,
            "what cannot be kept is as much as can");
}


static void
test_refused(void)
{
    size_t              i;
    const char         *error;
    soma_complexity_t   c;

    static const struct {
        size_t       at;            /* a byte that is turned; 0: none */
        int          more;          /* of its size */
        const char  *why;
    } cases[] = {
        { 0, -1, "size" },
        { 0, 1, "size" },
        { 3, 0, "no file of weights" },
        { offsetof(soma_complexity_file_t, npairs), 0, "size" },
        { offsetof(soma_complexity_file_t, bits), 0, "another version" },
        { offsetof(soma_complexity_file_t, points), 0, "another version" },
        { 5000, 0, "damaged" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned char  *copy;

        copy = calloc(1, size + 8);
        memcpy(copy, file, size);

        if (cases[i].at != 0) {
            copy[cases[i].at] ^= 1;
        }

        error = "";
        soma_ok(soma_complexity_load(&c, (soma_str_t) {
                    size + (size_t) cases[i].more, copy }, &error)
                == SOMA_ERROR && strstr(error, cases[i].why) != NULL,
                "refused %zu: %s", i, error);
        free(copy);
    }

    soma_is_int(soma_complexity_load(&c, (soma_str_t) { 3, file }, &error),
                SOMA_ERROR, "a few bytes");
    soma_is_int(soma_complexity_find(&weights, SOMA_STR("a1 > b")), 1,
                "a pair by its name");
    soma_is_int(soma_complexity_find(&weights, SOMA_STR("b > a1")), -1,
                "and no other");
}


int
main(void)
{
    make();
    test_same();
    test_sums();
    test_long();
    test_cuts();
    test_refused();
    free(file);

    return soma_done();
}
