# Streams over time: long ones, first tokens that are not held back, readers that
# are slow. Their bytes, whole and in pieces, and how they end, are in
# t/cases/stream.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
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
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
    server {
        listen 127.0.0.1:$slow sndbuf=32k;
        location /v1/ { soma_pass; }
    }
END
    location /v1/ { soma_pass; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub ask {
    my (%body) = @_;

    return $n->post('/v1/chat/completions',
                    soma_to_json({ model => 'm', stream => \1, %body }),
                    @alice);
}

sub chunk { qq({"id":"c","choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $stop = '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $usage = '{"id":"c","choices":[],"usage":{"prompt_tokens":11,'
            . '"completion_tokens":7,"total_tokens":18}}';
my $SHOWN = { stream_options => { include_usage => \1 } };

sub text { join '', map { "data: $_\n\n" } @_ }

sub framed {
    my ($body, $size) = @_;

    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; "
           . "charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
           . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                      $body =~ /(.{1,$size})/gs)
           . "0\r\n\r\n";
}

# a long stream, and memory

my $long = text((map { chunk("word $_ ") } 1 .. 5000), $stop, $usage, '[DONE]');
$up->reset(framed($long, 777));
my $res = ask(%$SHOWN);
ok($res->{body} eq $long, '5000 events');

my $before = $n->memory;
$res = ask(%$SHOWN) for 1 .. 3;
cmp_ok($n->memory - $before, '<', 2000, 'leave no trace') unless soma_slow();

# the first token is not held back

$up->reset(sub {
    { raw => framed(text(chunk('first'), (chunk('x')) x 3, $stop, '[DONE]'),
                    1 + length text(chunk('first'))),
      piece => 170, delay => 0.15 }
});

my $t = time;
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
$up->reset({ raw => framed($much, 8000) });
$before = $n->memory;
$s = soma_open($slow, 'POST', '/v1/chat/completions',
               '{"model":"m","stream":true,'
               . '"stream_options":{"include_usage":true}}', @alice);
sleep 1;
cmp_ok($n->memory - $before, '<', 3000, 'a slow reader costs no memory')
    unless soma_slow();
ok($s->rest eq $much, 'and gets every byte');

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
