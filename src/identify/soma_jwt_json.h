
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the readers of tokens and of key sets share, private to soma_jw*.c.
 */


#ifndef SOMA_JWT_JSON_H
#define SOMA_JWT_JSON_H


#include <yyjson.h>

#include "soma_base.h"


/* the root, numbers as they stand; NULL: not JSON, a member that stands
 * twice, too deep, too many members, or no memory */
yyjson_val *soma_jwt_json_read(soma_arena_t *arena, soma_str_t text);

soma_str_t soma_jwt_json_str(yyjson_val *value);


#endif /* SOMA_JWT_JSON_H */
