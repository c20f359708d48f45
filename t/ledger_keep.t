# What stays on the disk, and for how long; files that cannot be read.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $BODY = '{"model":"echo","messages":[{"role":"user","content":"one two"}]}';

my $redis = soma_redis();
my $dir = soma_dir('ledger');
my $nginx;


sub gateway {
    my ($ledger, $with_redis) = @_;

    $nginx->stop if $nginx;
    $nginx = soma_nginx(workers => 1,
        http => "soma_zone 8m;
            soma_ledger $ledger;
            soma_provider local { dialect echo; }
            soma_model echo provider=local input=0.15 output=0.60;
            soma_tenant acme { }
            soma_key sha256:" . soma_sha256('sk') . ' tenant=acme user=a;'
            . ($with_redis ? 'soma_redis ' . $redis->url . ';' : ''),
        server => 'location /v1/ { soma_pass; }');
}


sub ask {
    return scalar grep {
        $nginx->post('/v1/chat/completions', $BODY,
            Authorization => 'Bearer sk')->{status} == 200
    } 1 .. $_[0];
}


sub files { return glob("$dir/*.$_[0]") }

sub events { return eval { $redis->cmd('XLEN', 'soma:{acme}:events') } // 0 }


# with Redis: files go a while after Redis has what is in them

gateway("$dir segment=256k keep=1s", 1);
is(ask(10), 10, 'ten requests');
ok(soma_wait(5, sub { events() == 10 }), 'shipped');
is($redis->cmd('HLEN', 'soma:{acme}:applied'), 1, 'one writer');

my ($old) = map { m{/([0-9a-f]{16})\.lock$} } files('lock');

$nginx->reload;
is(ask(5), 5, 'five more after a reload');
ok(soma_wait(15, sub { !@{[ glob("$dir/$old*") ]} }),
    'files of the old worker are removed, its lock last');
ok(soma_wait(5, sub { events() == 15 }), 'every record once');
is($redis->cmd('HGET', 'soma:{acme}:applied', $old), undef,
    'and its field in Redis');

# without a worker's word about its end

($old) = map { m{/([0-9a-f]{16})\.lock$} } files('lock');
is(ask(5), 5, 'requests');
$nginx->kill_worker('KILL');
ok(soma_wait(15, sub { !@{[ glob("$dir/$old*") ]} }),
    'the same for a worker that was killed');
ok(soma_wait(5, sub { events() == 20 }), 'every record once');

$nginx->quit;

# a damaged file, one that is none, one that was never used

my $dead = '00112233445566aa';

for my $file ([1, 'x' x 70000], [2, "\0" x 70000], [3, 'short'], [4, '']) {
    open my $fh, '>', sprintf "%s/%s-%08d.soma", $dir, $dead, $file->[0]
        or die $!;
    print $fh $file->[1];
}

open my $other, '>', "$dir/notes.txt" or die $!;
close $other;

$nginx->start;
ok(soma_wait(10, sub { @{[ files('bad') ]} == 3 }),
    'files that cannot be read are put aside');
ok(!-e "$dir/$dead-00000002.soma", 'one of zeros is removed');
ok(-e "$dir/notes.txt", 'what is not ours stays');
like($nginx->error_log, qr/$dead-00000001\.soma" cannot be read: \w/,
    'the log tells why');
is(ask(3), 3, 'nothing else is disturbed');
ok(soma_wait(5, sub { events() == 23 }), 'and records are shipped');

unlink files('bad'), "$dir/notes.txt";

# without Redis the journal is the only book

gateway("$dir segment=256k");
is(ask(4), 4, 'without Redis');
$nginx->quit;
my @kept = files('soma');
ok(@kept >= 1, 'records are kept');
$nginx->start;
select undef, undef, undef, 2;
is(scalar(grep { -e } @kept), scalar @kept, 'whatever happens');

# until there is one again

gateway("$dir segment=256k", 1);
ok(soma_wait(10, sub { events() == 27 }),
    'with Redis again, they are shipped');

# directories

chmod 0700, $dir;
open $other, '>', "$dir/of-others" or die $!;
chown 1, 1, $dir, "$dir/of-others";

SKIP: {
    skip 'workers run as root here', 1
        if `ps -o uid= -p @{[ ($nginx->workers)[0] ]}` == 0;

    like(($nginx->test)[0], qr/is not empty, while workers run as/,
        'what others keep in a directory is not taken from them');
}

chown 0, 0, $dir;
$nginx->stop;

done_testing();
