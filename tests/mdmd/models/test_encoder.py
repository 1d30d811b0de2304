"""Encoders of the paper's backbone table: tokens, grids, depths for layer-wise learning rates, weights."""

import pytest
import torch
from safetensors.torch import save_file

from mdmd.errors import DataError
from mdmd.models.encoder import Encoder, load_weights, make_backbone
from mdmd.models.stems import early_convolutions


def test_pictures_that_are_not_whole_patches_are_refused():
    with pytest.raises(DataError, match="'test_vit' has patches of 16 pixels, and 100 is not a multiple of that"):
        Encoder("test_vit", 100)


@pytest.mark.parametrize(
    ("name", "size", "prefix"),
    [
        ("test_vit_relpos", 64, 0),
        ("test_vit", 64, 1),
        ("test_vit3", 64, 1),
        ("eva02_tiny_patch14_224", 56, 1),
        ("vit_little_patch16_reg4_gap_256", 64, 4),
        ("vit_small_patch14_reg4_dinov2", 56, 5),
        ("vit_small_patch16_dinov3", 64, 5),
    ],
)
def test_any_number_of_prefix_tokens(name, size, prefix):
    encoder = Encoder(name, size).eval()
    tokens = encoder(torch.rand(1, 3, size, size))
    assert encoder.prefix == prefix
    assert encoder.grid == (4, 4)
    assert tokens.shape == (1, prefix + 16, encoder.channels)
    torch.testing.assert_close(encoder.grid_features(tokens)[0, :, 1, 2], tokens[0, prefix + 4 + 2])


def test_a_convolutional_network_gives_the_cells_of_its_last_map_with_a_place_each():
    encoder = Encoder("test_resnet", 96).eval()
    assert (encoder.channels, encoder.prefix, encoder.grid) == (96, 0, (3, 3))
    images = torch.rand(2, 3, 96, 96)
    last = encoder.backbone.forward_features((images - encoder.mean) / encoder.std)
    cell = encoder.grid_features(encoder(images))[:, :, 2, 1]
    torch.testing.assert_close(cell, encoder.project(last[:, :, 2, 1]) + encoder.position[7])


def test_resnet_50_is_49_tokens_of_the_papers_768_channels():
    encoder = Encoder("resnet50", 224).eval()
    assert encoder.project.in_features == 2048
    assert encoder(torch.rand(1, 3, 224, 224)).shape == (1, 49, 768)


@pytest.mark.parametrize(
    ("name", "stem", "millions"),
    [
        ("resnet50", "patch", 24),
        ("vit_base_patch16_224", "resnet50", 110),
        ("vit_base_patch16_224", "early_convolutions", 88),  # the table says 86, and not how wide the convolutions are
        ("vit_base_patch16_224", "patch", 86),
    ],
)
def test_backbones_are_as_large_as_the_papers_table_says(name, stem, millions):
    with torch.device("meta"):
        backbone = Encoder(name, 224, stem).backbone
    assert round(sum(p.numel() for p in backbone.parameters()) / 1e6) == millions


@pytest.mark.parametrize("name", ["test_vit", "vit_small_patch16_dinov3"])
@pytest.mark.parametrize(("stem", "grid"), [("early_convolutions", (4, 4)), ("resnet50", (2, 2))])
def test_a_stem_takes_the_place_of_the_patches(name, stem, grid):
    encoder = Encoder(name, 64, stem).eval()
    tokens = encoder(torch.rand(1, 3, 64, 64))
    assert encoder.grid == grid
    assert tokens.shape == (1, encoder.prefix + grid[0] * grid[1], encoder.channels)


@pytest.mark.parametrize(
    ("channels", "widths"), [(192, [24, 48, 96, 192]), (384, [48, 96, 192, 384]), (768, [64, 128, 128, 256, 256, 512])]
)
def test_early_convolutions_are_as_wide_as_published(channels, widths):
    layers, last = early_convolutions(channels, 16)
    assert [layer.out_channels for layer in layers if isinstance(layer, torch.nn.Conv2d)] == widths
    assert last == widths[-1]
    assert layers(torch.zeros(1, 3, 32, 32)).shape == (1, last, 2, 2)


def test_layers_count_from_the_picture_and_what_starts_at_random_learns_fastest():
    plain, early = Encoder("test_vit", 64), Encoder("test_vit", 64, "early_convolutions")
    assert plain.depth == early.depth == 7
    for name, depth in {"pos_embed": 0, "patch_embed.proj.weight": 0, "blocks.0.norm1.bias": 1, "norm.bias": 7}.items():
        assert plain.depth_of(f"backbone.{name}") == depth
    assert early.depth_of("backbone.patch_embed.layers.0.weight") == 7
    behind = Encoder("test_vit", 64, "resnet50")
    assert behind.depth_of("backbone.patch_embed.layers.conv1.weight") == 0
    assert behind.depth_of("backbone.patch_embed.proj.weight") == 7
    network = Encoder("test_resnet", 64)
    assert network.depth == 5
    assert network.depth_of("backbone.conv1.0.weight") == 0
    assert network.depth_of("backbone.layer4.0.conv1.weight") == 4
    assert network.depth_of("project.weight") == network.depth_of("position") == 5


@pytest.mark.parametrize("stem", ["early_convolutions", "resnet50"])
def test_weights_of_a_plain_transformer_fill_all_but_the_stem(stem, tmp_path):
    plain = make_backbone("test_vit", 96)
    save_file(plain.state_dict(), tmp_path / "w.safetensors")
    encoder = Encoder("test_vit", 64, stem)
    before = {n: p.clone() for n, p in encoder.backbone.patch_embed.named_parameters()}
    warnings = []
    load_weights(encoder, tmp_path / "w.safetensors", warnings.append)
    for name, value in plain.blocks.state_dict().items():
        assert torch.equal(encoder.backbone.blocks.state_dict()[name], value)
    assert all(torch.equal(p, before[n]) for n, p in encoder.backbone.patch_embed.named_parameters())
    assert warnings == [
        f"w.safetensors fills the transformer; the stem {stem!r} before it starts from random numbers",
    ]


def test_weights_of_a_convolutional_network_come_from_a_file(tmp_path):
    plain = make_backbone("test_resnet", 64)
    save_file(plain.state_dict(), tmp_path / "w.safetensors")
    encoder = Encoder("test_resnet", 64)
    load_weights(encoder, tmp_path / "w.safetensors", pytest.fail)
    assert torch.equal(encoder.backbone.conv1[0].weight, plain.conv1[0].weight)


@pytest.mark.parametrize(
    ("name", "size", "stem", "sentence"),
    [
        ("test_resnet", 64, "early_convolutions", "'test_resnet' is not a vision transformer"),
        ("vit_tiny_r_s16_p8_224", 64, "early_convolutions", "has its own convolutional stem"),
        ("eva02_tiny_patch14_224", 56, "early_convolutions", "is a power of two, found 14 pixels"),
        ("test_vit", 80, "resnet50", "in multiples of 32 pixels, found 80"),
        ("test_convnext", 16, "patch", "'test_convnext' cannot read images of 16 pixels"),
    ],
)
def test_incompatible_settings_are_refused(name, size, stem, sentence):
    with pytest.raises(DataError, match=sentence):
        Encoder(name, size, stem)
