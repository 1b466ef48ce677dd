# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest: a QEMU process, and the channel on which it runs commands."""

import contextlib
import ctypes
import itertools
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import qmp
from doorbell import Doorbell
from tap import Failure

HERE = os.path.dirname(os.path.abspath(__file__))

# Everything is emulated: the machine under the tests needs no virtualisation,
# and the guest sees the same hardware everywhere.
MACHINE = ["-smp", "2", "-m", "2G", "-nodefaults", "-display", "none", "-no-reboot"]
SHARED_MEMORY = ["-object", "memory-backend-memfd,id=memory,size=2G,share=on",
                 "-machine", "memory-backend=memory"]
# A panic ends QEMU (-no-reboot), so that nobody waits for a dead guest
KERNEL_ARGUMENTS = "root=/dev/vda ro init=/init quiet loglevel=4 panic=-1"

# From this version of QEMU on, a guest whose devices are unplugged runs its CPUs in
# one thread. With a thread for each CPU, QEMU 10.0 often ended
# ("iotlb_to_section: Assertion `section_index < d->map.sections_nb' failed"), or a
# CPU of the guest stalled. QEMU 7.2 never did.
ONE_THREAD_SINCE = 8


# Lines of QEMU's log
_TRACED = re.compile(r"memory_region_ops_read .* addr (0x[0-9a-f]+) .* "
                     r"size (\d+) name '([^']*)'")
_REFUSED = re.compile(r"Invalid read at addr 0x[0-9a-fA-F]+, size (\d+), "
                      r"region '([^']*)'")


UDMABUF = "/dev/udmabuf"


def _threads(boot):
    """QEMU's name of the threads that run the guest's CPUs."""
    said = subprocess.run([boot.arch.qemu, "--version"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    version = int(re.search(r"version (\d+)", said)[1])
    return "single" if boot.plugs and version >= ONE_THREAD_SINCE else "multi"


class GuestError(Failure):
    """Something went wrong in the guest; the text says what."""


class BootPanic(GuestError):
    """The guest's kernel fell over before it could run anything of ours."""


class Bar:
    """The memory of an ivshmem device, as the host sees it."""

    def __init__(self, path, size):
        with open(path, "w+b") as file:
            file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)
        self.path, self.size = path, size

    def write(self, data, offset=0):
        self._map[offset:offset + len(data)] = data

    def read(self, length, offset=0):
        return self._map[offset:offset + length]

    def close(self):
        self._map.close()


class Job:
    """A command running in the guest."""

    def __init__(self, guest, ident, command):
        self._guest, self._ident, self.command = guest, ident, command
        self.status = None

    def output(self):
        try:
            with open(self._guest.path(f"jobs/{self._ident}.out"),
                      encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def describe(self):
        return f"guest# {self.command}\n{self.output()}exit {self.status}"

    def running(self):
        return self.status is None and self._guest.alive()

    def pid(self):
        """In the guest: of the shell, or of what that has become."""
        return int(self._guest.must(f"cat /run/job-{self._ident}"))

    def wait(self, timeout):
        """Waits for the end.  A command that takes longer is killed."""
        if not self._guest.wait_for(lambda: self.status is not None, timeout):
            self._guest.send(f"signal {self._ident} KILL")
            self._guest.wait_for(lambda: self.status is not None, 10)
            raise GuestError(f"still running after {timeout} s, killed\n"
                             + self.describe())
        return self.status

    def stop(self, name="INT", timeout=60):
        """Ends a command that would run for ever."""
        if self.status is None:
            self._guest.send(f"signal {self._ident} {name}")
        return self.wait(timeout)


class Guest:
    """Boots on creation; use it as a context manager.

    image: directory with vmlinuz, initrd.img and disk.img
    boot: how, see boots.py
    """

    BOOT_TIMEOUT = 180

    def __init__(self, image, boot, progress):
        self._progress = progress
        self._process = self._channel = self.qmp = None
        self._changed = threading.Condition()
        self._jobs, self._ready, self._idents = {}, False, itertools.count(1)
        # A short path: names of sockets must not exceed 107 bytes
        self._dir = tempfile.mkdtemp(prefix="mmiovid-vm-")
        self.bars, self.doorbells = {}, {}
        self.arch = boot.arch
        try:
            self._share_files()
            for name, size in boot.bars.items():
                self.bars[name] = Bar(os.path.join(self._dir, name), size)
            for name, (size, vectors) in boot.doorbells.items():
                self.doorbells[name] = Doorbell(
                    os.path.join(self._dir, name), size, vectors)
            self._start(image, boot)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The machine

    def _share_files(self):
        shutil.copytree(os.path.join(HERE, "guest"), self.path("guest"))
        for name in ("jobs", "out", "plugin", "bin"):
            os.makedirs(self.path(name))

    def _start(self, image, boot):
        backends = []
        for name, bar in self.bars.items():
            backends += ["-object", f"memory-backend-file,id={name},"
                         f"mem-path={name},size={bar.size},share=on"]
        for name in self.doorbells:
            backends += ["-chardev", f"socket,id={name},path={name}"]
        arch = boot.arch
        arguments = [arch.qemu, *arch.machine, *MACHINE,
                     "-accel", f"tcg,thread={_threads(boot)}",
                     "-cpu", boot.cpu or arch.cpu,
                     *(SHARED_MEMORY if boot.shared else []),
                     "-kernel", os.path.join(image, "vmlinuz"),
                     "-initrd", os.path.join(image, "initrd.img"),
                     "-append", f"console={arch.console} {KERNEL_ARGUMENTS} "
                     + boot.append,
                     "-drive", f"file={os.path.join(image, 'disk.img')},"
                     "if=none,id=disk,format=raw,snapshot=on",
                     "-device", f"virtio-blk-pci,drive=disk{arch.virtio}",
                     "-fsdev", "local,id=share,path=share,security_model=none",
                     "-device", "virtio-9p-pci,fsdev=share,mount_tag=share"
                     + arch.virtio,
                     "-device", f"virtio-serial-pci{arch.virtio}",
                     "-chardev",
                     "socket,id=channel,path=channel,server=on,wait=off",
                     "-device", "virtserialport,chardev=channel,name=channel",
                     "-serial", "file:serial.log",
                     "-qmp", "unix:qmp,server=on,wait=off",
                     "-D", "trace.log",
                     *backends, *boot.devices]
        if boot.shared and not _opens(UDMABUF):
            arguments = self._with_udmabuf(arguments)
        with open(os.path.join(self._dir, "qemu.log"), "wb") as log:
            self._process = subprocess.Popen(
                arguments, cwd=self._dir, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=_die_with_parent)
        self._channel = self._connect("channel")
        threading.Thread(target=self._listen, daemon=True).start()
        self.qmp = qmp.Qmp(self._connect("qmp"))
        began = time.monotonic()
        try:
            up = self.wait_for(lambda: self._ready, self.BOOT_TIMEOUT)
        except GuestError as why:
            if "Kernel panic" in self.log_tail():
                raise BootPanic(str(why)) from None
            raise
        if not up:
            raise GuestError("the guest does not come up\n" + self.log_tail())
        self._progress(f"guest is up after {time.monotonic() - began:.0f} s")

    def _with_udmabuf(self, arguments):
        """QEMU opens it before a virtio-gpu may have blob=true, and from version
        8 on makes dma-bufs by it: an empty file in a /dev that nobody else sees,
        and a library that answers for it."""
        os.mkdir(os.path.join(self._dir, "dev"))
        for name in ("udmabuf", "null"):
            with open(os.path.join(self._dir, "dev", name), "wb"):
                pass
        library = os.path.join(self._dir, "udmabuf.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library,
                        os.path.join(HERE, "udmabuf.c"), "-ldl"], check=True)
        return ["unshare", "--mount",
                *([] if os.geteuid() == 0 else ["--map-root-user"]),
                "sh", "-c", "mount --bind /dev/null dev/null && "
                "mount --rbind dev /dev && "
                'exec setpriv --pdeathsig KILL "$@"', "sh",
                "env", f"LD_PRELOAD={library}", *arguments]

    def _connect(self, name):
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(os.path.join(self._dir, name))
                return connection
            except OSError:
                connection.close()
                if not self.alive() or time.monotonic() > deadline:
                    raise GuestError("QEMU does not start\n"
                                     + self.log_tail()) from None
            time.sleep(0.05)

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def _how_it_ended(self):
        status = self._process.returncode
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        why = self.qmp.shutdown() if self.qmp is not None else None
        return (f"QEMU has ended {how}, SHUTDOWN event: {why}\n"
                + self.log_tail(60))

    def log_tail(self, lines=20):
        text = []
        for name in ("qemu.log", "serial.log"):
            try:
                with open(os.path.join(self._dir, name), encoding="utf-8",
                          errors="replace") as file:
                    text += [f"{name}: {line.rstrip()}" for line in file
                             if "TCG doesn't support" not in line][-lines:]
            except FileNotFoundError:
                pass
        return "\n".join(text)

    def close(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        if self.qmp is not None:
            self.qmp.close()
        for bar in self.bars.values():
            bar.close()
        for doorbell in self.doorbells.values():
            doorbell.close()
        shutil.rmtree(self._dir, ignore_errors=True)

    # The channel

    def send(self, line):
        self._channel.sendall(line.encode() + b"\n")

    def _listen(self):
        with self._channel.makefile("r", encoding="utf-8") as lines:
            try:
                for line in lines:
                    with self._changed:
                        self._hear(line.split())
                        self._changed.notify_all()
            except OSError:
                pass            # closed by close()

    def _hear(self, words):
        if words[0] == "ready":
            self._ready = True
        elif words[0] == "done":
            self._jobs[words[1]].status = int(words[2])

    def wait_for(self, condition, timeout):
        """Waits for something that the channel brings."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                if not self.alive():
                    raise GuestError(self._how_it_ended())
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1))
        return True

    # What the checks use

    def path(self, name):
        """A file of the shared directory, on the host."""
        return os.path.join(self._dir, "share", name)

    def start(self, command):
        job = Job(self, str(next(self._idents)), command)
        self._jobs[job._ident] = job
        with open(self.path(f"jobs/{job._ident}.sh"), "w",
                  encoding="utf-8") as script:
            script.write(command + "\n")
        self.send(f"run {job._ident}")
        return job

    def run(self, command, timeout=120):
        job = self.start(command)
        job.wait(timeout)
        return job

    def must(self, command, timeout=120):
        """Runs a command that cannot fail; its output."""
        job = self.run(command, timeout)
        if job.status != 0:
            raise GuestError(job.describe())
        return job.output()

    def monitor(self, command):
        """A command of QEMU's human monitor; what that said."""
        return self.qmp.command("human-monitor-command",
                                **{"command-line": command})

    @contextlib.contextmanager
    def tracing(self, region):
        """What the guest reads meanwhile of a region that QEMU emulates, as a
        list of transactions: address and size of each, None for the address
        where the device does not know such a read."""
        transactions = []
        log = os.path.join(self._dir, "trace.log")
        before = os.path.getsize(log)
        # The second one for what is refused before it could be traced
        self.monitor("trace-event memory_region_ops_read on")
        self.monitor("log guest_errors")
        try:
            yield transactions
        finally:
            self.monitor("log none")
            self.monitor("trace-event memory_region_ops_read off")
        with open(log, encoding="utf-8", errors="replace") as file:
            file.seek(before)
            for line in file:
                if (found := _TRACED.search(line)) and found[3] == region:
                    transactions.append((int(found[1], 16), int(found[2])))
                elif (found := _REFUSED.search(line)) and found[2] == region:
                    transactions.append((None, int(found[1])))

    def screendump(self, device):
        return self.qmp.screendump(device, os.path.join(self._dir, "screen"))


def _opens(path):
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
