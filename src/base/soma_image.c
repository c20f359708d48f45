
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_image.h"


static int soma_image_size(soma_image_t *image, soma_str_t s,
    const char *between);


void
soma_image_asked(soma_image_t *image, soma_str_t size, soma_str_t quality)
{
    memset(image, 0, sizeof(soma_image_t));

    (void) soma_image_size(image, size, "x");

    if (!soma_str_case_is(quality, "auto")) {
        image->quality = quality;
    }
}


/* the last of its parts is the model's own name */
void
soma_image_named(soma_image_t *image, soma_str_t key)
{
    size_t      i, start;
    soma_str_t  part, before;

    memset(image, 0, sizeof(soma_image_t));

    before.len = 0;
    before.data = NULL;
    start = 0;

    for (i = 0; i < key.len; i++) {

        if (key.data[i] != '/') {
            continue;
        }

        part.data = key.data + start;
        part.len = i - start;

        if (soma_image_size(image, part, "-x-") == SOMA_OK) {
            image->quality = before;
        }

        before = part;
        start = i + 1;
    }
}


/* a quality that the catalogue does not name is any */
int
soma_image_fits(const soma_image_t *asked, const soma_image_t *named)
{
    if (asked->width != 0
        && (asked->width != named->width || asked->height != named->height))
    {
        return 0;
    }

    return asked->quality.len == 0 || named->quality.len == 0
           || soma_str_eq(asked->quality, named->quality);
}


static int
soma_image_side(soma_str_t s, uint32_t *side)
{
    int64_t  n;

    if (soma_number_int(s, &n) != SOMA_OK || n <= 0 || n > SOMA_IMAGE_SIDE_MAX)
    {
        return SOMA_DECLINED;
    }

    *side = (uint32_t) n;

    return SOMA_OK;
}


static int
soma_image_size(soma_image_t *image, soma_str_t s, const char *between)
{
    size_t      i, len;
    uint32_t    width, height;
    soma_str_t  side;

    len = strlen(between);

    for (i = 0; i + len <= s.len; i++) {
        if (memcmp(s.data + i, between, len) == 0) {
            break;
        }
    }

    if (i + len > s.len) {
        return SOMA_DECLINED;
    }

    side.data = s.data;
    side.len = i;

    if (soma_image_side(side, &width) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    side.data = s.data + i + len;
    side.len = s.len - i - len;

    if (soma_image_side(side, &height) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    image->width = width;
    image->height = height;

    return SOMA_OK;
}
