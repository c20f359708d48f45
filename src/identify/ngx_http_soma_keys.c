
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_key: keys that stand in the configuration, hashed.
 */


#include "ngx_http_soma_identify.h"
#include "ngx_http_soma_block.h"


#define NGX_HTTP_SOMA_KEY_ALLOWED                                             \
    "allowed are tenant=NAME user=NAME name=ID "                              \
    "capabilities=admin,usage,user \"models=A B\" tags=TEXT "                 \
    "\"limits=requests 10/minute;cost 5/day\" expires=TIME"


static ngx_int_t ngx_http_soma_key_hash(ngx_str_t *word, u_char *hash);
static ngx_int_t ngx_http_soma_key_param(ngx_http_soma_key_t *key,
    ngx_str_t *word);
static void ngx_http_soma_key_invalid(ngx_conf_t *cf, ngx_str_t *word);
static ngx_int_t ngx_http_soma_key_ids(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf);
static void ngx_http_soma_models_warn(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, soma_str_t list, const char *what,
    u_char *file, ngx_uint_t line);
static int ngx_libc_cdecl ngx_http_soma_cmp_keys(const void *one,
    const void *two);


char *
ngx_http_soma_keys_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t            *value;
    ngx_uint_t            i;
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

    if (ngx_http_soma_key_hash(&value[1], key->hash) != NGX_OK) {
        /* the word itself may be somebody's key: it is not repeated */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the first parameter of \"soma_key\" must be "
                           "\"sha256:\" and the 64 hex digits that "
                           "printf %%s KEY | sha256sum prints");
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_soma_key_param(key, &value[i]) != NGX_OK) {
            ngx_http_soma_key_invalid(cf, &value[i]);
            return NGX_CONF_ERROR;
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
}


static ngx_int_t
ngx_http_soma_key_hash(ngx_str_t *word, u_char *hash)
{
    soma_str_t  hex;

    if (word->len != 7 + 2 * SOMA_KEY_HASH
        || ngx_strncmp(word->data, "sha256:", 7) != 0)
    {
        return NGX_ERROR;
    }

    hex.data = word->data + 7;
    hex.len = word->len - 7;

    return soma_str_hex(hex, hash, SOMA_KEY_HASH) == SOMA_OK ? NGX_OK
                                                             : NGX_ERROR;
}


static ngx_int_t
ngx_http_soma_key_param(ngx_http_soma_key_t *key, ngx_str_t *word)
{
    u_char      *eq;
    soma_str_t   name, text;

    eq = ngx_strlchr(word->data, word->data + word->len, '=');

    if (eq == NULL) {
        return NGX_ERROR;
    }

    name.data = word->data;
    name.len = eq - word->data;
    text.data = eq + 1;
    text.len = word->len - name.len - 1;

    if (soma_key_identity_set(&key->identity, name, text) != SOMA_OK
        || (soma_str_is(name, "models")
            && ngx_strlchr(text.data, text.data + text.len, ',')))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* some words have a reason of their own */
static void
ngx_http_soma_key_invalid(ngx_conf_t *cf, ngx_str_t *word)
{
    unsigned      n;
    ngx_str_t     value;
    const char   *error;
    soma_limit_t  limits[SOMA_KEY_LIMITS_MAX];

    error = NULL;

    if (ngx_http_soma_block_param(word, "limits", &value)) {
        (void) soma_limit_list_parse(limits, SOMA_KEY_LIMITS_MAX, &n,
                                     ngx_http_soma_str(value), SOMA_SCOPE_KEY,
                                     &error);

    } else if (ngx_http_soma_block_param(word, "models", &value)
               && ngx_strlchr(value.data, value.data + value.len, ','))
    {
        error = "names stand with blanks between them, in quotes: "
                "\"models=A B\"";

    } else if (ngx_http_soma_block_param(word, "capabilities", &value)) {
        error = "allowed are admin and usage, in lower case, with a comma "
                "between them";

    } else if (ngx_http_soma_block_param(word, "expires", &value)) {
        error = "a point in time is allowed, as in 2026-12-31, "
                "2026-12-31T18:00:00Z or Unix seconds; a time from now on "
                "would begin anew with each reload";
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"soma_key\": %s",
                       word, error ? error : NGX_HTTP_SOMA_KEY_ALLOWED);
}


/* what a key's id names is one key: its limits, its usage, its end */
static ngx_int_t
ngx_http_soma_key_ids(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_str_t             *twice;
    ngx_uint_t             i;
    ngx_array_t            ids;
    ngx_http_soma_key_t   *key;
    ngx_http_soma_name_t  *id;

    if (ngx_array_init(&ids, cf->temp_pool, smcf->keys.nelts + 1,
                       sizeof(ngx_http_soma_name_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    key = smcf->keys.elts;

    for (i = 0; i < smcf->keys.nelts; i++) {

        if (key[i].identity.key.len == 0) {
            continue;
        }

        id = ngx_array_push(&ids);
        id->name = ngx_http_soma_ngx(key[i].identity.key);
        id->value = &key[i];
    }

    if (ngx_http_soma_names_sort(&ids, &twice) == NGX_OK) {
        return NGX_OK;
    }

    for (i = 0; i < smcf->keys.nelts; i++) {
        if (soma_str_eq(key[i].identity.key, ngx_http_soma_str(*twice))) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "name=%V names more than one \"soma_key\", this one "
                          "in %s:%ui: the name is a key's id, give each its "
                          "own", twice, key[i].file, key[i].line);
        }
    }

    return NGX_ERROR;
}


/* a name that nothing has may be used by nobody: a slip of the pen */
static void
ngx_http_soma_models_warn(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    soma_str_t list, const char *what, u_char *file, ngx_uint_t line)
{
    ngx_uint_t              i;
    soma_str_t              word;
    ngx_http_soma_name_t   *name;

    name = smcf->route_names.elts;

    while (soma_str_word(&list, &word)) {

        for (i = 0; i < smcf->route_names.nelts; i++) {
            if (soma_key_models_allow(word, ngx_http_soma_str(name[i].name))
                == SOMA_OK)
            {
                break;
            }
        }

        if (i == smcf->route_names.nelts) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"%*s\" in the models of a %s in %s:%ui is no "
                          "soma_route and no soma_model: mend the name, or "
                          "add it", word.len, word.data, what, file, line);
        }
    }
}


void
ngx_http_soma_keys_models_check(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf)
{
    ngx_uint_t                i;
    ngx_http_soma_key_t      *key;
    ngx_http_soma_tenant_t  **tenant;

    key = smcf->keys.elts;
    tenant = smcf->tenants.elts;

    for (i = 0; i < smcf->keys.nelts; i++) {
        ngx_http_soma_models_warn(cf, smcf, key[i].identity.models,
                                  "soma_key", key[i].file, key[i].line);
    }

    for (i = 0; i < smcf->tenants.nelts; i++) {
        ngx_http_soma_models_warn(cf, smcf,
                                  ngx_http_soma_str(tenant[i]->models),
                                  "soma_tenant", tenant[i]->file,
                                  tenant[i]->line);
    }
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

    return ngx_http_soma_key_ids(cf, smcf);
}


static int ngx_libc_cdecl
ngx_http_soma_cmp_keys(const void *one, const void *two)
{
    const ngx_http_soma_key_t  *first = one;
    const ngx_http_soma_key_t  *second = two;

    return ngx_memcmp(first->hash, second->hash, SOMA_KEY_HASH);
}
