#!/usr/bin/python3
"""Checks the house rules that a compiler does not: who may include whom, and how long a file may be.

The order of the rooms is the one of docs/architecture.md. A room includes its own headers and those of the rooms
that it may use; only reactor/ names libevent; no source file is longer than MAX_LINES.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Lowest first. Each room may use the rooms below it, but the stricter rules here narrow that.
ORDER = ["base", "codec", "crypto", "store", "db", "reactor", "wire", "net", "node", "transfer", "feeds", "api", "daemon"]
ALLOWED = {room: set(ORDER[: i + 1]) for i, room in enumerate(ORDER)}
ALLOWED["reactor"] = {"base", "reactor"}
ALLOWED["wire"] = {"base", "codec", "crypto", "wire"}
ALLOWED["net"] = ALLOWED["wire"] | {"reactor", "net"}
ALLOWED["feeds"] -= {"transfer"}
# The client library shares the lower rooms, never the daemon's; the commands use the library's own header only.
ALLOWED["client"] = {"base", "codec", "crypto", "store", "wire", "client"}
ALLOWED["cli"] = {"cli"}

LIBEVENT = re.compile(r'^\s*#\s*include\s*[<"](event2/|event\.h|evhttp\.h|evutil\.h)')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')
MAX_LINES = 600
LONGER = {}  # path: why it may be longer


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".c", ".py", ".sh"):
                yield path


def check_includes(path, room, problems):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}"
        if LIBEVENT.match(line) and room != "reactor":
            problems.append(f"{where}: only reactor/ may name libevent")
        include = INCLUDE.match(line)
        if not include:
            continue
        named = include[1]
        if named.startswith("kachery/"):  # include/kachery: what is installed
            if room not in ("client", "cli"):
                problems.append(f"{where}: {room}/ may not use libkachery ({named})")
            continue
        used = named.split("/")[0]
        if "/" not in named or used not in ALLOWED:
            problems.append(f'{where}: "{named}" names no room; write "room/header.h"')
        elif used not in ALLOWED[room]:
            problems.append(f"{where}: {room}/ may not use {used}/ ({named})")


def main():
    problems = []
    for path in sources("src"):
        room = path.relative_to(ROOT / "src").parts[0]
        if room not in ALLOWED:
            problems.append(f"{path.relative_to(ROOT)}: src/{room} is no room of docs/architecture.md")
        else:
            check_includes(path, room, problems)
    for path in sources("src", "include", "tests", "contrib"):
        name = str(path.relative_to(ROOT))
        with open(path, errors="replace") as text:
            length = sum(1 for _ in text)
        if length > MAX_LINES and name not in LONGER:
            problems.append(f"{name}: {length} lines; the most is {MAX_LINES}: make two files of it")
        if length <= MAX_LINES and name in LONGER:
            problems.append(f"{name}: {length} lines: take it off the list of longer files")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
