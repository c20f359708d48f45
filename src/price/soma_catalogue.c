
/*
 * Copyright (C) The ngx_soma authors
 *
 * The price catalogue in LiteLLM's format: one object, a member a model.
 */


#include "soma_catalogue.h"


#define SOMA_CATALOGUE_ERROR   512          /* bytes of a sentence */
#define SOMA_CATALOGUE_NAME    128          /* of a name shown in it */
#define SOMA_CATALOGUE_HASH    16           /* hex digits */


struct soma_catalogue_s {
    soma_price_t   *price;
    size_t          nprices;
    size_t          skipped;
    uint32_t       *slot;               /* index + 1, 0: free */
    size_t          mask;
    unsigned char   hash[SOMA_CATALOGUE_HASH];
};


static int soma_catalogue_is_model(yyjson_val *key, yyjson_val *entry);
static int soma_catalogue_keep(soma_catalogue_t *catalogue,
    soma_arena_t *arena, soma_price_build_t *build, soma_str_t key);
static int soma_catalogue_fill(soma_catalogue_t *catalogue,
    soma_arena_t *arena, yyjson_val *root, soma_str_t *error);
static int soma_catalogue_init(soma_catalogue_t *catalogue,
    soma_arena_t *arena, size_t n);
static uint64_t soma_catalogue_mix(uint64_t hash, soma_str_t s);
static uint32_t *soma_catalogue_slot(const soma_catalogue_t *catalogue,
    soma_str_t provider, soma_str_t name);
static int soma_catalogue_is(soma_str_t key, soma_str_t provider,
    soma_str_t name);
static size_t soma_catalogue_line(soma_str_t text, size_t pos);
static int soma_catalogue_error(soma_arena_t *arena, soma_str_t *error,
    const soma_out_t *out);
static int soma_catalogue_syntax(soma_arena_t *arena, soma_str_t text,
    const yyjson_read_err *err, soma_str_t *error);
static int soma_catalogue_fault(soma_arena_t *arena,
    const soma_price_build_t *build, soma_str_t key, soma_str_t *error);


static int
soma_catalogue_is_model(yyjson_val *key, yyjson_val *entry)
{
    return yyjson_is_str(yyjson_obj_get(entry, "litellm_provider"))
           && yyjson_get_len(key) != 0
           && !yyjson_equals_str(key, "sample_spec");
}


/* copies the model into the table; SOMA_ERROR: no memory */
static int
soma_catalogue_keep(soma_catalogue_t *catalogue, soma_arena_t *arena,
    soma_price_build_t *build, soma_str_t key)
{
    size_t               size;
    uint32_t            *slot;
    soma_price_t        *price;
    soma_price_level_t  *step;

    price = &build->price;

    price->name = soma_str_dup(arena, key);
    price->provider = soma_str_dup(arena, price->provider);
    price->mode = soma_str_dup(arena, price->mode);

    if (price->name.data == NULL || price->provider.data == NULL
        || price->mode.data == NULL)
    {
        return SOMA_ERROR;
    }

    if (price->nsteps != 0) {
        size = price->nsteps * sizeof(soma_price_level_t);

        step = arena->alloc(arena->data, size);
        if (step == NULL) {
            return SOMA_ERROR;
        }

        memcpy(step, build->level, size);
        price->step = step;
    }

    slot = soma_catalogue_slot(catalogue, (soma_str_t) soma_str_null, key);

    if (*slot != 0) {
        catalogue->price[*slot - 1] = *price;
        catalogue->skipped++;
        return SOMA_OK;
    }

    catalogue->price[catalogue->nprices++] = *price;
    *slot = (uint32_t) catalogue->nprices;

    return SOMA_OK;
}


static int
soma_catalogue_fill(soma_catalogue_t *catalogue, soma_arena_t *arena,
    yyjson_val *root, soma_str_t *error)
{
    size_t              i, n;
    soma_str_t          name;
    yyjson_val         *key, *entry;
    soma_price_build_t  build;

    yyjson_obj_foreach(root, i, n, key, entry) {

        if (!soma_catalogue_is_model(key, entry)) {
            catalogue->skipped++;
            continue;
        }

        name = soma_catalogue_str(key);

        if (soma_catalogue_entry(&build, name, entry) != SOMA_OK) {
            return soma_catalogue_fault(arena, &build, name, error);
        }

        build.price.provider =
              soma_catalogue_str(yyjson_obj_get(entry, "litellm_provider"));

        if (soma_catalogue_keep(catalogue, arena, &build, name) != SOMA_OK) {
            *error = SOMA_STR("no memory for the price catalogue");
            return SOMA_ERROR;
        }
    }

    return SOMA_OK;
}


static int
soma_catalogue_init(soma_catalogue_t *catalogue, soma_arena_t *arena,
    size_t n)
{
    size_t  slots;

    memset(catalogue, 0, sizeof(soma_catalogue_t));

    slots = 2;

    while (slots < 2 * n) {
        slots *= 2;
    }

    catalogue->mask = slots - 1;
    catalogue->slot = arena->alloc(arena->data, slots * sizeof(uint32_t));
    catalogue->price = arena->alloc(arena->data,
                                    (n + 1) * sizeof(soma_price_t));

    if (catalogue->slot == NULL || catalogue->price == NULL) {
        return SOMA_ERROR;
    }

    memset(catalogue->slot, 0, slots * sizeof(uint32_t));

    return SOMA_OK;
}


int
soma_catalogue_load(soma_catalogue_t **catalogue, soma_arena_t *arena,
    soma_str_t text, soma_str_t *error)
{
    int                rc;
    size_t             i, max, n;
    yyjson_doc        *doc;
    yyjson_val        *root, *key, *entry;
    yyjson_read_err    err;
    soma_catalogue_t  *loaded;

    doc = yyjson_read_opts((char *) text.data, text.len,
                           YYJSON_READ_NUMBER_AS_RAW, NULL, &err);
    if (doc == NULL) {
        return soma_catalogue_syntax(arena, text, &err, error);
    }

    rc = SOMA_ERROR;
    n = 0;
    root = yyjson_doc_get_root(doc);

    if (!yyjson_is_obj(root)) {
        *error = SOMA_STR("a price catalogue is a JSON object of models");
        goto done;
    }

    yyjson_obj_foreach(root, i, max, key, entry) {
        n += soma_catalogue_is_model(key, entry);
    }

    if (n > SOMA_CATALOGUE_MAX) {
        *error = SOMA_STR("the price catalogue has more than 20000 models");
        goto done;
    }

    loaded = arena->alloc(arena->data, sizeof(soma_catalogue_t));

    if (loaded == NULL || soma_catalogue_init(loaded, arena, n) != SOMA_OK) {
        *error = SOMA_STR("no memory for the price catalogue");
        goto done;
    }

    (void) soma_put_hex64(loaded->hash, soma_str_hash(text.data, text.len));

    rc = soma_catalogue_fill(loaded, arena, root, error);

    if (rc == SOMA_OK) {
        *catalogue = loaded;
    }

done:

    yyjson_doc_free(doc);

    return rc;
}


static size_t
soma_catalogue_line(soma_str_t text, size_t pos)
{
    size_t  i, line;

    line = 1;

    for (i = 0; i < pos && i < text.len; i++) {
        line += (text.data[i] == '\n');
    }

    return line;
}


static int
soma_catalogue_error(soma_arena_t *arena, soma_str_t *error,
    const soma_out_t *out)
{
    soma_str_t  s;

    s.data = out->start;
    s.len = (size_t) (out->pos - out->start);

    *error = soma_str_dup(arena, s);

    if (error->data == NULL) {
        *error = SOMA_STR("the price catalogue cannot be read");
    }

    return SOMA_ERROR;
}


static int
soma_catalogue_syntax(soma_arena_t *arena, soma_str_t text,
    const yyjson_read_err *err, soma_str_t *error)
{
    soma_out_t     out;
    unsigned char  buf[SOMA_CATALOGUE_ERROR];

    soma_put_init(&out, buf, sizeof(buf));

    soma_put_cstr(&out, "the price catalogue is not valid JSON: ");
    soma_put_cstr(&out, err->msg != NULL ? err->msg : "unknown");
    soma_put_cstr(&out, " in line ");
    soma_put_int(&out, (int64_t) soma_catalogue_line(text, err->pos));

    return soma_catalogue_error(arena, error, &out);
}


static int
soma_catalogue_fault(soma_arena_t *arena, const soma_price_build_t *build,
    soma_str_t key, soma_str_t *error)
{
    soma_out_t     out;
    soma_str_t     member;
    unsigned char  buf[SOMA_CATALOGUE_ERROR];

    member = build->member;

    if (key.len > SOMA_CATALOGUE_NAME) {
        key.len = SOMA_CATALOGUE_NAME;
    }

    if (member.len > SOMA_CATALOGUE_NAME) {
        member.len = SOMA_CATALOGUE_NAME;
    }

    soma_put_init(&out, buf, sizeof(buf));

    soma_put_cstr(&out, "price catalogue: member \"");
    soma_put_str(&out, member);
    soma_put_cstr(&out, "\" of model \"");
    soma_put_str(&out, key);
    soma_put_cstr(&out, "\" ");
    soma_put_cstr(&out, build->fault);

    return soma_catalogue_error(arena, error, &out);
}


size_t
soma_catalogue_models(const soma_catalogue_t *catalogue)
{
    return catalogue->nprices;
}


size_t
soma_catalogue_skipped(const soma_catalogue_t *catalogue)
{
    return catalogue->skipped;
}


const soma_price_t *
soma_catalogue_model(const soma_catalogue_t *catalogue, size_t i)
{
    return &catalogue->price[i];
}


soma_str_t
soma_catalogue_hash(const soma_catalogue_t *catalogue)
{
    soma_str_t  s;

    s.data = (unsigned char *) catalogue->hash;
    s.len = SOMA_CATALOGUE_HASH;

    return s;
}


/* the same hash for one string and for its pieces in a row */
static uint64_t
soma_catalogue_mix(uint64_t hash, soma_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        hash = (hash ^ s.data[i]) * UINT64_C(0x100000001b3);
    }

    return hash;
}


static int
soma_catalogue_is(soma_str_t key, soma_str_t provider, soma_str_t name)
{
    size_t  skip;

    skip = provider.len != 0 ? provider.len + 1 : 0;

    if (key.len != skip + name.len
        || memcmp(key.data + skip, name.data, name.len) != 0)
    {
        return 0;
    }

    return skip == 0
           || (key.data[provider.len] == '/'
               && memcmp(key.data, provider.data, provider.len) == 0);
}


/* the slot of that key or the free one where it would go; the table is never
 * more than half full, so there is one */
static uint32_t *
soma_catalogue_slot(const soma_catalogue_t *catalogue, soma_str_t provider,
    soma_str_t name)
{
    size_t     i;
    uint64_t   hash;
    uint32_t  *slot;

    hash = UINT64_C(0xcbf29ce484222325);

    if (provider.len != 0) {
        hash = soma_catalogue_mix(hash, provider);
        hash = soma_catalogue_mix(hash, SOMA_STR("/"));
    }

    hash = soma_catalogue_mix(hash, name);

    for (i = (size_t) hash & catalogue->mask;
         /* void */ ;
         i = (i + 1) & catalogue->mask)
    {
        slot = &catalogue->slot[i];

        if (*slot == 0
            || soma_catalogue_is(catalogue->price[*slot - 1].name, provider,
                                 name))
        {
            return slot;
        }
    }
}


const soma_price_t *
soma_catalogue_find(const soma_catalogue_t *catalogue, soma_str_t provider,
    soma_str_t name)
{
    uint32_t  *slot;

    if (name.len == 0) {
        return NULL;
    }

    slot = soma_catalogue_slot(catalogue, provider, name);

    if (*slot == 0 && provider.len != 0) {
        slot = soma_catalogue_slot(catalogue, (soma_str_t) soma_str_null,
                                   name);
    }

    return *slot != 0 ? &catalogue->price[*slot - 1] : NULL;
}


/* "high/1024-x-1536/gpt-image-1" is an image of "gpt-image-1" */
static int
soma_catalogue_image_of(soma_str_t key, soma_str_t provider, soma_str_t name,
    soma_image_t *image)
{
    soma_str_t  head;

    if (key.len <= name.len + 1
        || memcmp(key.data + key.len - name.len, name.data, name.len) != 0
        || key.data[key.len - name.len - 1] != '/')
    {
        return 0;
    }

    soma_image_named(image, key);

    if (image->width == 0) {
        return 0;
    }

    /* another provider's stand below its name */

    head.data = key.data;
    head.len = provider.len;

    if (key.len > provider.len && key.data[provider.len] == '/'
        && soma_str_eq(head, provider))
    {
        return 1;
    }

    return image->quality.data == NULL || image->quality.data == key.data;
}


int
soma_catalogue_images(const soma_catalogue_t *catalogue, soma_arena_t *arena,
    soma_str_t provider, soma_str_t name, soma_price_t *price)
{
    size_t               i;
    unsigned             n;
    soma_image_t         image;
    soma_price_image_t  *list;

    n = 0;

    for (i = 0; i < catalogue->nprices; i++) {
        n += catalogue->price[i].per_image > 0
             && soma_catalogue_image_of(catalogue->price[i].name, provider,
                                        name, &image);
    }

    if (n == 0) {
        return SOMA_OK;
    }

    list = arena->alloc(arena->data, n * sizeof(soma_price_image_t));
    if (list == NULL) {
        return SOMA_ERROR;
    }

    n = 0;

    for (i = 0; i < catalogue->nprices; i++) {
        if (catalogue->price[i].per_image > 0
            && soma_catalogue_image_of(catalogue->price[i].name, provider,
                                       name, &image))
        {
            list[n].image = image;
            list[n].pico = catalogue->price[i].per_image;
            n++;
        }
    }

    price->image = list;
    price->nimages = n;
    price->known = 1;

    return SOMA_OK;
}
