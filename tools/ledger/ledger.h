
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma-ledger: a program that reads journals and compares them with Redis.
 * Its ledger_*.c do the input and output; what they stand on is the module's
 * own plain code, and soma_check.c and soma_books.c here.
 */


#ifndef LEDGER_H
#define LEDGER_H


#include <stdio.h>
#include <hiredis/hiredis.h>

#include "soma_base.h"
#include "soma_segment.h"
#include "soma_record.h"
#include "soma_check.h"


/* exit statuses */
#define LEDGER_OK       0
#define LEDGER_WRONG    1           /* the journal or the books are wrong */
#define LEDGER_TROUBLE  2           /* it could not be found out */

#define LEDGER_PATHS_MAX    1024
#define LEDGER_FILES_MAX    262144
#define LEDGER_SEGMENT_MAX  ((size_t) 1 << 30)  /* as soma_ledger segment= */
#define LEDGER_WALKS_MAX    16      /* of a segment that changes meanwhile */
#define LEDGER_TIMEOUT      5       /* s, of Redis */
#define LEDGER_EVENTS       1000000 /* as of soma_ledger events= */


typedef enum {
    LEDGER_JSONL = 0,
    LEDGER_CSV
} ledger_format_e;


typedef struct {
    const char       *paths[LEDGER_PATHS_MAX];
    unsigned          npaths;
    const char       *redis;
    soma_str_t        tenant;
    soma_str_t        writer;
    int32_t           day;
    int64_t           events;
    int64_t           wait;         /* s */
    int64_t           timeout;      /* s */
    ledger_format_e   format;
    unsigned          has_day:1;
    unsigned          force:1;
    unsigned          before:1;     /* with a segment, those before it */
    unsigned          verbose:1;
} ledger_opt_t;


typedef enum {
    LEDGER_SEGMENT = 0,
    LEDGER_UNUSED,                  /* zeros: made ahead */
    LEDGER_ASIDE,                   /* *.bad, put aside by a worker */
    LEDGER_BROKEN                   /* "error" says why */
} ledger_state_e;


typedef struct {
    char             *path;
    ledger_state_e    state;
    const char       *error;
    unsigned char     writer[SOMA_WRITER_LEN];
    uint64_t          number;
    uint64_t          first_seq;
    size_t            size;
    unsigned          named:1;      /* the file's name says writer, number */
    unsigned          misnamed:1;   /* its header says something else */
} ledger_file_t;


typedef struct {
    ledger_file_t    *file;         /* by writer and number */
    size_t            n;
    size_t            room;
} ledger_files_t;


typedef struct {
    unsigned char    *base;
    size_t            size;
    const char       *error;        /* it is no segment */
    soma_segment_t    segment;      /* not walked: "pos" and "seq" are 0 */
} ledger_map_t;


/* a message of one line to stderr, "soma-ledger: " before it; returns
 * LEDGER_TROUBLE */
int ledger_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* malloc() and realloc() that end the program when there is no memory */
void *ledger_alloc(void *p, size_t size);

/* an arena over ledger_alloc(), freed when the command is done */
extern soma_arena_t  ledger_arena;

/* a name to stdout, as it is or as a JSON string where it is unusual */
void ledger_put_name(FILE *out, soma_str_t name);
void ledger_put_day(FILE *out, int32_t day);


/*
 * The files of all paths (directories, or single files), sorted.  Every
 * header was read before the first record is: a segment has its header only
 * after the one before it is whole and closed.
 */
int ledger_files(ledger_files_t *files, const ledger_opt_t *opt);

/* a file with the same writer as the one before it: i > 0 */
int ledger_same_writer(const ledger_files_t *files, size_t i);

/* maps a file to read only; SOMA_DECLINED: it is gone, SOMA_ERROR: told */
int ledger_map(const ledger_file_t *file, ledger_map_t *map);
void ledger_unmap(ledger_map_t *map);

/* soma_segment_check(), of a segment that may be written to meanwhile */
soma_check_e ledger_walk(const ledger_map_t *map, soma_check_t *check);


typedef struct {
    const ledger_file_t  *file;
    uint64_t              seq;
    soma_record_t         record;   /* strings are the mapping's */
} ledger_record_t;

typedef struct {
    uint64_t              bad;      /* records that cannot be read */
    uint64_t              twice;    /* of a segment that was given twice */
    uint64_t              damaged;  /* segments, and those left out */
} ledger_each_t;

/* SOMA_OK to go on */
typedef int (*ledger_record_pt)(void *data, const ledger_record_t *record);

/* calls back for each record that the options ask for; LEDGER_OK or
 * LEDGER_TROUBLE */
int ledger_each(const ledger_files_t *files, const ledger_opt_t *opt,
    ledger_record_pt callback, void *data, ledger_each_t *each);


int ledger_verify(const ledger_opt_t *opt);
int ledger_dump(const ledger_opt_t *opt);
int ledger_replay(const ledger_opt_t *opt);
int ledger_reconcile(const ledger_opt_t *opt);


/* Redis; every failure is told and gives LEDGER_TROUBLE or NULL */

int ledger_redis_open(const ledger_opt_t *opt);
void ledger_redis_close(void);

/* NULL: Redis cannot be asked (told); an error reply is handed out.  In a
 * cluster the command goes to the master that the reply names */
redisReply *ledger_redis_call(int argc, const char **argv,
    const size_t *argvlen);

/* the same, with words of a format of hiredis; an error reply is told, and
 * gives NULL */
redisReply *ledger_redis(const char *fmt, ...);

/* for each master of a cluster, or the one server: makes it the next one
 * asked; 0: there is no such */
unsigned ledger_redis_masters(void);
int ledger_redis_use(unsigned master);


#endif /* LEDGER_H */
