
/*
 * Copyright (C) The ngx_soma authors
 *
 * Arbitrary bytes as a record: what decodes encodes to the same bytes, less
 * the ints that are 0, to what decodes to the same; and its JSON is JSON by
 * yyjson's reading and fits.
 */


#include <stdlib.h>
#include <yyjson.h>
#include "soma_record.h"


#define INTS_1  27      /* of version 1, which has all of them */
#define must(cond)  do { if (!(cond)) { abort(); } } while (0)


static unsigned char  buf[SOMA_RECORD_MAX];
static unsigned char  json[SOMA_RECORD_JSON_MAX];
static unsigned char  other[SOMA_RECORD_JSON_MAX];


static uint32_t
mask(const unsigned char *p)
{
    return p[4] | (uint32_t) p[5] << 8 | (uint32_t) p[6] << 16
           | (uint32_t) p[7] << 24;
}


/* bytes of the strings and their lengths */
static size_t
strings(const soma_record_t *record)
{
    size_t             i, n;
    const soma_str_t  *s;

    n = SOMA_RECORD_STRS;
    s = &record->id;

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        n += s[i].len;
    }

    return n;
}


static void
check(const soma_record_t *record)
{
    soma_out_t   out;
    yyjson_doc  *doc;

    soma_put_init(&out, json, sizeof(json));
    soma_record_json(&out, record);
    must(!out.full);

    doc = yyjson_read((char *) json, (size_t) (out.pos - out.start), 0);
    must(doc != NULL);
    must(yyjson_obj_size(yyjson_doc_get_root(doc)) >= 38);
    must(yyjson_get_sint(yyjson_obj_get(yyjson_doc_get_root(doc),
                                        "cost_nano"))
         == record->cost.total);
    yyjson_doc_free(doc);
}


/* a decoded record, encoded again: shorter by the zeros that were there */
static void
again(const soma_record_t *record, const uint8_t *data, size_t len)
{
    size_t         n;
    uint32_t       had, has;
    soma_out_t     a, b;
    soma_record_t  back;

    n = soma_record_encode(record, buf, sizeof(buf));
    must(n != 0 && n <= len && buf[0] == 2);

    had = data[0] == 1 ? (1u << INTS_1) - 1 : mask(data);
    has = mask(buf);

    must((has & ~had) == 0);
    must(n + 8 * (size_t) __builtin_popcount(had ^ has) == len);
    must(memcmp(buf + n - strings(record), data + len - strings(record),
                strings(record)) == 0);
    must(had != has || data[0] == 1 || memcmp(buf, data, len) == 0);

    must(soma_record_decode(&back, buf, n) == SOMA_OK);

    soma_put_init(&a, json, sizeof(json));
    soma_record_json(&a, record);
    soma_put_init(&b, other, sizeof(other));
    soma_record_json(&b, &back);
    must(a.pos - json == b.pos - other
         && memcmp(json, other, (size_t) (a.pos - json)) == 0);
    must(back.usage.known == record->usage.known
         && back.usage.tier == record->usage.tier);
}


/* a record whose every field is taken from the input */
static void
made(const uint8_t *data, size_t len)
{
    size_t          n;
    int64_t         value;
    soma_str_t      all;
    soma_record_t   record, back;
    unsigned char  *p;

    memset(&record, 0, sizeof(record));

    all.data = (unsigned char *) data;
    all.len = len;

    record.id = all;
    record.user = all;
    record.catalogue = all;
    record.tags.data = all.data + len / 2;
    record.tags.len = len - len / 2;

    p = (unsigned char *) &record.usage;
    n = len < offsetof(soma_usage_t, tier) ? len
                                           : offsetof(soma_usage_t, tier);
    memcpy(p, data, n);

    n = len < sizeof(value) ? len : sizeof(value);
    value = 0;
    memcpy(&value, data, n);

    record.cost.total = value;
    record.first_token_ms = value;
    record.time = value;
    record.status = (int32_t) value;
    record.usage.tier = (unsigned) value % 6;

    n = soma_record_encode(&record, buf, sizeof(buf));
    must(n != 0);
    must(soma_record_decode(&back, buf, n) == SOMA_OK);
    must(back.time == value && back.status == record.status
         && memcmp(&back.usage, &record.usage,
                   offsetof(soma_usage_t, tier)) == 0);
    check(&back);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int            rc;
    soma_str_t     tenant;
    soma_record_t  record;

    rc = soma_record_decode(&record, data, len);

    must(soma_record_tenant(&tenant, data, len) == rc);

    if (rc == SOMA_OK) {
        must(tenant.data == record.tenant.data
             && tenant.len == record.tenant.len);
        again(&record, data, len);
        check(&record);
    }

    if (len != 0) {
        made(data, len);
    }

    return 0;
}
