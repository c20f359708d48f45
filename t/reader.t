# Answers as providers really write them: events of any size, usage wherever it
# stands, text without any usage, the first token, and JSON without its end.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;

my $up = soma_upstream(responses => ['']);
my $second = soma_upstream(name => 'second', responses => ['']);
my $hash = soma_sha256('sk-alice');
my $bob = soma_sha256('sk-bob');
my $ENOUGH = 30;

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_provider q { dialect openai;
                      endpoint http://127.0.0.1:@{[ $second->port ]}/v1; }
    soma_model m provider=p input=1 output=1;
    soma_model n provider=q input=1 output=1;
    soma_route either { model m; model n; }
    soma_tenant acme { }
    soma_tenant small { limit tokens 600/day; }
    soma_key sha256:$hash tenant=acme user=alice;
    soma_key sha256:$bob tenant=small user=bob;
    log_format soma '\$http_x_name \$status \$soma_input_tokens '
                    '\$soma_output_tokens [\$soma_error] '
                    '\$soma_first_token_time';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
END2

my $id = 0;
my ($res, $name);

sub ask {
    my ($path, $body, $key) = @_;

    $name = 'r' . $id++;

    return $res = $n->post("/v1/$path", soma_to_json({ model => 'm', %$body }),
                           Authorization => 'Bearer sk-' . ($key // 'alice'),
                           'X-Name' => $name);
}

# what the request came to: input, output and the error
sub came {
    my ($what, $want) = @_;
    my $line;

    soma_wait($ENOUGH, sub {
        ($line) = Soma::slurp($n->dir . '/logs/soma.log')
                  =~ /^$name \d+ (\S+ \S+ \[.*?\])/m;
    });

    is($line, $want, $what);
}

sub event {
    my ($type, %data) = @_;
    return "event: $type\ndata: " . soma_to_json({ type => $type, %data })
           . "\n\n";
}

sub json { soma_to_json({ @_ }) }

sub plain {
    my ($body) = @_;
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
           . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# events that are larger than anything that is kept

my $picture = 'iVBORw0K' x 150_000;
my $pictures =
    event('image_generation.partial_image', b64_json => $picture)
    . event('image_generation.completed', b64_json => $picture,
            usage => { input_tokens => 9, output_tokens => 372,
                       total_tokens => 381 });

$up->reset(framed($pictures, 50_000));
ask('images/generations', { prompt => 'a red dot', stream => \1 });
ok($res->{complete}, 'pictures of megabytes: a whole body');
ok($res->{body} eq $pictures, 'byte for byte, and nothing behind it');
came('their usage', '9 372 [-]');

my %done = (response => { id => 'r', instructions => 'i' x 150_000,
                          output => [{ type => 'message', content => [
                              { type => 'output_text', text => 'x' x 160_000 }
                          ] }],
                          usage => { input_tokens => 40, output_tokens => 38,
                                     total_tokens => 78 } });
my $response = event('response.created', response => { id => 'r' })
               . event('response.output_text.delta', delta => 'x' x 1000)
               . event('response.completed', %done);

for (['whole', framed($response)], ['in pieces', framed($response, 4097)],
     ['in CRLF', framed($response =~ s/\n/\r\n/gr, 1024)])
{
    my ($how, $answer) = @$_;

    $up->reset($answer);
    ask('responses', { input => 'x', stream => \1 });
    unlike($res->{body}, qr/event: error/, "response.completed of 310 KB $how");
    ok($res->{complete}, 'a whole body');
    came('its usage', '40 38 [-]');
}

# its first event may be as large

my $first = event('response.created',
                  response => { id => 'r', tools => ['t' x 100_000] })
            . event('response.completed', response => {
                  id => 'r', usage => { input_tokens => 5, output_tokens => 6,
                                        total_tokens => 11 } });
$up->reset(framed($first, 3000));
ask('responses', { input => 'x', stream => \1 });
ok($res->{body} eq $first, 'a first event of 100 KB: byte for byte');
came('usage behind it', '5 6 [-]');

# cut within such an event: it ends, and the error comes behind it

$up->reset({ raw => substr(framed($pictures, 50_000), 0, 600_000),
             close => 1 });
ask('images/generations', { prompt => 'a red dot', stream => \1 });
ok($res->{body} =~ /[A-Za-z0-9]\n\n(?:event: error\n)?data: \{".*error/s,
   'broken off within an event: it ends before the error');
ok($res->{complete}, 'a whole body');

# a budget sees what is in such events: text of 400,000 bytes in one of them

my $text = 'word ' x 80_000;
$up->reset(framed(event('response.created', response => { id => 'r' })
                  . event('response.output_text.delta', delta => $text)
                  . event('response.completed', response => { id => 'r' }),
                  8000));
ask('responses', { input => 'x', stream => \1 }, 'bob');
ok(length $res->{body} < 100_000, 'a long event is cut where the budget ends');
like($res->{body}, qr/\n\nevent: response\.incomplete\n.*\n\n\z/s,
     'with a proper end');
like($res->{body}, qr/output_text\.delta\n\n\nevent/, 'and nothing of it');

# usage where some put it, and what is no usage

my $chat = '{"id":"c","object":"chat.completion.chunk","choices":'
           . '[{"index":0,"delta":{"content":"hi"}%s}]%s}';
my $usage = '"usage":{"prompt_tokens":"100","completion_tokens":50}';

for (['a choice', sprintf $chat, ",\"finish_reason\":\"stop\",$usage", ''],
     ['x_groq', sprintf $chat, ',"finish_reason":"stop"',
                        ",\"x_groq\":{$usage}"],
     ['the message', sprintf $chat, ',"finish_reason":"stop"',
                             ",\"message\":{$usage}"])
{
    my ($where, $event) = @$_;

    $up->reset(framed("data: $event\n\ndata: [DONE]\n\n"));
    ask('chat/completions', { messages => [], stream => \1 });
    came("usage in $where", '100 50 [-]');
}

for my $choices ('"choices":[],', '"choices":null,', '') {
    $up->reset(framed('data: ' . sprintf($chat, '', '') . "\n\n"
                      . "data: {\"id\":\"c\",$choices$usage}\n\n"
                      . "data: [DONE]\n\n"));
    ask('chat/completions', { messages => [], stream => \1 });
    unlike($res->{body}, qr/usage/, "a usage chunk with $choices is hidden");
    came('and counts', '100 50 [-]');
}

# text that nobody counted

my $words = 'word ' x 80;

for (['no usage', ''], ['an empty one', ',"usage":{}'],
     ['a negative one', ',"usage":{"prompt_tokens":-1,"completion_tokens":-1}'],
     ['one that is a list', ',"usage":[-]'])
{
    my ($what, $usage) = @$_;

    $up->reset(plain("{\"choices\":[{\"message\":{\"content\":\"$words\"}}]"
                     . "$usage}"));
    ask('chat/completions', { messages => [] });
    like($res->{body}, qr/word/, "$what: passes");
    soma_wait($ENOUGH, sub {
        Soma::slurp($n->dir . '/logs/soma.log') =~ /^$name /m
    });
    like(Soma::slurp($n->dir . '/logs/soma.log'),
         qr/^$name 200 [1-9]\d* 100 \[-\]/m, 'its text is counted');
}

$up->reset(plain('{"choices":[{"message":{"content":"hi"}}],"usage":'
                 . '{"prompt_tokens":0,"completion_tokens":0}}'));
ask('chat/completions', { messages => [] });
came('explicit zeros are zeros', '0 0 [-]');

# the first token is text or a call, not a role nor a beginning

my $role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
           . "\"content\":\"\"}}]}\n\n";
my $rest = 'data: ' . sprintf($chat, ',"finish_reason":"stop"', '')
           . "\n\ndata: [DONE]\n\n";
my $head = framed($role) =~ s/0\r\n\r\n\z//r;
$up->reset({ raw => $head . sprintf("%x\r\n%s\r\n0\r\n\r\n", length $rest,
                                    $rest),
             piece => length $head, delay => 0.5 });
ask('chat/completions', { messages => [], stream => \1 });
soma_wait($ENOUGH, sub {
    Soma::slurp($n->dir . '/logs/soma.log') =~ /^$name .*\n/m
});
my ($ttft) = Soma::slurp($n->dir . '/logs/soma.log') =~ /^$name .* (\S+)$/m;
cmp_ok($ttft, '>=', 0.4, "the first token is text: $ttft s");

# JSON that ends before its last brace: the client sees it, whatever the frame

my $cut = '{"choices":[{"message":{"content":"' . 'word ' x 20_000;
my $short = '{"choices":[{"message":{"content":"hello';

for (['a length', plain($cut)],
     ['chunks', framed($cut, 3333) =~ s{text/event-stream}{application/json}r],
     ['HTTP/1.0 to the end of the connection',
      { raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n$cut",
        close => 1 }])
{
    my ($how, $answer) = @$_;

    $up->reset($answer);
    ask('chat/completions', { messages => [] });
    ok(!$res->{complete}, "cut JSON of $how is cut for the client");
    came('what was made is not known, and reserved', '3 4096 [-]');
}

$up->reset(plain($short));
ask('chat/completions', { messages => [] });
is($res->{status}, 502, 'what is seen before a byte went out is a failure');

$up->reset(plain($short));
$second->reset(plain('{"choices":[{"message":{"content":"yes"}}],"usage":'
                     . '{"prompt_tokens":3,"completion_tokens":1}}'));
ask('chat/completions', { model => 'either', messages => [] });
like($res->{body}, qr/yes/, 'and the next target is asked');
came('that one is billed', '3 1 [-]');

$up->reset({ raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
                    . $cut . '"}}],"usage":{"prompt_tokens":3,'
                    . "\"completion_tokens\":1}}\n", close => 1 });
ask('chat/completions', { messages => [] });
ok($res->{complete}, 'whole JSON may end with its connection');
came('and is billed', '3 1 [-]');

ok($n->quit, 'quit');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad in the log');

done_testing();
