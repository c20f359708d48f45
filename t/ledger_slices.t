# A round of many records of many tenants goes to Redis a slice at a time,
# between others' events, also when the connection ends in its midst.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'many requests' if $ENV{SOMA_VALGRIND};

my @tenants = map { "t$_" } 1 .. 8;
my $EACH = 200;             # 8 of them are three slices

my $redis = soma_redis();
my $proxy = soma_redis_proxy($redis);
my $ledger = soma_dir('ledger');
my $keys = join '', map {
    "soma_tenant $_ { }\n"
    . 'soma_key sha256:' . soma_sha256("k-$_") . " tenant=$_ user=u;\n"
} @tenants;

$proxy->rule(refuse => 1);

my $n = soma_nginx(http => 'soma_zone 8m;
        soma_redis ' . $proxy->url . " timeout=20s;
        soma_ledger $ledger; soma_training_lock off;
        soma_provider local { dialect echo; }
        soma_model echo provider=local input=1 output=1;
        $keys soma_key sha256:" . soma_sha256('k') . ' tenant=t1 user=a
            capabilities=admin;',
    server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');

sub health { soma_json($n->get('/soma/health', 'x-api-key' => 'k')->{body}) }

sub shipped {
    my %n = map { $_ => $redis->cmd('XLEN', "soma:{$_}:events") } @tenants;

    return \%n;
}

sub requests { soma_echoes($n->port, "k-$_[0]", $EACH) }

sub settled {
    my ($times, $what) = @_;
    my %all = map { $_ => $times * $EACH } @tenants;

    ok(soma_wait(20, sub { health()->{ledger}{pending} == 0 }),
       "$what: all is there") or diag explain health()->{ledger};
    is_deeply(shipped(), \%all, "$what: each once");
}

# they wait, and go in one round

is(requests($_), $EACH, "requests of $_") for @tenants;
is(health()->{ledger}{pending}, @tenants * $EACH, 'records that wait');
$proxy->rule;
settled(1, 'a round');

# the same, and one of its batches is never answered

$proxy->rule(refuse => 1);
$redis->cmd('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
ok(soma_wait(20, sub { !health()->{redis}{up} }), 'the connection ends');
is(requests($_), $EACH, "requests of $_") for @tenants;
$proxy->rule(match => 'EVALSHA.*\}:events', cut => 0, times => 1);
settled(2, 'a round that is cut');

$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad logged');
done_testing();
