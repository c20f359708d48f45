
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first byte says what the rest is: a stream, a whole answer, a form, or a
 * request; of Anthropic's where it is a capital letter.
 */


#define _GNU_SOURCE             /* memmem() */

#include <stdlib.h>

#include "soma_ask_test.h"
#include "soma_dialect.h"
#include "soma_multipart.h"
#include "soma_usage_cost.h"


#define CHECK(cond)                                                           \
    do { if (!(cond)) { __builtin_trap(); } } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const soma_dialect_t  *dialect;


typedef struct {
    soma_answer_t  answer;
    soma_reader_t  reader;
    uint64_t       verdicts;
    uint64_t       heard;       /* a sum of the text, piece by piece */
    int64_t        len;
} played_t;


static void
hear(void *data, unsigned channel, const unsigned char *p, size_t len)
{
    size_t     i;
    played_t  *played = data;

    CHECK(len != 0);

    for (i = 0; i < len; i++) {
        played->heard = played->heard * 31 + p[i] + channel;
    }

    played->len += (int64_t) len;
}


static void
check_usage(soma_usage_t *u)
{
    CHECK(u->input_tokens >= 0 && u->output_tokens >= 0);
    CHECK(u->cached_tokens >= 0 && u->cache_write_tokens >= 0);
    CHECK(u->cache_write_1h_tokens >= 0 && u->reasoning_tokens >= 0);
    CHECK(u->audio_input_tokens >= 0 && u->audio_output_tokens >= 0);
    CHECK(u->image_input_tokens >= 0 && u->image_output_tokens >= 0);
    CHECK(u->queries >= 0 && u->images == 0 && u->audio_ms >= 0);
}


/* an answer of nothing but this usage */

static void
usage_of(soma_answer_t *answer, soma_str_t usage)
{
    soma_reader_t  reader;

    memset(&reader, 0, sizeof(reader));

    (void) dialect->body(answer, &reader, (uint8_t *) "{\"usage\":", 9);
    (void) dialect->body(answer, &reader, usage.data, usage.len);
}


/* a usage that was told its cost says it, once, and all else as before */

static void
check_cost(soma_sse_event_t *e, soma_answer_t *answer)
{
    size_t             at;
    soma_str_t         usage, text;
    unsigned char     *p, *q, buf[SOMA_USAGE_COST_MAX];
    soma_answer_t      before, again;
    soma_json_edit_t   edit;
    soma_json_value_t  cost;
    soma_sse_event_t   copy;

    usage = answer->usage_text;

    if (usage.len == 0) {
        return;
    }

    CHECK(usage.data > e->data.data && usage.len < e->data.len);
    CHECK(usage.data[0] == '{');

    if (soma_usage_cost(e, usage, 1500000001, buf, &edit) != SOMA_OK) {
        return;
    }

    at = usage.data - e->raw.data;

    CHECK(edit.start > at && edit.end < at + usage.len);
    CHECK(edit.start <= edit.end && edit.text.len <= SOMA_USAGE_COST_MAX);

    p = malloc(e->raw.len + SOMA_USAGE_COST_MAX);
    CHECK(p != NULL);

    memcpy(p, e->raw.data, edit.start);
    q = p + edit.start;
    memcpy(q, edit.text.data, edit.text.len);
    q += edit.text.len;
    memcpy(q, e->raw.data + edit.end, e->raw.len - edit.end);

    text.data = p + at;
    text.len = usage.len + edit.text.len - (edit.end - edit.start);

    CHECK(soma_json_get(text, "cost", &cost) == SOMA_OK);
    CHECK(soma_str_is(cost.text, "1.500000001"));

    /* one that has its cost has it replaced by the same */

    memset(&copy, 0, sizeof(copy));
    copy.raw = text;
    CHECK(soma_usage_cost(&copy, text, 1500000001, buf, &edit) == SOMA_OK);
    CHECK(edit.end - edit.start == cost.text.len);
    CHECK(text.data + edit.start == cost.text.data);

    /* and counts as before */

    memset(&before, 0, sizeof(before));
    memset(&again, 0, sizeof(again));
    before.api = again.api = answer->api;
    usage_of(&before, usage);
    usage_of(&again, text);
    CHECK(memcmp(&before.usage, &again.usage, sizeof(soma_usage_t)) == 0);

    free(p);
}


static void
event(played_t *p, soma_ask_t *ask, soma_sse_event_t *e)
{
    int  rc;

    rc = e->part ? dialect->part(&p->answer, ask, &p->reader, e)
                 : dialect->event(&p->answer, ask, e);

    CHECK(rc == SOMA_EVENT_PASS || rc == SOMA_EVENT_DROP
          || rc == SOMA_EVENT_ERROR);
    CHECK(rc != SOMA_EVENT_ERROR || p->answer.failed);
    CHECK(rc != SOMA_EVENT_DROP || !(ask->usage_asked || e->part));
    CHECK(rc != SOMA_EVENT_DROP || dialect == &soma_openai);

    /* the LF of a CRLF that was cut may come as blank lines of its own */

    if (!e->comment && !e->part) {
        p->verdicts = p->verdicts * 31 + (uint64_t) rc + 1;
    }

    CHECK(p->answer.text_len >= 0 && p->answer.unheard >= 0);
    CHECK(p->answer.unheard <= p->answer.text_len);
    check_cost(e, &p->answer);
    check_usage(&p->answer.usage);
}


/* what ends a cut stream is whole events, none of them longer than said, and
 * read by ourselves as an end */

static void
check_cut(played_t *p, soma_ask_t *ask)
{
    int                rc;
    size_t             size, len, used, off;
    soma_out_t         out;
    soma_sse_t         sse;
    soma_answer_t      answer;
    unsigned char     *buf;
    soma_arena_t      *arena;
    soma_sse_event_t   e;

    if (dialect->bounds(ask->api) == NULL) {
        return;
    }

    size = SOMA_CUT_EVENT_MAX * (ask->n + p->answer.progress.choices + 2);
    buf = malloc(size);
    CHECK(buf != NULL);

    soma_put_init(&out, buf, size);
    dialect->cut(&out, ask, &p->answer, &p->answer.usage,
                    ask->n & 1 ? INT64_MAX : -1);
    CHECK(!out.full);

    memset(&answer, 0, sizeof(answer));
    memset(&sse, 0, sizeof(sse));
    arena = soma_test_arena();
    sse.arena = arena;
    answer.api = ask->api;
    len = out.pos - out.start;

    for (off = 0; ; off += used) {
        rc = soma_sse_feed(&sse, buf + off, len - off, &used, &e);

        if (rc != SOMA_OK) {
            break;
        }

        CHECK(dialect->event(&answer, ask, &e) != SOMA_EVENT_ERROR);
    }

    CHECK(rc == SOMA_AGAIN && soma_sse_end(&sse, &e) == SOMA_DONE);
    CHECK(answer.done && answer.text_len == 0);

    soma_test_arena_free(arena);
    free(buf);
}


static void
play(played_t *p, soma_ask_t *ask, const uint8_t *data, size_t size,
    size_t step, size_t max)
{
    int                rc;
    size_t             pos, n, used, off;
    soma_sse_t         sse;
    unsigned char     *piece;
    soma_arena_t      *arena;
    soma_sse_event_t   e;

    memset(p, 0, sizeof(played_t));
    memset(&sse, 0, sizeof(sse));

    arena = soma_test_arena();
    sse.arena = arena;
    sse.max = max;
    p->answer.api = ask->api;
    p->answer.stream = 1;
    p->answer.text = hear;
    p->answer.text_data = p;

    for (pos = 0; pos < size; pos += n) {

        n = size - pos < step ? size - pos : step;
        piece = malloc(n);
        CHECK(piece != NULL);
        memcpy(piece, data + pos, n);

        for (off = 0; ; off += used) {
            rc = soma_sse_feed(&sse, piece + off, n - off, &used, &e);

            if (rc != SOMA_OK && rc != SOMA_DECLINED) {
                break;
            }

            event(p, ask, &e);
        }

        free(piece);
    }

    rc = soma_sse_end(&sse, &e);

    if (rc == SOMA_OK || rc == SOMA_DECLINED) {
        event(p, ask, &e);
    }

    check_cut(p, ask);

    soma_test_arena_free(arena);
}


static void
same(played_t *one, played_t *two, int late)
{
    CHECK(one->answer.text_len == two->answer.text_len);
    CHECK(one->answer.unheard == two->answer.unheard);

    /* of an event whose name comes behind its data, in parts, a text may have
     * been heard that its name then takes back: never the other way round */

    CHECK((one->heard == two->heard && one->len == two->len)
          || (two->len > one->len && late));
    CHECK(one->answer.done == two->answer.done);
    CHECK(one->answer.finished == two->answer.finished);
    CHECK(one->answer.failed == two->answer.failed);
    CHECK(one->answer.begun == two->answer.begun);
    CHECK(one->answer.formed == two->answer.formed);
    CHECK(memcmp(&one->answer.usage, &two->answer.usage,
                 sizeof(soma_usage_t)) == 0);
}


/* an event that is named twice: in parts the first name is believed until the
 * second one comes, and what was told by then is told */
static int
renamed(const uint8_t *data, size_t size)
{
    size_t  i, names, start;

    names = 0;
    start = 0;

    for (i = 0; i <= size; i++) {

        if (i < size && data[i] != '\n' && data[i] != '\r') {
            continue;
        }

        if (i == start) {
            names = 0;
        }

        if (i - start >= 5 && memmem(data + start, i - start, "event", 5)) {
            names++;
        }

        if (names > 1) {
            return 1;
        }

        start = i + 1;
        start += (i + 1 < size && data[i] == '\r' && data[i + 1] == '\n');
        i = start - 1;
    }

    return 0;
}


static void
fuzz_stream(const uint8_t *data, size_t size, unsigned how)
{
    int         late;
    size_t      step;
    played_t    one, pieces;
    soma_ask_t  ask;

    memset(&ask, 0, sizeof(ask));

    ask.api = (dialect == &soma_anthropic) ? SOMA_API_CHAT
              : how % (SOMA_API_MODELS + 1);
    ask.usage_asked = (how >> 6) & 1;
    ask.stream = 1;
    ask.n = 1 + (how >> 4);
    ask.model = SOMA_STR("m");

    step = size < 512 ? 1 : 1 + how % 61;

    play(&one, &ask, data, size, size + 1, 0);
    play(&pieces, &ask, data, size, step, 0);

    CHECK(one.verdicts == pieces.verdicts);
    same(&one, &pieces, 0);

    if (renamed(data, size)) {
        return;
    }

    /* all of its events in parts */

    late = (memmem(data, size, "event", 5) != NULL);

    play(&pieces, &ask, data, size, size + 1, 1);
    same(&one, &pieces, late);

    play(&pieces, &ask, data, size, step, 1 + how % 7);
    same(&one, &pieces, late);
}


static void
fuzz_body(const uint8_t *data, size_t size, unsigned how)
{
    int             rc, last;
    size_t          pos, n;
    uint8_t        *piece;
    played_t        one, two;
    soma_reader_t   reader;

    memset(&one, 0, sizeof(one));
    memset(&two, 0, sizeof(two));
    one.answer.api = two.answer.api = how % (SOMA_API_MODELS + 1);
    one.answer.text = two.answer.text = hear;
    one.answer.text_data = &one;
    two.answer.text_data = &two;

    memset(&reader, 0, sizeof(reader));
    rc = dialect->body(&one.answer, &reader, data, size);

    memset(&reader, 0, sizeof(reader));
    last = SOMA_AGAIN;

    for (pos = 0; pos < size; pos += n) {
        n = 1 + (how & 1 ? 0 : (pos * 7 + how) % 19);
        n = size - pos < n ? size - pos : n;

        piece = malloc(n);
        CHECK(piece != NULL);
        memcpy(piece, data + pos, n);
        last = dialect->body(&two.answer, &reader, piece, n);
        free(piece);
    }

    CHECK(size == 0 || rc == last);
    same(&one, &two, 0);
    check_usage(&one.answer.usage);
}


/* the first line is the boundary, or a Content-Type */

static void
fuzz_multipart(const uint8_t *data, size_t size)
{
    int                rc;
    size_t             i;
    soma_str_t         line, body, boundary;
    const uint8_t     *lf;
    soma_json_span_t   span;

    lf = (size != 0) ? memchr(data, '\n', size) : NULL;

    if (lf == NULL) {
        return;
    }

    line.data = (unsigned char *) data;
    line.len = lf - data;

    if (soma_multipart_boundary(line, &boundary) != SOMA_OK) {
        boundary = line;
    }

    body.data = (unsigned char *) lf + 1;
    body.len = size - line.len - 1;

    rc = soma_multipart_field(body, boundary, "model", &span);

    if (rc != SOMA_OK) {
        CHECK(rc == SOMA_DECLINED || rc == SOMA_ERROR);
        return;
    }

    CHECK(span.type == SOMA_JSON_STRING);
    CHECK(span.start <= span.end && span.end < body.len);
    CHECK(span.start >= boundary.len);

    for (i = span.start; i + 4 + boundary.len <= span.end; i++) {
        CHECK(memcmp(body.data + i, "\r\n--", 4) != 0
              || memcmp(body.data + i + 4, boundary.data, boundary.len) != 0);
    }
}


static void
fuzz_ask(const uint8_t *data, size_t size, unsigned how)
{
    soma_str_t        body;
    soma_arena_t     *arena;
    soma_test_ask_t   t, again;

    arena = soma_test_arena();

    body.data = (unsigned char *) data;
    body.len = size;

    if (size == 0
        || soma_test_ask(&t, dialect,
                         how & 1 || dialect == &soma_anthropic
                         ? SOMA_API_CHAT : SOMA_API_RESPONSES,
                         body, arena)
           != SOMA_OK)
    {
        soma_test_arena_free(arena);
        return;
    }

    CHECK(t.ask.model.len != 0 && t.ask.n >= 1 && t.ask.max_tokens >= -1);

    t.ask.bound = (t.ask.max_tokens < 0) ? how : 0;
    t.ask.newer_bound = how >> 7;

    /* what the provider gets asks for the same, of another model */

    body = soma_test_encode(&t, dialect, SOMA_STR("a\"b\n"), arena);
    CHECK(body.data != NULL);

    CHECK(soma_test_ask(&again, dialect, t.ask.api, body, arena)
          == SOMA_OK);
    CHECK(soma_str_is(again.ask.model, "a\"b\n"));
    CHECK(again.ask.stream == t.ask.stream && again.ask.n == t.ask.n);
    CHECK(again.ask.max_tokens == (t.ask.bound ? t.ask.bound
                                               : t.ask.max_tokens));
    CHECK(again.ask.tier == t.ask.tier);
    CHECK(t.ask.api != SOMA_API_CHAT || !t.ask.stream
          || again.ask.usage_asked);

    soma_test_arena_free(arena);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned  how;

    if (size < 2) {
        return 0;
    }

    how = data[1];
    dialect = (data[0] & 0x20) ? &soma_openai : &soma_anthropic;

    switch (data[0] | 0x20) {

    case 's':
        fuzz_stream(data + 2, size - 2, how);
        break;

    case 'm':
        fuzz_body(data + 2, size - 2, how);
        break;

    case 'f':
        fuzz_multipart(data + 2, size - 2);
        break;

    case 'a':
        fuzz_ask(data + 2, size - 2, how);
        break;
    }

    return 0;
}
