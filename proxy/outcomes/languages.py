"""Languages: where comments and texts begin and end, by the name of a file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

DOC: Final = "doc:"
"""Of a state: a text that stands for itself, as comments do."""
TEXT: Final = "text:"
COMMENT: Final = "comment:"


@dataclass(frozen=True)
class Language:
    line: tuple[str, ...] = ()
    """What begins a comment to the end of the line, as regular expressions."""
    block: tuple[tuple[str, str], ...] = ()
    """What begins and ends a comment over lines."""
    quotes: str = "\"'"
    """What begins and ends a text within a line."""
    long: tuple[str, ...] = ()
    """What begins and ends a text over lines."""
    docs: bool = False
    """True: a text over lines that begins a line stands for itself (Python)."""

    @cached_property
    def opener(self) -> re.Pattern[str]:
        """Finds the next place at which something else than code begins."""
        blocks = "|".join(re.escape(first) for first, _ in sorted(self.block, key=lambda each: -len(each[0])))
        longs = "|".join(re.escape(each) for each in self.long)
        texts = "|".join(rf"{each}(?:[^{each}\\]|\\.)*{each}?" for each in self.quotes)
        parts = {"block": blocks, "line": "|".join(self.line), "long": longs, "text": texts}
        return re.compile("|".join(f"(?P<{name}>{part})" for name, part in parts.items() if part) or r"(?!)")

    def code(self, line: str, state: str) -> tuple[str, str]:
        """What of a line is code, texts included, and the state after it. `state`: that after the line before, '' at
        the beginning."""
        if not state and not self.opener.search(line):
            return line, ""
        found: list[str] = []
        at = 0
        while at < len(line) or state:
            if state:
                kind, _, closer = state.partition(":")
                end = line.find(closer, at)
                stop = len(line) if end < 0 else end + len(closer)
                if kind == "text":
                    found.append(line[at:stop])
                at = stop
                if end < 0:
                    break
                state = ""
                continue
            at, state = self._on(line, at, found)
            if at >= len(line):
                break
        return "".join(found), state

    def _on(self, line: str, at: int, found: list[str]) -> tuple[int, str]:
        """Over code, to behind the next opener."""
        opened = self.opener.search(line, at)
        if opened is None:
            found.append(line[at:])
            return len(line), ""
        found.append(line[at : opened.start()])
        match opened.lastgroup:
            case "line":
                return len(line), ""
            case "block":
                return opened.end(), COMMENT + dict(self.block)[opened[0]]
            case "long":
                if self.docs and not "".join(found).strip():
                    return opened.end(), DOC + opened[0]
                found.append(opened[0])
                return opened.end(), TEXT + opened[0]
        found.append(opened[0])
        return opened.end(), ""


C_LIKE: Final = Language(("//",), (("/*", "*/"),))
SCRIPT: Final = Language(("//",), (("/*", "*/"),), long=("`",))
RUST: Final = Language(("//",), (("/*", "*/"),), quotes='"')
HASH: Final = Language((r"(?<!\S)#",))
PYTHON: Final = Language(("#",), long=('"""', "'''"), docs=True)
PHP: Final = Language(("//", r"#(?!\[)"), (("/*", "*/"),))
SQL: Final = Language(("--",), (("/*", "*/"),))
MARKUP: Final = Language((), (("<!--", "-->"),), quotes="")
PAGES: Final = Language((r"(?<![:\S])//",), (("<!--", "-->"), ("/*", "*/"), ("{/*", "*/}")), long=("`",))
LISP: Final = Language((";",), (("#|", "|#"),), quotes='"')
HASKELL: Final = Language((r"--(?![!#$%&*+./<=>?@\\^|~:])",), (("{-", "-}"),), quotes='"')
LUA: Final = Language((r"--(?!\[\[)",), (("--[[", "]]"),))
PERCENT: Final = Language(("%",), quotes='"')
ML: Final = Language((), (("(*", "*)"),), quotes='"')
STYLES: Final = Language((), (("/*", "*/"),))
TERRAFORM: Final = Language(("//", "#"), (("/*", "*/"),), quotes='"')
INI: Final = Language((r"(?<!\S)[#;]",), quotes="")
VIM: Final = Language((r'^\s*"',), quotes="")
BATCH: Final = Language((r"(?i:^\s*(?:rem\b|::))",), quotes='"')
BASIC: Final = Language(("'",), quotes='"')
FORTRAN: Final = Language(("!",))
POWERSHELL: Final = Language((r"(?<!\S)#",), (("<#", "#>"),))
JULIA: Final = Language(("#",), (("#=", "=#"),), quotes='"', long=('"""',), docs=True)
RUBY: Final = Language((r"#(?!\{)",))
TEMPLATES: Final = Language((), (("<!--", "-->"), ("{#", "#}"), ("{{!--", "--}}"), ("<%#", "%>")), quotes="")
PLAIN: Final = Language(quotes="")
"""No comments are known of: every line is what it is."""

_BY_ENDING: Final[dict[str, Language]] = {}


def _named(language: Language, endings: str) -> None:
    _BY_ENDING.update(dict.fromkeys(endings.split(), language))


_named(
    C_LIKE,
    "c h cc cpp cxx hh hpp hxx m mm java cs scala groovy gradle kt kts dart proto swift glsl hlsl wgsl zig v sv d",
)
_named(SCRIPT, "js mjs cjs jsx ts mts cts tsx go json5 jsonc")
_named(RUST, "rs")
_named(PYTHON, "py pyi pyx")
_named(HASH, "sh bash zsh fish yaml yml toml pl pm r ex exs cr nim tcl awk mk cmake dockerfile containerfile makefile "
             "gitignore env properties conf rego coffee nix bzl bazel starlark graphql gql")  # fmt: skip
_named(RUBY, "rb rake gemspec gemfile rakefile")
_named(PHP, "php phtml")
_named(SQL, "sql psql plsql")
_named(MARKUP, "html htm xml xhtml svg xaml csproj vbproj plist pom xsl xsd")
_named(PAGES, "vue svelte astro")
_named(TEMPLATES, "jinja jinja2 j2 hbs mustache erb twig liquid")
_named(STYLES, "css")
_named(C_LIKE, "scss sass less styl")
_named(LISP, "lisp el clj cljs cljc edn scm rkt")
_named(HASKELL, "hs elm purs agda")
_named(LUA, "lua")
_named(PERCENT, "erl hrl tex matlab")
_named(ML, "ml mli pas")
_named(Language(("//",), (("(*", "*)"),), quotes='"', long=('"""',)), "fs fsi fsx")
_named(TERRAFORM, "tf tfvars hcl nomad")
_named(INI, "ini cfg editorconfig gitconfig")
_named(VIM, "vim")
_named(BATCH, "bat cmd")
_named(BASIC, "vb bas vbs")
_named(FORTRAN, "f90 f95 f03 f08")
_named(POWERSHELL, "ps1 psm1 psd1")
_named(JULIA, "jl")


def language_of(path: str) -> Language:
    """By its ending, or its whole name where it has none ('Dockerfile')."""
    name = path.rpartition("/")[2].lower()
    return _BY_ENDING.get(name.rpartition(".")[2] or name, PLAIN)


def codes(lines: Iterable[str], language: Language) -> list[str]:
    """What of lines that follow one another is code."""
    found = []
    state = ""
    for line in lines:
        code, state = language.code(line, state)
        found.append(code)
    return found
