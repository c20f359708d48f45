
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_mend.h"


#define FFFD  "\xef\xbf\xbd"


static const struct {
    const char  *text;
    const char  *want;
} texts[] = {
    { "plain",                  "plain" },
    { "a\\n\\\"\\\\u",          "a\\n\\\"\\\\u" },
    { "\\ud83d\\ude00!",        "\\ud83d\\ude00!" },
    { "\\ud83d!",               FFFD "!" },
    { "\\ude00!",               FFFD "!" },
    { "\\ud83d\\ud83d\\ude00",  FFFD "\\ud83d\\ude00" },
    { "\\\\ud83d!",             "\\\\ud83d!" },
    { "\xc3\xa9 \xf0\x9f\x98\x80", "\xc3\xa9 \xf0\x9f\x98\x80" },
    { "\xff!",                  FFFD "!" },
    { "\xc0\x80!",              FFFD FFFD "!" },
    { "\xed\xa0\x80!",          FFFD FFFD FFFD "!" },
    { "\xe2\x82!",              FFFD FFFD "!" },
    { "a\nb",                   "a\\u000ab" },
    { "a\\qb",                  "a" FFFD "b" },
    { "a\\u12",                 "a" FFFD "12" },
    { "a\\ud83d",               "a" FFFD },
    { "a\xf0\x9f",              "a" FFFD }
};


/* each text whole, and cut in two wherever a string may be cut: escapes stay
 * whole, for each piece was a string of its own */

static unsigned
cut_is_good(const char *text, size_t cut)
{
    size_t  i;

    for (i = 0; i < cut; /* void */) {
        i += (text[i] != '\\') ? 1 : (text[i + 1] == 'u') ? 6 : 2;
    }

    return i == cut;
}


static void
test_cut(size_t n, size_t cut)
{
    size_t             len, total;
    char               got[256];
    soma_str_t         out, piece;
    soma_mend_t        mend;
    soma_arena_t      *arena;
    soma_mend_room_t   room;

    arena = soma_test_arena();
    memset(&mend, 0, sizeof(mend));
    memset(&room, 0, sizeof(room));
    room.arena = arena;

    len = strlen(texts[n].text);
    total = 0;

    piece = str(texts[n].text);
    piece.len = cut;

    (void) soma_mend_text(&mend, &room, piece, &out);
    memcpy(got, out.data, out.len);
    total += out.len;

    piece.data += cut;
    piece.len = len - cut;

    (void) soma_mend_text(&mend, &room, piece, &out);
    memcpy(got + total, out.data, out.len);
    total += out.len;

    if (soma_mend_end(&mend, &out) == SOMA_OK) {
        memcpy(got + total, out.data, out.len);
        total += out.len;
    }

    soma_is_str(got, total, texts[n].want, "text %zu, cut at %zu", n, cut);

    soma_test_arena_free(arena);
}


static void
test_texts(void)
{
    size_t  n, cut;

    for (n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        for (cut = 0; cut <= strlen(texts[n].text); cut++) {

            if (cut == 0 || (n < 12 && cut_is_good(texts[n].text, cut)
                             && strstr(texts[n].want, FFFD) == NULL))
            {
                test_cut(n, cut);
            }
        }
    }
}


static void
test_body(void)
{
    soma_str_t     body;
    soma_arena_t  *arena;

    arena = soma_test_arena();

    body = str("{\n\t\"a\": \"\\ud83d\\ude00\"}");
    soma_ok(soma_mend_body(arena, &body) == SOMA_OK
            && body.data[1] == '\n'
            && ((soma_test_arena_t *) arena->data)->count == 0,
            "a good body is not copied, and may have blanks of any kind");

    body = str("{\n\"a\":\"\\ud83d\",\"\xff\":1}");
    (void) soma_mend_body(arena, &body);
    soma_is_str(body.data, body.len, "{\n\"a\":\"" FFFD "\",\"" FFFD "\":1}",
                "what is no text in a body is replaced, wherever it stands");

    soma_test_arena_free(arena);
}


static void
test_room(void)
{
    size_t             i, bytes;
    soma_str_t         out;
    soma_mend_t        mend;
    soma_arena_t      *arena;
    soma_mend_room_t   room;

    arena = soma_test_arena();
    memset(&mend, 0, sizeof(mend));
    memset(&room, 0, sizeof(room));
    room.arena = arena;
    bytes = 0;

    for (i = 0; i < 1000; i++) {
        (void) soma_mend_text(&mend, &room, str("x\xff\\ud83d"), &out);

        if (i == 10) {
            bytes = ((soma_test_arena_t *) arena->data)->bytes;
        }
    }

    soma_is_int((int64_t) ((soma_test_arena_t *) arena->data)->bytes,
                (int64_t) bytes,
                "a long stream of bad texts takes no more memory than a few");

    soma_test_arena_free(arena);
}


int
main(void)
{
    test_texts();
    test_body();
    test_room();

    return soma_done();
}
