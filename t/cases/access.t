# Keys, limits and locks for a plain service that is none of ours. Services of
# events and websockets, which hold what they take, are in t/access.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

# seconds from now, or from soon, to midnight UTC
our $MIDNIGHT = join '|', map { 86400 - (time + $_) % 86400 } 0 .. 300;
our $LOCK = '{"tenant":"acme","user":"root","reason":"fine-tuning"}';

cases(keys => [qw(alice few ines root)], upstream => 1);

__DATA__

=== TEST 1: without a key the service is not asked, and the refusal is JSON
--- http_config
    soma_zone 8m;
    soma_tenant acme { limit requests 1000/day; limit concurrency 2; }
    soma_tenant few { limit requests 3/day; }
    soma_tenant inner { limit requests 10/day; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_FEW tenant=few user=fred;
    soma_key $TEST_NGINX_INES tenant=inner user=ines;
    soma_key $TEST_NGINX_ROOT tenant=few user=root capabilities=admin;
    log_format soma '$status $soma_tenant $soma_user $soma_error';
    access_log logs/access.log soma;
--- config
    location /orders/ {
        soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location /dead/ { soma_access; proxy_pass http://127.0.0.1:1; }
    location /any/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        soma_access;
        empty_gif;
    }
    location /pages/ {
        soma_access;
        error_page 401 429 /pages/sorry.html;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location = /pages/sorry.html { return 200 "sorry"; }
    location /inner/ { soma_access; try_files /none @orders; }
    location @orders {
        soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location /v1/ { soma_pass; }
--- upstream eval
sub { main::soma_response(200, '{"order":1}', 'X-Uri' => $_[0]{uri}) }
--- request
GET /orders/7
--- error_code: 401
--- response_body_like: "code":"missing_api_key"
--- asked: 0

=== TEST 2: an unknown key is none
--- request
GET /orders/7
--- more_headers
x-api-key: sk-nobody
--- error_code: 401
--- asked: 0

=== TEST 3: a key opens the door: the service's answer, its headers and ours
--- request
GET /orders/7
--- more_headers
x-api-key: sk-alice
--- response_headers
X-Uri: /orders/7
x-ratelimit-limit-requests: 1000
x-ratelimit-remaining-requests: 999
--- raw_response_headers_like: x-request-id: req_\w
--- response_body chop
{"order":1}
--- asked: 1

=== TEST 4: a large body comes whole
--- upstream eval
sub { main::soma_response(200, length $_[0]{body}) }
--- request eval
"POST /orders/\n" . 'x' x 200000
--- more_headers
x-api-key: sk-alice
--- response_body chop
200000

=== TEST 5: the service's own errors are its own
--- upstream eval
main::soma_response(500, '{"order":0}')
--- request
GET /orders/fail
--- more_headers
x-api-key: sk-alice
--- error_code: 500
--- response_body chop
{"order":0}

=== TEST 6: a service that is away is a 502
--- request
GET /dead/
--- more_headers
x-api-key: sk-alice
--- error_code: 502

=== TEST 7: with "satisfy any" an address lets in
--- request
GET /any/
--- error_code: 200

=== TEST 8: an inner redirect to a second soma_access counts once
--- upstream
{"order":1}
--- request eval
['GET /inner/', 'GET /inner/']
--- more_headers
x-api-key: sk-ines
--- response_headers eval
['x-ratelimit-remaining-requests: 9', 'x-ratelimit-remaining-requests: 8']
--- asked: 2

=== TEST 9: a limit lets as many pass as it says, and spares the service then
--- upstream
{"order":1}
--- request eval
[('GET /orders/') x 4]
--- more_headers
x-api-key: sk-few
--- error_code eval
[200, 200, 200, 429]
--- asked: 3

=== TEST 10: the refusal of a budget names it, and tells to wait for midnight
--- request
GET /orders/
--- more_headers
x-api-key: sk-few
--- error_code: 429
--- response_headers
x-ratelimit-remaining-requests: 0
x-should-retry: false
--- raw_response_headers_like eval
qr/^Retry-After: (?:$::MIDNIGHT)\r$/m
--- response_body_like: requests 3/day.*tenant:few.*"code":"insufficient_quota"
--- access_log
429 few fred insufficient_quota

=== TEST 11: error_page is nginx's own, and tells a refusal in its words
--- request
GET /pages/x
--- more_headers
x-api-key: sk-few
--- error_code: 429
--- response_body chop
sorry

=== TEST 12: a locked tenant is refused, told why and until when
--- request eval
["POST /v1/training/enable\n$::LOCK", 'GET /orders/']
--- more_headers eval
['x-api-key: sk-root', 'x-api-key: sk-alice']
--- error_code eval
[200, 423]
--- raw_response_headers_like eval
['^HTTP/1.1 200', qr/^HTTP\S+ 423 Locked\r.*^Retry-After: 86[34]\d\d\r$/ms]
--- response_body_like eval
['"locked":true', '"code":"training_lock"']

=== TEST 13: the log tells of the lock
--- request
GET /orders/
--- more_headers
x-api-key: sk-alice
--- error_code: 423
--- access_log
423 acme alice training_lock

=== TEST 14: an unlocked tenant goes on
--- upstream
{"order":1}
--- request eval
["POST /v1/training/disable\n$::LOCK", 'GET /orders/']
--- more_headers eval
['x-api-key: sk-root', 'x-api-key: sk-alice']
--- error_code eval
[200, 200]
