# A Redis that lies about how much it has to say, and strangers who make the
# gateway ask it: neither costs the worker its time, nor the known their place.

use strict;
use warnings;

use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

# what a hostile Redis answers to HGETALL, by the key it is asked for
my %hostile = (
    'announces 2^31 elements' => "*2147483647\r\n",
    'announces a million' => "*1000000\r\n" . "\$1\r\na\r\n" x 1000,
    'announces many in many' => "*1000\r\n" . "*100000\r\n" x 3,
    'announces a negative count' => "*-2147483648\r\n",
    'sends a string without an end' => '+' . 'x' x 3_000_000,
    'sends a bulk string of a gigabyte' =>
        "\$1073741824\r\n" . 'x' x 3_000_000,
    'nests without an end' => "*1\r\n" x 2000,
);
my %answer = map { soma_sha256(key($_)) => $hostile{$_} } keys %hostile;

my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1')
    or die "listen: $!";
my $port = $listener->sockport;
my $fake = fork // die "fork: $!";

if ($fake == 0) {
    $SIG{TERM} = 'DEFAULT';
    serve($listener);
    POSIX::_exit(0);
}

close $listener;
END { kill TERM => $fake if $fake }

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis redis://127.0.0.1:$port timeout=2s;
    soma_provider p { dialect echo; }
    soma_model m provider=p;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-here')]} tenant=acme;
END
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
END2

for my $what (sort keys %hostile) {
    listening();

    my $before = length $n->error_log;
    my $begun = time;
    my $status = ask(key($what));

    ok($status == 503 || $status == 401, "a Redis that $what: nobody is let "
       . "in ($status)");
    is(ask('sk-here'), 200, 'who needs no Redis is served');
    cmp_ok(time - $begun, '<', 20, 'and soon');
    like(substr($n->error_log, $before),
         qr/is down: .*(?:cannot be trusted|rotocol error|nested|out of range)/,
         'the log says what is wrong with it');
}

is(scalar(grep { /exited on signal/ } split /\n/, $n->error_log), 0,
   'no worker fell');
kill TERM => $fake;
waitpid $fake, 0;
$fake = 0;
$n->stop;


# strangers

my $redis = soma_redis();
$n = soma_nginx(name => 'real', http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis @{[$redis->url]} timeout=5s;
    soma_provider p { dialect echo; }
    soma_model m provider=p;
    soma_tenant acme { limit requests 3/day; }
    soma_tenant free { }
    soma_key sha256:@{[soma_sha256('sk-here')]} tenant=acme;
    soma_key sha256:@{[soma_sha256('sk-root')]} tenant=acme
             capabilities=admin;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Real-IP;
END
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
END2
listening();

$redis->cmd('HSET', 'soma:key:' . soma_sha256('sk-known'), tenant => 'free');
$redis->cmd('HSET', 'soma:key:' . soma_sha256('sk-late'), tenant => 'free');
is(ask('sk-known'), 200, 'a key that Redis knows');

my $asked = hgetall();
my %got;
$got{ask("sk-made-up-$_")}++ for 1 .. 400;
my $questions = hgetall() - $asked;

cmp_ok($questions, '>=', 100, 'unknown keys are asked for at first');
cmp_ok($questions, '<', 200, 'but not all of them');
ok($got{401} && $got{429}, 'then it is 429');
is(join(' ', sort keys %got), '401 429', 'and nothing else');

my $res = $n->get('/v1/models', Authorization => 'Bearer sk-made-up-new');
is($res->{status}, 429, 'one more');
is($res->{headers}{'retry-after'}, 1, 'with Retry-After');
like($res->{body}, qr/too_many_unknown_keys/, 'and a code of its own');
is(ask('sk-made-up-1'), 401, 'one that was asked for is known to be unknown');

is(ask('sk-known'), 200, 'a known key comes through');
is(ask('sk-here'), 200, 'so does a configured one');
is($n->get('/v1/models', Authorization => 'Bearer sk-late',
           'X-Real-IP' => '192.0.2.1')->{status}, 200,
   'another address is not hurt');

# what is known stays known when it has to be asked for again
$redis->cmd('PUBLISH', 'soma:changes', 'key ' . soma_sha256('sk-other'));
is(ask('sk-known'), 200, 'a known key is asked for whatever comes');
ok(soma_wait(10, sub { ask('sk-made-up-' . rand) == 401 }),
   'in a while strangers are heard again');

# one who used up its limit of requests

$n->post('/v1/chat/completions', '{"model":"m","messages":[]}',
         Authorization => 'Bearer sk-here') for 1 .. 3;
$asked = hgetall();
is($n->get('/soma/usage?from=2026-10-01&to=2026-11-30',
           Authorization => 'Bearer sk-here')->{status}, 429,
   'a limit of requests holds for what asks Redis') for 1 .. 3;
is(hgetall() - $asked, 0, 'which is not asked');
is($n->get("/soma/$_", Authorization => 'Bearer sk-here')->{status}, 200,
   "its $_ may be read") for qw(config health);
is($n->get('/soma/usage', Authorization => 'Bearer sk-root')->{status}, 200,
   'who runs the gateway is not shut out by its tenant');

done_testing();


sub ask {
    return $n->get('/v1/models', Authorization => "Bearer $_[0]")->{status};
}


sub key { 'sk-' . $_[0] =~ s/\W/-/gr }


sub hgetall {
    my ($calls) = $redis->cmd('INFO', 'commandstats')
                  =~ /cmdstat_hgetall:calls=(\d+)/;

    return $calls // 0;
}


sub listening {
    ok(soma_wait(60, sub {
        my $res = $n->get('/soma/health', Authorization => 'Bearer sk-root');
        $n->error_log =~ /is up[^\n]*\n(?!.*is down)/s;
    }), 'Redis is connected');
}


# a Redis that says yes to everything but HGETALL
sub serve {
    my ($listener) = @_;
    my $select = IO::Select->new($listener);
    my %buf;

    while (1) {
        for my $s ($select->can_read) {
            if ($s == $listener) {
                my $c = $s->accept or next;

                $c->blocking(0);
                $select->add($c);
                next;
            }

            my $got = sysread $s, $buf{$s}, 65536, length($buf{$s} // '');

            if (!$got) {
                $select->remove($s);
                delete $buf{$s};
                close $s;
                next;
            }

            while (my @words = words(\$buf{$s})) {
                my $answer = answer(@words);

                $s->blocking(1);
                local $SIG{PIPE} = 'IGNORE';
                while (length $answer) {
                    my $sent = syswrite $s, $answer or last;
                    substr $answer, 0, $sent, '';
                }
                $s->blocking(0);
            }
        }
    }
}


sub words {
    my ($buf) = @_;
    my $p = 0;
    my @words;

    return unless $$buf =~ /\G\*(\d+)\r\n/gc;

    for (1 .. $1) {
        return undef_pos($buf) unless $$buf =~ /\G\$(\d+)\r\n/gc;
        my $at = pos $$buf;
        return undef_pos($buf) if length $$buf < $at + $1 + 2;
        push @words, substr $$buf, $at, $1;
        pos($$buf) = $at + $1 + 2;
    }

    substr $$buf, 0, pos $$buf, '';

    return @words;
}


sub undef_pos { pos(${ $_[0] }) = undef; return }


sub answer {
    my ($command, @args) = @_;

    $command = uc $command;
    return "+PONG\r\n" if $command eq 'PING';
    return "*3\r\n\$6\r\nmaster\r\n:0\r\n*0\r\n" if $command eq 'ROLE';
    return ":7\r\n" if $command eq 'CLIENT' && uc $args[0] eq 'ID';
    return join '', map { "*3\r\n\$9\r\nsubscribe\r\n\$" . length($args[$_])
                          . "\r\n$args[$_]\r\n:" . ($_ + 1) . "\r\n" }
                    0 .. $#args if $command eq 'SUBSCRIBE';
    return "\$-1\r\n" if $command eq 'GET';
    return "+OK\r\n" unless $command eq 'HGETALL';

    my ($hash) = $args[0] =~ /([0-9a-f]{64})$/;

    return $answer{$hash // ''} // "*0\r\n";
}
