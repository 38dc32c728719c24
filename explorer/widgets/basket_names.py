"""Names of the baskets of Arithmetic, after what their exemplars should show."""

from collections.abc import Mapping, Sequence

from gan_core.attributes.classifier import Classifier, readable_name
from gan_core.latent_space import arithmetic_report

Wish = Mapping[str, bool]  # attribute -> whether it should be there


def parts(title: str) -> list[str]:
    """The names in a preset's title: "man with glasses − man + woman" -> three names."""
    return title.replace(" − ", " + ").split(" + ")


def of(wish: Wish) -> str:
    """The name of a basket: a preset's if it has this wish, else its attributes; "" for none."""
    for title, _, *wanted in arithmetic_report.TRIPLES:
        for name, part in zip(parts(title), wanted, strict=True):
            if part == wish:
                return name
    return ", ".join(
        readable_name(attribute) if has else f"no {readable_name(attribute)}"
        for attribute, has in wish.items()
    )


def triple_of(wishes: Sequence[Wish]) -> tuple | None:
    """The preset whose three baskets have these wishes, or None."""
    return next((t for t in arithmetic_report.TRIPLES if list(t[2:]) == list(wishes[:3])), None)


def translated(wish: Wish, classifier: Classifier | None) -> Wish | None:
    """A wish in the attributes of another model's classifier; None where it lacks one.

    Attributes are the same when their readable names are, whatever their capitals.
    """
    if classifier is None:
        return None
    known = {readable_name(name).casefold(): name for name in classifier.recognised}
    names = [known.get(readable_name(name).casefold()) for name in wish]
    if None in names:
        return None
    return dict(zip(filter(None, names), wish.values(), strict=True))
