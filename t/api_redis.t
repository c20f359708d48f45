# soma_api with Redis: sums of all nodes, locks of all nodes, and what is
# said when Redis is away.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use POSIX qw(strftime);

my $redis = soma_redis();

my $nginx = soma_nginx(http => <<"EOC", server => <<'EOS');
    soma_zone   16m;
    soma_redis  @{[ $redis->url ]} timeout=500ms;
    soma_provider local { dialect echo; }
    soma_model echo  provider=local input=0.15 output=0.60;
    soma_tenant acme { }
    soma_tenant ops  { }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme user=alice;
    soma_key sha256:@{[ soma_sha256('a') ]} tenant=ops user=root
             capabilities=admin;
EOC
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; soma_training_lock off; }
    location = /readyz { soma_api; }
    location = /deny/readyz { soma_api; soma_on_redis_down deny; }
    location = /metrics { soma_metrics; }
EOS

sub get {
    my ($key, $uri) = @_;
    my $res = $nginx->get($uri, $key ? (Authorization => "Bearer $key") : ());

    $res->{json} = eval { soma_json($res->{body}) };

    return $res;
}

sub up {
    my ($up) = @_;

    return soma_wait(10, sub {
        my $json = get('a', '/soma/health')->{json};

        return !!$json->{redis}{up} == !!$up;
    });
}

ok(up(1), 'connected');

my $res = get('a', '/soma/health');
is($res->{json}{status}, 'ok', 'all is well');
like($res->{json}{redis}{url}, qr/^unix:/, 'where Redis is');
ok($res->{json}{redis}{configured}, 'it is configured');


# usage

sub hash {
    my ($tenant, $day, %field) = @_;

    $redis->cmd('HSET', "soma:{$tenant}:usage:$day", %field);
}

hash('acme', '2026-10-01', 'openai/gpt-4o/requests' => 3,
     'openai/gpt-4o/input_tokens' => 4000000000,
     'openai/gpt-4o/cached_tokens' => 20,
     'openai/gpt-4o/cost_nano' => 123456789012,
     'hub/meta/llama/requests' => 1, 'odd' => 'x',
     'openai/gpt-4o/unheard_of' => 7);
hash('acme', '2026-10-02', 'openai/gpt-4o/requests' => 4,
     'openai/gpt-4o/cost_nano' => 1);
hash('ops', '2026-10-02', 'openai/gpt-4o/requests' => 10,
     'openai/gpt-4o/errors' => 2);

$res = get('k', '/soma/usage?from=2026-09-01&to=2026-10-31');
is($res->{status}, 200, 'usage of 61 days');
is($res->{json}{source}, 'redis', 'from Redis');
ok(!exists $res->{json}{note}, 'nothing to add');
is(join(' ', map { "$_->{day}:$_->{provider}:$_->{model}:$_->{requests}" }
             @{ $res->{json}{rows} }),
   '2026-10-01:hub:meta/llama:1 2026-10-01:openai:gpt-4o:3 '
   . '2026-10-02:openai:gpt-4o:4', 'rows');
is($res->{json}{rows}[1]{input_tokens}, 4000000000, 'tokens');
is($res->{json}{rows}[1]{cached_tokens}, 20, 'cached ones');
is($res->{json}{rows}[1]{cost_usd}, '123.456789012', 'cost');
is($res->{json}{total}{cost_nano}, 123456789013, 'to the nano-dollar');

$res = get('k', '/soma/usage?from=2026-09-01&to=2026-10-31&by=model');
is(join(' ', map { "$_->{model}:$_->{requests}" } @{ $res->{json}{rows} }),
   'meta/llama:1 gpt-4o:7', 'by model');

is(get('k', '/soma/usage?day=2026-10-02&tenant=ops')->{status}, 403,
   'another tenant');
is(get('a', '/soma/usage?day=2026-10-02&tenant=acme')->{json}{total}
   {requests}, 4, 'for an admin');
$res = get('a', '/soma/usage?from=2026-10-01&to=2026-10-02&tenant=*'
                . '&by=tenant');
is(join(' ', map { "$_->{tenant}:$_->{requests}:$_->{errors}" }
             @{ $res->{json}{rows} }), 'acme:8:0 ops:10:2', 'all tenants');
is(get('a', '/soma/usage?tenant=nobody')->{json}{total}{requests}, 0,
   'a tenant nobody heard of');

my %many;
$many{"p/m$_/requests"} = 1 for 1 .. 3000;
hash('acme', '2026-08-01', %many);
$res = get('k', '/soma/usage?day=2026-08-01');
is(scalar @{ $res->{json}{rows} // [] }, 3000, 'many rows');
is($res->{json}{total}{requests}, 3000, 'their sum');

$redis->cmd('SET', 'soma:{acme}:usage:2026-07-01', 'no hash');
$res = get('k', '/soma/usage?day=2026-07-01');
is($res->{status}, 200, 'a key of another type');
is($res->{json}{source}, 'local', 'cannot be read');


# locks

$redis->cmd('SET', 'training:lock:one', soma_to_json({ tenant => 'one',
            user => 'root', reason => 'a "test"',
            enabled_at => '2026-11-21T03:00:00.000Z' }), 'EX', 100);
$redis->cmd('SET', 'training:lock:two', 'whatever');
$redis->cmd('SET', "other:$_", 1) for 1 .. 20;

is(get('k', '/soma/locks')->{status}, 403, 'locks are for admins');
$res = get('a', '/soma/locks');
is($res->{json}{source}, 'redis', 'locks, from Redis');
my %lock = map { $_->{tenant} => $_ } @{ $res->{json}{locks} };
is(join(' ', sort keys %lock), 'one two', 'both of them');
is("@{ $lock{one} }{qw(user reason enabled_at)}",
   'root a "test" 2026-11-21T03:00:00.000Z', 'who and why');
ok($lock{one}{ttl} > 90 && $lock{one}{ttl} <= 100, 'for how long');
ok(exists $lock{two} && !defined $lock{two}{ttl}, 'one without an end');
$redis->cmd('DEL', 'training:lock:one', 'training:lock:two');
is(scalar @{ get('a', '/soma/locks')->{json}{locks} }, 0, 'none');


# metrics

my $m = $nginx->get('/metrics')->{body};
like($m, qr/^soma_redis_up 1$/m, 'soma_redis_up');
like($m, qr/^soma_redis_commands_total [1-9]/m, 'commands are counted');


# a client that leaves while Redis thinks

is(get('', '/deny/readyz')->{status}, 200, 'ready');
$redis->pause;

my @gone = map { $nginx->begin("/soma/$_", 'a') } qw(usage locks);
select undef, undef, undef, 0.1;
close $_ for @gone;

$res = get('k', '/soma/usage');
is($res->{status}, 200, 'usage while Redis hangs');
is($res->{json}{source}, 'local', 'after the timeout, from this node');
like($res->{json}{note}, qr/Redis is away/, 'with a note');
$redis->resume;
ok(up(1), 'it is back');


# away

$nginx->post('/v1/chat/completions', '{"model":"echo","messages":'
             . '[{"role":"user","content":"hello"}]}',
             Authorization => 'Bearer k');
$redis->stop;
ok(up(0), 'Redis is stopped');

$res = get('a', '/soma/health');
is($res->{json}{status}, 'degraded', 'health says so');
ok(length $res->{json}{redis}{error}, 'and why');

$res = get('k', '/soma/usage');
is("$res->{status} $res->{json}{source}", '200 local', 'usage of this node');
is($res->{json}{total}{requests}, 1, 'the one request');
is(get('a', '/soma/locks')->{json}{source}, 'local', 'locks it knows of');
is(get('', '/readyz')->{status}, 200, 'ready where soma_on_redis_down allows');
$res = get('', '/deny/readyz');
is($res->{status}, 503, 'not where it denies');
like($res->{json}{reasons}[0], qr/Redis is away/, 'and says why');
ok(soma_wait(5, sub {
       $nginx->get('/metrics')->{body} =~ /^soma_redis_up 0$/m;
   }), 'soma_redis_up');

$redis->start;
ok(up(1), 'Redis is back');
is(get('', '/deny/readyz')->{status}, 200, 'ready again');

ok($nginx->quit, 'the end');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();


# a request that is sent and not waited for

sub Soma::Nginx::begin {
    my ($self, $uri, $key) = @_;
    my $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                   PeerPort => $self->port) or die $!;

    print $fh "GET $uri HTTP/1.1\r\nHost: x\r\n"
              . "Authorization: Bearer $key\r\n\r\n";
    $fh->flush;

    return $fh;
}
