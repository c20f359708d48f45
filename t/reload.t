# Reloads: no request and no stream is dropped, changes apply, what is held
# stays held.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [soma_sse('[DONE]')]);

sub http {
    my ($more) = @_;

    return <<"END";
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
    }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { limit requests 1000/day; limit concurrency 4 per=user; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-load')]} tenant=acme user=load;
    $more
END
}

my $n = soma_nginx(workers => 2, http => http(''),
                   server => 'location /v1/ { soma_pass; }');
my @alice = (Authorization => 'Bearer sk-alice');
my $echo = '{"model":"echo","max_tokens":5,'
           . '"messages":[{"role":"user","content":"hi"}]}';

sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $whole = soma_sse((map { chunk("t$_") } 1 .. 30),
                     '{"choices":[{"delta":{},"finish_reason":"stop"}]}',
                     '[DONE]');

# streams go on over two reloads, which take their time under valgrind

$up->reset({ raw => $whole, piece => 80, delay => soma_slow() ? 0.4 : 0.12 });

my @streams = map {
    $n->open('POST', '/v1/chat/completions', '{"model":"m","stream":true,'
             . '"max_tokens":5}', @alice)
} 1 .. 3;

$_->event for @streams;

my $load = fork // die;

if ($load == 0) {
    my $bad = 0;

    for (1 .. 150) {
        $bad++ if $n->post('/v1/chat/completions', $echo,
                           Authorization => 'Bearer sk-load')->{status} != 200;
    }

    POSIX::_exit($bad > 100 ? 100 : $bad);
}

ok($n->reload, 'a reload under load');

my $res = $n->post('/v1/chat/completions', $echo, @alice);
is($res->{status}, 200, 'the fourth of four at once');
my $left = $res->{headers}{'x-ratelimit-remaining-requests'};
cmp_ok($left, '<', 997, 'what was used before stays used');

$streams[3] = $n->open('POST', '/v1/chat/completions',
                       '{"model":"m","stream":true,"max_tokens":5}', @alice);
is($streams[3]{status}, 200, 'a stream of the new workers');
is($n->post('/v1/chat/completions', $echo, @alice)->{status}, 429,
   'places held by old workers are still held');

ok($n->reload, 'a second reload');

waitpid $load, 0;
is($? >> 8, 0, 'no request of the load was dropped');

for (0 .. 3) {
    my $text = $streams[$_]->rest;

    like($text, qr/t30.*"stop".*\[DONE\]\n\n$/s, "stream $_ came to its end");
    ok($streams[$_]{complete}, "stream $_ is whole");
}

ok(soma_wait(soma_slow() ? 15 : 3, sub {
    $n->post('/v1/chat/completions', $echo, @alice)->{status} == 200
}), 'their places are free');

# changes apply

$n->configure(http => http('soma_model new provider=e input=1 output=1;'
    . "soma_key sha256:@{[soma_sha256('sk-new')]} tenant=acme user=new;"));
ok($n->reload, 'a reload with a new model and key');
ok(soma_wait(3, sub {
    $n->post('/v1/chat/completions', $echo =~ s/"echo"/"new"/r,
             Authorization => 'Bearer sk-new')->{status} == 200
}), 'they work');

# a configuration that is wrong changes nothing

$n->configure(http => http('soma_model broken;'));
kill HUP => $n->pid;
sleep 0.3;
is($n->post('/v1/chat/completions', $echo, @alice)->{status}, 200,
   'a broken configuration: the old one goes on');
like($n->error_log, qr/\[emerg\].*"soma_model"/, 'and the log says why');

# another size of the zone, and none

$n->configure(http => http('') =~ s/soma_zone 8m/soma_zone 16m/r);
$n->reload;
is($n->post('/v1/chat/completions', $echo, @alice)->{status}, 200,
   'a zone of another size');
$n->configure(http => '', server => 'location / { return 204; }');
$n->reload;
ok(soma_wait(3, sub { $n->get('/')->{status} == 204 }),
   'a reload to no directive of ours');
$n->configure(http => http(''), server => 'location /v1/ { soma_pass; }');
$n->reload;
ok(soma_wait(3, sub {
    $n->post('/v1/chat/completions', $echo, @alice)->{status} == 200
}), 'and back');

ok($n->kill_worker('KILL'), 'a worker is killed');
is($n->post('/v1/chat/completions', $echo, @alice)->{status}, 200,
   'the next one serves') for 1 .. 4;

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[alert\](?!.*signal 9)/, 'no alert');

done_testing();
