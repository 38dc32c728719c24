"""The components' JavaScript: modules whose imports are there, and that compute as Python does."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from explorer.components import canvas, film_player, game, morph_loop, motions
from explorer.components.component import HERE, joined

FILES = sorted(path.stem for path in HERE.glob("*.js"))
NODE = shutil.which("node")


def imports(name):
    """{module: names} of what a file imports from its neighbours."""
    text = (HERE / f"{name}.js").read_text("utf-8")
    result = re.findall(r'^import \{([^}]*)\} from "\./([a-z_]+)\.js";', text, re.MULTILINE)
    return {module: re.findall(r"\w+", names) for names, module in result}


def exports(name):
    text = (HERE / f"{name}.js").read_text("utf-8")
    return set(re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_what_a_module_imports_is_exported_and_used(name):
    text = (HERE / f"{name}.js").read_text("utf-8")
    for module, names in imports(name).items():
        assert set(names) <= exports(module)
        for imported in names:
            assert len(re.findall(rf"\b{imported}\b", text)) > 1


def test_everything_exported_is_imported_somewhere():
    used = {(module, n) for name in FILES for module, names in imports(name).items() for n in names}
    assert {(module, n) for module in FILES for n in exports(module)} == used


@pytest.mark.parametrize("component", [canvas, film_player, game, morph_loop])
def test_a_component_joins_its_modules_in_an_order_that_works(component):
    for place, name in enumerate(component.SCRIPTS):
        assert set(imports(name)) <= set(component.SCRIPTS[:place])
    program = joined(*component.SCRIPTS)
    assert not re.search(r"^import\b", program, re.MULTILINE)
    assert re.findall(r"^export.*", program, re.MULTILINE) == re.findall(
        r"^export default.*", program, re.MULTILINE
    )
    declared = re.findall(
        r"^(?:export default )?(?:async )?(?:function|const|let|class) (\w+)", program, re.MULTILINE
    )
    assert len(declared) == len(set(declared))


@pytest.mark.slow
@pytest.mark.skipif(not NODE, reason="needs Node.js")
@pytest.mark.parametrize("name", FILES)
def test_a_module_is_one_for_a_parser_too(name, tmp_path):
    path = tmp_path / f"{name}.mjs"
    path.write_text((HERE / f"{name}.js").read_text("utf-8"))
    done = subprocess.run([NODE, "--check", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not NODE, reason="needs Node.js")
@pytest.mark.parametrize("mode", ["slerp", "lerp"])
def test_a_path_is_the_same_in_both_languages(mode, tmp_path):
    keyframes = np.random.RandomState(3).randn(4, 16).astype(np.float32)
    motion = motions.Path(keyframes, mode)
    times = [0.0, 0.25, 1.0, 1.7, 3.0]
    shutil.copy(HERE / "latents.js", tmp_path / "latents.mjs")
    program = (
        'import { latentAt } from "./latents.mjs";\n'
        f"const spec = {json.dumps(motion.spec())};\n"
        f"const drawn = {times}.map((t) => [...latentAt(spec, [t])]);\n"
        "console.log(JSON.stringify(drawn));"
    )
    (tmp_path / "run.mjs").write_text(program)
    done = subprocess.run([NODE, tmp_path / "run.mjs"], capture_output=True, text=True, check=True)
    expected = motion.latents([[t] for t in times])
    assert np.allclose(json.loads(done.stdout), expected, atol=1e-6)
