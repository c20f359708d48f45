# The first moments of a worker: who comes before Redis was heard of waits
# for its first word, and no longer than for a reply.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my $TIMEOUT = soma_slow() ? 12 : 2;
my $STARTS = soma_slow() ? 2 : 5;

sub config {
    my ($url) = @_;
    my $ledger = soma_dir('ledger');

    return (
        http => "soma_zone 8m; soma_provider local { dialect echo; }
            soma_model echo provider=local input=0.15 output=0.60;
            soma_tenant acme { limit requests 100000/day; }
            soma_redis $url timeout=${TIMEOUT}s;
            soma_ledger $ledger;
            soma_on_redis_down deny;",
        server => 'location /v1/ { soma_pass; } location = /livez { soma_api; }'
    );
}

sub learn {
    my (@redis) = @_;

    for (@redis) {
        eval {
            $_->cmd('HSET', 'soma:key:' . soma_sha256('sk-one'),
                    'tenant', 'acme', 'user', 'u');
        };
    }
}

# sent, and not waited for
sub ask {
    my ($nginx) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    print $socket "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                  . "Authorization: Bearer sk-one\r\nConnection: close\r\n"
                  . 'Content-Length: ' . length($BODY) . "\r\n\r\n$BODY";
    $socket->flush;

    return $socket;
}

sub status {
    my ($socket) = @_;
    my $line = <$socket> // '';

    return $line =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

sub answered {
    my ($socket, $seconds) = @_;
    my $bits = '';

    vec($bits, fileno $socket, 1) = 1;

    return select($bits, undef, undef, $seconds) > 0;
}

sub clean {
    my ($nginx, $what) = @_;

    unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
           "$what: no alert");
}

my $redis = soma_redis();
my $nginx = soma_nginx(config($redis->url));

learn($redis);
$nginx->quit;

# it takes its time

$redis->pause;
$nginx->start;
my @asked = map { ask($nginx) } 1 .. 3;
ok(!answered($asked[0], 0.1 * $TIMEOUT), 'Redis is silent: nobody is told');
close pop @asked;
is($nginx->get('/livez')->{status}, 200, 'whether it lives, is');
$redis->resume;
is(status($_), 200, 'it speaks: who has waited is served') for @asked;
is(status(ask($nginx)), 200, 'and who comes then');

# it never speaks

$nginx->quit;
$redis->pause;
$nginx->start;
my $start = time;
is(status(ask($nginx)), 503, 'it stays silent: the operator\'s word counts');
my $waited = time - $start;
cmp_ok($waited, '>=', 0.1 * $TIMEOUT, 'not at once');
cmp_ok($waited, '<', 2.5 * $TIMEOUT, 'after the timeout');
$start = time;
is(status(ask($nginx)), 503, 'the next one');
cmp_ok(time - $start, '<', 0.5 * $TIMEOUT, 'does not wait');
$redis->resume;
ok(soma_wait(20, sub { status(ask($nginx)) == 200 }), 'it is back');

# the worker is told to end while somebody waits

$nginx->quit;
$redis->pause;
$nginx->start;
my $last = ask($nginx);
sleep 0.05 * $TIMEOUT;
kill QUIT => $nginx->pid;
sleep 0.05 * $TIMEOUT;
$redis->resume;
is(status($last), 200, 'an end waits for who waits');
ok($nginx->quit, 'and is one');

# nobody is there

$redis->kill;
$nginx->start;
$start = time;
is(status(ask($nginx)), 503, 'Redis is not there');
cmp_ok(time - $start, '<', 0.5 * $TIMEOUT, 'that is told at once');
$nginx->quit;
clean($nginx, 'one server');

# whatever there is of Redis, a worker's first request finds it

SKIP: {
    skip 'several servers', 1 if $ENV{SOMA_VALGRIND};

    my $set = soma_sentinels(2);
    my $cluster = soma_cluster(3);
    my %url = (
        'one server' => $redis->start->url,
        Sentinel     => $set->url('127.0.0.1:' . soma_port()),
        Cluster      => $cluster->url
    );

    learn($redis, $set->master, $cluster->nodes);

    for my $what (sort keys %url) {
        $nginx = soma_nginx(config($url{$what}), name => lc $what =~ s/ //r,
                            start => 0);

        for (1 .. $STARTS) {
            $nginx->start;
            is(status(ask($nginx)), 200, "$what: the first request");
            $nginx->quit;
        }

        clean($nginx, $what);
    }
}

done_testing();
