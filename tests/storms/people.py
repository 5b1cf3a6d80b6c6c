"""Somebody who submits jobs to services that come and go."""

import time

import httpx

from fanfold_client.api.problems import Away
from tests.client.services import Up

PASSWORD = "correct horse battery staple"


class Submitter:
    """A user with one login, over HTTP alone."""

    def __init__(self, up: Up) -> None:
        self._user = up.ready["user"]
        self._http = httpx.Client()
        self.connect(up)

    def connect(self, up: Up) -> None:
        """Use the URLs that this start of the services printed."""
        self.close()
        self._http = httpx.Client(base_url=up.url, timeout=10, trust_env=False)
        login = {"name": self._user["name"], "password": self._user["password"]}
        answer = httpx.post(f"{up.auth_url}/v1/login", json=login, timeout=30, trust_env=False)
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload(self, path: str, data: bytes) -> None:
        """Put a file among one's own."""
        self._http.put(f"/v1/files/{path}", content=data).raise_for_status()

    def submit(self, key: str) -> str:
        """The id of the job that the key leads to. Raises Away: no answer."""
        body = {"job": {"builtin": "wordcount"}, "inputs": ["files:texts/"], "partitions": 1}
        try:
            answer = self._http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            raise Away(str(error)) from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Away(answer.text)
        answer.raise_for_status()
        job: str = answer.json()["id"]
        return job

    def wait(self, jobs: list[str], seconds: float) -> dict[str, str]:
        """The states in which the jobs end."""
        deadline, ended = time.monotonic() + seconds, dict[str, str]()
        while len(ended) < len(jobs):
            for job in jobs:
                if job not in ended:
                    state = self._http.get(f"/v1/jobs/{job}").json()["state"]
                    if state in ("succeeded", "failed", "cancelled"):
                        ended[job] = state
            assert time.monotonic() < deadline, f"{len(jobs) - len(ended)} jobs haven't ended after {seconds} s"
            time.sleep(0.5)
        return ended

    def listed(self) -> list[str]:
        """The ids of all jobs, page by page."""
        found: list[str] = []
        cursor = ""
        while True:
            answer = self._http.get("/v1/jobs", params={"limit": 100, **({"cursor": cursor} if cursor else {})}).json()
            found += [job["id"] for job in answer["items"]]
            cursor = answer.get("cursor") or ""
            if not cursor:
                return found

    def result(self, job: str) -> bytes:
        """The bytes of all parts."""
        return self._http.get(f"/v1/jobs/{job}/results/data").raise_for_status().content
