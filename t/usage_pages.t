# Usage of many tenants: the index says who there is, in pages or at once, and
# the sums are exact.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $TENANTS = soma_slow() ? 200 : 1000;
my $redis = soma_redis();

# tenant t-0007 used 7 tokens on each of the 31 days of a month
$redis->cmd('EVAL', <<'END', 0, $TENANTS);
    for t = 1, tonumber(ARGV[1]) do
        local name = string.format('t-%04d', t)
        redis.call('ZADD', 'soma:tenants', 0, name)
        for day = 1, 31 do
            redis.call('HSET', string.format('soma:{%s}:usage:2026-10-%02d',
                                             name, day),
                       'p/m/requests', 1, 'p/m/input_tokens', t,
                       'p/m/cost_nano', 1000000000 + t)
        end
    end
    redis.call('ZADD', 'soma:tenants', 0, 'bad name', 0, '{x}')
END

my $n = soma_nginx(http => <<"EOC", server => <<'EOS');
    soma_zone   16m;
    soma_redis  @{[ $redis->url ]} timeout=5s;
    soma_provider local { dialect echo; }
    soma_model echo  provider=local;
    soma_tenant acme { }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme;
    soma_key sha256:@{[ soma_sha256('a') ]} tenant=acme capabilities=usage;
    soma_key sha256:@{[ soma_sha256('root') ]} tenant=acme capabilities=admin;
EOC
    location /soma/ { soma_api; }
    location /v1/ { soma_pass; }
EOS

ok(soma_wait(60, sub { get('health')->{json}{redis}{listening} }),
   'connected');

my $month = 'from=2026-10-01&to=2026-10-31';
my $sum = $TENANTS * ($TENANTS + 1) / 2;

# at once

my $res = get("usage?tenant=*&by=tenant&$month");

is($res->{status}, 200, "a month of $TENANTS tenants in one call");
is($res->{json}{total}{requests}, 31 * $TENANTS, 'all requests');
is($res->{json}{total}{input_tokens}, 31 * $sum, 'all tokens');
is($res->{json}{cursor}, undef, 'no page follows');
is(scalar @{ $res->{json}{rows} }, $TENANTS, 'a row each');

my %row = map { $_->{tenant} => $_ } @{ $res->{json}{rows} };
is($row{'t-0007'}{input_tokens}, 7 * 31, 'with its own sum');
is(commands('scan') + commands('keys'), 0, 'nothing looks through all keys');

# in pages

my ($cursor, $pages, %seen, $tokens);

do {
    my $page = get("usage?tenant=*&by=tenant&$month&limit=64"
                   . (defined $cursor ? "&cursor=$cursor" : ''));

    is($page->{status}, 200, 'a page') or last;
    $seen{$_->{tenant}}++ for @{ $page->{json}{rows} };
    $tokens += $page->{json}{total}{input_tokens};
    $cursor = $page->{json}{cursor};
    $pages++;
} while (defined $cursor);

is($pages, int(($TENANTS + 1 + 63) / 64), 'so many pages');
is(scalar keys %seen, $TENANTS, 'show every tenant');
is(scalar(grep { $_ > 1 } values %seen), 0, 'once');
is($tokens, 31 * $sum, 'and their sums are the whole');

# a tenant that only the configuration has is among them

$res = get('usage?tenant=*&by=tenant&limit=1');
is($res->{json}{cursor}, 'acme', 'it is the first one by name');

# what is not understood is said

for (['usage?tennant=acme', 'tenant day from to by limit cursor'],
     ['usage?tenant=acme&days=3', 'tenant day from to by limit cursor'],
     ['usage?day=2026-10-01&x', 'tenant day from to by limit cursor'],
     ['health?verbose=1', 'allowed is none'],
     ['config?tenant=acme', 'allowed is none'],
     ['locks?tenant=acme', 'allowed is none'],
     ['usage?tenant=*&limit=0', 'from 1 to'],
     ['usage?tenant=*&limit=x', 'from 1 to'],
     ['usage?tenant=*&limit=100000', 'from 1 to'],
     ['usage?tenant=*&cursor=a%20b', 'cursor'],
     ['usage?limit=5', 'tenant=\*'])
{
    $res = get($_->[0]);
    is($res->{status}, 400, "$_->[0] is refused");
    like($res->{body}, qr/$_->[1]/, 'and what is allowed is said');
}

for (['keys?tenent=acme', 'tenant limit cursor'],
     ['tenants?tenant=acme', 'limit cursor'])
{
    $res = $n->get("/soma/$_->[0]", Authorization => 'Bearer root');
    is($res->{status}, 400, "$_->[0] is refused");
    like($res->{body}, qr/allowed are $_->[1]/, 'and what is allowed is said');
}

is(get('usage?&tenant=acme&')->{status}, 200, 'empty arguments are none');

# Redis goes away in the middle of the pages

$redis->stop;
ok(soma_wait(60, sub { !get('health')->{json}{redis}{up} }), 'Redis is away');
is(get("usage?tenant=*&limit=5&cursor=t-0001")->{status}, 503,
   'a page of other books is not given');
is(get("usage?tenant=*&by=tenant")->{json}{source}, 'local',
   "from the start it is this node's own");

done_testing();


sub get {
    my $res = $n->get("/soma/$_[0]", Authorization => 'Bearer a');

    $res->{json} = eval { soma_json($res->{body}) };

    return $res;
}


sub commands {
    my ($calls) = $redis->cmd('INFO', 'commandstats')
                  =~ /cmdstat_$_[0]:calls=(\d+)/;

    return $calls // 0;
}
