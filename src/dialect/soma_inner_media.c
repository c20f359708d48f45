
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images and files within URLs (RFC 2397), as clients really write them:
 * in any case, with parameters, with blanks.
 */


#include "soma_inner.h"


#define SOMA_INNER_DATA  "data:"


static int soma_inner_base64(soma_str_t s);


/*
 * data:MEDIA[;parameter]...;base64,BYTES into media and data.  SOMA_OK;
 * SOMA_DECLINED: it is no data URL; SOMA_ERROR: it is one whose bytes are not
 * in base64.
 */

int
soma_inner_data_url(soma_str_t url, soma_str_t *media, soma_str_t *data)
{
    size_t                len;
    soma_str_t            head, word;
    const unsigned char  *comma, *end;

    while (url.len != 0 && url.data[0] == ' ') {
        url.data++;
        url.len--;
    }

    len = sizeof(SOMA_INNER_DATA) - 1;

    if (url.len < len
        || !soma_str_case_is((soma_str_t) { len, url.data }, SOMA_INNER_DATA))
    {
        return SOMA_DECLINED;
    }

    end = url.data + url.len;
    comma = memchr(url.data, ',', url.len);

    if (comma == NULL) {
        return SOMA_ERROR;
    }

    head.data = url.data + len;
    head.len = (size_t) (comma - head.data);

    data->data = (unsigned char *) comma + 1;
    data->len = (size_t) (end - data->data);

    if (!soma_inner_base64(head)) {
        return SOMA_ERROR;
    }

    for (word = head, word.len = 0; word.len < head.len; word.len++) {
        if (word.data[word.len] == ';') {
            break;
        }
    }

    *media = soma_str_trim(word);

    return SOMA_OK;
}


/* whether the last parameter of a data URL's head is "base64" */

static int
soma_inner_base64(soma_str_t s)
{
    size_t      i;
    soma_str_t  word;

    for (i = s.len; i > 0 && s.data[i - 1] != ';'; i--) { /* void */ }

    if (i == 0) {
        return 0;
    }

    word.data = s.data + i;
    word.len = s.len - i;

    return soma_str_case_is(soma_str_trim(word), "base64");
}
