"""Files of strangers: fuzzed readers, and the worst files that are known by name.

See hostile.py for how a reader is held to what it may do.
"""

import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "gan_core" / "data")]  # when this file is run as a script
import hostile  # noqa: E402
from gan_core import checkpoint, importers  # noqa: E402
from gan_core.data import attribute_tables, decoding, image_sources, photo_alignment, training_set  # noqa: E402
from gan_core.importers import onnx_import, safe_load  # noqa: E402
from gan_core.latent_space import directions  # noqa: E402
from gan_core.metrics import fidelity_report, realism, seed_table  # noqa: E402
from gan_core.networks import onnx_generator, registry  # noqa: E402
from gan_core.training import snapshot  # noqa: E402
from gan_core.util import checked_safetensors  # noqa: E402
from gan_core.util.errors import InputError  # noqa: E402
from picture_cases import ADOBE, P3, png_of_16_bits, tiff_of_16_bits  # noqa: E402

KINDS = (
    *("image", "zip", "csv", "model.json", "weights", "sealed", "directions", "state"),
    *("realism", "seeds"),
    *("import", "onnx", "set.json", "index.csv", "images.npy", "images.zip"),
)


def picture(kind="PNG", mode="RGB", size=(24, 16), frames=0, **options):
    """The bytes of a small picture file."""
    stream = np.random.RandomState(0)
    images = [
        Image.fromarray(stream.randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)).convert(
            mode
        )
        for _ in range(max(frames, 1))
    ]
    buffer = io.BytesIO()
    if frames:
        options |= {"save_all": True, "append_images": images[1:]}
    images[0].save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def write_checkpoint(directory):
    """A checkpoint of a small DCGAN with a direction; returns its card."""
    architecture = {"name": "dcgan", "size": 32, "channels": 3, "nz": 4, "ngf": 1, "ndf": 1}
    about = {"name": "toy", "architecture": architecture, "prior": {"kind": "normal", "size": 4}}
    about |= {"objective": "wgan", "training": {"kimg": 1.5, "hours": 0.1}, "licence": "CC0"}
    about_set = {"name": "set", "how": "Ask.", "fingerprint": "0" * 64, "shape": [9, 32, 32, 3]}
    number = {"measure": "FD-x", "of": "samples", "to": "training", "value": 1.5, "n_of": 9}
    about["metrics"] = {"x": {"features": "x", "numbers": [{**number, "n_to": 9}]}}
    about["training_set"] = about_set | {"framing": {"crop": 0.9, "size": 32, "channels": 3}}
    checkpoint.save(directory, *registry.build(architecture), about)
    model = checkpoint.load(directory)
    directions.save(model, [directions.Direction("smile", np.float32([1, 0, 0, 0]))])
    about = {"training_set": "0" * 64, "features": "x", "version": "y"}
    features = np.random.RandomState(0).standard_normal((40, 16))
    realism.save(directory, realism.make(features, dimensions=4, about=about))
    return json.loads((directory / "model.json").read_text())


def write_set(directory):
    with training_set.writing(directory, 8, 3, {"name": "set"}, ["hat"]) as writer:
        for i in range(6):
            writer.add(np.full((8, 8, 3), i, np.uint8), f"{i}.png", {"hat": i % 2}, i > 3)


def graph():
    """The bytes of a small ONNX generator."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((4, 192), np.float32), "w")
    shape = numpy_helper.from_array(np.int64([-1, 3, 8, 8]), "s")
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["a"]),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Reshape", ["b", "s"], ["images"]),
    ]
    ends = (
        helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4]),
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, 8, 8]),
    )
    made = helper.make_graph(nodes, "g", [ends[0]], [ends[1]], [weight, shape])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()


# The readers.


def read_image(data, folder):
    for read in (photo_alignment.read_photo, lambda data: decoding.square(data, 16, 1.0, 3)):
        try:
            read(data)
        except decoding.Unreadable as error:  # what `pack` tells of a file that it skips
            problem = InputError(str(error))
        except InputError as error:
            problem = error
        else:
            problem = None
    if problem:
        raise problem


def read_zip(data, folder):
    (folder / "a.zip").write_bytes(data)
    stream, _, _ = image_sources.open_source(folder / "a.zip", "", False)
    for number, (_, opened, _, _) in enumerate(stream):
        if number > 20:
            break
        try:
            decoding.square(opened(), 16, 1.0, 3)
        except decoding.Unreadable:
            continue


def read_csv(data, folder):
    (folder / "a.csv").write_bytes(data)
    attribute_tables.read(folder / "a.csv")


def readers(folder):
    """{kind: (strategy, read)}, with the right files that the strategies start from."""
    from hypothesis import strategies as some

    model, packed, embedded = folder / "model", folder / "set", folder / "embedded"
    card = write_checkpoint(model)
    write_set(packed)
    training_set.embed(packed, embedded)
    right = {path.name: path.read_bytes() for path in (*model.iterdir(), *packed.iterdir())}
    weights, sealed_file = right["generator.safetensors"], right["directions.safetensors"]
    loaded = checkpoint.load(model)
    generator = loaded.generator.state_dict()
    snapshot.save(
        folder / "state", {"g": loaded.generator}, torch.Generator(), {"k": 1}, 2, {"a": 3}
    )
    saved = []
    for new in (True, False):
        torch.save(generator, folder / "g.pt", _use_new_zipfile_serialization=new)
        saved.append((folder / "g.pt").read_bytes())
    (folder / "g.pt").unlink()
    deep = np.random.default_rng(0).integers(0, 4000, (16, 24, 3), np.uint16)
    pictures = [
        *(
            picture("PNG"),
            picture("PNG", "P"),
            picture("PNG", "RGBA"),
            picture("JPEG"),
            picture("BMP"),
        ),
        *(picture("GIF", frames=3), picture("WEBP", lossless=True), picture("WEBP", frames=3)),
        *(picture("TIFF"), picture("TIFF", compression="tiff_lzw"), picture("PNG", "I;16")),
        *(picture("JPEG", progressive=True), picture("PNG", icc_profile=P3)),
        picture("TIFF", icc_profile=ADOBE),
        png_of_16_bits(deep),
        tiff_of_16_bits(deep),
    ]
    small = picture()
    zips = [
        zipped({"a/b.png": small, "c.jpg": picture("JPEG")}),
        zipped({"a.png": small, "t.zip": zipped({"x.png": small})}, zipfile.ZIP_STORED),
        zipped({"../a.png": small, "/etc/b.png": small}, zipfile.ZIP_BZIP2),
    ]
    tables = [
        b'file,smiling,hat\r\na.png,1,-1\r\nb.png,0,"x, y"\r\n',
        "\ufefffile,ψ\nä.png,1\n".encode(),
        b"2\nSmiling Hat\na.png 1 -1\nb.png -1 1\n",
    ]

    def in_place(name, place, read):
        """A reader of one file of a directory, whose others stay right."""
        good = (place / name).read_bytes()

        def reader(data, folder):
            (place / name).write_bytes(data)
            try:
                read()
            finally:
                (place / name).write_bytes(good)

        return reader

    def load():
        opened = checkpoint.load(model)
        fidelity_report.headline(opened.card)
        directions.load(opened)
        opened.generate(opened.prior.sample(1))

    def read_weights(data, folder):
        """Weights whose hash the card tells, as a stranger's card would."""
        (model / "generator.safetensors").write_bytes(data)
        about_set = card | {
            "files": {"generator.safetensors": checkpoint.sha256(model / "generator.safetensors")}
        }
        (model / "model.json").write_text(json.dumps(about_set))
        try:
            checkpoint.load(model)
        finally:
            (model / "generator.safetensors").write_bytes(weights)
            (model / "model.json").write_bytes(right["model.json"])

    def read_directions(data, folder):
        """A description of directions under a seal that is right."""
        try:
            about = json.loads(data.replace(b"\\ud800", b"\\u0000"))  # it could not be written
        except (ValueError, RecursionError):
            return
        path = folder / "some.safetensors"
        vectors = np.eye(4, dtype=np.float32)[:1]
        checked_safetensors.save(
            path, {"vectors": vectors}, about if isinstance(about, dict) else {"": about}
        )
        directions.load(loaded, path)

    def read_seeds():
        reference = realism.load(model)
        reference.score(np.zeros((2, 16), np.float32))

    def read_table(data, folder):
        """A description of a table under a seal that is right."""
        try:
            about = json.loads(data.replace(b"\\ud800", b"\\u0000"))
        except (ValueError, RecursionError):
            return
        about = about if isinstance(about, dict) else {"": about}
        checked_safetensors.save(model / seed_table.FILE, table, about)
        read_back = seed_table.load(loaded)
        read_back.search(dict.fromkeys(read_back.attributes, True))

    def read_import(data, folder):
        (folder / "netG").write_bytes(data)
        if safe_load.kind(folder / "netG") == "onnx":
            onnx_import.parse(folder / "netG")
        else:
            importers.read(folder / "netG")

    def read_onnx(data, folder):
        (folder / "g.onnx").write_bytes(data)
        given, _ = onnx_import.ends(onnx_import.parse(folder / "g.onnx"), folder / "g.onnx")
        onnx_import.declared(given, folder / "g.onnx")

    def unpack():
        import shutil

        shutil.rmtree(folder / "cache", ignore_errors=True)
        training_set.load(embedded)

    def one(read, name):
        def reader(data, folder):
            (folder / name).write_bytes(data)
            read(folder / name)

        return reader

    about = {"format": 1, "generator": card["files"]["generator.safetensors"]}
    about |= {"directions": [{"name": "smile", "kind": "own", "about": {"effects": {"hat": 0.5}}}]}
    about_set = json.loads(right["set.json"])
    table = {"realism": np.ones(8, np.float16), "probabilities": np.ones((8, 2), np.float16)}
    described = {"format": 1, "generator": card["files"]["generator.safetensors"]}
    described |= {"classifier": "", "reference": "", "attributes": ["a", "b"], "openings": [3, 1]}
    cut = hostile.damaged
    return {
        "image": (cut(pictures), read_image),
        "zip": (cut(zips), read_zip),
        "csv": (cut(tables), read_csv),
        "model.json": (
            some.one_of(hostile.bent([card]), cut([right["model.json"]])),
            in_place("model.json", model, load),
        ),
        "weights": (cut([weights]), read_weights),
        "sealed": (cut([sealed_file]), in_place("directions.safetensors", model, load)),
        "directions": (hostile.bent([about]), read_directions),
        "realism": (cut([right[realism.FILE]]), in_place(realism.FILE, model, read_seeds)),
        "seeds": (hostile.bent([described]), read_table),
        "state": (cut([(folder / "state").read_bytes()]), one(snapshot.read, "state2")),
        "import": (cut([weights, sealed_file, *saved]), read_import),
        "onnx": (cut([graph()]), read_onnx),
        "set.json": (
            some.one_of(hostile.bent([about_set]), cut([right["set.json"]])),
            in_place("set.json", packed, lambda: training_set.load(packed)),
        ),
        "index.csv": (
            cut([right["index.csv"]]),
            in_place("index.csv", packed, lambda: training_set.load(packed)),
        ),
        "images.npy": (
            cut([right["images.npy"]]),
            in_place("images.npy", packed, lambda: training_set.load(packed)),
        ),
        "images.zip": (
            cut([(embedded / "images.zip").read_bytes()]),
            in_place("images.zip", embedded, unpack),
        ),
    }


@pytest.fixture(scope="module")
def fuzzed(python):
    return hostile.results(python(__file__, timeout=500))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(fuzzed, kind):
    hostile.check(fuzzed[kind])


# The worst that is known by name.


def png(width, height):
    """A PNG that tells a size and holds hardly anything."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def directory(count, name=b"a"):
    """A zip that is a directory of so many names and nothing else."""
    entry = [b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, len(name), 0, 0, 0, 0, 0, 0]
    whole = (struct.pack("<4s6H3L5H2L", *entry) + name) * count
    end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(whole), 0)
    end += struct.pack("<4sLQL", b"PK\6\7", 0, len(whole), 1)
    return whole + end + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *[65535] * 2, *[2**32 - 1] * 2, 0)


GIF = b"GIF89a" + struct.pack("<HH", 50_000, 50_000) + b"\0\0\0,\0\0\0\0"
IMAGES = {
    "PNG of 50,000 a side": png(50_000, 50_000),
    "PNG of 2^31 a side": png(2**31 - 1, 2**31 - 1),
    "PNG of 5,100 a side": png(5100, 5100),
    "GIF of 50,000 a side": GIF + struct.pack("<HH", 50_000, 50_000) + b"\0\x08\1\0\0;",
    "WebP of 16,383 a side": b"RIFF\x1e\0\0\0WEBPVP8L\x11\0\0\0/" + b"\xfe\xff\xff\x0f" + bytes(13),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
}


@pytest.mark.parametrize("data", IMAGES.values(), ids=IMAGES)
def test_pictures_that_claim_to_be_huge_are_refused_unread(tmp_path, data):
    before = hostile.peak()
    assert hostile.outcome(read_image, data, tmp_path) == "refused"
    with pytest.raises(decoding.Unreadable):
        decoding.decode(data)
    assert hostile.peak() - before < 100


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.slow
def test_of_thousands_of_frames_the_first_is_read(tmp_path, kind):
    data = picture(kind, frames=3000, size=(8, 8))
    assert hostile.outcome(read_image, data, tmp_path) == "read"


def link_in_a_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def overlapping(count=200):
    """Names that all lead to the same bytes, as the bombs do that unpack to petabytes."""
    data = bytearray(zipped({"a.png": bytes(2**20)}))
    at = data.index(b"PK\1\2")
    entry = data[at : data.index(b"PK\5\6")]
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entry) * count, at, 0)
    return bytes(data[:at] + entry * count + end)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (overlapping(), "over one another|Overlapped|overlap"),
        (zipped({f"{i}.png": bytes(2**20) for i in range(20)}), "times its size"),
        (directory(400_000), "lists more files than fit"),
    ],
)
def test_zip_bombs_are_refused(tmp_path, data, reason):
    with pytest.raises(InputError, match=reason):
        read_zip(data, tmp_path)
    assert hostile.outcome(read_zip, data, tmp_path) == "refused"


def test_names_in_a_zip_are_only_names(tmp_path):
    names = ("../a.png", "/tmp/../b.png", "..\\c.png", "C:\\d.png", "e\0f.png")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.zip"
    path.write_bytes(zipped({**dict.fromkeys(names, picture()), "nested.zip": zipped({"x": b"y"})}))
    used, _, skipped = image_sources.pack(path, tmp_path / "in" / "out", size=8)
    assert used == 2  # ".." counts as hidden; a NUL ends a name
    assert [file for file, _ in skipped] == ["nested.zip"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in"]
    assert sorted(p.name for p in (tmp_path / "in").iterdir()) == ["a.zip", "out"]
    path.write_bytes(link_in_a_zip())
    with pytest.raises(InputError, match="No picture can be used"):
        image_sources.pack(path, tmp_path / "in" / "more", size=8)


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "\ud800", "~", "C:\\x"])
def test_sources_that_no_file_can_be_called(name):
    with pytest.raises(InputError) as caught:
        image_sources.count(name)
    assert str(caught.value).isprintable()


# Functions, as the large ones need not be made where no test reads them.
TABLES = {
    "a line of 10 MB": lambda: "file,a\nx.png," + "y" * 10_000_000,
    "a header of 10 MB": lambda: "file" + ",a" * 5_000_000 + "\nx.png,1\n",
    "a million values": lambda: "file,a\n" + "".join(f"{i},{i}\n" for i in range(600_000)),
    "a quote without an end": lambda: 'file,a\nx.png,"' + "1\n" * 100_000,
    "another width": lambda: "3\nSmiling\n" + "a.png 1 1\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_that_are_none_are_refused(tmp_path, text):
    assert hostile.outcome(read_csv, text().encode(), tmp_path) == "refused"


def test_a_table_larger_than_attributes_need_is_not_read(tmp_path):
    with open(tmp_path / "a.csv", "wb") as file:
        file.truncate(attribute_tables.MAX_TABLE + 1)
    with pytest.raises(InputError, match="far more than attributes need"):
        attribute_tables.read(tmp_path / "a.csv")


def tensor_file(header, length=None, data=bytes(8)):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
HEADERS = {
    "2^63 bytes long": lambda: tensor_file({"a": ONE}, 2**63),
    "2^64 - 1 bytes long": lambda: tensor_file({"a": ONE}, 2**64 - 1),
    "overlapping": lambda: tensor_file({"a": ONE, "b": ONE}),
    "outside": lambda: tensor_file({"a": {**ONE, "data_offsets": [2**40, 2**40 + 4]}}),
    "backwards": lambda: tensor_file({"a": {**ONE, "data_offsets": [4, 0]}}),
    "negative": lambda: tensor_file({"a": {**ONE, "shape": [-1]}}),
    "a shape of 2^64": lambda: tensor_file({"a": {**ONE, "shape": [2**32, 2**32]}}),
    "nested 100,000 deep": lambda: tensor_file(b'{"a":' + b"[" * 100_000),
    "300,000 names": lambda: tensor_file(
        {f"{i}": {**ONE, "shape": [0], "data_offsets": [0, 0]} for i in range(300_000)}
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_headers_that_lie_are_refused_by_every_reader(tmp_path, header):
    content = header()

    def read_sealed(data, folder):
        checked_safetensors.load(folder / "file.safetensors", "fetch it again")

    def read_state(data, folder):
        snapshot.read(folder / "file.safetensors")

    def read_import(data, folder):
        importers.read(folder / "file.safetensors")

    (tmp_path / "file.safetensors").write_bytes(content)
    for read in (read_sealed, read_state, read_import):
        assert hostile.outcome(read, content, tmp_path) == "refused"
    card = write_checkpoint(tmp_path / "model")
    (tmp_path / "model" / "generator.safetensors").write_bytes(content)
    card["files"] = {"generator.safetensors": checkpoint.sha256(tmp_path / "file.safetensors")}
    (tmp_path / "model" / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError):
        checkpoint.load(tmp_path / "model")


def test_weights_are_not_built_before_a_file_could_hold_them(tmp_path, monkeypatch):
    card = write_checkpoint(tmp_path / "model")
    card["architecture"] |= {"ngf": 512, "ndf": 512}
    (tmp_path / "model" / "model.json").write_text(json.dumps(card))
    before = hostile.peak()
    with pytest.raises(InputError, match="does not fit the architecture"):
        checkpoint.load(tmp_path / "model")
    assert hostile.peak() - before < 100


def test_a_card_names_its_files_by_hashes_alone(tmp_path):
    card = write_checkpoint(tmp_path / "model")
    card["files"]["generator.safetensors"] = "../../../../elsewhere"
    (tmp_path / "model" / "model.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match="no sha256"):
        checkpoint.read_card(tmp_path / "model")


@pytest.mark.slow
def test_pickles_and_graphs_that_would_fill_the_memory_are_not_parsed(tmp_path):
    pickle = zipped({"a/data.pkl": b"\x80\x02" + b"]" * 300_000 + b".", "a/version": b"3\n"}, 0)
    names = b"PK\3\4" + bytes(26) + directory(30_000)
    fields = b"\x0a\0" * 400_000
    graph = b"\x08\x08\x3a" + bytes([128 | len(fields) & 127, 128 | len(fields) >> 7 & 127])
    graph += bytes([len(fields) >> 14]) + fields
    for content in (pickle, names, b"\x80\x02" + b"N0" * 300_000 + b"N.", graph):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(InputError, match=r"far more than a generator|damaged"):
            importers.read(tmp_path / "file")


@pytest.mark.slow
def test_a_graph_in_a_checkpoint_made_by_hand_leans_on_no_file_and_comes_to_an_end(monkeypatch):
    import onnx
    from onnx import TensorProto, helper

    def generator(data):
        made = onnx_generator.Generator(8, 3, 4)
        made.graph = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        return made

    z = torch.zeros(1, 4)
    assert generator(graph())(z).shape == (1, 3, 8, 8)
    proto = onnx.load_model_from_string(graph())
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../secret")
    with pytest.raises(InputError, match="other files"):
        generator(proto.SerializeToString())(z)
    with pytest.raises(InputError, match="damaged"):
        generator(graph()[:100])(z)
    # A loop that goes on for as long as a computer lives.
    proto = onnx.load_model_from_string(graph())
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Tanh", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4]),
        ],
    )
    proto.graph.initializer.append(helper.make_tensor("most", TensorProto.INT64, [], [2**62]))
    proto.graph.node.insert(0, helper.make_node("Loop", ["most", "", "z"], ["looped"], body=body))
    proto.graph.node[1].input[0] = "looped"
    monkeypatch.setattr(onnx_generator, "MAX_SECONDS", 0.5)
    with pytest.raises(InputError, match="was stopped: it took longer"):
        generator(proto.SerializeToString())(z)


def test_embedded_sheets_are_nothing_but_webp_of_their_size(tmp_path):
    write_set(tmp_path / "set")
    training_set.embed(tmp_path / "set", tmp_path / "embedded")
    for sheet in (IMAGES["EPS"], picture("PNG", size=(160, 8)), picture("WEBP", size=(160, 16))):
        (tmp_path / "embedded" / "images.zip").write_bytes(zipped({"00000000.webp": sheet}))
        with pytest.raises(InputError, match=r"damaged|does not hold"):
            training_set.load(tmp_path / "embedded")


def test_a_long_attribute_does_not_widen_its_whole_column(tmp_path):
    write_set(tmp_path / "set")
    index = tmp_path / "set" / "index.csv"
    index.write_text(index.read_text().replace(",0,1", ",0," + "x" * 3000, 1))
    with pytest.raises(InputError, match="attribute of more than"):
        training_set.load(tmp_path / "set")


if __name__ == "__main__":
    hostile.main(readers)
