# Streams: the same bytes whole and in the smallest pieces, what is hidden and
# shown, and how they end when the provider does not end them.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Compress::Zlib ();
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [soma_sse('[DONE]')]);
my $hash = soma_sha256('sk-alice');

my $slow = soma_port();

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        timeout connect=1s first_token=2s idle=500ms;
    }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
    log_format soma '\$status \$soma_input_tokens \$soma_output_tokens '
                    '\$soma_cost \$soma_error \$http_x_name';
    access_log logs/soma.log soma;
    server {
        listen 127.0.0.1:$slow sndbuf=32k;
        location /v1/ { soma_pass; }
    }
END
    location /v1/ { soma_pass; }
END2

my @alice = (Authorization => 'Bearer sk-alice');
my $id = 0;
my $name;

sub ask {
    my (%body) = @_;

    $name = 'n' . $id++;

    return $n->post('/v1/chat/completions',
                    soma_to_json({ model => 'm', stream => \1, %body }),
                    @alice, 'X-Name' => $name);
}

sub logged {
    my ($what, $text) = @_;

    ok(soma_wait(2, sub {
        Soma::slurp($n->dir . '/logs/soma.log') =~ /^$what \S+ \S+ $name$/m
    }), $text) or diag Soma::slurp($n->dir . '/logs/soma.log')
                       =~ s/.*\n(?=.*\n.*\n)//sr;
}

sub chunk { qq({"id":"c","choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $stop = '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $usage = '{"id":"c","choices":[],"usage":{"prompt_tokens":11,'
            . '"completion_tokens":7,"total_tokens":18}}';
my $SHOWN = { stream_options => { include_usage => \1 } };

sub text { join '', map { "data: $_\n\n" } @_ }

sub framed {
    my ($how, $body, $size) = @_;
    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; "
               . "charset=utf-8\r\n";

    return "$head\r\n$body" if $how eq 'close';
    return $head . "Content-Length: " . length($body) . "\r\n\r\n$body"
        if $how eq 'length';

    my @parts = $size ? $body =~ /(.{1,$size})/gs : ($body);

    return $head . "Transfer-Encoding: chunked\r\n\r\n"
           . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @parts)
           . "0\r\n\r\n";
}

# the same bytes, however they come

my $all = text(chunk('Hel'), chunk('lo \u00e9'), $stop, $usage, '[DONE]');
my $hidden = text(chunk('Hel'), chunk('lo \u00e9'), $stop, '[DONE]');
my $crlf = $all =~ s/\n/\r\n/gr;
my $cr = $all =~ s/\n/\r/gr;
my $mixed = ": hi\n\n" . text(chunk('a'))
            . "event: message\nid: 7\ndata: " . chunk('b') . "\nretry: 10\n\n"
            . ": ping\n" . text(chunk('c'), $stop, $usage, '[DONE]');

for (['LF', $all, $hidden], ['CRLF', $crlf, $hidden =~ s/\n/\r\n/gr],
     ['CR', $cr, $hidden =~ s/\n/\r/gr],
     ['comments and other fields', $mixed, $mixed =~ s/data: \Q$usage\E\n\n//r])
{
    my ($what, $body, $without) = @$_;

    for (['whole', framed('chunked', $body)],
         ['in 1-byte chunks', framed('chunked', $body, 1)],
         ['in 1-byte pieces', { raw => framed('chunked', $body, 5),
                                piece => 1 }],
         ['with a length', framed('length', $body)],
         ['with a length, in pieces', { raw => framed('length', $body),
                                        piece => 3, delay => 0.0005 }],
         ['until the end', { raw => framed('close', $body), close => 1 }])
    {
        my ($how, $answer) = @$_;

        $up->reset($answer);

        my $res = ask();
        is($res->{body}, $without, "$what, $how: usage hidden");
        ok($res->{complete}, "$what, $how: whole");
        logged('200 11 7', "$what, $how: counted");
        $res = ask(%$SHOWN);
        is($res->{body}, $body, "$what, $how: usage shown");
    }
}

# a chunk that has both text and usage is never hidden

my $both = qq({"choices":[{"delta":{"content":"x"}}],"usage":)
           . qq({"prompt_tokens":1,"completion_tokens":2}});
$up->reset(framed('chunked', text($both, $stop, '[DONE]')));
is(ask()->{body}, text($both, $stop, '[DONE]'), 'usage beside text stays');
logged('200 1 2', 'and counts');

my $zero = '{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0}}';
$up->reset(framed('chunked', text(chunk('abc'), $stop, $zero, '[DONE]')));
ask();
logged('200 0 0', 'an explicit 0 is 0');

$up->reset(framed('chunked', text(chunk('x' x 400), $stop, '[DONE]')));
ask(messages => [{ role => 'user', content => 'y' x 400 }]);
logged('200 1[0-9]{2} 100', 'without usage an estimate');

# a last event without its blank line; without [DONE]

$up->reset({ raw => framed('close', text(chunk('a'), $stop) . 'data: [DONE]'),
             close => 1 });
like(ask()->{body}, qr/"stop".*data: \[DONE\]/s, 'no blank line at the end');

$up->reset(framed('chunked', text(chunk('a'), $stop, $usage)));
my $res = ask();
ok($res->{complete}, '[DONE] missing: the body ends well');
like($res->{body}, qr/"stop"/, '[DONE] missing: the events are there');
unlike($res->{body}, qr/"error"/, '[DONE] missing: that is no error');
logged('200 11 7', '[DONE] missing: counted');

# cut in the middle

my $half = text(chunk('half'), chunk('way'));

for (['the connection ends', { raw => framed('close', $half), close => 1 }],
     ['the chunks end', { raw => framed('chunked', $half) =~ s/0\r\n\r\n$//r,
                          close => 1 }],
     ['the chunked body ends too early', framed('chunked', $half)],
     ['within an event', { raw => framed('close', $half . 'data: {"choi'),
                           close => 1 }],
     ['a length not reached', { raw => framed('length', $half . 'x' x 99)
                                =~ s/x+$//r, close => 1 }],
     ['a reset', { raw => framed('close', $half), reset => 1 }],
     ['a broken chunk', { raw => framed('chunked', $half)
                          =~ s/0\r\n\r\n$/zz\r\n/r, delay => 0.2,
                          piece => length(framed('chunked', $half)) - 5 }])
{
    my ($what, $answer) = @$_;

    $up->reset($answer);
    $res = ask();
    is($res->{status}, 200, "cut, $what");
    like($res->{body}, qr/^\Qdata: \E.*half.*way/s, "$what: what there was");
    like($res->{body}, qr/\n\ndata: \{"error":\{.*\}\}\n\ndata: \[DONE\]\n\n$/,
         "$what: an error event and [DONE]");
    ok($res->{complete}, "$what: the body ends well");
    logged('200 \d+ 2', "$what: what was streamed is counted");
}

# a provider that stops

$up->reset({ raw => framed('close', $half), hang => 5 });
my $t = time;
$res = ask();
like($res->{body}, qr/way.*"error".*\[DONE\]\n\n$/s, 'silence: an error event');
ok($res->{complete}, 'silence: a well-formed end');
cmp_ok(time - $t, '<', 2.5, 'silence: after idle') unless soma_slow();

$up->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
             hang => 5 });
$res = ask();
is($res->{status}, 200, 'silence before the first event: the header is out');
like($res->{body}, qr/^data: \{"error".*upstream_timeout.*\[DONE\]\n\n$/s,
     'and the stream ends with an error');

$up->reset({ raw => '', hang => 5 });
is(ask()->{status}, 504, 'silence before any header: 504');

# an error in the middle is the provider's own

my $sorry = '{"error":{"message":"sorry"}}';
$up->reset({ raw => framed('close', text(chunk('a'), $sorry)), close => 1 });
$res = ask();
is(() = $res->{body} =~ /"error"/g, 1, 'an error event of the provider: one');
like($res->{body}, qr/sorry/, 'its own');

# events longer than any buffer

for (5000, 100000, 300000, 2000000) {
    my $big = text(chunk('z' x $_), chunk('after'), $stop, $usage, '[DONE]');

    $up->reset(framed('chunked', $big, 4000));
    $res = ask(%$SHOWN);
    ok($res->{body} eq $big, "an event of $_ bytes");
    logged('200 11 7', 'the ones behind it are read');
}

# a long stream, and memory

my $long = text((map { chunk("word $_ ") } 1 .. 5000), $stop, $usage, '[DONE]');
$up->reset(framed('chunked', $long, 777));
$res = ask(%$SHOWN);
ok($res->{body} eq $long, '5000 events');

my $before = $n->memory;
$res = ask(%$SHOWN) for 1 .. 3;
cmp_ok($n->memory - $before, '<', 2000, 'leave no trace') unless soma_slow();

# compressed although nobody asked for it

$up->reset("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
           . "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
           . Compress::Zlib::memGzip($all));
$res = ask();
is($res->{status}, 200, 'a compressed stream');
is($res->{headers}{'content-encoding'}
   ? Compress::Zlib::memGunzip($res->{body}) : $res->{body}, $hidden,
   'arrives');
logged('200 11 7', 'counted');

# the first token is not held back

$up->reset(sub {
    { raw => framed('chunked', text(chunk('first'), (chunk('x')) x 3, $stop,
                                    '[DONE]'), 1 + length text(chunk('first'))),
      piece => 170, delay => 0.15 }
});

$t = time;
my $s = $n->open('POST', '/v1/chat/completions', '{"model":"m","stream":true}',
                 @alice);
my $first = $s->event;
my $took = time - $t;
like($first, qr/first/, 'the first token');
my $rest = 0;
$rest++ while defined $s->event;
cmp_ok($took, '<', (time - $t) - 0.2, 'comes while the stream goes on');

# a slow reader: the provider is held back, nothing is lost

my $much = text((map { chunk("$_ " . 'w' x 1000) } 1 .. 4000), $stop, $usage,
                '[DONE]');
$up->reset({ raw => framed('chunked', $much, 8000) });
$before = $n->memory;
$s = soma_open($slow, 'POST', '/v1/chat/completions',
               '{"model":"m","stream":true,'
               . '"stream_options":{"include_usage":true}}', @alice);
sleep 1;
cmp_ok($n->memory - $before, '<', 3000, 'a slow reader costs no memory')
    unless soma_slow();
ok($s->rest eq $much, 'and gets every byte');

# HTTP/1.0

my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->port);
$up->reset(framed('chunked', $all, 20));
print $sock "POST /v1/chat/completions HTTP/1.0\r\nAuthorization: Bearer "
            . "sk-alice\r\nContent-Length: 27\r\n\r\n"
            . '{"model":"m","stream":true}';
my $got = do { local $/; <$sock> };
like($got, qr/\r\n\r\n\Q$hidden\E$/, 'HTTP/1.0: the events and the end');

# the echo

$res = $n->post('/v1/chat/completions', soma_to_json({ model => 'echo',
                stream => \1, messages => [{ role => 'user',
                content => 'one two' }] }), @alice);
like($res->{headers}{'content-type'}, qr{^text/event-stream}, 'echo: a stream');
like($res->{body}, qr/one.*two.*"stop".*\[DONE\]\n\n$/s, 'echo: the prompt');
unlike($res->{body}, qr/"usage":\{/, 'echo: usage hidden');

# the other surfaces

for (['completions', '{"choices":[{"text":"hi","index":0}]}',
      '{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}',
      '[DONE]'])
{
    my ($api, @events) = @$_;

    $up->reset(framed('chunked', text(@events)));
    $name = 'n' . $id++;
    $res = $n->post("/v1/$api", '{"model":"m","stream":true,"prompt":"x"}',
                    @alice, 'X-Name' => $name);
    is($res->{body}, text(@events[0, 2]), "$api: usage hidden");
    logged('200 11 7', "$api: counted");
}

my $resp = join '',
    "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
    "event: response.output_text.delta\n"
    . "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\","
    . "\"response\":{\"usage\":{\"input_tokens\":11,\"output_tokens\":7}}}\n\n";
$up->reset(framed('chunked', $resp, 9));
$name = 'n' . $id++;
$res = $n->post('/v1/responses', '{"model":"m","stream":true,"input":"x"}',
                @alice, 'X-Name' => $name);
is($res->{body}, $resp, 'responses: every byte');
logged('200 11 7', 'responses: counted');

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
