"""The mapper of an input, and what the loops over records call in its place during one attempt."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from fanfold_steps.aggregations.exact import MixedKinds
from fanfold_steps.failure.blame import Blame
from fanfold_steps.failure.permanent import PermanentFailure
from fanfold_steps.failure.wording import shown
from fanfold_steps.inputs.batches import Batch
from fanfold_steps.inputs.cursor import Cursor
from fanfold_steps.job.spec import Function, Program
from fanfold_steps.outputs.side_records import NamedRecords
from fanfold_steps.outputs.to import UnknownOutput
from fanfold_steps.records.named_results import RecordFields
from fanfold_steps.records.pairs import Check, WrongResult, checked, is_pair, wrong_pairs, wrong_records
from fanfold_steps.records.skipping import skipping
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.tree.ways import MapSpec
from fanfold_steps.user_code.calling import UserFunction
from fanfold_steps.user_code.loading import Code

Call = Callable[[Any], Iterable[Any]]
"""Maps one item: a record, or a pair of key and record."""


class Mapper:
    """What maps the records of an input. Without a function each record stands for itself, as do the lines that a
    program has written."""

    def __init__(
        self,
        code: Code,
        function: UserFunction | None = None,
        program: Program | None = None,
        fields: RecordFields | None = None,
    ) -> None:
        self.code = code
        self._fields = fields
        self.program = program
        """What has mapped the records already, when they come here."""
        self._function = function
        self._keyed = function is not None and not function.takes(1)

    @classmethod
    def of(cls, spec: MapSpec, code: Code, fields: RecordFields | None = None) -> "Mapper":
        """The mapper that a spec names; with `fields` it emits their pairs. Raises PermanentFailure."""
        if spec is None:
            return cls(code, fields=fields)
        if isinstance(spec, Program):
            return cls(code, program=spec)
        assert isinstance(spec, Function)
        return cls(code, code.function(spec.function, "mapper", 1, 2), fields=fields)

    def begin(self, attempt: Attempt, check: Check | None = None, *, is_skipping: bool = False) -> "BegunMapper":
        """The mapper for one attempt: with its context, its `start` called.

        With `check` it emits pairs of a key and a value that passes; without it any records. If `is_skipping`, each
        record is looked at by itself, and a bad one goes to the attempt's quarantine.

        Raises:
            PermanentFailure: its `start` failed.
        """
        if self._function is None:
            call: Call = as_written if self.program else itself
            if self._fields:
                call = _pairs_of(self._fields, call)
            blame = MapperBlame(self.code.root, attempt.cursor, call, check, keyed=False)
            return BegunMapper(skipping(call, attempt, blame, check) if is_skipping else call, tuple, blame)
        begun = self._function.begin(attempt.context)
        call, finish, side_records = begun.call, begun.finish, attempt.side_records
        if self._keyed:
            call = _spread(call)
        if not self._function.generates:
            call = checked(call, pairs=check is not None and side_records is None and self._fields is None)
        if side_records:
            call, finish = _without(side_records, call), lambda: side_records.without(begun.finish())
        if self._fields:
            call, finish = _pairs_of(self._fields, call), partial(_finish_pairs, self._fields, finish)
        blame = MapperBlame(self.code.root, attempt.cursor, call, check, keyed=self._keyed)
        if is_skipping:
            call = skipping(call, attempt, blame, check)
        return BegunMapper(call, finish, blame, keyed=self._keyed)


class BegunMapper:
    """A mapper at work in one attempt."""

    def __init__(
        self, call: Call, finish: Callable[[], Iterable[Any]], blame: "MapperBlame", *, keyed: bool = False
    ) -> None:
        self.call = call
        self.finish = finish
        """What it emits in the end."""
        self.blame = blame
        """The context to call it in."""
        self._keyed = keyed

    def items(self, batch: Batch, records: list[Any]) -> list[Any]:
        """The records of a batch, as this mapper takes them."""
        return batch.pairs(records) if self._keyed else records


class MapperBlame(Blame):
    """Tells the failure of a mapper with the record at which it failed, and what is wrong with what it emitted."""

    def __init__(self, code_root: Path, cursor: Cursor, call: Call, check: Check | None, *, keyed: bool) -> None:
        super().__init__("mapper", code_root)
        self.check = check
        self._cursor = cursor
        self._call = call
        self._keyed = keyed

    def failure(self, error: BaseException) -> PermanentFailure:
        """The failure that an exception is, at the cursor's record."""
        position = self._cursor.position
        if isinstance(error, WrongResult | UnknownOutput | MixedKinds):
            return PermanentFailure("mapper", str(error), position=position)
        failure = super().failure(error)
        failure.position = position
        if position and not failure.trace and (problem := self._explain(self._cursor.item)):
            return PermanentFailure("mapper", problem, position=position)
        return failure

    def _explain(self, item: Any) -> str | None:
        """What is wrong with what it emitted, found by running it once more; None if that shows nothing."""
        if self._keyed and not is_pair(item):
            found = f"the stage before emitted {shown(item)}, which is not a pair"
            return f"the mapper takes a key and a record, but {found}"
        try:
            emitted = self._call(item)
            return wrong_records(emitted, pairs=bool(self.check)) or (self.check and wrong_pairs(emitted, self.check))
        except Exception:  # noqa: BLE001 — the mapper may do something else the second time
            return None


def as_written(record: Any) -> tuple[Any]:
    """A record that a program wrote, as it is."""
    return (record,)


def itself(record: Any) -> tuple[Any]:
    """A record that nothing maps."""
    return (record,)


def _without(side_records: NamedRecords, call: Call) -> Call:
    return lambda item: side_records.without(call(item))


def _spread(call: Callable[[Any, Any], Iterable[Any]]) -> Call:
    return lambda pair: call(*pair)


def _pairs_of(fields: RecordFields, call: Call) -> Call:
    return lambda item: fields.pairs(call(item))


def _finish_pairs(fields: RecordFields, finish: Callable[[], Iterable[Any]]) -> Iterable[Any]:
    return fields.pairs(finish())
