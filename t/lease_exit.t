# A worker that is ended at once while Redis owes it the answers of its calls:
# what was kept for them is freed (under ASan and valgrind that is looked at).

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $redis = soma_redis();

my $n = soma_nginx(http => <<"END");
    soma_zone 8m;
    soma_redis @{[ $redis->url ]} timeout=60s;
    soma_tenant acme { limit requests 1000/hour; }
    soma_tenant ops { }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme user=alice;
    soma_key sha256:@{[ soma_sha256('a') ]} tenant=ops user=root
             capabilities=admin;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /soma/ { soma_api; }
        location /svc/ { soma_access; empty_gif; }
    }
END

sub pending {
    soma_json($n->get('/soma/health', 'x-api-key' => 'a')->{body})
        ->{redis}{pending} // 0;
}

ok(soma_wait(20, sub {
       $n->get('/svc/', Authorization => 'Bearer k')->{status} == 200
   }), 'connected');
ok(soma_wait(20, sub { pending() == 0 }), 'nothing is owed');

$redis->pause;

my @s = map {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die "$!\n";
    print $s "GET /svc/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
             . "\r\n";
    $s->flush;
    $s;
} 1 .. 40;

ok(soma_wait(20, sub { pending() > 0 }), 'answers are owed');

$n->stop;
$redis->resume;

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'the end, without an alert');

done_testing();
