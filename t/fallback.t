# One target after the other, over time: targets that are left alone and asked
# again, idle connections that break, weights. What makes a request move on and
# what the client is told is in t/cases/fallback.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $good = soma_response(200, '{"object":"good","usage":{"prompt_tokens":3,'
                         . '"completion_tokens":4}}');
my $one = soma_upstream(name => 'one', responses => [$good]);
my $two = soma_upstream(name => 'two', responses => [$good]);
my $hash = soma_sha256('sk-alice');

sub provider {
    my ($name, $port, $more) = @_;

    return "soma_provider $name { dialect openai; "
           . "endpoint http://127.0.0.1:$port/v1; "
           . "timeout connect=300ms first_token=400ms idle=400ms; "
           . ($more // '') . " }\n";
}

# each group of tests has models of its own: health is kept by model
my @groups = qw(s429 s500 close half weigh brk);
my $models = join '', map {
    "soma_model $_-1 provider=p1 input=1 output=1;\n"
    . "soma_model $_-2 provider=p2 input=1 output=1;\n"
} @groups;

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    @{[provider(p1 => $one->port)]}
    @{[provider(p2 => $two->port)]}
    $models
    soma_route s429 { model s429-1; model s429-2; }
    soma_route s500 { model s500-1; model s500-2; }
    soma_route close { model close-1; model close-2; }
    soma_route half { model half-1; model half-2; retry_on timeout; }
    soma_route weigh { strategy weighted; model weigh-1 weight=3;
                       model weigh-2; }
    soma_route brk { model brk-1; model brk-2; }

    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
END
    location /v1/ { soma_pass; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub ask {
    my ($model, %more) = @_;
    my $uri = delete $more{uri} // '/v1/chat/completions';
    my $body = soma_to_json({ model => $model, messages => [
                   { role => 'user', content => 'one two three' }], %more });

    return $n->post($uri, $body, @alice);
}

# 429: the target is left alone for as long as it asks
$one->reset(soma_response(429, '{"error":{"message":"slow down"}}',
                          'Retry-After' => 2), $good);
ask('s429') for 1 .. 2;
is($one->count, 1, 'it is not asked before Retry-After');
sleep 2.1;
is(ask('s429')->{headers}{'x-soma-model'}, 's429-1', 'and then again');

$one->reset(soma_response(503, 'x', 'retry-after-ms' => 400), $good);
ask('s500');
is(ask('s500')->{headers}{'x-soma-model'}, 's500-2', 'retry-after-ms: not yet');
sleep 0.5;
is(ask('s500')->{headers}{'x-soma-model'}, 's500-1', 'retry-after-ms: now');

# connections kept alive that the provider closed in the meantime
$two->reset($good);
$one->reset(sub { my ($r, $i) = @_;
                  $i == 1 ? { raw => '', close => 1 } : $good });
is(ask('close')->{headers}{'x-soma-model'}, 'close-1', 'a first request');
my $res = ask('close');
is($res->{headers}{'x-soma-model'}, 'close-1',
   'a closed idle connection: the same target once more');
is($res->{headers}{'x-soma-attempts'}, 1, 'it is one attempt');
my @conn = map { $_->{conn} } $one->requests;
is("@conn", '1 1 2', 'on a fresh connection');

$one->reset(sub { my ($r, $i) = @_; $i ? { raw => '', close => 1 } : $good });
ask('close');
is(ask('close')->{headers}{'x-soma-model'}, 'close-2',
   'only once: then the next target');

# an idle connection that breaks in the middle of a header: nginx itself would
# try once more, retry_on does not allow it
$one->reset(sub { my ($r, $i) = @_;
                  $i == 1 ? { raw => "HTTP/1.1 200 OK\r\nX-Ha", close => 1 }
                          : $good });
is(ask('half')->{headers}{'x-soma-model'}, 'half-1', 'an idle connection');
$res = ask('half');
is($res->{status}, 502, 'half a header, and retry_on without error');
is($res->{headers}{'x-soma-attempts'}, 1, 'one attempt');

# weights
$_->reset($good) for $one, $two;
ask('weigh') for 1 .. 120;
my $share = $one->count;
cmp_ok($share, '>', 70, "weight 3 of 4: $share of 120, not too few");
cmp_ok($share, '<', 110, 'not too many');
is($share + $two->count, 120, 'each went to one');

# the breaker
$one->reset(soma_response(500, '{}'));
$two->reset($good);
ask('brk') for 1 .. 5;
is($one->count, 5, 'five failures');
is(ask('brk')->{headers}{'x-soma-attempts'}, 1, 'the breaker is open');
is($one->count, 5, 'it is left alone');

unless (soma_slow()) {
    $one->reset($good);
    ok(soma_wait(12, sub { sleep 0.5;
        (ask('brk')->{headers}{'x-soma-model'} // '') eq 'brk-1' }),
       'it heals');
}

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
