#!/usr/bin/env perl

# The configurations that people copy pass nginx -t: those of README.md and
# conf/ as they are, fragments in docs/ in the context that they belong to.
# What a machine brings (paths, keys, a name server) is put in their place.

use strict;
use warnings;

use lib 't/lib';
use Soma;
use Test::More;

my $HEX = '0' x 64;

# names that fragments mention
my $COMMON = <<"END";
    soma_zone 8m;
    soma_tenant acme { }
    soma_provider common { dialect echo; }
    soma_model gpt-4o-mini provider=common input=1 output=1;
    soma_model gpt provider=common input=1 output=1;
    soma_model llama-3-8b provider=common input=1 output=1;
    soma_model small provider=common input=1 output=1;
    soma_model large provider=common input=1 output=1;
END

my $dir = soma_dir('docs');
mkdir "$dir/ledger";
system("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 2 "
       . "-keyout $dir/pem -out $dir/crt 2>/dev/null && cat $dir/crt "
       . ">>$dir/pem") == 0 or die "openssl\n";
my $nginx = soma_nginx(start => 0, http => '');

for my $file ('README.md', sort glob "$Soma::TOP/docs/*.md") {
    my $path = $file =~ m{/} ? $file : "$Soma::TOP/$file";
    my ($name) = $path =~ m{([^/]+)$};
    my $text = Soma::slurp($path);
    my $n = 0;

    while ($text =~ /^```nginx\n(.*?)^```$/gms) {
        my $block = $1;

        $n++;
        next if $block =~ /\.\.\./;     # says of itself that it is a part

        my $said = try_all($block);

        is($said, '', "block $n of $name passes nginx -t");
    }
}

for my $file ('nginx.conf', 'quickstart.conf') {
    my $text = Soma::slurp("$Soma::TOP/conf/$file");

    is(try($text), '', "conf/$file passes nginx -t");
    safe("conf/$file", $text);
}

safe('README.md', Soma::slurp("$Soma::TOP/README.md")
                  =~ /^```nginx\n(.*?)^```$/ms);

done_testing();


# what is copied is safe: it listens at home, guards its metrics, and does
# not answer with an echo when a provider fails
sub safe {
    my ($name, $text) = @_;
    my @open = grep { !/listen\s+(?:127\.0\.0\.1|unix):/ }
               $text =~ /^\s*(listen\s[^;]+)/gm;
    my ($metrics) = $text =~ /soma_metrics;([^}]*)/;
    my @routes = $text =~ /soma_route\s+\S+\s+\{([^}]*)\}/g;

    is("@open", '', "$name listens on 127.0.0.1 alone");
    ok(!defined $metrics || $metrics =~ /deny all|soma_access/,
       "$name guards its metrics");
    ok(!(grep { /model\s+echo/ } @routes),
       "$name has no echo at the end of a route");
    unlike($text, qr/^\s*resolver\s/m,
           "$name names no name server that may not be there");
}


# '' when one of the contexts takes it, else what nginx says of the last one
sub try_all {
    my ($block) = @_;
    my $first;

    return try($block) if $block =~ /^events\b/m;

    for my $before ('', $COMMON) {
        for my $form ("http {\n$before%s}", "http {\n$before server {\n%s}}",
                      "http {\n$before server { location / {\n%s}}}")
        {
            my $said = try("events { }\n" . sprintf($form, $block =~ s/%/%%/gr)
                           =~ s/%%/%/gr);

            return '' if $said eq '';
            $first //= $said;
            $first = $said if $said !~ /not allowed here/;
        }
    }

    return $first;
}


sub try {
    my ($text) = @_;

    $text =~ s/^load_module.*\n//m;
    $text =~ s/<[^>;]*hex[^>;]*>|sha256:\K\.\.\./$HEX/g;
    $text =~ s/\@RUN\@/$dir/g;
    $text =~ s{(soma_ledger\s+)\S+?(?=[\s;])}{$1$dir};
    $text =~ s{(soma_prices\s+)\S+?(?=[\s;])}{$1$Soma::TOP/conf/prices.json};
    $text =~ s{^(\s*(?:pid|error_log|access_log)\s+)\S+?(?=[\s;])}
              {$1$dir/file}gm;
    $text =~ s{\bweights=\K\S+(?=[\s;])}{$Soma::TOP/conf/router.weights};
    $text =~ s{\bfile:[^\s;]+}{file:$dir/secret}g;
    $text =~ s{^\s*soma_vocabulary\s[^;]*;}{}gm;     # fetched, or not there
    $text =~ s{_temp_path\s+\K[^;]+}{$dir/temp}g;
    $text =~ s{(ssl_certificate(?:_key)?\s+)[^;]+}{$1$dir/pem}g;
    $text =~ s{^(\s*include\s+)\S+\.conf}{$1$dir/empty.conf}gm;
    $text =~ s/^(\s*http \{)/$1\n    resolver 127.0.0.1;/m;

    write_file("$dir/empty.conf", '');
    write_file("$dir/secret", 'x' x 64);
    chmod 0600, "$dir/secret";
    write_file("$nginx->{dir}/nginx.conf",
               "load_module $ENV{TEST_NGINX_LOAD_MODULES};\n"
               . ($< == 0 ? "user root;\n" : '') . $text);

    my ($out, $status) = $nginx->test;

    return $status == 0 ? '' : join "\n", grep { /emerg|error/ }
                                          split /\n/, $out;
}


sub write_file {
    my ($path, $text) = @_;

    open my $fh, '>', $path or die "$path: $!\n";
    print $fh $text;
    close $fh;
}
