
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_write.h"


static int soma_write_task(const soma_inner_request_t *request,
    const char *why, soma_inner_loss_t *loss);
static int soma_write_others(const soma_inner_request_t *request,
    const char *why, soma_inner_loss_t *loss);


/* members that change nothing but speed, price or what is logged, what a
 * provider that has them may leave unread of a long history or input, and what
 * its vectors are to be good for: whoever's they are */
static const soma_str_t  soma_write_hints[] = {
    soma_string("prompt_cache_retention"),
    soma_string("prompt_cache_options"),
    soma_string("context_management"),
    soma_string("client_metadata"),
    soma_string("keep_alive"),
    soma_string("input_type"),
    soma_string("taskType"),
    soma_string("task_type"),
    soma_string("truncate"),
    soma_string("inference_geo"),
    soma_string("speed"),
    soma_string("include_obfuscation"),
    soma_string("options.num_batch"),
    soma_string("options.num_gpu"),
    soma_string("options.main_gpu"),
    soma_string("options.num_thread"),
    soma_string("options.use_mmap"),
    soma_string("options.use_mlock"),
    soma_string("options.low_vram"),
    soma_string("options.numa"),
    soma_string("performanceConfig"),
    soma_string("additionalModelResponseFieldPaths"),
    soma_string("additionalModelRequestFields.anthropic_beta")
};


const soma_write_member_t  soma_write_inputs[SOMA_INNER_MEMBERS] = {
    { SOMA_WRITE_HINT,    NULL },                   /* max_tokens */
    { SOMA_WRITE_HINT,    NULL },                   /* temperature */
    { SOMA_WRITE_HINT,    NULL },                   /* top_p */
    { SOMA_WRITE_HINT,    NULL },                   /* top_k */
    { SOMA_WRITE_HINT,    NULL },                   /* frequency_penalty */
    { SOMA_WRITE_HINT,    NULL },                   /* presence_penalty */
    { SOMA_WRITE_HINT,    NULL },                   /* seed */
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_REFUSED, NULL },                   /* logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* top_logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_HINT,    NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_OWN,     NULL },                   /* truncation */
    { SOMA_WRITE_HINT,    NULL },                   /* user */
    { SOMA_WRITE_HINT,    NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


void
soma_write_name(soma_pieces_t *out, const char *name)
{
    if (out->tail != '{') {
        soma_pieces_char(out, ',');
    }

    soma_pieces_char(out, '"');
    soma_pieces_cstr(out, name);
    soma_pieces_put(out, "\":", 2);
}


void
soma_write_text(soma_pieces_t *out, const char *name, soma_str_t text)
{
    if (text.data != NULL) {
        soma_write_name(out, name);
        soma_pieces_text(out, text);
    }
}


void
soma_write_copy(soma_pieces_t *out, const char *name, soma_str_t text)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_put(out, text.data, text.len);
    soma_pieces_char(out, '"');
}


void
soma_write_quoted(soma_pieces_t *out, const char *name, soma_str_t s)
{
    if (s.data != NULL) {
        soma_write_name(out, name);
        soma_pieces_quote(out, s);
    }
}


void
soma_write_word(soma_pieces_t *out, const char *name, const char *word)
{
    soma_write_name(out, name);
    soma_pieces_char(out, '"');
    soma_pieces_cstr(out, word);
    soma_pieces_char(out, '"');
}


void
soma_write_raw(soma_pieces_t *out, const char *name, soma_str_t raw)
{
    if (raw.data != NULL) {
        soma_write_name(out, name);
        soma_pieces_str(out, raw);
    }
}


void
soma_write_int(soma_pieces_t *out, const char *name, int64_t n)
{
    soma_write_name(out, name);
    soma_pieces_int(out, n);
}


void
soma_write_escaped(soma_pieces_t *out, const char *name, soma_str_t raw)
{
    soma_write_name(out, name);
    soma_pieces_quote(out, raw);
}


int
soma_write_members(soma_pieces_t *out, const soma_inner_request_t *request,
    const soma_write_member_t *table, const char *why,
    soma_inner_loss_t *loss)
{
    unsigned                   i;
    const soma_inner_value_t  *value;

    if (soma_write_task(request, why, loss) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for (i = 0; i < SOMA_INNER_MEMBERS; i++) {
        value = &request->member[i];

        if (value->raw.data == NULL) {
            continue;
        }

        switch (table[i].how) {

        case SOMA_WRITE_MEMBER:
            soma_write_raw(out, table[i].name, value->raw);
            break;

        case SOMA_WRITE_OWN:
            break;

        case SOMA_WRITE_HINT:
            if (!soma_write_default(i, value->raw)) {
                soma_inner_drop(loss, value->name);
            }

            break;

        default:
            if (!soma_write_default(i, value->raw)
                && soma_inner_lose(loss, value->name, why) != SOMA_OK)
            {
                return SOMA_DECLINED;
            }
        }
    }

    return soma_write_others(request, why, loss);
}


/* one prompt is what a user says; several are no conversation, and nothing
 * that may be left out makes them one */

static int
soma_write_task(const soma_inner_request_t *request, const char *why,
    soma_inner_loss_t *loss)
{
    if (request->task == SOMA_INNER_CONVERSATION
        || (request->task == SOMA_INNER_PROMPTS && request->nturns <= 1))
    {
        return SOMA_OK;
    }

    loss->refused = (request->task == SOMA_INNER_PROMPTS)
                    ? SOMA_STR("prompt") : SOMA_STR("input");
    loss->why = why;

    return SOMA_DECLINED;
}


static int
soma_write_others(const soma_inner_request_t *request, const char *why,
    soma_inner_loss_t *loss)
{
    unsigned  i;

    for (i = 0; i < request->nothers; i++) {

        if (soma_write_hint(request->other[i].name)) {
            soma_inner_drop(loss, request->other[i].name);
            continue;
        }

        if (soma_inner_lose(loss, request->other[i].name, why) != SOMA_OK) {
            return SOMA_DECLINED;
        }
    }

    return SOMA_OK;
}


int
soma_write_hint(soma_str_t name)
{
    size_t  i;

    for (i = 0; i < sizeof(soma_write_hints) / sizeof(soma_str_t); i++) {
        if (soma_str_eq(name, soma_write_hints[i])) {
            return 1;
        }
    }

    return 0;
}


int
soma_write_dimensions(soma_str_t name)
{
    return soma_str_is(name, "dimensions")
           || soma_str_is(name, "output_dimension")
           || soma_str_is(name, "outputDimensionality")
           || soma_str_is(name, "output_dimensionality");
}


int
soma_write_texts(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, unsigned tokens, const char *why,
    soma_inner_loss_t *loss)
{
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block;

    soma_write_name(out, name);
    soma_pieces_char(out, '[');

    for (turn = request->turns; turn; turn = turn->next) {
        block = turn->blocks;

        if (turn != request->turns) {
            soma_pieces_char(out, ',');
        }

        if (block != NULL && block->next == NULL
            && block->kind == SOMA_INNER_TEXT)
        {
            soma_pieces_text(out, block->text);

        } else if (tokens && block != NULL && block->next == NULL
                   && block->kind == SOMA_INNER_OPAQUE
                   && soma_str_is(block->type, "tokens"))
        {
            soma_pieces_str(out, block->raw);

        } else {
            loss->refused = SOMA_STR("input");
            loss->why = why;
            return SOMA_DECLINED;
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


void
soma_write_sized(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, soma_inner_request_t *rest)
{
    unsigned  i;

    *rest = *request;
    rest->task = SOMA_INNER_CONVERSATION;
    rest->nothers = 0;

    for (i = 0; i < request->nothers; i++) {

        if (soma_write_dimensions(request->other[i].name)) {
            soma_write_raw(out, name, request->other[i].raw);

        } else {
            rest->other[rest->nothers++] = request->other[i];
        }
    }
}


int
soma_write_default(soma_inner_member_e member, soma_str_t raw)
{
    size_t  i;

    static const struct {
        soma_inner_member_e   member;
        const char           *raw;
    } defaults[] = {
        { SOMA_INNER_TEMPERATURE,       "1" },
        { SOMA_INNER_TEMPERATURE,       "1.0" },
        { SOMA_INNER_TOP_P,             "1" },
        { SOMA_INNER_TOP_P,             "1.0" },
        { SOMA_INNER_FREQUENCY_PENALTY, "0" },
        { SOMA_INNER_FREQUENCY_PENALTY, "0.0" },
        { SOMA_INNER_PRESENCE_PENALTY,  "0" },
        { SOMA_INNER_PRESENCE_PENALTY,  "0.0" },
        { SOMA_INNER_N,                 "1" },
        { SOMA_INNER_LOGPROBS,          "false" },
        { SOMA_INNER_TOP_LOGPROBS,      "0" },
        { SOMA_INNER_LOGIT_BIAS,        "{}" },
        { SOMA_INNER_STORE,             "false" },
        { SOMA_INNER_TRUNCATION,        "\"disabled\"" },
        { SOMA_INNER_TIER,              "\"auto\"" },
        { SOMA_INNER_TIER,              "\"default\"" },
        { SOMA_INNER_VERBOSITY,         "\"medium\"" }
    };

    for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
        if (defaults[i].member == member && soma_str_is(raw, defaults[i].raw))
        {
            return 1;
        }
    }

    return 0;
}


unsigned
soma_write_named(const soma_inner_request_t *request,
    const soma_inner_toolset_t *tool)
{
    unsigned  i;

    for (i = 0; i < request->nnames; i++) {
        if (soma_str_eq(request->names[i], tool->name)) {
            return 1;
        }
    }

    return 0;
}


void
soma_write_stops(soma_pieces_t *out, const char *name,
    const soma_inner_request_t *request, unsigned max,
    soma_inner_loss_t *loss)
{
    unsigned  i;

    if (request->nstops == 0) {
        return;
    }

    loss->stops = (request->nstops > max);

    soma_write_name(out, name);

    for (i = 0; i < request->nstops && i < max; i++) {
        soma_pieces_char(out, i == 0 ? '[' : ',');
        soma_pieces_text(out, request->stops[i]);
    }

    soma_pieces_char(out, ']');
}


soma_str_t
soma_write_trim(soma_str_t text)
{
    size_t  n;

    while (text.len != 0) {

        if (text.data[text.len - 1] == ' ') {
            text.len--;
            continue;
        }

        if (strchr("nrt", text.data[text.len - 1]) == NULL) {
            break;
        }

        /* an odd number of backslashes before it: the last one escapes */

        for (n = 0; n < text.len - 1 && text.data[text.len - 2 - n] == '\\';
             n++)
        {
            /* void */
        }

        if (n % 2 == 0) {
            break;
        }

        text.len -= 2;
    }

    return text;
}
