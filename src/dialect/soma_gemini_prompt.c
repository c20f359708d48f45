
/*
 * Copyright (C) The ngx_soma authors
 *
 * What of a request of Google's API is prompt.  What is in no list is text,
 * and counted as that.
 */


#include "soma_gemini.h"


#define SOMA_NAMES(list)  list, sizeof(list) / sizeof(list[0])


static const soma_prompt_name_t  soma_gemini_prompt_request[] = {
    { soma_string("contents"),            SOMA_PART_MESSAGES },
    { soma_string("content"),             SOMA_PART_TEXT },
    { soma_string("requests"),            SOMA_PART_MESSAGES },
    { soma_string("systemInstruction"),   SOMA_PART_TEXT },
    { soma_string("system_instruction"),  SOMA_PART_TEXT },
    { soma_string("tools"),               SOMA_PART_TOOLS },
    { soma_string("model"),               SOMA_PART_SKIP },
    { soma_string("toolConfig"),          SOMA_PART_SKIP },
    { soma_string("tool_config"),         SOMA_PART_SKIP },
    { soma_string("safetySettings"),      SOMA_PART_SKIP },
    { soma_string("safety_settings"),     SOMA_PART_SKIP },
    { soma_string("cachedContent"),       SOMA_PART_SKIP },
    { soma_string("cached_content"),      SOMA_PART_SKIP },
    { soma_string("labels"),              SOMA_PART_SKIP },
    { soma_string("serviceTier"),         SOMA_PART_SKIP },
    { soma_string("service_tier"),        SOMA_PART_SKIP },
    { soma_string("store"),               SOMA_PART_SKIP }
};


static const soma_prompt_name_t  soma_gemini_prompt_message[] = {
    { soma_string("role"),                SOMA_PART_TEXT },
    { soma_string("parts"),               SOMA_PART_CONTENT },
    { soma_string("content"),             SOMA_PART_TEXT },
    { soma_string("model"),               SOMA_PART_SKIP },
    { soma_string("taskType"),            SOMA_PART_SKIP }
};


/* of a part */
static const soma_prompt_name_t  soma_gemini_prompt_part[] = {
    { soma_string("text"),                SOMA_PART_TEXT },
    { soma_string("inlineData"),          SOMA_PART_BLOB },
    { soma_string("inline_data"),         SOMA_PART_BLOB },
    { soma_string("fileData"),            SOMA_PART_FILE },
    { soma_string("file_data"),           SOMA_PART_FILE },
    { soma_string("thought"),             SOMA_PART_SKIP },
    { soma_string("thoughtSignature"),    SOMA_PART_SKIP },
    { soma_string("thought_signature"),   SOMA_PART_SKIP }
};


/* how the names of a picture, sound or a file begin, in either spelling */
static const soma_str_t  soma_gemini_prompt_mark[] = {
    soma_string("inline"),
    soma_string("file"),
    soma_str_null
};

static const soma_json_marks_t  soma_gemini_prompt_marks = {
    soma_gemini_prompt_mark, soma_str_null, soma_str_null, 0
};


const soma_prompt_names_t  soma_gemini_prompt = {
    SOMA_NAMES(soma_gemini_prompt_request),
    SOMA_NAMES(soma_gemini_prompt_message),
    SOMA_NAMES(soma_gemini_prompt_part),
    &soma_gemini_prompt_marks,
    SOMA_FETCH_NAME
};
