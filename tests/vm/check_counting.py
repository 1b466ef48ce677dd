# SPDX-License-Identifier: LGPL-2.1-or-later
"""What other checks build upon: each boot with a display that takes dma-bufs
does what it is for, says the kernel, without the plugin; and what is counted
there does count."""

import check_vfio
from bench import IVSHMEM, IVSHMEM_SWITCHED, check, expect
from counting import counting_imports, counting_reads

_LENGTH = 4 << 20


def _add(boot, slot, result, words):
    @check(boot, f"counting: the display {words} the BAR's dma-buf, and calls "
           "of that are counted")
    def run(bench):
        check_vfio.bind(bench, slot)
        with counting_imports(bench) as imports, \
                counting_reads(bench) as reads:
            said = bench.guest.must(f"/mnt/guest/dmabuf import {slot} {_LENGTH}")
        nodes = dict(line.split() for line in said.splitlines())
        expect(set(nodes) == {"card0", "renderD128"}
               and set(nodes.values()) == {result}, nodes)
        expect(len(imports) == 2, f"two imports, and counted: {imports}")
        expect(all((event.fields["result"] == 0) == (result == "ok")
                   for event in imports), imports)
        expect(len({event.fields["node"] for event in imports}) == 2, imports)
        expect(not reads, f"nobody read the BAR, but counted: {reads}")


_add("zerocopy", IVSHMEM, "ok", "imports")
_add("switch", IVSHMEM_SWITCHED, "ok", "below the same switch imports")
_add("noswitch", IVSHMEM, "EINVAL", "does not import")


@check("zerocopy", "counting: reads of a BAR count, by a map and by read(); a "
       "map alone does not")
def reads(bench):
    check_vfio.bind(bench)
    source = (f"mmiovidsrc num-buffers=3 device={IVSHMEM} access=vfio "
              "format=bgrx width=640 height=480")
    for mode, any_read in [("mmap", False), ("copy", True)]:
        with counting_reads(bench) as events:
            bench.guest.must(f"gst-launch-1.0 -q {source} io-mode={mode} ! "
                             "fakesink")
        bench.comment(f"io-mode={mode}: {len(events)} page faults")
        expect({event.probe for event in events}
               == ({"fault"} if any_read else set()),
               f"io-mode={mode}: {events[:10]}")
    with counting_reads(bench) as events:
        bench.guest.must(f"/mnt/guest/dmabuf read {IVSHMEM}")
    expect([event.probe for event in events] == ["read"], events)


@check("zerocopy", "counting: all that under lockdown=integrity")
def locked_down(bench):
    text = bench.guest.must("cat /sys/kernel/security/lockdown")
    expect("[integrity]" in text, text)
