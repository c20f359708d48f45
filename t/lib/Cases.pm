package Cases;

# What every file of t/cases needs: blocks of Test::Nginx (see its perldoc),
# each a configuration, a request and the answer that is expected.
#
#     use lib 't/lib';
#     use Cases;
#     use Test::Nginx::Socket 'no_plan';
#
#     cases(keys => ['alice'], upstream => 1);
#
#     __DATA__
#     === TEST 1: a key opens the door
#     --- http_config
#         soma_provider p { dialect openai;
#             endpoint http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT/v1; }
#         soma_model m provider=p input=1 output=1;
#         soma_tenant acme { }
#         soma_key $TEST_NGINX_ALICE tenant=acme user=alice;
#     --- config
#         location /v1/ { soma_pass; }
#     --- upstream
#     {"object":"x"}
#     --- request
#     POST /v1/chat/completions
#     {"model":"m","messages":[]}
#     --- more_headers
#     Authorization: Bearer sk-alice
#     --- response_body chop
#     {"object":"x"}
#
# cases(keys => [NAME...], upstream => 1, redis => 1)
#   runs them, in the order of the file. $TEST_NGINX_<NAME> is the digest of
#   the key "sk-<name>". nginx (a master and a worker) starts again when a block
#   has another configuration; a block without one goes on with what runs, and
#   with what earlier blocks have used up. Directories and ports are Soma's.
#
# No block may leave an [alert], a [crit] or an [emerg] in the error log; one
# that must die leaves an [emerg] that tells file and line.
#
# Sections beside those of Test::Nginx:
#   upstream        what the scripted provider says from here on: the body of a
#                   200, or by eval bytes, hashes and code as soma_upstream
#                   takes them, one or a list
#   events          the same: a stream, an event a line
#   asked           how many requests it got since
#   sent_like, sent_unlike   patterns for the last of these, as it came
#   redis           commands, one a line, before the block
#   stored          COMMAND => PATTERN, one a line, after it
#   record          NAME VALUE, one a line: of the record in Redis, see recorded

use strict;
use warnings;

use Digest::SHA ();
use Exporter 'import';
use Soma;
use Test::More ();

our @EXPORT = qw(cases soma_response soma_sse soma_slow soma_sha256);

my ($up, $redis, $body);
my ($binary, $plain);
my $asan = $ENV{ASAN_OPTIONS};
my $seen = 0;
my ($read, $config_now) = (0, '');

# before Test::Nginx::Util is loaded, which reads these once
$ENV{TEST_NGINX_SERVER_PORT} = Soma::soma_port();
$ENV{TEST_NGINX_FORCE_RESTART_ON_TEST} = 0;
$ENV{TEST_NGINX_TIMEOUT} ||= 10;
$ENV{TEST_NGINX_SLEEP} ||= 0.005;
delete @ENV{qw(TEST_NGINX_USE_VALGRIND TEST_NGINX_USE_HUP)};


sub cases {
    my (%opt) = @_;

    Soma::export_env($_, 'sha256:' . soma_sha256("sk-$_"))
        for @{ $opt{keys} || [] };

    $up = soma_upstream(responses => ['']) if $opt{upstream};
    $redis = soma_redis() if $opt{redis};

    $plain = $binary = $Test::Nginx::Util::NginxBinary;
    $binary = under_valgrind($plain) if $ENV{SOMA_VALGRIND};

    Test::Nginx::Util::no_shuffle();
    Test::Nginx::Util::master_on();
    Test::Nginx::Util::log_level('info');
    Test::Nginx::Util::worker_connections(256);
    Test::Nginx::Util::no_root_location();
    Test::Nginx::Util::add_block_preprocessor(\&prepare);
    Test::Nginx::Util::add_test_cleanup_handler(\&look);
    Test::Nginx::Socket::add_response_body_check(sub { $body = $_[1] });
    Test::Nginx::Util::run_tests();
}


# Test::Nginx's own way stops nginx behind each block
sub under_valgrind {
    my ($nginx) = @_;
    my $path = "$Soma::DIR/nginx-valgrind";

    open my $fh, '>', $path or die "$path: $!\n";
    print $fh <<"END";
#!/bin/sh
case \$1 in -[vV]) exec $nginx "\$@";; esac
exec valgrind -q $ENV{SOMA_VALGRIND} $nginx "\$@"
END
    close $fh;
    chmod 0755, $path;

    return $path;
}


sub prepare {
    my ($block) = @_;

    sound($block);
    configure($block);

    # the log is written when the client has its answer already
    $block->set_value(wait => soma_slow() ? 0.4 : 0.05)
        if defined $block->access_log || defined $block->error_log;

    if (defined $block->upstream) {
        my $said = $block->upstream;

        $said = soma_response(200, $said =~ s/\n\z//r)
            unless ref $said || $said =~ m{\AHTTP/};
        $up->reset(ref $said eq 'ARRAY' ? @$said : $said);

    } elsif (defined $block->events) {
        $up->reset(soma_sse(split /\n/, $block->events));
    }

    for (split /\n/, expand($block->redis // '')) {
        $redis->cmd(words($_));
    }
}


# Test::Base makes a value of what eval died of, and several of { NAME => VALUE }
# without a "+" before it
sub sound {
    my ($block) = @_;

    for my $name (keys %$block) {
        next unless ref $block->{$name} eq 'ARRAY';

        my ($value) = @{ $block->{$name} };

        die $block->name . ": $name: $value"
            if !ref $value && ($value // '') =~ / at \(eval \d+\) line \d+/;
        die $block->name . ": $name: more than one value"
            if @{ $block->{$name} } > 1;
    }
}


# Test::Nginx starts nginx again when "config" is another one, whatever else is
sub configure {
    my ($block) = @_;
    my $must_die = defined $block->must_die;

    $seen++;

    # what does not start frees nothing
    $Test::Nginx::Util::NginxBinary = $must_die ? $plain : $binary;
    $ENV{ORI_ASAN_OPTIONS} = $must_die
        ? $asan =~ s/detect_leaks=1/detect_leaks=0/r : $asan if $asan;

    if ($must_die) {
        my $want = $block->error_log;

        $block->set_value(suppress_stderr => 1);
        $block->set_value(error_log => ['[emerg]', ref $want ? $want
                                                   : split /\n/, $want]);
    }

    my $http = $block->http_config // '';
    my $all = join "\0", $http, map { $_ // '' } $block->main_config,
                   $block->log_level, $must_die && $seen;

    return unless $must_die || defined $block->http_config
                  || defined $block->config;

    my $config = ($block->config // '') . "\n# "
                 . Digest::SHA::sha1_hex($all) . "\n";

    $block->set_value(config => $config);
    $read = 0 if $config ne $config_now;
    $config_now = $config;
}


sub expand {
    my ($text) = @_;

    return $text =~ s/\$(TEST_NGINX_\w+)/$ENV{$1} \/\/ die "no $1\n"/ger;
}


sub words {
    my ($line) = @_;
    my @words = $line =~ /"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g;

    return grep { defined } @words;
}


sub look {
    my ($block) = @_;
    my $name = $block->name;
    my $log = Soma::slurp($Test::Nginx::Util::ErrLogFile);

    if (defined $block->must_die) {
        died($block, $log);

    } else {
        Test::More::unlike(substr($log, $read), qr/\[(?:alert|crit|emerg)\]/,
                           "$name - the error log");
        $read = length $log;
    }

    Test::More::is($up->count, $block->asked + 0, "$name - requests sent")
        if defined $block->asked;

    if (defined $block->sent_like || defined $block->sent_unlike) {
        my $raw = (($up->requests)[-1] || {})->{raw} // '';

        for (patterns($block->sent_like)) {
            Test::More::like($raw, $_, "$name - sent");
        }

        for (patterns($block->sent_unlike)) {
            Test::More::unlike($raw, $_, "$name - not sent");
        }
    }

    for (split /\n/, expand($block->stored // '')) {
        my ($command, $want) = split / => /, $_, 2;
        my $got = $redis->cmd(words($command)) // '';

        Test::More::like($got, qr/$want/, "$name - $command");
    }

    recorded($block) if defined $block->record;
}


sub patterns {
    my ($text) = @_;

    return () unless defined $text;
    return ref $text eq 'ARRAY' ? @$text : $text if ref $text;
    return map { qr/$_/s } split /\n/, $text;
}


sub died {
    my ($block, $log) = @_;
    my @said = $log =~ /^(.*\[emerg\].*)$/mg;

    Test::More::ok(@said && !(grep { !/ in \S+:\d+/ } @said),
                   $block->name . ' - file and line') or Test::More::diag($log);
}


# the records of the request id that is named, of "tenant" or acme: "times" of
# them or one, each with the values that are named. "told" is the last cost that
# the client was told
sub recorded {
    my ($block) = @_;
    my %want = map { split / /, $_, 2 } split /\n/, $block->record;
    my $tenant = delete $want{tenant} // 'acme';
    my $times = delete $want{times} // 1;
    my $id = delete $want{id};
    my @found;

    for my $name (grep { $want{$_} eq 'told' } keys %want) {
        my ($whole, $part) = (($body // '') =~ /"cost":(\d+)(?:\.(\d+))?[,}]/g)
                             [-2, -1];

        $want{$name} = ($whole // 0) * 1_000_000_000
                       + substr(($part // '') . '0' x 9, 0, 9);
    }

    # they are written behind the answer
    soma_wait(20, sub {
        my $list = $redis->cmd('XRANGE', "soma:{$tenant}:events", '-', '+');

        @found = grep { ($_->{id} // '') eq $id }
                 map { soma_json($_) }
                 map { grep { /^\{/ } @{ $_->[1] } } @$list;
        @found >= $times;
    });

    Test::More::is_deeply([map { my $r = $_;
                                 +{ map { $_ => $r->{$_} } keys %want } }
                           @found], [(\%want) x $times],
                          $block->name . ' - its record');
}


1;
