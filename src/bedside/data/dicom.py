"""One DICOM file becomes pixels as a viewer shows them; of its header only facts about the picture leave this module.

Values are rescaled (modality LUT), then windowed by the first window or VOI LUT of the header, and MONOCHROME1 is inverted.
Without a window the range that the stored bits can hold becomes black to white. Pictures stored with more than 8 bits fill
16 bits, others 8. Patient identifiers are compared with file names and hashed here, and never handed on; messages of
pydicom, which may quote the header, are not handed on either.

Source: DICOM PS3.3, sections C.7.6.3 and C.11.1 to C.11.2.
"""

import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from bedside.data.decode import MOST_PIXELS, Unreadable, refuse_size
from bedside.errors import DataError

INSTALL = "pip install 'bedside[dicom]'"
_PLUGINS = "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
_IDENTIFIERS = (
    "PatientID",
    "OtherPatientIDs",
    "PatientName",
    "OtherPatientNames",
    "PatientBirthName",
    "PatientBirthDate",
)
_NUMBERS = ("AccessionNumber", "StudyID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
DEFLATED = 512 * 1024  # bytes of a deflated file, which become half a gigabyte at most
_LONG = 4  # characters from which an identifier is looked for inside words, not only as a whole word


@dataclass(frozen=True)
class Header:
    """What is kept of a DICOM header. `patient` is a hash of the patient's identifier or empty; `private` is true if the
    name of the file holds an identifier; `modality` is DICOM's code, such as CR, or empty; `windowed` is false for a grey picture
    without a window."""

    patient: str
    private: bool
    modality: str
    burned_in: Literal["yes", "no", "unknown"]
    windowed: bool


def read(source: Path | IO[bytes], name: str, most_pixels: int = MOST_PIXELS) -> tuple[np.ndarray, Header]:
    """Pixels, (height, width) or (height, width, 3), uint8 or uint16, and the facts that may be kept.

    Args:
        source: the file, or its content in memory.
        name: what the sample would be called; looked through for identifiers.
        most_pixels: that a picture may have.

    Raises:
        Unreadable: with the reason and the header facts, if there is no single image that can be decoded.
        DataError: if pydicom is not installed.
    """
    dataset = _dataset(source)
    header = _header(dataset, name)
    try:
        with warnings.catch_warnings():  # pydicom's warnings may quote the header
            warnings.simplefilter("ignore")
            _refuse(dataset, most_pixels)
            return _pixels(dataset), header
    except Unreadable as reason:
        raise Unreadable(str(reason), header) from None
    except Exception as error:
        raise Unreadable(_damage(dataset, error), header) from None


def _damage(dataset: Any, error: Exception) -> str:
    """Why decoding failed; what pydicom says may quote the header, so only the kind of error is named."""
    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is not None and syntax.is_compressed:
        return f"cannot be decoded; it is compressed as {_syntax(syntax)}, and is damaged or needs a further package: {_PLUGINS}"
    return f"is a damaged DICOM file ({type(error).__name__})"


def _dataset(source: Path | IO[bytes]) -> Any:
    try:
        import pydicom
    except ImportError:
        named = source.name if isinstance(source, Path) else "This"
        raise DataError(f"{named} is a DICOM file, and reading those needs pydicom: {INSTALL}.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _refuse_deflated(source)
            dataset = pydicom.dcmread(source, force=True)
            if not dataset:
                raise Unreadable("is not a DICOM file, or a damaged one")
            meta = getattr(dataset, "file_meta", None)
            if meta is not None and "TransferSyntaxUID" not in meta:
                implicit, little = dataset.original_encoding
                known = pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
                meta.TransferSyntaxUID = known if little else pydicom.uid.ExplicitVRBigEndian
            return dataset
    except (Unreadable, OSError):
        raise
    except Exception as error:
        raise Unreadable(f"is a damaged DICOM file ({type(error).__name__})") from None


def _refuse_deflated(source: Path | IO[bytes]) -> None:
    """A file whose whole content is deflated is unpacked before anything is known of it, to a thousand times its size if it
    was made to; only small ones are read."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if isinstance(source, Path):
        size = source.stat().st_size
        try:
            deflated = read_file_meta_info(source).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
        except Exception:  # old files lack the mark, and those are never deflated
            return
    else:
        held = source.read()
        source.seek(0)
        size, deflated = len(held), str(DeflatedExplicitVRLittleEndian).encode() in held  # wherever a header may say it
    if deflated and size > DEFLATED:
        raise Unreadable(
            f"is deflated as a whole and larger than {DEFLATED // 1024} kB; save it in another transfer syntax"
        )


def _header(dataset: Any, name: str) -> Header:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patient = "\n".join(_text(dataset, key) for key in ("IssuerOfPatientID", "PatientID"))
        modality, burned = _text(dataset, "Modality").upper(), _text(dataset, "BurnedInAnnotation").upper()
        return Header(
            patient=hashlib.sha256(patient.encode()).hexdigest() if _text(dataset, "PatientID") else "",
            private=_holds_identifier(dataset, name),
            modality=modality if re.fullmatch("[A-Z]{2,10}", modality) else "",
            burned_in="yes" if burned == "YES" else "no" if burned == "NO" else "unknown",
            windowed=_is_windowed(dataset),
        )


def _text(dataset: Any, key: str) -> str:
    """A header value as text; empty if it is missing or cannot be read."""
    try:
        return str(dataset.get(key) or "").strip()
    except Exception:  # a broken value of one element
        return ""


def _holds_identifier(dataset: Any, name: str) -> bool:
    text = name.casefold()
    words = set(re.split(r"[\W_]+", text))
    return any(value in words or (len(value) >= _LONG and value in text) for value in _identifiers(dataset))


def _identifiers(dataset: Any) -> Iterator[str]:
    """Identifiers of the header in lower case, whole and by their parts."""
    for key in (*_IDENTIFIERS, *_NUMBERS):
        value = _text(dataset, key).casefold()
        parts = re.split(r"[\W_]+", value) if key in _IDENTIFIERS else []
        yield from {part for part in (value, value.lstrip("0"), *parts) if part}


def _refuse(dataset: Any, most_pixels: int) -> None:
    """Files without a single image that can be decoded."""
    if "PixelData" not in dataset:
        kind = (
            "numbers with decimals" if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset else "no image"
        )
        raise Unreadable(f"is a DICOM file that holds {kind}")
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise Unreadable(f"holds {frames} frames; only single images are read, export the frame that counts")
    refuse_size(int(dataset.Columns), int(dataset.Rows), most_pixels)
    if int(dataset.BitsAllocated) > 16:
        raise Unreadable(f"has {dataset.BitsAllocated} bits per pixel; at most 16 are read")
    from pydicom.pixels import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        raise Unreadable(f"is compressed as {_syntax(syntax)}, which cannot be read; export it uncompressed") from None
    if not available:
        raise Unreadable(f"is compressed as {_syntax(syntax)}, which needs a further package: {_PLUGINS}")


def _syntax(uid: Any) -> str:
    """The standard's name of a transfer syntax; private ones are not named."""
    return uid.name if uid.is_transfer_syntax and not uid.is_private and uid.name != uid else "an unknown format"


def _pixels(dataset: Any) -> np.ndarray:
    from pydicom.pixels import apply_color_lut, pixel_array

    raw = pixel_array(dataset)
    colours = str(dataset.PhotometricInterpretation)
    if colours == "PALETTE COLOR":
        return np.ascontiguousarray(apply_color_lut(raw, dataset)[..., :3])
    if raw.ndim == 3:
        return _scaled(raw / (2.0 ** int(dataset.BitsStored) - 1), int(dataset.BitsStored))
    shown = _windowed(raw, dataset)
    return _scaled(1 - shown if colours == "MONOCHROME1" else shown, int(dataset.BitsStored))


def _scaled(shown: np.ndarray, bits: int) -> np.ndarray:
    """0..1 as whole numbers: 8 bits if that is what was stored, otherwise 16."""
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.rint(np.clip(shown, 0, 1) * np.iinfo(kind).max).astype(kind)


def _windowed(raw: np.ndarray, dataset: Any) -> np.ndarray:
    """Grey values as a viewer first shows them, 0 (black) to 1 (white), shape (height, width)."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    rescale, voi = _holder(dataset, "PixelValueTransformationSequence"), _holder(dataset, "FrameVOILUTSequence")
    values = apply_modality_lut(raw, _with_bits(rescale, dataset))
    if voi.get("VOILUTSequence"):
        bits = int(voi.VOILUTSequence[0].LUTDescriptor[2])
        return apply_voi_lut(_whole(values), _with_bits(voi, dataset)) / (2.0**bits - 1)
    values = values.astype(np.float64)
    window = _window(voi)
    if window is None:
        low, high = sorted(_range(rescale, dataset))
        return (values - low) / max(high - low, 1e-12)
    center, width, function = window
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    if width == 1:
        return (values > center - 0.5).astype(np.float64)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _is_windowed(dataset: Any) -> bool:
    """A grey picture whose header says what is black and white, or a picture in colour."""
    if not _text(dataset, "PhotometricInterpretation").startswith("MONOCHROME"):
        return True
    voi = _holder(dataset, "FrameVOILUTSequence")
    return bool(voi.get("VOILUTSequence")) or _window(voi) is not None


def _holder(dataset: Any, sequence: str) -> Any:
    """The part of the header that holds window or rescale: the top, or the functional groups of newer files."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        if dataset.get(groups) and dataset[groups][0].get(sequence):
            return dataset[groups][0][sequence][0]
    return dataset


def _with_bits(holder: Any, dataset: Any) -> Any:
    """`holder` with what pydicom looks up beside it."""
    if holder is not dataset:
        for key in ("BitsStored", "PixelRepresentation", "PhotometricInterpretation"):
            setattr(holder, key, dataset.get(key))
    return holder


def _whole(values: np.ndarray) -> np.ndarray:
    """Whole numbers, as a lookup table needs them."""
    return values if values.dtype.kind in "iu" else np.rint(values).astype(np.int64)


def _window(holder: Any) -> tuple[float, float, str] | None:
    """Center, width and function of the first window; None if there is none that makes sense."""
    try:
        center, width = (float(np.ravel(holder[key].value)[0]) for key in ("WindowCenter", "WindowWidth"))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    function = str(holder.get("VOILUTFunction") or "LINEAR").upper()
    least = 1 if function == "LINEAR" else 1e-9
    return (center, width, function) if np.isfinite(center) and least <= width < np.inf else None


def _range(rescale: Any, dataset: Any) -> tuple[float, float]:
    """The values that the stored bits can hold, after rescaling."""
    if rescale.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** int(rescale.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    bits = int(dataset.BitsStored)
    low, high = (
        (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if dataset.get("PixelRepresentation") else (0.0, 2.0**bits - 1)
    )
    slope, intercept = rescale.get("RescaleSlope"), rescale.get("RescaleIntercept")
    if slope is None or intercept is None:
        return low, high
    return low * float(slope) + float(intercept), high * float(slope) + float(intercept)
