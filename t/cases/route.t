# Strategies: which model a prompt gets, why, and what a configuration may not
# say. That the scores of complexity are good ones is bench/router-eval.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Cwd ();
use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_WEIGHTS} = Cwd::getcwd() . '/conf/router.weights';

our $HARD = 'Mr. Glass borrowed $250 from the ABC Finance Company. He agreed to '
    . 'repay the $250 in five monthly installments, with interest at 3% a '
    . 'month on the first $150 and 2% a month on any part of the loan over '
    . '$150. What was his total interest cost?\nA. $23\nB. $18\nC. $24\nD. '
    . '$25\nE. $15\nF. $20\nG. $21\nH. $26\nI. $30\nJ. $27';
our $EASY = 'Hello, how are you today?';

sub chat {
    my ($model, $text, $more) = @_;

    return qq(POST /v1/chat/completions\n{"model":"$model","messages":[)
        . ($more // '') . qq({"role":"user","content":"$text"}]});
}

our $TURNS = join '', map {
    qq({"role":"user","content":"Question $_, prove it."},)
    . qq({"role":"assistant","content":"Answer $_"},) } 1 .. 20;
our $SYSTEM = '{"role":"system","content":"' . 'Think hard. ' x 500 . '"},';

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(more_headers => "Authorization: Bearer sk-alice")
        unless defined $block->more_headers;
});

cases(keys => ['alice'], upstream => 1);

__DATA__

=== TEST 1: a question gets the weakest model that will do
--- http_config
    soma_zone 8m;
    soma_provider e { dialect echo; }
    soma_provider p { dialect openai;
                      endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
    soma_model small provider=e input=0.1 output=0.1;
    soma_model large provider=e input=1 output=1;
    soma_model huge provider=e input=9 output=9;
    soma_model away provider=p input=1 output=1;
    soma_route two {
        strategy complexity weights=$TEST_NGINX_WEIGHTS save=30%
                 "pair=llama-8b > llama-70b";
        model small; model large;
    }
    soma_route kept {
        strategy complexity weights=$TEST_NGINX_WEIGHTS keep=1
                 "pair=llama-8b > llama-70b";
        model small; model large;
    }
    soma_route saved {
        strategy complexity weights=$TEST_NGINX_WEIGHTS save=100%
                 "pair=llama-8b > llama-70b";
        model small; model large;
    }
    soma_route three {
        strategy complexity weights=$TEST_NGINX_WEIGHTS keep=1
                 "pair=llama-8b > llama-70b" "pair=flash-1.5 > pro-1.5";
        model small; model large; model huge;
    }
    soma_route broken {
        strategy complexity weights=$TEST_NGINX_WEIGHTS save=30%
                 "pair=llama-8b > llama-70b";
        model small; model away;
    }
    soma_model reader provider=e input=0.1 output=5;
    soma_model writer provider=e input=10 output=0.1;
    soma_model unpriced provider=e;
    soma_model off provider=p input=0 output=0;
    soma_route cheap { strategy cost; model unpriced; model reader; model writer; }
    soma_route away-first { strategy cost; model reader; model off; }
    soma_tenant acme { }
    soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
--- config
    location / { soma_pass; add_header X-Why $soma_route_reason; }
--- request eval
[main::chat('two', $::EASY), main::chat('two', $::HARD)]
--- response_headers_like eval
["x-soma-model: small\nx-soma-route-reason: complexity: llama-8b > llama-70b "
 . "[-0-9.e]+ < [-0-9.e]+\nX-Why: complexity: llama-8b .*",
 "x-soma-model: large\nx-soma-route-reason: complexity: llama-8b > llama-70b "
 . "[-0-9.e]+ >= [-0-9.e]+"]

=== TEST 2: case, blanks, parts and what was said before make no difference
--- request eval
[main::chat('two', uc($::HARD =~ s/\\n/#/gr) =~ s/#/\\r\\n\\n/gr),
 main::chat('two', '  ' . $::HARD =~ s/ /  \\t/gr),
 main::chat('two', $::HARD, $::SYSTEM), main::chat('two', $::EASY, $::SYSTEM),
 main::chat('two', $::HARD, $::TURNS), main::chat('two', $::EASY, $::TURNS),
 main::chat('two', $::HARD) =~ s/"content":"(.*)"\}/"content":[{"type":"text","text":"$1"}]}/r]
--- response_headers_like eval
[map { "x-soma-model: $_" } qw(large large large small large small large)]

=== TEST 3: every dialect's clients are read
--- request eval
[qq(POST /v1/messages\n{"model":"two","max_tokens":9,"messages":[{"role":"user","content":"$::HARD"}]}),
 qq(POST /v1/responses\n{"model":"two","input":"$::HARD"}),
 qq(POST /v1beta/models/two:generateContent\n{"contents":[{"role":"user","parts":[{"text":"$::HARD"}]}]}),
 qq(POST /api/chat\n{"model":"two","stream":false,"messages":[{"role":"user","content":"$::EASY"}]})]
--- response_headers_like eval
[map { "x-soma-model: $_" } qw(large large large small)]

=== TEST 4: a cut may leave nothing to one of them
--- request eval
[main::chat('kept', $::EASY), main::chat('saved', $::HARD)]
--- response_headers_like eval
[map { "x-soma-model: $_" } qw(large small)]

=== TEST 5: more than two are gone through pair by pair
--- request eval
[main::chat('three', $::HARD), main::chat('three', $::EASY)]
--- response_headers_like eval
["x-soma-route-reason: complexity: llama-8b .* >= .*, flash-1.5 .*", 'x-soma-model: \w+']

=== TEST 6: a stronger one that fails is replaced by the weaker
--- upstream eval
main::soma_response(500, '{"error":{"message":"no"}}')
--- request eval: main::chat('broken', $::HARD)
--- response_headers_like
x-soma-model: small
x-soma-attempts: 2

=== TEST 7: what is no conversation goes to the first
--- request
POST /v1/embeddings
{"model":"two","input":"x"}
--- response_headers_like
x-soma-model: small

=== TEST 8: the cheapest one, for a long answer and for a long prompt
--- request eval
[main::chat('cheap', 'Hi'), main::chat('cheap', 'word ' x 2000),
 main::chat('cheap', 'Hi') =~ s/"model"/"max_tokens":1,"model"/r]
--- response_headers_like eval
[map { "x-soma-model: $_" } qw(writer reader reader)]

=== TEST 9: the next cheapest, when it fails
--- upstream eval
main::soma_response(500, '{"error":{"message":"no"}}')
--- request eval: main::chat('away-first', 'Hi')
--- response_headers_like
x-soma-model: reader
x-soma-attempts: 2

=== TEST 10: weights that are not there
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_model b provider=e;
    soma_route r { strategy complexity weights=/nowhere; model a; model b; }
--- config
--- must_die
--- error_log
weights "/nowhere" could not be opened

=== TEST 11: a file that is none
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_model b provider=e;
    soma_route r { strategy complexity weights=/etc/passwd; model a; model b; }
--- config
--- must_die
--- error_log
weights "/etc/passwd": it is no file of weights that soma-route has made

=== TEST 12: no pair of these models
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_model b provider=e;
    soma_route r { strategy complexity weights=$TEST_NGINX_WEIGHTS;
                   model a; model b; }
--- config
--- must_die
--- error_log
goes from "a" to "b", and weights

=== TEST 13: too few pairs, and a share that is none
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_model b provider=e;
    soma_model c provider=e;
    soma_route r { strategy complexity weights=$TEST_NGINX_WEIGHTS
                   "pair=llama-8b > llama-70b"; model a; model b; model c; }
--- config
--- must_die
--- error_log
has 3 models and 1 "pair=": one is needed for each step

=== TEST 14: a share beyond all of it
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_route r { strategy complexity weights=$TEST_NGINX_WEIGHTS save=130%;
                   model a; }
--- config
--- must_die
--- error_log
invalid "save=130%" behind "strategy complexity" of soma_route "r"

=== TEST 15: words behind another strategy
--- http_config
    soma_zone 1m;
    soma_provider e { dialect echo; }
    soma_model a provider=e;
    soma_route r { strategy order save=30%; model a; }
--- config
--- must_die
--- error_log
nothing is expected behind "strategy order"
