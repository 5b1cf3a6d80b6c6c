"""Fingerprints stay what they were when a version adds fields, or jobs that run while it is installed fail."""

from dataclasses import dataclass, field, replace

from fanfold.planning.fingerprints import complete_fingerprint_of, distinctive, fingerprint_of
from fanfold_steps.job import spec
from fanfold_steps.job.formats import JSONL, Text, Whole
from fanfold_steps.job.spec import Aggregate, Function, JobConf, JobSpec

STAGE = spec.StageSpec(map=Function("a:b"), reduce=Aggregate("Sum"))
CONF = JobConf(
    "000m3k2v8q1x7f9a2b4c", JobSpec(name="wordcount", stages=[STAGE]), ["file:///in/"], "file:///out/", 4, 1 << 20,
    {"all": 2}, "d" * 64,
)  # fmt: skip


def test_a_fingerprint_is_what_earlier_versions_have_stored() -> None:
    assert fingerprint_of(CONF) == "4d68a3c1c559f1e51d995f4af0f806363210a971351c43fcce3d86f97cdecc7f"


def test_workflows_of_versions_that_left_nothing_out_are_known() -> None:
    """Once a field was added, nobody can tell such a fingerprint any more: remove it then, and this test."""
    assert complete_fingerprint_of(CONF) == "6403a115e1ccf5fa4b31e66a0d7906dd822c9862b01163a324dda3301f137d0b"


def test_a_field_at_its_default_is_left_out() -> None:
    @dataclass(frozen=True)
    class StageSpec:
        map: Function
        later: list[int] = field(default_factory=list)

    assert distinctive(StageSpec(Function("a:b"))) == distinctive(spec.StageSpec(map=Function("a:b")))
    assert distinctive(StageSpec(Function("a:b"), [1])) != distinctive(StageSpec(Function("a:b")))


def test_whatever_is_given_counts() -> None:
    other = [
        replace(CONF, partitions=5), replace(CONF, params={"a": 1}), replace(CONF, spec=replace(CONF.spec, name="x")),
        *(replace(CONF, spec=replace(CONF.spec, input=one)) for one in (JSONL(), Whole(), Text(encoding="ascii"))),
    ]  # fmt: skip
    assert len({fingerprint_of(conf) for conf in (CONF, *other)}) == 1 + len(other)
