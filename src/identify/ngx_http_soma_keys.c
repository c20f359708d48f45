
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_key: keys that stand in the configuration, hashed.
 */


#include "ngx_http_soma_identify.h"


static int ngx_libc_cdecl ngx_http_soma_cmp_keys(const void *one,
    const void *two);


char *
ngx_http_soma_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    u_char               *eq;
    ngx_str_t            *value;
    ngx_uint_t            i;
    soma_str_t            name, text, hex;
    ngx_http_soma_key_t  *key;

    (void) cmd;

    value = cf->args->elts;

    key = ngx_array_push(&smcf->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(key, sizeof(ngx_http_soma_key_t));

    key->file = cf->conf_file->file.name.data;
    key->line = cf->conf_file->line;

    hex = ngx_http_soma_str(value[1]);

    if (hex.len > 7) {
        hex.data += 7;
        hex.len -= 7;
    }

    if (value[1].len != 7 + 2 * SOMA_KEY_HASH
        || ngx_strncmp(value[1].data, "sha256:", 7) != 0
        || soma_parse_hex(hex, key->hash, SOMA_KEY_HASH) != SOMA_OK)
    {
        /* the word itself may be somebody's key: it is not repeated */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the first parameter of \"soma_key\" must be "
                           "\"sha256:\" and the 64 hex digits that "
                           "printf %%s KEY | sha256sum prints");
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        eq = ngx_strlchr(value[i].data, value[i].data + value[i].len, '=');

        if (eq == NULL) {
            goto invalid;
        }

        name.data = value[i].data;
        name.len = eq - value[i].data;
        text.data = eq + 1;
        text.len = value[i].len - name.len - 1;

        if (soma_identity_set(&key->identity, name, text) != SOMA_OK) {
            goto invalid;
        }
    }

    if (key->identity.tenant.len == 0
        || !soma_tenant_valid(key->identity.tenant))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_key\" needs tenant=NAME, a name of "
                           "letters, digits, \".\", \"_\" and \"-\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"soma_key\": allowed "
                       "are tenant=NAME user=NAME name=ID "
                       "capabilities=admin,usage,user \"models=A B\" tags=TEXT "
                       "\"limits=requests 10/minute;cost 5/day\" "
                       "expires=TIME", &value[i]);

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_soma_keys_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t            i;
    soma_str_t           *tenant;
    ngx_http_soma_key_t  *key;

    key = smcf->keys.elts;

    ngx_qsort(key, smcf->keys.nelts, sizeof(ngx_http_soma_key_t),
              ngx_http_soma_cmp_keys);

    for (i = 0; i < smcf->keys.nelts; i++) {

        tenant = &key[i].identity.tenant;

        if (i && ngx_memcmp(key[i].hash, key[i - 1].hash, SOMA_KEY_HASH) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the same key stands in two \"soma_key\" "
                               "directives, of tenant \"%*s\" and of tenant "
                               "\"%*s\": remove one",
                               key[i - 1].identity.tenant.len,
                               key[i - 1].identity.tenant.data,
                               tenant->len, tenant->data);
            return NGX_ERROR;
        }

        if (ngx_http_soma_names_find(&smcf->tenant_names, tenant->data,
                                     tenant->len)
            != NULL)
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "tenant \"%*s\" of a \"soma_key\" is not "
                           "configured: add soma_tenant %*s { }",
                           tenant->len, tenant->data,
                           tenant->len, tenant->data);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_soma_cmp_keys(const void *one, const void *two)
{
    const ngx_http_soma_key_t  *first = one;
    const ngx_http_soma_key_t  *second = two;

    return ngx_memcmp(first->hash, second->hash, SOMA_KEY_HASH);
}
