
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of answers share that tell the books of them, whatever
 * their dialect.
 */


#ifndef SOMA_ANSWER_H
#define SOMA_ANSWER_H


#include "soma_dialect.h"


/* bytes of a JSON string, no escape cut, to whoever listens to the answer's
 * text */
void soma_answer_text(soma_answer_t *answer, unsigned channel,
    const unsigned char *p, size_t len);

/* bytes that a text comes to when unescaped, \u taken for one UTF-8 unit of
 * three; no escape is cut */
int64_t soma_answer_text_len(const unsigned char *p, size_t len);

/* the first word of each holds; what is long or has escapes is left out */
void soma_answer_model(soma_answer_t *answer, soma_json_value_t *value);
void soma_answer_id(soma_answer_t *answer, soma_json_value_t *value);


#endif /* SOMA_ANSWER_H */
