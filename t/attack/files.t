# Files that others may write: keys, secrets and books are not taken from them,
# and nothing of ours is given away through a link.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $n = soma_nginx(start => 0, server => 'location / { return 204; }');
my $dir = "$ENV{TEST_NGINX_DIR}/own";
my $other = getpwnam('daemon') // 1;

umask 0077;
mkdir $dir;
chmod 0755, $dir;

sub check {
    my ($http) = @_;

    $n->configure(server => '', http => $http);

    return $n->test;
}

sub file {
    my ($name, $mode, $text) = @_;
    my $path = "$dir/$name";

    unlink $path;
    open my $fh, '>', $path or die "$path: $!";
    print $fh $text // 'sk-0123456789abcdef0123456789abcdef';
    close $fh;
    chmod $mode, $path;

    return $path;
}

my %line = (
    'a provider' => sub { "soma_provider p { dialect openai; "
                          . "endpoint http://127.0.0.1:1/v1; "
                          . "api_key file:$_[0]; }" },
    'a token' => sub { "soma_jwt j { secret file:$_[0]; tenant t; } "
                       . "soma_tenant t { }" },
    'Redis' => sub { "soma_redis redis://127.0.0.1:1 password=file:$_[0];" },
);

for my $what (sort keys %line) {
    for my $mode (0600, 0400, 0440, 0640) {
        my ($text, $failed) = check($line{$what}->(file('key', $mode)));

        ok(!$failed, sprintf "a key of $what of mode %o is taken", $mode)
            or diag $text;
        unlike($text, qr/\[warn\].*own\/key/, 'without a word');
    }

    for my $mode (0666, 0660, 0620, 0602, 0622) {
        my ($text, $failed) = check($line{$what}->(file('key', $mode)));

        ok($failed, sprintf "one of mode %o is refused", $mode);
        like($text, qr{own/key" may be written by others: chmod go-w},
             'with the way out');
        unlike($text, qr/0123456789abcdef/, 'and not repeated');
    }

    my ($text, $failed) = check($line{$what}->(file('key', 0644)));
    ok(!$failed, 'one that everybody may read is taken');
    like($text, qr{\[warn\].*own/key" may be read by everybody: chmod o-r},
         'with a warning');

    symlink file('target', 0600), "$dir/link";
    ($text, $failed) = check($line{$what}->("$dir/link"));
    ok(!$failed, 'a link to a good one is followed');
    chmod 0666, "$dir/target";
    ($text, $failed) = check($line{$what}->("$dir/link"));
    ok($failed, 'a link to one that others may write is refused');
    unlink "$dir/link";

    system 'mkfifo', "$dir/pipe";
    ($text, $failed) = check($line{$what}->("$dir/pipe"));
    ok($failed, 'a pipe is not waited for');
    unlink "$dir/pipe";
}

SKIP: {
    skip 'only root gives files away', 2 if $<;

    my $path = file('key', 0600);

    chown $other, -1, $path;
    my ($text, $failed) = check($line{'a provider'}->($path));
    ok($failed, "a key that is somebody else's is refused");
    like($text, qr/belongs to user $other, who may change it/, 'with a word');
}

# the directory of the books

my $ledger = "$dir/ledger";

for my $mode (0777, 0775, 0770, 0757, 01777) {
    mkdir $ledger;
    chmod $mode, $ledger;
    my ($text, $failed) = check("soma_ledger $ledger;");

    ok($failed, sprintf "a ledger's directory of mode %o is refused", $mode);
    like($text, qr{ledger" of "soma_ledger" may be written by others.*go-w},
         'with the way out');
    rmdir $ledger;
}

for my $mode (0700, 0750, 0755) {
    mkdir $ledger;
    chmod $mode, $ledger;
    my ($text, $failed) = check("soma_ledger $ledger;");

    ok(!$failed, sprintf "one of mode %o is taken", $mode) or diag $text;
    rmdir $ledger;
}

my ($text, $failed) = check("soma_ledger $ledger;");
ok(!$failed, 'one that is not there is made');
is((stat $ledger)[2] & 07777, 0700, 'for the workers alone');
rmdir $ledger;

mkdir "$dir/precious";
symlink "$dir/precious", $ledger;
my $owner = (stat "$dir/precious")[4];
($text, $failed) = check("soma_ledger $ledger;");
ok($failed, 'a link in its place is refused');
like($text, qr/a link to one: name the directory itself/, 'and named');
is((stat "$dir/precious")[4], $owner, 'what it leads to is not given away');
unlink $ledger;

# a book that others may write in is not read back

mkdir $ledger;
$n = soma_nginx(name => 'books', http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_ledger $ledger;
    soma_provider e { dialect echo; }
    soma_model m provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('k')]} tenant=acme;
END
    location /v1/ { soma_pass; }
    location /soma/ { soma_api; }
END2
my @key = (Authorization => 'Bearer k');
is($n->post('/v1/chat/completions', '{"model":"m","messages":[]}', @key)
   ->{status}, 200, 'a request is booked');
is((stat $_)[2] & 0777, 0600, 'in a file of its user alone')
    for glob "$ledger/*.soma";
$n->kill;

my ($book) = glob "$ledger/*.soma";
chmod 0666, $book;
$n->start;
ok(soma_wait(30, sub { $n->error_log =~ /\Q$book\E|cannot open/ }),
   'a book that others may write in is not opened');
is($n->post('/v1/chat/completions', '{"model":"m","messages":[]}', @key)
   ->{status}, 200, 'and the gateway serves');
ok(-e $book, 'it stays where it is');

done_testing();
