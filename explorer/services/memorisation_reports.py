"""The reports of the page Memorisation, and the overfitted model that they are compared with."""

from explorer.services import folders as where
from explorer.services import model_registry
from gan_core.checkpoint import Model
from gan_core.data.training_set import TrainingSet
from gan_core.metrics import memorisation_file, memorisation_report
from gan_core.util.errors import InputError
from gan_core.util.progress import Progress


def control_model() -> Model | None:
    """The Model that was deliberately overfitted, or None when it is not available."""
    for folder in [*model_registry.folders(), *where.checkpoints()]:
        for card in sorted((folder / "controls").glob("overfitted-*/model.json")):
            entry = model_registry.look(card.parent)
            if entry is not None and entry.problem is None:
                return model_registry.load(entry)
    return None


def measure(model: Model, data: TrainingSet, n: int, tell: Progress) -> None:
    """Make a Model's reports, on n samples and on the control, and save them in the cache."""
    for control in memorisation_file.FILES:
        try:
            report = memorisation_report.report(model, data, n=n, control=control, progress=tell)
        except InputError:
            if not control:
                raise
            continue  # too few images are held out for the control
        memorisation_file.save_report(model, report, cache=True)
