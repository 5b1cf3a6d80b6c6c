"""The Kubernetes API calls that the Argo engine makes: each has a time limit, and errors carry the API's message."""

import contextlib
import json
import logging
import os
from collections.abc import Generator, Iterator
from random import SystemRandom
from threading import Event, Thread
from typing import Any, TypeAlias

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from fanfold.engines.protocol import EngineError

log = logging.getLogger("fanfold")
GROUP, VERSION, PLURAL = "argoproj.io", "v1alpha1", "workflows"
CONNECT_SECONDS, READ_SECONDS = 5, 30
WATCH_SECONDS = 300  # then the server ends a watch, and the next one continues there
SILENT_SECONDS = 90  # the server sends a bookmark each minute, so a longer silence is a dead connection
PAGE = 500
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"

Object: TypeAlias = dict[str, Any]


class Taken(EngineError):
    """An object with that name exists already."""


def connect() -> client.ApiClient:
    """A client for the cluster: in a pod, its own; elsewhere, the current context of KUBECONFIG or `~/.kube/config`.

    Raises:
        EngineError: no cluster is configured.
    """
    settings = client.Configuration()
    settings.retries = urllib3.Retry(total=2, connect=2, read=0, redirect=0, status=0, other=0)
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(client_configuration=settings)
    except (config.ConfigException, OSError) as error:
        why = str(error).rstrip(".")
        raise EngineError(
            f"no Kubernetes cluster is configured: {why}. Set KUBECONFIG to your cluster's file"
        ) from error
    return client.ApiClient(settings)


class WorkflowsApi:
    """The Workflows of one namespace. Every call raises EngineError if the API doesn't respond, or refuses."""

    def __init__(self, namespace: str, api: client.ApiClient) -> None:
        self.namespace = namespace
        self._client = api
        self._calls = client.CustomObjectsApi(api)
        self._where = {"group": GROUP, "version": VERSION, "namespace": namespace, "plural": PLURAL}

    def create(self, workflow: Object) -> Object:
        """Create a Workflow. Raises Taken: its name is in use."""
        created: Object = self._call("create", "create_namespaced_custom_object", body=workflow)
        return created

    def get(self, name: str) -> Object | None:
        """The Workflow of that name, or None."""
        try:
            workflow: Object = self._call("get", "get_namespaced_custom_object", name=name)
        except _Missing:
            return None
        return workflow

    def patch(self, name: str, uid: str, change: Object) -> None:
        """Merge a change into the Workflow with that name and uid, if it still exists."""
        body = {**change, "metadata": {"uid": uid}}
        with contextlib.suppress(_Missing, Taken):
            self._call("patch", "patch_namespaced_custom_object", name=name, body=body)

    def delete(self, name: str, uid: str) -> None:
        """Delete the Workflow with that name and uid, if it still exists, once its pods are gone."""
        body = client.V1DeleteOptions(propagation_policy="Foreground", preconditions=client.V1Preconditions(uid=uid))
        with contextlib.suppress(_Missing, Taken):
            self._call("delete", "delete_namespaced_custom_object", name=name, body=body)

    def list(self, selector: str) -> Generator[Object, None, str]:
        """The metadata of all Workflows that match, page by page; returns the list's resource version."""
        page: Object = {}
        token = None
        while token != "":
            page = self._call(
                "list",
                "list_namespaced_custom_object",
                label_selector=selector,
                limit=PAGE,
                _continue=token,
                _headers={"Accept": METADATA.format("List")},
            )
            for item in page["items"] or []:  # null when there is none
                yield item["metadata"]
            token = page["metadata"].get("continue", "")
        return str(page["metadata"]["resourceVersion"])

    def follow(self, selector: str, stop: Event) -> Iterator[Object]:
        """The metadata of all Workflows that match, then of each one that changes, until `stop` is set.

        After an error, such as a resource version that has expired, it starts again with all of them.
        """
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            try:
                version = yield from self.list(selector)
                while not stop.is_set():
                    version = yield from self._changes(selector, version, stop)
                    pause = SHORTEST_PAUSE
            except EngineError as error:
                if not stop.is_set():
                    log.warning("%s: starting again", error)
                stop.wait(pause * SystemRandom().uniform(0.5, 1))
                pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _changes(self, selector: str, version: str, stop: Event) -> Generator[Object, None, str]:
        """One watch, until the server ends it; returns the resource version at which the next one starts."""
        response = self._call(
            "watch",
            "list_namespaced_custom_object",
            label_selector=selector,
            watch=True,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=WATCH_SECONDS,
            _preload_content=False,
            _request_timeout=(CONNECT_SECONDS, SILENT_SECONDS),
            _headers={"Accept": METADATA.format("")},
        )
        with _interrupted_by(stop, response), explained("watch Workflows", self.namespace):
            for event in _events(response):
                if event["type"] == "ERROR":
                    raise EngineError(f"the watch ended: {event['object'].get('message')}")
                metadata = event["object"]["metadata"]
                version = metadata["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    yield metadata
        return version

    def _call(self, verb: str, method: str, **arguments: Any) -> Any:
        arguments.setdefault("_request_timeout", (CONNECT_SECONDS, READ_SECONDS))
        with explained(f"{verb} Workflows", self.namespace):
            return getattr(self._calls, method)(**self._where, **arguments)


class _Missing(EngineError):
    """There is no object with that name, or not with that uid."""


@contextlib.contextmanager
def explained(action: str, namespace: str) -> Iterator[None]:
    """Turn the client's errors into an EngineError that says what was attempted and what the API answered."""
    what = f"cannot {action} in namespace {namespace}"
    try:
        yield
    except ApiException as error:
        raise _kind(error)(f"{what}: {_message(error)}") from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise EngineError(f"{what}: no response from the Kubernetes API ({error})") from error


def _kind(error: ApiException) -> type[EngineError]:
    if error.status == 422 and "metadata.uid" in _message(error):
        return _Missing  # a patch that names a uid, and an object of another uid
    return {404: _Missing, 409: Taken}.get(error.status, EngineError)


def _message(error: ApiException) -> str:
    """The API's own message, which says what is forbidden or wrong."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"HTTP {error.status} {error.reason}: {error.body}"


def _events(response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    """The JSON objects of a watch, one per line, as they arrive."""
    partial = b""
    for chunk in response.stream(amt=None, decode_content=False):
        *lines, partial = (partial + chunk).split(b"\n")
        for line in filter(None, lines):
            yield json.loads(line)


@contextlib.contextmanager
def _interrupted_by(stop: Event, response: urllib3.HTTPResponse) -> Iterator[None]:
    """End any read of the response as soon as `stop` is set, whatever the server does."""
    finished = Event()

    def interrupt() -> None:
        while not finished.is_set():
            if stop.wait(0.2):
                with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
                    response.shutdown()
                return

    Thread(target=interrupt, name="fanfold-watch-stop", daemon=True).start()
    try:
        yield
    finally:
        finished.set()
        response.close()
