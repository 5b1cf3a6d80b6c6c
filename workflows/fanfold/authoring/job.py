"""`Job`: what people write. It compiles to a `JobSpec`, which refers to functions and contains no code."""

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from fanfold.authoring.checks import (
    checked_files,
    checked_format,
    checked_model,
    checked_outputs,
    checked_policy,
    checked_resources,
)
from fanfold.authoring.code.bundle import pack
from fanfold.authoring.code.references import (
    Refer,
    definition_of,
    identities_of,
    import_root,
    module_name,
    placeholder,
)
from fanfold.authoring.code.side_files import SideFile, locate, locate_included
from fanfold.authoring.code.typed import NONE_TYPED, TypedFunctions, has_file, typed_among
from fanfold.authoring.definitions import Definable
from fanfold.authoring.programs import Program
from fanfold.authoring.stage import TEXT, Combiner, Input, Mapper, Partitioner, Reduce, Stage, raise_first
from fanfold.authoring.uncaught import explain_uncaught
from fanfold.errors import InvalidJob, on_windows
from fanfold.planning.compiled import Bundle, CompiledJob
from fanfold.planning.params import described
from fanfold.rules.job_rules import job_problems
from fanfold_steps.job.arguments import explain_arguments
from fanfold_steps.job.formats import InputFormat, OutputFormat
from fanfold_steps.job.policy import Fail, Policy
from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import JobSpec
from fanfold_steps.user_code.pickled import FILE
from fanfold_steps.user_code.whose import is_installed
from fanfold_storage.extras import to_install

if TYPE_CHECKING:
    from typing import Unpack

    from fanfold.foreground.options import RunOptions
    from fanfold.foreground.places import Input as RunInput
    from fanfold.foreground.places import Place
    from fanfold.results.result import Result

FAIL = Fail()
explain_uncaught()  # on import, because a script creates its job before it calls main()


@explain_arguments(
    partitions="it belongs to a stage, as Job(stages=[Stage(…, partitions=4)]), or to the command, as --partitions 4.",
    **dict.fromkeys(("workers", "split_size", "memory"), "it belongs to the command, as --workers 4 --memory 1GiB."),
)
class Job(Definable):
    """A MapReduce job.

    Args:
        name: shown in listings; by default the module's name.
        map, combine, reduce, key, partition, sort_values, order: as in `Stage`, for a job of one stage.
        stages: `[Stage(map=…, reduce=…), …]` instead of those. Each stage maps the records that the one before it
            emits.
        input: the format of the input: `Text()` (lines), `JSONL()`, `CSV()`, `TSV()`, `Parquet()`, `Fixed(100)`,
            `Delimited(b"|")` or `Whole()`.
        inputs: `{"users": Input(CSV(), map=f), …}` instead: several inputs, each with its own mapper. The values of a
            key arrive in the order of the inputs.
        output: the format of the output: `Text()`, `JSONL()`, `CSV()`, `TSV()` or `Parquet()`, compressed as in
            `JSONL(compress="zstd")`.
        outputs: `{"rejects": JSONL(), …}`: named outputs in addition. `yield To("rejects", record)` in a mapper or
            reducer writes to one. Each is a folder of that name inside the output.
        params: a pydantic model of the job's parameters (`--param NAME=VALUE`); `ctx.params` is an instance of it.
        files: side files that travel with the code, by name, as in `{"stop": "stop.txt"}`. Paths are relative to the
            folder of the file in which the job is written. `ctx.file("stop")` is the path of the worker's copy.
        on_error: `Fail()` (the default), or `Skip(at_most=0.001)` to quarantine bad records up to that fraction.
        timeout: the seconds that one task (a split or a partition) may take before the job fails.
        resources: what each worker gets, as `Resources(cpu=2, memory="4Gi")`; a stage may say otherwise.
        image: the image in which pods run the job, built FROM Fanfold's steps image. The operator must allow it.
        task_version: a text, such as `"1"`, to be changed with code that makes tasks write something else. A job that
            failed can then be retried with mended code of the same version, and keeps the tasks that are done.

    Functions, classes and objects must be defined at the top level of a module, so that workers can import them.

    Raises:
        InvalidJob: a function takes the wrong arguments, or the arguments contradict each other.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        map: Mapper | None = None,
        combine: Combiner | None = None,
        reduce: Reduce | None = None,
        key: str | Sequence[str] | None = None,
        partition: Partitioner | None = None,
        sort_values: bool = False,
        order: Literal["total"] | None = None,
        stages: Sequence[Stage] | None = None,
        input: InputFormat = TEXT,
        inputs: Mapping[str, Input] | None = None,
        output: OutputFormat = TEXT,
        outputs: Mapping[str, OutputFormat] | None = None,
        params: type | None = None,
        files: Mapping[str, str] | None = None,
        on_error: Policy = FAIL,
        timeout: float | None = None,
        resources: Resources | None = None,
        image: str | None = None,
        task_version: str | None = None,
    ) -> None:
        only_stage: dict[str, Any] = {"map": map, "combine": combine, "reduce": reduce, "partition": partition}
        only_stage |= {"key": key, "sort_values": sort_values, "order": order}
        if stages is not None and any(only_stage.values()):
            raise InvalidJob(f"{', '.join(only_stage)} belong to a stage: write Stage(map=…, reduce=…) in `stages`")
        if name is not None and not isinstance(name, str):
            raise InvalidJob(
                f"name must be a string, not {name!r:.80}: pass functions by name, as Job(map=…, reduce=…)"
            )
        self.name = name
        self.stages = [Stage(**only_stage)] if stages is None else _checked_stages(stages)
        self.input = checked_format(input, "input", InputFormat)
        self.inputs = _checked_inputs(inputs)
        self.output = checked_format(output, "output", OutputFormat)
        self.outputs = checked_outputs(outputs)
        self.params = checked_model(params)
        self.files = checked_files(files)
        self.on_error = checked_policy(on_error)
        self.timeout = timeout
        self.resources = checked_resources(resources)
        self.image = image
        self.task_version = task_version
        creator = _frame_that_creates(self)
        self._written_in = _module_of(creator)
        self._line = f"{_file_of(creator)}, line {creator.f_lineno}"
        raise_first(job_problems(self._spec("job", None, dict(self.files), placeholder)))

    def spec(self, bundle: str | None = None) -> JobSpec:
        """The job as plain data.

        Args:
            bundle: the SHA-256 of the code bundle, if there is one.

        Raises:
            InvalidJob: workers can't import a function (a lambda, or one defined inside another function), or would
                import another one under its name.
        """
        return self._spec_in(self.module, bundle, NONE_TYPED)

    def compile(self, module: ModuleType | None = None, include: Sequence[str] = ()) -> CompiledJob:
        """The job's spec together with its code. Functions that were typed at a prompt or in a notebook travel pickled;
        only workers with this version of Python can run them.

        Args:
            module: where the code bundle begins; by default the module in which the job is written.
            include: paths of files and folders beside that module's file, which travel with it and keep their places.

        Raises:
            InvalidJob: one of them lies elsewhere, or workers couldn't run the job; the message names the line where
                it is written.
        """
        try:
            typed = typed_among(self._functions, in_file=has_file(self._written_in))
            own_module = self._bundle_module(typed)
            module = (module or own_module) if own_module else None
            bundle = self._pack(module, typed, include) if module or typed.names or self.programs or include else None
            spec = self._spec_in(module, bundle.sha256 if bundle else None, typed)
            return CompiledJob(spec, bundle, self.params)
        except InvalidJob as error:
            raise InvalidJob(f"{self._line}: {error}") from error

    def _compiled(self) -> CompiledJob:
        """The job for a Workflow. One of Fanfold's own needs no code beside the steps."""
        if self.module and self.module.__name__.startswith("fanfold."):
            return CompiledJob(self.spec(), None, self.params)
        from fanfold.dependencies.here import with_packages
        from fanfold.dependencies.requirements import requirements_of
        from fanfold.dependencies.targets import STEPS_IMAGE

        return with_packages(self.compile(), requirements_of(self.file, None), STEPS_IMAGE)

    def _pack(self, module: ModuleType | None, typed: TypedFunctions, include: Sequence[str]) -> Bundle:
        modules = [definition_of(function)[0] for function in self._functions if id(function) not in typed.names]
        modules = [one for one in (*modules, *typed.modules) if has_file(one) and not is_installed(str(one.__file__))]
        folder = Path(str(module.__file__)).resolve().parent if module else Path.cwd()
        neighbours = locate_included(include, folder, import_root(module) if module else folder)
        return pack(
            [module, *modules] if module else modules,
            folder,
            imports=typed.imports,
            side_files=[*self.side_files().values(), *neighbours],
            programs=self.programs,
            data={FILE: typed.pickle} if typed.names else {},
        )

    def run(self, input: "RunInput", output: "Place | None" = None, **options: "Unpack[RunOptions]") -> "Result":
        """Run the job here, as `fanfold run` does, and return what it wrote.

            result = job.run("texts/")
            result.frame()

        Progress is shown on stderr. Ctrl-C ends the workers.

        Args:
            input: a file, folder or pattern, or a list of them; for named inputs a dict, `{"users": "users.csv", …}`.
            output: a folder for the parts, which must not exist. By default a temporary one, which is removed once
                nothing refers to the `Result` any more.
            options: those of `fanfold run`: `workers=4`, `partitions=2`, `split_size="16MiB"`, `memory="1GiB"`,
                `params={"least": 3}` (or an instance of the job's model), `include=["stop.txt"]`,
                `requirements="requirements.txt"`, `overwrite=True`, `keep=True`, `quiet=True` for no progress;
                `on="argo"` for pods, with `namespace`, `image`, `image_python`, `image_platform`, `claim`, `s3_secret`,
                `s3_endpoint` and `s3_region`.

        Raises:
            InvalidJob: the job can't run as written.
            Refused: it can't run as asked; nothing was written.
            JobFailed: it ran and failed; `.traceback` is that of your own code.
        """
        try:
            from fanfold.foreground.from_python import run_from_python
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(_mended(error, "running a job"), name=error.name) from error
        return run_from_python(partial(self.compile, None), self.file, input, output, options)

    def main(self) -> NoReturn:
        """Run the job as a command, `python wordcount.py --input texts/ --output counts/`, and end the process."""
        if sys.platform == "win32":
            sys.exit(f"fanfold: {on_windows('running a job')}")
        try:
            from fanfold.foreground.script import run_script
        except ModuleNotFoundError as error:
            sys.exit("fanfold: " + _mended(error, "a job's own command"))
        compile_with = partial(self.compile, None)
        run_script(self.name or Path(sys.argv[0]).stem, compile_with, self.explained())

    def explained(self) -> str:
        """The docstring of the module in which the job is written, and a line for each of its parameters."""
        about = inspect.cleandoc(getattr(self._written_in, "__doc__", None) or "")
        return "\n".join([*([about, ""] if about else []), *described(self.params)]).strip()

    def side_files(self) -> dict[str, SideFile]:
        """Where the side files lie, on this machine and in the bundle. Raises InvalidJob."""
        if not self.files:
            return {}
        module = self._written_in
        if module is None or not has_file(module):
            return locate(self.files, Path.cwd() / "prompt", Path.cwd())
        return locate(self.files, Path(str(module.__file__)).resolve(), import_root(module))

    @property
    def file(self) -> str | None:
        """The file in which the job is written; None for a prompt or a notebook."""
        return str(self._written_in.__file__) if self._written_in and has_file(self._written_in) else None

    @property
    def module(self) -> ModuleType | None:
        """The module in which the job is written; if that is installed or has no file, that of its first function.

        None for a job with neither functions nor programs, such as a sort of lines, or without any file.
        """
        return self._bundle_module(NONE_TYPED)

    def _bundle_module(self, typed: TypedFunctions) -> ModuleType | None:
        importable = [function for function in self._functions if id(function) not in typed.names]
        if not (self._functions or self.programs):
            return None
        if has_file(self._written_in) and not (importable and is_installed(str(self._written_in.__file__))):
            return self._written_in
        return next((module for module, _ in map(definition_of, importable) if has_file(module)), None)

    @property
    def _functions(self) -> list[Any]:
        """The user's own functions."""
        functions = [function for stage in self.stages for function in stage.functions]
        functions += [one.map for one in self.inputs.values() if callable(one.map)]
        return [*functions, *([self.params] if self.params else [])]

    @property
    def programs(self) -> list[str]:
        """The command lines of the job's programs."""
        programs = [program for stage in self.stages for program in stage.programs]
        programs += [one.map for one in self.inputs.values() if isinstance(one.map, Program)]
        return [program.spec.program for program in programs]

    def _spec_in(self, module: ModuleType | None, bundle: str | None, typed: TypedFunctions) -> JobSpec:
        """The spec of a job whose bundle begins with `module`."""
        name = self.name or (module_name(module) if module else "job")
        files = {name: file.bundled for name, file in self.side_files().items()}
        importable = [function for function in self._functions if id(function) not in typed.names]
        spec = self._spec(name, bundle, files, typed.refer)
        return replace(spec, python=typed.python, identities=identities_of(importable))

    def _spec(self, name: str, bundle: str | None, files: dict[str, str], refer: Refer) -> JobSpec:
        return JobSpec(
            name=name,
            bundle=bundle,
            stages=[stage.spec(refer) for stage in self.stages],
            input=self.input,
            inputs={name: one.spec(refer) for name, one in self.inputs.items()},
            output=self.output,
            outputs=self.outputs,
            params=refer(self.params) if self.params else None,
            on_error=self.on_error,
            timeout=self.timeout,
            files=files,
            resources=self.resources,
            image=self.image,
            task_version=self.task_version,
        )


def _mended(error: ModuleNotFoundError, what: str) -> str:
    """What to install, in words. Raises the error itself if the module that is missing is one of Fanfold's."""
    if (error.name or "").startswith("fanfold"):
        raise error
    return f"{error.name} is not installed, and {what} needs it. Run: {to_install('workflows')}"


def _frame_that_creates(job: Job) -> FrameType:
    """The frame in which a job is created: that of its file, not of an `__init__` of a subclass or a decorator."""
    frame = sys._getframe(1)
    while frame.f_back and any(value is job for value in frame.f_locals.values()):
        frame = frame.f_back
    return frame


def _file_of(frame: FrameType) -> str:
    """The file whose code a frame runs, for people; kernels name their cells after files that don't exist."""
    file = Path(frame.f_code.co_filename)
    return file.name if file.is_file() or file.name.startswith("<") else "a cell"


def _module_of(frame: FrameType) -> ModuleType | None:
    """The module whose code a frame runs; None for code that was executed in a namespace of its own."""
    module = sys.modules.get(frame.f_globals.get("__name__", ""))
    return module if module and vars(module) is frame.f_globals else None


def _checked_stages(stages: Any) -> list[Stage]:
    if isinstance(stages, Stage) or not isinstance(stages, Sequence) or not stages:
        raise InvalidJob("stages must be a list of at least one Stage(map=…, reduce=…)")
    for stage in stages:
        if not isinstance(stage, Stage):
            raise InvalidJob(f"stages must be a list of Stage(map=…, reduce=…), but contains {stage!r}")
    return list(stages)


def _checked_inputs(inputs: Any) -> dict[str, Input]:
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping) or not inputs:
        raise InvalidJob('inputs must name at least one input: {"users": Input(CSV(), map=…), …}')
    for name, value in inputs.items():
        if not isinstance(value, Input):
            raise InvalidJob(f"input {name} must be an Input(…), such as Input(CSV(), map=…), not {value!r}")
    return dict(inputs)
