# Clients that sign their requests as AWS's do: pairs that are minted for keys,
# and what is not signed as it should be.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex sha256_hex);
use MIME::Base64 ();
use POSIX ();
use Soma;
use Test::More;

my $master = 'a secret of the gateway, of 32 bytes and more';
my $file = soma_dir('secrets') . '/sigv4';

open my $fh, '>', $file or die;
print $fh "$master\n";
close $fh;
chmod 0600, $file;

my $redis = soma_redis();
my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_redis @{[$redis->url]};
    soma_sigv4 file:$file;
    soma_provider e { dialect echo; }
    soma_model echo provider=e input=1 output=1;
    soma_tenant acme { }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    soma_key sha256:@{[soma_sha256('sk-root')]} tenant=acme capabilities=admin;
END
    location /v1/ { soma_pass; client_body_buffer_size 4k; }
    location /soma/ { soma_api; }
    location /service/ { soma_access; }
END2

# as AWS's own page has it: docs.aws.amazon.com, "Create a signed request"
sub signed {
    my ($id, $secret, $path, $body, %o) = @_;
    my $time = POSIX::strftime('%Y%m%dT%H%M%SZ', gmtime($o{time} || time));
    my $day = substr $time, 0, 8;
    my ($region, $service) = ($o{region} || 'us-east-1',
                              $o{service} || 'bedrock');
    my $method = $o{method} || 'POST';
    my $host = 'localhost';
    my $signed_body = $o{signed} // $body;
    my $scope = "$day/$region/$service/aws4_request";
    my $names = $o{names} || 'host;x-amz-date';
    my $twice = $path =~ s/%/%25/gr;
    my $canonical = join "\n", $method, $twice, '',
        ($names =~ /host/ ? "host:$host" : ()), "x-amz-date:$time", '', $names,
        sha256_hex($signed_body);
    my $key = hmac_sha256($day, "AWS4$secret");

    $key = hmac_sha256($_, $key) for $region, $service, 'aws4_request';

    my $signature = hmac_sha256_hex(
        join("\n", 'AWS4-HMAC-SHA256', $time, $scope,
             sha256_hex($canonical)), $key);

    return (Host => $host, 'X-Amz-Date' => $time,
            Authorization => "AWS4-HMAC-SHA256 Credential=$id/$scope, "
                             . "SignedHeaders=$names, Signature=$signature");
}

sub pair {
    my ($key) = @_;
    my $id = 'SOMA' . soma_sha256($key);

    return ($id, MIME::Base64::encode_base64(hmac_sha256($id, $master), ''));
}

my $chat = '/v1/chat/completions';
my $body = '{"model":"echo","messages":[{"role":"user","content":"Hi"}]}';
my @alice = pair('sk-alice');

sub ask {
    my (@how) = @_;

    return $n->post($chat, $body, signed(@alice, $chat, $body, @how));
}

{
    my $r = ask();

    is $r->{status}, 200, 'a request that is signed';
    like $r->{body}, qr/Hi/, 'is answered';

    is ask(region => 'eu-west-1')->{status}, 200, 'for any region';

    my $long = $body =~ s/Hi/'x' x 100_000/er;

    is $n->post($chat, $long, signed(@alice, $chat, $long))->{status}, 200,
       'with a body of many buffers';
    is $n->get('/v1/models', signed(@alice, '/v1/models', '',
                                    method => 'GET'))->{status}, 200,
       'and without one';
}

my @wrong = (
    ['another secret', [$alice[0], 'x' x 44], qr/check both/],
    ['another body', \@alice, qr/not the one of its access key/,
     signed => "$body "],
    ['an hour ago', \@alice, qr/15 minutes/, time => time - 3600],
    ['another service', \@alice, qr/region, service/, service => 's3'],
    ['no host', \@alice, qr/host is not signed/, names => 'x-amz-date'],
    ['AWS\'s own key', ['AKIAIOSFODNN7EXAMPLE', 'x' x 40], qr/begin with SOMA/],
    ['a key that is not known', [pair('sk-nobody')], qr/not known here/],
);

for my $wrong (@wrong) {
    my ($name, $pair, $why, @how) = @$wrong;
    my $r = $n->post($chat, $body, signed(@$pair, $chat, $body, @how));

    is $r->{status}, 401, "$name: refused";
    like soma_json($r->{body})->{error}{message}, $why, 'and why';
}

{
    my $r = $n->post($chat, $body, Host => 'localhost',
                     Authorization => 'AWS4-HMAC-SHA256 Credential=x');

    is $r->{status}, 401, 'half a line';
    like soma_json($r->{body})->{error}{message}, qr/not complete/, 'and why';

    $r = $n->get('/service/', signed(@alice, '/service/', '',
                                     method => 'GET'));
    is $r->{status}, 401, 'no signature opens a service';
    $r = $n->get('/soma/usage', signed(@alice, '/soma/usage', '',
                                       method => 'GET'));
    is $r->{status}, 401, 'nor the operators\' endpoints';
}

{
    my $r = $n->post('/soma/keys', '{"tenant":"acme","user":"bob"}',
                     Authorization => 'Bearer sk-root');
    my $made = soma_json($r->{body});

    is $r->{status}, 201, 'a key is made';
    is $made->{aws_access_key_id}, (pair($made->{key}))[0],
       'with the id of its pair';
    is $made->{aws_secret_access_key}, (pair($made->{key}))[1],
       'and its secret';

    $r = $n->post($chat, $body, signed($made->{aws_access_key_id},
                                       $made->{aws_secret_access_key},
                                       $chat, $body));
    is $r->{status}, 200, 'which signs';

    $r = $n->get('/soma/keys', Authorization => 'Bearer sk-root');
    unlike $r->{body}, qr/aws_/, 'and is shown once';
}

unlike $n->error_log, qr/\Q$master\E|\Q$alice[1]\E/, 'no secret is logged';

my $short = soma_nginx(start => 0, name => 'short', http => <<'END');
    soma_zone 8m;
    soma_sigv4 env:SOMA_NO_SUCH_VARIABLE;
END
like $short->test, qr/needs a secret of 32 bytes/, 'a secret that is none';

$n->quit;
unlike $n->error_log, qr/\[alert\]|\[crit\]/, 'nginx ends without an alert';

done_testing;
