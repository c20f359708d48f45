# Answers that are packed although nobody asked for it: they are unpacked and
# read, in pieces, or the next target is asked.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;
use Compress::Zlib;
use Time::HiRes ();

my $ENOUGH = 60;
my $up = soma_upstream(responses => ['']);
my $second = soma_upstream(name => 'second', responses => ['']);
my $hash = soma_sha256('sk-alice');

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_provider q { dialect openai;
                      endpoint http://127.0.0.1:@{[ $second->port ]}/v1; }
    soma_model m provider=p input=1 output=1;
    soma_model n provider=q input=1 output=1;
    soma_route either { model m; model n; }
    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
    log_format soma '\$http_x_name \$status \$soma_input_tokens '
                    '\$soma_output_tokens [\$soma_error]';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
    location = /alive { return 204; }
END2

my $id = 0;
my ($res, $name);

sub ask {
    my (%body) = @_;

    $name = 'p' . $id++;

    return $res = $n->post('/v1/chat/completions',
                           soma_to_json({ model => 'm', messages => [],
                                          %body }),
                           Authorization => 'Bearer sk-alice',
                           'X-Name' => $name);
}

sub came {
    my ($what, $want) = @_;
    my $line;

    soma_wait($ENOUGH, sub {
        ($line) = Soma::slurp($n->dir . '/logs/soma.log')
                  =~ /^$name (\d+ \S+ \S+ \[.*?\])/m;
    });

    like($line, $want, $what);
}

sub deflate {
    my ($text, $bits) = @_;
    my ($z) = deflateInit(-WindowBits => $bits);
    my ($head) = $z->deflate($text);
    my ($tail) = $z->flush;

    return $head . $tail;
}

sub packed {
    my ($encoding, $body, $type, $size) = @_;
    my $framed = framed($body, $size);

    $framed =~ s{Content-Type: text/event-stream}
                {Content-Type: $type\r\nContent-Encoding: $encoding};

    return $framed;
}

my $json = '{"choices":[{"message":{"content":"hello"}}],"usage":'
           . '{"prompt_tokens":11,"completion_tokens":7}}';
my $stream = join '', map { "data: $_\n\n" }
    '{"choices":[{"index":0,"delta":{"content":"hello"}}]}',
    '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":'
    . '{"prompt_tokens":11,"completion_tokens":7}}', '[DONE]';

my %kind = (
    'gzip' => ['gzip', sub { Compress::Zlib::memGzip($_[0]) }],
    'x-gzip' => ['x-gzip', sub { Compress::Zlib::memGzip($_[0]) }],
    'zlib' => ['deflate', sub { deflate($_[0], MAX_WBITS) }],
    'bare deflate' => ['Deflate', sub { deflate($_[0], -MAX_WBITS()) }],
    'two members' => ['gzip', sub {
        Compress::Zlib::memGzip(substr $_[0], 0, 40)
        . Compress::Zlib::memGzip(substr $_[0], 40)
    }],
    'padded' => ['gzip', sub {
        Compress::Zlib::memGzip($_[0]) . "\0" x 20
    }],
);

for my $what (sort keys %kind) {
    my ($encoding, $pack) = @{ $kind{$what} };

    for my $size (1, 20, undef) {
        my $how = $size ? "$what, $size bytes at a time" : $what;

        $up->reset(packed($encoding, $pack->($json), 'application/json',
                          $size));
        ask();
        is($res->{body}, $json, "JSON: $how");
        ok(!$res->{headers}{'content-encoding'}, 'plain, and said so');
        came('its usage', qr/^200 11 7 \[-\]$/);

        $up->reset(packed($encoding, $pack->($stream), 'text/event-stream',
                          $size));
        ask(stream => \1);
        is($res->{body}, $stream, "a stream: $how");
        ok(!$res->{headers}{'content-encoding'}, 'plain, and said so');
        came('its usage', qr/^200 11 7 \[-\]$/);
    }
}

# cut off: seen by the client, in the books, and not mixed with our text

my $long = '{"choices":[{"message":{"content":"'
           . join('', map { sprintf '%x', rand 16 } 1 .. 700_000)
           . '"}}],"usage":{"prompt_tokens":11,"completion_tokens":7}}';

for my $text (substr($long, 0, 50_000) . '"}}]}', $long) {
    my $gzip = Compress::Zlib::memGzip($text);

    for (['in the middle', substr $gzip, 0, length($gzip) - 9000],
         ['in its last bytes', substr $gzip, 0, length($gzip) - 6],
         ['within a second member', $gzip . "\x1f\x8b"])
    {
        my ($how, $body) = @$_;
        my $what = length($text) . " bytes cut $how";

        $up->reset(packed('gzip', $body, 'application/json', 1000));
        ask();

        if (length $text < 100_000) {
            is($res->{status}, 502, "$what: no answer");
            next;
        }

        ok(!$res->{complete}, "$what: the client sees it");
    }
}

like($n->error_log, qr/sent a packed body that is cut off/, 'the log too');

my $half = Compress::Zlib::memGzip(join '', map {
    'data: {"choices":[{"index":0,"delta":{"content":"' . rand() . "\"}}]}\n\n"
} 1 .. 500);

$up->reset(packed('gzip', substr($half, 0, length($half) / 2),
                  'text/event-stream', 100));
ask(stream => \1);
ok($res->{complete}, 'a stream that is cut: a whole body');
like($res->{body}, qr/\n\ndata: \{"error"[^\n]*\n\n\z/s,
     'that ends with an error');
unlike($res->{body}, qr/[^\x20-\x7e\n]/, 'in plain text, all of it');
came('in the books', qr/^200 \d+ [1-9]\d* \[-\]$/);

# what is packed is looked at before a byte goes out, as anything else

my $gz = \&Compress::Zlib::memGzip;
my $fine = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           . 'Content-Length: ' . length($json) . "\r\n\r\n$json";

for (['an error object', packed('gzip', $gz->('{"error":{"message":"no"}}'),
                                'application/json')],
     ['the same, in pieces', packed('gzip', $gz->('{"error":{"message":"no"}}'),
                                    'application/json', 3)],
     ['a page', packed('deflate', deflate('<html>no</html>', MAX_WBITS),
                       'text/html')],
     ['an error as first event',
      packed('gzip', $gz->("data: {\"error\":{\"message\":\"no\"}}\n\n"),
             'text/event-stream')],
     ['what is cut', packed('gzip', substr($gz->($json), 0, 60),
                            'application/json')],
     ['nothing', packed('gzip', '', 'application/json')])
{
    my ($what, $answer) = @$_;

    $up->reset($answer);
    $second->reset($fine);
    ask(model => 'either');
    is($res->{body}, $json, "$what: the next target is asked");
}

$up->reset(packed('gzip', $gz->($stream), 'text/plain', 20));
ask(stream => \1);
is($res->{body}, $stream, 'a stream that says it is text');
came('is read', qr/^200 11 7 \[-\]$/);

$up->reset({ raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n"
                    . "Content-Encoding: gzip\r\n\r\n" . $gz->($json),
             close => 1 });
ask();
is($res->{body}, $json, 'until the end of the connection');
came('its usage', qr/^200 11 7 \[-\]$/);

# what nobody here can unpack is no answer

for my $encoding ('br', 'zstd', 'gzip, gzip', 'compress') {
    for my $type ('application/json', 'text/event-stream') {
        my @stream = $type =~ /event/ ? (stream => \1) : ();

        $up->reset(packed($encoding, "\x0b\x02\x80" . 'x' x 90, $type));
        ask(@stream);
        is($res->{status}, 502, "$encoding of $type: no answer");
        like($res->{body}, qr/^\{"error":/, 'in the dialect');
        ok(!$res->{headers}{'content-encoding'}, 'in plain');

        $up->reset(packed($encoding, "\x0b\x02\x80" . 'x' x 90, $type));
        $second->reset($type =~ /event/ ? framed($stream)
                       : "HTTP/1.1 200 OK\r\nContent-Type: $type\r\n"
                         . 'Content-Length: ' . length($json)
                         . "\r\n\r\n$json");
        ask(model => 'either', @stream);
        like($res->{body}, qr/hello/, 'the next target is asked');
    }
}

# a bomb: 64 MB of comments and of text are a few KB; others are served in
# between, all of it arrives, and it is not kept

sub bomb {
    my ($line, $times, $tail) = @_;
    my ($z) = deflateInit(-WindowBits => 31, -Level => 9);
    my $out = '';
    my $block = $line x 4096;

    for (1 .. $times / 4096) {
        my ($more) = $z->deflate($block);
        $out .= $more;
    }

    for my $more (($z->deflate($tail))[0], ($z->flush)[0]) {
        $out .= $more;
    }

    return $out;
}

my $times = (soma_slow() ? 1 : 8) * 1024 * 1024;
my $bomb = bomb(": c\n\n", $times, $stream);
my $lines = ": c\n\n";
my $rss = rss();

$up->reset({ raw => packed('gzip', $bomb, 'text/event-stream') });
my $open = soma_open($n->port, 'POST', '/v1/chat/completions',
                     soma_to_json({ model => 'm', messages => [],
                                    stream => \1 }),
                     Authorization => 'Bearer sk-alice', 'X-Name' => 'bomb');

# its client does not read yet: no more is unpacked than it would take

ok(soma_wait($ENOUGH, sub { () = $up->requests }), 'a bomb has come');

for (1 .. 20) {
    is($n->get('/alive')->{status}, 204, 'others are served') or last;
}

cmp_ok(rss() - $rss, '<', 20_000, 'it is not kept in memory');

my $got = $open->finish_response;
ok($got->{complete}, 'its client gets it whole');
is(length $got->{body}, length($lines) * $times + length $stream,
   'to the last byte');
is(substr($got->{body}, -length $stream), $stream, 'and what is behind it');
cmp_ok(rss() - $rss, '<', 20_000, 'nor was it kept while it went out');

# a client that leaves in the middle of one

$up->reset({ raw => packed('gzip', $bomb, 'text/event-stream') });
$open = soma_open($n->port, 'POST', '/v1/chat/completions',
                  soma_to_json({ model => 'm', messages => [],
                                 stream => \1 }),
                  Authorization => 'Bearer sk-alice', 'X-Name' => 'gone');
ok(soma_wait($ENOUGH, sub { () = $up->requests }), 'another');
undef $open;
$name = 'gone';
came('a client that leaves', qr/./);

ok($n->quit, 'quit');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad in the log');

done_testing();


sub rss {
    my $sum = 0;

    for my $pid ($n->workers) {
        my ($kb) = Soma::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
        $sum += $kb || 0;
    }

    return $sum;
}
