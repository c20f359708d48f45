# Redis by its name, through nginx's resolver: it moves, and is found again.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my $key = 'soma:key:' . soma_sha256('sk-one');

my $first = soma_redis(port => 1);
my $port = $first->port;
my $dns = soma_dns(undef);

my $nginx = soma_nginx(
    http => 'resolver 127.0.0.1:' . $dns->port . ' valid=1s ipv6=off;
        resolver_timeout 1s;
        soma_zone 8m; soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_tenant acme { }
        soma_redis redis://redis.test:' . $port . ';',
    server => 'location /v1/ { soma_pass; }');

sub status {
    return $nginx->post('/v1/chat/completions', $BODY,
                        Authorization => 'Bearer sk-one')->{status};
}

ok(soma_wait(15, sub { $nginx->error_log =~ /its name could not be resolved/ }),
   'a name that is not known yet');
is(status(), 503, 'nobody waits for it');

$first->cmd('HSET', $key, 'tenant', 'acme', 'user', 'u');
$dns->tell('127.0.0.1');
ok(soma_wait(15, sub { status() == 200 }), 'it is looked up again');

# its connection is lost, and it is at another address

my $second = eval {
    soma_redis(name => 'second',
               args => ['--port', $port, '--bind', '127.0.0.2'])
};

SKIP: {
    skip 'no second loopback address', 2 unless $second;

    $dns->tell('127.0.0.2');
    $first->kill;
    ok(soma_wait(15, sub { status() == 401 }), 'it has moved');
    $second->cmd('HSET', $key, 'tenant', 'acme', 'user', 'u');
    ok(soma_wait(15, sub { status() == 200 }), 'and serves');
}

$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'no alert');

done_testing();
