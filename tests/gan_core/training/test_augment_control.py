"""The adaptive strength of augmentation."""

import pytest
import torch

from gan_core.training.augment_control import Controller


def after(signs, images=64, **options):
    controller = Controller(**options)
    for sign in signs:
        controller.update(torch.tensor(sign), images)
    return controller


def test_the_strength_rises_while_d_knows_the_training_images():
    controller = after([1.0] * 1000, kimg=100)
    # r passes 0.6 at the fourth update: 1 − 0.75⁴ = 0.68.
    assert controller.strength.item() == pytest.approx((1000 - 3) * 64 / 100_000, rel=1e-4)


def test_the_strength_falls_when_d_does_not_overfit():
    controller = after([1.0] * 200, kimg=100)
    high = controller.strength.item()
    assert high > 0.1
    for _ in range(50):
        controller.update(torch.tensor(0.1), 64)
    assert controller.strength < high


def test_the_strength_is_a_probability():
    assert after([1.0] * 20, images=10**6).strength == 1
    assert after([-1.0] * 20).strength == 0


def test_it_holds_where_r_is_at_the_target():
    """With D's signs as a falling function of the strength, the strength settles there."""
    controller = Controller(target=0.6, kimg=20)
    for _ in range(2000):
        controller.update(1 - controller.strength, 64)  # 0.6 at a strength of 0.4
    assert controller.strength.item() == pytest.approx(0.4, abs=0.03)
    assert controller.overfitting.item() == pytest.approx(0.6, abs=0.03)


def test_its_state_is_all_of_it():
    one = after([1.0, 0.5, 1.0, 1.0, 0.9, 1.0], images=5000)
    two = Controller()
    two.load_state_dict(one.state_dict())
    for controller in (one, two):
        controller.update(torch.tensor(0.8), 5000)
    assert one.strength == two.strength > 0
    assert one.overfitting == two.overfitting
