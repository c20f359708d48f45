# How long an answer may be: what soma_max_tokens says to the provider, and
# what is refused.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

# a token of an answer costs one dollar, and each user has 100 of them

my $USERS = 60;
my $keys = join '', map {
    "soma_key sha256:" . soma_sha256("sk-$_") . " tenant=acme user=u$_;\n"
} 1 .. $USERS;
$keys .= "soma_key sha256:" . soma_sha256('sk-free') . " tenant=free user=f;\n";
$keys .= "soma_key sha256:" . soma_sha256('sk-tok') . " tenant=tok user=t;\n";
$keys .= "soma_key sha256:" . soma_sha256('sk-own')
         . " tenant=free user=o \"limits=cost 40/day\";\n";

my $used = 30;
my $up = soma_upstream(responses => [sub {
    my ($request) = @_;
    my $n = $request->{headers}{'x-used'} // $used;

    return soma_response(200, '{"id":"x","choices":[],"usage":'
                         . "{\"prompt_tokens\":0,\"completion_tokens\":$n,"
                         . "\"input_tokens\":0,\"output_tokens\":$n,"
                         . "\"total_tokens\":$n}}");
}]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_provider newer { dialect openai; max_tokens_name max_completion_tokens;
                      endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_provider tight { dialect openai; limit cost 4200/day per=user;
                      endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_provider last { dialect openai; limit cost 200/day per=user;
                      endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_model small   provider=p input=0 output=1000000 max_output=50;
    soma_model big     provider=p input=0 output=1000000 max_output=500;
    soma_model unknown provider=p input=0 output=1000000;
    soma_model dear    provider=p input=0 output=4000000 max_output=500;
    soma_model o3-mini provider=p input=0 output=1000000 max_output=500;
    soma_model gpt-4o  provider=newer input=0 output=1000000 max_output=500;
    soma_model tight-m provider=tight input=0 output=1000000 max_output=4200;
    soma_model last-m  provider=last input=0 output=1000000 max_output=500;
    soma_route both { model small; model dear; }
    soma_route next { model tight-m; model last-m; }
    soma_tenant acme { limit cost 100/day per=user; }
    soma_tenant tok { limit tokens 2000/day; }
    soma_tenant free { }
    $keys
END
    location /v1/ { soma_pass; }
    location /require/v1/ { soma_pass; soma_max_tokens require; }
    location /trust/v1/ { soma_pass; soma_max_tokens trust; }
END2

my $user = 0;
my $res;

sub post {
    my ($key, $path, $body, @more) = @_;

    return $res = $n->post($path, $body, Authorization => "Bearer sk-$key",
                           @more);
}

sub sent { ($up->requests)[-1]{body} }

# a user with the whole budget asks; what the provider gets
sub becomes {
    my ($path, $body, $want, $what) = @_;

    post(++$user, "/v1/$path", $body);
    is($res->{status}, 200, "$what: passes") or diag $res->{body};
    is(sent(), $want, $what);
}

my $chat = 'chat/completions';

becomes($chat, '{"model":"small","messages":[]}',
        '{"model":"small","messages":[]}', 'the model makes less: untouched');
becomes($chat, '{"model":"big","messages":[]}',
        '{"max_tokens":100,"model":"big","messages":[]}', 'chat');
becomes($chat, " {\n \"model\" : \"big\" }\n",
        " {\"max_tokens\":100,\n \"model\" : \"big\" }\n", 'white space stays');
becomes($chat, '{"model":"unknown"}', '{"max_tokens":100,"model":"unknown"}',
        'a model of unknown size');
becomes($chat, '{"model":"dear"}', '{"max_tokens":25,"model":"dear"}',
        'a dearer one');
becomes($chat, '{"model":"both"}', '{"max_tokens":25,"model":"small"}',
        'a route: what the dearest of it may cost');
becomes($chat, '{"model":"big","n":4}',
        '{"max_tokens":25,"model":"big","n":4}', 'four answers share it');
becomes($chat, '{"model":"big","max_tokens":null,"x":{"max_tokens":7}}',
        '{"model":"big","max_tokens":100,"x":{"max_tokens":7}}',
        'a null is replaced');
becomes($chat, '{"model":"big","max_completion_tokens":null}',
        '{"max_tokens":100,"model":"big","max_completion_tokens":null}',
        'the null of the other name stays');
becomes($chat, '{"model":"big","max_output_tokens":5}',
        '{"model":"big","max_tokens":100}',
        'a name of another API gives way to the one that is read');
becomes($chat, '{"model":"big","stream":true}',
        '{"max_tokens":100,"stream_options":{"include_usage":true},'
        . '"model":"big","stream":true}', 'a stream');
becomes($chat, '{"model":"o3-mini"}',
        '{"max_completion_tokens":100,"model":"o3-mini"}', 'a reasoning model');
becomes($chat, '{"model":"gpt-4o"}',
        '{"max_completion_tokens":100,"model":"gpt-4o"}',
        'a provider of the newer name');
becomes('completions', '{"model":"gpt-4o","prompt":"a"}',
        '{"max_tokens":100,"model":"gpt-4o","prompt":"a"}', 'completions');
becomes('completions', '{"model":"big","best_of":5,"n":2}',
        '{"max_tokens":20,"model":"big","best_of":5,"n":2}',
        'completions: the best of five');
becomes('completions', '{"model":"big","prompt":["a","b","c","d","e"]}',
        '{"max_tokens":20,"model":"big","prompt":["a","b","c","d","e"]}',
        'completions: of five prompts');
becomes('responses', '{"model":"big","input":"a"}',
        '{"max_output_tokens":100,"model":"big","input":"a"}', 'responses');
becomes('embeddings', '{"model":"big","input":"a"}',
        '{"model":"big","input":"a"}', 'embeddings have none');

for (['"max_tokens":100', 200], ['"max_tokens":101', 429],
     ['"max_completion_tokens":100,"max_tokens":9', 200],
     ['"max_completion_tokens":100,"max_tokens":200', 429],
     ['"max_tokens":50,"n":2', 200], ['"max_tokens":50,"n":3', 429])
{
    my ($members, $status) = @$_;
    my $body = "{\"model\":\"big\",$members}";

    post(++$user, "/v1/$chat", $body);
    is($res->{status}, $status, "said by the client: $members");
    $body =~ s/"max_completion_tokens":100,"max_tokens":9/"max_tokens":100/;
    is(sent(), $body,
       'what is reserved is what the provider is told') if $status == 200;
    like($res->{body}, qr/max_tokens/, 'the refusal tells') if $status != 200;
}

# what is left, and less than an answer needs

$user++;
post($user, "/v1/$chat", '{"model":"big"}', 'X-Used' => 30);
is(sent(), '{"max_tokens":100,"model":"big"}', 'all of 100');
post($user, "/v1/$chat", '{"model":"big"}', 'X-Used' => 53);
is(sent(), '{"max_tokens":70,"model":"big"}', 'the 70 that are left');
post($user, "/v1/$chat", '{"model":"big"}', 'X-Used' => 1);
is(sent(), '{"max_tokens":17,"model":"big"}', '17 are left');
post($user, "/v1/$chat", '{"model":"big"}', 'X-Used' => 1);
is(sent(), '{"max_tokens":16,"model":"big"}', '16 are left');
post($user, "/v1/$chat", '{"model":"big"}');
is($res->{status}, 429, '15 are no answer');
like($res->{body}, qr/15 USD left of 100 USD a day.*insufficient_quota/s, 'used up');
ok($res->{headers}{'retry-after'} > 0, 'until tomorrow');

post('own', "/v1/$chat", '{"model":"big"}', 'X-Used' => 1);
is(sent(), '{"max_tokens":40,"model":"big"}', "a key's own limit");

post('tok', "/v1/$chat", '{"model":"unknown"}', 'X-Used' => 100);
like(sent(), qr/^\{"max_tokens":19\d\d,"model":"unknown"\}$/,
     'tokens: what the prompt leaves');

post('free', "/v1/$chat", '{"model":"unknown"}');
is(sent(), '{"model":"unknown"}', 'without limits nothing is said');

# a provider's own limit: the next target is better than half an answer

post('free', "/v1/$chat", '{"model":"next"}', 'X-Used' => 4000);
is(sent(), '{"model":"tight-m"}', 'the first target');
post('free', "/v1/$chat", '{"model":"next"}', 'X-Used' => 50);
is(sent(), '{"max_tokens":200,"model":"last-m"}', 'then the last, with less');
post('free', "/v1/$chat", '{"model":"next"}', 'X-Used' => 140);
is(sent(), '{"max_tokens":150,"model":"last-m"}', 'and with less again');
post('free', "/v1/$chat", '{"model":"next"}');
is($res->{status}, 429, 'then none');

# require

for ([$chat, 'max_completion_tokens'], ['completions', 'max_tokens'],
     ['responses', 'max_output_tokens'])
{
    my ($path, $name) = @$_;

    post('free', "/require/v1/$path", '{"model":"small"}');
    is($res->{status}, 400, "require: $path");
    like($res->{body}, qr/\\"$name\\"/, "names $name");
    is(soma_json($res->{body})->{error}{code}, 'missing_required_parameter',
       'the code');
    post('free', "/require/v1/$path", "{\"model\":\"small\",\"$name\":null}");
    is($res->{status}, 400, 'null is absent');
    post('free', "/require/v1/$path", "{\"model\":\"small\",\"$name\":9}");
    is($res->{status}, 200, 'said');
    $name = 'max_tokens' if $path eq 'chat/completions';
    is(sent(), "{\"model\":\"small\",\"$name\":9}",
       'told by the name that the provider reads');
}

post('free', '/require/v1/embeddings', '{"model":"small","input":"a"}');
is($res->{status}, 200, 'require: embeddings have none');
post('free', '/require/v1/chat/completions', '{"model":"small",'
     . '"max_tokens":9,"max_tokens":9}');
is($res->{status}, 400, 'twice is refused');

# trust

$user++;
post($user, "/trust/v1/$chat", '{"model":"big"}', 'X-Used' => 80);
is(sent(), '{"model":"big"}', 'trust: untouched');
post($user, "/trust/v1/$chat", '{"model":"big","max_tokens":400}',
     'X-Used' => 10);
is($res->{status}, 200, 'trust: what is said may be more than is left');
post($user, "/trust/v1/$chat", '{"model":"big"}');
is($res->{status}, 429, 'but with next to nothing left nothing is begun');

like($n->get('/v1/models', Authorization => 'Bearer sk-free')->{body},
     qr/o3-mini/, 'still there');

ok($n->quit, 'quit');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'nothing bad in the log');

done_testing();
