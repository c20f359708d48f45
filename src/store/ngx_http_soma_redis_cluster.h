
/*
 * Copyright (C) The ngx_soma authors
 *
 * What the two files of the cluster share: its nodes, and the map of its
 * slots.
 */


#ifndef NGX_HTTP_SOMA_REDIS_CLUSTER_H
#define NGX_HTTP_SOMA_REDIS_CLUSTER_H


#include "ngx_http_soma_redis_link.h"


#define NGX_HTTP_SOMA_CLUSTER_NONE     255      /* no such node */


#if (NGX_HTTP_SOMA_REDIS_NODES_MAX >= NGX_HTTP_SOMA_CLUSTER_NONE)
#error "a node's number must fit in the map"
#endif


typedef struct {
    ngx_http_soma_link_t         link;
    ngx_msec_t                   wanted;    /* until then */
    unsigned                     set:1;
    unsigned                     seed:1;    /* of the configuration */
    unsigned                     used:1;    /* has slots */
    unsigned                     asked:1;   /* "wanted" counts */
} ngx_http_soma_node_t;


typedef struct {
    ngx_http_soma_node_t         node[NGX_HTTP_SOMA_REDIS_NODES_MAX];
    ngx_uint_t                   n;         /* of which some are set */
    u_char                       slots[SOMA_SLOTS];
    u_char                       fresh[SOMA_SLOTS];     /* being read */
    ngx_uint_t                   turn;      /* whom to ask for the map */
    ngx_uint_t                   fails;     /* of it, one after the other */
    ngx_event_t                  poll;
    ngx_connection_t             dummy;
    const char                  *error;

    unsigned                     known:1;   /* there is a map */
    unsigned                     asking:1;  /* for a new one */
    unsigned                     full:1;    /* too many nodes was logged */
    unsigned                     closed:1;
} ngx_http_soma_cluster_t;


/* this worker's */
extern ngx_http_soma_cluster_t  ngx_http_soma_redis_cluster;


/* the node of that address, added where there is none; NULL: the table is
 * full */
ngx_http_soma_node_t *ngx_http_soma_redis_cluster_add(ngx_str_t *host,
    in_port_t port);

/* asks a node for the map, now and from then on */
void ngx_http_soma_redis_cluster_map(void);
void ngx_http_soma_redis_cluster_map_poll(ngx_event_t *ev);


#endif /* NGX_HTTP_SOMA_REDIS_CLUSTER_H */
