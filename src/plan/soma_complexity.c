
/*
 * Copyright (C) The ngx_soma authors
 */


#include <math.h>
#include <stdio.h>

#include "soma_complexity.h"
#include "soma_xxh3.h"


#define SOMA_COMPLEXITY_RUN    4    /* bytes of a run */
#define SOMA_COMPLEXITY_BATCH  256


typedef int8_t   soma_complexity_small_t __attribute__((vector_size(8)));
typedef int16_t  soma_complexity_lanes_t __attribute__((vector_size(16)));


/* a message in small letters, white space made one blank, its ends */
typedef struct {
    unsigned char  *p;
    size_t          n;              /* bytes that are looked at */
    size_t          len;            /* of all of it */
    unsigned        words;
    unsigned        digits;
    unsigned        marks;          /* ASCII that is no letter, digit, blank */
    unsigned        ends;           /* of sentences */
} soma_complexity_plain_t;


/* buckets that were met */
typedef struct {
    uint16_t       *bucket;
    unsigned        n;
    uint64_t        seen[SOMA_COMPLEXITY_BUCKETS / 64];
} soma_complexity_once_t;


static void soma_complexity_plain(soma_complexity_plain_t *plain,
    soma_str_t message, unsigned char *buf);
static size_t soma_complexity_squeeze(unsigned char *to,
    const unsigned char *p, const unsigned char *end);
static inline void soma_complexity_walk(soma_complexity_plain_t *plain,
    soma_complexity_each_pt each, void *data)
    __attribute__((always_inline));
static size_t soma_complexity_word(const unsigned char *p, size_t n);
static unsigned soma_complexity_stats(const soma_complexity_plain_t *plain,
    unsigned tools, uint16_t *stat);
static uint16_t soma_complexity_bucket(uint32_t h);
static void soma_complexity_sum(const soma_complexity_t *c,
    const uint16_t *bucket, unsigned n, int32_t *sum);
static void soma_complexity_add(void *data, uint16_t bucket,
    const unsigned char *p, size_t len);


size_t
soma_complexity_size(unsigned npairs)
{
    return sizeof(soma_complexity_file_t)
           + npairs * sizeof(soma_complexity_pair_t)
           + (size_t) npairs * 2 * SOMA_COMPLEXITY_BUCKETS;
}


int
soma_complexity_load(soma_complexity_t *c, soma_str_t bytes,
    const char **error)
{
    size_t                         head;
    unsigned                       i;
    soma_str_t                     rest;
    const soma_complexity_file_t  *file;

    file = (const soma_complexity_file_t *) (void *) bytes.data;
    head = offsetof(soma_complexity_file_t, hash) + sizeof(uint64_t);

    if (bytes.len < sizeof(soma_complexity_file_t)
        || memcmp(file->magic, SOMA_COMPLEXITY_MAGIC,
                  sizeof(SOMA_COMPLEXITY_MAGIC))
           != 0)
    {
        *error = "it is no file of weights that soma-route has made";
        return SOMA_ERROR;
    }

    if (file->npairs == 0 || file->npairs > SOMA_COMPLEXITY_PAIRS_MAX
        || file->bits != SOMA_COMPLEXITY_BITS
        || file->points != SOMA_COMPLEXITY_POINTS)
    {
        *error = "it was made by another version of soma-route";
        return SOMA_ERROR;
    }

    if (bytes.len != soma_complexity_size(file->npairs)) {
        *error = "its size is wrong";
        return SOMA_ERROR;
    }

    rest.data = bytes.data + head;
    rest.len = bytes.len - head;

    if (soma_xxh3(&rest, 1) != file->hash) {
        *error = "it is damaged: its checksum is wrong";
        return SOMA_ERROR;
    }

    for (i = 0; i < file->npairs; i++) {
        if (memchr(file->pair[i].name, '\0', SOMA_COMPLEXITY_NAME_MAX)
            == NULL)
        {
            *error = "the name of a pair has no end";
            return SOMA_ERROR;
        }
    }

    c->file = file;
    c->weight = (const int8_t *) &file->pair[file->npairs];

    return SOMA_OK;
}


void
soma_complexity_read(soma_complexity_text_t *text, soma_str_t message,
    unsigned tools)
{
    unsigned char            buf[2 * SOMA_COMPLEXITY_WINDOW + 1];
    soma_complexity_once_t   once;
    soma_complexity_plain_t  plain;

    memset(once.seen, 0, sizeof(once.seen));
    once.bucket = text->bucket;
    once.n = 0;

    soma_complexity_plain(&plain, message, buf);

    soma_complexity_walk(&plain, soma_complexity_add, &once);

    text->nstats = soma_complexity_stats(&plain, tools, text->stat);
    text->n = once.n;
    text->len = plain.len;
}


/* a bucket counts once, however often it is met: there are no more of them
 * than it has room for, and one that was met is overwritten by the next */

static void
soma_complexity_add(void *data, uint16_t bucket, const unsigned char *p,
    size_t len)
{
    uint64_t  seen;

    soma_complexity_once_t *once = data;

    (void) p;
    (void) len;

    seen = once->seen[bucket >> 6];

    once->bucket[once->n] = bucket;
    once->n += !(seen >> (bucket & 63) & 1);
    once->seen[bucket >> 6] = seen | (uint64_t) 1 << (bucket & 63);
}


void
soma_complexity_each(soma_str_t message, unsigned tools,
    soma_complexity_each_pt each, void *data)
{
    unsigned                 i, n;
    uint16_t                 stat[SOMA_COMPLEXITY_STATS];
    unsigned char            buf[2 * SOMA_COMPLEXITY_WINDOW + 1];
    soma_complexity_plain_t  plain;

    soma_complexity_plain(&plain, message, buf);

    soma_complexity_walk(&plain, each, data);

    n = soma_complexity_stats(&plain, tools, stat);

    for (i = 0; i < n; i++) {
        each(data, stat[i], NULL, i);
    }
}


/* what lies between the ends of a long message is not looked at */

static void
soma_complexity_plain(soma_complexity_plain_t *plain, soma_str_t message,
    unsigned char *buf)
{
    size_t                n;
    const unsigned char  *end;

    memset(plain, 0, sizeof(soma_complexity_plain_t));

    message = soma_str_trim(message);
    end = message.data + message.len;

    if (message.len <= 2 * SOMA_COMPLEXITY_WINDOW) {
        n = soma_complexity_squeeze(buf, message.data, end);
        plain->len = n;

    } else {
        n = soma_complexity_squeeze(buf, message.data,
                                    message.data + SOMA_COMPLEXITY_WINDOW);
        n += soma_complexity_squeeze(buf + n, end - SOMA_COMPLEXITY_WINDOW,
                                     end);
        plain->len = message.len;
    }

    plain->p = buf;
    plain->n = n;
}


static size_t
soma_complexity_squeeze(unsigned char *to, const unsigned char *p,
    const unsigned char *end)
{
    unsigned        blank;
    unsigned char   c, *start;

    start = to;
    blank = 0;

    for ( /* void */ ; p < end; p++) {
        c = *p;

        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            blank = (to != start);
            continue;
        }

        if (blank) {
            *to++ = ' ';
            blank = 0;
        }

        *to++ = (c >= 'A' && c <= 'Z') ? (unsigned char) (c | 0x20) : c;
    }

    return (size_t) (to - start);
}


/* all runs; and letters together, digits one by one, what is beyond ASCII
 * together, and any other mark by itself.  Inline, for what is done with each
 * is less than a call */

static inline void
soma_complexity_walk(soma_complexity_plain_t *plain,
    soma_complexity_each_pt each, void *data)
{
    size_t          i, j, len;
    uint32_t        h;
    unsigned char   c;

    for (i = 0; i + SOMA_COMPLEXITY_RUN <= plain->n; i++) {
        memcpy(&h, plain->p + i, sizeof(h));
        each(data, soma_complexity_bucket(h), plain->p + i,
             SOMA_COMPLEXITY_RUN);
    }

    for (i = 0; i < plain->n; i += len) {
        c = plain->p[i];

        if (c == ' ') {
            len = 1;
            continue;
        }

        len = soma_complexity_word(plain->p + i, plain->n - i);
        h = 2166136261u;

        for (j = 0; j < len; j++) {
            h = (h ^ plain->p[i + j]) * 16777619u;
        }

        plain->words++;
        plain->digits += (c >= '0' && c <= '9');
        plain->marks += (c < 0x80 && len == 1
                         && !(c >= '0' && c <= '9')
                         && !(c >= 'a' && c <= 'z'));
        plain->ends += (c == '.' || c == '?');

        each(data, soma_complexity_bucket(h ^ 0x5bd1e995u), plain->p + i, len);
    }
}


static size_t
soma_complexity_word(const unsigned char *p, size_t n)
{
    size_t  len;

    len = 1;

    if (*p >= 'a' && *p <= 'z') {

        while (len < n && p[len] >= 'a' && p[len] <= 'z') {
            len++;
        }

    } else if (*p >= 0x80) {

        while (len < n && p[len] >= 0x80) {
            len++;
        }
    }

    return len;
}


/* how much there is of some things, in steps of the root of two */

static unsigned
soma_complexity_stats(const soma_complexity_plain_t *plain, unsigned tools,
    uint16_t *stat)
{
    unsigned  i, step;
    uint64_t  n[SOMA_COMPLEXITY_STATS];

    n[0] = plain->len;
    n[1] = plain->words;
    n[2] = plain->digits;
    n[3] = plain->marks;
    n[4] = plain->ends;

    for (i = 0; i < 5; i++) {
        step = (unsigned) (2 * log2f((float) n[i] + 1));
        stat[i] = soma_complexity_bucket((i + 1) * 0x01000193u
                                         ^ (step + 1) * 0x85ebca6bu);
    }

    stat[5] = soma_complexity_bucket(6 * 0x01000193u
                                     ^ ((tools < 4 ? tools : 4) + 1)
                                       * 0x85ebca6bu);

    return SOMA_COMPLEXITY_STATS;
}


static uint16_t
soma_complexity_bucket(uint32_t h)
{
    h ^= h >> 15;
    h *= 0x9e3779b1u;
    h ^= h >> 13;
    h *= 0x85ebca6bu;

    return (uint16_t) (h >> (32 - SOMA_COMPLEXITY_BITS));
}


/* the weights of some buckets, eight at a time; sums of SOMA_COMPLEXITY_BATCH
 * of them fit into 16 bits */

static void
soma_complexity_sum(const soma_complexity_t *c, const uint16_t *bucket,
    unsigned n, int32_t *sum)
{
    size_t                    last;
    unsigned                  i, j, k, width, left;
    const int8_t             *w;
    soma_complexity_small_t   small;
    soma_complexity_lanes_t   lanes[2 * SOMA_COMPLEXITY_PAIRS_MAX / 8];

    width = 2 * c->file->npairs;
    last = (size_t) width * SOMA_COMPLEXITY_BUCKETS - sizeof(small);

    memset(sum, 0, 2 * SOMA_COMPLEXITY_PAIRS_MAX * sizeof(int32_t));

    for (i = 0; i < n; i += left) {

        left = (n - i < SOMA_COMPLEXITY_BATCH) ? n - i
                                               : SOMA_COMPLEXITY_BATCH;
        memset(lanes, 0, sizeof(lanes));

        for (j = i; j < i + left; j++) {
            w = c->weight + (size_t) bucket[j] * width;

            for (k = 0; k < width; k += 8) {

                /* those behind the last pair are another bucket's, and are
                 * not looked at; of the last bucket there are none */

                if ((size_t) (w + k - c->weight) <= last) {
                    memcpy(&small, w + k, sizeof(small));

                } else {
                    memset(&small, 0, sizeof(small));
                    memcpy(&small, w + k, width - k);
                }

                lanes[k / 8] += __builtin_convertvector(small,
                                                   soma_complexity_lanes_t);
            }
        }

        for (k = 0; k < width; k++) {
            sum[k] += lanes[k / 8][k % 8];
        }
    }
}


void
soma_complexity_score(const soma_complexity_t *c,
    const soma_complexity_text_t *text, soma_complexity_score_t *score)
{
    float                          root;
    unsigned                       k;
    int32_t                        sum[2 * SOMA_COMPLEXITY_PAIRS_MAX];
    int32_t                        stat[2 * SOMA_COMPLEXITY_PAIRS_MAX];
    const soma_complexity_pair_t  *pair;

    soma_complexity_sum(c, text->bucket, text->n, sum);
    soma_complexity_sum(c, text->stat, text->nstats, stat);

    root = (text->n != 0) ? 1 / sqrtf((float) text->n) : 0;

    for (k = 0; k < c->file->npairs; k++) {
        pair = &c->file->pair[k];

        score[k].gain = pair->gain.bias + pair->gain.scale
                        * (root * (float) sum[2 * k]
                           + SOMA_COMPLEXITY_STAT * (float) stat[2 * k]);
        score[k].out = expf(pair->out.bias + pair->out.scale
                            * (root * (float) sum[2 * k + 1]
                               + SOMA_COMPLEXITY_STAT
                                 * (float) stat[2 * k + 1]));
    }
}


/* what gains nothing is the worse the more it costs */

float
soma_complexity_rank(const soma_complexity_score_t *score, float in,
    float ratio)
{
    float  extra;

    extra = in + ratio * score->out + 1;

    return (score->gain > 0) ? score->gain / extra : score->gain * extra;
}


int
soma_complexity_find(const soma_complexity_t *c, soma_str_t name)
{
    unsigned  i;

    for (i = 0; i < c->file->npairs; i++) {
        if (soma_str_is(name, c->file->pair[i].name)) {
            return (int) i;
        }
    }

    return -1;
}


/* the most of quality for at least that share saved; and the most saved for at
 * least that share kept */

float
soma_complexity_save(const soma_complexity_pair_t *pair, float share)
{
    unsigned                        i;
    const soma_complexity_point_t  *best;

    best = &pair->curve[0];

    for (i = 1; i < SOMA_COMPLEXITY_POINTS; i++) {
        if (pair->curve[i].saved >= share
            && pair->curve[i].kept > best->kept)
        {
            best = &pair->curve[i];
        }
    }

    return best->cut;
}


float
soma_complexity_keep(const soma_complexity_pair_t *pair, float share)
{
    unsigned                        i;
    const soma_complexity_point_t  *best;

    best = &pair->curve[SOMA_COMPLEXITY_POINTS - 1];

    for (i = 0; i < SOMA_COMPLEXITY_POINTS; i++) {
        if (pair->curve[i].kept >= share
            && pair->curve[i].saved > best->saved)
        {
            best = &pair->curve[i];
        }
    }

    return best->cut;
}


void
soma_complexity_cut(const soma_complexity_t *c, soma_complexity_step_t *step,
    unsigned pair, unsigned keep, unsigned share)
{
    const soma_complexity_pair_t  *p;

    p = &c->file->pair[pair];

    step->pair = pair;
    step->cut = keep ? soma_complexity_keep(p, (float) share / 1000)
                     : soma_complexity_save(p, (float) share / 1000);
}


unsigned
soma_complexity_steps(const soma_complexity_t *c,
    const soma_complexity_step_t *step, unsigned nsteps, soma_str_t message,
    unsigned tools, char *told, size_t size, size_t *len)
{
    int                      n;
    float                    rank;
    unsigned                 i;
    soma_complexity_text_t   text;
    soma_complexity_score_t  score[SOMA_COMPLEXITY_PAIRS_MAX];

    soma_complexity_read(&text, message, tools);
    soma_complexity_score(c, &text, score);

    *len = 0;

    for (i = 0; i < nsteps; i++) {
        rank = soma_complexity_rank(&score[step[i].pair],
                                    (float) text.len / 4,
                                    SOMA_COMPLEXITY_RATIO);

        n = snprintf(told + *len, size - *len, "%s%s %.3g %s %.3g",
                     i != 0 ? ", " : "", c->file->pair[step[i].pair].name,
                     (double) rank, rank >= step[i].cut ? ">=" : "<",
                     (double) step[i].cut);

        *len += (n > 0 && (size_t) n < size - *len) ? (size_t) n : 0;

        if (rank < step[i].cut) {
            break;
        }
    }

    return i;
}
