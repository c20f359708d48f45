# Keys and limits for services that are none of ours and hold what they take,
# one of events and one of websockets behind proxy_pass, and a rate over time.
# A plain service is in t/cases/access.t.

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

    return soma_response(200, '{"order":1}');
}]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_tenant acme { limit requests 1000/day; limit concurrency 2; }
    soma_tenant pace { limit requests 2/second; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-pace')]} tenant=pace user=pat;
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
END2

my @alice = ('x-api-key' => 'sk-alice');

sub code { my ($res) = @_; eval { soma_json($res->{body})->{error}{code} } }

# a rate

$n->get('/orders/', 'x-api-key' => 'sk-pace') for 1 .. 2;
my $res = $n->get('/orders/', 'x-api-key' => 'sk-pace');

SKIP: {
    skip 'slow', 4 if soma_slow() || $res->{status} == 200;
    is($res->{status}, 429, 'too fast');
    is(code($res), 'rate_limit_exceeded', 'a rate: rate_limit_exceeded');
    is($res->{headers}{'retry-after'}, 1, 'Retry-After: a second');
    sleep 1;
    is($n->get('/orders/', 'x-api-key' => 'sk-pace')->{status}, 200,
       'and then it passes');
}

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

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
