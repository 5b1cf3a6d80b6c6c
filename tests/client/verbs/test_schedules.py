"""`fanfold schedule` with real services: a command line of `submit` is kept, fired by hand or by itself, removed."""

import json
from pathlib import Path

import pytest

from tests.client.services import People, Person, Up, people
from tests.submit_api.test_webhooks import Receiver
from tests.waiting import poll

ADD = ("schedule", "add", "nightly", "--cron", "0 3 * * *", "--timezone", "Europe/Athens")
JOB = """
from fanfold import Job, Sum

def words(line):
    for word in line.split():
        yield word, 1

job = Job(map=words, reduce=Sum())
"""


@pytest.mark.thorough
def test_a_schedule_keeps_a_command_line_with_its_uploads(fanfold: Person, texts: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(JOB)
    submit = ("submit", file, "--input", texts, "--output", "files:counts/{scheduled}/", "--partitions", "1")
    added = fanfold(*ADD, "--overlap", "queue", "--", *submit)
    assert added.text == "nightly\n" and "It is due next at 20" in added.stderr
    assert fanfold("jobs").text == ""
    assert "schedule/nightly" in fanfold("delegations", "list").text
    for path in (file, *texts.rglob("*")):
        if path.is_file():
            path.unlink()
    assert "nightly" in fanfold("schedule", "list").text
    job = fanfold("schedule", "run", "nightly").text.strip()
    assert fanfold("watch", job, "--json").json["schedule"]["name"] == "nightly"
    assert b"be\t100" in fanfold("results", job, "--stdout").stdout
    shown = fanfold("schedule", "show", "nightly").text
    assert "Europe/Athens" in shown and job in shown and "submitted (by hand)" in shown
    assert "Paused nightly." in fanfold("schedule", "pause", "nightly").stderr
    assert "paused" in fanfold("schedule", "list").text
    assert "Resumed nightly" in fanfold("schedule", "resume", "nightly").stderr
    assert fanfold("schedule", "show", "nightly", "--json").json["request"]["partitions"] == 1
    assert "Removed nightly." in fanfold("schedule", "remove", "nightly").stderr
    assert "There are no schedules." in fanfold("schedule", "list").stderr
    assert "No service may do anything for you." in fanfold("delegations", "list").stderr


@pytest.mark.thorough
def test_it_is_fired_when_it_is_due(fanfold: Person, texts: Path) -> None:
    fanfold("schedule", "add", "often", "--cron", "* * * * *", "--", "submit", "wordcount", "--input", texts)
    (job,) = poll(lambda: fanfold("jobs", "--json").json["items"], seconds=90)
    assert fanfold("watch", job["id"], "--json").json["state"] == "succeeded"
    history = json.loads(fanfold("schedule", "show", "often", "--json").text)["history"]
    assert [(tick["outcome"], tick["by_hand"], tick["job"]) for tick in history][-1] == ("submitted", False, job["id"])
    fanfold("schedule", "remove", "often")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "wordcount", "--input", "files:a/"), "after -- comes a command line of `submit`"),
        (("submit", "wordcount"), "Missing option '--input'"),
        (("submit", "wordcount", "--input", "files:a/", "--key", "x"), "--key goes with a job that is submitted now"),
        (("submit", "wordcount", "--input", "files:a/", "--watch"), "--watch goes with a job that is submitted now"),
        (("submit", "wordcount", "--input", "files:a/", "--json"), "--json goes with a job that is submitted now"),
        (("submit", "wordcount", "--input", "files:a/", "--speed", "9"), "No such option"),
    ],
)
def test_what_a_schedule_cannot_follow_is_refused(fanfold: Person, words: tuple[str, ...], said: str) -> None:
    assert said in fanfold(*ADD, "--", *words, status=2).stderr


@pytest.mark.thorough
def test_a_refusal_of_the_service_is_told(fanfold: Person, texts: Path) -> None:
    refused = fanfold(*ADD, "--", "submit", "wordcount", "--input", texts, "--output", "files:counts/", status=3)
    assert "the output would be the same" in refused.stderr
    odd = ("schedule", "add", "Every night", "--cron", "0 3 * * *")
    assert "has 1 to 63 lower-case letters" in fanfold(*odd, "--", "submit", "sort", "--input", texts, status=3).stderr
    assert "`fanfold schedule list` lists yours" in fanfold("schedule", "show", "none", status=5).stderr


@pytest.mark.thorough
def test_administrators_name_an_owner_as_people_do(make_person: People, texts: Path) -> None:
    ada, bob, admin = make_person(), make_person(), make_person("admin")
    for person in (ada, bob):
        person(*ADD, "--", "submit", "wordcount", "--input", texts)
    shown = admin("schedule", "show", "nightly", "--owner", ada.name, "--json").json
    assert shown["owner"] == ada.name
    assert admin("schedule", "show", "nightly", "--owner", shown["owner_id"], "--json").json == shown
    admin("schedule", "remove", "nightly", "--owner", ada.name)
    assert "nightly" not in ada("schedule", "list").text and "nightly" in bob("schedule", "list").text
    assert "There is no schedule 'nightly'" in admin("schedule", "pause", "nightly", "--owner", "x", status=5).stderr
    assert "needs the role admin" in ada("schedule", "show", "nightly", "--owner", bob.name, status=4).stderr
    bob("schedule", "remove", "nightly")


def test_a_webhook_is_refused_unless_it_is_allowed_and_a_secret_is_shown_once(fanfold: Person, texts: Path) -> None:
    assert "This service notifies no URLs" in fanfold("webhook", "show").stderr
    submit = ("submit", "wordcount", "--input", texts, "--notify", "https://hooks.example.org/")
    assert "FANFOLD_SUBMIT_WEBHOOKS" in fanfold(*submit, status=4).stderr
    assert "FANFOLD_SUBMIT_WEBHOOKS" in fanfold(*ADD, "--", *submit, status=4).stderr
    first = fanfold("webhook", "secret")
    assert first.text.startswith("whsec_") and "signs, too" not in first.stderr
    second = fanfold("webhook", "secret")
    assert second.text != first.text and "The one before signs, too, until 20" in second.stderr
    assert "Your secret was made at 20" in fanfold("webhook", "show").stderr


@pytest.mark.thorough
def test_a_job_tells_its_end_where_it_is_allowed(tmp_path: Path, texts: Path) -> None:
    receiver = Receiver()
    up = Up(tmp_path, "--allow-webhook", receiver.url)
    try:
        makers = people(up, tmp_path / "people")
        ada = next(makers)()
        job = ada("submit", "wordcount", "--input", texts, "--notify", receiver.url, "--watch", "--json").json["id"]
        assert "delivered (1 attempt)" in poll(
            lambda: (text := ada("status", job).text) and "delivered" in text and text
        )
        assert len(receiver.got) == 1
    finally:
        up.stop()
        receiver.close()


def test_a_list_that_is_none_is_refused(fanfold: Person) -> None:
    assert "a URL begins with https://HOST/" in fanfold("up", "--allow-webhook", "ftp://x/", status=2).stderr
