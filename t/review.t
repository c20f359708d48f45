# Corners where nginx's habits and the module's meet: error pages that lead
# back, subrequests, clients that stall and then go, idle connections.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [soma_response(200, '{}')]);

my $n = soma_nginx(http => <<"END", server => <<'END2');
    soma_zone 8m;
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        timeout connect=1s first_token=10s idle=10s;
    }
    soma_provider echo { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model e provider=echo;
    soma_route strict { strategy order; model m; model e; retry_on http_503; }
    soma_tenant acme { limit concurrency 4; }
    soma_key sha256:@{[soma_sha256('sk-alice')]} tenant=acme user=alice;
    log_format soma '\$status \$soma_tenant \$soma_input_tokens '
                    '\$soma_output_tokens \$soma_error \$http_x_name';
    access_log logs/soma.log soma;
END
    location /v1/ { soma_pass; }
    location /drain/v1/ { soma_pass; soma_on_abort drain; }

    location /again/v1/ { soma_pass; error_page 401 404 /v1/nothing; }
    location /page/v1/ { soma_pass; error_page 404 /page.html; }
    location = /page.html { return 404 "a page of its own"; }

    location /svc/ {
        soma_access;
        mirror /mirror/v1/chat/completions;
        return 200 "served\n";
    }
    location /mirror/v1/ { soma_pass; }
    location /svc2/ {
        soma_access;
        mirror /mirror/v1/chat/completions;
        proxy_pass http://127.0.0.1:%%PORT%%/plain;
    }
    location = /plain { return 200 "served\n"; }
END2

my @alice = (Authorization => 'Bearer sk-alice');

sub logged {
    my ($name, $what, $text, $wait) = @_;
    my $log;

    ok(soma_wait($wait // 3, sub {
        $log = Soma::slurp($n->dir . '/logs/soma.log');
        $log =~ /^$what $name$/m
    }), $text) or diag $log;
}

# an error page in a location of ours

my $res = $n->post('/again/v1/chat/completions', '{}');
is($res->{status}, 401, 'an error page that leads back: the status stays');
is($res->{headers}{'content-length'}, length $res->{body},
   'and the body is as long as it says');
like($res->{body}, qr/missing_api_key/, 'and tells the first error');

$res = $n->post('/page/v1/nothing', '{}', @alice, 'X-Name' => 'page');
is($res->{body}, 'a page of its own', "an operator's page");
logged('page', '404 acme - - unknown_url', 'variables know whose it was');

# a subrequest to a location with soma_pass

$res = $n->post('/svc2/', '{"model":"m"}', @alice);
is($res->{body}, "served\n", 'a mirror into soma_pass: the request is served');
$res = $n->post('/v1/chat/completions', '{"model":"e","messages":[]}', @alice);
is($res->{status}, 200, 'and the worker lives');

# an idle connection that breaks off in the middle of a header

$up->reset(soma_response(200, '{"usage":{}}'),
           { raw => "HTTP/1.1 200 OK\r\nContent-Ty", close => 1 });
$n->post('/v1/chat/completions', '{"model":"m"}', @alice);
$res = $n->post('/v1/chat/completions', '{"model":"strict","messages":[]}',
                @alice);
is($res->{status}, 502, 'half a header on an idle connection: retry_on holds');
is($res->{headers}{'x-soma-attempts'}, 1, 'one attempt');

# drain: a client that reads nothing for a while, and is gone then

sub chunk { qq({"choices":[{"index":0,"delta":{"content":"$_[0]"}}]}) }

my $stop = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}';
my $usage = '{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}';

$up->reset({ raw => soma_sse((map { chunk('w' x 1000) } 1 .. 12000), $stop,
                             $usage, '[DONE]') });
my $s = IO::Socket::INET->new(Proto => 'tcp') or die;
setsockopt($s, SOL_SOCKET, SO_RCVBUF, 4096);
$s->connect($n->port, Socket::inet_aton('127.0.0.1')) or die;
my $body = '{"model":"m","stream":true}';
print $s "POST /drain/v1/chat/completions HTTP/1.1\r\nHost: h\r\n"
         . "X-Name: stalled\r\nAuthorization: Bearer sk-alice\r\n"
         . "Content-Length: " . length($body) . "\r\n\r\n$body";
$s->flush;
sleep 1;
setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
close $s;
logged('stalled', '200 acme 11 7 -', 'drain: a stalled client goes, the '
       . 'provider is heard out', 8);

ok($n->quit, 'the worker ends: nothing is left hanging');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
