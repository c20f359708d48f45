
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_arena_malloc.h"
#include "soma_stops.h"


typedef struct {
    char      text[512];
    unsigned  closes;
    unsigned  finishes;
    unsigned  ends;
    unsigned  usages;
    char      stop[64];
} told_t;


static int
sink(void *data, const soma_inner_event_t *event)
{
    size_t   n;
    told_t  *told = data;

    switch (event->event) {

    case SOMA_INNER_DELTA:
        n = strlen(told->text);
        memcpy(told->text + n, event->text.data, event->text.len);
        told->text[n + event->text.len] = '\0';
        break;

    case SOMA_INNER_CLOSE:
        told->closes++;
        break;

    case SOMA_INNER_FINISH:
        told->finishes++;
        snprintf(told->stop, sizeof(told->stop), "%u %.*s",
                 (unsigned) event->finish, (int) event->text.len,
                 event->text.data ? (const char *) event->text.data : "");
        break;

    case SOMA_INNER_USAGE:
        told->usages++;
        break;

    case SOMA_INNER_END:
        told->ends++;
        break;

    default:
        break;
    }

    return SOMA_OK;
}


static void
tell(soma_stops_t *stops, soma_inner_event_e kind, unsigned block,
    soma_inner_kind_e of, const char *text)
{
    soma_inner_event_t  event;

    memset(&event, 0, sizeof(event));

    event.event = kind;
    event.block = block;
    event.kind = of;
    event.text.data = (unsigned char *) (uintptr_t) text;
    event.text.len = strlen(text);

    soma_is_int(soma_stops_sink(stops, &event), SOMA_OK, "an event");
}


/* "words" as text of JSON strings, cut wherever "|" stands */

static told_t
answer(soma_arena_t *arena, const char *const *list, const char *words)
{
    char                  piece[128];
    size_t                n;
    told_t                told;
    soma_stops_t          stops;
    soma_inner_request_t  request;

    memset(&told, 0, sizeof(told));
    memset(&stops, 0, sizeof(stops));
    soma_inner_request_init(&request);

    for ( /* void */ ; *list; list++) {
        request.stops[request.nstops].data = (unsigned char *)
                                             (uintptr_t) *list;
        request.stops[request.nstops++].len = strlen(*list);
    }

    stops.arena = arena;
    stops.sink = sink;
    stops.data = &told;

    soma_is_int(soma_stops_init(&stops, &request), SOMA_OK, "init");

    tell(&stops, SOMA_INNER_START, 0, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_BEGIN, 0, SOMA_INNER_TEXT, "");

    while (*words) {
        n = strcspn(words, "|");
        memcpy(piece, words, n);
        piece[n] = '\0';
        tell(&stops, SOMA_INNER_DELTA, 0, SOMA_INNER_TEXT, piece);
        words += n + (words[n] == '|');
    }

    tell(&stops, SOMA_INNER_CLOSE, 0, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_BEGIN, 1, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_DELTA, 1, SOMA_INNER_TEXT, "!");
    tell(&stops, SOMA_INNER_CLOSE, 1, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_USAGE, 0, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_FINISH, 0, SOMA_INNER_TEXT, "");
    tell(&stops, SOMA_INNER_END, 0, SOMA_INNER_TEXT, "");

    soma_is_int(told.usages, 1, "its usage is told");
    soma_is_int(told.ends, 1, "and its end");
    soma_is_int(told.finishes, 1, "one finish");

    return told;
}


int
main(void)
{
    size_t        i;
    told_t        told;
    soma_arena_t  *arena;

    static const char *const  stop[] = { "STOP", NULL };
    static const char *const  two[] = { "abc", "bcd", "", NULL };
    static const char *const  wide[] = { "\\u00e9\\n", NULL };
    static const char *const  like[] = { "aab", NULL };

    static const struct {
        const char *const  *stops;
        const char         *words;
        const char         *text;       /* with "!": it was not cut */
        const char         *finish;
    } cases[] = {
        { stop, "one STOP two", "one ", "1 STOP" },
        { stop, "one S|T|O|P two", "one ", "1 STOP" },
        { stop, "one ST|OR", "one STOR!", "0 " },
        { stop, "one ST", "one ST!", "0 " },
        { stop, "STOP", "", "1 STOP" },
        { stop, "|S|S|STOP|STOP", "SS", "1 STOP" },
        { two, "xxa|b|cd", "xx", "1 abc" },
        { two, "xxbb|cd", "xxb", "1 bcd" },
        { two, "xxab|d", "xxabd!", "0 " },
        { like, "aaa|b", "a", "1 aab" },
        { like, "aa|aa|aab", "aaaa", "1 aab" },
        { wide, "x\\u00e9|y \\\"\\u00e9|\\nz", "x\xc3\xa9y \\\"",
          "1 \xc3\xa9\\n" }
    };

    arena = soma_test_arena();

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        told = answer(arena, cases[i].stops, cases[i].words);

        soma_is_str(told.text, strlen(told.text), cases[i].text, "words %zu",
                    i);
        soma_is_str(told.stop, strlen(told.stop), cases[i].finish,
                    "finish %zu", i);
        soma_is_int(told.closes, cases[i].finish[0] == '1' ? 1 : 2,
                    "closed %zu", i);
    }

    soma_test_arena_free(arena);

    return soma_test_done();
}
