
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal's files, as the journal, the adoption of orphans and the
 * shipper share them.  Private to src/ledger.
 *
 *   <writer>.lock           locked (flock) by who may touch the writer's files
 *   <writer>-<number>.soma  a segment; all zeros: made ahead, never used
 *   *.bad                   a segment that cannot be read, put aside
 */


#ifndef NGX_HTTP_SOMA_JOURNAL_H
#define NGX_HTTP_SOMA_JOURNAL_H


#include "ngx_http_soma_ledger.h"
#include "soma_segment.h"
#include "soma_ship_writer.h"


#define NGX_HTTP_SOMA_JOURNAL_KEEP      3600000 /* ms, when not said */
#define NGX_HTTP_SOMA_JOURNAL_KEPT_MAX  256     /* acknowledged segments of a
                                                   writer, with Redis */
#define NGX_HTTP_SOMA_JOURNAL_QUEUE_MAX 4096    /* records without a disk */
#define NGX_HTTP_SOMA_JOURNAL_TICK      1000    /* ms */

/* records that are shipped at once, however many tenants they have; fewer
 * are, when they fill a batch of each tenant there is */
#define NGX_HTTP_SOMA_SHIP_FULL         (SOMA_SHIP_ROUND_MAX * 3 / 4)

#define NGX_HTTP_SOMA_JOURNAL_SCAN      5000    /* ms */
#define NGX_HTTP_SOMA_JOURNAL_STEP      (512 * 1024)    /* made ready at once */
#define NGX_HTTP_SOMA_JOURNAL_ZEROS     (64 * 1024)     /* ... by a write */
#define NGX_HTTP_SOMA_JOURNAL_STEP_WAIT 5       /* ms between two */
#define NGX_HTTP_SOMA_JOURNAL_DAMAGED_MAX 64    /* segments put aside */
#define NGX_HTTP_SOMA_JOURNAL_ADOPT_MAX 256     /* writers adopted at a time */
#define NGX_HTTP_SOMA_JOURNAL_NAME      (SOMA_WRITER_LEN + 32)


typedef struct ngx_http_soma_writer_s  ngx_http_soma_writer_t;


typedef struct {
    ngx_queue_t                 queue;      /* by number */
    uint64_t                    number;
    uint64_t                    first_seq;
    soma_segment_t              segment;
    u_char                     *base;       /* NULL: not mapped */
    size_t                      size;
    time_t                      acked;      /* since when all of it is in
                                               Redis, 0: it is not */
    unsigned                    open:1;     /* written to */
    unsigned                    left:1;     /* read to its end */
} ngx_http_soma_segment_t;


struct ngx_http_soma_writer_s {
    ngx_queue_t                 queue;
    u_char                      id[SOMA_WRITER_LEN];
    int                         lock;       /* file descriptor */
    ngx_queue_t                 segments;
    ngx_uint_t                  nsegments;

    /* the source of records */
    ngx_http_soma_segment_t    *at;
    soma_segment_cursor_t       cursor;
    ngx_http_soma_segment_t    *before_at;
    soma_segment_cursor_t       before;

    soma_ship_writer_t          ship;
    uint64_t                    acked;      /* last known to be in Redis */
    uint64_t                    last;       /* written */
    unsigned                    own:1;
};


typedef struct {
    ngx_http_soma_main_conf_t  *smcf;
    ngx_log_t                  *log;
    ngx_http_soma_writer_t      own;
    ngx_queue_t                 adopted;
    ngx_uint_t                  nadopted;
    soma_arena_t                arena;      /* of tenants, for good */
    soma_ship_tenant_t         *unused;

    ngx_http_soma_segment_t    *current;
    ngx_http_soma_segment_t    *spare;
    size_t                      ready;      /* bytes of the spare */

    ngx_queue_t                 waiting;    /* records without a disk */
    ngx_uint_t                  nwaiting;

    ngx_event_t                 tick;
    ngx_event_t                 scan;
    ngx_event_t                 step;

    uint64_t                    appended;
    uint64_t                    dropped;
    uint64_t                    adoptions;  /* segments */
    uint64_t                    unread;     /* since the shipper looked */
    uint64_t                    full;       /* so many are shipped at once */
    uint64_t                    shipped;    /* of writers that are gone */
    time_t                      told;       /* of a full disk */
    ngx_msec_t                  keep;
    time_t                      synced;
    const char                 *error;      /* of the disk */

    unsigned                    set:1;
    unsigned                    ships:1;    /* there is a Redis */
    unsigned                    forever:1;  /* nothing is deleted */
} ngx_http_soma_journal_t;


extern ngx_http_soma_journal_t  ngx_http_soma_journal;


/* files; all of them log what went wrong */

/* "<directory>/<name>" with a null byte, in a buffer of its own */
u_char *ngx_http_soma_journal_path(const u_char *writer, uint64_t number,
    const char *suffix);

/* a file of the journal: no link, no pipe, and none that others may write in
 * (-1, EPERM) */
int ngx_http_soma_journal_open(u_char *path, int flags);

/* NGX_DECLINED: somebody else has it */
ngx_int_t ngx_http_soma_journal_lock(ngx_http_soma_writer_t *writer,
    ngx_uint_t create);
void ngx_http_soma_journal_unlock(ngx_http_soma_writer_t *writer,
    ngx_uint_t remove);

/* a file of zeros, mapped; NULL: no room, errno tells */
ngx_http_soma_segment_t *ngx_http_soma_journal_segment_new(
    ngx_http_soma_writer_t *writer, uint64_t number);

/* brings pages of it into memory that nobody has written to yet */
ngx_int_t ngx_http_soma_journal_segment_warm(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, size_t offset, size_t len);

/* maps a file that was not, and walks it; NGX_DECLINED: it is no segment
 * and was put aside, or removed when it was never used */
ngx_int_t ngx_http_soma_journal_segment_map(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);
void ngx_http_soma_journal_segment_unmap(ngx_http_soma_segment_t *s);

/* reads the header of a file of a dead writer: first_seq, acked */
ngx_int_t ngx_http_soma_journal_segment_peek(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);

/* the file goes, and the struct */
void ngx_http_soma_journal_segment_remove(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);

/* the struct goes, whatever has become of the file */
void ngx_http_soma_journal_segment_drop(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s);

/* notes in the file what Redis has, and since when when it is all of it */
void ngx_http_soma_journal_segment_note(ngx_http_soma_writer_t *writer,
    ngx_http_soma_segment_t *s, uint64_t seq, ngx_uint_t whole);

ngx_http_soma_segment_t *ngx_http_soma_journal_segment_after(
    ngx_http_soma_writer_t *writer, ngx_http_soma_segment_t *s);


/* a writer as a source of records; "unmap" after a round was sent */
void ngx_http_soma_journal_writer_source(ngx_http_soma_writer_t *writer,
    soma_ship_source_t *source);
void ngx_http_soma_journal_writer_unmap(ngx_http_soma_writer_t *writer);

/* what Redis has now: notes it, removes what was kept long enough */
void ngx_http_soma_journal_writer_acked(ngx_http_soma_writer_t *writer);


/* looks for writers whose process is gone */
void ngx_http_soma_journal_adopt(void);

/* gives up an adopted writer without files; NGX_DECLINED: not yet */
ngx_int_t ngx_http_soma_journal_dismiss(ngx_http_soma_writer_t *writer);


/* the shipper: there are records to look at */
void ngx_http_soma_shipper_wake(void);
const char *ngx_http_soma_shipper_error(void);

/* of soma_ledger: may the journal live there?  Makes the directory */
char *ngx_http_soma_journal_check(ngx_conf_t *cf,
    ngx_http_soma_ledger_conf_t *conf);


#endif /* NGX_HTTP_SOMA_JOURNAL_H */
