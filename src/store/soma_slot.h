
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a client of a Redis cluster must know: which slot a key is in, where
 * in a command its key is, and what a redirection says.  From the Redis
 * Cluster Specification.
 */


#ifndef SOMA_SLOT_H
#define SOMA_SLOT_H


#include "soma_base.h"


#define SOMA_SLOTS            16384
#define SOMA_SLOT_HOST_MAX    255       /* bytes */


/* CRC-16/XMODEM: polynomial 0x1021, from 0 */
unsigned soma_slot_crc16(const void *data, size_t len);

/* of the key, or of what stands between its first "{" and the "}" behind it
 * when that is not empty */
unsigned soma_slot(soma_str_t key);

/*
 * Which word of a command is its first key: 1, or 3 of EVAL and EVALSHA with
 * keys; 0: it has none and may go to any node.  Commands that nobody here
 * sends, and whose key stands elsewhere, are not known.
 */
int soma_slot_key(int argc, const char *const *argv, const size_t *argvlen);


typedef enum {
    SOMA_SLOT_STAYS = 0,        /* no redirection */
    SOMA_SLOT_MOVED,            /* for good: "MOVED 3999 127.0.0.1:6381" */
    SOMA_SLOT_ASK               /* this once, after ASKING */
} soma_slot_move_e;

typedef struct {
    soma_slot_move_e  move;
    unsigned          slot;
    soma_str_t        host;     /* in the text; len 0: the one that answered
                                   (it does not know its own name) */
    int               port;
} soma_slot_move_t;

/* of an error's text; what is no redirection, or a broken one: STAYS */
void soma_slot_move(soma_slot_move_t *move, soma_str_t text);


#endif /* SOMA_SLOT_H */
