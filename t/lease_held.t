#!/usr/bin/env perl

# A limit of concurrency over three nodes, by requests that stay: as many are
# there at once as may be, and not one more.

use strict;
use warnings;
use lib 't/lib';

use Soma;
use Storm;
use Test::More;

plan skip_all => 'a thousand processes' if soma_slow();

my $COUNT = 1000;       # requests at once; the limit is half of it
my $HALF = $COUNT / 2;
my $USED = 0.98;        # of a limit, at least, where more is asked for

my $redis = soma_redis();
my $up = storm_upstream($HALF);
my $key = soma_sha256('sk-held');

sub node {
    my ($name) = @_;
    my $ledger = soma_dir("ledger-$name");

    my $node = soma_nginx(
        name => $name, workers => $name eq 'n2' ? 1 : 2,
        http => "soma_zone 4m;
                 soma_redis $ENV{TEST_NGINX_REDIS} timeout=2s;
                 soma_ledger $ledger;
                 soma_on_redis_down deny;
                 soma_training_lock off;
                 soma_tenant held { limit concurrency $HALF; }
                 soma_key sha256:$key tenant=held user=u;
                 " . storm_conf($up->port),
        server => 'location /v1/ { soma_pass; }');

    soma_hears(10, $node) or die "$name has no connection to Redis";

    return $node;
}

my @n = map { node("n$_") } 1 .. 3;

for my $round (1, 2) {
    my $c = storm(\@n, 'sk-held', $COUNT, 'concurrency');
    my $most = storm_most();

    is(($c->{200} // 0) + ($c->{429} // 0), $COUNT,
       'each is let in, or told of the limit') or diag explain $c;
    cmp_ok($most, '<=', $HALF, 'not more at once than may be');
    cmp_ok($most, '>=', $USED * $HALF, 'and no less');
    note("round $round: $most of $HALF, $c->{200} in all");
}

done_testing();
