# What is an answer and what is none, errors in the client's dialect, a key
# that is refused, how long is waited, and whose failures close a target.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $good = soma_response(200, '{"choices":[{"message":{"content":"good"}}],'
                         . '"usage":{"prompt_tokens":3,"completion_tokens":4}}');
my $one = soma_upstream(name => 'one', responses => [$good]);
my $two = soma_upstream(name => 'two', responses => [$good]);
my $key = 'sk-provider-0123456789';

sub provider {
    my ($name, $port, $more) = @_;

    return "soma_provider $name { dialect openai; "
           . "endpoint http://127.0.0.1:$port/v1; api_key $key; "
           . ($more // '') . " }\n";
}

# health is kept by model: each group has models of its own
my @groups = qw(none alone redirect interim first auth policy errors live
                total plain at breaker probe usage head);
my $models = join '', map { "soma_model $_-1 provider=p1 input=1 output=1;\n"
                            . "soma_model $_-2 provider=p2 input=1 output=1;\n"
                            . "soma_route $_ { model $_-1; model $_-2; }\n" }
             @groups;

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    @{[provider(p1 => $one->port,
                'timeout connect=5s first_token=60s idle=60s answer=60s;')]}
    @{[provider(p2 => $two->port)]}
    @{[provider(quick => $one->port, 'timeout first_token=1s idle=2s '
                                     . 'answer=10s total=6s;')]}
    @{[provider(deaf => $one->port, 'timeout first_token=300ms idle=10s '
                                    . 'answer=1s;')]}
    @{[provider(beat => $one->port, 'timeout heartbeat=200ms;')]}
    @{[provider(hide => $one->port, 'hide_header x-secret x-other;')]}
    @{[provider(off => $one->port, 'stream_usage off;')]}
    $models
    soma_model quick provider=quick input=1 output=1;
    soma_model deaf provider=deaf input=1 output=1;
    soma_model beat provider=beat input=1 output=1;
    soma_model hide provider=hide input=1 output=1;
    soma_model off provider=off input=1 output=1;
    soma_tenant acme { }
    soma_tenant other { }
    soma_key sha256:@{[soma_sha256('sk-acme')]} tenant=acme
             capabilities=admin;
    soma_key sha256:@{[soma_sha256('sk-other')]} tenant=other;
    log_format soma '\$status \$soma_model \$soma_attempts \$soma_cost '
                    '\$soma_error';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
    location = /metrics { soma_metrics; allow 127.0.0.1; deny all; }
END2

sub ask {
    my ($model, %more) = @_;
    my $key = delete $more{key} // 'sk-acme';
    my $uri = delete $more{uri} // '/v1/chat/completions';
    my $body = soma_to_json({ model => $model, messages => [
                   { role => 'user', content => 'hello' }], %more });

    return $n->post($uri, $body, Authorization => "Bearer $key");
}

sub error { my ($r) = @_; (eval { soma_json($r->{body}) } // {})->{error}
            // {} }

sub refused {
    my ($res, $status, $code, $name) = @_;

    is("$res->{status} " . (error($res)->{code} // ''), "$status $code", $name);
    is($res->{headers}{'content-type'}, 'application/json', "$name: its type");
    is($res->{headers}{'x-content-type-options'}, 'nosniff',
       "$name: not to be guessed at");
}

sub logged {
    my ($what) = @_;
    return soma_wait(5, sub { Soma::slurp($n->dir . '/logs/soma.log')
                              =~ $what });
}

sub health {
    my ($name) = @_;
    my $all = soma_json($n->get('/soma/health', Authorization =>
                                'Bearer sk-acme')->{body});
    my ($p) = grep { $_->{name} eq $name } @{$all->{providers}};

    return $p;
}

sub typed { "HTTP/1.1 200 OK\r\nContent-Type: $_[0]\r\nContent-Length: "
            . length($_[1]) . "\r\n\r\n$_[1]" }

my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

# 2xx that are no answers

for (['an error object', typed('application/json',
                               '{"error":{"message":"no","code":502}}')],
     ['an empty body', typed('application/json', '')],
     ['null', typed('application/json', 'null')],
     ['an empty object', typed('application/json', '{}')],
     ['a list', typed('application/json', '[]')],
     ['a number', typed('application/json', '7')],
     ['a page', typed('text/html', '<!doctype html><title>login</title>')],
     ['a text', typed('text/plain', 'upstream connect error')],
     ['JSON that is cut', typed('application/json', '{"id":"x","cho')],
     ['an error that has no end yet', { raw => typed('application/json',
          '{"error":{"message":"' . 'x' x 20000 . '"}}'), piece => 9000,
          delay => 0.01 }],
     ['an error until the end of the connection',
      { raw => "HTTP/1.0 200 OK\r\n\r\n{\"error\":{\"message\":\"x\"}}",
        close => 1 }],
     ['a 204', "HTTP/1.1 204 No Content\r\n\r\n"],
     ['a 304', "HTTP/1.1 304 Not Modified\r\n\r\n"])
{
    my ($name, $answer) = @$_;

    $one->reset($answer);
    my $res = ask('none');
    is($res->{headers}{'x-soma-model'}, 'none-2', "$name moves on");
    $one->reset($good);
    ask('none');

    $one->reset($answer);
    refused(ask('alone-1'), 502, 'upstream_error', "$name, and nobody else");
    $one->reset($good);
    ask('alone-1');
}

ok(logged(qr/^502 alone-1 1 0 upstream_error$/m), 'it costs nothing');

$one->reset(typed('text/plain', '{"choices":[{"message":{"content":"x"}}],'
                  . '"usage":{"prompt_tokens":1,"completion_tokens":1}}'));
my $res = ask('alone-1');
is($res->{status}, 200, 'JSON that calls itself a text');
is($res->{headers}{'content-type'}, 'application/json', 'is told as it is');

$one->reset({ raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json"
              . "\r\n\r\n" . ($good =~ s/.*\r\n\r\n//sr), hang => 30 });
my $began = time;
$res = ask('alone-1');
is($res->{status}, 200, 'JSON until the end of the connection');
cmp_ok(time - $began, '<', 20, 'ends with its last brace');
ok(defined $res->{headers}{'x-soma-cost'}, 'and says what it costs');

$one->reset({ raw => "HTTP/1.0 200 OK\r\nContent-Type: application/json"
              . "\r\n\r\n{\"choices\":[{\"mess", close => 1 });
is(ask('none')->{headers}{'x-soma-model'}, 'none-2',
   'one that is cut there moves on');
$one->reset($good);
ask('none');

$one->reset(typed('text/plain', "[Music]\n"));
$res = $n->request('POST', '/v1/audio/transcriptions', join("\r\n", '--B',
    'Content-Disposition: form-data; name="model"', '', 'alone-1', '--B',
    'Content-Disposition: form-data; name="file"; filename="a.mp3"', '', 'x',
    '--B--', ''), Authorization => 'Bearer sk-acme',
    'Content-Type' => 'multipart/form-data; boundary=B');
is("$res->{status} $res->{body}", "200 [Music]\n", 'a transcript is a text');
is($res->{headers}{'x-content-type-options'}, 'nosniff', 'not to be guessed');

# redirects end here

for my $status (301, 302, 303, 307, 308) {
    $one->reset(soma_response($status, '', Location => 'http://x/v1/',
                              Refresh => '0;url=http://x/'));
    $res = ask('alone-1');
    is($res->{status}, 502, "a $status is no answer");
    is($res->{headers}{location}, undef, 'nobody is led past the gateway');
    $one->reset($good);
    ask('alone-1');
}

# interim answers

for my $interim ("HTTP/1.1 100 Continue\r\n\r\n",
                 "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
                 "HTTP/1.1 102 Processing\r\n\r\n" x 3)
{
    for my $answer ($good, $head . "data: {\"choices\":[{\"delta\":{"
                           . "\"content\":\"good\"}}]}\n\ndata: [DONE]\n\n")
    {
        $one->reset({ raw => $interim . $answer, piece => 20,
                      delay => 0.002, close => 1 });
        $res = ask('interim-1', $answer eq $good ? () : (stream => \1));
        is($res->{status}, 200, 'an interim answer is passed over');
        like($res->{body}, qr/good/, 'the one behind it counts');
        is($res->{headers}{link}, undef, 'its header is its own');
    }
}

$one->reset({ raw => "HTTP/1.1 100 Continue\r\n\r\n" x 100 . $good,
              close => 1 });
is(ask('interim')->{headers}{'x-soma-model'}, 'interim-2',
   'interim answers without an end are none');

# an error as first event, longer than the buffer

my $fat = '{"error":{"message":"' . 'm' x 100000 . '"}}';

for (['as it begins', "data: $fat\n\n"],
     ['behind something long', 'data: {"pad":"' . 'p' x 50000 . '",'
      . substr($fat, 1) . "\n\n"],
     ['by its name', "event: error\ndata: {\"x\":\"" . 'y' x 50000 . "\"}\n\n"],
     ['an end and nothing else', "data: [DONE]\n\n"])
{
    my ($name, $event) = @$_;

    $one->reset({ raw => $head . ": hi\n\n" . $event, piece => 7000,
                  close => 1 });
    $res = ask('first', stream => \1);
    is($res->{headers}{'x-soma-model'}, 'first-2', "an error event, $name");
    $one->reset($good);
    ask('first');

    $one->reset({ raw => $head . $event, close => 1 });
    refused(ask('alone-1', stream => \1), 502, 'upstream_error',
            "$name, and nobody else");
    $one->reset($good);
    ask('alone-1');
}

# a key that is refused

my $told = '{"error":{"message":"Incorrect API key provided: sk-provi****6789",'
           . '"code":"invalid_api_key"}}';

for my $status (401, 402, 403, 407) {
    $one->reset(soma_response($status, $told, 'WWW-Authenticate' => 'Bearer'));
    $res = ask('auth');
    is($res->{headers}{'x-soma-model'}, 'auth-2',
       "a key refused by $status moves on");

    $res = ask('alone-1');
    refused($res, 502, 'provider_auth', "a key refused by $status");
    unlike($res->{raw} // $res->{body}, qr/sk-provi|Incorrect/,
           'nothing of it is told');
    is($res->{headers}{'x-should-retry'}, 'false', 'nor worth another try');
    ok(health('p1')->{key_refused_since}, 'health tells');
    like($n->get('/metrics')->{body},
         qr/^soma_provider_key_refused\{provider="p1"\} 1$/m, 'a gauge too');
    like($n->get('/metrics')->{body},
         qr/^soma_provider_up\{provider="p1"\} 0$/m, 'it is not up');

    $one->reset($good);
    ask('alone-1');
    ok(!health('p1')->{key_refused_since}, 'until it is taken again');
    ask('auth');
}

$one->reset(soma_response(403, '{"error":{"message":"flagged","metadata":{'
                          . '"reasons":["violence"]}}}'));
$res = ask('policy');
is($res->{status}, 403, 'a 403 about what was asked');
like($res->{body}, qr/violence/, 'is the client\'s to read');
ok(!health('p1')->{key_refused_since}, 'and says nothing of the key');

# errors in the client's dialect

for (['a page', 502, '<html>502</html>', 502, 'upstream_error'],
     ['nothing', 500, '', 502, 'upstream_error'],
     ['an edge that is slow', 524, '<html>524</html>', 504,
      'upstream_timeout'],
     ['a text', 503, 'no healthy upstream', 503, 'upstream_error'],
     ['overloaded', 529, 'overloaded', 503, 'upstream_error'],
     ['a 4xx in plain words', 404, 'no such deployment', 404,
      'provider_error'],
     ['one in FastAPI\'s words', 422, '{"detail":[{"msg":"bad"}]}', 422,
      'provider_error'],
     ['one that shows our key', 400, "{\"error\":{\"message\":\"$key\"}}", 400,
      'provider_error'])
{
    my ($name, $status, $body, $client, $code) = @$_;

    $one->reset(soma_response($status, $body, 'Content-Type' => 'text/html'));
    $res = ask('errors-1');
    refused($res, $client, $code, "$name of status $status");
    unlike($res->{body}, qr/<html>|sk-provider/, 'nothing of it goes through');
    $one->reset($good);
    ask('errors-1');
}

$one->reset(soma_response(404, 'no such deployment'));
is(error(ask('errors-1'))->{message}, 'no such deployment',
   'a short text is what the error says');
$one->reset(soma_response(520, '{"error":{"message":"mine"}}'));
$res = ask('errors-1');
is($res->{status}, 502, 'a status that clients do not know');
is(error($res)->{message}, 'mine', 'with an error as it was written');
$one->reset({ raw => "HTTP/1.0 500 X\r\nContent-Type: application/json\r\n\r\n"
              . '{"error":{"message":"old"}}', close => 1 });
is(error(ask('errors-1'))->{message}, 'old', 'one without a length');
$one->reset({ raw => "HTTP/1.0 400 X\r\n\r\n", close => 1 });
refused(ask('errors-1'), 400, 'provider_error', 'one without a body');

# what comes is a sign of life

my $text = 'data: {"choices":[{"delta":{"content":"good"}}]}' . "\n\n"
           . "data: [DONE]\n\n";

$one->reset({ raw => $head . ": x\n\n" x 12 . $text, piece => 15,
              delay => 0.15, close => 1 });
$res = ask('quick', stream => \1);
like($res->{body}, qr/good/, 'comments restart the wait for a first token');

$one->reset({ raw => $head . "data: {\"choices\":[{\"delta\":{\"role\":"
              . "\"assistant\"}}]}\n\n" . $text, gate => [100, '/nowhere'] ,
              close => 1 });
my $t = time;
$res = ask('deaf', stream => \1);
cmp_ok(time - $t, '<', 8, 'a role is no token: first_token is the bound');
like($res->{body}, qr/"error"/, 'and the stream ends with an error');

$one->reset({ raw => $head . ": x\n\n" x 500, piece => 5, delay => 0.1,
              close => 1 });
$t = time;
$res = ask('quick', stream => \1);
cmp_ok(time - $t, '<', 20, 'but comments alone have an end');
like($res->{body}, qr/"error"/, 'which is an error');

my $plain = $good =~ s/.*\r\n\r\n//sr;
$one->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
              . 'Content-Length: ' . (40 + length $plain) . "\r\n\r\n"
              . "\n" x 40 . $plain, piece => 40, delay => 0.1 });
$res = ask('quick');
is($res->{status}, 200, 'blank lines before JSON');
like($res->{body}, qr/^\s*\Q$plain\E$/, 'do not hide it');
ok($res->{complete}, 'nor make it longer than it says');

$one->reset({ raw => $good, wait => 0.8 });
is(ask('deaf')->{status}, 200, 'a plain answer has a time of its own')
    unless soma_slow();
$one->reset({ raw => $good, wait => 20 });
$t = time;
is(ask('deaf')->{status}, 504, 'which ends');
cmp_ok(time - $t, '<', 15, 'before the provider does');

# comments go at once where nobody else could answer

my $gate = $n->dir . '/gate';

$one->reset({ raw => "$head: x\n\n$text", gate => [length($head) + 5, $gate],
              close => 1 });
my $stream = soma_open($n->port, 'POST', '/v1/chat/completions',
                       soma_to_json({ model => 'at-1', stream => \1,
                                      messages => [] }),
                       Authorization => 'Bearer sk-acme');
is($stream->{status}, 200, 'a keep-alive before any event goes out');
open my $fh, '>', $gate or die;
close $fh;
like($stream->rest, qr/^: x\n\n.*good/s, 'and the events behind it');

# so does a header alone, and comments of our own while a provider thinks

unlink $gate;
$one->reset({ raw => $head . $text, gate => [length $head, $gate],
              close => 1 });
$stream = soma_open($n->port, 'POST', '/v1/chat/completions',
                    soma_to_json({ model => 'at-1', stream => \1,
                                   messages => [] }),
                    Authorization => 'Bearer sk-acme');
is($stream->{status}, 200, 'a header with nothing behind it goes out');
open $fh, '>', $gate or die;
close $fh;
like($stream->rest, qr/^data: .*good/s, 'and the events behind it');

unlink $gate;
my $half = $head . "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
$one->reset({ raw => $half . $text, gate => [length $half, $gate],
              close => 1 });
$stream = soma_open($n->port, 'POST', '/v1/chat/completions',
                    soma_to_json({ model => 'beat', stream => \1,
                                   messages => [] }),
                    Authorization => 'Bearer sk-acme');
my @lines = map { $stream->line } 1 .. 6;
is(scalar(grep { /^: heartbeat/ } @lines), 2,
   'comments of ours while the provider is silent');
open $fh, '>', $gate or die;
close $fh;
like($stream->rest, qr/good.*\[DONE\]\n\n$/s, 'the stream is whole all the same');

unlink $gate;
$one->reset({ raw => $half . substr($text, 0, 20), hang => 0.8, close => 1 });
unlike(ask('beat', stream => \1)->{body}, qr/choi: heart|: heartbeat\n\nces/,
       'none within an event');

# whose failures close a target

my $bad = sub { my ($r) = @_; $r->{body} =~ /poison/
                ? soma_response(500, '{"error":{"message":"boom"}}') : $good };
my @poison = (messages => [{ role => 'user', content => 'poison' }]);

$one->reset($bad);
ask('breaker-1', @poison) for 1 .. 30;
is(ask('breaker-1', key => 'sk-other')->{status}, 200,
   'who fails alone shuts nobody else out');
is(ask('breaker-1')->{status}, 200, 'nor itself for good: the last target is '
   . 'asked on');

$one->reset(soma_response(429, '{"error":{"message":"slow down"}}',
                          'Retry-After' => 60), $good);
is(ask('breaker-1')->{headers}{'retry-after'}, 60, 'a pause that is asked for');
is(ask('breaker-1', key => 'sk-other')->{status}, 200, 'is not for others');

$one->reset(soma_response(400, '{"error":{"message":"yours"}}'));
ask('probe') for 1 .. 20;
is($one->count, 20, 'a 4xx that is the client\'s own closes nothing');

$one->reset($bad);
ask('probe', @poison) for 1 .. 3;
ask('probe', @poison, key => 'sk-other') for 1 .. 3;
my $count = $one->count;
is(ask('probe', key => 'sk-other')->{headers}{'x-soma-model'}, 'probe-2',
   'two who fail close it to all');
is($one->count, $count, 'where another target can take its place');
is(ask('probe-1')->{status}, 200, 'where none can it is asked');
is(ask('probe')->{headers}{'x-soma-model'}, 'probe-1', 'and is well again');

# one at a time

$one->reset($bad);
ask('usage-1', @poison) for 1 .. 10;
unlink $gate;
$one->reset({ raw => $good, gate => [1, $gate] });
my $first = fork() // die;
if (!$first) {
    POSIX::_exit(ask('usage-1')->{status} == 200 ? 0 : 1);
}
ok(soma_wait(10, sub { $one->count }), 'one looks whether it is well');
$res = ask('usage-1');
is("$res->{status} " . error($res)->{code}, '503 no_target',
   'nobody else meanwhile');
ok($res->{headers}{'retry-after'}, 'they are told when to come again');
open $fh, '>', $gate or die;
close $fh;
waitpid $first, 0;
is($?, 0, 'it is');
is(ask('usage-1')->{status}, 200, 'and all may come');

# headers

$one->reset(soma_response(200, $plain, Server => 'theirs', Date => 'never',
    Via => '1.1 x', Refresh => '0', 'X-Soma-Cost' => 99,
    'X-Soma-Model' => 'theirs', 'Access-Control-Allow-Origin' => '*',
    'X-Request-Id' => 'theirs', Connection => 'x-hop, keep-alive,X-Hop2',
    'X-Hop' => 1, 'X-Hop2' => 2, 'X-Ho' => 3, 'X-Secret' => 4, 'X-Other' => 5,
    'Openai-Processing-Ms' => 6));
$res = ask('hide');
my %h = %{$res->{headers}};
like($h{server}, qr/^nginx/, 'the server is this one');
is($h{'x-soma-model'}, 'hide', 'a gateway behind: its name is not added');
unlike($h{'x-soma-cost'}, qr/99/, 'nor its cost');
ok(!exists $h{$_}, "$_ is kept back")
    for qw(via refresh access-control-allow-origin x-hop x-hop2 x-secret
           x-other);
is($h{'x-ho'}, 3, 'a part of a name is another one');
is($h{'openai-processing-ms'}, 6, 'the rest passes');

$one->reset($good);
$n->post('/v1/chat/completions', soma_to_json({ model => 'hide',
         messages => [] }), Authorization => 'Bearer sk-acme',
         Connection => 'x-hop, close', 'X-Hop' => 1, 'X-Ho' => 2);
my ($sent) = $one->requests;
is($sent->{headers}{'x-hop'}, undef, 'what a client\'s Connection names stays');
is($sent->{headers}{'x-ho'}, 2, 'as a whole word');

$one->reset(soma_response(200, $plain, 'X-Pad' => 'p' x 20000));
is(ask('head')->{headers}{'x-soma-model'}, 'head-2', 'a header without end');
like($n->error_log, qr/head-1 of p1: a header larger than soma_buffer_size/,
     'is named so');

# a provider that does not know stream_options

my $strict = sub {
    my ($r) = @_;

    return $r->{body} =~ /stream_options/
           ? soma_response(422, '{"detail":"stream_options: extra fields"}')
           : { raw => $head . $text, close => 1 };
};

$one->reset($strict);
$res = ask('usage-1', stream => \1);
like($res->{body}, qr/good/, 'stream_options refused: sent again without');
is($res->{headers}{'x-soma-attempts'}, 1, 'as one attempt');
is($one->count, 2, 'once');
like(ask('head-1', stream => \1)->{body}, qr/good/, 'the next one');
is($one->count, 3, 'is sent without at once');
$res = ask('usage-1', stream => \1,
           stream_options => { include_usage => \1 });
is($res->{status}, 422, 'a client\'s own word is its own');

$one->reset($strict);
like(ask('off', stream => \1)->{body}, qr/good/, 'stream_usage off');
is($one->count, 1, 'is never asked');

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
