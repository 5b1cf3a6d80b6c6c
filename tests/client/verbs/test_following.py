"""Following a job: how often the service is asked, and for how long it may be away."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from fanfold.terminal.display import Display
from fanfold_client.api.events import NoStream
from fanfold_client.api.problems import Away
from fanfold_client.jobs import following
from fanfold_client.verbs.watching import ending


class Service:
    """A service over which time passes only while somebody waits."""

    def __init__(self, *states: str, seconds_a_try: float = 0.0) -> None:
        self.states = list(states)
        self.now, self.pauses, self.seconds_a_try = 0.0, list[float](), seconds_a_try

    def events(self, _: str) -> Iterator[Any]:
        raise NoStream("a proxy is in between")

    def get(self, _: str) -> dict[str, Any]:
        self.now += self.seconds_a_try
        state = self.states.pop(0)
        if state == "away":
            raise Away("no response")
        return {"id": "7f", "state": state, "stages": []}

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def follow(service: Service, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(following, "time", service)
    return following.follow(service, "7f", Display(quiet=True))  # type: ignore[arg-type]


def test_small_jobs_are_asked_about_often_and_long_ones_once_a_second(monkeypatch: pytest.MonkeyPatch):
    service = Service(*["running"] * 20, "succeeded")
    assert follow(service, monkeypatch)["state"] == "succeeded"
    assert service.pauses[0] == 0.1
    assert all(after == pytest.approx(min(1.0, 1.2 * before)) for before, after in pairwise(service.pauses))
    assert service.pauses[-1] == 1.0


def test_a_service_may_be_away_for_a_minute_again_and_again(monkeypatch: pytest.MonkeyPatch):
    service = Service(*["away"] * 58, "running", *["away"] * 58, "failed")
    assert follow(service, monkeypatch)["state"] == "failed"


def test_a_service_that_is_away_for_longer_is_given_up(monkeypatch: pytest.MonkeyPatch):
    service = Service("running", *["away"] * 3, seconds_a_try=20.0)
    with pytest.raises((Away, IndexError)) as error:
        follow(service, monkeypatch)
    assert error.type is Away
    assert service.states == []


@pytest.mark.parametrize(
    ("who", "counter"), [("combiner", "keys_combined_to_none"), ("reducer", "keys_reduced_to_none")]
)
@pytest.mark.parametrize(("written", "asked"), [(0, True), (3, False)])
def test_a_job_that_wrote_nothing_is_asked_about_a_forgotten_yield(
    capsys: pytest.CaptureFixture[str], who: str, counter: str, written: int, asked: bool
):
    own = {"input_records": 3, counter: 2, "output_records": written}
    job: Any = {"id": "7f", "state": "succeeded", "output": None, "counters": {"fanfold": own}}
    assert ending.report_end(job) == 0
    assert (f"the {who} returned None for 2 keys" in capsys.readouterr().err) is asked
