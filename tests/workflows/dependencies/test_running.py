"""Jobs whose files name packages: run in every way on one machine, with the same bytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wheels import JOB, build_shout, build_wheel, only_from
from tests.workflows.commands import RUN, run_in

PLACES = ["--input", "in.txt", "--output", "out", "--quiet"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return build_shout(tmp_path_factory.mktemp("index"))


@pytest.fixture
def work(tmp_path, index):
    (tmp_path / "in.txt").write_text("to be or\nnot to be\n")
    (tmp_path / "job.py").write_text(JOB)
    return tmp_path


@pytest.fixture
def environ(work, index):
    return only_from(index, work / "cache")


def output(work):
    return b"".join(path.read_bytes() for path in sorted((work / "out").glob("part-*")))


ANSWER = b"BE!\t2\nNOT!\t1\nOR!\t1\nTO!\t2\n"


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*RUN, "job.py"], [sys.executable, "job.py"]], ids=["fanfold run", "python"])
def test_a_job_finds_its_packages_here_and_in_workers(command, work, environ):
    done = run_in(work, *command, *PLACES, "--workers", "2", environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == ANSWER


@pytest.mark.thorough
def test_a_script_that_calls_run_finds_them_too(work, environ):
    call = 'print(*job.run("in.txt", quiet=True).records(), sep="\\n")'
    (work / "job.py").write_text(JOB.replace("job.main()", call))
    done = run_in(work, sys.executable, "job.py", environ=environ)
    assert (done.returncode, done.stdout) == (0, ANSWER.decode()), done.stderr


@pytest.mark.thorough
def test_the_second_time_nothing_is_resolved_fetched_or_installed(work, environ, index, tmp_path):
    assert run_in(work, *RUN, "job.py", *PLACES, environ=environ).returncode == 0
    first = output(work)
    away = {**environ, "PATH": "", "UV_CONFIG_FILE": environ["UV_CONFIG_FILE"]}
    Path(environ["UV_CONFIG_FILE"]).write_text("no-index = true\n")  # no package can be found any more
    for command in ([*RUN, "job.py"], [sys.executable, "job.py"]):
        done = run_in(work, *command, *PLACES, "--overwrite", environ=away)
        assert (done.returncode, done.stderr) == (0, "")
        assert output(work) == first


@pytest.mark.thorough
def test_requirements_stand_in_for_the_block(work, environ):
    (work / "job.py").write_text(JOB.replace("shout>=1", "nowhere"))
    (work / "requirements.txt").write_text("shout\n")
    done = run_in(work, *RUN, "job.py", *PLACES, "--requirements", "requirements.txt", environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == ANSWER


@pytest.mark.thorough
def test_a_script_imports_the_packages_of_a_file_of_requirements_at_its_top(work, environ):
    (work / "job.py").write_text(JOB[JOB.index("from fanfold") :])
    (work / "requirements.txt").write_text("shout\n")
    command = [sys.executable, "job.py", *PLACES]
    done = run_in(work, *command, "--requirements=requirements.txt", environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == ANSWER
    done = run_in(work, *command, "--overwrite", "--requirements", "none.txt", environ=environ)
    assert (done.returncode, done.stderr) == (3, "fanfold: none.txt can't be read: No such file or directory\n")


@pytest.mark.thorough
def test_a_script_that_imports_its_packages_late_takes_requirements_too(work, environ):
    (work / "job.py").write_text(
        "from fanfold import Job, Sum\n\ndef words(line):\n    from shout import shout\n"
        "    for word in line.split():\n        yield shout(word), 1\n\n"
        "job = Job(map=words, reduce=Sum())\nif __name__ == '__main__':\n    job.main()\n"
    )
    (work / "requirements.txt").write_text("shout\n")
    words = [sys.executable, "job.py", *PLACES]
    done = run_in(work, *words, "--requirements", "requirements.txt", environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == ANSWER
    done = run_in(work, *words, "--overwrite", environ=environ)
    assert done.returncode == 1
    assert (
        "ModuleNotFoundError: No module named 'shout' (add its package to the job's file, in the lines" in done.stderr
    )


@pytest.mark.thorough
def test_a_module_that_the_file_imports_and_nobody_named(work, environ):
    (work / "job.py").write_text(JOB.replace('["shout>=1"]', "[]"))
    for command in ([*RUN, "job.py"], [sys.executable, "job.py"]):
        done = run_in(work, *command, *PLACES, environ=environ)
        assert done.returncode == (3 if "run" in command else 1)
        assert "No module named 'shout'" in done.stderr
        assert '`# dependencies = ["shout"]`' in done.stderr


@pytest.mark.thorough
def test_a_program_in_python_finds_them_too_and_says_what_it_lacks(work, environ):
    (work / "mapper.py").write_text("import sys, shout\nfor line in sys.stdin:\n    print(shout.shout(line.strip()))\n")
    text = "from fanfold import Job, program\njob = Job(map=program('python3 mapper.py'))\n"
    (work / "job.py").write_text(text)
    done = run_in(work, *RUN, "job.py", *PLACES, environ=environ)
    assert done.returncode == 1
    assert '`# dependencies = ["shout"]`' in done.stderr
    (work / "job.py").write_text(f'# /// script\n# dependencies = ["shout"]\n# ///\n{text}')
    done = run_in(work, *RUN, "job.py", *PLACES, environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == b"TO BE OR!\nNOT TO BE!\n"


@pytest.mark.thorough
@pytest.mark.parametrize("command", [[*RUN, "job.py"], [sys.executable, "job.py"]], ids=["fanfold run", "python"])
def test_a_module_beside_the_job_comes_before_a_packages_of_the_same_name(command, work, environ):
    (work / "marks.py").write_text("MARK = '?'\n")
    (work / "job.py").write_text(JOB.replace("import shout\n", "import shout\nimport marks\n"))
    done = run_in(work, *command, *PLACES, environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == ANSWER.replace(b"!", b"?")


@pytest.mark.thorough
def test_a_job_run_from_python_brings_its_packages(work, environ):
    text = JOB.partition("if __name__")[0]
    (work / "job.py").write_text(
        text + "if __name__ == '__main__':\n    print(sorted(job.run('in.txt', quiet=True).records()))\n"
    )
    done = run_in(work, sys.executable, "job.py", environ=environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['BE!\\t2', 'NOT!\\t1', 'OR!\\t1', 'TO!\\t2']\n"


@pytest.mark.thorough
def test_functions_that_no_file_holds_take_requirements(work, environ):
    (work / "requirements.txt").write_text("shout\n")
    code = """
from fanfold import Job

def words(line):
    from shout import shout
    yield shout(line)

print(list(Job(map=words).run("in.txt", requirements="requirements.txt", quiet=True).records()))
"""
    done = run_in(work, sys.executable, "-c", code, environ=environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['TO BE OR!', 'NOT TO BE!']\n"


@pytest.mark.thorough
def test_streaming_programs_take_requirements(work, environ):
    (work / "mapper.py").write_text("import sys, shout\nfor line in sys.stdin:\n    print(shout.shout(line.strip()))\n")
    (work / "requirements.txt").write_text("shout\n")
    words = ["--mapper", "python3 mapper.py", "-file", "mapper.py", "--reducer", "NONE", *PLACES]
    command = [*RUN[:-1], "streaming", *words, "--requirements", "requirements.txt"]
    done = run_in(work, *command, environ=environ)
    assert done.returncode == 0, done.stderr
    assert output(work) == b"TO BE OR!\nNOT TO BE!\n"


@pytest.mark.thorough
def test_refusals_are_told_before_anything_runs(work, environ):
    (work / "job.py").write_text(JOB.replace("shout>=1", "shout>=9"))
    for command in ([*RUN, "job.py"], [sys.executable, "job.py"]):
        done = run_in(work, *command, *PLACES, environ=environ)
        assert done.returncode == 3
        assert "shout>=9" in done.stderr
        assert "can't be resolved for Python 3." in done.stderr
        assert "Traceback" not in done.stderr
    assert not (work / "out").exists()


@pytest.mark.thorough
def test_a_script_starts_anew_once_with_its_own_arguments_and_leaves_the_environment_as_it_was(work, environ):
    (work / "job.py").write_text(
        '# /// script\n# dependencies = ["shout"]\n# ///\nprint("begun", flush=True)\n'
        "import fanfold\nimport os, sys, shout\n"
        "print(sys.argv[1:], sys.flags.utf8_mode, os.environ.get('PYTHONPATH'), 'FANFOLD_STARTED_ANEW' in os.environ)\n"
    )
    environ["PYTHONPATH"] = str(work / "own")
    done = run_in(work, sys.executable, "-X", "utf8", "job.py", "a b", "--c", environ=environ)
    assert done.stdout == f"begun\nbegun\n['a b', '--c'] 1 {work / 'own'} False\n"


def test_a_script_whose_python_has_everything_is_left_alone(work, environ):
    (work / "job.py").write_text(
        '# /// script\n# dependencies = ["click>=8", "fanfold", "colorama; sys_platform == \'win32\'"]\n# ///\n'
        'print("begun")\nimport fanfold\n'
    )
    done = run_in(work, sys.executable, "job.py", environ={**environ, "PATH": ""})
    assert (done.stdout, done.stderr) == ("begun\n", "")


def test_another_scripts_block_is_none_of_ours(work, environ):
    code = f"import runpy; runpy.run_path({str(work / 'job.py')!r}, run_name='job')"
    done = run_in(work, sys.executable, "-c", code, environ=environ)
    assert "No module named 'shout'" in done.stderr


@pytest.mark.thorough
def test_rendering_writes_the_wheels_for_the_pods_into_the_tree(work, environ, index):
    build_wheel(index, "native", tag="cp313-cp313-manylinux_2_28_x86_64")
    build_wheel(index, "native", tag="py3-none-any")  # for this machine
    (work / "job.py").write_text(JOB.replace('"shout>=1"', '"shout>=1", "native"'))
    places = ["--input", (work / "in.txt").as_uri(), "--output", f"{(work / 'out').as_uri()}/"]
    command = [*RUN[:-1], "render", "job.py", *places, "--claim", f"data:{work}", "--write"]
    done = run_in(work, *command, environ=environ)
    assert done.returncode == 0, done.stderr
    conf = json.loads((work / "out/_job/job.json").read_text())
    dependencies = conf["spec"]["dependencies"]
    assert (dependencies["python"], dependencies["platform"]) == ("3.13", "x86_64-manylinux_2_36")
    assert [wheel["name"] for wheel in dependencies["wheels"]] == [
        "marks-2.0-py3-none-any.whl",
        "native-1.0-cp313-cp313-manylinux_2_28_x86_64.whl",
        "shout-1.5-py3-none-any.whl",
    ]
    assert conf["wheels_url"] == f"{(work / 'out/_job/wheels').as_uri()}/"
    found = {path.name for path in (work / "out/_job/wheels").iterdir()}
    assert found == {wheel["sha256"] for wheel in dependencies["wheels"]}


def test_importing_fanfold_reads_nothing_more_than_the_main_script():
    code = "import fanfold, sys; sys.exit(any(name in sys.modules for name in ('packaging', 'uv', 'subprocess')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
