
/*
 * Copyright (C) The ngx_soma authors
 *
 * The segment: bytes that outlive the process that writes them.  Every store
 * here is in an order in which a killed writer, or a reader in another
 * process at the same moment, finds whole records and then a length of 0.
 */


#include <zlib.h>
#include "soma_segment.h"

#if (__x86_64__)
#include <nmmintrin.h>
#endif


#define SOMA_SEGMENT_MAGIC      "SOMAJRN1"
#define SOMA_SEGMENT_ALIGN      8
#define SOMA_SEGMENT_DIGITS     8       /* of a number in a file name */
#define SOMA_SEGMENT_DIGITS_MAX 20
#define SOMA_SEGMENT_SUFFIX     ".soma"

/* offsets in the header */
#define SOMA_AT_VERSION         8
#define SOMA_AT_CRC             12
#define SOMA_AT_WRITER          16
#define SOMA_AT_NUMBER          32
#define SOMA_AT_FIRST           40
#define SOMA_AT_CREATED         48
#define SOMA_AT_ACKED           56
#define SOMA_AT_CLOSED          64

/* offsets in a record */
#define SOMA_AT_RECORD_CRC      4
#define SOMA_AT_RECORD_SEQ      8


static uint32_t soma_le32(uint32_t n);
static uint64_t soma_le64(uint64_t n);
static uint32_t soma_load32(const unsigned char *p);
static uint64_t soma_load64(const unsigned char *p);
static void soma_store32(unsigned char *p, uint32_t n);
static void soma_store64(unsigned char *p, uint64_t n);
static void soma_release32(unsigned char *p, uint32_t n);
static uint32_t soma_acquire32(const unsigned char *p);
static int soma_is_hex(const unsigned char *p, size_t len);
static int soma_is_aligned(const unsigned char *base);
static uint32_t soma_segment_header_crc(const unsigned char *base);
static uint32_t soma_crc32c(const unsigned char *p, size_t len);
static uint32_t soma_segment_record_crc(const unsigned char *record,
    size_t len);
static size_t soma_segment_record_size(size_t len);
static size_t soma_segment_torn(const unsigned char *base, size_t pos,
    size_t size);


static uint32_t
soma_le32(uint32_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap32(n);
#else
    return n;
#endif
}


static uint64_t
soma_le64(uint64_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return __builtin_bswap64(n);
#else
    return n;
#endif
}


static uint32_t
soma_load32(const unsigned char *p)
{
    uint32_t  n;

    memcpy(&n, p, sizeof(n));

    return soma_le32(n);
}


static uint64_t
soma_load64(const unsigned char *p)
{
    uint64_t  n;

    memcpy(&n, p, sizeof(n));

    return soma_le64(n);
}


static void
soma_store32(unsigned char *p, uint32_t n)
{
    n = soma_le32(n);
    memcpy(p, &n, sizeof(n));
}


static void
soma_store64(unsigned char *p, uint64_t n)
{
    n = soma_le64(n);
    memcpy(p, &n, sizeof(n));
}


static void
soma_release32(unsigned char *p, uint32_t n)
{
    __atomic_store_n((uint32_t *) (void *) p, soma_le32(n),
                     __ATOMIC_RELEASE);
}


static uint32_t
soma_acquire32(const unsigned char *p)
{
    return soma_le32(__atomic_load_n((const uint32_t *) (const void *) p,
                                     __ATOMIC_ACQUIRE));
}


static int
soma_is_hex(const unsigned char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (!(p[i] >= '0' && p[i] <= '9')
            && !(p[i] >= 'a' && p[i] <= 'f')
            && !(p[i] >= 'A' && p[i] <= 'F'))
        {
            return 0;
        }
    }

    return 1;
}


static int
soma_is_aligned(const unsigned char *base)
{
    return (uintptr_t) base % SOMA_SEGMENT_ALIGN == 0;
}


static uint32_t
soma_segment_header_crc(const unsigned char *base)
{
    uLong  crc;

    crc = crc32(0, base, SOMA_AT_CRC);
    crc = crc32(crc, base + SOMA_AT_WRITER, SOMA_AT_ACKED - SOMA_AT_WRITER);

    return (uint32_t) crc;
}


#if (__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
soma_crc32c_sse42(uint32_t crc, const unsigned char *p, size_t len)
{
    uint64_t  word;

    for ( /* void */ ; len >= sizeof(word); len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        crc = (uint32_t) _mm_crc32_u64(crc, word);
        p += sizeof(word);
    }

    while (len--) {
        crc = _mm_crc32_u8(crc, *p++);
    }

    return crc;
}

#endif


/* Castagnoli's polynomial, as in iSCSI (RFC 3720): x86 computes it */
static uint32_t
soma_crc32c(const unsigned char *p, size_t len)
{
    uint32_t  crc;

    static const uint32_t  half[] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75
    };

    crc = 0xffffffff;

#if (__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~soma_crc32c_sse42(crc, p, len);
    }
#endif

    while (len--) {
        crc ^= *p++;
        crc = (crc >> 4) ^ half[crc & 0x0f];
        crc = (crc >> 4) ^ half[crc & 0x0f];
    }

    return ~crc;
}


/* seq and payload lie side by side */
static uint32_t
soma_segment_record_crc(const unsigned char *record, size_t len)
{
    return soma_crc32c(record + SOMA_AT_RECORD_SEQ, sizeof(uint64_t) + len);
}


static size_t
soma_segment_record_size(size_t len)
{
    return (SOMA_SEGMENT_RECORD + len + SOMA_SEGMENT_ALIGN - 1)
           & ~((size_t) SOMA_SEGMENT_ALIGN - 1);
}


int
soma_segment_create(soma_segment_t *segment, unsigned char *base,
    size_t size, soma_str_t writer, uint64_t number, uint64_t first_seq,
    int64_t now)
{
    if (size < SOMA_SEGMENT_MIN || !soma_is_aligned(base)
        || writer.len != SOMA_WRITER_LEN
        || !soma_is_hex(writer.data, writer.len)
        || number == 0 || first_seq == 0)
    {
        return SOMA_ERROR;
    }

    memset(segment, 0, sizeof(soma_segment_t));

    segment->base = base;
    segment->size = size;
    segment->pos = SOMA_SEGMENT_HEADER;
    segment->seq = first_seq - 1;
    segment->number = number;
    segment->first_seq = first_seq;
    segment->created = now;
    memcpy(segment->writer, writer.data, SOMA_WRITER_LEN);

    memset(base, 0, SOMA_SEGMENT_HEADER);
    soma_release32(base + SOMA_SEGMENT_HEADER, 0);

    soma_store32(base + SOMA_AT_VERSION, SOMA_SEGMENT_VERSION);
    memcpy(base + SOMA_AT_WRITER, writer.data, SOMA_WRITER_LEN);
    soma_store64(base + SOMA_AT_NUMBER, number);
    soma_store64(base + SOMA_AT_FIRST, first_seq);
    soma_store64(base + SOMA_AT_CREATED, (uint64_t) now);
    soma_store64(base + SOMA_AT_ACKED, first_seq - 1);

    /* the magic is part of the CRC, so a header half written is no header */
    memcpy(base, SOMA_SEGMENT_MAGIC, sizeof(SOMA_SEGMENT_MAGIC) - 1);
    soma_release32(base + SOMA_AT_CRC, soma_segment_header_crc(base));

    return SOMA_OK;
}


static size_t
soma_segment_torn(const unsigned char *base, size_t pos, size_t size)
{
    size_t    end;
    uint64_t  word;

    end = size;

    while (end > pos && end % sizeof(word) != 0) {
        if (base[end - 1] != 0) {
            return end - pos;
        }

        end--;
    }

    while (end >= pos + sizeof(word)) {
        memcpy(&word, base + end - sizeof(word), sizeof(word));

        if (word != 0) {
            break;
        }

        end -= sizeof(word);
    }

    while (end > pos && base[end - 1] == 0) {
        end--;
    }

    return end - pos;
}


int
soma_segment_open(soma_segment_t *segment, unsigned char *base,
    size_t size, size_t *torn, const char **error)
{
    uint64_t               seq;
    soma_str_t             payload;
    soma_segment_cursor_t  cursor;

    *torn = 0;
    *error = NULL;

    if (size < SOMA_SEGMENT_HEADER) {
        *error = "the file is shorter than a segment's header";

    } else if (!soma_is_aligned(base)) {
        *error = "the segment is not aligned in memory";

    } else if (memcmp(base, SOMA_SEGMENT_MAGIC,
                      sizeof(SOMA_SEGMENT_MAGIC) - 1) != 0)
    {
        *error = "the file is not a journal segment";

    } else if (soma_acquire32(base + SOMA_AT_CRC)
               != soma_segment_header_crc(base))
    {
        *error = "the header of the segment is damaged";

    } else if (soma_load32(base + SOMA_AT_VERSION) != SOMA_SEGMENT_VERSION) {
        *error = "the segment is of another version";

    } else if (soma_load64(base + SOMA_AT_FIRST) == 0
               || soma_load64(base + SOMA_AT_NUMBER) == 0
               || !soma_is_hex(base + SOMA_AT_WRITER, SOMA_WRITER_LEN))
    {
        *error = "the header of the segment makes no sense";
    }

    if (*error != NULL) {
        return SOMA_ERROR;
    }

    memset(segment, 0, sizeof(soma_segment_t));

    segment->base = base;
    segment->size = size;
    segment->number = soma_load64(base + SOMA_AT_NUMBER);
    segment->first_seq = soma_load64(base + SOMA_AT_FIRST);
    segment->created = (int64_t) soma_load64(base + SOMA_AT_CREATED);
    memcpy(segment->writer, base + SOMA_AT_WRITER, SOMA_WRITER_LEN);

    memset(&cursor, 0, sizeof(soma_segment_cursor_t));

    while (soma_segment_next(segment, &cursor, &seq, &payload) == SOMA_OK) {
        /* void */
    }

    segment->pos = cursor.pos;
    segment->seq = cursor.seq;

    *torn = soma_segment_torn(base, segment->pos, size);

    return SOMA_OK;
}


int
soma_segment_damaged(const soma_segment_t *segment, size_t torn)
{
    const unsigned char  *p;

    if (torn == 0) {
        return 0;
    }

    /* an append sets a length of 0 and the number first, the length last */

    p = segment->base + segment->pos;

    return segment->size - segment->pos < SOMA_SEGMENT_RECORD
           || torn > soma_segment_record_size(SOMA_SEGMENT_PAYLOAD_MAX)
           || soma_acquire32(p) != 0
           || soma_load64(p + SOMA_AT_RECORD_SEQ) != segment->seq + 1;
}


int
soma_segment_append(soma_segment_t *segment, const unsigned char *payload,
    size_t len)
{
    size_t          size, pad;
    unsigned char  *p;

    if (len == 0 || len > SOMA_SEGMENT_PAYLOAD_MAX) {
        return SOMA_ERROR;
    }

    size = soma_segment_record_size(len);

    if (segment->pos > segment->size || size > segment->size - segment->pos
        || segment->seq == UINT64_MAX || soma_segment_closed(segment))
    {
        return SOMA_DECLINED;
    }

    p = segment->base + segment->pos;

    /* not 0 only where something damaged follows the last good record */
    soma_release32(p, 0);

    soma_store64(p + SOMA_AT_RECORD_SEQ, segment->seq + 1);
    memcpy(p + SOMA_SEGMENT_RECORD, payload, len);

    pad = size - SOMA_SEGMENT_RECORD - len;

    if (pad != 0) {
        memset(p + SOMA_SEGMENT_RECORD + len, 0, pad);
    }

    soma_store32(p + SOMA_AT_RECORD_CRC, soma_segment_record_crc(p, len));

    /* where a longer record was cut off here before, the next length would
     * be some of its bytes */
    if (segment->size - segment->pos - size >= sizeof(uint32_t)) {
        soma_release32(p + size, 0);
    }

    soma_release32(p, (uint32_t) len);

    segment->pos += size;
    segment->seq++;

    return SOMA_OK;
}


int
soma_segment_next(const soma_segment_t *segment,
    soma_segment_cursor_t *cursor, uint64_t *seq, soma_str_t *payload)
{
    size_t                len, left;
    const unsigned char  *p;

    if (cursor->pos < SOMA_SEGMENT_HEADER) {
        cursor->pos = SOMA_SEGMENT_HEADER;
        cursor->seq = segment->first_seq - 1;
    }

    if (segment->size < cursor->pos
        || segment->size - cursor->pos < SOMA_SEGMENT_RECORD
        || cursor->pos % SOMA_SEGMENT_ALIGN != 0)
    {
        return SOMA_DONE;
    }

    p = segment->base + cursor->pos;
    left = segment->size - cursor->pos;
    len = soma_acquire32(p);

    if (len == 0 || len > SOMA_SEGMENT_PAYLOAD_MAX
        || soma_segment_record_size(len) > left
        || soma_load64(p + SOMA_AT_RECORD_SEQ) != cursor->seq + 1
        || soma_load32(p + SOMA_AT_RECORD_CRC)
           != soma_segment_record_crc(p, len))
    {
        return SOMA_DONE;
    }

    cursor->pos += soma_segment_record_size(len);
    cursor->seq++;

    *seq = cursor->seq;
    payload->data = (unsigned char *) p + SOMA_SEGMENT_RECORD;
    payload->len = len;

    return SOMA_OK;
}


void
soma_segment_close(soma_segment_t *segment)
{
    soma_release32(segment->base + SOMA_AT_CLOSED, 1);
}


int
soma_segment_closed(const soma_segment_t *segment)
{
    return soma_acquire32(segment->base + SOMA_AT_CLOSED) != 0;
}


void
soma_segment_ack(soma_segment_t *segment, uint64_t seq)
{
    __atomic_store_n((uint64_t *) (void *) (segment->base + SOMA_AT_ACKED),
                     soma_le64(seq), __ATOMIC_RELEASE);
}


uint64_t
soma_segment_acked(const soma_segment_t *segment)
{
    const void  *p;

    p = segment->base + SOMA_AT_ACKED;

    return soma_le64(__atomic_load_n((const uint64_t *) p,
                                     __ATOMIC_ACQUIRE));
}


void
soma_segment_name(soma_out_t *out, soma_str_t writer, uint64_t number)
{
    size_t         i;
    unsigned char  digits[SOMA_SEGMENT_DIGITS_MAX];

    i = sizeof(digits);

    while (number != 0 || i > sizeof(digits) - SOMA_SEGMENT_DIGITS) {
        digits[--i] = (unsigned char) ('0' + number % 10);
        number /= 10;
    }

    soma_put_str(out, writer);
    soma_put_char(out, '-');
    soma_put(out, digits + i, sizeof(digits) - i);
    soma_put_cstr(out, SOMA_SEGMENT_SUFFIX);
}


int
soma_segment_parse_name(soma_str_t name, soma_str_t *writer,
    uint64_t *number)
{
    size_t      suffix;
    int64_t     n;
    soma_str_t  digits;

    suffix = sizeof(SOMA_SEGMENT_SUFFIX) - 1;

    if (name.len < SOMA_WRITER_LEN + 1 + SOMA_SEGMENT_DIGITS + suffix
        || !soma_is_hex(name.data, SOMA_WRITER_LEN)
        || name.data[SOMA_WRITER_LEN] != '-'
        || memcmp(name.data + name.len - suffix, SOMA_SEGMENT_SUFFIX,
                  suffix) != 0)
    {
        return SOMA_DECLINED;
    }

    digits.data = name.data + SOMA_WRITER_LEN + 1;
    digits.len = name.len - SOMA_WRITER_LEN - 1 - suffix;

    /* one number, one name */
    if ((digits.len > SOMA_SEGMENT_DIGITS && digits.data[0] == '0')
        || soma_number_int(digits, &n) != SOMA_OK || n == 0)
    {
        return SOMA_DECLINED;
    }

    writer->data = name.data;
    writer->len = SOMA_WRITER_LEN;
    *number = (uint64_t) n;

    return SOMA_OK;
}
