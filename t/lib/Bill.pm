package Bill;

# A provider that keeps its own bill, by what a real one would charge and not
# by what its answers say: also for work whose client has left, that nobody
# asked for twice, or that an answer hides.
#
#     my $provider = Bill->new;       # an upstream of Soma.pm; ->port
#     $provider->idle                 # nothing is being answered
#     $provider->bill                 # {OWNER => {asked, nano, tokens}}
#
# OWNER is said in the request's text, as in "storm/OWNER/HOW/": HOW is what
# the answer is like, one of the functions below named as_HOW.  Four bytes
# are a token.  Endpoints by their path: /old reads max_tokens, /new reads
# max_completion_tokens, /slow is for what takes longer than it may.

use strict;
use warnings;

use parent -norequire, 'Soma::Upstream';

use Compress::Zlib ();
use File::Path ();
use Time::HiRes qw(sleep);

use Soma;

our ($INPUT, $OUTPUT) = (1000, 10_000);     # nano-USD a token, of every model
our $LONGEST = 2000;        # tokens of an answer that nobody bounds
our $WINDOW = 16_000;       # tokens that a model reads at most
our $DEAR = 100;            # times, of a model that was not asked for
our $IMAGE = 40_000_000;    # nano-USD
our $CHARACTER = 15_000;
our $SECOND = 100_000;

my $WORD = 'abc ';          # a token
my $PIECE = 10;             # tokens written at once
my $PAUSE = 0.004;          # seconds between them
my $THINK = 0.25;           # seconds before what is hidden, or whole
my $BIG = 300_000;          # bytes of a big event


sub new {
    my ($class) = @_;
    my $self = bless { name => 'bill' }, $class;

    $self->{dir} = "$Soma::DIR/bill";
    File::Path::remove_tree($self->{dir});
    File::Path::make_path($self->{dir});
    push @Soma::started, $self;

    return $self->start;
}


sub serve {
    my ($self, $client, $conn) = @_;
    my $buf = '';

    $client->autoflush(1);
    setsockopt $client, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;

    while (my $request = $self->read_request($client, \$buf)) {
        last unless $self->work($client, $request);
    }

    close $client;
}


# one request; false when its connection ends
sub work {
    my ($self, $client, $request) = @_;
    my ($owner, $how) = $request->{raw} =~ m{storm/([\w-]+)/(\w+)/};
    my $job = { client => $client, request => $request, in => 0, out => 0,
                nano => 0, how => $how // 'nobody' };

    ($owner, $how) = ('nobody', 'plain') unless defined $how;
    $self->note("+ $owner 0 0");
    charge($job);

    my $more = eval { $self->can("as_$how")->($job) };
    my $factor = another($request) ? $DEAR : 1;

    $self->note(sprintf '- %s %d %d', $owner,
                $factor * ($job->{nano} + $INPUT * $job->{in}
                           + $OUTPUT * $job->{out}),
                $job->{in} + $job->{out});
    warn "bill: $@" if $@;

    return $more;
}


# short lines of one write do not mix
sub note {
    my ($self, $line) = @_;

    open my $fh, '>>', "$self->{dir}/bill" or die "bill: $!\n";
    syswrite $fh, "$line\n";
    close $fh;
}


sub idle {
    my ($self) = @_;
    my $text = Soma::slurp("$self->{dir}/bill");

    return (() = $text =~ /^\+/mg) == (() = $text =~ /^-/mg);
}


sub bill {
    my ($self) = @_;
    my %bill;

    for (split /\n/, Soma::slurp("$self->{dir}/bill")) {
        my ($sign, $owner, $nano, $tokens) = split / /;
        my $of = $bill{$owner} //= { asked => 0, nano => 0, tokens => 0 };

        $of->{asked}++ if $sign eq '+';
        $of->{nano} += $nano;
        $of->{tokens} += $tokens;
    }

    return \%bill;
}


# what it costs to begin with, and the most that it may say
sub charge {
    my ($job) = @_;
    my $request = $job->{request};
    my ($name) = $request->{uri} =~ m{/v1/([\w/]+)};
    my $body = $request->{body};
    my $ask = eval { soma_json($body) };

    $ask = {} unless ref $ask eq 'HASH';
    @$job{qw(ask name)} = ($ask, $name // '');
    $job->{stream} = $ask->{stream};
    $job->{bound} = $LONGEST;

    if ($job->{name} eq 'images/generations') {
        $job->{nano} = $IMAGE * ($ask->{n} || 1);

    } elsif ($job->{name} eq 'audio/speech') {
        $job->{nano} = $CHARACTER * length($ask->{input} // '');

    } elsif ($job->{name} =~ m{^audio/}) {
        $job->{nano} = $SECOND * seconds($body);

    } elsif ($job->{name} eq 'embeddings') {
        $job->{in} = int(length($body) / 4);

    } else {
        read_prompt($job);
    }
}


sub read_prompt {
    my ($job) = @_;
    my $ask = $job->{ask};
    my $text = soma_to_json($ask->{messages} // $ask->{input}
                            // $ask->{prompt} // '');
    my $bound = $ask->{bound_name($job)};

    $job->{in} = int(length($text =~ s/[\[\]{}":,]|role|user|content//gr) / 4);
    $job->{in} = $WINDOW if $ask->{previous_response_id} || $ask->{tools}
                            || $ask->{conversation} || $text =~ /_url/;
    $job->{bound} = $bound if $bound && $bound > 0 && $bound < $LONGEST;
    $job->{bound} *= $ask->{n} if $ask->{n};
    $job->{bound} = $LONGEST if $ask->{background};
}


# the one name that such a provider reads
sub bound_name {
    my ($job) = @_;

    return 'max_output_tokens' if $job->{name} eq 'responses';
    return 'max_completion_tokens'
        if $job->{request}{uri} =~ m{^/new/} && $job->{name} =~ /^chat/;
    return 'max_tokens';
}


# of 8 kbit/s, as the file of the ways says
sub seconds {
    my ($body) = @_;

    return int((() = $body =~ /\x01/g) / 1000);
}


# was a model chosen that the gateway did not check?
sub another {
    my ($request) = @_;
    my $type = $request->{headers}{'content-type'} // '';

    return $request->{uri} =~ /\bmodel=/
           || ($type =~ /urlencoded/ && $request->{body} =~ /\bmodel=dear/)
           || $request->{body} =~ /"(?:models|fallbacks|route)"\s*:/
           || (() = $request->{body} =~ /"model"\s*:/g) > 1
           || $request->{body} =~ /"model"\s*:\s*"dear"/;
}


# how an answer is given

sub as_plain {
    my ($job, %opt) = @_;

    return stream($job, %opt) if $job->{stream};
    return pieces($job) if $job->{name} =~ m{^(images|audio)/};

    $job->{out} = $job->{bound} unless $job->{name} eq 'embeddings';
    sleep $THINK;

    return reply($job, whole($job, $job->{out}, %opt), $opt{type});
}


# a model thinks, and its answer shows little of that
sub as_hidden {
    my ($job) = @_;

    $job->{out} = $job->{bound};
    sleep $THINK;

    return $job->{stream} ? stream($job, shown => 1)
                          : reply($job, whole($job, 1));
}


sub as_silent { as_plain($_[0], usage => 0) }
sub as_typed { as_plain($_[0], type => 'text/plain') }
sub as_packed { as_plain($_[0], encoding => 'gzip') }
sub as_queued { as_cut($_[0], '{"id":"resp_1","object":"response",'
                              . '"status":"queued","output":[]}') }


# usage behind an event of many bytes
sub as_big {
    my ($job) = @_;

    return stream($job, pad => 'x' x $BIG);
}


# all the work is done, and half of the answer is lost
sub as_cut {
    my ($job, $text) = @_;

    return stream($job, cut => 1) if $job->{stream} && !$text;

    $job->{out} = $job->{bound};
    sleep $THINK;

    return reply($job, $text) if $text;

    my $all = whole($job, $job->{out});

    write_all($job, head('application/json', 'Content-Length: '
                         . length $all) . substr $all, 0, length($all) / 2);

    return 0;
}


# the work is done, and its answer never comes
sub as_late {
    my ($job) = @_;

    $job->{out} = $job->{bound};
    sleep 0.05 for 1 .. 60;

    return 0;
}


# the words of an answer

sub usage {
    my ($job) = @_;
    my @names = $job->{name} eq 'responses' ? qw(input output)
                                            : qw(prompt completion);

    return sprintf '"usage":{"%s_tokens":%d,"%s_tokens":%d,'
                   . '"total_tokens":%d}', $names[0], $job->{in}, $names[1],
                   $job->{out}, $job->{in} + $job->{out};
}


sub whole {
    my ($job, $tokens, %opt) = @_;
    my $text = $WORD x $tokens;
    my $usage = ($opt{usage} // 1) ? ',' . usage($job) : '';

    return '{"object":"list","data":[{"embedding":[0]}]' . $usage . '}'
        if $job->{name} eq 'embeddings';

    return '{"id":"resp_1","object":"response","status":"completed",'
           . '"output":[{"type":"message","role":"assistant","content":'
           . "[{\"type\":\"output_text\",\"text\":\"$text\"}]}]$usage}"
        if $job->{name} eq 'responses';

    return "{\"id\":\"c\",\"object\":\"text_completion\",\"choices\":"
           . "[{\"index\":0,\"text\":\"$text\",\"finish_reason\":\"length\"}]"
           . "$usage}"
        if $job->{name} eq 'completions';

    return '{"id":"c","object":"chat.completion","choices":[{"index":0,'
           . "\"message\":{\"role\":\"assistant\",\"content\":\"$text\"},"
           . "\"finish_reason\":\"length\"}]$usage}";
}


sub pieces {
    my ($job) = @_;
    my $ask = $job->{ask};

    sleep $THINK;

    return reply($job, '{"created":1,"data":['
                       . join(',', ('{"url":"x"}') x ($ask->{n} || 1)) . ']}')
        if $job->{name} =~ /^images/;
    return reply($job, 'ID3' . 'x' x 100, 'audio/mpeg')
        if $job->{name} eq 'audio/speech';
    return reply($job, "some words\n", 'text/plain');
}


sub event {
    my ($job, $text, $pad) = @_;
    my $more = $pad ? ",\"pad\":\"$pad\"" : '';

    return "event: response.output_text.delta\ndata: {\"type\":"
           . "\"response.output_text.delta\",\"output_index\":0,"
           . "\"content_index\":0,\"delta\":\"$text\"$more}\n\n"
        if $job->{name} eq 'responses';

    my $delta = $job->{name} eq 'completions' ? "\"text\":\"$text\""
                : "\"delta\":{\"content\":\"$text\"}";

    return "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\","
           . "\"choices\":[{\"index\":0,$delta,\"finish_reason\":null}]"
           . "$more}\n\n";
}


sub last_events {
    my ($job, %opt) = @_;
    my $usage = ($opt{usage} // 1) ? ',' . usage($job) : '';
    my $pad = $opt{pad} ? ",\"instructions\":\"$opt{pad}\"" : '';

    return "event: response.completed\ndata: {\"type\":"
           . "\"response.completed\",\"response\":{\"id\":\"resp_1\","
           . "\"object\":\"response\",\"status\":\"completed\"$pad$usage}}\n\n"
        if $job->{name} eq 'responses';

    return "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},"
           . "\"finish_reason\":\"length\"}]$pad}\n\n"
           . ($usage ? "data: {\"id\":\"c\",\"choices\":[]$usage}\n\n" : '')
           . "data: [DONE]\n\n";
}


# charged as far as it was made when the other end was seen to be gone
sub stream {
    my ($job, %opt) = @_;
    my $type = $opt{type} // 'text/event-stream';
    my $shown = $opt{shown} // $job->{bound};
    my $said = 0;
    my $z = $opt{encoding} && Compress::Zlib::deflateInit(
                -WindowBits => Compress::Zlib::WANT_GZIP());
    my $send = sub {
        my ($text) = @_;

        if ($z) {
            $text = $z->deflate($text) . $z->flush(
                        Compress::Zlib::Z_SYNC_FLUSH());
        }

        return !Soma::Upstream::gone($job->{client})
               && write_all($job, chunk($text));
    };

    write_all($job, head($type, 'Transfer-Encoding: chunked',
                         $z ? 'Content-Encoding: gzip' : ()));

    while ($said < $shown) {
        my $n = $shown - $said < $PIECE ? $shown - $said : $PIECE;

        $said += $n;
        $job->{out} = $said if $job->{out} < $said;
        return 0 unless $send->(event($job, $WORD x $n, $opt{pad}));
        return 0 if $opt{cut} && $said >= $shown / 2;

        delete $opt{pad} unless $job->{name} eq 'responses';
        sleep $PAUSE;
    }

    $send->(last_events($job, %opt)) or return 0;

    if ($z) {
        my $end = $z->flush;

        write_all($job, chunk($end)) if length $end;
    }

    return write_all($job, "0\r\n\r\n");
}


sub chunk { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] }


sub head {
    my ($type, @lines) = @_;

    return join "\r\n", 'HTTP/1.1 200 OK', "Content-Type: $type", @lines,
                        '', '';
}


sub reply {
    my ($job, $body, $type) = @_;

    return write_all($job, head($type // 'application/json',
                                'Content-Length: ' . length $body) . $body);
}


sub write_all { Soma::Upstream::write_all($_[0]{client}, $_[1]) }


1;
