
/*
 * Copyright (C) The ngx_soma authors
 *
 * What lies between dialects: frames, envelopes, names, base64, paths.
 */


#include "soma_base64.h"
#include "soma_eventstream.h"
#include "soma_pair_test.h"
#include "soma_seal.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


static void
test_base64(void)
{
    size_t         i, len;
    soma_str_t     to;
    unsigned char  buf[64];

    static const struct {
        const char  *from;
        const char  *to;            /* NULL: it is none */
    } cases[] = {
        { "", "" }, { "QQ==", "QQ==" }, { "QUI=", "QUI=" },
        { "QUJD", "QUJD" }, { "QQ", "QQ==" }, { "Q Q\n=", "QQ==" },
        { "_-__", "/+//" }, { "A", NULL }, { "QQ==QQ==", NULL },
        { "Q\"Q=", NULL }, { "====", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        if (cases[i].to == NULL) {
            soma_is_int(soma_base64_standard(arena, STR(cases[i].from), &to),
                        SOMA_DECLINED, "no base64: %s", cases[i].from);
            continue;
        }

        soma_is_int(soma_base64_standard(arena, STR(cases[i].from), &to),
                    SOMA_OK, "base64: %s", cases[i].from);
        soma_is_str(to.data, to.len, cases[i].to, "in its standard form");
    }

    for (i = 0; i < 12; i++) {
        to.data = buf;
        to.len = soma_base64_encode(buf, (soma_str_t) { i,
                                    (unsigned char *) "\xff\x00zyxwvutsrq" });

        soma_is_int(to.len, soma_base64_encoded_len(i), "its length");
        soma_is_int(soma_base64_decode(buf + 32, &len, to), SOMA_OK, "back");
        soma_ok(len == i && memcmp(buf + 32, "\xff\x00zyxwvutsrq", i) == 0,
                "the same bytes");
    }
}


static void
test_seal(void)
{
    size_t              n;
    soma_str_t          text;
    soma_pieces_t       out;
    soma_inner_event_t  event;
    soma_inner_block_t  block;

    for (n = 0; n < 4; n++) {
        memset(&event, 0, sizeof(event));
        memset(&block, 0, sizeof(block));
        event.maker = SOMA_STR("bedrock/a\"b");

        if (n & 1) {
            event.opaque = SOMA_STR("se\\ncret");

        } else {
            event.text = SOMA_STR("sig|nature");
        }

        soma_pieces_init(&out, arena);

        if (n & 2) {
            soma_seal_put_base64(&out, &event);

        } else {
            soma_seal_put(&out, &event);
        }

        (void) soma_pieces_whole(&out, &text);

        soma_is_int(soma_seal_take(arena, text, &block), SOMA_OK, "opened");
        soma_is_str(block.maker.data, block.maker.len, "bedrock/a\"b",
                    "its maker");
        soma_ok(soma_str_eq(block.signature, event.text)
                && soma_str_eq(block.opaque, event.opaque), "its bytes");

        memset(&block, 0, sizeof(block));
        text.len = 9;
        soma_is_int(soma_seal_take(arena, text, &block), SOMA_OK,
                    "a broken one");
        soma_ok(block.signature.len == 0 && block.opaque.len == 0,
                "is nobody's");
    }

    soma_is_int(soma_seal_take(arena, SOMA_STR("EqQBCkgIARABGAI"), &block),
                SOMA_DECLINED, "a provider's own is none");
}


/* a store of one */

static soma_str_t  kept;


static int
keep(void *data, soma_str_t bytes, unsigned char *key)
{
    (void) data;

    kept = soma_str_dup(arena, bytes);
    memset(key, 'K', SOMA_SEAL_KEY_LEN);

    return SOMA_OK;
}


static int
fetch(void *data, soma_arena_t *to, soma_str_t key, soma_str_t *bytes)
{
    (void) data;
    (void) to;

    if (kept.len == 0 || key.len != SOMA_SEAL_KEY_LEN || key.data[0] != 'K') {
        return SOMA_DECLINED;
    }

    *bytes = kept;

    return SOMA_OK;
}


/* what is too long for an id is kept, and a key goes with it */

static void
test_kept(void)
{
    soma_str_t          id, bare, seal;
    soma_pieces_t       out;
    soma_inner_block_t  block;

    static const soma_seal_store_t  store = { keep, fetch, NULL };

    soma_pieces_init(&out, arena);
    soma_pieces_cstr(&out, "call_1~");
    soma_is_int(soma_seal_put_id(&out, SOMA_STR("soma1|s|m|abc"), &store, 64),
                SOMA_OK, "a short one");
    (void) soma_pieces_whole(&out, &id);
    soma_is_str(id.data, id.len, "call_1~c29tYTF8c3xtfGFiYw", "is in the id");
    soma_is_int((int) kept.len, 0, "and nothing is kept");

    soma_is_int(soma_seal_put_id(&out, SOMA_STR("soma1|s|m|abc"), NULL, 16),
                SOMA_DECLINED, "a long one without a store");

    soma_pieces_init(&out, arena);
    soma_pieces_cstr(&out, "call_1~");
    soma_is_int(soma_seal_put_id(&out, SOMA_STR("soma1|s|m|longer than it may "
                                                "be"), &store, 30),
                SOMA_OK, "with one");
    (void) soma_pieces_whole(&out, &id);
    soma_is_str(id.data, id.len, "call_1~key-KKKKKKKKKKKKKKKKKKKKKK",
                "has a key");

    memset(&block, 0, sizeof(block));
    block.id = id;
    soma_is_int(soma_seal_take_id(arena, &store, &block), SOMA_OK, "taken");
    soma_is_str(block.id.data, block.id.len, "call_1", "the id");
    soma_is_str(block.signature.data, block.signature.len,
                "longer than it may be", "the signature");

    kept.len = 0;
    memset(&block, 0, sizeof(block));
    block.id = id;
    soma_is_int(soma_seal_take_id(arena, &store, &block), SOMA_OK,
                "kept no more");
    soma_is_str(block.id.data, block.id.len, "call_1", "the id");
    soma_ok(block.signature.len == 0 && block.maker.len == 0, "and nothing");

    soma_is_int(soma_seal_in_id(SOMA_STR("a~.key-short"), arena, &store, &bare,
                                &seal), SOMA_SEAL_REASONING, "no key");
    soma_is_str(seal.data, seal.len, "key-short", "is as it stands");
}


static void
test_names(void)
{
    size_t                       i;
    soma_str_t                   fit, back;
    soma_inner_request_t         request;
    soma_inner_toolset_t         tools[4];
    const soma_inner_toolset_t  *tool;

    static const soma_names_t  rule = { "_-", 64, 1 };

    memset(&request, 0, sizeof(request));
    memset(tools, 0, sizeof(tools));
    request.tools = tools;
    request.ntools = 4;
    tools[0].name = SOMA_STR("get_weather");
    tools[1].name = SOMA_STR("ns.tool:1");
    tools[2].name = SOMA_STR("9lives");
    tools[3].name = SOMA_STR("a_name_that_is_longer_than_sixty_four_letters_"
                             "which_few_take_but_some_write_all_the_same");

    for (i = 0; i < 4; i++) {
        (void) soma_names_fit(arena, &rule, tools[i].name, &fit);
        soma_ok(fit.len <= 64 && (i != 0 || fit.data == tools[0].name.data),
                "%zu fits", i);
        (void) soma_names_back(arena, &rule, &request, fit, &back, &tool);
        soma_ok(tool == &tools[i] && soma_str_eq(back, tools[i].name),
                "and comes back");
    }

    (void) soma_names_back(arena, &rule, &request, SOMA_STR("x"), &back,
                           &tool);
    soma_ok(tool == NULL && soma_str_is(back, "x"), "what nobody declared");
}


static void
frames(soma_framing_e framing, soma_str_t bytes, const char *want)
{
    int               rc;
    char              got[256];
    size_t            step, pos, n, used;
    unsigned char    *piece;
    soma_frames_t     f;
    soma_sse_event_t  event;

    for (step = 1; step < 9; step += 3) {
        memset(&f, 0, sizeof(f));
        f.sse.arena = arena;
        f.framing = framing;
        got[0] = '\0';
        rc = SOMA_AGAIN;

        for (pos = 0; pos < bytes.len && rc == SOMA_AGAIN; pos += n) {
            n = (bytes.len - pos < step) ? bytes.len - pos : step;
            piece = malloc(n);
            memcpy(piece, bytes.data + pos, n);
            used = 0;

            do {
                size_t  took;

                rc = soma_frames_feed(&f, piece + used, n - used, &took,
                                      &event);
                used += took;

                if (rc == SOMA_OK && !event.comment) {
                    if (event.name.len != 0) {
                        strncat(got, (char *) event.name.data,
                                event.name.len);
                    }

                    strcat(got, event.failed ? "!" : "");
                    strncat(got, (char *) event.data.data, event.data.len);
                    strcat(got, ";");
                }

            } while (rc == SOMA_OK);

            free(piece);
        }

        if (rc == SOMA_ERROR) {
            strcat(got, f.broken ? "broken" : "memory");

        } else if (soma_frames_end(&f, &event) == SOMA_OK && !event.comment) {
            strncat(got, (char *) event.data.data, event.data.len);
            strcat(got, ".");
        }

        soma_is_str(got, strlen(got), want, "in pieces of %zu", step);
    }
}


static void
test_frames(void)
{
    size_t         n;
    unsigned char  buf[1024];

    frames(SOMA_FRAMING_SSE, SOMA_STR("event: a\ndata: 1\n\ndata: 2\n\n"),
           "a1;2;");
    frames(SOMA_FRAMING_LINES, SOMA_STR("{\"a\":1}\n\n{\"b\":\"\\n\"}\r\n{}"),
           "{\"a\":1};{\"b\":\"\\n\"};{}.");
    frames(SOMA_FRAMING_ARRAY,
           SOMA_STR("[{\"a\":[1,{}]}\r\n,\r\n{\"b\":\"]}\\\"{\"}\n]\n"),
           "{\"a\":[1,{}]};{\"b\":\"]}\\\"{\"};");
    frames(SOMA_FRAMING_ARRAY, SOMA_STR("[{\"a\":1},{\"b\""), "{\"a\":1};");

    n = soma_eventstream_write(buf, SOMA_STR("messageStart"), 0,
                               SOMA_STR("{\"role\":\"assistant\"}"));
    n += soma_eventstream_write(buf + n, SOMA_STR("throttlingException"), 1,
                                SOMA_STR("{}"));
    frames(SOMA_FRAMING_AWS, (soma_str_t) { n, buf },
           "messageStart{\"role\":\"assistant\"};throttlingException!{};");

    buf[n - 1] ^= 1;
    frames(SOMA_FRAMING_AWS, (soma_str_t) { n, buf },
           "messageStart{\"role\":\"assistant\"};broken");
    buf[9] ^= 1;
    frames(SOMA_FRAMING_AWS, (soma_str_t) { n, buf }, "broken");
}


static void
test_paths(void)
{
    soma_str_t     s;
    unsigned char  buf[64];

    s = soma_dialect_below(SOMA_STR("/x/v2/chat"), "/v2/");
    soma_is_str(s.data, s.len, "/chat", "below a version");
    s = soma_dialect_below(SOMA_STR("/x/v3/chat"), "/v2/");
    soma_ok(s.data == NULL, "another one");

    soma_is_int(soma_dialect_unescape(arena, SOMA_STR("a%3Ab%2Fc"), &s),
                SOMA_OK, "unescaped");
    soma_is_str(s.data, s.len, "a:b/c", "as it was meant");
    soma_is_int(soma_dialect_unescape(arena, SOMA_STR("a%3"), &s),
                SOMA_DECLINED, "half an escape");
    soma_is_int(soma_dialect_unescape(arena, SOMA_STR("a%00"), &s),
                SOMA_DECLINED, "a hidden byte");

    soma_is_str(buf, soma_dialect_escape(buf, SOMA_STR("a:b/c-1.0")),
                "a%3Ab%2Fc-1.0", "escaped");
}


static void
test_sniff(void)
{
    soma_str_t  s;

    s = soma_inner_sniff(SOMA_STR("iVBORw0KGgoAAAANSUhEUg=="));
    soma_is_str(s.data, s.len, "image/png", "a PNG");
    s = soma_inner_sniff(SOMA_STR("JVBERi0xLjQ="));
    soma_is_str(s.data, s.len, "application/pdf", "a PDF");
    s = soma_inner_sniff(SOMA_STR("AAAA"));
    soma_ok(s.len == 0, "nothing");
}


static void
test_pair(void)
{
    pair_t      pair;
    soma_str_t  s;

    s = pair_request(&pair, arena, "/v1/messages",
                     STR("{\"model\":\"x\",\"max_tokens\":5,\"messages\":"
                         "[{\"role\":\"user\",\"content\":\"hi\"}]}"),
                     &soma_openai);
    soma_is_str(s.data, s.len,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
                "\"content\":\"hi\"}],\"max_tokens\":5}",
                "a request from one to another");

    s = pair_answer(&pair, &soma_openai,
                    STR("{\"id\":\"c\",\"object\":\"chat.completion\","
                        "\"model\":\"g\",\"choices\":[{\"index\":0,"
                        "\"finish_reason\":\"stop\",\"message\":{\"role\":"
                        "\"assistant\",\"content\":\"yo\"}}]}"), 0);
    soma_ok(s.len > 2 && pair.over && !pair.failed, "and its answer");
}


int
main(void)
{
    arena = soma_test_arena();

    test_base64();
    test_seal();
    test_kept();
    test_names();
    test_frames();
    test_paths();
    test_sniff();
    test_pair();

    soma_test_arena_free(arena);

    return soma_test_done();
}
