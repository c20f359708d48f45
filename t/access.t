# Keys, limits and locks for services that are none of ours: a plain one, one
# of events and one of websockets behind proxy_pass.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [sub {
    my ($r) = @_;

    if (($r->{headers}{upgrade} // '') eq 'websocket') {
        return { raw => "HTTP/1.1 101 Switching Protocols\r\n"
                        . "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                        . "\x81\x05hello", hang => 8 };
    }

    if ($r->{uri} =~ /events/) {
        my ($head) = soma_sse('one', 'two') =~ /^(.*)0\r\n\r\n$/s;
        return { raw => $head, hang => 8 };
    }

    return soma_response($r->{uri} =~ /fail/ ? 500 : 200, '{"order":1}',
                         'X-Uri' => $r->{uri});
}]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_tenant acme { limit requests 1000/day; limit concurrency 2; }
    soma_tenant few { limit requests 3/day; }
    soma_tenant pace { limit requests 2/second; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-few')]} tenant=few user=fred;
    soma_key sha256:@{[soma_sha256('sk-pace')]} tenant=pace user=pat;
    soma_key sha256:@{[soma_sha256('sk-root')]} tenant=few user=root
             capabilities=admin;
    log_format soma '\$status \$soma_tenant \$soma_user \$soma_error';
    access_log logs/soma.log soma;
    map \$http_upgrade \$connection_upgrade { default upgrade; '' ''; }
END
    location /orders/ {
        soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location /live/ {
        soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_buffering off;
    }
    location /dead/ { soma_access; proxy_pass http://127.0.0.1:1; }
    location /files/ { soma_access; root %%DIR%%; index index.html; }
    location /any/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        soma_access;
        empty_gif;
    }
    location /pages/ {
        soma_access;
        error_page 401 429 /pages/sorry.html;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location = /pages/sorry.html { return 200 "sorry"; }
    location /inner/ { soma_access; try_files /none @orders; }
    location @orders {
        soma_access;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
    location /v1/ { soma_pass; }
END2

my @alice = ('x-api-key' => 'sk-alice');

sub code { my ($res) = @_; eval { soma_json($res->{body})->{error}{code} } }

# a plain service

my $res = $n->get('/orders/7');
is($res->{status}, 401, 'no key');
is(code($res), 'missing_api_key', 'told in JSON');
is($up->count, 0, 'the service is not asked');
is($n->get('/orders/7', 'x-api-key' => 'sk-nobody')->{status}, 401,
   'an unknown key');

$res = $n->get('/orders/7', @alice);
is($res->{status}, 200, 'a key opens the door');
is($res->{body}, '{"order":1}', "the service's answer");
is($res->{headers}{'x-uri'}, '/orders/7', 'and its headers');
is($res->{headers}{'x-ratelimit-limit-requests'}, 1000,
   'x-ratelimit-limit-requests');
is($res->{headers}{'x-ratelimit-remaining-requests'}, 999,
   'x-ratelimit-remaining-requests');
like($res->{headers}{'x-request-id'}, qr/^req_/, 'x-request-id');

is($n->post('/orders/', 'x' x 200000, @alice)->{status}, 200, 'a large POST');
my @r = $up->requests;
is(length $r[-1]{body}, 200000, 'comes whole');
is($n->get('/orders/fail', @alice)->{status}, 500,
   "the service's own errors are its own");
is($n->get('/dead/', @alice)->{status}, 502, 'a service that is away');
is($n->get('/any/')->{status}, 200, 'satisfy any: an address lets in');
is($n->get('/inner/', @alice)->{headers}{'x-ratelimit-remaining-requests'},
   995, 'an inner redirect counts once');

# limits

my ($before) = $up->count;
is($n->get('/orders/', 'x-api-key' => 'sk-few')->{status}, 200, "$_ of 3")
    for 1 .. 3;
$res = $n->get('/orders/', 'x-api-key' => 'sk-few');
is($res->{status}, 429, 'one too many');
is($up->count, $before + 3, 'the service is spared');
is(code($res), 'insufficient_quota', 'a budget: insufficient_quota');
like($res->{body}, qr{requests 3/day.*tenant:few}, 'the limit is named');
is($res->{headers}{'x-ratelimit-remaining-requests'}, 0, 'none is left');
is($res->{headers}{'x-should-retry'}, 'false', 'a retry is pointless');
my $midnight = 86400 - time % 86400;
cmp_ok(abs($res->{headers}{'retry-after'} - $midnight), '<', 5,
       'Retry-After: midnight UTC');

$n->get('/orders/', 'x-api-key' => 'sk-pace') for 1 .. 2;
my $t = time;
$res = $n->get('/orders/', 'x-api-key' => 'sk-pace');

SKIP: {
    skip 'slow', 4 if soma_slow() || $res->{status} == 200;
    is($res->{status}, 429, 'too fast');
    is(code($res), 'rate_limit_exceeded', 'a rate: rate_limit_exceeded');
    is($res->{headers}{'retry-after'}, 1, 'Retry-After: a second');
    sleep 1;
    is($n->get('/orders/', 'x-api-key' => 'sk-pace')->{status}, 200,
       'and then it passes');
}

$res = $n->get('/pages/x', 'x-api-key' => 'sk-few');
is($res->{body}, 'sorry', "error_page is nginx's and stays so");

# events: a place is held as long as the connection lives

my $s = $n->open('GET', '/live/events', undef, @alice);
is($s->{status}, 200, 'a service of events');
is($s->event, 'one', 'its events');
is($s->event, 'two', 'come at once');

my $s2 = $n->open('GET', '/live/events', undef, @alice);
is($s2->{status}, 200, 'a second stream');
$s2->event;

$res = $n->get('/orders/', @alice);
is($res->{status}, 429, 'a third request at once');
like($res->{body}, qr/concurrency 2/, 'concurrency is what refuses');
is($res->{headers}{'retry-after'}, 1, 'Retry-After');

$s->close;
ok(soma_wait(2, sub { $n->get('/orders/', @alice)->{status} == 200 }),
   'a stream ends: its place is free');
$s2->close;

# websockets

sub socket_open {
    my $w = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;
    print $w "GET /live/ws HTTP/1.1\r\nHost: h\r\n"
             . join('', map { "$_\r\n" } @_)
             . "Connection: Upgrade\r\nUpgrade: websocket\r\n"
             . "Sec-WebSocket-Version: 13\r\n"
             . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    my $got = '';
    my $bits = '';
    vec($bits, fileno $w, 1) = 1;
    while ($got !~ /hello|\}\}/ && select my $b = $bits, undef, undef, 3) {
        sysread $w, $got, 4096, length $got or last;
    }
    return ($w, $got);
}

my ($w, $got) = socket_open();
like($got, qr/^HTTP\S+ 401/, 'a websocket without a key');

ok(soma_wait(2, sub { ($w, $got) = socket_open('x-api-key: sk-alice');
                      $got =~ /^HTTP\S+ 101/ }), 'a websocket');
like($got, qr/hello$/, 'its frames');
my ($w2, $got2) = socket_open('Authorization: Bearer sk-alice');
like($got2, qr/^HTTP\S+ 101/, 'a second one');
my ($w3, $got3) = socket_open('Authorization: Bearer sk-alice');
like($got3, qr/^HTTP\S+ 429/, 'a third one is too many');
close $w;
ok(soma_wait(2, sub { $n->get('/orders/', @alice)->{status} == 200 }),
   'one is closed: its place is free');
close $w2;

# the lock

my @root = ('x-api-key' => 'sk-root');
my $lock = '{"tenant":"acme","user":"root","reason":"fine-tuning"}';
is($n->post('/v1/training/enable', $lock, @root)->{status}, 200, 'a lock');
$res = $n->get('/orders/', @alice);
is($res->{status}, 423, 'a locked tenant');
like($res->{reason}, qr/Locked/, 'in words');
is(code($res), 'training_lock', 'its code');
cmp_ok($res->{headers}{'retry-after'}, '>', 86000, 'Retry-After: its TTL');
is($n->post('/v1/training/disable', $lock, @root)->{status}, 200, 'unlocked');
is($n->get('/orders/', @alice)->{status}, 200, 'open again');

my $log;
ok(soma_wait(2, sub {
    $log = Soma::slurp($n->dir . '/logs/soma.log');
    $log =~ /^423 acme alice training_lock$/m }), 'the log tells of it');
like($log, qr/^429 few fred insufficient_quota$/m, 'and of the limits');

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
