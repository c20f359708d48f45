# The scripts that run in Redis: a real one takes each, and the module was
# built of what stands in the tree.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $redis = soma_redis();
my @files = glob "$Soma::TOP/src/*/*.lua";
my %part = map { $_ => 1 }
    map { slurp($_) =~ /^-- include (\S+)$/mg } @files;
my %sha;

cmp_ok(scalar @files, '>', 8, 'scripts');

sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!";
    local $/;

    return <$in>;
}

sub lua {
    open my $pipe, '-|', "$Soma::TOP/tools/lua", @_ or die "$!";
    local $/;

    return <$pipe> // '';
}

for my $file (@files) {
    my ($name) = $file =~ m{([^/]+)\.lua$};
    my $text = lua('-t', $file);

    unlike($text, qr/^(?:\s|--|$)/m, "$name: code alone");
    $sha{$name} = $redis->cmd('SCRIPT', 'LOAD', $text);
    like($sha{$name}, qr/^[0-9a-f]{40}$/, "$name: Redis takes it");
}

# the C is the same text

my $c = lua(@files);

is_deeply([sort $c =~ /^const char  (\w+)_lua\[\] =$/mg],
          [sort grep { !$part{"$_.lua"} } keys %sha],
          'a constant of each that no other one includes');

for my $name (sort grep { !$part{"$_.lua"} } keys %sha) {
    my ($body) = $c =~ /^const char  ${name}_lua\[\] =\n(.*?);\n(?:\n|\z)/ms;
    my $text = join '', $body =~ /^    "(.*)"$/mg;

    $text =~ s/\\n/\n/g;
    $text =~ s/\\(["\\])/$1/g;

    is($text, lua('-t', grep { m{/$name\.lua$} } @files), "$name: its C");
}

# a gateway asks for these two by the hash

$redis->cmd('SCRIPT', 'FLUSH');

my $ledger = soma_dir('ledger');
my $n = soma_nginx(http => <<CONF, server => 'location /v1/ { soma_pass; }');
soma_zone 4m;
soma_redis $ENV{TEST_NGINX_REDIS};
soma_ledger $ledger;
soma_provider l { dialect echo; }
soma_model l provider=l input=0 output=0;
soma_tenant t { limit requests 100/minute; }
soma_key sha256:@{[ soma_sha256('sk-t') ]} tenant=t;
CONF

ok(soma_hears(10, $n), 'a gateway has its connection');

my $body = '{"model":"l","messages":[{"role":"user","content":"x"}]}';

is($n->post('/v1/chat/completions', $body, Authorization => 'Bearer sk-t')
     ->{status}, 200, 'a request with a lease');

for my $name (qw(soma_lease soma_ship)) {
    ok(soma_wait(5, sub {
        $redis->cmd('SCRIPT', 'EXISTS', $sha{$name})->[0] == 1;
    }), "$name: it is what the gateway runs");
}

$n->stop;

# what it refuses

my $bad = soma_dir('bad') . '/bad.lua';

for ("local s = [[\nx]]\n", "local s = 'a\\\nb'\n", "-- include none.lua\n",
     "-- include bad.lua\n")
{
    open my $out, '>', $bad or die "$bad: $!";
    print $out $_;
    close $out;

    system("$Soma::TOP/tools/lua $bad >/dev/null 2>&1");
    isnt($?, 0, 'refused: ' . s/\n/\\n/gr);
}

done_testing();
