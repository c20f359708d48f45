# soma_metrics: valid to promtool, right to the token and nano-dollar, the
# same from every worker, and still there after a reload or a killed worker.

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

my ($res, $m) = metrics();
is($res->{status}, 200, 'metrics before any request');
is($res->{headers}{'content-type'},
   'text/plain; version=0.0.4; charset=utf-8', 'the type says which format');
is($m->{'soma_build_info{version="0.1.0",nginx="' . version() . '"}'}, 1,
   'the versions');
ok(soma_wait(10, sub { (metrics())[1]{soma_workers} == 2 }), 'two workers');
is($m->{'soma_provider_up{provider="local"}'}, 1, 'a provider is up');
is($m->{'soma_provider_up{provider="nokey"}'}, 0, 'one lacks its key');
is($m->{'soma_zone_bytes{state="total"}'}, 32 * 1024 * 1024, 'the zone');
ok($m->{'soma_zone_bytes{state="free"}'} > 0, 'with room in it');
ok(!exists $m->{soma_redis_up}, 'no Redis, no word of it');

my ($in, $out, $cost) = (0, 0, 0);

for my $n (1 .. 4) {
    my $r = ask('k', 'echo');
    my $u = soma_json($r->{body})->{usage};

    is($r->{status}, 200, "request $n");
    $in += $u->{prompt_tokens};
    $out += $u->{completion_tokens};
    $cost += $u->{prompt_tokens} * 150 + $u->{completion_tokens} * 600;
}

my $stream = ask('k', 'echo', ',"stream":true,'
                              . '"stream_options":{"include_usage":true}');
is($stream->{status}, 200, 'a stream');
my ($usage) = $stream->{body} =~ /("usage":\{.*?\})/;
my ($p) = ($usage // '') =~ /"prompt_tokens":(\d+)/;
my ($c) = ($usage // '') =~ /"completion_tokens":(\d+)/;
$in += $p;
$out += $c;
$cost += $p * 150 + $c * 600;

is(ask('k', 'both')->{status}, 200, 'the second target answers');
my $u = soma_json(ask('k', 'both')->{body})->{usage};
$in += 2 * $u->{prompt_tokens};
$out += 2 * $u->{completion_tokens};
$cost += 2 * ($u->{prompt_tokens} * 150 + $u->{completion_tokens} * 600);

is(ask('t', 'echo')->{status}, 200, 'the first of a small tenant');
is(ask('t', 'echo')->{status}, 429, 'the second is refused');
is(ask('wrong', 'echo')->{status}, 401, 'a wrong key');
is(ask('k', 'nowhere')->{status}, 404, 'a model nobody knows');

# what was answered is counted

($res, $m) = metrics();

my $acme = 'tenant="acme",provider="local",model="echo"';

is($m->{"soma_requests_total{$acme,api=\"chat\",status=\"200\"}"}, 7,
   'requests');
is($m->{"soma_tokens_total{$acme,type=\"input\"}"}, $in, 'input tokens');
is($m->{"soma_tokens_total{$acme,type=\"output\"}"}, $out, 'output tokens');
is($m->{"soma_cost_usd_total{$acme}"}, nano($cost), 'cost as a decimal');
is($m->{'soma_refused_total{tenant="tiny",reason="rate_limit_exceeded"}'},
   1, 'refused for its limit');
is($m->{'soma_refused_total{tenant="",reason="invalid_api_key"}'}, 1,
   'refused for its key');
is($m->{'soma_refused_total{tenant="acme",reason="model_not_found"}'}, 1,
   'refused for its model');
is($m->{'soma_attempt_failures_total{provider="busy",reason="http_429"}'},
   2, 'failed attempts');
is($m->{'soma_metrics_overflow_total{table="requests"}'}, 0, 'no overflow');

my $gen = 'gen_ai_operation_name="chat",gen_ai_provider_name="local",'
          . 'gen_ai_request_model="echo"';
is($m->{"gen_ai_server_request_duration_seconds_count{$gen}"}, 8,
   'durations of all that were answered');
is($m->{"gen_ai_server_request_duration_seconds_bucket{$gen,le=\"+Inf\"}"},
   8, 'as many in the last bucket');
is($m->{"gen_ai_server_time_to_first_token_seconds_count{$gen}"}, 1,
   'one first token');
is($m->{"gen_ai_client_token_usage_count{$gen,gen_ai_token_type=\"input\"}"},
   8, 'token usage');

SKIP: {
    skip 'no promtool', 1 unless -x '/usr/bin/promtool';

    my $file = File::Temp->new;
    print $file $res->{body};
    close $file;

    is(`promtool check metrics < $file 2>&1`, '', 'promtool has no word');
}

my %seen;
$seen{$_}++ for $res->{body} =~ /^# TYPE (\S+)/mg;
is(join(' ', grep { $seen{$_} > 1 } keys %seen), '', 'a family stands once');
%seen = ();
$seen{$_}++ for $res->{body} =~ /^([^#]\S*(?:\{.*\})?) \S+$/mg;
is(join(' ', grep { $seen{$_} > 1 } keys %seen), '', 'a sample stands once');

is($nginx->request('HEAD', '/metrics')->{body}, '', 'HEAD has no body');
is($nginx->post('/metrics', 'x')->{status}, 405, 'POST is refused');
is($nginx->get('/metrics/more')->{status}, 404, 'only where it was put');

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
is($m->{'soma_requests_total{tenant="t1",provider="local",model="od\"d",'
        . 'api="chat",status="200"}'}, 1, 'a quote in a label');
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


sub version {
    my ($v) = `nginx -v 2>&1` =~ m{nginx/(\S+)};

    return $v;
}


sub nano {
    my $s = sprintf '%010d', shift;

    $s =~ s/(\d{9})$/.$1/;
    $s =~ s/\.?0+$//;

    return $s;
}
