
/*
 * Copyright (C) The ngx_soma authors
 *
 * "leases-INSTANCE" beside the ledger: what an instance used, for the next
 * one to tell.  Numbers are those of the machine; the file does not travel.
 * Private to src/admit.
 */


#ifndef NGX_HTTP_SOMA_LEASE_FILE_H
#define NGX_HTTP_SOMA_LEASE_FILE_H


#include "ngx_http_soma_lease.h"


#define NGX_HTTP_SOMA_SAVED_MAX    4096     /* leases of an instance */
#define NGX_HTTP_SOMA_SAVED_NAME   400      /* bytes of a key */
#define NGX_HTTP_SOMA_SAVED_MAGIC  "soma leases 3\n"
#define NGX_HTTP_SOMA_SAVED_FILE   "leases-"


typedef struct {
    int64_t   used;
    int64_t   total;
    int64_t   since;
    int64_t   edge[SOMA_WINDOW_EDGES];
    uint64_t  ack;
    uint64_t  seq;
} ngx_http_soma_saved_copy_t;


typedef struct {
    uint32_t                     valid;
    uint32_t                     current;
    int64_t                      limit;
    uint16_t                     window;
    uint16_t                     len;
    uint64_t                     spare;
    ngx_http_soma_saved_copy_t   copy[2];
    u_char                       name[NGX_HTTP_SOMA_SAVED_NAME];
} ngx_http_soma_saved_entry_t;


typedef struct {
    u_char                       magic[16];
    ngx_http_soma_saved_entry_t  entry[NGX_HTTP_SOMA_SAVED_MAX];
} ngx_http_soma_saved_t;


/* bytes of a file with n entries */
#define ngx_http_soma_saved_size(n)                                           \
    (offsetof(ngx_http_soma_saved_t, entry)                                   \
     + (n) * sizeof(ngx_http_soma_saved_entry_t))


/* 1: this worker's instance has a file of its own */
ngx_uint_t ngx_http_soma_lease_file_set(void);

/* path: of NGX_MAX_PATH bytes */
void ngx_http_soma_lease_file_path(ngx_http_soma_main_conf_t *smcf,
    u_char *path, const u_char *instance);

/* maps that many bytes; NULL: it cannot */
ngx_http_soma_saved_t *ngx_http_soma_lease_file_map(int fd, size_t size);

/* 1: it counts a window of the calendar, which has not ended for sure */
ngx_uint_t ngx_http_soma_lease_file_lasts(ngx_http_soma_saved_entry_t *entry);


#endif /* NGX_HTTP_SOMA_LEASE_FILE_H */
