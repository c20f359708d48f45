
/*
 * Copyright (C) The ngx_soma authors
 *
 * The ollama dialect in its parts: soma_ollama.c is its table,
 * soma_ollama_surface.c its endpoints, soma_ollama_ask.c asks,
 * soma_ollama_splice.c edits, soma_ollama_event.c says what a line or an
 * answer is, soma_ollama_verdict.c whether it is one, soma_ollama_fault.c
 * writes errors and what else stands between lines, soma_ollama_cut.c ends
 * what is cut, soma_ollama_translate.c knows the inner form.  Sources: Ollama's
 * docs/openapi.yaml and api/types.go of 2026-08-21, its official clients, and
 * recorded traffic.
 */


#ifndef SOMA_OLLAMA_H
#define SOMA_OLLAMA_H


#include "soma_ask.h"
#include "soma_dialect.h"


#define SOMA_OLLAMA_MAKER  "ollama"

/* tokens of an image of generate's, which stands where nobody looks for
 * images: as many as of any other one, at the most */
#define SOMA_OLLAMA_IMAGE_TOKENS  3779
#define SOMA_OLLAMA_IMAGES_MAX    256

/* no count above this is believed: sums of several stay below 2^63 */
#define SOMA_OLLAMA_TOKENS_MAX  1000000000000000


/* soma_surface_t.form, of each API's endpoints */
typedef enum {
    SOMA_OLLAMA_CHAT = 0,       /* of SOMA_API_CHAT: /api/chat */
    SOMA_OLLAMA_GENERATE,       /* /api/generate */
    SOMA_OLLAMA_EMBED,          /* of SOMA_API_EMBEDDINGS: /api/embed */
    SOMA_OLLAMA_EMBEDDINGS,     /* /api/embeddings, one vector */
    SOMA_OLLAMA_TAGS,           /* of SOMA_API_MODELS: all models */
    SOMA_OLLAMA_SHOW,           /* one, named in the body */
    SOMA_OLLAMA_VERSION,
    SOMA_OLLAMA_PS              /* those that are loaded: none */
} soma_ollama_form_e;


extern const soma_json_want_t  soma_ollama_want[SOMA_ASK_TOTAL];
extern const soma_prompt_names_t  soma_ollama_prompt;


int soma_ollama_surface(soma_url_t *url, soma_arena_t *arena);

/* what it came to; an ask without a URL is a chat, or embeds */
soma_ollama_form_e soma_ollama_surface_form(const soma_ask_t *ask);

soma_str_t soma_ollama_surface_path(soma_arena_t *arena,
    const soma_ask_t *ask, soma_str_t model);
soma_api_e soma_ollama_surface_answers(soma_api_e api);


int soma_ollama_ask(soma_ask_t *ask, soma_arena_t *arena,
    soma_value_pt value, void *data, const char **error);
const char *soma_ollama_bounds(soma_api_e api);

/* the member of "options" that bounds an answer, the last one of it, as
 * Ollama's own reader takes it; SOMA_DECLINED: it is not there, or null */
int soma_ollama_ask_bound(soma_str_t options, soma_arena_t *arena,
    soma_json_value_t *bound);

int soma_ollama_splice(soma_ask_t *ask, soma_str_t model,
    soma_arena_t *arena, soma_value_pt value, void *data,
    soma_json_edits_t *edits);


int soma_ollama_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
int soma_ollama_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
int soma_ollama_body(soma_answer_t *answer, soma_reader_t *reader,
    const unsigned char *p, size_t len);
soma_verdict_e soma_ollama_verdict(soma_look_t *look);
void soma_ollama_refusal(soma_str_t body, soma_refusal_t *refusal);

void soma_ollama_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost);

void soma_ollama_fault(soma_out_t *out, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
void soma_ollama_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message);
int soma_ollama_fault_status(soma_fault_e fault);
soma_str_t soma_ollama_fault_type(const soma_ask_t *ask);
soma_str_t soma_ollama_fault_beat(const soma_ask_t *ask);


/*
 * soma_ollama_translate.c: requests and answers of clients or providers of
 * another dialect, by the inner form, as soma_dialect_t says.
 */
int soma_ollama_read_request(soma_inner_request_t *request,
    const soma_ask_t *ask, soma_arena_t *arena, soma_str_t body,
    const char **error);
int soma_ollama_write_event(soma_writer_t *writer, soma_pieces_t *out,
    const soma_inner_event_t *event);
soma_str_t soma_ollama_path(soma_arena_t *arena,
    const soma_inner_request_t *request);
int soma_ollama_write_request(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_ollama_read_whole(soma_decoder_t *decoder, soma_str_t body);
int soma_ollama_read_event(soma_decoder_t *decoder, soma_sse_event_t *event);
int soma_ollama_read_end(soma_decoder_t *decoder);


#endif /* SOMA_OLLAMA_H */
