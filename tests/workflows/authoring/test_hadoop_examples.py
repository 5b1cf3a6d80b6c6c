"""The examples of Hadoop Streaming's documentation, as somebody would write them for Fanfold."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from fanfold_client.main import run as fanfold

pytestmark = pytest.mark.thorough

KEYS = ["11.12.1.2", "11.14.2.3", "11.11.4.1", "11.12.1.1", "11.14.2.2"]
FIELDS = ["-D", "stream.map.output.field.separator=.", "-D", "stream.num.map.output.key.fields=4"]
BY_FIELDS = ["-partitioner", "org.apache.hadoop.mapred.lib.KeyFieldBasedPartitioner"]
OF_FIELDS = ["-D", "mapreduce.map.output.key.field.separator=."]
COMPARATOR = "org.apache.hadoop.mapreduce.lib.partition.KeyFieldBasedComparator"


@pytest.fixture(autouse=True)
def inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(2):
        Path(f"in{number}").mkdir()
        Path(f"in{number}/words.txt").write_text("so it goes\nit is so\n" * (number + 1))
    Path("keys.txt").write_text("".join(f"{key}\n" for key in KEYS))


def streaming(*options, inputs=("in0",), output="out"):
    given = [word for place in inputs for word in ("-input", place)]
    assert fanfold(["streaming", *given, "-output", output, "--quiet", *options]) == 0
    return parts(output)


def parts(output="out"):
    return [path.read_bytes().decode().splitlines() for path in sorted(Path(output).glob("part-*"))]


def test_cat_and_wc():
    options = ["-mapper", "/bin/cat", "-reducer", "/usr/bin/wc -l", "-numReduceTasks", "1"]
    assert streaming(*options, inputs=["in0", "in1"]) == [["6"]]


def test_a_class_of_java_s_for_the_identity_and_a_script_that_is_shipped():
    Path("count.py").write_text("import sys\nprint(len(list(sys.stdin)))\n")
    options = ["-mapper", "org.apache.hadoop.mapred.lib.IdentityMapper", "-reducer", f"{sys.executable} count.py"]
    assert streaming(*options, "-file", "count.py") == [["2"]]


def test_maps_alone():
    assert streaming("-D", "mapreduce.job.reduces=0", "-mapper", "cut -d ' ' -f 1") == [["so", "it"]]


def test_key_and_value_by_another_separator_and_field():
    Path("keys.txt").write_text("a.b.c.d.e.f\nx.y\na.b.c.d.A\n")
    assert streaming(*FIELDS, inputs=["keys.txt"]) == [["a.b.c.d\te.f", "a.b.c.d\tA", "x.y"]]
    assert streaming(*FIELDS, "-reducer", "NONE", inputs=["keys.txt"], output="maps") == [
        ["a.b.c.d\te.f", "x.y", "a.b.c.d\tA"]
    ]
    joined = ["-D", "stream.reduce.input.field.separator=|", "-reducer", "tr '|' -"]
    assert streaming(*FIELDS, *joined, inputs=["keys.txt"], output="joined") == [["a.b.c.d-e.f", "a.b.c.d-A", "x.y"]]


def test_a_reducer_s_key_by_another_separator():
    Path("keys.txt").write_text("k\tv\nl\tw\tx\nm\n")
    told = ["-D", "mapreduce.output.textoutputformat.separator=,"]
    assert streaming(*told, inputs=["keys.txt"]) == [["k,v", "l,w\tx", "m"]]
    told = ["-D", "stream.reduce.output.field.separator=:", "-D", "stream.num.reduce.output.key.fields=2"]
    assert streaming(*told, "-reducer", "sed s/^/1:2:/", inputs=["keys.txt"], output="more") == [
        ["1:2\tk\tv", "1:2\tl\tw\tx", "1:2\tm"]
    ]


def test_a_combiner_between_separators():
    Path("keys.txt").write_text("a.b.1\na.b.2\nc.d.3\n" * 3)
    add = "awk -F '\\t' '{n[$1] += $2} END {for (key in n) print key \"\\t\" n[key]}'"
    told = ["-D", "stream.map.output.field.separator=.", "-D", "stream.num.map.output.key.fields=2"]
    found = streaming(*told, "-combiner", add, "-reducer", add, "--split-size", "1KiB", inputs=["keys.txt"])
    assert sorted(line for part in found for line in part) == ["a.b\t9", "c.d\t9"]


def test_partitions_by_the_first_fields_and_order_by_all():
    options = [*FIELDS, *OF_FIELDS, *BY_FIELDS, "-D", "mapreduce.partition.keypartitioner.options=-k1,2"]
    found = streaming(*options, "-D", "mapreduce.job.reduces=12", inputs=["keys.txt"])
    assert len(found) == 12
    assert sorted(part for part in found if part) == [
        *(["11.11.4.1"], ["11.12.1.1", "11.12.1.2"], ["11.14.2.2", "11.14.2.3"])
    ]  # fmt: skip


def test_an_order_by_a_number_downwards():
    options = [*FIELDS, *OF_FIELDS, "-D", f"mapreduce.job.output.key.comparator.class={COMPARATOR}"]
    options += ["-D", "mapreduce.partition.keycomparator.options=-k2,2nr"]
    found = streaming(*options, "-D", "mapreduce.job.reduces=1", inputs=["keys.txt"])
    assert found == [["11.14.2.3", "11.14.2.2", "11.12.1.2", "11.12.1.1", "11.11.4.1"]]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_an_order_by_fields_whatever_the_cuts(workers):
    lines = [f"{number % 7}\t{number * 37 % 101 - 50}\tx{number}" for number in range(400)]
    Path("keys.txt").write_text("\n".join(lines))
    options = ["-D", "stream.num.map.output.key.fields=2", "-D", "mapred.text.key.comparator.options=-k2,2nr -k1,1"]
    found = streaming(*options, "--split-size", "1KiB", "--workers", workers, inputs=["keys.txt"])
    command = ["sort", "-s", "-t\t", "-k2,2nr", "-k1,1", "keys.txt"]
    expected = subprocess.run(command, capture_output=True, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    assert found == [expected.stdout.decode().splitlines()]


def test_aggregate():
    Path("ones.py").write_text(
        "import sys\nfor line in sys.stdin:\n    for word in line.split():\n        print(f'LongValueSum:{word}\\t1')\n"
    )
    options = ["-mapper", f"{sys.executable} ones.py", "-reducer", "aggregate", "-file", "ones.py"]
    assert streaming(*options) == [["goes\t1", "is\t1", "it\t2", "so\t2"]]


def test_files_by_names_that_links_give_them():
    Path("dictionary.txt").write_text("so\n")
    assert streaming("-mapper", "grep -f dict", "-reducer", "NONE", "-files", "dictionary.txt#dict") == [
        ["so it goes", "it is so"]
    ]
    found = streaming("-mapper", "grep -f d2", "-reducer", "NONE", "-cacheFile", "dictionary.txt#d2", output="old")
    assert found == [["so it goes", "it is so"]]


@pytest.mark.parametrize("option", ["-archives", "-cacheArchive"])
def test_archives_are_unpacked(option):
    Path("cache.txt").write_text("This is just the cache string\n")
    Path("cache2.txt").write_text("This is just the second cache string\n")
    with zipfile.ZipFile("cachedir.jar", "w") as jar:
        jar.write("cache.txt")
        jar.write("cache2.txt")
    with tarfile.open("more.tgz", "w:gz") as archive:
        archive.add("cache.txt", "deep/cache.txt")
    Path("in0/words.txt").write_text("cachedir.jar/cache.txt\nlinked/deep/cache.txt\ncachedir.jar/cache2.txt\n")
    found = streaming("-mapper", "xargs cat", "-reducer", "cat", option, "cachedir.jar,more.tgz#linked")
    first, second = "This is just the cache string", "This is just the second cache string"
    assert found == [[first, first, second]]


def test_several_inputs():
    wanted = [["goes", "is", "it", "it", "so", "so"]] * 3
    split = ["-mapper", "tr ' ' '\\n'", "-reducer", "sort -u"]
    places = (["in0,in1"], ["in{0,1}/*.txt"], ["in0/words.txt", "in1/{words,none}.txt"])
    for number, given in enumerate(places):
        found = streaming(*split, inputs=given, output=f"out{number}")
        assert found == [sorted(set(wanted[0]))]
        assert streaming("-reducer", "wc -l", inputs=given, output=f"count{number}") == [["6"]]


def test_each_line_for_a_process_of_its_own():
    Path("jobs.txt").write_text("".join(f"job {number}\n" for number in range(5)))
    told = ["-inputformat", "org.apache.hadoop.mapred.lib.NLineInputFormat", "-reducer", "NONE"]
    count = ["-mapper", "awk '{n++; last = $0} END {print n \":\" last}'"]
    found = streaming(*told, *count, inputs=["jobs.txt"])
    assert found == [[f"1:{6 * number}\tjob {number}"] for number in range(5)]
    two = ["-D", "mapred.line.input.format.linespermap=2", "-D", "stream.map.input.ignoreKey=true"]
    assert streaming(*told, *two, *count, inputs=["jobs.txt"], output="two") == [["2:job 1"], ["2:job 3"], ["1:job 4"]]


@pytest.mark.parametrize(
    ("delimiter", "text"), [("|", "a b|c|d\n"), ("\\n\\n", "a b\n\nc\n\nd\n"), ("\\x01", "a b\1c\1d\n")]
)
def test_records_that_end_otherwise(delimiter, text):
    Path("records.txt").write_text(text * 500)
    told = ["-D", f"textinputformat.record.delimiter={delimiter}", "-reducer", "NONE", "--split-size", "1KiB"]
    found = [line for part in streaming("-mapper", "cat", *told, inputs=["records.txt"]) for line in part]
    records = (text * 500).split(delimiter.encode().decode("unicode_escape"))
    assert found == [line for record in records if record for line in record.split("\n")]


def test_compressed_output_and_variables():
    codec = "mapreduce.output.fileoutputformat.compress.codec=org.apache.hadoop.io.compress.GzipCodec"
    told = ["-D", "mapreduce.output.fileoutputformat.compress=true", "-D", codec]
    assert fanfold(["streaming", "-input", "in0", "-output", "out", "--quiet", *told]) == 0
    assert [path.name for path in Path("out").glob("part-*")] == ["part-00000.txt.gz"]
    told = ["-cmdenv", "EXAMPLE_DIR=/home/example/", "-mapper", "sh -c 'cat >/dev/null; echo $EXAMPLE_DIR'"]
    assert streaming(*told, output="told") == [["/home/example/"]]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            ["-inputreader", "StreamXmlRecord,begin=<a>,end=</a>"],
            "-inputreader isn't supported: inputs are read as",
        ),
        (["-mapper", "org.apache.hadoop.mapred.lib.FieldSelectionMapReduce"], "looks like a Java class"),
        (["-D", "mapreduce.fieldsel.data.field.separator=."], "let a program select the fields"),
        (["-outputformat", "org.apache.hadoop.mapred.SequenceFileOutputFormat"], "programs write lines"),
        (["-mapper", "cat | sort"], "is run without a shell"),
    ],
)
def test_examples_that_need_java_are_refused(options, problem, capsys):
    assert fanfold(["streaming", "-input", "in0", "-output", "out", *options]) in (2, 3)
    assert problem in capsys.readouterr().err
