
/*
 * Copyright (C) The ngx_soma authors
 *
 * Recorded traffic of providers through their dialect: the
 * usage of each exchange must be what an independent program read from it,
 * whole and in pieces of one byte, and what a client gets must be the
 * provider's bytes.  See t/traffic/README.md for the file.
 */


#include <yyjson.h>

#include "soma_test.h"
#include "soma_ask_test.h"
#include "soma_dialect.h"


typedef struct {
    yyjson_val     *root;
    const char     *id;
    soma_api_e      api;
    unsigned char  *body;
    size_t          len;
} exchange_t;


typedef struct {
    int  exchanges;
    int  requests;
    int  streams;
    int  usages;
    int  matched;
    int  texts;
    int  dropped;
} tally_t;


static soma_arena_t          *arena;
static const soma_dialect_t  *dialect;
static tally_t                tally;


static size_t
unbase64(const char *s, size_t len, unsigned char *out)
{
    int                 v;
    size_t              i, n;
    uint32_t            bits;
    unsigned            have;
    const char         *p;
    static const char   set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/";
    static signed char  table[256];

    if (table['B'] == 0) {
        memset(table, -1, sizeof(table));
        for (p = set; *p; p++) {
            table[(unsigned char) *p] = (signed char) (p - set);
        }
    }

    bits = 0;
    have = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        v = table[(unsigned char) s[i]];
        if (v < 0) {
            break;
        }

        bits = bits << 6 | (uint32_t) v;
        have += 6;

        if (have >= 8) {
            have -= 8;
            out[n++] = (unsigned char) (bits >> have);
        }
    }

    return n;
}


static soma_str_t
string(yyjson_val *v)
{
    return (soma_str_t) { yyjson_get_len(v),
                          (unsigned char *) yyjson_get_str(v) };
}


static int
has_feature(exchange_t *x, const char *name)
{
    yyjson_val       *v;
    yyjson_arr_iter   it;

    yyjson_arr_iter_init(yyjson_obj_get(x->root, "features"), &it);

    while ((v = yyjson_arr_iter_next(&it)) != NULL) {
        if (yyjson_equals_str(v, name)) {
            return 1;
        }
    }

    return 0;
}


static soma_api_e
api_of(exchange_t *x)
{
    soma_url_t   url;
    const char  *path;

    path = yyjson_get_str(yyjson_ptr_get(x->root, "/request/path"));

    memset(&url, 0, sizeof(url));
    url.below = (soma_str_t) { strlen(path), (unsigned char *) path };
    url.path = url.below;

    return dialect->surface(&url, NULL) == SOMA_OK ? url.surface->api
                                                   : SOMA_API_NONE;
}


/* the answer of a stream that comes in pieces of "step" bytes; events of more
 * than "max" come in parts, 0: as usual */

static void
stream(exchange_t *x, soma_ask_t *ask, size_t step, size_t max,
    soma_answer_t *answer, soma_out_t *kept, int *drops)
{
    int                rc, verdict;
    size_t             pos, n, used;
    unsigned char     *piece;
    soma_sse_t         sse;
    soma_arena_t      *carry;
    soma_reader_t      reader;
    soma_sse_event_t   e;

    carry = soma_test_arena();

    memset(&sse, 0, sizeof(sse));
    memset(&reader, 0, sizeof(reader));
    sse.max = max;
    memset(answer, 0, sizeof(soma_answer_t));
    sse.arena = carry;
    answer->api = ask->api;
    answer->stream = 1;

    pos = 0;

    do {
        n = x->len - pos < step ? x->len - pos : step;

        /* a copy of its own: nothing may point into an earlier piece */

        piece = malloc(n + (n == 0));
        memcpy(piece, x->body + pos, n);
        pos += n;
        used = 0;

        for ( ;; ) {
            size_t  now;

            rc = soma_sse_feed(&sse, piece + used, n - used, &now, &e);
            used += now;

            if (rc == SOMA_AGAIN || rc == SOMA_ERROR) {
                break;
            }

            verdict = (rc == SOMA_OK)
                      ? dialect->event(answer, ask, &e)
                      : dialect->part(answer, ask, &reader, &e);

            if (verdict == SOMA_EVENT_DROP) {
                (*drops)++;

            } else {
                soma_put_str(kept, e.raw);
            }
        }

        free(piece);

    } while (pos < x->len && rc == SOMA_AGAIN);

    rc = soma_sse_end(&sse, &e);

    if (rc == SOMA_DECLINED) {
        (void) dialect->part(answer, ask, &reader, &e);

    } else if (rc == SOMA_OK) {

        if (dialect->event(answer, ask, &e) == SOMA_EVENT_DROP) {
            (*drops)++;

        } else {
            soma_put_str(kept, e.raw);
        }
    }

    soma_test_arena_free(carry);
}


static void
whole(exchange_t *x, size_t step, soma_answer_t *answer)
{
    int             rc;
    size_t          pos, n;
    unsigned char  *piece;
    soma_reader_t   reader;

    memset(answer, 0, sizeof(soma_answer_t));
    memset(&reader, 0, sizeof(reader));
    answer->api = x->api;

    rc = SOMA_AGAIN;

    for (pos = 0; pos < x->len && rc != SOMA_ERROR; pos += n) {
        n = x->len - pos < step ? x->len - pos : step;

        /* a copy of its own: nothing may point into an earlier piece */

        piece = malloc(n);
        memcpy(piece, x->body + pos, n);
        rc = dialect->body(answer, &reader, piece, n);
        free(piece);
    }

    soma_ok(x->len == 0 || rc != SOMA_AGAIN || x->body[0] != '{',
            "%s: whole", x->id);
}


static int
check_count(exchange_t *x, yyjson_val *expected, const char *name,
    int64_t got)
{
    yyjson_val  *want;

    want = yyjson_obj_get(expected, name);

    if (!yyjson_is_int(want) || yyjson_get_sint(want) == got) {
        return 1;
    }

    printf("# %s: %s is %lld, expected %lld\n", x->id, name,
           (long long) got, (long long) yyjson_get_sint(want));

    return 0;
}


static int
check_usage(exchange_t *x, soma_answer_t *answer)
{
    int            ok;
    yyjson_val    *e;
    soma_usage_t  *u;

    e = yyjson_obj_get(x->root, "expected_usage");
    u = &answer->usage;

    if (!yyjson_is_obj(e)) {
        if (u->known) {
            printf("# %s: usage known, none expected\n", x->id);
        }

        return !u->known;
    }

    if (!u->known) {
        printf("# %s: usage not known\n", x->id);
        return 0;
    }

    /* a body that contradicts itself */

    if (yyjson_is_true(yyjson_obj_get(e, "ambiguous"))) {
        return 1;
    }

    ok = check_count(x, e, "total_input_tokens", u->input_tokens);
    ok &= check_count(x, e, "total_output_tokens", u->output_tokens);
    ok &= check_count(x, e, "cached_input_tokens", u->cached_tokens);
    ok &= check_count(x, e, "cache_write_tokens", u->cache_write_tokens);
    ok &= check_count(x, e, "reasoning_tokens", u->reasoning_tokens);
    ok &= check_count(x, e, "cache_write_1h_tokens",
                      u->cache_write_1h_tokens);

    if (dialect == &soma_anthropic) {
        ok &= check_count(x, e, "web_search_requests", u->queries);
    }

    ok &= check_count(x, e, "audio_input_tokens", u->audio_input_tokens);
    ok &= check_count(x, e, "audio_output_tokens", u->audio_output_tokens);

    return ok;
}


static int
same_usage(soma_usage_t *a, soma_usage_t *b)
{
    return a->input_tokens == b->input_tokens
           && a->output_tokens == b->output_tokens
           && a->cached_tokens == b->cached_tokens
           && a->cache_write_tokens == b->cache_write_tokens
           && a->cache_write_1h_tokens == b->cache_write_1h_tokens
           && a->reasoning_tokens == b->reasoning_tokens
           && a->tier == b->tier
           && a->queries == b->queries
           && a->known == b->known;
}


/* what was made of two ways of reading the same */

static int
same_answer(soma_answer_t *a, soma_answer_t *b)
{
    return same_usage(&a->usage, &b->usage)
           && a->text_len == b->text_len && a->unheard == b->unheard
           && a->done == b->done && a->failed == b->failed
           && a->begun == b->begun && a->formed == b->formed
           && a->finished == b->finished;
}


/*
 * The body without its usage chunk, found by means that have nothing in
 * common with the code under test: blocks between blank lines, yyjson.
 */

static size_t
expect_kept(exchange_t *x, unsigned char *out, int *drops)
{
    size_t       start, end, n, eol, p;
    yyjson_doc  *doc;
    yyjson_val  *root, *choices;

    n = 0;
    start = 0;

    while (start < x->len) {

        /* a block ends behind LF LF or CR LF CR LF */

        for (end = start; end < x->len; end++) {
            if (x->body[end] == '\n'
                && ((end + 1 < x->len && x->body[end + 1] == '\n')
                    || (end + 2 < x->len && x->body[end + 1] == '\r'
                        && x->body[end + 2] == '\n')))
            {
                end += (x->body[end + 1] == '\n') ? 2 : 3;
                break;
            }
        }

        doc = NULL;

        for (p = start; p < end; p = eol + 1) {
            for (eol = p; eol < end && x->body[eol] != '\n'; eol++) {
                /* void */
            }

            if (end - p > 5 && memcmp(x->body + p, "data:", 5) == 0) {
                doc = yyjson_read((char *) x->body + p + 5, eol - p - 5, 0);
            }
        }

        root = yyjson_doc_get_root(doc);
        choices = yyjson_obj_get(root, "choices");

        if (yyjson_is_arr(choices) && yyjson_arr_size(choices) == 0
            && yyjson_is_obj(yyjson_obj_get(root, "usage")))
        {
            (*drops)++;

        } else {
            memcpy(out + n, x->body + start, end - start);
            n += end - start;
        }

        yyjson_doc_free(doc);
        start = end;
    }

    return n;
}


static void
test_stream(exchange_t *x)
{
    int             drops, want_drops, asked;
    size_t          len;
    yyjson_val     *text;
    soma_ask_t      ask;
    soma_out_t      kept;
    unsigned char  *buf, *want;
    soma_answer_t   one, pieces;

    tally.streams++;

    buf = malloc(x->len + 1);
    want = malloc(x->len + 1);

    memset(&ask, 0, sizeof(ask));
    ask.api = x->api;
    ask.stream = 1;

    for (asked = 0; asked < 2; asked++) {

        ask.usage_asked = asked;
        drops = 0;
        soma_put_init(&kept, buf, x->len);
        stream(x, &ask, x->len, 0, &one, &kept, &drops);

        if (asked) {
            soma_is_int(drops, 0, "%s: asked, nothing dropped", x->id);
            soma_ok((size_t) (kept.pos - kept.start) == x->len
                    && memcmp(buf, x->body, x->len) == 0,
                    "%s: asked, byte for byte", x->id);
            continue;
        }

        want_drops = 0;
        len = expect_kept(x, want, &want_drops);

        if (x->api != SOMA_API_CHAT && x->api != SOMA_API_COMPLETIONS) {
            want_drops = 0;
        }

        soma_is_int(drops, want_drops, "%s: chunks dropped", x->id);
        soma_ok((size_t) (kept.pos - kept.start) == len
                && memcmp(buf, want, len) == 0,
                "%s: the rest byte for byte", x->id);

        tally.dropped += drops;

        drops = 0;
        soma_put_init(&kept, buf, x->len);
        stream(x, &ask, 1, 0, &pieces, &kept, &drops);

        soma_ok(drops == want_drops
                && (size_t) (kept.pos - kept.start) == len
                && memcmp(buf, want, len) == 0,
                "%s: the same in pieces of one byte", x->id);
        soma_ok(same_answer(&one, &pieces), "%s: the answer too", x->id);

        /* all of its events too long to be kept */

        drops = 0;
        soma_put_init(&kept, buf, x->len);
        stream(x, &ask, 1, 1, &pieces, &kept, &drops);

        soma_ok(drops == 0 && (size_t) (kept.pos - kept.start) == x->len
                && memcmp(buf, x->body, x->len) == 0,
                "%s: in parts byte for byte", x->id);
        soma_ok(same_answer(&one, &pieces), "%s: the answer in parts", x->id);
    }

    if (soma_ok(check_usage(x, &one), "%s: usage", x->id)) {
        tally.matched += yyjson_is_obj(yyjson_obj_get(x->root,
                                                      "expected_usage"));
    }

    soma_is_int(one.failed, has_feature(x, "error_in_stream"),
                "%s: failed", x->id);

    /* Google has no event for a stream's end */

    soma_ok(one.done || has_feature(x, "no_done") || one.failed
            || (dialect == &soma_gemini && one.finished),
            "%s: done", x->id);

    text = yyjson_obj_get(x->root, "expected_text");

    if (yyjson_get_len(text) != 0) {
        tally.texts++;
        soma_ok(one.text_len >= (int64_t) yyjson_get_len(text),
                "%s: text counted, %d of at least %d", x->id,
                (int) one.text_len, (int) yyjson_get_len(text));
    }

    free(buf);
    free(want);
}


static void
test_whole(exchange_t *x)
{
    soma_answer_t  one, pieces;

    whole(x, x->len, &one);
    whole(x, 1, &pieces);

    soma_ok(same_answer(&one, &pieces),
            "%s: the same in pieces of one byte", x->id);

    if (soma_ok(check_usage(x, &one), "%s: usage", x->id)) {
        tally.matched += yyjson_is_obj(yyjson_obj_get(x->root,
                                                      "expected_usage"));
    }
}


/* the provider's body is the client's, but for what is meant to change */

static void
test_request(exchange_t *x)
{
    int              rc, stream;
    soma_str_t       body, s;
    yyjson_doc      *was, *is;
    yyjson_val      *model, *v;
    soma_test_ask_t  t;

    body = string(yyjson_ptr_get(x->root, "/request/body"));

    if (body.len == 0 || x->api == SOMA_API_NONE || x->api == SOMA_API_MODELS
        || body.data[0] != '{')
    {
        return;
    }

    was = yyjson_read((char *) body.data, body.len, 0);
    model = yyjson_obj_get(yyjson_doc_get_root(was), "model");

    if (yyjson_get_len(model) == 0) {
        yyjson_doc_free(was);
        return;
    }

    tally.requests++;

    rc = soma_test_ask(&t, dialect, x->api, body, arena);

    if (yyjson_is_true(yyjson_obj_get(yyjson_doc_get_root(was),
                                      "background")))
    {
        soma_ok(rc == SOMA_ERROR && strstr(t.error, "background") != NULL,
                "%s: work in the background is refused", x->id);
        yyjson_doc_free(was);
        return;
    }

    soma_ok(rc == SOMA_OK, "%s: ask (%s)", x->id, t.error ? t.error : "-");

    stream = yyjson_is_true(yyjson_obj_get(yyjson_doc_get_root(was),
                                           "stream"));
    soma_ok(t.ask.stream == stream && soma_str_eq(t.ask.model,
                                                  string(model)),
            "%s: model and stream", x->id);

    /* its provider knew the name by which it was bounded */

    t.ask.newer_bound = yyjson_obj_get(yyjson_doc_get_root(was),
                                       "max_completion_tokens") != NULL;

    s = soma_test_encode(&t, dialect, t.ask.model, arena);

    if (!stream || t.ask.usage_asked
        || (x->api != SOMA_API_CHAT && x->api != SOMA_API_COMPLETIONS))
    {
        soma_ok(soma_str_eq(s, body), "%s: encodes to itself", x->id);
    }

    s = soma_test_encode(&t, dialect, SOMA_STR("some \"other\""), arena);
    is = yyjson_read((char *) s.data, s.len, 0);
    v = yyjson_doc_get_root(is);

    soma_ok(yyjson_equals_str(yyjson_obj_get(v, "model"), "some \"other\"")
            && yyjson_obj_size(v) - yyjson_obj_size(yyjson_doc_get_root(was))
               <= 1,
            "%s: renamed", x->id);

    if (stream && dialect == &soma_openai
        && (x->api == SOMA_API_CHAT || x->api == SOMA_API_COMPLETIONS))
    {
        soma_ok(yyjson_is_true(yyjson_obj_get(yyjson_obj_get(v,
                               "stream_options"), "include_usage")),
                "%s: asks for usage", x->id);
    }

    yyjson_doc_free(was);
    yyjson_doc_free(is);
}


static void
test_exchange(yyjson_val *root)
{
    int          status;
    exchange_t   x;
    yyjson_val  *b64;
    soma_str_t   s;

    memset(&x, 0, sizeof(x));

    x.root = root;
    x.id = yyjson_get_str(yyjson_obj_get(root, "id"));
    x.api = api_of(&x);

    b64 = yyjson_ptr_get(root, "/response/body_b64");
    status = yyjson_get_int(yyjson_ptr_get(root, "/response/status"));

    s = string(b64);
    x.body = malloc(s.len + 1);
    x.len = unbase64((char *) s.data, s.len, x.body);

    tally.exchanges++;
    tally.usages += yyjson_is_obj(yyjson_obj_get(root, "expected_usage"));

    test_request(&x);

    if (status == 200 && yyjson_is_true(yyjson_obj_get(root, "stream"))
        && x.len != 0 && x.body[0] != '{' && x.body[0] != '[')
    {
        test_stream(&x);

    } else {
        test_whole(&x);
    }

    free(x.body);
}


static void
test_traffic(const char *path, const soma_dialect_t *of)
{
    char        *file, *line, *end;
    size_t       len;
    yyjson_doc  *doc;

    dialect = of;
    memset(&tally, 0, sizeof(tally));

    file = soma_file(path, &len);

    for (line = file; line < file + len; line = end + 1) {

        end = memchr(line, '\n', file + len - line);
        if (end == NULL) {
            end = file + len;
        }

        doc = yyjson_read(line, end - line, 0);

        if (soma_ok(doc != NULL, "a line of %s", path)) {
            test_exchange(yyjson_doc_get_root(doc));
        }

        yyjson_doc_free(doc);
    }

    free(file);

    printf("# %d exchanges, %d requests, %d streams (%d with text); "
           "%d of %d usages matched; %d usage chunks dropped\n",
           tally.exchanges, tally.requests, tally.streams, tally.texts,
           tally.matched, tally.usages, tally.dropped);

    soma_is_int(tally.matched, tally.usages, "every usage matched");
}


int
main(void)
{
    arena = soma_test_arena();

    test_traffic("t/traffic/openai.jsonl", &soma_openai);
    soma_ok(tally.exchanges > 400 && tally.dropped > 0, "traffic was read");

    test_traffic("t/traffic/anthropic.jsonl", &soma_anthropic);
    soma_ok(tally.exchanges > 50 && tally.dropped == 0, "and Anthropic's");

    test_traffic("t/traffic/cohere.jsonl", &soma_cohere);
    soma_ok(tally.exchanges == 30 && tally.dropped == 0, "and Cohere's");

    test_traffic("t/traffic/gemini.jsonl", &soma_gemini);
    soma_ok(tally.exchanges > 80 && tally.dropped == 0, "and Google's");

    soma_test_arena_free(arena);

    return soma_done();
}
