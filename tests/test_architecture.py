"""The order of the folders, read from the imports of every file.

A folder imports only folders above it in the lists below, which docs/architecture.md explains.
"""

import ast
import re

import pytest

from support import ROOT

# From the top down. A name is a folder or, at the root of the package, a module; names on one line
# may import one another.
ORDER = {
    "gan_core": (
        ("util",),
        ("data",),
        ("networks",),
        ("latent", "spaces", "checkpoint", "companions", "export_onnx", "feature_extractors"),
        ("attributes",),
        ("search",),
        ("metrics",),
        ("latent_space",),
        ("model_card",),
        ("importers",),
        ("training",),
        ("game",),
        ("cli", "__main__", "__init__"),
    ),
    "explorer": (
        ("config",),
        ("services",),
        ("state",),
        ("components",),
        ("widgets",),
        ("views",),
        ("app", "__main__", "__init__"),
    ),
}

# What runs a network: functions by their full name, and methods of a Model, a Classifier and of
# weights that wait to be imported, by the method's name.
FUNCTIONS = {
    "gan_core.attributes.label_cache.probabilities",
    "gan_core.latent_space.inversion.invert",
    "gan_core.latent_space.inversion.pool",
    "gan_core.latent_space.inversion.search",
}
METHODS = {"generate", "synthesize", "realness", "predict", "generator", "discriminator", "draw"}


def name_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    name_of(path): ast.parse(path.read_text("utf-8"))
    for package in ORDER
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imports(module):
    """{name in the module: full name of what it stands for}, of all imports, also in functions."""
    names = {}
    for node in ast.walk(SOURCES[module]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def modules_used(module):
    """The modules that a module imports; of this project's own, not what is in them."""
    for full in imports(module).values():
        yield full if full in SOURCES or full.rpartition(".")[0] not in SOURCES else owner(full)


def owner(full):
    return full.rpartition(".")[0]


def rank(module):
    """How far down a module's folder stands in ORDER."""
    package, _, rest = module.partition(".")
    folder = rest.partition(".")[0] or "__init__"
    return next(i for i, row in enumerate(ORDER[package]) if folder in row)


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_lies_in_a_folder_of_the_list(module):
    rank(module)


def test_every_folder_and_file_of_the_map_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    files = re.findall(r"`((?:explorer|gan_core|tests|docs|benchmarks)/[\w/.-]+)`", text)
    assert len(files) > 25
    assert [file for file in files if not (ROOT / file).exists()] == []
    rows = {name for row in re.findall(r"^\| (`.*?) \|", text, re.M) for name in row.split(", ")}
    for package, order in ORDER.items():
        for name in (name for line in order for name in line if name not in ("cli", "__init__")):
            folder = (ROOT / package / name).is_dir()
            assert f"`{name}/`" in rows if folder else f"`{name}`" in rows, name


def test_folders_import_only_folders_above_them():
    broken = {
        f"{module} -> {used}"
        for module in SOURCES
        for used in modules_used(module)
        if used in SOURCES
        and used.split(".")[0] == module.split(".")[0]
        and rank(used) > rank(module)
    }
    assert broken == set()


def test_gan_core_knows_neither_the_app_nor_streamlit():
    used = {
        (module, name.split(".")[0])
        for module in SOURCES
        if module.startswith("gan_core")
        for name in modules_used(module)
    }
    assert not {pair for pair in used if pair[1] in ("explorer", "streamlit")}


def views():
    return [module for module in SOURCES if module.startswith("explorer.views.")]


def test_no_view_imports_another():
    broken = {
        f"{view} -> {used}"
        for view in views()
        for used in modules_used(view)
        if used.startswith("explorer.views.")
    }
    assert broken == set()


def test_no_view_imports_torch():
    assert not {view for view in views() for used in modules_used(view) if "torch" in used}


def test_no_view_calls_a_network():
    assert {call for view in views() for call in network_calls(view)} == set()


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_functions_that_run_a_network_are_where_the_list_says(function):
    module, _, name = function.rpartition(".")
    assert name in {n.name for n in SOURCES[module].body if isinstance(n, ast.FunctionDef)}


def network_calls(module):
    names = imports(module)
    for node in ast.walk(SOURCES[module]):
        if not isinstance(node, ast.Call):
            continue
        spelt = ast.unparse(node.func)
        first, _, rest = spelt.partition(".")
        full = f"{names[first]}.{rest}".rstrip(".") if first in names else spelt
        method = rest.rpartition(".")[2] in METHODS and first not in names
        if full in FUNCTIONS or method:
            yield f"{module} calls {full}"


def test_an_import_out_of_order_is_seen(monkeypatch):
    source = "from gan_core.training import loop\nimport streamlit\n"
    monkeypatch.setitem(SOURCES, "gan_core.util.example", ast.parse(source))
    with pytest.raises(AssertionError, match=r"gan_core\.util\.example"):
        test_folders_import_only_folders_above_them()
    with pytest.raises(AssertionError, match="streamlit"):
        test_gan_core_knows_neither_the_app_nor_streamlit()


def test_a_view_that_draws_by_itself_is_seen(monkeypatch):
    source = "from explorer.views import browse\nimport torch\nmodel.generate(z)\n"
    monkeypatch.setitem(SOURCES, "explorer.views.example", ast.parse(source))
    for check in (
        test_no_view_imports_another,
        test_no_view_imports_torch,
        test_no_view_calls_a_network,
    ):
        with pytest.raises(AssertionError, match=r"explorer\.views\.example"):
            check()


def test_no_test_waits_for_a_time():
    call = "wait_for_" + "timeout"
    for path in (ROOT / "tests").rglob("*.py"):
        assert call not in path.read_text("utf-8"), f"{path.name}: wait for a condition"
