# TLS and HTTP/2: to providers, verified and by name; from clients, the same
# answers as over plain HTTP/1.1.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use Time::HiRes qw(time sleep);

my $curl = `curl --version 2>/dev/null`;

plan skip_all => 'no openssl program' unless `openssl version 2>/dev/null`;

my $dir = soma_dir('certs');
my ($tls, $h2, $front, $h2c) = map { soma_port() } 1 .. 4;
my $up = soma_upstream(responses => [soma_sse('[DONE]')]);

sub run { my $out = `(@_) 2>&1`; die "@_: $out" if $?; }

for my $ca ('ca', 'other') {
    run("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca "
        . "-keyout $dir/$ca.key -out $dir/$ca.pem");
}

sub cert {
    my ($name, $san, $days) = @_;

    open my $fh, '>', "$dir/$name.ext" or die;
    print $fh "subjectAltName=$san\n";
    close $fh;
    run("openssl req -newkey rsa:2048 -nodes -subj /CN=$name "
        . "-keyout $dir/$name.key -out $dir/$name.csr");
    run("openssl x509 -req -in $dir/$name.csr -CA $dir/ca.pem "
        . "-CAkey $dir/ca.key -CAcreateserial -days $days "
        . "-extfile $dir/$name.ext -out $dir/$name.pem");
}

cert('good', 'DNS:localhost,IP:127.0.0.1', 2);
cert('wrong', 'DNS:elsewhere.example', 2);

my $wrong = soma_port();
my $text = '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}';

# a handshake takes its time under valgrind
my $wait = soma_slow() ? "connect=20s first_token=20s idle=20s"
                       : "connect=2s first_token=3s idle=3s";

sub provider {
    my ($name, $url, $more) = @_;

    return "soma_provider $name { dialect openai; endpoint $url; "
           . "timeout $wait; $more }\n"
           . "soma_model $name provider=$name input=1 output=1;\n";
}

my $n = soma_nginx(http => <<"END", server => 'location /v1/ { soma_pass; }');
    soma_zone 8m;
    @{[provider(byname => "https://localhost:$tls/v1",
                "ssl_trusted_certificate $dir/ca.pem; api_key sk-a;")]}
    @{[provider(again => "https://localhost:$tls/v1",
                "ssl_trusted_certificate $dir/ca.pem; api_key sk-b;")]}
    @{[provider(byaddr => "https://127.0.0.1:$tls/v1", 'ssl_verify off;')]}
    @{[provider(badca => "https://localhost:$tls/v1",
                "ssl_trusted_certificate $dir/other.pem;")]}
    @{[provider(badname => "https://localhost:$wrong/v1",
                "ssl_trusted_certificate $dir/ca.pem;")]}
    @{[provider(system => "https://localhost:$tls/v1", '')]}
    @{[provider(off => "https://localhost:$wrong/v1", 'ssl_verify off;')]}
    @{[provider(plain => "https://127.0.0.1:@{[$up->port]}/v1",
                'ssl_verify off;')]}
    @{[provider(p => "http://127.0.0.1:@{[$up->port]}/v1", '')]}
    upstream localhost_block { server 127.0.0.1:$tls; keepalive 4; }
    @{[provider(block => "https://localhost_block/v1", 'ssl_verify off;')]}
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=1 output=1;
    soma_route safe { model badca; model byname; }
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    keepalive_requests 1000;

    server {
        listen 127.0.0.1:$tls ssl;
        ssl_certificate $dir/good.pem;
        ssl_certificate_key $dir/good.key;
        default_type application/json;
        add_header X-Sni "[\$ssl_server_name]";
        add_header X-Conn \$connection;
        add_header X-Reused \$ssl_session_reused;
        add_header X-Host \$http_host;
        location / { return 200 '$text'; }
    }
    server {
        listen 127.0.0.1:$wrong ssl;
        ssl_certificate $dir/wrong.pem;
        ssl_certificate_key $dir/wrong.key;
        default_type application/json;
        location / { return 200 '$text'; }
    }
    server {
        listen 127.0.0.1:$front ssl http2;
        ssl_certificate $dir/good.pem;
        ssl_certificate_key $dir/good.key;
        location /v1/ { soma_pass; }
        location /drain/v1/ { soma_pass; soma_on_abort drain; }
    }
    server {
        listen 127.0.0.1:$h2c http2;
        location /v1/ { soma_pass; }
    }
END

my @alice = (Authorization => 'Bearer sk-alice');

sub ask {
    my ($model) = @_;

    return $n->post('/v1/chat/completions', qq({"model":"$model"}), @alice);
}

my $res = ask('byname');
is($res->{status}, 200, 'a certificate that is good');
is($res->{headers}{'x-sni'}, '[localhost]', 'SNI names the host');
is($res->{headers}{'x-host'}, "localhost:$tls", 'Host has the port');
is($res->{body}, $text, 'the answer');
is($res->{headers}{'x-soma-cost'}, '0.000003', 'and its cost');

my $conn = $res->{headers}{'x-conn'};
is(ask('byname')->{headers}{'x-conn'}, $conn, 'the connection is kept');
isnt(ask('again')->{headers}{'x-conn'}, $conn,
     'but not shared with another provider of the same address');
is(ask('byname')->{headers}{'x-conn'}, $conn, 'it still stands');

$res = ask('byaddr');
is($res->{status}, 200, 'an address as the host');
is($res->{headers}{'x-sni'}, '[]', 'an address is no name for SNI');

is(ask('block')->{status}, 200, 'an upstream block over TLS');

for (['badca', 'of another authority'], ['badname', 'for another name'],
     ['system', "that the system's authorities did not sign"],
     ['plain', 'where there is no TLS'])
{
    my ($model, $what) = @$_;

    $res = ask($model);
    is($res->{status}, 502, "a certificate $what: 502") if $model ne 'plain';
    like($res->{status}, qr/50[24]/, "TLS $what") if $model eq 'plain';
    like($res->{body}, qr/$model of $model/, 'told in JSON');
}

is($up->count, 0, 'nothing was sent in the clear');
is(ask('off')->{status}, 200, 'ssl_verify off');
$res = ask('safe');
is($res->{status}, 200, 'a bad certificate: the next target');
is($res->{headers}{'x-soma-model'}, 'byname', 'a good one');

# clients

SKIP: {
    skip 'no curl with HTTP/2', 1 unless $curl =~ /HTTP2/;

    my $body = '{"model":"p","stream":true}';

    sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

    my @events = ((map { chunk($_ x 50) } 'a' .. 'z'),
                  '{"choices":[{"delta":{},"finish_reason":"stop"}]}');
    my $usage = '{"choices":[],"usage":{"prompt_tokens":1,'
                . '"completion_tokens":2}}';
    my $want = join '', map { "data: $_\n\n" } @events, '[DONE]';

    for (['HTTP/1.1 over TLS', "--http1.1 --cacert $dir/ca.pem",
          "https://localhost:$front"],
         ['HTTP/2 over TLS', "--http2 --cacert $dir/ca.pem",
          "https://localhost:$front"],
         ['HTTP/2 in the clear', '--http2-prior-knowledge',
          "http://127.0.0.1:$h2c"])
    {
        my ($name, $args, $url) = @$_;
        my $sh = "curl -s --max-time 20 $args -H 'Authorization: Bearer "
                 . "sk-alice' -H 'Content-Type: application/json'";

        $up->reset({ raw => soma_sse(@events, $usage, '[DONE]'),
                     piece => 333, delay => 0.002 });
        my $got = `$sh -d '$body' $url/v1/chat/completions`;
        is($got, $want, "$name: a stream");

        $got = `$sh -i -d '{"model":"echo","messages":[{"role":"user","content":"hello you"}]}' $url/v1/chat/completions`;
        like($got, qr{^HTTP/\S+ 200}, "$name: a plain answer");
        like($got, qr/hello you/, "$name: its body");
        like($got, qr/^x-soma-cost: \S/mi, "$name: its headers");

        $got = `$sh -i -d '{"model":"nope"}' $url/v1/chat/completions`;
        like($got, qr{^HTTP/\S+ 404.*"model_not_found"}s, "$name: an error");

        $got = `curl -s -i --max-time 20 $args -H 'x-api-key: no' $url/v1/models`;
        like($got, qr{^HTTP/\S+ 401}, "$name: an unknown key")
            or diag $got;

        open my $fh, '>', "$dir/big" or die;
        print $fh '{"messages":[{"content":"' . 'x' x 700000
                  . '"}],"model":"p"}';
        close $fh;
        $up->reset(soma_response(200, $text));
        $got = `$sh --data-binary \@$dir/big $url/v1/chat/completions`;
        is($got, $text, "$name: a large body");
        my @r = $up->requests;
        is(length $r[0]{body}, 700000 + length '{"messages":[{"content":""}],"model":"p"}', "$name: as it was");

        # no length told: HTTP/2 needs none, HTTP/1.1 sends chunks
        $got = `printf '{"model":"p"}' | $sh -T - -X POST $url/v1/chat/completions`;
        is($got, $text, "$name: a body of unknown length");

        $up->reset({ raw => soma_sse(@events[0 .. 25]) =~ s/0\r\n\r\n$//r,
                     close => 1 });
        $got = `$sh -w '%{exitcode}' -d '$body' $url/v1/chat/completions`;
        like($got, qr/z\b.*"error"[^\n]*\n\n0?$/s,
             "$name: a broken stream ends well");

        $up->reset({ raw => soma_sse(chunk('a')) =~ s/0\r\n\r\n$//r,
                     hang => 8 });
        system "$sh --max-time 0.7 -o /dev/null -d '$body' "
               . "$url/v1/chat/completions";
        ok(soma_wait(1.5, sub { $up->closed }),
           "$name: the client leaves, the provider is cancelled");
    }
}

# several streams over one HTTP/2 connection

SKIP: {
    skip 'no curl with HTTP/2', 1 unless $curl =~ /HTTP2/;

    $up->reset(soma_sse(chunk('x' x 3000), '{"choices":[{"delta":{},'
                        . '"finish_reason":"stop"}]}', '[DONE]'));

    my $out = '';
    my $url = "https://localhost:$front/v1/chat/completions";
    $out = `curl -s -Z --http2 --max-time 20 --cacert $dir/ca.pem -H 'Authorization: Bearer sk-alice' -d '{"model":"p","stream":true}' $url $url $url $url $url $url 2>/dev/null`;
    is(() = $out =~ /\[DONE\]/g, 6, 'six streams at once in one connection');
}

ok($n->quit, 'it ends');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\](?!.*SSL_)/, 'no alert');

done_testing();
