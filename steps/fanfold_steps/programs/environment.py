"""The environment variables of programs, under Hadoop's names, old and new, and Fanfold's own."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from fanfold_steps.job.spec import JobConf
from fanfold_steps.tree.task import Task

_OLD_NAMES = {
    "mapreduce_job_id": "mapred_job_id",
    "mapreduce_job_name": "mapred_job_name",
    "mapreduce_job_maps": "mapred_map_tasks",
    "mapreduce_job_reduces": "mapred_reduce_tasks",
    "mapreduce_task_id": "mapred_tip_id",
    "mapreduce_task_attempt_id": "mapred_task_id",
    "mapreduce_task_ismap": "mapred_task_is_map",
    "mapreduce_task_partition": "mapred_task_partition",
    "mapreduce_map_input_file": "map_input_file",
    "mapreduce_map_input_start": "map_input_start",
    "mapreduce_map_input_length": "map_input_length",
}


def of_task(conf: JobConf, task: Task, attempt: str, tasks: Mapping[str, int]) -> dict[str, str]:
    """The variables of every program of an attempt; `tasks` counts the tasks of each step of its stage."""
    name = f"task_{conf.id}_{task.stage}_{task.step[0]}_{task.index:06d}"
    variables = {
        "mapreduce_job_id": conf.id,
        "mapreduce_job_name": conf.spec.name,
        "mapreduce_job_maps": str(tasks["map"]),
        "mapreduce_job_reduces": str(tasks.get("reduce", 0)),
        "mapreduce_task_id": name,
        "mapreduce_task_attempt_id": f"attempt{name.removeprefix('task')}_{attempt}",
        "mapreduce_task_ismap": "true" if task.step == "map" else "false",
        "mapreduce_task_partition": str(task.index),
        "mapreduce_output_fileoutputformat_outputdir": conf.output,
        "FANFOLD_PYTHON": sys.executable,
        "FANFOLD_JOB": conf.id,
        "FANFOLD_STAGE": str(task.stage),
        "FANFOLD_STEP": task.step,
        "FANFOLD_TASK": str(task.index),
    }
    return _with_old_names(variables)


@dataclass(frozen=True, slots=True)
class Piece:
    """The piece of a file that a mapper program reads."""

    url: str
    start: int
    stop: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables that describe the piece."""
        variables = {
            "mapreduce_map_input_file": self.url,
            "mapreduce_map_input_start": str(self.start),
            "mapreduce_map_input_length": str(self.stop - self.start),
            "FANFOLD_INPUT_FILE": self.url,
        }
        return _with_old_names(variables)

    @property
    def about(self) -> str:
        """The piece, as the end of an error message."""
        return f" over {self.url}, bytes {self.start} to {self.stop}"


def of_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """A job's settings as variables: in their names, anything but letters and digits becomes `_`.

    >>> of_settings({"wordcount.case.sensitive": "true"})
    {'wordcount_case_sensitive': 'true'}
    """
    return {re.sub(r"[^A-Za-z0-9]", "_", name): value for name, value in settings.items()}


def _with_old_names(variables: dict[str, str]) -> dict[str, str]:
    return {**variables, **{old: variables[new] for new, old in _OLD_NAMES.items() if new in variables}}
