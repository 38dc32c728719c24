"""What the first coordinates of a model's latents stand for, as its card says."""

from gan_core import checkpoint
from gan_core.attributes import classifier


def names_of(model: checkpoint.Model) -> list[str]:
    """The attributes that the first coordinates of a model's latents stand for; often none.

    The names were published with the model, which may come from anyone: unprintable ones are
    ignored, all of them.
    """
    if model.space != "z":
        return []
    names = (model.card.get("training") or {}).get("tied")
    names = names[: model.prior.size] if isinstance(names, list) else []
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        return []
    return [classifier.readable_name(name[:60]) for name in names]
