
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a prompt comes to: members, parts and escapes with a vocabulary made
 * here; and, where the real ones are, recorded requests against what their
 * providers said that they read.
 */


#include <yyjson.h>

#include "soma_openai.h"
#include "soma_prompt.h"
#include "soma_bpe_test.h"
#include "soma_test.h"


#define TRAFFIC    "t/traffic/openai.jsonl"
#define PATH       512
#define OVER_MAX   16       /* tokens that a prompt may be counted too high */
#define EXACT_MIN  20       /* prompts that are to be counted exactly */
#define IMAGE      3779


typedef struct {
    soma_api_e    api;
    const char   *body;
    int64_t       tokens;       /* with the made vocabulary */
    int64_t       bound;
    const char   *text;
} prompt_t;


/* "hello" and " world" are a token, "user" is us and er: 3 of them */
static const prompt_t  prompts[] = {
    { SOMA_API_CHAT, "{}", 3, 3, "nothing" },
    { SOMA_API_CHAT, "{\"messages\":[]}", 3, 3, "no message" },
    { SOMA_API_CHAT, "{\"messages\":[{\"role\":\"user\","
      "\"content\":\"hello world\"}],\"model\":\"gpt-4o\"}",
      3 + 3 + 3 + 2, 3 + 3 + 4 + 11, "a message" },
    { SOMA_API_CHAT, "{ \"model\" : \"gpt-4o\", \"messages\" : [ {"
      "\"content\" : \"hello\", \"name\" : \"hello\" }, { } ] }",
      3 + 3 + 1 + 1 + 1 + 3, 3 + 3 + 5 + 5 + 1 + 3, "a name" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":[{\"type\":\"text\","
      "\"text\":\"hello\"},{\"text\":\" world\",\"type\":\"text\"}]}]}",
      3 + 3 + 2, 3 + 3 + 11, "parts" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":[{\"type\":\"image_url\","
      "\"image_url\":{\"url\":\"data:xxx\",\"detail\":\"low\"}}]}]}",
      3 + 3 + IMAGE, 3 + 3 + IMAGE, "an image" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":[{\"type\":\"image_url\","
      "\"image\\u005furl\":{\"url\":\"data:xxx\"}}]}]}",
      3 + 3 + IMAGE + 17, 3 + 3 + IMAGE + 18, "an image in disguise" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":[{\"input_audio\":"
      "{\"data\":\"AAAA\",\"format\":\"wav\"}}]}]}",
      3 + 3 + 1, 3 + 3 + 1, "sound" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":[{\"type\":\"file\","
      "\"file\":{\"file_id\":\"f\"}}]}]}",
      3 + 3 + 16384, 3 + 3 + 16384, "a file" },
    { SOMA_API_CHAT, "{\"mess\\u0061ges\":[{\"content\":\"hello\"}]}",
      3 + IMAGE + 16, 3 + IMAGE + 21, "messages in disguise" },
    { SOMA_API_CHAT, "{\"tools\":[],\"stop\":\"hello\",\"n\":3,"
      "\"stream\":true,\"user\":\"hello\"}", 3 + 2, 3 + 2,
      "what is no prompt" },
    { SOMA_API_CHAT, "{\"something\":\"hello\"}", 3 + 1, 3 + 5,
      "a member that nobody knows" },
    { SOMA_API_CHAT, "{\"tools\":[\"hello\"]}", 3 + 200 + 5, 3 + 200 + 9,
      "tools" },
    { SOMA_API_CHAT, "{\"messages\":[{\"content\":null},"
      "{\"content\":\"\"}]}", 3 + 3 + 3, 3 + 3 + 3, "no content" },
    { SOMA_API_COMPLETIONS, "{\"prompt\":\"hello world\"}", 2, 11,
      "a prompt" },
    { SOMA_API_COMPLETIONS, "{\"prompt\":[\"hello\",\" world\"],"
      "\"suffix\":\"hello\"}", 3, 16, "several" },
    { SOMA_API_COMPLETIONS, "{\"prompt\":[15339,1917,0]}", 3, 3,
      "tokens themselves" },
    { SOMA_API_COMPLETIONS, "{\"prompt\":[[1,2],[3]]}", 3, 3,
      "arrays of them" },
    { SOMA_API_EMBEDDINGS, "{\"input\":\"hello\"}", 1, 5, "an input" },
    { SOMA_API_EMBEDDINGS, "{\"input\":[\"hello\",\"hello\"]}", 2, 10,
      "inputs" },
    { SOMA_API_EMBEDDINGS, "{\"input\":[1,22,333]}", 3, 3,
      "an input of tokens" },
    { SOMA_API_EMBEDDINGS, "{\"input\":[[1,22],[333]]}", 3, 3,
      "inputs of tokens" },
    { SOMA_API_RESPONSES, "{\"input\":\"hello\"}", 3 + 3 + 1 + 1,
      3 + 3 + 1 + 5, "an input that is a message" },
    { SOMA_API_RESPONSES, "{\"instructions\":\"hello\",\"input\":["
      "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
      "\"text\":\"hello\"}]}]}", 3 + 4 + 1 + 3 + 3 + 1,
      3 + 4 + 5 + 3 + 4 + 5, "instructions and items" },
    { SOMA_API_RESPONSES, "{\"input\":[{\"type\":\"function_call_output\","
      "\"call_id\":\"x\",\"output\":\"hello\"}]}", 3 + 3 + 1, 3 + 3 + 5,
      "a tool's output" },
    { SOMA_API_RESPONSES, "{\"input\":[{\"content\":[{\"type\":"
      "\"input_image\",\"image_url\":\"data:x\"}]}]}", 3 + 3 + IMAGE,
      3 + 3 + IMAGE, "an input's image" },
    { SOMA_API_SPEECH, "{\"input\":\"hello\",\"voice\":\"alloy\"}", 1, 5,
      "what is to be said" },
    { SOMA_API_IMAGES, "{\"prompt\":\"hello\",\"size\":\"1024x1024\"}", 1, 5,
      "what is to be drawn" },
    { SOMA_API_TRANSCRIPTIONS, "--x\r\nhello", 1, 1, "a form" }
};


static const struct {
    const char  *escaped;
    const char  *plain;
} escapes[] = {
    { "hello\\n\\n world", "hello\n\n world" },
    { "\\u0068ello", "hello" },
    { "\\u4e2d\\u00e9\\u0041", "\xe4\xb8\xad\xc3\xa9" "A" },
    { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
    { "\\uD83D\\uDE00!", "\xf0\x9f\x98\x80!" },
    { "\\ud83dx", "\xef\xbf\xbdx" },
    { "\\ud83d\\u0041", "\xef\xbf\xbd" "A" },
    { "\\ude00\\ud83d", "\xef\xbf\xbd\xef\xbf\xbd" },
    { "\\\"\\\\\\/\\b\\f\\r\\t", "\"\\/\b\f\r\t" },
    { "a\\u0000b", "a" }
};


static void
test_prompts(const soma_bpe_t *bpe)
{
    size_t           i;
    const prompt_t  *p;

    for (i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
        p = &prompts[i];

        soma_ok(p->bound <= soma_prompt_bound(strlen(p->body), 1)
                || strstr(p->body, "image") || strstr(p->body, "file")
                || strstr(p->body, "\\u00"), "%s, by its length", p->text);
        soma_is_int(soma_prompt_tokens(&soma_openai_prompt, bpe, p->api, 0,
                                       str(p->body)),
                    p->tokens, "%s, counted", p->text);
        soma_is_int(soma_prompt_tokens(&soma_openai_prompt, NULL, p->api, 0,
                                       str(p->body)),
                    p->bound, "%s, at most", p->text);
    }

    soma_is_int(soma_prompt_tokens(&soma_openai_prompt, bpe, SOMA_API_CHAT,
                                   soma_prompt_traits(str("gpt-oss:20b")),
                                   str("{}")),
                3 + 64, "gpt-oss begins with a message of its own");
    soma_is_int(soma_prompt_tokens(&soma_openai_prompt, bpe, SOMA_API_CHAT,
                                   soma_prompt_traits(
                                                   str("openai/gpt-4o-mini")),
                                   str(prompts[5].body)),
                3 + 3 + 48169, "an image to gpt-4o-mini");
}


static void
test_escapes(const soma_bpe_t *bpe)
{
    char        body[PATH];
    size_t      i;
    int64_t     want;
    soma_str_t  plain;

    for (i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        snprintf(body, sizeof(body), "{\"input\":\"%s\"}",
                 escapes[i].escaped);

        plain = str(escapes[i].plain);

        if (strstr(escapes[i].escaped, "u0000") != NULL) {
            plain = (soma_str_t) soma_string("a\0b");
        }

        want = soma_bpe_count(bpe, plain);

        soma_is_int(soma_prompt_tokens(&soma_openai_prompt, bpe,
                                       SOMA_API_EMBEDDINGS, 0, str(body)),
                    want, "escapes in \"%s\"", escapes[i].escaped);
    }
}


/* escapes at each place of the buffer that they are decoded into */
static void
test_long(const soma_bpe_t *bpe)
{
    int          wrong;
    char        *body, *p;
    size_t       i, n;
    int64_t      want;
    soma_str_t   plain;

    n = 3000;
    wrong = 0;
    body = malloc(2 * n + PATH);
    plain.data = malloc(2 * n);

    for (i = 0; i < n; i += 7) {
        p = body + sprintf(body, "{\"input\":\"");
        memset(p, 'a', i);
        p += i;
        p += sprintf(p, "\\u4e2d\\n\\ud83d\\ude00");
        memset(p, 'b', n - i);
        strcpy(p + n - i, "\"}");

        memset(plain.data, 'a', i);
        plain.len = i + (size_t) sprintf((char *) plain.data + i, "%s",
                                         "\xe4\xb8\xad\n\xf0\x9f\x98\x80");
        memset(plain.data + plain.len, 'b', n - i);
        plain.len += n - i;

        want = soma_bpe_count(bpe, plain);
        wrong += (soma_prompt_tokens(&soma_openai_prompt, bpe,
                                     SOMA_API_EMBEDDINGS, 0, str(body))
                  != want);
    }

    soma_is_int(wrong, 0, "escapes at any place");

    free(plain.data);
    free(body);

    n = SOMA_PROMPT_COUNT_MAX + 1000;
    body = malloc(n + PATH);
    p = body + sprintf(body, "{\"prompt\":[\"");

    for (i = 0; i < n; i += 8) {
        memcpy(p + i, "hello a ", 8);
    }

    strcpy(p + i, "\",\"hello\"]}");

    soma_is_int(soma_prompt_tokens(&soma_openai_prompt, bpe,
                                   SOMA_API_COMPLETIONS, 0, str(body)),
                SOMA_PROMPT_COUNT_MAX / 8 * 4 + 1000 + 5,
                "beyond the bound a token a byte");
    free(body);
}


static soma_api_e
api_of(const char *name)
{
    return name == NULL ? SOMA_API_NONE
           : strcmp(name, "chat.completions") == 0 ? SOMA_API_CHAT
           : strcmp(name, "completions") == 0 ? SOMA_API_COMPLETIONS
           : strcmp(name, "embeddings") == 0 ? SOMA_API_EMBEDDINGS
           : SOMA_API_NONE;
}


/* what the provider adds of its own is its own affair */
static int
is_plain(yyjson_val *root)
{
    size_t       i, n;
    yyjson_val  *feature;
    const char  *s;

    s = yyjson_get_str(yyjson_obj_get(root, "model"));

    if (s == NULL || strstr(s, "search") || strstr(s, "oss")) {
        return 0;
    }

    yyjson_arr_foreach(yyjson_obj_get(root, "features"), i, n, feature) {
        s = yyjson_get_str(feature);

        if (strstr(s, "tool") || strstr(s, "image") || strstr(s, "schema")
            || strstr(s, "citations"))
        {
            return 0;
        }
    }

    return 1;
}


static int
real(soma_bpe_family_e family, soma_bpe_t *bpe, soma_str_t *file)
{
    char         path[PATH];
    FILE        *f;
    const char  *dir, *error;

    dir = getenv("B");
    snprintf(path, sizeof(path), "%s/share/soma/%s.soma", dir ? dir : "build",
             soma_bpe_name(family));

    f = fopen(path, "rb");

    if (f == NULL) {
        return 0;
    }

    fclose(f);
    file->data = (unsigned char *) soma_file(path, &file->len);

    return soma_bpe_open(bpe, *file, &error) == SOMA_OK;
}


/* SOMA_OK: counted exactly; SOMA_DECLINED: not one of those to count */
static int
test_request(const soma_bpe_t *bpe, yyjson_val *root)
{
    int64_t             got, want;
    soma_api_e          api;
    soma_str_t          body, model;
    const char         *id;
    soma_bpe_family_e   family;

    id = yyjson_get_str(yyjson_obj_get(root, "id"));
    api = api_of(yyjson_get_str(yyjson_obj_get(root, "api")));
    model = str(yyjson_get_str(yyjson_obj_get(root, "model")));
    family = soma_bpe_family(model);
    want = yyjson_get_sint(yyjson_ptr_get(root,
                                          "/expected_usage/input_tokens"));

    if (api == SOMA_API_NONE || family == SOMA_BPE_NONE || want == 0
        || !is_plain(root))
    {
        return SOMA_DECLINED;
    }

    body = str(yyjson_get_str(yyjson_ptr_get(root, "/request/body")));

    if (body.len == 0) {
        return SOMA_DECLINED;
    }

    got = soma_prompt_tokens(&soma_openai_prompt, &bpe[family], api,
                             soma_prompt_traits(model), body);

    soma_ok(got >= want && got <= want + OVER_MAX,
            "%s: %d tokens, and its provider says %d", id, (int) got,
            (int) want);
    soma_ok(soma_prompt_tokens(&soma_openai_prompt, NULL, api,
                               soma_prompt_traits(model), body)
            >= want, "%s: the bound is one", id);

    return got == want ? SOMA_OK : SOMA_AGAIN;
}


static void
test_traffic(void)
{
    int          exact;
    char        *text, *line, *end;
    size_t       len;
    soma_str_t   file[SOMA_BPE_FAMILIES];
    soma_bpe_t   bpe[SOMA_BPE_FAMILIES];
    yyjson_doc  *doc;

    if (!real(SOMA_BPE_CL100K, &bpe[SOMA_BPE_CL100K], &file[0])
        || !real(SOMA_BPE_O200K, &bpe[SOMA_BPE_O200K], &file[1]))
    {
        soma_ok(1, "recorded requests # skip no vocabulary: npm was not "
                "there");
        return;
    }

    exact = 0;
    text = (char *) soma_file(TRAFFIC, &len);

    for (line = text; line < text + len; line = end + 1) {

        end = memchr(line, '\n', (size_t) (text + len - line));
        end = end ? end : text + len;

        doc = yyjson_read(line, (size_t) (end - line), 0);
        exact += (test_request(bpe, yyjson_doc_get_root(doc)) == SOMA_OK);
        yyjson_doc_free(doc);
    }

    printf("# %d prompts counted exactly\n", exact);
    soma_ok(exact >= EXACT_MIN, "most are counted exactly");

    free(text);
    free(file[0].data);
    free(file[1].data);
}


/* what a provider is to fetch may be as long as it likes */

static void
test_fetches(void)
{
    size_t      i;
    soma_str_t  s;

    static const struct {
        const char  *list;
        int          fetches;
    } cases[] = {
        { "[]", 0 },
        { "[{\"content\":[{\"video_url\":{\"url\":\"https://x/v\"}}]}]", 1 },
        { "[{\"content\":[{\"audio_url\" : \"http://x/a\"}]}]", 1 },
        { "[{\"content\":[{\"document_url\":\"HTTPS://x\"}]}]", 1 },
        { "[{\"content\":[{\"file_url\":\"s3://x\"}]}]", 1 },
        { "[{\"content\":[{\"video_url\":{\"url\":\"data:video/mp4;x\"}}]}]",
          0 },
        { "[{\"content\":[{\"audio_url\":\"data:audio/wav;base64,AA\"}]}]", 0 },
        { "[{\"content\":[{\"image_url\":{\"url\":\"https://x/i\"}}]}]", 0 },
        { "[{\"content\":[{\"image_url\":\"https://x\"},{\"pdf_url\":"
          "\"https://x\"}]}]", 1 },
        { "[{\"content\":\"an \\\"audio_url\\\":\\\"http://x\\\"\"}]", 0 },
        { "[{\"content\":\"audio_url\"}]", 0 },
        { "[{\"content\":[{\"audio_url\":null}]}]", 0 },
        { "[{\"content\":[{\"audio_url\":{}}]}]", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s.data = (unsigned char *) cases[i].list;
        s.len = strlen(cases[i].list);

        soma_is_int(soma_prompt_fetches(&soma_openai_prompt, s),
                    cases[i].fetches, "%s %s",
                    cases[i].list, cases[i].fetches ? "has something fetched"
                                                    : "has nothing fetched");
    }
}


int
main(void)
{
    soma_str_t  file;
    soma_bpe_t  bpe;

    if (soma_bpe_test_open(&bpe, SOMA_BPE_O200K, &file) != SOMA_OK) {
        soma_ok(0, "a vocabulary is made");
        return soma_done();
    }

    test_prompts(&bpe);
    test_escapes(&bpe);
    test_long(&bpe);
    test_traffic();
    test_fetches();

    free(file.data);

    return soma_done();
}
