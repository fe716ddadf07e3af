import time

import pytest

from polyrec.compute.stopwatch import Stopwatch, peak_memory_mb, versions
from polyrec.compute.workers import map_ordered


def test_results_come_in_order_though_work_ends_out_of_order() -> None:
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number * number

    assert list(map_ordered(slow, range(50), workers=4)) == [i * i for i in range(50)]


def test_an_error_comes_up_where_its_result_would_have() -> None:
    results = map_ordered(lambda x: 1 // x, [1, 1, 0, 1], workers=2)
    assert [next(results), next(results)] == [1, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_only_a_few_inputs_are_taken_ahead() -> None:
    taken = []
    results = map_ordered(lambda x: x, (taken.append(i) or i for i in range(1000)), workers=2)
    next(results)
    assert len(taken) <= 9


def test_stages_add_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("a"):
            time.sleep(0.005)
    assert watch.seconds["a"] >= 0.01
    assert peak_memory_mb() > 10
    assert {"polyrec", "python", "numpy"} <= set(versions())
