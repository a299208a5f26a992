"""Denoising diffusion by class: a network that takes noise out of images, and draws new ones by doing so again and again.

An image is drowned in noise step by step; the network is asked, at any step, what is noise and what is image, and is told the
class. An image that it tells apart from noise worse as one class than as another is less like that class: that difference is
its score (Li et al.), over the same noise for every image, so that an image always has the same. Drawing starts from noise alone.

The network gives the direction in which both are parted, the velocity. From it follow noise and image, at every step: from noise
alone nobody could tell how bright an image is, and images that are drawn then drift in brightness and colour (Lin et al.).

UNet and scheduler are those of the library diffusers.

Sources: Ho et al. 2020, arXiv:2006.11239 (denoising, its loss); Nichol & Dhariwal 2021, arXiv:2102.09672 (the cosine
schedule); Salimans & Ho 2022, arXiv:2202.00512 (the velocity); Lin et al. 2024, arXiv:2305.08891 (why); Song et al. 2021, arXiv:2010.02502 (drawing in few steps); Ho & Salimans 2022, arXiv:2207.12598 (the class left
away now and then, and guidance); Li et al. 2023, arXiv:2303.16203 (the classifier).
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from bedside.errors import SettingError
from bedside.models.generative import Generative, Judge, each_of
from bedside.settings import Settings

STEPS = 1000  # in which an image is drowned
GROUPS = 4  # of filters that are normalised together
EMPTY = 0.1  # share of training images whose class is left away
EARLY = 50  # the step at which images are looked at for their place among others: little noise, all detail


class DiffusionSettings(Settings):
    """The architecture, how closely it looks to score, and how it draws."""

    width: int = Field(default=32, ge=4, le=512, multiple_of=4)
    """Filters at full size; every further level has twice as many, at half the size."""
    levels: int = Field(default=3, ge=1, le=5)
    """Sizes at which the image is looked at; at the smallest its places also attend to each other."""
    blocks: int = Field(default=1, ge=1, le=4)
    """Residual blocks at each size on the way down; on the way up there is one more."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of features switched off at random in each training step."""
    looks: int = Field(default=8, ge=1, le=256)
    """Amounts of noise at which an image is compared with each class; more scores more evenly, in proportionally more time."""
    draw_steps: int = Field(default=40, ge=2, le=STEPS)
    """Steps from noise to a drawn image; more is finer, in proportionally more time."""
    guidance: float = Field(default=1.0, ge=1, le=10)
    """How far drawn images are pushed towards their class; above 1 they are more typical, less varied, and take twice the time."""


class Diffusion(Generative, nn.Module):
    """Normalised pixels (n, channels, size, size) -> logits, and drawn images of the same shape."""

    noise: Tensor
    moments: Tensor

    def __init__(self, shape: tuple[int, ...], n_outputs: int, settings: DiffusionSettings) -> None:
        super().__init__()
        channels, self.size = shape[0], shape[-1]
        self.judge = Judge(n_outputs)
        self.draw_steps, self.guidance = settings.draw_steps, settings.guidance
        lowest = 2 ** (settings.levels - 1)
        side = -(-self.size // lowest) * lowest  # halves without a rest
        self.padding = side - self.size
        library = _diffusers()
        widths = [settings.width * 2**k for k in range(settings.levels)]
        self.unet: Any = library.UNet2DModel(
            sample_size=side,
            in_channels=channels,
            out_channels=channels,
            layers_per_block=settings.blocks,
            block_out_channels=widths,
            down_block_types=[*["DownBlock2D"] * (settings.levels - 1), "AttnDownBlock2D"],
            up_block_types=["AttnUpBlock2D", *["UpBlock2D"] * (settings.levels - 1)],
            attention_head_dim=min(widths[-1], 16),
            norm_num_groups=GROUPS,
            dropout=settings.dropout,
            num_class_embeds=self.judge.classes + 1,  # the last one for a class that was not told
        )
        self._scheduler = library.DDIMScheduler(
            num_train_timesteps=STEPS,
            beta_schedule="squaredcos_cap_v2",
            clip_sample=False,
            timestep_spacing="trailing",
            prediction_type="v_prediction",
        )
        fixed = torch.Generator().manual_seed(0)
        self.register_buffer("noise", torch.randn(settings.looks, *shape, generator=fixed), persistent=False)
        middles = (torch.arange(settings.looks) + 0.5) / settings.looks  # of equal parts of the whole way
        self.register_buffer("moments", (middles * STEPS).long(), persistent=False)
        kept = self._scheduler.alphas_cumprod
        self.register_buffer("signal", kept.sqrt(), persistent=False)
        self.register_buffer("drowning", (1 - kept).sqrt(), persistent=False)

    @property
    def untold(self) -> int:
        """The class of images whose class is not told."""
        return self.judge.classes

    def noised(self, x: Tensor, noise: Tensor, moment: Tensor) -> Tensor:
        """Images (n, *shape) in noise (n, *shape) at some steps of the way (n,)."""
        signal, drowning = self._shares(x, moment)
        return signal * x + drowning * noise

    def velocity(self, x: Tensor, noise: Tensor, moment: Tensor) -> Tensor:
        """What the network is asked for, (n, *shape): the noise at the beginning of the way, minus the image at its end."""
        signal, drowning = self._shares(x, moment)
        return signal * noise - drowning * x

    def _shares(self, x: Tensor, moment: Tensor) -> tuple[Tensor, ...]:
        """By what image and noise are multiplied at some steps of the way (n,)."""
        return tuple(self.get_buffer(name)[moment].view(-1, 1, 1, 1).to(x.dtype) for name in ("signal", "drowning"))

    def guess(self, x: Tensor, moment: Tensor, label: Tensor) -> Tensor:
        """The velocity at images in noise (n, *shape), as the network sees it when it is told a class (n,)."""
        padded = F.pad(x, (0, self.padding, 0, self.padding))
        found: Tensor = self.unet(padded, moment, class_labels=label, return_dict=False)[0]
        return found[..., : self.size, : self.size]

    def loss(self, x: Tensor, label: Tensor) -> Tensor:
        """Mean squared error of the velocity, (n,): at one random step in training, with the class left away now and then;
        at fixed steps in fixed noise otherwise."""
        if not self.training:
            return -self.bound(x, label) / (0.5 * x[0].numel())
        noise = torch.randn_like(x)
        moment = torch.randint(STEPS, (len(x),), device=x.device)
        told = torch.where(torch.rand(len(x), device=x.device) < EMPTY, self.untold, label)
        wrong = (self.guess(self.noised(x, noise, moment), moment, told) - self.velocity(x, noise, moment)) ** 2
        return wrong.mean(dim=(1, 2, 3))

    def missed(self, x: Tensor, label: Tensor) -> Tensor:
        """Half the squared error of the velocity at each place and channel, mean over the fixed steps, (n, *shape)."""
        n, looks = x.shape[0], len(self.moments)
        noise = self.noise.to(x.dtype).expand(n, -1, -1, -1, -1).flatten(0, 1)
        moment, told = self.moments.expand(n, -1).flatten(), label[:, None].expand(-1, looks).flatten()
        each = x[:, None].expand(-1, looks, -1, -1, -1).flatten(0, 1)
        guess = self.guess(self.noised(each, noise, moment), moment, told)
        wrong = 0.5 * (guess - self.velocity(each, noise, moment)) ** 2
        return wrong.unflatten(0, (n, looks)).mean(dim=1)

    def bound(self, x: Tensor, label: Tensor) -> Tensor:
        """Minus half the squared error of the velocity, (n,): a bound of log p(x | class), up to a constant, whose steps are
        weighed otherwise, which ranks classes better than the bound itself (Li et al. 2023 weigh errors of the noise alike)."""
        return -self.missed(x, label).sum(dim=(1, 2, 3))

    def by_place(self, x: Tensor) -> Tensor:
        """How much each place speaks for each class, (n, classes, size, size): minus its errors, which add up to the bounds."""
        return -self._as_each_class(self.missed, x).sum(dim=2)

    def evidence(self, x: Tensor) -> Tensor:
        """See `Generative`; all classes are asked together."""
        return self._as_each_class(self.bound, x)

    def _as_each_class(self, said: Callable[[Tensor, Tensor], Tensor], x: Tensor) -> Tensor:
        """What is said of images (n, ...) as members of each class, (n, classes, ...)."""
        n, classes = x.shape[0], self.judge.classes
        label = torch.arange(classes, device=x.device).expand(n, -1).flatten()
        found = said(x[:, None].expand(-1, classes, -1, -1, -1).flatten(0, 1), label)
        return found.unflatten(0, (n, classes))

    def embed(self, x: Tensor) -> Tensor:
        """What the network makes of an image at its smallest size, mean over the places, (n, width), with no class told."""
        heard: list[Tensor] = []
        listener = self.unet.mid_block.register_forward_hook(lambda _, __, found: heard.append(found))
        try:
            signal = self.get_buffer("signal")[EARLY].to(x.dtype)
            self.guess(x * signal, each_of(x, EARLY), each_of(x, self.untold))
        finally:
            listener.remove()
        return heard[0].mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits(x)

    def draw(self, label: Tensor, random: torch.Generator) -> Tensor:
        """See `Generative`."""
        return self.way(label, random)[-1]

    @torch.no_grad()
    def way(self, label: Tensor, random: torch.Generator, kept: int = 1) -> list[Tensor]:
        """Images of the given classes while they are drawn, (n, *shape) each: some moments, evenly from noise to the last one."""
        x, scheduler = torch.randn(len(label), *self.noise.shape[1:], generator=random), self._scheduler
        x = x.to(self.noise.device)
        scheduler.set_timesteps(self.draw_steps)
        steps = [x]
        for moment in scheduler.timesteps:
            now = moment.to(x.device).expand(len(x))
            found = self.guess(x, now, label)
            if self.guidance > 1:
                plain = self.guess(x, now, torch.full_like(label, self.untold))
                found = plain + self.guidance * (found - plain)
            x = scheduler.step(found, moment, x).prev_sample
            steps.append(x)
        places = torch.linspace(0, len(steps) - 1, kept).round().long() if kept > 1 else [-1]
        return [steps[int(k)] for k in places]


def _diffusers() -> Any:
    """The library, which must not look anything up on the network.

    Raises:
        SettingError: if it is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import_module("bedside._torchvision")  # before diffusers, which imports torchvision
    try:
        return import_module("diffusers")
    except ImportError:
        raise SettingError("Diffusion models need the library diffusers: pip install 'bedside[generative]'") from None


def build(shape: tuple[int, ...], n_outputs: int, settings: DiffusionSettings) -> nn.Module:
    return Diffusion(shape, n_outputs, settings)
