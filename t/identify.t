# Who calls: credentials in four headers, keys of the configuration and of
# Redis, what is remembered of them, and that no credential goes where it does
# not belong.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $redis = soma_redis();
my $up = soma_upstream(responses => [soma_response(200, '{"object":"x"}')]);
my $secret = 'sk-secret-of-the-provider';

sub hash { 'sha256:' . soma_sha256($_[0]) }

my $n = soma_nginx(log_level => 'debug', http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis $ENV{TEST_NGINX_REDIS} timeout=300ms;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        api_key $secret;
    }
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { }
    soma_tenant other { models none; }
    soma_key @{[hash('sk-alice')]} tenant=acme user=alice;
    soma_key @{[hash('sk-old')]} tenant=acme user=old expires=2020-01-01;
    soma_key @{[hash('sk-new')]} tenant=acme user=new expires=2999-01-01;
    soma_key @{[hash('sk-other')]} tenant=other user=olga;
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
sub code { my ($res) = @_; eval { soma_json($res->{body})->{error}{code} } }
sub look { my ($where, $key) = @_; $n->get("/$where/", 'x-api-key' => $key) }
sub who { my @l = split /\n/, Soma::slurp($n->dir . '/logs/who.log'); $l[-1] }

sub put_key {
    my ($key, @fields) = @_;

    $redis->cmd('HSET', 'soma:key:' . soma_sha256($key), @fields);
}

# the four headers

for ('Authorization: Bearer sk-alice', 'authorization: bearer sk-alice',
     'Authorization: BEARER   sk-alice', 'x-api-key: sk-alice',
     'X-Goog-Api-Key: sk-alice', 'api-key: sk-alice')
{
    my $res = ask(split /: /, $_, 2);
    is($res->{status}, 200, $_);
}

ok(soma_wait(2, sub { who() =~ m{^200 acme/alice/[0-9a-f]{12}$} }),
   'the log names who it was');

for (['no key'], ['an empty key', 'x-api-key' => ''],
     ['Basic', Authorization => 'Basic c2stYWxpY2U='],
     ['an empty Bearer', Authorization => 'Bearer '])
{
    my ($name, @headers) = @$_;
    my $res = ask(@headers);

    is($res->{status}, 401, $name);
    is(code($res), 'missing_api_key', "$name: its code");
    is($res->{headers}{'www-authenticate'}, 'Bearer', "$name: what is wanted");
    like($res->{headers}{'x-request-id'}, qr/^req_/, "$name: a request id");
}

my $res = ask(Authorization => 'Bearer sk-nobody');
is($res->{status}, 401, 'an unknown key');
is(code($res), 'invalid_api_key', 'its code');
like($res->{headers}{'content-type'}, qr{^application/json}, 'in JSON');
unlike($res->{body}, qr/sk-nobody/, 'it is not repeated');

for (' sk-alice', 'sk-alice x', 'sk-alicf', 'sk-alice' . 'e' x 3000,
     hash('sk-alice'), soma_sha256('sk-alice'))
{
    is(ask('x-api-key' => "$_.")->{status}, 401,
       'not the key: ' . substr $_, 0, 20);
}

$res = ask(Authorization => 'Bearer sk-old');
is($res->{status}, 401, 'an expired key');
is(code($res), 'expired_api_key', 'its code');
is(ask(Authorization => 'Bearer sk-new')->{status}, 200, 'one that has time');

is(ask(Authorization => 'Bearer sk-alice', 'x-api-key' => 'sk-nobody')
   ->{status}, 200, 'two credentials: Authorization counts');
is(ask(Authorization => 'Bearer sk-nobody', 'x-api-key' => 'sk-alice')
   ->{status}, 401, 'no second try with the other one');
is(ask(Authorization => 'Bearer sk-nobody', Authorization => 'Bearer sk-alice')
   ->{status}, 400, 'Authorization twice is refused by nginx');
is(ask('x-api-key' => 'sk-nobody', 'x-api-key' => 'sk-alice')->{status}, 401,
   'x-api-key twice: the first one counts');

$res = ask(Authorization => 'Bearer sk-other');
is($res->{status}, 403, 'a model that the tenant may not use');
is(code($res), 'model_not_allowed', 'its code');


# keys in Redis

my $q = 'sk-redis';

is(look('allow', $q)->{status}, 401, 'a key that Redis does not know');
is(look('allow', $q)->{status}, 401, 'nor at the second time');

put_key($q, tenant => 'acme', user => 'rita', name => 'laptop');

ok(soma_wait(1, sub { look('allow', $q)->{status} == 200 }),
   'a key added to Redis is seen within a second');
ok(soma_wait(2, sub { who() =~ m{acme/rita/laptop} }),
   'with its user and its name');

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

put_key($q, tenant => 'acme', user => 'rita', models => 'none',
        limits => 'requests 2/day');
ok(soma_wait(1, sub { look('allow', $q)->{status} == 200 }), 'added again');
is(ask('x-api-key' => $q)->{status}, 403, 'its own list of models narrows');
is(look('allow', $q)->{status}, 200, 'its own limit: one more');
is(look('allow', $q)->{status}, 429, 'its own limit: used up');
like(look('allow', $q)->{body}, qr/requests 2\/day/, 'the limit is named');

put_key('sk-odd', tenant => 'a b');
is(look('allow', 'sk-odd')->{status}, 401, 'a tenant that is no name');
put_key('sk-odd2', tenant => 'acme', capabilities => 'everything');
is(look('allow', 'sk-odd2')->{status}, 401,
   'a field that is not understood closes the door');
$redis->cmd('SET', 'soma:key:' . soma_sha256('sk-odd3'), 'x');
is(look('allow', 'sk-odd3')->{status}, 503, 'a key that is no hash');
put_key('sk-wild', tenant => 'unheard-of', user => 'u');
is(look('allow', 'sk-wild')->{status}, 200,
   'a tenant of Redis alone needs no soma_tenant');


# Redis hangs

put_key('sk-warm', tenant => 'acme', user => 'w');
is(look('allow', 'sk-warm')->{status}, 200, 'a key that is known');
sleep 2.2;
look('allow', 'sk-warm');

$redis->pause;

my $t = time;
is(look('allow', 'sk-warm')->{status}, 200, 'Redis hangs: the known key');
cmp_ok(time - $t, '<', 0.3, 'at once');
$t = time;
$res = look('allow', 'sk-cold');
is($res->{status}, 503, 'Redis hangs: an unknown key');
cmp_ok(time - $t, '<', 1.5, 'within the timeout') unless soma_slow();
is($res->{headers}{'retry-after'}, 1, 'it says when to come back');
$t = time;
is(look('deny', 'sk-cold')->{status}, 503, 'the next one with deny');
cmp_ok(time - $t, '<', 1.5, 'is no slower') unless soma_slow();
is(ask(Authorization => 'Bearer sk-alice')->{status}, 200,
   'a configured key needs no Redis');

$redis->resume;
ok(soma_wait(5, sub { look('allow', 'sk-cold')->{status} == 401 }),
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


# credentials stay where they belong

$up->reset(sub {
    my ($r) = @_;
    soma_response(200, '{"object":"x"}',
                  'Set-Cookie' => 'a=b', 'X-Echo-Nothing' => 1)
});

$res = $n->post('/v1/chat/completions?key=sk-in-query&alt=sse&KEY=sk-two',
                $chat, Authorization => 'Bearer sk-alice',
                'x-api-key' => 'sk-second', 'api-key' => 'sk-third',
                'x-goog-api-key' => 'sk-fourth', Cookie => 'session=sk-fifth',
                'Proxy-Authorization' => 'Basic sk-sixth',
                'OpenAI-Organization' => 'org-seven',
                'x-soma-anything' => 'sk-eighth');
is($res->{status}, 200, 'a request full of credentials');

my ($r) = $up->requests;
is($r->{headers}{authorization}, "Bearer $secret",
   'the provider gets its own key');
unlike($r->{raw}, qr/sk-(?:alice|in|two|second|third|fourth|fifth|sixth|eig)/,
       'and none of the others');
unlike($r->{raw}, qr/org-seven/, 'nor the organization');
is($r->{uri}, '/v1/chat/completions', 'of the query only what is listed goes up');
unlike($res->{raw}, qr/\Q$secret\E/, 'the client does not get it');

$up->reset(soma_response(401, '{"error":{"message":"bad key"}}',
                         'WWW-Authenticate' => 'Bearer realm="x"'));
$res = ask(Authorization => 'Bearer sk-alice');
unlike($res->{raw}, qr/\Q$secret\E/, 'nor with an error');
is($res->{headers}{'www-authenticate'}, undef,
   "the provider's demand for credentials is not passed on");

$n->quit;

my $log = $n->error_log;
unlike($log, qr/\Q$secret\E/, "the provider's key is not in the debug log");
unlike($log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
