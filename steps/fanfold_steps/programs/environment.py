"""What a program finds in its environment, by the names that Hadoop gives it, old and new."""

import re
from collections.abc import Mapping

from fanfold_steps.spec import JobConf
from fanfold_steps.tree import Task

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
    """What every program of an attempt at a task is told; `tasks` counts those of each step of its stage."""
    name = f"task_{conf.id}_{task.stage}_{task.step[0]}_{task.index:06d}"
    told = {
        "mapreduce_job_id": conf.id,
        "mapreduce_job_name": conf.spec.name,
        "mapreduce_job_maps": str(tasks["map"]),
        "mapreduce_job_reduces": str(tasks.get("reduce", 0)),
        "mapreduce_task_id": name,
        "mapreduce_task_attempt_id": f"attempt{name.removeprefix('task')}_{attempt}",
        "mapreduce_task_ismap": "true" if task.step == "map" else "false",
        "mapreduce_task_partition": str(task.index),
        "mapreduce_output_fileoutputformat_outputdir": conf.output,
        "FANFOLD_JOB": conf.id,
        "FANFOLD_STAGE": str(task.stage),
        "FANFOLD_STEP": task.step,
        "FANFOLD_TASK": str(task.index),
    }
    return _with_old_names(told)


def of_range(url: str, start: int, length: int) -> dict[str, str]:
    """What a mapper is told of the piece of a file that it is given."""
    return _with_old_names(
        {
            "mapreduce_map_input_file": url,
            "mapreduce_map_input_start": str(start),
            "mapreduce_map_input_length": str(length),
            "FANFOLD_INPUT_FILE": url,
        }
    )


def of_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings of a job as variables: what is no letter or digit becomes `_`.

    >>> of_settings({"wordcount.case.sensitive": "true"})
    {'wordcount_case_sensitive': 'true'}
    """
    return {re.sub(r"[^A-Za-z0-9]", "_", name): value for name, value in settings.items()}


def _with_old_names(told: dict[str, str]) -> dict[str, str]:
    return {**told, **{old: told[new] for new, old in _OLD_NAMES.items() if new in told}}
