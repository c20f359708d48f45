
/*
 * Copyright (C) The ngx_soma authors
 *
 * The words of a command to Redis that changes keys or tenants.
 */


#include "ngx_http_soma_manage.h"
#include "ngx_http_soma_attempt.h"
#include "ngx_http_soma_cache.h"
#include "ngx_http_soma_tz.h"


static void ngx_http_soma_call_member(ngx_http_soma_call_t *call,
    const soma_entry_t *entry, ngx_uint_t by_tenant);


void
ngx_http_soma_manage_call(ngx_http_soma_call_t *call, const char *command)
{
    call->argc = 0;
    soma_put_init(&call->out, call->buf, sizeof(call->buf));

    ngx_http_soma_manage_cstr(call, command);
}


void
ngx_http_soma_manage_str(ngx_http_soma_call_t *call, soma_str_t word)
{
    if (call->argc == NGX_HTTP_SOMA_CALL_ARGS) {
        call->out.full = 1;
        return;
    }

    call->argv[call->argc] = word.len ? (const char *) word.data : "";
    call->argvlen[call->argc++] = word.len;
}


void
ngx_http_soma_manage_cstr(ngx_http_soma_call_t *call, const char *word)
{
    soma_str_t  s;

    s.data = (u_char *) (uintptr_t) word;
    s.len = ngx_strlen(word);

    ngx_http_soma_manage_str(call, s);
}


void
ngx_http_soma_manage_printed(ngx_http_soma_call_t *call, u_char *from)
{
    soma_str_t  s;

    s.data = from;
    s.len = call->out.pos - from;

    ngx_http_soma_manage_str(call, s);
}


void
ngx_http_soma_manage_int(ngx_http_soma_call_t *call, int64_t n)
{
    u_char  *from;

    from = call->out.pos;
    soma_put_int(&call->out, n);
    ngx_http_soma_manage_printed(call, from);
}


void
ngx_http_soma_manage_time(ngx_http_soma_call_t *call, int64_t ms)
{
    u_char  *from;

    from = call->out.pos;
    soma_put_time(&call->out, ms);
    ngx_http_soma_manage_printed(call, from);
}


void
ngx_http_soma_manage_key(ngx_http_soma_call_t *call, const char *prefix,
    soma_str_t s)
{
    u_char  *from;

    from = call->out.pos;
    soma_put_cstr(&call->out, prefix);
    soma_put_str(&call->out, s);
    ngx_http_soma_manage_printed(call, from);
}


void
ngx_http_soma_manage_range(ngx_http_soma_call_t *call, const char *prefix,
    soma_str_t s)
{
    u_char       *from;
    ngx_uint_t    i;
    static const char  *const ends[] = { "[", " ", "(", "!" };

    for (i = 0; i < 4; i += 2) {
        from = call->out.pos;
        soma_put_cstr(&call->out, ends[i]);
        soma_put_cstr(&call->out, prefix);
        soma_put_str(&call->out, s);
        soma_put_cstr(&call->out, ends[i + 1]);
        ngx_http_soma_manage_printed(call, from);
    }
}


void
ngx_http_soma_manage_change(ngx_http_soma_call_t *call,
    const soma_change_t *change, unsigned set)
{
    int         count;
    ngx_uint_t  i;

    count = 0;

    for (i = 0; i < SOMA_FIELDS; i++) {
        count += (set & (1u << i)) ? 2 : 0;
    }

    ngx_http_soma_manage_int(call, count);

    for (i = 0; i < SOMA_FIELDS; i++) {
        if (set & (1u << i)) {
            ngx_http_soma_manage_cstr(call, soma_change_field_name(i));
            ngx_http_soma_manage_str(call, change->value[i]);
        }
    }
}


soma_str_t
ngx_http_soma_manage_capabilities(unsigned bits)
{
    static const soma_str_t  lists[] = {
        soma_str_null,
        soma_string("admin"),
        soma_string("usage"),
        soma_string("admin,usage"),
        soma_string("user"),
        soma_string("admin,user"),
        soma_string("usage,user"),
        soma_string("admin,usage,user")
    };

    return lists[bits & (SOMA_CAN_ADMIN|SOMA_CAN_USAGE|SOMA_CAN_USER)];
}


static void
ngx_http_soma_call_member(ngx_http_soma_call_t *call,
    const soma_entry_t *entry, ngx_uint_t by_tenant)
{
    u_char  *from;

    from = call->out.pos;

    if (by_tenant) {
        soma_change_entry_by_tenant(&call->out, entry);

    } else {
        soma_change_entry_by_id(&call->out, entry);
    }

    ngx_http_soma_manage_printed(call, from);
}


void
ngx_http_soma_manage_entry(ngx_http_soma_call_t *call,
    const soma_entry_t *entry)
{
    ngx_http_soma_call_member(call, entry, 0);
    ngx_http_soma_call_member(call, entry, 1);
}
