"""Workflows of many forms, for tests that look at them and for Argo's own linter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hera.workflows import Workflow

from fanfold.builtin.grep import job as grep
from fanfold.builtin.topk import job as topk
from fanfold.builtin.wordcount import job as wordcount
from fanfold.definitions.options import PodOptions
from fanfold.resolve import load_module

JOBS: Any = load_module(Path(__file__).with_name("apart") / "variant_jobs.py")
PARAMETERS, NAMED, APART = JOBS.PARAMETERS, JOBS.NAMED, JOBS.APART
S3: PodOptions = {"s3_secret": "fanfold-s3", "image": "with-the-code"}
PLACES = ("s3://texts/", "s3://counts/{{workflow.uid}}/")

VARIANTS: dict[str, Callable[[], Workflow]] = {
    "one pod": lambda: wordcount.workflow(*PLACES, **S3),
    "several pods": lambda: wordcount.workflow(*PLACES, workers=4, name="words", **S3),
    "in order": lambda: wordcount.workflow(*PLACES, workers=4, partitions=2, in_order=True, **S3),
    "no reducer": lambda: grep.workflow(*PLACES, workers=4, params={"pattern": "a{{workflow.name}}"}, **S3),
    "stages apart": lambda: APART.workflow(*PLACES, workers=3, **S3),
    "a template": lambda: wordcount.workflow_template("words", **S3),
    "a template in order": lambda: wordcount.workflow_template("words", in_order=True, workers=3, **S3),
    "a template of stages apart": lambda: APART.workflow_template("apart", workers=3, **S3),
    "a template with named inputs": lambda: NAMED.workflow_template("named", **S3),
    "a template with parameters": lambda: PARAMETERS.workflow_template("parameters", **S3),
    "on a claim": lambda: topk.workflow("file:///data/in/", "file:///data/out/", claim="data", params={"k": 3}),
    "at night": lambda: wordcount.cron_workflow(
        "nightly", schedules=["0 3 * * *", "@daily"], input=PLACES[0], output=PLACES[1], **S3
    ),
}
