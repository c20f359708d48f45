
/*
 * Copyright (C) The ngx_soma authors
 *
 * The directive soma_model: a name, its provider, its price.
 */


#include "ngx_http_soma_plan.h"
#include "ngx_http_soma_block.h"
#include "ngx_http_soma_model.h"
#include "ngx_http_soma_vocabulary.h"


/* USD a million tokens is pico-USD a token times this power of ten */
#define NGX_HTTP_SOMA_MILLION  6


#define ngx_http_soma_model_param(name, read, field)                          \
    { name, 1, 1, 0, read, offsetof(ngx_http_soma_model_conf_t, field), NULL }


static char *ngx_http_soma_model_usd(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_model_api(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_model_facts(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static char *ngx_http_soma_model_tokens(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);
static ngx_int_t ngx_http_soma_model_priced(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_model_conf_t *mcf);
static ngx_int_t ngx_http_soma_model_images(ngx_conf_t *cf,
    ngx_http_soma_main_conf_t *smcf, ngx_http_soma_model_conf_t *mcf,
    soma_price_t *price);
static ngx_int_t ngx_http_soma_model_whole(ngx_conf_t *cf,
    ngx_http_soma_model_conf_t *mcf, const soma_price_t *known);


static const ngx_http_soma_block_word_t  ngx_http_soma_model_params[] = {
    ngx_http_soma_model_param("provider", ngx_http_soma_block_str, provider),
    ngx_http_soma_model_param("name", ngx_http_soma_block_str, model.target),
    ngx_http_soma_model_param("input", ngx_http_soma_model_usd, input),
    ngx_http_soma_model_param("output", ngx_http_soma_model_usd, output),
    ngx_http_soma_model_param("cached", ngx_http_soma_model_usd, cached),
    ngx_http_soma_model_param("cache_write", ngx_http_soma_model_usd,
                              cache_write),
    ngx_http_soma_model_param("context", ngx_http_soma_model_tokens, context),
    ngx_http_soma_model_param("max_output", ngx_http_soma_model_tokens,
                              max_output),
    ngx_http_soma_model_param("api", ngx_http_soma_model_api, api),
    ngx_http_soma_model_param("facts", ngx_http_soma_model_facts,
                              model.facts),
    { NULL, 0, 0, 0, NULL, 0, NULL }
};


/* what a model does not take, or takes in another way, for requests that are
 * translated for it */
static const struct {
    ngx_str_t   name;
    ngx_uint_t  fact;
} ngx_http_soma_model_fact[] = {
    { ngx_string("no_sampling"), SOMA_FACT_NO_SAMPLING },
    { ngx_string("no_forcing"), SOMA_FACT_NO_FORCING },
    { ngx_string("no_schema"), SOMA_FACT_NO_SCHEMA },
    { ngx_string("no_reasoning"), SOMA_FACT_NO_REASONING },
    { ngx_string("no_tools"), SOMA_FACT_NO_TOOLS },
    { ngx_string("no_images"), SOMA_FACT_NO_IMAGES },
    { ngx_string("no_documents"), SOMA_FACT_NO_DOCUMENTS },
    { ngx_string("one_sampling"), SOMA_FACT_ONE_SAMPLING },
    { ngx_string("adaptive"), SOMA_FACT_ADAPTIVE },
    { ngx_string("budget"), SOMA_FACT_BUDGET },
    { ngx_string("developer"), SOMA_FACT_DEVELOPER },
    { ngx_string("call_check"), SOMA_FACT_CALL_CHECK },
    { ngx_null_string, 0 }
};


char *
ngx_http_soma_model(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t                    *value;
    ngx_http_soma_block_t         block;
    ngx_http_soma_model_t       **mp;
    ngx_http_soma_model_conf_t   *mcf;

    (void) cmd;

    value = cf->args->elts;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_soma_model_conf_t));
    mp = ngx_array_push(&smcf->models);

    if (mcf == NULL || mp == NULL) {
        return NGX_CONF_ERROR;
    }

    *mp = &mcf->model;

    mcf->model.name = value[1];
    mcf->model.target = value[1];
    mcf->model.index = smcf->models.nelts - 1;
    mcf->file = cf->conf_file->file.name.data;
    mcf->line = cf->conf_file->line;

    mcf->input = SOMA_PRICE_UNSET;
    mcf->output = SOMA_PRICE_UNSET;
    mcf->cached = SOMA_PRICE_UNSET;
    mcf->cache_write = SOMA_PRICE_UNSET;

    ngx_memzero(&block, sizeof(ngx_http_soma_block_t));

    block.directive = "soma_model";
    block.words = ngx_http_soma_model_params;
    block.conf = mcf;
    block.allowed = "provider=NAME name=NAME, input= output= cached= "
                    "cache_write= with USD per million tokens, context= "
                    "max_output= with tokens, as in 128000 or 128k, "
                    "api=chat or api=responses, facts=FACT,FACT...";

    if (ngx_http_soma_block_params(cf, &block, 2) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (mcf->provider.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_model %V\" needs provider=NAME",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_soma_model_usd(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    int64_t  *n;

    n = (int64_t *) ((u_char *) block->conf + word->offset);

    return soma_number_decimal(ngx_http_soma_str(*value),
                               NGX_HTTP_SOMA_MILLION, n)
           == SOMA_OK
           ? NGX_CONF_OK
           : ngx_http_soma_block_invalid(cf, block, word, value, NULL);
}


/* a model that OpenAI serves in full by one of its two APIs alone */
static char *
ngx_http_soma_model_api(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    if (!soma_str_is(ngx_http_soma_str(*value), "responses")
        && !soma_str_is(ngx_http_soma_str(*value), "chat"))
    {
        return ngx_http_soma_block_invalid(cf, block, word, value,
                                           "\"chat\" or \"responses\"");
    }

    return ngx_http_soma_block_str(cf, block, word, value);
}


static char *
ngx_http_soma_model_facts(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    u_char      *p, *last, *comma;
    size_t       len;
    ngx_uint_t   i, *facts;

    facts = (ngx_uint_t *) ((u_char *) block->conf + word->offset);
    last = value->data + value->len;

    for (p = value->data; p < last; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');

        if (comma == NULL) {
            comma = last;
        }

        len = comma - p;

        for (i = 0; ngx_http_soma_model_fact[i].name.len; i++) {
            if (ngx_http_soma_model_fact[i].name.len == len
                && ngx_memcmp(ngx_http_soma_model_fact[i].name.data, p, len)
                   == 0)
            {
                break;
            }
        }

        if (ngx_http_soma_model_fact[i].name.len == 0) {
            return ngx_http_soma_block_invalid(cf, block, word, value,
                                               "a list, with commas, of "
                                               "no_sampling, no_forcing, "
                                               "no_schema, no_reasoning, "
                                               "no_tools, no_images, "
                                               "no_documents, one_sampling, "
                                               "adaptive, budget, developer, "
                                               "call_check");
        }

        *facts |= ngx_http_soma_model_fact[i].fact;
    }

    return NGX_CONF_OK;
}


/* 128k is 128000, as in a limit: no provider has less behind the name */
static char *
ngx_http_soma_model_tokens(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value)
{
    int          rc, digits;
    int64_t     *n;
    soma_str_t   text;

    n = (int64_t *) ((u_char *) block->conf + word->offset);
    text = ngx_http_soma_str(*value);
    digits = 0;

    if (text.len) {

        switch (text.data[text.len - 1]) {

        case 'k':
        case 'K':
            digits = 3;
            break;

        case 'm':
        case 'M':
            digits = 6;
            break;
        }

        text.len -= (digits != 0);
    }

    rc = digits ? soma_number_decimal(text, digits, n)
                : soma_number_int(text, n);

    return rc == SOMA_OK
           ? NGX_CONF_OK
           : ngx_http_soma_block_invalid(cf, block, word, value, NULL);
}


ngx_int_t
ngx_http_soma_model_init(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_conf_t *mcf)
{
    ngx_http_soma_model_t  *model;

    model = &mcf->model;
    model->provider = ngx_http_soma_provider_find(smcf, &mcf->provider);

    if (model->provider == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "provider \"%V\" of soma_model \"%V\" is not "
                      "configured in %s:%ui: add soma_provider %V { }",
                      &mcf->provider, &model->name, mcf->file, mcf->line,
                      &mcf->provider);
        return NGX_ERROR;
    }

    model->dialect = model->provider->dialect;

    if (mcf->api.len
        && soma_str_is(model->provider->dialect->name, "openai"))
    {
        model->dialect = soma_dialect_find(mcf->api.data[0] == 'c'
                                           ? SOMA_STR("openai-chat")
                                           : SOMA_STR("openai-responses"),
                                           NULL);
    }

    if (model->dialect == NULL) {
        model->dialect = model->provider->dialect;
    }

    if (ngx_http_soma_model_priced(cf, smcf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    model->factor = ngx_http_soma_factor(smcf, model);

    model->hash = soma_str_hash(mcf->provider.data, mcf->provider.len) * 31
                  + soma_str_hash(model->name.data, model->name.len);

    if (model->hash == 0) {
        model->hash = 1;
    }

    if (!model->price->known && !model->provider->echo) {
        model->free = 1;
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "soma_model \"%V\" in %s:%ui has no price in the "
                      "catalogue: it is refused where a limit of cost is "
                      "asked; say input= and output= to price it, or "
                      "soma_unpriced allow", &model->name, mcf->file,
                      mcf->line);
    }

    return NGX_OK;
}


/* the catalogue's price, where the directive says no other */
static ngx_int_t
ngx_http_soma_model_priced(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_conf_t *mcf)
{
    soma_price_t           *price;
    const soma_price_t     *known;
    ngx_http_soma_model_t  *model;

    model = &mcf->model;

    price = ngx_pcalloc(cf->pool, sizeof(soma_price_t));
    if (price == NULL) {
        return NGX_ERROR;
    }

    known = NULL;

    if (smcf->catalogue) {
        known = soma_catalogue_find(smcf->catalogue,
                                    ngx_http_soma_str(mcf->provider),
                                    ngx_http_soma_str(model->target));
    }

    if (ngx_http_soma_model_whole(cf, mcf, known) != NGX_OK) {
        return NGX_ERROR;
    }

    if (known) {
        *price = *known;

    } else {
        soma_price_init(price);
    }

    ngx_http_soma_model_price(price, mcf);
    model->price = price;

    if (ngx_http_soma_model_images(cf, smcf, mcf, price) != NGX_OK) {
        return NGX_ERROR;
    }

    soma_price_dearest(&model->dearest, price);

    return NGX_OK;
}


/* a half of a price would give the other half away */
static ngx_int_t
ngx_http_soma_model_whole(ngx_conf_t *cf, ngx_http_soma_model_conf_t *mcf,
    const soma_price_t *known)
{
    ngx_str_t  *name;

    if ((mcf->input == SOMA_PRICE_UNSET) == (mcf->output == SOMA_PRICE_UNSET))
    {
        return NGX_OK;
    }

    name = &mcf->model.target;

    /* what makes no tokens has one price */

    if (mcf->output == SOMA_PRICE_UNSET
        && ((known && (soma_str_is(known->mode, "embedding")
                       || soma_str_is(known->mode, "rerank")
                       || soma_str_is(known->mode, "moderation")))
            || ngx_strcasestrn(name->data, "embed", 5 - 1) != NULL
            || ngx_strcasestrn(name->data, "rerank", 6 - 1) != NULL))
    {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "soma_model \"%V\" in %s:%ui has %s= without %s=: say "
                  "both, %s=0 for what costs nothing", &mcf->model.name,
                  mcf->file, mcf->line,
                  mcf->input != SOMA_PRICE_UNSET ? "input" : "output",
                  mcf->input != SOMA_PRICE_UNSET ? "output" : "input",
                  mcf->input != SOMA_PRICE_UNSET ? "output" : "input");

    return NGX_ERROR;
}


/* what images of which size cost */
static ngx_int_t
ngx_http_soma_model_images(ngx_conf_t *cf, ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_conf_t *mcf, soma_price_t *price)
{
    soma_arena_t  arena;

    if (smcf->catalogue == NULL || mcf->input != SOMA_PRICE_UNSET
        || mcf->output != SOMA_PRICE_UNSET)
    {
        return NGX_OK;
    }

    arena = ngx_http_soma_arena(cf->pool);

    return soma_catalogue_images(smcf->catalogue, &arena,
                                 ngx_http_soma_str(mcf->provider),
                                 ngx_http_soma_str(mcf->model.target), price)
           == SOMA_OK ? NGX_OK : NGX_ERROR;
}


/* a price said by hand is the whole price of that kind: no tiers, no steps */
void
ngx_http_soma_model_price(soma_price_t *price, ngx_http_soma_model_conf_t *mcf)
{
    int64_t             max_input, max_output;
    soma_price_step_t  *base;

    base = &price->base;

    if (mcf->input != SOMA_PRICE_UNSET || mcf->output != SOMA_PRICE_UNSET) {

        max_input = price->max_input;
        max_output = price->max_output;

        soma_price_init(price);

        price->known = 1;
        price->max_input = max_input;
        price->max_output = max_output;
        base->input[SOMA_TIER_DEFAULT] = ngx_max(mcf->input, 0);
        base->output[SOMA_TIER_DEFAULT] = ngx_max(mcf->output, 0);
    }

    if (mcf->cached != SOMA_PRICE_UNSET) {
        base->cache_read[SOMA_TIER_DEFAULT] = mcf->cached;
    }

    if (mcf->cache_write != SOMA_PRICE_UNSET) {
        base->cache_write[SOMA_TIER_DEFAULT] = mcf->cache_write;
    }

    if (mcf->context) {
        price->max_input = mcf->context;
    }

    if (mcf->max_output) {
        price->max_output = mcf->max_output;
    }
}
