# Streams that pass their budget: cut before the event that it cannot pay, ended
# as an answer that has reached its bound, and billed for what was sent.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;
use Compress::Zlib ();

# an event has one token and a token of an answer costs a billionth of a
# dollar; each user has 100 of them a day, so that all is sharp

my $USERS = 40;
my $STREAMS = 20;
my $keys = join '', map {
    "soma_key sha256:" . soma_sha256("sk-$_") . " tenant=acme user=u$_;\n"
} 1 .. $USERS;
$keys .= "soma_key sha256:" . soma_sha256("sk-$_->[0]")
         . " tenant=$_->[0] user=u;\n"
    for ['many'], ['tok'], ['free'];

my $redis = soma_redis();
my $ledger = soma_dir('ledger');
my $up = soma_upstream(responses => ['']);
my $second = soma_upstream(name => 'second', responses => ['']);

my $vocabulary = ($ENV{SOMA_BUILD} || "$Soma::TOP/build")
                 . '/share/soma/o200k_base.soma';
my $counted = -e $vocabulary ? "soma_vocabulary o200k_base $vocabulary;" : '';

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis @{[ $redis->url ]};
    soma_ledger $ledger;
    soma_max_tokens trust;
    $counted
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_provider tight { dialect openai; limit cost 0.00000003/day;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_model m provider=p input=0 output=0.001;
    soma_model dear provider=p input=0 output=0.003;
    soma_model small provider=p input=0 output=0.001 max_output=20;
    soma_model gpt-4o provider=p input=0 output=0.001;
    soma_model tight-m provider=tight input=0 output=0.001;
    soma_tenant acme { limit cost 0.0000001/day per=user; }
    soma_tenant many { limit cost 0.000006/day; }
    soma_tenant tok { limit tokens 500/day; }
    soma_tenant free { }
    $keys
END
    location /v1/ { soma_pass; }
    location /clamp/v1/ { soma_pass; soma_max_tokens clamp; }
    location /drain/v1/ { soma_pass; soma_on_abort drain; }
END2

my $user = 0;
my $id = 0;
my ($res, $name);

sub event { join '', map { "data: $_\n\n" } @_ }

my $head = '"id":"chatcmpl-7","object":"chat.completion.chunk",'
           . '"created":1700000000,"model":"m-2026"';

sub chunk {
    my ($text, $index, $more) = @_;

    return sprintf '{%s,"choices":[{"index":%d,"delta":{"content":"%s"},'
                   . '"finish_reason":null}]%s}', $head, $index // 0, $text,
                   $more // '';
}

sub finish {
    my ($index) = @_;

    return "{$head,\"choices\":[{\"index\":" . ($index // 0) . ',"delta":{},'
           . '"finish_reason":"stop"}]}';
}

sub usage {
    my ($in, $out) = @_;

    return "{$head,\"choices\":[],\"usage\":{\"prompt_tokens\":$in,"
           . "\"completion_tokens\":$out,\"total_tokens\":@{[ $in + $out ]}}}";
}

sub ask {
    my ($key, $body, $path) = @_;

    $name = 'cut-' . $id++;

    return $res = $n->post($path // '/v1/chat/completions',
                           soma_to_json({ model => 'm', stream => \1, %$body }),
                           Authorization => "Bearer sk-$key",
                           'X-Request-Id' => $name);
}

# what the record of the last request must say; they are looked at in the end
my @bills;

sub billed {
    my ($what, %want) = @_;

    push @bills, [$name, $what, { error => 'budget_cut', status => 200, %want }];
}

sub records {
    my ($tenant) = @_;
    my $list = $redis->cmd('XRANGE', "soma:{$tenant}:events", '-', '+');

    return map { soma_json((grep { /^\{/ } @{$_->[1]})[0]) } @$list;
}

sub record {
    my ($tenant, $id) = @_;

    return soma_wait(20, sub {
        (grep { $_->{id} eq $id } records($tenant))[0]
    }) || {};
}

my $end = "data: {$head,\"choices\":[{\"index\":0,\"delta\":{},"
          . "\"logprobs\":null,\"finish_reason\":\"length\"}]}\n\n";
my $done = "data: [DONE]\n\n";
my $long = event((chunk('word')) x 150, finish(), usage(5, 150), '[DONE]');
my $fit = event((chunk('word')) x 100);

# at the token, however the bytes come

for (['whole', framed($long)],
     ['in small chunks', framed($long, 7)],
     ['in 1-byte pieces', { raw => framed($long, 9), piece => 1 }],
     ['in CRLF', framed($long =~ s/\n/\r\n/gr), "\r\n"],
     ['in CR', framed($long =~ s/\n/\r/gr), "\r"],
     ['until the end', { raw => "HTTP/1.1 200 OK\r\nContent-Type: text/"
                                . "event-stream\r\n\r\n$long", close => 1 }])
{
    my ($how, $answer, $lf) = @$_;

    $up->reset($answer);
    ask(++$user, {});
    is($res->{status}, 200, "$how: begins well");
    is($res->{body}, ($lf ? $fit =~ s/\n/$lf/gr : $fit) . $end . $done,
       "$how: 100 events, the end");
    ok($res->{complete}, "$how: a whole body");
    billed($how, output_tokens => 100, cost_nano => 100);
    ask($user, {});
    is($res->{status}, 429, "$how: nothing is left");
}

$up->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    . "Content-Encoding: gzip\r\nConnection: close\r\n\r\n"
                    . Compress::Zlib::memGzip($long), close => 1 });
ask(++$user, {});
is($res->{headers}{'content-encoding'}
   ? Compress::Zlib::memGunzip($res->{body}) : $res->{body},
   $fit . $end . $done, 'compressed');
billed('compressed', output_tokens => 100, cost_nano => 100);

# usage, where the client asked for it

$up->reset(framed($long));
ask(++$user, { stream_options => { include_usage => \1 } });
my @events = map { soma_json($_) } $res->{body} =~ /^data: (\{.*)/mg;
is(scalar @events, 102, 'usage: one event more');
is($events[-2]{choices}[0]{finish_reason}, 'length', 'behind the finish');
is_deeply($events[-1]{choices}, [], 'of no choice');
is($events[-1]{usage}{completion_tokens}, 100, 'what was sent');
is($events[-1]{usage}{total_tokens}, 100 + $events[-1]{usage}{prompt_tokens},
   'and the prompt');
is($events[-1]{id}, 'chatcmpl-7', 'the id of the others');
billed('usage', input_tokens => $events[-1]{usage}{prompt_tokens},
       output_tokens => 100);

# the rest of a budget is spent, not more

$up->reset(framed(event((chunk('x' x 36)) x 20, finish(), '[DONE]')));
ask(++$user, { model => 'dear' });
is(() = $res->{body} =~ /"x+"/g, 3, 'events of 9 tokens at 3: three of them');
billed('events of 9 tokens', output_tokens => 27, cost_nano => 81);
$up->reset(framed(event((chunk('word')) x 15, finish(), usage(0, 15),
                        '[DONE]')));
ask($user, {});
like($res->{body}, qr/"stop"/, '19 are left: 15 pass');
billed('the next', output_tokens => 15, cost_nano => 15, error => '');

# nothing is cut that fits

$up->reset(framed(event((chunk('word')) x 100, finish(), usage(0, 100),
                        '[DONE]')));
ask(++$user, {});
like($res->{body}, qr/"stop".*\[DONE\]/s, 'the budget to its last token');
billed('all of it', output_tokens => 100, cost_nano => 100, error => '');

# a provider that reports as it goes is believed

$up->reset(framed(event((map { chunk('w', 0, ",\"usage\":{\"prompt_tokens\":3,"
                                     . "\"completion_tokens\":" . 20 * $_ . '}')
                             } 1 .. 9), finish(), '[DONE]')));
ask(++$user, {});
is(() = $res->{body} =~ /"w"/g, 5, 'usage in every event');
billed('as reported', input_tokens => 3, output_tokens => 100);

# two choices, one of them at its end

$up->reset(framed(event((map { (chunk('word', 0), chunk('word', 1)) } 1 .. 30),
                        finish(1), (chunk('word', 0)) x 90, finish(0),
                        '[DONE]')));
ask(++$user, { n => 3 });
@events = map { soma_json($_) } $res->{body} =~ /^data: (\{.*)/mg;
is(scalar @events, 103, 'choices: 100 tokens, one end, two more');
is_deeply([map { [$_->{choices}[0]{index}, $_->{choices}[0]{finish_reason}] }
           @events[-2, -1]], [[0, 'length'], [2, 'length']],
          'the ones that were open are ended');
billed('choices', output_tokens => 100, cost_nano => 100);

# completions, and responses

$up->reset(framed(event(('{"id":"cmpl-1","created":17,"model":"x",'
                         . '"choices":[{"text":"word","index":0}]}') x 150,
                        '[DONE]')));
ask(++$user, { prompt => 'a' }, '/v1/completions');
is(() = $res->{body} =~ /"word"/g, 100, 'completions');
my $cmpl = 'data: {"id":"cmpl-1","object":"text_completion","created":17,'
           . '"model":"x","choices":[{"index":0,"text":"","logprobs":null,'
           . '"finish_reason":"length"}]}';
is(substr($res->{body}, rindex $res->{body}, 'data: {'), "$cmpl\n\n$done",
   'their end');
billed('completions', output_tokens => 100, cost_nano => 100);

my $seq = 0;
my $responses = join '', map { "event: $_->[0]\ndata: {\"type\":\"$_->[0]\","
                               . "\"sequence_number\":" . $seq++
                               . ",$_->[1]}\n\n" }
    ['response.created', '"response":{"id":"resp_9","created_at":1700,'
                         . '"status":"in_progress","model":"gpt-x"}'],
    (map { ['response.output_text.delta', '"delta":"word"'] } 1 .. 150),
    ['response.completed', '"response":{"usage":{"input_tokens":1,'
                           . '"output_tokens":150}}'];
$up->reset(framed($responses, 50));
ask(++$user, { input => 'a' }, '/v1/responses');
is(() = $res->{body} =~ /"word"/g, 100, 'responses');
my ($type, $last) = $res->{body} =~ /\nevent: (\S+)\ndata: (.*)\n\n$/;
is($type, 'response.incomplete', 'their end');
$last = soma_json($last // '{}');
is($last->{type}, 'response.incomplete', 'its type');
is($last->{sequence_number}, 101, 'its number');
is($last->{response}{id}, 'resp_9', 'its id');
is($last->{response}{model}, 'gpt-x', 'its model');
is($last->{response}{created_at}, 1700, 'its time');
is($last->{response}{status}, 'incomplete', 'its status');
is($last->{response}{incomplete_details}{reason}, 'max_output_tokens', 'why');
is($last->{response}{usage}{output_tokens}, 100, 'its usage');
billed('responses', output_tokens => 100, cost_nano => 100);

# reasoning, and calls

my $thought = "{$head,\"choices\":[{\"index\":0,\"delta\":{\"reasoning\":"
              . '"word","reasoning_content":"word"}}]}';
my $call = "{$head,\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":"
           . '[{"index":0,"function":{"arguments":"word"}}]}}]}';
$up->reset(framed(event(($thought) x 60, ($call) x 60, finish(), '[DONE]')));
ask(++$user, {});
is(() = $res->{body} =~ /"reasoning"/g, 60, 'thoughts');
is(() = $res->{body} =~ /tool_calls/g, 40, 'and calls');
billed('both', output_tokens => 100, cost_nano => 100);

# the first event is too much already

$up->reset(framed(event(chunk('word ' x 200), finish(), '[DONE]')));
ask(++$user, {});
is($res->{body}, $end . $done, 'nothing but the end');
billed('nothing', output_tokens => 0, cost_nano => 0);

# counted as the model does, wherever its events cut its words

SKIP: {
    skip 'no vocabulary', 8 unless $counted;

    my $said = ' the' x 200;

    for ([1, 400], [3, 399], [4, 400], [7, 399], [100, 400], [401, 0]) {
        my ($size, $sent) = @$_;

        $up->reset(framed(event((map { chunk($_) } $said =~ /(.{1,$size})/g),
                                finish(), '[DONE]')));
        ask(++$user, { model => 'gpt-4o' });
        is(join('', $res->{body} =~ /"content":"([^"]*)"/g),
           substr($said, 0, $sent), "counted: pieces of $size");
        billed("pieces of $size", output_tokens => $sent ? 100 : 0,
               cost_nano => $sent ? 100 : 0,
               estimated => JSON::PP::false());
    }

    $up->reset(framed(event((chunk('\\u0020t\\u0068e')) x 150, finish(),
                            '[DONE]')));
    ask(++$user, { model => 'gpt-4o' });
    is(() = $res->{body} =~ /u0068e/g, 100, 'counted: escapes');

    $up->reset(framed(event((chunk(' the')) x 150, finish(), '[DONE]')));
    ask(++$user, { model => 'gpt-4o' }, '/clamp/v1/chat/completions');
    is(() = $res->{body} =~ /" the"/g, 100,
       'a provider that does not keep to its bound');
    billed('that one', output_tokens => 100, cost_nano => 100);
}

# limits of tokens; of the provider; a bound said by the client

$up->reset(framed(event((chunk('word')) x 600, finish(), '[DONE]')));
ask('tok', {});
my $got = () = $res->{body} =~ /"word"/g;
my $r = record('tok', $name);
is($r->{output_tokens}, $got, 'tokens: what was sent');
my $all = $r->{input_tokens} + $got;
ok($all > 490 && $all <= 500, "and the prompt are the limit: $all of 500");

$up->reset(framed($long));
ask('free', { model => 'tight-m' });
is(() = $res->{body} =~ /"word"/g, 30, "a provider's limit");

$up->reset(framed($long));
ask(++$user, { max_tokens => 140 });
is(() = $res->{body} =~ /"word"/g, 100, 'max_tokens of the client');

# an estimate may be as wrong as texts are odd, and no more: beyond that it is
# the provider that does not keep to its bound

$up->reset(framed(event((chunk('word')) x 90, finish(), '[DONE]')));
ask(++$user, { model => 'small' });
like($res->{body}, qr/"stop"/, 'an estimate does not argue with a bound');

my $words = 'word ' x 40;

for (['said by the client', { max_tokens => 5 }],
     ['of the model', { model => 'small' }])
{
    my ($whose, $body) = @$_;

    $up->reset(framed(event((chunk($words)) x 60, finish(), '[DONE]')));
    ask(++$user, $body);
    is(() = $res->{body} =~ /$words/g, 2,
       "beyond a bound $whose: cut, where the budget ends");
    like($res->{body}, qr/"length".*\[DONE\]\n\n$/s, 'with a proper end');
    billed("a bound $whose", output_tokens => 100, cost_nano => 100,
           estimated => JSON::PP::true());
    ask($user, $body);
    is($res->{status}, 429, 'nothing is left');
}

$up->reset(framed($long));
ask(++$user, {}, '/clamp/v1/chat/completions');
is(soma_json(($up->requests)[-1]{body})->{max_tokens}, 100, 'clamp: is told');
like($res->{body}, qr/"stop"/, 'clamp: and the provider keeps to it');

$up->reset(framed($long));
ask('free', {});
is(() = $res->{body} =~ /"word"/g, 150, 'without limits nothing is cut');

# the provider is left at once

$up->reset({ raw => framed(event((chunk('word')) x 120)) =~ s/0\r\n\r\n$//r,
             hang => 20 });
my $t = Time::HiRes::time();
ask(++$user, {});
ok($res->{complete}, 'a provider that goes on: the client has its end');
cmp_ok(Time::HiRes::time() - $t, '<', 15, 'and need not wait');

# a client that has gone, in drain: its budget ends it too

$up->reset({ raw => framed(event((chunk('word')) x 120)) =~ s/0\r\n\r\n$//r,
             piece => 2000, delay => 0.05, hang => 20 });
$name = 'gone';
my $s = $n->open('POST', '/drain/v1/chat/completions',
                 '{"model":"m","stream":true}', 'X-Request-Id' => $name,
                 Authorization => 'Bearer sk-' . ++$user);
$s->event;
$s->close;
billed('drained', output_tokens => 100, cost_nano => 100);
record('acme', 'gone');

# many at once: the budget is spent, to its last token, and never passed

$up->reset(framed(event((chunk('word')) x 7000, finish(), '[DONE]')));
my %pid;

for my $i (1 .. $STREAMS) {
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        my $ok = eval { ask('many', {}) } && $res->{complete}
                 && ($res->{body} =~ /"length".*\[DONE\]\n\n$/s
                     || $res->{status} == 429);

        POSIX::_exit(!$ok ? 2 : $res->{status} == 200 ? 0 : 1);
    }

    $pid{$pid} = 1;
}

my @ends = (0, 0, 0);

for my $pid (keys %pid) {
    waitpid $pid, 0;
    $ends[($? >> 8) % 3]++;
}

is($ends[2], 0, "$STREAMS streams at once: cut, or refused when all is spent");
ok($ends[0] > 0, "$ends[0] were cut");
soma_wait(20, sub { records('many') >= $ends[0] });
my $sum = 0;
$sum += $_->{cost_nano} for records('many');
ok($sum <= 6000 && $sum >= 5880, "they cost their budget, not more: $sum");

my ($day) = grep { /usage:\d{4}-\d\d-\d\d$/ }
            @{$redis->cmd('KEYS', 'soma:{many}:usage:*')};
my $books = $redis->hash($day);
my ($cost) = map { $books->{$_} } grep { /cost_nano$/ } keys %$books;
is($cost, $sum, 'the books say the same, to the nano-dollar');

# the records of all that was cut

my %record = map { $_->{id} => $_ } record('acme', 'gone');

for (@bills) {
    my ($id, $what, $want) = @$_;

    my $r = record('acme', $id);
    is_deeply({ map { $_ => $r->{$_} } keys %$want }, $want, "bill: $what")
        or diag soma_to_json($r);
}

ok($n->quit, 'quit');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad in the log');
like($n->error_log, qr/has nothing left for this stream, cut after 100 tok/,
     'a cut is in the log');

done_testing();
