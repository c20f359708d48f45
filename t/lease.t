# Limits over several nodes: what all of them let through together, and what
# becomes of it when Redis or a node goes away.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(sleep time);

my $COUNT = soma_slow() ? 300 : 1000;   # the limits are half of it
my $HALF = $COUNT / 2;
my $TIMEOUT = soma_slow() ? '5s' : '1s';
my $redis = soma_redis();
my $trace = "$Soma::DIR/trace";

my $answer = '{"id":"x","object":"chat.completion","choices":[],'
             . '"usage":{"prompt_tokens":0,"completion_tokens":1,'
             . '"total_tokens":1}}';

my $up = soma_upstream(responses => [sub {
    mark('+');
    sleep 0.02;
    mark('-');
    return soma_response(200, $answer);
}]);

my $port = $up->port;
my %tenant = (
    cost  => 'limit cost ' . $HALF * 0.002 . '/day;',
    req   => "limit requests $HALF/day per=user;",
    tok   => 'limit tokens ' . $HALF * 100 . '/month;',
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
        soma_provider e { dialect echo; }
        soma_provider p { dialect openai; api_key x;
                          endpoint http://127.0.0.1:$port/v1; }
        soma_provider l { dialect echo; limit requests $HALF/day; }
        soma_model m provider=e input=0 output=2000;
        soma_model c provider=p input=0 output=0;
        soma_model l provider=l input=0 output=0;
        $keys";
}

sub node {
    my ($name, $down) = @_;

    my $node = soma_nginx(name => $name, workers => 2,
                          http => http($name, $down // 'deny'),
                          server => 'location /v1/ { soma_pass; }
                                     location /s/ { soma_access;
                                                    return 200 "ok\n"; }');

    ready($node) or die "$name has no connection to Redis";

    return $node;
}

my @n = map { node("n$_") } 1 .. 3;

# a worker that has no connection yet can only turn requests away
sub ready {
    my ($node) = @_;

    return soma_wait(10, sub {
        my %up;

        for my $line (split /^/, $node->error_log) {
            $up{$1} = 1 if $line =~ /(\d+)#\d+: soma redis: connection .*is up/;
        }

        return !grep { !$up{$_} } $node->workers;
    });
}


# in flight at the provider, in the order of what happened
sub mark {
    open my $fh, '>>', $trace or die;
    syswrite $fh, $_[0];
}


# the text is longer than 100 tokens where that is the reservation
sub body {
    my ($model, $words) = @_;

    return soma_to_json({ model => $model, max_tokens => 1, messages => [
        { role => 'user', content => join ' ', ('word') x ($words // 4) }] });
}


sub ask {
    my ($node, $key, $model) = @_;

    return $node->post('/v1/chat/completions', body($model // 'm'),
                       Authorization => "Bearer sk-$key",
                       'Content-Type' => 'application/json');
}


# many requests at once, over all nodes: how many of each status, and what
# they cost
sub storm {
    my ($key, $model) = @_;
    my $kids = 10;
    my (@pipes, @pids, %sum);
    my $body = body($model);

    for my $kid (1 .. $kids) {
        pipe my $r, my $w or die;
        my $pid = fork // die;

        if ($pid == 0) {
            my (@s, %c);

            for my $i (1 .. $COUNT / $kids) {
                my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                    PeerPort => $n[$i % @n]->port) or POSIX::_exit(1);

                print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                         . "Authorization: Bearer sk-$key\r\n"
                         . "Content-Type: application/json\r\n"
                         . "Connection: close\r\nContent-Length: "
                         . length($body) . "\r\n\r\n$body";
                push @s, $s;
            }

            for my $s (@s) {
                my $text = do { local $/; <$s> } // '';

                $c{$text =~ m{^HTTP/1.1 (\d+)} ? $1 : 0}++;
                $c{cost} += sprintf '%.0f', 1e9 * $1
                    if $text =~ /^x-soma-cost: (\S+)/mi;
                $c{tokens} += $1 if $text =~ /"total_tokens":\s*(\d+)/;
            }

            syswrite $w, soma_to_json(\%c);
            POSIX::_exit(0);
        }

        close $w;
        push @pipes, $r;
        push @pids, $pid;
    }

    for my $r (@pipes) {
        my $c = soma_json(do { local $/; <$r> } || '{}');

        $sum{$_} += $c->{$_} for keys %$c;
    }

    waitpid $_, 0 for @pids;

    return \%sum;
}


# more than "least" passed, in several waves: what was leased to a node that
# does not need it finds its way to those who do
sub waves {
    my ($key, $model, $what, $least) = @_;
    my %sum;

    soma_wait(10, sub {
        my $c = storm($key, $model);

        $sum{$_} += $c->{$_} for keys %$c;
        return ($sum{$what} // 0) >= $least;
    });

    return \%sum;
}


sub quota {
    my ($tag) = @_;
    my $names = $redis->cmd('KEYS', "soma:{$tag}:quota:*");

    return @$names ? $redis->hash($names->[0]) : {};
}


# the slice of a node that dies comes back, at the end of all this

my $asked = 0;
ok(soma_wait(10, sub {
    sleep 0.2;
    $asked += ask($n[2], 'dead')->{status} == 200;
    return used('dead') > 0;
}), 'a node has a slice');
my $told = used('dead');
my ($row) = grep { /^n:/ } keys %{ quota('dead') };
$n[2]->kill;
my $died = time;
$n[2] = node('n4');

# a budget

my $c = waves('cost', 'm', 'cost', 0.98 * $HALF * 2e6);
cmp_ok($c->{cost}, '<=', $HALF * 2e6, 'no budget is passed');
cmp_ok($c->{cost}, '>=', 0.98 * $HALF * 2e6, 'and it is spendable');
is($c->{503} // 0, 0, 'nobody was told that Redis is away');
my $day = POSIX::strftime('%Y-%m-%d', gmtime);
my $spent = soma_wait(10, sub {
    my $h = $redis->hash("soma:{cost}:usage:$day");
    my ($k) = grep { /cost_nano$/ } keys %$h;
    return $k && $h->{$k} == $c->{cost} ? $h->{$k} : 0;
});
is($spent, $c->{cost}, 'the records say the same');

# requests, tokens

$c = waves('req', 'm', 200, 0.98 * $HALF);
cmp_ok($c->{200}, '<=', $HALF, 'requests');
cmp_ok($c->{200}, '>=', 0.98 * $HALF, 'to the last');

$c = waves('tok', 'm', 'tokens', 1);
cmp_ok($c->{tokens}, '<=', $HALF * 100, 'tokens');

# a provider's limit: asked for ahead, in a slot of its own

$c = waves('prov', 'l', 200, 0.98 * $HALF);
cmp_ok($c->{200}, '<=', $HALF, "a provider's requests");
cmp_ok($c->{200}, '>=', 0.98 * $HALF, 'to the last');
is(scalar @{ $redis->cmd('KEYS', 'soma:{provider:l}:quota:*') }, 1,
   'under a tag of its own');

# concurrency

$c = storm('conc', 'c');
ok($c->{200}, "concurrency: $c->{200} passed");
my ($most, $flying) = (0, 0);
for (split //, Soma::slurp($trace)) {
    $flying += $_ eq '+' ? 1 : -1;
    $most = $flying if $flying > $most;
}
cmp_ok($most, '<=', 7, 'never more at once than may be');
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

sub used {
    my $h = quota($_[0]);
    my $n = 0;

    $n += (split ' ', $h->{$_})[3] for grep { /^n:/ } keys %$h;
    return $n;
}

# Redis hangs: the lease is spent, then the operator's word counts

my $allow = node('allow', 'allow');

for my $node ($n[0], $allow) {
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
my $h = quota('dead');
cmp_ok((split ' ', $h->{$row})[2], '>', 0, 'a dead node had a slice');
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
ok((-s (glob "$Soma::DIR/ledger-again/leases-*")[0]) < 100_000
   || (-s (glob "$Soma::DIR/ledger-again/leases-*")[1]) < 100_000,
   'what need not be told again takes no room');
$again->quit;

# Redis is emptied: what was used is told again

is(ask($n[$_ % 3], 'flush')->{status}, 200, "request $_") for 1 .. 9;
ok(soma_wait(10, sub { used('flush') == 9 }), 'nine are told');
$redis->cmd('FLUSHALL');
ok(soma_wait(10, sub { used('flush') == 9 }), 'nine are told again')
    or diag explain quota('flush');

for (@n, $allow) {
    $_->quit;
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad logged');
}

done_testing();
