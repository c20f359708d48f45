# Corners where nginx's habits and the module's meet: error pages that lead
# back, subrequests, clients that stall and then go, idle connections.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use SomaH2;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time sleep);

my $up = soma_upstream(responses => [soma_response(200, '{}')]);

my $h2 = soma_port();

soma_dir('ledger');

# a resolver that never answers

my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die;
my $nobody = $udp->sockport;

my $n = soma_nginx(http => <<"END", server => <<'END2' =~ s/%%H2%%/$h2/r);
    soma_zone 8m;
    soma_ledger $ENV{TEST_NGINX_LEDGER};
    soma_provider p {
        dialect openai;
        endpoint http://127.0.0.1:$ENV{TEST_NGINX_UPSTREAM_PORT}/v1;
        timeout connect=1s first_token=10s idle=10s;
    }
    soma_provider echo { dialect echo; }
    soma_model m provider=p input=1 output=1;
    soma_model e provider=echo;
    soma_route strict { strategy order; model m; model e; retry_on http_503; }
    resolver 127.0.0.1:$nobody;
    soma_provider lost { dialect openai; endpoint http://lost.invalid/v1;
                         timeout connect=1s; }
    soma_model lost provider=lost;
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
    location = /metrics { soma_metrics; }
    location /ssi/ { soma_access; ssi on; ssi_types text/html; alias %%DIR%%/; }
    location /next/v1/ { soma_pass; error_page 502 = @next; }
    location @next { soma_pass; }
    location /jump/ { soma_access; proxy_pass http://127.0.0.1:%%PORT%%/to/; }
    location /to/ { add_header X-Accel-Redirect /there/; return 204; }
    location /there/ { internal; soma_access; return 200 "there\n"; }
    }
    server {
        listen 127.0.0.1:%%H2%% http2;
        client_body_buffer_size 1k;
        location /v1/ { soma_pass; }
        location /drain/v1/ { soma_pass; soma_on_abort drain; }
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

# and over HTTP/2, where the connection lives on and other streams with it

sub h2_request {
    my ($stream, $uri, $body) = @_;

    return h2_post($stream, $uri, $body, authorization => 'Bearer sk-alice',
                   'x-name' => "h2-$stream");
}

# reads frames until one of that type and stream; what came of DATA
sub h2_until {
    my ($s, $type, $flag, $stream) = @_;
    my $data = '';

    while (my ($t, $f, $id, $payload) = h2_read($s)) {
        $data .= $payload if $t == H2_DATA && $id == $stream;
        return $data if $t == $type && ($f & $flag) == $flag && $id == $stream;
    }

    return;
}

$up->reset({ raw => soma_sse((map { chunk('w' x 1000) } 1 .. 300), $stop,
                             $usage, '[DONE]'), piece => 20000,
             delay => 0.01 },
           { raw => soma_sse((map { chunk('v' x 1000) } 1 .. 300), $stop,
                             $usage, '[DONE]') });

my $c = h2_connect($h2);
print $c h2_request(1, '/drain/v1/chat/completions', $body);
alarm 20;
ok(defined h2_until($c, H2_DATA, 0, 1), 'HTTP/2: a stream begins');
sleep 0.3;
print $c h2_reset(1);
logged('h2-1', '200 acme 11 7 -', 'it is reset with its window closed: the '
       . 'provider is heard out', 8);
print $c h2_request(3, '/v1/chat/completions', $body)
         . h2_window(3, 0x3fffffff);
like(h2_until($c, H2_DATA, H2_END, 3) // '', qr/v{1000}.*\[DONE\]\n\n$/s,
     'another stream of the connection is whole');

$up->reset({ raw => '', hang => 5 });
print $c h2_request(5, '/v1/chat/completions', $body);
sleep 0.2;
print $c h2_reset(5);
logged('h2-5', '499 acme [1-9]\d* 4096 -', 'reset before the first byte');
alarm 0;
close $c;

# a name that is still being asked for

$c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $n->port) or die;
print $c "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nX-Name: lost\r\n"
         . "Authorization: Bearer sk-alice\r\nContent-Length: 16\r\n\r\n"
         . '{"model":"lost"}';
$c->flush;
sleep 0.2;
close $c;
logged('lost', '499 acme 0 0 -', 'a client that leaves while a name is asked '
       . 'for');
$res = $n->post('/v1/chat/completions', '{"model":"lost"}', @alice);
is($res->{status}, 502, 'a name nobody knows');

# other ways to come and go

open my $fh, '>', $n->dir . '/page.html' or die;
print $fh 'a<!--# include virtual="/mirror/v1/chat/completions" -->b';
close $fh;
$res = $n->get('/ssi/page.html', @alice);
is($res->{status}, 200, 'an include of soma_pass');
like($res->{body}, qr/^a.*b$/s, 'is refused alone');

$up->reset({ raw => '', close => 1 }, soma_response(200, '{"id":1}'));
$res = $n->post('/next/v1/chat/completions', '{"model":"m"}', @alice,
                'X-Name' => 'next');
is($res->{body}, '{"id":1}', 'an error page that tries once more');
logged('next', '200 acme \d+ \d+ \S+', 'and is logged');

is($n->get('/jump/', @alice)->{body}, "there\n", 'X-Accel-Redirect');

for (1 .. 6) {
    $res = $n->post('/v1/chat/completions', '{"model":"e","messages":[]}',
                    @alice);
}

is($res->{status}, 200, 'nothing is held any more');

# an event in CRLF is left out, byte by byte

my $crlf = join '', map { "data: $_\r\n\r\n" } chunk('a'), $stop, $usage,
                    '[DONE]';
$up->reset({ raw => "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                    . $crlf, piece => 1, delay => 0.002, close => 1 });
$res = $n->post('/v1/chat/completions', '{"model":"m","stream":true}', @alice);
is($res->{body}, $crlf =~ s/data: \Q$usage\E\r\n\r\n//r,
   'no half of its blank line stays');

# what a worker counted stays when it ends

sub appended {
    return $n->get('/metrics')->{body} =~ /^soma_journal_appended_total (\d+)/m
           ? $1 : 0;
}

ok(soma_wait(5, sub { appended() > 5 }), 'records are counted');
sleep 1.5;
my $before = appended();
my @old = $n->workers;
$n->reload;
soma_wait(10, sub { !grep { kill 0, $_ } @old });
cmp_ok(appended(), '>=', $before, 'and are after a reload');

ok($n->quit, 'the worker ends: nothing is left hanging');
unlike($n->error_log, qr/\[(?:alert|crit|emerg)\]/, 'no alert');

done_testing();
