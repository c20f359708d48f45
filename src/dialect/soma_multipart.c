
/*
 * Copyright (C) The ngx_soma authors
 */


#define _GNU_SOURCE             /* memmem() */

#include <string.h>

#include "soma_multipart.h"


typedef struct {
    soma_str_t  name;
    unsigned    disposition:1;
    unsigned    named:1;
    unsigned    file:1;
} soma_multipart_part_t;


static int soma_multipart_params(soma_str_t s, soma_multipart_part_t *part,
    soma_str_t *boundary);
static int soma_multipart_headers(const unsigned char **pos,
    const unsigned char *end, soma_multipart_part_t *part);


static soma_str_t
soma_multipart_trim(soma_str_t s)
{
    while (s.len != 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len != 0
           && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


/* splits off what stands before "c", whether or not it is there */

static soma_str_t
soma_multipart_cut(soma_str_t *s, int c)
{
    soma_str_t      head;
    unsigned char  *p;

    head = *s;

    p = (s->len != 0) ? memchr(s->data, c, s->len) : NULL;

    if (p == NULL) {
        s->data += s->len;
        s->len = 0;
        return soma_multipart_trim(head);
    }

    head.len = p - s->data;

    s->len -= head.len + 1;
    s->data = p + 1;

    return soma_multipart_trim(head);
}


int
soma_multipart_boundary(soma_str_t content_type, soma_str_t *boundary)
{
    size_t      i;
    soma_str_t  type;

    boundary->len = 0;
    boundary->data = NULL;

    type = soma_multipart_cut(&content_type, ';');

    if (!soma_str_case_is(type, "multipart/form-data")) {
        return SOMA_DECLINED;
    }

    if (soma_multipart_params(content_type, NULL, boundary) != SOMA_OK
        || boundary->len == 0
        || boundary->len > SOMA_MULTIPART_BOUNDARY_MAX)
    {
        return SOMA_ERROR;
    }

    for (i = 0; i < boundary->len; i++) {
        if (boundary->data[i] < 0x20 || boundary->data[i] > 0x7e) {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


int
soma_multipart_token(soma_str_t boundary)
{
    size_t         i;
    unsigned char  c;

    static const char  others[] = "!#$%&'*+-.^_`|~";

    for (i = 0; i < boundary.len; i++) {
        c = boundary.data[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || memchr(others, c, sizeof(others) - 1) != NULL))
        {
            return 0;
        }
    }

    return 1;
}


/*
 * Takes one "; name=value" off "s".  A quoted value that holds a backslash
 * is refused: some parsers unescape it and some do not.
 */

static int
soma_multipart_param(soma_str_t *s, soma_str_t *name, soma_str_t *value)
{
    unsigned char  *p;

    *s = soma_multipart_trim(*s);
    p = (s->len != 0) ? memchr(s->data, '=', s->len) : NULL;

    if (p == NULL) {
        return SOMA_ERROR;
    }

    name->data = s->data;
    name->len = p - s->data;
    *name = soma_multipart_trim(*name);

    s->len -= p + 1 - s->data;
    s->data = p + 1;
    *s = soma_multipart_trim(*s);

    if (name->len == 0 || memchr(name->data, ';', name->len) != NULL
        || memchr(name->data, '"', name->len) != NULL)
    {
        return SOMA_ERROR;
    }

    if (s->len == 0 || s->data[0] != '"') {
        *value = soma_multipart_cut(s, ';');
        return value->len == 0 || memchr(value->data, '"', value->len) != NULL
               ? SOMA_ERROR : SOMA_OK;
    }

    s->data++;
    s->len--;

    p = (s->len != 0) ? memchr(s->data, '"', s->len) : NULL;

    if (p == NULL) {
        return SOMA_ERROR;
    }

    value->data = s->data;
    value->len = p - s->data;

    s->len -= value->len + 1;
    s->data = p + 1;

    if (value->len != 0 && memchr(value->data, '\\', value->len) != NULL) {
        return SOMA_ERROR;
    }

    *s = soma_multipart_trim(*s);

    if (s->len != 0) {
        if (s->data[0] != ';') {
            return SOMA_ERROR;
        }

        s->data++;
        s->len--;
    }

    return SOMA_OK;
}


/* parameters of a part's disposition, or of the body's type for "boundary" */

static int
soma_multipart_params(soma_str_t s, soma_multipart_part_t *part,
    soma_str_t *boundary)
{
    soma_str_t  name, value;

    for ( ;; ) {
        s = soma_multipart_trim(s);

        if (s.len == 0) {
            return SOMA_OK;
        }

        if (soma_multipart_param(&s, &name, &value) != SOMA_OK) {
            return SOMA_ERROR;
        }

        if (part == NULL) {

            if (soma_str_case_is(name, "boundary")) {
                if (boundary->len != 0) {
                    return SOMA_ERROR;
                }

                *boundary = value;
            }

            continue;
        }

        if (soma_str_case_is(name, "name")) {
            if (part->named) {
                return SOMA_ERROR;
            }

            part->name = value;
            part->named = 1;

        } else if (soma_str_case_is(name, "filename")
                   || soma_str_case_is(name, "filename*"))
        {
            part->file = 1;

        } else if (soma_str_case_is(name, "name*")) {
            return SOMA_ERROR;
        }
    }
}


/* "pos" is left behind the blank line */

static int
soma_multipart_headers(const unsigned char **pos, const unsigned char *end,
    soma_multipart_part_t *part)
{
    size_t                n;
    soma_str_t            line, name, type;
    const unsigned char  *p, *lf;

    memset(part, 0, sizeof(soma_multipart_part_t));

    p = *pos;

    if (end - p > SOMA_MULTIPART_HEADERS_MAX) {
        end = p + SOMA_MULTIPART_HEADERS_MAX;
    }

    for ( ;; ) {
        n = end - p;
        lf = (n != 0) ? memchr(p, '\n', n) : NULL;

        if (lf == NULL || lf == p || lf[-1] != '\r') {
            return SOMA_ERROR;
        }

        line.data = (unsigned char *) p;
        line.len = lf - 1 - p;
        p = lf + 1;

        if (line.len == 0) {
            *pos = p;
            return SOMA_OK;
        }

        /* a folded line, or a bare CR: parsers differ */

        if (line.data[0] == ' ' || line.data[0] == '\t'
            || memchr(line.data, '\r', line.len) != NULL)
        {
            return SOMA_ERROR;
        }

        name = soma_multipart_cut(&line, ':');

        if (!soma_str_case_is(name, "content-disposition")) {
            continue;
        }

        type = soma_multipart_cut(&line, ';');

        if (part->disposition || !soma_str_case_is(type, "form-data")
            || soma_multipart_params(line, part, NULL) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        part->disposition = 1;
    }
}


/*
 * Behind "pos" the next CRLF "--" boundary that ends its line, or the
 * body.  Returns the delimiter's CRLF and moves "pos" behind the delimiter;
 * "last" tells whether it closes the body.  NULL: there is none.
 */

static const unsigned char *
soma_multipart_next(const unsigned char **pos, const unsigned char *end,
    soma_str_t delimiter, unsigned *last)
{
    const unsigned char  *p, *q;

    p = memmem(*pos, end - *pos, delimiter.data, delimiter.len);

    if (p == NULL) {
        return NULL;
    }

    q = p + delimiter.len;
    *last = 0;

    if (end - q >= 2 && q[0] == '-' && q[1] == '-') {
        *last = 1;
        *pos = q + 2;
        return p;
    }

    while (q < end && (*q == ' ' || *q == '\t')) {
        q++;
    }

    /* a boundary that goes on is another's, or a trap: refused */

    if (end - q < 2 || q[0] != '\r' || q[1] != '\n') {
        return NULL;
    }

    *pos = q + 2;

    return p;
}


/* behind the first delimiter, which stands at the start: nobody sends a
 * preamble.  SOMA_DECLINED: the form is empty */

static int
soma_multipart_first(soma_str_t body, soma_str_t delimiter,
    const unsigned char **pos)
{
    const unsigned char  *p, *end;

    p = body.data;
    end = p + body.len;

    if (body.len < delimiter.len
        || memcmp(p, delimiter.data + 2, delimiter.len - 2) != 0)
    {
        return SOMA_ERROR;
    }

    p += delimiter.len - 2;

    if (end - p >= 2 && p[0] == '-' && p[1] == '-') {
        return SOMA_DECLINED;
    }

    if (end - p < 2 || p[0] != '\r' || p[1] != '\n') {
        return SOMA_ERROR;
    }

    *pos = p + 2;

    return SOMA_OK;
}


/* frameworks read "model[]" as a list of that name, and some "model[0]" */

static soma_str_t
soma_multipart_plain(soma_str_t name)
{
    unsigned char  *p;

    p = (name.len != 0) ? memchr(name.data, '[', name.len) : NULL;

    if (p != NULL && p != name.data) {
        name.len = (size_t) (p - name.data);
    }

    return name;
}


/* what a part with its value at [start, end) of the body is to the form */

static int
soma_multipart_note(soma_form_t *form, soma_multipart_part_t *part,
    size_t start, size_t end)
{
    int                i;
    unsigned           k;
    soma_str_t         name;
    soma_json_span_t  *span;

    if (part->file) {
        form->files += end - start;
        form->nfiles++;

        if (end - start >= form->file.end - form->file.start) {
            form->file.start = (uint32_t) start;
            form->file.end = (uint32_t) end;
        }
    }

    name = soma_multipart_plain(part->name);

    for (k = 0; k < form->nwant; k++) {

        if (!soma_str_case_is(name, (char *) form->want[k].name.data)) {
            continue;
        }

        /* of two spellings a lenient provider might take the other */

        span = &form->span[k];

        if (part->file || span->type != SOMA_JSON_NONE
            || !soma_str_eq(part->name, form->want[k].name))
        {
            return SOMA_ERROR;
        }

        span->start = (uint32_t) start;
        span->end = (uint32_t) end;
        span->type = SOMA_JSON_STRING;

        return SOMA_OK;
    }

    i = (form->other != NULL) ? form->other(name.data, name.len) : -1;

    if (i >= 0 && i < SOMA_JSON_OTHER_MAX) {
        form->others[i / 64] |= (uint64_t) 1 << (i % 64);
    }

    return SOMA_OK;
}


int
soma_multipart_form(soma_str_t body, soma_str_t boundary, soma_form_t *form)
{
    int                     rc;
    unsigned                n, last;
    soma_str_t              delimiter;
    const unsigned char    *p, *end, *start, *stop;
    unsigned char           buf[SOMA_MULTIPART_BOUNDARY_MAX + 4];
    soma_multipart_part_t   part;

    memset(form->span, 0, form->nwant * sizeof(soma_json_span_t));
    memset(form->others, 0, sizeof(form->others));
    form->files = 0;
    form->nfiles = 0;
    memset(&form->file, 0, sizeof(soma_json_span_t));

    if (boundary.len == 0 || boundary.len > SOMA_MULTIPART_BOUNDARY_MAX
        || body.len > UINT32_MAX)
    {
        return SOMA_ERROR;
    }

    memcpy(buf, "\r\n--", 4);
    memcpy(buf + 4, boundary.data, boundary.len);

    delimiter.data = buf;
    delimiter.len = boundary.len + 4;

    rc = soma_multipart_first(body, delimiter, &p);

    if (rc != SOMA_OK) {
        return rc == SOMA_DECLINED ? SOMA_OK : rc;
    }

    end = body.data + body.len;

    for (n = 0; n < SOMA_MULTIPART_PARTS_MAX; n++) {

        if (soma_multipart_headers(&p, end, &part) != SOMA_OK || !part.named) {
            return SOMA_ERROR;
        }

        /* an empty value: its delimiter's CRLF is the blank line's */

        start = p;
        p -= 2;

        stop = soma_multipart_next(&p, end, delimiter, &last);

        if (stop == NULL) {
            return SOMA_ERROR;
        }

        if (stop < start) {
            start = stop + 2;
            stop = start;
        }

        if (soma_multipart_note(form, &part, (size_t) (start - body.data),
                                (size_t) (stop - body.data))
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        if (last) {
            return SOMA_OK;
        }
    }

    return SOMA_ERROR;
}


int
soma_multipart_field(soma_str_t body, soma_str_t boundary, const char *name,
    soma_json_span_t *span)
{
    soma_form_t       form;
    soma_json_want_t  want;

    want.name.data = (unsigned char *) name;
    want.name.len = strlen(name);
    want.unique = 1;

    form.want = &want;
    form.nwant = 1;
    form.span = span;
    form.other = NULL;

    if (soma_multipart_form(body, boundary, &form) != SOMA_OK) {
        return SOMA_ERROR;
    }

    return span->type != SOMA_JSON_NONE ? SOMA_OK : SOMA_DECLINED;
}
