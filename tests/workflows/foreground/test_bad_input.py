"""What people run into: each ends with words on what, where and what to do, with the right exit status, with nothing of
an output in sight and nothing left running."""

import ctypes
import os
import subprocess
import sys

import pytest

from fanfold_client.main import run
from tests.processes import processes_that_name
from tests.steps.formats.test_formats import PACK, SUFFIX
from tests.waiting import poll

pytestmark = pytest.mark.thorough

LINES = b"".join(b"%d %d\n" % (number * 7919 % 10007, number) for number in range(5000))
MAP = "from fanfold import *\nimport os, re, signal, sys, time\ndef f(record):\n{}\njob = Job(map=f, reduce=Sum(){})\n"


def job(*body: str, rest: str = "") -> str:
    return MAP.format("\n".join(f"    {line}" for line in body), rest)


COUNT = "yield str(record), 1"
# name: the job, its input, further options, exit status, and what is told
CASES = {
    "raises": (job("yield 1 // (len(record) - 3), 1"), b"a b\nc d e\n123\nend\n", [], 1,
               ["map/0: the mapper raised ZeroDivisionError", "in/a.txt, byte 0: a b",
                'File "bad.py", line 4, in f']),
    "no pair": (job("yield record"), b"ok\n", [], 1,
                ["must emit (key, value) pairs, but emitted 'ok'", "in/a.txt, byte 0: ok"]),
    "returns a number": (job("return len(record)"), b"ok\n", [], 1,
                         ["the mapper returned int: let it yield (key, value) pairs", "byte 0: ok"]),
    "unsortable key": (job("yield [record], 1"), b"ok\n", [], 1,
                       ["a frozen dataclass or a tuple of these, not list (['ok'])",
                        "byte 0: ok"]),
    "sys.exit": (job("if record == 'b': sys.exit(3)", COUNT), b"a\nb\n", [], 1,
                 ["the mapper raised SystemExit: 3", "byte 2: b", 'File "bad.py", line 4, in f']),
    "os._exit": (job("record == 'b' and os._exit(7)", COUNT), b"a\nb\n", [], 1,
                 ["in/a.txt, byte 2: b",
                  "map/0: the worker ended with status 7 on this task, 4 times: look for os._exit()"]),
    "crashes": (job("os.kill(os.getpid(), signal.SIGSEGV)"), b"a\n", [], 1,
                ["in/a.txt, byte 0: a",
                 "map/0: the worker was ended by SIGSEGV on this task, 4 times: look for what crashes"]),
    "eats memory": (job("held = []", "while True: held.append(bytearray(1 << 27))"), b"a\n", ["--memory", "64MiB"], 1,
                    ["the mapper raised MemoryError", "1,024 MiB", "--memory", "byte 0: a"]),
    "is killed": (job("os.kill(os.getpid(), signal.SIGKILL)"), b"a\n", [], 1,
                  ["map/0: the worker was killed on this task, 4 times, perhaps by the system"]),
    "hangs": (job("if record == 'b': time.sleep(60)", "print('at', record)", COUNT, rest=", timeout=1"), b"a\nb\n",
              [], 1, ["map/0: the task had not ended after 1 s, the job's timeout", "byte 2: b",
                      'File "bad.py", line 4, in f', "The task's last output:\nat a"]),
    "hangs in C": (job("re.match('(a+)+b', 'a' * 64)", COUNT, rest=", timeout=0.5"), b"a\n", [], 1,
                   ["map/0: the task had not ended after 0.5 s", 'File "bad.py", line 4, in f']),
    "broken json": (job(COUNT, rest=", input=JSONL()"), b'{"a": 1}\n{"a":\n', [], 1,
                    ["not a valid jsonl record", "in/a.txt, byte 9", '{"a":']),
    "broken csv": (job(COUNT, rest=", input=CSV()"), b"a,b\n1,2\n1,2,3\n", [], 1,
                   ["not a valid csv record: it has 3 fields, but there are 2 columns", "in/a.txt, byte 8: 1,2,3"]),
    "another encoding": (job(COUNT, rest=", input=Text(encoding='utf-8')"), b"ok\ncaf\xe9\n", [], 1,
                         ["not a valid text record: it isn't utf-8", "in/a.txt, byte 3"]),
    "input changes": (job("open('{folder}/in/b.txt', 'a').write('more')", COUNT), b"a\n" * 400,
                      ["--split-size", "1KiB"], 1, ["in/b.txt was changed after the job began: submit the job again"]),
    "input vanishes": (job("os.path.exists('{folder}/in/b.txt') and os.unlink('{folder}/in/b.txt')", COUNT),
                       b"a\n" * 400, ["--split-size", "1KiB"], 1, ["in/b.txt", "No such file"]),
    "syntax error": ("def f(:\n", b"a\n", [], 3, ["bad.py"]),
    "no job": ("x = 1\n", b"a\n", [], 3, ["bad.py"]),
    "iterator": ("from fanfold import *\ndef f(line):\n    yield line, 1\ndef g(key, values):\n    yield key, values\n"
                 "job = Job(map=f, reduce=g)\n", b"a\n", [], 1,
                 ["reduce/0: a record can't be written as text: TypeError: an iterator has no text: yield"]),
    "lambda": ("from fanfold import *\njob = Job(map=lambda line: [], reduce=Sum())\n", b"a\n", [], 3,
               ["bad.py, line 2: ", "workers can't import a lambda"]),
    "no share": (job(COUNT, rest=", on_error=Skip(5)"), b"a\n", [], 3,
                 ["bad.py, line 5: Skip(at_most=…) is a fraction from 0 to 1, as 0.001, not 5\n    job = Job("]),
    "no size": (job(COUNT, rest=", input=Fixed(0)"), b"a\n", [], 3,
                ["bad.py, line 5: a fixed record has between 1 byte and 1 GiB, not 0 bytes"]),
    "no delimiter": (job(COUNT, rest=",\n    input=CSV(delimiter=';;'))\n("), b"a\n", [], 3,
                     ["bad.py, line 6: the delimiter is one character, not ';;'\n    input=CSV(delimiter=';;'))"]),
    "no aggregation": (job(COUNT).replace("Sum()", "TopK(0)"), b"a\n", [], 3,
                       ["bad.py, line 5: TopK(n) takes an integer of 1 or more, not 0"]),
    "no command": (job(COUNT).replace("map=f", "map=program('a | b')"), b"a\n", [], 3,
                   ["bad.py, line 5: `a | b` is run without a shell"]),
    "no program": ("from fanfold import *\njob = Job(map=program('./nope.sh -x'))\n", b"a\n", [], 3,
                   ["program ./nope.sh was not found among the files shipped with the job: check its name"]),
    "no such part": (job(COUNT).replace("map=", "mapper="), b"a\n", [], 3,
                     ["bad.py, line 5: Job(…) has no argument `mapper`: did you mean `map`? There are name, map"]),
    "a part elsewhere": (job(COUNT, rest=", partitions=4"), b"a\n", [], 3,
                         ["bad.py, line 5: Job(…) has no argument `partitions`: it belongs to a stage, as Job("]),
    "no such field": (job(COUNT, rest=", input=CSV(seperator=';')"), b"a\n", [], 3,
                      ["bad.py, line 5: CSV(…) has no argument `seperator`: leave it out. There are header, columns"]),
    "parts without names": (job(COUNT).replace("map=f, reduce=", "f, "), b"a\n", [], 3,
                            ["bad.py, line 5: Job(…): too many positional arguments; pass each by name"]),
    "no such input": (job(COUNT), b"a\n", ["--input", "in", "--input", "nowhere"], 3,
                      ["the input", "nowhere doesn't exist", "check the path"]),
    "empty folder": (job(COUNT), b"a\n", ["--input", "empty"], 3, ["empty", "without files"]),
    "output in a file": (job(COUNT), b"a\n", ["--output", "told/out"], 3,
                         ["told is a file: choose another output"]),
    "output in the input": (job(COUNT), b"a\n", ["--output", "in/out"], 3, ["lies in the input"]),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in ("in", "empty", "scratch"):
        (tmp_path / name).mkdir()
    return tmp_path


def fanfold(folder, *arguments, before=None, around=()):
    """The command, as a process of its own; its exit status and what it told."""
    options = ["--input", "in", "--output", "out", "--workers", "1", "--quiet"]
    if "--input" in arguments:
        options = options[2:]
    command = [*around, sys.executable, "-m", "fanfold_client", "run", *arguments[:1], *options, *arguments[1:]]
    environ = {**os.environ, "TMPDIR": str(folder / "scratch")}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, preexec_fn=before
    )
    return done.returncode, done.stderr


def forked(folder, *arguments):
    """The same without the time that importing takes: forked from this process."""
    told = folder / "told"
    pid = os.fork()
    if not pid:
        os.chdir(folder)
        os.environ["TMPDIR"] = str(folder / "scratch")
        descriptor = os.open(told, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stderr = sys.__stderr__
        sys.stdout = sys.__stdout__
        status = 99
        try:
            options = ["--input", "in"] if "--input" not in arguments else []
            options += ["--output", "out", "--workers", "1", "--quiet"]
            status = run(["run", *arguments[:1], *options, *arguments[1:]])
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, told.read_text()


def is_clean(folder):
    """Nothing of an output, nothing left running, nothing in TMPDIR."""
    seen = [path.name for path in folder.rglob("*") if path.name.startswith(("part-", "_SUCCESS"))]
    return (seen, processes_that_name(str(folder)), [path.name for path in (folder / "scratch").iterdir()]) == (
        [],
        [],
        [],
    )


@pytest.mark.parametrize("name", CASES)
def test_it_is_told(folder, name):
    code, data, options, status, words = CASES[name]
    (folder / "bad.py").write_text(code.replace("{folder}", str(folder)))
    for file in ("a.txt", "b.txt"):
        (folder / "in" / file).write_bytes(data)
    ended, told = forked(folder, "bad.py", *options)
    assert ended == status, told
    assert [word for word in words if word not in told] == [], told
    assert is_clean(folder)


def test_a_folder_may_be_called_as_a_package_of_ours(folder):
    (folder / "fanfold").mkdir()
    (folder / "fanfold/bad.py").write_text(job(COUNT, rest=", on_error=Skip(5)"))
    status, told = forked(folder, "fanfold/bad.py")
    assert (status, "bad.py, line 5: Skip(at_most=…) is a fraction" in told) == (3, True), told


@pytest.mark.parametrize("codec", SUFFIX)
@pytest.mark.parametrize("how", ["cut", "damaged"])
def test_a_broken_archive(folder, codec, how):
    data = bytearray(PACK[codec](LINES))
    if how == "damaged":
        data[4:12] = b"\xff" * 8
    (folder / "in" / f"a.txt{SUFFIX[codec]}").write_bytes(data[: -len(data) // 3] if how == "cut" else data)
    status, told = forked(folder, "wordcount")
    assert status == 1, told
    assert f"in/a.txt{SUFFIX[codec]} is" in told
    assert "etch it again" in told
    assert is_clean(folder)


def obey_permissions():
    """Let the process that comes obey permissions even if its user is root."""
    libc = ctypes.CDLL(None)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; who isn't root can't, and needn't


@pytest.mark.parametrize(
    ("closed", "mode", "arguments", "status"),
    [
        ("in/a.txt", 0o000, [], 1),
        ("in", 0o000, [], 4),
        ("shut", 0o500, ["--output", "shut/out"], 4),
        ("shut", 0o000, ["--output", "shut/out"], 4),
    ],
)
def test_no_permission(folder, closed, mode, arguments, status):
    (folder / "in/a.txt").write_text("a\n")
    (folder / "shut").mkdir()
    (folder / closed).chmod(mode)
    try:
        ended, told = fanfold(folder, "wordcount", *arguments, before=obey_permissions)
    finally:
        (folder / closed).chmod(0o700)
    assert ended == status, told
    assert str(folder / closed) in told
    assert "Permission denied" in told
    assert f"Give user {os.getuid()} the right to it" in told
    assert is_clean(folder)


@pytest.mark.parametrize("place", ["out", "scratch"])
def test_a_full_disk(folder, place):
    """A small file system of its own, in a mount namespace that goes with the process."""
    (folder / place).mkdir(exist_ok=True)
    (folder / "in/a.txt").write_bytes(b"".join(b"%d\n" % number for number in range(70_000)))
    (folder / "bad.py").write_text(
        "import hashlib\nfrom fanfold import Job\n"
        "def f(line):\n    yield line, hashlib.sha512(line.encode()).digest()\ndef g(key, values):\n    yield key\n"
        "job = Job(map=f, reduce=g)\n"
    )
    mount = f'mount -t tmpfs -o size=512k tmpfs "{folder / place}" && exec "$@"'
    maps = [] if os.getuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", "--mount", *maps, "sh", "-c", mount, "sh"]
    ended, told = fanfold(folder, "bad.py", "--memory", "16MiB", around=unshare)
    assert ended == 1, told
    assert told.count("No space left on device. The disk is full: make room") == 1
    assert str(folder / place) in told
    poll(lambda: is_clean(folder))
