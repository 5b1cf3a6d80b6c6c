"""A schedule on a real Kubernetes: fired by a replica in the cluster, with the roles that the auth service knows."""

import json
from pathlib import Path
from typing import Any

from tests.argo.installation import Installation, eventually


def test_a_schedule_submits_a_job_when_it_is_due(installation: Installation, tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("to be or not to be\n")
    when = ("--cron", "* * * * *", "--timezone", "Europe/Athens")
    what = ("submit", "wordcount", "--input", text, "--output", "files:often/{scheduled}/")
    installation.fanfold("schedule", "add", "often", *when, "--", *what)

    def fired() -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = json.loads(installation.fanfold("schedule", "show", "often", "--json"))[
            "history"
        ]
        return [tick for tick in history if tick["job"]]

    try:
        tick = eventually(fired, "a tick has a job", 90)[-1]
        ended = json.loads(installation.fanfold("watch", tick["job"], "--json"))
        assert (ended["state"], ended["schedule"]) == ("succeeded", {"name": "often", "tick": tick["tick"]})
        stamp = tick["tick"].replace("-", "").replace(":", "")
        assert f"often/{stamp}/_SUCCESS" in installation.fanfold("ls", "-R", "files:often/")
        by_hand = installation.fanfold("schedule", "run", "often").strip()
        assert json.loads(installation.fanfold("watch", by_hand, "--json"))["state"] == "succeeded"
    finally:
        installation.fanfold("schedule", "remove", "often")
