import pytest
import torch
from torch.nn import functional

from retrial.nets.convolutional import AVERAGE, BLUR, STRIDE, LeNet, Subsample, field_side

VARIANTS = {
    "clipped": (5, AVERAGE, False),
    "canvas": (9, AVERAGE, False),
    "blurpool": (9, BLUR, False),
    "global_pool": (11, AVERAGE, True),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_fields_by_hand() -> None:
    # 5 -> 10 -> 14 -> 28 -> 32, LeCun's field for a 28 x 28 digit.
    assert field_side(5) == 32
    # 9 -> 18 -> 22 -> 44 -> 48: a canvas of 44 and the same margin of 2.
    assert field_side(9) == 48
    # 9 -> 20 -> 24 -> 50 -> 54: four taps reach one pixel further on each side.
    assert field_side(9, BLUR) == 54


def test_original_size_has_lenets_parameters() -> None:
    # 156 + 2416 + 48120 + 10164 + 850
    assert sum(weight.numel() for weight in LeNet(seeded(0)).parameters()) == 61706


def test_two_equal_taps_are_average_pooling() -> None:
    x = torch.rand(3, 6, 8, 10, generator=seeded(1))
    torch.testing.assert_close(Subsample(6, AVERAGE)(x), functional.avg_pool2d(x, 2))


def test_blur_by_hand_and_on_a_flat_map() -> None:
    line = torch.tensor([1.0, 0, 0, 4, 0, 0])
    x = line.expand(1, 1, 6, 6)
    # (1·1 + 3·0 + 3·0 + 1·4) / 8 and (1·0 + 3·4 + 3·0 + 1·0) / 8, the same in every row.
    expected = torch.tensor([5 / 8, 12 / 8]).expand(1, 1, 2, 2)
    torch.testing.assert_close(Subsample(1, BLUR)(x), expected)
    flat = torch.full((1, 2, 9, 9), 0.7)
    torch.testing.assert_close(Subsample(2, BLUR)(flat), torch.full((1, 2, 3, 3), 0.7))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_larger_input_gives_the_logits_of_each_window(variant: str) -> None:
    cells, taps, pooled = VARIANTS[variant]
    network, field = LeNet(seeded(2), cells, taps, pooled), field_side(cells, taps)
    plane = torch.rand(2, 1, field + 2 * STRIDE, field + STRIDE, generator=seeded(3))
    logits = network(plane)
    assert logits.shape == (2, 3, 2, 10)
    for i in range(3):
        for j in range(2):
            rows = slice(STRIDE * i, STRIDE * i + field)
            columns = slice(STRIDE * j, STRIDE * j + field)
            window = network(plane[:, :, rows, columns])
            torch.testing.assert_close(window[:, 0, 0], logits[:, i, j], atol=1e-5, rtol=1e-4)


def test_pooled_network_sees_a_blob_alike_at_multiples_of_the_stride() -> None:
    # C5 looks at 24 pixels: at all three places each of its views of the blob has a position, and
    # some positions are blank.
    network = LeNet(seeded(6), 11, pooled=True)
    planes = torch.zeros(3, 1, 56, 56)
    planes[0, 0, 24:28, 24:28] = 1
    planes[1, 0, 28:32, 20:24] = 1
    planes[2, 0, 25:29, 24:28] = 1
    one, alike, between = network(planes)
    torch.testing.assert_close(one, alike)
    assert not torch.allclose(one, between, atol=1e-3)


def test_weights_follow_the_generator_alone() -> None:
    state = torch.get_rng_state()
    one, same, other = LeNet(seeded(7)), LeNet(seeded(7)), LeNet(seeded(8))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.c5.weight, same.c5.weight)
    assert not torch.equal(one.c5.weight, other.c5.weight)
    # Variance 2 / (16·5·5) over 48000 draws.
    assert one.c5.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert not one.c5.bias.any()
