package Spend;

# The storm: clients that pass budgets in every way there is (Ways.pm),
# against two nodes of one Redis, and a provider that keeps its own bill
# (Bill.pm).  For each way there are two tenants, one with a limit of cost and
# one of tokens, and one more pair for all ways mixed.
#
#     my $storm = Spend->new(seconds => 60, ways => [...], part => 1);
#                                     # part of a limit that each tenant has
#     $storm->play;
#     print $storm->table;            # a line a tenant
#     my @leaks = $storm->leaks;      # names of tenants beyond their limit

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

use Bill;
use Soma;
use Ways;

our $CLIENTS = 8;

my $COST = 20_000_000;          # nano-USD, of a tenant's day
my $PIECES = 200_000_000;       # the same, where pieces are paid
my $LEAST = 80_000_000;         # two images
my $TOKENS = 3_000;
my $MIXED = 10;                 # times, for the tenants of all ways
my $ANSWER = 20;                # seconds, for a client to have one
my $SETTLE = 150;               # seconds, for what is drained and shipped

my %UNITS = (cost => 'nano', tokens => 'tokens');


sub new {
    my ($class, %opt) = @_;
    my $self = bless { seconds => 60, part => 1, ways => [Ways::names()],
                       %opt }, $class;

    for my $way (@{ $self->{ways} }) {
        $self->add("$way-$_", $way, $_) for $self->kinds($way);
    }

    $self->add("mixed-$_", undef, $_) for qw(cost tokens);

    return $self;
}


# tokens do not limit what has none
sub kinds {
    my ($self, $way) = @_;

    return Ways::pieces($way) ? ('cost') : ('cost', 'tokens');
}


sub add {
    my ($self, $name, $way, $kind) = @_;
    my $limit = $kind eq 'tokens' ? $TOKENS
                : $way && Ways::pieces($way) ? $PIECES : $COST;

    $limit *= $self->{part};
    $limit = $LEAST if $way && Ways::pieces($way) && $limit < $LEAST;
    $limit *= $MIXED unless $way;
    $self->{tenant}{$name} = { way => $way, kind => $kind, limit => $limit };
}


sub play {
    my ($self) = @_;
    my $until = time + $self->{seconds};

    $self->{day} = POSIX::strftime('%F', gmtime);
    $self->{provider} = Bill->new;
    $self->{redis} = soma_redis();
    $self->{node} = [ map { $self->node($_) } 1, 2 ];
    $self->{dir} = soma_dir('clients');

    my @pids = map { $self->client($_, $until) } 1 .. $CLIENTS;

    waitpid $_, 0 for @pids;

    soma_wait($SETTLE, sub { sleep 0.2; $self->{provider}->idle });
    $self->read_books;
}


sub node {
    my ($self, $n) = @_;
    my $ledger = soma_dir("ledger$n");
    my $url = "http://127.0.0.1:$self->{provider}{port}";
    my $policy = '';

    for my $name (sort keys %{ $self->{tenant} }) {
        my $t = $self->{tenant}{$name};
        my $limit = $t->{kind} eq 'tokens' ? $t->{limit}
                    : sprintf '%.9f', $t->{limit} / 1e9;

        $policy .= 'soma_key sha256:' . soma_sha256("sk-$name")
                   . " tenant=$name user=u;\n"
                   . "soma_tenant $name { limit $t->{kind} $limit/day; }\n";
    }

    my ($input, $output) = ($Bill::INPUT / 1000, $Bill::OUTPUT / 1000);
    my $price = "input=$input output=$output context=$Bill::WINDOW "
                . "max_output=$Bill::LONGEST";

    return soma_nginx(name => "node$n", workers => 2, log_level => 'notice',
        server => 'location /v1/ { soma_pass; }', http => <<"END");
    access_log off;
    client_max_body_size 8m;
    soma_on_redis_down deny;
    soma_zone   16m;
    soma_redis  $ENV{TEST_NGINX_REDIS};
    soma_ledger $ledger segment=1m keep=10m;
    soma_prices $Soma::TOP/conf/prices.json;
    soma_provider old  { dialect openai; endpoint $url/old/v1; }
    soma_provider new  { dialect openai; endpoint $url/new/v1;
                         max_tokens_name max_completion_tokens; }
    soma_provider slow { dialect openai; endpoint $url/slow/v1;
                         timeout first_token=1s idle=1s; }
    soma_model old  provider=old  $price;
    soma_model new  provider=new  $price;
    soma_model slow provider=slow $price;
    soma_model unpriced  provider=old context=$Bill::WINDOW
               max_output=$Bill::LONGEST;
    soma_model dall-e-3  provider=old;
    soma_model tts-1     provider=old;
    soma_model whisper-1 provider=old;
    $policy
END
}


# clients

sub client {
    my ($self, $n, $until) = @_;
    my $pid = fork // die "fork: $!\n";

    return $pid if $pid;

    my %got;
    my @names = sort keys %{ $self->{tenant} };

    srand($$ ^ time);
    $SIG{PIPE} = 'IGNORE';

    while (time < $until) {
        my $name = rand() < 0.15 ? (qw(mixed-cost mixed-tokens))[rand 2]
                   : $names[rand @names];
        my @ways = @{ $self->{ways} };
        my $way = $self->{tenant}{$name}{way} // $ways[rand @ways];

        # what has no tokens is not limited by them
        next if $name eq 'mixed-tokens' && Ways::pieces($way);

        my $status = eval { $self->ask($name, $way) } // 'died';

        $got{"$name $status"}++;
    }

    open my $fh, '>', "$self->{dir}/$n" or POSIX::_exit(1);
    print $fh "$_ $got{$_}\n" for keys %got;
    close $fh;
    POSIX::_exit(0);
}


sub ask {
    my ($self, $name, $way) = @_;
    my $r = Ways::request($way, $name);
    my $body = $r->{body} // soma_to_json($r->{json});
    my @headers = @{ $r->{headers} // [] };
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $self->{node}[rand 2]->port) or return 'nobody';

    @headers = ('Content-Type' => 'application/json', @headers)
        unless grep { $_ eq 'Content-Type' } @headers;
    unshift @headers, Authorization => "Bearer sk-$name";

    my $head = "POST $r->{uri} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

    while (my ($field, $value) = splice @headers, 0, 2) {
        $head .= "$field: $value\r\n";
    }

    $s->autoflush(1);
    print $s $head, 'Content-Length: ', length $body, "\r\n\r\n", $body;

    return $self->read_answer($s, $r->{leave} // '');
}


sub read_answer {
    my ($self, $s, $leave) = @_;
    my $text = '';
    my $until = time + ($leave eq 'before' ? 0.08 : $ANSWER);

    while ((my $left = $until - time) > 0) {
        my $bits = '';

        vec($bits, fileno $s, 1) = 1;
        last if select($bits, undef, undef, $left) < 1;
        last unless sysread $s, $text, 65536, length $text;
        last if $leave eq 'middle' && $text =~ /\r\n\r\n.*data: /s;
    }

    close $s;

    return $text =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'left';
}


# what came of it

sub read_books {
    my ($self) = @_;
    my $bill = $self->{provider}->bill;
    my ($seen, $now) = ('', '');

    soma_wait($SETTLE, sub {
        $seen = $now;
        sleep 2.5;
        $now = join ' ', map { $self->book($_) }
                         sort keys %{ $self->{tenant} };
        $now eq $seen;
    });

    for my $name (keys %{ $self->{tenant} }) {
        my $t = $self->{tenant}{$name};

        @$t{qw(booked_nano booked_tokens)} = $self->book($name);
        @$t{qw(asked nano tokens)} = @{ $bill->{$name} // {} }
                                     {qw(asked nano tokens)};
        $t->{$_} //= 0 for qw(asked nano tokens);
    }

    $self->read_clients;
}


# nano-USD and tokens of a tenant's day
sub book {
    my ($self, $name) = @_;
    my ($nano, $tokens) = (0, 0);
    my $h = $self->{redis}->hash("soma:{$name}:usage:$self->{day}");

    for (keys %$h) {
        $nano += $h->{$_} if m{/cost_nano$};
        $tokens += $h->{$_} if m{/(?:input|output)_tokens$};
    }

    return ($nano, $tokens);
}


sub read_clients {
    my ($self) = @_;

    for my $n (1 .. $CLIENTS) {
        for (split /\n/, Soma::slurp("$self->{dir}/$n")) {
            my ($name, $status, $count) = split / /;

            $self->{tenant}{$name}{status}{$status} += $count;
        }
    }
}


# what the provider may bill beyond the limit, of docs/limits.md
sub tolerance {
    my ($self, $t) = @_;
    my $unit = $t->{kind} eq 'cost' ? $Bill::OUTPUT : 1;
    my $each = $t->{way} ? Ways::tolerance($t->{way}) : 0;

    $each = (sort { $b <=> $a } map { Ways::tolerance($_) }
             @{ $self->{ways} })[0] unless $t->{way};

    return $each * $unit * $t->{asked};
}


sub leaks {
    my ($self) = @_;

    return grep {
        my $t = $self->{tenant}{$_};

        $t->{$UNITS{$t->{kind}}} > $t->{limit} + $self->tolerance($t)
    } sort keys %{ $self->{tenant} };
}


# how many answers of a status there were
sub answers {
    my ($self, $status) = @_;
    my $sum = 0;

    $sum += $_->{status}{$status} // 0 for values %{ $self->{tenant} };

    return $sum;
}


sub table {
    my ($self) = @_;
    my %leak = map { $_ => 1 } $self->leaks;
    my $text = sprintf "%-26s %6s %12s %12s %12s  %s\n", 'way and limit',
                       'went', 'billed', 'booked', 'limit', 'answers';

    for my $name (sort keys %{ $self->{tenant} }) {
        my $t = $self->{tenant}{$name};
        my $unit = $UNITS{$t->{kind}};
        my $status = $t->{status} // {};

        $text .= sprintf "%-26s %6d %12d %12d %12d  %s%s\n", $name,
            $t->{asked}, $t->{$unit}, $t->{"booked_$unit"}, $t->{limit},
            join(' ', map { "$_:$status->{$_}" } sort keys %$status),
            $leak{$name} ? '  LEAK' : '';
    }

    return $text;
}


sub crashes {
    my ($self) = @_;

    return grep { /\[(?:alert|emerg)\]|core dumped|exited on signal/ }
           map { split /\n/, $_->error_log } @{ $self->{node} };
}


sub close {
    my ($self) = @_;

    $_->finish for @{ $self->{node} }, $self->{provider};
}


1;
