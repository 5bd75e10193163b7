# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
"""Single objects of a kernel tree: compile them, keep what was said of each."""

import collections
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from lib import BUILD, RESULTS, atomic_write, clean_env, die, say

CROSS = {"x86_64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-",
         "i386": "x86_64-linux-gnu-"}
NATIVE = {"x86_64": ("x86_64",), "i386": ("x86_64", "i686"), "arm64": ("aarch64",)}

# Of what is remembered per object; a new one makes it all be said again.
FORMAT = 1

# Kbuild prints this once per target; with --output-sync what follows, up to
# the next, is what that target's recipe had to say.
TARGET = re.compile(r"^  ([A-Z][A-Z0-9_+]*)(?: \[[A-Z]+\])?\s+(\S+)$")
FAILED = re.compile(r"^make(?:\[\d+\])?: \*\*\* \[[^]]*: (\S+)\] ")
REMARK = re.compile(r"^(\S+?\.[chS]):\d+(?::\d+)?: (?:fatal )?(warning|error): (.*)")
KERNEL_DOC = re.compile(r"^(Warning|Error): (\S+?\.[ch]):\d+ (.*)")


def makefile_dir(tree, path):
    for parent in Path(path).parents:
        if (tree / parent / "Makefile").is_file() or \
           (tree / parent / "Kbuild").is_file():
            return str(parent)
    return "."


def object_file(goal):
    return os.path.normpath(goal)


class Tree:
    """One source tree configured and compiled in one object directory."""

    def __init__(self, source, arch, directory, config, start, options=()):
        self.source = source
        self.arch = arch
        self.dir = directory
        self.config = config
        self.start = start
        self.options = options
        self.log = self.dir / "make.log"
        self.memory = self.dir / "remarks.json"
        self.remarks = {}
        self.failed = set()

    def prefix(self):
        return CROSS[self.arch] if os.uname().machine not in NATIVE[self.arch] else ""

    def compiler(self):
        return self.prefix() + "gcc"

    def make(self, *args):
        ccache = "ccache " if shutil.which("ccache") else ""
        return ["make", "-C", str(self.source), f"O={self.dir}", f"ARCH={self.arch}",
                f"CROSS_COMPILE={self.prefix()}", f"CC={ccache}{self.compiler()}",
                f"-j{os.environ.get('JOBS') or os.cpu_count() or 1}", *args]

    def identity(self):
        """When this changes, no object in the directory is worth keeping."""
        version = subprocess.run([self.compiler(), "-v"], text=True, check=False,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, env=clean_env()).stdout
        base = [(BUILD / name).read_text() for name in ("base.from", "base.version")]
        return json.dumps([FORMAT, version, sorted(self.config.items()), self.start,
                           self.options, *base])

    def prepare(self):
        stamp = self.dir / "identity"
        try:
            same = stamp.read_text() == self.identity()
        except OSError:
            same = False
        if not same:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir.mkdir(parents=True)
            atomic_write(stamp, self.identity())
        preset = self.dir / "preset.config"
        preset.write_text("".join(f"CONFIG_{k}={v}\n" for k, v in self.config.items()))
        done = subprocess.run(
            self.make(self.start), text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=clean_env(KCONFIG_ALLCONFIG=str(preset)))
        if done.returncode:
            why = [x for x in done.stdout.splitlines() if x.strip()]
            die(f"{self.arch}: no configuration: {(why or ['no message'])[-1]}")
        lost = self.lost()
        if lost:
            die(f"{self.dir.name}: Kconfig did not keep {' '.join(lost)}; "
                f"correct what is asked for")
        try:
            self.remarks = json.loads(self.memory.read_text())
        except (OSError, ValueError):
            self.remarks = {}
        # make does not repeat what it said of an object that is up to date, so
        # a log that an interrupted run left is read before it is replaced.
        if self.log.is_file():
            with self.log.open(errors="replace") as lines:
                self.read(lines)
            self.remember()

    def lost(self):
        lines = (self.dir / ".config").read_text().splitlines()
        got = dict(x.split("=", 1) for x in lines if x.startswith("CONFIG_"))
        return [f"{k}={v}" for k, v in self.config.items()
                if got.get(f"CONFIG_{k}", "n") != v]

    def report(self):
        """Where the last log is kept for whoever reads the results."""
        where = RESULTS / self.dir.parent.name
        where.mkdir(parents=True, exist_ok=True)
        return where / f"{self.dir.name}.log"

    def remember(self):
        atomic_write(self.memory, json.dumps(self.remarks, indent=1, sort_keys=True))
        self.log.unlink(missing_ok=True)

    def shorten(self, line):
        for tree in (str(self.source.resolve()), str(self.source)):
            line = line.replace(tree + "/", "")
        return line

    def read(self, lines, each=None):
        goal, speaker = None, ""
        for line in lines:
            line = line.rstrip("\n")
            target = TARGET.match(line)
            if target:
                # A checker speaks within the block of the object it goes with.
                speaker = "sparse " if target[1] == "CHECK" else ""
                if speaker:
                    continue
                goal = target[2] if target[2].endswith(".o") else None
                if goal:
                    self.remarks[goal] = []
                    if each:
                        each(goal)
                continue
            failed = FAILED.match(line)
            if failed:
                self.failed.add(failed[1])
                continue
            line = self.shorten(line)
            remark = REMARK.match(line)
            doc = KERNEL_DOC.match(line)
            if goal and remark:
                self.remarks[goal].append([speaker + remark[2], remark[1], remark[3], line])
            elif goal and doc:
                self.remarks[goal].append([doc[1].lower(), doc[2], doc[3], line])

    def build(self, goals, what):
        """Compile what is not up to date: how many were, and make's status."""
        done = 0
        told = time.monotonic()
        live = sys.stdout.isatty()
        wanted = set(goals)

        def each(goal):
            nonlocal done, told
            if goal not in wanted:
                return
            done += 1
            now = time.monotonic()
            if live:
                print(f"\r  {what}: {done} compiled, of at most {len(goals)}",
                      end="", flush=True)
            elif now - told > 30:
                told = now
                say(f"  {what}: {done} compiled, of at most {len(goals)}")

        self.failed = set()
        command = self.make("-k", "--output-sync=target", "W=1",
                            *self.options, *goals)
        with self.log.open("w", buffering=1, errors="replace") as log, \
             subprocess.Popen(command, text=True, errors="replace", env=clean_env(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, process_group=0) as make:

            def tee():
                for line in make.stdout:
                    log.write(line)
                    yield line
            try:
                self.read(tee(), each)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(make.pid, signal.SIGTERM)
                make.wait()
                raise
            finally:
                if live and done:
                    print("\r\033[K", end="", flush=True)
        shutil.copyfile(self.log, self.report())
        if make.returncode and "No space left on device" in \
           self.log.read_text(errors="replace"):
            die(f"disk full while compiling {what}; free some space, or point BUILD= "
                f"elsewhere")
        self.remember()
        return done, make.returncode

    def has(self, goal):
        return goal not in self.failed and (self.dir / object_file(goal)).is_file()

    def command_of(self, goal):
        path = Path(object_file(goal))
        try:
            return (self.dir / path.parent / f".{path.name}.cmd").read_text(
                errors="replace")
        except OSError:
            return ""

    def holds(self, goal, source):
        """Whether the compiler read 'source' for this object, by its own word."""
        text = self.command_of(goal)
        names = {os.path.normpath(self.shorten(word.rstrip("\\")))
                 for word in text.split() if word.endswith(".c")}
        return source in names

    def stray(self, goal):
        """Compiled by Kbuild's leave only: its driver is not configured here.

        A single object is compiled on demand even when its driver is disabled,
        then with its parent directory's flags and outside of any module.
        """
        command = self.command_of(goal)
        if " -DMODULE " in command:
            return False
        unit = re.search(r"-DKBUILD_MODFILE='\"([^\"]*)\"'", command)
        if not unit:
            return True
        name = re.escape(Path(unit[1]).name) + r"\.o"
        directory = self.source / makefile_dir(self.source, goal)
        config = (self.dir / ".config").read_text()
        for makefile in sorted(directory.glob("Makefile*")) + [directory / "Kbuild"]:
            if not makefile.is_file():
                continue
            text = makefile.read_text().replace("\\\n", " ")
            for enabled in re.findall(rf"^obj-(\S+?)\s*[:+]?=.*?(?<!\S){name}(?!\S)",
                                      text, re.M):
                symbol = re.fullmatch(r"\$\((CONFIG_\w+)\)", enabled)
                if enabled == "y" or symbol and f"\n{symbol[1]}=y\n" in config:
                    return False
        return True


def new_remarks(ours, theirs):
    """What 'ours' says more often than 'theirs'; line numbers do not count."""
    known = collections.Counter(tuple(r[:3]) for r in theirs)
    fresh = []
    for remark in ours:
        key = tuple(remark[:3])
        if known[key]:
            known[key] -= 1
        else:
            fresh.append(remark)
    return fresh
