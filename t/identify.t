# Keys of Redis over time: what changes is seen, what is known is not asked for
# again, and what holds while Redis hangs or is away. What a key may be and
# where it may stand is t/cases/identify.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $redis = soma_redis();

# what Redis is given: a busy machine must not take it for a Redis that hangs
my $patience = soma_slow() ? 3 : 1;

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis $ENV{TEST_NGINX_REDIS} timeout=${patience}s;
    soma_provider e { dialect echo; }
    soma_model m provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_training_lock off;
    log_format who '\$status \$soma_tenant/\$soma_user/\$soma_key';
    access_log logs/who.log who;
END
    location /v1/ { soma_pass; }
    location /deny/ { soma_on_redis_down deny; soma_access; empty_gif; }
    location /allow/ { soma_access; empty_gif; }
END2

my $chat = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';

sub ask { $n->post('/v1/chat/completions', $chat, @_) }
sub look { my ($where, $key) = @_; $n->get("/$where/", 'x-api-key' => $key) }
sub who { my @l = split /\n/, Soma::slurp($n->dir . '/logs/who.log'); $l[-1] }

sub put_key {
    my ($key, @fields) = @_;

    $redis->cmd('HSET', 'soma:key:' . soma_sha256($key), @fields);
}

ok(soma_hears(20, $n), 'Redis is heard of');

# keys in Redis

my $q = 'sk-redis';

is(look('allow', $q)->{status}, 401, 'a key that is not there yet');

put_key($q, tenant => 'acme', user => 'rita', name => 'laptop');

ok(soma_wait(1, sub { look('allow', $q)->{status} == 200 }),
   'a key added to Redis is seen within a second');

my $before = $redis->cmd('INFO', 'commandstats') =~ /hgetall:calls=(\d+)/
             ? $1 : 0;
sleep 2.2;
look('allow', $q) for 1 .. 2;
my $asked = ($redis->cmd('INFO', 'commandstats') =~ /hgetall:calls=(\d+)/)[0];
look('allow', $q) for 1 .. 20;
is(($redis->cmd('INFO', 'commandstats') =~ /hgetall:calls=(\d+)/)[0], $asked,
   'a known key is not asked for again');
look('allow', 'sk-none') for 1 .. 2;
sleep 2.2;
look('allow', 'sk-none') for 1 .. 2;
$asked = ($redis->cmd('INFO', 'commandstats') =~ /hgetall:calls=(\d+)/)[0];
look('allow', 'sk-none') for 1 .. 20;
is(($redis->cmd('INFO', 'commandstats') =~ /hgetall:calls=(\d+)/)[0], $asked,
   'nor is an unknown one');

put_key($q, user => 'rosa');
ok(soma_wait(1, sub { look('allow', $q); who() =~ m{acme/rosa/} }),
   'a changed key is seen within a second');

put_key($q, expires => time - 10);
ok(soma_wait(1, sub { look('allow', $q)->{status} == 401 }),
   'so is one that has expired');
put_key($q, expires => 0);
ok(soma_wait(1, sub { look('allow', $q)->{status} == 200 }), 'and its return');

$redis->cmd('DEL', 'soma:key:' . soma_sha256($q));
ok(soma_wait(1, sub { look('allow', $q)->{status} == 401 }),
   'a deleted key is refused within a second');

# Redis hangs

put_key('sk-warm', tenant => 'acme', user => 'w');
is(look('allow', 'sk-warm')->{status}, 200, 'a key that is known');
sleep 2.2;
look('allow', 'sk-warm');

$redis->pause;

my $t = time;
is(look('allow', 'sk-warm')->{status}, 200, 'Redis hangs: the known key');
cmp_ok(time - $t, '<', $patience, 'at once');
$t = time;
my $res = look('allow', 'sk-cold');
is($res->{status}, 503, 'Redis hangs: an unknown key');
cmp_ok(time - $t, '<', 4 * $patience, 'within the timeout');
is($res->{headers}{'retry-after'}, 1, 'it says when to come back');
$t = time;
is(look('deny', 'sk-cold')->{status}, 503, 'the next one with deny');
cmp_ok(time - $t, '<', 4 * $patience, 'is no slower');
is(ask(Authorization => 'Bearer sk-alice')->{status}, 200,
   'a configured key needs no Redis');

$redis->resume;
ok(soma_wait(10, sub { look('allow', 'sk-cold')->{status} == 401 }),
   'Redis goes on: the key is looked up again');


# Redis is away

$redis->kill;
sleep 0.1;
is(look('allow', 'sk-warm')->{status}, 200,
   'Redis away, allow: what was known counts');
is(look('allow', 'sk-gone')->{status}, 503,
   'Redis away: a key never seen cannot be judged');
is(look('deny', 'sk-gone')->{status}, 503, 'with deny too');

$redis->start;
put_key('sk-back', tenant => 'acme', user => 'b');
ok(soma_wait(5, sub { look('allow', 'sk-back')->{status} == 200 }),
   'Redis is back');

$n->quit;

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
