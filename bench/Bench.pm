package Bench;

# What bench/run and bench/soak share: a mock provider, a redis-server and an
# nginx of their own under build/bench, the load generator, and the bodies.
#
# nginx's one worker has the first core to itself; the mock, the load, redis
# and the master share the second.  Where nginx has more workers, they have
# both.

use strict;
use warnings;

use Cwd ();
use Digest::SHA ();
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

our $TOP = Cwd::abs_path(dirname(__FILE__) . '/..');
our $BUILD = Cwd::abs_path($ENV{B} || "$TOP/build");
our $DIR = "$BUILD/bench";
our $MODULE = $ENV{SOMA_MODULE}
              || "$BUILD/modules/ngx_http_soma_module.so";

my $BASE = $ENV{SOMA_BENCH_PORT} || 9390;

our $BARE = $BASE;
our $SOMA = $BASE + 1;
my $MOCK = $BASE + 2;

# as make build leaves it, if npm is there
our $VOCABULARY = "$BUILD/share/soma/o200k_base.soma";

our $KEY = 'sk-bench-0123456789abcdef0123456789abcdef';
our $PATH = '/v1/chat/completions';

my $WORKER_CPU = 0;
my $OTHER_CPU = 1;
my $START_SECONDS = 10;

my %pids;


sub build {
    die "bench: $MODULE is not there: make build\n" unless -e $MODULE;

    make_path("$DIR/logs");

    for my $name (qw(mock load)) {
        my ($c, $bin) = ("$TOP/bench/$name.c", "$DIR/$name");

        next if -e $bin && -M $bin < -M $c;

        system('gcc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror',
               $c, '-o', $bin) == 0
            or die "bench: $name.c does not build\n";
    }
}


# prose with line breaks and quotes, as chats have them
sub body {
    my ($size, $stream, $model) = @_;
    my @roles = qw(user assistant);
    my @sentences = (
        'The worker takes the lock before it writes and gives it back when '
        . 'the last write is known to be on disk.',
        'What happens when the process dies between the two, and who finds '
        . 'out?', 'She said \"it works on my machine\" and closed the '
        . 'ticket.',
        'The usual answer is a lease: hold it for ten seconds, renew it '
        . 'every three.',
        'Gr\u00fc\u00dfe aus K\u00f6ln, die Zahlen kommen morgen.',
        '- first, read the counter\n- then compare it with 17\n- then write',
        'if (n == 0) {\n    return \"none\";\n}',
        'Please rewrite the paragraph above in plain words, keep the names '
        . 'of the functions, and do not add anything that is not there.',
    );
    my $head = '{"model":"' . ($model || 'gpt-4o-mini')
               . '","messages":[{"role":"system",'
               . '"content":"You are a helpful assistant. Answer briefly."}';
    my $tail = '],"temperature":0.2,"max_tokens":512'
               . ($stream ? ',"stream":true' : '') . '}';
    my $turn = $size < 4000 ? 300 : 1500;
    my ($text, $n) = ('', 0);

    while (length($head . $text . $tail) < $size) {
        my $content = '';
        my $left = $size - length($head . $text . $tail) - 36;
        my $want = $left < 2 * $turn ? $left : $turn;

        while (length $content < $want) {
            $content .= $sentences[$n * 5 % @sentences] . '\n';
            $n++;
        }

        $text .= ',{"role":"' . $roles[0] . '","content":"' . $content . '"}';
        @roles = reverse @roles;
    }

    return $head . $text . $tail;
}


sub body_file {
    my ($size, $stream, $model) = @_;
    my $file = "$DIR/" . ($stream ? 'stream' : 'body') . "-$size"
               . ($model ? "-$model" : '') . '.json';

    write_file($file, body($size, $stream, $model));

    return $file;
}


sub write_file {
    my ($file, $text) = @_;

    open my $fh, '>', $file or die "bench: $file: $!\n";
    print $fh $text;
    close $fh or die "bench: $file: $!\n";
}


sub read_file {
    my ($file) = @_;

    open my $fh, '<', $file or return '';
    local $/;
    my $text = <$fh>;

    return defined $text ? $text : '';
}


# tenants beside the one of most parts, each with one key: KEY and a number
our $TENANTS = 100;


sub tenants {
    return join "\n", map {
        my $hash = Digest::SHA::sha256_hex(sprintf '%s%05d', $KEY, $_);

        "    soma_tenant t$_ { limit requests 1000000/minute;\n"
        . "        limit tokens 1000000000000/hour;\n"
        . "        limit cost 1000000/day; limit concurrency 1000; }\n"
        . "    soma_key sha256:$hash tenant=t$_ user=u$_;"
    } 0 .. $TENANTS - 1;
}


# tenants whose prompts are counted each time: a bound does not fit, a count
# does, and what is reserved comes back whole
our $TIGHT = 32;
my $TIGHT_TOKENS = 6000;


sub tight_tenants {
    my ($limit) = @_;

    return join "\n", map {
        my $hash = Digest::SHA::sha256_hex(sprintf '%s%05d',
                                           "$KEY-$limit->[0]", $_);

        "    soma_tenant $limit->[0]$_ { limit tokens $limit->[1]/day; }\n"
        . "    soma_key sha256:$hash tenant=$limit->[0]$_ user=u$_;"
    } 0 .. $TIGHT - 1;
}


# without Redis: what a lease costs is not to be seen beside a count
sub counting_config {
    return "soma_vocabulary o200k_base $VOCABULARY;\n"
           . join "\n", map { tight_tenants($_) }
                            ['loose', 1_000_000_000_000],
                            ['tight', $TIGHT_TOKENS];
}


sub config {
    my (%o) = @_;
    my $redis = "soma_redis unix:$DIR/redis.sock timeout="
                . ($o{timeout} || '2s') . ';';
    my $workers = $o{workers} || 1;
    my $cpu = $workers > 1 ? 'auto' : '01';
    my $down = $o{down} || 'deny';
    my $hash = Digest::SHA::sha256_hex($KEY);
    my $tenants = tenants();

    if ($o{counting}) {
        $redis = '';
        $tenants = counting_config();
    }

    my $user = $> == 0 ? 'user root;' : '';

    return <<"END";
load_module $MODULE;
$user
worker_processes $workers;
worker_cpu_affinity $cpu;
daemon off;
pid $DIR/nginx.pid;
error_log $DIR/logs/error.log error;

events { worker_connections 16384; }

http {
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_max_body_size 2m;

    # for both: a body of 100 KB stays in memory
    client_body_buffer_size 1m;

    soma_zone 64m;
    # on two cores all of this waits for each other
    $redis
    soma_on_redis_down $down;
    soma_ledger $DIR/ledger;
    soma_prices $TOP/conf/prices.json;
    soma_training_lock on;

    soma_provider mock {
        dialect openai;
        endpoint http://127.0.0.1:$MOCK/v1;
        api_key sk-provider-0123456789;
    }

    soma_provider claude {
        dialect anthropic;
        endpoint http://127.0.0.1:$MOCK/v1;
        api_key sk-provider-0123456789;
    }

    soma_provider local { dialect echo; }

    soma_model gpt-4o-mini provider=mock;
    soma_model claude provider=claude name=claude-sonnet-4-5 input=3
               output=15;
    soma_model echo provider=local input=0.15 output=0.60;

    soma_tenant acme {
        limit requests 1000000000/minute per=user;
        limit tokens 1000000000000/hour;
        limit cost 9000000/day;
        limit concurrency 100000;
    }

    soma_key sha256:$hash tenant=acme user=alice;

$tenants

    upstream bare {
        server 127.0.0.1:$MOCK;
        keepalive 64;
        keepalive_requests 1000000000;
    }

    server {
        listen 127.0.0.1:$BARE backlog=8192;

        location / {
            proxy_pass http://bare;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }

        # nobody who streams leaves buffering on
        location /stream/ {
            proxy_pass http://bare/;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }

    server {
        listen 127.0.0.1:$SOMA backlog=8192;

        # as docs/performance.md advises
        request_pool_size 16k;

        location /v1/ { soma_pass; }
        location = /metrics { soma_metrics; }
    }
}
END
}


# a process of ours, on the core where the worker is not
sub spawn {
    my ($name, $cpu, @command) = @_;
    my $pid = fork;

    die "bench: fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$DIR/logs/$name.log";
        open STDERR, '>&', \*STDOUT;
        exec 'taskset', '-c', $cpu, @command or exit 127;
    }

    $pids{$name} = $pid;
}


sub stop_one {
    my ($name) = @_;
    my $pid = delete $pids{$name} or return;

    kill CONT => $pid;      # a redis that was stopped when we were
    kill TERM => $pid;
    waitpid $pid, 0;
}


sub stop {
    stop_one($_) for qw(nginx redis mock);
}


END {
    my $status = $?;

    stop();
    $? = $status;
}


# Redis hangs while the function runs; until then it does not
sub without_redis {
    my ($code) = @_;
    my $pid = $pids{redis};

    await('redis', sub { metrics() =~ /^soma_redis_up 1$/m });

    kill STOP => $pid;
    my $ok = eval { $code->(); 1 };
    my $error = $@;
    kill CONT => $pid;

    die $error unless $ok;
}


sub await {
    my ($what, $ready) = @_;
    my $until = time + $START_SECONDS;

    until ($ready->()) {
        if (time > $until) {
            die "bench: $what does not start:\n"
                . read_file("$DIR/logs/$what.log")
                . read_file("$DIR/logs/error.log");
        }

        sleep 0.05;
    }
}


sub listens {
    my ($port) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
                                 Timeout => 1);
}


sub start {
    $SIG{INT} = $SIG{TERM} = sub { exit 1 };

    for my $port ($BARE, $SOMA, $MOCK) {
        die "bench: port $port is taken: set SOMA_BENCH_PORT\n"
            if listens($port);
    }

    spawn('mock', $OTHER_CPU, "$DIR/mock", $MOCK);
    await('mock', sub { listens($MOCK) });

    spawn('redis', $OTHER_CPU, 'redis-server', '--port', 0, '--unixsocket',
          "$DIR/redis.sock", '--save', '', '--appendonly', 'no', '--dir',
          $DIR);
    await('redis', sub { (redis('ping') || '') =~ /PONG/ });

    start_nginx();
}


# workers => 1, timeout => that of Redis, down => soma_on_redis_down,
# counting => 1: other tenants, a vocabulary, no Redis
sub start_nginx {
    my (%o) = @_;

    stop_one('nginx');
    remove_tree("$DIR/ledger");
    make_path("$DIR/ledger");
    redis('flushall');
    unlink "$DIR/logs/error.log";
    write_file("$DIR/nginx.conf", config(%o));
    spawn('nginx', $OTHER_CPU, 'nginx', '-p', $DIR, '-c',
          "$DIR/nginx.conf", '-e', "$DIR/logs/error.log");
    await('nginx', sub { listens($BARE) && worker() });

    # a worker's first requests may come before its connection to Redis is up
    await('redis', sub { metrics() =~ /^soma_redis_up 1$/m })
        unless $o{counting};
}


# the pid of the worker; the cores are 0: one worker only
sub worker {
    my $master = $pids{nginx};
    my ($pid) = split ' ', read_file("/proc/$master/task/$master/children");

    return $pid;
}


sub redis {
    my (@command) = @_;

    open my $fh, '-|', "redis-cli -s $DIR/redis.sock @command 2>/dev/null"
        or return '';
    local $/;
    my $text = <$fh>;

    return $text;
}


sub metrics {
    my $socket = listens($SOMA) or die "bench: no nginx\n";

    print $socket "GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n";

    return join '', <$socket>;
}


# commands that the gateway sent, and all that Redis ran: scripts' own too
sub redis_commands {
    my ($sent) = metrics() =~ /^soma_redis_commands_total (\d+)/m;
    my ($all) = redis('info', 'stats') =~ /total_commands_processed:(\d+)/;

    return ($sent || 0, $all || 0);
}


# one run of the load generator, its numbers
sub load {
    my (%o) = @_;
    my @command = load_command(%o);

    open my $fh, '-|', @command or die "bench: load: $!\n";
    my $line = join '', <$fh>;
    close $fh;

    my %got = $line =~ /(\w+)=([\d.]+)/g;

    die "bench: errors: $line" . read_file("$DIR/logs/error.log")
        if $? || $got{errors};

    return \%got;
}


sub load_command {
    my (%o) = @_;

    return ('taskset', '-c', $OTHER_CPU, "$DIR/load", '-p', $o{port},
            '-u', $o{path} || $PATH, '-f', $o{body}, '-k', $o{key} || $KEY,
            '-w', worker(), '-c', $o{conns} || 1,
            $o{requests} ? ('-n', $o{requests}) : (),
            $o{seconds} ? ('-t', $o{seconds}) : (),
            $o{stream} ? ('-s', $o{stream}) : (),
            $o{keys} ? ('-m', $o{keys}) : (),
            $o{rate} ? ('-r', $o{rate}) : (),
            '-d', defined $o{rest} ? $o{rest} : 100);
}


# opens that many streams, calls the function, ends them
sub with_open {
    my ($code, %o) = @_;

    pipe my $in, my $keep or die "bench: pipe: $!\n";
    open my $save, '<&', \*STDIN;
    open STDIN, '<&', $in;

    my $pid = open my $fh, '-|', load_command(%o), '-h'
        or die "bench: load: $!\n";

    open STDIN, '<&', $save;
    close $in;

    my $line = <$fh>;

    die "bench: the streams do not open\n"
        unless defined $line && $line =~ /^open/;

    $code->();

    close $keep;
    close $fh;
}


# bytes: what the worker has to itself, and all that it has touched
sub memory {
    my $text = read_file('/proc/' . worker() . '/smaps_rollup');
    my ($anonymous) = $text =~ /^Anonymous:\s+(\d+) kB/m;
    my ($rss) = $text =~ /^Rss:\s+(\d+) kB/m;

    return ($anonymous * 1024, $rss * 1024);
}


sub median {
    my (@v) = sort { $a <=> $b } @_;

    return @v % 2 ? $v[@v / 2] : ($v[@v / 2 - 1] + $v[@v / 2]) / 2;
}


# a tenth of the values are smaller: there a busy neighbour of the machine,
# which only ever adds, has added least
sub quiet {
    my (@v) = sort { $a <=> $b } @_;

    return $v[int($#v / 10)];
}


sub machine {
    my $cpu = read_file('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m
              ? $1 : 'unknown CPU';
    my $cores = () = read_file('/proc/cpuinfo') =~ /^processor/mg;
    my ($kernel) = split ' ', read_file('/proc/sys/kernel/osrelease');
    my ($load) = split ' ', read_file('/proc/loadavg');
    my ($nginx) = `nginx -v 2>&1` =~ m{nginx/(\S+)};
    my ($redis) = `redis-server --version` =~ /v=(\S+)/;
    my $os = read_file('/etc/os-release') =~ /^PRETTY_NAME="(.*)"/m
             ? $1 : 'unknown system';

    return "$cpu, $cores cores; $os, Linux $kernel; nginx $nginx, redis "
           . "$redis; load of the machine at the end $load";
}


1;
