
/*
 * Copyright (C) The ngx_soma authors
 *
 * The first look at a stream: what its first event is, from as few bytes as
 * tell it.
 */


#include "soma_look.h"
#include "soma_openai.h"
#include "soma_test.h"


typedef struct {
    const char   *stream;
    soma_look_e   look;
    const char   *from;         /* it takes the bytes up to this one's end */
} case_t;


static const case_t  cases[] = {
    { "data: {\"choices\":[]}\n\n", SOMA_LOOK_GOOD, "\n\n" },
    { "data: [DONE]\r\n\r\n", SOMA_LOOK_GOOD, "]\r\n\r" },
    { ": ping\n\n: ping\n\ndata: {}\n\n", SOMA_LOOK_GOOD, "{}\n\n" },
    { "id: 7\n\ndata: {}\n\n", SOMA_LOOK_GOOD, "{}\n\n" },
    { ": ping\n\n\r\n\r\n", SOMA_LOOK_MORE, NULL },
    { "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
      SOMA_LOOK_GOOD, "}\n\n" },
    { "data: {\"error\":{\"message\":\"a long story\"}}\n\n",
      SOMA_LOOK_ERROR, "error\":{" },
    { "data: {\"error\":null,\"choices\":[]}\n\n", SOMA_LOOK_GOOD, "\n\n" },
    { ": ping\n\ndata: {\"choices\":[],\"error\":{\"code\":502}}\n\n",
      SOMA_LOOK_ERROR, "error\":{" },
    { "event: error\ndata: overloaded\n\n", SOMA_LOOK_ERROR, "ed\n\n" },
    { "data: {\"type\":\"error\",\"code\":\"x\"}\n\n", SOMA_LOOK_ERROR,
      "}\n\n" },
    { "data: {\"object\":\"error\",\"message\":\"x\"}\n\n", SOMA_LOOK_ERROR,
      "\"error\"" }
};


int
main(void)
{
    size_t          i, n, len, from;
    soma_ask_t      ask;
    soma_look_e     look;
    unsigned char  *copy;

    memset(&ask, 0, sizeof(ask));
    ask.api = SOMA_API_CHAT;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = strlen(cases[i].stream);
        from = len + 1;

        if (cases[i].from != NULL) {
            from = (size_t) (strstr(cases[i].stream, cases[i].from)
                             - cases[i].stream) + strlen(cases[i].from);
        }

        for (n = 0; n <= len; n++) {
            copy = malloc(n + 1);
            memcpy(copy, cases[i].stream, n);

            look = soma_look_stream(&soma_openai, &ask, copy, n);
            free(copy);

            if (!soma_is_int(look, n < from ? SOMA_LOOK_MORE : cases[i].look,
                             "%d bytes of: %s", (int) n, cases[i].stream))
            {
                break;
            }
        }
    }

    return soma_done();
}
