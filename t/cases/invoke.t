# Bodies of a model's own, which pass as they are and are metered all the same:
# InvokeModel of Bedrock, rawPredict of Vertex AI.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Soma qw(framed);
use Test::Nginx::Socket 'no_plan';

sub plain {
    my ($body, @headers) = @_;

    return CORE::join "\r\n", 'HTTP/1.1 200 OK',
        'Content-Type: application/json', @headers,
        'Content-Length: ' . length($body), '', $body;
}

sub told {
    my %n = @_;

    return map { "X-Amzn-Bedrock-$_-Token-Count: $n{$_}" } sort keys %n;
}

our $SAID = '{"completions":[{"data":{"text":"two words"}}]}';
our $CLAUDE = '{"id":"msg_1","type":"message","role":"assistant","content":'
    . '[{"type":"text","text":"Hello"}],"model":"claude","stop_reason":'
    . '"end_turn","stop_sequence":null,"usage":{"input_tokens":9,'
    . '"cache_read_input_tokens":3,"cache_creation_input_tokens":0,'
    . '"output_tokens":4}}';

sub event { my ($type, $more) = @_; return "event: $type\ndata: {\"type\":"
            . "\"$type\"" . ($more ? ",$more" : '') . "}\n\n" }

our $BEGUN = event('message_start', '"message":{"id":"msg_1","type":"message",'
    . '"role":"assistant","content":[],"model":"claude","stop_reason":null,'
    . '"usage":{"input_tokens":9,"cache_read_input_tokens":3,'
    . '"output_tokens":1}}')
    . event('content_block_start', '"index":0,"content_block":{"type":"text",'
    . '"text":""}')
    . event('content_block_delta', '"index":0,"delta":{"type":"text_delta",'
    . '"text":"Hello"}');
our $STREAM = $BEGUN . event('content_block_stop', '"index":0')
    . event('message_delta', '"delta":{"stop_reason":"end_turn"},"usage":'
    . '{"output_tokens":4}')
    . event('message_stop');
our $CHAT = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
    . "\n\n"
    . 'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":'
    . '"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":4,'
    . '"total_tokens":16}}' . "\n\ndata: [DONE]\n\n";

sub vertex {
    my ($how, $more, $maker) = @_;

    return 'POST /v1/projects/p/locations/l/publishers/'
        . ($maker // 'anthropic') . "/models/claude:$how\n"
        . '{"anthropic_version":"vertex-2023-10-16","max_tokens":100,'
        . '"messages":[{"role":"user","content":"one two three"}]'
        . ($more // '') . '}';
}

our $ASK = "POST /model/m/invoke\n"
    . '{"prompt":"one two three","max_tokens":100}';

Soma::soma_dir('ledger');

add_block_preprocessor(sub {
    my ($block) = @_;
    my ($n) = $block->name =~ /TEST (\d+)/;

    $block->set_value(more_headers => ($block->more_headers // '')
                      . "Authorization: Bearer sk-alice\n"
                      . "X-Request-Id: invoke-$n");
    $block->set_value(record => "id invoke-$n\n" . $block->record)
        if defined $block->record;
});

cases(keys => ['alice'], upstream => 1, redis => 1);

__DATA__

=== TEST 1: tokens that a header alone tells are those of the books
--- http_config
    soma_zone 8m;
    soma_redis $TEST_NGINX_REDIS timeout=2s;
    soma_ledger $TEST_NGINX_LEDGER;
    soma_provider bedrock { dialect bedrock; api_key k;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT; }
    soma_provider vertex { dialect gemini; api_key k; endpoint
        http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1/publishers/anthropic; }
    soma_provider other { dialect openai; api_key k; endpoint
        http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_model m provider=bedrock name=ai21.mid input=1 output=2 cached=0.5
                 cache_write=4;
    soma_model claude provider=vertex name=claude-4@1 input=1 output=2
                 cached=0.5;
    soma_model foreign provider=other input=1 output=2;
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location / { soma_pass; }
--- upstream eval
main::plain($::SAID, main::told(Input => 30, Output => 29))
--- request eval: $::ASK
--- response_body eval: $::SAID
--- sent_like
^POST /model/ai21\.mid/invoke 
"max_tokens":100
--- record
api invoke
input_tokens 30
output_tokens 29
cost_nano 88000

=== TEST 2: what the cache had is beside the input
--- upstream eval
main::plain($::SAID, main::told('Cache-Read-Input' => 10, Input => 4,
                                'Cache-Write-Input' => 100, Output => 50))
--- request eval: $::ASK
--- record
input_tokens 114
cached_tokens 10
cache_write_tokens 100
output_tokens 50
cost_nano 509000

=== TEST 3: what the body tells holds
--- upstream eval
main::plain($::CLAUDE, main::told(Input => 30, Output => 29))
--- request eval: $::ASK
--- record
input_tokens 12
output_tokens 4

=== TEST 4: a header that is no number is none
--- upstream eval
main::plain($::SAID, main::told(Input => 'many', Output => '-3'))
--- request eval: $::ASK
--- record
basis estimated

=== TEST 5: the next answer has its own
--- upstream eval
main::plain($::SAID, main::told(Input => 1, Output => 2))
--- request eval: $::ASK
--- record
input_tokens 1
output_tokens 2

=== TEST 6: rawPredict passes, and Anthropic's usage is read
--- upstream eval
main::plain($::CLAUDE)
--- request eval: main::vertex('rawPredict')
--- response_body eval: $::CLAUDE
--- sent_like
^POST /v1/publishers/anthropic/models/claude-4%401:rawPredict 
"max_tokens":100
x-goog-api-key: k
--- record
input_tokens 12
cached_tokens 3
output_tokens 4
cost_nano 18500

=== TEST 7: streamRawPredict too, whole and in pieces
--- upstream eval
[main::framed($::STREAM), main::framed($::STREAM, 1),
 main::framed($::STREAM, 7)]
--- request eval
[(main::vertex('streamRawPredict', ',"stream":true')) x 3]
--- response_body eval
[($::STREAM) x 3]
--- record
times 3
input_tokens 12
output_tokens 4
cost_nano 18500

=== TEST 8: and a model that speaks as OpenAI's do
--- upstream eval
[main::framed($::CHAT), main::framed($::CHAT, 1)]
--- request eval
[(main::vertex('streamRawPredict', ',"stream":true', 'mistralai')) x 2]
--- response_body eval
[($::CHAT) x 2]
--- record
times 2
input_tokens 12
output_tokens 4

=== TEST 9: a stream that breaks off ends in an error of Anthropic's
--- upstream eval
+{ raw => main::framed($::BEGUN) =~ s/0\r\n\r\n\z//r, close => 1 }
--- request eval: main::vertex('streamRawPredict', ',"stream":true')
--- response_body_like: "text":"Hello"[\s\S]*event: error\ndata: \{"type":"error"
--- record
input_tokens 12

=== TEST 10: an error of the provider's is one
--- upstream eval
main::plain('{"error":{"code":400,"message":"no such","status":"X"}}')
    =~ s/200 OK/400 Bad Request/r
--- request eval: main::vertex('rawPredict')
--- error_code: 400
--- response_body_like: no such
--- record
cost_nano 0

=== TEST 11: another provider cannot be asked it
--- upstream
{}
--- request eval: main::vertex('rawPredict') =~ s/claude:/foreign:/r
--- error_code: 400
--- response_body_like: foreign
--- asked: 0

=== TEST 12: nor is a bound that is none believed
--- upstream
{}
--- request eval: main::vertex('rawPredict') =~ s/100/"100"/r
--- error_code: 400
--- response_body_like: bound of the answer
--- asked: 0
