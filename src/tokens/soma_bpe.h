
/*
 * Copyright (C) The ngx_soma authors
 *
 * Counting tokens as OpenAI's models do: byte-pair encoding with the
 * vocabularies cl100k_base and o200k_base.  The reference is the Python
 * package tiktoken: the rules by which it splits a text into pieces
 * (tiktoken_ext/openai_public.py) are written out in soma_bpe_split.c, the
 * ranks of its tokens come in a file of ours, made by tools/vocab.
 *
 * Nothing here allocates, and nothing costs more than n log n of the text.
 */


#ifndef SOMA_BPE_H
#define SOMA_BPE_H


#include "soma_base.h"


/*
 * A piece is what stands between two places to split: mostly a word.  A
 * longer one is counted a token a byte, which no encoding surpasses, but for
 * its last bytes.
 */
#define SOMA_BPE_PIECE_MAX   1024
#define SOMA_BPE_STEP        128        /* bytes that a tail grows by */
#define SOMA_BPE_TOKENS_MAX  (1 << 20)


typedef enum {
    SOMA_BPE_NONE = 0,
    SOMA_BPE_CL100K,
    SOMA_BPE_O200K,
    SOMA_BPE_FAMILIES
} soma_bpe_family_e;


typedef struct soma_bpe_slot_s  soma_bpe_slot_t;

/* a vocabulary; all of it private, its tables point into the file's bytes */
typedef struct {
    soma_bpe_family_e       family;
    const uint32_t         *pair;       /* ranks of two bytes */
    const unsigned char    *kind;       /* of characters below 0x10000 */
    const soma_bpe_slot_t  *slot;       /* ranks of more, by hash */
    const unsigned char    *pool;       /* their bytes behind the eighth */
    uint32_t                mask;
    uint32_t                longest;
} soma_bpe_t;


/* the family of a model, by the name that its provider knows ("gpt-4o-mini",
 * "openai/gpt-4.1", "ft:gpt-4o:acme::id"); SOMA_BPE_NONE when unknown */
soma_bpe_family_e soma_bpe_family(soma_str_t model);

/* "cl100k_base", "o200k_base"; NULL for SOMA_BPE_NONE */
const char *soma_bpe_name(soma_bpe_family_e family);

/*
 * Reads a vocabulary in the memory of "file" (aligned to 8; the layout stands
 * in soma_bpe_table.h), which must outlive it.  All of it is checked, so that
 * no file makes a count go astray.  SOMA_ERROR: *error is a sentence.
 */
int soma_bpe_open(soma_bpe_t *bpe, soma_str_t file, const char **error);

/*
 * Makes such a file in the arena, of tokens in the order of their ranks; an
 * empty one is a rank that no token has.  Every single byte must be one.
 */
int soma_bpe_make(soma_arena_t *arena, soma_bpe_family_e family,
    const soma_str_t *token, uint32_t n, soma_str_t *file,
    const char **error);

/* tokens of a whole text.  bpe NULL: its bytes, which is an upper bound,
 * since no token stands for less than one */
int64_t soma_bpe_count(const soma_bpe_t *bpe, soma_str_t text);


/*
 * Tokens of a text that comes in parts, whose bounds need not be those of
 * characters.  soma_bpe_stream_tokens() is what the text so far comes to if
 * it ends here, exactly soma_bpe_count() of it: a little later the same
 * bytes may be fewer tokens, since its last word grows.  bpe as above; it
 * must outlive the stream.  Nothing is to be freed.
 */
typedef struct {
    const soma_bpe_t  *bpe;
    int64_t            bytes;       /* all that came */

    /* private */
    int64_t            settled;     /* tokens that nothing can change */
    uint32_t           len;         /* of the tail, not yet settled */
    unsigned char      tail[SOMA_BPE_PIECE_MAX + SOMA_BPE_STEP];
} soma_bpe_stream_t;

void soma_bpe_stream_init(soma_bpe_stream_t *stream, const soma_bpe_t *bpe);
void soma_bpe_stream_add(soma_bpe_stream_t *stream, const void *text,
    size_t len);
int64_t soma_bpe_stream_tokens(const soma_bpe_stream_t *stream);


#endif /* SOMA_BPE_H */
