
/*
 * Copyright (C) The ngx_soma authors
 *
 * Vectors that depend on the text alone, of numbers that a float holds
 * exactly, so that both encodings say the same.
 */


#include "soma_echo_run.h"


#define SOMA_ECHO_SCALE   512           /* numbers are n / 512, |n| <= 512 */
#define SOMA_ECHO_UNIT    1953125       /* 10^9 / 512 */
#define SOMA_ECHO_VECTOR  320           /* of a vector in its frame */
#define SOMA_ECHO_LIST    512           /* of the list around them */


static int64_t soma_echo_input(soma_echo_run_t *run, int64_t index,
    yyjson_val *input, unsigned base64);
static void soma_echo_vector(soma_echo_run_t *run, int64_t index,
    uint64_t hash, unsigned base64);
static void soma_echo_number(soma_out_t *out, int n);
static void soma_echo_base64(soma_out_t *out, const int *v);


int
soma_echo_embed(soma_echo_run_t *run, yyjson_val *root,
    const char **error)
{
    size_t            i, n;
    int64_t           tokens;
    unsigned          base64, list;
    yyjson_val       *input, *first, *item;

    input = yyjson_obj_get(root, "input");
    first = yyjson_arr_get_first(input);
    base64 = yyjson_equals_str(yyjson_obj_get(root, "encoding_format"),
                               "base64");

    /* a list of numbers is one text in tokens */

    list = yyjson_is_arr(input) && !yyjson_is_num(first);
    n = list ? yyjson_arr_size(input) : 1;

    if (n == 0 || n > SOMA_ECHO_INPUTS_MAX) {
        *error = "\"input\" must have from 1 to 2048 texts";
        return SOMA_ERROR;
    }

    if (soma_echo_room(run, n * SOMA_ECHO_VECTOR + run->model.len
                            + SOMA_ECHO_LIST)
        != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_put_cstr(&run->out, "{\"object\":\"list\",\"data\":[");

    item = list ? first : input;

    for (i = 0; i < n; i++) {

        tokens = soma_echo_input(run, i, item, base64);

        if (tokens < 0) {
            *error = "\"input\" must be a string, a list of strings or "
                     "lists of tokens";
            return SOMA_ERROR;
        }

        run->prompt_tokens += tokens;

        if (list) {
            item = unsafe_yyjson_get_next(item);
        }
    }

    soma_put_cstr(&run->out, "],\"model\":");
    soma_put_str(&run->out, run->model);
    soma_put_cstr(&run->out, ",\"usage\":{\"prompt_tokens\":");
    soma_put_int(&run->out, run->prompt_tokens);
    soma_put_cstr(&run->out, ",\"total_tokens\":");
    soma_put_int(&run->out, run->prompt_tokens);
    soma_put_cstr(&run->out, "}}");

    return SOMA_OK;
}


/* one vector; the tokens of its text, or -1 when it is none */

static int64_t
soma_echo_input(soma_echo_run_t *run, int64_t index, yyjson_val *input,
    unsigned base64)
{
    int64_t           tokens;
    uint64_t          hash;
    soma_str_t        text;
    yyjson_val       *token;
    yyjson_arr_iter   it;

    if (yyjson_is_str(input)) {
        text.data = (unsigned char *) yyjson_get_str(input);
        text.len = yyjson_get_len(input);

        soma_echo_vector(run, index, soma_str_hash(text.data, text.len),
                         base64);

        return soma_echo_pieces(text);
    }

    if (!yyjson_is_arr(input)) {
        return -1;
    }

    hash = 0;
    tokens = 0;
    yyjson_arr_iter_init(input, &it);

    while ((token = yyjson_arr_iter_next(&it)) != NULL) {

        if (!yyjson_is_int(token)) {
            return -1;
        }

        hash ^= yyjson_get_uint(token);
        hash = soma_str_hash(&hash, sizeof(hash));
        tokens++;
    }

    soma_echo_vector(run, index, hash, base64);

    return tokens;
}


static void
soma_echo_vector(soma_echo_run_t *run, int64_t index, uint64_t hash,
    unsigned base64)
{
    int          i, v[SOMA_ECHO_DIMENSIONS];
    soma_out_t  *out;

    out = &run->out;

    for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
        hash = soma_str_hash(&hash, sizeof(hash));
        v[i] = (int) (hash % (2 * SOMA_ECHO_SCALE + 1)) - SOMA_ECHO_SCALE;
    }

    soma_put_cstr(out, index == 0 ? "" : ",");
    soma_put_cstr(out, "{\"object\":\"embedding\",\"index\":");
    soma_put_int(out, index);
    soma_put_cstr(out, ",\"embedding\":");

    if (base64) {
        soma_put_char(out, '"');
        soma_echo_base64(out, v);
        soma_put_char(out, '"');

    } else {
        for (i = 0; i < SOMA_ECHO_DIMENSIONS; i++) {
            soma_put_char(out, i == 0 ? '[' : ',');
            soma_echo_number(out, v[i]);
        }

        soma_put_char(out, ']');
    }

    soma_put_char(out, '}');
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
