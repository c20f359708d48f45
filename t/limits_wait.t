# What does not fit only because of what others hold in flight waits in order
# for them to settle: nobody is refused whom the limit can pay.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

my $SLOW = soma_slow() ? 10 : 1;
# of so many tokens of an answer
sub usd { sprintf '%.6f', $_[0] * 0.000002 }

my $ANSWER = soma_response(200, '{"choices":[],"usage":{"prompt_tokens":0,'
                                . '"completion_tokens":1,"total_tokens":1}}');
my $gate = "$Soma::DIR/gate";
my $up = soma_upstream(responses => [{ raw => $ANSWER, wait => 0.1 }]);
my $redis = soma_redis();

# each asks for two tokens and uses one: half of the crowd fits at first
my %limits = (
    cost => 'limit cost ' . usd(50) . '/day;',
    tokens => 'limit tokens 1000/month;',
    rate => 'limit cost ' . usd(50) . '/hour;',
    two => 'limit cost ' . usd(20) . '/day;
            limit tokens 1000/ever per=user;',
    conc => 'limit concurrency 10;',
    line => 'limit concurrency 1;',
    gone => 'limit concurrency 1;',
    spent => 'limit cost ' . usd(3) . '/day;',
    killed => 'limit concurrency 1;',
    open => 'limit cost ' . usd(20) . '/day;',
);

sub http {
    my ($more) = @_;

    return <<"END";
    soma_zone 8m;
    $more
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
    }
    soma_model m provider=p input=0 output=2;
    soma_limit_wait @{[ 5 * $SLOW ]}s;
    @{[ join "\n", map { "soma_tenant $_ { $limits{$_} }
        soma_key sha256:@{[ soma_sha256($_) ]} tenant=$_ user=u;" }
        sort keys %limits ]}
END
}

my $SERVER = 'location /v1/ { soma_pass; }
              location /now/v1/ { soma_pass; soma_limit_wait 0; }
              location /short/v1/ { soma_pass; soma_limit_wait 300ms; }
              location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }';

my $n = soma_nginx(workers => 2, http => http(''), server => $SERVER);

sub request {
    my ($key, $where, $max) = @_;
    my $json = $key =~ /^open/
        ? '{"model":"m","prompt":"x"}'
        : $key =~ /^(?:tokens|two)$/
        ? '{"model":"m","max_tokens":1,"prompt":[' . join(',', (1) x 19) . ']}'
        : '{"model":"m","max_tokens":' . ($max // 2) . ',"prompt":"x"}';

    return "POST ${\($where // '')}/v1/completions HTTP/1.1\r\nHost: x\r\n"
           . "Authorization: Bearer $key\r\nContent-Type: application/json\r\n"
           . "Connection: close\r\nContent-Length: " . length($json)
           . "\r\n\r\n$json";
}

sub begin {
    my ($node, @args) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $node->port) or die;

    print $s request(@args);

    return $s;
}

sub status {
    my ($s) = @_;
    my $text = do { local $/; <$s> } // '';

    return $text =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

# all at once: how many of each status
sub crowd {
    my ($nodes, $count, @args) = @_;
    my @s = map { begin($nodes->[$_ % @$nodes], @args) } 1 .. $count;
    my %c;

    $c{status($_)}++ for @s;

    return \%c;
}

sub waiting {
    my ($node) = @_;

    return $node->get('/metrics')->{body} =~ /^soma_limit_waiting (\d+)/m
           ? $1 : -1;
}

# budgets that fit 50

for (qw(cost rate)) {
    my $c = crowd([$n], 200, $_);
    cmp_ok($c->{200} // 0, '>=', 49, "$_: 49 of 50 at least end well");
    cmp_ok($c->{200} // 0, '<=', 50, "$_: and none beyond what there is");
    is(($c->{200} // 0) + ($c->{429} // 0), 200, 'the others are refused');
}

my $c = crowd([$n], 200, 'two');
cmp_ok($c->{200} // 0, '>=', 19, 'two limits: 19 of the 20 that fit both');
cmp_ok($c->{200} // 0, '<=', 20, 'two limits: no more');

# 1,000 tokens, 20 reserved and 1 used of each
$c = crowd([$n], 200, 'tokens');
is($c->{200}, 200, 'tokens: all of them end well, in turns');

# answers without a bound, which take what there is, and end in a refusal
$c = crowd([$n], 60, 'open');
is(($c->{200} // 0) + ($c->{429} // 0), 60, 'without a bound: all are answered');
cmp_ok($c->{200} // 0, '>', 1, 'one behind the other');

is(crowd([$n], 60, 'conc')->{200}, 60, 'concurrency: slots are waited for');
is(waiting($n), 0, 'nobody waits any more');

# what is spent is not waited for

is(status(begin($n, 'spent')), 200, 'one of three');
my $t = time;
is(status(begin($n, 'spent', '', 3)), 429, 'three of the two that are left');
cmp_ok(time - $t, '<', 3 * $SLOW, 'are refused at once');

# in order, whichever worker has them; and who may not wait does not

$up->reset({ raw => $ANSWER, gate => [0, $gate] },
           { raw => $ANSWER, wait => 0.05 });
my $held = begin($n, 'line');
ok(soma_wait(20, sub { $up->count == 1 }), 'one holds the only slot');

my @line;
for my $i (1 .. 8) {
    push @line, begin($n, 'line', '', $i);
    ok(soma_wait(20, sub { waiting($n) == $i }), "$i in line");
}

is(status(begin($n, 'line', '/now')), 429, 'soma_limit_wait 0: at once');
$t = time;
is(status(begin($n, 'line', '/short')), 429, 'soma_limit_wait 300ms: after it');
cmp_ok(time - $t, '>=', 0.3, 'not before');
is(waiting($n), 8, 'it left the line');

# clients that leave, from the middle of it
for (splice @line, 2, 2) {
    setsockopt $_, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $_;
}

ok(soma_wait(20, sub { waiting($n) == 6 }), 'who leaves is dropped');

open my $fh, '>', $gate or die;
close $fh;
is(status($held), 200, 'the slot comes free');
is(status($_), 200, 'and the next one has it') for @line;
is_deeply([map { $_->{body} =~ /"max_tokens":(\d)/ ? $1 : '' } $up->requests],
          [2, 1, 2, 5 .. 8], 'first come, first served');
is(waiting($n), 0, 'the line is empty');

# a worker that is killed takes its waiters along

unlink $gate;
$up->reset({ raw => $ANSWER, gate => [0, $gate] }, { raw => $ANSWER });
begin($n, 'killed');
$held = begin($n, 'killed');
my @lost = map { begin($n, 'killed') } 1 .. 6;
ok(soma_wait(20, sub { waiting($n) > 5 }), 'some wait');
kill KILL => $_ for split ' ', `pgrep -P @{[ $n->pid ]}`;
status($_) for @lost;
ok(soma_wait(20 * $SLOW, sub { waiting($n) == 0 }), 'killed ones do not');
ok(soma_wait(20 * $SLOW, sub { status(begin($n, 'killed')) == 200 }),
   'and nobody is kept out by them');

# a reload and an exit with requests that wait

$up->reset({ raw => $ANSWER, wait => 0.3 });
my @s = map { begin($n, 'conc') } 1 .. 30;
ok(soma_wait(20, sub { waiting($n) > 0 }), 'some wait');
ok($n->reload, 'over a reload');
is(scalar(grep { status($_) == 200 } @s), 30, 'all of them are served');
@s = map { begin($n, 'conc') } 1 .. 20;
ok(soma_wait(20, sub { waiting($n) > 0 }), 'some wait');
ok($n->quit, 'over the end');
is(scalar(grep { status($_) == 200 } @s), 20, 'all of them are served');

# two nodes

$up->reset({ raw => $ANSWER, wait => 0.1 });
my @nodes = map {
    soma_nginx(name => "r$_", workers => 2, server => $SERVER,
               http => http('soma_redis ' . $redis->url . ' timeout=1s;'))
} 1 .. 2;

for (qw(cost)) {
    $c = crowd(\@nodes, 200, $_);
    cmp_ok($c->{200} // 0, '>=', 49, "$_: 49 of 50 over two nodes");
    cmp_ok($c->{200} // 0, '<=', 50, "$_: and none beyond what there is");
}

is(crowd(\@nodes, 60, 'conc')->{200}, 60, 'concurrency over two nodes');
$c = crowd(\@nodes, 60, 'open');
is(($c->{200} // 0) + ($c->{429} // 0), 60, 'without a bound: all are answered');

for ($n, @nodes) {
    unlike($_->error_log, qr/\[(?:crit|emerg|alert)\](?!.*signal 9)/,
           'nothing bad in the log');
}

done_testing();
