"""The members of the family album in plain words, and what they are called in bedside."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A kind of machine in plain words; `families` are its names in bedside, where it has any."""

    key: str
    name: str
    goes_in: str
    comes_out: str
    granted: str
    medicine: str
    families: tuple[str, ...] = ()
    live: bool = False


MEMBERS = (
    Member("classic", "Classic learning", "A row of a table: numbers that people chose to measure.", "A probability, a class or a number.",
           "That the columns mean something by themselves. It learns from few patients, and is hard to beat on tables.",
           "A risk from age, blood pressure and laboratory values.", ("logistic", "forest", "boosting"), True),
    Member("deep", "Deep network", "Numbers again: a row of a table.", "A probability, a class or a number.",
           "That useful combinations of columns can be built up layer by layer, each a weighted sum with a bend.",
           "The same questions; it pays with many patients, or as the last part of other machines.", ("mlp",), True),
    Member("cnn", "Convolutional network", "An image, pixel by pixel.", "A probability; or a map that says where.",
           "That neighbouring pixels belong together, and that a pattern is the same wherever it lies.",
           "Skin lesions, X-rays, slides of tissue.", ("cnn", "resnet18", "tf_efficientnet_lite0"), True),
    Member("rnn", "Recurrent network", "A sequence, one step after the other.", "An answer at the end, or one after every step.",
           "That order matters, and that what came before fits into a memory that is carried along.",
           "Heart rhythm, vital signs on a ward, visits over years.", ("lstm", "gru"), True),
    Member("transformer", "Transformer", "Pieces: words of a text, or patches of an image.", "A new meaning for every piece; the next word; a class.",
           "Little: every piece may attend to every other. So it takes much data, and must be told where each piece stands.",
           "Reports and letters, protein sequences, images in patches.", ("vit_small_patch16_224",), True),
    Member("graph", "Graph network", "Things and the links between them.", "An answer about each thing, each link, or the whole.",
           "That linked things tell each other something, and that it does not matter in which order they are listed.",
           "Molecules, cells in a tissue, spread of an infection between wards.", ("gin", "gcn", "graph-transformer"), True),
    Member("autoencoder", "Autoencoder", "Any data, such as an image.", "The same data again, through a narrow waist.",
           "That a few numbers are enough to describe a case. Nobody has to say what is ill.",
           "Removing noise, finding the unusual case, a map of all patients.", ("autoencoder", "vae"), True),
    Member("generative", "Generative model", "Chance, and sometimes a wish in words.", "New data that look like those it learnt from.",
           "That the data it saw show all that there is. It can also give back images that it learnt from (arXiv:2301.13188).",
           "Computer-made patients and images for teaching and for testing software, drafts of reports.", ("tvae", "diffusion"), True),
)  # fmt: skip
