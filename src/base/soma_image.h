
/*
 * Copyright (C) The ngx_soma authors
 *
 * Images that are made: their size and quality, as a request says them
 * ("1024x1536", "high") and as names of a price catalogue do
 * ("high/1024-x-1536/gpt-image-1").
 */


#ifndef SOMA_IMAGE_H
#define SOMA_IMAGE_H


#include "soma_base.h"


#define SOMA_IMAGE_SIDE_MAX  65536      /* pixels; more is no size */


/* width and height 0, quality empty: not said ("auto" says nothing) */
typedef struct {
    uint32_t    width;          /* pixels */
    uint32_t    height;
    soma_str_t  quality;
} soma_image_t;


/* of a request: both texts may be empty */
void soma_image_asked(soma_image_t *image, soma_str_t size,
    soma_str_t quality);

/* of a catalogue's key; quality points into it */
void soma_image_named(soma_image_t *image, soma_str_t key);

/* 1: the catalogue's image is one that was asked for, or may be */
int soma_image_fits(const soma_image_t *asked, const soma_image_t *named);


#endif /* SOMA_IMAGE_H */
