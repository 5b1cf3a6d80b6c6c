"""The map step for programs: the mapper is a program, or the reducer, or both."""

from dataclasses import replace

from fanfold_steps.formats import LineRecords
from fanfold_steps.programs.attempt import Programs
from fanfold_steps.programs.batches import ProgramBatches
from fanfold_steps.programs.collector import line_collector
from fanfold_steps.programs.line_keys import joined
from fanfold_steps.records.map import RecordMapStep, Work
from fanfold_steps.records.mappers import Mapper
from fanfold_steps.stage.attempt import Attempt
from fanfold_steps.stage.inputs import StageInputs
from fanfold_steps.stage.setup import StageSetup
from fanfold_steps.tree.commit import Commit


class ProgramMapStep:
    """The map step of a stage whose mapper is a program, or whose reducer is one, or both.

    Whatever goes to a reducer is collected as records are: the lines that a mapper program writes, or the pairs of a
    mapper function as lines for a reducer program.
    """

    def __init__(self, setup: StageSetup) -> None:
        self._setup = setup
        self._mappers = {name: Mapper.of(one.map, setup.code) for name, one in setup.inputs.items()}
        self._records = RecordMapStep(setup) if setup.partitions else None

    def run(self, attempt: Attempt, inputs: StageInputs) -> Commit:
        """Map what the task reads, and write its run, or its part if there is no reducer.

        Raises:
            PermanentFailure: a program failed, or the user's code did.
            StorageError: the store is unavailable.
        """
        batches, mapper = inputs.batches(attempt.task), self._mappers[inputs.input_of(attempt.task)]
        programs = Programs(attempt, self._setup.code, self._setup.tasks)
        begin_lines = line_collector(self._setup, mapper.program, programs)
        if mapper.program is None:
            assert self._records
            written = self._records.write_run(Work(attempt, inputs, mapper, batches, begin_lines))
        else:
            mapped = ProgramBatches(programs, mapper.program, batches, as_lines=begin_lines is not None)
            if self._records:
                written = self._records.write_run(Work(attempt, inputs, mapper, mapped, begin_lines))
            else:
                lines = LineRecords(iter(joined(mapper.program, mapped.blocks())))
                written = self._setup.sink.write(attempt.task, attempt.name, lines, "mapper")
            written = replace(written, records=mapped.records)
        return attempt.commit(written, read=batches.size)
