"""The page Arithmetic with a conditional model says what setting the class directly achieves."""

from explorer.services import model_registry
from fields import sentences
from gan_core.latent_space import arithmetic_report
from support import save_conditional

NAMES = ["digit: 3", "digit: 8", "glasses"]
BASKETS = {"a": "1,2", "b": "3", "c": "4"}


def captions(app):
    return [caption.value for caption in app.caption if "must beat" in caption.value]


def test_a_model_with_classes_says_what_arithmetic_must_beat(tmp_path, monkeypatch, open_app):
    save_conditional(tmp_path / "digits", [2, 1], NAMES, nz=10)
    monkeypatch.setenv(model_registry.VARIABLE, str(tmp_path))
    app = open_app("arithmetic", model="digits", **BASKETS)
    assert sentences(app) == []
    (sentence,) = captions(app)
    assert "as on the page Latents" in sentence
    title, target, *_ = arithmetic_report.TRIPLES[2]
    assert target == "glasses"
    monkeypatch.setattr(
        arithmetic_report,
        "direct",
        lambda card, name: {"target": 0.98, "kept": 0.91} if name == title else None,
    )
    wishes = "+glasses,+beard,-long_hair;-glasses,+beard,-long_hair;-glasses,-beard,+long_hair"
    app = open_app("arithmetic", model="digits", wishes=wishes, **BASKETS)
    (sentence,) = captions(app)
    assert "98% have the target attribute, and 91% of C's" in sentence


def test_a_model_without_classes_says_nothing_of_them(two_models, open_app):
    assert captions(open_app("arithmetic", model="alpha", **BASKETS)) == []
