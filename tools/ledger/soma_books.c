
/*
 * Copyright (C) The ngx_soma authors
 *
 * Records in blocks that never move, found by an open-addressed table of
 * numbers; rows, tenants and writers the same way.
 */


#include <stdlib.h>
#include <yyjson.h>

#include "soma_books.h"


#define SOMA_BOOKS_ROOM     64
#define SOMA_BOOKS_SLOTS    256         /* power of two */


typedef struct {
    uint64_t    hash;
    int64_t     time;
    int64_t     sum[SOMA_SUMS];
    soma_str_t  provider;
    soma_str_t  model;
} soma_books_facts_t;


/* the sums that are not 0 or 1 */
static const soma_sum_e  soma_books_counted[SOMA_BOOKS_COUNTED] = {
    SOMA_SUM_INPUT, SOMA_SUM_CACHED, SOMA_SUM_CACHE_WRITE, SOMA_SUM_OUTPUT,
    SOMA_SUM_REASONING, SOMA_SUM_COST
};


static int soma_books_index_room(soma_books_t *books,
    soma_books_index_t *index, uint64_t (*hash)(const soma_books_t *books,
    uint32_t i));
static void soma_books_index_put(soma_books_index_t *index, uint64_t hash);
static int soma_books_grow(soma_books_t *books, void *items, uint32_t *room,
    uint32_t n, uint32_t max, size_t size);
static uint64_t soma_books_hash_name(soma_str_t name);
static uint64_t soma_books_hash_tenant(const soma_books_t *books,
    uint32_t i);
static uint64_t soma_books_hash_writer(const soma_books_t *books,
    uint32_t i);
static uint64_t soma_books_hash_key(uint32_t tenant, int32_t day,
    soma_str_t provider, soma_str_t model);
static uint64_t soma_books_hash_row(const soma_books_t *books, uint32_t i);
static uint64_t soma_books_hash_record(const soma_books_t *books,
    uint32_t i);
static int soma_books_row(soma_books_t *books, uint32_t tenant, int32_t day,
    soma_str_t provider, soma_str_t model, uint32_t *row);
static soma_str_t soma_books_member(yyjson_val *root, const char *name);
static int soma_books_facts(soma_books_facts_t *facts, yyjson_val *root);
static int soma_books_add(soma_books_t *books, uint32_t tenant,
    const soma_books_facts_t *facts, soma_books_record_t **record);
static soma_books_record_t *soma_books_find(const soma_books_t *books,
    const soma_books_facts_t *facts);
static int64_t soma_books_plus(int64_t a, int64_t b);
static void soma_books_sums(int64_t *sums, const soma_books_record_t *r);
static uint64_t soma_books_applied_seq(const soma_books_tenant_t *tenant,
    uint32_t writer);
static int soma_books_number(soma_str_t s, int64_t *n);
static int soma_books_cmp_str(soma_str_t a, soma_str_t b);


void
soma_books_init(soma_books_t *books, soma_arena_t *arena)
{
    memset(books, 0, sizeof(soma_books_t));
    books->arena = arena;
}


/* at most half of the slots are taken */
static int
soma_books_index_room(soma_books_t *books, soma_books_index_t *index,
    uint64_t (*hash)(const soma_books_t *books, uint32_t i))
{
    uint32_t            i, n;
    soma_books_index_t  larger;

    if (index->slot != NULL && index->n < (index->mask + 1) / 2) {
        return SOMA_OK;
    }

    n = index->slot ? (index->mask + 1) * 2 : SOMA_BOOKS_SLOTS;

    larger.slot = books->arena->alloc(books->arena->data,
                                      n * sizeof(uint32_t));
    if (larger.slot == NULL) {
        return SOMA_ERROR;
    }

    memset(larger.slot, 0, n * sizeof(uint32_t));
    larger.mask = n - 1;
    larger.n = 0;

    for (i = 0; i < index->n; i++) {
        soma_books_index_put(&larger, hash(books, i));
    }

    *index = larger;

    return SOMA_OK;
}


/* the next number, index->n, under a hash that has a free slot */
static void
soma_books_index_put(soma_books_index_t *index, uint64_t hash)
{
    uint32_t  at;

    for (at = (uint32_t) hash & index->mask;
         index->slot[at] != 0;
         at = (at + 1) & index->mask)
    {
        /* void */
    }

    index->slot[at] = ++index->n;
}


static int
soma_books_grow(soma_books_t *books, void *items, uint32_t *room, uint32_t n,
    uint32_t max, size_t size)
{
    void      *larger, **p;
    uint32_t   more;

    p = items;

    if (n < *room) {
        return SOMA_OK;
    }

    if (n >= max) {
        return SOMA_ERROR;
    }

    more = *room ? *room * 2 : SOMA_BOOKS_ROOM;
    larger = books->arena->alloc(books->arena->data, more * size);

    if (larger == NULL) {
        return SOMA_ERROR;
    }

    memset(larger, 0, more * size);

    if (n) {
        memcpy(larger, *p, n * size);
    }

    *p = larger;
    *room = more;

    return SOMA_OK;
}


static uint64_t
soma_books_hash_name(soma_str_t name)
{
    return soma_str_hash(name.data, name.len);
}


static uint64_t
soma_books_hash_tenant(const soma_books_t *books, uint32_t i)
{
    return soma_books_hash_name(books->tenant[i].name);
}


static uint64_t
soma_books_hash_writer(const soma_books_t *books, uint32_t i)
{
    return soma_books_hash_name(books->writer[i]);
}


int
soma_books_tenant(soma_books_t *books, soma_str_t name, uint32_t *tenant)
{
    void      *p;
    uint32_t   at, i;
    uint64_t   hash;

    if (soma_books_index_room(books, &books->tenants, soma_books_hash_tenant)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    hash = soma_books_hash_name(name);

    for (at = (uint32_t) hash & books->tenants.mask;
         books->tenants.slot[at] != 0;
         at = (at + 1) & books->tenants.mask)
    {
        i = books->tenants.slot[at] - 1;

        if (soma_str_eq(books->tenant[i].name, name)) {
            *tenant = i;
            return SOMA_OK;
        }
    }

    p = books->tenant;

    if (soma_books_grow(books, &p, &books->tenants_room, books->tenants.n,
                        SOMA_BOOKS_NAMES_MAX, sizeof(soma_books_tenant_t))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    books->tenant = p;
    *tenant = books->tenants.n;
    books->tenant[*tenant].name = soma_str_dup(books->arena, name);
    books->tenant[*tenant].first_day = INT32_MIN;

    if (books->tenant[*tenant].name.data == NULL && name.len != 0) {
        return SOMA_ERROR;
    }

    soma_books_index_put(&books->tenants, hash);

    return SOMA_OK;
}


int
soma_books_writer(soma_books_t *books, soma_str_t name, uint32_t *writer)
{
    void      *p;
    uint32_t   at, i;
    uint64_t   hash;

    if (soma_books_index_room(books, &books->writers, soma_books_hash_writer)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    hash = soma_books_hash_name(name);

    for (at = (uint32_t) hash & books->writers.mask;
         books->writers.slot[at] != 0;
         at = (at + 1) & books->writers.mask)
    {
        i = books->writers.slot[at] - 1;

        if (soma_str_eq(books->writer[i], name)) {
            *writer = i;
            return SOMA_OK;
        }
    }

    p = books->writer;

    if (soma_books_grow(books, &p, &books->writers_room, books->writers.n,
                        SOMA_BOOKS_NAMES_MAX, sizeof(soma_str_t))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    books->writer = p;
    *writer = books->writers.n;
    books->writer[*writer] = soma_str_dup(books->arena, name);

    if (books->writer[*writer].data == NULL && name.len != 0) {
        return SOMA_ERROR;
    }

    soma_books_index_put(&books->writers, hash);

    return SOMA_OK;
}


static uint64_t
soma_books_hash_key(uint32_t tenant, int32_t day, soma_str_t provider,
    soma_str_t model)
{
    uint64_t  part[4];

    part[0] = tenant;
    part[1] = (uint64_t) day;
    part[2] = soma_str_hash(provider.data, provider.len);
    part[3] = soma_str_hash(model.data, model.len);

    return soma_str_hash(part, sizeof(part));
}


static uint64_t
soma_books_hash_row(const soma_books_t *books, uint32_t i)
{
    const soma_books_row_t  *row;

    row = &books->row[i];

    return soma_books_hash_key(row->tenant, row->day, row->provider,
                               row->model);
}


static int
soma_books_row(soma_books_t *books, uint32_t tenant, int32_t day,
    soma_str_t provider, soma_str_t model, uint32_t *row)
{
    void              *p;
    uint32_t           at, i;
    uint64_t           hash;
    soma_books_row_t  *r;

    if (soma_books_index_room(books, &books->rows, soma_books_hash_row)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    hash = soma_books_hash_key(tenant, day, provider, model);

    for (at = (uint32_t) hash & books->rows.mask;
         books->rows.slot[at] != 0;
         at = (at + 1) & books->rows.mask)
    {
        i = books->rows.slot[at] - 1;
        r = &books->row[i];

        if (r->tenant == tenant && r->day == day
            && soma_str_eq(r->provider, provider)
            && soma_str_eq(r->model, model))
        {
            *row = i;
            return SOMA_OK;
        }
    }

    p = books->row;

    if (soma_books_grow(books, &p, &books->rows_room, books->rows.n,
                        SOMA_BOOKS_ROWS_MAX, sizeof(soma_books_row_t))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    books->row = p;
    *row = books->rows.n;

    r = &books->row[*row];
    r->tenant = tenant;
    r->day = day;
    r->provider = soma_str_dup(books->arena, provider);
    r->model = soma_str_dup(books->arena, model);

    if ((r->provider.data == NULL && provider.len != 0)
        || (r->model.data == NULL && model.len != 0))
    {
        return SOMA_ERROR;
    }

    soma_books_index_put(&books->rows, hash);

    return SOMA_OK;
}


static soma_str_t
soma_books_member(yyjson_val *root, const char *name)
{
    soma_str_t   s;
    yyjson_val  *val;

    val = yyjson_obj_get(root, name);

    s.data = (unsigned char *) (yyjson_is_str(val) ? yyjson_get_str(val)
                                                   : "");
    s.len = yyjson_is_str(val) ? yyjson_get_len(val) : 0;

    return s;
}


static int
soma_books_facts(soma_books_facts_t *facts, yyjson_val *root)
{
    uint64_t     part[2];
    unsigned     i;
    soma_str_t   id, node;
    yyjson_val  *val, *status;

    memset(facts, 0, sizeof(soma_books_facts_t));

    val = yyjson_obj_get(root, "time");
    status = yyjson_obj_get(root, "status");

    if (!yyjson_is_int(val) || !yyjson_is_int(status)) {
        return SOMA_DECLINED;
    }

    facts->time = yyjson_get_sint(val);

    for (i = 0; i < SOMA_BOOKS_COUNTED; i++) {
        val = yyjson_obj_get(root,
                             soma_aggregate_sum_name(soma_books_counted[i]));

        if (!yyjson_is_int(val)) {
            return SOMA_DECLINED;
        }

        facts->sum[soma_books_counted[i]] = yyjson_get_sint(val);
    }

    facts->sum[SOMA_SUM_REQUESTS] = 1;
    facts->sum[SOMA_SUM_ERRORS] = soma_books_member(root, "error").len != 0
                                  || yyjson_get_sint(status) >= 400;
    facts->sum[SOMA_SUM_ESTIMATED] =
        yyjson_is_true(yyjson_obj_get(root, "estimated"));

    facts->provider = soma_books_member(root, "provider");
    facts->model = soma_books_member(root, "model");

    id = soma_books_member(root, "id");
    node = soma_books_member(root, "node");
    part[0] = soma_str_hash(id.data, id.len);
    part[1] = soma_str_hash(node.data, node.len);
    facts->hash = soma_str_hash(part, sizeof(part));

    return SOMA_OK;
}


int
soma_books_time(soma_str_t json, int64_t *time)
{
    int          rc;
    yyjson_doc  *doc;
    yyjson_val  *val;

    doc = yyjson_read((char *) json.data, json.len, 0);

    if (doc == NULL) {
        return SOMA_DECLINED;
    }

    val = yyjson_obj_get(yyjson_doc_get_root(doc), "time");
    rc = yyjson_is_int(val) ? SOMA_OK : SOMA_DECLINED;
    *time = yyjson_get_sint(val);

    yyjson_doc_free(doc);

    return rc;
}


soma_books_record_t *
soma_books_record(const soma_books_t *books, uint32_t i)
{
    return &books->block[i / SOMA_BOOKS_BLOCK][i % SOMA_BOOKS_BLOCK];
}


static uint64_t
soma_books_hash_record(const soma_books_t *books, uint32_t i)
{
    return soma_books_record(books, i)->hash;
}


static int
soma_books_add(soma_books_t *books, uint32_t tenant,
    const soma_books_facts_t *facts, soma_books_record_t **record)
{
    uint32_t               n, row;
    unsigned               i;
    soma_books_record_t   *r, **block;

    n = books->nrecords;

    if (n == SOMA_BOOKS_RECORDS_MAX
        || soma_books_row(books, tenant, soma_aggregate_day_of(facts->time),
                          facts->provider, facts->model, &row) != SOMA_OK
        || soma_books_index_room(books, &books->records,
                                 soma_books_hash_record) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    block = &books->block[n / SOMA_BOOKS_BLOCK];

    if (*block == NULL) {
        *block = books->arena->alloc(books->arena->data, SOMA_BOOKS_BLOCK
                                     * sizeof(soma_books_record_t));
        if (*block == NULL) {
            return SOMA_ERROR;
        }
    }

    r = soma_books_record(books, n);
    memset(r, 0, sizeof(soma_books_record_t));

    r->hash = facts->hash;
    r->time = facts->time;
    r->row = row;
    r->error = facts->sum[SOMA_SUM_ERRORS] != 0;
    r->estimated = facts->sum[SOMA_SUM_ESTIMATED] != 0;

    for (i = 0; i < SOMA_BOOKS_COUNTED; i++) {
        r->sum[i] = facts->sum[soma_books_counted[i]];
    }

    books->nrecords++;
    soma_books_index_put(&books->records, r->hash);
    *record = r;

    return SOMA_OK;
}


/* of several with one id, a client's own, one that the stream has not had */
static soma_books_record_t *
soma_books_find(const soma_books_t *books, const soma_books_facts_t *facts)
{
    uint32_t              at;
    soma_books_record_t  *r, *found;

    found = NULL;

    if (books->records.slot == NULL) {
        return NULL;
    }

    for (at = (uint32_t) facts->hash & books->records.mask;
         books->records.slot[at] != 0;
         at = (at + 1) & books->records.mask)
    {
        r = soma_books_record(books, books->records.slot[at] - 1);

        if (r->hash == facts->hash && r->time == facts->time) {
            found = r;

            if (r->streamed == 0) {
                break;
            }
        }
    }

    return found;
}


int
soma_books_journal(soma_books_t *books, uint32_t tenant, uint32_t writer,
    uint64_t seq, soma_str_t json)
{
    int                   rc;
    unsigned              i;
    yyjson_doc           *doc;
    soma_books_row_t     *row;
    soma_books_facts_t    facts;
    soma_books_record_t  *r;

    doc = yyjson_read((char *) json.data, json.len, 0);

    if (doc == NULL) {
        return SOMA_DECLINED;
    }

    r = NULL;
    rc = soma_books_facts(&facts, yyjson_doc_get_root(doc));

    if (rc == SOMA_OK) {
        rc = soma_books_add(books, tenant, &facts, &r);
    }

    yyjson_doc_free(doc);

    if (rc != SOMA_OK) {
        return rc;
    }

    r->writer = writer;
    r->seq = seq;
    row = &books->row[r->row];

    for (i = 0; i < SOMA_SUMS; i++) {
        row->journal[i] = soma_books_plus(row->journal[i], facts.sum[i]);
    }

    return soma_books_day(books, tenant, row->day);
}


int
soma_books_stream(soma_books_t *books, uint32_t tenant, soma_str_t json)
{
    int                   rc;
    uint32_t              i;
    yyjson_doc           *doc;
    soma_books_facts_t    facts;
    soma_books_tenant_t  *t;
    soma_books_record_t  *r;

    doc = yyjson_read((char *) json.data, json.len, 0);

    if (doc == NULL) {
        return SOMA_DECLINED;
    }

    rc = soma_books_facts(&facts, yyjson_doc_get_root(doc));

    if (rc != SOMA_OK) {
        goto done;
    }

    t = &books->tenant[tenant];

    for (i = 0;
         i < t->ndays && t->day[i] != soma_aggregate_day_of(facts.time);
         i++)
    {
        /* void */
    }

    if (i == t->ndays) {
        goto done;
    }

    r = soma_books_find(books, &facts);

    if (r == NULL) {
        rc = soma_books_add(books, tenant, &facts, &r);

        if (rc != SOMA_OK) {
            goto done;
        }
    }

    for (i = 0; i < SOMA_BOOKS_COUNTED; i++) {
        r->changed |= r->sum[i] != facts.sum[soma_books_counted[i]];
    }

    if (r->streamed < UINT16_MAX) {
        r->streamed++;
    }

done:

    yyjson_doc_free(doc);

    return rc;
}


int
soma_books_day(soma_books_t *books, uint32_t tenant, int32_t day)
{
    void                 *p;
    uint32_t              i;
    soma_books_tenant_t  *t;

    t = &books->tenant[tenant];

    for (i = t->ndays; i > 0; i--) {
        if (t->day[i - 1] == day) {
            return SOMA_OK;
        }
    }

    p = t->day;

    if (soma_books_grow(books, &p, &t->days_room, t->ndays,
                        SOMA_BOOKS_DAYS_MAX, sizeof(int32_t))
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    t->day = p;
    t->day[t->ndays++] = day;

    return SOMA_OK;
}


/* sums of Redis are anybody's numbers, negative ones among them */
static int
soma_books_number(soma_str_t s, int64_t *n)
{
    unsigned  minus;

    minus = s.len > 1 && s.data[0] == '-';

    if (minus) {
        s.data++;
        s.len--;
    }

    if (soma_number_int(s, n) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    *n = minus ? -*n : *n;

    return SOMA_OK;
}


int
soma_books_sum(soma_books_t *books, uint32_t tenant, int32_t day,
    soma_str_t field, soma_str_t value)
{
    int64_t         n;
    uint32_t        row;
    unsigned        i;
    soma_str_t      provider, model, name;
    unsigned char  *p, *last;

    if (field.len == 0 || soma_books_number(value, &n) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    /* a model's name may hold slashes, a provider's and a sum's do not */

    p = memchr(field.data, '/', field.len);

    for (last = field.data + field.len - 1;
         last > field.data && *last != '/';
         last--)
    {
        /* void */
    }

    if (p == NULL || last <= p) {
        return SOMA_DECLINED;
    }

    provider.data = field.data;
    provider.len = (size_t) (p - field.data);
    model.data = p + 1;
    model.len = (size_t) (last - model.data);
    name.data = last + 1;
    name.len = (size_t) (field.data + field.len - name.data);

    for (i = 0; i < SOMA_SUMS; i++) {

        if (!soma_str_is(name, soma_aggregate_sum_name(i))) {
            continue;
        }

        if (soma_books_row(books, tenant, day, provider, model, &row)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        books->row[row].redis[i] = n;

        return SOMA_OK;
    }

    return SOMA_DECLINED;
}


int
soma_books_applied(soma_books_t *books, uint32_t tenant, soma_str_t writer,
    uint64_t seq)
{
    uint32_t               w;
    soma_books_applied_t  *applied;

    if (soma_books_writer(books, writer, &w) != SOMA_OK) {
        return SOMA_ERROR;
    }

    applied = books->arena->alloc(books->arena->data,
                                  sizeof(soma_books_applied_t));
    if (applied == NULL) {
        return SOMA_ERROR;
    }

    applied->writer = w;
    applied->seq = seq;
    applied->next = books->tenant[tenant].applied;
    books->tenant[tenant].applied = applied;

    return SOMA_OK;
}


void
soma_books_forget_applied(soma_books_t *books)
{
    uint32_t  i;

    for (i = 0; i < books->tenants.n; i++) {
        books->tenant[i].applied = NULL;
    }
}


static uint64_t
soma_books_applied_seq(const soma_books_tenant_t *tenant, uint32_t writer)
{
    const soma_books_applied_t  *applied;

    for (applied = tenant->applied; applied; applied = applied->next) {
        if (applied->writer == writer) {
            return applied->seq;
        }
    }

    return 0;
}


/* what no request can have used stays at the end of the range */
static int64_t
soma_books_plus(int64_t a, int64_t b)
{
    int64_t  sum;

    if (__builtin_add_overflow(a, b, &sum)) {
        return a < 0 ? INT64_MIN + 1 : INT64_MAX;
    }

    return sum == INT64_MIN ? INT64_MIN + 1 : sum;
}


static void
soma_books_sums(int64_t *sums, const soma_books_record_t *r)
{
    unsigned  i, k;

    for (i = 0; i < SOMA_BOOKS_COUNTED; i++) {
        k = soma_books_counted[i];
        sums[k] = soma_books_plus(sums[k], r->sum[i]);
    }

    sums[SOMA_SUM_REQUESTS]++;
    sums[SOMA_SUM_ERRORS] += r->error;
    sums[SOMA_SUM_ESTIMATED] += r->estimated;
}


soma_books_state_e
soma_books_state(const soma_books_t *books, const soma_books_record_t *r)
{
    const soma_books_tenant_t  *t;

    t = &books->tenant[books->row[r->row].tenant];

    if (r->streamed > 1) {
        return SOMA_BOOKS_TWICE;
    }

    if (r->changed) {
        return SOMA_BOOKS_CHANGED;
    }

    if (r->streamed != 0) {
        return SOMA_BOOKS_FINE;
    }

    if (soma_books_applied_seq(t, r->writer) < r->seq) {
        return SOMA_BOOKS_WAITING;
    }

    /* a stream is cut at its beginning, and in the order of shipping */

    return t->cut && (!t->deleted || r->time <= t->first_ms)
           ? SOMA_BOOKS_FINE : SOMA_BOOKS_MISSING;
}


uint64_t
soma_books_behind(const soma_books_t *books)
{
    uint32_t                    i;
    uint64_t                    n;
    const soma_books_record_t  *r;
    const soma_books_tenant_t  *t;

    for (n = 0, i = 0; i < books->nrecords; i++) {
        r = soma_books_record(books, i);
        t = &books->tenant[books->row[r->row].tenant];
        n += soma_books_applied_seq(t, r->writer) < r->seq;
    }

    return n;
}


void
soma_books_balance(soma_books_t *books, soma_books_count_t *count)
{
    uint32_t                    i;
    const soma_books_record_t  *r;

    memset(count, 0, sizeof(soma_books_count_t));

    for (i = 0; i < books->nrecords; i++) {
        r = soma_books_record(books, i);

        if (r->seq == 0) {
            count->stream++;
            soma_books_sums(books->row[r->row].stream, r);

        } else {
            count->journal++;
        }

        switch (soma_books_state(books, r)) {

        case SOMA_BOOKS_WAITING:
            count->waiting++;
            soma_books_sums(books->row[r->row].waiting, r);
            break;

        case SOMA_BOOKS_MISSING:
            count->missing++;
            break;

        case SOMA_BOOKS_TWICE:
            count->twice += r->streamed - 1;
            break;

        case SOMA_BOOKS_CHANGED:
            count->changed++;
            break;

        case SOMA_BOOKS_FINE:
            break;
        }
    }
}


int64_t
soma_books_difference(const soma_books_t *books, const soma_books_row_t *row,
    soma_sum_e sum, int64_t *beyond)
{
    int64_t                     n;
    const soma_books_tenant_t  *t;

    t = &books->tenant[row->tenant];
    n = soma_books_plus(row->journal[sum], row->stream[sum]);
    n = soma_books_plus(row->redis[sum], -n);
    *beyond = 0;

    if (n > 0 && t->cut && row->day <= t->first_day) {
        *beyond = n;
        return 0;
    }

    return n;
}


static int
soma_books_cmp_str(soma_str_t a, soma_str_t b)
{
    int     rc;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    rc = len ? memcmp(a.data, b.data, len) : 0;

    return rc ? rc : (a.len > b.len) - (a.len < b.len);
}


int
soma_books_cmp(const soma_books_t *books, const soma_books_row_t *a,
    const soma_books_row_t *b)
{
    int  rc;

    rc = soma_books_cmp_str(books->tenant[a->tenant].name,
                            books->tenant[b->tenant].name);

    if (rc == 0) {
        rc = (a->day > b->day) - (a->day < b->day);
    }

    if (rc == 0) {
        rc = soma_books_cmp_str(a->provider, b->provider);
    }

    return rc ? rc : soma_books_cmp_str(a->model, b->model);
}
