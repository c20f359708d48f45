
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_query.h"


static int soma_query_list(soma_str_t name);
static int soma_query_plain(soma_str_t value);


size_t
soma_query_pass(soma_str_t args, const soma_str_t *names, unsigned char *out)
{
    unsigned         i;
    uint64_t         seen;
    soma_str_t       name, value;
    unsigned char   *p, *end, *last, *eq, *to;

    p = args.data;
    last = p + args.len;
    to = out;
    seen = 0;

    for ( /* void */ ; p < last; p = end + 1) {

        end = memchr(p, '&', (size_t) (last - p));
        end = end ? end : last;

        eq = memchr(p, '=', (size_t) (end - p));

        if (eq == NULL) {
            continue;
        }

        name.data = p;
        name.len = (size_t) (eq - p);
        value.data = eq + 1;
        value.len = (size_t) (end - value.data);

        for (i = 0; names[i].len != 0 && i < 64; i++) {
            if (soma_str_eq(name, names[i])) {
                break;
            }
        }

        if (names[i].len == 0 || !soma_query_plain(value)
            || ((seen & ((uint64_t) 1 << i)) && !soma_query_list(name)))
        {
            continue;
        }

        seen |= (uint64_t) 1 << i;

        if (to != out) {
            *to++ = '&';
        }

        memcpy(to, p, (size_t) (end - p));
        to += end - p;
    }

    return (size_t) (to - out);
}


/* "include[]" may come several times */

static int
soma_query_list(soma_str_t name)
{
    return name.data[name.len - 1] == ']'
           || (name.len > 6
               && memcmp(name.data + name.len - 6, "%5B%5D", 6) == 0);
}


/* what no parser takes for the end of a value, or for more than it says */

static int
soma_query_plain(soma_str_t value)
{
    size_t         i;
    unsigned char  c;

    if (value.len > SOMA_QUERY_VALUE_MAX) {
        return 0;
    }

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_'
              || c == '~' || c == ','))
        {
            return 0;
        }
    }

    return 1;
}
