
/*
 * Copyright (C) The ngx_soma authors
 *
 * Models of other makers on Vertex AI, in words of their own:
 *
 *     /v1/projects/P/locations/L/publishers/anthropic/models/MODEL:rawPredict
 *
 * Their bodies pass as they are, and are read as those of InvokeModel of
 * Bedrock's are, which has the same models.  A client half alone: the target
 * is one of dialect gemini, whose credentials it takes.
 */


#include "soma_anthropic.h"
#include "soma_bedrock.h"
#include "soma_bedrock_read.h"
#include "soma_gemini.h"


static int soma_gemini_raw_surface(soma_url_t *url, soma_arena_t *arena);
static const char *soma_gemini_raw_bounds(soma_api_e api);
static int soma_gemini_raw_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event);
static int soma_gemini_raw_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event);
static soma_verdict_e soma_gemini_raw_verdict(soma_look_t *look);
static unsigned soma_gemini_raw_anthropic(const soma_ask_t *ask);
static void soma_gemini_raw_fault_event(soma_out_t *out,
    const soma_ask_t *ask, soma_fault_e fault, soma_str_t code,
    soma_str_t message);
static void soma_gemini_raw_cut(soma_out_t *out, soma_ask_t *ask,
    soma_answer_t *answer, const soma_usage_t *usage, int64_t cost);


static const soma_str_t  soma_gemini_raw_args[] = {
    soma_str_null
};


const soma_dialect_t  soma_gemini_raw = {
    .name = soma_string("gemini"),

    .kin = &soma_gemini,
    .kin_apis = 1u << SOMA_API_INVOKE,
    .want = soma_bedrock_want,
    .prompt = &soma_bedrock_prompt,

    .surface = soma_gemini_raw_surface,
    .surfaces = "models/MODEL:rawPredict and :streamRawPredict",
    .ask = soma_bedrock_ask,
    .bounds = soma_gemini_raw_bounds,
    .fault = soma_gemini_fault,
    .fault_retry = soma_gemini_fault_retry,
    .fault_event = soma_gemini_raw_fault_event,
    .cut = soma_gemini_raw_cut,
    .rate = soma_dialect_rate,
    .rate_prefix = "x-ratelimit-",
    .reset = SOMA_RESET_DURATION,

    .args = soma_gemini_raw_args,
    .stored_args = soma_gemini_raw_args,
    .splice_path = soma_gemini_splice_path,
    .splice = soma_bedrock_splice,
    .framing = SOMA_FRAMING_SSE,
    .body = soma_bedrock_body,
    .event = soma_gemini_raw_event,
    .part = soma_gemini_raw_part,
    .verdict = soma_gemini_raw_verdict,
    .refusal = soma_gemini_refusal
};


static int
soma_gemini_raw_surface(soma_url_t *url, soma_arena_t *arena)
{
    static const soma_surface_t  surfaces[] = {
        { soma_string(":rawPredict"), SOMA_POST, SOMA_API_INVOKE,
          SOMA_BODY_JSON, SOMA_STREAM_NEVER, 0 },
        { soma_string(":streamRawPredict"), SOMA_POST, SOMA_API_INVOKE,
          SOMA_BODY_JSON, SOMA_STREAM_ALWAYS, 0 },
        { soma_str_null, 0, 0, 0, 0, 0 }
    };

    return soma_gemini_surface_of(url, arena, surfaces);
}


/* the model has a name of its own for it */

static const char *
soma_gemini_raw_bounds(soma_api_e api)
{
    (void) api;

    return NULL;
}


static int
soma_gemini_raw_event(soma_answer_t *answer, soma_ask_t *ask,
    soma_sse_event_t *event)
{
    soma_bedrock_read_t  w;

    (void) ask;

    answer->usage_text.len = 0;

    if (event->comment || event->data.len == 0) {
        return SOMA_EVENT_PASS;
    }

    soma_bedrock_read_init(&w, answer);

    /* "[DONE]", as some models have it */

    if (event->data.data[0] == '[') {
        w.last = 1;

    } else {
        soma_bedrock_read(&w, event->data.data, event->data.len);
    }

    return soma_bedrock_event_end(&w);
}


static int
soma_gemini_raw_part(soma_answer_t *answer, soma_ask_t *ask,
    soma_reader_t *reader, soma_sse_event_t *event)
{
    soma_bedrock_read_t  *w;

    (void) ask;

    w = (soma_bedrock_read_t *) (void *) reader;

    if (event->first || !w->begun) {
        soma_bedrock_read_init(w, answer);
        answer->usage_text.len = 0;
    }

    if (event->join) {
        soma_bedrock_read(w, (const unsigned char *) "\n", 1);
    }

    soma_bedrock_read(w, event->data.data, event->data.len);

    if (!event->last) {
        return w->error ? SOMA_EVENT_ERROR : SOMA_EVENT_PASS;
    }

    return soma_bedrock_event_end(w);
}


/* what Bedrock has in frames, that say themselves what they are, is JSON here
 * as a whole answer is */

static soma_verdict_e
soma_gemini_raw_verdict(soma_look_t *look)
{
    unsigned        event;
    soma_verdict_e  verdict;

    event = look->event;
    look->event = 0;
    verdict = soma_bedrock_verdict(look);
    look->event = event;

    return verdict;
}


static unsigned
soma_gemini_raw_anthropic(const soma_ask_t *ask)
{
    return soma_dialect_below(ask->url->path, "/publishers/anthropic/").data
           != NULL;
}


/* a client of Anthropic's models reads Anthropic's events */

static void
soma_gemini_raw_fault_event(soma_out_t *out, const soma_ask_t *ask,
    soma_fault_e fault, soma_str_t code, soma_str_t message)
{
    if (soma_gemini_raw_anthropic(ask)) {
        soma_anthropic_fault_event(out, ask, fault, code, message);
        return;
    }

    soma_put_cstr(out, "data: ");
    soma_gemini_fault(out, fault, code, message);
    soma_put_cstr(out, "\n\n");
}


/* how another model's stream would end, nobody knows: its events do */

static void
soma_gemini_raw_cut(soma_out_t *out, soma_ask_t *ask, soma_answer_t *answer,
    const soma_usage_t *usage, int64_t cost)
{
    if (soma_gemini_raw_anthropic(ask)) {
        soma_anthropic_cut(out, ask, answer, usage, cost);
    }
}
