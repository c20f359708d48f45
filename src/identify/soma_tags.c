
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_tags.h"


static void soma_tags_add(soma_out_t *out, soma_str_t name, soma_str_t value);
static int soma_tags_plain(soma_str_t s);


void
soma_tags_list(soma_out_t *out, soma_str_t list)
{
    soma_str_t      word;
    unsigned char  *p;

    while (list.len != 0) {
        p = memchr(list.data, ',', list.len);

        word.data = list.data;
        word.len = p ? (size_t) (p - list.data) : list.len;

        list.data += word.len + (p != NULL);
        list.len -= word.len + (p != NULL);

        soma_tags_add(out, soma_str_trim(word), SOMA_STR(""));
    }
}


void
soma_tags_object(soma_out_t *out, soma_str_t object, soma_arena_t *arena)
{
    soma_str_t         name, text;
    soma_json_iter_t   it;
    soma_json_value_t  v, quoted;

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        return;
    }

    while (soma_json_next(&it, &name, &v) == SOMA_OK) {

        quoted.type = SOMA_JSON_STRING;
        quoted.text.data = name.data - 1;
        quoted.text.len = name.len + 2;

        if (v.type != SOMA_JSON_STRING
            || soma_json_text(arena, &quoted, &name) != SOMA_OK
            || soma_json_text(arena, &v, &text) != SOMA_OK
            || name.len == 0 || text.len == 0)
        {
            continue;
        }

        soma_tags_add(out, name, text);
    }
}


static void
soma_tags_add(soma_out_t *out, soma_str_t name, soma_str_t value)
{
    size_t  n;

    n = name.len + (value.len ? value.len + 1 : 0) + (out->pos > out->start);

    if (name.len == 0 || n > (size_t) (out->end - out->pos)
        || !soma_tags_plain(name) || !soma_tags_plain(value))
    {
        return;
    }

    if (out->pos > out->start) {
        soma_put_char(out, ',');
    }

    soma_put_str(out, name);

    if (value.len) {
        soma_put_char(out, '=');
        soma_put_str(out, value);
    }
}


static int
soma_tags_plain(soma_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < ' ' || s.data[i] == 0x7f || s.data[i] == ',') {
            return 0;
        }
    }

    return 1;
}
