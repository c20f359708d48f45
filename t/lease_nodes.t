# Limits of three nodes together, with Redis behind Sentinel and as a cluster;
# and over a failover, and while a slot moves.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'several servers, and load' if $ENV{SOMA_VALGRIND};

my $LIMIT = 120;
my $EACH = 20;          # requests of a child at once
my $BODY = '{"model":"m","max_tokens":1,"messages":[{"role":"user",'
           . '"content":"one"}]}';
my @TENANTS = qw(ta tb tc);

sub http {
    my ($name, $redis) = @_;
    my $ledger = soma_dir("ledger-$name");

    return "soma_zone 4m; soma_redis $redis timeout=1s;
        soma_ledger $ledger; soma_on_redis_down deny;
        soma_provider e { dialect echo; }
        soma_model m provider=e input=0 output=2000;"
        . join '', map {
            "soma_tenant $_ { limit requests $LIMIT/day; }
             soma_key sha256:" . soma_sha256("sk-$_") . " tenant=$_ user=u;"
        } @TENANTS;
}

sub nodes {
    my ($kind, $url) = @_;

    return map {
        soma_nginx(name => "$kind$_", http => http("$kind$_", $url),
                   server => 'location /v1/ { soma_pass; }')
    } 1 .. 3;
}

# a child for each node, all at once: how many passed
sub wave {
    my ($tenant, @n) = @_;
    my ($passed, @pipes, @pids) = (0);

    for my $node (@n) {
        pipe my $r, my $w or die;
        my $pid = fork // die;

        if ($pid == 0) {
            my $ok = grep {
                $node->post('/v1/chat/completions', $BODY,
                            Authorization => "Bearer sk-$tenant")->{status}
                    == 200
            } 1 .. $EACH;

            syswrite $w, $ok;
            POSIX::_exit(0);
        }

        close $w;
        push @pipes, $r;
        push @pids, $pid;
    }

    for my $r (@pipes) {
        $passed += do { local $/; <$r> } || 0;
    }

    waitpid $_, 0 for @pids;

    return $passed;
}

# what passes until nothing does any more; CODE runs after the second wave
sub spend {
    my ($what, $tenant, $n, $code) = @_;
    my ($passed, $waves) = (0, 0);

    soma_wait($code ? 5 : 30, sub {
        $passed += wave($tenant, @$n);
        $code->() if ++$waves == 2 && $code;
        return $waves > 2 && $passed >= $LIMIT;
    });

    # some more: are they kept out?
    $passed += wave($tenant, @$n);
    cmp_ok($passed, '<=', $LIMIT, "$what: $tenant: no more than is allowed");

    # a slice whose answer was lost waits for its end
    cmp_ok($passed, '>=', $code ? 1 : 0.98 * $LIMIT,
           "$what: $tenant: as many as are allowed");
    note("$what: $passed of $LIMIT");
}


my $set = soma_sentinels(1);
my @n = nodes('sentinel', $set->url);

spend('sentinel', 'ta', \@n);
spend('a failover', 'tb', \@n, sub { $set->failover });
$_->stop for @n;

my $cluster = soma_cluster(3);

@n = nodes('cluster', $cluster->url(0, 1));
spend('cluster', $_, \@n) for @TENANTS[0, 1];

my $key = 'soma:{tc}:events';
my $from = $cluster->owner($key);

spend('a slot that moves', 'tc', \@n, sub {
    $cluster->move($cluster->slot($key), $from, ($from + 1) % 3);
});

for my $node (@n) {
    $node->quit;
    unlike($node->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
           'no alert');
}

done_testing();
