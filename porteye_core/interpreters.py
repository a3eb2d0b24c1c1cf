"""Detection of the program that an interpreter runs, from its command line.

The options are those of the interpreters' own manuals: python(1), node(1), java(1), ruby(1),
perl(1), php(1), `dotnet --help`, `deno --help`, `bun --help` and `go help run`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

DELETED = " (deleted)"  # the kernel's mark behind the path of a deleted file


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


class Run(NamedTuple):
    """Title to show, and the script of a run.

    script: script, module, class or code, with its application or command. It distinguishes
    programs in one folder; empty where a title that the process set hides it.
    """

    title: str
    script: str


_UNKNOWN = "?"  # a letter that is not in the manual


class _Found(NamedTuple):
    """Script, module, code or server (`kind`) in a command line.

    option: the option that names it. arguments: the words after it.
    """

    kind: str
    text: str
    option: str
    arguments: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Grammar:
    """Options of an interpreter before its script.

    named: kind of the program that an option names, in the rest of its word or in the next word.
    valued: letters with any other value at the same place.
    attached: letters whose value is the rest of the word.
    flags: letters without a value.
    words: options whose value is the next word.
    After any other letter nothing is detected, because it may have a value.
    """

    named: dict[str, str] = field(default_factory=dict)
    valued: str = ""
    attached: str = ""
    flags: str = ""
    words: frozenset[str] = frozenset()

    def find(self, words: Sequence[str]) -> _Found | None:
        """Find the program; None if no word names it, or if it is read from the standard input."""
        places = iter(range(1, len(words)))
        for place in places:
            word, rest = words[place], words[place + 1 :]
            if word == "--":
                return _next("script", "", rest)
            if not word.startswith("-"):
                return _next("script", "", words[place:])
            if kind := self.named.get(word):
                return _next(kind, word, rest)
            last, value = ("", "") if word.startswith("--") else self._last(word)
            if kind := self.named.get(last):
                option = f"-{last}"
                return _Found(kind, value, option, rest) if value else _next(kind, option, rest)
            if last == _UNKNOWN or word == "-":  # "-": the program is read from the standard input
                return None
            if word in self.words or (last and not value and last in self.valued):
                next(places, None)
        return None

    def _last(self, group: str) -> tuple[str, str]:
        """Find the letter of a group like `-um` that takes a value, and the rest of the word.

        Both are empty for a group of flags.
        """
        for number, letter in enumerate(group[1:], start=2):
            if letter in self.named or letter in self.valued or letter in self.attached:
                return letter, group[number:]
            if letter not in self.flags:
                return _UNKNOWN, ""
        return "", ""


def _next(kind: str, option: str, rest: Sequence[str]) -> _Found | None:
    return _Found(kind, rest[0], option, rest[1:]) if rest else None


_PYTHON = _Grammar(
    {"c": "code", "m": "module"},
    valued="WXQ",
    flags="bBdEhiIOPqRsStuvVx",
    words=_set("--check-hash-based-pycs"),
)
_RUBY = _Grammar({"e": "code"}, valued="IrCE", attached="FiKTWx0", flags="acdhlnpsSUvwy")
_PERL = _Grammar(
    {"e": "code", "E": "code"}, valued="I", attached="MmiF0lCDdxV", flags="acfhnpsStTuUvwWX"
)
_PHP = _Grammar(
    {**dict.fromkeys("rBRE", "code"), "f": "script", "F": "script", "S": "server"},
    valued="dczt",
    flags="aCeHhilmnqsvw",
    words=_set("--define --php-ini --docroot --fpm-config --prefix --pid"),
)
_NODE = _Grammar(
    dict.fromkeys(("e", "p", "-pe", "--eval", "--print"), "code"),
    valued="rC",
    flags="chiv",
    words=_set(
        "--require --import --loader --experimental-loader --conditions --env-file --title"
        " --inspect-port --icu-data-dir --watch-path --input-type --dns-result-order"
        " --max-http-header-size --stack-trace-limit"
    ),
)
_DOTNET = _Grammar(
    flags="dh",
    words=_set(
        "--additionalprobingpath --additional-deps --depsfile --runtimeconfig --fx-version"
        " --roll-forward"
    ),
)
_DENO = _Grammar(
    valued="cL",
    attached="ENRSWI",
    flags="AfhqrV",
    words=_set(
        "--config --import-map --cert --location --seed --log-level --port --host --preload"
    ),
)
_BUN = _Grammar(
    {"e": "code", "--eval": "code"},
    valued="rcdl",
    flags="bhivw",
    words=_set("--cwd --env-file --preload --config --port --define --loader"),
)
_GO_VALUES = _set("-C -exec -ldflags -gcflags -tags -mod -modfile -overlay -p")
_JAVA_VALUES = _set(
    "-cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --add-reads"
    " --add-exports --add-opens --limit-modules --patch-module --source"
)
# Class names that many programs share: their package distinguishes them.
_GENERIC_CLASSES = _set(
    "Main App Application Bootstrap Boot Launcher Server Start Starter Startup Runner main"
    " JarLauncher WarLauncher PropertiesLauncher"
)

# Commands that serve or run something else, with the number of words that name it. A manager is
# shown with its interpreter, because its name says little; a launcher is shown by its own name.
_MANAGERS = {"manage.py": 1, "artisan": 1, "console": 1}
_LAUNCHERS = {
    **dict.fromkeys(_set("gunicorn uvicorn hypercorn daphne granian waitress-serve"), 1),
    **dict.fromkeys(_set("flask django-admin mkdocs airflow superset"), 1),
    **dict.fromkeys(_set("streamlit fastapi"), 2),
    **dict.fromkeys(_set("rails rackup thin jekyll plackup starman morbo hypnotoad"), 1),
    **dict.fromkeys(_set("npx yarn ng next nest nuxt tsx ts-node nodemon"), 1),
    **dict.fromkeys(_set("npm pnpm"), 2),
}
# Commands by the file name that their package uses.
_ALIASES = {"npm-cli": "npm", "npx-cli": "npx", "@angular/cli": "ng", "@nestjs/cli": "nest"}
# Launchers' options without a value. Any other option takes the next word, unless it contains an
# equals sign.
_FLAGS = _set(
    "--reload --debug --preload --daemon -D --factory --reuse-port --capture-output --use-colors"
    " --access-log --proxy-headers --server-header --date-header --check-config --spew --log-syslog"
    " --enable-stdio-inheritance -R --proxy-protocol --initgroups --call --expose-tracebacks"
    " --silent -s --yes -y --verbose --watch --turbo --turbopack --inspect"
)
_APPLICATION = re.compile(r"(?!unix:|fd:)[\w.]+:[A-Za-z_][\w.]*(?:\(.*\))?")
_SUFFIX = re.compile(r"\.(?:py|pyc|pyz|js|mjs|cjs|ts|rb|pl|php|exe)")
# `go run` builds into a folder that it deletes; since Go 1.24 into its cache.
_GO_BUILT = re.compile(r".*/go-build[^/]*/(?:.*/exe|[0-9a-f]{2}/[0-9a-f]+-d)/([^/]+)")
_MAIN_THREAD = "MainThread"  # Node.js names its main thread, and so the process, like this
_MAX_NAMING = 8  # words among which the script is that the kernel named a process after
_WORKER = "multiprocessing"  # Python's spawned processes have code of this module in their -c


def run(name: str, exe: str, words: Sequence[str]) -> Run | None:
    """Detect the program that an interpreter runs; None if it is no interpreter or not known.

    If the executable cannot be read, the first word names it. A process that has renamed itself is
    shown by that name.
    """
    path = exe.removesuffix(DELETED)
    if built := _GO_BUILT.fullmatch(path):
        return Run(f"{built[1]} (go run)", "")
    first = words[0] if words else ""
    interpreter = _interpreter(path or first)
    if interpreter is None or not words:
        return None
    if _interpreter(first) is None and _file(first) != _file(path):
        return _set_title(words)
    found = interpreter.reads(interpreter.name, words)
    return found._replace(title=name) if found and _is_own(name, words) else found


def _is_own(name: str, words: Sequence[str]) -> bool:
    """Tell that a process renamed itself: the kernel names it after interpreter or script."""
    given = name == _MAIN_THREAD or _interpreter(name) is not None
    return not given and not any(_file(word).startswith(name) for word in words[:_MAX_NAMING])


def _set_title(words: Sequence[str]) -> Run:
    """Title that a program has set, without the path of php-fpm's configuration."""
    shown = words[:-1] if words[0] == "php-fpm:" and words[-1].startswith("(/") else words
    return Run(" ".join(shown), "")


_Reads = Callable[[str, Sequence[str]], Run | None]


def _grammatical(grammar: _Grammar) -> _Reads:
    def read(name: str, words: Sequence[str]) -> Run | None:
        found = grammar.find(words)
        return _described(name, found) if found else None

    return read


def _described(name: str, found: _Found) -> Run | None:
    match found.kind:
        case "code" if _WORKER in found.text:
            return Run(f"{_WORKER} ({name})", _WORKER)
        case "code" if not found.text.isidentifier():  # ruby -run -e httpd has a command there
            return Run(f"{name} {found.option}", found.text)
        case "server":
            return Run(f"{name} {found.option} {found.text}", found.option)
    short = _short(found.text) if found.kind == "script" else found.text
    stem = _SUFFIX.sub("", short)
    stem = _ALIASES.get(stem, stem)
    named = _positional(found.arguments, _MANAGERS.get(short) or _LAUNCHERS.get(stem, 0))
    if stem in _LAUNCHERS and not named:
        named = [word for word in found.arguments if _APPLICATION.fullmatch(word)][:1]
    script = " ".join((found.text, *named))
    if not short:
        return None
    if stem in _LAUNCHERS and named:
        return Run(" ".join((stem, *named)), script)
    return Run(" ".join((short, *named, f"({name})")), script)


def _positional(arguments: Sequence[str], count: int) -> list[str]:
    """First words that are neither options nor their values."""
    found: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if len(found) == count:
            break
        if word == "--":
            found += rest
        elif not word.startswith("-"):
            found.append(word)
        elif "=" not in word and word not in _FLAGS and not word.startswith("--no-"):
            next(rest, None)
    return found[:count]


def _short(path: str) -> str:
    """Part of a script's path that identifies it; empty if none does.

    >>> _short("/srv/shop/node_modules/vite/bin/vite.js"), _short("/srv/shop/index.js")
    ('vite', 'shop/index.js')
    """
    _, packaged, package = path.rpartition("node_modules/")
    parts = [part for part in (package or path).split("/") if part not in ("", ".", "..")]
    if not parts:
        return ""
    if packaged:
        stem = _SUFFIX.sub("", parts[-1])
        if parts[0] == ".bin" or stem in _LAUNCHERS or stem in _ALIASES:
            return parts[-1]
        return "/".join(parts[: 2 if parts[0].startswith("@") else 1])
    above = parts[-2] if len(parts) > 1 else ""
    if parts[-1] == "__main__.py":
        return above or parts[-1]
    if above and parts[-1].startswith("index."):
        return f"{above}/{parts[-1]}"
    return parts[-1]


def _java(name: str, words: Sequence[str]) -> Run | None:
    rest = iter(words[1:])
    for word in rest:
        if word in ("-m", "--module"):
            module, _, of = next(rest, "").partition("/")
            return Run(f"{_class(of or module)} ({name})", of or module) if module else None
        if word in _JAVA_VALUES:
            next(rest, None)
        elif not word.startswith(("-", "@")):
            is_file = "/" in word or word.endswith((".jar", ".war", ".java"))
            return Run(f"{_short(word) if is_file else _class(word)} ({name})", word)
    return None


def _class(qualified: str) -> str:
    simple = qualified.rpartition(".")[2]
    return qualified if simple.removesuffix("Kt") in _GENERIC_CLASSES else simple


def _dotnet(name: str, words: Sequence[str]) -> Run | None:
    found = _DOTNET.find(words)
    if found and found.text == "exec":
        found = _DOTNET.find([name, *found.arguments])
    if found is None:
        return None
    if found.text.endswith((".dll", ".exe")):
        return _described(name, found)
    return Run(f"{name} {found.text}", found.text)


def _deno(name: str, words: Sequence[str]) -> Run | None:
    found = _DENO.find(words)
    if found and found.text == "task":
        return Run(" ".join((name, "task", *_positional(found.arguments, 1))), found.text)
    if found and found.text in ("run", "serve"):
        found = _DENO.find([name, *found.arguments])
    return _described(name, found) if found else None


def _bun(name: str, words: Sequence[str]) -> Run | None:
    if _file(words[0]) == "bunx":
        words = [name, "x", *words[1:]]
    found = _BUN.find(words)
    command = name
    if found and found.text in ("run", "x"):
        command = f"{name} {found.text}"
        found = _BUN.find([name, *found.arguments])
    if found is None:
        return None
    if found.kind == "code" or "/" in found.text or "." in found.text:
        return _described(name, found)
    return Run(f"{command} {found.text}", found.text)


def _go(name: str, words: Sequence[str]) -> Run | None:
    rest = iter(words[2:] if words[1:2] == ["run"] else ())
    for word in rest:
        if word in _GO_VALUES:
            next(rest, None)
        elif not word.startswith("-"):
            return Run(f"{name} run {word}", word)
    return None


class _Interpreter(NamedTuple):
    name: str
    file: re.Pattern[str]
    reads: _Reads


_INTERPRETERS = tuple(
    _Interpreter(name, re.compile(file), reads)
    for name, file, reads in (
        ("python", r"[Pp]ython[\d.]*(?:t|-dbg)?", _grammatical(_PYTHON)),
        ("pypy", r"pypy[\d.]*", _grammatical(_PYTHON)),
        ("node", r"node(?:js)?[\d.]*", _grammatical(_NODE)),
        ("java", r"javaw?", _java),
        ("ruby", r"ruby[\d.]*", _grammatical(_RUBY)),
        ("perl", r"perl[\d.]*", _grammatical(_PERL)),
        ("php", r"php(?:-cgi|-fpm)?[\d.]*(?:-fpm)?", _grammatical(_PHP)),
        ("dotnet", "dotnet", _dotnet),
        ("deno", "deno", _deno),
        ("bun", "bunx?", _bun),
        ("go", "go", _go),
    )
)


def _interpreter(path: str) -> _Interpreter | None:
    file = _file(path)
    return next((each for each in _INTERPRETERS if each.file.fullmatch(file)), None)


def _file(path: str) -> str:
    return re.split(r"[/\\]", path)[-1].removesuffix(".exe")
