# Clients that leave while something of ours is waited for: each is seen to
# leave, and ends. The listening socket is a "deferred" one: a request comes
# with its connection, and nothing has waited on that socket before.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaJwt;
use Test::More;

my $redis = soma_redis();
my $issuer = soma_upstream(responses => [{ hang => 60 }]);

sub hash { 'sha256:' . soma_sha256($_[0]) }

my $n = soma_nginx(http => <<"END");
    soma_zone 8m;
    soma_redis @{[ $redis->url ]} timeout=60s;
    soma_provider local { dialect echo; }
    soma_model echo provider=local input=1 output=1;
    soma_tenant acme { limit requests 1000/hour; }
    soma_tenant ops { }
    soma_key @{[ hash('k') ]} tenant=acme user=alice;
    soma_key @{[ hash('a') ]} tenant=ops user=root capabilities=admin;
    soma_jwt slow { jwks http://127.0.0.1:@{[ $issuer->port ]}/; issuer slow;
                    tenant acme; }
    server {
        listen 127.0.0.1:%%PORT%% deferred;
        location /v1/ { soma_pass; }
        location /soma/ { soma_api; }
        location /svc/ { soma_access; empty_gif; }
        location /open/ { soma_access; soma_training_lock off; empty_gif; }
    }
END

# the tag is found in the access log again
sub leaves {
    my ($tag, $method, $uri, $key, $body) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die "$!\n";

    print $s "$method $uri HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer"
             . " $key\r\nUser-Agent: $tag\r\n" . (defined $body ? 'Content-Length: '
             . length($body) . "\r\n\r\n$body" : "\r\n");
    $s->flush;
    close $s;

    ok(soma_wait(20, sub { $n->access_log =~ /" 499 \d+ "-" "$tag"/ }), $tag);
}

sub admin { $n->get("/soma/$_[0]", 'x-api-key' => 'a') }
sub calls { ($redis->cmd('INFO', 'commandstats')
             =~ /cmdstat_hgetall:calls=(\d+)/)[0] // 0 }

ok(soma_wait(20, sub {
       soma_json(admin('health')->{body})->{redis}{listening}
   }), 'connected');

# the tenant of the administrator is known, so that Redis is asked for nothing
# but what is managed

ok(soma_wait(20, sub {
       my $before = calls();

       admin('keys')->{status} == 200 && calls() == $before
   }), 'a tenant in the cache');

$redis->pause;

leaves('key', GET => '/svc/', 'nobody-knows-this-one');
leaves('tenant', GET => '/open/', 'k');
leaves('lock', GET => '/svc/', 'k');
leaves('made', POST => '/soma/keys', 'a', '{"tenant":"acme","name":"made"}');
leaves('listed', GET => '/soma/keys', 'a');
leaves('locks', GET => '/soma/locks', 'a');
leaves('training', POST => '/v1/training/enable', 'a',
       '{"tenant":"acme","user":"x"}');
leaves('issuer', GET => '/svc/', jwt(jwt_key('RS256', 'r1'),
                                     { iss => 'slow', sub => 's' }));

$redis->resume;

ok(soma_wait(20, sub {
       $n->get('/open/', Authorization => 'Bearer k')->{status} == 200
   }), 'who stays is answered');
ok($n->quit, 'the end');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();
