"""Jobs written for Hadoop Streaming: command lines, shipped files, and settings under Hadoop's names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fanfold.authoring.hadoop.settings import Settings
from fanfold.authoring.hadoop.stages import CAT, Commands, stage_of
from fanfold.errors import InvalidJob
from fanfold.planning.compiled import Bundle, CompiledJob
from fanfold_steps.job.formats import Text
from fanfold_steps.job.spec import Function, JobSpec, StageSpec
from fanfold_steps.programs.environment import of_settings

NONE, AGGREGATE = "NONE", "aggregate"
_HADOOP = r"org\.apache\.hadoop\."
_IDENTITIES = re.compile(rf"({_HADOOP}\w+\.lib\.)?Identity(Mapper|Reducer)|{_HADOOP}mapreduce\.(Mapper|Reducer)")
_JAVA = re.compile(r"([A-Za-z_]\w*\.)+[A-Z]\w*")
_AGGREGATE = "fanfold_steps.programs.aggregate"


@dataclass(frozen=True, slots=True)
class Streaming:
    """The options of a streaming job; `bundle` contains the files to ship."""

    mapper: str | None = None
    combiner: str | None = None
    reducer: str | None = None
    reduces: int | None = None
    bundle: Bundle | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def partitions(self) -> int | None:
        """The number of reducers, if the options set it. Raises InvalidJob."""
        return Settings(self.settings).partitions if self.reduces is None else self.reduces

    def compile(self) -> CompiledJob:
        """The job's spec together with the files to ship.

        Raises:
            InvalidJob: an option isn't supported, or the options contradict each other.
            InvalidCommand: a command line can't be run.
        """
        settings = Settings(self.settings)
        settings.check()
        spec = JobSpec(
            name=settings.name or "streaming",
            bundle=self.bundle.sha256 if self.bundle else None,
            stages=[self._stage(settings)],
            input=settings.input_format,
            output=Text(compress=settings.compress),
        )
        return CompiledJob(spec, self.bundle)

    def _stage(self, settings: Settings) -> StageSpec:
        reducer: str | Function | None = self._command("reducer", self.reducer)
        combiner: str | Function | None = self._command("combiner", self.combiner) if self.combiner else None
        if self.reducer == NONE or self.partitions == 0:
            if combiner:
                raise InvalidJob("a combiner needs a reducer: leave the combiner out")
            if settings.order:
                raise InvalidJob("without a reducer, nothing is sorted or partitioned: leave those settings out")
            reducer = None
        elif self.reducer == AGGREGATE:
            if self.combiner and self.combiner != AGGREGATE:
                raise InvalidJob("`aggregate` brings its own combiner: leave the combiner out")
            reducer, combiner = Function(f"{_AGGREGATE}:reduce"), Function(f"{_AGGREGATE}:combine")
        mapper = self._command("mapper", self.mapper)
        environment = {**of_settings(self.settings), **self.environment}
        return stage_of(Commands(mapper, combiner, reducer, environment), settings)

    def _command(self, role: str, command: str | None) -> str:
        command = command or CAT
        if _IDENTITIES.fullmatch(command):
            return CAT
        if _JAVA.fullmatch(command) and not (self.bundle and command in self.bundle.names):
            raise InvalidJob(
                f"the {role} {command} looks like a Java class, and Fanfold doesn't run Java: use a program"
            )
        return command
