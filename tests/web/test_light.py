"""What starts often, or in a pod, loads none of what only a service that serves needs."""

import subprocess
import sys

import pytest

HEAVY = {"fastapi", "starlette", "uvicorn", "prometheus_client", "pydantic_settings", "structlog"}


@pytest.mark.parametrize(
    "module",
    ["fanfold_auth.__main__", "fanfold_submit.__main__", "fanfold_client.__main__", "fanfold.verbs.run",
     "fanfold_steps.worker.loop", "fanfold_steps.__main__", "fanfold_web.refusals", "fanfold_web.http.problem_types"],
)  # fmt: skip
def test_it_loads_no_web_framework(module: str) -> None:
    assert _loaded(module, HEAVY) == []


@pytest.mark.thorough
def test_a_service_loads_no_rich_which_draws_on_terminals() -> None:
    assert _loaded("fanfold_auth.server, fanfold_submit.server, fanfold_web.server", {"rich", "pygments"}) == []


def test_rich_can_be_loaded_after_a_service() -> None:
    code = "import fanfold_web.log, rich.console; print(rich.console.__name__)"
    assert _run(code) == ["rich.console"]


def test_rich_stays_loaded_where_it_was_before_a_service() -> None:
    assert _loaded("rich.console, fanfold_web.log", {"rich"}) == ["rich"]


def _loaded(modules: str, of: set[str]) -> list[str]:
    return _run(f"import sys, {modules}; print(*sorted({of} & set(sys.modules)))")


def _run(code: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return run.stdout.split()
