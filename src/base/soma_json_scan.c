
/*
 * Copyright (C) The ngx_soma authors
 *
 * The scanner's upper half: the grammar of the top-level object, a byte at a
 * time and resumable at any byte.  What lies in strings and nested values is
 * walked past by the machine's walker (soma_json_skip.h).
 */


#include "soma_json_scan.h"

#if (__SSE2__)
#include <emmintrin.h>
#endif


#define SOMA_JSON_SHORT  32     /* strings not worth a walker */


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


const char *const  soma_json_scan_faults[] = {
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


const unsigned char *
soma_json_scan_refuse(soma_json_scan_t *scan, const unsigned char *p,
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
        (void) soma_json_scan_refuse(scan, p, "the body is longer than 4 GB");
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
            return soma_json_scan_refuse(scan, p, *p == 0xef
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
            return soma_json_scan_refuse(scan, p, "no comma behind a value");
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
            return soma_json_scan_refuse(scan, p, "no colon behind a name");
        }

        scan->state = SOMA_SCAN_VALUE;
        break;

    case SOMA_SCAN_VALUE:
        return soma_json_begin_value(scan, p, end);

    default:
        return soma_json_scan_refuse(scan, p, "bytes behind the object");
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
        return soma_json_scan_refuse(scan, p, "a member without a name");
    }

    scan->name = soma_json_at(scan, p);

    q = ++p;
    limit = end;

    if ((size_t) (end - q) > SOMA_JSON_NAME_MAX + 1) {
        limit = q + SOMA_JSON_NAME_MAX + 1;
    }

    q = soma_json_run(q, limit, SOMA_JSON_ASCII);

    if (q < limit && *q == '"') {
        error = soma_json_name_known(scan, p, (size_t) (q - p));
        if (error != NULL) {
            return soma_json_scan_refuse(scan, p - 1, error);
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
            return soma_json_scan_refuse(scan, p, "no value behind a colon");
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
            return soma_json_scan_refuse(scan, p, "a word that no JSON has");
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
            return soma_json_scan_refuse(scan, p, "a bad number");
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
        return soma_json_scan_refuse(scan, p,
                                     soma_json_scan_faults[skip->fault]);
    }

    if (done) {
        soma_json_end_value(scan, p);
    }

    return p;
}
