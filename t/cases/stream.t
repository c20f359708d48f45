# Streams: the same bytes whole and in the smallest pieces, what is hidden and
# shown, and how they end when the provider does not end them. What takes time
# or memory (first tokens, slow readers, long streams) is in t/stream.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Compress::Zlib ();
use Test::Nginx::Socket 'no_plan';

sub chunk { qq({"id":"c","choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }
sub text { CORE::join '', map { "data: $_\n\n" } @_ }

our $STOP = '{"id":"c","choices":[{"index":0,"delta":{},'
            . '"finish_reason":"stop"}]}';
our $USAGE = '{"id":"c","choices":[],"usage":{"prompt_tokens":11,'
             . '"completion_tokens":7,"total_tokens":18}}';
our $ALL = text(chunk('Hel'), chunk('lo \u00e9'), $STOP, $USAGE, '[DONE]');
our $HIDDEN = text(chunk('Hel'), chunk('lo \u00e9'), $STOP, '[DONE]');
our $MIXED = ": hi\n\n" . text(chunk('a'))
             . "event: message\nid: 7\ndata: " . chunk('b')
             . "\nretry: 10\n\n: ping\n"
             . text(chunk('c'), $STOP, $USAGE, '[DONE]');
our $RESPONSE =
    qq(event: response.created\ndata: {"type":"response.created"}\n\n)
    . "event: response.output_text.delta\n"
    . qq(data: {"type":"response.output_text.delta","delta":"hi"}\n\n)
    . "event: response.completed\n"
    . 'data: {"type":"response.completed","response":{"usage":'
    . qq({"input_tokens":11,"output_tokens":7}}}\n\n);
our $HALF = text(chunk('half'), chunk('way'));
our $HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; "
            . "charset=utf-8\r\n";

# a body in chunks of some size, or in one
sub chunked {
    my ($body, $size) = @_;
    my @parts = $size ? $body =~ /(.{1,$size})/gs : ($body);

    return "${HEAD}Transfer-Encoding: chunked\r\n\r\n"
           . CORE::join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                            @parts) . "0\r\n\r\n";
}

sub with_length {
    return "${HEAD}Content-Length: " . length($_[0]) . "\r\n\r\n$_[0]";
}

sub to_the_end { +{ raw => "$HEAD\r\n$_[0]", close => 1 } }

# every way that a body can come, each of them twice
sub every_way {
    my ($body) = @_;

    return [map { ($_, $_) }
            chunked($body), chunked($body, 1),
            { raw => chunked($body, 5), piece => 1 },
            with_length($body),
            { raw => with_length($body), piece => 3, delay => 0.0005 },
            to_the_end($body)];
}

sub ask {
    my ($more) = @_;

    return "POST /v1/chat/completions\n"
           . '{"model":"m","stream":true' . ($more // '') . '}';
}

our $SHOWN = ask(',"stream_options":{"include_usage":true}');
our $BOTH = [(ask(), $SHOWN) x 6];

add_block_preprocessor(sub {
    my ($block) = @_;
    my ($n) = $block->name =~ /(\d+)/;

    $block->set_value(more_headers => "Authorization: Bearer sk-alice\n"
                                      . "X-Name: n$n");
});

cases(keys => ['alice'], upstream => 1);

__DATA__

=== TEST 1: however it is cut, a stream is passed on whole, and usage is hidden
Each of the six ways is asked for twice: without usage, and with.
--- http_config
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        timeout connect=1s first_token=2s idle=500ms;
    }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    log_format soma '$status $soma_input_tokens $soma_output_tokens '
                    '$http_x_name';
    access_log logs/access.log soma;
--- config
    location /v1/ { soma_pass; }
--- upstream eval: main::every_way($::ALL)
--- request eval: $::BOTH
--- response_body eval
[($::HIDDEN, $::ALL) x 6]
--- access_log
200 11 7 n1
--- no_access_log eval
qr/^200 (?!11 7 ).* n1$/

=== TEST 2: lines may end in CRLF
--- upstream eval: main::every_way($::ALL =~ s/\n/\r\n/gr)
--- request eval: $::BOTH
--- response_body eval
[map { s/\n/\r\n/gr } ($::HIDDEN, $::ALL) x 6]
--- access_log
200 11 7 n2
--- no_access_log eval
qr/^200 (?!11 7 ).* n2$/

=== TEST 3: lines may end in CR
--- upstream eval: main::every_way($::ALL =~ s/\n/\r/gr)
--- request eval: $::BOTH
--- response_body eval
[map { s/\n/\r/gr } ($::HIDDEN, $::ALL) x 6]
--- access_log
200 11 7 n3
--- no_access_log eval
qr/^200 (?!11 7 ).* n3$/

=== TEST 4: comments and other fields stay
--- upstream eval: main::every_way($::MIXED)
--- request eval: $::BOTH
--- response_body eval
[($::MIXED =~ s/data: \Q$::USAGE\E\n\n//r, $::MIXED) x 6]
--- access_log
200 11 7 n4
--- no_access_log eval
qr/^200 (?!11 7 ).* n4$/

=== TEST 5: usage beside text is never hidden, and counts
--- upstream eval
main::chunked(main::text('{"choices":[{"delta":{"content":"x"}}],"usage":'
              . '{"prompt_tokens":1,"completion_tokens":2}}',
              $::STOP, '[DONE]'))
--- request eval: main::ask()
--- response_body eval
main::text('{"choices":[{"delta":{"content":"x"}}],"usage":'
           . '{"prompt_tokens":1,"completion_tokens":2}}', $::STOP, '[DONE]')
--- access_log
200 1 2 n5

=== TEST 6: a usage of 0 is 0
--- upstream eval
main::chunked(main::text(main::chunk('abc'), $::STOP, '{"choices":[],"usage":'
              . '{"prompt_tokens":0,"completion_tokens":0}}', '[DONE]'))
--- request eval: main::ask()
--- error_code: 200
--- access_log
200 0 0 n6

=== TEST 7: without a usage tokens are estimated from the text
--- upstream eval
main::chunked(main::text(main::chunk('x' x 400), $::STOP, '[DONE]'))
--- request eval
main::ask(',"messages":[{"role":"user","content":"' . 'y' x 400 . '"}]')
--- error_code: 200
--- access_log eval
qr/^200 1\d\d 100 n7$/

=== TEST 8: a last event may lack its blank line
--- upstream eval
main::to_the_end(main::text(main::chunk('a'), $::STOP) . 'data: [DONE]')
--- request eval: main::ask()
--- response_body_like: "stop".*data: \[DONE\]

=== TEST 9: a stream without [DONE] ends well, is counted, and that is no error
--- upstream eval
main::chunked(main::text(main::chunk('a'), $::STOP, $::USAGE))
--- request eval: main::ask()
--- response_body_like: ^(?!.*"error").*"stop"
--- access_log
200 11 7 n9

=== TEST 10: a stream that is cut, in any way, ends well with an error, and no [DONE]
By its connection, without its last chunk, within an event, before its length.
--- upstream eval
[main::to_the_end($::HALF),
 { raw => main::chunked($::HALF) =~ s/0\r\n\r\n$//r, close => 1 },
 main::chunked($::HALF),
 main::to_the_end($::HALF . 'data: {"choi'),
 { raw => main::with_length($::HALF . 'x' x 99) =~ s/x+$//r, close => 1 },
 { %{ main::to_the_end($::HALF) }, close => 0, reset => 1 }]
--- request eval
[(main::ask()) x 6]
--- error_code eval
[(200) x 6]
--- response_body_like eval
[('^data: .*half.*way.*\n\ndata: \{"error":\{.*\}\}\n\n$')
 x 6]
--- access_log eval
qr/^200 \d+ 2 n10$/
--- no_access_log eval
qr/^200 \d+ (?!2 ).* n10$/

=== TEST 11: so does one with a chunk that is none
--- upstream eval
+{ raw => main::chunked($::HALF) =~ s/0\r\n\r\n$/zz\r\n/r, delay => 0.2,
   piece => length(main::chunked($::HALF)) - 5 }
--- request eval: main::ask()
--- response_body_like eval
'^data: .*half.*way.*\n\ndata: \{"error":\{.*\}\}\n\n$'
--- access_log eval
qr/^200 \d+ 2 n11$/

=== TEST 12: a provider that falls silent is waited for until idle
--- upstream eval
+{ raw => $::HEAD . "\r\n" . $::HALF, hang => 30 }
--- request eval: main::ask()
--- timeout eval: main::soma_slow() ? 15 : 2.5
--- response_body_like: way.*"error"[^\n]*\n\n$

=== TEST 13: one that is silent behind its header has ended the stream
--- upstream eval
+{ raw => $::HEAD . "\r\n", hang => 30 }
--- request eval: main::ask()
--- timeout: 15
--- response_body_like: ^data: \{"error".*upstream_timeout[^\n]*\n\n$

=== TEST 14: one that says nothing at all is a 504
--- upstream eval
+{ raw => '', hang => 30 }
--- request eval: main::ask()
--- timeout: 15
--- error_code: 504

=== TEST 15: an error that the provider tells itself is not told twice
--- upstream eval
main::to_the_end(main::text(main::chunk('a'),
                            '{"error":{"message":"sorry"}}'))
--- request eval: main::ask()
--- response_body_like: ^(?!.*"error".*"error").*"error":\{"message":"sorry"\}

=== TEST 16: an event may be longer than any buffer, and what is behind is read
--- upstream eval
[map { main::chunked(main::text(main::chunk('z' x $_), main::chunk('after'),
                                $::STOP, $::USAGE, '[DONE]'), 4000) }
 5000, 100000, 300000, 2000000]
--- request eval
[($::SHOWN) x 4]
--- response_body eval
[map { main::text(main::chunk('z' x $_), main::chunk('after'), $::STOP,
                  $::USAGE, '[DONE]') } 5000, 100000, 300000, 2000000]
--- access_log
200 11 7 n16
--- no_access_log eval
qr/^200 (?!11 7 ).* n16$/

=== TEST 17: a stream that is compressed, though nobody asked, arrives
--- upstream eval
"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
. "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
. Compress::Zlib::memGzip($::ALL)
--- request eval: main::ask()
--- response_headers
! Content-Encoding
--- response_body eval: $::HIDDEN
--- access_log
200 11 7 n17

=== TEST 18: HTTP/1.0 gets the events, and the end of the connection
--- upstream eval: main::chunked($::ALL, 20)
--- request eval: main::ask() =~ s{\n}{ HTTP/1.0\n}r
--- response_headers
! Transfer-Encoding
--- response_body eval: $::HIDDEN

=== TEST 19: the echo streams the prompt, and hides its usage
--- request
POST /v1/chat/completions
{"model":"echo","stream":true,"messages":[{"role":"user","content":"one two"}]}
--- raw_response_headers_like: Content-Type: text/event-stream
--- response_body_like eval
qr/^(?!.*"usage":\{).*one.*two.*"stop".*\[DONE\]\n\n$/s

=== TEST 20: completions hide their usage, and count it
--- events
{"choices":[{"text":"hi","index":0}]}
{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}
[DONE]
--- request
POST /v1/completions
{"model":"m","stream":true,"prompt":"x"}
--- response_body eval
main::text('{"choices":[{"text":"hi","index":0}]}', '[DONE]')
--- access_log
200 11 7 n20

=== TEST 21: responses show it, byte by byte
--- upstream eval
main::chunked($::RESPONSE, 9)
--- request
POST /v1/responses
{"model":"m","stream":true,"input":"x"}
--- response_body eval: $::RESPONSE
--- access_log
200 11 7 n21
