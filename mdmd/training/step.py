"""One training step: the loss of a batch, gradients in parts that fit into memory, and the optimizer."""

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

#: Standard deviation of a heatmap's target, in cells.
HEATMAP_SIGMA = 1.0


class Stepper:
    """Takes optimizer steps on batches and adapts to the available memory.

    `piece` is the number of faces that this process passes through the network at once. When memory runs out, it is
    halved permanently and gradients are accumulated, so the batch size stays the same; `tell` receives a message.
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
        """Take a step and return the loss of `batch`, which is the same in every process.

        If the loss or the gradient norm is not finite, that value is returned and no step is taken. `rare` (N,) marks
        landmarks with too few labels to learn a sigma. Raises MemoryError if a single face does not fit into memory.
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
        """Accumulate this process's gradients. Returns (2,) float64: its part of the loss, and 1 if memory ran out."""
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
            raise MemoryError("not enough memory to train on one face at a time")
        self.piece = (self.piece + 1) // 2
        if self.processes.device.type == "cuda":
            torch.cuda.empty_cache()
        self.tell(
            f"out of memory: from now on {self.piece} faces at a time; "
            f"their gradients are accumulated, so the batch size stays {self.config.batch_size}"
        )


def out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that a GPU or the CPU ran out of memory."""
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
    """The loss of a batch: equation 4 of the paper, with the Laplacian likelihood.

    In the first part of a run (`share` below `config.distance_share`), and throughout with the Euclidean loss, the
    distance in twentieths of the crop is used instead: it does not reward small sigmas on memorized faces. A heatmap
    head adds its cross-entropy.

    `points` (B, N, 2) are in crop units, `labeled` (B, N); `weights` (N,) are `losses.group_weights` of the whole
    batch, of which these faces may be a part. Landmarks in `rare` (N,) learn their factor from the residuals of the
    others, because their own one or two labels are soon memorized.
    """
    rare = rare.to(points.device)
    factor = torch.where(rare[:, None], found.factor.detach(), found.factor)
    if config.loss == "euclidean" or share < config.distance_share:
        # The factor is trained on detached means, so that sigmas are right when the likelihood takes over.
        values = 20 * losses.distance(found.mean, points)
        values = values + losses.laplacian_nll(found.mean.detach(), factor, points)
    else:
        values = losses.laplacian_nll(found.mean, factor, points)
    if found.logits is not None:
        values = values + losses.heatmap_cross_entropy(found.logits, points, sigma=HEATMAP_SIGMA)
    total = (values * weights)[labeled].sum()
    return total + _borrowed(found, points, labeled, weights, rare) if rare.any() else total


def _borrowed(found: Laplacian, points: Tensor, labeled: Tensor, weights: Tensor, rare: Tensor) -> Tensor:
    """The loss of each rare landmark's factor on the residuals of the other landmarks, weighted as one landmark."""
    factor = found.factor[:, rare, None].expand(-1, -1, len(rare), -1).flatten(0, 1)
    residual = (points - found.mean).detach()[:, None].expand(-1, int(rare.sum()), -1, -1).flatten(0, 1)
    values = losses.laplacian_nll(torch.zeros_like(residual), factor, residual).unflatten(0, (len(points), -1))
    known = labeled & ~rare
    return (values * weights).transpose(1, 2)[known].sum() / len(rare)


def make_optimizer(model: MDMD, config: TrainConfig, *, frozen_blocks: int = 0) -> torch.optim.Optimizer:
    """Adam or AdamW with layer-wise learning rate decay in the encoder; norms and biases have no weight decay.

    The patch embedding, the position embedding and the lowest `frozen_blocks` blocks are frozen, which saves their
    backward pass. The last block is never frozen.
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
        fused=True,  # on CPUs, three times as fast as the other implementations
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set each parameter group's learning rate to `rate` times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average with a short start, so that the first weights do not dominate short runs."""

    def update(average: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        return average.lerp(new, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return update
