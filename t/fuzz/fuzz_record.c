
/*
 * Copyright (C) The ngx_soma authors
 *
 * Arbitrary bytes as a record: what decodes encodes to the same bytes, and
 * its JSON is JSON by yyjson's reading and fits.
 */


#include <stdlib.h>
#include <yyjson.h>
#include "soma_record.h"


#define must(cond)  do { if (!(cond)) { abort(); } } while (0)


static unsigned char  buf[SOMA_RECORD_MAX];
static unsigned char  json[SOMA_RECORD_JSON_MAX];


static void
check(const soma_record_t *record)
{
    soma_out_t   out;
    yyjson_doc  *doc;

    soma_out_init(&out, json, sizeof(json));
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
        must(soma_record_encode(&record, buf, sizeof(buf)) == len);
        must(memcmp(buf, data, len) == 0);
        check(&record);
    }

    if (len != 0) {
        made(data, len);
    }

    return 0;
}
