
/*
 * Copyright (C) The ngx_soma authors
 */


#include <time.h>
#include <yyjson.h>
#include "soma_test.h"
#include "soma_record.h"


#define ROUNDS  200000


static unsigned char  buf[SOMA_RECORD_MAX];
static unsigned char  json[SOMA_RECORD_JSON_MAX];


/* every string and every number another one */
static void
fill(soma_record_t *r)
{
    memset(r, 0, sizeof(soma_record_t));

    r->time = 1795232184123;
    r->id = str("req-1");
    r->node = str("node-2");
    r->tenant = str("acme");
    r->user = str("al\"ice\n");
    r->key = str("k5");
    r->session = str("s6");
    r->route = str("assistant");
    r->model = str("gpt-4o-mini");
    r->provider = str("openai");
    r->target = str("gpt-4o-mini-2024-07-18");
    r->api = str("chat.completions");
    r->error = str("");
    r->query_hash = str("h13");
    r->cache = str("miss");
    r->tags = str("a,b");
    r->catalogue = str("0123456789abcdef");
    r->status = 200;
    r->attempts = 2;
    r->latency_ms = 301;
    r->first_token_ms = 302;
    r->stream = 1;

    r->usage.input_tokens = 401;
    r->usage.cached_tokens = 402;
    r->usage.cache_write_tokens = 403;
    r->usage.cache_write_1h_tokens = 404;
    r->usage.output_tokens = 405;
    r->usage.reasoning_tokens = 406;
    r->usage.audio_input_tokens = 407;
    r->usage.audio_output_tokens = 408;
    r->usage.image_input_tokens = 409;
    r->usage.image_output_tokens = 410;
    r->usage.queries = 411;
    r->usage.images = 412;
    r->usage.characters = 413;
    r->usage.audio_ms = 414;
    r->usage.tier = SOMA_TIER_PRIORITY;
    r->usage.known = 1;

    r->cost.total = INT64_MAX;
    r->cost.input = 502;
    r->cost.cached = 503;
    r->cost.cache_write = 504;
    r->cost.output = 505;
    r->cost.reasoning = 506;
    r->cost.audio = 507;
    r->cost.other = INT64_MIN;
}


static int
same(const soma_record_t *a, const soma_record_t *b)
{
    return soma_str_eq(a->id, b->id)
           && soma_str_eq(a->node, b->node)
           && soma_str_eq(a->tenant, b->tenant)
           && soma_str_eq(a->user, b->user)
           && soma_str_eq(a->key, b->key)
           && soma_str_eq(a->session, b->session)
           && soma_str_eq(a->route, b->route)
           && soma_str_eq(a->model, b->model)
           && soma_str_eq(a->provider, b->provider)
           && soma_str_eq(a->target, b->target)
           && soma_str_eq(a->api, b->api)
           && soma_str_eq(a->error, b->error)
           && soma_str_eq(a->query_hash, b->query_hash)
           && soma_str_eq(a->cache, b->cache)
           && soma_str_eq(a->tags, b->tags)
           && soma_str_eq(a->catalogue, b->catalogue)
           && a->time == b->time
           && a->status == b->status
           && a->attempts == b->attempts
           && a->latency_ms == b->latency_ms
           && a->first_token_ms == b->first_token_ms
           && a->stream == b->stream
           && a->usage.known == b->usage.known
           && a->usage.estimated == b->usage.estimated
           && a->usage.tier == b->usage.tier
           && a->usage.basis == b->usage.basis
           && a->retried_tokens == b->retried_tokens
           && memcmp(&a->usage, &b->usage,
                     offsetof(soma_usage_t, tier)) == 0
           && memcmp(&a->cost, &b->cost, sizeof(soma_cost_t)) == 0;
}


static void
numbers(const soma_record_t *r, int64_t *n)
{
    const int64_t  all[SOMA_RECORD_INTS] = {
        r->time, r->status, r->attempts, r->usage.input_tokens,
        r->usage.cached_tokens, r->usage.cache_write_tokens,
        r->usage.cache_write_1h_tokens, r->usage.output_tokens,
        r->usage.reasoning_tokens, r->usage.audio_input_tokens,
        r->usage.audio_output_tokens, r->usage.image_input_tokens,
        r->usage.image_output_tokens, r->usage.queries, r->usage.images,
        r->usage.characters, r->usage.audio_ms, r->cost.total, r->cost.input,
        r->cost.cached, r->cost.cache_write, r->cost.output,
        r->cost.reasoning, r->cost.audio, r->cost.other, r->latency_ms,
        r->first_token_ms, r->retried_tokens, r->cost.retried
    };

    memcpy(n, all, sizeof(all));
}


/* the binary form by its description, with flags, tier and strings of r; the
 * ints that are not in the mask are left out by version 2 alone */
static size_t
by_hand(unsigned char *start, unsigned version, const soma_record_t *r,
    const int64_t *n, uint32_t mask)
{
    size_t          i, k;
    unsigned char  *p;

    const soma_str_t  strs[SOMA_RECORD_STRS] = {
        r->id, r->node, r->tenant, r->user, r->key, r->session, r->route,
        r->model, r->provider, r->target, r->api, r->error, r->query_hash,
        r->cache, r->tags, r->catalogue
    };

    p = start;

    *p++ = (unsigned char) version;
    *p++ = (unsigned char) (r->stream | r->usage.known << 1
                            | r->usage.estimated << 2
                            | r->usage.basis << 3);
    *p++ = (unsigned char) r->usage.tier;

    if (version == 1) {
        *p++ = 27;
        *p++ = 16;
        *p++ = 0;
        *p++ = 0;
        *p++ = 0;

    } else {
        *p++ = 16;

        for (i = 0; i < 4; i++) {
            *p++ = (unsigned char) (mask >> 8 * i);
        }
    }

    if (version == 1) {
        mask = 0x7ffffff;
    }

    for (i = 0; i < SOMA_RECORD_INTS; i++) {
        for (k = 0; k < 8 && (mask >> i & 1); k++) {
            *p++ = (unsigned char) ((uint64_t) n[i] >> 8 * k);
        }
    }

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        *p++ = (unsigned char) strs[i].len;
    }

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        for (k = 0; k < strs[i].len; k++) {
            *p++ = strs[i].data[k];
        }
    }

    return (size_t) (p - start);
}


/* of a request as most are */
static void
usual(soma_record_t *r)
{
    fill(r);

    r->usage = (soma_usage_t) {
        .input_tokens = 401, .output_tokens = 405, .known = 1
    };
    r->cost = (soma_cost_t) { .total = 1007, .input = 502, .output = 505 };
}


static void
test_binary(void)
{
    size_t         len, i, refused;
    unsigned char  copy[SOMA_RECORD_MAX];
    soma_record_t  r, back;

    fill(&r);

    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_ok(len > SOMA_RECORD_FIXED && len < sizeof(buf), "encodes");
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "decodes");
    soma_ok(same(&r, &back), "every field comes back");
    soma_is_int(soma_record_encode(&back, copy, sizeof(copy)), len,
                "encodes again");
    soma_ok(memcmp(copy, buf, len) == 0, "to the same bytes");
    soma_is_int(soma_record_encode(&r, copy, len), len, "fits exactly");

    for (i = 0; i < len; i++) {
        if (soma_record_encode(&r, copy, i) != 0) {
            break;
        }
    }

    soma_is_int(i, len, "does not fit in less");

    for (i = 0, refused = 0; i < len; i++) {
        refused += (soma_record_decode(&back, buf, i) == SOMA_ERROR);
    }

    soma_is_int(refused, len, "any part of it is refused");

    memcpy(copy, buf, len);
    copy[len] = 0;
    soma_is_int(soma_record_decode(&back, copy, len + 1), SOMA_ERROR,
                "more than it is refused");

    for (i = 0; i < 8; i++) {
        memcpy(copy, buf, len);
        copy[i] = 0xee;
        soma_is_int(soma_record_decode(&back, copy, len), SOMA_ERROR,
                    "byte %d of another world is refused", (int) i);
    }

    memset(&r, 0, sizeof(r));
    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_is_int(len, SOMA_RECORD_LEAST, "an empty record");
    soma_is_int(soma_record_encode(&r, copy, SOMA_RECORD_FIXED), len,
                "fits where all ints would");
    soma_is_int(soma_record_encode(&r, copy, SOMA_RECORD_FIXED - 1), 0,
                "and not in less");
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "decodes");
    soma_ok(same(&r, &back), "to nothing");

    r.usage.estimated = 1;
    r.usage.tier = 99;
    r.status = -1;
    r.first_token_ms = -1;
    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "negatives");
    soma_ok(back.usage.estimated && !back.usage.known && back.status == -1
            && back.first_token_ms == -1, "come back");
    soma_is_int(back.usage.tier, SOMA_TIER_DEFAULT,
                "a tier there is not is the default");
}


/* both versions by their description, whatever ints are there */
static void
test_versions(void)
{
    size_t         len, old, i, k, wrong;
    int64_t        n[SOMA_RECORD_INTS], back_n[SOMA_RECORD_INTS];
    uint32_t       mask, dice;
    unsigned char  copy[SOMA_RECORD_MAX], first[SOMA_RECORD_MAX];
    soma_record_t  r, back, back_old;

    fill(&r);
    numbers(&r, n);

    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_ok(by_hand(copy, 2, &r, n, 0x7ffffff) == len
            && memcmp(copy, buf, len) == 0, "a full record, as described");

    old = by_hand(first, 1, &r, n, 0);
    soma_is_int(old, len, "is as long in version 1");
    soma_is_int(soma_record_decode(&back_old, first, old), SOMA_OK,
                "which decodes");
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "as it does");
    soma_ok(same(&back, &back_old) && same(&r, &back_old), "to the same");

    for (i = 0, wrong = 0; i < old; i++) {
        wrong += (soma_record_decode(&back, first, i) != SOMA_ERROR);
    }

    soma_is_int(wrong, 0, "any part of version 1 is refused");
    first[old] = 0;
    soma_is_int(soma_record_decode(&back, first, old + 1), SOMA_ERROR,
                "and more than it");

    for (i = 0; i < 8; i++) {
        memcpy(copy, first, old);
        copy[i] = 0xee;
        soma_is_int(soma_record_decode(&back, copy, old), SOMA_ERROR,
                    "byte %d of another version 1 is refused", (int) i);
    }

    for (i = SOMA_RECORD_INTS, wrong = 0; i < 32; i++) {
        mask = 0x7ffffff | 1u << i;
        len = by_hand(copy, 2, &r, n, mask);
        wrong += (soma_record_decode(&back, copy, len) != SOMA_ERROR);
        mask = 1u << i;
        len = by_hand(copy, 2, &r, n, mask);
        wrong += (soma_record_decode(&back, copy, len) != SOMA_ERROR);
    }

    soma_is_int(wrong, 0, "a bit of an int that is none is refused");

    /* what came later: the record of a reader before it is the same bytes */

    r.retried_tokens = 601;
    r.cost.retried = 602;
    r.usage.estimated = 1;
    r.usage.basis = SOMA_BASIS_RESERVED;
    numbers(&r, n);

    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_ok(by_hand(copy, 2, &r, n, 0x1fffffff) == len
            && memcmp(copy, buf, len) == 0,
            "the ints that came later stand behind the others");
    soma_ok(buf[1] == 0x1f, "the basis stands in the flags");
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "they decode");
    soma_ok(same(&r, &back), "to themselves");

    r.usage.basis = (soma_basis_e) 99;
    (void) soma_record_encode(&r, buf, sizeof(buf));
    soma_is_int(buf[1], 0x07, "a basis there is not is none");

    fill(&r);
    numbers(&r, n);

    wrong = 0;
    dice = 1;

    for (i = 0; i < 2000; i++) {

        /* one int, all but one, then any */

        if (i < 2 * SOMA_RECORD_INTS) {
            mask = 1u << i / 2;
            mask = (i & 1) ? ~mask : mask;

        } else {
            dice = dice * 1664525 + 1013904223;
            mask = dice >> 5;
        }

        mask &= 0x7ffffff;

        fill(&r);
        numbers(&r, n);

        for (k = 0; k < SOMA_RECORD_INTS; k++) {
            n[k] = (mask >> k & 1) ? n[k] : 0;
        }

        old = by_hand(first, 1, &r, n, 0);
        wrong += (soma_record_decode(&back_old, first, old) != SOMA_OK);
        numbers(&back_old, back_n);
        wrong += (memcmp(n, back_n, sizeof(n)) != 0);

        len = soma_record_encode(&back_old, buf, sizeof(buf));
        wrong += (by_hand(copy, 2, &r, n, mask) != len
                  || memcmp(copy, buf, len) != 0);
        wrong += (soma_record_decode(&back, buf, len) != SOMA_OK
                  || !same(&back, &back_old));

        /* an int that is there may be 0 */

        len = by_hand(copy, 2, &r, n, mask | 0x5555555);
        wrong += (soma_record_decode(&back, copy, len) != SOMA_OK);
        numbers(&back, back_n);
        wrong += (memcmp(n, back_n, sizeof(n)) != 0);
    }

    soma_is_int(wrong, 0, "whatever ints are 0, in either version");
}


static void
test_long(void)
{
    size_t         len, i;
    char           text[600];
    soma_str_t    *s;
    soma_out_t     out;
    soma_record_t  r, back;
    yyjson_doc    *doc;

    soma_str_t *const  strs[] = {
        &r.id, &r.node, &r.tenant, &r.user, &r.key, &r.session, &r.route,
        &r.model, &r.provider, &r.target, &r.api, &r.error, &r.query_hash,
        &r.cache, &r.tags, &r.catalogue
    };

    fill(&r);
    r.usage.input_tokens = INT64_MIN;
    r.retried_tokens = INT64_MIN;
    r.cost.retried = INT64_MIN;
    memset(text, '\1', sizeof(text));

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        s = strs[i];
        s->data = (unsigned char *) text;
        s->len = sizeof(text);
    }

    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_is_int(len, SOMA_RECORD_FIXED + 16 * 255,
                "the longest strings are cut and fit");
    soma_is_int(soma_record_decode(&back, buf, len), SOMA_OK, "and decode");
    soma_is_int(back.tags.len, 255, "to 255 bytes");

    soma_put_init(&out, json, sizeof(json));
    soma_record_json(&out, &back);
    soma_ok(!out.full, "the longest JSON fits in SOMA_RECORD_JSON_MAX (%zu)",
            (size_t) (out.pos - out.start));
    doc = yyjson_read((char *) json, (size_t) (out.pos - out.start), 0);
    soma_ok(doc != NULL, "and is JSON");
    yyjson_doc_free(doc);

    soma_put_init(&out, json, 100);
    soma_record_json(&out, &back);
    soma_ok(out.full, "a small buffer is full, not passed");

    /* a cut never splits a character: 254 bytes and a euro sign */
    fill(&r);
    memset(text, 'x', sizeof(text));
    memcpy(text + 254, "\xe2\x82\xac", 3);
    r.tags = (soma_str_t) { 300, (unsigned char *) text };
    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_record_decode(&back, buf, len);
    soma_is_int(back.tags.len, 254, "the euro sign is left out whole");

    memset(text, 'x', sizeof(text));
    memcpy(text + 252, "\xe2\x82\xac", 3);
    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_record_decode(&back, buf, len);
    soma_is_int(back.tags.len, 255, "or kept whole");

    memset(text, '\x80', sizeof(text));
    len = soma_record_encode(&r, buf, sizeof(buf));
    soma_record_decode(&back, buf, len);
    soma_is_int(back.tags.len, 255, "what is no UTF-8 is cut anywhere");
}


/* how often the short look is not of decode's mind, whatever bit is another
 * one, and whatever is missing or too much */
static size_t
quarrels(const unsigned char *bytes, size_t len)
{
    int            rc;
    size_t         i, n, wrong;
    soma_str_t     tenant;
    unsigned char  copy[SOMA_RECORD_MAX];
    soma_record_t  back;

    wrong = 0;

    for (i = 0; i < 8 * len; i++) {

        memcpy(copy, bytes, len);
        copy[len] = 0;
        copy[i / 8] ^= (unsigned char) (1 << i % 8);

        for (n = len - 9; n <= len + 1; n++) {
            rc = soma_record_decode(&back, copy, n);

            wrong += (soma_record_tenant(&tenant, copy, n) != rc);
            wrong += (rc == SOMA_OK && (tenant.data != back.tenant.data
                                        || tenant.len != back.tenant.len));
        }
    }

    for (n = 0; n <= len; n++) {
        rc = soma_record_decode(&back, bytes, n);

        wrong += (rc != (n == len ? SOMA_OK : SOMA_ERROR));
        wrong += (soma_record_tenant(&tenant, bytes, n) != rc);
    }

    return wrong;
}


static void
test_tenant(void)
{
    size_t         len, wrong;
    int64_t        n[SOMA_RECORD_INTS];
    uint32_t       mask;
    soma_str_t     tenant;
    soma_record_t  r;

    fill(&r);
    numbers(&r, n);

    len = by_hand(buf, 1, &r, n, 0);
    soma_is_int(quarrels(buf, len), 0,
                "a tenant where there is a record, and only there: version 1");

    /* with and without status and attempts, and what is before them */

    for (mask = 0, wrong = 0; mask < 16; mask++) {
        len = by_hand(buf, 2, &r, n, mask | 0x2aaaa80);
        wrong += quarrels(buf, len);
    }

    wrong += quarrels(buf, by_hand(buf, 2, &r, n, 0));
    wrong += quarrels(buf, by_hand(buf, 2, &r, n, 0x7ffffff));

    soma_is_int(wrong, 0, "version 2");

    soma_ok(soma_record_tenant(&tenant, buf, by_hand(buf, 2, &r, n, 6))
            == SOMA_OK && soma_str_eq(tenant, r.tenant), "it is that tenant");

    n[2] = (int64_t) INT32_MAX + 1;
    soma_ok(soma_record_tenant(&tenant, buf, by_hand(buf, 2, &r, n, 6))
            == SOMA_ERROR
            && soma_record_tenant(&tenant, buf, by_hand(buf, 2, &r, n, 2))
               == SOMA_OK, "attempts are looked at where they are");
}


/* numbers at every length, and text of every length with one odd byte */
static void
test_text(void)
{
    char           want[512];
    size_t         i, k, n, wrong;
    int64_t        v;
    soma_out_t     out;
    unsigned char  text[40];

    static const char  odd[] = "\"\\\x1f\x7f~ ";

    wrong = 0;

    for (i = 0; i < 64; i++) {
        for (n = 0; n < 3; n++) {
            v = (int64_t) (((uint64_t) 1 << i) + n - 1);
            snprintf(want, sizeof(want), "%lld", (long long) v);

            soma_put_init(&out, json, sizeof(json));
            soma_put_int(&out, v);
            wrong += ((size_t) (out.pos - out.start) != strlen(want)
                      || memcmp(json, want, strlen(want)) != 0);

            soma_put_init(&out, json, strlen(want));
            soma_put_int(&out, v);
            wrong += (out.full || memcmp(json, want, strlen(want)) != 0);
        }
    }

    soma_is_int(wrong, 0, "numbers of every length, with room and without");

    for (n = 0; n <= sizeof(text); n++) {
        for (i = 0; i <= n; i++) {
            for (k = 0; k < sizeof(odd) - 1; k++) {

                memset(text, 'a', sizeof(text));

                if (i < n) {
                    text[i] = (unsigned char) odd[k];
                }

                snprintf(want, sizeof(want), "\"%.*s%s%.*s\"", (int) i, text,
                         i == n ? "" : odd[k] == '"' ? "\\\""
                         : odd[k] == '\\' ? "\\\\"
                         : odd[k] == '\x1f' ? "\\u001f"
                         : (char [2]) { odd[k], 0 },
                         i == n ? 0 : (int) (n - i - 1), text + i + 1);

                soma_put_init(&out, json, strlen(want));
                soma_put_json_str(&out, (soma_str_t) { n, text });
                wrong += (out.full || out.pos != out.end
                          || memcmp(json, want, strlen(want)) != 0);
            }
        }
    }

    soma_is_int(wrong, 0, "strings of every length, odd bytes everywhere");
}


static void
test_json(void)
{
    soma_out_t     out;
    soma_record_t  r;

    fill(&r);

    soma_put_init(&out, json, sizeof(json));
    soma_record_json(&out, &r);
    soma_is_str(json, out.pos - out.start,
        "{\"id\":\"req-1\",\"time\":1795232184123,\"node\":\"node-2\","
        "\"tenant\":\"acme\",\"user\":\"al\\\"ice\\n\",\"key\":\"k5\","
        "\"session\":\"s6\",\"route\":\"assistant\","
        "\"model\":\"gpt-4o-mini\",\"provider\":\"openai\","
        "\"target\":\"gpt-4o-mini-2024-07-18\","
        "\"api\":\"chat.completions\",\"stream\":true,\"status\":200,"
        "\"error\":\"\",\"attempts\":2,\"input_tokens\":401,"
        "\"cached_tokens\":402,\"cache_write_tokens\":403,"
        "\"cache_write_1h_tokens\":404,\"output_tokens\":405,"
        "\"reasoning_tokens\":406,\"audio_input_tokens\":407,"
        "\"audio_output_tokens\":408,\"image_input_tokens\":409,"
        "\"image_output_tokens\":410,\"queries\":411,\"images\":412,"
        "\"characters\":413,\"audio_ms\":414,"
        "\"service_tier\":\"priority\",\"estimated\":false,"
        "\"cost_nano\":9223372036854775807,\"cost_input_nano\":502,"
        "\"cost_cached_nano\":503,\"cost_cache_write_nano\":504,"
        "\"cost_output_nano\":505,\"cost_reasoning_nano\":506,"
        "\"cost_audio_nano\":507,"
        "\"cost_other_nano\":-9223372036854775808,"
        "\"latency_ms\":301,\"first_token_ms\":302,"
        "\"query_hash\":\"h13\",\"cache\":\"miss\",\"tags\":\"a,b\","
        "\"catalogue\":\"0123456789abcdef\"}",
        "a full record as JSON");

    r.retried_tokens = 601;
    r.cost.retried = 602;
    r.usage.estimated = 1;
    r.usage.basis = SOMA_BASIS_RESERVED;

    soma_put_init(&out, json, sizeof(json) - 1);
    soma_record_json(&out, &r);
    *out.pos = '\0';
    soma_ok(strstr((char *) json, ",\"estimated\":true,"
                   "\"basis\":\"reserved\",\"cost_nano\":") != NULL,
            "what is no provider's word says what it is");
    soma_ok(strstr((char *) json, "\"first_token_ms\":302,"
                   "\"retried_tokens\":601,\"cost_retried_nano\":602,"
                   "\"query_hash\"") != NULL,
            "what failed attempts may have cost has its own fields");

    memset(&r, 0, sizeof(r));
    r.first_token_ms = -1;
    r.usage.estimated = 1;

    soma_put_init(&out, json, sizeof(json));
    soma_record_json(&out, &r);
    soma_is_str(json, out.pos - out.start,
        "{\"id\":\"\",\"time\":0,\"node\":\"\",\"tenant\":\"\","
        "\"user\":\"\",\"key\":\"\",\"session\":\"\",\"route\":\"\","
        "\"model\":\"\",\"provider\":\"\",\"target\":\"\",\"api\":\"\","
        "\"stream\":false,\"status\":0,\"error\":\"\",\"attempts\":0,"
        "\"input_tokens\":0,\"cached_tokens\":0,\"cache_write_tokens\":0,"
        "\"output_tokens\":0,\"reasoning_tokens\":0,"
        "\"audio_input_tokens\":0,\"audio_output_tokens\":0,"
        "\"estimated\":true,\"cost_nano\":0,\"cost_input_nano\":0,"
        "\"cost_cached_nano\":0,\"cost_cache_write_nano\":0,"
        "\"cost_output_nano\":0,\"cost_reasoning_nano\":0,"
        "\"cost_audio_nano\":0,\"cost_other_nano\":0,\"latency_ms\":0,"
        "\"first_token_ms\":null,\"query_hash\":\"\",\"cache\":\"\","
        "\"tags\":\"\",\"catalogue\":\"\"}",
        "an empty record as JSON");
}


/* with the JSON of the record before at hand it is the same, whatever has
 * changed since */
static void
test_next(void)
{
    size_t              len, i, n, wrong;
    soma_str_t         *s;
    soma_out_t          out, plain;
    unsigned char       bytes[40][SOMA_RECORD_MAX], text[SOMA_RECORD_JSON_MAX];
    soma_record_t       r, back;
    soma_record_memo_t  memo;

    static unsigned char  all[40 * 4096];

    memo.who.len = 0;
    memo.tail.len = 0;
    wrong = 0;

    fill(&r);
    soma_put_init(&out, all, sizeof(all));

    for (i = 0; i < 40; i++) {

        /* each string once on its way, then nothing, then one to the next */

        s = &r.id + i % (SOMA_RECORD_STRS + 2);

        if (i % (SOMA_RECORD_STRS + 2) < SOMA_RECORD_STRS) {
            *s = (i % 3) ? SOMA_STR("another\n") : SOMA_STR("");
        }

        r.time++;
        r.usage.input_tokens += 1000;

        len = soma_record_encode(&r, bytes[i], sizeof(bytes[i]));
        (void) soma_record_decode(&back, bytes[i], len);

        n = (size_t) (out.pos - out.start);
        soma_record_json_next(&out, &back, &memo);

        soma_put_init(&plain, text, sizeof(text));
        soma_record_json(&plain, &back);

        wrong += (plain.pos - plain.start != out.pos - out.start - (long) n)
                 || memcmp(text, all + n, (size_t) (plain.pos - text)) != 0;
    }

    soma_is_int(wrong, 0, "JSON behind another record's");

    n = memo.who.len;
    soma_ok(n != 0 && !out.full, "is all there");
    soma_put_init(&out, text, 300);
    soma_record_json_next(&out, &back, &memo);
    soma_ok(out.full && memo.who.len == 0,
            "what did not fit is not remembered");
}


static void
test_speed(const char *name, const soma_record_t *record)
{
    size_t         i, len;
    double         encode, decode, text;
    clock_t        start;
    soma_out_t     out;
    soma_record_t  r, back;

    r = *record;
    len = 0;

    start = clock();

    for (i = 0; i < ROUNDS; i++) {
        r.time++;
        len += soma_record_encode(&r, buf, sizeof(buf));
    }

    encode = (double) (clock() - start) * 1e9 / CLOCKS_PER_SEC / ROUNDS;
    len /= ROUNDS;
    start = clock();

    for (i = 0; i < ROUNDS; i++) {
        buf[9] = (unsigned char) i;
        if (soma_record_decode(&back, buf, len) != SOMA_OK) {
            break;
        }
    }

    decode = (double) (clock() - start) * 1e9 / CLOCKS_PER_SEC / ROUNDS;
    start = clock();

    for (i = 0; i < ROUNDS / 10; i++) {
        soma_put_init(&out, json, sizeof(json));
        soma_record_json(&out, &back);
    }

    text = (double) (clock() - start) * 1e10 / CLOCKS_PER_SEC / ROUNDS;

    printf("# %s, %zu bytes: encode %.0f ns, decode %.0f ns, JSON %.0f ns\n",
           name, len, encode, decode, text);
    soma_ok(len != 0, "measured");
}


int
main(void)
{
    soma_record_t  r;

    test_binary();
    test_versions();
    test_long();
    test_tenant();
    test_text();
    test_json();
    test_next();

    fill(&r);
    test_speed("all ints", &r);
    usual(&r);
    test_speed("the usual ones", &r);

    return soma_done();
}
