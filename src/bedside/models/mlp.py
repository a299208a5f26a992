"""Multilayer perceptron: layers of neurons, each a weighted sum followed by an activation.

Source: Gorishniy et al. 2021, arXiv:2106.11959, section 3.1 (the MLP that is hard to beat on tables).
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from bedside.settings import Settings

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
}
NORMALISATIONS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


class MLPSettings(Settings):
    """The architecture: what the course asks to vary."""

    hidden: tuple[Annotated[int, Field(ge=1, le=100_000)], ...] = (64, 64)
    """Neurons in each hidden layer, such as 64, 64; none (`[]`) makes it logistic or linear regression."""
    activation: Literal["relu", "tanh", "sigmoid", "gelu", "leaky_relu", "elu"] = "relu"
    """The bend after each hidden layer, without which the network could draw straight lines only."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of neurons switched off at random in each training step, so that the network relies on none of them alone."""
    normalisation: Literal["none", "batch", "layer"] = "none"
    """Bring each hidden layer to one scale, over the samples of a batch or over its neurons."""

    start: Literal["random", "autoencoder"] = "random"
    """Random first weights, or hidden layers that first learned to give back the training samples, without the target."""

    @model_validator(mode="after")
    def _layers_can_act(self) -> "MLPSettings":
        idle = sorted(self.model_fields_set - {"hidden"})
        if not self.hidden and idle:
            raise ValueError(f"{' and '.join(idle)} has no effect without a hidden layer (hidden=[])")
        return self

    def acting(self) -> dict[str, Any]:
        """As for all settings; without a hidden layer nothing else acts."""
        return super().acting() if self.hidden else {"hidden": []}


class MLP(nn.Module):
    """Input, hidden layers, output."""

    def __init__(self, n_inputs: int, n_outputs: int, settings: MLPSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = n_inputs
        for neurons in settings.hidden:
            # Batch normalisation takes the mean away, and a bias before it with it.
            layers.append(nn.Linear(width, neurons, bias=settings.normalisation != "batch"))
            if settings.normalisation != "none":
                layers.append(NORMALISATIONS[settings.normalisation](neurons))
            layers.append(ACTIVATIONS[settings.activation]())
            if settings.dropout > 0:
                layers.append(nn.Dropout(settings.dropout))
            width = neurons
        self.hidden = nn.Sequential(*layers)
        self.output = nn.Linear(width, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Prepared features (batch, n_inputs) -> logits (batch, n_outputs)."""
        return self.output(self.hidden(x))


def build(shape: tuple[int, ...], n_outputs: int, settings: MLPSettings) -> nn.Module:
    return MLP(shape[0], n_outputs, settings)
