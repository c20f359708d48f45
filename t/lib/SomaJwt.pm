package SomaJwt;

# Keys and JSON Web Tokens for tests, made with the openssl command.
#
#   jwt_key('RS256' | 'ES256' | 'HS256', KID)   {alg, kid, pem or secret, jwk}
#   jwt_secret(KEY)          the bytes of a secret, as they stand in a file
#   jwt_set(KEY, ...)        the text of a JWK set with their public parts
#   jwt(KEY, CLAIMS, HEADER) a token; CLAIMS and HEADER are hashes, exp is in
#                            an hour when CLAIMS does not say; either may be a
#                            text that is taken as it is. "undef" in HEADER
#                            leaves a member out
#   jwt_sign(KEY, ALG, TEXT) the raw signature

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use IPC::Open2;
use JSON::PP ();
use MIME::Base64 qw(encode_base64url);

our @EXPORT = qw(jwt jwt_key jwt_secret jwt_set jwt_sign encode_base64url);

my $json = JSON::PP->new->utf8->canonical;


sub run {
    my ($input, @command) = @_;

    local @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};
    delete @ENV{qw(LD_PRELOAD ASAN_OPTIONS)};

    my $pid = open2(my $out, my $in, @command);

    binmode $_ for $in, $out;
    print $in $input;
    close $in;

    my $text = do { local $/; <$out> };

    waitpid $pid, 0;
    die "@command: failed\n" if $?;

    return $text;
}


sub jwt_key {
    my ($alg, $kid) = @_;
    my %key = (alg => $alg, kid => $kid);
    my %jwk = (use => 'sig', alg => $alg);

    $jwk{kid} = $kid if defined $kid;

    if ($alg eq 'HS256') {
        $key{secret} = join '', map { chr(33 + int rand 90) } 1 .. 40;
        @jwk{qw(kty k)} = ('oct', encode_base64url($key{secret}));

    } elsif ($alg eq 'RS256') {
        $key{pem} = run('', qw(openssl genpkey -quiet -algorithm RSA));

        my $der = run($key{pem}, qw(openssl pkey -pubout -outform DER));

        # the modulus lies before the exponent, which is 65537
        $key{public} = run($key{pem}, qw(openssl pkey -pubout));
        @jwk{qw(kty n e)} = ('RSA', encode_base64url(substr $der, -261, 256),
                             'AQAB');

    } else {
        $key{pem} = run('', qw(openssl genpkey -quiet -algorithm EC -pkeyopt
                               ec_paramgen_curve:P-256));

        my $der = run($key{pem}, qw(openssl pkey -pubout -outform DER));

        @jwk{qw(kty crv x y)} = ('EC', 'P-256',
                                 encode_base64url(substr $der, -64, 32),
                                 encode_base64url(substr $der, -32));
    }

    $key{jwk} = \%jwk;

    return \%key;
}


sub jwt_secret { $_[0]{secret} }


sub jwt_set {
    return $json->encode({ keys => [map { $_->{jwk} // $_ } @_] });
}


sub jwt_sign {
    my ($key, $alg, $text) = @_;

    return hmac_sha256($text, $key->{secret}) if $alg eq 'HS256';

    my $file = "$Soma::DIR/jwt.pem";

    open my $fh, '>', $file or die "$file: $!\n";
    print $fh $key->{pem};
    close $fh;

    my $sig = run($text, qw(openssl dgst -sha256 -sign), $file);

    return $sig if $alg eq 'RS256';

    # SEQUENCE { INTEGER r, INTEGER s } to 32 bytes each
    my ($r, $s) = unpack 'x3 C/a x C/a', $sig;

    return substr(("\0" x 32) . $r, -32) . substr(("\0" x 32) . $s, -32);
}


sub jwt {
    my ($key, $claims, $header) = @_;

    if (ref $claims) {
        my %all = (exp => time + 3600, %$claims);

        delete $all{$_} for grep { !defined $all{$_} } keys %all;
        $claims = $json->encode(\%all);
    }

    my %head = (typ => 'JWT', alg => $key->{alg});

    $head{kid} = $key->{kid} if defined $key->{kid};
    %head = (%head, %$header) if ref $header;
    delete $head{$_} for grep { !defined $head{$_} } keys %head;

    my $text = encode_base64url(ref $header || !defined $header
                                ? $json->encode(\%head) : $header)
               . '.' . encode_base64url($claims);

    return "$text." . encode_base64url(jwt_sign($key, $key->{alg}, $text));
}


1;
