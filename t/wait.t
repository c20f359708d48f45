# Requests wait by one door: what did not come has a line in the log that
# names it, once for each request, and the request goes on; who has left
# meanwhile is not woken.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my $TIMEOUT = soma_slow() ? 5 : 1;

my $redis = soma_redis();
my $ledger = soma_dir('ledger');

my $nginx = soma_nginx(
    http => "soma_zone 8m; soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_tenant acme { limit requests 100000/day; } soma_tenant free { }
        soma_key sha256:@{[soma_sha256('sk-here')]} tenant=acme;
        soma_key sha256:@{[soma_sha256('sk-free')]} tenant=free;
        soma_redis @{[$redis->url]} timeout=${TIMEOUT}s;
        soma_ledger $ledger;
        soma_on_redis_down deny;",
    server => 'location /v1/ { soma_pass; soma_training_lock off; }
        location /locked/ { soma_pass; soma_training_lock on; }');

# sent, and not waited for
sub ask {
    my ($key, $path) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    print $socket 'POST ' . ($path // '/v1/chat/completions')
                  . " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $key\r\n"
                  . "Connection: close\r\nContent-Length: " . length($BODY)
                  . "\r\n\r\n$BODY";
    $socket->flush;

    return $socket;
}

sub status {
    my ($socket) = @_;
    my $line = <$socket> // '';

    return $line =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

# lines of the log that say that it did not come
sub missed {
    my ($what) = @_;

    return scalar grep {
        /\[error\].*the request waited \d+ ms for \Q$what\E, which did not come/
    } split /\n/, $nginx->error_log;
}

# until Redis is heard again, and what was known of it before is forgotten
sub up {
    $redis->resume;

    return soma_wait(20, sub { status(ask('sk-here')) == 200 });
}

ok(up(), 'the gateway serves');
is(missed($_), 0, "nobody waited in vain for $_")
    for 'its key from Redis', 'its tenant from Redis', 'a lease of a limit',
        'its tenant\'s lock from Redis';

# a key that only Redis can know

$redis->pause;
my @asked = map { ask("sk-strange-$_") } 1 .. 3;
sleep 0.2 * $TIMEOUT;
close pop @asked;
is(status($_), 503, 'a key that nobody can check') for @asked;
is(missed('its key from Redis'), 2,
   'a line for each that waited for it; who has left is not woken');
ok(up(), 'Redis is back');

# a tenant that was not asked for yet

$redis->pause;
is(status(ask('sk-free')), 503, 'a tenant of whom nobody can tell');
is(missed('its tenant from Redis'), 1, 'has a line');
ok(up(), 'Redis is back');

# and the lock of one

$redis->pause;
is(status(ask('sk-free', '/locked/v1/chat/completions')), 503,
   'a lock of which nobody can tell');
is(missed('its tenant\'s lock from Redis'), 1, 'has a line');
ok(up(), 'Redis is back');

unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'nobody was woken twice, or put to sleep twice');

done_testing();
