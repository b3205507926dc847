# SPDX-License-Identifier: GPL-2.0-or-later
# The power fails, at sampled writes of one life of a machine: of `prepare`, `load`, the capture and `recover`. Each cut is a machine of
# its own, which boots with the disk that the cut would have left.

import random
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

import pytest

from harm import Lost, WrongBytes, require
from logged_life import LoggedLife
from machine.disk import Disk
from machine.drive import Drive
from machine.product import CRASHKERNEL, Product
from machine.ranges import copy_image
from machine.rig import MEMORY_MIB, Rig
from machine.vm import Vm, VmConfig
from recovered import RecoveredDump, check_pages

_SLOW = pytest.mark.slow
Choice = Callable[[list[int]], list[int]]


@pytest.fixture(scope="module")
def life(module_directory: Path, kernel: Any, guest_initramfs: Path, pristine_disk: Disk, product_disk: Path) -> Iterator[LoggedLife]:
    disk = pristine_disk.at(module_directory / "disk.img")
    copy_image(pristine_disk.path, disk.path)
    drives = [
        Drive("disk0", disk.path, serial="DISK0", log=module_directory / "writes.log"),
        Drive("tools", product_disk, serial="tools", read_only=True),
    ]
    config = VmConfig(kernel.vmlinuz, guest_initramfs, drives, CRASHKERNEL, MEMORY_MIB, stages=True)
    with Vm(config, module_directory) as vm:
        life = LoggedLife.live(Rig(vm, disk, Product(vm, disk)), pristine_disk, module_directory)
    print({name: len(phase) for name, phase in life.phases.items()}, f"{life.page_count} pages")
    yield life


def most(seed: int, writes: list[int]) -> list[int]:
    return random.Random(seed).sample(writes, len(writes) * 7 // 8)


def first(share: float, writes: list[int]) -> list[int]:
    return writes[: max(1, round(share * len(writes)))]


# Which writes of a phase have reached the disk. A disk may write what is not flushed in any order.
_CHOICES: dict[str, Choice] = {
    "none": lambda writes: [],
    "the-first": partial(first, 0),
    "a-quarter": partial(first, 1 / 4),
    "half": partial(first, 1 / 2),
    "three-quarters": partial(first, 3 / 4),
    "all-but-the-first": lambda writes: writes[1:],
    "all-but-the-last": lambda writes: writes[:-1],
    "only-the-last": lambda writes: writes[-1:],
    "all": lambda writes: writes,
    **{f"most-{seed}": partial(most, seed) for seed in (1, 2, 3, 4)},
}
_IN_ORDER = ("the-first", "a-quarter", "half", "three-quarters", "all-but-the-last", "all")
_CAPTURE_CUTS = [
    *[("messages", choice, torn) for choice in ("the-first", "all") for torn in (False, True)],
    *[("messages", choice, False) for choice in ("none", "only-the-last")],
    *[("pages", choice, False) for choice in _CHOICES],
    *[("pages", choice, True) for choice in ("the-first", "half", "three-quarters", "all", "only-the-last")],
    *[("trailer", choice, torn) for choice, torn in (("none", False), ("all", True), ("all", False))],
]
_SHORT = ("pages", "half", True)


@pytest.mark.fault("power cut in a capture")
@pytest.mark.parametrize(
    ("phase", "choice", "torn"),
    [
        pytest.param(*cut, id=f"{cut[0]}-{cut[1]}{'-torn' if cut[2] else ''}", marks=[] if cut == _SHORT else [_SLOW])
        for cut in _CAPTURE_CUTS
    ],
)
def test_in_a_capture(
    phase: str, choice: str, torn: bool, life: LoggedLife, make_rig: Callable[..., Rig], test_directory: Path, tmp_path: Path
) -> None:
    image, before = test_directory / "disk.img", tmp_path / "before.img"
    life.cut_between_flushes(image, phase, _CHOICES[choice], torn)
    copy_image(image, before)
    rig = make_rig(image=image)
    rig.boot()
    product = rig.product
    assert product.use_swap() == life.swap_size
    product.command("recover --no-load", timeout=300)
    assert product.use_swap() == life.swap_size
    names = product.dumps()
    rig.vm.must("sync")
    rig.vm.kill()

    life.check_places()
    life.check_rest_of_disk(before, image, allowed=[])
    dumps = [RecoveredDump.read(rig.disk, name) for name in names]
    if phase == "messages":
        # Nothing is promised yet. What there is, is true.
        for dump in dumps:
            assert dump.info["state"] == "torn"
            require(life.dump.messages.startswith(dump.messages), WrongBytes, "the messages are others")
            require(check_pages(dump, rig.disk, tmp_path, life.memory, life.ram) == 0, WrongBytes, "pages that were not written")
        return
    require(len(dumps) == 1, Lost, f"{len(dumps)} dumps")
    [dump] = dumps
    if (phase, choice) == ("trailer", "all"):
        # All of the trailer is in its first sectors.
        life.check_whole(dump, rig.disk, tmp_path)
    else:
        assert dump.info["state"] == "torn"
        require(dump.messages == life.dump.messages, Lost, "the messages are others than those that were safe")
        pages = check_pages(dump, rig.disk, tmp_path, life.memory, life.ram)
        print(f"{pages} of {life.page_count} pages")
        if phase == "trailer" or (choice == "all" and not torn):
            require(pages == life.page_count, Lost, f"{pages} of {life.page_count} pages")
        elif choice in _IN_ORDER:
            require(pages > 0, Lost, "no page of those that were written")


def cuts_within(count: int) -> pytest.MarkDecorator:
    """So many places within a phase; of what is not flushed everything has reached the disk, or only some."""
    places = [((number + 1) / count, number if number % 2 else None) for number in range(count)]
    return pytest.mark.parametrize(
        ("share", "seed"),
        [pytest.param(share, seed, id=f"{100 * share:.0f}%{'' if seed is None else '-some'}", marks=_SLOW) for share, seed in places],
    )


@pytest.mark.fault("power cut in prepare")
@cuts_within(10)
def test_in_prepare(
    share: float, seed: Optional[int], life: LoggedLife, make_rig: Callable[..., Rig], test_directory: Path
) -> None:
    """The swap can be used; the command, given again, completes; and of the rest of the disk nothing has changed."""
    image = test_directory / "disk.img"
    life.cut_within(image, "prepare", share, seed)
    rig = make_rig(image=image)
    rig.boot()
    assert rig.product.use_swap() >= life.swap_size
    arming = rig.product.arm()
    assert arming.region == life.arming.region
    assert rig.product.use_swap() == life.swap_size
    rig.vm.must("sync")
    rig.vm.kill()
    life.check_places()
    life.check_rest_of_disk(life.blank.path, image, life.places_of_prepare)


@pytest.mark.fault("power cut in load")
@cuts_within(4)
def test_in_load(
    share: float, seed: Optional[int], life: LoggedLife, make_rig: Callable[..., Rig], test_directory: Path, tmp_path: Path
) -> None:
    """The next boot finds nothing to recover, and arms again."""
    image, before = test_directory / "disk.img", tmp_path / "before.img"
    life.cut_within(image, "load", share, seed)
    copy_image(image, before)
    rig = make_rig(image=image)
    rig.boot()
    rig.product.command("recover", timeout=300)
    rig.product.command("status")
    assert rig.product.dumps() == []
    arming = rig.product.arming()
    assert (arming.region, arming.extent) == (life.arming.region, life.arming.extent)
    rig.vm.must("sync")
    rig.vm.kill()
    life.check_places()
    life.check_rest_of_disk(before, image, allowed=[])


@pytest.mark.fault("power cut in recover")
@cuts_within(12)
def test_in_recover(
    share: float, seed: Optional[int], life: LoggedLife, make_rig: Callable[..., Rig], test_directory: Path, tmp_path: Path
) -> None:
    """The dump is published or its key is there, and published once in the end."""
    image, before = test_directory / "disk.img", tmp_path / "before.img"
    life.cut_within(image, "recover", share, seed)
    copy_image(image, before)
    rig = make_rig(image=image)
    rig.boot()
    product = rig.product
    is_published = product.dumps() == [life.dump.name]
    has_key = rig.vm.run(f"test -e /var/lib/crashdump/keys/{life.arming.key_id}.key").status == 0
    require(is_published or (has_key and product.dumps() == []), Lost, f"dumps: {product.dumps()}, key: {has_key}")
    for _ in range(2):
        product.command("recover", timeout=300)
        require(product.dumps() == [life.dump.name], Lost, f"dumps: {product.dumps()}")
    product.command("status")
    rig.vm.must("sync")
    rig.vm.kill()
    life.check_places()
    life.check_rest_of_disk(before, image, allowed=[])
    life.check_whole(RecoveredDump.read(rig.disk, life.dump.name), rig.disk, tmp_path)
