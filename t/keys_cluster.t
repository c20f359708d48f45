# Keys and tenants at run time on a Redis Cluster: hashes and indexes lie on
# different masters, and their answers come in any order.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'several servers, and timing' if $ENV{SOMA_VALGRIND};

my $cluster = soma_cluster(3);

sub node {
    return soma_nginx(name => $_[0],
        http => "soma_zone 8m; soma_provider local { dialect echo; }
            soma_model echo provider=local input=1 output=1;
            soma_redis " . $cluster->url(1) . " timeout=500ms;
            soma_key sha256:" . soma_sha256('a')
            . " tenant=ops user=root capabilities=admin;
            soma_tenant ops { }",
        server => 'location /svc/ { soma_access; empty_gif; }
                   location /soma/ { soma_api; }');
}

my $one = node('one');
my $two = node('two');

sub admin {
    my ($method, $uri, $body) = @_;
    my $res = $one->request($method, "/soma/$uri",
                            $body && soma_to_json($body), 'x-api-key' => 'a',
                            'Content-Type' => 'application/json');

    $res->{json} = eval { soma_json($res->{body}) } || {};

    return $res;
}

# on both nodes, soon
sub both {
    my ($key, $status) = @_;

    return soma_wait(soma_slow() ? 15 : 5, sub {
        !grep { $_->get('/svc/', 'x-api-key' => $key)->{status} != $status }
              $one, $two
    });
}

ok(soma_wait(15, sub { admin(GET => 'keys')->{status} == 200 }), 'connected');

my %key;

for my $n (1 .. 8) {
    my $res = admin(POST => 'tenants', { name => "t$n" });
    is($res->{status}, 201, "tenant t$n");

    $res = admin(POST => 'keys', { tenant => "t$n", name => "k$n",
                                   user => "u$n" });
    is($res->{status}, 201, "its key");
    $key{$n} = $res->{json}{key};
}

my %owner = map { $cluster->owner('soma:key:' . soma_sha256($_)) => 1 }
            values %key;
ok(keys %owner > 1, 'they lie on several masters');

is(join(' ', map { "$_->{id}:$_->{tenant}:$_->{user}" }
             grep { $_->{source} eq 'redis' }
             @{ admin(GET => 'keys')->{json}{keys} }),
   join(' ', map { "k$_:t$_:u$_" } 1 .. 8), 'each with its own fields');
is(join(' ', map { $_->{name} }
             @{ admin(GET => 'tenants')->{json}{tenants} }),
   'ops t1 t2 t3 t4 t5 t6 t7 t8', 'the tenants');

for my $n (1 .. 8) {
    ok(both($key{$n}, 200), "k$n works");
    is(admin(POST => "tenants/t$n", { limits => ['requests 1/hour'] })
       ->{status}, 200, "t$n is limited");
    ok(both($key{$n}, 429), 'on both nodes');
    is(admin(DELETE => "tenants/t$n")->{status}, 409, 'it has a key');

    my $res = admin(POST => "keys/k$n/rotate", { overlap => 0 });
    is($res->{status}, 200, "k$n is rotated");
    ok(both($key{$n}, 401), 'the old one is over');
    is(admin(DELETE => "keys/k$n")->{status}, 200, "k$n is revoked");
    ok(both($res->{json}{key}, 401), 'it is heard of');
    is(admin(DELETE => "tenants/t$n")->{status}, 200, "t$n is deleted");
}

is(scalar @{ admin(GET => 'keys')->{json}{keys} }, 1, 'none is left');

for ($one, $two) {
    ok($_->quit, 'the end');
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');
}

done_testing();
