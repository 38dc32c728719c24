"""Print the arithmetic table of docs/evaluation.md from the numbers in the model cards.

python docs/arithmetic_table.py
"""

from pathlib import Path

from gan_core import checkpoint
from gan_core.latent_space import arithmetic_report

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("faces", "avatars", "avatars-tied", "faces-tied", "avatars-classes")
# (pick, strength) of the columns with A − B + C, without probe
COLUMNS = (("matched", 1.0), ("matched", 1.5), ("conditional", 1.0), ("conditional", 1.25))
HEADING = (
    "| model and expression | A − B, s = 1 | s = 1.5 | rest alone, s = 1 | s = 1.25 "
    "| class set directly | control: target | both readers, best | unsure "
    "|\n|---|---|---|---|---|---|---|---|---|"
)


def table() -> str:
    """The table as Markdown, two rows for each measured expression of each model."""
    lines = [HEADING]
    for name in MODELS:
        folder = ROOT / "checkpoints" / name
        if not folder.is_dir():
            continue
        card = checkpoint.read_card(folder)
        result = arithmetic_report.load_metrics(card) or {"triples": []}
        for triple in result["triples"]:
            for shell, words in (
                (False, f"{name}: {triple['name']}"),
                (True, "the same, on the shell"),
            ):
                rows = [row for row in triple["conditions"] if row["shell"] == shell]
                lines.append(f"| {words} | {' | '.join(cells(rows))} |")
    return "\n".join(lines)


def cells(rows: list[dict]) -> list[str]:
    """The cells of one row of the table: the percentages with the target and preserved."""
    rows = [row for row in rows if arithmetic_report.way_of(row)]
    direct = next((pair(row) for row in rows if row["pick"] == arithmetic_report.CLASS), "–")
    rows = [row for row in rows if row["pick"] != arithmetic_report.CLASS]
    by = {(r["pick"], r["strength"]): r for r in rows if not r["control"]}
    (control,) = (row for row in rows if row["control"])
    read = [row["agreed"] for row in by.values() if "agreed" in row]
    best = max(read, key=lambda agreed: min(agreed["target"][0], agreed["kept"][0]), default=None)
    both = [pair(best), percent(best["unsure"])] if best else ["–", "–"]
    columns = [pair(by[column]) for column in COLUMNS]
    return [*columns, direct, percent(control["target"][0]), *both]


def pair(row: dict) -> str:
    return f"{percent(row['target'][0])} / {percent(row['kept'][0])}"


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


if __name__ == "__main__":
    print(table())
