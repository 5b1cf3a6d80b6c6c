"""`Job.run`: run a job from Python or a notebook, as `fanfold run` does, and return what it wrote."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import click

from fanfold.dependencies.here import with_packages
from fanfold.dependencies.requirements import requirements_of
from fanfold.errors import InvalidJob, Refused
from fanfold.foreground.options import INCLUDE_OPTION, PACKAGE_OPTIONS, RUN_OPTIONS, RunOptions, option_values
from fanfold.foreground.places import Input, Place, input_values
from fanfold.foreground.request import target_of
from fanfold.foreground.run import complete, requested
from fanfold.planning.compiled import CompiledJob
from fanfold.results.reading import OutputFormats, StoredPart
from fanfold.results.result import Result
from fanfold_steps.inputs.splits import InvalidInputs
from fanfold_steps.memory.process import is_worker
from fanfold_steps.outputs.quarantine import BAD_RECORDS
from fanfold_steps.programs.command import InvalidCommand
from fanfold_steps.tree.report import Report, ReportedPart
from fanfold_storage.urls import local_path, open_objects

_GIVEN_APART = {"inputs", "output", "as_json"}


def run_from_python(
    compile_with: Callable[[Sequence[str]], CompiledJob],
    file: str | None,
    input: Input,
    output: Place | None,
    given: RunOptions,
) -> Result:
    """Run a job to its end.

    Args:
        compile_with: called with the values of `include`.
        file: the file in which the job is written, if it is written in one; it may name packages.
        input: a place, several, or those of each named input.
        output: a folder for the parts; None for a temporary one, which is removed with the result.
        given: options of `fanfold run`.

    Raises:
        InvalidJob: the job can't run as written.
        Refused: it can't run as asked.
        JobFailed: it ran and failed.
        EngineError, StorageError: a cluster or a store is unavailable.
        KeyboardInterrupt: Ctrl-C; no worker is left on this machine.
        TypeError: there is no such option.
    """
    if is_worker():
        mend = 'put the call under `if __name__ == "__main__":`, which workers skip'
        raise InvalidJob(f"a worker imports the file in which run() is called, and would run the job again: {mend}")
    options = _options(given)
    with _as_refusals():
        target = target_of(options)
    compiled = with_packages(compile_with(options["include"]), requirements_of(file, options["requirements"]), target)
    compiled = compiled.with_values(given.get("params") or {})
    options["inputs"] = input_values(compiled.spec, input)
    if output is not None:
        return _run(compiled, options | {"output": os.fspath(output)}, is_temporary=False)
    if options["on"] != "local":
        raise Refused("pods can't write to a temporary folder of this machine: name an output, as s3://BUCKET/PATH/")
    folder = tempfile.mkdtemp(prefix="fanfold-output-")
    try:
        result = _run(compiled, options | {"output": f"{folder}/output"}, is_temporary=True)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


@dataclass(frozen=True, slots=True)
class LocalOutput:
    """The output of a job that this process has run, in a folder or a bucket that it can read."""

    url: str
    done: Report
    written_in: OutputFormats

    @property
    def output(self) -> str:
        """The folder's path, or the URL."""
        path = local_path(self.url)
        return self.url if path is None else f"{path}/"

    def report(self) -> Report:
        """The report."""
        return self.done

    def formats(self) -> OutputFormats:
        """Those of the job."""
        return self.written_in

    def stored(self, name: str | None, part: ReportedPart) -> StoredPart:
        """The part where it lies."""
        return StoredPart(part, open_objects(self.url), part.name if name is None else f"{name}/{part.name}")

    def bad_records(self) -> Iterator[bytes]:
        """What lies in quarantine."""
        return open_objects(self.url).read(BAD_RECORDS)


def _options(given: RunOptions) -> dict[str, Any]:
    """The values of all options of `fanfold run` but places and parameters."""
    options = [*RUN_OPTIONS, INCLUDE_OPTION, *PACKAGE_OPTIONS]
    names = [str(one.name) for one in options if one.name not in _GIVEN_APART]
    if unknown := [name for name in given if name not in names]:
        raise TypeError(f"run() takes no argument {unknown[0]!r}; besides input and output it takes {', '.join(names)}")
    given_values = {name: value for name, value in cast(Mapping[str, Any], given).items() if name != "params"}
    return option_values([one for one in options if one.name in names], given_values) | {"as_json": False}


def _run(compiled: CompiledJob, options: Mapping[str, Any], *, is_temporary: bool) -> Result:
    with _as_refusals(), requested(compiled, options) as request:
        report = complete(compiled, replace(request, in_python=True, is_temporary=is_temporary))
    formats = OutputFormats(compiled.spec.output, compiled.spec.outputs)
    return Result(compiled.spec.name, LocalOutput(request.output, report, formats))


@contextmanager
def _as_refusals() -> Iterator[None]:
    """Turns what only the command knows how to explain into what `fanfold` exports."""
    try:
        yield
    except click.UsageError as error:
        raise Refused(error.format_message()) from error
    except InvalidInputs as error:
        raise Refused(str(error)) from error
    except InvalidCommand as error:
        raise InvalidJob(str(error)) from error
