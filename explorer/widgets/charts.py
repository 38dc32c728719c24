"""Every chart of the app, drawn from plain numbers.

The colours are readable on light and on dark backgrounds. Plotly interprets some HTML, so callers
must pass text from files through `stranger_text.chart`.
"""

import html
from collections.abc import Iterable, Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

SAMPLES, HELD_OUT, TRAINING = "#4a86e8", "#2a9d8f", "#9aa3b2"
FIRST, SECOND = SAMPLES, "#d1495b"  # two curves in one chart
MUTED_HELD_OUT = "#6d7f79"  # held-out images where HELD_OUT has another meaning
LEGEND_ABOVE = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}}
POINTS = 600  # of a curve; more could not be distinguished


def show(figure: go.Figure, key: str) -> None:
    """Show a figure at full width, without Plotly's tool bar."""
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})


def along_path(
    series: Iterable[tuple[str, np.ndarray, str]],
    times: np.ndarray,
    at: float,
    title: str,
    height: int,
    band: tuple[float, float, float] | None = None,
) -> go.Figure:
    """Values at the frames of a path, with a line at the current position.

    series: (label, values (n,), colour). times: (n,), in segments. band: a low, a middle and a high
    value of held-out images, drawn in the background.
    """
    figure, series = go.Figure(), list(series)
    if band:
        low, middle, high = band
        figure.add_hrect(low, high, fillcolor=HELD_OUT, opacity=0.14, line_width=0)
        figure.add_hline(middle, line={"color": HELD_OUT, "width": 1, "dash": "dot"})
    for label, values, colour in series:
        figure.add_scatter(
            x=times[: len(values)],
            y=values,
            mode="lines+markers",
            name=label,
            line={"color": colour, "width": 2},
            marker={"size": 4},
            hovertemplate=f"position %{{x:.2f}}<br>{title} %{{y:.3g}}<extra></extra>",
        )
    figure.add_vline(at, line={"color": series[0][2], "width": 1})
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        showlegend=len(series) > 1,
        legend={"orientation": "h", "y": 1.2},
        xaxis={"title": "position", "range": [0, times[-1]]},
        yaxis={"title": title, "rangemode": "tozero"},
    )
    return figure


def distance_histogram(
    edges: Sequence[float], kinds: Iterable[tuple[str, Sequence[float], str, bool]], unit: str
) -> go.Figure:
    """Outlines of several distributions over the same bins, in per cent, without a legend.

    edges: (n + 1,). kinds: (label, counts (n,), colour, whether it stands out).
    """
    figure = go.Figure()
    for label, numbers, colour, stands_out in kinds:
        counts = np.asarray(numbers, float)
        if not counts.sum():
            continue
        figure.add_scatter(
            x=np.repeat(edges, 2)[1:-1],
            y=np.repeat(100 * counts / counts.sum(), 2),
            name=label,
            mode="lines",
            line={"color": colour, "width": 2 if stands_out else 1.5},
            fill="tozeroy",
            fillcolor=translucent(colour, 0.28 if stands_out else 0.12),
            hovertemplate="%{x:.3g}: %{y:.1f} %<extra>" + label + "</extra>",
        )
    figure.update_layout(
        height=250,
        margin={"l": 0, "r": 12, "t": 4, "b": 0},
        showlegend=False,  # `legend` shows the names in one line
        xaxis={"title": f"distance, {unit}", "rangemode": "tozero"},
        yaxis={"title": "% of images", "rangemode": "tozero"},
    )
    return figure


def legend(kinds: Iterable[tuple[str, str]]) -> None:
    """Names and their colours in one line, which Plotly's own legend breaks in a narrow chart.

    kinds: (label, colour) of each.
    """
    parts = (
        f'<span><i style="background: {colour}"></i>{html.escape(label)}</span>'
        for label, colour in kinds
    )
    st.html(f'<div class="chart-legend">{"".join(parts)}</div>')


def translucent(colour: str, opacity: float) -> str:
    """ "#4a86e8" -> "rgba(74, 134, 232, …)"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def intervals(
    rows: Sequence[tuple[str, str, float, float, float]],
    ends: tuple[float, float],
    marks: Iterable[float] = (),
) -> go.Figure:
    """A point with an interval in each row.

    rows: (title, colour, value, low, high). ends: of the axis. marks: positions of dotted lines.
    """
    figure = go.Figure()
    labels = []
    for place, (title, colour, value, low, high) in enumerate(rows):
        labels.append(f"{title.partition(':')[0]}<br>{value:.1f} ({low:.1f} to {high:.1f})")
        figure.add_scatter(
            x=[value],
            y=[-place],
            mode="markers",
            marker={"color": colour, "size": 11},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [high - value],
                "arrayminus": [value - low],
                "color": colour,
                "thickness": 2,
            },
            hovertemplate=f"{title}<br>{value:.1f} ({low:.1f} to {high:.1f})<extra></extra>",
        )
    for mark in marks:
        figure.add_vline(mark, line={"color": TRAINING, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=30 + 44 * len(rows),
        margin={"l": 0, "r": 8, "t": 4, "b": 24},
        showlegend=False,
        xaxis={"range": list(ends), "zeroline": False},
        yaxis={
            "tickvals": [-place for place in range(len(rows))],
            "ticktext": labels,
            "range": [0.6 - len(rows), 0.6],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
    )
    return figure


def dots(rows: Iterable[tuple[str, Sequence[float]]], mark: float | None, words: str) -> go.Figure:
    """A row of dots for each kind of value, and a line at the mark.

    rows: (label, values in levels of 256). words: the label of the mark.
    """
    figure = go.Figure()
    for label, values in rows:
        figure.add_scatter(
            x=values,
            y=[label] * len(values),
            mode="markers",
            marker={"size": 9, "opacity": 0.45},
            hovertemplate="%{x:.1f} levels<extra></extra>",
        )
    if mark is not None:
        figure.add_vline(x=mark, line_width=2, annotation_text=words)
    figure.update_layout(
        height=190,
        margin={"l": 0, "r": 10, "t": 22, "b": 0},
        showlegend=False,
        xaxis={"title": "levels", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
    )
    return figure


def run_curves(lines: Sequence[dict], series: dict[str, tuple[str, str]]) -> go.Figure | None:
    """Some values of a run's log over kimg; None if the log has none of them.

    lines: those of the log, each with "kimg". series: {key in a line: (label, colour)}.
    """
    figure = go.Figure()
    for key, (label, colour) in series.items():
        points = thin([(line["kimg"], line[key]) for line in lines if key in line], POINTS)
        if points:
            figure.add_scatter(
                x=[x for x, _ in points],
                y=[y for _, y in points],
                name=label,
                mode="lines" if len(points) > 20 else "lines+markers",
                line={"color": colour, "width": 1.5},
                hovertemplate="%{x:,.4g} kimg: %{y:.4g}<extra>" + label + "</extra>",
            )
    if not figure.data:
        return None
    figure.update_layout(
        height=190,
        margin={"l": 0, "r": 12, "t": 4, "b": 0},
        showlegend=len(series) > 1,
        legend=LEGEND_ABOVE,
        xaxis={"title": "kimg", "rangemode": "tozero"},
        yaxis={"rangemode": "tozero"},
    )
    return figure


def thin(items: Sequence, most: int) -> list:
    """At most `most` items, evenly spread over a list, with its first and last."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def bars(names: Sequence[str], rows: Sequence[tuple[str, Sequence[float], str]]) -> go.Figure:
    """Horizontal bars in per cent, grouped by name.

    rows: (title, shares (len(names),) from −1 to 1, colour); each gives one bar of every group.
    """
    figure = go.Figure(
        [
            go.Bar(
                y=list(names),
                x=[100 * share for share in shares],
                name=title,
                orientation="h",
                marker_color=colour,
                hovertemplate="%{y}: %{x:+.1f} %<extra></extra>",
            )
            for title, shares, colour in rows
        ]
    )
    figure.update_layout(
        height=70 + 24 * len(rows) + (8 + 8 * len(rows)) * len(names),
        margin={"l": 0, "r": 8, "t": 24 * len(rows), "b": 0},
        barmode="group",
        bargap=0.3,
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        xaxis={"ticksuffix": " %", "fixedrange": True, "nticks": 6},
        yaxis={"autorange": "reversed", "fixedrange": True, "showgrid": False},
    )
    return figure
