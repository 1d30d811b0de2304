"""Every switch of the paper's tables: which tokens affect which landmarks, gradients, and checkpoints."""

import pytest
import torch

from mdmd.config import PRESETS, ModelConfig, TrainConfig
from mdmd.data.definition import GROUPS, Definition, load_definition
from mdmd.models import checkpoint
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.groups import GROUPINGS
from mdmd.models.landmark_model import Laplacian, build
from mdmd.models.losses import distance, group_counts, group_weights, laplacian_nll
from mdmd.training.step import batch_loss

TINY = ModelConfig(encoder="test_vit", image_size=64, decoder_depth=1, pixel_channels=16)
COFW, PARE = load_definition("cofw"), load_definition("pare")
SWITCHES = [
    {"groups": 5},
    {"groups": 8},
    {"tokens": "landmark"},
    {"tokens": "both", "groups": 8},
    {"stem": "early_convolutions"},
    {"encoder": "test_resnet"},
    {"feedforward_residual": False, "activation": "relu"},
]
HEADS = ["regression", "heatmap"]


def named(switch):
    return "-".join(map(str, switch.values()))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_coarser_groups_join_whole_groups_and_leave_none_out():
    for count, groups in GROUPINGS.items():
        assert len(groups) == count
        assert sorted(name for joined in groups for name in joined) == sorted(GROUPS)


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(12, [4, 3, 3, 3, 4, 6, 6, 5, 5, 9, 12, 8]), (8, [17, 6, 6, 5, 5, 9, 12, 8]), (5, [17, 12, 10, 9, 20])],
)
def test_the_68_points_in_each_grouping(count, sizes):
    model = build(TINY.changed(groups=count), {"people": load_definition("300w")})
    groups = model.groups_of("people")
    assert [len(members) for members in groups] == sizes
    assert sorted(k for members in groups for k in members) == list(range(68))
    assert model.decoder.queries.weight.shape == (count, 64)


def moved_by(model, token, images, head="pare"):
    """The landmarks of `head` whose mean moves if the output of query `token` changes."""
    before = model(images, head).mean

    def nudge(module, inputs, found):
        found = found.clone()
        found[:, token] += 1
        return found

    hook = model.decoder.register_forward_hook(nudge)
    after = model(images, head).mean
    hook.remove()
    return (after != before).any(-1)[0].nonzero().flatten().tolist()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("groups", [5, 8, 12])
def test_a_group_token_affects_its_landmarks_only(groups, head):
    model = build(TINY.changed(groups=groups, head=head), {"pare": PARE, "cofw": COFW}).eval()
    images = torch.rand(1, 3, 64, 64)
    for g, members in enumerate(model.groups_of("cofw")):
        assert moved_by(model, g, images, "cofw") == sorted(members)


@pytest.mark.parametrize("head", HEADS)
def test_a_landmark_token_affects_its_landmark_only(head):
    model = build(TINY.changed(tokens="landmark", head=head), {"cofw": COFW, "pare": PARE}).eval()
    images = torch.rand(1, 3, 64, 64)
    assert [moved_by(model, k, images) for k in range(9)] == [[k] for k in range(9)]


def test_with_both_tokens_a_landmark_depends_on_its_own_and_its_groups():
    model = build(TINY.changed(tokens="both", groups=5), {"cofw": COFW, "pare": PARE}).eval()
    images = torch.rand(1, 3, 64, 64)
    for g, members in enumerate(model.groups_of("pare")):
        assert moved_by(model, g, images) == sorted(members)
    assert [moved_by(model, 5 + k, images) for k in range(9)] == [[k] for k in range(9)]


@pytest.mark.parametrize("tokens", ["group", "landmark", "both"])
def test_landmarks_in_another_order_give_the_same_points_in_that_order(tokens):
    order = torch.randperm(29).tolist()
    shuffled = Definition(
        "shuffled",
        tuple(COFW.landmarks[k] for k in order),
        tuple(COFW.groups[k] for k in order),
        tuple(order.index(COFW.mirror[k]) for k in order),
    )
    config = TINY.changed(tokens=tokens, head="regression", groups=8)
    first, second = build(config, {"x": COFW}).eval(), build(config, {"x": shuffled}).eval()
    second.encoder, second.decoder = first.encoder, first.decoder
    if tokens == "group":  # one network a group, whose outputs follow the definition's order
        for theirs, ours in zip(first.heads[0].means.networks, second.heads[0].means.networks, strict=True):
            ours[1].load_state_dict(theirs[1].state_dict())
        for g, members in enumerate(m for m in second.groups_of("x") if m):
            old = [m for m in first.groups_of("x") if m][g]
            rows = [2 * old.index(order[k]) + axis for k in members for axis in (0, 1)]
            with torch.no_grad():
                second.heads[0].means.networks[g][3].weight.copy_(first.heads[0].means.networks[g][3].weight[rows])
                second.heads[0].means.networks[g][3].bias.copy_(first.heads[0].means.networks[g][3].bias[rows])
    else:  # one network and one query a landmark
        for new, old in enumerate(order):
            second.heads[0].means.networks[new].load_state_dict(first.heads[0].means.networks[old].state_dict())
        with torch.no_grad():
            second.landmark_queries[0].weight.copy_(first.landmark_queries[0].weight[order])
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(second(images, "x").mean, first(images, "x").mean[:, order])


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("switch", [*SWITCHES, {"loss": "euclidean"}], ids=named)
def test_gradients_reach_every_weight_but_those_of_other_heads(switch, head):
    switch = dict(switch)
    train = TrainConfig(loss=switch.pop("loss", "laplacian"), distance_share=0.0)
    model = build(TINY.changed(head=head, **switch), {"pare": PARE, "cofw": COFW})
    for module in model.encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # timm starts those at the end of a residual branch at zero
            torch.nn.init.ones_(module.weight)
    found = model(torch.rand(4, 3, 64, 64), "cofw")
    labeled = torch.ones(4, 29, dtype=torch.bool)
    members = model.groups_of("cofw")
    weights = group_weights(group_counts(labeled, members), members)
    batch_loss(found, torch.rand(4, 29, 2), labeled, weights, torch.zeros(29, dtype=torch.bool), train, 0.5).backward()
    gradients = {n: p.grad for n, p in model.named_parameters() if p.numel()}
    reached = {n for n, g in gradients.items() if g is not None and g.any()}
    assert gradients.keys() - reached == {n for n in gradients if n.startswith(("heads.0.", "landmark_queries.0."))}
    assert all(torch.isfinite(gradients[n]).all() for n in reached)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("switch", SWITCHES, ids=named)
def test_a_checkpoint_keeps_its_switches(switch, head, tmp_path):
    model = build(TINY.changed(head=head, **switch), {"pare": PARE, "cofw": COFW}).eval()
    Checkpoint(model, "pare").save(tmp_path)
    again = checkpoint.load(tmp_path).model.eval()
    assert again.config == model.config
    images = torch.rand(2, 3, 64, 64)
    for name in ("pare", "cofw"):
        assert torch.equal(again(images, name).mean, model(images, name).mean)
        assert torch.equal(again(images, name).factor, model(images, name).factor)


def test_a_new_head_gets_new_queries():
    model = build(TINY.changed(tokens="both"), {"x": COFW, "y": COFW})
    model.add_head("x", PARE)
    assert [q.num_embeddings for q in model.landmark_queries] == [9, 29]
    assert model(torch.rand(1, 3, 64, 64), "x").mean.shape == (1, 9, 2)


def test_the_euclidean_loss_is_the_distance_and_its_sigmas_cannot_pull_the_means():
    mean = torch.tensor([[[0.4, 0.5], [0.1, 0.2]]], requires_grad=True)
    factor = torch.tensor([[[0.05, 0.01, 0.03], [0.2, 0.0, 0.1]]], requires_grad=True)
    truth = torch.tensor([[[0.43, 0.54], [0.1, 0.3]]])
    labeled = torch.ones(1, 2, dtype=torch.bool)
    weights, rare = torch.full((2,), 0.5), torch.zeros(2, dtype=torch.bool)
    batch_loss(Laplacian(mean, factor), truth, labeled, weights, rare, TrainConfig(loss="euclidean"), 0.9).backward()
    # 20 |truth - mean| / 2 groups: ten times the unit vector away from the truth
    torch.testing.assert_close(mean.grad, torch.tensor([[[-6.0, -8.0], [0.0, -10.0]]]), atol=1e-4, rtol=0)
    alone = factor.detach().clone().requires_grad_()
    laplacian_nll(mean.detach(), alone, truth).mean().backward()
    torch.testing.assert_close(factor.grad, alone.grad)
    assert distance(mean, truth).tolist() == [pytest.approx([0.05, 0.1], abs=1e-6)]


def test_a_decoder_block_is_equations_1_to_3():
    model = build(PRESETS["paper"].model.changed(encoder="test_vit", image_size=64), {"x": PARE})
    assert len(model.decoder.blocks) == 3
    block, tokens = model.decoder.blocks[0], torch.randn(2, 17, 64)
    queries = torch.randn(2, 12, 64)
    picture = block.norm_picture(tokens)
    hidden = block.cross(block.norm_query(queries), picture, picture)[0] + queries
    own = block.norm_groups(hidden)
    hidden = block.mutual(own, own, own)[0] + hidden
    first, _, last = block.feedforward
    expected = last(torch.relu(first(block.norm_feedforward(hidden))))
    torch.testing.assert_close(block(queries, tokens), expected)


def test_heads_are_those_of_appendix_d1():
    model = build(PRESETS["paper"].model.changed(encoder="test_vit", image_size=64), {"x": COFW})
    head = model.head("x")
    for part, numbers in ((head.means, 2), (head.cholesky.numbers, 3)):
        shapes = [(net[1].weight.shape, net[3].weight.shape) for net in part.networks]
        assert shapes == [((16, 64), (numbers * len(m), 16)) for m in COFW.members if m]
        assert all(isinstance(net[k], torch.nn.ReLU) for net in part.networks for k in (0, 2))
