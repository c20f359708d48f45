
/*
 * Copyright (C) The ngx_soma authors
 *
 * JSON of our own, member by member: a comma is written where one is needed,
 * which the byte before tells, so that nobody has to count.
 */


#ifndef SOMA_MEMBER_H
#define SOMA_MEMBER_H


#include "soma_base.h"


/* writes the nth of several rows as an object, or nothing at all */
typedef void (*soma_member_row_pt)(soma_out_t *out, void *data, size_t n);


/* "name": and its value is the caller's; name NULL: an item of an array */
void soma_member(soma_out_t *out, const char *name);

void soma_member_str(soma_out_t *out, const char *name, soma_str_t value);
void soma_member_text(soma_out_t *out, const char *name, const char *value);
void soma_member_int(soma_out_t *out, const char *name, int64_t value);
void soma_member_bool(soma_out_t *out, const char *name, int value);
void soma_member_null(soma_out_t *out, const char *name);

/* ms UTC, or null for 0 */
void soma_member_time(soma_out_t *out, const char *name, int64_t ms);

/* an array or an object begins; the caller writes its end */
void soma_member_open(soma_out_t *out, const char *name, int bracket);

/* the items of a list as an array of strings: "name":["a","b"] */
void soma_member_list(soma_out_t *out, const char *name, soma_str_t list,
    int separator);

/* an array of what "row" writes for each n below "count" */
void soma_member_rows(soma_out_t *out, const char *name, size_t count,
    soma_member_row_pt row, void *data);

/* the end of a list that comes in pages: where the next one begins, and null
 * when this is the last */
void soma_member_cursor(soma_out_t *out, soma_str_t next);


#endif /* SOMA_MEMBER_H */
