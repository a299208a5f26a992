"""Figures for dark pages: the same drawing, whose colours follow what the reader's screen prefers.

Lightness is turned over and the hue stays, so that what was told apart by colour still is. Photographs stay as they are.
"""

import colorsys
import re

KNOWN = {  # the dark colours of the app, for those that figures share with it
    "#ffffff": "#15181b",
    "#1c2126": "#e8e6e1",
    "#5d666f": "#a7adb3",
    "#d9d6ce": "#3d4349",
    "#1b5583": "#8cc1ea",
    "#c4581a": "#f0975f",
    "#8c2f39": "#ee8f97",
}
DARKEST, LIGHTEST = 0.09, 0.93


def by_night(svg: str) -> str:
    """The drawing with a second set of colours, which a browser takes where pages are dark."""
    found = sorted(set(re.findall(r"(fill|stroke): (#[0-9a-f]{6})", svg)))
    rules = " ".join(f'[style*="{what}: {colour}"]{{{what}: {darkened(colour)} !important}}' for what, colour in found)
    return svg.replace("</style>", f" @media (prefers-color-scheme: dark) {{{rules}}}</style>", 1)


def darkened(colour: str) -> str:
    """The colour with its lightness turned over: white becomes the paper of the night."""
    if colour in KNOWN:
        return KNOWN[colour]
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    turned = colorsys.hls_to_rgb(hue, LIGHTEST - (LIGHTEST - DARKEST) * lightness, saturation * 0.8)
    return "#" + "".join(f"{round(255 * part):02x}" for part in turned)
