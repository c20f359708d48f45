#!/usr/bin/env perl

# A short storm: what `make storm` does for a minute.

use strict;
use warnings;

use lib 't/lib';
use Spend;
use Soma;
use Test::More;

plan skip_all => 'load, and timing' if soma_slow();

# an earlier response of one's own is read again without being reserved
my %OPEN = map { $_ => 1 } qw(previous_response conversation);

my $storm = Spend->new(seconds => 10, part => 1 / 6,
                       ways => [grep { !$OPEN{$_} } Ways::names()]);

$storm->play;

is(join(' ', $storm->leaks), '',
   "what the provider billed is within each tenant's limit")
    or diag($storm->table);
cmp_ok($storm->answers(200), '>', 50, 'many were answered');
cmp_ok($storm->answers(429), '>', 50, 'and many refused');
is(join("\n", $storm->crashes), '', 'no worker died');
$storm->close;

done_testing();
