"""What every network for images has in common: maps, then an embedding, then the last layer."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn


class Classifier(nn.Module):
    """A backbone that sees, and a last layer that decides.

    `seen` does nothing; explanations listen there to what the decision reads, one listener for each level.
    """

    def __init__(self, width: int, n_outputs: int, dropout: float, *, n_levels: int = 1) -> None:
        super().__init__()
        self._head = (width, n_outputs, dropout)
        self.seen = nn.ModuleList(nn.Identity() for _ in range(n_levels))
        self.head = self.new_head()

    def new_head(self) -> nn.Sequential:
        """A last layer with initial weights of its own: a vector (n, width) -> logits (n, n_outputs)."""
        width, n_outputs, dropout = self._head
        # Backbones differ in how large their features are; normalised, one learning rate suits the heads of all.
        scaled = nn.LayerNorm(width, elementwise_affine=False)
        return nn.Sequential(scaled, nn.Dropout(dropout), nn.Linear(width, n_outputs))

    def maps(self, x: Tensor) -> Tensor:
        """Normalised pixels (n, channels, size, size) -> features by place; their shape is the backbone's own."""
        raise NotImplementedError

    def pool(self, maps: Tensor) -> Tensor:
        """Features by place -> one vector per image (n, width)."""
        raise NotImplementedError

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """Everything by place that the decision reads, the deepest last."""
        return (self.maps(x),)

    def read(self, levels: Sequence[Tensor]) -> Tensor:
        """What `levels` gives -> the vector that the last layer reads, (n, width)."""
        return self.pool(levels[-1])

    def embed(self, x: Tensor) -> Tensor:
        """Normalised pixels -> the vector that the last layer reads, (n, width)."""
        return self.read([listener(level) for listener, level in zip(self.seen, self.levels(x), strict=True)])

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
