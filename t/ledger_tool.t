# soma-ledger against real journals, whole and damaged.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $TOOL = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                : "$Soma::BUILD/soma-ledger";

# valgrind takes a second a run: it looks at every sixth
my $WATCH = 6;

my $redis = soma_redis();
my $dir = soma_dir('ledger');
my $hash = soma_sha256('sk-acme');

my $nginx = soma_nginx(workers => 2, http => "
        soma_zone 8m;
        soma_redis @{[ $redis->url ]} timeout=2s;
        soma_ledger $dir segment=256k keep=1h;
        soma_provider local { dialect echo; }
        soma_model echo provider=local input=0.15 output=0.60;
        soma_model free provider=local input=0 output=0;
        soma_tenant acme { }
        soma_tenant other { }
        soma_key sha256:$hash tenant=acme user=alice;
        soma_key sha256:" . soma_sha256('sk-other') . ' tenant=other user=bob;',
    server => 'location /v1/ { soma_pass; }');

my ($runs, $asked, $cost, %events, %cost) = (0, 0, 0);


# the output, and the exit status in a list
sub ledger {
    my @watch = $ENV{SOMA_VALGRIND} && $runs++ % $WATCH == 0
                ? ('valgrind', '-q', split ' ', $ENV{SOMA_VALGRIND}) : ();
    my $command = join ' ', map { quotemeta } @watch, $TOOL, @_;
    my $out = `$command 2>&1`;

    return wantarray ? ($out, $? >> 8) : $out;
}


sub ask {
    my ($n, %opt) = @_;
    my $tenant = $opt{tenant} || 'acme';
    my $model = $opt{model} || 'echo';

    for (1 .. $n) {
        my $res = $nginx->post('/v1/chat/completions',
            "{\"model\":\"$model\",\"messages\":[{\"role\":\"user\","
            . '"content":"one, \"two\""}]}',
            Authorization => "Bearer sk-$tenant");

        BAIL_OUT("no answer: $res->{status}") if $res->{status} != 200;

        my $usage = soma_json($res->{body})->{usage};

        $asked++;
        $events{$tenant}++;

        next if $model ne 'echo';

        my $nano = 150 * $usage->{prompt_tokens}
                   + 600 * $usage->{completion_tokens};

        $cost += $nano;
        $cost{$tenant} += $nano;
    }
}


sub shipped {
    return soma_wait(20, sub {
        !grep { ($redis->cmd('XLEN', "soma:{$_}:events") // 0) < $events{$_} }
            keys %events
    });
}


sub slurp { return Soma::slurp($_[0]) }


sub write_file {
    my ($path, $bytes) = @_;

    open my $fh, '>:raw', $path or die "$path: $!\n";
    print $fh $bytes;
    close $fh;
}


# a copy of the journal, to be damaged
sub copy_of {
    my ($name) = @_;
    my $copy = soma_dir($name);

    for my $file (glob("$dir/*.soma")) {
        my ($base) = $file =~ m{([^/]+)$};
        write_file("$copy/$base", slurp($file));
    }

    return $copy;
}


# the command line

for (['verify'], ['nothing'], ['verify', '--tenant=a', $dir],
     ['dump', '--day=2026-02-30', $dir], ['dump', '--format=xml', $dir],
     ['dump', '--writer=12', $dir], ['verify', "$dir/none"], [])
{
    my ($out, $status) = ledger(@$_);

    is($status, 2, "refused: @$_");
    like($out, qr/^(soma-ledger: .+|usage: soma-ledger)/, 'and why');
}

is((ledger('--help'))[1], 0, 'help');
like(ledger('--version'), qr/^soma-ledger \d/, 'version');

# what was answered is in the journal, while it is written

ask(30);
ask(5, tenant => 'other');
ask(5, model => 'free');
ok(shipped(), 'shipped');

my ($out, $status) = ledger('verify', $dir);

is($status, 0, 'a live journal is whole');
like($out, qr/^records +$asked$/m, 'its records');
like($out, qr/^cost +$cost nano-USD$/m, 'and their cost');
like($out, qr/^problems +0$/m, 'and nothing else');

my @lines = split /\n/, ledger('dump', $dir);
my @records = map { soma_json($_) } @lines;

is(@records, $asked, 'dump: every record');
is(eval { my $n = 0; $n += $_->{cost_nano} for @records; $n }, $cost,
    'with its cost');
is_deeply([sort keys %{ { map { $_->{tenant} => 1 } @records } }],
    ['acme', 'other'], 'of both tenants');
is(() = ledger('dump', '--tenant=other', $dir) =~ /\n/g, 5,
    'dump: one tenant');

my $day = POSIX::strftime('%Y-%m-%d', gmtime $records[0]{time} / 1000);
my $n = grep { POSIX::strftime('%Y-%m-%d', gmtime $_->{time} / 1000) eq $day }
        @records;

is(() = ledger('dump', "--day=$day", $dir) =~ /\n/g, $n, 'dump: one day');
is(ledger('dump', '--day', '2001-01-01', $dir), '', 'dump: another');

my ($writer) = $records[0]{writer};

is(() = ledger('dump', "--writer=$writer", $dir) =~ /\n/g,
    (grep { $_->{writer} eq $writer } @records), 'dump: one writer');

my ($head, $row) = split /\r\n/, ledger('dump', '--format=csv', $dir);

is(scalar(split /,/, $head, -1), 51, 'CSV: its head');
is(scalar(split /,/, $row, -1), 51, 'CSV: its rows');

$nginx->quit;
is((ledger('verify', $dir))[1], 0, 'the journal that it left is whole');

# damage: in the files of the writer that has most records

my %of;

$of{$_->{writer}}++ for @records;

my ($id) = sort { $of{$b} <=> $of{$a} || $a cmp $b } keys %of;
my ($big) = glob("$dir/$id-00000001.soma");
my ($file) = $big =~ m{([^/]+)$};
my $bytes = slurp($big);
my $of = $of{$id};
my $first = 128 + 16 + unpack 'V', substr $bytes, 128, 4;

$first += -$first % 8;

for (['a flipped byte', sub { substr $_[0], $first + 40, 1, "\xee" },
      qr/damaged behind record 1, at byte $first: a record's bytes do not fit/,
      $of > 2 ? qr/; @{[ $of - 2 ]} whole records behind it do not count/
              : qr/./],
     ['a header', sub { substr $_[0], 40, 1, "\x09" },
      qr/the header of the segment is damaged/, qr/./],
     ['no header', sub { $_[0] = 'x' x length $_[0] },
      qr/the file is not a journal segment/, qr/./],
     ['a file cut within a record', sub { $_[0] = substr $_[0], 0, $first + 9 },
      qr/damaged behind record 1/, qr/./],
     ['a file cut to a few bytes', sub { $_[0] = substr $_[0], 0, 9 },
      qr/shorter than a segment's header/, qr/./])
{
    my ($name, $change, @like) = @$_;
    my $copy = copy_of('damaged');
    my $text = $bytes;

    $change->($text);
    write_file("$copy/$file", $text);
    ($out, $status) = ledger('verify', $copy);

    is($status, 1, "$name: found");
    like($out, $_, "$name: told") for @like;
    like($out, qr/^problems +[1-9]/m, "$name: counted");
}

# an append that was cut off is none

my $copy = copy_of('torn');
my $torn = $bytes;
my $at = 128;

while (my $len = unpack 'V', substr $torn, $at, 4) {
    $at += 16 + $len;
    $at += -$at % 8;
}

substr $torn, $at + 8, 20, 'cut off by a SIGKILL';
substr $torn, 64, 4, "\0\0\0\0";
write_file("$copy/$file", $torn);
($out, $status) = ledger('verify', $copy);
is($status, 0, 'an append that was cut off is no damage');
like($out, qr/an append was cut off behind record $of \(/, 'but told');

# a segment that is not there, one that is there twice, one put aside

$copy = copy_of('holes');
my $next = $bytes;
my $crc = sub {
    my ($b) = @_;
    require Compress::Zlib;
    substr $b, 12, 4, pack 'V',
        Compress::Zlib::crc32(substr($b, 0, 12) . substr($b, 16, 40));
    return $b;
};

substr $next, 32, 16, pack 'Q<Q<', 3, $of + 11;
write_file("$copy/$id-00000003.soma",
           $crc->(substr($next, 0, 128) . "\0" x (length($next) - 128)));
($out, $status) = ledger('verify', $copy);
is($status, 1, 'a hole');
like($out, qr/a hole: the segment before it is number 1/, 'in the files');
like($out, qr/a hole: records @{[ $of + 1 ]} to @{[ $of + 10 ]} are not there/,
    'and in the records');

($out, $status) = ledger('verify', $dir, $big);
is($status, 1, 'a segment given twice');
like($out, qr/the same segment as/, 'is told');
is(scalar(() = ledger('dump', $dir, $big) =~ /\n/g), $asked,
    'and its records dumped once');

write_file("$copy/$id-00000009.soma.bad", $bytes);
like(ledger('verify', $copy), qr/00000009\.soma\.bad: a worker could not/,
    'a segment put aside is told');
($out, $status) = ledger('dump', $copy);
is($status, 1, 'and what a dump leaves out');
like($out, qr/it is left out/, 'is told');

# Redis against the journal: the books balance, and after that each of them
# is falsified in one place

my @reconcile = ('reconcile', $dir, '--redis', $redis->url);

($out, $status) = ledger(@reconcile);
is($status, 0, 'the books balance') or diag($out);
like($out, qr/^difference +0$/m, 'and the difference is 0');
like($out, qr/^journals +$asked records of \d+ writers$/m, 'of all records');
like($out, qr/^only in Redis +0 /m, 'none is in Redis only');

my $dump = $redis->cmd('DUMP', "soma:{acme}:usage:$day");
my $events = $redis->cmd('XRANGE', 'soma:{acme}:events', '-', '+');

sub restore {
    $redis->cmd('RESTORE', "soma:{acme}:usage:$day", 0, $dump, 'REPLACE');
}


# what reconcile says, without the counts
sub told {
    my ($out, $status) = ledger(@reconcile, @_);

    return ($status, $out);
}

SKIP: {
    skip 'the requests were on two days', 1 if $n != $asked;

    $redis->cmd('HINCRBY', "soma:{acme}:usage:$day", 'local/echo/cost_nano',
                -1);
    ($status, $out) = told();
    is($status, 1, 'one nano-USD less');
    like($out, qr{^tenant[ ]acme[ ]$day[ ]local/echo[ ]cost_nano:[ ]\d+[ ]
                   in[ ]Redis,[ ]\d+[ ]in[ ]the[ ]journals:[ ]
                   difference[ ]-1$}mx, 'is told');
    like($out, qr/^difference +-1 nano-USD, 0 tokens, 0 requests; 1 sums/m,
        'to the nano-dollar');
    restore();

    $redis->cmd('DEL', "soma:{acme}:usage:$day");
    ($status, $out) = told('--day', $day);
    is($status, 1, "a day's sums lost");
    like($out, qr/^difference +-$cost{acme} nano-USD/m, 'all of them');
    restore();

    $redis->cmd('XADD', 'soma:{acme}:events', '*', @{ $events->[3][1] });
    ($status, $out) = told();
    is($status, 1, 'a record twice in the stream');
    like($out, qr/record \d+ of writer \w+ is in the stream more than once/,
        'which one');
    like($out, qr/^stream +1 records twice, 0 missing, 0 changed$/m,
        'and how many');
    is((ledger(@reconcile, '--tenant=other'))[1], 0,
        'other tenants balance');
    my $last = $redis->cmd('XREVRANGE', 'soma:{acme}:events', '+', '-',
                           'COUNT', 1)->[0][0];
    $redis->cmd('XDEL', 'soma:{acme}:events', $last);
    ($status, $out) = told();
    is($status, 0, 'taken out again') or diag($out);

    is((told('--day', '2001-01-01'))[0], 0, 'another day has nothing');

    # a journal without one writer's files: the stream has them

    my $part = soma_dir('part');

    write_file("$part/$_", slurp("$dir/$_"))
        for grep { !/^$id/ } map { m{([^/]+)$} } glob("$dir/*.soma");

    ($out, $status) = ledger('reconcile', $part, '--redis', $redis->url);
    is($status, 0, 'a writer whose segments are not given') or diag($out);
    like($out, qr/^only in Redis +$of records/m, 'is counted by the stream');

    # a stream that was cut cannot tell

    $redis->cmd('XTRIM', 'soma:{acme}:events', 'MAXLEN', '=', 0);
    ($out, $status) = ledger('reconcile', $part, '--redis', $redis->url);
    is($status, 0, 'and cut off, is no difference') or diag($out);
    like($out, qr/of them are in no journal here and in the stream no more/,
        'but told');
    is((told())[0], 0, 'with all journals the sums are compared all the same');
}

# replay: into an empty Redis, and again

$redis->cmd('FLUSHALL');
($status, $out) = told();
is($status, 1, 'Redis has lost everything');
like($out, qr/^waiting +$asked records/m, 'so all of it waits');
like($out, qr/^difference +-$cost nano-USD/m, 'all its cost');

my @replay = ('replay', '--redis', $redis->url);

like(ledger(@replay, '--tenant=other', $dir), qr/^sent +5$/m,
    'replay: one tenant');
like(ledger(@replay, $big), qr/^sent +\d+$/m, 'replay: one segment');
($out, $status) = ledger(@replay, $dir);
is($status, 0, 'replay: a directory') or diag($out);
is((told())[0], 0, 'the books balance');
($out, $status) = ledger(@replay, $dir);
is($status, 0, 'again');
like($out, qr/^records +$asked\nsent +0$/m, 'nothing is sent');
is((told())[0], 0, 'the books balance still');
is($redis->cmd('XLEN', 'soma:{acme}:events'), $events{acme},
    'every record once');

# a writer that Redis has been told to forget

$redis->cmd('DEL', 'soma:{acme}:applied');
($out, $status) = ledger(@replay, $dir);
is($status, 1, 'a forgotten writer');
like($out, qr/knows the writer no more: they are left out/, 'is left out');
is($redis->cmd('XLEN', 'soma:{acme}:events'), $events{acme},
    'nothing is sent twice');
is((told())[0], 0, 'and the books balance without its number');

# what Redis refuses, and Redis away

$redis->cmd('FLUSHALL');
$redis->cmd('SET', 'soma:{acme}:events', 'a string');
($out, $status) = ledger(@replay, $dir);
is($status, 1, 'a tenant that Redis refuses');
like($out, qr/tenant "acme": Redis refuses its records: WRONGTYPE/, 'why');
like($out, qr/^sent +5$/m, 'the others are sent');
$redis->cmd('DEL', 'soma:{acme}:events');
is((ledger(@replay, $dir))[1], 0, 'then the rest');
is((told())[0], 0, 'the books balance');

# a gateway that goes on

$nginx->start;
ask(20);
($out, $status) = ledger(@reconcile, '--wait=20');
is($status, 0, 'while records are shipped') or diag($out);
like($out, qr/^waiting +0 /m, 'none waits in the end');
$nginx->quit;

$redis->stop;

for ('reconcile', 'replay') {
    ($out, $status) = ledger($_, $dir, '--redis', $redis->url);
    is($status, 2, "$_: Redis away");
    like($out, qr/^soma-ledger: Redis at .+: No such file|Connection refused/,
        'is told');
}

for (['redis://', 2], ['http://x', 2], ['rediss://127.0.0.1', 2],
     ['redis-cluster://127.0.0.1:1', 2])
{
    is((ledger('reconcile', $dir, '--redis', $_->[0]))[1], $_->[1],
        "no such Redis: $_->[0]");
}

done_testing();
