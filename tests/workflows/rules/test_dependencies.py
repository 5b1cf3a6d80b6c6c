"""Lists of wheels that anybody may have written."""

from typing import Any

import pytest

from fanfold.rules.spec import InvalidSpec, parse, to_json
from fanfold_steps.job.dependencies import Dependencies, Wheel
from fanfold_steps.job.spec import spec_from_json

WHEEL: dict[str, Any] = {"name": "regex-2026.1-cp313-cp313-manylinux_2_17_x86_64.whl", "sha256": "a" * 64, "size": 9}


def spec(wheels: Any = (WHEEL,), **changes: Any) -> dict[str, Any]:
    dependencies = {"python": "3.13", "platform": "x86_64-manylinux_2_36", "wheels": list(wheels), **changes}
    return {"stages": [{"map": {"function": "m:f"}}], "dependencies": dependencies}


def test_a_spec_brings_its_wheels_unchanged() -> None:
    import json

    found = parse(spec())
    assert found.dependencies == Dependencies("3.13", "x86_64-manylinux_2_36", [Wheel(**WHEEL)])
    assert spec_from_json(json.loads(to_json(found))) == found


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (spec(python="3"), "python is a version like 3.13, not '3'"),
        (spec(python="3.13; import os"), "python is a version like 3.13"),
        (spec(platform="../x"), "platform is a name like x86_64-manylinux_2_36, not '../x'"),
        (spec([{**WHEEL, "name": "../regex-1-py3-none-any.whl"}]), "a wheel is named like"),
        (spec([{**WHEEL, "name": "a/regex-1-py3-none-any.whl"}]), "a wheel is named like"),
        (spec([{**WHEEL, "name": "regex-1.tar.gz"}]), "a wheel is named like"),
        (spec([{**WHEEL, "name": "--target-1-py3-none-any.whl"}]), "a wheel is named like"),
        (spec([{**WHEEL, "name": f"{'x' * 100}-{'1' * 60}-py3-none-{'y' * 200}.whl"}]), "a wheel is named like"),
        (spec([{**WHEEL, "sha256": "A" * 64}]), "has 64 lower-case hex digits"),
        (spec([{**WHEEL, "sha256": "../x"}]), "has 64 lower-case hex digits"),
        (spec([{**WHEEL, "size": 0}]), "is a number of bytes, 1 or more, not 0"),
        (spec([{**WHEEL, "size": "9"}]), "dependencies.wheels.0.size: "),
        (spec([{**WHEEL, "size": 5 << 30}]), "more than the 4,294,967,296 that a job can bring"),
        (spec([WHEEL, {**WHEEL, "sha256": "b" * 64}]), "is listed twice"),
        (spec([{**WHEEL, "name": f"x{n}-1-py3-none-any.whl"} for n in range(101)]), "101 wheels are more than the 100"),
        (spec([{**WHEEL, "more": 1}]), "dependencies.wheels.0.more: "),
    ],
)
def test_what_is_wrong_is_told_by_its_path(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSpec) as refusal:
        parse(wrong)
    assert told in str(refusal.value)
    assert "dependencies" in str(refusal.value)
    assert len(str(refusal.value)) < 400
