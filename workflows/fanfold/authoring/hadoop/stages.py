"""From programs and Hadoop's settings to a stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fanfold.authoring.hadoop.settings import Settings
from fanfold.errors import InvalidJob
from fanfold_steps.job.spec import Function, Program, StageSpec
from fanfold_steps.programs.checks import check

CAT = "cat"


@dataclass(frozen=True, slots=True)
class Commands:
    """A stage's programs by their command lines; a reducer may also be a function of Fanfold's own, with a combiner."""

    mapper: str = CAT
    combiner: str | Function | None = None
    reducer: str | Function | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def stage_of(commands: Commands, settings: Settings, *, is_first: bool = True) -> StageSpec:
    """A stage of programs that follows the settings.

    Args:
        commands: the programs.
        settings: those of the job, or of this step of it.
        is_first: whether the mapper reads files, not what an earlier stage wrote.

    Raises:
        InvalidJob: the settings don't fit the programs.
        InvalidCommand: a command can't be run without a shell.
    """
    mapper = _mapper(commands, settings, is_first=is_first)
    reducer, combiner = commands.reducer, commands.combiner
    if reducer is None:
        return StageSpec(map=mapper)
    if isinstance(reducer, Function):
        assert not isinstance(combiner, str)
        if settings.order or settings.output_separator != "\t" or settings.reduce_separator:
            raise InvalidJob("`aggregate` sorts by key and writes KEY TAB RESULT: leave settings about its fields out")
        return StageSpec(map=mapper, reduce=reducer, combine=combiner)
    assert not isinstance(combiner, Function)
    return StageSpec(
        map=mapper,
        combine=_combiner(combiner, commands, settings) if combiner else None,
        reduce=_program(
            reducer,
            commands,
            key_fields=settings.reduce_fields or 1,
            separator=settings.reduce_separator or "\t",
            joint=settings.output_separator,
        ),
        fields=settings.order,
    )


def _mapper(commands: Commands, settings: Settings, *, is_first: bool) -> Program:
    return _program(
        commands.mapper,
        commands,
        key_fields=settings.map_fields,
        separator=settings.map_separator,
        joint=settings.output_separator if commands.reducer is None else settings.reduce_input_separator,
        feed="numbered lines" if is_first and settings.numbered else "lines",
        feed_lines=settings.lines_per_map if is_first else None,
    )


def _combiner(command: str, commands: Commands, settings: Settings) -> Program:
    """A combiner writes lines as the mapper does, but is itself a reducer: as in Hadoop, it uses the reducer's
    separator if that is set, and otherwise the one between the keys and values that it reads."""
    separator = settings.reduce_separator or settings.reduce_input_separator
    is_alike = settings.map_separator == settings.reduce_input_separator
    fields = settings.reduce_fields or (settings.map_fields if is_alike else 1)
    joint = settings.reduce_input_separator
    return _program(command, commands, key_fields=fields, separator=separator, joint=joint)


def _program(command: str, commands: Commands, **fields: object) -> Program:
    program = Program(command, dict(commands.environment), **fields)  # type: ignore[arg-type]  # fields by their names
    check(program)
    return program
