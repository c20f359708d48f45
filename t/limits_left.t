# What is left is seen while it changes: in flight, page by page, and of all
# nodes with Redis. Who sees what, in GET /soma/limits, headers and gauges, is in
# t/cases/limits_left.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

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

# in flight

ask($n, $_) for 'alice', 'bob';
my $cost;

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
