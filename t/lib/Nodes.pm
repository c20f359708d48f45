package Nodes;

# Several Redis servers for a test, on free ports of 127.0.0.1:
#
#     my $cluster = soma_cluster(3);      # masters without replicas
#     ->nodes  Soma::Redis objects  ->url(n, ...) redis-cluster:// of some of
#     them  ->slot(KEY)  ->owner(KEY) the index of its master
#     ->cmd(COMMAND, KEY, ...) at the key's master
#     ->move(SLOT, TO, each => CODE) takes a slot to another node, a key at a
#     time; CODE is called after each key
#     ->add  one more empty master; returns its index
#
#     my $s = soma_sentinels(2);          # a master, a replica, sentinels
#     ->url  ->master, ->replica  Soma::Redis objects, as they began
#     ->failover  waits until it is over
#
# A proxy before a Redis server that lets through, delays, breaks or replaces
# replies:
#
#     my $proxy = soma_redis_proxy($redis);
#     ->url  ->rule(...)  from now on, until the next:
#        delay => SECONDS        before each reply
#        error => 'OOM ...', match => qr/XADD/  instead of the reply to a
#                                command that matches; the server gets nothing
#        raw => BYTES            the same, as they are
#        times => N              of it, then through again
#        cut => N                closes after N bytes of a reply to a match
#        refuse => 1             closes each connection at once
#     ->hits  how often the rule took effect
#
# A name server that knows one name:
#
#     my $dns = soma_dns('127.0.0.1');    # ->port  ->tell(ADDRESS) or
#     undef: there is no such name

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use IO::Socket::UNIX;
use Soma;

our @EXPORT = qw(soma_cluster soma_sentinels soma_redis_proxy soma_dns);


sub soma_cluster {
    my ($n, %opt) = @_;
    my $self = bless { nodes => [], %opt }, 'Nodes::Cluster';

    $self->add for 1 .. $n;

    my @node = $self->nodes;
    my $each = int(16384 / $n);

    for my $i (0 .. $n - 1) {
        my $last = $i == $n - 1 ? 16383 : $each * ($i + 1) - 1;

        $node[$i]->cmd('CLUSTER', 'ADDSLOTSRANGE', $each * $i, $last);
        $node[$i]->cmd('CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
    }

    for my $i (1 .. $n - 1) {
        $node[0]->cmd('CLUSTER', 'MEET', '127.0.0.1', $node[$i]->port,
                      $node[$i]{bus});
    }

    $self->settled($n) or die "no cluster\n";

    return $self;
}


sub soma_sentinels {
    my ($n, %opt) = @_;
    my $self = bless { sentinels => [], %opt }, 'Nodes::Sentinels';

    my @args = ('--repl-diskless-sync-delay', '0', @{ $opt{args} || [] });

    $self->{master} = soma_redis(port => 1, name => 'master',
                                 args => \@args);
    $self->{replica} = soma_redis(port => 1, name => 'replica',
        args => ['--replicaof', '127.0.0.1 ' . $self->{master}->port, @args]);

    Soma::soma_wait(20, sub {
        $self->{replica}->cmd('INFO', 'replication')
            =~ /master_link_status:up/
    }) or die "no replica\n";

    $self->start_sentinel($_) for 1 .. $n;

    Soma::soma_wait(20, sub {
        !grep {
            my %state = @{ $_->cmd('SENTINEL', 'MASTER', 'mymaster') };
            $state{'num-slaves'} < 1
                || $state{'num-other-sentinels'} < $n - 1
        } @{ $self->{sentinels} }
    }) or die "sentinels do not find each other\n";

    return $self;
}


sub soma_redis_proxy {
    my ($redis) = @_;
    my $self = bless { to => $redis->socket }, 'Nodes::Proxy';

    $self->{dir} = Soma::soma_dir('proxy');
    $self->rule;
    push @Soma::started, $self;

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        Listen => 64, ReuseAddr => 1) or die "proxy: $!\n";

    $self->{port} = $listen->sockport;
    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{TERM} = $SIG{INT} = sub { POSIX::_exit(0) };
        $self->run($listen);
        POSIX::_exit(0);
    }

    close $listen;

    return $self;
}


sub soma_dns {
    my ($address) = @_;
    my $self = bless {}, 'Nodes::DNS';
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
                                       Proto => 'udp') or die "dns: $!\n";

    $self->{dir} = Soma::soma_dir('dns');
    $self->{port} = $socket->sockport;
    $self->tell($address);
    push @Soma::started, $self;

    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{TERM} = $SIG{INT} = sub { POSIX::_exit(0) };
        $self->run($socket);
    }

    close $socket;

    return $self;
}


package Nodes::Cluster;

use strict;
use warnings;


sub nodes { @{ $_[0]{nodes} } }


sub url {
    my ($self, @n) = @_;

    @n = (0) unless @n;

    return 'redis-cluster://'
           . join ',', map { '127.0.0.1:' . $self->{nodes}[$_]->port } @n;
}


sub add {
    my ($self) = @_;
    my $n = @{ $self->{nodes} };
    my $bus = Soma::soma_port();
    my $node = Soma::soma_redis(port => 1, name => "node$n",
        args => ['--cluster-enabled', 'yes', '--cluster-port', $bus,
                 '--cluster-config-file', 'nodes.conf',
                 '--cluster-node-timeout', '1000',
                 '--cluster-require-full-coverage', 'no',
                 @{ $self->{args} || [] }]);

    $node->{bus} = $bus;
    push @{ $self->{nodes} }, $node;

    return $n;
}


# all know of n masters, and of all slots
sub settled {
    my ($self, $n) = @_;

    return Soma::soma_wait(20, sub {
        !grep {
            my $info = $_->cmd('CLUSTER', 'INFO');

            $info !~ /cluster_state:ok/
                || $info !~ /cluster_slots_ok:16384/
                || $info !~ /cluster_known_nodes:$n\b/
                || $_->cmd('CLUSTER', 'NODES') =~ /handshake/
        } $self->nodes
    });
}


sub slot {
    my ($self, $key) = @_;

    return (grep { defined } map {
        eval { $_->cmd('CLUSTER', 'KEYSLOT', $key) }
    } $self->nodes)[0];
}


# by its own word
sub owner {
    my ($self, $key) = @_;
    my $slot = $self->slot($key);

    for my $i (0 .. $#{ $self->{nodes} }) {
        my $node = $self->{nodes}[$i];
        my $ranges = eval { $node->cmd('CLUSTER', 'SLOTS') } or next;

        for (@$ranges) {
            my ($first, $last, $master) = @$_;

            return $i if $slot >= $first && $slot <= $last
                         && $master->[1] == $node->port;
        }
    }

    die "slot $slot has no master\n";
}


sub cmd {
    my ($self, $command, $key, @args) = @_;

    return $self->{nodes}[$self->owner($key)]->cmd($command, $key, @args);
}


sub id { $_[0]{nodes}[$_[1]]->cmd('CLUSTER', 'MYID') }


sub move {
    my ($self, $slot, $from, $to, %opt) = @_;
    my ($source, $target) = map { $self->{nodes}[$_] } $from, $to;

    $target->cmd('CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $self->id($from));
    $source->cmd('CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $self->id($to));

    while (my @keys = @{ $source->cmd('CLUSTER', 'GETKEYSINSLOT', $slot, 1) })
    {
        $source->cmd('MIGRATE', '127.0.0.1', $target->port, $keys[0], 0,
                     5000);
        $opt{each}->($keys[0]) if $opt{each};
    }

    $opt{before_end}->() if $opt{before_end};

    for my $node ($target, $source, $self->nodes) {
        eval {
            $node->cmd('CLUSTER', 'SETSLOT', $slot, 'NODE', $self->id($to));
        };
    }
}


package Nodes::Sentinels;

use strict;
use warnings;


sub master { $_[0]{master} }
sub replica { $_[0]{replica} }


sub url {
    my ($self, @before) = @_;

    return 'redis-sentinel://'
           . join(',', @before, map { '127.0.0.1:' . $_->port }
                  @{ $self->{sentinels} }) . '/mymaster';
}


sub start_sentinel {
    my ($self, $n) = @_;
    my $dir = Soma::soma_dir("sentinel$n");
    my $sentinel = bless { name => "sentinel$n", dir => $dir,
                           socket => "$dir/s", port => Soma::soma_port() },
                   'Soma::Redis';

    open my $fh, '>', "$dir/conf" or die "$dir/conf: $!\n";
    print $fh "port $sentinel->{port}\nbind 127.0.0.1\ndir $dir\n",
        "unixsocket $dir/s\nunixsocketperm 777\n",
        "sentinel monitor mymaster 127.0.0.1 ", $self->{master}->port,
        " 1\nsentinel down-after-milliseconds mymaster 500\n",
        "sentinel failover-timeout mymaster 5000\n";
    close $fh;

    $sentinel->{pid} = Soma::spawn("$dir/log", 'redis-server', "$dir/conf",
                                   '--sentinel');
    push @Soma::started, $sentinel;
    push @{ $self->{sentinels} }, $sentinel;

    Soma::soma_wait(10, sub { eval { $sentinel->cmd('PING') } })
        or die "no sentinel: " . Soma::slurp("$dir/log");
}


sub sentinel { $_[0]{sentinels}[$_[1]] }


sub where {
    my ($self) = @_;

    return eval {
        $self->{sentinels}[-1]->cmd('SENTINEL', 'GET-MASTER-ADDR-BY-NAME',
                                    'mymaster')->[1];
    } // 0;
}


# true when the sentinels have made another the master; CODE makes them
sub failover {
    my ($self, $code) = @_;
    my $before = $self->where;

    $code ||= sub {
        $self->{sentinels}[-1]->cmd('SENTINEL', 'FAILOVER', 'mymaster');
    };
    $code->();

    return Soma::soma_wait(30, sub { my $now = $self->where;
                                     $now && $now != $before });
}


package Nodes::Proxy;

use strict;
use warnings;
use IO::Select;
use JSON::PP ();


sub port { $_[0]{port} }
sub url { "redis://127.0.0.1:$_[0]{port}" }
sub hits { scalar(() = Soma::slurp("$_[0]{dir}/hits") =~ /\n/g) }


sub finish {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    Soma::reap($pid, 5);
}


# the rule is a file, read for each command
sub rule {
    my ($self, %rule) = @_;

    $rule{match} = "$rule{match}" if $rule{match};
    $self->{rules} = ($self->{rules} || 0) + 1;
    $rule{id} = $self->{rules};

    unlink "$self->{dir}/hits";
    open my $fh, '>', "$self->{dir}/rule.new" or die "rule: $!\n";
    print $fh JSON::PP->new->encode(\%rule);
    close $fh;
    rename "$self->{dir}/rule.new", "$self->{dir}/rule" or die "rule: $!\n";
}


sub current {
    my ($self) = @_;
    my $rule = eval { JSON::PP->new->decode(
                          Soma::slurp("$self->{dir}/rule")) } || { id => 0 };

    if (($self->{id} // -1) != $rule->{id}) {
        $self->{id} = $rule->{id};
        $self->{left} = $rule->{times};
    }

    return $rule;
}


sub hit {
    my ($self) = @_;

    open my $fh, '>>', "$self->{dir}/hits" or return;
    print $fh "x\n";
    close $fh;
}


# one process, one loop: commands go through one at a time a connection, so
# that each reply can be told from the next
sub run {
    my ($self, $listen) = @_;
    my $set = IO::Select->new($listen);
    my %conn;

    local $SIG{PIPE} = 'IGNORE';

    while (1) {
        for my $fh ($set->can_read(0.1)) {

            if ($fh == $listen) {
                my $client = $listen->accept or next;

                if ($self->current->{refuse}) {
                    $self->hit;
                    close $client;
                    next;
                }

                my $server = IO::Socket::UNIX->new(Peer => $self->{to});

                if (!$server) {
                    close $client;
                    next;
                }

                $_->autoflush(1) for $client, $server;

                my $c = { client => $client, server => $server, in => '' };

                @conn{$client, $server} = ($c, $c);
                $set->add($client, $server);
                next;
            }

            my $c = $conn{$fh} or next;
            my $n = sysread $fh, my $data, 65536;

            if (!$n) {
                $self->drop($set, \%conn, $c);
                next;
            }

            # news for a listener, or the rest of a reply
            if ($fh == $c->{server}) {
                print { $c->{client} } $data;
                next;
            }

            $c->{in} .= $data;

            while (my ($raw, @words) = command(\$c->{in})) {
                if (!$self->pass($c, $raw, \@words)) {
                    $self->drop($set, \%conn, $c);
                    last;
                }
            }
        }
    }
}


sub drop {
    my ($self, $set, $conn, $c) = @_;

    for my $fh (@$c{qw(client server)}) {
        $set->remove($fh);
        delete $conn->{$fh};
        close $fh;
    }
}


# cuts a whole command off; the bytes and the words
sub command {
    my ($in) = @_;

    return unless $$in =~ /\A\*(\d+)\r\n/;

    my ($n, $at, @words) = ($1, $+[0]);

    for (1 .. $n) {
        return unless substr($$in, $at) =~ /\A\$(\d+)\r\n/;

        my $start = $at + $+[0];

        return if length $$in < $start + $1 + 2;

        push @words, substr $$in, $start, $1;
        $at = $start + $1 + 2;
    }

    return (substr($$in, 0, $at, ''), @words);
}


sub pass {
    my ($self, $c, $raw, $words) = @_;
    my $rule = $self->current;
    my $text = join ' ', @$words;
    my $matches = !defined $rule->{match} || $text =~ /$rule->{match}/;

    $matches = 0 if defined $self->{left} && $self->{left} <= 0;

    if ($matches && defined($rule->{raw} // $rule->{error})) {
        $self->{left}-- if defined $self->{left};
        $self->hit;
        print { $c->{client} } $rule->{raw} // "-$rule->{error}\r\n";
        return 1;
    }

    print { $c->{server} } $raw;

    # its replies are messages from then on
    return 1 if uc $words->[0] eq 'SUBSCRIBE';

    my $reply = '';

    while (!whole($reply)) {
        sysread $c->{server}, $reply, 65536, length $reply or return 0;
    }

    if ($matches && $rule->{delay}) {
        $self->hit;
        Time::HiRes::sleep($rule->{delay});
    }

    if ($matches && defined $rule->{cut}) {
        $self->{left}-- if defined $self->{left};
        $self->hit;
        print { $c->{client} } substr $reply, 0, $rule->{cut};
        return 0;
    }

    print { $c->{client} } $reply;

    return 1;
}


# does it begin with a whole reply?
sub whole {
    my ($text) = @_;
    my $at = 0;
    my $todo = 1;

    while ($todo) {
        return 0 unless substr($text, $at) =~ /\A([-+:\$*])([^\r]*)\r\n/;

        my ($type, $n) = ($1, $2);

        $at += $+[0];
        $todo--;

        if ($type eq '$' && $n >= 0) {
            return 0 if length $text < $at + $n + 2;
            $at += $n + 2;

        } elsif ($type eq '*' && $n > 0) {
            $todo += $n;
        }
    }

    return 1;
}


package Nodes::DNS;

use strict;
use warnings;


sub port { $_[0]{port} }


sub tell {
    my ($self, $address) = @_;

    open my $fh, '>', "$self->{dir}/new" or die "dns: $!\n";
    print $fh $address // '';
    close $fh;
    rename "$self->{dir}/new", "$self->{dir}/address" or die "dns: $!\n";
}


sub finish {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill TERM => $pid;
    Soma::reap($pid, 5);
}


# RFC 1035: the question comes back, with an address of a second's life
sub run {
    my ($self, $socket) = @_;

    while (1) {
        my $peer = recv($socket, my $query, 512, 0) // next;
        my $address = Soma::slurp("$self->{dir}/address");
        my ($question) = substr($query, 12) =~ /\A((?:[^\0].*?)?\0....)/s
            or next;
        my $answer = $address
            ? "\xc0\x0c" . pack('n n N n C4', 1, 1, 1, 4, split /\./, $address)
            : '';

        send $socket, substr($query, 0, 2)
            . pack('n5', $address ? 0x8180 : 0x8183, 1, $address ? 1 : 0, 0, 0)
            . $question . $answer, 0, $peer;
    }
}


1;
