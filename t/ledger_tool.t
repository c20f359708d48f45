# soma-ledger against real journals, whole and damaged.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $TOOL = $ENV{SOMA_SANITIZER} ? "$Soma::BUILD/asan/soma-ledger"
                                : "$Soma::BUILD/soma-ledger";
my @TOOL = ($ENV{SOMA_VALGRIND} ? ('valgrind', '-q',
                                   split ' ', $ENV{SOMA_VALGRIND}) : (),
            $TOOL);

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

my ($asked, $cost, %events) = (0, 0);


# the output, and the exit status in a list
sub ledger {
    my $command = join ' ', map { quotemeta } @TOOL, @_;
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
        $cost += 150 * $usage->{prompt_tokens}
                 + 600 * $usage->{completion_tokens} if $model eq 'echo';
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

is(scalar(split /,/, $head, -1), 48, 'CSV: its head');
is(scalar(split /,/, $row, -1), 48, 'CSV: its rows');

$nginx->quit;
is((ledger('verify', $dir))[1], 0, 'the journal that it left is whole');

# damage: the longest segment, two whole records at least

my ($big) = sort { -s $b <=> -s $a || $a cmp $b }
            grep { slurp($_) =~ /\A.{132}\S/s } glob("$dir/*.soma");
my ($file) = $big =~ m{([^/]+)$};
my ($id) = $file =~ /^(\w+)/;
my $bytes = slurp($big);
my $of = () = ledger('dump', "--writer=$id", $dir) =~ /\n/g;
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

done_testing();
