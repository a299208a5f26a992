"""What every network for images has in common: maps, then an embedding, then the last layer."""

from collections.abc import Iterator

from torch import Tensor, nn


class Classifier(nn.Module):
    """A backbone that sees, and a last layer that decides.

    `seen` does nothing; explanations listen there to what the backbone saw.
    """

    def __init__(self, width: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.seen = nn.Identity()
        # Backbones differ in how large their features are; normalised, one learning rate suits the heads of all.
        scaled = nn.LayerNorm(width, elementwise_affine=False)
        self.head = nn.Sequential(scaled, nn.Dropout(dropout), nn.Linear(width, n_outputs))

    def maps(self, x: Tensor) -> Tensor:
        """Normalised pixels (n, channels, size, size) -> features by place; their shape is the backbone's own."""
        raise NotImplementedError

    def pool(self, maps: Tensor) -> Tensor:
        """Features by place -> one vector per image (n, width)."""
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """Normalised pixels -> the vector that the last layer reads, (n, width)."""
        return self.pool(self.seen(self.maps(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pixels (n, channels, size, size) -> logits (n, n_outputs)."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def grid(self, maps: Tensor) -> Tensor:
        """Features by place as (n, channels, rows, columns), whatever the backbone's own shape is."""
        return maps

    def stages(self) -> list[list[nn.Parameter]]:
        """Weights of the backbone from the first stage to the last, then those of the last layer."""
        raise NotImplementedError

    def rates(self) -> Iterator[tuple[list[nn.Parameter], float]]:
        """Weights that train, and the share of the learning rate that each group of them takes."""
        yield [weight for weight in self.parameters() if weight.requires_grad], 1.0

    def train(self, mode: bool = True) -> "Classifier":
        """As usual, but what is frozen stays as it is: no dropout, no new statistics of batch normalisation."""
        super().train(mode)
        if mode:
            for module in self.modules():
                weights = list(module.parameters())
                if weights and not any(weight.requires_grad for weight in weights):
                    module.eval()
        return self
