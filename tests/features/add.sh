#!/bin/sh
# Lines `word TAB number`, sorted by word: one line for each word, with the sum of its numbers.
exec awk -F'\t' '$1 != word { if (NR > 1) print word "\t" sum; word = $1; sum = 0 } { sum += $2 } END { if (NR) print word "\t" sum }'
