# Keys at run time: made, changed, rotated, revoked on one node and felt on
# the other; the secret shown once and kept nowhere.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

my $redis = soma_redis();

sub hash { 'sha256:' . soma_sha256($_[0]) }

my $who = "
    soma_provider local { dialect echo; }
    soma_model echo provider=local input=1 output=1;
    soma_model other provider=local input=1 output=1;
    soma_tenant acme { limit requests 1000/hour; }
    soma_tenant ops { }
    soma_key @{[ hash('k') ]} tenant=acme user=alice name=desk;
    soma_key @{[ hash('a') ]} tenant=ops user=root capabilities=admin;
";
my $where = '
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /readyz { soma_api; }
    location /svc/ { soma_access; empty_gif; }
';

sub node {
    my ($name, $workers) = @_;

    return soma_nginx(name => $name, workers => $workers, server => $where,
                      http => "soma_zone 8m; $who
                               soma_redis @{[ $redis->url ]} timeout=500ms;");
}

my $one = node('one', 1);
my $two = node('two', 2);
my @secrets;

for my $n ($one, $two) {
    ok(soma_wait(10, sub {
           my $res = $n->get('/soma/health', 'x-api-key' => 'a');
           soma_json($res->{body})->{redis}{listening}
       }), 'connected');
}

# as an administrator, on the first node
sub admin {
    my ($method, $uri, $body) = @_;
    my $res = $one->request($method, "/soma/$uri",
                            ref $body ? soma_to_json($body) : $body,
                            'x-api-key' => 'a',
                            'Content-Type' => 'application/json');

    $res->{json} = eval { soma_json($res->{body}) } || {};
    $res->{code} = $res->{json}{error} && $res->{json}{error}{code};

    return $res;
}

sub make {
    my (%fields) = @_;
    my $res = admin(POST => 'keys', { tenant => 'acme', %fields });

    push @secrets, $res->{json}{key} if $res->{json}{key};

    return $res;
}

sub svc { $_[0]->get('/svc/', 'x-api-key' => $_[1])->{status} }

# every worker of both nodes says so, soon
sub all {
    my ($key, $status) = @_;

    return soma_wait(soma_slow() ? 10 : 3, sub {
        my $all = 1;

        $all &&= svc($_, $key) == $status for $one, $two, $two, $two, $two;
        $all;
    });
}

sub ids { join ' ', map { $_->{id} } @{ $_[0]->{json}{keys} } }


# who may

is($one->get('/soma/keys')->{status}, 401, 'no key');
is($one->get('/soma/keys', 'x-api-key' => 'k')->{status}, 403, 'no admin');
is($one->post('/soma/keys', '{}', 'x-api-key' => 'k')->{status}, 403,
   'nor to make one');


# made

my $res = make(name => 'ci-bot', user => 'bob', models => ['echo'],
               limits => ['requests  100/hour'], capabilities => ['usage'],
               expires => '2999-01-01', tags => 'team=blue');
my $key = $res->{json}{key};

is($res->{status}, 201, 'made');
like($key, qr/^sk-soma-[A-Za-z0-9_-]{43}$/, 'the key');
is($res->{headers}{'cache-control'}, 'no-store', 'not to be kept');
is(svc($one, $key), 200, 'it works at once where it was made');
ok(all($key, 200), 'and soon everywhere');
is_deeply($redis->hash('soma:key:' . soma_sha256($key)),
          { tenant => 'acme', name => 'ci-bot', user => 'bob',
            models => 'echo', limits => 'requests 100/hour',
            capabilities => 'usage', tags => 'team=blue',
            expires => '2999-01-01T00:00:00.000Z',
            created => $res->{json}{created} }, 'what Redis has');

my $shown = admin(GET => 'keys/ci-bot');
is($shown->{status}, 200, 'shown again');
delete $res->{json}{key};
is_deeply($shown->{json}, $res->{json}, 'without the key');

is(make(name => 'ci-bot')->{code}, 'key_exists', 'its name is taken');
is(make(name => 'desk')->{code}, 'key_exists', 'as is a configured one');
is(make(tenant => 'nobody')->{code}, 'unknown_tenant', 'an unknown tenant');

$res = make();
my $plain = $res->{json};
like($plain->{id}, qr/^[0-9a-f]{16}$/, 'an id is made up');
is($plain->{id}, substr(soma_sha256($plain->{key}), 0, 16), 'of the hash');
isnt($plain->{key}, $key, 'another key');


# what is not understood

for (['{"tenant":"acme","nmae":"x"}', qr/unknown member \\"nmae\\"/],
     ['{"tenant":"acme","limits":["requests 1/fortnight"]}',
      qr/unknown window: allowed are second/],
     ['{"tenant":"acme","expires":"2020-01-01"}', qr/is past/],
     ['{"name":"x"}', qr/\\"tenant\\" is required/],
     ['[', qr/must be a JSON object/], ['', qr/\\"tenant\\" is required/])
{
    $res = admin(POST => 'keys', $_->[0]);
    is($res->{status}, 400, "refused: $_->[0]");
    like($res->{body}, $_->[1], 'and why');
}

is(admin(POST => 'keys', '{"tenant":"' . 'a' x 9000 . '"}')->{status}, 413,
   'a long body');
$res = admin(PUT => 'keys', '{}');
is("$res->{status} $res->{headers}{allow}", '405 GET, HEAD, POST', 'PUT');
is(admin(GET => 'keys/ci-bot/rotate')->{status}, 405, 'rotate is POST');
is(admin(POST => 'keys/ci-bot/turn', '{}')->{status}, 404, 'no such verb');
is(admin(GET => 'keys/nobody')->{status}, 404, 'no such key');
$res = admin(GET => "keys/$key");
is($res->{status}, 404, 'a key is no id');
unlike($res->{body}, qr/$key/, 'and is not repeated');


# changed

is(admin(POST => 'keys/ci-bot', {})->{status}, 400, 'nothing to change');
is(admin(POST => 'keys/ci-bot', { tenant => 'ops' })->{status}, 400,
   'the tenant stays');
$res = admin(POST => 'keys/ci-bot', { limits => ['requests 1/hour'],
                                      user => undef, models => [] });
is($res->{status}, 200, 'changed');
is("@{ $res->{json}{limits} }", 'requests 1/hour', 'the limits');
is($res->{json}{user}, '', 'no user any more');
is($res->{json}{tags}, 'team=blue', 'the tags are as they were');
ok(!exists $redis->hash('soma:key:' . soma_sha256($key))->{models},
   'nor models');
ok(all($key, 429), 'the limit holds everywhere');
is(admin(POST => 'keys/ci-bot', { limits => undef })->{status}, 200,
   'without it');
ok(all($key, 200), 'all pass again');

$redis->cmd('HSET', 'soma:key:' . soma_sha256($key), expires => time - 1);
ok(all($key, 401), 'expired');
is(admin(POST => 'keys/ci-bot', { expires => undef })->{status}, 200,
   'for ever');
ok(all($key, 200), 'alive again');
is($redis->cmd('PTTL', 'soma:key:' . soma_sha256($key)), -1,
   'in Redis too');


# rotated

$res = admin(POST => 'keys/ci-bot/rotate', { overlap => '1h' });
is($res->{status}, 200, 'rotated');
my $new = $res->{json}{key};
push @secrets, $new;
isnt($new, $key, 'another key');
ok(all($new, 200), 'which works');
ok(all($key, 200), 'beside the old one');
is($res->{json}{id}, 'ci-bot', 'the id stays');
is($res->{json}{tags}, 'team=blue', 'as do its fields');
ok($redis->cmd('PTTL', 'soma:key:' . soma_sha256($key)) > 0,
   'Redis drops the old one some day');
is(scalar @{ admin(GET => 'keys/ci-bot')->{json}{old} }, 1, 'one old key');
is(admin(POST => 'keys/ci-bot', { user => 'carl' })->{json}{user}, 'carl',
   'changed after that');
is($redis->hash('soma:key:' . soma_sha256($_))->{user}, 'carl', 'both')
    for $key, $new;

# its hour is over
$redis->cmd('HSET', 'soma:key:' . soma_sha256($key),
            expires => time - 1);
ok(all($key, 401), 'the old one ends');
is(svc($one, $new), 200, 'the new one does not');

$res = admin(POST => 'keys/ci-bot/rotate', { overlap => 0 });
push @secrets, $res->{json}{key};
ok(all($new, 401), 'rotated without an overlap: over at once');
ok(all($res->{json}{key}, 200), 'the new one works');
$new = $res->{json}{key};


# rotated again and again: old keys that work are bounded, ended ones are in
# nobody's way

my @turns = make(name => 'turns')->{json}{key};

sub turn {
    my $turned = admin(POST => 'keys/turns/rotate', { overlap => '1h' });

    push @turns, $turned->{json}{key} if $turned->{status} == 200;
    return $turned->{code} // $turned->{status};
}

is(turn(), 200, 'rotated') for 1 .. 7;
is(turn(), 'rotated_too_often', 'eight keys of one id are enough');
$redis->cmd('HSET', 'soma:key:' . soma_sha256($_), expires => time - 1)
    for @turns[0, 3];
is(turn(), 200, 'two of them have ended') for 1 .. 2;
is(turn(), 'rotated_too_often', 'the others have not');
is(scalar @{ admin(GET => 'keys/turns')->{json}{old} }, 7, 'as is shown');
$redis->cmd('DEL', 'soma:key:' . soma_sha256($turns[-1]));
is(turn(), 'key_gone', 'only old ones are left');
is(admin(DELETE => 'keys/turns')->{status}, 200, 'which can be revoked');
is($redis->cmd('EXISTS', map { 'soma:key:' . soma_sha256($_) } @turns), 0,
   'all of them');
push @secrets, @turns;


# revoked

$res = admin(DELETE => 'keys/ci-bot');
is($res->{status}, 200, 'revoked');
ok(all($new, 401), 'everywhere');
is(svc($one, $key), 401, 'and the old ones');
is(admin(GET => 'keys/ci-bot')->{status}, 404, 'gone');
is(admin(DELETE => 'keys/ci-bot')->{status}, 404, 'twice');
is($redis->cmd('EXISTS', 'soma:key:' . soma_sha256($_)), 0, 'in Redis')
    for $key, $new;


# of the configuration

for ([POST => 'keys/desk', '{"user":"x"}'], [DELETE => 'keys/desk'],
     [POST => 'keys/desk/rotate'],
     [DELETE => 'keys/' . soma_sha256('k')])
{
    $res = admin(@$_);
    is($res->{status}, 409, "$_->[0] $_->[1]");
    like($res->{body}, qr{soma_key directive in \S+/nginx\.conf:\d+},
         'where it stands');
}

is(admin(GET => 'keys/desk')->{json}{source}, 'configuration', 'shown');


# written by hand

my $hex = soma_sha256('by-hand');
$redis->cmd('HSET', "soma:key:$hex", tenant => 'acme', user => 'hand');
ok(all('by-hand', 200), 'a key written by hand');
is(admin(GET => "keys/$hex")->{json}{user}, 'hand', 'found by its hash');
$res = admin(POST => "keys/$hex/rotate", { overlap => '1h' });
push @secrets, $res->{json}{key};
is($res->{json}{id}, substr($hex, 0, 12), 'rotated: an id as in the logs');
is(scalar @{ admin(GET => "keys/$res->{json}{id}")->{json}{old} }, 1,
   'now it is listed');
admin(DELETE => "keys/$res->{json}{id}");
ok(all('by-hand', 401), 'revoked');


# the list

make(name => "page-$_") for 1 .. 5;
is(ids(admin(GET => 'keys?tenant=acme')),
   "desk $plain->{id} page-1 page-2 page-3 page-4 page-5", 'all of a tenant');
is(ids(admin(GET => 'keys?tenant=ops')), substr(soma_sha256('a'), 0, 12),
   'of another');
is(ids(admin(GET => 'keys?tenant=acm')), '', 'of none');

my ($pages, $cursor, @seen) = (0, '');

do {
    $res = admin(GET => 'keys?tenant=acme&limit=2&cursor=' . $cursor);
    push @seen, ids($res) || ();
    $cursor = $res->{json}{cursor} // '';
} while ($cursor && ++$pages < 10);

is("@seen", "desk $plain->{id} page-1 page-2 page-3 page-4 page-5",
   'page by page');
is(admin(GET => 'keys?limit=0')->{status}, 400, 'limit=0');
is(admin(GET => 'keys?cursor=x')->{status}, 400, 'a bad cursor');
is(admin(GET => 'keys?tenant=a%20b')->{status}, 400, 'a bad tenant');

# an entry whose key is gone
$redis->cmd('DEL', 'soma:key:' . soma_sha256($plain->{key}));
unlike(ids(admin(GET => 'keys')), qr/$plain->{id}/, 'is not shown');
my $gone = '0' x 64;
$redis->cmd('ZADD', 'soma:keys', 0, "id ghost acme $gone 1000",
            0, "tenant acme ghost $gone 1000");
is(make(name => 'ghost')->{status}, 201, 'and its name is free');
$redis->cmd('ZADD', 'soma:keys', 0, "id spook acme $gone 1000",
            0, "tenant acme spook $gone 1000");
admin(GET => 'keys');
ok(soma_wait(5, sub {
       !grep { /spook/ } @{ $redis->cmd('ZRANGE', 'soma:keys', 0, -1) }
   }), 'an old one is removed');


# names as long as a hash

my $long = 'long-' . 'z' x 59;
is(make(name => $long)->{json}{id}, $long, 'a name of 64 characters');
is(admin(GET => "keys/$long")->{json}{id}, $long, 'is found');
is(admin(DELETE => "keys/$long")->{status}, 200, 'and revoked');
is(make(name => 'f' x 64)->{status}, 400, 'but not one of 64 hex digits');


# names that are words of the path

is(make(name => $_)->{status}, 201, "a key called $_")
    for qw(readyz usage training rotate);
is($one->get('/soma/keys/readyz')->{status}, 401, 'needs a key');
is(admin(GET => "keys/$_")->{json}{id}, $_, "$_ is shown")
    for qw(readyz usage training rotate);
is($one->get('/readyz')->{status}, 200, 'readyz is where it was');


# several at once, on both nodes: one of them wins

sub at_once {
    my ($uri, $body) = @_;
    my $text = soma_to_json($body);
    my @open = map {
        my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $_->port) or die $!;

        print $fh "POST $uri HTTP/1.0\r\nx-api-key: a\r\nContent-Length: "
                  . length($text) . "\r\n\r\n$text";
        $fh->flush;
        $fh;
    } ($one, $two) x 3;

    return map { my $fh = $_; local $/; <$fh> } @open;
}

my @answers = at_once('/soma/keys', { tenant => 'acme', name => 'race' });
my @won = grep { m{^HTTP/1.1 201 } } @answers;
is(scalar(@won), 1, 'one of them makes the key');
is(scalar(grep { m{^HTTP/1.1 409 } } @answers), 5, 'for the others it is');

@answers = at_once('/soma/keys/race/rotate', { overlap => '1h' });
@won = map { /"key":"(sk-soma-[^"]+)"/ } grep { m{^HTTP/1.1 200 } } @answers;
push @secrets, @won;
ok(@won >= 1, 'rotated by ' . @won);
is(scalar(grep { svc($one, $_) != 200 } @won), 0, 'all that was shown works');
ok(soma_wait(5, sub {
       my $json = admin(GET => 'keys/race')->{json};

       !exists $json->{rotated} && @{ $json->{old} } == @won
       && !grep { !defined $_->{rotated} } @{ $json->{old} }
   }), 'one is the current one, the others are old');

# a node that died in a rotation left a key that nobody knows

my $half = soma_sha256('nobody has this');
$redis->cmd('HSET', "soma:key:$half", tenant => 'acme', name => 'race',
            created => '2026-01-01T00:00:00.000Z');
$redis->cmd('HSET', "soma:key:$_", created => '2026-01-01T00:00:00.000Z')
    for map { soma_sha256($_) } @won;
$redis->cmd('DEL', 'soma:keys');
$redis->cmd('ZADD', 'soma:keys', 0, "id race acme $_ 1767225600000",
            0, "tenant acme race $_ 1767225600000")
    for $half, soma_sha256($won[-1]);
$res = admin(POST => 'keys/race/rotate', { overlap => 0 });
is($res->{status}, 200, 'the next rotation');
push @secrets, $res->{json}{key};
is($redis->cmd('EXISTS', "soma:key:$half"), 0, 'ends it');
is(admin(POST => 'keys/race/rotate', { overlap => 0 })->{status}, 200,
   'and another');
is(admin(DELETE => 'keys/race')->{status}, 200, 'and away with it');
ok(!grep({ /race/ } @{ $redis->cmd('ZRANGE', 'soma:keys', 0, -1) }),
   'out of the index');


# a revocation goes on without its client, to the last of the old keys

my $proxy = soma_redis_proxy($redis);
my $patient = soma_nginx(name => 'patient', server => $where,
                         http => "soma_zone 8m; $who
                               soma_redis @{[ $proxy->url ]} timeout=30s;");

my @works = make(name => 'left-2')->{json}{key};
$res = admin(POST => 'keys/left-2/rotate', { overlap => '1h' });
push @secrets, $res->{json}{key};
push @works, $res->{json}{key};
ok(all($_, 200), 'a key and its old one') for @works;
ok(soma_wait(10, sub {
       $patient->get('/soma/keys', 'x-api-key' => 'a')->{status} == 200
   }), 'a node whose Redis is slow');

$proxy->rule(match => qr/^DEL /, delay => 0.3);
my $left = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                 PeerPort => $patient->port) or die $!;
print $left "DELETE /soma/keys/left-2 HTTP/1.1\r\nHost: x\r\n"
            . "x-api-key: a\r\n\r\n";
$left->flush;
ok(soma_wait(10, sub { $proxy->hits }), 'one is being revoked');
close $left;
ok(soma_wait(10, sub {
       !grep { / left-2 / } @{ $redis->cmd('ZRANGE', 'soma:keys', 0, -1) }
   }), 'the last step is done');
ok(all($_, 401), 'both are revoked') for @works;
$proxy->rule;


# who did it

my $told = 'soma: key "ci-bot" of tenant "acme" was created by user "root" '
           . 'of tenant "ops"';
ok(index($one->error_log, $told) > 0, 'the log');
like(soma_to_json($redis->cmd('XRANGE', 'soma:{acme}:events', '-', '+')),
     qr/created.*ci-bot.*rotated.*ci-bot.*revoked.*ci-bot/, 'the stream');


# Redis says no, or nothing

$redis->cmd('CONFIG', 'SET', 'maxmemory', 1);
$res = make(name => 'full');
is("$res->{status} $res->{code}", '503 redis_refused', 'no memory there');
$redis->cmd('CONFIG', 'SET', 'maxmemory', 0);
is(make(name => 'full')->{status}, 201, 'memory again');

$redis->stop;
$res = make(name => 'away');
is("$res->{status} $res->{code}", '503 redis_unavailable', 'Redis is away');
is($res->{headers}{'retry-after'}, 1, 'come again');
is(admin(GET => 'keys')->{status}, 503, 'nor can they be listed');
$redis->start;
ok(soma_wait(10, sub { admin(GET => 'keys')->{status} == 200 }), 'back');


# without Redis

my $none = soma_nginx(name => 'none', server => $where,
                      http => "soma_zone 8m; $who");

$res = $none->post('/soma/keys', '{"tenant":"acme"}', 'x-api-key' => 'a');
is($res->{status}, 503, 'no soma_redis');
like($res->{body}, qr/add soma_redis/, 'which is needed');
is($res->{headers}{'x-should-retry'}, 'false', 'a retry is pointless');
$res = $none->get('/soma/keys', 'x-api-key' => 'a');
is(ids({ json => soma_json($res->{body}) }),
   'desk ' . substr(soma_sha256('a'), 0, 12), 'the configured ones');


# no secret anywhere

my $all = '';

for my $name (@{ $redis->cmd('KEYS', '*') }) {
    my $type = $redis->cmd('TYPE', $name);

    $all .= soma_to_json([$name,
        $type eq 'hash' ? $redis->cmd('HGETALL', $name)
        : $type eq 'zset' ? $redis->cmd('ZRANGE', $name, 0, -1)
        : $type eq 'stream' ? $redis->cmd('XRANGE', $name, '-', '+')
        : $redis->cmd('DUMP', $name)]);
}

$all .= $_->error_log . admin(GET => 'keys')->{body} for $one, $two;
@secrets = grep { $_ ne $key } @secrets;    # that one was asked for by path
is(scalar(grep { index($all, $_) >= 0 } @secrets), 0,
   'none of ' . @secrets . ' keys in Redis, logs or lists');

for ($one, $two, $patient, $none) {
    ok($_->quit, 'the end');
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');
}

done_testing();
