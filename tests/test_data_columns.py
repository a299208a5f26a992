"""Cells mean what they say: one rule for text files, Excel, Parquet and DataFrames, and nothing guessed."""

import datetime

import numpy as np
import pandas as pd
import pytest

from bedside.data.cells import MISSING, read_text
from bedside.data.columns import read_columns
from bedside.errors import DataError


def column(cells, **options):
    frame = pd.DataFrame({"crp": pd.Series(cells) if isinstance(cells, list) else cells})
    (read,), _ = read_columns(frame, **options)
    return read


def refused(cells, match, **options):
    with pytest.raises(DataError, match=match):
        column(cells, **options)


def test_numbers_stored_as_text_are_numbers():
    read = column(["1.5", " 2 ", "", "-3e2", "NA"])
    assert read.kind == "number"
    np.testing.assert_array_equal(read.values, [1.5, 2, np.nan, -300, np.nan])


@pytest.mark.parametrize("code", sorted(MISSING - {""}))
def test_every_missing_code_is_a_gap_and_is_counted(code):
    frame = pd.DataFrame({"crp": ["1.5", code, ""], "sex": [code, "m", "f"]})
    (crp, sex), (found,) = read_columns(frame)
    assert np.isnan(crp.values[1])
    assert sex.values[0] is None
    assert found.code == "missing-codes"
    assert f"'{code}' (2)" in found.message


def test_none_in_small_letters_is_an_answer():
    assert column(["none", "mild", "severe"]).values[0] == "none"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["yes", "no", ""], ("no", "yes")),
        (["Ja", "Nein", ""], ("Nein", "Ja")),
        (["TRUE", "FALSE", ""], ("FALSE", "TRUE")),
        (["Yes", "no", "yes"], ("no", "yes")),
    ],
)
def test_words_for_true_and_false_are_booleans(cells, words):
    read = column(cells)
    assert (read.kind, read.words) == ("boolean", words)
    np.testing.assert_array_equal(read.values[:2], [1, 0])


def test_zero_and_one_stay_numbers():
    assert column(["0", "1"]).kind == "number"


def test_dates_are_decimal_years():
    expected = [2026.0, 2026 + 181 / 365, 2024 + 0.5 / 366]
    text = column(["2026-01-01", "2026-07-01", "2024-01-01T12:00"])
    typed = column(pd.Series(pd.to_datetime(["2026-01-01", "2026-07-01", "2024-01-01 12:00"], format="ISO8601")))
    excel = column(pd.Series([datetime.datetime(2026, 1, 1), datetime.datetime(2026, 7, 1), None], dtype=object))
    assert text.kind == typed.kind == excel.kind == "date"
    np.testing.assert_allclose(text.values, expected)
    np.testing.assert_allclose(typed.values, expected)
    np.testing.assert_allclose(excel.values, [*expected[:2], np.nan])


def test_leading_zeros_are_codes_and_that_is_said():
    (read,), (found,) = read_columns(pd.DataFrame({"zip": ["01067", "10115"]}))
    assert read.values.tolist() == ["01067", "10115"]
    assert found.code == "leading-zeros"
    assert column(["0", "0.5", "10"]).kind == "number"


def test_codes_named_as_categories_have_one_spelling():
    for cells in (["1.0", "2", ""], [1.0, 2.0, np.nan], pd.Series([1, 2, None], dtype="Int64")):
        read = column(cells, categories=["crp"])
        assert read.kind == "category"
        assert read.values.tolist() == ["1", "2", None]


def test_types_of_frames_are_kept():
    assert column([True, False]).values.tolist() == [1.0, 0.0]
    assert column(pd.Series([True, None, False], dtype=object)).kind == "boolean"
    assert column(pd.Series([1, 2.5, None], dtype=object)).kind == "number"
    assert column(pd.Series([3, 5], dtype="category")).values.tolist() == ["3", "5"]
    assert column(pd.Series(["a", None, 3], dtype=object)).values.tolist() == ["a", None, "3"]


def test_a_column_mostly_of_numbers_names_the_other_cells():
    match = r"'crp' is mostly numbers, but 3 cells are not: '<5' \(row 2\), '12 mg' \(row 4\).*leave them empty.*--category crp"
    refused(["1", "<5", "3", "12 mg", "<5", "7", "8"], match)


def test_numbers_with_units_everywhere_are_refused_too():
    refused([f"{i} mg" for i in range(12)], "12 cells are not: '0 mg'")
    assert column(["10 mg", "20 mg"] * 20).kind == "category"


def test_decimal_commas_name_the_option():
    refused(["3,5", "4"], r"'crp' has 1 cell with a comma, such as '3,5' \(row 1\).*--decimal ','.*thousands")
    refused(["3.5", "4"], r"with a point, such as '3.5'.*--decimal '.'", decimal=",")
    assert column(["3,5", "4"], decimal=",").values.tolist() == [3.5, 4]


def test_dates_that_do_not_exist_are_named():
    refused(["2026-01-01", "2026-13-01", "2026-01-02"], r"mostly dates, but 1 cell is not: '2026-13-01' \(row 2\)")


@pytest.mark.parametrize("cells", [["1", "inf", "-inf"], [1.0, np.inf, -np.inf]])
def test_infinite_values_are_counted(cells):
    refused(cells, "'crp' has 2 infinite values, the first in row 2")


@pytest.mark.parametrize("cells", [["1", "1e31", "-2e35"], [1.0, 1e31, -2e35]])
def test_absurdly_large_values_are_counted(cells):
    refused(cells, r"'crp' has 2 values beyond 1e\+30, the first in row 2 \(1e\+31\). Check the units; use 0..1e30")
    assert column([1e30, -1e30]).kind == "number"


def test_text_of_roles_has_one_spelling():
    assert read_text(pd.Series([1.0, np.nan, 12.0])).tolist() == ["1", None, "12"]
    assert read_text(pd.Series(["007", " 1.0 ", "?"])).tolist() == ["007", "1", None]
