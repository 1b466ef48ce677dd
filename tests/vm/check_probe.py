# SPDX-License-Identifier: LGPL-2.1-or-later
"""mmiovid-probe: what it lists, what it measures, and what it lets alone."""

import json
import re

from bench import CONSOLE, IVSHMEM, IVSHMEM_SMALL, TRAPPED, check, expect
from check_engines import engines

_QUICK = "--quiet --time 0.2 --length 65536"


def _probe(bench, words):
    """Runs it; its output, which is not its errors, as JSON."""
    bench.guest.must(f"mmiovid-probe {words} --json >/mnt/out/probe")
    with open(bench.guest.path("out/probe"), encoding="utf-8") as file:
        return json.load(file)


def _refuses(bench, words, *says):
    """What it reads nothing for, not even from a BAR where that shows."""
    with bench.guest.tracing("nvme") as reads:
        job = bench.guest.run(f"mmiovid-probe {words}")
    expect(job.status == 1, job.describe())
    missing = [what for what in says if what not in job.output()]
    expect(not missing, f"no {missing} in: {job.output()}")
    expect(not reads, f"reads {reads}")


# Address, BAR, size, whether prefetchable, driver, how it can be reached
LISTED = [
    (CONSOLE, "0", "16 MiB", "yes", "bochs-drm",
     "sysfs, write-combining? bound to bochs-drm"),
    (CONSOLE, "2", "4 KiB", "no", "bochs-drm", "sysfs? bound to bochs-drm"),
    (IVSHMEM, "0", "256 bytes", "no", "-", "sysfs"),
    (IVSHMEM, "2", "16 MiB", "yes", "-", "sysfs, write-combining"),
    (IVSHMEM_SMALL, "0", "256 bytes", "no", "-", "sysfs"),
    (IVSHMEM_SMALL, "2", "1 MiB", "yes", "-", "sysfs, write-combining"),
    (TRAPPED, "0", "16 KiB", "no", "-", "sysfs"),
    (TRAPPED, "2", "1 MiB", "yes", "-", "sysfs, write-combining"),
]


@check("relaxed", "probe: lists the memory BARs and how they can be reached")
def listed(bench):
    text = bench.guest.must("mmiovid-probe")
    rows = [tuple(re.split(r"  +", line)) for line in text.splitlines()]
    ours = {CONSOLE, IVSHMEM, IVSHMEM_SMALL, TRAPPED}
    found = [row[:6] for row in rows if row[0] in ours]
    expect(found == LISTED, f"not as expected:\n{text}")
    # All memory BARs that the kernel knows, and no other
    known = bench.guest.must(
        "cd /sys/bus/pci/devices && for d in *; do n=0; "
        "while [ $n -lt 6 ] && read -r first last flags; do "
        "(( flags & 0x200 )) && echo $d $n; n=$((n + 1)); "
        "done <$d/resource; done")
    listed_bars = [" ".join(row[:2]) for row in rows
                   if re.match(r"[0-9a-f]{4}:", row[0])]
    expect(listed_bars == known.splitlines(),
           f"the kernel has\n{known}and the list is\n{text}")


@check("strict", "probe: lists what the kernel keeps for a driver as in doubt")
def listed_strict(bench):
    bars = {(bar["address"], bar["bar"]): bar
            for bar in _probe(bench, "")["bars"]}
    console, ivshmem = bars[CONSOLE, 0], bars[IVSHMEM, 2]
    expect((console["reachable"], console["driver"], ivshmem["reachable"])
           == ("maybe", "bochs-drm", "yes"), f"{console} {ivshmem}")


def _engines(results):
    return {result["engine"] for result in results
            if "engine" in result and result.get("rate", 0) > 0}


def _loads(results):
    return {result["load-bytes"] for result in results
            if "load" in result and result.get("rate", 0) > 0
            and result["ns-per-load"] > 0}


def _check_maps(report, used, loads):
    maps = [(one["requested"], one["mapping"]) for one in report["maps"]]
    expect(maps == [(kind, kind) for kind in ("uncached", "write-combining")],
           f"maps: {maps}")
    for one in report["maps"]:
        results = one["results"]
        expect(_engines(results) == used and _loads(results) == loads,
               f"{one['mapping']}: {results}")


@check("relaxed", "probe: measures a BAR uncached and write-combining, with "
       "the loads that a virtual machine bears")
def measured(bench):
    report = _probe(bench, f"{IVSHMEM} {_QUICK}")
    expect((report["address"], report["bar"], report["prefetchable"],
            report["virtual-machine"], report["length"])
           == (IVSHMEM, 2, True, True, 65536), f"{report}")
    _check_maps(report, {"u64", "u32"}, {4, 8})
    best = report["best"]
    expect(re.fullmatch(f"device={IVSHMEM} bar=2 engine=u(64|32) "
                        "mapping=(uncached|write-combining)( .*)?",
                        best["properties"]), f"{best}")


@check("relaxed", "probe: measures a BAR with all loads and engines, if forced")
def forced(bench):
    report = _probe(bench, f"{IVSHMEM} --bar 2 --force {_QUICK}")
    # Of this CPU, which has no AVX-512
    _check_maps(report, set(engines(bench)) - {"auto"}, {4, 8, 16, 32, 64})


@check("arm64", "probe: measures a BAR with all loads and engines of arm64")
def measured_arm64(bench):
    report = _probe(bench, f"{IVSHMEM} {_QUICK}")
    expect(not report["virtual-machine"], f"{report}")
    _check_maps(report, set(engines(bench)) - {"auto"}, {4, 8, 16, 32, 64})


@check("relaxed", "probe: says what a picture costs")
def cost(bench):
    report = _probe(bench, f"{IVSHMEM} --quiet --time 0.2 --width 160 "
                    "--height 100 --format bgrx --rate 25")
    best = report["best"]
    expect((best["frame-bytes"], best["frame-rate"]) == (64000, 25),
           f"{best}")
    percent = 100 * 25 * 64000 / best["rate"]
    expect(abs(best["cpu-percent"] / percent - 1) < 0.01,
           f"{best}, not {percent} %")


@check("relaxed", "probe: a BAR that may be registers is measured only if it "
       "is named and forced")
def registers(bench):
    says = (f"Cannot measure BAR 0 of {TRAPPED}: it is not prefetchable", "registers",
            "--bar 0 --force")
    _refuses(bench, f"{TRAPPED} --bar 0", *says)
    _refuses(bench, f"/sys/bus/pci/devices/{TRAPPED}/resource0", *says)
    _refuses(bench, f"{CONSOLE} --bar 2", "registers", "--bar 2 --force")

    with bench.guest.tracing("nvme") as reads:
        report = _probe(bench, f"{TRAPPED} --bar 0 --force --quiet "
                        "--time 0.01 --length 128")
    expect(reads, "nothing was read")
    expect([one["mapping"] for one in report["maps"]] == ["uncached"],
           f"{report['maps']}")


@check("relaxed", "probe: measures a trapped BAR, inside of the range")
def trapped(bench):
    base, _ = bench.bar_range(TRAPPED, 2)
    with bench.guest.tracing("nvme-cmb") as reads:
        report = _probe(bench, f"{TRAPPED} --quiet --time 0.01 --offset 4100 "
                        "--length 1000")
    first, length = report["offset"], report["length"]
    expect((first, length) == (4160, 896), f"{first} {length}")
    wrong = [(at, size) for at, size in reads if at is None or at % size
             or not base + first <= at <= base + first + length - size]
    expect(reads and not wrong, f"{len(reads)} reads, wrong are {wrong[:5]} ...")
    expect({size for _, size in reads} == {4, 8}, "not 4 and 8 bytes")
