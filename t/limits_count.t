# A count belongs to amount, window, scope and owner: another number finds
# what was spent, over a reload and from Redis, here and on other nodes.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;
use POSIX qw(strftime);

my $tz = -e '/usr/share/zoneinfo/Europe/Berlin';
my $redis = soma_redis();
my @admin = ('x-api-key' => 'admin');

sub hash { 'sha256:' . soma_sha256($_[0]) }

sub http {
    my ($limits, $more) = @_;

    return <<"END";
    soma_zone 8m;
    $more
    soma_provider e { dialect echo; }
    soma_model m provider=e input=1 output=1;
    @{[ join "\n", map { "soma_tenant $_ { $limits->{$_} }
        soma_key @{[ hash($_) ]} tenant=$_ user=u;" } sort keys %$limits ]}
    soma_tenant ops { }
    soma_key @{[ hash('admin') ]} tenant=ops user=root capabilities=admin;
END
}

my $SERVER = 'location /v1/ { soma_pass; } location /soma/ { soma_api; }
              location /svc/ { soma_access; empty_gif; }';

sub svc { $_[0]->get('/svc/', 'x-api-key' => $_[1])->{status} }

# how many of n pass
sub passed {
    my ($n, $key, $times) = @_;

    return scalar grep { svc($n, $key) == 200 } 1 .. $times;
}

sub message { eval { soma_json($_[0]{body})->{error}{message} } // '' }

# without Redis: a reload

my %limits = (
    day => 'limit requests 5/day;',
    hour => 'limit requests 5/hour;',
    user => 'limit requests 5/month per=user;',
    from => 'limit requests 5/month;',
    raise => 'limit requests 2/day; limit requests 4/day until=2999-12-24;',
);
my $n = soma_nginx(workers => 2, http => http(\%limits, ''),
                   server => $SERVER);

for (qw(day hour user)) {
    is(passed($n, $_, 5), 5, "$_: five");
    is(svc($n, $_), 429, "$_: no sixth");
}

is(passed($n, 'from', 2), 2, 'two of a month');
is(passed($n, 'raise', 9), 4, 'one with an end takes the place of the other');

$limits{$_} =~ s/ 5/ 7/ for qw(day hour user);
$limits{from} =~ s{/month}{/month from=2};
$limits{raise} =~ s/2999-12-24/2020-12-24/;
$n->configure(http => http(\%limits, ''));
ok($n->reload, 'raised');

for (qw(day hour user)) {
    ok(soma_wait(20, sub { svc($n, $_) == 200 }), "$_: raised, one more");
    is(passed($n, $_, 5), 1, "$_: and one, what was spent counts");
}

is(passed($n, 'from', 6), 5, 'another window is another count');
is(svc($n, 'raise'), 429, 'one that has ended gives its place back');
like($n->error_log, qr/day until=2020-12-24" of soma_tenant "raise" has ended/,
     'which is warned of');

$limits{$_} =~ s/ 7/ 3/ for qw(day hour user);
$n->configure(http => http(\%limits, ''));
ok($n->reload, 'lowered');

ok(soma_wait(20, sub { $n->get('/svc/', 'x-api-key' => $_)->{body}
                       =~ /requests 3/ }), "$_: lowered below what was spent")
    for qw(day hour user);

$limits{$_} =~ s/ 3/ 9/ for qw(day hour user);
$n->configure(http => http(\%limits, ''));
ok($n->reload, 'and raised again');

for (qw(day hour user)) {
    ok(soma_wait(20, sub { svc($n, $_) == 200 }), "$_: again one more");
    is(passed($n, $_, 5), 1, "$_: and one, it has forgotten nothing");
}

$n->quit;

# with Redis: two nodes, and the API

my @nodes = map {
    soma_nginx(name => "r$_", workers => 2, server => $SERVER,
               http => http({ day => 'limit requests 40/day;',
                              rate => 'limit requests 40/hour;',
                              ever => 'limit requests 3/ever;' },
                            'soma_redis ' . $redis->url . ' timeout=1s;'))
} 1 .. 2;

sub set {
    my ($tenant, $limits) = @_;
    my $r = $nodes[0]->post("/soma/tenants/$tenant",
                            qq({"limits":["$limits"]}), @admin);

    return $r->{status};
}

# both workers of both nodes go by the new number: its words are refused with,
# or it is in the header
sub known {
    my ($tenant, $number) = @_;

    return soma_wait(20, sub {
        my $all = 1;

        for my $node (@nodes, @nodes, @nodes) {
            my $r = $node->get('/soma/config', 'x-api-key' => $tenant);
            $all &&= $r->{body} =~ /requests $number\//;
        }

        $all;
    });
}

for my $t ('day', 'rate') {
    is(passed($_, $t, 10), 10, "$t: ten at a node") for @nodes;
    my $window = $t eq 'day' ? 'day' : 'hour';

    is(set($t, "requests 10/$window"), 200, "$t: lowered below what was spent");
    ok(known($t, 10), 'all nodes hear it');
    is(svc($_, $t), 429, "$t: refused at once") for @nodes;

    is(set($t, "requests 26/$window"), 200, "$t: raised");
    ok(known($t, 26), 'all nodes hear it');

    # one that just was refused may be told so for a moment
    my $more = 0;
    soma_wait(10, sub {
        $more += passed($_, $t, 3) for @nodes;
        $more >= 6;
    });
    is($more, 6, "$t: six more of all nodes together");
    is(svc($_, $t), 429, "$t: and no seventh") for @nodes;
}

my @keys = sort @{ $redis->cmd('KEYS', 'soma:{day}:quota:*') };
is_deeply(\@keys, ['soma:{day}:quota:requests/day:tenant:day'],
          'it was one key in Redis all the time');

is(passed($nodes[0], 'ever', 5), 3, 'three for ever');
is(set('ever', 'requests 5/ever'), 200, 'two more are bought');
ok(known('ever', 5), 'all nodes hear it');
my $more = 0;
soma_wait(10, sub { ($more += passed($nodes[1], 'ever', 3)) >= 2 });
is($more, 2, 'of any node');
is($redis->cmd('PTTL', 'soma:{ever}:quota:requests/ever:tenant:ever'), -1,
   'its key stays');

my $res = $nodes[0]->post('/soma/tenants/day',
                       '{"limits":["requests 5/day tz=Europe/Atlantis"]}',
                       @admin);
is($res->{status}, 400, 'a time zone that is not there');
like(message($res), qr/no time zone "Europe\/Atlantis"/, 'is named');

SKIP: {
    skip 'no time zones here', 4 unless $tz;

    is(set('day', 'requests 5/week tz=Europe/Berlin'), 200, 'a zone');
    ok(known('day', 5), 'all nodes hear it');
    is(passed($nodes[0], 'day', 7), 5, 'five a week by its clock');

    $ENV{TZ} = 'Europe/Berlin';
    POSIX::tzset();
    my $h = $redis->hash('soma:{day}:quota:requests/week_tz=Europe/Berlin:'
                         . 'tenant:day');
    is(strftime('%u %H:%M', localtime($h->{since} / 1000)), '1 00:00',
       'which began on Monday at midnight there');
}

unlike($_->error_log, qr/\[(?:crit|emerg|alert)\]/, 'nothing bad in the log')
    for @nodes;

done_testing();
