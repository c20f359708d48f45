# Redis' side of leases: the script, alone, with a clock of the test's.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use POSIX ();

my $redis = soma_redis();
my $script = script();
my $key = 'soma:{t}:quota:q';
my $now = 1795230245678;        # 2026-11-21T03:04:05.678Z
my $day = 86400000;
my $seq = 100;

my %acked;

my @names = qw(applied since grant free whole used turn flags now);


# what Redis gets, with another clock
sub script {
    my $text = qx{$Soma::TOP/tools/lua -t $Soma::TOP/src/quota/soma_lease.lua};

    $text =~ s/redis\.call\('TIME'\)/{redis.call('GET', 'clock'), '0'}/ or die;
    $text =~ s/t\[1\] \* 1000/tonumber(t[1])/ or die;

    return $text;
}


sub reset_all {
    $redis->cmd('FLUSHALL');
    $seq = 100;
    %acked = ();
}


sub at { $now = shift; }


# of the days around a node's now
sub edges {
    my ($window, $clock) = @_;

    return (0) x 4 if $window ne 'D';

    my $start = $clock - $clock % $day;
    return map { $start + $_ * $day } -1 .. 2;
}


# sync(node, window, limit, need => 1, ...)
sub sync {
    my ($node, $window, $limit, %a) = @_;
    my $n = $a{seq} // ++$seq;
    my $ack = $a{ack} // $acked{$node} // 1;

    # "lost": the answer
    $acked{$node} = $n unless $a{lost};

    $redis->cmd('SET', 'clock', $now);

    my @edges = @{ $a{edges} // [edges($window, $a{clock} // $now)] };

    my $r = $redis->cmd('EVAL', $script, 1, $key, $node, $a{ttl} // 6000, $n,
                        $a{fresh} // 0, $window eq 'D' ? 'w' : $window,
                        $limit, $a{state} // 0,
                        $ack, (map { $a{$_} // 0 }
                        qw(need ahead held used total since whole)), @edges, $a{least} // 0);
    my %r;
    @r{@names} = @$r;

    return \%r;
}


# a bucket

my $r = sync('a', 'm', 600, need => 100);
is_deeply($r, { applied => 1, since => 0, grant => 100, free => 500,
                whole => 600, used => 0, turn => 0, flags => 0,
                now => $now },
          'a full bucket grants');
is(sync('a', 'm', 600, held => 100, seq => $seq)->{applied}, 0,
   'the same call again does nothing');

$r = sync('b', 'm', 600, need => 10, ahead => 1000);
is($r->{grant}, 125, 'ahead of need: what is free over twice the nodes');
is($r->{free}, 375, 'the rest');

$r = sync('a', 'm', 600, state => 1, used => 30, held => 70);
is($r->{whole}, 570, 'what was used is gone');
is($r->{free}, 375, 'what was leased was not free anyway');

at($now + 1000);
$r = sync('a', 'm', 600, state => 1, held => 70);
is($r->{whole}, 580, '10 a second flow in');
at($now + 55);
$r = sync('a', 'm', 600, state => 1, held => 70);
at($now + 45);
$r = sync('a', 'm', 600, state => 1, held => 70);
is($r->{whole}, 581, 'no part of one is lost');
at($now - 5000);
$r = sync('a', 'm', 600, state => 1, held => 70);
is($r->{whole}, 581, 'a clock that stepped back changes nothing');
at($now + 5000);
$r = sync('a', 'm', 600, state => 1, held => 70);
is($r->{whole}, 581, 'the same moment again neither');

$r = sync('a', 'm', 600, state => 1, used => 20, held => 50, lost => 1);
is($r->{whole}, 561, 'an answer that was lost:');
$r = sync('a', 'm', 600, state => 1, used => 25, held => 45);
is($r->{whole}, 556, 'told again, counted once');
$r = sync('a', 'm', 600, state => 1, used => 25, held => 20);
is($r->{whole}, 531, 'new use after an answer counts');

at($now + 3000);
sync('a', 'm', 600, state => 1, held => 20);
at($now + 3001);
$r = sync('a', 'm', 600, state => 1, held => 20);
is($r->{free}, 571, 'the slice of b, which said no more, is free again');

$r = sync('a', 'm', 600, state => 2);
ok(!exists $redis->hash($key)->{'n:a'}, 'who leaves has no row');
ok($redis->cmd('PTTL', $key) > 3600000, 'the key goes when nobody needs it');

$r = sync('c', 'm', 600, need => 700);
is($r->{grant}, 591, 'a part, when there is no more');
is($r->{free}, 0, 'then nothing is free');
$r = sync('d', 'm', 600, need => 5);
is($r->{grant}, 0, 'nothing');
is($r->{flags}, 1, 'and all are told that somebody starves');
at($now + 100);
is(sync('c', 'm', 600, state => 1, held => 591)->{flags}, 1,
   'all');
at($now + 60000);
is(sync('c', 'm', 600, state => 1, used => 700)->{whole}, -100,
   'a bucket may owe');

# large numbers

reset_all();
my $most = 9_000_000_000_000_000;
$r = sync('a', 'h', $most, need => $most);
is($r->{grant}, $most, 'the largest limit');
$r = sync('a', 'h', $most, state => 1, used => $most);
is($r->{whole}, 0, 'is used');
at($now + 1);
$r = sync('a', 'h', $most, state => 1);
is($r->{whole}, 2_500_000_000, 'a 3,600,000th of it is back after 1 ms');
at($now + 1799999);
$r = sync('a', 'h', $most, state => 1);
is($r->{whole}, '4500000000000000', 'half of it after half an hour');
reset_all();
$r = sync('a', 's', 7, need => 7);
$r = sync('a', 's', 7, state => 1, used => 7);
for (1 .. 7) {
    at($now + 100);
    $r = sync('a', 's', 7, state => 1);
}
is($r->{whole}, 4, '7 a second, in tenths of a second');
at($now + 300);
$r = sync('a', 's', 7, state => 1);
is($r->{whole}, 7, 'exactly 7 after one');

# a budget of a day

reset_all();
at(1795230245678);
my $start = $now - $now % $day;
$r = sync('a', 'D', 1000, need => 300);
is($r->{since}, $start, 'a day begins at midnight');
is($r->{turn}, $start + $day - $now, 'and ends');
sync('b', 'D', 1000, need => 300);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          used => 200, total => 200, held => 100);
is($r->{whole}, 800, 'used');
is($r->{free}, 400, 'leased and used');
is($r->{used}, 200, 'its own part');
at($now + 7000);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 200, held => 100);
is($r->{free}, 700, 'the slice of a dead one is free again');
sync('b', 'D', 1000, state => 1, since => $start, used => 250,
     total => 250, held => 50);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 200, held => 100);
is($r->{free}, 400, 'it was not dead: what it says counts');

# the same instance with a state that it forgot and made anew
$r = sync('b', 'D', 1000, ack => $seq + 1, used => 5);
is($r->{used}, 255, 'what is known of it stays');

at($start + $day - 1);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 200, held => 100);
is($r->{turn}, 1, 'the last ms');
at($start + $day);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 210, used => 10, held => 100, need => 1000);
is($r->{since}, $start + $day, 'the next day');
is($r->{grant}, 1000, 'is new');
is($r->{used}, 0, 'the old use is the old day\'s');
is($r->{flags}, 0, 'nothing was lost by that');
at($now - 3000);
$r = sync('a', 'D', 1000, state => 1, since => $start + $day,
          total => 10, used => 10, held => 990);
is($r->{since}, $start + $day, 'a clock that stepped back turns nothing back');
is($r->{whole}, 990, 'and forgets nothing');

# windows come from the node, the clock is Redis'

reset_all();
at($start + $day + 3600000);
$r = sync('a', 'D', 1000, need => 10, clock => $now - $day);
is($r->{since}, $start + $day, 'a node whose clock is a day behind');
$r = sync('b', 'D', 1000, need => 10, clock => $now + $day);
is($r->{since}, $start + $day, 'and one that is a day ahead count one day');
is($r->{turn}, $day - 3600000, 'which ends at one time');
$r = sync('c', 'D', 1000, need => 10, clock => $now + 9 * $day);
is_deeply($r, { applied => 0, since => 0, grant => 0, free => 0, whole => 0,
                used => 0, turn => 0, flags => 4, now => $now },
          'one that knows no window of today is told the time');
ok(!exists $redis->hash($key)->{'n:c'}, 'and nothing is booked');

reset_all();
my @ever = (0, 1, 9e15, 9e15);
$r = sync('a', 'w', 1000, need => 10, edges => \@ever);
is($r->{since}, 1, 'what never resets began once');
is($r->{turn}, 0, 'and does not turn');
$r = sync('a', 'w', 1000, state => 1, since => 1, used => 400, total => 400,
          edges => \@ever);
at($now + 400 * $day);
$r = sync('a', 'w', 1000, state => 1, since => 1, total => 400, held => 10,
          edges => \@ever);
is($r->{whole}, 600, 'a year later it is what it was');
is($redis->cmd('PTTL', $key), -1, 'and its key stays');

# parts

reset_all();
sync('a', 'c', 5, need => 3);
$r = sync('b', 'c', 5, need => 6, least => 3);
is($r->{grant}, 0, 'a part that serves nobody is not given');
is($r->{free}, 2, 'but told of');
$r = sync('b', 'c', 5, need => 6, least => 2);
is($r->{grant}, 2, 'one that serves somebody is');

# another number, the same count

reset_all();
at(1795230245678);
sync('a', 'm', 600, need => 100);
sync('a', 'm', 600, state => 1, used => 500);
$r = sync('a', 'm', 900, state => 1, need => 1000);
is($r->{whole}, 400, 'a rate that was raised: what was spent counts');
$r = sync('b', 'm', 600);
is($r->{whole}, 100, 'a node that has not heard yet changes nothing');
$r = sync('a', 'm', 900, state => 1, held => 400);
is($r->{whole}, 400, 'to and fro');
$r = sync('b', 'm', 300, need => 1);
is($r->{whole}, -200, 'lowered below what was spent');
is($r->{grant}, 0, 'nothing is granted');
at($now + 60000);
$r = sync('b', 'm', 300);
is($r->{whole}, 100, 'it fills as fast as the new number says');

reset_all();
sync('a', 'D', 1000, need => 500);
sync('a', 'D', 1000, state => 1, since => $start, used => 500, total => 500);
$r = sync('a', 'D', 2000, state => 1, since => $start, total => 500);
is($r->{whole}, 1500, 'a budget that was raised: what was spent counts');
$r = sync('b', 'D', 400, need => 1);
is($r->{whole}, -100, 'lowered below what was spent');
is($r->{grant}, 0, 'nothing is granted');

# concurrency

reset_all();
$r = sync('a', 'c', 20, need => 5);
is($r->{grant}, 5, 'concurrency');
$r = sync('b', 'c', 20, need => 16);
is($r->{grant}, 15, 'never more than the limit');
at($now + 6001);
$r = sync('a', 'c', 20, state => 1, held => 5);
is($r->{free}, 15, 'places of a dead node return');

# who is alone leaves something for one that comes

reset_all();
$r = sync('a', 'c', 10, need => 1, ahead => 16);
is($r->{grant}, 5, 'of a small concurrency half, who is alone, too');
$r = sync('a', 'c', 10, state => 1, held => 5, ahead => 16);
is($r->{grant}, 0, 'and not half of the rest, again and again');
$r = sync('a', 'c', 10, state => 1, held => 5, need => 2, ahead => 16);
is($r->{grant}, 2, 'what is needed is another thing');
$r = sync('b', 'c', 10, need => 3, ahead => 16);
is($r->{grant}, 3, 'one that comes has what it needs at once');
$r = sync('a', 'c', 10, state => 1, held => 7, need => 1);
is($r->{grant}, 0, 'then it is all leased');

reset_all();
$r = sync('a', 'm', 10, need => 1, ahead => 16);
is($r->{grant}, 5, 'of a small rate half');
$r = sync('b', 'm', 10, need => 4, ahead => 16);
is($r->{grant}, 4, 'who comes has what it needs');
reset_all();
$r = sync('a', 'c', 1, need => 1, ahead => 16);
is($r->{grant}, 1, 'one of one');

# Redis lost what it had

reset_all();
at(1795230245678);
sync('a', 'D', 1000, need => 300);
sync('b', 'D', 1000, need => 300);
$redis->cmd('FLUSHALL');
$r = sync('a', 'D', 1000, state => 1, since => $start,
          used => 200, total => 200, held => 100, need => 500);
is($r->{grant}, 0, 'emptied: who knows what others hold');
is($r->{flags}, 2, 'it is told');
is($r->{whole}, 800, 'what was used is told anew');
at($now + 5999);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 200, held => 100, need => 500);
is($r->{grant}, 0, 'until all leases were told or have expired');
sync('b', 'D', 1000, state => 1, since => $start, total => 0,
     held => 300);
at($now + 3000);
sync('a', 'D', 1000, state => 1, since => $start, total => 200,
     held => 100);
at($now + 3001);
$r = sync('a', 'D', 1000, state => 1, since => $start,
          total => 200, held => 100, need => 500);
is($r->{grant}, 500, 'then as before');

# Redis was away: who comes back first does not get what others used meanwhile

reset_all();
at(1795230245678);
sync('a', 'D', 1000, need => 600);
sync('b', 'D', 1000, need => 200);
at($now + 6001);
$r = sync('b', 'D', 1000, state => 1, since => $start, held => 200,
          need => 700);
is($r->{grant}, 0, 'nobody was heard for a while: nothing is granted');
is($r->{flags}, 2, 'it is told');
at($now + 1000);
$r = sync('a', 'D', 1000, state => 1, since => $start, used => 500,
          total => 500);
is($r->{whole}, 500, 'until who held something could tell');
at($now + 5001);
$r = sync('b', 'D', 1000, state => 1, since => $start, held => 200,
          need => 700);
is($r->{grant}, 300, 'then what is left');

$r = sync('c', 'D', 1000, need => 0);
at($now + 4000);
sync('c', 'D', 1000, state => 1, since => $start);
at($now + 4000);
$r = sync('c', 'D', 1000, state => 1, since => $start, need => 100);
is($r->{grant}, 100, 'one that died among others is not waited for');
sync('c', 'D', 1000, state => 1, since => $start, held => 100);
at($now + 60000);
$r = sync('a', 'D', 1000, state => 1, since => $start, total => 500,
          need => 1);
is($r->{flags} & 2, 2, 'one that died alone is');
at($now + 60000);
$r = sync('a', 'D', 1000, state => 1, since => $start, total => 500,
          need => 1);
is($r->{flags} & 2, 0, 'once');
is($r->{grant}, 1, 'then it is over');

reset_all();
$r = sync('a', 'm', 100, state => 1, ack => 50, whole => 40, used => 10);
is($r->{whole}, 30, 'a bucket goes on from what was known of it');

reset_all();
sync('a', 'm', 100, need => 10, fresh => 1);
like($redis->hash($key)->{run}, qr/^\w{40}$/, 'the server is known');
$r = sync('a', 'm', 100, state => 1, held => 10, fresh => 1);
is($r->{flags}, 0, 'a new connection to the same one');
$redis->cmd('HSET', $key, 'run', 'another');
$r = sync('a', 'm', 100, state => 1, held => 10, fresh => 1,
          need => 1);
is($r->{flags}, 2, 'another server may not know all leases');

# what is wanted ahead when little is left

reset_all();
$r = sync('a', 'D', 1280, need => 1, ahead => 10);
is($r->{grant}, 11, 'much is left: what is needed, and ahead');
$r = sync('b', 'D', 1280, need => 1, ahead => 500);
is($r->{grant}, 5, 'soon gone: ahead only a part that may lie idle');
$r = sync('c', 'D', 1280, need => 900, ahead => 500);
is($r->{grant}, 900, 'of what is needed all');
$r = sync('d', 'D', 1280, need => 900, ahead => 500);
is($r->{grant}, 1280 - 916, 'or what there is');

reset_all();
$r = sync('a', 'D', 1280, need => 1, ahead => 500);
is($r->{grant}, 10, 'also to who is alone: others may come');
reset_all();
sync('a', 'm', 1280, need => 20);
$r = sync('b', 'm', 1280, need => 1, ahead => 500);
is($r->{grant}, 315, 'a rate fills again');

# rows of the forgotten

reset_all();
sync("x$_", 'D', 1000000, used => 1) for 1 .. 70;
at($now + 6000 + 3600001);
$r = sync('a', 'D', 1000000);
is($r->{whole}, 1000000 - 70, 'many rows are added to the base');
is(scalar(grep { /^n:/ } keys %{ $redis->hash($key) }), 1, 'and go');
is($redis->hash($key)->{base}, 70, 'all of them');

$r = sync('x7', 'D', 1000000, state => 1, since => $r->{since}, total => 3,
          used => 2, need => 10);
is($r->{whole}, 1000000 - 72, 'one that comes back is counted once');
is($r->{used}, 3, 'with what it used since');
is($r->{grant}, 10, 'and nothing was lost');
is($redis->hash($key)->{base}, 69, 'the base is the others\'');
$r = sync('x8', 'D', 1000000, used => 4);
is($r->{used}, 5, 'also when it has forgotten what it was');
is($r->{whole}, 1000000 - 76, 'all is counted');
unlike($redis->hash($key)->{folded}, qr/x[78] /, 'they are rows again');
like($redis->hash($key)->{folded}, qr/(?:^|;)x70 1;/, 'the others are not');

at($now + $day);
$r = sync('x9', 'D', 1000000, state => 1, since => $r->{since}, total => 1);
is($r->{whole}, 1000000, 'another day');
ok(!exists $redis->hash($key)->{folded}, 'has no such past');

reset_all();
sync(sprintf('%016x', $_), 'D', 1000000, used => 1) for 1 .. 400;
at($now + 6000 + 3600001);
$r = sync('a', 'D', 1000000);
is($r->{whole}, 1000000 - 400, 'very many');
cmp_ok(length $redis->hash($key)->{folded}, '<=', 8192, 'are not all named');

$redis->cmd('SET', $key, 'x');
ok(!eval { sync('a', 'D', 1); 1 }, 'another type is an error');

done_testing();
