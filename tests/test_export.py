"""An exported model says what its run says: to 1e-9 from raw cells of tables, to 1e-5 from pixels, in three runtimes."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
import torch
from PIL import Image

import bedside
from bedside.cli import main
from bedside.cohort import Task
from bedside.data.align import align
from bedside.data.table import read_table
from bedside.errors import DataError, ExportError, SettingError, StorageError
from bedside.export import estimators as estimators_of
from bedside.export import export, export_scorer
from bedside.export.clients import client
from bedside.export.inputs import inputs_of
from bedside.export.session import ABOUT, FORMAT, Session
from bedside.export.whole import whole_graph
from bedside.models import FAMILIES, build_model, families, model_settings
from bedside.models.mlp import ACTIVATIONS
from bedside.recalibration import Line, Recalibration, Steps
from bedside.scoring import Scorer
from bedside.settings import PreparationSettings
from bedside.splits.images import ImagePreparation
from bedside.splits.preparation import NoPreparation, TablePreparation
from bedside.training.fitted import FittedEstimator, FittedNetwork
from bedside.training.isolated import own_random_numbers
from bedside.training.model import Model
from cohorts import image_cohort, random_weights
from export_clients import node, unpacked
from small_images import image_inputs

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / "src" / "bedside" / "export" / "clients"
SMALL = "test_resnet"  # a backbone of timm
EXACT, CLOSE = 1e-9, 1e-5
QUICK = {"evaluation": {"resamples": 100, "baseline": False}, "reference": {"keep": "summaries"}}
TASKS = ("binary", "multiclass", "regression")


def visits(n=150, *, seed=0, task="binary"):
    """Numbers of ordinary and of huge size, gaps, yes and no, dates, rare levels and levels with signs."""
    rng = np.random.default_rng(seed)
    dose = rng.normal(5, 2, n)
    frame = pd.DataFrame({"dose": dose.round(3), "platelets": 1e9 + rng.normal(0, 3, n).round(2)})
    frame["smoker"] = rng.choice(["no", "yes"], n)
    frame["seen"] = (pd.Timestamp("2019-12-30") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")).strftime(
        "%Y-%m-%d"
    )
    frame["ward"] = rng.choice(["Süd", "north wing", "3", 'west;"x"', "rare"], n, p=[0.4, 0.3, 0.15, 0.13, 0.02])
    frame["blood"] = rng.choice(["A", "B", "0"], n)
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    signal = dose - 5 + (frame["ward"] == "Süd") + rng.normal(0, 1, n)
    frame["outcome"] = {
        "binary": np.where(signal > 0.5, "sick", "well"),
        "multiclass": np.array(["mild", "moderate", "severe"])[np.digitize(signal, [-0.5, 1.2])],
        "regression": (10 + 3 * signal).round(3),
    }[task]
    return frame


def awkward():
    """New visits with all that goes wrong: gaps everywhere, levels and sizes that training never saw."""
    frame = visits(60, seed=1).drop(columns="outcome")
    frame.loc[0, :] = None
    frame.loc[1:4, "ward"] = ["never seen", " Süd ", "3.0", "NA"]
    frame.loc[5:8, "dose"] = [1e30, -1e30, 1e-30, -0.0]
    frame.loc[9:10, "platelets"] = [1e9 + 1e-6, 0.0]
    frame.loc[11:12, "seen"] = ["2024-02-29T12:30:00+02:00", "1890-01-01"]
    frame.loc[13:14, "smoker"] = ["Yes", "NO"]
    return frame


def cohort_of(task):
    given = {"positive": "sick"} if task == "binary" else {}
    return read_table(visits(task=task), target="outcome", **given)


def model_of(family, task, *, recalibration=(), **settings):
    """A model of three members, each fitted on other visits; networks have random weights."""
    cohort = cohort_of(task)
    members = [_member(family, cohort, np.flatnonzero(np.arange(len(cohort)) % 3 != k), k, settings) for k in range(3)]
    return Model(
        family, settings, cohort.task, cohort.inputs.features, (), tuple(members), None, "ensemble", None,
        names=("a", "b", "c"), recalibration=tuple(recalibration),
    )  # fmt: skip


def _member(family, cohort, rows, seed, settings):
    kind = NoPreparation if "any" in FAMILIES[family].kinds else TablePreparation
    preparation = kind.fit(cohort.inputs.take(rows), PreparationSettings())
    x, options = preparation(cohort.inputs.take(rows)), model_settings(family, settings)
    if not FAMILIES[family].network:
        estimator = build_model(family, cohort.task, options, seed)
        return FittedEstimator(preparation, estimator.fit(x.astype(np.float64), cohort.target[rows]), cohort.task)
    with own_random_numbers(seed):
        network = build_model(family, x.shape[1:], cohort.task.n_outputs, options)
        for buffer in network.buffers():
            if buffer.is_floating_point():
                buffer.uniform_(0.5, 2)
    centre, scale = (12.5, 3.0) if cohort.task.kind == "regression" else (0.0, 1.0)
    return FittedNetwork(preparation, network.eval(), cohort.task, x.shape[1:], centre, scale)


def session_of(model, update=None):
    """The exported model in memory, without a run behind it."""
    about = {"format": FORMAT, "task": model.task.kind, "classes": list(model.task.classes), "inputs": inputs_of(model),
             "features": [one.to_dict() for one in model.features]}  # fmt: skip
    return Session(whole_graph(model, update).to_bytes("model", {ABOUT: json.dumps(about)}))


def assert_same(model, update=None, within=EXACT):
    """Scores and members of the exported model are those of the model, on awkward visits; in units of the largest."""
    new = align(awkward(), model.features)
    raw = model.scores(new.inputs)
    wanted = model.recalibrated(raw).mean(axis=0)
    wanted = wanted if update is None else update(wanted)
    session = session_of(model, update)
    found, members = session.run(**session.arrays(new))
    assert found.shape == wanted.shape
    assert members.shape == raw.shape
    unit = np.maximum(1, np.abs(raw))
    assert (np.abs(members - raw) / unit).max() < within
    assert (np.abs(found - wanted) / unit.max(axis=0)).max() < within
    assert (session.scores(awkward()) == found).all()
    assert (session.raw(new.inputs) == members).all()


# Tables


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "family",
    [name for name, one in FAMILIES.items() if {*one.kinds} & {"table", "any"} and not one.objective and not one.holds],
)
def test_every_family_of_tables_says_the_same_as_onnx(family, task):
    if task not in FAMILIES[family].tasks:
        pytest.skip(f"{family} is not for {task}")
    few = {"trees": 12} if family in ("forest", "boosting") else {}
    assert_same(model_of(family, task, **few))


def test_a_model_that_holds_its_patients_is_not_given_away():
    """An exported file is made to leave the house."""
    with pytest.raises(ExportError, match="would hold the data of every training patient"):
        assert_same(model_of("patient-graph", "binary"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("normalisation", ["none", "batch", "layer"])
def test_every_kind_of_layer_says_the_same(activation, normalisation):
    settings = {"hidden": [7, 5], "activation": activation, "normalisation": normalisation}
    assert_same(model_of("mlp", "multiclass", **settings), within=1e-6 if activation == "gelu" else EXACT)


def test_a_network_without_a_hidden_layer_is_exported():
    assert_same(model_of("mlp", "binary", hidden=[]))


STEPS = Steps((0.1, 0.30000001, 0.3000001, 0.8), (0.05, 0.2, 0.7, 0.7))
MAPS = {
    "temperature": Recalibration("temperature", temperature=0.37),
    "platt": Recalibration("platt", maps=(Line(-0.4, 1.7),)),
    "isotonic": Recalibration("isotonic", maps=(STEPS,)),
    "level": Recalibration("isotonic", maps=(Steps((0.4,), (0.25,)),)),
    "straight": Recalibration("isotonic", maps=(Steps((0.2, 0.9), (0.0, 1.0)),)),
}


@pytest.mark.parametrize("name", MAPS)
def test_recalibration_of_two_classes_says_the_same(name):
    assert_same(model_of("logistic", "binary", recalibration=[MAPS[name]] * 3))


@pytest.mark.parametrize("name", ["temperature", "platt", "isotonic"])
def test_recalibration_of_three_classes_says_the_same(name):
    maps = {"platt": (Line(0.1, 2.0), Line(-1, 0.5), Line(0, 1)), "isotonic": (STEPS, STEPS, Steps((0.3,), (0.0,)))}
    found = MAPS[name] if name == "temperature" else Recalibration(name, maps=maps[name])
    assert_same(model_of("logistic", "multiclass", recalibration=[found] * 3))


def test_where_every_map_says_zero_all_classes_are_alike():
    nothing = Recalibration("isotonic", maps=(Steps((0.5,), (0.0,)),) * 3)
    model = model_of("prevalence", "multiclass", recalibration=[nothing] * 3)
    assert_same(model)
    assert session_of(model).scores(awkward()) == pytest.approx(1 / 3)


def test_what_a_new_hospital_made_of_the_scores_comes_after_the_mean():
    update = Recalibration("platt", maps=(Line(-1.2, 0.6),))
    assert_same(model_of("boosting", "binary", recalibration=[MAPS["platt"]] * 3, trees=5), update)


def test_no_patient_changes_sides_of_a_threshold_between_two_numbers_of_32_bits():
    """Neighbours in 32 bits have a threshold between them that 32 bits cannot hold."""
    below = np.float32(1000)
    above = np.nextafter(below, np.float32(2000))
    frame = pd.DataFrame({"x": np.tile([below, above], 60).astype(np.float64), "outcome": ["no", "yes"] * 60})
    cohort = read_table(frame, target="outcome", positive="yes", allow_leak=("x",), features=("x",))
    preparation = TablePreparation.fit(cohort.inputs, PreparationSettings(scale="none"))
    for family in ("forest", "boosting"):
        estimator = build_model(family, cohort.task, model_settings(family, {"trees": 5}), 0)
        estimator.fit(preparation(cohort.inputs).astype(np.float64), cohort.target)
        member = FittedEstimator(preparation, estimator, cohort.task)
        model = Model(
            family, {}, cohort.task, cohort.inputs.features, (), (member,), None, "tested", None, names=("a",)
        )
        found = session_of(model).scores(cohort.inputs)
        assert np.abs(found - member.scores(cohort.inputs)).max() < EXACT
        assert found[1, 1] - found[0, 1] > 0.1


def test_trees_that_never_ask_are_exported():
    assert_same(model_of("forest", "binary", trees=3, leaf_samples=1000))
    assert_same(model_of("boosting", "regression", trees=3, leaf_samples=1000))


def test_numbers_beyond_32_bits_have_no_score_and_are_refused_in_words():
    model = model_of("logistic", "binary")
    session, inputs = session_of(model), align(awkward(), model.features).inputs
    arrays = session.arrays(inputs)
    arrays["numbers"][3, 1] = 1e300
    scores, members = session.run(**arrays)
    assert np.isnan(scores[3]).all()
    assert np.isfinite(np.delete(scores, 3, axis=0)).all()
    assert np.isnan(members[:, 3]).all()
    inputs.frame.loc[3, "platelets"] = 1e300
    with pytest.raises(DataError, match="Row 4 holds a number beyond 32 bits"):
        session.scores(inputs)


def test_a_table_of_numbers_alone_and_one_of_words_alone_are_exported():
    for columns in (["dose", "platelets"], ["ward", "blood"]):
        cohort = read_table(visits(), target="outcome", positive="sick", features=tuple(columns))
        preparation = TablePreparation.fit(cohort.inputs, PreparationSettings())
        estimator = build_model("logistic", cohort.task, model_settings("logistic", {}), 0)
        estimator.fit(preparation(cohort.inputs).astype(np.float64), cohort.target)
        member = FittedEstimator(preparation, estimator, cohort.task)
        features = cohort.inputs.features
        model = Model("logistic", {}, cohort.task, features, (), (member,), None, "tested", None, names=("a",))
        session = session_of(model)
        assert set(session.inputs) == {"numbers" if "dose" in columns else "words"}
        assert np.abs(session.scores(awkward()) - member.scores(align(awkward(), features).inputs)).max() < EXACT


# A whole run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Three members, each recalibrated, of a small network."""
    settings = {
        "folds": {"scheme": "crossval", "number": 3},
        "train": {"epochs": 4, "early_stopping": False},
        "model": {"hidden": [6]},
        "explain": {"samples": 0},
        **QUICK,
        "evaluation": {**QUICK["evaluation"], "recalibrate": "platt", "threshold": "youden"},
    }
    return bedside.train(
        cohort_of("binary"), settings, family="mlp", folder=tmp_path_factory.mktemp("export") / "visits"
    )


@pytest.fixture(scope="module")
def bundle(run, tmp_path_factory):
    """A bundle of that run, unpacked."""
    folder = tmp_path_factory.mktemp("bundle")
    export(run, folder / "visits.zip", bundle=True)
    return unpacked((folder / "visits.zip").read_bytes(), folder)


def scores_in(table):
    return table.filter(regex="^score_|^predicted$").to_numpy()


def test_the_exported_file_predicts_what_bedside_predicts(run, tmp_path):
    exported = export(run, tmp_path / "model.onnx")
    assert exported.difference < EXACT
    session, scorer = Session(exported.path), Scorer(run)
    wanted = scorer.predict(awkward()).table
    assert np.abs(session.scores(awkward()) - scores_in(wanted)).max() < EXACT
    new = align(awkward(), scorer.model.features)
    _, distances = scorer.model.scores_and_distances(new.inputs)
    fed = scorer.judge(new, session.raw(new), distances).table
    pd.testing.assert_frame_equal(fed, wanted, rtol=0, atol=EXACT)


def test_one_row_and_many_rows_and_the_same_bytes_again(run, tmp_path):
    content = export(run).content
    assert content == export(run, tmp_path / "again.onnx").content == (tmp_path / "again.onnx").read_bytes()
    session = Session(content)
    whole = session.scores(awkward())
    assert np.abs(np.concatenate([session.scores(awkward().iloc[[k]]) for k in range(20)]) - whole[:20]).max() < 1e-12


def test_the_file_says_what_it_is(run):
    content = export(run).content
    about = json.loads({one.key: one.value for one in onnx.load_from_string(content).metadata_props}[ABOUT])
    scorer = Scorer(run)
    assert about["classes"] == ["well", "sick"]
    assert about["positive"] == "sick"
    assert about["threshold"] == scorer.threshold
    assert about["model_sha256"] == run.environment["model_sha256"]
    assert about["intended_use"] == "Research and teaching only; not a medical device."
    assert about["bedside"] == bedside.__version__
    assert [one["name"] for one in about["features"]] == [one.name for one in scorer.model.features]
    assert about["inputs"]["numbers"]["columns"] == ["dose", "platelets", "smoker", "seen"]
    assert about["inputs"]["words"]["columns"] == ["ward", "blood"]
    assert about["card"][0].startswith("AUROC")


def test_a_hospitals_recalibration_is_in_the_file(run, tmp_path):
    bedside.recalibrate(run, visits(200, seed=5), output=tmp_path / "there", method="slope")
    exported = export(run, recalibration=tmp_path / "there")
    wanted = bedside.predict(run, awkward(), recalibration=tmp_path / "there").table
    assert np.abs(Session(exported.content).scores(awkward()) - scores_in(wanted)).max() < EXACT
    assert exported.about["threshold"] == Scorer(run, recalibration=tmp_path / "there").threshold
    assert exported.about["threshold"] != export(run).about["threshold"]


def test_a_file_that_says_something_else_is_not_written(run, tmp_path, monkeypatch):
    def wrong(graph, network, prepared):
        return graph("Add", true(graph, network, prepared), np.array(1e-3))

    true = sys.modules["bedside.export.whole"].network_outputs
    monkeypatch.setattr("bedside.export.whole.network_outputs", wrong)
    with pytest.raises(ExportError, match=r"differs by .* from the run's own scores"):
        export(run, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused_in_words(run, tmp_path, monkeypatch):
    scorer = Scorer(run)
    with monkeypatch.context() as patch:
        patch.setattr("bedside.export.LARGEST", 1000)
        with pytest.raises(ExportError, match="an ONNX file holds 2 GB"):
            export_scorer(scorer)
    with pytest.raises(ExportError, match="A list of scikit-learn cannot be exported"):
        estimators_of.estimator_scores(None, [], "x")
    model = model_of("mlp", "binary")
    model.members[1].network.hidden[1] = torch.nn.Softplus()
    with pytest.raises(ExportError, match="kind Softplus cannot be exported"):
        session_of(model)
    with pytest.raises(StorageError, match="there is no folder"):
        export(run, tmp_path / "nowhere" / "model.onnx")
    with pytest.raises(SettingError, match="with_report"):
        export(run, with_report=True)


def test_a_foreign_or_broken_file_is_no_session(tmp_path):
    graph = sys.modules["bedside.export.graph"].Graph()
    graph.output("y", graph("Neg", graph.input("x", "float64", ["n"])), ["n"])
    with pytest.raises(ExportError, match="was not made by `bedside export`"):
        Session(graph.to_bytes("other", {}))
    with pytest.raises(ExportError, match="exported in format 99"):
        Session(graph.to_bytes("other", {ABOUT: '{"format": 99}'}))
    with pytest.raises(ExportError, match="ONNX Runtime cannot read the model"):
        Session(b"no model")
    with pytest.raises(ExportError, match="Cannot read"):
        Session(tmp_path / "nothing.onnx")


def test_the_verb_writes_where_it_stands_and_says_what(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for extra, name in (([], "visits.onnx"), (["--bundle"], "visits.zip"), (["-o", "m.onnx", "--onnx"], "m.onnx")):
        monkeypatch.setattr(sys, "argv", ["bedside", "export", str(run.path), *extra])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        assert f"File: {name}" in capsys.readouterr().out
        assert (tmp_path / name).is_file()
    monkeypatch.setattr(sys, "argv", ["bedside", "export", str(run.path), "--onnx", "--bundle"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "choose one of them" in capsys.readouterr().err


# The bundle


def test_a_bundle_holds_everything_but_no_patient(run, bundle):
    with zipfile.ZipFile(bundle / "visits.zip") as archive:
        names = set(archive.namelist())
        text = b"".join(map(archive.read, names)).decode("utf-8", "ignore")
    assert names == {"model.onnx", "card.md", "settings.yaml", "estimates.json", "client.py", "client.mjs", "package.json",
                     "example.json", "README.md", "checksums.txt"}  # fmt: skip
    for line in (bundle / "checksums.txt").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
        names.discard(name)
    assert names == {"checksums.txt"}
    cells = {f"{value:.2f}" for value in visits()["platelets"].dropna()}
    ends = {f"{one.low:.2f}" for one in Scorer(run).model.features if one.name == "platelets"}
    ends |= {f"{one.high:.2f}" for one in Scorer(run).model.features if one.name == "platelets"}
    assert not [cell for cell in cells - ends if cell in text]
    readme = (bundle / "README.md").read_text(encoding="utf-8")
    assert "No row of a patient is in here" in readme
    assert "Research and teaching only; not a medical device." in readme
    assert json.loads((bundle / "package.json").read_text())["dependencies"] == json.loads(
        (ROOT / "examples/javascript/package.json").read_text()
    )["dependencies"]  # fmt: skip


def test_a_bundle_has_the_same_bytes_again_and_the_report_only_if_asked_for(run, bundle):
    assert export(run, bundle=True).content == (bundle / "visits.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(export(run, bundle=True, with_report=True).content)) as archive:
        assert archive.read("report.html") == (run.path / "report.html").read_bytes()
        assert b"shows single patients**" in archive.read("README.md")


def test_the_example_in_a_bundle_is_what_the_model_says(run, bundle):
    example = json.loads((bundle / "example.json").read_text(encoding="utf-8"))
    found = bedside.predict(run, pd.DataFrame(example["rows"], dtype=object)).table
    assert np.abs(scores_in(found) - example["scores"]).max() < EXACT
    assert (found["outside"] == "").all()


# The clients


ALONE = """
import sys
class Alone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "bedside", "pandas", "sklearn", "scipy", "onnx", "timm"}:
            raise ImportError(f"{name} is not there for clients")
sys.meta_path.insert(0, Alone())
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def python_client(folder, *arguments):
    """What client.py prints, run where only numpy, onnxruntime and pillow can be imported."""
    command = [sys.executable, "-W", "error", "-c", ALONE, str(folder / "client.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=folder,
                          env={**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    (folder / "printed.csv").write_text(done.stdout, encoding="utf-8")
    return pd.read_csv(folder / "printed.csv", keep_default_na=False)


def test_the_python_client_predicts_what_bedside_predicts(run, bundle, tmp_path):
    awkward().to_csv(tmp_path / "new.csv", index=False)
    found = python_client(bundle, "model.onnx", tmp_path / "new.csv")
    wanted = bedside.predict(run, tmp_path / "new.csv").table
    assert np.abs(scores_in(found) - scores_in(wanted)).max() < CLOSE
    assert (found["decision"] == wanted["decision"]).all()
    assert list(found["outside"]) == list(wanted["outside"])


def test_the_python_client_refuses_what_it_cannot_read(bundle):
    model = client.Model(bundle / "model.onnx")
    row = json.loads((bundle / "example.json").read_text(encoding="utf-8"))["rows"][0]
    for column, cell, words in (("dose", "12 mg", "a number such as"), ("dose", "1_0", "a number such as"),
                                ("dose", "1e300", "a number such as"), ("smoker", "2", "yes or no"),
                                ("dose", "٣", "a number such as"), ("seen", "20200101", "a date such as"),
                                ("seen", "yesterday", "a date such as")):  # fmt: skip
        with pytest.raises(ValueError, match=f"Column '{column}' holds '{cell}'; write {words}"):
            model.predict([row | {column: cell}])
    with pytest.raises(ValueError, match="needs the columns dose;"):
        model.predict([{name: cell for name, cell in row.items() if name != "dose"}])


def test_the_javascript_client_predicts_what_bedside_predicts(run, bundle, tmp_path):
    rows = json.loads(awkward().to_json(orient="records", double_precision=15))
    rows[5]["dose"], rows[6]["dose"], rows[7]["dose"] = "1e30", "-1e30", "1e-30"
    (bundle / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    found = pd.DataFrame(node("client.mjs", "model.onnx", "rows.json", folder=bundle))
    wanted = bedside.predict(run, awkward()).table
    assert np.abs(scores_in(found) - scores_in(wanted)).max() < CLOSE
    assert list(found["decision"]) == list(wanted["decision"])
    assert [bool(words) for words in found["outside"]] == [bool(words) for words in wanted["outside"]]


# Images


@pytest.fixture(scope="module")
def small_backbone():
    """A family with a backbone of a twentieth of the weights of the smallest that bedside names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FAMILIES, SMALL, replace(FAMILIES["resnet18"], architecture=SMALL))
        families.cache_clear()
        yield
    families.cache_clear()


@pytest.fixture(scope="module", params=["cnn", SMALL])
def image_run(request, tmp_path_factory, small_backbone):
    """A network trained as a whole, and last layers on a frozen backbone; three members each."""
    folder = tmp_path_factory.mktemp(request.param)
    frozen = {"weights": str(random_weights(SMALL, folder / "backbone.safetensors"))}
    settings = {
        "folds": {"scheme": "crossval", "number": 3},
        "train": {"epochs": 1, "early_stopping": False},
        "preparation": {"image_size": 32},
        "model": frozen if request.param == SMALL else {"width": 4, "stages": 2},
        "explain": {"samples": 0},
        **QUICK,
    }
    return bedside.train(image_cohort(48, size=40), settings, family=request.param, folder=folder / "run")


@pytest.fixture(scope="module")
def image_bundle(image_run, tmp_path_factory):
    """A bundle of that run, unpacked."""
    return unpacked(export(image_run, bundle=True).content, tmp_path_factory.mktemp("image-bundle"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of every shape, with colours, grey and with transparent pixels."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(3)
    for name, shape in {"wide": (30, 70, 3), "high": (91, 40, 3), "fits": (32, 32, 3), "clear": (50, 50, 4),
                        "grey": (64, 33)}.items():  # fmt: skip
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{name}.png")
    return folder


def test_an_exported_network_for_images_says_the_same_in_python_and_javascript(image_run, image_bundle, pictures):
    wanted = bedside.predict(image_run, pictures).table
    files = [pictures / name for name in wanted["sample"]]
    found = python_client(image_bundle, "model.onnx", *files)
    assert np.abs(scores_in(found) - scores_in(wanted)).max() < CLOSE
    assert list(found["decision"]) == list(wanted["decision"])
    about = Session(image_bundle / "model.onnx").about
    assert about["inputs"]["pixels"]["shape"] == [None, 3, 32, 32]
    assert about["inputs"]["pixels"]["layout"] == "samples, channels, rows, columns"
    assert (image_bundle / "weights.md").exists() == (image_run.environment.get("weights") is not None)
    images = []
    for file in files:
        pixels = np.asarray(Image.open(file).convert("RGBA"))
        images.append({"width": pixels.shape[1], "height": pixels.shape[0], "data": pixels.ravel().tolist()})
    (image_bundle / "images.json").write_text(json.dumps(images))
    (image_bundle / "driver.mjs").write_text(
        """import { readFileSync } from "node:fs";
        import { load, predictImages } from "./client.mjs";
        const model = await load(new Uint8Array(readFileSync("model.onnx")));
        console.log(JSON.stringify(await predictImages(model, JSON.parse(readFileSync("images.json")))));"""
    )
    found = pd.DataFrame(node("driver.mjs", folder=image_bundle))
    assert np.abs(scores_in(found) - scores_in(wanted)).max() < CLOSE


def test_a_bundle_says_no_path_of_the_computer_that_it_was_made_on(image_run, image_bundle):
    folder = str(image_run.path.parent)
    for file in image_bundle.iterdir():
        if file.is_file():
            assert folder not in file.read_bytes().decode("utf-8", "ignore"), file.name


def test_a_session_takes_pixels_with_channels_first_or_last(image_bundle):
    session = Session(image_bundle / "model.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    assert (session.scores(pixels) == session.scores(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))).all()
    with pytest.raises(DataError, match=r"shape \(3, 16, 32, 3\).*the model takes uint8"):
        session.scores(pixels[:, :16])
    with pytest.raises(ExportError, match="takes pixels that were resized"):
        session.scores(image_cohort(3).inputs)


def preparations():
    for framing in ("crop", "whole", "stretch"):
        for resample in ("bicubic", "bilinear"):
            yield ImagePreparation(33, framing, resample, 0.875, 3, 255, (0.0,) * 3, (1.0,) * 3)
    yield ImagePreparation(20, "crop", "bicubic", 1.0, 1, 255, (0.0,), (1.0,))


def resizing(preparation):
    names = ("framing", "size", "resample", "crop_share", "white")
    return {name: getattr(preparation, name) for name in names}


def test_clients_resize_to_the_same_pixels(pictures, tmp_path):
    shutil.copy(CLIENTS / "client.mjs", tmp_path)
    asked, wanted = [], []
    for file in sorted(pictures.glob("*.png")):
        pixels = np.asarray(Image.open(file).convert("RGBA"))
        read = bedside.data.decode.read_pixels(file)
        for one in preparations():
            made = one.prepare_one(read).transpose(2, 0, 1)
            assert (client.prepare(file, one.channels, **resizing(one)) == made).all()
            wanted.append(made.ravel().tolist())
            image = {"width": pixels.shape[1], "height": pixels.shape[0], "data": pixels.ravel().tolist()}
            asked.append([image, one.channels, resizing(one)])
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    (tmp_path / "driver.mjs").write_text(
        """import { readFileSync } from "node:fs";
        import { prepare } from "./client.mjs";
        const asked = JSON.parse(readFileSync("asked.json"));
        console.log(JSON.stringify(asked.map((one) => Array.from(prepare(...one)))));"""
    )
    assert node("driver.mjs", folder=tmp_path) == wanted


@pytest.mark.parametrize("tall_first", [True, False])
def test_pixels_do_not_depend_on_the_order_that_pillow_prefers(tall_first, pictures, monkeypatch):
    """Pillow 13 resizes the rows of tall images first, older versions columns always; both are planted here."""
    wanted = [
        one.prepare_one(bedside.data.decode.read_pixels(file))
        for file in sorted(pictures.glob("*.png"))
        for one in preparations()
    ]
    resize, asked = Image.Image.resize, []

    def ordered(image, size, resample=None, **more):
        asked.append(size[0] != image.width and size[1] != image.height)
        middle = (image.width, size[1]) if tall_first and image.height > image.width else (size[0], image.height)
        return resize(resize(image, middle, resample), size, resample)

    monkeypatch.setattr(Image.Image, "resize", ordered)
    for file in sorted(pictures.glob("*.png")):
        read = bedside.data.decode.read_pixels(file)
        for one in preparations():
            assert (one.prepare_one(read) == wanted.pop(0)).all()
            assert (
                client.prepare(file, one.channels, **resizing(one)) == one.prepare_one(read).transpose(2, 0, 1)
            ).all()
    assert asked
    assert not any(asked)  # one direction at a time


def test_the_python_client_reads_16_bits_as_bedside_does(tmp_path):
    deep = np.random.default_rng(0).integers(0, 5000, (40, 40), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    one = ImagePreparation(20, "crop", "bicubic", 1.0, 1, 4095, (0.0,), (1.0,))
    made = one.prepare_one(deep).transpose(2, 0, 1)
    assert (client.prepare(tmp_path / "deep.png", 1, **resizing(one)) == made).all()
    with pytest.raises(ValueError, match="has 16 bits, but the model learned from 8"):
        client.prepare(tmp_path / "deep.png", 1, **(resizing(one) | {"white": 255}))


def test_models_of_images_that_no_graph_of_pixels_can_express_are_refused(image_run):
    model = Scorer(image_run).model
    inputs = image_inputs([np.zeros((20, 20, 3), dtype=np.uint8)] * 4)
    nothing = FittedEstimator(NoPreparation.fit(inputs, PreparationSettings()), None, Task("binary", ("a", "b")))
    with pytest.raises(ExportError, match="does not read the pixels of a resized image"):
        whole_graph(replace(model, family="image-statistics", members=(nothing,) * 3), None)
    member = model.members[0]
    several = replace(member.versions, count=4)
    if hasattr(member, "encoder"):
        member.encoder.versions = several
    else:
        member = replace(member, reader=replace(member.reader, versions=several))
    with pytest.raises(ExportError, match="looks at 4 versions of each image"):
        whole_graph(replace(model, members=(member,)), None)


def test_members_that_see_another_white_are_refused(image_run):
    model = Scorer(image_run).model
    first, second = model.members[:2]
    darker = replace(second.preparation, white=4095)
    if hasattr(second, "encoder"):
        encoder = copy(second.encoder)
        encoder.preparation = darker
        second = replace(second, encoder=encoder)
    else:
        second = replace(second, preparation=darker)
    with pytest.raises(ExportError, match="another value for white"):
        whole_graph(replace(model, members=(first, second)), None)
