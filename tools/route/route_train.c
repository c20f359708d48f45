
/*
 * Copyright (C) The ngx_soma authors
 *
 * Outcomes to weights.  Each source of a pair weighs the same, as many or as
 * few records as it has; of a pair of one source each of its categories does.
 * What is hard for one cheap model is so for others, as a rule: the gain of a
 * pair is what all of them say, and what its own records say beside it.  The
 * curve is drawn through scores of records that their own tables have not
 * seen.
 */


#include <math.h>
#include <stdlib.h>

#include "route.h"
#include "soma_xxh3.h"


#define ROUTE_ALL_LAMBDA   40.0
#define ROUTE_GAIN_LAMBDA  25.0
#define ROUTE_OUT_LAMBDA   4.0
#define ROUTE_ALL_WEIGHT   1500.0   /* of a pair among all of them, records */
#define ROUTE_TALK_WEIGHT  0.1      /* of small talk beside the records */
#define ROUTE_TALK_GAIN    -0.1     /* there is none, and it is not free */
#define ROUTE_TALK_OUT     32.0     /* tokens of an answer */
#define ROUTE_FOLDS        4
#define ROUTE_RECORDS_MIN  50       /* of a pair */
#define ROUTE_SIZE         (SOMA_COMPLEXITY_BUCKETS + 1)


typedef struct {
    const char      *pairs;
    const char      *sources;
    const char      *to;
    const char      *data;
    route_record_t  *record;
    size_t           n;
    route_record_t  *talk;
    size_t           ntalk;
    route_pair_t     pair[SOMA_COMPLEXITY_PAIRS_MAX];
    route_set_t      set[SOMA_COMPLEXITY_PAIRS_MAX];
    unsigned         npairs;
    double          *all[ROUTE_FOLDS + 1];  /* fits of the gains of all pairs,
                                               the last one with all folds */
} route_training_t;


/* a record on the curve */
typedef struct {
    float            rank;
    const double    *of;            /* weight, cheap, strong, their costs */
} route_place_t;


static void route_train_options(route_training_t *t, int argc, char **argv);
static void route_train_pairs(route_training_t *t);
static unsigned route_train_names(yyjson_val *list, const char **to,
    unsigned max);
static void route_train_data(route_training_t *t);
static unsigned route_train_record(route_record_t *r, yyjson_doc *doc);
static void route_train_look(route_record_t *r, soma_str_t message,
    unsigned tools);
static void route_train_talk(route_training_t *t);
static void route_train_talk_in(const route_training_t *t, route_set_t *set);
static void route_train_set(const route_training_t *t,
    const route_pair_t *pair, route_set_t *set);
static yyjson_val *route_train_outcome(const route_record_t *r,
    const char *const *names, unsigned n);
static unsigned route_train_has(const route_training_t *t,
    const route_pair_t *pair, const char *source);
static void route_train_weigh(const route_pair_t *pair, route_set_t *set);
static void route_train_room(route_set_t *set, size_t n);
static void route_train_all(route_training_t *t);
static void route_train_gain(const route_set_t *set, const double *all,
    int without, double *fit);
static void route_train_pair(const route_training_t *t, unsigned i,
    soma_complexity_pair_t *to, int8_t *weight, unsigned width);
static void route_train_table(const double *fit, int8_t *weight,
    unsigned width, soma_complexity_table_t *table);
static void route_train_curve(const route_training_t *t,
    const route_set_t *set, soma_complexity_pair_t *to);
static int route_train_higher(const void *one, const void *two);


int
route_train(int argc, char **argv)
{
    FILE                    *file;
    size_t                   head;
    unsigned                 i, width;
    soma_str_t               rest;
    route_training_t         t;
    soma_complexity_file_t  *to;

    memset(&t, 0, sizeof(t));
    route_train_options(&t, argc, argv);
    route_train_pairs(&t);
    route_train_data(&t);
    route_train_talk(&t);

    to = route_alloc(soma_complexity_size(t.npairs));
    memset(to, 0, soma_complexity_size(t.npairs));
    memcpy(to->magic, SOMA_COMPLEXITY_MAGIC, sizeof(SOMA_COMPLEXITY_MAGIC));

    to->bits = SOMA_COMPLEXITY_BITS;
    to->points = SOMA_COMPLEXITY_POINTS;
    width = 2 * t.npairs;

    for (i = 0; i < t.npairs; i++) {
        route_train_set(&t, &t.pair[i], &t.set[i]);
    }

    route_train_all(&t);

    /* a pair of which there is nothing to learn has no place */

    for (i = 0; i < t.npairs; i++) {

        if (t.set[i].nrecords < ROUTE_RECORDS_MIN) {
            fprintf(stderr, "soma-route: %s: left out, it has %zu records\n",
                    t.pair[i].name, t.set[i].nrecords);
            continue;
        }

        route_train_pair(&t, i, &to->pair[to->npairs],
                         (int8_t *) &to->pair[t.npairs] + 2 * to->npairs,
                         width);
        to->npairs++;
    }

    if (to->npairs == 0) {
        route_die("%s: no pair has outcomes of both of its models", t.data);
    }

    if (to->npairs != t.npairs) {
        size_t   b;
        int8_t  *from, *dest;

        from = (int8_t *) &to->pair[t.npairs];
        dest = (int8_t *) &to->pair[to->npairs];

        for (b = 0; b < SOMA_COMPLEXITY_BUCKETS; b++) {
            memmove(dest + b * 2 * to->npairs, from + b * width,
                    2 * to->npairs);
        }
    }

    head = offsetof(soma_complexity_file_t, hash) + sizeof(uint64_t);
    rest.data = (unsigned char *) to + head;
    rest.len = soma_complexity_size(to->npairs) - head;
    to->hash = soma_xxh3(&rest, 1);

    file = fopen(t.to, "wb");

    if (file == NULL
        || fwrite(to, soma_complexity_size(to->npairs), 1, file) != 1
        || fclose(file) != 0)
    {
        route_die("%s: it could not be written", t.to);
    }

    return 0;
}


static void
route_train_options(route_training_t *t, int argc, char **argv)
{
    int  i;

    for (i = 1; i < argc; i++) {
        const char  **to;

        to = strcmp(argv[i], "--pairs") == 0 ? &t->pairs
             : strcmp(argv[i], "--sources") == 0 ? &t->sources
             : strcmp(argv[i], "-o") == 0 ? &t->to : NULL;

        if (to == NULL) {
            if (t->data != NULL || argv[i][0] == '-') {
                route_die("train: \"%s\" is not expected", argv[i]);
            }

            t->data = argv[i];
            continue;
        }

        if (++i == argc) {
            route_die("train: %s needs a value", argv[i - 1]);
        }

        *to = argv[i];
    }

    if (t->pairs == NULL || t->to == NULL || t->data == NULL) {
        route_die("train: --pairs FILE, -o WEIGHTS and a file of outcomes are "
                  "needed");
    }
}


static void
route_train_pairs(route_training_t *t)
{
    size_t           i, n;
    soma_str_t       text;
    yyjson_doc      *doc;
    yyjson_val      *v;
    route_pair_t    *pair;

    text = route_read(t->pairs);
    doc = yyjson_read((char *) text.data, text.len, 0);

    if (!yyjson_is_arr(yyjson_doc_get_root(doc))) {
        route_die("%s: it is to be a list of pairs, in JSON", t->pairs);
    }

    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, n, v) {

        if (t->npairs == SOMA_COMPLEXITY_PAIRS_MAX) {
            route_die("%s: more than %d pairs", t->pairs,
                      SOMA_COMPLEXITY_PAIRS_MAX);
        }

        pair = &t->pair[t->npairs++];
        pair->name = yyjson_get_str(yyjson_obj_get(v, "name"));

        if (pair->name == NULL
            || strlen(pair->name) >= SOMA_COMPLEXITY_NAME_MAX)
        {
            route_die("%s: pair %zu needs a name of at most %d bytes",
                      t->pairs, i, SOMA_COMPLEXITY_NAME_MAX - 1);
        }

        pair->ncheap = route_train_names(yyjson_obj_get(v, "cheap"),
                                         pair->cheap, ROUTE_MODELS_MAX);
        pair->nstrong = route_train_names(yyjson_obj_get(v, "strong"),
                                          pair->strong, ROUTE_MODELS_MAX);
        pair->nsources = route_train_names(yyjson_obj_get(v, "sources"),
                                           pair->source, ROUTE_SOURCES_MAX);

        if (pair->ncheap == 0 || pair->nstrong == 0) {
            route_die("%s: %s needs \"cheap\" and \"strong\", lists of "
                      "models", t->pairs, pair->name);
        }
    }
}


static unsigned
route_train_names(yyjson_val *list, const char **to, unsigned max)
{
    unsigned  i;

    for (i = 0; i < yyjson_arr_size(list) && i < max; i++) {
        to[i] = yyjson_get_str(yyjson_arr_get(list, i));

        if (to[i] == NULL) {
            break;
        }
    }

    return i;
}


static void
route_train_data(route_training_t *t)
{
    size_t         size;
    unsigned       line;
    soma_str_t     text;
    yyjson_doc    *doc;
    unsigned char *p, *end, *last;

    text = route_read(t->data);
    last = text.data + text.len;
    size = 0;

    for (p = text.data, line = 1; p < last; p = end + 1, line++) {

        end = memchr(p, '\n', (size_t) (last - p));
        end = (end != NULL) ? end : last;

        if (end == p) {
            continue;
        }

        if (t->n == size) {
            size = size * 2 + 1024;
            t->record = realloc(t->record, size * sizeof(route_record_t));

            if (t->record == NULL) {
                route_die("no memory");
            }
        }

        doc = yyjson_read((char *) p, (size_t) (end - p), 0);

        if (!route_train_record(&t->record[t->n], doc)) {
            route_die("%s: line %u is no record: {id, source, messages, "
                      "outcomes}", t->data, line);
        }

        t->n++;
    }
}


static unsigned
route_train_record(route_record_t *r, yyjson_doc *doc)
{
    unsigned    tools;
    soma_str_t  message;

    memset(r, 0, sizeof(route_record_t));

    r->doc = doc;
    r->root = yyjson_doc_get_root(doc);
    r->id = yyjson_get_str(yyjson_obj_get(r->root, "id"));
    r->source = yyjson_get_str(yyjson_obj_get(r->root, "source"));
    r->category = yyjson_get_str(yyjson_obj_get(r->root, "category"));

    if (r->id == NULL || r->source == NULL
        || !yyjson_is_arr(yyjson_obj_get(r->root, "messages"))
        || !yyjson_is_obj(yyjson_obj_get(r->root, "outcomes")))
    {
        return 0;
    }

    message = route_message(r->root, &tools);
    route_train_look(r, message, tools);

    return 1;
}


static void
route_train_look(route_record_t *r, soma_str_t message, unsigned tools)
{
    static soma_complexity_text_t  text;

    soma_complexity_read(&text, message, tools);

    r->n = text.n;
    r->nstats = text.nstats;
    r->in = (float) text.len / 4;
    r->feature = route_alloc((r->n + r->nstats) * sizeof(uint16_t));

    memcpy(r->feature, text.stat, r->nstats * sizeof(uint16_t));
    memcpy(r->feature + r->nstats, text.bucket, r->n * sizeof(uint16_t));
}


static void
route_train_talk(route_training_t *t)
{
    size_t      i;
    soma_str_t  message;

    while (route_talk[t->ntalk] != NULL) {
        t->ntalk++;
    }

    t->talk = route_alloc(t->ntalk * sizeof(route_record_t));
    memset(t->talk, 0, t->ntalk * sizeof(route_record_t));

    for (i = 0; i < t->ntalk; i++) {
        message.data = (unsigned char *) (uintptr_t) route_talk[i];
        message.len = strlen(route_talk[i]);
        route_train_look(&t->talk[i], message, 0);
    }
}


/* behind the records of a pair; of the curve it is none */

static void
route_train_talk_in(const route_training_t *t, route_set_t *set)
{
    size_t  i, k;

    set->nrecords = set->n;

    for (i = 0; i < t->ntalk && set->nrecords != 0; i++) {
        k = set->n++;
        set->record[k] = &t->talk[i];
        set->weight[k] = ROUTE_TALK_WEIGHT * (double) set->nrecords
                         / (double) t->ntalk;
        set->gain[k] = ROUTE_TALK_GAIN;
        set->out[k] = log(ROUTE_TALK_OUT);
        set->fold[k] = ROUTE_FOLDS;
    }
}


/* the records that have outcomes of both */

static void
route_train_set(const route_training_t *t, const route_pair_t *pair,
    route_set_t *set)
{
    size_t                 i;
    double                 out;
    yyjson_val            *cheap, *strong;
    const route_record_t  *r;

    route_train_room(set, t->n + t->ntalk);

    for (i = 0; i < t->n; i++) {
        r = &t->record[i];

        if (!route_train_has(t, pair, r->source)) {
            continue;
        }

        cheap = route_train_outcome(r, pair->cheap, pair->ncheap);
        strong = route_train_outcome(r, pair->strong, pair->nstrong);

        if (cheap == NULL || strong == NULL) {
            continue;
        }

        out = yyjson_get_num(yyjson_obj_get(strong, "out"));

        set->record[set->n] = r;
        set->cheap[set->n] = yyjson_get_num(yyjson_obj_get(cheap, "score"));
        set->strong[set->n] = yyjson_get_num(yyjson_obj_get(strong,
                                                            "score"));
        set->cheap_usd[set->n] = yyjson_get_num(yyjson_obj_get(cheap, "usd"));
        set->strong_usd[set->n] = yyjson_get_num(yyjson_obj_get(strong,
                                                                "usd"));
        set->gain[set->n] = set->strong[set->n] - set->cheap[set->n];
        set->out[set->n] = log(out > 1 ? out : 1);
        set->fold[set->n] = (unsigned) (soma_xxh3_mix(r->id, strlen(r->id))
                                        % ROUTE_FOLDS);
        set->n++;
    }

    route_train_weigh(pair, set);
    route_train_talk_in(t, set);
}


static void
route_train_room(route_set_t *set, size_t n)
{
    set->n = 0;
    set->record = route_alloc(n * sizeof(void *));
    set->weight = route_alloc(n * sizeof(double));
    set->cheap = route_alloc(n * sizeof(double));
    set->strong = route_alloc(n * sizeof(double));
    set->cheap_usd = route_alloc(n * sizeof(double));
    set->strong_usd = route_alloc(n * sizeof(double));
    set->gain = route_alloc(n * sizeof(double));
    set->out = route_alloc(n * sizeof(double));
    set->fold = route_alloc(n * sizeof(unsigned));
}


/* each pair says by how much more than its mean it gains */

static void
route_train_all(route_training_t *t)
{
    size_t              i, n;
    double              mean;
    unsigned            k;
    route_set_t         all;
    const route_set_t  *set;

    for (k = 0, n = 0; k < t->npairs; k++) {
        n += t->set[k].n;
    }

    route_train_room(&all, n);

    for (k = 0; k < t->npairs; k++) {
        set = &t->set[k];

        for (i = 0, mean = 0; i < set->nrecords; i++) {
            mean += set->weight[i] * set->gain[i] / (double) set->nrecords;
        }

        for (i = 0; i < set->n; i++) {
            all.record[all.n] = set->record[i];
            all.weight[all.n] = set->weight[i] * ROUTE_ALL_WEIGHT
                                / (double) set->nrecords;
            all.gain[all.n] = set->gain[i] - mean;
            all.fold[all.n] = set->fold[i];
            all.n++;
        }
    }

    for (k = 0; k <= ROUTE_FOLDS; k++) {
        t->all[k] = route_alloc(ROUTE_SIZE * sizeof(double));
        route_fit(&all, all.gain, ROUTE_ALL_LAMBDA,
                  k < ROUTE_FOLDS ? (int) k : -1, t->all[k]);
    }
}


static void
route_train_gain(const route_set_t *set, const double *all, int without,
    double *fit)
{
    size_t   i;
    double  *rest;

    rest = route_alloc(set->n * sizeof(double));

    for (i = 0; i < set->n; i++) {
        rest[i] = set->gain[i] - route_predict(all, set->record[i]);
    }

    route_fit(set, rest, ROUTE_GAIN_LAMBDA, without, fit);

    for (i = 0; i < ROUTE_SIZE; i++) {
        fit[i] += all[i];
    }

    free(rest);
}


static yyjson_val *
route_train_outcome(const route_record_t *r, const char *const *names,
    unsigned n)
{
    unsigned     i;
    yyjson_val  *v;

    for (i = 0; i < n; i++) {
        v = yyjson_obj_get(yyjson_obj_get(r->root, "outcomes"), names[i]);

        if (yyjson_is_obj(v)) {
            return v;
        }
    }

    return NULL;
}


static unsigned
route_train_has(const route_training_t *t, const route_pair_t *pair,
    const char *source)
{
    size_t       len;
    unsigned     i;
    const char  *p;

    /* what is to be trained on, of what the pair has */

    if (t->sources != NULL) {
        len = strlen(source);

        for (p = strstr(t->sources, source); p != NULL;
             p = strstr(p + 1, source))
        {
            if ((p == t->sources || p[-1] == ',')
                && (p[len] == ',' || p[len] == '\0'))
            {
                break;
            }
        }

        if (p == NULL) {
            return 0;
        }
    }

    for (i = 0; i < pair->nsources; i++) {
        if (strcmp(pair->source[i], source) == 0) {
            return 1;
        }
    }

    return pair->nsources == 0;
}


static void
route_train_weigh(const route_pair_t *pair, route_set_t *set)
{
    size_t       i, k, same;
    double       sum;
    unsigned     categories;
    const char  *a, *b;

    categories = (pair->nsources == 1);
    sum = 0;

    for (i = 0; i < set->n; i++) {
        a = categories && set->record[i]->category
            ? set->record[i]->category : set->record[i]->source;

        for (k = 0, same = 0; k < set->n; k++) {
            b = categories && set->record[k]->category
                ? set->record[k]->category : set->record[k]->source;
            same += (strcmp(a, b) == 0);
        }

        set->weight[i] = 1.0 / (double) same;
        sum += set->weight[i];
    }

    for (i = 0; i < set->n; i++) {
        set->weight[i] *= (double) set->n / sum;
    }
}


static void
route_train_pair(const route_training_t *t, unsigned i,
    soma_complexity_pair_t *to, int8_t *weight, unsigned width)
{
    double             *fit;
    const route_set_t  *set;

    set = &t->set[i];
    fit = route_alloc(ROUTE_SIZE * sizeof(double));

    snprintf(to->name, sizeof(to->name), "%s", t->pair[i].name);

    route_train_gain(set, t->all[ROUTE_FOLDS], -1, fit);
    route_train_table(fit, weight, width, &to->gain);

    route_fit(set, set->out, ROUTE_OUT_LAMBDA, -1, fit);
    route_train_table(fit, weight + 1, width, &to->out);

    route_train_curve(t, set, to);

    fprintf(stderr, "soma-route: %s: %zu records, half of the calls to the "
            "stronger one keep %.3f of its quality and save %.3f of its "
            "cost\n", to->name, set->nrecords, (double) to->curve[32].kept,
            (double) to->curve[32].saved);

    free(fit);
}


static void
route_train_table(const double *fit, int8_t *weight, unsigned width,
    soma_complexity_table_t *table)
{
    size_t  k;
    double  most, w;

    for (k = 0, most = 1e-12; k < SOMA_COMPLEXITY_BUCKETS; k++) {
        most = fabs(fit[k]) > most ? fabs(fit[k]) : most;
    }

    table->scale = (float) (most / 127);
    table->bias = (float) fit[SOMA_COMPLEXITY_BUCKETS];

    for (k = 0; k < SOMA_COMPLEXITY_BUCKETS; k++) {
        w = fit[k] / (double) table->scale;
        weight[k * width] = (int8_t) lrint(w > 127 ? 127 : w < -127 ? -127
                                           : w);
    }
}


/* point i gives i of 64 requests to the stronger model, by weight */

static void
route_train_curve(const route_training_t *t, const route_set_t *set,
    soma_complexity_pair_t *to)
{
    size_t          i, k;
    double         *gain, *out, (*of)[5], sum, quality, cost, all, spent;
    unsigned        fold;
    route_place_t  *place;

    gain = route_alloc(ROUTE_SIZE * sizeof(double));
    out = route_alloc(ROUTE_SIZE * sizeof(double));
    place = route_alloc(set->nrecords * sizeof(route_place_t));
    of = route_alloc(set->nrecords * sizeof(*of));

    for (fold = 0; fold < ROUTE_FOLDS; fold++) {
        route_train_gain(set, t->all[fold], (int) fold, gain);
        route_fit(set, set->out, ROUTE_OUT_LAMBDA, (int) fold, out);

        for (i = 0; i < set->nrecords; i++) {
            if (set->fold[i] == fold) {
                place[i].rank = route_rank(gain, out, set->record[i]);
            }
        }
    }

    quality = cost = all = spent = 0;

    for (i = 0; i < set->nrecords; i++) {
        of[i][0] = set->weight[i] / (double) set->nrecords;
        of[i][1] = set->cheap[i];
        of[i][2] = set->strong[i];
        of[i][3] = set->cheap_usd[i];
        of[i][4] = set->strong_usd[i];
        place[i].of = of[i];

        quality += of[i][0] * of[i][1];
        cost += of[i][0] * of[i][3];
        all += of[i][0] * of[i][2];
        spent += of[i][0] * of[i][4];
    }

    qsort(place, set->nrecords, sizeof(route_place_t), route_train_higher);

    for (i = 0, k = 0, sum = 0; k < SOMA_COMPLEXITY_POINTS; k++) {

        while (i < set->nrecords
               && sum < (double) k / (SOMA_COMPLEXITY_POINTS - 1) - 1e-9)
        {
            sum += place[i].of[0];
            quality += place[i].of[0] * (place[i].of[2] - place[i].of[1]);
            cost += place[i].of[0] * (place[i].of[4] - place[i].of[3]);
            i++;
        }

        to->curve[k].cut = (i == 0) ? HUGE_VALF : place[i - 1].rank;
        to->curve[k].kept = (float) (all > 0 ? quality / all : 1);
        to->curve[k].saved = (float) (spent > 0 ? 1 - cost / spent : 0);
    }

    to->curve[SOMA_COMPLEXITY_POINTS - 1].cut = -HUGE_VALF;

    free(gain);
    free(out);
    free(place);
    free(of);
}


static int
route_train_higher(const void *one, const void *two)
{
    const route_place_t  *a = one, *b = two;

    return (a->rank < b->rank) - (a->rank > b->rank);
}
