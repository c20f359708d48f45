
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a prompt has its provider fetch.
 */


#include "soma_prompt.h"
#include "soma_walk.h"


static int soma_prompt_named(const soma_json_marks_t *marks,
    soma_str_t list);
static int soma_prompt_sourced(soma_walk_t *w, unsigned *url);
static int soma_prompt_block(soma_walk_t *w, unsigned *url);
static int soma_prompt_fetched(const unsigned char *p,
    const unsigned char *end);


static const unsigned char *
soma_prompt_space(const unsigned char *p, const unsigned char *end)
{
    while (p < end && *p <= ' ') {
        p++;
    }

    return p;
}


int
soma_prompt_fetches(const soma_prompt_names_t *names, soma_str_t list)
{
    unsigned     url;
    soma_walk_t  w;

    if (names->fetch == SOMA_FETCH_NAME) {
        return soma_prompt_named(names->marks, list);
    }

    w.p = list.data;
    w.end = w.p + list.len;

    return soma_prompt_sourced(&w, &url);
}


/* "p" is after a quote */

static int
soma_prompt_ends(const soma_json_marks_t *marks, const unsigned char *start,
    const unsigned char *p)
{
    size_t  len;

    len = (size_t) (p - start);

    return len >= marks->end.len
           && memcmp(p - marks->end.len, marks->end.data, marks->end.len) == 0
           && (len < marks->but.len
               || memcmp(p - marks->but.len, marks->but.data, marks->but.len)
                  != 0);
}


/*
 * A name that ends so, like audio_url, and is none of an image's: what stands
 * there is for the provider to fetch, unless it is the thing itself.  In a text
 * that speaks of such a name its quotes would be escaped.  Quotes are looked
 * for, since a long text has none: the search passes over it as fast as memory
 * is.
 */

static int
soma_prompt_named(const soma_json_marks_t *marks, soma_str_t list)
{
    const unsigned char  *p, *end;

    p = list.data;
    end = p + list.len;

    while (p < end) {
        p = memchr(p, '"', (size_t) (end - p));

        if (p == NULL) {
            return 0;
        }

        p++;

        if (!soma_prompt_ends(marks, list.data, p)) {
            continue;
        }

        p = soma_prompt_space(p, end);

        if (p == end || *p != ':') {
            continue;
        }

        if (soma_prompt_fetched(soma_prompt_space(p + 1, end), end)) {
            return 1;
        }
    }

    return 0;
}


/* an address; or an object with one, whose first text that is no name tells */

static int
soma_prompt_fetched(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *q;

    if (p < end && *p == '{') {
        q = memchr(p, ':', (size_t) (end - p));
        p = (q != NULL) ? soma_prompt_space(q + 1, end) : end;
    }

    return p < end && *p == '"'
           && ((size_t) (end - p) < 6 || memcmp(p, "\"data:", 6) != 0);
}


/*
 * A value that w is at: blocks, or what else they stand in; *url: its own type
 * is that of an address.  What a block is may be said behind its source.
 */

static int
soma_prompt_sourced(soma_walk_t *w, unsigned *url)
{
    soma_json_value_t  value;

    *url = 0;

    if (soma_walk_enter(w, '{')) {
        return soma_prompt_block(w, url);
    }

    if (!soma_walk_enter(w, '[')) {
        return soma_walk_value(w, &value) != SOMA_OK;
    }

    while (soma_walk_next(w, NULL) == SOMA_OK) {
        if (soma_prompt_sourced(w, url)) {
            return 1;
        }
    }

    *url = 0;

    return 0;
}


static int
soma_prompt_block(soma_walk_t *w, unsigned *url)
{
    unsigned           image, source, address;
    soma_str_t         name;
    soma_json_value_t  value;

    image = 0;
    source = 0;

    while (soma_walk_next(w, &name) == SOMA_OK) {

        if (soma_str_is(name, "input") || soma_str_is(name, "type")) {

            if (soma_walk_value(w, &value) != SOMA_OK) {
                return 1;
            }

            if (soma_str_is(name, "type")) {
                image = soma_str_is(value.text, "\"image\"");
                *url = soma_str_is(value.text, "\"url\"");
            }

            continue;
        }

        if (soma_prompt_sourced(w, &address)) {
            return 1;
        }

        if (soma_str_is(name, "source")) {
            source |= address;
        }
    }

    return source && !image;
}
