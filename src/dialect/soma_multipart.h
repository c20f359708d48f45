
/*
 * Copyright (C) The ngx_soma authors
 *
 * Looking into a multipart/form-data body (RFC 7578, RFC 2046) for small
 * fields, so that a form's "model" can be read and replaced.
 */


#ifndef SOMA_MULTIPART_H
#define SOMA_MULTIPART_H


#include "soma_base.h"
#include "soma_json.h"


#define SOMA_MULTIPART_BOUNDARY_MAX  70         /* RFC 2046, 5.1.1 */
#define SOMA_MULTIPART_PARTS_MAX     256
#define SOMA_MULTIPART_HEADERS_MAX   8192       /* bytes of a part's */


/*
 * The boundary of a Content-Type.  SOMA_DECLINED: not multipart/form-data;
 * SOMA_ERROR: it is, but names no boundary, two, or a malformed one.
 */
int soma_multipart_boundary(soma_str_t content_type, soma_str_t *boundary);

/* whether a boundary needs no quotes to stand in a Content-Type */
int soma_multipart_token(soma_str_t boundary);


/*
 * Fields of a form.  Set by the caller: "want", whose names are looked for,
 * as many spans, and "other", which notes what a provider has to allow
 * (NULL: nothing).  Set by soma_multipart_form(): each span, of the value's
 * bytes and of type SOMA_JSON_STRING, or SOMA_JSON_NONE; a bit for each of
 * the others; the bytes and the number of all files, and which is the
 * longest.
 */
typedef struct {
    const soma_json_want_t  *want;
    unsigned                 nwant;
    soma_json_span_t        *span;
    soma_json_other_pt       other;
    uint64_t                 others[SOMA_JSON_OTHERS];
    size_t                   files;
    unsigned                 nfiles;
    soma_json_span_t         file;
} soma_form_t;


/*
 * Walks a body that lies whole in memory.  Nothing is decoded.  SOMA_ERROR:
 * the body is malformed, or in doubt: a wanted field stands there twice, is
 * a file, or a part's name is written in a way that parsers read
 * differently.  A body in doubt must be refused, as the provider might read
 * another value.
 */
int soma_multipart_form(soma_str_t body, soma_str_t boundary,
    soma_form_t *form);

/* the same for one field; SOMA_DECLINED: there is none of that name */
int soma_multipart_field(soma_str_t body, soma_str_t boundary,
    const char *name, soma_json_span_t *span);


#endif /* SOMA_MULTIPART_H */
