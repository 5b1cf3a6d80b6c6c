"""What limits figures that miss their targets, from profiles, where several figures have the same limit."""

COLUMNS = (
    "a profile (one worker) shows three quarters of the processor time in Polars, working on frames of 8 MiB. The rest "
    "imports Polars in each worker, and writes and reads the runs between map and reduce. Starting takes 0.4 s "
    "of the total."
)
LARGER = (
    "splits grow with the input, up to 64 MiB. A worker holds the words of one split, and larger splits hold more of "
    "them until every word has been seen, but write each word less often. A sort holds as many lines as memory allows, "
    "and the more lines there are, the more pieces it merges."
)
JSON_LINES = (
    "a profile (one worker) shows 55 % of the processor time in Polars' reader of JSON, which takes 4 ns a byte for "
    "all fields, and not much less for three of them; DuckDB reads and adds up three in 2.2 ns. A quarter makes "
    "sure that nothing was lost or converted, 7 % groups. Starting takes 0.5 s of the total."
)
MANY_LINES = (
    "the times of its tasks show 40 % of the processor time in map tasks, which group each frame and write the states "
    "of each partition; 50 % in reduce tasks, which cut them into ranges on disk, then group and sort each. With so "
    "little memory each state is written three times: to the map task's disk, to its run, and into a range."
)
PARQUET = (
    "the times of its tasks show 72 % of the processor time in map tasks, which read all four columns where Polars "
    "reads two, group them, and write each user once per task; 28 % in reduce tasks, half of which makes rows of the "
    "results and columns of these again. Starting takes 0.5 s of the total."
)
INDEX = (
    "a profile (one worker) shows half of the processor time in the mapper and in collecting its pairs, which is all "
    "the bare script does. 37 % reads files, and encodes, sorts and compresses the documents of each word in each "
    "split; 13 % merges and writes them."
)
JOIN = (
    "a profile (one worker) shows 21 % of the processor time in reading the tables and cutting them by key, half "
    "of that in Polars' reader of CSV; 22 % in packing, writing and reading the runs between map and reduce, which "
    "DuckDB doesn't have; 23 % in matching rows and bringing them into the order of their keys, in which the output "
    "always is; 27 % in putting the lines together and writing them, and 5 % in their SHA-256. Starting the command "
    "and two workers takes another second of it, a third of what DuckDB takes for everything."
)
SPLITS = (
    "a task costs some milliseconds (see the row of tiny tasks), and in word count every split writes, and the "
    "reducers read, each word that occurs in it: the more splits, the more often the same words."
)
ADMISSION = (
    "a profile shows 63 % of the time for which the interpreter's lock is held in the event loop, which reads and "
    "answers HTTP, finds the route, validates and writes the log; 20 % in checking and planning the job, 12 % in "
    "encoding and storing it. All of that takes turns in one process, while the bare transactions do little but wait "
    "for the disk."
)
GRANTS = (
    "a profile shows 82 % of the time for which the interpreter's lock is held in the event loop, which reads and "
    "answers HTTP, finds the route, validates and writes the log. 27 % of the processor time of a refresh is in the "
    "library that signs its token, and 36 % of that of a code, which yields two; 12 % passes the lock from thread to "
    "thread. The bare transactions do little but wait for the disk."
)
LOGINS = (
    "a profile shows 79 % of the processor time in argon2 and 3 % in the library that signs the token. The rest reads "
    "and answers HTTP, counts the attempt, and stores the login as it takes the attempt back, all on the cores that "
    "are to hash."
)
PEERS = (
    "the loop over the user's own Python limits this figure just as it limits the one beside the bare script, which is "
    "itself not much further ahead."
)
