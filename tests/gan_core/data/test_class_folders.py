"""Class folders, as ImageFolder wants them, become a column of a training set's attributes."""

import zipfile

import pytest
from PIL import Image

from gan_core.data import image_sources, training_set
from gan_core.util.errors import InputError

PETS = ["cats/a.png", "cats/old/b.png", "dogs/a.png", "dogs/c.png", "e.png"]


@pytest.fixture
def pets(tmp_path):
    return write(tmp_path / "pets", PETS)


def write(folder, files):
    for i, file in enumerate(files):
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (i * 40, 0, 0)).save(path)
    return folder


def classes(out):
    packed = training_set.load(out)
    return dict(zip(packed.files, packed.attributes["pet"].tolist(), strict=True))


def test_the_first_folder_is_the_class_and_outside_it_is_unknown(pets, tmp_path):
    image_sources.pack(pets, tmp_path / "out", size=16, folders="pet")
    assert classes(tmp_path / "out") == dict(
        zip(PETS, ["cats", "cats", "dogs", "dogs", ""], strict=True)
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_folders_that_hold_all_are_passed_over(pets, tmp_path, zipped):
    (pets / "e.png").unlink()
    source = tmp_path
    if zipped:
        source = tmp_path / "pets.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for file in PETS[:-1]:
                archive.write(pets / file, f"download/pets/{file}")
    image_sources.pack(source, tmp_path / "out", size=16, folders="pet")
    assert sorted(classes(tmp_path / "out").values()) == ["cats", "cats", "dogs", "dogs"]


def test_a_table_goes_with_class_folders(pets, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("file,old\ncats/a.png,0\ncats/old/b.png,1\n")
    image_sources.pack(pets, tmp_path / "out", size=16, folders="pet", attributes=str(table))
    packed = training_set.load(tmp_path / "out")
    assert classes(tmp_path / "out")["cats/old/b.png"] == "cats"
    assert packed.attributes["old"].tolist() == ["0", "1", "", "", ""]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [(["a.png", "b.png"], "has no class folders"), (["cats/a.png", "cats/b.png"], "two or more")],
)
def test_without_two_classes_there_is_a_sentence(tmp_path, files, sentence):
    with pytest.raises(InputError, match=sentence):
        image_sources.pack(write(tmp_path / "x", files), tmp_path / "out", size=16, folders="pet")
    assert not (tmp_path / "out").exists()


def test_names_that_are_taken_and_sets_with_classes_are_refused(pets, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("file,pet\ncats/a.png,0\n")
    with pytest.raises(InputError, match="already has a column pet"):
        image_sources.pack(pets, tmp_path / "out", folders="pet", attributes=str(table))
    with pytest.raises(InputError, match="mnist brings its classes with it"):
        image_sources.class_folders("mnist", "digit", [], [])
