# What is checked is what is read: a provider gets the request that was
# looked at, in words that have one meaning, and nothing beside it.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Compress::Zlib ();

my $answer = '{"id":"c1","object":"chat.completion","choices":[{"index":0,'
             . '"message":{"role":"assistant","content":"hi"},'
             . '"finish_reason":"stop"}],"usage":{"prompt_tokens":10,'
             . '"completion_tokens":1,"total_tokens":11}}';
my $up = soma_upstream(responses => [soma_response(200, $answer)]);
my $alice = soma_sha256('sk-alice');
my $poor = soma_sha256('sk-poor');

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider old { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_provider new { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        max_tokens_name max_completion_tokens; }
    soma_provider free { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        allow models provider; tools web_search mcp; }
    soma_model m provider=old input=1 output=2 max_output=4096;
    soma_model f provider=free name=m input=1 output=2 context=1000;
    soma_route both { model f; model m; }
    soma_route searching { model m; model f; tools web_search; }
    soma_model n provider=new name=m input=1 output=2 max_output=4096;
    soma_tenant acme { }
    soma_tenant poor { limit cost 0.0004/day; }
    soma_key sha256:$alice tenant=acme user=alice;
    soma_key sha256:$poor tenant=poor user=paul;
END
    client_max_body_size 8m;
    location /v1/ { soma_pass; }
    location /small/v1/ { soma_pass; client_max_body_size 4k; }
    location /file/v1/ { soma_pass; soma_body_buffer 8k; }
END2

my @alice = (Authorization => 'Bearer sk-alice');
my @poor = (Authorization => 'Bearer sk-poor');

sub chat { $n->post('/v1/chat/completions', shift, @alice, @_) }
sub message { eval { soma_json($_[0]->{body})->{error}{message} } // '' }

# the last request only: decoding all of them takes its time
sub sent {
    my ($last) = Soma::slurp("$up->{dir}/requests") =~ /([^\n]*)\n\z/;
    JSON::PP->new->latin1->decode($last);
}


# how long an answer may be, by the provider's own name for it

for (['{"model":"m","max_completion_tokens":9}', '{"model":"m","max_tokens":9}',
      'the newer name to a provider that reads the older'],
     ['{"max_tokens":9,"model":"n"}', '{"max_completion_tokens":9,"model":"m"}',
      'the older name to one that reads the newer'],
     ['{"model":"n","max_tokens":9,"max_completion_tokens":1}',
      '{"model":"m","max_completion_tokens":9}', 'both names'],
     ['{"model":"m", "max_tokens" : 9}', '{"model":"m", "max_tokens" : 9}',
      'the right name'],
     ['{"model":"m","max_tokens":-1}', '{"model":"m","max_tokens":-1}',
      'no bound, as local servers write it'])
{
    my ($body, $want, $name) = @$_;

    is(chat($body)->{status}, 200, "$name passes");
    is(sent()->{body}, $want, "$name is told as it is reserved");
}

my $before = $up->count;

is(chat('{"model":"m","max_tokens":0}')->{status}, 400,
   'no answer at all cannot be asked for');
is($up->count, $before, 'and reaches no provider');

my $res = $n->post('/v1/chat/completions', '{"model":"m","max_tokens":-1,'
                   . '"messages":[{"role":"user","content":"hi"}]}', @poor);

is($res->{status}, 200, 'where a limit holds, -1 is no bound either');
like(sent()->{body}, qr/"max_tokens":\d{2,3},/,
     'and what the limit can pay is told instead');


# the type of a body is what it was read as

for (undef, 'text/plain', 'application/x-www-form-urlencoded',
     'application/json; charset=utf-16', 'multipart/form-data; boundary=x')
{
    is(chat('{"model":"m"}', $_ ? ('Content-Type' => $_) : ())->{status}, 200,
       'JSON passes as ' . ($_ // 'nothing'));
    is(sent()->{headers}{'content-type'}, 'application/json',
       'and goes up as JSON');
}

sub form {
    my ($type, @fields) = @_;
    my ($boundary) = $type =~ /boundary="?([^";]*)/;
    my $body = join '', map { "--$boundary\r\nContent-Disposition: form-data; "
                              . "name=\"$_->[0]\"\r\n\r\n$_->[1]\r\n" } @fields;

    return $n->post('/v1/audio/transcriptions', "$body--$boundary--\r\n",
                    @alice, 'Content-Type' => $type);
}

is(form('Multipart/Form-Data; charset=utf-16; boundary=AbC', [model => 'm'])
       ->{status}, 200, 'a form passes');
is(sent()->{headers}{'content-type'}, 'multipart/form-data; boundary=AbC',
   'with the boundary it was read by, and nothing else');
is(form('multipart/form-data; boundary="a b"', [model => 'm'])->{status}, 200,
   'so does one whose boundary needs quotes');
is(sent()->{headers}{'content-type'}, 'multipart/form-data; boundary="a b"',
   'and keeps them');
like(message(form('multipart/form-data; boundary=x', [model => 'm'],
                  ['fallbacks[]' => 'dear'])), qr/"fallbacks"/,
     'a field that chooses another model is refused by its name');


# headers by which others are told what the body says here

chat('{"model":"m"}', 'X-HTTP-Method-Override' => 'DELETE',
     'x-portkey-config' => 'c', 'Helicone-Target-Url' => 'http://x',
     'x-ms-oai-image-generation-deployment' => 'd', 'If-None-Match' => '"e"',
     Range => 'bytes=0-1', 'x-stainless-os' => 'Linux', 'x-other' => 'o');

my $head = sent()->{headers};

ok(!exists $head->{$_}, "$_ does not go up")
    for qw(x-http-method-override x-portkey-config helicone-target-url
           x-ms-oai-image-generation-deployment if-none-match range);
is($head->{$_}, $_ eq 'x-other' ? 'o' : 'Linux', "$_ does")
    for qw(x-other x-stainless-os);


# a query tells a provider what its dialect knows

$n->post('/v1/chat/completions?model=dear&api-version=2024-10-21&max_tokens=9',
         '{"model":"m"}', @alice);
is(sent()->{uri}, '/v1/chat/completions?api-version=2024-10-21',
   'of the query the version alone goes up');


# packed bodies

my $json = '{"model":"m","messages":[{"role":"user","content":"'
           . 'x' x 5000 . '"}]}';
my $half = length($json) / 2;
my $bare = do {
    my ($d) = Compress::Zlib::deflateInit(-WindowBits => -15);
    $d->deflate($json) . $d->flush;
};

for ([gzip => Compress::Zlib::memGzip($json), 'gzip'],
     ['X-GZip' => Compress::Zlib::memGzip($json), 'gzip by its old name'],
     [gzip => Compress::Zlib::memGzip(substr $json, 0, $half)
              . Compress::Zlib::memGzip(substr $json, $half),
      'gzip of two members'],
     [deflate => Compress::Zlib::compress($json), 'deflate'],
     [deflate => $bare, 'bare deflate'],
     [identity => $json, 'identity'])
{
    my ($encoding, $body, $name) = @$_;

    for my $uri ('/v1', '/file/v1') {
        my $res = $n->post("$uri/chat/completions", $body, @alice,
                           'Content-Encoding' => $encoding);

        is($res->{status}, 200, "$name is unpacked under $uri");
        is(sent()->{body}, $json, 'and goes up as it was');
        ok(!exists sent()->{headers}{'content-encoding'},
           'without the encoding');
    }
}

my $large = '{"model":"m","messages":[{"role":"user","content":"'
            . join('', map { "$_ is a number; " } 1 .. 60000) . '"}]}';

$res = $n->post('/v1/chat/completions', Compress::Zlib::memGzip($large),
                @alice, 'Content-Encoding' => 'gzip');
is($res->{status}, 200, 'a body of several pieces is unpacked too');
ok(sent()->{body} eq $large, 'to its last byte');

for (['br', 'x', 415, qr/Content-Encoding "br"/, 'br'],
     ['gzip, gzip', 'x', 415, qr/"gzip, gzip"/, 'a list'],
     ['gzip', 'no gzip', 400, qr/Content-Encoding/, 'what is no gzip'],
     ['deflate', "\x78\x9c\xff", 400, qr/Content-Encoding/, 'no deflate'],
     ['gzip', substr(Compress::Zlib::memGzip($json), 0, 40), 400,
      qr/not all of it/, 'gzip that is cut off'],
     ['gzip', Compress::Zlib::memGzip($json) . 'more', 400,
      qr/Content-Encoding/, 'gzip with bytes behind it'],
     ['deflate', Compress::Zlib::compress($json) . 'more', 400,
      qr/Content-Encoding/, 'deflate with bytes behind it'])
{
    my ($encoding, $body, $status, $said, $name) = @$_;

    $res = chat($body, 'Content-Encoding' => $encoding);
    is($res->{status}, $status, "$name is refused");
    like(message($res), $said, 'and told why');
}

$res = $n->post('/small/v1/chat/completions',
                Compress::Zlib::memGzip('x' x 100000), @alice,
                'Content-Encoding' => 'gzip');
is($res->{status}, 413, 'what would be too large unpacked is refused');

$res = chat(Compress::Zlib::memGzip(' ' x 50_000_000),
            'Content-Encoding' => 'gzip');
is($res->{status}, 413, 'so is a bomb');


# members that choose another model, key or address

for (['models', '["dear"]'], ['fallbacks', '["dear"]'],
     ['route', '"fallback"'], ['provider', '{"order":["x"]}'],
     ['api_base', '"http://x"'], ['api_key', '"k"'], ['user_config', '{}'],
     ['Models', '["dear"]'], ['mod\u0065ls', '["dear"]'],
     ['extra_body', '{"model":"dear"}'], ['data_sources', '[]'],
     ['n_predict', '9'])
{
    my ($name, $value) = @$_;

    $before = $up->count;
    $res = chat(qq({"model":"m","$name":$value}));
    is($res->{status}, 400, "$name is refused");
    $name =~ s/\\u0065/e/;
    like(message($res), qr/^"\L$name\E" is not passed on/, 'by its name');
    is($up->count, $before, 'and reaches no provider');
}

is(chat('{"model":"m","models":null}')->{status}, 200, 'null is nothing said');
is(chat('{"model":"f","models":["x"],"provider":{}}')->{status}, 200,
   'what a provider allows passes');
is(chat('{"model":"f","fallbacks":["x"]}')->{status}, 400,
   'what it does not does not');
is(chat('{"model":"both","models":["x"]}')->{status}, 400,
   'all that may answer have to allow it');


# tools that a provider runs

for my $type (qw(web_search_preview code_interpreter file_search mcp
                 image_generation computer_use_preview local_shell new_thing))
{
    $before = $up->count;
    $res = $n->post('/v1/responses', qq({"model":"m","input":"x",)
                    . qq("tools":[{"type":"$type"}]}), @alice);
    is($res->{status}, 400, "the tool $type is refused");
    like(message($res), qr/^the tool "$type".*"tools $type"/,
         'by its name, with the word that allows it');
    is($up->count, $before, 'and reaches no provider');
}

for ([m => '{"type":"function","function":{"name":"f"}},'
            . '{"type":"custom","name":"c"}', 200, 'tools of the client'],
     [f => '{"type":"web_search_preview_2025_03_11"}', 200,
      'what the provider allows, of any version'],
     [f => '{"type":"mcp"}', 200, 'another one that it allows'],
     [f => '{"type":"web_searching"}', 400, 'a name that only begins so'],
     [both => '{"type":"mcp"}', 400, 'what one of two providers allows'],
     [searching => '{"type":"web_search"}', 200, 'what the route allows'],
     [searching => '{"type":"mcp"}', 400, 'another one there'])
{
    my ($model, $tools, $status, $name) = @$_;

    is($n->post('/v1/responses', qq({"model":"$model","input":"x",)
                . qq("tools":[$tools]}), @alice)->{status}, $status, $name);
}

like(message(chat('{"model":"m","web_search_options":{}}')),
     qr/the tool "web_search"/, 'a search by another name is that tool');
is(chat('{"model":"f","web_search_options":{}}')->{status}, 200,
   'and passes where it does');

$res = $n->post('/v1/responses', '{"model":"f","input":"x",'
                . '"max_output_tokens":16,"tools":[{"type":"mcp"}]}', @poor);
is($res->{status}, 429, 'where it is allowed, the whole window is reserved');

for my $part ('"type":"video_url","video_url":{"url":"https://x/v"}',
              '"type":"audio_url","audio_url":"http://x/a"',
              '"type":"file","fil\\u0065_url":"http://x/f"')
{
    my $ask = '{"model":"f","max_tokens":16,"messages":[{"role":"user",'
              . '"content":[{PART}]}]}';

    $res = $n->post('/v1/chat/completions', $ask =~ s/PART/$part/r, @poor);
    is($res->{status}, 429, "what $part has a provider fetch is reserved");
}

is($n->post('/v1/chat/completions', '{"model":"f","max_tokens":16,"messages":'
            . '[{"role":"user","content":"see \\"a_url\\":\\"http://x\\""}],'
            . '"tools":[{"type":"function","function":{"parameters":'
            . '{"a_url":{"type":"string"}}}}]}', @poor)->{status}, 200,
   'a text and a function may speak of addresses');

like(message($n->post('/v1/responses', '{"model":"m","input":"x",'
                      . '"background":true}', @alice)),
     qr/"background"/, 'work in the background is refused by its name');


# the configuration

for (['allow temperature;', qr/unknown member "temperature" in "allow"/],
     ['allow;', qr/invalid number of words behind "allow"/])
{
    my $bad = soma_nginx(name => 'bad', start => 0, server => '', http =>
        "soma_provider x { dialect openai; endpoint http://127.0.0.1:1; $_->[0] }");

    like($bad->test, $_->[1], "$_->[0] is an error that says why");
}


done_testing();
