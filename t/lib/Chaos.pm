package Chaos;

# A round of chaos: several gateways on one Redis (a single server, one behind
# Sentinel, or a cluster), clients that ask plainly and in streams, and
# trouble drawn from a seed. When the trouble is over, three books must agree
# to the token and the nano-dollar: what the clients received, the journals,
# and Redis; and no limit may have been passed.
#
#     my $round = Chaos->new(seed => 7, redis => 'single', steps => 6);
#     my @faults = $round->play;          # empty: the books balance
#     print $round->story;                # what was done, one line a step
#
# The seed decides what is done, to whom and with which pauses; where in its
# work a process is hit is left to chance, as it is outside.

use strict;
use warnings;

use POSIX ();
use Time::HiRes qw(sleep time);

use Soma;
use ChaosRedis;

our $NODES = 3;
our $WORKERS = 2;
our $CLIENTS = 6;

my $SHIP_SECONDS = 30;
my $FAULTS_MAX = 20;            # shown of a round
my $DISK = '24m';               # of a node's ledger, where it can be mounted

# nano-USD a token, of every model here
my ($INPUT, $OUTPUT) = (150, 600);

# what a tenant may use in a day; the tight ones meet their limit
my %TENANT = (
    roomy    => {},
    budget   => { cost     => 1_000_000 },
    requests => { requests => 120 },
    tokens   => { tokens   => 4_000 },
);

my $USAGE = '"usage":{"prompt_tokens":11,"completion_tokens":7,'
            . '"total_tokens":18}';
my $EVENT = '{"id":"c","object":"chat.completion.chunk","choices":'
            . '[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}';
my $STREAM = "data: $EVENT\n\n" x 20
             . "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
             . "\"finish_reason\":\"stop\"}]}\n\n"
             . "data: {\"id\":\"c\",\"choices\":[],$USAGE}\n\n"
             . "data: [DONE]\n\n";
my $PLAIN = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":"
            . "[{\"index\":0,\"message\":{\"role\":\"assistant\","
            . "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],$USAGE}";


sub new {
    my ($class, %opt) = @_;
    my $self = bless { redis => 'single', steps => 6, seed => 1, %opt },
                     $class;

    $self->{state} = ($self->{seed} * 2654435761 + 12345) & 0x7fffffff;
    $self->{story} = [];
    $self->{faults} = [];

    $self->random(2) for 1 .. 3;

    return $self;
}


# 0 .. n - 1, the same for the same seed on any machine
sub random {
    my ($self, $n) = @_;

    $self->{state} = ($self->{state} * 1103515245 + 12345) & 0x7fffffff;

    return int(($self->{state} >> 8) % $n);
}


sub tell {
    my ($self, $text) = @_;

    push @{ $self->{story} },
         sprintf('%6.2f s  %s', time - ($self->{begun} // time), $text);
}


sub story { join '', map { "    $_\n" } @{ $_[0]{story} } }


sub fault {
    my ($self, $text) = @_;

    push @{ $self->{faults} }, $text
        if @{ $self->{faults} } < $FAULTS_MAX;
}


sub play {
    my ($self) = @_;
    my $day = POSIX::strftime('%F', gmtime);

    $self->{begun} = time;

    my $ok = eval {
        $self->build;
        $self->trouble;
        $self->heal;
        $self->balance;
        1;
    };

    $self->fault("the round broke off: $@") unless $ok;

    $self->stop_load;
    $self->limits if $day eq POSIX::strftime('%F', gmtime);
    $self->crashes;
    $self->close;

    return @{ $self->{faults} };
}


# the world

sub build {
    my ($self) = @_;

    $self->{provider} = soma_nginx(name => 'provider', log_level => 'error',
        http => 'access_log off;', server => <<"END");
        location /plain/  { default_type application/json;
                            return 200 '$PLAIN'; }
        location /stream/ { default_type text/event-stream;
                            return 200 '$STREAM'; }
        location /slow/   { default_type text/event-stream; limit_rate 4k;
                            return 200 '$STREAM'; }
END

    $self->{store} = ChaosRedis->new($self->{redis});
    $self->{node} = [ map { $self->node($_) } 1 .. $NODES ];
    $self->tell("$NODES nodes of $WORKERS workers on $self->{redis} Redis, "
                . 'seed ' . $self->{seed});
    $self->start_load;
}


sub node {
    my ($self, $n) = @_;
    my $ledger = soma_dir("ledger$n");
    my $keys = '';

    if ($self->{disk} && $> == 0) {
        system("mount -t tmpfs -o size=$DISK,mode=0777 soma $ledger "
               . '2>/dev/null') == 0
            and $self->{mounted}{$n} = $ledger;
    }

    for my $tenant (sort keys %TENANT) {
        my $limit = $TENANT{$tenant};
        my $hash = soma_sha256("sk-$tenant");

        $keys .= "soma_key sha256:$hash tenant=$tenant user=load;\n"
                 . "soma_tenant $tenant { limit requests 100000/minute; ";
        $keys .= 'limit cost ' . dollars($limit->{cost}) . '/day; '
            if $limit->{cost};
        $keys .= "limit $_ $limit->{$_}/day; "
            for grep { $limit->{$_} } qw(requests tokens);
        $keys .= "}\n";
    }

    my $endpoint = "http://127.0.0.1:$self->{provider}{port}";

    return soma_nginx(name => "node$n", workers => $WORKERS, daemon => 1,
        log_level => 'notice',
        server => 'location /v1/ { soma_pass; }', http => <<"END");
    access_log off;
    soma_on_redis_down deny;
    soma_zone   16m;
    soma_redis  @{[ $self->{store}->url ]} timeout=300ms;
    soma_ledger $ledger segment=256k keep=10m;
    soma_provider plain  { dialect openai; endpoint $endpoint/plain; }
    soma_provider stream { dialect openai; endpoint $endpoint/stream; }
    soma_provider slow   { dialect openai; endpoint $endpoint/slow; }
    soma_provider local  { dialect echo; }
    soma_model plain  provider=plain  input=0.15 output=0.60;
    soma_model stream provider=stream input=0.15 output=0.60;
    soma_model slow   provider=slow   input=0.15 output=0.60;
    soma_model echo   provider=local  input=0.15 output=0.60;
    $keys
END
}


sub dollars {
    my ($nano) = @_;

    return sprintf '%d.%09d', int($nano / 1_000_000_000),
                   $nano % 1_000_000_000;
}


# clients: children that ask until they are told to stop and write down what
# came; each request has an id of its own, so that one which broke off is
# known by name

sub start_load {
    my ($self) = @_;

    $self->{load} = soma_dir('load');

    for my $client (1 .. $CLIENTS) {
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            client($self->{load}, $client,
                   $self->{node}[$client % $NODES]->port);
            POSIX::_exit(0);
        }

        push @{ $self->{clients} }, $pid;
    }
}


sub stop_load {
    my ($self) = @_;

    return unless $self->{clients};

    open my $fh, '>', "$self->{load}/stop" or die "stop: $!\n";
    waitpid $_, 0 for @{ delete $self->{clients} };
}


sub client {
    my ($dir, $client, $port) = @_;
    my @tenants = sort keys %TENANT;
    my $n = 0;

    open my $fh, '>', "$dir/$client" or return;
    $fh->autoflush(1);

    until (-e "$dir/stop") {
        my $id = "chaos-$client-" . $n;
        my $tenant = $n % 3 == 0 ? $tenants[$n / 3 % @tenants] : 'roomy';
        my $line = eval { ask($port, $tenant, $id, $n) } // 'FAIL died';

        print $fh "$id $tenant $line\n";
        sleep($line =~ /^OK/ ? 0.005 : 0.05);
        $n++;
    }
}


sub ask {
    my ($port, $tenant, $id, $n) = @_;
    my $model = qw(plain stream echo slow echo plain stream)[$n % 7];
    my $stream = $model =~ /^s/ || $n % 7 == 4;
    my $body = "{\"model\":\"$model\",\"max_tokens\":20,\"messages\":"
               . "[{\"role\":\"user\",\"content\":\"How are you, $n?\"}]"
               . ($stream ? ',"stream":true,'
                            . '"stream_options":{"include_usage":true}' : '')
               . '}';
    my $res = soma_http($port, 'POST', '/v1/chat/completions', $body,
                        'Content-Type' => 'application/json',
                        'X-Request-Id' => $id,
                        Authorization => "Bearer sk-$tenant");

    return "NO $res->{status}"
        if $res->{complete} && $res->{status} =~ /^(429|503)$/;

    return "FAIL $res->{status}"
        unless $res->{status} == 200 && $res->{complete}
               && (!$stream || $res->{body} =~ /data: \[DONE\]\n\n\z/);

    my ($in, $out) = $res->{body} =~ /"prompt_tokens":\s*(\d+).*?
                                      "completion_tokens":\s*(\d+)/xs
        or return 'FAIL without usage';

    return sprintf 'OK %d %d %d', $in, $out, $INPUT * $in + $OUTPUT * $out;
}


# trouble

sub trouble {
    my ($self) = @_;
    my @can = (qw(kill_worker kill_worker kill_node reload upgrade
                  pause_worker), $self->{store}->troubles);

    push @can, 'fill_disk' if $self->{mounted};

    sleep 0.3;

    for (1 .. $self->{steps}) {
        my $what = $can[$self->random(scalar @can)];
        my $who = $self->random($NODES);

        $self->tell($what =~ /^redis_/ ? $what : "$what node" . ($who + 1));
        $self->$what($who);
        sleep 0.05 + $self->random(40) / 100;
    }
}


sub kill_worker {
    my ($self, $who) = @_;
    my @pids = $self->{node}[$who]->workers;

    kill KILL => $pids[$self->random(100) % @pids] if @pids;
}


# master and workers at once, as when the machine is reset but for its disk
sub kill_node {
    my ($self, $who) = @_;
    my $node = $self->{node}[$who];

    $node->kill;
    sleep $self->random(60) / 100;
    $node->start;
}


sub reload {
    my ($self, $who) = @_;

    kill HUP => $self->{node}[$who]->pid;
}


sub upgrade {
    my ($self, $who) = @_;

    $self->{node}[$who]->upgrade
        or $self->fault('node' . ($who + 1) . ': no new binary took over');
}


sub pause_worker {
    my ($self, $who) = @_;
    my ($pid) = $self->{node}[$who]->workers or return;

    kill STOP => $pid;
    sleep 0.1 + $self->random(80) / 100;
    kill CONT => $pid;
}


# a worker that is killed now takes what waits in its memory with it, which
# the documentation says; so nothing else happens until there is room again
sub fill_disk {
    my ($self, $who) = @_;
    my $dir = $self->{mounted}{$who + 1} or return;

    open my $fh, '>', "$dir/ballast" or return;
    while (syswrite $fh, "\0" x 65536) { }
    close $fh;
    sleep 0.2 + $self->random(80) / 100;
    unlink "$dir/ballast";
    sleep 1;
}


sub redis_kill { $_[0]{store}->kill_one($_[0]->random(100)) }
sub redis_pause { $_[0]{store}->pause_one($_[0]->random(100)) }
sub redis_resume { $_[0]{store}->resume }
sub redis_start { $_[0]{store}->start_killed }
sub redis_failover { $_[0]{store}->failover }
sub redis_reshard { $_[0]{store}->reshard($_[0]->random(100)) }


# everything runs again, and the clients stop

sub heal {
    my ($self) = @_;

    $self->{store}->heal;
    sleep 1;
    $self->stop_load;
    $self->read_answers;
    $self->tell(sprintf '%d answers, %d refused, %d failed',
                scalar(keys %{ $self->{got} }),
                scalar(keys %{ $self->{refused} }),
                scalar(keys %{ $self->{broken} }));
    $self->fault('there was no load') if keys %{ $self->{got} } < 20;
}


sub read_answers {
    my ($self) = @_;

    $self->{refused} = {};
    $self->{got} = {};
    $self->{broken} = {};

    for my $client (1 .. $CLIENTS) {
        open my $in, '<', "$self->{load}/$client" or next;

        while (my $line = <$in>) {
            my ($id, $tenant, $how, $rest) = $line =~ /^(\S+) (\S+) (\S+) (.*)/
                or next;

            if ($how eq 'OK') {
                $self->{got}{$id} = "$tenant $rest";
            } elsif ($how eq 'NO') {
                $self->{refused}{$id} = $rest;
            } else {
                $self->{broken}{$id} = $rest;
            }
        }
    }
}


# the three books

sub balance {
    my ($self) = @_;
    my %redis;

    # what is on its way: until two looks see the same

    my $seen = '';

    soma_wait($SHIP_SECONDS, sub {
        %redis = $self->redis_book;
        my $now = join ' ', scalar(keys %redis),
                  scalar(grep { !$redis{$_} } keys %{ $self->{got} });
        my $settled = $now eq $seen && $now =~ / 0$/ && $self->journal_equal;

        $seen = $now;
        sleep 0.3 unless $settled;
        $settled;
    }) or $self->tell('not all is shipped');

    $self->compare('Redis', \%redis);

    my %journal = $self->journal_book;

    $self->compare('the journals', \%journal);
    $self->differ(\%journal, \%redis);
    $self->sums(\%redis);
    $self->reconcile;
}


sub compare {
    my ($self, $name, $book) = @_;
    my $got = $self->{got};

    for my $id (sort keys %$got) {
        if (!$book->{$id}) {
            $self->fault("$id ($got->{$id}) is not in $name");

        } elsif ($book->{$id} ne $got->{$id}) {
            $self->fault("$id: its client got $got->{$id}, $name have "
                         . $book->{$id});
        }
    }

    for my $id (sort keys %$book) {
        next if $got->{$id} || exists $self->{broken}{$id};

        my $saw = $self->{refused}{$id} // 'nothing';

        $self->fault("$id is in $name ($book->{$id}) and its client neither "
                     . "has it nor saw it fail, but $saw");
    }
}


sub differ {
    my ($self, $journal, $redis) = @_;

    for my $id (sort keys %{ { %$journal, %$redis } }) {
        my ($j, $r) = ($journal->{$id} // 'nothing', $redis->{$id}
                       // 'nothing');

        $self->fault("$id: the journals have $j, Redis has $r")
            unless $j eq $r;
    }
}


# id -> "tenant input output cost" of the tenants' streams
sub redis_book {
    my ($self) = @_;
    my %book;

    $self->{doubled} = {};

    for my $tenant (sort keys %TENANT) {
        my $list = eval { $self->{store}->cmd($tenant, 'XRANGE',
                                   "soma:{$tenant}:events", '-', '+') } || [];

        for my $entry (@$list) {
            my %field = @{ $entry->[1] };
            my ($id, $line) = entry($field{usage});

            $self->{doubled}{$id} = 1 if $book{$id};
            $book{$id} = $line;
        }
    }

    return %book;
}


# of a record's JSON; ours is flat, and a parser takes its time
sub entry {
    my ($json) = @_;
    my %r = $json =~ /"(id|tenant|input_tokens|output_tokens|cost_nano)
                      ":"?([^",}]+)/gx;

    return ($r{id}, "$r{tenant} $r{input_tokens} $r{output_tokens} "
                    . $r{cost_nano});
}


sub journal_book {
    my ($self) = @_;
    my @dirs = map { "$Soma::DIR/ledger$_" } 1 .. $NODES;
    my %book;

    open my $in, '-|', "$Soma::BUILD/soma-ledger", 'dump', @dirs
        or die "soma-ledger: $!\n";

    while (my $text = <$in>) {
        my ($id, $line) = entry($text);

        $self->fault("$id stands twice in the journals") if $book{$id};
        $book{$id} = $line;
    }

    close $in;

    return %book;
}


sub journal_equal {
    my ($self) = @_;
    my %journal = $self->journal_book;
    my %redis = $self->redis_book;

    return keys %journal == keys %redis
           && !grep { !$redis{$_} } keys %journal;
}


# the aggregates are the sums of the streams
sub sums {
    my ($self, $redis) = @_;
    my (%sum, %total);

    $self->fault("$_ is twice in Redis") for sort keys %{ $self->{doubled} };

    for (values %$redis) {
        my ($tenant, $in, $out, $cost) = split / /;

        $sum{"$tenant requests"}++;
        $sum{"$tenant input_tokens"} += $in;
        $sum{"$tenant output_tokens"} += $out;
        $sum{"$tenant cost_nano"} += $cost;
    }

    for my $tenant (keys %TENANT) {
        for my $day (POSIX::strftime('%F', gmtime($self->{begun})),
                     POSIX::strftime('%F', gmtime))
        {
            my %h = @{ $self->{store}->cmd($tenant, 'HGETALL',
                                       "soma:{$tenant}:usage:$day") // [] };

            for my $field (keys %h) {
                my ($what) = $field =~ m{/([^/]+)$};

                $total{"$day $tenant $what"} = ($total{"$day $tenant $what"}
                                                // 0) + $h{$field};
            }

            last if $day eq POSIX::strftime('%F', gmtime);
        }
    }

    for my $what (sort keys %sum) {
        my $n = 0;

        $n += $total{$_} for grep { /^\S+ \Q$what\E$/ } keys %total;
        $self->fault("the aggregate of $what is $n, its records say "
                     . $sum{$what}) unless $n == $sum{$what};
    }

    $self->{sum} = \%sum;
}


sub limits {
    my ($self) = @_;
    my $sum = $self->{sum} or return;

    for my $tenant (sort keys %TENANT) {
        my %used = (
            cost     => $sum->{"$tenant cost_nano"} // 0,
            requests => $sum->{"$tenant requests"} // 0,
            tokens   => ($sum->{"$tenant input_tokens"} // 0)
                        + ($sum->{"$tenant output_tokens"} // 0),
        );

        for my $what (sort keys %{ $TENANT{$tenant} }) {
            my $limit = $TENANT{$tenant}{$what};

            $self->tell("$tenant used $used{$what} of $limit");
            $self->fault("$tenant used $used{$what}, its limit of $what is "
                         . $limit) if $used{$what} > $limit;
        }
    }
}


sub reconcile {
    my ($self) = @_;
    my @dirs = map { "$Soma::DIR/ledger$_" } 1 .. $NODES;
    my @command = map { quotemeta } "$Soma::BUILD/soma-ledger", 'reconcile',
                  '--wait=10', '--redis', $self->{store}->url, @dirs;
    my $out = `@command 2>&1`;

    $self->fault("soma-ledger reconcile: $out") if $?;
}


sub crashes {
    my ($self) = @_;

    for my $n (1 .. $NODES) {
        my $node = $self->{node}[$n - 1] or next;

        for (split /\n/, $node->error_log) {
            $self->fault("node$n: $_")
                if /\[(alert|emerg)\]|core dumped|exited on signal/
                   && !/exited on signal 9|No space left|soma journal/;
        }
    }
}


sub close {
    my ($self) = @_;

    $_->finish for grep { defined } @{ $self->{node} // [] },
                                    $self->{provider};
    $self->{store}->close if $self->{store};
    system 'umount', '-l', $_ for values %{ $self->{mounted} // {} };
}


1;
