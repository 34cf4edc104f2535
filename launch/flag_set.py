"""A set of flags for a single program, so that all programs can be imported into one process."""

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from absl import flags

from launch.errors import UserError
from launch.paths import PathParser


class _FloatParser(flags.FloatParser):
    """A parser to which NaN is outside of all bounds."""

    def is_outside_bounds(self, val: float) -> bool:
        is_bounded = self.lower_bound is not None or self.upper_bound is not None
        return is_bounded and math.isnan(val) or super().is_outside_bounds(val)


class FlagSet:
    """Defines flags, each by a method named after its type, and parses arguments.

    `text` says what a flag sets, with its unit. Its first sentence says what a first run needs, as
    `--help` shows that one alone.
    """

    def __init__(self):
        self._flags = flags.FlagValues()
        self._forms: dict[str, str] = {}

    def define_boolean(self, name: str, default: bool | None, text: str) -> None:
        """A flag --NAME or --noNAME."""
        self._forms[name] = f"--{name}" if default is False else f"--[no]{name}"
        flags.DEFINE_bool(name, default, text, flag_values=self._flags)

    def define_integer(
        self,
        name: str,
        default: int | None,
        text: str,
        *,
        lower_bound: int | None = None,
        upper_bound: int | None = None,
    ) -> None:
        """A whole number within bounds."""
        self._forms[name] = f"--{name}=N"
        flags.DEFINE_integer(name, default, text, lower_bound, upper_bound, flag_values=self._flags)

    def define_float(
        self,
        name: str,
        default: float | None,
        text: str,
        *,
        lower_bound: float | None = None,
        upper_bound: float | None = None,
    ) -> None:
        """A number within bounds."""
        self._forms[name] = f"--{name}=N"
        parser = _FloatParser(lower_bound, upper_bound)
        serializer = flags.ArgumentSerializer()
        flags.DEFINE(parser, name, default, text, flag_values=self._flags, serializer=serializer)

    def define_string(
        self, name: str, default: str | None, text: str, *, value: str = "TEXT"
    ) -> None:
        """A text. value: the word that stands for it in help."""
        self._forms[name] = f"--{name}={value}"
        flags.DEFINE_string(name, default, text, flag_values=self._flags)

    def define_list(self, name: str, default: Sequence[str] | None, text: str) -> None:
        """Texts separated by commas."""
        self._forms[name] = f"--{name}=A,B,..."
        default = None if default is None else [*default]
        flags.DEFINE_list(name, default, text, flag_values=self._flags)

    def define_enum(
        self, name: str, default: str | None, options: Iterable[str], text: str
    ) -> None:
        """One of the options."""
        options = [*options]
        self._forms[name] = f"--{name}={'|'.join(options)}"
        flags.DEFINE_enum(name, default, options, text, flag_values=self._flags)

    def define_strings(self, name: str, text: str, *, value: str = "TEXT") -> None:
        """A text; the flag may be repeated. value: the word that stands for it in help."""
        self._forms[name] = f"--{name}={value}"
        flags.DEFINE_multi_string(name, None, text, flag_values=self._flags)

    def define_enums(
        self, name: str, default: Iterable[str] | None, options: Iterable[str], text: str
    ) -> None:
        """One of the options; the flag may be repeated."""
        default, options = None if default is None else [*default], [*options]
        self._forms[name] = f"--{name}={'|'.join(options)}"
        flags.DEFINE_multi_enum(name, default, options, text, flag_values=self._flags)

    def define_path(
        self,
        name: str,
        default: str | None,
        text: str,
        *,
        optional: bool = False,
        folder: bool = False,
    ) -> None:
        """A path. optional: whether it may be empty. folder: whether it names a folder."""
        self._forms[name] = f"--{name}={'FOLDER' if folder else 'FILE'}"
        flags.DEFINE(PathParser(optional=optional), name, default, text, flag_values=self._flags)

    def define_paths(self, name: str, default: Sequence[str] | None, text: str) -> None:
        """A path; the flag may be repeated."""
        self._forms[name] = f"--{name}=FILE"
        default = None if default is None else [*default]
        flags.DEFINE_multi(
            PathParser(), flags.ArgumentSerializer(), name, default, text, flag_values=self._flags
        )

    def set_default(self, name: str, value: Any) -> None:
        """Gives a flag another default."""
        self._flags.set_default(name, value)

    def names(self) -> Sequence[str]:
        """The names of all flags, sorted."""
        return sorted(self._flags)

    def is_number(self, name: str) -> bool:
        """Whether a flag takes a number."""
        return isinstance(self._flags[name].parser, flags.IntegerParser | flags.FloatParser)

    def is_integer(self, name: str) -> bool:
        """Whether a flag takes a whole number."""
        return isinstance(self._flags[name].parser, flags.IntegerParser)

    def parse_value(self, name: str, text: str) -> Any:
        """The value that a flag has for a text. ValueError where the flag does not take it."""
        try:
            return self._flags[name].parser.parse(text)
        except ValueError as error:
            raise ValueError(self._rule(name) or str(error)) from error

    def _rule(self, name: str) -> str:
        """What the values of a flag must be; empty where its parser says that itself."""
        parser = self._flags[name].parser
        if isinstance(parser, flags.EnumParser):
            return f"must be one of {', '.join(parser.enum_values)}."
        if isinstance(parser, flags.BooleanParser):
            return "must be true or false."
        if not isinstance(parser, flags.IntegerParser | flags.FloatParser):
            return ""
        least, most = parser.lower_bound, parser.upper_bound
        limits = "" if least is None else f" of at least {least:g}"
        if least is not None and most is not None:
            limits = f" from {least:g} to {most:,}".replace(",", "")
        return f"must be a {'whole ' if self.is_integer(name) else ''}number{limits}."

    def _explain(self, error: Exception) -> str:
        """A line on arguments that absl refuses: the flag, its value and the rule."""
        if isinstance(error, flags.UnrecognizedFlagError):
            near = difflib.get_close_matches(error.flagname, self._flags, n=1)
            hint = f"; did you mean --{near[0]}?" if near else "; --helpfull lists all flags."
            return f"--{error.flagname}: there is no such flag{hint}"
        text = str(error)
        missing = re.match(r"Missing value for flag --?(\w+)", text)
        if missing and missing[1] in self._forms:
            return f"--{missing[1]}: has no value; write {self.form(missing[1])}."
        name, equals, value = text.removeprefix("flag --").partition("=")
        if not text.startswith("flag --") or not equals or name not in self._flags:
            return text
        if value.startswith("--"):
            return f"--{name}: has no value; write {self.form(name)}."
        if rule := self._rule(name):
            # absl's reason, which comes last, is that of Python's own parsers.
            return f"--{name}={value.removesuffix(f': {error.__context__}')}: {rule}"
        return f"--{name}={value}"

    def description(self, name: str) -> str:
        """What a flag sets, without its options."""
        return str(self._flags[name].help).rpartition(">: ")[2].partition(";\n")[0]

    def form(self, name: str) -> str:
        """How a flag is written on a command line, such as --seconds=N."""
        return self._forms[name]

    def default(self, name: str) -> Any:
        """The value of a flag that is not given."""
        return self._flags[name].default

    def parse(self, arguments: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The values of all flags, and the names of those that were given. UserError where the
        arguments do not fit.
        """
        try:
            rest = self._flags(["program", *arguments])
        except (flags.Error, OSError, UnicodeError) as error:
            raise UserError(self._explain(error)) from error
        if len(rest) > 1:
            flag = "input" if "input" in self._flags else "flag"
            raise UserError(f"{rest[1]!r} belongs to no flag; write --{flag}={rest[1]}.")
        given = tuple(name for name in self._flags if self._flags[name].present)
        return self._flags.flag_values_dict(), given
