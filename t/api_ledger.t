# GET /soma/usage after a restart: without Redis from the journal, with it
# from the hashes that the journal was shipped to.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $dir = soma_dir('ledger');

sub gateway {
    my ($name, $workers, $ledger, $more) = @_;

    return soma_nginx(name => $name, workers => $workers, http => <<"EOC",
    soma_zone   16m;
    soma_ledger $ledger segment=256k;
    $more
    soma_provider local { dialect echo; }
    soma_model echo provider=local input=0.15 output=0.60;
    soma_tenant acme { }
    soma_key sha256:@{[ soma_sha256('k') ]} tenant=acme user=alice
             capabilities=usage;
EOC
                      server => <<'EOS');
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /readyz { soma_api; }
    location = /metrics { soma_metrics; }
EOS
}

sub ask {
    my ($nginx) = @_;
    my $res = $nginx->post('/v1/chat/completions',
                           '{"model":"echo","messages":'
                           . '[{"role":"user","content":"hello there"}]}',
                           Authorization => 'Bearer k');

    return soma_json($res->{body})->{usage};
}

sub usage {
    my ($nginx) = @_;

    return soma_json($nginx->get('/soma/usage',
                                 Authorization => 'Bearer k')->{body});
}


my $nginx = gateway('first', 2, $dir, '');
my ($n, $in, $out) = (soma_slow() ? 100 : 4000, 0, 0);

for (1 .. $n) {
    my $u = ask($nginx);

    $in += $u->{prompt_tokens};
    $out += $u->{completion_tokens};
}

my $before = usage($nginx);
is($before->{total}{requests}, $n, 'requests over several segments');
is($before->{total}{input_tokens}, $in, 'input tokens');
is($before->{total}{output_tokens}, $out, 'output tokens');
ok($nginx->quit, 'nginx ends');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

my $again = gateway('second', 2, $dir, '');
my $after;

ok(soma_wait(10, sub {
       $after = usage($again);
       return !$after->{note};
   }), 'another one has read the journal');
is($after->{source}, 'local', 'of this node');
is(soma_to_json($after->{rows}), soma_to_json($before->{rows}),
   'and remembers all, once');

ask($again);
is(usage($again)->{total}{requests}, $n + 1, 'it counts on');
ok($again->reload, 'a reload');
is(usage($again)->{total}{requests}, $n + 1, 'reads nothing twice');

my ($victim) = $again->workers;
kill KILL => $victim;
ok(soma_wait(10, sub { !grep { $_ == $victim } $again->workers }),
   'nor does a new worker for a killed one');
is(usage($again)->{total}{requests}, $n + 1, 'the sum is the same');
$again->quit;


# the same with Redis: nothing is read back, Redis has it

my $redis = soma_redis();
my $shipped = soma_dir('shipped');
my $with = 'soma_redis ' . $redis->url
           . (soma_slow() ? ' timeout=2s;' : ';');

$nginx = gateway('third', 1, $shipped, $with);

ok(soma_wait(10, sub {
       soma_json($nginx->get('/soma/health', Authorization => 'Bearer k')
                 ->{body})->{redis}{up};
   }), 'Redis is there');
ask($nginx) for 1 .. 20;

ok(soma_wait(10, sub {
       my $usage = usage($nginx);
       return $usage->{source} eq 'redis' && $usage->{total}{requests} == 20;
   }), 'usage is in Redis');

my $far = usage($nginx)->{rows};
ok($nginx->quit, 'nginx ends');

$nginx = gateway('fourth', 1, $shipped, $with);
ok(soma_wait(10, sub { usage($nginx)->{source} eq 'redis' }), 'another one');
is(soma_to_json(usage($nginx)->{rows}), soma_to_json($far),
   'tells the same, from Redis');

ask($nginx) for 1 .. 5;
ok(soma_wait(10, sub {
       my $m = $nginx->get('/metrics')->{body};
       return $m =~ /^soma_journal_appended_total 5$/m
              && $m =~ /^soma_journal_shipped_total 5$/m
              && $m =~ /^soma_journal_pending_records 0$/m;
   }), 'the journal\'s counters');
is(usage($nginx)->{total}{cost_nano},
   cost($far) * 25 / 20, 'its cost, whole');

# records that Redis refuses wait: an operator is to know, clients need not

$redis->cmd('DEL', 'soma:{acme}:applied');
$redis->cmd('SET', 'soma:{acme}:applied', 'no hash');
ask($nginx);

my $health;

ok(soma_wait(10, sub {
       $health = soma_json($nginx->get('/soma/health',
                                       Authorization => 'Bearer k')->{body});
       return $health->{ledger}{error};
   }), 'health knows that records are refused');
like($health->{ledger}{error}, qr/refuses records of tenant "acme"/,
     'whose and why');
is($health->{status}, 'degraded', 'and is degraded');
is($nginx->get('/readyz')->{status}, 200, 'but requests are served');
$redis->cmd('DEL', 'soma:{acme}:applied');

ok($nginx->quit, 'the end');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();


sub cost {
    my ($rows) = @_;
    my $cost = 0;

    $cost += $_->{cost_nano} for @$rows;

    return $cost;
}
