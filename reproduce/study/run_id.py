"""The name of one run."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from reproduce.base.errors import ReproduceError, shortened

_FORM = re.compile(r"([\w-]{1,99})/([\w-]{1,99})/epochs([1-9]\d{0,17})/seed([1-9]\d{0,17})", re.ASCII)


@dataclass(frozen=True, order=True)
class RunId:
    """The name of one run: its study, variant, length in epochs and seed."""

    study: str
    variant: str
    epochs: int
    seed: int

    def __str__(self) -> str:
        return f"{self.study}/{self.variant}/epochs{self.epochs}/seed{self.seed}"

    def identity(self) -> dict[str, Any]:
        """Return the fields that name the run in records and tables: ``run_id``, and its parts."""
        return {"run_id": str(self), **asdict(self)}

    @classmethod
    def parse(cls, text: str) -> "RunId":
        """Return the run named as ``study/variant/epochs<n>/seed<k>`` (also with ``results/runs/`` before it).

        Raises:
            ReproduceError: the text has another form.
        """
        name = text.strip("/").removeprefix("results/runs/")
        found = _FORM.fullmatch(name)
        if found is None:
            example = "cifar10_nets/80sec/epochs11/seed1"
            raise ReproduceError(f"{shortened(text)} does not name a run; write it like {example}")
        return cls(found[1], found[2], int(found[3]), int(found[4]))
