
/*
 * Copyright (C) The ngx_soma authors
 *
 * Splitting, merging, streams and files with a vocabulary made here; and,
 * where tools/vocab has made the real ones, what tiktoken 0.14 counts
 * (t/unit/data/bpe.json: cl100k_base, o200k_base, repetitions, text).
 */


#include <yyjson.h>

#include "soma_bpe_table.h"
#include "soma_bpe_test.h"
#include "soma_test.h"


#define VECTORS    "t/unit/data/bpe.json"
#define TEXT_MAX   4096
#define ROUNDS     400


typedef struct {
    const char  *text;
    const char  *cl100k;        /* pieces, with a bar behind each */
    const char  *o200k;
} pieces_t;


static const pieces_t  pieces[] = {
    { "hello world", "hello| world|", "hello| world|" },
    { "a  b", "a| | b|", "a| | b|" },
    { "it's it'S don'tx", "it|'s| it|'S| don|'t|x|", "it's| it'S| don't|x|" },
    { "we'll WE'VE x're", "we|'ll| WE|'VE| x|'re|", "we'll| WE'VE| x're|" },
    { "a'x a'", "a|'x| a|'|", "a|'x| a|'|" },
    { "'\xc5\xbf" "a", "'\xc5\xbf|a|", "'\xc5\xbf" "a|" },
    { "12345 6", "123|45| |6|", "123|45| |6|" },
    { "camelCaseABCd", "camelCaseABCd|", "camel|Case|ABCd|" },
    { "ABC Def", "ABC| Def|", "ABC| Def|" },
    { "!a !!a", "!a| !!|a|", "!a| !!|a|" },
    { "a!!\n\nb", "a|!!\n\n|b|", "a|!!\n\n|b|" },
    { "a//\n/b", "a|//\n|/b|", "a|//\n/|b|" },
    { "a \n b", "a| \n| b|", "a| \n| b|" },
    { "a\n\n  ", "a|\n\n  |", "a|\n\n|  |" },
    { "a  ", "a|  |", "a|  |" },
    { "\t\tx", "\t|\tx|", "\t|\tx|" },
    { "\r\nx", "\r\n|x|", "\r\n|x|" },
    { "\xe4\xb8\xad\xe6\x96\x87" "A", "\xe4\xb8\xad\xe6\x96\x87" "A|",
      "\xe4\xb8\xad\xe6\x96\x87|A|" },
    { "e\xcc\x81x", "e|\xcc\x81x|", "e\xcc\x81x|" },
    { "\xcc\x81" "ABC", "\xcc\x81" "ABC|", "\xcc\x81|ABC|" },
    { "\xcc\x81" "abc", "\xcc\x81" "abc|", "\xcc\x81" "abc|" },
    { " \xcc\x81" "!", " \xcc\x81!|", " \xcc\x81|!|" },
    { "\xff\xfe" "a", "\xff\xfe|a|", "\xff\xfe|a|" },
    { "a\xe4\xb8", "a|\xe4\xb8|", "a|\xe4\xb8|" },
    { "\xc2\xa0x\xe3\x80\x80y", "\xc2\xa0x|\xe3\x80\x80y|",
      "\xc2\xa0x|\xe3\x80\x80y|" }
};


static void
test_pieces(const soma_bpe_t *bpe)
{
    char                  got[TEXT_MAX];
    size_t                i, n;
    const char           *want;
    const unsigned char  *p, *end, *next;

    for (i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        p = str(pieces[i].text).data;
        end = p + strlen(pieces[i].text);
        n = 0;

        while (p < end) {
            next = soma_bpe_split(bpe, p, end, 1);
            memcpy(got + n, p, (size_t) (next - p));
            n += (size_t) (next - p);
            got[n++] = '|';
            p = next;
        }

        want = bpe->family == SOMA_BPE_O200K ? pieces[i].o200k
                                             : pieces[i].cl100k;
        soma_is_str(got, n, want, "%s: pieces of text %d",
                    soma_bpe_name(bpe->family), (int) i);
    }
}


static uint32_t
naive_rank(const soma_str_t *token, const unsigned char *p, size_t len)
{
    uint32_t  i;

    for (i = 0; i < SOMA_BPE_TEST_TOKENS; i++) {
        if (token[i].len == len && memcmp(token[i].data, p, len) == 0) {
            return i;
        }
    }

    return SOMA_BPE_NO_RANK;
}


/* tiktoken's own words, one after the other */
static int64_t
naive_piece(const soma_str_t *token, const unsigned char *p, size_t len)
{
    size_t    i, at, n, start[TEXT_MAX + 1];
    uint32_t  rank, lowest;

    if (naive_rank(token, p, len) != SOMA_BPE_NO_RANK) {
        return 1;
    }

    n = len;

    for (i = 0; i <= n; i++) {
        start[i] = i;
    }

    for ( ;; ) {
        lowest = SOMA_BPE_NO_RANK;
        at = 0;

        for (i = 0; i + 1 < n; i++) {
            rank = naive_rank(token, p + start[i], start[i + 2] - start[i]);

            if (rank < lowest) {
                lowest = rank;
                at = i;
            }
        }

        if (lowest == SOMA_BPE_NO_RANK) {
            return (int64_t) n;
        }

        memmove(&start[at + 1], &start[at + 2],
                (n - at - 1) * sizeof(size_t));
        n--;
    }
}


static int64_t
naive(const soma_bpe_t *bpe, const soma_str_t *token, soma_str_t text)
{
    int64_t               n;
    const unsigned char  *p, *end, *next;

    n = 0;
    end = text.data + text.len;

    for (p = text.data; p < end; p = next) {
        next = soma_bpe_split(bpe, p, end, 1);
        n += naive_piece(token, p, (size_t) (next - p));
    }

    return n;
}


static soma_str_t
some_text(unsigned char *buf, size_t max)
{
    size_t       n;
    soma_str_t   s;
    const char  *w;

    static const char *const  words[] = {
        "hello", " world", "a", "aa", "international", "b", "'s", " ", "\n",
        "12", "3", "\xe4\xb8\xad", "\xc3\xa9", "=", "X", "er", "\xff", "\xe4",
        "!", "\t", "/"
    };

    s.data = buf;
    s.len = 0;
    n = soma_rnd() % 30;

    if (soma_rnd() % 4 == 0) {

        /* one long word */

        while (n-- != 0 && s.len < max) {
            buf[s.len++] = "abhelo"[soma_rnd() % 6];
        }

        return s;
    }

    while (n-- != 0) {
        w = words[soma_rnd() % (sizeof(words) / sizeof(words[0]))];

        if (s.len + strlen(w) > max) {
            break;
        }

        memcpy(buf + s.len, w, strlen(w));
        s.len += strlen(w);
    }

    return s;
}


static int64_t
in_parts(const soma_bpe_t *bpe, soma_str_t text, size_t part)
{
    size_t             i, n;
    soma_bpe_stream_t  stream;

    soma_bpe_stream_init(&stream, bpe);

    for (i = 0; i < text.len; i += n) {
        n = part ? part : 1 + soma_rnd() % 40;
        n = n < text.len - i ? n : text.len - i;
        soma_bpe_stream_add(&stream, text.data + i, n);
    }

    return stream.bytes == (int64_t) text.len
           ? soma_bpe_stream_tokens(&stream) : -1;
}


static void
test_merges(const soma_bpe_t *bpe, const soma_str_t *token)
{
    int            i, wrong, astray, above;
    int64_t        n;
    soma_str_t     text;
    unsigned char  buf[TEXT_MAX];

    wrong = 0;
    astray = 0;
    above = 0;

    for (i = 0; i < ROUNDS; i++) {
        text = some_text(buf, i % 8 ? 60 : 200);
        n = soma_bpe_count(bpe, text);

        wrong += (n != naive(bpe, token, text));
        astray += (n != in_parts(bpe, text, 0) || n != in_parts(bpe, text, 1));
        above += (n > (int64_t) text.len);
    }

    soma_is_int(wrong, 0, "%s: as a plain search counts",
                soma_bpe_name(bpe->family));
    soma_is_int(astray, 0, "%s: the same in parts",
                soma_bpe_name(bpe->family));
    soma_is_int(above, 0, "%s: never more than bytes",
                soma_bpe_name(bpe->family));
}


static void
test_long(const soma_bpe_t *bpe, const soma_str_t *token)
{
    size_t         len;
    int64_t        n;
    soma_str_t     text;
    unsigned char  buf[TEXT_MAX];

    text.data = buf;

    for (len = 1; len <= 200; len += 7) {
        memset(buf, 'a', len);
        buf[len / 3] = 'b';
        text.len = len;

        soma_is_int(soma_bpe_count(bpe, text), naive(bpe, token, text),
                    "a word of %d bytes", (int) len);
    }

    memset(buf, 'a', TEXT_MAX);
    text.len = SOMA_BPE_PIECE_MAX;
    soma_is_int(soma_bpe_count(bpe, text), SOMA_BPE_PIECE_MAX / 16,
                "the longest piece is merged");
    soma_is_int(in_parts(bpe, text, 7), SOMA_BPE_PIECE_MAX / 16,
                "and so in parts");

    text.len = SOMA_BPE_PIECE_MAX + 32;
    n = SOMA_BPE_PIECE_MAX + 2;
    soma_is_int(soma_bpe_count(bpe, text), n,
                "of a longer one each byte counts but for the last");
    soma_is_int(in_parts(bpe, text, 1), n, "and so in parts of one");
    soma_is_int(in_parts(bpe, text, 100), n, "and of a hundred");
    soma_is_int(in_parts(bpe, text, TEXT_MAX), n, "and in one part");

    text.len = TEXT_MAX;
    buf[1500] = ' ';
    soma_is_int(in_parts(bpe, text, 333), soma_bpe_count(bpe, text),
                "long ones in parts");
}


static void
test_stream(const soma_bpe_t *bpe)
{
    soma_bpe_stream_t  s;

    soma_bpe_stream_init(&s, bpe);
    soma_is_int(soma_bpe_stream_tokens(&s), 0, "nothing is no token");

    soma_bpe_stream_add(&s, "hel", 3);
    soma_is_int(soma_bpe_stream_tokens(&s), 2, "he, l");

    soma_bpe_stream_add(&s, "lo", 2);
    soma_is_int(soma_bpe_stream_tokens(&s), 1, "hello");

    soma_bpe_stream_add(&s, "", 0);
    soma_bpe_stream_add(&s, " world", 6);
    soma_is_int(soma_bpe_stream_tokens(&s), 2, "hello, world");
    soma_is_int(s.bytes, 11, "and its bytes");

    soma_bpe_stream_init(&s, NULL);
    soma_bpe_stream_add(&s, "hello", 5);
    soma_is_int(soma_bpe_stream_tokens(&s), 5,
                "without a vocabulary a token a byte");
    soma_is_int(soma_bpe_count(NULL, str("hello")), 5, "and of a whole text");
}


static void
test_family(void)
{
    size_t  i;

    static const struct {
        const char         *model;
        soma_bpe_family_e   family;
    } names[] = {
        { "gpt-4o", SOMA_BPE_O200K },
        { "gpt-4o-mini-2024-07-18", SOMA_BPE_O200K },
        { "gpt-4.1-nano", SOMA_BPE_O200K },
        { "gpt-5", SOMA_BPE_O200K },
        { "gpt-5.2-codex", SOMA_BPE_O200K },
        { "o1", SOMA_BPE_O200K },
        { "o3-mini", SOMA_BPE_O200K },
        { "o4-mini", SOMA_BPE_O200K },
        { "ft:gpt-4o-mini:acme::id", SOMA_BPE_O200K },
        { "openai/gpt-4o", SOMA_BPE_O200K },
        { "gpt-4", SOMA_BPE_CL100K },
        { "gpt-4-turbo", SOMA_BPE_CL100K },
        { "gpt-3.5-turbo-0125", SOMA_BPE_CL100K },
        { "ft:gpt-3.5-turbo:acme", SOMA_BPE_CL100K },
        { "text-embedding-3-small", SOMA_BPE_CL100K },
        { "text-embedding-ada-002", SOMA_BPE_CL100K },
        { "gpt-40", SOMA_BPE_NONE },
        { "o100", SOMA_BPE_NONE },
        { "o1x", SOMA_BPE_NONE },
        { "llama-3-8b", SOMA_BPE_NONE },
        { "claude-gpt-4", SOMA_BPE_NONE },
        { "text-embedding-004", SOMA_BPE_NONE },
        { "ft:", SOMA_BPE_NONE },
        { "", SOMA_BPE_NONE },
        { "/", SOMA_BPE_NONE }
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        soma_is_int(soma_bpe_family(str(names[i].model)), names[i].family,
                    "the family of \"%s\"", names[i].model);
    }

    soma_ok(soma_bpe_name(SOMA_BPE_NONE) == NULL, "no family has no name");
}


static void
test_kinds(void)
{
    soma_is_int(soma_bpe_split_kind('A'), SOMA_BPE_UPPER, "A");
    soma_is_int(soma_bpe_split_kind('z'), SOMA_BPE_LOWER, "z");
    soma_is_int(soma_bpe_split_kind(0x100), SOMA_BPE_UPPER, "A with macron");
    soma_is_int(soma_bpe_split_kind(0x101), SOMA_BPE_LOWER, "a with macron");
    soma_is_int(soma_bpe_split_kind(0x1c5), SOMA_BPE_UPPER,
                "a title case letter");
    soma_is_int(soma_bpe_split_kind(0x4e2d), SOMA_BPE_LETTER,
                "a Han character");
    soma_is_int(soma_bpe_split_kind(0x301), SOMA_BPE_MARK,
                "a combining accent");
    soma_is_int(soma_bpe_split_kind(0x663), SOMA_BPE_NUMBER, "an Arabic digit");
    soma_is_int(soma_bpe_split_kind(0x3000), SOMA_BPE_SPACE, "a wide space");
    soma_is_int(soma_bpe_split_kind('\t'), SOMA_BPE_SPACE, "a tab");
    soma_is_int(soma_bpe_split_kind('\n'), SOMA_BPE_NEWLINE, "a line feed");
    soma_is_int(soma_bpe_split_kind(0x200b), SOMA_BPE_OTHER,
                "no width, no space");
    soma_is_int(soma_bpe_split_kind(0x1f600), SOMA_BPE_OTHER, "an emoji");
    soma_is_int(soma_bpe_split_kind(0x10428), SOMA_BPE_LOWER,
                "a Deseret letter");
    soma_is_int(soma_bpe_split_kind(0xe0100), SOMA_BPE_MARK,
                "a variation selector");
    soma_is_int(soma_bpe_split_kind(0x10ffff), SOMA_BPE_OTHER, "the last one");
}


/* a head that lies, with a checksum that does not know */
static void
test_file(soma_str_t file, size_t at, uint32_t value, const char *sum,
    const char *want)
{
    int           rc;
    uint32_t      old, crc;
    const char   *error;
    soma_bpe_t    bpe;

    memcpy(&old, file.data + at, sizeof(uint32_t));
    memcpy(&crc, file.data + offsetof(soma_bpe_head_t, crc), sizeof(crc));
    memcpy(file.data + at, &value, sizeof(uint32_t));

    error = "";
    rc = soma_bpe_open(&bpe, file, &error);

    soma_is_int(rc, SOMA_ERROR, "refused: %s", sum);
    soma_ok(error != NULL && strstr(error, want) != NULL, "\"%s\" says \"%s\"",
            error, want);

    memcpy(file.data + at, &old, sizeof(uint32_t));
    memcpy(file.data + offsetof(soma_bpe_head_t, crc), &crc, sizeof(crc));
}


static void
test_files(soma_str_t file, const soma_str_t *token)
{
    uint32_t      n;
    soma_str_t    cut, twice[SOMA_BPE_TEST_TOKENS + 1], made;
    const char   *error;
    soma_bpe_t    bpe;
    soma_arena_t  arena;

    cut = file;
    cut.len = 10;
    soma_is_int(soma_bpe_open(&bpe, cut, &error), SOMA_ERROR, "10 bytes");

    cut.len = file.len - 1;
    soma_is_int(soma_bpe_open(&bpe, cut, &error), SOMA_ERROR, "one is gone");
    soma_ok(strstr(error, "cut off") != NULL, "it says so: %s", error);

    test_file(file, 0, 0, "magic", "no vocabulary");
    test_file(file, offsetof(soma_bpe_head_t, order), 0x04030201, "order",
              "byte order");
    test_file(file, offsetof(soma_bpe_head_t, version), 2, "version",
              "version");
    test_file(file, offsetof(soma_bpe_head_t, family), 9, "family", "head");
    test_file(file, offsetof(soma_bpe_head_t, nslots), 1000, "slots", "head");
    test_file(file, offsetof(soma_bpe_head_t, nslots), 2048, "more slots",
              "cut off");
    test_file(file, offsetof(soma_bpe_head_t, npool), UINT32_MAX, "pool",
              "cut off");
    test_file(file, offsetof(soma_bpe_head_t, longest), 999, "longest",
              "head");
    test_file(file, offsetof(soma_bpe_head_t, longest), 3, "too short",
              "tables");
    test_file(file, offsetof(soma_bpe_head_t, ntokens), 7, "tokens",
              "tables");
    test_file(file, sizeof(soma_bpe_head_t) + 12, 7, "a pair", "checksum");

    soma_is_int(soma_bpe_open(&bpe, file, &error), SOMA_OK,
                "and as it was it is read");

    arena.alloc = soma_bpe_test_alloc;
    arena.data = NULL;
    n = SOMA_BPE_TEST_TOKENS;
    memcpy(twice, token, n * sizeof(soma_str_t));
    twice[n] = twice[n - 1];

    made.data = NULL;
    soma_is_int(soma_bpe_make(&arena, SOMA_BPE_O200K, twice, n + 1, &made,
                              &error),
                SOMA_ERROR, "a token twice");
    free(made.data);

    twice[3].len = 0;
    soma_is_int(soma_bpe_make(&arena, SOMA_BPE_O200K, twice, n, &made,
                              &error),
                SOMA_ERROR, "a byte that is no token");
    free(made.data);
}


static void
test_made(soma_bpe_family_e family)
{
    const char  *error;
    soma_str_t   file, token[SOMA_BPE_TEST_TOKENS];
    soma_bpe_t   bpe;

    if (!soma_is_int(soma_bpe_test_make(family, token, &file), SOMA_OK,
                     "%s: made", soma_bpe_name(family))
        || !soma_is_int(soma_bpe_open(&bpe, file, &error), SOMA_OK,
                        "%s: read", soma_bpe_name(family)))
    {
        return;
    }

    test_pieces(&bpe);
    test_merges(&bpe, token);
    test_long(&bpe, token);
    test_stream(&bpe);
    test_files(file, token);

    free(file.data);
}


static void
test_vector(const soma_bpe_t *bpe, yyjson_val *vector, size_t i)
{
    size_t       n, len;
    int64_t      want;
    soma_str_t   text;
    yyjson_val  *s;

    want = yyjson_get_sint(yyjson_arr_get(vector,
                                          bpe->family == SOMA_BPE_O200K));
    n = (size_t) yyjson_get_sint(yyjson_arr_get(vector, 2));
    s = yyjson_arr_get(vector, 3);
    len = yyjson_get_len(s);

    text.data = malloc(n * len + 1);
    text.len = 0;

    while (n-- != 0) {
        memcpy(text.data + text.len, yyjson_get_str(s), len);
        text.len += len;
    }

    soma_is_int(soma_bpe_count(bpe, text), want, "%s: tokens of text %d",
                soma_bpe_name(bpe->family), (int) i);
    soma_is_int(in_parts(bpe, text, 0), want, "%s: in parts, text %d",
                soma_bpe_name(bpe->family), (int) i);

    free(text.data);
}


static void
test_real(soma_bpe_family_e family)
{
    char         path[TEXT_MAX];
    FILE        *f;
    char        *json;
    size_t       len, i, n;
    const char  *dir, *error;
    soma_str_t   file;
    soma_bpe_t   bpe;
    yyjson_doc  *doc;
    yyjson_val  *vector;

    dir = getenv("B");
    snprintf(path, sizeof(path), "%s/share/soma/%s.soma", dir ? dir : "build",
             soma_bpe_name(family));

    f = fopen(path, "rb");

    if (f == NULL) {
        soma_ok(1, "%s # skip no vocabulary: npm was not there",
                soma_bpe_name(family));
        return;
    }

    fclose(f);

    file.data = (unsigned char *) soma_file(path, &file.len);
    error = "";

    if (soma_bpe_open(&bpe, file, &error) != SOMA_OK) {
        soma_ok(0, "%s: %s", path, error);
        return;
    }

    json = (char *) soma_file(VECTORS, &len);
    doc = yyjson_read(json, len, 0);

    yyjson_arr_foreach(yyjson_doc_get_root(doc), i, n, vector) {
        test_vector(&bpe, vector, i);
    }

    yyjson_doc_free(doc);
    free(json);
    free(file.data);
}


int
main(void)
{
    test_family();
    test_kinds();

    test_made(SOMA_BPE_CL100K);
    test_made(SOMA_BPE_O200K);

    test_real(SOMA_BPE_CL100K);
    test_real(SOMA_BPE_O200K);

    return soma_done();
}
