
/*
 * Copyright (C) The ngx_soma authors
 *
 * Byte-pair encoding of pieces: of all neighbours that together are a token,
 * those of the lowest rank become one, the first of equals, until there are
 * none.  Only the number of what is left is of interest.
 */


#include "soma_bpe_table.h"


#define SOMA_BPE_SHORT_MAX  48      /* up to here a plain search is faster */


/* a longer piece: its parts are a list, and their pairs are a heap */
typedef struct {
    const soma_bpe_t     *bpe;
    const unsigned char  *p;
    uint32_t              n;
    uint32_t              nheap;
    uint16_t              next[SOMA_BPE_PIECE_MAX + 1];
    uint16_t              prev[SOMA_BPE_PIECE_MAX + 1];
    uint32_t              rank[SOMA_BPE_PIECE_MAX];     /* with the next */
    uint32_t              heap[3 * SOMA_BPE_PIECE_MAX];
} soma_bpe_merge_t;


#define soma_bpe_heap_key(rank, at)  ((rank) * SOMA_BPE_PIECE_MAX + (at))


static inline uint32_t
soma_bpe_rank(const soma_bpe_t *bpe, const unsigned char *p, size_t len)
{
    uint32_t                i;
    uint64_t                first;
    const soma_bpe_slot_t  *slot;

    if (len > bpe->longest) {
        return SOMA_BPE_NO_RANK;
    }

    first = soma_bpe_first(p, len);

    for (i = soma_bpe_hash(first, p, len); /* void */ ; i++) {
        slot = &bpe->slot[i & bpe->mask];

        if (slot->rank == 0) {
            return SOMA_BPE_NO_RANK;
        }

        if (slot->first == first && soma_bpe_slot_len(slot) == len
            && (len <= SOMA_BPE_FIRST
                || memcmp(bpe->pool + slot->place, p + SOMA_BPE_FIRST,
                          len - SOMA_BPE_FIRST)
                   == 0))
        {
            return soma_bpe_slot_rank(slot);
        }
    }
}


static inline uint32_t
soma_bpe_pair(const soma_bpe_t *bpe, const unsigned char *p)
{
    return bpe->pair[p[0] << 8 | p[1]];
}


static uint32_t
soma_bpe_short(const soma_bpe_t *bpe, const unsigned char *p, uint32_t n)
{
    uint32_t       i, at, lowest, rank[SOMA_BPE_SHORT_MAX];
    unsigned char  start[SOMA_BPE_SHORT_MAX + 1];

    for (i = 0; i < n; i++) {
        start[i] = (unsigned char) i;
        rank[i] = (i + 1 < n) ? soma_bpe_pair(bpe, p + i) : SOMA_BPE_NO_RANK;
    }

    start[n] = (unsigned char) n;

    for ( ;; ) {
        lowest = SOMA_BPE_NO_RANK;
        at = 0;

        for (i = 0; i + 1 < n; i++) {
            if (rank[i] < lowest) {
                lowest = rank[i];
                at = i;
            }
        }

        if (lowest == SOMA_BPE_NO_RANK) {
            return n;
        }

        n--;

        for (i = at + 1; i < n; i++) {
            start[i] = start[i + 1];
            rank[i] = rank[i + 1];
        }

        start[n] = start[n + 1];

        rank[at] = (at + 1 < n)
                   ? soma_bpe_rank(bpe, p + start[at],
                                   start[at + 2] - start[at])
                   : SOMA_BPE_NO_RANK;

        if (at > 0) {
            rank[at - 1] = soma_bpe_rank(bpe, p + start[at - 1],
                                         start[at + 1] - start[at - 1]);
        }
    }
}


static void
soma_bpe_heap_put(soma_bpe_merge_t *m, uint32_t key)
{
    uint32_t  i, up;

    for (i = m->nheap++; i > 0; i = up) {
        up = (i - 1) / 2;

        if (m->heap[up] <= key) {
            break;
        }

        m->heap[i] = m->heap[up];
    }

    m->heap[i] = key;
}


static uint32_t
soma_bpe_heap_take(soma_bpe_merge_t *m)
{
    uint32_t  i, down, top, key;

    top = m->heap[0];
    key = m->heap[--m->nheap];

    for (i = 0; (down = 2 * i + 1) < m->nheap; i = down) {

        if (down + 1 < m->nheap && m->heap[down + 1] < m->heap[down]) {
            down++;
        }

        if (key <= m->heap[down]) {
            break;
        }

        m->heap[i] = m->heap[down];
    }

    m->heap[i] = key;

    return top;
}


/* the part at "at" has a new neighbour, or is longer */

static void
soma_bpe_merge_rank(soma_bpe_merge_t *m, uint32_t at)
{
    uint32_t  next, rank;

    next = m->next[at];
    rank = SOMA_BPE_NO_RANK;

    if (next < m->n) {
        rank = soma_bpe_rank(m->bpe, m->p + at, m->next[next] - at);
    }

    m->rank[at] = rank;

    if (rank != SOMA_BPE_NO_RANK) {
        soma_bpe_heap_put(m, soma_bpe_heap_key(rank, at));
    }
}


/*
 * A key whose rank is no longer that of its part is out of date.  At most
 * n - 1 merges put two keys each, beside the first n - 1.
 */

static uint32_t
soma_bpe_long(const soma_bpe_t *bpe, const unsigned char *p, uint32_t n)
{
    uint32_t          i, at, key, next, left;
    soma_bpe_merge_t  m;

    m.bpe = bpe;
    m.p = p;
    m.n = n;
    m.nheap = 0;

    for (i = 0; i < n; i++) {
        m.next[i] = (uint16_t) (i + 1);
        m.prev[i] = (uint16_t) (i - 1);
        m.rank[i] = (i + 1 < n) ? soma_bpe_pair(bpe, p + i) : SOMA_BPE_NO_RANK;

        if (m.rank[i] != SOMA_BPE_NO_RANK) {
            soma_bpe_heap_put(&m, soma_bpe_heap_key(m.rank[i], i));
        }
    }

    left = n;

    while (m.nheap != 0) {
        key = soma_bpe_heap_take(&m);
        at = key % SOMA_BPE_PIECE_MAX;

        if (m.rank[at] != key / SOMA_BPE_PIECE_MAX) {
            continue;
        }

        next = m.next[at];
        m.rank[next] = SOMA_BPE_NO_RANK;
        m.next[at] = m.next[next];
        m.prev[m.next[at]] = (uint16_t) at;
        left--;

        soma_bpe_merge_rank(&m, at);

        if (at > 0) {
            soma_bpe_merge_rank(&m, m.prev[at]);
        }
    }

    return left;
}


static inline uint32_t
soma_bpe_piece(const soma_bpe_t *bpe, const unsigned char *p, size_t len)
{
    if (len == 1 || soma_bpe_rank(bpe, p, len) != SOMA_BPE_NO_RANK) {
        return 1;
    }

    return len <= SOMA_BPE_SHORT_MAX ? soma_bpe_short(bpe, p, (uint32_t) len)
                                     : soma_bpe_long(bpe, p, (uint32_t) len);
}


/*
 * Counts pieces as far as they are decided and returns where it stopped:
 * without "last" at most SOMA_BPE_PIECE_MAX before the end.
 */

static const unsigned char *
soma_bpe_run(const soma_bpe_t *bpe, const unsigned char *p,
    const unsigned char *end, int last, int64_t *tokens)
{
    int                   whole;
    const unsigned char  *piece, *window;

    while (p < end) {
        whole = (end - p <= SOMA_BPE_PIECE_MAX);
        window = whole ? end : p + SOMA_BPE_PIECE_MAX;

        piece = soma_bpe_split(bpe, p, window, whole && last);

        if (piece != NULL) {
            *tokens += soma_bpe_piece(bpe, p, (size_t) (piece - p));
            p = piece;
            continue;
        }

        if (whole) {
            break;
        }

        *tokens += SOMA_BPE_PIECE_MAX;
        p = window;
    }

    return p;
}


int64_t
soma_bpe_count(const soma_bpe_t *bpe, soma_str_t text)
{
    int64_t  tokens;

    if (bpe == NULL) {
        return (int64_t) text.len;
    }

    tokens = 0;

    (void) soma_bpe_run(bpe, text.data, text.data + text.len, 1, &tokens);

    return tokens;
}


void
soma_bpe_stream_init(soma_bpe_stream_t *stream, const soma_bpe_t *bpe)
{
    stream->bpe = bpe;
    stream->bytes = 0;
    stream->settled = 0;
    stream->len = 0;
}


void
soma_bpe_stream_add(soma_bpe_stream_t *stream, const void *text, size_t len)
{
    size_t                n, done, old;
    const unsigned char  *p, *end, *pos;

    stream->bytes += (int64_t) len;

    if (stream->bpe == NULL) {
        return;
    }

    p = text;
    end = p + len;

    while (p < end && stream->len != 0) {

        /* a bit of it may do to end the tail's piece */

        old = stream->len;
        n = (size_t) (end - p);
        n = n < SOMA_BPE_STEP ? n : SOMA_BPE_STEP;

        memcpy(stream->tail + old, p, n);

        pos = soma_bpe_run(stream->bpe, stream->tail, stream->tail + old + n,
                           0, &stream->settled);
        done = (size_t) (pos - stream->tail);

        if (done >= old) {
            stream->len = 0;
            p += done - old;
            break;
        }

        stream->len = (uint32_t) (old + n - done);
        memmove(stream->tail, pos, stream->len);
        p += n;
    }

    if (p == end) {
        return;
    }

    p = soma_bpe_run(stream->bpe, p, end, 0, &stream->settled);

    stream->len = (uint32_t) (end - p);
    memcpy(stream->tail, p, stream->len);
}


int64_t
soma_bpe_stream_tokens(const soma_bpe_stream_t *stream)
{
    int64_t  tokens;

    if (stream->bpe == NULL) {
        return stream->bytes;
    }

    tokens = stream->settled;

    (void) soma_bpe_run(stream->bpe, stream->tail,
                        stream->tail + stream->len, 1, &tokens);

    return tokens;
}
