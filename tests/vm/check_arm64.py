# SPDX-License-Identifier: LGPL-2.1-or-later
"""Maps and loads on arm64.  sysfs maps a BAR as Device memory, where an unaligned
load is an error, or write-combining as Normal memory that is not cached."""

import re

from bench import IVSHMEM, check, expect
from check_engines import AWKWARD, check_stats
from check_gone import picture_sum
from check_vfio import bind, unbind
from counting import counting_maps
from picture import Picture, captured_rows, compare, noise
from watch import watching

SMALL = Picture("RGB", 64, 48, offset=5000)
# In BAR 0 of an ivshmem, which is not prefetchable
_REGISTERS = Picture("GRAY8", 8, 8)
_SLOW = "video/x-raw,framerate=5/1 ! fakesink"
_FILES = {"uncached": "resource2", "write-combining": "resource2_wc"}

# The kernel's numbers for kinds of memory in a page table (Linux,
# arch/arm64/include/asm/memory.h: MT_*)
_KINDS = {2: "Normal, not cached", 3: "Device-nGnRnE", 4: "Device-nGnRE"}
_KERNEL = {"uncached": "Device-nGnRE", "write-combining": "Normal, not cached"}
# The first QEMU that emulates what Device memory demands
_QEMU_FAULTS = 9


def _source(name, mapping, properties=""):
    return (f"mmiovidsrc name={name} device={IVSHMEM} mapping={mapping} "
            f"{properties}")


@check("arm64", "arm64: a map is Device memory or Normal-NC, as the element "
       "says, by the kernel's page table")
def kinds(bench):
    start, end = bench.bar_range(IVSHMEM, 2)
    for mapping, kind in _KERNEL.items():
        source = _source("s", mapping, SMALL.properties())
        with counting_maps(bench) as maps:
            with watching(bench, f"{source} ! {_SLOW}") as watch:
                watch.until_frames(["s"])
                said = watch.stats("s")["mapping"]
        # Bits 4 to 2 are the index of the kind (Arm ARM, AttrIndx)
        seen = {_KINDS.get(event.fields["prot"] >> 2 & 7) for event in maps
                if start <= event.fields["page"] << 12 <= end}
        expect(said == mapping, f"the element says {said}, not {mapping}")
        expect(seen == {kind}, f"{mapping}: the kernel mapped {maps}")


def _load(bench, mapping, shift):
    """Loads eight bytes at this offset.  Returns the status of the program."""
    path = f"/sys/bus/pci/devices/{IVSHMEM}/{_FILES[mapping]}"
    return bench.guest.run(
        "python3 - <<'END'\n"
        "import ctypes, mmap\n"
        f"with open('{path}', 'r+b') as file:\n"
        "    bar = mmap.mmap(file.fileno(), 4096)\n"
        "start = ctypes.addressof(ctypes.c_char.from_buffer(bar))\n"
        f"print(ctypes.c_uint64.from_address(start + {shift}).value)\n"
        "END").status


@check("arm64", "arm64: an unaligned load raises SIGBUS in Device memory, if QEMU "
       "emulates that, and works in Normal-NC")
def unaligned(bench):
    version = bench.guest.qmp.command("query-version")["qemu"]["major"]
    faults = version >= _QEMU_FAULTS
    bench.comment(f"QEMU {version} " + (
        "emulates SIGBUS: each exact frame shows that all loads are aligned"
        if faults else
        "does not emulate SIGBUS: only the counted transactions show that "
        "loads are aligned"))
    # 128 and SIGBUS
    wanted = {("uncached", 0): 0, ("uncached", 1): 135 if faults else 0,
              ("write-combining", 0): 0, ("write-combining", 1): 0}
    got = {case: _load(bench, *case) for case in wanted}
    expect(got == wanted, f"{got}, not {wanted}")


@check("arm64", "arm64: auto loads whole lines from a prefetchable BAR, and words "
       "from another one")
def automatic(bench):
    memory = noise(AWKWARD.end(), 90)
    bench.paint("large", memory)
    pipeline = (
        f"{_source('memory', 'auto', AWKWARD.properties())} num-buffers=1 ! "
        "filesink location=/tmp/automatic "
        f"{_source('registers', 'auto', _REGISTERS.properties())} bar=0 "
        "num-buffers=1 ! fakesink")
    with watching(bench, pipeline) as watch:
        watch.wait()
    check_stats(bench, watch.stats("memory"), "auto", "write-combining")
    check_stats(bench, watch.stats("registers"), "auto", "uncached")
    bench.guest.must("mv /tmp/automatic /mnt/out/automatic")
    with open(bench.guest.path("out/automatic"), "rb") as file:
        compare(captured_rows(file.read(), "RGB", AWKWARD.width,
                              AWKWARD.height), AWKWARD.rows(memory))


@check("arm64", "arm64: by vfio behind the SMMU, all engines are byte-exact")
def vfio(bench):
    memory = noise(AWKWARD.end(), 91)
    bench.paint("large", memory)
    kind = bench.guest.must(
        f"cat /sys/bus/pci/devices/{IVSHMEM}/iommu_group/type; "
        f"basename $(readlink -f /sys/bus/pci/devices/{IVSHMEM}/iommu)")
    expect(re.fullmatch(r"DMA\S*\nsmmu3\.\S+\n", kind), kind)
    bind(bench)
    try:
        for engine in ("auto", "orc", "stream", "u64", "u32"):
            data = bench.capture(f"device={IVSHMEM} access=vfio "
                                 f"engine={engine} {AWKWARD.properties()}")
            compare(captured_rows(data, "RGB", AWKWARD.width, AWKWARD.height),
                    AWKWARD.rows(memory))
        source = (f"mmiovidsrc name=s device={IVSHMEM} access=vfio "
                  f"{SMALL.properties()} ! {_SLOW}")
        with watching(bench, source) as watch:
            check_stats(bench, watch.frame_stats("s"), "auto", "uncached")
    finally:
        unbind(bench)


@check("arm64", "arm64: io-mode=mmap sends a map that allows any load, and copies "
       "from one that does not")
def handed_out(bench):
    # checksumsink makes wide loads that are as unaligned as this offset
    picture = Picture("RGB", 640, 48, offset=4096 + 1235)
    memory = noise(picture.end(), 92)
    bench.paint("large", memory)
    for mapping, mode in (("write-combining", "mmap"), ("uncached", "copy")):
        source = _source("s", mapping, picture.properties())
        with watching(bench, f"{source} io-mode=mmap num-buffers=1 ! "
                      "checksumsink") as watch:
            watch.wait()
        expect(watch.sums() == [picture_sum(memory, picture)],
               f"{mapping}: {watch.sums()}")
        used, reason = watch.ways("s")[-1]
        expect(used == mode, f"{mapping}: {used}: {reason}")
        expect(mode == "mmap" or "aligned loads only" in reason, reason)
