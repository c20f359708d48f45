
/*
 * Copyright (C) The ngx_soma authors
 *
 * soma-route: what it can be told, and what all of its commands need.
 */


#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "route.h"


static const char  usage[] =
    "usage: soma-route train --pairs FILE [--sources A,B,...] -o WEIGHTS "
    "DATA.jsonl\n"
    "       soma-route score -w WEIGHTS < REQUESTS.jsonl\n"
    "       soma-route explain -w WEIGHTS [--pair NAME] < PROMPT\n"
    "\n"
    "train    weights for `strategy complexity` out of recorded outcomes: a "
    "line a\n"
    "         record, {id, source, messages, outcomes: {MODEL: {score, in, "
    "out,\n"
    "         usd}}}; pairs are [{name, cheap: [MODEL], strong: [MODEL],\n"
    "         sources: [SOURCE]}].  --sources trains on those alone\n"
    "score    a line {id, scores: {PAIR: x}, us} for each line {id, "
    "messages}:\n"
    "         higher needs the stronger model\n"
    "explain  what of a prompt weighs most\n";


int
main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "train") == 0) {
        return route_train(argc - 1, argv + 1);
    }

    if (argc >= 2 && strcmp(argv[1], "score") == 0) {
        return route_score(argc - 1, argv + 1);
    }

    if (argc >= 2 && strcmp(argv[1], "explain") == 0) {
        return route_explain(argc - 1, argv + 1);
    }

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }

    fputs(usage, stderr);

    return 2;
}


void
route_die(const char *format, ...)
{
    va_list  args;

    fputs("soma-route: ", stderr);

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);

    fputc('\n', stderr);
    exit(1);
}


void *
route_alloc(size_t size)
{
    void  *p;

    p = malloc(size != 0 ? size : 1);

    if (p == NULL) {
        route_die("no memory");
    }

    return p;
}


soma_str_t
route_read(const char *path)
{
    FILE            *file;
    size_t           size, n;
    soma_str_t       bytes;
    unsigned char   *p;

    file = (strcmp(path, "-") == 0) ? stdin : fopen(path, "rb");

    if (file == NULL) {
        route_die("%s: %s", path, strerror(errno));
    }

    size = 1 << 16;
    bytes.data = route_alloc(size);
    bytes.len = 0;

    while ((n = fread(bytes.data + bytes.len, 1, size - bytes.len - 1, file))
           != 0)
    {
        bytes.len += n;

        if (bytes.len + 1 == size) {
            size *= 2;
            p = realloc(bytes.data, size);

            if (p == NULL) {
                route_die("no memory");
            }

            bytes.data = p;
        }
    }

    if (ferror(file)) {
        route_die("%s: %s", path, strerror(errno));
    }

    if (file != stdin) {
        fclose(file);
    }

    bytes.data[bytes.len] = '\0';

    return bytes;
}


/* parts of a message that are texts are one text */

soma_str_t
route_message(yyjson_val *root, unsigned *tools)
{
    size_t           i, n, len;
    soma_str_t       text;
    yyjson_val      *messages, *message, *content, *part, *last;
    unsigned char   *p;

    static unsigned char  *kept;

    *tools = (unsigned) yyjson_arr_size(yyjson_obj_get(root, "tools"));
    messages = yyjson_obj_get(root, "messages");
    last = NULL;

    yyjson_arr_foreach(messages, i, n, message) {
        if (yyjson_equals_str(yyjson_obj_get(message, "role"), "user")) {
            last = message;
        }
    }

    content = yyjson_obj_get(last, "content");
    text.data = (unsigned char *) (uintptr_t) "";
    text.len = 0;

    if (yyjson_is_str(content)) {
        text.data = (unsigned char *) (uintptr_t) yyjson_get_str(content);
        text.len = yyjson_get_len(content);
        return text;
    }

    for (len = 0, i = 0; i < yyjson_arr_size(content); i++) {
        part = yyjson_arr_get(content, i);
        len += yyjson_get_len(yyjson_obj_get(part, "text")) + 1;
    }

    if (len == 0) {
        return text;
    }

    free(kept);
    kept = route_alloc(len);
    p = kept;

    for (i = 0; i < yyjson_arr_size(content); i++) {
        part = yyjson_obj_get(yyjson_arr_get(content, i), "text");

        if (yyjson_is_str(part)) {
            memcpy(p, yyjson_get_str(part), yyjson_get_len(part));
            p += yyjson_get_len(part);
            *p++ = ' ';
        }
    }

    text.data = kept;
    text.len = (size_t) (p - kept);

    return text;
}
