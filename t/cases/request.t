# What is checked is what is read: a provider gets the request that was looked
# at, in words that have one meaning, and nothing beside it.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Compress::Zlib ();
use Digest::SHA ();
use Test::Nginx::Socket 'no_plan';

# the provider's headers tell what it got
our $TELL = sub {
    my ($r) = @_;
    my $body = $r->{body};

    return soma_response(200, '{"id":"c1","object":"chat.completion",'
        . '"choices":[{"index":0,"message":{"role":"assistant",'
        . '"content":"hi"},"finish_reason":"stop"}],"usage":'
        . '{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}',
        'X-Got-Type' => $r->{headers}{'content-type'},
        'X-Got-Encoding' => $r->{headers}{'content-encoding'} // 'none',
        'X-Got-Digest' => Digest::SHA::sha1_hex($body),
        length $body < 200 && $body !~ /\n/ ? ('X-Got' => $body) : ());
};

our ($ALICE, $POOR) = map { "Authorization: Bearer sk-$_\n" } qw(alice poor);

sub ask { "POST /v1/chat/completions\n$_[0]" }
sub respond { "POST /v1/responses\n$_[0]" }
sub got { 'X-Got-Encoding: none' . "\nX-Got-Digest: "
          . Digest::SHA::sha1_hex($_[0]) }

# headers of a body that Test::Nginx is not to trim
sub packed {
    my ($encoding, $body) = @_;

    return "${ALICE}Content-Encoding: $encoding\nContent-Length: "
           . length($body) . "\n";
}

sub form {
    my ($boundary, @fields) = @_;

    return "POST /v1/audio/transcriptions\n" . CORE::join('', map {
        "--$boundary\r\nContent-Disposition: form-data; "
        . "name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n" } @fields) . "--$boundary--";
}

sub gz { Compress::Zlib::memGzip($_[0]) }

our $JSON = '{"model":"m","messages":[{"role":"user","content":"'
            . 'x' x 5000 . '"}]}';
our $LARGE = '{"model":"m","messages":[{"role":"user","content":"'
             . CORE::join('', map { "$_ is a number; " } 1 .. 60000) . '"}]}';

sub bare {
    my ($d) = Compress::Zlib::deflateInit(-WindowBits => -15);

    return $d->deflate($_[0]) . $d->flush;
}

# gzip, by its old name, of two members, deflate, bare deflate, nothing
our @PACKED = (
    [gzip => gz($JSON)], ['X-GZip' => gz($JSON)],
    [gzip => gz(substr $JSON, 0, 2000) . gz(substr $JSON, 2000)],
    [deflate => Compress::Zlib::compress($JSON)], [deflate => bare($JSON)],
    [identity => $JSON],
);

# what each of them is told
our @UNPACKABLE = (
    [br => 'x', 415, 'Content-Encoding \\\\"br\\\\"'],
    ['gzip, gzip' => 'x', 415, '\\\\"gzip, gzip\\\\"'],
    [gzip => 'no gzip', 400, 'Content-Encoding'],
    [deflate => "\x78\x9c\xff", 400, 'Content-Encoding'],
    [gzip => substr(gz($JSON), 0, 40), 400, 'not all of it'],
    [gzip => gz($JSON) . 'more', 400, 'Content-Encoding'],
    [deflate => Compress::Zlib::compress($JSON) . 'more', 400,
     'Content-Encoding'],
);

our @TOOLS = qw(web_search_preview code_interpreter file_search mcp
                image_generation computer_use_preview local_shell new_thing);

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(more_headers => $ALICE)
        unless defined $block->more_headers || defined $block->must_die;
});

cases(keys => [qw(alice poor)], upstream => 1);

__DATA__

=== TEST 1: how long an answer may be is told by the provider's own name for it
The newer name to who reads the older, the other way, both, the right one, and -1.
--- http_config
    soma_zone 8m;
    soma_provider old { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_provider new { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        max_tokens_name max_completion_tokens; }
    soma_provider free { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1;
        allow models provider; tools web_search mcp; }
    soma_model m provider=old input=1 output=2 max_output=4096;
    soma_model f provider=free name=m input=1 output=2 context=1000;
    soma_route both { model f; model m; }
    soma_route searching { model m; model f; tools web_search; }
    soma_model n provider=new name=m input=1 output=2 max_output=4096;
    soma_tenant acme { }
    soma_tenant poor { limit cost 0.0004/day; }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
    soma_key $TEST_NGINX_POOR tenant=poor user=paul;
--- config
    location /v1/ { soma_pass; client_max_body_size 8m; }
    location /small/v1/ { soma_pass; client_max_body_size 4k; }
    location /file/v1/ { soma_pass; soma_body_buffer 8k; }
--- upstream eval: $::TELL
--- request eval
[map { main::ask($_) } '{"model":"m","max_completion_tokens":9}',
 '{"max_tokens":9,"model":"n"}',
 '{"model":"n","max_tokens":9,"max_completion_tokens":1}',
 '{"model":"m", "max_tokens" : 9}', '{"model":"m","max_tokens":-1}']
--- response_headers eval
[map { "X-Got: $_" } '{"model":"m","max_tokens":9}',
 '{"max_completion_tokens":9,"model":"m"}',
 '{"model":"m","max_completion_tokens":9}',
 '{"model":"m", "max_tokens" : 9}', '{"model":"m","max_tokens":-1}']
--- error_code eval
[(200) x 5]

=== TEST 2: no answer at all cannot be asked for
--- upstream eval: $::TELL
--- request eval: main::ask('{"model":"m","max_tokens":0}')
--- error_code: 400
--- asked: 0

=== TEST 3: where a limit holds, -1 is what the limit can pay
--- request eval
main::ask('{"model":"m","max_tokens":-1,"messages":'
          . '[{"role":"user","content":"hi"}]}')
--- more_headers eval: $::POOR
--- error_code: 200
--- sent_like
"max_tokens":\d{2,3},

=== TEST 4: JSON goes up as JSON, whatever it was called
--- request eval
[(main::ask('{"model":"m"}')) x 5]
--- more_headers eval
[map { $::ALICE . ($_ ? "Content-Type: $_" : '') } undef, 'text/plain',
 'application/x-www-form-urlencoded', 'application/json; charset=utf-16',
 'multipart/form-data; boundary=x']
--- error_code eval
[(200) x 5]
--- response_headers eval
[('X-Got-Type: application/json') x 5]

=== TEST 5: a form goes up with the boundary it was read by, and nothing else
--- request eval
[main::form('AbC', [model => 'm']), main::form('a b', [model => 'm'])]
--- more_headers eval
["${main::ALICE}Content-Type: Multipart/Form-Data; charset=utf-16; boundary=AbC",
 "${main::ALICE}Content-Type: multipart/form-data; boundary=\"a b\""]
--- error_code eval
[200, 200]
--- response_headers eval
['X-Got-Type: multipart/form-data; boundary=AbC',
 'X-Got-Type: multipart/form-data; boundary="a b"']

=== TEST 6: a field that chooses another model is refused by its name
--- request eval
main::form('x', [model => 'm'], ['fallbacks[]' => 'dear'])
--- more_headers eval
"${main::ALICE}Content-Type: multipart/form-data; boundary=x"
--- error_code: 400
--- response_body_like: \\"fallbacks\\"

=== TEST 7: headers that others read instead of the body do not go up
--- request eval: main::ask('{"model":"m"}')
--- more_headers
Authorization: Bearer sk-alice
X-HTTP-Method-Override: DELETE
x-portkey-config: c
Helicone-Target-Url: http://x
x-ms-oai-image-generation-deployment: d
If-None-Match: "e"
Range: bytes=0-1
x-stainless-os: Linux
x-other: o
--- error_code: 200
--- sent_like
x-stainless-os: Linux\r
x-other: o\r
--- sent_unlike
(?i)\r\nx-http-method-override:
(?i)\r\nx-portkey-config:
(?i)\r\nhelicone-target-url:
(?i)\r\nx-ms-oai-image-generation-deployment:
(?i)\r\nif-none-match:
(?i)\r\nrange:

=== TEST 8: of a query the provider is told what its dialect knows
--- request
POST /v1/chat/completions?model=dear&api-version=2024-10-21&max_tokens=9
{"model":"m"}
--- error_code: 200
--- sent_like
^POST /v1/chat/completions\?api-version=2024-10-21 HTTP

=== TEST 9: a packed body goes up as it was before, in memory
--- request eval
[map { main::ask($_->[1]) } @::PACKED]
--- more_headers eval
[map { main::packed(@$_) } @::PACKED]
--- error_code eval
[(200) x 6]
--- response_headers eval
[(main::got($::JSON)) x 6]

=== TEST 10: and through a file
--- request eval
[map { "POST /file/v1/chat/completions\n$_->[1]" } @::PACKED]
--- more_headers eval
[map { main::packed(@$_) } @::PACKED]
--- error_code eval
[(200) x 6]
--- response_headers eval
[(main::got($::JSON)) x 6]

=== TEST 11: a body of several pieces does, to its last byte
--- request eval: main::ask(main::gz($::LARGE))
--- more_headers eval: main::packed('gzip', main::gz($::LARGE))
--- error_code: 200
--- response_headers eval: main::got($::LARGE)

=== TEST 12: what cannot be unpacked is refused, and told why
Another encoding, a list, no gzip, no deflate, cut off, and more behind it.
--- request eval
[map { main::ask($_->[1]) } @::UNPACKABLE]
--- more_headers eval
[map { main::packed(@$_) } @::UNPACKABLE]
--- error_code eval
[map { $_->[2] } @::UNPACKABLE]
--- response_body_like eval
[map { $_->[3] } @::UNPACKABLE]

=== TEST 13: what would be too large unpacked is refused, a bomb too
--- request eval
["POST /small/v1/chat/completions\n" . main::gz('x' x 100000),
 main::ask(main::gz(' ' x 50_000_000))]
--- more_headers eval
[main::packed('gzip', main::gz('x' x 100000)),
 main::packed('gzip', main::gz(' ' x 50_000_000))]
--- error_code eval
[413, 413]

=== TEST 14: members that choose another model, key or address are refused
--- upstream eval: $::TELL
--- request eval
[map { main::ask("{\"model\":\"m\",$_}") } '"models":["dear"]',
 '"fallbacks":["dear"]', '"route":"fallback"', '"provider":{"order":["x"]}',
 '"api_base":"http://x"', '"api_key":"k"', '"user_config":{}',
 '"Models":["dear"]', '"mod\u0065ls":["dear"]',
 '"extra_body":{"model":"dear"}', '"data_sources":[]', '"n_predict":9']
--- error_code eval
[(400) x 12]
--- response_body_like eval
[map { "\"message\":\"\\\\\"$_\\\\\" is not passed on" } qw(models fallbacks
 route provider api_base api_key user_config models models extra_body
 data_sources n_predict)]
--- asked: 0

=== TEST 15: null is nothing said, and what a provider allows passes
--- request eval
[map { main::ask($_) } '{"model":"m","models":null}',
 '{"model":"f","models":["x"],"provider":{}}']
--- error_code eval
[200, 200]

=== TEST 16: what one does not allow, or not all that may answer, does not
--- request eval
[map { main::ask($_) } '{"model":"f","fallbacks":["x"]}',
 '{"model":"both","models":["x"]}']
--- error_code eval
[400, 400]

=== TEST 17: a tool that the provider runs is refused, with the word that allows it
--- upstream eval: $::TELL
--- request eval
[map { main::respond('{"model":"m","input":"x","tools":[{"type":"' . $_ . '"}]}') }
 @::TOOLS]
--- error_code eval
[(400) x @::TOOLS]
--- response_body_like eval
[map { '"message":"the tool \\\\"' . $_ . '\\\\".*\\\\"tools ' . $_ . '\\\\"' }
 @::TOOLS]
--- asked: 0

=== TEST 18: tools of the client pass, and those that are allowed in any version
By the provider, by the provider again, and by the route.
--- request eval
[map { main::respond("{\"model\":\"$_->[0]\",\"input\":\"x\","
                     . "\"tools\":[$_->[1]]}") }
 [m => '{"type":"function","function":{"name":"f"}},'
       . '{"type":"custom","name":"c"}'],
 [f => '{"type":"web_search_preview_2025_03_11"}'], [f => '{"type":"mcp"}'],
 [searching => '{"type":"web_search"}']]
--- error_code eval
[(200) x 4]

=== TEST 19: not one that only begins so, that one of two allows, or another
--- request eval
[map { main::respond("{\"model\":\"$_->[0]\",\"input\":\"x\","
                     . "\"tools\":[{\"type\":\"$_->[1]\"}]}") }
 [f => 'web_searching'], [both => 'mcp'], [searching => 'mcp']]
--- error_code eval
[400, 400, 400]

=== TEST 20: a search by another name is the same tool
--- request eval
[map { main::ask("{\"model\":\"$_\",\"web_search_options\":{}}") } 'm', 'f']
--- error_code eval
[400, 200]
--- response_body_like eval
['the tool \\\\"web_search\\\\"', '"hi"']

=== TEST 21: where a tool is allowed, the whole window is reserved
--- request eval
main::respond('{"model":"f","input":"x","max_output_tokens":16,'
              . '"tools":[{"type":"mcp"}]}')
--- more_headers eval: $::POOR
--- error_code: 429

=== TEST 22: and for what a provider fetches from an address
--- request eval
[map { main::ask('{"model":"f","max_tokens":16,"messages":[{"role":"user",'
                 . '"content":[{' . $_ . '}]}]}') }
 '"type":"video_url","video_url":{"url":"https://x/v"}',
 '"type":"audio_url","audio_url":"http://x/a"',
 '"type":"file","fil\\u0065_url":"http://x/f"']
--- more_headers eval: $::POOR
--- error_code eval
[429, 429, 429]

=== TEST 23: a text and a function may speak of addresses
--- request eval
main::ask('{"model":"f","max_tokens":16,"messages":[{"role":"user","content":'
          . '"see \\"a_url\\":\\"http://x\\""}],"tools":[{"type":"function",'
          . '"function":{"parameters":{"a_url":{"type":"string"}}}}]}')
--- more_headers eval: $::POOR
--- error_code: 200

=== TEST 24: work in the background is refused by its name
--- request eval
main::respond('{"model":"m","input":"x","background":true}')
--- error_code: 400
--- response_body_like: \\"background\\"

=== TEST 25: a member that cannot be allowed is an error of the configuration
--- http_config
    soma_provider x { dialect openai; endpoint http://127.0.0.1:1;
                      allow temperature; }
--- must_die
--- error_log
unknown member "temperature" in "allow"

=== TEST 26: and so is "allow" without one
--- http_config
    soma_provider x { dialect openai; endpoint http://127.0.0.1:1; allow; }
--- must_die
--- error_log
invalid number of words behind "allow"
