# Redis Cluster: keys, locks and the ledger over several masters; slots that
# move, a master that dies and comes back empty, one that is new.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;
use Time::HiRes ();

plan skip_all => 'several servers, and timing' if $ENV{SOMA_VALGRIND};

# a change is heard at once; what is cached is good for 30 s
my $SOON = soma_slow() ? 15 : 3;

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my @TENANTS = map { "t$_" } 1 .. 6;
my (%answered, %key);

my $cluster = soma_cluster(3);
my $ledger = soma_dir('ledger');
my $nginx = soma_nginx(workers => 2,
    http => "soma_zone 8m; soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_redis " . $cluster->url(1) . " timeout=500ms;
        soma_ledger $ledger;
        soma_key sha256:" . soma_sha256('sk-root')
        . " tenant=t1 user=root capabilities=admin;
        soma_tenant t1 { }",
    server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');

# t1, t2 and t3 are on three masters
sub name { 'soma:key:' . soma_sha256("k7-$_[0]") }

sub status {
    my ($tenant) = @_;
    my $status = $nginx->post('/v1/chat/completions', $BODY,
        Authorization => "Bearer k7-$tenant")->{status};

    $answered{$tenant}++ if $status == 200;

    return $status;
}

# each worker asks for itself
sub statuses {
    my ($tenant, $want) = @_;

    return !grep { status($tenant) != $want } 1 .. 4;
}

# where a slot is on its way to, before it is there
my $importing;

sub look {
    my @command = @_;

    return $cluster->cmd(@command) unless $importing;

    $importing->cmd('ASKING');
    return $importing->cmd(@command);
}

sub day {
    my ($tenant) = @_;
    my @t = gmtime;
    my $today = sprintf '%04d-%02d-%02d', $t[5] + 1900, $t[4] + 1, $t[3];
    my %sum = @{ look('HGETALL', "soma:{$tenant}:usage:$today") };

    return $sum{'local/echo/requests'} // 0;
}

sub events {
    my ($tenant) = @_;

    return grep { grep { $_ eq 'usage' } @{ $_->[1] } }
           @{ look('XRANGE', "soma:{$tenant}:events", '-', '+') };
}

# everything that was answered is in Redis, once
sub books {
    my ($what, @tenants) = @_;

    for my $tenant (@tenants) {
        soma_wait(15, sub {
            (eval { day($tenant) } // 0) >= ($answered{$tenant} // 0)
        });
        is(day($tenant), $answered{$tenant} // 0, "$what: sums of $tenant");
        is(scalar(events($tenant)), $answered{$tenant} // 0,
           "$what: events of $tenant");
    }
}

sub lock {
    my ($what, $tenant) = @_;

    return $nginx->post("/v1/training/$what",
        soma_to_json({ tenant => $tenant, user => 'u' }),
        Authorization => 'Bearer sk-root');
}


# keys on all masters

for my $tenant (@TENANTS) {
    $cluster->cmd('HSET', name($tenant), 'tenant', $tenant, 'user', 'u');
}

my %owners = map { $cluster->owner(name($_)) => 1 } @TENANTS;
is(scalar(keys %owners), 3, 'the keys are on three masters');
%owners = map { $cluster->owner("soma:{$_}:events") => 1 } @TENANTS;
is(scalar(keys %owners), 3, 'and so are the tenants');

ok(soma_wait(5, sub { !grep { !statuses($_, 200) } @TENANTS }),
   'all keys are known');

for my $tenant (@TENANTS[0 .. 2]) {
    $cluster->cmd('DEL', name($tenant));
    ok(soma_wait($SOON, sub { statuses($tenant, 401) }),
       "a key that is deleted is heard of: $tenant");
    $cluster->cmd('HSET', name($tenant), 'tenant', $tenant, 'user', 'u');
    ok(soma_wait($SOON, sub { statuses($tenant, 200) }), 'and one that is set');
}

books('ledger', @TENANTS);


# locks, whose stream is in another slot

is(lock('enable', $_)->{status}, 200, "lock of $_") for @TENANTS[1 .. 5];
ok(soma_wait($SOON, sub { statuses('t3', 423) }), 'it holds');

my $locks = soma_json($nginx->get('/soma/locks',
                                  Authorization => 'Bearer sk-root')->{body});
is($locks->{source}, 'redis', 'the list is from Redis');
is(join(' ', sort map { $_->{tenant} } @{ $locks->{locks} }),
   't2 t3 t4 t5 t6', 'of all masters');

is(lock('disable', $_)->{status}, 200, "end of the lock of $_")
    for @TENANTS[1 .. 5];

for my $tenant (@TENANTS[1 .. 5]) {
    ok(soma_wait(5, sub {
        2 == grep { $_->[1][0] eq 'lock' }
             @{ $cluster->cmd('XRANGE', "soma:{$tenant}:events", '-', '+') }
    }), "both changes are in the stream of $tenant");
}

ok(soma_wait($SOON, sub { statuses('t3', 200) }), 'let in again');


# a tenant's slot moves under load, to a node that was not there

my $new = $cluster->add;
my ($first) = $cluster->nodes;

$first->cmd('CLUSTER', 'MEET', '127.0.0.1', ($cluster->nodes)[$new]->port,
            ($cluster->nodes)[$new]{bus});
ok($cluster->settled(4), 'a fourth node');

my $tenant = 't2';
my $from = $cluster->owner("soma:{$tenant}:events");

$cluster->move($cluster->slot("soma:{$tenant}:events"), $from, $new,
    each => sub { status($tenant) for 1 .. 5; Time::HiRes::sleep(0.15) },
    before_end => sub {
        status($tenant) for 1 .. 20;
        $importing = ($cluster->nodes)[$new];
        books('all keys are moved, the slot is not', $tenant);
        $importing = undef;
    });
status($tenant) for 1 .. 20;

is($cluster->owner("soma:{$tenant}:events"), $new, 'the slot has moved');
my $met = join '', map { $_->cmd('INFO', 'errorstats') } $cluster->nodes;
like($met, qr/errorstat_ASK:/, 'ASK was met');
like($met, qr/errorstat_TRYAGAIN:/, 'TRYAGAIN was met');
books('moved', $tenant);

# and a key, whose change there is heard

$from = $cluster->owner(name($tenant));
$cluster->move($cluster->slot(name($tenant)), $from, $new);
ok(soma_wait(5, sub { statuses($tenant, 200) }), 'a key moved');
Time::HiRes::sleep(2.5);
statuses($tenant, 200);
($cluster->nodes)[$new]->cmd('DEL', name($tenant));
ok(soma_wait($SOON, sub { statuses($tenant, 401) }),
   'a change on the new node is heard');
$cluster->cmd('HSET', name($tenant), 'tenant', $tenant, 'user', 'u');
ok(soma_wait($SOON, sub { statuses($tenant, 200) }), 'another one');


# a master dies: the others serve; it comes back with nothing

my $dead = $cluster->owner("soma:{t1}:events");
my @there = grep { $cluster->owner("soma:{$_}:events") == $dead } @TENANTS;
my @others = grep { my $t = $_; !grep { $_ eq $t } @there } @TENANTS;

books('before', @TENANTS);
statuses($_, 200) for @TENANTS;
($cluster->nodes)[$dead]->kill;

for my $tenant (@TENANTS) {
    is(status($tenant), 200, "$tenant is served while a master is dead");
}

books('a master is dead', @others);

# its slots are in its nodes.conf, its data are gone
($cluster->nodes)[$dead]->start;
$cluster->settled(4);
ok(soma_wait(15, sub { $nginx->error_log =~ /Redis has lost records/ }),
   'that a master lost what it had is found');
books('after it came back with nothing', @TENANTS);

$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'no alert');

done_testing();
