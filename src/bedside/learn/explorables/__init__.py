"""The explorables: small figures to play with, each with one idea, what to notice, and something to try.

One line of this table, one module that computes (`<name>.py`) and one that draws (`static/<name>.js`) make an
explorable. Whatever is computed is computed by the parts of bedside that train and judge models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from bedside.errors import SettingError, nearest


@dataclass(frozen=True)
class Explorable:
    """What stands around the figure: plain words, for people who have never seen a formula."""

    number: int
    name: str
    title: str
    idea: str
    notice: str
    try_this: str

    @property
    def actions(self) -> dict[str, Callable[[Any], dict[str, Any]]]:
        """What the page can ask for: functions from settings to plain values."""
        found: dict[str, Callable[[Any], dict[str, Any]]] = import_module(
            f"bedside.learn.explorables.{self.name}"
        ).ACTIONS
        return found


_ALL = (
    Explorable(
        1,
        "neuron",
        "One neuron",
        "A neuron multiplies each feature by a weight, adds a bias, and turns the sum into a probability: a line between two groups of patients.",
        "The weights turn the line, the bias shifts it, and their size decides how sure the neuron is on either side.",
        "Bring the loss below 0.3 by hand; then let it learn, and see how near you were.",
    ),
    Explorable(
        2,
        "activations",
        "Activation functions",
        "Between two layers, an activation bends what passes through. Its derivative decides how much of the error comes back.",
        "Without activations every layer draws straight lines, and a network of six layers is one straight line too.",
        "Choose six layers, remove the activations, and compare the loss with that of the best line. Then bring them back.",
    ),
    Explorable(
        3,
        "playground",
        "Playground",
        "Each neuron draws a line; each layer combines what the layer before it drew. Training moves all lines at once.",
        "Neurons of the first layer see lines only, later ones shapes. When the validation loss rises while the training loss falls, the network learns patients by heart.",
        "Take “both extremes are ill”: one hidden layer of two neurons cannot close a ring, four can. Then give the two spirals three layers of eight. Do real patients need as many?",
    ),
    Explorable(
        4,
        "backpropagation",
        "Five steps of learning",
        "Error, backward, gradient, update, new error: all that a network does when it learns, with every number, for one patient.",
        "What is sent back first is the probability minus the truth; every other number follows from it by multiplication.",
        "Go round three times and watch the loss. Then set the learning rate to 5: how far does one round bring you now?",
    ),
    Explorable(
        5,
        "losses",
        "Losses",
        "A loss says how wrong predictions are; its gradient says where each prediction should move, and how urgently.",
        "For both cross-entropies the arrow is the truth minus the probability: never longer than 1. For the squared error it grows without end.",
        "Make one prediction confidently wrong and compare its loss with the others. Then let the arrows push all of them.",
    ),
    Explorable(
        6,
        "landscape",
        "Loss landscape",
        "Every pair of weights has a loss: a landscape. Training is a walk downhill, and the learning rate is the length of the steps.",
        "Too small: it creeps. Right: it arrives. Too large: each step jumps across the valley and lands higher than before.",
        "On the valley, raise the learning rate until the walk zigzags, then a little more. Then put the momentum in.",
    ),
    Explorable(
        7,
        "convolution",
        "Convolution",
        "A filter is nine weights. It slides over the image; at each place the nine pixels below it are multiplied by the weights and added up to one number of a new image.",
        "The same nine weights work at every place: the filter answers wherever its pattern is, and says nothing where the image is even. Beyond the border all pixels count as 0, which looks like an edge.",
        "Choose “All edges”, then change the weight in the middle from 8 to 16: the weights no longer add up to 0, and the image comes back, sharpened.",
    ),
    Explorable(
        8,
        "pooling",
        "Pooling",
        "Pooling keeps one number of each window of an image, its largest or its mean, so that the next layer has less to look at.",
        "When the image moves by a whole stride, the output moves by one cell and is otherwise the same. In between, the numbers themselves change.",
        "Move the image by 1, 2, 3 and 4 pixels with window and stride 4: at 4, nothing is left after moving the output back. Then lower the stride to 1, where every shift is a whole one.",
    ),
    Explorable(
        9,
        "inside",
        "Inside a convolutional network",
        "Each layer of a network turns the maps of the layer before it into new ones. A map shows where in the image one filter finds what it has learnt to look for.",
        "Early maps look like the image: edges, colours, brightness. Later ones are coarse: they say where something is, no longer how it looks.",
        "Go from the first to the last layer with the same image, then change the image: which maps of the last layer follow the lesion, and which its surroundings?",
    ),
    Explorable(
        10,
        "latent",
        "Latent space by epoch",
        "Before its last layer a network turns each patient into a list of numbers, a point in its latent space. Learning moves the points, until the last layer can separate the classes.",
        "None of these patients was trained on. Patients whom the network gets wrong lie among those of the other class: to it, they look alike.",
        "Run through the epochs, then choose a point that ends up on the wrong side and see who it is.",
    ),
    Explorable(
        11,
        "threshold",
        "Threshold and prevalence",
        "A model gives a score; a threshold makes a decision of it. What an alarm means then depends on how common the disease is.",
        "Prevalence leaves sensitivity and specificity where they are, but changes what an alarm is worth: among few ill patients most alarms are false.",
        "Set the prevalence to 1 %, as in screening. Then raise the threshold until fewer than five false alarms are left, and count the ill patients who are missed.",
    ),
    Explorable(
        12,
        "split",
        "Patient split or image split",
        "The same model and the same images, tested in two ways: images dealt at random, or patients. Only one of the two numbers holds for new patients.",
        "Images of one patient resemble each other. If some of them train the model and others test it, it can pass by recognising the patient.",
        "Set the disease signal to 0: there is nothing to learn any more, and the image split still promises a good model.",
    ),
    Explorable(
        13,
        "shortcut",
        "Shortcut",
        "A ruler is laid beside some lesions. The more often it goes with the diagnosis, the more a network learns the ruler instead of the lesion, because that is easier.",
        "Tested where the rulers are dealt as in training, the network seems to become better. Where they are dealt by chance, it becomes worse, and its evidence walks from the lesion to the ruler.",
        "Go to 100 %: what does the network say of the same malignant lesion with and without the ruler?",
    ),
    Explorable(
        14,
        "family_album",
        "The family album",
        "Eight kinds of learning machines. They differ in what goes in, what comes out, and what they take for granted about the data.",
        "The first six give an answer about a case. An autoencoder and a generative model learn what the data themselves look like.",
        "Open classic learning and go from logistic regression to boosting to a deep network: the same patients, three different borders.",
    ),
)

EXPLORABLES = {one.name: one for one in _ALL}


def explorable(name: str) -> Explorable:
    """The explorable of that name.

    Raises:
        SettingError: there is none; the nearest names are suggested.
    """
    if name not in EXPLORABLES:
        raise SettingError(
            f"There is no explorable '{name}'.{nearest(name, EXPLORABLES)} There are: {', '.join(EXPLORABLES)}."
        )
    return EXPLORABLES[name]
