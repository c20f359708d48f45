
/*
 * Copyright (C) The ngx_soma authors
 *
 * Walking past a nested value or a string without looking into it: one table
 * of functions for each way a machine can do it.  Private to soma_json_*.c.
 */


#ifndef SOMA_JSON_SKIP_H
#define SOMA_JSON_SKIP_H


#include "soma_json.h"


#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define SOMA_JSON_X86  1
#endif


typedef enum {
    SOMA_JSON_FAULT_NONE = 0,
    SOMA_JSON_FAULT_CONTROL,        /* a control character in a string */
    SOMA_JSON_FAULT_ESCAPE,
    SOMA_JSON_FAULT_BYTE,           /* no byte of JSON, outside strings */
    SOMA_JSON_FAULT_PAIR,           /* "[}" */
    SOMA_JSON_FAULT_DEPTH
} soma_json_fault_e;


/*
 * Both take bytes of [p, p + len) and return how many.
 *
 * nest() is called with depth >= 1 and stops behind the bracket that brings
 * it to 0; string() is called with quoted set and stops behind the closing
 * quote.  With skip->fault set, the byte at the returned position is at
 * fault; else, when the walk has not stopped, all bytes have been taken and
 * it goes on with the next piece.
 *
 * The state between two calls is the same for every kind.
 */
struct soma_json_walker_s {
    const char  *kind;
    size_t     (*nest)(soma_json_skip_t *skip, const unsigned char *p,
                     size_t len);
    size_t     (*string)(soma_json_skip_t *skip, const unsigned char *p,
                     size_t len);
};


extern const soma_json_walker_t  soma_json_portable;

#if (SOMA_JSON_X86)
extern const soma_json_walker_t  soma_json_sse2;
extern const soma_json_walker_t  soma_json_avx2;
extern const soma_json_walker_t  soma_json_avx512;
#endif

/* classes of bytes, by bits */
#define SOMA_JSON_PLAIN    0x01     /* stands for itself in a string */
#define SOMA_JSON_OUTSIDE  0x02     /* may stand outside strings, no bracket
                                       and no quote */
#define SOMA_JSON_LETTER   0x04     /* may follow a backslash */
#define SOMA_JSON_HEX      0x08
#define SOMA_JSON_SPACE    0x10
#define SOMA_JSON_ASCII    0x20     /* plain, and below 0x80 */
#define SOMA_JSON_SIMPLE   0x40     /* a whole escape behind a backslash */

extern const unsigned char  soma_json_class[256];

/* the best walker of this machine, or what soma_json_scan_use() chose */
const soma_json_walker_t *soma_json_kind_walker(void);

/* nothing is looked for */
extern const soma_json_marks_t  soma_json_skip_all;

/* whether the walkers can find those: letters that they look for */
int soma_json_skip_able(const soma_json_marks_t *marks);

/*
 * A string of a nested value, from behind its quote to where the bytes at
 * hand end; and what stands behind the "u" of an escape in one.  Both set
 * skip->marked where it may be a mark.
 */
void soma_json_skip_mark_string(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *end);
void soma_json_skip_mark_escape(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *end);

/* a string of a nested value has its closing quote at p, among the bytes of
 * [start, end): sets skip->ended where it may end as marks->end says */
void soma_json_skip_mark_end(soma_json_skip_t *skip, const unsigned char *p,
    const unsigned char *start, const unsigned char *end);

/* a level more, or one less; SOMA_ERROR with skip->fault set */
int soma_json_skip_push(soma_json_skip_t *skip, int c);
int soma_json_skip_pop(soma_json_skip_t *skip, int c);

/* value of a hex digit that has been checked */
static inline uint32_t
soma_json_hex(int c)
{
    return (uint32_t) (c & 0x0f) + (c > '9' ? 9 : 0);
}


#endif /* SOMA_JSON_SKIP_H */
