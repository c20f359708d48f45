# What can be wrong with one Redis, and what is decided then: the table of
# docs/reliability.md, a fault after the other.  After each, what was
# answered is in Redis' books, once.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'timing' if $ENV{SOMA_VALGRIND};

my $TIMEOUT = soma_slow() ? 1 : 0.5;
my $KEYS = 200;
my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my ($answered, $next) = (0, 0);

my $redis = soma_redis();

sub keys_of_redis {
    $redis->cmd('HSET', 'soma:key:' . soma_sha256("sk-$_"), 'tenant', 'acme',
                'user', 'u') for 'known', 1 .. $KEYS;
}

# before anybody listens: news of a change would come in between
keys_of_redis();

my $proxy = soma_redis_proxy($redis);
my $ledger = soma_dir('ledger');
my $nginx = soma_nginx(
    http => "soma_zone 8m; soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_tenant acme { }
        soma_redis " . $proxy->url . ' timeout=' . int(1000 * $TIMEOUT)
        . "ms; soma_ledger $ledger;",
    server => 'location /v1/ { soma_pass; }
        location /deny/ { soma_on_redis_down deny; soma_pass;
                          rewrite ^/deny(.*) $1 break; }
        location /soma/ { soma_api; }');

sub status {
    my ($key) = @_;
    my $status = $nginx->post('/v1/chat/completions', $BODY,
                              Authorization => "Bearer sk-$key")->{status};

    $answered++ if $status == 200;

    return $status;
}

# a key that nobody has asked for yet: Redis must tell
sub fresh { return status(++$next) }

sub day {
    my @t = gmtime;
    my $sum = $redis->hash(sprintf 'soma:{acme}:usage:%04d-%02d-%02d',
                           $t[5] + 1900, $t[4] + 1, $t[3]);

    return $sum->{'local/echo/requests'} // 0;
}

sub events { return $redis->cmd('XLEN', 'soma:{acme}:events') }

# the fault is over: all is as it was
sub cured {
    my ($what) = @_;

    $proxy->rule;
    ok(soma_wait(15, sub { fresh() == 200 }), "$what: keys are told again");
    ok(soma_wait(40, sub { day() >= $answered }), "$what: shipped");
    is(day(), $answered, "$what: the sums are right");
    is(events(), $answered, "$what: so are the events");
    ok(soma_wait(15, sub { status('known') == 200 }), "$what: a known key");
}

# the next batch of records runs into the rule
sub ship {
    my ($what, %rule) = @_;

    $proxy->rule(match => '^EVAL.*soma:\{acme\}:applied', %rule);
    is(status('known'), 200, "$what: a key that is known is served");
    ok(soma_wait(10, sub { $proxy->hits }), "$what: met by the ledger");
}

# a question for a key runs into the rule
sub ask {
    my ($what, $want, %rule) = @_;

    $proxy->rule(match => '^HGETALL soma:key', times => 1, %rule);

    my $began = time;

    is(fresh(), $want, "$what: met by a key: $want");
    ok(soma_wait(10, sub { $proxy->hits }), "$what: it was met");

    return time - $began;
}

ok(soma_wait(15, sub { status('known') == 200 }), 'a key of Redis');
cured('to begin with');


# slow

$proxy->rule(delay => 0.05);
is(fresh(), 200, 'slow: a key is waited for');
cured('slow');

$proxy->rule(delay => 1.5 * $TIMEOUT);
my $began = time;
is(fresh(), 503, 'too slow: a key is not waited for');
cmp_ok(time - $began, '<', 10 * $TIMEOUT, 'too slow: within the timeout');
is(status('known'), 200, 'too slow: a key that is known is served');
cured('too slow');


# refused, cut, nonsense

$proxy->rule(refuse => 1);
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
ok(soma_wait(10, sub { $proxy->hits }), 'refused: connections are');
is(fresh(), 503, 'refused: a key that nobody knows');
is(status('known'), 200, 'refused: one that is known is served');
is($nginx->post('/deny/v1/chat/completions', $BODY,
                Authorization => 'Bearer sk-' . ++$next)->{status}, 503,
   'refused: soma_on_redis_down deny');
cured('refused');

ship('cut in mid-reply', cut => 1, times => 2);
cured('cut in mid-reply');
ship('closed instead of a reply', cut => 0, times => 2);
cured('closed instead of a reply');
ask('cut in mid-reply', 503, cut => 2);
cured('cut in mid-reply');
ask('nonsense', 503, raw => "?what\r\n");
cured('nonsense');


# errors

ship('OOM', error => "OOM command not allowed when used memory > 'maxmemory'");
ok(soma_wait(5, sub { $nginx->error_log =~ /Redis refuses records.*OOM/ }),
   'OOM: the log tells');
cured('OOM');

ship('READONLY', error => "READONLY You can't write against a read only "
                          . 'replica.', times => 1);
ok(soma_wait(5, sub { $nginx->error_log =~ /is down: READONLY/ }),
   'READONLY: the connection is given up, to find the master');
cured('READONLY');

$proxy->rule(error => 'LOADING Redis is loading the dataset in memory',
             times => 6);
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
ok(soma_wait(10, sub { $nginx->error_log =~ /is down: LOADING/ }),
   'LOADING: no connection yet');
is(status('known'), 200, 'LOADING: a key that is known is served');
cured('LOADING');

ship('NOSCRIPT', match => '^EVALSHA', error => 'NOSCRIPT No matching script.',
     times => 1);
cured('NOSCRIPT');
$redis->cmd('SCRIPT', 'FLUSH');
is(status('known'), 200, 'SCRIPT FLUSH');
cured('SCRIPT FLUSH');

my $WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of '
                . 'value';
ask('WRONGTYPE', 503, error => $WRONGTYPE);
cured('WRONGTYPE');
ship('WRONGTYPE', error => $WRONGTYPE);
ok(soma_wait(5, sub { $nginx->error_log =~ /refuses records.*WRONGTYPE/ }),
   'WRONGTYPE: the log tells');
cured('WRONGTYPE');

ask('NOAUTH', 503, error => 'NOAUTH Authentication required.');
cured('NOAUTH');
ship('NOAUTH', error => 'NOAUTH Authentication required.', times => 1);
cured('NOAUTH');

# a node of a cluster, and redis:// instead of redis-cluster://
ask('MOVED', 503, error => 'MOVED 1 127.0.0.1:1');
cured('MOVED');
ship('ASK', error => 'ASK 1 127.0.0.1:1', times => 1);
cured('ASK');


# emptied

$redis->cmd('FLUSHALL');
keys_of_redis();
cured('FLUSHALL');


# a black hole: the first waits for the timeout, nobody after it

$redis->pause;
$began = time;
is(fresh(), 503, 'black hole: the first');
my $first = time - $began;
cmp_ok($first, '<', 8 * $TIMEOUT, 'black hole: waits for the timeout');

$began = time;
my @times;

for (1 .. 30) {
    my $each = time;

    fresh() if $_ & 1;
    is(status('known'), 200, 'black hole: served') unless $_ & 1;
    push @times, time - $each;
}

cmp_ok(time - $began, '<', 30 * $TIMEOUT / 3,
       'black hole: nobody waits after it');
@times = sort { $a <=> $b } @times;
diag(sprintf 'black hole: the first %.0f ms, then median %.1f ms, most '
             . '%.1f ms', 1000 * $first, 1000 * $times[15],
     1000 * $times[-1]);
$redis->resume;
cured('black hole');

$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'no alert');

done_testing();
