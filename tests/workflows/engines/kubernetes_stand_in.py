"""A small HTTP server that answers for the Kubernetes API: the paths of Workflows and Secrets that the engine asks for.

It keeps versions, pages, uids and preconditions as the real one does. What a controller would do, tests do: `change`.
"""

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FOLDER = "/apis/argoproj.io/v1alpha1/namespaces/fanfold/workflows"
SECRETS = "/api/v1/namespaces/fanfold/secrets"
PAGE = 2


class StandIn:
    """The Workflows of the namespace `fanfold`, and how the server misbehaves."""

    def __init__(self) -> None:
        self.url = ""
        self.workflows: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, str, dict[str, Any]]] = []
        self.version = 100
        self.oldest = 0
        """Watches from before this version are answered with 410, as after a compaction."""
        self.refusal: tuple[int, str] | None = None
        """What every request is answered with."""
        self.requests: list[str] = []
        self.changed = threading.Condition()
        self.creating = threading.Lock()
        self.cut = 0
        """Connections of watches are dropped whenever this is counted up."""

    def change(self, name: str, **fields: Any) -> None:
        """Merge fields into a Workflow, as its controller would."""
        with self.changed:
            workflow = self.workflows[name]
            for key, value in fields.items():
                workflow[key] = {**workflow.get(key, {}), **value}
            self._note("MODIFIED", workflow)

    def put(self, workflow: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            workflow["metadata"]["uid"] = str(uuid.uuid4())
            self.workflows[workflow["metadata"]["name"]] = workflow
            self._note("ADDED", workflow)
            return workflow

    def remove(self, name: str) -> None:
        with self.changed:
            self._note("DELETED", self.workflows.pop(name))

    def compact(self) -> None:
        with self.changed:
            self.oldest = self.version + 1
            self.version += 1
            self.cut += 1
            self.changed.notify_all()

    def drop_watches(self) -> None:
        with self.changed:
            self.cut += 1
            self.changed.notify_all()

    def _note(self, kind: str, workflow: dict[str, Any]) -> None:
        self.version += 1
        workflow["metadata"]["resourceVersion"] = str(self.version)
        self.history.append((self.version, kind, json.loads(json.dumps(workflow))))
        self.changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StandIn

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._create)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def do_DELETE(self) -> None:
        self._answer(self._delete)

    def _answer(self, action: Any) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        self.wanted = url.path.removeprefix(FOLDER).strip("/")
        self.state.requests.append(f"{self.command} {self.path}")
        if self.state.refusal:
            self._fail(*self.state.refusal)
        elif url.path.startswith(SECRETS):
            self._secret(url.path.removeprefix(SECRETS).strip("/"))
        elif not url.path.startswith(FOLDER):
            self._fail(404, "404 page not found")
        else:
            action()

    def _secret(self, name: str) -> None:
        """What the service may do with Secrets: create and delete."""
        if self.command == "DELETE":
            self._send(200, self.state.secrets.pop(name))
        elif self.command != "POST":
            self._fail(403, f"secrets is forbidden: cannot {self.command}")
        elif (name := self.body["metadata"]["name"]) in self.state.secrets:
            self._fail(409, f'secrets "{name}" already exists')
        else:
            self.state.secrets[name] = self.body
            self._send(201, self.body)

    def _get(self) -> None:
        if self.query.get("watch"):
            self._watch()
        elif not self.wanted:
            self._list()
        elif workflow := self.state.workflows.get(self.wanted):
            self._send(200, workflow)
        else:
            self._missing()

    def _create(self) -> None:
        name = self.body["metadata"]["name"]
        with self.state.creating:
            created = None if name in self.state.workflows else self.state.put(self.body)
        if created is None:
            self._fail(409, f'workflows.argoproj.io "{name}" already exists')
        else:
            self._send(201, created)

    def _patch(self) -> None:
        assert self.headers["Content-Type"] == "application/merge-patch+json"
        workflow = self.state.workflows.get(self.wanted)
        uid = self.body.pop("metadata", {}).get("uid")
        if not workflow:
            self._missing()
        elif uid and uid != workflow["metadata"]["uid"]:
            self._fail(422, f'Workflow.argoproj.io "{self.wanted}" is invalid: metadata.uid: field is immutable')
        else:
            self.state.change(self.wanted, **self.body)
            self._send(200, self.state.workflows[self.wanted])

    def _delete(self) -> None:
        workflow = self.state.workflows.get(self.wanted)
        if not workflow:
            self._missing()
        elif self.body["preconditions"]["uid"] != workflow["metadata"]["uid"]:
            self._fail(409, "Precondition failed: UID")
        else:
            assert self.body["propagationPolicy"] == "Foreground"
            self.state.change(self.wanted, metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"})
            self._send(200, workflow)

    def _list(self) -> None:
        found = [w for _, w in sorted(self.state.workflows.items()) if self._selected(w)]
        start = int(self.query.get("continue", 0))
        more = str(start + PAGE) if start + PAGE < len(found) else ""
        items = [_metadata(workflow) for workflow in found[start : start + PAGE]] or None
        self._send(200, {"metadata": {"resourceVersion": str(self.state.version), "continue": more}, "items": items})

    def _selected(self, workflow: dict[str, Any]) -> bool:
        labels = workflow["metadata"].get("labels", {})
        terms = self.query["labelSelector"].split(",")
        return all(
            labels.get(term.partition("!=")[0]) != term.partition("!=")[2] if "!=" in term else term in labels
            for term in terms
        )

    def _watch(self) -> None:
        assert self.query["allowWatchBookmarks"].lower() == "true"
        since, cut = int(self.query["resourceVersion"]), self.state.cut
        self.send_response(200)
        self.send_header("Content-Type", "application/json;stream=watch")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if since < self.state.oldest:
            self._event("ERROR", {"kind": "Status", "code": 410, "message": f"too old resource version: {since}"})
            self._chunk(b"")
            return
        try:
            self._event("BOOKMARK", {"metadata": {"resourceVersion": str(since)}})
            while True:
                with self.state.changed:
                    if self.state.version == since and self.state.cut == cut:
                        self.state.changed.wait(1)
                    news = [entry for entry in self.state.history if entry[0] > since]
                    since = max([since, *(version for version, _, _ in news)])
                for _, kind, workflow in news:
                    if self._selected(workflow):
                        self._event(kind, _metadata(workflow))
                if self.state.cut != cut:
                    self.close_connection = True
                    return  # in the middle of a chunked answer, as when a proxy dies
                if not news:
                    self._event("BOOKMARK", {"metadata": {"resourceVersion": str(since)}})
        except OSError:
            self.close_connection = True

    def _event(self, kind: str, data: dict[str, Any]) -> None:
        line = json.dumps({"type": kind, "object": data}).encode() + b"\n"
        half = len(line) // 2  # a line may come in pieces
        self._chunk(line[:half])
        self._chunk(line[half:])

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _missing(self) -> None:
        self._fail(404, f'workflows.argoproj.io "{self.wanted}" not found')

    def _fail(self, code: int, message: str) -> None:
        self._send(code, {"kind": "Status", "status": "Failure", "message": message, "code": code})

    def _send(self, code: int, data: dict[str, Any]) -> None:
        body = json.dumps(data).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _metadata(workflow: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "metadata": workflow["metadata"]}


class Server(ThreadingHTTPServer):
    daemon_threads = True


def serve(state: StandIn) -> Server:
    """Start it on a free port; `state.url` then tells where."""
    server = Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
