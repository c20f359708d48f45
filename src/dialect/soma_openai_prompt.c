
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request of OpenAI's APIs is prompt.
 */


#include "soma_openai.h"


#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


/* of a request; what is not prompt in one of the APIs is in none */
static const soma_prompt_name_t  soma_openai_prompt_request[] = {
    { soma_string("messages"),               SOMA_PART_MESSAGES },
    { soma_string("input"),                  SOMA_PART_MESSAGES },
    { soma_string("instructions"),           SOMA_PART_SYSTEM },
    { soma_string("prompt"),                 SOMA_PART_INPUT },
    { soma_string("suffix"),                 SOMA_PART_INPUT },
    { soma_string("tools"),                  SOMA_PART_TOOLS },
    { soma_string("functions"),              SOMA_PART_FUNCTIONS },
    { soma_string("model"),                  SOMA_PART_SKIP },
    { soma_string("stream_options"),         SOMA_PART_SKIP },
    { soma_string("user"),                   SOMA_PART_SKIP },
    { soma_string("metadata"),               SOMA_PART_SKIP },
    { soma_string("stop"),                   SOMA_PART_SKIP },
    { soma_string("logit_bias"),             SOMA_PART_SKIP },
    { soma_string("service_tier"),           SOMA_PART_SKIP },
    { soma_string("safety_identifier"),      SOMA_PART_SKIP },
    { soma_string("prompt_cache_key"),       SOMA_PART_SKIP },
    { soma_string("prompt_cache_retention"), SOMA_PART_SKIP },
    { soma_string("previous_response_id"),   SOMA_PART_SKIP },
    { soma_string("conversation"),           SOMA_PART_SKIP },
    { soma_string("reasoning_effort"),       SOMA_PART_SKIP },
    { soma_string("reasoning"),              SOMA_PART_SKIP },
    { soma_string("verbosity"),              SOMA_PART_SKIP },
    { soma_string("truncation"),             SOMA_PART_SKIP },
    { soma_string("modalities"),             SOMA_PART_SKIP },
    { soma_string("include"),                SOMA_PART_SKIP },
    { soma_string("audio"),                  SOMA_PART_SKIP },
    { soma_string("voice"),                  SOMA_PART_SKIP },
    { soma_string("encoding_format"),        SOMA_PART_SKIP },
    { soma_string("size"),                   SOMA_PART_SKIP },
    { soma_string("quality"),                SOMA_PART_SKIP }
};


/* of a message, or an item of "input" */
static const soma_prompt_name_t  soma_openai_prompt_message[] = {
    { soma_string("role"),                   SOMA_PART_TEXT },
    { soma_string("content"),                SOMA_PART_CONTENT },
    { soma_string("output"),                 SOMA_PART_CONTENT },
    { soma_string("name"),                   SOMA_PART_NAME },
    { soma_string("type"),                   SOMA_PART_SKIP },
    { soma_string("id"),                     SOMA_PART_SKIP },
    { soma_string("call_id"),                SOMA_PART_SKIP },
    { soma_string("tool_call_id"),           SOMA_PART_SKIP },
    { soma_string("status"),                 SOMA_PART_SKIP },
    { soma_string("file_id"),                SOMA_PART_FILE },
    { soma_string("image_url"),              SOMA_PART_IMAGE }
};


/* of a part of a message's content */
static const soma_prompt_name_t  soma_openai_prompt_part[] = {
    { soma_string("text"),                   SOMA_PART_TEXT },
    { soma_string("type"),                   SOMA_PART_SKIP },
    { soma_string("detail"),                 SOMA_PART_SKIP },
    { soma_string("annotations"),            SOMA_PART_SKIP },
    { soma_string("logprobs"),               SOMA_PART_SKIP },
    { soma_string("image_url"),              SOMA_PART_IMAGE },
    { soma_string("input_audio"),            SOMA_PART_SOUND },
    { soma_string("file"),                   SOMA_PART_FILE },
    { soma_string("file_id"),                SOMA_PART_FILE },
    { soma_string("file_url"),               SOMA_PART_FILE },
    { soma_string("file_data"),              SOMA_PART_FILE }
};


/* images, sound and files; video_url, audio_url, file_url ... */
static const soma_str_t  soma_openai_prompt_mark[] = {
    soma_string("image_url\""),
    soma_string("input_audio\""),
    soma_string("file\""),
    soma_string("file_"),
    soma_str_null
};

static const soma_json_marks_t  soma_openai_prompt_marks = {
    soma_openai_prompt_mark, soma_string("_url\""),
    soma_string("\"image_url\""), 1
};


const soma_prompt_names_t  soma_openai_prompt = {
    SOMA_NAMES(soma_openai_prompt_request),
    SOMA_NAMES(soma_openai_prompt_message),
    SOMA_NAMES(soma_openai_prompt_part),
    &soma_openai_prompt_marks,
    SOMA_FETCH_NAME
};
