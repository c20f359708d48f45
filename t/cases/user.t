# Whose request it is, where a key may say so.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our ($APP, $PLAIN, $LIMITED) = map { "Authorization: Bearer sk-$_\n" }
                               qw(app plain limited);
our $SAID = '{"model":"m","user":"b\u006fb","metadata":{"job":"7","n":1}}';

sub ask {
    my ($body, $where) = @_;

    return 'POST ' . ($where // '') . '/v1/chat/completions' . "\n"
           . ($body // '{"model":"m"}');
}

sub messages {
    my ($user, $where) = @_;
    my $said = !defined $user ? 'null' : $user eq '7' ? 7 : "\"$user\"";

    return 'POST ' . ($where // '/body') . "/v1/messages\n"
           . '{"model":"m","max_tokens":9,"metadata":{"user_id":' . $said
           . '},"messages":[{"role":"user","content":"hi"}]}';
}

Soma::soma_dir('ledger');

cases(keys => [qw(app plain limited)], upstream => 1, redis => 1);

__DATA__

=== TEST 1: a header says whose request it is, and goes to no provider
--- http_config
    soma_zone 8m;
    soma_redis $TEST_NGINX_REDIS timeout=2s;
    soma_ledger $TEST_NGINX_LEDGER;
    soma_provider p { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_model m provider=p input=1 output=2;
    soma_tenant acme { }
    soma_tenant small { limit requests 2/day per=user; }
    soma_key $TEST_NGINX_APP tenant=acme user=app capabilities=user
             tags=team=red;
    soma_key $TEST_NGINX_PLAIN tenant=acme user=plain tags=team=red;
    soma_key $TEST_NGINX_LIMITED tenant=small user=app capabilities=user
             tags=team=red;
    log_format s '$http_x_name $soma_user';
    access_log logs/access.log s;
--- config
    location /v1/ { soma_pass; soma_user_from header X-User; }
    location /body/v1/ { soma_pass; soma_user_from body user; }
    location /off/v1/ { soma_pass; }
--- upstream
{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}
--- request eval: main::ask()
--- more_headers eval: "${main::APP}X-Name: t1\nX-User: alice"
--- error_code: 200
--- access_log
t1 alice
--- sent_unlike
(?i)\r\nx-user:

=== TEST 2: without it, or where the body says so instead, it is the key's user
--- request eval
[main::ask(), main::ask(), main::ask($::SAID)]
--- more_headers eval
["${main::APP}X-Name: t2", "${main::APP}X-Name: t2\nX-User:  ",
 "${main::APP}X-Name: t2"]
--- error_code eval
[200, 200, 200]
--- access_log
t2 app
--- no_access_log eval
qr/^t2 (?!app$)/

=== TEST 3: a key that may not say so is its own user's
--- request eval
[main::ask(), main::ask($::SAID, '/body')]
--- more_headers eval: "${main::PLAIN}X-Name: t3\nX-User: alice"
--- error_code eval
[200, 200]
--- access_log
t3 plain
--- no_access_log eval
qr/^t3 (?!plain$)/

=== TEST 4: a member of the body says whose it is
--- request eval: main::ask($::SAID, '/body')
--- more_headers eval: "${main::APP}X-Name: t4"
--- error_code: 200
--- access_log
t4 bob

=== TEST 5: without it, or with null, it is the key's user; nor where nobody asks
--- request eval
[main::ask(undef, '/body'), main::ask('{"model":"m","user":null}', '/body'),
 main::ask($::SAID, '/off')]
--- more_headers eval: "${main::APP}X-Name: t5\nX-User: alice"
--- error_code eval
[200, 200, 200]
--- access_log
t5 app
--- no_access_log eval
qr/^t5 (?!app$)/

=== TEST 6: a name that is too long, a number and a line end are refused
--- request eval
[main::ask(), main::ask('{"model":"m","user":7}', '/body'),
 main::ask('{"model":"m","user":"a\nb"}', '/body')]
--- more_headers eval
["${main::APP}X-User: " . 'x' x 257, $::APP, $::APP]
--- error_code eval
[400, 400, 400]
--- response_body_like eval
[('"code":"invalid_user"') x 3]

=== TEST 7: limits per user follow
--- request eval
[(main::ask()) x 7]
--- more_headers eval
[map { $::LIMITED . ($_ ? "X-User: $_" : '') }
 'alice', 'alice', 'alice', 'carol', '', '', '']
--- error_code eval
[200, 200, 429, 200, 200, 200, 429]

=== TEST 8: the record has the user, and tags behind those of the key
--- request eval: main::ask($::SAID, '/body')
--- more_headers eval
"${main::APP}X-Request-Id: user-8\nX-Soma-Tags: blue, night"
--- error_code: 200
--- record
id user-8
user bob
tags team=red,blue,night,job=7

=== TEST 9: a key that may not adds no tags
--- request eval: main::ask($::SAID, '/body')
--- more_headers eval
"${main::PLAIN}X-Request-Id: user-9\nX-Soma-Tags: blue"
--- error_code: 200
--- record
id user-9
user plain
tags team=red

=== TEST 10: a client of Anthropic's API says it among its metadata
--- request eval: main::messages('carol')
--- more_headers eval: "${main::APP}X-Name: t10"
--- error_code: 200
--- access_log
t10 carol

=== TEST 11: without it, or where nobody asks, it is the key's user
--- request eval
[main::messages(undef), main::messages('carol', '/off')]
--- more_headers eval: "${main::APP}X-Name: t11"
--- error_code eval
[200, 200]
--- access_log
t11 app
--- no_access_log eval
qr/^t11 (?!app$)/

=== TEST 12: of which no tags are made; a user that is no text is refused
--- request eval
[main::messages('dora'), main::messages(7)]
--- more_headers eval
["${main::APP}X-Request-Id: user-12", $::APP]
--- error_code eval
[200, 400]
--- record
id user-12
user dora
tags team=red

=== TEST 13: soma_user_from takes one name of a member
--- config
    location / { soma_user_from body name; }
--- must_die
--- error_log
"header NAME", "body user" or "off" is allowed

=== TEST 14: a header has a name
--- config
    location / { soma_user_from header; }
--- must_die
--- error_log
"header NAME", "body user" or "off" is allowed

=== TEST 15: off takes none
--- config
    location / { soma_user_from off x; }
--- must_die
--- error_log
"header NAME", "body user" or "off" is allowed

=== TEST 16: a cookie says nothing
--- config
    location / { soma_user_from cookie c; }
--- must_die
--- error_log
"header NAME", "body user" or "off" is allowed
