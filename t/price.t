#!/usr/bin/env perl

# What is paid by the piece, and what has no price.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $dir = soma_dir('price');

sub file {
    my ($name, $text) = @_;

    open my $fh, '>', "$dir/$name" or die;
    print $fh $text;
    close $fh;

    return "$dir/$name";
}

my $prices = file('prices.json', <<'END');
{
  "img": {"litellm_provider": "p", "mode": "image_generation",
          "output_cost_per_image": 0.04},
  "high/1024-x-1024/sized": {"litellm_provider": "p",
          "mode": "image_generation", "input_cost_per_image": 0.2},
  "low/1024-x-1024/sized": {"litellm_provider": "p",
          "mode": "image_generation", "input_cost_per_image": 0.01},
  "sized": {"litellm_provider": "p", "mode": "image_generation"},
  "drawn": {"litellm_provider": "p", "mode": "image_generation",
          "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5,
          "output_cost_per_image_token": 3e-5},
  "voice": {"litellm_provider": "p", "mode": "audio_speech",
          "input_cost_per_character": 1.5e-05},
  "ear": {"litellm_provider": "p", "mode": "audio_transcription",
          "input_cost_per_second": 0.0001}
}
END

my $up = soma_upstream(responses => [sub {
    my ($request) = @_;
    my $body = $request->{body};

    return soma_response(200, '{"created":1,"data":[{"url":"x"}],"usage":'
                         . '{"input_tokens":10,"output_tokens":100,'
                         . '"total_tokens":110}}')
        if $body =~ /"drawn"/;
    return soma_response(200, '{"created":1,"data":[{"url":"x"}]}')
        if $request->{uri} =~ /images/;
    return soma_response(200, "a sentence\n", 'Content-Type' => 'text/plain')
        if $request->{uri} =~ /transcriptions/;
    return soma_response(200, "ID3\0\0\0\0", 'Content-Type' => 'audio/mpeg')
        if $request->{uri} =~ /speech/;
    return soma_response(200, '{"id":"x","choices":[{"index":0,"message":'
                         . '{"role":"assistant","content":"hi"},'
                         . '"finish_reason":"stop"}],"usage":'
                         . '{"prompt_tokens":3,"completion_tokens":1,'
                         . '"total_tokens":4}}');
}]);

my $http = <<"END";
soma_prices $prices;
soma_provider p { dialect openai; api_key k;
    endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
soma_provider q { dialect openai; api_key k; limit cost 5/day;
    endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
soma_model img provider=p;
soma_model sized provider=p;
soma_model drawn provider=p;
soma_model voice provider=p;
soma_model ear provider=p;
soma_model m provider=p;
soma_model mq name=m provider=q;
soma_model free provider=p input=0 output=0;
soma_model paid provider=p input=1 output=2;
soma_route either { model m; model paid; }
soma_tenant cost { limit cost 1/day per=user; }
soma_tenant open { limit requests 1000/day; }
END

for my $name ('a' .. 'k') {
    $http .= "soma_key sha256:" . soma_sha256("sk-$name")
             . " tenant=cost user=$name;\n";
}

$http .= "soma_key sha256:" . soma_sha256('sk-open') . " tenant=open;\n"
         . "soma_key sha256:" . soma_sha256('sk-admin')
         . " tenant=open capabilities=admin,usage;\n";

my $n = soma_nginx(http => $http, server => <<'END');
location /v1/ { soma_pass; }
location /allow/v1/ { soma_pass; soma_unpriced allow; }
location /soma/ { soma_api; }
location /metrics { soma_metrics; allow 127.0.0.1; deny all; }
END

my $res;

sub post {
    my ($key, $path, $body, @more) = @_;

    return $res = $n->post($path, $body, Authorization => "Bearer sk-$key",
                           @more);
}

sub cost { $res->{headers}{'x-soma-cost'} // '' }

sub code { eval { soma_json($res->{body})->{error}{code} } // '' }


# images

post('a', '/v1/images/generations', '{"model":"img","prompt":"x","n":10}');
is($res->{status}, 200, 'ten images are within a dollar');
is(cost(), '0.4', 'and cost what ten images cost');
post('a', '/v1/images/generations', '{"model":"img","prompt":"x","n":10}');
is($res->{status}, 200, 'twenty are');
post('a', '/v1/images/generations', '{"model":"img","prompt":"x","n":10}');
is($res->{status}, 429, 'thirty are not: they are reserved before');

post('b', '/v1/images/generations',
     '{"model":"sized","prompt":"x","size":"1024x1024","quality":"low"}');
is(cost(), '0.01', 'an image costs what its size and quality do');
post('b', '/v1/images/generations', '{"model":"sized","prompt":"x"}');
is(cost(), '0.2', 'and the dearest where they are not said');
post('b', '/v1/images/generations',
     '{"model":"sized","prompt":"x","size":"a","Size":"b"}');
is($res->{status}, 400, 'a size that stands twice is refused');

post('b', '/v1/images/generations', '{"model":"drawn","prompt":"x"}');
is(cost(), '0.00301', 'tokens of an image cost what those of images do');


# speech and sound

post('c', '/v1/audio/speech',
     '{"model":"voice","input":"H\\u00e9llo w\\u00f6rld!"}');
is($res->{status}, 200, 'a sentence is spoken');
post('c', '/v1/audio/speech', '{"model":"voice","input":"' . 'a' x 66655
     . '"}');
is($res->{status}, 429, 'characters are reserved before they are spoken, '
   . 'and those of the first are booked');
post('c', '/v1/audio/speech', '{"model":"voice","input":"' . 'a' x 66654
     . '"}');
is($res->{status}, 200, 'to the last one');

sub form {
    my ($bytes, $format) = @_;
    my $body = join '', map { "--B\r\nContent-Disposition: form-data; "
                              . "name=\"$_->[0]\"$_->[1]\r\n\r\n$_->[2]\r\n" }
               ['model', '', 'ear'], ['response_format', '', $format],
               ['file', '; filename="a.bin"', 'x' x $bytes];

    return "$body--B--\r\n";
}

my @multipart = ('Content-Type' => 'multipart/form-data; boundary=B');

post('d', '/v1/audio/transcriptions', form(900_000, 'text'), @multipart);
is($res->{status}, 200, 'fifteen minutes are heard');
my $used = soma_json($n->get('/soma/usage', Authorization => 'Bearer sk-d')
                     ->{body});
my ($ear) = grep { $_->{model} eq 'ear' } @{ $used->{rows} };
is($ear->{cost_nano}, 90_000_100, 'and booked, though the answer is text');


# no price

post('e', '/v1/chat/completions', '{"model":"m","messages":[]}');
is($res->{status}, 400, 'a model without a price under a limit of cost');
is(code(), 'model_unpriced', 'has a code of its own');
like($res->{body}, qr/input= and output=/, 'and the way out');
post('e', '/allow/v1/chat/completions', '{"model":"m","messages":[]}');
is($res->{status}, 200, 'soma_unpriced allow lets it in');
post('e', '/v1/chat/completions',
     '{"model":"either","max_tokens":9,"messages":[]}');
is($res->{headers}{'x-soma-model'}, 'paid',
   'of a route the targets that have a price are asked');
post('e', '/v1/chat/completions', '{"model":"free","messages":[]}');
is($res->{status}, 200, 'a price of 0 is a price');
post('open', '/v1/chat/completions', '{"model":"m","messages":[]}');
is($res->{status}, 200, 'without a limit of cost nobody asks for a price');
post('open', '/v1/chat/completions', '{"model":"mq","messages":[]}');
is($res->{status}, 400, 'a limit of the provider asks, too');
is(code(), 'model_unpriced', 'with the same code');

$res = $n->get('/metrics');
like($res->{body}, qr/^soma_model_unpriced\{model="m"\} 1$/m,
     'a gauge names what has no price');
like($res->{body}, qr/^soma_model_unpriced\{model="paid"\} 0$/m,
     'and what has one');

my $health = soma_json($n->get('/soma/health',
                               Authorization => 'Bearer sk-admin')->{body});
my %priced = map { $_->{name} => $_->{priced} }
             map { @{ $_->{models} } } @{ $health->{providers} };

ok(!$priced{m}, 'health tells that m has no price');
ok($priced{paid}, 'and that others have one');
like($health->{prices}{date}, qr/^20\d\d-\d\d-\d\dT/,
     'and when the catalogue was written');

$n->stop;


# what nginx -t says

sub refused {
    my ($line, $why, $what) = @_;
    my $http = "soma_provider p { dialect openai; api_key k; "
               . "endpoint http://127.0.0.1:1/v1; }\n$line\n";

    $n->configure(http => $http, server => 'location / { return 204; }');

    my ($out, $status) = $n->test;

    isnt($status, 0, "$what: refused");
    like($out, $why, $what);
}

refused('soma_model a provider=p input=1;', qr/has input= without output=/,
        'half of a price');
refused('soma_model a provider=p output=1;', qr/has output= without input=/,
        'the other half');
refused('soma_vocabulary_factor claude 0;', qr/allowed are 0.5 to 10/,
        'a factor of 0');
refused('soma_vocabulary_factor claude much;', qr/allowed are 0.5 to 10/,
        'a factor that is no number');
refused('soma_unpriced maybe;', qr/deny/, 'an unknown word');

done_testing();
