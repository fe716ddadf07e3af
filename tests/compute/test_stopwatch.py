from polyrec.compute.stopwatch import measure_latency


def test_latency_asks_one_by_one_and_then_all_at_once() -> None:
    calls = []
    latency = measure_latency(lambda *span: calls.append(span), 5)
    assert calls == [(0, 1), *((i, i + 1) for i in range(5)), (0, 5)]
    assert 0 <= latency["single_median_ms"] <= latency["single_p95_ms"]
    assert latency["batch_per_s"] > 0


def test_latency_of_a_slow_model_ends_with_its_budget() -> None:
    calls = []
    measure_latency(lambda *span: calls.append(span), 5, budget_s=0)
    assert calls == [(0, 1), (0, 1), (0, 5)]
