
/*
 * Copyright (C) The ngx_soma authors
 *
 * An answer of Google's API as inner events.  Why a candidate ended is kept
 * until the answer does: a call may come behind its STOP, in an event of its
 * own.
 */


#include "soma_gemini.h"
#include "soma_gemini_events.h"


static int soma_gemini_events_each(soma_gemini_events_t *answer,
    soma_str_t object);
static int soma_gemini_events_about(soma_gemini_events_t *answer,
    soma_str_t object);
static int soma_gemini_events_candidate(soma_gemini_events_t *answer,
    soma_str_t candidate, unsigned place);
static void soma_gemini_events_reason(soma_gemini_events_t *answer,
    unsigned choice, soma_str_t candidate);
static soma_inner_finish_e soma_gemini_events_finish(
    soma_json_value_t *reason);
static int soma_gemini_events_over(soma_gemini_events_t *answer);
static int soma_gemini_events_none(soma_gemini_events_t *answer);


int
soma_gemini_events_event(soma_gemini_events_t *answer, soma_str_t data)
{
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  each;

    if (answer->events.over || soma_json_first(&it, data) != SOMA_OK) {
        return SOMA_OK;
    }

    if (it.object) {
        return soma_gemini_events_each(answer, data);
    }

    while (soma_json_next(&it, &name, &each) == SOMA_OK) {
        if (each.type == SOMA_JSON_OBJECT
            && soma_gemini_events_each(answer, each.text) != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


int
soma_gemini_events_whole(soma_gemini_events_t *answer, soma_str_t body)
{
    if (soma_gemini_events_event(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    if (answer->events.over) {
        return SOMA_OK;
    }

    if (!answer->some && !answer->blocked) {
        return soma_gemini_events_none(answer);
    }

    return soma_gemini_events_over(answer);
}


static int
soma_gemini_events_none(soma_gemini_events_t *answer)
{
    return soma_events_failed(&answer->events, 502, SOMA_STR("api_error"),
                              SOMA_STR(""),
                              SOMA_STR("the provider's answer has no "
                                       "candidates"));
}


/* a stream has no event for its end: it has ended when each of its candidates
 * has said why */

int
soma_gemini_events_end(soma_gemini_events_t *answer)
{
    unsigned  i;

    if (answer->events.over) {
        return SOMA_OK;
    }

    if (!answer->some) {
        return answer->blocked ? soma_gemini_events_over(answer)
                               : SOMA_DECLINED;
    }

    for (i = 0; i < answer->events.choices || i == 0; i++) {
        if (!(answer->reasons[i / 64] >> (i % 64) & 1)) {
            return SOMA_DECLINED;
        }
    }

    return soma_gemini_events_over(answer);
}


static int
soma_gemini_events_over(soma_gemini_events_t *answer)
{
    uint64_t             bit;
    unsigned             i, n;
    soma_events_t       *events;
    soma_inner_finish_e  finish;

    events = &answer->events;
    n = events->choices;

    for (i = 0; i < SOMA_INNER_CHOICES_MAX; i++) {

        bit = (uint64_t) 1 << (i % 64);

        if (answer->reasons[i / 64] & bit) {
            finish = (soma_inner_finish_e) answer->reason[i];

            if (finish == SOMA_INNER_STOP && answer->calls[i / 64] & bit) {
                finish = SOMA_INNER_TOOL_CALLS;
            }

        } else if (i == 0 && answer->blocked && !answer->some) {
            finish = SOMA_INNER_FILTER;

        } else if (i < n || i == 0) {
            finish = SOMA_INNER_OTHER;

        } else {
            continue;
        }

        if (soma_events_finish(events, i, finish,
                               (soma_str_t) soma_str_null)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return soma_events_end(events);
}


static int
soma_gemini_events_each(soma_gemini_events_t *answer, soma_str_t object)
{
    unsigned           place;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v, candidate;

    if (soma_json_get(object, "error", &v) == SOMA_OK
        && v.type == SOMA_JSON_OBJECT)
    {
        return soma_gemini_events_error(answer, v.text);
    }

    /* what is known of the prompt is told with the first event */

    if (soma_gemini_events_about(answer, object) != SOMA_OK
        || soma_gemini_events_usage(answer, object) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    if (soma_json_get(object, "promptFeedback", &v) == SOMA_OK
        && soma_events_inside(v.text, "blockReason").len != 0)
    {
        answer->blocked = 1;
    }

    if (soma_json_get(object, "candidates", &v) != SOMA_OK
        || soma_json_first(&it, v.text) != SOMA_OK || it.object)
    {
        return SOMA_OK;
    }

    for (place = 0; soma_json_next(&it, &name, &candidate) == SOMA_OK;
         place++)
    {
        if (candidate.type == SOMA_JSON_OBJECT
            && soma_gemini_events_candidate(answer, candidate.text, place)
               != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


soma_pieces_t *
soma_gemini_events_scratch(soma_gemini_events_t *answer)
{
    if (answer->scratch.arena == NULL) {
        soma_pieces_init(&answer->scratch, answer->events.arena);

    } else {
        soma_pieces_reset(&answer->scratch);
    }

    return &answer->scratch;
}


/* Google's names for what the answer is, by those that all have */

static int
soma_gemini_events_about(soma_gemini_events_t *answer, soma_str_t object)
{
    int64_t            ms;
    soma_str_t         about;
    soma_pieces_t     *out;
    soma_json_value_t  v;

    if (answer->events.started) {
        return SOMA_OK;
    }

    out = soma_gemini_events_scratch(answer);
    soma_pieces_char(out, '{');

    if (soma_json_get(object, "responseId", &v) == SOMA_OK) {
        soma_pieces_cstr(out, "\"id\":");
        soma_pieces_put(out, v.text.data, v.text.len);
    }

    if (soma_json_get(object, "modelVersion", &v) == SOMA_OK) {
        soma_pieces_cstr(out, out->tail != '{' ? ",\"model\":"
                                               : "\"model\":");
        soma_pieces_put(out, v.text.data, v.text.len);
    }

    if (soma_time_parse(soma_events_inside(object, "createTime"), &ms)
        == SOMA_OK)
    {
        soma_pieces_cstr(out, out->tail != '{' ? ",\"created\":"
                                               : "\"created\":");
        soma_pieces_int(out, ms / 1000);
    }

    soma_pieces_char(out, '}');

    return soma_pieces_whole(out, &about) == SOMA_OK
           ? soma_events_about(&answer->events, about) : SOMA_ERROR;
}


static int
soma_gemini_events_candidate(soma_gemini_events_t *answer,
    soma_str_t candidate, unsigned place)
{
    int64_t            index;
    unsigned           choice;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  content, parts, part;

    index = place;
    soma_events_count(candidate, "index", &index);

    if (index >= SOMA_INNER_CHOICES_MAX) {
        return SOMA_OK;
    }

    choice = (unsigned) index;
    answer->some = 1;

    if (soma_json_get(candidate, "content", &content) == SOMA_OK
        && soma_json_get(content.text, "parts", &parts) == SOMA_OK
        && soma_json_first(&it, parts.text) == SOMA_OK && !it.object)
    {
        while (soma_json_next(&it, &name, &part) == SOMA_OK) {

            if (part.type == SOMA_JSON_OBJECT
                && soma_gemini_events_part(answer, choice, part.text)
                   != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    if (soma_gemini_events_probs(answer, choice, candidate) != SOMA_OK
        || soma_gemini_events_cites(answer, choice, candidate) != SOMA_OK)
    {
        return SOMA_ERROR;
    }

    soma_gemini_events_reason(answer, choice, candidate);

    return SOMA_OK;
}


static void
soma_gemini_events_reason(soma_gemini_events_t *answer, unsigned choice,
    soma_str_t candidate)
{
    uint64_t             bit;
    soma_json_value_t    reason;
    soma_inner_finish_e  finish;

    if (soma_json_get(candidate, "finishReason", &reason) != SOMA_OK
        || reason.type == SOMA_JSON_NULL
        || soma_str_is(reason.text, "\"FINISH_REASON_UNSPECIFIED\""))
    {
        return;
    }

    bit = (uint64_t) 1 << (choice % 64);
    finish = soma_gemini_events_finish(&reason);

    if (answer->events.choices <= choice) {
        answer->events.choices = choice + 1;
    }

    answer->reasons[choice / 64] |= bit;
    answer->reason[choice] = (unsigned char) finish;
}


/* some clients' libraries write the numbers of the protocol buffers */

static soma_inner_finish_e
soma_gemini_events_finish(soma_json_value_t *reason)
{
    size_t  i;

    static const struct {
        const char           *word;
        const char           *number;
        soma_inner_finish_e   finish;
    } reasons[] = {
        { "\"STOP\"", "1", SOMA_INNER_STOP },
        { "\"MAX_TOKENS\"", "2", SOMA_INNER_LENGTH },
        { "\"SAFETY\"", "3", SOMA_INNER_FILTER },
        { "\"RECITATION\"", "4", SOMA_INNER_FILTER },
        { "\"OTHER\"", "5", SOMA_INNER_OTHER },
        { "\"LANGUAGE\"", "6", SOMA_INNER_FILTER },
        { "\"BLOCKLIST\"", "7", SOMA_INNER_FILTER },
        { "\"PROHIBITED_CONTENT\"", "8", SOMA_INNER_FILTER },
        { "\"SPII\"", "9", SOMA_INNER_FILTER },
        { "\"MALFORMED_FUNCTION_CALL\"", "10", SOMA_INNER_MALFORMED_CALL },
        { "\"IMAGE_SAFETY\"", "11", SOMA_INNER_FILTER },
        { "\"IMAGE_PROHIBITED_CONTENT\"", "", SOMA_INNER_FILTER },
        { "\"IMAGE_RECITATION\"", "", SOMA_INNER_FILTER },
        { "\"IMAGE_OTHER\"", "", SOMA_INNER_FILTER },
        { "\"NO_IMAGE\"", "", SOMA_INNER_OTHER },
        { "\"MODEL_ARMOR\"", "", SOMA_INNER_FILTER },
        { "\"UNEXPECTED_TOOL_CALL\"", "", SOMA_INNER_MALFORMED_CALL },
        { "\"TOO_MANY_TOOL_CALLS\"", "", SOMA_INNER_MALFORMED_CALL },
        { "\"MISSING_THOUGHT_SIGNATURE\"", "", SOMA_INNER_MALFORMED_CALL },
        { "\"MALFORMED_RESPONSE\"", "", SOMA_INNER_MALFORMED_CALL },
        { "\"CONTINUATION\"", "", SOMA_INNER_PAUSE }
    };

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (soma_str_is(reason->text, reasons[i].word)
            || soma_str_is(reason->text, reasons[i].number))
        {
            return reasons[i].finish;
        }
    }

    return SOMA_INNER_OTHER;
}


int
soma_gemini_events_vectors(soma_gemini_events_t *answer, soma_str_t body)
{
    int                  rc;
    unsigned             n;
    soma_str_t           name;
    soma_json_iter_t     it;
    soma_json_value_t    v, each, values;
    soma_inner_event_t   event;

    if (soma_json_get(body, "error", &v) == SOMA_OK
        && v.type == SOMA_JSON_OBJECT)
    {
        return soma_gemini_events_error(answer, v.text);
    }

    memset(&event, 0, sizeof(event));
    event.event = SOMA_INNER_VECTOR;
    n = 0;

    if (soma_json_get(body, "embedding", &v) == SOMA_OK
        && soma_json_get(v.text, "values", &values) == SOMA_OK)
    {
        event.raw = values.text;

        if (soma_events_emit(&answer->events, &event) != SOMA_OK) {
            return SOMA_ERROR;
        }

        n++;

    } else if (soma_json_get(body, "embeddings", &v) == SOMA_OK
               && soma_json_first(&it, v.text) == SOMA_OK && !it.object)
    {
        while ((rc = soma_json_next(&it, &name, &each)) == SOMA_OK) {

            if (soma_json_get(each.text, "values", &values) != SOMA_OK) {
                break;
            }

            event.block = n++;
            event.raw = values.text;

            if (soma_events_emit(&answer->events, &event) != SOMA_OK) {
                return SOMA_ERROR;
            }
        }

        n = (rc == SOMA_DONE) ? n : 0;
    }

    if (n == 0) {
        return soma_events_failed(&answer->events, 502,
                                  SOMA_STR("api_error"), SOMA_STR(""),
                                  SOMA_STR("the provider's answer has no "
                                           "embeddings"));
    }

    if (soma_gemini_events_usage(answer, body) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(&event, 0, sizeof(event));
    event.event = SOMA_INNER_END;

    if (soma_events_emit(&answer->events, &event) != SOMA_OK) {
        return SOMA_ERROR;
    }

    answer->events.over = 1;

    return SOMA_OK;
}
