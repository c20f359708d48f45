# JSON Web Tokens beside keys: who is let in, who is not, and as whom.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaJwt;
use Test::More;
use Time::HiRes qw(time);

my $up = soma_upstream(responses => [soma_response(200, '{"object":"x"}')]);

my $hs = jwt_key('HS256');
my $rs = jwt_key('RS256', 'r1');
my $es = jwt_key('ES256', 'e1');
my $other = jwt_key('RS256', 'r1');
my $oct = jwt_key('HS256', 'o1');

sub write_file {
    my ($name, $text) = @_;
    open my $fh, '>', "$Soma::DIR/$name" or die "$name: $!\n";
    print $fh $text;
    close $fh;
    return "$Soma::DIR/$name";
}

my $secret = write_file('secret', jwt_secret($hs) . "\n");
my $set = write_file('set.json', jwt_set($rs, $es, $oct));

my $n = soma_nginx(log_level => 'debug', http => <<"END", server => <<'END2');
    soma_zone 8m;
    large_client_header_buffers 4 32k;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        api_key sk-provider;
    }
    soma_model m provider=p input=1 output=1;
    soma_model m2 provider=p input=1 output=1;
    soma_tenant acme { }
    soma_tenant fixed { limit requests 3/day per=user; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('eyJ.not.a_token!')]} tenant=acme user=odd;
    soma_jwt corp {
        jwks       file:$set;
        issuer     https://corp.example/;
        audience   llm https://gateway.example;
        claim      tenant=org user=email models=models;
        claim      tags=/app/name capabilities=scope;
        tenants    acme team-*;
    }
    soma_jwt house {
        secret     file:$secret;
        issuer     house;
        tenant     fixed;
        leeway     60s;
    }
    soma_training_lock off;
    log_format who '\$status \$soma_tenant/\$soma_user/\$soma_key';
    access_log logs/who.log who;
END
    location /v1/ { soma_pass; }
    location /gate/ { soma_access; empty_gif; }
    location /soma/ { soma_api; }
END2

my $chat = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
my %corp = (iss => 'https://corp.example/', aud => 'llm', org => 'acme',
            email => 'ann@corp.example', models => ['m']);
my %house = (iss => 'house', sub => 'bob');
my @tokens;

sub corp { my ($k, %c) = @_; jwt($k, { %corp, %c }) }
sub house { my (%c) = @_; jwt($hs, { %house, %c }) }
sub gate { push @tokens, $_[0];
           $n->get('/gate/', Authorization => "Bearer $_[0]") }
sub ask { $n->post('/v1/chat/completions', $_[1] // $chat,
                   Authorization => "Bearer $_[0]") }
sub code { eval { soma_json($_[0]{body})->{error}{code} } // '' }
sub who { my @l = split /\n/, Soma::slurp($n->dir . '/logs/who.log'); $l[-1] // '' }

sub refused {
    my ($token, $status, $code, $name) = @_;
    my $res = gate($token);

    is($res->{status}, $status, $name);
    is(code($res), $code, "$name: its code");
    return $res;
}


# let in

for (['RS256', $rs], ['ES256', $es]) {
    my ($name, $key) = @$_;

    is(gate(corp($key))->{status}, 200, $name);
    ok(soma_wait(5, sub { who() eq '200 acme/ann@corp.example/jwt:corp' }),
       "$name: who it was") or diag(who());
    is(ask(corp($key))->{status}, 200, "$name: to a provider");
}

is(gate(house())->{status}, 200, 'HS256');
ok(soma_wait(5, sub { who() eq '200 fixed/bob/jwt:house' }), 'who it was');

my ($r) = $up->requests;
is($r->{headers}{authorization}, 'Bearer sk-provider',
   'a provider gets its own key, and no token');

for ('x-api-key', 'api-key', 'x-goog-api-key') {
    is($n->get('/gate/', $_ => corp($es))->{status}, 200, "in $_");
}

is(gate(jwt($rs, \%corp, { kid => undef }))->{status}, 200,
   'no kid: the one key that fits');
is(gate(jwt($hs, \%house, { kid => 'whatever' }))->{status}, 200,
   'a secret has no kid');
is(gate(corp($rs, aud => ['x', 'https://gateway.example']))->{status}, 200,
   'one audience of several');
is(gate(corp($rs, org => 'team-7'))->{status}, 200, 'a tenant by its prefix');
is(gate(house(exp => time - 1))->{status}, 200, 'expired within the leeway');
is(gate(house(sub => 'b2', nbf => int time + 10))->{status}, 200,
   'early within it');

my $long = corp($rs, filler => 'x' x 4000);
cmp_ok(length $long, '>', 4000, 'a long token');
is(gate($long)->{status}, 200, 'is let in');


# keys go on as keys

is(gate('sk-alice')->{status}, 200, 'a key');
is(gate('eyJ.not.a_token!')->{status}, 200, 'a key that only begins alike');
is(code(gate('eyJ' . 'x' x 600)), 'invalid_api_key', 'a long one, unknown');
is(code(gate('sk-x.y.z')), 'invalid_api_key', 'dots make no token');


# not let in

refused(jwt($other, \%corp), 401, 'invalid_token', 'another key, the same kid');
refused(jwt($rs, \%corp, { kid => 'r2' }), 401, 'invalid_token',
        'an unknown kid');
refused(jwt($rs, \%corp, { kid => 'e1' }), 401, 'invalid_token',
        'the kid of a key for another alg');
refused(jwt($rs, \%corp, { alg => 'ES256', kid => 'e1' }), 401,
        'invalid_token', 'an alg that is not what was done');
refused(jwt($oct, \%corp), 401, 'invalid_token',
        'a secret in a set is not taken unless algorithms says so');
refused(jwt($hs, { %house, iss => $corp{iss} }), 401, 'invalid_token',
        "one issuer's key for another issuer");
refused(jwt($rs, { %corp, iss => 'house' }, { alg => 'RS256' }), 401,
        'invalid_token', 'and the other way round');
refused(jwt($rs, { %corp, iss => 'https://evil.example/' }), 401,
        'invalid_token', 'an unknown issuer');
refused(jwt($rs, { %corp, iss => undef }), 401, 'invalid_token', 'none');
refused(jwt($rs, { %corp, iss => ['https://corp.example/'] }), 401,
        'invalid_token', 'an issuer in a list');

# alg none, and confusion: the public key as the secret of an HMAC

for my $alg ('none', 'None', 'NONE', '') {
    my $text = encode_base64url(soma_to_json({ alg => $alg, typ => 'JWT' }))
               . '.' . encode_base64url(soma_to_json(
                   { %corp, exp => int time + 60 }));

    refused("$text.", 401, 'invalid_token', "alg \"$alg\"");
    refused("$text.AAAA", 401, 'invalid_token', "alg \"$alg\", some bytes");
}

for my $material ($rs->{public}, $rs->{jwk}{n}, jwt_set($rs, $es, $oct)) {
    for my $kid ('r1', undef) {
        refused(jwt({ alg => 'HS256', secret => $material }, \%corp,
                    { kid => $kid }), 401, 'invalid_token',
                'a public key taken for a secret, kid ' . ($kid // 'none'));
    }
}

my ($h, $p, $s) = split /\./, corp($rs);
my $claims = encode_base64url(soma_to_json({ %corp, org => 'team-1',
                                             exp => int time + 60 }));

refused("$h.$claims.$s", 401, 'invalid_token', 'other claims, same signature');
refused("$h.$p.", 401, 'invalid_token', 'no signature');
refused("$h.$p." . substr($s, 0, -4), 401, 'invalid_token', 'half of one');
refused("$h.$p.AAA", 401, 'invalid_token', 'another one');
refused("$h.${p}A.$s", 401, 'invalid_token', 'bits left over');
is(code(gate("$h.$p=.$s")), 'invalid_api_key', 'padding: not a token');
refused(corp($rs, filler => 'x' x 6200), 401, 'invalid_token', 'too long');

refused(jwt($es, \%corp, { crit => ['b64'], b64 => \0 }), 401,
        'invalid_token', 'crit');
refused(jwt($es, \%corp, { typ => 'JWE' }), 401, 'invalid_token', 'typ');
refused(jwt($es, \%corp, '{"alg":"none","alg":"ES256","kid":"e1"}'), 401,
        'invalid_token', 'alg twice');
refused(jwt($es, '{"iss":"https://corp.example/","aud":"llm","exp":1,'
                 . '"org":"acme","exp":9999999999}'), 401, 'invalid_token',
        'exp twice');
refused(jwt($es, '{"a":' . '[' x 400 . ']' x 400 . '}'), 401,
        'invalid_token', 'deep claims');

# times

refused(corp($es, exp => int time - 31), 401, 'expired_token', 'expired');
refused(house(exp => int time - 61), 401, 'expired_token',
        'expired, the leeway over');
refused(corp($es, nbf => int time + 60), 401, 'token_not_yet_valid',
        'not yet valid');
refused(corp($es, iat => int time + 60), 401, 'token_not_yet_valid',
        'issued in the future');
refused(corp($es, exp => undef), 401, 'invalid_token', 'it never ends');
refused(corp($es, exp => "soon"), 401, 'invalid_token', 'exp is a text');
refused(corp($es, exp => time * 1000), 401, 'invalid_token', 'exp in ms');

# audience

refused(corp($es, aud => 'other'), 401, 'invalid_token', 'for others');
refused(corp($es, aud => undef), 401, 'invalid_token', 'for nobody');
refused(house(aud => 'other'), 401, 'invalid_token',
        'for others where no audience is configured');

# tenants and what else claims say

my $res = refused(corp($es, org => undef), 401, 'missing_tenant_claim',
                  'no tenant');
like($res->{body}, qr/no claim \\"org\\"/, 'the claim is named');
refused(corp($es, org => { a => 1 }), 401, 'missing_tenant_claim',
        'a tenant that is no text');
refused(corp($es, org => 'a b'), 401, 'invalid_tenant_claim',
        'a tenant that is no name');
refused(corp($es, org => 'fixed'), 403, 'tenant_not_allowed',
        "another issuer's tenant");
refused(corp($es, models => undef), 401, 'invalid_token',
        'no list of models where one is wanted');
refused(corp($es, models => []), 401, 'invalid_token', 'an empty one');
refused(corp($es, email => "a\nb"), 401, 'invalid_token',
        'a user with a control character');
refused(corp($es, email => 'x' x 300), 401, 'invalid_token', 'a long user');
is(gate(corp($es, email => undef))->{status}, 200, 'no user is nobody');
is(gate(corp($es, email => 12.5))->{status}, 200, 'a user that is a number');
ok(soma_wait(5, sub { who() eq '200 acme/12.5/jwt:corp' }), 'as it stands');

is(ask(corp($es), $chat =~ s/"m"/"m2"/r)->{status}, 403,
   'a model that the claim does not name');
is(ask(corp($es, models => 'm m2'), $chat =~ s/"m"/"m2"/r)->{status}, 200,
   'one that it names');

is($n->get('/gate/', Authorization => 'Bearer ' . house(sub => 'carl'))
   ->{status}, 200, "the tenant's limit, per user") for 1 .. 3;
is(gate(house(sub => 'carl'))->{status}, 429, 'used up, whatever token it is');

# capabilities

sub locks { $n->get('/soma/locks', Authorization => "Bearer $_[0]") }

is(locks(corp($es))->{status}, 403, 'no capabilities');
is(locks(corp($es, scope => 'openid email'))->{status}, 403, 'others');
is(locks(corp($es, scope => 'openid admin'))->{status}, 200, 'admin');
is(locks(corp($es, scope => ['soma:admin']))->{status}, 200, 'in a list');
is(locks(corp($es, scope => ['Admin', 'xadmin']))->{status}, 403, 'alike');
is(locks(house(scope => 'admin', sub => 'dora'))->{status}, 403,
   'an issuer whose claims were not given that meaning');

# a token that comes again

my $t = corp($rs, org => 'team-9');

is(gate($t)->{status}, 200, 'again') for 1 .. 3;
is(gate(substr($t, 0, -8) . 'AAAAAAAA')->{status}, 401,
   'another signature is another token');

$t = house(sub => 'dora', exp => time - 60 + (soma_slow() ? 8 : 2));
is(gate($t)->{status}, 200, 'a token that ends soon');
ok(soma_wait(20, sub { gate($t)->{status} == 401 }),
   'is remembered until it ends, no longer');

# a token that is refused is checked once (where nginx has its debug log)

sub checks { scalar(() = $n->error_log =~ /soma jwt checked/g) }

my @refused = (['another signature', corp($rs, org => 'team-8')
                                     =~ s/.{8}$/AAAAAAAA/r, 'invalid_token'],
               ['expired', corp($es, exp => int time - 99),
                'expired_token']);

for (@refused) {
    my ($name, $token, $code) = @$_;
    my $checks = checks();

    is(code(gate($token)), $code, "$name, again") for 1 .. 8;
    cmp_ok(checks() - $checks, '<', 4, "$name: not checked each time");
}

is(gate(corp($rs, org => 'team-8'))->{status}, 200, 'a good one is let in');

# a new configuration, other keys

write_file('set.json', jwt_set($other));
my $before = corp($rs);
my $after = corp($other);
is(gate($before)->{status}, 200, 'the key of before');
is(gate($after)->{status}, 401, 'not the one of after');
$n->reload;
ok(soma_wait(20, sub { gate($after)->{status} == 200 }), 'reloaded: let in');
ok(soma_wait(20, sub { gate($before)->{status} == 401 }), 'the old one: not');

# a public set may bring secrets when it is asked for

write_file('set.json', jwt_set($rs, $oct));
$n->configure(http => $n->{http} =~ s/tenants    acme/algorithms HS256;
              tenants acme/r);
$n->reload;
ok(soma_wait(20, sub { gate(corp($oct))->{status} == 200 }),
   'algorithms HS256');
ok(soma_wait(20, sub { gate(corp($rs))->{status} == 401 }), 'and no other');

$n->quit;

my $log = $n->error_log;
unlike($log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

# nginx's own debug lines show headers as they came

my $ours = join "\n", grep { /soma/ && !/http header: "/ } split /\n/, $log;
my @seen = grep { length > 40 && index($ours, $_) >= 0 }
           map { split /\./ } @tokens;

is(scalar @seen, 0, 'no part of a token in our lines of the debug log')
    or diag($seen[0]);
unlike($log, qr/\Q@{[jwt_secret($hs)]}\E/, 'nor the secret');

done_testing();
