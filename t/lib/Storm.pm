package Storm;

# Many requests at once over several nodes, and the four amounts of a limit
# that they have to share:
#
#     storm([$node, ...], 'sk-key', COUNT, 'cost')
#       COUNT requests, none of which waits for another; what each is for is
#       below.  Returns {status => how many, cost => nano-USD, tokens => sum}
#     storm_conf(PORT)    providers and models of it; PORT is the upstream's
#     storm_upstream(N)   on which requests of "concurrency" stay for a while,
#                         or until N of them were there
#     storm_most()        how many of them were there at once, since the last
#                         question
#
# What a request uses is what is reserved for it, or all but: a limit that is
# left unspent was not withheld for what came back later.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;
use POSIX ();
use Soma;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(storm storm_conf storm_upstream storm_most);

our $TOKENS = 1000;     # that a request of "tokens" has to reserve
our $COST = 2_000_000;  # nano-USD of one of the others

my $CHILDREN = 10;
my $STAY = 0.02;
my $TOGETHER = 10;      # seconds, for the others to come
my $ANSWER = '{"id":"x","object":"chat.completion","choices":[],'
             . '"usage":{"prompt_tokens":0,"completion_tokens":1,'
             . '"total_tokens":1}}';

my $chat = '/v1/chat/completions';
my %body = (
    chat => { max_tokens => 1, messages => [
                  { role => 'user', content => 'word word word word' } ] },
    tokens => { max_tokens => 1, prompt => [(1) x ($TOKENS - 1)] },
);

my %what = (
    cost => ['m', $chat, $body{chat}],
    requests => ['m', $chat, $body{chat}],
    tokens => ['m', '/v1/completions', $body{tokens}],
    concurrency => ['c', $chat, $body{chat}],
    provider => ['l', $chat, $body{chat}],
);


sub storm_conf {
    my ($port) = @_;
    my $output = $COST / 1000;      # USD of a million tokens

    return "soma_provider e { dialect echo; }
            soma_model m provider=e input=0 output=$output;
            soma_provider p { dialect openai; api_key x;
                              endpoint http://127.0.0.1:$port/v1; }
            soma_model c provider=p input=0 output=0;\n";
}


sub storm_upstream {
    my ($others) = @_;

    return soma_upstream(responses => [sub {
        mark('+');
        $others ? together($others) : sleep $STAY;
        mark('-');
        return soma_response(200, $ANSWER);
    }]);
}


sub together {
    my ($others) = @_;
    my $until = time + $TOGETHER;

    while ((-s "$Soma::DIR/trace") < $others && time < $until) {
        sleep 0.1;
    }
}


# in flight at the provider, in the order of what happened
sub mark {
    open my $fh, '>>', "$Soma::DIR/trace" or die;
    syswrite $fh, $_[0];
}


sub storm_most {
    my ($most, $flying) = (0, 0);

    for (split //, Soma::slurp("$Soma::DIR/trace")) {
        $flying += $_ eq '+' ? 1 : -1;
        $most = $flying if $flying > $most;
    }

    unlink "$Soma::DIR/trace";

    return $most;
}


sub storm {
    my ($nodes, $key, $count, $what) = @_;
    my ($model, $uri, $body) = @{ $what{$what} };
    my $json = soma_to_json({ %$body, model => $model });
    my (@pipes, @pids, %sum);

    my $request = "POST $uri HTTP/1.1\r\nHost: x\r\n"
                  . "Authorization: Bearer $key\r\n"
                  . "Content-Type: application/json\r\n"
                  . "Connection: close\r\nContent-Length: " . length($json)
                  . "\r\n\r\n$json";

    for my $child (1 .. $CHILDREN) {
        pipe my $r, my $w or die;
        my $pid = fork // die;

        if ($pid == 0) {
            syswrite $w, soma_to_json(child($nodes, $request,
                                            $count / $CHILDREN));
            POSIX::_exit(0);
        }

        close $w;
        push @pipes, $r;
        push @pids, $pid;
    }

    for my $r (@pipes) {
        my $c = soma_json(do { local $/; <$r> } || '{}');

        $sum{$_} += $c->{$_} for keys %$c;
    }

    waitpid $_, 0 for @pids;

    return \%sum;
}


sub child {
    my ($nodes, $request, $count) = @_;
    my (@s, %c);

    for my $i (1 .. $count) {
        my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $nodes->[$i % @$nodes]->port) or POSIX::_exit(1);

        print $s $request;
        push @s, $s;
    }

    for my $s (@s) {
        my $text = do { local $/; <$s> } // '';

        $c{$text =~ m{^HTTP/1.1 (\d+)} ? $1 : 0}++;
        $c{cost} += sprintf '%.0f', 1e9 * $1
            if $text =~ /^x-soma-cost: (\S+)/mi;
        $c{tokens} += $1 if $text =~ /"total_tokens":\s*(\d+)/;
    }

    return \%c;
}


1;
