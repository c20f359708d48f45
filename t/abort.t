# Clients that leave: the provider is cancelled or heard out, and either way
# the request is settled and what it held is given back.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [soma_sse('[DONE]')]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        timeout connect=1s first_token=10s idle=10s;
    }
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { limit concurrency 1; limit tokens 100000/day; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    log_format soma '\$status \$soma_input_tokens \$soma_output_tokens '
                    '\$soma_error \$http_x_name';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; soma_on_abort cancel; }
    location /drain/v1/ { soma_pass; soma_on_abort drain; }
END2

my @alice = (Authorization => 'Bearer sk-alice');
my $id = 0;
my $name;

sub start {
    my ($uri, $body, @more) = @_;

    $name = 'n' . $id++;

    return $n->open('POST', $uri, $body // '{"model":"m","stream":true,'
                    . '"max_tokens":5}', @alice, 'X-Name' => $name);
}

# sends a request and leaves without waiting for the answer's head
sub blind {
    my ($uri, $body) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;

    $name = 'n' . $id++;
    print $s "POST $uri HTTP/1.1\r\nHost: h\r\nX-Name: $name\r\n"
             . "Authorization: Bearer sk-alice\r\nContent-Length: "
             . length($body) . "\r\n\r\n$body";
    sleep 0.3;
    close $s;
}

sub logged {
    my ($what, $text, $wait) = @_;
    my $log;

    ok(soma_wait($wait // 3, sub {
        $log = Soma::slurp($n->dir . '/logs/soma.log');
        $log =~ /^$what $name$/m
    }), $text) or diag $log =~ s/.*\n(?=.*\n.*\n)//sr;
}

sub free {
    my ($text) = @_;

    ok(soma_wait(2, sub {
        $n->post('/v1/chat/completions', '{"model":"m","max_tokens":200000}',
                 @alice)->{body} =~ /"limit \\"tokens/
    }), "$text: its place is free again");
}

sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $stop = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $usage = '{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}';
my $first = soma_sse(chunk('half'), chunk('way')) =~ s/0\r\n\r\n$//r;
my $whole = soma_sse(chunk('half'), chunk('way'), $stop, $usage, '[DONE]');

# cancel: in the middle of a stream

$up->reset({ raw => $first, hang => 8 });
my $s = start('/v1/chat/completions');
like($s->event, qr/half/, 'a stream has begun');
my $t = time;
$s->close;
ok(soma_wait(1, sub { $up->closed }), 'the client leaves: the provider is '
   . 'cancelled within a second');
logged('\d+ \d+ 2 \S+', 'what was streamed is counted');
free('cancelled');

# cancel: before the first byte

$up->reset({ raw => $whole, wait => 0.1, hang => 8 });
$up->reset(sub { { raw => '', hang => 8 } });
blind('/v1/chat/completions', '{"model":"m","stream":true,"max_tokens":5}');
ok(soma_wait(1, sub { $up->closed }), 'before the answer: cancelled too');
logged('499 [1-9]\d* 5 \S+', 'what was reserved is booked');
free('cancelled early');

# cancel: a plain answer

blind('/v1/chat/completions', '{"model":"m","max_tokens":5}');
logged('499 [1-9]\d* 5 \S+', 'a plain request: what was reserved is booked');
free('a plain one');

# cancel: while a name of the queue is still sending its body

{
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;
    print $c "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n"
             . "Authorization: Bearer sk-alice\r\nContent-Length: 100\r\n\r\n"
             . '{"model"';
    sleep 0.1;
    close $c;
    free('half a body');
}

# drain: the provider is heard out

$up->reset({ raw => $whole, piece => 90, delay => 0.2 });
$s = start('/drain/v1/chat/completions');
like($s->event, qr/half/, 'drain: a stream has begun');
$s->close;
logged('\d+ 11 7 \S+', 'drain: the usage is learned', 5);
is($up->closed, 0, 'drain: the provider was not cut off');
free('drained');

$up->reset({ raw => $whole, wait => 1 });
blind('/drain/v1/chat/completions',
      '{"model":"m","stream":true,"max_tokens":5}');
logged('\d+ 11 7 \S+', 'drain: before the first byte', 5);
free('drained early');

$up->reset({ raw => soma_response(200, '{"choices":[],"usage":{'
             . '"prompt_tokens":11,"completion_tokens":7}}'), wait => 1 });
blind('/drain/v1/chat/completions', '{"model":"m","max_tokens":5}');
logged('\d+ 11 7 \S+', 'drain: a plain answer', 5);
free('a drained plain one');

# drain: much more than all buffers hold, and the client has gone; little of it
# is text, for that is not to pass its bound

my $padded = '{"padding":"' . 'w' x 1000 . '",' . substr chunk('w'), 1;
my $much = soma_sse(($padded) x 3000, $stop, $usage, '[DONE]');
$up->reset({ raw => $much, piece => 60000, delay => 0.01 });
$s = start('/drain/v1/chat/completions');
$s->event;
my $before = $n->memory;
$s->close;
logged('\d+ 11 7 \S+', 'drain: a long stream', 8);
cmp_ok($n->memory - $before, '<', 2000, 'drain: into no memory')
    unless soma_slow();
free('a drained long one');

# drain: a client that stays sees no difference

$up->reset($whole);
my $res = $n->post('/drain/v1/chat/completions', '{"model":"m","stream":true,'
                   . '"max_tokens":5}', @alice);
like($res->{body}, qr/half.*way.*"stop".*\[DONE\]\n\n$/s, 'drain: unnoticed');

# a hundred that leave at odd moments

$up->reset({ raw => $whole, piece => 7, delay => 0.002 });

for (1 .. 40) {
    $s = start($_ % 2 ? '/v1/chat/completions' : '/drain/v1/chat/completions');
    select undef, undef, undef, rand 0.03;
    $s->close;
}

free('forty that left');

ok($n->quit, 'the worker ends: nothing is left hanging');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
