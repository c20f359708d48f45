# soma_vocabulary: what it refuses and how it says so; how prompts are
# reserved with and without it, and billed when nobody says what they were.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
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


# 80 tokens, and 6 times as many bytes

my $TEXT = 'hello ' x 79 . 'hello';
my $TOKENS = 3 + 3 + 1 + 80;
my $keys = join '', map {
    "soma_key sha256:" . soma_sha256("sk-$_") . " tenant=t user=$_;\n"
} 'a' .. 'k';
$keys .= "soma_key sha256:" . soma_sha256("sk-$_") . " tenant=$_ user=w;\n"
    for 'wide', 'exact';

my $up = soma_upstream(responses => [sub {
    my ($request) = @_;

    return soma_response(200, '{"id":"x","choices":[],"usage":'
                         . '{"prompt_tokens":10,"completion_tokens":5,'
                         . '"total_tokens":15}}')
        if $request->{body} =~ /"max_tokens":21/;

    return soma_response(200, '{"id":"x","choices":[{"message":{"content":'
                         . '"hello"}}]}');
}]);

my $http = <<"END";
    soma_zone 8m;
    log_format tokens '\$soma_user \$soma_input_tokens';
    access_log $dir/tokens.log tokens;
    soma_provider p { dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_model gpt-4o provider=p input=1 output=1;
    soma_model named  provider=p name=gpt-4.1-mini input=1 output=1;
    soma_model llama  provider=p input=1 output=1;
    soma_route mixed { model gpt-4o; model llama; }
    soma_tenant t { limit tokens 400/day per=user; }
    soma_tenant wide { limit tokens 100000/day; }
    soma_model big    provider=p name=gpt-4o input=1 output=2 cached=0.5
                      cache_write=5;
    soma_tenant exact { limit cost 0.00635/day; }
    $keys
END

my $user = 'a';

sub ask {
    my ($model, $text, $max, $key) = @_;

    $key ||= $user++;

    return $n->post('/v1/chat/completions',
                    qq({"model":"$model","max_tokens":$max,"messages":[)
                    . qq({"role":"user","content":"$text"}]}),
                    Authorization => "Bearer sk-$key");
}


# the status, and what is left
sub chunked {
    my ($text) = @_;
    my $body = qq({"model":"gpt-4o","max_tokens":20,"messages":[)
               . qq({"role":"user","content":"$text"}]});
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die "$!\n";

    print $s "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
             . "Authorization: Bearer sk-j\r\nConnection: close\r\n"
             . "Content-Type: application/json\r\n"
             . "Transfer-Encoding: chunked\r\n\r\n"
             . join '', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
                        unpack('(a9)*', $body), '';

    my $got = do { local $/; <$s> } // '';

    my ($status) = $got =~ /^HTTP\S+ (\d+)/;
    my ($left) = $got =~ /x-ratelimit-remaining-tokens: (\d+)/i;

    return ($status // 'none') . ' ' . ($left // 'none');
}


# what is reserved of it before anybody reads it: its bytes, and 131
sub bytes {
    my ($model, $text, $max) = @_;

    return 131 + length qq({"model":"$model","max_tokens":$max,"messages":[)
                        . qq({"role":"user","content":"$text"}]});
}


sub left {
    my ($res) = @_;

    return "$res->{status} " . ($res->{headers}{'x-ratelimit-remaining-tokens'}
                                // 'none');
}


$n->configure(http => $http, server => 'location /v1/ { soma_pass; }');
$n->start;

is(left(ask('gpt-4o', 'hello', 20)),
   '200 ' . (400 - 20 - 3 - 3 - 4 - 5),
   'without a vocabulary a byte of text is a token where there is little '
   . 'room');
is(left(ask('gpt-4o', $TEXT, 20)), '429 400',
   'and a longer text is more than the limit');
is(chunked('hello'), '200 ' . (400 - 20 - 3 - 3 - 4 - 5),
   'a body in chunks, whose end is a buffer of nothing; its texts are read, '
   . 'for there was little room');

$n->stop;

SKIP: {
    skip 'no vocabularies: npm was not there', 1
        unless -e "$SHARE/o200k_base.soma";

    $n->configure(http => "soma_vocabulary o200k_base "
                          . "$SHARE/o200k_base.soma;\n$http",
                  server => 'location /v1/ { soma_pass; }');
    $n->start;

    is(left(ask('gpt-4o', $TEXT, 20)), '200 ' . (400 - 20 - $TOKENS),
       'what the bound does not let in is counted');
    is(left(ask('named', $TEXT, 20)), '200 ' . (400 - 20 - $TOKENS),
       'by the name that the provider knows');
    is(left(ask('gpt-4o', $TEXT =~ s/e/\\u0065/gr, 20)),
       '200 ' . (400 - 20 - $TOKENS), 'escapes are no text');
    is(left(ask('gpt-4o', $TEXT, 400 - $TOKENS)), '200 0',
       'all of the limit can be asked for');
    is(left(ask('gpt-4o', $TEXT, 401 - $TOKENS)), '429 400',
       'and not a token more');
    my $llama = int($TOKENS * 1.3) + 1 + 64;

    is(left(ask('llama', $TEXT, 20)), '200 ' . (400 - 20 - $llama),
       'of another family it is counted, and multiplied by its factor');
    is(left(ask('mixed', $TEXT, 20)), '200 ' . (400 - 20 - $llama),
       'and so is a route with one of them');

    is(left(ask('gpt-4o', $TEXT, 21, 'wide')),
       '200 ' . (100000 - 21 - bytes('gpt-4o', $TEXT, 21)),
       'where there is room for many the bound is reserved');
    is(left(ask('gpt-4o', $TEXT, 21, 'wide')),
       '200 ' . (100000 - 15 - 21 - bytes('gpt-4o', $TEXT, 21)),
       'and what was used is what the provider says');

    # 50 requests of 87 tokens at 1 USD a million, and 20 at 2, are 0.00635
    # USD: what one of them reserves is what it costs

    is(ask('big', $TEXT, 20, 'exact')
           ->{headers}{'x-ratelimit-remaining-cost'}, '0.006223',
       'the cost of a prompt is that of its tokens, as text');
    is(ask('big', $TEXT . '","cache_control":{"type":"x"},"x":"', 20, 'exact')
           ->{headers}{'x-ratelimit-remaining-cost'} < 0.0060, 1,
       'a prompt that may be written to a cache is reserved as such');

    ask('gpt-4o', $TEXT, 20, 'k');
    ok(soma_wait(10, sub {
        open my $fh, '<', "$dir/tokens.log" or return 0;
        return grep { $_ eq "k $TOKENS\n" } <$fh>;
    }), 'a prompt that its provider does not count is counted here');

    $n->stop;
}

done_testing();
