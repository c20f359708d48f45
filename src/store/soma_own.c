
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_own.h"

#include <openssl/evp.h>


static int soma_own_field(soma_str_t *text, soma_str_t *field);


int
soma_own_id(soma_str_t id)
{
    size_t         i;
    unsigned char  c;

    if (id.len == 0 || id.len > SOMA_OWN_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.'))
        {
            return 0;
        }
    }

    /* no path to another place */

    return id.data[0] != '.';
}


int
soma_own_hash(soma_str_t tenant, soma_str_t id,
    unsigned char hash[SOMA_OWN_HASH])
{
    int          rc;
    EVP_MD_CTX  *md;

    md = EVP_MD_CTX_new();

    if (md == NULL) {
        return SOMA_ERROR;
    }

    /* no tenant's name has a null byte */

    rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
         && EVP_DigestUpdate(md, tenant.data, tenant.len) == 1
         && EVP_DigestUpdate(md, "", 1) == 1
         && EVP_DigestUpdate(md, id.data, id.len) == 1
         && EVP_DigestFinal_ex(md, hash, NULL) == 1;

    EVP_MD_CTX_free(md);

    return rc ? SOMA_OK : SOMA_ERROR;
}


/* names have no line ends */

size_t
soma_own_pack(const soma_own_t *own, unsigned char *buf, size_t size)
{
    soma_out_t  out;

    soma_put_init(&out, buf, size);

    soma_put_str(&out, own->provider);
    soma_put_char(&out, '\n');
    soma_put_str(&out, own->model);
    soma_put_char(&out, '\n');
    soma_put_int(&out, own->tokens);

    return out.full ? 0 : (size_t) (out.pos - out.start);
}


int
soma_own_unpack(soma_own_t *own, soma_str_t text)
{
    if (soma_own_field(&text, &own->provider) != SOMA_OK
        || soma_own_field(&text, &own->model) != SOMA_OK
        || soma_number_int(text, &own->tokens) != SOMA_OK
        || own->tokens < 0)
    {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


static int
soma_own_field(soma_str_t *text, soma_str_t *field)
{
    unsigned char  *p;

    p = (text->len != 0) ? memchr(text->data, '\n', text->len) : NULL;

    if (p == NULL || p == text->data) {
        return SOMA_ERROR;
    }

    field->data = text->data;
    field->len = (size_t) (p - text->data);

    text->len -= field->len + 1;
    text->data = p + 1;

    return SOMA_OK;
}
