"""Makes the components of this folder and sends them data."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z_]+\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default\b)", re.MULTILINE)


def joined(*names: str) -> str:
    """One program made of several ES modules of this folder, each after those that it imports.

    The files are modules so that editors, linters and tests can follow their imports. Streamlit
    takes a component's program as one text; its `asset_dir`, which would serve the files, needs an
    installed distribution with a pyproject.toml inside a package of the distribution's own name, so
    components would not work in a checkout or an editable install. All names must be different.
    """
    texts = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return EXPORT.sub("", IMPORT.sub("", "\n".join(texts)))


def component(name: str, *, html: str, css: str, js: str) -> Callable[..., Any]:
    """A Streamlit component: a function (key, data, on_…_change) that shows it.

    data: anything JSON can hold. It is sent as one text, data.json in the browser. In a dictionary
    Streamlit would look for tables and import pandas for that, which delays the first picture by
    half a second.
    """
    mount = st.components.v2.component(name, html=html, css=css, js=js)

    def show(*, data: Any, **more: Any) -> Any:
        return mount(data={"json": json.dumps(data)}, **more)

    return show
