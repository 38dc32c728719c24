"""A memorisation report as text, for the command line."""

from collections.abc import Mapping
from typing import Any

from gan_core.metrics import memorisation_stats


def table(result: Mapping[str, Any]) -> str:
    """A report as text."""
    of, lines = result["of"], []
    lines.append(
        f"{result['name']} {result['model']}: {result['n']:,} {of}, "
        f"{result['n_held_out']:,} held-out and {result['n_training']:,} training images"
    )
    if equal := result["held_out_equal"]:
        lines.append(f"excluded: {equal:,} held-out images that equal a training image")
    for name, space in result["spaces"].items():
        lines += ["", f"{name} ({space['unit']})"]
        head = list(memorisation_stats.quantiles([0.0]))
        lines.append(f"  {'distance to nearest':<22}" + "".join(f"{h:>9}" for h in head))
        for kind, values in space["distances"].items():
            label = of if kind == "samples" else kind
            lines.append(f"  {label:<22}" + "".join(f"{v:9.4g}" for v in values.values()))
        for kind, (share, low, high) in space["auth_pct"].items():
            label = of if kind == "samples" else kind
            lines.append(f"  AuthPct of {label}: {share:.1f} % ({low:.1f} to {high:.1f})")
        if space["c_t"] is not None:
            low, high = space["intervals"]["c_t"]
            part = space["intervals"]["farther"]
            lines.append(
                f"  C_T: {space['c_t']:.1f} ({low:.1f} to {high:.1f}) over {space['cells']} cells; "
                f"farther than held-out in {space['farther']:.1%} of pairs "
                f"({part[0]:.1%} to {part[1]:.1%})"
            )
        for measure_name in ("precision", "recall"):
            if space[measure_name]:
                share, low, high = space[measure_name]
                lines.append(f"  {measure_name}: {share:.3f} ({low:.3f} to {high:.3f})")
        if space["near_duplicates"]["limit"] is not None:
            duplicates = space["near_duplicates"]
            lines.append(
                f"  near-duplicates among training images (up to {duplicates['limit']:g}): "
                f"{duplicates['count']:,} pairs"
            )
        first = space["suspicious"][:5]
        ids = ", ".join(
            f"{s['id']} (image {s['neighbours'][0]['index']} at {s['distance']:.3g})" for s in first
        )
        lines.append(f"  most suspicious {'image' if result['control'] else 'seeds'}: {ids}")
    return "\n".join([*lines, "", *result["caveats"]])
