#!/usr/bin/env perl

# `make run`: what a newcomer sees first.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Soma;
use Test::More;

plan skip_all => 'nothing of the module' if soma_slow();

my $run = soma_dir('r');
my $port = soma_port();
my $upstream = soma_upstream(responses => [
    soma_response(401, '{"error":{"message":"no such key sk-x"}}')]);

chdir $Soma::TOP;
$ENV{B} = $Soma::BUILD;
$ENV{SOMA_RUN} = $run;
$ENV{SOMA_PORT} = $port;
$ENV{OPENAI_BASE_URL} = 'http://127.0.0.1:' . $upstream->port . '/v1';
delete $ENV{$_} for qw(MAKEFLAGS MAKELEVEL);

my $out = `tools/run start 2>&1`;

is($?, 0, 'it starts') or diag($out);
cmp_ok(scalar(() = $out =~ /\n/g), '<', 25, 'it says little');
unlike($out, qr/gcc|Wall/, 'nothing of compilers');
like($out, qr/^  \Q$_\E +\d+\.\d s$/m, "step $_ tells its time")
    for qw(packages module redis nginx);
like($out, qr/echo, $_ +".*"\n +\d+ \+ \d+ tokens.* 0\.\d+ USD/,
     "the $_ request tells what it cost") for qw(plain streamed);
is($upstream->count, 1, 'the provider was asked');
like($out, qr/gpt-4o-mini +FAILED: HTTP/, 'and that it failed is told');
like($out, qr/make stop/, 'and how to stop');

my $pid = Soma::slurp("$run/nginx.pid");
my $taken = soma_port();
my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1,
                                   LocalPort => $taken, ReuseAddr => 1);

$out = do { local $ENV{SOMA_PORT} = $taken; `tools/run start 2>&1` };
isnt($?, 0, 'a port that another program has: refused');
like($out, qr/port $taken .*taken.*SOMA_PORT=/, 'with the way out');
is(soma_http($port, 'GET', '/readyz')->{status}, 200,
   'and the running gateway is not touched');
is(Soma::slurp("$run/nginx.pid"), $pid, 'it is the same one');

like(scalar(`tools/run stop 2>&1`), qr/stopped/, 'it stops');

done_testing();
