# What a request is billed for when things go wrong: what went out and did not
# come back known is booked at what was reserved for it, and the record says
# so; what was refused or never sent costs nothing.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $TOOL = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                : "$Soma::BUILD/soma-ledger";
my $LONG = soma_slow() ? 40 : 15;

my $one = soma_upstream(name => 'one', responses => ['']);
my $two = soma_upstream(name => 'two', responses => ['']);
my $ledger = soma_dir('ledger');
my $dead = soma_port();
my $dir = soma_dir('prices');

open my $f, '>', "$dir/prices.json" or die;
print $f soma_to_json({
    think => { litellm_provider => 'one', mode => 'chat',
               input_cost_per_token => 1e-6, output_cost_per_token => 2e-6,
               max_output_tokens => 5000,
               supports_reasoning => JSON::PP::true() },
});
close $f;

# a model for each test, since health is kept by model
my $models = join '', map {
    "soma_model $_-1 provider=one input=1 output=2 max_output=4096;\n"
    . "soma_model $_-2 provider=two input=1 output=2 max_output=4096;\n"
    . "soma_model $_-d provider=dead input=1 output=2;\n"
    . "soma_route $_ { model $_-1; model $_-2; }\n"
} qw(left slow both lost refused empty cut stream none);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_ledger $ledger;
    soma_prices $dir/prices.json;
    soma_provider one { dialect openai;
                        endpoint http://127.0.0.1:@{[ $one->port ]}/v1;
                        timeout connect=1s first_token=1s idle=1s;
                        limit cost 1000/day; }
    soma_provider two { dialect openai;
                        endpoint http://127.0.0.1:@{[ $two->port ]}/v1;
                        timeout connect=1s first_token=1s idle=1s; }
    soma_provider dead { dialect openai;
                         endpoint http://127.0.0.1:$dead/v1; }
    $models
    soma_model think provider=one;
    soma_route refuse { model none-d; model none-2; }
    soma_tenant acme { limit tokens 10000000/day; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
END
    location /v1/ { soma_pass; soma_on_abort cancel; }
END2

my @alice = (Authorization => 'Bearer sk-alice');
my $seen = 0;

# the record of the request at hand
sub record {
    my ($name) = @_;
    my @rows;

    soma_wait($LONG, sub {
        @rows = split /\n/, `\Q$TOOL\E dump \Q$ledger\E`;
        @rows > $seen
    });

    is(@rows, ++$seen, "$name: one record");

    return soma_json($rows[-1] // '{}');
}

sub body {
    my ($model, $more) = @_;

    return qq({"model":"$model","messages":[{"role":"user","content":)
           . '"' . 'x' x 40 . qq("}]) . ($more // '') . '}';
}

sub ask { $n->post('/v1/chat/completions', body(@_), @alice) }

# the tokens that are left of the day
sub left {
    my $r = ask('none-d');

    $seen++;
    return $r->{headers}{'x-ratelimit-remaining-tokens'};
}

sub is_usage {
    my ($r, $out, $basis, $name) = @_;

    cmp_ok($r->{input_tokens}, '>', 10, "$name: the prompt");
    is($r->{output_tokens}, $out, "$name: the answer");
    is($r->{basis}, $basis, "$name: what that rests on");
    ok($r->{estimated}, "$name: it says that it is no provider's word");
    is($r->{cost_nano}, 1000 * $r->{input_tokens} + 2000 * $out
       + ($r->{cost_retried_nano} // 0), "$name: its cost");
}

sub is_free {
    my ($r, $name) = @_;

    is($r->{cost_nano}, 0, "$name: costs nothing");
    is($r->{output_tokens} + $r->{input_tokens}, 0, "$name: no tokens");
    ok(!$r->{estimated} && !exists $r->{basis}, "$name: that is known");
}

# sends a request and closes the connection when the provider has it
sub blind {
    my ($model, $more) = @_;
    my $count = $one->count;
    my $body = body($model, $more);
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;

    print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n"
             . "Authorization: Bearer sk-alice\r\nContent-Length: "
             . length($body) . "\r\n\r\n$body";
    soma_wait($LONG, sub { $one->count > $count });
    close $s;
}

sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $text = 'abcd' x 25;
my $usage = '"usage":{"prompt_tokens":11,"completion_tokens":7}';
my $good = soma_response(200, qq({"choices":[{"message":{"content":"hi"}}],)
                         . "$usage}");

# who leaves before an answer: its reservation, said or not

$one->reset({ raw => $good, wait => 30 });
blind('left-1');
my $r = record('a client that left');
is_usage($r, 4096, 'reserved', 'a client that left');
is($r->{error}, 'client_closed', 'it left');

blind('left-1', ',"max_tokens":300,"n":2');
is_usage(record('with a bound'), 600, 'reserved', 'with a bound');

blind('left-1', ',"stream":true,"max_tokens":300');
is_usage(record('a stream not begun'), 300, 'reserved', 'a stream not begun');

# nobody there, and refusals

is(ask('none-d')->{status}, 502, 'nobody there');
is_free(record('nobody there'), 'nobody there');

for my $status (400, 429, 500) {
    $one->reset(soma_response($status, qq({"error":{"message":"no"},$usage})));
    is(ask('refused-1')->{status}, $status, "a $status");
    is_free(record("a $status"), "a $status");
}

# a provider that is silent: 504

$one->reset({ raw => $good, wait => 30 });
is(ask('slow-1', ',"max_tokens":300')->{status}, 504, 'silence');
$r = record('silence');
is_usage($r, 300, 'reserved', 'silence');
is($r->{error}, 'upstream_timeout', 'silence: its error');

# one that takes the request and breaks off

$one->reset({ raw => '', close => 1 });
is(ask('lost-1', ',"max_tokens":300')->{status}, 502, 'a connection lost');
is_usage(record('a connection lost'), 300, 'reserved', 'a connection lost');

# the first target is silent, the second answers: both are paid

my $before = left();
$one->reset({ raw => $good, wait => 30 });
$two->reset($good);
is(ask('both', ',"max_tokens":300')->{status}, 200, 'a fallback');
$r = record('a fallback');
is($r->{model}, 'both-2', 'the second answered');
is("$r->{input_tokens} $r->{output_tokens}", '11 7', 'with its own usage');
ok(!$r->{estimated}, 'which is known');
my $prompt = $r->{retried_tokens} - 300;
cmp_ok($prompt, '>', 10, 'what the first may have used is told apart');
is($r->{cost_retried_nano}, 1000 * $prompt + 600_000, 'with its cost');
is($r->{cost_nano}, 11_000 + 14_000 + $r->{cost_retried_nano},
   'which is a part of the whole');
is($before - left(), 18 + $r->{retried_tokens}, 'and of what the limit paid');

# both are silent: the last one is the record's own

$two->reset({ raw => $good, wait => 30 });
is(ask('slow', ',"max_tokens":300')->{status}, 504, 'two that are silent');
$r = record('two that are silent');
is_usage($r, 300, 'reserved', 'two that are silent');
is($r->{model}, 'slow-2', 'the last one');
is($r->{cost_retried_nano}, $r->{cost_nano} / 2, 'the first one beside it');

# the first target is not there or refuses, the second answers: nothing more

$two->reset($good);
is(ask('refuse')->{status}, 200, 'a fallback from one that is not there');
$r = record('a fallback from one that is not there');
is($r->{cost_nano}, 25_000, 'costs what the second said');
ok(!exists $r->{retried_tokens}, 'and nothing else');

$one->reset(soma_response(503, '{"error":{"message":"no"}}'));
is(ask('refused')->{status}, 200, 'a fallback from one that refuses');
$r = record('a fallback from one that refuses');
is($r->{cost_nano}, 25_000, 'the same');

# 200 with neither usage nor text; an explicit 0

$one->reset(soma_response(200, '{"choices":[{"message":{"content":""}}]}'));
is(ask('empty-1', ',"max_tokens":300')->{status}, 200, 'no usage, no text');
is_usage(record('no usage, no text'), 300, 'reserved', 'no usage, no text');

$one->reset(soma_response(200, '{"choices":[],"usage":{"prompt_tokens":0,'
                          . '"completion_tokens":0}}'));
is(ask('empty-1')->{status}, 200, 'an explicit 0');
is_free(record('an explicit 0'), 'an explicit 0');

# a plain answer that is cut

my $long = soma_response(200, '{"choices":[{"message":{"content":"'
                         . 'x' x 50_000 . qq("}}],$usage}));
$one->reset({ raw => $long, stop_after => 40_000 });
ask('cut-1', ',"max_tokens":300');
is_usage(record('a cut answer'), 300, 'reserved', 'a cut answer');

# streams that are left: their text, or of a model that thinks all it may be

my $part = soma_sse(chunk($text), chunk($text)) =~ s/0\r\n\r\n$//r;

for my $case (['stream-1', 50, 'estimated', 'a stream'],
              ['think', 300, 'reserved', 'a stream of one that thinks'])
{
    my ($model, $out, $basis, $name) = @$case;

    $one->reset({ raw => $part, hang => 30 });

    my $s = $n->open('POST', '/v1/chat/completions',
                     body($model, ',"max_tokens":300,"stream":true'), @alice);
    $s->event for 1 .. 2;
    $s->close;
    is_usage(record($name), $out, $basis, $name);
}

ok($n->quit, 'the worker ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
