# What is left is seen: GET /soma/limits, gauges, headers; of this node and,
# with Redis, of all.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::Local qw(timegm);

my $redis = soma_redis();
my $gate = "$Soma::DIR/gate";
my $ANSWER = soma_response(200, '{"choices":[],"usage":{"prompt_tokens":0,'
                                . '"completion_tokens":1000,'
                                . '"total_tokens":1000}}');
my $up = soma_upstream(responses => [$ANSWER]);

sub hash { 'sha256:' . soma_sha256($_[0]) }

sub http {
    my ($more) = @_;

    return <<"END";
    soma_zone 8m;
    $more
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        limit requests 1000/day;
    }
    soma_model m provider=p input=0 output=2;
    soma_tenant acme {
        limit cost 0.5/month;
        limit tokens 1m/hour per=user;
        limit requests 100k/day per=model;
        limit concurrency 700;
    }
    soma_tenant other { limit cost 3/ever; }
    soma_tenant ops { }
    soma_key @{[ hash('alice') ]} tenant=acme user=alice name=a
             "limits=requests 500000/week";
    soma_key @{[ hash('bob') ]} tenant=acme user=bob name=b;
    soma_key @{[ hash('x') ]} tenant=other user=x name=x;
    soma_key @{[ hash('admin') ]} tenant=ops user=root name=o
             capabilities=admin;
END
}

my $SERVER = 'location /v1/ { soma_pass; } location /soma/ { soma_api; }
              location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }';

sub ask {
    my ($n, $key) = @_;

    return $n->post('/v1/completions',
                    '{"model":"m","max_tokens":1000,"prompt":"x"}',
                    'x-api-key' => $key);
}

sub list {
    my ($n, $key, $args) = @_;
    my $res = $n->get('/soma/limits' . ($args // ''), 'x-api-key' => $key);

    return eval { soma_json($res->{body}) } || { status => $res->{status} };
}

# "owner text value" => row
sub rows {
    return { map { join(' ', $_->{owner}, $_->{text}, $_->{value} // '') => $_ }
             @{ list(@_)->{limits} || [] } };
}

sub row { my ($rows, $name) = @_; $rows->{$name} || {} }

my $n = soma_nginx(workers => 2, http => http(''), server => $SERVER);

# before anything was used

my $r = rows($n, 'alice');
is_deeply([grep { !/per=model $/ } sort keys %$r], [
    'key:a requests 500000/week a',
    'tenant:acme concurrency 700 ',
    'tenant:acme cost 0.5/month ',
    'tenant:acme tokens 1m/hour per=user alice',
], 'a key sees what it is limited by') or diag explain $r;
my $cost = row($r, 'tenant:acme cost 0.5/month ');
is_deeply([@$cost{qw(unit limit used reserved left window scope)}],
          ['USD', 0.5, 0, 0, 0.5, 'month', 'tenant'], 'nothing is used');

# and after

my $res = ask($n, 'alice');
is($res->{status}, 200, 'a request') or diag $res->{body};
is($res->{headers}{'x-ratelimit-limit-cost'}, '0.5', 'its limit of cost');
is($res->{headers}{'x-ratelimit-remaining-cost'}, '0.498', 'what is left');
like($res->{headers}{'x-ratelimit-reset-cost'}, qr/^(\d+h)?(\d+m)?\d+s$/,
     'and until when');
ask($n, 'bob');

$r = rows($n, 'alice');
$cost = row($r, 'tenant:acme cost 0.5/month ');
is_deeply([@$cost{qw(limit used reserved left)}], [0.5, 0.004, 0, 0.496],
          'cost, in USD, of the whole tenant');
my @now = gmtime;
is($cost->{resets_at}, sprintf('%04d-%02d-01T00:00:00.000Z',
                               $now[5] + 1900 + ($now[4] == 11),
                               ($now[4] + 1) % 12 + 1), 'until when');
my $week = row($r, 'key:a requests 500000/week a');
is_deeply([@$week{qw(unit limit)}], ["requests", 500000], 'requests of the key');
is($week->{left}, 500000 - $week->{used} - $week->{reserved}, 'what is left');
cmp_ok($week->{used}, '>=', 1, 'of what was used');
my $tokens = row($r, 'tenant:acme tokens 1m/hour per=user alice');
is($tokens->{limit}, 1000000, 'tokens of the user');
cmp_ok($tokens->{used}, '<=', 1000, 'what it used');
cmp_ok($tokens->{used}, '>=', soma_slow() ? 1 : 900,
       'but for what has come back');
my $model = row($r, 'tenant:acme requests 100k/day per=model m');
is($model->{left}, 99998, 'of each model that was asked for');
ok(!grep({ / bob$|^provider|^tenant:other/ } keys %$r), 'and nobody else\'s');

# in flight

$up->reset({ raw => $ANSWER, gate => [0, $gate] });
my $pid = fork // die;
if ($pid == 0) { ask($n, 'alice'); POSIX::_exit(0); }
ok(soma_wait(20, sub { $up->count == 1 }), 'one is in flight');
$cost = row(rows($n, 'alice'), 'tenant:acme cost 0.5/month ');
is_deeply([@$cost{qw(used reserved left)}], [0.004, 0.002, 0.494],
          'what it holds is told apart');
open my $fh, '>', $gate or die;
close $fh;
waitpid $pid, 0;

# who may see what

$r = rows($n, 'admin');
ok($r->{$_}, "admin sees $_") for 'tenant:acme cost 0.5/month ',
    'tenant:other cost 3/ever ', 'provider:p requests 1000/day p',
    'tenant:acme tokens 1m/hour per=user bob';
is($r->{'tenant:other cost 3/ever '}{resets_at}, undef, 'ever has no end');
$r = rows($n, 'admin', '?tenant=other');
is_deeply([keys %$r], ['tenant:other cost 3/ever '], 'of one tenant');
is(list($n, 'x', '?tenant=acme')->{error}{code}, 'limits_of_another_tenant',
   'a key sees no other tenant');
is(list($n, 'admin', '?tenant=a/b')->{error}{code}, 'invalid_tenant',
   'a name that is none');
is(list($n, 'admin', '?cursor=x')->{error}{code}, 'invalid_cursor',
   'a cursor that is none');
is($n->get('/soma/limits')->{status}, 401, 'nobody sees nothing');
is($n->post('/soma/limits', '{}', 'x-api-key' => 'admin')->{status}, 405,
   'nor changes it here');

# pages

my ($page, %seen) = ({ cursor => '' });
my $pages = 0;
while (defined $page->{cursor} && $pages++ < 20) {
    $page = list($n, 'admin', "?limit=2&cursor=$page->{cursor}");
    cmp_ok(scalar @{ $page->{limits} }, '<=', 2, 'two a page');
    $seen{"$_->{owner} $_->{text} " . ($_->{value} // '')}++
        for @{ $page->{limits} };
}
is_deeply([sort keys %seen],
          [sort keys %{ rows($n, 'admin', '?limit=1000') }],
          'all of them on some page');
ok(!grep({ $_ > 1 } values %seen), 'once');

# gauges

my $text = $n->get('/metrics')->{body};
like($text, qr/^soma_limit\{tenant="acme",limit="cost\/month",unit="USD"\} 0\.5$/m,
     'the limit');
like($text, qr/^soma_limit_left\{tenant="acme",limit="cost\/month",unit="USD"\} 0\.494$/m,
     'and what is left of it');

# over two nodes

$up->reset($ANSWER);
my @nodes = map {
    soma_nginx(name => "r$_", workers => 2, server => $SERVER,
               http => http('soma_redis ' . $redis->url . ' timeout=1s;'))
} 1 .. 2;

ask($nodes[0], 'alice') for 1 .. 2;
ask($nodes[1], 'alice') for 1 .. 3;

for my $node (@nodes) {
    ok(soma_wait(20, sub {
        $cost = row(rows($node, 'alice'), 'tenant:acme cost 0.5/month ');
        return ($cost->{used} // 0) == 0.01;
    }), 'each node tells of all') or diag explain $cost;
    is($cost->{left}, 0.49, 'what is left');
}

is(list($nodes[0], 'alice')->{nodes}, 'all', 'and says so');
ok(soma_wait(20, sub {
    ($nodes[0]->get('/metrics')->{body} =~
     /^soma_limit_left\{tenant="acme",limit="cost\/month",unit="USD"\} (\S+)$/m
     ? $1 : 0) == 0.49
}), 'so do its gauges');

$redis->stop;
ok(soma_wait(20, sub { (list($nodes[0], 'alice')->{nodes} // '') eq 'this' }),
   'without Redis it tells what it knows');

done_testing();
