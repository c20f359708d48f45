
/*
 * Copyright (C) The ngx_soma authors
 *
 * Ridge regression by conjugate gradients on its normal equations, which the
 * few thousand records of a pair need some sixty steps for.
 */


#include <math.h>
#include <stdlib.h>

#include "route.h"


#define ROUTE_STEPS  80
#define ROUTE_SIZE   (SOMA_COMPLEXITY_BUCKETS + 1)


static void route_fit_apply(const route_set_t *set, double lambda,
    int without, const double *x, double *to);
static void route_fit_add(const route_record_t *r, double by, double *to);
static double route_fit_dot(const double *a, const double *b);


void
route_fit(const route_set_t *set, const double *value, double lambda,
    int without, double *fit)
{
    size_t   i, k, step;
    double  *left, *way, *turned, old, now, by;

    left = route_alloc(ROUTE_SIZE * sizeof(double));
    way = route_alloc(ROUTE_SIZE * sizeof(double));
    turned = route_alloc(ROUTE_SIZE * sizeof(double));

    memset(fit, 0, ROUTE_SIZE * sizeof(double));
    memset(left, 0, ROUTE_SIZE * sizeof(double));

    for (i = 0; i < set->n; i++) {
        if ((int) set->fold[i] != without) {
            route_fit_add(set->record[i], set->weight[i] * value[i], left);
        }
    }

    memcpy(way, left, ROUTE_SIZE * sizeof(double));
    now = route_fit_dot(left, left);
    old = now;

    for (step = 0; step < ROUTE_STEPS && now > old * 1e-10; step++) {
        route_fit_apply(set, lambda, without, way, turned);
        by = now / route_fit_dot(way, turned);

        for (k = 0; k < ROUTE_SIZE; k++) {
            fit[k] += by * way[k];
            left[k] -= by * turned[k];
        }

        by = now;
        now = route_fit_dot(left, left);
        by = now / by;

        for (k = 0; k < ROUTE_SIZE; k++) {
            way[k] = left[k] + by * way[k];
        }
    }

    free(left);
    free(way);
    free(turned);
}


/* (X'WX + lambda) x; the bias costs nothing */

static void
route_fit_apply(const route_set_t *set, double lambda, int without,
    const double *x, double *to)
{
    size_t  i, k;

    for (k = 0; k < SOMA_COMPLEXITY_BUCKETS; k++) {
        to[k] = lambda * x[k];
    }

    to[k] = 1e-6 * x[k];

    for (i = 0; i < set->n; i++) {
        if ((int) set->fold[i] != without) {
            route_fit_add(set->record[i], set->weight[i]
                          * route_predict(x, set->record[i]), to);
        }
    }
}


static void
route_fit_add(const route_record_t *r, double by, double *to)
{
    unsigned  i;
    double    each;

    for (i = 0; i < r->nstats; i++) {
        to[r->feature[i]] += by * (double) SOMA_COMPLEXITY_STAT;
    }

    each = (r->n != 0) ? by / sqrt((double) r->n) : 0;

    for (i = 0; i < r->n; i++) {
        to[r->feature[r->nstats + i]] += each;
    }

    to[SOMA_COMPLEXITY_BUCKETS] += by;
}


double
route_predict(const double *fit, const route_record_t *r)
{
    double    stat, sum;
    unsigned  i;

    stat = 0;
    sum = 0;

    for (i = 0; i < r->nstats; i++) {
        stat += fit[r->feature[i]];
    }

    for (i = 0; i < r->n; i++) {
        sum += fit[r->feature[r->nstats + i]];
    }

    return fit[SOMA_COMPLEXITY_BUCKETS] + stat * (double) SOMA_COMPLEXITY_STAT
           + (r->n != 0 ? sum / sqrt((double) r->n) : 0);
}


static double
route_fit_dot(const double *a, const double *b)
{
    size_t  k;
    double  sum;

    sum = 0;

    for (k = 0; k < ROUTE_SIZE; k++) {
        sum += a[k] * b[k];
    }

    return sum;
}


float
route_rank(const double *gain, const double *out, const route_record_t *r)
{
    soma_complexity_score_t  score;

    score.gain = (float) route_predict(gain, r);
    score.out = expf((float) route_predict(out, r));

    return soma_complexity_rank(&score, r->in, SOMA_COMPLEXITY_RATIO);
}
