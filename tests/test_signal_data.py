"""Recordings come out of their files as they went in, whatever the layout; what cannot be right is refused in words."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Cohort
from bedside.data import read_cohort
from bedside.data.checks import check
from bedside.data.signals.checks import summary
from bedside.data.signals.copies import link_signals
from bedside.data.signals.description import describe_signals
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.new import read_new_signals
from bedside.data.signals.rates import resample
from bedside.data.signals.record import outdated, package
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings


def traces(n: int = 24, points: int = 60, seed: int = 0) -> np.ndarray:
    """Smooth random recordings, (n, points); no two alike."""
    rng = np.random.default_rng(seed)
    return np.round(np.cumsum(rng.standard_normal((n, points)), axis=1), 3)


def codes(cohort: Cohort) -> set[str]:
    return {found.code for found in check(cohort)}


def read(source: Path, **settings: object) -> Cohort:
    return read_cohort(str(source), DataSettings(**settings))  # type: ignore[arg-type]


LABELS = np.arange(24) % 2


# UCR layout


def write_ucr(path: Path, labels: np.ndarray, values: np.ndarray, separator: str = "  ") -> Path:
    path.parent.mkdir(exist_ok=True)
    rows = [
        separator.join([f"{label:.7e}", *(f"{v:.7e}" for v in row)]) for label, row in zip(labels, values, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(("separator", "ending"), [("  ", "txt"), ("\t", "tsv"), (",", "txt")])
def test_a_folder_in_ucr_layout_keeps_values_classes_and_its_split(tmp_path, separator, ending):
    values, labels = traces(), np.where(LABELS, 1, -1)
    write_ucr(tmp_path / f"Beat_TEST.{ending}", labels[16:], values[16:], separator)
    write_ucr(tmp_path / f"Beat_TRAIN.{ending}", labels[:16], values[:16], separator)
    cohort = read(tmp_path, positive="-1")
    assert cohort.task.classes == ("1", "-1")
    assert cohort.split.tolist() == ["train"] * 16 + ["test"] * 8
    assert cohort.samples["target"].tolist() == [str(label) for label in labels]
    np.testing.assert_array_equal(np.array(cohort.inputs.traces)[:, 0], values.astype(np.float32))


def test_ucr_recordings_end_where_only_nan_follow_and_keep_gaps_before(tmp_path):
    values = traces()
    values[3, 40:] = np.nan
    values[4, 10:12] = np.nan
    file = write_ucr(tmp_path / "Beat_TRAIN.txt", LABELS, values)
    cohort = read(file, rate=100.0)
    assert cohort.inputs.lengths.tolist() == [60, 60, 60, 40, *[60] * 20]
    assert np.isnan(cohort.inputs.traces[4][0, 10:12]).all()
    assert (cohort.inputs.rate, cohort.split) == (100.0, None)
    assert "signal-gaps" in codes(cohort)


@pytest.mark.parametrize(
    ("text", "settings", "error", "said"),
    [
        ("1 0.5 0.6\n-1 0.5 abc\n", {}, DataError, r"Line 2 of x_TRAIN.txt holds 'abc'.*--signal"),
        ("1 nan nan\n", {}, DataError, "Line 1 of x_TRAIN.txt holds a label and no recorded value"),
        ("\n", {}, DataError, "x_TRAIN.txt is empty"),
        ("1 inf 2\n", {}, DataError, "infinite value"),
        ("1 1 2\n2 2 1\n", {"patient": "p"}, SettingError, "patient='p' has no effect on files in UCR layout"),
        ("1 1 2\n2 2 1\n", {"signal": ("t*",)}, SettingError, "signal=.* has no effect"),
        ("1 1 2\n2 2 1\n", {"resample": 10.0}, SettingError, "resample=10 cannot act.*--rate"),
    ],
)
def test_what_is_no_ucr_file_is_refused_in_words(tmp_path, text, settings, error, said):
    (tmp_path / "x_TRAIN.txt").write_text(text)
    with pytest.raises(error, match=said):
        read(tmp_path / "x_TRAIN.txt", **settings)


def test_files_of_two_data_sets_in_one_folder_are_refused(tmp_path):
    for name in ("A_TRAIN.txt", "B_TEST.txt"):
        write_ucr(tmp_path / name, LABELS, traces())
    with pytest.raises(DataError, match="files of 2 data sets: 'A' and 'B'"):
        read(tmp_path)


@pytest.mark.data
def test_ecg200_as_it_came(ecg200):
    cohort = read(ecg200, positive="-1")
    assert (len(cohort), cohort.task.positive, set(cohort.inputs.lengths.tolist())) == (200, "-1", {96})
    assert np.unique(cohort.split, return_counts=True)[1].tolist() == [100, 100]
    assert len(np.unique(cohort.linked)) == 200  # no two heartbeats are taken for one
    assert {"prepared-each", "no-rate", "no-unit"} <= codes(cohort)


@pytest.fixture
def ecg200():
    import os

    if not os.environ.get("BEDSIDE_DATA"):
        pytest.skip("BEDSIDE_DATA is not set")
    return Path(os.environ["BEDSIDE_DATA"]) / "ecg200"


# .npz


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


def test_npz_with_all_it_may_say(tmp_path):
    signals = np.stack([traces(), traces(seed=1)], axis=1)
    signals[0, :, 50:] = np.nan
    signals[1, 1] = np.nan
    file = save(
        tmp_path / "s.npz",
        signals=signals,
        labels=LABELS,
        classes=["normal", "ill"],
        patients=np.arange(24) // 2,
        sites=np.where(LABELS, "a", "b"),
        split=["train"] * 12 + ["val"] * 6 + ["test"] * 6,
        rate=250,
        channels=["II", "V5"],
        units=["mV", "mV"],
    )
    cohort = read(file)
    inputs = cohort.inputs
    assert (inputs.channels, inputs.units, inputs.rate) == (("II", "V5"), ("mV", "mV"), 250.0)
    assert inputs.lengths.tolist() == [50, *[60] * 23]
    assert np.isnan(inputs.traces[1][1]).all()
    assert (cohort.n_patients, cohort.task.classes, cohort.roles.site) == (12, ("normal", "ill"), "site")
    assert cohort.split.tolist() == ["train"] * 12 + ["valid"] * 6 + ["test"] * 6
    assert {"no-patient", "no-rate", "no-unit"}.isdisjoint(codes(cohort))
    assert describe_signals(inputs)["shortest"] == 50


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": None}, "holds no array 'labels'"),
        ({"labels": LABELS[:5]}, r"'labels' of s.npz has shape \(5,\), but there are 24 recordings"),
        ({"signals": traces()[0]}, "needed is"),
        ({"signals": np.zeros((4, 600, 12))}, "Is time the last axis"),
        ({"signals": traces().astype(str)}, "needed are numbers"),
        ({"signals": np.full((24, 9), np.nan)}, "Recording 1 of s.npz holds nothing but NaN"),
        ({"rate": -1}, "needed is one positive number"),
        ({"channels": ["a", "b"]}, "one word for each of the 1 channels"),
        ({"signals": np.array([[None]])}, "cannot be read"),  # objects could run code and are never read
    ],
)
def test_npz_that_does_not_fit_is_refused_in_words(tmp_path, change, said):
    arrays = {"signals": traces(), "labels": LABELS} | change
    file = save(tmp_path / "s.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(DataError, match=said):
        read(file)


def test_npz_of_images_stays_images(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 28, 28), dtype=np.uint8)
    file = save(tmp_path / "m.npz", train_images=pixels, train_labels=np.arange(8) % 2)
    assert read(file).inputs.kind == "image"
    with pytest.raises(SettingError, match=r"rate=250\.0 has no effect on images"):
        read(file, rate=250.0)


def test_a_rate_that_the_file_says_cannot_be_given(tmp_path):
    with pytest.raises(SettingError, match=r"rate=100\.0 has no effect on s\.npz"):
        read(save(tmp_path / "s.npz", signals=traces(), labels=LABELS, rate=250), rate=100.0)


# One row per recording


def wide(values: np.ndarray, prefix: str = "t") -> pd.DataFrame:
    columns = {f"{prefix}{k}": values[:, k] for k in range(values.shape[1])}
    return pd.DataFrame({"target": np.where(LABELS, "ill", "normal"), "patient": np.arange(24) // 2, **columns})


def test_rows_are_recordings_and_patterns_are_channels(tmp_path):
    one, other = traces(), traces(seed=1)
    table = wide(one, "II_").join(wide(other, "V5_").filter(like="V5_"))
    table.loc[2, [f"II_{k}" for k in range(50, 60)] + [f"V5_{k}" for k in range(50, 60)]] = np.nan
    table.to_csv(tmp_path / "t.csv", index=False)
    cohort = read(tmp_path / "t.csv", target="target", patient="patient", signal=("II_*", "V5_*"), rate=50.0)
    assert cohort.inputs.channels == ("II", "V5")
    assert (cohort.inputs.rate, cohort.n_patients, cohort.inputs.lengths[2]) == (50.0, 12, 50)
    np.testing.assert_array_equal(cohort.inputs.traces[5], np.array([one[5], other[5]], dtype=np.float32))


def test_a_pattern_does_not_take_columns_with_a_role(tmp_path):
    wide(traces()).to_csv(tmp_path / "t.csv", index=False)
    cohort = read(tmp_path / "t.csv", target="target", patient="patient", signal=("t*",))
    assert cohort.inputs.lengths.tolist() == [60] * 24
    assert "signal-columns" not in codes(cohort)


def test_the_order_of_rows_changes_no_recording(tmp_path):
    table = wide(traces()).assign(name=[f"r{k}" for k in range(24)])
    table.to_csv(tmp_path / "a.csv", index=False)
    order = np.random.default_rng(1).permutation(24)
    table.iloc[order].to_csv(tmp_path / "b.csv", index=False)
    a, b = (read(tmp_path / f"{x}.csv", target="target", signal=("t*",)) for x in "ab")
    np.testing.assert_array_equal(np.array(a.inputs.traces)[order], np.array(b.inputs.traces))
    assert a.samples["target"].to_numpy()[order].tolist() == b.samples["target"].tolist()


@pytest.mark.parametrize(
    ("signal", "more", "said"),
    [
        (("x*",), {}, r"No column fits --signal 'x\*'"),
        (("t",), {}, r"write --signal 't\*'"),
        (("t1?", "t2*"), {}, "Channels of a recording have the same time points"),
        (("t1*", "t11"), {}, "fits both --signal"),
        (("t5", "t6"), {}, "each recording would be one point long"),
        (("*",), {}, "Column 'note' holds 'abc' in row 1, where a recorded number is needed"),
    ],
)
def test_columns_that_make_no_recording_are_refused_in_words(tmp_path, signal, more, said):
    wide(traces(points=21)).assign(note="abc").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "t.csv", target="target", signal=signal, **more)


def test_columns_out_of_order_are_said(tmp_path):
    table = wide(traces(points=12))
    table[["target", *sorted(f"t{k}" for k in range(12))]].to_csv(
        tmp_path / "t.csv", index=False
    )  # t0, t1, t10, t11, t2
    assert "signal-columns" in codes(read(tmp_path / "t.csv", target="target", signal=("t*",)))


@pytest.mark.parametrize("setting", [{"rate": 9.0}, {"at": "t"}, {"recording": None, "resample": 9.0}])
def test_settings_of_signals_are_refused_on_tables_of_features(tmp_path, setting):
    wide(traces()).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SettingError, match="has no effect on a table without --image, --signal or --smiles"):
        read(tmp_path / "t.csv", target="target", **setting)


# One row per time point


def long(values: np.ndarray, rate: float = 20.0) -> pd.DataFrame:
    n, points = values.shape
    return pd.DataFrame(
        {
            "who": np.repeat([f"r{k}" for k in range(n)], points),
            "seconds": np.round(np.tile(np.arange(points), n) / rate, 4),
            "ii": values.ravel(),
            "target": np.repeat(np.where(LABELS, "ill", "normal"), points),
            "patient": np.repeat(np.arange(n) // 2, points),
        }
    )


LONG = {"target": "target", "patient": "patient", "recording": "who", "signal": ("ii",)}


def test_one_recording_with_times_in_milliseconds_does_not_bring_all_down_to_its_rate(tmp_path):
    table = long(traces())
    table.loc[table["who"] == "r3", "seconds"] *= 1000
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=r"1 recording of 24 has 0.02 Hz, where half .* 20 .* number 4.*milliseconds"):
        read(tmp_path / "t.csv", **LONG, at="seconds")
    asked = read(tmp_path / "t.csv", **LONG, at="seconds", resample=20.0)
    assert asked.inputs.rate == 20


def test_a_rate_at_which_nothing_is_left_is_refused(tmp_path):
    long(traces()).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SettingError, match=r"At 0.01 Hz the longest recording has 1 time point left of 60"):
        read(tmp_path / "t.csv", **LONG, at="seconds", resample=0.01)


def test_rows_of_a_recording_that_stand_apart_are_told_unless_a_column_says_the_times(tmp_path):
    mixed = long(traces()).sample(frac=1, random_state=0)
    mixed.to_csv(tmp_path / "t.csv", index=False)
    assert "rows-apart" in {one.code for one in read(tmp_path / "t.csv", **LONG).findings}
    assert "rows-apart" not in {one.code for one in read(tmp_path / "t.csv", **LONG, at="seconds").findings}


def test_dates_are_no_seconds(tmp_path):
    table = long(traces())
    start = pd.Timestamp("2024-01-05 10:00")
    table.assign(seconds=[start + pd.Timedelta(seconds=s) for s in table["seconds"]]).to_csv(
        tmp_path / "t.csv", index=False
    )
    with pytest.raises(
        DataError, match=r"holds dates or times of day, such as '2024-01-05 10:00:00.*--at needs seconds"
    ):
        read(tmp_path / "t.csv", **LONG, at="seconds")


def test_rows_that_are_time_points_may_come_in_any_order(tmp_path):
    values = traces()
    table = long(values)
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    cohort = read(tmp_path / "t.csv", at="seconds", **LONG)
    assert cohort.inputs.rate == 20.0
    assert (cohort.n_patients, cohort.inputs.channels) == (12, ("ii",))
    of = dict(zip(cohort.samples.index, cohort.inputs.traces, strict=True))
    for k in range(24):
        np.testing.assert_array_equal(of[f"r{k}"][0], values[k].astype(np.float32))
        assert cohort.samples.loc[f"r{k}", "target"] == ("ill" if k % 2 else "normal")


def test_lacking_times_are_gaps(tmp_path):
    table = long(traces())
    table.drop(index=[65, 66]).to_csv(tmp_path / "t.csv", index=False)
    cohort = read(tmp_path / "t.csv", at="seconds", **LONG)
    assert np.flatnonzero(np.isnan(cohort.inputs.traces[1][0])).tolist() == [5, 6]
    assert {"lacking-times", "signal-gaps"} <= codes(cohort)


def test_without_times_rows_come_in_the_order_of_the_file(tmp_path):
    long(traces()).to_csv(tmp_path / "t.csv", index=False)
    cohort = read(tmp_path / "t.csv", rate=100.0, **LONG)
    assert cohort.inputs.rate == 100.0
    assert cohort.inputs.lengths.tolist() == [60] * 24


def test_uneven_times_are_refused_or_computed_along_straight_lines(tmp_path):
    rng = np.random.default_rng(0)
    table = long(traces())
    times = np.cumsum(rng.uniform(0.02, 0.08, (24, 60)), axis=1)
    table["seconds"], table["ii"] = times.ravel(), 2 * times.ravel() + 1
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(
        DataError, match=r"Recording 'r0' has times in 'seconds' that are not evenly spaced.*data.resample=HZ"
    ):
        read(tmp_path / "t.csv", at="seconds", **LONG)
    cohort = read(tmp_path / "t.csv", at="seconds", resample=40.0, **LONG)
    assert (cohort.inputs.rate, "uneven-times" in codes(cohort)) == (40.0, True)
    for k, trace in enumerate(cohort.inputs.traces):
        line = 2 * (times[k, 0] + np.arange(trace.shape[1]) / 40) + 1
        seen = np.isfinite(trace[0])
        assert seen.all()
        np.testing.assert_allclose(trace[0][seen][8:-8], line[seen][8:-8], atol=0.1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t.assign(patient=np.arange(len(t))),
            "Column 'patient' changes within recording 'r0': '0' in row 1, '1' in row 2",
        ),
        (lambda t: t.assign(who=""), "Column 'who' \\(recording\\) is empty in 1,440 rows"),
        (lambda t: t.assign(seconds=0.0), "two rows at 0 s"),
        (lambda t: t.assign(seconds=t["seconds"].where(t.index != 7)), "1 row without a time"),
    ],
)
def test_long_tables_that_contradict_themselves_are_refused(tmp_path, change, said):
    change(long(traces())).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=said):
        read(tmp_path / "t.csv", at="seconds", **LONG)


def test_channels_must_be_named_in_a_long_table(tmp_path):
    long(traces()).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="name the columns with its channels too: --signal COLUMN"):
        read(tmp_path / "t.csv", target="target", recording="who")


# WFDB records


def write_record(
    folder: Path,
    name: str,
    values: np.ndarray,
    *,
    rate: float = 250,
    channels: tuple[str, ...] = ("II", "V5"),
    unit: str = "mV",
) -> None:
    wfdb = package()
    folder.mkdir(parents=True, exist_ok=True)
    scale = {"mV": 1.0, "uV": 1000.0}.get(unit, 1.0)
    with outdated():
        wfdb.wrsamp(
            name,
            rate,
            [unit] * len(channels),
            list(channels),
            p_signal=values * scale,
            fmt=["16"] * len(channels),
            write_dir=str(folder),
        )


def two(k: int, points: int = 500) -> np.ndarray:
    return np.stack([traces(1, points, seed=2 * k)[0], traces(1, points, seed=2 * k + 1)[0]], axis=1)


@pytest.fixture
def listed(tmp_path):
    """Ten records and the table that names them."""
    for k in range(10):
        write_record(tmp_path / "records", f"r{k}", two(k))
    names = [f"records/r{k}" for k in range(10)]
    pd.DataFrame({"file": names, "who": np.arange(10) // 2, "y": np.arange(10) % 2}).to_csv(
        tmp_path / "t.csv", index=False
    )
    return tmp_path


RECORDS = {"target": "y", "patient": "who", "signal": ("file",)}


def test_records_in_a_table_are_what_wfdb_wrote(listed):
    cohort = read(listed / "t.csv", **RECORDS)
    inputs = cohort.inputs
    assert (inputs.channels, inputs.units, inputs.rate) == (("II", "V5"), ("mV", "mV"), 250.0)
    assert cohort.samples.index[3] == "records/r3"
    for k in range(10):
        step = np.ptp(two(k)) / 2**15  # of 16 bits
        np.testing.assert_allclose(inputs.traces[k], two(k).T, atol=step)


def test_records_in_a_folder_per_class(tmp_path):
    for k in range(10):
        write_record(tmp_path / ("ill" if k % 2 else "normal"), f"r{k}", two(k))
    cohort = read(tmp_path)
    assert cohort.task.classes == ("normal", "ill")
    assert cohort.samples["target"].loc["ill/r3"] == "ill"
    one_class = tmp_path / "ill"
    with pytest.raises(DataError, match=r"5 records in .* lie in no class folder"):
        read(one_class)


def test_names_of_records_may_say_what_they_show(tmp_path):
    for k in range(8):
        write_record(tmp_path / "all", f"{'ill' if k % 2 else 'normal'}_P{k // 2}_{k}", two(k))
    cohort = read(tmp_path / "all", label_pattern=r"(?P<target>[a-z]+)_(?P<patient>P\d+)_\d")
    assert cohort.n_patients == 4
    assert cohort.samples["target"].value_counts().tolist() == [4, 4]


def test_without_the_package_the_message_names_the_extra(listed, monkeypatch):
    monkeypatch.setitem(sys.modules, "wfdb", None)
    with pytest.raises(DataError, match=r"pip install 'bedside\[signals\]'"):
        read(listed / "t.csv", **RECORDS)


def test_other_channels_rates_and_units_are_brought_together(listed):
    write_record(listed / "records", "r1", two(1)[:, ::-1], channels=("V5", "II"))  # the same in another order
    write_record(listed / "records", "r2", two(2), unit="uV")
    write_record(listed / "records", "r3", two(3)[:, :1], channels=("II",))
    write_record(listed / "records", "r4", two(4, 1000), rate=500)
    cohort = read(listed / "t.csv", **RECORDS)
    found = {found.code: found for found in check(cohort)}
    assert {"missing-channels", "converted-units", "resampled"} <= set(found)
    assert "500 Hz (1)" in found["resampled"].message
    for k in (1, 2):
        np.testing.assert_allclose(cohort.inputs.traces[k], two(k).T, atol=2e-3)
    assert np.isnan(cohort.inputs.traces[3][1]).all()
    assert not np.isnan(cohort.inputs.traces[3][0]).any()
    assert cohort.inputs.lengths.tolist() == [500] * 10
    write_record(listed / "records", "r5", two(5), unit="mmHg")
    with pytest.raises(
        DataError, match="Channel 'II' is in 'mV' in record 'records/r0' but in 'mmHg' in record 'records/r5'"
    ):
        read(listed / "t.csv", **RECORDS)


def test_segments_are_parts_of_their_record_and_invalid_values_are_gaps(tmp_path):
    for k in range(8):
        values = two(k)
        if k == 1:
            values[100:120, 0] = np.nan
        write_record(tmp_path / ("ill" if k % 2 else "normal"), f"r{k}", values)
    (tmp_path / "normal" / "long.hea").write_text("long/2 2 250 1000\nr0 500\nr2 500\n")
    cohort = read(tmp_path)
    assert cohort.samples.index.tolist() == [f"ill/r{k}" for k in (1, 3, 5, 7)] + [
        "normal/long",
        "normal/r4",
        "normal/r6",
    ]
    np.testing.assert_allclose(cohort.inputs.traces[4], np.concatenate([two(0), two(2)]).T, atol=2e-3)
    assert np.flatnonzero(np.isnan(cohort.inputs.traces[0][0])).tolist() == list(range(100, 120))


def test_records_that_cannot_be_read_are_refused_in_words(listed):
    (listed / "records" / "r3.dat").unlink()
    with pytest.raises(DataError, match=r"Record 'records/r3' cannot be read: .*Is each file that r3.hea names there"):
        read(listed / "t.csv", **RECORDS)
    (listed / "records" / "r3.hea").unlink()
    with pytest.raises(DataError, match=r"1 of 10 records in column 'file' of t.csv does not exist: 'records/r3'"):
        read(listed / "t.csv", **RECORDS)
    pd.DataFrame({"file": ["records/r0", "records/r1"], "y": [0, 1]}).to_csv(listed / "u.csv", index=False)
    with pytest.raises(SettingError, match=r"rate=9\.0 has no effect on WFDB records"):
        read(listed / "u.csv", target="y", signal=("file",), rate=9.0)


@pytest.mark.parametrize("elsewhere", ["https://example.org/x.dat", "../r1.dat", "/etc/passwd", "memory::x"])
def test_a_header_cannot_send_the_reader_elsewhere(listed, elsewhere):
    header = listed / "records" / "r3.hea"
    header.write_text(header.read_text().replace("r3.dat", elsewhere))
    with pytest.raises(DataError, match="Only files in the folder of the header are read"):
        read(listed / "t.csv", **RECORDS)


# Every layout


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The recordings of examples/make_signals.py, and what they are in its array file."""
    folder = tmp_path_factory.mktemp("example")
    runpy.run_path(str(Path(__file__).parent.parent / "examples/make_signals.py"))["write"](folder)
    return folder, read(folder / "ecg.npz")


ROLES = {"target": "diagnosis", "patient": "patient", "site": "site"}


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("ecg.csv", {"signal": ("II_*", "V5_*"), "rate": 100.0, **ROLES}),
        ("points.csv", {"recording": "recording", "at": "second", "signal": ("II", "V5"), **ROLES}),
        ("records.csv", {"signal": ("record",), **ROLES}),
    ],
)
def test_the_same_recordings_come_out_of_every_layout(example, source, settings):
    folder, arrays = example
    cohort = read(folder / source, **settings)
    np.testing.assert_array_equal(np.array(cohort.inputs.traces), np.array(arrays.inputs.traces))
    assert (cohort.inputs.channels, cohort.inputs.rate) == (arrays.inputs.channels, arrays.inputs.rate)
    columns = ["patient", "target", "site"]
    assert cohort.samples[columns].to_numpy().tolist() == arrays.samples[columns].to_numpy().tolist()


def test_the_example_in_folders_and_text_files(example):
    folder, arrays = example
    records, text = read(folder / "records"), read(folder / "ucr", rate=100.0)
    assert sorted(records.samples["target"]) == sorted(arrays.samples["target"])
    np.testing.assert_array_equal(np.array(text.inputs.traces)[:, 0], np.array(arrays.inputs.traces)[:, 0])
    assert text.split.tolist() == ["train"] * 64 + ["test"] * 32


def test_new_recordings_of_the_example_are_like_those_of_training(example):
    folder, arrays = example
    aligned = new(folder / "new_ecg.npz", describe_signals(arrays.inputs))
    assert (len(aligned.inputs), aligned.inputs.channels) == (12, ("II", "V5"))


# One rate


def test_resampling_keeps_what_the_lower_rate_can_hold_and_nothing_else():
    times = np.arange(4000) / 500
    slow, fast = np.sin(2 * np.pi * 10 * times), np.sin(2 * np.pi * 90 * times)  # 90 Hz would alias to 10 Hz at 100 Hz
    kept = resample(slow[None], 500, 100)[0]
    np.testing.assert_allclose(kept[40:-40], slow[::5][40:-40], atol=0.01)
    assert np.abs(resample(fast[None], 500, 100)[0][40:-40]).max() < 0.01
    up = resample(slow[None], 500, 1000)[0]
    np.testing.assert_allclose(up[80:-80], np.sin(2 * np.pi * 10 * np.arange(8000) / 1000)[80:-80], atol=0.01)


def test_resampling_leaves_a_level_alone_and_keeps_the_duration():
    flat = resample(np.full((2, 1001), 7.5), 257.0, 100.0)
    np.testing.assert_allclose(flat, 7.5, rtol=1e-3)
    assert abs(flat.shape[1] / 100 - 1001 / 257) < 0.01


def test_gaps_do_not_spread():
    trace = np.sin(np.arange(2000) / 40)[None]
    trace[0, 1000:1100] = np.nan
    whole = np.sin(np.arange(2000) / 40)[None]
    with_gap, without = resample(trace, 500, 250)[0], resample(whole, 500, 250)[0]
    assert np.flatnonzero(np.isnan(with_gap)).tolist() == list(range(500, 550))
    away = np.r_[0:475, 575:1000]
    np.testing.assert_allclose(with_gap[away], without[away], atol=0.02)


# Copies


def inputs_of(values: list[np.ndarray]) -> SignalInputs:
    return SignalInputs(tuple(np.atleast_2d(v).astype(np.float32) for v in values), ("signal",))


@pytest.mark.parametrize(
    "copied",
    [
        lambda x: x,
        lambda x: 1000 * x,
        lambda x: 0.5 * x + 3,
        lambda x: np.round(20 * x) / 20,
        lambda x: x[7:],
        lambda x: x[: -len(x) // 20],
        lambda x: 2 * x[5:-5] - 1,
    ],
    ids=["same", "unit", "offset", "rounded", "later", "shorter", "both"],
)
def test_the_same_recording_twice_is_linked(copied):
    values = list(traces(30, 300))
    linked = link_signals(inputs_of([*values, copied(values[11])]))
    assert linked[30] == linked[11]
    assert len(np.unique(linked)) == 30
    assert len(np.unique(link_signals(inputs_of([*values, *map(copied, values)])))) == 30  # even if all are there twice


def test_smooth_recordings_that_are_all_alike_are_not_linked():
    times = np.arange(300) / 100
    rng = np.random.default_rng(0)
    sines = [
        rng.uniform(1, 2) * np.sin(2 * np.pi * (times * rng.uniform(0.98, 1.02) + rng.random())) for _ in range(40)
    ]
    assert len(np.unique(link_signals(inputs_of(sines)))) == 40


def test_flat_and_short_recordings_are_linked_only_if_equal():
    values = [np.zeros(100), np.ones(100), np.ones(100), np.array([1.0, 2.0]), np.array([2.0, 4.0])]
    assert link_signals(inputs_of(values)).tolist() == [0, 1, 1, 2, 3]


def test_linked_copies_stay_together_and_are_told(tmp_path):
    values = traces()
    values[20] = 3 * values[5] + 1
    cohort = read(save(tmp_path / "s.npz", signals=values, labels=LABELS))
    (told,) = (found for found in check(cohort) if found.code == "duplicates")
    assert "the same recording, 0 of them value by value and 2 nearly" in told.message
    assert cohort.linked[20] == cohort.linked[5]


# What checks see


def planted(tmp_path: Path, values: np.ndarray, labels: np.ndarray = LABELS) -> set[str]:
    return codes(read(save(tmp_path / "s.npz", signals=values, labels=labels)))


CODES = (
    "flat-channel",
    "clipped",
    "signal-gaps",
    "shortcut-length",
    "shortcut-amplitude",
    "shortcut-level",
    "prepared-each",
    "shortcut-gaps",
)


def many() -> tuple[np.ndarray, np.ndarray]:
    """Noise that no check should say anything about, (80, 100), and labels."""
    rng = np.random.default_rng(3)
    return rng.standard_normal((80, 100)) * rng.uniform(0.5, 2, (80, 1)) + rng.normal(0, 1, (80, 1)), np.arange(80) % 2


def test_nothing_is_said_of_recordings_without_fault(tmp_path):
    assert planted(tmp_path, *many()).isdisjoint(CODES)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda x, y: np.where((np.arange(80) == 4)[:, None], 1.5, x), "flat-channel"),
        (lambda x, y: np.where((np.arange(80) == 4)[:, None], np.clip(np.sort(x, axis=1), -1, 1), x), "clipped"),
        (lambda x, y: np.where((np.arange(80) == 4)[:, None] & (np.arange(100) == 50), np.nan, x), "signal-gaps"),
        (lambda x, y: np.where(y[:, None] & (np.arange(100) > 80), np.nan, x), "shortcut-length"),
        (lambda x, y: np.where(y[:, None], 10, 1) * x, "shortcut-amplitude"),
        (lambda x, y: np.where(y[:, None], 10, 1) + x, "shortcut-level"),
        (lambda x, y: np.where(y[:, None] & (np.arange(100) == 50), np.nan, x), "shortcut-gaps"),
        (lambda x, y: (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), "prepared-each"),
    ],
    ids=["flat", "clipped", "gap", "length", "amplitude", "level", "gaps", "standardised"],
)
def test_planted_faults_are_found(tmp_path, fault, code):
    values, labels = many()
    assert code in planted(tmp_path, fault(values, labels), labels)


def test_summary_counts_each_channel_of_each_recording():
    inputs = SignalInputs((np.array([[1.0, 3.0, np.nan], [2.0, 2.0, 2.0]]),), ("a", "b"))
    table = summary(inputs)
    assert table.loc[(0, 0), "mean"] == 2
    assert table.loc[(0, 0), "gaps"] == pytest.approx(1 / 3)
    assert table.loc[(0, 1), "ptp"] == 0


# New recordings


@pytest.fixture
def known(tmp_path):
    """What training saw: two channels at 250 Hz, and the recordings it saw it in, (24, 2, 300)."""
    signals = np.stack([traces(24, 300), traces(24, 300, seed=1)], axis=1)
    file = save(
        tmp_path / "train.npz", signals=signals, labels=LABELS, rate=250, channels=["II", "V5"], units=["mV", "mV"]
    )
    return describe_signals(read(file).inputs), signals


def new(path: Path, known: dict, **settings: object):
    return read_new_signals(path, known, DataSettings(**settings))  # type: ignore[arg-type]


def test_the_recordings_of_training_come_back_without_a_word(tmp_path, known):
    aligned = new(tmp_path / "train.npz", known[0])
    np.testing.assert_array_equal(np.array(aligned.inputs.traces), known[1].astype(np.float32))
    assert aligned.findings == ()


def test_channels_are_put_in_order_and_units_converted(tmp_path, known):
    flipped = 1000 * known[1][:, ::-1]
    file = save(tmp_path / "n.npz", signals=flipped, rate=250, channels=["V5", "II"], units=["uV", "µV"])
    aligned = new(file, known[0])
    np.testing.assert_allclose(np.array(aligned.inputs.traces), known[1], rtol=1e-5, atol=1e-5)
    assert [found.code for found in aligned.findings] == ["converted-units"]


def test_another_rate_is_brought_to_that_of_training(tmp_path, known):
    file = save(tmp_path / "n.npz", signals=np.repeat(known[1], 2, axis=2), rate=500, channels=["II", "V5"])
    aligned = new(file, known[0])
    assert aligned.inputs.rate == 250
    assert aligned.inputs.lengths.tolist() == [300] * 24
    assert "resampled" in {found.code for found in aligned.findings}


def test_an_unknown_rate_is_refused_unless_it_is_given(tmp_path, known):
    file = save(tmp_path / "n.npz", signals=known[1], channels=["II", "V5"])
    with pytest.raises(
        DataError, match=r"trained on recordings at 250 Hz, but those of n\.npz do not say their rate\. Add --rate HZ"
    ):
        new(file, known[0])
    assert new(file, known[0], rate=250.0).inputs.rate == 250


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"channels": ["II", "V6"]}, "lack 1 channel that the model needs: 'V5'"),
        (
            {"channels": ["II", "V5"], "units": ["mV", "mmHg"]},
            "Channel 'V5' is in 'mmHg', but the model learned from 'mV'",
        ),
    ],
)
def test_other_channels_are_refused(tmp_path, known, arrays, said):
    with pytest.raises(DataError, match=said):
        new(save(tmp_path / "n.npz", signals=known[1], rate=250, **arrays), known[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x: x[:, :, :200], "length that training did not see"),
        (lambda x: 1000 * x, "outside those of training"),
        (lambda x: x / 1000, "varies by at most"),
    ],
)
def test_what_training_did_not_see_is_said(tmp_path, known, change, said):
    file = save(tmp_path / "n.npz", signals=change(known[1]), rate=250, channels=["II", "V5"])
    findings = new(file, known[0]).findings
    assert {found.code for found in findings} == {"new-range"}
    assert any(said in found.message for found in findings)


def test_new_rows_keep_their_names_patients_and_outcomes(tmp_path):
    table = wide(traces())
    table.to_csv(tmp_path / "t.csv", index=False)
    known = describe_signals(read(tmp_path / "t.csv", target="target", signal=("t*",)).inputs)
    table.assign(sample=[f"visit-{k}" for k in range(24)]).drop(columns="target").to_csv(
        tmp_path / "n.csv", index=False
    )
    aligned = new(tmp_path / "n.csv", known, signal=("t[0-9]*",), patient="patient")
    assert aligned.samples.index[3] == "visit-3"
    assert aligned.samples["patient"].tolist() == [str(k // 2) for k in range(24)]
    as_trained = new(tmp_path / "n.csv", known, patient="patient")
    assert as_trained.inputs.fingerprint() == aligned.inputs.fingerprint(), "columns are those of training"
    with pytest.raises(DataError, match="does not say where its recordings are"):
        new(tmp_path / "n.csv", {**known, "columns": {}})
