
/*
 * Copyright (C) The ngx_soma authors
 *
 * A dialect is how one family of providers writes requests, answers, streams
 * and errors.  One vtable; attempt drives it and knows no dialect by name.
 */


#ifndef SOMA_DIALECT_H
#define SOMA_DIALECT_H


#include "soma_base.h"
#include "soma_frames.h"
#include "soma_inner.h"
#include "soma_json.h"
#include "soma_names.h"
#include "soma_pieces.h"
#include "soma_policy.h"
#include "soma_prompt_names.h"
#include "soma_sse.h"
#include "soma_surface.h"
#include "soma_usage.h"
#include "soma_work.h"


/* members of a request that the steps look at; indices into scan->span */
typedef enum {
    SOMA_ASK_MODEL = 0,
    SOMA_ASK_STREAM,
    SOMA_ASK_STREAM_OPTIONS,
    SOMA_ASK_MAX_TOKENS,
    SOMA_ASK_MAX_COMPLETION_TOKENS,
    SOMA_ASK_MAX_OUTPUT_TOKENS,
    SOMA_ASK_N,
    SOMA_ASK_BEST_OF,
    SOMA_ASK_SERVICE_TIER,
    SOMA_ASK_USER,
    SOMA_ASK_MESSAGES,
    SOMA_ASK_INPUT,
    SOMA_ASK_PROMPT,
    SOMA_ASK_TOOLS,
    SOMA_ASK_BACKGROUND,
    SOMA_ASK_PREVIOUS,
    SOMA_ASK_CONVERSATION,
    SOMA_ASK_STORE,
    SOMA_ASK_METADATA,
    SOMA_ASK_SIZE,
    SOMA_ASK_QUALITY,
    SOMA_ASK_CONTAINER,
    SOMA_ASK_TOTAL
} soma_ask_member_e;


typedef struct {
    soma_object_e  kind;
    soma_str_t     id;          /* unescaped, of any bytes */
} soma_ask_id_t;


#define SOMA_ASK_IDS_MAX     32
#define SOMA_ASK_HOSTED_MAX  8      /* kinds of a provider's own tools */


/* what a client asks, read off its body */
typedef struct {
    soma_api_e         api;
    const soma_url_t  *url;             /* that it came to */
    soma_str_t         model;           /* unescaped */
    int64_t            max_tokens;      /* of an answer, -1: not said */
    int64_t            n;               /* answers made, at least 1, */
    int64_t            prompts;         /* to each of these, at least 1 */
    int64_t            form_tokens;     /* a bound of a form's prompt, 0: by
                                           its bytes */
    int64_t            bound;           /* what encode() says for a client
                                           that said no max_tokens, 0:
                                           nothing */
    soma_tier_e        tier;
    size_t             body_len;
    soma_work_t        work;            /* paid by the piece */
    soma_str_t         hosted[SOMA_ASK_HOSTED_MAX];     /* types of tools that
                                           the provider runs */
    unsigned           nhosted;
    unsigned           nids;
    soma_ask_id_t     *ids;             /* SOMA_ASK_IDS_MAX, in the arena;
                                           NULL: none were named */
    int64_t            before;          /* tokens of its prompt that are not in
                                           it: of an earlier response that
                                           this one goes on from, of tools
                                           that the provider describes */
    unsigned           unstored:1;      /* the answer is not to be kept */
    unsigned           window:1;        /* the provider reads more than the
                                           body: its prompt may be as long as
                                           the model's window */
    unsigned           stream:1;
    unsigned           usage_asked:1;   /* the client wants the usage chunk */
    unsigned           usage_left:1;    /* encode() does not ask for it */
    unsigned           newer_bound:1;   /* this provider knows the bound of a
                                           chat by OpenAI's newer name */
    soma_json_scan_t  *scan;            /* NULL: not JSON (multipart) */
} soma_ask_t;


#define SOMA_ANSWER_MODEL_MAX    96     /* a longer name is left out */
#define SOMA_ANSWER_ID_MAX       96     /* a longer one too */
#define SOMA_ANSWER_CHOICES_MAX  1024   /* as many as may be asked for */


/*
 * A piece of an answer's text as it streams, unescaped; valid for the time
 * of the call.  What has another channel does not go on where the last piece
 * ended: another choice, its reasoning, the arguments of a call.
 */
typedef void (*soma_text_pt)(void *data, unsigned channel,
    const unsigned char *p, size_t len);


/* which choices have had their end, or of a dialect without them which
 * blocks, and how far the events are numbered */
typedef struct {
    uint64_t          ended[SOMA_ANSWER_CHOICES_MAX / 64];
    unsigned          choices;          /* seen: the highest index + 1 */
    int64_t           sequence;         /* of the next event (responses) */
} soma_progress_t;


/* tokens of what a response had tools make, beside its own usage */
typedef struct {
    int64_t           input;
    int64_t           output;
    int64_t           image_input;
    int64_t           image_output;
} soma_answer_tool_t;


/* a dialect's reader of what comes in pieces; zeroed at its beginning */
#define SOMA_READER_SIZE  512

typedef struct {
    uint64_t          room[SOMA_READER_SIZE / sizeof(uint64_t)];
} soma_reader_t;


/*
 * One answer as it comes; zeroed by the caller at the start of an attempt.
 * "model" and "id" point into it, so an answer must not be moved or copied.
 */
typedef struct {
    soma_api_e        api;
    soma_usage_t      usage;            /* the last word of each field */
    soma_str_t        usage_text;       /* of the event at hand, where it
                                           stands in it; empty: it has none */
    soma_answer_tool_t  tool;           /* within usage too */
    int64_t           text_len;         /* bytes of answer text so far */
    int64_t           unheard;          /* of them what text() was not told */
    soma_str_t        model;            /* unused by settle when empty */
    soma_str_t        service_tier;
    soma_str_t        id;               /* in id_buf; empty: not said */
    int64_t           created;          /* s UTC, 0: not said */
    soma_progress_t   progress;
    soma_text_pt      text;             /* NULL: nobody listens */
    void             *text_data;
    unsigned          stream:1;
    unsigned          finished:1;       /* a finish reason was seen */
    unsigned          done:1;           /* the stream's last event was seen */
    unsigned          failed:1;         /* an error event was seen, or an
                                           error in a whole answer */
    unsigned          reasoned:1;       /* some of its reasoning was seen */
    unsigned          begun:1;          /* text was seen, a call of a tool,
                                           a picture or sound: the model has
                                           begun to answer */
    unsigned          formed:1;         /* a member was seen that only an
                                           answer has */
    unsigned          usage_proper:1;   /* usage stood where it belongs */
    unsigned char     model_buf[SOMA_ANSWER_MODEL_MAX];
    unsigned char     id_buf[SOMA_ANSWER_ID_MAX];
} soma_answer_t;


/* what to do with a streamed event */
#define SOMA_EVENT_PASS    0            /* hand it on */
#define SOMA_EVENT_DROP    1            /* the client did not ask for it */
#define SOMA_EVENT_ERROR   2            /* the provider failed: as first
                                           event, go to the next target */


/* the beginning of an answer whose status is good */
typedef struct {
    soma_api_e        api;
    soma_str_t        type;             /* Content-Type, or empty */
    soma_str_t        name;             /* of the event */
    soma_str_t        text;             /* the body, or the event's data, as
                                           far as it is there */
    unsigned          event:1;          /* the first one of a stream */
    unsigned          failed:1;         /* of a framing that says so: it is an
                                           error */
    unsigned          whole:1;          /* nothing is missing behind it */
    unsigned          closed:1;         /* said by verdict(): its JSON has
                                           come to its end */
} soma_look_t;


/* what it is */
typedef enum {
    SOMA_VERDICT_MORE = 0,              /* too little of it to tell */
    SOMA_VERDICT_GOOD,
    SOMA_VERDICT_ERROR,                 /* the provider says that it failed */
    SOMA_VERDICT_NONE                   /* nothing that answers the request */
} soma_verdict_e;


/* the body of an answer whose status is bad */
typedef struct {
    soma_json_value_t  message;         /* what it says, in the body; a JSON
                                           value, or none */
    int64_t            retry;           /* ms, when to come again; 0: it does
                                           not say */
    unsigned           whole:1;         /* a JSON object to its end */
    unsigned           ours:1;          /* written as this dialect does */
    unsigned           content:1;       /* it is about what was asked, not
                                           about who asks */
    unsigned           usage:1;         /* it names what encode() adds to get
                                           a stream's usage */
} soma_refusal_t;


typedef enum {
    SOMA_FAULT_NONE = 0,
    SOMA_FAULT_BAD_REQUEST,             /* 400 invalid_request_error */
    SOMA_FAULT_UNAUTHORIZED,            /* 401 */
    SOMA_FAULT_FORBIDDEN,               /* 403 */
    SOMA_FAULT_NO_MODEL,                /* 404 model_not_found */
    SOMA_FAULT_NOT_FOUND,               /* 404 */
    SOMA_FAULT_METHOD,                  /* 405 */
    SOMA_FAULT_CONFLICT,                /* 409 */
    SOMA_FAULT_TOO_LARGE,               /* 413 */
    SOMA_FAULT_MEDIA_TYPE,              /* 415 */
    SOMA_FAULT_UPGRADE,                 /* 426 */
    SOMA_FAULT_LOCKED,                  /* 423 training_lock */
    SOMA_FAULT_RATE,                    /* 429 rate_limit_exceeded */
    SOMA_FAULT_QUOTA,                   /* 429 insufficient_quota */
    SOMA_FAULT_INTERNAL,                /* 500 */
    SOMA_FAULT_UPSTREAM,                /* 502 */
    SOMA_FAULT_UNAVAILABLE,             /* 503 */
    SOMA_FAULT_TIMEOUT                  /* 504 */
} soma_fault_e;


/* gives the bytes of a span of the body; the glue knows where that lies */
typedef int (*soma_value_pt)(void *data, soma_json_span_t *span,
    soma_str_t *s);


/*
 * Writes one answer to a client out of the inner form.  Zeroed, and the first
 * part filled in, by whoever has the request; it must not be moved.
 */
typedef struct {
    soma_arena_t        *arena;
    soma_ask_t          *ask;           /* api, stream, usage_asked, n ... */
    const soma_inner_request_t  *request;   /* that is answered; NULL: it was
                                           not read */
    soma_str_t           id;            /* name: where the provider has none */
    soma_str_t           model;         /* name: likewise */
    int64_t              created;       /* s UTC, likewise */
    soma_usage_t         usage;         /* of the prompt, as it was counted
                                           here, for dialects that say it
                                           before the provider does */
    int64_t              cost;          /* nano-USD, to stand in the usage;
                                           -1: not told.  Set anew before
                                           SOMA_INNER_END */
    int64_t              elapsed;       /* ns since the request came, for
                                           dialects that tell it; set anew
                                           before each event, 0: not known */

    /* out, at SOMA_DECLINED: a constant sentence */
    const char          *error;

    void                *state;         /* the dialect's own, from the arena;
                                           NULL at its first event */
} soma_writer_t;


/* reads one answer of a provider into the inner form; likewise */
typedef struct {
    soma_arena_t        *arena;
    soma_api_e           api;           /* of the provider's */
    const soma_inner_request_t  *request;   /* that it answers, for names of
                                           tools; NULL: not known */
    soma_inner_sink_pt   sink;
    void                *data;          /* of the sink */
    uint64_t             seed;          /* of ids that have to be made: another
                                           one for each answer */
    void                *state;
} soma_decoder_t;


/* a request to a target that is answered here; see "local" */
typedef struct {
    soma_arena_t                *arena;
    soma_ask_t                  *ask;       /* max_tokens, n, tier */
    const soma_inner_request_t  *request;
    soma_str_t                   id;        /* name: of the request */
    soma_str_t                   model;     /* name: as the client called it */
    int64_t                      created;   /* s UTC */

    /* out, at SOMA_DECLINED: a sentence */
    const char                  *error;
} soma_local_t;


typedef struct {
    soma_str_t  name;                   /* in small letters */
    soma_str_t  value;
} soma_header_t;


/* names of the headers that tell what limits leave, and how the time of a
 * reset is written */
typedef enum {
    SOMA_RESET_DURATION = 0,            /* "1m30s" */
    SOMA_RESET_TIME                     /* RFC 3339 */
} soma_reset_e;

/* requests, tokens and cost, in that order */
#define SOMA_RATE_NAMES  3

typedef struct {
    soma_str_t    limit;
    soma_str_t    remaining;
    soma_str_t    reset;
} soma_rate_names_t;


/* OpenAI's, which most clients know, for dialects that have none */
extern const soma_rate_names_t  soma_dialect_rate[SOMA_RATE_NAMES];


/* a request as it goes to a provider, to be signed */
typedef struct {
    soma_str_t           method;
    soma_str_t           host;
    soma_str_t           path;          /* as it is sent */
    soma_str_t           args;          /* likewise, without "?" */
    soma_str_t           type;          /* Content-Type, or empty */
    const soma_str_t    *body;          /* pieces */
    unsigned             npieces;
    int64_t              now;           /* ms UTC */
    soma_str_t           region;
    soma_str_t           id;            /* of the access key */
    soma_str_t           secret;
    soma_str_t           token;         /* of the session, or empty */
} soma_sign_t;


/* bytes of the lines that sign() writes, at the most, with a session's token
 * of the longest kind */
#define SOMA_SIGN_MAX  12288


/*
 * A dialect has two halves and some data.  Of a client it is asked what the
 * client says and how to answer it, of a provider how to ask and what it
 * answers.  Where both ends speak one dialect its bytes pass ("splice"), with
 * edits; where they do not, the client's half reads the request into the
 * inner form and the provider's half writes it, and the answer goes the other
 * way.  A half that a dialect does not have is NULL throughout.
 */
typedef struct soma_dialect_s  soma_dialect_t;

struct soma_dialect_s {
    soma_str_t                name;

    /* the dialect whose clients a target passes the bytes of too, where they
     * come to one of those APIs (bits 1 << soma_api_e), or, of a client's half
     * alone, whose targets pass its bytes; NULL: itself alone */
    const soma_dialect_t     *kin;
    unsigned                  kin_apis;

    /* data */

    /* the members to look for: SOMA_ASK_TOTAL of them, in that order; one
     * that the dialect does not have has an empty name */
    const soma_json_want_t   *want;

    /* the member of "metadata" that says who asks; NULL: SOMA_ASK_USER is */
    const char               *user;

    /* what of a request is prompt, for soma_prompt.h */
    const soma_prompt_names_t  *prompt;


    /* the client's half */

    /*
     * url->surface, ->id and ->model.  SOMA_OK; SOMA_DECLINED: it is none of
     * this dialect's endpoints, and nothing is set; SOMA_ERROR: no memory.
     */
    int                     (*surface)(soma_url_t *url, soma_arena_t *arena);

    /* what a sentence names where there is no such endpoint */
    const char               *surfaces;

    /*
     * Reads ask->scan's spans.  SOMA_ERROR: *error is a sentence for the
     * client (model missing, stream no boolean ...).
     */
    int                     (*ask)(soma_ask_t *ask, soma_arena_t *arena,
                                soma_value_pt value, void *data,
                                const char **error);

    /*
     * What an answer's bound is called: for a client that has to say it, a
     * list for a sentence; NULL: this API has none.
     */
    const char             *(*bounds)(soma_api_e api);

    /*
     * The whole body, in memory, as an inner request that points into it; ask
     * as ask() left it.  SOMA_OK; SOMA_DECLINED: the inner form has no such
     * API; SOMA_ERROR: *error is a sentence for the client, NULL: no memory.
     */
    int                     (*read_request)(soma_inner_request_t *request,
                                const soma_ask_t *ask, soma_arena_t *arena,
                                soma_str_t body, const char **error);

    /*
     * Takes the next event of an answer; what the client is to get for it is
     * put into "out": of a stream at once, of a whole answer all of it at
     * SOMA_INNER_END.  SOMA_OK; SOMA_DECLINED: the client cannot be told that,
     * writer->error says why; SOMA_ERROR: no memory.
     */
    int                     (*write)(soma_writer_t *writer,
                                soma_pieces_t *out,
                                const soma_inner_event_t *event);

    /* an error body, and an error event for the middle of a stream (with
     * what ends a stream well-formed); code may be empty */
    void                    (*fault)(soma_out_t *out, soma_fault_e fault,
                                soma_str_t code, soma_str_t message);
    void                    (*fault_event)(soma_out_t *out,
                                const soma_ask_t *ask, soma_fault_e fault,
                                soma_str_t code, soma_str_t message);

    /* the same body where it is known when the client may come again (ms, above
     * 0), for dialects that say so in it; NULL: the header is enough */
    void                    (*fault_retry)(soma_out_t *out,
                                soma_fault_e fault, soma_str_t code,
                                soma_str_t message, int64_t retry);

    /* the status of an error, where it is not that of
     * soma_dialect_fault_status(); and the header that names it, with what it
     * says.  NULL, and empty: as everybody */
    int                     (*fault_status)(soma_fault_e fault);
    soma_str_t                fault_header;
    soma_str_t              (*fault_name)(soma_fault_e fault);

    /* the answer to SOMA_API_COUNT: so many tokens of prompt.  NULL: its
     * clients have no such endpoint */
    void                    (*count)(soma_out_t *out, const soma_ask_t *ask,
                                int64_t tokens);

    /* Content-Type of a stream, and what is sent in one between two events to
     * say that it lives; NULL: server-sent events and a comment */
    soma_str_t              (*stream_type)(const soma_ask_t *ask);
    soma_str_t              (*beat)(const soma_ask_t *ask);

    /*
     * What ends a spliced stream that is cut because its budget is spent, as
     * if it had reached its bound: every choice ended for its length, the
     * usage if the client asked for it, the end.  "cost" (nano-USD) stands in
     * the usage, unless it is -1.  At most SOMA_CUT_EVENT_MAX bytes for each
     * of the choices seen, of a chat for each of ask->n too, and twice more.
     */
    void                    (*cut)(soma_out_t *out, soma_ask_t *ask,
                                soma_answer_t *answer,
                                const soma_usage_t *usage, int64_t cost);

    /* SOMA_RATE_NAMES of them; an empty name is not told.  What begins with
     * the prefix is a provider's own count */
    const soma_rate_names_t  *rate;
    const char               *rate_prefix;
    soma_reset_e              reset;


    /* the provider's half */

    /* headers of every request, unless the client's own pass; prefixes of
     * names of headers that go to no provider of another dialect, the last one
     * empty; and what comes before an api_key in its header line */
    const soma_header_t      *headers;
    unsigned                  nheaders;
    const soma_str_t         *own_headers;
    soma_str_t                credential;

    /* names of the query arguments that go up, the last one empty; with a
     * body, and to what is stored */
    const soma_str_t         *args;
    const soma_str_t         *stored_args;

    /* bits (1 << soma_api_e) of the client's APIs that write_request() can
     * say: all that are a conversation, as a rule */
    unsigned                  apis;

    /* where a request of the inner form goes, below the endpoint, with a query
     * where it needs one; request->model is the provider's name.  The bytes
     * are constant, or in the arena; empty: no memory */
    soma_str_t              (*path)(soma_arena_t *arena,
                                const soma_inner_request_t *request);

    /* the same for a client of this dialect, whose URL names its model; NULL:
     * it is what the client wrote, below the version */
    soma_str_t              (*splice_path)(soma_arena_t *arena,
                                const soma_ask_t *ask, soma_str_t model);

    /* what the answer to a request that came to another dialect's API is, to
     * event() and body(); NULL: it is called as the client's */
    soma_api_e              (*answers)(soma_api_e api);

    /* names of tools, and ids of calls, that it takes; NULL: all */
    const soma_names_t       *tool_names;
    const soma_names_t       *call_ids;

    /*
     * What shows who asks, where that depends on all of the request: header
     * lines into "out".  SOMA_OK, or SOMA_ERROR: they do not fit.  NULL: the
     * api_key's line is enough.
     */
    int                     (*sign)(soma_sign_t *sign, soma_out_t *out);

    /* bits (1 << soma_inner_kind_e) of what it takes by its bytes alone: the
     * gateway fetches what a client has by URL before write_request() */
    unsigned                  fetches;

    /*
     * A client of this dialect: the edits that turn its body into the
     * provider's: "model" renamed, usage asked for in a stream, the answer's
     * bound said by the provider's name for it alone.  Texts live in the
     * arena.
     */
    int                     (*splice)(soma_ask_t *ask, soma_str_t model,
                                soma_arena_t *arena, soma_value_pt value,
                                void *data, soma_json_edits_t *edits);

    /*
     * A client of another one: the body out of the inner form.  request->model
     * is the provider's name, ask->bound what it is told for a client that
     * said no max_tokens.  SOMA_OK; SOMA_DECLINED: loss->refused and
     * loss->why say what of it has no place here; SOMA_ERROR: no memory.
     */
    int                     (*write_request)(soma_pieces_t *out,
                                const soma_inner_request_t *request,
                                soma_ask_t *ask, soma_inner_loss_t *loss);

    /* of its streams; who finds an array where events should be reads that */
    soma_framing_e            framing;

    /*
     * What an answer tells the books, whether its bytes pass or not.  The
     * next bytes of a whole JSON answer.  SOMA_AGAIN: its end is yet to
     * come, SOMA_OK: it has ended (white space may follow), SOMA_ERROR: it
     * is no JSON.  answer->failed and ->formed are set as soon as it says so,
     * whatever its length.
     */
    int                     (*body)(soma_answer_t *answer,
                                soma_reader_t *reader,
                                const unsigned char *p, size_t len);

    /* a header line of the answer, its name in small letters, that may tell
     * what holds where the body says nothing; NULL: none does */
    void                    (*usage_header)(soma_usage_t *usage,
                                soma_str_t name, soma_str_t value);

    /* one streamed event that lies whole: SOMA_EVENT_* */
    int                     (*event)(soma_answer_t *answer, soma_ask_t *ask,
                                soma_sse_event_t *event);

    /* one part after the other of an event that is too long for that; never
     * SOMA_EVENT_DROP */
    int                     (*part)(soma_answer_t *answer, soma_ask_t *ask,
                                soma_reader_t *reader,
                                soma_sse_event_t *event);

    /* see above; a verdict that is not _MORE stays, whatever follows, but
     * for an error behind the text of a good one */
    soma_verdict_e          (*verdict)(soma_look_t *look);
    void                    (*refusal)(soma_str_t body,
                                soma_refusal_t *refusal);

    /*
     * The same answer as inner events, for a client of another dialect: a
     * whole one; one event of a stream; the connection's end, where
     * SOMA_DECLINED says that the stream was cut.  SOMA_ERROR: no memory, or
     * the sink said so.
     */
    int                     (*read_whole)(soma_decoder_t *decoder,
                                soma_str_t body);
    int                     (*read_event)(soma_decoder_t *decoder,
                                soma_sse_event_t *event);
    int                     (*read_end)(soma_decoder_t *decoder);

    /*
     * A target that needs no network: its answer, as events to the sink.
     * SOMA_OK; SOMA_DECLINED: local->error; SOMA_ERROR: no memory, or the
     * sink said so.  NULL: it has an endpoint.
     */
    int                     (*local)(soma_local_t *local,
                                soma_inner_sink_pt sink, void *data);
};


#define SOMA_CUT_EVENT_MAX  2048


/* "echo" is a provider that answers here, with what it was told */
extern const soma_dialect_t  soma_openai;
extern const soma_dialect_t  soma_openai_chat;
extern const soma_dialect_t  soma_openai_responses;
extern const soma_dialect_t  soma_anthropic;
extern const soma_dialect_t  soma_ollama;
extern const soma_dialect_t  soma_gemini;
extern const soma_dialect_t  soma_gemini_raw;
extern const soma_dialect_t  soma_bedrock;
extern const soma_dialect_t  soma_cohere;
extern const soma_dialect_t  soma_echo;

/*
 * The dialect of whoever asks for that, with url->surface and what stands in
 * it.  No dialect has it: url->surface is NULL, and the client is told so by
 * the first one.
 */
const soma_dialect_t *soma_dialect_client(soma_url_t *url,
    soma_arena_t *arena);

/* what is behind the last such segment of a path ("/v2/", "/model/"), with the
 * slash before it; data NULL: it is not there */
soma_str_t soma_dialect_below(soma_str_t path, const char *segment);

/* %XX undone, in the arena; SOMA_OK, SOMA_DECLINED where it is broken or hides
 * a byte below 0x20, or SOMA_ERROR (no memory) */
int soma_dialect_unescape(soma_arena_t *arena, soma_str_t s, soma_str_t *to);

/* a model's name in a path: all but letters, digits and "-._~" escaped, into
 * 3 * s.len bytes; returns how many */
size_t soma_dialect_escape(unsigned char *to, soma_str_t s);

/* 1: what a client asks of that API goes to the target as it is, with edits */
int soma_dialect_same(const soma_dialect_t *client,
    const soma_dialect_t *target, soma_api_e api);

/* HTTP status of a fault as a dialect's clients know it */
int soma_dialect_status(const soma_dialect_t *dialect, soma_fault_e fault);

/* NULL when unknown; *names is a list for an error message */
const soma_dialect_t *soma_dialect_find(soma_str_t name, const char **names);

/* HTTP status of a fault */
int soma_dialect_fault_status(soma_fault_e fault);

/*
 * When a client may come again, in ms; 0: it is not told.  known: what the
 * cause of the fault tells of it, 0: nothing.  What is away is asked for again
 * in a moment.
 */
#define SOMA_DIALECT_MOMENT  1000       /* ms */

int64_t soma_dialect_fault_retry(soma_fault_e fault, int64_t known);

/* what a provider's status is to a client: the fault, and the status to say,
 * which for a 4xx is the same one */
soma_fault_e soma_dialect_fault_of(int status, int *client);

/*
 * The first event of a stream that holds data, as far as it is there, into
 * name, text, event and whole.  SOMA_AGAIN: none yet; *skip says how many
 * bytes are whole comments, blank lines and events without data.  A text in
 * several lines that is whole is copied together; SOMA_ERROR: no memory.
 */
int soma_look_event(soma_look_t *look, soma_arena_t *arena,
    const unsigned char *p, size_t len, size_t *skip);

/* the same of a stream in another framing; SOMA_DECLINED: it is none */
int soma_look_frame(soma_look_t *look, soma_framing_e framing,
    const unsigned char *p, size_t len, size_t *skip);

/* tokens of "len" bytes of text when nobody counts them: a quarter, rounded
 * up, what English text comes to in the field's tokenizers */
int64_t soma_dialect_estimate_tokens(int64_t len);

/* what they are at the least: no text of an answer comes to fewer, however
 * long its words or wide its letters.  An estimate may pass what a provider
 * was told, with a provider that kept to it; this may not */
int64_t soma_dialect_sure_tokens(int64_t len);


#endif /* SOMA_DIALECT_H */
