
/*
 * Copyright (C) The ngx_soma authors
 *
 * "options" of a request: how an answer is drawn and bounded.
 */


#include "soma_ollama_request.h"
#include "soma_write.h"


static void soma_ollama_write_one(soma_pieces_t *out, unsigned *n,
    const char *name, soma_str_t raw);
static void soma_ollama_write_open(soma_pieces_t *out, unsigned *n);
static void soma_ollama_write_other(soma_pieces_t *out, unsigned *n,
    const soma_inner_value_t *other);
static int soma_ollama_write_sampling(soma_pieces_t *out, unsigned *n,
    const soma_inner_request_t *request, soma_inner_loss_t *loss);
static void soma_ollama_write_stops(soma_pieces_t *out, unsigned *n,
    const soma_inner_request_t *request);


/* what clients of compatible servers say beside the members that all have */
static const char *const  soma_ollama_write_known[] = {
    "repeat_penalty", "repeat_last_n", "num_ctx", "num_keep", "typical_p",
    "tfs_z", "mirostat", "mirostat_tau", "mirostat_eta", "penalize_newline",
    NULL
};


int
soma_ollama_write_options(soma_pieces_t *out,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    size_t    k;
    unsigned  i, n;

    static const struct {
        soma_inner_member_e   member;
        const char           *name;
    } members[] = {
        { SOMA_INNER_MAX_TOKENS,        "num_predict" },
        { SOMA_INNER_MIN_P,             "min_p" },
        { SOMA_INNER_SEED,              "seed" },
        { SOMA_INNER_FREQUENCY_PENALTY, "frequency_penalty" },
        { SOMA_INNER_PRESENCE_PENALTY,  "presence_penalty" }
    };

    n = 0;

    for (k = 0; k < sizeof(members) / sizeof(members[0]); k++) {
        soma_ollama_write_one(out, &n, members[k].name,
                              request->member[members[k].member].raw);
    }

    if (soma_ollama_write_sampling(out, &n, request, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    soma_ollama_write_stops(out, &n, request);

    for (i = 0; i < request->nothers; i++) {
        soma_ollama_write_other(out, &n, &request->other[i]);
    }

    if (n != 0) {
        soma_pieces_char(out, '}');
    }

    return SOMA_OK;
}


unsigned
soma_ollama_write_options_has(soma_str_t name)
{
    size_t  i;

    if (name.len > SOMA_OLLAMA_OPTIONS_LEN
        && memcmp(name.data, SOMA_OLLAMA_OPTIONS, SOMA_OLLAMA_OPTIONS_LEN)
           == 0)
    {
        return 1;
    }

    for (i = 0; soma_ollama_write_known[i] != NULL; i++) {
        if (soma_str_is(name, soma_ollama_write_known[i])) {
            return 1;
        }
    }

    return 0;
}


static void
soma_ollama_write_one(soma_pieces_t *out, unsigned *n, const char *name,
    soma_str_t raw)
{
    if (raw.data != NULL) {
        soma_ollama_write_open(out, n);
        soma_write_raw(out, name, raw);
    }
}


static void
soma_ollama_write_open(soma_pieces_t *out, unsigned *n)
{
    if ((*n)++ == 0) {
        soma_write_name(out, "options");
        soma_pieces_char(out, '{');
    }
}


/* a name of a client's is as it stood between its quotes */

static void
soma_ollama_write_other(soma_pieces_t *out, unsigned *n,
    const soma_inner_value_t *other)
{
    soma_str_t  name;

    name = other->name;

    if (!soma_ollama_write_options_has(name)) {
        return;
    }

    if (name.len > SOMA_OLLAMA_OPTIONS_LEN
        && memcmp(name.data, SOMA_OLLAMA_OPTIONS, SOMA_OLLAMA_OPTIONS_LEN)
           == 0)
    {
        name.data += SOMA_OLLAMA_OPTIONS_LEN;
        name.len -= SOMA_OLLAMA_OPTIONS_LEN;
    }

    soma_ollama_write_open(out, n);

    if (out->tail != '{') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_text(out, name);
    soma_pieces_char(out, ':');
    soma_pieces_str(out, other->raw);
}


static int
soma_ollama_write_sampling(soma_pieces_t *out, unsigned *n,
    const soma_inner_request_t *request, soma_inner_loss_t *loss)
{
    size_t                     i;
    unsigned                   some;
    const char                *why;
    const soma_inner_value_t  *value;

    static const struct {
        soma_inner_member_e   member;
        const char           *name;
    } members[] = {
        { SOMA_INNER_TEMPERATURE, "temperature" },
        { SOMA_INNER_TOP_P,       "top_p" },
        { SOMA_INNER_TOP_K,       "top_k" }
    };

    some = 0;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        value = &request->member[members[i].member];

        if (value->raw.data == NULL) {
            continue;
        }

        why = (loss->facts & SOMA_FACT_NO_SAMPLING)
              ? "is not known to that model"
              : (loss->facts & SOMA_FACT_ONE_SAMPLING) && some
                && members[i].member == SOMA_INNER_TOP_P
              ? "cannot stand beside a temperature with that model" : NULL;

        if (why == NULL) {
            some |= (members[i].member == SOMA_INNER_TEMPERATURE);
            soma_ollama_write_one(out, n, members[i].name, value->raw);
            continue;
        }

        if (!soma_write_default(members[i].member, value->raw)
            && soma_inner_lose(loss, value->name, why) != SOMA_OK)
        {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


static void
soma_ollama_write_stops(soma_pieces_t *out, unsigned *n,
    const soma_inner_request_t *request)
{
    unsigned  i;

    if (request->nstops == 0) {
        return;
    }

    soma_ollama_write_open(out, n);
    soma_write_name(out, "stop");

    for (i = 0; i < request->nstops; i++) {
        soma_pieces_char(out, i == 0 ? '[' : ',');
        soma_pieces_text(out, request->stops[i]);
    }

    soma_pieces_char(out, ']');
}
