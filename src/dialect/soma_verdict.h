
/*
 * Copyright (C) The ngx_soma authors
 *
 * What is told of an answer by its beginning, in the words of its dialect.
 */


#ifndef SOMA_VERDICT_H
#define SOMA_VERDICT_H


#include "soma_dialect.h"


typedef struct {
    const soma_str_t   *answers;    /* members that answers have; the last one
                                       is empty */
    unsigned            texts;      /* so many of them, the first, only answers
                                       have */

    /* of a refusal: that it is about what was asked; that it is about what
     * splice() adds.  NULL ends them */
    const char *const  *content;
    const char *const  *usage;
} soma_verdict_words_t;


/* of look->text, which is JSON if it is anything; strict: it must have a
 * member that answers have */
soma_verdict_e soma_verdict_judge(soma_look_t *look,
    const soma_verdict_words_t *words, unsigned strict);

void soma_verdict_refusal(soma_str_t body, const soma_verdict_words_t *words,
    soma_refusal_t *refusal);


#endif /* SOMA_VERDICT_H */
