# The ledger: what was answered is in Redis, once, whatever happens on the way.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $KEY = 'sk-ledger';
my $HASH = soma_sha256($KEY);
my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one two"}]}';

my $redis = soma_redis();
my $dir = soma_dir('ledger');

my $http = "soma_zone 8m;
    soma_redis " . $redis->url . " timeout=500ms;
    soma_ledger $dir segment=256k keep=1h;
    soma_provider local { dialect echo; }
    soma_model echo provider=local input=0.15 output=0.60;
    soma_tenant acme { }
    soma_tenant other { }
    soma_key sha256:$HASH tenant=acme user=alice;
    soma_key sha256:" . soma_sha256('sk-other') . " tenant=other user=bob;";

my $nginx = soma_nginx(workers => 2, http => $http,
    server => 'location /v1/ { soma_pass; }');

my %answered = (acme => 0, other => 0);
my %tokens = (acme => 0, other => 0);


sub ask {
    my ($n, $tenant) = @_;

    $tenant ||= 'acme';
    my $key = $tenant eq 'acme' ? $KEY : 'sk-other';

    for (1 .. $n) {
        my $res = $nginx->post('/v1/chat/completions', $BODY,
            Authorization => "Bearer $key");

        next if $res->{status} != 200 || !$res->{complete};

        my $usage = soma_json($res->{body})->{usage};
        $answered{$tenant}++;
        $tokens{$tenant} += $usage->{prompt_tokens};
    }
}


sub sums {
    my ($tenant) = @_;
    my (%sum);

    for my $key (@{ $redis->cmd('KEYS', "soma:{$tenant}:usage:*") }) {
        my $kind = $key =~ /T\d\d$/ ? 'hour' : 'day';
        my $hash = $redis->hash($key);

        for my $field (keys %$hash) {
            my ($what) = $field =~ m{/([a-z_]+)$};
            $sum{"$kind $what"} += $hash->{$field}
                if $hash->{$field} =~ /^\d+$/;
        }
    }

    $sum{events} = eval { $redis->cmd('XLEN', "soma:{$tenant}:events") };

    return \%sum;
}


# the books of Redis say what was answered, in all three places
sub balanced {
    my ($what, $seconds) = @_;

    for my $tenant (sort keys %answered) {
        next if $answered{$tenant} == 0;

        my $sum;

        soma_wait($seconds || 5, sub {
            $sum = eval { sums($tenant) } or return 0;
            return !grep { ($sum->{$_} || 0) < $answered{$tenant} }
                'events', 'day requests', 'hour requests';
        });

        is($sum->{events}, $answered{$tenant}, "$what: $tenant: events");
        is($sum->{"$_ requests"}, $answered{$tenant},
            "$what: $tenant: requests of the $_") for qw(day hour);
        is($sum->{'day input_tokens'}, $tokens{$tenant},
            "$what: $tenant: tokens");
    }
}


sub segments { return grep { /\.soma$/ } glob("$dir/*") }


ask(20);
ask(5, 'other');
balanced('plain');

my $event = $redis->cmd('XREVRANGE', 'soma:{acme}:events', '+', '-', 'COUNT',
    1)->[0][1];
my %entry = @$event;
my $record = soma_json($entry{usage});
is($record->{id}, $entry{id}, 'an entry has the id of its request');
is($record->{tenant}, 'acme', 'and the record');
like($record->{cost_nano}, qr/^[1-9]\d*$/, 'with its cost in nano-dollars');

# Redis restarts empty while nobody asks

$redis->cmd('FLUSHALL');
balanced('flushed');

$redis->cmd('SCRIPT', 'FLUSH');
ask(5);
balanced('scripts forgotten');

# Redis away

$redis->stop;
ask(30);
ask(5, 'other');
$redis->start;
balanced('stopped and started', 10);

$redis->kill;
ask(10);
$redis->start;
balanced('killed and started', 10);

$redis->pause;
ask(10);
select undef, undef, undef, 1.2;
$redis->resume;
balanced('slow', 10);

# the workers

ask(20);
$nginx->kill_worker('KILL');
ask(20);
balanced('a worker killed', 15);

ask(10);
$nginx->reload;
ask(10);
balanced('reloaded', 15);

$redis->stop;
ask(20);
$nginx->reload;
ask(10);
$nginx->kill_worker('KILL');
ask(5);
$redis->start;
balanced('reload and kill while Redis is away', 20);

$redis->cmd('FLUSHALL');
balanced('flushed, with adopted writers', 15);

# a key of the wrong type holds up its tenant only

$redis->cmd('RENAME', 'soma:{acme}:events', 'aside');
$redis->cmd('SET', 'soma:{acme}:events', 'x');
ask(10);
ask(10, 'other');

ok(soma_wait(5, sub {
    sums('other')->{events} == $answered{other};
}), 'another tenant does not wait for the one that is refused');

ok(soma_wait(5, sub { $nginx->error_log =~ /Redis refuses records/ }),
    'the log tells');

# in one step: what is shipped into a stream that is about to be replaced
# would be lost with it
$redis->cmd('RENAME', 'aside', 'soma:{acme}:events');
balanced('cured', 35);

# Redis without memory, and as a replica

$redis->cmd('CONFIG', 'SET', 'maxmemory', '1');
ask(10);
ok(soma_wait(5, sub { $nginx->error_log =~ /Redis refuses.*OOM/ }),
    'the log tells of a Redis without memory');
$redis->cmd('CONFIG', 'SET', 'maxmemory', '0');
balanced('memory again', 35);

$redis->cmd('REPLICAOF', '127.0.0.1', '1');
ask(10);
ok(soma_wait(5, sub { $nginx->error_log =~ /its role is "slave"/ }),
    'a replica is left');
$redis->cmd('REPLICAOF', 'NO', 'ONE');
balanced('a master again', 35);

# a sum that is no number: nothing of the batch is left behind

my ($day) = grep { !/T\d\d$/ }
    @{ $redis->cmd('KEYS', 'soma:{other}:usage:*') };
my $cost = $redis->cmd('HGET', $day, 'local/echo/cost_nano');
$redis->cmd('HSET', $day, 'local/echo/cost_nano', 'nonsense');
ask(5, 'other');
select undef, undef, undef, 1;
is(sums('other')->{events}, $answered{other} - 5, 'nothing was applied');
is(sums('other')->{'hour requests'}, $answered{other} - 5,
    'what was done before the fault was taken back');
$redis->cmd('HSET', $day, 'local/echo/cost_nano', $cost);
balanced('a sum cured', 35);

# a graceful exit takes what is left along

ask(10);
$nginx->quit;
is(sums('acme')->{events}, $answered{acme}, 'shipped before the exit');

$nginx->start;
ask(1);
balanced('a new start', 15);

unlike($nginx->error_log, qr/open socket|\[alert\].*soma|\[emerg\]/,
    'no alert');

$nginx->stop;

done_testing();
