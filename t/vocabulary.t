# soma_vocabulary: what it refuses and how it says so.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $SHARE = ($ENV{SOMA_BUILD} || "$Soma::TOP/build") . '/share/soma';
my $dir = soma_dir('files');
my $n = soma_nginx(start => 0, server => 'location / { return 204; }');

sub file {
    my ($name, $text) = @_;

    open my $fh, '>:raw', "$dir/$name" or die "$dir/$name: $!\n";
    print $fh $text;
    close $fh;

    return "$dir/$name";
}


sub refused {
    my ($line, $like, $name) = @_;

    $n->configure(http => $line, server => 'location / { return 204; }');

    my ($out, $status) = $n->test;

    isnt($status, 0, "$name: refused");
    like($out, $like, "$name: and it says why");
}


refused('soma_vocabulary p50k_base /x;',
        qr/unknown vocabulary "p50k_base".*cl100k_base and o200k_base/,
        'a name that nobody knows');
refused('soma_vocabulary o200k_base;', qr/invalid number of arguments/,
        'no file');
refused("soma_vocabulary o200k_base $dir/none;",
        qr{"$dir/none" failed.*No such file}, 'a file that is not there');
refused("soma_vocabulary o200k_base $dir;", qr{"$dir" is no vocabulary},
        'a directory');
refused('soma_vocabulary o200k_base ' . file('empty', '') . ';',
        qr{empty" is no vocabulary}, 'an empty file');
refused('soma_vocabulary o200k_base ' . file('short', 'somabpe') . ';',
        qr{too short for a vocabulary}, 'a few bytes');
refused('soma_vocabulary o200k_base ' . file('ranks', "IQ== 0\n" x 100) . ';',
        qr{no vocabulary made by tools/vocab}, "tiktoken's own file");

SKIP: {
    skip 'no vocabularies: npm was not there', 1
        unless -e "$SHARE/o200k_base.soma";

    open my $fh, '<:raw', "$SHARE/cl100k_base.soma" or die "$!\n";
    my $text = do { local $/; <$fh> };

    refused('soma_vocabulary cl100k_base '
            . file('cut', substr $text, 0, -1) . ';',
            qr/cut off/, 'one byte is gone');

    substr($text, 5000, 1) ^= "\x01";
    refused('soma_vocabulary cl100k_base ' . file('bit', $text) . ';',
            qr/checksum is wrong/, 'one bit is another');

    refused("soma_vocabulary o200k_base $SHARE/cl100k_base.soma;",
            qr/is the vocabulary cl100k_base, not o200k_base/,
            'one for the other');
    refused("soma_vocabulary o200k_base $SHARE/o200k_base.soma;\n"
            . "soma_vocabulary o200k_base $SHARE/o200k_base.soma;",
            qr/"soma_vocabulary" "o200k_base" is duplicate/, 'twice');

    $n->configure(http => "soma_vocabulary o200k_base "
                          . "$SHARE/o200k_base.soma;\n"
                          . "soma_vocabulary cl100k_base "
                          . "$SHARE/cl100k_base.soma;",
                  server => 'location / { return 204; }');

    my ($out, $status) = $n->test;

    is($status, 0, 'both are read') or diag $out;
}

done_testing();
