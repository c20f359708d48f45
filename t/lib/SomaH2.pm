package SomaH2;

# HTTP/2 by hand, for what no client does: frames in one write, streams that
# are reset, windows that stay closed.  Without TLS.
#
#   my $c = h2_connect($port);
#   print $c h2_post(1, '/v1/chat/completions', $body, 'x-name' => 'a')
#            . h2_reset(1) . h2_window(3, 1 << 30);
#   my ($type, $flags, $stream, $payload) = h2_read($c);     # () at the end

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::INET;

our @EXPORT = qw(h2_connect h2_post h2_reset h2_window h2_read H2_DATA
                 H2_HEADERS H2_END);

use constant { H2_DATA => 0, H2_HEADERS => 1, H2_END => 1 };

my ($RST_STREAM, $SETTINGS, $WINDOW_UPDATE) = (3, 4, 8);
my $END_HEADERS = 4;
my $CANCEL = 8;
my $OPEN = 0x3fffffff;
my $LONGEST = 16384;            # a frame, as nobody asked for longer ones


sub frame {
    my ($type, $flags, $stream, $data) = @_;

    return pack('nCCCN', length($data) >> 8, length($data) & 0xff, $type,
                $flags, $stream) . $data;
}


# the connection's window is open, those of its streams are as they begin
sub h2_connect {
    my ($port) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "connect: $!\n";

    $c->autoflush(1);
    print $c "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
             . frame($SETTINGS, 0, 0, '') . h2_window(0, $OPEN);

    return $c;
}


sub h2_post {
    my ($stream, $uri, $body, @headers) = @_;
    my $head = '';
    my @h = (':method', 'POST', ':scheme', 'http', ':path', $uri,
             ':authority', 'h', @headers);

    while (my ($name, $value) = splice @h, 0, 2) {
        $head .= "\0" . chr(length $name) . $name . chr(length $value) . $value;
    }

    return frame(H2_HEADERS, $END_HEADERS, $stream, $head)
           . frame(H2_DATA, H2_END, $stream, $body);
}


sub h2_reset { frame($RST_STREAM, 0, $_[0], pack 'N', $CANCEL) }
sub h2_window { frame($WINDOW_UPDATE, 0, $_[0], pack 'N', $_[1]) }


sub h2_read {
    my ($c) = @_;

    read($c, my $head, 9) == 9 or return;
    my ($n1, $n2, $type, $flags, $stream) = unpack 'nCCCN', $head;
    my $len = $n1 << 8 | $n2;
    my $payload = '';

    return if $len > $LONGEST || $type > 9;
    return if $len && read($c, $payload, $len) != $len;

    return ($type, $flags, $stream, $payload);
}


1;
