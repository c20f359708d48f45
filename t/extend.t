# Streams that outgrow their reservation, on several nodes: what they spend is
# leased, to the last token; they wait for it, and what waits is whole.

use strict;
use warnings;

use lib 't/lib';
use Soma qw(:DEFAULT framed);
use Test::More;
use Compress::Zlib ();
use Time::HiRes ();

# an event has one token, which costs a billionth of a dollar

my $STREAMS = soma_slow() ? 5 : 10;     # at once, on each of two nodes
my $TOKENS = soma_slow() ? 1500 : 3000; # of each
my $SHARP = $STREAMS * $TOKENS / 2;     # for all of them
my $WIDE = 100_000;
my $LEFT = 1000;                        # free, where leases are scarce
my $LONG = 900;                         # tokens of a stream there

my $redis = soma_redis();
my $up = soma_upstream(responses => ['']);

sub usd { sprintf '%.9f', $_[0] / 1e9 }

my %limit = (sharp => usd($SHARP), plenty => '1000',
             map { $_ => usd($WIDE) } qw(scarce hold gone drain deny allow));

my $vocabulary = ($ENV{SOMA_BUILD} || "$Soma::TOP/build")
                 . '/share/soma/o200k_base.soma';
my $counted = -e $vocabulary ? "soma_vocabulary o200k_base $vocabulary;" : '';
my %h2;

sub node {
    my ($name, $timeout, $workers) = @_;
    my $ledger = soma_dir("ledger-$name");

    $h2{$name} = soma_port();

    my $node = soma_nginx(name => $name, workers => $workers, http => "
        soma_zone 4m;
        soma_redis @{[ $redis->url ]} timeout=$timeout;
        soma_ledger $ledger;
        soma_on_redis_down deny;
        soma_max_tokens trust;
        soma_training_lock off;
        $counted
        soma_provider p { dialect openai;
                          endpoint http://127.0.0.1:@{[ $up->port ]}/v1; }
        soma_model m provider=p input=0 output=0.001;
        soma_model gpt-4o provider=p input=0 output=0.001;
        " . join('', map { "
            soma_tenant $_ { limit cost $limit{$_}/day; }
            soma_key sha256:" . soma_sha256("sk-$_") . " tenant=$_ user=u;"
        } sort keys %limit), server => "
        listen 127.0.0.1:$h2{$name} http2;
        location /v1/ { soma_pass; }
        location /drain/v1/ { soma_pass; soma_on_abort drain; }
        location /cost/v1/ { soma_pass; soma_usage_cost on; }
        location /allow/v1/ { soma_pass; soma_on_redis_down allow; }");

    soma_hears(30, $node, 1) or die "$name has no connection to Redis";

    return $node;
}

my @n = (node('a', '60s', 2), node('b', '60s', 2));

sub chunk {
    my ($text) = @_;

    return '{"id":"c","object":"chat.completion.chunk","created":1,'
           . '"model":"m","choices":[{"index":0,"delta":{"content":"' . $text
           . '"},"finish_reason":null}]}';
}

my $finish = '{"id":"c","object":"chat.completion.chunk","created":1,'
             . '"model":"m","choices":[{"index":0,"delta":{},'
             . '"finish_reason":"stop"}]}';

sub events { join '', map { "data: $_\n\n" } @_ }

sub words {
    my ($n) = @_;

    return events((map { chunk(sprintf '%04d', $_) } 1 .. $n), $finish,
                  '[DONE]');
}

my $ids = 0;

sub head {
    my ($tenant) = @_;

    return (Authorization => "Bearer sk-$tenant",
            'X-Request-Id' => "extend-" . ++$ids);
}

my $BODY = '{"model":"m","stream":true}';

sub ask {
    my ($node, $tenant) = @_;

    return $node->post('/v1/chat/completions', $BODY, head($tenant));
}

sub got { scalar(() = $_[0] =~ /"content":"\d+"/g) }

sub cut { $_[0] =~ /"finish_reason":"length"\}\]\}\n\ndata: \[DONE\]\n\n$/ }

sub records {
    my ($tenant) = @_;

    return map { soma_json((grep { /^\{/ } @{$_->[1]})[0]) }
           @{$redis->cmd('XRANGE', "soma:{$tenant}:events", '-', '+')};
}

sub record {
    my ($tenant) = @_;

    return soma_wait(30, sub {
        (grep { $_->{id} eq "extend-$ids" } records($tenant))[0]
    }) || {};
}

sub key {
    my ($tenant) = @_;

    return "soma:{$tenant}:quota:cost/day:tenant:$tenant";
}

# what nodes hold and have used of a limit, as Redis has it
sub rows {
    my ($tenant) = @_;
    my $hash = $redis->hash(key($tenant));
    my ($held, $used) = (0, $hash->{base} || 0);

    for my $name (grep { /^n:/ } keys %$hash) {
        my @row = split / /, $hash->{$name};

        $used += $row[3];
        $held += $row[2] if $name ne 'n:other';
    }

    return ($held, $used);
}

# as if another node held all but that, and what these hold
sub leave {
    my ($tenant, $free) = @_;
    my ($held, $used) = rows($tenant);

    $redis->cmd('HSET', key($tenant), 'n:other',
                join ' ', 1, 0, $WIDE - $held - $used - $free, 0, 0,
                (time + 3600) . '000');
}

# CODE in so many children of each node at once; what they returned
sub at_once {
    my ($count, $code) = @_;
    my (@pids, @pipes);

    for my $node (@n) {
        for (1 .. $count) {
            $ids++;
            pipe my $r, my $w or die;
            my $pid = fork // die;

            if ($pid == 0) {
                syswrite $w, eval { $code->($node) } // "died: $@";
                POSIX::_exit(0);
            }

            close $w;
            push @pids, $pid;
            push @pipes, $r;
        }
    }

    my @all = map { my $r = $_; local $/; scalar <$r> } @pipes;

    waitpid $_, 0 for @pids;

    return @all;
}


# a budget that is too small for all of them

$up->reset(framed(words($TOKENS)));

my @ends = at_once($STREAMS, sub {
    my $res = ask($_[0], 'sharp');

    return 'refused' if $res->{status} == 429;
    return 'odd: ' . substr $res->{body}, -300
        unless $res->{status} == 200 && $res->{complete}
               && (cut($res->{body}) || got($res->{body}) == $TOKENS);
    return got($res->{body});
});

my @passed = grep { /^\d+$/ } @ends;
my $sent = 0;
$sent += $_ for @passed;

is_deeply([grep { !/^\d+$|^refused$/ } @ends], [], 'cut, refused, or one of the first');
cmp_ok($sent, '<=', $SHARP, 'never more than the budget');
cmp_ok($sent, '>=', 0.98 * $SHARP, "all of it: $sent of $SHARP");

ok(soma_wait(30, sub { records('sharp') >= @passed }), 'their records');
my $billed = 0;
$billed += $_->{cost_nano} for records('sharp');
is($billed, $sent, 'to the nano-dollar');
is_deeply([grep { $_->{error} ne 'budget_cut'
                  && $_->{output_tokens} != $TOKENS } records('sharp')], [],
          'the budget ended them')
    or diag join ' ', @ends;
ok(soma_wait(30, sub { (rows('sharp'))[1] == $sent }), 'Redis has that too')
    or diag join ' ', rows('sharp');
cmp_ok((rows('sharp'))[0] + (rows('sharp'))[1], '<=', $SHARP,
       'with what is held');

# one that is not

$up->reset(framed(words($TOKENS)));
my $whole = words($TOKENS);

@ends = at_once($STREAMS, sub {
    my $res = ask($_[0], 'plenty');

    return $res->{body} eq $whole && $res->{complete} ? 'whole'
           : "$res->{status} " . got($res->{body});
});

is_deeply([grep { $_ ne 'whole' } @ends], [], 'none is cut that can be paid');

# each slice is a round trip: what waits for it is not changed by it

$whole = words($LONG);
my $crlf = $whole =~ s/\n/\r\n/gr;
my $plain = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

for (['whole', framed($whole), $whole],
     ['in small chunks', framed($whole, 11), $whole],
     ['in CRLF', framed($crlf), $crlf],
     ['in pieces', { raw => framed($whole), piece => 700, delay => 0.001 },
      $whole],
     ['until the end', { raw => "$plain\r\n$whole", close => 1 }, $whole],
     ['of a length', $plain . 'Content-Length: ' . length($whole)
                     . "\r\n\r\n$whole", $whole],
     ['compressed', { raw => "${plain}Content-Encoding: gzip\r\n\r\n"
                             . Compress::Zlib::memGzip($whole), close => 1 },
      $whole])
{
    my ($how, $answer, $want) = @$_;

    leave('scarce', $LEFT);
    $up->reset($answer);

    my $res = ask($n[0], 'scarce');

    ok($res->{body} eq $want, "$how: nothing is lost, nothing twice")
        or diag $res->{status}, ' ', got($res->{body});
    ok($res->{complete}, "$how: to the end");
    is(record('scarce')->{output_tokens}, $LONG, "$how: all of it is billed");
}

# with usage in every event, and what it costs

sub costs {
    my ($told) = @_;

    return events((map {
        chunk(sprintf '%04d', $_) =~ s/\}$//r
        . qq(,"usage":{"prompt_tokens":1,"completion_tokens":$_)
        . ($told ? ',"cost":' . usd($_) =~ s/0+$//r : '') . '}}'
    } 1 .. $LONG), $finish, '[DONE]');
}

for (['whole', framed(costs(0))], ['in small chunks', framed(costs(0), 101)],
     ['compressed', { raw => "${plain}Content-Encoding: gzip\r\n\r\n"
                             . Compress::Zlib::memGzip(costs(0)),
                      close => 1 }])
{
    my ($how, $answer) = @$_;

    leave('scarce', $LEFT);
    $up->reset($answer);

    my $res = $n[0]->post('/cost/v1/chat/completions', $BODY, head('scarce'));

    ok($res->{body} eq costs(1), "costs, $how: each event has its own")
        or diag $res->{status}, ' ', got($res->{body});
    is(record('scarce')->{cost_nano}, $LONG, "costs, $how: the last is billed");
}

SKIP: {
    skip 'no vocabulary', 2 unless $counted;

    leave('scarce', $LEFT);
    $up->reset(framed(events((chunk(' the')) x $LONG, $finish, '[DONE]'), 99));

    my $res = $n[0]->post('/v1/chat/completions',
                          '{"model":"gpt-4o","stream":true}', head('scarce'));

    is(() = $res->{body} =~ /" the"/g, $LONG, 'counted: nothing is lost');
    is(record('scarce')->{output_tokens}, $LONG, 'counted: and billed');
}

SKIP: {
    skip 'no curl with HTTP/2', 3 unless `curl -V 2>/dev/null` =~ /HTTP2/;

    leave('scarce', $LEFT);
    $up->reset(framed($whole));

    my @head = head('scarce');
    my $curl = join ' ', 'curl -s --http2-prior-knowledge --limit-rate 300k',
                    '--max-time 60', "-H '$head[0]: $head[1]'",
                    "-H '$head[2]: $head[3]'", "-d '$BODY'",
                    "http://127.0.0.1:$h2{a}/v1/chat/completions";
    my $got = `$curl`;

    ok($got eq $whole, 'HTTP/2: nothing is lost, nothing twice')
        or diag got($got);
    is($?, 0, 'HTTP/2: to the end');
    is(record('scarce')->{output_tokens}, $LONG, 'HTTP/2: all of it is billed');
}

my $told = 0;
$told += $_->{output_tokens} for records('scarce');

ok(soma_wait(30, sub {
    my ($held, $used) = rows('scarce');
    $held == 0 && $used == $told;
}), 'it is reported, and the rest given back');
leave('scarce', 500);
$up->reset(framed($whole));
my $res = ask($n[0], 'scarce');
ok(cut($res->{body}), 'what others hold is not spent');
cmp_ok(got($res->{body}), '<=', 500, 'no more than is leased');
is(record('scarce')->{output_tokens}, got($res->{body}), 'and billed');

# Redis stops in the middle

my $gate = soma_dir('gate') . '/open';

# opens a stream, and stops Redis behind its first events
sub stopped {
    my ($node, $tenant, $uri) = @_;

    leave($tenant, $LEFT);
    unlink $gate;
    $up->reset({ raw => framed($whole), gate => [1000, $gate] });

    my $s = $node->open('POST', ($uri // '') . '/v1/chat/completions', $BODY,
                        head($tenant));
    $s->event;
    $redis->pause;

    open my $fh, '>', $gate or die "$gate: $!\n";
    close $fh;

    return $s;
}

# reads until nothing comes any more
sub waits {
    my ($s) = @_;

    while (!$s->{complete}) {
        my $bits = '';

        vec($bits, fileno $s->{socket}, 1) = 1;

        last if select($bits, undef, undef, 0.5) < 1;
        last if !sysread $s->{socket}, $s->{buf}, 65536, length $s->{buf};
    }
}

my $s = stopped($n[0], 'hold');
waits($s);
$redis->resume;
like($s->rest, qr/"0$LONG".*"stop".*\[DONE\]\n\n$/s,
     'who waits goes on where it stopped');
ok($s->{complete}, 'to the end');
is(record('hold')->{output_tokens}, $LONG, 'and is billed');

$s = stopped($n[1], 'gone');
waits($s);
my $seen = 1 + got($s->{text} . $s->{buf});
$s->close;
ok(soma_wait(30, sub { $n[1]->error_log =~ /prematurely closed/ }),
   'a client leaves meanwhile');
$redis->resume;
my $r = record('gone');
cmp_ok($r->{output_tokens}, '>=', $seen, 'it pays what it got');
cmp_ok($r->{output_tokens}, '<', $LONG, 'not more');
is($r->{error}, 'client_closed', 'and is seen to leave');

$s = stopped($n[1], 'drain', '/drain');
waits($s);
$s->close;
$redis->resume;
is(record('drain')->{output_tokens}, $LONG,
   'a client that leaves, in drain: all of it is heard, and billed');

ok($_->quit, 'quit') for @n;

# for longer than its timeout

my $n = node('c', soma_slow() ? '5s' : '1s', 1);

$s = stopped($n, 'deny');
my $text = $s->rest;
ok($s->{complete}, 'deny: it has an end');
ok(cut($text), 'and is cut');
$redis->resume;
ok(soma_hears(30, $n, 2), 'Redis is back');
$r = record('deny');
is($r->{output_tokens}, 1 + got($text), 'deny: what was sent is billed');
is($r->{error}, 'limit_store_unavailable', 'why');
cmp_ok($r->{output_tokens}, '<=', $LEFT, 'deny: it was leased');

$s = stopped($n, 'allow', '/allow');
$text = $s->rest;
ok($s->{complete}, 'allow: it has an end');
like($text, qr/"0$LONG".*"stop".*\[DONE\]\n\n$/s, 'allow: its own');
$redis->resume;
is(record('allow')->{output_tokens}, $LONG, 'allow: all of it is billed');
ok(soma_wait(30, sub { (rows('allow'))[1] == $LONG }),
   'allow: and told when Redis is back');

ok($n->stop, 'stop');

for (@n, $n) {
    unlike($_->error_log, qr/\[(?:alert|crit|emerg)\]|exited on signal/,
           'nothing bad in the log');
}

like($n->error_log, qr/Redis does not answer, and a lease of "deny" has nothing/,
     'why it was cut is in the log');

done_testing();
