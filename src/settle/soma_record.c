
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
    const char          *key;   /* with quotes, comma and colon */
    size_t               len;
    size_t               offset;
    soma_record_type_e   type;
} soma_record_field_t;


#define soma_record_key(name)   ",\"" name "\":", sizeof(name) + 3


static int64_t soma_record_get(const soma_record_t *record,
    const soma_record_field_t *field);
static int soma_record_is_int(const soma_record_field_t *field);
static void soma_record_put64(unsigned char *p, int64_t n);
static int64_t soma_record_get64(const unsigned char *p);
static size_t soma_record_cut(soma_str_t s);
static void soma_record_json_field(soma_out_t *out,
    const soma_record_t *record, const soma_record_field_t *field);


/* in the order of the JSON; the binary form takes the ints and the strings
 * of it in the same order: a new one goes with a new version */
static const soma_record_field_t  soma_record_fields[] = {

    { soma_record_key("id"), soma_record_at(id), SOMA_RECORD_STR },
    { soma_record_key("time"), soma_record_at(time), SOMA_RECORD_INT },
    { soma_record_key("node"), soma_record_at(node), SOMA_RECORD_STR },
    { soma_record_key("tenant"), soma_record_at(tenant), SOMA_RECORD_STR },
    { soma_record_key("user"), soma_record_at(user), SOMA_RECORD_STR },
    { soma_record_key("key"), soma_record_at(key), SOMA_RECORD_STR },
    { soma_record_key("session"), soma_record_at(session), SOMA_RECORD_STR },
    { soma_record_key("route"), soma_record_at(route), SOMA_RECORD_STR },
    { soma_record_key("model"), soma_record_at(model), SOMA_RECORD_STR },
    { soma_record_key("provider"), soma_record_at(provider),
      SOMA_RECORD_STR },
    { soma_record_key("target"), soma_record_at(target), SOMA_RECORD_STR },
    { soma_record_key("api"), soma_record_at(api), SOMA_RECORD_STR },
    { soma_record_key("stream"), 0, SOMA_RECORD_IS_STREAM },
    { soma_record_key("status"), soma_record_at(status),
      SOMA_RECORD_INT32 },
    { soma_record_key("error"), soma_record_at(error), SOMA_RECORD_STR },
    { soma_record_key("attempts"), soma_record_at(attempts),
      SOMA_RECORD_INT32 },
    { soma_record_key("input_tokens"),
      soma_record_at(usage.input_tokens), SOMA_RECORD_INT },
    { soma_record_key("cached_tokens"),
      soma_record_at(usage.cached_tokens), SOMA_RECORD_INT },
    { soma_record_key("cache_write_tokens"),
      soma_record_at(usage.cache_write_tokens), SOMA_RECORD_INT },
    { soma_record_key("cache_write_1h_tokens"),
      soma_record_at(usage.cache_write_1h_tokens), SOMA_RECORD_RARE },
    { soma_record_key("output_tokens"),
      soma_record_at(usage.output_tokens), SOMA_RECORD_INT },
    { soma_record_key("reasoning_tokens"),
      soma_record_at(usage.reasoning_tokens), SOMA_RECORD_INT },
    { soma_record_key("audio_input_tokens"),
      soma_record_at(usage.audio_input_tokens), SOMA_RECORD_INT },
    { soma_record_key("audio_output_tokens"),
      soma_record_at(usage.audio_output_tokens), SOMA_RECORD_INT },
    { soma_record_key("image_input_tokens"),
      soma_record_at(usage.image_input_tokens), SOMA_RECORD_RARE },
    { soma_record_key("image_output_tokens"),
      soma_record_at(usage.image_output_tokens), SOMA_RECORD_RARE },
    { soma_record_key("queries"),
      soma_record_at(usage.queries), SOMA_RECORD_RARE },
    { soma_record_key("images"),
      soma_record_at(usage.images), SOMA_RECORD_RARE },
    { soma_record_key("characters"),
      soma_record_at(usage.characters), SOMA_RECORD_RARE },
    { soma_record_key("audio_ms"),
      soma_record_at(usage.audio_ms), SOMA_RECORD_RARE },
    { soma_record_key("service_tier"), 0, SOMA_RECORD_TIER },
    { soma_record_key("estimated"), 0, SOMA_RECORD_IS_ESTIMATED },
    { soma_record_key("cost_nano"),
      soma_record_at(cost.total), SOMA_RECORD_INT },
    { soma_record_key("cost_input_nano"),
      soma_record_at(cost.input), SOMA_RECORD_INT },
    { soma_record_key("cost_cached_nano"),
      soma_record_at(cost.cached), SOMA_RECORD_INT },
    { soma_record_key("cost_cache_write_nano"),
      soma_record_at(cost.cache_write), SOMA_RECORD_INT },
    { soma_record_key("cost_output_nano"),
      soma_record_at(cost.output), SOMA_RECORD_INT },
    { soma_record_key("cost_reasoning_nano"),
      soma_record_at(cost.reasoning), SOMA_RECORD_INT },
    { soma_record_key("cost_audio_nano"),
      soma_record_at(cost.audio), SOMA_RECORD_INT },
    { soma_record_key("cost_other_nano"),
      soma_record_at(cost.other), SOMA_RECORD_INT },
    { soma_record_key("latency_ms"),
      soma_record_at(latency_ms), SOMA_RECORD_INT },
    { soma_record_key("first_token_ms"),
      soma_record_at(first_token_ms), SOMA_RECORD_LATE },
    { soma_record_key("query_hash"), soma_record_at(query_hash),
      SOMA_RECORD_STR },
    { soma_record_key("cache"), soma_record_at(cache), SOMA_RECORD_STR },
    { soma_record_key("tags"), soma_record_at(tags), SOMA_RECORD_STR },
    { soma_record_key("catalogue"), soma_record_at(catalogue),
      SOMA_RECORD_STR }
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

            if (len != 0) {
                memcpy(p, s->data, len);
                p += len;
            }
        }
    }

    return (size_t) (p - buf);
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


static void
soma_record_json_field(soma_out_t *out, const soma_record_t *record,
    const soma_record_field_t *field)
{
    int64_t            n;
    unsigned           tier;
    const soma_str_t  *s;

    n = soma_record_is_int(field) ? soma_record_get(record, field) : 0;
    tier = record->usage.tier;

    if ((field->type == SOMA_RECORD_RARE && n == 0)
        || (field->type == SOMA_RECORD_TIER
            && (tier == SOMA_TIER_DEFAULT || tier >= SOMA_RECORD_TIERS)))
    {
        return;
    }

    if (field == soma_record_fields) {
        soma_put_char(out, '{');
        soma_put(out, field->key + 1, field->len - 1);

    } else {
        soma_put(out, field->key, field->len);
    }

    switch (field->type) {

    case SOMA_RECORD_STR:
        s = (const void *) ((const unsigned char *) record + field->offset);
        soma_put_json_str(out, *s);
        break;

    case SOMA_RECORD_IS_STREAM:
        soma_put_cstr(out, record->stream ? "true" : "false");
        break;

    case SOMA_RECORD_IS_ESTIMATED:
        soma_put_cstr(out, record->usage.estimated ? "true" : "false");
        break;

    case SOMA_RECORD_TIER:
        soma_put_char(out, '"');
        soma_put_cstr(out, soma_record_tiers[tier]);
        soma_put_char(out, '"');
        break;

    case SOMA_RECORD_LATE:
        if (n < 0) {
            soma_put_cstr(out, "null");
            break;
        }

        /* fall through */

    default:
        soma_put_int(out, n);
    }
}


void
soma_record_json(soma_out_t *out, const soma_record_t *record)
{
    size_t  i;

    for (i = 0; i < SOMA_RECORD_FIELDS; i++) {
        soma_record_json_field(out, record, &soma_record_fields[i]);
    }

    soma_put_char(out, '}');
}
