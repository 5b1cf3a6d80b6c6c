"""Check the types of the arguments that a job is written with; in a spec written as JSON, its schema does this."""

from collections.abc import Mapping
from typing import Any, get_args

from fanfold.authoring.programs import Program
from fanfold.errors import InvalidJob
from fanfold_steps.aggregations import AGGREGATIONS, Aggregation
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.job.formats import Compression, OutputFormat, Parquet, ParquetCompression
from fanfold_steps.job.policy import Policy
from fanfold_steps.job.resources import Resources
from fanfold_steps.job.spec import SortLines
from fanfold_steps.user_code.calling import check_parameters

_FOR_BUILTINS: dict[Any, str] = {sum: "Sum", max: "Max", min: "Min", len: "Count", list: "Collect"}
_FILE_COMPRESSIONS = get_args(Compression)
_PARQUET_COMPRESSIONS = get_args(ParquetCompression)


def checked_format(format: Any, argument: str, kinds: Any) -> Any:
    """The format, if it is one of these kinds. Raises InvalidJob."""
    if not isinstance(format, kinds):
        is_class = isinstance(format, type)
        shown = f"the class {format.__name__}: write {format.__name__}()" if is_class else repr(format)
        known = ", ".join(f"{kind.__name__}()" for kind in get_args(kinds))
        raise InvalidJob(f"{argument} must be one of {known}, not {shown}")
    compressions = _PARQUET_COMPRESSIONS if isinstance(format, Parquet) else _FILE_COMPRESSIONS
    if (compress := getattr(format, "compress", None)) not in (None, *compressions):
        raise InvalidJob(f"{argument}: compress must be one of {', '.join(compressions)}, not {compress!r}")
    return format


def checked_outputs(outputs: Any) -> dict[str, OutputFormat]:
    """The formats of named outputs. Raises InvalidJob."""
    if outputs is not None and not isinstance(outputs, Mapping):
        raise InvalidJob('outputs maps the names of further outputs to their formats: {"rejects": JSONL(), …}')
    for name, written_as in (outputs or {}).items():
        checked_format(written_as, f"the format of output {name}", OutputFormat)
    return dict(outputs or {})


def checked_policy(on_error: Any) -> Policy:
    """The failure policy. Raises InvalidJob."""
    if not isinstance(on_error, Policy):
        raise InvalidJob(f"on_error must be Fail() or Skip(at_most=0.001), not {on_error!r:.80}")
    return on_error


def checked_resources(resources: Any) -> Resources | None:
    """The resources of a job or a stage. Raises InvalidJob."""
    if resources is not None and not isinstance(resources, Resources):
        raise InvalidJob(f'resources must be Resources(cpu=2, memory="4Gi", …), not {resources!r:.80}')
    return resources


def checked_files(files: Any) -> dict[str, str]:
    """The paths of side files by name. Raises InvalidJob."""
    if files is not None and not isinstance(files, Mapping):
        raise InvalidJob(f'files maps names of side files to their paths: {{"stop": "stop.txt"}}, not {files!r:.80}')
    return dict(files or {})


def checked_model(params: Any) -> Any:
    """The pydantic model of the parameters. Raises InvalidJob."""
    if params is not None and not (isinstance(params, type) and hasattr(params, "model_validate")):
        raise InvalidJob(f"params must be a pydantic model, `class Params(BaseModel)`, not {params!r:.80}")
    return params


def check_function(function: object, role: str, *parameters: int) -> None:
    """Check that a part of a job is a program, or can be called with one of these numbers of arguments.

    Raises:
        InvalidJob: it is neither.
    """
    if isinstance(function, Program):
        return
    if not callable(function):
        raise InvalidJob(f"the {role} must be a function, not {type(function).__name__}")
    try:
        check_parameters(function, f"the {role} {getattr(function, '__name__', function)}", *parameters)
    except PermanentFailure as failure:
        raise InvalidJob(failure.message) from failure


def check_reduce(reduce: Any) -> None:
    """Check that a reducer is one of the things a stage can reduce with. Raises InvalidJob."""
    if isinstance(reduce, dict):
        if wrong := [column for column in reduce if not isinstance(column, str)]:
            raise InvalidJob(f'reduce: the keys of {{"n": Sum()}} are column names, not {wrong[0]!r:.80}')
        _check_aggregations(*reduce.values())
    elif reduce == ():
        raise InvalidJob("the reducer is an empty tuple: use a function, an aggregation or a tuple of aggregations")
    elif isinstance(reduce, Aggregation | tuple) or (isinstance(reduce, type) and issubclass(reduce, Aggregation)):
        _check_aggregations(*(reduce if isinstance(reduce, tuple) else (reduce,)))
    elif reduce is not None and not isinstance(reduce, SortLines):
        check_function(reduce, "reducer", 2)


def as_aggregation(reduce: Any) -> Any:
    """The aggregation that a built-in function of Python stands for: `sum` is `Sum()`. Other reducers are unchanged.

    Raises:
        InvalidJob: it is another function of Python's, which would be called with the key, too.
    """
    if isinstance(reduce, tuple) and type(reduce) is tuple:
        return tuple(map(as_aggregation, reduce))
    if isinstance(reduce, dict):
        return {name: as_aggregation(part) for name, part in reduce.items()}
    for function, aggregation in _FOR_BUILTINS.items():
        if reduce is function:
            return AGGREGATIONS[aggregation]()
    if getattr(reduce, "__module__", None) in ("builtins", "statistics") and callable(reduce):
        raise InvalidJob(
            f"the reducer {reduce.__name__} would receive a key and its values, not the values alone: write a "
            f"function `def f(key, values): yield key, {reduce.__name__}(values)`"
        )
    return reduce


def _check_aggregations(*parts: Any) -> None:
    for part in parts:
        if type(part) not in AGGREGATIONS.values():
            shown = (
                f"the class {part.__name__}" if isinstance(part, type) else f"an object of type {type(part).__name__}"
            )
            known = ", ".join(f"{name}()" for name in AGGREGATIONS)
            raise InvalidJob(f"{shown} is not an aggregation: use one of {known}, or write the reducer as a function")
