
/*
 * Copyright (C) The ngx_soma authors
 *
 * How many tokens the prompt of a request is, before it is sent.  Overheads
 * of messages are those of OpenAI's cookbook ("How to count tokens with
 * tiktoken"); tools and schemas are counted as the JSON they come in, which
 * is more than the form they are given to the model in.
 */


#ifndef SOMA_PROMPT_H
#define SOMA_PROMPT_H


#include "soma_bpe.h"
#include "soma_dialect.h"
#include "soma_memo.h"


#define SOMA_PROMPT_MESSAGE      3      /* tokens around a message */
#define SOMA_PROMPT_NAME         1      /* of a name in it */
#define SOMA_PROMPT_REPLY        3      /* that an answer begins with */
#define SOMA_PROMPT_TOOLS        200    /* around all tools */
#define SOMA_PROMPT_FUNCTIONS    64     /* around functions, their older
                                           form */
#define SOMA_PROMPT_HARMONY      64     /* that gpt-oss begins with */
#define SOMA_PROMPT_SOUND_BYTES  100    /* of sound there is at most a token
                                           in, at 8 kbit/s and more */
#define SOMA_PROMPT_FILE         16384  /* assumed of a file that is not in
                                           the request */

#define SOMA_PROMPT_TRAITS       8

/* bytes of text that are counted; what is beyond counts a token a byte */
#define SOMA_PROMPT_COUNT_MAX    (256 * 1024)


/* by what a model differs from others, of its provider's name for it; a
 * number below SOMA_PROMPT_TRAITS */
unsigned soma_prompt_traits(soma_str_t model);

/*
 * A bound from the length of a JSON body alone, where it has nothing in it
 * that may be more tokens than bytes: an image, a file.  Looser than that of
 * soma_prompt_tokens(), but nothing is read for it.  tools: it has some.
 */
int64_t soma_prompt_bound(size_t body_len, int tools);

/*
 * The tokens of a whole body, which soma_json_scan() took where it is JSON;
 * names: the dialect's it is written in.
 * bpe NULL: an upper bound instead of a count, a token a byte of text; it
 * needs a hundredth of the time.  What the provider adds from elsewhere (a
 * previous_response_id, a stored prompt, tools of its own) is not in it.
 */
int64_t soma_prompt_tokens(const soma_prompt_names_t *names,
    const soma_bpe_t *bpe, soma_api_e api, unsigned traits, soma_str_t body);

/* the same, but a text whose count "memo" (NULL: none) has is not counted */
int64_t soma_prompt_recall(const soma_prompt_names_t *names,
    soma_memo_t *memo, const soma_bpe_t *bpe, soma_api_e api, unsigned traits,
    soma_str_t body);

/* of a text, for soma_prompt.c; escapes: they are undone first */
int64_t soma_prompt_text_tokens(const soma_bpe_t *bpe, soma_str_t text,
    int escapes);

/*
 * Whether messages or items name what the provider is to fetch, other than
 * images: as much as the model can read may come of it.  Names that have
 * escapes in them are not looked at.  Worth a look where the scanner has seen
 * such an end (soma_json_scan_ended()).  In soma_prompt_fetch.c.
 */
int soma_prompt_fetches(const soma_prompt_names_t *names, soma_str_t list);


/*
 * Bits of SOMA_PRICE_...: whether a JSON body asks for sound, or marks what
 * is to be kept in a cache; all of them where its members are spelt in a way
 * that hides it.
 */
unsigned soma_prompt_kinds(soma_str_t body);


#endif /* SOMA_PROMPT_H */
