"""The generator's truth is true: what it says decides the label decides it, what it says is planted is there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedside.data.dermoscopy import DermoscopySettings, generate, without_rulers
from bedside.data.dermoscopy.truth import FEATURES, SITES, features_of, risks, truth_table
from bedside.data.samples import load
from bedside.errors import SettingError
from bedside.settings import DataSettings

NUISANCES = ("skin_tone", "hair", "ruler", "age")


def truth(**settings):
    """The truth alone: nothing is painted, so thousands of patients are cheap."""
    return truth_table(DermoscopySettings(**settings))


def painted(**settings):
    return generate(DermoscopySettings(**{"patients": 24, "size": 64, **settings}))


def malignant(table, column="true_target"):
    return (table[column] == "malignant").to_numpy()


@pytest.fixture(scope="module")
def many():
    return truth(patients=3000)


@pytest.fixture(scope="module")
def plain():
    return painted(patients=40)


# What decides the diagnosis


def test_the_best_possible_auc_is_that_of_an_expert(many):
    assert 0.93 <= roc_auc_score(malignant(many), many["risk"]) <= 0.955
    assert malignant(many).mean() == pytest.approx(0.35, abs=0.03)
    assert many["target"].tolist() == many["true_target"].tolist()


def test_the_risk_is_calibrated(many):
    tenth = pd.qcut(many["risk"], 10)
    observed = pd.Series(malignant(many), index=many.index).groupby(tenth, observed=True).mean()
    expected = many.groupby(tenth, observed=True)["risk"].mean()
    assert (observed - expected).abs().max() < 0.08


def test_a_logistic_model_of_the_four_features_reaches_the_ceiling_and_the_rest_adds_nothing(many):
    y, ceiling = malignant(many), roc_auc_score(malignant(many), many["risk"])
    model = make_pipeline(StandardScaler(), LogisticRegression())
    table = many.assign(diameter_mm=np.log(many["diameter_mm"]))

    def auc(columns):
        return roc_auc_score(y, cross_val_predict(model, table[columns], y, cv=5, method="decision_function"))

    assert auc(list(FEATURES)) == pytest.approx(ceiling, abs=0.006)
    assert auc(list(NUISANCES)) == pytest.approx(0.5, abs=0.04)
    assert all(auc([f for f in FEATURES if f != left_out]) < ceiling - 0.01 for left_out in FEATURES)


@pytest.mark.parametrize("noise", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_share_of_malignant_lesions_is_the_one_asked_for(noise, share):
    features = features_of(np.random.default_rng(3).standard_normal((20_000, 5)))
    assert risks(features, share, noise).mean() == pytest.approx(share, abs=0.01)


def test_more_noise_less_certainty_and_none_without():
    tables = [truth(patients=800, noise=noise) for noise in (0.0, 0.3, 1.0, 10.0)]
    aucs = [roc_auc_score(malignant(t), t["risk"]) for t in tables]
    assert aucs[0] == 1 > aucs[1] > aucs[2] > aucs[3]
    assert set(tables[0]["risk"]) == {0.0, 1.0}


# What does not, unless asked


def test_without_a_shortcut_the_ruler_says_nothing(many):
    with_ruler = many.groupby("true_target")["ruler"].mean()
    assert with_ruler["malignant"] == pytest.approx(with_ruler["benign"], abs=0.06)
    assert many["ruler"].mean() == pytest.approx(0.3, abs=0.03)


def test_the_shortcut_is_as_strong_as_asked():
    table = truth(patients=2000, shortcut=0.8)
    shares = table.groupby("true_target")["ruler"].mean()
    assert shares["malignant"] == pytest.approx(0.2 * 0.3 + 0.8, abs=0.04)
    assert shares["benign"] == pytest.approx(0.2 * 0.3, abs=0.03)
    exact = truth(patients=200, shortcut=1)
    np.testing.assert_array_equal(exact["ruler"] == 1, malignant(exact))


def test_a_ruler_or_hair_changes_nothing_else_in_an_image():
    without, ruled, hairy = painted(ruler=0, hair=0), painted(ruler=1, hair=0), painted(ruler=0, hair=1)
    np.testing.assert_array_equal(without.lesions, ruled.lesions)
    changed = np.abs(without.images.astype(int) - ruled.images).max(axis=3) > 12
    near = np.array([_grown(mask, 3) for mask in ruled.rulers])
    assert changed[near].mean() > 0.25
    assert changed[~near].mean() < 0.001
    assert (without.images != hairy.images).any(axis=(1, 2, 3)).all()
    columns = [*FEATURES, "target", "skin_tone"]
    pd.testing.assert_frame_equal(without.truth[columns], hairy.truth[columns])


def _grown(mask, by):
    from scipy.ndimage import binary_dilation

    return binary_dilation(mask, iterations=by)


def test_wrong_labels_are_as_many_as_asked_and_told_apart():
    table = truth(patients=2000, label_noise=0.2)
    wrong = malignant(table) != malignant(table, "target")
    assert wrong.mean() == pytest.approx(0.2, abs=0.03)
    assert truth(patients=2000)["true_target"].equals(table["true_target"])


# Where things are


def test_masks_cover_what_they_say(plain):
    grey, area = plain.images.mean(axis=3), plain.lesions.mean(axis=(1, 2))
    for image, lesion, ruler in zip(grey, plain.lesions, plain.rulers, strict=True):
        around = _grown(lesion, 6) & ~_grown(lesion, 2) & ~ruler
        assert image[lesion].mean() < image[around].mean()  # darker than the skin around it
    assert np.corrcoef(np.sqrt(area), plain.truth["diameter_mm"])[0, 1] > 0.9
    assert (area > 0.005).all()


def test_a_ruler_is_where_the_truth_says_and_leaves_the_lesion_in_sight():
    ruled = painted(patients=60, ruler=1)
    hidden = (ruled.rulers & ruled.lesions).sum(axis=(1, 2)) / ruled.lesions.sum(axis=(1, 2))
    assert hidden.max() < 0.15
    share = ruled.rulers.mean(axis=(1, 2))
    assert share.min() > 0.005
    assert share.max() < 0.25
    assert not painted(ruler=0).rulers.any()


def test_asymmetry_and_border_show_in_the_outline():
    few = painted(patients=120, ruler=0)
    table, shape = few.truth, few.lesions
    ring = np.array([(_grown(m, 1) & ~m).sum() / np.sqrt(m.sum()) for m in shape])  # longer for a ragged outline
    large = (table["diameter_mm"] > 4).to_numpy()
    assert table.loc[large, "border"].corr(pd.Series(ring[large], index=table.index[large]), "spearman") > 0.5


# Same seed, same bytes


def test_the_same_settings_give_the_same_bytes_and_more_patients_change_no_image():
    mixed = {"images_per_patient": 2, "duplicates": 0.3, "sites": 3, "label_noise": 0.1}
    few, more = painted(patients=8, **mixed), painted(patients=12, **mixed)
    for name in ("images", "lesions", "rulers"):
        np.testing.assert_array_equal(getattr(few, name), getattr(more, name)[:16])
    pd.testing.assert_frame_equal(few.truth, more.truth.iloc[:16])
    other = painted(patients=8, seed=1, **mixed)
    assert (other.images != few.images).any(axis=(1, 2, 3)).all()


def test_images_are_square_colour_bytes_and_samples_have_names(plain):
    assert plain.images.shape == (40, 64, 64, 3)
    assert plain.images.dtype == np.uint8
    assert plain.truth.index[[0, 39]].tolist() == ["lesion-0001", "lesion-0040"]
    assert plain.truth.index.is_unique


# Patients, sites, copies


def test_a_patient_is_the_same_lesion_seen_again():
    few = painted(patients=10, images_per_patient=3)
    by_patient = few.truth.groupby("patient")
    assert by_patient.size().eq(3).all()
    assert by_patient[[*FEATURES, "target", "sex", "age", "site"]].nunique().eq(1).all(axis=None)
    assert len(np.unique(few.images.reshape(30, -1), axis=0)) == 30


def test_sites_have_cameras_of_their_own():
    shifted = painted(patients=60, sites=5, hair=0, ruler=0)
    alike = painted(patients=60, sites=5, hair=0, ruler=0, site_shift=0)
    assert set(shifted.truth["site"]) == set(SITES)
    first = (shifted.truth["site"] == "A").to_numpy()
    same = (shifted.images == alike.images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(same, first)
    colour = pd.Series(shifted.images[..., 2].mean(axis=(1, 2)) / shifted.images[..., 0].mean(axis=(1, 2)))
    mean = colour.groupby(shifted.truth["site"].to_numpy()).mean()
    assert mean["B"] > mean["A"] > mean["C"]
    assert set(truth(patients=50)["site"]) == {"A"}


def test_planted_copies_are_listed_and_belong_to_another_patient():
    few = painted(patients=60, duplicates=0.5, sites=2)
    table = few.truth
    copies = table[table["duplicate_of"] != ""]
    originals = table.loc[copies["duplicate_of"]]
    assert (originals["duplicate_of"] == "").all()
    assert (originals["patient"].to_numpy() != copies["patient"].to_numpy()).all()
    assert (originals["site"].to_numpy() == copies["site"].to_numpy()).all()
    assert set(copies["copy"]) == {"exact", "recompressed", "cropped", "brighter", "mirrored"}
    for column in ("risk", "ruler", "true_target"):
        assert (originals[column].to_numpy() == copies[column].to_numpy()).all()
    row = {sample: k for k, sample in enumerate(table.index)}
    for sample, source, how in zip(copies.index, copies["duplicate_of"], copies["copy"], strict=True):
        one, other = few.images[row[sample]].astype(int), few.images[row[source]].astype(int)
        if how == "mirrored":
            other = other[:, ::-1]
        distance = np.abs(one - other).mean()
        assert distance == 0 if how in ("exact", "mirrored") else 0 < distance < 25


def test_copies_are_as_many_as_asked():
    assert (truth(patients=1500, duplicates=0.2)["duplicate_of"] != "").mean() == pytest.approx(0.2, abs=0.04)
    assert (truth(patients=100)["duplicate_of"] == "").all()


# As a cohort


def test_the_cohort_looks_for_malignant_and_keeps_roles_only():
    asked = DataSettings(site="site", subgroups=("sex", "age"), synthetic={"patients": 40, "size": 48, "sites": 2})
    cohort = load("dermoscopy", asked)
    assert cohort.task.classes == ("benign", "malignant")
    assert set(cohort.samples) == {"patient", "target", "site", "sex", "age"}
    assert (cohort.roles.target, cohort.roles.patient) == ("diagnosis", "patient")
    assert cohort.inputs.read(3).shape == (48, 48, 3)
    assert cohort.samples.index[0] == "lesion-0001"
    assert "SYNTHETIC" in cohort.about["title"]
    generated = generate(DermoscopySettings(**asked.synthetic))
    np.testing.assert_array_equal(cohort.inputs.read(3), generated.images[3])
    np.testing.assert_array_equal(cohort.target, malignant(generated.truth))


@pytest.mark.parametrize(
    ("synthetic", "message"),
    [
        ({"shortcut": 2}, r"Setting data.synthetic.shortcut: .*less than or equal to 1, not 2"),
        ({"rulers": 1}, r"Unknown setting 'data.synthetic.rulers'. Did you mean 'data.synthetic.ruler'"),
        ({"site_shift": 1}, r"site_shift has no effect while sites is 1"),
        ({"shortcut": 1, "ruler": 0.2}, r"ruler has no effect while shortcut is 1"),
        (
            {"patients": 900_000},
            r"900000 patients with 1 images of 224 pixels a side would need 226 GB.*lower patients",
        ),
    ],
)
def test_settings_that_cannot_be_met_are_named(synthetic, message):
    with pytest.raises(SettingError, match=message):
        load("dermoscopy", DataSettings(synthetic=synthetic))


def test_settings_for_files_are_refused():
    with pytest.raises(SettingError, match=r"label_pattern='x' has no effect on generated images"):
        load("dermoscopy", DataSettings(label_pattern="x"))


# The truth beside the cohort


@pytest.mark.parametrize("options", [{"ruler": 0.5, "duplicates": 0.4, "images_per_patient": 2}, {"shortcut": 1.0}])
def test_images_without_rulers_are_those_of_a_cohort_that_never_had_any(options):
    asked = {"patients": 20, "size": 48, "sites": 2, **options}
    ruled = generate(DermoscopySettings(**asked))
    bare = without_rulers(DermoscopySettings(**asked), ruled)
    never = generate(DermoscopySettings(**{**asked, "shortcut": 0.0, "ruler": 0.0}))
    np.testing.assert_array_equal(bare, never.images)
    differ = (bare != ruled.images).any(axis=(1, 2, 3))
    np.testing.assert_array_equal(differ, ruled.truth["ruler"] == 1)
    assert 0 < differ.sum() < len(differ)


def test_masks_of_copies_are_altered_with_their_pixels():
    ruled = generate(DermoscopySettings(patients=60, size=64, ruler=1.0, hair=0.0, duplicates=0.6))
    bare = without_rulers(DermoscopySettings(patients=60, size=64, ruler=1.0, hair=0.0, duplicates=0.6), ruled)
    copies = np.flatnonzero(ruled.truth["copy"].isin(["mirrored", "cropped"]))
    assert len(copies) > 5
    changed = np.abs(ruled.images.astype(int) - bare).max(axis=3) > 25
    for row in copies:
        near = _grown(ruled.rulers[row], 3)
        assert changed[row][near].mean() > 5 * changed[row][~near].mean()


def test_a_cohort_knows_its_truth_sample_by_sample_and_keeps_it_from_training():
    asked = {"patients": 12, "size": 48, "shortcut": 1.0}
    cohort = load("dermoscopy", DataSettings(synthetic=asked))
    generated, truth = generate(DermoscopySettings(**asked)), cohort.truth()
    np.testing.assert_array_equal(truth.masks["ruler"], generated.rulers)
    np.testing.assert_array_equal(truth.masks["lesion"], generated.lesions)
    bare = truth.without["ruler"]
    assert len(bare) == len(cohort)
    differ = [bool((bare.read(k) != cohort.inputs.read(k)).any()) for k in range(len(cohort))]
    assert differ == (generated.truth["ruler"] == 1).tolist()
    assert cohort.fingerprint() == replace(cohort, truth=None).fingerprint()
    assert not {"lesion", "ruler", "true_target"} & set(cohort.samples)


def test_real_cohorts_have_no_truth():
    assert load("breast-cancer").truth is None
