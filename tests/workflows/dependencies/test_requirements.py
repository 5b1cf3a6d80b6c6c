"""What a job's file, or a file of requirements, asks for."""

import pytest

from fanfold.dependencies.requirements import Requirements, of_script, requirements_of
from fanfold.errors import Refused

BLOCK = '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "regex>=2024",\n#   "rich",\n# ]\n# ///\n'


def found(asked: Requirements | None) -> Requirements:
    assert asked
    return asked


def script(folder, text, name="job.py"):
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_a_block_is_read_as_it_is_written(tmp_path):
    asked = found(of_script(script(tmp_path, f"import sys\n{BLOCK}import regex\n")))
    assert asked.dependencies == ("regex>=2024", "rich")
    assert asked.requires_python == ">=3.11"
    assert "import" not in asked.text  # so that other changes of the file don't have it resolved again


def test_lines_may_end_as_on_windows(tmp_path):
    assert found(of_script(script(tmp_path, BLOCK.replace("\n", "\r\n")))).dependencies == ("regex>=2024", "rich")


@pytest.mark.parametrize(
    "text", ["", "import regex\n", "# /// other\n# x = 1\n# ///\n", "# /// script\n# dependencies = []\n"]
)
def test_other_files_ask_for_nothing(text, tmp_path):
    assert requirements_of(str(script(tmp_path, text)), None) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('dependencies = ["regex"', "the block `# /// script` isn't valid TOML: "),
        ('dependencies = "regex"', "dependencies in the block `# /// script` is a list, "),
        ("dependencies = [1]", "dependencies in the block `# /// script` is a list, "),
        ('dependencies = ["./wheels"]', "'./wheels' in the block `# /// script` isn't a requirement like regex>=2024"),
        ('dependencies = ["regex=2024"]', "'regex=2024' in the block `# /// script` isn't a requirement like"),
        ("requires-python = 3", "requires-python in the block `# /// script` is"),
        ('requires-python = "new"', "requires-python in the block `# /// script` is"),
    ],
)
def test_a_block_that_is_wrong_is_refused_in_words(content, told, tmp_path):
    with pytest.raises(Refused) as refusal:
        of_script(script(tmp_path, f"# /// script\n# {content}\n# ///\n"))
    assert told in str(refusal.value)
    assert "job.py" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_two_blocks_are_refused(tmp_path):
    with pytest.raises(Refused, match="several blocks"):
        of_script(script(tmp_path, f"{BLOCK}\n{BLOCK}"))


def test_a_file_of_requirements_stands_in_for_the_packages_but_not_for_the_python(tmp_path):
    job, asked = script(tmp_path, BLOCK), script(tmp_path, "regex==1\n", "r.txt")
    instead = found(requirements_of(str(job), str(asked)))
    assert (instead.file, instead.text, instead.requires_python) == (asked, "regex==1\n", ">=3.11")
    with pytest.raises(Refused, match="only a job in a Python file imports packages"):
        requirements_of("wordcount", str(asked))
    with pytest.raises(Refused, match="can't be read: No such file"):
        requirements_of(str(job), str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    ("text", "is_so"),
    [
        ("regex>=2024\nrich==1 ; python_version < '3.12' --hash=sha256:00\n", True),
        *((f"--{option} ${{PLACE}}\nregex\n    --hash=sha256:00\n", True) for option in ("index-url", "default-index")),
        ("-r other.txt\n", False),
        ("--constraint other.txt\n", False),
        ("-e .\n", False),
        ("./dist/own-1.0-py3-none-any.whl\n", False),
        ("own @ file:///dist/own-1.0-py3-none-any.whl\n", False),
        ("regex\n-f wheels/\n", False),
    ],
)
def test_only_what_the_text_says_in_full_is_remembered(text, is_so, tmp_path):
    job = script(tmp_path, "")
    assert found(requirements_of(str(job), str(script(tmp_path, text, "r.txt")))).is_self_contained is is_so
