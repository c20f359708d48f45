# Small limits over two nodes: the first one, alone until now, leaves something
# for one that comes, which has it at once.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $redis = soma_redis();
my $up = soma_upstream(responses => [sub {
    sleep 1;
    return soma_response(200, '{"id":"x","object":"chat.completion",'
        . '"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":1,'
        . '"total_tokens":1}}');
}]);

my %tenant = (few => 'limit concurrency 4;', slow => 'limit requests 10/hour;');
my $keys = join '', map {
    "soma_tenant $_ { $tenant{$_} }\n"
    . 'soma_key sha256:' . soma_sha256("sk-$_") . " tenant=$_;\n"
} sort keys %tenant;

sub node {
    my ($name) = @_;
    my $node = soma_nginx(name => $name, http => "
        soma_zone 4m;
        soma_redis $ENV{TEST_NGINX_REDIS} timeout=5s;
        soma_limit_wait 0;
        soma_provider p { dialect openai; api_key x;
                          endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
        soma_provider l { dialect echo; }
        soma_model c provider=p input=0 output=0;
        soma_model l provider=l input=0 output=0;
        $keys", server => 'location /v1/ { soma_pass; }');

    soma_hears(10, $node) or die "$name has no connection to Redis";

    return $node;
}

my @n = map { node("n$_") } 1, 2;


# requests at the same moment, and how many of them were let in
sub ask {
    my ($node, $key, $model, $count) = @_;
    my $body = soma_to_json({ model => $model, max_tokens => 1, messages => [
        { role => 'user', content => 'x' }] });
    my @pipes;

    for (1 .. $count) {
        pipe my $r, my $w or die "$!";
        my $pid = fork // die "$!";

        if ($pid == 0) {
            my $status = $node->post('/v1/chat/completions', $body,
                                     Authorization => "Bearer sk-$key",
                                     'Content-Type' => 'application/json')
                              ->{status};

            syswrite $w, $status;
            POSIX::_exit(0);
        }

        push @pipes, [$pid, $r];
    }

    return \@pipes;
}

sub passed {
    my ($pipes) = @_;
    my $n = 0;

    for (@$pipes) {
        my ($pid, $r) = @$_;

        $n += (readline $r) == 200;
        waitpid $pid, 0;
    }

    return $n;
}


# a steady request at the first node, for longer than its lease's first beats

for my $round (1 .. 4) {
    my $first = ask($n[0], 'few', 'c', 1);

    sleep 0.2;

    my $second = ask($n[1], 'few', 'c', $round == 1 || $round == 4 ? 2 : 0);

    is(passed($first), 1, "$round: the first node's");
    is(passed($second), scalar @$second,
       "$round: half of it is there for the second one at once");
}

is(passed(ask($n[0], 'slow', 'l', 1)), 1, 'a rate: one at the first node');
is(passed(ask($n[1], 'slow', 'l', 5)), 5, 'five at the second one');
is(passed(ask($n[0], 'slow', 'l', 4)), 4, 'and the rest at the first one');
is(passed(ask($_, 'slow', 'l', 1)), 0, 'not one more') for @n;

done_testing();
