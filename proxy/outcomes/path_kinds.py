"""Path kinds: files that are no work of a person's own, or only settings, told by their paths alone."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

IGNORED: Final = (
    "**/*.md", "**/*.markdown", "**/*.mdx", "**/*.rst", "**/*.adoc", "**/CHANGELOG*", "**/CHANGES",
    "**/LICENSE*", "**/LICENCE*", "**/NOTICE", "**/AUTHORS", "**/CONTRIBUTORS", "**/CODEOWNERS", "**/.gitignore",
    "**/.gitattributes", "**/.gitkeep", "**/.mailmap", "**/.editorconfig", "**/.git-blame-ignore-revs",
    ".github/ISSUE_TEMPLATE/**", ".github/PULL_REQUEST_TEMPLATE/**", "**/.idea/**", "**/.vscode/**", "**/.DS_Store",
    "**/*.po", "**/*.orig", "**/*.rej", "**/VERSION", "**/.changeset/**",
)  # fmt: skip
"""What nothing in production does anything by: prose, marks of versions, settings of editors and of the repository."""
VENDORED: Final = (
    "**/node_modules/**", "**/bower_components/**", "**/vendor/**", "**/vendored/**", "**/_vendor/**",
    "**/third_party/**", "**/third-party/**", "**/thirdparty/**", "**/3rdparty/**",
    "**/Pods/**", "**/Carthage/Checkouts/**", "**/Godeps/_workspace/**", "**/site-packages/**", "**/.yarn/releases/**",
    "**/.yarn/plugins/**", "**/.yarn/cache/**", "**/gradlew", "**/gradlew.bat", "**/mvnw", "**/mvnw.cmd",
)  # fmt: skip
LOCKS: Final = (
    "**/package-lock.json", "**/npm-shrinkwrap.json", "**/yarn.lock", "**/pnpm-lock.yaml", "**/bun.lock",
    "**/bun.lockb", "**/deno.lock", "**/poetry.lock", "**/uv.lock", "**/Pipfile.lock", "**/pdm.lock",
    "**/conda-lock.yml", "**/Gemfile.lock", "**/composer.lock", "**/Cargo.lock", "**/go.sum", "**/go.work.sum",
    "**/mix.lock", "**/rebar.lock", "**/pubspec.lock", "**/Podfile.lock", "**/Package.resolved",
    "**/packages.lock.json", "**/gradle.lockfile", "**/buildscript-gradle.lockfile", "**/flake.lock", "**/Chart.lock",
    "**/.terraform.lock.hcl", "**/MODULE.bazel.lock", "**/elm-stuff/**", "**/paket.lock", "**/project.assets.json",
)  # fmt: skip
GENERATED: Final = (
    "**/*.min.js", "**/*.min.css", "**/*.min.mjs", "**/*.map", "**/*.pb.go", "**/*.pb.cc", "**/*.pb.h", "**/*_pb2.py",
    "**/*_pb2.pyi", "**/*_pb2_grpc.py", "**/*_pb.js", "**/*_pb.d.ts", "**/*_pb.ts", "**/*.pb.swift", "**/*.g.dart",
    "**/*.freezed.dart", "**/*.designer.cs", "**/*.Designer.cs", "**/*.g.cs", "**/*.generated.*", "**/*_generated.*",
    "**/generated/**", "**/__generated__/**", "**/dist/**", "**/__snapshots__/**", "**/*.snap", "**/*.pyc",
    "**/__pycache__/**", "**/*.class", "**/*.o", "**/*.so", "**/*.dll", "**/*.exe", "**/*.jar", "**/zz_generated.*",
    "**/*.csproj.user", "**/*.xcuserstate", "**/*.mo", "**/cassettes/**", "**/mock_*.go", "**/*_mock.go",
    "**/*_string.go", "**/*.ipynb_checkpoints/**", "**/coverage/lcov*", "**/parser.tab.*", "**/lex.yy.c",
)  # fmt: skip
CONFIG: Final = (
    "**/*.yaml", "**/*.yml", "**/*.json", "**/*.json5", "**/*.jsonc", "**/*.toml", "**/*.ini", "**/*.cfg", "**/*.conf",
    "**/*.config", "**/*.properties", "**/*.env", "**/.env", "**/.env.*", "**/*.tfvars", "**/*.plist",
    "**/.*rc", "**/requirements*.txt", "**/constraints*.txt", "**/go.mod", "**/Gemfile", "**/Pipfile", "**/pom.xml",
    "**/*.csproj", "**/*.sbt", "**/Package.swift", "**/.tool-versions", "**/.nvmrc", "**/.python-version",
    "**/.ruby-version", "**/.node-version",
)  # fmt: skip
"""Settings, flags and the versions of what others made."""

KINDS: Final = (("vendored", VENDORED), ("lock_files", LOCKS), ("generated", GENERATED), ("ignored", IGNORED))
"""The first that fits."""
SUBMODULE: Final = "160000"

Ignoring = Callable[[str], bool]
"""Whether services.yaml says that changes to a path have no substance."""


def path_kind(path: str) -> str:
    """'vendored', 'lock_files', 'generated', 'ignored', or '' : its content tells."""
    return next((word for word, globs in KINDS if _any(globs).fullmatch(path)), "")


def is_config(path: str) -> bool:
    return _any(CONFIG).fullmatch(path) is not None


def fits(path: str, globs: Iterable[str]) -> bool:
    """As git matches globs: '*' within a folder, '**' over folders; what names a folder means all in it."""
    return _any(tuple(globs)).fullmatch(path) is not None


@lru_cache(maxsize=256)
def _any(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_regex(each.rstrip('/'))}(?:/.*)?)" for each in globs) or r"(?!)", re.S)


def _regex(glob: str) -> str:
    found = []
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            found.append("(?:.*/)?")
            at += 3
        elif glob.startswith("**", at):
            found.append(".*")
            at += 2
        else:
            found.append({"*": "[^/]*", "?": "[^/]"}.get(glob[at]) or re.escape(glob[at]))
            at += 1
    return "".join(found)
