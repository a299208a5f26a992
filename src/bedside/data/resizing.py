"""Resizing that gives the same pixels whichever version of Pillow is installed."""

from PIL import Image


def resized(image: Image.Image, width: int, height: int, filter: Image.Resampling) -> Image.Image:
    """An image of another size, antialiased; one that fits already keeps its pixels.

    Pillow resizes columns and rows one after the other. Which of them come first changes some pixels by a few grey levels,
    and Pillow 13 takes the rows of tall images first where older versions took the columns (decision 29). So the order, that of
    Pillow 13, is decided here.
    """
    tall = image.height - height > 2 * max(0, image.width - width)
    for size in ((image.width, height) if tall else (width, image.height), (width, height)):
        image = image if image.size == size else image.resize(size, filter)
    return image
