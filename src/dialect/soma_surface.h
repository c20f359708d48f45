
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client may ask for: the APIs, their endpoints, and the line of a
 * request that names one.
 */


#ifndef SOMA_SURFACE_H
#define SOMA_SURFACE_H


#include "soma_base.h"


typedef enum {
    SOMA_API_NONE = 0,          /* not an LLM call: soma_access */
    SOMA_API_CHAT,              /* /chat/completions */
    SOMA_API_COMPLETIONS,
    SOMA_API_EMBEDDINGS,
    SOMA_API_RESPONSES,
    SOMA_API_IMAGES,            /* /images/generations */
    SOMA_API_SPEECH,            /* /audio/speech: JSON in, sound out */
    SOMA_API_TRANSCRIPTIONS,    /* multipart in */
    SOMA_API_TRANSLATIONS,      /* multipart in */
    SOMA_API_MODELS,            /* GET, answered here */
    SOMA_API_MODERATIONS,
    SOMA_API_RERANK,
    SOMA_API_COMPACT,           /* /responses/compact */
    SOMA_API_COUNT,             /* /responses/input_tokens and its like */
    SOMA_API_STORED,            /* a response by its id */
    SOMA_API_INVOKE,            /* a model's own body, passed and metered */
    SOMA_APIS
} soma_api_e;


/* a conversation, whatever the API */
#define SOMA_API_TALKS                                                        \
    (1u << SOMA_API_CHAT | 1u << SOMA_API_COMPLETIONS                         \
     | 1u << SOMA_API_RESPONSES)


/* whether what it does was paid by another request, or is for nothing */
#define soma_api_free(api)                                                    \
    ((api) == SOMA_API_COUNT || (api) == SOMA_API_STORED)


/* methods, as bits */
#define SOMA_GET     0x01
#define SOMA_POST    0x02
#define SOMA_DELETE  0x04

typedef enum {
    SOMA_BODY_NONE = 0,
    SOMA_BODY_JSON,
    SOMA_BODY_FORM              /* multipart/form-data */
} soma_body_e;


/* how an endpoint's answer comes */
typedef enum {
    SOMA_STREAM_ASKED = 0,      /* as the body says */
    SOMA_STREAM_NEVER,
    SOMA_STREAM_ALWAYS
} soma_stream_e;


/* an endpoint */
typedef struct {
    soma_str_t     path;        /* as its dialect looks for it: below the
                                   version of the API, as a rule */
    unsigned       methods;
    soma_api_e     api;
    soma_body_e    body;
    soma_stream_e  stream;
    unsigned       form;        /* the dialect's own number of it, where one
                                   API has several endpoints */
} soma_surface_t;


/* what a client writes in its request's line */
typedef struct {
    soma_str_t             path;    /* as it was written: escaped */
    soma_str_t             below;   /* unescaped, below /v1: "/responses/ID" */
    soma_str_t             args;

    /* out, by soma_dialect_t.surface */
    const soma_surface_t  *surface;
    soma_str_t             id;      /* in it, of what is stored */
    soma_str_t             model;   /* in it, unescaped; empty: in the body */
} soma_url_t;


#endif /* SOMA_SURFACE_H */
