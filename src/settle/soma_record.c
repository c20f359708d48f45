
/*
 * Copyright (C) The ngx_soma authors
 *
 * The usage record in bytes and in JSON.  One table names every field, so
 * that the two forms and the reader cannot drift apart.
 */


#include "soma_record.h"


#define SOMA_RECORD_VERSION     1
#define SOMA_RECORD_HEAD        8

#define SOMA_RECORD_STREAM      0x01
#define SOMA_RECORD_KNOWN       0x02
#define SOMA_RECORD_ESTIMATED   0x04
#define SOMA_RECORD_FLAGS       0x07

#define SOMA_RECORD_KEY_MAX     32      /* a key is copied in one go */

/* the ints that are narrower than their place, and one string: where they
 * stand in the binary form */
#define SOMA_RECORD_AT_STATUS   1
#define SOMA_RECORD_AT_ATTEMPTS 2
#define SOMA_RECORD_AT_TENANT   2

#define soma_record_at(field)   offsetof(soma_record_t, field)


_Static_assert(SOMA_RECORD_FIXED + SOMA_RECORD_STRS * SOMA_RECORD_STR_MAX
               <= SOMA_RECORD_MAX, "the longest record fits");


typedef enum {
    SOMA_RECORD_STR = 0,
    SOMA_RECORD_INT,
    SOMA_RECORD_INT32,
    SOMA_RECORD_RARE,           /* left out of the JSON when 0 */
    SOMA_RECORD_LATE,           /* null in the JSON when negative */
    SOMA_RECORD_IS_STREAM,
    SOMA_RECORD_IS_ESTIMATED,
    SOMA_RECORD_TIER
} soma_record_type_e;


typedef struct {
    char                 key[SOMA_RECORD_KEY_MAX];  /* with quotes, comma and
                                                       colon */
    unsigned char        len;
    unsigned char        type;      /* soma_record_type_e */
    uint16_t             offset;
} soma_record_field_t;


#define soma_record_field(name, type, offset)                                 \
    { ",\"" name "\":", sizeof(name) + 3, type, offset }


static int64_t soma_record_get(const soma_record_t *record,
    const soma_record_field_t *field);
static int soma_record_is_int(const soma_record_field_t *field);
static void soma_record_put64(unsigned char *p, int64_t n);
static int64_t soma_record_get64(const unsigned char *p);
static size_t soma_record_cut(soma_str_t s);
static int soma_record_head(const unsigned char *buf, size_t len);
static void soma_record_json_tier(soma_out_t *out, const soma_record_t *record,
    const soma_record_field_t *field);
static void soma_record_json_bool(soma_out_t *out, unsigned value);


/* in the order of the JSON; the binary form takes the ints and the strings
 * of it in the same order: a new one goes with a new version */
static const soma_record_field_t  soma_record_fields[] = {

    soma_record_field("id", SOMA_RECORD_STR, soma_record_at(id)),
    soma_record_field("time", SOMA_RECORD_INT, soma_record_at(time)),
    soma_record_field("node", SOMA_RECORD_STR, soma_record_at(node)),
    soma_record_field("tenant", SOMA_RECORD_STR, soma_record_at(tenant)),
    soma_record_field("user", SOMA_RECORD_STR, soma_record_at(user)),
    soma_record_field("key", SOMA_RECORD_STR, soma_record_at(key)),
    soma_record_field("session", SOMA_RECORD_STR, soma_record_at(session)),
    soma_record_field("route", SOMA_RECORD_STR, soma_record_at(route)),
    soma_record_field("model", SOMA_RECORD_STR, soma_record_at(model)),
    soma_record_field("provider", SOMA_RECORD_STR, soma_record_at(provider)),
    soma_record_field("target", SOMA_RECORD_STR, soma_record_at(target)),
    soma_record_field("api", SOMA_RECORD_STR, soma_record_at(api)),
    soma_record_field("stream", SOMA_RECORD_IS_STREAM, 0),
    soma_record_field("status", SOMA_RECORD_INT32, soma_record_at(status)),
    soma_record_field("error", SOMA_RECORD_STR, soma_record_at(error)),
    soma_record_field("attempts", SOMA_RECORD_INT32, soma_record_at(attempts)),
    soma_record_field("input_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.input_tokens)),
    soma_record_field("cached_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.cached_tokens)),
    soma_record_field("cache_write_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.cache_write_tokens)),
    soma_record_field("cache_write_1h_tokens", SOMA_RECORD_RARE,
                      soma_record_at(usage.cache_write_1h_tokens)),
    soma_record_field("output_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.output_tokens)),
    soma_record_field("reasoning_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.reasoning_tokens)),
    soma_record_field("audio_input_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.audio_input_tokens)),
    soma_record_field("audio_output_tokens", SOMA_RECORD_INT,
                      soma_record_at(usage.audio_output_tokens)),
    soma_record_field("image_input_tokens", SOMA_RECORD_RARE,
                      soma_record_at(usage.image_input_tokens)),
    soma_record_field("image_output_tokens", SOMA_RECORD_RARE,
                      soma_record_at(usage.image_output_tokens)),
    soma_record_field("queries", SOMA_RECORD_RARE,
                      soma_record_at(usage.queries)),
    soma_record_field("images", SOMA_RECORD_RARE,
                      soma_record_at(usage.images)),
    soma_record_field("characters", SOMA_RECORD_RARE,
                      soma_record_at(usage.characters)),
    soma_record_field("audio_ms", SOMA_RECORD_RARE,
                      soma_record_at(usage.audio_ms)),
    soma_record_field("service_tier", SOMA_RECORD_TIER, 0),
    soma_record_field("estimated", SOMA_RECORD_IS_ESTIMATED, 0),
    soma_record_field("cost_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.total)),
    soma_record_field("cost_input_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.input)),
    soma_record_field("cost_cached_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.cached)),
    soma_record_field("cost_cache_write_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.cache_write)),
    soma_record_field("cost_output_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.output)),
    soma_record_field("cost_reasoning_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.reasoning)),
    soma_record_field("cost_audio_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.audio)),
    soma_record_field("cost_other_nano", SOMA_RECORD_INT,
                      soma_record_at(cost.other)),
    soma_record_field("latency_ms", SOMA_RECORD_INT,
                      soma_record_at(latency_ms)),
    soma_record_field("first_token_ms", SOMA_RECORD_LATE,
                      soma_record_at(first_token_ms)),
    soma_record_field("query_hash", SOMA_RECORD_STR,
                      soma_record_at(query_hash)),
    soma_record_field("cache", SOMA_RECORD_STR, soma_record_at(cache)),
    soma_record_field("tags", SOMA_RECORD_STR, soma_record_at(tags)),
    soma_record_field("catalogue", SOMA_RECORD_STR, soma_record_at(catalogue))
};


#define SOMA_RECORD_FIELDS                                                    \
    (sizeof(soma_record_fields) / sizeof(soma_record_fields[0]))


static const char *const  soma_record_tiers[] = {
    "default", "flex", "priority", "batch"
};


#define SOMA_RECORD_TIERS                                                     \
    (sizeof(soma_record_tiers) / sizeof(soma_record_tiers[0]))


static int
soma_record_is_int(const soma_record_field_t *field)
{
    return field->type >= SOMA_RECORD_INT && field->type <= SOMA_RECORD_LATE;
}


static int64_t
soma_record_get(const soma_record_t *record,
    const soma_record_field_t *field)
{
    const unsigned char  *p;

    p = (const unsigned char *) record + field->offset;

    if (field->type == SOMA_RECORD_INT32) {
        return *(const int32_t *) (const void *) p;
    }

    return *(const int64_t *) (const void *) p;
}


static void
soma_record_put64(unsigned char *p, int64_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n = (int64_t) __builtin_bswap64((uint64_t) n);
#endif

    memcpy(p, &n, sizeof(n));
}


static int64_t
soma_record_get64(const unsigned char *p)
{
    int64_t  n;

    memcpy(&n, p, sizeof(n));

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n = (int64_t) __builtin_bswap64((uint64_t) n);
#endif

    return n;
}


/* never in the middle of a UTF-8 character */
static size_t
soma_record_cut(soma_str_t s)
{
    size_t  len, back;

    if (s.len <= SOMA_RECORD_STR_MAX) {
        return s.len;
    }

    len = SOMA_RECORD_STR_MAX;

    for (back = 0; back < 3 && (s.data[len - back] & 0xc0) == 0x80; back++) {
        /* void */
    }

    return (s.data[len - back] & 0xc0) == 0x80 ? len : len - back;
}


size_t
soma_record_encode(const soma_record_t *record, unsigned char *buf,
    size_t size)
{
    size_t                      i, len;
    unsigned char              *p, *ints, *lens, *end;
    const soma_str_t           *s;
    const soma_record_field_t  *field;

    if (size < SOMA_RECORD_FIXED) {
        return 0;
    }

    memset(buf, 0, SOMA_RECORD_HEAD);

    buf[0] = SOMA_RECORD_VERSION;
    buf[1] = (record->stream ? SOMA_RECORD_STREAM : 0)
             | (record->usage.known ? SOMA_RECORD_KNOWN : 0)
             | (record->usage.estimated ? SOMA_RECORD_ESTIMATED : 0);
    buf[2] = (unsigned) record->usage.tier < SOMA_RECORD_TIERS
             ? (unsigned char) record->usage.tier : SOMA_TIER_DEFAULT;
    buf[3] = SOMA_RECORD_INTS;
    buf[4] = SOMA_RECORD_STRS;

    ints = buf + SOMA_RECORD_HEAD;
    lens = ints + 8 * SOMA_RECORD_INTS;
    p = lens + SOMA_RECORD_STRS;
    end = buf + size;

    for (i = 0; i < SOMA_RECORD_FIELDS; i++) {
        field = &soma_record_fields[i];

        if (soma_record_is_int(field)) {
            soma_record_put64(ints, soma_record_get(record, field));
            ints += 8;

        } else if (field->type == SOMA_RECORD_STR) {
            s = (const void *) ((const unsigned char *) record
                                + field->offset);
            len = soma_record_cut(*s);

            if (len > (size_t) (end - p)) {
                return 0;
            }

            *lens++ = (unsigned char) len;

            soma_copy(p, s->data, len);
            p += len;
        }
    }

    return (size_t) (p - buf);
}


static int
soma_record_head(const unsigned char *buf, size_t len)
{
    if (len < SOMA_RECORD_FIXED
        || buf[0] != SOMA_RECORD_VERSION
        || (buf[1] & ~SOMA_RECORD_FLAGS) != 0
        || buf[2] >= SOMA_RECORD_TIERS
        || buf[3] != SOMA_RECORD_INTS
        || buf[4] != SOMA_RECORD_STRS
        || (buf[5] | buf[6] | buf[7]) != 0)
    {
        return SOMA_ERROR;
    }

    return SOMA_OK;
}


int
soma_record_decode(soma_record_t *record, const unsigned char *buf,
    size_t len)
{
    size_t                      i;
    int64_t                     n;
    soma_str_t                 *s;
    unsigned char              *to;
    const unsigned char        *p, *ints, *lens, *end;
    const soma_record_field_t  *field;

    if (soma_record_head(buf, len) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(record, 0, sizeof(soma_record_t));

    record->stream = !!(buf[1] & SOMA_RECORD_STREAM);
    record->usage.known = !!(buf[1] & SOMA_RECORD_KNOWN);
    record->usage.estimated = !!(buf[1] & SOMA_RECORD_ESTIMATED);
    record->usage.tier = buf[2];

    ints = buf + SOMA_RECORD_HEAD;
    lens = ints + 8 * SOMA_RECORD_INTS;
    p = lens + SOMA_RECORD_STRS;
    end = buf + len;

    for (i = 0; i < SOMA_RECORD_FIELDS; i++) {
        field = &soma_record_fields[i];
        to = (unsigned char *) record + field->offset;

        if (soma_record_is_int(field)) {
            n = soma_record_get64(ints);
            ints += 8;

            if (field->type != SOMA_RECORD_INT32) {
                *(int64_t *) (void *) to = n;
                continue;
            }

            if (n < INT32_MIN || n > INT32_MAX) {
                return SOMA_ERROR;
            }

            *(int32_t *) (void *) to = (int32_t) n;

        } else if (field->type == SOMA_RECORD_STR) {
            s = (void *) to;
            s->len = *lens++;
            s->data = (unsigned char *) p;

            if (s->len > (size_t) (end - p)) {
                return SOMA_ERROR;
            }

            p += s->len;
        }
    }

    return p == end ? SOMA_OK : SOMA_ERROR;
}


int
soma_record_tenant(soma_str_t *tenant, const unsigned char *buf, size_t len)
{
    size_t                i, sum, before;
    int64_t               status, attempts;
    const unsigned char  *ints, *lens;

    if (soma_record_head(buf, len) != SOMA_OK) {
        return SOMA_ERROR;
    }

    ints = buf + SOMA_RECORD_HEAD;
    lens = ints + 8 * SOMA_RECORD_INTS;

    status = soma_record_get64(ints + 8 * SOMA_RECORD_AT_STATUS);
    attempts = soma_record_get64(ints + 8 * SOMA_RECORD_AT_ATTEMPTS);

    sum = 0;
    before = 0;

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        before = (i == SOMA_RECORD_AT_TENANT) ? sum : before;
        sum += lens[i];
    }

    if (status < INT32_MIN || status > INT32_MAX
        || attempts < INT32_MIN || attempts > INT32_MAX
        || SOMA_RECORD_FIXED + sum != len)
    {
        return SOMA_ERROR;
    }

    tenant->data = (unsigned char *) lens + SOMA_RECORD_STRS + before;
    tenant->len = lens[SOMA_RECORD_AT_TENANT];

    return SOMA_OK;
}


/* the key, in as few steps as can be where there is room */
static inline void
soma_record_json_key(soma_out_t *out, const soma_record_field_t *field)
{
    if ((size_t) (out->end - out->pos) < SOMA_RECORD_KEY_MAX) {
        soma_put(out, field->key, field->len);
        return;
    }

    memcpy(out->pos, field->key, SOMA_RECORD_KEY_MAX);
    out->pos += field->len;
}


static void
soma_record_json_bool(soma_out_t *out, unsigned value)
{
    if (value) {
        soma_put(out, "true", 4);

    } else {
        soma_put(out, "false", 5);
    }
}


static void
soma_record_json_tier(soma_out_t *out, const soma_record_t *record,
    const soma_record_field_t *field)
{
    unsigned  tier;

    tier = record->usage.tier;

    if (tier == SOMA_TIER_DEFAULT || tier >= SOMA_RECORD_TIERS) {
        return;
    }

    soma_record_json_key(out, field);
    soma_put_char(out, '"');
    soma_put_cstr(out, soma_record_tiers[tier]);
    soma_put_char(out, '"');
}


static inline void
soma_record_json_int(soma_out_t *out, const soma_record_field_t *field,
    int64_t n)
{
    if (field->type == SOMA_RECORD_RARE && n == 0) {
        return;
    }

    soma_record_json_key(out, field);

    if (field->type == SOMA_RECORD_LATE && n < 0) {
        soma_put(out, "null", 4);
        return;
    }

    if ((uint64_t) n < 10 && out->pos != out->end && !out->full) {
        *out->pos++ = (unsigned char) ('0' + n);
        return;
    }

    soma_put_int(out, n);
}


void
soma_record_json(soma_out_t *out, const soma_record_t *record)
{
    size_t                      i;
    unsigned char              *start;
    const soma_str_t           *s;
    const soma_record_field_t  *field;

    start = out->pos;

    for (i = 0; i < SOMA_RECORD_FIELDS; i++) {
        field = &soma_record_fields[i];

        switch (field->type) {

        case SOMA_RECORD_STR:
            s = (const void *) ((const unsigned char *) record
                                + field->offset);
            soma_record_json_key(out, field);
            soma_put_json_str(out, *s);
            break;

        case SOMA_RECORD_IS_STREAM:
            soma_record_json_key(out, field);
            soma_record_json_bool(out, record->stream);
            break;

        case SOMA_RECORD_IS_ESTIMATED:
            soma_record_json_key(out, field);
            soma_record_json_bool(out, record->usage.estimated);
            break;

        case SOMA_RECORD_TIER:
            soma_record_json_tier(out, record, field);
            break;

        default:
            soma_record_json_int(out, field, soma_record_get(record, field));
        }
    }

    /* the first key came with a comma */

    if (out->pos != start) {
        *start = '{';
    }

    soma_put_char(out, '}');
}
