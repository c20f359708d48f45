
/*
 * Copyright (C) The ngx_soma authors
 *
 * The inner form: what a request, an answer, a stream and an error say,
 * whatever dialect they were written in.  A client's half of a dialect reads
 * requests into it and writes answers out of it; a provider's half writes
 * requests out of it and reads answers into it.  So N dialects are N readers
 * and N writers, and no pair of them has code of its own.  Two equal dialects
 * never come here: their bytes pass, with splices.
 *
 * Owner and lifetime.  A request lives in the arena that its reader was
 * given, and in the body that it read: most of its strings point into that
 * body, which must outlive it and must not be moved.  An event, and all that
 * it points to, is good for the time of the call that hands it over; who
 * needs more of it copies it.
 *
 * Three kinds of string, told by the comment at each:
 *
 *   text   what stands between the quotes of a JSON string: escaped, valid
 *          UTF-8, no half of a surrogate pair.  All dialects are JSON, so
 *          most texts are put between the next dialect's quotes as they are,
 *          with no copy and no second escaping.  soma_inner_plain() takes
 *          the escapes off for who has to look at characters.
 *   raw    one JSON value as it stood, checked to be one: arguments, schemas,
 *          numbers.  Order of members, "1.0", 64-bit numbers and members
 *          that stand twice are kept, for caches and models care.
 *   name   decoded bytes: ids, names of tools, models, media types.
 *
 * A string whose data is NULL is not there; one of length 0 is there and
 * empty.
 *
 * Order is meaning: blocks stand in the order of the conversation, calls and
 * reasoning and text among each other.  A dialect that has one string with
 * the calls beside it takes that order apart and puts it together itself.
 *
 * What a dialect does not know.  A member of a request that its reader knows
 * by no other field goes to "other" with its name; a writer of another
 * dialect leaves out those that are hints, and refuses the rest by that name
 * (soma_lossy).  A block that only its own dialect can say is
 * SOMA_INNER_OPAQUE with its kind and its raw span: it goes back to a
 * provider of that dialect and to no other.  Nothing is dropped in silence.
 *
 * Bounds are the SOMA_INNER_..._MAX below; a reader that meets more refuses
 * the request, or ends the answer, with an error that names the bound.
 */


#ifndef SOMA_INNER_H
#define SOMA_INNER_H


#include "soma_base.h"
#include "soma_usage.h"


#define SOMA_INNER_TURNS_MAX     8192
#define SOMA_INNER_BLOCKS_MAX    65536      /* of a request, all its turns */
#define SOMA_INNER_TOOLS_MAX     1024
#define SOMA_INNER_STOPS_MAX     16
#define SOMA_INNER_OTHERS_MAX    64
#define SOMA_INNER_LABELS_MAX    64
#define SOMA_INNER_OPEN_MAX      128        /* blocks open at once in a
                                               stream */
#define SOMA_INNER_CHOICES_MAX   1024
#define SOMA_INNER_ID_MAX        1536       /* a call's id may carry a
                                               signature */
#define SOMA_INNER_NAME_MAX      512


/* a member of the client's that is kept as it was said */
typedef struct {
    soma_str_t  raw;                /* raw; data NULL: not said */
    soma_str_t  name;               /* name: what the client calls it, a path
                                       for a nested one ("thinking.type") */
} soma_inner_value_t;


/* blocks */

typedef enum {
    SOMA_INNER_TEXT = 0,
    SOMA_INNER_IMAGE,
    SOMA_INNER_DOCUMENT,
    SOMA_INNER_AUDIO,
    SOMA_INNER_VIDEO,
    SOMA_INNER_CALL,                /* the model calls a tool */
    SOMA_INNER_RESULT,              /* what the tool gave back */
    SOMA_INNER_REASONING,
    SOMA_INNER_SEARCH_RESULT,
    SOMA_INNER_REFUSAL,
    SOMA_INNER_OPAQUE
} soma_inner_kind_e;


/* where the bytes of an image, a document, sound or video are */
typedef enum {
    SOMA_INNER_BYTES = 0,           /* "data": base64, as text */
    SOMA_INNER_URL,                 /* "data": text */
    SOMA_INNER_FILE,                /* "data": a provider's own id, name */
    SOMA_INNER_PLAIN,               /* "data": a document's words, text */
    SOMA_INNER_PARTS                /* "content": a document's own blocks */
} soma_inner_source_e;


typedef enum {
    SOMA_INNER_FUNCTION = 0,
    SOMA_INNER_CUSTOM,              /* free text in, perhaps by a grammar */
    SOMA_INNER_HOSTED               /* the provider's own: raw */
} soma_inner_tool_e;


/* a prompt cache's mark behind a block, a tool or the system */
typedef enum {
    SOMA_INNER_CACHE_NONE = 0,
    SOMA_INNER_CACHE_5M,
    SOMA_INNER_CACHE_1H
} soma_inner_cache_e;


typedef struct soma_inner_block_s  soma_inner_block_t;

struct soma_inner_block_s {
    soma_inner_block_t   *next;
    soma_inner_kind_e     kind;
    soma_inner_cache_e    cache;

    /* TEXT, REASONING, REFUSAL, SEARCH_RESULT: the words; CALL: empty, or of
     * a custom tool its input; DOCUMENT: what is said about it */
    soma_str_t            text;     /* text */

    /* IMAGE, DOCUMENT, AUDIO, VIDEO */
    soma_inner_source_e   source;
    soma_str_t            data;     /* as soma_inner_source_e says */
    soma_str_t            media;    /* name: image/png; empty: not said */
    soma_str_t            title;    /* text: a file's name, a document's */
    soma_str_t            detail;   /* name: of an image, "low", "high" ... */

    /* CALL, RESULT */
    soma_inner_tool_e     tool;
    soma_str_t            id;       /* name: of the call, in both */
    soma_str_t            name;     /* name: of the tool; a reader that sees
                                       it in the call only puts it into the
                                       result too */
    soma_str_t            arguments;    /* raw: an object; what is no JSON:
                                           text, and "broken" is set */
    soma_inner_block_t   *content;  /* RESULT, DOCUMENT: its own blocks */

    /* REASONING, and the signature that stands on another block */
    soma_str_t            signature;    /* text */
    soma_str_t            opaque;   /* text: redacted or encrypted reasoning */
    soma_str_t            maker;    /* name: PROVIDER/MODEL of the signature,
                                       or the dialect alone ("anthropic")
                                       where the bytes do not tell more; so
                                       for all that one dialect can say only:
                                       OPAQUE, "raw", files.  It goes back to
                                       that maker and to no other. */

    /* OPAQUE and SEARCH_RESULT: the block as it stood; TEXT: its citations,
     * an array */
    soma_str_t            type;     /* name: the kind in its dialect */
    soma_str_t            raw;      /* raw */

    unsigned              error:1;  /* RESULT: the tool failed */
    unsigned              broken:1; /* CALL: arguments are no JSON */
    unsigned              cite:1;   /* DOCUMENT: citations are asked for */
};


/* a request */

typedef enum {
    SOMA_INNER_SYSTEM = 0,          /* in the midst of a conversation: those
                                       at its start are request->system */
    SOMA_INNER_DEVELOPER,
    SOMA_INNER_USER,
    SOMA_INNER_ASSISTANT
} soma_inner_role_e;


typedef struct soma_inner_turn_s  soma_inner_turn_t;

struct soma_inner_turn_s {
    soma_inner_turn_t    *next;
    soma_inner_role_e     role;
    soma_inner_block_t   *blocks;
    soma_str_t            name;     /* text: of the speaker */
    unsigned              string:1; /* the client wrote the short form: one
                                       string for its one text */
};


typedef struct {
    soma_inner_tool_e     kind;
    soma_str_t            name;     /* name */
    soma_str_t            about;    /* text: the description */
    soma_str_t            schema;   /* raw: JSON Schema of the arguments */
    soma_str_t            grammar;  /* raw: of a custom tool */
    soma_str_t            type;     /* HOSTED: name, as its dialect has it */
    soma_str_t            raw;      /* HOSTED: raw */
    soma_str_t            maker;    /* HOSTED: name, the dialect */
    soma_inner_cache_e    cache;
    unsigned              strict_said:1;
    unsigned              strict:1;
} soma_inner_toolset_t;


typedef enum {
    SOMA_INNER_CHOICE_UNSET = 0,
    SOMA_INNER_CHOICE_AUTO,
    SOMA_INNER_CHOICE_NONE,
    SOMA_INNER_CHOICE_ANY,
    SOMA_INNER_CHOICE_ONE,          /* names[0] */
    SOMA_INNER_CHOICE_SOME          /* of "names", auto or, with "must", any */
} soma_inner_choice_e;


typedef enum {
    SOMA_INNER_FORMAT_TEXT = 0,
    SOMA_INNER_FORMAT_OBJECT,       /* any JSON object */
    SOMA_INNER_FORMAT_SCHEMA,
    SOMA_INNER_FORMAT_ENUM          /* one of the schema's words, as text */
} soma_inner_format_e;


typedef enum {
    SOMA_INNER_EFFORT_UNSET = 0,
    SOMA_INNER_EFFORT_NONE,         /* off */
    SOMA_INNER_EFFORT_MINIMAL,
    SOMA_INNER_EFFORT_LOW,
    SOMA_INNER_EFFORT_MEDIUM,
    SOMA_INNER_EFFORT_HIGH,
    SOMA_INNER_EFFORT_XHIGH,
    SOMA_INNER_EFFORT_MAX
} soma_inner_effort_e;


/*
 * Members that are one value and mean one thing.  A writer that has no place
 * for one of them leaves it out if it is a hint or states the default, and
 * refuses it by the client's own name for it otherwise.
 */
typedef enum {
    SOMA_INNER_MAX_TOKENS = 0,
    SOMA_INNER_TEMPERATURE,
    SOMA_INNER_TOP_P,
    SOMA_INNER_TOP_K,
    SOMA_INNER_FREQUENCY_PENALTY,
    SOMA_INNER_PRESENCE_PENALTY,
    SOMA_INNER_SEED,
    SOMA_INNER_N,
    SOMA_INNER_LOGPROBS,            /* true or false */
    SOMA_INNER_TOP_LOGPROBS,
    SOMA_INNER_LOGIT_BIAS,
    SOMA_INNER_MIN_P,
    SOMA_INNER_PREDICTION,
    SOMA_INNER_VERBOSITY,
    SOMA_INNER_TRUNCATION,
    SOMA_INNER_USER_ID,             /* user, safety_identifier, user_id */
    SOMA_INNER_TIER,                /* service tier */
    SOMA_INNER_STORE,
    SOMA_INNER_CACHE_KEY,
    SOMA_INNER_MEMBERS
} soma_inner_member_e;


typedef struct {
    soma_str_t            name;     /* text */
    soma_str_t            value;    /* text */
} soma_inner_label_t;


/*
 * What the turns are.  Those of prompts and inputs are the user's all of
 * them; one that the client gave as token numbers is a block OPAQUE of type
 * "tokens", whose raw is an array of integers.
 */
typedef enum {
    SOMA_INNER_CONVERSATION = 0,
    SOMA_INNER_PROMPTS,             /* each is to be gone on from, apart from
                                       the others: completions */
    SOMA_INNER_INPUTS               /* each is to become a vector: embeddings */
} soma_inner_task_e;


/*
 * Keeps what a client has no room for, and gives it back for as long as it
 * has it itself.  put: SOMA_OK, and the letters that an id may have in the
 * place of the bytes, or SOMA_DECLINED; get: SOMA_OK, and a copy in the arena,
 * SOMA_DECLINED, or SOMA_ERROR (no memory).
 */
typedef struct {
    int                 (*put)(void *data, soma_str_t bytes,
                              unsigned char *key);
    int                 (*get)(void *data, soma_arena_t *arena,
                              soma_str_t key, soma_str_t *bytes);
    void                 *data;
} soma_seal_store_t;


typedef struct {
    soma_str_t            model;    /* name: the target's, for a writer */
    const soma_seal_store_t  *seals;    /* in, for a reader too; NULL: none */
    soma_str_t            betas;    /* in, for a writer: what Anthropic has on
                                       trial and the client's headers ask
                                       for, with commas between */
    soma_inner_task_e     task;
    unsigned              stream:1;
    unsigned              base64:1; /* INPUTS: vectors as base64 */

    soma_inner_block_t   *system;   /* those before the first turn */
    soma_inner_turn_t    *turns;
    unsigned              nturns;

    soma_inner_toolset_t *tools;
    unsigned              ntools;
    soma_inner_choice_e   choice;
    soma_str_t            choice_name;  /* name: the client's member */
    soma_str_t           *names;    /* name: of the tools it may choose */
    unsigned              nnames;
    unsigned              must:1;   /* SOME: one of them has to be called */
    unsigned              one_call:1;   /* no calls side by side */

    soma_inner_format_e   format;
    soma_str_t            format_member;    /* name: the client's member */
    soma_str_t            format_name;      /* text: the schema's */
    soma_str_t            format_about;     /* text */
    soma_str_t            format_schema;    /* raw */
    unsigned              format_strict:1;

    soma_inner_effort_e   effort;
    int64_t               budget;   /* reasoning tokens, -1: not said */
    soma_str_t            reasoning_member; /* name: the client's member */
    unsigned              adaptive:1;   /* the model decides how much, and
                                           the effort is but a bound */
    unsigned              show_said:1;
    unsigned              show:1;   /* the client wants to see reasoning */

    soma_inner_cache_e    cache;    /* a point wherever the prompt ends */

    soma_str_t            stops[SOMA_INNER_STOPS_MAX];      /* text */
    unsigned              nstops;
    soma_str_t            stop_member;      /* name */

    soma_inner_value_t    member[SOMA_INNER_MEMBERS];
    soma_inner_label_t   *labels;   /* metadata */
    unsigned              nlabels;
    soma_str_t            label_member; /* name: of the client */

    soma_inner_value_t    other[SOMA_INNER_OTHERS_MAX];
    unsigned              nothers;
} soma_inner_request_t;


/*
 * How a request was written for a target that is of another dialect than the
 * client: what could not be said.  Texts live in the arena of the writer.
 */
#define SOMA_INNER_DROPS_MAX  32

/* what a model does not take, or takes otherwise: facts of the catalogue,
 * bits */
#define SOMA_FACT_NO_SAMPLING    0x0001     /* temperature, top_p, top_k */
#define SOMA_FACT_NO_FORCING     0x0002     /* a choice of any or one tool */
#define SOMA_FACT_NO_SCHEMA      0x0004     /* output by a JSON schema */
#define SOMA_FACT_NO_REASONING   0x0008     /* effort, budget, off */
#define SOMA_FACT_NO_TOOLS       0x0010
#define SOMA_FACT_NO_IMAGES      0x0020
#define SOMA_FACT_NO_DOCUMENTS   0x0040
#define SOMA_FACT_ONE_SAMPLING   0x0080     /* temperature or top_p, not both */
#define SOMA_FACT_ADAPTIVE       0x0100     /* an effort, no budget */
#define SOMA_FACT_BUDGET         0x0200     /* a budget, no effort or level */
#define SOMA_FACT_DEVELOPER      0x0400     /* the role "developer" */
#define SOMA_FACT_CALL_CHECK     0x0800     /* the first call of a step needs
                                               its signature */

typedef enum {
    SOMA_INNER_REFUSE = 0,          /* what changes the answer's meaning */
    SOMA_INNER_WARN,                /* left out, and named */
    SOMA_INNER_DROP                 /* left out */
} soma_inner_lossy_e;

typedef struct {
    soma_inner_lossy_e    lossy;    /* in */
    int64_t               max_tokens;   /* in: the model's greatest answer, for
                                           dialects that must say one; 0: not
                                           known */
    unsigned              facts;        /* in: SOMA_FACT_... of the model */
    unsigned              adaptive:1;   /* the writer's own: the model takes
                                           an effort, no budget of reasoning
                                           tokens */
    unsigned              stops:1;      /* out: the target does not know them
                                           all: the answer is to go through
                                           soma_stops.h */
    soma_str_t            refused;  /* out: name of the client's member */
    const char           *why;      /* out: a constant clause, "has no place
                                       in an anthropic request" */
    soma_str_t            dropped[SOMA_INNER_DROPS_MAX];    /* out: names */
    unsigned              ndropped;
} soma_inner_loss_t;


/* an answer, streamed or whole: the same events in the same order */

typedef enum {
    SOMA_INNER_START = 0,           /* id, model, created; usage: what is
                                       known of the prompt */
    SOMA_INNER_BEGIN,               /* block, kind; CALL: id, name, tool */
    SOMA_INNER_DELTA,               /* text: more of the block's words: TEXT,
                                       REASONING, REFUSAL; of a CALL a piece
                                       of its arguments, or of a custom
                                       tool's input: text of a JSON string
                                       that holds them */
    SOMA_INNER_SIGNATURE,           /* block, text, opaque, maker */
    SOMA_INNER_CITATION,            /* block, type, raw */
    SOMA_INNER_MEDIA,               /* block, media, text: base64 */
    SOMA_INNER_PROBS,               /* raw: logprobs of the text at hand */
    SOMA_INNER_RAW,                 /* block of kind OPAQUE: type, raw */
    SOMA_INNER_VECTOR,              /* block: the index of the input that it
                                       is of; raw: an array of numbers, or
                                       text: base64 of little-endian floats */
    SOMA_INNER_CLOSE,               /* block */
    SOMA_INNER_USAGE,               /* usage: the last word of each field */
    SOMA_INNER_FINISH,              /* finish, text: the stop sequence */
    SOMA_INNER_FAILED,              /* status, code, text: a message */
    SOMA_INNER_PING,
    SOMA_INNER_END                  /* the provider's own proper end */
} soma_inner_event_e;


/*
 * What a reader of answers keeps to, so that a writer need not ask:
 *
 * START comes once and first, unless the first is FAILED.  Each block of a
 * choice has one BEGIN, then what belongs to it, then one CLOSE; its number is
 * one more than that of the block before it, and several may be open at a
 * time.  RAW and VECTOR are a block with no more to it.  A CALL begins when
 * its name is known.  Deltas hold whole characters (soma_mend.h).  FINISH
 * comes once a choice, when its blocks are closed, and not for vectors.  USAGE
 * may come at any time and often, and each is the whole of what is known.
 * After FAILED or END there is nothing more.  An answer that is cut off has no
 * END.
 */


typedef enum {
    SOMA_INNER_STOP = 0,
    SOMA_INNER_STOP_SEQUENCE,
    SOMA_INNER_TOOL_CALLS,
    SOMA_INNER_LENGTH,
    SOMA_INNER_CONTEXT_FULL,
    SOMA_INNER_FILTER,
    SOMA_INNER_REFUSED,
    SOMA_INNER_PAUSE,
    SOMA_INNER_MALFORMED_CALL,
    SOMA_INNER_OTHER
} soma_inner_finish_e;


typedef struct {
    soma_inner_event_e    event;
    unsigned              choice;   /* below SOMA_INNER_CHOICES_MAX */
    unsigned              block;    /* from 0 in this choice, as they begin */
    soma_inner_kind_e     kind;
    soma_inner_tool_e     tool;
    soma_inner_finish_e   finish;
    int                   status;   /* FAILED: as HTTP would say it */
    int64_t               created;  /* s UTC, 0: not said */
    soma_str_t            id;       /* name */
    soma_str_t            name;     /* name: of a tool; START: the model */
    soma_str_t            text;     /* text */
    soma_str_t            opaque;   /* text */
    soma_str_t            maker;    /* name */
    soma_str_t            media;    /* name */
    soma_str_t            type;     /* name; FAILED: the provider's word */
    soma_str_t            code;     /* name: FAILED */
    soma_str_t            raw;      /* raw */
    const soma_usage_t   *usage;
} soma_inner_event_t;


/* where a reader puts its events: SOMA_OK, or SOMA_ERROR to end the answer */
typedef int (*soma_inner_sink_pt)(void *data, const soma_inner_event_t *event);


/* a zeroed request with nothing said */
void soma_inner_request_init(soma_inner_request_t *request);

/* appends at *last, which is moved on; NULL: no memory */
soma_inner_turn_t *soma_inner_turn(soma_arena_t *arena,
    soma_inner_turn_t ***last, soma_inner_role_e role);
soma_inner_block_t *soma_inner_block(soma_arena_t *arena,
    soma_inner_block_t ***last, soma_inner_kind_e kind);

/* notes a member that has no field of its own; SOMA_DECLINED: too many */
int soma_inner_other(soma_inner_request_t *request, soma_str_t name,
    soma_str_t raw);

/* notes a member that is left out, by the client's name of it */
void soma_inner_drop(soma_inner_loss_t *loss, soma_str_t name);

/*
 * A member that the target cannot say: SOMA_OK where it is left out and
 * noted, SOMA_DECLINED where the request is refused for it.  why: a constant
 * clause.
 */
int soma_inner_lose(soma_inner_loss_t *loss, soma_str_t name,
    const char *why);

/* a text without its escapes, in the arena where it had some: SOMA_OK, or
 * SOMA_ERROR without memory */
int soma_inner_plain(soma_arena_t *arena, soma_str_t text,
    soma_str_t *plain);

/* decoded bytes as a text, with the escapes they need, likewise */
int soma_inner_text(soma_arena_t *arena, soma_str_t plain, soma_str_t *text);

/* whether bytes that came from outside are a text: what could stand between
 * the quotes of a JSON string */
int soma_inner_is_text(soma_str_t text);

/* whether a decoded text is one JSON object to its last byte: arguments of a
 * call come as texts, which nobody has checked */
int soma_inner_object(soma_str_t text);

/* the texts of the user's last turn that has some, decoded and joined by
 * blanks; empty: there is none.  SOMA_OK or SOMA_ERROR */
int soma_inner_words(soma_arena_t *arena, const soma_inner_request_t *request,
    soma_str_t *words);

/* JSON without line ends, which would end a line of a stream too; in a string
 * of JSON there is none.  It is copied if it has one: SOMA_OK, or SOMA_ERROR */
int soma_inner_flat(soma_arena_t *arena, soma_str_t *raw);

/* whether a text has nothing but blanks in it, escaped ones among them */
int soma_inner_blank(soma_str_t text);

/*
 * data:MEDIA[;parameter]...;base64,BYTES of a decoded URL into media and
 * data, which is standard base64.  SOMA_OK; SOMA_DECLINED: it is no data URL;
 * SOMA_ERROR: it is one whose bytes are not in base64, or there is no memory.
 */
int soma_inner_data_url(soma_arena_t *arena, soma_str_t url,
    soma_str_t *media, soma_str_t *data);

/*
 * Blocks of those kinds (bits 1 << soma_inner_kind_e) whose bytes are behind a
 * URL, also within results and documents; at most "max" of them are put into
 * the list, the return value is how many there are.
 */
unsigned soma_inner_urls(const soma_inner_request_t *request, unsigned kinds,
    soma_inner_block_t **list, unsigned max);

/*
 * What was fetched of such a block: it holds its bytes from now on.  SOMA_OK;
 * SOMA_DECLINED: it is no image, and no document that is known; SOMA_ERROR: no
 * memory.
 */
int soma_inner_fetched(soma_arena_t *arena, soma_inner_block_t *block,
    soma_str_t bytes);

/* what bytes in base64 are by their beginning: image/png, image/jpeg,
 * image/gif, image/webp, application/pdf, audio/wav, audio/mpeg ...; empty:
 * nothing that is known */
soma_str_t soma_inner_sniff(soma_str_t base64);

/* effort and budget of reasoning stand for each other where a dialect has
 * only one of them: tokens, and the greatest effort that is not above them */
int64_t soma_inner_effort_budget(soma_inner_effort_e effort);
soma_inner_effort_e soma_inner_budget_effort(int64_t budget);
soma_inner_effort_e soma_inner_effort(soma_str_t word);
const char *soma_inner_effort_name(soma_inner_effort_e effort);


#endif /* SOMA_INNER_H */
