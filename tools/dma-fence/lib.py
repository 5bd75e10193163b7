# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 the dma-fence rework project
"""Common to the Python tools here: where things are, and how to say no."""

import contextlib
import errno
import fcntl
import importlib.machinery
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
TOP = TOOLS.parent.parent
OVERLAY = Path(os.environ.get("OVERLAY") or TOP).resolve()
BUILD = Path(os.environ.get("BUILD") or TOP / "build").resolve()
BASE = BUILD / "base"
LINUX = BUILD / "linux"
RESULTS = BUILD / "results"


def say(text):
    print(text, flush=True)


def die(text):
    """One line on what went wrong and what to do next, then out."""
    print(f"{Path(sys.argv[0]).name}: {text}", file=sys.stderr)
    sys.exit(1)


def tool(name):
    """A tool beside this file, as a module; it runs only as a command."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"),
                                                  str(TOOLS / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def alone(name):
    """Two callers at the same directory would corrupt it; the second waits."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clean_env(**extra):
    """What 'make run ARCH=...' exports must not reach the kernel's own make."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES",
                        "ARCH", "LINUX", "BUILD", "OVERLAY", "CROSS_COMPILE",
                        "KCONFIG_CONFIG", "KBUILD_OUTPUT", "SUBARCH", "V", "O")}
    env["LC_ALL"] = "C"
    env.update(extra)
    return env


def atomic_write(path, text):
    tmp = path.with_name(path.name + ".tmp")
    try:
        tmp.write_text(text, encoding="utf-8")
        tmp.replace(path)
    except BaseException:
        tmp.unlink(missing_ok=True)
        raise


def main(function):
    """Run a tool's main; a signal or a full disk ends it with one line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(function(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            die(f"the disk is full; free some space below {BUILD}, or point "
                f"BUILD= elsewhere, then run the same command again")
        die(f"{error.strerror or error}: {error.filename or 'no file named'}; "
            f"repair it, then run the same command again")
    except subprocess.CalledProcessError as error:
        die(f"{error.cmd[0]} failed with status {error.returncode}")
