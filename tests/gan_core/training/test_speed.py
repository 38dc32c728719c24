"""How fast a run will train: timed on noise, and which earlier runs are as fast."""

import io
import json

import pytest

from gan_core.data import training_set
from gan_core.training import config_checks, from_folder, speed
from gan_core.training.config import TrainingConfig
from gan_core.util.errors import InputError

TINY = {"ngf": 4, "ndf": 4, "nz": 6, "batch": 4, "precision": "fp32", "layout": "contiguous"}
TINY |= {"convolution": "direct"}


def test_the_speed_follows_from_whole_periods_of_the_penalty(monkeypatch):
    clock = iter(float(second) for second in range(1000))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    config = TrainingConfig(**TINY, norm="none", r1=0.1, penalty_every=4)
    seen = []
    rate = speed.measure(config, 32, 3, lambda done, of: seen.append((done, of)))
    assert seen == [(done, 8) for done in range(9)]  # the first one is not timed
    assert rate == 4  # each step takes a second by this clock


def test_options_that_training_refuses_are_refused():
    with pytest.raises(InputError, match="batch norm mixes"):
        speed.measure(TrainingConfig(**TINY, r1=0.1), 32, 3)


def test_the_signature_is_that_of_a_run_on_the_same_pictures(make_set):
    config = TrainingConfig(**TINY)
    _, settings = config_checks.check(make_set(n=8), config)
    planned = speed.settings_of(config, 32, 3)
    assert speed.signature(planned) == speed.signature(settings)
    assert speed.signature(planned | {"lr_g": 1.0, "seed": 3, "kimg": 2.0}) == speed.signature(
        planned
    )
    for change in ({"batch": 8}, {"k": 2}, {"r1": 0.1}, {"augment": "none"}, {"device": "cuda"}):
        assert speed.signature(planned | change) != speed.signature(planned)
    assert speed.signature(speed.settings_of(config, 64, 3)) != speed.signature(planned)


def test_answers_are_lines_of_json(capsys):
    options = {**TINY, "augment": "none"}
    speed.answer(json.loads(json.dumps({"options": options, "size": 32, "channels": 1})))
    lines = [json.loads(line) for line in io.StringIO(capsys.readouterr().out)]
    assert [line.get("done") for line in lines] == [0, 1, 2, 3, 4, 5, None]
    assert lines[-1]["images_per_second"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [19, 20, 57])
def test_as_many_are_trained_on_as_expected(count, tmp_path):
    from support import pictures, png

    (tmp_path / "pictures").mkdir()
    for i, image in enumerate(pictures(count, 16)):
        (tmp_path / "pictures" / f"{i:03}.png").write_bytes(png(image))
    out = from_folder.prepare(tmp_path / "pictures", tmp_path / "run", size=32)
    assert training_set.read_card(out)["shape"][0] == from_folder.training_images(count)
