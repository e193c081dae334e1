"""Objects that are compiled here: the kernel's own tests of BPF, from Debian's packages of its
sources, by Debian's versions of clang, for each version of the instruction set.

Nothing is installed: the packages are unpacked into the working directory.
"""

import subprocess
import sys
from pathlib import Path

CLANGS = ["13", "14", "15", "16", "19", "22"]

# A source is compiled by one of these, in turn.
MAKES = [
    ("13", "v1"),
    ("13", "v2"),
    ("14", "v2"),
    ("14", "v3"),
    ("15", "v2"),
    ("16", "v3"),
    ("19", "v3"),
    ("19", "v4"),
    ("22", "v1"),
    ("22", "v4"),
]

# Package of sources, and which part of its tests is taken: of all, and of those that include the
# types of the whole kernel, which take long to compile.
SOURCES = [("linux-source-6.1", 2, 8), ("linux-source-6.12", 4, 32)]

TESTS = "tools/testing/selftests/bpf"
NEEDED = [TESTS, "tools/include", "tools/lib/bpf"]

# Each of this number is also compiled for big-endian machines.
BIG_ENDIAN = 8


def unpack(work, package, root):
    """Fetches a package of the archive and unpacks it; False if this release does not have it."""
    debs = work / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{package}_*.deb")):
        if subprocess.run(["apt-get", "download", package], cwd=debs, capture_output=True).returncode:
            print(f"{package}: not in this release", file=sys.stderr)
            return False
    root.mkdir(parents=True, exist_ok=True)
    for deb in debs.glob(f"{package}_*.deb"):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    return True


def compilers(work):
    """The command of each clang that this release has."""
    found = {}
    for version in CLANGS:
        root = work / "clang" / version
        names = [f"clang-{version}", f"libclang-cpp{version}", f"libllvm{version}"]
        names.append(f"libclang-common-{version}-dev")
        if root.exists() or all([unpack(work, name, root) for name in names]):
            own = [root / "usr/lib/x86_64-linux-gnu", root / f"usr/lib/llvm-{version}/lib"]
            path = ":".join(map(str, own))
            found[version] = ["env", f"LD_LIBRARY_PATH={path}", root / f"usr/lib/llvm-{version}/bin/clang"]
    return found


def trees(work):
    """The directories of the kernel's tests, with the sources that are compiled."""
    for package, part, part_of_slow in SOURCES:
        root = work / "sources"
        tree = root / package
        if not tree.exists():
            if not unpack(work, package, root):
                continue
            wanted = [f"{package}/{path}" for path in NEEDED]
            archive = root / "usr/src" / f"{package}.tar.xz"
            subprocess.run(["tar", "-xf", archive, "-C", root, *wanted], check=True)
        types = tree / TESTS / "vmlinux.h"
        if not types.exists():
            dump = ["bpftool", "btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"]
            types.write_bytes(subprocess.run(dump, check=True, capture_output=True).stdout)
        sources = sorted((tree / TESTS / "progs").glob("*.c"))
        slow = [source for source in sources if b"vmlinux.h" in source.read_bytes()]
        quick = [source for source in sources if source not in slow]
        yield tree / TESTS, sorted(quick[::part] + slow[::part_of_slow])


def compile_one(clang, target, cpu, tests, source, output):
    """Compiles a source; False if it does not compile with this compiler or these headers."""
    tools = tests.parents[2]
    command = [*clang, "-g", "-O2", "-w", f"--target={target}", f"-mcpu={cpu}"]
    command += ["-D__TARGET_ARCH_x86", "-DENABLE_ATOMICS_TESTS", "-I.", f"-I{tools}/include/uapi"]
    command += [f"-I{tools}/lib", "-I/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include"]
    # The list of helpers, which the sources do not contain.
    command += ["-idirafter", "/usr/include/bpf"]
    command += ["-c", source, "-o", output]
    try:
        done = subprocess.run(command, cwd=tests, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def objects(work):
    """Compiles all: the objects for this machine, and pairs of a big-endian one and its twin."""
    directory = work / "compiled"
    directory.mkdir(parents=True, exist_ok=True)
    clangs = compilers(work)
    makes = [make for make in MAKES if make[0] in clangs]
    own, pairs = [], []
    for tests, sources in trees(work):
        release = tests.parents[3].name.removeprefix("linux-source-")
        for number, source in enumerate(sources):
            version, cpu = makes[number % len(makes)]
            name = f"clang-{version}-{cpu}~{release}-{source.stem}"
            # An empty file stands for what did not compile.
            output = directory / f"{name}.o"
            if not output.exists():
                if not compile_one(clangs[version], "bpfel", cpu, tests, source, output):
                    output.write_bytes(b"")
            if not output.stat().st_size:
                continue
            own.append(output)
            if number % BIG_ENDIAN == 0:
                big = directory / f"{name}.big-endian"
                if big.exists() or compile_one(clangs[version], "bpfeb", cpu, tests, source, big):
                    pairs.append((output, big))
    return own, pairs


if __name__ == "__main__":
    work = Path(sys.argv[1])
    print(*map(len, objects(work)))
