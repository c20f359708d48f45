
/*
 * Copyright (C) The ngx_soma authors
 *
 * What a request asks beside text: members that have to be allowed, tools
 * that a provider runs, arguments of the query.
 */


#include "soma_ask_test.h"
#include "soma_openai.h"
#include "soma_multipart.h"
#include "soma_query.h"
#include "soma_test.h"


#define STR(s)  ((soma_str_t) { strlen(s), (unsigned char *) (s) })


static soma_arena_t  *arena;


static int
noted(const uint64_t *others, const char *name)
{
    int  i;

    i = soma_policy_find((const unsigned char *) name, strlen(name));

    return i >= 0 && ((others[i / 64] >> (i % 64)) & 1);
}


/* the name in capitals */

static soma_str_t
loud_of(soma_str_t name)
{
    size_t      i;
    soma_str_t  loud;

    loud.len = name.len;
    loud.data = arena->alloc(arena->data, name.len + 1);
    loud.data[name.len] = 0;

    for (i = 0; i < name.len; i++) {
        loud.data[i] = (name.data[i] >= 'a' && name.data[i] <= 'z')
                       ? name.data[i] & 0xdf : name.data[i];
    }

    return loud;
}


/* every name is found, so the table is in the order that it has to be in */

static void
test_policy_table(void)
{
    int          i, k;
    soma_str_t  *name, loud;

    for (i = 0; i < SOMA_POLICIES; i++) {
        name = (soma_str_t *) &soma_policies[i].name;

        soma_is_int(soma_policy_find(name->data, name->len), i,
                    "%s is found", name->data);
        soma_is_int(name->data[name->len], 0, "and ends where it says");

        loud = loud_of(*name);
        soma_is_int(soma_policy_find(loud.data, loud.len), i,
                    "so is %s", loud.data);

        for (k = 0; k < SOMA_ASK_TOTAL; k++) {
            soma_ok(!soma_str_eq(*name, soma_openai_want[k].name),
                    "it is no member that is read");
        }
    }

    soma_is_int(soma_policy_find((unsigned char *) "temperature", 11), -1,
                "others are not");
    soma_is_int(soma_policy_find((unsigned char *) "", 0), -1, "nor none");
}


static void
test_policy_members(void)
{
    size_t           i;
    soma_test_ask_t  t;

    static const struct {
        const char  *body;
        const char  *name;
        int          there;
    } cases[] = {
        { "{\"model\":\"m\",\"models\":[\"dear\"]}", "models", 1 },
        { "{\"model\":\"m\",\"Models\":[\"dear\"]}", "models", 1 },
        { "{\"model\":\"m\",\"mod\\u0065ls\":[\"dear\"]}", "models", 1 },
        { "{\"model\":\"m\",\"model\xc5\xbf\":[\"dear\"]}", "models", 1 },
        { "{\"model\":\"m\",\"api_ba\\u017fe\":\"http://x\"}", "api_base", 1 },
        { "{\"api_base\":\"http://x\",\"model\":\"m\"}", "api_base", 1 },
        { "{\"model\":\"m\",\"models\":null}", "models", 0 },
        { "{\"models\":null,\"models\":[],\"model\":\"m\"}", "models", 1 },
        { "{\"model\":\"m\",\"x\":{\"models\":[]}}", "models", 0 },
        { "{\"model\":\"m\",\"n_predict\":9}", "n_predict", 1 },
        { "{\"model\":\"m\",\"maxTokens\":9}", "maxtokens", 1 },
        { "{\"model\":\"m\",\"route\":\"fallback\"}", "route", 1 },
        { "{\"model\":\"m\",\"route\":\"\"}", "models", 0 },
        { "{\"model\":\"m\",\"web_search_options\":{}}",
          "web_search_options", 1 },
        { "{\"model\":\"m\",\"providerOptions\":{\"gateway\":{}}}",
          "provideroptions", 1 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_CHAT,
                                  STR(cases[i].body), arena),
                    SOMA_OK, "%s", cases[i].body);
        soma_is_int(noted(t.scan.others, cases[i].name), cases[i].there,
                    "has to be allowed for \"%s\"", cases[i].name);
    }
}


static void
test_policy_form(void)
{
    soma_str_t        body;
    soma_form_t       form;
    soma_json_span_t  span[2];

    static const soma_json_want_t  want[2] = {
        { soma_string("model"), 1 },
        { soma_string("n"),     1 }
    };

    body = STR("--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
               "m\r\n"
               "--B\r\nContent-Disposition: form-data; name=\"Fallbacks[]\""
               "\r\n\r\ndear\r\n"
               "--B\r\nContent-Disposition: form-data; name=\"file\"; "
               "filename=\"a\"\r\n\r\n12345\r\n"
               "--B\r\nContent-Disposition: form-data; name=\"mask\"; "
               "filename=\"b\"\r\n\r\n123\r\n--B--\r\n");

    form.want = want;
    form.nwant = 2;
    form.span = span;
    form.other = soma_policy_find;

    soma_is_int(soma_multipart_form(body, STR("B"), &form), SOMA_OK,
                "a form with four fields");
    soma_is_str(body.data + span[0].start, span[0].end - span[0].start, "m",
                "has its model");
    soma_is_int(span[1].type, SOMA_JSON_NONE, "and no n");
    soma_ok(noted(form.others, "fallbacks"), "a list of fallbacks is noted");
    soma_is_int(form.files, 8, "both files are told");

    body = STR("--B\r\nContent-Disposition: form-data; name=\"model[]\"\r\n"
               "\r\nm\r\n--B--\r\n");
    soma_is_int(soma_multipart_form(body, STR("B"), &form), SOMA_ERROR,
                "a list of models is refused");

    soma_is_int(soma_multipart_form(STR("--B--\r\n"), STR("B"), &form),
                SOMA_OK, "a form may be empty");
    soma_is_int(span[0].type, SOMA_JSON_NONE, "and then has nothing");

    soma_ok(soma_multipart_token(STR("----WebKitFormBoundary7MA4")),
            "a browser's boundary needs no quotes");
    soma_ok(!soma_multipart_token(STR("a b")), "one with a blank does");
    soma_ok(!soma_multipart_token(STR("a/b")), "one with a slash too");
}


static void
test_policy_tools(void)
{
    size_t           i;
    unsigned         k;
    soma_out_t       out;
    soma_str_t       body;
    unsigned char    buf[512], names[256];
    soma_test_ask_t  t;

    /* the types of what a provider runs; NULL: refused */

    static const struct {
        const char  *tools;
        const char  *hosted;
    } cases[] = {
        { "null", "" },
        { "[]", "" },
        { "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "" },
        { "[{\"function\":{\"name\":\"f\"}}]", "" },
        { "[{\"type\":\"custom\",\"name\":\"c\",\"format\":{}}]", "" },
        { "[{\"type\":\"function\"},{\"type\":\"web_search\"}]",
          "web_search " },
        { "[{\"type\":\"mcp\",\"headers\":{}},{\"type\":\"mcp\"}]", "mcp " },
        { "[{\"type\":\"code_interpreter\",\"container\":{}},"
          "{\"type\":\"local_shell\"}]", "code_interpreter local_shell " },
        { "[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":"
          "\"function\",\"name\":\"f\"},{\"type\":\"custom\","
          "\"name\":\"c\"}]}]", "" },
        { "[{\"type\":\"namespace\",\"tools\":[{\"type\":\"mcp\"},"
          "{\"googleSearch\":{}}]}]", "mcp googleSearch " },
        { "[{\"type\":\"namespace\",\"tools\":[],\"urlContext\":{}}]",
          "urlContext " },
        { "[{\"type\":\"namespace\",\"tools\":[{\"type\":\"namespace\","
          "\"tools\":[]}]}]", "namespace " },
        { "[{\"type\":\"namespace\"}]", NULL },
        { "[{\"type\":\"namespace\",\"tools\":{\"type\":\"mcp\"}}]", NULL },
        { "[{\"type\":\"namespace\",\"tools\":[],\"tools\":[]}]", NULL },
        { "[{\"type\":\"namespace\",\"tools\":[],\"Tools\":[]}]", NULL },
        { "[{\"type\":\"namespace\",\"tools\":[7]}]", NULL },
        { "[{\"typ\\u0065\":\"web_\\u0073earch\"}]", "web_search " },
        { "[{\"type\":\"Function\"}]", "Function " },
        { "[{\"googleSearch\":{}}]", "googleSearch " },
        { "[{\"type\":\"function\",\"function\":{},\"urlContext\":{}}]",
          "urlContext " },
        { "[{\"type\":\"a\"},{\"type\":\"b\"},{\"type\":\"c\"},"
          "{\"type\":\"d\"},{\"type\":\"e\"},{\"type\":\"f\"},"
          "{\"type\":\"g\"},{\"type\":\"h\"},{\"type\":\"i\"}]", NULL },
        { "[{\"type\":\"function\",\"type\":\"mcp\"}]", NULL },
        { "[{\"type\":\"function\",\"Type\":\"mcp\"}]", NULL },
        { "[{\"type\":7}]", NULL },
        { "[{\"type\":\"\"}]", NULL },
        { "[{\"name\":\"f\"}]", NULL },
        { "[\"web_search\"]", NULL },
        { "{\"type\":\"web_search\"}", NULL },
        { "\"web_search\"", NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        body.data = buf;
        body.len = (size_t) snprintf((char *) buf, sizeof(buf),
                                     "{\"model\":\"m\",\"tools\":%s}",
                                     cases[i].tools);

        k = (soma_test_ask(&t, &soma_openai, SOMA_API_RESPONSES, body, arena)
             == SOMA_OK);

        if (cases[i].hosted == NULL) {
            soma_ok(!k && t.error && strstr(t.error, "tools") != NULL,
                    "%s is refused", cases[i].tools);
            continue;
        }

        soma_put_init(&out, names, sizeof(names));

        for (k = 0; k < t.ask.nhosted; k++) {
            soma_put_str(&out, t.ask.hosted[k]);
            soma_put_char(&out, ' ');
        }

        soma_is_str(names, out.pos - out.start, cases[i].hosted,
                    "%s has the provider run: %s", cases[i].tools,
                    cases[i].hosted);
    }

    soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_RESPONSES,
                              STR("{\"model\":\"m\",\"background\":true}"),
                              arena),
                SOMA_ERROR, "work in the background");
    soma_ok(t.error && strstr(t.error, "background"), "is refused by name");
    soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_RESPONSES,
                              STR("{\"model\":\"m\",\"background\":\"true\"}"),
                              arena),
                SOMA_ERROR, "so is a text that says it");
    soma_is_int(soma_test_ask(&t, &soma_openai, SOMA_API_RESPONSES,
                              STR("{\"model\":\"m\",\"background\":false}"),
                              arena),
                SOMA_OK, "and no work in it is fine");
}


static void
test_policy_query(void)
{
    size_t         i, n;
    unsigned char  out[256];

    static const soma_str_t  names[] = {
        soma_string("api-version"),
        soma_string("limit"),
        soma_str_null
    };

    static const struct {
        const char  *args;
        const char  *want;
    } cases[] = {
        { "", "" },
        { "api-version=2024-10-21", "api-version=2024-10-21" },
        { "model=dear&api-version=1&key=sk&limit=5",
          "api-version=1&limit=5" },
        { "api-version=1&api-version=2", "api-version=1" },
        { "API-VERSION=1", "" },
        { "api%2dversion=1", "" },
        { "api-version", "" },
        { "api-version=1;model=dear", "" },
        { "api-version=1%26model=dear&&limit=", "limit=" },
        { "&=&api-version==&limit=1", "limit=1" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        n = soma_query_pass(STR(cases[i].args), names, out);
        soma_is_str(out, n, cases[i].want, "of \"%s\" goes up: \"%s\"",
                    cases[i].args, cases[i].want);
    }
}


int
main(void)
{
    arena = soma_test_arena();

    test_policy_table();
    test_policy_members();
    test_policy_form();
    test_policy_tools();
    test_policy_query();

    soma_test_arena_free(arena);

    return soma_done();
}
