
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_test.h"
#include "soma_work.h"


static unsigned char  file[300000];


static soma_str_t
bytes(size_t len)
{
    soma_str_t  s;

    s.data = file;
    s.len = len;

    return s;
}


static void
le(unsigned char *p, uint32_t v, unsigned n)
{
    for ( /* void */ ; n > 0; n--) {
        *p++ = v & 0xff;
        v >>= 8;
    }
}


static void
test_characters(void)
{
    soma_is_int(soma_work_characters(str("\"abc\"")), 3, "letters");
    soma_is_int(soma_work_characters(str("\"h\\u00e9llo w\\u00f6rld\"")), 11,
                "escapes are characters");
    soma_is_int(soma_work_characters(str("\"h\xc3\xa9llo\"")), 5,
                "and so are characters of several bytes");
    soma_is_int(soma_work_characters(str("\"\\ud83d\\ude00!\"")), 2,
                "a pair of surrogates is one");
    soma_is_int(soma_work_characters(str("\"a\\n\\\"b\\\\\"")), 5,
                "short escapes are one each");
    soma_is_int(soma_work_characters(str("\"\"")), 0, "nothing is nothing");
    soma_is_int(soma_work_characters(str("\"\\u12\"")), 3,
                "a cut escape counts at most what it takes");
}


static void
test_size(void)
{
    soma_is_int(soma_work_sound(bytes(0)), 1, "an empty file is a moment");

    memset(file, 0xff, sizeof(file));
    soma_is_int(soma_work_sound(bytes(200000)), 200001,
                "what is no sound that is known: a ms a byte, 8 kbit/s");
}


static size_t
wav(unsigned format, unsigned channels, unsigned rate, unsigned bits,
    size_t data)
{
    memset(file, 0, sizeof(file));
    memcpy(file, "RIFF", 4);
    le(file + 4, (uint32_t) (36 + data), 4);
    memcpy(file + 8, "WAVEfmt ", 8);
    le(file + 16, 16, 4);
    le(file + 20, format, 2);
    le(file + 22, channels, 2);
    le(file + 24, rate, 4);
    le(file + 28, 1, 4);                /* bytes a second: a lie */
    le(file + 32, channels * bits / 8, 2);
    le(file + 34, bits, 2);
    memcpy(file + 36, "data", 4);
    le(file + 40, (uint32_t) data, 4);

    return 44 + data;
}


static void
test_wav(void)
{
    size_t  len;

    len = wav(1, 1, 16000, 16, 160000);
    soma_is_int(soma_work_sound(bytes(len)), 5001,
                "five seconds of plain samples, whatever its rate of bytes");

    le(file + 40, 10, 4);
    soma_is_int(soma_work_sound(bytes(len)), 5001,
                "a length that lies is not believed");

    len = wav(1, 2, 48000, 24, 288000);
    soma_is_int(soma_work_sound(bytes(len)), 1001, "a second in stereo");

    len = wav(0x55, 1, 16000, 16, 100000);
    soma_is_int(soma_work_sound(bytes(len)), (int64_t) len + 1,
                "MP3 within WAV goes by its size");

    len = wav(1, 0, 16000, 16, 1000);
    soma_is_int(soma_work_sound(bytes(len)), (int64_t) len + 1,
                "no channels go by their size");
}


static void
test_mp3(void)
{
    size_t    n, at;

    /* 128 kbit/s, 44.1 kHz, layer 3: 417 bytes and 26.1 ms a frame */

    memset(file, 0, sizeof(file));
    memcpy(file, "ID3\4\0\0\0\0\0\12", 10);
    at = 20;

    for (n = 0; n < 100; n++) {
        memcpy(file + at, "\xff\xfb\x90\x00", 4);
        at += 417;
    }

    soma_is_int(soma_work_sound(bytes(at)) / 10, 261,
                "a hundred frames are 2.61 s");

    memcpy(file + at, "TAG", 3);
    soma_is_int(soma_work_sound(bytes(at + 128)) / 10, 261,
                "a tag behind them is none");

    file[20 + 417 * 50] = 0;
    soma_is_int(soma_work_sound(bytes(at)), (int64_t) at + 1,
                "frames with something in between go by their size");

    /* MPEG 2.5, 8 kbit/s, 8 kHz: 72 bytes, 72 ms a frame */

    memset(file, 0, sizeof(file));

    for (n = 0, at = 0; n < 100; n++, at += 72) {
        memcpy(file + at, "\xff\xe3\x18\x00", 4);
    }

    soma_is_int(soma_work_sound(bytes(at)) / 10, 720,
                "the fewest bits: a ms a byte");
}


static void
test_others(void)
{
    static const unsigned char  info[8] = {
        0x0a, 0xc4, 0x42, 0xf0, 0x00, 0x06, 0xba, 0xa8     /* 44.1 kHz,
                                                       441000 samples */
    };

    memset(file, 0, sizeof(file));
    memcpy(file, "fLaC\0\0\0\42", 8);
    memcpy(file + 18, info, 8);
    soma_is_int(soma_work_sound(bytes(5000)), 10001,
                "FLAC says its samples: ten seconds");

    file[21] &= 0xf0;
    memset(file + 22, 0, 4);
    soma_is_int(soma_work_sound(bytes(5000)), 5001,
                "and is judged by its size where it does not");

    memset(file, 0, sizeof(file));
    memcpy(file, "OggS", 4);
    file[26] = 1;
    memcpy(file + 28, "OpusHead", 8);
    memcpy(file + 2000, "OggS", 4);
    le(file + 2006, 48000 * 7, 4);
    soma_is_int(soma_work_sound(bytes(2300)), 7001,
                "the last page of Opus says seven seconds");

    memset(file + 2006, 0xff, 8);
    soma_is_int(soma_work_sound(bytes(2300)), 2301,
                "a page without a time goes by its size");
}


/* no prefix of any of them is read past its end: see it under ASan */
static void
test_cut(void)
{
    size_t          len;
    int64_t         ms;
    soma_str_t      s;
    unsigned        bad;

    (void) wav(1, 1, 16000, 16, 100);
    bad = 0;

    for (len = 0; len <= 144; len++) {
        s.len = len;
        s.data = malloc(len ? len : 1);
        memcpy(s.data, file, len);
        ms = soma_work_sound(s);
        bad += (ms <= 0);
        free(s.data);
    }

    soma_is_int(bad, 0, "each beginning of a file has a length");
}


int
main(void)
{
    test_characters();
    test_size();
    test_wav();
    test_mp3();
    test_others();
    test_cut();

    return soma_done();
}
