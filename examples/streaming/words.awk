#!/usr/bin/awk -f
# A mapper: each word, once for each time it stands there.
{ for (i = 1; i <= NF; i++) print tolower($i) "\t" 1 }
