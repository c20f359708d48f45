
/*
 * Copyright (C) The ngx_soma authors
 *
 * Members that are not known are counted as text, and so are those whose
 * names have escapes in them: what is spelt in another way is not free.
 */


#define _GNU_SOURCE             /* memmem() */

#include "soma_prompt.h"
#include "soma_price.h"
#include "soma_walk.h"


#define SOMA_PROMPT_MINI   1    /* traits */
#define SOMA_PROMPT_OSS    2
#define SOMA_PROMPT_CLAUDE 4

/*
 * The most that an image is to OpenAI's models: 1536 patches, times 2.46; or
 * 8 tiles and a base, which are 1445 tokens to most, but not to gpt-4o-mini.
 */
#define SOMA_PROMPT_IMAGE       3779
#define SOMA_PROMPT_IMAGE_MINI  (2833 + 8 * 5667)

/* and to Anthropic's: 2576 pixels each way, of which 750 are a token, and no
 * more than this */
#define SOMA_PROMPT_IMAGE_CLAUDE  4784


typedef struct {
    const soma_prompt_names_t  *names;
    const soma_bpe_t  *bpe;
    soma_memo_t       *memo;
    int64_t            image;
    int64_t            message;     /* around one, 0: there are none */
    int64_t            tokens;
    size_t             left;        /* bytes that may still be counted */
    unsigned           within;      /* the parts at hand are a document's */
} soma_prompt_t;


static void soma_prompt_messages(soma_prompt_t *prompt, soma_walk_t *w);
static void soma_prompt_content(soma_prompt_t *prompt, soma_walk_t *w);
static void soma_prompt_blob(soma_prompt_t *prompt, soma_walk_t *w);
static void soma_prompt_file(soma_prompt_t *prompt, soma_str_t file);
static void soma_prompt_members(soma_prompt_t *prompt, soma_walk_t *w,
    const soma_prompt_name_t *member, size_t n);


static void
soma_prompt_text(soma_prompt_t *prompt, soma_str_t text, int escapes)
{
    int64_t   n;
    uint64_t  hash;

    if (prompt->bpe == NULL) {
        prompt->tokens += (int64_t) text.len;
        return;
    }

    if (text.len > prompt->left) {
        prompt->tokens += (int64_t) (text.len - prompt->left);
        text.len = prompt->left;
    }

    prompt->left -= text.len;

    if (text.len == 0) {
        return;
    }

    if (prompt->memo == NULL || text.len < SOMA_MEMO_MIN) {
        prompt->tokens += soma_prompt_text_tokens(prompt->bpe, text, escapes);
        return;
    }

    hash = soma_memo_hash(prompt->memo, text,
                          (unsigned) prompt->bpe->family << 1
                          | (escapes != 0));
    n = soma_memo_get(prompt->memo, hash);

    if (n < 0) {
        n = soma_prompt_text_tokens(prompt->bpe, text, escapes);
        soma_memo_put(prompt->memo, hash, n);
    }

    prompt->tokens += n;
}


/* numbers, true, false and null are no text */

static void
soma_prompt_value(soma_prompt_t *prompt, soma_json_value_t *value)
{
    soma_str_t  text;

    text = value->text;

    switch (value->type) {

    case SOMA_JSON_STRING:
        text.data++;
        text.len -= 2;
        soma_prompt_text(prompt, text, 1);
        break;

    case SOMA_JSON_OBJECT:
    case SOMA_JSON_ARRAY:
        soma_prompt_text(prompt, text, 0);
        break;

    default:
        break;
    }
}


/* a text, or an array of texts, of tokens, or of arrays of tokens */

static void
soma_prompt_input(soma_prompt_t *prompt, soma_json_value_t *value)
{
    soma_walk_t        w;
    soma_json_value_t  v;

    if (value->type != SOMA_JSON_ARRAY) {
        soma_prompt_value(prompt, value);
        return;
    }

    w.p = value->text.data;
    w.end = w.p + value->text.len;
    (void) soma_walk_enter(&w, '[');

    while (soma_walk_next(&w, NULL) == SOMA_OK
           && soma_walk_value(&w, &v) == SOMA_OK)
    {
        if (v.type == SOMA_JSON_NUMBER) {
            prompt->tokens++;

        } else if (v.type == SOMA_JSON_ARRAY) {

            /* a token of an array takes a digit and a comma */

            prompt->tokens += (int64_t) v.text.len / 2;

        } else {
            soma_prompt_value(prompt, &v);
        }
    }
}


/*
 * Of an image or a document.  What is not spelt plainly is taken for the
 * worst; of a list of parts those count, but none has another list in it.
 */

static void
soma_prompt_source(soma_prompt_t *prompt, soma_walk_t *w)
{
    int                rc;
    unsigned           odd;
    soma_str_t         name;
    soma_walk_t        within;
    soma_json_iter_t   it;
    soma_json_value_t  v, type, media, parts, member;

    if (soma_walk_value(w, &v) != SOMA_OK || v.type == SOMA_JSON_NULL) {
        return;
    }

    if (v.type != SOMA_JSON_OBJECT || soma_json_first(&it, v.text) != SOMA_OK)
    {
        soma_prompt_value(prompt, &v);
        return;
    }

    odd = 0;
    memset(&type, 0, sizeof(soma_json_value_t));
    memset(&media, 0, sizeof(soma_json_value_t));
    memset(&parts, 0, sizeof(soma_json_value_t));

    while ((rc = soma_json_next(&it, &name, &member)) == SOMA_OK) {

        if (name.len != 0 && memchr(name.data, '\\', name.len) != NULL) {
            odd = 1;

        } else if (soma_str_is(name, "type")) {
            type = member;

        } else if (soma_str_is(name, "media_type")) {
            media = member;

        } else if (soma_str_is(name, "content")) {
            parts = member;
        }
    }

    odd |= (rc != SOMA_DONE);

    if (!odd && soma_str_is(type.text, "\"text\"")) {
        soma_prompt_value(prompt, &v);
        return;
    }

    if (!odd && soma_str_is(type.text, "\"content\"")
        && parts.text.len != 0 && !prompt->within)
    {
        within.p = parts.text.data;
        within.end = within.p + parts.text.len;
        prompt->within = 1;
        soma_prompt_content(prompt, &within);
        prompt->within = 0;
        return;
    }

    /* an address of a document is no matter of bytes */

    if (!odd && (soma_str_is(type.text, "\"url\"")
                 || (soma_str_is(type.text, "\"base64\"")
                     && media.text.len > 7
                     && memcmp(media.text.data, "\"image/", 7) == 0)))
    {
        prompt->tokens += prompt->image;
        return;
    }

    soma_prompt_file(prompt, v.text);
}


/* what is not spelt plainly is taken for a file, which is the worst */

static void
soma_prompt_blob(soma_prompt_t *prompt, soma_walk_t *w)
{
    int                rc;
    unsigned           odd, kind;
    soma_str_t         name;
    soma_json_iter_t   it;
    soma_json_value_t  v, member;

    if (soma_walk_value(w, &v) != SOMA_OK || v.type == SOMA_JSON_NULL) {
        return;
    }

    if (v.type != SOMA_JSON_OBJECT || soma_json_first(&it, v.text) != SOMA_OK)
    {
        soma_prompt_value(prompt, &v);
        return;
    }

    odd = 0;
    kind = 0;

    while ((rc = soma_json_next(&it, &name, &member)) == SOMA_OK) {

        if (name.len != 0 && memchr(name.data, '\\', name.len) != NULL) {
            odd = 1;

        } else if (soma_str_is(name, "mimeType")
                   || soma_str_is(name, "mime_type"))
        {
            kind = member.text.len < 7 ? 0
                   : memcmp(member.text.data, "\"image/", 7) == 0 ? 'i'
                   : memcmp(member.text.data, "\"audio/", 7) == 0 ? 'a' : 0;
        }
    }

    if (odd || rc != SOMA_DONE || kind == 0) {
        soma_prompt_file(prompt, v.text);

    } else if (kind == 'i') {
        prompt->tokens += prompt->image;

    } else {
        prompt->tokens += (int64_t) v.text.len / SOMA_PROMPT_SOUND_BYTES + 1;
    }
}


/* no page of a document is shorter than the bytes that draw it */

static void
soma_prompt_file(soma_prompt_t *prompt, soma_str_t file)
{
    prompt->tokens += file.len > SOMA_PROMPT_FILE ? (int64_t) file.len
                                                  : SOMA_PROMPT_FILE;
}


/* a content: a text, or an array of parts */

static void
soma_prompt_content(soma_prompt_t *prompt, soma_walk_t *w)
{
    soma_json_value_t  v;

    if (!soma_walk_enter(w, '[')) {
        if (soma_walk_value(w, &v) == SOMA_OK) {
            soma_prompt_value(prompt, &v);
        }

        return;
    }

    while (soma_walk_next(w, NULL) == SOMA_OK) {

        if (soma_walk_enter(w, '{')) {
            soma_prompt_members(prompt, w, prompt->names->part,
                                prompt->names->npart);
            continue;
        }

        if (soma_walk_value(w, &v) != SOMA_OK) {
            break;
        }

        soma_prompt_value(prompt, &v);
    }
}


/* messages, items of "input", or what else an "input" may be */

static void
soma_prompt_messages(soma_prompt_t *prompt, soma_walk_t *w)
{
    soma_json_value_t  v;

    if (!soma_walk_enter(w, '[')) {
        prompt->tokens += prompt->message ? prompt->message + SOMA_PROMPT_NAME
                                          : 0;

        if (soma_walk_value(w, &v) == SOMA_OK) {
            soma_prompt_value(prompt, &v);
        }

        return;
    }

    while (soma_walk_next(w, NULL) == SOMA_OK) {

        if (soma_walk_enter(w, '{')) {
            prompt->tokens += prompt->message;
            soma_prompt_members(prompt, w, prompt->names->message,
                                prompt->names->nmessage);
            continue;
        }

        if (soma_walk_value(w, &v) != SOMA_OK) {
            break;
        }

        if (v.type == SOMA_JSON_NUMBER) {
            prompt->tokens++;
            continue;
        }

        soma_prompt_input(prompt, &v);
    }
}


static void
soma_prompt_images(soma_prompt_t *prompt, soma_json_value_t *value)
{
    soma_walk_t        w;
    soma_json_value_t  v;

    w.p = value->text.data;
    w.end = w.p + value->text.len;

    if (!soma_walk_enter(&w, '[')) {
        soma_prompt_value(prompt, value);
        return;
    }

    while (soma_walk_next(&w, NULL) == SOMA_OK
           && soma_walk_value(&w, &v) == SOMA_OK)
    {
        prompt->tokens += prompt->image;
    }
}


static void
soma_prompt_member(soma_prompt_t *prompt, soma_walk_t *w, soma_part_e part)
{
    soma_json_value_t  v;

    switch (part) {

    case SOMA_PART_MESSAGES:
        soma_prompt_messages(prompt, w);
        return;

    case SOMA_PART_CONTENT:
        soma_prompt_content(prompt, w);
        return;

    case SOMA_PART_BLOCKS:
        prompt->tokens += prompt->message + SOMA_PROMPT_NAME;
        soma_prompt_content(prompt, w);
        return;

    case SOMA_PART_SOURCE:
        soma_prompt_source(prompt, w);
        return;

    case SOMA_PART_WITHIN:
        if (soma_walk_enter(w, '{')) {
            soma_prompt_members(prompt, w, prompt->names->part,
                                prompt->names->npart);
            return;
        }

        part = SOMA_PART_TEXT;
        break;

    case SOMA_PART_BLOB:
        soma_prompt_blob(prompt, w);
        return;

    default:
        break;
    }

    if (soma_walk_value(w, &v) != SOMA_OK || v.type == SOMA_JSON_NULL) {
        return;
    }

    switch (part) {

    case SOMA_PART_TEXT:
        soma_prompt_value(prompt, &v);
        break;

    case SOMA_PART_TOOLS:
    case SOMA_PART_FUNCTIONS:
        soma_prompt_value(prompt, &v);

        if (v.text.len > 2) {
            prompt->tokens += (part == SOMA_PART_TOOLS)
                              ? SOMA_PROMPT_TOOLS : SOMA_PROMPT_FUNCTIONS;
        }

        break;

    case SOMA_PART_NAME:
        prompt->tokens += SOMA_PROMPT_NAME;
        soma_prompt_value(prompt, &v);
        break;

    case SOMA_PART_SYSTEM:
        prompt->tokens += prompt->message + SOMA_PROMPT_NAME;
        soma_prompt_value(prompt, &v);
        break;

    case SOMA_PART_INPUT:
        soma_prompt_input(prompt, &v);
        break;

    case SOMA_PART_IMAGE:
        prompt->tokens += prompt->image;
        break;

    case SOMA_PART_IMAGES:
        soma_prompt_images(prompt, &v);
        break;

    case SOMA_PART_SOUND:
        prompt->tokens += (int64_t) v.text.len / SOMA_PROMPT_SOUND_BYTES + 1;
        break;

    case SOMA_PART_FILE:
        soma_prompt_file(prompt, v.text);
        break;

    default:
        break;
    }
}


static soma_part_e
soma_prompt_part_of(soma_str_t name, const soma_prompt_name_t *member,
    size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (member[i].name.len == name.len
            && memcmp(member[i].name.data, name.data, name.len) == 0)
        {
            return member[i].part;
        }
    }

    return SOMA_PART_TEXT;
}


/* the members of an object that was entered */

static void
soma_prompt_members(soma_prompt_t *prompt, soma_walk_t *w,
    const soma_prompt_name_t *member, size_t n)
{
    soma_str_t   name;
    soma_part_e  part;

    while (soma_walk_next(w, &name) == SOMA_OK) {

        part = soma_prompt_part_of(name, member, n);

        if (part == SOMA_PART_TEXT && name.len != 0
            && memchr(name.data, '\\', name.len) != NULL)
        {
            /* a name spelt with escapes may be that of an image */

            prompt->tokens += prompt->image;
        }

        soma_prompt_member(prompt, w, part);
    }
}


static int
soma_prompt_has(soma_str_t model, const char *word)
{
    size_t  i, n;

    n = strlen(word);

    for (i = 0; i + n <= model.len; i++) {
        if (memcmp(model.data + i, word, n) == 0) {
            return 1;
        }
    }

    return 0;
}


unsigned
soma_prompt_traits(soma_str_t model)
{
    return (soma_prompt_has(model, "gpt-4o-mini") ? SOMA_PROMPT_MINI : 0)
           | (soma_prompt_has(model, "gpt-oss") ? SOMA_PROMPT_OSS : 0)
           | (soma_prompt_has(model, "claude") ? SOMA_PROMPT_CLAUDE : 0);
}


int64_t
soma_prompt_tokens(const soma_prompt_names_t *names, const soma_bpe_t *bpe,
    soma_api_e api, unsigned traits, soma_str_t body)
{
    return soma_prompt_recall(names, NULL, bpe, api, traits, body);
}


int64_t
soma_prompt_recall(const soma_prompt_names_t *names, soma_memo_t *memo,
    const soma_bpe_t *bpe, soma_api_e api, unsigned traits, soma_str_t body)
{
    soma_walk_t    w;
    soma_prompt_t  prompt;

    if (api == SOMA_API_TRANSCRIPTIONS || api == SOMA_API_TRANSLATIONS) {
        return (int64_t) body.len / SOMA_PROMPT_SOUND_BYTES + 1;
    }

    prompt.names = names;
    prompt.bpe = bpe;
    prompt.memo = memo;
    prompt.image = (traits & SOMA_PROMPT_MINI) ? SOMA_PROMPT_IMAGE_MINI
                   : (traits & SOMA_PROMPT_CLAUDE) ? SOMA_PROMPT_IMAGE_CLAUDE
                   : SOMA_PROMPT_IMAGE;
    prompt.message = 0;
    prompt.tokens = 0;
    prompt.left = SOMA_PROMPT_COUNT_MAX;
    prompt.within = 0;

    if (api == SOMA_API_CHAT || api == SOMA_API_RESPONSES) {
        prompt.message = SOMA_PROMPT_MESSAGE;
        prompt.tokens = SOMA_PROMPT_REPLY;

        if (traits & SOMA_PROMPT_OSS) {
            prompt.tokens += SOMA_PROMPT_HARMONY;
        }
    }

    w.p = body.data;
    w.end = w.p + body.len;

    if (soma_walk_enter(&w, '{')) {
        soma_prompt_members(&prompt, &w, names->request, names->nrequest);
    }

    return prompt.tokens;
}


/*
 * A text is no more tokens than bytes, and what is added pays for itself in
 * bytes that are no text: a message its {} and the comma or bracket behind,
 * which are SOMA_PROMPT_MESSAGE; SOMA_PROMPT_NAME the name of its member; a
 * message that is no object, both of them.  What comes once stands here: a
 * parser takes "tools" and "functions" once each, however often they come.
 */

int64_t
soma_prompt_bound(size_t body_len, int tools)
{
    return (int64_t) body_len + SOMA_PROMPT_REPLY + SOMA_PROMPT_HARMONY
           + SOMA_PROMPT_FUNCTIONS + (tools ? SOMA_PROMPT_TOOLS : 0);
}


/*
 * A member's name is looked for in the whole body, in texts too: to think of
 * sound where only somebody speaks of "audio" reserves more than it needs.
 * Letters that are escaped are nobody's habit.
 */

unsigned
soma_prompt_kinds(soma_str_t body)
{
    unsigned              kinds;
    const unsigned char  *p, *end;

    kinds = 0;
    p = body.data;
    end = p + body.len;

    if (memmem(p, body.len, "\"audio\"", 7) != NULL) {
        kinds |= SOMA_PRICE_AUDIO;
    }

    if (memmem(p, body.len, "\"cache_control\"", 15) != NULL
        || memmem(p, body.len, "\"cachePoint\"", 12) != NULL)
    {
        kinds |= SOMA_PRICE_CACHE_WRITE;
    }

    for ( ;; ) {
        p = memchr(p, '\\', (size_t) (end - p));

        if (p == NULL || end - p < 6) {
            return kinds;
        }

        if (memcmp(p, "\\u00", 4) == 0 && p[4] >= '4' && p[4] <= '7') {
            return SOMA_PRICE_KIND_SETS - 1;
        }

        p += 2;
    }
}
