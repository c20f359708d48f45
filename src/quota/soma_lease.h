
/*
 * Copyright (C) The ngx_soma authors
 *
 * Leases: what one instance (the workers of one shared zone) may spend under
 * a limit without asking Redis.  Redis keeps the whole of each limit and a
 * row for every instance; an instance takes slices of what is free, spends
 * them from its own memory, and tells every few seconds what it holds and
 * what it used.  The sum of what all instances hold and used never passes
 * the limit.  This file is the arithmetic of one lease; Redis' side is
 * soma_lease.lua.
 *
 * All times here are ms of a monotonic clock but "since" and "edge", which are
 * ms UTC by Redis' clock.
 */


#ifndef SOMA_LEASE_H
#define SOMA_LEASE_H


#include "soma_quota.h"


#define SOMA_LEASE_TTL_MS      6000     /* a row's, unless it is renewed */
#define SOMA_LEASE_MARGIN_MS   1000     /* we let go earlier than Redis */
#define SOMA_LEASE_BEAT_MS     2000     /* reports of what is in use */
#define SOMA_LEASE_TIGHT_MS    200      /* the same while others starve */
#define SOMA_LEASE_SOON_MS     100      /* between top-ups, and questions
                                           that Redis just said no to */
#define SOMA_LEASE_SAMPLE_MS   200      /* shorter ones tell nothing */
#define SOMA_LEASE_SHRINK_MS   1000     /* a sample that makes slices smaller */
#define SOMA_LEASE_AHEAD_MS    4000     /* of spending, in a slice */
#define SOMA_LEASE_LEAST       4        /* requests, in any slice */
#define SOMA_LEASE_FIRST       16       /* requests, in the first slice, */
#define SOMA_LEASE_FIRST_PART  128      /* or this part of a window's limit */
#define SOMA_LEASE_KEYS_MAX    32       /* of one script call */
#define SOMA_LEASE_INSTANCE    16       /* hex digits of an instance's name */
#define SOMA_LEASE_KEY_MAX     2048     /* bytes of a Redis key */

#define SOMA_LEASE_FIXED       4        /* arguments of any call */
#define SOMA_LEASE_ARGS        16       /* arguments a key */
#define SOMA_LEASE_ANSWERS     9        /* integers of the reply, a key */
#define SOMA_LEASE_FIXED_MAX   (2 * 21)                 /* bytes */
#define SOMA_LEASE_ITEM_MAX    (SOMA_LEASE_ARGS * 21)   /* bytes, a key */

#define SOMA_LEASE_NEW         0        /* Redis has no row of ours */
#define SOMA_LEASE_KNOWN       1
#define SOMA_LEASE_LEAVES      2        /* the row may go */


/* zeroed, then soma_lease_init() */
typedef struct {
    int64_t   avail;        /* leased and free; below 0: owed */
    int64_t   out;          /* held by requests in flight */
    int64_t   used;         /* since the last answer */
    int64_t   total;        /* calendar: in this window */
    int64_t   since;        /* calendar: its start; 0: not known */
    int64_t   edge[SOMA_WINDOW_EDGES];  /* calendar: of the windows around
                                           Redis' now, as told last */

    int64_t   free;         /* as Redis told last: nobody's */
    int64_t   whole;        /* ...: left, what is leased included */

    int64_t   need;         /* of requests that wait */
    int64_t   least;        /* of one of them: less serves nobody */
    int64_t   ahead;        /* wanted beyond what is needed */
    int64_t   size;         /* largest take of the sample */
    int64_t   high;         /* avail when the sample began */
    int64_t   low;          /* lowest avail since */
    int64_t   spent;        /* since */
    int64_t   sample;       /* when it began */
    int64_t   slice;        /* avail after the last answer */

    int64_t   expires;      /* avail is void from then on */
    int64_t   turn;         /* calendar: and from then, 0: no turn known */
    int64_t   taken;        /* time of the last take */
    int64_t   refused;      /* time of the last "no" of Redis, 0: none */
    int64_t   due;          /* when to talk to Redis next */

    int64_t   sent;         /* time of the call in flight */
    int64_t   forgiven;     /* debt that this call takes to Redis */
    uint64_t  seq;          /* its sequence, 0: none */
    uint64_t  ack;          /* sequence of the last answer, or of its birth */
    uint64_t  heard;        /* sequence of the last answer, or 0 */
    uint64_t  failed;       /* sequence of the last call without one */

    uint32_t  epoch;        /* changes when the window turns */
    unsigned  known:1;      /* Redis has a row of ours */
    unsigned  tight:1;      /* others starve */
    unsigned  guessed:1;    /* ahead is of the first slice */
    unsigned  recount:1;    /* to be told again, though quiet */
    unsigned  recounts:1;   /* a call in flight does */
} soma_lease_t;


/* one key of a call */
typedef struct {
    uint64_t       seq;
    uint64_t       ack;
    int64_t        need;
    int64_t        least;
    int64_t        ahead;
    int64_t        held;
    int64_t        used;
    int64_t        total;
    int64_t        since;
    int64_t        whole;
    int64_t        limit;
    int64_t        edge[SOMA_WINDOW_EDGES];
    soma_window_e  window;
    unsigned       state;       /* SOMA_LEASE_NEW... */
} soma_lease_item_t;


/* what Redis said of it, in the order of the reply's integers */
typedef struct {
    int64_t  applied;       /* 0: a newer call was there before */
    int64_t  since;
    int64_t  grant;
    int64_t  free;
    int64_t  whole;
    int64_t  used;          /* calendar: by us, in the window */
    int64_t  turn;          /* calendar: ms until the window turns */
    int64_t  flags;
    int64_t  now;           /* Redis' clock, ms UTC */
} soma_lease_reply_t;

#define SOMA_LEASE_TIGHT       1        /* of flags: others starve */
#define SOMA_LEASE_MENDS       2        /* Redis lost data and grants nothing
                                           until all leases were told anew */
#define SOMA_LEASE_CLOCK       4        /* its clock shows none of the windows
                                           that it was told: nothing is done */


/* soma_lease.lua, which Redis runs */
extern const char  soma_lease_lua[];


/* seq: a sequence that no other lease or call of this instance has */
void soma_lease_init(soma_lease_t *lease, uint64_t seq, int64_t now);

/*
 * May "want" be taken?  SOMA_OK; SOMA_AGAIN: Redis has to be asked, see
 * soma_lease_need(); SOMA_DECLINED: Redis has said no; SOMA_ERROR: Redis
 * could not be asked.  after: the last sequence when the caller began to
 * wait; UINT64_MAX: it has not waited.
 */
int soma_lease_check(soma_lease_t *lease, int64_t now, int64_t want,
    uint64_t after);

/*
 * Adds the want of one who waits: the lease is due at once.  Nothing below
 * "least" helps it: two nodes that each hold a part of the last request's
 * want would keep it from both.
 */
void soma_lease_need(soma_lease_t *lease, int64_t now, int64_t want,
    int64_t least);

/*
 * 1: a need that was told when "since" was the last sequence is still to be
 * sent, or to be answered.  Who looks again meanwhile tells it no second
 * time: what is granted beyond the need lies idle while others starve.
 */
int soma_lease_pending(const soma_lease_t *lease, uint64_t since);

/* takes back a need that was told then and is not sent yet: who told it was
 * served by what came for others */
void soma_lease_unneed(soma_lease_t *lease, uint64_t since, int64_t want);

/*
 * Takes, whatever check said: avail may go below 0.  Returns the epoch that
 * settle wants back.  The lease's "due" may come nearer.
 */
uint32_t soma_lease_take(soma_lease_t *lease, int64_t now, int64_t want);

/* "used" of "taken" was used; concurrency: all comes back */
void soma_lease_settle(const soma_limit_t *limit, soma_lease_t *lease,
    uint32_t epoch, int64_t taken, int64_t used);

/* makes the item of a call; what is given back leaves avail here.  all: give
 * back all that is free.  lease->edge is of Redis' now */
void soma_lease_send(const soma_limit_t *limit, soma_lease_t *lease,
    uint64_t seq, int64_t now, int all, soma_lease_item_t *item);

/* books the answer; one of another call than the last is left alone */
void soma_lease_reply(soma_lease_t *lease, const soma_lease_item_t *item,
    const soma_lease_reply_t *reply, int64_t now);

/*
 * Redis may have lost what it was told, before or after calls that are in
 * flight: what was used in the window is told again, and again until a call
 * that is sent after this moment was answered.
 */
void soma_lease_recount(soma_lease_t *lease, int64_t now);

/* no answer came, or an error */
void soma_lease_fail(soma_lease_t *lease, uint64_t seq, int64_t now);

/* the limit's number has grown by that much: what is free goes back, and what
 * Redis said of the old number is no answer any more */
void soma_lease_change(soma_lease_t *lease, int64_t now, int64_t more);

/* 1: what is in use elsewhere or in flight may be enough for it, if it comes
 * back: the limit itself is not spent */
int soma_lease_waits(const soma_limit_t *limit, const soma_lease_t *lease,
    int64_t want);

/* when the window ends that began then, of a lease's edges; 0: not known */
int64_t soma_lease_end(const int64_t *edge, int64_t since);

/* 1: nothing is held, owed or to be told: Redis need not hear of it */
int soma_lease_quiet(const soma_lease_t *lease, int64_t now);

/*
 * Narrows a verdict of soma_quota_check() to what all instances together
 * have left.  refused: the lease is what keeps the request out, retry_ms is
 * set too.
 */
void soma_lease_verdict(const soma_limit_t *limit, const soma_lease_t *lease,
    int64_t now, int64_t want, int refused, soma_verdict_t *verdict);

/* the hash tag that all limits of a tenant share, its keys' with them; a
 * provider's have their own: no tenant has a colon in its name */
void soma_lease_tag(soma_out_t *out, soma_str_t owner, soma_str_t tenant);

/* the key of a limit's state: "soma:{tag}:quota:rule:scope", see
 * docs/limits.md.  owner "tenant:NAME", "key:ID" or "provider:NAME";
 * group and value as in the states' keys; out->full: too long */
void soma_lease_key(soma_out_t *out, soma_str_t tag, soma_str_t owner,
    soma_str_t rule, soma_str_t scope, soma_str_t group, soma_str_t value);

/* SOMA_LEASE_FIXED arguments, which stand behind the keys; instance: of
 * SOMA_LEASE_INSTANCE bytes, is not copied; up: Redis may have another run
 * than at the call before */
void soma_lease_fixed(soma_out_t *out, const unsigned char *instance,
    uint64_t seq, int up, const char **argv, size_t *argvlen);

/* SOMA_LEASE_ARGS numbers with a null byte behind each; argv, argvlen of as
 * many are set */
void soma_lease_args(soma_out_t *out, const soma_lease_item_t *item,
    const char **argv, size_t *argvlen);


#endif /* SOMA_LEASE_H */
