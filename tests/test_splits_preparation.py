"""Preparation learns from training samples only, and copes with what it has never seen."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from bedside.errors import DataError, RunError
from bedside.settings import PreparationSettings
from bedside.splits.preparation import TablePreparation, load_skops


@dataclass
class Table:
    """The two things that a preparation looks at."""

    frame: pd.DataFrame

    @property
    def features(self) -> tuple[SimpleNamespace, ...]:
        kinds = {name: "category" if self.frame[name].dtype == object else "number" for name in self.frame}
        return tuple(SimpleNamespace(name=name, kind=kind) for name, kind in kinds.items())


def levels(*values: str | None) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def test_numbers_are_scaled_as_in_the_course():
    frame = pd.DataFrame(np.random.default_rng(0).normal(5, 3, (50, 4)), columns=list("abcd"))
    prepared = TablePreparation.fit(Table(frame), PreparationSettings())(Table(frame))
    assert np.allclose(prepared, StandardScaler().fit_transform(frame), atol=1e-6)


def test_other_samples_do_not_change_what_was_learned():
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0, np.nan], "b": levels("x", "x", "y", "y")})
    preparation = TablePreparation.fit(Table(train), PreparationSettings(rare_level=1))
    alone = preparation(Table(train))
    preparation(Table(pd.DataFrame({"a": [1e6, np.nan], "b": levels("z", None)})))
    assert np.array_equal(preparation(Table(train)), alone)


def test_gaps_get_median_or_mode_and_an_indicator():
    train = pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan], "b": levels("x", "x", "y", None)})
    plain = PreparationSettings(scale="none", rare_level=1)
    prepared = TablePreparation.fit(Table(train), plain)(Table(train))
    # a, gap in a, b=x, b=y, gap in b
    assert prepared[3].tolist() == [2.0, 1.0, 1.0, 0.0, 1.0]
    without = TablePreparation.fit(
        Table(train), PreparationSettings(scale="none", rare_level=1, missing_indicators=False)
    )
    assert without(Table(train)).shape == (4, 3)


def test_a_feature_that_never_varied_in_training_never_acts():
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0], "dose": [0.0, 0.0, 0.0]})
    preparation = TablePreparation.fit(Table(train), PreparationSettings())
    later = preparation(Table(pd.DataFrame({"a": [2.0], "dose": [5000.0]})))
    assert later.tolist() == [[0.0, 0.0]]


def test_rare_levels_share_a_column_and_unseen_ones_join_them():
    train = pd.DataFrame({"b": levels(*"xxxyyyqr")})
    preparation = TablePreparation.fit(Table(train), PreparationSettings(rare_level=3))
    new = preparation(Table(pd.DataFrame({"b": levels("x", "y", "q", "never")})))
    assert new.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_an_unseen_level_without_rare_ones_is_all_zeros():
    train = pd.DataFrame({"b": levels(*"xxyy")})
    preparation = TablePreparation.fit(Table(train), PreparationSettings(rare_level=1))
    assert preparation(Table(pd.DataFrame({"b": levels("never")}))).tolist() == [[0, 0]]


def test_a_category_empty_in_training_still_works_later():
    train = pd.DataFrame({"a": [1.0, 2.0], "b": levels(None, None)})
    preparation = TablePreparation.fit(Table(train), PreparationSettings())
    later = preparation(Table(pd.DataFrame({"a": [1.0, 2.0], "b": levels("x", None)})))
    assert np.isfinite(later).all()


def test_a_value_beyond_32_bits_is_an_error_with_its_row():
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    preparation = TablePreparation.fit(Table(train), PreparationSettings())
    with pytest.raises(DataError, match=r"Column 'a' holds 1e\+300, beyond 32-bit"):
        preparation(Table(pd.DataFrame({"a": [1.0, 1e300]})))


def test_saved_preparation_is_the_same_and_holds_no_code(tmp_path):
    train = pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan], "b": levels("x", "x", "y", None)})
    preparation = TablePreparation.fit(Table(train), PreparationSettings())
    preparation.save(tmp_path / "preparation.skops")
    again = TablePreparation.load(tmp_path / "preparation.skops")
    assert np.array_equal(again(Table(train)), preparation(Table(train)))


def test_a_file_with_a_foreign_type_or_a_pickle_is_refused(tmp_path):
    import pickle

    import skops.io

    skops.io.dump(SimpleNamespace(a=1), tmp_path / "foreign.skops")
    with pytest.raises(RunError, match=r"types that bedside never writes: types\.SimpleNamespace"):
        load_skops(tmp_path / "foreign.skops")
    (tmp_path / "pickled.skops").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(RunError, match="damaged"):
        load_skops(tmp_path / "pickled.skops")
