# The module loads into the nginx of this machine, and shows it no symbol but
# those that nginx looks up.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $nginx = soma_nginx(start => 0, server => 'location / { return 204; }');

my ($out, $status) = $nginx->test;
is($status, 0, 'nginx -t with the module and none of its directives');
like($out, qr/test is successful/, 'and says so');

my $symbols = `nm -D --defined-only $ENV{TEST_NGINX_LOAD_MODULES}`;
is(join(' ', sort map { (split)[2] } split /\n/, $symbols),
   'ngx_module_names ngx_module_order ngx_modules',
   'no other symbol is to be seen, hiredis and yyjson least of all');

# what a machine with Debian's nginx has, or finds by its name with apt
my @needed = `readelf -d $ENV{TEST_NGINX_LOAD_MODULES}`
             =~ /NEEDED.*\[([a-z]+)[^\]]*\]/g;

is_deeply([grep { !/^lib(?:c|m|z|curl|crypto|ssl)$/ } @needed], [],
          'nothing is loaded with it that one would have to hunt for');

SKIP: {
    skip 'a build for tests alone', 1 if $ENV{SOMA_SANITIZER};

    is(join('', grep { index($_, $Soma::TOP) >= 0 }
                `strings -a $ENV{TEST_NGINX_LOAD_MODULES}`), '',
       'it does not say where it was built');
}

$nginx->start;
is($nginx->get('/')->{status}, 204, 'it serves');
ok($nginx->reload, 'it reloads');
is($nginx->get('/')->{status}, 204, 'it serves after a reload');
ok($nginx->quit, 'it ends when told to quit');
unlike($nginx->error_log, qr/\[(?:alert|crit|emerg)\]/, 'without an alert');

done_testing();
