# Requests that come in one turn of nginx's loop: they are run together and
# are each answered, refused, booked and let go as if alone.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaH2;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time sleep);

my $MANY = 90;      # more than a turn takes together

my $answer = soma_response(200, '{"choices":[],"usage":{"prompt_tokens":11,'
                                . '"completion_tokens":7}}');
my $up = soma_upstream(responses => [$answer]);
my $h2 = soma_port();
my $path = '/v1/chat/completions';

my $n = soma_nginx(http => <<"END", server => <<'END2' =~ s/%%H2%%/$h2/r);
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
    }
    soma_provider echo { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model e provider=echo input=1 output=1;
    soma_tenant acme { limit concurrency 100; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    log_format soma '\$status \$soma_error \$http_x_name';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
    location = /metrics { soma_metrics; }
    }
    server {
        listen 127.0.0.1:%%H2%% http2;
        location /v1/ { soma_pass; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub ask {
    my ($stream, $body) = @_;

    return h2_post($stream, $path, $body, authorization => 'Bearer sk-alice',
                   'x-name' => "s$stream");
}

# streams that ended, with what came of them
sub ends {
    my ($c, $count) = @_;
    my (%data, $ended);

    alarm(soma_slow() ? 60 : 20);

    while (($ended // 0) < $count
           && (my ($type, $flags, $id, $payload) = h2_read($c)))
    {
        $data{$id} .= $payload if $type == H2_DATA;
        $ended++ if ($type == H2_DATA || $type == H2_HEADERS)
                    && ($flags & H2_END);
    }

    alarm 0;

    return \%data;
}

sub logged { scalar(() = Soma::slurp($n->dir . '/logs/soma.log')
                         =~ /^$_[0]$/mg) }

sub idle {
    my ($text) = @_;

    ok(soma_wait(3, sub {
        $n->get('/metrics')->{body} =~ /^soma_requests_in_flight 0$/m
    }), "$text: nothing is left under way");
}

# many at once: of a provider, of our own, and refused

my $c = h2_connect($h2);
my %body = (0 => '{"model":"m"}', 1 => '{"model":"e","messages":[]}',
            2 => '{"model":');
my @streams = map { 2 * $_ + 1 } 0 .. $MANY - 1;

print $c join '', map { ask($_, $body{$_ % 3}) } @streams;

my $data = ends($c, $MANY);

is(scalar(keys %$data), $MANY, 'each of many has an answer');
is(scalar(grep { $_ % 3 == 0 && $data->{$_} =~ /"prompt_tokens":11/ }
               keys %$data), $MANY / 3, "a provider's");
is(scalar(grep { $_ % 3 == 1 && $data->{$_} =~ /"chat.completion"/ }
               keys %$data), $MANY / 3, 'our own');
is(scalar(grep { $_ % 3 == 2 && $data->{$_} =~ /invalid_json/ } keys %$data),
   $MANY / 3, 'a refusal');
is($up->count, $MANY / 3, 'each is sent once');
ok(soma_wait(3, sub { logged('200 \S* s\d+') == 2 * $MANY / 3 }),
   'each is logged once');
is(logged('400 invalid_json s\d+'), $MANY / 3, 'refusals too');
idle('many');

# one that is taken back in the turn in which it came is not sent at all

my $sent = $up->count;

print $c ask(201, $body{0}) . h2_reset(201) . ask(203, $body{0}) . h2_reset(203)
         . ask(205, $body{0});
like(ends($c, 1)->{205}, qr/"prompt_tokens":11/, 'the one that stays');
is($up->count, $sent + 1, 'what was taken back at once is not sent');
ok(soma_wait(3, sub { logged('499 \S+ s20[13]') == 2 }),
   'and logged as left');
idle('taken back');

# a connection that is gone before its requests have run

for my $round (1 .. 10) {
    my $gone = h2_connect($h2);

    print $gone join '', map { ask($_, $body{$_ % 3}) } @streams;
    setsockopt($gone, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
    close $gone;
}

idle('gone');
like($n->post($path, $body{0}, @alice)->{body}, qr/"prompt_tokens":11/,
     'the worker lives');
close $c;
unlike($n->error_log, qr/\[(?:alert|emerg|crit)\]/, 'no alert');

done_testing();
