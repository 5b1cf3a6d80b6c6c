"""`fanfold streaming`: Hadoop Streaming's options, as a process and in process."""

import gzip
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from fanfold_client.main import run as fanfold
from tests.steps.conftest import count_words, parse_counts
from tests.waiting import poll

pytestmark = pytest.mark.thorough

EXAMPLES = Path(__file__).parents[3] / "examples" / "streaming"
COUNT = ["-mapper", "words.awk", "-combiner", "count.pl", "-reducer", "./count.pl"]
SHIPPED = ["-file", str(EXAMPLES / "words.awk"), "-file", str(EXAMPLES / "count.pl")]
TEXTS = {f"{n}.txt": b"some words here\tand here\nno end" * 400 for n in range(3)}


@pytest.fixture(autouse=True)
def texts(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for name, data in TEXTS.items():
        (tmp_path / "in" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def streaming(*options, output="out"):
    return fanfold(["streaming", "-input", "in", "-output", output, "--quiet", *options])


def parts(output="out"):
    return {path.name: path.read_bytes() for path in sorted(Path(output).glob("part-*"))}


def lines(output="out"):
    return b"".join(parts(output).values()).splitlines()


def test_hadoop_s_own_names_as_a_process(texts):
    command = [sys.executable, "-m", "fanfold_client", "streaming", "-input", "in", "-output", "out"]
    options = [*COUNT, *SHIPPED, "-numReduceTasks", "2", "--split-size", "4KiB", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["parts"]) == 2
    assert parse_counts(parts()) == count_words(TEXTS)
    assert sorted(path.name for path in texts.iterdir()) == ["in", "out"]


@pytest.mark.parametrize(("workers", "split_size"), [("1", "1KiB"), ("2", "4KiB"), ("4", "64MiB")])
def test_bytes_are_those_of_a_pipeline_in_the_shell(workers, split_size):
    assert streaming(*COUNT, *SHIPPED, "--workers", workers, "--split-size", split_size) == 0
    mapped = subprocess.run([EXAMPLES / "words.awk", *sorted(Path("in").iterdir())], capture_output=True, check=True)
    environment = {**os.environ, "LC_ALL": "C"}
    ordered = subprocess.run(["sort"], input=mapped.stdout, capture_output=True, env=environment, check=True)
    counted = subprocess.run([EXAMPLES / "count.pl"], input=ordered.stdout, capture_output=True, check=True)
    assert b"".join(parts().values()) == counted.stdout


def test_our_own_names_do_as_well():
    files = f"{EXAMPLES / 'words.awk'}#w.awk,{EXAMPLES / 'count.pl'}"
    given = ["--mapper", "awk -f w.awk", "--reducer", "count.pl", "--files", files, "--partitions", "3"]
    assert fanfold(["streaming", "--input", "in/", "--output", "out", "--quiet", *given]) == 0
    assert len(parts()) == 3
    assert parse_counts(parts()) == count_words(TEXTS)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-mapper", "cat", "-reducer", "cat"),
        ("-mapper", "org.apache.hadoop.mapred.lib.IdentityMapper", "-reducer", "IdentityReducer"),
        ("-inputformat", "TextInputFormat", "-outputformat", "org.apache.hadoop.mapred.TextOutputFormat"),
    ],
)
def test_without_programs_lines_are_sorted(options):
    assert streaming(*options) == 0
    assert lines() == sorted(line for data in TEXTS.values() for line in data.split(b"\n"))


@pytest.mark.parametrize(
    "options",
    [
        ("-reducer", "NONE"),
        ("-numReduceTasks", "0"),
        ("-D", "mapreduce.job.reduces=0"),
        ("-jobconf", "mapred.reduce.tasks=0"),
    ],
)
def test_without_a_reducer_there_is_a_part_for_each_split(options):
    assert streaming("-mapper", "tr a-z A-Z", *options, "--split-size", "8KiB") == 0
    assert len(parts()) > 1
    assert lines() == [line for name in sorted(TEXTS) for line in TEXTS[name].upper().split(b"\n")]


def test_settings_that_are_followed():
    settings = ["-D", "mapreduce.job.reduces=2", "-Dmapreduce.output.fileoutputformat.compress=true"]
    settings += ["-D", "mapreduce.output.fileoutputformat.compress.codec=org.apache.hadoop.io.compress.GzipCodec"]
    assert streaming("-mapper", "cat", *settings) == 0
    assert list(parts()) == ["part-00000.txt.gz", "part-00001.txt.gz"]
    found = [line for data in parts().values() for line in gzip.decompress(data).splitlines()]
    assert sorted(found) == sorted(line for data in TEXTS.values() for line in data.split(b"\n"))


def test_a_key_of_several_fields():
    Path("in/0.txt").write_bytes(b"b\t2\tx\nb\t1\ty\nb\t1\ta\n")
    Path("in/1.txt").write_bytes(b"")
    Path("in/2.txt").write_bytes(b"")
    assert streaming("-D", "stream.num.map.output.key.fields=2", "-D", "stream.map.output.field.separator=\\t") == 0
    assert lines() == [b"b\t1\ty", b"b\t1\ta", b"b\t2\tx"]


def test_variables_and_settings_reach_the_programs():
    given = ["-cmdenv", "GREETING=a=b", "-D", "wordcount.case-sensitive=no", "-D", "mapreduce.job.name=named"]
    told = "sh -c 'cat >/dev/null; echo $GREETING $wordcount_case_sensitive $mapreduce_job_name'"
    assert streaming("-mapper", told, "-reducer", "uniq", *given) == 0
    assert lines() == [b"a=b no named"]


def test_hadoop_s_aggregate():
    Path("in/0.txt").write_bytes(
        b"LongValueSum:n\t2\nLongValueMax:m\t9\nUniqValueCount:u\ta\nDoubleValueSum:d\t0.1\n" * 10
    )
    Path("in/1.txt").write_bytes(b"LongValueSum:n\t3\nLongValueMax:m\t10\nUniqValueCount:u\tb\nStringValueMin:s\tz\n")
    Path("in/2.txt").write_bytes(b"LongValueMin:l\t-1\nStringValueMax:t\tz\n")
    assert streaming("-reducer", "aggregate", "--split-size", "1KiB") == 0
    assert sorted(lines()) == [b"d\t1.0", b"l\t-1", b"m\t10", b"n\t23", b"s\tz", b"t\tz", b"u\t2"]


def test_aggregate_says_what_it_takes(capsys):
    assert streaming("-reducer", "aggregate") == 1
    assert "`aggregate` needs keys of the form FUNCTION:KEY" in capsys.readouterr().err


def test_shipped_folders_keep_their_shape():
    Path("lib/sub").mkdir(parents=True)
    Path("lib/sub/upper.sh").write_text("#!/bin/sh\ntr a-z A-Z\n")
    assert streaming("-mapper", "lib/sub/upper.sh", "-file", "lib", "-reducer", "NONE") == 0
    assert lines()[0] == b"SOME WORDS HERE\tAND HERE"


def test_a_program_s_failure_is_told_with_its_last_words(capsys):
    assert streaming("-mapper", "sh -c 'cat >/dev/null; echo the reason >&2; exit 3'") == 1
    told = capsys.readouterr().err
    assert "the mapper `sh -c 'cat >/dev/null; echo the reason >&2; exit 3'` ended with status 3" in told
    assert "the reason" in told
    assert not Path("out/part-00000.txt").exists()


def test_counters_are_told():
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "fanfold_client",
            "streaming",
            "-input",
            "in",
            "-output",
            "out",
            *COUNT,
            *SHIPPED,
            "--json",
        ],
        capture_output=True,
        check=True,
    )
    counters = json.loads(told.stdout)["counters"]
    assert counters["words"]["files of counts"] >= 2
    assert counters["fanfold"]["input_bytes"] == sum(map(len, TEXTS.values()))
    assert counters["fanfold"]["input_records"] == sum(data.count(b"\n") + 1 for data in TEXTS.values())


def test_a_failure_leaves_no_other_program_running():
    for name in TEXTS:
        Path("in", name).write_bytes(b"x\n" * 600)
    waits = "echo $$ > $TOLD/pid-$mapreduce_task_partition; exec sleep 1000"
    fails = "while [ ! -s $TOLD/pid-1 ]; do sleep 0.05; done; exit 3"
    command = f"sh -c 'if [ $mapreduce_task_partition = 0 ]; then {fails}; else {waits}; fi'"
    Path("told").mkdir()
    cut = ["--workers", "2", "--split-size", "2KiB", "-cmdenv", f"TOLD={Path('told').absolute()}"]
    assert streaming("-mapper", command, *cut) == 1
    for told in Path("told").iterdir():
        poll(partial(is_gone, int(told.read_text())))


def is_gone(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("options", "status", "problem"),
    [
        (["-mapper", "cut -f1 | sort"], 3, "is run without a shell, so | has no meaning"),
        (["-mapper", "org.apache.hadoop.mapred.lib.TokenCountMapper"], 3, "looks like a Java class"),
        (["-reducer", "NONE", "-combiner", "cat"], 3, "leave the combiner out"),
        (["-reducer", "aggregate", "-combiner", "cat"], 3, "leave the combiner out"),
        (["-file", "nowhere.pl"], 3, "there is no file or folder nowhere.pl to ship"),
        (["-file", "in/0.txt#same", "-file", "in/1.txt#same"], 3, "two files to ship are named same"),
        (["-inputformat", "SequenceFileInputFormat"], 3, "the format SequenceFileInputFormat isn't supported"),
        (["-partitioner", "org.Some"], 3, "the partitioner org.Some isn't supported"),
        (["-archives", "a.zip"], 3, "there is no archive a.zip to ship"),
        (["-archives", "in/0.txt"], 3, "the archive in/0.txt can't be unpacked"),
        (["-nosuchoption", "x"], 2, "No such option '-nosuchoption'"),
        (["-inputt", "in"], 2, "No such option '-inputt'. (Did you mean one of: '--input', '-input', '-inputformat'?)"),
        (["-mapper", "./nope.sh"], 3, "./nope.sh was not found among the files shipped with the job: check its name"),
        (["-reducer", "nope -x"], 3, "program nope was not found among the files shipped with the job or on PATH ("),
        (["-combiner", "/bin/nope"], 3, "program /bin/nope was not found among the files shipped"),
        (["-mapper", "in/0.txt"], 3, "ship it with -file in/0.txt, or keep it next to the job's own file"),
        (["-cmdenv", "NAME"], 2, "'NAME' is not NAME=VALUE"),
        (["-cmdenv", "A B=1"], 3, "a variable's name consists of letters, digits and _"),
        (["-numReduceTasks", "-1"], 2, "-1"),
        (["-D", "mapreduce.job.reduces=many"], 3, "mapreduce.job.reduces must be a number"),
        (["-D", "stream.num.map.output.key.fields=0"], 3, "must be a number, 1 or greater"),
        (["-D", "stream.map.output.field.separator="], 3, "must be at least one character"),
        (["-D", "mapreduce.partition.keypartitioner.options=-k1,2x"], 3, "keypartitioner.options: '-k1,2x' isn't"),
        (["-D", "mapred.text.key.comparator.options=-k0"], 3, "fields and characters are counted from 1"),
        (["-D", "mapreduce.job.output.key.comparator.class=a.B"], 3, "the comparator a.B isn't supported"),
        (["-D", "mapreduce.partition.keycomparator.options=-r", "-reducer", "NONE"], 3, "nothing is sorted"),
        (["-D", "mapreduce.output.textoutputformat.separator=,", "-reducer", "aggregate"], 3, "leave settings"),
        (["-D", "mapreduce.input.lineinputformat.linespermap=3"], 3, "add -inputformat NLineInputFormat"),
        (["-D", "mapred.cache.files=x"], 3, "mapred.cache.files (now mapreduce.job.cache.files) isn't supported: ship"),
        (["-D", "mapreduce.some.new.thing=1"], 3, "isn't known, and would have no effect"),
        (["-D", "mapred.text.key.comparator.option=-n"], 3, "if you mean mapred.text.key.comparator.options, write"),
        (["-D", "stream.map.output=typedbytes"], 3, "isn't supported with the value 'typedbytes'"),
        (["-D", "key.value.separator.in.input.line=,"], 3, "isn't supported with the value ','"),
        (["-D", "stream.non.zero.exit.is.failure=false"], 3, "an exit status other than 0 is always a failure"),
        (["-D", "mapreduce.output.fileoutputformat.compress=true"], 3, "set the codec to one of GzipCodec"),
        (["--namespace", "x"], 2, "add --on argo"),
    ],
)
def test_what_can_t_be_done_is_refused_with_what_to_do_instead(options, status, problem, capsys):
    assert streaming(*options) == status
    assert problem in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["-D", "-jobconf"])
def test_failures_as_usual_may_be_asked_for(name):
    assert streaming(name, "stream.non.zero.exit.is.failure=true") == 0
