# Two tongues: clients and providers of OpenAI's and of Anthropic's API, each
# with each, whole and streamed; what fails in them, and how each is told.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $up = soma_upstream(responses => [soma_response(200, '{}')]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider a {
        dialect anthropic;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        api_key sk-ant-secret-of-a;
        timeout connect=1s first_token=3s idle=500ms;
    }
    soma_provider o {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        api_key sk-secret-of-o;
        timeout connect=1s first_token=3s idle=500ms;
    }
    soma_provider e { dialect echo; }
    soma_model claude provider=a name=claude-x input=3 output=15;
    soma_model gpt    provider=o name=gpt-x    input=1 output=2;
    soma_model echo   provider=e input=1 output=1;
    soma_route both { model gpt; model claude; retry_on error http_5xx; }
    soma_route either { model claude; model gpt; }
    soma_tenant acme { }
    soma_tenant small { limit tokens 60/hour; }
    soma_tenant rated { limit requests 2/hour; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-small')]} tenant=small user=sam;
    soma_key sha256:@{[soma_sha256('sk-rated')]} tenant=rated user=rob;
    log_format soma '\$status \$soma_provider \$soma_input_tokens '
                    '\$soma_output_tokens \$soma_cost \$http_x_name';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; soma_usage_cost on; soma_max_tokens trust; }
END2

my $id = 0;
my $name;

sub chat {
    my ($model, %body) = @_;
    my $key = delete $body{key} || 'sk-alice';

    $name = 'n' . $id++;

    return $n->post('/v1/chat/completions', soma_to_json({
        model => $model, messages => [
            { role => 'system', content => 'Be brief.' },
            { role => 'user', content => "How are you, \x{e9}?" },
        ], %body }) =~ s/"RAW([^"]*)"/$1/r, Authorization => "Bearer $key", 'X-Name' => $name,
        'OpenAI-Beta' => 'x=1');
}

sub messages {
    my ($model, %body) = @_;
    my $key = delete $body{key} || 'sk-alice';

    $name = 'n' . $id++;

    return $n->post('/v1/messages', soma_to_json({
        model => $model, max_tokens => 50, system => 'Be brief.',
        messages => [{ role => 'user', content => 'How are you?' }],
        %body }), 'x-api-key' => $key, 'X-Name' => $name,
        'anthropic-version' => '2023-06-01', 'anthropic-beta' => 'b-1');
}

sub logged {
    my ($what, $text) = @_;

    ok(soma_wait(2, sub {
        Soma::slurp($n->dir . '/logs/soma.log') =~ /^$what $name$/m
    }), $text) or diag Soma::slurp($n->dir . '/logs/soma.log')
                       =~ s/.*\n(?=.*\n.*\n)//sr;
}

sub events {
    my ($body) = @_;

    return map { /^data: (.*)$/m ? $1 eq '[DONE]' ? $1 : soma_json($1) : () }
           split /\n\n/, $body;
}

sub sse { join '', map { "event: $_->{type}\ndata: " . soma_to_json($_)
                         . "\n\n" } @_ }

sub text_of { join '', map { ref && $_->{choices}[0]
                             ? $_->{choices}[0]{delta}{content} // '' : '' } @_ }

sub said_of { join '', map { $_->{delta}{text} // '' } @_ }

# what the two providers say

my $a_whole = soma_to_json({
    id => 'msg_1', type => 'message', role => 'assistant', model => 'claude-x',
    content => [{ type => 'text', text => 'Fine, thanks.' }],
    stop_reason => 'end_turn', stop_sequence => undef,
    usage => { input_tokens => 10, cache_read_input_tokens => 4,
               cache_creation_input_tokens => 2, output_tokens => 5 },
});

sub a_stream {
    my (@texts) = @_;

    return sse({ type => 'message_start', message => {
                     id => 'msg_1', type => 'message', role => 'assistant',
                     model => 'claude-x', content => [], stop_reason => undef,
                     usage => { input_tokens => 10,
                                cache_read_input_tokens => 4,
                                cache_creation_input_tokens => 2,
                                output_tokens => 1 } } },
               { type => 'content_block_start', index => 0,
                 content_block => { type => 'text', text => '' } },
               { type => 'ping' },
               (map { { type => 'content_block_delta', index => 0,
                        delta => { type => 'text_delta', text => $_ } } }
                    @texts));
}

my $a_end = sse({ type => 'content_block_stop', index => 0 },
                { type => 'message_delta',
                  delta => { stop_reason => 'end_turn',
                             stop_sequence => undef },
                  usage => { output_tokens => 5 } },
                { type => 'message_stop' });

my $o_whole = soma_to_json({
    id => 'chatcmpl-1', object => 'chat.completion', created => 1,
    model => 'gpt-x', choices => [{ index => 0, message => {
        role => 'assistant', content => 'Fine, thanks.' },
        finish_reason => 'stop' }],
    usage => { prompt_tokens => 16, completion_tokens => 5,
               total_tokens => 21,
               prompt_tokens_details => { cached_tokens => 4 } },
});

sub o_chunk {
    my (%of) = @_;

    return 'data: ' . soma_to_json({
        id => 'chatcmpl-1', object => 'chat.completion.chunk', created => 1,
        model => 'gpt-x', choices => [], %of }) . "\n\n";
}

sub o_stream {
    return o_chunk(choices => [{ index => 0, delta => {
                       role => 'assistant', content => '' } }])
           . join '', map { o_chunk(choices => [{ index => 0,
                                delta => { content => $_ } }]) } @_;
}

my $o_end = o_chunk(choices => [{ index => 0, delta => {},
                                  finish_reason => 'stop' }])
            . o_chunk(usage => { prompt_tokens => 16, completion_tokens => 5,
                                 total_tokens => 21, prompt_tokens_details =>
                                     { cached_tokens => 4 } })
            . "data: [DONE]\n\n";

sub answers { my @a = @_; $up->reset(sub { $a[$_[1] < @a ? $_[1] : -1] }) }


# OpenAI's client, Anthropic's provider

answers(soma_response(200, $a_whole));
my $res = chat('claude', temperature => 'RAW0.50');
my $body = soma_json($res->{body});
my ($r) = $up->requests;
my $sent = soma_json($r->{body});

is($res->{status}, 200, 'openai to anthropic: an answer');
is($r->{uri}, '/v1/messages', "openai to anthropic: Anthropic's path");
is($r->{headers}{'x-api-key'}, 'sk-ant-secret-of-a',
   'openai to anthropic: the key as Anthropic wants it');
is($r->{headers}{authorization}, undef, 'openai to anthropic: and only so');
is($r->{headers}{'anthropic-version'}, '2023-06-01',
   'openai to anthropic: the version that the dialect wants');
is($r->{headers}{'openai-beta'}, undef,
   "openai to anthropic: a header of OpenAI's does not go there");
is($sent->{model}, 'claude-x', "openai to anthropic: the provider's name");
like(soma_to_json($sent->{system}), qr/Be brief\./,
     'openai to anthropic: the system stands apart');
is(scalar @{$sent->{messages}}, 1, 'openai to anthropic: the one turn');
like($r->{body}, qr/"temperature":\s*0\.50/,
     'openai to anthropic: a number goes as it was written');
cmp_ok($sent->{max_tokens}, '>', 0,
       'openai to anthropic: a bound, which Anthropic has to be told');
is($body->{object}, 'chat.completion', 'openai to anthropic: a completion');
is($body->{choices}[0]{message}{content}, 'Fine, thanks.',
   'openai to anthropic: its text');
is($body->{choices}[0]{finish_reason}, 'stop', 'openai to anthropic: its end');
is_deeply([@{$body->{usage}}{qw(prompt_tokens completion_tokens)}], [16, 5],
          "openai to anthropic: the prompt with what was cached within it");
is($res->{headers}{'content-length'}, length $res->{body},
   'openai to anthropic: its own length');
is($res->{headers}{'x-soma-provider'}, 'a', 'openai to anthropic: who it was');
ok($res->{headers}{'x-soma-cost'}, 'openai to anthropic: what it cost');
logged('200 a 16 5 \S+', 'openai to anthropic: the books have the usage');

for my $size (0, 1, 7) {
    my $how = $size ? "in pieces of $size" : 'at once';

    answers({ raw => Soma::framed(a_stream('Fi', "ne,\x{c3}\x{a9}", ' ok.')
                                  . $a_end, $size) });
    $res = chat('claude', stream => \1,
                stream_options => { include_usage => \1 });
    my @e = events($res->{body});

    like($res->{headers}{'content-type'}, qr{^text/event-stream},
         "openai to anthropic, $how: a stream");
    is($e[-1], '[DONE]', "openai to anthropic, $how: with its end");
    like(text_of(@e), qr/^Fine,.* ok\.$/s,
         "openai to anthropic, $how: all of its text");
    is((grep { ref && $_->{choices}[0]
               && ($_->{choices}[0]{finish_reason} // '') eq 'stop' } @e), 1,
       "openai to anthropic, $how: one finish");
    is($e[-2]{usage}{prompt_tokens}, 16,
       "openai to anthropic, $how: the usage, where it was asked for");
    ok($e[-2]{usage}{cost}, "openai to anthropic, $how: and its cost");
    unlike($res->{body}, qr/message_start|content_block/,
           "openai to anthropic, $how: nothing of Anthropic's shape");
    logged('200 a 16 5 \S+', "openai to anthropic, $how: in the books");
}

answers({ raw => Soma::framed(a_stream('x') . $a_end) });
unlike(chat('claude', stream => \1)->{body}, qr/"usage":\{/,
       'openai to anthropic: no usage where it was not asked for');


# Anthropic's client, OpenAI's provider

answers(soma_response(200, $o_whole));
$res = messages('gpt');
$body = soma_json($res->{body});
($r) = $up->requests;
$sent = soma_json($r->{body});

is($res->{status}, 200, 'anthropic to openai: an answer');
is($r->{uri}, '/v1/chat/completions', "anthropic to openai: OpenAI's path");
is($r->{headers}{authorization}, 'Bearer sk-secret-of-o',
   'anthropic to openai: the key as OpenAI wants it');
is($r->{headers}{'x-api-key'}, undef, 'anthropic to openai: and only so');
is($r->{headers}{'anthropic-beta'}, undef,
   "anthropic to openai: betas go to Anthropic alone");
is($r->{headers}{'anthropic-version'}, undef,
   'anthropic to openai: so does the version');
is($sent->{messages}[0]{role}, 'system', 'anthropic to openai: the system');
is($sent->{max_tokens}, 50, 'anthropic to openai: the bound');
is($body->{type}, 'message', 'anthropic to openai: a message');
is($body->{content}[0]{text}, 'Fine, thanks.', 'anthropic to openai: its text');
is($body->{stop_reason}, 'end_turn', 'anthropic to openai: its end');
is_deeply([@{$body->{usage}}{qw(input_tokens cache_read_input_tokens
                                output_tokens)}], [12, 4, 5],
          'anthropic to openai: what was cached is not in input_tokens');
logged('200 o 16 5 \S+', 'anthropic to openai: the books have the usage');

for my $size (0, 1, 7) {
    my $how = $size ? "in pieces of $size" : 'at once';

    answers({ raw => Soma::framed(o_stream('Fi', 'ne', ', ok.') . $o_end,
                                  $size) });
    $res = messages('gpt', stream => \1);
    my @e = events($res->{body});

    is($e[0]{type}, 'message_start', "anthropic to openai, $how: its start");
    is($e[-1]{type}, 'message_stop', "anthropic to openai, $how: its end");
    is(said_of(@e), 'Fine, ok.', "anthropic to openai, $how: its text");
    is($e[-2]{delta}{stop_reason}, 'end_turn',
       "anthropic to openai, $how: why it ended");
    is($e[-2]{usage}{output_tokens}, 5,
       "anthropic to openai, $how: what it used");
    like($res->{body}, qr/^event: message_start\ndata: /,
         "anthropic to openai, $how: events have names");
    unlike($res->{body}, qr/chat\.completion|\[DONE\]/,
           "anthropic to openai, $how: nothing of OpenAI's shape");
    logged('200 o 16 5 \S+', "anthropic to openai, $how: in the books");
}

($r) = $up->requests;
ok(soma_json($r->{body})->{stream_options}{include_usage},
   'anthropic to openai: OpenAI is asked for the usage of a stream');


# each to itself: the same bytes

answers(soma_response(200, $a_whole));
$res = messages('claude', metadata => { user_id => 'u' });
($r) = $up->requests;

is($res->{body}, $a_whole, 'anthropic to itself: the same bytes');
is($r->{headers}{'anthropic-beta'}, 'b-1', 'anthropic to itself: its betas');
is($r->{headers}{'anthropic-version'}, '2023-06-01',
   'anthropic to itself: its version, once');
like($r->{body}, qr/"model":"claude-x"/, 'anthropic to itself: the name');
logged('200 a 16 5 \S+', 'anthropic to itself: the books have the usage');

for my $size (0, 1) {
    my $stream = a_stream('Fi', 'ne') . $a_end;

    answers({ raw => Soma::framed($stream, $size) });
    $res = messages('claude', stream => \1);
    (my $bytes = $res->{body}) =~ s/,"cost":[0-9.e-]+//;
    is($bytes, $stream, "anthropic to itself, in pieces of $size: a stream");
    logged('200 a 16 5 \S+', 'anthropic to itself: in the books');
}

answers(soma_response(200, $o_whole));
is(chat('gpt')->{body}, $o_whole, 'openai to itself: the same bytes');


# the echo speaks both

$res = messages('echo');
is(soma_json($res->{body})->{content}[0]{text}, 'How are you?',
   "the echo answers Anthropic's client");
$res = messages('echo', stream => \1);
is((events($res->{body}))[-1]{type}, 'message_stop',
   "the echo streams to Anthropic's client");
is(soma_json(chat('echo')->{body})->{object}, 'chat.completion',
   "the echo answers OpenAI's client");


# what fails, in the client's words

$res = $n->post('/v1/messages', '{}');
is($res->{status}, 401, 'no key');
is(soma_json($res->{body})->{error}{type}, 'authentication_error',
   "no key: as Anthropic's clients are told");

$res = messages('nobody');
is($res->{status}, 404, 'no such model');
is(soma_json($res->{body})->{error}{type}, 'not_found_error',
   "no such model: as Anthropic's clients are told");

$res = messages('claude', max_tokens => undef);
is($res->{status}, 400, 'no max_tokens');
like($res->{body}, qr/max_tokens/, 'no max_tokens: it is named');

answers(soma_response(400, '{"type":"error","error":{"type":'
    . '"invalid_request_error","message":"prompt is too long: 9 tokens"}}'));
$res = chat('claude');
is($res->{status}, 400, "Anthropic's 400");
like(soma_json($res->{body})->{error}{message}, qr/prompt is too long/,
     "Anthropic's 400: OpenAI's client reads why");
unlike($res->{body}, qr/"type":"error"/, "Anthropic's 400: in its own shape");
is(messages('claude')->{body} =~ /prompt is too long: 9 tokens/, 1,
   "Anthropic's 400: its own client gets it as it is");

answers(soma_response(429, '{"error":{"message":"slow down","type":"x",'
    . '"code":"rate_limit_exceeded"}}', 'Retry-After' => 7));
$res = messages('gpt');
is($res->{status}, 429, "OpenAI's 429");
is(soma_json($res->{body})->{error}{type}, 'rate_limit_error',
   "OpenAI's 429: as Anthropic's clients are told");
is($res->{headers}{'retry-after'}, 7, "OpenAI's 429: when to come again");

answers(soma_response(401, '{"error":{"message":"bad key"}}'));
$res = messages('gpt');
is($res->{status}, 502, 'a key of ours that is refused');
unlike($res->{raw}, qr/secret-of/, 'a key of ours that is refused: unseen');

messages('echo', key => 'sk-rated') for 1 .. 2;
$res = messages('echo', key => 'sk-rated');
is($res->{status}, 429, 'a limit of requests');
is(soma_json($res->{body})->{error}{type}, 'rate_limit_error',
   "a limit of requests: as Anthropic's clients are told");
is($res->{headers}{'anthropic-ratelimit-requests-limit'}, 2,
   "a limit of requests: in Anthropic's headers");
like($res->{headers}{'anthropic-ratelimit-requests-reset'},
     qr/^\d{4}-\d\d-\d\dT[\d:.]+Z$/, 'a limit of requests: until when');


# streams that do not end

for (['chat', 'claude', a_stream('Fine'), qr/"error"[^\n]*\n\n$/],
     ['messages', 'gpt', o_stream('Fine'),
      qr/event: error\ndata: \{"type":\s?"error"/],
     ['messages', 'claude', a_stream('Fine'),
      qr/event: error\ndata: \{"type":\s?"error"/])
{
    my ($who, $model, $bytes, $end) = @$_;
    my $ask = $who eq 'chat' ? \&chat : \&messages;

    answers({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     . "\r\n$bytes", close => 1 });
    $res = $ask->($model, stream => \1);
    like($res->{body}, $end, "$who of $model, cut off: a proper end");
    like($res->{body}, qr/Fine/, "$who of $model, cut off: what there was");
}

answers({ raw => Soma::framed(o_stream(('word ') x 400) . $o_end) });
$res = messages('gpt', key => 'sk-small', stream => \1, max_tokens => 20);
my @e = events($res->{body});
is($e[-1]{type}, 'message_stop', 'a budget that ends: the end');
is($e[-2]{delta}{stop_reason}, 'max_tokens', 'a budget that ends: why');
is((grep { $_->{type} eq 'content_block_stop' } @e), 1,
   'a budget that ends: its block is closed');


# what has no place

answers(soma_response(200, $a_whole));
$res = chat('claude', n => 2);
is($res->{status}, 400, 'what Anthropic cannot say');
like(soma_json($res->{body})->{error}{message}, qr/"n" has no place/,
     'what Anthropic cannot say: it is named');
is($up->requests, 0, 'what Anthropic cannot say: nobody was asked');

$res = chat('claude', messages => [
    { role => 'user', content => 'x' },
    { role => 'assistant', content => undef, tool_calls => [
        { id => 'c', type => 'function',
          function => { name => 'f', arguments => '{"x"d' } }] },
    { role => 'tool', tool_call_id => 'c', content => 'y' }]);
is($res->{status}, 400, 'arguments of a call that are no JSON');
like($res->{body}, qr/tool_calls\.function\.arguments/,
     'arguments of a call that are no JSON: they are named');

answers(soma_response(200, $o_whole));
$res = chat('either', n => 2);
is($res->{status}, 200, 'what one of two cannot say: the other one is asked');
is($res->{headers}{'x-soma-provider'}, 'o', 'what one cannot say: by it');
is($res->{headers}{'x-soma-attempts'}, 1, 'what one cannot say: one attempt');

$res = $n->post('/v1/embeddings', '{"model":"claude","input":"x"}',
                Authorization => 'Bearer sk-alice');
is($res->{status}, 400, 'an endpoint that Anthropic has not');
like($res->{body}, qr/unsupported_endpoint/, 'an endpoint: it says so');


# other conversations of OpenAI's clients

answers(soma_response(200, $a_whole));
$res = $n->post('/v1/responses', '{"model":"claude","instructions":"Be brief.",'
                . '"input":"How are you?"}', Authorization => 'Bearer sk-alice');
is($res->{status}, 200, "a response of Anthropic's");
is(soma_json($res->{body})->{output}[0]{content}[0]{text}, 'Fine, thanks.',
   "a response of Anthropic's: its text");
answers({ raw => Soma::framed(a_stream('Fine') . $a_end) });
$res = $n->post('/v1/responses', '{"model":"claude","input":"How are you?",'
                . '"stream":true}', Authorization => 'Bearer sk-alice');
like($res->{body}, qr/event: response\.completed\ndata: /,
     "a response of Anthropic's, streamed: its end");
answers(soma_response(200, $a_whole));
$res = $n->post('/v1/completions', '{"model":"claude","prompt":"How are you?"}',
                Authorization => 'Bearer sk-alice');
is(soma_json($res->{body})->{choices}[0]{text}, 'Fine, thanks.',
   "a completion of Anthropic's");


# from one tongue to the other

answers(soma_response(500, '{"error":{"message":"x"}}'),
        soma_response(200, $a_whole));
$res = chat('both');
is($res->{status}, 200, 'a fallback to another dialect');
is(soma_json($res->{body})->{choices}[0]{message}{content}, 'Fine, thanks.',
   'a fallback to another dialect: its text');
my @r = $up->requests;
is_deeply([map { $_->{uri} } @r], ['/v1/chat/completions', '/v1/messages'],
          'a fallback to another dialect: each in its own');
is($r[1]{headers}{authorization}, undef,
   'a fallback to another dialect: no key travels sideways');
is($r[0]{headers}{'x-api-key'}, undef, 'nor the other way');

answers(soma_response(500, '{"error":{"message":"x"}}'),
        { raw => Soma::framed(a_stream('Fine') . $a_end) });
$res = chat('both', stream => \1);
is(text_of(events($res->{body})), 'Fine', 'a fallback within a stream');


# long ones

my $long = join ' ', map { "word$_" } 1 .. 60_000;
(my $a_long = $a_whole) =~ s/Fine, thanks\./$long/;
answers(soma_response(200, $a_long));
is(soma_json(chat('claude')->{body})->{choices}[0]{message}{content}, $long,
   'an answer longer than any buffer');
answers({ raw => Soma::framed(a_stream($long) . $a_end, 4000) });
is(text_of(events(chat('claude', stream => \1)->{body})), $long,
   'an event longer than any buffer');

answers(soma_response(200, substr $a_whole, 0, -20));
is(chat('claude')->{status}, 502, 'an answer that is cut off is none');

$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');
unlike($n->error_log, qr/secret-of/, 'no secret in the log');

done_testing();
