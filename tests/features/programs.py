"""Programs for mapper and reducer, one of them shipped beside the job."""

from fanfold import Job, program

job = Job(map=program("awk '{for (i = 1; i <= NF; i++) print $i \"\\t1\"}'"), reduce=program("./add.sh"))
