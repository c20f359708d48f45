# Limits over several nodes: what all of them let through together, and what
# becomes of it when Redis or a node goes away.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Storm;
use Test::More;
use Time::HiRes qw(sleep time);

my $COUNT = 1000;       # requests at once; the limits are half of it
my $HALF = $COUNT / 2;
my $USED = 0.98;        # of a limit, at least, where more is asked for
my $TIMEOUT = soma_slow() ? '5s' : '2s';
my $redis = soma_redis();

my $up = storm_upstream();
my %tenant = (
    cost  => 'limit cost ' . $HALF * $Storm::COST / 1e9 . '/day;',
    req   => "limit requests $HALF/day per=user;",
    tok   => 'limit tokens ' . $HALF * $Storm::TOKENS . '/month;',
    conc  => 'limit concurrency 7;',
    prov  => '',
    dead  => 'limit requests 60/day;',
    again => 'limit requests 1000/day;',
    flush => 'limit requests 1000/day;',
    stop  => 'limit requests 1000/day;',
    both  => 'limit requests 1000/day; limit concurrency 50;'
);

my $keys = join '', map {
    "soma_tenant $_ { $tenant{$_} }\n"
    . 'soma_key sha256:' . soma_sha256("sk-$_") . " tenant=$_ user=u"
    . ($_ eq 'both' ? ' "limits=tokens 100000/day"' : '') . ";\n"
} sort keys %tenant;

sub http {
    my ($name, $down) = @_;
    my $ledger = soma_dir("ledger-$name");

    return "
        soma_zone 4m;
        soma_redis $ENV{TEST_NGINX_REDIS} timeout=$TIMEOUT;
        soma_ledger $ledger;
        soma_on_redis_down $down;
        soma_training_lock off;
        soma_provider l { dialect echo; limit requests $HALF/day; }
        soma_model l provider=l input=0 output=0;
        $keys" . storm_conf($up->port);
}

sub node {
    my ($name, $down) = @_;

    # what one worker forgets the other one may make good
    my $node = soma_nginx(name => $name, workers => $name eq 'n2' ? 1 : 2,
                          http => http($name, $down // 'deny'),
                          server => 'location /v1/ { soma_pass; }
                                     location /s/ { soma_access;
                                                    return 200 "ok\n"; }');

    soma_hears(10, $node) or die "$name has no connection to Redis";

    return $node;
}

my @n = map { node("n$_") } 1 .. 3;

sub ask {
    my ($node, $key) = @_;
    my $body = soma_to_json({ model => 'm', max_tokens => 1, messages => [
        { role => 'user', content => 'word word word word' }] });

    return $node->post('/v1/chat/completions', $body,
                       Authorization => "Bearer sk-$key",
                       'Content-Type' => 'application/json');
}


# all at once, and once: nobody comes back for what is left
sub at_once {
    my ($key, $what) = @_;
    my $c = storm(\@n, "sk-$key", $COUNT, $what);

    is(($c->{200} // 0) + ($c->{429} // 0), $COUNT,
       "$what: each of $COUNT is let in, or told of the limit")
        or diag explain $c;

    return $c;
}


sub between {
    my ($what, $got, $limit) = @_;

    cmp_ok($got, '<=', $limit, "$what: no more than $limit");
    cmp_ok($got, '>=', $USED * $limit,
           "$what: not much is left of it");
}


sub quota {
    my ($tag) = @_;
    my $names = $redis->cmd('KEYS', "soma:{$tag}:quota:*");

    return @$names ? $redis->hash($names->[0]) : {};
}


# of all nodes, as Redis knows it
sub sum {
    my ($tag, $field) = @_;
    my $h = quota($tag);
    my $n = 0;

    $n += (split ' ', $h->{$_})[$field] for grep { /^n:/ } keys %$h;
    return $n;
}


sub held { return sum($_[0], 2) }

sub used { return sum($_[0], 3) }


# the slice of a node that dies comes back, at the end of all this

# it stands still while it is looked at: what it has not used it gives back
# at any moment

ok(soma_wait(10, sub {
    ask($n[2], 'dead');
    sleep 0.2;
    $n[2]->pause;
    sleep 0.1;
    return 1 if used('dead') > 0 && held('dead') > 0;
    $n[2]->resume;
    return 0;
}), 'a node has a slice');
$n[2]->kill;
my $died = time;
my $told = used('dead');
cmp_ok(held('dead'), '>', 0, 'and has it when it dies');
$n[2] = node('n4');

# a budget

my $c = at_once('cost', 'cost');
between('cost', $c->{cost}, $HALF * $Storm::COST);
my $day = POSIX::strftime('%Y-%m-%d', gmtime);
my $spent = soma_wait(10, sub {
    my $h = $redis->hash("soma:{cost}:usage:$day");
    my ($k) = grep { /cost_nano$/ } keys %$h;
    return $k && $h->{$k} == $c->{cost} ? $h->{$k} : 0;
});
is($spent, $c->{cost}, 'the records say the same');

# requests, tokens, and those of a provider: asked for ahead, in a slot of
# its own

$c = at_once('req', 'requests');
between('requests', $c->{200}, $HALF);

$c = at_once('tok', 'tokens');
between('tokens', $c->{tokens}, $HALF * $Storm::TOKENS);

$c = at_once('prov', 'provider');
between('provider', $c->{200}, $HALF);
is(scalar @{ $redis->cmd('KEYS', 'soma:{provider:l}:quota:*') }, 1,
   'under a tag of its own');

# concurrency

$c = at_once('conc', 'concurrency');
my $most = storm_most();
cmp_ok($most, '<=', 7, 'concurrency: not more at once than may be');

# who is there at the same instant is chance

cmp_ok($most, '>=', 5, 'and no less, by and large');
ok(soma_wait(10, sub {
    my $h = quota('conc');
    !grep { /^n:/ && (split ' ', $h->{$_})[2] != 0 } keys %$h
}), 'and nothing of it stays held');

# all limits of a request are one call

my $res = ask($n[0], 'both');
is($res->{status}, 200, 'three limits, of two owners') or diag $res->{body};
my @both = @{ $redis->cmd('KEYS', 'soma:{both}:quota:*') };
is(scalar @both, 3, 'three keys');
is(scalar @{ $redis->cmd('KEYS', 'soma:{both}:quota:key:*') }, 1,
   'the key\'s is with its tenant');
$res = ask($n[0], 'both');
is($res->{headers}{'x-ratelimit-limit-requests'}, 1000, 'limit');
cmp_ok($res->{headers}{'x-ratelimit-remaining-requests'}, '<=', 998,
       'remaining');

# a service behind soma_access waits too

is($n[1]->get('/s/', Authorization => 'Bearer sk-both')->{status}, 200,
   'soma_access');

# Redis hangs: the lease is spent, then the operator's word counts

my $allow = node('allow', 'allow');

# the one that has to hold it last: nobody keeps for long what is not used
for my $node ($allow, $n[0]) {
    is(ask($node, 'stop')->{status}, 200, 'a lease') for 1 .. 4;
}

$redis->pause;
is(ask($n[0], 'stop')->{status}, 200, 'it is spent while Redis hangs');
my @status = map { ask($n[0], 'stop')->{status} } 1 .. 60;
is($status[-1], 503, 'then who needs more is turned away');
$res = ask($n[0], 'stop');
like($res->{body}, qr/(?:limit|tenant)_store_unavailable/, 'with the reason');
is($res->{headers}{'retry-after'}, 1, 'and when to come back');
@status = map { ask($allow, 'stop')->{status} } 1 .. 60;
is(scalar(grep { $_ == 200 } @status), 60, 'or let in, if so configured');
$redis->resume;
ok(soma_wait(15, sub { ask($n[0], 'stop')->{status} == 200 }),
   'Redis is back');
ok(soma_wait(15, sub { used('stop') > 61 }),
   'and knows what was used meanwhile');

# a node that ends gives back at once

ok($allow->quit, 'a node ends');
ok(soma_wait(5, sub {
    my $h = quota('stop');
    my @held = grep { (split ' ', $h->{$_})[2] != 0 }
               grep { /^n:/ } keys %$h;
    @held <= 1
}), 'and holds nothing');

# the dead one's slice is free again when its row has died

soma_wait(10, sub { time > $died + 6.5 });
my $got = 0;
soma_wait(15, sub {
    $got += ask($n[0], 'dead')->{status} == 200 for 1 .. 10;
    return $got >= 60 - $told;
});
is($got, 60 - $told, 'which others could spend');

# a node that was killed as a whole and comes back tells what it had used

my $again = node('again');
ok(soma_wait(10, sub { ask($again, 'again')->{status} == 200 }), 'request 1');
is(ask($again, 'again')->{status}, 200, "request $_") for 2 .. 7;
my ($gone) = grep { /^n:/ } keys %{ quota('again') };
$again->kill;
ok($again->start, 'it comes back');
ok(soma_wait(10, sub {
    my @row = split ' ', quota('again')->{$gone};
    $row[2] == 0 && $row[3] == 7
}), 'all seven are counted, and nothing is held');

# and tells it again when Redis has lost it, and so does who comes after it

sub left { scalar(() = glob "$Soma::DIR/ledger-again/leases-*") }

$redis->cmd('FLUSHALL');
ok(soma_wait(10, sub { used('again') == 7 }), 'told again');
ok(soma_wait(10, sub { ask($again, 'again')->{status} == 200 }),
   'the eighth, by who tells of seven');
$again->quit;
is(left(), 2, 'the files of both stay for the day');
is(used('again'), 8, 'eight were used');
$redis->cmd('FLUSHALL');
ok($again->start, 'a third');
ok(soma_wait(10, sub { used('again') == 8 }), 'which tells of eight');

# the answers have yet to come back when Redis has counted

ok(soma_wait(10, sub {
    grep { -s $_ < 100_000 } glob "$Soma::DIR/ledger-again/leases-*"
}), 'what need not be told again takes no room');
$again->quit;

# Redis is emptied: what was used is told again

is(ask($n[$_ % 3], 'flush')->{status}, 200, "request $_") for 1 .. 9;
ok(soma_wait(10, sub { used('flush') == 9 && held('flush') == 0 }),
   'nine are told, and nothing is held');
$redis->cmd('FLUSHALL');
ok(soma_wait(10, sub { used('flush') == 9 }), 'nine are told again')
    or diag explain quota('flush');

for (@n, $allow) {
    $_->quit;
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad logged');
}

done_testing();
