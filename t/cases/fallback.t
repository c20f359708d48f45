# One target after the other: what makes a request move on, what does not, and
# what the client is told when none is left. What takes time (Retry-After, the
# breaker, weights, idle connections) is in t/fallback.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our $GOOD = soma_response(200, '{"object":"good","usage":{"prompt_tokens":3,'
                               . '"completion_tokens":4}}');
our $FINE = soma_sse('{"choices":[{"delta":{"content":"good"}}]}',
                     '{"choices":[{"delta":{},"finish_reason":"stop"}]}',
                     '{"choices":[],"usage":{"prompt_tokens":5,'
                     . '"completion_tokens":6}}', '[DONE]');
our $HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

# both providers are one server: what the first says, and what the second
sub both {
    my ($one, $two) = @_;

    return sub { $_[0]{uri} =~ m{^/one/} ? $one : $two };
}

# a first provider that is no good in a stream, and the second one that is
sub stream { both(ref $_[0] ? $_[0] : { raw => $_[0], close => 1 }, $FINE) }

sub ask {
    my ($model, $stream) = @_;

    $stream = $stream ? '"stream":true,' : '';

    return "POST /v1/chat/completions\n" . qq({"model":"$model",$stream)
           . '"messages":[{"role":"user","content":"one two three"}]}';
}

delete $ENV{SOMA_TEST_NOT_SET};

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(more_headers => 'Authorization: Bearer sk-alice')
        unless defined $block->more_headers;
});

cases(keys => ['alice'], upstream => 1);

__DATA__

=== TEST 1: a connection that is refused: the second target answers, and is told
Health is kept by model, so each kind of trouble below has models of its own.
--- http_config
    soma_zone 8m;
    soma_provider p1 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/one/v1;
        timeout connect=1s first_token=400ms idle=400ms;
    }
    soma_provider p2 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/two/v1;
    }
    soma_provider pd { dialect openai; endpoint http://127.0.0.1:1/v1; }
    soma_model refused-d provider=pd input=1 output=1;
    soma_model refused-2 provider=p2 input=1 output=1;
    soma_route refused { model refused-d; model refused-2; }
    soma_model slow-1 provider=p1 input=1 output=1;
    soma_model slow-2 provider=p2 input=1 output=1;
    soma_route slow { model slow-1; model slow-2; }
    soma_model busy-1 provider=p1 input=1 output=1;
    soma_model busy-2 provider=p2 input=1 output=1;
    soma_route busy { model busy-1; model busy-2; }
    soma_model down-1 provider=p1 input=1 output=1;
    soma_model down-2 provider=p2 input=1 output=1;
    soma_route down { model down-1; model down-2; }
    soma_model late-1 provider=p1 input=1 output=1;
    soma_model late-2 provider=p2 input=1 output=1;
    soma_route late { model late-1; model late-2; }
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    log_format soma '$status $soma_route $soma_model $soma_attempts '
                    '$soma_input_tokens $soma_output_tokens $soma_error';
    access_log logs/access.log soma;
--- config
    location /v1/ { soma_pass; }
--- upstream eval: main::both('', $::GOOD)
--- request eval: main::ask('refused')
--- response_headers
x-soma-model: refused-2
x-soma-provider: p2
x-soma-attempts: 2
--- response_body_like: "good"
--- asked: 1
--- access_log
200 refused refused-2 2 3 4 -

=== TEST 2: a timeout: the second target gets the request under its own name
--- upstream eval: main::both({ raw => $::GOOD, wait => 2 }, $::GOOD)
--- request eval: main::ask('slow')
--- response_headers
x-soma-model: slow-2
x-soma-attempts: 2
--- response_body_like: "good"
--- sent_like
^POST /two/v1/.*"model":"slow-2"

=== TEST 3: a 429 is moved on from, and not asked again before Retry-After
--- upstream eval
main::both(main::soma_response(429, '{"error":{"message":"slow down"}}',
                               'Retry-After' => 60), $::GOOD)
--- request eval
[main::ask('busy'), main::ask('busy')]
--- response_headers eval
["x-soma-model: busy-2\nx-soma-attempts: 2",
 "x-soma-model: busy-2\nx-soma-attempts: 1"]
--- response_body_like eval
['"good"', '"good"']
--- asked: 3

=== TEST 4: so is a 503, which may tell its time in milliseconds
--- upstream eval
main::both(main::soma_response(503, 'x', 'retry-after-ms' => 60000), $::GOOD)
--- request eval
[main::ask('down'), main::ask('down')]
--- response_headers eval
["x-soma-model: down-2\nx-soma-attempts: 2",
 "x-soma-model: down-2\nx-soma-attempts: 1"]
--- response_body_like eval
['"good"', '"good"']
--- asked: 3

=== TEST 5: a 400 is the answer, as it was said, and nobody else is asked
--- upstream eval
main::both(main::soma_response(400, '{"error":{"message":"too long"}}'),
           $::GOOD)
--- request eval: main::ask('late')
--- error_code: 400
--- response_headers
x-soma-attempts: 1
--- response_body_like: too long
--- asked: 1

=== TEST 6: a stream that begins with an error is moved on from, unseen
--- http_config
    soma_zone 8m;
    soma_provider p1 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/one/v1;
        timeout connect=1s first_token=2s idle=2s;
    }
    soma_provider p2 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/two/v1;
    }
    soma_model m-1 provider=p1 input=1 output=1;
    soma_model m-2 provider=p2 input=1 output=1;
    soma_route m { model m-1; model m-2; }
    soma_model n-1 provider=p1 input=1 output=1;
    soma_route n { model n-1; model m-2; }
    soma_model o-1 provider=p1 input=1 output=1;
    soma_route o { model o-1; model m-2; }
    soma_model p-1 provider=p1 input=1 output=1;
    soma_route p { model p-1; model m-2; }
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location /v1/ { soma_pass; }
--- upstream eval
main::stream(main::soma_sse('{"error":{"message":"overloaded",'
                            . '"type":"server_error"}}', '[DONE]'))
--- request eval: main::ask('m', 1)
--- response_headers
x-soma-model: m-2
x-soma-attempts: 2
--- response_body_like: ^(?!.*overloaded).*good.*\[DONE\]\n\n$

=== TEST 7: an error in pieces as well
--- upstream eval
main::stream({ piece => 1, close => 1,
               raw => main::soma_sse('{"error":{"message":"overloaded",'
                            . '"type":"server_error"}}', '[DONE]') })
--- request eval: main::ask('m', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: ^(?!.*overloaded).*good.*\[DONE\]\n\n$

=== TEST 8: an error behind a comment
--- upstream eval
main::stream("$::HEAD\r\n: hello\n\n"
             . qq(data: {"error":{"message":"overloaded"}}\n\n))
--- request eval: main::ask('m', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: ^(?!.*overloaded).*good.*\[DONE\]\n\n$

=== TEST 9: an error by the event's name
--- upstream eval
main::stream("$::HEAD\r\nevent: error\n"
             . qq(data: {"error":{"message":"overloaded"}}\n\n))
--- request eval: main::ask('m', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: ^(?!.*overloaded).*good.*\[DONE\]\n\n$

=== TEST 10: a stream of no chunks is no answer
--- upstream eval
main::stream("${main::HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
--- request eval: main::ask('n', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 11: nor is one of no length
--- upstream eval: main::stream("${main::HEAD}Content-Length: 0\r\n\r\n")
--- request eval: main::ask('n', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 12: nor one that ends behind its header
--- upstream eval: main::stream("$::HEAD\r\n")
--- request eval: main::ask('n', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 13: nor one of comments
--- upstream eval: main::stream("$::HEAD\r\n: x\n\n")
--- request eval: main::ask('n', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 14: nor a connection that is closed without a word
--- upstream eval: main::stream('')
--- request eval: main::ask('o', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 15: nor one that is reset
--- upstream eval: main::stream({ raw => '', reset => 1 })
--- request eval: main::ask('o', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 16: nor half a header
--- upstream eval: main::stream("HTTP/1.1 200 OK\r\nContent-Ty")
--- request eval: main::ask('o', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 17: nor what is no HTTP
--- upstream eval: main::stream("hello there\r\n\r\n")
--- request eval: main::ask('o', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 18: nor a header with a zero byte
--- upstream eval: main::stream("HTTP/1.1 200 OK\r\nConte\0nt\r\n\r\n")
--- request eval: main::ask('p', 1)
--- response_headers
x-soma-model: m-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 19: behind the first byte of a stream there is no way back
--- upstream eval
main::stream({ raw => main::soma_sse('{"choices":[{"delta":{"content":'
                                     . '"half"}}]}') =~ s/0\r\n\r\n$//r,
               close => 1 })
--- request eval: main::ask('p', 1)
--- response_headers
x-soma-model: p-1
--- response_body_like: half.*"error"(?!.*\[DONE\]).*\n\n$
--- asked: 1

=== TEST 20: retry_on says which statuses are moved on from
--- http_config
    soma_zone 8m;
    soma_provider p1 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/one/v1;
        timeout connect=1s first_token=400ms idle=400ms;
    }
    soma_provider p2 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/two/v1;
        timeout connect=1s first_token=400ms idle=400ms;
    }
    soma_provider pd { dialect openai; endpoint http://127.0.0.1:1/v1; }
    soma_provider e { dialect echo; }
    soma_model some-1 provider=p1 input=1 output=1;
    soma_model some-2 provider=p2 input=1 output=1;
    soma_model some-d provider=pd input=1 output=1;
    soma_route some { model some-1; model some-2; retry_on http_403; }
    soma_route noerr { model some-d; model some-2; retry_on timeout; }
    soma_route quiet { model some-1; model some-2; retry_on timeout; }
    soma_model all-d provider=pd input=1 output=1;
    soma_model all-1 provider=p1 input=1 output=1;
    soma_model all-2 provider=p2 input=1 output=1;
    soma_route all { model all-d; model all-1; model all-2; }
    soma_model echo-d provider=pd input=1 output=1;
    soma_model echo provider=e input=0.15 output=0.60;
    soma_route echos { model echo-d; model echo; }
    soma_model single-1 provider=p1 input=1 output=1;
    soma_model single-d provider=pd input=1 output=1;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    log_format soma '$status $soma_route $soma_model $soma_attempts '
                    '$soma_input_tokens $soma_output_tokens $soma_error';
    access_log logs/access.log soma;
--- config
    location /v1/ { soma_pass; }
    location /page/v1/ { soma_pass; error_page 500 502 503 504 /50x.html; }
    location = /50x.html { return 200 "a page"; }
--- upstream eval: main::both(main::soma_response(403, '{}'), $::GOOD)
--- request eval: main::ask('some')
--- response_headers
x-soma-model: some-2
--- asked: 2

=== TEST 21: and one that is not among them is the answer
--- upstream eval
main::both(main::soma_response(500, '{"error":{"message":"oops"}}'), $::GOOD)
--- request eval: main::ask('some')
--- error_code: 500
--- asked: 1

=== TEST 22: without "error" a provider that is away is the end, by name
--- upstream eval: main::both($::GOOD, $::GOOD)
--- request eval: main::ask('noerr')
--- error_code: 502
--- response_body_like: some-d of pd
--- asked: 0

=== TEST 23: silence behind a good header is a timeout
--- upstream eval
main::both({ raw => "$::HEAD\r\n", hang => 2 }, $::FINE)
--- request eval: main::ask('quiet', 1)
--- response_headers
x-soma-model: some-2
--- response_body_like: good.*\[DONE\]\n\n$

=== TEST 24: when all have failed each is named, and the last gives the status
--- upstream eval
main::both(main::soma_response(500, '{"error":{"message":"oops"}}'),
           { raw => $::GOOD, wait => 2 })
--- request eval: main::ask('all')
--- error_code: 504
--- response_headers
x-soma-attempts: 3
--- response_body_like: all-d of pd.*all-1 of p1.*500.*all-2 of p2.*timeout

=== TEST 25: a connection that the last one lost is a 502
--- upstream eval
main::both(main::soma_response(500, '{"error":{"message":"oops"}}'),
           { raw => '', close => 1 })
--- request eval: main::ask('all')
--- error_code: 502

=== TEST 26: a status of the last one is passed on with its words
--- upstream eval
main::both(main::soma_response(500, '{"error":{"message":"oops"}}'),
           main::soma_response(503, '{"error":{"message":"last words"}}'))
--- request eval: main::ask('all')
--- error_code: 503
--- response_body_like: last words

=== TEST 27: the echo is a last resort, of JSON
--- request eval: main::ask('echos')
--- response_headers
x-soma-model: echo
x-soma-attempts: 2
Content-Type: application/json
--- response_body_like: one two three
--- access_log eval
qr/^200 echos echo 2 \d+ \d+ -$/

=== TEST 28: and of a stream
--- request eval: main::ask('echos', 1)
--- response_headers
x-soma-model: echo
x-soma-attempts: 2
--- raw_response_headers_like: Content-Type: text/event-stream
--- response_body_like: one.*two.*three.*\[DONE\]\n\n$
--- access_log eval
qr/^200 echos echo 2 \d+ \d+ -$/

=== TEST 29: an error_page does not take the place of the last resort
--- request eval: main::ask('echos') =~ s{/v1}{/page/v1}r
--- error_code: 200
--- response_body_like: one two three

=== TEST 30: a model by itself is no route: it is asked once
--- upstream eval
[main::soma_response(500, '{"error":{"message":"mine"}}'), $::GOOD]
--- request eval: main::ask('single-1')
--- error_code: 500
--- response_body_like: mine
--- asked: 1

=== TEST 31: nor is one whose provider is away
--- request eval: main::ask('single-d')
--- error_code: 502
--- response_body_like: single-d of pd

=== TEST 32: a provider whose limit is used up is passed over, without an attempt
--- http_config
    soma_zone 8m;
    soma_provider lim {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/one/v1;
        limit requests 1/day;
    }
    soma_provider p2 {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/two/v1;
    }
    soma_provider nokey {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/one/v1;
        api_key env:SOMA_TEST_NOT_SET;
    }
    upstream pair {
        server 127.0.0.1:1;
        server 127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    upstream ghosts { server 127.0.0.1:1 max_fails=1 fail_timeout=60s; }
    soma_provider blk { dialect openai; endpoint http://pair/two/v1; }
    soma_provider ghost { dialect openai; endpoint http://ghosts/v1; }
    soma_model lim provider=lim input=1 output=1;
    soma_model limit-2 provider=p2 input=1 output=1;
    soma_route limit { model lim; model limit-2; }
    soma_model keyless provider=nokey input=1 output=1;
    soma_model nokey-2 provider=p2 input=1 output=1;
    soma_route nokey { model keyless; model nokey-2; }
    soma_route onlynokey { model keyless; }
    soma_model blk provider=blk input=1 output=1;
    soma_route block { model blk; }
    soma_model ghost provider=ghost input=1 output=1;
    soma_model block-2 provider=p2 input=1 output=1;
    soma_route ghosts { model ghost; model block-2; }
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location /v1/ { soma_pass; }
--- upstream eval: $::GOOD
--- request eval
[main::ask('limit'), main::ask('limit')]
--- response_headers eval
["x-soma-model: lim\nx-soma-attempts: 1",
 "x-soma-model: limit-2\nx-soma-attempts: 1"]

=== TEST 33: with nobody else to ask that is a 429 which names the limit
--- request eval: main::ask('lim')
--- error_code: 429
--- response_body_like: requests 1/day.*provider:lim

=== TEST 34: of an upstream block one live server is enough
--- upstream eval: $::GOOD
--- request eval
[(main::ask('block')) x 4]
--- error_code eval
[(200) x 4]
--- asked: 4
--- sent_like
^POST /two/v1/chat/completions

=== TEST 35: a block of dead servers is moved on from, the second time too
--- request eval
[main::ask('ghosts'), main::ask('ghosts')]
--- response_headers eval
[('x-soma-model: block-2') x 2]

=== TEST 36: a provider without its key is left out
--- request eval: main::ask('nokey')
--- response_headers
x-soma-model: nokey-2
x-soma-attempts: 1

=== TEST 37: with nobody else that is a 503: what is missing, and that it stays so
--- request eval: main::ask('onlynokey')
--- error_code: 503
--- response_headers
x-should-retry: false
--- response_body_like: SOMA_TEST_NOT_SET
