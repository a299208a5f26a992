"""One lesion on a canvas of its own: its outline, its pigment and the structures a dermatoscope shows.

Colours come from what absorbs the light: melanin (light brown to black), blood (red), melanin deep in the dermis
(blue-grey), and scarred tissue that has lost its pigment (white). Of the four true features, asymmetry shapes outline
and pigment, border the edge, colours the palette, and the diameter the size; the structures in between (network,
globules, no structure) are drawn for every lesion alike.
"""

from dataclasses import dataclass

import numpy as np

from bedside.data.dermoscopy.canvas import REFERENCE_MM, noise, sigmoid, spots

# Optical density of one unit in red, green and blue.
MELANIN = np.array([0.50, 0.82, 1.10], dtype=np.float32)
BLOOD = np.array([0.05, 0.62, 0.42], dtype=np.float32)
DEEP = np.array([1.0, 0.84, 0.62], dtype=np.float32)  # red light reaches deep melanin, blue is scattered back
BESIDE_BROWN = ("red", "black", "blue-grey", "white")


@dataclass(frozen=True)
class Traits:
    """The true features of a lesion: asymmetry and border irregularity 0..1, number of colours 1..6, diameter in mm."""

    asymmetry: float
    border: float
    colours: int
    diameter_mm: float


@dataclass(frozen=True)
class Lesion:
    """A painted lesion of the given diameter. `layers` is (n, n, 5): optical density in red, green and blue, white
    haze 0..1, and the outline (above 0.5 inside)."""

    layers: np.ndarray
    pixels_per_mm: float
    diameter_mm: float


def paint(rng: np.random.Generator, traits: Traits, size: int) -> Lesion:
    """Paint a lesion at the resolution of images with `size` pixels a side."""
    scale = size / REFERENCE_MM
    half = 0.82 * traits.diameter_mm + 1.0  # no outline reaches farther, and its edge fades within a millimetre
    n = int(np.ceil(2 * half * scale))
    axis = ((np.arange(n, dtype=np.float32) + 0.5) / n * 2 - 1) * np.float32(half)
    x, y = np.broadcast_to(axis, (n, n)), np.broadcast_to(axis[:, None], (n, n))
    depth, angle = _outline(rng, traits, x, y, 2 * half)
    inside = _edge(rng, traits, depth, angle)
    radius = traits.diameter_mm / 2
    tilt = _tilt(rng, traits, x / radius, y / radius)
    regions = _palette(rng, traits, depth / radius, tilt, 2 * half)
    pigment = _structure(rng, depth, 2 * half, scale, 0.45 + 0.3 * traits.asymmetry) * _shading(
        rng, depth, tilt, radius
    )
    strength = np.float32(0.55 * np.exp(0.25 * rng.standard_normal()))
    absent = np.zeros_like(pigment)
    melanin = strength * pigment * (1 + 1.6 * regions.get("dark brown", absent)) + 3.2 * regions.get("black", absent)
    melanin += _dots(rng, traits, depth, scale, regions.get("black"))
    white, blue = regions.get("white", absent), regions.get("blue-grey", absent)
    melanin *= (1 - 0.75 * white) * (1 - 0.3 * blue)
    blood = 0.2 + 1.2 * regions.get("red", absent) + 0.15 * white
    density = np.empty((n, n, 3), dtype=np.float32)
    for c in range(3):
        density[..., c] = inside * (melanin * MELANIN[c] + blood * 0.4 * BLOOD[c] + 0.95 * blue * DEEP[c])
    haze = inside * np.clip(0.2 * blue + 0.38 * white, 0, 1) * (0.75 + 0.35 * np.clip(pigment, 0, 1.5))
    layers = np.dstack([density, haze, sigmoid(depth * 8)]).astype(np.float32)
    return Lesion(layers, n / (2 * half), traits.diameter_mm)


def _outline(
    rng: np.random.Generator, traits: Traits, x: np.ndarray, y: np.ndarray, side: float
) -> tuple[np.ndarray, np.ndarray]:
    """Depth below the outline in mm (negative outside) and angle, both (n, n)."""
    theta = np.linspace(-np.pi, np.pi, 721)
    phase = rng.uniform(-np.pi, np.pi, 64)
    long = rng.uniform(0.04, 0.2)
    r = 1 + long * np.cos(2 * (theta - phase[0]))
    r += traits.asymmetry * 0.16 * np.cos(3 * theta + phase[1])
    r += traits.asymmetry * rng.uniform(0.4, 0.65) * np.exp(3.5 * (np.cos(theta - phase[2]) - 1))
    r -= traits.asymmetry * rng.uniform(0.15, 0.35) * np.exp(9 * (np.cos(theta - phase[3]) - 1))
    for k in range(4, 16):
        r += (0.006 + traits.border * 0.06) * rng.normal() * (4 / k) * np.cos(k * theta + phase[k])
    r += _streaks(rng, traits, theta, phase)
    r = np.maximum(r, 0.3)
    r *= traits.diameter_mm / 2 / np.sqrt(np.mean(r[:-1] ** 2))  # a circle of the same area has the diameter asked for
    angle = np.arctan2(y, x)
    wobble = (0.06 + 0.2 * traits.border) * noise(rng, len(x), side / 0.9)
    wobble += (0.05 + 0.07 * traits.border) * noise(rng, len(x), side / 0.35)
    place = (angle + np.float32(np.pi)) * np.float32(720 / (2 * np.pi))
    first = np.minimum(place.astype(np.int32), 719)
    table = r.astype(np.float32)
    reach = table[first] + (place - first.astype(np.float32)) * (table[first + 1] - table[first])
    return reach - np.sqrt(x * x + y * y) + wobble, angle


def _streaks(rng: np.random.Generator, traits: Traits, theta: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Fingers of pigment that leave an irregular edge in one or two sectors; lengths as a share of the radius."""
    fingers = np.maximum(0, np.cos(int(rng.integers(22, 34)) * theta + 2 * np.cos(3 * theta + phase[40]))) ** 2
    sector = np.exp(rng.uniform(3, 8) * (np.cos(theta - phase[41]) - 1))
    return max(0.0, traits.border - 0.45) * 0.34 * fingers * sector


def _edge(rng: np.random.Generator, traits: Traits, depth: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Share of the pigment that is there, 0..1: fading evenly, or with an irregular border abrupt here and soft there."""
    even = rng.uniform(0.16, 0.3)
    change = 0.75 * traits.border * np.cos(int(rng.integers(1, 4)) * angle + rng.uniform(-np.pi, np.pi))
    return sigmoid(depth / (even * np.exp(change) * (1 - 0.25 * traits.border)))


def _tilt(rng: np.random.Generator, traits: Traits, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A slope across the lesion, as steep as it is asymmetric."""
    direction = rng.uniform(-np.pi, np.pi)
    return traits.asymmetry * (x * np.float32(np.cos(direction)) + y * np.float32(np.sin(direction)))


def _palette(
    rng: np.random.Generator, traits: Traits, depth: np.ndarray, tilt: np.ndarray, side: float
) -> dict[str, np.ndarray]:
    """Regions 0..1 of each colour beside light brown; symmetric lesions carry them as rings, others as blotches."""
    order = list(BESIDE_BROWN)
    rng.shuffle(order)
    chosen = ["dark brown", *order][: traits.colours - 1]
    regions, inner = {}, depth > 0.12
    for name in chosen:
        ring = (0.4 + 0.5 * rng.random()) * (1 - traits.asymmetry) * depth * (3 if rng.random() < 0.7 else -2)
        blotch = (0.45 + traits.asymmetry) * noise(rng, len(depth), side / (0.32 * traits.diameter_mm))
        lean = float(rng.choice([-1.6, 1.6])) * tilt
        height = ring + blotch + lean + 0.4 * noise(rng, len(depth), side / 0.5)
        share = rng.uniform(0.28, 0.5) if name == "dark brown" else rng.uniform(0.14, 0.27)
        level = float(np.quantile(height[inner][::5], 1 - share)) if inner.any() else 0.0
        regions[name] = rng.uniform(0.75, 1.1) * sigmoid(3.2 * (height - level))
    return regions


def _shading(rng: np.random.Generator, depth: np.ndarray, tilt: np.ndarray, radius: float) -> np.ndarray:
    """Slow change of the amount of pigment from the centre to the edge and across."""
    centre = rng.uniform(-0.25, 0.5) * np.clip(depth / radius, 0, 1)
    return np.maximum(0.25, 0.85 + centre + float(rng.choice([-0.3, 0.3])) * tilt)


def _structure(rng: np.random.Generator, depth: np.ndarray, side: float, scale: float, disorder: float) -> np.ndarray:
    """Pigment between about 0.4 and 2, (n, n): a network of lines around pale holes, globules, mottling."""
    n = len(depth)
    network, globules, plain = rng.dirichlet([0.9, 0.55, 0.6]).tolist()
    mottled = 1 + (0.16 + 0.1 * plain) * noise(rng, n, side / 0.9) + 0.12 * noise(rng, n, side / 0.35)
    patchy = sigmoid(2.5 * noise(rng, n, side / 2.2) + 1.5)
    lines = _network(rng, n, side, disorder)
    painted = mottled + 1.15 * network * patchy * lines
    if globules > 0.15:
        count = int(side**2 * rng.uniform(1.6, 3.2))
        radius = rng.uniform(0.09, 0.14) * scale
        painted += 1.3 * globules * spots(rng, sigmoid(6 * depth) * patchy, count, radius)
    return np.maximum(painted, 0.2)


def _network(rng: np.random.Generator, n: int, side: float, disorder: float) -> np.ndarray:
    """Honeycomb of dark lines about half a millimetre apart, warped; roughly -0.5 in holes to 1 on lines, (n, n)."""
    pitch = rng.uniform(0.36, 0.54)
    axis = (np.arange(n, dtype=np.float32) + 0.5) * np.float32(side / n)
    push = np.float32(0.36 * disorder)
    x = axis + push * noise(rng, n, side / 1.1) + 0.1 * noise(rng, n, side / 0.45)
    y = axis[:, None] + push * noise(rng, n, side / 1.1) + 0.1 * noise(rng, n, side / 0.45)
    wave, turn = np.float32(2 * np.pi / (0.866 * pitch)), rng.uniform(0, np.pi)
    holes = np.zeros((n, n), dtype=np.float32)
    for k in range(3):
        a = turn + k * np.pi / 3 * 2
        holes += np.cos(wave * (np.float32(np.cos(a)) * x + np.float32(np.sin(a)) * y))
    return np.asarray(0.85 - 1.25 * sigmoid(2 * holes + 0.4) + 0.3 * noise(rng, n, side / (0.5 * pitch)))


def _dots(
    rng: np.random.Generator, traits: Traits, depth: np.ndarray, scale: float, black: np.ndarray | None
) -> np.ndarray:
    """Black dots, in lesions whose palette has black; gathered towards the edge."""
    if black is None:
        return np.zeros_like(depth)
    near_edge = (depth > 0.15) * np.exp(-depth / (0.35 * traits.diameter_mm))
    count = int(rng.uniform(2, 5) * traits.diameter_mm)
    return np.asarray(1.8 * spots(rng, near_edge, count, 0.055 * scale), dtype=np.float32)
