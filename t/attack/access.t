# What a location with soma_access lets through: no key of ours to the service
# behind it, and nobody who was refused, whatever error_page says.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Soma;
use Test::More;

my $up = soma_upstream(responses => [sub {
    soma_response($_[0]{uri} =~ m{^/broken} ? 500 : 200, '{"secret":1}')
}]);
my $fcgi = IO::Socket::INET->new(Listen => 4, LocalAddr => '127.0.0.1')
    or die "listen: $!";
my $fcgi_port = $fcgi->sockport;

my $n = soma_nginx(http => <<"END", server => <<"END2");
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:1/v1;
        api_key sk-upstream;
    }
    soma_model m provider=p input=1 output=1;
    soma_tenant acme { }
    soma_tenant few { limit requests 1/day; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-few')]} tenant=few;
    soma_key sha256:@{[soma_sha256('sk-once')]} tenant=acme
             "limits=requests 1/day";
    soma_key sha256:@{[soma_sha256('sk-old')]} tenant=acme expires=2020-01-01;
END
    location /plain/ {
        soma_access;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
    location /keep/ {
        soma_access pass_key;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
    location /by-variable/ {
        soma_access;
        proxy_set_header X-Seen "\$http_authorization|\$http_x_api_key";
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
    location /copied/ {
        soma_access;
        mirror /copy;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
    location = /copy {
        internal;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT/copy;
    }
    location /fcgi/ { soma_access; fastcgi_pass 127.0.0.1:$fcgi_port; }
    location /inner/ { soma_access; try_files /none \@service; }

    location /named/ { soma_access; error_page 401 403 429 = \@service;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location \@service { soma_access;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location /uri/ { soma_access; error_page 401 429 /plain/other;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location /model/v1/ { soma_pass; error_page 401 429 = \@service; }
    location /files/ { soma_access; root %%DIR%%; error_page 401 = \@files; }
    location \@files { soma_access; root %%DIR%%; }
    location /any/ { soma_access; root %%DIR%%; error_page 401 /hidden\$uri; }
    location /hidden/ { soma_access; root %%DIR%%; }
    location /down/v1/ { soma_pass; error_page 502 = \@service; }
    location /tail/ { soma_access; error_page 401 429 /sorry.html;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location /lost/ { soma_access; error_page 401 /sorry.html/no;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location = /sorry.html/no { soma_access; root %%DIR%%; }
    location = /sorry.html { soma_access; root %%DIR%%; }
    location /open/ { soma_access; error_page 429 = \@open;
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
    location \@open {
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT; }
END2

my $dir = $n->dir;
mkdir "$dir/$_" for qw(files hidden hidden/any);
put("$dir/files/x", 'a file');
put("$dir/hidden/any/x", 'a file');
put("$dir/sorry.html", 'sorry');

my @bearer = (Authorization => 'Bearer sk-alice');
my @own = ('x-api-key' => 'sk-alice');


# the credential stays here

for my $header (['Authorization', 'Bearer sk-alice'], ['Authorization',
                'bEARER   sk-alice '], ['x-api-key', 'sk-alice'],
                ['X-Goog-Api-Key', 'sk-alice'], ['api-key', 'sk-alice'])
{
    my $seen = headers('/plain/', @$header, 'X-Before' => 1, 'X-After' => 2);

    is($seen->{lc $header->[0]}, undef,
       "the service does not see $header->[0]: $header->[1]");
    is("$seen->{'x-before'} $seen->{'x-after'}", '1 2',
       'and sees the headers around it');
}

my @many = map { ("X-Header-$_" => $_) } 1 .. 70;

for my $at (0, 1, 18, 19, 20, 38, 39, 40, 69, 70) {
    my @headers = @many;

    splice @headers, 2 * $at, 0, @own;

    my $seen = headers('/plain/', @headers);

    is(join(' ', map { $seen->{"x-header-$_"} // '-' } 1 .. 70),
       join(' ', 1 .. 70), "seventy headers come with a key behind $at");
    is($seen->{'x-api-key'}, undef, 'without the key');
}

my $seen = headers('/plain/', @bearer, @own, 'api-key' => 'sk-alice');
ok(!grep({ /sk-alice/ } values %$seen), 'a key that stands in three headers '
   . 'is taken out of all three');

$seen = headers('/by-variable/', @bearer);
is($seen->{'x-seen'}, '|', 'a variable has no credential either');

$seen = headers('/inner/', @bearer);
is($seen->{authorization}, undef, 'nor has an inner redirect');

$n->get('/copied/', @bearer);
ok(soma_wait(10, sub { grep { $_->{uri} eq '/copy' } $up->requests }),
   'a request is mirrored');
ok(!grep({ $_->{headers}{authorization} } grep { $_->{uri} =~ /cop/ }
         $up->requests), 'the mirror does not get the key');

unlike(fcgi_bytes('/fcgi/', @bearer, 'X-After' => 'behind'), qr/sk-alice/,
       'nor does a FastCGI service');
like(fcgi_bytes('/fcgi/', @bearer, 'X-After' => 'behind'), qr/behind/,
     'which gets the rest');

is(headers('/keep/', @bearer)->{authorization}, 'Bearer sk-alice',
   'soma_access pass_key hands it on');

# a service with credentials of its own

$seen = headers('/plain/', Authorization => 'Bearer of-the-service', @own);
is($seen->{authorization}, 'Bearer of-the-service',
   "a bearer that is none of ours is the service's");
is($seen->{'x-api-key'}, undef, 'beside it our key does not travel');

$seen = headers('/plain/', Authorization => 'Basic dTpw', @own);
is($seen->{authorization}, 'Basic dTpw', 'nor does Basic bother us');

is(ask('/plain/', Authorization => 'Bearer no', 'x-api-key' => 'nor-this'),
   401, 'two unknown credentials open nothing');
is(ask('/plain/', Authorization => 'Bearer sk-old', @own), 401,
   'an expired key of ours is no bearer of the service');


# a refusal stays a refusal

my @wrong = (Authorization => 'Bearer sk-nobody');
my %where = ('/named/' => 'a named location', '/uri/' => 'a path',
             '/model/v1/chat/completions' => 'a service behind a model',
             '/files/x' => 'files that the client names',
             '/any/x' => 'a path of variables');

for my $path (sort keys %where) {
    my $before = $up->count;

    for my $headers ([], \@wrong) {
        my $res = $n->get($path, @$headers);

        is($res->{status}, 401, "error_page with $where{$path}: 401, "
           . (@$headers ? 'wrong key' : 'no key'));
        unlike($res->{body}, qr/secret|a file/, 'nothing is served');
    }

    is($up->count, $before, 'and the service is not asked');
}

is(ask('/named/', 'x-api-key' => 'sk-few'), 200, 'the one request of a limit');
is(ask('/named/', 'x-api-key' => 'sk-few'), 429,
   'a limit that is used up refuses through error_page too');
is(ask('/named/', 'x-api-key' => 'sk-once'), 200, "the one of a key's limit");
is(ask('/uri/', 'x-api-key' => 'sk-once'), 429, 'and so does that of a key');

my $res = $n->get('/tail/x');
is($res->{body}, 'sorry', 'a page that is a file says it in its own words');
is($res->{status}, 401, 'with the status of the refusal');

$res = $n->get('/lost/x');
is($res->{status}, 401, 'a page that is not there changes nothing');
like($res->{body}, qr/missing_api_key/, 'it is told in JSON');

my $before = $up->count;
$res = $n->post('/down/v1/chat/completions', '{"model":"m","messages":[]}',
                @bearer);
is($res->{body}, '{"secret":1}', 'who was let in may be served otherwise when '
   . 'a provider is down');
is(($up->requests)[-1]{headers}{authorization}, undef,
   'that service does not get his key');

$seen = headers('/open/', 'x-api-key' => 'sk-few');
is($seen->{'x-api-key'}, undef, 'nor does one that answers for a refusal');

unlike($n->error_log, qr/\[(?:alert|emerg|crit)\]/, 'no alert');

done_testing();


sub ask { $n->get(@_)->{status} }


# the headers that the service saw of the last request
sub headers {
    my ($path, @headers) = @_;

    $n->get($path, @headers);

    return ($up->requests)[-1]{headers};
}


sub fcgi_bytes {
    my ($path, @headers) = @_;
    my $pid = fork;

    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        $n->get($path, @headers);
        POSIX::_exit(0);
    }

    my $client = $fcgi->accept or die "accept: $!";
    my $bytes = '';

    # an empty FCGI_STDIN ends the request
    while ($bytes !~ /\x01\x05\x00\x01\x00\x00..$/s) {
        sysread $client, $bytes, 65536, length $bytes or last;
    }

    close $client;
    waitpid $pid, 0;

    return $bytes;
}


sub put {
    my ($path, $text) = @_;

    open my $fh, '>', $path or die "$path: $!";
    print $fh $text;
    close $fh;
}
