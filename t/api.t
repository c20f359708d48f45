# soma_api and GET /v1/models without Redis: who may see what, and what is
# said about bad questions.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use POSIX qw(strftime);

my $dir = soma_dir('ledger');

my $http = <<"EOC";
    soma_zone   32m;
    soma_ledger $dir;
    soma_provider local { dialect echo; }
    soma_provider nokey { dialect openai;
                          endpoint https://127.0.0.1:1/v1;
                          api_key env:SOMA_TEST_NOT_SET; }
    soma_provider dead  { dialect openai; endpoint http://127.0.0.1:1/v1;
                          api_key verysecret; }
    soma_model echo  provider=local input=0.15 output=0.60 context=8192;
    soma_model free  provider=local input=0 output=0;
    soma_model org/m provider=local input=1 output=1;
    soma_model none  provider=nokey input=1 output=1;
    soma_model gone  provider=dead input=1 output=1;
    soma_route assistant { model gone; model echo; retry_on error; }
    soma_tenant acme  { limit cost 50/day; }
    soma_tenant ops   { }
    soma_tenant small { models echo assistant; }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme user=alice
             "limits=requests 600/minute;cost 5/day";
    soma_key sha256:@{[ soma_sha256('s') ]} tenant=small user=sam;
    soma_key sha256:@{[ soma_sha256('u') ]} tenant=small user=uma
             capabilities=usage;
    soma_key sha256:@{[ soma_sha256('a') ]} tenant=ops user=root
             capabilities=admin;
EOC

my $server = <<'EOS';
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /livez { soma_api; }
    location = /readyz { soma_api; }
EOS

my $nginx = soma_nginx(http => $http, server => $server);

sub get {
    my ($key, $uri) = @_;
    my $res = $nginx->get($uri, $key ? (Authorization => "Bearer $key") : ());

    $res->{json} = eval { soma_json($res->{body}) };

    return $res;
}

sub ask {
    my ($key, $model) = @_;

    return $nginx->post('/v1/chat/completions',
                        '{"model":"' . $model . '","messages":'
                        . '[{"role":"user","content":"hello there"}]}',
                        Authorization => "Bearer $key");
}

my $today = strftime('%Y-%m-%d', gmtime);


# usage

my ($in, $out) = (0, 0);

for (1 .. 3) {
    my $u = soma_json(ask('k', 'echo')->{body})->{usage};

    $in += $u->{prompt_tokens};
    $out += $u->{completion_tokens};
}

is(ask('k', 'org/m')->{status}, 200, 'a model with a slash');
is(ask('s', 'echo')->{status}, 200, 'another tenant');

my $res = get('k', '/soma/usage');
is($res->{status}, 200, 'usage');
is($res->{headers}{'content-type'}, 'application/json', 'is JSON');
is($res->{json}{tenant}, 'acme', 'of the key\'s tenant');
is($res->{json}{source}, 'local', 'of this node');
is("$res->{json}{from} $res->{json}{to}", "$today $today", 'of today');
is(scalar @{ $res->{json}{rows} }, 2, 'a row a model');

my ($row) = grep { $_->{model} eq 'echo' } @{ $res->{json}{rows} };
is($row->{provider}, 'local', 'its provider');
is($row->{day}, $today, 'its day');
is($row->{requests}, 3, 'its requests');
is($row->{input_tokens}, $in, 'its input tokens');
is($row->{output_tokens}, $out, 'its output tokens');
is($row->{cost_nano}, $in * 150 + $out * 600, 'its cost, whole');
is($row->{cost_usd}, usd($in * 150 + $out * 600), 'and in dollars');
is($res->{json}{total}{requests}, 4, 'the total');

is(scalar @{ get('k', '/soma/usage?by=day')->{json}{rows} }, 1, 'by day');
is(scalar @{ get('k', "/soma/usage?day=$today&by=model")->{json}{rows} }, 2,
   'by model');
is(get('k', '/soma/usage?day=2020-02-29')->{json}{total}{requests}, 0,
   'a day of the past');
is(get('k', "/soma/usage?from=$today")->{json}{total}{requests}, 4, 'from');

$res = get('k', '/soma/usage?tenant=small');
is($res->{status}, 403, 'another tenant\'s usage');
like($res->{json}{error}{message}, qr/acme.*capability "usage"/,
     'says what it would take');
is(get('k', '/soma/usage?tenant=*')->{status}, 403, 'nor that of all');
is(get('k', '/soma/usage?tenant=acme')->{status}, 200, 'its own by name');

for my $key ('u', 'a') {
    is(get($key, '/soma/usage?tenant=acme')->{json}{total}{requests}, 4,
       "another tenant's usage for key $key");
}

$res = get('a', '/soma/usage?tenant=*&by=tenant');
is(join(' ', map { "$_->{tenant}:$_->{requests}" } @{ $res->{json}{rows} }),
   'acme:4 small:1', 'all tenants');

for (['day=yesterday', qr/day is "yesterday".*YYYY-MM-DD/],
     ['day=2026-02-30', qr/day is "2026-02-30"/],
     ['from=2026-02-01&to=2026-01-01', qr/from lies behind to/],
     ['from=2020-01-01&to=2021-01-01', qr/62 a call/],
     ['day=2026-01-01&to=2026-01-02', qr/one day or a range/],
     ['by=color', qr/by is "color".*model, day, tenant/],
     ['tenant=a%7Db', qr/tenant is "a\}b"/])
{
    $res = get('a', "/soma/usage?$_->[0]");
    is($res->{status}, 400, "usage?$_->[0]");
    like($res->{json}{error}{message}, $_->[1], 'says what is allowed');
}


# health

is(get('s', '/v1/models')->{status}, 200, 'models');
is(ask('k', 'assistant')->{status}, 200, 'a route past a dead provider')
    for 1 .. 5;

$res = get('s', '/soma/health');
is($res->{body}, "{\"status\":\"degraded\",\"providers\":[]}\n",
   'who does not run the gateway is told one word of its health');
$res = get('k', '/soma/health');
is(join(' ', sort keys %{$res->{json}}), 'providers status',
   'and which of its models do not answer');
is_deeply([map { [$_->{name}, sort(keys %$_),
                  map { "$_->{name} $_->{health}" } @{$_->{models}}] }
           @{$res->{json}{providers}}],
          [['dead', 'models', 'name', 'gone open']], 'nothing else of them');

$res = get('u', '/soma/health');
is($res->{status}, 200, 'who may see all usage is told all');
is($res->{json}{pid}, get('a', '/soma/health')->{json}{pid},
   'and so is an admin');
is($res->{json}{status}, 'degraded', 'a provider lacks its key');
ok(!$res->{json}{redis}{configured}, 'no Redis');
ok($res->{json}{ledger}{configured}, 'a ledger');
like($res->{json}{pid}, qr/^\d+$/, 'the worker');

my %p = map { $_->{name} => $_ } @{ $res->{json}{providers} };
ok($p{local}{usable}, 'echo is usable');
is($p{local}{dialect}, 'echo', 'its dialect');
ok(!$p{nokey}{usable}, 'the one without a key is not');
like($p{nokey}{why}, qr/SOMA_TEST_NOT_SET/, 'and it says why');
is($p{nokey}{endpoint}, 'https://127.0.0.1:1/v1', 'where it would be');
ok(!$p{dead}{usable}, 'the dead one is not');
is($p{dead}{models}[0]{health}, 'open', 'its model is passed over');
like($p{dead}{models}[0]{open_until}, qr/^\d{4}-.*Z$/, 'until then');
unlike($res->{body}, qr/secret/, 'no secret');


# config

$res = get('s', '/soma/config');
is($res->{status}, 200, 'config');
is($res->{json}{tenant}, 'small', 'whose key');
is(join(' ', map { $_->{name} } @{ $res->{json}{models} }), 'echo',
   'its models');
is(join(' ', map { $_->{name} } @{ $res->{json}{routes} }), 'assistant',
   'its routes');
is($res->{json}{models}[0]{usd_per_1m}{input}, '0.15', 'a price');
is($res->{json}{models}[0]{usd_per_1m}{output}, '0.6', 'another');
is($res->{json}{models}[0]{context}, 8192, 'the context');

$res = get('k', '/soma/config');
is(join('|', map { "$_->{owner} $_->{limit}" } @{ $res->{json}{limits} }),
   'tenant cost 50/day|key requests 600/minute|key cost 5/day', 'limits');
my ($free) = grep { $_->{name} eq 'free' } @{ $res->{json}{models} };
is($free->{usd_per_1m}{input}, '0', 'free is a price too');
unlike($res->{body}, qr/secret|@{[ soma_sha256('k') ]}/, 'no secret');


# locks

is(get('k', '/soma/locks')->{status}, 403, 'locks are for admins');
$res = get('a', '/soma/locks');
is($res->{status}, 200, 'locks');
is(scalar @{ $res->{json}{locks} }, 0, 'none');
is($nginx->post('/soma/training/enable',
       '{"tenant":"acme","user":"root","reason":"nightly","ttl":600}',
       Authorization => 'Bearer a')->{status}, 200, 'a lock is made');
$res = get('a', '/soma/locks');
is(scalar @{ $res->{json}{locks} }, 1, 'one');
is("@{ $res->{json}{locks}[0] }{qw(tenant user reason)}",
   'acme root nightly', 'whose and why');
ok($res->{json}{locks}[0]{ttl} > 590 && $res->{json}{locks}[0]{ttl} <= 600,
   'for how long');
is($nginx->post('/soma/training/disable', '{"tenant":"acme","user":"root"}',
                Authorization => 'Bearer a')->{status}, 200, 'it is undone');
is(scalar @{ get('a', '/soma/locks')->{json}{locks} }, 0, 'none again');


# livez, readyz, and what is not there

is(get('', '/livez')->{body}, "ok\n", 'livez without a key');
$res = get('', '/readyz');
is($res->{status}, 200, 'readyz without a key');
is($res->{json}{status}, 'ready', 'ready');
is($nginx->post('/livez', 'x')->{status}, 405, 'POST livez');

is(get('', '/soma/health')->{status}, 401, 'health needs a key');
is(get('', '/soma/nothing')->{status}, 401, 'a wrong path too');
$res = get('k', '/soma/nothing');
is($res->{status}, 404, 'unknown endpoint');
like($res->{json}{error}{message}, qr/usage.*health.*livez/, 'names those');
$res = $nginx->post('/soma/usage', '{}', Authorization => 'Bearer k');
is($res->{status}, 405, 'POST usage');
is($res->{headers}{allow}, 'GET, HEAD', 'says what is allowed');
$res = $nginx->request('HEAD', '/soma/config', '',
                       Authorization => 'Bearer k');
is("$res->{status} [$res->{body}]", '200 []', 'HEAD');


# models

$res = get('k', '/v1/models');
is($res->{json}{object}, 'list', 'models');
is(join(' ', sort map { $_->{id} } @{ $res->{json}{data} }),
   'assistant echo free gone org/m', 'all but those without a key');
is(join(' ', sort map { $_->{id} } @{ get('s', '/v1/models')->{json}{data} }),
   'assistant echo', 'what a tenant may use');
$res = get('s', '/v1/models/echo');
is("@{ $res->{json} }{qw(id object owned_by)}", 'echo model local',
   'one of them');
is(get('k', '/v1/models/org/m')->{json}{id}, 'org/m', 'with a slash');
is(get('k', '/v1/models/org%2Fm')->{json}{id}, 'org/m', 'escaped');
$res = get('s', '/v1/models/free');
is($res->{status}, 404, 'one it may not use');
is($res->{json}{error}{code}, 'model_not_found', 'in the client\'s dialect');
is(get('', '/v1/models')->{status}, 401, 'models need a key');
is($nginx->request('DELETE', '/v1/models/echo', '',
                   Authorization => 'Bearer k')->{status}, 405,
   'models are not deleted');

ok($nginx->quit, 'the end');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');


# nobody can answer

$nginx = soma_nginx(name => 'unready', http => <<"EOC", server => $server);
    soma_zone 8m;
    soma_provider nokey { dialect openai; endpoint http://127.0.0.1:1/v1;
                          api_key env:SOMA_TEST_NOT_SET; }
    soma_model none provider=nokey input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme;
EOC

$res = get('', '/readyz');
is($res->{status}, 503, 'no provider can be used');
is($res->{json}{reasons}[0], 'no provider is usable', 'says so');
is(get('', '/livez')->{status}, 200, 'but it lives');

done_testing();


sub usd {
    my $s = sprintf '%010d', shift;

    $s =~ s/(\d{9})$/.$1/;
    $s =~ s/\.?0+$//;

    return $s;
}
