"""Why a sample got its score is said in one way, whoever asks: the assistant, the server, or a page of the app."""

import base64

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside import RunError
from bedside.app.cases.case_rows import Cases
from bedside.app.opened import opened
from bedside.app.why import SHOWN, why, why_of_case
from bedside.assistant import Assistant
from bedside.data.table import read_table
from bedside.reasons import Reason, Reasons, explainer, where
from bedside.reasons.kept import kept_reasons
from bedside.recalibration import Line, Recalibration
from bedside.scoring import Scorer, read_new
from bedside.serve.explaining import drawn
from bedside.settings import DataSettings
from cohorts import cohort as make_cohort
from cohorts import image_cohort, table
from served_models import app_of, make_table, post, served_classes, served_images, served_table  # noqa: F401


@pytest.fixture(scope="module")
def spots():
    return image_cohort(3, seed=8).inputs


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """A run of a family without gradients, and its data."""
    return make_table(tmp_path_factory.mktemp("lines") / "run", seed=0, family="logistic")


def rows(n=2):
    frame = table(8, seed=9).drop(columns=["outcome", "year"]).head(n)
    frame["smoker"] = frame.index % 2 == 0
    return [{name: None if pd.isna(v) else v for name, v in row.items()} for row in frame.to_dict("records")]


@pytest.mark.parametrize("family", ["mlp", "logistic"])
def test_assistant_server_and_app_say_the_same(family, request):
    run = request.getfixturevalue("served_table" if family == "mlp" else "lines")
    asked = rows()
    told = Assistant(run).explain(asked)
    answered = post(app_of(run), {"samples": asked}, "/v1/explain").json()
    page = opened(run)
    new = read_new(page.scorer.model, pd.DataFrame(asked), DataSettings(patient="patient"))
    for k in range(len(asked)):
        one, other = told["samples"][k], answered["samples"][k]
        assert {name: one[name] for name in ("of", "start", "score", "contributions")} == {
            name: other[name] for name in ("of", "start", "score", "contributions")
        }
        shown = why(page, new.inputs.take(np.array([k])), "sick")
        assert (shown.start, shown.score, shown.raw) == pytest.approx((one["start"], one["score"], True), abs=1e-9)
        wanted = [part["contribution"] for part in one["contributions"]][:SHOWN]
        assert [part.contribution for part in shown.columns] == pytest.approx(wanted, abs=1e-6)
    assert told["how"] == answered["how"]


def test_a_network_needs_no_data_and_others_do(served_table, lines):  # noqa: F811
    def gone():
        raise RunError("The data are gone.")

    for run, needs in ((served_table, False), (lines, True)):
        scorer = Scorer(run)
        new = read_new(scorer.model, pd.DataFrame(rows(1)), DataSettings(patient="patient")).inputs
        if needs:
            with pytest.raises(
                RunError, match=r"compared? with samples of training|comparing with .*The data are gone"
            ):
                explainer(scorer, gone)(new)
        else:
            (found,) = explainer(scorer, gone)(new)
            assert found.score == pytest.approx(scorer.model.scores(new).mean(axis=0)[0, 1], abs=1e-9)


def test_a_recalibration_for_a_hospital_is_no_part_of_what_is_explained(lines):
    scorer = Scorer(lines)
    object.__setattr__(scorer.model, "recalibration", ())
    assert not explainer(scorer).raw
    scorer.update = Recalibration("platt", maps=(Line(1.0, -1.0),))
    assert explainer(scorer).how.endswith("the score is that before recalibration")


def test_columns_that_are_not_listed_are_summed():
    columns = tuple(Reason(name, "1", value) for name, value in (("a", 0.3), ("b", -0.2), ("c", 0.1), ("d", 0.05)))
    whole = Reasons("sick", 0.2, 0.46, columns, others=0.0, how="", raw=False)
    few = whole.largest(2)
    assert [one.column for one in few.columns] == ["a", "b"]
    assert few.others == pytest.approx(0.15)
    assert few.left == pytest.approx(whole.left) == pytest.approx(0.01)
    assert few.largest(5) == few


def test_all_members_of_all_repeats_are_asked_and_networks_need_no_data(served_classes):  # noqa: F811
    scorer, new = Scorer(served_classes), make_cohort(8, seed=5, task="multiclass").inputs

    def gone():
        raise RunError("The data are gone.")

    explained = explainer(scorer, gone)
    assert explained.names == scorer.model.names
    assert len(explained.names) == 6
    score = scorer.model.scores(new).mean(axis=0).max(axis=1)
    assert [one.score for one in explained(new)] == pytest.approx(score.tolist(), abs=1e-9)
    assert "the mean over 6 members" in explained.how
    for member in scorer.model.members:  # as runs were before: averages of the first repeat only
        object.__setattr__(member, "average", None)
    older = explainer(scorer, gone)
    names = [name for name in older.names if name.startswith("repeat0-")]
    assert older(new, members=names)[0].start == pytest.approx(explained(new, members=names)[0].start, abs=1e-6)
    with pytest.raises(RunError, match="data are gone"):
        older(new)


def test_of_many_columns_those_that_move_the_score_most_speak_for_themselves(tmp_path):
    """The columns that carry the outcome are the last ones; all others are summed, and nothing is lost."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 80)), columns=[f"c{k}" for k in range(80)])
    carries = ["c77", "c78", "c79"]
    frame["outcome"] = np.where(frame[carries].sum(axis=1) > 0, "sick", "well")
    cohort = read_table(frame, target="outcome", positive="sick")
    small = {
        "evaluation": {"resamples": 100, "baseline": False},
        "explain": {"samples": 0},
        "folds": {"scheme": "holdout"},
    }
    run = bedside.train(cohort, {**small, "family": "logistic"}, folder=tmp_path / "run")
    explained = explainer(Scorer(run), lambda: cohort)
    assert "60 columns of 80" in explained.how
    new = cohort.inputs.take(np.arange(3))
    together = explained(new)
    for row, one in enumerate(together):
        assert len(one.columns) == 60
        assert {"c77", "c78", "c79"} <= {reason.column for reason in one.columns}
        assert {reason.column for reason in one.columns[:5]} & set(carries)
        assert one.others != 0
        assert one.left == pytest.approx(0, abs=1e-9)
        assert explained(new.take(np.array([row])))[0] == one  # alone as in company


def test_places_of_a_map_are_named_with_their_share():
    found = np.zeros((9, 9))
    found[:3, 6:], found[3:6, 3:6] = 1.0, 0.5
    assert where(found)[:2] == [("upper right", pytest.approx(2 / 3)), ("centre", pytest.approx(1 / 3))]
    assert where(np.zeros((9, 9))) == []


def test_of_several_classes_the_decided_one_is_explained(tmp_path):
    settings = {"evaluation": {"resamples": 100}, "explain": {"samples": 0}, "folds": {"scheme": "holdout"},
                "model": {"hidden": [4]}, "train": {"epochs": 4, "patience": 3}}  # fmt: skip
    run = bedside.train(make_cohort(60, task="multiclass"), settings, folder=tmp_path / "run")
    scorer, new = Scorer(run), make_cohort(8, seed=5, task="multiclass").inputs
    names = np.array(scorer.model.task.classes)
    scores = scorer.model.recalibrated(scorer.model.scores(new)).mean(axis=0)
    explained = explainer(scorer)
    assert [one.of for one in explained(new)] == names[scores.argmax(axis=1)].tolist()
    assert [one.score for one in explained(new, decision="mild")] == pytest.approx(scores[:, 0].tolist(), abs=1e-6)


def test_looking_into_a_network_leaves_it_as_it_is(served_images, spots):  # noqa: F811
    """Others score with it meanwhile: no hook, no gradient, no other score."""
    scorer = Scorer(served_images)
    before = scorer.model.scores(spots)
    explained = explainer(scorer)
    found, again = explained(spots), explained(spots)
    assert found.method == "grad-cam"
    assert found.maps.shape == found.pixels.shape[:3]
    assert 0 <= found.maps.min() <= found.maps.max() <= 1
    assert found.of == ("large",) * 3
    np.testing.assert_array_equal(found.maps, again.maps)
    for member in scorer.model.members:
        for part in member.classifier.modules():
            assert not part._forward_hooks
            assert not part._backward_hooks
        assert all(weight.grad is None for weight in member.classifier.parameters())
    np.testing.assert_array_equal(scorer.model.scores(spots), before)


def test_the_mean_over_members_is_the_mean_of_their_maps(served_images, spots):  # noqa: F811
    explained = explainer(Scorer(served_images))
    each = [explained(spots, members=[name]).maps for name in explained.names]
    np.testing.assert_allclose(explained(spots).maps, np.mean(each, axis=0), atol=1e-6)


def test_a_page_shows_the_same_map_as_the_server_draws(served_images, spots):  # noqa: F811
    page = opened(served_images)
    shown = why(page, spots.take(np.array([1])), "large")
    assert shown.method == "grad-cam"
    assert shown.image[8:12] == shown.map[8:12] == b"WEBP"
    found = page.explainer(spots)
    brightest = found.maps[1] / found.maps[1].max()
    assert drawn(found.pixels[1], brightest) == base64.b64encode(shown.map).decode()


def test_a_case_that_the_run_explained_is_told_from_its_folder(tmp_path):
    settings = {"family": "logistic", "evaluation": {"resamples": 100}, "folds": {"scheme": "crossval", "number": 3},
                "explain": {"samples": 3}}  # fmt: skip
    run = bedside.train(make_cohort(60), settings, folder=tmp_path / "run")  # on data that nobody finds again
    heads = run.part("explanations/explained.csv")
    case = Cases(run).table.merge(heads[["sample", "repeat", "fold"]]).iloc[0].to_dict()
    found = why_of_case(opened(run.path), case)
    assert (found.of, found.raw) == ("sick", False)
    assert found.score == pytest.approx(case["score"], abs=1e-8)
    assert abs(found.left) < 1e-6
    assert kept_reasons(run, {**case, "repeat": 1}) is None
    with pytest.raises(RunError, match="cohort without a name"):
        why_of_case(opened(run.path), {**case, "sample": "nobody"})


@pytest.mark.parametrize(("images", "what"), [(False, "no column"), (True, "no place of an image")])
def test_families_that_look_at_nothing_say_so(images, what, tmp_path):
    small = {
        "family": "prevalence",
        "evaluation": {"resamples": 100, "baseline": False},
        "folds": {"scheme": "holdout"},
    }
    run = bedside.train(image_cohort(40) if images else make_cohort(40), small, folder=tmp_path / "run")
    with pytest.raises(RunError, match=f"prevalence looks at {what}, so there is nothing to explain"):
        explainer(Scorer(run))
    assert not opened(run.path).explainable
