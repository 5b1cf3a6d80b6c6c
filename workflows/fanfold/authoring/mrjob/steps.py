"""From an mrjob script's description to a job: each of its steps becomes a stage of programs."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fanfold.authoring.code.imports import files_of_script
from fanfold.authoring.hadoop.settings import Settings
from fanfold.authoring.hadoop.stages import CAT, Commands, stage_of
from fanfold.authoring.mrjob.script import Script
from fanfold.authoring.shipping import Shipment, matching
from fanfold.errors import InvalidJob
from fanfold.planning.compiled import CompiledJob
from fanfold_steps.job.formats import Text, Whole
from fanfold_steps.job.spec import FieldOrder, JobSpec, Program, StageSpec
from fanfold_steps.programs.environment import of_settings

_FOLLOWED = ("jobconf", "cmdenv", "upload_files", "upload_dirs", "upload_archives")
_WITHOUT_EFFECT = ("quiet", "verbose", "cat_output", "deprecated", "cleanup", "read_logs", "check_input_paths")
"""Options of mrjob's runners that change nothing in a job's result."""
_WORKERS_PYTHON = '"$FANFOLD_PYTHON"'
_MISSING = "mrjob cannot be imported by $FANFOLD_PYTHON, which runs the tasks: install it where the workers run"


def compile_script(script: Script, python: str | None) -> CompiledJob:
    """The job of a script. `python` runs the script's tasks; None stands for the Python of the workers.

    Raises:
        InvalidJob: something in the script isn't supported; the message names it.
        InvalidCommand: a command in the script can't be run without a shell.
    """
    _refuse(script)
    with Shipment() as shipment:
        for name, path in files_of_script(script.path).items():
            shipment.add_path(path, name)
        for place in _places(script, "files", "upload_files"):
            shipment.add(place)
        for place in _places(script, "dirs", "upload_dirs"):
            shipment.add(place)
        for place in _places(script, "archives", "upload_archives"):
            shipment.add_archive(place)
        tasks = _Tasks(script, python, [_argument(one, shipment) for one in script.arguments])
        bundle = shipment.pack()
    settings = [_settings(script, number) for number in range(len(script.steps))]
    stages = [_stage(script, number, settings[number], tasks) for number in range(len(script.steps))]
    reads_files = isinstance(stages[0].map, Program) and stages[0].map.feed == "path"
    spec = JobSpec(
        name=settings[0].name or script.name,
        bundle=bundle.sha256 if bundle else None,
        stages=stages,
        input=Whole(binary=True) if reads_files else settings[0].input_format,
        output=Text(compress=settings[-1].compress),
    )
    return CompiledJob(spec, bundle)


class _Tasks:
    """The command lines of a script's tasks."""

    def __init__(self, script: Script, python: str | None, arguments: list[str]) -> None:
        self._script = script
        self._python = python
        self._arguments = arguments

    def command(self, number: int, role: str) -> str:
        """The command line of a step's mapper, combiner or reducer: one that the script names, or the script itself."""
        step = self._script.steps[number]
        part = step[role]
        if part["type"] == "command":
            return str(part["command"])
        task = [self._script.path.name, f"--step-num={number}", f"--{role}", *self._arguments]
        before = f"{part['pre_filter']} | " if "pre_filter" in part else ""
        if self._python and not before:
            return shlex.join([self._python, *task])
        after = ' "$@"' if role == "mapper" and step.get("input_manifest") else ""  # which reads a file by its path
        if self._python:
            return shlex.join(["sh", "-c", before + shlex.join([self._python, *task]) + after, "sh"])
        explain = f'{_WORKERS_PYTHON} -c "import mrjob" 2>/dev/null || echo "{_MISSING}" >&2'
        line = f"{before}{_WORKERS_PYTHON} {shlex.join(task)}{after} || {{ status=$?; {explain}; exit $status; }}"
        return shlex.join(["sh", "-c", line, "sh"])


def _stage(script: Script, number: int, settings: Settings, tasks: _Tasks) -> StageSpec:
    step = script.steps[number]
    # without it, Python's sets have another order in each process, and many scripts write out what a set holds
    seed = {"PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", "0")}
    environment = {**seed, **of_settings(_jobconf(script, number)), **_option(script, "cmdenv", {})}
    commands = Commands(
        tasks.command(number, "mapper") if "mapper" in step else CAT,
        tasks.command(number, "combiner") if {"combiner", "reducer"} <= step.keys() else None,
        tasks.command(number, "reducer") if "reducer" in step else None,
        environment,
    )
    if settings.partitions == 0 and commands.reducer:
        raise InvalidJob(f"step {number + 1} of {script.path.name} has a reducer, but its jobconf asks for none")
    stage = stage_of(commands, settings, is_first=number == 0)
    if step.get("input_manifest") and isinstance(stage.map, Program):
        stage = replace(stage, map=replace(stage.map, feed="path", feed_lines=None))
    if commands.reducer is None:
        return stage
    if script.sort_values:
        stage = replace(stage, fields=replace(stage.fields or FieldOrder(), by_line=True))
    return replace(stage, partitions=settings.partitions)


def _settings(script: Script, number: int) -> Settings:
    """What a step's jobconf says, with the formats and the partitioner of the job."""
    values = _jobconf(script, number)
    if script.partitioner:
        values["mapreduce.job.partitioner.class"] = script.partitioner
    if script.input_format and number == 0:
        values["mapreduce.job.inputformat.class"] = script.input_format
    if script.output_format and number == len(script.steps) - 1:
        values["mapreduce.job.outputformat.class"] = script.output_format
    settings = Settings(values)
    settings.check()
    return settings


def _jobconf(script: Script, number: int) -> dict[str, str]:
    step = script.steps[number].get("jobconf") or {}
    merged = {**script.jobconf, **_option(script, "jobconf", {}), **step}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in merged.items()
        if value is not None
    }


def _option(script: Script, name: str, default: Any) -> Any:
    return script.options.get(name, ("", default))[1] or default


def _refuse(script: Script) -> None:
    """Raise InvalidJob for what isn't supported."""
    if script.places:
        raise InvalidJob(f"{script.places[0]} is an input, so it goes before `--`: --input {script.places[0]}")
    for name, (flag, value) in script.options.items():
        if value and name not in (*_FOLLOWED, *_WITHOUT_EFFECT):
            raise InvalidJob(f"{flag} is for mrjob's own runners, and Fanfold runs the job: leave it out")
    for number, step in enumerate(script.steps):
        if step["type"] != "streaming":
            what = f"step {number + 1} of {script.path.name} is a {step['type']} step"
            raise InvalidJob(f"{what}, which needs Java or Spark: only steps of mappers and reducers can be run")
    if not script.output_format and not script.input_format and script.libjars:
        raise InvalidJob(f"the job's LIBJARS name {script.libjars[0]}, and Fanfold doesn't run Java: leave them out")


def _places(script: Script, own: str, option: str) -> Iterator[str]:
    """The places that the script and its options name for shipping."""
    for place in [*_option(script, option, []), *getattr(script, own)]:
        yield from matching(_expanded(place))


def _argument(argument: Any, shipment: Shipment) -> str:
    """A task's argument; for a file, the name under which it is shipped."""
    if isinstance(argument, str):
        return argument
    path = _expanded(argument["path"])
    return shipment.add(f"{path}#{argument['name']}" if argument.get("name") else path)


def _expanded(place: str) -> str:
    scheme, colon, _ = place.partition("://")
    if colon and scheme != "file":
        raise InvalidJob(f"{place} can't be shipped from there: name a file on this machine")
    return os.path.expandvars(Path(place.removeprefix("file://")).expanduser())
