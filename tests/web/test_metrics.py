"""Metrics add up, and no label holds what a caller invents."""

from fanfold_web.metrics import BOUNDS, Metrics


def test_buckets_hold_all_that_took_no_longer() -> None:
    metrics = Metrics("some")
    for seconds in (0.001, 0.2, 5.0, 60.0):
        metrics.observe("GET", "/v1/a", 200, seconds)
    metrics.observe("BREW", "/v1/a", 405, 0.001)
    lines = metrics.render().decode().splitlines()
    buckets = [line.rpartition(" ")[2] for line in lines if "_bucket" in line]
    assert buckets == ["2.0", "2.0", "2.0", "3.0", "3.0", "4.0", "5.0"] and len(BOUNDS) == len(buckets)
    assert 'fanfold_some_request_seconds_bucket{le="10.0",route="/v1/a"} 4.0' in lines
    assert 'fanfold_some_request_seconds_count{route="/v1/a"} 5.0' in lines
    assert 'fanfold_some_request_seconds_sum{route="/v1/a"} 65.202' in lines
    assert 'fanfold_some_requests_total{method="other",route="/v1/a",status="405"} 1.0' in lines


def test_each_app_counts_for_itself() -> None:
    """In one process, as under `fanfold up`: two registries, and none of the process's own metrics among them."""
    one, other = Metrics("same"), Metrics("same")
    one.observe("GET", "/v1/a", 200, 0.1)
    assert b'status="200"' in one.render() and b'status="200"' not in other.render()
    assert b"python_info" not in one.render() and b"_created" not in one.render()
