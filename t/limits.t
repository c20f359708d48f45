# Limits under a crowd, in flight and over time. What refuses and in which words,
# and what comes back of what a request held, is in t/cases/limits.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $ok = '{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}';
my $up = soma_upstream(responses => [soma_response(200, $ok)]);

# a tenant for each test: what one uses is not missed by another
my %tenants = (
    ten => 'limit requests 10/day;',
    back => 'limit tokens 1000/day; limit cost 1/day; limit concurrency 1;',
    wait => 'limit tokens 600/second;',
);
my $tenants = join '', map {
    "soma_tenant $_ { $tenants{$_} }\n"
    . join '', map { "soma_key sha256:" . soma_sha256("sk-$_->[0]$_->[1]")
                     . " tenant=$_->[0] user=$_->[2];\n" }
      [$_, 1, 'one'], [$_, 2, 'one']
} sort keys %tenants;

my $n = soma_nginx(workers => 2, http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
    }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=10 output=10;
    soma_model echo provider=e input=10 output=10;
    $tenants
END
    location /v1/ { soma_pass; }
END2

sub ask {
    my ($key, $model, $max, $more) = @_;

    return $n->post('/v1/chat/completions', sprintf(
        '{"model":"%s","max_tokens":%d%s,"messages":[{"role":"user",'
        . '"content":"hello"}]}', $model, $max // 5, $more // ''),
        Authorization => "Bearer sk-$key");
}

sub code { my ($res) = @_; eval { soma_json($res->{body})->{error}{code} } }
sub message { my ($res) = @_; eval { soma_json($res->{body})->{error}{message} }
              // '' }

# twenty at once where ten may

my @pids;

for (1 .. 20) {
    my $pid = fork // die;

    if ($pid == 0) {
        my $status = ask('ten1', 'echo')->{status};
        POSIX::_exit($status == 200 ? 0 : $status == 429 ? 1 : 2);
    }

    push @pids, $pid;
}

my %got;
waitpid($_, 0), $got{$? >> 8}++ for @pids;
is($got{0}, 10, 'twenty at once against "requests 10/day": ten pass');
is($got{1}, 10, 'and ten are refused');

# a client that leaves a stream has used what came, and holds nothing

sub left {
    my $r = ask('back1', 'm', 1_000_000);

    return $r->{headers}{'x-ratelimit-remaining-tokens'};
}

my $chunk = '{"choices":[{"index":0,"delta":{"content":"12345678"}}]}';
my $now;
is(left(), 1000, 'nothing is used');
$up->reset({ raw => soma_sse($chunk) =~ s/0\r\n\r\n$//r, hang => 5 });
my $s = $n->open('POST', '/v1/chat/completions', '{"model":"m",'
                 . '"max_tokens":5,"stream":true}',
                 Authorization => 'Bearer sk-back1');
$s->event;
$s->close;

# a reservation looks like what was used: it must stay
soma_wait(4, sub {
    my $first = left();
    sleep 0.3;
    $now = left();

    return $now == $first && $now < 1000 && $now > 900;
});
cmp_ok($now, '>', 900, 'a client that left: about right');
cmp_ok($now, '<', 1000, 'not nothing');

# concurrency: held while it runs, free when it ends

$up->reset({ raw => soma_response(200, $ok), wait => 0.25 });

for my $round (1 .. 3) {
    my $pid = fork // die;

    if ($pid == 0) {
        POSIX::_exit(ask('back2', 'm')->{status} == 200 ? 0 : 1);
    }

    sleep 0.1;
    my $res = ask('back1', 'm');
    is($res->{status}, 429, "a second one at once ($round)");
    like(message($res), qr/"concurrency 1".*in flight/, 'it says why');
    is(code($res), 'rate_limit_exceeded', 'its code');
    isnt($res->{headers}{'x-should-retry'}, 'false', 'a retry is worth it');
    waitpid $pid, 0;
    is($? >> 8, 0, 'the first one ends well');
}

# a rate: Retry-After is right

$up->reset(soma_response(200, '{"choices":[],"usage":{"prompt_tokens":10,'
                         . '"completion_tokens":1790}}'));
is(ask('wait1', 'm', 500)->{status}, 200, 'it takes three times what there is');
my $t = time;
my $res = ask('wait1', 'm', 500);

SKIP: {
    skip 'slow', 4 if soma_slow();
    is($res->{status}, 429, 'the debt is worked off');
    my $wait = $res->{headers}{'retry-after'};
    like($wait, qr/^[23]$/, "Retry-After: $wait");
    is(ask('wait1', 'm', 500)->{status}, 429, 'not earlier');
    sleep $wait - (time - $t) + 0.05;
    is(ask('wait1', 'm', 500)->{status}, 200, 'then it passes');
}

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
