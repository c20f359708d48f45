#!/usr/bin/env perl

# The books balance: what clients received and what stands in Redis are the
# same, to the token and the nano-dollar, while Redis is killed, loses what
# it had, workers are killed and the configuration is reloaded, under load.
#
# A client counts an answer when it has all of it.  Each of these must have
# exactly one record with the same counts; a record without such an answer
# may only belong to a request that its client saw fail.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(sleep time);


my $CLIENTS = 3;
my $USAGE = '"usage":{"prompt_tokens":11,"completion_tokens":7,'
            . '"total_tokens":18}';

plan skip_all => 'load, and timing' if soma_slow();


# the provider: a server of its own that outlives every worker of the gateway

my $event = '{"id":"c","object":"chat.completion.chunk","choices":'
            . '[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}';
my $stream = "data: $event\n\n" x 20
             . "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
             . "\"finish_reason\":\"stop\"}]}\n\n"
             . "data: {\"id\":\"c\",\"choices\":[],$USAGE}\n\n"
             . "data: [DONE]\n\n";
my $plain = "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":"
            . "[{\"index\":0,\"message\":{\"role\":\"assistant\","
            . "\"content\":\"hello\"},\"finish_reason\":\"stop\"}],$USAGE}";

my $provider = soma_nginx(name => 'provider', log_level => 'error',
    server => <<"END");
    location /plain/  { default_type application/json; return 200 '$plain'; }
    location /stream/ { default_type text/event-stream; return 200 '$stream'; }
END

my $redis = soma_redis(args => ['--appendonly', 'no', '--save', '']);
my $ledger = soma_dir('ledger');
my $hash = soma_sha256('sk-books');

my $nginx = soma_nginx(workers => 2, log_level => 'notice', http => <<"END",
    soma_zone   16m;
    soma_redis  @{[ $redis->url ]} timeout=200ms;
    soma_ledger $ledger segment=256k keep=10m;
    soma_provider plain  { dialect openai;
        endpoint http://127.0.0.1:@{[ $provider->port ]}/plain; }
    soma_provider stream { dialect openai;
        endpoint http://127.0.0.1:@{[ $provider->port ]}/stream; }
    soma_provider local  { dialect echo; }
    soma_model plain  provider=plain  input=0.15 output=0.60;
    soma_model stream provider=stream input=0.15 output=0.60;
    soma_model echo   provider=local  input=0.15 output=0.60;
    soma_tenant books { limit requests 1000000/minute; limit cost 1000/day;
                        limit concurrency 1000; }
    soma_key sha256:$hash tenant=books user=load;
END
    server => 'location /v1/ { soma_pass; }');


sub ask {
    my ($n) = @_;
    my $model = qw(plain stream echo echo)[$n % 4];
    my $stream = $n % 4 == 1 || $n % 4 == 3;
    my $body = "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\","
               . "\"content\":\"How are you, number $n?\"}]"
               . ($stream ? ',"stream":true,'
                            . '"stream_options":{"include_usage":true}' : '')
               . '}';

    my $res = $nginx->post('/v1/chat/completions', $body,
                           Authorization => 'Bearer sk-books');
    my $id = $res->{headers}{'x-request-id'} // '-';

    return "FAIL $id $res->{status}"
        unless $res->{status} == 200 && $res->{complete}
               && (!$stream || $res->{body} =~ /data: \[DONE\]\n\n\z/);

    my ($in, $out) = $res->{body} =~ /"prompt_tokens":\s*(\d+).*?
                                      "completion_tokens":\s*(\d+)/xs
        or return "FAIL $id no usage";

    # 0.15 and 0.60 USD a million are 150 and 600 nano-USD a token
    return sprintf 'OK %s %d %d %d', $id, $in, $out, 150 * $in + 600 * $out;
}


# children that ask until they are told to stop; they write down what came

sub start_load {
    my ($dir) = @_;
    my @pids;

    for my $client (1 .. $CLIENTS) {
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            my $n = $client * 1_000_000;

            open my $fh, '>', "$dir/$client" or POSIX::_exit(1);
            $fh->autoflush(1);

            until (-e "$dir/stop") {
                my $line = eval { ask($n++) } // 'FAIL - died';
                print $fh "$line\n";
            }

            POSIX::_exit(0);
        }

        push @pids, $pid;
    }

    return @pids;
}


sub stop_load {
    my ($dir, @pids) = @_;
    my (%got, $fails);

    open my $fh, '>', "$dir/stop" or die "stop: $!\n";
    waitpid $_, 0 for @pids;

    $fails = 0;

    for my $client (1 .. $CLIENTS) {
        open my $in, '<', "$dir/$client" or die "$client: $!\n";

        while (my $line = <$in>) {
            if ($line =~ /^OK (\S+) (\d+) (\d+) (\d+)/) {
                $got{$1} = "$2 $3 $4";
            } else {
                $fails++;
                diag($line) if $fails <= 3;
            }
        }
    }

    return (\%got, $fails);
}


# waits until Redis has a record of each answer, then compares

sub balance {
    my ($name, $got, $fails) = @_;
    my (%booked, $doubled);

    my $shipped = soma_wait(20, sub {
        ($redis->cmd('XLEN', 'soma:{books}:events') // 0) >= keys %$got
    });

    ok($shipped, "$name: all is shipped")
        or diag(scalar(keys %$got) . ' answers, '
                . $redis->cmd('XLEN', 'soma:{books}:events') . ' records');
    sleep 0.5;

    $doubled = 0;
    my %sum = (requests => 0, cost_nano => 0, input_tokens => 0,
               output_tokens => 0);

    for my $entry (@{ $redis->cmd('XRANGE', 'soma:{books}:events', '-', '+') })
    {
        my %field = @{ $entry->[1] };
        my $r = { $field{usage} =~ /"(id|input_tokens|output_tokens|cost_nano)
                                    ":\s*"?([^",]+)/gx };

        $doubled++ if $booked{$r->{id}};
        $booked{$r->{id}} = "$r->{input_tokens} $r->{output_tokens} "
                            . $r->{cost_nano};
        $sum{requests}++;
        $sum{$_} += $r->{$_} for qw(cost_nano input_tokens output_tokens);
    }

    my @lost = grep { !$booked{$_} } keys %$got;
    my @wrong = grep { $booked{$_} && $booked{$_} ne $got->{$_} } keys %$got;
    my $more = grep { !$got->{$_} } keys %booked;

    is(@lost, 0, "$name: no answer without a record");
    is(@wrong, 0, "$name: every record counts what its client counted")
        or diag("$wrong[0]: client $got->{$wrong[0]}, "
                . "booked $booked{$wrong[0]}");
    is($doubled, 0, "$name: no record twice");
    cmp_ok($more, '<=', $fails,
           "$name: records without an answer are of requests that failed");

    # the aggregates say the same as the stream of records

    my %total;

    for my $key (@{ $redis->cmd('KEYS', 'soma:{books}:usage:*') }) {
        next if $key =~ /T\d\d$/;
        my $h = $redis->hash($key);

        for my $field (keys %$h) {
            my ($what) = $field =~ m{/([^/]+)$};
            $total{$what} += $h->{$field};
        }
    }

    is($total{$_} // 0, $sum{$_}, "$name: the aggregate of $_")
        for qw(requests cost_nano input_tokens output_tokens);

    note("$name: " . keys(%$got) . " answers, $fails failed, $more records "
         . "without an answer");
}


sub round {
    my ($name, $may_fail, $trouble) = @_;
    my $dir = soma_dir("load_$name");
    my @pids = start_load($dir);

    $redis->cmd('FLUSHALL');
    sleep 0.5;
    $trouble->();
    sleep 0.5;

    my ($got, $fails) = stop_load($dir, @pids);

    cmp_ok(scalar(keys %$got), '>', 50, "$name: there was load");
    is($fails, 0, "$name: no request was lost") unless $may_fail;

    return ($name, $got, $fails);
}


# each round keeps the answers of those before it: the segments are kept too,
# and a Redis that comes back empty gets them all again

my (%all, $failed);

sub run_round {
    my ($name, $got, $fails) = round(@_);

    %all = (%all, %$got);
    $failed += $fails;
    balance($name, \%all, $failed);
}


$failed = 0;

run_round('quiet', 0, sub { sleep 0.5 });

run_round('redis killed and back empty', 0, sub {
    $redis->kill;
    sleep 1;
    $redis->start;
});

run_round('redis hangs', 0, sub {
    $redis->pause;
    sleep 1;
    $redis->resume;
});

run_round('redis flushed', 0, sub { $redis->cmd('FLUSHALL') });

run_round('reloads', 0, sub {
    for (1 .. 3) { $nginx->reload; sleep 0.3 }
});

run_round('workers killed', 1, sub {
    for (1 .. 4) { $nginx->kill_worker; sleep 0.3 }
});

run_round('everything', 1, sub {
    $redis->kill;
    $nginx->kill_worker;
    $nginx->reload;
    sleep 0.5;
    $redis->start;
    $nginx->kill_worker;
});

unlike($nginx->error_log, qr/\[alert\](?!.*exited on signal 9)/,
       'no alert but of the killed workers');

done_testing();
