
/*
 * Copyright (C) The ngx_soma authors
 *
 * What an answer tells beside its parts: usage, an error, logprobs, and where
 * its words come from.
 */


#include "soma_gemini.h"
#include "soma_gemini_events.h"
#include "soma_write.h"


static void soma_gemini_events_details(soma_str_t object, const char *name,
    int64_t *audio, int64_t *image);
static int soma_gemini_events_cite(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t support, soma_str_t chunks);
static int soma_gemini_events_chunk(soma_str_t chunks, int64_t n,
    soma_str_t *web);
static int soma_gemini_events_prob(soma_gemini_events_t *answer,
    soma_pieces_t *out, soma_str_t token);
static int soma_gemini_events_top(soma_gemini_events_t *answer,
    soma_pieces_t *out, soma_json_iter_t *tops);


/* the last of a stream holds, and all of it: a count that it has not is none.
 * Vertex has members without a count before */

int
soma_gemini_events_usage(soma_gemini_events_t *answer, soma_str_t object)
{
    int64_t            prompt, tool, candidates, thoughts, cached, total;
    soma_str_t         tier;
    soma_usage_t      *usage;
    soma_json_value_t  v;

    if (soma_json_get(object, "usageMetadata", &v) != SOMA_OK
        || v.type != SOMA_JSON_OBJECT)
    {
        return SOMA_OK;
    }

    prompt = candidates = total = -1;
    tool = thoughts = cached = 0;

    soma_events_count(v.text, "promptTokenCount", &prompt);
    soma_events_count(v.text, "toolUsePromptTokenCount", &tool);
    soma_events_count(v.text, "candidatesTokenCount", &candidates);
    soma_events_count(v.text, "thoughtsTokenCount", &thoughts);
    soma_events_count(v.text, "cachedContentTokenCount", &cached);
    soma_events_count(v.text, "totalTokenCount", &total);

    usage = &answer->events.usage;
    tier = soma_events_inside(v.text, "serviceTier");

    if (tier.len == 0) {
        tier = soma_events_inside(v.text, "trafficType");
    }

    if (tier.len != 0) {
        usage->tier = soma_str_is(tier, "flex")
                      || soma_str_is(tier, "ON_DEMAND_FLEX") ? SOMA_TIER_FLEX
                      : soma_str_is(tier, "priority")
                        || soma_str_is(tier, "ON_DEMAND_PRIORITY")
                      ? SOMA_TIER_PRIORITY
                      : soma_str_is(tier, "batch") ? SOMA_TIER_BATCH
                      : SOMA_TIER_DEFAULT;
    }

    if (prompt < 0 && candidates < 0 && total < 0) {
        return SOMA_OK;
    }

    usage->input_tokens = (prompt > 0 ? prompt : 0) + tool;
    usage->output_tokens = (candidates > 0 ? candidates : 0) + thoughts;
    usage->reasoning_tokens = thoughts;
    usage->cached_tokens = cached < usage->input_tokens
                           ? cached : usage->input_tokens;
    usage->audio_input_tokens = 0;
    usage->image_input_tokens = 0;
    usage->audio_output_tokens = 0;
    usage->image_output_tokens = 0;

    soma_gemini_events_details(v.text, "promptTokensDetails",
                               &usage->audio_input_tokens,
                               &usage->image_input_tokens);
    soma_gemini_events_details(v.text, "toolUsePromptTokensDetails",
                               &usage->audio_input_tokens,
                               &usage->image_input_tokens);
    soma_gemini_events_details(v.text, "candidatesTokensDetails",
                               &usage->audio_output_tokens,
                               &usage->image_output_tokens);

    /* before the first event it is told with that */

    if (!answer->events.started) {
        usage->known = 1;
    }

    return soma_events_usage(&answer->events);
}


static void
soma_gemini_events_details(soma_str_t object, const char *name,
    int64_t *audio, int64_t *image)
{
    int64_t            n;
    soma_str_t         none, modality;
    soma_json_iter_t   it;
    soma_json_value_t  list, detail;

    if (soma_json_get(object, name, &list) != SOMA_OK
        || soma_json_first(&it, list.text) != SOMA_OK || it.object)
    {
        return;
    }

    while (soma_json_next(&it, &none, &detail) == SOMA_OK) {

        n = 0;
        soma_events_count(detail.text, "tokenCount", &n);
        modality = soma_events_inside(detail.text, "modality");

        if (soma_str_is(modality, "AUDIO")) {
            *audio += n;

        } else if (soma_str_is(modality, "IMAGE")) {
            *image += n;
        }
    }
}


int
soma_gemini_events_error(soma_gemini_events_t *answer, soma_str_t object)
{
    size_t      i;
    int64_t     code;
    soma_str_t  status;

    static const struct {
        const char  *status;
        int          code;
    } statuses[] = {
        { "INVALID_ARGUMENT",    400 },
        { "FAILED_PRECONDITION", 400 },
        { "OUT_OF_RANGE",        400 },
        { "UNAUTHENTICATED",     401 },
        { "PERMISSION_DENIED",   403 },
        { "NOT_FOUND",           404 },
        { "ABORTED",             409 },
        { "RESOURCE_EXHAUSTED",  429 },
        { "UNAVAILABLE",         503 },
        { "DEADLINE_EXCEEDED",   504 }
    };

    status = soma_events_inside(object, "status");
    code = 0;
    soma_events_count(object, "code", &code);

    if (code < 400 || code > 599) {
        code = 500;

        for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
            if (soma_str_is(status, statuses[i].status)) {
                code = statuses[i].code;
            }
        }
    }

    return soma_events_failed(&answer->events, (int) code, status,
                              SOMA_STR(""),
                              soma_events_inside(object, "message"));
}


/*
 * groundingSupports say which words rest on which of groundingChunks; each
 * becomes a citation of an address, as OpenAI's API has it.  Its offsets are
 * of characters, Google's of bytes: they are the same where all is ASCII, and
 * else all that was said is what is cited.
 */

int
soma_gemini_events_cites(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t candidate)
{
    unsigned             n;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    grounds, chunks, supports, support;
    soma_events_open_t  *open;

    if (choice != 0
        || soma_json_get(candidate, "groundingMetadata", &grounds) != SOMA_OK
        || soma_json_get(grounds.text, "groundingChunks", &chunks) != SOMA_OK
        || soma_json_get(grounds.text, "groundingSupports", &supports)
           != SOMA_OK
        || soma_json_first(&it, supports.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    open = soma_events_find(&answer->events, choice, SOMA_INNER_TEXT,
                            SOMA_EVENTS_NO_KEY);

    /* each event of a stream may say again what was said before */

    for (n = 0; open && soma_json_next(&it, &name, &support) == SOMA_OK; n++)
    {
        if (n < answer->cited) {
            continue;
        }

        if (soma_gemini_events_cite(answer, open, support.text, chunks.text)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    answer->cited = (n > answer->cited) ? n : answer->cited;

    return SOMA_OK;
}


static int
soma_gemini_events_cite(soma_gemini_events_t *answer,
    soma_events_open_t *open, soma_str_t support, soma_str_t chunks)
{
    int64_t             start, end, index;
    soma_str_t          name, web, title;
    soma_pieces_t       out;
    soma_json_iter_t    it;
    soma_inner_event_t  event;
    soma_json_value_t   segment, indices, n;

    start = 0;
    end = answer->chars;

    if (answer->chars == answer->bytes
        && soma_json_get(support, "segment", &segment) == SOMA_OK)
    {
        soma_events_count(segment.text, "startIndex", &start);
        soma_events_count(segment.text, "endIndex", &end);
    }

    if (soma_json_get(support, "groundingChunkIndices", &indices) != SOMA_OK
        || soma_json_first(&it, indices.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    while (soma_json_next(&it, &name, &n) == SOMA_OK) {

        if (soma_json_int(&n, &index) != SOMA_OK
            || soma_gemini_events_chunk(chunks, index, &web) != SOMA_OK)
        {
            continue;
        }

        soma_pieces_init(&out, answer->events.arena);
        soma_pieces_cstr(&out, "{\"type\":\"url_citation\","
                               "\"url_citation\":{");
        soma_write_int(&out, "start_index", start);
        soma_write_int(&out, "end_index", end);
        soma_write_copy(&out, "url", soma_events_inside(web, "uri"));

        title = soma_events_inside(web, "title");
        soma_write_copy(&out, "title", title);
        soma_pieces_cstr(&out, "}}");

        memset(&event, 0, sizeof(event));

        event.event = SOMA_INNER_CITATION;
        event.choice = open->choice;
        event.block = open->block;
        event.kind = SOMA_INNER_TEXT;
        event.type = SOMA_STR("url_citation");
        event.maker = SOMA_STR("openai");

        if (soma_pieces_whole(&out, &event.raw) != SOMA_OK
            || soma_mend_body(answer->events.arena, &event.raw) != SOMA_OK
            || soma_events_emit(&answer->events, &event) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_gemini_events_chunk(soma_str_t chunks, int64_t n, soma_str_t *web)
{
    size_t             i;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  chunk, v;

    static const char *const  kinds[] = { "web", "maps", "retrievedContext" };

    if (soma_json_first(&it, chunks) != SOMA_OK) {
        return SOMA_DECLINED;
    }

    for ( /* void */ ; soma_json_next(&it, &name, &chunk) == SOMA_OK; n--) {

        if (n != 0) {
            continue;
        }

        for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

            if (soma_json_get(chunk.text, kinds[i], &v) == SOMA_OK
                && soma_events_inside(v.text, "uri").len != 0)
            {
                *web = v.text;
                return SOMA_OK;
            }
        }

        return SOMA_DECLINED;
    }

    return SOMA_DECLINED;
}


/* as OpenAI's chat has them */

int
soma_gemini_events_probs(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t candidate)
{
    soma_str_t          name;
    soma_pieces_t      *out;
    soma_json_iter_t    it, tops;
    soma_json_value_t   result, chosen, top, token;
    soma_inner_event_t  event;

    if (soma_json_get(candidate, "logprobsResult", &result) != SOMA_OK
        || soma_json_get(result.text, "chosenCandidates", &chosen) != SOMA_OK
        || soma_json_first(&it, chosen.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    if (soma_json_get(result.text, "topCandidates", &top) != SOMA_OK
        || soma_json_first(&tops, top.text) != SOMA_OK)
    {
        (void) soma_json_first(&tops, SOMA_STR("[]"));
    }

    out = soma_gemini_events_scratch(answer);
    soma_pieces_cstr(out, "{\"content\":[");

    while (soma_json_next(&it, &name, &token) == SOMA_OK) {

        if (out->tail != '[') {
            soma_pieces_char(out, ',');
        }

        soma_pieces_char(out, '{');

        if (soma_gemini_events_prob(answer, out, token.text) != SOMA_OK
            || soma_gemini_events_top(answer, out, &tops) != SOMA_OK)
        {
            return SOMA_ERROR;
        }

        soma_pieces_char(out, '}');
    }

    soma_pieces_cstr(out, "],\"refusal\":null}");

    memset(&event, 0, sizeof(event));

    event.event = SOMA_INNER_PROBS;
    event.choice = choice;

    if (soma_pieces_whole(out, &event.raw) != SOMA_OK
        || soma_mend_body(answer->events.arena, &event.raw) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    return soma_events_emit(&answer->events, &event);
}


static int
soma_gemini_events_prob(soma_gemini_events_t *answer, soma_pieces_t *out,
    soma_str_t token)
{
    size_t             i;
    soma_str_t         text, plain;
    soma_json_value_t  prob;

    text = soma_events_inside(token, "token");
    soma_write_copy(out, "token", text);

    soma_write_name(out, "logprob");

    if (soma_json_get(token, "logProbability", &prob) == SOMA_OK
        && prob.type == SOMA_JSON_NUMBER)
    {
        soma_pieces_put(out, prob.text.data, prob.text.len);

    } else {
        soma_pieces_char(out, '0');
    }

    if (soma_inner_plain(answer->events.arena, text, &plain) != SOMA_OK) {
        return SOMA_ERROR;
    }

    soma_write_name(out, "bytes");
    soma_pieces_char(out, '[');

    for (i = 0; i < plain.len; i++) {

        if (i != 0) {
            soma_pieces_char(out, ',');
        }

        soma_pieces_int(out, plain.data[i]);
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}


/* of the same token: what else it might have been */

static int
soma_gemini_events_top(soma_gemini_events_t *answer, soma_pieces_t *out,
    soma_json_iter_t *tops)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  top, list, token;

    soma_write_name(out, "top_logprobs");
    soma_pieces_char(out, '[');

    if (soma_json_next(tops, &name, &top) == SOMA_OK
        && soma_json_get(top.text, "candidates", &list) == SOMA_OK
        && soma_json_first(&it, list.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &token) == SOMA_OK) {

            if (out->tail != '[') {
                soma_pieces_char(out, ',');
            }

            soma_pieces_char(out, '{');

            if (soma_gemini_events_prob(answer, out, token.text) != SOMA_OK) {
                return SOMA_ERROR;
            }

            soma_pieces_char(out, '}');
        }
    }

    soma_pieces_char(out, ']');

    return SOMA_OK;
}
