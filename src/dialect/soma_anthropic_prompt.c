
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request of the Messages API is prompt.
 */


#include "soma_anthropic.h"


#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


static const soma_prompt_name_t  soma_anthropic_prompt_request[] = {
    { soma_string("messages"),           SOMA_PART_MESSAGES },
    { soma_string("system"),             SOMA_PART_BLOCKS },
    { soma_string("tools"),              SOMA_PART_TOOLS },
    { soma_string("model"),              SOMA_PART_SKIP },
    { soma_string("metadata"),           SOMA_PART_SKIP },
    { soma_string("stop_sequences"),     SOMA_PART_SKIP },
    { soma_string("service_tier"),       SOMA_PART_SKIP },
    { soma_string("thinking"),           SOMA_PART_SKIP },
    { soma_string("cache_control"),      SOMA_PART_SKIP },
    { soma_string("container"),          SOMA_PART_SKIP },
    { soma_string("inference_geo"),      SOMA_PART_SKIP },
    { soma_string("speed"),              SOMA_PART_SKIP },
    { soma_string("context_management"), SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_anthropic_prompt_message[] = {
    { soma_string("role"),               SOMA_PART_TEXT },
    { soma_string("content"),            SOMA_PART_CONTENT }
};


/* of a block of a message's content, or of what a tool gave back */
static const soma_prompt_name_t  soma_anthropic_prompt_part[] = {
    { soma_string("text"),               SOMA_PART_TEXT },
    { soma_string("type"),               SOMA_PART_SKIP },
    { soma_string("cache_control"),      SOMA_PART_SKIP },
    { soma_string("id"),                 SOMA_PART_SKIP },
    { soma_string("tool_use_id"),        SOMA_PART_SKIP },
    { soma_string("content"),            SOMA_PART_CONTENT },
    { soma_string("source"),             SOMA_PART_SOURCE },
    { soma_string("file_id"),            SOMA_PART_FILE }
};


/* types of blocks and of what they are made of, and file_id */
static const soma_str_t  soma_anthropic_prompt_mark[] = {
    soma_string("image\""),
    soma_string("document\""),
    soma_string("file\""),
    soma_string("file_"),
    soma_str_null
};

/* "type":"url" */
static const soma_json_marks_t  soma_anthropic_prompt_marks = {
    soma_anthropic_prompt_mark, soma_string("\"url\""), soma_str_null, 0
};


const soma_prompt_names_t  soma_anthropic_prompt = {
    SOMA_NAMES(soma_anthropic_prompt_request),
    SOMA_NAMES(soma_anthropic_prompt_message),
    SOMA_NAMES(soma_anthropic_prompt_part),
    &soma_anthropic_prompt_marks,
    SOMA_FETCH_SOURCE
};
