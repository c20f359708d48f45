# Limits: exact under a crowd, named when they refuse, and whatever a request
# held comes back on every way it can end.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $ok = '{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":20}}';
my $up = soma_upstream(responses => [soma_response(200, $ok)]);
my $dead = soma_port();

# a tenant for each test: what one uses is not missed by another
my %tenants = (
    ten => 'limit requests 10/day;',
    back => 'limit tokens 1000/day; limit cost 1/day; limit concurrency 1;',
    users => 'limit requests 2/day per=user;',
    models => 'limit requests 2/day per=model;',
    keys => 'limit requests 2/day per=key;',
    wait => 'limit tokens 600/second;',
);
my $tenants = join '', map {
    "soma_tenant $_ { $tenants{$_} }\n"
    . join '', map { "soma_key sha256:" . soma_sha256("sk-$_->[0]$_->[1]")
                     . " tenant=$_->[0] user=$_->[2];\n" }
      [$_, 1, 'one'], [$_, 2, 'one'], [$_, 3, 'three']
} sort keys %tenants;

my $n = soma_nginx(workers => 2, http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_limit_wait 0;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        timeout connect=300ms first_token=300ms idle=300ms;
    }
    soma_provider pd { dialect openai; endpoint http://127.0.0.1:$dead/v1; }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=10 output=10;
    soma_model other provider=p input=10 output=10;
    soma_model dead provider=pd input=10 output=10;
    soma_model echo provider=e input=10 output=10;
    soma_route last { model dead; model echo; }
    $tenants
END
    location /v1/ { soma_pass; }
    location /drain/v1/ { soma_pass; soma_on_abort drain; }
    location /plain/ { soma_access; empty_gif; }
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

my $res = ask('ten2', 'echo');
is($res->{status}, 429, 'it is the whole tenant\'s');
like(message($res), qr{"requests 10/day" of tenant:ten}, 'the limit is named');
is(code($res), 'insufficient_quota', 'its code');
is($res->{headers}{'x-should-retry'}, 'false', 'no use to try again');
is($res->{headers}{'x-ratelimit-limit-requests'}, 10, 'its headers: limit');
is($res->{headers}{'x-ratelimit-remaining-requests'}, 0, 'remaining');
like($res->{headers}{'x-ratelimit-reset-requests'}, qr/^(\d+h)?(\d+m)?\d+s$/,
     'reset');

# scopes

sub twice {
    my ($name, $key, $model, $third, $other) = @_;

    is(ask($key, $model)->{status}, 200, "$name: $_ of 2") for 1, 2;
    is(ask($key, $model)->{status}, 429, "$name: the third");
    is($third->()->{status}, 429, "$name: the same by another way");
    is($other->()->{status}, 200, "$name: another one has its own");
}

twice('per user', 'users1', 'echo', sub { ask('users2', 'echo') },
      sub { ask('users3', 'echo') });
twice('per model', 'models1', 'echo', sub { ask('models3', 'echo') },
      sub { ask('models1', 'm') });
twice('per key', 'keys1', 'echo', sub { ask('keys1', 'm') },
      sub { ask('keys2', 'echo') });

# what is held comes back: remaining tokens before and after

sub left {
    my $r = ask('back1', 'm', 1_000_000);

    return $r->{headers}{'x-ratelimit-remaining-tokens'};
}

my $before = left();
my $spent = 0;

sub cost {
    my ($name, $want) = @_;
    my $now;

    # what is about right must also stay: a reservation looks like it, too

    soma_wait(4, sub {
        my $first = left();
        sleep 0.3 if ref $want;
        $now = left();

        return $before - $now == $want unless ref $want;
        return $now == $first && $now < $before && $now > $before - 100;
    });
    ref $want ? cmp_ok($before - $now, '<', 100, "$name: about right")
              : is($before - $now, $want, "$name: $want tokens");
    $before = $now;
}

is($before, 1000, 'nothing is used');

is(ask('back1', 'm')->{status}, 200, 'an answer');
cost('an answer', 30);

$up->reset(soma_response(400, '{"error":{"message":"no"}}'));
is(ask('back1', 'm')->{status}, 400, 'an error of the provider');
cost('an error of the provider', 0);

is(ask('back1', 'dead')->{status}, 502, 'nobody there');
cost('nobody there', 0);

$up->reset({ raw => soma_response(200, $ok), wait => 2 });
is(ask('back1', 'm')->{status}, 504, 'a timeout');
cost('a timeout: what was reserved for it', 20);

is(ask('back1', 'nope')->{status}, 404, 'no such model');
cost('no such model', 0);

is(ask('back1', 'm', 5, ',"max_tokens":7')->{status}, 400, 'a bad body');
cost('a bad body', 0);

is(ask('back1', 'm', 5000)->{status}, 429, 'more than there is');
cost('a refusal', 0);

$up->reset(soma_response(200, '{"choices":[],"usage":{"prompt_tokens":0,'
                         . '"completion_tokens":0}}'));
is(ask('back1', 'm')->{status}, 200, 'an answer that used nothing');
cost('an explicit 0', 0);

my $chunk = '{"choices":[{"index":0,"delta":{"content":"12345678"}}]}';
$up->reset({ raw => soma_sse($chunk) =~ s/0\r\n\r\n$//r, close => 1 });
is(ask('back1', 'm', 5, ',"stream":true')->{status}, 200, 'a broken stream');
cost('a broken stream', \1);

$up->reset({ raw => soma_sse($chunk) =~ s/0\r\n\r\n$//r, hang => 5 });
my $s = $n->open('POST', '/v1/chat/completions', '{"model":"m",'
                 . '"max_tokens":5,"stream":true}',
                 Authorization => 'Bearer sk-back1');
$s->event;
$s->close;
cost('a client that left', \1);

$res = ask('back1', 'last', 5);
is($res->{status}, 200, 'the echo as the last resort');
cost('the echo', soma_json($res->{body})->{usage}{total_tokens});

# concurrency: held while it runs, free when it ends

$up->reset({ raw => soma_response(200, $ok), wait => 0.25 });

for my $round (1 .. 3) {
    my $pid = fork // die;

    if ($pid == 0) {
        POSIX::_exit(ask('back2', 'm')->{status} == 200 ? 0 : 1);
    }

    sleep 0.1;
    $res = ask('back1', 'm');
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
$res = ask('wait1', 'm', 500);

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
