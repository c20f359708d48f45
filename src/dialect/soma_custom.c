
/*
 * Copyright (C) The ngx_soma authors
 */


#include "soma_custom.h"
#include "soma_fill.h"
#include "soma_write.h"


#define SOMA_CUSTOM_ESCAPE  6       /* bytes of \uXXXX */


/* where in the arguments the next character is */
enum {
    SOMA_CUSTOM_BEFORE = 0,
    SOMA_CUSTOM_TEXT,
    SOMA_CUSTOM_ESCAPED,            /* behind a backslash of the text */
    SOMA_CUSTOM_BEHIND,
    SOMA_CUSTOM_OTHER               /* they are not as they should be */
};


static size_t soma_custom_unit(soma_str_t text, int *c);
static void soma_custom_before(soma_custom_t *custom, soma_pieces_t *out,
    soma_str_t unit, int c);
static void soma_custom_escaped(soma_custom_t *custom, soma_pieces_t *out,
    soma_str_t unit, int c);
static void soma_custom_other(soma_custom_t *custom, soma_pieces_t *out);


/* what stands before the text, but for blanks between its tokens */
static const char  soma_custom_head[] = "{\"input\":\"";


int
soma_custom_grammar(const soma_inner_toolset_t *tool, const char *why,
    soma_inner_loss_t *loss)
{
    soma_str_t  type;

    if (tool->grammar.data == NULL
        || soma_fill_text(tool->grammar, "type", &type) != SOMA_OK
        || soma_str_is(type, "text"))
    {
        return SOMA_OK;
    }

    return soma_inner_lose(loss, SOMA_STR("tools.custom.format"), why);
}


void
soma_custom_arguments(soma_pieces_t *out, const soma_inner_block_t *call)
{
    soma_pieces_char(out, '{');
    soma_write_text(out, "input", call->text.data ? call->text
                                                  : SOMA_STR(""));
    soma_pieces_char(out, '}');
}


const soma_inner_toolset_t *
soma_custom_find(const soma_inner_request_t *request, soma_str_t name)
{
    unsigned  i;

    for (i = 0; request != NULL && i < request->ntools; i++) {
        if (request->tools[i].kind == SOMA_INNER_CUSTOM
            && soma_str_eq(request->tools[i].name, name))
        {
            return &request->tools[i];
        }
    }

    return NULL;
}


void
soma_custom_take(soma_custom_t *custom, soma_pieces_t *out, soma_str_t text)
{
    int         c;
    size_t      n;
    soma_str_t  unit;

    for ( /* void */ ; text.len != 0; text.data += n, text.len -= n) {
        n = soma_custom_unit(text, &c);

        unit.data = text.data;
        unit.len = n;

        switch (custom->state) {

        case SOMA_CUSTOM_BEFORE:
            soma_custom_before(custom, out, unit, c);
            break;

        case SOMA_CUSTOM_TEXT:

            if (c == '\\') {
                custom->held[0] = '\\';
                custom->len = 1;
                custom->state = SOMA_CUSTOM_ESCAPED;

            } else if (c == '"') {
                custom->state = SOMA_CUSTOM_BEHIND;

            } else {
                soma_pieces_put(out, unit.data, unit.len);
            }

            break;

        case SOMA_CUSTOM_ESCAPED:
            soma_custom_escaped(custom, out, unit, c);
            break;

        case SOMA_CUSTOM_BEHIND:
            return;

        default:
            soma_pieces_put(out, text.data, text.len);
            return;
        }
    }
}


void
soma_custom_end(soma_custom_t *custom, soma_pieces_t *out)
{
    if (custom->state == SOMA_CUSTOM_BEFORE) {
        soma_custom_other(custom, out);
    }
}


/*
 * The next character of a text: how many bytes it has there, and its code
 * where it is of ASCII, else -1.
 */

static size_t
soma_custom_unit(soma_str_t text, int *c)
{
    unsigned char  code[2];

    *c = -1;

    if (text.data[0] != '\\' || text.len < 2) {

        if (text.data[0] < 0x80) {
            *c = text.data[0];
        }

        return 1;
    }

    if (text.data[1] != 'u') {
        *c = (text.data[1] == 'n') ? '\n'
             : (text.data[1] == 't') ? '\t'
             : (text.data[1] == 'r') ? '\r'
             : (text.data[1] == 'b') ? '\b'
             : (text.data[1] == 'f') ? '\f' : text.data[1];

        return 2;
    }

    if (text.len < SOMA_CUSTOM_ESCAPE
        || soma_str_hex((soma_str_t) { 4, text.data + 2 }, code, sizeof(code))
           != SOMA_OK)
    {
        return 2;
    }

    if (code[0] == 0 && code[1] < 0x80) {
        *c = code[1];
    }

    return SOMA_CUSTOM_ESCAPE;
}


/* no blank stands within the name */

static void
soma_custom_before(soma_custom_t *custom, soma_pieces_t *out, soma_str_t unit,
    int c)
{
    unsigned  blank;

    blank = (c == ' ' || c == '\n' || c == '\r' || c == '\t');

    if (custom->len + unit.len <= SOMA_CUSTOM_HELD) {
        memcpy(custom->held + custom->len, unit.data, unit.len);
        custom->len += (unsigned char) unit.len;

        if (c != -1 && c == soma_custom_head[custom->matched]) {

            if (soma_custom_head[++custom->matched] == '\0') {
                custom->state = SOMA_CUSTOM_TEXT;
            }

            return;
        }

        if (blank && (custom->matched <= 1
                      || custom->matched >= sizeof(soma_custom_head) - 3))
        {
            return;
        }

        /* an object of nothing */

        if (c == '}' && custom->matched == 1) {
            custom->state = SOMA_CUSTOM_BEHIND;
            return;
        }

        unit.len = 0;
    }

    soma_custom_other(custom, out);
    soma_pieces_put(out, unit.data, unit.len);
}


static void
soma_custom_escaped(soma_custom_t *custom, soma_pieces_t *out,
    soma_str_t unit, int c)
{
    /* a character that cannot be there is left to whoever mends the text */

    if (c < ' ') {
        soma_pieces_put(out, custom->held, custom->len);
        soma_pieces_put(out, unit.data, unit.len);
        custom->state = SOMA_CUSTOM_TEXT;
        return;
    }

    custom->held[custom->len++] = (unsigned char) c;

    if (custom->held[1] == 'u' && custom->len < SOMA_CUSTOM_ESCAPE) {
        return;
    }

    soma_pieces_put(out, custom->held, custom->len);
    custom->state = SOMA_CUSTOM_TEXT;
}


/* all of it as it is */

static void
soma_custom_other(soma_custom_t *custom, soma_pieces_t *out)
{
    soma_pieces_put(out, custom->held, custom->len);
    custom->len = 0;
    custom->state = SOMA_CUSTOM_OTHER;
}
