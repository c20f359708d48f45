# Workers that end while requests, streams and Redis are at work.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(sleep);

my $BODY = '{"model":"m","messages":[{"role":"user","content":"one two"}]}';
my $ANSWER = '{"id":"x","object":"chat.completion","choices":[{"index":0,'
    . '"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    . '"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}';

my $TIMEOUT = soma_slow() ? '1500ms' : '500ms';
my $SHUTDOWN = soma_slow() ? 8 : 4;

my $redis = soma_redis();
my $dir = soma_dir('ledger');
my $up = soma_upstream(responses => [
    { raw => soma_response(200, $ANSWER), wait => 1.5 }
]);

my $nginx = soma_nginx(workers => 1,
    main => "worker_shutdown_timeout ${SHUTDOWN}s;",
    http => 'soma_zone 8m;
        soma_redis ' . $redis->url . " timeout=$TIMEOUT;
        soma_ledger $dir segment=256k;
        soma_provider p { dialect openai;
            endpoint http://127.0.0.1:" . $up->port . '/v1; }
        soma_model m provider=p input=0.15 output=0.60;
        soma_tenant acme { }
        soma_key sha256:' . soma_sha256('sk') . ' tenant=acme user=a;',
    server => 'location /v1/ { soma_pass; }');


sub events { return eval { $redis->cmd('XLEN', 'soma:{acme}:events') } // 0 }

# sends and does not wait
sub begin {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port) or die $!;

    print $sock "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer sk\r\nConnection: close\r\nContent-Length: "
        . length($BODY) . "\r\n\r\n$BODY";

    return $sock;
}

sub end {
    my ($sock) = @_;
    local $/;
    my $text = <$sock>;

    # who has a body may linger for a client that does not close
    close $sock;

    return $text;
}

sub gone { my ($pid) = @_; return sub { !kill 0, $pid } }


# the last request of a leaving worker

soma_hears(10, $nginx) or die 'no connection to Redis';

my ($old) = $nginx->workers;
my $sock = begin();
sleep 0.3;
$nginx->reload;
like(end($sock), qr/^HTTP\/1.1 200.*"hi"/s, 'answered by the old worker');
ok(soma_wait($SHUTDOWN, gone($old)), 'which ends then');
is(events(), 1, 'and has shipped its record');

# Redis is away when the worker leaves

$redis->stop;
($old) = $nginx->workers;
$sock = begin();
sleep 0.3;
$nginx->reload;
like(end($sock), qr/^HTTP\/1.1 200/, 'answered without Redis');
ok(soma_wait($SHUTDOWN, gone($old)), 'the old worker does not wait for Redis');
$redis->start;
ok(soma_wait(12, sub { events() == 2 }), 'its record is shipped by the next');

# Redis hangs when the worker leaves

$redis->pause;
($old) = $nginx->workers;
$sock = begin();
sleep 0.3;
$nginx->reload;
like(end($sock), qr/^HTTP\/1.1 200/, 'answered while Redis hangs');
ok(soma_wait($SHUTDOWN, gone($old)), 'the old worker ends');
$redis->resume;
ok(soma_wait(12, sub { events() >= 3 }), 'the next one ships');
sleep 0.3;
is(events(), 3, 'once');

# worker_shutdown_timeout cuts everything

$up->reset({ raw => "HTTP/1.1 200 OK\r\n", hang => 30 });
($old) = $nginx->workers;
$sock = begin();
sleep 0.3;
$nginx->reload;
ok(soma_wait(2 * $SHUTDOWN, gone($old)),
   'worker_shutdown_timeout ends a worker');

# SIGTERM in the middle of a batch

$up->reset(soma_response(200, $ANSWER));
end(begin()) for 1 .. 20;
$nginx->kill_worker('TERM');
end(begin());
ok(soma_wait(12, sub { events() >= 24 }), 'what a terminated worker left');

my $log = $nginx->error_log;
unlike($log, qr/open socket|Bad file|exited on signal/, 'no alert');

$nginx->stop;

done_testing();
