
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_work.h"


#define SOMA_WORK_BYTES_SECOND  1000        /* of sound at 8 kbit/s */
#define SOMA_WORK_MS            1000        /* in a second */
#define SOMA_WORK_WAV_PCM       1
#define SOMA_WORK_WAV_FLOAT     3
#define SOMA_WORK_OPUS_RATE     48000       /* of its granules, whatever its
                                               sound had */
#define SOMA_WORK_OGG_PAGE      27          /* bytes of a page's header */
#define SOMA_WORK_OGG_MAX       65307       /* bytes of a page */


static size_t soma_work_id3(soma_str_t file);
static int64_t soma_work_ogg_rate(const unsigned char *p);
static int64_t soma_work_wav(soma_str_t file);
static int64_t soma_work_mp3(soma_str_t file);
static size_t soma_work_frame(const unsigned char *p, int64_t *samples,
    int64_t *rate);
static int64_t soma_work_flac(soma_str_t file);
static int64_t soma_work_ogg(soma_str_t file);


static uint32_t
soma_work_le(const unsigned char *p, unsigned n)
{
    uint32_t  v;

    for (v = 0; n > 0; n--) {
        v = v << 8 | p[n - 1];
    }

    return v;
}


int64_t
soma_work_characters(soma_str_t string)
{
    int64_t               n;
    const unsigned char  *p, *end;

    if (string.len < 2) {
        return 0;
    }

    n = 0;
    p = string.data + 1;
    end = string.data + string.len - 1;

    while (p < end) {

        if (*p != '\\') {
            n += (*p++ & 0xc0) != 0x80;
            continue;
        }

        if (end - p < 6 || p[1] != 'u') {
            p += 2;
            n++;
            continue;
        }

        /* the second half of a pair is not counted again */

        n += !((p[2] | 0x20) == 'd' && (p[3] | 0x20) >= 'c'
               && (p[3] | 0x20) <= 'f');
        p += 6;
    }

    return n;
}


int64_t
soma_work_sound(soma_str_t file)
{
    size_t  i;
    int64_t  ms;

    static int64_t  (*const kinds[])(soma_str_t file) = {
        soma_work_wav, soma_work_flac, soma_work_ogg, soma_work_mp3
    };

    for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {

        ms = kinds[i](file);

        if (ms > 0) {
            return ms;
        }
    }

    return soma_number_muldiv((int64_t) file.len, SOMA_WORK_MS,
                              SOMA_WORK_BYTES_SECOND)
           + 1;
}


/* RIFF: chunks of a name and a length; all that comes behind the samples'
 * header is taken for samples, whatever its length says */
static int64_t
soma_work_wav(soma_str_t file)
{
    size_t                len;
    int64_t               rate, frame;
    const unsigned char  *p, *end;

    if (file.len < 12 || memcmp(file.data, "RIFF", 4) != 0
        || memcmp(file.data + 8, "WAVE", 4) != 0)
    {
        return 0;
    }

    rate = 0;
    frame = 0;
    p = file.data + 12;
    end = file.data + file.len;

    while (end - p >= 8) {

        len = soma_work_le(p + 4, 4);

        if (memcmp(p, "data", 4) == 0) {
            return (rate > 0 && frame > 0)
                   ? soma_number_muldiv((int64_t) (end - p - 8) / frame,
                                        SOMA_WORK_MS, rate)
                     + 1 : 0;
        }

        if (len > (size_t) (end - p) - 8) {
            return 0;
        }

        if (memcmp(p, "fmt ", 4) == 0 && len >= 16) {

            if (soma_work_le(p + 8, 2) != SOMA_WORK_WAV_PCM
                && soma_work_le(p + 8, 2) != SOMA_WORK_WAV_FLOAT)
            {
                return 0;
            }

            rate = soma_work_le(p + 12, 4);
            frame = (int64_t) soma_work_le(p + 10, 2)
                    * ((soma_work_le(p + 22, 2) + 7) / 8);
        }

        p += 8 + len + (len & 1 && len < (size_t) (end - p) - 8);
    }

    return 0;
}


/* every frame is looked at: a file whose frames do not follow each other to
 * its end is judged by its size */
static int64_t
soma_work_mp3(soma_str_t file)
{
    size_t                len;
    int64_t               samples, rate, ms, n;
    soma_wide_t           all;
    const unsigned char  *p, *end;

    p = file.data;
    end = p + file.len;

    len = soma_work_id3(file);

    if (len > file.len) {
        return 0;
    }

    p += len;

    all = 0;
    ms = 0;

    for (n = 0; end - p >= 4; n++) {

        if (end - p >= 128 && memcmp(p, "TAG", 3) == 0) {
            break;
        }

        len = soma_work_frame(p, &samples, &rate);

        if (len == 0) {
            return 0;
        }

        /* thousandths of a ms, so that frames add up without loss */

        all += (soma_wide_t) samples * SOMA_WORK_MS * SOMA_WORK_MS / rate + 1;
        p += (len < (size_t) (end - p)) ? len : (size_t) (end - p);
    }

    ms = (int64_t) (all / SOMA_WORK_MS);

    return n > 0 ? ms + 1 : 0;
}


/* bytes of the tag at its start, more than it has where it is cut off */

static size_t
soma_work_id3(soma_str_t file)
{
    const unsigned char  *p;

    p = file.data;

    if (file.len < 10 || memcmp(p, "ID3", 3) != 0) {
        return 0;
    }

    return 10 + ((size_t) (p[6] & 0x7f) << 21 | (size_t) (p[7] & 0x7f) << 14
                 | (size_t) (p[8] & 0x7f) << 7 | (p[9] & 0x7f));
}


/* ISO 11172-3, 2.4.1.3 and 13818-3: a frame's length, 0: it is none */
static size_t
soma_work_frame(const unsigned char *p, int64_t *samples, int64_t *rate)
{
    unsigned  version, layer, bits, hz, pad;
    size_t    kbit;

    static const unsigned short  rates[3] = { 44100, 48000, 32000 };
    static const unsigned short  kbits[2][3][15] = {
        { { 0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416,
            448 },
          { 0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
            384 },
          { 0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256,
            320 } },
        { { 0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224,
            256 },
          { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 },
          { 0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160 } }
    };

    version = p[1] >> 3 & 3;            /* 3: 1, 2: 2, 0: 2.5 */
    layer = 4 - (p[1] >> 1 & 3);        /* 1 to 3, 4: none */
    bits = p[2] >> 4;
    hz = p[2] >> 2 & 3;
    pad = p[2] >> 1 & 1;

    if (p[0] != 0xff || (p[1] & 0xe0) != 0xe0 || version == 1 || layer == 4
        || bits == 0 || bits == 15 || hz == 3)
    {
        return 0;
    }

    *rate = rates[hz] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
    kbit = kbits[version != 3][layer - 1][bits];

    if (layer == 1) {
        *samples = 384;
        return (12 * kbit * 1000 / (size_t) *rate + pad) * 4;
    }

    *samples = (layer == 3 && version != 3) ? 576 : 1152;

    return (size_t) *samples / 8 * kbit * 1000 / (size_t) *rate + pad;
}


/* STREAMINFO: the rate in 20 bits, the samples in 36; 0 is not known */
static int64_t
soma_work_flac(soma_str_t file)
{
    int64_t               rate, samples;
    const unsigned char  *p;

    if (file.len < 42 || memcmp(file.data, "fLaC", 4) != 0
        || (file.data[4] & 0x7f) != 0)
    {
        return 0;
    }

    p = file.data + 18;
    rate = (int64_t) p[0] << 12 | (int64_t) p[1] << 4 | p[2] >> 4;
    samples = (int64_t) (p[3] & 0x0f) << 32 | (int64_t) p[4] << 24
              | (int64_t) p[5] << 16 | (int64_t) p[6] << 8 | p[7];

    if (rate == 0 || samples == 0) {
        return 0;
    }

    return soma_number_muldiv(samples, SOMA_WORK_MS, rate) + 1;
}


/* the granule of the last page, by the rate of the first */
static int64_t
soma_work_ogg(soma_str_t file)
{
    size_t                i, last;
    int64_t               rate, granule;
    const unsigned char  *p;

    if (file.len < 64 || memcmp(file.data, "OggS", 4) != 0) {
        return 0;
    }

    p = file.data + SOMA_WORK_OGG_PAGE + file.data[26];

    if (p + 16 > file.data + file.len) {
        return 0;
    }

    rate = soma_work_ogg_rate(p);

    last = (file.len > SOMA_WORK_OGG_MAX) ? file.len - SOMA_WORK_OGG_MAX : 0;

    for (i = file.len - SOMA_WORK_OGG_PAGE; i > last; i--) {
        if (memcmp(file.data + i, "OggS", 4) == 0) {
            break;
        }
    }

    if (i == last || rate == 0) {
        return 0;
    }

    p = file.data + i + 6;
    granule = (int64_t) ((uint64_t) soma_work_le(p + 4, 4) << 32
                         | soma_work_le(p, 4));

    if (granule <= 0 || granule > ((int64_t) 1 << 48)) {
        return 0;
    }

    return soma_number_muldiv(granule, SOMA_WORK_MS, rate) + 1;
}


/* granules a second; 0: neither Opus nor Vorbis */

static int64_t
soma_work_ogg_rate(const unsigned char *p)
{
    if (memcmp(p, "OpusHead", 8) == 0) {
        return SOMA_WORK_OPUS_RATE;
    }

    return memcmp(p, "\1vorbis", 7) == 0 ? soma_work_le(p + 12, 4) : 0;
}
