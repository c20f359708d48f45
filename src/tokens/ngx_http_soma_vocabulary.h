
/*
 * Copyright (C) The ngx_soma authors
 *
 * The vocabularies that soma_vocabulary names, mapped once by the master and
 * shared by all workers.
 */


#ifndef NGX_HTTP_SOMA_VOCABULARY_H
#define NGX_HTTP_SOMA_VOCABULARY_H


#include "ngx_http_soma.h"
#include "soma_bpe.h"


/* tokens that a model reads whose context nobody says */
#define NGX_HTTP_SOMA_WINDOW  1048576


/* soma_vocabulary cl100k_base|o200k_base FILE */
char *ngx_http_soma_vocabulary(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* soma_vocabulary_factor FAMILY|MODEL NUMBER */
char *ngx_http_soma_factor_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* by what the count of another vocabulary is multiplied; NULL: its own is
 * there, or nothing is known of it */
const soma_factor_t *ngx_http_soma_factor(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model);

/* what the model reads with, or NULL: not known, or not configured */
const soma_bpe_t *ngx_http_soma_vocabulary_bpe(ngx_http_soma_main_conf_t *smcf,
    ngx_http_soma_model_t *model);

/*
 * How many tokens the prompt is, for limits: ctx->input_bound.  First an
 * upper bound, which costs next to nothing where the body has no images,
 * sound or files in it; counted only when that is more
 * than a limit has left.  Of several targets the one with the most counts.
 * NGX_DECLINED: it was counted before, or is no less for being counted.
 */
void ngx_http_soma_vocabulary_bound(ngx_http_soma_ctx_t *ctx);
ngx_int_t ngx_http_soma_vocabulary_count(ngx_http_soma_ctx_t *ctx);

/*
 * Whether the limits of that owner were tight when they were last asked: then
 * a bound, held until the answer is there, would keep others out, and prompts
 * are counted at once.  What a worker knows of it; two owners may share it.
 */
ngx_uint_t ngx_http_soma_vocabulary_nearly_full(soma_str_t owner);
void ngx_http_soma_vocabulary_note(soma_str_t owner, ngx_uint_t tight);

/* what ctx->model read, where it does not say so itself: counted, or without
 * a vocabulary a token for four bytes of the body, if the bound is not less */
int64_t ngx_http_soma_vocabulary_estimate(ngx_http_soma_ctx_t *ctx);


#endif /* NGX_HTTP_SOMA_VOCABULARY_H */
