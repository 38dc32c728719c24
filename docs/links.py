"""Write docs/links.md from the table in explorer.state.url_state: python docs/links.py."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))
from explorer.state import url_state  # noqa: E402

TEXT = """# Links

```
python docs/links.py
```

The address bar is always a link to what a page shows. Each page's link carries the settings that
the page uses, except those that have their default value. `weights` lets the app warn if a link
was made with different weights than the current ones. It also marks links that the app wrote: in
these, a missing setting has its default. A link that a person typed has no `weights`, and missing
settings are then chosen to suit the model: realistic seeds, sorted by realism, and smooth scaling
of photographs. On pages with a `start`, `seed` sets it too. Every link also carries the pictures
on the tray that came from seeds, as `tray=avatars:12,avatars:40@0.7` (a seed, and its ψ if that
is not 1). A setting whose value cannot be read has its default, and a warning names it. The
command above writes this page from the table in `explorer/state/url_state.py`.

| setting | what it is | default | pages |
|---|---|---|---|
"""


def page() -> str:
    """The text of docs/links.md."""
    return TEXT + "".join(map(line, url_state.SETTINGS.values()))


def line(row) -> str:
    pages, default = row.metadata["pages"], row.metadata["write"](row.default)
    where = "all" if len(pages) == len(url_state.PAGES) else ", ".join(pages)
    shown = f"`{default}`" if default and row.default is not None else ""
    return f"| `{row.name}` | {row.metadata['about']} | {shown} | {where} |\n"


if __name__ == "__main__":
    (DOCS / "links.md").write_text(page(), "utf-8")
