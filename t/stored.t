# What a provider keeps under one key for all tenants of a gateway is theirs
# who were given it; and the endpoints that are no chat.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $redis = soma_redis();
my $count = 0;

# a provider that numbers its responses
sub provider {
    my ($name) = @_;

    return soma_upstream(name => $name, responses => [sub {
        my ($r) = @_;
        my $id = $name . '_' . ++$count . "_$$";
        my $usage = '"usage":{"input_tokens":500,"output_tokens":100,'
                    . '"total_tokens":600}';

        if ($r->{body} =~ /"stream":true/) {
            return soma_sse(
                qq({"type":"response.created","response":{"id":"$id"}}),
                qq({"type":"response.completed","response":{"id":"$id",)
                . qq("object":"response","status":"completed",$usage}}));
        }

        return soma_response(200, qq({"id":"$id","object":"response",)
                             . qq("status":"completed","output":[],$usage}));
    }]);
}

my ($one, $two) = (provider('one'), provider('two'));
my %key = map { $_ => soma_sha256("sk-$_") } qw(acme other small);

sub http {
    my ($redis_line) = @_;

    return <<"END";
    soma_zone 8m;
    $redis_line
    soma_provider one { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:@{[$one->port]}/v1; }
    soma_provider two { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:@{[$two->port]}/v1; }
    soma_provider open { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:@{[$two->port]}/v1;
        allow file_id conversation; }
    soma_model m1 provider=one name=x input=1 output=2 context=9000;
    soma_model m2 provider=two name=x input=1 output=2 context=9000;
    soma_model free provider=open name=x input=1 output=2 context=9000;
    soma_model omni-moderation-latest provider=two input=0 output=0;
    soma_route first { model m1; model m2; }
    soma_route second { model m2; model m1; }
    soma_tenant acme { }
    soma_tenant other { }
    soma_tenant small { limit tokens 1800/day; }
    soma_key sha256:$key{acme} tenant=acme user=a;
    soma_key sha256:$key{other} tenant=other user=o;
    soma_key sha256:$key{small} tenant=small user=s;
    log_format s '\$soma_input_tokens \$soma_output_tokens \$soma_cost';
    access_log logs/soma.log s;
END
}

my $server = 'location /v1/ { soma_pass; } location /soma/ { soma_api; }';
my $n = soma_nginx(http => http(''), server => $server);

sub as { (Authorization => "Bearer sk-$_[0]") }
sub message { eval { soma_json($_[0]->{body})->{error}{message} } // '' }
sub code { eval { soma_json($_[0]->{body})->{error}{code} } // '' }
sub id { eval { soma_json($_[0]->{body})->{id} } // '' }

sub last_of {
    my ($up) = @_;
    my ($last) = Soma::slurp("$up->{dir}/requests") =~ /([^\n]*)\n\z/;

    return $last ? JSON::PP->new->latin1->decode($last) : {};
}

sub respond {
    my ($node, $who, $model, $more) = @_;

    return $node->post('/v1/responses', qq({"model":"$model","input":"x",)
                       . '"max_output_tokens":50' . ($more // '') . '}',
                       as($who));
}


# the access log's last line, tokens and cost, when there are so many; the line
# of an earlier request may come after that request's answer, so it is waited
# for as well

sub booked {
    my ($lines, $want) = @_;
    my $log;

    soma_wait(10, sub {
        $log = Soma::slurp($n->dir . '/logs/soma.log');
        (() = $log =~ /\n/g) >= $lines && $log =~ /^\Q$want\E\n\z/m
    });

    return ($log =~ /([^\n]*)\n\z/)[0];
}


# a response by its id

my $id = id(respond($n, 'acme', 'first'));
my $res;

like($id, qr/^one_/, 'a response was made');

for (['GET', '', 'is read'], ['GET', '/input_items', 'tells its items'],
     ['POST', '/cancel', 'is cancelled'], ['DELETE', '', 'is deleted'])
{
    my ($method, $path, $name) = @$_;
    my $before = $one->count + $two->count;

    $res = $n->request($method, "/v1/responses/$id$path", '', as('other'));
    is($res->{status}, 404, "a stranger is told there is none that $name");
    is(code($res), 'response_not_found', 'in the words of an unknown one');
    is($one->count + $two->count, $before, 'and no provider is asked');

    $res = $n->request($method, "/v1/responses/$id$path", '', as('acme'));
    is($res->{status}, 200, "whoever was given it: it $name");

    my $sent = last_of($one);

    is($sent->{method}, $method, 'by that method');
    is($sent->{uri}, "/v1/responses/$id$path", 'at that place');
    is($sent->{body}, '', 'with no body');
    ok(!exists $sent->{headers}{'content-type'}, 'and so of no type');
    is($sent->{headers}{authorization}, 'Bearer sk-secret', 'under our key');
}

my $lines = () = Soma::slurp($n->dir . '/logs/soma.log') =~ /\n/g;

$n->get("/v1/responses/$id?stream=true&starting_after=3&model=dear",
        as('acme'));
is(last_of($one)->{uri}, "/v1/responses/$id?stream=true&starting_after=3",
   'the query of such a request is another list');
is(booked($lines + 1, '0 0 0'), '0 0 0',
   'what a stored response has used is not paid again');

for ('resp_unknown', '..', '.hidden', '%2e%2e%2ffiles', 'a%20b', 'x' x 200) {
    is($n->get("/v1/responses/$_", as('acme'))->{status}, 404,
       'no response is called ' . substr $_, 0, 20);
}


# going on from one

my $before = $one->count;

$res = respond($n, 'other', 'first', qq(,"previous_response_id":"$id"));
is($res->{status}, 404, 'nobody goes on from the response of another tenant');
is(code($res), 'previous_response_not_found', 'which is not there for them');
is($one->count, $before, 'and no provider is asked');

$res = respond($n, 'acme', 'second', qq(,"previous_response_id":"$id"));
is($res->{status}, 200, 'whoever was given it goes on');
like(id($res), qr/^one_/, 'at the provider that keeps it');

$res = respond($n, 'acme', 'm2', qq(,"previous_response_id":"$id"));
is($res->{status}, 404, 'by no model of another provider');
like(message($res), qr/another provider/, 'which is said');

my ($streamed) = $n->post('/v1/responses', '{"model":"m2","input":"x",'
                          . '"stream":true}', as('acme'))->{body}
                 =~ /"id":"(two_[^"]*)"/;

is(respond($n, 'acme', 'second', qq(,"previous_response_id":"$streamed"))
       ->{status}, 200, 'a streamed response can be gone on from too');
is(respond($n, 'other', 'second', qq(,"previous_response_id":"$streamed"))
       ->{status}, 404, 'by whom it was given to alone');

$id = id(respond($n, 'acme', 'm1', ',"store":false'));
is(respond($n, 'acme', 'm1', qq(,"previous_response_id":"$id"))->{status},
   404, 'what is not to be stored is not remembered');

# 600 tokens each are used of 1800
$id = id(respond($n, 'small', 'm1'));
is(respond($n, 'small', 'm1', qq(,"previous_response_id":"$id"))->{status},
   200, 'what an earlier response has used is reserved for the next one');
is(respond($n, 'small', 'm1', qq(,"previous_response_id":"$id"))->{status},
   429, 'and refused where it does not fit');
is(respond($n, 'small', 'm1')->{status}, 200,
   'though the request alone still would');


# other objects

for (['conversation', '"conversation":"conv_1"'],
     ['conversation', '"conversation":{"id":"conv_1"}'],
     ['prompt', '"prompt":{"id":"pmpt_1"}'],
     ['file_id', '"input":[{"role":"user","content":[{"type":"input_file",'
                 . '"file_id":"file-1"}]}]'],
     ['item_reference', '"input":[{"type":"item_reference","id":"msg_1"}]'])
{
    my ($name, $member) = @$_;

    $res = $n->post('/v1/responses', qq({"model":"m1",$member}), as('acme'));
    is($res->{status}, 404, "a $name that nobody here was given is none");
    like(message($res), qr/"$name".*"allow $name"/,
         'with the word that would let it through');
}

is($n->post('/v1/chat/completions', '{"model":"m1","messages":[{"role":'
            . '"user","content":[{"type":"file","file":{"file_id":"f"}}]}]}',
            as('acme'))->{status}, 404, 'nor is a file in a chat');
is($n->post('/v1/responses', '{"model":"free","conversation":"c","input":'
            . '[{"content":[{"type":"input_file","file_id":"f"}]}]}',
            as('acme'))->{status}, 200, 'a provider may allow them');
is($n->post('/v1/responses', '{"model":"free","max_output_tokens":16,'
            . '"conversation":"c","input":"x"}', as('small'))->{status}, 429,
   'and then the whole window is reserved');


# endpoints that are no chat

$res = $n->request('GET', '/v1/responses', '', as('acme'),
                   Connection => 'Upgrade', Upgrade => 'websocket');
is($res->{status}, 426, 'a websocket is refused at once');
is(code($res), 'websocket_not_supported', 'in the words of an API');
is($n->get('/v1/responses', as('acme'))->{status}, 405,
   'a GET without one is the wrong method');
like(message($n->request('PUT', '/v1/responses/x', '', as('acme'))),
     qr/GET and DELETE only/, 'and which are right is said');

$lines = () = Soma::slurp($n->dir . '/logs/soma.log') =~ /\n/g;
is($n->post('/v1/responses/input_tokens', '{"model":"m1","input":"x"}',
            as('acme'))->{status}, 200, 'tokens are counted');
is(booked($lines + 1, '0 0 0'), '0 0 0', 'for nothing');

is($n->post('/v1/responses/compact', '{"model":"m1","input":"x"}',
            as('acme'))->{status}, 200, 'a conversation is compacted');
is(booked($lines + 2, '500 100 0.0007'), '500 100 0.0007', 'at its price');
is(last_of($one)->{body}, '{"model":"x","input":"x"}',
   'and no bound is put into what knows none');

is($n->post('/v1/rerank', '{"model":"m1","query":"q","documents":["d"]}',
            as('acme'))->{status}, 200, 'documents are ranked');
is(last_of($one)->{uri}, '/v1/rerank', 'at their place');

is($n->post('/v1/moderations', '{"input":"x"}', as('acme'))->{status}, 200,
   'a text is moderated without a model');
is(last_of($two)->{body}, '{"input":"x"}', 'by the one that is meant then');
is($n->post('/v1/moderations', '{"model":"m1"}', as('acme'))->{status}, 400,
   'but not without a text');

sub edit {
    my ($path, %field) = @_;
    my $body = join '', map { "--B\r\nContent-Disposition: form-data; "
                              . "name=\"$_\"\r\n\r\n$field{$_}\r\n" }
                        sort keys %field;

    return $n->post("/v1/images/$path", "$body--B--\r\n", as('acme'),
                    'Content-Type' => 'multipart/form-data; boundary=B');
}

for my $path ('edits', 'variations') {
    is(edit($path, model => 'm1', n => 2)->{status}, 200,
       "images/$path passes");
    like(last_of($one)->{body}, qr/name="model"\r\n\r\nx\r\n/,
         'with the model of its provider');
    is(edit($path, model => 'm1', n => 0)->{status}, 400, 'not of no image');
    like(message(edit($path, model => 'm1', provider => 'x')), qr/"provider"/,
         'and not with a field that chooses another provider');
}

for ('files', 'batches', 'conversations', 'responses/a/b') {
    $res = $n->post("/v1/$_", '{}', as('acme'));
    is($res->{status}, 404, "there is no $_");
    like(message($res), qr/images\/edits/, 'and what there is is told');
}

$n->stop;


# two nodes of one Redis

my @node = map { soma_nginx(name => "node$_", server => $server,
                            http => http("soma_redis @{[$redis->url]};")) }
           1, 2;

soma_hears(20, $_) for @node;

$id = id(respond($node[0], 'acme', 'first'));

# the first node's word may still be on its way
ok(soma_wait(20, sub {
    $node[1]->get("/v1/responses/$id", as('acme'))->{status} == 200
}), 'another node knows whose a response is');
is($node[1]->get("/v1/responses/$id", as('other'))->{status}, 404,
   'and whose it is not');
is(respond($node[1], 'acme', 'second', qq(,"previous_response_id":"$id"))
       ->{status}, 200, 'it is gone on from there');
is(respond($node[1], 'other', 'second', qq(,"previous_response_id":"$id"))
       ->{status}, 404, 'by nobody else');

my ($kept) = grep { /own/ } @{$redis->cmd('KEYS', 'soma:{acme}:own:*')};

unlike($kept, qr/\Q$id/, 'Redis has not the id itself');
cmp_ok($redis->cmd('TTL', $kept), '>', 29 * 86400, 'and forgets in the end');

$redis->stop;
soma_wait(20, sub {
    $node[1]->get('/v1/responses/resp_unseen', as('acme'))->{status} == 503
});
$res = $node[1]->get('/v1/responses/resp_unseen', as('acme'));
is($res->{status}, 503, 'without Redis nobody can tell whose a response is');
is(code($res), 'object_store_unavailable', 'which is what is said');


# one tenant has a gateway to itself

my $http = http('');

$http =~ s/soma_tenant (?:other|small) [^\n]*\n//g;
$http =~ s/soma_key[^\n]*tenant=(?:other|small)[^\n]*\n//g;
$http =~ s/soma_(?:provider|model) (?:two|m2|open|free|omni)\b.*?\n(?:\s+(?:endpoint|allow).*?\n)*//g;
$http =~ s/soma_route.*?\n//g;

my $alone = soma_nginx(name => 'alone', http => $http, server => $server);

is($alone->get('/v1/responses/resp_before', as('acme'))->{status}, 200,
   'whose is what it was given before a restart');
is(respond($alone, 'acme', 'm1', ',"previous_response_id":"resp_before"')
       ->{status}, 200, 'and can be gone on from');


done_testing();
