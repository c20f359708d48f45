
/*
 * Copyright (C) The ngx_soma authors
 *
 * The bedrock dialect in its parts: soma_bedrock.c is its table,
 * soma_bedrock_surface.c knows its addresses, soma_bedrock_ask.c asks,
 * soma_bedrock_splice.c edits, soma_bedrock_event.c says what an event or an
 * answer is, soma_bedrock_read.c where in it to look, soma_bedrock_invoke.c
 * what models say in words of their own, soma_bedrock_verdict.c whether it is
 * an answer, soma_bedrock_fault.c writes errors and ends what is cut,
 * soma_bedrock_sign.c signs, soma_bedrock_translate.c knows the inner form.
 * Sources: AWS's model of bedrock-runtime 2023-09-30 (botocore 1.44), AWS's
 * user guide, and recorded traffic.
 */


#ifndef SOMA_BEDROCK_H
#define SOMA_BEDROCK_H


#include "soma_ask.h"
#include "soma_dialect.h"
#include "soma_pieces.h"


#define SOMA_BEDROCK_MAKER  "bedrock"


extern const soma_json_want_t  soma_bedrock_want[SOMA_ASK_TOTAL];
extern const soma_prompt_names_t  soma_bedrock_prompt;
extern const soma_names_t  soma_bedrock_tool_names;
extern const soma_names_t  soma_bedrock_call_ids;


int soma_bedrock_surface(soma_url_t *url, soma_arena_t *arena);
soma_str_t soma_bedrock_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
soma_str_t soma_bedrock_splice_path(soma_arena_t *arena,
    const soma_ask_t *ask, soma_str_t model);

int soma_bedrock_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_bedrock_bounds(soma_api_e api);

/* objects in AWS's storage that a list of messages names, into ask->ids */
int soma_bedrock_ask_objects(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);

/*
 * What a request says of how long its answer may be, and the offset in the
 * body at which that value stands; it may be null.  SOMA_OK; SOMA_DECLINED:
 * nothing says it; SOMA_ERROR: it is said twice, or in an odd way.
 */
int soma_bedrock_ask_bound(soma_ask_t *ask, soma_value_pt value, void *data,
    soma_json_value_t *bound, size_t *at);

int soma_bedrock_splice(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


int soma_bedrock_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_bedrock_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
void soma_bedrock_usage_header(soma_usage_t *usage, soma_str_t name,
    soma_str_t value);
int soma_bedrock_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_bedrock_verdict(soma_look_t *look);
void soma_bedrock_refusal(soma_str_t body, soma_refusal_t *refusal);


void soma_bedrock_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
void soma_bedrock_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);
int soma_bedrock_fault_status(soma_fault_e fault);
soma_str_t soma_bedrock_fault_name(soma_fault_e fault);
void soma_bedrock_count(soma_out_t *out, const soma_ask_t *ask,
    int64_t tokens);
soma_str_t soma_bedrock_stream_type(const soma_ask_t *ask);
soma_str_t soma_bedrock_beat(const soma_ask_t *ask);
void soma_bedrock_cut(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost);

/* in a stream: the exception of that HTTP status */
soma_str_t soma_bedrock_fault_exception(int status);

int soma_bedrock_sign(soma_sign_t *sign, soma_out_t *out);


/*
 * soma_bedrock_translate.c: requests and answers of clients or providers of
 * another dialect, by the inner form, as soma_dialect_t says.
 */
int soma_bedrock_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_bedrock_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
int soma_bedrock_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_bedrock_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_bedrock_read_event(soma_decoder_t *decoder, soma_sse_event_t *event);
int soma_bedrock_read_end(soma_decoder_t *decoder);


#endif /* SOMA_BEDROCK_H */
