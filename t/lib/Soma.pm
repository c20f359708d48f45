package Soma;

# What the tests of the module share: private servers, directories and ports.
#
# A file of Test::Nginx blocks begins with Cases, which stands on this: see there.
# A plain one, with a real nginx (master and workers):
#
#     use lib 't/lib';
#     use Soma;
#     use Test::More;
#
#     my $nginx = soma_nginx(http => '...', server => 'location / { ... }');
#     my $res = $nginx->post('/v1/chat/completions', $body,
#                            Authorization => 'Bearer key');
#     is($res->{status}, 200);
#     done_testing();
#
# Each file runs in a directory of its own, build/t/SLOT, on a port of its
# own, so several may run at once: by tools/test, or by hand as
# `prove t/NAME.t`.  What a file started is stopped when it ends.
#
# Directories and ports
#   soma_dir(NAME)     an empty directory; exported to configs as
#                      $TEST_NGINX_<NAME in capitals>
#   soma_port()        a TCP port of 127.0.0.1 that is free now
#   soma_slow()        true under valgrind or a sanitizer: leave out what
#                      measures time
#   soma_sha256(KEY)   hex digest, as soma_key wants it
#   soma_hears(SECONDS, NODE, TIMES)   waits until each worker has a connection
#                      to Redis that came up TIMES times, or once: without one
#                      it can only turn requests away
#   soma_wait(SECONDS, CODE)   calls CODE until it returns true, returns that;
#                      false when the time is over
#   soma_json(TEXT), soma_to_json(DATA)   decode and encode
#
# Redis: soma_redis(args => ['--maxmemory', '1mb'], port => 1, name => 'a')
#   listens on a unix socket, with "port" on TCP too; exported to configs as
#   $TEST_NGINX_REDIS (a name other than "redis": $TEST_NGINX_<NAME>)
#   ->url ->socket ->port ->pid  ->cmd('HGETALL', 'key')   reply; an array
#   reference for lists; dies on an error reply; ->hash('key') a hash
#   reference  ->stop ->kill ->start ->pause ->resume
#
# Upstream: soma_upstream(responses => [...], name => 'upstream')
#   a scripted HTTP/1.1 server, one process a connection. The n-th request
#   (over all connections) gets the n-th response, the last one is repeated.
#   A response is a string of raw bytes, a hash, or a code reference that
#   is called with the request and the number of it, from 0, and returns
#   either of the two. In a hash:
#     raw           the bytes
#     wait          seconds before the first byte
#     piece, delay  write `piece` bytes at a time with `delay` seconds between
#     gate          [BYTES, FILE]: after so many bytes wait until it is there
#     stop_after    close the connection after so many bytes
#     reset         close by RST instead of FIN
#     hang          after the last byte keep the connection open, seconds
#     close         close after the response (else kept when it is framed)
#   soma_response(STATUS, BODY, NAME => VALUE, ...)  with a Content-Length
#   soma_sse(EVENT, ...)   a chunked 200 text/event-stream, each EVENT a
#                      string that becomes "data: EVENT\n\n"
#   framed(BODY, SIZE)   the same of a whole body, in chunks of SIZE bytes or
#                      in one; to be asked for
#   ->port ->requests   what came: a list of {method, uri, line, headers
#                      (names in lower case), body, raw, conn}
#   ->count ->reset(responses...) ->closed  (how many times the client closed
#   before the whole response was written)
#   exported to configs as $TEST_NGINX_UPSTREAM_PORT
#
# nginx: soma_nginx(main => '', events => '', http => '', server => '',
#                   workers => 1, log_level => 'info', name => 'nginx',
#                   start => 1, daemon => 0)
#   "server" goes into a server listening on ->port; %%PORT%% and %%DIR%% are
#   replaced in all of them. Without "server", "http" brings its own.
#   ->port ->dir ->pid ->workers (pids)  ->start ->reload ->quit ->stop
#   ->kill (all of it, SIGKILL)  ->upgrade (USR2)  ->kill_worker(SIGNAL) ->test (the output and
#   exit code of nginx -t)  ->configure(http => ...) (writes it anew)
#   ->error_log (text) ->access_log ->memory (kB of RSS of the workers)
#   ->get(URI, HEADERS...) ->post(URI, BODY, HEADERS...)
#   ->request(METHOD, URI, BODY, HEADERS...) ->open(METHOD, URI, BODY, ...)
#
# HTTP: soma_http(PORT, METHOD, URI, BODY, HEADERS...) returns {status,
#   reason, headers (lower case; values of a repeated name joined by ", "),
#   body (chunks joined), raw, complete}; status is 0 when there was no answer.
#   soma_open(same) returns a stream after the response's head: {status,
#   headers}, ->event (next "data:" of an SSE stream, undef at the end)
#   ->line ->rest (the remaining body) ->close

use strict;
use warnings;

use Exporter 'import';
use Cwd ();
use Digest::SHA ();
use Fcntl qw(:flock);
use File::Basename ();
use File::Path ();
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes ();

our @EXPORT = qw(soma_dir soma_port soma_slow soma_sha256 soma_wait soma_json
                 soma_to_json soma_redis soma_upstream soma_response soma_sse
                 soma_nginx soma_hears soma_http soma_open soma_echoes);
our @EXPORT_OK = qw(framed);

our $TOP = Cwd::abs_path(File::Basename::dirname(__FILE__) . '/../..');
our $BUILD = $ENV{SOMA_BUILD} || "$TOP/build";
our $TIMEOUT = 10;
our $DIR;

my $SLOTS = 40;
my $PORTS = 200;                # of a slot, for its servers
my $FIRST_OWN = 11000;          # below those that the kernel gives to clients
my ($own, $port_next) = (0, 0);
my $OWNER = $$;
my $lock;
our @started;


$SIG{TERM} = $SIG{INT} = sub { exit 1 };

set_up();


# a number of this machine's that no other running test file has
sub take_slot {
    my $slots = ($ENV{TMPDIR} || '/tmp') . "/soma-test-$<";

    mkdir $slots, 0700;

    for my $n (0 .. $SLOTS - 1) {
        open my $fh, '>', "$slots/$n" or die "$slots/$n: $!\n";

        if (flock $fh, LOCK_EX | LOCK_NB) {
            $lock = $fh;
            return $n;
        }
    }

    die "all $SLOTS slots of $slots are taken\n";
}


sub set_up {
    my $slot = take_slot();

    $own = $FIRST_OWN + $PORTS * $slot;
    $DIR = "$BUILD/t/$slot";
    File::Path::remove_tree($DIR);
    File::Path::make_path($DIR);

    # workers drop to another user when the master is root
    chmod 0755, $DIR;

    $ENV{TEST_NGINX_BINARY} ||= 'nginx';
    $ENV{TEST_NGINX_LOAD_MODULES} ||=
        "$BUILD/modules/ngx_http_soma_module.so";
    $ENV{TEST_NGINX_SERVROOT} = "$DIR/servroot";
    $ENV{TEST_NGINX_DIR} = $DIR;
    $ENV{TEST_NGINX_TOP} = $TOP;
}


# Test::Nginx expands variables of this prefix in configs
sub export_env {
    my ($name, $value) = @_;

    $name = uc $name;
    $name =~ s/\W/_/g;
    $ENV{"TEST_NGINX_$name"} = $value;

    return $value;
}


sub soma_dir {
    my ($name) = @_;
    my $dir = "$DIR/$name";

    File::Path::remove_tree($dir);
    File::Path::make_path($dir);
    # a ledger's may be written by its own user alone; root's is given away
    chmod 0755, $dir;

    return export_env($name, $dir);
}


sub soma_port {
    for (1 .. $PORTS) {
        my $port = $own + $port_next++ % $PORTS;

        return $port if IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                              LocalPort => $port,
                                              Listen => 1, ReuseAddr => 1);
    }

    die "no free port from $own on\n";
}


sub soma_slow {
    return ($ENV{SOMA_VALGRIND} || $ENV{SOMA_SANITIZER}) ? 1 : 0;
}


sub soma_sha256 {
    return Digest::SHA::sha256_hex($_[0]);
}


sub soma_json {
    return JSON::PP->new->utf8->allow_nonref->decode($_[0]);
}


sub soma_to_json {
    return JSON::PP->new->utf8->allow_nonref->canonical->encode($_[0]);
}


sub soma_wait {
    my ($seconds, $code) = @_;
    my $until = Time::HiRes::time() + $seconds;

    while (1) {
        my $got = $code->();

        return $got if $got;
        return if Time::HiRes::time() > $until;

        Time::HiRes::sleep(0.02);
    }
}


sub soma_hears {
    my ($seconds, $node, $times) = @_;

    return soma_wait($seconds, sub {
        my %up;

        for my $line (split /^/, $node->error_log) {
            $up{$1}++ if $line =~ /(\d+)#\d+: soma redis: connection .*is up/;
        }

        return !grep { ($up{$_} || 0) < ($times || 1) } $node->workers;
    });
}


# asks the model "echo" so many times over one connection, a few at once; how
# many answers came
sub soma_echoes {
    my ($port, $key, $count) = @_;
    my $at_once = 50;
    my $body = '{"model":"echo","max_tokens":5,'
               . '"messages":[{"role":"user","content":"hi"}]}';
    my $ask = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
              . "x-api-key: $key\r\nContent-Length: " . length($body)
              . "\r\n\r\n$body";
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "$!\n";
    my ($text, $answers) = ('', 0);

    for my $sent (map { $_ * $at_once } 1 .. $count / $at_once) {
        print $s $ask x $at_once;
        $s->flush;

        while ($answers < $sent && sysread $s, $text, 65536, length $text) {
            $answers++ while $text =~ s/^.*?"total_tokens":\d+//s;
        }
    }

    return $answers;
}


sub slurp {
    my ($path) = @_;

    open my $fh, '<:raw', $path or return '';
    local $/;

    return scalar(<$fh>) // '';
}


# starts a program of ours; it dies when we forget it
sub spawn {
    my ($log, @command) = @_;
    my $pid = fork;

    die "fork: $!\n" unless defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $log or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT;
        close $lock;
        exec { $command[0] } @command or POSIX::_exit(127);
    }

    return $pid;
}


# waits for a child of ours to end, and ends it when it does not
sub reap {
    my ($pid, $seconds) = @_;

    return 1 if soma_wait($seconds, sub {
        my $got = waitpid $pid, POSIX::WNOHANG();

        # -1: no child of ours, a daemon
        $got > 0 || ($got == -1 && ended($pid))
    });

    kill KILL => $pid;
    waitpid $pid, 0;

    return 0;
}


# a zombie that waits for its parent has ended too
sub ended {
    my ($pid) = @_;
    my ($state) = slurp("/proc/$pid/stat") =~ /^.*\) (\S)/s;

    return !$state || $state =~ /[ZX]/;
}


END {
    if ($$ == $OWNER) {
        my $status = $?;

        $_->finish for reverse grep { defined } @started;
        $? = $status;
    }
}


sub soma_redis {
    my (%opt) = @_;
    my $self = bless { name => 'redis', args => [], %opt }, 'Soma::Redis';

    $self->{dir} = "$Soma::DIR/redis-$self->{name}";
    File::Path::remove_tree($self->{dir});
    File::Path::make_path($self->{dir});
    chmod 0755, $self->{dir};
    $self->{socket} = "$self->{dir}/s";
    $self->{port} = soma_port() if $opt{port};

    export_env($self->{name}, $self->url);
    push @started, $self;

    return $self->start;
}


sub soma_upstream {
    my (%opt) = @_;
    my $self = bless { name => 'upstream', %opt }, 'Soma::Upstream';

    $self->{dir} = "$Soma::DIR/upstream-$self->{name}";
    File::Path::remove_tree($self->{dir});
    File::Path::make_path($self->{dir});
    push @started, $self;

    $self->start;
    export_env("$self->{name}_port", $self->{port});

    return $self;
}


sub soma_nginx {
    my (%opt) = @_;
    my $self = bless { name => 'nginx', workers => 1, start => 1,
                       log_level => 'info', main => '', events => '',
                       http => '', %opt }, 'Soma::Nginx';

    $self->{dir} = "$Soma::DIR/$self->{name}";
    $self->{port} ||= soma_port();
    File::Path::remove_tree($self->{dir});
    File::Path::make_path("$self->{dir}/logs");
    chmod 0777, $self->{dir}, "$self->{dir}/logs";
    push @started, $self;

    $self->configure;
    $self->start if $self->{start};

    return $self;
}


sub soma_response {
    my ($status, $body, @headers) = @_;
    my $head = "HTTP/1.1 $status Status\r\n";
    my $typed = 0;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
        $typed = 1 if lc $name eq 'content-type';
    }

    $head .= "Content-Type: application/json\r\n" unless $typed;

    return $head . "Content-Length: " . length($body) . "\r\n\r\n" . $body;
}


sub soma_sse {
    return chunked(map { "data: $_\n\n" } @_);
}


sub framed {
    my ($body, $size) = @_;

    return chunked($size ? $body =~ /(.{1,$size})/gs : ($body));
}


sub chunked {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
           . "Transfer-Encoding: chunked\r\n\r\n"
           . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @_)
           . "0\r\n\r\n";
}


sub soma_http {
    my $stream = soma_open(@_);

    return $stream->finish_response;
}


sub soma_open {
    my ($port, $method, $uri, $body, @headers) = @_;
    my $self = bless { buf => '', raw => '', status => 0, headers => {} },
                     'Soma::Stream';
    my $host = grep { lc $headers[2 * $_] eq 'host' } 0 .. @headers / 2 - 1;
    my $request = "$method $uri HTTP/1.1\r\n";

    $request .= "Host: localhost\r\n" unless $host;
    $request .= "Connection: close\r\n";

    while (my ($name, $value) = splice @headers, 0, 2) {
        $request .= "$name: $value\r\n";
    }

    if (defined $body) {
        $request .= "Content-Length: " . length($body) . "\r\n";
    }

    $self->{socket} = ref $port ? $port
                      : IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                              PeerPort => $port,
                                              Timeout => $TIMEOUT);
    return $self unless $self->{socket};

    local $SIG{PIPE} = 'IGNORE';

    $self->{socket}->autoflush(1);
    print { $self->{socket} } "$request\r\n", $body // '';
    $self->read_head;

    return $self;
}


package Soma::Stream;

use strict;
use warnings;


# reads more into buf; false at the end of the connection
sub fill {
    my ($self) = @_;
    my $bits = '';
    my $limit = $Soma::TIMEOUT * (Soma::soma_slow() ? 6 : 1);

    vec($bits, fileno($self->{socket}), 1) = 1;

    if (select($bits, undef, undef, $limit) < 1) {
        $self->{timed_out} = 1;
        return 0;
    }

    my $n = sysread $self->{socket}, my $data, 65536;

    return 0 unless $n;

    $self->{raw} .= $data;
    $self->{buf} .= $data;

    return 1;
}


sub read_head {
    my ($self) = @_;

    my $at;

    while (($at = index $self->{buf}, "\r\n\r\n") < 0) {
        return unless $self->fill;
    }

    my ($first, @lines) = split /\r\n/, substr $self->{buf}, 0, $at + 4, '';

    ($self->{status}, $self->{reason}) = $first =~ m{^HTTP/\S+ (\d+) ?(.*)};

    return $self->read_head if $self->{status} == 100;

    for (@lines) {
        my ($name, $value) = /^([^:]+):[ \t]*(.*)/ or next;
        my $h = \$self->{headers}{lc $name};

        $$h = defined $$h ? "$$h, $value" : $value;
    }

    $self->{head} = join "\n", $first, @lines;
    $self->{left} = $self->{headers}{'content-length'};
    $self->{chunked} =
        ($self->{headers}{'transfer-encoding'} // '') =~ /chunked/i;
    $self->{text} = '';
}


# moves what is readable of the body from buf to text; false at its end
sub more {
    my ($self) = @_;

    return 0 if $self->{complete} || !$self->{status};

    if (!$self->{chunked}) {
        if (defined $self->{left} && $self->{left} <= length $self->{buf}) {
            $self->{text} .= substr $self->{buf}, 0, $self->{left}, '';
            $self->{complete} = 1;
            return 1;
        }

        if (length $self->{buf}) {
            $self->{left} -= length $self->{buf} if defined $self->{left};
            $self->{text} .= $self->{buf};
            $self->{buf} = '';
            return 1;
        }

    } elsif ($self->{buf} =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/) {
        my ($len, $at) = (hex $1, $+[0]);

        if (length $self->{buf} >= $at + $len + 2) {
            $self->{text} .= substr $self->{buf}, $at, $len;
            substr $self->{buf}, 0, $at + $len + 2, '';
            $self->{complete} = 1 if $len == 0;
            return 1;
        }
    }

    return 1 if $self->fill;

    # without a length the end of the connection ends the body
    $self->{complete} = 1 if !$self->{chunked} && !defined $self->{left}
                             && !$self->{timed_out};
    return 0;
}


sub line {
    my ($self) = @_;

    while (1) {
        my $text = \$self->{text};

        return $1 if ($$text // '') =~ /\n/ && $$text =~ s/\A(.*?)\r?\n//;
        next if $self->more;
        return undef unless length($$text // '');

        my $last = $$text;
        $$text = '';
        return $last;
    }
}


sub event {
    my ($self) = @_;
    my @data;

    while (defined(my $line = $self->line)) {
        if ($line =~ /^data: ?(.*)/) {
            push @data, $1;

        } elsif ($line eq '' && @data) {
            return join "\n", @data;
        }
    }

    return @data ? join("\n", @data) : undef;
}


sub rest {
    my ($self) = @_;

    1 while $self->more;

    my $text = $self->{text};
    $self->{text} = '';

    return $text;
}


sub finish_response {
    my ($self) = @_;
    my $body = $self->{socket} && $self->{status} ? $self->rest : '';

    $self->close;

    return { status => $self->{status}, reason => $self->{reason},
             headers => $self->{headers}, head => $self->{head},
             body => $body, raw => $self->{raw},
             complete => $self->{complete} ? 1 : 0 };
}


sub close {
    my ($self) = @_;

    close delete $self->{socket} if $self->{socket};
}


package Soma::Redis;

use strict;
use warnings;


sub socket { $_[0]{socket} }
sub port { $_[0]{port} }
sub pid { $_[0]{pid} }
sub url { "unix:$_[0]{socket}" }


sub start {
    my ($self) = @_;

    unlink $self->{socket};
    delete $self->{conn};

    $self->{pid} = Soma::spawn("$self->{dir}/log", 'redis-server',
        '--unixsocket', $self->{socket}, '--unixsocketperm', '777',
        '--port', $self->{port} // 0, '--bind', '127.0.0.1',
        '--save', '', '--appendonly', 'no', '--dir', $self->{dir},
        '--daemonize', 'no', @{ $self->{args} });

    Soma::soma_wait($Soma::TIMEOUT, sub {
        my $reply = eval { $self->cmd('PING') };
        defined $reply && $reply eq 'PONG'
    }) or die "redis-server does not start: "
              . Soma::slurp("$self->{dir}/log");

    return $self;
}


sub end {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return $self;

    delete $self->{conn};
    kill CONT => $pid;
    kill $signal => $pid;
    Soma::reap($pid, 5);

    return $self;
}


sub stop { $_[0]->end('TERM') }
sub kill { $_[0]->end('KILL') }
sub finish { $_[0]->end('KILL') }
sub pause { CORE::kill(STOP => $_[0]{pid}); $_[0] }
sub resume { CORE::kill(CONT => $_[0]{pid}); $_[0] }


sub cmd {
    my ($self, @args) = @_;
    my $out = '*' . @args . "\r\n";

    $out .= '$' . length($_) . "\r\n$_\r\n" for @args;

    $self->{conn} ||= IO::Socket::UNIX->new(Peer => $self->{socket})
        or die "redis: $!\n";
    $self->{conn}->autoflush(1);
    setsockopt $self->{conn}, Socket::SOL_SOCKET(), Socket::SO_RCVTIMEO(),
               pack('l!l!', $Soma::TIMEOUT, 0);

    local $SIG{PIPE} = 'IGNORE';
    my $reply = eval {
        print { $self->{conn} } $out or die "redis: $!\n";
        $self->reply
    };

    if ($@) {
        delete $self->{conn} if $@ =~ /^redis: /;
        die $@;
    }

    return $reply;
}


sub reply {
    my ($self) = @_;
    my $conn = $self->{conn};
    local $/ = "\r\n";
    my $line = <$conn> // die "redis: connection closed\n";

    chomp $line;

    my $type = substr $line, 0, 1, '';

    return $line if $type eq '+' || $type eq ':';
    die "$line\n" if $type eq '-';
    return undef if $line < 0;

    if ($type eq '$') {
        read($conn, my $data, $line + 2) == $line + 2
            or die "redis: connection closed\n";
        return substr $data, 0, $line;
    }

    return [map { scalar $self->reply } 1 .. $line];
}


sub hash {
    my ($self, $key) = @_;

    return { @{ $self->cmd('HGETALL', $key) } };
}


package Soma::Upstream;

use strict;
use warnings;

use Fcntl qw(:flock);


sub port { $_[0]{port} }


sub start {
    my ($self) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       LocalPort => $self->{port} || 0,
                                       Listen => 511, ReuseAddr => 1)
        or die "upstream: $!\n";

    $self->{port} = $listen->sockport;
    $self->{pid} = fork;
    die "fork: $!\n" unless defined $self->{pid};

    if ($self->{pid} == 0) {
        $self->accept_loop($listen);
        POSIX::_exit(0);
    }

    close $listen;

    return $self;
}


sub accept_loop {
    my ($self, $listen) = @_;
    my $conn = 0;

    close $lock;
    setpgrp 0, 0;
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';

    while (1) {
        my $client = $listen->accept or next;
        my $pid = fork;

        $conn++;

        if (defined $pid && $pid == 0) {
            close $listen;
            $SIG{PIPE} = 'IGNORE';
            eval { $self->serve($client, $conn) };
            warn "upstream: $@" if $@;
            POSIX::_exit(0);
        }

        close $client;
    }
}


sub serve {
    my ($self, $client, $conn) = @_;
    my $buf = '';

    $client->autoflush(1);
    setsockopt $client, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;

    while (my $request = $self->read_request($client, \$buf)) {
        $request->{conn} = $conn;

        my $n = $self->record($request);
        my $response = $self->response($request, $n);

        last unless $self->answer($client, $response);
    }

    close $client;
}


sub read_request {
    my ($self, $client, $buf) = @_;
    my $more = sub { sysread $client, $$buf, 65536, length $$buf };

    my $at;

    while (($at = index $$buf, "\r\n\r\n") < 0) {
        return unless $more->();
    }

    $at += 4;

    my ($line, @lines) = split /\r\n/, substr $$buf, 0, $at;
    my ($method, $uri) = split / /, $line;
    my (%headers, $body);

    for (@lines) {
        my ($name, $value) = /^([^:]+):[ \t]*(.*)/ or next;
        my $h = \$headers{lc $name};

        $$h = defined $$h ? "$$h, $value" : $value;
    }

    if (($headers{'transfer-encoding'} // '') =~ /chunked/i) {
        my $pos = $at;

        $body = '';

        while (1) {
            my $end;

            while (($end = index $$buf, "\r\n", $pos) < 0) {
                return unless $more->();
            }

            my $len = hex((substr($$buf, $pos, $end - $pos)
                           =~ /^([0-9a-fA-F]+)/)[0] // 0);

            $pos = $end + 2;

            until (length $$buf >= $pos + $len + 2) {
                return unless $more->();
            }

            $body .= substr $$buf, $pos, $len;
            $pos += $len + 2;
            last if $len == 0;
        }

        $at = $pos;

    } else {
        my $len = $headers{'content-length'} || 0;

        until (length $$buf >= $at + $len) {
            return unless $more->();
        }

        $body = substr $$buf, $at, $len;
        $at += $len;
    }

    my $raw = substr $$buf, 0, $at, '';

    return { line => $line, method => $method, uri => $uri, body => $body,
             headers => \%headers, raw => $raw };
}


# one line of JSON a request; returns how many there were before
sub record {
    my ($self, $request) = @_;

    open my $fh, '+>>', "$self->{dir}/requests" or die "requests: $!\n";
    flock $fh, LOCK_EX;
    seek $fh, 0, 0;

    my $n = () = <$fh>;
    my %copy = (%$request, time => Time::HiRes::time());

    print $fh JSON::PP->new->latin1->canonical->encode(\%copy), "\n";
    close $fh;

    return $n;
}


sub response {
    my ($self, $request, $n) = @_;
    my $list = $self->{responses} || [];
    my $response = $list->[$n < @$list ? $n : -1];

    $response = $response->($request, $n) if ref $response eq 'CODE';
    $response //= Soma::soma_response(500, '{"error":"no response left"}');

    return ref $response ? $response : { raw => $response };
}


# false when the connection ends here
sub answer {
    my ($self, $client, $r) = @_;
    my $raw = $r->{raw} // '';
    my $piece = $r->{piece} || length $raw;
    my $framed = $raw =~ /\A.*?\r\n(?:Content-Length|Transfer-Encoding):/si;

    Time::HiRes::sleep($r->{wait}) if $r->{wait};

    $raw = substr $raw, 0, $r->{stop_after} if defined $r->{stop_after};

    if ($r->{gate}) {
        my ($bytes, $file) = @{$r->{gate}};

        return 0 unless write_all($client, substr $raw, 0, $bytes, '');
        Soma::soma_wait(600, sub { -e $file || gone($client) });
    }

    for (my $at = 0; $at < length $raw; $at += $piece) {
        Time::HiRes::sleep($r->{delay}) if $at && $r->{delay};

        if (gone($client) || !write_all($client, substr $raw, $at, $piece)) {
            open my $fh, '>>', "$self->{dir}/closed";
            print $fh "closed\n";
            close $fh;
            return 0;
        }
    }

    if ($r->{hang}) {
        my $bits = '';

        vec($bits, fileno $client, 1) = 1;
        select $bits, undef, undef, $r->{hang};

        if (gone($client)) {
            open my $fh, '>>', "$self->{dir}/closed";
            print $fh "closed\n";
        }

        return 0;
    }

    if ($r->{reset}) {
        setsockopt $client, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                   pack 'ii', 1, 0;
        return 0;
    }

    return !$r->{close} && $framed && !defined $r->{stop_after};
}


sub write_all {
    my ($client, $data) = @_;

    while (length $data) {
        my $n = syswrite $client, $data;

        return 0 unless $n;
        substr $data, 0, $n, '';
    }

    return 1;
}


sub gone {
    my ($client) = @_;
    my $bits = '';

    vec($bits, fileno $client, 1) = 1;

    return 0 unless select $bits, undef, undef, 0;

    my $got = recv $client, my $byte, 1, Socket::MSG_PEEK();

    return !defined $got || $byte eq '';
}


sub requests {
    my ($self) = @_;

    return map { JSON::PP->new->latin1->decode($_) }
           split /\n/, Soma::slurp("$self->{dir}/requests");
}


sub count { scalar(() = Soma::slurp("$_[0]{dir}/requests") =~ /\n/g) }
sub closed { scalar(() = Soma::slurp("$_[0]{dir}/closed") =~ /\n/g) }


sub finish {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return $self;

    kill TERM => -$pid or kill TERM => $pid;
    Soma::reap($pid, 2);

    return $self;
}


sub stop { $_[0]->finish }


sub reset {
    my ($self, @responses) = @_;

    $self->finish;
    unlink "$self->{dir}/requests", "$self->{dir}/closed";
    $self->{responses} = \@responses if @responses;

    return $self->start;
}


package Soma::Nginx;

use strict;
use warnings;


sub port { $_[0]{port} }
sub dir { $_[0]{dir} }
sub error_log { Soma::slurp("$_[0]{dir}/logs/error.log") }
sub access_log { Soma::slurp("$_[0]{dir}/logs/access.log") }


sub configure {
    my ($self, %opt) = @_;

    $self->{$_} = $opt{$_} for keys %opt;

    my $user = $< == 0 ? 'user root;' : '';
    my $server = defined $self->{server}
        ? "server { listen 127.0.0.1:%%PORT%%; $self->{server} }" : '';
    my $modules = join '', map { "load_module $_;\n" }
                  split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my $conf = <<"END";
$modules
$user
worker_processes $self->{workers};
error_log logs/error.log $self->{log_level};
pid nginx.pid;
$self->{main}
events {
    worker_connections 1024;
    $self->{events}
}
http {
    access_log logs/access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    $self->{http}
    $server
}
END
    $conf =~ s/%%PORT%%/$self->{port}/g;
    $conf =~ s/%%DIR%%/$self->{dir}/g;
    $conf =~ s/\$(TEST_NGINX_\w+)/$ENV{$1} \/\/ "\$$1"/ge;

    # a Redis that answers late because all is slow is none that hangs
    $conf =~ s/(soma_redis\s[^;]*\btimeout=)(\d{1,3})ms/$1 . 4 * $2 . 'ms'/ge
        if Soma::soma_slow();

    open my $fh, '>', "$self->{dir}/nginx.conf" or die "nginx.conf: $!\n";
    print $fh $conf;
    close $fh;

    return $self;
}


sub command {
    my ($self, @args) = @_;
    my @command = (binary(), '-p', $self->{dir},
                   '-c', "$self->{dir}/nginx.conf",
                   '-e', "$self->{dir}/logs/error.log", @args);

    unshift @command, 'valgrind', '-q', split ' ', $ENV{SOMA_VALGRIND}
        if $ENV{SOMA_VALGRIND};

    return @command;
}


# with its path: for an upgrade nginx executes itself again
sub binary {
    my $name = $ENV{TEST_NGINX_BINARY};

    return $name if $name =~ m{/};

    for my $dir (split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin') {
        return "$dir/$name" if -x "$dir/$name";
    }

    return $name;
}


sub test {
    my ($self) = @_;

    # nginx -t that fails frees nothing
    delete local $ENV{SOMA_VALGRIND};
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS}:detect_leaks=0"
        if $ENV{ASAN_OPTIONS};
    my @command = map { quotemeta } $self->command('-t');
    my $out = `@command 2>&1`;

    return wantarray ? ($out, $? >> 8) : $out;
}


sub pid_file {
    my ($self) = @_;

    return (Soma::slurp("$self->{dir}/nginx.pid") =~ /(\d+)/)[0];
}


sub start {
    my ($self) = @_;

    unlink "$self->{dir}/nginx.pid";

    $self->{pid} = Soma::spawn("$self->{dir}/logs/output",
                               $self->{daemon} ? $self->command
                               : $self->command('-g', 'daemon off;'));

    if ($self->{daemon}) {
        waitpid $self->{pid}, 0;
        $self->{pid} = Soma::soma_wait($Soma::TIMEOUT,
                                       sub { $self->pid_file })
            or die "nginx does not start: " . $self->error_log;
    }

    Soma::soma_wait(Soma::soma_slow() ? 60 : $Soma::TIMEOUT, sub {
        ($self->{daemon} ? !Soma::ended($self->{pid})
                         : waitpid($self->{pid}, POSIX::WNOHANG()) == 0)
            or die "nginx does not start: "
                   . Soma::slurp("$self->{dir}/logs/output")
                   . $self->error_log;
        $self->workers >= $self->{workers}
            && (!defined $self->{server}
                || IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                         PeerPort => $self->{port}))
    }) or die "nginx does not listen: " . $self->error_log;

    return $self;
}


sub pid { $_[0]{pid} }


# the children of the master that are workers, old ones included
sub workers {
    my ($self) = @_;
    my @pids;

    return unless $self->{pid};

    my $list = Soma::slurp("/proc/$self->{pid}/task/$self->{pid}/children");

    for my $pid (split ' ', $list) {
        my $title = Soma::slurp("/proc/$pid/cmdline");

        # valgrind keeps the title to itself
        push @pids, $pid if $title =~ /worker process/
                            || ($ENV{SOMA_VALGRIND} && $title =~ /nginx/);
    }

    return @pids;
}


# returns once new workers serve; old ones may still finish their requests
sub reload {
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->workers;

    kill HUP => $self->{pid};

    return Soma::soma_wait(Soma::soma_slow() ? 60 : $Soma::TIMEOUT, sub {
        (grep { !$old{$_} } $self->workers) >= $self->{workers}
    });
}


# a new worker takes its place
sub kill_worker {
    my ($self, $signal) = @_;
    my ($pid) = $self->workers or return;

    kill $signal || 'KILL', $pid;

    Soma::soma_wait($Soma::TIMEOUT, sub {
        my @now = $self->workers;
        @now >= $self->{workers} && !grep { $_ == $pid } @now
    });

    return $pid;
}


# a new binary takes over (USR2, then QUIT to the old one); only a daemon does
# that
sub upgrade {
    my ($self) = @_;
    my $old = $self->{pid};

    kill USR2 => $old;

    my $new = Soma::soma_wait($Soma::TIMEOUT, sub {
        my $pid = $self->pid_file;

        local $self->{pid} = $pid;
        $pid && $pid != $old && $self->workers >= $self->{workers} && $pid
    }) or return;

    $self->{pid} = $new;
    kill QUIT => $old;

    return Soma::reap($old, $Soma::TIMEOUT);
}


# true when it ended by itself
sub end {
    my ($self, $signal, $seconds) = @_;
    my $pid = $self->{pid} or return 1;
    my @workers = $self->workers;

    # a master that is killed takes nobody with it
    kill $signal => $pid;
    kill KILL => @workers if $signal eq 'KILL';

    my $ended = Soma::reap($pid, $seconds);

    kill KILL => @workers if !$ended;
    delete $self->{pid};

    return $ended;
}


sub quit { $_[0]->end('QUIT', $_[1] || (Soma::soma_slow() ? 60 : 10)) }
sub stop { $_[0]->end('TERM', Soma::soma_slow() ? 60 : 10) }
sub kill { $_[0]->end('KILL', 5) }
sub finish { $_[0]->stop }
sub pause { CORE::kill(STOP => $_[0]->workers); $_[0] }
sub resume { CORE::kill(CONT => $_[0]->workers); $_[0] }


sub memory {
    my ($self) = @_;
    my $kb = 0;

    for my $pid ($self->workers) {
        $kb += $1 if Soma::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
    }

    return $kb;
}


sub request { my $self = shift; Soma::soma_http($self->{port}, @_) }
sub open { my $self = shift; Soma::soma_open($self->{port}, @_) }

sub get {
    my ($self, $uri, @headers) = @_;
    return $self->request('GET', $uri, undef, @headers);
}

sub post {
    my ($self, $uri, $body, @headers) = @_;
    my $typed = grep { lc $headers[2 * $_] eq 'content-type' }
                0 .. @headers / 2 - 1;

    unshift @headers, 'Content-Type' => 'application/json' unless $typed;

    return $self->request('POST', $uri, $body, @headers);
}


1;
