# soma_api and GET /v1/models without Redis: who may see what, and what is said
# about bad questions.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use POSIX qw(strftime);
use Test::Nginx::Socket 'no_plan';

our $TODAY = strftime('%Y-%m-%d', gmtime);

our ($ALICE, $SAM, $UMA, $ROOT) =
    map { "Authorization: Bearer sk-$_" } qw(alice sam uma root);

sub ask {
    my ($model) = @_;

    return 'POST /v1/chat/completions
{"model":"' . $model . '","messages":[{"role":"user","content":"hello there"}]}';
}

Soma::soma_dir('ledger');

cases(keys => [qw(alice sam uma root)]);

__DATA__

=== TEST 1: requests of two tenants, which the usage below is made of
--- http_config
    soma_zone   32m;
    soma_ledger $TEST_NGINX_LEDGER;
    soma_provider local { dialect echo; }
    soma_provider nokey { dialect openai;
                          endpoint https://127.0.0.1:1/v1;
                          api_key env:SOMA_TEST_NOT_SET; }
    soma_provider dead  { dialect openai; endpoint http://127.0.0.1:1/v1;
                          api_key verysecret; }
    soma_model echo  provider=local input=0.15 output=0.60 context=8192;
    soma_model free  provider=local input=0 output=0;
    soma_model org/m provider=local input=1 output=1;
    soma_model none  provider=nokey input=1 output=1;
    soma_model gone  provider=dead input=1 output=1;
    soma_route assistant { model gone; model echo; retry_on error; }
    soma_tenant acme  { limit cost 50/day; }
    soma_tenant ops   { }
    soma_tenant small { models echo assistant; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice
             "limits=requests 600/minute;cost 5/day";
    soma_key $TEST_NGINX_SAM tenant=small user=sam;
    soma_key $TEST_NGINX_UMA tenant=small user=uma capabilities=usage;
    soma_key $TEST_NGINX_ROOT tenant=ops user=root capabilities=admin;
--- config
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /livez { soma_api; }
    location = /readyz { soma_api; }
--- request eval
[map { main::ask($_) } 'echo', 'echo', 'echo', 'org/m', 'echo']
--- more_headers eval
[($::ALICE) x 4, $::SAM]
--- error_code eval
[(200) x 5]
--- response_body_like eval
[('"usage":\{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4') x 5]

=== TEST 2: usage is of the key's tenant, of today and of this node
Twice 2 tokens a request, at 150 and 600 nano-dollars a token.
--- request
GET /soma/usage
--- more_headers eval: $::ALICE
--- response_headers
Content-Type: application/json
--- response_body eval
qq({"tenant":"acme","from":"$::TODAY","to":"$::TODAY","source":"local",)
. qq("rows":[{"day":"$::TODAY","provider":"local","model":"echo",)
. '"requests":3,"errors":0,"estimated":0,"input_tokens":6,"cached_tokens":0,'
. '"cache_write_tokens":0,"output_tokens":6,"reasoning_tokens":0,'
. '"cost_nano":4500,"cost_usd":"0.0000045"},'
. qq({"day":"$::TODAY","provider":"local","model":"org/m",)
. '"requests":1,"errors":0,"estimated":0,"input_tokens":2,"cached_tokens":0,'
. '"cache_write_tokens":0,"output_tokens":2,"reasoning_tokens":0,'
. '"cost_nano":4000,"cost_usd":"0.000004"}],'
. '"total":{"requests":4,"errors":0,"estimated":0,"input_tokens":8,'
. '"cached_tokens":0,"cache_write_tokens":0,"output_tokens":8,'
. '"reasoning_tokens":0,"cost_nano":8500,"cost_usd":"0.0000085"}}' . "\n"

=== TEST 3: usage by day is one row, by model a row a model
--- request eval
['GET /soma/usage?by=day', "GET /soma/usage?day=$::TODAY&by=model"]
--- more_headers eval: $::ALICE
--- response_body_like eval
['"rows":\[\{[^{}]*"requests":4[^{}]*\}\]',
 '"rows":\[\{[^{}]*\},\{[^{}]*\}\]']

=== TEST 4: usage of a day of the past, and from a day on
--- request eval
['GET /soma/usage?day=2020-02-29', "GET /soma/usage?from=$::TODAY"]
--- more_headers eval: $::ALICE
--- response_body_like eval
['"total":\{"requests":0,', '"total":\{"requests":4,']

=== TEST 5: another tenant's usage takes a capability, as the refusal says
--- request
GET /soma/usage?tenant=small
--- more_headers eval: $::ALICE
--- error_code: 403
--- response_body_like: acme.*capability \\"usage\\"

=== TEST 6: so does that of all; its own may be named
--- request eval
['GET /soma/usage?tenant=*', 'GET /soma/usage?tenant=acme']
--- more_headers eval: $::ALICE
--- error_code eval
[403, 200]

=== TEST 7: with "usage" or "admin" a key sees another tenant's usage
--- request eval
['GET /soma/usage?tenant=acme', 'GET /soma/usage?tenant=acme']
--- more_headers eval
[$::UMA, $::ROOT]
--- error_code eval
[200, 200]
--- response_body_like eval
[('"total":\{"requests":4,') x 2]

=== TEST 8: and that of all tenants, a row each
--- request
GET /soma/usage?tenant=*&by=tenant
--- more_headers eval: $::ROOT
--- response_body_like: "tenant":"acme",[^{}]*"requests":4,.*"tenant":"small",[^{}]*"requests":1,

=== TEST 9: a bad question about usage is answered with what is allowed
--- request eval
[map { "GET /soma/usage?$_" } 'day=yesterday', 'day=2026-02-30',
 'from=2026-02-01&to=2026-01-01', 'from=2020-01-01&to=2021-01-01',
 'day=2026-01-01&to=2026-01-02', 'by=color', 'tenant=a%7Db']
--- more_headers eval: $::ROOT
--- error_code eval
[(400) x 7]
--- response_body_like eval
['day is \\\\"yesterday\\\\".*YYYY-MM-DD', 'day is \\\\"2026-02-30\\\\"',
 'from lies behind to', '62 a call', 'one day or a range',
 'by is \\\\"color\\\\".*model, day, tenant', 'tenant is \\\\"a\}b\\\\"']

=== TEST 10: a route goes past a dead provider, and its breaker opens
--- request eval
['GET /v1/models', (main::ask('assistant')) x 5]
--- more_headers eval
[$::SAM, ($::ALICE) x 5]
--- error_code eval
[(200) x 6]

=== TEST 11: who does not run the gateway is told one word of its health
--- request
GET /soma/health
--- more_headers eval: $::SAM
--- response_body
{"status":"degraded","providers":[]}

=== TEST 12: and which of the models that it may use do not answer, no more
--- request
GET /soma/health
--- more_headers eval: $::ALICE
--- response_body_like eval
qr/^\{"status":"degraded","providers":\[\{"name":"dead","models":\[
   \{"name":"gone","priced":true,"health":"open","open_until":"[^"]+"\}\]\}\]\}
   \n$/x

=== TEST 13: who may see all usage is told all of health, but for secrets
--- request eval
[('GET /soma/health') x 2]
--- more_headers eval
[$::UMA, $::ROOT]
--- error_code eval
[200, 200]
--- response_body_like eval
[(qr/^(?!.*secret)\{"status":"degraded",.*"pid":\d+.*
    "redis":\{"configured":false.*"ledger":\{"configured":true.*
    "name":"local","dialect":"echo".*"usable":true.*
    "name":"nokey".*"endpoint":"https:\/\/127\.0\.0\.1:1\/v1".*
    "usable":false,"why":".*SOMA_TEST_NOT_SET.*
    "name":"dead".*"usable":false.*"name":"gone".*"health":"open".*
    "open_until":"\d{4}-[^"]*Z"/sx) x 2]

=== TEST 14: the configuration is shown as far as the key's tenant may use it
--- request
GET /soma/config
--- more_headers eval: $::SAM
--- response_body_like eval
qr/"tenant":"small",.*"routes":\[\{"name":"assistant",[^{}]*\}\],
   "models":\[\{"name":"echo",[^{}]*"context":8192,
   "usd_per_1m":\{"input":"0\.15","output":"0\.6"\}\}\]/x

=== TEST 15: limits are shown, of the tenant and of the key, and free prices
--- request
GET /soma/config
--- more_headers eval: $::ALICE
--- response_body_like eval
qr/^(?!.*secret)(?!.*@{[ $ENV{TEST_NGINX_ALICE} =~ s{sha256:}{}r ]})
   .*"name":"free",[^{}]*"usd_per_1m":\{"input":"0","output":"0"\}.*
   "limits":\[\{"owner":"tenant","limit":"cost\ 50\/day"\},
   \{"owner":"key","limit":"requests\ 600\/minute"\},
   \{"owner":"key","limit":"cost\ 5\/day"\}\]/sx

=== TEST 16: locks are for admins
--- request
GET /soma/locks
--- more_headers eval: $::ALICE
--- error_code: 403

=== TEST 17: a lock is listed with whose, why and for how long until it is gone
--- request eval
['GET /soma/locks', 'POST /soma/training/enable
{"tenant":"acme","user":"root","reason":"nightly","ttl":600}',
 'GET /soma/locks', 'POST /soma/training/disable
{"tenant":"acme","user":"root"}', 'GET /soma/locks']
--- more_headers eval: $::ROOT
--- error_code eval
[(200) x 5]
--- response_body_like eval
['"locks":\[\]', '"locked":true',
 '"locks":\[\{"tenant":"acme","user":"root","reason":"nightly",[^{}]*'
 . '"ttl":(?:600|59\d)\}\]', '"was_locked":true', '"locks":\[\]']

=== TEST 18: livez and readyz need no key
--- request eval
['GET /livez', 'GET /readyz']
--- error_code eval
[200, 200]
--- response_body_like eval
['^ok\n$', '"status":"ready"']

=== TEST 19: livez is not posted to
--- request
POST /livez
x
--- error_code: 405

=== TEST 20: all else needs a key, where there is nothing too
--- request eval
['GET /soma/health', 'GET /soma/nothing', 'GET /v1/models']
--- error_code eval
[401, 401, 401]

=== TEST 21: an endpoint that is not there is answered with those that are
--- request
GET /soma/nothing
--- more_headers eval: $::ALICE
--- error_code: 404
--- response_body_like: usage.*health.*livez

=== TEST 22: usage is read only
--- request
POST /soma/usage
{}
--- more_headers eval: $::ALICE
--- error_code: 405
--- response_headers
Allow: GET, HEAD

=== TEST 23: HEAD is GET without a body
--- request
HEAD /soma/config
--- more_headers eval: $::ALICE
--- error_code: 200
--- response_body chop

=== TEST 24: models and routes are listed, but for those without a key
--- request
GET /v1/models
--- more_headers eval: $::ALICE
--- response_body_filters eval
sub { CORE::join ' ', $_[0] =~ /("object":"list")/,
      sort $_[0] =~ /"id":"([^"]+)"/g }
--- response_body chop
"object":"list" assistant echo free gone org/m

=== TEST 25: a tenant's list has what it may use
--- request
GET /v1/models
--- more_headers eval: $::SAM
--- response_body_filters eval
sub { CORE::join ' ', sort $_[0] =~ /"id":"([^"]+)"/g }
--- response_body chop
assistant echo

=== TEST 26: one model is shown by its name
--- request
GET /v1/models/echo
--- more_headers eval: $::SAM
--- response_body_like: ^\{"id":"echo","object":"model",.*"owned_by":"local"

=== TEST 27: a name may have a slash, escaped or not
--- request eval
['GET /v1/models/org/m', 'GET /v1/models/org%2Fm']
--- more_headers eval: $::ALICE
--- response_body_like eval
[('"id":"org/m"') x 2]

=== TEST 28: a model that the tenant may not use is not there
--- request
GET /v1/models/free
--- more_headers eval: $::SAM
--- error_code: 404
--- response_body_like: "code":"model_not_found"

=== TEST 29: models are not deleted
--- request
DELETE /v1/models/echo
--- more_headers eval: $::ALICE
--- error_code: 405

=== TEST 30: without a provider that can be used it lives, but is not ready
--- http_config
    soma_zone 8m;
    soma_provider nokey { dialect openai; endpoint http://127.0.0.1:1/v1;
                          api_key env:SOMA_TEST_NOT_SET; }
    soma_model none provider=nokey input=1 output=1;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme;
--- config
    location = /livez { soma_api; }
    location = /readyz { soma_api; }
--- request eval
['GET /readyz', 'GET /livez']
--- error_code eval
[503, 200]
--- response_body_like eval
['"reasons":\["no provider is usable"', '^ok\n$']
