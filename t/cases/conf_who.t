# What the lines of tenants, keys and tokens refuse, and how they say so.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

for (['secret', 'x' x 32], ['short', "12345\n"]) {
    open my $fh, '>', "$ENV{TEST_NGINX_DIR}/$_->[0]" or die;
    print $fh $_->[1];
    close $fh;
}

cases(keys => [qw(alice root)]);

__DATA__

=== TEST 1: a limit of a tenant needs words
--- http_config
    soma_tenant t { limit; }
--- must_die
--- error_log
"limit": limit is empty

=== TEST 2: a limit of tokens is a number
--- http_config
    soma_tenant t { limit tokens lots/day; }
--- must_die
--- error_log
"lots/day"
10k

=== TEST 3: models of a tenant are named
--- http_config
    soma_tenant t { models; }
--- must_die
--- error_log
"models" in soma_tenant "t"

=== TEST 4: models of a tenant stand in one line
--- http_config
    soma_tenant t { models a; models b; }
--- must_die
--- error_log
"models" stands twice

=== TEST 5: models of a tenant stand between blanks
--- http_config
    soma_tenant t { models a,b; }
--- must_die
--- error_log
"a,b" in the models of soma_tenant "t"
blanks

=== TEST 6: a comma behind a model is refused
--- http_config
    soma_tenant t { models a, b; }
--- must_die
--- error_log
"a," in the models
without commas

=== TEST 7: a line that a tenant does not have is refused with those it has
--- http_config
    soma_tenant t { quota 5; }
--- must_die
--- error_log
"quota" in soma_tenant "t"
limit

=== TEST 8: a tenant has a name without blanks
--- http_config
    soma_tenant "a b" { }
--- must_die
--- error_log eval
qr/"a b": up to \d+ letters/

=== TEST 9: tenants have different names
--- http_config
    soma_tenant t { }
    soma_tenant t { }
--- must_die
--- error_log
"t" stands twice

=== TEST 10: a key stands as its digest, and is not shown
--- http_config
    soma_tenant t { }
    soma_key sk-plain tenant=t;
--- must_die
--- error_log
"sha256:"
64 hex
--- no_error_log
sk-plain

=== TEST 11: a digest has its full length
--- http_config
    soma_tenant t { }
    soma_key sha256:abc tenant=t;
--- must_die
--- error_log
64 hex digits

=== TEST 12: a key needs a tenant
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE user=alice;
--- must_die
--- error_log
needs tenant=

=== TEST 13: the tenant of a key is configured
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=x;
--- must_die
--- error_log
"x" of a "soma_key" is not configured

=== TEST 14: a parameter that soma_key does not have is refused
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t color=red;
--- must_die
--- error_log
"color=red" of "soma_key"

=== TEST 15: models of a key stand between blanks
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t models=a,b;
--- must_die
--- error_log
"models=a,b"
"models=A B"

=== TEST 16: what a key limits is named
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t limits=request;
--- must_die
--- error_log
"limits=request" of
requests

=== TEST 17: a limit of a key needs a window
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t 'limits=requests 5';
--- must_die
--- error_log
no window

=== TEST 18: a key expires at a date
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t expires=soon;
--- must_die
--- error_log
"expires=soon"

=== TEST 19: and not after a time
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t expires=30d;
--- must_die
--- error_log
"expires=30d"
2026-12-31

=== TEST 20: capabilities are in lower case
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t capabilities=Admin;
--- must_die
--- error_log
"capabilities=Admin"
lower case

=== TEST 21: capabilities are named
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t capabilities=god;
--- must_die
--- error_log
"capabilities=god"
admin

=== TEST 22: keys of a tenant have different names
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t name=a;
    soma_key $TEST_NGINX_ROOT tenant=t name=a;
--- must_die
--- error_log eval
qr/name=a names more than one "soma_key".*nginx\.conf:\d+.*its own/

=== TEST 23: a key stands once
--- http_config
    soma_tenant t { }
    soma_key $TEST_NGINX_ALICE tenant=t;
    soma_key $TEST_NGINX_ALICE tenant=t;
--- must_die
--- error_log
same key stands in two

=== TEST 24: tokens need a secret or a set of keys
--- http_config
    soma_tenant t { }
    soma_jwt j {
    }
--- must_die
--- error_log
"j" needs keys: secret file:PATH, jwks

=== TEST 25: tokens need a tenant
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
    }
--- must_die
--- error_log
"j" needs one of "tenant NAME"

=== TEST 26: which comes from one place
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        claim tenant=org;
    }
--- must_die
--- error_log
needs one of "tenant NAME"

=== TEST 27: one tenant, or several
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        tenants t u;
    }
--- must_die
--- error_log
has "tenant" and "tenants"

=== TEST 28: the tenant of tokens is configured
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant x;
    }
--- must_die
--- error_log
"x" of soma_jwt "j" is not configured

=== TEST 29: a line that soma_jwt does not have is refused
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        color red;
    }
--- must_die
--- error_log
unknown directive "color" in soma_

=== TEST 30: a leeway of more than an hour is refused
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        leeway 2h;
    }
--- must_die
--- error_log
"leeway" in soma_jwt "j": 0 to 1h

=== TEST 31: only a URL is looked at again
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        refresh 1m;
    }
--- must_die
--- error_log
are for a jwks with a URL

=== TEST 32: a secret signs with HS256
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        algorithms RS256;
    }
--- must_die
--- error_log
has no key for any of its

=== TEST 33: an algorithm that there is not is refused with those there are
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        algorithms RS512;
    }
--- must_die
--- error_log
HS256, RS256 and ES256 are

=== TEST 34: a claim that means nothing is refused
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        claim role=x;
    }
--- must_die
--- error_log
invalid "role=x" behind "claim"

=== TEST 35: a claim means one thing
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        claim user=a user=b;
    }
--- must_die
--- error_log
"claim user=" stands twi

=== TEST 36: there is one issuer
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        issuer a b;
    }
--- must_die
--- error_log
number of words behind "issuer"

=== TEST 37: any audience is all of them
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        audience * x;
    }
--- must_die
--- error_log
any audience, and others

=== TEST 38: sets of tokens have different names
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
    }
    soma_jwt j {
    }
--- must_die
--- error_log
soma_jwt "j" stands twice

=== TEST 39: with several sets each needs an issuer
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
    }
    soma_jwt k {
        issuer k;
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
    }
--- must_die
--- error_log
soma_jwt "j" needs an "issuer": with more than one

=== TEST 40: and not the same one
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
        issuer k;
    }
    soma_jwt k {
        issuer k;
        secret file:$TEST_NGINX_DIR/secret;
        tenant t;
    }
--- must_die
--- error_log
soma_jwt "j" and soma_jwt "k" have the same issuer

=== TEST 41: there is one secret or one set of keys
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/secret;
        jwks file:x;
        tenant t;
    }
--- must_die
--- error_log
one secret or one jwks

=== TEST 42: a secret does not stand in the configuration, and is not shown
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret sk-very-secret;
        tenant t;
    }
--- must_die
--- error_log
file:PATH or env:NAME
--- no_error_log
sk-very-secret

=== TEST 43: a secret that the environment lacks is named
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret env:SOMA_NOT_SET;
        tenant t;
    }
--- must_die
--- error_log
"SOMA_NOT_SET" of soma_jwt

=== TEST 44: a file of a secret that is not there is refused
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/none;
        tenant t;
    }
--- must_die
--- error_log
cannot open

=== TEST 45: a secret that is too short is told the least
--- http_config
    soma_tenant t { }
    soma_jwt j {
        secret file:$TEST_NGINX_DIR/short;
        tenant t;
    }
--- must_die
--- error_log
"j" has 5 bytes: a secret of 32 to 4096 bytes is needed

=== TEST 46: a file that is no set of keys is refused
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks file:$TEST_NGINX_DIR/short;
        tenant t;
    }
--- must_die
--- error_log
of soma_jwt "j" is of no use: it is no JWK set

=== TEST 47: keys are not fetched over http
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks http://login.example.com/k;
        tenant t;
    }
--- must_die
--- error_log
needs https:

=== TEST 48: not from a host that only begins like this one
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks http://127.0.0.1.example.com/;
        tenant t;
    }
--- must_die
--- error_log
needs https:

=== TEST 49: nor over ftp
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks ftp://x/;
        tenant t;
    }
--- must_die
--- error_log
file:PATH or https:

=== TEST 50: a URL of keys names no user
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks https://u:p@x/;
        tenant t;
    }
--- must_die
--- error_log
without a user

=== TEST 51: keys are not fetched a hundred times a second
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks https://x/;
        refresh 10ms;
        tenant t;
    }
--- must_die
--- error_log
1s to 24h is allowed

=== TEST 52: a file of certificates has one in it
--- http_config
    soma_tenant t { }
    soma_jwt j {
        jwks https://x/;
        ssl_trusted_certificate $TEST_NGINX_DIR/short;
        tenant t;
    }
--- must_die
--- error_log
has no certificate in

=== TEST 53: soma_jwt has a name without blanks
--- http_config
    soma_tenant t { }
    soma_jwt "a b" { }
--- must_die
--- error_log
invalid name "a b"
