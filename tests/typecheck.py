"""The checker that conftest.py hooks into tensor code: a whole number passes for a float, as Python has it."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
