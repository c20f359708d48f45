# Configurations that are good: the design's example as written, what is warned
# of, what may be left out, and how locations inherit. What is refused is in
# conf_services.t, conf_where.t and conf_who.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our $CHAT = 'POST /v1/chat/completions
{"model":"echo","messages":[{"role":"user","content":"hi"}]}';
our $LOCK = '{"tenant":"acme","user":"root","reason":"test"}';

Soma::soma_dir('ledger');
$ENV{SOMA_TEST_KEY} = 'sk-of-the-provider';
delete $ENV{SOMA_TEST_NOT_SET};

cases(keys => [qw(alice root)], redis => 1);

__DATA__

=== TEST 1: the design's example starts, without a warning and a secret shown
--- http_config
    resolver 127.0.0.53;
    soma_zone    64m;
    soma_redis   $TEST_NGINX_REDIS;
    soma_ledger  $TEST_NGINX_LEDGER;
    soma_prices  $TEST_NGINX_TOP/conf/prices.json;

    soma_provider openai {
        dialect   openai;
        endpoint  https://api.openai.com/v1;
        api_key   env:SOMA_TEST_KEY;
        limit     cost 20/month;
        timeout   connect=2s first_token=30s idle=60s;
    }
    soma_provider ollama { dialect openai; endpoint http://127.0.0.1:11434; }
    soma_provider local  { dialect echo; }

    soma_model gpt-4o-mini  provider=openai;
    soma_model llama-3-8b   provider=ollama name=llama3:8b input=0 output=0;
    soma_model echo         provider=local input=0.15 output=0.60;

    soma_route assistant {
        strategy  order;
        model     llama-3-8b;
        model     gpt-4o-mini weight=3;
        model     echo;
        retry_on  error timeout http_403 http_429 http_5xx;
    }
    soma_tenant acme {
        limit requests    600/minute per=user;
        limit tokens      1m/hour;
        limit cost        50/day;
        limit concurrency 20;
        models assistant gpt-4o-mini;
    }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_ROOT tenant=acme user=root capabilities=admin;
--- config
    location /v1/      { soma_pass; }
    location /soma/    { soma_api; }
    location = /livez  { soma_api; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
    location /orders/  { soma_access; proxy_pass http://127.0.0.1:1; }
--- request
GET /livez
--- response_body
ok
--- no_error_log
[warn]
sk-of-the-provider

=== TEST 2: a key that the environment lacks is warned of by name and variable
--- http_config
    soma_provider openai { dialect openai; endpoint http://127.0.0.1:1;
                           api_key env:SOMA_TEST_NOT_SET; }
--- config
    location = /livez { soma_api; }
--- request
GET /livez
--- response_body
ok
--- error_log eval
qr/\[warn\].*"openai".*"SOMA_TEST_NOT_SET".*nginx\.conf:\d+/

=== TEST 3: and so is a file of a key that is not there
--- http_config
    soma_provider p { dialect openai; endpoint http://127.0.0.1:1;
                      api_key file:/nowhere/key; }
--- config
    location = /livez { soma_api; }
--- request
GET /livez
--- response_body
ok
--- error_log eval
qr{\[warn\].*"/nowhere/key" is not there.*nginx\.conf:\d+}

=== TEST 4: no directive of ours at all is needed
--- config
    location / { return 204; }
--- request
GET /
--- error_code: 204
--- no_error_log
[warn]

=== TEST 5: tokens of a model may have a suffix
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e context=128k max_output=1.5M;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme;
--- config
    location /soma/ { soma_api; }
--- request
GET /soma/config
--- more_headers
x-api-key: sk-alice
--- response_body_like: "context":128000,"max_output":1500000

=== TEST 6: models that nothing has are warned of, for a tenant and for a key
--- http_config
    soma_provider e { dialect echo; }
    soma_model gpt-4 provider=e;
    soma_tenant t { models gpt-4 gpt-* gpt4; }
    soma_key $TEST_NGINX_ALICE tenant=t "models=gpt-4 claude";
--- config
    location / { return 204; }
--- request
GET /
--- error_code: 204
--- error_log eval
[qr/\[warn\].*"gpt4" in the models of a soma_tenant in .*nginx\.conf:\d+/,
 qr/\[warn\].*"claude" in the models of a soma_key in .*nginx\.conf:\d+/]
--- no_error_log
"gpt-

=== TEST 7: a provider that nothing uses is no reason to warn
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
--- config
    location / { return 204; }
--- request
GET /
--- error_code: 204
--- no_error_log
[warn]

=== TEST 8: soma_access in http is turned off by a location
--- http_config
    soma_access;
    soma_on_abort drain;
--- config
    location /in/ { empty_gif; }
    location /out/ { soma_access off; empty_gif; }
--- request eval
['GET /in/', 'GET /out/']
--- error_code eval
[401, 200]

=== TEST 9: without soma_zone, below soma_access of the server, all is served
--- http_config
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_ROOT tenant=acme user=root capabilities=admin;
--- config
    soma_access;
    location /v1/ {
        if ($http_x_odd) { set $odd 1; }
        if ($http_x_more) { add_header x-more 1; }
        soma_pass;
    }
    location /page/ { empty_gif; }
    location /out/ { soma_access off; empty_gif; }
    location /free/ { soma_training_lock off; empty_gif; }
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-alice
--- response_headers
! x-more
--- response_body_like: "content":"hi"

=== TEST 10: "if" with set changes nothing
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-alice
X-Odd: 1
--- response_body_like: "content":"hi"

=== TEST 11: "if" that makes a location of its own serves there
--- request eval: $::CHAT
--- more_headers
Authorization: Bearer sk-alice
X-More: 1
--- response_headers
x-more: 1
--- response_body_like: "content":"hi"

=== TEST 12: "if" does not open the door
--- request eval: $::CHAT
--- more_headers
X-More: 1
--- error_code: 401

=== TEST 13: soma_access of the server is inherited, opened by a key, or off
--- request eval
['GET /page/', 'GET /page/', 'GET /out/']
--- more_headers eval
['X-Nothing: 1', 'x-api-key: sk-alice', 'X-Nothing: 1']
--- error_code eval
[401, 200, 200]

=== TEST 14: a lock is minded but where soma_training_lock is off
--- request eval
["POST /v1/training/enable\n$::LOCK", 'GET /page/', 'GET /free/',
 "POST /v1/training/disable\n$::LOCK", 'GET /page/']
--- more_headers eval
['x-api-key: sk-root', 'x-api-key: sk-alice', 'x-api-key: sk-alice',
 'x-api-key: sk-root', 'x-api-key: sk-alice']
--- error_code eval
[200, 423, 200, 200, 200]

=== TEST 15: metrics behind any of nginx's guards are no reason to warn
--- config
    location /1 { soma_metrics; allow 127.0.0.1; deny all; }
    location /2 { soma_metrics; soma_access; }
    location /3 { soma_metrics; internal; }
    location /4 { soma_metrics; auth_basic x;
                  auth_basic_user_file /dev/null; }
    location /5 { soma_metrics; auth_request /x; }
    location /ok { return 204; }
--- request
GET /ok
--- error_code: 204
--- no_error_log
tells everybody

=== TEST 16: metrics that nothing guards are warned of, with the way out
--- config
    location /open { soma_metrics; }
    location /any { soma_metrics; satisfy any; }
    location /ok { return 204; }
--- request
GET /ok
--- error_code: 204
--- error_log eval
[map { qr/\[warn\].*soma_metrics.*"\/$_" tells everybody.*deny all/ }
 'open', 'any']
