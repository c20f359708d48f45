
/*
 * Copyright (C) The ngx_soma authors
 *
 * Golden vectors, computed by hand from the catalogue's prices, one for every
 * suffix and for every way a gateway has been seen to bill wrongly.
 */


#include <math.h>
#include <time.h>
#include <yyjson.h>
#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_price.h"


#define PRICES      "conf/prices.json"
#define XAI         "t/unit/data/xai_cost.tsv"
#define MODELS      2598
#define LOAD_MS     50
#define LOAD_BYTES  (4 * 1024 * 1024)
#define ROUNDS      20000


static soma_arena_t      *arena;
static soma_catalogue_t  *real;
static soma_cost_t        cost;


static int64_t
sum(const soma_cost_t *c)
{
    return c->input + c->cached + c->cache_write + c->output + c->reasoning
           + c->audio + c->other;
}


/* a catalogue of one model "m" with these members */
static const soma_price_t *
model(const char *members)
{
    size_t             len;
    char              *text;
    soma_str_t         error;
    soma_catalogue_t  *catalogue;

    len = strlen(members) + 80;
    text = arena->alloc(arena->data, len);
    snprintf(text, len, "{\"m\": {\"litellm_provider\": \"p\", %s}}", members);

    if (soma_catalogue_load(&catalogue, arena, str(text), &error) != SOMA_OK) {
        printf("# %.*s\n", (int) error.len, error.data);
        return NULL;
    }

    return soma_catalogue_find(catalogue, str(""), str("m"));
}


#define ask(...)                                                              \
    (&(soma_price_ask_t) { .image_pico = SOMA_PRICE_UNSET, __VA_ARGS__ })


static int64_t
most(const soma_price_t *price, const soma_price_ask_t *asked)
{
    soma_price_dearest_t  dearest;

    soma_price_dearest(&dearest, price);

    return soma_price_bound(&dearest, asked);
}


/* of a request that may meet any kind, at its dearest tier */
static int64_t
bound(const soma_price_t *price, int64_t input_tokens, int64_t output_tokens)
{
    return most(price, ask(.input_tokens = input_tokens,
                           .output_tokens = output_tokens,
                           .tier = SOMA_TIER_PRIORITY,
                           .kinds = SOMA_PRICE_KIND_SETS - 1));
}


static int64_t
total(const soma_price_t *price, soma_usage_t usage)
{
    usage.known = 1;
    soma_price_cost(price, &usage, &cost);

    if (sum(&cost) != cost.total) {
        soma_is_int(sum(&cost), cost.total, "the parts sum to the total");
    }

    return cost.total;
}


#define usage(...)  ((soma_usage_t) { __VA_ARGS__ })


static const soma_price_t *
of(const char *provider, const char *name)
{
    const soma_price_t  *price;

    price = soma_catalogue_find(real, str(provider), str(name));

    if (price == NULL) {
        soma_ok(0, "%s/%s is in the catalogue", provider, name);
    }

    return price;
}


static int
is_slow(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return 1;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return 1;
#endif
#endif

    return soma_valgrind();
}


static void
test_load(void)
{
    int                 i;
    char               *text;
    size_t              len;
    double              ms, best;
    clock_t             start;
    soma_str_t          error, hash;
    soma_arena_t       *own;
    soma_catalogue_t   *catalogue;
    soma_test_arena_t  *test;

    text = soma_file(PRICES, &len);
    best = 1e9;

    for (i = 0; i < (is_slow() ? 1 : 5); i++) {
        own = soma_test_arena();
        start = clock();

        if (soma_catalogue_load(&catalogue, own,
                                (soma_str_t) { len, (void *) text }, &error)
            != SOMA_OK)
        {
            soma_ok(0, "loads: %.*s", (int) error.len, error.data);
            exit(1);
        }

        ms = (double) (clock() - start) * 1000 / CLOCKS_PER_SEC;
        best = ms < best ? ms : best;

        test = own->data;
        if (i == 0) {
            printf("# %zu bytes of arena\n", test->bytes);
            soma_ok(test->bytes < LOAD_BYTES, "a catalogue is small");
            soma_is_int(soma_catalogue_models(catalogue), MODELS, "models");
            soma_is_int(soma_catalogue_skipped(catalogue), 1,
                        "only the sample is no model");

            hash = soma_catalogue_hash(catalogue);
            soma_is_int(hash.len, 16, "the hash has 16 digits");
        }

        soma_test_arena_free(own);
    }

    printf("# loaded in %.1f ms\n", best);
    soma_ok(best < LOAD_MS || is_slow(), "loads in %d ms", LOAD_MS);

    if (soma_catalogue_load(&real, arena, (soma_str_t) { len, (void *) text },
                            &error)
        != SOMA_OK)
    {
        exit(1);
    }

    free(text);
}


/* every plain price against the same text read as a double */
static void
test_all(void)
{
    char                *text;
    size_t               len, i, n, wrong, missing;
    double               usd;
    yyjson_doc          *doc;
    yyjson_val          *root, *key, *entry, *value;
    const soma_price_t  *price;

    text = soma_file(PRICES, &len);
    doc = yyjson_read(text, len, 0);
    root = yyjson_doc_get_root(doc);
    wrong = 0;
    missing = 0;

    yyjson_obj_foreach(root, i, n, key, entry) {

        if (yyjson_equals_str(key, "sample_spec")) {
            continue;
        }

        price = soma_catalogue_find(real, str(""),
                                    str(yyjson_get_str(key)));
        if (price == NULL) {
            missing++;
            continue;
        }

        value = yyjson_obj_get(entry, "input_cost_per_token");
        usd = yyjson_get_num(value);

        if (value != NULL
            && fabs((double) price->base.input[0] - usd * 1e12) > 0.51)
        {
            wrong++;
        }

        value = yyjson_obj_get(entry, "output_cost_per_token");
        usd = yyjson_get_num(value);

        if (value != NULL
            && fabs((double) price->base.output[0] - usd * 1e12) > 0.51)
        {
            wrong++;
        }
    }

    soma_is_int(missing, 0, "every key is found");
    soma_is_int(wrong, 0, "every plain price is what is written");

    yyjson_doc_free(doc);
    free(text);
}


static void
test_find(void)
{
    const soma_price_t  *price;

    price = of("openai", "gpt-4o-mini");
    soma_is_str(price->name.data, price->name.len, "gpt-4o-mini", "bare name");
    soma_is_str(price->provider.data, price->provider.len, "openai",
                "its provider");
    soma_is_str(price->mode.data, price->mode.len, "chat", "its mode");
    soma_is_int(price->max_input, 128000, "its context");
    soma_is_int(price->max_output, 16384, "its longest answer");
    soma_ok(price->known, "a price is known");

    price = of("azure", "gpt-4o-mini");
    soma_is_str(price->name.data, price->name.len, "azure/gpt-4o-mini",
                "the provider's own price goes before the bare name");

    soma_ok(of("mine", "gpt-4o-mini") == of("openai", "gpt-4o-mini"),
            "a provider of another name falls back to the bare name");
    soma_ok(of("", "xai/grok-4") == of("xai", "grok-4"), "a whole key");

    soma_ok(soma_catalogue_find(real, str("openai"), str("gpt-0")) == NULL,
            "an unknown model");
    soma_ok(soma_catalogue_find(real, str("openai"), str("")) == NULL,
            "no name");
    soma_ok(soma_catalogue_find(real, str("openai"), str("sample_spec"))
            == NULL, "the sample is no model");
    soma_ok(soma_catalogue_find(real, str("xai/"), str("grok-4")) == NULL,
            "the slash is ours");
}


static void
test_plain(void)
{
    const soma_price_t  *p;

    /* 0.15 and 0.60 USD a million; cached 0.075 */
    p = of("openai", "gpt-4o-mini");

    soma_is_int(total(p, usage(.input_tokens = 1000, .output_tokens = 500)),
                450000, "input and output");
    soma_is_int(cost.input, 150000, "the input's part");
    soma_is_int(cost.output, 300000, "the output's part");

    soma_is_int(total(p, usage(.input_tokens = 1000, .cached_tokens = 400)),
                120000, "cached tokens are within the prompt");
    soma_is_int(cost.input, 90000, "the uncached part");
    soma_is_int(cost.cached, 30000, "the cached part");

    soma_is_int(total(p, usage(.input_tokens = 1)), 150, "one token");
    soma_is_int(total(p, usage(.known = 1)), 0, "an explicit 0 is 0");
    soma_is_int(total(NULL, usage(.input_tokens = 9)), 0, "no price at all");

    soma_is_int(total(p, usage(.input_tokens = -5, .output_tokens = -5)), 0,
                "negative counts cost nothing");

    /* 511 distinct prices, some finer than a pico-USD */
    p = model("\"input_cost_per_token\": 1.59263611e-07");
    soma_is_int(p->base.input[0], 159264, "159263.611 pico-USD, half up");
    p = model("\"input_cost_per_token\": 4.5e-12");
    soma_is_int(p->base.input[0], 5, "4.5 pico-USD, half up");
    p = model("\"input_cost_per_token\": 2.9999900000000002e-06");
    soma_is_int(p->base.input[0], 2999990, "a double's tail is rounded off");
    p = model("\"input_cost_per_token\": \"3e-06\"");
    soma_is_int(p->base.input[0], 3000000, "a number in quotes");
    p = model("\"input_cost_per_token\": null, \"mode\": null");
    soma_is_int(p->base.input[0], SOMA_PRICE_UNSET, "null says nothing");
    soma_ok(!p->known, "no price is known");
    p = model("\"input_cost_per_token\": 0");
    soma_ok(p->known && p->base.input[0] == 0, "free is a price");
}


static void
test_cache_write(void)
{
    const soma_price_t  *p;

    /* 5, 25, write 6.25, write for an hour 10, read 0.50 USD a million */
    p = of("anthropic", "claude-opus-4-6");

    soma_is_int(total(p, usage(.input_tokens = 10000, .cached_tokens = 2000,
                               .cache_write_tokens = 3000,
                               .cache_write_1h_tokens = 1000,
                               .output_tokens = 100)),
                25000000 + 1000000 + 12500000 + 10000000 + 2500000,
                "cache writes of 5 minutes and of an hour, once each");
    soma_is_int(cost.input, 25000000, "input without the cached");
    soma_is_int(cost.cached, 1000000, "read");
    soma_is_int(cost.cache_write, 22500000, "written");

    /* above 200k: 10, 37.5, write 12.50, read 1; an hour is not said there:
     * 10 * 12.50 / 6.25 */
    soma_is_int(total(p, usage(.input_tokens = 300000,
                               .cached_tokens = 200000,
                               .cache_write_tokens = 50000,
                               .cache_write_1h_tokens = 10000,
                               .output_tokens = 1000)),
                500000000 + 200000000 + 500000000 + 200000000 + 37500000,
                "a large prompt mostly cached is still a large prompt");

    p = model("\"input_cost_per_token\": 3e-06,"
              "\"cache_creation_input_token_cost\": 3.75e-06");
    soma_is_int(total(p, usage(.input_tokens = 100, .cache_write_tokens = 100,
                               .cache_write_1h_tokens = 40)),
                375000, "an hour without a price of its own is a write");

    p = model("\"input_cost_per_token\": 3e-06");
    soma_is_int(total(p, usage(.input_tokens = 100, .cache_write_tokens = 60,
                               .cached_tokens = 40)),
                300000, "without cache prices all of it is input");

    p = model("\"input_cost_per_token\": 1e-06,"
              "\"cache_creation_input_token_cost_above_1hr\": 2e-06,"
              "\"cache_creation_input_token_cost_above_1hr"
              "_above_200k_tokens\": 4e-06");
    soma_is_int(total(p, usage(.input_tokens = 100, .cache_write_tokens = 100,
                               .cache_write_1h_tokens = 100)),
                200000, "_above_1hr");
    soma_is_int(total(p, usage(.input_tokens = 200001,
                               .cache_write_tokens = 200001,
                               .cache_write_1h_tokens = 200001)),
                800004000, "_above_1hr_above_200k_tokens");
}


static void
test_steps(void)
{
    unsigned             i;
    char                 text[256];
    const soma_price_t  *p;

    static const int64_t  sizes[] = { 32, 128, 200, 256, 272, 1000 };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        snprintf(text, sizeof(text),
                 "\"input_cost_per_token\": 1e-06,"
                 "\"output_cost_per_token\": 2e-06,"
                 "\"input_cost_per_token_above_%dk_tokens\": 3e-06,"
                 "\"output_cost_per_token_above_%dk_tokens\": 5e-06",
                 (int) sizes[i], (int) sizes[i]);
        p = model(text);

        soma_is_int(total(p, usage(.input_tokens = sizes[i] * 1000,
                                   .output_tokens = 10)),
                    sizes[i] * 1000000 + 20000,
                    "%dk tokens are not above it", (int) sizes[i]);
        soma_is_int(total(p, usage(.input_tokens = sizes[i] * 1000 + 1,
                                   .output_tokens = 10)),
                    sizes[i] * 3000000 + 3000 + 50000,
                    "one more is, for all tokens, the answer's too");
    }

    /* 1.25, 10, read 0.125; above 200k 2.50, 15, read 0.25 */
    p = of("gemini", "gemini-2.5-pro");
    soma_is_int(total(p, usage(.input_tokens = 250000, .cached_tokens = 50000,
                               .output_tokens = 1000)),
                500000000 + 12500000 + 15000000, "_above_200k_tokens");

    p = model("\"input_cost_per_token\": 1e-06,"
              "\"cache_read_input_token_cost\": 1e-07,"
              "\"output_cost_per_token\": 2e-06,"
              "\"output_cost_per_token_above_256k_tokens\": 9e-06,"
              "\"input_cost_per_token_above_128k_tokens\": 3e-06");
    soma_is_int(p->nsteps, 2, "two sizes");
    soma_ok(p->step[0].above < p->step[1].above, "in order");
    soma_is_int(total(p, usage(.input_tokens = 256001, .cached_tokens = 1,
                               .output_tokens = 1)),
                768000000 + 100 + 9000,
                "what a step does not name costs as below it");

    p = model("\"input_cost_per_token_above_1k_tokens\": 1e-06,"
              "\"input_cost_per_token_above_2k_tokens\": 1e-06,"
              "\"input_cost_per_token_above_3k_tokens\": 1e-06,"
              "\"input_cost_per_token_above_4k_tokens\": 1e-06,"
              "\"input_cost_per_token_above_5k_tokens\": 1e-06");
    soma_ok(p == NULL, "a fifth size is refused, not forgotten");
}


static void
test_tiered(void)
{
    const soma_price_t  *p;

    /* [0, 32k] 1/5/0.1, [32k, 128k] 1.8/9/0.18, [128k, 256k] 3/15/0.3,
     * [256k, 1m] 6/60/0.6 */
    p = of("dashscope", "qwen3-coder-plus");
    soma_is_int(p->nsteps, 3, "four ranges are a base and three steps");

    soma_is_int(total(p, usage(.input_tokens = 32000, .output_tokens = 100)),
                32000000 + 500000, "the first range to its end");
    soma_is_int(total(p, usage(.input_tokens = 32001, .output_tokens = 100,
                               .cached_tokens = 1)),
                57600000 + 180 + 900000, "the second");
    soma_is_int(total(p, usage(.input_tokens = 200000)), 600000000,
                "the third");
    soma_is_int(total(p, usage(.input_tokens = 300000, .output_tokens = 1)),
                1800060000, "the last");

    /* [0, 256k] 0.4, reasoning 4, output 1.2; then 1.2, 12, 3.6 */
    p = of("dashscope", "qwen-plus-latest");
    soma_is_int(total(p, usage(.input_tokens = 1000, .output_tokens = 100,
                               .reasoning_tokens = 60)),
                400000 + 240000 + 48000, "reasoning in a range");
    soma_is_int(total(p, usage(.input_tokens = 300000, .output_tokens = 100,
                               .reasoning_tokens = 60)),
                360000000 + 720000 + 144000, "reasoning in the next");

    /* by number of results: the first */
    p = of("", "exa_ai/search");
    soma_is_int(total(p, usage(.queries = 2)), 10000000,
                "a search is billed by its smallest number of results");
    soma_is_int(p->nsteps, 0, "which is no prompt size");
}


static void
test_service_tiers(void)
{
    const soma_price_t  *p;

    p = model("\"input_cost_per_token\": 2e-06,"
              "\"output_cost_per_token\": 8e-06,"
              "\"cache_read_input_token_cost\": 5e-07,"
              "\"input_cost_per_token_priority\": 3.5e-06,"
              "\"output_cost_per_token_priority\": 1.4e-05,"
              "\"cache_read_input_token_cost_priority\": 8.75e-07,"
              "\"input_cost_per_token_flex\": 1.1e-06,"
              "\"output_cost_per_token_flex\": 4.1e-06,"
              "\"cache_read_input_token_cost_flex\": 2.6e-07,"
              "\"input_cost_per_token_batches\": 1.2e-06,"
              "\"output_cost_per_token_batches\": 4.2e-06");

    soma_is_int(total(p, usage(.input_tokens = 10, .cached_tokens = 4,
                               .output_tokens = 10,
                               .tier = SOMA_TIER_PRIORITY)),
                21000 + 3500 + 140000, "_priority");
    soma_is_int(total(p, usage(.input_tokens = 10, .cached_tokens = 4,
                               .output_tokens = 10, .tier = SOMA_TIER_FLEX)),
                6600 + 1040 + 41000, "_flex");
    soma_is_int(total(p, usage(.input_tokens = 10, .cached_tokens = 4,
                               .output_tokens = 10, .tier = SOMA_TIER_BATCH)),
                7200 + 1000 + 42000, "_batches, cached at half");
    soma_is_int(total(p, usage(.input_tokens = 10, .tier = 7)), 20000,
                "a tier of another world is the standard one");

    /* 2.5 and 10, no flex: the reported tier does not halve or double */
    p = of("openai", "gpt-4o-2024-08-06");
    soma_is_int(total(p, usage(.input_tokens = 10, .output_tokens = 10,
                               .tier = SOMA_TIER_FLEX)),
                125000, "a missing tier is the standard one");

    p = model("\"input_cost_per_token\": 2e-06,"
              "\"output_cost_per_token\": 8e-06");
    soma_is_int(total(p, usage(.input_tokens = 10, .output_tokens = 10,
                               .tier = SOMA_TIER_BATCH)),
                50000, "a missing batch price is half");

    p = model("\"input_cost_per_token\": 1e-12");
    soma_is_int(total(p, usage(.input_tokens = 999, .tier = SOMA_TIER_BATCH)),
                0, "half of an odd pico-USD, 0.4995 nano-USD");
    soma_is_int(total(p, usage(.input_tokens = 1001,
                               .tier = SOMA_TIER_BATCH)),
                1, "and 0.5005 nano-USD");

    /* 2, 12, batches 1 and 6; above 200k 4 and 18; priority there 7.2, 32.4 */
    p = of("gemini", "gemini-3-pro-preview");
    soma_is_int(total(p, usage(.input_tokens = 1000, .output_tokens = 1000,
                               .tier = SOMA_TIER_BATCH)),
                7000000, "a batch");
    soma_is_int(total(p, usage(.input_tokens = 300000, .output_tokens = 1000,
                               .tier = SOMA_TIER_BATCH)),
                600000000 + 9000000, "a batch at a step is half of the step");
    soma_is_int(total(p, usage(.input_tokens = 300000, .output_tokens = 1000,
                               .tier = SOMA_TIER_PRIORITY)),
                2160000000 + 32400000, "_above_200k_tokens_priority");

    /* 0.00625 a million, batches 0.005 under an older name */
    p = of("vertex_ai", "text-embedding-preview-0409");
    soma_is_int(total(p, usage(.input_tokens = 1000,
                               .tier = SOMA_TIER_BATCH)),
                5000, "_batch_requests");
}


static void
test_output_kinds(void)
{
    const soma_price_t  *p;

    /* 0.4, 1.2, reasoning 4 */
    p = of("dashscope", "qwen-plus-2025-04-28");
    soma_is_int(total(p, usage(.output_tokens = 100, .reasoning_tokens = 75)),
                30000 + 300000, "output_cost_per_reasoning_token");
    soma_is_int(cost.output, 30000, "the answer");
    soma_is_int(cost.reasoning, 300000, "the thought");

    soma_is_int(total(p, usage(.output_tokens = 100,
                               .reasoning_tokens = 180)),
                400000, "more thought than answer is all thought, once");

    p = of("openai", "gpt-4o-mini");
    soma_is_int(total(p, usage(.output_tokens = 100, .reasoning_tokens = 60)),
                60000, "reasoning without a price is output");
    soma_is_int(cost.reasoning, 36000, "and has its part");

    /* reasoning 3 as output; priority 5.4 for output only */
    p = of("gemini", "gemini-3-flash-preview");
    soma_is_int(total(p, usage(.output_tokens = 100, .reasoning_tokens = 60,
                               .tier = SOMA_TIER_PRIORITY)),
                540000, "thought that costs as the answer does so in a tier");

    /* 2.5, 10, audio 40 and 80 */
    p = of("openai", "gpt-4o-audio-preview-2024-12-17");
    soma_is_int(total(p, usage(.input_tokens = 100, .audio_input_tokens = 40,
                               .output_tokens = 100,
                               .audio_output_tokens = 90)),
                150000 + 1600000 + 100000 + 7200000,
                "audio tokens, both ways, within the whole");
    soma_is_int(cost.audio, 8800000, "the sound's part");

    /* 5, cached 1.25, image 10, image out 40, no price for other output */
    p = of("openai", "gpt-image-1");
    soma_is_int(total(p, usage(.input_tokens = 100, .image_input_tokens = 60,
                               .output_tokens = 1000,
                               .image_output_tokens = 1000)),
                200000 + 600000 + 40000000, "image tokens");
    soma_is_int(total(p, usage(.input_tokens = 100, .output_tokens = 1000)),
                500000 + 40000000,
                "all that an image model gives is image");

    /* audio 1, 1.8 with priority */
    p = of("gemini", "gemini-3-flash-preview");
    soma_is_int(total(p, usage(.input_tokens = 10, .audio_input_tokens = 10,
                               .tier = SOMA_TIER_PRIORITY)),
                18000, "input_cost_per_audio_token_priority");
}


static void
test_pieces(void)
{
    const soma_price_t  *p;

    p = of("cohere", "rerank-v3.5");
    soma_is_int(total(p, usage(.queries = 3)), 6000000,
                "input_cost_per_query");
    soma_is_int(cost.other, 6000000, "is other");

    p = model("\"search_context_cost_per_query\":"
              "{\"search_context_size_low\": 0.03,"
              "\"search_context_size_medium\": 0.035,"
              "\"search_context_size_high\": 0.05},"
              "\"input_cost_per_token\": 1e-06");
    soma_is_int(total(p, usage(.input_tokens = 10, .queries = 2)),
                10000 + 70000000, "search_context_cost_per_query: medium");

    p = model("\"search_context_cost_per_query\": 0.01");
    soma_is_int(total(p, usage(.queries = 2)), 20000000, "as a number");

    p = model("\"search_context_cost_per_query\": {\"low\": 1}");
    soma_is_int(p->per_query, SOMA_PRICE_UNSET, "without a medium: not said");

    p = of("perplexity", "sonar-medium-online");
    soma_is_int(total(p, usage(.input_tokens = 0)), 5000000,
                "input_cost_per_request");
    soma_price_cost(p, &usage(.known = 0), &cost);
    soma_is_int(cost.total, 0, "is not due where nothing was used");
    soma_price_cost(p, &usage(.estimated = 1), &cost);
    soma_is_int(cost.total, 5000000, "is due where usage was estimated");

    p = of("openai", "tts-1");
    soma_is_int(total(p, usage(.characters = 100)), 1500000,
                "input_cost_per_character");
    soma_is_int(cost.audio, 1500000, "is sound");

    p = of("openai", "whisper-1");
    soma_is_int(total(p, usage(.audio_ms = 12345)), 1234500,
                "a second of sound, once, not in and out");

    p = model("\"output_cost_per_second\": 1e-04,"
              "\"mode\": \"audio_transcription\"");
    soma_is_int(total(p, usage(.audio_ms = 1)), 100,
                "output_cost_per_second alone");

    p = model("\"input_cost_per_second\": 1e-04,"
              "\"input_cost_per_character\": 1e-04,"
              "\"input_cost_per_token\": 1e-06");
    soma_is_int(total(p, usage(.input_tokens = 10, .audio_ms = 5000,
                               .characters = 50)),
                10000, "sound billed by tokens is not billed again");

    p = of("openai", "dall-e-3");
    soma_is_int(total(p, usage(.images = 2)), 80000000,
                "an image made, called input_cost_per_image");

    p = model("\"output_cost_per_image\": 0.039,"
              "\"output_cost_per_image_token\": 3e-05,"
              "\"output_cost_per_token\": 2e-06");
    soma_is_int(total(p, usage(.images = 2)), 78000000,
                "output_cost_per_image");
    soma_is_int(total(p, usage(.images = 1, .output_tokens = 1290,
                               .image_output_tokens = 1290)),
                38700000, "an image billed by tokens is not billed again");

    p = model("\"input_cost_per_token\": 2.7e-07,"
              "\"input_cost_per_token_cache_hit\": 7e-08");
    soma_is_int(total(p, usage(.input_tokens = 100, .cached_tokens = 50)),
                17000, "input_cost_per_token_cache_hit");

    p = model("\"input_cost_per_token_cache_hit\": 7e-08,"
              "\"cache_read_input_token_cost\": 6e-08");
    soma_is_int(total(p, usage(.input_tokens = 100, .cached_tokens = 100)),
                6000, "the usual name goes first");
}


static void
test_clamp(void)
{
    const soma_price_t  *p;

    p = model("\"input_cost_per_token\": 1e-06,"
              "\"cache_read_input_token_cost\": 1e-07,"
              "\"cache_creation_input_token_cost\": 2e-06,"
              "\"input_cost_per_audio_token\": 5e-06");

    soma_is_int(total(p, usage(.input_tokens = 100, .cached_tokens = 500)),
                10000, "more cached than there is: all of it is cached");
    soma_is_int(total(p, usage(.input_tokens = 100, .cached_tokens = 60,
                               .cache_write_tokens = 60,
                               .audio_input_tokens = 60)),
                6000 + 80000, "parts that overlap are taken in order");
    soma_is_int(cost.audio, 0, "until nothing is left");
    soma_is_int(total(p, usage(.input_tokens = 100, .cache_write_tokens = 10,
                               .cache_write_1h_tokens = 50)),
                90000 + 20000, "hours are within the writes");
    soma_is_int(total(p, usage(.input_tokens = 100, .cached_tokens = -7)),
                100000, "a negative part is none");
}


static void
test_rounding(void)
{
    soma_price_t  p;

    soma_price_init(&p);
    p.base.input[0] = 500;
    p.base.output[0] = 500;

    soma_is_int(total(&p, usage(.input_tokens = 1)), 1, "0.5 is 1");
    soma_is_int(total(&p, usage(.input_tokens = 1, .output_tokens = 1)), 1,
                "0.5 and 0.5 are 1: rounded once");
    soma_is_int(total(&p, usage(.input_tokens = 3, .output_tokens = 5)), 4,
                "1.5 and 2.5 are 4");
    soma_is_int(cost.output, 3, "what is left over goes to the largest");
    soma_is_int(cost.input, 1, "the other is rounded down");

    p.base.input[0] = 499;
    soma_is_int(total(&p, usage(.input_tokens = 1)), 0, "0.499 is 0");

    p.base.input[0] = INT64_MAX;
    p.base.output[0] = INT64_MAX;
    soma_is_int(total(&p, usage(.input_tokens = INT64_MAX,
                                .output_tokens = INT64_MAX)),
                INT64_MAX, "too much is the most there is");
    soma_is_int(sum(&cost), INT64_MAX, "in its parts too");
    soma_is_int(bound(&p, INT64_MAX, INT64_MAX), INT64_MAX,
                "and its bound");
}


static void
test_bound(void)
{
    const soma_price_t    *p;
    soma_price_dearest_t   dearest;

    p = model("\"input_cost_per_token\": 1e-06,"
              "\"cache_creation_input_token_cost\": 1.25e-06,"
              "\"output_cost_per_token\": 2e-06,"
              "\"output_cost_per_token_priority\": 4e-06,"
              "\"input_cost_per_request\": 1e-09,"
              "\"input_cost_per_token_above_128k_tokens\": 3e-06");

    soma_is_int(bound(p, 1000, 100), 1250000 + 400000 + 1,
                "the dearest kind, tier and request");
    soma_is_int(bound(p, 128001, 0), 384003000 + 1,
                "the step it may be in");
    soma_is_int(bound(p, 0, 0), 1, "a request");
    soma_is_int(bound(p, -1, -1), 1, "of no negative size");
    memset(&dearest, 0, sizeof(dearest));
    soma_is_int(soma_price_bound(&dearest, ask(.input_tokens = 5)), 0,
                "no price");

    soma_is_int(most(p, ask(.input_tokens = 1000, .output_tokens = 100)),
                1000000 + 200000 + 1,
                "text alone is bounded by the prices of text");
    soma_is_int(most(p, ask(.input_tokens = 1000,
                            .kinds = SOMA_PRICE_CACHE_WRITE)),
                1250000 + 1, "what marks a cache may be written to it");
    soma_is_int(most(p, ask(.output_tokens = 100,
                            .tier = SOMA_TIER_PRIORITY)),
                400000 + 1, "the tier that is asked for counts");
    soma_is_int(most(p, ask(.output_tokens = 100, .tier = SOMA_TIER_FLEX)),
                200000 + 1, "a cheaper tier may not be served");

    p = model("\"input_cost_per_token\": 1e-12");
    soma_is_int(bound(p, 1, 0), 1, "rounded up");
}


/* what is paid by the piece is bounded by it */
static void
test_pieces_bound(void)
{
    soma_image_t         image;
    soma_price_t         p;
    soma_arena_t        *a;
    const soma_price_t  *m;

    m = model("\"output_cost_per_image\": 0.04");
    soma_is_int(most(m, ask(.images = 10)), 400000000, "ten images");
    soma_is_int(soma_price_made(m, ask(.images = 10)), 0,
                "that are not paid by tokens");

    m = model("\"input_cost_per_character\": 1.5e-05");
    soma_is_int(most(m, ask(.characters = 240)), 3600000, "characters");

    m = model("\"input_cost_per_second\": 0.0001");
    soma_is_int(most(m, ask(.audio_ms = 3600000)), 360000000,
                "an hour of sound");

    m = model("\"input_cost_per_token\": 5e-06,"
              "\"output_cost_per_image_token\": 4e-05");
    soma_is_int(soma_price_made(m, ask(.images = 2)), 2 * 6540,
                "images by tokens have the most that one may take");
    soma_is_int(soma_price_made(m, ask(.characters = 10)), 60,
                "and so has speech");
    soma_is_int(soma_price_made(m, ask(.audio_ms = 1000)), 9,
                "and what is heard");

    /* sizes and qualities of the catalogue that is shipped */

    a = soma_test_arena();
    soma_price_init(&p);
    soma_ok(soma_catalogue_images(real, a, str("openai"), str("gpt-image-1"),
                                  &p)
            == SOMA_OK, "images by size and quality are found");
    soma_is_int(p.nimages, 9, "nine of them, those of Azure left out");

    soma_image_asked(&image, str("1024x1536"), str("high"));
    soma_is_int(soma_price_image(&p, &image), 250000000000,
                "a large one of high quality costs 0.25");
    soma_image_asked(&image, str("1024x1024"), str("low"));
    soma_is_int(soma_price_image(&p, &image), 11000000000,
                "a small one of low quality costs 0.011");
    soma_image_asked(&image, str("1024x1024"), str("auto"));
    soma_is_int(soma_price_image(&p, &image), 167000000000,
                "a quality that is left to the provider is the dearest");
    soma_image_asked(&image, str(""), str(""));
    soma_is_int(soma_price_image(&p, &image), 250000000000,
                "and so is what is not said at all");
    soma_image_asked(&image, str("9999x9999"), str("high"));
    soma_is_int(soma_price_image(&p, &image), 250000000000,
                "a size that is not known is taken for the dearest");
    soma_is_int(total(&p, usage(.images = 2, .image_pico = 11000000000)),
                22000000, "an image is billed as it was asked for");

    soma_price_init(&p);
    soma_ok(soma_catalogue_images(real, a, str("azure"), str("gpt-image-1"),
                                  &p)
            == SOMA_OK && p.nimages >= 9, "Azure has its own");
    soma_price_init(&p);
    soma_ok(soma_catalogue_images(real, a, str("openai"), str("dall-e-3"),
                                  &p)
            == SOMA_OK, "images by the pixel are found");
    soma_image_asked(&image, str("1024x1024"), str("standard"));
    soma_is_int(soma_price_image(&p, &image), (int64_t) 38147 * 1024 * 1024,
                "and cost what their pixels do");

    soma_test_arena_free(a);
}


/* a tier that has no price of its own */
static void
test_missing_tier(void)
{
    const soma_price_t  *p;

    p = model("\"input_cost_per_token\": 1e-06,"
              "\"input_cost_per_token_flex\": 5e-07,"
              "\"output_cost_per_token\": 2e-06,"
              "\"output_cost_per_token_priority\": 4e-06,"
              "\"output_cost_per_token_above_128k_tokens\": 3e-06");

    soma_is_int(total(p, usage(.input_tokens = 1000,
                               .tier = SOMA_TIER_PRIORITY)),
                1000000, "priority takes the dearest that is known");
    soma_is_int(total(p, usage(.input_tokens = 200000, .output_tokens = 1000,
                               .tier = SOMA_TIER_PRIORITY)),
                200000000 + 4000000,
                "at a step too: its price below may be the dearest");
    soma_is_int(total(p, usage(.output_tokens = 1000,
                               .tier = SOMA_TIER_FLEX)),
                2000000, "flex is never dearer than the standard price");
}


/* any usage of any model: parts sum up, nothing above the bound, nothing
 * dearer than the whole at the dearest */
static void
test_random(void)
{
    size_t               i, n, bad_sum, bad_bound;
    int64_t              max;
    soma_usage_t         u;
    const soma_price_t  *p;

    bad_sum = 0;
    bad_bound = 0;
    n = is_slow() ? ROUNDS / 10 : ROUNDS;

    for (i = 0; i < n; i++) {
        p = soma_catalogue_model(real, soma_rnd() % MODELS);

        memset(&u, 0, sizeof(u));
        max = 1 + (int64_t) (soma_rnd() % 400000);
        u.input_tokens = (int64_t) (soma_rnd() % 400000);
        u.output_tokens = (int64_t) (soma_rnd() % 100000);
        u.cached_tokens = (int64_t) soma_rnd() % max;
        u.cache_write_tokens = (int64_t) soma_rnd() % max;
        u.cache_write_1h_tokens = (int64_t) soma_rnd() % max;
        u.audio_input_tokens = (int64_t) soma_rnd() % max;
        u.image_input_tokens = (int64_t) soma_rnd() % max;
        u.reasoning_tokens = (int64_t) soma_rnd() % max;
        u.audio_output_tokens = (int64_t) soma_rnd() % max;
        u.image_output_tokens = (int64_t) soma_rnd() % max;
        u.tier = soma_rnd() % 4;
        u.known = 1;

        soma_price_cost(p, &u, &cost);

        if (sum(&cost) != cost.total || cost.total < 0 || cost.input < 0
            || cost.cached < 0 || cost.cache_write < 0 || cost.output < 0
            || cost.reasoning < 0 || cost.audio < 0 || cost.other < 0)
        {
            bad_sum++;
        }

        if (cost.total > most(p, ask(.input_tokens = u.input_tokens,
                                     .output_tokens = u.output_tokens,
                                     .tier = u.tier,
                                     .kinds = SOMA_PRICE_KIND_SETS - 1)))
        {
            bad_bound++;
        }
    }

    soma_is_int(bad_sum, 0, "parts of %zu usages sum to their totals", n);
    soma_is_int(bad_bound, 0, "none is above its bound");
}


/*
 * What the catalogue and our arithmetic say against what xAI itself says.
 * grok-4.3 came after this catalogue: 1.25, 0.20 cached, 2.50 USD a million
 * are the prices that solve its own rows, so those check the arithmetic only.
 */
static void
test_xai(void)
{
    char                *text, *line, *save, name[64];
    size_t               len;
    int64_t              v[5], ticks;
    unsigned             known, later, wrong;
    soma_price_t         grok;
    const soma_price_t  *p;

    soma_price_init(&grok);
    grok.base.input[0] = 1250000;
    grok.base.cache_read[0] = 200000;
    grok.base.output[0] = 2500000;

    text = soma_file(XAI, &len);
    known = 0;
    later = 0;
    wrong = 0;

    for (line = strtok_r(text, "\n", &save);
         line != NULL;
         line = strtok_r(NULL, "\n", &save))
    {
        if (line[0] == '#') {
            continue;
        }

        if (sscanf(line, "%*s %63s %ld %ld %ld %ld %ld", name, &v[0], &v[1],
                   &v[2], &v[3], &v[4]) != 6)
        {
            soma_ok(0, "line \"%s\"", line);
            continue;
        }

        p = soma_catalogue_find(real, str("xai"), str(name));

        if (p != NULL) {
            known++;

        } else if (strcmp(name, "grok-4.3") == 0) {
            p = &grok;
            later++;
        }

        ticks = 10 * total(p, usage(.input_tokens = v[0],
                                    .cached_tokens = v[1],
                                    .output_tokens = v[2],
                                    .reasoning_tokens = v[3]));
        if (ticks != v[4]) {
            printf("# %s: %ld, not %ld\n", line, (long) ticks, v[4]);
            wrong++;
        }
    }

    soma_is_int(known, 16, "answers of xAI's models in the catalogue");
    soma_is_int(later, 26, "answers of a later model");
    soma_is_int(wrong, 0, "all cost what xAI says, to the nano-USD");

    free(text);
}


static void
test_errors(void)
{
    size_t             i;
    soma_str_t         error;
    soma_catalogue_t  *c;

    static const struct {
        const char  *text;
        const char  *error;
    } bad[] = {
        { "{\n\n\"a\": }",
          "the price catalogue is not valid JSON: unexpected character, "
          "expected a valid JSON value in line 3" },
        { "[]", "a price catalogue is a JSON object of models" },
        { "3", "a price catalogue is a JSON object of models" },
        { "{\"x\": {\"litellm_provider\": \"p\","
          "\"input_cost_per_token\": -1e-6}}",
          "price catalogue: member \"input_cost_per_token\" of model \"x\" "
          "is not a price in USD: a number from 0 to 1000" },
        { "{\"x\": {\"litellm_provider\": \"p\","
          "\"output_cost_per_token_above_128k_tokens\": true}}",
          "price catalogue: member \"output_cost_per_token_above_128k_tokens"
          "\" of model \"x\" is not a price in USD: a number from 0 to 1000" },
        { "{\"x\": {\"litellm_provider\": \"p\","
          "\"input_cost_per_token\": \"cheap\"}}",
          "price catalogue: member \"input_cost_per_token\" of model \"x\" "
          "is not a price in USD: a number from 0 to 1000" },
        { "{\"x\": {\"litellm_provider\": \"p\","
          "\"tiered_pricing\": [{\"input_cost_per_token\": 1e99}]}}",
          "price catalogue: member \"input_cost_per_token\" of model \"x\" "
          "is not a price in USD: a number from 0 to 1000" },
        { "{\"x\": {\"litellm_provider\": \"p\","
          "\"output_cost_per_image\": 1000.000000000001}}",
          "price catalogue: member \"output_cost_per_image\" of model \"x\" "
          "is not a price in USD: a number from 0 to 1000" }
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(soma_catalogue_load(&c, arena, str(bad[i].text), &error),
                    SOMA_ERROR, "text %d is refused", (int) i);
        if (i == 0) {
            soma_ok(error.len > 40 && memcmp(error.data + error.len - 10,
                                             " in line 3", 10) == 0,
                    "names the line: %.*s", (int) error.len, error.data);
            continue;
        }

        soma_is_str(error.data, error.len, bad[i].error, "says why");
    }

    soma_is_int(soma_catalogue_load(&c, arena, str("{}"), &error), SOMA_OK,
                "an empty catalogue");
    soma_is_int(soma_catalogue_models(c), 0, "has no model");
    soma_ok(soma_catalogue_find(c, str("a"), str("b")) == NULL,
            "and finds none");

    soma_is_int(soma_catalogue_load(&c, arena, str(
                    "{\"sample_spec\": {\"litellm_provider\": \"one of\"},"
                    "\"a\": {\"litellm_provider\": \"p\"},"
                    "\"rules\": [{\"litellm_provider\": \"p\"}],"
                    "\"b\": {\"mode\": \"chat\"}, \"c\": 5, \"\": null,"
                    "\"d\": {\"litellm_provider\": 5},"
                    "\"a\": {\"litellm_provider\": \"q\","
                    "\"max_tokens\": 8192.0, \"max_input_tokens\": \"9\"}}"),
                    &error),
                SOMA_OK, "rule lists and the like are skipped");
    soma_is_int(soma_catalogue_models(c), 1, "one model is left");
    soma_is_int(soma_catalogue_skipped(c), 7, "the others are counted");
    soma_is_str(soma_catalogue_find(c, str(""), str("a"))->provider.data, 1,
                "q", "the later of two counts");
    soma_is_int(soma_catalogue_find(c, str(""), str("a"))->max_output, 8192,
                "max_tokens is the answer's");
    soma_is_int(soma_catalogue_find(c, str(""), str("a"))->max_input, 0,
                "no number: not said");
}


static void
test_no_memory(void)
{
    int                rc;
    size_t             n;
    soma_str_t         error;
    soma_arena_t      *own;
    soma_catalogue_t  *c;

    for (n = 1; n < 50; n++) {
        own = soma_test_arena();
        soma_test_arena_fail(own, n);

        rc = soma_catalogue_load(&c, own, str(
                 "{\"a\": {\"litellm_provider\": \"p\", \"mode\": \"chat\","
                 "\"input_cost_per_token_above_128k_tokens\": 1}}"), &error);

        soma_test_arena_free(own);

        if (rc == SOMA_OK) {
            break;
        }

        if (error.len == 0) {
            soma_ok(0, "an error without a sentence");
        }
    }

    soma_ok(n > 5 && n < 50, "each of %d allocations may fail", (int) n - 1);
}


int
main(void)
{
    arena = soma_test_arena();

    test_load();
    test_all();
    test_find();
    test_plain();
    test_cache_write();
    test_steps();
    test_tiered();
    test_service_tiers();
    test_output_kinds();
    test_pieces();
    test_clamp();
    test_rounding();
    test_bound();
    test_pieces_bound();
    test_missing_tier();
    test_random();
    test_xai();
    test_errors();
    test_no_memory();

    soma_test_arena_free(arena);

    return soma_done();
}
