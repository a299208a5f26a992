"""Where the truth is known, a network that uses a planted artefact is found out, an innocent one is not, and few samples say nothing."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from bedside.cohort import Cohort, KnownTruth, Roles, Task
from bedside.data.arrays import array_inputs
from bedside.explain import explain_run
from bedside.explain.sight import Sight
from bedside.explain.truth import Scene, framed, measure
from bedside.folder import Run, write_json, write_table
from bedside.models.classifier import Classifier
from bedside.recalibration import Line, Recalibration
from bedside.settings import RunSettings
from bedside.splits.images import ImagePreparation
from bedside.training.model import Deployed

BINARY, THREE = Task("binary", ("well", "sick")), Task("multiclass", ("red", "green", "blue"))
SIZE, STRIP = 32, 9


@dataclass(frozen=True)
class Member:
    classifier: Classifier
    preparation: ImagePreparation


class Looker(Classifier):
    """Its evidence for each output is how much of one colour (0 red, 1 green, 2 blue) there is, and perhaps a little of blue."""

    def __init__(self, *colours, blue=0.0):
        super().__init__(3, len(colours), dropout=0.0)
        with torch.no_grad():
            last = nn.Linear(3, len(colours))
            last.weight.copy_(40 * torch.eye(3)[list(colours)])
            last.weight[:, 2] += blue
            last.bias.fill_(-1.5 if len(colours) == 1 else 0.0)
            self.head = nn.Sequential(last)

    def maps(self, x):
        return nn.functional.avg_pool2d(x.clamp(min=0), 4)

    def pool(self, maps):
        return maps.mean(dim=(-2, -1))


def preparation(framing="crop", share=1.0):
    return ImagePreparation(SIZE, framing, "bilinear", share, 3, 255, (0.15,) * 3, (0.3,) * 3)


def generated(n, task, *, goes_with_class, seed=0):
    """Dark images with a red square, brighter in the sick, and a blue strip at the left of some of them."""
    rng = np.random.default_rng(seed)
    code = np.arange(n) % len(task.classes)
    with_strip = code == len(task.classes) - 1 if goes_with_class else rng.random(n) < 0.5
    bare = rng.integers(0, 30, (n, SIZE, SIZE, 3), dtype=np.uint8)
    lesions, strips = np.zeros((2, n, SIZE, SIZE), dtype=bool)
    for k in range(n):
        top, left = rng.integers(2, SIZE - 8, 1)[0], rng.integers(STRIP + 4, SIZE - 8, 1)[0]
        lesions[k, top : top + 6, left : left + 6] = True
        bare[k, lesions[k], 0] = np.clip(rng.normal(130 + 60 * (code[k] > 0), 30), 60, 255)
    for k in np.flatnonzero(with_strip):
        strips[k, :, : rng.integers(5, STRIP)] = True
    images = bare.copy()
    images[strips, 2] = 230
    samples = pd.DataFrame(
        {"patient": [f"p{k:03d}" for k in range(n)], "target": np.array(task.classes, dtype=object)[code]}
    )
    samples.index = [f"s{k:03d}" for k in range(n)]
    truth = KnownTruth({"square": lesions, "strip": strips}, {"strip": array_inputs(bare)})
    roles = Roles(target="target", patient="patient")
    return Cohort("strips", samples, roles, task, array_inputs(images), np.arange(n), truth=lambda: truth)


def members_of(*classifiers):
    """Each network tested one of the folds, in the order of the samples."""
    return {f"repeat0-fold{k}": Member(c.eval(), preparation()) for k, c in enumerate(classifiers)}


def predictions_of(cohort, members):
    table = cohort.samples.rename_axis("sample").reset_index()
    table.insert(2, "repeat", 0)
    table.insert(3, "fold", np.arange(len(table)) * len(members) // len(table))
    table.insert(4, "part", "test")
    sights = [Sight(member, cohort.task) for member in members.values()]
    rows = [np.flatnonzero(table["fold"] == k) for k in range(len(sights))]
    own = [cohort.inputs.take(r) for r in rows]
    found = [s.probabilities(s.pixels(i), i.records["sha256"]) for s, i in zip(sights, own, strict=True)]
    table[cohort.task.score_columns()] = np.concatenate(found)
    return table


def run_of(path, cohort, members):
    """A run as far as explanations read it."""
    path.mkdir(parents=True)
    write_table(path / "predictions.csv", predictions_of(cohort, members))
    write_json(path / "estimates.json", {"thresholds": thresholds_of(cohort, members)})
    record = {"features": [], "roles": {"subgroups": []}, "task": {"kind": cohort.task.kind}}
    write_json(path / "description.json", record)
    return Run(path)


def thresholds_of(cohort, members):
    return [{"repeat": 0, "fold": k, "value": 0.5} for k in range(len(members)) if cohort.task.kind == "binary"]


def told(cohort, *classifiers, method="grad-cam"):
    """truth.json of networks on what they tested."""
    members = members_of(*classifiers)
    table = predictions_of(cohort, members)
    shown = cohort.target if cohort.task.kind == "multiclass" else 0
    names = "repeat0-fold" + table["fold"].astype(str)
    sights = {name: Sight(member, cohort.task) for name, member in members.items()}
    tested = Scene(
        cohort, table.assign(shown=shown, unit=table["patient"]), sights, names, thresholds_of(cohort, members)
    )
    return measure(tested, cohort.truth(), method, 0)


def heat_of(record, name):
    return next(found for found in record["heat"] if found["name"] == name)


def test_a_network_that_uses_the_artefact_is_found_out():
    cohort = generated(80, BINARY, goes_with_class=True)
    record = told(cohort, Looker(2), Looker(2))
    (without,) = record["without"]
    assert (without["name"], without["verdict"], without["exposed"]) == ("strip", "falls", True)
    assert record["exposed"] == ["strip"]
    auroc = without["metrics"][0]
    assert auroc["metric"] == "auroc"
    assert auroc["as_they_are"]["value"] == 1
    assert auroc["without"]["value"] < 0.75
    assert auroc["difference"]["high"] < 0
    assert without["n"] == {"samples": 80, "changed": 40, "patients": 40}
    assert "the network uses the strip" in without["sentence"]
    strip, square = heat_of(record, "strip"), heat_of(record, "square")
    assert strip["verdict"] == "more than chance"
    assert strip["heat"]["value"] > 0.9
    assert square["heat"]["value"] < 0.1
    assert record["sentences"] == [without["sentence"], square["sentence"], strip["sentence"]]


def test_a_network_that_looks_at_the_lesion_shows_no_sign():
    cohort = generated(200, BINARY, goes_with_class=False)
    record = told(cohort, Looker(0, blue=0.02), Looker(0, blue=0.02))
    (without,) = record["without"]
    assert (without["verdict"], without["exposed"]) == ("no sign", False)
    assert record["exposed"] == []
    assert "no sign that the network uses the strip" in without["sentence"]
    assert heat_of(record, "square")["verdict"] == "more than chance"
    assert heat_of(record, "square")["heat"]["low"] > 2 * heat_of(record, "square")["area"]["value"]
    assert heat_of(record, "strip")["verdict"] == "less than chance"


def test_numbers_are_those_of_scikit_learn_and_of_the_member_that_tested():
    cohort = generated(60, BINARY, goes_with_class=True, seed=3)
    record = told(cohort, Looker(2), Looker(0))  # one fold uses the strip, the other does not
    rows = record["without"][0]["metrics"]
    truth, bare = cohort.truth(), []
    for k, inputs in enumerate((cohort.inputs, truth.without["strip"])):
        scores, y = [], cohort.target
        for fold, network in enumerate((Looker(2), Looker(0))):
            sight = Sight(Member(network.eval(), preparation()), BINARY)
            half = np.arange(30 * fold, 30 * fold + 30)
            seen = sight.probabilities(sight.pixels(inputs.take(half)), inputs.records["sha256"][half])
            scores.append(roc_auc_score(y[half], seen[:, 1]))
        bare.append(np.mean(scores))
        assert rows[0][("as_they_are", "without")[k]]["value"] == pytest.approx(bare[k])
    assert rows[0]["difference"]["value"] == pytest.approx(bare[1] - bare[0])


def test_few_patients_or_few_artefacts_allow_no_verdict():
    small = told(generated(12, BINARY, goes_with_class=True), Looker(2))
    assert small["without"][0]["verdict"] == "too few to tell"
    assert not small["without"][0]["exposed"]
    assert "fewer than 10 tested patients of a class (6 of class sick, 6 of class well)" in small["sentences"][0]
    assert heat_of(small, "strip")["verdict"] == "too few to tell"
    assert heat_of(small, "strip")["heat"]["low"] is None
    cohort = generated(40, BINARY, goes_with_class=False)
    truth = cohort.truth()
    cohort = replace(cohort, truth=lambda: replace(truth, without={"strip": cohort.inputs}))  # nothing is taken away
    none = told(cohort, Looker(0))["without"][0]
    assert (none["verdict"], none["n"]["changed"]) == ("too few to tell", 0)
    assert "only 0 tested patients have a strip to take away" in none["sentence"]


def test_a_wide_interval_is_no_innocence():
    (without,) = told(generated(30, BINARY, goes_with_class=False, seed=1), Looker(0, blue=1))["without"]
    low, high = (without["metrics"][0]["difference"][end] for end in ("low", "high"))
    assert low < -0.05 < 0.05 < high
    assert without["verdict"] == "too few to tell"
    assert "cannot be excluded" in without["sentence"]


def test_an_artefact_that_misleads_is_told_from_one_that_helps():
    (without,) = told(generated(60, BINARY, goes_with_class=False, seed=3), Looker(0, blue=4))["without"]
    assert (without["verdict"], without["exposed"]) == ("rises", False)
    assert "the strip misleads the network" in without["sentence"]


def test_several_classes_are_told_and_nothing_depends_on_the_run():
    cohort = generated(45, THREE, goes_with_class=True)
    records = [told(cohort, Looker(0, 1, 2)) for _ in range(2)]
    assert records[0] == records[1]
    assert [row["metric"] for row in records[0]["without"][0]["metrics"]] == ["auroc", "accuracy", "balanced_accuracy"]
    assert records[0]["without"][0]["n"]["changed"] == 15


def test_occlusion_tells_where_the_heat_lies_too():
    record = told(generated(40, BINARY, goes_with_class=True), Looker(2), method="occlusion")
    assert record["method"] == "occlusion"
    assert heat_of(record, "strip")["verdict"] == "more than chance"


def test_masks_go_through_the_frame_of_the_pixels():
    member = Member(Looker(0).eval(), preparation("whole"))
    wide = np.zeros((40, 80), dtype=bool)
    wide[:, :20] = True
    inside = framed(Sight(member, BINARY), wide)
    assert inside.shape == (SIZE, SIZE)
    assert inside[SIZE // 2, : SIZE // 4 + 2].all()
    assert not inside[SIZE // 2, SIZE // 4 + 3 :].any()
    assert not inside[: SIZE // 4 - 3].any()  # the black border above
    cut = np.zeros((64, 64), dtype=bool)
    cut[:2] = True
    assert not framed(Sight(Member(Looker(0).eval(), preparation("crop", 0.8)), BINARY), cut).any()


def test_a_member_is_seen_with_its_recalibration():
    cohort, member = generated(8, BINARY, goes_with_class=True), members_of(Looker(2))["repeat0-fold0"]
    line = Recalibration("platt", maps=(Line(-1.0, 0.5),))
    plain, deployed = Sight(member, BINARY), Sight(Deployed(member, line), BINARY)
    pixels = plain.pixels(cohort.inputs)
    scores, sha256 = plain.probabilities(pixels, [""] * 8), [""] * 8
    expected = 1 / (1 + np.exp(1 - 0.5 * np.log(scores[:, 1] / scores[:, 0])))
    np.testing.assert_allclose(deployed.probabilities(pixels, sha256)[:, 1], expected, rtol=1e-6)
    shown = np.zeros(8, dtype=int)
    np.testing.assert_array_equal(deployed.evidence(pixels, shown), plain.evidence(pixels, shown))


@pytest.mark.parametrize(("real", "samples"), [(False, 2), (True, 2), (False, 0)])
def test_runs_keep_it_unless_the_cohort_is_real_or_nothing_is_explained(real, samples, tmp_path):
    cohort = generated(12, BINARY, goes_with_class=True)
    members = members_of(Looker(2))
    run = run_of(tmp_path / "run", cohort, members)
    given = replace(cohort, truth=None) if real else cohort
    steps = list(explain_run(run, given, RunSettings(explain={"samples": samples}), members))
    assert [done for done, _ in steps] == list(range(1, steps[-1][1] + 1))
    assert (Run(run.path).truth is None) == (real or not samples)
    if run.truth is not None:
        assert run.truth["method"] == run.sanity["method"]
        assert [found["name"] for found in run.truth["heat"]] == ["square", "strip"]


def test_the_truth_is_no_part_of_the_fingerprint():
    cohort = generated(6, BINARY, goes_with_class=True)
    assert cohort.fingerprint() == replace(cohort, truth=None).fingerprint()
