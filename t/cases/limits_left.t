# What is left of limits is seen: GET /soma/limits, headers, gauges, each by whom
# it concerns. What is in flight, pages, and what nodes share are in
# t/limits_left.t.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

our ($ALICE, $BOB, $OTHER, $ROOT) = map { "x-api-key: sk-$_" }
                                    qw(alice bob other root);
our $ASK = 'POST /v1/completions
{"model":"m","max_tokens":1000,"prompt":"x"}';

my @now = gmtime;
our $MONTH = sprintf '%04d-%02d-01T00:00:00.000Z',
                     $now[5] + 1900 + ($now[4] == 11), ($now[4] + 1) % 12 + 1;

# a row a line: whose it is, its text, its value, and the members that are named
sub rows {
    my (@names) = @_;

    return sub {
        my $rows = (eval { Soma::soma_json($_[0]) } || {})->{limits};

        return $_[0] unless $rows;
        return CORE::join '', sort map {
            my $row = $_;
            CORE::join(' ', grep({ length } map { $_ // '' }
                                 @$row{qw(owner text value)}),
                       map { "$_=" . ($row->{$_} // 'null') } @names) . "\n"
        } @$rows;
    };
}

cases(keys => [qw(alice bob other root)], upstream => 1);

__DATA__

=== TEST 1: a key sees what it is limited by, before anything is used
But for this request itself, which is in flight.
--- http_config
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        limit requests 1000/day;
    }
    soma_model m provider=p input=0 output=2;
    soma_tenant acme {
        limit cost 0.5/month;
        limit tokens 1m/hour per=user;
        limit requests 100k/day per=model;
        limit concurrency 700;
    }
    soma_tenant other { limit cost 3/ever; }
    soma_tenant ops { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice name=a
             "limits=requests 500000/week";
    soma_key $TEST_NGINX_BOB tenant=acme user=bob name=b;
    soma_key $TEST_NGINX_OTHER tenant=other user=x name=x;
    soma_key $TEST_NGINX_ROOT tenant=ops user=root name=o capabilities=admin;
--- config
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
--- request
GET /soma/limits
--- more_headers eval: $::ALICE
--- response_body_filters eval
main::rows(qw(unit limit used reserved left window scope))
--- response_body
key:a requests 500000/week a unit=requests limit=500000 used=0 reserved=1 left=499999 window=week scope=key
tenant:acme concurrency 700 unit=requests at a time limit=700 used=1 reserved=0 left=699 window=none scope=tenant
tenant:acme cost 0.5/month unit=USD limit=0.5 used=0 reserved=0 left=0.5 window=month scope=tenant
tenant:acme requests 100k/day per=model unit=requests limit=100000 used=0 reserved=1 left=99999 window=day scope=model
tenant:acme tokens 1m/hour per=user alice unit=tokens limit=1000000 used=0 reserved=0 left=1000000 window=hour scope=user

=== TEST 2: an answer tells of its limit of cost, what is left and until when
--- upstream
{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":1000,"total_tokens":1000}}
--- request eval: $::ASK
--- more_headers eval: $::ALICE
--- response_headers
x-ratelimit-limit-cost: 0.5
x-ratelimit-remaining-cost: 0.498
--- raw_response_headers_like: x-ratelimit-reset-cost: (\d+h)?(\d+m)?\d+s\r

=== TEST 3: what is used of a tenant is that of all its keys
--- request eval
[$::ASK, 'GET /soma/limits']
--- more_headers eval
[$::BOB, $::ALICE]
--- response_body_filters eval
sub {
    my $all = main::rows(qw(limit used reserved left resets_at))->($_[0]);

    return CORE::join '', $all =~ /^(\{.*|tenant:acme cost .*\n)/mg;
}
--- response_body_like eval
['^\{"choices"',
 "^tenant:acme cost 0.5/month limit=0.5 used=0.004 reserved=0 left=0.496 "
 . "resets_at=$::MONTH\n\$"]

=== TEST 4: what is used of a key and of a model is its own
Two looks at this page were requests, too, and this one is. Tokens of an hour
come back as it passes.
--- request
GET /soma/limits
--- more_headers eval: $::ALICE
--- response_body_filters eval: main::rows(qw(used reserved left))
--- response_body_like eval
qr{^key:a\ requests\ 500000/week\ a\ used=3\ reserved=1\ left=499996\n
   tenant:acme\ concurrency\ 700\ .*\n
   tenant:acme\ cost\ [^\n]*\n
   tenant:acme\ requests\ 100k/day\ per=model\ m\ used=2\ reserved=0\ left=99998\n
   .*^tenant:acme\ tokens\ 1m/hour\ per=user\ alice\ used=(?:1000|\d{1,3})\ }smx

=== TEST 5: an admin sees those of all tenants, users and providers
--- request
GET /soma/limits
--- more_headers eval: $::ROOT
--- response_body_filters eval: main::rows('resets_at')
--- response_body_like eval
qr{^(?=.*^provider:p\ requests\ 1000/day\ p\ )(?=.*^tenant:acme\ cost\ 0\.5/month)
   (?=.*^tenant:acme\ tokens\ 1m/hour\ per=user\ bob\ )
   (?=.*^tenant:other\ cost\ 3/ever\ resets_at=null\n)}smx

=== TEST 6: or those of one
--- request
GET /soma/limits?tenant=other
--- more_headers eval: $::ROOT
--- response_body_filters eval: main::rows('left')
--- response_body
tenant:other cost 3/ever left=3

=== TEST 7: a key sees no other tenant's
--- request
GET /soma/limits?tenant=acme
--- more_headers eval: $::OTHER
--- error_code: 403
--- response_body_like: "code":"limits_of_another_tenant"

=== TEST 8: nobody sees nothing
--- request
GET /soma/limits
--- error_code: 401

=== TEST 9: a tenant and a cursor that are none are refused
--- request eval
['GET /soma/limits?tenant=a/b', 'GET /soma/limits?cursor=x']
--- more_headers eval: $::ROOT
--- error_code eval
[400, 400]
--- response_body_like eval
['"code":"invalid_tenant"', '"code":"invalid_cursor"']

=== TEST 10: limits are not changed here
--- request
POST /soma/limits
{}
--- more_headers eval: $::ROOT
--- error_code: 405

=== TEST 11: gauges tell the limit of a tenant and what is left
--- request
GET /metrics
--- response_body_like eval
qr/^soma_limit\{tenant="acme",limit="cost\/month",unit="USD"\}\ 0\.5$
   .*^soma_limit_left\{tenant="acme",limit="cost\/month",unit="USD"\}\ 0\.496$
   /smx
