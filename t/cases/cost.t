# soma_usage_cost: what a stream's usage says it costs is what the books say, and
# every other byte is the provider's. That it costs no memory is in t/cost.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Compress::Zlib ();
use Soma qw(framed);
use Test::Nginx::Socket 'no_plan';

sub text { CORE::join '', map { "data: $_\n\n" } @_ }

sub chunk {
    my ($text, $more) = @_;

    return qq({"id":"c","choices":[{"index":0,"delta":{"content":"$text"}}])
           . ($more // '') . '}';
}

sub counts {
    my ($in, $out, $more) = @_;

    return qq("usage":{"prompt_tokens":$in,"completion_tokens":$out)
           . ($more // '') . '}';
}

sub usage { '{"id":"c","choices":[],' . counts(@_) . '}' }

our $STOP = '{"id":"c","choices":[{"index":0,"delta":{},'
            . '"finish_reason":"stop"}]}';
our $HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

# 0.15 and 0.60 USD a million: 150 and 600 nano-dollars a token
our $COST = ',"cost":0.00000585';
our $ALL = text(chunk('Hel'), chunk('lo'), $STOP, usage(11, 7), '[DONE]');
our $PRICED = text(chunk('Hel'), chunk('lo'), $STOP, usage(11, 7, $COST),
                   '[DONE]');
our $HIDDEN = text(chunk('Hel'), chunk('lo'), $STOP, '[DONE]');
our $CRLF = $ALL =~ s/\n/\r\n/gr;

sub ask {
    my ($more, $path) = @_;

    return 'POST ' . ($path // '/v1/chat/completions')
           . qq(\n{"model":"m","stream":true$more});
}

our $SHOWN = ask(',"stream_options":{"include_usage":true}');
our $OFF = $SHOWN =~ s{/v1}{/off/v1}r;
our $SHOW = ',"stream_options":{"include_usage":true}';
our $HELLO = ',"messages":[{"role":"user","content":"one two three"}]';

sub of_model { $_[0] =~ s/"model":"m"/"model":"$_[1]"/r }

# usage that grows with every chunk
our @RUN = map { counts(10, $_) } 1 .. 40;
our @PAID = map {
    my $usd = sprintf '%.9f', (1500 + 600 * $_) / 1e9;
    counts(10, $_, ',"cost":' . $usd =~ s/0+$//r)
} 1 .. 40;

sub response {
    my ($end, $cost) = @_;

    return CORE::join '',
        "event: response.created\ndata: {\"type\":\"response.created\","
        . "\"response\":{\"id\":\"r\",\"usage\":null}}\n\n",
        "event: response.output_text.delta\n"
        . "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n",
        "event: response.$end\ndata: {\"type\":\"response.$end\",\"response\":"
        . '{"usage":{"input_tokens":11,"output_tokens":7' . ($cost // '')
        . "},\"x\":{}}}\n\n";
}

Soma::soma_dir('ledger');

# each request is known by its block in the books
add_block_preprocessor(sub {
    my ($block) = @_;
    my ($n) = $block->name =~ /TEST (\d+)/;
    my $key = $block->more_headers // 'Authorization: Bearer sk-alice';

    $block->set_value(more_headers => $key =~ s/\n?\z//r
                                      . "\nX-Request-Id: cost-$n");
    $block->set_value(record => "id cost-$n\n" . $block->record)
        if defined $block->record;
});

cases(keys => [qw(alice tight root)], upstream => 1, redis => 1);

__DATA__

=== TEST 1: a cost is added to the usage that is shown, however the bytes come
Whole, in pieces, in chunks and until the end, each in three ways: usage shown,
hidden, and with soma_usage_cost off.
--- http_config
    soma_zone 8m;
    soma_redis $TEST_NGINX_REDIS timeout=2s;
    soma_ledger $TEST_NGINX_LEDGER;
    soma_max_tokens trust;
    soma_usage_cost on;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=0.15 output=0.60;
    soma_model unpriced provider=p;
    soma_model free provider=p input=0 output=0;
    soma_model echo provider=e input=0.15 output=0.60;
    soma_model echo-unpriced provider=e;
    soma_tenant acme { }
    soma_tenant tight { limit cost 0.0012/day; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_TIGHT tenant=tight user=tight;
    soma_key $TEST_NGINX_ROOT tenant=acme user=root capabilities=admin;
--- config
    location /v1/ { soma_pass; }
    location /off/v1/ { soma_pass; soma_usage_cost off; }
    location /soma/ { soma_api; }
    location /off/soma/ { soma_api; soma_usage_cost off; }
--- upstream eval
[map { ($_) x 3 } main::framed($::ALL), main::framed($::ALL, 7),
 { raw => main::framed($::ALL, 5), piece => 1 },
 { raw => "$::HEAD\r\n$::ALL", close => 1 }]
--- request eval
[($::SHOWN, main::ask(''), $::OFF) x 4]
--- response_body eval
[($::PRICED, $::HIDDEN, $::ALL) x 4]
--- record
times 12
cost_nano 5850

=== TEST 2: and with lines that end in CRLF
--- upstream eval
[map { ($_) x 3 } main::framed($::CRLF), main::framed($::CRLF, 1)]
--- request eval
[($::SHOWN, main::ask(''), $::OFF) x 2]
--- response_body eval
[map { s/\n/\r\n/gr } ($::PRICED, $::HIDDEN, $::ALL) x 2]
--- record
times 6
cost_nano 5850

=== TEST 3: without [DONE] it is told all the same
--- upstream eval
main::framed(main::text(main::chunk('a'), $::STOP, main::usage(1, 1)))
--- request eval: $::SHOWN
--- response_body_like: "completion_tokens":1,"cost":0\.00000075\}
--- record
cost_nano 750

=== TEST 4: in a last event without its blank line too
--- upstream eval
+{ raw => "$::HEAD\r\n" . main::text(main::chunk('a'), $::STOP) . 'data: '
          . main::usage(2, 1), close => 1 }
--- request eval: $::SHOWN
--- response_body_like: "completion_tokens":1,"cost":0\.0000009\}\}
--- record
cost_nano 900

=== TEST 5: a cost of the provider's own gives way, wherever and whatever it is
In the middle, an object, null, a part of details, and not of another usage.
--- upstream eval
[map { main::framed(main::text($::STOP, "{\"choices\":[],$_}", '[DONE]')) }
 '"usage":{"prompt_tokens":11,"cost":0.5,"completion_tokens":7}',
 main::counts(11, 7, ', "cost" : {"total_cost":[1]} '),
 main::counts(11, 7, ',"cost":null'),
 main::counts(11, 7, ',"cost_details":{"cost":1} '),
 main::counts(11, 7) . ',"x":{"usage":{"cost":2}}']
--- request eval
[($::SHOWN) x 5]
--- response_body eval
[map { main::text($::STOP, "{\"choices\":[],$_}", '[DONE]') }
 '"usage":{"prompt_tokens":11,"cost":0.00000585,"completion_tokens":7}',
 main::counts(11, 7, ', "cost" : 0.00000585 '),
 main::counts(11, 7, $::COST),
 main::counts(11, 7, ',"cost_details":{"cost":1} ' . $::COST),
 main::counts(11, 7, $::COST) . ',"x":{"usage":{"cost":2}}']
--- record
times 5
cost_nano 5850

=== TEST 6: with usage in every chunk it grows with it, and everybody is told
--- upstream eval
[map { main::framed(main::text((map { main::chunk('w', ",$_") } @::RUN),
                               $::STOP, '[DONE]'), $_) } undef, 100, 100]
--- request eval
[$::SHOWN, $::SHOWN, main::ask('')]
--- response_body eval
[(main::text((map { main::chunk('w', ",$_") } @::PAID), $::STOP, '[DONE]'))
 x 3]
--- record
times 3
cost_nano 25500

=== TEST 7: an empty usage gets no comma, and an estimate as the record has it
--- upstream eval
main::framed(main::text(main::chunk('x' x 400),
                        main::chunk('y', ',"usage":{}'), $::STOP,
                        '{"choices":[],"usage":{ }}', '[DONE]'))
--- request eval
main::ask($::SHOW . ',"messages":[{"role":"user","content":"'
          . 'z' x 200 . '"}]')
--- response_body_like eval
qr/"usage":\{"cost":0\.0\d+\}\}.*"usage":\{ "cost":0\.0\d+\}\}/s
--- record
cost_nano told

=== TEST 8: an event in several lines is left as it is
--- upstream eval
main::framed(main::text($::STOP) . "data: {\"choices\":[],\ndata: "
             . main::counts(11, 7) . "}\n\n" . main::text('[DONE]'))
--- request eval: $::SHOWN
--- response_body eval
main::text($::STOP) . "data: {\"choices\":[],\ndata: "
. main::counts(11, 7) . "}\n\n" . main::text('[DONE]')

=== TEST 9: without a price the provider's word stays; a price of 0 is one
--- upstream eval
main::framed(main::text($::STOP, main::usage(11, 7, ',"cost":9'), '[DONE]'))
--- request eval
[main::of_model($::SHOWN, 'unpriced'), main::of_model($::SHOWN, 'free')]
--- response_body eval
[map { main::text($::STOP, main::usage(11, 7, $_), '[DONE]') }
 ',"cost":9', ',"cost":0']

=== TEST 10: a tier that stands behind the usage in its event has its price
--- upstream eval
main::framed(main::text($::STOP, '{"choices":[],' . main::counts(11, 7)
                        . ',"service_tier":"batch"}', '[DONE]'))
--- request eval: $::SHOWN
--- response_body eval
main::text($::STOP, '{"choices":[],'
           . main::counts(11, 7, ',"cost":0.000002925')
           . ',"service_tier":"batch"}', '[DONE]')
--- record
cost_nano 2925

=== TEST 11: a stream that is compressed, though nobody asked, has it
--- upstream eval
+{ raw => "${main::HEAD}Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
          . Compress::Zlib::memGzip($::ALL), close => 1 }
--- request eval: $::SHOWN
--- response_body eval: $::PRICED

=== TEST 12: an answer that is no stream stays as it is: its header tells
--- upstream eval
main::soma_response(200, '{"object":"chat.completion",' . main::counts(11, 7)
                         . '}')
--- request
POST /v1/chat/completions
{"model":"m","stream":false}
--- response_headers
x-soma-cost: 0.00000585
--- response_body eval
'{"object":"chat.completion",' . main::counts(11, 7) . '}'

=== TEST 13: completions tell it
--- upstream eval
main::framed(main::text('{"choices":[{"text":"hi","index":0}]}',
                        main::usage(11, 7), '[DONE]'))
--- request eval: main::ask($::SHOW . ',"prompt":"x"', '/v1/completions')
--- response_body eval
main::text('{"choices":[{"text":"hi","index":0}]}',
           main::usage(11, 7, $::COST), '[DONE]')

=== TEST 14: responses tell it in their last event, completed or not
--- upstream eval
[map { my $end = $_; map { main::framed(main::response($end), $_) } 0, 1 }
 'completed', 'incomplete']
--- request eval
[(main::ask(',"input":"x"', '/v1/responses')) x 4]
--- response_body eval
[map { (main::response($_, $::COST)) x 2 } 'completed', 'incomplete']
--- record
times 4
cost_nano 5850

=== TEST 15: the echo tells it behind its own usage, and changes nothing else
--- request eval
main::of_model(main::ask($::SHOW . $::HELLO), 'echo')
--- response_body_like eval
qr/"total_tokens":\d+.*,"cost":0\.0\d+\}\}\n\ndata: \[DONE\]\n\n$/s
--- record
cost_nano told

=== TEST 16: nothing where it is off, hidden, without a price, or no stream
--- request eval
[main::of_model($::OFF =~ s/\}$/$::HELLO}/r, 'echo'),
 main::of_model(main::ask($::HELLO), 'echo'),
 main::of_model(main::ask($::SHOW . $::HELLO), 'echo-unpriced'),
 main::of_model(main::ask($::HELLO), 'echo') =~ s/:true/:false/r]
--- response_body_like eval
['^(?!.*"cost").*"total_tokens":\d+.*\n\ndata: \[DONE\]\n\n$',
 '^(?!.*"cost").*\n\ndata: \[DONE\]\n\n$',
 '^(?!.*"cost").*"total_tokens":\d+.*\n\ndata: \[DONE\]\n\n$',
 '^(?!.*"cost").*"total_tokens":\d+']

=== TEST 17: the echo of completions tells it
--- request eval
main::of_model(main::ask($::SHOW . ',"prompt":"one two"', '/v1/completions'),
               'echo')
--- response_body_like: ,"cost":0\.0\d+\}\}\n\ndata: \[DONE\]\n\n$
--- record
cost_nano told

=== TEST 18: and that of responses
--- request eval
main::of_model(main::ask(',"input":"one two"', '/v1/responses'), 'echo')
--- response_body_like: "cost":0\.\d+\},"user":null,"metadata":\{\}\}\}\n\n$
--- record
cost_nano told

=== TEST 19: a stream that its budget cuts ends with a usage that tells it
--- upstream eval
main::framed(main::text((map { main::chunk('word ' x 40) } 1 .. 100), $::STOP,
                        main::usage(11, 4000), '[DONE]'))
--- request eval: $::SHOWN
--- more_headers
Authorization: Bearer sk-tight
--- response_body_like eval
qr/"length".*"total_tokens":\d+,"cost":0\.\d+\}\}\n\ndata: \[DONE\]\n\n$/s
--- record
tenant tight
cost_nano told

=== TEST 20: the configuration says whether it is on
--- request eval
['GET /soma/config', 'GET /off/soma/config']
--- more_headers
Authorization: Bearer sk-root
--- response_body_like eval
['"usage_cost":true', '"usage_cost":false']
