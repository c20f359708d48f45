
/*
 * Copyright (C) The ngx_soma authors
 *
 * The scanner's upper half: the grammar of the top-level object, a byte at a
 * time and resumable at any byte.  What lies in strings and nested values is
 * walked past by the machine's walker (soma_json_skip.h).
 */


#include "soma_json_skip.h"

#if (__SSE2__)
#include <emmintrin.h>
#endif


#define SOMA_JSON_SHORT  32     /* strings not worth a walker */


typedef enum {
    SOMA_SCAN_START = 0,
    SOMA_SCAN_FIRST,            /* a name or "}" */
    SOMA_SCAN_NEXT,             /* a name */
    SOMA_SCAN_COLON,
    SOMA_SCAN_VALUE,
    SOMA_SCAN_COMMA,            /* a comma or "}" */
    SOMA_SCAN_END,
    SOMA_SCAN_NAME,
    SOMA_SCAN_STRING,
    SOMA_SCAN_NEST,
    SOMA_SCAN_LITERAL,
    SOMA_SCAN_NUMBER,
    SOMA_SCAN_FAILED
} soma_json_scan_state_e;


typedef enum {
    SOMA_NAME_PLAIN = 0,
    SOMA_NAME_ESCAPE,
    SOMA_NAME_HEX1,
    SOMA_NAME_HEX2,
    SOMA_NAME_HEX3,
    SOMA_NAME_HEX4
} soma_json_name_step_e;


typedef enum {
    SOMA_NUMBER_DONE = 0,
    SOMA_NUMBER_MINUS,
    SOMA_NUMBER_ZERO,
    SOMA_NUMBER_INT,
    SOMA_NUMBER_DOT,
    SOMA_NUMBER_FRACTION,
    SOMA_NUMBER_E,
    SOMA_NUMBER_SIGN,
    SOMA_NUMBER_EXPONENT,
    SOMA_NUMBER_BAD
} soma_json_number_step_e;


static const unsigned char *soma_json_token(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_begin_name(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_name(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const char *soma_json_name_byte(soma_json_scan_t *scan, int c);
static const char *soma_json_name_escape(soma_json_scan_t *scan, int c);
static const char *soma_json_name_unicode(soma_json_scan_t *scan);
static const char *soma_json_name_utf8(soma_json_scan_t *scan, int c);
static const char *soma_json_name_folded(soma_json_scan_t *scan);
static const char *soma_json_known(soma_json_scan_t *scan,
    const unsigned char *name, size_t len);
static const unsigned char *soma_json_begin_value(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_begin_string(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_literal(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_number(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *soma_json_walk(soma_json_scan_t *scan,
    const unsigned char *p, const unsigned char *end);


/* most names are of no length that is wanted */
#define soma_json_length(len)  ((uint64_t) 1 << ((len) & 63))


static const char *const  soma_json_faults[] = {
    NULL,
    "a control character in a string",
    "a bad escape in a string",
    "a byte that no JSON has outside a string",
    "a bracket closed by one of the other kind",
    "brackets nested too deep"
};


void
soma_json_scan_init(soma_json_scan_t *scan, const soma_json_want_t *want,
    unsigned nwant)
{
    unsigned  i;

    memset(scan->span, 0, nwant * sizeof(soma_json_span_t));
    memset(&scan->open, 0,
           sizeof(soma_json_scan_t) - offsetof(soma_json_scan_t, open));

    for (i = 0; i < nwant; i++) {
        scan->lengths |= soma_json_length(want[i].name.len);
    }

    scan->want = want;
    scan->nwant = (unsigned char) nwant;
    scan->current = -1;
    scan->walker = soma_json_kind_walker();

    scan->skip.marks = &soma_json_skip_all;
    scan->skip.marked = 1;
    scan->ended = ~(uint64_t) 0;
}


static inline uint32_t
soma_json_at(soma_json_scan_t *scan, const unsigned char *p)
{
    return (uint32_t) (scan->offset + (size_t) (p - scan->piece));
}


static const unsigned char *
soma_json_refuse(soma_json_scan_t *scan, const unsigned char *p,
    const char *error)
{
    scan->offset += (size_t) (p - scan->piece);
    scan->error = error;
    scan->state = SOMA_SCAN_FAILED;

    return NULL;
}


int
soma_json_scan(soma_json_scan_t *scan, const unsigned char *p, size_t len)
{
    const unsigned char  *end;

    if (scan->state == SOMA_SCAN_FAILED) {
        return SOMA_ERROR;
    }

    if (len > UINT32_MAX - scan->offset) {
        scan->piece = p;
        (void) soma_json_refuse(scan, p, "the body is longer than 4 GB");
        return SOMA_ERROR;
    }

    if (len > 0) {
        scan->piece = p;
        end = p + len;

        while (p < end) {

            switch (scan->state) {

            case SOMA_SCAN_NAME:
                p = soma_json_name(scan, p, end);
                break;

            case SOMA_SCAN_STRING:
            case SOMA_SCAN_NEST:
                p = soma_json_walk(scan, p, end);
                break;

            case SOMA_SCAN_LITERAL:
                p = soma_json_literal(scan, p, end);
                break;

            case SOMA_SCAN_NUMBER:
                p = soma_json_number(scan, p, end);
                break;

            default:
                p = soma_json_token(scan, p, end);
            }

            if (p == NULL) {
                return SOMA_ERROR;
            }
        }

        scan->offset += len;
    }

    return scan->state == SOMA_SCAN_END ? SOMA_OK : SOMA_AGAIN;
}


int
soma_json_scan_end(soma_json_scan_t *scan)
{
    if (scan->state == SOMA_SCAN_END) {
        return SOMA_OK;
    }

    if (scan->state == SOMA_SCAN_START) {
        scan->error = "the body is empty";

    } else if (scan->state != SOMA_SCAN_FAILED) {
        scan->error = "the body ends before its object does";
    }

    scan->state = SOMA_SCAN_FAILED;

    return SOMA_ERROR;
}


int
soma_json_scan_partial(const soma_json_scan_t *scan, unsigned *index,
    size_t *start)
{
    if (scan->current < 0) {
        return SOMA_DECLINED;
    }

    switch (scan->state) {

    case SOMA_SCAN_STRING:
    case SOMA_SCAN_NEST:
    case SOMA_SCAN_LITERAL:
    case SOMA_SCAN_NUMBER:
        *index = (unsigned) scan->current;
        *start = scan->start;
        return SOMA_OK;
    }

    return SOMA_DECLINED;
}


void
soma_json_scan_watch(soma_json_scan_t *scan, const soma_json_marks_t *marks)
{
    scan->skip.marks = marks;
    scan->skip.marked = !soma_json_skip_able(marks);
    scan->ended = 0;
}


int
soma_json_scan_marked(const soma_json_scan_t *scan)
{
    return scan->skip.marked;
}


int
soma_json_scan_ended(const soma_json_scan_t *scan, unsigned member)
{
    return (scan->ended >> member) & 1;
}


static const unsigned char *
soma_json_token(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    while (soma_json_class[*p] & SOMA_JSON_SPACE) {
        if (++p == end) {
            return p;
        }
    }

    switch (scan->state) {

    case SOMA_SCAN_START:
        if (*p != '{') {
            return soma_json_refuse(scan, p, *p == 0xef
                                    ? "a byte order mark before the object"
                                    : "the body is no JSON object");
        }

        scan->open = soma_json_at(scan, p) + 1;
        scan->state = SOMA_SCAN_FIRST;
        break;

    case SOMA_SCAN_FIRST:
    case SOMA_SCAN_COMMA:
        if (*p == '}') {
            scan->close = soma_json_at(scan, p);
            scan->empty = (scan->state == SOMA_SCAN_FIRST);
            scan->state = SOMA_SCAN_END;
            break;
        }

        if (scan->state == SOMA_SCAN_FIRST) {
            return soma_json_begin_name(scan, p, end);
        }

        if (*p != ',') {
            return soma_json_refuse(scan, p, "no comma behind a value");
        }

        scan->state = SOMA_SCAN_NEXT;

        if (end - p > 1 && p[1] == '"') {
            return soma_json_begin_name(scan, p + 1, end);
        }

        break;

    case SOMA_SCAN_NEXT:
        return soma_json_begin_name(scan, p, end);

    case SOMA_SCAN_COLON:
        if (*p != ':') {
            return soma_json_refuse(scan, p, "no colon behind a name");
        }

        scan->state = SOMA_SCAN_VALUE;
        break;

    case SOMA_SCAN_VALUE:
        return soma_json_begin_value(scan, p, end);

    default:
        return soma_json_refuse(scan, p, "bytes behind the object");
    }

    return p + 1;
}


/*
 * To the first byte that is no plain one: all of "class" have the bit of it.
 * Sixteen at a time, control characters, quotes and backslashes stop it, and
 * with SOMA_JSON_ASCII what is beyond ASCII.
 */
static inline const unsigned char *
soma_json_run(const unsigned char *p, const unsigned char *end, int class)
{
#if (__SSE2__)

    int      mask;
    __m128i  v, stop, last;

    last = _mm_set1_epi8(0x1f);

    while (end - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) (const void *) p);

        stop = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                            _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        stop = _mm_or_si128(stop, _mm_cmpeq_epi8(_mm_min_epu8(v, last), v));

        if (class == SOMA_JSON_ASCII) {
            stop = _mm_or_si128(stop, v);
        }

        mask = _mm_movemask_epi8(stop);

        if (mask) {
            return p + __builtin_ctz((unsigned) mask);
        }

        p += 16;
    }

#endif

    while (p < end && (soma_json_class[*p] & class)) {
        p++;
    }

    return p;
}


static inline const unsigned char *
soma_json_member(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const char           *error;
    const unsigned char  *q, *limit;

    if (*p != '"') {
        return soma_json_refuse(scan, p, "a member without a name");
    }

    scan->name = soma_json_at(scan, p);

    q = ++p;
    limit = end;

    if ((size_t) (end - q) > SOMA_JSON_NAME_MAX + 1) {
        limit = q + SOMA_JSON_NAME_MAX + 1;
    }

    q = soma_json_run(q, limit, SOMA_JSON_ASCII);

    if (q < limit && *q == '"') {
        error = soma_json_known(scan, p, (size_t) (q - p));
        if (error != NULL) {
            return soma_json_refuse(scan, p - 1, error);
        }

        scan->state = SOMA_SCAN_COLON;

        if (++q < end && *q == ':') {
            scan->state = SOMA_SCAN_VALUE;

            if (++q < end && !(soma_json_class[*q] & SOMA_JSON_SPACE)) {
                return soma_json_begin_value(scan, q, end);
            }
        }

        return q;
    }

    /* long, cut off, or not as plain as that: from the start again */

    scan->name_len = 0;
    scan->state = SOMA_SCAN_NAME;

    return p;
}


/* from one member to the next, as long as nothing is between them */
static const unsigned char *
soma_json_begin_name(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    for ( ;; ) {
        p = soma_json_member(scan, p, end);

        if (p == NULL || scan->state != SOMA_SCAN_COMMA || end - p < 2
            || p[0] != ',' || p[1] != '"')
        {
            return p;
        }

        p++;
    }
}


static const unsigned char *
soma_json_name(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const char  *error;

    for ( /* void */ ; p < end; p++) {

        if (*p == '"' && scan->step == SOMA_NAME_PLAIN && scan->utf8 == 0
            && scan->surrogate == 0)
        {
            error = soma_json_known(scan, scan->name_buf, scan->name_len);

            if (error == NULL) {
                error = soma_json_name_folded(scan);
            }

            if (error != NULL) {
                p = scan->piece;
                scan->offset = scan->name;
                return soma_json_refuse(scan, p, error);
            }

            scan->state = SOMA_SCAN_COLON;
            return p + 1;
        }

        error = soma_json_name_byte(scan, *p);
        if (error != NULL) {
            return soma_json_refuse(scan, p, error);
        }
    }

    return p;
}


static inline void
soma_json_name_put(soma_json_scan_t *scan, int c)
{
    if (scan->name_len < SOMA_JSON_NAME_MAX) {
        scan->name_buf[scan->name_len++] = (unsigned char) c;
        return;
    }

    /* nobody's, whatever follows */
    scan->name_len = SOMA_JSON_NAME_MAX + 1;
}


static const char *
soma_json_name_byte(soma_json_scan_t *scan, int c)
{
    if (scan->step != SOMA_NAME_PLAIN) {
        return soma_json_name_escape(scan, c);
    }

    if (scan->utf8 != 0 || c >= 0x80) {
        return soma_json_name_utf8(scan, c);
    }

    if (c == '\\') {
        scan->step = SOMA_NAME_ESCAPE;
        return NULL;
    }

    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    if (c < 0x20) {
        return soma_json_faults[SOMA_JSON_FAULT_CONTROL];
    }

    soma_json_name_put(scan, c);

    return NULL;
}


static const char *
soma_json_name_escape(soma_json_scan_t *scan, int c)
{
    static const char  from[] = "bfnrt";
    static const char  to[] = "\b\f\n\r\t";

    const char  *letter;

    if (scan->step != SOMA_NAME_ESCAPE) {

        if (!(soma_json_class[c] & SOMA_JSON_HEX)) {
            return soma_json_faults[SOMA_JSON_FAULT_ESCAPE];
        }

        scan->unicode = (scan->unicode << 4) | soma_json_hex(c);

        if (scan->step++ == SOMA_NAME_HEX4) {
            return soma_json_name_unicode(scan);
        }

        return NULL;
    }

    if (!(soma_json_class[c] & SOMA_JSON_LETTER)) {
        return soma_json_faults[SOMA_JSON_FAULT_ESCAPE];
    }

    if (c == 'u') {
        scan->step = SOMA_NAME_HEX1;
        scan->unicode = 0;
        return NULL;
    }

    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    letter = strchr(from, c);
    soma_json_name_put(scan, letter != NULL ? to[letter - from] : c);
    scan->step = SOMA_NAME_PLAIN;

    return NULL;
}


static const char *
soma_json_name_unicode(soma_json_scan_t *scan)
{
    uint32_t  u;

    u = scan->unicode;
    scan->step = SOMA_NAME_PLAIN;

    if ((u & 0xfc00) == 0xd800 && scan->surrogate == 0) {
        scan->surrogate = u;
        return NULL;
    }

    if (((u & 0xfc00) == 0xdc00) != (scan->surrogate != 0)) {
        return "half a surrogate pair in a name";
    }

    if (u == 0) {
        return "a null character in a name";
    }

    if (scan->surrogate != 0) {
        u = 0x10000 + ((scan->surrogate & 0x3ff) << 10) + (u & 0x3ff);
        scan->surrogate = 0;

        soma_json_name_put(scan, (int) (0xf0 | (u >> 18)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 12) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 6) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else if (u >= 0x800) {
        soma_json_name_put(scan, (int) (0xe0 | (u >> 12)));
        soma_json_name_put(scan, (int) (0x80 | ((u >> 6) & 0x3f)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else if (u >= 0x80) {
        soma_json_name_put(scan, (int) (0xc0 | (u >> 6)));
        soma_json_name_put(scan, (int) (0x80 | (u & 0x3f)));

    } else {
        soma_json_name_put(scan, (int) u);
    }

    return NULL;
}


/* the table of well-formed sequences, Unicode 15, 3.9, table 3-7 */
static const char *
soma_json_name_utf8(soma_json_scan_t *scan, int c)
{
    if (scan->surrogate != 0) {
        return "half a surrogate pair in a name";
    }

    if (scan->utf8 != 0) {

        if (c < scan->utf8_low || c > scan->utf8_high) {
            return "bad UTF-8 in a name";
        }

        scan->utf8--;
        scan->utf8_low = 0x80;
        scan->utf8_high = 0xbf;

    } else {

        if (c < 0xc2 || c > 0xf4) {
            return "bad UTF-8 in a name";
        }

        scan->utf8 = (c < 0xe0) ? 1 : (c < 0xf0) ? 2 : 3;
        scan->utf8_low = (c == 0xe0) ? 0xa0 : (c == 0xf0) ? 0x90 : 0x80;
        scan->utf8_high = (c == 0xed) ? 0x9f : (c == 0xf4) ? 0x8f : 0xbf;
    }

    soma_json_name_put(scan, c);

    return NULL;
}


static inline int
soma_json_lower(int c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : c;
}


static inline void
soma_json_other(soma_json_scan_t *scan, const unsigned char *name, size_t len)
{
    int  i;

    if (scan->other == NULL) {
        return;
    }

    i = scan->other(name, len);

    if (i >= 0 && i < SOMA_JSON_OTHER_MAX) {
        scan->current = (signed char) (-2 - i);
    }
}


static const char *
soma_json_known(soma_json_scan_t *scan, const unsigned char *name, size_t len)
{
    size_t                   k;
    unsigned                 i;
    const soma_json_want_t  *want;

    scan->current = -1;

    if (len == 0 || len > SOMA_JSON_NAME_MAX) {
        return NULL;
    }

    if (!(scan->lengths & soma_json_length(len))) {
        soma_json_other(scan, name, len);
        return NULL;
    }

    for (i = 0; i < scan->nwant; i++) {
        want = &scan->want[i];

        if (want->name.len != len || ((want->name.data[0] ^ name[0]) & 0xdf)) {
            continue;
        }

        if (soma_same(want->name.data, name, len)) {

            if (want->unique && scan->span[i].type != SOMA_JSON_NONE) {
                return "a member that must be unique comes twice";
            }

            scan->current = (signed char) i;
            return NULL;
        }

        if (!want->unique) {
            continue;
        }

        for (k = 0; k < len; k++) {
            if (soma_json_lower(want->name.data[k])
                != soma_json_lower(name[k]))
            {
                break;
            }
        }

        if (k == len) {
            return "a member's name in the wrong case";
        }
    }

    soma_json_other(scan, name, len);

    return NULL;
}


/*
 * Beyond ASCII two characters are "s" and "k" to a parser that does not tell
 * case: U+017F, the long s, and U+212A, the Kelvin sign.
 */
static const char *
soma_json_name_folded(soma_json_scan_t *scan)
{
    size_t         i, n, len;
    unsigned char  name[SOMA_JSON_NAME_MAX];

    len = scan->name_len;

    if (scan->current != -1 || len > SOMA_JSON_NAME_MAX) {
        return NULL;
    }

    for (i = 0, n = 0; i < len; n++) {

        if (len - i >= 2 && memcmp(&scan->name_buf[i], "\xc5\xbf", 2) == 0) {
            name[n] = 's';
            i += 2;

        } else if (len - i >= 3
                   && memcmp(&scan->name_buf[i], "\xe2\x84\xaa", 3) == 0)
        {
            name[n] = 'k';
            i += 3;

        } else {
            name[n] = scan->name_buf[i++];
        }
    }

    if (n == len) {
        return NULL;
    }

    if (soma_json_known(scan, name, n) == NULL
        && (scan->current < 0 || !scan->want[scan->current].unique))
    {
        scan->current = (scan->current >= 0) ? -1 : scan->current;
        return NULL;
    }

    return "a member's name in the wrong case";
}


static void
soma_json_end_value(soma_json_scan_t *scan, const unsigned char *p)
{
    soma_json_span_t  *span;

    scan->state = SOMA_SCAN_COMMA;

    if (scan->current < -1 && scan->type != SOMA_JSON_NULL) {
        scan->others[(-2 - scan->current) / 64]
            |= (uint64_t) 1 << ((-2 - scan->current) % 64);
        return;
    }

    if (scan->current >= 0) {
        span = &scan->span[scan->current];

        span->start = scan->start;
        span->end = soma_json_at(scan, p);
        span->name = scan->name;
        span->type = (soma_json_type_e) scan->type;
    }
}


static const unsigned char *
soma_json_begin_value(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const unsigned char  *q;

    scan->start = soma_json_at(scan, p);

    switch (*p) {

    case '"':
        return soma_json_begin_string(scan, p + 1, end);

    case '{':
    case '[':
        scan->type = (*p == '{') ? SOMA_JSON_OBJECT : SOMA_JSON_ARRAY;
        scan->state = SOMA_SCAN_NEST;
        (void) soma_json_skip_push(&scan->skip, *p);
        return p + 1;

    case 't':
        scan->type = SOMA_JSON_TRUE;
        scan->literal = "rue";
        break;

    case 'f':
        scan->type = SOMA_JSON_FALSE;
        scan->literal = "alse";
        break;

    case 'n':
        scan->type = SOMA_JSON_NULL;
        scan->literal = "ull";
        break;

    default:
        if (*p != '-' && (*p < '0' || *p > '9')) {
            return soma_json_refuse(scan, p, "no value behind a colon");
        }

        scan->type = SOMA_JSON_NUMBER;

        /* nearly all are digits only */

        if (*p >= '1') {
            for (q = p + 1; q < end && *q >= '0' && *q <= '9'; q++) {
                /* void */
            }

            if (q < end && *q != '.' && (*q | 0x20) != 'e') {
                soma_json_end_value(scan, q);
                return q;
            }
        }

        scan->state = SOMA_SCAN_NUMBER;
        scan->step = (*p == '-') ? SOMA_NUMBER_MINUS
                     : (*p == '0') ? SOMA_NUMBER_ZERO : SOMA_NUMBER_INT;
        return p + 1;
    }

    scan->state = SOMA_SCAN_LITERAL;

    return p + 1;
}


/* p is behind the quote */
static const unsigned char *
soma_json_begin_string(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    const unsigned char  *q, *limit;

    scan->type = SOMA_JSON_STRING;

    q = p;
    limit = end;

    if ((size_t) (end - q) > SOMA_JSON_SHORT) {
        limit = q + SOMA_JSON_SHORT;
    }

    q = soma_json_run(q, limit, SOMA_JSON_PLAIN);

    if (q < limit && *q == '"') {
        soma_json_end_value(scan, q + 1);
        return q + 1;
    }

    scan->state = SOMA_SCAN_STRING;
    scan->skip.quoted = 1;

    return q;
}


static const unsigned char *
soma_json_literal(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    while (p < end) {

        if (*p != (unsigned char) *scan->literal) {
            return soma_json_refuse(scan, p, "a word that no JSON has");
        }

        p++;

        if (*++scan->literal == '\0') {
            soma_json_end_value(scan, p);
            break;
        }
    }

    return p;
}


static int
soma_json_number_step(int step, int c)
{
    int  digit;

    digit = (c >= '0' && c <= '9');

    switch (step) {

    case SOMA_NUMBER_MINUS:
        return c == '0' ? SOMA_NUMBER_ZERO
               : digit ? SOMA_NUMBER_INT : SOMA_NUMBER_BAD;

    case SOMA_NUMBER_DOT:
        return digit ? SOMA_NUMBER_FRACTION : SOMA_NUMBER_BAD;

    case SOMA_NUMBER_E:
        if (c == '+' || c == '-') {
            return SOMA_NUMBER_SIGN;
        }

        /* fall through */

    case SOMA_NUMBER_SIGN:
        return digit ? SOMA_NUMBER_EXPONENT : SOMA_NUMBER_BAD;

    case SOMA_NUMBER_EXPONENT:
        return digit ? SOMA_NUMBER_EXPONENT : SOMA_NUMBER_DONE;
    }

    /* ZERO, INT, FRACTION */

    if (c == 'e' || c == 'E') {
        return SOMA_NUMBER_E;
    }

    if (c == '.' && step != SOMA_NUMBER_FRACTION) {
        return SOMA_NUMBER_DOT;
    }

    return digit && step != SOMA_NUMBER_ZERO ? step : SOMA_NUMBER_DONE;
}


static const unsigned char *
soma_json_number(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    int  step;

    for ( /* void */ ; p < end; p++) {
        step = soma_json_number_step(scan->step, *p);

        if (step == SOMA_NUMBER_DONE) {
            scan->step = SOMA_NAME_PLAIN;
            soma_json_end_value(scan, p);
            break;
        }

        if (step == SOMA_NUMBER_BAD) {
            return soma_json_refuse(scan, p, "a bad number");
        }

        scan->step = (unsigned char) step;
    }

    return p;
}


static const unsigned char *
soma_json_walk(soma_json_scan_t *scan, const unsigned char *p,
    const unsigned char *end)
{
    int                done;
    size_t             n;
    soma_json_skip_t  *skip;

    skip = &scan->skip;

    if (scan->state == SOMA_SCAN_NEST) {
        n = scan->walker->nest(skip, p, (size_t) (end - p));
        done = (skip->depth == 0);

    } else {
        n = scan->walker->string(skip, p, (size_t) (end - p));
        done = !skip->quoted;
    }

    p += n;

    if (skip->ended) {
        skip->ended = 0;

        if (scan->current >= 0) {
            scan->ended |= (uint64_t) 1 << scan->current;
        }
    }

    if (skip->fault != SOMA_JSON_FAULT_NONE) {
        return soma_json_refuse(scan, p, soma_json_faults[skip->fault]);
    }

    if (done) {
        soma_json_end_value(scan, p);
    }

    return p;
}
