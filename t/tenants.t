# Tenants at run time: what Redis says of a tenant counts in the place of its
# block, on every node within a second, parsed once.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $redis = soma_redis();

sub hash { 'sha256:' . soma_sha256($_[0]) }

sub node {
    my ($name, $workers) = @_;

    return soma_nginx(name => $name, workers => $workers, http => <<"END",
        soma_zone 8m;
        soma_redis @{[ $redis->url ]} timeout=500ms;
        soma_provider local { dialect echo; }
        soma_model echo provider=local input=1 output=1;
        soma_model other provider=local input=1 output=1;
        soma_tenant acme { limit requests 1000/hour; models echo; }
        soma_tenant ops { }
        soma_key @{[ hash('k') ]} tenant=acme user=alice;
        soma_key @{[ hash('a') ]} tenant=ops user=root capabilities=admin;
END
        server => <<'END');
        location /v1/ { soma_pass; }
        location /soma/ { soma_api; }
        location /svc/ { soma_access; empty_gif; }
        location /free/ { soma_access; soma_training_lock off; empty_gif; }
        location /deny/ { soma_access; soma_on_redis_down deny; empty_gif; }
END
}

my $one = node('one', 1);
my $two = node('two', 2);

sub conf {
    my ($n, $key) = @_;
    my $res = $n->get('/soma/config', 'x-api-key' => $key);

    return eval { soma_json($res->{body}) } || {};
}

sub limits {
    my ($n, $key) = @_;

    return join ';', map { "$_->{owner}:$_->{limit}" }
                     @{ conf($n, $key)->{limits} };
}

sub models { join ' ', map { $_->{name} } @{ conf(@_)->{models} } }

# both workers of the second node say so
sub both {
    my ($code) = @_;

    return soma_wait(soma_slow() ? 10 : 3, sub {
        my $all = 1;

        $all &&= $code->($_) for $one, $two, $two, $two, $two;
        $all;
    });
}

sub svc {
    my ($n, $key, $where) = @_;

    return $n->get('/' . ($where || 'svc') . '/', 'x-api-key' => $key)
           ->{status};
}

sub hset { $redis->cmd('HSET', "soma:tenant:$_[0]", @_[1 .. $#_]) }

for my $n ($one, $two) {
    ok(soma_wait(10, sub {
           my $res = $n->get('/soma/health', 'x-api-key' => 'a');
           soma_json($res->{body})->{redis}{listening}
       }), 'connected');
}

is(limits($one, 'k'), 'tenant:requests 1000/hour', 'the block counts');
is(models($one, 'k'), 'echo', 'its models too');

hset('acme', limits => 'requests 2/hour; concurrency 5');
ok(both(sub { limits($_[0], 'k') eq
              'tenant:requests 2/hour;tenant:concurrency 5' }),
   'limits of Redis take their place, on both nodes');
is(models($two, 'k'), 'echo', 'the models stay');
is(svc($one, 'k'), 200, "they hold: request $_") for 1, 2;
is(svc($one, 'k'), 429, 'and refuse');

hset('acme', models => '');
ok(both(sub { models($_[0], 'k') eq 'echo other' }), 'empty models are all');
hset('acme', limits => '');
ok(both(sub { limits($_[0], 'k') eq '' }), 'empty limits are none');
is(svc($one, 'k'), 200, 'so that all may pass');

$redis->cmd('DEL', 'soma:tenant:acme');
ok(both(sub { limits($_[0], 'k') eq 'tenant:requests 1000/hour' }),
   'without the hash the block counts again');


# a tenant that is not configured

$redis->cmd('HSET', 'soma:key:' . soma_sha256('b'), tenant => 'beta',
            user => 'bea', name => 'laptop');
ok(both(sub { svc($_[0], 'b') == 200 }), 'a key of a tenant without a block');
hset('beta', limits => 'requests 1/hour per=user', tags => 'team=blue');
ok(both(sub { limits($_[0], 'b') eq 'tenant:requests 1/hour per=user' }),
   'which Redis limits');
is(svc($one, 'b'), 200, 'the first');
is(svc($one, 'b'), 429, 'the second');


# what cannot be understood closes

hset('beta', limits => 'requests many/day');
ok(both(sub { svc($_[0], 'b') == 403 }), 'limits that nobody understands');
my $res = $one->get('/svc/', 'x-api-key' => 'b');
like($res->{body}, qr/soma:tenant:beta mended/, 'the way out');
is($one->get('/soma/config', 'x-api-key' => 'b')->{status}, 200,
   'the endpoints work all the same');
like($one->error_log, qr/field "limits" of soma:tenant:beta/, 'the log');
hset('beta', limits => 'requests 500/hour');
ok(both(sub { svc($_[0], 'b') == 200 }), 'mended');


# the usual request asks nobody

sub calls {
    my $info = $redis->cmd('INFO', 'commandstats');
    return $info =~ /hgetall:calls=(\d+)/ ? $1 : 0;
}

# a value that came soon after a change is good for a second only
ok(soma_wait(10, sub {
       my $before = calls();

       svc($one, 'k', 'free');
       select undef, undef, undef, 1.2;
       svc($one, 'k', 'free');
       calls() == $before;
   }), 'a tenant that did not change is not asked for again');


# a tenant is asked for together with its lock: one wait

is($one->get('/svc/', 'x-api-key' => 'k')->{status}, 200, 'warm');
$redis->cmd('HSET', 'soma:tenant:acme', limits => 'requests 900/hour');
$redis->cmd('PUBLISH', 'soma:changes', 'lock acme');
is(svc($one, 'k'), 200, 'both cold');
$redis->cmd('PUBLISH', 'soma:changes', 'tenant acme');
is(svc($one, 'k'), 200, 'by our own channel too');


# by the endpoints

sub admin {
    my ($method, $uri, $body) = @_;
    my $res = $one->request($method, "/soma/$uri",
                            $body && soma_to_json($body),
                            'x-api-key' => 'a',
                            'Content-Type' => 'application/json');

    $res->{json} = eval { soma_json($res->{body}) } || {};
    $res->{code} = $res->{json}{error} && $res->{json}{error}{code};

    return $res;
}

sub names { join ' ', map { $_->{name} } @{ $_[0]->{json}{tenants} } }

is($one->get('/soma/tenants', 'x-api-key' => 'k')->{status}, 403, 'no admin');
is(names(admin(GET => 'tenants')), 'acme ops', 'the list has the blocks');

$res = admin(POST => 'tenants', { name => 'gamma', models => ['echo'],
                                  limits => ['requests 3/hour'] });
is($res->{status}, 201, 'a new tenant');
is($res->{json}{source}, 'redis', 'of Redis');
is(admin(POST => 'tenants', { name => 'gamma' })->{code}, 'tenant_exists',
   'twice');
$res = admin(POST => 'keys', { tenant => 'gamma', name => 'g' });
is($res->{status}, 201, 'a key of it');
my $g = $res->{json}{key};
ok(both(sub { limits($_[0], $g) eq 'tenant:requests 3/hour' }), 'its limits');
is(models($two, $g), 'echo', 'and models');
is(names(admin(GET => 'tenants')), 'acme ops gamma', 'it is listed');
is(names(admin(GET => 'tenants?limit=1&cursor=gamm')), 'gamma', 'by pages');
is(admin(DELETE => 'tenants/gamma')->{code}, 'tenant_has_keys',
   'not deleted while it has keys');
is(admin(DELETE => 'keys/g')->{status}, 200, 'which go first');

# keys that are listed and gone, more than are looked at in one go; behind
# them all one that works

sub listed {
    my ($from, $to) = @_;

    $redis->cmd('EVAL', "for i = ARGV[1], ARGV[2] do\n"
        . "  redis.call('ZADD', KEYS[1], 0, string.format(\n"
        . "    'tenant gamma n%06d %064x 1000', i, i)) end", 1, 'soma:keys',
        $from, $to);
}

listed(1, 40);
my $last = admin(POST => 'keys', { tenant => 'gamma', name => 'zz' })->{json};
is(admin(DELETE => 'tenants/gamma')->{code}, 'tenant_has_keys',
   'a key behind many that are gone');
is(admin(DELETE => 'keys/zz')->{status}, 200, 'that one goes too');
listed(1, 3300);
is(admin(DELETE => 'tenants/gamma')->{code}, 'tenant_index_long',
   'more than are looked at in one go');
is(admin(DELETE => 'tenants/gamma')->{status}, 200, 'deleted');
is(admin(GET => 'tenants/gamma')->{status}, 404, 'gone');
is(admin(POST => 'tenants/gamma', { models => [] })->{status}, 404,
   'no change makes one');

$res = admin(POST => 'tenants/acme', { limits => ['requests  800/hour'] });
is($res->{status}, 200, 'lines over a block');
is("$res->{json}{source} @{ $res->{json}{overridden} }", 'both limits',
   'which is said');
is("@{ $res->{json}{models} }", 'echo', 'its models stay');
ok(both(sub { limits($_[0], 'k') eq 'tenant:requests 800/hour' }),
   'they count everywhere');
$res = admin(POST => 'tenants/acme', { limits => undef, models => ['other'] });
is("@{ $res->{json}{limits} }", 'requests 1000/hour', 'null: the block again');
ok(both(sub { models($_[0], 'k') eq 'other' }), 'other models');
is(admin(DELETE => 'tenants/acme')->{status}, 200, 'only the block');
ok(both(sub { models($_[0], 'k') eq 'echo' }), 'everywhere');
$res = admin(DELETE => 'tenants/acme');
is($res->{status}, 409, 'which stands in the configuration');
like($res->{body}, qr/soma_tenant block in .*nginx\.conf:\d+/, 'and where');

is(admin(POST => 'tenants', $_->[0])->{status}, 400, $_->[1])
    for [{}, 'no name'], [{ name => 'a b' }, 'a bad name'],
        [{ name => 'x', limit => [] }, 'an unknown member'],
        [{ name => 'x', limits => ['requests'] }, 'half a limit'];
is(admin(PUT => 'tenants', {})->{headers}{allow}, 'GET, HEAD, POST', 'PUT');
is(admin(POST => 'tenants', { name => 'keys' })->{status}, 201,
   'a tenant called keys');
is(admin(GET => 'tenants/keys')->{json}{name}, 'keys', 'is one');
like($one->error_log, qr/\[notice\].*soma: tenant "gamma" was deleted by user/,
     'the log says who');
hset('acme', limits => 'requests 900/hour');
ok(both(sub { limits($_[0], 'k') eq 'tenant:requests 900/hour' }), 'set');


# Redis away

$redis->stop;
ok(soma_wait(10, sub { svc($one, 'k', 'deny') == 503 }), 'away: deny denies');
$res = admin(POST => 'tenants', { name => 'x' });
is("$res->{status} $res->{code} $res->{headers}{'retry-after'}",
   '503 redis_unavailable 1', 'no changes now');
is(svc($one, 'k'), 200, 'allow goes on');
is(limits($one, 'k'), 'tenant:requests 900/hour', 'with what was known');
$redis->start;
ok(soma_wait(10, sub { svc($one, 'k', 'deny') == 200 }), 'it is back');

# it started empty: nothing was saved
ok(both(sub { limits($_[0], 'k') eq 'tenant:requests 1000/hour' }),
   'an empty Redis has no tenants');


# a key of another type tells nothing

$redis->cmd('SET', 'soma:tenant:acme', 'no hash');
ok(soma_wait(5, sub { svc($one, 'k', 'deny') == 503 }), 'not a hash: deny');
is(svc($one, 'k'), 200, 'allow');
$redis->cmd('DEL', 'soma:tenant:acme');

# the limit's number has changed just after Redis lost what it had: for 6
# seconds nothing is granted

ok(soma_wait(20, sub { svc($one, 'k', 'deny') == 200 }), 'gone');


for ($one, $two) {
    ok($_->quit, 'the end');
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');
}

done_testing();
