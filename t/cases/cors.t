# soma_cors: pages of other origins, their preflights and what they may read.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our $KEY = "Authorization: Bearer sk-alice\n";
our $PAGE = "Origin: https://app.test\n";
our $EVIL = "Origin: https://evil.test\n";
our $ASK = "Access-Control-Request-Method: POST\n"
           . "Access-Control-Request-Headers: authorization,x-stainless-os\n";
our $CHAT = qq(POST /v1/chat/completions\n{"model":"m","messages":[]});
our $NONE = '! Access-Control-Allow-Origin';
our $OURS = qr/^Access-Control-Expose-Headers: [^\r]*x-request-id/mi;

# an answer by its kind, asked for by a page that is listed, by one that is not,
# and by nobody's
sub asked { [($_[0]) x 3] }
sub by { [map { "$_[0]$_" } "$::PAGE", "$::EVIL", 'X-Nothing: 1'] }
our $READ = ['Access-Control-Allow-Origin: https://app.test', $NONE, $NONE];

cases(keys => ['alice'], upstream => 1);

__DATA__

=== TEST 1: a preflight needs no key, of no location, and asks no service
--- http_config
    soma_zone 8m;
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme;
--- config
    soma_cors https://app.test http://localhost:3000;
    location /v1/ { soma_pass; client_max_body_size 1k; }
    location /soma/ { soma_api; }
    location /svc/ { soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT; }
    location /all/v1/ { soma_pass; soma_cors *; }
    location /both/v1/ { soma_pass; soma_cors * https://app.test; }
    location /off/v1/ { soma_pass; soma_cors off; }
    location /files/ { root $TEST_NGINX_DIR; }
--- upstream eval
main::soma_response(200, '{"ok":1}', 'Access-Control-Allow-Origin' => 'evil',
                    'Access-Control-Allow-Credentials' => 'true')
--- request eval
['OPTIONS /v1/chat/completions', 'OPTIONS /soma/usage', 'OPTIONS /svc/x']
--- more_headers eval: $::PAGE . $::ASK
--- error_code eval
[204, 204, 204]
--- response_headers eval
[("Access-Control-Allow-Origin: https://app.test
Access-Control-Allow-Credentials: true
Access-Control-Allow-Headers: authorization,x-stainless-os") x 3]
--- raw_response_headers_like eval
[('(?i)^(?=.*\nVary: [^\r]*Origin)(?=.*\nAccess-Control-Max-Age: \d+\r)'
  . '.*\nAccess-Control-Allow-Methods: [^\r]*\bPOST\b[^\r]*\bDELETE\b') x 3]
--- asked: 0

=== TEST 2: an origin that is not listed is allowed nothing, as caches must know
--- request
OPTIONS /v1/models
--- more_headers eval: $::EVIL . $::ASK
--- error_code_like: ^\d+$
--- response_headers
! Access-Control-Allow-Origin
! Access-Control-Allow-Headers
--- raw_response_headers_like: (?i)\nVary: [^\r]*Origin

=== TEST 3: nor is one that is listed but for a letter, a scheme or a port
--- request eval
[('OPTIONS /v1/models') x 7]
--- more_headers eval
[map { "Origin: $_\n$::ASK" } 'https://app.test.evil', 'https://app.tes',
 'http://app.test', 'https://app.test:8443', 'null', '*', 'https://app.test/']
--- error_code_like eval
[('^\d+$') x 7]
--- response_headers eval
[($::NONE) x 7]

=== TEST 4: OPTIONS that is no preflight, or where it is off, needs a key
--- request eval
['OPTIONS /v1/models', 'OPTIONS /off/v1/models']
--- more_headers eval
[$::PAGE, $::PAGE . $::ASK]
--- error_code eval
[401, 401]

=== TEST 5: names of headers that are none are not echoed
--- request eval
[('OPTIONS /v1/models') x 4]
--- more_headers eval
[map { "${main::PAGE}Access-Control-Request-Method: POST\n"
       . "Access-Control-Request-Headers: $_" }
 "a\tb", 'x' x 3000, 'a; b', "authorization\xc3\xa4"]
--- error_code_like eval
[('^\d+$') x 4]
--- response_headers eval
[('! Access-Control-Allow-Headers') x 4]

=== TEST 6: an answer may be read, with our headers, by a page that is listed
--- request eval: main::asked($::CHAT)
--- more_headers eval: main::by($::KEY)
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, '200 OK', '200 OK']

=== TEST 7: so may a stream
--- request eval: main::asked($::CHAT =~ s/\}$/,"stream":true}/r)
--- more_headers eval: main::by($::KEY)
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'event-stream', 'event-stream']

=== TEST 8: so may a refusal
--- request eval: main::asked($::CHAT)
--- more_headers eval: main::by('')
--- error_code eval
[401, 401, 401]
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 9: so may an error
--- request eval: main::asked("POST /v1/chat/completions\n{")
--- more_headers eval: main::by($::KEY)
--- error_code eval
[400, 400, 400]
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 10: and one that is nginx's own
--- request eval: main::asked("POST /v1/chat/completions\n" . 'x' x 2000)
--- more_headers eval: main::by($::KEY)
--- error_code eval
[413, 413, 413]
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 11: so may an endpoint of the API
--- request eval: main::asked('GET /soma/health')
--- more_headers eval: main::by($::KEY)
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 12: so may a service, whose own words of the kind are left out
--- request eval: main::asked('GET /svc/x')
--- more_headers eval: main::by($::KEY)
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 13: and its refusal
--- request eval: main::asked('GET /svc/x')
--- more_headers eval: main::by('')
--- error_code eval
[401, 401, 401]
--- response_headers eval: $::READ
--- raw_response_headers_like eval
[$::OURS, 'HTTP', 'HTTP']

=== TEST 14: all origins may, but without credentials
--- request eval: $::CHAT =~ s{/v1}{/all/v1}r
--- more_headers eval: "${main::KEY}Origin: https://any.test"
--- response_headers
Access-Control-Allow-Origin: *
! Access-Control-Allow-Credentials

=== TEST 15: their preflight names the headers: * would leave out Authorization
--- request
OPTIONS /all/v1/models
--- more_headers eval: "Origin: https://any.test\n$::ASK"
--- error_code: 204
--- response_headers
Access-Control-Allow-Origin: *
Access-Control-Allow-Headers: authorization,x-stainless-os

=== TEST 16: a listed one among all has credentials, the others have none
--- request eval
['GET /both/v1/models', 'GET /both/v1/models']
--- more_headers eval
[$::KEY . $::PAGE, "${main::KEY}Origin: https://any.test"]
--- response_headers eval
["Access-Control-Allow-Origin: https://app.test
Access-Control-Allow-Credentials: true",
 "Access-Control-Allow-Origin: *\n! Access-Control-Allow-Credentials"]

=== TEST 17: where it is off, and where nothing of ours is, there is no word of it
--- request eval
['GET /off/v1/models', 'GET /files/x']
--- more_headers eval: $::KEY . $::PAGE
--- error_code eval
[200, 404]
--- response_headers eval
[$::NONE, $::NONE]

=== TEST 18: an origin has a scheme
--- config
    soma_cors app.test;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 19: an origin has no path
--- config
    soma_cors https://app.test/x;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 20: not even a slash
--- config
    soma_cors https://app.test/;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 21: an origin has a host
--- config
    soma_cors https://;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 22: an origin has a scheme before its host
--- config
    soma_cors ://app.test;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 23: a host is no pattern
--- config
    soma_cors https://*.app.test;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 24: "on" is no origin
--- config
    soma_cors on;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 25: origins stand between blanks
--- config
    soma_cors https://app.test,https://b.test;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/

=== TEST 26: off is off, and not for some
--- config
    soma_cors * off;
--- must_die
--- error_log eval
qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/
