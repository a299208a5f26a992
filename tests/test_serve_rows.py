"""Rows of plain cells are read at once, all others as every new table is; both ways give the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.data.align import outside
from bedside.data.table import Feature
from bedside.errors import DataError
from bedside.serve.rows import Layout

FEATURES = (
    Feature("age", "number", 20.0, 90.0),
    Feature("drug", "category", levels=("1", "A", "B")),
    Feature("smoker", "boolean", levels=("no", "yes")),
    Feature("dose", "number", -1.5, 8.25),
    Feature("seen", "date", 2001.0, 2020.5),
)
LAYOUT = Layout(FEATURES, ("outcome", "patient"), None)

numbers = st.one_of(
    st.none(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.sampled_from([0, -0.0, 20, 90.0, 8.25])
)
CELLS = {
    "age": numbers,
    "dose": st.one_of(numbers, st.sampled_from(["5", " 5.5 ", "NA", "-", "", "lots", True])),
    "drug": st.one_of(st.none(), st.sampled_from(["A", "B", "1", "Z", " A", "NA", "none", 1, 1.0, 2.5, True])),
    "smoker": st.one_of(st.none(), st.booleans(), st.sampled_from(["yes", "No", "true", 1, "maybe"])),
    "seen": st.one_of(st.none(), st.sampled_from(["2010-05-03", "soon", 2010])),
}
plain = {
    **CELLS,
    "dose": numbers,
    "drug": st.sampled_from([None, "A", "B", "1"]),
    "smoker": st.sampled_from([None, True, False]),
    "seen": st.none(),
}
ids = st.one_of(st.text(max_size=4), st.integers(0, 30), st.sampled_from(["a1", "007", "1.0", "NA"]))


def both(rows):
    """What each way gives: cells, or the words of the refusal."""
    found = []
    for way in (LAYOUT.read, LAYOUT.aligned):
        try:
            found.append(way(rows))
        except DataError as error:
            found.append(str(error))
    return found


def same(one, other):
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return (
        np.array_equal(one.numbers, other.numbers, equal_nan=True)
        and one.words.tolist() == other.words.tolist()
        and (one.ids, one.findings, one.outside) == (other.ids, other.findings, other.outside)
    )


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.fixed_dictionaries(plain), min_size=1, max_size=4))
def test_plain_rows_are_read_at_once_and_the_same(rows):
    fast = LAYOUT.at_once(rows)
    expected = both(rows)[1]
    if fast is None:  # only a number that no model takes needs a second look
        assert isinstance(expected, str)
    else:
        assert same(fast, expected)
        assert [", ".join(named) for named in fast.outside] == list(outside(fast.inputs))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.fixed_dictionaries({**CELLS, "sample": ids}), min_size=1, max_size=3), st.booleans())
def test_all_other_rows_mean_what_a_table_with_these_cells_means(rows, named):
    if not named:
        rows = [{name: value for name, value in row.items() if name != "sample"} for row in rows]
    assert same(*both(rows))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.fixed_dictionaries(plain), min_size=2, max_size=5))
def test_a_sample_means_the_same_alone_and_in_company(rows):
    together = both(rows)[0]
    if isinstance(together, str):
        return
    for k, row in enumerate(rows):
        alone = LAYOUT.read([row])
        assert np.array_equal(alone.numbers[0], together.numbers[k], equal_nan=True)
        assert alone.words[0].tolist() == together.words[k].tolist()
        assert alone.outside[0] == together.outside[k]
