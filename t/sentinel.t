# Redis behind Sentinel: who is master, and who is after a failover.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'several servers, and timing' if $ENV{SOMA_VALGRIND};

# a change is heard at once; what is cached is good for 30 s
my $SOON = soma_slow() ? 15 : 3;

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my $answered = 0;

# the master asks for a user and a password, Sentinel for none
my $set = soma_sentinels(2);
my $ledger = soma_dir('ledger');
my $dead = '127.0.0.1:' . soma_port();
my $nginx = soma_nginx(workers => 2,
    http => "soma_zone 8m; soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_tenant acme { }
        soma_redis " . $set->url($dead) . " timeout=300ms;
        soma_ledger $ledger;",
    server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');

my $key = 'soma:key:' . soma_sha256('sk-one');
my ($now, $then) = ($set->master, $set->replica);

sub status {
    my $status = $nginx->post('/v1/chat/completions', $BODY,
                              Authorization => 'Bearer sk-one')->{status};

    $answered++ if $status == 200;

    return $status;
}

sub statuses {
    my ($want) = @_;

    return !grep { status() != $want } 1 .. 4;
}

sub day {
    my ($redis) = @_;
    my @t = gmtime;
    my $sum = $redis->hash(sprintf 'soma:{acme}:usage:%04d-%02d-%02d',
                           $t[5] + 1900, $t[4] + 1, $t[3]);

    return $sum->{'local/echo/requests'} // 0;
}

sub books {
    my ($redis, $what) = @_;

    soma_wait(15, sub { (eval { day($redis) } // 0) >= $answered });
    is(day($redis), $answered, $what);
}

# sentinel closes the connections of a server whose role changes
sub again {
    my ($code) = @_;

    return eval { $code->() } // $code->();
}

# a change that is heard: nobody asks Redis for what it was told
sub hears {
    my ($redis, $what) = @_;

    again(sub { $redis->cmd('DEL', $key) });
    ok(soma_wait($SOON, sub { statuses(401) }), "$what: a deleted key");
    $redis->cmd('HSET', $key, 'tenant', 'acme', 'user', 'alice');
    ok(soma_wait($SOON, sub { statuses(200) }), "$what: a new key");
}

ok(soma_wait(10, sub { status(); $nginx->error_log =~ /is up/ }),
   'the master is found, though the first sentinel is dead');
hears($now, 'master');
books($now, 'the ledger is with the master');


# a planned failover

ok($set->failover, 'a failover');
($now, $then) = ($then, $now);
ok(soma_wait(10, sub {
    (eval { $now->cmd('CLIENT', 'LIST', 'TYPE', 'pubsub') } // '')
        =~ /sub=3.*sub=3/s
}), 'listeners of the new master');
ok(soma_wait(10, sub { statuses(200) }), 'requests go on');
hears($now, 'after a failover');
books($now, 'nothing is lost, nothing is there twice');

# sentinel would do it in ten seconds
again(sub { $then->cmd('REPLICAOF', '127.0.0.1', $now->port) });
ok(soma_wait(10, sub {
    (eval { $then->cmd('INFO', 'replication') } // '')
        =~ /role:slave.*link_status:up/s
}), 'the old one is a replica');


# the replica is behind: it gets no more data, then its master dies

$then->pause;
again(sub { $now->cmd('CLIENT', 'KILL', 'TYPE', 'replica') });
statuses(200) for 1 .. 3;
books($now, 'what the replica does not have');
$now->kill;
$then->resume;

ok($set->failover(sub { }), 'the replica is made master');
($now, $then) = ($then, $now);
ok(soma_wait(15, sub { statuses(200) }), 'requests go on');
ok(soma_wait(10, sub { $nginx->error_log =~ /Redis has lost records/ }),
   'that writes were lost is found');
books($now, 'the tail was sent again');
hears($now, 'after a crash');

# a Sentinel that is gone

$set->sentinel(0)->kill;
hears($now, 'without a sentinel');

$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'no alert');

done_testing();
