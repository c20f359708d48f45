
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which members of a dialect's request are prompt, and what they may come to
 * in tokens: data of a dialect, so that what counts prompts (soma_prompt.h)
 * knows none of them.
 */


#ifndef SOMA_PROMPT_NAMES_H
#define SOMA_PROMPT_NAMES_H


#include "soma_json.h"


/* what a member means for the prompt */
typedef enum {
    SOMA_PART_SKIP = 0,
    SOMA_PART_TEXT,                 /* any value, as its text or its JSON */
    SOMA_PART_TOOLS,
    SOMA_PART_FUNCTIONS,
    SOMA_PART_INPUT,                /* texts, or numbers of tokens */
    SOMA_PART_MESSAGES,
    SOMA_PART_CONTENT,
    SOMA_PART_NAME,
    SOMA_PART_SYSTEM,               /* a message of its own */
    SOMA_PART_BLOCKS,               /* likewise, a text or parts */
    SOMA_PART_IMAGE,
    SOMA_PART_IMAGES,               /* an array of them */
    SOMA_PART_WITHIN,               /* an object whose members are a part's
                                       too */
    SOMA_PART_SOUND,
    SOMA_PART_FILE,
    SOMA_PART_SOURCE,               /* of an image or a document: an object that
                                       says by its "type" where its bytes are */
    SOMA_PART_BLOB                  /* bytes of any kind: an object that says
                                       which by its "mimeType" */
} soma_part_e;


typedef struct {
    soma_str_t   name;
    soma_part_e  part;
} soma_prompt_name_t;


/* how a request has its provider fetch something other than an image, of
 * which as much as the model can read may come */
typedef enum {
    SOMA_FETCH_NAME = 0,            /* a member whose name ends as marks->end
                                       says, with an address */
    SOMA_FETCH_SOURCE               /* "source" of type "url", in what is no
                                       image; "input" is a function's */
} soma_prompt_fetch_e;


/* what is in none of its lists is text.  marks: strings without which nothing
 * in it may be more tokens than bytes, and at "end" what a fetch needs */
typedef struct {
    const soma_prompt_name_t  *request;     /* members of a body */
    unsigned                   nrequest;
    const soma_prompt_name_t  *message;     /* of a message, or an item */
    unsigned                   nmessage;
    const soma_prompt_name_t  *part;        /* of a part of its content */
    unsigned                   npart;
    const soma_json_marks_t   *marks;
    soma_prompt_fetch_e        fetch;
} soma_prompt_names_t;


#endif /* SOMA_PROMPT_NAMES_H */
