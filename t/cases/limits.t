# Limits: whose they are, what refuses and in which words, and that what a
# request held comes back on every way it can end. Crowds, clocks, reloads and
# nodes are in t/limits.t and the files beside it.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our ($ONE, $TWO, $THREE) = map { "x-api-key: sk-$_" } qw(one two three);

sub ask {
    my ($model, $more) = @_;

    $more //= '"max_tokens":5';

    return "POST /v1/chat/completions\n"
           . qq({"model":"$model",$more,)
           . '"messages":[{"role":"user","content":"hello"}]}';
}

# what it takes to refuse this is more than there is: it costs nothing, and
# tells what is left
our $LEFT = ask('m', '"max_tokens":1000000');

cases(keys => [qw(one two three)], upstream => 1);

__DATA__

=== TEST 1: a budget of a tenant is used up by all its keys together
--- http_config
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=10 output=10;
    soma_tenant t { limit requests 3/day; }
    soma_key $TEST_NGINX_ONE tenant=t user=one;
    soma_key $TEST_NGINX_TWO tenant=t user=two;
--- config
    location /v1/ { soma_pass; }
--- request eval
[(main::ask('echo')) x 4]
--- more_headers eval
[$::ONE, $::ONE, $::TWO, $::TWO]
--- error_code eval
[200, 200, 200, 429]

=== TEST 2: the refusal names the limit, and that a retry is pointless
--- request eval: main::ask('echo')
--- more_headers eval: $::TWO
--- error_code: 429
--- response_headers
x-should-retry: false
x-ratelimit-limit-requests: 3
x-ratelimit-remaining-requests: 0
--- raw_response_headers_like: x-ratelimit-reset-requests: (\d+h)?(\d+m)?\d+s\r
--- response_body_like: "requests 3/day\\" of tenant:t.*"code":"insufficient_quota"

=== TEST 3: a limit per user counts a user's keys together, and each user alone
--- http_config
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=10 output=10;
    soma_tenant t { limit requests 2/day per=user; }
    soma_key $TEST_NGINX_ONE tenant=t user=one;
    soma_key $TEST_NGINX_TWO tenant=t user=one;
    soma_key $TEST_NGINX_THREE tenant=t user=three;
--- config
    location /v1/ { soma_pass; }
--- request eval
[(main::ask('echo')) x 5]
--- more_headers eval
[$::ONE, $::ONE, $::ONE, $::TWO, $::THREE]
--- error_code eval
[200, 200, 429, 429, 200]

=== TEST 4: a limit per model counts all users together, and each model alone
--- http_config
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=10 output=10;
    soma_model other provider=e input=10 output=10;
    soma_tenant t { limit requests 2/day per=model; }
    soma_key $TEST_NGINX_ONE tenant=t user=one;
    soma_key $TEST_NGINX_THREE tenant=t user=three;
--- config
    location /v1/ { soma_pass; }
--- request eval
[map { main::ask($_) } qw(echo echo echo echo other)]
--- more_headers eval
[$::ONE, $::ONE, $::ONE, $::THREE, $::ONE]
--- error_code eval
[200, 200, 429, 429, 200]

=== TEST 5: a limit per key counts all models together, and each key alone
--- http_config
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=10 output=10;
    soma_model other provider=e input=10 output=10;
    soma_tenant t { limit requests 2/day per=key; }
    soma_key $TEST_NGINX_ONE tenant=t user=one;
    soma_key $TEST_NGINX_TWO tenant=t user=one;
--- config
    location /v1/ { soma_pass; }
--- request eval
[map { main::ask($_) } qw(echo echo echo other echo)]
--- more_headers eval
[$::ONE, $::ONE, $::ONE, $::ONE, $::TWO]
--- error_code eval
[200, 200, 429, 429, 200]

=== TEST 6: an answer takes the tokens that its usage tells
--- http_config
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        timeout connect=2s first_token=2s idle=2s;
    }
    soma_provider hasty {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        timeout answer=200ms;
    }
    soma_provider pd { dialect openai; endpoint http://127.0.0.1:1/v1; }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=10 output=10;
    soma_model hasty provider=hasty input=10 output=10;
    soma_model dead provider=pd input=10 output=10;
    soma_model echo provider=e input=10 output=10;
    soma_route last { model dead; model echo; }
    soma_tenant t { limit tokens 1000/day; limit cost 1/day;
                    limit concurrency 1; }
    soma_key $TEST_NGINX_ONE tenant=t user=one;
--- config
    location /v1/ { soma_pass; }
--- upstream
{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}
--- request eval
[$::LEFT, main::ask('m'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[429, 200, 429]
--- response_headers eval
['x-ratelimit-remaining-tokens: 1000', 'x-ratelimit-limit-tokens: 1000',
 'x-ratelimit-remaining-tokens: 970']

=== TEST 7: an error of the provider takes none
--- upstream eval
main::soma_response(400, '{"error":{"message":"no"}}')
--- request eval
[main::ask('m'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[400, 429]
--- response_headers eval
['Content-Type: application/json', 'x-ratelimit-remaining-tokens: 970']

=== TEST 8: a provider that is not there takes none
--- request eval
[main::ask('dead'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[502, 429]
--- response_headers eval
['Content-Type: application/json', 'x-ratelimit-remaining-tokens: 970']

=== TEST 9: a timeout takes what was reserved, since the provider may bill it
--- upstream eval
+{ raw => main::soma_response(200, '{}'), wait => 1 }
--- request eval
[main::ask('hasty'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[504, 429]
--- response_headers eval
['Content-Type: application/json', 'x-ratelimit-remaining-tokens: 950']

=== TEST 10: a model that nobody has takes none
--- request eval
[main::ask('nope'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[404, 429]
--- response_headers eval
['Content-Type: application/json', 'x-ratelimit-remaining-tokens: 950']

=== TEST 11: a body that says a member twice takes none
--- request eval
[main::ask('m', '"max_tokens":5,"max_tokens":7'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[400, 429]
--- response_headers eval
['Content-Type: application/json', 'x-ratelimit-remaining-tokens: 950']

=== TEST 12: a refusal takes none
--- request eval
[main::ask('m', '"max_tokens":5000'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[429, 429]
--- response_headers eval
[('x-ratelimit-remaining-tokens: 950') x 2]

=== TEST 13: a usage of 0 is 0
--- upstream
{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}
--- request eval
[main::ask('m'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[200, 429]
--- response_headers eval
['x-ratelimit-limit-tokens: 1000', 'x-ratelimit-remaining-tokens: 950']

=== TEST 14: a stream that breaks off takes what came, by an estimate
Eight characters, and a prompt of five: fewer tokens than the 20 of a timeout.
--- upstream eval
+{ raw => main::soma_sse('{"choices":[{"index":0,"delta":'
                        . '{"content":"12345678"}}]}') =~ s/0\r\n\r\n$//r,
  close => 1 }
--- request eval
[main::ask('m', '"max_tokens":5,"stream":true'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[200, 429]
--- raw_response_headers_like eval
['200 OK', 'x-ratelimit-remaining-tokens: 9[34]\d\r']

=== TEST 15: the echo as the last resort takes its own
--- request eval
[main::ask('last'), $::LEFT]
--- more_headers eval: $::ONE
--- error_code eval
[200, 429]
--- response_body_like eval
['"total_tokens":\d+', '"code"']

=== TEST 16: without Redis a limit for ever is warned of, and holds
--- http_config
    soma_zone 8m;
    soma_tenant ever { limit requests 3/ever; }
    soma_tenant two { limit requests 9/day; limit requests 3/day; }
    soma_key $TEST_NGINX_ONE tenant=two user=u;
    soma_key $TEST_NGINX_THREE tenant=ever user=u;
--- config
    location /svc/ { soma_access; empty_gif; }
--- request
GET /svc/
--- more_headers eval: $::THREE
--- error_code: 200
--- error_log
"requests 3/ever" of soma_tenant "ever" is counted from

=== TEST 17: what is used up for ever tells no time and says that it is over
--- request eval
[('GET /svc/') x 3]
--- more_headers eval: $::THREE
--- error_code eval
[200, 200, 429]
--- response_headers eval
[('! Retry-After') x 3]
--- raw_response_headers_like eval
['200 OK', '200 OK', 'x-should-retry: false\r']
--- response_body_like eval
['GIF', 'GIF',
 '0 requests left of 3 requests in all: it does not fill']

=== TEST 18: of two limits with one count the tightest holds
--- request eval
[('GET /svc/') x 4]
--- more_headers eval: $::ONE
--- error_code eval
[200, 200, 200, 429]

=== TEST 19: a time zone that there is not is refused
--- http_config
    soma_tenant t { limit cost 5/day tz=Europe/Atlantis; }
--- must_die
--- error_log
there is no such time zone

=== TEST 20: a month may begin on another day, a day not
--- http_config
    soma_tenant t { limit cost 5/day from=2; }
--- must_die
--- error_log
with /month only
