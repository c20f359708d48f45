# Who calls: credentials in four headers, keys of the configuration and of
# Redis, and that no credential goes where it does not belong.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our $CHAT = 'POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"hi"}]}';

cases(keys => [qw(alice old new other)], upstream => 1, redis => 1);

__DATA__

=== TEST 1: a key is taken from Authorization, x-api-key and two others
--- http_config
    soma_zone 8m;
    soma_redis $TEST_NGINX_REDIS timeout=2s;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        api_key sk-secret-of-the-provider;
    }
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { }
    soma_tenant other { models none; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_OLD tenant=acme user=old expires=2020-01-01;
    soma_key $TEST_NGINX_NEW tenant=acme user=new expires=2999-01-01;
    soma_key $TEST_NGINX_OTHER tenant=other user=olga;
    soma_training_lock off;
    log_format who '$status $soma_tenant/$soma_user/$soma_key';
    access_log logs/access.log who;
--- config
    location /v1/ { soma_pass; }
    location /svc/ { soma_access; empty_gif; }
--- log_level: debug
--- upstream
{"object":"x"}
--- request eval
[($::CHAT) x 6]
--- more_headers eval
['Authorization: Bearer sk-alice', 'authorization: bearer sk-alice',
 'Authorization: BEARER   sk-alice', 'x-api-key: sk-alice',
 'X-Goog-Api-Key: sk-alice', 'api-key: sk-alice']
--- error_code eval
[(200) x 6]
--- response_body eval
[('{"object":"x"}') x 6]
--- access_log eval
qr{^200 acme/alice/[0-9a-f]{12}$}

=== TEST 2: a request without a key is told so, and which kind is wanted
--- request eval
[($::CHAT) x 4]
--- more_headers eval
['X-Nothing: 1', 'x-api-key:', 'Authorization: Basic c2stYWxpY2U=',
 'Authorization: Bearer ']
--- error_code eval
[(401) x 4]
--- response_headers eval
[('WWW-Authenticate: Bearer') x 4]
--- raw_response_headers_like eval
[('x-request-id: req_\w+') x 4]
--- response_body_like eval
[('"code":"missing_api_key"') x 4]

=== TEST 3: an unknown key is refused in JSON that does not repeat it
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-nobody
--- error_code: 401
--- response_headers
Content-Type: application/json
--- response_body_like: ^(?!.*sk-nobody).*"code":"invalid_api_key"

=== TEST 4: what only looks like the key, its digest included, opens nothing
--- request eval
[($::CHAT) x 7]
--- more_headers eval
[map { "x-api-key: $_" } 'sk-alice.', 'sk-alice x', 'sk-alicf', 'sk-alic',
 'sk-alice' . 'e' x 3000, $ENV{TEST_NGINX_ALICE},
 $ENV{TEST_NGINX_ALICE} =~ s/sha256://r]
--- error_code eval
[(401) x 7]

=== TEST 5: an expired key is refused as one
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-old
--- error_code: 401
--- response_body_like: "code":"expired_api_key"

=== TEST 6: a key that has time left is let in
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-new
--- error_code: 200

=== TEST 7: of two credentials Authorization counts, the other is no second try
--- request eval
[$::CHAT, $::CHAT]
--- more_headers eval
["Authorization: Bearer sk-alice\nx-api-key: sk-nobody",
 "Authorization: Bearer sk-nobody\nx-api-key: sk-alice"]
--- error_code eval
[200, 401]

=== TEST 8: Authorization twice is refused by nginx itself
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-nobody
Authorization: Bearer sk-alice
--- error_code: 400

=== TEST 9: of two x-api-key the first counts
--- request eval
[$::CHAT, $::CHAT]
--- more_headers eval
["x-api-key: sk-nobody\nx-api-key: sk-alice",
 "x-api-key: sk-alice\nx-api-key: sk-nobody"]
--- error_code eval
[401, 200]

=== TEST 10: a model that the tenant may not use is forbidden
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-other
--- error_code: 403
--- response_body_like: "code":"model_not_allowed"

=== TEST 11: a key that Redis does not know is refused, the second time too
--- request eval
['GET /svc/', 'GET /svc/']
--- more_headers
x-api-key: sk-nowhere
--- error_code eval
[401, 401]

=== TEST 12: a key of Redis comes with tenant, user and name
--- redis eval
'HSET soma:key:' . main::soma_sha256('sk-rita')
. ' tenant acme user rita name laptop'
--- request
GET /svc/
--- more_headers
x-api-key: sk-rita
--- error_code: 200
--- access_log
200 acme/rita/laptop

=== TEST 13: a key's own list of models narrows its tenant's
--- redis eval
'HSET soma:key:' . main::soma_sha256('sk-narrow')
. ' tenant acme user rita models none limits "requests 2/day"'
--- request eval: $::CHAT
--- more_headers
x-api-key: sk-narrow
--- error_code: 403
--- response_body_like: "code":"model_not_allowed"

=== TEST 14: a key's own limit holds, and is named when it is used up
The refusal of the block before has cost nothing.
--- request eval
['GET /svc/', 'GET /svc/', 'GET /svc/']
--- more_headers
x-api-key: sk-narrow
--- error_code eval
[200, 200, 429]
--- response_body_like eval
['GIF', 'GIF', 'requests 2/day']

=== TEST 15: a field that cannot be understood closes the door
--- redis eval
'HSET soma:key:' . main::soma_sha256('sk-odd') . ' tenant "a b"' . "\n"
. 'HSET soma:key:' . main::soma_sha256('sk-odd2')
. ' tenant acme capabilities everything'
--- request eval
['GET /svc/', 'GET /svc/']
--- more_headers eval
['x-api-key: sk-odd', 'x-api-key: sk-odd2']
--- error_code eval
[401, 401]

=== TEST 16: a key in Redis that is no hash cannot be judged
--- redis eval
'SET soma:key:' . main::soma_sha256('sk-string') . ' x'
--- request
GET /svc/
--- more_headers
x-api-key: sk-string
--- error_code: 503

=== TEST 17: a tenant that stands in Redis alone needs no soma_tenant
--- redis eval
'HSET soma:key:' . main::soma_sha256('sk-wild') . ' tenant unheard-of user u'
--- request
GET /svc/
--- more_headers
x-api-key: sk-wild
--- error_code: 200

=== TEST 18: the provider gets its own key, and no credential of the client
--- upstream eval
main::soma_response(200, '{"object":"x"}', 'Set-Cookie' => 'a=b')
--- request
POST /v1/chat/completions?key=sk-in-query&alt=sse&KEY=sk-two
{"model":"m","messages":[{"role":"user","content":"hi"}]}
--- more_headers
Authorization: Bearer sk-alice
x-api-key: sk-second
api-key: sk-third
x-goog-api-key: sk-fourth
Cookie: session=sk-fifth
Proxy-Authorization: Basic sk-sixth
OpenAI-Organization: org-seven
x-soma-anything: sk-eighth
--- error_code: 200
--- raw_response_headers_unlike: secret-of-the-provider
--- response_body chop
{"object":"x"}
--- asked: 1
--- sent_like
^POST /v1/chat/completions HTTP
\r\nAuthorization: Bearer sk-secret-of-the-provider\r\n
--- sent_unlike
sk-(?:alice|in|two|second|third|fourth|fifth|sixth|eighth)
org-seven
--- no_error_log
sk-secret-of-the-provider

=== TEST 19: a provider that refuses our key tells the client nothing of it
--- upstream eval
main::soma_response(401, '{"error":{"message":"bad key"}}',
                    'WWW-Authenticate' => 'Bearer realm="x"')
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-alice
--- error_code: 502
--- response_headers
! WWW-Authenticate
--- response_body_like: ^(?!.*sk-secret-of-the-provider)
--- no_error_log
sk-secret-of-the-provider
