
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request to Bedrock is prompt.
 */


#include "soma_bedrock.h"


#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


static const soma_prompt_name_t  soma_bedrock_prompt_request[] = {
    { soma_string("messages"),            SOMA_PART_MESSAGES },
    { soma_string("system"),              SOMA_PART_BLOCKS },
    { soma_string("toolConfig"),          SOMA_PART_TOOLS },
    { soma_string("tools"),               SOMA_PART_TOOLS },
    { soma_string("input"),               SOMA_PART_WITHIN },
    { soma_string("inferenceConfig"),     SOMA_PART_SKIP },
    { soma_string("guardrailConfig"),     SOMA_PART_SKIP },
    { soma_string("requestMetadata"),     SOMA_PART_SKIP },
    { soma_string("performanceConfig"),   SOMA_PART_SKIP },
    { soma_string("serviceTier"),         SOMA_PART_SKIP },
    { soma_string("projectIdentifier"),   SOMA_PART_SKIP },
    { soma_string("additionalModelResponseFieldPaths"), SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_bedrock_prompt_message[] = {
    { soma_string("role"),                SOMA_PART_TEXT },
    { soma_string("content"),             SOMA_PART_CONTENT }
};


/* of a block; those of what a tool gave back are a level deeper, and so is a
 * request that is to be counted */
static const soma_prompt_name_t  soma_bedrock_prompt_part[] = {
    { soma_string("text"),                SOMA_PART_TEXT },
    { soma_string("image"),               SOMA_PART_IMAGE },
    { soma_string("document"),            SOMA_PART_FILE },
    { soma_string("video"),               SOMA_PART_FILE },
    { soma_string("audio"),               SOMA_PART_SOUND },
    { soma_string("toolResult"),          SOMA_PART_WITHIN },
    { soma_string("content"),             SOMA_PART_CONTENT },
    { soma_string("cachePoint"),          SOMA_PART_SKIP },
    { soma_string("toolUseId"),           SOMA_PART_SKIP },
    { soma_string("status"),              SOMA_PART_SKIP },
    { soma_string("converse"),            SOMA_PART_WITHIN },
    { soma_string("messages"),            SOMA_PART_MESSAGES },
    { soma_string("system"),              SOMA_PART_BLOCKS },
    { soma_string("toolConfig"),          SOMA_PART_TOOLS },

    /* of a model of Anthropic's, in its own words */
    { soma_string("source"),              SOMA_PART_SOURCE },
    { soma_string("type"),                SOMA_PART_SKIP },
    { soma_string("cache_control"),       SOMA_PART_SKIP }
};


/* pictures, sound and video say their format; a document may say none */
static const soma_str_t  soma_bedrock_prompt_mark[] = {
    soma_string("image\""),
    soma_string("document\""),
    soma_string("format\""),
    soma_str_null
};

static const soma_json_marks_t  soma_bedrock_prompt_marks = {
    soma_bedrock_prompt_mark, soma_str_null, soma_str_null, 0
};


const soma_prompt_names_t  soma_bedrock_prompt = {
    SOMA_NAMES(soma_bedrock_prompt_request),
    SOMA_NAMES(soma_bedrock_prompt_message),
    SOMA_NAMES(soma_bedrock_prompt_part),
    &soma_bedrock_prompt_marks,
    SOMA_FETCH_NAME
};
