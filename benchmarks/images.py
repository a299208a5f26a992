"""A frozen backbone on images: training, feature extraction and prediction, each beside what people write by hand.

Everything runs offline on generated images with `tf_efficientnet_lite0` of the `weights` extra. The ways take turns,
so that a busy moment of the machine does not fall on one of them alone.

(a) ten epochs of a new last layer: bedside computes features once, the usual loop pushes every image through the
    frozen backbone in every epoch. Making the network, loading its weights and scoring the validation images count.
(b) features of prepared images: bedside's engine, and torch as it is with batches of 32. Making the networks does not
    count, decoding and preparing the images does not for torch.
(c) `bedside.predict` on an array file, and a bare loop of ONNX Runtime over the same file, each in a process of its
    own; in each round half of the bare loop comes before and half after. Imports do not count.

    python benchmarks/images.py [--rounds 3] [--predict-rounds 1] [--images 10000] [--threads 2] [--only abc] [--quick]

Needs the `weights` extra: pip install -c constraints.txt '.[weights]'
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import bedside
from bedside.cohort import Cohort, Fold
from bedside.data import read_cohort
from bedside.models.backbone import load_timm
from bedside.models.pretrained import load_weights
from bedside.settings import DataSettings, RunSettings, build
from bedside.splits.folds import make_folds
from bedside.training.engine import BATCH as ENGINE_BATCH
from bedside.training.engine import Pixels, translate
from bedside.training.fits import train_folds
from bedside.training.hardware import available_cores
from bedside.training.model import load_model
from bedside.training.vision import FittedHead, FrozenBackbone

ARCHITECTURE, SIZE, MEAN, STD = "tf_efficientnet_lite0", 224, 0.5, 0.5
EPOCHS, BATCH, RATE, DECAY = 10, 32, 1e-3, 1e-4
NEEDED = {"training": 8.0, "features": 2.3, "predict": 0.9, "memory": 1.2}


# (a) Ten epochs


class Photos(Dataset):
    """Images of a cohort and their labels, as a page of PyTorch has it."""

    def __init__(self, cohort: Cohort, rows: np.ndarray) -> None:
        self.cohort, self.rows = cohort, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        row = int(self.rows[number])
        pixels = torch.from_numpy(self.cohort.inputs.read(row)).permute(2, 0, 1).float() / 255
        return (pixels - MEAN) / STD, torch.tensor(float(self.cohort.target[row]))


def backbone() -> nn.Module:
    network = load_timm().create_model(ARCHITECTURE, num_classes=0)
    load_weights(network, ARCHITECTURE, "pretrained")
    return network.eval()


def by_hand(cohort: Cohort, fold: Fold, device: str, seed: int, epochs: int) -> np.ndarray:
    """The usual loop: DataLoader, a frozen backbone under no_grad, a new last layer; the best epoch is kept."""
    torch.manual_seed(seed)
    train = DataLoader(Photos(cohort, fold.train), batch_size=BATCH, shuffle=True)
    valid = DataLoader(Photos(cohort, fold.valid), batch_size=BATCH)
    frozen, loss = backbone().to(device), nn.BCEWithLogitsLoss()
    head = nn.Linear(frozen.num_features, 1).to(device)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    best, kept = float("inf"), np.empty(0)
    for _ in range(epochs):
        for x, y in train:
            with torch.no_grad():
                features = frozen(x.to(device))
            value = loss(head(features).squeeze(1), y.to(device))
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        with torch.no_grad():
            outputs = [(head(frozen(x.to(device))).squeeze(1), y.to(device)) for x, y in valid]
        logits, truth = (torch.cat(part) for part in zip(*outputs, strict=True))
        if (valid_loss := loss(logits, truth).item()) < best:
            best, kept = valid_loss, torch.sigmoid(logits).cpu().numpy()
    return kept


def fit_by_bedside(cohort: Cohort, fold: Fold, device: str, seed: int, epochs: int) -> FittedHead:
    """The same training; features come from an empty cache."""
    asked = {
        "seed": seed,
        "train": {
            "epochs": epochs, "batch_size": BATCH, "learning_rate": RATE, "optimizer": "adamw", "weight_decay": DECAY,
            "schedule": "constant", "clip_norm": None, "early_stopping": False,
        },
        "device": {"accelerator": device},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as cache:
        os.environ["BEDSIDE_CACHE"] = cache
        *_, last = train_folds(ARCHITECTURE, cohort, [fold], build(RunSettings, asked))
    return last.fitted


def by_bedside(cohort: Cohort, fold: Fold, device: str, seed: int, epochs: int) -> np.ndarray:
    return fit_by_bedside(cohort, fold, device, seed, epochs).scores(cohort.inputs.take(fold.valid))[:, 1]


def training(cohort: Cohort, fold: Fold, options: argparse.Namespace) -> None:
    ways = {"DataLoader loop by hand": by_hand, "bedside": by_bedside}
    seconds, scores = take_turns(
        {
            name: lambda seed, way=way: way(cohort, fold, options.device, seed, options.epochs)
            for name, way in ways.items()
        },
        options.rounds,
    )
    truth = cohort.target[fold.valid]
    hand, ours = (statistics.median(seconds[name]) for name in ways)
    print(
        f"\n(a) {options.epochs} epochs, {len(fold.train)} images to train, {len(fold.valid)} to validate, {options.device}\n"
    )
    print("| way | seconds, median (min to max) | times as fast | validation AUROC, mean of the rounds |")
    print("|---|---|---|---|")
    for name in ways:
        auc = np.mean([roc_auc_score(truth, one) for one in scores[name]])
        print(f"| {name} | {spread(seconds[name], 1)} | {hand / statistics.median(seconds[name]):.1f} | {auc:.4f} |")
    value, low, high = auc_difference(truth, scores["bedside"], scores["DataLoader loop by hand"])
    required("times as fast", hand / ours, NEEDED["training"])
    print(f"AUROC, bedside minus by hand: {value:+.4f} [{low:+.4f}, {high:+.4f}]; {met(low <= 0 <= high or value > 0)}")


def auc_difference(truth: np.ndarray, ours: list[np.ndarray], theirs: list[np.ndarray]) -> tuple[float, float, float]:
    """Mean difference over the rounds, with the 95 % interval when patients (one image each) are drawn anew."""

    def difference(rows: np.ndarray) -> float:
        pairs = zip(ours, theirs, strict=True)
        return float(
            np.mean([roc_auc_score(truth[rows], a[rows]) - roc_auc_score(truth[rows], b[rows]) for a, b in pairs])
        )

    rng, everyone, draws = np.random.default_rng(0), np.arange(len(truth)), []
    while len(draws) < 500:
        rows = rng.choice(everyone, len(everyone))
        if 0 < truth[rows].sum() < len(rows):
            draws.append(difference(rows))
    return difference(everyone), *np.quantile(draws, [0.025, 0.975])


# (b) Features


def features(cohort: Cohort, encoder: FrozenBackbone, options: argparse.Namespace) -> None:
    prepared, network = encoder.preparation(cohort.inputs), encoder.classifier.to(options.device)

    @torch.inference_mode()
    def eager(_: int) -> np.ndarray:
        found = []
        for start in range(0, len(prepared), BATCH):
            pixels = torch.from_numpy(prepared[start : start + BATCH]).to(options.device).permute(0, 3, 1, 2)
            found.append(network.embed((pixels.float() / 255 - MEAN) / STD).cpu())
        return torch.cat(found).numpy()

    def ours(_: int) -> np.ndarray:
        return encoder.features(cohort.inputs, 1, cache=False)[:, 0]

    few = cohort.inputs.take(np.arange(BATCH))
    encoder.features(few, 1, cache=False)  # makes the engine
    seconds, found = take_turns({f"torch, batch {BATCH}": eager, "bedside": ours}, options.rounds)
    (theirs, ours_), n = seconds.values(), len(prepared)
    print(f"\n(b) features of {n} images of {SIZE} px, {options.device}; bedside runs {encoder.engine.name}\n")
    print("| way | images/s, median (min to max) | times as fast |")
    print("|---|---|---|")
    for name, values in seconds.items():
        print(
            f"| {name} | {spread([n / v for v in values], 1)} | {statistics.median(theirs) / statistics.median(values):.2f} |"
        )
    required("times as fast", statistics.median(theirs) / statistics.median(ours_), NEEDED["features"])
    first, second = (outputs[0] for outputs in found.values())
    print(f"Largest difference between the features: {np.abs(first - second).max():.1g}, of {np.abs(first).max():.1f}")


# (c) Prediction


def predict(run: Path, folder: Path, options: argparse.Namespace) -> None:
    """A run's model on two array files, in processes of their own."""
    many, few = options.images, max(1, options.images // 10)
    arrays = {n: write_images(folder / f"{n}.npy", n) for n in (many, few)}
    model, half = export(run, folder), many // 2
    ours, bare = [], []
    for _ in range(options.predict_rounds):
        before = child("bare", model, arrays[many], 0, half)
        ours.append(child("predict", run, arrays[many], 0, many))
        after = child("bare", model, arrays[many], half, many)
        bare.append({what: before[what] + after[what] for what in ("seconds", "busy", "scores")})
    small = child("predict", run, arrays[few], 0, few)
    speed = {name: [many / one["seconds"] for one in found] for name, found in (("bare", bare), ("predict", ours))}
    ratio = statistics.median(b["seconds"] / o["seconds"] for b, o in zip(bare, ours, strict=True))
    print(
        f"\n(c) {many:,} images of {SIZE} px in an .npy file, {options.threads} threads, batches of {ENGINE_BATCH}, cpu\n"
    )
    work = {name: [1000 * one["busy"] / many for one in found] for name, found in (("bare", bare), ("predict", ours))}
    print("| way | images/s, median (min to max) | throughput | core seconds per 1,000 images |")
    print("|---|---|---|---|")
    print(f"| bare loop of ONNX Runtime | {spread(speed['bare'], 1)} | 1.00 | {spread(work['bare'], 1)} |")
    print(f"| bedside.predict | {spread(speed['predict'], 1)} | {ratio:.2f} | {spread(work['predict'], 1)} |")
    required("throughput", ratio, NEEDED["predict"])
    away = np.abs(np.array(ours[0]["scores"]) - np.array(bare[0]["scores"])).max()
    print(f"Largest difference between the scores: {away:.1g}")

    large = ours[-1]
    print("\n| memory of bedside.predict, MB | before | peak | peak of all resident pages |")
    print("|---|---|---|---|")
    for n, one in ((few, small), (many, large)):
        print(f"| {n:,} images | {one['before']:.0f} | {one['anonymous']:.0f} | {one['resident']:.0f} |")
    print("Before and peak are anonymous memory (RssAnon), which files that are read or mapped do not count into;")
    print("the last column (VmHWM) has them and the libraries too.")
    for name in ("anonymous", "resident"):
        required(f"{name} peak, as a share", large[name] / small[name], NEEDED["memory"], most=True)


def write_images(path: Path, n: int) -> Path:
    """Coarse noise, every image another; what they show does not matter here."""
    rng, block = np.random.default_rng(n), 256
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(n, SIZE, SIZE, 3))
    for start in range(0, n, block):
        coarse = rng.integers(0, 256, (min(block, n - start), SIZE // 16, SIZE // 16, 3), dtype=np.uint8)
        array[start : start + block] = coarse.repeat(16, axis=1).repeat(16, axis=2)
    array.flush()
    return path


def export(run: Path, folder: Path) -> Path:
    """The run's network from stored pixels to outputs as one ONNX file."""
    member = load_model(run / "model").members[0]
    whole = Pixels(member.classifier, member.preparation.mean, member.preparation.std).eval()
    path = folder / "network.onnx"
    path.write_bytes(translate(whole, np.zeros((2, SIZE, SIZE, 3), np.uint8)))
    return path


def bare_loop(model: str, array: str, start: int, stop: int) -> list[float]:
    """What one writes to have it fast: mapped file, session, loop. Gives the score of the second class."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    images = np.load(array, mmap_mode="r")[start:stop]
    outputs = [
        session.run(None, {"pixels": images[first : first + ENGINE_BATCH]})[0]
        for first in range(0, len(images), ENGINE_BATCH)
    ]
    logits = np.concatenate(outputs).astype(np.float64)
    difference = logits[:, 1] - logits[:, 0] if logits.ndim == 2 and logits.shape[1] == 2 else logits.reshape(-1)
    return (1 / (1 + np.exp(-difference))).tolist()


def predict_scores(run: str, array: str, start: int, stop: int) -> list[float]:
    return bedside.predict(run, array).table.filter(like="score_").iloc[:, 1].tolist()


CHILDREN = {"bare": bare_loop, "predict": predict_scores}


def child(name: str, *arguments: object) -> dict:
    """Run one of `CHILDREN` in a process of its own: its scores, seconds and memory."""
    asked = json.dumps([name, *(str(a) if isinstance(a, Path) else a for a in arguments)])
    done = subprocess.run([sys.executable, __file__, "--child", asked], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_child(asked: str) -> None:
    name, *arguments = json.loads(asked)
    import onnxruntime  # noqa: F401  (imports do not count)

    load_timm()
    with Watch() as watch:
        start, busy = time.perf_counter(), time.process_time()
        scores = CHILDREN[name](*arguments)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    memory = {"before": watch.before, "anonymous": watch.peak, "resident": megabytes("VmHWM")}
    print(json.dumps({"seconds": seconds, "busy": busy, "scores": scores, **memory}))


class Watch:
    """Most anonymous memory of this process in MB, looked at every 10 ms; NaN where the system does not tell."""

    def __enter__(self) -> "Watch":
        self.before = self.peak = megabytes("RssAnon")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, megabytes("RssAnon"))

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def megabytes(name: str) -> float:
    """A number of /proc/self/status. `ru_maxrss` would not do: it begins with what the parent process had."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return float("nan")
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:")), float("nan"))


# All


def take_turns(ways: dict[str, Callable[[int], np.ndarray]], rounds: int) -> tuple[dict, dict]:
    """Seconds and results of every way in every round; the order turns around from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
            start = time.perf_counter()
            results[name].append(ways[name](number))
            seconds[name].append(time.perf_counter() - start)
            print(f"round {number + 1} of {rounds}, {name}: {seconds[name][-1]:.1f} s", file=sys.stderr)
    return seconds, results


def spread(values: list[float], digits: int) -> str:
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def required(what: str, found: float, needed: float, *, most: bool = False) -> None:
    if np.isnan(found):
        print(f"Not measured here: {what}.")
        return
    word = "at most" if most else "at least"
    print(f"Required: {what} {word} {needed}; found {found:.2f}: {met(found <= needed if most else found >= needed)}")


def met(yes: bool) -> str:
    return "met" if yes else "NOT MET"


def load() -> str:
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="of (a) and (b)")
    parser.add_argument("--predict-rounds", type=int, default=1, help="of (c)")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of (a)")
    parser.add_argument("--patients", type=int, default=300, help="of (a) and (b), with one image each")
    parser.add_argument("--images", type=int, default=10_000, help="of (c); 150 kB each in a temporary folder")
    parser.add_argument("--threads", type=int, help="cores to use; by default all that this process may use")
    parser.add_argument("--device", default="cpu", help="of (a) and (b): cpu, cuda or mps")
    parser.add_argument("--only", default="abc", help="parts to run")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, to see that it works")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_child(options.child)
        return
    if options.quick:
        options.rounds, options.patients, options.images, options.epochs = 1, 40, 80, 2
    if options.threads and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    options.threads = options.threads or available_cores()
    torch.set_num_threads(options.threads)

    print(f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, {options.rounds} rounds")
    print(f"Load of the machine in the last 1, 5 and 15 minutes: {load()}")
    if options.quick:
        print("Numbers as tiny as these say that it works, nothing about speed.")
    if set(options.only) & set("ab"):
        cohort = read_cohort("dermoscopy", DataSettings(synthetic={"patients": options.patients, "size": SIZE}))
        fold = make_folds(cohort, build(RunSettings, {"folds": {"scheme": "holdout"}}).folds, seed=0)[0]
        if "a" in options.only:
            training(cohort, fold, options)
        if "b" in options.only:
            features(cohort, fit_by_bedside(cohort, fold, options.device, seed=0, epochs=1).encoder, options)
    if "c" in options.only:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["BEDSIDE_CACHE"] = str(Path(folder) / "cache")
            run = bedside.train(
                "dermoscopy", folder=Path(folder) / "run", family=ARCHITECTURE, train={"epochs": options.epochs},
                data={"synthetic": {"patients": min(100, options.patients)}}, folds={"scheme": "holdout"}, explain={"samples": 0},
                evaluation={"baseline": False, "resamples": 100}, device={"accelerator": "cpu"},
            )  # fmt: skip
            predict(run.path, Path(folder), options)
    print(f"\nLoad at the end: {load()}")


if __name__ == "__main__":
    main()
