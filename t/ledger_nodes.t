# soma-ledger with a Redis of several servers: two gateways into one cluster,
# replayed through a sentinel and into an empty cluster.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'several servers' if $ENV{SOMA_VALGRIND};

my $LEDGER = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                  : "$Soma::BUILD/soma-ledger";
my @TENANTS = map { "t$_" } 1 .. 6;
my $ASKED = 4;

my $cluster = soma_cluster(3);
my @dirs = map { soma_dir("ledger$_") } 1, 2;
my $keys = join '', map {
    "soma_tenant $_ { } soma_key sha256:@{[ soma_sha256(\"sk-$_\") ]} tenant=$_ user=a;"
} @TENANTS;

my @nginx = map {
    soma_nginx(workers => 1, name => "node$_",
        http => "soma_zone 8m; soma_provider local { dialect echo; }
            soma_model echo provider=local input=0.15 output=0.60;
            soma_redis @{[ $cluster->url(0) ]} timeout=2s;
            soma_ledger $dirs[$_] segment=256k; $keys",
        server => 'location /v1/ { soma_pass; }')
} 0, 1;


sub ledger {
    my $command = join ' ', map { quotemeta } $LEDGER, @_;
    my $out = `$command 2>&1`;

    return ($out, $? >> 8);
}


sub balanced {
    my ($name, $url, $only, @dirs) = @_;
    my ($out, $status) = ledger('reconcile', @dirs, '--redis', $url,
                                '--wait=30');

    is($status, 0, "$name: the books balance") or diag($out);
    like($out, qr/^only in Redis +$only /m, "$name: records of other nodes");
}


my $failed = 0;

for my $tenant (@TENANTS) {
    for my $node (@nginx) {
        $failed += $node->post('/v1/chat/completions',
            '{"model":"echo","messages":[{"role":"user","content":"one"}]}',
            Authorization => "Bearer sk-$tenant")->{status} != 200
            for 1 .. $ASKED;
    }
}

is($failed, 0, 'two gateways, six tenants');
balanced('both journals', $cluster->url(0), 0, @dirs);
balanced('one of them', $cluster->url(1), @TENANTS * $ASKED, $dirs[0]);

my %owner = map { $_ => $cluster->owner("soma:{$_}:events") } @TENANTS;

is(scalar(keys %{ { reverse %owner } }), 3, 'on three masters');

# one tenant's sum is falsified

$cluster->cmd('HINCRBY', "soma:{t3}:usage:" .
              POSIX::strftime('%Y-%m-%d', gmtime), 'local/echo/cost_nano', 7);

my ($out, $status) = ledger('reconcile', @dirs, '--redis', $cluster->url(2));

is($status, 1, 'seven nano-USD too many');
like($out, qr{^tenant t3 \S+ local/echo cost_nano: .*: difference 7$}m,
    'are found');

$_->quit for @nginx;

# all of it into other servers, which are empty

my $s = soma_sentinels(1);

($out, $status) = ledger('replay', @dirs, '--redis', $s->url);
is($status, 0, 'replayed through a sentinel') or diag($out);
like($out, qr/^sent +@{[ 2 * @TENANTS * $ASKED ]}$/m, 'all records');
balanced('there', $s->url, 0, @dirs);

# a sentinel with a password, and Redis with another

$s->{sentinels}[0]->cmd('ACL', 'SETUSER', 'default', 'resetpass', '>guard');
$s->{$_}->cmd('ACL', 'SETUSER', 'default', 'resetpass', '>treasure')
    for qw(master replica);

{
    local $ENV{SOMA_REDIS_PASSWORD} = 'treasure';

    ($out, $status) = ledger('reconcile', @dirs, '--redis', $s->url);
    isnt($status, 0, 'the sentinel wants its own password');
    like($out, qr/NOAUTH/, 'and says so');
    unlike($out, qr/treasure/, 'no password is told');

    local $ENV{SOMA_REDIS_SENTINEL_PASSWORD} = 'guard';

    ($out, $status) = ledger('reconcile', @dirs, '--redis', $s->url);
    is($status, 0, 'passwords of both') or diag($out);
}

$_->cmd('FLUSHALL') for $cluster->nodes;
($out, $status) = ledger('replay', @dirs, '--redis', $cluster->url(1));
is($status, 0, 'replayed into a cluster') or diag($out);
like($out, qr/^sent +@{[ 2 * @TENANTS * $ASKED ]}$/m, 'all records');
balanced('there', $cluster->url(2), 0, @dirs);

done_testing();
