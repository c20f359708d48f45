# soma_usage_cost over a long stream: a cost in each of its events, and no memory
# that grows with it. What is told, and that the books have it, is in
# t/cases/cost.t.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;

my $up = soma_upstream(responses => ['']);
my $n = soma_nginx(http => <<"END", server => 'location /v1/ { soma_pass; }');
    soma_zone 8m;
    soma_usage_cost on;
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
    soma_model m provider=p input=0.15 output=0.60;
    soma_tenant acme { }
    soma_key sha256:@{[ soma_sha256('sk-alice') ]} tenant=acme user=alice;
END

sub ask {
    return $n->post('/v1/chat/completions', '{"model":"m","stream":true,'
                    . '"stream_options":{"include_usage":true}}',
                    Authorization => 'Bearer sk-alice');
}

my $event = '{"id":"c","choices":[{"index":0,"delta":{"content":"w"}}],'
            . '"usage":{"prompt_tokens":10,"completion_tokens":%d}}';
my $text = join '', map { "data: $_\n\n" }
           (map { sprintf $event, $_ } 1 .. 3000), '[DONE]';

$up->reset(framed($text, 777));
ask();

my $before = $n->memory;
my $res;

$res = ask() for 1 .. 3;
is(() = $res->{body} =~ /,"cost":0\.\d+\}\}\n/g, 3000, 'a cost in each of many');
like($res->{body}, qr/"completion_tokens":3000,"cost":0\.0018015\}/,
     'the last is that of all');
cmp_ok($n->memory - $before, '<', 1000, 'no memory is left with it')
    unless soma_slow();
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
