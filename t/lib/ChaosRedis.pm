package ChaosRedis;

# The Redis of a round of chaos, in one of three shapes, and the trouble it
# can be put to.
#
#     single     one server
#     sentinel   a master, a replica, and a sentinel that watches them
#     cluster    three masters
#
# All of them write an append-only file, so that a killed server comes back
# with what it acknowledged; a replica that is promoted may lack the last
# writes of its master.

use strict;
use warnings;

use Time::HiRes qw(sleep time);

use Nodes;
use Soma;

my $MASTERS = 3;
my $UP_SECONDS = 15;

my @AOF = ('--appendonly', 'yes', '--appendfsync', 'everysec',
           '--repl-diskless-sync-delay', '0');


sub new {
    my ($class, $kind) = @_;
    my $self = bless { kind => $kind, server => [] }, $class;

    my $start = "start_$kind";

    $self->can($start) or die "unknown kind of Redis \"$kind\": allowed are "
                              . "single, sentinel and cluster\n";
    $self->$start;

    return $self;
}


sub url { $_[0]{url} }


# names of methods of Chaos
sub troubles {
    my ($self) = @_;
    my @common = qw(redis_kill redis_start redis_pause redis_resume);

    return (@common, $self->{kind} eq 'sentinel' ? 'redis_failover' : (),
            $self->{kind} eq 'cluster' ? 'redis_reshard' : ());
}


sub start_single {
    my ($self) = @_;
    my $server = soma_redis(name => 'single', port => 1, args => \@AOF);

    $self->{server} = [$server];
    $self->{url} = 'redis://127.0.0.1:' . $server->port;
}


sub start_sentinel {
    my ($self) = @_;
    my $pair = $self->{pair} = soma_sentinels(1, args => \@AOF);

    $self->{server} = [$pair->master, $pair->replica];
    $self->{url} = $pair->url;
}


sub start_cluster {
    my ($self) = @_;
    my $cluster = $self->{cluster} = soma_cluster($MASTERS, args => \@AOF);

    $self->{server} = [$cluster->nodes];
    $self->{url} = $cluster->url(0 .. $MASTERS - 1);
}


# a command on a tenant's keys, wherever they are now
sub cmd {
    my ($self, $tenant, @command) = @_;
    my $error = 'no server';

    for my $server ($self->masters) {
        my $reply = eval { [ $server->cmd(@command) ] };

        return $reply->[0] if $reply;
        $error = $@;
    }

    die "$command[0] for $tenant: $error";
}


sub masters {
    my ($self) = @_;

    return grep {
        my $role = eval { $_->cmd('ROLE') };
        $role && $role->[0] eq 'master';
    } @{ $self->{server} };
}


# trouble

# never more than one server at a time: two of a pair are no Redis
sub kill_one {
    my ($self, $n) = @_;

    $self->start_killed;

    my @servers = $self->masters or return;
    my $server = $servers[$n % @servers];

    $server->kill;
    $self->{killed} = $server;
}


sub start_killed {
    my ($self) = @_;
    my $server = delete $self->{killed} or return;

    # the sentinel would make a replica of a master that was replaced, in
    # some ten seconds

    if ($self->{pair}) {
        my $master = $self->{pair}->where;

        $server->{args} = [@AOF, $master == $server->port ? ()
                           : ('--replicaof', '127.0.0.1', $master)];
    }

    $server->start;
}


sub pause_one {
    my ($self, $n) = @_;

    $self->resume;

    my @servers = grep { !$self->{killed} || $_ != $self->{killed} }
                  $self->masters or return;

    $self->{paused} = $servers[$n % @servers]->pause;
}


sub resume {
    my ($self) = @_;
    my $server = delete $self->{paused} or return;

    $server->resume;
}


sub failover {
    my ($self) = @_;

    $self->resume;
    $self->start_killed;
    $self->settle;
    eval {
        $self->{pair}->sentinel(0)->cmd('SENTINEL', 'FAILOVER', 'mymaster');
    };
}


# one master, its replica attached
sub settle {
    my ($self) = @_;

    return soma_wait($UP_SECONDS, sub {
        my @role = map { eval { $_->cmd('ROLE') } || ['none'] }
                   @{ $self->{server} };

        grep({ $_->[0] eq 'master' } @role) == 1
            && grep({ $_->[0] eq 'slave' && $_->[3] eq 'connected' } @role)
               == @role - 1
    });
}


# some slots with keys in them go to another master, key by key, while they
# are in use
sub reshard {
    my ($self, $n) = @_;

    $self->resume;
    $self->start_killed;

    # a master that has just come back is not yet one for all others

    $self->{cluster}->settled($MASTERS);

    my $from = $n % $MASTERS;
    my $to = ($from + 1) % $MASTERS;
    my @slots = $self->used_slots($self->{server}[$from]);

    for my $slot (grep { defined } @slots[0, 1]) {
        $self->{cluster}->move($slot, $from, $to);
    }
}


sub used_slots {
    my ($self, $server) = @_;
    my %slot;

    for my $key (@{ $server->cmd('KEYS', '*') }) {
        $slot{ $server->cmd('CLUSTER', 'KEYSLOT', $key) } = 1;
    }

    return sort { $a <=> $b } keys %slot;
}


sub heal {
    my ($self) = @_;

    $self->resume;
    $self->start_killed;
    $self->settle if $self->{pair};
    $self->{cluster}->settled($MASTERS) if $self->{cluster};
}


sub close {
    my ($self) = @_;

    $self->resume;
    $_->finish for @{ $self->{server} },
                   $self->{pair} ? $self->{pair}->sentinel(0) : ();
}


1;
