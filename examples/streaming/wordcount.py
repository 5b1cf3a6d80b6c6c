"""Word count by two programs, as a job of Fanfold's own kind:

python wordcount.py --input texts/ --output counts/

The same by Hadoop Streaming's options, without this file:

fanfold streaming -input texts/ -output counts/ \
    -mapper words.awk -combiner count.pl -reducer count.pl -file words.awk -file count.pl
"""

from fanfold import Job, program

job = Job(map=program("./words.awk"), combine=program("./count.pl"), reduce=program("./count.pl"))

if __name__ == "__main__":
    job.main()
