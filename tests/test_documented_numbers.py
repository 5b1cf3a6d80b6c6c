"""A number that a document states is the one in the code."""

from pathlib import Path

import pytest

from fanfold_auth import settings
from fanfold_steps.formats.values import kinds
from fanfold_steps.job import sizes
from fanfold_steps.outputs import quarantine
from fanfold_steps.tree import plan
from fanfold_steps.worker import claims, last_task, logs, schedule
from fanfold_submit.reconciling import reconciler

CHECKOUT = Path(__file__).parents[1]
DEFAULTS = {name: field.default for name, field in settings.Settings.model_fields.items()}

NUMBERS = [
    ("docs/glossary.md", "valid for ten minutes", DEFAULTS["token_seconds"] == 10 * 60),
    ("docs/glossary.md", "the runs of 64 neighbouring map tasks", plan.GROUP == 64),
    ("docs/glossary.md", "What a worker writes every second", claims.HEARTBEAT_SECONDS == 1),
    ("docs/broken-job.md", "hasn't changed for five seconds", claims.DEAD_AFTER_SECONDS == 5),
    ("docs/broken-job.md", "the last 20 lines that the failed task printed", logs.LAST_LINES == 20),
    ("docs/broken-job.md", "starts them again, three times", reconciler.DISPATCHES_AGAIN == 3),
    ("docs/jobs.md", "at which the process dies four times", last_task.MOST_DEATHS == 4),
    ("docs/jobs.md", "up to 1 MiB per worker", logs.LARGEST_LOG == 1 << 20),
    ("docs/jobs.md", "it is cut after 10,000 characters", quarantine.LONGEST_RECORD == 10_000),
    ("docs/jobs.md", "each of 1 to 64 MiB", (sizes.SMALLEST_SPLIT, sizes.LARGEST_SPLIT) == (1 << 20, 64 << 20)),
    ("docs/jobs.md", "where there would be over 100,000", sizes.MOST_SPLITS == 100_000),
    ("docs/jobs.md", "decimal with 38 digits", kinds.MOST_DIGITS == 38),
    ("ARCHITECTURE.md", "more than twice as long as is typical", schedule.SLOW == 2),
]


@pytest.mark.parametrize(("document", "words", "holds"), NUMBERS, ids=[words for _, words, _ in NUMBERS])
def test_a_number_in_a_document_is_that_of_the_code(document: str, words: str, holds: bool) -> None:
    assert words in " ".join((CHECKOUT / document).read_text().split()), "the document says it in other words"
    assert holds
