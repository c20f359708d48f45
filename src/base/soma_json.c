
/*
 * Copyright (C) The ngx_soma authors
 *
 * Small values that lie whole in memory, and splices.
 */


#include "soma_json_skip.h"


#define SOMA_JSON_PLAIN_DIGITS  18      /* fit an int64 for certain */
#define SOMA_JSON_EXPONENT_MAX  100000  /* beyond it nothing is an integer */
#define SOMA_JSON_REPLACEMENT   0xfffd


static const unsigned char *soma_json_space(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *soma_json_quoted(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *soma_json_value(const unsigned char *p,
    const unsigned char *end, soma_json_type_e *type);
static const unsigned char *soma_json_bare(const unsigned char *p,
    const unsigned char *end, soma_json_type_e *type);
static int soma_json_number_value(const unsigned char *p,
    const unsigned char *end, int64_t *n);
static int soma_json_name_is(soma_str_t raw, const char *name, size_t len);
static const unsigned char *soma_json_unescape(const unsigned char *p,
    const unsigned char *end, uint32_t *u);
static size_t soma_json_utf8(unsigned char *dst, uint32_t u);


int
soma_json_first(soma_json_iter_t *it, soma_str_t text)
{
    const unsigned char  *p, *end;

    if (text.len == 0) {
        return SOMA_DECLINED;
    }

    end = text.data + text.len;
    p = soma_json_space(text.data, end);

    if (p == end || (*p != '{' && *p != '[')) {
        return SOMA_DECLINED;
    }

    it->pos = p + 1;
    it->end = end;
    it->object = (*p == '{');
    it->first = 1;

    return SOMA_OK;
}


/* at the end and after an error "pos" stays, so that a further call says the
 * same */
int
soma_json_next(soma_json_iter_t *it, soma_str_t *name,
    soma_json_value_t *value)
{
    const unsigned char  *p, *q, *end;

    end = it->end;
    p = soma_json_space(it->pos, end);

    if (p == end) {
        return SOMA_ERROR;
    }

    if (*p == (it->object ? '}' : ']')) {
        return SOMA_DONE;
    }

    if (!it->first) {
        if (*p != ',') {
            return SOMA_ERROR;
        }

        p = soma_json_space(p + 1, end);
    }

    name->len = 0;
    name->data = (unsigned char *) p;

    if (it->object) {
        q = soma_json_quoted(p, end);
        if (q == NULL) {
            return SOMA_ERROR;
        }

        name->data = (unsigned char *) p + 1;
        name->len = (size_t) (q - p) - 2;

        p = soma_json_space(q, end);
        if (p == end || *p != ':') {
            return SOMA_ERROR;
        }

        p = soma_json_space(p + 1, end);
    }

    q = soma_json_value(p, end, &value->type);
    if (q == NULL) {
        return SOMA_ERROR;
    }

    value->text.data = (unsigned char *) p;
    value->text.len = (size_t) (q - p);

    it->pos = q;
    it->first = 0;

    return SOMA_OK;
}


int
soma_json_get(soma_str_t object, const char *name, soma_json_value_t *value)
{
    int                found, rc;
    size_t             len;
    soma_str_t         member;
    soma_json_iter_t   it;
    soma_json_value_t  v;

    if (soma_json_first(&it, object) != SOMA_OK || !it.object) {
        return SOMA_DECLINED;
    }

    len = strlen(name);
    found = SOMA_DECLINED;

    while ((rc = soma_json_next(&it, &member, &v)) == SOMA_OK) {
        if (soma_json_name_is(member, name, len)) {
            *value = v;
            found = SOMA_OK;
        }
    }

    return rc == SOMA_DONE ? found : SOMA_DECLINED;
}


static const unsigned char *
soma_json_space(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (soma_json_class[*p] & SOMA_JSON_SPACE)) {
        p++;
    }

    return p;
}


/* behind the closing quote, or NULL */
static const unsigned char *
soma_json_quoted(const unsigned char *p, const unsigned char *end)
{
    size_t            n;
    soma_json_skip_t  skip;

    if (p == end || *p != '"') {
        return NULL;
    }

    skip.depth = 0;
    skip.quoted = 1;
    skip.escaped = 0;
    skip.hex = 0;
    skip.fault = SOMA_JSON_FAULT_NONE;

    n = soma_json_portable.string(&skip, p + 1, (size_t) (end - p) - 1);

    if (skip.fault != SOMA_JSON_FAULT_NONE || skip.quoted) {
        return NULL;
    }

    return p + 1 + n;
}


/* behind the value, or NULL */
static const unsigned char *
soma_json_value(const unsigned char *p, const unsigned char *end,
    soma_json_type_e *type)
{
    size_t            n;
    soma_json_skip_t  skip;

    if (p == end) {
        return NULL;
    }

    if (*p == '"') {
        *type = SOMA_JSON_STRING;
        return soma_json_quoted(p, end);
    }

    if (*p != '{' && *p != '[') {
        return soma_json_bare(p, end, type);
    }

    *type = (*p == '{') ? SOMA_JSON_OBJECT : SOMA_JSON_ARRAY;

    memset(&skip, 0, sizeof(soma_json_skip_t));
    skip.marks = &soma_json_skip_all;
    (void) soma_json_skip_push(&skip, *p);

    n = soma_json_kind_walker()->nest(&skip, p + 1, (size_t) (end - p) - 1);

    if (skip.fault != SOMA_JSON_FAULT_NONE || skip.depth != 0) {
        return NULL;
    }

    return p + 1 + n;
}


/* a literal or a number, whose own grammar soma_json_int() looks at */
static const unsigned char *
soma_json_bare(const unsigned char *p, const unsigned char *end,
    soma_json_type_e *type)
{
    size_t                len;
    const unsigned char  *q;

    for (q = p; q < end; q++) {
        if (!(soma_json_class[*q] & SOMA_JSON_OUTSIDE)
            || (soma_json_class[*q] & SOMA_JSON_SPACE)
            || *q == ',' || *q == ':')
        {
            break;
        }
    }

    len = (size_t) (q - p);

    if (len == 0) {
        return NULL;
    }

    if (*p == '-' || (*p >= '0' && *p <= '9')) {
        *type = SOMA_JSON_NUMBER;
        return q;
    }

    if (len == 4 && memcmp(p, "true", 4) == 0) {
        *type = SOMA_JSON_TRUE;
        return q;
    }

    if (len == 5 && memcmp(p, "false", 5) == 0) {
        *type = SOMA_JSON_FALSE;
        return q;
    }

    if (len == 4 && memcmp(p, "null", 4) == 0) {
        *type = SOMA_JSON_NULL;
        return q;
    }

    return NULL;
}


int
soma_json_int(soma_json_value_t *value, int64_t *n)
{
    size_t    i;
    int64_t   plain;

    if (value->type != SOMA_JSON_NUMBER || value->text.len == 0) {
        return SOMA_DECLINED;
    }

    /* nearly all are digits only, and few of them */

    if (value->text.len <= SOMA_JSON_PLAIN_DIGITS
        && (value->text.data[0] != '0' || value->text.len == 1))
    {
        plain = 0;

        for (i = 0; i < value->text.len; i++) {
            if (value->text.data[i] < '0' || value->text.data[i] > '9') {
                break;
            }

            plain = plain * 10 + (value->text.data[i] - '0');
        }

        if (i == value->text.len) {
            *n = plain;
            return SOMA_OK;
        }
    }

    return soma_json_number_value(value->text.data,
                                  value->text.data + value->text.len, n);
}


/* p is behind the "e" */
static const unsigned char *
soma_json_exponent(const unsigned char *p, const unsigned char *end,
    int64_t *exponent)
{
    int                   minus;
    int64_t               e;
    const unsigned char  *start;

    minus = (p < end && *p == '-');

    if (p < end && (*p == '+' || *p == '-')) {
        p++;
    }

    start = p;

    for (e = 0; p < end && *p >= '0' && *p <= '9'; p++) {
        if (e < SOMA_JSON_EXPONENT_MAX) {
            e = e * 10 + (*p - '0');
        }
    }

    if (e >= SOMA_JSON_EXPONENT_MAX) {
        e = INT64_MAX / 2;
    }

    /* far out either way: what is below 0 is no integer */
    *exponent += minus || e >= SOMA_JSON_EXPONENT_MAX ? -e : e;

    return p > start ? p : NULL;
}


/*
 * The digits are taken in with the sign, since the lowest number has no
 * positive twin; zeros at the end wait until another digit comes, so that
 * 1000000000000000000000e-9 and 1.50e1 are whole.
 */
static int
soma_json_digit(int64_t *n, int64_t *zeros, int minus, int digit)
{
    if (digit == 0) {
        *zeros += (*n != 0);
        return SOMA_OK;
    }

    for ( /* void */ ; *zeros >= 0; (*zeros)--) {
        if (__builtin_mul_overflow(*n, (int64_t) 10, n)) {
            return SOMA_DECLINED;
        }
    }

    *zeros = 0;

    if (__builtin_add_overflow(*n, (int64_t) (minus ? -digit : digit), n)) {
        return SOMA_DECLINED;
    }

    return SOMA_OK;
}


static int
soma_json_number_value(const unsigned char *p, const unsigned char *end,
    int64_t *n)
{
    int                   minus;
    int64_t               value, zeros, exponent;
    const unsigned char  *start, *point;

    minus = (*p == '-');
    p += minus;

    value = 0;
    zeros = 0;
    exponent = 0;
    point = NULL;

    for (start = p; p < end; p++) {

        if (*p == '.' && point == NULL && p > start) {
            point = p + 1;
            continue;
        }

        if (*p < '0' || *p > '9') {
            break;
        }

        if (soma_json_digit(&value, &zeros, minus, *p - '0') != SOMA_OK) {
            return SOMA_DECLINED;
        }

        exponent -= (point != NULL);
    }

    if (p == start || p == point
        || (*start == '0' && start + 1 < p && start[1] != '.'))
    {
        return SOMA_DECLINED;
    }

    if (p < end && (*p == 'e' || *p == 'E')) {
        p = soma_json_exponent(p + 1, end, &exponent);
    }

    if (p != end) {
        return SOMA_DECLINED;
    }

    exponent += zeros;

    if (value == 0) {
        *n = 0;
        return SOMA_OK;
    }

    if (exponent < 0) {
        return SOMA_DECLINED;
    }

    for ( /* void */ ; exponent > 0; exponent--) {
        if (__builtin_mul_overflow(value, (int64_t) 10, &value)) {
            return SOMA_DECLINED;
        }
    }

    *n = value;

    return SOMA_OK;
}


int
soma_json_text(soma_arena_t *arena, soma_json_value_t *value,
    soma_str_t *text)
{
    size_t                run;
    uint32_t              u;
    unsigned char        *dst;
    const unsigned char  *p, *end, *slash;

    if (value->type != SOMA_JSON_STRING || value->text.len < 2) {
        return SOMA_ERROR;
    }

    p = value->text.data + 1;
    end = value->text.data + value->text.len - 1;

    if (p[-1] != '"' || *end != '"') {
        return SOMA_ERROR;
    }

    text->data = (unsigned char *) p;
    text->len = (size_t) (end - p);

    slash = memchr(p, '\\', text->len);
    if (slash == NULL) {
        return SOMA_OK;
    }

    /* no escape is shorter than what it stands for */
    dst = arena->alloc(arena->data, text->len);
    if (dst == NULL) {
        return SOMA_ERROR;
    }

    text->data = dst;

    for ( ;; ) {
        run = (size_t) ((slash != NULL ? slash : end) - p);
        memcpy(dst, p, run);
        dst += run;

        if (slash == NULL) {
            break;
        }

        p = soma_json_unescape(slash, end, &u);
        if (p == NULL) {
            return SOMA_ERROR;
        }

        dst += soma_json_utf8(dst, u);
        slash = memchr(p, '\\', (size_t) (end - p));
    }

    text->len = (size_t) (dst - text->data);

    return SOMA_OK;
}


/* compares while it decodes: no buffer, whatever the name's length */
static int
soma_json_name_is(soma_str_t raw, const char *name, size_t len)
{
    size_t                n;
    uint32_t              u;
    unsigned char         c[4];
    const unsigned char  *p, *end;

    if (raw.len == len && memcmp(raw.data, name, len) == 0) {
        return memchr(name, '\\', len) == NULL;
    }

    p = raw.data;
    end = p + raw.len;

    while (p < end) {

        if (*p == '\\') {
            p = soma_json_unescape(p, end, &u);
            if (p == NULL) {
                return 0;
            }

            n = soma_json_utf8(c, u);

        } else {
            c[0] = *p++;
            n = 1;
        }

        if (n > len || memcmp(name, c, n) != 0) {
            return 0;
        }

        name += n;
        len -= n;
    }

    return len == 0;
}


/* four hex digits behind "\u", or -1 */
static int32_t
soma_json_unicode(const unsigned char *p, const unsigned char *end)
{
    int       i;
    uint32_t  u;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }

    for (i = 2, u = 0; i < 6; i++) {
        if (!(soma_json_class[p[i]] & SOMA_JSON_HEX)) {
            return -1;
        }

        u = (u << 4) | soma_json_hex(p[i]);
    }

    return (int32_t) u;
}


/* p is at the backslash; behind the escape, or NULL */
static const unsigned char *
soma_json_unescape(const unsigned char *p, const unsigned char *end,
    uint32_t *u)
{
    static const char  from[] = "bfnrt\"\\/";
    static const char  to[] = "\b\f\n\r\t\"\\/";

    int32_t      high, low;
    const char  *letter;

    if (end - p < 2) {
        return NULL;
    }

    if (p[1] != 'u') {
        letter = p[1] != '\0' ? strchr(from, p[1]) : NULL;
        if (letter == NULL) {
            return NULL;
        }

        *u = (unsigned char) to[letter - from];
        return p + 2;
    }

    high = soma_json_unicode(p, end);
    if (high < 0) {
        return NULL;
    }

    p += 6;
    *u = (uint32_t) high;

    if ((high & 0xf800) != 0xd800) {
        return p;
    }

    low = soma_json_unicode(p, end);

    if ((high & 0x0400) || low < 0 || (low & 0xfc00) != 0xdc00) {
        *u = SOMA_JSON_REPLACEMENT;
        return p;
    }

    *u = 0x10000 + (((uint32_t) high & 0x3ff) << 10) + ((uint32_t) low & 0x3ff);

    return p + 6;
}


static size_t
soma_json_utf8(unsigned char *dst, uint32_t u)
{
    if (u < 0x80) {
        dst[0] = (unsigned char) u;
        return 1;
    }

    if (u < 0x800) {
        dst[0] = (unsigned char) (0xc0 | (u >> 6));
        dst[1] = (unsigned char) (0x80 | (u & 0x3f));
        return 2;
    }

    if (u < 0x10000) {
        dst[0] = (unsigned char) (0xe0 | (u >> 12));
        dst[1] = (unsigned char) (0x80 | ((u >> 6) & 0x3f));
        dst[2] = (unsigned char) (0x80 | (u & 0x3f));
        return 3;
    }

    dst[0] = (unsigned char) (0xf0 | (u >> 18));
    dst[1] = (unsigned char) (0x80 | ((u >> 12) & 0x3f));
    dst[2] = (unsigned char) (0x80 | ((u >> 6) & 0x3f));
    dst[3] = (unsigned char) (0x80 | (u & 0x3f));

    return 4;
}


int
soma_json_edit(soma_json_edits_t *edits, size_t start, size_t end,
    soma_str_t text)
{
    unsigned           i, k;
    soma_json_edit_t  *edit;

    if (start > end || edits->n >= SOMA_JSON_EDIT_MAX) {
        return SOMA_ERROR;
    }

    edit = edits->edit;

    for (i = edits->n; i > 0; i--) {
        if (edit[i - 1].start < start
            || (edit[i - 1].start == start && edit[i - 1].end <= end))
        {
            break;
        }
    }

    if ((i > 0 && edit[i - 1].end > start)
        || (i < edits->n && edit[i].start < end))
    {
        return SOMA_ERROR;
    }

    for (k = edits->n; k > i; k--) {
        edit[k] = edit[k - 1];
    }

    edit[i].start = start;
    edit[i].end = end;
    edit[i].text = text;

    edits->n++;

    return SOMA_OK;
}


size_t
soma_json_edited_len(soma_json_edits_t *edits, size_t len)
{
    unsigned           i;
    soma_json_edit_t  *edit;

    for (i = 0; i < edits->n; i++) {
        edit = &edits->edit[i];

        len -= edit->end - edit->start;
        len += edit->text.len;
    }

    return len;
}
