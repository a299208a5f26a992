"""diffusion: the way into noise and back, what it learns of classes, and a whole run whose drawn images are judged."""

import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from typer.testing import CliRunner

import bedside
from bedside import SettingError
from bedside.cli import app
from bedside.contract.cohorts import image_cohort, spots
from bedside.data.arrays import array_inputs
from bedside.explain import attribution
from bedside.export import export
from bedside.folder import open_run
from bedside.models import build_model, model_settings
from bedside.models.diffusion import EMPTY
from bedside.run import train
from bedside.synthesis import images
from bedside.synthesis.nearest import nearest
from bedside.training.hardware import limited_threads
from bedside.training.isolated import own_random_numbers

SMALL = {"width": 4, "levels": 2, "looks": 2, "draw_steps": 4}


def network(shape=(1, 8, 8), n_outputs=1, **options):
    with own_random_numbers(0):
        return build_model("diffusion", shape, n_outputs, model_settings("diffusion", {**SMALL, **options})).eval()


# The way into noise


def test_noise_takes_the_place_of_the_image_and_the_spread_stays():
    x, noise = (torch.randn(2000, 1, 8, 8, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    share = []
    for moment in (0, 300, 600, 999):
        found = network().noised(x, noise, torch.full((2000,), moment))
        assert float(found.var()) == pytest.approx(1, abs=0.02)
        share.append(float((found * x).mean()))  # correlation with the image
    assert share[0] == pytest.approx(1, abs=0.01)
    assert share[-1] == pytest.approx(0, abs=0.02)
    assert share == sorted(share, reverse=True)


def test_the_class_is_left_away_now_and_then_in_training_only():
    made, told = network(), []
    made.unet.class_embedding.register_forward_pre_hook(lambda _, given: told.append(given[0]))
    x, label = torch.zeros(3000, 1, 8, 8), torch.ones(3000, dtype=torch.long)
    with torch.no_grad():
        made.train().loss(x, label)
        made.eval().loss(x[:8], label[:8])
    trained, judged = told
    assert float((trained == made.untold).float().mean()) == pytest.approx(EMPTY, abs=0.02)
    assert set(trained.tolist()) == {1, made.untold}
    assert set(judged.tolist()) == {1}


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 11, 11)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_scores_are_made_of_places(shape, n_outputs):
    made, x = network(shape, n_outputs), torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        places, bounds = made.by_place(x), made.evidence(x)
        assert places.shape == (3, made.judge.classes, *shape[1:])
        assert torch.allclose(places.sum(dim=(2, 3)), bounds, rtol=1e-4)
        each = [made.bound(x, torch.full((3,), k)) for k in range(made.judge.classes)]
        assert torch.allclose(torch.stack(each, dim=1), bounds, rtol=1e-4)
        assert torch.equal(made(x), made.judge(bounds))
        assert made.embed(x).shape == (3, 2 * SMALL["width"])


# What it learns


@pytest.fixture(scope="module")
def learned():
    """A network that has seen dark and bright squares."""
    made = network().train()
    random = torch.Generator().manual_seed(0)
    label = torch.arange(64) % 2
    x = (2.0 * label[:, None, None, None] - 1) + 0.2 * torch.randn(64, 1, 8, 8, generator=random)
    optimiser = torch.optim.Adam(made.parameters(), 0.01)
    with limited_threads(1), own_random_numbers(1):
        for _ in range(120):
            optimiser.zero_grad()
            made.loss(x, label).mean().backward()
            optimiser.step()
    return made.eval(), x, label


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_it_draws_images_of_the_class_that_is_asked_for(learned, guidance):
    made, _, label = learned
    made.draw_steps, made.guidance = 20, guidance
    drawn = made.draw(label, torch.Generator().manual_seed(0))
    means = [float(drawn[label == k].mean()) for k in (0, 1)]
    assert means[0] < -0.6
    assert means[1] > 0.6
    again, other = (made.draw(label, torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(drawn, again)
    assert not torch.allclose(drawn, other)
    assert float(drawn.mean(dim=(1, 2, 3))[label == 0].std()) > 0, "no image is drawn twice"


def test_it_tells_classes_apart_by_what_it_fails_to_take_out(learned):
    made, x, label = learned
    with torch.no_grad():
        bounds = made.evidence(x)
    assert torch.equal(bounds.argmax(dim=1), label)


def test_the_map_lies_where_the_classes_differ():
    """Squares whose left half alone says the class."""
    made, random = network(), torch.Generator().manual_seed(0)
    label = torch.arange(64) % 2
    x = 0.2 * torch.randn(64, 1, 8, 8, generator=random)
    x[..., :4] += 2.0 * label[:, None, None, None] - 1
    optimiser = torch.optim.Adam(made.train().parameters(), 0.01)
    with limited_threads(1), own_random_numbers(1):
        for _ in range(150):
            optimiser.zero_grad()
            made.loss(x, label).mean().backward()
            optimiser.step()
    made.eval()
    for k in (0, 1):  # one output: a map of the second class, also where the first is right
        found = attribution.maps(attribution.DENOISING, made, x[label == k][:8], np.zeros(8, dtype=int))
        assert found.shape == (8, 8, 8)
        if k == 1:
            assert found[..., :4].sum() > 4 * found[..., 4:].sum()


# What judges images


def test_cells_are_means_of_pixels():
    pixels, _, _ = spots(5, size=32)
    place, columns = images.place_of(array_inputs(pixels))
    wanted = F.adaptive_avg_pool2d(torch.from_numpy(pixels / 255).permute(0, 3, 1, 2), images.GRID)
    assert columns == 3 * images.GRID**2
    np.testing.assert_allclose(place(array_inputs(pixels)), wanted.permute(0, 2, 3, 1).reshape(5, -1), atol=1e-12)
    odd, _, _ = spots(2, size=21)
    place, _ = images.place_of(array_inputs(odd))
    assert place(array_inputs(odd)).mean() == pytest.approx(odd.mean() / 255, abs=0.01)


def test_a_copy_is_at_distance_0_and_nothing_else_is():
    known, _, _ = spots(40, seed=0, size=16)
    new, _, _ = spots(40, seed=1, size=16)
    place, columns = images.place_of(array_inputs(known))
    far, who = nearest(place(array_inputs(known[[7, 3]])), place(array_inputs(known)), columns)
    assert far.tolist() == [0, 0]
    assert who.tolist() == [7, 3]
    assert nearest(place(array_inputs(new)), place(array_inputs(known)), columns)[0].min() > 0.01


def test_measurements_differ_where_images_do():
    dark, _, _ = spots(30, seed=0, size=16)
    sides = [{name: values for name, _, values in images.columns_of(array_inputs(x))} for x in (dark, dark // 2)]
    assert {"mean red", "sharpness", "entropy"} <= set(sides[0])
    assert "width" not in sides[0], "drawn images have one size"
    assert sides[1]["mean red"].mean() < 0.6 * sides[0]["mean red"].mean()
    assert images.associations_of(array_inputs(dark)).shape == (len(sides[0]) * (len(sides[0]) - 1) // 2,)


# A run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(
        image_cohort(60, size=16),
        family="diffusion",
        model=SMALL,
        folder=tmp_path_factory.mktemp("diffusion") / "run",
        train={"epochs": 2},
        evaluation={"resamples": 100},
        explain={"samples": 1},
        device={"threads": 1},
    )


def test_a_run_draws_in_every_class_and_holds_it_against_patients(run):
    found = run.synthetic
    assert found["kind"] == "image"
    assert sum(found["drawn"].values()) == found["learned_from"] == (run.folds["part"] == "train").sum()
    assert found["usefulness"]["family"] == "image-statistics"
    assert {one["test"] for one in found["verdicts"]} == {"membership_model", "membership_samples", "copying", "usefulness", "columns", "pairs"}  # fmt: skip
    assert run.sanity["method"] == "denoising error"
    assert run.settings["augment"]["rotation"] == run.settings["augment"]["brightness"] == 0
    page = (run.path / "report.html").read_text()
    for words in (
        "Drawn images",
        "What this cohort may not be used for",
        "measurements of the images",
        "each image is marked",
    ):
        assert words in page


def test_every_drawn_image_says_that_it_is_synthetic(run):
    import pandas as pd

    table = pd.read_csv(run.path / "synthetic/samples.csv")
    assert set(table["synthetic"]) == {"yes"}
    for name in table["image"]:
        with Image.open(run.path / "synthetic" / name) as image:
            assert image.size == (16, 16)
            assert "no patient" in image.text["Description"]


def test_what_stands_beneath_a_drawn_image_is_the_nearest_training_image_of_its_class(run):
    cohort, pairs = image_cohort(60, size=16), run.synthetic_pairs
    parts = run.folds.set_index("sample")["part"].reindex(cohort.samples.index)
    train_rows = np.flatnonzero((parts == "train").to_numpy())
    for _, pair in pairs.iterrows():
        drawn, beneath = (np.asarray(Image.open(run.path / "synthetic" / pair[side])) for side in ("drawn", "nearest"))
        own = [row for row in train_rows if cohort.target[row] == pair["class"]]
        place, columns = images.place_of(array_inputs(drawn[None]))
        far, who = nearest(place(array_inputs(drawn[None])), place(cohort.inputs.take(np.array(own))), columns)
        assert far[0] == pytest.approx(pair["distance"])
        assert np.array_equal(cohort.inputs.read(own[int(who[0])]), beneath)


def test_training_images_are_not_kept_beside_drawn_ones_where_nothing_may_be(tmp_path):
    pixels, _, _ = spots(10, size=16)
    label = np.arange(10) % 2
    images.beside_nearest(tmp_path, label, array_inputs(pixels), label, array_inputs(pixels), keep=False)
    assert not list(tmp_path.glob("pairs/*nearest*"))
    assert len(list(tmp_path.glob("pairs/*drawn*"))) == 10


def test_at_most_so_many_are_drawn_and_as_many_real_ones_are_learned_from(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MOST", 20)
    done = train(
        image_cohort(60, size=16),
        family="diffusion",
        model=SMALL,
        folder=tmp_path / "run",
        train={"epochs": 1},
        evaluation={"resamples": 100},
        explain={"samples": 0},
        reference={"keep": "nothing"},
        device={"threads": 1},
    )
    found = done.synthetic
    assert sum(found["drawn"].values()) == 20 < found["learned_from"]
    page = (done.path / "report.html").read_text()
    assert "but fewer" in page
    assert "Drawn images" in page
    assert "training image of its class" not in page, "none was kept"
    assert found["copying"]["synthetic"] == 20


def test_images_are_sampled_into_a_new_folder(run, tmp_path):
    place = tmp_path / "drawn"
    done = CliRunner().invoke(
        app, ["sample", str(run.path), "-o", str(place), "-n", "3", "--class", "large", "--seed", "4"]
    )
    assert done.exit_code == 0, done.output
    found = bedside.sample(run.path, n=3, label="large", seed=4)
    files = sorted((place / "images").iterdir())
    assert [file.name for file in files] == ["synthetic-0001.png", "synthetic-0002.png", "synthetic-0003.png"]
    assert all(
        np.array_equal(np.asarray(Image.open(file)), pixels) for file, pixels in zip(files, found.images, strict=True)
    )
    assert not np.array_equal(bedside.sample(run.path, n=3, label="large", seed=5).images, found.images)
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    with pytest.raises(SettingError, match="there already; images and their table go into a new folder"):
        bedside.sample(run.path, n=2, output=place)
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


def test_its_pixels_score_alike_in_onnx(run, tmp_path):
    export(run.path, tmp_path / "model.onnx")  # which compares both, and refuses what differs
    assert (tmp_path / "model.onnx").stat().st_size > 0


@pytest.mark.parametrize("level", ["danger", "fine"])
def test_whoever_exports_a_model_that_gives_patients_away_is_told(run, tmp_path, level):
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    record = json.loads((copy / "synthetic" / "tests.json").read_text(encoding="utf-8"))
    verdicts = [{"test": "membership_model", "level": level, "sentence": "It tells training patients from others."}]
    (copy / "synthetic" / "tests.json").write_text(json.dumps({**record, "verdicts": verdicts}), encoding="utf-8")
    done = CliRunner().invoke(app, ["export", str(copy), "--bundle", "-o", str(tmp_path / "m.zip")])
    assert done.exit_code == 0, done.output
    assert ("It tells training patients from others." in done.output) == (level == "danger")


def test_the_record_is_plain(run):
    assert json.loads((run.path / "synthetic/tests.json").read_text()) == open_run(run.path).synthetic


def test_what_cannot_act_is_refused(tmp_path):
    with pytest.raises(SettingError, match="multiple of 4"):
        model_settings("diffusion", {"width": 30})
    with pytest.raises(SettingError, match=r"class_weights has no effect.*each class by itself"):
        train(image_cohort(20, size=16), family="diffusion", train={"class_weights": "balanced"}, folder=tmp_path / "x")
