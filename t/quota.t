# Limits on shared memory: what refuses, what the client is told, that a
# request gives back what it did not use, in whatever way it ends.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my @keys = (['sk-alice', 'rate', 'alice'], ['sk-bob', 'rate', 'bob'],
            ['sk-cost', 'cost', 'carl'], ['sk-conc', 'conc', 'carol'],
            ['sk-tok', 'tok', 'ted'], ['sk-model', 'model', 'mia'],
            ['sk-svc', 'svc', 'sam'], ['sk-free', 'free', 'fay'],
            ['sk-fail', 'fail', 'finn'], ['sk-one', 'one', 'otto'],
            ['sk-own', 'free', 'oz', '"limits=requests 2/hour"']);

my $keys = join '', map {
    my ($secret, $tenant, $user, $more) = @$_;
    'soma_key sha256:' . soma_sha256($secret)
    . " tenant=$tenant user=$user" . ($more ? " $more" : '') . ";\n"
} @keys;

my $answer = '{"id":"x","object":"chat.completion","choices":[],'
             . '"usage":{"prompt_tokens":10,"completion_tokens":20,'
             . '"total_tokens":30}}';

# "slow" answers wait for this file
my $go = soma_dir('go') . '/go';

my $up = soma_upstream(responses => [sub {
    my ($request) = @_;

    return { raw => '', reset => 1 } if $request->{body} =~ /"reset"/;
    return soma_response(400, '{"error":{"message":"no"}}')
        if $request->{body} =~ /"bad"/;
    soma_wait(120, sub { -e $go }) if $request->{body} =~ /"slow"/;
    return { raw => soma_response(200, $answer), wait => 60 }
        if $request->{body} =~ /"hang"/;
    return soma_response(200, $answer);
}]);

my $port = $up->port;
my $http = "
    soma_zone      4m;
    soma_provider  up { dialect openai; api_key x;
                        endpoint http://127.0.0.1:$port/v1; }
    soma_provider  tight { dialect openai; api_key x;
                        endpoint http://127.0.0.1:$port/v1;
                        limit requests 2/hour; }
    soma_model     m provider=up input=1000000 output=1000000;
    soma_model     n provider=up input=0 output=0;
    soma_model     t provider=tight input=0 output=0;
    soma_tenant    rate { limit requests 3/hour per=user; }
    soma_tenant    cost { limit cost 1000/day; }
    soma_tenant    conc { limit concurrency 2; }
    soma_tenant    tok  { limit tokens 1000/hour; }
    soma_tenant    model { limit requests 1/hour per=model; }
    soma_tenant    svc  { limit requests 2/hour; }
    soma_tenant    fail { limit concurrency 1; limit tokens 1000/day; }
    soma_tenant    one  { limit concurrency 1; }
    soma_tenant    free { }
    $keys
";

my $nginx = soma_nginx(workers => 2, http => $http, server => '
    location /v1/    { soma_pass; }
    location /svc/   { soma_access; return 200 "served\n"; }
    location /files/ { soma_access; alias %%DIR%%/; }
');

open my $fh, '>', $nginx->dir . '/file' or die;
print $fh "file\n";
close $fh;


sub request {
    my ($model, $word, $max) = @_;

    return soma_to_json({ model => $model, max_tokens => $max // 100,
                          messages => [{ role => 'user',
                                         content => $word // 'hi' }] });
}


sub ask {
    my ($key, @what) = @_;

    return $nginx->post('/v1/chat/completions', request(@what),
                        Authorization => "Bearer $key",
                        'Content-Type' => 'application/json');
}


sub begin {
    my ($key, @what) = @_;
    my $body = request(@what);
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $nginx->port) or die;

    print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
             . "Authorization: Bearer $key\r\nConnection: close\r\n"
             . "Content-Type: application/json\r\nContent-Length: "
             . length($body) . "\r\n\r\n$body";

    return $s;
}


# two that are under way when it returns
sub begin_two {
    my (@what) = @_;
    my $count = $up->count + 2;
    my @two = map { begin(@what) } 1 .. 2;

    soma_wait(30, sub { $up->count >= $count });

    return @two;
}


# requests, of a user

my $res = ask('sk-alice', 'm');
is($res->{status}, 200, 'first');
is($res->{headers}{'x-ratelimit-limit-requests'}, 3, 'limit');
is($res->{headers}{'x-ratelimit-remaining-requests'}, 2, 'remaining');
ok($res->{headers}{'x-ratelimit-reset-requests'}, 'reset');
ask('sk-alice', 'm');
is(ask('sk-alice', 'm')->{headers}{'x-ratelimit-remaining-requests'}, 0,
   'the third has the last');

$res = ask('sk-alice', 'm');
is($res->{status}, 429, 'the fourth is refused, whichever worker has it');
like($res->{body}, qr/rate_limit_exceeded/, 'by its code');
like($res->{body}, qr{requests 3/hour per=user}, 'the limit is named');
my $after = $res->{headers}{'retry-after'} // 0;
ok($after > 1100 && $after <= 1200, "Retry-After: $after");
is(ask('sk-bob', 'm')->{status}, 200, 'another user has another bucket');

# cost: what was not used comes back

$res = ask('sk-cost', 'm', 'hi', 900);
is($res->{status}, 200, '900 of 1000 USD are reserved');
is(ask('sk-cost', 'm', 'hi', 900)->{status}, 200, '30 were used, so again');
$res = ask('sk-cost', 'm', 'hi', 2000);
is($res->{status}, 429, 'more than the budget');
like($res->{body}, qr/insufficient_quota/, 'insufficient_quota');
is($res->{headers}{'x-should-retry'}, 'false', 'no use to try again');

# tokens

$res = ask('sk-tok', 'n');
is($res->{status}, 200, 'tokens');
is($res->{headers}{'x-ratelimit-limit-tokens'}, 1000, 'limit');
ok($res->{headers}{'x-ratelimit-remaining-tokens'} <= 900, 'reserved');
my $last = 1000;
for (1 .. 3) {
    $last = ask('sk-tok', 'n')->{headers}{'x-ratelimit-remaining-tokens'};
}

# of what is under way, the bound: the body's bytes, 195, and the answer's 100
my $bound = length(request('n')) + 195 + 100;
ok($last >= 1000 - 3 * 30 - $bound && $last <= 910,
   "each before used 30, not $bound: $last left");
is(ask('sk-tok', 'n', 'hi', 5000)->{status}, 429, 'never more than the limit');

# concurrency

my @slow = begin_two('sk-conc', 'n', 'slow');
$res = ask('sk-conc', 'n');
is($res->{status}, 429, 'two run, the third is refused');
like($res->{body}, qr/concurrency 2/, 'by that limit');
ok($res->{headers}{'retry-after'}, 'with Retry-After');
open $fh, '>', $go or die;
close $fh;
for (@slow) { local $/; like(scalar(<$_>), qr/ 200 /, 'those two end well') }
is(ask('sk-conc', 'n')->{status}, 200, 'there is room again');

# clients that leave

@slow = begin_two('sk-conc', 'n', 'hang');
is(ask('sk-conc', 'n')->{status}, 429, 'two hang');
close $_ for @slow;
ok(soma_wait(20, sub { ask('sk-conc', 'n')->{status} == 200 }),
   'their clients left, they hold nothing');

# failures

for (1 .. 4) {
    isnt(ask('sk-fail', 'n', 'bad')->{status}, 200, 'a refusal');
}
is(ask('sk-fail', 'n', 'hi', 700)->{status}, 200,
   'refusals hold no concurrency and no tokens');
is(ask('sk-fail', 'unknown')->{status}, 404, 'no such model');
is(ask('sk-fail', 'n', 'hi', 700)->{status}, 200, 'holds nothing either');
isnt(ask('sk-fail', 'n', 'reset', 700)->{status}, 200,
     'a connection that is lost behind its request');
is(ask('sk-fail', 'n', 'hi', 700)->{status}, 429,
   'may have cost what was reserved for it');
is(ask('sk-fail', 'n', 'hi', 20)->{status}, 200, 'and nothing more');

# what a client has its answer to is settled, whatever the answer is

for my $word ('reset', 'bad', 'hi', 'hi', 'bad', 'reset') {
    my $left = ask('sk-one', 'n', $word)->{status};
    ok($left == 200 || $left == 400 || $left == 502, "$word alone: $left");
}
is(ask('sk-one', 'unknown')->{status}, 404, 'and no other is in the way')
    for 1 .. 3;
is($nginx->get('/svc/x', Authorization => 'Bearer sk-one')->{status}, 200,
   'nor where a service answers') for 1 .. 3;
is($nginx->request('HEAD', '/files/file', undef,
                   Authorization => 'Bearer sk-one')->{status}, 200,
   'nor where only a header is asked for') for 1 .. 3;
is($nginx->get('/files/file', Authorization => 'Bearer sk-one')->{status},
   200, 'nor where a file is') for 1 .. 3;
is($nginx->get('/files/none', Authorization => 'Bearer sk-one')->{status},
   404, 'nor where none is') for 1 .. 3;

# a model, a key, a provider

is(ask('sk-model', 'm')->{status}, 200, 'per=model');
is(ask('sk-model', 'm')->{status}, 429, 'once each');
is(ask('sk-model', 'n')->{status}, 200, 'the other one');

is(ask('sk-own', 'n')->{status}, 200, "a key's own limit");
ask('sk-own', 'n');
is(ask('sk-own', 'n')->{status}, 429, 'refuses');
is(ask('sk-free', 'n')->{status}, 200, 'that key only');

is(ask('sk-free', 't')->{status}, 200, "a provider's limit");
is(ask('sk-free', 't')->{headers}{'x-ratelimit-limit-requests'}, undef,
   'is not told to clients');
isnt(ask('sk-free', 't')->{status}, 200, 'keeps it from being asked');

# any service

my @svc = (Authorization => 'Bearer sk-svc');
is($nginx->get('/files/file', @svc)->{body}, "file\n", 'soma_access');
is($nginx->get('/files/file', @svc)->{status}, 200, 'twice');
is($nginx->get('/files/file', @svc)->{status}, 429, 'a service has limits');

# reload, and a killed worker

@slow = begin_two('sk-conc', 'n', 'hang');
is(ask('sk-conc', 'n')->{status}, 429, 'two hang');
is(ask('sk-alice', 'm')->{status}, 429, 'alice has nothing');
ok($nginx->reload, 'reload');
is(ask('sk-alice', 'm')->{status}, 429, 'alice has nothing after a reload');
is(ask('sk-conc', 'n')->{status}, 429, 'the old worker still holds two');

kill KILL => $_ for grep { $_ != $nginx->pid }
                    split ' ', `pgrep -P @{[ $nginx->pid ]}`;
ok(soma_wait(20, sub { ask('sk-conc', 'n')->{status} == 200 }),
   'killed workers hold nothing');
ok(soma_wait(20, sub { $nginx->error_log =~ /gave back what they held/ }),
   'it is in the log');
is(ask('sk-alice', 'm')->{status}, 429, 'requests made stay counted');

# a limit whose number is another goes on from what was spent

$http =~ s{3/hour per=user}{4/hour per=user};
$nginx->configure(http => $http);
ok($nginx->reload, 'another limit');

# the old workers may take one more
my $left;
soma_wait(20, sub {
    $res = ask('sk-alice', 'm');
    $left = $res->{headers}{'x-ratelimit-remaining-requests'};
    $res->{status} == 200
});
is($left, 0, 'is the same count: one more was there');

ok($nginx->quit, 'quit');
unlike($nginx->error_log, qr/\[(?:crit|emerg)\]/, 'nothing bad in the log');

done_testing();
