
/*
 * Copyright (C) The ngx_soma authors
 *
 * Signature Version 4 against AWS's own test suite and its IAM example, and
 * against requests that AWS's clients signed: t/traffic/bedrock_requests.jsonl,
 * all with the secret "SECRET".
 */


#include <yyjson.h>

#include "soma_sigv4.h"
#include "soma_test.h"


#define SUITE_SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SUITE_TIME    1440938160000         /* 2015-08-30T12:36:00Z */


typedef struct {
    const char           *name;
    const char           *method;
    const char           *path;
    const char           *args;
    const char           *body;
    const char           *service;
    soma_sigv4_header_t   headers[4];
    unsigned              nheaders;
    const char           *token;
    const char           *names;
    const char           *signature;
} vector_t;


#define HOST  { soma_string("host"), soma_string("example.amazonaws.com") }
#define FORM  soma_string("application/x-www-form-urlencoded")


static const vector_t  vectors[] = {

    { "get-vanilla", "GET", "/", "", "", "service", { HOST }, 1, "",
      "host;x-amz-date",
      "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },

    { "post-vanilla", "POST", "/", "", "", "service", { HOST }, 1, "",
      "host;x-amz-date",
      "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },

    { "get-vanilla-query-order-key-case", "GET", "/",
      "Param2=value2&Param1=value1", "", "service", { HOST }, 1, "",
      "host;x-amz-date",
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },

    { "get-vanilla-empty-query-key", "GET", "/", "Param1=value1", "",
      "service", { HOST }, 1, "", "host;x-amz-date",
      "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },

    { "get-header-value-trim", "GET", "/", "", "", "service",
      { HOST, { soma_string("my-header2"), soma_string(" \"a   b   c\"") },
        { soma_string("my-header1"), soma_string(" value1") } }, 3, "",
      "host;my-header1;my-header2;x-amz-date",
      "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },

    { "post-header-key-sort", "POST", "/", "", "", "service",
      { HOST, { soma_string("my-header1"), soma_string("value1") } }, 2, "",
      "host;my-header1;x-amz-date",
      "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },

    { "get-utf8", "GET", "/\xe1\x88\xb4", "", "", "service", { HOST }, 1, "",
      "host;x-amz-date",
      "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },

    { "get-unreserved", "GET",
      "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
      "", "", "service", { HOST }, 1, "", "host;x-amz-date",
      "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },

    { "post-x-www-form-urlencoded", "POST", "/", "", "Param1=value1",
      "service", { HOST, { soma_string("content-type"), FORM } }, 2, "",
      "content-type;host;x-amz-date",
      "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a" },

    { "post-sts-header-before", "POST", "/", "", "", "service", { HOST }, 1,
      "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWs"
      "KWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGde"
      "ehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8T"
      "x6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FD"
      "rypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
      "host;x-amz-date;x-amz-security-token",
      "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },

    { "IAM ListUsers", "GET", "/", "Action=ListUsers&Version=2010-05-08", "",
      "iam", { { soma_string("host"), soma_string("iam.amazonaws.com") },
        { soma_string("content-type"),
          soma_string("application/x-www-form-urlencoded; charset=utf-8") } },
      2, "", "content-type;host;x-amz-date",
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7" }
};


/* a client's headers, one a line: "name: value\r\n" */

static int
lines(void *data, soma_str_t name, unsigned n, soma_str_t *value)
{
    const char  *p, *end;

    for (p = data; *p != '\0'; p = end + 2) {
        end = strstr(p, "\r\n");

        if (strncasecmp(p, (char *) name.data, name.len) == 0
            && p[name.len] == ':' && n-- == 0)
        {
            p += name.len + 1;
            value->data = (unsigned char *) (uintptr_t) p;
            value->len = (size_t) (end - p);
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


static void
test_vector(const vector_t *v)
{
    unsigned           i;
    soma_out_t         out;
    soma_str_t         body, value, broken;
    soma_sigv4_t       sign;
    soma_sigv4_line_t  line;
    char               text[4096], want[1024];

    memset(&sign, 0, sizeof(sign));

    body = str(v->body);
    sign.method = str(v->method);
    sign.path = str(v->path);
    sign.args = str(v->args);
    sign.body = &body;
    sign.npieces = 1;
    sign.now = SUITE_TIME;
    sign.region = SOMA_STR("us-east-1");
    sign.service = str(v->service);
    sign.secret = SOMA_STR(SUITE_SECRET);
    sign.id = SOMA_STR("AKIDEXAMPLE");
    sign.token = str(v->token);
    sign.headers = v->headers;
    sign.nheaders = v->nheaders;

    soma_put_init(&out, text, sizeof(text) - 1);
    soma_is_int(soma_sigv4_sign(&sign, &out), SOMA_OK, "%s", v->name);

    for (i = 0; i < v->nheaders; i++) {
        soma_put_str(&out, v->headers[i].name);
        soma_put_char(&out, ':');
        soma_put_str(&out, v->headers[i].value);
        soma_put_cstr(&out, "\r\n");
    }

    *out.pos = '\0';

    snprintf(want, sizeof(want), " AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"
             "20150830/us-east-1/%s/aws4_request, SignedHeaders=%s, "
             "Signature=%s", v->service, v->names, v->signature);

    if (!soma_is_int(lines(text, SOMA_STR("authorization"), 0, &value),
                     SOMA_OK, "a line"))
    {
        return;
    }

    soma_is_str(value.data, value.len, want, "%s", v->name);

    /* and back */

    soma_is_int(soma_sigv4_parse(value, &line), SOMA_OK, "parse");
    soma_is_str(line.id.data, line.id.len, "AKIDEXAMPLE", "id");
    soma_is_str(line.region.data, line.region.len, "us-east-1", "region");
    soma_is_str(line.names.data, line.names.len, v->names, "names");

    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_GOOD,
                "%s: proved", v->name);

    sign.now = SUITE_TIME + SOMA_SIGV4_SKEW;
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_GOOD,
                "15 minutes later");
    sign.now++;
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_LATE,
                "and a bit");
    sign.now = SUITE_TIME - SOMA_SIGV4_SKEW - 1;
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_LATE,
                "earlier");

    sign.now = SUITE_TIME;
    sign.secret = SOMA_STR("another");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_WRONG, "another secret");

    sign.secret = SOMA_STR(SUITE_SECRET);
    sign.path = SOMA_STR("/other");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_WRONG, "another path");

    sign.path = str(v->path);
    body = SOMA_STR("another body");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_WRONG, "another body");

    body = str(v->body);
    sign.region = SOMA_STR("eu-west-1");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_SCOPE, "another region");

    sign.region = (soma_str_t) soma_str_null;
    line.date = SOMA_STR("20150831");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_SCOPE, "another day");

    line.date = SOMA_STR("20150830");
    broken = line.names;
    line.names = SOMA_STR("host;x-amz-date;x-not-there");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_HEADERS, "a header that is not there");
    line.names = SOMA_STR("x-amz-date");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_HEADERS, "no host");
    line.names = broken;
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_GOOD,
                "good again");
}


#define SCOPE  "Credential=A/20150830/r/s/aws4_request"
#define SIGNED  "SignedHeaders=host"
#define HEX  "Signature=0123456789abcdef0123456789abcdef"                     \
             "0123456789abcdef0123456789abcdef"

static void
test_parse(void)
{
    size_t             i;
    soma_sigv4_line_t  line;

    static const struct {
        const char  *line;
        int          rc;
    } cases[] = {
        { "", SOMA_DECLINED },
        { "Bearer x", SOMA_DECLINED },
        { "AWS4-HMAC-SHA256", SOMA_DECLINED },
        { "AWS4-HMAC-SHA512 " SCOPE "," SIGNED "," HEX, SOMA_DECLINED },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED "," HEX, SOMA_OK },
        { " AWS4-HMAC-SHA256   " SIGNED " , " HEX "  ,\t" SCOPE " ",
          SOMA_OK },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SCOPE "," HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SIGNED "," HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED "," HEX "0", SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED "," HEX "," HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED "," HEX ",Other=1",
          SOMA_ERROR },
        { "AWS4-HMAC-SHA256 " SCOPE "," SIGNED "," HEX ",", SOMA_ERROR },
        { "AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request," SIGNED ","
          HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 Credential=A/2015083/r/s/aws4_request," SIGNED ","
          HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 Credential=A/20150830//s/aws4_request," SIGNED ","
          HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 Credential=A/20150830/r/s/aws5_request," SIGNED ","
          HEX, SOMA_ERROR },
        { "AWS4-HMAC-SHA256 Credential=aws4_request," SIGNED "," HEX,
          SOMA_ERROR }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_sigv4_parse(str(cases[i].line), &line), cases[i].rc,
                    "%s", cases[i].line);
    }
}


/* a name may stand several times */

static void
test_values(void)
{
    soma_out_t         out;
    soma_str_t         value;
    soma_sigv4_t       sign;
    soma_sigv4_line_t  line;
    char               text[2048];

    static const soma_sigv4_header_t  headers[] = {
        { soma_string("b"), soma_string("1") },
        { soma_string("host"), soma_string("h") },
        { soma_string("a"), soma_string("") }
    };

    memset(&sign, 0, sizeof(sign));

    sign.method = SOMA_STR("POST");
    sign.now = SUITE_TIME;
    sign.region = SOMA_STR("r");
    sign.service = SOMA_STR("bedrock");
    sign.id = SOMA_STR("ID");
    sign.headers = headers;
    sign.nheaders = 3;
    sign.hashed = 1;

    soma_put_init(&out, text, sizeof(text) - 1);
    soma_is_int(soma_sigv4_sign(&sign, &out), SOMA_OK, "sign");
    soma_put_cstr(&out, "host:h\r\nb: 1\r\nA:\r\n");
    *out.pos = '\0';

    (void) lines(text, SOMA_STR("authorization"), 0, &value);
    soma_is_int(soma_sigv4_parse(value, &line), SOMA_OK, "parse");
    soma_is_str(line.names.data, line.names.len,
                "a;b;host;x-amz-content-sha256;x-amz-date", "names");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_GOOD,
                "with the hash told");

    sign.payload = SOMA_STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca"
                            "495991b7852b855");
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text), SOMA_SIGV4_GOOD,
                "and known");

    sign.payload.data = (unsigned char *) "f3b0c44298fc1c149afbf4c8996fb924"
                                          "27ae41e4649b934ca495991b7852b855";
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_PAYLOAD, "and another one");

    soma_put_cstr(&out, "B: 2\r\n");
    *out.pos = '\0';
    sign.payload.len = 0;
    soma_is_int(soma_sigv4_verify(&line, &sign, lines, text),
                SOMA_SIGV4_WRONG, "one more value");

    /* what does not fit */

    soma_put_init(&out, text, 100);
    soma_is_int(soma_sigv4_sign(&sign, &out), SOMA_ERROR, "too little room");

    sign.region.len = 4096;
    sign.region.data = calloc(1, 4096);
    soma_put_init(&out, text, sizeof(text));
    soma_is_int(soma_sigv4_sign(&sign, &out), SOMA_ERROR, "a long region");
    free(sign.region.data);
}


/* what the recorded request has in its list of headers */

static int
recorded(void *data, soma_str_t name, unsigned n, soma_str_t *value)
{
    yyjson_val       *pair, *v;
    yyjson_arr_iter   it;

    yyjson_arr_iter_init(data, &it);

    while ((pair = yyjson_arr_iter_next(&it)) != NULL) {
        v = yyjson_arr_get_first(pair);

        if (yyjson_equals_strn(v, (char *) name.data, name.len) && n-- == 0) {
            v = yyjson_arr_get_last(pair);
            value->data = (unsigned char *) yyjson_get_str(v);
            value->len = yyjson_get_len(v);
            return SOMA_OK;
        }
    }

    return SOMA_DECLINED;
}


static soma_str_t
member(yyjson_val *object, const char *name)
{
    yyjson_val  *v;

    v = yyjson_obj_get(object, name);

    return (soma_str_t) { yyjson_get_len(v),
                          (unsigned char *) yyjson_get_str(v) };
}


static int
test_recorded(yyjson_val *root)
{
    soma_str_t          body, auth, time;
    yyjson_val         *headers;
    soma_sigv4_t        request;
    const char         *name;
    soma_sigv4_line_t   line;
    char                text[32];

    headers = yyjson_obj_get(root, "headers");
    name = yyjson_get_str(yyjson_obj_get(root, "case"));

    (void) recorded(headers, SOMA_STR("authorization"), 0, &auth);

    if (soma_sigv4_parse(auth, &line) != SOMA_OK) {
        soma_ok(memcmp(auth.data, "Bearer ", 7) == 0, "%s: a bearer", name);
        return 0;
    }

    body = member(root, "body");

    memset(&request, 0, sizeof(request));

    request.method = member(root, "method");
    request.path = member(root, "path");
    request.body = &body;
    request.npieces = 1;
    request.secret = SOMA_STR("SECRET");
    request.service = SOMA_STR("bedrock");

    (void) recorded(headers, SOMA_STR("x-amz-date"), 0, &time);
    snprintf(text, sizeof(text), "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", time.data,
             time.data + 4, time.data + 6, time.data + 9, time.data + 11,
             time.data + 13);
    (void) soma_time_parse(str(text), &request.now);

    soma_is_int(soma_sigv4_verify(&line, &request, recorded, headers),
                SOMA_SIGV4_GOOD, "%s %s",
                yyjson_get_str(yyjson_obj_get(root, "client")), name);

    request.secret = SOMA_STR("SECRETS");
    soma_is_int(soma_sigv4_verify(&line, &request, recorded, headers),
                SOMA_SIGV4_WRONG, "%s: not with another secret", name);

    return 1;
}


int
main(void)
{
    int          n;
    char        *file, *p, *end;
    size_t       i, len;
    yyjson_doc  *doc;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        test_vector(&vectors[i]);
    }

    test_parse();
    test_values();

    file = soma_file("t/traffic/bedrock_requests.jsonl", &len);

    for (p = file, n = 0; p < file + len; p = end + 1) {
        end = memchr(p, '\n', (size_t) (file + len - p));
        doc = yyjson_read(p, (size_t) (end - p), 0);
        n += test_recorded(yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }

    soma_ok(n >= 20, "%d signed requests", n);
    free(file);

    return soma_done();
}
