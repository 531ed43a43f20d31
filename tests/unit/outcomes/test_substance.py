"""The word for a change, language by language, and what is left of it."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.model.service import Service
from proxy.outcomes.commits import ChangedFile
from proxy.outcomes.diff_files import diff_files
from proxy.outcomes.substance import (
    Block,
    LeftFile,
    Substance,
    ignoring,
    normalised,
    substance,
    told_by_path,
    turned,
)


def diff_of(path: str, before: str, after: str) -> bytes:
    """As git would print it, with the whole file around."""
    first, second = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if before == after:
        return b""
    body = [line if line.endswith("\n") else f"{line}\n" for line in difflib.unified_diff(first, second, n=10_000)][2:]
    head = [f"diff --git a/{path} b/{path}\n", "index 1..2 100644\n", f"--- a/{path}\n", f"+++ b/{path}\n"]
    return "".join([*head, *body]).encode()


def read(path: str, before: str, after: str) -> Substance:
    return substance(diff_files([diff_of(path, before, after)]))


def word(path: str, before: str, after: str) -> str:
    return read(path, before, after).word


COMMENTS = [
    ("a.py", "x = 1  # old\n", "x = 1  # new words\n"),
    ("a.py", 'def f():\n    """Old."""\n    return 1\n', 'def f():\n    """New,\n    longer.\n    """\n    return 1\n'),
    ("a.js", "f(); // old\n", "f(); // new\n"),
    ("a.ts", "/*\n * old\n */\nf();\n", "/*\n * new\n * more\n */\nf();\n"),
    ("a.go", "f()\n", "// F is called.\nf()\n"),
    ("a.rs", "/// Old.\nfn f<'a>() {}\n", "/// New.\nfn f<'a>() {}\n"),
    ("A.java", "/** Old. */\nint a;\n", "/** New. */\nint a;\n"),
    ("a.c", "int a; /* old */\n", "int a; /* new */\n"),
    ("a.sql", "SELECT 1; -- old\n", "SELECT 1; -- new\n"),
    ("a.rb", "a = 1 # old\n", "a = 1\n"),
    ("a.sh", "ls # old\n", "ls # new\n"),
    ("Dockerfile", "# old\nFROM a\n", "# new\nFROM a\n"),
    ("a.html", "<!-- old\n two -->\n<p></p>\n", "<!-- new\n two -->\n<p></p>\n"),
    ("a.css", "a {} /* old */\n", "a {} /* new */\n"),
    ("a.lua", "--[[ old\n]]\nf()\n", "--[[ new\n]]\nf()\n"),
    ("a.hs", "{- old -}\nf = 1\n", "{- new -}\nf = 1\n"),
    ("a.erl", "f() -> 1. % old\n", "f() -> 1. % new\n"),
    ("a.php", "<?php # old\n", "<?php # new\n"),
    ("a.tf", "a = 1 // old\n", "a = 1 // new\n"),
    ("a.clj", "(f) ; old\n", "(f) ; new\n"),
    ("a.yaml", "a: 1 # old\n", "a: 1 # new\n"),
    ("a.vue", "<!-- old -->\n<p/>\n", "<!-- new -->\n<p/>\n"),
]


@pytest.mark.parametrize(("path", "before", "after"), COMMENTS)
def test_comments_alone_have_no_substance(path: str, before: str, after: str) -> None:
    assert word(path, before, after) == "comments"
    assert read(path, before, after).left == ()


SUBSTANTIVE = [
    ("a.py", 'x = "# one"\n', 'x = "# two"\n'),
    ("a.py", 'x = """\nold\n"""\n', 'x = """\nnew\n"""\n'),
    ("a.py", "q = f(\n    1\n)\n", "q = f(\n    2\n)\n"),
    ("a.js", 'get("http://a");\n', 'get("http://b");\n'),
    ("a.js", "x = `\n// old\n`;\n", "x = `\n// new\n`;\n"),
    ("a.go", "x := `# old`\n", "x := `# new`\n"),
    ("a.sh", 'echo "${#a}"\n', 'echo "${#b}"\n'),
    ("a.sql", "SELECT '-- a';\n", "SELECT '-- b';\n"),
    ("a.css", "a { color: #aaa }\n", "a { color: #bbb }\n"),
    ("a.rb", 'x = "#{a}"\n', 'x = "#{b}"\n'),
    ("a.c", "a = b / c;\n", "a = b * c;\n"),
    ("a.unknown", "# a\n", "# b\n"),
    ("a.py", "def dead():\n    pass\nx = 1\n", "x = 1\n"),
    ("a.py", "return True\n", "return False\n"),
    ("a.py", "x = 1\n", "/* x = 1 */\n"),
]


@pytest.mark.parametrize(("path", "before", "after"), SUBSTANTIVE)
def test_code_has_substance_whatever_it_looks_like(path: str, before: str, after: str) -> None:
    assert word(path, before, after) == "substantive"


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.go", "f(a,b)\n", "f(a, b)\n"),
        ("a.py", "x = [1,\n     2]\n", "x = [\n    1,\n    2,\n]\n"),
        ("a.js", "f('a')\n", 'f("a");\n'),
        ("a.py", "a = 1\nb = 2\n", "a = 1\n\n\nb = 2\n"),
        ("a.c", "if (a) {\n  b();\n}\n", "if (a)\n{\n\tb();\n}\n"),
        ("a.txt", "a b\n", "a  b\r\n"),
    ],
)
def test_white_space_and_what_formatters_do_have_no_substance(path: str, before: str, after: str) -> None:
    assert word(path, before, after) == "white_space"


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("values.yaml", "replicas: 1\n", "replicas: 2\n"),
        ("package.json", '{"a": "1"}\n', '{"a": "2"}\n'),
        ("requirements.txt", "a==1\n", "a==2\n"),
        ("flags.py", "NEW_CHECKOUT = False\n", "NEW_CHECKOUT = True\n"),
        ("flags.ts", "  newCheckout: false,\n", "  newCheckout: true,\n"),
    ],
)
def test_settings_and_switches_are_told_apart(path: str, before: str, after: str) -> None:
    assert word(path, before, after) == "config"
    assert read(path, before, after).left


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("package-lock.json", "lock_files"), ("a/b/go.sum", "lock_files"), ("web/node_modules/a/b.js", "vendored"),
        ("vendor/github.com/a/b.go", "vendored"), ("api/a.pb.go", "generated"), ("web/app.min.js", "generated"),
        ("README.md", "ignored"), ("docs/a/b.rst", "ignored"), ("CHANGELOG", "ignored"), ("src/vendors.py", ""),
        ("src/main.go", ""), ("src/distance.py", ""), ("a\nb.md", "ignored"),
    ],
)  # fmt: skip
def test_some_files_are_known_by_their_paths(path: str, kind: str) -> None:
    assert told_by_path(ChangedFile(path, path, "M", "100644", same=False), lambda _: False) == kind


def test_a_file_moved_as_it_is_is_nothing_new_and_a_submodule_is_a_lock() -> None:
    assert told_by_path(ChangedFile("a.py", "b.py", "R", "100644", same=True), lambda _: False) == "empty"
    assert told_by_path(ChangedFile("a.py", "a.py", "M", "100755", same=True), lambda _: False) == "empty"
    assert told_by_path(ChangedFile("lib", "lib", "M", "160000", same=False), lambda _: False) == "lock_files"


def test_a_file_is_read_where_only_one_of_its_two_paths_is_ignored() -> None:
    assert told_by_path(ChangedFile("a.md", "a.py", "R", "100644", same=False), lambda _: False) == ""


@pytest.mark.parametrize(
    ("path", "top"),
    [
        ("a.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\n"), ("a.py", "# @generated by a tool\n"),
        ("a.cs", "// <auto-generated>\n"), ("a.js", "/**\n * This file is auto-generated by x\n */\n"),
    ],
)  # fmt: skip
def test_a_file_that_says_so_at_its_top_is_generated(path: str, top: str) -> None:
    assert word(path, f"{top}a = 1\n", f"{top}a = 2\n") == "generated"


def test_code_that_speaks_of_generated_files_is_not_generated() -> None:
    assert word("a.py", 'x = "generated by"\ny = 1\n', 'x = "generated by"\ny = 2\n') == "substantive"


def test_the_word_is_the_best_of_all_files_and_only_that_is_left() -> None:
    settings, code = diff_of("a.yaml", "a: 1\n", "a: 2\n"), diff_of("a.py", "a = 1\n", "a = 3\n")
    found = substance(diff_files([settings + code]), ["lock_files"])
    assert found.word == "substantive"
    assert [each.after for each in found.left] == ["a.py"]
    assert substance([], ["vendored", "comments"]).word == "comments"
    assert substance([]).word == "empty"


def test_comments_beside_work_make_no_other_patch() -> None:
    plain = read("a.py", "a = 1\nb = 2\n", "a = 5\nb = 2\n")
    padded = read("a.py", "a = 1\nb = 2\n", "# because\na =  5  # five\nb = 2 # two\n")
    assert normalised(plain.left) == normalised(padded.left)


def test_paths_are_ignored_where_all_services_that_they_belong_to_say_so() -> None:
    here = "github.com/acme/shop"
    pay = Service("pay", (here,), ("production",), 0, paths=("pay/**",), ignored=("**/fixtures/**",))
    shop = Service("shop", (here,), ("production",), 0, paths=("shop/**", "common/**"))
    both = Service("both", (here,), ("production",), 0, paths=("pay/shared",))
    assert ignoring([pay, shop], here)("pay/fixtures/a.py")
    assert not ignoring([pay, shop], here)("shop/fixtures/a.py")
    assert not ignoring([pay, shop, both], here)("pay/shared/fixtures/a.py")
    assert not ignoring([pay], "github.com/acme/other")("pay/fixtures/a.py")


texts = st.lists(
    st.sampled_from(["a = 1", "b(2)", "", "# why", "  c", '"""', "x = 'y # z'", "/* */", "//"]), max_size=12
)
kinds = st.sampled_from(["a.py", "a.js", "a.yaml", "a.sql", "a.x"])


@given(kinds, texts, texts)
def test_a_diff_turned_round_leaves_the_same_turned_round(path: str, before: list[str], after: list[str]) -> None:
    one = difflib_blocks(path, before, after)
    other = difflib_blocks(path, after, before)
    assert (one.word, turned(one.left)) == (other.word, other.left)


def difflib_blocks(path: str, before: list[str], after: list[str]) -> Substance:
    """All lines go and all lines come, so that both ways the same lines stand side by side."""
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{len(before)} +1,{len(after)} @@\n"
    body = "".join(f"{sign}{line}\n" for sign, lines in (("-", before), ("+", after)) for line in lines)
    return substance(diff_files([(head + body).encode()]))


@given(texts, texts, st.integers(1, 40))
def test_a_diff_is_read_the_same_in_whatever_chunks_it_comes(before: list[str], after: list[str], size: int) -> None:
    whole = diff_of("a.py", "\n".join(before) + "\n", "\n".join(after) + "\n") + diff_of("b.js", "a\n", "b\n")
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert substance(diff_files(chunks)) == substance(diff_files([whole]))


def test_a_line_of_a_file_is_never_taken_for_a_head_of_the_diff() -> None:
    trick = "diff --git a/x.md b/x.md\n@@ -1 +1 @@\n-- a/b\n"
    found = list(diff_files([diff_of("a.txt", "x\n", trick)]))
    assert [each.path for each in found] == ["a.txt"]
    assert ("+", "diff --git a/x.md b/x.md") in found[0].hunks[0]


def test_strange_names_are_read_as_they_are() -> None:
    name = '/w\\303\\251 \\"\\n.py"'
    heads = (f'diff --git "a{name} "b{name}', f'--- "a{name}', f'+++ "b{name}', "@@ -1 +1 @@", "-a", "+b")
    quoted = "\n".join(heads).encode()
    assert next(diff_files([quoted])).after == 'wé "\n.py'
    spaced = b"diff --git a/a b.bin b/a b.bin\nindex 1..2 100644\nBinary files a/a b.bin and b/a b.bin differ\n"
    assert (next(diff_files([spaced])).path, next(diff_files([spaced])).binary) == ("a b.bin", "1..2")


def test_a_strange_name_adds_no_line_to_what_is_hashed() -> None:
    left = LeftFile("a\nb", "a\nb", "substantive", (Block(("x",), ("y",)),))
    assert normalised([left]).count(b"\n") == 6


def test_one_endless_line_is_cut() -> None:
    body = b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+" + b"x" * 5_000_000 + b"\n"
    chunks = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    assert len(next(diff_files(chunks)).hunks[0][1][1]) < 100_001
