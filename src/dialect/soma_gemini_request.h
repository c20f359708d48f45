
/*
 * Copyright (C) The ngx_soma authors
 *
 * A request of Google's generateContent and the inner form.  Sources: Google's
 * references of the Gemini API, v1 and v1beta, and of Vertex AI.
 */


#ifndef SOMA_GEMINI_REQUEST_H
#define SOMA_GEMINI_REQUEST_H


#include "soma_fill.h"
#include "soma_gemini.h"
#include "soma_pieces.h"
#include "soma_seal.h"


#define SOMA_GEMINI_WHY  "has no place in a request of Google's API"

/* a stop list's, and blocks in blocks */
#define SOMA_GEMINI_STOPS_MAX  5
#define SOMA_GEMINI_DEPTH_MAX  4

/* tokens of thought that models of 2.5 take, all of them */
#define SOMA_GEMINI_BUDGET_MAX  24576


typedef struct soma_gemini_call_s  soma_gemini_call_t;

/* a call of the turn before, for the results that name it */
struct soma_gemini_call_s {
    soma_gemini_call_t   *next;
    soma_inner_block_t   *block;
    unsigned              answered:1;
};


/* one request under way; "fill" is first, for soma_fill_member_t.read */
typedef struct {
    soma_fill_t           fill;
    soma_str_t            path;         /* name: of the object at hand, with a
                                           dot behind; or empty */
    soma_gemini_call_t   *calls;        /* of the last step, in their order */
    soma_gemini_call_t  **last;
    soma_inner_block_t   *thought;      /* the last one, or NULL */
    unsigned              ncalls;       /* of all, for ids that are made */
    unsigned              results:1;    /* some of them have come */
    unsigned              json:1;       /* responseMimeType */
    unsigned              words:1;
    soma_str_t            schema;       /* raw */
} soma_gemini_fill_t;


/*
 * As soma_fill_object(), with names in both spellings; a member's name in
 * refusals has the path of its object before it, and so has one that goes to
 * request->other.
 */
int soma_gemini_request_fill(soma_gemini_fill_t *r, soma_str_t object,
    const char *path, const soma_fill_member_t *table, size_t n);

/* a member that is an object, noted under its own path */
int soma_gemini_request_other(soma_gemini_fill_t *r, soma_str_t name,
    soma_str_t raw);


/* reads a body that outlives the request: as soma_dialect_t.read_request */
int soma_gemini_request_read(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, const char **error);
int soma_gemini_request_embeddings(soma_inner_request_t *request,
    soma_arena_t *arena, soma_str_t body, unsigned batch,
    const char **error);

/* soma_gemini_config.c: generationConfig */
int soma_gemini_config(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/* soma_gemini_turns.c: contents, systemInstruction, and the blocks of one
 * content, or of the parts of a result */
int soma_gemini_turns(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_gemini_turns_system(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_gemini_turns_parts(soma_gemini_fill_t *r,
    soma_inner_block_t ***last, soma_str_t content, unsigned depth);

/* soma_gemini_parts.c: calls and their results, what lies in bytes or in a
 * file */
int soma_gemini_parts_call(soma_gemini_fill_t *r, soma_inner_block_t *block,
    soma_str_t call);
int soma_gemini_parts_result(soma_gemini_fill_t *r,
    soma_inner_block_t *block, soma_str_t result, unsigned depth);
int soma_gemini_parts_data(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t blob, soma_inner_block_t **made);
int soma_gemini_parts_file(soma_gemini_fill_t *r, soma_inner_block_t ***last,
    soma_str_t file, soma_inner_block_t **made);

/* soma_gemini_tools.c */
int soma_gemini_tools(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);
int soma_gemini_tools_config(soma_fill_t *r, const soma_fill_member_t *member,
    soma_json_value_t *value);

/*
 * soma_gemini_schema.c: Google's own subset of a schema as JSON Schema: types
 * in capitals, "nullable", "propertyOrdering" ...; the raw value itself where
 * it is that already.  SOMA_OK or SOMA_ERROR (no memory, or too deep)
 */
int soma_gemini_schema(soma_arena_t *arena, soma_str_t raw,
    soma_str_t *schema);


/* writes the body for a provider, as soma_dialect_t.write_request */
int soma_gemini_write(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_ask_t *ask,
    soma_inner_loss_t *loss);
int soma_gemini_write_inputs(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* soma_gemini_write_turns.c and soma_gemini_write_tools.c, each some members
 * with their names: SOMA_OK, SOMA_DECLINED or SOMA_ERROR likewise */
int soma_gemini_write_turns(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
int soma_gemini_write_tools(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);

/* soma_gemini_write_results.c: what the tools gave back that were called in
 * turns from "calls" on, out of those up to "end" */
int soma_gemini_write_results(soma_pieces_t *out,
    const soma_inner_turn_t *calls, const soma_inner_turn_t *turn,
    const soma_inner_turn_t *end, soma_inner_loss_t *loss);

/* soma_gemini_write_media.c: a part that is an image, a document, sound or
 * video; the object in it where "bare" */
int soma_gemini_write_media(soma_pieces_t *out,
    const soma_inner_block_t *block, soma_inner_loss_t *loss);

/* a name of a tool, as this API takes it */
int soma_gemini_write_tools_name(soma_pieces_t *out, const char *member,
    soma_str_t name);

void soma_gemini_write_turns_comma(soma_pieces_t *out);
void soma_gemini_write_turns_words(soma_pieces_t *out, soma_str_t text);
unsigned soma_gemini_write_turns_own(const soma_inner_block_t *block);

/* 1: a model of the third generation or later, by its name */
unsigned soma_gemini_write_third(soma_str_t model,
    const soma_inner_loss_t *loss);


#endif /* SOMA_GEMINI_REQUEST_H */
