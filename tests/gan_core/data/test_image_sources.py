"""Packing: every kind of picture and table in, honest squares and reasons out."""

import gzip
import hashlib
import http.server
import io
import pickle
import struct
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image
from torchvision import datasets, transforms

from gan_core.data import attribute_tables, decoding, image_sources, training_set
from gan_core.util.errors import InputError
from support import pictures, zipped


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat(colour, size=(12, 12), mode="RGB"):
    return Image.new(mode, size, colour)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def centre(image, channels=3):
    """The middle pixel of a packed square, as a list of int."""
    return decoding.square(image, 8, 1.0, channels)[4, 4].tolist()


@pytest.fixture
def folder(tmp_path):
    """Five flat pictures, one of them two folders down; picture i is grey of level 10 · i."""
    source = tmp_path / "pictures"
    for i, name in enumerate(["a.png", "b.png", "c.jpg", "deep/d.png", "deep/er/e.webp"]):
        save(source / name, flat((10 * i,) * 3))
    return source


def pack(tmp_path, source, **options):
    """Pack at size 8; returns (loaded set, skipped)."""
    used, held_out, skipped = image_sources.pack(source, tmp_path / "out", **{"size": 8} | options)
    loaded = training_set.load(tmp_path / "out")
    assert (used, held_out) == (len(loaded.images), len(loaded.held_out))
    return loaded, skipped


# --- Folders and zips. ---


def test_a_folder_is_packed_with_its_subfolders_in_order(tmp_path, folder):
    loaded, skipped = pack(tmp_path, folder, licence="Mine.")
    assert loaded.files == ["a.png", "b.png", "c.jpg", "deep/d.png", "deep/er/e.webp"]
    assert np.abs(loaded.images[:, 4, 4, 0].astype(int) - [0, 10, 20, 30, 40]).max() <= 1
    assert skipped == []
    assert loaded.card["source"] == "pictures"
    assert loaded.card["name"] == "out"
    assert loaded.card["licence"] == "Mine."
    assert loaded.card["framing"] == {"crop": 1.0, "size": 8, "channels": 3}


def test_a_zip_is_packed_like_its_folder(tmp_path, folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    members = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
    archive = zipped(tmp_path / "pictures.zip", members)
    from_zip, skipped = pack(tmp_path, archive)
    (tmp_path / "out").rename(tmp_path / "first")
    from_folder, _ = pack(tmp_path, folder)
    assert from_zip.fingerprint == from_folder.fingerprint
    assert from_zip.files == from_folder.files
    assert skipped == []


def test_hidden_files_and_tables_are_no_pictures(tmp_path, folder):
    for name in (".hidden.png", ".git/x.png", "__MACOSX/a.png", "deep/.DS_Store"):
        save(folder / name, flat("red"), format="PNG")
    for name in ("labels.csv", "README.md", "notes.TXT"):
        (folder / name).write_text("no picture")
    loaded, skipped = pack(tmp_path, folder)
    assert len(loaded.images) == 5
    assert skipped == []


def test_unreadable_files_are_skipped_and_named_with_a_reason(tmp_path, folder):
    jpeg = encoded(Image.fromarray(pictures(1, 64)[0]), "JPEG")
    (folder / "cut.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").write_bytes(b"")
    png = encoded(Image.fromarray(pictures(1, 64)[0]))
    (folder / "bits.png").write_bytes(png[:500] + b"\x00" * 50 + png[550:])
    (folder / "gone.png").symlink_to(folder / "nowhere")
    loaded, skipped = pack(tmp_path, folder)
    assert len(loaded.images) == 5
    reasons = dict(skipped)
    assert set(reasons) == {"cut.jpg", "text.jpg", "empty.png", "bits.png"}
    assert "truncated" in reasons["cut.jpg"]
    assert "not an image" in reasons["text.jpg"]
    assert all(reason and "\n" not in reason for reason in reasons.values())


def test_damaged_and_encrypted_members_of_a_zip_are_skipped(tmp_path):
    png = encoded(Image.fromarray(pictures(1, 64)[0]))
    good = encoded(flat("red"))
    path = zipped(tmp_path / "a.zip", {"a.png": good, "b.png": png, "c.png": png, "d.png": png})
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        starts = {i.filename: i.header_offset for i in archive.infolist()}
    middle = starts["b.png"] + 40  # inside the deflated stream
    data[middle : middle + 8] = b"\xff" * 8
    data[starts["c.png"] + 6] |= 1  # a mark of encryption, here and in the directory
    entry = data.index(b"c.png", data.index(b"PK\x01\x02")) - 46
    data[entry + 8] |= 1
    entry = data.index(b"d.png", data.index(b"PK\x01\x02")) - 46
    data[entry + 10 : entry + 12] = b"\x63\x00"  # a method nobody knows
    path.write_bytes(data)
    loaded, skipped = pack(tmp_path, path)
    assert loaded.files == ["a.png"]
    assert {file for file, _ in skipped} == {"b.png", "c.png", "d.png"}
    assert all(reason for _, reason in skipped)
    assert dict(skipped)["c.png"].startswith("protected by a password")


def test_too_large_is_said_before_it_is_read(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 1000)
    save(folder / "wide.png", flat("red", (200, 6)))
    monkeypatch.setattr(image_sources, "MAX_BYTES", 5000)
    save(folder / "heavy.bmp", flat("red", (100, 100)))
    members = {"a.png": encoded(flat("red")), "heavy.bmp": encoded(flat("red", (100, 100)), "BMP")}
    _, skipped = pack(tmp_path, folder)
    assert {file for file, _ in skipped} == {"wide.png", "heavy.bmp"}
    (tmp_path / "out").rename(tmp_path / "first")
    _, skipped = pack(tmp_path, zipped(tmp_path / "a.zip", members))
    assert [file for file, _ in skipped] == ["heavy.bmp"]


# --- Kinds of pictures. ---


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (flat(90, mode="L"), [90] * 3),
        (flat(1, mode="1"), [255] * 3),
        (flat((200, 100, 50)), [200, 100, 50]),
        (flat((200, 100, 50, 255), mode="RGBA"), [200, 100, 50]),
        (flat((200, 100, 50, 0), mode="RGBA"), [255] * 3),
        (flat((0, 0, 0, 127), mode="RGBA"), [128] * 3),
        (flat((80, 255), mode="LA"), [80] * 3),
        (flat((80, 0), mode="LA"), [255] * 3),
        (flat((200, 100, 50)).convert("P", palette=Image.Palette.ADAPTIVE), [200, 100, 50]),
        (flat((0, 255, 255, 0), mode="CMYK"), [255, 0, 0]),
        (flat((200, 100, 50)).convert("YCbCr"), [200, 100, 50]),
        (flat((200, 100, 50)).convert("HSV"), [200, 100, 50]),
        (flat((128, 128, 128), mode="LAB"), [119] * 3),
        (flat(65535, mode="I;16"), [255] * 3),
        (flat(32896, mode="I;16"), [128] * 3),
        (flat(200, mode="I;16"), [1] * 3),
        (flat(32896, mode="I;16B"), [128] * 3),
        (flat(32896, mode="I"), [128] * 3),
        (flat(200, mode="I"), [200] * 3),
        (flat(0.5, mode="F"), [128] * 3),
        (flat(100.0, mode="F"), [100] * 3),
        (flat(float("nan"), mode="F"), [0] * 3),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value[0]),
)
def test_every_mode_becomes_colour_and_grey(image, expected):
    assert np.abs(np.subtract(centre(image), expected)).max() <= 2
    r, g, b = expected
    assert abs(centre(image, channels=1)[0] - (0.299 * r + 0.587 * g + 0.114 * b)) <= 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (encoded(flat(90, mode="L")), [90] * 3),
        (encoded(flat(0, mode="P"), transparency=0), [255] * 3),
        (encoded(flat((9, 8, 7)), transparency=(9, 8, 7)), [255] * 3),
        (encoded(flat(9, mode="L"), transparency=9), [255] * 3),
        (encoded(flat(32896, mode="I;16")), [128] * 3),
        (encoded(flat(200, mode="I;16")), [1] * 3),
        (encoded(flat(32896, mode="I;16"), "TIFF"), [128] * 3),
        (encoded(flat(0.25, mode="F"), "TIFF"), [64] * 3),
        (encoded(flat((0, 255, 255, 0), mode="CMYK"), "JPEG", quality=95), [255, 0, 0]),
        (encoded(flat((0, 255, 255, 0), mode="CMYK"), "TIFF"), [255, 0, 0]),
        (encoded(flat(0, mode="1"), "TIFF"), [0] * 3),
        (encoded(flat((200, 100, 50)), "BMP"), [200, 100, 50]),
        (encoded(flat((200, 100, 50)), "GIF"), [200, 100, 50]),
        (encoded(flat((0, 0, 0, 127), mode="RGBA"), "WEBP", lossless=True), [128] * 3),
    ],
)
def test_files_of_every_kind_are_read(data, expected):
    assert np.abs(np.subtract(centre(data), expected)).max() <= 4


def test_a_transparent_palette_colour_is_white_and_the_others_stay():
    image = flat(0, (16, 16), "P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (8, 0, 16, 16))
    packed = decoding.square(encoded(image, transparency=0), 16, 1.0, 3)
    assert packed[8, 2].tolist() == [255, 255, 255]
    assert packed[8, 13].tolist() == [0, 0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_followed(orientation):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8, :8], upright[:8, 8:], upright[8:, :8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    # The stored rows that each orientation turns back into the upright picture (EXIF 2.32, 4.6.4).
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert np.array_equal(decoding.square(data, 16, 1.0, 3), upright)


# --- Framing. ---


@pytest.mark.parametrize("shape", [(178, 218), (218, 178), (100, 100), (64, 200), (31, 47)])
def test_whole_framing_is_that_of_the_tutorial(shape):
    width, height = shape
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / 9 + k) * np.cos(y / 11) for k in range(3)]
    image = Image.fromarray(np.stack(waves, -1).astype(np.uint8))
    tutorial = transforms.Compose([transforms.Resize(64), transforms.CenterCrop(64)])
    expected = np.asarray(tutorial(image)).astype(int)
    difference = np.abs(decoding.square(image, 64, 1.0, 3) - expected)
    # The tutorial rounds its crop to whole pixels and resizes bilinearly.
    assert difference.mean() < 4
    edge = np.abs(np.roll(expected, 3, axis=0) - expected).mean()
    assert difference.mean() < edge / 3


def test_a_square_lands_where_the_framing_says():
    image = flat("black", (300, 200))
    # The centre 100 × 100 pixels begin at (100, 50); a white square fills their upper left quarter.
    image.paste((255, 255, 255), (100, 50, 150, 100))
    packed = decoding.square(image, 20, 0.5, 1)[..., 0].astype(int)
    # The filter looks one packed pixel to either side.
    assert (packed[:10, :10] > 200).all()
    assert (packed[10:] < 30).all()
    assert (packed[:, 10:] < 30).all()


def test_small_pictures_are_enlarged():
    assert decoding.square(flat("red", (3, 2)), 32, 1.0, 3).shape == (32, 32, 3)
    assert decoding.square(flat("red", (1, 900)), 8, 0.01, 3)[4, 4].tolist() == [255, 0, 0]


def test_grey_sets_have_one_channel(tmp_path, folder):
    loaded, _ = pack(tmp_path, folder, channels=1)
    assert loaded.images.shape == (5, 8, 8, 1)


# --- Attributes and held-out images. ---


def test_attributes_with_and_without_folders(tmp_path, folder):
    table = tmp_path / "labels.csv"
    table.write_text("\ufefffile, smiling,hair\na.png,1,red\nd.png,0,fair\ndeep/er/e.webp,1,dark\n")
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.attributes["smiling"].tolist() == ["1", "", "", "0", "1"]
    assert loaded.attributes["hair"].tolist() == ["red", "", "", "fair", "dark"]


def test_celebas_list_of_attributes(tmp_path, folder):
    table = tmp_path / "list_attr_celeba.txt"
    names = ["a.png", "b.png", "c.jpg", "d.png", "e.webp"]
    rows = [f"{name}  {1 if i % 2 else -1} {-1 if i else 1}" for i, name in enumerate(names)]
    table.write_text("5\nSmiling Eyeglasses\n" + "\n".join(rows) + "\n")
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.attributes["Smiling"].tolist() == [0, 1, 0, 1, 0]
    assert loaded.attributes["Eyeglasses"].tolist() == [1, 0, 0, 0, 0]
    assert loaded.attributes["Smiling"].dtype == np.uint8


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "header"),
        ("name,smiling\na.png,1\n", "header"),
        ("file,smiling\na.png,1\nb.png\n", "row 2"),
        ("2\nSmiling Hat\na.png 1 1\nb.png 1\n", "row 2"),
        (b"\xff\xfe\x00\x80", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_tables_that_do_not_fit_are_refused_in_one_sentence(tmp_path, folder, text, part):
    table = tmp_path / "labels.csv"
    if text is not None:
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=part) as caught:
        image_sources.pack(folder, tmp_path / "out", size=8, attributes=table)
    assert str(table) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "rows",
    [
        ["a", "b", "c", "d", "e"],  # without endings
        ["x\\a.png", "x\\b.png", "x\\c.jpg", "deep\\d.png", "deep\\er\\e.webp"],
        ["C:\\me\\pictures\\a.png", "b.png", "./c.jpg", "pictures/deep/d.png", "er/e.webp"],
        ["A.PNG", "B.png", "C.JPG", "DEEP/D", " e.webp "],
    ],
    ids=["no endings", "backslashes", "whole paths", "capitals"],
)
def test_rows_match_however_the_files_are_written(tmp_path, folder, rows):
    table = tmp_path / "labels.csv"
    table.write_text("file,number\n" + "".join(f"{row},{i}\n" for i, row in enumerate(rows)))
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.attributes["number"].tolist() == ["0", "1", "2", "3", "4"]
    assert "notes" not in loaded.card


def test_a_row_of_another_folder_or_of_two_pictures_is_not_taken():
    table = {"train/a.png": ("1",), "b/x.png": ("2",), "c/x.png": ("3",), "deep/y": ("4",)}
    find = attribute_tables.finder(table)
    assert find("train/a.png") == find("set/train/a.png") == find("a.png") == ("1",)
    assert find("test/a.png") is None  # of another folder
    assert find("x.png") is None  # of two rows
    assert find("b/x.png") == ("2",)
    assert find("deep/y.png") == ("4",)
    assert find("y.tar.gz") is None


@pytest.mark.parametrize("source", ["folder", "zip"])
def test_a_table_without_any_of_the_pictures_is_refused_before_packing(
    tmp_path, folder, source, monkeypatch
):
    table = tmp_path / "labels.csv"
    table.write_text("file,smiling\n1.png,1\n2.png,0\n")
    if source == "zip":
        files = [p for p in folder.rglob("*") if p.is_file()]
        members = {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}
        folder = zipped(tmp_path / "pictures.zip", members)
    monkeypatch.setattr(decoding, "square", None)  # nothing is decoded
    with pytest.raises(
        InputError, match=r"0 of 5 pictures are in the table .*labels\.csv"
    ) as caught:
        image_sources.pack(folder, tmp_path / "out", size=8, attributes=table)
    assert "'1.png', the first picture is 'a.png'" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_table_without_any_picture_of_a_data_set_is_refused(tmp_path, celeba):
    table = tmp_path / "mine.csv"
    table.write_text("file,mine\nx.jpg,1\n")
    with pytest.raises(InputError, match="0 of 9 pictures are in the table"):
        pack(tmp_path, "celeba", root=tmp_path / "root", attributes=table)
    assert not (tmp_path / "out").exists()


def test_a_table_with_some_of_the_pictures_is_told_with_numbers(tmp_path, folder):
    table = tmp_path / "labels.csv"
    table.write_text("file,smiling\na.png,1\nb.png,0\nother.png,1\n")
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.card["notes"] == [
        "2 of 5 pictures are in the table labels.csv; the attributes of the others are unknown."
    ]
    assert loaded.attributes["smiling"].tolist() == ["1", "0", "", "", ""]


@pytest.mark.parametrize(
    ("yes", "no"),
    [("True", "False"), ("yes", "no"), ("1.0", "0.0"), ("1", "-1"), ("1.0", "-1.0"), ("YES", "No")],
)
def test_yes_and_no_in_any_spelling(tmp_path, folder, yes, no):
    table = tmp_path / "labels.csv"
    rows = [yes, no, f" {yes}", no, no]
    names = ["a.png", "b.png", "c.jpg", "d.png", "e.webp"]
    table.write_text(
        "file,smiling,hair\n" + "".join(f"{n},{v},fair\n" for n, v in zip(names, rows, strict=True))
    )
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.attributes["smiling"].dtype == np.uint8
    assert loaded.attributes["smiling"].tolist() == [1, 0, 1, 0, 0]
    assert loaded.attributes["hair"].tolist() == ["fair"] * 5


def test_other_columns_keep_their_words_and_empty_cells_are_unknown(tmp_path, folder):
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,age,known,odd\na.png,1.0,True,yes\nb.png,2.0,,no\nc.jpg,-1,False,maybe\n"
        "d.png,0,,\ne.webp,1,True,yes\n"
    )
    loaded, _ = pack(tmp_path, folder, attributes=table)
    assert loaded.attributes["age"].tolist() == ["1.0", "2.0", "-1", "0", "1"]
    assert loaded.attributes["known"].tolist() == ["1", "", "0", "", "1"]
    assert loaded.attributes["odd"].tolist() == ["yes", "no", "maybe", "", "yes"]


# --- Links. ---


def test_linked_folders_that_lead_outside_are_named_as_left_out(tmp_path, folder):
    other = tmp_path / "elsewhere"
    save(other / "x.png", flat("red"))
    (folder / "more").symlink_to(other)
    (folder / "again").symlink_to(folder)  # a loop
    (folder / "deep" / "up").symlink_to(folder / "deep")
    loaded, skipped = pack(tmp_path, folder)
    assert loaded.files == ["a.png", "b.png", "c.jpg", "deep/d.png", "deep/er/e.webp"]
    assert skipped == []
    assert loaded.card["notes"] == [
        "1 linked folder left out, because it leads outside pictures: more. Copy the pictures into "
        "pictures to use them."
    ]


# --- Records. ---


def test_the_files_that_were_skipped_are_listed_in_the_set(tmp_path, folder):
    (folder / "text.jpg").write_text("not a picture")
    loaded, _ = pack(tmp_path, folder)
    assert loaded.card["skipped"] == 1
    rows = (tmp_path / "out" / "skipped.csv").read_text("utf-8").splitlines()
    assert rows == ["file,reason", "text.jpg,not an image that Pillow can read"]
    assert training_set.names_of(tmp_path / "out") == {*loaded.files, "text.jpg"}
    (tmp_path / "out" / "skipped.csv").write_bytes(b"\xff\0")
    assert training_set.names_of(tmp_path / "out") is None


@pytest.mark.parametrize("number", [2, "2"])
def test_the_last_images_are_held_out_by_number(tmp_path, folder, number):
    loaded, _ = pack(tmp_path, folder, held_out=number)
    assert loaded.files == ["a.png", "b.png", "c.jpg"]
    assert loaded.held_out_files == ["deep/d.png", "deep/er/e.webp"]
    assert loaded.held_out[1, 4, 4, 0] == pytest.approx(40, abs=1)


def test_images_are_held_out_by_a_list(tmp_path, folder):
    names = tmp_path / "test.txt"
    names.write_text("a.png\n\n deep/d.png \ne.webp\n")
    loaded, _ = pack(tmp_path, folder, held_out=names)
    assert loaded.files == ["b.png", "c.jpg"]
    assert loaded.held_out_files == ["a.png", "deep/d.png", "deep/er/e.webp"]


# --- What cannot work. ---


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"held_out": 5}, "5 held-out images of 5"),
        ({"held_out": "nowhere.txt"}, "neither a number nor a readable list"),
        ({"crop": 0}, "crop is 0"),
        ({"crop": 1.5}, "crop is 1.5"),
        ({"crop": float("nan")}, "crop is nan"),
        ({"size": 4}, "size is 4"),
        ({"size": 5000}, "size is 5000"),
        ({"channels": 4}, "1 or 3 channels"),
    ],
)
def test_impossible_options_are_refused(tmp_path, folder, options, part):
    with pytest.raises(InputError, match=part) as caught:
        image_sources.pack(folder, tmp_path / "out", **{"size": 8} | options)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out*"))


def test_no_usable_image_is_an_error(tmp_path):
    source = tmp_path / "pictures"
    source.mkdir()
    # First an empty folder, then one with a file that is no picture.
    for part in (
        "no usable",
        r"No picture can be used.* first of 1 file is text\.jpg: not an image",
    ):
        with pytest.raises(InputError, match=part):
            image_sources.pack(source, tmp_path / "out", size=8)
        assert not list(tmp_path.glob("out*"))
        (source / "text.jpg").write_text("no")


def test_a_source_that_is_not_there_or_not_one(tmp_path):
    with pytest.raises(InputError, match=r"does not exist.*celeba"):
        image_sources.pack(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        image_sources.pack(tmp_path / "file", tmp_path / "out")


def test_an_existing_set_stays(tmp_path, folder):
    before, _ = pack(tmp_path, folder)
    with pytest.raises(InputError, match="already exists"):
        image_sources.pack(folder, tmp_path / "out", size=16)
    assert training_set.load(tmp_path / "out").fingerprint == before.fingerprint


# --- Memory. ---

GROWTH = """
import io, resource, sys
from PIL import Image
import numpy as np
from gan_core.data import image_sources

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

noise = np.random.RandomState(0).randint(0, 256, (64, 64, 3)).astype(np.uint8)
buffer = io.BytesIO()
Image.fromarray(noise).save(buffer, "BMP")

def opened(source, root, download):
    def stream():
        for i in range(int(source)):
            yield f"{i}.bmp", lambda: buffer.getvalue() + b"", None, i % 10 == 0
    return stream(), int(source), ()

image_sources.open_source = opened
image_sources.pack("300", sys.argv[1] + "/few")
before = peak()
image_sources.pack("4000", sys.argv[1] + "/many")
print(peak() - before)
"""


@pytest.mark.slow
def test_memory_stays_flat_while_packing(tmp_path, python):
    grown = int(python("-c", GROWTH, tmp_path, check=True).stdout)  # KiB
    images = 4000 * 64 * 64 * 3 // 1024
    assert grown < images / 5
    assert training_set.read_card(tmp_path / "many")["shape"][0] == 3600


# --- torchvision's data sets, through its own classes. ---


@pytest.fixture
def serve(tmp_path):
    """Serve a folder on this machine; returns (folder, address)."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_mnist_is_downloaded_and_its_test_part_held_out(tmp_path, serve, monkeypatch, name, kind):
    mirror, address = serve
    images, labels = pictures(9, 28, 1), np.arange(9, dtype=np.uint8)
    for part, chosen in {"train": slice(0, 6), "t10k": slice(6, 9)}.items():
        head = struct.pack(">IIII", 2051, len(labels[chosen]), 28, 28)
        data = gzip.compress(head + images[chosen].tobytes())
        (mirror / f"{part}-images-idx3-ubyte.gz").write_bytes(data)
        head = struct.pack(">II", 2049, len(labels[chosen]))
        data = gzip.compress(head + labels[chosen].tobytes())
        (mirror / f"{part}-labels-idx1-ubyte.gz").write_bytes(data)
    real = getattr(datasets, kind)
    monkeypatch.setattr(real, "mirrors", [address])
    listed = [(file, md5(mirror / file)) for file, _ in real.resources]
    monkeypatch.setattr(real, "resources", listed)
    options = {"size": 28, "channels": 1, "root": tmp_path / "root"}
    with pytest.raises(InputError, match=r"--download") as caught:
        pack(tmp_path, name, **options)
    assert "\n" not in str(caught.value)
    loaded, skipped = pack(tmp_path, name, download=True, **options)
    assert skipped == []
    assert np.array_equal(loaded.images, images[:6])
    assert np.array_equal(loaded.held_out, images[6:])
    if name == "mnist":
        assert loaded.attributes["digit"].tolist() == ["0", "1", "2", "3", "4", "5"]
    else:
        assert loaded.attributes["label"].tolist() == real.classes[:6]
    assert loaded.files[0] == "train/000000"
    assert loaded.held_out_files[0] == "test/000000"
    assert loaded.card["source"] == name


def test_cifar10_is_downloaded_and_its_test_part_held_out(tmp_path, serve, monkeypatch):
    mirror, address = serve
    images = pictures(12, 32)
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()

    def write(name, content):
        (batches / name).write_bytes(pickle.dumps(content))
        return [name, md5(batches / name)]

    def batch(name, start):
        data = images[start : start + 2].transpose(0, 3, 1, 2).reshape(2, -1)
        return write(name, {"data": data, "labels": [start // 2, 1]})

    real = datasets.CIFAR10
    train = [batch(f"data_batch_{i + 1}", 2 * i) for i in range(5)]
    monkeypatch.setattr(real, "train_list", train)
    monkeypatch.setattr(real, "test_list", [batch("test_batch", 10)])
    names = [f"class{i}" for i in range(10)]
    meta = write("batches.meta", {"label_names": names})
    keyed = {"filename": meta[0], "md5": meta[1], "key": "label_names"}
    monkeypatch.setattr(real, "meta", keyed)
    with tarfile.open(mirror / "cifar.tar.gz", "w:gz") as archive:
        archive.add(batches, batches.name)
    monkeypatch.setattr(real, "url", address + "cifar.tar.gz")
    monkeypatch.setattr(real, "tgz_md5", md5(mirror / "cifar.tar.gz"))
    loaded, _ = pack(tmp_path, "cifar10", size=32, root=tmp_path / "root", download=True)
    assert np.array_equal(loaded.images, images[:10])
    assert np.array_equal(loaded.held_out, images[10:])
    assert loaded.held_out_attributes["label"].tolist() == ["class5", "class1"]


@pytest.fixture
def celeba(tmp_path, monkeypatch):
    """Nine pictures in CelebA's layout: five to train, two to validate, two to test."""
    base = tmp_path / "root" / "celeba"
    files = [f"{i:06d}.jpg" for i in range(9)]
    for i, file in enumerate(files):
        save(base / "img_align_celeba" / file, flat((20 * i,) * 3, (178, 218)), quality=95)

    def write(name, head, rows):
        lines = [f"{file} {row}" for file, row in zip(files, rows, strict=True)]
        (base / name).write_text("\n".join([*head, *lines]) + "\n")

    write("list_eval_partition.txt", [], [0, 0, 0, 0, 0, 1, 1, 2, 2])
    write("identity_CelebA.txt", [], range(9))
    marks = [f"{1 if i % 2 else -1} -1" for i in range(9)]
    write("list_attr_celeba.txt", ["9", "Smiling Eyeglasses "], marks)
    write("list_bbox_celeba.txt", ["9", "image_id x_1 y_1 width height"], ["1 2 3 4"] * 9)
    eyes = "lefteye_x lefteye_y"
    write("list_landmarks_align_celeba.txt", ["9", eyes], ["1 2"] * 9)
    monkeypatch.setattr(datasets.CelebA, "_check_integrity", lambda self: True)
    return base


def test_celeba_is_read_with_its_attributes_and_its_test_part_held_out(tmp_path, celeba):
    loaded, _ = pack(tmp_path, "celeba", root=tmp_path / "root", crop=140 / 178)
    assert loaded.files == [f"{i:06d}.jpg" for i in range(7)]
    assert loaded.held_out_files == ["000007.jpg", "000008.jpg"]
    assert loaded.attributes["Smiling"].tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert loaded.attributes["Eyeglasses"].tolist() == [0] * 7
    assert list(loaded.attributes) == ["Smiling", "Eyeglasses"]
    levels = loaded.images[:, 4, 4, 0].astype(int)
    assert np.abs(levels - 20 * np.arange(7)).max() <= 2


def test_only_the_first_images_are_taken(tmp_path, celeba):
    loaded, _ = pack(tmp_path, "celeba", root=tmp_path / "root", first=4, held_out=1)
    assert loaded.files == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert loaded.held_out_files == ["000003.jpg"]
    with pytest.raises(InputError, match="first is -1"):
        pack(tmp_path, "celeba", root=tmp_path / "root", first=-1)


def test_one_missing_file_of_celeba_is_skipped(tmp_path, celeba):
    (celeba / "img_align_celeba" / "000002.jpg").unlink()
    (celeba / "img_align_celeba" / "000003.jpg").write_text("no picture")
    loaded, skipped = pack(tmp_path, "celeba", root=tmp_path / "root")
    assert loaded.files == ["000000.jpg", "000001.jpg", "000004.jpg", "000005.jpg", "000006.jpg"]
    assert loaded.attributes["Smiling"].tolist() == [0, 1, 0, 1, 0]
    assert len(skipped) == 2


def test_a_table_goes_before_the_labels_of_the_data_set(tmp_path, celeba):
    table = tmp_path / "mine.csv"
    table.write_text("file,mine\n000000.jpg,yes\n")
    loaded, _ = pack(tmp_path, "celeba", root=tmp_path / "root", attributes=table)
    assert loaded.attributes["mine"].tolist() == ["1", *[""] * 6]


def test_lfw_people_is_read_from_its_folder(tmp_path, monkeypatch):
    base = tmp_path / "root" / "lfw-py"
    for name in ("Ada_L", "Alan_T"):
        for number in (1, 2):
            where = base / "lfw_funneled" / name / f"{name}_{number:04d}.jpg"
            save(where, flat((99,) * 3, (250, 250)))
    (base / "peopleDevTrain.txt").write_text("1\nAda_L\t2\n")
    (base / "peopleDevTest.txt").write_text("1\nAlan_T\t2\n")
    (base / "lfw-names.txt").write_text("Ada_L\t2\nAlan_T\t2\n")
    monkeypatch.setattr(datasets.LFWPeople, "_check_integrity", lambda self: True)
    loaded, _ = pack(tmp_path, "lfw-people", root=tmp_path / "root")
    assert (len(loaded.images), len(loaded.held_out)) == (2, 2)


@pytest.mark.parametrize("name", image_sources.TORCHVISION)
def test_a_data_set_that_is_not_there_is_one_sentence(tmp_path, name):
    with pytest.raises(InputError, match=r"--download") as caught:
        image_sources.pack(name, tmp_path / "out", root=tmp_path / "root")
    assert name in str(caught.value)
    assert str(tmp_path / "root") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_download_that_fails_is_one_sentence(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(datasets.MNIST, "mirrors", [serve[1]])  # holds nothing
    with pytest.raises(InputError, match="mnist cannot be loaded") as caught:
        image_sources.pack("mnist", tmp_path / "out", root=tmp_path / "root", download=True)
    assert "\n" not in str(caught.value)


# --- Real images. ---


@pytest.mark.slow
def test_real_faces_are_packed_with_their_attributes(tmp_path, shared):
    path = shared / "celeba10k_89x109.zip"
    some = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".jpg"))[:60]:
            some[name] = archive.read(name)
        (tmp_path / "labels.csv").write_bytes(archive.read("labels.csv"))
    source = zipped(tmp_path / "faces.zip", some)
    options = {"size": 64, "crop": 140 / 178, "attributes": tmp_path / "labels.csv"}
    loaded, skipped = pack(tmp_path, source, held_out=10, **options)
    assert skipped == []
    assert (len(loaded.images), len(loaded.held_out)) == (50, 10)
    assert len(loaded.attributes) == 40
    assert 0.2 < loaded.attributes["Smiling"].mean() < 0.8
    assert loaded.images.std() > 40


def test_real_digits_are_packed_exactly(tmp_path, shared):
    with np.load(shared / "mnist_63k.npz") as archive:
        digits = archive["test_images"][:20]
    source = tmp_path / "digits"
    for i, digit in enumerate(digits):
        save(source / f"{i:02d}.png", Image.fromarray(digit))
    loaded, _ = pack(tmp_path, source, size=28, channels=1)
    assert np.array_equal(loaded.images[..., 0], digits)
