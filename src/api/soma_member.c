
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_member.h"


void
soma_member(soma_out_t *out, const char *name)
{
    if (out->pos != out->start && out->pos[-1] != '{' && out->pos[-1] != '[') {
        soma_put_char(out, ',');
    }

    if (name != NULL) {
        soma_put_char(out, '"');
        soma_put_cstr(out, name);
        soma_put_cstr(out, "\":");
    }
}


void
soma_member_str(soma_out_t *out, const char *name, soma_str_t value)
{
    soma_member(out, name);
    soma_put_json_str(out, value);
}


void
soma_member_text(soma_out_t *out, const char *name, const char *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) (uintptr_t) value;
    s.len = strlen(value);

    soma_member_str(out, name, s);
}


void
soma_member_int(soma_out_t *out, const char *name, int64_t value)
{
    soma_member(out, name);
    soma_put_int(out, value);
}


void
soma_member_bool(soma_out_t *out, const char *name, int value)
{
    soma_member(out, name);
    soma_put_cstr(out, value ? "true" : "false");
}


void
soma_member_null(soma_out_t *out, const char *name)
{
    soma_member(out, name);
    soma_put_cstr(out, "null");
}


void
soma_member_time(soma_out_t *out, const char *name, int64_t ms)
{
    if (ms == 0) {
        soma_member_null(out, name);
        return;
    }

    soma_member(out, name);
    soma_put_char(out, '"');
    soma_put_time(out, ms);
    soma_put_char(out, '"');
}


void
soma_member_open(soma_out_t *out, const char *name, int bracket)
{
    soma_member(out, name);
    soma_put_char(out, bracket);
}


void
soma_member_list(soma_out_t *out, const char *name, soma_str_t list,
    int separator)
{
    soma_str_t      item;
    unsigned char  *stop;

    soma_member_open(out, name, '[');

    while (list.len != 0) {
        stop = memchr(list.data, separator, list.len);

        item.data = list.data;
        item.len = (stop != NULL) ? (size_t) (stop - list.data) : list.len;

        list.data += item.len + (stop != NULL);
        list.len -= item.len + (stop != NULL);

        item = soma_str_trim(item);

        if (item.len != 0) {
            soma_member_str(out, NULL, item);
        }
    }

    soma_put_char(out, ']');
}


void
soma_member_rows(soma_out_t *out, const char *name, size_t count,
    soma_member_row_pt row, void *data)
{
    size_t  n;

    soma_member_open(out, name, '[');

    for (n = 0; n < count; n++) {
        row(out, data, n);
    }

    soma_put_char(out, ']');
}


void
soma_member_cursor(soma_out_t *out, soma_str_t next)
{
    if (next.len != 0) {
        soma_member_str(out, "cursor", next);

    } else {
        soma_member_null(out, "cursor");
    }
}
