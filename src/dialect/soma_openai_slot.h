
/*
 * Copyright (C) The ngx_soma authors
 *
 * Which members of an event or an answer count, by the place they stand in;
 * for soma_openai_read.c alone, where it is inlined.
 */


#ifndef SOMA_OPENAI_SLOT_H
#define SOMA_OPENAI_SLOT_H


#include "soma_openai_read.h"


#define soma_name_is(name, s)                                                 \
    ((name).len == sizeof(s) - 1                                              \
     && memcmp((name).data, s, sizeof(s) - 1) == 0)


static inline unsigned
soma_openai_root(soma_str_t name)
{
    switch (name.len) {

    case 2:
        return soma_name_is(name, "id") ? SOMA_S_ID : 0;

    case 4:
        return soma_name_is(name, "type") ? SOMA_S_TYPE
               : soma_name_is(name, "text") ? SOMA_S_TRANSCRIPT
               : soma_name_is(name, "item") ? SOMA_S_ITEM
               : soma_name_is(name, "data") ? SOMA_S_DATA : 0;

    case 5:
        return soma_name_is(name, "model") ? SOMA_S_MODEL
               : soma_name_is(name, "usage") ? SOMA_S_USAGE
               : soma_name_is(name, "delta") ? SOMA_S_EVENT_DELTA
               : soma_name_is(name, "error") ? SOMA_S_ERROR
               : soma_name_is(name, "audio") ? SOMA_S_BYTES : 0;

    case 6:
        return soma_name_is(name, "object") ? SOMA_S_OBJECT
               : soma_name_is(name, "output") ? SOMA_S_OUTPUT
               : soma_name_is(name, "x_groq") ? SOMA_S_HOLDER : 0;

    case 7:
        return soma_name_is(name, "choices") ? SOMA_S_CHOICES
               : soma_name_is(name, "created") ? SOMA_S_CREATED
               : soma_name_is(name, "message") ? SOMA_S_HOLDER : 0;

    case 8:
        return soma_name_is(name, "response") ? SOMA_S_RESPONSE
               : soma_name_is(name, "duration") ? SOMA_S_DURATION
               : soma_name_is(name, "b64_json") ? SOMA_S_BYTES : 0;

    case 10:
        return soma_name_is(name, "tool_usage") ? SOMA_S_TOOLS : 0;

    case 12:
        return soma_name_is(name, "service_tier") ? SOMA_S_TIER : 0;

    case 15:
        return soma_name_is(name, "sequence_number") ? SOMA_S_SEQUENCE : 0;

    case 17:
        return soma_name_is(name, "partial_image_b64") ? SOMA_S_BYTES : 0;
    }

    return 0;
}


static inline unsigned
soma_openai_response(soma_str_t name)
{
    return soma_name_is(name, "usage") ? SOMA_S_USAGE
           : soma_name_is(name, "id") ? SOMA_S_ID
           : soma_name_is(name, "model") ? SOMA_S_MODEL
           : soma_name_is(name, "output") ? SOMA_S_OUTPUT
           : soma_name_is(name, "tool_usage") ? SOMA_S_TOOLS
           : soma_name_is(name, "created_at") ? SOMA_S_CREATED
           : soma_name_is(name, "service_tier") ? SOMA_S_TIER : 0;
}


static inline unsigned
soma_openai_choice(soma_str_t name)
{
    switch (name.len) {

    case 4:
        return soma_name_is(name, "text") ? SOMA_S_TEXT : 0;

    case 5:
        return soma_name_is(name, "delta") ? SOMA_S_DELTA
               : soma_name_is(name, "index") ? SOMA_S_INDEX
               : soma_name_is(name, "usage") ? SOMA_S_USAGE_ELSEWHERE : 0;

    case 7:
        return soma_name_is(name, "message") ? SOMA_S_MESSAGE : 0;

    case 13:
        return soma_name_is(name, "finish_reason") ? SOMA_S_FINISH : 0;
    }

    return 0;
}


static inline unsigned
soma_openai_delta(soma_str_t name)
{
    switch (name.len) {

    case 5:
        return soma_name_is(name, "audio") ? SOMA_S_AUDIO
               : soma_name_is(name, "usage") ? SOMA_S_USAGE_ELSEWHERE : 0;

    case 6:
        return soma_name_is(name, "images") ? SOMA_S_BYTES : 0;

    case 7:
        return soma_name_is(name, "content")
               || soma_name_is(name, "refusal") ? SOMA_S_CONTENT : 0;

    case 9:
        return soma_name_is(name, "reasoning") ? SOMA_S_REASONING : 0;

    case 10:
        return soma_name_is(name, "tool_calls") ? SOMA_S_CALLS : 0;

    case 13:
        return soma_name_is(name, "function_call") ? SOMA_S_FUNCTION : 0;

    case 17:
        return soma_name_is(name, "reasoning_content")
               ? SOMA_S_REASONING_CONTENT
               : soma_name_is(name, "reasoning_details")
               ? SOMA_S_REASONING_DETAILS : 0;
    }

    return 0;
}


/* an item of a response: what is said, thought, or called */

static inline unsigned
soma_openai_item(soma_str_t name)
{
    return soma_name_is(name, "content")
           || soma_name_is(name, "summary") ? SOMA_S_ITEM_PARTS
           : soma_name_is(name, "arguments")
           || soma_name_is(name, "input")
           || soma_name_is(name, "code") ? SOMA_S_ARGUMENTS
           : soma_name_is(name, "name") ? SOMA_S_CALL_NAME
           : soma_name_is(name, "type") ? SOMA_S_ITEM_TYPE
           : soma_name_is(name, "result") ? SOMA_S_BYTES : 0;
}


static inline unsigned
soma_openai_slot(void *data, unsigned place, soma_str_t name)
{
    switch (place) {

    case SOMA_P_ROOT:
        return soma_openai_root(name);

    case SOMA_P_CHOICE:
        return soma_openai_choice(name);

    case SOMA_P_DELTA:
    case SOMA_P_MESSAGE:
        return soma_openai_delta(name);

    case SOMA_P_CHOICES:
        return SOMA_S_CHOICE;

    case SOMA_P_TOP:
        return SOMA_S_ROOT;

    case SOMA_P_LIST:
        return SOMA_S_BARE;

    case SOMA_P_RESPONSE:
        return soma_openai_response(name);

    case SOMA_P_CALLS:
        return SOMA_S_CALL;

    case SOMA_P_CALL:
        return soma_name_is(name, "function")
               || soma_name_is(name, "custom") ? SOMA_S_FUNCTION : 0;

    case SOMA_P_FUNCTION:
        return soma_name_is(name, "arguments")
               || soma_name_is(name, "input") ? SOMA_S_ARGUMENTS
               : soma_name_is(name, "name") ? SOMA_S_CALL_NAME : 0;

    case SOMA_P_AUDIO:
        return soma_name_is(name, "transcript") ? SOMA_S_CONTENT : 0;

    case SOMA_P_PARTS:
        return SOMA_S_PART;

    case SOMA_P_PART:
        return soma_name_is(name, "text")
               || soma_name_is(name, "thinking")
               || soma_name_is(name, "refusal") ? SOMA_S_PART : 0;

    case SOMA_P_OUTPUT:
        return SOMA_S_ITEM;

    case SOMA_P_ITEM:
        return soma_openai_item(name);

    case SOMA_P_HOLDER:
        return soma_name_is(name, "usage") ? SOMA_S_USAGE_ELSEWHERE : 0;

    case SOMA_P_TOOLS:
        return soma_name_is(name, "image_gen") ? SOMA_S_IMAGE_GEN
               : soma_name_is(name, "web_search") ? SOMA_S_WEB_SEARCH : 0;
    }

    return soma_openai_usage_slot(data, place, name);
}


#endif /* SOMA_OPENAI_SLOT_H */
