"""Loading YAML into typed models so that a mistake is one clear line."""

import copy
import difflib
import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

from reproduce.base.errors import ReproduceError, shortened
from reproduce.base.files import RESTORE, reading
from reproduce.base.paths import relative_to_repo

Model = TypeVar("Model", bound=BaseModel)
Whole = Annotated[int, Field(ge=1, lt=2**63)]  # a count, length or seed; larger ones fit no table


_LATER = "later"
FORM = "as "  # begins pydantic's tags for the possible types of one entry; no file holds a tag, so errors omit it


def later(default: Any) -> Any:
    """Return the declaration of a field that was added after the first runs were published.

    The digest of an older run is over a configuration without the field. ``without_later_defaults`` leaves the field
    out where it has its default, which must be the behavior of the older runs, so that their digests still hold.
    """
    return Field(default=default, json_schema_extra={_LATER: True})


def without_later_defaults(model: BaseModel, content: dict[str, Any]) -> dict[str, Any]:
    """Return ``content``, the dump of ``model``, without the fields declared by ``later`` that have their default."""
    fields = type(model).model_fields
    younger = {name: field.default for name, field in fields.items() if _LATER in (field.json_schema_extra or {})}
    unset = {name for name, default in younger.items() if getattr(model, name) == default}
    return {name: value for name, value in content.items() if name not in unset}


class Strict(BaseModel):
    """Base of every configuration model: no unknown keys, no coercion, only finite numbers; instances never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> Any:
    """Return the content of YAML text; results are cached, since a study reads the same specs for each variant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)  # an anchor's second meaning is legal YAML
        return YAML(typ="safe", pure=True).load(text)


def read_yaml(path: Path) -> Any:
    """Read a YAML 1.2 file (as DVC does: ``1e-4`` is a number, ``no`` is a string).

    Raises:
        ReproduceError: the file is missing or not YAML.
    """
    with reading(path):
        try:
            return copy.deepcopy(_parsed(path.read_text(encoding="utf-8-sig")))
        except RecursionError as error:
            raise ReproduceError(f"{relative_to_repo(path)} is nested too deep to read; {RESTORE}") from error
        except (YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a number of thousands of digits
            message = " ".join(str(error).split())
            raise ReproduceError(f"{relative_to_repo(path)} is not valid YAML: {message}; correct it") from error


def validated(model: type[Model], content: Any, where: str, remedy: str = "") -> Model:
    """Return ``content`` as a ``model``; ``where`` names its origin in the error, ``remedy`` what to do.

    Raises:
        ReproduceError: the first violation, as one line with the place, the value and what is allowed.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        errors = error.errors()
        unknown = [each for each in errors if each["type"] == "extra_forbidden"]
        first = (unknown or errors)[0]  # an unknown key is often the missing one misspelled, so it is named first
        hint = _near_key(first, errors)
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(FORM))
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        value = "" if isinstance(first["input"], dict) else f", got {shortened(first['input'])}"
        remedy = f"; {remedy}" if remedy else ""
        raise ReproduceError(
            f"{where}: {place or 'top level'}: {first['msg'].removeprefix('Value error, ')}{value}{hint}{more}{remedy}"
        ) from error


def _near_key(first: Mapping[str, Any], errors: Sequence[Mapping[str, Any]]) -> str:
    """Return a hint where an unknown key looks like one that is missing beside it; empty elsewhere."""
    if first["type"] != "extra_forbidden":
        return ""
    beside = [each["loc"][-1] for each in errors if each["type"] == "missing" and each["loc"][:-1] == first["loc"][:-1]]
    near = difflib.get_close_matches(str(first["loc"][-1]), map(str, beside), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
