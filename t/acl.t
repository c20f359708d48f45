#!/usr/bin/env perl

# The line of docs/hardening.md lets a gateway into Redis with what it needs:
# keys, tenants, locks, limits, changes heard, records.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my ($line) = Soma::slurp("$Soma::TOP/docs/hardening.md")
             =~ /^user soma (on .*)$/m;
my $redis = soma_redis(port => 1);
my $ledger = soma_dir('ledger');
my $admin = [Authorization => 'Bearer sk-admin'];

ok($line, 'the page has the line');
is($redis->cmd('ACL', 'SETUSER', 'soma', split / /,
               $line =~ s/PASSWORD/secret/r), 'OK', 'Redis takes it');
$redis->cmd('CONFIG', 'RESETSTAT');

my $nginx = soma_nginx(
    server => 'location /v1/ { soma_pass; } location /soma/ { soma_api; }',
    http => "
    soma_redis redis://soma:secret\@127.0.0.1:" . $redis->port . " timeout=500ms;
    soma_ledger $ledger;
    soma_on_redis_down deny;
    soma_provider p { dialect echo; }
    soma_model echo provider=p input=1 output=1;
    soma_key sha256:" . soma_sha256('sk-admin')
    . ' tenant=acme capabilities=admin;
    soma_tenant acme { limit cost 5/day; limit requests 1000/minute; }');

soma_hears(20, $nginx, 2);

my $made = $nginx->post('/soma/keys', '{"tenant":"acme","name":"bob"}',
                        @$admin);
is($made->{status}, 201, 'a key is made') or diag($made->{body});

my $key = [Authorization => 'Bearer ' . soma_json($made->{body})->{key}];
my $ask = '{"model":"echo","messages":[{"role":"user","content":"hi"}]}';
my $chat = sub { $nginx->post('/v1/chat/completions', $ask, @$key)->{status} };

is($chat->(), 200, 'it is let in, under leased limits');
is($nginx->post('/soma/keys/bob/rotate', '{"overlap":"1h"}', @$admin)
       ->{status}, 200, 'it is rotated');
is($nginx->get('/soma/keys', @$admin)->{status}, 200, 'keys are listed');
is($nginx->post('/soma/tenants', '{"name":"b"}', @$admin)->{status}, 201,
   'a tenant is made');
is($nginx->post('/v1/training/enable', '{"tenant":"acme","user":"u","ttl":60}',
                @$admin)->{status}, 200, 'a tenant is locked');
is($nginx->get('/soma/locks', @$admin)->{status}, 200, 'locks are listed');
ok(soma_wait(20, sub { $chat->() == 423 }), 'the lock is heard of');
is($nginx->request('DELETE', '/soma/keys/bob', undef, @$admin)->{status}, 200,
   'the key is revoked');
ok(soma_wait(20, sub { $chat->() == 401 }), 'which is heard of too');
ok(soma_wait(20, sub {
       eval { $redis->cmd('XLEN', 'soma:{acme}:events') } }),
   'the record is shipped');
is($nginx->get('/soma/usage?tenant=*', @$admin)->{status}, 200,
   'usage is read');

my $url = 'redis://soma:secret@127.0.0.1:' . $redis->port;
my $said = `$Soma::BUILD/soma-ledger reconcile --wait=10 --redis '$url' $ledger 2>&1`;

is($?, 0, 'soma-ledger may work too') or diag($said);
unlike($nginx->error_log . $said, qr/NOPERM|permission/i,
       'no command was refused');
is_deeply($redis->cmd('ACL', 'LOG'), [], 'by Redis\' own word');

done_testing();
