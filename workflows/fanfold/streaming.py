"""Hadoop Streaming's way of writing a job: command lines, shipped files and settings by the names that Hadoop has."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fanfold.authored import Authored
from fanfold.bundle import files_below, pack_files
from fanfold.stage import InvalidJob
from fanfold_steps.formats.declared import Compression, Text
from fanfold_steps.programs.checks import check
from fanfold_steps.programs.environment import of_settings
from fanfold_steps.spec import Function, JobSpec, Program, StageSpec

CAT = "cat"
NONE, AGGREGATE = "NONE", "aggregate"
_HADOOP = r"org\.apache\.hadoop\."
_IDENTITIES = re.compile(rf"({_HADOOP}\w+\.lib\.)?Identity(Mapper|Reducer)|{_HADOOP}mapreduce\.(Mapper|Reducer)")
_JAVA = re.compile(r"([A-Za-z_]\w*\.)+[A-Z]\w*")
_FORMATS = re.compile(rf"({_HADOOP}[\w.]+\.)?(Text|KeyValueText)(In|Out)putFormat")
_CODECS: dict[str, Compression] = {"GzipCodec": "gzip", "BZip2Codec": "bz2", "ZStandardCodec": "zstd"}

_SAME = {
    "mapred.reduce.tasks": "mapreduce.job.reduces",
    "mapred.job.name": "mapreduce.job.name",
    "mapred.output.compress": "mapreduce.output.fileoutputformat.compress",
    "mapred.output.compression.codec": "mapreduce.output.fileoutputformat.compress.codec",
}
_TABS = ("\t", "\\t")
_REFUSED = {
    "mapreduce.job.output.key.comparator.class": "keys are sorted by their bytes",
    "mapred.output.key.comparator.class": "keys are sorted by their bytes",
    "mapreduce.partition.keycomparator.options": "keys are sorted by their bytes",
    "mapred.text.key.comparator.options": "keys are sorted by their bytes",
    "mapreduce.job.partitioner.class": "a line's whole key chooses its part",
    "mapreduce.partition.keypartitioner.options": "a line's whole key chooses its part",
    "mapred.text.key.partitioner.options": "a line's whole key chooses its part",
    "mapreduce.input.lineinputformat.linespermap": "--split-size says how much a map task reads",
    "stream.non.zero.exit.is.failure": "a status other than 0 is always a failure: end the command with `|| true` in "
    "a sh -c '…'",
}


@dataclass(frozen=True, slots=True)
class Streaming:
    """What the options say. `files` are shipped, by the names under which programs find them."""

    mapper: str | None = None
    combiner: str | None = None
    reducer: str | None = None
    reduces: int | None = None
    files: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def partitions(self) -> int | None:
        """How many reducers were asked for."""
        told = self._told.get("mapreduce.job.reduces")
        if self.reduces is not None or told is None:
            return self.reduces
        if not told.isdigit():
            raise InvalidJob(f"mapreduce.job.reduces is a number, not {told!r}")
        return int(told)

    def authored(self) -> Authored:
        """The job. Raises InvalidJob, InvalidCommand."""
        self._refuse_unsupported()
        bundle = pack_files(self.files, "what is shipped") if self.files else None
        name = self._told.get("mapreduce.job.name", "streaming")
        spec = JobSpec(
            name=name,
            bundle=bundle.sha256 if bundle else None,
            stages=[self._stage()],
            output=Text(compress=self._compress()),
        )
        return Authored(spec, bundle)

    @property
    def _told(self) -> dict[str, str]:
        return {_SAME.get(name, name): value for name, value in self.settings.items()}

    def _stage(self) -> StageSpec:
        mapper = self._program("mapper", self.mapper)
        if self.reducer == NONE or self.partitions == 0:
            if self.combiner:
                raise InvalidJob("without a reducer there is nothing to combine for: leave the combiner out")
            return StageSpec(map=mapper)
        if self.reducer == AGGREGATE:
            if self.combiner and self.combiner != AGGREGATE:
                raise InvalidJob("`aggregate` combines by itself: leave the combiner out")
            place = "fanfold_steps.programs.aggregate"
            return StageSpec(map=mapper, reduce=Function(f"{place}:reduce"), combine=Function(f"{place}:combine"))
        combiner = self._program("combiner", self.combiner) if self.combiner else None
        return StageSpec(map=mapper, reduce=self._program("reducer", self.reducer), combine=combiner)

    def _program(self, role: str, command: str | None) -> Program:
        command = command or CAT
        if _IDENTITIES.fullmatch(command):
            command = CAT
        elif _JAVA.fullmatch(command) and command not in self.files:
            raise InvalidJob(
                f"the {role} {command} looks like a Java class, and there is no Java here: write a program"
            )
        environment = {**of_settings(self.settings), **self.environment}
        program = Program(command, environment, self._key_fields() if role != "reducer" else 1)
        check(program)
        return program

    def _key_fields(self) -> int:
        told = self._told.get("stream.num.map.output.key.fields", "1")
        if not told.isdigit() or int(told) < 1:
            raise InvalidJob(f"stream.num.map.output.key.fields is a number from 1 on, not {told!r}")
        return int(told)

    def _compress(self) -> Compression | None:
        if self._told.get("mapreduce.output.fileoutputformat.compress", "false") != "true":
            return None
        codec = self._told.get("mapreduce.output.fileoutputformat.compress.codec", "the default codec")
        if codec.rpartition(".")[2] not in _CODECS:
            raise InvalidJob(f"output can't be compressed by {codec}: set the codec to one of {', '.join(_CODECS)}")
        return _CODECS[codec.rpartition(".")[2]]

    def _refuse_unsupported(self) -> None:
        for name, value in self._told.items():
            if name in _REFUSED and not (name.endswith("is.failure") and value == "true"):
                raise InvalidJob(f"the setting {name} isn't supported: {_REFUSED[name]}")
            if name.endswith("field.separator") and value not in _TABS:
                raise InvalidJob(f"the setting {name} isn't supported: the separator is always a tab")


def check_format(name: str) -> None:
    """Raise InvalidJob unless a format of Hadoop's is text, which is all that programs read and write."""
    if not _FORMATS.fullmatch(name):
        raise InvalidJob(
            f"the format {name} isn't supported: programs read and write lines (TextInputFormat, TextOutputFormat)"
        )


def shipped(places: Iterable[str]) -> dict[str, Path]:
    """Files and the contents of folders by the names they get: their own, or what follows a `#`. Raises InvalidJob."""
    files: dict[str, Path] = {}
    for place in places:
        path, _, name = place.partition("#") if not Path(place).exists() else (place, "", "")
        source = Path(path)
        name = name or source.resolve().name
        if not source.exists():
            raise InvalidJob(f"there is no file {path} to ship: check the path")
        below = {f"{name}/{file.relative_to(source).as_posix()}": file for file in files_below(source)}
        for own, file in (below if source.is_dir() else {name: source}).items():
            if own in files and files[own] != file:
                raise InvalidJob(f"two files to ship are called {own}: give one another name, as {file}#NAME")
            files[own] = file
    return files
