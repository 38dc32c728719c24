"""Draw the README's charts from docs/results: python docs/figures.py (needs Chromium).

The numbers come from `python benchmarks/objectives.py … --json` and `python
benchmarks/saturation.py … --json`, whose last lines are saved in docs/results.
"""

import json
import shutil
from pathlib import Path

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright
from plotly.subplots import make_subplots

DOCS = Path(__file__).resolve().parent
COLOURS = ("#b3432b", "#1f6f8b", "#7a9e3f", "#d79a2b", "#6b4e90", "#3a3a3a")
POWERS = {"dtick": 1, "exponentformat": "power"}  # of a logarithmic axis
LOOK = {
    "template": "plotly_white",
    "width": 1000,
    "height": 380,
    "font": {"family": "Source Sans Pro, Helvetica, Arial, sans-serif", "size": 14},
    "margin": {"l": 60, "r": 20, "t": 40, "b": 50},
}


def main():
    charts = {"objectives": objectives, "saturation": saturation}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1000, "height": 380}, device_scale_factor=2)
        for name, chart in charts.items():
            source = DOCS / "results" / f"{name}.json"
            if not source.exists():
                continue
            figure = chart(json.loads(source.read_text("utf-8"))).update_layout(**LOOK)
            page.set_content(figure.to_html(include_plotlyjs=True))
            page.wait_for_selector(".main-svg")
            page.wait_for_timeout(500)
            page.screenshot(path=DOCS / f"{name}.png")
        browser.close()


def objectives(result):
    """FD-EffNetLite0 over kimg, a panel for each training set."""
    sets = result["results"]
    figure = make_subplots(1, len(sets), subplot_titles=list(sets))
    for column, results in enumerate(sets.values(), 1):
        for colour, (name, row) in zip(COLOURS, results["objectives"].items(), strict=True):
            kimg, values = zip(*row["curve"], strict=True)
            line = go.Scatter(
                x=kimg, y=values, name=name, line_color=colour, showlegend=column == 1
            )
            figure.add_trace(line, 1, column)
        figure.add_hline(results["floor"], line_dash="dot", line_color="#999", row=1, col=column)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(title="kimg")
    return figure.update_yaxes(title="FD-EffNetLite0", col=1)


def saturation(result):
    """Norm of G's gradient over D(G(z)), under the two losses."""
    rows = result["rows"]
    figure = go.Figure()
    for colour, name in zip(COLOURS, ("minimax", "non-saturating"), strict=False):
        x, y = [row["d_of_g"] for row in rows], [row[name] for row in rows]
        figure.add_trace(go.Scatter(x=x, y=y, name=name, line_color=colour, mode="lines+markers"))
    figure.update_xaxes(title="mean D(G(z)), falling as D is trained", type="log", **POWERS)
    figure.update_xaxes(autorange="reversed")
    return figure.update_yaxes(title="norm of G's gradient", type="log", **POWERS)


if __name__ == "__main__":
    main()
