"""Files become the pixels that were put in, or a reason; what a file is follows from its content."""

import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from bedside.data import decode as module
from bedside.data.decode import Unreadable, content, decode

HEIGHT, WIDTH = 24, 32


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)


@pytest.fixture
def colour():
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def save(pixels, path, mode=None, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def reason(path):
    with pytest.raises(Unreadable) as caught:
        decode(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "form"), [("a.png", "PNG"), ("a.tif", "TIFF"), ("a.bmp", "BMP"), ("a.webp", "WebP"), ("noending", "PNG")]
)
def test_pixels_survive_every_lossless_format(tmp_path, grey, colour, name, form):
    for pixels in (grey, colour):
        path = save(pixels, tmp_path / name, format=form, **({"lossless": True} if form == "WebP" else {}))
        decoded = decode(path)
        expected = np.repeat(grey[..., None], 3, axis=2) if form == "WebP" and pixels.ndim == 2 else pixels
        assert decoded.form == form
        assert decoded.pixels.dtype == np.uint8
        assert np.array_equal(decoded.pixels, expected)


def test_jpeg_is_decoded_as_pillow_does_and_cmyk_becomes_rgb(tmp_path, colour):
    path = save(colour, tmp_path / "a.jpg", quality=95)
    assert np.array_equal(decode(path).pixels, np.asarray(Image.open(path)))
    flat = np.full((16, 16, 3), (200, 30, 60), dtype=np.uint8)
    cmyk = decode(save(flat, tmp_path / "b.jpg", "CMYK", quality=100)).pixels
    assert cmyk.shape == flat.shape
    assert np.abs(cmyk.astype(int) - flat).max() < 12


def test_16_bits_grey_are_kept_in_both_byte_orders(tmp_path):
    deep = np.random.default_rng(2).integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        pixels = decode(save(deep, tmp_path / name)).pixels
        assert pixels.dtype == np.uint16
        assert np.array_equal(pixels, deep)
    (tmp_path / "big.tif").write_bytes(tiff(deep.astype(">u2"), b"MM", bits=(16,), photometric=1))
    assert np.array_equal(decode(tmp_path / "big.tif").pixels, deep)
    (tmp_path / "white.tif").write_bytes(tiff(deep.astype("<u2"), b"II", bits=(16,), photometric=0))
    assert np.array_equal(decode(tmp_path / "white.tif").pixels, 65535 - deep)


def test_palette_one_bit_and_equal_channels(tmp_path, grey):
    steps = Image.fromarray((grey // 64).astype(np.uint8)).convert("P")
    steps.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    assert decode(save(steps, tmp_path / "a.png")).pixels[0, 0].tolist() == list(
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)][grey[0, 0] // 64]
    )
    bits = np.where(grey > 127, 255, 0).astype(np.uint8)
    for name in ("b.png", "b.tif"):
        assert np.array_equal(decode(save(Image.fromarray(bits).convert("1"), tmp_path / name)).pixels, bits)
    same = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(decode(save(same, tmp_path / "c.png")).pixels, same)


def test_transparent_pixels_are_laid_over_black(tmp_path, grey, colour):
    alpha = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    alpha[:, 10:] = 255
    alpha[:, 20:] = 128
    for name in ("a.png", "a.tif"):
        pixels = decode(save(np.dstack([colour, alpha]), tmp_path / name)).pixels
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert not pixels[:, :10].any()
        assert np.array_equal(pixels[:, 10:20], colour[:, 10:20])
        assert np.abs(pixels[:, 20:] - colour[:, 20:].astype(float) * 128 / 255).max() <= 1
    shaded = decode(save(Image.fromarray(np.dstack([grey, alpha]), "LA"), tmp_path / "b.png")).pixels
    assert shaded.shape == (HEIGHT, WIDTH)
    assert np.array_equal(shaded[:, 10:20], grey[:, 10:20])
    palette = Image.fromarray(grey // 128).convert("P")
    palette.putpalette([255, 255, 255, 7, 8, 9])
    clear = decode(save(palette, tmp_path / "c.png", transparency=b"\x00\xff")).pixels
    assert {tuple(pixel) for pixel in clear.reshape(-1, 3).tolist()} == {(0, 0, 0), (7, 8, 9)}
    key = decode(save(grey, tmp_path / "d.png", transparency=int(grey[0, 0]))).pixels
    assert key.shape == (HEIGHT, WIDTH)
    assert not key[grey == grey[0, 0]].any()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_applied(tmp_path, colour, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(colour, tmp_path / name, exif=exif, **({"lossless": True} if name == "a.webp" else {}))
    with Image.open(path) as image:
        assert np.array_equal(decode(path).pixels, np.asarray(ImageOps.exif_transpose(image)))


def test_what_cannot_be_read_says_why(tmp_path, grey, colour):
    def bytes_of(name, content):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    png = save(grey, tmp_path / "whole.png").read_bytes()
    jpg = save(colour, tmp_path / "whole.jpg").read_bytes()
    tif = save(colour, tmp_path / "whole.tif", compression="tiff_lzw").read_bytes()
    webp = save(colour, tmp_path / "whole.webp").read_bytes()
    bmp = save(colour, tmp_path / "whole.bmp").read_bytes()
    assert reason(bytes_of("a.png", b"")) == "is empty (0 bytes)"
    for name, content_ in [("b.png", png), ("b.jpg", jpg), ("b.tif", tif), ("b.webp", webp), ("b.bmp", bmp)]:
        assert "damaged" in reason(bytes_of(name, content_[: len(content_) // 2])), name
    assert "damaged" in reason(bytes_of("c.jpg", jpg[:4])) or "damaged" in reason(tmp_path / "c.jpg")
    assert "ends in '.jpg' but its content is that of a PNG file; rename it" in reason(bytes_of("d.jpg", png))
    assert "ends in '.txt' but its content is that of a PNG file" in reason(bytes_of("d.txt", png))
    assert reason(bytes_of("e.png", b"<html>not found</html>")).startswith("is not an image; read are JPEG, PNG")
    assert reason(save(colour, tmp_path / "f.gif")).startswith("is a GIF file; read are")
    assert "has 1 x 1 px; at least 8 a side are needed" in reason(save(grey[:1, :1], tmp_path / "g.png"))
    assert "has 32 x 7 px" in reason(save(grey[:7], tmp_path / "h.png"))
    assert reason(tmp_path / "nowhere.png") == "does not exist"


def test_stacks_and_animations_are_not_cut_silently(tmp_path, colour):
    first, second = Image.fromarray(colour), Image.fromarray(255 - colour)
    for name, what in [("a.tif", "2 pages"), ("a.webp", "2 pictures of an animation"), ("a.png", "2 pictures")]:
        first.save(tmp_path / name, save_all=True, append_images=[second])
        assert what in reason(tmp_path / name)


def test_of_a_jpeg_with_several_pictures_the_main_one_is_read(tmp_path, colour):
    first, second = Image.fromarray(colour), Image.fromarray(255 - colour)
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second])
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.n_frames == 2
        assert np.array_equal(decode(tmp_path / "a.jpg").pixels, np.asarray(image))


def test_pixels_may_be_changed_by_who_asked_for_them(tmp_path, grey, colour):
    for number, pixels in enumerate([grey, colour, grey.astype(np.uint16)]):
        assert decode(save(pixels, tmp_path / f"{number}.png")).pixels.flags.writeable


def test_depths_that_would_be_cut_are_refused(tmp_path, grey):
    header = b"\x00\x00\x00\x08\x00\x00\x00\x08\x10\x02\x00\x00\x00"  # 8 x 8 px, 16 bits, RGB
    rows = zlib.compress(b"".join(b"\0" + bytes(48) for _ in range(8)))
    deep = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(deep)
    assert reason(tmp_path / "a.png").startswith("has 16 bits per colour channel")
    colours = np.zeros((8, 8, 3), dtype="<u2")
    (tmp_path / "a.tif").write_bytes(tiff(colours, b"II", bits=(16, 16, 16), photometric=2))
    assert reason(tmp_path / "a.tif").startswith("has 16 bits per colour channel")
    for kind in (np.float32, np.int32):
        assert "32 bits" in reason(save(Image.fromarray(grey.astype(kind)), tmp_path / "b.tif"))


def test_a_decompression_bomb_is_refused_before_it_is_decoded_and_without_a_trace(tmp_path, monkeypatch):
    header = b"\x00\x00\xea\x60\x00\x00\xea\x60\x08\x00\x00\x00\x00"  # 60,000 x 60,000 px
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b""))
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as seen:
        assert "60,000 x 60,000 px, more than the 80 million pixels" in reason(tmp_path / "a.png")
    assert not seen
    assert limit == Image.MAX_IMAGE_PIXELS
    assert limit > module.MOST_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # another program's limit does not count
    path = tmp_path / "b.png"
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(path)
    assert decode(path).pixels.shape == (16, 16)


def test_a_file_that_may_not_be_read_is_named_so(tmp_path, monkeypatch, grey):
    path = save(grey, tmp_path / "a.png")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert reason(path) == "may not be read by this user (permission denied)"


def test_random_bytes_behind_a_true_start_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(5)
    starts = {
        ".jpg": b"\xff\xd8\xff\xe0",
        ".png": b"\x89PNG\r\n\x1a\n",
        ".tif": b"II*\0\x08\0\0\0",
        ".webp": b"RIFF\x20\0\0\0WEBPVP8 ",
    }
    for suffix, start in starts.items():
        for number in range(20):
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(start + rng.bytes(200))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert reason(path)


def test_content_is_known_by_its_first_bytes():
    assert content(bytes(128) + b"DICM") == "DICOM"
    assert content(b"II*\0" + bytes(124) + b"DICM") == "DICOM"
    assert content(b"BMW is a car, and this is text") is None
    assert content(b"") is None


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def tiff(pixels, order, *, bits, photometric):
    """A minimal uncompressed TIFF file."""
    end = {b"II": "little", b"MM": "big"}[order]
    height, width = pixels.shape[:2]
    data, n = pixels.tobytes(), 9
    after = 8 + 2 + 12 * n + 4
    wide = b"".join(bit.to_bytes(2, end) for bit in bits) if len(bits) > 1 else b""

    def entry(tag, kind, count, value):
        size = {3: 2, 4: 4}[kind]
        cell = value.to_bytes(size, end).ljust(4, b"\0") if count == 1 else value.to_bytes(4, end)
        return tag.to_bytes(2, end) + kind.to_bytes(2, end) + count.to_bytes(4, end) + cell

    entries = [
        entry(256, 4, 1, width),
        entry(257, 4, 1, height),
        entry(258, 3, len(bits), after if wide else bits[0]),
        entry(259, 3, 1, 1),
        entry(262, 3, 1, photometric),
        entry(273, 4, 1, after + len(wide)),
        entry(277, 3, 1, len(bits)),
        entry(278, 4, 1, height),
        entry(279, 4, 1, len(data)),
    ]
    head = order + (42).to_bytes(2, end) + (8).to_bytes(4, end) + n.to_bytes(2, end)
    return head + b"".join(entries) + bytes(4) + wide + data
