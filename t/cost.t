# soma_usage_cost: what a stream's usage says it costs is what the books say, and
# every other byte is the provider's.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;
use Compress::Zlib ();

my $redis = soma_redis();
my $ledger = soma_dir('ledger');
my $up = soma_upstream(responses => ['']);
my $keys = join '', map {
    "soma_key sha256:" . soma_sha256("sk-$_->[0]") . " tenant=$_->[1] "
    . "user=$_->[0] $_->[2];\n"
} ['alice', 'acme', ''], ['tight', 'tight', ''],
  ['root', 'acme', 'capabilities=admin'];

# 0.15 and 0.60 USD a million: 150 and 600 nano-USD a token

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis @{[ $redis->url ]};
    soma_ledger $ledger;
    soma_max_tokens trust;
    soma_usage_cost on;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_provider e { dialect echo; }
    soma_model m provider=p input=0.15 output=0.60;
    soma_model unpriced provider=p;
    soma_model free provider=p input=0 output=0;
    soma_model echo provider=e input=0.15 output=0.60;
    soma_model echo-unpriced provider=e;
    soma_tenant acme { }
    soma_tenant tight { limit cost 0.0012/day; }
    $keys
END
    location /v1/ { soma_pass; }
    location /off/v1/ { soma_pass; soma_usage_cost off; }
    location /soma/ { soma_api; }
    location /off/soma/ { soma_api; soma_usage_cost off; }
END2

my $id = 0;
my ($res, $name);

sub text { join '', map { "data: $_\n\n" } @_ }

sub chunk {
    my ($text, $more) = @_;

    return qq({"id":"c","choices":[{"index":0,"delta":{"content":"$text"}}])
           . ($more // '') . '}';
}

sub counts {
    my ($in, $out, $more) = @_;

    return qq("usage":{"prompt_tokens":$in,"completion_tokens":$out)
           . ($more // '') . '}';
}

sub usage { '{"id":"c","choices":[],' . counts(@_) . '}' }

my $stop = '{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $SHOWN = { stream_options => { include_usage => \1 } };

sub ask {
    my ($body, $path, $key) = @_;

    $name = 'cost-' . $id++;
    $path //= '/v1/chat/completions';

    return $res = $n->post($path,
                           soma_to_json({ model => 'm', stream => \1, %$body }),
                           Authorization => 'Bearer sk-' . ($key // 'alice'),
                           'X-Request-Id' => $name);
}

# what a client was told last must be in its record; looked at in the end
my @bills;

sub nano {
    my ($usd) = @_;
    my ($whole, $part) = $usd =~ /^(\d+)(?:\.(\d{1,9}))?$/ or return "? $usd";

    return $whole * 1_000_000_000 + substr(($part // '') . '0' x 9, 0, 9);
}

sub told {
    my ($what, $tenant) = @_;
    my @said = $res->{body} =~ /"cost":([0-9.]+)[,}]/g;

    ok(scalar @said, "$what: a cost is told") or diag $res->{body};
    push @bills, [$name, $what, nano($said[-1] // ''), $tenant // 'acme'];
}

# however the bytes come, and wherever the usage stands

my $all = text(chunk('Hel'), chunk('lo'), $stop, usage(11, 7), '[DONE]');
my $priced = text(chunk('Hel'), chunk('lo'), $stop,
                  usage(11, 7, ',"cost":0.00000585'), '[DONE]');

for (['whole', framed($all)],
     ['in 1-byte pieces', { raw => framed($all, 5), piece => 1 }],
     ['in small chunks', framed($all, 7)],
     ['in CRLF', framed($all =~ s/\n/\r\n/gr), "\r\n"],
     ['in CRLF, cut', framed($all =~ s/\n/\r\n/gr, 1), "\r\n"],
     ['until the end', { raw => "HTTP/1.1 200 OK\r\nContent-Type: text/"
                                . "event-stream\r\n\r\n$all", close => 1 }])
{
    my ($how, $answer, $lf) = @$_;

    $lf //= "\n";
    $up->reset($answer);
    ask($SHOWN);
    is($res->{body}, $priced =~ s/\n/$lf/gr, "$how: the cost, and no more");
    told($how);
    ask({});
    is($res->{body}, text(chunk('Hel'), chunk('lo'), $stop, '[DONE]')
                     =~ s/\n/$lf/gr, "$how: what is hidden stays so");
    ask($SHOWN, '/off/v1/chat/completions');
    is($res->{body}, $all =~ s/\n/$lf/gr, "$how: off, every byte");
}

$up->reset(framed(text(chunk('a'), $stop, usage(1, 1))));
ask($SHOWN);
like($res->{body}, qr/"completion_tokens":1,"cost":0\.00000075\}/,
     'no [DONE]: told all the same');
told('no [DONE]');

$up->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                    . text(chunk('a'), $stop) . 'data: ' . usage(2, 1),
             close => 1 });
ask($SHOWN);
like($res->{body}, qr/"completion_tokens":1,"cost":0\.0000009\}\}/,
     'a last event without its blank line');
told('a last event');

# a cost of the provider's own gives way, once

for (['in the middle', '"usage":{"prompt_tokens":11,"cost":0.5,'
                       . '"completion_tokens":7}',
      '"usage":{"prompt_tokens":11,"cost":0.00000585,"completion_tokens":7}'],
     ['an object', counts(11, 7, ', "cost" : {"total_cost":[1]} '),
      counts(11, 7, ', "cost" : 0.00000585 ')],
     ['null', counts(11, 7, ',"cost":null'), counts(11, 7, ',"cost":0.00000585')],
     ['of a part only', counts(11, 7, ',"cost_details":{"cost":1} '),
      counts(11, 7, ',"cost_details":{"cost":1} ,"cost":0.00000585')],
     ['more behind', counts(11, 7) . ',"x":{"usage":{"cost":2}}',
      counts(11, 7, ',"cost":0.00000585') . ',"x":{"usage":{"cost":2}}'])
{
    my ($what, $has, $want) = @$_;

    $up->reset(framed(text($stop, "{\"choices\":[],$has}", '[DONE]')));
    ask($SHOWN);
    is($res->{body}, text($stop, "{\"choices\":[],$want}", '[DONE]'),
       "a cost of its own, $what");
}

# usage in every chunk

my @run = map { counts(10, $_) } 1 .. 40;
my @paid = map {
    my $usd = sprintf '%.9f', (1500 + 600 * $_) / 1e9;
    counts(10, $_, ',"cost":' . $usd =~ s/0+$//r)
} 1 .. 40;

for (['whole', undef], ['in chunks', 100]) {
    my ($how, $size) = @$_;

    $up->reset(framed(text((map { chunk('w', ",$_") } @run), $stop, '[DONE]'),
                      $size));
    ask($SHOWN);
    is($res->{body}, text((map { chunk('w', ",$_") } @paid), $stop, '[DONE]'),
       "usage in every chunk, $how: as it grows");
    told("in every chunk, $how");
}

ask({});
is($res->{body}, text((map { chunk('w', ",$_") } @paid), $stop, '[DONE]'),
   'beside text it goes to everybody');

# nothing is known: an estimate is what the record says

$up->reset(framed(text(chunk('x' x 400), chunk('y', ',"usage":{}'), $stop,
                       '{"choices":[],"usage":{ }}', '[DONE]')));
ask({ %$SHOWN, messages => [{ role => 'user', content => 'z' x 200 }] });
like($res->{body}, qr/"usage":\{"cost":0\.0\d+\}\}/, 'an empty usage: no comma');
like($res->{body}, qr/"usage":\{ "cost":0\.0\d+\}\}/, 'and its blank stays');
told('an empty usage');

# an event in several lines passes

my $lines = "data: {\"choices\":[],\ndata: " . counts(11, 7) . "}\n\n";
$up->reset(framed(text($stop) . $lines . text('[DONE]')));
ask($SHOWN);
is($res->{body}, text($stop) . $lines . text('[DONE]'),
   'an event in two lines is left as it is');

# prices

$up->reset(framed(text($stop, usage(11, 7, ',"cost":9'), '[DONE]')));
ask({ %$SHOWN, model => 'unpriced' });
is($res->{body}, text($stop, usage(11, 7, ',"cost":9'), '[DONE]'),
   'no price: the provider\'s word stays');
ask({ %$SHOWN, model => 'free' });
is($res->{body}, text($stop, usage(11, 7, ',"cost":0'), '[DONE]'),
   'a price of 0 is one');

# the tier that the same event names, half the price

$up->reset(framed(text($stop, '{"choices":[],' . counts(11, 7)
                       . ',"service_tier":"batch"}', '[DONE]')));
ask($SHOWN);
is($res->{body}, text($stop, '{"choices":[],'
                      . counts(11, 7, ',"cost":0.000002925')
                      . ',"service_tier":"batch"}', '[DONE]'),
   'a tier that stands behind the usage');
told('a tier');

# compressed although nobody asked for it

$up->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    . "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
                    . Compress::Zlib::memGzip($all), close => 1 });
ask($SHOWN);
is($res->{body}, $priced, 'compressed');

# memory does not grow with a stream

$up->reset(framed(text((map { chunk('w', ',' . counts(10, $_)) } 1 .. 3000),
                       $stop, '[DONE]'), 777));
ask($SHOWN);
my $before = $n->memory;
ask($SHOWN) for 1 .. 3;
is(() = $res->{body} =~ /,"cost":0\.\d+\}\}\n/g, 3000, 'a cost in each of many');
cmp_ok($n->memory - $before, '<', 1000, 'leaves no trace') unless soma_slow();
told('in each of many');

# an answer that is no stream

my $plain = '{"object":"chat.completion",' . counts(11, 7) . '}';
$up->reset(soma_response(200, $plain, 'Content-Type' => 'application/json'));
ask({ stream => \0 });
is($res->{body}, $plain, 'an answer that is no stream: every byte');
is($res->{headers}{'x-soma-cost'}, '0.00000585', 'its header tells');

# the other surfaces

my $completion = '{"choices":[{"text":"hi","index":0}]}';
$up->reset(framed(text($completion, usage(11, 7), '[DONE]')));
ask({ %$SHOWN, prompt => 'x' }, '/v1/completions');
is($res->{body}, text($completion, usage(11, 7, ',"cost":0.00000585'),
                      '[DONE]'), 'completions');

for my $end ('completed', 'incomplete') {
    my $resp = join '',
        "event: response.created\ndata: {\"type\":\"response.created\","
        . "\"response\":{\"id\":\"r\",\"usage\":null}}\n\n",
        "event: response.output_text.delta\n"
        . "data: {\"type\":\"response.output_text.delta\",\"delta\":\"hi\"}\n\n",
        "event: response.$end\ndata: {\"type\":\"response.$end\",\"response\":"
        . "{\"usage\":{\"input_tokens\":11,\"output_tokens\":7},\"x\":{}}}\n\n";

    for my $size (0, 1) {
        $up->reset(framed($resp, $size));
        ask({ input => 'x' }, '/v1/responses');
        is($res->{body}, $resp =~ s/(_tokens":7)/$1,"cost":0.00000585/r,
           "responses, $end, " . ($size ? 'byte by byte' : 'whole'));
    }

    told("responses, $end");
}

# the echo

my @hello = (messages => [{ role => 'user', content => 'one two three' }]);

ask({ %$SHOWN, model => 'echo', @hello });
told('echo');
my $echo = $res->{body};
ask({ %$SHOWN, model => 'echo', @hello }, '/off/v1/chat/completions');
my $sane = sub { $_[0] =~ s/"(?:id|created)":[^,]+,//gr };
is($sane->($echo =~ s/,"cost":0\.0\d+(\}\}\n\ndata: \[DONE\]\n\n)$/$1/r),
   $sane->($res->{body}), 'echo: nothing else');
ask({ model => 'echo', @hello });
unlike($res->{body}, qr/"cost"/, 'echo: hidden');
ask({ %$SHOWN, model => 'echo-unpriced', @hello });
unlike($res->{body}, qr/"cost"/, 'echo: no price');
ask({ model => 'echo', stream => \0, @hello });
unlike($res->{body}, qr/"cost"/, 'echo: no stream');
ask({ model => 'echo', prompt => 'one two', %$SHOWN }, '/v1/completions');
told('echo, completions');
ask({ model => 'echo', input => 'one two' }, '/v1/responses');
like($res->{body}, qr/"cost":0\.\d+\},"user":null,"metadata":\{\}\}\}\n\n$/,
     'echo: responses');
told('echo, responses');

# a stream that its budget cuts

$up->reset(framed(text((map { chunk('word ' x 40) } 1 .. 100), $stop,
                       usage(11, 4000), '[DONE]')));
ask($SHOWN, undef, 'tight');
like($res->{body}, qr/"length".*"total_tokens":\d+,"cost":0\.\d+\}\}\n\n
                      data:\ \[DONE\]\n\n$/xs, 'cut: its usage tells');
told('cut', 'tight');

# on a page of the API

for (['', 'true'], ['/off', 'false']) {
    my ($path, $want) = @$_;

    $res = $n->get("$path/soma/config", Authorization => 'Bearer sk-root');
    like($res->{body}, qr/"usage_cost":$want/, "config: $want");
}

# the books

sub records {
    my ($tenant) = @_;
    my $list = $redis->cmd('XRANGE', "soma:{$tenant}:events", '-', '+');

    return map { soma_json((grep { /^\{/ } @{$_->[1]})[0]) } @$list;
}

my %record;

soma_wait(20, sub {
    %record = map { $_->{id} => $_ } records('acme'), records('tight');
    return !grep { !$record{$_->[0]} } @bills;
});

for (@bills) {
    my ($id, $what, $nano, $tenant) = @$_;

    is($record{$id}{cost_nano}, $nano, "$what: as its record has it");
}

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
