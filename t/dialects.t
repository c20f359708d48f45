# What dialects need of the gateway beside their own words: other framings of a
# stream, media by URL, credentials of clouds, lists of models, losses. Whether
# each pair of them understands each other is t/matrix.

use strict;
use warnings;

use lib 't/lib';
use MIME::Base64 ();
use Soma qw(:DEFAULT framed);
use Test::More;

my $png = MIME::Base64::decode_base64(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD'
    . 'hgGAWjR9awAAAABJRU5ErkJggg==');

sub ndjson { map { soma_to_json($_) . "\n" } @_ }

sub said {
    my ($text, %more) = @_;

    return { model => 'x', created_at => '2026-01-01T00:00:00Z', done => \0,
             message => { role => 'assistant', content => $text }, %more };
}

my @lines = ndjson(said('Hel'), said("lo \x{2713}"),
                   said('', done => \1, done_reason => 'stop',
                        prompt_eval_count => 11, eval_count => 7));

sub stream {
    my ($type, $body, %how) = @_;

    return { %how, raw => framed($body, $how{size})
                          =~ s{text/event-stream}{$type}r };
}

sub google {
    my ($text, $finish) = @_;

    return soma_to_json({ candidates => [{ index => 0, content => {
        role => 'model', parts => [{ text => $text }] },
        $finish ? (finishReason => $finish) : () }],
        usageMetadata => { promptTokenCount => 11, candidatesTokenCount => 7,
                           totalTokenCount => 18 } });
}

my $chat = soma_to_json({
    id => 'c', object => 'chat.completion', created => 1, model => 'x',
    choices => [{ index => 0, finish_reason => 'stop',
                  message => { role => 'assistant', content => 'Seen.' } }],
    usage => { prompt_tokens => 11, completion_tokens => 7,
               total_tokens => 18 } });
# a call that is signed with more than an id has room for
my $signature = 'SIG' x 1500;
my $signed = soma_to_json({ candidates => [{ index => 0, finishReason => 'STOP',
    content => { role => 'model', parts => [{
        functionCall => { name => 'f', args => {} },
        thoughtSignature => $signature }] } }],
    usageMetadata => { promptTokenCount => 1, candidatesTokenCount => 1,
                       totalTokenCount => 2 } });
my $converse = soma_to_json({
    output => { message => { role => 'assistant',
                             content => [{ text => 'Seen.' }] } },
    stopReason => 'end_turn', usage => { inputTokens => 11, outputTokens => 7,
                                         totalTokens => 18 } });
my $whole = soma_to_json(said('Seen.', done => \1, done_reason => 'stop',
                              prompt_eval_count => 11, eval_count => 7));

# by the first part of the path
my %says = (
    lines => sub { stream('application/x-ndjson', join '', @lines) },
    bytes => sub { stream('application/x-ndjson', join('', @lines),
                          size => 1) },
    typed => sub { stream('text/plain', join '', @lines) },
    short => sub { stream('application/x-ndjson', join '', @lines[0, 1]) },
    wrong => sub { stream('application/x-ndjson', "<html>no</html>\n") },
    fault => sub { stream('application/x-ndjson',
                          join('', $lines[0], qq({"error":"out of memory"}\n))) },
    array => sub { stream('application/json', "[" . google('Hel') . "\n,\r\n"
                          . google('lo', 'STOP') . "\n]\n", size => 7) },
    whole => sub { soma_response(200, $whole) },
    chat => sub { soma_response(200, $chat) },
    google => sub { soma_response(200, google('Seen.', 'STOP')) },
    signed => sub { soma_response(200, $signed) },
    converse => sub { soma_response(200, $converse) },
    token => sub { soma_response(200, soma_to_json({
        access_token => 'ya29.secret', expires_in => 3600 })) },
    denied => sub { soma_response(400, '{"error":"invalid_grant"}') },
    vectors => sub { soma_response(200, $_[0]{uri} =~ /rerank$/
        ? '{"id":"r","results":[{"index":0,"relevance_score":0.5}],'
          . '"meta":{"billed_units":{"search_units":1}}}'
        : $_[0]{body} =~ /base64/
        ? '{"id":"r","embeddings":{"base64":["AACAPg=="]},"texts":["a"],'
          . '"meta":{"billed_units":{"input_tokens":1000000}}}'
        : '{"id":"r","embeddings":{"float":[[0.25]]},"texts":["a"],'
          . '"meta":{"billed_units":{"input_tokens":1000000}}}') },
    embeds => sub { soma_response(200, $_[0]{uri} =~ /batchEmbedContents$/
        ? '{"embeddings":[{"values":[0.25]}],"usageMetadata":'
          . '{"promptTokenCount":1000000}}'
        : $_[0]{uri} =~ m{/api/embed$}
        ? '{"model":"e","embeddings":[[0.25]],"prompt_eval_count":1000000}'
        : '{"object":"list","data":[{"object":"embedding","index":0,'
          . '"embedding":[0.25]}],"model":"e","usage":{"prompt_tokens":'
          . '1000000,"total_tokens":1000000}}') },
    media => sub {
        my ($r) = @_;

        return $r->{uri} =~ /png$/
               ? soma_response(200, $png, 'Content-Type' => 'image/png')
               : $r->{uri} =~ /text$/
               ? soma_response(200, 'no image', 'Content-Type' => 'image/png')
               : $r->{uri} =~ /moved$/
               ? soma_response(302, '', Location =>
                               "http://$r->{headers}{host}/media/a.png")
               : soma_response(404, '');
    },
);

my $up = soma_upstream(responses => [sub {
    my ($r) = @_;
    my ($case) = $r->{uri} =~ m{^/(\w+)};

    return $says{$case // ''} ? $says{$case}->($r)
                              : soma_response(500, '{"error":"no such case"}');
}]);

my $port = $ENV{TEST_NGINX_UPSTREAM_PORT};
my $account = soma_dir('accounts') . '/account.json';

open my $fh, '>', $account or die;
print $fh soma_to_json({
    type => 'service_account', client_email => 'a@b.example',
    private_key => scalar(`openssl genrsa 2048 2>/dev/null`),
    private_key_id => 'k1', token_uri => "http://127.0.0.1:$port/token/x" });
close $fh;
chmod 0600, $account;

open $fh, '>', "$account.denied" or die;
print $fh soma_to_json({
    type => 'service_account', client_email => 'a@b.example',
    private_key => scalar(`openssl genrsa 2048 2>/dev/null`),
    token_uri => "http://127.0.0.1:$port/denied/x" });
close $fh;
chmod 0600, "$account.denied";

my $providers = '';

$providers .= <<"END" for qw(lines bytes typed short wrong fault whole);
    soma_provider $_ {
        dialect ollama;
        endpoint http://127.0.0.1:$port/$_;
        timeout connect=1s first_token=3s idle=1s;
    }
    soma_model $_ provider=$_ input=1 output=1;
END

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
$providers
    soma_provider array {
        dialect gemini;
        endpoint http://127.0.0.1:$port/array/v1beta;
        api_key g-key;
    }
    soma_provider google {
        dialect gemini;
        endpoint http://127.0.0.1:$port/google/v1;
        credentials file:$account;
    }
    soma_provider denied {
        dialect gemini;
        endpoint http://127.0.0.1:$port/google/v1;
        credentials file:$account.denied;
    }
    soma_provider azure {
        dialect openai;
        endpoint http://127.0.0.1:$port/chat/v1;
        api_key azure-key header=api-key;
    }
    soma_provider signed {
        dialect gemini;
        endpoint http://127.0.0.1:$port/signed/v1beta;
        api_key g-key;
    }
    soma_provider converse {
        dialect bedrock;
        endpoint http://127.0.0.1:$port/converse;
        api_key b-key;
    }
    soma_model signed provider=signed input=1 output=1;
    soma_model claude provider=converse name=anthropic.claude-sonnet-4-5
               input=1 output=1;
    soma_model nova provider=converse name=amazon.nova-pro input=1 output=1;
    soma_provider e { dialect echo; }
    soma_model array provider=array input=1 output=1;
    soma_model google provider=google input=1 output=1;
    soma_model denied provider=denied input=1 output=1;
    soma_model azure provider=azure input=1 output=1;
    soma_provider vectors {
        dialect cohere;
        endpoint http://127.0.0.1:$port/vectors/v2;
        api_key co-key;
    }
    soma_model vectors provider=vectors name=embed-v4 input=1 output=1;
    soma_provider o_embeds {
        dialect openai;
        endpoint http://127.0.0.1:$port/embeds/v1;
    }
    soma_provider g_embeds {
        dialect gemini;
        endpoint http://127.0.0.1:$port/embeds/v1beta;
        api_key g-key;
    }
    soma_provider l_embeds {
        dialect ollama;
        endpoint http://127.0.0.1:$port/embeds;
    }
    soma_model o_embeds provider=o_embeds name=e input=1 output=1;
    soma_model g_embeds provider=g_embeds name=e input=1 output=1;
    soma_model l_embeds provider=l_embeds name=e input=1 output=1;
    soma_model echo provider=e input=1 output=1;
    soma_route rescue { model denied; model google; }
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_tenant other { }
    soma_key sha256:@{[soma_sha256('sk-other')]} tenant=other;
    soma_key sha256:@{[soma_sha256('sk-few')]} tenant=acme "models=whole";
END
    location / { soma_pass; }
    location /all/ { soma_pass; soma_fetch_media all; }
    location /off/ { soma_pass; soma_fetch_media off; }
    location /drop/ { soma_pass; soma_lossy drop; }
    location /warn/ { soma_pass; soma_lossy warn; }
END2

my @key = (Authorization => 'Bearer sk-alice');

sub chat {
    my ($model, %o) = @_;
    my $path = delete $o{path} // '';

    return $n->post("$path/v1/chat/completions", soma_to_json({
        model => $model, messages => [{ role => 'user', content => 'Hi' }],
        %o }), @key);
}

sub text_of {
    return join '', map { /^data: (\{.*)/ ? soma_json($1)->{choices}[0]{delta}
                                            {content} // '' : () }
           split /\n\n/, $_[0];
}

# streams that are no server-sent events

for my $model (qw(lines bytes typed)) {
    my $r = chat($model, stream => \1);

    is $r->{status}, 200, "$model: a stream of lines for a client of events";
    like $r->{headers}{'content-type'}, qr{^text/event-stream}, 'as events';
    is text_of($r->{body}), "Hello \x{2713}", 'with all its words';
    like $r->{body}, qr/data: \[DONE\]\n\n\z/, 'and its end';

    $r = $n->post('/api/chat', soma_to_json({ model => $model, messages =>
        [{ role => 'user', content => 'Hi' }] }), @key);
    is $r->{status}, 200, 'for a client of lines';
    is $r->{body}, join('', @lines), 'as they are';
}

{
    my $r = chat('short', stream => \1);

    is text_of($r->{body}), "Hello \x{2713}", 'a stream without its end';
    like $r->{body}, qr/"code":"upstream_error"/, 'is told to be broken';
    unlike $r->{body}, qr/"finish_reason":"stop"/, 'and none that ended';

    $r = $n->post('/api/chat', soma_to_json({ model => 'short', messages =>
        [{ role => 'user', content => 'Hi' }] }), @key);
    like $r->{body}, qr/\n\{"error":"[^\n]*\}\n\z/, 'in lines too';

    $r = chat('wrong', stream => \1);
    is $r->{status}, 502, 'a page with a good status is no stream';

    $r = chat('fault', stream => \1);
    is text_of($r->{body}), 'Hel', 'an error in a stream';
    like $r->{body}, qr/out of memory/, 'is told in the words of the client';
    unlike $r->{body}, qr/\[DONE\]/, 'and nothing says that it is done';
}

{
    my $r = chat('array', stream => \1);

    is text_of($r->{body}), 'Hello', 'a stream that is one array';
    like $r->{body}, qr/"finish_reason":"stop"/, 'and its finish';

    $r = $n->post('/v1beta/models/array:streamGenerateContent',
                  '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}',
                  'x-goog-api-key' => 'sk-alice');
    is $r->{status}, 200, 'for a client that reads arrays';
    like $r->{headers}{'content-type'}, qr{^application/json}, 'as JSON';
    is @{soma_json($r->{body})}, 2, 'with its elements';
}

# what is named by URL

sub look {
    my ($path, $what) = @_;

    return chat('whole', path => $path, messages => [{
        role => 'user', content => [
            { type => 'text', text => 'Look' },
            { type => 'image_url', image_url => {
                url => $what =~ /^http/ ? $what
                       : "http://127.0.0.1:$port/media/$what" } }] }]);
}

{
    my $r = look('/all', 'a.png');

    is $r->{status}, 200, 'an image by URL, for who takes bytes alone';

    my ($got) = grep { $_->{uri} =~ m{^/whole/} } reverse $up->requests;

    is soma_json($got->{body})->{messages}[0]{images}[0],
       MIME::Base64::encode_base64($png, ''), 'is fetched';

    is look('/all', 'moved')->{status}, 200, 'a redirect is followed';

    my @bad = (
        ['/all', 'gone', qr/there is nothing there/],
        ['/all', 'text', qr/is no image/],
        ['', 'a.png', qr/its address is not public/],
        ['', 'http://localhost:1/x', qr/its address is not public/],
        ['/all', 'http://127.0.0.1:1/x.png', qr/could not be fetched/],
        ['/all', 'https:x', qr/could not be fetched/],
        ['/off', 'a.png', qr/image/],
    );

    for my $bad (@bad) {
        $r = look(@$bad[0, 1]);
        is $r->{status}, 400, "@$bad[0, 1] is refused";
        like soma_json($r->{body})->{error}{message}, $bad->[2], 'and why';
    }
}

# what has no place

{
    my %more = (n => 2);
    my $r = chat('whole', %more);

    is $r->{status}, 400, 'two answers of who gives one';
    like soma_json($r->{body})->{error}{message}, qr/"n"/, 'by its name';

    $r = chat('whole', path => '/warn', %more);
    is $r->{status}, 200, 'are one with soma_lossy warn';
    like $r->{headers}{'x-soma-dropped'}, qr/\bn\b/, 'which says so';

    $r = chat('whole', path => '/drop', %more);
    is $r->{status}, 200, 'and with drop';

    $r = chat('whole', prompt_cache_key => 'x');
    is $r->{status}, 200, 'a hint is no reason to refuse';
    like $r->{headers}{'x-soma-dropped'}, qr/prompt_cache_key/,
         'and is named';
}

# what a client has no room for

sub signed {
    my ($key, $id) = @_;

    $n->post('/v1/chat/completions', soma_to_json({
        model => 'signed', messages => [
            { role => 'user', content => 'Hi' },
            { role => 'assistant', content => undef, tool_calls => [{
                id => $id, type => 'function',
                function => { name => 'f', arguments => '{}' } }] },
            { role => 'tool', tool_call_id => $id, content => 'done' }],
        tools => [{ type => 'function', function => { name => 'f' } }] }),
        Authorization => "Bearer $key");

    my ($got) = grep { $_->{uri} =~ m{^/signed/} } reverse $up->requests;

    return soma_json($got->{body})->{contents}[1]{parts}[0]{thoughtSignature};
}

{
    my $r = chat('signed', tools => [{ type => 'function', function => {
        name => 'f' } }]);
    my $id = soma_json($r->{body})->{choices}[0]{message}{tool_calls}[0]{id};

    like $id, qr/^call_0~\.?key-[\w-]{22}$/, 'a long signature has a key';
    is signed('sk-alice', $id), $signature, 'and is what its provider signed';

    my $zone = $id =~ s/(.)$/$1 eq 'A' ? 'Q' : 'A'/er;

    isnt signed('sk-alice', $zone), $signature, 'another key is nothing';
    isnt signed('sk-other', $id), $signature,
         "nor is it to another tenant's key";
    is signed('sk-alice', $id), $signature, 'it is there while there is room';

    $n->reload;
    is signed('sk-alice', $id), $signature, 'a reload forgets nothing';
}

# what Anthropic has on trial

for my $case (
    [claude => ['interleaved-thinking-2025-05-14, made-up-1'],
     ['interleaved-thinking-2025-05-14']],
    [claude => ['made-up-1', 'context-1m-2025-08-07,effort-2025-11-24'],
     ['context-1m-2025-08-07', 'effort-2025-11-24']],
    [claude => ['made-up-1'], undef],
    [nova => ['context-1m-2025-08-07'], undef])
{
    my ($model, $betas, $want) = @$case;
    my $r = $n->post('/v1/messages', soma_to_json({
        model => $model, max_tokens => 9,
        messages => [{ role => 'user', content => 'Hi' }] }), @key,
        map { ('anthropic-beta' => $_) } @$betas);

    is $r->{status}, 200, "@$betas: $model answers";

    my ($got) = grep { $_->{uri} =~ m{^/converse/} } reverse $up->requests;

    is_deeply soma_json($got->{body})->{additionalModelRequestFields}
              {anthropic_beta}, $want, 'and is told what Bedrock knows';
    is $got->{headers}{'anthropic-beta'}, undef, 'in no header';
}

# credentials

{
    my $r = chat('google');

    is $r->{status}, 200, 'a provider with an account is asked';

    my ($token) = grep { $_->{uri} =~ m{^/token/} } $up->requests;
    my ($asked) = grep { $_->{uri} =~ m{^/google/} } $up->requests;

    like $token->{body}, qr/^grant_type=.*&assertion=ey[\w-]+\.[\w-]+\.[\w-]+$/,
         'a token was asked for';
    is $asked->{headers}{authorization}, 'Bearer ya29.secret', 'and is used';

    $r = chat('denied');
    is $r->{status}, 502, 'who has no token is not asked';
    like soma_json($r->{body})->{error}{message}, qr/no credentials yet/,
         'and it is said';
    is chat('rescue')->{status}, 200, 'the next target is';
    like $n->error_log, qr/credentials of soma_provider "denied" could not be/,
         'the log says why';
    unlike $n->error_log, qr/ya29\.secret/, 'and no token';

    $r = chat('azure');
    is $r->{status}, 200, 'a key in a header of another name';

    my ($azure) = grep { $_->{uri} =~ m{^/chat/} } $up->requests;

    is $azure->{headers}{'api-key'}, 'azure-key', 'goes there';
    ok !$azure->{headers}{authorization}, 'and nowhere else';
}

# who asks, and for what models

{
    my $r = $n->get('/v1/models', @key);
    is soma_json($r->{body})->{object}, 'list', 'models for OpenAI\'s clients';

    $r = $n->get('/v1/models', 'x-api-key' => 'sk-alice',
                 'anthropic-version' => '2023-06-01');
    is soma_json($r->{body})->{data}[0]{type}, 'model', 'for Anthropic\'s';
    ok exists soma_json($r->{body})->{has_more}, 'in pages';

    for my $path ('/v1/models', '/v1beta/models') {
        $r = $n->get($path, 'x-goog-api-key' => 'sk-alice');
        like soma_json($r->{body})->{models}[0]{name}, qr{^models/},
             "$path for Google's";
    }

    $r = $n->get('/v1beta/models?key=sk-few');
    is $r->{status}, 200, 'a key in the URL of Google\'s clients';
    is @{soma_json($r->{body})->{models}}, 1, 'that may use one model';

    $r = $n->get('/v1beta/models/none', 'x-goog-api-key' => 'sk-alice');
    is $r->{status}, 404, 'a model that is not there';
    is soma_json($r->{body})->{error}{status}, 'NOT_FOUND', 'in their words';

    $r = $n->post('/v1/chat/completions?key=sk-alice', '{}');
    is $r->{status}, 401, 'a key in other URLs is none';

    $r = $n->get('/api/tags', Authorization => 'Bearer sk-few');
    is soma_json($r->{body})->{models}[0]{name}, 'whole', 'for Ollama\'s';
    $r = $n->post('/api/show', '{"model":"whole"}', @key);
    is $r->{status}, 200, 'and one of them';
    $r = $n->post('/api/show', '{"model":"none"}', @key);
    is $r->{status}, 404, 'or none';
    $r = $n->get('/api/version', @key);
    like $r->{body}, qr/"version"/, 'and what it speaks';
}

# what passes to Cohere, and ranks to nobody else

for (['embed', '{"model":"vectors","texts":["a"],"input_type":"x"}', '1'],
     ['rerank', '{"model":"vectors","query":"q","documents":["a"]}', '0'])
{
    my ($path, $body, $cost) = @$_;
    my $r = $n->post("/v2/$path", $body, @key);
    my ($got) = reverse grep { $_->{uri} =~ m{^/vectors/} } $up->requests;

    is $r->{status}, 200, "$path passes";
    is $got->{uri}, "/vectors/v2/$path", 'to its endpoint';
    is $got->{headers}{authorization}, 'Bearer co-key', 'with its key';
    is $got->{body}, $body =~ s/vectors/embed-v4/r, 'and its model';
    like $r->{headers}{'x-soma-cost'}, qr/^$cost\b/, 'and is metered';
}

{
    my $r = $n->post('/v2/rerank',
                     '{"model":"whole","query":"q","documents":["a"]}', @key);

    is $r->{status}, 400, 'ranks do not pass to another one';
    like $r->{body}, qr/^\{"message":"/, 'in its words';
}

# vectors of others for Cohere's clients

for (['o_embeds', '/embeds/v1/embeddings', '{"model":"e","input":["a"]}'],
     ['g_embeds', '/embeds/v1beta/models/e:batchEmbedContents',
      '{"requests":[{"model":"models/e","content":{"parts":[{"text":"a"}]},'
      . '"taskType":"RETRIEVAL_QUERY"}]}'],
     ['l_embeds', '/embeds/api/embed', '{"model":"e","input":["a"]}'])
{
    my ($model, $uri, $body) = @$_;
    my $r = $n->post('/v2/embed', qq({"model":"$model","texts":["a"],)
                     . '"input_type":"search_query","embedding_types":'
                     . '["float"]}', @key);
    my ($got) = reverse grep { $_->{uri} =~ m{^/embeds/} } $up->requests;

    is $r->{status}, 200, "$model: vectors for a client of Cohere's";
    is $got->{uri}, $uri, 'of its endpoint';
    is $got->{body}, $body, 'by its words';
    like $r->{headers}{'x-soma-cost'}, qr/^1\b/, 'metered';
    like $r->{body}, qr/^\{"id":"\w[\w-]+","embeddings":\{"float":\[\[0\.25\]\]\},
                        "texts":\["a"\],"meta":\{"api_version":
                        \{"version":"2"\},"billed_units":
                        \{"input_tokens":1000000\}\},"response_type":
                        "embeddings_by_type"\}$/x, 'in the client\'s';

    $r = $n->post('/v2/embed', qq({"model":"$model","texts":["a"],)
                  . '"embedding_types":["int8"]}', @key);
    is $r->{status}, 400, "$model: types that it has not";
    like $r->{body}, qr/^\{"message":".*embedding_types/, 'by their name';
}

# Cohere's for the others' clients

for (['/v1/embeddings', '{"model":"vectors","input":"a"}', 'float',
      '/data/0/embedding', [0.25]],
     ['/v1/embeddings', '{"model":"vectors","input":["a"],'
      . '"encoding_format":"base64"}', 'base64', '/data/0/embedding',
      'AACAPg=='],
     ['/v1beta/models/vectors:embedContent',
      '{"content":{"parts":[{"text":"a"}]}}', 'float', '/embedding/values',
      [0.25]],
     ['/api/embed', '{"model":"vectors","input":"a"}', 'float',
      '/embeddings/0', [0.25]])
{
    my ($path, $body, $type, $at, $want) = @$_;
    my $r = $n->post($path, $body, @key);
    my ($got) = reverse grep { $_->{uri} =~ m{^/vectors/} } $up->requests;
    my $v = soma_json($r->{body});

    $v = ref $v eq 'ARRAY' ? $v->[$_] : $v->{$_}
        for grep { length } split m{/}, $at;

    is $r->{status}, 200, "$path: vectors of Cohere's";
    is $got->{uri}, '/vectors/v2/embed', 'of its endpoint';
    is $got->{body}, '{"model":"embed-v4","texts":["a"],"embedding_types":'
                     . qq(["$type"],"input_type":"search_document"}),
       'by its words';
    is_deeply $v, $want, 'in the client\'s';
    like $r->{headers}{'x-soma-cost'}, qr/^1\b/, 'metered';
}

{
    my $r = $n->post('/v1/embeddings', '{"model":"vectors","input":[1,2]}',
                     @key);

    is $r->{status}, 400, 'tokens of another model';
    like soma_json($r->{body})->{error}{message}, qr/input/, 'are refused';
}

# counts

{
    my $r = $n->post('/v1beta/models/whole:countTokens',
                     '{"contents":[{"role":"user","parts":[{"text":'
                     . '"one two three four"}]}]}', @key);

    is $r->{status}, 200, 'tokens are counted for who has no such endpoint';
    ok soma_json($r->{body})->{totalTokens} > 0, 'in the client\'s words';
    is $r->{headers}{'x-soma-counted'}, 'gateway', 'and who counted';
}

$n->quit;
unlike $n->error_log, qr/\[alert\]|\[crit\]/, 'without an alert';

done_testing;
