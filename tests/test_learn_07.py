"""The exercises of notebook 07 answer the right solution, typical mistakes, and gaps."""

import time

import numpy as np
import pytest

from bedside import learn
from course_answers import remarks


def measured(work, wait, repeats, *, warm=True, wait_inside=True, of=np.median):
    if warm:
        work(), wait()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        if wait_inside:
            wait()
        times.append(time.perf_counter() - began)
    return of(times)


class TestSeconds:
    def test_the_right_one_passes(self):
        assert learn.check("07.2", measured).right

    @pytest.mark.parametrize(
        ("mistake", "said"),
        [
            ({"warm": False}, "The first run, in which memory is prepared"),
            ({"wait_inside": False}, "whose result is there only 10 s later"),
            ({"of": np.mean}, "in one the machine was disturbed"),
            ({"of": sum}, "in one the machine was disturbed"),
            ({"of": lambda times: None}, "gives nothing back"),
        ],
    )
    def test_each_mistake_has_its_remark(self, mistake, said):
        answer = learn.check("07.2", lambda work, wait, repeats: measured(work, wait, repeats, **mistake))
        assert said in remarks(answer, right=False)

    def test_one_run_is_too_few(self):
        answer = learn.check("07.2", lambda work, wait, repeats: measured(work, wait, 1))
        assert "the work was done 2 times" in remarks(answer, right=False)

    def test_the_clock_is_given_back(self):
        before = time.perf_counter
        learn.check("07.2", measured)
        assert time.perf_counter is before


class TestOperations:
    def test_the_right_one_passes(self):
        assert learn.check("07.3", lambda n, m, k: 2 * n * m * k).right

    @pytest.mark.parametrize(
        ("made", "hint"),
        [
            (lambda n, m, k: n * m * k, "the additions count too"),
            (lambda n, m, k: n * k * (2 * m - 1), "by custom it is counted as added to zero"),
            (lambda n, m, k: 2 * n * k, "a sum over m products"),
            (lambda n, m, k: None, "Write return"),
        ],
    )
    def test_each_mistake_has_its_hint(self, made, hint):
        answer = learn.check("07.3", made)
        assert not answer.right
        assert hint in answer.remarks[-1].hint


def size(tensor):
    return tensor.numel() * tensor.element_size()


def pays(cpu, gpu, n_bytes, rate):
    return gpu + n_bytes / rate < cpu


class TestPays:
    def test_the_right_ones_pass(self):
        assert learn.check("07.7", size, pays).right

    @pytest.mark.parametrize(
        ("made", "judged", "said"),
        [
            (lambda tensor: tensor.numel(), pays, "float32 tensor of shape (32, 3, 10, 10): 9600 bytes"),
            (lambda tensor: 4 * tensor.numel(), pays, "uint8 tensor of shape (7,): 28 bytes"),
            (size, lambda cpu, gpu, n, rate: gpu < cpu, "moving takes longer than what is gained"),
            (size, lambda cpu, gpu, n, rate: gpu + n / rate > cpu, "It says False where the answer is True"),
            (size, lambda cpu, gpu, n, rate: True, "It says True where the answer is False"),
            (size, lambda cpu, gpu, n, rate: None, "gives nothing back"),
        ],
    )
    def test_each_mistake_has_its_remark(self, made, judged, said):
        assert said in remarks(learn.check("07.7", made, judged), right=False)

    def test_a_gap_is_named(self):
        assert "gap" in remarks(learn.check("07.7", ..., ...), right=False)
