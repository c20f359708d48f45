
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a prompt has its provider fetch.
 */


#include "soma_prompt.h"


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


/* "p" is after a quote */

static int
soma_prompt_names(const unsigned char *start, const unsigned char *p)
{
    return p - start >= 5 && memcmp(p - 5, "_url", 4) == 0
           && (p - start < 11 || memcmp(p - 11, "\"image_url\"", 11) != 0);
}


int
soma_prompt_named(soma_str_t piece)
{
    const unsigned char  *p, *end;

    p = piece.data;
    end = p + piece.len;

    while (p < end) {
        p = memchr(p, '"', (size_t) (end - p));

        if (p == NULL) {
            return 0;
        }

        if (soma_prompt_names(piece.data, ++p)) {
            return 1;
        }
    }

    return 0;
}


/*
 * A name that ends in "_url" and is none of an image's: what stands there is
 * for the provider to fetch, unless it is the thing itself.  In a text that
 * speaks of such a name its quotes would be escaped.  Quotes are looked for,
 * since a long text has none: the search passes over it as fast as memory is.
 */

int
soma_prompt_fetches(soma_str_t list)
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

        if (!soma_prompt_names(list.data, p)) {
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
