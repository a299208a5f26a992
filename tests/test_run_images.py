"""A run on images from beginning to end: frozen, unfrozen, gradual; resumed, repeated, explained, used on new images."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import bedside
from bedside.errors import DataError, RunError, SettingError
from bedside.run import _EXPLAIN, explain_steps, train_steps
from bedside.settings import RunSettings, build
from bedside.training.events import Extracted, FoldFit, Plan, Progress
from cohorts import image_cohort, random_weights, spots

TINY = {
    "family": "cnn",
    "model": {"width": 4, "stages": 2},
    "train": {"epochs": 3, "early_stopping": False, "learning_rate": 0.01},
}
FAST = {"evaluation": {"resamples": 100}, "explain": {"samples": 3}}


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """Weights of a ResNet-18 in a local file, as a hospital would carry them in."""
    return random_weights("resnet18", tmp_path_factory.mktemp("weights") / "resnet18.safetensors")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Images as files, a folder for each class."""
    root = tmp_path_factory.mktemp("images") / "spots"
    images, target, _ = spots(60, seed=3)
    for k, (image, name) in enumerate(zip(images, target, strict=True)):
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / name / f"{k:02d}.png")
    return root


@pytest.fixture(scope="session")
def scratch(tmp_path_factory, folder):
    """A small network, trained from scratch on the folder."""
    where = tmp_path_factory.mktemp("runs") / "scratch"
    return bedside.train(folder, {**TINY, **FAST}, data={"positive": "large"}, folder=where)


@pytest.fixture(scope="session")
def frozen(tmp_path_factory, weights_file):
    """A frozen backbone in five folds, with what happened."""
    where = tmp_path_factory.mktemp("runs") / "frozen"
    events = list(train_steps(image_cohort(100), settings(weights_file), folder=where))
    return bedside.open_run(where), events


def settings(weights_file, **more):
    model = {"weights": str(weights_file), **more.pop("model", {})}
    options = {
        "family": "resnet18",
        "model": model,
        "preparation": {"image_size": 32},
        "train": {"epochs": 4, "patience": 3},
        "folds": {"scheme": "crossval"},
        **FAST,
    }
    return build(RunSettings, {**options, **more})


def test_a_run_on_a_folder_of_images_is_complete(scratch):
    files = {path.name for path in scratch.path.iterdir()}
    assert files >= {"predictions.csv", "baseline.csv", "estimates.json", "explanations", "report.html", "card.md"}
    assert set(scratch.predictions["sample"]) < set(scratch.cohort["sample"])
    assert scratch.cohort["sample"].str.fullmatch(r"(large|small)/\d\d\.png").all()
    assert scratch.description["images"]["formats"] == {"PNG": 60}
    assert scratch.estimates["baseline"]["family"] == "image-statistics"
    assert scratch.settings["preparation"]["image_size"] == 32
    assert scratch.settings["augment"]["flip_horizontal"] is False  # nobody said what the images are
    assert "modality" in {finding["code"] for finding in scratch.findings}


def test_settings_of_a_run_repeat_it_to_the_byte(scratch, folder, tmp_path):
    again = bedside.train(
        None, {k: v for k, v in scratch.settings.items() if k != "bedside"}, folder=tmp_path / "again"
    )
    for name in ("predictions.csv", "history.csv", "estimates.json", "explanations/samples.csv"):
        assert (again.path / name).read_bytes() == (scratch.path / name).read_bytes(), name


def test_new_images_are_scored_as_in_the_test(scratch, folder, tmp_path):
    table = bedside.predict(scratch, folder, output=tmp_path / "scores.csv").table
    tested = scratch.predictions.query("part == 'test'").set_index("sample")
    found = table.set_index("sample").loc[tested.index]
    assert np.allclose(found["score_large"], tested["score_large"], atol=1e-6)
    threshold = scratch.estimates["thresholds"][0]["value"]
    assert ((found["score_large"] >= threshold) == (found["decision"] == "large")).all()


def test_one_image_and_an_array_are_scored_alike(scratch, folder, tmp_path):
    path = sorted((folder / "large").iterdir())[0]
    alone = bedside.predict(scratch, path).table
    np.save(tmp_path / "new.npy", np.asarray(Image.open(path))[None])
    array = bedside.predict(scratch, tmp_path / "new.npy").table
    assert alone["score_large"].to_numpy() == pytest.approx(array["score_large"].to_numpy(), abs=1e-6)


def test_a_broken_new_image_is_named_and_can_be_skipped(scratch, folder, tmp_path):
    new = tmp_path / "new"
    new.mkdir()
    good = sorted((folder / "large").iterdir())[0]
    (new / "good.png").write_bytes(good.read_bytes())
    (new / "cut.png").write_bytes(good.read_bytes()[:200])
    with pytest.raises(bedside.DataError, match=r"cut\.png"):
        bedside.predict(scratch, new)
    kept = bedside.predict(scratch, new, settings=bedside.RunSettings(data={"skip_unreadable": True}).data)
    assert kept.table["sample"].tolist() == ["good.png"]


def test_a_model_of_images_reads_no_table(scratch):
    with pytest.raises(SettingError, match="reads images from files, not a data frame"):
        bedside.predict(scratch, pd.DataFrame({"age": [50]}))


def test_a_frozen_backbone_trains_all_folds_at_once_on_features(frozen):
    _, events = frozen
    plan = next(event for event in events if isinstance(event, Plan))
    assert plan.trained == 2 * (128 + 256 + 512) + 512 + 1  # mean and spread of three stages, the end, the bias
    assert plan.parameters > 11_000_000
    assert {len(event.folds) for event in events if isinstance(event, Progress)} == {5}
    looked = [event.done for event in events if isinstance(event, Extracted)]
    assert looked == sorted(looked)
    assert looked[-1] == 100


def test_the_weights_of_a_frozen_backbone_are_those_of_the_file(frozen, weights_file):
    run, _ = frozen
    kept, given = load_file(run.path / "model" / "backbone.safetensors"), load_file(weights_file)
    assert all(torch.equal(kept[name], given[name]) for name in given)
    assert len(list((run.path / "model").rglob("backbone.safetensors"))) == 1, "members share it"
    page = (run.path / "report.html").read_text()
    assert "The backbone stayed frozen" in page
    assert "It read the mean and the spread of 3 stages of the backbone beside its end." in page
    assert "Training images were not augmented." in page
    known = run.environment["weights"]
    assert known["source"] == "file resnet18.safetensors"
    assert len(known["sha256"]) == 64
    assert known["mean"] == pytest.approx([0.485, 0.456, 0.406])


def test_out_of_fold_scores_come_from_the_member_that_did_not_see_the_sample(frozen):
    run, events = frozen
    fits = [event for event in events if isinstance(event, FoldFit) and hasattr(event.fitted, "head")]
    cohort = image_cohort(100)
    for event in fits:
        rows = run.predictions.query(f"part == 'test' and fold == {event.fold.number}")
        scores = event.fitted.scores(cohort.inputs.take(event.fold.test))
        assert np.allclose(rows["score_large"], scores[:, 1], atol=1e-9)


def test_the_second_run_computes_no_features(frozen, weights_file, tmp_path, monkeypatch):
    import bedside.training.vision as vision

    def never(*args, **kwargs):
        raise AssertionError("the backbone was asked again")

    monkeypatch.setattr(vision, "make_engine", never)
    other = settings(weights_file, model={"dropout": 0.2}, explain={"samples": 0})
    *_, last = train_steps(image_cohort(100), other, folder=tmp_path / "second")
    first = frozen[0].predictions
    assert last.run.predictions["sample"].tolist() == first["sample"].tolist()
    assert not np.allclose(last.run.predictions["score_large"], first["score_large"]), "dropout did nothing"


def test_a_test_image_cannot_change_a_fit(weights_file):
    from bedside.splits.folds import make_folds
    from bedside.training.fits import train_folds

    asked = settings(weights_file, folds={"scheme": "holdout"}, augment={"views": 2})
    found = []
    for changed in (False, True):
        cohort = image_cohort(60)
        (fold,) = make_folds(cohort, asked.folds, seed=0)
        if changed:
            images = spots(60)[0]
            images[fold.test] = 255 - images[fold.test]
            cohort = with_images(cohort, images)
        (fit,) = (event for event in train_folds("resnet18", cohort, [fold], asked) if isinstance(event, FoldFit))
        found.append(fit.fitted.head.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def with_images(cohort, images):
    from dataclasses import replace

    from bedside.data.arrays import array_inputs

    return replace(cohort, inputs=array_inputs(images))


def test_views_make_more_of_each_training_image(weights_file):
    from bedside.splits.folds import make_folds
    from bedside.training.fits import train_folds

    cohort = image_cohort(60)
    fold = make_folds(cohort, RunSettings().folds, seed=0)
    epochs = {}
    for views in (1, 3):
        asked = settings(weights_file, folds={"scheme": "holdout"}, augment={"views": views, "test_time": views})
        events = list(train_folds("resnet18", cohort, fold, asked))
        epochs[views] = events[-1].fitted
    one, three = (epochs[views].encoder(cohort.inputs.take(np.arange(4))) for views in (1, 3))
    assert one.shape[1] == 1
    assert three.shape[1] == 3
    assert np.allclose(one[:, 0], three[:, 0]), "the first view is the image itself"
    assert not np.allclose(three[:, 1], three[:, 2])


def test_gradual_trains_the_head_first_and_never_ends_worse_than_it(weights_file, tmp_path):
    asked = settings(
        weights_file, model={"freeze": "gradual", "stages": 1}, train={"epochs": 2, "early_stopping": False}
    )
    asked = asked.model_copy(update={"folds": build(RunSettings, {}).folds})
    *_, last = train_steps(image_cohort(60), asked, folder=tmp_path / "gradual")
    history = last.run.history
    assert history["phase"].tolist() == ["head", "head", "network", "network"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    kept = history.loc[history["best"] == 1]
    assert len(kept) == 1
    head = history.query("phase == 'head'")["valid_loss"].min()
    assert float(kept["valid_loss"].iloc[0]) <= head + 1e-6
    weights = load_file(last.run.path / "model" / "repeat0-fold0" / "weights.safetensors")
    given = load_file(weights_file)
    assert torch.equal(weights["backbone.layer1.0.conv1.weight"], given["layer1.0.conv1.weight"])


def test_what_cannot_be_reached_is_never_random(tmp_path):
    with pytest.raises(SettingError, match=r"--weights FILE.*bedside\[weights\].*--weights none"):
        bedside.train(image_cohort(60), family="resnet34", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists() or not (tmp_path / "run" / "predictions.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "mlp"}, "Suited here: .*cnn"),
        ({"family": "cnn", "preparation": {"rare_level": 3}}, "preparation.rare_level has no effect"),
        ({"family": "cnn", "augment": {"views": 3}}, "augment.views has no effect"),
        ({"family": "tf_efficientnet_lite0", "augment": {"rotation": 9}}, "augment.rotation has no effect.*frozen"),
        ({"family": "image-statistics", "explain": {"samples": 3}}, "explain.* no effect"),
        ({"family": "cnn", "model": {"freeze": "none"}}, "always starts from scratch, so freeze"),
    ],
)
def test_settings_that_cannot_act_on_images_are_refused(options, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        bedside.train(image_cohort(60), options, folder=tmp_path / "run")


def test_settings_for_images_are_refused_on_tables(tmp_path):
    with pytest.raises(SettingError, match=r"preparation\.image_size has no effect"):
        bedside.train("breast-cancer", preparation={"image_size": 64}, folder=tmp_path / "run")


def test_the_batch_is_made_smaller_where_memory_is_short(monkeypatch):
    import bedside.training.rehearsal as rehearsal
    from bedside.splits.folds import make_folds
    from bedside.training.fits import train_folds

    cohort = image_cohort(60)
    asked = build(RunSettings, TINY)
    folds = make_folds(cohort, asked.folds, seed=0)
    plan = next(iter(train_folds("cnn", cohort, folds, asked)))
    assert plan.batch_size == 32
    assert plan.epoch_seconds > 0
    monkeypatch.setattr(rehearsal, "available_memory", lambda device: plan.memory // 2)
    less = next(iter(train_folds("cnn", cohort, folds, asked)))
    assert less.batch_size < 32
    assert less.memory < plan.memory


def test_explaining_again_shows_as_many_as_asked(scratch, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(scratch.path, copy)
    *_, last = explain_steps(copy, samples=6, method="occlusion")
    assert len(last.run.explanations) > len(scratch.explanations)
    assert last.run.sanity["method"] == "occlusion"
    page = (copy / "report.html").read_text()
    assert page.count("data:image/webp") >= 2 * len(last.run.explanations)


def test_explaining_other_images_or_another_kind_of_model_is_refused(scratch, folder, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    next((moved / "large").iterdir()).unlink()
    with pytest.raises(RunError, match="not those that"):
        list(explain_steps(scratch.path, source=moved))


def test_a_damaged_backbone_is_not_used(frozen, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(frozen[0].path, copy)
    path = copy / "model" / "backbone.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(RunError, match=r"backbone\.safetensors is not what was saved"):
        bedside.predict(copy, tmp_path / "new.png")


def test_the_member_records_name_what_they_need(frozen):
    facts = json.loads((frozen[0].path / "model" / "repeat0-fold1" / "member.json").read_text())
    assert facts["kind"] == "head"
    assert facts["versions"]["count"] == 1


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path):
    options = {**TINY, **FAST, "folds": {"scheme": "crossval", "number": 3}, "explain": {"samples": 0}}
    asked = build(RunSettings, options)
    *_, whole = train_steps(image_cohort(45), asked, folder=tmp_path / "whole")
    events = train_steps(image_cohort(45), asked, folder=tmp_path / "cut")
    for event in events:
        if isinstance(event, FoldFit):
            events.close()
            break
    assert not (tmp_path / "cut" / "predictions.csv").exists()
    *_, again = train_steps(image_cohort(45), asked.model_copy(update={"seed": 0}), resume=tmp_path / "cut")
    for name in ("predictions.csv", "history.csv", "baseline.csv", "estimates.json"):
        assert (again.run.path / name).read_bytes() == (whole.run.path / name).read_bytes(), name


def test_the_command_line_says_what_it_will_do_with_images(folder, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from bedside.cli import app

    monkeypatch.chdir(tmp_path)

    def bedside_says(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return " ".join(result.output.split())

    assert "Images: PNG 60; 32 x 32 pixels, colour, 8 bits." in bedside_says("check", folder, "--positive", "large")
    tiny = ["--set", "model.width=4", "--set", "train.epochs=1", "--set", "evaluation.resamples=100"]
    said = bedside_says(
        "train", folder, "--positive", "large", "--family", "cnn", *tiny, "--set", "explain.samples=3", "-o", "run"
    )
    assert "for an epoch of one fold" in said
    assert "Report: run/report.html" in said
    assert "Report: run/report.html" in bedside_says("explain", "run", "--samples", 3)
    assert "60 samples scored" in bedside_says("predict", "run", folder, "-o", "scores.csv")
    assert "data.synthetic.shortcut" in bedside_says("settings", "--cohort", "dermoscopy")


def test_where_the_truth_is_known_images_are_scored_as_they_were_tested(tmp_path):
    """Several versions of an image are averaged for the tables; the same ones are looked at without the ruler."""
    run = bedside.train(
        "dermoscopy",
        {**TINY, **FAST},
        data={"synthetic": {"patients": 60, "size": 32, "shortcut": 1.0, "duplicates": 0.2}},
        augment={"test_time": 3},
        folder=tmp_path / "run",
    )
    rows = {row["metric"]: row["as_they_are"]["value"] for row in run.truth["without"][0]["metrics"]}
    tested = {(e["metric"], e["of"]): e["value"] for e in run.estimates["estimates"]}
    for name in ("auroc", "balanced_accuracy", "sensitivity"):
        assert rows[name] == pytest.approx(tested[name, ""], abs=1e-6)
    test = run.predictions[run.predictions["part"] == "test"]
    assert run.estimates["n"]["patients"] == test["linked"].nunique() < test["patient"].nunique(), "a copy adds nothing"


def test_missing_weights_leave_no_folder_behind(tmp_path):
    with pytest.raises(SettingError, match="No pretrained weights for 'resnet18'"):
        bedside.train(image_cohort(40), family="resnet18", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists(), "the name is free for the next try"


def test_a_failing_explanation_does_not_cost_the_report(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("no such layer")
        yield

    with monkeypatch.context() as patch:
        patch.setitem(_EXPLAIN, "image", broken)
        events = list(train_steps(image_cohort(60), build(RunSettings, {**TINY, **FAST}), folder=tmp_path / "run"))
    run = bedside.open_run(tmp_path / "run")
    assert run.finished
    assert run.explanations is None
    assert any("ValueError: no such layer" in getattr(event, "problem", "") for event in events)
    assert "ValueError: no such layer" in (run.path / "report.html").read_text()


def test_attention_of_a_network_without_it_is_said_in_the_report_and_can_be_put_right(tmp_path, folder):
    asked = {**FAST, "explain": {"samples": 2, "method": "attention"}}
    run = bedside.train(folder, {**TINY, **asked}, data={"positive": "large"}, folder=tmp_path / "run")
    assert "There are no explanations." in (run.path / "report.html").read_text()
    *_, last = explain_steps(run.path, method="occlusion")
    assert "There are no explanations." not in (last.run.path / "report.html").read_text()
    assert last.run.sanity["method"] == "occlusion"


def test_depths_that_a_model_would_see_as_white_are_refused(tmp_path):
    """12 bits in 16-bit files are common; the same pictures over all 16 bits would be one white square each."""
    images, target, _ = spots(60)
    grey = images.mean(axis=3)
    for name, largest in (("d12", 4095), ("d16", 65535), ("d8", 255)):
        for k, (image, label) in enumerate(zip(grey, target, strict=True)):
            (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
            pixels = (image / 255 * largest).astype(np.uint8 if largest == 255 else np.uint16)
            Image.fromarray(pixels).save(tmp_path / name / label / f"{k}.png")
    run = bedside.train(tmp_path / "d12", {**TINY, **FAST}, explain={"samples": 0}, folder=tmp_path / "run")
    with pytest.raises(DataError, match=r"went up to 3,.*would see white"):
        bedside.predict(run, tmp_path / "d16")
    (found,) = (f for f in bedside.predict(run, tmp_path / "d8").findings if f.code == "new-depth")
    assert "the model learned from 16" in found.message
    assert not bedside.predict(run, tmp_path / "d12").findings


def test_a_misspelt_file_of_weights_is_noticed_before_the_data_are_read(tmp_path):
    with pytest.raises(SettingError, match="no file of weights"):
        bedside.train("no-such-folder", family="resnet18", model={"weights": str(tmp_path / "lost.pth")})


def test_names_with_dots_and_names_in_sections_are_understood(folder, tmp_path):
    run = bedside.train(folder, {**TINY, **FAST, "train.epochs": 1}, folder=tmp_path / "run", explain={"samples": 0})
    assert run.settings["train"]["epochs"] == 1
    with pytest.raises(SettingError, match=r"Did you mean train\.epochs"):
        bedside.train(folder, {**TINY, **FAST}, epochs=1)
    with pytest.raises(SettingError, match="from files, not a list"):
        bedside.predict(run, ["a.png"])
