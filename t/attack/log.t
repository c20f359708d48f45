# Whatever a client writes, the error log's lines are the gateway's own: text
# of others begins no line, moves no terminal's cursor and leaves no quotes.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $up = soma_upstream(responses => [soma_response(500,
    "{\"error\":{\"message\":\"provider\\nFORGED-by-provider\\u001b[31m\"}}")]);

my $n = soma_nginx(log_level => 'info', http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        api_key sk-upstream;
    }
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-root')]} tenant=acme user=root
             capabilities=admin;
END
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
END2

my @alice = (Authorization => 'Bearer sk-alice');
my @root = (Authorization => 'Bearer sk-root');

# a new line, a terminal's escape, its one-byte form, DEL, a quote, a lone
# backslash, a zero and a line separator of Unicode
my %odd = ('%0a' => '\n', '%1b' => '\u001b', '%9b' => '\u009b',
           '%7f' => '\u007f', '%22' => '\"', '%5c' => '\\\\',
           '%0d' => '\r', '%e2%80%a8' => '\u2028');

for my $escape (sort keys %odd) {
    my $text = "x${escape}FORGED";
    my $json = "x$odd{$escape}FORGED";

    $n->get("/v1/models/$text", @alice);
    $n->get("/soma/$text", @alice);
    $n->get("/soma/usage?tenant=$text", @alice);
    $n->get("/soma/usage?day=$text", @alice);
    $n->get("/soma/usage?by=$text", @root);
    $n->get("/soma/keys/$text", @root);
    $n->get("/soma/tenants/$text", @root);
    $n->get("/v1/training/status/$text", @root);
    $n->post('/v1/chat/completions', qq({"model":"$json","messages":[]}),
             @alice);
    $n->post('/soma/keys', qq({"tenant":"$json","user":"$json"}), @root);
    $n->post('/soma/training/enable',
             qq({"tenant":"acme","user":"$json","reason":"$json"}), @root);
    $n->post('/v1/chat/completions', '{"model":"m","messages":[]}', @alice);
    $n->post('/soma/training/disable', '{"tenant":"acme","user":"a"}', @root);
    $n->get('/v1/models', Authorization => "Bearer x\tFORGED\x9b");
}

is($n->post('/v1/chat/completions', '{"model":"m","messages":[]}', @alice)
   ->{status}, 500, 'a provider fails with words of its own');

my $log = $n->error_log;

like($log, qr/FORGED/, 'what clients wrote is in the log');
like($log, qr/there is no model "x\\x0aFORGED" here/, 'escaped');
like($log, qr/there is no model "x\\x22FORGED" here/, 'its quotes as well');
like($log, qr/there is no model "x\\x5cFORGED" here/, 'and a backslash');

my @strange = grep { !m{^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[} } split /\n/, $log;
is("@strange", '', 'no line begins with any of it');
unlike($log, qr/[\x00-\x08\x0b-\x1f\x7f-\xff]/, 'no byte of it is bare');

my $res = $n->post('/v1/chat/completions',
                   '{"model":"x\nFORGED","messages":[]}', @alice);
is(soma_json($res->{body})->{error}{message}, "there is no model \"x\nFORGED\" "
   . 'here: GET /v1/models lists those you may use',
   'the client reads its own words as they were');

done_testing();
