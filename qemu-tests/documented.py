# SPDX-License-Identifier: GPL-2.0-or-later
# The commands that README, man pages and the help of the program tell people to give.

import re
from pathlib import Path
from subprocess import run

from machine.product import PROGRAM

_ROOT = Path(__file__).resolve().parent.parent
_PROGRAMS = r"(?:crashdump|make|apt|systemctl|mkinitramfs-hooks/\S+)"
_PROGRAMS_OF_PAGES = r"(?:crashdump|mkcrashinitramfs|systemctl|blkid|zstd)"


def documented_commands() -> set[str]:
    return _of_readme() | _of_pages() | _of_help()


def _of_readme() -> set[str]:
    text = (_ROOT / "README.md").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", text, re.M | re.S)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    # Of what stands in a sentence, all that has more than the program's name.
    return set(lines) | set(re.findall(rf"`({_PROGRAMS} [^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)))


def _of_pages() -> set[str]:
    """A line is a command; the example of a whole file is one."""
    found = set()
    for page in sorted((_ROOT / "packaging/man").iterdir()):
        source = page.read_text().replace("\\-", "-")
        # In sentences: those with more than the name of a subcommand.
        phrases = re.findall(rf'^\.R?B[RI]?\s+(?:\(\s+)?"?({_PROGRAMS_OF_PAGES} [^"\n]+)', source, re.M)
        found |= {phrase for phrase in phrases if not re.fullmatch(r"\S+ (\w+|\(\d\)+,?|,)", phrase)}
        for block in re.findall(r"^\.nf\n\.RS\n(.*?)^\.RE\n\.fi$", source, re.M | re.S):
            text = block.replace("\\e\n", "\\\n")
            is_file = text.startswith("#!") or re.match(r"[A-Z_]+=", text)
            found |= {text} if is_file else set(re.sub(r"\s*\\\n\s*", " ", text).splitlines())
    return found


def _of_help() -> set[str]:
    def output_of(*arguments: str) -> str:
        return run([PROGRAM, *arguments], check=True, capture_output=True, text=True).stdout

    [listed] = re.findall(r"^Commands:\n((?:  .*\n)+)", output_of("--help"), re.M)
    names = re.findall(r"^  ([a-z]+)", listed, re.M)
    return {re.findall(r"^Example:\n  (.*)$", output_of(name, "--help"), re.M)[0] for name in names}
