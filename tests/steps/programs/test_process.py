"""A program's process: whatever it does, nobody waits for anybody, and its end is told."""

import os
import signal
import stat
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.programs import process
from fanfold_steps.programs.command import InvalidCommand, words
from fanfold_steps.programs.process import ProgramCall
from fanfold_steps.programs.reports import Reports

MUCH = [b"a line of some words\n" * 1000] * 300  # 6 MB: more than any pipe holds


def unheard(text):
    pass


def run(command, feed=(), folder=None, environment=None, log=unheard, status=unheard):
    reports = Reports("mapper", log, status)
    files = {path.name: path for path in folder.iterdir()} if folder else {}
    call = ProgramCall("mapper", command, environment or {}, files, " (of a test)")
    return b"".join(process.lines(call, iter(feed), reports)), reports


def failure_of(command, feed=(), folder=None):
    with pytest.raises(PermanentFailure) as raised:
        run(command, feed, folder)
    return raised.value


def script(folder, name, text, mode=0o644):
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("head -n 1", b"a line of some words\n"),
        ("sh -c 'exec 0<&-; echo early'", b"early\n"),
        ("sh -c 'cat >/dev/null; printf unended'", b"unended\n"),
        ("true", b""),
    ],
)
def test_a_program_reads_and_writes_as_much_as_it_likes(command, output):
    assert run(command, MUCH)[0] == output


def test_a_program_that_writes_much_before_it_reads():
    command = "awk 'BEGIN { for (n = 0; n < 300000; n++) print \"before any input\" } { n++ } END { print n }'"
    output, _ = run(command, MUCH)
    assert output.count(b"before any input\n") == 300_000
    assert output.endswith(b"600000\n")


@pytest.mark.thorough
def test_stderr_may_be_flooded_and_the_log_keeps_its_size():
    told: list[str] = []
    command = 'awk \'BEGIN { for (n = 0; n < 200000; n++) print "noise", n > "/dev/stderr" } END { print NR }\''
    output, reports = run(command, MUCH, log=told.append)
    assert output == b"300000\n"
    assert reports.last_lines().endswith("noise 199999")
    assert sum(map(len, told)) < 1.2 * (1 << 20)
    assert "the rest is omitted" in told[-1]


def test_a_log_of_wrong_reports_keeps_its_size_too():
    told: list[str] = []
    command = 'awk \'BEGIN { for (n = 0; n < 20000; n++) print "reporter:counter:group,name", n > "/dev/stderr" }\''
    run(command, log=told.append)
    assert "the rest is omitted" in told[-1]
    assert sum(map(len, told)) < 1.2 * (1 << 20)


def test_reports_are_counted_and_other_words_logged():
    told: list[str] = []
    lines = ["reporter:counter:words,long,2"] * 3 + ["reporter:counter:words,with,commas,-1", "reporter:status:half"]
    lines += ["plain words", "reporter:counter:words,long,many", "reporter:nothing"]
    said = "".join(f"echo '{line}' >&2; " for line in lines)
    statuses: list[str] = []
    _, reports = run(f'sh -c "{said}"', log=told.append, status=statuses.append)
    assert reports.counters == {("words", "long"): 6, ("words", "with,commas"): -1}
    assert "plain words" in told
    assert statuses == ["half"]
    assert sum("not a report" in text for text in told) == 2
    assert reports.last_lines() == "plain words"


def test_a_status_other_than_0_is_a_failure_with_the_last_lines():
    failure = failure_of("sh -c 'cat >/dev/null; echo the reason >&2; exit 3'", MUCH)
    assert failure.kind == "mapper"
    assert "ended with status 3 (of a test)" in failure.message
    assert "the mapper `sh -c 'cat >/dev/null" in failure.message
    assert failure.trace == "the reason"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("sh -c 'kill -9 $$'", "was killed by signal 9 (SIGKILL), as the system does when memory runs out"),
        ("sh -c 'kill -40 $$'", "was killed by signal 40 (of a test)"),
        ("sh -c 'nosuchword'", "127 (to a shell: a command is not found)"),
        ("sh -c 'sh -c \"kill -9 \\$\\$\"; exit $?'", "137 (to a shell: killed by signal 9 (SIGKILL))"),
        ("no-such-program -x", "there is no program 'no-such-program' among the job's files or on PATH"),
        ("./no-such-script", "there is no program './no-such-script'. Ship it with the job"),
        ("/etc/passwd", "/etc/passwd isn't executable: chmod +x"),
        ("./plain", "isn't a program: begin a script with a line that names its interpreter"),
        ("./odd", "begins with '#!/no/such/interpreter\\r', and there is no such interpreter"),
    ],
)
def test_what_can_t_be_run_says_so(command, words, tmp_path):
    script(tmp_path, "plain", "no first line\n")
    script(tmp_path, "odd", "#!/no/such/interpreter\r\n")
    assert words in failure_of(command, MUCH, tmp_path).message


def test_a_shipped_script_runs_where_the_jobs_files_are(tmp_path):
    script(tmp_path, "upper.sh", "#!/bin/sh\ntr a-z A-Z | cat - more.txt\necho left > behind.txt\n")
    script(tmp_path, "more.txt", "from a file\n")
    for command in ("./upper.sh", "upper.sh"):
        assert run(command, [b"words\n"], tmp_path)[0] == b"WORDS\nfrom a file\n"
    assert os.stat(tmp_path / "upper.sh").st_mode & stat.S_IXUSR
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.txt", "upper.sh"]


def test_the_environment_is_the_programs_own():
    output, _ = run("sh -c 'echo $GREETING $HOME'", environment={"GREETING": "hello"})
    assert output == f"hello {os.environ['HOME']}\n".encode()


def test_the_path_is_the_programs_own(tmp_path):
    script(tmp_path, "only-here", "#!/bin/sh\necho here\n", 0o755)
    assert run("only-here", environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})[0] == b"here\n"


def test_a_shipped_file_goes_before_a_program_of_its_name(tmp_path):
    script(tmp_path, "cat", "#!/bin/sh\necho shipped\n")
    assert run("cat", [b"a line\n"], tmp_path)[0] == b"shipped\n"


def test_trouble_with_the_input_is_raised_as_it_is():
    def broken():
        yield b"a line\n"
        raise OSError("the store is away")

    with pytest.raises(OSError, match="the store is away"):
        run("sort", broken())


def test_who_stops_reading_leaves_no_process_behind():
    others = set(threading.enumerate())  # which tests before this one may have left
    lines = process.lines(
        ProgramCall("mapper", "sh -c 'echo $$; exec cat'"), iter(MUCH), Reports("mapper", unheard, unheard)
    )
    process_id = int(next(lines).split(b"\n")[0])
    lines.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process_id, signal.SIGCONT)
    _wait_until(lambda: set(threading.enumerate()) <= others)


def _wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.thorough
@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=300).map(lambda data: data.replace(b"\n", b"")), max_size=50))
def test_any_bytes_come_through(lines):
    data = b"".join(line + b"\n" for line in lines)
    assert run("sh -c cat", [data] if data else [])[0] == data


@pytest.mark.parametrize(
    "command", ["", "   ", "awk '{", "cut -f1 | sort", "cat < file", "cat; cat", "a & b", "'' x", "a\0b", "a\ud800"]
)
def test_command_lines_that_can_t_be(command):
    with pytest.raises(InvalidCommand):
        words(command)


def test_quoted_signs_are_a_programs_own():
    assert words(r"""awk -F'|' "{ print; }" a\;b '<' "a>b" """) == ["awk", "-F|", "{ print; }", "a;b", "<", "a>b"]


def test_a_line_longer_than_memory_allows_is_told():
    call = ProgramCall("mapper", "sh -c \"head -c 9000000 /dev/zero | tr '\\0' x\"", longest=4 << 20)
    with pytest.raises(PermanentFailure, match=r"wrote a line of more than 4,194,304 bytes.*give more --memory"):
        list(process.lines(call, [], Reports("mapper", unheard, unheard)))
