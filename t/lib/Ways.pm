package Ways;

# Every way known of passing a budget, each a function with a name: it returns
# a request and how its client behaves.
#
#     Ways::names()                 the names of all
#     Ways::request(NAME, OWNER)    {uri, json or body, headers, leave}
#     Ways::tolerance(NAME)         tokens a request that the provider may
#                                   bill beyond the books, of docs/limits.md
#     Ways::pieces(NAME)            true where the price is of pieces
#
# leave   undef: the client reads to the end; before: it goes while the
#         provider works; middle: with the first bytes of the answer

use strict;
use warnings;

use Soma;

my $CHAT = '/v1/chat/completions';

# of a stream that its client left, in the buffers of the way between
my $IN_BUFFERS = 64;

my %tolerance = map { $_ => $IN_BUFFERS }
                qw(leave_stream leave_responses leave_completion);
my %pieces = map { $_ => 1 }
             qw(images images_left speech speech_left speech_escaped sound
                sound_left);

our %way;


sub names { sort keys %way }
sub tolerance { $tolerance{$_[0]} // 0 }
sub pieces { $pieces{$_[0]} }
sub request { my ($name, $owner) = @_; return $way{$name}->($owner) }


sub chat {
    my ($owner, $how, %more) = @_;
    my $leave = delete $more{leave};
    my $headers = delete $more{headers} // [];
    my $query = delete $more{query} // '';
    my $text = "storm/$owner/$how/ " . 'abc ' x rand 40;

    return { uri => "$CHAT$query", leave => $leave, headers => $headers,
             json => { model => 'old', max_tokens => 40 + int rand 60,
                       messages => [{ role => 'user', content => $text }],
                       %more } };
}


sub responses {
    my ($owner, $how, %more) = @_;
    my $leave = delete $more{leave};

    return { uri => '/v1/responses', leave => $leave,
             json => { model => 'old', max_output_tokens => 40 + int rand 60,
                       input => "storm/$owner/$how/ write", %more } };
}


sub completion {
    my ($owner, $how, %more) = @_;
    my $leave = delete $more{leave};

    return { uri => '/v1/completions', leave => $leave,
             json => { model => 'old', max_tokens => 40 + int rand 60,
                       prompt => "storm/$owner/$how/ write", %more } };
}


sub typed {
    my ($owner, $type, $body) = @_;

    return { uri => $CHAT, body => $body,
             headers => ['Content-Type' => $type] };
}


sub sound {
    my ($owner, %more) = @_;
    my $b = 'storm-boundary';
    my %field = (model => 'whisper-1', prompt => "storm/$owner/plain/",
                 response_format => 'text');
    my $form = join '', map {
        "--$b\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n"
        . "$field{$_}\r\n"
    } sort keys %field;

    $form .= "--$b\r\nContent-Disposition: form-data; name=\"file\"; "
             . "filename=\"a.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n"
             . "\x01" x 30_000 . "\r\n--$b--\r\n";

    return { uri => '/v1/audio/transcriptions', body => $form, %more,
             headers => ['Content-Type' =>
                         "multipart/form-data; boundary=$b"] };
}


sub image {
    my ($owner, %more) = @_;

    return { uri => '/v1/images/generations', %more,
             json => { model => 'dall-e-3', n => 1 + int rand 4,
                       prompt => "storm/$owner/plain/" } };
}


sub speech {
    my ($owner, $text, %more) = @_;

    return { uri => '/v1/audio/speech', %more,
             json => { model => 'tts-1', voice => 'alloy',
                       input => "storm/$owner/plain/ $text" } };
}


%way = (
    # as everybody asks
    usual             => sub { chat($_[0], 'plain') },
    usual_stream      => sub { chat($_[0], 'plain', stream => \1) },
    usual_response    => sub { responses($_[0], 'plain') },
    usual_completion  => sub { completion($_[0], 'plain') },
    embedding         => sub { +{ uri => '/v1/embeddings', json =>
                                  { model => 'old', input =>
                                    "storm/$_[0]/plain/ " . 'abc ' x 200 } } },

    # whoever leaves
    leave_plain       => sub { chat($_[0], 'plain', leave => 'before') },
    leave_hidden      => sub { chat($_[0], 'hidden', stream => \1,
                                    leave => 'before') },
    leave_stream      => sub { chat($_[0], 'plain', stream => \1,
                                    leave => 'middle') },
    leave_responses   => sub { responses($_[0], 'plain', stream => \1,
                                         leave => 'middle') },
    leave_completion  => sub { completion($_[0], 'plain', stream => \1,
                                          leave => 'middle') },
    leave_late        => sub { chat($_[0], 'late', model => 'slow',
                                    leave => 'before') },

    # what is not seen
    background        => sub { responses($_[0], 'queued',
                                         background => \1) },
    hidden            => sub { chat($_[0], 'hidden') },
    hidden_stream     => sub { chat($_[0], 'hidden', stream => \1) },
    late              => sub { chat($_[0], 'late', model => 'slow') },
    late_stream       => sub { chat($_[0], 'late', model => 'slow',
                                    stream => \1) },
    cut               => sub { chat($_[0], 'cut') },
    cut_stream        => sub { chat($_[0], 'cut', stream => \1) },
    no_usage          => sub { chat($_[0], 'silent') },
    no_usage_stream   => sub { chat($_[0], 'silent', stream => \1) },
    no_usage_response => sub { responses($_[0], 'silent') },
    big_event         => sub { chat($_[0], 'big', stream => \1) },
    big_response      => sub { responses($_[0], 'big', stream => \1) },
    foreign_type      => sub { chat($_[0], 'typed', stream => \1) },
    foreign_json      => sub { chat($_[0], 'typed') },
    packed_stream     => sub { chat($_[0], 'packed', stream => \1) },

    # the bound
    other_name        => sub { chat($_[0], 'plain', max_tokens => undef,
                                    max_completion_tokens => 20) },
    other_name_new    => sub { chat($_[0], 'plain', model => 'new',
                                    max_tokens => 20) },
    both_names        => sub { chat($_[0], 'plain', max_tokens => 2000,
                                    max_completion_tokens => 1) },
    zero_bound        => sub { chat($_[0], 'plain', max_tokens => 0) },
    minus_bound       => sub { chat($_[0], 'plain', max_tokens => -1) },
    no_bound          => sub { chat($_[0], 'plain', max_tokens => undef) },
    no_bound_stream   => sub { chat($_[0], 'plain', max_tokens => undef,
                                    stream => \1) },
    many_choices      => sub { chat($_[0], 'plain', n => 8) },
    old_dialect_bound => sub { chat($_[0], 'plain', max_tokens => undef,
                                    max_new_tokens => 1) },

    # by the piece
    images            => sub { image($_[0]) },
    images_left       => sub { image($_[0], leave => 'before') },
    speech            => sub { speech($_[0], 'abc ' x 200) },
    speech_left       => sub { speech($_[0], 'abc ' x 200,
                                      leave => 'before') },
    speech_escaped    => sub { speech($_[0], "\x{e9}" x 100) },
    sound             => sub { sound($_[0]) },
    sound_left        => sub { sound($_[0], leave => 'before') },

    # another reading
    query_model       => sub { chat($_[0], 'plain', query => '?model=dear') },
    form_model        => sub { typed($_[0],
        'application/x-www-form-urlencoded', '{"model":"old","max_tokens":9,'
        . "\"messages\":[{\"role\":\"user\",\"content\":\"storm/$_[0]/plain/"
        . '"}],"user":"&model=dear&x"}') },
    models_member     => sub { chat($_[0], 'plain', models => ['dear']) },
    fallbacks_member  => sub { chat($_[0], 'plain', fallbacks => ['dear']) },
    twice_model       => sub { typed($_[0], 'application/json',
        '{"model":"dear","model":"old","max_tokens":9,"messages":[{"role":'
        . "\"user\",\"content\":\"storm/$_[0]/plain/\"}]}") },
    unpriced          => sub { chat($_[0], 'plain', model => 'unpriced') },

    # what a provider adds of its own
    previous_response => sub { responses($_[0], 'plain',
                               previous_response_id => 'resp_1') },
    conversation      => sub { responses($_[0], 'plain',
                               conversation => 'conv_1') },
    hosted_tool       => sub { responses($_[0], 'plain',
                               tools => [{ type => 'web_search' }]) },
    search_member     => sub { chat($_[0], 'plain',
                                    web_search_options => {}) },
    fetched_part      => sub {
        my $r = chat($_[0], 'plain');
        my $message = $r->{json}{messages}[0];

        $message->{content} = [{ type => 'text', text => $message->{content} },
            { type => 'video_url', video_url => { url => 'http://a/b' } }];
        $r;
    },
);


1;
