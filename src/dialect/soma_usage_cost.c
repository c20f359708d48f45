
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_usage_cost.h"


static int soma_usage_cost_place(soma_str_t usage, soma_json_edit_t *edit,
    unsigned *members);


int
soma_usage_cost(const soma_sse_event_t *event, soma_str_t usage,
    int64_t cost, unsigned char *buf, soma_json_edit_t *edit)
{
    size_t      at;
    unsigned    members;
    uintptr_t   raw, p;
    soma_out_t  out;

    raw = (uintptr_t) event->raw.data;
    p = (uintptr_t) usage.data;

    if (p < raw || p - raw > event->raw.len
        || usage.len > event->raw.len - (p - raw))
    {
        return SOMA_DECLINED;
    }

    if (soma_usage_cost_place(usage, edit, &members) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_put_init(&out, buf, SOMA_USAGE_COST_MAX);

    if (edit->start != edit->end) {
        soma_put_usd(&out, cost);

    } else {
        soma_put_cstr(&out, members ? "," : "");
        soma_usage_cost_put(&out, cost);
    }

    at = (size_t) (p - raw);

    edit->start += at;
    edit->end += at;
    edit->text.data = buf;
    edit->text.len = (size_t) (out.pos - out.start);

    return SOMA_OK;
}


void
soma_usage_cost_put(soma_out_t *out, int64_t cost)
{
    soma_put_cstr(out, "\"cost\":");
    soma_put_usd(out, cost);
}


/* in "usage"; a value to be replaced is never empty */

static int
soma_usage_cost_place(soma_str_t usage, soma_json_edit_t *edit,
    unsigned *members)
{
    int                   rc;
    soma_str_t            name;
    soma_json_iter_t      it;
    soma_json_value_t     value;
    const unsigned char  *p;

    if (soma_json_first(&it, usage) != SOMA_OK || !it.object) {
        return SOMA_DECLINED;
    }

    *members = 0;

    while ((rc = soma_json_next(&it, &name, &value)) == SOMA_OK) {
        *members = 1;
    }

    if (rc != SOMA_DONE) {
        return SOMA_DECLINED;
    }

    if (soma_json_get(usage, "cost", &value) == SOMA_OK) {
        edit->start = (size_t) (value.text.data - usage.data);
        edit->end = edit->start + value.text.len;
        return SOMA_OK;
    }

    /* it stands behind the last value, with nothing but blanks before */

    for (p = it.pos; *p != '}'; p++) { /* void */ }

    edit->start = (size_t) (p - usage.data);
    edit->end = edit->start;

    return SOMA_OK;
}
