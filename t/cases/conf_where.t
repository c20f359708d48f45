# What the lines of providers, models and routes refuse, and how they say so.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

cases();

__DATA__

=== TEST 1: a provider needs a dialect
--- http_config
    soma_provider p { }
--- must_die
--- error_log
"p" needs a "dialect"

=== TEST 2: a provider needs an endpoint
--- http_config
    soma_provider p { dialect openai; }
--- must_die
--- error_log
"p" needs an "endpoint"

=== TEST 3: a dialect that is none is refused with those there are
--- http_config
    soma_provider p { dialect klingon; }
--- must_die
--- error_log
"klingon" of soma_provider "p"
openai
echo

=== TEST 4: an upstream block belongs to one provider
--- http_config
    upstream u { server 127.0.0.1:1; }
    soma_provider p { dialect openai; endpoint http://u; }
    soma_provider q { dialect openai; endpoint http://u/v1; }
--- must_die
--- error_log eval
qr/"q" .* names the upstream block "u" of soma_provider "p"/

=== TEST 5: an endpoint is http or https
--- http_config
    soma_provider p { dialect openai; endpoint ftp://h; }
--- must_die
--- error_log
endpoint of soma_provider "p"
http://HOST

=== TEST 6: an endpoint names no user
--- http_config
    soma_provider p { dialect openai; endpoint http://a@h/; }
--- must_die
--- error_log
without user

=== TEST 7: an endpoint has no query
--- http_config
    soma_provider p { dialect openai; endpoint http://h?x=1; }
--- must_die
--- error_log eval
qr/without.*query/

=== TEST 8: a host of an endpoint that has no address is refused, with the way out
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://nowhere.invalid;
    }
--- must_die
--- error_log eval
qr/nowhere\.invalid.*soma_provider "p".*nginx\.conf:\d+.*resolver/

=== TEST 9: an endpoint ends before /v1/chat/completions
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/chat/completions;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 10: an endpoint ends before /v1/chat/completions/
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/chat/completions/;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 11: an endpoint ends before /v1/responses
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/responses;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 12: an endpoint ends before /v1/embeddings
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/embeddings;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 13: an endpoint ends before /v1/messages
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/messages;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 14: an endpoint ends before /v1/completions
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/completions;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 15: an endpoint ends before /api/V1/Messages
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/api/V1/Messages;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 16: an endpoint ends before /v1/models
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/models;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 17: an endpoint ends before /v1/images/generations
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/images/generations;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 18: an endpoint ends before /v1/audio/speech
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1/v1/audio/speech;
    }
--- must_die
--- error_log eval
qr{endpoint of soma_provider "p" ends in "/.*what stands before}

=== TEST 19: providers have different names
--- http_config
    soma_provider e { dialect echo; }
    soma_provider e { dialect echo; }
--- must_die
--- error_log
"e" stands twice

=== TEST 20: a key that looks like a variable of a shell is none
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key $SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 21: nor is one in braces
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key "${SECRET}";
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 22: nor is one that LiteLLM would look up
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key os.environ/SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 23: env goes with a colon
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key env=SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 24: a key that looks like a variable of Windows is none
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key %SECRET%;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 25: env: needs a name
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key env:;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 26: file: needs a path
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key file:;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 27: env is in lower case
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key ENV:SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 28: a key that looks like a template is none
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key "{{SECRET}}";
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 29: nor is one to be filled in
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key <SECRET>;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 30: nor is JavaScript's name of one
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key process.env.SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 31: env goes with no slash
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key env/SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 32: the name behind env: has no dollar
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key env:$SECRET;
    }
--- must_die
--- error_log
"p" is no key but names 
--- no_error_log
SECRET

=== TEST 33: env and its name are one word
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key env SECRET;
    }
--- must_die
--- error_log
"p" is one word: env:NAME
--- no_error_log
SECRET

=== TEST 34: file and its path are one word
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key file SECRET;
    }
--- must_die
--- error_log
"p" is one word: env:NAME
--- no_error_log
SECRET

=== TEST 35: Bearer is no part of a key
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key Bearer SECRET;
    }
--- must_die
--- error_log
"p" is one word: env:NAME
--- no_error_log
SECRET

=== TEST 36: a key must be there
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key;
    }
--- must_die
--- error_log
"p" is one word: env:NAME

=== TEST 37: a key in quotes has no blank
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        api_key "a b";
    }
--- must_die
--- error_log eval
qr/api_key of soma_provider "p".*blank/

=== TEST 38: a timeout of 0 is refused
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        timeout connect=0;
    }
--- must_die
--- error_log
"connect=0"
connect=TIME

=== TEST 39: a timeout that there is not is refused with those there are
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        timeout soon=2s;
    }
--- must_die
--- error_log
"soon=2s"
first_token=TIME

=== TEST 40: timeout needs words
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        timeout;
    }
--- must_die
--- error_log
words behind "timeout"

=== TEST 41: what can be limited is named
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit beer 3/day;
    }
--- must_die
--- error_log
"beer" in "limit"
requests, tokens

=== TEST 42: windows of a limit are named
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit cost 3/fortnight;
    }
--- must_die
--- error_log
"3/fortnight"
month and ever

=== TEST 43: a limit of cost needs a window
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit cost 3;
    }
--- must_die
--- error_log eval
qr/"3".*no window.*minute/

=== TEST 44: a limit is above 0
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit cost 0/day;
    }
--- must_die
--- error_log
"0/day"
above 0

=== TEST 45: scopes of a limit are named
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit requests 5/day per=moon;
    }
--- must_die
--- error_log
"per=moon"
provider

=== TEST 46: what stands behind a scope is refused
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit requests 5/day per=user x;
    }
--- must_die
--- error_log
"x"

=== TEST 47: concurrency has no window
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        limit concurrency 5/day;
    }
--- must_die
--- error_log
"5/day"
no window

=== TEST 48: keepalive is a number
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        keepalive many;
    }
--- must_die
--- error_log
"many" in "keepalive"
0 to

=== TEST 49: the bound of an answer has one of two names
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        max_tokens_name tokens;
    }
--- must_die
--- error_log
max_tokens_name "tokens"
"max_tokens" or

=== TEST 50: ssl_verify is a flag
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        ssl_verify maybe;
    }
--- must_die
--- error_log
"maybe" in "ssl_verify"
on or off

=== TEST 51: a line that a provider does not have is refused with those it has
--- http_config
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1;
        color red;
    }
--- must_die
--- error_log
"color" in soma_provider "p"
dialect

=== TEST 52: a parameter that soma_model does not have is refused with those it has
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e colour=red;
--- must_die
--- error_log
"colour=red" of "soma_model"
name=

=== TEST 53: a price is a number
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e input=cheap;
--- must_die
--- error_log
"input=cheap"
USD per million

=== TEST 54: a context is not negative
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e context=-1;
--- must_die
--- error_log
"context=-1"

=== TEST 55: a context is not in bytes
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e context=128kb;
--- must_die
--- error_log
"context=128kb"
128k

=== TEST 56: a bound of output has a number before its unit
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e max_output=k;
--- must_die
--- error_log
"max_output=k"
tokens

=== TEST 57: a model needs a provider
--- http_config
    soma_provider e { dialect echo; }
    soma_model m input=1;
--- must_die
--- error_log
"soma_model m" needs provider=

=== TEST 58: the provider of a model is configured
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=x;
--- must_die
--- error_log
"x" of soma_model "m"

=== TEST 59: models have different names
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_model m provider=e;
--- must_die
--- error_log
"m" names two

=== TEST 60: a route needs a model
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r {  }
--- must_die
--- error_log
"r" has no "model"

=== TEST 61: a strategy that is none is refused with those there are
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m; strategy best; }
--- must_die
--- error_log
"best" of soma_route "r"
"order"

=== TEST 62: a route has one strategy
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m; strategy order; strategy order; }
--- must_die
--- error_log
stands twice

=== TEST 63: a weight of 0 is refused with the range
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m weight=0; }
--- must_die
--- error_log
"weight=0" in soma_route "r"
1..1000

=== TEST 64: the model of a route is configured
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model nope; }
--- must_die
--- error_log
"nope" of soma_route "r"

=== TEST 65: a good status is no reason to move on
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m; retry_on http_200; }
--- must_die
--- error_log
"http_200" in "retry_on"
error

=== TEST 66: reasons to move on are named
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m; retry_on whim; }
--- must_die
--- error_log
"whim" in "retry_on"

=== TEST 67: a line that a route does not have is refused with those it has
--- http_config
    soma_provider e { dialect echo; }
    soma_model m provider=e;
    soma_route r { model m; retries 3; }
--- must_die
--- error_log
"retries" in soma_route "r"
retry_on
