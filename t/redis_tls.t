# TLS to Redis: with hiredis 1.x; with an older one nginx -t says so.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

plan skip_all => 'no openssl program' unless `openssl version 2>/dev/null`;

my $dir = soma_dir('tls');
my $COMMON = 'soma_zone 8m; soma_provider local { dialect echo; }
    soma_model echo provider=local input=0.15 output=0.60;
    soma_tenant acme { }';
my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';

my $old = soma_nginx(name => 'old', start => 0,
    http => "$COMMON soma_redis rediss://127.0.0.1;", server => '');
my ($said) = $old->test;

if ($said =~ /needs hiredis/) {
    like($said, qr{rediss:// needs hiredis 1\.0 or newer.* built with 0\.\d+},
         'an older hiredis is told at nginx -t');
    done_testing();
    exit;
}

sub openssl { system("cd $dir && openssl @_ >>log 2>&1") == 0 or die "@_\n" }

openssl('req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key',
        '-out ca.pem -subj /CN=ca');
openssl('req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem',
        '-subj /CN=redis');
openssl('x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial',
        '-days 2 -out cert.pem -extfile /dev/stdin <<END',
        "\nsubjectAltName=IP:127.0.0.1\nEND\n");

my $port = soma_port();
my $redis = soma_redis(args => ['--tls-port', $port,
    '--tls-cert-file', "$dir/cert.pem", '--tls-key-file', "$dir/key.pem",
    '--tls-ca-cert-file', "$dir/ca.pem", '--tls-auth-clients', 'yes']);
my $url = "rediss://127.0.0.1:$port";
my $files = "tls_ca=$dir/ca.pem tls_cert=$dir/cert.pem tls_key=$dir/key.pem";

sub gateway {
    my ($redis, %args) = @_;

    return soma_nginx(workers => 2, %args, http => "$COMMON soma_redis $redis;",
        server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');
}

sub statuses {
    my ($nginx, $want) = @_;

    return !grep { $nginx->post('/v1/chat/completions', $BODY,
        Authorization => 'Bearer sk-one')->{status} != $want } 1 .. 4;
}

my $key = 'soma:key:' . soma_sha256('sk-one');
my $nginx = gateway("$url $files");

$redis->cmd('HSET', $key, 'tenant', 'acme', 'user', 'u');
ok(soma_wait(10, sub { statuses($nginx, 200) }), 'a key through TLS');
$redis->cmd('DEL', $key);
ok(soma_wait(10, sub { statuses($nginx, 401) }), 'a change is heard');
$redis->cmd('HSET', $key, 'tenant', 'acme', 'user', 'x' x 100,
            'models', join ' ', map { "model-$_" } 1 .. 100);
$redis->stop;
$redis->start;
$redis->cmd('HSET', $key, 'tenant', 'acme', 'user', 'u');
ok(soma_wait(10, sub { statuses($nginx, 200) }), 'after a restart');
$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]|\[emerg\]|exited on signal/,
       'no alert');

# not trusted, another name, no certificate of ours

for my $case (["$url tls_cert=$dir/cert.pem tls_key=$dir/key.pem",
               'not trusted'],
              ["rediss://localhost:$port $files", 'another name'],
              ["$url tls_ca=$dir/ca.pem", 'no certificate']) {
    my ($where, $what) = @$case;

    $nginx = gateway($where, name => $what =~ s/ /_/gr);
    ok(soma_wait(10, sub { $nginx->error_log =~ /is down: / }),
       "$what: no connection");
    is($nginx->post('/v1/chat/completions', $BODY,
                    Authorization => 'Bearer sk-one')->{status}, 503,
       "$what: no key");
    $nginx->stop;
}

for my $case (["$url tls_ca=/nowhere", qr/"\/nowhere" cannot be used/],
              ["$url tls_cert=$dir/cert.pem", qr/belong together/]) {
    my $bad = soma_nginx(name => 'bad', start => 0, server => '',
                         http => "$COMMON soma_redis $case->[0];");
    my ($text) = $bad->test;

    like($text, $case->[1], "refused: $case->[0]" =~ s/\Q$dir\E//gr);
}

done_testing();
