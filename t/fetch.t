# The keys of issuers behind a URL: fetched by one worker for all, again and
# again, and what happens when an issuer is slow, away, or talks nonsense.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaJwt;
use Test::More;
use Time::HiRes qw(time);

my $rs = jwt_key('RS256', 'r1');
my $es = jwt_key('ES256', 'e1');
my $new = jwt_key('ES256', 'e2');

sub write_file {
    my ($name, $text) = @_;
    open my $fh, '>', "$Soma::DIR/$name.new" or die "$name: $!\n";
    print $fh $text;
    close $fh;
    rename "$Soma::DIR/$name.new", "$Soma::DIR/$name";
}

sub slurp { Soma::slurp("$Soma::DIR/$_[0]") }

# an issuer a path; what it answers is in files, so that it may change

my $up = soma_upstream(responses => [sub {
    my ($r) = @_;
    my ($name) = $r->{uri} =~ m{^/(\w+)};

    return { hang => 60 } if $name eq 'hang';
    return soma_response(302, '', Location => '/good') if $name eq 'redirect';
    return soma_response(200, 'x' x 70000) if $name eq 'big';
    return soma_response(200, '{"keys":') if $name eq 'broken';
    return soma_response(200, '{"keys":[{"kty":"OKP"}]}') if $name eq 'none';
    return soma_response(200, jwt_set(jwt_key('HS256'))) if $name eq 'secret';
    return { raw => soma_response(200, jwt_set($es)), stop_after => 150 }
        if $name eq 'cut';
    return { raw => '', reset => 1 } if $name eq 'reset';

    my $set = slurp("$name.json");

    return soma_response(503, 'away') if $set eq '';
    return { raw => soma_response(200, $set), wait => slurp("$name.wait"),
             close => 1 };
}]);

sub fetches { my $name = shift; scalar grep { $_->{uri} =~ m{^/$name\b} }
              $up->requests }

sub block {
    my ($name, $more) = @_;
    return "soma_jwt $name { jwks http://127.0.0.1:"
           . $up->port . "/$name/jwks; issuer $name; tenant acme;"
           . ($more // '') . " }\n";
}

my $base = 'soma_zone 8m; soma_tenant acme { } soma_training_lock off;
    soma_key sha256:' . soma_sha256('sk-a') . ' tenant=acme capabilities=usage;
    soma_model m provider=e input=0 output=0;
    soma_provider e { dialect echo; }';
my $server = 'location /gate/ { soma_access; empty_gif; }
              location /soma/ { soma_api; }';

sub token { my ($iss, $key) = @_; jwt($key, { iss => $iss, sub => 's' }) }
sub gate { $_[0]->get('/gate/', Authorization => "Bearer $_[1]") }
sub send_only {
    my ($n, $token) = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                  PeerPort => $n->port) or die "$!\n";

    print $s "GET /gate/ HTTP/1.0\r\nAuthorization: Bearer $token\r\n\r\n";
    $s->flush;
    return $s;
}

sub code { eval { soma_json($_[0]{body})->{error}{code} } // '' }

sub health {
    my ($n, $name) = @_;
    my $all = soma_json($n->get('/soma/health', 'x-api-key' => 'sk-a')
                        ->{body});
    my ($one) = grep { $_->{name} eq $name } @{ $all->{jwt} };
    return wantarray ? ($one, $all) : $one;
}


# one worker fetches for all; who comes before waits

write_file('good.json', jwt_set($rs));
write_file('good.wait', 0.5);

my $n = soma_nginx(name => 'good', workers => 2, server => $server,
                   http => $base . block('good', 'refresh 24h;'));

my $t = token('good', $rs);
my @early = map { send_only($n, $t) } 1 .. 12;
close $early[$_] for 3, 7;              # who does not wait for the answer
is(gate($n, token('good', $rs))->{status}, 200,
   'a token that comes before the keys waits for them');
like(scalar readline($early[$_]), qr/ 200 /, 'so do others')
    for grep { $_ != 3 && $_ != 7 } 0 .. 11;
write_file('good.wait', 0);
is(gate($n, $t)->{status}, 200, 'all workers know them') for 1 .. 12;
is(fetches('good'), 1, 'they were fetched once');
my ($one, $all) = health($n, 'good');
is($one->{keys}, 1, 'health: how many keys');
like($one->{fetched}, qr/^20\d\d-/, 'health: since when');
is($one->{error}, undef, 'health: no error');
is($all->{status}, 'ok', 'health: ok');
my ($request) = $up->requests;
like($request->{headers}{'user-agent'}, qr{^ngx_soma/}, 'who it is');

# rotation: a kid that is not known yet

write_file('good.json', jwt_set($rs, $es));
my $first = token('good', $es);
is(gate($n, $first)->{status}, 200,
   'a new key of the issuer is asked for at once');
is(gate($n, $first)->{status}, 200, 'by all workers') for 1 .. 6;
is(gate($n, $t)->{status}, 200, 'the old one is good still');
is(fetches('good'), 2, 'fetched once more');

my $begun = time;
is(gate($n, token('good', { %$rs, kid => "x$_" }))->{status}, 401,
   "a kid that nobody knows") for 1 .. 20;
cmp_ok(fetches('good'), '<=', 3 + (time - $begun) / 10,
       'a flood of them does not hammer the issuer');

# a reload keeps what was fetched

my $fetched = fetches('good');
$n->reload;
is(gate($n, $t)->{status}, 200, 'after a reload');
is(fetches('good'), $fetched, 'nothing is fetched for that');
$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');


# kids that nobody knows: so many may wait for a new set, the others are told
# to come again; who has a token of a known key waits for nobody

sub stranger {
    my @parts = map { encode_base64url($_) }
        soma_to_json({ alg => 'RS256', kid => "stranger-$_[0]" }),
        soma_to_json({ iss => 'strange', sub => 's', exp => time + 3600 }),
        'x' x 256;

    return join '.', @parts;
}

write_file('strange.json', jwt_set($rs));
write_file('strange.wait', 0);
$n = soma_nginx(name => 'strange', server => $server,
                http => $base . block('strange', 'refresh 24h;'));
is(gate($n, token('strange', $rs))->{status}, 200, 'a good start');

write_file('strange.wait', soma_slow() ? 6 : 2);
my @strange = map { send_only($n, stranger($_)) } 1 .. 80;
ok(soma_wait(20, sub { fetches('strange') == 2 }), 'they are asked for');
is(gate($n, token('strange', $rs))->{status}, 200, 'a token of a known key');

my %heard;

for (@strange) {
    my ($status) = (readline($_) // '') =~ m{^HTTP/1.1 (\d+) };

    $heard{$status // 'nothing'}++;
}

is(($heard{401} // 0) + ($heard{503} // 0), 80, 'all have their answer');
cmp_ok($heard{503} // 0, '>=', 1, 'too many: to come again')
    unless soma_slow();
is(gate($n, stranger($_))->{status}, 401, 'refused at once') for 81 .. 90;
cmp_ok(fetches('strange'), '<=', soma_slow() ? 4 : 2,
       'and nobody is asked about it for a while');
$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');


# an issuer that fails after a good start, and one that starts late

write_file('tired.json', jwt_set($rs));
write_file('late.json', '');

$n = soma_nginx(name => 'tired', server => $server,
                http => $base . block('tired', 'refresh 1s;')
                        . block('late', 'refresh 1s;'));
is(gate($n, token('tired', $rs))->{status}, 200, 'a good start');

my $res = gate($n, token('late', $rs));
is($res->{status}, 503, 'keys that were never there');
is(code($res), 'token_keys_unavailable', 'its code');
ok($res->{headers}{'retry-after'}, 'when to come back');
like(health($n, 'late')->{error}, qr/status 503/, 'health says why');

write_file('tired.json', '');
ok(soma_wait(20, sub { health($n, 'tired')->{error} }), 'the issuer fails');
is(gate($n, token('tired', $rs))->{status}, 200, 'the last good keys stay');
is((health($n, 'tired'))[1]{status}, 'degraded', 'health: degraded');

write_file('late.json', jwt_set($es));
ok(soma_wait(30, sub { gate($n, token('late', $es))->{status} == 200 }),
   'an issuer that comes later');

my $old = token('tired', $rs);
write_file('tired.json', jwt_set($new));
ok(soma_wait(30, sub { gate($n, token('tired', $new))->{status} == 200 }),
   'the issuer is back, with another key');
ok(soma_wait(30, sub { gate($n, $old)->{status} == 401 }),
   'a token of the old one, remembered so far, is refused');
is(health($n, 'tired')->{error}, undef, 'health: well again');

my $told = () = $n->error_log
               =~ /soma_jwt "tired": its keys cannot be fetched/g;
is($told, 1, 'a failure is told of once');

# the worker that fetches dies

my $count = fetches('tired');
write_file('tired.wait', 30);
ok(soma_wait(20, sub { fetches('tired') > $count }), 'a fetch is under way');
write_file('tired.wait', 0);
$n->kill_worker('KILL');
$count = fetches('tired');
ok(soma_wait(20, sub { fetches('tired') > $count + 1 }),
   'its worker is killed: the next one goes on');
is(gate($n, token('tired', $new))->{status}, 200, 'with the keys of before');

$n->quit;
unlike($n->error_log, qr/\[(?:crit|emerg)\]/, 'nothing critical');


# what must not be taken for keys

my %why = (redirect => qr/status 302/, big => qr/too large/,
           broken => qr/no JWK set/, none => qr/no usable key/,
           secret => qr/no usable key/, cut => qr/./, reset => qr/./);
my $closed = soma_port();
my $many = join '', map { block($_) } sort keys %why, 'hang';

$n = soma_nginx(name => 'bad', server => $server, http => $base . $many . <<"E");
    soma_jwt closed { jwks http://127.0.0.1:$closed/; issuer closed;
                      tenant acme; }
    soma_jwt noname { jwks https://no-such-host.invalid/; issuer noname;
                      tenant acme; }
E

my $hung = send_only($n, token('hang', $rs));

for my $name (sort(keys %why), 'closed', 'noname') {
    my $error = soma_wait(30, sub { health($n, $name)->{error} });

    like($error, $why{$name} // qr/./, "$name: health says why");
    is(gate($n, token($name, $es))->{status}, 503, "$name: 503");
}

like(scalar <$hung>, qr/ 503 /, 'an issuer that never answers');

# the next fetch hangs as well

my $hanging = fetches('hang');
ok(soma_wait(30, sub { fetches('hang') > $hanging }), 'asked again')
    if health($n, 'hang')->{error};
$begun = time;
ok($n->quit, 'the worker ends while a fetch hangs');
cmp_ok(time - $begun, '<', 9, 'at once') unless soma_slow();
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');


# TLS, and a name that a thread looks up

my $dir = soma_dir('certs');
my $cnf = "$dir/openssl.cnf";

sub openssl {
    local $ENV{OPENSSL_CONF} = $cnf;
    local @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};
    delete @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};
    system('openssl ' . join(' ', @_) . " >> $dir/log 2>&1") == 0
        or die "openssl @_\n";
}

open my $fh, '>', $cnf or die;
print $fh "[req]\ndistinguished_name=dn\n[dn]\n[ca]\nbasicConstraints="
          . "critical,CA:true\n[leaf]\nsubjectAltName=DNS:localhost\n";
close $fh;
openssl("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca",
        "-extensions ca -keyout $dir/ca.key -out $dir/ca.pem");
openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost",
        "-keyout $dir/leaf.key -out $dir/leaf.csr");
openssl("x509 -req -in $dir/leaf.csr -CA $dir/ca.pem -CAkey $dir/ca.key",
        "-CAcreateserial -days 30 -extfile $cnf -extensions leaf",
        "-out $dir/leaf.pem");
write_file('certs/jwks.json', jwt_set($es));

my $tls = soma_port();
my $trust = "ssl_trusted_certificate $dir/ca.pem;";

$n = soma_nginx(name => 'tls', server => $server, http => $base . <<"END");
    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $dir/leaf.pem;
        ssl_certificate_key $dir/leaf.key;
        location / { root $dir; }
    }
    soma_jwt tls { jwks https://localhost:$tls/jwks.json; issuer tls;
                   tenant acme; $trust }
    soma_jwt nobody { jwks https://localhost:$tls/jwks.json; issuer nobody;
                      tenant acme; }
    soma_jwt wrong { jwks https://127.0.0.1:$tls/jwks.json; issuer wrong;
                     tenant acme; $trust }
    soma_jwt plain { jwks http://localhost:$tls/jwks.json; issuer plain;
                     tenant acme; }
END

ok(soma_wait(30, sub { gate($n, token('tls', $es))->{status} == 200 }), 'TLS');

# a slow machine may time out first

ok(soma_wait(30, sub { (health($n, 'nobody')->{error} // '')
                       =~ /certificate/i }),
   'TLS: an authority that is not trusted');
ok(soma_wait(30, sub { (health($n, 'wrong')->{error} // '')
                       =~ /certificate|name/i }), 'TLS: another name');
ok(soma_wait(30, sub { health($n, 'plain')->{error} }), 'no TLS');
is(gate($n, token($_, $es))->{status}, 503, "$_: 503")
    for qw(nobody wrong plain);
$n->quit;
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
