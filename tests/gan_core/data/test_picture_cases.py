"""Every case of picture_cases.py becomes what the docs say, in a folder and in a zip."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import picture_cases
from gan_core.data import decoding, deep_colour, image_sources, photo_alignment, training_set
from gan_core.util.errors import InputError
from picture_cases import ADOBE, CASES, P3, SIZE, adobe_in_srgb, encoded, flat, p3_in_srgb
from support import zipped


@pytest.fixture
def no_heif(monkeypatch):
    """As on a computer without pillow-heif."""
    monkeypatch.setattr(decoding, "can_read_heic", lambda: False)
    monkeypatch.setattr(
        decoding, "_formats", lambda: tuple(k for k in Image.ID if k not in ("EPS", "HEIF"))
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("name", CASES)
def test_a_case_becomes_what_the_docs_say(tmp_path, request, name, kind):
    case = CASES[name]
    if case.needs == "no pillow_heif":
        request.getfixturevalue("no_heif")
    elif case.needs:
        pytest.importorskip(case.needs, reason=f"needs the optional {case.needs}")
    files, source = case.make(), tmp_path / "photos"
    source.mkdir()
    for file, data in files.items():
        (source / file).write_bytes(data)
    if case.refused:
        with pytest.raises(InputError) as caught:
            image_sources.pack(source / case.looked_at, tmp_path / "out", size=SIZE)
        assert case.reason in str(caught.value)
        assert str(caught.value).startswith(str(source / case.looked_at))
        return
    if kind == "zip":
        source = zipped(tmp_path / "photos.zip", files | {"good.jpg": encoded(flat(), "JPEG")})
    else:
        (source / "good.jpg").write_bytes(encoded(flat(), "JPEG"))
    _, _, skipped = image_sources.pack(source, tmp_path / "out", size=SIZE)
    loaded = training_set.load(tmp_path / "out")
    if case.expected is None:
        assert case.reason in dict(skipped)[case.looked_at]
        assert case.looked_at not in loaded.files
    else:
        assert skipped == []
        image = loaded.images[loaded.files.index(case.looked_at)]
        assert np.abs(image[SIZE // 2, SIZE // 2] - np.array(case.expected)).max() <= 3
    assert any("scaled" in note for note in loaded.card.get("notes", [])) == (
        "with a note" in case.words
    )


def test_the_table_of_the_docs_is_that_of_the_tests():
    page = picture_cases.PAGE.read_text("utf-8")
    assert page == picture_cases.with_table(page), "run python " + picture_cases.__file__


# Colour profiles.


def waves():
    """A picture of all colours, uint8 (96, 96, 3)."""
    y, x = np.mgrid[:96, :96]
    return np.stack([x * 255 // 95, y * 255 // 95, (x + y) * 255 // 190], -1).astype(np.uint8)


@pytest.mark.parametrize(("profile", "truth"), [(P3, p3_in_srgb), (ADOBE, adobe_in_srgb)])
def test_a_profile_is_converted_to_srgb_by_its_definition(profile, truth):
    data = encoded(Image.fromarray(waves()), icc_profile=profile)
    converted = np.asarray(decoding.to_mode(decoding.decode(data), "RGB"), float)
    error = np.abs(converted - truth(waves()))
    assert error.mean() < 0.6
    assert np.percentile(error, 99) <= 2
    # Without the conversion the picture is visibly another one.
    assert np.abs(waves() - truth(waves())).mean() > 3


def test_alpha_stays_beside_a_profile():
    image = flat((200, 100, 50, 0), "RGBA", (24, 24))
    image.paste((200, 100, 50, 255), (12, 0, 24, 24))
    packed = decoding.square(encoded(image, icc_profile=P3), 24, 1.0, 3)
    assert packed[12, 3].tolist() == [255] * 3
    assert np.abs(packed[12, 20] - p3_in_srgb((200, 100, 50))).max() <= 2


def test_srgb_and_damaged_profiles_change_nothing():
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, P3[:200], b"x" * 500, P3[:300] + b"\xff" * 300):
        data = encoded(Image.fromarray(waves()), icc_profile=profile)
        assert np.array_equal(decoding.to_mode(decoding.decode(data), "RGB"), waves())


def test_a_photo_and_an_upload_are_converted_too():
    photo = photo_alignment.read_photo(encoded(flat(), icc_profile=P3))
    assert np.abs(np.asarray(photo)[12, 12] - p3_in_srgb((200, 100, 50))).max() <= 2


# HEIC.


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1", b"hevc"])
def test_heic_is_known_by_its_bytes(brand):
    assert decoding.is_heic(picture_cases.heic(brand))


def test_other_files_are_not_taken_for_heic():
    avif = b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf" + bytes(99)
    for data in (b"", b"heic", avif, encoded(flat()), b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"):
        assert not decoding.is_heic(data)


def test_a_photo_that_is_heic_says_so(no_heif):
    with pytest.raises(InputError, match=r"iPhone photo \(HEIC\); install pillow-heif or export"):
        photo_alignment.read_photo(picture_cases.heic())


def test_a_heic_photo_is_read_with_the_package():
    pytest.importorskip("pillow_heif", reason="needs the optional pillow-heif")
    data = picture_cases.a_real_heic("a")["a"]
    assert decoding.is_heic(data)
    centre = np.asarray(photo_alignment.read_photo(data))[12, 12]
    assert np.abs(centre.astype(int) - picture_cases.COLOUR).max() <= 4


# 16 bits.


def test_the_card_keeps_the_brightest_value_for_pictures_that_come_later(tmp_path):
    for name, data in picture_cases.deep(4000, 1000).items():
        (tmp_path / name).write_bytes(data)
    image_sources.pack(tmp_path, tmp_path / "out", size=SIZE)
    loaded = training_set.load(tmp_path / "out")
    assert loaded.card["brightest"] == 4000
    assert loaded.images[:, 8, 8, 0].tolist() == [255, 64]
    assert "values up to 4,000" in loaded.card["notes"][0]
    later = picture_cases.deep(2000)["0.png"]
    white = decoding.white_of(loaded.card["brightest"])
    assert np.asarray(photo_alignment.read_photo(later, white))[8, 8].tolist() == [128] * 3
    assert np.asarray(photo_alignment.read_photo(later))[8, 8].tolist() == [255] * 3  # its own


def noise(channels, top, seed=0):
    """uint16 (21, 13, channels), the brightest value of which is top."""
    values = np.random.default_rng(seed).integers(0, top, (21, 13, channels), np.uint16)
    values[5, 5, 0] = top
    return values


@pytest.mark.slow
@pytest.mark.parametrize("white", [255, 1000, 4095])
@pytest.mark.parametrize("kind", ["png", "tiff little-endian", "tiff big-endian"])
@pytest.mark.parametrize("channels", [3, 4])
def test_every_value_of_a_colour_file_is_scaled(channels, kind, white):
    values = noise(channels, white)
    if kind == "png":
        data = picture_cases.png_of_16_bits(values)
    else:
        data = picture_cases.tiff_of_16_bits(values, "<" if "little" in kind else ">")
    assert decoding.brightest(data) == values[..., :3].max() == white
    image = decoding.decode(data, white=white)
    assert image.mode == ("RGB" if channels == 3 else "RGBA")
    assert np.array_equal(np.asarray(image), np.rint(values * (255 / white)))
    # By 65,535 they are as Pillow reads them.
    assert np.array_equal(np.asarray(decoding.decode(data, white=65535)), values >> 8)


def test_grey_with_alpha_of_16_bits_is_scaled_and_full_alpha_stays():
    values = noise(2, 4000)
    values[..., 1] = 65535
    data = picture_cases.png_of_16_bits(values)
    assert decoding.brightest(data) == 4000  # of the grey values
    packed = decoding.square(data, 13, 1.0, 1, white=4000)
    assert np.array_equal(packed[..., 0], np.rint(values[4:17, :, 0] * (255 / 4000)))


def test_a_colour_file_is_turned_and_its_profile_converted_after_scaling():
    values = np.zeros((24, 24, 3), np.uint16)
    values[:12] = np.multiply(picture_cases.COLOUR, 16)
    profile = b"iCCP" + b"p\0\0" + zlib.compress(P3)
    exif = b"eXIf" + bytes.fromhex("4d4d002a0000000800010112000300000001000300000000 0000")
    data = picture_cases.png_of_16_bits(values)
    for chunk in (profile, exif):
        check = struct.pack(">I", zlib.crc32(chunk))
        data = data[:33] + struct.pack(">I", len(chunk) - 4) + chunk + check + data[33:]
    packed = decoding.square(data, 24, 1.0, 3, white=255 * 16)
    assert packed[6, 12].tolist() == [0, 0, 0]
    assert np.abs(packed[18, 12] - p3_in_srgb(picture_cases.COLOUR)).max() <= 2


def test_a_colour_file_that_comes_later_is_scaled_as_the_set():
    later = picture_cases.colour(picture_cases.png_of_16_bits, "png", (2000, 1000, 500))["0.png"]
    photo = np.asarray(photo_alignment.read_photo(later, 4000))
    assert photo[8, 8].tolist() == [128, 64, 32]
    own = np.asarray(photo_alignment.read_photo(later))
    assert own[8, 8].tolist() == [255, 128, 64]


def test_a_colour_file_that_two_readers_read_differently_is_never_shown(monkeypatch):
    data = picture_cases.png_of_16_bits(noise(3, 4000))
    read = deep_colour._read
    monkeypatch.setattr(deep_colour, "_read", lambda *a: read(*a)[::-1])
    assert decoding.brightest(data) == 16 * 256 - 1  # by the upper byte, the most it can be
    with pytest.raises(decoding.Unreadable, match="cannot be read in full; save it as PNG"):
        decoding.decode(data, white=4000)


@pytest.mark.parametrize(
    ("brightest", "white"),
    [(0, None), (200, 200), (4095, 4095), (32767, 32767), (32768, 65535), (65535, 65535)],
)
def test_which_value_is_white(brightest, white):
    assert decoding.white_of(brightest) == white


def test_ordinary_sets_have_no_note_and_are_packed_as_before(tmp_path):
    (tmp_path / "a.png").write_bytes(encoded(flat()))
    (tmp_path / "b.tif").write_bytes(encoded(flat(0.5, "F"), "TIFF"))
    image_sources.pack(tmp_path, tmp_path / "out", size=SIZE)
    loaded = training_set.load(tmp_path / "out")
    assert "notes" not in loaded.card
    assert "brightest" not in loaded.card
    assert loaded.images[:, 8, 8].tolist() == [[200, 100, 50], [128] * 3]


# Large JPEGs.

DECODE = """
import resource, sys
from gan_core.data import decoding
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture = decoding.square(data, 64, 1.0, 3)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown // 1024, *picture[20, 32], *picture[44, 32])
"""


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_jpeg_of_108_megapixels_is_decoded_at_a_reduced_scale(tmp_path, python, options):
    image = Image.new("RGB", (12_000, 9_000), (0, 0, 255))
    image.paste((200, 100, 50), (0, 0, 12_000, 4_500))
    image.save(tmp_path / "a.jpg", quality=80, **options)
    del image
    grown, *levels = map(int, python("-c", DECODE, tmp_path / "a.jpg", check=True).stdout.split())
    assert np.abs(np.subtract(levels, [200, 100, 50, 0, 0, 255])).max() <= 4
    assert grown < 500  # MiB; the whole picture would take 320 more


def test_jpegs_beyond_the_limits_are_named(monkeypatch):
    data = encoded(Image.effect_noise((640, 640), 50).convert("RGB"), "JPEG", progressive=True)
    monkeypatch.setattr(decoding, "MAX_COEFFICIENTS", 640 * 640)
    with pytest.raises(decoding.Unreadable, match="progressive JPEG too large for memory"):
        decoding.decode(data)
    monkeypatch.setattr(decoding, "MAX_PIXELS_JPEG", 600 * 600)
    with pytest.raises(decoding.Unreadable, match="million pixels"):
        decoding.decode(data)


def test_jpegs_of_50_megapixels_and_less_keep_every_pixel():
    image = Image.effect_noise((1000, 1000), 90)
    assert decoding.decode(encoded(image, "JPEG")).size == (1000, 1000)


def test_a_reduced_jpeg_is_the_smaller_picture(monkeypatch):
    monkeypatch.setattr(decoding, "REDUCED", 100 * 100)
    large = Image.fromarray(waves()).resize((192, 192), Image.Resampling.BICUBIC)
    whole = decoding.decode(encoded(large, "JPEG", quality=95))
    assert whole.size == (96, 96)
    assert np.abs(np.asarray(whole, int) - waves()).mean() < 3
