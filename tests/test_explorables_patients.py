"""Explorables about patients: the dots are what the report's panel counts, and a leak is seen where one was planted."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from sklearn.metrics import roc_auc_score

import bedside
from bedside.learn.explorables import (
    family_album,
    family_autoencoder,
    family_generative,
    family_graph,
    family_recurrent,
    family_transformer,
    split,
    threshold,
)
from bedside.models import FAMILIES


@pytest.mark.parametrize("prevalence", np.linspace(0.001, 0.999, 25))
def test_dots_and_panel_count_the_same_patients(prevalence):
    for line in np.linspace(0, 1, 26).round(2):
        found = threshold.look(threshold.Wish(threshold=line, prevalence=prevalence))
        assert len(found["ill"]) + len(found["well"]) == 1000
        assert ((found["ill"] >= line).sum(), (found["well"] >= line).sum()) == (found["tp"], found["fp"])
        assert all(np.all(np.diff(found[group]) <= 0) for group in ("ill", "well")), "the page counts from the front"


def test_every_patient_has_a_score_of_a_model_that_did_not_know_them():
    ill, test, valid = threshold.held_out()
    assert len(ill) == 569
    assert ill.sum() == 212
    assert np.isfinite(test).all()
    assert np.isfinite(valid).all()
    assert not np.isclose(test, valid).any()


def test_prevalence_moves_predictive_values_by_bayes_and_leaves_the_rates():
    here, there = (threshold.look(threshold.Wish(threshold=0.5, prevalence=share)) for share in (0.4, 0.01))
    assert here["sensitivity"] == there["sensitivity"]
    assert here["specificity"] == there["specificity"]
    for found, share in ((here, 0.4), (there, 0.01)):
        right = found["sensitivity"] * share
        alarms = (1 - found["specificity"]) * (1 - share)
        assert found["ppv"] == pytest.approx(right / (right + alarms))
        assert found["alarms_per_found"] == pytest.approx(1 / found["ppv"] - 1)


def test_rules_choose_on_validation_patients():
    ill, _, valid = threshold.held_out()
    chosen = threshold.pick(threshold.Rule(rule="sensitivity"))["threshold"]
    assert np.mean(valid[ill] >= chosen) >= 0.95 > np.mean(valid[ill] >= chosen + 0.02)
    costs = [threshold.pick(threshold.Rule(rule="cost", prevalence=share))["threshold"] for share in (0.01, 0.37)]
    assert costs[0] > costs[1], "where few are ill, false alarms are many, and the line rises"


def test_with_the_highest_threshold_nobody_is_called():
    found = threshold.look(threshold.Wish(threshold=1.0, prevalence=0.1))
    assert found["tp"] + found["fp"] == 0
    assert found["ppv"] is None
    assert found["alarms_per_found"] is None


def test_with_one_image_of_each_patient_the_two_splits_are_one():
    found = split.look(split.Study(images=1))
    assert found["image"] == found["patient"] | {"shown": found["image"]["shown"]}
    assert found["image"]["siblings"] == 0


def test_a_patient_split_keeps_siblings_together_and_an_image_split_does_not():
    study = split.Study()
    images = split.planted(study, split.PATIENTS, 0)
    for fold in split.dealt(images, "patient"):
        assert not set(images.patient[fold.test]) & set(images.patient[np.r_[fold.train, fold.valid]])
    found = split.look(study)
    assert found["patient"]["siblings"] == 0
    assert found["image"]["siblings"] > 0.7
    assert found["patient"]["shown"].all(axis=1).any()
    assert not found["image"]["shown"].all(axis=1).any()


def test_without_any_disease_the_image_split_promises_and_nobody_else_does():
    found = [split.repeat(split.Study(disease=0, seed=seed)) for seed in range(4)]
    mean = {key: np.mean([study[key] for study in found]) for key in ("image", "patient", "new")}
    assert mean["image"] > 0.85
    assert mean["patient"] == pytest.approx(0.5, abs=0.08)
    assert mean["new"] == pytest.approx(0.5, abs=0.08)


def test_without_a_fingerprint_both_splits_tell_the_truth():
    found = split.repeat(split.Study(fingerprint=0, disease=0.3))
    assert found["image"] == pytest.approx(found["new"], abs=0.04)
    assert found["patient"] == pytest.approx(found["new"], abs=0.04)


def test_the_interval_is_that_of_a_judged_table_of_predictions():
    study = split.Study(disease=0.5, images=3)
    later = split.planted(study, split.NEW, 1)
    images = split.planted(study, split.PATIENTS, 0)
    score = split._fitted(study, images.pixels, images.ill).predict_proba(later.pixels)[:, 1]
    table = pd.DataFrame({"ill": later.ill.astype(int), "score": score, "patient": later.patient})
    judged = bedside.evaluate(
        table, target="ill", score="score", patient="patient", settings={"evaluation": {"resamples": 100}}
    )
    (auroc,) = [one for one in judged["estimates"] if one["metric"] == "auroc"]
    found = split.afterwards(study, images)
    assert (found["value"], found["low"], found["high"]) == pytest.approx((auroc["value"], auroc["low"], auroc["high"]))


def test_a_perfect_auroc_has_an_interval_too():
    study = split.Study(fingerprint=0, disease=1)
    found = split.afterwards(study, split.planted(study, split.PATIENTS, 0))
    assert found["value"] == found["high"] == 1
    assert 0.9 < found["low"] < 1


def test_the_album_says_truly_what_bedside_has():
    members = {one["key"]: one for one in family_album.begin(family_album.Patient())["members"]}
    assert len(members) == 8
    for one in family_album.MEMBERS:
        assert set(one.families) <= set(FAMILIES)
        assert one.families or not one.live
    assert all(one["families"] and one["live"] for one in members.values()), "all eight are families, and live"


def test_the_theory_says_the_same_as_the_album():
    page = (Path(__file__).parents[1] / "docs" / "theory" / "kinds.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z]+) .*\| (.+) \|$", page, re.MULTILINE))
    for one in family_album.MEMBERS:
        said = rows[one.name.split()[0].lower()]
        assert (said == "not yet") == (not one.families)
        assert not one.families or f"`{one.families[0]}`" in said


@pytest.mark.parametrize("machine", ["logistic", "forest", "boosting", "few", "more", "deep"])
def test_the_surface_is_what_the_machine_says_of_a_patient_there(machine):
    cell = 2 * family_album.EDGE / family_album.CELLS
    row, column = 33, 41
    first, second = (-family_album.EDGE + (k + 0.5) * cell for k in (column, row))
    found = family_album.border(family_album.Patient(machine=machine, first=first, second=second))
    assert found["surface"][row, column] == pytest.approx(found["probability"], abs=0.002)
    place = np.clip((found["points"] + family_album.EDGE) / cell, 0, family_album.CELLS - 1).astype(int)
    right = (found["surface"][place[:, 1], place[:, 0]] >= 0.5) == (found["target"] == 1)
    assert right.mean() > 0.85, "the first class is benign and the second malignant, and rows count from below"


def test_the_network_of_the_album_is_judged_on_lesions_it_has_not_seen():
    found = family_album.lesion(family_album.Lesion(number=1))
    assert found["image"].shape == (32, 32, 3)
    assert [one.shape for one in found["stages"]] == [
        (4, 32, 32),
        (4, 16, 16),
        (4, 8, 8),
    ]
    event, cohort = family_album._cnn()
    assert not {*family_album.unseen()} & {*event.fold.train, *event.fold.valid}
    rows = event.fold.test
    score = event.fitted.scores(cohort.inputs.take(rows))[:, 1]
    assert found["auroc"] == pytest.approx(roc_auc_score(cohort.target[rows], score))
    assert found["auroc"] > 0.7
    assert found["probability"] == pytest.approx(score[list(rows).index(family_album.unseen()[1])], abs=1e-5)


def test_the_recurrent_network_of_the_album_says_at_the_end_what_it_says_of_the_whole_recording():
    found = family_album.heard(family_recurrent.Heart(number=2))
    (cohort, fold), row = family_recurrent.drawn(), family_recurrent.unseen()[2]
    score = family_recurrent._trained().fitted.scores(cohort.inputs.take(fold.test))[:, 1]
    assert found["answers"][-1] == pytest.approx(score[list(fold.test).index(row)], abs=1e-12)
    assert found["auroc"] == pytest.approx(roc_auc_score(cohort.target[fold.test], score))
    assert found["auroc"] > 0.7
    assert len(found["answers"]) == found["traces"].shape[1] // family_recurrent.STRIDE == 30
    assert np.ptp(found["answers"]) > 0.05, "what it says changes while it reads"
    assert row in fold.test


def test_the_graph_network_of_the_album_finds_the_group_that_decides_in_rings_it_has_not_seen():
    found = family_album.read(family_graph.Compound(number=0))
    (cohort, fold), row = family_graph.drawn(), family_graph.unseen()[0]
    assert row in fold.test
    assert cohort.scaffolds[row] not in set(cohort.scaffolds[fold.train])
    score = family_graph._trained().fitted.scores(cohort.inputs.take(fold.test))[:, 1]
    assert found["auroc"] == pytest.approx(roc_auc_score(cohort.target[fold.test], score))
    assert found["auroc"] > 0.9
    nitro = {k for match in Chem.MolFromSmiles(found["smiles"]).GetSubstructMatches(Chem.MolFromSmarts("[N+](=O)[O-]")) for k in match}  # fmt: skip
    assert int(np.argmax(found["evidence"])) in nitro
    assert found["drawing"].startswith("<svg")


def test_the_autoencoder_of_the_album_learns_from_benign_masses_alone_and_says_what_is_unusual():
    found = family_album.passed(family_autoencoder.Mass(number=1))
    (cohort, fold), row = family_autoencoder.drawn(), family_autoencoder.unseen()[1]
    assert found["place"] == list(fold.test).index(row)
    assert found["learned"] == (cohort.target[fold.train] == 0).sum()
    assert np.shape(found["codes"]) == (len(fold.test), 2)
    assert len(found["given"]) == len(found["back"]) == len(found["features"]) == 30
    score = family_autoencoder._trained().fitted.scores(cohort.inputs.take(fold.test))[:, 1]
    assert found["auroc"] == pytest.approx(roc_auc_score(cohort.target[fold.test], score))
    assert 0.7 < found["auroc"] < 0.98


def test_the_generative_model_of_the_album_makes_masses_of_the_class_that_is_asked_for():
    (cohort, fold), found = family_autoencoder.drawn(), {}
    for malignant in (False, True):
        one = family_album.made(family_generative.Wish(malignant=malignant))
        assert len(one["mass"]) == 30
        assert len(one["drawn"]) == len(one["real"]) == (cohort.target[fold.train] == malignant).sum()
        assert np.isfinite(one["drawn"]).all()
        found[malignant] = one
    assert found[True]["mass"]["mean radius"] > found[False]["mass"]["mean radius"] + 3, "malignant masses are larger"
    for one in found.values():
        assert one["drawn"][:, 0].mean() == pytest.approx(one["real"][:, 0].mean(), rel=0.08)
        assert 0.93 < one["synthetic"] <= 1
    moved = family_album.made(family_generative.Wish(malignant=True, first=2.0, second=-1.0))
    assert moved["mass"] != found[True]["mass"], "another code is another mass"


def test_the_transformer_of_the_album_looks_at_the_same_lesions_and_its_shares_are_of_one_decision():
    found = family_album.attended(family_album.Lesion(number=1))
    (cohort, fold), (sight, _, pixels) = family_transformer.drawn(), family_transformer._trained()
    event, same = family_album._cnn()
    assert (same.samples["target"] == cohort.samples["target"]).all()
    assert set(event.fold.train) == set(fold.train)
    assert found["patches"].shape == (4, 4, 16, 16, 3)
    assert (np.block([[[patch] for patch in row] for row in found["patches"]]) == found["image"]).all()
    for name in ("before", "after"):
        assert found[name].sum() == pytest.approx(1, abs=1e-6)
        assert found[name].min() > 0
    assert np.ptp(found["before"]) < 0.01 < np.ptp(found["after"]), "chance attends evenly, learning does not"
    score = sight.scores(pixels[fold.test], np.zeros(len(fold.test), dtype=int))
    assert found["auroc"] == pytest.approx(roc_auc_score(cohort.target[fold.test], score))
    assert found["probability"] == pytest.approx(score[list(fold.test).index(family_album.unseen()[1])], abs=1e-5)
