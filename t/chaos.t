#!/usr/bin/env perl

# A short fixed set of chaos: what `make chaos` does with drawn seeds.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Chaos;
use Test::More;

plan skip_all => 'load, and timing' if soma_slow();

my @ROUNDS = ([single => 11], [sentinel => 27], [cluster => 13]);

for (@ROUNDS) {
    my ($kind, $seed) = @$_;
    my $round = Chaos->new(redis => $kind, seed => $seed, steps => 4);
    my @faults = $round->play;

    ok(!@faults, "$kind, seed $seed: the books balance, no limit is passed")
        or diag($round->story, map { "  $_\n" } @faults);
}

done_testing();
