# The journal's faults: damaged files at start, two generations of workers,
# clocks that are set.  A full disk is in ledger_disk.t, killed workers in
# ledger.t and ledger_exit.t.  What is expected here is written down in
# docs/reliability.md.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $LEDGER = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                  : "$Soma::BUILD/soma-ledger";
my $USAGE = '{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,'
            . '"total_tokens":4}}';
my $DAY = 86400;

my $redis = soma_redis();
my $dir = soma_dir('ledger');
my $up = soma_upstream(responses => [
    { raw => soma_sse('{"choices":[{"index":0,"delta":{"content":"hi"}}]}',
                      $USAGE, '[DONE]'), piece => 160, delay => 1.5 }
]);

my $nginx = soma_nginx(workers => 1, main => 'worker_shutdown_timeout 30s;',
    http => 'soma_zone 8m;
        soma_redis ' . $redis->url . " timeout=500ms;
        soma_ledger $dir segment=256k keep=1h;
        soma_provider local { dialect echo; }
        soma_provider slow { dialect openai;
            endpoint http://127.0.0.1:" . $up->port . '/v1; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_model slow provider=slow input=0.15 output=0.60;
        soma_tenant acme { }
        soma_key sha256:' . soma_sha256('sk') . ' tenant=acme user=alice;',
    server => 'location /v1/ { soma_pass; }');


sub ask {
    return scalar grep {
        $nginx->post('/v1/chat/completions',
            '{"model":"echo","messages":[{"role":"user","content":"one"}]}',
            Authorization => 'Bearer sk')->{status} == 200
    } 1 .. $_[0];
}


sub events { return eval { $redis->cmd('XLEN', 'soma:{acme}:events') } // 0 }

sub shipped {
    my ($n) = @_;
    return soma_wait(30, sub { events() == $n });
}


sub ledger {
    my $command = join ' ', map { quotemeta } $LEDGER, @_;
    my $out = `$command 2>&1`;

    return ($? >> 8, $out);
}


sub balanced {
    my ($name) = @_;
    my ($status, $out) = ledger('reconcile', $dir, '--redis', $redis->url,
                                '--wait=30');

    is($status, 0, "$name: the books balance") or diag($out);
}


sub write_file {
    my ($path, $bytes) = @_;

    open my $fh, '>:raw', $path or die "$path: $!\n";
    print $fh $bytes;
    close $fh;
}


# offsets of the records of a segment, and of its end
sub offsets {
    my ($bytes) = @_;
    my @at = (128);

    while (my $len = unpack 'V', substr $bytes, $at[-1], 4) {
        my $size = 16 + $len;
        push @at, $at[-1] + $size + -$size % 8;
    }

    return @at;
}


# ten records that Redis has not seen, of a killed gateway
sub orphan {
    $nginx->stop;
    unlink glob "$dir/*";
    $nginx->start;
    $redis->stop;
    is(ask(10), 10, 'requests while Redis is away');
    $nginx->kill;
    $redis->start;

    my ($file) = grep { Soma::slurp($_) =~ /\A[^\0]/ } glob("$dir/*.soma");

    return ($file, Soma::slurp($file));
}


# a damaged segment at start: what is before the damage counts

for my $case (['a flipped byte', sub { substr $_[0], $_[4] + 60, 1, "\xee" },
               4, qr/bytes behind its last whole record, number 4/],
              ['a length of nonsense',
               sub { substr $_[0], $_[4], 4, "\xff\xff\xff\x7f" },
               4, qr/bytes behind its last whole record, number 4/],
              ['a file that was cut', sub { $_[0] = substr $_[0], 0, $_[7] + 9 },
               7, qr/bytes behind its last whole record, number 7/],
              ['a damaged header', sub { substr $_[0], 33, 1, "\x01" },
               0, qr/cannot be read: the header of the segment is damaged; it/])
{
    my ($name, $change, $left, $log) = @$case;
    my ($file, $bytes) = orphan();
    my @at = offsets($bytes);

    is(@at - 1, 10, "$name: ten records before");

    # the first argument is the bytes, the n-th from there the n-th record
    $change->($bytes, @at[1 .. $#at]);
    write_file($file, $bytes);
    is((ledger('verify', $dir))[0], 1, "$name: soma-ledger sees it");

    $nginx->start;
    ok(soma_wait(30, sub { $nginx->error_log =~ $log }), "$name: the log tells");
    is(ask(3), 3, "$name: the gateway serves");
    ok(shipped($left + 3), "$name: what is before it is shipped, once")
        or diag(events());
    balanced($name);

    if ($left == 0) {
        ok(-e "$file.bad", "$name: the file is kept aside");

    } else {
        ok(index($nginx->error_log, "\"$file\" is damaged behind record "
                                    . "$left: it is kept as "
                                    . "\"$file.damaged\"") > 0,
           "$name: the log tells where it is kept");
        is((stat "$file.damaged")[7], length $bytes, "$name: all of it");
        unlink $file;
        ok(-e "$file.damaged", "$name: and longer than itself");
    }
}

# so many are kept; an append that was cut off is no damage

my ($full, $whole) = orphan();
my @end = offsets($whole);

write_file("$full.$_.damaged", '') for 1 .. 64;
substr $whole, $end[4] + 60, 1, "\xee";
write_file($full, $whole);
$nginx->start;
ok(soma_wait(30, sub {
       $nginx->error_log =~ /"\Q$full\E" is damaged and not put aside/
   }), 'too many are kept');
ok(!-e "$full.damaged", 'one more is not');

($full, $whole) = orphan();
@end = offsets($whole);
substr $whole, $end[-1], 40, pack 'VVQ<a24', 0, 1, 11, 'half a record';
write_file($full, $whole);
$nginx->start;
ok(shipped(10), 'a record that was cut off') or diag(events());
ok(!-e "$full.damaged", 'is no damage');
balanced('a record that was cut off');

# two generations of workers: both write, each its own files

$nginx->stop;
unlink glob "$dir/*";
$redis->cmd('FLUSHALL');
$nginx->start;
is(ask(5), 5, 'the first generation');

my $stream = $nginx->open('POST', '/v1/chat/completions',
    '{"model":"slow","stream":true,"messages":[{"role":"user",'
    . '"content":"x"}]}', Authorization => 'Bearer sk');

is($stream->{status}, 200, 'a stream begins');
$nginx->reload;
is(ask(5), 5, 'the second generation serves');
like($stream->rest, qr/\[DONE\]\n\n\z/, 'while the stream of the first ends');
$nginx->reload;
is(ask(5), 5, 'the third one');
ok(shipped(16), 'every record of all of them once') or diag(events());
balanced('generations');
is((ledger('verify', $dir))[0], 0, 'the journals are whole');

# clocks that are set: only how long files stay depends on them

$nginx->quit;

# now their last files are adopted, and noted as shipped whole
$nginx->start;
ok(soma_wait(30, sub {
    !grep { Soma::slurp($_) =~ /\A.{56}(?!\xff{8})/s } grep {
        Soma::slurp($_) =~ /\ASOMAJRN1.{56}\x01/s
    } glob("$dir/*.soma")
}), 'all of it is noted as shipped');
$nginx->quit;

my @kept = grep { Soma::slurp($_) =~ /\A.{56}\xff{8}/s } glob("$dir/*.soma");

cmp_ok(scalar @kept, '>', 0, 'files are kept');
utime time + $DAY, time + $DAY, @kept;
$nginx->start;
is(ask(2), 2, 'the clock was set back by a day');
ok(shipped(18), 'records are shipped');
ok(soma_wait(30, sub { $nginx->error_log =~ /takes over writer/ }),
    'the files are adopted');
select undef, undef, undef, 2.5;
is(scalar(grep { -e } @kept), scalar @kept, 'and not removed before their time');
$nginx->quit;

utime time - $DAY, time - $DAY, @kept;
$nginx->start;
ok(soma_wait(30, sub { !grep { -e } @kept }),
    'forward by a day: what Redis has is removed');
is(events(), 18, 'nothing is sent again');
is(ask(1), 1, 'and it goes on');
ok(shipped(19), 'every record once');
balanced('clocks');

done_testing();
