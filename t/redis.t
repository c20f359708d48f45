# Redis on nginx's loop: connecting, listening for changes, going away.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(sleep time);

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one"}]}';
my $COMMON = 'soma_zone 8m;
    soma_provider local { dialect echo; }
    soma_model echo provider=local input=0.15 output=0.60;
    soma_tenant acme { }';

my $redis = soma_redis(port => 1);
my $port = $redis->port;


sub r { return $redis->cmd(@_) }

sub gateway {
    my ($url, %args) = @_;

    return soma_nginx(workers => 2, %args,
        http => "$COMMON soma_redis $url timeout=300ms;",
        server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');
}

sub status {
    my ($nginx, $key) = @_;

    return $nginx->post('/v1/chat/completions', $BODY,
                        Authorization => "Bearer $key")->{status};
}

# each worker asks for itself, so one answer is not enough
sub statuses {
    my ($nginx, $key, $want) = @_;

    return !grep { status($nginx, $key) != $want } 1 .. 6;
}

sub hears {
    my ($name) = @_;

    my $n = () = (eval { r('CLIENT', 'LIST', 'TYPE', 'pubsub') } // '')
        =~ /sub=3/g;

    return $n >= 2;
}

r('CONFIG', 'SET', 'requirepass', 'pa55word');
r('AUTH', 'pa55word');

# TCP, a password, a database

my $nginx = gateway("redis://:pa55word\@127.0.0.1:$port/3");
my $one = 'soma:key:' . soma_sha256('sk-one');

ok(soma_wait(5, \&hears), 'two listeners');

r('SELECT', 3);
is(status($nginx, 'sk-one'), 401, 'a key that Redis does not know');

r('HSET', $one, 'tenant', 'acme', 'user', 'alice');
ok(soma_wait(1, sub { statuses($nginx, 'sk-one', 200) }),
    'is known within a second after it is set');

r('DEL', $one);
ok(soma_wait(1, sub { statuses($nginx, 'sk-one', 401) }),
    'and unknown within a second after it is deleted');

r('HSET', $one, 'tenant', 'acme', 'user', 'alice');
soma_wait(1, sub { statuses($nginx, 'sk-one', 200) });
sleep 2.2;
statuses($nginx, 'sk-one', 200);
r('FLUSHALL');
ok(soma_wait(1, sub { statuses($nginx, 'sk-one', 401) }),
    'FLUSHALL is heard too');

# listeners lose their connection

r('HSET', $one, 'tenant', 'acme', 'user', 'alice');
soma_wait(1, sub { statuses($nginx, 'sk-one', 200) });
r('CLIENT', 'KILL', 'TYPE', 'pubsub');
ok(soma_wait(5, \&hears), 'listeners come back');
statuses($nginx, 'sk-one', 200);
r('DEL', $one);
ok(soma_wait(1, sub { statuses($nginx, 'sk-one', 401) }),
    'and hear');

# Redis hangs: nobody waits longer than the timeout

r('HSET', $one, 'tenant', 'acme', 'user', 'alice');
$redis->pause;
my $began = time;
my $got = status($nginx, 'sk-new');
cmp_ok(time - $began, '<', 2, 'a Redis that hangs is given up');
isnt($got, 200, 'without an answer there is no access');


# clients that leave while their key is asked for

$redis->resume;
ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }), 'it goes on');
$redis->pause;

for my $n (1 .. 20) {
    my $sock = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port) or next;
    print $sock "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer sk-gone-$n\r\nContent-Length: "
        . length($BODY) . "\r\n\r\n$BODY";
    sleep 0.005;
    close $sock;
}

sleep 0.5;
$redis->resume;
ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }),
    'clients that left leave nothing behind');

# a failover to a replica that takes no writes

r('REPLICAOF', '127.0.0.1', '1');
r('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
ok(soma_wait(5, sub { $nginx->error_log =~ /its role is "slave"/ }),
    'a replica is not used');
r('REPLICAOF', 'NO', 'ONE');
ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }), 'a master is');

# reload and exit

$nginx->reload;
ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }), 'after a reload');
ok(soma_wait(5, \&hears), 'listeners of the new workers');
$redis->pause;
status($nginx, 'sk-other');
$nginx->quit;
$redis->resume;

my $log = $nginx->error_log;
unlike($log, qr/open socket|Bad file descriptor|exited on signal/,
    'nothing is left open, nothing is closed twice');
unlike($log, qr/pa55word/, 'the password is not in the log');

# wrong credentials

$nginx = gateway("redis://:wr0ng\@127.0.0.1:$port", name => 'wrong');
ok(soma_wait(5, sub { $nginx->error_log =~ /WRONGPASS/ }),
    'a wrong password is told');
isnt(status($nginx, 'sk-one'), 200, 'and nothing works');
unlike($nginx->error_log, qr/wr0ng/, 'the password is not in the log');
$nginx->stop;

$nginx = gateway("redis://127.0.0.1:$port", name => 'none');
ok(soma_wait(5, sub { $nginx->error_log =~ /NOAUTH/ }),
    'a missing password is told');
$nginx->stop;

# a password from a file and from the environment, a socket, a database

my $dir = soma_dir('secrets');

open my $fh, '>', "$dir/password" or die $!;
print $fh "pa55word\n";
close $fh;
$ENV{SOMA_REDIS_PASSWORD} = 'pa55word';

for my $password ("file:$dir/password", 'env:SOMA_REDIS_PASSWORD') {
    $nginx = gateway('unix:' . $redis->socket . "?db=3 password=$password",
                     name => 'secret');
    ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }),
       'password=' . ($password =~ s/:.*//r));
    my $res = $nginx->get('/soma/health');
    unlike($nginx->error_log . $res->{body}, qr/pa55word/, 'is not shown');
    $nginx->stop;
}

# a user who may do little: no tracking, its own channels only

r('ACL', 'SETUSER', 'soma', 'on', '>s3cret', '~*', 'resetchannels',
    '&soma:changes*', '&__redis__:invalidate', '+@all', '-client|tracking');
$nginx = gateway("redis://soma:s3cret\@127.0.0.1:$port/3", name => 'acl');
ok(soma_wait(5, sub { $nginx->error_log =~ /no CLIENT TRACKING/ }),
    'where tracking is refused the log says what remains');
ok(soma_wait(5, sub { statuses($nginx, 'sk-one', 200) }), 'keys are read');
sleep 2.2;
statuses($nginx, 'sk-one', 200);
r('DEL', $one);
r('PUBLISH', 'soma:changes', 'key ' . soma_sha256('sk-one'));
ok(soma_wait(1, sub { statuses($nginx, 'sk-one', 401) }),
    'a change by the channel is heard');
$nginx->quit;
unlike($nginx->error_log, qr/\[alert\]/, 'no alert');

done_testing();
