
/*
 * Copyright (C) The ngx_soma authors
 *
 * The cohere dialect in its parts: soma_cohere.c is its table,
 * soma_cohere_ask.c reads what is asked and edits it, soma_cohere_read.c and
 * soma_cohere_event.c tell the books what an answer is, soma_cohere_fault.c
 * writes errors and ends what is cut, soma_cohere_translate.c knows the inner
 * form, and soma_cohere_embed*.c vectors in it.  Sources: the types of
 * Cohere's official client (MIT), version 7.3.1, and its API reference,
 * "Chat" and "Embed", v2.
 */


#ifndef SOMA_COHERE_H
#define SOMA_COHERE_H


#include "soma_ask.h"
#include "soma_dialect.h"


#define SOMA_COHERE_MAKER  "cohere"

/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_COHERE_TOKENS_MAX  1000000000000000


extern const soma_json_want_t  soma_cohere_want[SOMA_ASK_TOTAL];
extern const soma_prompt_names_t  soma_cohere_prompt;


int soma_cohere_surface(soma_url_t *url, soma_arena_t *arena);
soma_str_t soma_cohere_surface_path(soma_arena_t *arena,
    const soma_ask_t *ask, soma_str_t model);
soma_api_e soma_cohere_surface_answers(soma_api_e api);

int soma_cohere_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_cohere_bounds(soma_api_e api);
int soma_cohere_splice(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


int soma_cohere_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_cohere_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
int soma_cohere_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_cohere_verdict(soma_look_t *look);
void soma_cohere_refusal(soma_str_t body, soma_refusal_t *refusal);


/*
 * Blocks of a stream are open one at a time: which one is, stands in
 * soma_progress_t.sequence.  0: none.
 */
#define SOMA_COHERE_CONTENT  1
#define SOMA_COHERE_CALL     2

#define soma_cohere_open(kind, index)  ((int64_t) (index) << 2 | (kind))


void soma_cohere_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost);
void soma_cohere_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
void soma_cohere_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);
int soma_cohere_fault_status(soma_fault_e fault);


/*
 * soma_cohere_translate.c: requests and answers of clients or providers of
 * another dialect, by the inner form, as soma_dialect_t says.
 */
int soma_cohere_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_cohere_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
soma_str_t soma_cohere_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
int soma_cohere_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_cohere_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_cohere_read_event(soma_decoder_t *decoder, soma_sse_event_t *event);
int soma_cohere_read_end(soma_decoder_t *decoder);


#endif /* SOMA_COHERE_H */
