"""The few calls of the Kubernetes API that the Argo engine makes: each with a time limit, errors in the API's words."""

import contextlib
import json
import logging
import os
import random
from collections.abc import Generator, Iterator
from threading import Event, Thread
from typing import Any, TypeAlias

import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from fanfold.engines.protocol import EngineError

log = logging.getLogger("fanfold")
GROUP, VERSION, PLURAL = "argoproj.io", "v1alpha1", "workflows"
CONNECT_SECONDS, READ_SECONDS = 5, 30
WATCH_SECONDS = 300  # then the server ends a watch, and we begin the next where it ended
SILENT_SECONDS = 90  # the server sends a bookmark each minute, so a longer silence is a dead connection
PAGE = 500
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"

Object: TypeAlias = dict[str, Any]


class Taken(EngineError):
    """An object of that name is there already."""


def connect() -> client.ApiClient:
    """A client of the cluster: in a pod its own, elsewhere the current context of KUBECONFIG or `~/.kube/config`.

    Raises:
        EngineError: no cluster is named anywhere.
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
        raise EngineError(f"no Kubernetes cluster to go to: {why}. Set KUBECONFIG to your cluster's file") from error
    return client.ApiClient(settings)


class WorkflowsApi:
    """The Workflows of one namespace. Every call raises EngineError when the API is away or refuses."""

    def __init__(self, namespace: str, api: client.ApiClient) -> None:
        self.namespace = namespace
        self._client = api
        self._calls = client.CustomObjectsApi(api)
        self._where = {"group": GROUP, "version": VERSION, "namespace": namespace, "plural": PLURAL}

    def create(self, workflow: Object) -> Object:
        """Create a Workflow. Raises Taken when its name is."""
        created: Object = self._call("create", "create_namespaced_custom_object", body=workflow)
        return created

    def get(self, name: str) -> Object | None:
        """The Workflow of that name, or None."""
        try:
            found: Object = self._call("get", "get_namespaced_custom_object", name=name)
        except _Missing:
            return None
        return found

    def patch(self, name: str, uid: str, change: Object) -> None:
        """Merge a change into the Workflow with that name and uid, if it is still there."""
        body = {**change, "metadata": {"uid": uid}}
        with contextlib.suppress(_Missing, Taken):
            self._call("patch", "patch_namespaced_custom_object", name=name, body=body)

    def delete(self, name: str, uid: str) -> None:
        """Delete the Workflow with that name and uid, if it is still there, once its pods are gone."""
        body = client.V1DeleteOptions(propagation_policy="Foreground", preconditions=client.V1Preconditions(uid=uid))
        with contextlib.suppress(_Missing, Taken):
            self._call("delete", "delete_namespaced_custom_object", name=name, body=body)

    def list(self, selector: str) -> Generator[Object, None, str]:
        """The metadata of Workflows, page by page; returns the version of the whole list."""
        page: Object = {}
        following = None
        while following != "":
            page = self._call(
                "list",
                "list_namespaced_custom_object",
                label_selector=selector,
                limit=PAGE,
                _continue=following,
                _headers={"Accept": METADATA.format("List")},
            )
            for item in page["items"] or []:  # null when there is none
                yield item["metadata"]
            following = page["metadata"].get("continue", "")
        return str(page["metadata"]["resourceVersion"])

    def follow(self, selector: str, stop: Event) -> Iterator[Object]:
        """The metadata of Workflows: of all that are there, then of each that changes, until `stop` is set.

        After an error, such as a version that the server no longer knows, it begins again with all that are there.
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
                    log.warning("%s: beginning anew", error)
                stop.wait(pause * random.uniform(0.5, 1))  # noqa: S311 (not a secret)
                pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _changes(self, selector: str, version: str, stop: Event) -> Generator[Object, None, str]:
        """One watch, until the server ends it; returns the version at which the next begins."""
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
        with _cut_off_by(stop, response), _explained("watch", self.namespace):
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
        with _explained(verb, self.namespace):
            return getattr(self._calls, method)(**self._where, **arguments)


class _Missing(EngineError):
    """There is no object of that name, or not of that uid."""


@contextlib.contextmanager
def _explained(verb: str, namespace: str) -> Iterator[None]:
    """Raise what the client raises as an EngineError: what was asked for, and what the API said."""
    what = f"cannot {verb} Workflows in namespace {namespace}"
    try:
        yield
    except ApiException as error:
        raise _kind(error)(f"{what}: {_words(error)}") from error
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise EngineError(f"{what}: the Kubernetes API did not answer ({error})") from error


def _kind(error: ApiException) -> type[EngineError]:
    if error.status == 422 and "metadata.uid" in _words(error):
        return _Missing  # a patch that names a uid, and an object of another uid
    return {404: _Missing, 409: Taken}.get(error.status, EngineError)


def _words(error: ApiException) -> str:
    """The API's own message, which names what is forbidden or wrong."""
    try:
        return str(json.loads(error.body or "")["message"])
    except (TypeError, ValueError, KeyError):
        return f"HTTP {error.status} {error.reason}: {error.body}"


def _events(response: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    """The JSON objects of a watch, one a line, as they come."""
    begun = b""
    for chunk in response.stream(amt=None, decode_content=False):
        *lines, begun = (begun + chunk).split(b"\n")
        for line in filter(None, lines):
            yield json.loads(line)


@contextlib.contextmanager
def _cut_off_by(stop: Event, response: urllib3.HTTPResponse) -> Iterator[None]:
    """Let a read of the response end as soon as `stop` is set, whatever the server does."""
    over = Event()

    def cut() -> None:
        while not over.is_set():
            if stop.wait(0.2):
                with contextlib.suppress(ValueError, RuntimeError, OSError):  # it ended by itself meanwhile
                    response.shutdown()
                return

    Thread(target=cut, name="fanfold-watch-stop", daemon=True).start()
    try:
        yield
    finally:
        over.set()
        response.close()
