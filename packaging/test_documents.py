# SPDX-License-Identifier: GPL-2.0-or-later
# Man pages and the shell's completion say what the programs do: every command, option and key, and no other.

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
_MAN = _ROOT / "packaging/man"
_PROGRAM = _ROOT / "build/x86_64-static/crashdump"


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def help_of(command: str) -> set[str]:
    """The long options of a subcommand."""
    return set(re.findall(r"^  (?:-., )?--([a-z-]+)", output_of(_PROGRAM, command, "--help"), re.M)) - {"help"}


def commands() -> list[str]:
    [listed] = re.findall(r"^Commands:\n((?:  .*\n)+)", output_of(_PROGRAM, "--help"), re.M)
    return re.findall(r"^  ([a-z]+)", listed, re.M)


def page(name: str) -> str:
    """Its source, in which a minus is written as it is."""
    return (_MAN / name).read_text().replace("\\-", "-")


@pytest.mark.parametrize("path", sorted(_MAN.iterdir()), ids=lambda path: path.name)
def test_a_page_is_well_formed(path: Path) -> None:
    formatted = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", path],
        env={"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert formatted.stderr == ""
    assert "DESCRIPTION" in formatted.stdout and "SEE ALSO" in formatted.stdout
    assert max(map(len, formatted.stdout.splitlines())) <= 100


def test_the_page_of_the_command_knows_its_options() -> None:
    described = dict(re.findall(r"^\.SS crashdump ([a-z]+).*\n((?:(?!\.S[SH]).*\n)+)", page("crashdump.8"), re.M))
    assert sorted(described) == sorted(commands())
    for command, text in described.items():
        tags = re.findall(r"^\.TP\n(\..*)", text, re.M)
        assert {option for tag in tags for option in re.findall(r"--([a-z-]+)", tag)} == help_of(command), command


def test_the_page_of_the_packer_knows_its_options() -> None:
    listed = re.findall(r"^  (-o|--[a-z-]+) ", output_of(_ROOT / "mkinitramfs-hooks/mkcrashinitramfs", "--help"), re.M)
    assert len(listed) >= 11
    tags = re.findall(r"^\.TP\n(\..*)", page("mkcrashinitramfs.8"), re.M)
    assert sorted(option for tag in tags for option in re.findall(r"(-o|--[a-z-]+) ", tag)) == sorted(listed)


def keys() -> list[str]:
    [table] = re.findall(r"kKeys\[\] = \{\n(.*?)\n\};", (_ROOT / "loader/configuration.cc").read_text(), re.S)
    return re.findall(r'^    \{"([A-Z_]+)"', table, re.M)


def test_each_command_has_an_example() -> None:
    for command in commands():
        [example] = re.findall(rf"^Example:\n  crashdump {command}(.*)\n\Z", output_of(_PROGRAM, command, "--help"), re.M)
        assert set(re.findall(r"--([a-z-]+)", example)) <= help_of(command), command


def test_the_page_of_the_configuration_knows_its_keys() -> None:
    assert len(keys()) >= 16
    assert re.findall(r"^\.TP\n\.B ([A-Z_]+)=", page("crashdump.conf.5"), re.M) == keys()


_CONFIGURATION = _ROOT / "packaging/crashdump.conf"


def shipped() -> dict[str, str]:
    """The keys of the file that is installed, with their values, commented out or not."""
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", _CONFIGURATION.read_text(), re.M))


def test_the_configuration_has_each_key_explained_in_one_line_above() -> None:
    _, *blocks = _CONFIGURATION.read_text().split("\n\n")
    found = [re.fullmatch(r"# .+\n(#?)([A-Z_]+)=.*\n?", block) for block in blocks]
    assert [match and match[2] for match in found] == keys()
    assert [match[2] for match in found if match and not match[1]] == ["RESERVE"]
    assert shipped()["RESERVE"] == "auto"


# Where the sources have the default of a key, and how the key writes it.
_DEFAULTS = {
    "PANIC_ON": ("loader/panic_causes.h", r"kDefaultPanicCause = PanicCause::k(\w+);", str.lower),
    "MODULES": ("mkinitramfs-hooks/mkcrashinitramfs", r" which=(\w+) ", str),
    "EARLY": ("loader/configuration.h", r"early = (false);", {"false": "no"}.__getitem__),
    "CPUS": ("loader/configuration.h", r"cpus = (\d+);", str),
    "VMCORE_FORMAT": ("loader/configuration.h", r"vmcore_format = VmcoreFormat::k(\w+);", str.lower),
    "VMCORE_COMPRESS": ("common/vmcore/vmcore_format.h", r"kDefaultPageCompression = PageCompression::k(\w+);", str.lower),
    "REPORTS": ("loader/configuration.h", r"reports = ReportPlace::k(\w+);", str.lower),
    "KEEP": ("common/options/recover_options.h", r"keep = (\d+);", str),
    "MAX_SIZE": ("common/options/recover_options.h", r"max_size = (\d+);", str),
    "MIN_FREE": ("loader/configuration.h", r"min_free = (\d+) \* kMiB;", "{}M".format),
}


def test_defaults_are_the_same_everywhere() -> None:
    assert {key for key, value in shipped().items() if value} == {*_DEFAULTS, "RESERVE"}
    described = dict(re.findall(r"^\.TP\n\.B ([A-Z_]+)=.*\n((?:(?!\.TP|\.SH).*\n)+)", page("crashdump.conf.5"), re.M))
    for key, (file, pattern, form) in _DEFAULTS.items():
        [default] = re.findall(pattern, (_ROOT / file).read_text())
        assert shipped()[key] == form(default), key
        wanted = rf"\.B {form(default)}\n\(the default|default,? (is )?{form(default)}\b"
        assert re.search(wanted, described[key]), key


def complaint(root: Path, configuration: str) -> str:
    """What the program says of it in a root where nothing can be loaded, and nothing of this machine is."""
    for directory in ("etc", "run", "var/lib"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    shutil.copy(_PROGRAM, root / "crashdump")
    (root / "etc/crashdump.conf").write_text(configuration)
    done = subprocess.run(["chroot", root, "/crashdump", "load"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def test_the_program_takes_the_configuration_as_it_is(tmp_path: Path) -> None:
    text = _CONFIGURATION.read_text()
    for taken in (text, re.sub(r"^#([A-Z_]+=.+)$", r"\1", text, flags=re.M)):
        assert "no CONFIG_KEXEC" in complaint(tmp_path, taken)
    # It does look.
    assert "/etc/crashdump.conf: CPUS:" in complaint(tmp_path, text.replace("#CPUS=1", "CPUS=none"))


def test_the_page_of_the_command_line_knows_its_options() -> None:
    source = (_ROOT / "common/options/capture_options.cc").read_text()
    [table] = re.findall(r"kTable = \{\{\n(.*?)\n\}\};", source, re.S)
    options = re.findall(r'^    \{"([a-z_]+)"', table, re.M)
    assert len(options) >= 15
    assert sorted(re.findall(r"^\.TP\n\.B\w* crashdump\.([a-z_]+)", page("crashdump.7"), re.M)) == sorted(options)
    # The table of the sources' own page, likewise.
    readme = (_ROOT / "capture/README.md").read_text()
    [section] = re.findall(r"^## Options\n(.*?)^## ", readme, re.M | re.S)
    assert sorted(re.findall(r"^\| `([a-z_]+)` \|", section, re.M)) == sorted(options)


def test_the_page_of_the_capture_program_knows_what_is_of_use_by_hand() -> None:
    source = (_ROOT / "capture/writer/main.cc").read_text()
    tasks = re.findall(r'name == "--([a-z-]+)"\) (?:\{\n|return)', source[source.index("OtherTask(") :])
    assert len(tasks) >= 4
    for task in tasks:
        assert re.search(rf"^\.TP\n\.BI? --{task}", page("crashdump-capture.8"), re.M), task


def complete(*words: str, program: Path = _PROGRAM) -> set[str]:
    """What the shell offers for the last of these words."""
    script = """
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _crashdump "$@"
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    completion = _ROOT / "packaging/bash-completion/crashdump"
    return set(output_of("bash", "-uc", script, "bash", completion, program, *words).split())


def test_completion() -> None:
    assert complete("") == {*commands(), "--help", "--version"}
    assert complete("re") == {"recover", "remove", "report"}
    for command in commands():
        assert complete(command, "--") == {f"--{option}" for option in help_of(command)} | {"--help"}
    assert complete("export", "--format", "") == {"kdump", "elf", "flattened"}
    assert complete("recover", "--format", "c") == {"crashdump"}
    assert complete("nonsense", "--") == set()


def test_completion_of_ids(tmp_path: Path) -> None:
    """Those of `crashdump list`, and of what it lists only dumps."""
    names = ["20261122235901-0123456789ab", "20271122235901-0123456789ab"]
    stand_in = tmp_path / "crashdump"
    stand_in.write_text(f"#!/bin/sh\n[ \"$*\" = list ] || exit 1\nprintf '%s  complete\\n' {' '.join(names)} {names[0]}.foreign-00 no\n")
    stand_in.chmod(0o755)
    for command in ("show", "messages", "export", "report", "remove"):
        assert complete(command, "", program=stand_in) == set(names)
    assert complete("remove", names[0], "2027", program=stand_in) == {names[1]}
    assert complete("save", "", program=stand_in) == set()
