"""Every setting of a run, with its default, its range and its meaning.

The command line, settings.yaml, the documentation and later the app are made from these classes. A setting
that cannot act is refused: `only_when` names the condition, and it is checked, printed and left out of
settings.yaml by one mechanism. The settings of a model family stand beside the family (see `models`).
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from bedside.errors import SettingError, nearest


def only_when(**conditions: Any) -> dict[str, Any]:
    """Marks a field that acts only if other fields of its class have one of the given values."""
    return {"only_when": {k: list(v) if isinstance(v, tuple) else [v] for k, v in conditions.items()}}


class Settings(BaseModel):
    """Base of all settings: unknown keys are errors, a loaded setting never changes, idle settings are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )

    @model_validator(mode="after")
    def _every_setting_acts(self) -> "Settings":
        for name in sorted(self.model_fields_set):
            for other, allowed in conditions_of(type(self).model_fields[name]).items():
                found = getattr(self, other)
                if found not in allowed:
                    needed = " or ".join(_plain(value) for value in allowed)
                    raise ValueError(
                        f"{name} has no effect while {other} is {'not set' if found is None else _plain(found)}; it acts with {other} = {needed}"
                    )
        return self

    def acting(self) -> dict[str, Any]:
        """Every setting that has an effect, as plain values for YAML; loading it gives the same settings."""
        record: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            if any(getattr(self, other) not in allowed for other, allowed in conditions_of(field).items()):
                continue
            value = getattr(self, name)
            if isinstance(value, Settings):
                record[name] = value.acting()
            elif value not in (None, (), {}) or value != field.get_default(call_default_factory=True):
                record[name] = list(value) if isinstance(value, tuple) else value
        return record


def conditions_of(field: FieldInfo) -> dict[str, list[Any]]:
    """The `only_when` conditions of a field: {other field: values}."""
    extra = field.json_schema_extra
    return extra.get("only_when", {}) if isinstance(extra, dict) else {}  # type: ignore[return-value]


class DataSettings(Settings):
    """What the columns of a table and the names of images are for, and how files and recordings are read."""

    target: str | None = None
    """Column to predict."""
    patient: str | None = None
    """Column that identifies the patient; samples of one patient stay on one side of every split."""
    site: str | None = None
    """Column that names the hospital or scanner."""
    time: str | None = None
    """Column with the date of the sample, for `folds.scheme=time`."""
    split: str | None = None
    """Column that says train, valid or test, for `folds.scheme=given`."""
    subgroups: tuple[str, ...] = ()
    """Columns that describe groups, such as sex: kept beside every prediction; they stay features too."""
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    """What is predicted; `auto` recognises it from the target and the report states it."""
    positive: str | None = None
    """Class to detect in a binary task, such as `malignant`."""
    image: str | None = None
    """Column with the path of each sample's image, relative to the table's folder."""
    signal: tuple[str, ...] = ()
    """Columns of a recording: its time points in a table with one row per recording, such as `t*`, one pattern per channel; its channels with `recording`; or the one column that names WFDB records."""
    recording: str | None = None
    """Column that says which recording a row belongs to, in a table with one row per time point."""
    at: str | None = None
    """Column with the time in seconds, in a table with one row per time point; without it, rows come in order."""
    rate: float | None = Field(default=None, gt=0, le=1e6)
    """Time points per second (Hz) of recordings whose files do not say it."""
    resample: float | None = Field(default=None, gt=0, le=1e6)
    """Time points per second (Hz) that all recordings are brought to; by default the lowest rate among them."""
    smiles: str | None = None
    """Column with the structure of each molecule, in SMILES."""
    label_pattern: str | None = None
    """Regular expression for image names whose groups `target`, `patient` and `site` are read from the name."""
    modality: Literal["dermoscopy", "histology", "xray", "photo"] | None = None
    """What the images are; decides which augmentations are harmless. By default what the files themselves say."""
    skip_unreadable: bool = False
    """Leave out images or molecules that cannot be read; the report counts them."""
    synthetic: dict[str, Any] = Field(default_factory=dict)
    """Settings of a generated cohort; see `bedside settings --cohort dermoscopy`."""
    features: tuple[str, ...] = ()
    """Columns to learn from; empty means all that have no role other than subgroup."""
    exclude: tuple[str, ...] = ()
    """Columns to leave out."""
    categories: tuple[str, ...] = ()
    """Columns whose numbers are codes, such as a chest pain type from 1 to 4."""
    allow_leak: tuple[str, ...] = ()
    """Features that may be used although they alone give the target away."""
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    """Character between the columns of a text file; by default a comma, in .tsv files a tabulator."""
    decimal: Literal[".", ","] = "."
    """Decimal mark of a text file."""
    encoding: str = "utf-8"
    """Character encoding of a text file, such as `latin-1`."""
    sheet: str | None = None
    """Sheet of an Excel file; by default the only one."""


class FoldSettings(Settings):
    """How patients are dealt to training, validation and test."""

    scheme: Literal["auto", "holdout", "crossval", "site", "time", "given"] = "auto"
    """Which patients test the model; it never learns from them. `holdout`: one split, 60 % of patients to train, 20 % to validate, 20 % to test; `crossval`: every patient tested once per repeat; `site`: each hospital or scanner in turn; `time`: the latest fifth; `given`: the split that comes with the data; `auto`: `given` if there is one, else `holdout`."""
    number: int = Field(default=5, ge=3, le=100, json_schema_extra=only_when(scheme="crossval"))
    """Parts that the patients are dealt into. Each is tested once, by a model that learned from the others; one of those validates."""
    repeats: int = Field(default=1, ge=1, le=1000, json_schema_extra=only_when(scheme=("crossval", "given")))
    """How often patients are dealt anew: with `crossval` all of them, with `given` those who train and validate, if the split that came with the data leaves that open. Several show how much the deal matters. Those of `given` are tested on the same patients, and so is the mean of their models."""
    seeds: int = Field(default=1, ge=1, le=1000)
    """Trainings of every fold that differ by chance alone: first weights, order, dropout. They show how much luck there is; each counts as a repeat."""
    link_duplicates: bool = True
    """Keep duplicates (identical features, the same or nearly the same image, the same compound) on one side of every split, so that nobody is recognised instead of diagnosed."""
    link_scaffolds: bool = True
    """Keep molecules with the same scaffold (their rings and what joins them) on one side of every split, so that the test asks for new chemistry."""
    random_beside: bool = Field(default=True, json_schema_extra=only_when(link_scaffolds=True))
    """Also train on a random split of the molecules, so that the report can say how much better the same model looks there."""


class PreparationSettings(Settings):
    """How raw columns, images and recordings become numbers; always fitted on training samples only."""

    scale: Literal["standard", "each", "none"] = "standard"
    """Whether numbers of different units are brought to one scale. `standard`: each, or each channel of a recording, gets mean 0 and standard deviation 1 over the training samples; `each`, for recordings: every channel of every recording by itself; `none`: they stay as they are."""
    missing_indicators: bool = True
    """Tell the model which values were missing, by a yes/no column for each feature with gaps in training; the gaps are filled with the median or the most frequent value."""
    rare_level: int = Field(default=5, ge=1)
    """Categories with fewer training samples than this are joined into one, since nothing can be learned from a handful."""
    length: int | None = Field(default=None, ge=4, le=1_000_000)
    """Time points of a recording that the network sees, from its beginning; by default as many as the longest of training has."""
    image_size: int | None = Field(default=None, ge=16, le=2048)
    """Side in pixels of the square that the network sees; by default what the family or its weights expect. Larger shows more detail and takes longer."""
    framing: Literal["crop", "whole", "stretch"] = "crop"
    """How an image is made square. `crop`: cut off what is longer; `whole`: add black borders; `stretch`: change the proportions."""


class AugmentSettings(Settings):
    """Changes to training images and recordings that do not change the answer; unset ones follow from what they are."""

    flip_horizontal: bool | None = None
    """Mirror left and right at random."""
    flip_vertical: bool | None = None
    """Mirror top and bottom at random."""
    rotation: float | None = Field(default=None, ge=0, le=180)
    """Turn at random, at most by so many degrees either way."""
    zoom: float | None = Field(default=None, ge=0, lt=1)
    """Make larger or smaller at random, at most by this share; 0.1 is a tenth."""
    brightness: float | None = Field(default=None, ge=0, lt=1)
    """Make brighter or darker at random, at most by this share."""
    contrast: float | None = Field(default=None, ge=0, lt=1)
    """Raise or lower the contrast at random, at most by this share."""
    noise: float | None = Field(default=None, ge=0, lt=1)
    """Add random noise to each time point of a recording, as a share of its channel's standard deviation."""
    scaling: float | None = Field(default=None, ge=0, lt=1)
    """Make the waves of a recording larger or smaller at random, at most by this share."""
    shift: float | None = Field(default=None, ge=0, lt=1)
    """Move a recording in time at random, at most by this share of its own length, either way."""
    views: int = Field(default=1, ge=1, le=64)
    """With a frozen backbone, which looks at each training image only once: how many versions of it are kept, the original and changed ones."""
    test_time: int = Field(default=1, ge=1, le=64)
    """Versions of each image whose scores are averaged when it is scored, the original and changed ones; steadier and slower."""


class TrainSettings(Settings):
    """The training loop of neural networks."""

    epochs: int = Field(default=50, ge=1, le=100_000)
    """How often the network goes through all training samples, at most; early stopping may end sooner."""
    early_stopping: bool = True
    """Stop when the loss on validation patients no longer falls; the best epoch is kept either way."""
    patience: int = Field(default=10, ge=1, json_schema_extra=only_when(early_stopping=True))
    """Epochs without a lower loss on validation patients before training stops."""
    batch_size: int = Field(default=32, ge=1)
    """Samples that the network looks at before each small correction of its weights."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    """How the weights are corrected; `adamw` suits most data."""
    learning_rate: float = Field(default=1e-3, gt=0, le=100, json_schema_extra=only_when(find_learning_rate=False))
    """Size of each correction, at the start or at the peak of a one-cycle schedule. Too large and the loss jumps, too small and it hardly falls."""
    find_learning_rate: bool = False
    """Choose the learning rate in each fold by trying many on its own training samples."""
    momentum: float = Field(default=0.9, ge=0, lt=1, json_schema_extra=only_when(optimizer="sgd"))
    """Share of the last correction that SGD keeps up."""
    weight_decay: float = Field(default=1e-4, ge=0)
    """How strongly weights are pulled towards zero, so that the network learns less by heart; decoupled in AdamW, an L2 penalty otherwise."""
    schedule: Literal["constant", "cosine", "onecycle"] = "cosine"
    """How the learning rate changes over the epochs: not at all, falling like a cosine, or up and down once."""
    clip_norm: float | None = Field(default=1.0, gt=0)
    """Longest correction that a single batch may ask for (norm of the gradient); longer ones are shortened to it. `null` switches that off."""
    class_weights: Literal["none", "balanced"] = "none"
    """Whether mistakes in rare classes count more (`balanced`); the probabilities are then no longer right as they stand, and the report says so."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """Whether every class is shown equally often (`balanced`); the probabilities are then no longer right as they stand, as with class weights."""

    @model_validator(mode="after")
    def _patience_can_act(self) -> "TrainSettings":
        if "patience" in self.model_fields_set and self.patience >= self.epochs:
            raise ValueError(f"patience={self.patience} can never act within epochs={self.epochs}; lower patience")
        return self

    def acting(self) -> dict[str, Any]:
        """As for all settings; a default patience longer than `epochs` cannot act and is left out."""
        record = super().acting()
        if self.patience >= self.epochs:
            record.pop("patience", None)
        return record


_VALUES = {  # what `threshold_value` is to each rule
    "sensitivity": "such as 0.95",
    "specificity": "such as 0.95",
    "cost": "such as 10 if a missed case is as bad as 10 false alarms",
    "net_benefit": "such as 0.1 if acting on one true alarm is worth 9 false ones",
    "fixed": "such as 0.5",
}


class EvaluationSettings(Settings):
    """How predictions are judged."""

    resamples: int = Field(default=2000, ge=100, le=1_000_000)
    """How often patients are drawn anew (bootstrap) to make an interval; more are steadier and slower."""
    level: float = Field(default=0.95, gt=0.5, lt=1)
    """How many of such intervals shall hold the truth, as a share: 0.95 are 95 % intervals."""
    interval: Literal["auto", "percentile", "bca"] = "auto"
    """How intervals are made. `auto`: DeLong for an AUROC, Wilson for a proportion, resampled patients, mostly by BCa, for the rest; `percentile`, `bca`: resampled patients for everything."""
    threshold: Literal["youden", "sensitivity", "specificity", "cost", "net_benefit", "fixed"] = "youden"
    """Rule for the score from which a patient counts as positive; applied to validation patients, then frozen."""
    threshold_value: float = Field(
        default=0.5,
        ge=0,
        json_schema_extra=only_when(threshold=tuple(_VALUES)),
    )
    """What the rule asks for: the sensitivity or specificity to reach on validation patients, the cost of a missed case in false alarms, the threshold probability of the net benefit, or the fixed threshold itself."""
    threshold_bound: Literal["estimate", "lower"] = Field(
        default="estimate", json_schema_extra=only_when(threshold=("sensitivity", "specificity"))
    )
    """What must reach that value on validation patients: the share found there, or, more carefully, the lower end of its interval."""
    prevalence: float | None = Field(default=None, gt=0, lt=1)
    """How common the condition is where the model will be used, as a share; gives predictive values there, and cost and net benefit weigh by it."""
    recalibrate: Literal["none", "temperature", "platt", "isotonic"] = "none"
    """Correct the scores so that 20 % means 20 out of 100, by a map fitted on the validation patients of each fold; the baseline's too."""
    baseline: bool = True
    """Also fit a simple model on the same patients and compare: the network has to beat it."""
    bands: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """Where a subgroup column that holds numbers, such as age, is cut into groups: `evaluation.bands.age=[45,65]`; by default into its thirds."""
    conformal: float | None = Field(default=0.9, gt=0.5, lt=1)
    """How often the prediction set, or the interval of a number, shall hold the truth, as a share; `null` makes none."""

    @model_validator(mode="after")
    def _bands_rise(self) -> "EvaluationSettings":
        for name, edges in self.bands.items():
            if not edges or any(low >= high for low, high in pairwise(edges)):
                raise ValueError(f"bands.{name} must be rising numbers, such as [45, 65]; found {list(edges)}")
        return self

    @model_validator(mode="after")
    def _target_is_named(self) -> "EvaluationSettings":
        rule, value = self.threshold, self.threshold_value
        if rule not in ("youden", "fixed") and "threshold_value" not in self.model_fields_set:
            raise ValueError(f"threshold={rule} needs threshold_value, {_VALUES[rule]}")
        certain = rule == "net_benefit" or self.threshold_bound == "lower"  # 1 is out of reach
        if rule == "cost" and not value > 0:
            raise ValueError(f"threshold_value must be greater than 0 with threshold=cost, {_VALUES[rule]}")
        if rule != "cost" and (value > 1 or (certain and not 0 < value < 1)):
            limits = "between 0 and 1" if certain else "at most 1"
            raise ValueError(
                f"threshold_value must be {limits} with threshold={rule}, {_VALUES[rule]}; it is {value:g}"
            )
        return self


class ExplainSettings(Settings):
    """What the report shows of what the model uses: columns of a table, places in images and recordings."""

    samples: int = Field(default=12, ge=0, le=200)
    """Tested samples that the report explains one by one; 0 switches explanations off."""
    method: Literal["auto", "grad-cam", "attention", "occlusion", "integrated-gradients"] = "auto"
    """How evidence in images, recordings and molecules is found; occlusion is always shown beside it. `auto`: attention for transformers of images, Grad-CAM for their other networks, integrated gradients for recordings and molecules."""


class ReferenceSettings(Settings):
    """What a run keeps of its patients, so that new ones can be held against them."""

    keep: Literal["latent", "inputs", "summaries", "nothing"] = "latent"
    """What the run keeps of its patients, to hold new ones against. `summaries`: counts of each column, means and covariances. `latent`: also the last hidden layer of some patients, if the model has one. `inputs`: also the prepared inputs of some patients, which can be read back. `nothing`: no monitoring."""
    samples: int = Field(default=500, ge=50, le=5000, json_schema_extra=only_when(keep=("latent", "inputs")))
    """How many samples are kept in this way, of whole patients."""
    unusual: float = Field(
        default=0.01, gt=0, lt=0.5, json_schema_extra=only_when(keep=("latent", "inputs", "summaries"))
    )
    """Share of samples like those of training that may be called unusual when they are predicted for."""


class DeviceSettings(Settings):
    """Where networks train."""

    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """What computes. `auto`: a graphics card (GPU) when there is one and the network is large enough to gain. Passed to Lightning Fabric."""
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true"
    """How exactly is computed; 16 bits are faster on a graphics card and seldom change results. Passed unchanged to Lightning Fabric."""
    threads: int | None = Field(default=None, ge=1, le=1024)
    """Processor cores at most; by default one for small layers, where more only wait for each other."""


class RunSettings(Settings):
    """Everything that `bedside train` was asked to do."""

    source: str | None = None
    """A built-in cohort, a table, a folder of images or recordings, or an array file."""
    family: str | None = None
    """Kind of model, a name printed by `bedside families`; by default `mlp` for tables, for images see `bedside families`."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Number that all chance follows from (folds, first weights, order, dropout, resampling): the same number gives the same run."""
    final: Literal["ensemble", "refit"] = "ensemble"
    """With several folds, the model that is kept. `ensemble`: the mean of those of the folds; `refit`: one more that learns from everybody and is tested on nobody."""
    null_runs: int | None = Field(default=None, ge=5, le=100_000)
    """Repeat everything so many times with the targets shuffled between patients: a pipeline without leaks then scores chance."""
    chosen_by: str | None = None
    """What chose the settings, for documents, such as "40 trials on other patients"; `bedside tune` writes it."""
    data: DataSettings = DataSettings()
    """Columns and file format."""
    folds: FoldSettings = FoldSettings()
    """Splits."""
    preparation: PreparationSettings = PreparationSettings()
    """Imputation, scaling and encoding; size of images, length of recordings."""
    augment: AugmentSettings = AugmentSettings()
    """Random changes of training images and recordings."""
    model: dict[str, Any] = Field(default_factory=dict)
    """Settings of the chosen family."""
    train: TrainSettings = TrainSettings()
    """The training loop; only for families that are neural networks."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """Metrics, intervals, threshold and baseline."""
    explain: ExplainSettings = ExplainSettings()
    """What the model uses."""
    reference: ReferenceSettings = ReferenceSettings()
    """What is kept of the patients for monitoring."""
    device: DeviceSettings = DeviceSettings()
    """CPU or GPU, precision and threads."""


def build(kind: type[Settings], values: dict[str, Any], *, prefix: str = "") -> Any:
    """Validate `values` as settings of class `kind`, with an error that names the setting and the nearest known one.

    Raises:
        SettingError: if a name is unknown, a value is out of range, or a setting cannot act.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise SettingError("; ".join(_explain(kind, problem, prefix) for problem in error.errors())) from None


def _explain(kind: type[Settings], problem: Any, prefix: str) -> str:
    """One pydantic problem as a sentence: where, what was found, what is needed."""
    place = ".".join(str(part) for part in problem["loc"] if not str(part).startswith("function-"))
    name = f"{prefix}{place}" or "settings"
    if problem["type"] == "extra_forbidden":
        owner: Any = kind
        for part in problem["loc"][:-1]:
            owner = owner.model_fields[part].annotation
        parent = name.rpartition(".")[0]
        known = [f"{parent}.{field}" if parent else field for field in owner.model_fields]
        if not parent and (homes := _homes(kind, place)):
            return f"Unknown setting '{name}'. Did you mean {' or '.join(homes)}?"
        listed = f"Known here: {', '.join(known)}." if known else "There is nothing to set here."
        return f"Unknown setting '{name}'.{nearest(name, known)} {listed}"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "tuple_type":
        message = "Input should be a list, such as [a, b]"
    found = "" if problem["type"] == "value_error" else f", not {problem['input']!r}"
    if name == prefix:  # a rule of the whole section, whose message begins with the setting
        return f"Setting {prefix}{message}."
    return f"Setting {name}: {message[0].lower() + message[1:]}{found}."


def _homes(kind: type[Settings], name: str) -> list[str]:
    """Full names of settings that are called so in a section."""
    sections = ((section, field.annotation) for section, field in kind.model_fields.items())
    return [
        f"{section}.{name}"
        for section, inner in sections
        if isinstance(inner, type) and issubclass(inner, Settings) and name in inner.model_fields
    ]


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """{"train.epochs": 3} -> {"train": {"epochs": 3}}: dotted names as `--set` takes them; others stay as they are."""
    layers = []
    for name, value in values.items():
        for part in reversed(name.split(".")):
            value = {part: value}
        layers.append(value)
    return merge(*layers)


def merge(*layers: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries laid over each other; later ones win key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            inner = (
                merge(merged[key] if both else {}, value) if isinstance(value, dict) else value
            )  # never the caller's own
            merged[key] = inner
    return merged


def parse_assignment(text: str) -> dict[str, Any]:
    """`train.epochs=80` -> {"train": {"epochs": 80}}; values are read as YAML, so lists and numbers work.

    Raises:
        SettingError: if there is no equals sign, no name, or the value is not YAML.
    """
    import yaml

    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name:
        raise SettingError(f"--set {text!r} is not a setting; write it as name=value, such as train.epochs=80.")
    try:
        parsed = yaml.safe_load(value)
        if isinstance(parsed, str):  # YAML 1.1 reads 1e-3 as text, people mean a number
            parsed = _number(parsed)
    except yaml.YAMLError:
        raise SettingError(f"--set {text!r}: {value!r} cannot be read; write lists as [128,64].") from None
    for part in reversed(name.split(".")):
        parsed = {part: parsed}
    return dict(parsed)


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def describe(kind: type[Settings], prefix: str = "") -> Iterator[dict[str, str]]:
    """One record per setting: name, type, range, default, meaning; for `bedside settings` and the documentation."""
    for name, field in kind.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Settings):
            yield from describe(nested, f"{prefix}{name}.")
            continue
        acts = "; ".join(f"only with {o} = {' or '.join(map(_plain, v))}" for o, v in conditions_of(field).items())
        default = field.get_default(call_default_factory=True)
        yield {
            "name": f"{prefix}{name}",
            "range": _range(field),
            "default": "" if default in (None, (), {}) else _plain(default),
            "meaning": " ".join(filter(None, [field.description or "", f"({acts})" if acts else ""])),
        }


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


def _range(field: FieldInfo) -> str:
    """Allowed values in words: choices, bounds, or the type."""
    from typing import get_args, get_origin

    annotation = field.annotation
    parts = [part for part in get_args(annotation) if part is not type(None)] or [annotation]
    if get_origin(annotation) is Literal:
        return " | ".join(str(choice) for choice in parts)
    if get_origin(annotation) is tuple:
        word = "list"
    elif get_origin(annotation) is dict:
        word = "lists of numbers by name" if get_args(annotation)[1] is not Any else "see `bedside families`"
    else:
        names = {int: "whole number", float: "number", str: "text", bool: "true | false"}
        word = names.get(parts[0], getattr(parts[0], "__name__", str(parts[0])))
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [f"{s} {getattr(m, a):,}" for m in field.metadata for a, s in signs.items() if hasattr(m, a)]
    return " ".join([word, ", ".join(bounds)]).strip()
