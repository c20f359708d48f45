# What services, locations and policies refuse, and how they say so.

use strict;
use warnings;

use lib 't/lib';
use Cases;
use Test::Nginx::Socket 'no_plan';

Soma::soma_dir('ledger');

cases();

__DATA__

=== TEST 1: a zone in a unit that is none is refused with an example
--- http_config
    soma_zone 5x;
--- must_die
--- error_log
"5x" of "soma_zone"
64m

=== TEST 2: a zone that is too small is told the least
--- http_config
    soma_zone 4k;
--- must_die
--- error_log
"4k"
at least 1m

=== TEST 3: a zone has a size and no name
--- http_config
    soma_zone soma 64m;
--- must_die
--- error_log
"soma_zone": one size and no name

=== TEST 4: there is one zone
--- http_config
    soma_zone 8m;
    soma_zone 8m;
--- must_die
--- error_log
"soma_zone" directive is dup

=== TEST 5: a zone without a size is refused
--- http_config
    soma_zone;
--- must_die
--- error_log
invalid number of arguments in "soma_zone"

=== TEST 6: Redis is not spoken to over HTTP
--- http_config
    soma_redis http://h;
--- must_die
--- error_log
soma_redis
redis:
unix:

=== TEST 7: a port of Redis is a number
--- http_config
    soma_redis redis://h:0x/1;
--- must_die
--- error_log
"h:0x"
invalid port

=== TEST 8: a database of Redis is a number
--- http_config
    soma_redis redis://127.0.0.1/x;
--- must_die
--- error_log
number as its database

=== TEST 9: a timeout of 0 is refused with an example
--- http_config
    soma_redis unix:/s timeout=0;
--- must_die
--- error_log
"timeout=0"
timeout=200ms

=== TEST 10: a parameter that soma_redis does not have is refused with those it has
--- http_config
    soma_redis unix:/s wait=1s;
--- must_die
--- error_log
"wait="
timeout=TIME

=== TEST 11: a query of a unix socket names a database and nothing else
--- http_config
    soma_redis unix:/s?x=1;
--- must_die
--- error_log
"x=1"
unix:/path?db=N

=== TEST 12: a user of Redis needs a password
--- http_config
    soma_redis unix:/s user=u;
--- must_die
--- error_log
user but no password

=== TEST 13: a user in the URL of Redis needs one, too
--- http_config
    soma_redis redis://u@127.0.0.1;
--- must_die
--- error_log
user but no password

=== TEST 14: a password of Redis stands in the environment or a file, and is not shown
--- http_config
    soma_redis unix:/s password=s3cret;
--- must_die
--- error_log
password=env:NAME or password=file:PATH is allowed
--- no_error_log
s3cret

=== TEST 15: a password that the environment lacks is named
--- http_config
    soma_redis unix:/s password=env:SOMA_NO_SUCH;
--- must_die
--- error_log
"SOMA_NO_SUCH" of password= is not set

=== TEST 16: a file of a password that is not there is named
--- http_config
    soma_redis unix:/s password=file:/nowhere/p;
--- must_die
--- error_log
/nowhere/p
No such file

=== TEST 17: a host of Redis that has no address is refused, with the way out
--- http_config
    soma_redis redis://no-such-host.invalid;
--- must_die
--- error_log
host not found
"no-such-host.invalid"
"resolver"

=== TEST 18: Sentinel is asked for a master by its name
--- http_config
    soma_redis redis-sentinel://127.0.0.1;
--- must_die
--- error_log
master's name

=== TEST 19: a cluster has one database
--- http_config
    soma_redis redis-cluster://127.0.0.1/1;
--- must_die
--- error_log
"1" is no database

=== TEST 20: several hosts are a cluster or Sentinels
--- http_config
    soma_redis redis://127.0.0.1,127.0.0.2;
--- must_die
--- error_log
several hosts

=== TEST 21: a password of Sentinel is for Sentinel
--- http_config
    soma_redis redis://127.0.0.1 sentinel_password=env:HOME;
--- must_die
--- error_log
is for redis-sentinel

=== TEST 22: parameters of TLS are for rediss
--- http_config
    soma_redis redis://127.0.0.1 tls_ca=/x;
--- must_die
--- error_log
are for rediss:

=== TEST 23: there is one Redis
--- http_config
    soma_redis unix:/s;
    soma_redis unix:/s;
--- must_die
--- error_log
duplicate

=== TEST 24: a segment of the ledger that is too small is told the least
--- http_config
    soma_ledger $TEST_NGINX_LEDGER segment=1;
--- must_die
--- error_log
"segment=1" of "soma_ledger"
256k

=== TEST 25: a time of the ledger that is too short is refused
--- http_config
    soma_ledger $TEST_NGINX_LEDGER sync=1ms;
--- must_die
--- error_log
"sync=1ms"

=== TEST 26: a parameter that soma_ledger does not have is refused with those it has
--- http_config
    soma_ledger $TEST_NGINX_LEDGER color=red;
--- must_die
--- error_log
"color=red"
allowed are segment=SIZE

=== TEST 27: a catalogue of prices that is not there is named
--- http_config
    soma_prices /nowhere/p.json;
--- must_die
--- error_log
/nowhere/p.json
No such file

=== TEST 28: a file that is no catalogue of prices is refused
--- http_config
    soma_prices $TEST_NGINX_TOP/README.md;
--- must_die
--- error_log
README.md" is no price

=== TEST 29: soma_pass shares its location with nothing that answers
--- config
    location / { soma_pass; proxy_pass http://127.0.0.1; }
--- must_die
--- error_log
"soma_pass" stands in location "/" that has another

=== TEST 30: nor with another of its own kind
--- config
    location / { soma_pass; soma_api; }
--- must_die
--- error_log
"soma_api"
another hand

=== TEST 31: soma_pass stands in a location
--- config
    soma_pass;
--- must_die
--- error_log
"soma_pass" directive is not allowed here

=== TEST 32: soma_pass takes no address
--- config
    location / { soma_pass http://127.0.0.1; }
--- must_die
--- error_log
"soma_pass" takes no words: 
soma_provider

=== TEST 33: soma_api takes no address
--- config
    location / { soma_api http://127.0.0.1; }
--- must_die
--- error_log
"soma_api" takes no words: 
soma_provider

=== TEST 34: soma_metrics takes no address
--- config
    location / { soma_metrics http://127.0.0.1; }
--- must_die
--- error_log
"soma_metrics" takes no words: 
soma_provider

=== TEST 35: soma_access is on, off or pass_key
--- config
    location / { soma_access maybe; }
--- must_die
--- error_log
"maybe" of "soma_access"

=== TEST 36: soma_access stands once
--- config
    location / { soma_access; soma_access; }
--- must_die
--- error_log
duplicate

=== TEST 37: soma_max_tokens is one of three
--- http_config
    soma_max_tokens some;
--- must_die
--- error_log
"some" of "soma_max_tokens": "clamp" or "require" or "trust"

=== TEST 38: soma_on_abort is one of three
--- http_config
    soma_on_abort run;
--- must_die
--- error_log
"run" of "soma_on_abort": "auto" or

=== TEST 39: cancel takes no time
--- http_config
    soma_on_abort cancel 1m;
--- must_die
--- error_log
"1m" in "soma_on_abort": behind

=== TEST 40: a drain of no time is refused
--- http_config
    soma_on_abort drain 0;
--- must_die
--- error_log
"0" in "soma_on_abort"

=== TEST 41: a drain of more than an hour is refused
--- http_config
    soma_on_abort auto 2h;
--- must_die
--- error_log
"2h" in "soma_on_abort"
up to 1h

=== TEST 42: a drain takes a time
--- http_config
    soma_on_abort drain soon;
--- must_die
--- error_log
"soon" in "soma_on_abort"

=== TEST 43: soma_on_redis_down is one of two
--- http_config
    soma_on_redis_down pray;
--- must_die
--- error_log
"pray"
"allow" or "deny"

=== TEST 44: soma_usage_cost is a flag
--- http_config
    soma_usage_cost some;
--- must_die
--- error_log
"some" in "soma_usage_cost"
on

=== TEST 45: soma_usage_cost without its flag is refused
--- http_config
    soma_usage_cost;
--- must_die
--- error_log
number of arguments in "soma_usage_cost"

=== TEST 46: soma_training_lock is a flag
--- http_config
    soma_training_lock maybe;
--- must_die
--- error_log
"maybe" in "soma_training_lock"
on

=== TEST 47: a buffer of answers that is too small is told the least
--- http_config
    soma_buffer_size 1k;
--- must_die
--- error_log
"soma_buffer_size" must be at least 4k

=== TEST 48: a buffer of bodies is a size
--- http_config
    soma_body_buffer x;
--- must_die
--- error_log
"soma_body_buffer" directive invalid
