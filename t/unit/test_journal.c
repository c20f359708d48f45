
/*
 * Copyright (C) The ngx_soma authors
 *
 * The journal's segment, in memory, damaged in every way, and across
 * processes that are killed while they write.
 */


#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include "soma_test.h"
#include "soma_segment.h"


#define WRITER    "0123456789abcdef"
#define KILLS     200
#define KILL_US   700               /* a writer lives at most so long */
#define LIVE      20000             /* records a reader sees arrive */
#define BIG       (2 * 1024 * 1024)
#define DAMAGED   24
#define PAYLOAD   600
#define APPENDS   200000


typedef struct {
    volatile uint64_t  seq;         /* of the last append that returned */
    volatile int       ready;
} witness_t;


static _Alignas(8) unsigned char  memory[SOMA_SEGMENT_MIN];
static _Alignas(8) unsigned char  copy[SOMA_SEGMENT_MIN];


/* what record "seq" holds is known from seq alone */
static size_t
payload_of(uint64_t seq, unsigned char *p)
{
    size_t    i, len;
    uint64_t  x;

    x = seq * UINT64_C(0x9e3779b97f4a7c15) + 1;
    len = 1 + (x >> 40) % PAYLOAD;

    for (i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (unsigned char) x;
    }

    return len;
}


static int
is_payload_of(uint64_t seq, soma_str_t payload)
{
    size_t         len;
    unsigned char  want[PAYLOAD];

    len = payload_of(seq, want);

    return payload.len == len && memcmp(payload.data, want, len) == 0;
}


static int
append(soma_segment_t *segment)
{
    unsigned char  payload[PAYLOAD];

    return soma_segment_append(segment, payload,
                               payload_of(segment->seq + 1, payload));
}


/* records that are there, in order and right; -1 when one is not */
static int64_t
good(const soma_segment_t *segment)
{
    int64_t                n;
    uint64_t               seq;
    soma_str_t             payload;
    soma_segment_cursor_t  cursor;

    memset(&cursor, 0, sizeof(cursor));
    n = 0;

    while (soma_segment_next(segment, &cursor, &seq, &payload) == SOMA_OK) {
        if (seq != segment->first_seq + (uint64_t) n
            || !is_payload_of(seq, payload))
        {
            return -1;
        }

        n++;
    }

    return n;
}


/* the CRC a header of these bytes must have */
static void
seal(unsigned char *base)
{
    uint32_t  crc;

    crc = (uint32_t) crc32(crc32(0, base, 12), base + 16, 40);
    memcpy(base + 12, &crc, sizeof(crc));
}


/* Castagnoli's, bit by bit */
static uint32_t
crc32c(const unsigned char *p, size_t len)
{
    int       i;
    uint32_t  crc;

    for (crc = 0xffffffff; len--; /* void */) {
        crc ^= *p++;

        for (i = 0; i < 8; i++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }

    return ~crc;
}


static void
test_record_crc(void)
{
    size_t          len;
    uint32_t        crc;
    soma_segment_t  segment;
    unsigned char  *record;

    soma_is_int(crc32c((void *) "123456789", 9), 0xe3069283,
                "the check value of CRC-32C");

    for (len = 1; len < 40; len++) {
        memset(memory, 0, sizeof(memory));

        if (soma_segment_create(&segment, memory, sizeof(memory), str(WRITER),
                                7, 1001, 1234567)
            != SOMA_OK
            || soma_segment_append(&segment,
                                   (void *) "a payload of any length up to 40",
                                   len < 32 ? len : 32)
               != SOMA_OK)
        {
            break;
        }

        record = memory + SOMA_SEGMENT_HEADER;
        memcpy(&crc, record + 4, sizeof(crc));

        if (crc != crc32c(record + 8, 8 + (len < 32 ? len : 32))) {
            break;
        }
    }

    soma_is_int(len, 40, "a record's CRC is CRC-32C, whatever its length");
}


static void
test_basics(void)
{
    size_t                 torn;
    uint64_t               seq, n;
    const char            *error;
    soma_str_t             payload;
    soma_segment_t         segment, back;
    soma_segment_cursor_t  cursor;

    memset(memory, 0, sizeof(memory));

    soma_is_int(soma_segment_create(&segment, memory, sizeof(memory),
                                    str(WRITER), 7, 1001, 1234567),
                SOMA_OK, "creates");
    soma_is_int(soma_segment_acked(&segment), 1000, "nothing acknowledged");
    soma_ok(!soma_segment_closed(&segment), "open");

    memset(&cursor, 0, sizeof(cursor));
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_DONE, "no record");

    soma_is_int(soma_segment_append(&segment, (void *) "one", 3), SOMA_OK,
                "appends");
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_OK, "a cursor at the end sees it");
    soma_is_int(seq, 1001, "with its sequence");
    soma_is_str(payload.data, payload.len, "one", "and its bytes");
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_DONE, "once");

    soma_is_int(soma_segment_append(&segment, (void *) "x", 0), SOMA_ERROR,
                "nothing is no record");
    soma_is_int(soma_segment_append(&segment, memory,
                                    SOMA_SEGMENT_PAYLOAD_MAX + 1),
                SOMA_ERROR, "too much is none");

    soma_segment_ack(&segment, 1001);

    soma_is_int(soma_segment_open(&back, memory, sizeof(memory), &torn,
                                  &error),
                SOMA_OK, "opens");
    soma_is_int(torn, 0, "nothing torn");
    soma_is_int(back.number, 7, "number");
    soma_is_int(back.first_seq, 1001, "first sequence");
    soma_is_int(back.seq, 1001, "last sequence");
    soma_is_int(back.pos, segment.pos, "position");
    soma_is_int(back.created, 1234567, "time");
    soma_is_str(back.writer, SOMA_WRITER_LEN, WRITER, "writer");
    soma_is_int(soma_segment_acked(&back), 1001, "acknowledged");

    soma_segment_close(&segment);
    soma_ok(soma_segment_closed(&back), "closed, for all who look");
    soma_is_int(soma_segment_append(&back, (void *) "two", 3), SOMA_DECLINED,
                "and takes no more");

    memset(memory, 0, sizeof(memory));
    soma_segment_create(&segment, memory, sizeof(memory), str(WRITER), 1, 1,
                        0);

    for (n = 0; append(&segment) == SOMA_OK; n++) { /* void */ }

    soma_ok(n > 100, "%d records fit", (int) n);
    soma_is_int(good(&segment), n, "all of them are good");
    soma_is_int(append(&segment), SOMA_DECLINED, "no more fits");

    n = (segment.size - segment.pos) & ~UINT64_C(7);

    if (n > SOMA_SEGMENT_RECORD) {
        soma_is_int(soma_segment_append(&segment, copy,
                                        n - SOMA_SEGMENT_RECORD),
                    SOMA_OK, "one that fits exactly does");
        soma_is_int(soma_segment_append(&segment, copy, 1), SOMA_DECLINED,
                    "to the last byte");
    }

    soma_is_int(soma_segment_open(&back, memory, sizeof(memory), &torn,
                                  &error),
                SOMA_OK, "a full one opens");
    soma_is_int(back.seq, segment.seq, "with all its records");
}


static void
test_refused(void)
{
    size_t           torn;
    const char      *error;
    soma_segment_t   segment;

#define refused(text)                                                         \
    soma_is_int(soma_segment_open(&segment, copy, sizeof(copy), &torn,        \
                                  &error), SOMA_ERROR, "refused");            \
    soma_is_str(error, strlen(error), text, "says why")

    memset(memory, 0, sizeof(memory));

    soma_is_int(soma_segment_create(&segment, memory, SOMA_SEGMENT_MIN - 1,
                                    str(WRITER), 1, 1, 0),
                SOMA_ERROR, "too small to create");
    soma_is_int(soma_segment_create(&segment, memory + 1, SOMA_SEGMENT_MIN,
                                    str(WRITER), 1, 1, 0),
                SOMA_ERROR, "not aligned");
    soma_is_int(soma_segment_create(&segment, memory, sizeof(memory),
                                    str("0123456789abcde/"), 1, 1, 0),
                SOMA_ERROR, "a writer that is no file name");
    soma_is_int(soma_segment_create(&segment, memory, sizeof(memory),
                                    str("0123"), 1, 1, 0),
                SOMA_ERROR, "a short writer");
    soma_is_int(soma_segment_create(&segment, memory, sizeof(memory),
                                    str(WRITER), 0, 1, 0),
                SOMA_ERROR, "number 0");
    soma_is_int(soma_segment_create(&segment, memory, sizeof(memory),
                                    str(WRITER), 1, 0, 0),
                SOMA_ERROR, "sequence 0");

    soma_segment_create(&segment, memory, sizeof(memory), str(WRITER), 1, 1,
                        0);

    memset(copy, 0, sizeof(copy));
    refused("the file is not a journal segment");

    memset(copy, 'x', sizeof(copy));
    refused("the file is not a journal segment");

    memcpy(copy, memory, sizeof(copy));
    copy[7] = '2';
    refused("the file is not a journal segment");

    memcpy(copy, memory, sizeof(copy));
    copy[41] ^= 1;
    refused("the header of the segment is damaged");

    memcpy(copy, memory, sizeof(copy));
    copy[8] = 2;
    seal(copy);
    refused("the segment is of another version");

    memcpy(copy, memory, sizeof(copy));
    memset(copy + 40, 0, 8);
    seal(copy);
    refused("the header of the segment makes no sense");

    memcpy(copy, memory, sizeof(copy));
    copy[16] = '/';
    seal(copy);
    refused("the header of the segment makes no sense");

    soma_is_int(soma_segment_open(&segment, memory,
                                  SOMA_SEGMENT_HEADER - 1, &torn, &error),
                SOMA_ERROR, "shorter than its header");
    soma_is_int(soma_segment_open(&segment, memory, SOMA_SEGMENT_HEADER,
                                  &torn, &error),
                SOMA_OK, "a header alone is an empty segment");
    soma_is_int(segment.seq, 0, "without a record");
}


/* every size a file may have been cut to, every byte that may have turned */
static void
test_damage(void)
{
    size_t            i, k, n, torn, step, wrong, ends[DAMAGED];
    int64_t           got, want;
    uint64_t          seq;
    const char       *error;
    soma_str_t        payload;
    soma_segment_t    segment, back;
    soma_segment_cursor_t  cursor;

    memset(memory, 0, sizeof(memory));
    soma_segment_create(&segment, memory, sizeof(memory), str(WRITER), 1, 5,
                        0);

    for (n = 0; n < DAMAGED && append(&segment) == SOMA_OK; n++) {
        ends[n] = segment.pos;
    }

    memset(&cursor, 0, sizeof(cursor));
    wrong = 0;
    step = soma_valgrind() ? 97 : 1;

    for (i = SOMA_SEGMENT_HEADER; i <= ends[n - 1] + 8; i += step) {
        for (k = 0; k < n && ends[k] <= i; k++) { /* void */ }

        memcpy(copy, memory, i);

        wrong += (soma_segment_open(&back, copy, i, &torn, &error) != SOMA_OK
                  || good(&back) != (int64_t) k);
    }

    soma_is_int(wrong, 0, "cut anywhere, the records before are there");

    memcpy(copy, memory, sizeof(copy));
    wrong = 0;

    for (i = 0; i < sizeof(copy); i += (i < ends[n - 1] + 32) ? step : 4099) {
        copy[i] ^= 1 << i % 8;

        for (k = 0; k < n && ends[k] <= i; k++) { /* void */ }

        if (soma_segment_open(&back, copy, sizeof(copy), &torn, &error)
            != SOMA_OK)
        {
            wrong += (i >= 56);

        } else {
            got = good(&back);
            want = (i < SOMA_SEGMENT_HEADER) ? (int64_t) n : (int64_t) k;

            /* padding belongs to nobody */
            if (got != want && got != (int64_t) n) {
                wrong++;
            }

            if (i >= 68 && got != (int64_t) n && torn == 0) {
                wrong++;
            }
        }

        copy[i] ^= 1 << i % 8;
    }

    soma_is_int(wrong, 0, "any bit turned, the records before are there");

    memcpy(copy, memory, sizeof(copy));
    memset(copy + ends[9] + 4, 0, sizeof(copy) - ends[9] - 4);
    soma_segment_open(&back, copy, sizeof(copy), &torn, &error);
    soma_is_int(good(&back), 10, "zeros in place of the tail");
    soma_is_int(torn, copy[ends[9] + 1] ? 2 : 1, "torn: what is not zero");

    /* a longer record was cut off where a shorter one goes now: all its
     * bytes read as lengths until they are written over */
    memset(copy + ends[9], 0x01, PAYLOAD * 8);
    soma_segment_open(&back, copy, sizeof(copy), &torn, &error);
    soma_is_int(torn, PAYLOAD * 8, "a torn record is reported");
    soma_is_int(back.seq, 14, "behind the good ones");
    soma_is_int(soma_segment_damaged(&back, torn), 1, "which is damage");

    memset(copy + ends[9], 0, 16);
    copy[ends[9] + 8] = 15;
    soma_is_int(soma_segment_damaged(&back, torn), 0,
                "its number and no length: an append that was cut off");
    copy[ends[9] + 8] = 16;
    soma_is_int(soma_segment_damaged(&back, torn), 1, "another number");
    soma_is_int(soma_segment_damaged(&back, 0), 0, "nothing there");
    memset(copy + ends[9], 0x01, 16);

    wrong = 0;

    for (k = 0; k < 20; k++) {
        wrong += (append(&back) != SOMA_OK || good(&back) != 11 + (int) k);
    }

    soma_is_int(wrong, 0, "and is written over, record by record");

    /* a repeated or missing sequence ends the segment */
    memcpy(copy, memory, sizeof(copy));
    memcpy(copy + ends[9], copy + ends[0], ends[1] - ends[0]);
    soma_segment_open(&back, copy, sizeof(copy), &torn, &error);
    soma_is_int(good(&back), 10, "an old record in a new place is none");

    cursor.pos = 3;
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_OK, "a cursor in the header is at the start");
    cursor.pos = sizeof(memory) * 2;
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_DONE, "one behind the end is at the end");
    cursor.pos = 129;
    soma_is_int(soma_segment_next(&segment, &cursor, &seq, &payload),
                SOMA_DONE, "one between is at no record");
}


static unsigned char *
map(FILE *f)
{
    void  *p;

    p = mmap(NULL, BIG, PROT_READ|PROT_WRITE, MAP_SHARED, fileno(f), 0);

    if (p == MAP_FAILED) {
        printf("Bail out! mmap\n");
        exit(2);
    }

    return p;
}


static FILE *
file(void)
{
    FILE  *f;

    f = tmpfile();

    if (f == NULL || ftruncate(fileno(f), BIG) != 0) {
        printf("Bail out! tmpfile\n");
        exit(2);
    }

    return f;
}


static void
writer_forever(FILE *f, witness_t *witness)
{
    size_t           torn;
    const char      *error;
    soma_segment_t   segment;

    if (soma_segment_open(&segment, map(f), BIG, &torn, &error) != SOMA_OK) {
        _exit(1);
    }

    witness->seq = segment.seq;
    witness->ready = 1;

    while (append(&segment) == SOMA_OK) {
        witness->seq = segment.seq;
    }

    for ( ;; ) {
        pause();
    }
}


/*
 * A writer is killed at a random moment; the next one goes on where it was,
 * in the same segment until that is full.
 */
static void
test_kill(void)
{
    int              i, rounds, status, torn_rounds, full;
    FILE            *f;
    pid_t            pid;
    size_t           torn, bad, lost, records;
    unsigned         seed;
    const char      *error;
    witness_t       *witness;
    unsigned char   *base;
    soma_segment_t   segment;
    struct timespec  ts;

    rounds = soma_valgrind() ? 20 : KILLS;
    seed = 12345;
    torn_rounds = 0;
    full = 0;
    bad = 0;
    lost = 0;
    records = 0;

    f = file();
    base = map(f);
    witness = mmap(NULL, 4096, PROT_READ|PROT_WRITE,
                   MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    soma_segment_create(&segment, base, BIG, str(WRITER), 1, 1, 0);
    fflush(stdout);

    for (i = 0; i < rounds; i++) {

        witness->ready = 0;
        pid = fork();

        if (pid == 0) {
            writer_forever(f, witness);
        }

        while (!witness->ready) {
            if (waitpid(pid, &status, WNOHANG) == pid) {
                soma_ok(0, "the writer opened its segment");
                return;
            }
        }

        ts.tv_sec = 0;
        ts.tv_nsec = (rand_r(&seed) % KILL_US) * 1000;
        nanosleep(&ts, NULL);

        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);

        munmap(base, BIG);
        base = map(f);

        if (soma_segment_open(&segment, base, BIG, &torn, &error) != SOMA_OK
            || good(&segment) != (int64_t) segment.seq)
        {
            bad++;
            break;
        }

        torn_rounds += (torn != 0);
        lost += (segment.seq < witness->seq);
        lost += (segment.seq > witness->seq + 1);

        if (segment.size - segment.pos < 2 * PAYLOAD) {
            full++;
            records += segment.seq;
            memset(base, 0, BIG);
            soma_segment_create(&segment, base, BIG, str(WRITER), 1, 1, 0);
        }
    }

    printf("# %d writers killed, %d in the middle of a record, %d segments "
           "filled, %zu records\n", rounds, torn_rounds, full,
           records + segment.seq);

    soma_is_int(bad, 0, "after every kill all records are good");
    soma_is_int(lost, 0, "none is lost that had been appended");

    munmap(base, BIG);
    munmap(witness, 4096);
    fclose(f);
}


/* a reader in another process than the writer sees each record once, whole */
static void
test_live(void)
{
    int                    rc, status;
    FILE                  *f;
    pid_t                  pid;
    size_t                 torn, wrong;
    uint64_t               seq, last, n;
    const char            *error;
    soma_str_t             payload;
    unsigned char         *base;
    soma_segment_t         segment;
    soma_segment_cursor_t  cursor;
    struct timespec        ts;

    n = soma_valgrind() ? LIVE / 20 : LIVE;
    f = file();
    base = map(f);
    soma_segment_create(&segment, base, BIG, str(WRITER), 1, 1, 0);
    fflush(stdout);

    pid = fork();

    if (pid == 0) {
        ts = (struct timespec) { 0, 1000 };

        while (segment.seq < n) {
            payload.data = (unsigned char *) &segment.seq;

            if (soma_segment_append(&segment, payload.data,
                                    sizeof(uint64_t)) != SOMA_OK)
            {
                _exit(1);
            }

            if (segment.seq % 1000 == 0) {
                nanosleep(&ts, NULL);
            }
        }

        soma_segment_close(&segment);
        _exit(0);
    }

    munmap(base, BIG);
    base = mmap(NULL, BIG, PROT_READ, MAP_SHARED, fileno(f), 0);

    soma_is_int(soma_segment_open(&segment, base, BIG, &torn, &error),
                SOMA_OK, "a reader opens a segment being written");

    memset(&cursor, 0, sizeof(cursor));
    last = 0;
    wrong = 0;

    for ( ;; ) {
        status = soma_segment_closed(&segment);
        rc = soma_segment_next(&segment, &cursor, &seq, &payload);

        if (rc == SOMA_OK) {
            wrong += (seq != last + 1 || payload.len != sizeof(uint64_t)
                      || memcmp(payload.data, &last, sizeof(last)) != 0);
            last = seq;

        } else if (status) {
            break;
        }
    }

    waitpid(pid, &status, 0);

    soma_is_int(wrong, 0, "every record once, in order, whole");
    soma_is_int(last, n, "to the last one before it was closed");

    munmap(base, BIG);
    fclose(f);
}


static void
test_names(void)
{
    size_t       i;
    uint64_t     number;
    soma_out_t   out;
    soma_str_t   writer, name;
    char         buf[64];

    static const char *const  bad[] = {
        "", "x", WRITER "-00000001.som", WRITER "-0000001.soma",
        WRITER "_00000001.soma", WRITER "-00000000.soma",
        WRITER "-000000001.soma", WRITER "-0000000a.soma",
        WRITER "-00000001.soma~", "g123456789abcdef-00000001.soma",
        WRITER "-99999999999999999999.soma", "../../../../../../x.soma"
    };

    soma_put_init(&out, buf, sizeof(buf));
    soma_segment_name(&out, str(WRITER), 42);
    soma_is_str(buf, out.pos - out.start, WRITER "-00000042.soma", "a name");

    name.data = out.start;
    name.len = (size_t) (out.pos - out.start);
    soma_is_int(soma_segment_parse_name(name, &writer, &number), SOMA_OK,
                "is read back");
    soma_is_str(writer.data, writer.len, WRITER, "its writer");
    soma_is_int(number, 42, "its number");

    soma_put_init(&out, buf, sizeof(buf));
    soma_segment_name(&out, str(WRITER), 1234567890123);
    name.data = out.start;
    name.len = (size_t) (out.pos - out.start);
    soma_is_str(buf, name.len, WRITER "-1234567890123.soma", "a long one");
    soma_is_int(soma_segment_parse_name(name, &writer, &number), SOMA_OK,
                "is read back");
    soma_is_int(number, 1234567890123, "its number");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        soma_is_int(soma_segment_parse_name(str(bad[i]), &writer, &number),
                    SOMA_DECLINED, "no name: \"%s\"", bad[i]);
    }
}


static void
test_speed(void)
{
    size_t           i;
    clock_t          start;
    soma_segment_t   segment;

    start = clock();
    soma_segment_create(&segment, memory, sizeof(memory), str(WRITER), 1, 1,
                        0);

    for (i = 0; i < APPENDS / (soma_valgrind() ? 100 : 1); i++) {
        if (soma_segment_append(&segment, copy, 400) != SOMA_OK) {
            soma_segment_create(&segment, memory, sizeof(memory),
                                str(WRITER), 1, 1, 0);
        }
    }

    printf("# append of 400 bytes: %.0f ns\n",
           (double) (clock() - start) * 1e9 / CLOCKS_PER_SEC / (double) i);
}


int
main(void)
{
    test_record_crc();
    test_basics();
    test_refused();
    test_damage();
    test_names();
    test_kill();
    test_live();
    test_speed();

    return soma_done();
}
