"""One image file becomes pixels, or a reason why it cannot: what a file is follows from its content, never from its name.

Read are JPEG, PNG, TIFF, BMP, WebP and DICOM; 1, 8 and 16 bits grey, and colour with 8 bits per channel. Palettes and CMYK become
RGB, transparent pixels are laid over black, the EXIF orientation is applied, and of a JPEG with several pictures (as
phones write them) the main one is read. Refused with a reason, because something would be lost silently: stacks of pages,
animations, colour with 16 bits per channel, and numbers of 32 bits.

Each format's own Pillow class is used, so Pillow's limit on the number of pixels, which is a warning and a global
setting, does not come into play; `MOST_PIXELS` does.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from bedside.errors import DataError

if TYPE_CHECKING:
    from bedside.data.dicom import Header

SMALLEST = 8  # pixels a side, below which there is nothing to see
MOST_PIXELS = 80_000_000  # below Pillow's own limit of 89 million, from which it warns

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "WebP": (".webp",),
    "DICOM": (".dcm", ".dicom", ".dic", ".ima"),
}
# Kinds of image that are not read, but are named when met.
OTHER_SUFFIXES = {
    "GIF": (".gif",),
    "HEIC": (".heic", ".heif"),
    "AVIF": (".avif",),
    "JPEG 2000": (".jp2", ".j2k", ".jpx"),
    "Photoshop": (".psd",),
    "whole-slide": (".svs", ".ndpi", ".mrxs", ".scn"),
}
_NO_DICOM = tuple(form for form in SUFFIXES if form != "DICOM")
_BY_SUFFIX = {suffix: form for form, suffixes in {**SUFFIXES, **OTHER_SUFFIXES}.items() for suffix in suffixes}
_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF8": "GIF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"PK\x03\x04": "ZIP",
    b"\x1f\x8b": "gzip",
    b"\x93NUMPY": "numpy",
}
_BRANDS = {b"avif": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC"}


class Unreadable(Exception):
    """A file that gives no image; the message is the reason, worded to follow the name of the file.

    `header` holds the facts of a DICOM header if that could be read."""

    def __init__(self, reason: str, header: "Header | None" = None) -> None:
        super().__init__(reason)
        self.header = header


@dataclass(frozen=True)
class Decoded:
    """Pixels of one file, (height, width) or (height, width, 3), uint8 or uint16; `header` only for DICOM."""

    pixels: np.ndarray
    form: str
    header: "Header | None" = None


def decode(path: Path, name: str = "") -> Decoded:
    """The image in a file.

    Args:
        path: the file.
        name: what its sample would be called; only for DICOM, to see whether that would give an identifier away.

    Raises:
        Unreadable: with the reason, if the file gives no image; however broken it is, there is no other error for it.
        DataError: if the file is DICOM and pydicom is not installed.
    """
    try:
        return _decode(path, name)
    except (Unreadable, DataError):
        raise
    except PermissionError:
        raise Unreadable("may not be read by this user (permission denied)") from None
    except FileNotFoundError:
        raise Unreadable("does not exist") from None
    except MemoryError:
        raise Unreadable("does not fit into memory") from None
    except Exception as error:  # decoders of broken files raise nearly everything
        raise Unreadable(f"is damaged ({_reason(error)})") from None


def read_pixels(path: Path) -> np.ndarray:
    """Pixels of one file; see `decode`."""
    return decode(path).pixels


def read_bytes(data: bytes, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """Pixels of an image that lies in memory, as one from a browser does; the same formats, but not DICOM.

    Args:
        data: what a file of it would hold.
        most_pixels: larger ones are refused before anything is decoded.

    Raises:
        Unreadable: with the reason, if it gives no image; there is no other error for it.
    """
    return decode_bytes(data, formats=_NO_DICOM, most_pixels=most_pixels).pixels


def decode_bytes(
    data: bytes, name: str = "", *, formats: Collection[str] = tuple(SUFFIXES), most_pixels: int = MOST_PIXELS
) -> Decoded:
    """The image in memory; see `decode`. What it is follows from its content alone.

    Args:
        name: what its sample would be called; only for DICOM, to see whether that would give an identifier away.
        formats: that are read.
        most_pixels: that an image may have.

    Raises:
        Unreadable: with the reason, if it gives no image; there is no other error for it.
        DataError: if it is DICOM and pydicom is not installed.
    """
    form = content(data[:132])
    if not data:
        raise Unreadable("is empty (0 bytes)")
    if form not in formats:
        kind = f"is a {form} file" if form else "is not an image"
        raise Unreadable(f"{kind}; read here are {', '.join(formats)}")
    try:
        if form == "DICOM":
            from bedside.data import dicom

            pixels, header = dicom.read(BytesIO(data), name, most_pixels=most_pixels)
            return Decoded(_large_enough(pixels, header), form, header)
        return Decoded(_pixels_of(BytesIO(data), str(form), data[:132], most_pixels), str(form))
    except (Unreadable, DataError):
        raise
    except MemoryError:
        raise Unreadable("does not fit into memory") from None
    except Exception as error:  # decoders of broken files raise nearly everything
        raise Unreadable(f"is damaged ({_reason(error)})") from None


def content(start: bytes) -> str | None:
    """The format that the first 132 bytes of a file belong to, or None."""
    if start[128:132] == b"DICM":
        return "DICOM"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WebP"
    if start[:2] == b"BM" and start[6:10] == bytes(4) and start[14:18] in _BMP_HEADERS:
        return "BMP"
    if start[4:8] == b"ftyp":
        return _BRANDS.get(start[8:12])
    return next((form for sign, form in _STARTS.items() if start.startswith(sign)), None)


_BMP_HEADERS = {struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124)}


def by_suffix(path: Path) -> str | None:
    """The format of images that the ending of a file's name claims, or None if it claims none."""
    return _BY_SUFFIX.get(path.suffix.lower())


def first_bytes(path: Path) -> bytes:
    """The first 132 bytes of a file, from which `content` knows the format."""
    with open(path, "rb") as file:
        return file.read(132)


def _decode(path: Path, name: str) -> Decoded:
    with open(path, "rb") as file:
        start = file.read(132)
        form = _form(path, start)
        if form == "DICOM":
            from bedside.data import dicom

            pixels, header = dicom.read(path, name)
            return Decoded(_large_enough(pixels, header), form, header)
        file.seek(0)
        return Decoded(_pixels_of(file, form, start), form)


def _pixels_of(file: IO[bytes], form: str, start: bytes, most_pixels: int = MOST_PIXELS) -> np.ndarray:
    """The pixels of a file of a known format, which is not DICOM."""
    with _open(file, form) as image:
        width, height = image.size
        refuse_size(width, height, most_pixels)
        _refuse_stack(image, form)
        _refuse_depth(image, form, start)
        return _large_enough(_pixels(image))


def _form(path: Path, start: bytes) -> str:
    """The format of a file whose content is one that is read and is what its name claims."""
    claimed, found = by_suffix(path), content(start)
    if not start:
        raise Unreadable("is empty (0 bytes)")
    if found is None and claimed == "DICOM" and not start.strip(b" \0\r\n\t").startswith((b"<", b"{")):
        found = "DICOM"  # old files lack the mark; pydicom decides
    if found not in SUFFIXES:
        kind = f"is a {found} file" if found else "is not an image"
        if claimed == "whole-slide" or (found is None and claimed in OTHER_SUFFIXES):
            kind = f"is a {claimed} file"
        raise Unreadable(f"{kind}; read are {', '.join(SUFFIXES)}")
    if claimed == "whole-slide":
        raise Unreadable("is a whole-slide file, which is no single image")
    if (claimed and claimed != found) or (not claimed and found != "DICOM" and _is_word(path.suffix)):
        raise Unreadable(f"ends in '{path.suffix}' but its content is that of a {found} file; rename it")
    return found


def _is_word(suffix: str) -> bool:
    """`.txt` claims something; `.2` or no ending claims nothing."""
    return suffix[1:].isalpha()


def _open(file: IO[bytes], form: str) -> Any:
    """The file as a Pillow image of its own format, not yet decoded."""
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    kinds: dict[str, Any] = {
        "BMP": BmpImageFile,
        "JPEG": JpegImageFile,
        "PNG": PngImageFile,
        "TIFF": TiffImageFile,
        "WebP": WebPImageFile,
    }
    return kinds[form](file)


def refuse_size(width: int, height: int, most_pixels: int = MOST_PIXELS) -> None:
    """Refuse what would fill the memory, before anything is decoded."""
    if width * height > most_pixels:
        raise Unreadable(
            f"has {width:,} x {height:,} px, more than the {most_pixels // 1_000_000} million pixels that are read; scale it down or cut it"
        )


def _large_enough(pixels: np.ndarray, header: "Header | None" = None) -> np.ndarray:
    height, width = pixels.shape[:2]
    if min(width, height) < SMALLEST:
        raise Unreadable(f"has {width} x {height} px; at least {SMALLEST} a side are needed", header)
    return pixels


def _refuse_stack(image: Any, form: str) -> None:
    pages = getattr(image, "n_frames", 1) if form != "JPEG" else 1
    if pages > 1:
        what = "pages" if form == "TIFF" else "pictures of an animation"
        raise Unreadable(f"holds {pages} {what}; only single images are read, save the one that counts")


def _refuse_depth(image: Any, form: str, start: bytes) -> None:
    """Pillow would cut 16 bits per colour channel to 8 without a word."""
    if form == "PNG":
        bits, grey = start[24], start[25] == 0
    elif form == "TIFF":
        bits, grey = max(image.tag_v2.get(258, (1,))), image.tag_v2.get(277, 1) == 1
    else:
        return
    if bits > 16 or image.mode in ("F", "I;32") or (image.mode == "I" and form == "TIFF"):
        raise Unreadable(
            "has numbers of 32 bits or with a sign, whose black and white are not known; save it with 8 or 16 bits"
        )
    if bits > 8 and not grey:
        raise Unreadable("has 16 bits per colour channel; save it with 8 bits per channel, or as 16-bit grey")


def _pixels(image: Any) -> np.ndarray:
    """Decoded pixels, upright."""
    white_is_zero = image.mode.startswith("I;16") and getattr(image, "tag_v2", {}).get(262) == 0
    turn = _orientation(image)
    image.load()
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):
        pixels = np.asarray(image).astype(np.uint16)
        return _upright(65535 - pixels if white_is_zero else pixels, turn)
    return _upright(np.array(_opaque(image)), turn)


def _opaque(image: Any) -> Any:
    """Grey or RGB with 8 bits; transparent pixels are laid over black."""
    from PIL import Image

    if image.mode in ("1", "L", "LA", "La"):
        plain, clear = "L", "LA"
    else:
        plain, clear = "RGB", "RGBA"
    if image.has_transparency_data:
        image = image.convert("RGBA").convert("LA") if clear == "LA" and image.mode != "LA" else image.convert(clear)
        black = Image.new(plain, image.size)
        black.paste(image.convert(plain), mask=image.getchannel("A"))
        return black
    return image if image.mode == plain else image.convert(plain)


def _orientation(image: Any) -> int:
    """How the camera was held, 1 to 8, from the EXIF data; TIFF files are turned by Pillow itself."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # broken EXIF data do not make an image unreadable
        return 1


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels as the photographer saw them; orientation as in EXIF."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _reason(error: Exception) -> str:
    """What a decoder says, on one line and without the addresses of objects in memory."""
    text = " ".join(str(error).split()).split(" <")[0]
    return text or type(error).__name__
