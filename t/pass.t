# The body and the headers on their way to a provider and back.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use IO::Socket::INET;

my $up = soma_upstream(responses => [soma_response(200, '{"object":"x"}')]);
my $hash = soma_sha256('sk-alice');
my $narrow = soma_sha256('sk-narrow');

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/base/v1/;
        api_key sk-secret;
    }
    soma_provider e { dialect echo; }
    soma_model m provider=p name=the-real-one input=1 output=2;
    soma_model same provider=p input=1 output=2;
    soma_model odd/name:1 provider=p input=1 output=2;
    soma_model echo provider=e input=0.15 output=0.60;
    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
    soma_key sha256:$narrow tenant=acme user=nina "models=echo gpt-*";
    log_format soma '\$status \$soma_model \$soma_provider \$soma_input_tokens '
                    '\$soma_output_tokens \$soma_cost \$soma_attempts '
                    '\$soma_error';
    access_log logs/soma.log soma;
END
    client_max_body_size 8m;
    location /v1/ { soma_pass; }
    location /small/v1/ { soma_body_buffer 8k; soma_pass;
                          client_max_body_size 8m; }
    location /tiny/v1/ { client_max_body_size 1k; soma_pass; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub ask { my $uri = shift; $n->post($uri, shift, @alice, @_) }
sub chat { ask('/v1/chat/completions', @_) }
sub code { my ($res) = @_; eval { soma_json($res->{body})->{error}{code} } }

# the last request only: decoding all of them takes its time
sub sent {
    my ($last) = Soma::slurp("$up->{dir}/requests") =~ /([^\n]*)\n\z/;
    JSON::PP->new->latin1->decode($last);
}

sub logged {
    my ($what) = @_;
    soma_wait(2, sub { Soma::slurp($n->dir . '/logs/soma.log') =~ $what });
}


# the body's bytes

my @bodies = (
    ['{"model":"m","messages":[]}', '{"model":"the-real-one","messages":[]}',
     'model renamed'],
    ['{"model":"same","messages":[]}', undef, 'the same name: nothing changed'],
    ["{ \"messages\" : [ {\"content\":\"\x{c3}\x{a9} \\u00e9 \\\"model\\\"\"} ]"
     . ",\r\n\t\"model\"\t: \"m\" , \"temperature\":1.0e0}\n",
     "{ \"messages\" : [ {\"content\":\"\x{c3}\x{a9} \\u00e9 \\\"model\\\"\"} ]"
     . ",\r\n\t\"model\"\t: \"the-real-one\" , \"temperature\":1.0e0}\n",
     'blanks, escapes and numbers stay as they are'],
    ['{"\u006dodel":"m"}', '{"\u006dodel":"the-real-one"}',
     'an escaped name of a member'],
    ['{"model":"\u006d"}', '{"model":"the-real-one"}', 'an escaped model'],
    ['{"x":{"model":"m"},"model":"m"}',
     '{"x":{"model":"m"},"model":"the-real-one"}', 'only the outer model'],
    ['{"model":"m","stream":true}',
     '{"stream_options":{"include_usage":true},"model":"the-real-one",'
     . '"stream":true}', 'include_usage added'],
    ['{"model":"m","stream":true,"stream_options":{}}',
     qr/^\{"model":"the-real-one","stream":true,"stream_options":\{"include_usage":true\}\}$/,
     'include_usage added to empty options'],
    ['{"stream_options":{"include_usage":false,"a":1},"model":"m","stream":true}',
     '{"stream_options":{"include_usage":true,"a":1},"model":"the-real-one","stream":true}',
     'include_usage false made true'],
    ['{"stream_options":{"include_usage":true},"model":"m","stream":true}',
     '{"stream_options":{"include_usage":true},"model":"the-real-one","stream":true}',
     'include_usage true left'],
    ['{"stream_options":null,"model":"m","stream":true}',
     qr/^\{"stream_options":\{"include_usage":true\},"model":"the-real-one","stream":true\}$/,
     'options that are null'],
    ['{"model":"m","stream":false}', '{"model":"the-real-one","stream":false}',
     'no stream: no options'],
    ['{"model":"odd/name:1"}', undef, 'a name with a slash'],
);

for (@bodies) {
    my ($body, $want, $name) = @$_;
    my $res = chat($body);

    is($res->{status}, 200, $name);

    if (ref $want) {
        like(sent()->{body}, $want, "$name: the bytes");

    } else {
        is(sent()->{body}, $want // $body, "$name: the bytes");
    }
}

is(sent()->{uri}, '/base/v1/chat/completions', 'below the path of endpoint');

$up->reset(soma_response(200, '{"object":"x"}'));

for (100, 1000, 100000, 2 * 1024 * 1024) {
    $up->reset(soma_response(200, '{"object":"x"}'));

    my $text = join '', map { chr(97 + $_ % 26) } 1 .. 997;
    my $long = substr $text x ($_ / 997 + 1), 0, $_;
    my $body = qq({"messages":[{"content":"$long"}],"model":"m"});
    my $want = qq({"messages":[{"content":"$long"}],"model":"the-real-one"});

    for my $uri ('/v1/chat/completions', '/small/v1/chat/completions') {
        next if $uri =~ /small/ && $_ > 1024 * 1024;
        is(ask($uri, $body)->{status}, 200, "$uri with $_ bytes");
        ok(sent()->{body} eq $want, 'as they were');
    }
}

sub raw {
    my ($head, @pieces) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;
    local $SIG{PIPE} = 'IGNORE';
    $s->autoflush(1);
    print $s $head;

    for (@pieces) {
        select undef, undef, undef, 0.03;
        print $s $_;
    }

    my $got = '';
    my $bits = '';
    vec($bits, fileno $s, 1) = 1;

    while (select my $ready = $bits, undef, undef, 5) {
        sysread $s, $got, 65536, length $got or last;
        last if $got =~ /\A(?!HTTP\S+ 100).*?\r\n\r\n.*\}/s;
    }

    return $got;
}

my $head = "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n"
           . "Authorization: Bearer sk-alice\r\n";
my $body = '{"model":"m","messages":[{"content":"0123456789"}]}';
(my $want = $body) =~ s/"m"/"the-real-one"/;

$up->reset(soma_response(200, '{"object":"x"}'));

like(raw("${head}Content-Length: " . length($body) . "\r\n\r\n",
         map { substr $body, 5 * $_, 5 } 0 .. 10), qr/^HTTP\S+ 200/,
     'a body in pieces');
is(sent()->{body}, $want, 'its bytes');

# the first piece comes with the header: two buffers, "model" cut in two
like(raw("${head}Content-Length: " . length($body) . "\r\n\r\n"
         . substr($body, 0, 11), substr($body, 11)), qr/^HTTP\S+ 200/,
     'a body in two buffers');
is(sent()->{body}, $want, 'its bytes');

like(raw("${head}Transfer-Encoding: chunked\r\n\r\n",
         (map { sprintf "%x\r\n%s\r\n", length $_, $_ }
          map { substr $body, 7 * $_, 7 } 0 .. 7), "0\r\n\r\n"),
     qr/^HTTP\S+ 200/, 'a chunked body');
is(sent()->{body}, $want, 'its bytes');
is(sent()->{headers}{'content-length'}, length $want, 'with a length');
is(sent()->{headers}{'transfer-encoding'}, undef, 'and no chunks');

my $got = raw("${head}Expect: 100-continue\r\nContent-Length: "
              . length($body) . "\r\n\r\n", $body);
like($got, qr/^HTTP\S+ 100.*^HTTP\S+ 200/ms, 'Expect: 100-continue');
is(sent()->{headers}{expect}, undef, 'is not passed on');

(my $old = $head) =~ s{HTTP/1\.1}{HTTP/1.0};
$got = raw("${old}Content-Length: " . length($body) . "\r\n\r\n", $body);
like($got, qr/^HTTP\S+ 200.*\{"object":"x"\}$/s, 'HTTP/1.0');
like(sent()->{line}, qr{HTTP/1\.1$}, 'HTTP/1.1 to the provider');


# several requests over one connection: a body nobody read is no request

my $bad = $head =~ s/sk-alice/sk-wrong/r;
my $long = '{"model":"m","x":"' . "GET /evil HTTP/1.1\r\n\r\n" x 3 . '"}';
my $odd = '{"model":"nope"}';
my @three = ("${bad}Content-Length: " . length($long) . "\r\n\r\n$long",
             "${head}Content-Length: " . length($odd) . "\r\n\r\n$odd",
             "${head}Content-Length: " . length($body) . "\r\n\r\n$body",
             "GET /v1/models HTTP/1.1\r\nHost: h\r\nx-api-key: sk-alice\r\n"
             . "Connection: close\r\n\r\n");

for (['pipelined', 0], ['one after the other', 0.1]) {
    my ($how, $pause) = @$_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die;

    for (@three) {
        print $s $_;
        select undef, undef, undef, $pause if $pause;
    }

    my $got = do { local $/; <$s> };
    my @status = $got =~ m{HTTP/1\.1 (\d+)}g;
    is("@status", '401 404 200 200', "$how: each its answer");
}

# what is refused

my $before = $up->count;

for (['', 400, 'an empty body', 'invalid_json'],
     ['{"model":"m"', 400, 'a body cut short', 'invalid_json', qr/at byte 12/],
     ['{"model":"m",}', 400, 'a comma too many', 'invalid_json',
      qr/at byte 13/],
     ['["model","m"]', 400, 'an array', 'invalid_json'],
     ['{"model":"m"}{}', 400, 'two values', 'invalid_json'],
     ["{\"model\":\"a\nb\"}", 400, 'a raw newline in a string'],
     ["{\"model\":\"\xff\"}", qr/40[04]/, 'no UTF-8'],
     ['{"messages":[]}', 400, 'no model', 'invalid_request', qr/model/],
     ['{"model":7}', 400, 'a model that is a number'],
     ['{"model":""}', 400, 'an empty model'],
     ['{"model":"m","stream":"yes"}', 400, 'a stream that is no boolean'],
     ['{"model":"m","model":"echo"}', 400, 'model twice', 'invalid_json'],
     ['{"model":"m","\u006dodel":"echo"}', 400, 'model twice, escaped',
      'invalid_json'],
     ['{"\u006d\u006fdel":"m","mode\u006C":"echo"}', 400,
      'model twice, both escaped', 'invalid_json'],
     ['{"model":"m","max_tokens":1,"max_tokens":9}', 400, 'max_tokens twice'],
     ['{"model":"m","stream":true,"stream":false}', 400, 'stream twice'],
     ['{"model":"m","n":0}', 400, 'n of 0'],
     ['{"model":"m","max_tokens":-2}', 400, 'negative max_tokens'],
     ['{"model":"m","max_tokens":0}', 400, 'an answer of 0 tokens',
      'invalid_request', qr/not an answer/],
     ['{"model":"nope"}', 404, 'an unknown model', 'model_not_found',
      qr/"nope|nope/],
     ['{"model":"M"}', 404, 'names are case-sensitive'],
     ['{"model":"the-real-one"}', 404, "the provider's own name"],
     [sprintf('{"model":"%s"}', 'x' x 5000), qr/40[04]/, 'a very long name'],
     ['{"model":"a\u0000b\u000d\u000aX: y"}', qr/40[04]/, 'a name of controls'],
     ['[' x 200000, 400, 'a deep body'],
     [('{"a":' x 100000), 400, 'a deep object'])
{
    my ($body, $status, $name, $code, $said) = @$_;
    my $res = chat($body);

    ref $status ? like($res->{status}, $status, $name)
                : is($res->{status}, $status, $name);
    is(code($res), $code, "$name: the code") if $code;
    like($res->{body}, $said, "$name: the message") if $said;
    ok(eval { soma_json($res->{body})->{error}{message} }, "$name: in JSON");
}

is($up->count, $before, 'nothing of that reached the provider');

my $res = $n->post('/v1/chat/completions', '{"model":"m"}',
                   Authorization => 'Bearer sk-narrow');
is($res->{status}, 403, 'a model that the key may not use');
is(code($res), 'model_not_allowed', 'its code');
is($n->post('/v1/chat/completions', '{"model":"echo","messages":[]}',
            Authorization => 'Bearer sk-narrow')->{status}, 200,
   'one that it may');

$res = $n->get('/v1/models', Authorization => 'Bearer sk-narrow');
is(join(' ', sort map { $_->{id} } @{ soma_json($res->{body})->{data} }),
   'echo', '/v1/models lists what the key may use');
is($n->get('/v1/models/m', Authorization => 'Bearer sk-narrow')->{status}, 404,
   'nor is another one told of');
is($n->get('/v1/models/odd/name:1', @alice)->{status}, 200,
   'a model with a slash');
is($n->get('/v1/models')->{status}, 401, 'not without a key');

$res = ask('/v1/nothing/here', '{"model":"m"}');
is($res->{status}, 404, 'an unknown path');
is(code($res), 'unknown_url', 'its code');
is(ask('/v1/chat/completions/', '{"model":"m"}')->{status}, 404,
   'a slash too many');

for ('GET', 'PUT', 'DELETE', 'OPTIONS') {
    $res = $n->request($_, '/v1/chat/completions', undef, @alice);
    is($res->{status}, 405, $_);
    is(code($res), 'method_not_allowed', "$_: its code");
}

$res = $n->request('HEAD', '/v1/chat/completions', undef, @alice);
is($res->{status}, 405, 'HEAD');
is($res->{body}, '', 'HEAD: no body');
$res = $n->request('HEAD', '/v1/models', undef, @alice);
is($res->{status}, 200, 'HEAD of a list');
like($res->{raw}, qr/\r\n\r\n\z/, 'without a body');

$res = ask('/tiny/v1/chat/completions', '{"model":"m"}' . ' ' x 2000);
is($res->{status}, 413, 'a body larger than client_max_body_size');
ok(eval { soma_json($res->{body})->{error}{message} }, 'told in JSON');


# other endpoints

$up->reset(soma_response(200, '{"object":"list","usage":{"prompt_tokens":5,'
                         . '"total_tokens":5}}'));

for ('embeddings', 'responses', 'completions', 'images/generations',
     'audio/speech')
{
    $res = ask("/v1/$_", '{"model":"m","input":"hi","prompt":"hi"}');
    is($res->{status}, 200, $_);
    is(sent()->{uri}, "/base/v1/$_", "$_: its path");
    like(sent()->{body}, qr/"model":"the-real-one"/, "$_: renamed");
}

my $form = join "\r\n", '--xyz',
    'Content-Disposition: form-data; name="file"; filename="a.wav"',
    'Content-Type: audio/wav', '', "RIFF\0\1--xy \"model\" \r\n--xy", '--xyz',
    'Content-Disposition: form-data; name="model"', '', 'm', '--xyz',
    'Content-Disposition: form-data; name="language"', '', 'en', '--xyz--', '';
(my $renamed = $form) =~ s/\r\nm\r\n/\r\nthe-real-one\r\n/;
my @type = ('Content-Type' => 'multipart/form-data; boundary=xyz');

for ('/v1/audio/transcriptions', '/small/v1/audio/translations') {
    $res = ask($_, $form, @type);
    is($res->{status}, 200, "$_: a form");
    ok(sent()->{body} eq $renamed, 'its bytes, the model renamed');
    is(sent()->{headers}{'content-type'}, $type[1], 'its type');
    is(sent()->{headers}{'content-length'}, length $renamed, 'its length');
}

(my $twice = $form) =~ s/"language"/"model"/;
is(ask('/v1/audio/transcriptions', $twice, @type)->{status}, 400,
   'a form with the model twice');
is(ask('/v1/audio/transcriptions', '{"model":"m"}')->{status}, 400,
   'JSON where a form is due');
(my $none = $form) =~ s/"model"\r/"modell"\r/;
is(ask('/v1/audio/transcriptions', $none, @type)->{status}, 400,
   'a form without a model');


# headers to the provider

$up->reset(soma_response(200, '{"object":"x","usage":{"prompt_tokens":1000,'
                         . '"completion_tokens":500,"total_tokens":1500}}',
    'Set-Cookie' => 'a=b', 'OpenAI-Organization' => 'org-x',
    'OpenAI-Processing-Ms' => 12, 'x-request-id' => 'req_theirs',
    'X-Accel-Redirect' => '/etc/passwd', 'Connection' => 'keep-alive',
    'Keep-Alive' => 'timeout=5', 'x-ratelimit-remaining-requests' => 7,
    'Server' => 'upstream-server'));

$res = chat('{"model":"m"}', 'X-Stainless-Lang' => 'perl',
            'X-Request-Id' => 'my-own-1', 'User-Agent' => 'test/1',
            'Connection' => 'X-Hop', 'X-Hop' => 1, 'TE' => 'trailers',
            'Accept-Encoding' => 'gzip', 'OpenAI-Beta' => 'assistants=v2',
            'X-Forwarded-For' => '10.1.2.3', 'x-soma-tenant' => 'root');
my $h = sent()->{headers};

is($h->{'x-stainless-lang'}, 'perl', 'a header of the client passes');
is($h->{'openai-beta'}, 'assistants=v2', 'so does OpenAI-Beta');
is($h->{'user-agent'}, 'test/1', 'and User-Agent');
is($h->{host}, "127.0.0.1:" . $up->port, "Host is the provider's");
is($h->{'x-request-id'}, 'my-own-1', 'the request id goes along');
is($h->{'accept-encoding'}, 'identity', 'no compression is asked for');
like($h->{traceparent}, qr/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/,
     'a traceparent is made');
is($h->{$_}, undef, "$_ stays") for 'x-hop', 'te', 'x-forwarded-for',
                                    'x-soma-tenant', 'connection';

is($res->{headers}{'x-request-id'}, 'my-own-1', 'a request id is kept');
is($res->{headers}{'x-soma-model'}, 'm', 'x-soma-model');
is($res->{headers}{'x-soma-provider'}, 'p', 'x-soma-provider');
is($res->{headers}{'x-soma-attempts'}, 1, 'x-soma-attempts');
is($res->{headers}{'openai-processing-ms'}, 12, 'a header of the provider');
is($res->{headers}{$_}, undef, "$_ is not passed back")
    for 'set-cookie', 'openai-organization', 'x-accel-redirect', 'keep-alive';

# 1000 at 1 USD a million and 500 at 2
like($res->{headers}{'x-soma-cost'}, qr/^0\.0020*$/, 'x-soma-cost');
my $cost = $res->{headers}{'x-soma-cost'};
ok(logged(qr/^200 m p 1000 500 \Q$cost\E 1 -$/m),
   'the log has the same cost');

my $trace = '00-' . 'ab' x 16 . '-' . 'cd' x 8 . '-01';
chat('{"model":"m"}', traceparent => $trace, tracestate => 'a=b');
is(sent()->{headers}{traceparent}, $trace, 'a traceparent is kept');
is(sent()->{headers}{tracestate}, 'a=b', 'with its tracestate');

for ('a b', "x\x01", '"', 'x' x 500) {
    $res = chat('{"model":"m"}', 'X-Request-Id' => $_);
    like($res->{headers}{'x-request-id'} // '', qr/^req_[0-9a-f]{32}$/,
         'a request id that cannot be kept is replaced')
        unless $res->{status} == 400;
}

$up->reset(sub { soma_response(200, '{"object":"x","pad":"' . 'y' x 100000
                               . '","usage":{"prompt_tokens":3,'
                               . '"completion_tokens":4}}') });
$res = chat('{"model":"m"}');
like($res->{body}, qr/"completion_tokens":4\}\}$/, 'a long answer is whole');
ok(logged(qr/^200 m p 3 4 /m), 'and counted');

for (['HTTP/1.0, until the end', "HTTP/1.0 200 OK\r\nContent-Type: "
      . "application/json\r\n\r\n{\"id\":1}"],
     ['chunked in pieces', { piece => 3, raw => "HTTP/1.1 200 OK\r\n"
      . "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      . "1\r\n{\r\n6\r\n\"id\":1\r\n1\r\n}\r\n0\r\n\r\n" }],
     ['no type', "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{\"id\":1}"])
{
    my ($name, $answer) = @$_;

    $up->reset($answer);
    $res = chat('{"model":"m"}');
    is($res->{status}, 200, "an answer: $name");
    is($res->{body}, '{"id":1}', "$name: its bytes");
    ok($res->{complete}, "$name: whole");
}

$up->reset("HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n"
           . "Content-Length: 5\r\n\r\n\0\1\2\3\4");
$res = ask('/v1/audio/speech', '{"model":"m","input":"hello"}');
is($res->{body}, "\0\1\2\3\4", 'sound passes');
is($res->{headers}{'content-type'}, 'audio/mpeg', 'with its type');

my $text = '{"error":{"message":"max_tokens is too large"}}';

$up->reset(soma_response(400, $text));
$res = chat('{"model":"m"}');
is($res->{status}, 400, "the provider's 400");
is($res->{body}, $text, 'as it said it');

ok(logged(qr/^400 m p 0 0 0\S* 1 /m), 'an error costs nothing');

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
