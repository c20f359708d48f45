
/*
 * Copyright (C) The ngx_soma authors
 *
 * Looking into a multipart/form-data body (RFC 7578, RFC 2046) for one small
 * field, so that a form's "model" can be read and replaced.
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

/*
 * The value of the field "name" in a body that lies whole in memory: "span"
 * is set to its bytes, type SOMA_JSON_STRING.  Nothing is decoded.
 * SOMA_DECLINED: there is no such field.  SOMA_ERROR: the body is malformed,
 * or in doubt: the field stands there twice, is a file, or a part's name is
 * written in a way that parsers read differently.  A body in doubt must be
 * refused, as the provider might read another value.
 */
int soma_multipart_field(soma_str_t body, soma_str_t boundary,
    const char *name, soma_json_span_t *span);


#endif /* SOMA_MULTIPART_H */
