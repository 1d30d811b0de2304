"""One thread a process: on a busy machine two threads that wait for each other are many times slower than one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
