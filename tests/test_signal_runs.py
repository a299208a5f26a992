"""Recordings from preparation to report: nothing leaks between folds, evidence lies where it was planted, words fit."""

import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import nn

import bedside
from bedside import SettingError
from bedside.cohort import KnownTruth, Task
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.measured import measured
from bedside.explain.trace_maps import CELLS, deletion, integrate, occlude
from bedside.explain.trace_sight import Cells, TraceSight, bridged
from bedside.explain.trace_truth import widened
from bedside.folder import Run
from bedside.models.sequence import SequenceClassifier
from bedside.robustness import signals as poor
from bedside.settings import AugmentSettings, PreparationSettings, RunSettings, build
from bedside.splits.signals import SignalPreparation
from bedside.training.fitted import preparation_of, rows_of
from bedside.training.signal_augment import SignalAugmentation, augmentation_of, resolve
from made_once import made_once
from small_signals import signal_cohort

BINARY = Task("binary", ("low", "high"))
QUICK = {
    "family": "cnn1d",
    "model": {"width": 4, "stages": 2},
    "train": {"epochs": 12, "learning_rate": 0.01},
    "folds": {"scheme": "crossval", "number": 3},
    "evaluation": {"resamples": 200},
    "explain": {"samples": 6},
}


def inputs_of(*traces, rate=None):
    arrays = tuple(np.asarray(trace, dtype=np.float32) for trace in traces)
    return SignalInputs(arrays, tuple(f"lead{k}" for k in range(len(arrays[0]))), rate)


# Preparation


def test_each_channel_has_mean_0_and_spread_1_over_the_recorded_points_of_training():
    rng = np.random.default_rng(0)
    training = inputs_of(*(rng.normal((5, -300), (2, 40), (n, 2)).T for n in (30, 50, 41)))
    prepared = SignalPreparation.fit(training, PreparationSettings())(training)
    recorded = prepared[:, -1] > 0
    for channel in range(2):
        values = prepared[:, channel][recorded]
        assert values.mean() == pytest.approx(0, abs=1e-6)
        assert values.std() == pytest.approx(1, abs=1e-6)
    assert prepared.shape == (3, 3, 50)
    assert recorded.sum(axis=1).tolist() == [30, 50, 41]
    assert not prepared[~np.repeat(recorded[:, None], 3, axis=1)].any(), "behind the end there is nothing"


def test_gaps_are_the_mean_and_do_not_move_it():
    whole, torn = np.arange(40.0)[None], np.arange(40.0)[None]
    torn[0, 5:9] = np.nan
    preparation = SignalPreparation.fit(inputs_of(whole), PreparationSettings())
    prepared = preparation(inputs_of(whole, torn))
    assert not prepared[1, 0, 5:9].any()
    assert np.delete(prepared[1, 0] - prepared[0, 0], slice(5, 9)).max() == 0
    assert SignalPreparation.fit(inputs_of(torn), PreparationSettings()).mean[0] == pytest.approx(np.nanmean(torn))


def test_each_by_itself_forgets_amplitude_and_level():
    shape = np.sin(np.arange(60) / 4)[None]
    preparation = SignalPreparation.fit(inputs_of(shape), PreparationSettings(scale="each"))
    one, other = preparation(inputs_of(shape, 1000 * shape - 7))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_channel_that_never_varies_teaches_nothing():
    flat = np.full((1, 30), 0.1)
    preparation = SignalPreparation.fit(inputs_of(flat), PreparationSettings())
    assert not preparation(inputs_of(flat + np.linspace(0, 5, 30)))[0, 0].any()


def test_longer_recordings_lose_their_end_and_a_saved_preparation_is_the_same(tmp_path):
    ramp = np.arange(20.0)[None]
    preparation = SignalPreparation.fit(inputs_of(ramp), PreparationSettings(length=12, scale="none"))
    assert preparation(inputs_of(ramp))[0].tolist() == [list(range(12)), [1] * 12]
    preparation.save(tmp_path / "preparation.skops")
    assert SignalPreparation.load(tmp_path / "preparation.skops") == preparation


# Augmentation


def test_augmentation_repeats_and_says_what_was_not_recorded():
    change = SignalAugmentation(noise=0.1, scaling=0.2, shift=0.25)
    recordings = torch.ones(6, 3, 40)
    recordings[:, :, 30:] = 0
    first, again = (change(recordings, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    assert not first[:, :-1][(first[:, -1:] == 0).expand(-1, 2, -1)].any(), "no noise where nothing was recorded"
    assert torch.isin(first[:, -1], torch.tensor([0.0, 1.0])).all()


def test_a_shift_moves_all_channels_together_and_changes_no_value():
    change = SignalAugmentation(noise=0.0, scaling=0.0, shift=0.5)
    recordings = torch.arange(1.0, 31).expand(8, 2, 30).clone()
    recordings[:, -1] = 1
    moved = change(recordings, torch.Generator().manual_seed(0))
    for row in moved:
        there = row[1] > 0
        assert torch.equal(row[0][there].diff(), torch.ones(int(there.sum()) - 1))
    assert len({int((row[1] > 0).sum()) for row in moved}) > 3


def test_a_short_recording_moves_by_a_share_of_its_own_length():
    recordings = torch.zeros(200, 2, 400)
    recordings[:, :, :40] = 1
    moved = SignalAugmentation(noise=0.0, scaling=0.0, shift=0.25)(recordings, torch.Generator().manual_seed(0))
    left = moved[:, -1].sum(dim=1)
    assert int(left.min()) >= 30, "a quarter of 40 points at most is lost"
    starts = moved[:, -1].argmax(dim=1)
    assert int(starts.max()) <= 10
    assert int(starts.max()) >= 8


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_noise_is_a_share_of_the_channels_own_spread_in_any_unit(unit):
    """Noise of 0.1 on channels of which one varies ten times as much as the other, as they are."""
    recordings = torch.randn(64, 3, 500, generator=torch.Generator().manual_seed(1))
    recordings[:, 0] *= unit
    recordings[:, 1] *= 10 * unit
    recordings[:, -1] = 1
    asked = {"augment": {"noise": 0.1, "scaling": 0, "shift": 0}, "preparation": {"scale": "none"}}
    change = augmentation_of(signal_cohort(20), build(RunSettings, asked), recordings)
    added = (change(recordings, torch.Generator().manual_seed(2)) - recordings)[:, :-1].std(dim=(0, 2))
    torch.testing.assert_close(added, torch.tensor([0.1, 1.0]) * unit, rtol=0.03, atol=0)


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_the_nearest_recording_is_the_same_in_any_unit(scale):
    """Lengths differ, and whether something was recorded is in no unit: it is not compared."""
    rng = np.random.default_rng(0)
    traces = [rng.normal(size=(1, int(n))).astype(np.float32) for n in rng.integers(20, 60, 30)]
    asked = PreparationSettings(scale=scale)
    found = []
    for unit in (1.0, 1e-3):
        preparation = preparation_of("nearest-signal").fit(inputs_of(*[trace * unit for trace in traces]), asked)
        rows = rows_of(preparation(inputs_of(*[trace * unit for trace in traces])))
        assert rows.shape[1] == max(trace.shape[1] for trace in traces)
        far = cdist(rows, rows)
        np.fill_diagonal(far, np.inf)
        found.append(far.argmin(axis=1))
    assert found[0].tolist() == found[1].tolist()


def test_one_setting_does_not_shift_the_numbers_of_another():
    recordings = torch.randn(4, 2, 50, generator=torch.Generator().manual_seed(3))
    recordings[:, -1] = 1
    scaled, noisy = (
        SignalAugmentation(noise, 0.3, 0.0)(recordings, torch.Generator().manual_seed(5)) for noise in (0.0, 1e-6)
    )
    torch.testing.assert_close(scaled, noisy, atol=1e-4, rtol=0)


def test_settings_say_what_is_augmented():
    cohort = signal_cohort(20)
    assert resolve(AugmentSettings(noise=0.3)).model_dump(exclude_none=True)["noise"] == 0.3
    none = build(RunSettings, {"augment": {"noise": 0, "scaling": 0, "shift": 0}})
    learned = torch.zeros(4, 2, 8)
    assert augmentation_of(cohort, none, learned) is None
    assert augmentation_of(cohort, RunSettings(), learned) is not None


# Explanations


class Listens(SequenceClassifier):
    """Adds up the first channel from time point 10 to 15: what it uses is known."""

    def __init__(self):
        super().__init__(1, 1, dropout=0.0)
        self.head = nn.Sequential(nn.Linear(1, 1))
        with torch.no_grad():
            self.head[0].weight.fill_(2.0)
            self.head[0].bias.zero_()

    def embed(self, x):
        return x[:, 0, 10:15].sum(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def listens():
    """A sight of `Listens`, with recordings of 40 points of which the last 8 of the second were not recorded."""
    rng = np.random.default_rng(2)
    prepared = rng.normal(1, 0.3, (2, 3, 40)).astype(np.float32)
    prepared[:, -1] = 1
    prepared[1, :, 32:] = 0
    preparation = SignalPreparation(("a", "b"), 40, "none", (0.0, 0.0), (1.0, 1.0))
    member = type("Member", (), {"network": Listens(), "preparation": preparation})()
    return TraceSight(member, BINARY), prepared, Cells.of(prepared, CELLS)


def test_integrated_gradients_add_up_to_the_output(listens):
    sight, prepared, cells = listens
    found = integrate(sight, prepared, np.zeros(2, dtype=int), cells)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), sight.evidence(prepared, np.zeros(2, dtype=int)), rtol=1e-4)


def test_evidence_lies_where_the_network_listens(listens):
    sight, prepared, cells = listens
    for found in (integrate, occlude):
        maps = found(sight, prepared, np.zeros(2, dtype=int), cells)
        for row, length in enumerate((40, 32)):
            points = (np.arange(cells.count) + 0.5) * length / cells.count
            listened = (points > 9) & (points < 16)
            assert np.abs(maps[row, 1]).max() < 1e-6
            assert np.abs(maps[row, 0, ~listened]).max() < 1e-6
            assert np.abs(maps[row, 0, listened]).max() > 0.1
    assert (
        deletion(sight, prepared, integrate(sight, prepared, np.zeros(2, int), cells), np.zeros(2, int), cells, 0) > 0
    ).all()


def test_cells_of_a_shorter_recording_end_with_it():
    prepared = np.zeros((2, 2, 100), dtype=np.float32)
    prepared[0, -1], prepared[1, -1, :50] = 1, 1
    cells = Cells.of(prepared, 10)
    assert cells.pooled(prepared[:, -1:])[:, 0].tolist() == [[10.0] * 10, [5.0] * 10]
    assert cells.number[1, 50:].tolist() == [-1] * 50


def test_what_is_deleted_is_joined_by_a_straight_line():
    recording = np.stack([np.array([0.0, 1, 9, 9, 4, 5]), np.ones(6)]).astype(np.float32)
    gone = np.zeros((2, 1, 6), dtype=bool)
    gone[0, 0, 2:4], gone[1] = True, True
    joined, nothing = bridged(recording, gone)
    assert joined[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert nothing[0].tolist() == [0] * 6
    assert (joined[1] == 1).all()


def test_a_mask_is_cut_or_filled_up_like_its_recording():
    mask = np.zeros(100, dtype=bool)
    mask[50:60] = True
    assert widened(mask, 55).sum() < widened(mask, 100).sum() == widened(mask, 140).sum() > 10


# Poor recordings


def test_poor_recordings_are_poor_as_they_say():
    rng = np.random.default_rng(0)
    inputs = inputs_of(*(rng.normal(0, (1, 5), (400, 2)).T for _ in range(30)))
    scale = poor.spread(inputs)
    np.testing.assert_allclose(scale, (1, 5), rtol=0.05)
    by_label = {change.label: change(inputs, scale, 7) for change in poor.changes(inputs)}
    traces = {label: np.stack(found.traces) for label, found in by_label.items()}
    plain = np.stack(inputs.traces)
    noise = (traces["noise of 0.5 standard deviations"] - plain).std(axis=(0, 2))
    np.testing.assert_allclose(noise, 0.5 * scale, rtol=0.05)
    np.testing.assert_allclose(traces["amplitude −25\u00a0%"], 0.75 * plain, rtol=1e-6)
    assert np.isnan(traces["a gap of 10\u00a0% of the time"]).mean() == pytest.approx(0.1, abs=0.01)
    assert np.isnan(traces["'lead1' lost"][:, 1]).all()
    assert np.array_equal(traces["'lead1' lost"][:, 0], plain[:, 0])
    assert np.array_equal(traces["'lead0' upside down"][:, 0], -plain[:, 0])
    more, less = (traces[f"noise of {strength} standard deviations"] - plain for strength in ("0.5", "0.25"))
    np.testing.assert_allclose(more, 2 * less, atol=1e-3, err_msg="the same noise at every strength")


def test_what_is_measured_of_recordings_is_what_it_says():
    names, values = measured(inputs_of([[0, 1, 0, 1, np.nan]], [[5, 5, 5, 5, 5]], rate=2.5))
    found = [dict(zip(names, row, strict=True)) for row in values]
    assert found[0]["mean, lead0"] == 0.5
    assert found[0]["roughness, lead0"] == 2
    assert found[0]["share of gaps"] == 0.2
    assert found[1]["standard deviation, lead0"] == 0
    assert found[0]["length in seconds"] == 2


# A whole run


def planted(n=150):
    """Pulses whose place is known."""
    cohort = signal_cohort(n, per_patient=2)
    mask = np.zeros((n, 80), dtype=bool)
    mask[:, 14:27] = True
    return bedside.cohort.Cohort(**{**cohort.__dict__, "truth": lambda: KnownTruth({"pulse": mask})})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(made_once(tmp_path_factory, "recordings", lambda folder: bedside.train(planted(), QUICK, folder=folder / "run")) / "run")  # fmt: skip


def test_the_network_learns_and_the_nearest_neighbour_stands_beside_it(run):
    by_name = {record["metric"]: record for record in run.estimates["estimates"] if not record["of"]}
    assert by_name["auroc"]["value"] > 0.9
    assert run.estimates["baseline"]["family"] == "nearest-signal"
    assert run.description["signals"]["rate"] == 50


def test_the_same_seed_gives_the_same_bytes(run, tmp_path):
    again = bedside.train(planted(), {**QUICK, "explain": {"samples": 0}}, folder=tmp_path / "again")
    assert (again.path / "predictions.csv").read_bytes() == (run.path / "predictions.csv").read_bytes()


def test_evidence_lies_on_the_planted_pulse(run):
    (pulse,) = json.loads((run.path / "explanations" / "truth.json").read_text())["heat"]
    assert pulse["heat"]["low"] > pulse["area"]["value"]
    assert pulse["verdict"] == "more than chance"
    assert "of the evidence lies on the pulse" in pulse["sentence"]
    assert "of the recording" in pulse["sentence"]
    checks = json.loads((run.path / "explanations" / "sanity.json").read_text())["checks"]
    assert [check["passed"] for check in checks] == [True, True]


def test_drawings_are_pictures_without_code_and_show_every_channel(run):
    drawings = sorted((run.path / "explanations").glob("*.svg"))
    assert len(drawings) == 12
    for drawing in drawings:
        tree = ElementTree.fromstring(drawing.read_text())
        tags = [element.tag.rpartition("}")[2] for element in tree.iter()]
        assert set(tags) <= {"svg", "rect", "path", "text", "line"}
        assert tags.count("path") == 2


def test_the_report_speaks_of_recordings(run):
    page = (run.path / "report.html").read_text()
    for said in ("What the network read", "channel1, channel2", "50 Hz", "Training recordings were changed at random"):
        assert said in page or said in (run.path / "card.md").read_text(), said
    assert "pixels" not in page
    assert "Images" not in page


def test_the_model_comes_back_as_it_was_saved(run):
    from bedside.training.model import load_model

    cohort, model = planted(), load_model(run.path / "model")
    assert model.kind == "signal"
    assert model.known["channels"] == ["channel1", "channel2"]
    scores = dict(zip(model.names, model.scores(cohort.inputs), strict=True))
    tested = run.predictions[run.predictions["part"] == "test"]
    for row in tested.head(20).itertuples():
        own = scores[f"repeat{row.repeat}-fold{row.fold}"][cohort.samples.index.get_loc(row.sample)]
        assert own[1] == pytest.approx(row.score_high, abs=1e-9)


def test_drift_of_amplitude_is_seen_and_the_same_recordings_are_as_they_were(run, tmp_path):
    cohort = planted()
    traces = np.full((len(cohort), 2, 80), np.nan, dtype=np.float32)
    for row, trace in zip(traces, cohort.inputs.traces, strict=True):
        row[:, : trace.shape[1]] = trace
    found = {}
    for name, factor in (("same", 1), ("louder", 3)):
        given = {"signals": factor * traces, "rate": 50.0, "channels": np.array(cohort.inputs.channels)}
        np.savez(tmp_path / f"{name}.npz", **given)
        record = bedside.monitor(run, tmp_path / f"{name}.npz", output=tmp_path / name).record
        found[name] = {one["name"]: one["verdict"] for one in record["columns"]}
    assert found["louder"]["standard deviation, channel1"] != found["same"]["standard deviation, channel1"]
    assert found["louder"]["roughness, channel1"] == found["same"]["roughness, channel1"]
    scored = bedside.predict(run, tmp_path / "same.npz").table
    both = [bedside.predict(run, tmp_path / f"{name}.npz").table["unusual"].mean() for name in ("same", "louder")]
    assert len(scored) == len(cohort)
    assert both[0] < 0.1 < both[1]


def test_what_cannot_read_recordings_yet_says_so(run):
    from bedside.assistant.tools import Assistant
    from bedside.errors import ExportError
    from bedside.export import export
    from bedside.serve.served import Served

    with pytest.raises(SettingError, match="`bedside serve` does not read recordings yet"):
        Served(run.path)
    with pytest.raises(SettingError, match="`bedside mcp` does not read recordings yet"):
        Assistant(run)
    with pytest.raises(ExportError, match="cannot be exported yet"):
        export(run)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"augment": {"rotation": 10}}, "recordings are changed by noise, scaling and shift"),
        ({"explain": {"method": "grad-cam"}}, "grad-cam does not explain signals"),
        ({"preparation": {"image_size": 64}}, "does not change how signal data are prepared"),
        ({"family": "mlp", "model": {}}, "mlp' does"),
        ({"reference": {"keep": "inputs"}}, "signals are not kept"),
        ({"train": {"batch_size": 1}}, "'cnn1d' normalises over several samples in a batch; raise train.batch_size"),
    ],
)
def test_settings_that_cannot_act_on_recordings_are_refused(asked, said, tmp_path):
    with pytest.raises(SettingError, match=said):
        bedside.train(planted(30), {**QUICK, **asked}, folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
