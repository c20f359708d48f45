# soma_metrics: valid to promtool, the same from every worker, still there after
# a reload or a killed worker, and right where a small zone has no room for all.
# What is counted, to the token and nano-dollar, is in t/cases/metrics.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use File::Temp ();

my $dir = soma_dir('ledger');
my $up = soma_upstream(responses => [
    soma_response(429, '{"error":{"message":"slow down"}}')]);

my $nginx = soma_nginx(workers => 2, http => <<"EOC", server => <<'EOS');
    soma_zone   32m;
    soma_ledger $dir;
    soma_provider local  { dialect echo; }
    soma_provider busy   { dialect openai; endpoint http://127.0.0.1:@{[
                           $up->port ]}/v1; api_key x; }
    soma_provider nokey  { dialect openai; endpoint http://127.0.0.1:1/v1;
                           api_key env:SOMA_TEST_NOT_SET; }
    soma_model echo  provider=local input=0.15 output=0.60;
    soma_model slow  provider=busy input=1 output=1;
    soma_model none  provider=nokey input=1 output=1;
    soma_route both { model slow; model echo; retry_on http_429; }
    soma_tenant acme { }
    soma_tenant tiny { limit requests 1/hour; }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme user=alice;
    soma_key sha256:@{[ soma_sha256('t') ]} tenant=tiny user=tim;
EOC
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /metrics { soma_metrics; }
EOS

my $chat = '{"model":"%s","messages":[{"role":"user","content":"hello"}]%s}';

sub ask {
    my ($key, $model, $more) = @_;

    return $nginx->post('/v1/chat/completions',
                        sprintf($chat, $model, $more // ''),
                        Authorization => "Bearer $key",
                        'Content-Type' => 'application/json');
}

sub metrics {
    my $res = $nginx->get('/metrics');
    my %m;

    for (split /\n/, $res->{body}) {
        $m{$1} = $2 if /^([^#].*) (\S+)$/;
    }

    return ($res, \%m);
}

ok(soma_wait(10, sub { (metrics())[1]{soma_workers} == 2 }), 'two workers');

# requests of all kinds; what is counted of them is in t/cases/metrics.t

is(ask('k', 'echo')->{status}, 200, "request $_") for 1 .. 4;
ask('k', 'echo', ',"stream":true,"stream_options":{"include_usage":true}');
ask('k', 'both') for 1 .. 2;
ask('t', 'echo') for 1 .. 2;
ask('wrong', 'echo');
ask('k', 'nowhere');

my ($res, $m) = metrics();
my $acme = 'tenant="acme",provider="local",model="echo"';

is($m->{"soma_requests_total{$acme,api=\"chat\",status=\"200\"}"}, 7,
   'any worker tells of the requests of all');

SKIP: {
    skip 'no promtool', 1 unless -x '/usr/bin/promtool';

    my $file = File::Temp->new;
    print $file $res->{body};
    close $file;

    is(`promtool check metrics < $file 2>&1`, '', 'promtool has no word');
}

# what must not be lost

my $before = $m->{"soma_requests_total{$acme,api=\"chat\",status=\"200\"}"};
ok($nginx->reload, 'a reload');
($res, $m) = metrics();
is($m->{"soma_requests_total{$acme,api=\"chat\",status=\"200\"}"}, $before,
   'counters survive a reload');
ok(soma_wait(10, sub {
       ($res, $m) = metrics();
       return $m->{soma_workers} == 2;
   }), 'the old workers are gone from the books');

my ($victim) = $nginx->workers;
my $hang = $nginx->open('POST', '/v1/chat/completions',
                        sprintf($chat, 'echo', ''),
                        Authorization => 'Bearer k');
$hang->close;
kill KILL => $victim;
ok(soma_wait(10, sub { !grep { $_ == $victim } $nginx->workers }),
   'a worker is killed');
ok(soma_wait(10, sub {
       ($res, $m) = metrics();
       return $m->{soma_workers} == 2 && $m->{soma_requests_in_flight} == 0;
   }), 'its slot is emptied, another worker is counted');
ok($m->{"soma_requests_total{$acme,api=\"chat\",status=\"200\"}"} >= $before,
   'its counters stay');

$nginx->quit;
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\](?!.*signal 9)/,
       'without an alert');


# more tenants than a small zone has series for, and odd names

my $tenants = 300;
my $keys = join '', map {
    my $sha = soma_sha256("k$_");
    "soma_tenant t$_ { }\nsoma_key sha256:$sha tenant=t$_;\n"
} 1 .. $tenants;

$nginx = soma_nginx(name => 'small', http => <<"EOC", server => <<'EOS');
    soma_zone  1m;
    soma_provider local { dialect echo; }
    soma_model 'od"d' provider=local input=1 output=1;
    $keys
EOC
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /metrics { soma_metrics; }
EOS

is(scalar(grep { ask("k$_", 'od\"d')->{status} != 200 } 1 .. $tenants), 0,
   'many tenants in a small zone');

($res, $m) = metrics();
my $other = join ',', map { "$_=\"other\"" }
            qw(tenant provider model api status);
my $rest = $m->{"soma_requests_total{$other}"} // 0;
my $sum = 0;

$sum += $m->{$_} for grep { /^soma_requests_total/ } keys %$m;

ok($rest > 0, 'what finds no series is "other"');
is($m->{'soma_metrics_overflow_total{table="requests"}'}, $rest,
   'and known to be');
is($sum, $tenants, 'the sum is right');
is(soma_json($nginx->get('/soma/usage',
                         Authorization => 'Bearer k1')->{body})
   ->{total}{requests}, 1, 'usage of the first tenant');

SKIP: {
    skip 'no promtool', 1 unless -x '/usr/bin/promtool';

    my $file = File::Temp->new;
    print $file $res->{body};
    close $file;

    is(`promtool check metrics < $file 2>&1`, '', 'promtool has no word');
}

done_testing();
