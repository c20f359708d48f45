
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a call of the script says: the names of its keys, and its arguments.
 */


#include "soma_lease.h"


static void soma_lease_put(soma_out_t *out, soma_str_t s);
static int soma_lease_of(soma_str_t s, const char *prefix, soma_str_t *name);


/* all but letters, digits and a few signs as %XX: a key is read by people,
 * and a brace in a name would move it to another slot */
static void
soma_lease_put(soma_out_t *out, soma_str_t s)
{
    int     c;
    size_t  i;

    static const char  hex[] = "0123456789ABCDEF";

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || (c != '\0' && strchr("._-=@+/", c) != NULL))
        {
            soma_put_char(out, c);

        } else if (c == ' ') {
            soma_put_char(out, '_');

        } else {
            soma_put_char(out, '%');
            soma_put_char(out, hex[c >> 4]);
            soma_put_char(out, hex[c & 0xf]);
        }
    }
}


/* what stands behind "prefix" in s */
static int
soma_lease_of(soma_str_t s, const char *prefix, soma_str_t *name)
{
    size_t  len;

    len = strlen(prefix);

    if (s.len < len || memcmp(s.data, prefix, len) != 0) {
        return 0;
    }

    name->data = s.data + len;
    name->len = s.len - len;

    return 1;
}


void
soma_lease_tag(soma_out_t *out, soma_str_t owner, soma_str_t tenant)
{
    soma_str_t  name;

    if (soma_lease_of(owner, "provider:", &name)) {
        soma_put_cstr(out, "provider:");
        soma_lease_put(out, name);
        return;
    }

    if (tenant.len == 0) {
        soma_put_char(out, '%');
        return;
    }

    soma_lease_put(out, tenant);
}


void
soma_lease_key(soma_out_t *out, soma_str_t tag, soma_str_t owner,
    soma_str_t rule, soma_str_t scope, soma_str_t group, soma_str_t value)
{
    soma_str_t  name;

    soma_put_cstr(out, "soma:{");
    soma_put_str(out, tag);
    soma_put_cstr(out, "}:quota:");

    if (soma_lease_of(owner, "key:", &name)) {
        soma_put_cstr(out, "key:");
        soma_lease_put(out, name);
        soma_put_char(out, ':');
    }

    soma_lease_put(out, rule);
    soma_put_char(out, ':');
    soma_put_str(out, scope);

    if (group.len != 0) {
        soma_put_char(out, ':');
        soma_lease_put(out, group);
    }

    if (value.len != 0) {
        soma_put_char(out, ':');
        soma_lease_put(out, value);
    }
}


void
soma_lease_fixed(soma_out_t *out, const unsigned char *instance, uint64_t seq,
    int up, const char **argv, size_t *argvlen)
{
    unsigned char  *p;

    argv[0] = (const char *) instance;
    argvlen[0] = SOMA_LEASE_INSTANCE;

    p = out->pos;
    soma_put_int(out, SOMA_LEASE_TTL_MS);
    argv[1] = (const char *) p;
    argvlen[1] = (size_t) (out->pos - p);

    p = out->pos;
    soma_put_int(out, (int64_t) seq);
    argv[2] = (const char *) p;
    argvlen[2] = (size_t) (out->pos - p);

    argv[3] = up ? "1" : "0";
    argvlen[3] = 1;
}


void
soma_lease_args(soma_out_t *out, const soma_lease_item_t *item,
    const char **argv, size_t *argvlen)
{
    int             i;
    unsigned char  *p;

    const int64_t  n[SOMA_LEASE_ARGS - 1] = {
        item->limit, item->state, (int64_t) item->ack, item->need,
        item->ahead, item->held, item->used, item->total, item->since,
        item->whole, item->edge[0], item->edge[1], item->edge[2],
        item->edge[3], item->least
    };

    for (i = 0; i < SOMA_LEASE_ARGS; i++) {
        p = out->pos;

        if (i == 0) {
            soma_put_char(out, soma_window_calendar(item->window)
                               ? 'w' : "csmh"[item->window]);

        } else {
            soma_put_int(out, n[i - 1]);
        }

        argv[i] = (const char *) p;
        argvlen[i] = (size_t) (out->pos - p);
        soma_put_char(out, '\0');
    }
}
