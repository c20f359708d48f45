
/*
 * Copyright (C) The ngx_soma authors
 *
 * A streamed usage says what it costs: "cost" in it, in USD, as OpenRouter's
 * API reference has it.
 */


#ifndef SOMA_USAGE_COST_H
#define SOMA_USAGE_COST_H


#include "soma_json.h"
#include "soma_sse.h"


#define SOMA_USAGE_COST_MAX  40         /* bytes of a member with its comma */


/*
 * The splice of event->raw that puts "cost" (nano-USD) into "usage", an
 * object of that event: in the place of the value that a "cost" of its own
 * has, of the last one if there are several, else before its closing brace.
 * The text lies in buf, of SOMA_USAGE_COST_MAX bytes.
 *
 * SOMA_DECLINED: the event is to be left as it is: the usage does not lie in
 * it (its data was joined from several lines), or is no object.
 */
int soma_usage_cost(const soma_sse_event_t *event, soma_str_t usage,
    int64_t cost, unsigned char *buf, soma_json_edit_t *edit);

/* "cost" and its number, without a comma */
void soma_usage_cost_put(soma_out_t *out, int64_t cost);


#endif /* SOMA_USAGE_COST_H */
