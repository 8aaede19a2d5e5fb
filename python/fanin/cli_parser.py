"""The parser of the command line: its errors are one line, say what is allowed, and have a near miss at hand."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

__all__ = ["BAD_ARGUMENT", "Parser"]

BAD_ARGUMENT = 2
KINDS = {
    "int": "a whole number",
    "int list": "a whole number, or a list of them: 1,8,64",
    "int or auto": "a whole number, or auto",
    "float": "a number",
    "float list": "a number, or a list of them: 0.1,0.5",
}


class Parser(argparse.ArgumentParser):
    """Errors in one line, and examples kept as they are typed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self.set_defaults(parser=self)

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """As `parse_args`; but what is not known is told by the command, which knows what is near."""
        options, strange = self.parse_known_args(arguments)
        if strange:
            command: Parser = options.parser
            command.error(f"unrecognized arguments: {' '.join(strange)}{near(strange[0], command.options())}")
        return options

    def options(self) -> list[str]:
        """The options that it takes."""
        return [name for action in self._actions for name in action.option_strings]

    def error(self, message: str) -> NoReturn:
        """One line, then exit code 2."""
        self.exit(BAD_ARGUMENT, f"fanin: error: {plainly(message)}\n")


def plainly(message: str) -> str:
    """What argparse says, in words for those who do not know it.

    >>> plainly("argument --producers: invalid int list value: '1,x'")
    "argument --producers: '1,x': allowed is a whole number, or a list of them: 1,8,64"
    >>> plainly("argument COMMAND: invalid choice: 'swep' (choose from 'run', 'sweep')")
    "argument COMMAND: invalid choice: 'swep' (choose from 'run', 'sweep'); did you mean sweep?"
    """
    found = re.fullmatch(r"(.*): invalid (.+?) value: (.*)", message)
    if found and found[2] in KINDS:
        return f"{found[1]}: {found[3]}: allowed is {KINDS[found[2]]}"
    if found := re.fullmatch(r".*invalid choice: '(.*)' \(choose from (.*)\)", message):
        return message + near(found[1], re.findall(r"[\w/-]+", found[2]))
    return message


def near(word: str, known: Iterable[str]) -> str:
    """A hint to the nearest of what is known, if one is near."""
    from difflib import get_close_matches

    found = get_close_matches(word.partition("=")[0], list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
