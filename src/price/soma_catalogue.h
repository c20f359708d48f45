
/*
 * Copyright (C) The ngx_soma authors
 *
 * One model of the catalogue under construction: what soma_catalogue.c and
 * soma_catalogue_entry.c share.
 */


#ifndef SOMA_CATALOGUE_H
#define SOMA_CATALOGUE_H


#include <yyjson.h>
#include "soma_price.h"


typedef struct {
    soma_price_t        price;
    soma_price_level_t  level[SOMA_PRICE_STEPS_MAX];
    int64_t             cache_hit;
    int64_t             image_input;
    int64_t             pixel_input;
    int64_t             pixel_output;
    int64_t             second_output;
    int64_t             search;
    int64_t             max_tokens;
    soma_str_t          member;         /* of the fault */
    const char         *fault;          /* constant */
} soma_price_build_t;


soma_str_t soma_catalogue_str(yyjson_val *value);

/* SOMA_ERROR: build->member and build->fault say why.  key: its name, which
 * may say the size of the images it makes */
int soma_catalogue_entry(soma_price_build_t *build, soma_str_t key,
    yyjson_val *entry);


#endif /* SOMA_CATALOGUE_H */
