
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_vocabulary.h"
#include "ngx_http_soma_body.h"
#include "soma_prompt.h"

#include <sys/mman.h>
#include <sys/random.h>


#define NGX_HTTP_SOMA_TIGHT_MAX       4096
#define NGX_HTTP_SOMA_VOCABULARY_MAX  (64 * 1024 * 1024)


static ngx_int_t ngx_http_soma_vocabulary_map(ngx_conf_t *cf, ngx_str_t *path,
    soma_str_t *bytes);
static ngx_int_t ngx_http_soma_vocabulary_read(ngx_conf_t *cf, ngx_fd_t fd,
    ngx_str_t *path, soma_str_t *bytes);
static void ngx_http_soma_vocabulary_unmap(void *data);
static unsigned ngx_http_soma_prompt_kinds(ngx_http_soma_ctx_t *ctx);


char *
ngx_http_soma_vocabulary(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_soma_main_conf_t  *smcf = conf;

    ngx_str_t          *value, path;
    soma_bpe_t         *bpe;
    soma_str_t          name, bytes;
    const char         *error;
    soma_bpe_family_e   family;

    (void) cmd;

    value = cf->args->elts;
    name = ngx_http_soma_str(value[1]);

    for (family = SOMA_BPE_CL100K; family < SOMA_BPE_FAMILIES; family++) {
        if (soma_str_is(name, soma_bpe_name(family))) {
            break;
        }
    }

    if (family == SOMA_BPE_FAMILIES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown vocabulary \"%V\": allowed are "
                           "cl100k_base and o200k_base", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (smcf->vocabulary[family] != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soma_vocabulary\" \"%V\" is duplicate",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    path = value[2];
    bpe = ngx_pcalloc(cf->pool, sizeof(soma_bpe_t));

    if (bpe == NULL || ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_http_soma_vocabulary_map(cf, &path, &bytes) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (soma_bpe_open(bpe, bytes, &error) != SOMA_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no vocabulary: %s", &path, error);
        return NGX_CONF_ERROR;
    }

    if (bpe->family != family) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is the vocabulary %s, not %V", &path,
                           soma_bpe_name(bpe->family), &value[1]);
        return NGX_CONF_ERROR;
    }

    smcf->vocabulary[family] = bpe;

    return NGX_CONF_OK;
}


/*
 * The file is read into pages that workers inherit and that nobody writes,
 * so that there is one copy of it; the pages of a mapped file would vanish
 * under the workers when somebody cuts it off.
 */

static ngx_int_t
ngx_http_soma_vocabulary_map(ngx_conf_t *cf, ngx_str_t *path,
    soma_str_t *bytes)
{
    ngx_fd_t             fd;
    ngx_int_t            rc;
    soma_str_t          *kept;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(soma_str_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    rc = ngx_http_soma_vocabulary_read(cf, fd, path, bytes);

    if (rc == NGX_OK) {
        kept = cln->data;
        *kept = *bytes;
        cln->handler = ngx_http_soma_vocabulary_unmap;
    }

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}


static ngx_int_t
ngx_http_soma_vocabulary_read(ngx_conf_t *cf, ngx_fd_t fd, ngx_str_t *path,
    soma_str_t *bytes)
{
    void             *p;
    size_t            size, done;
    ssize_t           n;
    ngx_file_info_t   info;

    if (ngx_fd_info(fd, &info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(&info) || ngx_file_size(&info) == 0
        || ngx_file_size(&info) > NGX_HTTP_SOMA_VOCABULARY_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no vocabulary: it is no file, or "
                           "empty, or larger than %d bytes", path,
                           NGX_HTTP_SOMA_VOCABULARY_MAX);
        return NGX_ERROR;
    }

    size = (size_t) ngx_file_size(&info);
    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANON, -1, 0);

    if (p == MAP_FAILED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "mmap(%uz) failed", size);
        return NGX_ERROR;
    }

    for (done = 0; done < size; done += n) {
        n = ngx_read_fd(fd, (u_char *) p + done, size - done);

        if (n <= 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, n < 0 ? ngx_errno : 0,
                               "\"%V\" cannot be read whole", path);
            (void) munmap(p, size);
            return NGX_ERROR;
        }
    }

    if (mprotect(p, size, PROT_READ) == -1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno, "mprotect() failed");
    }

    bytes->data = p;
    bytes->len = size;

    return NGX_OK;
}


static void
ngx_http_soma_vocabulary_unmap(void *data)
{
    soma_str_t  *bytes = data;

    (void) munmap(bytes->data, bytes->len);
}


const soma_bpe_t *
ngx_http_soma_vocabulary_bpe(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model)
{
    soma_bpe_family_e  family;

    family = soma_bpe_family(ngx_http_soma_str(model->target));

    return smcf->vocabulary[family];
}


/* what this worker has counted; NULL: no memory of it */

static soma_memo_t *
ngx_http_soma_prompt_memo(void)
{
    uint64_t  secret;

    static soma_memo_t  memo;

    if (memo.point == 0) {

        if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK)
            != (ssize_t) sizeof(secret))
        {
            return NULL;
        }

        soma_memo_init(&memo, secret);
    }

    return &memo;
}


static ngx_uint_t
ngx_http_soma_prompt_tools(ngx_http_soma_ctx_t *ctx)
{
    soma_json_type_e  type;

    if (ctx->ask.scan == NULL) {
        return 0;
    }

    type = ctx->ask.scan->span[SOMA_ASK_TOOLS].type;

    return type == SOMA_JSON_ARRAY || type == SOMA_JSON_OBJECT;
}


/* by the model's own vocabulary, or by one that is there and its factor; read
 * as bytes where there is neither */

static int64_t
ngx_http_soma_prompt_by(ngx_http_soma_ctx_t *ctx,
    ngx_http_soma_model_t *model, ngx_uint_t counted)
{
    int64_t            count, bytes;
    unsigned           traits;
    ngx_uint_t         tools;
    const soma_bpe_t  *bpe;

    bpe = counted ? ngx_http_soma_vocabulary_bpe(ctx->main, model) : NULL;
    traits = soma_prompt_traits(ngx_http_soma_str(model->target));

    if (bpe != NULL || model->factor == NULL) {
        return soma_prompt_recall(ctx->client->prompt,
                                  ngx_http_soma_prompt_memo(), bpe,
                                  ctx->ask.api, traits, ctx->body);
    }

    bytes = soma_prompt_tokens(ctx->client->prompt, NULL, ctx->ask.api, traits,
                               ctx->body);
    tools = ngx_http_soma_prompt_tools(ctx);

    bpe = ctx->main->vocabulary[SOMA_BPE_O200K];

    if (!counted || bpe == NULL || ctx->ask.scan == NULL
        || soma_json_scan_marked(ctx->ask.scan))
    {
        /* what is no text is no more tokens to one family than to another */

        return bytes + model->factor->base
               + (tools ? model->factor->tools : 0);
    }

    count = soma_prompt_recall(ctx->client->prompt,
                                  ngx_http_soma_prompt_memo(), bpe,
                               ctx->ask.api, traits, ctx->body);

    return soma_factor_bound(model->factor, count,
                             soma_factor_foreign(ctx->body), bytes,
                             (int) tools);
}


/* the most tokens by any target; "counted" where a vocabulary is there */

static int64_t
ngx_http_soma_prompt_most(ngx_http_soma_ctx_t *ctx, ngx_uint_t counted)
{
    int64_t                  n, most;
    ngx_uint_t               i;
    ngx_http_soma_model_t   *model, *before;
    ngx_http_soma_target_t  *target;

    if (ctx->ask.form_tokens > 0) {
        return ctx->ask.form_tokens;
    }

    if (ngx_http_soma_body_whole(ctx) != NGX_OK) {

        /* out of memory: the bytes of the body are a bound too */

        return (int64_t) ctx->ask.body_len;
    }

    most = 0;
    before = NULL;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {
        model = target[i].model;

        /* targets of one name read the same; texts that were counted for
         * another one of the same vocabulary are remembered */

        if (before != NULL && before->factor == model->factor
            && before->target.len == model->target.len
            && ngx_memcmp(before->target.data, model->target.data,
                          model->target.len)
               == 0)
        {
            continue;
        }

        before = model;

        n = ngx_http_soma_prompt_by(ctx, model, counted);
        most = ngx_max(most, n);
    }

    return most + ctx->ask.before;
}


/* what a model may be given beside the body: as much as it can read */

static int64_t
ngx_http_soma_prompt_window(ngx_http_soma_ctx_t *ctx)
{
    int64_t                  n, most;
    ngx_uint_t               i;
    ngx_http_soma_target_t  *target;

    most = soma_prompt_bound(ctx->ask.body_len, 1);
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {

        if (target[i].model->provider->echo) {
            continue;
        }

        n = target[i].model->price->max_input;
        n = (n > 0) ? n : NGX_HTTP_SOMA_WINDOW;
        most = ngx_max(most, n);
    }

    return most;
}


/* tools are left out: a function may call its arguments as it likes */

static ngx_uint_t
ngx_http_soma_prompt_fetched(ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t         i;
    soma_str_t         text;
    soma_json_span_t  *span;

    static const unsigned  lists[] = { SOMA_ASK_MESSAGES, SOMA_ASK_INPUT };

    if (ctx->ask.scan == NULL || ctx->ask.window) {
        return 0;
    }

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        span = &ctx->ask.scan->span[lists[i]];

        if (span->type == SOMA_JSON_ARRAY
            && soma_json_scan_ended(ctx->ask.scan, lists[i])
            && (ngx_http_soma_body_value(ctx, span, &text) != SOMA_OK
                || soma_prompt_fetches(ctx->client->prompt, text)))
        {
            return 1;
        }
    }

    return 0;
}


/* what some models read around any prompt */

static int64_t
ngx_http_soma_prompt_around(ngx_http_soma_ctx_t *ctx, ngx_uint_t tools)
{
    int64_t                  n, most;
    ngx_uint_t               i;
    const soma_factor_t     *factor;
    ngx_http_soma_target_t  *target;

    most = 0;
    target = ctx->route->targets.elts;

    for (i = 0; i < ctx->route->targets.nelts; i++) {
        factor = target[i].model->factor;

        if (factor != NULL) {
            n = factor->base + (tools ? factor->tools : 0);
            most = ngx_max(most, n);
        }
    }

    return most;
}


void
ngx_http_soma_vocabulary_bound(ngx_http_soma_ctx_t *ctx)
{
    ngx_uint_t  tools;

    if (ctx->ask.api == SOMA_API_NONE || soma_api_free(ctx->ask.api)) {
        return;
    }

    if (ngx_http_soma_prompt_fetched(ctx)) {
        ctx->ask.window = 1;
    }

    if (ctx->ask.window) {
        ctx->input_bound = ngx_http_soma_prompt_window(ctx);
        ctx->kinds = SOMA_PRICE_KIND_SETS - 1;
        ctx->counted = 1;
        return;
    }

    if (ctx->ask.scan != NULL && !soma_json_scan_marked(ctx->ask.scan)) {
        tools = ngx_http_soma_prompt_tools(ctx);
        ctx->input_bound = soma_prompt_bound(ctx->ask.body_len, (int) tools)
                           + ngx_http_soma_prompt_around(ctx, tools)
                           + ctx->ask.before;
        return;
    }

    ctx->input_bound = ngx_http_soma_prompt_most(ctx, 0);
}


ngx_int_t
ngx_http_soma_vocabulary_count(ngx_http_soma_ctx_t *ctx)
{
    int64_t  n;

    if (ctx->counted || ctx->ask.api == SOMA_API_NONE) {
        return NGX_DECLINED;
    }

    ctx->counted = 1;
    n = ngx_http_soma_prompt_most(ctx, 1);
    ctx->kinds = ngx_http_soma_prompt_kinds(ctx);

    if (n < ctx->input_bound) {
        ctx->input_bound = n;
        return NGX_OK;
    }

    /* it may be cheaper all the same */

    return ctx->kinds != SOMA_PRICE_KIND_SETS - 1 ? NGX_OK : NGX_DECLINED;
}


/* kinds of tokens that the request may meet beside those of text */

static unsigned
ngx_http_soma_prompt_kinds(ngx_http_soma_ctx_t *ctx)
{
    if (ctx->ask.scan == NULL || ctx->body.len == 0
        || ctx->ask.api == SOMA_API_SPEECH
        || ctx->ask.api == SOMA_API_IMAGES
        || soma_json_scan_marked(ctx->ask.scan))
    {
        return SOMA_PRICE_KIND_SETS - 1;
    }

    return soma_prompt_kinds(ctx->body);
}


static u_char *
ngx_http_soma_prompt_mark(soma_str_t owner)
{
    static u_char  marks[NGX_HTTP_SOMA_TIGHT_MAX];

    return &marks[ngx_murmur_hash2(owner.data, owner.len)
                  % NGX_HTTP_SOMA_TIGHT_MAX];
}


ngx_uint_t
ngx_http_soma_vocabulary_nearly_full(soma_str_t owner)
{
    return *ngx_http_soma_prompt_mark(owner);
}


void
ngx_http_soma_vocabulary_note(soma_str_t owner, ngx_uint_t tight)
{
    *ngx_http_soma_prompt_mark(owner) = (u_char) tight;
}


int64_t
ngx_http_soma_vocabulary_estimate(ngx_http_soma_ctx_t *ctx)
{
    int64_t            n;
    unsigned           traits;
    const soma_bpe_t  *bpe;

    if (ngx_http_soma_body_whole(ctx) != NGX_OK) {
        return soma_dialect_estimate_tokens(ctx->ask.body_len);
    }

    bpe = ngx_http_soma_vocabulary_bpe(ctx->main, ctx->model);
    traits = soma_prompt_traits(ngx_http_soma_str(ctx->model->target));

    n = soma_prompt_tokens(ctx->client->prompt, bpe, ctx->ask.api, traits,
                           ctx->body);

    /* the bytes of an image or of sound are no text */

    return bpe ? n : ngx_min(n,
                             soma_dialect_estimate_tokens(ctx->ask.body_len));
}
