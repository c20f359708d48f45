# soma_cors: pages of other origins, their preflights and what they may read.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $up = soma_upstream(responses => [
    soma_response(200, '{"ok":1}', 'Access-Control-Allow-Origin' => 'evil',
                  'Access-Control-Allow-Credentials' => 'true')]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme;
END
    soma_cors https://app.test http://localhost:3000;
    client_max_body_size 1k;
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location /svc/ { soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT; }
    location /all/v1/ { soma_pass; soma_cors *; }
    location /both/v1/ { soma_pass; soma_cors * https://app.test; }
    location /off/v1/ { soma_pass; soma_cors off; }
    location /files/ { root %%DIR%%; }
END2

my @key = (Authorization => 'Bearer sk-alice');
my @page = (Origin => 'https://app.test');
my @ask = ('Access-Control-Request-Method' => 'POST',
           'Access-Control-Request-Headers' => 'authorization,x-stainless-os');
my $chat = '{"model":"m","messages":[]}';

# preflights

for my $path ('/v1/chat/completions', '/soma/usage', '/svc/x') {
    my $res = $n->request('OPTIONS', $path, undef, @page, @ask);

    is($res->{status}, 204, "a preflight of $path needs no key");
    is(allowed($res), 'https://app.test', 'its origin is allowed');
    is(h($res, 'allow-headers'), 'authorization,x-stainless-os',
       'with the headers it asks for');
    like(h($res, 'allow-methods'), qr/\bPOST\b.*\bDELETE\b/, 'and methods');
    like(h($res, 'max-age'), qr/^\d+$/, 'for a while');
    like($res->{headers}{vary}, qr/Origin/, 'caches tell origins apart');
    is(h($res, 'allow-credentials'), 'true', 'a listed one has credentials');
}

is($up->count, 0, 'no service is asked');

my $res = $n->request('OPTIONS', '/v1/models', undef,
                      Origin => 'https://evil.test', @ask);
is(allowed($res), undef, 'an origin that is not listed is not allowed');
is(h($res, 'allow-headers'), undef, 'nothing is');
like($res->{headers}{vary}, qr/Origin/, 'which caches must know');

for my $odd ('https://app.test.evil', 'https://app.tes', 'http://app.test',
             'https://app.test:8443', 'null', '*', 'https://app.test/')
{
    $res = $n->request('OPTIONS', '/v1/models', undef, Origin => $odd, @ask);
    is(allowed($res), undef, "nor is $odd");
}

is($n->request('OPTIONS', '/v1/models', undef, @page)->{status}, 401,
   'OPTIONS that is no preflight needs a key');
is($n->request('OPTIONS', '/off/v1/models', undef, @page, @ask)->{status},
   401, 'soma_cors off: a preflight is a request like any');

for my $headers ("a\tb", 'x' x 3000, 'a; b', "authorization\xc3\xa4") {
    $res = $n->request('OPTIONS', '/v1/models', undef, @page,
                       'Access-Control-Request-Method' => 'POST',
                       'Access-Control-Request-Headers' => $headers);
    is(h($res, 'allow-headers'), undef, 'names that are none are not echoed');
}

# answers

my %answer = (
    'an answer' => sub { $n->post('/v1/chat/completions', $chat, @key, @_) },
    'a stream' => sub {
        $n->post('/v1/chat/completions', '{"model":"m","messages":[],'
                 . '"stream":true}', @key, @_) },
    'a refusal' => sub { $n->post('/v1/chat/completions', $chat, @_) },
    'an error' => sub { $n->post('/v1/chat/completions', '{', @key, @_) },
    "nginx's own error" => sub {
        $n->post('/v1/chat/completions', 'x' x 2000, @key, @_) },
    'an endpoint' => sub { $n->get('/soma/health', @key, @_) },
    'a service' => sub { $n->get('/svc/x', @key, @_) },
    "a service's refusal" => sub { $n->get('/svc/x', @_) },
);

for my $what (sort keys %answer) {
    $res = $answer{$what}->(@page);

    is(allowed($res), 'https://app.test', "$what may be read");
    like(h($res, 'expose-headers'), qr/x-request-id/, 'with our headers');
    is(allowed($answer{$what}->(Origin => 'https://evil.test')), undef,
       'not by others');
    is(allowed($answer{$what}->()), undef, 'who tells no origin has none');
}

# all of them, without credentials

$res = $n->post('/all/v1/chat/completions', $chat, @key,
                Origin => 'https://any.test');
is(allowed($res), '*', 'all origins');
is(h($res, 'allow-credentials'), undef, 'without credentials');
$res = $n->request('OPTIONS', '/all/v1/models', undef,
                   Origin => 'https://any.test', @ask);
is("$res->{status} " . allowed($res), '204 *', 'their preflight');
is(h($res, 'allow-headers'), 'authorization,x-stainless-os',
   'names the headers, for * would leave out Authorization');

$res = $n->get('/both/v1/models', @key, @page);
is(allowed($res) . ' ' . h($res, 'allow-credentials'),
   'https://app.test true', 'a listed one among all');
$res = $n->get('/both/v1/models', @key, Origin => 'https://any.test');
is(allowed($res), '*', 'and the others');
is(h($res, 'allow-credentials'), undef, 'which have no credentials');

is(allowed($n->get('/off/v1/models', @key, @page)), undef, 'soma_cors off');
is(allowed($n->get('/files/x', @page)), undef, 'files are no business of ours');

# what is no origin

my $c = soma_nginx(name => 'conf', start => 0, server => '');

for my $bad ('app.test', 'https://app.test/', 'https://', '://app.test',
             'https://*.app.test', 'https://app.test/x', 'on',
             'https://app.test,https://b.test', '* off')
{
    $c->configure(server => "soma_cors $bad;");
    my ($text, $status) = $c->test;
    ok($status, "soma_cors $bad is refused");
    like($text, qr/soma_cors": .*allowed are origins like .*nginx\.conf:\d+/,
         'where it stands, and what is allowed');
}

done_testing();


sub allowed { h($_[0], 'allow-origin') }
sub h { $_[0]{headers}{"access-control-$_[1]"} }
