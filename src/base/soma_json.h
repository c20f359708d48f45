
/*
 * Copyright (C) The ngx_soma authors
 *
 * Looking at JSON (RFC 8259) without building a tree.  The scanner takes a
 * body in pieces as it arrives and finds the spans of the wanted members of
 * the top-level object; the iterator walks a small value that lies whole in
 * memory; the splicer says how a body changes without touching its bytes.
 */


#ifndef SOMA_JSON_H
#define SOMA_JSON_H


#include "soma_base.h"


#define SOMA_JSON_WANT_MAX   32
#define SOMA_JSON_NAME_MAX   64     /* a longer member name is nobody's */
#define SOMA_JSON_OTHERS     2      /* words of 64 bits, for what */
#define SOMA_JSON_OTHER_MAX  126    /* soma_json_other_pt tells apart */
#define SOMA_JSON_DEPTH_MAX  512
#define SOMA_JSON_EDIT_MAX   8


typedef enum {
    SOMA_JSON_NONE = 0,
    SOMA_JSON_OBJECT,
    SOMA_JSON_ARRAY,
    SOMA_JSON_STRING,
    SOMA_JSON_NUMBER,
    SOMA_JSON_TRUE,
    SOMA_JSON_FALSE,
    SOMA_JSON_NULL
} soma_json_type_e;


typedef struct {
    soma_str_t  name;           /* decoded, at most SOMA_JSON_NAME_MAX */
    unsigned    unique:1;       /* a second one is an error, however spelt */
} soma_json_want_t;


/*
 * Offsets from the first byte of the body; a string includes its quotes.
 * 32 bits, because a scan lives in every request: a body of 4 GB or more is
 * refused.
 */
typedef struct {
    uint32_t          start;
    uint32_t          end;
    uint32_t          name;     /* of the opening quote of the member's name */
    soma_json_type_e  type;     /* SOMA_JSON_NONE: not there */
} soma_json_span_t;


/* the index of a top-level member that is not wanted and yet to be noted,
 * below SOMA_JSON_OTHER_MAX, whatever its case; -1: it may pass */
typedef int (*soma_json_other_pt)(const unsigned char *name, size_t len);

/*
 * Strings of nested values that somebody wants to know of.
 *
 * A mark is how one begins, with its closing quote where that is all of it; it
 * is of small letters and "_" and at least four bytes long, with one of "dfik"
 * first and one of "aclnpr" third, which is what is looked for in blocks of
 * bytes.  The last one is empty.
 *
 * "end" is how another one ends, with its closing quote, behind "rl"; "but" is
 * one of those that is not meant, with both quotes.  Empty: there is none.
 */
typedef struct {
    const soma_str_t  *mark;
    soma_str_t         end;
    soma_str_t         but;
    unsigned           name:1;      /* "end": of members' names; else of
                                       strings that are none */
} soma_json_marks_t;

typedef struct soma_json_walker_s  soma_json_walker_t;

/* a walk through a nested value or a string, private to soma_json_*.c */
typedef struct {
    uint64_t       kind[SOMA_JSON_DEPTH_MAX / 64];  /* a bit a level: object */
    uint32_t       depth;       /* open brackets, the top level's left out */
    unsigned char  quoted;      /* inside a string */
    unsigned char  escaped;     /* behind a backslash */
    unsigned char  hex;         /* a bit for each hex digit still to come */
    unsigned char  fault;       /* soma_json_fault_e */
    unsigned char  marked;      /* soma_json_scan_marked() */
    unsigned char  ended;       /* soma_json_scan_ended() */

    const soma_json_marks_t  *marks;    /* never NULL in a walk */
} soma_json_skip_t;


typedef struct {
    /* results: spans in the order of "want" (the last one, if not unique) */
    soma_json_span_t           span[SOMA_JSON_WANT_MAX];
    size_t                     open;       /* offset behind the first '{' */
    size_t                     close;      /* offset of the last '}' */
    size_t                     offset;     /* bytes seen; on error of the
                                              fault */
    const char                *error;      /* a sentence, constant */
    uint64_t                   others[SOMA_JSON_OTHERS];
                                           /* a bit for each that was there
                                              and not null */
    unsigned                   empty:1;    /* the object has no member */

    /* to be set behind soma_json_scan_init(), NULL: nothing is noted */
    soma_json_other_pt         other;

    /* state, private to soma_json_scan.c */
    const soma_json_want_t    *want;
    const soma_json_walker_t  *walker;
    const unsigned char       *piece;      /* its first byte is "offset" */
    const char                *literal;    /* what is still to come of it */
    uint64_t                   lengths;    /* of the names in want, a bit
                                              each */
    uint64_t                   ended;      /* a bit for each of want */
    soma_json_skip_t           skip;
    uint32_t                   start;      /* of the value under way */
    uint32_t                   name;
    uint32_t                   unicode;
    uint32_t                   surrogate;
    unsigned char              nwant;
    unsigned char              state;
    unsigned char              step;       /* within a name or a number */
    signed char                current;    /* index in want, -1: not wanted,
                                              below: -2 - index of "other" */
    unsigned char              type;
    unsigned char              utf8;       /* bytes still to come, and the */
    unsigned char              utf8_low;   /* range of the next one */
    unsigned char              utf8_high;
    unsigned char              name_len;
    unsigned char              name_buf[SOMA_JSON_NAME_MAX];
} soma_json_scan_t;


/*
 * "want" must outlive the scan.  nwant <= SOMA_JSON_WANT_MAX.
 *
 * soma_json_scan() takes the next piece: SOMA_AGAIN more is needed, SOMA_OK
 * the top-level object has closed (further calls accept white space only),
 * SOMA_ERROR the body is refused: "error" and "offset" say why.
 * soma_json_scan_end() at the end of input: SOMA_OK or SOMA_ERROR.
 *
 * What a caller relies on: the top-level members found are those that any
 * parser of the same bytes finds.
 *
 * Checked: the top-level grammar whole; everywhere strings (their escapes,
 * no control characters), bracket pairs and depth, and that nothing but
 * white space, brackets, commas, colons, ASCII letters, digits, "+", "-"
 * and "." stands outside strings (so no comments and no other quotes).
 * Not checked, since it moves no member and the provider refuses it: the
 * order of commas, colons, literals and numbers in nested values; UTF-8 and
 * pairs of surrogate escapes in strings.
 *
 * Names of top-level members are read with care, because they are compared:
 * in them invalid UTF-8, lone surrogates and \u0000 are refused.  A unique
 * member is refused when it comes twice, and also when its name is spelt in
 * another case: a parser that does not tell case (Go's) would take it.
 */
void soma_json_scan_init(soma_json_scan_t *scan, const soma_json_want_t *want,
    unsigned nwant);
int soma_json_scan(soma_json_scan_t *scan, const unsigned char *p,
    size_t len);
int soma_json_scan_end(soma_json_scan_t *scan);

/* a wanted value that has begun and not ended where the last piece did: its
 * index in "want" and its first byte's offset; SOMA_DECLINED: there is none */
int soma_json_scan_partial(const soma_json_scan_t *scan, unsigned *index,
    size_t *start);

/*
 * What to look for in nested values, which must outlive the scan; to be said
 * behind soma_json_scan_init().  Who says nothing is told that all is there,
 * and so is who names what cannot be looked for.
 */
void soma_json_scan_watch(soma_json_scan_t *scan,
    const soma_json_marks_t *marks);

/*
 * Whether a string of a nested value may begin as one of the marks, however
 * it is spelt.  Never 0 where there is one; now and then 1 without: where a
 * piece ends within such a string, and for escapes of small letters.
 */
int soma_json_scan_marked(const soma_json_scan_t *scan);

/*
 * Whether one within a wanted member may end as marks->end says: never 0
 * where there is one spelt without escapes, now and then 1 without, where a
 * piece begins or ends near it.
 */
int soma_json_scan_ended(const soma_json_scan_t *scan, unsigned member);

/* "portable", "sse2", "avx2" or "avx512": what this machine runs; a test may
 * choose with soma_json_scan_use("portable"): SOMA_DECLINED where it cannot
 * run */
const char *soma_json_scan_kind(void);
int soma_json_scan_use(const char *kind);


/*
 * A walk over one object or array lying whole in memory.
 * soma_json_first() SOMA_OK for an object or array, else SOMA_DECLINED.
 * soma_json_next(): SOMA_OK with the member's raw name (escapes undecoded,
 * no quotes; empty in an array) and value, SOMA_DONE at the end, SOMA_ERROR
 * on malformed text.
 */
typedef struct {
    const unsigned char  *pos;
    const unsigned char  *end;
    unsigned              object:1;
    unsigned              first:1;
} soma_json_iter_t;

typedef struct {
    soma_str_t        text;     /* raw, a string with its quotes */
    soma_json_type_e  type;
} soma_json_value_t;

int soma_json_first(soma_json_iter_t *it, soma_str_t text);
int soma_json_next(soma_json_iter_t *it, soma_str_t *name,
    soma_json_value_t *value);

/* the last member of that name of an object: SOMA_OK or SOMA_DECLINED */
int soma_json_get(soma_str_t object, const char *name,
    soma_json_value_t *value);

/* an integer (a fraction of zeros or an exponent that keeps it whole is
 * fine: 12, 12.0, 1.2e1); SOMA_DECLINED when it is none */
int soma_json_int(soma_json_value_t *value, int64_t *n);

/* unescapes a string value into the arena; no copy where nothing is escaped.
 * Lone surrogates become U+FFFD.  SOMA_ERROR: not a string, no memory */
int soma_json_text(soma_arena_t *arena, soma_json_value_t *value,
    soma_str_t *text);


/*
 * A splice: bytes [start, end) of the body are replaced by "text".  Edits
 * are kept in order of "start" and must not overlap.
 */
typedef struct {
    size_t      start;
    size_t      end;
    soma_str_t  text;
} soma_json_edit_t;

typedef struct {
    soma_json_edit_t  edit[SOMA_JSON_EDIT_MAX];
    unsigned          n;
} soma_json_edits_t;

/* SOMA_ERROR: too many, or overlapping */
int soma_json_edit(soma_json_edits_t *edits, size_t start, size_t end,
    soma_str_t text);

/* length of the body after the edits */
size_t soma_json_edited_len(soma_json_edits_t *edits, size_t len);


#endif /* SOMA_JSON_H */
