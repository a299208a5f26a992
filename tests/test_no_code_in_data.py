"""Nothing that bedside reads can run code: no pickle, no eval, no shell, no XML that expands. Read from the syntax tree."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "notebooks/source", "examples", "benchmarks", "docs")
# Modules whose files or messages run code when they are read.
MODULES = (
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "jsonpickle",
    "hickle",
    "pickletools",
)
ERROR = "pickle.UnpicklingError"  # what torch.load raises on what it refuses
XML = ("xml.etree", "xml.dom", "xml.sax", "lxml")
ALWAYS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "joblib.load", "joblib.dump", "pandas.read_pickle",
    "torch.save", "torch.hub.load", "torch.jit.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.dump",
    "yaml.unsafe_load_all", "yaml.full_load_all",
}  # fmt: skip
METHODS = ("read_pickle", "to_pickle", "extractall", "load_module", "exec_module", "unsafe_load")
# What must be said in a call, and what may not be.
NEEDS = {
    "torch.load": ("weights_only", True),
    "skops.io.load": ("trusted", None),
    "skops.io.loads": ("trusted", None),
}
NEVER = {"allow_pickle": True, "shell": True, "trusted": True, "weights_only": False, "resolve_entities": True}


def faults(source: str) -> list[str]:
    """What is wrong with a module: 'line 3: torch.load without weights_only=True'."""
    tree = ast.parse(source)
    names = imported(tree)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found += [f"line {node.lineno}: imports {name}" for name in modules_of(node) if forbidden(name)]
        elif isinstance(node, ast.Call):
            found += [f"line {node.lineno}: {words}" for words in of_call(node, names)]
        elif (
            isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and dotted(node, names) in ALWAYS
        ):
            found.append(f"line {node.lineno}: {dotted(node, names)}")  # handed on under another name
    return sorted(set(found))


def imported(tree: ast.AST) -> dict[str, str]:
    """Names of a module and what they stand for: {"np": "numpy", "load": "torch.load"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {one.asname: one.name for one in node.names if one.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return names


def modules_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    return [f"{node.module}.{one.name}" for one in node.names] if node.module else []


def forbidden(name: str) -> bool:
    return (name.split(".")[0] in MODULES and name != ERROR) or name.startswith(XML)


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """`np.load` as numpy.load; empty if it is no plain name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([names.get(node.id, node.id), *reversed(parts)])


def of_call(node: ast.Call, names: dict[str, str]) -> list[str]:
    called = dotted(node.func, names)
    given = {one.arg: one.value.value if isinstance(one.value, ast.Constant) else None for one in node.keywords}
    said = [
        f"{key}={value}"
        for key, value in NEVER.items()
        if key in given and given[key] in (value, None) and key != "trusted"
    ]
    if given.get("trusted") is True:
        said.append("trusted=True")
    if called in NEEDS and (NEEDS[called][0] not in given or given[NEEDS[called][0]] not in (NEEDS[called][1], None)):
        said.append(f"{called} without {NEEDS[called][0]}")
    if called == "yaml.load" and not any("SafeLoader" in ast.unparse(one) for one in [*node.args, *node.keywords]):
        said.append("yaml.load without SafeLoader")
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if called in ALWAYS or method in METHODS or forbidden(called):
        said.append(called or method)
    return said


PLANTED = [
    "import pickle", "import cloudpickle as cp", "from pickle import loads", "from joblib import load\nload('a')",
    "import joblib\njoblib.dump(1, 'a')", "import torch\ntorch.load('a')", "import torch as t\nt.load('a', weights_only=False)",
    "from torch import load as get\nget('a')", "import torch\nflag = False\ntorch.load('a', weights_only=flag)",
    "import torch\ntorch.save({}, 'a')", "import numpy as np\nnp.load('a', allow_pickle=True)",
    "import numpy\nnumpy.load('a', allow_pickle=bool(1))",
    "import yaml\nyaml.load('a')", "import yaml\nyaml.load('a', Loader=yaml.Loader)", "import yaml\nyaml.unsafe_load('a')",
    "import pandas as pd\npd.read_pickle('a')", "frame.to_pickle('a')", "eval('1')", "exec('1')", "f = eval", "__import__('os')",
    "import subprocess\nsubprocess.run('ls', shell=True)", "import os\nos.system('ls')", "import skops.io as sio\nsio.load('a')",
    "from skops.io import load\nload('a', trusted=True)", "import zipfile\nzipfile.ZipFile('a').extractall('b')",
    "from xml.etree import ElementTree", "import xml.dom.minidom", "import lxml.etree", "from os import popen\npopen('ls')",
]  # fmt: skip
HARMLESS = [
    "import torch\ntorch.load('a', weights_only=True)", "import numpy as np\nnp.load('a', allow_pickle=False)",
    "import numpy as np\nnp.load('a')", "import yaml\nyaml.safe_load('a')", "import yaml\nyaml.load('a', Loader=yaml.SafeLoader)",
    "model.eval()", "from pickle import UnpicklingError", "from joblib import Parallel\nParallel(2)", "import re\nre.compile('a')", "# eval('1')", "'pickle.load'",
    "from skops.io import load\nload('a', trusted=KNOWN)", "import subprocess\nsubprocess.run(['ls'])", "table.eval('a')",
]  # fmt: skip


@pytest.mark.parametrize("source", PLANTED)
def test_what_could_run_code_is_found(source):
    assert faults(source) != []


@pytest.mark.parametrize("source", HARMLESS)
def test_what_is_harmless_is_not(source):
    assert faults(source) == []


def test_no_module_runs_what_it_reads():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    wrong = {
        str(path.relative_to(ROOT)): found for path in files if (found := faults(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_no_script_of_a_page_makes_code_of_text():
    scripts = [path for path in (ROOT / "src").rglob("*.js") if ".min." not in path.name]
    words = ("eval(", "new Function", "document.write", "setTimeout('", 'setTimeout("')
    assert len(scripts) > 10
    assert [path.name for path in scripts if any(word in path.read_text(encoding="utf-8") for word in words)] == []
