"""The hook in conftest.py checks the shapes in signatures."""

import pytest
import torch
from jaxtyping import TypeCheckError

from mdmd.models.losses import laplacian_nll


def test_a_wrong_shape_is_an_error():
    mean, factor = torch.zeros(2, 5, 2), torch.ones(2, 5, 3)
    assert laplacian_nll(mean, factor, torch.zeros(2, 5, 2)).shape == (2, 5)
    with pytest.raises(TypeCheckError):
        laplacian_nll(mean, factor, torch.zeros(2, 4, 2))
