# A node's clock that is set, by hours and days, under requests: limits keep
# what was used, records and leases go on, nothing is paid twice.  Redis' own
# clock is in lease_script.t, files' times are in fault_journal.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(sleep time);

my ($FAKETIME) = glob '/usr/lib/*/faketime/libfaketime.so.1';
my $DAY = 86400;

plan skip_all => 'no other allocator or clock under a sanitizer or valgrind'
    if soma_slow();
plan skip_all => 'libfaketime is not there' unless $FAKETIME;

my $USAGE = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,'
            . '"total_tokens":4}}';
my $redis = soma_redis();
my $clock = soma_dir('clock') . '/offset';
my $up = soma_upstream(responses => [
    { raw => soma_sse(('{"choices":[{"index":0,"delta":{"content":"hi"}}]}')
                      x 12, $USAGE, '[DONE]'), piece => 60, delay => 0.05 }
]);


# seconds that the nodes' clocks are ahead of the machine's
sub set_clock {
    my ($offset) = @_;

    open my $fh, '>', "$clock.new" or die "$clock: $!\n";
    printf $fh "%+d\n", $offset;
    close $fh;
    rename "$clock.new", $clock or die "$clock: $!\n";
}


sub node {
    my ($name, $redis_url) = @_;
    my $ledger = soma_dir("ledger-$name");
    my $keys = join '', map {
        'soma_key sha256:' . soma_sha256("sk-$_->[0]")
        . " tenant=$_->[0] user=u;\nsoma_tenant $_->[0] { $_->[1] }\n"
    } ['free', ''], ['day', 'limit requests 8/day;'],
      ['hour', 'limit requests 8/hour;'],
      ['budget', 'limit cost 0.01/month;'];

    local $ENV{LD_PRELOAD} = $FAKETIME;
    local $ENV{FAKETIME_TIMESTAMP_FILE} = $clock;
    local $ENV{FAKETIME_NO_CACHE} = 1;
    local $ENV{FAKETIME_DONT_FAKE_MONOTONIC} = 1;
    local $ENV{NO_FAKE_STAT} = 1;

    return soma_nginx(name => $name, workers => 2,
        main => join('', map { "env $_;\n" }
                     qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE
                        FAKETIME_DONT_FAKE_MONOTONIC NO_FAKE_STAT)),
        http => 'soma_zone 4m;'
            . ($redis_url ? "soma_redis $redis_url timeout=1s;\n" : '')
            . "soma_ledger $ledger segment=256k keep=1h;
            soma_provider e { dialect echo; }
            soma_provider s { dialect openai;
                endpoint http://127.0.0.1:" . $up->port . "/v1; }
            soma_model m provider=e input=0 output=2000;
            soma_model s provider=s input=0.15 output=0.60;
            $keys",
        server => 'location /v1/ { soma_pass; }');
}


sub ask {
    my ($node, $key) = @_;

    return $node->post('/v1/chat/completions',
        '{"model":"m","max_tokens":1,"messages":'
        . '[{"role":"user","content":"one"}]}',
        Authorization => "Bearer sk-$key")->{status};
}


sub passed {
    my ($node, $key, $n) = @_;

    return scalar grep { ask($node, $key) == 200 } 1 .. $n;
}

set_clock(0);

my $shared = node('shared', $redis->url);
my $alone = node('alone');
my %asked = (free => 0);

sub free {
    my ($n, $when) = @_;

    for my $node ($shared, $alone) {
        is(passed($node, 'free', $n), $n, "$when: requests pass");
    }

    $asked{free} += $n;
}

ok(soma_wait(10, sub { ask($shared, 'day') == 200 }), 'a lease');
is(passed($shared, 'day', 12), 7, 'a day\'s limit is used up');
is(passed($alone, 'day', 12), 8, 'also without Redis');
is(passed($shared, 'budget', 12), 5, 'and a month\'s budget');
is(passed($alone, 'budget', 12), 5, 'also without Redis');
free(3, 'before');

for my $step ([-3600, 'an hour back'], [-3 * $DAY, 'three days back'],
              [0, 'and again as it was'])
{
    my ($offset, $when) = @$step;

    set_clock($offset);
    sleep 0.1;
    free(3, $when);
    is(passed($shared, 'day', 3), 0, "$when: the day stays used up");
    is(passed($shared, 'budget', 3), 0, "$when: the month does");

    # alone, a day that comes for the second time is a new one

    is(passed($alone, 'day', 3), 0, "$when: the day does without Redis")
        if $offset < 0;
}

# forward: with Redis the day is Redis', alone it is the node's

set_clock(2 * $DAY);
sleep 0.1;
free(3, 'two days on');
is(passed($shared, 'day', 3), 0, 'two days on: Redis\' day is not over');
is(passed($alone, 'day', 12), 8, 'two days on: alone it is another day');
set_clock(0);
sleep 0.1;
free(3, 'back again');
is(passed($alone, 'day', 3), 0, 'back again: which does not come twice');

# a bucket that was full does not overflow, one that is empty does not starve

is(passed($alone, 'hour', 12), 8, 'an hour\'s limit is used up');
set_clock(-7200);
sleep 0.1;
is(passed($alone, 'hour', 3), 0, 'two hours back: nothing comes of it');
set_clock(0);
sleep 0.1;
is(passed($alone, 'hour', 12), 8, 'two hours on it is full, not fuller');

# a stream over a step; times in a record are those of a clock that is not set

my $stream = $shared->open('POST', '/v1/chat/completions',
    '{"model":"s","stream":true,"messages":'
    . '[{"role":"user","content":"one"}]}',
    Authorization => 'Bearer sk-free');
ok($stream->event, 'a stream begins');
set_clock(-$DAY);
$stream->event for 1 .. 3;
set_clock($DAY);
like($stream->rest, qr/\[DONE\]/, 'it ends, two steps later');
set_clock(0);
$asked{free}++;

ok(soma_wait(20, sub {
    ($redis->cmd('XLEN', 'soma:{free}:events') // 0) == $asked{free}
}), 'all records are in Redis, once')
    or diag $redis->cmd('XLEN', 'soma:{free}:events'), " of $asked{free}";

my @late = grep { $_->{latency_ms} < 0 || $_->{latency_ms} > 60_000 }
           map { my %f = @{ $_->[1] }; soma_json($f{usage}) }
           @{ $redis->cmd('XRANGE', 'soma:{free}:events', '-', '+') };

is(scalar @late, 0, 'no request took a negative time, or a day')
    or diag explain \@late;

my $out = `'$Soma::BUILD/soma-ledger' reconcile '$Soma::DIR/ledger-shared' --redis @{[ $redis->url ]} --wait=20 2>&1`;
is($?, 0, 'the books balance') or diag $out;

for my $node ($shared, $alone) {
    $node->quit;
    unlike($node->error_log, qr/\[(?:alert|crit|emerg)\]/,
           'nothing bad logged');
}

done_testing();
