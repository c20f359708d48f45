# Whose request it is, where a key may say so.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $answer = '{"id":"c1","object":"chat.completion","choices":[{"index":0,'
             . '"message":{"role":"assistant","content":"hi"},'
             . '"finish_reason":"stop"}],"usage":{"prompt_tokens":10,'
             . '"completion_tokens":1,"total_tokens":11}}';
my $up = soma_upstream(responses => [soma_response(200, $answer)]);
my %key = map { $_ => soma_sha256("sk-$_") } qw(app plain limited);
my $ledger = soma_dir('ledger');

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_ledger $ledger;
    soma_provider p { dialect openai; api_key sk-secret;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1; }
    soma_model m provider=p input=1 output=2;
    soma_tenant acme { }
    soma_tenant small { limit requests 2/day per=user; }
    soma_key sha256:$key{app} tenant=acme user=app capabilities=user tags=team=red;
    soma_key sha256:$key{plain} tenant=acme user=plain tags=team=red;
    soma_key sha256:$key{limited} tenant=small user=app capabilities=user tags=team=red;
    log_format s '\$soma_user';
    access_log logs/soma.log s;
END
    location /v1/ { soma_pass; soma_user_from header X-User; }
    location /body/v1/ { soma_pass; soma_user_from body user; }
    location /off/v1/ { soma_pass; }
END2

my $lines = 0;

# status, user and tags of one request
sub said {
    my ($who, $uri, $body, @head) = @_;
    my $res = $n->post("$uri/v1/chat/completions", $body,
                       Authorization => "Bearer sk-$who", @head);

    $lines++;

    soma_wait(10, sub {
        (() = Soma::slurp($n->dir . '/logs/soma.log') =~ /\n/g) >= $lines
    });

    my ($user) = Soma::slurp($n->dir . '/logs/soma.log') =~ /([^\n]*)\n\z/;

    return ($res, $user);
}

sub user_is {
    my ($want, $name, @request) = @_;
    my ($res, $user) = said(@request);

    is($res->{status}, 200, "$name passes");
    is($user, $want, "$name is that of $want");
}

my $plain = '{"model":"m"}';
my $said = '{"model":"m","user":"b\u006fb","metadata":{"job":"7","n":1}}';

user_is('alice', 'a header', 'app', '', $plain, 'X-User' => 'alice');
ok(!grep({ exists $_->{headers}{'x-user'} } $up->requests),
   'which goes to no provider');
user_is('app', 'no header', 'app', '', $plain);
user_is('app', 'an empty one', 'app', '', $plain, 'X-User' => ' ');
user_is('app', 'a body where the header counts', 'app', '', $said);
user_is('plain', 'a header of a key that may not', 'plain', '', $plain,
        'X-User' => 'alice');
user_is('bob', 'a body', 'app', '/body', $said);
user_is('app', 'a body without one', 'app', '/body', $plain);
user_is('app', 'null', 'app', '/body', '{"model":"m","user":null}');
user_is('plain', 'a body of a key that may not', 'plain', '/body', $said);
user_is('app', 'a header where nobody asks', 'app', '/off', $said,
        'X-User' => 'alice');

for (['a long header', 'app', '', $plain, 'X-User' => 'x' x 257],
     ['a number', 'app', '/body', '{"model":"m","user":7}'],
     ['a text with a line end', 'app', '/body',
      '{"model":"m","user":"a\nb"}'])
{
    my ($name, @request) = @$_;
    my ($res) = said(@request);

    is($res->{status}, 400, "$name is refused");
    is(soma_json($res->{body})->{error}{code}, 'invalid_user', 'by its code');
}

# limits follow
for (['alice', 200], ['alice', 200], ['alice', 429], ['carol', 200],
     ['', 200], ['', 200], ['', 429])
{
    my ($user, $status) = @$_;
    my ($res) = said('limited', '', $plain, $user ? ('X-User' => $user) : ());

    is($res->{status}, $status, "user \"$user\" of a limited key: $status");
}

# what the ledger has: the last record of each kind of tags
said('app', '/body', $said, 'X-Soma-Tags' => 'blue, night');
said('plain', '/body', $said, 'X-Soma-Tags' => 'blue');
$n->stop;

my @records = map { soma_json($_) }
              split /\n/, `$Soma::BUILD/soma-ledger dump $ledger`;
my @tags = map { $_->{tags} } @records;

is($tags[-2], 'team=red,blue,night,job=7',
   'tags stand behind those of the key');
is($tags[-1], 'team=red', 'a key that may not adds none');
is($records[-2]{user}, 'bob', 'and the record has the user');

for ('body name', 'header', 'off x', 'cookie c') {
    my $bad = soma_nginx(name => 'bad', start => 0,
                         server => "location / { soma_user_from $_; }");

    like($bad->test, qr/"header NAME", "body user" or "off" is allowed/,
         "soma_user_from $_ is an error that says what is right");
}


done_testing();
