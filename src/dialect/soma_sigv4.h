
/*
 * Copyright (C) The ngx_soma authors
 *
 * AWS's Signature Version 4 of requests: made for a provider, and proved of a
 * client.  Source: AWS's "Signature Version 4 for API requests" and its test
 * suite.  A path is encoded once more than it is sent, as all services but S3
 * want it; no dots or slashes are taken out of it.
 */


#ifndef SOMA_SIGV4_H
#define SOMA_SIGV4_H


#include "soma_base.h"


#define SOMA_SIGV4_HEADERS_MAX  64          /* that are signed */
#define SOMA_SIGV4_ARGS_MAX     64          /* of a query */
#define SOMA_SIGV4_VALUES_MAX   16          /* of one header */
#define SOMA_SIGV4_HASH         32          /* bytes of a SHA-256 */
#define SOMA_SIGV4_HEX          64
#define SOMA_SIGV4_TIME         16          /* of 20150830T123600Z */

/* how far a client's clock may be from ours, as with AWS */
#define SOMA_SIGV4_SKEW         (15 * 60 * 1000)        /* ms */


typedef struct {
    soma_str_t                  name;       /* in small letters */
    soma_str_t                  value;
} soma_sigv4_header_t;


/* what is signed; zeroed and filled in by the caller, who owns all of it */
typedef struct {
    soma_str_t                  method;
    soma_str_t                  path;       /* as it is sent */
    soma_str_t                  args;       /* likewise, without "?" */
    const soma_str_t           *body;       /* pieces */
    unsigned                    npieces;
    soma_str_t                  payload;    /* hex of the body's hash, where
                                               it is known: "body" is not
                                               looked at */
    int64_t                     now;        /* ms UTC */
    soma_str_t                  region;
    soma_str_t                  service;
    soma_str_t                  secret;

    /* for soma_sigv4_sign(): */
    soma_str_t                  id;         /* of the access key */
    soma_str_t                  token;      /* of the session, or empty */
    const soma_sigv4_header_t  *headers;    /* that are signed beside those
                                               which are written, in any
                                               order */
    unsigned                    nheaders;
    unsigned                    hashed:1;   /* the body's hash is to be told
                                               in a header */
} soma_sigv4_t;


/* what a client's Authorization line says; all of it points into the line */
typedef struct {
    soma_str_t                  id;
    soma_str_t                  date;       /* 20150830 */
    soma_str_t                  region;
    soma_str_t                  service;
    soma_str_t                  names;      /* "host;x-amz-date" */
    soma_str_t                  signature;  /* SOMA_SIGV4_HEX digits */
} soma_sigv4_line_t;


typedef enum {
    SOMA_SIGV4_GOOD = 0,
    SOMA_SIGV4_WRONG,           /* the signature is another one */
    SOMA_SIGV4_LATE,            /* its time is not now */
    SOMA_SIGV4_SCOPE,           /* of another region, service or day */
    SOMA_SIGV4_HEADERS,         /* one that is signed is not there, or the
                                   host is not signed, or too many */
    SOMA_SIGV4_PAYLOAD,         /* the body has another hash */
    SOMA_SIGV4_FAILED           /* nothing could be computed */
} soma_sigv4_e;


/* the n-th value, from 0, of a request's header: SOMA_OK, or SOMA_DECLINED.
 * "host" is asked for by that name, and ":authority" of HTTP/2 by its own */
typedef int (*soma_sigv4_value_pt)(void *data, soma_str_t name, unsigned n,
    soma_str_t *value);


/*
 * Header lines, each with its CRLF: X-Amz-Date, X-Amz-Security-Token where
 * there is a token, X-Amz-Content-Sha256 where "hashed", Authorization.  "host"
 * is among sign->headers.  SOMA_OK; SOMA_ERROR: too much of something, or it
 * does not fit.
 */
int soma_sigv4_sign(const soma_sigv4_t *sign, soma_out_t *out);

/* SOMA_OK; SOMA_DECLINED: the line is of another scheme; SOMA_ERROR: it is
 * broken */
int soma_sigv4_parse(soma_str_t value, soma_sigv4_line_t *line);

/*
 * Whether the request was signed with that secret.  A region or service that
 * is empty may be any.  Takes the same time whatever of a signature is wrong.
 */
soma_sigv4_e soma_sigv4_verify(const soma_sigv4_line_t *line,
    const soma_sigv4_t *request, soma_sigv4_value_pt value, void *data);


/* for soma_sigv4_verify.c: the signature of a canonical request */

/* headers in the order of their names, values NULL: they are sign->headers */
typedef struct {
    const soma_sigv4_t   *sign;
    soma_sigv4_value_pt   value;
    void                 *data;
    soma_str_t            names[SOMA_SIGV4_HEADERS_MAX];    /* sorted */
    unsigned              nnames;
    soma_str_t            payload;          /* hex */
    soma_str_t            time;             /* 20150830T123600Z */
    soma_str_t            region;
    soma_str_t            service;
} soma_sigv4_work_t;

/* hex of the body's hash; SOMA_OK or SOMA_ERROR */
int soma_sigv4_payload(const soma_sigv4_t *sign, unsigned char *hex);

/* SOMA_OK, with SOMA_SIGV4_HEX digits; SOMA_DECLINED: a header is not there;
 * SOMA_ERROR: too many arguments or values, or OpenSSL said so */
int soma_sigv4_signature(const soma_sigv4_work_t *work, unsigned char *hex);


#endif /* SOMA_SIGV4_H */
