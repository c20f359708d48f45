
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors that depend on the text alone, of numbers that a float holds
 * exactly, so that both encodings say the same.
 */


#include "soma_echo.h"


#define SOMA_ECHO_SCALE   512           /* numbers are n / 512, |n| <= 512 */
#define SOMA_ECHO_UNIT    1953125       /* 10^9 / 512 */
#define SOMA_ECHO_VECTOR  256           /* bytes of one, as text */


static int soma_echo_input(soma_arena_t *arena,
    const soma_inner_turn_t *turn, int64_t *tokens, uint64_t *hash);
static uint64_t soma_echo_numbers_hash(soma_str_t list);
static void soma_echo_vector(soma_out_t *out, uint64_t hash,
    unsigned base64);
static void soma_echo_number(soma_out_t *out, int n);
static void soma_echo_base64(soma_out_t *out, const int *v);


int
soma_echo_embed(soma_local_t *local, soma_usage_t *usage,
    soma_inner_sink_pt sink, void *data)
{
    uint64_t                     hash;
    soma_out_t                   out;
    soma_str_t                  *vector;
    unsigned char                buf[SOMA_ECHO_VECTOR];
    soma_inner_event_t           event;
    const soma_inner_turn_t     *turn;
    const soma_inner_request_t  *request;

    request = local->request;

    if (request->nturns == 0 || request->nturns > SOMA_ECHO_INPUTS_MAX) {
        local->error = "\"input\" must have from 1 to 2048 texts";
        return SOMA_DECLINED;
    }

    memset(&event, 0, sizeof(soma_inner_event_t));

    event.event = SOMA_INNER_VECTOR;
    vector = request->base64 ? &event.text : &event.raw;

    for (turn = request->turns; turn; turn = turn->next) {

        if (soma_echo_input(local->arena, turn, &usage->input_tokens, &hash)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        soma_put_init(&out, buf, sizeof(buf));
        soma_echo_vector(&out, hash, request->base64);

        vector->data = out.start;
        vector->len = (size_t) (out.pos - out.start);

        if (sink(data, &event) != SOMA_OK) {
            return SOMA_ERROR;
        }

        event.block++;
    }

    return SOMA_OK;
}


/* what an input comes to: its tokens are added, its hash is the vector's */

static int
soma_echo_input(soma_arena_t *arena, const soma_inner_turn_t *turn,
    int64_t *tokens, uint64_t *hash)
{
    soma_str_t                 plain;
    const soma_inner_block_t  *block;

    *hash = 0;
    block = turn->blocks;

    if (block == NULL) {
        return SOMA_OK;
    }

    if (block->kind == SOMA_INNER_OPAQUE) {
        *tokens += soma_echo_numbers(block->raw);
        *hash = soma_echo_numbers_hash(block->raw);
        return SOMA_OK;
    }

    if (soma_inner_plain(arena, block->text, &plain) != SOMA_OK) {
        return SOMA_ERROR;
    }

    *tokens += soma_echo_pieces(plain);
    *hash = soma_str_hash(plain.data, plain.len);

    return SOMA_OK;
}


static uint64_t
soma_echo_numbers_hash(soma_str_t list)
{
    int64_t            token;
    uint64_t           hash;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  number;

    hash = 0;

    if (soma_json_first(&it, list) != SOMA_OK) {
        return hash;
    }

    while (soma_json_next(&it, &name, &number) == SOMA_OK) {

        if (soma_json_int(&number, &token) != SOMA_OK) {
            token = 0;
        }

        hash ^= (uint64_t) token;
        hash = soma_str_hash(&hash, sizeof(hash));
    }

    return hash;
}


static void
soma_echo_vector(soma_out_t *out, uint64_t hash, unsigned base64)
{
    int  i, v[SOMA_ECHO_DIMENSIONS];

    for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
        hash = soma_str_hash(&hash, sizeof(hash));
        v[i] = (int) (hash % (2 * SOMA_ECHO_SCALE + 1)) - SOMA_ECHO_SCALE;
    }

    if (base64) {
        soma_echo_base64(out, v);
        return;
    }

    for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
        soma_put_char(out, i == 0 ? '[' : ',');
        soma_echo_number(out, v[i]);
    }

    soma_put_char(out, ']');
}


/* n / 512 in full: nine decimals at most */

static void
soma_echo_number(soma_out_t *out, int n)
{
    int   i;
    long  rest;
    char  digits[9];

    if (n < 0) {
        soma_put_char(out, '-');
        n = -n;
    }

    soma_put_int(out, n / SOMA_ECHO_SCALE);
    soma_put_char(out, '.');

    rest = (long) (n % SOMA_ECHO_SCALE) * SOMA_ECHO_UNIT;

    for (i = 8; i >= 0; i--) {
        digits[i] = (char) ('0' + rest % 10);
        rest /= 10;
    }

    for (i = 9; i > 1 && digits[i - 1] == '0'; i--) { /* void */ }

    soma_put(out, digits, i);
}


/* little-endian floats, as OpenAI's clients ask for them */

static void
soma_echo_base64(soma_out_t *out, const int *v)
{
    float               f;
    size_t              i, len;
    uint32_t            bits;
    unsigned char       b[SOMA_ECHO_DIMENSIONS * 4 + 2];
    static const char   set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789+/";

    memset(b, 0, sizeof(b));
    len = SOMA_ECHO_DIMENSIONS * 4;

    for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
        f = (float) v[i] / SOMA_ECHO_SCALE;
        memcpy(&bits, &f, 4);

        b[i * 4] = bits & 0xff;
        b[i * 4 + 1] = bits >> 8 & 0xff;
        b[i * 4 + 2] = bits >> 16 & 0xff;
        b[i * 4 + 3] = bits >> 24;
    }

    for (i = 0; i < len; i += 3) {
        soma_put_char(out, set[b[i] >> 2]);
        soma_put_char(out, set[(b[i] & 3) << 4 | b[i + 1] >> 4]);
        soma_put_char(out, i + 1 < len
                           ? set[(b[i + 1] & 15) << 2 | b[i + 2] >> 6] : '=');
        soma_put_char(out, i + 2 < len ? set[b[i + 2] & 63] : '=');
    }
}
