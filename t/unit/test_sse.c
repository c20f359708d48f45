
/*
 * Copyright (C) The ngx_soma authors
 *
 * The parser of server-sent events: what events it finds, that the raw bytes
 * in a row are the stream whatever the pieces, and that it does not depend on
 * them what is found.
 */


#include "soma_sse.h"
#include "soma_arena_malloc.h"
#include "soma_test.h"


#define STREAMS  1000
#define OUT_MAX  (1024 * 1024)


typedef struct {
    char    *text;          /* events as "name|data|comment;" */
    size_t   len;
    char    *raw;
    size_t   raw_len;
    size_t   events;
    size_t   declined;
    char    *data;          /* of the event whose parts come */
    size_t   data_len;
    int      within;        /* some of its parts have come */
} found_t;


static void
found_init(found_t *f)
{
    memset(f, 0, sizeof(found_t));

    f->text = malloc(OUT_MAX);
    f->raw = malloc(OUT_MAX);
    f->data = malloc(OUT_MAX);

    if (f->text == NULL || f->raw == NULL || f->data == NULL) {
        exit(2);
    }
}


static void
found_free(found_t *f)
{
    free(f->text);
    free(f->raw);
    free(f->data);
}


static void
found_reset(found_t *f)
{
    f->len = 0;
    f->raw_len = 0;
    f->events = 0;
    f->declined = 0;
    f->data_len = 0;
    f->within = 0;
}


/* the parts of an event put together; one without data says nothing */

static void
found_part(found_t *f, soma_sse_event_t *part)
{
    f->declined++;

    if (!part->part || part->first == f->within) {
        printf("# a part that is none, or a first one too many\n");
        exit(2);
    }

    f->within = !part->last;

    if (part->join) {
        f->data[f->data_len++] = '\n';
    }

    if (part->data.len != 0) {
        memcpy(f->data + f->data_len, part->data.data, part->data.len);
        f->data_len += part->data.len;
    }

    if (part->last && f->data_len != 0) {
        f->events++;
        f->len += (size_t) snprintf(f->text + f->len, OUT_MAX - f->len,
                                    "%.*s|%.*s|0;",
                                    (int) part->name.len, part->name.data,
                                    (int) f->data_len, f->data);
    }

    if (part->last) {
        f->data_len = 0;
    }
}


static void
found_add(found_t *f, soma_sse_event_t *event, int rc)
{
    size_t  i;

    if (event->raw.len > OUT_MAX - f->raw_len) {
        exit(2);
    }

    if (event->raw.len != 0) {
        memcpy(f->raw + f->raw_len, event->raw.data, event->raw.len);
        f->raw_len += event->raw.len;
    }

    if (rc == SOMA_DECLINED) {
        found_part(f, event);
        return;
    }

    /* how many line ends in a row make an event depends on the pieces */
    for (i = 0; i < event->raw.len; i++) {
        if (event->raw.data[i] != '\r' && event->raw.data[i] != '\n') {
            break;
        }
    }

    if (i == event->raw.len) {
        return;
    }

    f->events++;

    f->len += (size_t) snprintf(f->text + f->len, OUT_MAX - f->len,
                                "%.*s|%.*s%s|%d;",
                                (int) event->name.len, event->name.data,
                                (int) event->data.len, event->data.data,
                                event->data.data ? "" : "(none)",
                                event->comment);
}


/* cut: 0 the whole, 1 byte by byte, else pieces of up to that size */
static int
parse(soma_arena_t *arena, const char *p, size_t len, unsigned cut,
    found_t *f)
{
    int                rc;
    size_t             n, used, at, piece;
    soma_sse_t         sse;
    unsigned char     *copy;
    soma_sse_event_t   event;

    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;

    found_reset(f);

    for (at = 0; at < len; at += piece) {
        piece = (cut == 0) ? len : (cut == 1) ? 1 : soma_any(cut + 1);
        piece = (piece > len - at) ? len - at : piece;

        copy = malloc(piece > 0 ? piece : 1);
        if (copy == NULL) {
            exit(2);
        }

        memcpy(copy, p + at, piece);

        for (n = 0; ; n += used) {
            rc = soma_sse_feed(&sse, copy + n, piece - n, &used, &event);

            if (used > piece - n || rc == SOMA_ERROR) {
                free(copy);
                return SOMA_ERROR;
            }

            if (rc == SOMA_AGAIN) {
                break;
            }

            found_add(f, &event, rc);
        }

        free(copy);

        if (n + used != piece) {
            return SOMA_ERROR;
        }
    }

    rc = soma_sse_end(&sse, &event);

    if (rc == SOMA_OK || rc == SOMA_DECLINED) {
        found_add(f, &event, rc);
    }

    if (soma_sse_end(&sse, &event) != SOMA_DONE) {
        return SOMA_ERROR;
    }

    return rc;
}


static const struct {
    const char  *text;
    const char  *want;
} cases[] = {
    { "", "" },
    { "data: a\n\n", "|a|0;" },
    { "data:a\n\n", "|a|0;" },
    { "data:  a \n\n", "| a |0;" },
    { "data: a\r\n\r\n", "|a|0;" },
    { "data: a\r\r", "|a|0;" },
    { "data: a\n\ndata: b\n\n", "|a|0;|b|0;" },
    { "data: a\r\n\r\ndata: b\r\n\r\n", "|a|0;|b|0;" },
    { "data: a\r\rdata: b\r\r", "|a|0;|b|0;" },
    { "data: a\n\r\ndata: b\r\n\n", "|a|0;|b|0;" },
    { "data: a\ndata: b\n\n", "|a\nb|0;" },
    { "data: a\ndata: b\r\ndata:\rdata: c\n\n", "|a\nb\n\nc|0;" },
    { "data\n\n", "||0;" },
    { "data\ndata\n\n", "|\n|0;" },
    { "data:\n\n", "||0;" },
    { "data: \n\n", "||0;" },
    { "event: x\ndata: a\n\n", "x|a|0;" },
    { "data: a\nevent:x\n\n", "x|a|0;" },
    { "event: x\nevent: y\ndata: a\n\n", "y|a|0;" },
    { "event\ndata: a\n\n", "|a|0;" },
    { "event: x\n\n", "x|(none)|0;" },
    { "id: 1\nretry: 10\ndata: a\nfoo: bar\n\n", "|a|0;" },
    { "id: 1\n\n", "|(none)|0;" },
    { ": comment\n\n", "|(none)|1;" },
    { ":\n\n", "|(none)|1;" },
    { ": comment\ndata: a\n\n", "|a|0;" },
    { ": one\n: two\n\n", "|(none)|1;" },
    { "datax: a\nDATA: b\n data: c\n\n", "|(none)|0;" },
    { "\xef\xbb\xbf" "data: a\n\ndata: b\n\n", "|a|0;|b|0;" },
    { "\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n", "|(none)|0;" },
    { "data: a\n\n\xef\xbb\xbf" "data: b\n\n", "|a|0;|(none)|0;" },
    { "\xef\xbb\xbf: hi\n\n", "|(none)|1;" },
    { "data: [DONE]\n", "|[DONE]|0;" },
    { "data: [DONE]", "|[DONE]|0;" },
    { "data: a\n\ndata: b", "|a|0;|b|0;" },
    { "data: a\ndata: b", "|a\nb|0;" },
    { "data: {\"a\":\"b\"}\n\n", "|{\"a\":\"b\"}|0;" },
    { "event: 123456789012345678901234567890123456789012345678901234567890"
      "1234\n\n", "1234567890123456789012345678901234567890123456789012345"
      "678901234|(none)|0;" },
    { "event: 123456789012345678901234567890123456789012345678901234567890"
      "12345\n\n", "|(none)|0;" }
};


static void
test_cases(soma_arena_t *arena, found_t *f)
{
    int       rc;
    size_t    i, len;
    unsigned  cut;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = strlen(cases[i].text);

        for (cut = 0; cut < 4; cut++) {
            rc = parse(arena, cases[i].text, len, cut, f);

            soma_ok(rc != SOMA_ERROR, "case %zu, cut %u", i, cut);
            soma_is_str(f->text, f->len, cases[i].want, "events");
            soma_is_mem(f->raw, f->raw_len, cases[i].text, len, "raw");
        }
    }
}


static void
test_blank_lines(soma_arena_t *arena)
{
    size_t             used;
    soma_sse_t         sse;
    soma_sse_event_t   event;

    static const unsigned char  text[] = "\n\ndata: a\n\n\n";

    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;

    soma_is_int(soma_sse_feed(&sse, text, 12, &used, &event), SOMA_OK,
                "a blank line");
    soma_ok(used == 1 && event.comment && event.raw.data == text,
            "is an event of nothing");
    soma_is_int(soma_sse_feed(&sse, text + 1, 11, &used, &event), SOMA_OK,
                "another");
    soma_is_int(used, 1, "as long");
    soma_is_int(soma_sse_feed(&sse, text + 2, 9, &used, &event), SOMA_OK,
                "the event");
    soma_ok(used == 9 && event.raw.data == text + 2
            && event.data.data == text + 8, "is not copied");
    soma_is_int(soma_sse_feed(&sse, text + 11, 0, &used, &event), SOMA_AGAIN,
                "no bytes");
    soma_is_int(used, 0, "none used");
    soma_ok(sse.buf == NULL && sse.scratch == NULL, "no memory was needed");
    soma_is_int(soma_sse_end(&sse, &event), SOMA_DONE, "nothing is left");
}


/* an event's blank line is told at its CR; the LF goes to the next one */
static void
test_late_lf(soma_arena_t *arena)
{
    size_t            used;
    soma_sse_t        sse;
    soma_sse_event_t  event;

    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;

    soma_is_int(soma_sse_feed(&sse, (unsigned char *) "data: a\r\n\r", 10,
                              &used, &event), SOMA_OK, "ends at the CR");
    soma_is_int(event.raw.len, 10, "raw");
    soma_is_int(soma_sse_feed(&sse, (unsigned char *) "\n", 1, &used, &event),
                SOMA_AGAIN, "the LF ends nothing");
    soma_is_int(soma_sse_feed(&sse, (unsigned char *) "data: b\r\n\r\n", 11,
                              &used, &event), SOMA_OK, "the next event");
    soma_is_str(event.raw.data, event.raw.len, "\ndata: b\r\n\r\n",
                "begins with it");
    soma_is_str(event.data.data, event.data.len, "b", "and its data");
}


static char *
put_line(char *p, int field)
{
    unsigned  n;

    static const char *const  fields[] = {
        "data: ", "data:", "data", "event: ", "id: ", ":", "data: {\"a\":",
        "x", "data: \xef\xbb\xbf"
    };

    static const char *const  ends[] = { "\n", "\n", "\n", "\r\n", "\r" };

    if (field) {
        strcpy(p, fields[soma_any(9)]);
        p += strlen(p);

        for (n = soma_any(3) ? soma_any(10) : soma_any(300); n > 0; n--) {
            *p++ = (char) ('a' + soma_any(26));
        }
    }

    strcpy(p, ends[soma_any(5)]);

    return p + strlen(p);
}


static void
test_random(soma_arena_t *arena, found_t *f)
{
    char      *p, *last;
    size_t     len;
    found_t    again;
    unsigned   i, k, cut, n;

    found_init(&again);

    p = malloc(100000);
    if (p == NULL) {
        exit(2);
    }

    for (i = 0; i < STREAMS; i++) {
        last = p;

        for (n = soma_any(20); n > 0; n--) {
            for (k = soma_any(4); k > 0; k--) {
                last = put_line(last, 1);
            }

            last = put_line(last, 0);
        }

        len = (size_t) (last - p);
        len -= soma_any(4) ? 0 : soma_any((unsigned) len + 1);

        if (parse(arena, p, len, 0, f) == SOMA_ERROR
            || f->raw_len != len || memcmp(f->raw, p, len) != 0)
        {
            break;
        }

        for (k = 0; k < 4; k++) {
            cut = (k == 0) ? 1 : 1 + soma_any(k == 1 ? 4 : 400);

            if (parse(arena, p, len, cut, &again) == SOMA_ERROR
                || again.raw_len != len || memcmp(again.raw, p, len) != 0
                || again.len != f->len
                || memcmp(again.text, f->text, f->len) != 0)
            {
                break;
            }
        }

        if (k < 4) {
            break;
        }
    }

    if (!soma_is_int(i, STREAMS, "random streams, cut at random")) {
        soma_test_show("stream", p, len);
        soma_test_show("whole", f->text, f->len);
        soma_test_show("cut", again.text, again.len);
    }

    free(p);
    found_free(&again);
}


static void
test_long(soma_arena_t *arena, found_t *f)
{
    char      *p;
    size_t     i, len, size, head;
    unsigned   k;

    static const unsigned  cuts[] = { 0, 1000, 100000, 300000 };

    static const size_t  sizes[] = {
        SOMA_SSE_EVENT_MAX - 1, SOMA_SSE_EVENT_MAX, SOMA_SSE_EVENT_MAX + 1,
        SOMA_SSE_EVENT_MAX * 2
    };

    p = malloc(3 * SOMA_SSE_EVENT_MAX);
    if (p == NULL) {
        exit(2);
    }

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size = sizes[i];

        strcpy(p, "data: a\n\n");
        head = strlen(p);
        memset(p + head, 'x', size);
        memcpy(p + head, "data: ", 6);
        memcpy(p + head + size / 2, "\ndata: ", 7);
        memcpy(p + head + size - 2, "\n\n", 2);
        strcpy(p + head + size, "data: b\n\n");
        len = head + size + 9;

        for (k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {

            soma_ok(parse(arena, p, len, cuts[k], f) != SOMA_ERROR,
                    "an event of %zu bytes, cut %u", size, cuts[k]);
            soma_ok(f->raw_len == len && memcmp(f->raw, p, len) == 0, "raw");

            soma_ok(f->events == 3, "is one of three");
            soma_ok((f->declined > 0) == (size > SOMA_SSE_EVENT_MAX),
                    "in parts when it is too long");
            soma_ok(f->len == size
                    && memcmp(f->text, "|a|0;|xxx", 9) == 0
                    && memchr(f->text, 0x0a, f->len) != NULL
                    && memcmp(f->text + f->len - 10, "xx|0;|b|0;", 10) == 0,
                    "with all of its data");
        }
    }

    /* one that never ends */
    soma_ok(parse(arena, p, len - 11, 70000, f) != SOMA_ERROR, "no end");
    soma_ok(f->raw_len == len - 11 && memcmp(f->raw, p, len - 11) == 0,
            "raw");

    free(p);
}


/* the memory of a stream does not grow with its length */
static void
test_memory(void)
{
    char               p[64];
    size_t             i, used, bytes;
    soma_sse_t         sse;
    soma_arena_t      *arena;
    soma_sse_event_t   event;

    arena = soma_test_arena();
    bytes = 0;

    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;

    strcpy(p, "data: a\ndata: b\n\n");

    for (i = 0; i < 1000; i++) {
        (void) soma_sse_feed(&sse, (unsigned char *) p, 10, &used, &event);
        (void) soma_sse_feed(&sse, (unsigned char *) p + 10, 7, &used,
                             &event);

        if (i == 0) {
            bytes = ((soma_test_arena_t *) arena->data)->bytes;
        }
    }

    soma_is_str(event.data.data, event.data.len, "a\nb", "joined data");
    soma_is_int(((soma_test_arena_t *) arena->data)->bytes, bytes,
                "1000 events need the memory of one");

    /* without memory nothing is lost: the same bytes again later */
    memset(&sse, 0, sizeof(sse));
    sse.arena = arena;

    for (i = 1; i <= 2; i++) {
        soma_test_arena_fail(arena, 1);
        soma_is_int(soma_sse_feed(&sse, (unsigned char *) p, 10, &used,
                                  &event), SOMA_ERROR, "no memory");
        soma_is_int(used, 0, "nothing used");
        soma_test_arena_fail(arena, 0);
    }

    soma_is_int(soma_sse_feed(&sse, (unsigned char *) p, 10, &used, &event),
                SOMA_AGAIN, "now there is");

    soma_test_arena_fail(arena, 1);
    soma_is_int(soma_sse_feed(&sse, (unsigned char *) p + 10, 7, &used,
                              &event), SOMA_ERROR, "none to join");
    soma_test_arena_fail(arena, 0);
    soma_is_int(soma_sse_feed(&sse, (unsigned char *) p + 10, 7, &used,
                              &event), SOMA_OK, "joined");
    soma_is_str(event.data.data, event.data.len, "a\nb", "its data");
    soma_is_int(event.raw.len, 17, "its raw bytes");

    soma_test_arena_free(arena);
}


int
main(void)
{
    found_t        f;
    soma_arena_t  *arena;

    arena = soma_test_arena();
    found_init(&f);

    test_cases(arena, &f);
    test_blank_lines(arena);
    test_late_lf(arena);
    test_random(arena, &f);
    test_long(arena, &f);
    test_memory();

    found_free(&f);
    soma_test_arena_free(arena);

    return soma_done();
}
