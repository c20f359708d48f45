# A full disk: records wait in memory, and nothing else stops.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one two"}]}';

my $redis = soma_redis();
my $dir = soma_dir('ledger');

plan skip_all => 'a file system of its own needs root'
    if system("mount -t tmpfs -o size=600k,mode=0755 none $dir 2>/dev/null");

END { local $?; system("umount -l $dir 2>/dev/null") if $dir }

my $nginx = soma_nginx(workers => 1,
    http => 'soma_zone 8m;
        soma_redis ' . $redis->url . " timeout=500ms;
        soma_ledger $dir segment=256k;
        soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_tenant acme { }
        soma_key sha256:" . soma_sha256('sk') . ' tenant=acme user=alice;',
    server => 'location /v1/ { soma_pass; }
        location = /metrics { soma_metrics; }');

my ($asked, $failed) = (0, 0);


sub ask {
    for (1 .. $_[0]) {
        $asked++;
        $failed++ if $nginx->post('/v1/chat/completions', $BODY,
            Authorization => 'Bearer sk')->{status} != 200;
    }
}


sub metric {
    my ($name) = @_;
    return $nginx->get('/metrics')->{body} =~ /^$name(?:\{.*?\})? (\d+)/m
        ? $1 : undef;
}


$redis->stop;

my $full = qr/there is no room for the journal on the disk/;

for (1 .. 50) {
    ask(100);
    last if $nginx->error_log =~ $full;
}

like($nginx->error_log, $full, 'the log tells of the full disk');
ask(100);
is($failed, 0, 'requests are answered all the same');

is(system("mount -o remount,size=8m $dir"), 0, 'there is room again');
ok(soma_wait(5, sub { $nginx->error_log =~ /the journal is written again/ }),
    'what waited is written');

$redis->start;
ok(soma_wait(10, sub {
    (eval { $redis->cmd('XLEN', 'soma:{acme}:events') } // 0) >= $asked
}), 'and shipped');
is($redis->cmd('XLEN', 'soma:{acme}:events'), $asked, 'every record once');
is(metric('soma_journal_dropped_total'), 0, 'none was lost');

my @events = map { my %e = @{ $_->[1] }; $e{id} }
    @{ $redis->cmd('XRANGE', 'soma:{acme}:events', '-', '+') };
my %seen = map { $_ => 1 } @events;
is(scalar keys %seen, $asked, 'each with an id of its own');

$nginx->stop;

done_testing();
