"""Python batches of CIFAR-10, official or pickled again by another version of Python and numpy.

Unpickling can call anything that a pickle names. Here a pickle may name only the functions that rebuild arrays and
scalars of numpy, so anyone's pickle is read safely. The sums of the rebuilt binary batches decide whether they are the
official ones.
"""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from reproduce.data.cifar10.batches import PIXELS, batch_bytes
from reproduce.data.official import SourceError

# numpy 2 renamed numpy.core; protocol 5 rebuilds an array by _frombuffer, earlier ones by _reconstruct.
_ALLOWED = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Return the function or class that a pickle names.

        Raises:
            SourceError: it is none of those allowed.
        """
        if (module, name) not in _ALLOWED:
            raise SourceError(f"it would call {module}.{name}, which no batch needs")
        return super().find_class(module, name)


def batch_from_pickle(name: str, content: bytes) -> bytes:
    """Return the binary batch of the Python batch ``name``.

    Raises:
        SourceError: the pickle is damaged, holds no batch, or would call a function that no batch needs.
    """
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        found = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        labels, planes = np.asarray(found["labels"]), np.asarray(found["data"])
    except SourceError as error:
        raise SourceError(f"the Python batch {name} was not read: {error}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise SourceError(f"the Python batch {name} is damaged or no batch ({error!r})") from error
    if planes.dtype != np.uint8 or planes.shape != (labels.size, 3 * PIXELS) or labels.dtype.kind not in "iu":
        raise SourceError(
            f"the Python batch {name} holds {planes.dtype} {planes.shape} with {labels.dtype} {labels.shape}; expected "
            f"uint8 (images, {3 * PIXELS}) with one whole number per image"
        )
    return batch_bytes(labels.ravel(), planes)
