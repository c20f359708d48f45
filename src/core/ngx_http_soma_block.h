
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a directive is made of: the words of its block, or its parameters
 * name=value, as a table of what may stand there, and the one reader of such
 * tables.  The reader says what is unknown, what stands twice and what has
 * the wrong number of arguments; a row's own reader says the rest.
 */


#ifndef NGX_HTTP_SOMA_BLOCK_H
#define NGX_HTTP_SOMA_BLOCK_H


#include "ngx_http_soma.h"


/* limits of a tenant or a provider; with a key's own they fit one hold */
#define NGX_HTTP_SOMA_BLOCK_LIMITS  8

#define NGX_HTTP_SOMA_BLOCK_WORDS   64      /* rows of a table at most */
#define NGX_HTTP_SOMA_BLOCK_SAID    512     /* bytes of a list of them */

/* arguments of a word: as many as there are */
#define NGX_HTTP_SOMA_BLOCK_MANY    ((ngx_uint_t) -1)

/* the word may stand more than once: it adds, or the last one counts */
#define NGX_HTTP_SOMA_BLOCK_AGAIN   1


typedef struct ngx_http_soma_block_s       ngx_http_soma_block_t;
typedef struct ngx_http_soma_block_word_s  ngx_http_soma_block_word_t;


/*
 * Reads one word.  "value" is its first argument, or what a parameter has
 * behind its "=", or NULL; all arguments of a word are in cf->args.  Returns
 * NGX_CONF_OK; NGX_CONF_ERROR, having said why; or a sentence that goes on
 * behind the word's name, like "is empty".
 */
typedef char *(*ngx_http_soma_block_pt)(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value);


struct ngx_http_soma_block_word_s {
    const char                        *name;    /* NULL ends the table */
    ngx_uint_t                         min;     /* arguments */
    ngx_uint_t                         max;
    ngx_uint_t                         flags;   /* ..._BLOCK_AGAIN */
    ngx_http_soma_block_pt             read;
    size_t                             offset;  /* into block->conf */
    const void                        *post;    /* what "read" allows */
};


struct ngx_http_soma_block_s {
    const char                        *directive;
    ngx_str_t                         *name;    /* of the block */
    const ngx_http_soma_block_word_t  *words;
    void                              *conf;    /* what the words fill */
    const char                        *allowed; /* of parameters: what may
                                                   stand there, said of what
                                                   may not */
    uint64_t                           seen;    /* bits of words */
    unsigned                           secret:1;    /* values of unknown
                                                       parameters are not
                                                       repeated */
};


/* what a slot of numbers allows, both ends included; "text" says so */
typedef struct {
    ngx_int_t                          min;
    ngx_int_t                          max;
    const char                        *text;
} ngx_http_soma_block_range_t;


/* from behind "{" to "}" */
char *ngx_http_soma_block(ngx_conf_t *cf, ngx_http_soma_block_t *block);

/* the parameters from cf->args[from] on; here a row's numbers of arguments
 * and its flags do not count, and the last one of a name counts */
char *ngx_http_soma_block_params(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, ngx_uint_t from);

/* name=value: 1 and the value when "word" begins so */
ngx_uint_t ngx_http_soma_block_param(ngx_str_t *word, const char *name,
    ngx_str_t *value);

/* for readers: logs that the value is not one of those that "allowed" names
 * (of a parameter: that block->allowed names); NGX_CONF_ERROR */
char *ngx_http_soma_block_invalid(ngx_conf_t *cf,
    ngx_http_soma_block_t *block, const ngx_http_soma_block_word_t *word,
    ngx_str_t *value, const char *allowed);


/*
 * The usual readers.  post: a ngx_http_soma_block_range_t of number, size and
 * msec, where NULL is any; ngx_conf_enum_t of enum; of limit the soma_scope_e
 * that its limits have.
 */

/* ngx_str_t, not empty */
char *ngx_http_soma_block_str(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* the same, of a file: its full name, from where nginx.conf lies */
char *ngx_http_soma_block_path(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* all arguments, to an ngx_array_t of ngx_str_t or soma_str_t */
char *ngx_http_soma_block_list(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* ngx_int_t or ngx_uint_t */
char *ngx_http_soma_block_number(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* size_t */
char *ngx_http_soma_block_size(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* ngx_msec_t */
char *ngx_http_soma_block_msec(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* ngx_flag_t, of "on" and "off" */
char *ngx_http_soma_block_flag(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* ngx_uint_t */
char *ngx_http_soma_block_enum(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);

/* ngx_array_t of soma_limit_t, one more */
char *ngx_http_soma_block_limit(ngx_conf_t *cf, ngx_http_soma_block_t *block,
    const ngx_http_soma_block_word_t *word, ngx_str_t *value);


/* of a whole directive: as ngx_conf_set_enum_slot, but says what is allowed */
char *ngx_http_soma_block_enum_slot(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* NGX_HTTP_SOMA_BLOCK_H */
