"""Hadoop's settings in Fanfold's terms. Those that can't take effect are refused."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cached_property

from fanfold.authoring.hadoop.names import FOLLOWED, NEW_NAMES, ONLY, PREFIXES, REFUSED, WITHOUT_EFFECT
from fanfold.errors import InvalidJob
from fanfold_steps.job.formats import Compression, Delimited, InputFormat, InvalidFormat, Text
from fanfold_steps.job.spec import FieldOrder
from fanfold_steps.programs.field_order import InvalidOptions, parse

_HADOOP = r"org\.apache\.hadoop\."
_TEXT_INPUT = re.compile(rf"({_HADOOP}[\w.]+\.)?(Text|KeyValueText)InputFormat")
_LINES_INPUT = re.compile(rf"({_HADOOP}[\w.]+\.)?NLineInputFormat")
_TEXT_OUTPUT = re.compile(rf"({_HADOOP}[\w.]+\.)?TextOutputFormat")
_BY_HASH = re.compile(rf"({_HADOOP}[\w.]+\.)?HashPartitioner")
_BY_FIELDS = re.compile(rf"({_HADOOP}[\w.]+\.)?KeyFieldBasedPartitioner")
_COMPARATOR = re.compile(rf"({_HADOOP}[\w.]+\.)?KeyFieldBasedComparator|{_HADOOP}io\.Text\$Comparator")
_CODECS: dict[str, Compression] = {
    "GzipCodec": "gzip",
    "BZip2Codec": "bz2",
    "ZStandardCodec": "zstd",
    "Lz4Codec": "lz4",
}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "\\": "\\"}


class Settings:
    """The settings of a job, or of one of its steps, under their old or new names.

    Raises:
        InvalidJob: one has no effect here; the message says what to do instead. Properties raise it for wrong values.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values: dict[str, str] = {}
        for name, value in values.items():
            new = NEW_NAMES.get(name, name)
            _refuse(name, new, value)
            self._values[new] = value

    @property
    def partitions(self) -> int | None:
        """The number of reducers, if it is set; 0 means none."""
        return self._number("mapreduce.job.reduces", 0)

    @property
    def name(self) -> str | None:
        """The job's name."""
        return self._values.get("mapreduce.job.name")

    @property
    def compress(self) -> Compression | None:
        """The compression of the output."""
        if not self._flag("mapreduce.output.fileoutputformat.compress", default=False):
            return None
        codec = self._values.get("mapreduce.output.fileoutputformat.compress.codec", "the default codec")
        if codec.rpartition(".")[2] not in _CODECS:
            known = ", ".join(_CODECS)
            raise InvalidJob(f"the output can't be compressed with {codec}: set the codec to one of {known}")
        return _CODECS[codec.rpartition(".")[2]]

    @property
    def map_fields(self) -> int:
        """The number of fields in a mapper's key."""
        return self._number("stream.num.map.output.key.fields", 1) or 1

    @property
    def reduce_fields(self) -> int | None:
        """The number of fields in a reducer's key, if it is set."""
        return self._number("stream.num.reduce.output.key.fields", 1)

    @cached_property
    def map_separator(self) -> str:
        """What ends a field in a mapper's output."""
        return self._separator("stream.map.output.field.separator") or "\t"

    @cached_property
    def reduce_input_separator(self) -> str:
        """What joins key and value in a reducer's input."""
        return self._separator("stream.reduce.input.field.separator") or "\t"

    @cached_property
    def reduce_separator(self) -> str | None:
        """What ends a field in a reducer's output, if it is set."""
        return self._separator("stream.reduce.output.field.separator")

    @cached_property
    def output_separator(self) -> str:
        """What joins key and value in the job's output."""
        return self._separator("mapreduce.output.textoutputformat.separator") or "\t"

    @property
    def order(self) -> FieldOrder | None:
        """How lines are sorted and partitioned; None for the order of their keys' bytes."""
        partition = self._partition_options()
        sort = self._values.get("mapreduce.partition.keycomparator.options", "")
        comparator = self._values.get("mapreduce.job.output.key.comparator.class")
        if comparator and not _COMPARATOR.fullmatch(comparator):
            raise InvalidJob(f"the comparator {comparator} isn't supported: use KeyFieldBasedComparator")
        for name, options in (("keycomparator", sort), ("keypartitioner", partition)):
            try:
                parse(options)
            except InvalidOptions as error:
                raise InvalidJob(f"mapreduce.partition.{name}.options: {error}") from error
        separator = self._separator("mapreduce.map.output.key.field.separator") or "\t"
        return FieldOrder(sort, partition, separator) if sort or partition else None

    @property
    def input_format(self) -> InputFormat:
        """The format of the input: lines, or records that end with another delimiter."""
        delimiter = self._separator("textinputformat.record.delimiter", line_end=True)
        if delimiter in (None, "\n"):
            return Text()
        if self.lines_per_map:
            raise InvalidJob("NLineInputFormat counts lines: leave out textinputformat.record.delimiter")
        try:
            return Delimited(delimiter or "")
        except InvalidFormat as error:
            raise InvalidJob(f"textinputformat.record.delimiter: {error}") from error

    @property
    def lines_per_map(self) -> int | None:
        """The number of lines for each process of a mapper, with NLineInputFormat."""
        lines = self._number("mapreduce.input.lineinputformat.linespermap", 1)
        name = self._values.get("mapreduce.job.inputformat.class", "TextInputFormat")
        if _LINES_INPUT.fullmatch(name):
            return lines or 1
        if not _TEXT_INPUT.fullmatch(name):
            known = "TextInputFormat, KeyValueTextInputFormat, NLineInputFormat"
            raise InvalidJob(f"the format {name} isn't supported: programs read lines ({known})")
        if lines:
            raise InvalidJob("lines per map are for NLineInputFormat: add -inputformat NLineInputFormat")
        return None

    @property
    def numbered(self) -> bool:
        """Whether each line follows its offset in the file and a tab, as in Hadoop with all but TextInputFormat."""
        return not self._flag("stream.map.input.ignoreKey", default=self.lines_per_map is None)

    def check(self) -> None:
        """Check formats, partitioner and orders, even if the stage doesn't need them. Raises InvalidJob."""
        _ = self.order, self.input_format
        name = self._values.get("mapreduce.job.outputformat.class", "TextOutputFormat")
        if not _TEXT_OUTPUT.fullmatch(name):
            raise InvalidJob(f"the format {name} isn't supported: programs write lines (TextOutputFormat)")

    def _partition_options(self) -> str:
        name = self._values.get("mapreduce.job.partitioner.class", "HashPartitioner")
        fields = self._number("num.key.fields.for.partition", 1)
        options = self._values.get("mapreduce.partition.keypartitioner.options") or (f"-k1,{fields}" if fields else "")
        if not _BY_FIELDS.fullmatch(name) and not _BY_HASH.fullmatch(name):
            known = "HashPartitioner and KeyFieldBasedPartitioner"
            raise InvalidJob(f"the partitioner {name} isn't supported: use one of {known}")
        return options

    def _flag(self, name: str, *, default: bool) -> bool:
        value = self._values.get(name, str(default)).lower()
        if value not in ("true", "false"):
            raise InvalidJob(f"{name} must be true or false, not {value!r}")
        return value == "true"

    def _number(self, name: str, least: int) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or int(value) < least:
            raise InvalidJob(f"{name} must be a number, {least} or greater, not {value!r}")
        return int(value)

    def _separator(self, name: str, *, line_end: bool = False) -> str | None:
        value = self._values.get(name)
        if value is None:
            return None
        text = unescaped(value)
        if not text or ("\n" in text and not line_end):
            raise InvalidJob(f"{name} must be at least one character, and not a line break; not {value!r}")
        return text


def unescaped(text: str) -> str:
    r"""A setting's value with its escapes replaced, since tabs are hard to type in a shell.

    >>> unescaped(r"\t"), unescaped(r"\x01"), unescaped(r"\u00a7"), unescaped("|")
    ('\t', '\x01', '§', '|')
    """

    def read(match: "re.Match[str]") -> str:
        if code := match[1] or match[2]:
            return chr(int(code, 16))
        return _PLAIN.get(match[3], match[0])

    return _ESCAPE.sub(read, text)


def _refuse(name: str, new: str, value: str) -> None:
    """Check that a setting takes effect, changes nothing, or isn't Hadoop's. Raises InvalidJob."""
    known = f"{name} (now {new})" if new != name else name
    if new in FOLLOWED:
        return
    if new in ONLY:
        accepted, why = ONLY[new]
        if value not in accepted and unescaped(value) not in accepted:
            raise InvalidJob(f"the setting {known} isn't supported with the value {value!r}: {why}")
        return
    listed = max((one for one in (*REFUSED, *WITHOUT_EFFECT) if _fits(new, one)), key=len, default=None)
    if listed in REFUSED:
        raise InvalidJob(f"the setting {known} isn't supported: {REFUSED[listed]}")
    if listed is None and new.startswith(PREFIXES):
        near = get_close_matches(name, [*FOLLOWED, *NEW_NAMES, *ONLY], n=1, cutoff=0.9)
        meant = f"if you mean {near[0]}, write that; otherwise " if near else ""
        mend = f"{meant}leave it out, or if it is for your own program, give it a name that doesn't begin like Hadoop's"
        raise InvalidJob(f"the setting {known} isn't known, and would have no effect: {mend}")


def _fits(name: str, listed: str) -> bool:
    return name == listed or (listed.endswith(".") and name.startswith(listed))
