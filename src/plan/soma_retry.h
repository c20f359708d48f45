
/*
 * Copyright (C) The ngx_soma authors
 *
 * Ways in which an attempt fails, and what each of them means: whether the
 * next target is tried, whose fault it is, and what the client is told.
 */


#ifndef SOMA_RETRY_H
#define SOMA_RETRY_H


#include "soma_base.h"


#define SOMA_RETRY_STATUS_MAX   8


typedef enum {
    SOMA_FAIL_NONE = 0,
    SOMA_FAIL_CONNECT,          /* nobody has seen the request */
    SOMA_FAIL_SLOW,             /* nor in the time that a connection may take */
    SOMA_FAIL_LOST,             /* the connection ended, or spoke no HTTP */
    SOMA_FAIL_TIMEOUT,          /* the request went out, and then silence */
    SOMA_FAIL_STATUS,           /* the answer's status says so */
    SOMA_FAIL_AUTH,             /* our key is refused, or our account */
    SOMA_FAIL_ANSWER            /* a good status, and no answer behind it */
} soma_fail_e;


/* whom a failure speaks of, for the breaker */
typedef enum {
    SOMA_EVIDENCE_NONE = 0,     /* the request itself */
    SOMA_EVIDENCE_TENANT,       /* the target, or what this tenant sends */
    SOMA_EVIDENCE_ALL           /* the target, whoever asks */
} soma_evidence_e;


/* retry_on error timeout http_403 http_429 http_5xx http_NNN */
typedef struct {
    unsigned  error:1;
    unsigned  timeout:1;
    unsigned  http_5xx:1;
    unsigned  http_4xx:1;
    uint16_t  status[SOMA_RETRY_STATUS_MAX];
    unsigned  nstatus;
} soma_retry_t;


/* one word; SOMA_ERROR: unknown (the http_NNN are 400 to 599);
 * SOMA_DECLINED: more than SOMA_RETRY_STATUS_MAX different ones */
int soma_retry_parse(soma_retry_t *retry, soma_str_t word);
int soma_retry_status(const soma_retry_t *retry, int status);

/* what an answer's status says by itself: SOMA_FAIL_NONE for 2xx but 204 and
 * 205.  A 403 is SOMA_FAIL_AUTH here; its body may say that it is about the
 * request */
soma_fail_e soma_retry_fail(int status);

/*
 * The retry rule.  What is known when an attempt has failed, or when its
 * status is all that is there of it.
 */
typedef struct {
    const soma_retry_t  *retry;
    soma_fail_e          fail;
    int                  status;    /* of SOMA_FAIL_STATUS and _AUTH */
    unsigned             left;      /* targets of the plan not yet tried */
    unsigned             gone:1;    /* its client: nobody waits for another */
} soma_retry_facts_t;

/* 1: there is another target, for a failure that may move on */
int soma_retry_left(const soma_retry_facts_t *facts);

/* 1: the next target is to be tried; a refused key moves on whatever retry_on
 * says, for no other target has that key */
int soma_retry_may(const soma_retry_facts_t *facts);

/* 1: that is settled before the body of the answer is read.  A 403 may be
 * about what was asked, and an error that goes to the client has to be read */
int soma_retry_early(const soma_retry_facts_t *facts);

soma_evidence_e soma_retry_evidence(soma_fail_e fail, int status);


#endif /* SOMA_RETRY_H */
