
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request asks for that is paid by the piece, as far as the request
 * itself tells.
 */


#ifndef SOMA_WORK_H
#define SOMA_WORK_H


#include "soma_base.h"
#include "soma_image.h"
#include "soma_json.h"


typedef struct {
    int64_t       images;           /* to be made */
    soma_image_t  image;            /* each of them */
    int64_t       characters;       /* to be spoken */
    int64_t       audio_ms;         /* of sound to be listened to, at most */
} soma_work_t;


/* of a JSON string with its quotes: \u00e9 is one, and so is a pair of
 * surrogates */
int64_t soma_work_characters(soma_str_t string);

/*
 * How long a file of sound lasts, ms: by its frames where it is WAV with
 * plain samples or MP3, by its header where it is FLAC or Ogg; else by its
 * size, at the fewest bits that sound is kept in, so that it is not longer.
 */
int64_t soma_work_sound(soma_str_t file);


#endif /* SOMA_WORK_H */
