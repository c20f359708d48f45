
/*
 * Copyright (C) The ngx_soma authors
 *
 * Preloaded where memory is watched: a module that nginx has closed can name
 * no function in a report, and what its own variables point at would look
 * lost.
 */


#include <dlfcn.h>


int
dlclose(void *handle)
{
    (void) handle;

    return 0;
}
