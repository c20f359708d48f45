
/*
 * Copyright (C) The ngx_soma authors
 *
 * The anthropic dialect in its parts: soma_anthropic.c is its table,
 * soma_anthropic_ask.c asks, soma_anthropic_splice.c edits,
 * soma_anthropic_event.c says what an event or an answer is,
 * soma_anthropic_read.c where in it to look, soma_anthropic_verdict.c whether
 * it is one, soma_anthropic_fault.c writes errors, soma_anthropic_cut.c ends
 * what is cut, soma_anthropic_translate.c knows the inner form.  Sources:
 * Anthropic's API reference, versions 2023-06-01 and 2026-10-21, and recorded
 * traffic.
 */


#ifndef SOMA_ANTHROPIC_H
#define SOMA_ANTHROPIC_H


#include "soma_ask.h"
#include "soma_dialect.h"


/* told to a provider for a client of another dialect that said no bound,
 * where nobody knows how long an answer of the model may be: the API wants a
 * number, and every model of it takes this one */
#define SOMA_ANTHROPIC_TOKENS_DEFAULT  4096


/* the first version whose thinking has an effort instead of a budget */
#define SOMA_ANTHROPIC_ADAPTIVE  406


extern const soma_json_want_t  soma_anthropic_want[SOMA_ASK_TOTAL];
extern const soma_prompt_names_t  soma_anthropic_prompt;


int soma_anthropic_surface(soma_url_t *url, soma_arena_t *arena);

int soma_anthropic_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_anthropic_bounds(soma_api_e api);

/* the types of "tools" that are the provider's, into ask->hosted */
int soma_anthropic_ask_tools(soma_ask_t *ask, soma_arena_t *arena,
    soma_json_value_t *value, const char **error);

int soma_anthropic_splice(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


int soma_anthropic_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_anthropic_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
int soma_anthropic_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_anthropic_verdict(soma_look_t *look);
void soma_anthropic_refusal(soma_str_t body, soma_refusal_t *refusal);

void soma_anthropic_cut(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost);

void soma_anthropic_fault(soma_out_t *out, soma_fault_e fault,
    soma_str_t code, soma_str_t message);
int soma_anthropic_fault_status(soma_fault_e fault);
void soma_anthropic_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);


/*
 * soma_anthropic_translate.c: requests and answers of clients or providers of
 * another dialect, by the inner form, as soma_dialect_t says.
 */
int soma_anthropic_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_anthropic_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
soma_str_t soma_anthropic_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
int soma_anthropic_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_anthropic_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_anthropic_read_event(soma_decoder_t *decoder,
    soma_sse_event_t *event);
int soma_anthropic_read_end(soma_decoder_t *decoder);

/*
 * A model's version by its name: of claude-opus-4-8 408, of
 * claude-3-7-sonnet-20250219 307, of claude-sonnet-5 500; a date is no minor
 * version.  0: it has none.
 */
unsigned soma_anthropic_version(soma_str_t model);


#endif /* SOMA_ANTHROPIC_H */
