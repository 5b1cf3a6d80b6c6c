"""`Job`: what people write. It compiles to a `JobSpec`, which names functions and holds no code."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from fanfold.programs import Program
from fanfold.rules import job_problems
from fanfold.side_files import SideFile, locate
from fanfold.stage import (
    TEXT,
    Combiner,
    Input,
    InvalidJob,
    Mapper,
    Namer,
    Partitioner,
    Reduce,
    Stage,
    declared,
    module_name,
    place_of,
    reference,
    refuse,
    root_of,
    unnamed,
)
from fanfold_steps.arguments import told
from fanfold_steps.formats.declared import InputFormat, OutputFormat
from fanfold_steps.policy import Fail, Policy
from fanfold_steps.spec import JobSpec
from fanfold_storage.extras import to_install

FAIL = Fail()


@told(
    partitions="it belongs to a stage, as Job(stages=[Stage(…, partitions=4)]), or to the command, as --partitions 4.",
    **dict.fromkeys(("workers", "split_size", "memory"), "it belongs to the command, as --workers 4 --memory 1GiB."),
)
class Job:
    """A MapReduce job.

    Args:
        name: shown in listings; the module's name if left out.
        map, combine, reduce, partition, sort_values, order: as in `Stage`, for a job of one stage.
        stages: `[Stage(map=…, reduce=…), …]`, instead of those: the records that one gives the next one maps.
        input: what the records are: `Text()` (lines), `JSONL()`, `CSV()`, `TSV()`, `Fixed(100)`, `Delimited(b"|")`,
            `Whole()`.
        inputs: `{"users": Input(CSV(), map=f), …}`, instead: several inputs, each with its mapper. The values of a key
            come in their order.
        output: how records are written: `Text()`, `JSONL()`, `CSV()`, `TSV()`, as in `JSONL(compress="zstd")`.
        outputs: `{"rejects": JSONL(), …}`, named outputs beside it: `yield To("rejects", record)` from a mapper or a
            reducer. They lie in folders of the output that are called so.

        params: a pydantic model of the job's parameters (`--param NAME=VALUE`); `ctx.params` is an object of it.
        files: side files that travel with the code, by name: `{"stop": "stop.txt"}`, the path seen from the file that
            the job is written in. `ctx.file("stop")` is where a copy lies.
        on_error: `Skip(at_most=0.001)` puts bad records aside, up to this share; `Fail()`, unless said otherwise.
        timeout: seconds that one task may take (a split, or a partition); a longer one ends the job.

    Functions, classes and objects must stand at the top level of a module, so that workers can import them.

    Raises:
        InvalidJob: a function takes the wrong arguments, or the parts don't fit together.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        map: Mapper | None = None,
        combine: Combiner | None = None,
        reduce: Reduce | None = None,
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
    ) -> None:
        own: dict[str, Any] = {"map": map, "combine": combine, "reduce": reduce, "partition": partition, "order": order}
        own["sort_values"] = sort_values
        if stages is not None and any(own.values()):
            raise InvalidJob(f"{', '.join(own)} belong to a stage: write Stage(map=…, reduce=…) in `stages`")
        if name is not None and not isinstance(name, str):
            raise InvalidJob(f"name is a text, not {name!r:.80}: a job's parts are named, as Job(map=…, reduce=…)")
        self.name = name
        self.stages = [Stage(**own)] if stages is None else _stages(stages)
        self.input = declared(input, "input", InputFormat)
        self.inputs = _inputs(inputs)
        self.outputs = _outputs(outputs)
        self.output = declared(output, "output", OutputFormat)
        self.params = _model(params)
        self.files = _files(files)
        self.on_error = _policy(on_error)
        self.timeout = timeout
        frame = sys._getframe(2)  # behind the look at the arguments
        self._written_in: str = frame.f_globals["__name__"]
        self.written_at = f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
        refuse(job_problems(self._compiled("job", None, dict(self.files), unnamed)))

    def spec(self, bundle: str | None = None) -> JobSpec:
        """The job as plain data; `bundle` is the SHA-256 of the code that its functions lie in.

        Raises:
            InvalidJob: a function can't be imported by name (a lambda, or one defined inside another).
        """
        name = self.name or (module_name(self.module) if self.module else "job")
        files = {name: file.bundled for name, file in self.side_files().items()}
        return self._compiled(name, bundle, files, reference)

    def side_files(self) -> dict[str, SideFile]:
        """Where the side files lie, here and in the bundle. Raises InvalidJob."""
        if not self.files:
            return {}
        module = sys.modules[self._written_in]
        module_name(module)  # it must have a file
        return locate(self.files, Path(str(module.__file__)).resolve(), root_of(module))

    @property
    def module(self) -> ModuleType | None:
        """The module of its first function, or that it is written in if it has programs alone, where the code bundle
        begins; None for a job without either."""
        functions = [function for stage in self.stages for function in stage.functions]
        functions += [named.map for named in self.inputs.values() if callable(named.map)]
        if self.programs and not functions:
            return sys.modules[self._written_in]
        return place_of(functions[0])[0] if functions else None

    @property
    def programs(self) -> list[str]:
        """The command lines of its programs."""
        programs = [program for stage in self.stages for program in stage.programs]
        programs += [named.map for named in self.inputs.values() if isinstance(named.map, Program)]
        return [program.spec.program for program in programs]

    def main(self) -> None:
        """Be a command: `python wordcount.py --input texts/ --output counts/`. Ends the process."""
        try:
            from fanfold.verbs.run import main_of
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("fanfold"):
                raise
            mend = f"a job's own command needs it. Run: {to_install('workflows')}"
            sys.exit(f"fanfold: {error.name} is not installed, and {mend}")
        main_of(self)

    def _compiled(self, name: str, bundle: str | None, files: dict[str, str], named: Namer) -> JobSpec:
        return JobSpec(
            name=name,
            bundle=bundle,
            stages=[stage.spec(named) for stage in self.stages],
            input=self.input,
            inputs={name: given.spec(named) for name, given in self.inputs.items()},
            output=self.output,
            outputs=self.outputs,
            params=named(self.params) if self.params else None,
            on_error=self.on_error,
            timeout=self.timeout,
            files=files,
        )


def _policy(on_error: Any) -> Policy:
    if not isinstance(on_error, Policy):
        raise InvalidJob(f"on_error is Fail() or Skip(at_most=0.001), not {on_error!r:.80}")
    return on_error


def _files(files: Any) -> dict[str, str]:
    if files is not None and not isinstance(files, Mapping):
        raise InvalidJob(f'files names side files, each with its path: {{"stop": "stop.txt"}}, not {files!r:.80}')
    return dict(files or {})


def _model(params: Any) -> Any:
    if params is not None and not (isinstance(params, type) and hasattr(params, "model_validate")):
        raise InvalidJob(f"params is a pydantic model, `class Params(BaseModel)`, not {params!r:.80}")
    return params


def _stages(stages: Any) -> list[Stage]:
    if isinstance(stages, Stage) or not isinstance(stages, Sequence) or not stages:
        raise InvalidJob("stages is a list of at least one Stage(map=…, reduce=…)")
    for stage in stages:
        if not isinstance(stage, Stage):
            raise InvalidJob(f"stages is a list of Stage(map=…, reduce=…), but holds {stage!r}")
    return list(stages)


def _outputs(outputs: Any) -> dict[str, OutputFormat]:
    if outputs is not None and not isinstance(outputs, Mapping):
        raise InvalidJob('outputs names further outputs, each with its format: {"rejects": JSONL(), …}')
    for name, written in (outputs or {}).items():
        declared(written, f"the format of the output {name}", OutputFormat)
    return dict(outputs or {})


def _inputs(inputs: Any) -> dict[str, Input]:
    if inputs is None:
        return {}
    if not isinstance(inputs, Mapping) or not inputs:
        raise InvalidJob('inputs names at least one input: {"users": Input(CSV(), map=…), …}')
    for name, named in inputs.items():
        if not isinstance(named, Input):
            raise InvalidJob(f"the input {name} must be an Input(…), as Input(CSV(), map=…), not {named!r}")
    return dict(inputs)
