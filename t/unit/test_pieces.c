
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_pieces.h"


static void
test_whole(void)
{
    soma_str_t         whole;
    soma_pieces_t      p;
    soma_arena_t      *arena;

    arena = soma_test_arena();
    soma_pieces_init(&p, arena);

    soma_ok(soma_pieces_whole(&p, &whole) == SOMA_OK && whole.len == 0,
            "a writer that was never written to holds an empty text");

    soma_pieces_cstr(&p, "{\"a\":");
    soma_pieces_int(&p, -12);
    soma_pieces_cstr(&p, ",\"b\":");
    soma_pieces_quote(&p, SOMA_STR("x\"\n\\y"));
    soma_pieces_cstr(&p, ",\"c\":");
    soma_pieces_text(&p, SOMA_STR("as \\u0041 it stood"));
    soma_pieces_char(&p, '}');

    soma_ok(soma_pieces_whole(&p, &whole) == SOMA_OK, "it is put together");
    soma_is_str(whole.data, whole.len,
                "{\"a\":-12,\"b\":\"x\\\"\\n\\\\y\","
                "\"c\":\"as \\u0041 it stood\"}",
                "numbers, quoted strings and texts stand in order");
    soma_is_int((int64_t) p.len, (int64_t) whole.len,
                "the length is known without putting it together");

    soma_test_arena_free(arena);
}


static void
test_long(void)
{
    size_t             i, refs;
    soma_str_t         whole, text;
    soma_piece_t      *piece;
    soma_pieces_t      p;
    unsigned char     *big;
    soma_arena_t      *arena;

    arena = soma_test_arena();
    soma_pieces_init(&p, arena);

    text.len = 3 * SOMA_PIECES_REF;
    big = malloc(text.len);
    text.data = big;
    memset(big, 'z', text.len);

    soma_pieces_cstr(&p, "[");
    soma_pieces_text(&p, text);
    soma_pieces_cstr(&p, "]");

    soma_ok(soma_pieces_whole(&p, &whole) == SOMA_OK, "it is put together");

    refs = 0;

    for (piece = p.first; piece; piece = piece->next) {
        refs += (piece->text.data == big);
    }

    soma_is_int((int64_t) refs, 1, "a long text is a piece, not a copy");
    soma_is_int((int64_t) whole.len, (int64_t) text.len + 4,
                "its brackets and quotes stand around it");
    soma_ok(memcmp(whole.data, "[\"z", 3) == 0
            && memcmp(whole.data + whole.len - 3, "z\"]", 3) == 0,
            "in their places");

    for (i = 0; i < 100000; i++) {
        soma_pieces_cstr(&p, "0123456789");
    }

    soma_ok(soma_pieces_whole(&p, &whole) == SOMA_OK
            && whole.len == text.len + 4 + 1000000,
            "a million bytes of short strings are all there");

    free(big);
    soma_test_arena_free(arena);
}


static void
test_reset(void)
{
    size_t             i, bytes;
    soma_str_t         whole;
    soma_pieces_t      p;
    soma_arena_t      *arena;

    arena = soma_test_arena();
    soma_pieces_init(&p, arena);

    bytes = 0;

    for (i = 0; i < 1000; i++) {
        soma_pieces_reset(&p);
        soma_pieces_cstr(&p, "data: ");
        soma_pieces_int(&p, 7);

        if (soma_pieces_whole(&p, &whole) != SOMA_OK || whole.len != 7) {
            break;
        }

        if (i == 0) {
            bytes = ((soma_test_arena_t *) arena->data)->bytes;
        }
    }

    soma_is_int((int64_t) i, 1000, "each text after a reset is whole");
    soma_is_int((int64_t) ((soma_test_arena_t *) arena->data)->bytes,
                (int64_t) bytes,
                "a thousand of them take the memory of one");

    soma_test_arena_free(arena);
}


static void
test_utf8(void)
{
    size_t             i;
    soma_str_t         whole, text;
    soma_pieces_t      p;
    unsigned char      buf[700];
    soma_arena_t      *arena;

    arena = soma_test_arena();

    /* characters of two to four bytes at every place of a part's end */

    for (i = 0; i + 9 <= sizeof(buf); i += 9) {
        memcpy(buf + i, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9);
    }

    text.data = buf;
    text.len = i;

    for (i = 0; i < 9; i++) {
        soma_pieces_init(&p, arena);
        soma_pieces_quote(&p, text);

        soma_ok(soma_pieces_whole(&p, &whole) == SOMA_OK
                && whole.len == text.len + 2
                && memcmp(whole.data + 1, text.data, text.len) == 0,
                "no character is cut in a text of %d bytes", (int) text.len);

        text.len -= (i % 3 == 0) ? 4 : (i % 3 == 1) ? 3 : 2;
    }

    soma_test_arena_free(arena);
}


static void
test_memory(void)
{
    size_t             i;
    soma_str_t         whole;
    soma_pieces_t      p;
    soma_arena_t      *arena;

    for (i = 1; i < 4; i++) {
        arena = soma_test_arena();
        soma_test_arena_fail(arena, i);

        soma_pieces_init(&p, arena);
        soma_pieces_cstr(&p, "begin");
        soma_pieces_str(&p, (soma_str_t) { SOMA_PIECES_REF,
                        (unsigned char *) "0123456789" });

        soma_ok(soma_pieces_whole(&p, &whole) == SOMA_ERROR,
                "without memory at allocation %d it says so", (int) i);
        soma_test_arena_free(arena);
    }
}


int
main(void)
{
    test_whole();
    test_long();
    test_reset();
    test_utf8();
    test_memory();

    return soma_done();
}
