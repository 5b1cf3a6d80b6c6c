#!/usr/bin/perl
# A reducer and combiner: lines come sorted by key, so a key ends where another one begins.
use strict;
use warnings;

my ($word, $total);
while (my $line = <STDIN>) {
    chomp $line;
    my ($key, $count) = split /\t/, $line, 2;
    if (defined $word && $key ne $word) {
        print "$word\t$total\n";
        $total = 0;
    }
    ($word, $total) = ($key, ($total // 0) + $count);
}
print "$word\t$total\n" if defined $word;
print STDERR "reporter:counter:words,files of counts,1\n";
