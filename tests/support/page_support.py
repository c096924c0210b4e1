"""Results on a page outside its generated parts, where no command keeps them up to date."""

import re

_GENERATED = re.compile(r"<!-- (?:begin|n):.*?<!-- (?:end:[\w-]+|/n) -->", re.DOTALL)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_RESULT = re.compile(
    r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)\s?(?:%|percent\b|images/s\b|images a second\b)"
    r"(?!\s+(?:\w+-)?(?:confidence|interval))"
)


def unmarked_results(text, known=()):
    """Return the percentages and rates in the prose of ``text`` whose value is not in ``known``."""
    found = _RESULT.finditer(_CODE.sub(" ", _GENERATED.sub(" ", text)))
    return [" ".join(each[0].split()) for each in found if float(each[1].replace(",", "")) not in known]


def printed(claims):
    """Return the published values of the claims."""
    return {target.value for claim in claims for target in claim.targets}
