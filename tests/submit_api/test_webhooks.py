"""URLs that are notified when a job has ended: at least once, signed, to nobody whom the operator hasn't listed."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from fanfold_storage.records import Records, scan_all
from fanfold_storage.urls import open_records
from fanfold_submit.jobs.job import Job, State
from fanfold_submit.reconciling.deliveries import CLAIM, PAUSES, Deliveries
from fanfold_submit.webhooks.outbox import LARGEST, MESSAGES, body_of
from fanfold_submit.webhooks.secrets import OVERLAP, Secrets
from fanfold_submit.webhooks.sending import NotDelivered, send
from fanfold_submit.webhooks.targets import InvalidTarget, Target, TargetNotAllowed, Targets
from fanfold_web.clock import timestamp
from tests.submit_api.conftest import Site
from tests.submit_api.scheduling import ADA, Scheduling, request
from tests.submit_api.test_crashes import Killed, Tripwire
from tests.waiting import poll


class Receiver:
    """Somebody who is told, and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = open_records(f"sqlite://{tmp_path}/records.db")
    yield records
    records.close()


def documented_check() -> Callable[[dict[str, str], bytes, str], bool]:
    """The function of docs/schedules.md that says whether a message is genuine."""
    page = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    found: Callable[[dict[str, str], bytes, str], bool] = names["is_genuine"]
    return found


@pytest.mark.thorough
def test_a_job_tells_its_end(open_site: Callable[..., Site], receiver: Receiver) -> None:
    site = open_site(webhooks=(receiver.url,))
    ada = site.user("ada")
    ada.put("texts/a.txt")
    assert ada.http.get("/v1/webhooks").json() == {"allowed": [receiver.url], "secret_created": None}
    secret = ada.http.post("/v1/webhooks/secret").json()["secret"]
    job = ada.submit(notify=receiver.url).json()
    assert (job["notify"], job["notified"]) == (receiver.url, None)
    ada.wait(job["id"])
    told = poll(lambda: (found := ada.job(job["id"])["notified"])["state"] == "delivered" and found)
    assert (told["attempts"], told["error"]) == (1, None)
    ((headers, body),) = receiver.got
    is_genuine = documented_check()
    assert is_genuine(headers, body, secret)
    assert not is_genuine(headers, body + b" ", secret) and not is_genuine(headers, body, "whsec_AAAA")
    assert not is_genuine({**headers, "webhook-timestamp": "1795504500"}, body, secret)
    assert headers["content-type"] == "application/json"
    message = json.loads(body)
    assert message["type"] == "job.succeeded" and message["data"]["id"] == job["id"]
    assert message["data"]["output"] is None and "conf" not in message["data"]
    assert ada.http.get("/v1/webhooks").json()["secret_created"]
    assert scan_all(site.records, MESSAGES).records == []


def test_a_url_that_nobody_listed_is_refused_at_once(open_site: Callable[..., Site]) -> None:
    site = open_site(webhooks=("hooks.example.org", "https://in.example.org:8443/fanfold/"))
    ada = site.user("ada")
    ada.put("texts/a.txt")
    for url in (
        "https://example.org/", "http://hooks.example.org/", "https://hooks.example.org:444/",
        "https://in.example.org:8443/fanfoldx",
    ):  # fmt: skip
        refused = ada.submit(notify=url)
        assert refused.status_code == 403, refused.text
        list_ = "not on the operator's list of webhooks (hooks.example.org, https://in"
        assert list_ in refused.json()["detail"]
    for url, words in [
        ("not a url", "visible ASCII"),
        ("https://in.example.org:8443/fanfold/../x", "no `.` and no `..`"),
        ("https://in.example.org:8443/fanfold/%2E%2e/x", "no `.` and no `..`"),
        ("https://hooks.example.org@evil.example/", "no user"),
        ("https://hooks.example.org\\@evil.example/", "no backslash"),
        ("ftp://hooks.example.org/", "begins with https://HOST/"),
        ("https://hooks.example.org:99999/", "can't be notified"),
        ("https://hooks.example.org/ x", "visible ASCII"),
    ]:
        refused = ada.submit(notify=url)
        assert refused.status_code == 422 and words in refused.json()["detail"], refused.text
        assert refused.json()["detail"].startswith("notify: ") and "can't be notified" in refused.json()["detail"]
    assert ada.submit(notify="https://HOOKS.example.org/a?b=c").status_code == 202


@pytest.mark.parametrize(
    ("entry", "address", "may"),
    [
        ("h.example", "93.184.216.34", True), ("h.example", "2606:2800:220:1::1", True),
        ("h.example", "127.0.0.1", False), ("h.example", "::1", False), ("h.example", "10.0.0.7", False),
        ("h.example", "169.254.169.254", False), ("h.example", "fe80::1%eth0", False), ("h.example", "fd00::1", False),
        ("h.example", "100.64.0.1", False), ("h.example", "0.0.0.0", False), ("h.example", "224.0.1.1", False),
        ("h.example", "::ffff:127.0.0.1", False), ("h.example", "::ffff:93.184.216.34", True),
        ("h.example", "64:ff9b::7f00:1", False), ("h.example", "2002:7f00:1::", False),
        ("10.0.0.0/8", "10.0.0.7", True), ("10.0.0.0/8", "::ffff:10.0.0.7", True), ("10.0.0.0/8", "11.0.0.7", True),
        ("10.0.0.0/8", "192.168.0.1", False), ("fd00::/8", "fd00::1", True),
    ],
)  # fmt: skip
def test_a_host_is_reached_at_addresses_that_are_allowed(
    monkeypatch: pytest.MonkeyPatch, entry: str, address: str, may: bool
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, socket.SOCK_STREAM, 6, "", (address, 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    targets = Targets(("h.example", entry))
    target = targets.check("https://h.example/")
    if may:
        assert targets.address(target) == ip_address(address)
    else:
        with pytest.raises(TargetNotAllowed, match="none of them is public"):
            targets.address(target)


def test_an_entry_of_the_list_is_a_host_a_beginning_or_a_network() -> None:
    for entry in ("a b", "https://", "ftp://x/", "https://u@x/"):
        with pytest.raises(InvalidTarget):
            Targets((entry,))
    targets = Targets(("http://127.0.0.1:8080/in",))
    assert str(targets.address(targets.check("http://127.0.0.1:8080/in/a"))) == "127.0.0.1"
    with pytest.raises(TargetNotAllowed):
        targets.check("http://127.0.0.1:8081/in")


class Post:
    """Messages about jobs of a world whose clock stands still, and who delivers them."""

    def __init__(self, folder: Path, records: Records, url: str) -> None:
        self.world, self.records = Scheduling(folder, records), records
        self.deliveries = self.replica(records, url)

    def replica(self, records: Records, *urls: str) -> Deliveries:
        wall = self.world.wall
        return Deliveries(records, self.world.jobs, Targets(urls), Secrets(records, wall), self.world.meters, wall)

    def ended(self, url: str, state: State = State.SUCCEEDED, error: dict[str, Any] | None = None) -> Job:
        job = self.world.admission.admit(request().request, ADA).job
        current = self.world.jobs.find(job.id)
        assert current
        finished = timestamp(self.world.wall())
        assert self.world.jobs.change(
            current, job.model_copy(update={"notify": url, "state": state, "finished": finished, "error": error})
        )
        return self.job(job)

    def job(self, job: Job) -> Job:
        current = self.world.jobs.find(job.id)
        assert current
        return current.job

    def messages(self) -> list[str]:
        return [record.key.removeprefix(MESSAGES) for record in scan_all(self.records, MESSAGES).records]


def test_it_is_tried_again_until_it_is_taken(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    job = post.ended(receiver.url, State.FAILED, {"type": "urn:x", "detail": "why"})
    receiver.answers = [500, 301, 200]
    (message,) = post.messages()
    for attempt, words in enumerate(("answered with 500", "redirects aren't followed"), 1):
        again = post.deliveries.deliver(message)
        assert again is not None and 0.8 * PAUSES[attempt - 1] <= again <= 1.2 * PAUSES[attempt - 1]
        notified = post.job(job).notified
        assert notified and notified.state == "waiting" and notified.error and words in notified.error
        early = post.deliveries.deliver(message)
        assert early is not None and early > 0 and len(receiver.got) == attempt
        post.world.wall.now += again + 1
    assert post.deliveries.deliver(message) is None
    notified = post.job(job).notified
    assert notified and (notified.state, notified.attempts) == ("delivered", 3)
    counted = {
        outcome: post.world.meters.messages.labels(outcome)._value.get() for outcome in ("repeated", "delivered")
    }
    assert counted == {"repeated": 2, "delivered": 1}
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1 and post.messages() == []
    assert json.loads(receiver.got[0][1])["data"]["error"] == {"type": "urn:x", "detail": "why"}


def test_after_a_day_it_is_given_up_and_told(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    job = post.ended(receiver.url)
    receiver.answers = [503] * 20
    (message,) = post.messages()
    begun = post.world.wall()
    while (again := post.deliveries.deliver(message)) is not None:
        post.world.wall.now += again + 1
    assert len(receiver.got) == len(PAUSES) + 1 and 0.8 * 86400 < post.world.wall() - begun < 1.3 * 86400
    notified = post.job(job).notified
    assert notified and notified.state == "failed" and notified.error == "127.0.0.1 answered with 503"


def test_what_is_not_listed_any_more_is_not_told(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, "https://other.example/")
    job = post.ended(receiver.url)
    post.deliveries.deliver(post.messages()[0])
    notified = post.job(job).notified
    assert notified and notified.error and "not on the operator's list" in notified.error and receiver.got == []


def test_a_removed_job_is_told_of_all_the_same(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    job = post.ended(receiver.url)
    current = post.world.jobs.find(job.id)
    assert current
    post.world.jobs.close(current)
    post.world.jobs.remove(current)
    assert post.deliveries.deliver(post.messages()[0]) is None and len(receiver.got) == 1


def test_a_change_after_the_end_tells_nothing_again(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    job = post.ended(receiver.url)
    post.deliveries.deliver(post.messages()[0])
    current = post.world.jobs.find(job.id)
    assert current and post.world.jobs.change(current, current.job)
    notified = post.job(job).notified
    assert notified and notified.state == "delivered" and post.messages() == []


def test_two_replicas_send_it_once(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    post.ended(receiver.url)
    (message,) = post.messages()
    other, sent = post.replica(records, receiver.url), list[float | None]()

    class Watching(Secrets):
        def signing(self, owner_id: str) -> Any:
            sent.append(other.deliver(message))
            return super().signing(owner_id)

    world, watching = post.world, Watching(records, post.world.wall)
    first = Deliveries(records, world.jobs, Targets((receiver.url,)), watching, world.meters, world.wall)
    assert first.deliver(message) is None
    assert sent == [CLAIM] and len(receiver.got) == 1


@pytest.mark.parametrize("after", [False, True])
def test_it_may_die_at_every_write(tmp_path: Path, receiver: Receiver, after: bool) -> None:
    """The job's end and its message are one write; then the attempt is written down, and what came of it."""
    reached, point = True, 0
    while reached:
        point += 1
        folder = tmp_path / str(point)
        folder.mkdir()
        receiver.got.clear()
        records = open_records(f"sqlite://{folder}/records.db")
        post = Post(folder, records, receiver.url)
        job = post.ended(receiver.url)
        post.deliveries.secrets.replace("ada")
        wire = Tripwire(point, after)
        wired: Any = wire.around(records)
        (message,) = post.messages()
        try:
            post.replica(wired, receiver.url).deliver(message)
        except Killed:
            post.world.wall.now += CLAIM + 1
        post.deliveries.deliver(message)
        notified = post.job(job).notified
        assert notified and notified.state == "delivered" and 1 <= len(receiver.got) <= 2
        assert post.messages() == []
        reached = wire.calls >= point
        records.close()
    assert point == 3


def test_one_owners_slow_receivers_leave_others_their_turn(tmp_path: Path, records: Records) -> None:
    post = Post(tmp_path, records, "https://h.example/")
    for _ in range(2):
        assert post.deliveries._enter("ada")
    assert not post.deliveries._enter("ada") and post.deliveries._enter("bob")
    post.deliveries._leave("ada")
    assert post.deliveries._enter("ada")


def test_an_attempt_ends_in_time_however_slowly_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanfold_submit.webhooks.sending.TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        target = Target.of(f"http://127.0.0.1:{server.getsockname()[1]}/")
        with pytest.raises(NotDelivered):
            send(target, ip_address("127.0.0.1"), b"{}", {})
        stop.set()
        thread.join(10)


def test_a_body_is_bounded() -> None:
    body = body_of("job.failed", "now", {"id": "7f", "output": "x" * 100_000, "more": ["y" * 3000] * 9})
    assert len(body) < LARGEST and json.loads(body)["data"] == {"id": "7f", "output": "x" * 500}


def test_a_replaced_secret_signs_for_a_day_more(records: Records) -> None:
    moment = [1_795_504_500.0]
    secrets = Secrets(records, lambda: moment[0])
    (unknown,) = secrets.signing("ada")
    assert secrets.created("ada") is None
    first = secrets.replace("ada")
    assert first.previous is None and first.current != unknown, "nobody could have used the one before"
    second = secrets.replace("ada")
    assert list(secrets.signing("ada")) == [second.current, first.current]
    moment[0] += OVERLAP
    assert list(secrets.signing("ada")) == [second.current]
    assert list(secrets.signing("bob")) != list(secrets.signing("ada"))


def test_a_schedule_tells_what_nothing_came_of(tmp_path: Path, records: Records, receiver: Receiver) -> None:
    post = Post(tmp_path, records, receiver.url)
    world = post.world
    world.add(request={"inputs": ["files:nowhere/"]})
    current = world.records.find("ada/nightly")
    assert current
    assert world.records.change(current, current.schedule.model_copy(update={"notify": receiver.url}))
    world.wall.set("2026-11-24T07:30:01Z")
    world.fire()
    for message in post.messages():
        post.deliveries.deliver(message)
    bodies = [json.loads(body) for _, body in receiver.got]
    assert [body["type"] for body in bodies] == ["schedule.missed", "schedule.refused"]
    assert bodies[1]["data"]["failures"] == 1 and "files:nowhere/" in bodies[1]["data"]["why"]
