"""One step: the loss of a batch, its gradients in pieces that fit into memory, and the optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from mdmd.config import TrainConfig
from mdmd.device import autocast
from mdmd.loading.batches import Batch
from mdmd.models import losses
from mdmd.models.landmark_model import MDMD, Laplacian
from mdmd.training.distributed import Processes

#: Width of the heatmaps' target, in cells.
HEATMAP_SIGMA = 1.0


class Stepper:
    """Takes steps of `optimizer` on batches, as many faces at once as memory allows.

    `piece` is how many faces of a batch this process pushes through the network at once: where memory is too short
    it is halved, for good, and gradients are added up instead, so that the batch stays what it was. `tell` hears of it.
    """

    def __init__(
        self,
        model: MDMD,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        processes: Processes,
        tell: Callable[[str], None],
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.config = config
        self.processes = processes
        self.tell = tell
        part = processes.part(config.batch_size)
        self.piece = part.stop - part.start

    def __call__(self, batch: Batch, rare: Tensor, share: float) -> float:
        """The loss of `batch`, the same in every process; where it or a gradient is not finite, no step was taken.

        `rare` (N,) are the landmarks that have too few labels for a sigma. Raises MemoryError when there is not
        enough memory for a single face.
        """
        while True:
            value, short = self.processes.total(self._gradients(batch, rare, share)).tolist()
            if not short:
                break
            self._halve()
        if not math.isfinite(value):
            return value
        self.processes.sum_gradients(self.model.parameters())
        limit = math.inf if self.config.clip_norm is None else self.config.clip_norm
        norm = float(nn.utils.clip_grad_norm_(self.model.parameters(), limit))
        if not math.isfinite(norm):
            return norm
        self.optimizer.step()
        return value

    def _gradients(self, batch: Batch, rare: Tensor, share: float) -> Tensor:
        """Add up this process's gradients; its part of the loss, and 1 where memory was too short (float64)."""
        self.optimizer.zero_grad(set_to_none=True)
        members = self.model.groups_of(batch.name)
        weights = losses.group_weights(losses.group_counts(batch.labeled, members), members)
        device = self.processes.device
        total = torch.zeros((), dtype=torch.float64, device=device)
        part = self.processes.part(len(batch.images))
        try:
            for k in range(part.start, part.stop, self.piece):
                faces = slice(k, min(k + self.piece, part.stop))
                with autocast(device):
                    found = self.model(batch.images[faces].to(device), batch.name)
                points, labeled = batch.points[faces].to(device), batch.labeled[faces].to(device)
                value = batch_loss(found, points, labeled, weights.to(device), rare, self.config, share)
                value.backward()
                total += value.detach()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            return torch.tensor([0.0, 1.0], dtype=torch.float64)
        return torch.stack([total, torch.zeros_like(total)])

    def _halve(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        if self.piece == 1:
            raise MemoryError("not enough memory to learn from one face at a time")
        self.piece = (self.piece + 1) // 2
        if self.processes.device.type == "cuda":
            torch.cuda.empty_cache()
        self.tell(
            f"out of memory: from here on {self.piece} faces at once; "
            f"their gradients are added up to batches of {self.config.batch_size} as before"
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory was too short, on a GPU or on a CPU."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return any(sentence in str(error) for sentence in ("not enough memory", "can't allocate memory"))


def batch_loss(
    found: Laplacian,
    points: Tensor,
    labeled: Tensor,
    weights: Tensor,
    rare: Tensor,
    config: TrainConfig,
    share: float,
) -> Tensor:
    """Equation 4 on the Laplacian likelihood; in the first part of a run, or throughout with the Euclidean loss, on the
    distance (in twentieths of the crop), which does not reward small sigmas on memorised faces. A heatmap also gets
    its cross-entropy.

    `weights` (N,) are `loss.group_weights` of the whole batch, of which these faces may be a part. Landmarks in
    `rare` (N,) learn their factor from the others' residuals: those of one or two faces are soon memorised.
    """
    rare = rare.to(points.device)
    factor = torch.where(rare[:, None], found.factor.detach(), found.factor)
    if config.loss == "euclidean" or share < config.distance_share:
        # The factor still learns, on means it cannot pull: sigmas are right when the likelihood takes over.
        values = 20 * losses.distance(found.mean, points)
        values = values + losses.laplacian_nll(found.mean.detach(), factor, points)
    else:
        values = losses.laplacian_nll(found.mean, factor, points)
    if found.logits is not None:
        values = values + losses.heatmap_cross_entropy(found.logits, points, sigma=HEATMAP_SIGMA)
    total = (values * weights)[labeled].sum()
    return total + _borrowed(found, points, labeled, weights, rare) if rare.any() else total


def _borrowed(found: Laplacian, points: Tensor, labeled: Tensor, weights: Tensor, rare: Tensor) -> Tensor:
    """The likelihood of the other landmarks' residuals under the factor of each rare one, weighed like one landmark."""
    factor = found.factor[:, rare, None].expand(-1, -1, len(rare), -1).flatten(0, 1)
    residual = (points - found.mean).detach()[:, None].expand(-1, int(rare.sum()), -1, -1).flatten(0, 1)
    values = losses.laplacian_nll(torch.zeros_like(residual), factor, residual).unflatten(0, (len(points), -1))
    known = labeled & ~rare
    return (values * weights).transpose(1, 2)[known].sum() / len(rare)


def make_optimizer(model: MDMD, config: TrainConfig, *, frozen_blocks: int = 0) -> torch.optim.Optimizer:
    """Adam or AdamW; encoder blocks learn slower the deeper they lie, and norms and biases do not decay.

    What lies before the encoder's blocks (patch embedding, position) and the lowest `frozen_blocks` of them do not
    learn at all: nothing goes back through them, which is a good part of a step's cost. The last block always learns.
    """
    frozen_blocks = min(frozen_blocks, model.encoder.depth - 2)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        factor = 1.0
        if name.startswith("encoder."):
            height = model.encoder.depth_of(name.removeprefix("encoder."))
            parameter.requires_grad_(frozen_blocks <= 0 or height > frozen_blocks)
            if not parameter.requires_grad:
                continue
            below = model.encoder.depth - height
            factor = config.layer_decay ** (below + 1) if config.layer_decay < 1 else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(
        [{"params": p, "factor": factor, "weight_decay": decay} for (factor, decay), p in groups.items()],
        lr=config.learning_rate,
        fused=True,  # on CPUs a third of the time of the other implementations
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """`rate` times each parameter group's own factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that starts short, so that the first weights do not linger in short runs."""

    def update(average: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        return average.lerp(new, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return update
