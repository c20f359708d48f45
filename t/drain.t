# Clients that leave a provider at work: what is read on without them, how far,
# and that nothing is kept by it for ever.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaH2;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time sleep);

my $TOOL = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                : "$Soma::BUILD/soma-ledger";
my $LONG = soma_slow() ? 60 : 20;

my $up = soma_upstream(responses => ['']);
my $two = soma_upstream(name => 'two', responses => ['']);
my $ledger = soma_dir('ledger');
my $gates = soma_dir('gates');
my ($h2, $tls) = (soma_port(), soma_port());
my $tls_ok = !system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
                     . "-subj /CN=localhost -keyout $gates/t.key "
                     . "-out $gates/t.pem >/dev/null 2>&1")
             && eval { require IO::Socket::SSL; 1 };
my $tls_server = $tls_ok ? <<"END" : '';
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $gates/t.pem;
        ssl_certificate_key $gates/t.key;
        location /v1/ { soma_pass; }
    }
END

my @nginx = (http => <<"END", server => <<'END2' =~ s/%%H2%%/$h2/r);
    soma_zone 8m;
    soma_ledger $ledger;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1;
                      timeout connect=10s first_token=60s idle=60s; }
    soma_provider q { dialect openai;
                      endpoint http://127.0.0.1:@{[ $two->port ]}/v1; }
    soma_model m provider=p input=1 output=2 max_output=4096;
    soma_model q provider=q input=1 output=2;
    soma_route r { model m; model q; }
    soma_tenant acme { limit cost 1000/day; limit concurrency 1; }
    soma_tenant free { }
    soma_key sha256:@{[soma_sha256('sk-acme')]} tenant=acme user=a;
    soma_key sha256:@{[soma_sha256('sk-free')]} tenant=free user=f;
    $tls_server
END
    location /v1/ { soma_pass; }
    location /short/v1/ { soma_pass; soma_on_abort auto 1s; }
    location /drain/v1/ { soma_pass; soma_on_abort drain 1s; }
    location /long/v1/ { soma_pass; soma_on_abort drain; }
    }
    server {
        listen 127.0.0.1:%%H2%% http2;
        location /v1/ { soma_pass; }
        location /short/v1/ { soma_pass; soma_on_abort auto 1s; }
END2

my $n = soma_nginx(@nginx);
my $seen = 0;
my $gate = 0;

sub record {
    my ($name) = @_;
    my @rows;

    soma_wait($LONG, sub {
        @rows = split /\n/, `\Q$TOOL\E dump \Q$ledger\E`;
        @rows > $seen
    });

    is(@rows, ++$seen, "$name: one record");

    # of several writers the newest

    return (sort { $b->{time} <=> $a->{time} } map { soma_json($_) } @rows)[0];
}

sub request {
    my ($uri, $more, $key) = @_;
    my $body = '{"model":"m","messages":[{"role":"user","content":"hello"}]'
               . ($more // '') . '}';

    $body =~ s/"m"/"r"/ if $uri =~ s/\?r$//;

    return "POST $uri HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer sk-"
           . ($key // 'acme') . "\r\nContent-Length: " . length($body)
           . "\r\n\r\n$body";
}

# sends it, and returns when the provider has it
sub asked {
    my ($uri, $more, $key, $s) = @_;
    my $count = $up->count;

    $s //= IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $n->port) or die;
    print $s request($uri, $more, $key);
    $s->flush;
    ok(soma_wait($LONG, sub { $up->count > $count }), 'the provider has it');

    return $s;
}

# the next answer waits until the gate is opened
sub gated {
    my ($raw, $bytes) = @_;

    $gate++;
    $up->reset({ raw => $raw, gate => [$bytes // 0, "$gates/$gate"],
                 close => 1 });
}

sub open_gate { open my $fh, '>', "$gates/$gate" or die }

# counts what the log says of clients that left; waits for one more
sub lines { scalar(() = $n->error_log =~ /client has left, and/g) }

sub gone {
    my ($before) = @_;

    return soma_wait($LONG, sub { lines() > $before });
}

my $CHAT = '/v1/chat/completions';
my $usage = '"usage":{"prompt_tokens":11,"completion_tokens":7}';
my $good = soma_response(200, qq({"choices":[{"message":{"content":"hi"}}],)
                         . "$usage}");
my $large = soma_response(200, '{"choices":[{"message":{"content":"'
                          . 'x' x 300_000 . qq("}}],$usage}));

sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

# by default a plain answer under a limit of cost is heard out and billed
# exactly, however its client leaves, and holds what it holds until then

my %ways = (
    'FIN' => sub { close $_[0] },
    'RST' => sub {
        setsockopt($_[0], SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
        close $_[0];
    },
);

for my $way (sort keys %ways) {
    for (['a small answer', $good], ['a large one', $large]) {
        my ($name, $raw) = ("$way, $_->[0]", $_->[1]);
        my $lines = lines();

        gated($raw);
        $ways{$way}->(asked($CHAT));
        ok(gone($lines), "$name: it is seen that the client left");
        is($n->post($CHAT, '{"model":"m"}', Authorization => 'Bearer sk-acme')
             ->{status}, 429, "$name: it counts as a request in flight");
        is($up->closed, 0, "$name: the provider is at work");
        open_gate();

        my $r = record($name);

        is("$r->{input_tokens} $r->{output_tokens}", '11 7',
           "$name: the provider's usage");
        ok(!$r->{estimated}, "$name: nothing is estimated");
    }
}

# one that leaves in the middle of the body

gated($large, 100_000);
my $s = asked($CHAT);
sysread $s, my $some, 1000;
close $s;
open_gate();
my $r = record('in the middle');
is("$r->{input_tokens} $r->{output_tokens}", '11 7',
   'in the middle: the usage at its end is learned');

# one that has only closed its own half gets its answer

gated($good);
my $lines = lines();
$s = asked($CHAT);
shutdown $s, 1;
gone($lines);
open_gate();
like(join('', <$s>), qr/"content":"hi"/, 'half closed: the answer comes');
record('half closed');
close $s;

# HTTP/2: a stream that is reset, a connection that is closed

for my $how ('reset', 'closed') {
    my $lines = lines();

    gated($large);

    my $count = $up->count;
    my $c = h2_connect($h2);
    print $c h2_post(1, $CHAT, '{"model":"m","messages":[]}',
                     authorization => 'Bearer sk-acme');
    soma_wait($LONG, sub { $up->count > $count });
    $how eq 'reset' ? print $c h2_reset(1) : close $c;
    ok(gone($lines),
       "HTTP/2, $how: it is seen");
    open_gate();
    $r = record("HTTP/2, $how");
    is("$r->{input_tokens} $r->{output_tokens}", '11 7',
       "HTTP/2, $how: the provider's usage");
}

SKIP: {
    skip 'no TLS', 3 unless $tls_ok;

    my $lines = lines();

    gated($large);
    $s = IO::Socket::SSL->new(PeerAddr => '127.0.0.1', PeerPort => $tls,
                              SSL_verify_mode => 0) or die;
    asked($CHAT, '', 'acme', $s);
    $s->close;
    ok(gone($lines),
       'TLS: it is seen');
    open_gate();
    $r = record('TLS');
    is("$r->{input_tokens} $r->{output_tokens}", '11 7',
       "TLS: the provider's usage");
}

# without such a limit, and streams, are cancelled: what is known is booked

gated($good);
$s = asked($CHAT, ',"max_tokens":300', 'free');
close $s;
$r = record('no limit');
is("$r->{output_tokens} $r->{basis} $r->{error}",
   '300 reserved client_closed', 'no limit: cancelled, and its reservation');
ok(soma_wait($LONG, sub { $up->closed }), 'no limit: the provider is told');

my $part = soma_sse(chunk('abcd' x 25)) =~ s/0\r\n\r\n$//r;
$up->reset({ raw => $part, hang => 60 });
$s = asked($CHAT, ',"max_tokens":300,"stream":true');
sysread $s, $some, 1000;
close $s;
$r = record('a stream');
is("$r->{output_tokens} $r->{error}", '25 client_closed',
   'a stream: cancelled, and its text');

# bounds of time: the reservation, or the text

gated($good);
$s = asked("/short$CHAT", ',"max_tokens":300');
close $s;
$r = record('too late');
is("$r->{output_tokens} $r->{basis} $r->{error} $r->{status}",
   '300 reserved client_closed 499', 'too late: what was reserved');
ok(soma_wait($LONG, sub { $up->closed }), 'too late: the provider is left');

gated($large, 100_000);
$s = asked("/short$CHAT", ',"max_tokens":300');
sysread $s, $some, 1000;
close $s;
$r = record('too late in the middle');
is("$r->{output_tokens} $r->{basis} $r->{error}",
   '300 reserved client_closed', 'too late in the middle: the same');

{
    gated($good);

    my $count = $up->count;
    my $c = h2_connect($h2);
    print $c h2_post(1, "/short$CHAT", '{"model":"m","max_tokens":300}',
                     authorization => 'Bearer sk-acme');
    soma_wait($LONG, sub { $up->count > $count });
    print $c h2_reset(1);
    $r = record('too late over HTTP/2');
    is("$r->{output_tokens} $r->{basis}", '300 reserved',
       'too late over HTTP/2: the same');
    close $c;
}

$up->reset({ raw => soma_sse(map { chunk('abcd') } 1 .. 3000), piece => 60,
             delay => 0.02 });
$s = asked("/drain$CHAT", ',"max_tokens":3000,"stream":true');
sysread $s, $some, 1000;
close $s;
$r = record('a stream without end');
cmp_ok($r->{output_tokens}, '>', 1, 'a stream without end: what was read');
cmp_ok($r->{output_tokens}, '<', 3000, 'a stream without end: and not more');
is("$r->{basis} $r->{error}", 'estimated client_closed',
   'a stream without end: was counted');

# bounds of what comes

$up->reset({ raw => soma_sse(map { '{"choices":[{"index":0,"delta":{}}]}' }
                             1 .. 100_000),
             piece => 300, delay => 0.01 });
$s = asked("/long$CHAT", ',"max_tokens":300,"stream":true');
sysread $s, $some, 1000;
close $s;
$r = record('a stream of nothing');
is("$r->{output_tokens} $r->{basis} $r->{error}",
   '300 reserved client_closed', 'a stream of nothing: ends');
ok(soma_wait($LONG, sub { $up->closed }), 'a stream of nothing: is left');

SKIP: {
    skip 'takes long here', 2 if soma_slow();

    $gate++;
    $up->reset({ raw => soma_response(200, '{"choices":[{"message":'
                        . '{"content":"' . 'x' x 70_000_000 . qq("}}],$usage})),
                 gate => [0, "$gates/$gate"] });
    $lines = lines();
    $s = asked($CHAT, ',"max_tokens":300');
    close $s;
    gone($lines);
    open_gate();
    $r = record('too large');
    is("$r->{output_tokens} $r->{basis}", '300 reserved',
       'too large: what was reserved');
}

# nobody is asked for a client that has gone

$gate++;
$up->reset({ raw => soma_response(503, '{"error":{"message":"no"}}'),
             gate => [0, "$gates/$gate"] });
$lines = lines();
$s = asked("$CHAT?r");
close $s;
gone($lines);
open_gate();
$r = record('a failure without a client');
is($two->count, 0, 'a failure without a client: no other target is asked');
is($r->{cost_nano}, 0, 'a failure without a client: costs nothing');

# a reload and a graceful exit wait for it, and no longer

gated($good);
$s = asked($CHAT);
close $s;
$n->reload;
open_gate();
$r = record('a reload');
is("$r->{input_tokens} $r->{output_tokens}", '11 7', 'a reload: exact');

gated($good);
$s = asked("/short$CHAT", ',"max_tokens":300');
close $s;
ok($n->quit(soma_slow() ? 60 : 15), 'a graceful exit ends');
$r = record('a graceful exit');
is("$r->{output_tokens} $r->{basis}", '300 reserved',
   'a graceful exit: behind the time that was said');

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
