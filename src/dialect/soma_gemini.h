
/*
 * Copyright (C) The ngx_soma authors
 *
 * The gemini dialect in its parts: soma_gemini.c is its table,
 * soma_gemini_surface.c knows its addresses, soma_gemini_ask.c asks,
 * soma_gemini_splice.c edits, soma_gemini_event.c says what an event or an
 * answer is, soma_gemini_read.c where in it to look, soma_gemini_verdict.c
 * whether it is one, soma_gemini_fault.c writes errors and what else stands in
 * a stream, soma_gemini_translate.c knows the inner form.  Sources: Google's
 * references of the Gemini API (v1, v1beta) and of Vertex AI's
 * generateContent, the protocol buffers of both, and recorded traffic.
 */


#ifndef SOMA_GEMINI_H
#define SOMA_GEMINI_H


#include "soma_ask.h"
#include "soma_dialect.h"


#define SOMA_GEMINI_MAKER  "gemini"     /* of signatures, and of what only
                                           this dialect says */

/* soma_surface_t.form */
#define SOMA_GEMINI_ONE    0            /* embedContent */
#define SOMA_GEMINI_BATCH  1            /* batchEmbedContents */


extern const soma_json_want_t  soma_gemini_want[SOMA_ASK_TOTAL];
extern const soma_prompt_names_t  soma_gemini_prompt;
extern const soma_names_t  soma_gemini_tool_names;


/*
 * Google's servers take each name of a request in two spellings,
 * systemInstruction and system_instruction: 1: that raw name is "camel" in
 * either.
 */
int soma_gemini_is(soma_str_t name, const char *camel);

/* the last member of that name of an object: SOMA_OK or SOMA_DECLINED */
int soma_gemini_get(soma_str_t object, const char *camel,
    soma_json_value_t *value);


void soma_gemini_fault_retry(soma_out_t *out, soma_fault_e fault,
    soma_str_t code, soma_str_t message, int64_t retry);

/* of :countTokens */
void soma_gemini_count(soma_out_t *out, const soma_ask_t *ask,
    int64_t tokens);

int soma_gemini_surface(soma_url_t *url, soma_arena_t *arena);

/* the same of a list that ends with an empty path */
int soma_gemini_surface_of(soma_url_t *url, soma_arena_t *arena,
    const soma_surface_t *surface);
soma_str_t soma_gemini_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
soma_str_t soma_gemini_splice_path(soma_arena_t *arena,
    const soma_ask_t *ask, soma_str_t model);

/* 1: a client's stream is to come as server-sent events, not as an array */
int soma_gemini_sse(const soma_ask_t *ask);

int soma_gemini_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_gemini_bounds(soma_api_e api);

/* soma_gemini_objects.c: what Google keeps and the request names, into
 * ask->ids */
int soma_gemini_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);

/* 1: a file's address that the provider has given it */
int soma_gemini_ask_kept(soma_str_t uri);

/* the generationConfig of a body, whatever its spelling; SOMA_DECLINED: there
 * is none */
int soma_gemini_ask_config(soma_ask_t *ask, soma_value_pt value, void *data,
    soma_json_value_t *config);

int soma_gemini_splice(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


int soma_gemini_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_gemini_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
int soma_gemini_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_gemini_verdict(soma_look_t *look);
void soma_gemini_refusal(soma_str_t body, soma_refusal_t *refusal);


void soma_gemini_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
void soma_gemini_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);
void soma_gemini_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost);
soma_str_t soma_gemini_stream_type(const soma_ask_t *ask);
soma_str_t soma_gemini_beat(const soma_ask_t *ask);

/* what Google calls an error of that HTTP status */
const char *soma_gemini_fault_status(int status);


/* soma_gemini_translate.c, as soma_dialect_t says */
int soma_gemini_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_gemini_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
int soma_gemini_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_gemini_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_gemini_read_event(soma_decoder_t *decoder, soma_sse_event_t *event);
int soma_gemini_read_end(soma_decoder_t *decoder);


#endif /* SOMA_GEMINI_H */
