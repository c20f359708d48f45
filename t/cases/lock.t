# Training locks: the three endpoints, who may, what a locked tenant hears, and
# what Redis holds. What comes from elsewhere, what runs out and what holds while
# Redis is away is in t/lock.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our ($ROOT, $ALICE, $BOB) = map { "Authorization: Bearer sk-$_" }
                            qw(root alice bob);

sub ask {
    my ($where) = @_;

    return "POST ${\($where // '')}/v1/chat/completions\n"
           . '{"model":"echo","messages":[{"role":"user","content":"hi"}]}';
}

sub enable { "POST /v1/training/enable\n$_[0]" }
sub disable { "POST /v1/training/disable\n$_[0]" }

our $SET = enable('{"tenant":"acme","user":"trainer","reason":"epoch \"3\""}');

cases(keys => [qw(root alice bob)], redis => 1);

__DATA__

=== TEST 1: nobody is locked to begin with
--- http_config
    soma_redis     $TEST_NGINX_REDIS timeout=2s;
    soma_zone      4m;
    soma_provider  local { dialect echo; }
    soma_model     echo provider=local input=1 output=1;
    soma_tenant    acme { }
    soma_tenant    umbrella { }
    soma_key $TEST_NGINX_ROOT tenant=acme user=root capabilities=admin;
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_BOB tenant=umbrella user=bob;
--- config
    location /v1/      { soma_pass; }
    location /open/v1/ { soma_pass; soma_training_lock off; }
--- request eval: main::ask()
--- more_headers eval: $::ALICE
--- error_code: 200

=== TEST 2: a key without admin sets no lock, nor sees it
--- request eval
[main::enable('{"tenant":"acme","user":"eve"}'), 'GET /v1/training/status/acme']
--- more_headers eval: $::ALICE
--- error_code eval
[403, 403]
--- stored
EXISTS training:lock:acme => ^0$

=== TEST 3: without a key nobody does
--- request eval: main::enable('{}')
--- error_code: 401

=== TEST 4: a lock needs its user, as is said
--- request eval: main::enable('{"tenant":"acme"}')
--- more_headers eval: $::ROOT
--- error_code: 400
--- response_body_like: user

=== TEST 5: no JSON, no name of a tenant and no time are refused
--- request eval
[map { main::enable($_) } 'nonsense', '{"tenant":"../x","user":"u"}',
 '{"tenant":"acme","user":"u","ttl":0}']
--- more_headers eval: $::ROOT
--- error_code eval
[400, 400, 400]

=== TEST 6: a body that is too long is not read
--- request eval: main::enable('{"user":"' . 'x' x 9000 . '"}')
--- more_headers eval: $::ROOT
--- error_code: 413

=== TEST 7: GET sets nothing
--- request
GET /v1/training/enable
--- more_headers eval: $::ROOT
--- error_code: 405

=== TEST 8: there are three endpoints
--- request
POST /v1/training/enrage
{}
--- more_headers eval: $::ROOT
--- error_code: 404

=== TEST 9: a lock is set in Redis, for a day, under the name that others know
--- request eval: $::SET
--- more_headers eval: $::ROOT
--- response_body_like eval
qr/"locked":true.*"ttl":86400.*"stored":"redis"/
--- stored eval
'GET training:lock:acme => ^\{"tenant":"acme","user":"trainer",'
. '"reason":"epoch \\\\"3\\\\"","enabled_at":"[^"]+"\}$' . "\n"
. 'PTTL training:lock:acme => ^(?:863\d{5}|86400000)$'

=== TEST 10: the tenant is refused, by whom and until when is told
--- request eval: main::ask()
--- more_headers eval: $::ALICE
--- error_code: 423
--- raw_response_headers_like: Retry-After: 86(?:400|3\d\d)\r
--- response_body_like: trainer.*"code":"training_lock"

=== TEST 11: its admins are, too; another tenant is not
--- request eval
[main::ask(), main::ask()]
--- more_headers eval
[$::ROOT, $::BOB]
--- error_code eval
[423, 200]

=== TEST 12: a location with soma_training_lock off does not look
--- request eval: main::ask('/open')
--- more_headers eval: $::ALICE
--- error_code: 200

=== TEST 13: a second lock is refused with who holds the first, why and till when
--- request eval: main::enable('{"tenant":"acme","user":"other"}')
--- more_headers eval: $::ROOT
--- error_code: 409
--- response_body_like eval
qr/^(?=.*"code":"already_locked")(?=.*"user":"trainer")
   (?=.*"reason":"epoch\ \\"3\\"")(?=.*"enabled_at":"\d{4}-)
   (?=.*"ttl":86(?:400|3\d\d)\b)/sx

=== TEST 14: the status tells of the holder, and that another tenant has none
--- request eval
['GET /v1/training/status/acme', 'GET /v1/training/status/umbrella']
--- more_headers eval: $::ROOT
--- response_body_like eval
['^(?=.*"locked":true).*"user":"trainer"', '"locked":false']

=== TEST 15: a lock is lifted, once
--- request eval
[main::disable('{"tenant":"acme","user":"trainer","reason":"done"}'),
 main::ask(), main::disable('{"tenant":"acme","user":"x"}')]
--- more_headers eval
[$::ROOT, $::ALICE, $::ROOT]
--- error_code eval
[200, 200, 200]
--- response_body_like eval
['"was_locked":true', '"content":"hi"', '"was_locked":false']
--- stored
EXISTS training:lock:acme => ^0$

=== TEST 16: without Redis a lock is set here, and for the time that is said
--- http_config
    soma_zone      4m;
    soma_provider  local { dialect echo; }
    soma_model     echo provider=local input=1 output=1;
    soma_tenant    acme { }
    soma_key $TEST_NGINX_ROOT tenant=acme user=root capabilities=admin;
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location /v1/ { soma_pass; }
--- request eval
[main::ask(), main::enable('{"tenant":"acme","user":"solo","ttl":600}'),
 main::ask(), main::enable('{"tenant":"acme","user":"x"}')]
--- more_headers eval
[$::ALICE, $::ROOT, $::ALICE, $::ROOT]
--- error_code eval
[200, 200, 423, 409]
--- raw_response_headers_like eval
['200 OK', '200 OK', 'Retry-After: (?:600|5\d\d)\r', '409 Conflict']
--- response_body_like eval
['"content":"hi"', '"stored":"local"', 'solo', '"user":"solo"']

=== TEST 17: and lifted here
--- request eval
[main::disable('{"tenant":"acme","user":"solo"}'), main::ask()]
--- more_headers eval
[$::ROOT, $::ALICE]
--- error_code eval
[200, 200]
--- response_body_like eval
['"was_locked":true', '"content":"hi"']
