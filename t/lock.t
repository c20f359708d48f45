# Training locks over time: what the channels and the stream are told, locks of
# others' hands, locks that run out, and what holds while Redis is away. The
# three endpoints and what a locked tenant hears are in t/cases/lock.t.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $redis = soma_redis();

my $keys = '';
my @keys = (['sk-root', 'acme', 'root', 'admin'], ['sk-alice', 'acme', 'alice'],
            ['sk-bob', 'umbrella', 'bob']);

for my $key (@keys) {
    my ($secret, $tenant, $user, $can) = @$key;

    $keys .= 'soma_key sha256:' . soma_sha256($secret)
             . " tenant=$tenant user=$user"
             . ($can ? " capabilities=$can" : '') . ";\n";
}

my $http = "
    soma_zone      4m;
    soma_provider  local { dialect echo; }
    soma_model     echo provider=local input=1 output=1;
    soma_tenant    acme { }
    soma_tenant    umbrella { }
    $keys
";

my $server = '
    location /v1/      { soma_pass; }
    location /deny/v1/ { soma_pass; soma_on_redis_down deny; }
';

my $nginx = soma_nginx(workers => 2, server => $server,
                       http => 'soma_redis ' . $redis->url
                               . " timeout=300ms;\n$http");
my $body = '{"model":"echo","messages":[{"role":"user","content":"hi"}]}';


sub ask {
    my ($key, $uri) = @_;

    return $nginx->post($uri || '/v1/chat/completions', $body,
                        Authorization => "Bearer $key",
                        'Content-Type' => 'application/json');
}


sub training {
    my ($op, $what, $key) = @_;

    my $res = ref $what || $op ne 'status'
        ? $nginx->post("/v1/training/$op",
                       ref $what ? soma_to_json($what) : $what,
                       Authorization => 'Bearer ' . ($key || 'sk-root'))
        : $nginx->get("/v1/training/status/$what",
                      Authorization => 'Bearer ' . ($key || 'sk-root'));

    $res->{json} = eval { soma_json($res->{body}) } || {};

    return $res;
}


sub events {
    my $all = $redis->cmd('XRANGE', 'soma:{acme}:events', '-', '+');
    my @events;

    for my $entry (@$all) {
        my %fields = @{ $entry->[1] };
        push @events, soma_json($fields{lock}) if $fields{lock};
    }

    return @events;
}


ok(soma_wait(5, sub { ask('sk-alice')->{status} == 200 }), 'not locked');

# the channels, heard by a client of our own

my $log = "$Soma::DIR/heard";
my $listener = fork;

if ($listener == 0) {
    open STDOUT, '>', $log;
    exec 'redis-cli', '-s', $redis->socket, '--csv', 'subscribe',
         'soma:training', 'soma:changes' or POSIX::_exit(1);
}

END { kill TERM => $listener if $listener; }

sub heard {
    open my $fh, '<', $log or return '';
    local $/;
    return scalar(<$fh>) // '';
}

soma_wait(5, sub { heard() =~ /soma:changes/ });

# set and lifted

my $res = training('enable', { tenant => 'acme', user => 'trainer',
                               reason => 'epoch "3"' });
is($res->{status}, 200, 'set');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 423 }),
   'acme is locked, for every worker');
is(ask('sk-bob')->{status}, 200, 'umbrella is not');
is(training('disable', { tenant => 'acme', user => 'trainer',
                         reason => 'done' })->{status}, 200, 'lifted');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 200 }), 'acme goes on');

my @events = @{ soma_wait(5, sub { my @e = events(); @e == 2 && \@e })
                || [events()] };
is(scalar(@events), 2, 'two entries in the stream');
is_deeply([map { $_->{event} } @events], ['enabled', 'disabled'],
          'enabled, disabled');
is($events[0]{ttl}, 86400, 'with the TTL');
is($events[1]{reason}, 'done', 'with the reason');

soma_wait(2, sub { heard() =~ /disabled/ });
like(heard(), qr/soma:training.*enabled.*soma:training.*disabled/s,
     'both were published');
like(heard(), qr/soma:changes","lock acme/, 'and the change of the tenant');

# by somebody else's hand

$redis->cmd('SET', 'training:lock:acme', 'nonsense');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 423 }),
   'a lock set by hand is seen within two seconds');
is(ask('sk-alice')->{headers}{'retry-after'}, undef,
   'it has no end, so no Retry-After');
is(training('status', 'acme')->{json}{ttl}, undef, 'nor a ttl');
$redis->cmd('DEL', 'training:lock:acme');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 200 }), 'and its end');
$redis->cmd('LPUSH', 'training:lock:acme', 'x');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 423 }),
   'a key of another type locks as well');
$redis->cmd('DEL', 'training:lock:acme');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 200 }), 'gone again');

# a tenant of which nothing is known here is refused without asking

sub hashes { ($redis->cmd('INFO', 'commandstats')
              =~ /cmdstat_hgetall:calls=(\d+)/)[0] // 0 }

training('enable', { tenant => 'umbrella', user => 'x' });
ok(soma_wait(2, sub { ask('sk-bob')->{status} == 423 }), 'locked');
$redis->cmd('PUBLISH', 'soma:changes', 'tenant umbrella');
my $asked = hashes();
is(scalar(grep { $nginx->get('/v1/models', 'x-api-key' => 'sk-bob')
                     ->{status} == 423 } 1 .. 20), 20, 'refused');
cmp_ok(hashes() - $asked, '<', 10, 'Redis is not asked each time');
training('disable', { tenant => 'umbrella', user => 'x' });
ok(soma_wait(2, sub { ask('sk-bob')->{status} == 200 }), 'lifted');

# its time is over

$res = training('enable', { tenant => 'acme', user => 'short', ttl => '1s' });
is($res->{json}{ttl}, 1, 'for a second');
ok(soma_wait(4, sub { ask('sk-alice')->{status} == 200 }), 'it is over');
ok(soma_wait(4, sub { grep { $_->{event} eq 'expired' } events() }),
   'its end is noted');
Time::HiRes::sleep(1.5);
is(scalar(grep { $_->{event} eq 'expired' } events()), 1,
   'once, though two workers watch');
is((grep { $_->{event} eq 'expired' } events())[0]{user}, 'short',
   'with its user');

# Redis is away

is(training('enable', { tenant => 'umbrella', user => 'before' })->{status},
   200, 'set while Redis is there');
ok(soma_wait(2, sub { ask('sk-bob')->{status} == 423 }), 'locked');
is(ask('sk-alice')->{status}, 200, 'the other one not');

$redis->cmd('SAVE');
$redis->stop;
soma_wait(3, sub { $nginx->error_log =~ /redis/i });

is(ask('sk-bob')->{status}, 423, 'a known lock holds without Redis');
ok(soma_wait(3, sub {
    training('enable', { tenant => 'acme', user => 'alone', ttl => 600 })
        ->{json}{stored} // '' eq 'local'
}), 'set without Redis');
is(ask('sk-alice')->{status}, 423, 'it locks');
$res = training('enable', { tenant => 'acme', user => 'twice' });
is($res->{status}, 409, 'set twice');
is($res->{json}{user}, 'alone', 'it is known who holds it');
is(training('status', 'acme')->{json}{user}, 'alone', 'status');
$res = training('disable', { tenant => 'umbrella', user => 'late' });
is($res->{json}{stored}, 'local', 'lifted without Redis');
is(ask('sk-bob')->{status}, 200, 'umbrella goes on');

$redis->start;
ok(soma_wait(8, sub { $redis->cmd('EXISTS', 'training:lock:acme') }),
   'written through when Redis is back');
is(soma_json($redis->cmd('GET', 'training:lock:acme'))->{user}, 'alone',
   'as it was set');
ok($redis->cmd('TTL', 'training:lock:acme') <= 600, 'with its own time');
ok(soma_wait(8, sub { !$redis->cmd('EXISTS', 'training:lock:umbrella') }),
   'lifted there too');
is(ask('sk-alice')->{status}, 423, 'still locked');
is(ask('sk-bob')->{status}, 200, 'still not');
is(training('disable', { tenant => 'acme', user => 'alone' })->{status}, 200,
   'lifted');
ok(soma_wait(2, sub { ask('sk-alice')->{status} == 200 }), 'acme goes on');

ok(soma_wait(5, sub { !$redis->cmd('EXISTS', 'training:lock:acme') }),
   'in Redis too, by whichever worker has a connection');

# what was set alone does not come back after a later change elsewhere

$redis->cmd('HSET', 'soma:{training:lock:acme}:state', 'changed',
            int((time + 60) * 1000));
$redis->cmd('SAVE');
$redis->stop;
ok(soma_wait(3, sub {
    (training('enable', { tenant => 'acme', user => 'alone' })
        ->{json}{stored} // '') eq 'local'
}), 'set without Redis');
is(ask('sk-alice')->{status}, 423, 'locked');
$redis->start;
ok(soma_wait(8, sub { ask('sk-alice')->{status} == 200 }),
   'a later change in Redis wins');
is($redis->cmd('EXISTS', 'training:lock:acme'), 0, 'nothing is resurrected');
$redis->cmd('FLUSHALL');
$redis->cmd('SAVE');

# deny

$redis->stop;
soma_wait(3, sub { ask('sk-alice', '/deny/v1/chat/completions')->{status}
                   == 503 });
is(ask('sk-alice', '/deny/v1/chat/completions')->{status}, 503,
   'soma_on_redis_down deny');
is(ask('sk-alice')->{status}, 200, 'allow');
$redis->start;
ok(soma_wait(8, sub {
    ask('sk-alice', '/deny/v1/chat/completions')->{status} == 200
}), 'Redis is back');

# clients that go away while Redis is asked

$redis->pause;
for (1 .. 5) {
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $nginx->port);
    print $s "POST /v1/training/enable HTTP/1.1\r\nHost: x\r\n"
             . "Authorization: Bearer sk-root\r\nContent-Length: 32\r\n\r\n"
             . '{"tenant":"other-one","user":"x"}';
    Time::HiRes::sleep(0.02);
    close $s;
}
$redis->resume;
ok(soma_wait(5, sub { ask('sk-bob')->{status} == 200 }),
   'clients that left took nothing with them');

$redis->cmd('PUBLISH', 'soma:changes', 'lock acme');
Time::HiRes::sleep(0.1);
$redis->pause;
{
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $nginx->port);
    print $s "POST /v1/chat/completions?left HTTP/1.1\r\nHost: x\r\n"
             . "Authorization: Bearer sk-alice\r\nContent-Length: "
             . length($body) . "\r\n\r\n$body";
    Time::HiRes::sleep(0.05);
    close $s;
}
ok(soma_wait(0.2, sub { $nginx->access_log =~ /\?left HTTP\S+ 499 / }),
   'a client that leaves while its lock is asked for is noticed');
is(ask('sk-alice')->{status}, 200, 'a Redis that hangs delays, it allows');
$redis->resume;
ok(soma_wait(5, sub { ask('sk-alice')->{status} == 200 }), 'and goes on');

ok($nginx->reload, 'reload');
ok($nginx->quit, 'quit');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

# no Redis at all

$nginx = soma_nginx(name => 'alone', workers => 2, server => $server,
                    http => $http);

is(ask('sk-alice')->{status}, 200, 'without soma_redis: not locked');
my $short = soma_slow() ? 6 : 2;
$res = training('enable', { tenant => 'acme', user => 'solo', ttl => $short });
is($res->{status}, 200, 'set');
$res = ask('sk-alice');
is($res->{status}, 423, 'locked');
like($res->{headers}{'retry-after'}, qr/^[1-$short]$/, 'Retry-After');
ok($nginx->reload, 'reload');
is(ask('sk-alice')->{status}, 423, 'still locked after a reload');
ok(soma_wait($short + 2, sub { ask('sk-alice')->{status} == 200 }),
   'until it is over');
ok(soma_wait(3, sub { $nginx->error_log =~ /has expired/ }),
   'the end is in the log');
is(ask('sk-alice')->{status}, 200, 'acme goes on');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
