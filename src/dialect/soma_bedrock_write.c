
/*
 * Copyright (C) The ngx_soma authors
 *
 * Writes a request of Converse out of the inner form.
 */


#include "soma_anthropic.h"
#include "soma_bedrock_write.h"
#include "soma_write.h"


#define SOMA_BEDROCK_SCALE    9     /* digits of a temperature */
#define SOMA_BEDROCK_ONE      1000000000
#define SOMA_BEDROCK_LABELS   16    /* that AWS takes */
#define SOMA_BEDROCK_LABEL    256   /* bytes of one */


static void soma_bedrock_write_about(soma_bedrock_write_t *w);
static int soma_bedrock_write_config(soma_bedrock_write_t *w);
static int soma_bedrock_write_temperature(soma_bedrock_write_t *w);
static int soma_bedrock_write_top_p(soma_bedrock_write_t *w);
static int soma_bedrock_write_stops(soma_bedrock_write_t *w);
static int soma_bedrock_write_labels(soma_bedrock_write_t *w);
static unsigned soma_bedrock_write_label(soma_str_t value);
static void soma_bedrock_write_tier(soma_bedrock_write_t *w);


/* in the order of soma_inner_member_e */
static const soma_write_member_t  soma_bedrock_write_members[] = {
    { SOMA_WRITE_OWN,     NULL },                   /* max_tokens */
    { SOMA_WRITE_OWN,     NULL },                   /* temperature */
    { SOMA_WRITE_OWN,     NULL },                   /* top_p */
    { SOMA_WRITE_OWN,     NULL },                   /* top_k */
    { SOMA_WRITE_REFUSED, NULL },                   /* frequency_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* presence_penalty */
    { SOMA_WRITE_REFUSED, NULL },                   /* seed */
    { SOMA_WRITE_REFUSED, NULL },                   /* n */
    { SOMA_WRITE_REFUSED, NULL },                   /* logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* top_logprobs */
    { SOMA_WRITE_REFUSED, NULL },                   /* logit_bias */
    { SOMA_WRITE_REFUSED, NULL },                   /* min_p */
    { SOMA_WRITE_HINT,    NULL },                   /* prediction */
    { SOMA_WRITE_HINT,    NULL },                   /* verbosity */
    { SOMA_WRITE_REFUSED, NULL },                   /* truncation */
    { SOMA_WRITE_OWN,     NULL },                   /* user: metadata */
    { SOMA_WRITE_OWN,     NULL },                   /* tier */
    { SOMA_WRITE_HINT,    NULL },                   /* store */
    { SOMA_WRITE_HINT,    NULL }                    /* cache key */
};


int
soma_bedrock_write(soma_pieces_t *out, const soma_inner_request_t *request,
    int64_t bound, soma_inner_loss_t *loss)
{
    soma_bedrock_write_t  w;

    memset(&w, 0, sizeof(soma_bedrock_write_t));

    w.out = out;
    w.request = request;
    w.loss = loss;
    w.bound = bound;
    w.family = soma_bedrock_write_family(request->model);

    soma_bedrock_write_about(&w);

    soma_pieces_char(out, '{');

    if (soma_bedrock_write_turns(&w) != SOMA_OK
        || soma_bedrock_write_fields(&w) != SOMA_OK
        || soma_bedrock_write_config(&w) != SOMA_OK
        || soma_bedrock_write_tools(&w) != SOMA_OK
        || soma_bedrock_write_labels(&w) != SOMA_OK
        || soma_write_members(out, request, soma_bedrock_write_members,
                              SOMA_BEDROCK_WHY, loss)
           != SOMA_OK)
    {
        return w.failed ? SOMA_ERROR : SOMA_DECLINED;
    }

    soma_bedrock_write_tier(&w);
    soma_pieces_char(out, '}');

    return (w.failed || out->failed) ? SOMA_ERROR : SOMA_OK;
}


/* what the members depend on */

static void
soma_bedrock_write_about(soma_bedrock_write_t *w)
{
    soma_json_value_t          value;
    const soma_inner_turn_t   *turn;
    const soma_inner_block_t  *block;

    value.text = w->request->member[SOMA_INNER_MAX_TOKENS].raw;
    value.type = SOMA_JSON_NUMBER;

    if (value.text.data != NULL
        && soma_json_int(&value, &w->bound) != SOMA_OK)
    {
        w->bound = 0;
    }

    for (turn = w->request->turns; turn; turn = turn->next) {
        for (block = turn->blocks; block; block = block->next) {
            w->called |= (block->kind == SOMA_INNER_CALL
                          || block->kind == SOMA_INNER_RESULT);
        }
    }

    if (w->family == SOMA_BEDROCK_CLAUDE
        && soma_anthropic_version(w->request->model)
           >= SOMA_ANTHROPIC_ADAPTIVE)
    {
        w->loss->adaptive = 1;
    }
}


soma_bedrock_family_e
soma_bedrock_write_family(soma_str_t model)
{
    size_t  i, k, len;

    static const struct {
        const char             *word;
        soma_bedrock_family_e   family;
    } words[] = {
        { "anthropic.", SOMA_BEDROCK_CLAUDE },
        { "claude",     SOMA_BEDROCK_CLAUDE },
        { "nova-",      SOMA_BEDROCK_NOVA },
        { "openai.",    SOMA_BEDROCK_GPT },
        { "gpt-oss",    SOMA_BEDROCK_GPT }
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        len = strlen(words[i].word);

        for (k = 0; k + len <= model.len; k++) {
            if (memcmp(model.data + k, words[i].word, len) == 0) {
                return words[i].family;
            }
        }
    }

    return SOMA_BEDROCK_OTHER;
}


int
soma_bedrock_write_lose(soma_bedrock_write_t *w, soma_str_t name)
{
    return soma_inner_lose(w->loss, name, SOMA_BEDROCK_WHY);
}


static int
soma_bedrock_write_config(soma_bedrock_write_t *w)
{
    soma_str_t      said, config;
    soma_pieces_t  *out, own;

    out = w->out;

    soma_pieces_init(&own, out->arena);
    soma_pieces_char(&own, '{');

    w->out = &own;

    said = w->request->member[SOMA_INNER_MAX_TOKENS].raw;

    if (said.data != NULL) {
        soma_write_raw(w->out, "maxTokens", said);

    } else if (w->bound > 0) {
        soma_write_int(w->out, "maxTokens", w->bound);
    }

    if (soma_bedrock_write_temperature(w) != SOMA_OK
        || soma_bedrock_write_top_p(w) != SOMA_OK
        || soma_bedrock_write_stops(w) != SOMA_OK)
    {
        return SOMA_DECLINED;
    }

    w->out = out;

    soma_pieces_char(&own, '}');

    if (soma_pieces_whole(&own, &config) != SOMA_OK) {
        w->failed = 1;
        return SOMA_DECLINED;
    }

    if (config.len > 2) {
        soma_write_raw(out, "inferenceConfig", config);
    }

    return SOMA_OK;
}


/* newer models of Anthropic's refuse even what is so anyway; to others 1 is
 * no default */

static int
soma_bedrock_write_temperature(soma_bedrock_write_t *w)
{
    int64_t                    n;
    const char                *why;
    const soma_inner_value_t  *heat;

    heat = &w->request->member[SOMA_INNER_TEMPERATURE];

    if (heat->raw.data == NULL) {
        return SOMA_OK;
    }

    if ((w->family == SOMA_BEDROCK_CLAUDE
         || w->loss->facts & SOMA_FACT_NO_SAMPLING)
        && soma_write_default(SOMA_INNER_TEMPERATURE, heat->raw))
    {
        return SOMA_OK;
    }

    why = (w->loss->facts & SOMA_FACT_NO_SAMPLING)
          ? "is not taken by the model"
          : (w->thinking && w->family == SOMA_BEDROCK_CLAUDE)
          ? "cannot stand beside reasoning in a request of a model of "
            "Anthropic's" : NULL;

    if (why != NULL) {
        return soma_inner_lose(w->loss, heat->name, why);
    }

    if (soma_number_decimal(heat->raw, SOMA_BEDROCK_SCALE, &n) == SOMA_OK
        && n > SOMA_BEDROCK_ONE)
    {
        if (soma_inner_lose(w->loss, heat->name, "is at most 1 in a request "
                            "of Bedrock's Converse")
            != SOMA_OK)
        {
            return SOMA_DECLINED;
        }

        soma_write_int(w->out, "temperature", 1);
        return SOMA_OK;
    }

    soma_write_raw(w->out, "temperature", heat->raw);

    return SOMA_OK;
}


static int
soma_bedrock_write_top_p(soma_bedrock_write_t *w)
{
    const soma_inner_value_t  *top_p;

    top_p = &w->request->member[SOMA_INNER_TOP_P];

    if (top_p->raw.data == NULL
        || ((w->family == SOMA_BEDROCK_CLAUDE
             || w->loss->facts & SOMA_FACT_NO_SAMPLING)
            && soma_write_default(SOMA_INNER_TOP_P, top_p->raw)))
    {
        return SOMA_OK;
    }

    if (w->loss->facts & SOMA_FACT_NO_SAMPLING) {
        return soma_inner_lose(w->loss, top_p->name,
                               "is not taken by the model");
    }

    if (w->loss->facts & SOMA_FACT_ONE_SAMPLING
        && w->request->member[SOMA_INNER_TEMPERATURE].raw.data != NULL)
    {
        return soma_inner_lose(w->loss, top_p->name, "cannot stand beside a "
                               "temperature in a request of the model");
    }

    soma_write_raw(w->out, "topP", top_p->raw);

    return SOMA_OK;
}


static int
soma_bedrock_write_stops(soma_bedrock_write_t *w)
{
    unsigned                     i, n;
    const soma_inner_request_t  *request;

    request = w->request;
    n = 0;

    for (i = 0; i < request->nstops; i++) {

        if (request->stops[i].len == 0
            || (w->family == SOMA_BEDROCK_CLAUDE
                && soma_inner_blank(request->stops[i])))
        {
            if (soma_inner_lose(w->loss, request->stop_member, "may not be "
                                "blank in a request of Bedrock's Converse")
                != SOMA_OK)
            {
                return SOMA_DECLINED;
            }

            continue;
        }

        if (n++ == 0) {
            soma_write_name(w->out, "stopSequences");
            soma_pieces_char(w->out, '[');

        } else {
            soma_pieces_char(w->out, ',');
        }

        soma_pieces_text(w->out, request->stops[i]);
    }

    if (n != 0) {
        soma_pieces_char(w->out, ']');
    }

    return SOMA_OK;
}


/* who asks is one of them, where its letters are such that AWS takes */

static int
soma_bedrock_write_labels(soma_bedrock_write_t *w)
{
    soma_str_t                   id;
    unsigned                     i, n;
    const soma_inner_value_t    *user;
    const soma_inner_request_t  *request;

    request = w->request;
    user = &request->member[SOMA_INNER_USER_ID];
    n = request->nlabels;

    id = user->raw;

    if (id.data != NULL) {

        if (id.len >= 2 && id.data[0] == '"') {
            id.data++;
            id.len -= 2;

        } else {
            id.len = 0;
        }

        if (id.len == 0 || n >= SOMA_BEDROCK_LABELS
            || !soma_bedrock_write_label(id))
        {
            soma_inner_drop(w->loss, user->name);
            id.data = NULL;
        }
    }

    if (n == 0 && id.data == NULL) {
        return SOMA_OK;
    }

    soma_write_name(w->out, "requestMetadata");
    soma_pieces_char(w->out, '{');

    for (i = 0; i < n; i++) {

        soma_pieces_cstr(w->out, i == 0 ? "" : ",");
        soma_pieces_text(w->out, request->labels[i].name);
        soma_pieces_char(w->out, ':');
        soma_pieces_text(w->out, request->labels[i].value);
    }

    if (id.data != NULL) {
        soma_write_text(w->out, "user_id", id);
    }

    soma_pieces_char(w->out, '}');

    return SOMA_OK;
}


static unsigned
soma_bedrock_write_label(soma_str_t value)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < value.len; i++) {
        c = value.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || (c != '\0' && strchr(" :_@$#=/+,-.", c) != NULL)))
        {
            return 0;
        }
    }

    return value.len <= SOMA_BEDROCK_LABEL;
}


static void
soma_bedrock_write_tier(soma_bedrock_write_t *w)
{
    size_t                     i;
    const soma_inner_value_t  *tier;

    static const char *const  plain[] = {
        "\"auto\"", "\"default\"", "\"standard\"", "\"standard_only\""
    };
    static const char *const  known[] = {
        "\"priority\"", "\"flex\"", "\"reserved\""
    };

    tier = &w->request->member[SOMA_INNER_TIER];

    if (tier->raw.data == NULL) {
        return;
    }

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (soma_str_is(tier->raw, plain[i])) {
            return;
        }
    }

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (soma_str_is(tier->raw, known[i])) {
            soma_write_name(w->out, "serviceTier");
            soma_pieces_char(w->out, '{');
            soma_write_raw(w->out, "type", tier->raw);
            soma_pieces_char(w->out, '}');
            return;
        }
    }

    soma_inner_drop(w->loss, tier->name);
}
