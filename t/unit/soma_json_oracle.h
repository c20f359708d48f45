
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the scanner must say of a body, by yyjson's word; shared by the unit
 * test and the fuzzer.  A check returns NULL when it holds, else a sentence.
 */


#ifndef SOMA_JSON_ORACLE_H
#define SOMA_JSON_ORACLE_H


#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>
#include "soma_json.h"


static const soma_json_want_t  oracle_want[] = {
    { soma_string("model"), 1 },
    { soma_string("stream"), 1 },
    { soma_string("max_tokens"), 1 },
    { soma_string("n"), 1 },
    { soma_string("messages"), 0 },
    { soma_string("input"), 0 },
    { soma_string("a"), 0 },
    { soma_string("\xc3\xa9t\xc3\xa9"), 1 }
};

#define ORACLE_NWANT  (sizeof(oracle_want) / sizeof(oracle_want[0]))


static const soma_str_t  oracle_mark[] = {
    soma_string("image_url\""),
    soma_string("input_audio\""),
    soma_string("file\""),
    soma_string("file_"),
    soma_string("document\""),
    soma_str_null
};

/* an address, but of an image */
static const soma_json_marks_t  oracle_watch = {
    oracle_mark, soma_string("_url\""), soma_string("\"image_url\""), 1
};


static const char *const  oracle_kinds[] = {
    "portable", "sse2", "avx2", "avx512"
};

#define ORACLE_KINDS  (sizeof(oracle_kinds) / sizeof(oracle_kinds[0]))


/*
 * Scans in pieces, each in memory of its own size: cut[] are the offsets
 * where one ends.  Returns the result of soma_json_scan_end().
 */
static inline int
oracle_scan(soma_json_scan_t *scan, const unsigned char *p, size_t len,
    const size_t *cut, size_t ncut)
{
    int             rc, last;
    size_t          i, from, to;
    unsigned char  *piece;

    soma_json_scan_init(scan, oracle_want, ORACLE_NWANT);
    soma_json_scan_watch(scan, &oracle_watch);

    from = 0;
    last = SOMA_AGAIN;

    for (i = 0; i <= ncut; i++) {
        to = (i < ncut) ? cut[i] : len;

        piece = malloc(to - from > 0 ? to - from : 1);
        if (piece == NULL) {
            abort();
        }

        if (to > from) {
            memcpy(piece, p + from, to - from);
        }

        rc = soma_json_scan(scan, piece, to - from);

        free(piece);

        if (rc == SOMA_ERROR) {
            return SOMA_ERROR;
        }

        if (last == SOMA_OK && rc != SOMA_OK) {
            abort();
        }

        last = rc;
        from = to;
    }

    rc = soma_json_scan_end(scan);

    if ((rc == SOMA_OK) != (last == SOMA_OK)) {
        abort();
    }

    return rc;
}


/* four hex digits; 0: they are none */
static inline int
oracle_hex(const unsigned char *p, unsigned *u)
{
    int       i;
    unsigned  digit;

    *u = 0;

    for (i = 0; i < 4; i++) {

        if (p[i] >= '0' && p[i] <= '9') {
            digit = p[i] - '0';

        } else if ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f') {
            digit = (p[i] | 0x20) - 'a' + 10u;

        } else {
            return 0;
        }

        *u = *u * 16 + digit;
    }

    return 1;
}


/* is this string, from behind its quote, one that is watched for? */
static inline int
oracle_name(const unsigned char *p, size_t len)
{
    char           hex[5];
    size_t         i, n;
    unsigned       u;
    unsigned char  s[12];

    n = 0;

    for (i = 0; i < len && p[i] != '"' && n < sizeof(s); i++) {

        if (p[i] == '\\' && len - i > 5 && p[i + 1] == 'u') {
            memcpy(hex, p + i + 2, 4);
            hex[4] = '\0';

            if (sscanf(hex, "%4x", &u) != 1) {
                return 0;
            }

            s[n++] = u < 0x80 ? (unsigned char) u : 0xff;
            i += 5;

        } else {
            s[n++] = p[i];
        }
    }

    return (n == 9 && memcmp(s, "image_url", n) == 0)
           || (n == 11 && memcmp(s, "input_audio", n) == 0)
           || (n == 4 && memcmp(s, "file", n) == 0)
           || (n == 8 && memcmp(s, "document", n) == 0)
           || (n >= 5 && memcmp(s, "file_", 5) == 0);
}


static inline int
oracle_marked(const unsigned char *p, size_t len)
{
    size_t  i, depth;

    depth = 0;

    for (i = 0; i < len; i++) {

        switch (p[i]) {

        case '"':
            if (depth > 1 && oracle_name(p + i + 1, len - i - 1)) {
                return 1;
            }

            for (i++; i < len && p[i] != '"'; i++) {
                i += (p[i] == '\\');
            }

            break;

        case '[':
        case '{':
            depth++;
            break;

        case ']':
        case '}':
            depth--;
        }
    }

    return 0;
}


/* a name that ends in _url and is not image_url, in a value */
static inline int
oracle_ended(const unsigned char *p, size_t len)
{
    size_t  i, from;

    for (i = 0; i < len; i++) {

        if (p[i] != '"') {
            continue;
        }

        from = i++;

        for ( /* void */ ; i < len && p[i] != '"'; i++) {
            i += (p[i] == '\\');
        }

        if (i >= len || i - from < 5 || memcmp(p + i - 4, "_url", 4) != 0
            || (i >= 10 && memcmp(p + i - 10, "\"image_url", 10) == 0))
        {
            continue;
        }

        for (from = i + 1; from < len && memchr(" \t\r\n", p[from], 4);
             from++)
        {
            /* void */
        }

        if (from < len && p[from] == ':') {
            return 1;
        }
    }

    return 0;
}


/* never missed; and where there is none, seen only of a member that came
 * before */
static inline const char *
oracle_ends(const unsigned char *p, size_t len, const soma_json_scan_t *scan,
    int whole)
{
    size_t                   i;
    const soma_json_span_t  *s;

    for (i = 0; i < ORACLE_NWANT; i++) {
        s = &scan->span[i];

        if (s->type != SOMA_JSON_OBJECT && s->type != SOMA_JSON_ARRAY) {
            continue;
        }

        if (oracle_ended(p + s->start, s->end - s->start)) {
            if (!soma_json_scan_ended(scan, (unsigned) i)) {
                return "an end is not seen";
            }

        } else if (whole && soma_json_scan_ended(scan, (unsigned) i)
                   && !oracle_ended(p, len))
        {
            return "an end that is not there";
        }
    }

    return NULL;
}


/* 1 without such a name, only where a piece ends or a letter is escaped */
static inline const char *
oracle_marks(const unsigned char *p, size_t len, const soma_json_scan_t *scan,
    int whole)
{
    size_t       i;
    const char  *fault;

    fault = oracle_ends(p, len, scan, whole);

    if (fault != NULL) {
        return fault;
    }

    if (oracle_marked(p, len)) {
        return soma_json_scan_marked(scan) ? NULL : "a name is not seen";
    }

    for (i = 0; i + 6 <= len; i++) {
        whole &= memcmp(p + i, "\\u00", 4) != 0;
    }

    return whole && soma_json_scan_marked(scan) ? "a name that is not there"
                                                : NULL;
}


static inline int
oracle_same(soma_json_scan_t *a, soma_json_scan_t *b)
{
    size_t             i;
    soma_json_span_t  *s, *t;

    if (a->error != b->error || a->offset != b->offset) {
        return 0;
    }

    for (i = 0; i < ORACLE_NWANT; i++) {
        s = &a->span[i];
        t = &b->span[i];

        if (s->type != t->type || s->start != t->start || s->end != t->end
            || s->name != t->name)
        {
            return 0;
        }
    }

    return a->open == b->open && a->close == b->close && a->empty == b->empty;
}


static inline size_t
oracle_depth(const unsigned char *p, size_t len)
{
    size_t  i, depth, max;

    depth = 0;
    max = 0;

    for (i = 0; i < len; i++) {

        switch (p[i]) {

        case '"':
            for (i++; i < len && p[i] != '"'; i++) {
                i += (p[i] == '\\');
            }

            break;

        case '[':
        case '{':
            depth++;
            max = depth > max ? depth : max;
            break;

        case ']':
        case '}':
            depth--;
        }
    }

    return max;
}


/* a name as a parser sees it that does not tell case */
static inline size_t
oracle_fold(char *dst, size_t size, const char *name, size_t len)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < len && n < size; n++) {

        if (len - i > 1 && memcmp(name + i, "\xc5\xbf", 2) == 0) {
            dst[n] = 's';
            i += 2;

        } else if (len - i > 2 && memcmp(name + i, "\xe2\x84\xaa", 3) == 0) {
            dst[n] = 'k';
            i += 3;

        } else {
            dst[n] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i];
            i++;
        }
    }

    return n;
}


/* would the scanner refuse the names of this object? */
static inline int
oracle_names(yyjson_val *root)
{
    size_t           i, n, len;
    char             fold[128];
    unsigned         seen;
    const char      *name;
    yyjson_val      *key;
    yyjson_obj_iter  it;

    seen = 0;
    it = yyjson_obj_iter_with(root);

    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        name = yyjson_get_str(key);
        len = yyjson_get_len(key);

        if (memchr(name, '\0', len) != NULL) {
            return 0;
        }

        if (len > SOMA_JSON_NAME_MAX) {
            continue;
        }

        n = oracle_fold(fold, sizeof(fold), name, len);

        for (i = 0; i < ORACLE_NWANT; i++) {

            if (!oracle_want[i].unique || oracle_want[i].name.len != n
                || memcmp(oracle_want[i].name.data, fold, n) != 0)
            {
                continue;
            }

            if (len != n || memcmp(name, fold, n) != 0
                || (seen & (1u << i)))
            {
                return 0;
            }

            seen |= 1u << i;
        }
    }

    return 1;
}


/* the span, read by itself, is the value */
static inline const char *
oracle_value(const unsigned char *p, soma_json_span_t *span,
    yyjson_val *value)
{
    char        *got, *want;
    size_t       got_len, want_len;
    const char  *fault;
    yyjson_doc  *doc;

    doc = yyjson_read_opts((char *) p + span->start, span->end - span->start,
                           YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
    if (doc == NULL) {
        return "a span that is no value";
    }

    got = yyjson_val_write(yyjson_doc_get_root(doc), 0, &got_len);
    want = yyjson_val_write(value, 0, &want_len);

    fault = NULL;

    if (got == NULL || want == NULL || got_len != want_len
        || memcmp(got, want, got_len) != 0)
    {
        fault = "a span of another value";
    }

    switch (span->type) {

    case SOMA_JSON_OBJECT:
        fault = yyjson_is_obj(value) ? fault : "no object";
        break;

    case SOMA_JSON_ARRAY:
        fault = yyjson_is_arr(value) ? fault : "no array";
        break;

    case SOMA_JSON_STRING:
        fault = yyjson_is_str(value) ? fault : "no string";
        break;

    case SOMA_JSON_NUMBER:
        fault = yyjson_is_raw(value) ? fault : "no number";
        break;

    case SOMA_JSON_TRUE:
        fault = yyjson_is_true(value) ? fault : "not true";
        break;

    case SOMA_JSON_FALSE:
        fault = yyjson_is_false(value) ? fault : "not false";
        break;

    default:
        fault = yyjson_is_null(value) ? fault : "not null";
    }

    /* no white space at its ends, and a name before it */
    if (p[span->start] <= ' ' || p[span->end - 1] <= ' '
        || p[span->name] != '"' || span->name >= span->start)
    {
        fault = "a span that is not tight";
    }

    free(got);
    free(want);
    yyjson_doc_free(doc);

    return fault;
}


static inline const char *
oracle_members(const unsigned char *p, soma_json_scan_t *scan,
    yyjson_val *root)
{
    size_t            i;
    const char       *fault;
    yyjson_val       *key, *value;
    yyjson_obj_iter   it;
    soma_json_span_t *span;

    if (scan->empty != (yyjson_obj_size(root) == 0)) {
        return "empty or not";
    }

    if (p[scan->open - 1] != '{' || p[scan->close] != '}') {
        return "where the object opens and closes";
    }

    for (i = 0; i < ORACLE_NWANT; i++) {
        span = &scan->span[i];
        value = NULL;

        it = yyjson_obj_iter_with(root);

        while ((key = yyjson_obj_iter_next(&it)) != NULL) {
            if (yyjson_get_len(key) == oracle_want[i].name.len
                && memcmp(yyjson_get_str(key), oracle_want[i].name.data,
                          oracle_want[i].name.len) == 0)
            {
                value = yyjson_obj_iter_get_val(key);
            }
        }

        if ((value != NULL) != (span->type != SOMA_JSON_NONE)) {
            return "a member that is there or not";
        }

        fault = (value != NULL) ? oracle_value(p, span, value) : NULL;
        if (fault != NULL) {
            return fault;
        }
    }

    return NULL;
}


/*
 * A body that yyjson refuses and the scanner takes: the fault must be in
 * UTF-8 or surrogates, or in the middle of a nested value.
 */
static inline const char *
oracle_excuse(const unsigned char *p, size_t len, yyjson_read_err *err)
{
    size_t             pos, start, end;
    soma_str_t         text, name;
    soma_json_iter_t   it;
    soma_json_value_t  value;

    if (strstr(err->msg, "UTF-8") || strstr(err->msg, "surrogate")) {
        return NULL;
    }

    /* of a bad exponent yyjson names the byte behind the one at fault */
    pos = err->pos - (err->code == YYJSON_READ_ERROR_INVALID_NUMBER);

    /* of a comma before a closing bracket the next comma, where one follows */
    if (strstr(err->msg, "trailing comma") && pos > 1 && p[pos] == ','
        && (p[pos - 1] == ']' || p[pos - 1] == '}'))
    {
        for (start = pos - 2; start > 0 && isspace(p[start]); start--) {
            /* void */
        }

        pos -= (p[start] == ',');
    }

    text.data = (unsigned char *) p;
    text.len = len;

    if (soma_json_first(&it, text) != SOMA_OK) {
        return "taken, and no object";
    }

    while (soma_json_next(&it, &name, &value) == SOMA_OK) {

        if (value.type != SOMA_JSON_OBJECT && value.type != SOMA_JSON_ARRAY) {
            continue;
        }

        start = (size_t) (value.text.data - p);
        end = start + value.text.len;

        if (pos >= start && pos < end) {
            return NULL;
        }
    }

    return "taken, and refused by yyjson at the top level";
}


static inline const char *
oracle_check(const unsigned char *p, size_t len, soma_json_scan_t *scan,
    int rc)
{
    int               good;
    const char       *fault;
    yyjson_doc       *doc;
    yyjson_val       *root;
    yyjson_read_err   err;

    doc = yyjson_read_opts((char *) p, len, YYJSON_READ_NUMBER_AS_RAW, NULL,
                           &err);

    if (doc == NULL) {
        return rc == SOMA_OK ? oracle_excuse(p, len, &err) : NULL;
    }

    root = yyjson_doc_get_root(doc);

    good = yyjson_is_obj(root) && oracle_names(root)
           && oracle_depth(p, len) <= SOMA_JSON_DEPTH_MAX;

    if (good != (rc == SOMA_OK)) {
        fault = good ? "refused, and good" : "taken, and not good";

    } else {
        fault = good ? oracle_members(p, scan, root) : NULL;
    }

    yyjson_doc_free(doc);

    return fault;
}


#endif /* SOMA_JSON_ORACLE_H */
