"""One thread a process: on a busy machine two threads that wait for each other are many times slower than one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

# Shapes written in the signatures of tensor code are checked at every call that a test makes.
TENSOR_MODULES = ("augment", "decoder", "encoder", "heads", "loader", "loss", "model", "pixels", "stems")
install_import_hook([f"mdmd.{name}" for name in TENSOR_MODULES], "typecheck.checked")
