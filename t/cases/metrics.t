# soma_metrics: right to the token and the nano-dollar, refusals by their reason,
# each family and each sample once. What outlives reloads and killed workers, and
# what promtool says, is in t/metrics.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our ($NGINX) = `$ENV{TEST_NGINX_BINARY} -v 2>&1` =~ m{nginx/(\S+)};
our ($ALICE, $TIM) = map { "Authorization: Bearer sk-$_" } qw(alice tim);

sub ask {
    my ($model, $more) = @_;

    return "POST /v1/chat/completions\n"
           . '{"model":"' . $model . '","messages":[{"role":"user",'
           . '"content":"hello"}]' . ($more // '') . '}';
}

# only what matches of a page, sorted
sub only {
    my ($what) = @_;

    return sub {
        CORE::join '', sort grep { /^(?:$what)/ } split /^/, $_[0]
    };
}

delete $ENV{SOMA_TEST_NOT_SET};
Soma::soma_dir('ledger');

cases(keys => [qw(alice tim)], upstream => 1);

__DATA__

=== TEST 1: before any request there is what is configured, and no word of Redis
--- http_config
    soma_zone   32m;
    soma_ledger $TEST_NGINX_LEDGER;
    soma_provider local  { dialect echo; }
    soma_provider busy   { dialect openai; api_key x;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_provider nokey  { dialect openai; endpoint http://127.0.0.1:1/v1;
                           api_key env:SOMA_TEST_NOT_SET; }
    soma_model echo  provider=local input=0.15 output=0.60;
    soma_model slow  provider=busy input=1 output=1;
    soma_model none  provider=nokey input=1 output=1;
    soma_route both { model slow; model echo; retry_on http_429; }
    soma_tenant acme { }
    soma_tenant tiny { limit requests 1/hour; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_TIM tenant=tiny user=tim;
--- config
    location /v1/ { soma_pass; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
--- request
GET /metrics
--- response_headers
Content-Type: text/plain; version=0.0.4; charset=utf-8
--- response_body_filters eval
main::only('soma_(?:build_info|workers|provider_up|redis_up'
           . '|zone_bytes\{state="total"\})')
--- response_body eval
qq(soma_build_info{version="0.1.0",nginx="$::NGINX"} 1
soma_provider_up{provider="busy"} 1
soma_provider_up{provider="local"} 1
soma_provider_up{provider="nokey"} 0
soma_workers 1
soma_zone_bytes{state="total"} 33554432
)

=== TEST 2: requests of all kinds, which the metrics below are made of
--- upstream eval
main::soma_response(429, '{"error":{"message":"slow down"}}')
--- request eval
[(main::ask('echo')) x 4,
 main::ask('echo', ',"stream":true,"stream_options":{"include_usage":true}'),
 main::ask('both'), main::ask('both'), main::ask('echo'), main::ask('echo'),
 main::ask('echo'), main::ask('nowhere')]
--- more_headers eval
[($::ALICE) x 7, $::TIM, $::TIM, 'Authorization: Bearer sk-wrong', $::ALICE]
--- error_code eval
[(200) x 8, 429, 401, 404]

=== TEST 3: requests are counted by their status, tokens and costs exactly
The echo of one word: a token in, at 150 nano-dollars, and one out, at 600.
--- request
GET /metrics
--- response_body_filters eval
main::only('soma_(?:requests|tokens|cost_usd)_total\{tenant="acme"')
--- response_body
soma_cost_usd_total{tenant="acme",provider="local",model="echo"} 0.00000525
soma_requests_total{tenant="acme",provider="local",model="echo",api="chat",status="200"} 7
soma_tokens_total{tenant="acme",provider="local",model="echo",type="input"} 7
soma_tokens_total{tenant="acme",provider="local",model="echo",type="output"} 7

=== TEST 4: refusals are counted by their reason, and attempts that failed
--- request
GET /metrics
--- response_body_filters eval
main::only('soma_(?:refused|attempt_failures|metrics_overflow)_total')
--- response_body
soma_attempt_failures_total{provider="busy",reason="http_429"} 2
soma_metrics_overflow_total{table="attempts"} 0
soma_metrics_overflow_total{table="refused"} 0
soma_metrics_overflow_total{table="requests"} 0
soma_metrics_overflow_total{table="timings"} 0
soma_refused_total{tenant="",reason="invalid_api_key"} 1
soma_refused_total{tenant="acme",reason="model_not_found"} 1
soma_refused_total{tenant="tiny",reason="rate_limit_exceeded"} 1

=== TEST 5: durations, first tokens and usage under the names of OpenTelemetry
--- request
GET /metrics
--- response_body_filters eval
main::only('gen_ai_\w+_count\{|gen_ai_server_request_duration\w+.*le="\+Inf"')
--- response_body
gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_provider_name="local",gen_ai_request_model="echo",gen_ai_token_type="input"} 8
gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_provider_name="local",gen_ai_request_model="echo",gen_ai_token_type="output"} 8
gen_ai_server_request_duration_seconds_bucket{gen_ai_operation_name="chat",gen_ai_provider_name="local",gen_ai_request_model="echo",le="+Inf"} 8
gen_ai_server_request_duration_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="local",gen_ai_request_model="echo"} 8
gen_ai_server_time_to_first_token_seconds_count{gen_ai_operation_name="chat",gen_ai_provider_name="local",gen_ai_request_model="echo"} 1

=== TEST 6: a family stands once, and so does a sample
--- request
GET /metrics
--- response_body_filters eval
sub {
    my %seen;

    $seen{"# $_"}++ for $_[0] =~ /^# TYPE (\S+)/mg;
    $seen{$_}++ for $_[0] =~ /^([^#]\S*(?:\{.*\})?) \S+$/mg;

    return CORE::join ' ', scalar(keys %seen) > 50,
                      grep { $seen{$_} > 1 } keys %seen;
}
--- response_body chop
1

=== TEST 7: HEAD is GET without a body
--- request
HEAD /metrics
--- response_body chop

=== TEST 8: metrics are read only, and only where they were put
--- request eval
["POST /metrics\nx", 'GET /metrics/more']
--- error_code eval
[405, 404]

=== TEST 9: a quote in the name of a model is escaped
--- http_config
    soma_zone 8m;
    soma_provider local { dialect echo; }
    soma_model 'od"d' provider=local input=1 output=1;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location /v1/ { soma_pass; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
--- request eval
[main::ask('od\"d'), 'GET /metrics']
--- more_headers eval: $::ALICE
--- response_body_like eval
['"hello"', '(?m)^soma_requests_total\{tenant="acme",provider="local",'
 . 'model="od\\\\"d",api="chat",status="200"\} 1$']

=== TEST 10: a zone tells that there is room in it
--- request
GET /metrics
--- response_body_like eval
qr/^soma_zone_bytes\{state="free"\} [1-9]\d*$/m
