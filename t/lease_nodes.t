# Limits of three nodes together, with Redis behind Sentinel and as a cluster;
# and over a failover, and while a slot moves.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Storm;
use Test::More;

plan skip_all => 'several servers, and load' if $ENV{SOMA_VALGRIND};

my $LIMIT = 120;
my $EACH = 20;          # requests of a child at once
my $BODY = '{"model":"m","max_tokens":1,"messages":[{"role":"user",'
           . '"content":"one"}]}';
my @TENANTS = qw(ta tb tc);

# of each amount twice what may be, at once over all nodes
my $COUNT = 1000;
my $HALF = $COUNT / 2;
my %LIMIT = (
    cost        => $HALF * $Storm::COST / 1e9 . '/day',
    requests    => "$HALF/day per=user",
    tokens      => $HALF * $Storm::TOKENS . '/month',
    concurrency => '7',
);
my $up = storm_upstream();

sub http {
    my ($name, $redis) = @_;
    my $ledger = soma_dir("ledger-$name");

    return "soma_zone 4m; soma_redis $redis timeout=1s;
        soma_ledger $ledger; soma_on_redis_down deny;
        soma_training_lock off;"
        . storm_conf($up->port)
        . join('', map { tenant($_, "requests $LIMIT/day") } @TENANTS)
        . join('', map { tenant($_, "$_ $LIMIT{$_}") } keys %LIMIT);
}

sub tenant {
    my ($name, $limit) = @_;

    return "soma_tenant $name { limit $limit; }
            soma_key sha256:" . soma_sha256("sk-$name")
           . " tenant=$name user=u;\n";
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


# the limits' four amounts, each at once, and once: nobody comes back for
# what is left
sub storms {
    my ($what, @n) = @_;

    for my $amount (sort keys %LIMIT) {
        my $c = storm(\@n, "sk-$amount", $COUNT, $amount);
        my $limit = { cost => $HALF * $Storm::COST, requests => $HALF,
                      tokens => $HALF * $Storm::TOKENS,
                      concurrency => 7 }->{$amount};
        my $got = { cost => $c->{cost}, requests => $c->{200},
                    tokens => $c->{tokens},
                    concurrency => storm_most() }->{$amount};

        is(($c->{200} // 0) + ($c->{429} // 0), $COUNT,
           "$what: $amount: let in, or told of the limit")
            or diag explain $c;
        cmp_ok($got, '<=', $limit, "$what: $amount: no more than $limit");

        # who is there at the same instant is chance

        my $part = $amount eq 'concurrency' ? 0.7 : 0.98;

        cmp_ok($got, '>=', $part * $limit,
               "$what: $amount: and no less");
        note("$what: $amount: $got of $limit");
    }
}


my $set = soma_sentinels(1);
my @n = nodes('sentinel', $set->url);

spend('sentinel', 'ta', \@n);
storms('sentinel', @n);
spend('a failover', 'tb', \@n, sub { $set->failover });
$_->stop for @n;

my $cluster = soma_cluster(3);

@n = nodes('cluster', $cluster->url(0, 1));
spend('cluster', $_, \@n) for @TENANTS[0, 1];
storms('cluster', @n);

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
