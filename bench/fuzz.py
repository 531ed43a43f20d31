"""Coverage-guided fuzzing of everything that reads what others wrote.

    python -m bench.fuzz TARGET --seconds 60      # one of the targets of bench/fuzz_targets.py; 'all': each in turn
    python -m bench.fuzz TARGET --corpus DIR      # goes on from what an earlier run found there

Needs atheris, which no test does: `pip install atheris` (wheels for Linux and CPython). A finding ends the run with
exit code 1 and is written to --findings; put it into tests/fuzz/cases/TARGET/ under a name that says what it is, and
mend it: the tests give every case there to its target.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

TARGETS: Final = (
    *("sse", "requests", "batches", "answers", "sockets", "policies", "keys", "journal", "events", "imports", "calls"),
    *("content", "state", "diffs"),
)
"""As bench.fuzz_targets.TARGETS has them: that is imported later, instrumented."""
INPUT_BYTES_MAX: Final = 4096
INPUT_S_MAX: Final = 10
"""For one input; a slow one is a finding too."""
MEMORY_MIB_MAX: Final = 1500
_PROGRESS: Final = re.compile(rb"#\d+\t.* cov: (\d+) ft: (\d+) corp: (\d+)")
_DONE: Final = re.compile(rb"stat::number_of_executed_units: +(\d+)")
CHILD: Final = "OUTLAY_FUZZ_CHILD"


def main() -> int:
    asked = _arguments()
    if os.environ.get(CHILD):
        _fuzz(asked.target, asked.seconds, asked.corpus, asked.findings)
    try:
        import atheris  # noqa: F401, PLC0415
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    names = TARGETS if asked.target == "all" else (asked.target,)
    print(f"{'target':<10} {'seconds':>7} {'executions':>10} {'edges':>6} {'kept':>6}  found")
    return max([_run(name, asked.seconds, asked.corpus, asked.findings) for name in names])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description="Fuzz one parser, or each in turn.")
    parser.add_argument("target", choices=(*TARGETS, "all"))
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--corpus", type=Path, help="folder that keeps what widened coverage; a folder for each target")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="where a finding is written")
    return parser.parse_args()


def _run(target: str, seconds: int, corpus: Path | None, findings: Path) -> int:
    """0: nothing was found."""
    with tempfile.TemporaryDirectory(prefix="outlay-fuzz-") as temporary:
        kept = (corpus or Path(temporary)) / target
        kept.mkdir(parents=True, exist_ok=True)
        findings.mkdir(parents=True, exist_ok=True)
        words = ["--seconds", str(seconds), "--corpus", str(kept), "--findings", str(findings)]
        child = subprocess.run(
            [sys.executable, "-m", "bench.fuzz", target, *words],
            env={**os.environ, CHILD: "1"},
            capture_output=True,
            check=False,
        )
    said = child.stderr + child.stdout
    edges = _PROGRESS.findall(said)
    done = _DONE.search(said)
    covered, _, size = edges[-1] if edges else (b"?", b"", b"?")
    found = "nothing" if child.returncode == 0 else "see below"
    runs = int(done[1]) if done else 0
    print(f"{target:<10} {seconds:>7} {runs:>10,} {covered.decode():>6} {size.decode():>6}  {found}", flush=True)
    if child.returncode:
        print(said[-6000:].decode("utf-8", "backslashreplace"), file=sys.stderr)
    return int(child.returncode != 0)


def _fuzz(target: str, seconds: int, corpus: Path, findings: Path) -> None:
    """In a process of its own: the fuzzer ends it."""
    import atheris  # noqa: PLC0415

    with atheris.instrument_imports(include=["proxy"]):
        from bench import fuzz_targets  # noqa: PLC0415
    from bench.fuzz_seeds import seeds, words  # noqa: PLC0415

    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number:04}").write_bytes(seed)
    dictionary = corpus.parent / f"{target}.words"
    dictionary.write_text("".join(map(_entry, words(target))))
    atheris.Setup(
        [
            *(sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}"),
            *([f"-dict={dictionary}"] if dictionary.stat().st_size else []),
            *(f"-timeout={INPUT_S_MAX}", f"-rss_limit_mb={MEMORY_MIB_MAX}", "-print_final_stats=1"),
            f"-artifact_prefix={findings}/{target}-",
        ],
        fuzz_targets.TARGETS[target],
    )
    atheris.Fuzz()


def _entry(word: bytes) -> str:
    """A line of a dictionary as libFuzzer reads it."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


if __name__ == "__main__":
    sys.exit(main())
