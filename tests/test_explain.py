"""Maps lie where planted evidence lies, the sanity checks catch maps that do not deserve trust, files keep the contract."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

from bedside.cohort import Cohort, Roles, Task
from bedside.data.pixels import RECORD, ImageInputs, pixel_sha256
from bedside.errors import RunError, SettingError
from bedside.explain import attribution, explain_run, sanity
from bedside.explain.choose import GROUPS, decided, for_checks, gallery
from bedside.explain.images import overlay
from bedside.explain.sight import Sight
from bedside.folder import Run, write_json, write_table
from bedside.models.backbone import Backbone, BackboneSettings
from bedside.models.classifier import Classifier
from bedside.models.cnn import CNN, CNNSettings
from bedside.settings import RunSettings
from bedside.splits.images import ImagePreparation

BINARY, THREE = Task("binary", ("well", "sick")), Task("multiclass", ("red", "green", "blue"))
NUMBER = Task("regression")
SCRATCH = BackboneSettings(weights="none")
SIZE = 28


@dataclass(frozen=True)
class Member:
    classifier: Classifier
    preparation: ImagePreparation


@dataclass(frozen=True)
class Pictures:
    images: np.ndarray

    def __len__(self):
        return len(self.images)

    def read(self, number):
        return self.images[number]


class Colours(Classifier):
    """Sees how much of each colour each place holds; the evidence for a class is its colour."""

    def __init__(self, n_outputs):
        super().__init__(3, n_outputs, dropout=0.0)
        with torch.no_grad():
            last = nn.Linear(3, n_outputs)
            last.weight.copy_(20 * torch.eye(3)[:n_outputs])
            last.bias.fill_(-1.5 if n_outputs == 1 else 0.0)
            self.head = nn.Sequential(last)

    def maps(self, x):
        return nn.functional.avg_pool2d(x.clamp(min=0), 4)

    def pool(self, maps):
        return maps.mean(dim=(-2, -1))


def preparation(size=SIZE, channels=3):
    return ImagePreparation(size, "crop", "bilinear", 1.0, channels, 255, (0.1,) * channels, (0.3,) * channels)


def images(n=40, *, size=SIZE, channels=3, seed=0):
    """Dark images with a bright square; its colour is that of the class (a dim one where the class is `well`)."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(10, 40, (n, size, size, channels), dtype=np.uint8)
    masks = np.zeros((n, size, size), dtype=bool)
    for number in range(n):
        top, left = rng.integers(0, size - 8, 2)
        masks[number, top : top + 8, left : left + 8] = True
        pixels[number, masks[number], number % 3 if channels == 3 else 0] = rng.integers(150, 250)
    return pixels, masks


def cohort_of(pixels, task, *, patients=None):
    n = len(pixels)
    facts = [(pixel_sha256(p), p.shape[1], p.shape[0], p.shape[-1], 8, int(p.max()), "array") for p in pixels]
    read = [p[:, :, 0] if p.shape[-1] == 1 else p for p in pixels]
    inputs = ImageInputs(Pictures(np.stack(read)), np.arange(n), pd.DataFrame(facts, columns=list(RECORD)))
    names = {"binary": ["sick", "well", "well"], "multiclass": list(THREE.classes), "regression": [1.0, 2.0, 3.5]}
    samples = pd.DataFrame({"patient": patients or [f"p{k}" for k in range(n)]}, index=[f"s{k:03d}" for k in range(n)])
    samples["target"] = [names[task.kind][k % 3] for k in range(n)]
    samples["site"] = ["north" if k % 2 else "south" for k in range(n)]
    roles = Roles(target="target", patient="patient", site="site")
    return Cohort("squares", samples, roles, task, inputs, np.arange(n))


def run_of(path, cohort, members, folds=2):
    """A run folder as far as explanations read it: every sample tested in one of the folds."""
    table = cohort.samples.rename_axis("sample").reset_index()
    table.insert(2, "repeat", 0)
    table.insert(3, "fold", np.arange(len(table)) * folds // len(table))
    table.insert(4, "part", "test")
    scores = np.zeros((len(table), max(1, len(cohort.task.classes))))
    for fold, rows in table.groupby("fold").groups.items():
        name = "everything" if "everything" in members else f"repeat0-fold{fold}"
        sight = Sight(members.get(name) or next(iter(members.values())), cohort.task)
        pixels = sight.pixels(cohort.inputs.take(np.asarray(rows)))
        for number in range(cohort.task.n_outputs):
            scores[rows, number] = sight.scores(pixels, np.full(len(rows), number))
    if cohort.task.kind == "binary":
        scores = np.stack([1 - scores[:, 0], scores[:, 0]], axis=1)
    table[cohort.task.score_columns()] = scores
    path.mkdir(parents=True)
    write_table(path / "predictions.csv", table)
    thresholds = [{"repeat": 0, "fold": k, "value": 0.5} for k in range(folds)] if cohort.task.kind == "binary" else []
    write_json(path / "estimates.json", {"thresholds": thresholds})
    record = {"features": [], "roles": {"subgroups": []}, "task": {"kind": cohort.task.kind}}
    write_json(path / "description.json", record)
    return Run(path)


def sight_of(classifier, task, **options):
    return Sight(Member(classifier.eval(), preparation(**options)), task)


def share(found, masks):
    """Share of the maps' mass inside the masks."""
    return (found * masks).sum() / found.sum()


@pytest.mark.parametrize("task", [BINARY, THREE])
def test_the_map_and_occlusion_lie_on_what_decides(task):
    pixels, masks = images(12)
    rows = np.arange(0, 12, 3) if task is BINARY else np.arange(12)
    shown = np.zeros(len(rows), dtype=int) if task is BINARY else rows % 3
    sight = sight_of(Colours(task.n_outputs), task)
    found = attribution.maps("grad-cam", sight.classifier, sight.normalised(pixels[rows]), shown)
    covered = attribution.occlude(sight, pixels[rows], shown)
    assert found.shape == covered.shape == (len(rows), SIZE, SIZE)
    assert masks[rows].mean() < 0.09
    assert share(found, masks[rows]) > 0.5
    assert share(covered, masks[rows]) > 0.25  # its windows are as large as the square
    assert spearmanr(attribution.pooled(found, 8).ravel(), attribution.pooled(covered, 8).ravel())[0] > 0.5


def test_evidence_for_another_class_is_not_shown():
    pixels, _ = images(3)
    sight = sight_of(Colours(3), THREE)
    green_in_red = attribution.occlude(sight, pixels[:1], np.array([1]))
    red_in_red = attribution.occlude(sight, pixels[:1], np.array([0]))
    assert np.corrcoef(green_in_red.ravel(), red_in_red.ravel())[0, 1] < 0.5


def test_rollout_multiplies_the_attention_of_all_blocks():
    torch.manual_seed(0)
    classifier = Backbone((3, 64, 64), 1, SCRATCH, "vit_tiny_patch16_224").eval()
    x = torch.randn(2, 3, 64, 64)
    network = classifier.backbone
    with torch.no_grad():
        before = classifier(x)
        tokens = network.norm_pre(network.pos_drop(network._pos_embed(network.patch_embed(x))))
        flow = torch.eye(17).expand(2, 17, 17)
        for block in network.blocks:
            q, k, _ = block.attn.qkv(block.norm1(tokens)).reshape(2, 17, 3, 3, 64).permute(2, 0, 3, 1, 4)
            attention = (q @ k.transpose(-2, -1) / 8).softmax(-1).mean(1)
            flow = (attention / 2 + torch.eye(17) / 2) @ flow
            tokens = block(tokens)
    wanted = flow[:, 0, 1:].reshape(2, -1)
    found = attribution.pooled(attribution.maps("attention", classifier, x, np.zeros(2, dtype=int)), 4).reshape(2, -1)
    assert all(spearmanr(a, b)[0] > 0.9 for a, b in zip(found, wanted, strict=True))  # drawn finely, then pooled again
    assert all(block.attn.fused_attn for block in network.blocks)
    assert torch.equal(before, classifier(x))


def test_auto_takes_attention_where_there_is_some():
    vit = Backbone((3, 32, 32), 1, SCRATCH, "vit_tiny_patch16_224").eval()
    channels = Backbone((3, 32, 32), 1, SCRATCH, "xcit_nano_12_p16_224").eval()  # attends between channels
    cnn = CNN((3, 32, 32), 1, CNNSettings(width=4)).eval()
    x = torch.zeros(1, 3, 32, 32)
    assert [attribution.method_for("auto", net, x) for net in (vit, channels, cnn)] == [
        "attention",
        "grad-cam",
        "grad-cam",
    ]
    for net in (channels, cnn):
        with pytest.raises(
            SettingError, match=r"explain\.method=attention needs a transformer.*Use explain\.method=grad-cam"
        ):
            attribution.method_for("attention", net, x)


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "vit_tiny_patch16_224"])
def test_every_kind_of_backbone_has_grad_cam(name):
    torch.manual_seed(1)
    classifier = Backbone((1, 64, 64), 3, SCRATCH, name).eval()
    found = attribution.maps("grad-cam", classifier, torch.randn(3, 1, 64, 64), np.arange(3))
    assert found.shape == (3, 64, 64)
    assert found.min() >= 0
    assert found.max() <= 1
    assert found.std() > 0
    assert all(weight.grad is None for weight in classifier.parameters())


def test_a_random_copy_has_forgotten_everything_and_the_original_nothing():
    torch.manual_seed(0)
    classifier = CNN((3, 28, 28), 1, CNNSettings(width=8)).eval()
    kept = {name: value.clone() for name, value in classifier.state_dict().items()}
    x = sight_of(classifier, BINARY).normalised(images(8)[0])
    state = torch.get_rng_state()
    first, second = (sanity.random_copy(classifier, x, 3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, kept[name]) for name, value in classifier.state_dict().items())
    assert torch.equal(first(x), second(x))
    for (name, weight), other in zip(classifier.named_parameters(), first.parameters(), strict=True):
        if weight.std(correction=0) > 0:
            assert abs(np.corrcoef(weight.detach().ravel(), other.detach().ravel())[0, 1]) < 0.8, name
    assert first(x).std() > 0, "the signal died on its way"


def test_a_map_that_does_not_depend_on_learning_fails_the_check():
    pixels, _ = images(36)
    rows = np.arange(0, 36, 3)
    sight = sight_of(Colours(1), BINARY)
    x, shown = sight.normalised(pixels[rows]), np.zeros(len(rows), dtype=int)
    with torch.no_grad():
        sight.classifier.head[-1].weight.fill_(20.0)  # redrawn with no spread, so the copy decides as before
    blank = sanity.random_copy(sight.classifier, x, 0)
    maps = [attribution.maps("grad-cam", net, x, shown) for net in (sight.classifier, blank)]
    found = np.abs(sanity.correlation(*(attribution.pooled(m, 14) for m in maps)))
    record = sanity.checks(found, found, [f"p{k}" for k in rows], "in probability", 0)[0]
    assert not record["passed"]
    assert record["value"] > 0.99
    assert "does not change enough" in record["sentence"]


def test_deleting_what_decides_lowers_the_score_and_deleting_the_rest_does_not():
    pixels, masks = images(30)
    rows = np.arange(0, 30, 3)
    sight = sight_of(Colours(1), BINARY)
    shown = np.zeros(len(rows), dtype=int)
    right, wrong = masks[rows].astype(np.float32), (~masks[rows]).astype(np.float32)
    good = sanity.deletion(sight, pixels[rows], right, shown, 0)
    assert (good > 0).all()
    assert (sanity.deletion(sight, pixels[rows], wrong, shown, 0) < 0).all()
    flat = sanity.deletion(sight, pixels[rows], np.ones_like(right), shown, 0)  # chance against chance
    assert abs(flat.mean()) < good.mean() / 4
    assert np.array_equal(good, sanity.deletion(sight, pixels[rows], right, shown, 0))
    record = sanity.checks(good, good, [f"p{k}" for k in rows], "in probability", 0)[1]
    assert record["passed"]
    assert 0 < record["low"] < record["value"] < record["high"]


def test_few_patients_get_no_verdict_and_resampling_counts_patients():
    values = np.array([0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3])
    for record in sanity.checks(values, values, ["a", "b", "c"] * 3, "in probability", 0):
        assert not record["passed"]
        assert record["low"] is None
        assert record["sentence"].startswith("Too few samples to tell (3 patients")


def test_correlation_is_that_of_scipy_and_says_when_there_is_none():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 5, (2, 6, 7, 7)).astype(float)
    wanted = [spearmanr(a.ravel(), b.ravel())[0] for a, b in zip(first, second, strict=True)]
    assert sanity.correlation(first, second) == pytest.approx(wanted)
    flat = np.zeros_like(first)
    assert np.isnan(sanity.correlation(flat, first)).all()
    assert (sanity.correlation(first, flat) == 0).all()


def predicted(path, score, target, patient, threshold=0.3):
    """A run whose test predictions are given."""
    path.mkdir()
    table = pd.DataFrame(
        {"sample": [f"s{k:02d}" for k in range(len(score))], "patient": patient, "repeat": 0, "fold": 0}
    )
    table = table.assign(part="test", target=target, score_well=1 - np.asarray(score), score_sick=score)
    write_table(path / "predictions.csv", table)
    write_json(path / "estimates.json", {"thresholds": [{"repeat": 0, "fold": 0, "value": threshold}]})
    write_json(path / "description.json", {"features": [], "roles": {"subgroups": []}, "task": {"kind": "binary"}})
    return Run(path)


def test_the_gallery_has_sure_and_unsure_samples_of_both_classes_and_no_patient_twice(tmp_path):
    score = [0.99, 0.98, 0.02, 0.01, 0.95, 0.04, 0.31, 0.29, 0.33, 0.9, 0.05, 0.97]
    target = ["sick", "sick", "well", "well", "well", "sick", "sick", "well", "well", "sick", "well", "sick"]
    patient = ["a", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
    test = decided(predicted(tmp_path / "run", score, target, patient), BINARY)
    assert test["decision"].tolist() == ["sick" if s >= 0.3 else "well" for s in score]
    shown = gallery(test, BINARY, 9)
    assert shown["patient"].is_unique
    grouped = shown.groupby("group")["sample"].apply(sorted).to_dict()
    assert grouped[GROUPS[1]] == ["s04", "s05"]  # two confident errors are all there are
    assert grouped[GROUPS[2]] == ["s06", "s07", "s08"]  # and no more are unsure
    assert grouped[GROUPS[0]] == ["s00", "s02", "s03", "s11"]  # classes take turns; s01 is of the patient of s00
    assert gallery(test, BINARY, 0).empty
    timid = decided(predicted(tmp_path / "timid", [0.32, 0.31, 0.28, 0.2], ["sick", "well"] * 2, list("abcd")), BINARY)
    assert set(gallery(timid, BINARY, 9)["group"]) == {"unsure"}, (
        "nothing is confident by being less unsure than others"
    )
    checked = for_checks(test, BINARY, 5, seed=0)
    assert (checked["decision"] == "sick").all()
    assert checked["patient"].is_unique


def members_for(task, channels=3):
    torch.manual_seed(0)
    if channels == 3 and task.kind != "regression":
        nets = [Colours(task.n_outputs).eval() for _ in range(2)]
    else:
        nets = [CNN((channels, SIZE, SIZE), task.n_outputs, CNNSettings(width=4, stages=2)).eval() for _ in range(2)]
    return {f"repeat0-fold{k}": Member(net, preparation(channels=channels)) for k, net in enumerate(nets)}


@pytest.mark.parametrize(("task", "channels"), [(BINARY, 3), (THREE, 3), (NUMBER, 1)])
def test_explanations_are_whole_and_the_same_each_time(task, channels, tmp_path):
    cohort = cohort_of(images(36, channels=channels)[0], task)
    members = members_for(task, channels)
    settings = RunSettings(explain={"samples": 6})
    written = []
    for name in ("first", "second"):
        run = run_of(tmp_path / name, cohort, members)
        torch_state, numpy_state, threads = (
            torch.get_rng_state(),
            np.random.get_state()[1].copy(),  # noqa: NPY002
            torch.get_num_threads(),
        )
        steps = list(explain_run(run, cohort, settings, members))
        assert torch.equal(torch.get_rng_state(), torch_state)
        assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
        assert torch.get_num_threads() == threads
        assert steps[-1][0] == steps[-1][1]
        written.append({file.name: file.read_bytes() for file in (run.path / "explanations").iterdir()})
    assert written[0] == written[1]

    folder = tmp_path / "first" / "explanations"
    table = pd.read_csv(folder / "samples.csv", dtype={"sample": str})
    head = ["number", "sample", "patient", "repeat", "fold", "target", "decision", "score", "group", "site"]
    assert list(table) == [*head, "deletion", "randomised", "agreement", "image", "map", "occlusion"]
    assert 2 <= len(table) <= 6
    assert table["number"].tolist() == list(range(1, len(table) + 1))
    for name in table[["image", "map", "occlusion"]].to_numpy().ravel():
        with Image.open(folder / name) as picture:
            assert picture.size == (336, 336)
    sane = json.loads((folder / "sanity.json").read_text())
    assert set(sane) == {"method", "checks", "sentences", "n_samples", "what", "colours"}
    assert [check["name"] for check in sane["checks"]] == ["randomised weights", "deletion"]
    if task is not NUMBER:
        assert sane["checks"][1]["passed"]  # the planted squares decide
    latent = pd.read_csv(folder / "latent.csv")
    assert list(latent) == ["sample", "pca1", "pca2", "tsne1", "tsne2", "target", "decision", "correct", "site"]
    record = json.loads((folder / "latent.json").read_text())
    assert record["pca_share"][0] >= record["pca_share"][1] > 0


@pytest.mark.parametrize(("method", "size"), [("occlusion", 16), ("attention", 32)])
def test_other_methods_run_whole(method, size, tmp_path):
    cohort = cohort_of(images(12, size=size)[0], BINARY)
    torch.manual_seed(0)
    if method == "attention":
        net = Backbone((3, size, size), 1, SCRATCH, "test_vit")  # timm's own for tests
    else:
        net = CNN((3, size, size), 1, CNNSettings(width=4, stages=2))
    members = {"repeat0-fold0": Member(net.eval(), preparation(size))}
    run = run_of(tmp_path / "run", cohort, members, folds=1)
    list(explain_run(run, cohort, RunSettings(explain={"samples": 3, "method": method}), members))
    sane = json.loads((run.path / "explanations" / "sanity.json").read_text())
    assert sane["method"] == method
    assert ("not specific to a class" in sane["what"]) == (method == "attention")
    agreement = pd.read_csv(run.path / "explanations" / "samples.csv")["agreement"]
    assert agreement.isna().all() == (method == "occlusion")  # nothing else to agree with


def test_the_latent_map_joins_folds_only_if_they_share_their_backbone(tmp_path):
    cohort = cohort_of(images(36)[0], THREE)
    own = {}
    for fold in range(2):
        torch.manual_seed(fold)
        own[f"repeat0-fold{fold}"] = Member(CNN((3, SIZE, SIZE), 3, CNNSettings(width=4)).eval(), preparation())
    settings = RunSettings(explain={"samples": 0})
    frozen = members_for(THREE)  # its backbone has no weights at all
    for name, members, n in (("own", own, 18), ("shared", frozen, 36)):
        run = run_of(tmp_path / name, cohort, members)
        list(explain_run(run, cohort, settings, members))
        assert len(pd.read_csv(run.path / "explanations" / "latent.csv")) == n
        assert pd.read_csv(run.path / "explanations" / "samples.csv").empty
    note = json.loads((tmp_path / "own" / "explanations" / "latent.json").read_text())["note"]
    assert "repeat0-fold0" in note


def test_a_final_fit_explains_everything_and_says_that_it_was_not_tested(tmp_path):
    cohort = cohort_of(images(36)[0], THREE)
    members = {"everything": next(iter(members_for(THREE).values()))}
    run = run_of(tmp_path / "run", cohort, members)
    list(explain_run(run, cohort, RunSettings(explain={"samples": 3}), members))
    sentences = json.loads((run.path / "explanations" / "sanity.json").read_text())["sentences"]
    assert any("final fit, which was trained on these samples" in sentence for sentence in sentences)


def test_a_missing_member_is_named_and_nothing_is_written(tmp_path):
    cohort = cohort_of(images(12)[0], THREE)
    members = members_for(THREE)
    run = run_of(tmp_path / "run", cohort, members)
    del members["repeat0-fold1"]
    with pytest.raises(RunError, match="no model of repeat0-fold1"):
        list(explain_run(run, cohort, RunSettings(), members))
    assert not (run.path / "explanations").exists()


def test_the_overlay_is_colourless_without_evidence_and_brighter_with_more():
    image = np.full((4, 4, 3), 90, dtype=np.uint8)
    strengths = [overlay(image, np.full((4, 4), value)) for value in (0.0, 0.1, 0.4, 0.7, 1.0)]
    assert np.array_equal(strengths[0], image)
    assert np.array_equal(strengths[1], image)
    spread = [int(np.ptp(s[0, 0].astype(int))) for s in strengths[2:]]
    assert min(spread) > 20
    light = [s[0, 0] @ np.array([0.299, 0.587, 0.114]) for s in strengths[2:]]
    assert light == sorted(light)
