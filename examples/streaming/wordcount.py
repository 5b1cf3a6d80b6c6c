"""Count words with two programs, as a job in Python:

python wordcount.py --input texts/ --output counts/

The same with the options of Hadoop Streaming, without this file:

fanfold streaming -input texts/ -output counts/ \
    -mapper words.awk -combiner count.pl -reducer count.pl -file words.awk -file count.pl
"""

from fanfold import Job, program

job = Job(map=program("./words.awk"), combine=program("./count.pl"), reduce=program("./count.pl"))

if __name__ == "__main__":
    job.main()
