
/*
 * Copyright (C) The ngx_soma authors
 *
 * One batch for soma_ship.lua.  Sums are made here, so that a batch of 256
 * records of one model costs Redis 256 XADD and some 16 HINCRBY.
 */


#include "soma_ship.h"


enum {
    SOMA_SUM_REQUESTS = 0,
    SOMA_SUM_INPUT,
    SOMA_SUM_CACHED,
    SOMA_SUM_CACHE_WRITE,
    SOMA_SUM_OUTPUT,
    SOMA_SUM_REASONING,
    SOMA_SUM_COST,
    SOMA_SUM_ERRORS,
    SOMA_SUM_ESTIMATED
};


static const soma_str_t  soma_ship_fields[SOMA_SHIP_SUMS] = {
    soma_string("/requests"),
    soma_string("/input_tokens"),
    soma_string("/cached_tokens"),
    soma_string("/cache_write_tokens"),
    soma_string("/output_tokens"),
    soma_string("/reasoning_tokens"),
    soma_string("/cost_nano"),
    soma_string("/errors"),
    soma_string("/estimated")
};


static void soma_ship_forget(soma_ship_batch_t *batch);
static int soma_ship_hour(soma_ship_batch_t *batch, int64_t time,
    unsigned *day, unsigned *hour);
static int soma_ship_slot(int64_t *slots, unsigned *n, int64_t value,
    unsigned *index);
static soma_ship_group_t *soma_ship_group(soma_ship_batch_t *batch,
    const soma_record_t *record);
static void soma_ship_sum(soma_ship_group_t *group,
    const soma_record_t *record);
static void soma_ship_arg(soma_ship_batch_t *batch, soma_str_t s);
static void soma_ship_arg_int(soma_ship_batch_t *batch, soma_out_t *out,
    int64_t n);
static void soma_ship_keys(soma_ship_batch_t *batch, soma_out_t *out);
static unsigned soma_ship_group_args(soma_ship_batch_t *batch,
    soma_out_t *out, const soma_ship_group_t *group);


void
soma_ship_start(soma_ship_batch_t *batch, soma_str_t writer,
    soma_str_t tenant, uint64_t prev, int64_t events)
{
    batch->writer = writer;
    batch->tenant = tenant;
    batch->prev = prev;
    batch->first = 1;
    batch->last = 0;
    batch->events = events;
    batch->nrecords = 0;
    batch->ndays = 0;
    batch->nhours = 0;
    batch->ngroups = 0;
    batch->nkeys = 0;
    batch->argc = 0;

    soma_ship_forget(batch);
    soma_put_init(&batch->json, batch->bytes, sizeof(batch->bytes));
}


int
soma_ship_add(soma_ship_batch_t *batch, uint64_t seq,
    const soma_record_t *record)
{
    soma_str_t         *pair;
    unsigned char      *start;
    soma_ship_group_t  *group;

    if (batch->nrecords == SOMA_SHIP_RECORDS_MAX) {
        return SOMA_DECLINED;
    }

    start = batch->json.pos;
    soma_record_json_next(&batch->json, record, &batch->memo);

    if (batch->json.full) {
        batch->json.pos = start;
        batch->json.full = 0;
        soma_ship_forget(batch);
        return SOMA_DECLINED;
    }

    group = soma_ship_group(batch, record);

    if (group == NULL) {
        batch->json.pos = start;
        soma_ship_forget(batch);
        return SOMA_DECLINED;
    }

    soma_ship_sum(group, record);

    pair = &batch->record[2 * batch->nrecords];
    pair[0] = record->id;
    pair[1].data = start;
    pair[1].len = (size_t) (batch->json.pos - start);

    if (batch->nrecords++ == 0) {
        batch->first = seq;
    }

    batch->last = seq;

    return SOMA_OK;
}


/* the JSON that it points into is written over */
static void
soma_ship_forget(soma_ship_batch_t *batch)
{
    batch->memo.who.len = 0;
    batch->memo.tail.len = 0;
}


static int
soma_ship_hour(soma_ship_batch_t *batch, int64_t time, unsigned *day,
    unsigned *hour)
{
    int64_t  start, ms;

    start = soma_time_day_start(time);
    ms = soma_time_day_ms(time);

    if (soma_ship_slot(batch->days, &batch->ndays, start, day) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    return soma_ship_slot(batch->hours, &batch->nhours,
                          start + ms - ms % 3600000, hour);
}


static int
soma_ship_slot(int64_t *slots, unsigned *n, int64_t value, unsigned *index)
{
    unsigned  i;

    for (i = *n; i > 0; i--) {
        if (slots[i - 1] == value) {
            *index = i - 1;
            return SOMA_OK;
        }
    }

    if (*n == SOMA_SHIP_HOURS_MAX) {
        return SOMA_DECLINED;
    }

    slots[*n] = value;
    *index = (*n)++;

    return SOMA_OK;
}


static soma_ship_group_t *
soma_ship_group(soma_ship_batch_t *batch, const soma_record_t *record)
{
    unsigned            i, day, hour;
    soma_ship_group_t  *group;

    if (soma_ship_hour(batch, record->time, &day, &hour) != SOMA_OK) {
        return NULL;
    }

    for (i = 0; i < batch->ngroups; i++) {
        group = &batch->groups[i];

        if (group->hour == hour
            && soma_str_eq(group->model, record->model)
            && soma_str_eq(group->provider, record->provider))
        {
            return group;
        }
    }

    if (batch->ngroups == SOMA_SHIP_GROUPS_MAX) {
        return NULL;
    }

    group = &batch->groups[batch->ngroups++];

    memset(group, 0, sizeof(soma_ship_group_t));
    group->day = day;
    group->hour = hour;
    group->provider = record->provider;
    group->model = record->model;

    return group;
}


static void
soma_ship_sum(soma_ship_group_t *group, const soma_record_t *record)
{
    int64_t  *sums;

    sums = group->sums;

    sums[SOMA_SUM_REQUESTS]++;
    sums[SOMA_SUM_INPUT] += record->usage.input_tokens;
    sums[SOMA_SUM_CACHED] += record->usage.cached_tokens;
    sums[SOMA_SUM_CACHE_WRITE] += record->usage.cache_write_tokens;
    sums[SOMA_SUM_OUTPUT] += record->usage.output_tokens;
    sums[SOMA_SUM_REASONING] += record->usage.reasoning_tokens;
    sums[SOMA_SUM_COST] += record->cost.total;
    sums[SOMA_SUM_ERRORS] += record->error.len != 0 || record->status >= 400;
    sums[SOMA_SUM_ESTIMATED] += record->usage.estimated;
}


static void
soma_ship_arg(soma_ship_batch_t *batch, soma_str_t s)
{
    batch->argv[batch->argc] = (const char *) s.data;
    batch->argvlen[batch->argc++] = s.len;
}


static void
soma_ship_arg_int(soma_ship_batch_t *batch, soma_out_t *out, int64_t n)
{
    soma_str_t  s;

    s.data = out->pos;
    soma_put_int(out, n);
    s.len = (size_t) (out->pos - s.data);

    soma_ship_arg(batch, s);
}


void
soma_ship_applied_key(soma_out_t *out, soma_str_t tenant)
{
    soma_put_cstr(out, "soma:{");
    soma_put_str(out, tenant);
    soma_put_cstr(out, "}:applied");
}


static void
soma_ship_keys(soma_ship_batch_t *batch, soma_out_t *out)
{
    unsigned    i;
    soma_str_t  key;

    key.data = out->pos;
    soma_ship_applied_key(out, batch->tenant);
    key.len = (size_t) (out->pos - key.data);
    soma_ship_arg(batch, key);

    if (batch->nrecords == 0) {
        return;
    }

    for (i = 0; i < 1 + batch->ndays + batch->nhours; i++) {
        key.data = out->pos;

        soma_put_cstr(out, "soma:{");
        soma_put_str(out, batch->tenant);

        if (i == 0) {
            soma_put_cstr(out, "}:events");

        } else if (i <= batch->ndays) {
            soma_put_cstr(out, "}:usage:");
            soma_put_day(out, batch->days[i - 1]);

        } else {
            soma_put_cstr(out, "}:usage:");
            soma_put_hour(out, batch->hours[i - 1 - batch->ndays]);
        }

        key.len = (size_t) (out->pos - key.data);
        soma_ship_arg(batch, key);
    }
}


void
soma_ship_finish(soma_ship_batch_t *batch)
{
    unsigned    i, at, nsums;
    soma_str_t  s;
    soma_out_t  out;

    soma_put_init(&out, batch->sums, sizeof(batch->sums));

    soma_ship_keys(batch, &out);
    batch->nkeys = batch->argc;

    soma_ship_arg(batch, batch->writer);
    soma_ship_arg_int(batch, &out, (int64_t) batch->prev);
    soma_ship_arg_int(batch, &out, (int64_t) batch->first);
    soma_ship_arg_int(batch, &out, (int64_t) batch->last);
    soma_ship_arg_int(batch, &out, batch->events);

    at = batch->argc++;
    soma_ship_arg_int(batch, &out, batch->nrecords);
    soma_ship_arg_int(batch, &out, 3 + batch->ndays);

    nsums = 0;

    for (i = 0; i < batch->ngroups; i++) {
        nsums += soma_ship_group_args(batch, &out, &batch->groups[i]);
    }

    s.data = out.pos;
    soma_put_int(&out, nsums);
    s.len = (size_t) (out.pos - s.data);

    batch->argv[at] = (const char *) s.data;
    batch->argvlen[at] = s.len;

    for (i = 0; i < 2 * batch->nrecords; i++) {
        soma_ship_arg(batch, batch->record[i]);
    }
}


/* each field goes to the day and to the hour */
static unsigned
soma_ship_group_args(soma_ship_batch_t *batch, soma_out_t *out,
    const soma_ship_group_t *group)
{
    unsigned    i, n;
    soma_str_t  field, value;

    n = 0;

    for (i = 0; i < SOMA_SHIP_SUMS; i++) {

        if (group->sums[i] == 0) {
            continue;
        }

        field.data = out->pos;
        soma_put_str(out, group->provider);
        soma_put_char(out, '/');
        soma_put_str(out, group->model);
        soma_put_str(out, soma_ship_fields[i]);
        field.len = (size_t) (out->pos - field.data);

        value.data = out->pos;
        soma_put_int(out, group->sums[i]);
        value.len = (size_t) (out->pos - value.data);

        soma_ship_arg_int(batch, out, 3 + group->day);
        soma_ship_arg(batch, field);
        soma_ship_arg(batch, value);

        soma_ship_arg_int(batch, out, 3 + batch->ndays + group->hour);
        soma_ship_arg(batch, field);
        soma_ship_arg(batch, value);

        n += 2;
    }

    return n;
}
