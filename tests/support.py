"""Plain functions that several tests share."""

import os
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
# How many odd values the long fuzzing tests try in each place; hundreds take hours.
TRIALS = int(os.environ.get("HOSTILE_TRIALS", 10))

# The files of tests that try hostile input: `pytest -m hostile`, see docs/security.md.
HOSTILE = {
    *("test_allowed_hosts.py", "test_forged_values.py", "test_hostile_files.py"),
    *("test_hostile_folders.py", "test_hostile_links.py", "test_mapped_arrays.py"),
    *("test_model_registry.py", "test_nothing_leaves.py", "test_onnx_sandbox.py"),
    *("test_preflight.py", "test_quotas.py", "test_regular_files.py", "test_shutdown.py"),
    *("test_about_page.py", "test_cache_contents.py", "test_damaged_fields.py"),
    *("test_json_values.py", "test_train_page.py", "test_uploads_in_memory.py"),
    *("test_behind_nginx.py", "test_closed_sockets.py", "test_content_policy.py"),
    *("test_hostile_commands.py", "test_printable_output.py"),
    *("test_stranger_text_browser.py", "test_stranger_uploads_browser.py"),
    *("test_trust.py", "test_visitors.py", "test_visitors_on_a_server.py", "test_words.py"),
}


def pictures(n, size=32, channels=3, seed=0):
    """n pictures of noise, uint8 (n, size, size, channels)."""
    shape = (n, size, size, channels)
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)
