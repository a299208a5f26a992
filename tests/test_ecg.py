"""The generated electrocardiograms are what their settings say, and the truth beside them is true."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import solve_ivp
from scipy.signal import find_peaks, periodogram
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bedside.data import read_cohort
from bedside.data.checks import check
from bedside.data.ecg import EcgSettings, Generated, generate, waves
from bedside.data.ecg.rhythm import BREATHING, SLOW, Rhythm, n_angles, phase, tachogram
from bedside.errors import SettingError
from bedside.settings import DataSettings

FEW = EcgSettings(patients=60)
QUIET = {"noise": 0.0, "lead_faults": 0.0}


@pytest.fixture(scope="module")
def few() -> Generated:
    return generate(FEW)


@pytest.fixture(scope="module")
def quiet() -> Generated:
    """Without noise and faults of leads, and long enough to count beats."""
    return generate(EcgSettings(patients=30, seconds=20, **QUIET))


def rhythm(n: int, mean: float = 0.8, sd: float = 0.04, balance: float = 0.5) -> Rhythm:
    return Rhythm(np.full(n, mean), np.full(n, sd), np.full(n, balance), np.zeros(n))


def angles(n: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 2 * np.pi, (n, n_angles()))


# The rhythm


def test_intervals_have_the_mean_and_spread_that_were_asked():
    intervals = tachogram(rhythm(20), angles(20), np.arange(4000) / 10)  # 400 s, one period of the finest step
    np.testing.assert_allclose(intervals.mean(axis=1), 0.8, rtol=1e-3)
    np.testing.assert_allclose(intervals.std(axis=1), 0.04, rtol=1e-2)


@pytest.mark.parametrize("balance", [0.5, 2.0])
def test_the_spectrum_has_a_slow_and_a_breathing_part_in_the_asked_balance(balance):
    intervals = tachogram(rhythm(20, balance=balance), angles(20), np.arange(4000) / 10)
    frequency, power = periodogram(intervals, fs=10)
    power = power.mean(axis=0)
    slow, breathing = (np.abs(frequency - centre) < 0.04 for centre in (SLOW, BREATHING))
    assert power[slow | breathing].sum() > 0.99 * power[1:].sum()
    assert power[slow].sum() / power[breathing].sum() == pytest.approx(balance, rel=0.05)
    for part, centre in ((slow, SLOW), (breathing, BREATHING)):
        assert np.average(frequency[part], weights=power[part]) == pytest.approx(centre, abs=0.003)


def test_beats_in_the_recording_come_at_the_asked_intervals(quiet):
    rate = 250
    for row in range(0, 60, 5):
        lead = quiet.recordings[row, 1]
        peaks, _ = find_peaks(lead, height=0.6 * lead.max(), distance=int(0.3 * rate))
        asked = quiet.truth.iloc[row]
        found = np.diff(peaks) / rate
        assert found.mean() == pytest.approx(asked["rr_mean"], rel=0.04)
        assert found.std() < 3 * asked["rr_sd"]
        np.testing.assert_allclose(np.sin(quiet.phase[row, peaks]), 0, atol=0.25)  # R peaks lie at phase 0
        assert (np.cos(quiet.phase[row, peaks]) > 0.9).all()


# The waves


def beats(n: int = 1, lowered: float = 0.0, turned: float = 0.0) -> waves.Beats:
    def repeat(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[None], n, axis=0)

    return waves.Beats(
        repeat(waves.ANGLES),
        repeat(waves.WIDTHS),
        repeat(waves.HEIGHTS),
        np.zeros((n, 2)),
        np.full((n, 2), lowered),
        np.full(n, turned),
    )


def test_the_trace_solves_the_differential_equation_of_the_source():
    """An outside solver on the three coupled equations: x, y on the limit cycle, z with the events, here of lead II."""
    rate, duration = 500.0, 3.0
    times = np.arange(int(duration * rate)) / rate
    speed = 2 * np.pi / 0.8
    b, height = waves.WIDTHS, waves.HEIGHTS[0]

    def equations(t: float, state: np.ndarray) -> list[float]:
        x, y, z = state
        alpha, theta = 1 - np.hypot(x, y), np.arctan2(y, x)
        away = np.mod(theta - waves.ANGLES + np.pi, 2 * np.pi) - np.pi
        width = b * np.where((np.arange(5) == 4) & (away < 0), 1.4, 1.0)
        a = height * speed / width**2
        return [
            alpha * x - speed * y,
            alpha * y + speed * x,
            float(-(a * away * np.exp(-0.5 * (away / width) ** 2)).sum() - z),
        ]

    solved = solve_ivp(equations, (0, duration), [1.0, 0.0, 0.0], t_eval=times, max_step=1e-3, rtol=1e-8, atol=1e-9).y[
        2
    ]
    ours = waves.trace(beats(), speed * times[None], np.zeros((1, len(times))), rate)[0, 0]
    decaying = np.exp(-times) * (ours[0] - solved[0])  # they begin at another level, which decays with 1 s
    np.testing.assert_allclose(ours - decaying, solved, atol=2e-3)


def test_p_q_r_s_t_come_in_order_with_their_signs():
    theta = np.linspace(-np.pi, np.pi, 2000)[None]
    for lead in waves.trace(beats(), theta, np.zeros((1, 2000)), 2000)[0]:
        level = np.median(lead)
        tops, _ = find_peaks(lead - level, prominence=0.04)
        dips, _ = find_peaks(level - lead, prominence=0.04)
        p, r, t = theta[0, tops]
        q, s = theta[0, dips[np.abs(theta[0, dips]) < 0.5]]
        assert p < q < r < s < t
        np.testing.assert_allclose([p, r, t], waves.ANGLES[[0, 2, 4]], atol=0.05)
        assert lead[tops].argmax() == 1


def test_durations_are_those_of_patients():
    """At 60 beats per minute: PR 120 to 200 ms, QRS 80 to 120 ms, QT 350 to 450 ms; flanks count to two widths."""
    at, wide = waves.at_heart_rate(waves.ANGLES[None], waves.WIDTHS[None], np.array([1.0]))
    milliseconds = 1000 / (2 * np.pi)
    onset, end = (at[0] - 2 * wide[0]) * milliseconds, (at[0] + 2 * wide[0]) * milliseconds
    assert 120 <= onset[1] - onset[0] <= 200
    assert 80 <= end[3] - onset[1] <= 120
    assert 350 <= end[4] - onset[1] <= 450


def test_qt_goes_with_the_root_of_the_interval():
    at, wide = waves.at_heart_rate(
        waves.ANGLES[None].repeat(2, 0), waves.WIDTHS[None].repeat(2, 0), np.array([1.0, 0.64])
    )
    t_widths = wide[:, 4] * np.array([1.0, 0.64])  # in time, not phase
    assert t_widths[1] / t_widths[0] == pytest.approx(0.8)
    s_times = at[:, 3] * np.array([1.0, 0.64])
    assert s_times[1] / s_times[0] == pytest.approx(0.8)


# The patients


def beat_shapes(generated: Generated) -> np.ndarray:
    """The mean beat of each recording at 40 phases, both leads, (n, 80), each lead without its mean."""
    place = (np.mod(generated.phase, 2 * np.pi) / (2 * np.pi) * 40).astype(int)
    shapes = np.zeros((len(place), 2, 40))
    for row, (trace, where) in enumerate(zip(generated.recordings, place, strict=True)):
        count = np.maximum(np.bincount(where, minlength=40), 1)
        shapes[row] = [np.bincount(where, weights=lead, minlength=40) / count for lead in trace]
    return (shapes - shapes.mean(axis=2, keepdims=True)).reshape(len(place), -1)


def test_patients_differ_more_than_recordings_of_one_patient(quiet):
    shapes = beat_shapes(quiet)
    patients = quiet.truth["patient"].to_numpy()
    apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=2)
    same = patients[:, None] == patients[None]
    pairs = np.triu(np.ones_like(same), 1)
    within, between = apart[same & pairs], apart[~same & pairs]
    assert len(within) == 30
    assert (within[:, None] < between[None]).mean() > 0.95


def test_shares_are_those_that_were_asked():
    truth = generate(
        EcgSettings(patients=500, recordings=1, seconds=1, prevalence=0.3, lead_faults=0.2, label_noise=0.1)
    ).truth
    ill = truth["true_target"] == "ischaemia"
    for share, asked in ((ill, 0.3), (truth["fault"] != "", 0.2), (truth["target"] != truth["true_target"], 0.1)):
        assert abs(share.mean() - asked) < 4 * np.sqrt(asked * (1 - asked) / 500)
    assert set(truth["fault"]) == {"", "swapped", "II inverted", "V5 inverted"}
    assert (truth.loc[~ill, "severity"] == 0).all()
    assert (truth.loc[ill, "severity"] > 0).all()


def test_the_same_seed_gives_the_same_bytes_and_another_others():
    def digest(**settings: object) -> str:
        return hashlib.sha256(generate(EcgSettings(patients=6, **settings)).recordings.tobytes()).hexdigest()

    assert digest() == digest() != digest(seed=1)


def test_one_more_patient_changes_no_other(few):
    more = generate(FEW.model_copy(update={"patients": 61}))
    np.testing.assert_array_equal(more.recordings[:120], few.recordings)


def test_values_lie_on_the_steps_of_the_device(few):
    steps = few.recordings.astype(np.float64) / 0.001
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


# The truth


def test_the_change_is_where_the_truth_says():
    """The same hearts with and without ischaemia differ inside the mask, and hardly outside."""
    with_change = generate(EcgSettings(patients=60, **QUIET))
    without = generate(EcgSettings(patients=60, strength=0.0, **QUIET))
    ill = (with_change.truth["true_target"] == "ischaemia").to_numpy()
    difference = with_change.recordings - without.recordings
    assert not difference[~ill].any()
    assert not with_change.change[~ill].any()
    assert not without.change.any()
    shares = []
    for row in np.flatnonzero(ill):
        mask = with_change.change[row]
        level = np.median(
            difference[row][:, ~mask], axis=1
        )  # an amplifier without direct current moves all of a recording
        away = np.abs(difference[row] - level[:, None]).max(axis=0)
        shares.append(away[mask].mean() / away[~mask].mean())
        assert 0.2 < mask.mean() < 0.6
    assert np.median(shares) > 5
    assert min(shares) > 2


def test_ischaemia_lowers_the_st_segment_and_turns_the_t_wave():
    theta = np.linspace(-np.pi, np.pi, 2000)[None]
    normal, ill = (waves.trace(b, theta, np.zeros((1, 2000)), 2000)[0] for b in (beats(), beats(1, 0.2, 1.5)))
    st, t, p = (
        np.abs(theta[0] - at).argmin() for at in (waves.st_angle(beats())[0], waves.ANGLES[4], waves.ANGLES[0] - 0.6)
    )
    for lead in range(2):
        assert -0.4 < (ill[lead, st] - ill[lead, p]) - (normal[lead, st] - normal[lead, p]) < -0.15
        assert normal[lead, t] - normal[lead, p] > 0.2
        assert ill[lead, t] - ill[lead, p] < -0.1


def test_nothing_but_the_change_goes_with_the_class():
    truth = generate(EcgSettings(patients=600, recordings=1, seconds=1)).truth
    ill = truth["true_target"] == "ischaemia"
    for name in ("age", "rr_mean", "rr_sd", "balance"):
        assert abs(roc_auc_score(ill, truth[name]) - 0.5) < 0.1
    for name in ("site", "sex", "fault"):
        table = pd.crosstab(truth[name], ill, normalize="columns")
        assert (table[True] - table[False]).abs().max() < 0.12


def test_the_class_can_be_learned_but_not_perfectly():
    """A linear model on the mean beat: what a network has to find by itself reaches about this far."""
    generated = generate(EcgSettings(patients=300, recordings=1))
    shapes, ill = beat_shapes(generated), generated.truth["true_target"] == "ischaemia"
    scores = LogisticRegression(C=0.1, max_iter=2000).fit(shapes[:150], ill[:150]).predict_proba(shapes[150:])[:, 1]
    assert 0.85 < roc_auc_score(ill[150:], scores) < 0.985


def test_the_pulse_is_a_shortcut_at_one_site_and_can_be_taken_away():
    cohort = read_cohort("ecg", DataSettings(synthetic={"patients": 60, "shortcut": 1.0}, site="site"))
    truth = cohort.truth()
    has = truth.masks["pulse"].any(axis=1)
    expected = ((cohort.samples["site"] == "B") & (cohort.samples["target"] == "ischaemia")).to_numpy()
    np.testing.assert_array_equal(has, expected)
    assert truth.masks["pulse"].sum(axis=1).max() == 80  # 0.32 s
    bare = truth.without["pulse"]
    for row in range(len(cohort)):
        same = (cohort.inputs.traces[row] == bare.traces[row]).all(axis=0)
        assert same[~truth.masks["pulse"][row]].all()
        assert same.all() != has[row]
    assert not (truth.masks["pulse"] & truth.masks["change"]).any()


# The cohort


def test_the_cohort_is_read_by_its_name():
    cohort = read_cohort("ecg")
    assert (len(cohort), cohort.n_patients, cohort.task.classes) == (600, 300, ("normal", "ischaemia"))
    assert (cohort.inputs.channels, cohort.inputs.rate, cohort.inputs.units) == (("II", "V5"), 250.0, ("mV", "mV"))
    assert cohort.inputs.lengths.tolist() == [1000] * 600
    assert len(np.unique(cohort.linked)) == 600
    assert [found.code for found in check(cohort) if found.level != "note"] == []
    assert "no patient exists" in cohort.about["synthetic"]
    assert cohort.truth().masks["change"].shape == (600, 1000)
    assert not cohort.truth().without


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"synthetic": {"colour": 1}}, "colour"),
        ({"synthetic": {"patients": 1_000_000}}, "GB of memory"),
        ({"rate": 100.0}, "rate=100.0 has no effect on generated recordings"),
        ({"image": "x"}, "has no effect on generated recordings"),
    ],
)
def test_settings_that_cannot_act_are_refused(settings, said):
    with pytest.raises(SettingError, match=said):
        read_cohort("ecg", DataSettings(**settings))


@pytest.mark.parametrize("other", [{"rate": 500.0}, {"seconds": 1.0}, {"sites": 1}, {"recordings": 1}])
def test_other_settings_act(few, other):
    generated = generate(FEW.model_copy(update=other))
    settings = FEW.model_copy(update=other)
    assert generated.recordings.shape == (60 * settings.recordings, 2, settings.points)
    assert generated.truth["site"].nunique() == settings.sites


def test_phase_is_the_integral_of_the_angular_velocity():
    times = np.arange(1000) / 250
    of = rhythm(3, sd=0.0)
    np.testing.assert_allclose(
        phase(of, tachogram(of, angles(3), times), 250.0), np.tile(2 * np.pi * times / 0.8, (3, 1)), atol=1e-9
    )
