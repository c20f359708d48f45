
/*
 * Copyright (C) The ngx_soma authors
 *
 * One model of a price catalogue in LiteLLM's format: prices in USD under
 * names that are a base and any of the suffixes "_above_1hr",
 * "_above_<n>k_tokens" and the tier's, in any order.  Numbers are read from
 * their text, never through a double.
 */


#include "soma_catalogue.h"


#define SOMA_USD_SCALE  12                  /* pico-USD */


/* what a member's name says */
typedef struct {
    soma_str_t  base;
    int64_t     above;          /* prompt tokens, 0: any */
    unsigned    tier;
    unsigned    tiered:1;
    unsigned    hour:1;         /* cache writes kept an hour */
} soma_price_name_t;


typedef struct {
    soma_str_t  name;
    size_t      offset;
} soma_price_field_t;


static int soma_catalogue_has_end(soma_str_t *s, const char *end);
static int soma_catalogue_above(soma_str_t *s, int64_t *above);
static void soma_catalogue_name(soma_price_name_t *name, soma_str_t text);
static int soma_catalogue_usd(yyjson_val *value, int64_t *pico);
static int64_t soma_catalogue_count(yyjson_val *value);
static soma_price_step_t *soma_catalogue_step(soma_price_build_t *build,
    int64_t above);
static int64_t *soma_catalogue_place(soma_price_build_t *build,
    const soma_price_name_t *name, int64_t above);
static int soma_catalogue_number(soma_price_build_t *build, soma_str_t member,
    yyjson_val *value, int64_t above);
static int soma_catalogue_tiers(soma_price_build_t *build, yyjson_val *tiers);
static int soma_catalogue_member(soma_price_build_t *build,
    soma_str_t member, yyjson_val *value);
static void soma_catalogue_same(soma_price_step_t *step);
static void soma_catalogue_hour(soma_price_build_t *build);
static void soma_catalogue_finish(soma_price_build_t *build);
static void soma_catalogue_pixels(soma_price_build_t *build,
    soma_str_t key);


static const soma_price_field_t  soma_price_kind_fields[] = {

    { soma_string("input_cost_per_token"),
      offsetof(soma_price_step_t, input) },
    { soma_string("output_cost_per_token"),
      offsetof(soma_price_step_t, output) },
    { soma_string("cache_read_input_token_cost"),
      offsetof(soma_price_step_t, cache_read) },
    { soma_string("cache_creation_input_token_cost"),
      offsetof(soma_price_step_t, cache_write) },
    { soma_string("output_cost_per_reasoning_token"),
      offsetof(soma_price_step_t, reasoning) },
    { soma_string("input_cost_per_audio_token"),
      offsetof(soma_price_step_t, audio_input) },
    { soma_string("output_cost_per_audio_token"),
      offsetof(soma_price_step_t, audio_output) },
    { soma_string("input_cost_per_image_token"),
      offsetof(soma_price_step_t, image_input) },
    { soma_string("output_cost_per_image_token"),
      offsetof(soma_price_step_t, image_output) },

    { soma_str_null, 0 }
};


/* prices of pieces have no tier and no step */
static const soma_price_field_t  soma_price_piece_fields[] = {

    { soma_string("output_cost_per_image"),
      offsetof(soma_price_build_t, price.per_image) },
    { soma_string("input_cost_per_query"),
      offsetof(soma_price_build_t, price.per_query) },
    { soma_string("input_cost_per_request"),
      offsetof(soma_price_build_t, price.per_request) },
    { soma_string("input_cost_per_character"),
      offsetof(soma_price_build_t, price.per_character) },
    { soma_string("input_cost_per_second"),
      offsetof(soma_price_build_t, price.per_second) },
    { soma_string("input_cost_per_token_cache_hit"),
      offsetof(soma_price_build_t, cache_hit) },
    { soma_string("input_cost_per_image"),
      offsetof(soma_price_build_t, image_input) },
    { soma_string("input_cost_per_pixel"),
      offsetof(soma_price_build_t, pixel_input) },
    { soma_string("output_cost_per_pixel"),
      offsetof(soma_price_build_t, pixel_output) },
    { soma_string("output_cost_per_second"),
      offsetof(soma_price_build_t, second_output) },
    { soma_string("search_context_cost_per_query"),
      offsetof(soma_price_build_t, search) },

    { soma_str_null, 0 }
};


soma_str_t
soma_catalogue_str(yyjson_val *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) yyjson_get_str(value);
    s.len = yyjson_get_len(value);

    if (s.data == NULL) {
        s.len = 0;
    }

    return s;
}


/* cuts the end off where it is there */
static int
soma_catalogue_has_end(soma_str_t *s, const char *end)
{
    size_t  len;

    len = strlen(end);

    if (s->len < len || memcmp(s->data + s->len - len, end, len) != 0) {
        return 0;
    }

    s->len -= len;

    return 1;
}


/* "..._above_200k_tokens" */
static int
soma_catalogue_above(soma_str_t *s, int64_t *above)
{
    size_t      i;
    int64_t     n, unit;
    soma_str_t  head, digits;

    head = *s;

    if (!soma_catalogue_has_end(&head, "_tokens")) {
        return 0;
    }

    unit = 1;

    if (soma_catalogue_has_end(&head, "k")) {
        unit = 1000;

    } else if (soma_catalogue_has_end(&head, "m")) {
        unit = 1000000;
    }

    for (i = head.len; i > 0; i--) {
        if (head.data[i - 1] < '0' || head.data[i - 1] > '9') {
            break;
        }
    }

    digits.data = head.data + i;
    digits.len = head.len - i;
    head.len = i;

    if (soma_number_int(digits, &n) != SOMA_OK
        || n > SOMA_PRICE_COUNT_MAX
        || !soma_catalogue_has_end(&head, "_above_"))
    {
        return 0;
    }

    *above = n * unit;
    *s = head;

    return 1;
}


static void
soma_catalogue_name(soma_price_name_t *name, soma_str_t text)
{
    memset(name, 0, sizeof(soma_price_name_t));

    name->base = text;
    name->tier = SOMA_TIER_DEFAULT;

    for ( ;; ) {

        if (soma_catalogue_has_end(&name->base, "_priority")) {
            name->tier = SOMA_TIER_PRIORITY;

        } else if (soma_catalogue_has_end(&name->base, "_flex")) {
            name->tier = SOMA_TIER_FLEX;

        } else if (soma_catalogue_has_end(&name->base, "_batches")
                   || soma_catalogue_has_end(&name->base, "_batch_requests"))
        {
            name->tier = SOMA_TIER_BATCH;

        } else if (soma_catalogue_has_end(&name->base, "_above_1hr")) {
            name->hour = 1;

        } else if (!soma_catalogue_above(&name->base, &name->above)) {
            return;
        }
    }
}


/* USD to pico-USD; SOMA_DECLINED: null, nothing is said */
static int
soma_catalogue_usd(yyjson_val *value, int64_t *pico)
{
    soma_str_t  s;

    if (yyjson_is_null(value)) {
        return SOMA_DECLINED;
    }

    if (yyjson_is_raw(value)) {
        s.data = (unsigned char *) yyjson_get_raw(value);
        s.len = yyjson_get_len(value);

    } else if (yyjson_is_str(value)) {
        s = soma_catalogue_str(value);

    } else {
        return SOMA_ERROR;
    }

    if (soma_number_decimal(s, SOMA_USD_SCALE, pico) != SOMA_OK
        || *pico > SOMA_PRICE_MAX)
    {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


/* a number of tokens, 8192 or 8192.0; 0 for anything else */
static int64_t
soma_catalogue_count(yyjson_val *value)
{
    int64_t     n;
    soma_str_t  s;

    if (!yyjson_is_raw(value)) {
        return 0;
    }

    s.data = (unsigned char *) yyjson_get_raw(value);
    s.len = yyjson_get_len(value);

    if (soma_number_decimal(s, 0, &n) != SOMA_OK) {
        return 0;
    }

    return n > SOMA_PRICE_COUNT_MAX ? SOMA_PRICE_COUNT_MAX : n;
}


/* the prices above that prompt size, kept in order; NULL: too many sizes */
static soma_price_step_t *
soma_catalogue_step(soma_price_build_t *build, int64_t above)
{
    unsigned      i, n;
    soma_price_t  none;

    if (above == 0) {
        return &build->price.base;
    }

    n = build->price.nsteps;

    for (i = 0; i < n && build->level[i].above < above; i++) { /* void */ }

    if (i < n && build->level[i].above == above) {
        return &build->level[i].price;
    }

    if (n == SOMA_PRICE_STEPS_MAX) {
        return NULL;
    }

    memmove(&build->level[i + 1], &build->level[i],
            (n - i) * sizeof(soma_price_level_t));

    soma_price_init(&none);

    build->level[i].above = above;
    build->level[i].price = none.base;
    build->price.nsteps = n + 1;

    return &build->level[i].price;
}


/* where the price goes; NULL: nobody's, or too many sizes ("fault" is set) */
static int64_t *
soma_catalogue_place(soma_price_build_t *build, const soma_price_name_t *name,
    int64_t above)
{
    size_t                     offset;
    unsigned char             *base;
    const soma_price_field_t  *field;

    for (field = soma_price_piece_fields; field->name.len != 0; field++) {
        if (soma_str_eq(field->name, name->base)) {

            if (name->above != 0 || name->tier != SOMA_TIER_DEFAULT
                || name->hour)
            {
                return NULL;
            }

            base = (unsigned char *) build;
            return (void *) (base + field->offset);
        }
    }

    for (field = soma_price_kind_fields; field->name.len != 0; field++) {
        if (soma_str_eq(field->name, name->base)) {
            break;
        }
    }

    if (field->name.len == 0) {
        return NULL;
    }

    offset = field->offset;

    if (name->hour) {
        if (offset != offsetof(soma_price_step_t, cache_write)) {
            return NULL;
        }

        offset = offsetof(soma_price_step_t, cache_write_1h);
    }

    base = (void *) soma_catalogue_step(build,
                                        name->above ? name->above : above);
    if (base == NULL) {
        build->fault = "has more prompt sizes than a price can have";
        return NULL;
    }

    return (int64_t *) (void *) (base + offset) + name->tier;
}


static int
soma_catalogue_number(soma_price_build_t *build, soma_str_t member,
    yyjson_val *value, int64_t above)
{
    int                 rc;
    int64_t             pico, *place;
    soma_price_name_t   name;

    soma_catalogue_name(&name, member);

    place = soma_catalogue_place(build, &name, above);

    if (place == NULL) {
        build->member = member;
        return build->fault != NULL ? SOMA_ERROR : SOMA_OK;
    }

    if (yyjson_is_obj(value)) {
        value = yyjson_obj_get(value, "search_context_size_medium");

        if (value == NULL) {
            return SOMA_OK;
        }
    }

    rc = soma_catalogue_usd(value, &pico);

    if (rc == SOMA_ERROR) {
        build->member = member;
        build->fault = "is not a price in USD: a number from 0 to 1000";
        return SOMA_ERROR;
    }

    if (rc == SOMA_OK) {
        *place = pico;
        build->price.known = 1;
    }

    return SOMA_OK;
}


/*
 * tiered_pricing: [{"range": [from, to], prices ...}, ...].  The first one is
 * the plain price.  Tiers by something else than prompt size, such as the
 * number of results of a search, have no usage to go by: their first counts.
 */
static int
soma_catalogue_tiers(soma_price_build_t *build, yyjson_val *tiers)
{
    int64_t      above;
    size_t       i, n, j, nmembers;
    yyjson_val  *tier, *key, *value, *range;

    if (!yyjson_is_arr(tiers)) {
        return SOMA_OK;
    }

    yyjson_arr_foreach(tiers, i, n, tier) {

        range = yyjson_obj_get(tier, "range");
        above = soma_catalogue_count(yyjson_arr_get_first(range));

        if (i == 0) {
            above = 0;

        } else if (above == 0) {
            continue;
        }

        yyjson_obj_foreach(tier, j, nmembers, key, value) {
            if (soma_catalogue_number(build, soma_catalogue_str(key), value,
                                      above)
                != SOMA_OK)
            {
                return SOMA_ERROR;
            }
        }
    }

    return SOMA_OK;
}


static int
soma_catalogue_member(soma_price_build_t *build, soma_str_t member,
    yyjson_val *value)
{
    if (soma_str_is(member, "mode")) {
        build->price.mode = soma_catalogue_str(value);
        return SOMA_OK;
    }

    if (soma_str_is(member, "max_input_tokens")) {
        build->price.max_input = soma_catalogue_count(value);
        return SOMA_OK;
    }

    if (soma_str_is(member, "max_output_tokens")) {
        build->price.max_output = soma_catalogue_count(value);
        return SOMA_OK;
    }

    if (soma_str_is(member, "max_tokens")) {
        build->max_tokens = soma_catalogue_count(value);
        return SOMA_OK;
    }

    if (soma_str_is(member, "supports_reasoning")) {
        build->price.reasons = yyjson_is_true(value);
        return SOMA_OK;
    }

    if (soma_str_is(member, "tiered_pricing")) {
        return soma_catalogue_tiers(build, value);
    }

    return soma_catalogue_number(build, member, value, 0);
}


/* a reasoning price that only repeats the output price follows it to the
 * tiers and steps that name an output price alone */
static void
soma_catalogue_same(soma_price_step_t *step)
{
    unsigned  i;

    for (i = 0; i < SOMA_PRICE_TIERS; i++) {
        if (step->reasoning[i] != SOMA_PRICE_UNSET
            && step->reasoning[i] != step->output[i])
        {
            return;
        }
    }

    for (i = 0; i < SOMA_PRICE_TIERS; i++) {
        step->reasoning[i] = SOMA_PRICE_UNSET;
    }
}


/* Anthropic's large prompts raise the price of an hour as that of any cache
 * write, but most of the catalogue's entries name only the latter: taken as
 * below the step, an hour would cost less there than five minutes */
static void
soma_catalogue_hour(soma_price_build_t *build)
{
    unsigned            i;
    int64_t             hour, write, n;
    soma_price_step_t  *step;

    hour = build->price.base.cache_write_1h[SOMA_TIER_DEFAULT];
    write = build->price.base.cache_write[SOMA_TIER_DEFAULT];

    if (hour < 0 || write <= 0) {
        return;
    }

    for (i = 0; i < build->price.nsteps; i++) {
        step = &build->level[i].price;
        n = step->cache_write[SOMA_TIER_DEFAULT];

        if (n >= 0
            && step->cache_write_1h[SOMA_TIER_DEFAULT] == SOMA_PRICE_UNSET)
        {
            n = soma_number_muldiv(hour, n, write);

            step->cache_write_1h[SOMA_TIER_DEFAULT] =
                                     n > SOMA_PRICE_MAX ? SOMA_PRICE_MAX : n;
        }
    }
}


static void
soma_catalogue_finish(soma_price_build_t *build)
{
    unsigned       i;
    soma_price_t  *price;

    price = &build->price;

    soma_catalogue_same(&price->base);

    for (i = 0; i < price->nsteps; i++) {
        soma_catalogue_same(&build->level[i].price);
    }

    soma_catalogue_hour(build);

    /* DeepSeek's way to say it */
    if (price->base.cache_read[0] == SOMA_PRICE_UNSET) {
        price->base.cache_read[0] = build->cache_hit;
    }

    /* a model that has a price for no other output than images gives
     * nothing but images, whether its usage says so or not */
    if (price->base.output[0] == SOMA_PRICE_UNSET) {
        price->base.output[0] = price->base.image_output[0];
    }

    if (price->per_query == SOMA_PRICE_UNSET) {
        price->per_query = build->search;
    }

    /* transcription names both ends of one and the same second */
    if (price->per_second <= 0 && build->second_output > 0
        && soma_str_is(price->mode, "audio_transcription"))
    {
        price->per_second = build->second_output;
    }

    /* of a model that makes images the image is the one that is made */
    if (price->per_image == SOMA_PRICE_UNSET
        && (soma_str_is(price->mode, "image_generation")
            || soma_str_is(price->mode, "image_edit")))
    {
        price->per_image = build->image_input;
    }

    if (price->max_output == 0) {
        price->max_output = build->max_tokens;
    }
}


/* a model named for the size of its images that is priced by the pixel has a
 * price an image */
static void
soma_catalogue_pixels(soma_price_build_t *build, soma_str_t key)
{
    int64_t       pico, n;
    soma_image_t  image;

    if (build->price.per_image != SOMA_PRICE_UNSET
        || (build->pixel_input <= 0 && build->pixel_output <= 0))
    {
        return;
    }

    soma_image_named(&image, key);

    n = (int64_t) image.width * image.height;

    if (n == 0) {
        return;
    }

    pico = (build->pixel_input > 0) ? build->pixel_input : 0;
    pico += (build->pixel_output > 0) ? build->pixel_output : 0;
    pico = soma_number_muldiv(pico, n, 1);

    build->price.per_image = pico > SOMA_PRICE_MAX ? SOMA_PRICE_MAX : pico;
}


int
soma_catalogue_entry(soma_price_build_t *build, soma_str_t key,
    yyjson_val *entry)
{
    size_t       i, n;
    yyjson_val  *name, *value;

    soma_price_init(&build->price);

    build->cache_hit = SOMA_PRICE_UNSET;
    build->image_input = SOMA_PRICE_UNSET;
    build->pixel_input = SOMA_PRICE_UNSET;
    build->pixel_output = SOMA_PRICE_UNSET;
    build->second_output = SOMA_PRICE_UNSET;
    build->search = SOMA_PRICE_UNSET;
    build->max_tokens = 0;
    build->fault = NULL;

    yyjson_obj_foreach(entry, i, n, name, value) {
        if (soma_catalogue_member(build, soma_catalogue_str(name), value)
            != SOMA_OK)
        {
            return SOMA_ERROR;
        }
    }

    soma_catalogue_finish(build);
    soma_catalogue_pixels(build, key);

    return SOMA_OK;
}
