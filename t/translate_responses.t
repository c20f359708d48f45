# Clients of OpenAI's other APIs, /v1/responses and /v1/completions, before a
# provider of Anthropic's; and the echo, which speaks what each client does.

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
    soma_provider e { dialect echo; }
    soma_model claude provider=a name=claude-x input=3 output=15;
    soma_model echo   provider=e input=1 output=1;
    soma_tenant acme { }
    soma_tenant small { limit tokens 300/hour; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-small')]} tenant=small user=sam;
END
    location /v1/ { soma_pass; soma_usage_cost on; soma_max_tokens trust; }
END2

my $key = 'sk-alice';

sub ask {
    my ($path, %body) = @_;

    return $n->post("/v1/$path", soma_to_json(\%body),
                    Authorization => "Bearer $key");
}

sub answers { my @a = @_; $up->reset(sub { $a[$_[1] < @a ? $_[1] : -1] }) }

sub sse { join '', map { "event: $_->{type}\ndata: " . soma_to_json($_)
                         . "\n\n" } @_ }

# "event: TYPE" and its data, which has to say the same
sub events {
    my ($body) = @_;
    my @events;

    for (split /\n\n/, $body) {
        my ($type) = /^event: (.*)$/m;
        my ($data) = /^data: (.*)$/m or next;

        push @events, $data eq '[DONE]' ? $data : soma_json($data);

        fail("an event of another type: $_")
            if defined $type && $type ne $events[-1]{type};
    }

    return @events;
}

my @a_content = (
    { type => 'thinking', thinking => 'Hm.', signature => 'SIG' },
    { type => 'text', text => 'Fine, thanks.' },
    { type => 'tool_use', id => 'toolu_1', name => 'f', input => { x => 1 } },
);

my $a_whole = soma_to_json({
    id => 'msg_1', type => 'message', role => 'assistant', model => 'claude-x',
    content => \@a_content, stop_reason => 'tool_use', stop_sequence => undef,
    usage => { input_tokens => 10, cache_read_input_tokens => 4,
               cache_creation_input_tokens => 0, output_tokens => 5 },
});

my $a_start = sse(
    { type => 'message_start', message => {
          id => 'msg_1', type => 'message', role => 'assistant',
          model => 'claude-x', content => [], stop_reason => undef,
          usage => { input_tokens => 10, cache_read_input_tokens => 4,
                     output_tokens => 1 } } },
    { type => 'content_block_start', index => 0,
      content_block => { type => 'text', text => '' } },
    { type => 'ping' });

sub a_text {
    return sse(map { { type => 'content_block_delta', index => 0,
                       delta => { type => 'text_delta', text => $_ } } } @_);
}

my $a_end = sse({ type => 'content_block_stop', index => 0 },
                { type => 'message_delta',
                  delta => { stop_reason => 'end_turn',
                             stop_sequence => undef },
                  usage => { output_tokens => 5 } },
                { type => 'message_stop' });


# a whole response

answers(soma_response(200, $a_whole));

my $res = ask('responses', model => 'claude', instructions => 'Be brief.',
              input => [{ role => 'user', content => [
                  { type => 'input_text', text => 'How are you?' }] }],
              tools => [{ type => 'function', name => 'f',
                          parameters => { type => 'object' } }],
              max_output_tokens => 50);
is($res->{status}, 200, 'a response of Anthropic');

my ($r) = $up->requests;
my $sent = soma_json($r->{body});
is($r->{uri}, '/v1/messages', 'a response: where it went');
is_deeply($sent->{system}, [{ type => 'text', text => 'Be brief.' }],
          'a response: its instructions are the system');
is($sent->{max_tokens}, 50, 'a response: its bound');
is($sent->{tools}[0]{name}, 'f', 'a response: its tool');

my $said = soma_json($res->{body});
is($said->{id}, 'resp_msg_1', 'a response: its id');
is($said->{status}, 'completed', 'a response: its status');
is_deeply([map { $_->{type} } @{ $said->{output} }],
          [qw(reasoning message function_call)], 'a response: its items');
is($said->{output}[1]{content}[0]{text}, 'Fine, thanks.',
   'a response: its text');
is($said->{output}[2]{arguments}, '{"x":1}', 'a response: its call');
is($said->{usage}{input_tokens}, 14, 'a response: its prompt with the cache');
is($said->{usage}{total_tokens}, 19, 'a response: its total');

# what it gave goes back

answers(soma_response(200, $a_whole));
ask('responses', model => 'claude', input => [
    { role => 'user', content => 'How are you?' }, @{ $said->{output} },
    { type => 'function_call_output', call_id => 'toolu_1',
      output => 'so so' }]);
($r) = $up->requests;
is_deeply(soma_json($r->{body})->{messages}[1]{content}, \@a_content,
          'a response that goes on: the provider gets its own back');
is(soma_json($r->{body})->{messages}[2]{content}[0]{tool_use_id}, 'toolu_1',
   'a response that goes on: and the result');


# a stream

answers({ raw => Soma::framed($a_start . a_text('Fi', 'ne') . $a_end) });
$res = ask('responses', model => 'claude', input => 'x', stream => \1);
my @e = events($res->{body});
is(join(' ', map { $_->{sequence_number} } @e), join(' ', 0 .. $#e),
   'a stream: its events are numbered');
is(join('', map { $_->{type} eq 'response.output_text.delta'
                  ? $_->{delta} : '' } @e), 'Fine', 'a stream: its text');
is($e[-1]{type}, 'response.completed', 'a stream: its end');
is($e[-1]{response}{output}[0]{content}[0]{text}, 'Fine',
   'a stream: which has all of it');
is($e[-1]{response}{usage}{output_tokens}, 5, 'a stream: its usage');
is($e[-1]{response}{usage}{cost}, '0.000117', 'a stream: what it cost');

answers({ raw => Soma::framed($a_start . a_text('Fi')) });
@e = events(ask('responses', model => 'claude', input => 'x',
                stream => \1)->{body});
is_deeply([grep { /completed|incomplete/ } map { $_->{type} } @e], [],
          'a stream that breaks off has no good end');
ok((grep { $_->{type} eq 'error' } @e), 'a stream that breaks off: it says so');

answers({ raw => Soma::framed($a_start . a_text(('word ') x 400) . $a_end) });
$key = 'sk-small';
@e = events(ask('responses', model => 'claude', input => 'x',
                max_output_tokens => 20, stream => \1)->{body});
$key = 'sk-alice';
is($e[-1]{type}, 'response.incomplete', 'a stream cut by its budget');
is($e[-1]{response}{incomplete_details}{reason}, 'max_output_tokens',
   'a stream cut by its budget: as if by its bound');


# what is refused

answers(soma_response(200, $a_whole));
$res = ask('responses', model => 'claude', input => 'x',
           previous_response_id => 'resp_x');
ok($res->{status} == 400 || $res->{status} == 404,
   'a response that goes on from another') or diag $res->{status};
is($up->requests, 0, 'a response that goes on from another: nobody is asked');

$res = ask('completions', model => 'claude', prompt => ['a', 'b']);
is($res->{status}, 400, 'several prompts');
like($res->{body}, qr/prompt.* has no place/, 'several prompts: named');


# completions

answers(soma_response(200, $a_whole =~ s/tool_use","stop/end_turn","stop/r));
$res = ask('completions', model => 'claude', prompt => 'How', max_tokens => 9);
is($res->{status}, 200, 'a completion');
$said = soma_json($res->{body});
is($said->{object}, 'text_completion', 'a completion: its kind');
is($said->{choices}[0]{text}, 'Fine, thanks.', 'a completion: its text');
is($said->{choices}[0]{finish_reason}, 'stop', 'a completion: its end');

answers({ raw => Soma::framed($a_start . a_text('Fi', 'ne') . $a_end) });
@e = events(ask('completions', model => 'claude', prompt => 'x',
                stream => \1)->{body});
is($e[-1], '[DONE]', 'a stream of completions: its end');
is(join('', map { ref && $_->{choices}[0] ? $_->{choices}[0]{text} : '' } @e),
   'Fine', 'a stream of completions: its text');


# the echo, for clients of Anthropic's API

sub messages {
    return $n->post('/v1/messages', soma_to_json({
        model => 'echo', max_tokens => 50, system => 'Be brief.',
        messages => [{ role => 'user', content => 'How are you?' }], @_ }),
        'x-api-key' => 'sk-alice', 'anthropic-version' => '2023-06-01');
}

$res = messages();
is($res->{status}, 200, 'a message to the echo');
$said = soma_json($res->{body});
is($said->{type}, 'message', 'a message to the echo: its kind');
is($said->{content}[0]{text}, 'How are you?', 'a message to the echo: its text');
is($said->{usage}{output_tokens}, 4, 'a message to the echo: its tokens');
is($said->{stop_reason}, 'end_turn', 'a message to the echo: its end');

@e = events(messages(stream => \1, max_tokens => 2)->{body});
is(join('', map { $_->{delta}{text} // '' } @e), 'How are',
   'a stream of the echo');
is($e[-2]{delta}{stop_reason}, 'max_tokens', 'a stream of the echo: its end');
is($e[-1]{type}, 'message_stop', 'a stream of the echo: whole');

$res = ask('moderations', model => 'echo', input => 'x');
is($res->{status}, 400, 'what the echo has no answer for');
like($res->{body}, qr/unsupported_endpoint/, 'it says so');

$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
