# One target after the other: what makes a request move on, what does not,
# and what the client is told when none is left.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $good = soma_response(200, '{"object":"good","usage":{"prompt_tokens":3,'
                         . '"completion_tokens":4}}');
my $one = soma_upstream(name => 'one', responses => [$good]);
my $two = soma_upstream(name => 'two', responses => [$good]);
my $dead = soma_port();
my $hash = soma_sha256('sk-alice');

sub provider {
    my ($name, $port, $more) = @_;

    return "soma_provider $name { dialect openai; "
           . "endpoint http://127.0.0.1:$port/v1; "
           . "timeout connect=300ms first_token=400ms idle=400ms; "
           . ($more // '') . " }\n";
}

# each group of tests has models of its own: health is kept by model
my @groups = qw(refused timeout s429 s500 s400 event empty close retry none
                all echo echostream single late weigh limit block nokey brk
                page);
my $models = join '', map {
    "soma_model $_-1 provider=p1 input=1 output=1;\n"
    . "soma_model $_-2 provider=p2 input=1 output=1;\n"
    . "soma_model $_-d provider=pd input=1 output=1;\n"
} @groups;

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    @{[provider(p1 => $one->port)]}
    @{[provider(p2 => $two->port)]}
    @{[provider(pd => $dead)]}
    @{[provider(lim => $one->port, 'limit requests 1/day;')]}
    @{[provider(nokey => $one->port, 'api_key env:SOMA_NOT_SET;')]}
    @{[provider(odd => $one->port, 'keepalive 0;')]}
    upstream pair {
        server 127.0.0.1:$dead;
        server 127.0.0.1:@{[$two->port]};
    }
    upstream ghosts {
        server 127.0.0.1:$dead max_fails=1 fail_timeout=60s;
    }
    soma_provider blk { dialect openai; endpoint http://pair/v1; }
    soma_provider ghost { dialect openai; endpoint http://ghosts/v1; }
    soma_provider e { dialect echo; }
    $models
    soma_model lim provider=lim input=1 output=1;
    soma_model keyless provider=nokey input=1 output=1;
    soma_model blk provider=blk input=1 output=1;
    soma_model ghost provider=ghost input=1 output=1;
    soma_model echo provider=e input=0.15 output=0.60;

    soma_route refused { model refused-d; model refused-2; }
    soma_route timeout { model timeout-1; model timeout-2; }
    soma_route s429 { model s429-1; model s429-2; }
    soma_route s500 { model s500-1; model s500-2; }
    soma_route s400 { model s400-1; model s400-2; }
    soma_route event { model event-1; model event-2; }
    soma_route empty { model empty-1; model empty-2; }
    soma_route close { model close-1; model close-2; }
    soma_route retry { model retry-1; model retry-2; retry_on http_403; }
    soma_route noerr { model retry-d; model retry-2; retry_on timeout; }
    soma_route half { model none-1; model none-2; retry_on timeout; }
    soma_route all { model all-d; model all-1; model all-2; }
    soma_route echos { model echo-d; model echo; }
    soma_route late { model late-1; model late-2; }
    soma_route weigh { strategy weighted; model weigh-1 weight=3;
                       model weigh-2; }
    soma_route limit { model lim; model limit-2; }
    soma_route block { model blk; }
    soma_route ghosts { model ghost; model block-2; }
    soma_route nokey { model keyless; model nokey-2; }
    soma_route onlynokey { model keyless; }
    soma_route page { model page-d; model echo; }
    soma_route brk { model brk-1; model brk-2; }

    soma_tenant acme { }
    soma_key sha256:$hash tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-root')]} tenant=acme user=root
             capabilities=admin;
    log_format soma '\$status \$soma_route \$soma_model \$soma_attempts '
                    '\$soma_input_tokens \$soma_output_tokens \$soma_error';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
    location /page/v1/ { soma_pass; error_page 500 502 503 504 /50x.html; }
    location = /50x.html { return 200 "a page"; }
    location /soma/ { soma_api; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub ask {
    my ($model, %more) = @_;
    my $uri = delete $more{uri} // '/v1/chat/completions';
    my $body = soma_to_json({ model => $model, messages => [
                   { role => 'user', content => 'one two three' }], %more });

    return $n->post($uri, $body, @alice);
}

sub message { my ($r) = @_; eval { soma_json($r->{body})->{error}{message} }
              // '' }
sub logged {
    my ($what) = @_;
    soma_wait(2, sub { Soma::slurp($n->dir . '/logs/soma.log') =~ $what });
}

sub moved_on {
    my ($res, $name, $attempts) = @_;

    is($res->{status}, 200, "$name: an answer");
    like($res->{body}, qr/"good"/, "$name: of the second target");
    is($res->{headers}{'x-soma-attempts'}, $attempts // 2,
       "$name: attempts");
}

my $res = ask('refused');
moved_on($res, 'connection refused');
is($res->{headers}{'x-soma-model'}, 'refused-2', 'it says which one answered');
is($res->{headers}{'x-soma-provider'}, 'p2', 'and of whom');
ok(logged(qr/^200 refused refused-2 2 3 4 -$/m), 'the log too');

$one->reset({ raw => $good, wait => 2 });
my $t = time;
moved_on(ask('timeout'), 'a timeout');
cmp_ok(time - $t, '<', 1.5, 'after first_token') unless soma_slow();
my @sent = $two->requests;
like($sent[-1]{body}, qr/"model":"timeout-2"/, 'the second one gets its name');

# 429: the target is left alone for as long as it asks
$one->reset(soma_response(429, '{"error":{"message":"slow down"}}',
                          'Retry-After' => 2), $good);
moved_on(ask('s429'), '429');
moved_on(ask('s429'), '429, the next request', 1);
is($one->count, 1, 'it is not asked before Retry-After');
sleep 2.1;
is(ask('s429')->{headers}{'x-soma-model'}, 's429-1', 'and then again');

$one->reset(soma_response(503, 'x', 'retry-after-ms' => 400), $good);
moved_on(ask('s500'), '503');
is(ask('s500')->{headers}{'x-soma-model'}, 's500-2', 'retry-after-ms: not yet');
sleep 0.5;
is(ask('s500')->{headers}{'x-soma-model'}, 's500-1', 'retry-after-ms: now');

$one->reset(soma_response(400, '{"error":{"message":"too long"}}'));
$res = ask('s400');
is($res->{status}, 400, 'a 400 is the answer');
like($res->{body}, qr/too long/, 'as it was said');
is($res->{headers}{'x-soma-attempts'}, 1, 'and nobody else is asked');

# streams that are no good from the beginning
my $fine = soma_sse('{"choices":[{"delta":{"content":"good"}}]}',
                    '{"choices":[{"delta":{},"finish_reason":"stop"}]}',
                    '{"choices":[],"usage":{"prompt_tokens":5,'
                    . '"completion_tokens":6}}', '[DONE]');
my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

$two->reset($fine);
my $error = '{"error":{"message":"overloaded","type":"server_error"}}';

for (['an error as first event', soma_sse($error, '[DONE]')],
     ['the same, in pieces', { raw => soma_sse($error, '[DONE]'),
                               piece => 1 }],
     ['after a comment', "$head\r\n: hello\n\ndata: $error\n\n"],
     ['an error by its name', "$head\r\nevent: error\ndata: $error\n\n"])
{
    my ($name, $answer) = @$_;

    $one->reset({ ref $answer ? %$answer : (raw => $answer), close => 1 });
    $res = ask('event', stream => \1);
    is($res->{headers}{'x-soma-model'}, 'event-2', $name);
    unlike($res->{body}, qr/overloaded/, "$name: the client never sees it");
    like($res->{body}, qr/good.*\[DONE\]\n\n$/s, "$name: but the good one");
}

for (['an empty chunked stream', "${head}Transfer-Encoding: chunked\r\n\r\n"
      . "0\r\n\r\n"], ['one of no length', "${head}Content-Length: 0\r\n\r\n"],
     ['one that ends at once', { raw => "$head\r\n", close => 1 }],
     ['one of comments', { raw => "$head\r\n: x\n\n", close => 1 }],
     ['no answer at all', { raw => '', close => 1 }],
     ['a reset', { raw => '', reset => 1 }],
     ['half a header', { raw => "HTTP/1.1 200 OK\r\nContent-Ty", close => 1 }],
     ['no HTTP', { raw => "hello there\r\n\r\n", close => 1 }],
     ['a broken header', "HTTP/1.1 200 OK\r\nConte\0nt\r\n\r\n"])
{
    my ($name, $answer) = @$_;
    my $model = "empty";

    $one->reset($answer);
    $res = ask('empty', stream => \1);
    is($res->{headers}{'x-soma-model'}, 'empty-2', $name);
    like($res->{body}, qr/good.*\[DONE\]\n\n$/s, "$name: a whole stream");

    # two good ones keep the breaker shut
    $one->reset($fine);
    ask('empty', stream => \1);
}

# connections kept alive that the provider closed in the meantime
$two->reset($good);
$one->reset(sub { my ($r, $i) = @_;
                  $i == 1 ? { raw => '', close => 1 } : $good });
is(ask('close')->{headers}{'x-soma-model'}, 'close-1', 'a first request');
$res = ask('close');
is($res->{headers}{'x-soma-model'}, 'close-1',
   'a closed idle connection: the same target once more');
is($res->{headers}{'x-soma-attempts'}, 1, 'it is one attempt');
my @conn = map { $_->{conn} } $one->requests;
is("@conn", '1 1 2', 'on a fresh connection');

$one->reset(sub { my ($r, $i) = @_; $i ? { raw => '', close => 1 } : $good });
ask('close');
is(ask('close')->{headers}{'x-soma-model'}, 'close-2',
   'only once: then the next target');

# retry_on
$one->reset(soma_response(403, '{}'));
is(ask('retry')->{headers}{'x-soma-model'}, 'retry-2', 'http_403 of retry_on');
$one->reset(soma_response(500, '{"error":{"message":"oops"}}'));
is(ask('retry')->{status}, 500, 'http_500 is not in it');
$res = ask('noerr');
is($res->{status}, 502, 'nor is error');
like(message($res), qr/retry-d of pd/, 'the target is named');

# an idle connection that breaks in the middle of a header: nginx itself would
# try once more, retry_on does not allow it
$one->reset(sub { my ($r, $i) = @_;
                  $i == 1 ? { raw => "HTTP/1.1 200 OK\r\nX-Ha", close => 1 }
                          : $good });
is(ask('half')->{headers}{'x-soma-model'}, 'none-1', 'an idle connection');
$res = ask('half');
is($res->{status}, 502, 'half a header, and retry_on without error');
is($res->{headers}{'x-soma-attempts'}, 1, 'one attempt');

# a good status, then silence: that is a timeout
$one->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
              . "\r\n\r\n", hang => 2 });
is(ask('half', stream => \1)->{headers}{'x-soma-model'}, 'none-2',
   'silence behind a good header: retry_on timeout');

# all of them
$one->reset(soma_response(500, '{"error":{"message":"oops"}}'));
$two->reset({ raw => $good, wait => 2 });
$res = ask('all');
is($res->{status}, 504, 'all failed, the last by a timeout: 504');
like(message($res), qr/all-d of pd.*all-1 of p1.*500.*all-2 of p2.*timeout/,
     'each target is named');
is($res->{headers}{'x-soma-attempts'}, 3, 'three attempts');
$two->reset({ raw => '', close => 1 });
is(ask('all')->{status}, 502, 'the last by a lost connection: 502');
$two->reset(soma_response(503, '{"error":{"message":"last words"}}'));
$res = ask('all');
is($res->{status}, 503, 'the last by a status: that one');
like($res->{body}, qr/last words/, 'and its words');

# echo as the last resort
for (0, 1) {
    $res = ask('echos', $_ ? (stream => \1) : ());
    is($res->{status}, 200, 'echo as the last resort' . ' streamed' x $_);
    is($res->{headers}{'x-soma-model'}, 'echo', 'it says so');
    is($res->{headers}{'x-soma-attempts'}, 2, 'two attempts');
    like($res->{headers}{'content-type'},
         $_ ? qr{^text/event-stream} : qr{^application/json}, 'its type');
    like($res->{body}, $_ ? qr/one.*two.*three.*\[DONE\]\n\n$/s
                          : qr/one two three/, 'its body');
    ok($res->{complete}, 'whole');
    $res = ask('echos', $_ ? (stream => \1) : ());
}

ok(logged(qr/^200 echos echo 2 \d+ \d+ -$/m), 'the log knows 200');

$res = ask('page', uri => '/page/v1/chat/completions');
is($res->{status}, 200, 'echo as the last resort, with an error_page');
like($res->{body}, qr/one two three/, 'the page does not take its place');

# one model is no route
$one->reset(soma_response(500, '{"error":{"message":"mine"}}'), $good);
$res = ask('single-1');
is($res->{status}, 500, 'a single model is not retried');
is($one->count, 1, 'it was asked once');
$res = ask('single-d');
is($res->{status}, 502, 'nor is a dead one');
like(message($res), qr/single-d of pd/, 'it is named');

# after the first byte there is no way back
$two->reset($fine);
$one->reset({ raw => soma_sse('{"choices":[{"delta":{"content":"half"}}]}')
                     =~ s/0\r\n\r\n$//r, close => 1 });
$res = ask('late', stream => \1);
is($res->{headers}{'x-soma-model'}, 'late-1', 'a stream that breaks later');
like($res->{body}, qr/half.*"error".*\[DONE\]\n\n$/s, 'ends with an error');
is($two->count, 0, 'nobody else is asked');

# weights
$_->reset($good) for $one, $two;
ask('weigh') for 1 .. 120;
my $share = $one->count;
cmp_ok($share, '>', 70, "weight 3 of 4: $share of 120, not too few");
cmp_ok($share, '<', 110, 'not too many');
is($share + $two->count, 120, 'each went to one');

# limits of providers
$_->reset($good) for $one, $two;
is(ask('limit')->{headers}{'x-soma-model'}, 'lim', 'within its limit');
$res = ask('limit');
is($res->{headers}{'x-soma-model'}, 'limit-2', 'a used up limit: the next');
is($res->{headers}{'x-soma-attempts'}, 1, 'no attempt was made');
$res = ask('lim');
is($res->{status}, 429, 'nobody else: 429');
like(message($res), qr{requests 1/day.*provider:lim}, 'the limit is named');

# upstream blocks
for (1 .. 4) {
    $res = ask('block');
    is($res->{status}, 200, 'an upstream block with a dead server');
}
is(ask('ghosts')->{headers}{'x-soma-model'}, 'block-2',
   'a block of dead servers');
is(ask('ghosts')->{headers}{'x-soma-model'}, 'block-2',
   'with no live server left');
@sent = $two->requests;
is($sent[0]{uri}, '/v1/chat/completions', 'its path');

# without a key
is(ask('nokey')->{headers}{'x-soma-model'}, 'nokey-2',
   'a provider without its key is left out');
$res = ask('onlynokey');
is($res->{status}, 503, 'nobody else: 503');
like(message($res), qr/SOMA_NOT_SET/, 'it says what is missing');
is($res->{headers}{'x-should-retry'}, 'false', 'and that it will stay so');

# the breaker
$one->reset(soma_response(500, '{}'));
$two->reset($good);
ask('brk') for 1 .. 5;
is($one->count, 5, 'five failures');
is(ask('brk')->{headers}{'x-soma-attempts'}, 1, 'the breaker is open');
is($one->count, 5, 'it is left alone');

unless (soma_slow()) {
    $one->reset($good);
    ok(soma_wait(12, sub { sleep 0.5;
        (ask('brk')->{headers}{'x-soma-model'} // '') eq 'brk-1' }),
       'it heals');
}

unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
