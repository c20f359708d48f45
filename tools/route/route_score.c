
/*
 * Copyright (C) The ngx_soma authors
 *
 * What weights make of prompts: a score for each pair, and what of a prompt it
 * comes from.
 */


#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "route.h"


#define ROUTE_HEAVIEST  10
#define ROUTE_FOUND     (4 * SOMA_COMPLEXITY_WINDOW + 16)


typedef struct {
    uint16_t         bucket;
    unsigned char    text[48];
    size_t           len;           /* 0: a stat, whose number is in text */
    float            weight;
} route_feature_t;


typedef struct {
    route_feature_t  feature[ROUTE_FOUND];
    unsigned         n;
} route_features_t;


static void route_load(soma_complexity_t *c, const char *path);
static void route_score_line(const soma_complexity_t *c, yyjson_val *root);
static void route_explain_each(void *data, uint16_t bucket,
    const unsigned char *p, size_t len);
static int route_explain_heavier(const void *one, const void *two);
static void route_explain_pair(const soma_complexity_t *c, unsigned pair,
    const soma_complexity_text_t *text, route_features_t *f);


int
route_score(int argc, char **argv)
{
    size_t              size;
    char               *line;
    ssize_t             n;
    unsigned            number;
    yyjson_doc         *doc;
    soma_complexity_t   c;

    if (argc != 3 || strcmp(argv[1], "-w") != 0) {
        route_die("score: -w WEIGHTS is needed, and nothing else");
    }

    route_load(&c, argv[2]);

    line = NULL;
    size = 0;

    for (number = 1; (n = getline(&line, &size, stdin)) > 0; number++) {

        if (n == 1) {
            continue;
        }

        doc = yyjson_read(line, (size_t) n, YYJSON_READ_ALLOW_INVALID_UNICODE);

        if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
            route_die("line %u is no request: {id, messages}", number);
        }

        route_score_line(&c, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }

    free(line);

    return 0;
}


static void
route_load(soma_complexity_t *c, const char *path)
{
    soma_str_t   bytes;
    const char  *error;

    bytes = route_read(path);

    if (soma_complexity_load(c, bytes, &error) != SOMA_OK) {
        route_die("%s: %s", path, error);
    }
}


static void
route_score_line(const soma_complexity_t *c, yyjson_val *root)
{
    char                    *out;
    double                   us;
    unsigned                 i, tools;
    soma_str_t               message;
    yyjson_mut_doc          *doc;
    yyjson_mut_val          *line, *scores;
    struct timespec          begun, ended;
    soma_complexity_score_t  score[SOMA_COMPLEXITY_PAIRS_MAX];
    float                    rank[SOMA_COMPLEXITY_PAIRS_MAX];

    static soma_complexity_text_t  text;

    message = route_message(root, &tools);

    clock_gettime(CLOCK_MONOTONIC, &begun);

    soma_complexity_read(&text, message, tools);
    soma_complexity_score(c, &text, score);

    for (i = 0; i < c->file->npairs; i++) {
        rank[i] = soma_complexity_rank(&score[i], (float) text.len / 4,
                                       SOMA_COMPLEXITY_RATIO);
    }

    clock_gettime(CLOCK_MONOTONIC, &ended);
    us = (double) (ended.tv_sec - begun.tv_sec) * 1e6
         + (double) (ended.tv_nsec - begun.tv_nsec) / 1e3;

    doc = yyjson_mut_doc_new(NULL);
    line = yyjson_mut_obj(doc);
    scores = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, line);

    if (yyjson_is_str(yyjson_obj_get(root, "id"))) {
        yyjson_mut_obj_add_str(doc, line, "id",
                               yyjson_get_str(yyjson_obj_get(root, "id")));
    } else {
        yyjson_mut_obj_add_val(doc, line, "id", yyjson_val_mut_copy(
                                   doc, yyjson_obj_get(root, "id")));
    }

    yyjson_mut_obj_add_val(doc, line, "scores", scores);

    for (i = 0; i < c->file->npairs; i++) {
        yyjson_mut_obj_add_real(doc, scores, c->file->pair[i].name,
                                (double) rank[i]);
    }

    yyjson_mut_obj_add_real(doc, line, "us", us);

    out = yyjson_mut_write(doc, 0, NULL);

    if (out == NULL) {
        route_die("no memory");
    }

    puts(out);
    free(out);
    yyjson_mut_doc_free(doc);
}


int
route_explain(int argc, char **argv)
{
    int                  i, pair;
    soma_str_t           message;
    const char          *weights, *name;
    soma_complexity_t    c;
    route_features_t    *f;

    static soma_complexity_text_t  text;

    weights = name = NULL;

    for (i = 1; i + 1 < argc; i += 2) {

        if (strcmp(argv[i], "-w") == 0) {
            weights = argv[i + 1];

        } else if (strcmp(argv[i], "--pair") == 0) {
            name = argv[i + 1];

        } else {
            break;
        }
    }

    if (i != argc || weights == NULL) {
        route_die("explain: -w WEIGHTS is needed, and --pair NAME may be");
    }

    route_load(&c, weights);
    pair = -1;

    if (name != NULL) {
        pair = soma_complexity_find(&c, (soma_str_t) {
            strlen(name), (unsigned char *) (uintptr_t) name });

        if (pair < 0) {
            route_die("%s: it has no pair \"%s\"", weights, name);
        }
    }

    message = route_read("-");
    soma_complexity_read(&text, message, 0);

    f = route_alloc(sizeof(route_features_t));
    f->n = 0;
    soma_complexity_each(message, 0, route_explain_each, f);

    for (i = 0; i < (int) c.file->npairs; i++) {
        if (pair < 0 || pair == i) {
            route_explain_pair(&c, (unsigned) i, &text, f);
        }
    }

    free(f);

    return 0;
}


/* the first of those that fall into one bucket stands for all of them */

static void
route_explain_each(void *data, uint16_t bucket, const unsigned char *p,
    size_t len)
{
    unsigned          i;
    route_feature_t  *feature;

    route_features_t *f = data;

    static const char *const  stats[] = {
        "its length", "its words", "its digits", "its marks",
        "its sentences", "its tools"
    };

    for (i = 0; i < f->n; i++) {
        if (f->feature[i].bucket == bucket) {
            return;
        }
    }

    feature = &f->feature[f->n++];
    feature->bucket = bucket;
    feature->len = 0;

    if (p == NULL) {
        snprintf((char *) feature->text, sizeof(feature->text), "(%s)",
                 stats[len]);
        return;
    }

    feature->len = len < sizeof(feature->text) - 1 ? len
                                                   : sizeof(feature->text) - 1;
    memcpy(feature->text, p, feature->len);
    feature->text[feature->len] = '\0';
}


static void
route_explain_pair(const soma_complexity_t *c, unsigned pair,
    const soma_complexity_text_t *text, route_features_t *f)
{
    float                          root;
    unsigned                       i;
    const soma_complexity_pair_t  *p;
    soma_complexity_score_t        score[SOMA_COMPLEXITY_PAIRS_MAX];

    p = &c->file->pair[pair];
    root = (text->n != 0) ? 1 / sqrtf((float) text->n) : 0;

    for (i = 0; i < f->n; i++) {
        f->feature[i].weight = p->gain.scale
            * (float) c->weight[(size_t) f->feature[i].bucket * 2
                                * c->file->npairs + 2 * pair]
            * (f->feature[i].len != 0 ? root : SOMA_COMPLEXITY_STAT);
    }

    qsort(f->feature, f->n, sizeof(route_feature_t), route_explain_heavier);
    soma_complexity_score(c, text, score);

    printf("%s: gain %+.4f, some %.0f tokens of answer\n", p->name,
           (double) score[pair].gain, (double) score[pair].out);

    for (i = 0; i < f->n && i < ROUTE_HEAVIEST; i++) {
        printf("  %+.4f  %s\n", (double) f->feature[i].weight,
               f->feature[i].text);
    }
}


static int
route_explain_heavier(const void *one, const void *two)
{
    float                   a, b;
    const route_feature_t  *x = one, *y = two;

    a = fabsf(x->weight);
    b = fabsf(y->weight);

    return (a < b) - (a > b);
}
