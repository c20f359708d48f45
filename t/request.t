# What is checked is what is read: a provider gets the request that was
# looked at, in words that have one meaning, and nothing beside it.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

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
    soma_model m provider=old input=1 output=2 max_output=4096;
    soma_model n provider=new name=m input=1 output=2 max_output=4096;
    soma_tenant acme { }
    soma_tenant poor { limit cost 0.0004/day; }
    soma_key sha256:$alice tenant=acme user=alice;
    soma_key sha256:$poor tenant=poor user=paul;
END
    client_max_body_size 8m;
    location /v1/ { soma_pass; }
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


done_testing();
