# The configuration: the design's example as written, what every directive
# refuses and how it says so, inheritance, reloads.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $HASH = soma_sha256('sk-alice');
my $ROOT = soma_sha256('sk-root');
my $prices = "$Soma::TOP/conf/prices.json";
my $n = soma_nginx(start => 0, server => 'location / { return 204; }');

my $secret = "secret file:$ENV{TEST_NGINX_DIR}/secret;";

for (['secret', 'x' x 32], ['short', "12345\n"]) {
    open my $fh, '>', "$ENV{TEST_NGINX_DIR}/$_->[0]" or die;
    print $fh $_->[1];
    close $fh;
}

soma_dir('ledger');
mkdir "$ENV{TEST_NGINX_DIR}/empty";

sub check {
    my (%conf) = @_;

    $n->configure(http => '', server => '', main => '', %conf);

    return $n->test;
}


# the design's example, with the dialects there are

my $example = <<"END";
    resolver 127.0.0.53;
    soma_zone    64m;
    soma_redis   redis://127.0.0.1:6379/0;
    soma_ledger  $ENV{TEST_NGINX_LEDGER};
    soma_prices  $prices;

    soma_provider openai {
        dialect   openai;
        endpoint  https://api.openai.com/v1;
        api_key   env:SOMA_TEST_KEY;
        limit     cost 20/month;
        timeout   connect=2s first_token=30s idle=60s;
    }
    soma_provider ollama { dialect openai; endpoint http://127.0.0.1:11434; }
    soma_provider local  { dialect echo; }

    soma_model gpt-4o-mini  provider=openai;
    soma_model llama-3-8b   provider=ollama name=llama3:8b input=0 output=0;
    soma_model echo         provider=local input=0.15 output=0.60;

    soma_route assistant {
        strategy  order;
        model     llama-3-8b;
        model     gpt-4o-mini weight=3;
        model     echo;
        retry_on  error timeout http_403 http_429 http_5xx;
    }
    soma_tenant acme {
        limit requests    600/minute per=user;
        limit tokens      1m/hour;
        limit cost        50/day;
        limit concurrency 20;
        models assistant gpt-4o-mini;
    }
    soma_key sha256:$HASH tenant=acme user=alice;
    soma_key sha256:$ROOT tenant=acme user=root capabilities=admin;
END

my $locations = <<'END';
    location /v1/      { soma_pass; }
    location /soma/    { soma_api; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
    location /orders/  { soma_access; proxy_pass http://127.0.0.1:1; }
END

$ENV{SOMA_TEST_KEY} = 'sk-of-the-provider';

my ($out, $status) = check(http => $example, server => $locations);
is($status, 0, "the design's example passes nginx -t") or diag $out;
unlike($out, qr/\[(?:warn|error|crit|alert|emerg)\]/, 'without a warning')
    or diag $out;
unlike($out, qr/sk-of-the-provider/, 'no secret is shown');

delete $ENV{SOMA_TEST_KEY};

($out, $status) = check(http => $example, server => $locations);
is($status, 0, 'a missing env: key is no error');
like($out, qr/\[warn\].*"openai".*"SOMA_TEST_KEY".*nginx\.conf:\d+/,
     'it is a warning that names the provider and the variable');

($out, $status) = check(http => 'soma_provider p { dialect openai; '
                        . 'endpoint http://127.0.0.1; '
                        . 'api_key file:/nowhere/key; }');
is($status, 0, 'a missing file: key is no error');
like($out, qr{\[warn\].*"/nowhere/key" is not there.*nginx\.conf:\d+},
     'it is a warning too');


# what is refused: [text in http, text in server, what is said]

my $P = 'soma_provider p { dialect openai; endpoint http://127.0.0.1; }';
my $E = 'soma_provider e { dialect echo; }';

sub provider { ["soma_provider p { dialect openai; "
                . "endpoint http://127.0.0.1; $_[0] }", '', $_[1]] }
sub tenant { ["soma_tenant t { $_[0] }", '', $_[1]] }
sub route { ["$E soma_model m provider=e; soma_route r { $_[0] }", '', $_[1]] }
sub key { ["soma_tenant t { } soma_key $_[0];", '', $_[1]] }
sub jwt { ["soma_tenant t { } soma_jwt j { $_[0] }", '', $_[1]] }
sub model { ["$E soma_model m $_[0];", '', $_[1]] }

my @bad = (
    ['soma_zone 5x;', '', qr/"5x" of "soma_zone".*64m/],
    ['soma_zone 4k;', '', qr/"4k".*at least 1m/],
    ['soma_zone 8m; soma_zone 8m;', '', qr/"soma_zone" directive is dup/],
    ['soma_zone;', '', qr/invalid number of arguments in "soma_zone"/],

    ['soma_redis http://h;', '', qr/soma_redis.*redis:.*unix:/],
    ['soma_redis redis://h:0x/1;', '', qr/"h:0x".*invalid port/],
    ['soma_redis redis://127.0.0.1/x;', '', qr/number as its database/],
    ['soma_redis unix:/s timeout=0;', '', qr/"timeout=0".*timeout=200ms/],
    ['soma_redis unix:/s wait=1s;', '', qr/"wait=".*timeout=TIME/],
    ['soma_redis unix:/s?x=1;', '', qr/"x=1".*unix:.path\?db=N/],
    ['soma_redis unix:/s user=u;', '', qr/user but no password/],
    ['soma_redis unix:/s password=s3cret;', '',
     qr/password=env:NAME or password=file:PATH is allowed/],
    ['soma_redis unix:/s password=env:SOMA_NO_SUCH;', '',
     qr/"SOMA_NO_SUCH" of password= is not set/],
    ['soma_redis unix:/s password=file:/nowhere/p;', '',
     qr{/nowhere/p.*No such file}],
    ['soma_redis redis://no-such-host.invalid;', '',
     qr/host not found.*"no-such-host.invalid".*"resolver"/],
    ['soma_redis redis-sentinel://127.0.0.1;', '', qr/master's name/],
    ['soma_redis redis-cluster://127.0.0.1/1;', '', qr/"1" is no database/],
    ['soma_redis redis://127.0.0.1,127.0.0.2;', '', qr/several hosts/],
    ['soma_redis redis://127.0.0.1 sentinel_password=env:HOME;', '',
     qr/is for redis-sentinel/],
    ['soma_redis redis://127.0.0.1 tls_ca=/x;', '', qr/are for rediss:/],
    ['soma_redis redis://u@127.0.0.1;', '', qr/user but no password/],
    ['soma_redis unix:/s; soma_redis unix:/s;', '', qr/duplicate/],

    ['soma_zone soma 64m;', '', qr/"soma_zone": one size and no name/],
    (map { provider("api_key $_;", qr/^(?!.*SECRET).*"p" is no key but names /) }
     '$SECRET', '"${SECRET}"', 'os.environ/SECRET', 'env=SECRET', '%SECRET%',
     'env:', 'file:', 'ENV:SECRET', '"{{SECRET}}"', '<SECRET>',
     'process.env.SECRET', 'env/SECRET', 'env:$SECRET'),
    (map { provider("api_key $_;", qr/^(?!.*SECRET).*"p" is one word: env:NAME/) }
     'env SECRET', 'file SECRET', 'Bearer SECRET', ''),
    (map { ["soma_provider p { dialect openai; endpoint http://127.0.0.1$_; }",
            '', qr{endpoint of soma_provider "p" ends in "/.*what stands before}] }
     '/v1/chat/completions', '/v1/chat/completions/', '/v1/responses',
     '/v1/embeddings', '/v1/messages', '/v1/completions', '/api/V1/Messages',
     '/v1/models', '/v1/images/generations', '/v1/audio/speech'),
    model('provider=e context=128kb', qr/"context=128kb".*128k/),
    model('provider=e max_output=k', qr/"max_output=k".*tokens/),
    tenant('models a,b;', qr/"a,b" in the models of soma_tenant "t".*blanks/),
    tenant('models a, b;', qr/"a," in the models.*without commas/),
    key("sha256:$HASH tenant=t models=a,b", qr/"models=a,b".*"models=A B"/),
    key("sha256:$HASH tenant=t limits=request", qr/"limits=request" of.*requests/),
    key("sha256:$HASH tenant=t 'limits=requests 5'", qr/no window/),
    key("sha256:$HASH tenant=t expires=30d", qr/"expires=30d".*2026-12-31/),
    key("sha256:$HASH tenant=t capabilities=Admin",
        qr/"capabilities=Admin".*lower case/),
    key("sha256:$HASH tenant=t name=a; soma_key sha256:$ROOT tenant=t name=a",
        qr/name=a names more than one "soma_key".*nginx\.conf:\d+.*its own/),
    (map { ['', "location / { $_ http://127.0.0.1; }",
            qr/"$_" takes no words: .*soma_provider/] }
     'soma_pass', 'soma_api', 'soma_metrics'),

    ["soma_ledger $ENV{TEST_NGINX_LEDGER} segment=1;", '',
     qr/"segment=1" of "soma_ledger".*256k/],
    ["soma_ledger $ENV{TEST_NGINX_LEDGER} sync=1ms;", '', qr/"sync=1ms"/],
    ["soma_ledger $ENV{TEST_NGINX_LEDGER} color=red;", '',
     qr/"color=red".*allowed are segment=SIZE/],

    ['soma_prices /nowhere/p.json;', '', qr{/nowhere/p\.json.*No such file}],
    ["soma_prices $Soma::TOP/README.md;", '', qr/README\.md" is no price/],

    ['soma_provider p { }', '', qr/"p" needs a "dialect"/],
    ['soma_provider p { dialect openai; }', '', qr/"p" needs an "endpoint"/],
    ['soma_provider p { dialect klingon; }', '',
     qr/"klingon" of soma_provider "p".*openai.*echo/],
    ['upstream u { server 127.0.0.1:1; } '
     . 'soma_provider p { dialect openai; endpoint http://u; } '
     . 'soma_provider q { dialect openai; endpoint http://u/v1; }', '',
     qr/"q" .* names the upstream block "u" of soma_provider "p"/],
    ['soma_provider p { dialect openai; endpoint ftp://h; }', '',
     qr{endpoint of soma_provider "p".*http://HOST}],
    ['soma_provider p { dialect openai; endpoint http://a@h/; }', '',
     qr{without user}],
    ['soma_provider p { dialect openai; endpoint http://h?x=1; }', '',
     qr{without.*query}],
    ['soma_provider p { dialect openai; endpoint http://nowhere.invalid; }',
     '', qr{nowhere\.invalid.*soma_provider "p".*nginx\.conf:\d+.*resolver}],
    [$E . $E, '', qr/"e" stands twice/],
    provider('timeout connect=0;', qr/"connect=0".*connect=TIME/),
    provider('timeout soon=2s;', qr/"soon=2s".*first_token=TIME/),
    provider('timeout;', qr/words behind "timeout"/),
    provider('limit beer 3/day;', qr/"beer" in "limit".*requests, tokens/),
    provider('limit cost 3/fortnight;', qr{"3/fortnight".*month and ever}),
    provider('limit cost 3;', qr/"3".*no window.*minute/),
    provider('limit cost 0/day;', qr{"0/day".*above 0}),
    provider('limit requests 5/day per=moon;', qr/"per=moon".*provider/),
    provider('limit requests 5/day per=user x;', qr/"x"/),
    provider('limit concurrency 5/day;', qr{"5/day".*no window}),
    provider('keepalive many;', qr/"many" in "keepalive".*0 to/),
    provider('max_tokens_name tokens;',
             qr/max_tokens_name "tokens".*"max_tokens" or/),
    provider('ssl_verify maybe;', qr/"maybe" in "ssl_verify".*on or off/),
    provider('api_key "a b";', qr/api_key of soma_provider "p".*blank/),
    provider('color red;', qr/"color" in soma_provider "p".*dialect/),

    model('provider=e colour=red', qr/"colour=red" of "soma_model".*name=/),
    model('provider=e input=cheap', qr/"input=cheap".*USD per million/),
    model('provider=e context=-1', qr/"context=-1"/),
    model('input=1', qr/"soma_model m" needs provider=/),
    model('provider=x', qr/"x" of soma_model "m".*nginx\.conf:\d+/),
    ["$E soma_model m provider=e; soma_model m provider=e;", '',
     qr/"m" names two/],

    route('', qr/"r" has no "model"/),
    route('model m; strategy best;', qr/"best" of soma_route "r".*"order"/),
    route('model m; strategy order; strategy order;', qr/stands twice/),
    route('model m weight=0;', qr/"weight=0" in soma_route "r".*1\.\.1000/),
    route('model nope;', qr/"nope" of soma_route "r".*nginx\.conf:\d+/),
    route('model m; retry_on http_200;', qr/"http_200" in "retry_on".*error/),
    route('model m; retry_on whim;', qr/"whim" in "retry_on"/),
    route('model m; retries 3;', qr/"retries" in soma_route "r".*retry_on/),

    tenant('limit;', qr/"limit": limit is empty/),
    tenant('limit tokens lots/day;', qr{"lots/day".*10k}),
    tenant('models;', qr/"models" in soma_tenant "t"/),
    tenant('models a; models b;', qr/"models" stands twice/),
    tenant('quota 5;', qr/"quota" in soma_tenant "t".*limit/),
    ['soma_tenant "a b" { }', '', qr/"a b": up to \d+ letters/],
    ['soma_tenant t { } soma_tenant t { }', '', qr/"t" stands twice/],

    key("sk-plain tenant=t", qr/^(?!.*sk-plain).*"sha256:".*64 hex/),
    key("sha256:abc tenant=t", qr/64 hex digits/),
    key("sha256:$HASH user=alice", qr/needs tenant=/),
    jwt('', qr/"j" needs keys: secret file:PATH, jwks/),
    jwt("$secret", qr/"j" needs one of "tenant NAME"/),
    jwt("$secret tenant t; claim tenant=org;", qr/needs one of "tenant NAME"/),
    jwt("$secret tenant x;", qr/"x" of soma_jwt "j" is not configured/),
    jwt("$secret tenant t; tenants t u;", qr/has "tenant" and "tenants"/),
    jwt("$secret tenant t; color red;", qr/unknown directive "color" in soma_/),
    jwt("$secret tenant t; leeway 2h;", qr/"leeway" in soma_jwt "j": 0 to 1h/),
    jwt("$secret tenant t; refresh 1m;", qr/are for a jwks with a URL/),
    jwt("$secret tenant t; algorithms RS256;", qr/has no key for any of its/),
    jwt("$secret tenant t; algorithms RS512;", qr/HS256, RS256 and ES256 are/),
    jwt("$secret tenant t; claim role=x;", qr/invalid "role=x" behind "claim"/),
    jwt("$secret tenant t; claim user=a user=b;", qr/"claim user=" stands twi/),
    jwt("$secret tenant t; issuer a b;", qr/number of words behind "issuer"/),
    jwt("$secret tenant t; audience * x;", qr/any audience, and others/),
    jwt("$secret tenant t; } soma_jwt j {", qr/soma_jwt "j" stands twice/),
    jwt("$secret tenant t; } soma_jwt k { issuer k; $secret tenant t;",
        qr/soma_jwt "j" needs an "issuer": with more than one/),
    jwt("$secret tenant t; issuer k; } soma_jwt k { issuer k; $secret "
        . 'tenant t;', qr/soma_jwt "j" and soma_jwt "k" have the same issuer/),
    jwt("$secret jwks file:x; tenant t;", qr/one secret or one jwks/),
    jwt('secret sk-very-secret; tenant t;', qr/file:PATH or env:NAME/),
    jwt('secret env:SOMA_NOT_SET; tenant t;', qr/"SOMA_NOT_SET" of soma_jwt/),
    jwt("secret file:$ENV{TEST_NGINX_DIR}/none; tenant t;", qr/cannot open/),
    jwt("secret file:$ENV{TEST_NGINX_DIR}/short; tenant t;",
        qr/"j" has 5 bytes: a secret of 32 to 4096 bytes is needed/),
    jwt("jwks file:$ENV{TEST_NGINX_DIR}/short; tenant t;",
        qr/of soma_jwt "j" is of no use: it is no JWK set/),
    jwt('jwks http://login.example.com/k; tenant t;', qr/needs https:/),
    jwt('jwks http://127.0.0.1.example.com/; tenant t;', qr/needs https:/),
    jwt('jwks ftp://x/; tenant t;', qr/file:PATH or https:/),
    jwt('jwks https://u:p@x/; tenant t;', qr/without a user/),
    jwt('jwks https://x/; refresh 10ms; tenant t;', qr/1s to 24h is allowed/),
    jwt("jwks https://x/; ssl_trusted_certificate "
        . "$ENV{TEST_NGINX_DIR}/short; tenant t;", qr/has no certificate in/),
    ['soma_tenant t { } soma_jwt "a b" { }', '', qr/invalid name "a b"/],
    key("sha256:$HASH tenant=t color=red", qr/"color=red" of "soma_key"/),
    key("sha256:$HASH tenant=t capabilities=god",
        qr/"capabilities=god".*admin/),
    key("sha256:$HASH tenant=t expires=soon", qr/"expires=soon"/),
    key("sha256:$HASH tenant=x", qr/"x" of a "soma_key" is not configured/),
    key("sha256:$HASH tenant=t; soma_key sha256:$HASH tenant=t",
        qr/same key stands in two/),

    ['', 'location / { soma_pass; proxy_pass http://127.0.0.1; }',
     qr/"soma_pass" stands in location "\/" that has another/],
    ['', 'location / { soma_pass; soma_api; }', qr/"soma_api".*another hand/],
    ['', 'soma_pass;', qr/"soma_pass" directive is not allowed here/],
    ['', 'location / { soma_access maybe; }', qr/"maybe" of "soma_access"/],
    ['', 'location / { soma_access; soma_access; }', qr/duplicate/],
    ['soma_max_tokens some;', '',
     qr/"some" of "soma_max_tokens": "clamp" or "require" or "trust"/],
    ['soma_on_abort run;', '', qr/"run" of "soma_on_abort": "auto" or/],
    ['soma_on_abort cancel 1m;', '', qr/"1m" in "soma_on_abort": behind/],
    ['soma_on_abort drain 0;', '', qr/"0" in "soma_on_abort"/],
    ['soma_on_abort auto 2h;', '', qr/"2h" in "soma_on_abort".*up to 1h/],
    ['soma_on_abort drain soon;', '', qr/"soon" in "soma_on_abort"/],
    ['soma_on_redis_down pray;', '', qr/"pray".*"allow" or "deny"/],
    ['soma_usage_cost some;', '', qr/"some" in "soma_usage_cost".*on/],
    ['soma_usage_cost;', '', qr/number of arguments in "soma_usage_cost"/],
    ['soma_training_lock maybe;', '', qr/"maybe" in "soma_training_lock".*on/],
    ['soma_buffer_size 1k;', '', qr/"soma_buffer_size" must be at least 4k/],
    ['soma_body_buffer x;', '', qr/"soma_body_buffer" directive invalid/],
);

for (@bad) {
    my ($http, $server, $want) = @$_;
    my ($said, $exit) = check(http => $http, server => $server);
    my $name = "refused: " . ($http || $server);

    $name =~ s/[0-9a-f]{64}/.../g;
    $name =~ s/\Q$ENV{TEST_NGINX_DIR}\E/DIR/g;

    my ($line) = $said =~ /^(.*\[emerg\].*)$/m;

    ok($exit != 0 && defined $line && $line =~ $want, $name)
        or diag "exit $exit: $said";
}

my $named = grep {
    my ($said) = check(http => $_->[0], server => $_->[1]);
    $said =~ /nginx\.conf:\d+/
} grep { $_->[0] !~ /soma_tenant t \{ \} soma_tenant|same|m provider=e; soma_m/ }
  @bad;

cmp_ok($named, '>=', @bad - 5, 'nearly all of them name file and line');


# nothing but the directives that are needed

($out, $status) = check(server => 'location / { return 204; }');
is($status, 0, 'no directive of ours at all');

($out, $status) = check(http => "$E soma_model m provider=e context=128k "
                                . 'max_output=1.5M;');
is($status, 0, 'tokens with a suffix');

($out, $status) = check(http => "$E soma_model gpt-4 provider=e; "
    . "soma_tenant t { models gpt-4 gpt-* gpt4; } "
    . "soma_key sha256:$HASH tenant=t \"models=gpt-4 claude\";");
is($status, 0, 'models that nothing has are no error');
like($out, qr/\[warn\].*"gpt4" in the models of a soma_tenant in .*nginx\.conf:\d+/,
     'but a warning for a tenant');
like($out, qr/\[warn\].*"claude" in the models of a soma_key in .*nginx\.conf:\d+/,
     'and for a key');
unlike($out, qr/"gpt-/, 'those that something has are none');

($out, $status) = check(http => "$E soma_model m provider=e;");
is($status, 0, 'providers that nothing uses');

($out, $status) = check(http => 'soma_access; soma_on_abort drain;',
                        server => 'location / { soma_access off; '
                                  . 'return 204; }');
is($status, 0, 'soma_access in http, off in a location');


# inheritance and "if"

my $base = <<"END";
    $E
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:$HASH tenant=acme user=alice;
    soma_key sha256:$ROOT tenant=acme user=root capabilities=admin;
END

my $chat = '{"model":"echo","messages":[{"role":"user","content":"hi"}]}';
my @alice = (Authorization => 'Bearer sk-alice');
my @root = (Authorization => 'Bearer sk-root');

$n = soma_nginx(name => 'live', http => $base, server => <<'END');
    soma_access;
    location /v1/ {
        if ($http_x_odd) { set $odd 1; }
        if ($http_x_more) { add_header x-more 1; }
        soma_pass;
    }
    location /in/ { return 204; }
    location /page/ { empty_gif; }
    location /out/ { soma_access off; empty_gif; }
    location /free/ { soma_training_lock off; empty_gif; }
END

is($n->post('/v1/chat/completions', $chat, @alice)->{status}, 200,
   'without soma_zone it works');
is($n->post('/v1/chat/completions', $chat, @alice, 'X-Odd' => 1)->{status},
   200, '"if" with set');

my $res = $n->post('/v1/chat/completions', $chat, @alice, 'X-More' => 1);
is($res->{status}, 200, '"if" that makes a location');
is($res->{headers}{'x-more'}, 1, 'it was that location');
is($n->post('/v1/chat/completions', $chat, 'X-More' => 1)->{status}, 401,
   '"if" does not open the door');

is($n->get('/page/')->{status}, 401, 'soma_access of the server is inherited');
is($n->get('/page/', @alice)->{status}, 200, 'a key opens it');
is($n->get('/out/')->{status}, 200, 'soma_access off in a location');

is($n->post('/v1/training/enable',
            '{"tenant":"acme","user":"root","reason":"test"}', @root)
   ->{status}, 200, 'a lock');
is($n->get('/page/', @alice)->{status}, 423, 'a locked tenant');
is($n->get('/free/', @alice)->{status}, 200, 'soma_training_lock off');
is($n->post('/v1/training/disable',
            '{"tenant":"acme","user":"root","reason":"test"}', @root)
   ->{status}, 200, 'unlocked');
is($n->get('/page/', @alice)->{status}, 200, 'an unlocked tenant');

for (1 .. 2) {
    ok($n->reload, "reload $_");
    is($n->post('/v1/chat/completions', $chat, @alice)->{status}, 200,
       "it serves after reload $_");
}

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

# metrics that anybody may read

for my $guard ('allow 127.0.0.1; deny all;', 'soma_access;', 'internal;',
               'auth_basic x; auth_basic_user_file /dev/null;',
               'auth_request /x;')
{
    my ($text, $bad) = check(server => "location /m { soma_metrics; $guard }");

    ok(!$bad && $text !~ /tells everybody/, "metrics behind $guard");
}

for my $open ('', 'satisfy any;') {
    my ($text, $bad) = check(server => "location /m { soma_metrics; $open }");

    ok(!$bad, "metrics that nothing guards are possible $open");
    like($text, qr/\[warn\].*soma_metrics.*"\/m" tells everybody.*deny all/,
         'with a warning that names the way out');
}

done_testing();
