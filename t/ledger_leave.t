# A worker that ends with more records than it can ship in the time that an
# exit waits for them: the next one ships the rest.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Nodes;
use Test::More;

plan skip_all => 'a delay' if $ENV{SOMA_VALGRIND};

my $RECORDS = 800;          # a batch has 256 of them

my $redis = soma_redis();
my $proxy = soma_redis_proxy($redis);
my $ledger = soma_dir('ledger');

$proxy->rule(refuse => 1);

my $n = soma_nginx(log_level => 'info', http => 'soma_zone 8m;
        soma_redis ' . $proxy->url . " timeout=20s;
        soma_ledger $ledger; soma_training_lock off;
        soma_provider local { dialect echo; }
        soma_model echo provider=local input=1 output=1;
        soma_tenant acme { }
        soma_key sha256:" . soma_sha256('k') . ' tenant=acme user=u
            capabilities=admin;',
    server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }');

sub shipped { $redis->cmd('XLEN', 'soma:{acme}:events') }
sub health { soma_json($n->get('/soma/health', 'x-api-key' => 'k')->{body}) }

is(soma_echoes($n->port, 'k', $RECORDS), $RECORDS, 'requests');
ok(soma_wait(20, sub { health()->{ledger}{pending} == $RECORDS }),
   'records that wait for Redis');

$proxy->rule(match => 'EVAL', delay => 2.5);
ok(soma_wait(20, sub { health()->{redis}{up} }), 'it is back, and slow');

ok($n->quit, 'the worker ends');
like($n->error_log, qr/soma ledger: leaves \d+ records/, 'with some left');
cmp_ok(shipped(), '<', $RECORDS, 'which it does not ship');

$proxy->rule;
$n->start;
ok(soma_wait(20, sub { shipped() >= $RECORDS }), 'the next one does');
ok($n->quit, 'the end');
is(shipped(), $RECORDS, 'each is there once');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();
