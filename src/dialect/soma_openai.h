
/*
 * Copyright (C) The ngx_soma authors
 *
 * The openai dialect in its parts: soma_openai.c is its table,
 * soma_openai_ask.c asks, soma_openai_encode.c encodes and
 * soma_openai_bound.c says how long an answer may be,
 * soma_openai_event.c says what an event or an answer is, soma_openai_read.c
 * where in it to look, soma_openai_usage.c reads usage,
 * soma_openai_fault.c writes errors,
 * soma_openai_cut.c ends what is cut.  Sources: OpenAI's API reference, and
 * the recorded traffic in t/traffic for what other providers make of it.
 */


#ifndef SOMA_OPENAI_H
#define SOMA_OPENAI_H


#include "soma_ask.h"
#include "soma_dialect.h"


/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_OPENAI_TOKENS_MAX  1000000000000000


/* a conversation of another API is answered as a chat */
soma_api_e soma_openai_answered(soma_api_e api);

/* of /responses/input_tokens */
void soma_openai_count(soma_out_t *out, const soma_ask_t *ask,
    int64_t tokens);

int soma_openai_surface(soma_url_t *url, soma_arena_t *arena);
soma_str_t soma_openai_splice_path(soma_arena_t *arena,
    const soma_ask_t *ask, soma_str_t model);


/* query arguments that go up */
extern const soma_str_t  soma_openai_args[];
extern const soma_str_t  soma_openai_stored_args[];


extern const soma_prompt_names_t  soma_openai_prompt;


extern const soma_json_want_t  soma_openai_want[SOMA_ASK_TOTAL];

int soma_openai_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_openai_bounds(soma_api_e api);
int soma_openai_encode(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);

/* the number that bounds an answer, by the provider's name for it alone; the
 * body's own bytes where they say that already */
int soma_openai_encode_bound(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);

/* 1: OpenAI's own models of that name know the newer name of it alone */
int soma_openai_bound_newer(soma_str_t model);

/* what a request names of those, into ask->ids */
int soma_openai_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);

/* the types of "tools" that are the provider's, into ask->hosted */
int soma_openai_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);

/* stream_options.include_usage: SOMA_DECLINED when it is not there */
int soma_openai_include_usage(soma_json_value_t *options,
    soma_arena_t *arena, soma_json_value_t *include, const char **error);


void soma_openai_service_tier(soma_answer_t *answer,
    soma_json_value_t *value);
void soma_openai_duration(soma_answer_t *answer, soma_json_value_t *value);

int soma_openai_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_openai_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
int soma_openai_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_openai_verdict(soma_look_t *look);
void soma_openai_refusal(soma_str_t body, soma_refusal_t *refusal);

/* choices of a stream have this many channels each */
typedef enum {
    SOMA_OPENAI_CONTENT = 0,
    SOMA_OPENAI_REASONING,
    SOMA_OPENAI_CALLS,
    SOMA_OPENAI_CHANNELS
} soma_openai_channel_e;

void soma_openai_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost);

void soma_openai_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
void soma_openai_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);


/*
 * soma_openai_translate.c: requests and answers of clients or providers of
 * another dialect, by the inner form, as soma_dialect_t says.
 */
int soma_openai_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_openai_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
soma_str_t soma_openai_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
int soma_openai_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_openai_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_openai_read_event(soma_decoder_t *decoder, soma_sse_event_t *event);
int soma_openai_read_end(soma_decoder_t *decoder);


/* ask->work; SOMA_ERROR: the body could not be read */
int soma_openai_work(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data);


#endif /* SOMA_OPENAI_H */
