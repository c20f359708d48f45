
/*
 * Copyright (C) The ngx_soma authors
 *
 * The usage record in bytes and in JSON.  One table names every field, so
 * that the two forms and the reader cannot drift apart.
 */


#include "soma_record.h"


#define SOMA_RECORD_VERSION     2
#define SOMA_RECORD_VERSION_1   1
#define SOMA_RECORD_HEAD        8
#define SOMA_RECORD_AT_MASK     4
#define SOMA_RECORD_ALL         ((1u << SOMA_RECORD_INTS) - 1)
#define SOMA_RECORD_INTS_1      27          /* of version 1 */
#define SOMA_RECORD_ALL_1       ((1u << SOMA_RECORD_INTS_1) - 1)

#define SOMA_RECORD_STREAM      0x01
#define SOMA_RECORD_KNOWN       0x02
#define SOMA_RECORD_ESTIMATED   0x04
#define SOMA_RECORD_BASIS       8           /* times soma_basis_e */
#define SOMA_RECORD_FLAGS       (SOMA_RECORD_BASIS * SOMA_BASES - 1)

/* the ints that are narrower than their place, and one string: where they
 * stand in the binary form */
#define SOMA_RECORD_AT_STATUS   1
#define SOMA_RECORD_AT_ATTEMPTS 2
#define SOMA_RECORD_AT_TENANT   2

#define SOMA_RECORD_INLINE  static inline __attribute__((always_inline))


_Static_assert(SOMA_RECORD_FIXED + SOMA_RECORD_STRS * SOMA_RECORD_STR_MAX
               <= SOMA_RECORD_MAX, "the longest record fits");

_Static_assert(SOMA_RECORD_INTS < 32, "an int has a bit");
_Static_assert(SOMA_RECORD_STRS >= sizeof(int64_t),
               "behind the ints there are 8 bytes to read");


/*
 * In the order of the JSON; the binary form takes the ints and the strings of
 * it in the same order: a new one goes with a new version.  X is given what a
 * field is, its name and its place:
 *
 *     STR, INT
 *     INT32
 *     RARE        an int, left out of the JSON when 0
 *     LATE        an int, null in the JSON when negative
 *     STREAM, ESTIMATED, BASIS, TIER
 *
 * Those who asked and what they asked for are mostly those of the record
 * before, and so is what ends the record: SOMA_RECORD_WHO, SOMA_RECORD_TAIL.
 */
#define SOMA_RECORD_ID(X)                                                     \
    X(STR, "id", id)                                                          \
    X(INT, "time", time)

#define SOMA_RECORD_WHO(X)                                                    \
    X(STR, "node", node)                                                      \
    X(STR, "tenant", tenant)                                                  \
    X(STR, "user", user)                                                      \
    X(STR, "key", key)                                                        \
    X(STR, "session", session)                                                \
    X(STR, "route", route)                                                    \
    X(STR, "model", model)                                                    \
    X(STR, "provider", provider)                                              \
    X(STR, "target", target)                                                  \
    X(STR, "api", api)

#define SOMA_RECORD_WHAT(X)                                                   \
    X(STREAM, "stream", stream)                                               \
    X(INT32, "status", status)                                                \
    X(STR, "error", error)                                                    \
    X(INT32, "attempts", attempts)                                            \
    X(INT, "input_tokens", usage.input_tokens)                                \
    X(INT, "cached_tokens", usage.cached_tokens)                              \
    X(INT, "cache_write_tokens", usage.cache_write_tokens)                    \
    X(RARE, "cache_write_1h_tokens", usage.cache_write_1h_tokens)             \
    X(INT, "output_tokens", usage.output_tokens)                              \
    X(INT, "reasoning_tokens", usage.reasoning_tokens)                        \
    X(INT, "audio_input_tokens", usage.audio_input_tokens)                    \
    X(INT, "audio_output_tokens", usage.audio_output_tokens)                  \
    X(RARE, "image_input_tokens", usage.image_input_tokens)                   \
    X(RARE, "image_output_tokens", usage.image_output_tokens)                 \
    X(RARE, "queries", usage.queries)                                         \
    X(RARE, "images", usage.images)                                           \
    X(RARE, "characters", usage.characters)                                   \
    X(RARE, "audio_ms", usage.audio_ms)                                       \
    X(TIER, "service_tier", usage.tier)                                       \
    X(ESTIMATED, "estimated", usage.estimated)                                \
    X(BASIS, "basis", usage.basis)                                            \
    X(INT, "cost_nano", cost.total)                                           \
    X(INT, "cost_input_nano", cost.input)                                     \
    X(INT, "cost_cached_nano", cost.cached)                                   \
    X(INT, "cost_cache_write_nano", cost.cache_write)                         \
    X(INT, "cost_output_nano", cost.output)                                   \
    X(INT, "cost_reasoning_nano", cost.reasoning)                             \
    X(INT, "cost_audio_nano", cost.audio)                                     \
    X(INT, "cost_other_nano", cost.other)                                     \
    X(INT, "latency_ms", latency_ms)                                          \
    X(LATE, "first_token_ms", first_token_ms)                                 \
    X(RARE, "retried_tokens", retried_tokens)                                 \
    X(RARE, "cost_retried_nano", cost.retried)                                \
    X(STR, "query_hash", query_hash)

#define SOMA_RECORD_TAIL(X)                                                   \
    X(STR, "cache", cache)                                                    \
    X(STR, "tags", tags)                                                      \
    X(STR, "catalogue", catalogue)

#define SOMA_RECORD_EACH(X)                                                   \
    SOMA_RECORD_ID(X)                                                         \
    SOMA_RECORD_WHO(X)                                                        \
    SOMA_RECORD_WHAT(X)                                                       \
    SOMA_RECORD_TAIL(X)


_Static_assert(offsetof(soma_record_t, api)
               == offsetof(soma_record_t, node)
                  + (SOMA_RECORD_WHO_STRS - 1) * sizeof(soma_str_t)
               && offsetof(soma_record_t, catalogue)
                  == offsetof(soma_record_t, cache)
                     + (SOMA_RECORD_TAIL_STRS - 1) * sizeof(soma_str_t),
               "strings of the same kind stand in a row");


static void soma_record_put32(unsigned char *p, uint32_t n);
static uint32_t soma_record_get32(const unsigned char *p);
static void soma_record_put64(unsigned char *p, int64_t n);
static int64_t soma_record_get64(const unsigned char *p);
static size_t soma_record_cut(soma_str_t s);
static int soma_record_head(const unsigned char *buf, size_t len,
    uint32_t *mask);
static int64_t soma_record_int(const unsigned char *ints, uint32_t mask,
    unsigned at);
static void soma_record_json_tier(soma_out_t *out,
    const soma_record_t *record);
static void soma_record_json_basis(soma_out_t *out,
    const soma_record_t *record);
static int soma_record_same(const soma_str_t *a, const soma_str_t *b,
    unsigned n);


static const char *const  soma_record_tiers[] = {
    "default", "flex", "priority", "batch"
};


static const char *const  soma_record_bases[SOMA_BASES] = {
    "reported", "counted", "estimated", "reserved"
};


#define SOMA_RECORD_TIERS                                                     \
    (sizeof(soma_record_tiers) / sizeof(soma_record_tiers[0]))


static void
soma_record_put32(unsigned char *p, uint32_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n = __builtin_bswap32(n);
#endif

    memcpy(p, &n, sizeof(n));
}


static uint32_t
soma_record_get32(const unsigned char *p)
{
    uint32_t  n;

    memcpy(&n, p, sizeof(n));

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n = __builtin_bswap32(n);
#endif

    return n;
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


/* a 0 is stored too, and what comes next takes its place: cheaper than to ask.
 * The last that is stored ends within SOMA_RECORD_FIXED at most */
#define SOMA_ENCODE_INT(place)                                                \
    n = record->place;                                                        \
    soma_record_put64(ints, n);                                               \
    ints += sizeof(int64_t) * (n != 0);                                       \
    mask |= (uint32_t) (n != 0) << at++;

#define SOMA_ENCODE_INT32(place)  SOMA_ENCODE_INT(place)
#define SOMA_ENCODE_RARE(place)   SOMA_ENCODE_INT(place)
#define SOMA_ENCODE_LATE(place)   SOMA_ENCODE_INT(place)
#define SOMA_ENCODE_STR(place)
#define SOMA_ENCODE_STREAM(place)
#define SOMA_ENCODE_ESTIMATED(place)
#define SOMA_ENCODE_BASIS(place)
#define SOMA_ENCODE_TIER(place)

#define SOMA_ENCODE(kind, name, place)  SOMA_ENCODE_##kind(place)


size_t
soma_record_encode(const soma_record_t *record, unsigned char *buf,
    size_t size)
{
    size_t             i, len;
    int64_t            n;
    uint32_t           mask;
    unsigned           at;
    unsigned char     *p, *ints, *lens, *end;
    const soma_str_t  *s;

    if (size < SOMA_RECORD_FIXED) {
        return 0;
    }

    buf[0] = SOMA_RECORD_VERSION;
    buf[1] = (record->stream ? SOMA_RECORD_STREAM : 0)
             | (record->usage.known ? SOMA_RECORD_KNOWN : 0)
             | (record->usage.estimated ? SOMA_RECORD_ESTIMATED : 0)
             | ((unsigned) record->usage.basis < SOMA_BASES
                ? SOMA_RECORD_BASIS * (unsigned) record->usage.basis : 0);
    buf[2] = (unsigned) record->usage.tier < SOMA_RECORD_TIERS
             ? (unsigned char) record->usage.tier : SOMA_TIER_DEFAULT;
    buf[3] = SOMA_RECORD_STRS;

    ints = buf + SOMA_RECORD_HEAD;
    mask = 0;
    at = 0;

    SOMA_RECORD_EACH(SOMA_ENCODE)

    soma_record_put32(buf + SOMA_RECORD_AT_MASK, mask);

    lens = ints;
    p = lens + SOMA_RECORD_STRS;
    end = buf + size;
    s = &record->id;

    for (i = 0; i < SOMA_RECORD_STRS; i++, s++) {
        len = soma_record_cut(*s);

        if (len > (size_t) (end - p)) {
            return 0;
        }

        *lens++ = (unsigned char) len;

        soma_copy(p, s->data, len);
        p += len;
    }

    return (size_t) (p - buf);
}


/* which ints there are; none of them is behind the end */
static int
soma_record_head(const unsigned char *buf, size_t len, uint32_t *mask)
{
    if (len < SOMA_RECORD_LEAST
        || (buf[1] & ~SOMA_RECORD_FLAGS) != 0
        || buf[2] >= SOMA_RECORD_TIERS)
    {
        return SOMA_ERROR;
    }

    switch (buf[0]) {

    case SOMA_RECORD_VERSION:

        *mask = soma_record_get32(buf + SOMA_RECORD_AT_MASK);

        if (buf[3] != SOMA_RECORD_STRS || (*mask & ~SOMA_RECORD_ALL) != 0) {
            return SOMA_ERROR;
        }

        break;

    case SOMA_RECORD_VERSION_1:

        *mask = SOMA_RECORD_ALL_1;

        if (buf[3] != SOMA_RECORD_INTS_1
            || buf[4] != SOMA_RECORD_STRS
            || (buf[5] | buf[6] | buf[7]) != 0)
        {
            return SOMA_ERROR;
        }

        break;

    default:
        return SOMA_ERROR;
    }

    return len < SOMA_RECORD_LEAST
                 + sizeof(int64_t) * (size_t) __builtin_popcount(*mask)
           ? SOMA_ERROR : SOMA_OK;
}


/* of an int that is not there, what stands where it would is read and
 * dropped: the lengths at the latest */
#define SOMA_DECODE_NEXT()                                                    \
    n = soma_record_get64(ints) & (0 - (int64_t) (mask & 1));                 \
    ints += sizeof(int64_t) * (mask & 1);                                     \
    mask >>= 1;

#define SOMA_DECODE_INT(place)                                                \
    SOMA_DECODE_NEXT()                                                        \
    record->place = n;

#define SOMA_DECODE_INT32(place)                                              \
    SOMA_DECODE_NEXT()                                                        \
    wide |= n ^ (int32_t) n;                                                  \
    record->place = (int32_t) n;

#define SOMA_DECODE_RARE(place)  SOMA_DECODE_INT(place)
#define SOMA_DECODE_LATE(place)  SOMA_DECODE_INT(place)
#define SOMA_DECODE_STR(place)
#define SOMA_DECODE_STREAM(place)
#define SOMA_DECODE_ESTIMATED(place)
#define SOMA_DECODE_BASIS(place)
#define SOMA_DECODE_TIER(place)

#define SOMA_DECODE(kind, name, place)  SOMA_DECODE_##kind(place)


int
soma_record_decode(soma_record_t *record, const unsigned char *buf,
    size_t len)
{
    size_t                i;
    int64_t               n, wide;
    uint32_t              mask;
    soma_str_t           *s;
    const unsigned char  *p, *ints, *lens, *end;

    if (soma_record_head(buf, len, &mask) != SOMA_OK) {
        return SOMA_ERROR;
    }

    memset(record, 0, sizeof(soma_record_t));

    record->stream = !!(buf[1] & SOMA_RECORD_STREAM);
    record->usage.known = !!(buf[1] & SOMA_RECORD_KNOWN);
    record->usage.estimated = !!(buf[1] & SOMA_RECORD_ESTIMATED);
    record->usage.basis = buf[1] / SOMA_RECORD_BASIS;
    record->usage.tier = buf[2];

    ints = buf + SOMA_RECORD_HEAD;
    wide = 0;

    SOMA_RECORD_EACH(SOMA_DECODE)

    if (wide) {
        return SOMA_ERROR;
    }

    lens = ints;
    p = lens + SOMA_RECORD_STRS;
    end = buf + len;
    s = &record->id;

    for (i = 0; i < SOMA_RECORD_STRS; i++, s++) {
        s->len = *lens++;
        s->data = (unsigned char *) p;

        if (s->len > (size_t) (end - p)) {
            return SOMA_ERROR;
        }

        p += s->len;
    }

    return p == end ? SOMA_OK : SOMA_ERROR;
}


static int64_t
soma_record_int(const unsigned char *ints, uint32_t mask, unsigned at)
{
    uint32_t  bit;

    bit = 1u << at;

    return (mask & bit)
           ? soma_record_get64(ints + sizeof(int64_t)
                               * (size_t) __builtin_popcount(mask & (bit - 1)))
           : 0;
}


int
soma_record_tenant(soma_str_t *tenant, const unsigned char *buf, size_t len)
{
    size_t                i, sum, before;
    int64_t               status, attempts;
    uint32_t              mask;
    const unsigned char  *ints, *lens;

    if (soma_record_head(buf, len, &mask) != SOMA_OK) {
        return SOMA_ERROR;
    }

    ints = buf + SOMA_RECORD_HEAD;
    lens = ints + sizeof(int64_t) * (size_t) __builtin_popcount(mask);

    status = soma_record_int(ints, mask, SOMA_RECORD_AT_STATUS);
    attempts = soma_record_int(ints, mask, SOMA_RECORD_AT_ATTEMPTS);

    sum = 0;
    before = 0;

    for (i = 0; i < SOMA_RECORD_STRS; i++) {
        before = (i == SOMA_RECORD_AT_TENANT) ? sum : before;
        sum += lens[i];
    }

    if (status < INT32_MIN || status > INT32_MAX
        || attempts < INT32_MIN || attempts > INT32_MAX
        || (size_t) (lens - buf) + SOMA_RECORD_STRS + sum != len)
    {
        return SOMA_ERROR;
    }

    tenant->data = (unsigned char *) lens + SOMA_RECORD_STRS + before;
    tenant->len = lens[SOMA_RECORD_AT_TENANT];

    return SOMA_OK;
}


/* the key, in as few steps as can be where there is room */
SOMA_RECORD_INLINE void
soma_record_json_key(soma_out_t *out, const char *key, size_t len)
{
    if ((size_t) (out->end - out->pos) < len) {
        soma_put(out, key, len);
        return;
    }

    memcpy(out->pos, key, len);
    out->pos += len;
}


SOMA_RECORD_INLINE void
soma_record_json_int(soma_out_t *out, const char *key, size_t len, int64_t n)
{
    if ((size_t) (out->end - out->pos) < len + SOMA_INT_LEN) {
        soma_put(out, key, len);
        soma_put_int(out, n);
        return;
    }

    memcpy(out->pos, key, len);
    out->pos += len;

    if ((uint64_t) n < 10) {
        *out->pos++ = (unsigned char) ('0' + n);
        return;
    }

    out->pos += soma_put_int_text(out->pos, n);
}


static void
soma_record_json_tier(soma_out_t *out, const soma_record_t *record)
{
    unsigned  tier;

    tier = record->usage.tier;

    if (tier == SOMA_TIER_DEFAULT || tier >= SOMA_RECORD_TIERS) {
        return;
    }

    soma_put_cstr(out, ",\"service_tier\":\"");
    soma_put_cstr(out, soma_record_tiers[tier]);
    soma_put_char(out, '"');
}


static void
soma_record_json_basis(soma_out_t *out, const soma_record_t *record)
{
    unsigned  basis;

    basis = record->usage.basis;

    if (basis == SOMA_BASIS_REPORTED || basis >= SOMA_BASES) {
        return;
    }

    soma_put_cstr(out, ",\"basis\":\"");
    soma_put_cstr(out, soma_record_bases[basis]);
    soma_put_char(out, '"');
}


static int
soma_record_same(const soma_str_t *a, const soma_str_t *b, unsigned n)
{
    size_t    len;
    unsigned  i;

    if (a[0].data == NULL || b[0].data == NULL) {
        return 0;
    }

    /* behind one another, as decoded ones are: one comparison does */

    len = 0;

    for (i = 0; i < n; i++) {

        if (a[i].len != b[i].len || a[i].data != a[0].data + len
            || b[i].data != b[0].data + len)
        {
            return 0;
        }

        len += a[i].len;
    }

    return memcmp(a[0].data, b[0].data, len) == 0;
}


/* with the comma before the key: the first one becomes the brace */
#define SOMA_JSON_KEY(name)  ",\"" name "\":", sizeof(name) + 3

#define SOMA_JSON_STR(name, place)                                            \
    soma_record_json_key(out, SOMA_JSON_KEY(name));                           \
    soma_put_json_str(out, record->place);

#define SOMA_JSON_INT(name, place)                                            \
    soma_record_json_int(out, SOMA_JSON_KEY(name), record->place);

#define SOMA_JSON_INT32(name, place)  SOMA_JSON_INT(name, place)

#define SOMA_JSON_RARE(name, place)                                           \
    if (record->place) {                                                      \
        SOMA_JSON_INT(name, place)                                            \
    }

#define SOMA_JSON_LATE(name, place)                                           \
    if (record->place < 0) {                                                  \
        soma_record_json_key(out, SOMA_JSON_KEY(name));                       \
        soma_put(out, "null", 4);                                             \
                                                                              \
    } else {                                                                  \
        SOMA_JSON_INT(name, place)                                            \
    }

#define SOMA_JSON_BOOL(name, place)                                           \
    soma_record_json_key(out, SOMA_JSON_KEY(name));                           \
    soma_put_cstr(out, record->place ? "true" : "false");

#define SOMA_JSON_STREAM(name, place)     SOMA_JSON_BOOL(name, place)
#define SOMA_JSON_ESTIMATED(name, place)  SOMA_JSON_BOOL(name, place)
#define SOMA_JSON_TIER(name, place)       soma_record_json_tier(out, record);
#define SOMA_JSON_BASIS(name, place)      soma_record_json_basis(out, record);

#define SOMA_JSON(kind, name, place)  SOMA_JSON_##kind(name, place)


void
soma_record_json_next(soma_out_t *out, const soma_record_t *record,
    soma_record_memo_t *memo)
{
    unsigned char  *start, *who, *tail;

    start = out->pos;

    SOMA_RECORD_ID(SOMA_JSON)

    who = out->pos;

    if (memo->who.len
        && soma_record_same(&record->node, memo->who_strs,
                            SOMA_RECORD_WHO_STRS))
    {
        soma_put(out, memo->who.data, memo->who.len);

    } else {
        SOMA_RECORD_WHO(SOMA_JSON)
    }

    memo->who.data = who;
    memo->who.len = (size_t) (out->pos - who);

    SOMA_RECORD_WHAT(SOMA_JSON)

    tail = out->pos;

    if (memo->tail.len
        && soma_record_same(&record->cache, memo->tail_strs,
                            SOMA_RECORD_TAIL_STRS))
    {
        soma_put(out, memo->tail.data, memo->tail.len);

    } else {
        SOMA_RECORD_TAIL(SOMA_JSON)
    }

    memo->tail.data = tail;
    memo->tail.len = (size_t) (out->pos - tail);

    memcpy(memo->who_strs, &record->node, sizeof(memo->who_strs));
    memcpy(memo->tail_strs, &record->cache, sizeof(memo->tail_strs));

    if (out->full) {
        memo->who.len = 0;
        memo->tail.len = 0;
    }

    if (out->pos != start) {
        *start = '{';
    }

    soma_put_char(out, '}');
}


void
soma_record_json(soma_out_t *out, const soma_record_t *record)
{
    soma_record_memo_t  memo;

    memo.who.len = 0;
    memo.tail.len = 0;

    soma_record_json_next(out, record, &memo);
}
