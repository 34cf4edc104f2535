"""A set of flags for a single program, so that all programs can be imported into one process."""

from collections.abc import Iterable, Sequence
from typing import Any

from absl import flags

from launch.errors import UserError
from launch.paths import PathParser


class FlagSet:
    """Defines flags, each by a method named after its type, and parses arguments."""

    def __init__(self):
        self._flags = flags.FlagValues()

    def define_boolean(self, name: str, default: bool | None, text: str) -> None:
        """A flag --NAME or --noNAME."""
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
        flags.DEFINE_float(name, default, text, lower_bound, upper_bound, flag_values=self._flags)

    def define_string(self, name: str, default: str | None, text: str) -> None:
        """A text."""
        flags.DEFINE_string(name, default, text, flag_values=self._flags)

    def define_list(self, name: str, default: Sequence[str] | None, text: str) -> None:
        """Texts separated by commas."""
        default = None if default is None else [*default]
        flags.DEFINE_list(name, default, text, flag_values=self._flags)

    def define_enum(
        self, name: str, default: str | None, options: Iterable[str], text: str
    ) -> None:
        """One of the options."""
        flags.DEFINE_enum(name, default, [*options], text, flag_values=self._flags)

    def define_strings(self, name: str, text: str) -> None:
        """A text; the flag may be repeated."""
        flags.DEFINE_multi_string(name, None, text, flag_values=self._flags)

    def define_enums(
        self, name: str, default: Iterable[str] | None, options: Iterable[str], text: str
    ) -> None:
        """One of the options; the flag may be repeated."""
        default = None if default is None else [*default]
        flags.DEFINE_multi_enum(name, default, [*options], text, flag_values=self._flags)

    def define_path(
        self, name: str, default: str | None, text: str, *, optional: bool = False
    ) -> None:
        """A path. optional: whether it may be empty."""
        flags.DEFINE(PathParser(optional=optional), name, default, text, flag_values=self._flags)

    def define_paths(self, name: str, default: Sequence[str] | None, text: str) -> None:
        """A path; the flag may be repeated."""
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
        return self._flags[name].parser.parse(text)

    def description(self, name: str) -> str:
        """What a flag sets, without its options."""
        return str(self._flags[name].help).rpartition(">: ")[2]

    def parse(self, arguments: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The values of all flags, and the names of those that were given. UserError where the
        arguments do not fit.
        """
        try:
            rest = self._flags(["program", *arguments])
        except (flags.Error, OSError, UnicodeError) as error:
            raise UserError(str(error)) from error
        if len(rest) > 1:
            raise UserError(f"{rest[1]!r} belongs to no flag; write --flag=value.")
        given = tuple(name for name in self._flags if self._flags[name].present)
        return self._flags.flag_values_dict(), given

    def help(self, title: str) -> str:
        """The list of all flags with their meaning and default, under a title."""
        for name in self._flags:
            self._flags.register_key_flag_for_module(title, self._flags[name])
        return self._flags.module_help(title)
