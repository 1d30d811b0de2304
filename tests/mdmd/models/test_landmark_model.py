"""The network: group routing, heads, moments, other encoders, weights that do not fit."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mdmd.config import ModelConfig
from mdmd.data.definition import GROUPS, load_definition
from mdmd.errors import DataError
from mdmd.models.encoder import Encoder, load_pretrained, load_weights
from mdmd.models.heads import (
    CholeskyHead,
    HeatmapHead,
    PerGroup,
    RegressionHead,
    covariance_to_factor,
    factor_to_covariance,
    heatmap_moments,
)
from mdmd.models.landmark_model import build
from mdmd.models.pixel_decoder import PixelPath

TINY = ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2, pixel_channels=16)
REGRESSION = ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2, head="regression")


@pytest.mark.parametrize("config", [TINY, REGRESSION])
def test_each_head_predicts_its_own_definition(config):
    torch.manual_seed(0)
    model = build(config, {"people": load_definition("300w"), "masks": load_definition("pare")}).eval()
    images = torch.rand(2, 3, 64, 64)
    people, masks = model(images, "people"), model(images, "masks")
    assert people.mean.shape == (2, 68, 2)
    assert masks.factor.shape == (2, 9, 3)
    assert (masks.factor[..., [0, 2]] > 0).all()
    with pytest.raises(DataError, match=r"no head 'cats'; it has: people, masks"):
        model.head_definition("cats")


def test_a_landmark_depends_on_its_group_only():
    torch.manual_seed(0)
    definition = load_definition("cofw")
    head = PerGroup(64, definition.members, 2)
    groups = torch.randn(1, len(GROUPS), 64)
    before = head(groups)
    for changed in range(len(GROUPS)):
        other = groups.clone()
        other[:, changed] += 1
        moved = (head(other) != before).any(-1)[0]
        assert moved.tolist() == [g == changed for g in definition.groups]


def test_a_permuted_definition_permutes_the_output():
    torch.manual_seed(0)
    members = ((0, 2), (1, 3))
    permuted = ((3, 1), (2, 0))
    first, second = PerGroup(8, members, 2), PerGroup(8, permuted, 2)
    second.load_state_dict(first.state_dict())
    groups = torch.randn(5, 2, 8)
    torch.testing.assert_close(first(groups), second(groups)[:, [3, 2, 1, 0]])


def test_start_at_gives_each_landmark_its_own_value():
    definition = load_definition("cofw")
    head = PerGroup(8, definition.members, 2)
    values = torch.rand(29, 2)
    head.start_at(values, spread=0.0)
    torch.testing.assert_close(head(torch.randn(3, len(GROUPS), 8)), values.expand(3, -1, -1))


@pytest.mark.parametrize(("channels", "groups"), [(16, 4), (32, 8), (48, 4), (64, 8), (80, 4), (112, 4)])
def test_every_width_of_the_pixel_path_that_passes_its_check_works(channels, groups):
    config = TINY.changed(pixel_channels=channels)
    path = PixelPath(24, config.pixel_channels)
    assert path(torch.rand(1, 3, 64, 64), torch.rand(1, 24, 4, 4)).shape == (1, channels, 16, 16)
    assert min(m.num_groups for m in path.modules() if isinstance(m, torch.nn.GroupNorm)) == groups


def test_sigmas_start_at_a_twentieth_and_never_pass_their_floor():
    head = CholeskyHead(8, load_definition("pare").members, floor=0.002)
    start = head(torch.zeros(1, len(GROUPS), 8))
    torch.testing.assert_close(start[..., 0], torch.full((1, 9), 0.05), atol=0.01, rtol=0)
    assert (head(torch.randn(50, len(GROUPS), 8) * 1e4)[..., [0, 2]] >= 0.002).all()


def test_moments_of_a_heatmap_are_those_of_its_cells():
    weights = torch.zeros(1, 1, 4, 8)
    weights[0, 0, 1, 2], weights[0, 0, 3, 6] = 0.25, 0.75
    mean, covariance = heatmap_moments(weights.log().clamp_min(-1e4))
    places = np.array([[2.5 / 8, 1.5 / 4], [6.5 / 8, 3.5 / 4]])
    share = np.array([0.25, 0.75])
    center = share @ places
    np.testing.assert_allclose(mean[0, 0], center, atol=1e-6)
    np.testing.assert_allclose(covariance[0, 0], ((places - center).T * share) @ (places - center), atol=1e-6)


@pytest.mark.parametrize("kind", ["heatmap", "regression"])
def test_heads_keep_full_precision_where_the_rest_runs_in_bfloat16(kind):
    torch.manual_seed(0)
    members, size = load_definition("300w").members, 224
    head = RegressionHead(192, members, floor=0.002)
    if kind == "heatmap":
        head = HeatmapHead(192, members, pixel_channels=8, floor=0.002)
    groups = torch.randn(2, len(GROUPS), 192, dtype=torch.bfloat16)
    pixels = torch.randn(2, 8, 56, 56, dtype=torch.bfloat16)
    exact = head(groups.float(), pixels.float())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = head(groups, pixels)
    for one, other in zip(exact, mixed, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype == torch.float32
            assert (one - other).abs().max() * size < 0.01


def test_a_mean_regressed_in_bfloat16_would_be_off_by_tenths_of_a_pixel():
    torch.manual_seed(0)
    head = RegressionHead(192, load_definition("300w").members, floor=0.002)
    groups = torch.randn(2, len(GROUPS), 192)
    with torch.autocast("cpu", torch.bfloat16):
        off = 224 * (head.means(groups).float() - head(groups)[0]).abs()
    assert off.mean() > 0.1
    assert off.max() > 0.4


def test_factor_and_covariance_are_inverse():
    factor = torch.tensor([[0.1, -0.05, 0.02], [0.3, 0.2, 0.1]])
    lower = torch.tensor([[0.1, 0.0], [-0.05, 0.02]])
    torch.testing.assert_close(factor_to_covariance(factor)[0], lower @ lower.T)
    torch.testing.assert_close(covariance_to_factor(factor_to_covariance(factor)), factor, atol=1e-5, rtol=1e-4)


def test_decoder_heads_follow_the_encoder_or_are_refused():
    model = build(TINY.changed(decoder_heads=None), {"masks": load_definition("pare")}).eval()
    assert model(torch.rand(1, 3, 64, 64), "masks").mean.shape == (1, 9, 2)
    with pytest.raises(DataError, match="3 decoder heads do not divide the encoder's 64 channels"):
        build(TINY.changed(decoder_heads=3), {})


def test_an_unknown_encoder_is_refused():
    with pytest.raises(DataError, match="'no_such_net' cannot be made"):
        Encoder("no_such_net", 64)
    with pytest.raises(DataError, match=r"'swin_tiny_patch4_window7_224' is neither"):
        Encoder("swin_tiny_patch4_window7_224", 64)


def test_weights_come_from_a_file_that_fits(tmp_path):
    encoder, other = Encoder("test_vit", 64), Encoder("test_vit", 64)
    save_file(other.backbone.state_dict(), tmp_path / "w.safetensors")
    load_weights(encoder, tmp_path / "w.safetensors", pytest.fail)
    for key, value in other.backbone.state_dict().items():
        assert torch.equal(encoder.backbone.state_dict()[key], value)


def test_weights_of_another_picture_size_are_resampled(tmp_path):
    save_file(Encoder("test_vit", 96).backbone.state_dict(), tmp_path / "w.safetensors")
    encoder = Encoder("test_vit", 64)
    load_weights(encoder, tmp_path / "w.safetensors", pytest.fail)
    assert encoder(torch.rand(1, 3, 64, 64)).shape[-1] == encoder.channels


def test_weights_that_do_not_fit_are_named(tmp_path):
    encoder = Encoder("test_vit", 64)
    with pytest.raises(DataError, match="no weights file"):
        load_weights(encoder, tmp_path / "absent.safetensors", pytest.fail)
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(DataError, match="not a safetensors file"):
        load_weights(encoder, tmp_path / "text.safetensors", pytest.fail)
    (tmp_path / "empty.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(DataError, match="holds another architecture") as refused:
        load_weights(encoder, tmp_path / "empty.safetensors", pytest.fail)
    assert refused.value.kind == "weights"
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "resnet.safetensors")
    with pytest.raises(DataError, match="holds another architecture"):
        load_weights(encoder, tmp_path / "resnet.safetensors", pytest.fail)
    wide = {k: torch.zeros(*v.shape, 2) for k, v in encoder.backbone.state_dict().items()}
    save_file(wide, tmp_path / "wide.safetensors")
    with pytest.raises(DataError, match="another architecture"):
        load_weights(encoder, tmp_path / "wide.safetensors", pytest.fail)


def test_without_a_connection_training_continues_with_a_warning(tmp_path):
    """In a separate process, with an unreachable hub and an empty cache."""
    program = (
        "from mdmd.models.encoder import Encoder, load_pretrained\n"
        "encoder = Encoder('vit_tiny_patch16_224.augreg_in21k_ft_in1k', 64)\n"
        "print(load_pretrained(encoder, lambda text: print('WARNED', text)))\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(proxy, None)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "None", done.stderr
    assert "WARNED the pretrained weights of vit_tiny_patch16_224" in done.stdout
    assert "no connection to 127.0.0.1" in done.stdout
    assert "random numbers" in done.stdout


def test_an_encoder_without_pretrained_weights_gives_a_warning():
    warnings = []
    assert load_pretrained(Encoder("test_vit4", 64), warnings.append) is None
    assert warnings == [
        "timm has no pretrained weights for test_vit4: the encoder starts from random numbers and learns more slowly"
    ]


def test_both_kinds_of_attention_give_the_same_tokens():
    torch.manual_seed(0)
    encoder = Encoder("test_vit", 64)
    images = torch.rand(2, 3, 64, 64)
    blocks = encoder.backbone.blocks
    fused = encoder(images)
    assert all(block.attn.fused_attn for block in blocks)
    with torch.autocast("cpu", torch.bfloat16):
        plain = encoder(images)
    assert not any(block.attn.fused_attn for block in blocks)
    torch.testing.assert_close(plain.float(), fused, atol=0.06, rtol=0.02)
    torch.testing.assert_close(encoder(images), fused)
