
/*
 * Copyright (C) The ngx_soma authors
 */


#include "ngx_http_soma_tz.h"


typedef struct {
    u_char      name[SOMA_TZ_NAME_MAX];
    size_t      len;
    soma_tz_t   tz;
} ngx_http_soma_tz_t;


static ngx_int_t ngx_http_soma_tz_load(ngx_http_soma_tz_t *zone);
static ssize_t ngx_http_soma_tz_file(soma_str_t name, u_char *buf);
static void *ngx_http_soma_tz_alloc(void *data, size_t size);


static ngx_http_soma_tz_t  ngx_http_soma_tz[NGX_HTTP_SOMA_TZ_MAX];
static ngx_uint_t          ngx_http_soma_tz_n;


const soma_tz_t *
ngx_http_soma_tz_find(soma_str_t name)
{
    ngx_uint_t           i;
    ngx_http_soma_tz_t  *zone;

    for (i = 0; i < ngx_http_soma_tz_n; i++) {
        zone = &ngx_http_soma_tz[i];

        if (zone->len == name.len
            && ngx_memcmp(zone->name, name.data, name.len) == 0)
        {
            return &zone->tz;
        }
    }

    if (ngx_http_soma_tz_n == NGX_HTTP_SOMA_TZ_MAX || !soma_tz_valid(name)) {
        return NULL;
    }

    zone = &ngx_http_soma_tz[ngx_http_soma_tz_n];
    ngx_memcpy(zone->name, name.data, name.len);
    zone->len = name.len;

    if (ngx_http_soma_tz_load(zone) != NGX_OK) {
        return NULL;
    }

    ngx_http_soma_tz_n++;

    return &zone->tz;
}


/* what a file holds besides is small, and is as good as the zone itself: it
 * stays until the process ends */
static ngx_int_t
ngx_http_soma_tz_load(ngx_http_soma_tz_t *zone)
{
    int                rc;
    u_char            *buf;
    ssize_t            n;
    soma_str_t         file, name;
    soma_arena_t       arena;
    soma_tz_change_t  *change;

    buf = ngx_alloc(SOMA_TZ_FILE_MAX, ngx_cycle->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    name.data = zone->name;
    name.len = zone->len;
    n = ngx_http_soma_tz_file(name, buf);
    rc = SOMA_ERROR;

    if (n > 0) {
        file.data = buf;
        file.len = (size_t) n;
        arena.alloc = ngx_http_soma_tz_alloc;
        arena.data = NULL;

        rc = soma_tz_read(&zone->tz, &arena, file);
        change = zone->tz.change;

        if (rc != SOMA_OK && change != NULL) {
            ngx_free(change);
        }
    }

    ngx_free(buf);

    return (rc == SOMA_OK) ? NGX_OK : NGX_ERROR;
}


static ssize_t
ngx_http_soma_tz_file(soma_str_t name, u_char *buf)
{
    int          fd;
    u_char       path[sizeof(NGX_HTTP_SOMA_TZ_DIR "/") + SOMA_TZ_NAME_MAX];
    ssize_t      n;
    struct stat  st;

    (void) ngx_snprintf(path, sizeof(path), NGX_HTTP_SOMA_TZ_DIR "/%*s%Z",
                        name.len, name.data);

    fd = open((char *) path, O_RDONLY|O_NONBLOCK|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    n = -1;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
        && st.st_size <= SOMA_TZ_FILE_MAX)
    {
        n = read(fd, buf, SOMA_TZ_FILE_MAX);
    }

    close(fd);

    return n;
}


static void *
ngx_http_soma_tz_alloc(void *data, size_t size)
{
    (void) data;

    return ngx_alloc(size, ngx_cycle->log);
}


ngx_int_t
ngx_http_soma_tz_limits(soma_limit_t *limit, ngx_uint_t n, soma_str_t *bad)
{
    ngx_uint_t        i;
    const soma_tz_t  *zone;

    for (i = 0; i < n; i++) {

        if (limit[i].tz.len == 0) {
            continue;
        }

        zone = ngx_http_soma_tz_find(limit[i].tz);

        if (zone == NULL) {
            *bad = limit[i].tz;
            return NGX_ERROR;
        }

        soma_limit_zone(&limit[i], zone);
    }

    return NGX_OK;
}
