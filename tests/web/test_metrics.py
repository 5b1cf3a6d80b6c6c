"""Metrics add up, and no label holds what a caller invents."""

from fanfold_web.metrics import BOUNDS, Metrics


def test_buckets_hold_all_that_took_no_longer() -> None:
    metrics = Metrics("some")
    for seconds in (0.001, 0.2, 5.0, 60.0):
        metrics.observe("GET", "/v1/a", 200, seconds)
    metrics.observe("BREW", "/v1/a", 405, 0.001)
    lines = metrics.render().splitlines()
    buckets = [line.rpartition(" ")[2] for line in lines if "_bucket" in line]
    assert buckets == ["2", "2", "2", "3", "3", "4", "5"] and len(BOUNDS) == len(buckets)
    assert 'fanfold_some_request_seconds_bucket{route="/v1/a",le="10.0"} 4' in lines
    assert 'fanfold_some_request_seconds_count{route="/v1/a"} 5' in lines
    assert 'fanfold_some_request_seconds_sum{route="/v1/a"} 65.202000' in lines
    assert 'fanfold_some_requests_total{method="other",route="/v1/a",status="405"} 1' in lines
