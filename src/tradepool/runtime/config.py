"""Fill any settings class from a TOML file and the environment; what nobody knows is refused by name.

Every room declares its own settings class (a pydantic model); `entrypoints/settings` lists them as sections. The
environment wins over the file: `TRADEPOOL_LOG__LEVEL=debug` sets `level` of section `log`.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from tradepool.domain.errors import InvalidInput

PREFIX = "TRADEPOOL_"
NESTING = "__"
# Names of the environment that are no settings: where tests find real market data, where other engines are installed.
RESERVED = frozenset({"TRADEPOOL_DATA", "TRADEPOOL_PEERS"})

S = TypeVar("S", bound=BaseModel)


class UnknownSetting(InvalidInput):
    """Setting {key} in {source} is not known{hint}; correct or remove it."""


class BadSetting(InvalidInput):
    """Setting {key} in {source} is not valid: {why}; correct it."""


class ConfigFileUnreadable(InvalidInput):
    """Configuration file {file} cannot be read: {why}; correct the file or the path."""


def load(settings_class: type[S], file: Path | None = None, without: Collection[str] = ()) -> S:
    """Settings of this class: its defaults, then the TOML file if one is given, then the environment.

    `without` are sections of sections of the file, such as users.ann, that are not read. Errors: ConfigFileUnreadable,
    UnknownSetting, BadSetting; each is one line.

    >>> class Log(BaseModel):
    ...     level: str = "info"
    >>> load(Log).level
    'info'
    """
    written = {} if file is None else _without(_read(file), without)
    _refuse_unknown(settings_class, written, str(file), ())
    _refuse_unknown_environment(settings_class, os.environ)
    surroundings = cast("dict[str, object]", _environment_source(settings_class)())
    try:
        return settings_class.model_validate(_merged(written, surroundings))
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(str(part) for part in first["loc"])
        source = "the environment" if _holds(surroundings, path) else str(file or "the settings")
        raise BadSetting(key=".".join(path), source=source, why=first["msg"]) from error


def _read(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigFileUnreadable(file=file, why=error.strerror) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigFileUnreadable(file=file, why=str(error)) from error


def _without(written: dict[str, object], sections: Collection[str]) -> dict[str, object]:
    def kept(above: str, held: object) -> object:
        if not isinstance(held, Mapping):
            return held
        return {name: each for name, each in held.items() if f"{above}.{name}" not in sections}

    return {above: kept(above, held) for above, held in written.items()}


def _environment_source(settings_class: type[BaseModel]) -> EnvSettingsSource:
    """pydantic-settings' reader of the environment, over a twin of the class (it takes only its own kind)."""
    config = SettingsConfigDict(extra="ignore")
    fields = {name: (field.annotation, field) for name, field in settings_class.model_fields.items()}
    namespace = {"model_config": config, "__annotations__": {name: kind for name, (kind, _) in fields.items()}}
    twin = type(settings_class.__name__, (BaseSettings,), {**namespace, **{n: f for n, (_, f) in fields.items()}})
    return EnvSettingsSource(twin, env_prefix=PREFIX, env_nested_delimiter=NESTING)


def _sections(settings_class: type[BaseModel]) -> Mapping[str, type[BaseModel] | None]:
    """Keys of a class; those that are sections of their own with their class."""
    kinds = {name: field.annotation for name, field in settings_class.model_fields.items()}
    return {n: k if isinstance(k, type) and issubclass(k, BaseModel) else None for n, k in kinds.items()}


def _named_sections(settings_class: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The class of the sections that a key holds by names of the user's own, such as `[users.ann]`; else None."""
    kind = settings_class.model_fields[key].annotation
    held = get_args(kind)[1] if get_origin(kind) is dict else None
    return held if isinstance(held, type) and issubclass(held, BaseModel) else None


def _refuse_unknown(
    settings_class: type[BaseModel], given: Mapping[str, object], source: str, above: tuple[str, ...]
) -> None:
    known = _sections(settings_class)
    for key, value in given.items():
        if key not in known:
            raise UnknownSetting(key=".".join((*above, key)), source=source, hint=nearest(key, known))
        section = known[key]
        if section is not None and isinstance(value, Mapping):
            _refuse_unknown(section, value, source, (*above, key))
        named = _named_sections(settings_class, key)
        if named is not None and isinstance(value, Mapping):
            for name, held in value.items():
                if isinstance(held, Mapping):
                    _refuse_unknown(named, held, source, (*above, key, name))


def _refuse_unknown_environment(settings_class: type[BaseModel], environment: Mapping[str, str]) -> None:
    known = set(_environment_names(settings_class, PREFIX))
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known | RESERVED:
            raise UnknownSetting(key=name, source="the environment", hint=nearest(name.upper(), known))


def _environment_names(settings_class: type[BaseModel], above: str) -> Iterable[str]:
    for key, section in _sections(settings_class).items():
        yield f"{above}{key.upper()}"
        if section is not None:
            yield from _environment_names(section, f"{above}{key.upper()}{NESTING}")


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint of an error message: what was probably meant, else all that is known.

    >>> nearest("levle", ["level", "style"]), nearest("zzz", ["level", "style"])
    (' (did you mean level?)', ' (known: level, style)')
    """
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Both mappings in one; where both speak, `above` wins, section by section."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        both = isinstance(held, Mapping) and isinstance(value, Mapping)
        merged[key] = (
            _merged(cast("Mapping[str, object]", held), cast("Mapping[str, object]", value)) if both else value
        )
    return merged


def _holds(given: object, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(given, Mapping) or key not in given:
            return False
        given = given[key]
    return True


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting in force: its dotted key, its value as JSON can hold it, and who said so."""

    key: str
    value: object
    source: str


def origins(settings: BaseModel, file: Path | None = None) -> list[Origin]:
    """Every setting with where its value comes from: the environment, the file, or the default.

    >>> class Log(BaseModel):
    ...     level: str = "info"
    >>> origins(Log())
    [Origin(key='level', value='info', source='default')]
    """
    written = {} if file is None else _read(file)
    surroundings = _environment_source(type(settings))()

    def source(path: tuple[str, ...]) -> str:
        return "environment" if _holds(surroundings, path) else str(file) if _holds(written, path) else "default"

    return [Origin(".".join(path), value, source(path)) for path, value in _leaves(settings.model_dump(mode="json"))]


def explained(settings: BaseModel, file: Path | None, key: str) -> list[Origin]:
    """The origins of one setting, or of all under a key ("": of everything). Raises UnknownSetting."""
    everything = origins(settings, file)
    found = [row for row in everything if not key or row.key == key or row.key.startswith(f"{key}.")]
    if not found:
        hint = nearest(key, [row.key for row in everything])
        raise UnknownSetting(key=key, source="the configuration", hint=hint)
    return found


def _leaves(tree: Mapping[str, object], above: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value
