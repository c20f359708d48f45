# A worker that is to end while a request waits for a master of a cluster that
# it has only begun to connect to: the request is answered before.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use IO::Select;
use Nodes;
use Test::More;

plan skip_all => 'several servers, and timing' if $ENV{SOMA_VALGRIND};

my $cluster = soma_cluster(2);

# a stopped master is nobody's business

$_->cmd('CONFIG', 'SET', 'cluster-node-timeout', 60_000) for $cluster->nodes;

# on the first master, since everybody asks for the tenant

my ($tenant) = grep { $cluster->owner("soma:tenant:$_") == 0 }
               map { "t$_" } 1 .. 64;
my $n = soma_nginx(log_level => 'notice',
    http => "soma_zone 8m; soma_tenant $tenant { }
        soma_redis " . $cluster->url(0) . ' timeout=60s;
        soma_key sha256:' . soma_sha256('a')
        . " tenant=$tenant user=root capabilities=admin;",
    server => 'location /svc/ { soma_access; soma_training_lock off;
                                empty_gif; }
               location /soma/ { soma_api; }');

sub name { 'soma:key:' . soma_sha256($_[0]) }
sub redis { soma_json($n->get('/soma/health', 'x-api-key' => 'a')->{body})
            ->{redis} }

# the second master has a listener, and no command was for it yet

my ($key) = grep { $cluster->owner(name($_)) == 1 } map { "k$_" } 1 .. 64;
my ($near) = grep { $cluster->owner(name($_)) == 0 } map { "k$_" } 1 .. 64;
my (undef, $far) = $cluster->nodes;

$cluster->cmd('HSET', name($_), 'tenant', $tenant, 'user', 'u')
    for $key, $near;

ok(soma_wait(20, sub { redis()->{listening} }), 'both masters are heard');
ok(soma_wait(20, sub {
       $n->get('/svc/', 'x-api-key' => $near)->{status} == 200
   }), 'a key of the first one');

$far->pause;

my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->port)
    or die "$!\n";

print $s "GET /svc/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
         . "x-api-key: $key\r\n\r\n";
$s->flush;

ok(soma_wait(20, sub { redis()->{pending} > 2 }),
   'a request waits for the second one');

my ($old) = $n->workers;

ok($n->reload, 'a reload');
ok(soma_wait(20, sub { $n->error_log =~ /$old#\d+: gracefully shutting/ }),
   'its worker is to end');
ok(soma_wait(20, sub {
       $n->get('/svc/', 'x-api-key' => $near)->{status} == 200
   }), 'the next worker serves');
ok(kill(0 => $old), 'the old one has not ended');

$far->resume;

ok(IO::Select->new($s)->can_read(20), 'there is an answer');
like(<$s> // '', qr{^HTTP/1\.1 200 }, 'to the request');
ok(soma_wait(20, sub { !grep { $_ == $old } $n->workers }),
   'then its worker ends');

ok($n->quit, 'the end');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();
