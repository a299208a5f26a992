"""The exercises of notebook 02 answer the right solution, typical mistakes, and gaps."""

import numpy as np
import pytest
import torch
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split
from torch import nn

from bedside import learn
from bedside.models.backbone import load_timm
from bedside.models.pretrained import load_weights
from course_answers import hints, remarks

NAME = "tf_efficientnet_lite0"
timm = load_timm()


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_group(labels, groups):
    five = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    parts = [rows for _, rows in five.split(labels, labels, groups)]
    return np.concatenate(parts[2:]), parts[1], parts[0]


def by_picture(labels, groups):
    rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    train, valid = train_test_split(rest, test_size=0.25, stratify=labels[rest], random_state=0)
    return train, valid, test


def test_from_all(labels, groups):
    train, valid, test = by_group(labels, groups)
    return np.concatenate([train, test]), valid, test


test_from_all.__test__ = False


def training_forgotten(labels, groups):
    five = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    parts = [rows for _, rows in five.split(labels, labels, groups)]
    return parts[2], parts[1], parts[0]


def class_by_class(labels, groups):
    order = np.argsort(labels * 1000 + groups, kind="stable")
    return order[:108], order[108:144], order[144:]


class TestSplit:
    def test_the_right_one_passes(self):
        assert learn.check("02.4", by_group).right

    @pytest.mark.parametrize(
        ("made", "said"),
        [
            (by_picture, "Pictures of one lesion are in two parts"),
            (test_from_all, "Some rows are in two parts"),
            (training_forgotten, "rows are in no part"),
            (class_by_class, "The classes are not shared evenly"),
            (lambda labels, groups: by_group(labels, groups)[:2], "It gives 2 parts"),
            (lambda labels, groups: by_group(labels, groups)[::-1], "Training is not the largest part"),
            (lambda labels, groups: [labels > 2] * 3, "Not every part is a list of row numbers"),
            (lambda labels, groups: None, "The function gives nothing back"),
        ],
    )
    def test_each_mistake_has_its_remark(self, made, said):
        assert said in remarks(learn.check("02.4", made), right=False)

    def test_groups_without_classes_are_a_matter_of_luck_but_never_shared(self):
        def only_groups(labels, groups):
            rest, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(labels, labels, groups))
            train, valid = next(GroupShuffleSplit(1, test_size=0.25, random_state=0).split(rest, None, groups[rest]))
            return rest[train], rest[valid], test

        assert "No lesion is in two parts" in remarks(learn.check("02.4", only_groups), right=True)


class Net(nn.Module):
    """Right by default; each mistake is a class attribute."""

    weights, order, keeps_old, softmax, stays, ignores = "pretrained", "freeze first", False, False, True, False

    def __init__(self, n_outputs, freeze=True):
        super().__init__()
        self.freeze = (freeze or self.ignores) and self.order != "never"
        self.backbone = timm.create_model(NAME)
        load_weights(self.backbone, NAME, self.weights)
        width = self.backbone.num_features
        if not self.keeps_old:
            self.backbone.reset_classifier(0)
        self.last = nn.Identity() if self.keeps_old else nn.Linear(width, n_outputs)
        if self.freeze:
            for weight in (self if self.order == "freeze last" else self.backbone).parameters():
                weight.requires_grad = False

    def train(self, mode=True):
        super().train(mode)
        if self.freeze and self.stays:
            self.backbone.eval()
        return self

    def forward(self, x):
        said = self.last(self.backbone(x))
        return said.softmax(dim=1) if self.softmax else said


class TestNetwork:
    def test_the_right_one_passes(self):
        answer = learn.check("02.6", Net)
        assert answer.right
        assert "Frozen: 3,843 of" in remarks(answer, right=True)  # 1,280 features for 3 classes, and 3 biases

    @pytest.mark.parametrize(
        ("mistake", "said"),
        [
            ({"keeps_old": True}, "the shape (2, 1000), not (2, 3)"),
            ({"softmax": True}, "The outputs are probabilities already"),
            ({"weights": "none"}, "The backbone's weights are not the pretrained ones"),
            ({"order": "freeze last"}, "Nothing trains: the new last layer is frozen too"),
            ({"order": "never"}, "With freeze=True 3"),
            ({"stays": False}, "batch normalisation still takes the means"),
            ({"ignores": True}, "With freeze=False"),
        ],
    )
    def test_each_mistake_has_its_remark(self, mistake, said):
        answer = learn.check("02.6", type("Mistaken", (Net,), mistake))
        assert said in remarks(answer, right=False)
        assert "self.last =" not in hints(answer)

    def test_a_gap_is_named(self):
        assert "gap" in remarks(learn.check("02.6", ...), right=False)


def learned(model):
    """One step on noise, as training would do."""
    optimiser = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.1)
    model.train()
    nn.CrossEntropyLoss()(model(torch.randn(4, 3, 64, 64)), torch.tensor([0, 1, 0, 1])).backward()
    optimiser.step()
    return model


@pytest.fixture(scope="module")
def trained():
    """Frozen, unfrozen, and frozen except for the means of batch normalisation."""
    moving = type("Moving", (Net,), {"stays": False})
    return learned(Net(2, freeze=True)), learned(Net(2, freeze=False)), learned(moving(2, freeze=True))


class TestFrozen:
    def test_the_right_pair_passes(self, trained):
        assert learn.check("02.10", trained[0], trained[1]).right

    def test_two_frozen_ones_are_seen(self, trained):
        answer = learn.check("02.10", trained[0], trained[0])
        assert "changed no weight of the backbone of the unfrozen network" in remarks(answer, right=False)

    def test_the_wrong_order_is_seen(self, trained):
        assert "Hand over the frozen network first" in hints(learn.check("02.10", trained[1], trained[0]))

    def test_moving_statistics_are_seen(self, trained):
        answer = learn.check("02.10", trained[2], trained[1])
        assert "its batch normalisation has taken the means" in remarks(answer, right=False)

    def test_another_network_is_seen(self):
        assert "none of timm's" in remarks(learn.check("02.10", nn.Linear(1, 1), nn.Linear(1, 1)), right=False)


def resnet(name, n_outputs, layer="fc", width=None, fixed=None, freeze=False):
    network = timm.create_model(fixed or name)
    if freeze:
        for weight in network.parameters():
            weight.requires_grad = False
    setattr(network, layer, nn.Linear(width or network.num_features, n_outputs))
    return network


class TestResNet:
    def test_the_right_one_passes(self):
        assert learn.check("02.11", resnet).right

    @pytest.mark.parametrize(
        ("mistake", "said"),
        [
            ({"layer": "classifier"}, "the shape (2, 1000), not (2, 4)"),
            ({"width": 512}, "resnet10t works and resnet26 does not"),
            ({"fixed": "resnet10t"}, "the name makes no difference"),
            ({"freeze": True}, "Some weights are frozen, and they are random"),
        ],
    )
    def test_each_mistake_has_its_remark(self, mistake, said):
        answer = learn.check("02.11", lambda name, n_outputs: resnet(name, n_outputs, **mistake))
        assert said in remarks(answer, right=False)

    def test_a_gap_is_seen(self):
        assert "gives nothing back" in remarks(learn.check("02.11", lambda name, n_outputs: None), right=False)


class TestBreeds:
    NAMES = np.array(["pug", "Bengal", "pug", "beagle"])
    CODES = np.array([2, 0, 2, 1])

    @staticmethod
    def flat(n):
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, n))

    def test_the_right_labels_pass(self):
        assert learn.check("02.12", self.CODES, self.flat(3), self.NAMES).right
        assert learn.check("02.12", torch.tensor(self.CODES), self.flat(3), self.NAMES).right

    @pytest.mark.parametrize(
        ("codes", "outputs", "said"),
        [
            (NAMES, 3, "The labels are <U6"),
            (np.array([1, 0, 1, 1]), 3, "The labels do not stand for the 3 breeds"),
            (np.array([3, 1, 3, 2]), 3, "The labels go from 1 to 3"),
            (CODES, 2, "The network has 2 outputs"),
        ],
    )
    def test_each_mistake_has_its_remark(self, codes, outputs, said):
        assert said in remarks(learn.check("02.12", codes, self.flat(outputs), self.NAMES), right=False)


class TestMedical:
    PATIENTS = np.array(["a", "a", "b", "b", "c", "c"])

    def test_a_trained_network_on_separate_patients_passes(self):
        model = learned(TestBreeds.flat(2))
        assert learn.check("02.13", [0, 1], [2, 3], [4, 5], self.PATIENTS, model, 2).right

    def test_gradients_may_be_forgotten_after_the_last_step(self):
        model = TestBreeds.flat(2)
        optimiser = torch.optim.Adam(model.parameters())
        for _ in range(8):
            model(torch.randn(2, 3, 64, 64)).sum().backward()
            optimiser.step()
            optimiser.zero_grad()
        assert learn.check("02.13", [0, 1], [2, 3], [4, 5], self.PATIENTS, model, 2).right

    def test_each_mistake_has_its_remark(self):
        answer = learn.check("02.13", [0, 2], [1, 3], [4, 5], self.PATIENTS, TestBreeds.flat(2), 2)
        assert "Images of one patient are in two parts" in remarks(answer, right=False)
        assert "has not been trained" in remarks(answer, right=False)
        answer = learn.check("02.13", [0, 1], [2, 3], [], self.PATIENTS, TestBreeds.flat(2), 2)
        assert "No part is empty" in repr(answer)
        answer = learn.check("02.13", [0, 1], [2, 3], [4, 5], self.PATIENTS, TestBreeds.flat(3), 2)
        assert "has 3 outputs for 2 classes" in remarks(answer, right=False)
