import math
import subprocess
import sys

import pytest
from matplotlib.image import imread

from rennet._language_model.curve import draw_curve
from rennet.base import ArgumentError

UPDATES = [10, 20, 30, 40]
TRAIN = [900.0, 500.0, 200.0, 100.0]
HELDOUT = [(20, 400.0), (40, 150.0)]


def colours(path):
    image = imread(path)
    assert image.shape[:2] == (540, 960)
    return {tuple(round(255 * float(value)) for value in pixel[:3]) for pixel in image.reshape(-1, image.shape[2])}


def test_curve(tmp_path):
    path = tmp_path / "a-curve.png"
    draw_curve(path, UPDATES, TRAIN, HELDOUT, 431.0)
    assert {(0x8F, 0xB4, 0xD9), (0xB3, 0x26, 0x1E), (0x55, 0x55, 0x55), (255, 255, 255)} <= colours(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a-curve.png"]


@pytest.mark.parametrize(
    ("updates", "train", "heldout"),
    [
        pytest.param([], [], [], id="nothing"),
        pytest.param([1], [5.0], [], id="one update"),
        pytest.param([1, 2], [math.inf, math.nan], [(2, math.inf)], id="overflow"),
        pytest.param([], [], [(1, 1.0)], id="held-out only"),
    ],
)
def test_curve_of_little(tmp_path, updates, train, heldout):
    draw_curve(tmp_path / "a.png", updates, train, heldout, 12.0)
    assert (255, 255, 255) in colours(tmp_path / "a.png")


def test_lengths_have_to_agree(tmp_path):
    with pytest.raises(ArgumentError, match="train_perplexity: expected one for each of the 4 updates, got 3"):
        draw_curve(tmp_path / "a.png", UPDATES, TRAIN[:3], HELDOUT, 431.0)
    assert list(tmp_path.iterdir()) == []


def test_unwritable_place(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        draw_curve(tmp_path / "no" / "a.png", UPDATES, TRAIN, HELDOUT, 431.0)


def test_pyplot_stays_out(tmp_path):
    program = (
        "import sys\n"
        "from rennet._language_model.curve import draw_curve\n"
        "assert 'matplotlib' not in sys.modules\n"
        f"draw_curve({str(tmp_path / 'a.png')!r}, [1], [2.0], [(1, 3.0)], 4.0)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
