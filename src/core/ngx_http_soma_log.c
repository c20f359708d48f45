
/*
 * Copyright (C) The ngx_soma authors
 *
 * The one way of text of others into the log.
 */


#include "ngx_http_soma.h"


/* one argument, taken from a list that goes on behind it */
typedef struct {
    va_list     list;
} ngx_http_soma_args_t;


static void ngx_http_soma_log_format(soma_out_t *out, const char *fmt,
    ngx_http_soma_args_t *args);
static const char *ngx_http_soma_log_arg(soma_out_t *out, const char *p,
    ngx_http_soma_args_t *args);
static const char *ngx_http_soma_log_unsigned(soma_out_t *out, const char *p,
    ngx_http_soma_args_t *args);


void
ngx_http_soma_log(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    ngx_http_soma_vlog(level, log, err, NULL, fmt, args);
    va_end(args);
}


void
ngx_http_soma_vlog(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *head, const char *fmt, va_list list)
{
    u_char                buf[NGX_HTTP_SOMA_LOG_MAX];
    soma_out_t            out;
    ngx_http_soma_args_t  args;

    if (log->log_level < level) {
        return;
    }

    soma_put_init(&out, buf, sizeof(buf));

    if (head) {
        soma_put_cstr(&out, "soma: ");
        soma_put_cstr(&out, head);
        soma_put_cstr(&out, ": ");
    }

    va_copy(args.list, list);
    ngx_http_soma_log_format(&out, fmt, &args);
    va_end(args.list);

    ngx_log_error(level, log, err, "%*s", (size_t) (out.pos - out.start),
                  out.start);
}


static void
ngx_http_soma_log_format(soma_out_t *out, const char *fmt,
    ngx_http_soma_args_t *args)
{
    const char  *p;

    for (p = fmt; *p; /* void */ ) {

        if (*p != '%') {
            soma_put_char(out, *p++);
            continue;
        }

        p = ngx_http_soma_log_arg(out, p + 1, args);

        if (p == NULL) {
            soma_put_cstr(out, "(unknown format)");
            return;
        }
    }
}


/* returns where the format goes on behind the conversion, NULL: none of ours,
 * and what its argument is nobody knows */
static const char *
ngx_http_soma_log_arg(soma_out_t *out, const char *p,
    ngx_http_soma_args_t *args)
{
    ngx_str_t   *v;
    soma_str_t   s;

    switch (*p) {

    case '%':
        soma_put_char(out, '%');
        return p + 1;

    case 'V':
        v = va_arg(args->list, ngx_str_t *);
        soma_put_log(out, ngx_http_soma_str(*v), 1);
        return p + 1;

    case 's':
        s.data = va_arg(args->list, u_char *);
        s.len = ngx_strlen(s.data);
        soma_put_log(out, s, 0);
        return p + 1;

    case '*':
        s.len = va_arg(args->list, size_t);
        s.data = va_arg(args->list, u_char *);

        if (p[1] == 's') {
            soma_put_log(out, s, 1);
            return p + 2;
        }

        if (p[1] == 'x' && p[2] == 's') {
            soma_put_hex(out, s.data, s.len);
            return p + 3;
        }

        return NULL;

    case 'd':
        soma_put_int(out, va_arg(args->list, int));
        return p + 1;

    case 'i':
        soma_put_int(out, va_arg(args->list, ngx_int_t));
        return p + 1;

    case 'L':
        soma_put_int(out, va_arg(args->list, int64_t));
        return p + 1;

    case 'u':
        return ngx_http_soma_log_unsigned(out, p + 1, args);
    }

    return NULL;
}


static const char *
ngx_http_soma_log_unsigned(soma_out_t *out, const char *p,
    ngx_http_soma_args_t *args)
{
    switch (*p) {

    case 'i':
        soma_put_int(out, (int64_t) va_arg(args->list, ngx_uint_t));
        return p + 1;

    case 'z':
        soma_put_int(out, (int64_t) va_arg(args->list, size_t));
        return p + 1;

    case 'L':
        soma_put_int(out, (int64_t) va_arg(args->list, uint64_t));
        return p + 1;

    case 'D':
        soma_put_int(out, (int64_t) va_arg(args->list, uint32_t));
        return p + 1;

    case 'd':
        soma_put_int(out, (int64_t) va_arg(args->list, unsigned));
        return p + 1;
    }

    return NULL;
}
