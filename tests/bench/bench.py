#!/usr/bin/python3
"""Measures storing and loading against yardsticks measured in the same run, interleaved, median of several rounds.

    store (command)   kachery-p2p store FILE            ÷  openssl sha1 FILE, then cp FILE
    store (API)       POST /store of FILE               ÷  the same
    load              kachery-p2p load URI, second node ÷  curl from nginx on loopback | openssl sha1
    disk              taken by a load, while and after  ÷  size of the file
    memory            largest resident size of both daemons
    /probe            50th and 99th percentile while the above run

Source files are in the page cache; what a run wrote is dropped from it (and from the store) before the next. `make bench`
runs it; the figures are ratios, because bare times say more about the machine than about the program.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import BIN, KACHERY, Daemon, Web, channel_yaml, disk_usage, free_port, sha1_of, wait_until, write_random

MIB = 1 << 20
TARGETS = {
    "store (command)": 1.6,
    "store (API)": 2.5,
    "load": 3.0,
    "disk while loading": 1.02,
    "disk after loading": 1.02,
    "memory of the storing node, MiB": 64,
    "memory of the loading node, MiB": 64,
    "/probe p99, ms": 20,
}


def parse_size(text):
    units = {"K": 1000, "M": 1000**2, "G": 1000**3}
    return int(float(text[:-1]) * units[text[-1].upper()]) if text[-1:].upper() in units else int(text)


# ---- page cache


def forget(path):
    """Drops a file's clean pages from the page cache; dirty ones are written first."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        os.fdatasync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def forget_everything():
    """Drops the whole cache where we may."""
    with contextlib.suppress(OSError), open("/proc/sys/vm/drop_caches", "w") as control:
        control.write("1")


def remember(path):
    with open(path, "rb") as file:
        while file.read(8 * MIB):
            pass


# ---- yardsticks


def timed(*commands, **options):
    start = time.monotonic()
    for command in commands:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return time.monotonic() - start


class Nginx:
    """nginx with a configuration of its own, serving one folder on loopback."""

    def __init__(self, folder, root):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.port = free_port()
        folder.mkdir()
        config = folder / "nginx.conf"
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        user = "user root;" if os.getuid() == 0 else ""
        config.write_text(
            f"{user} worker_processes 1; daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
            f"events {{ worker_connections 64; }}"
            f"http {{ access_log off; sendfile on; tcp_nopush on; {temporary}"
            f" server {{ listen 127.0.0.1:{self.port}; root {root}; }} }}"
        )
        self.process = subprocess.Popen([program, "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log")])
        wait_until(self.answers, "nginx answers")

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def fetch_and_hash(self, name):
        start = time.monotonic()
        command = f'set -o pipefail; curl -sSf "http://127.0.0.1:{self.port}/{name}" | openssl sha1'
        subprocess.run(["bash", "-c", command], check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    def stop(self):
        self.process.terminate()
        self.process.wait()


# ---- watching


class Watch:
    """While open: asks /probe of the daemons all the time, and looks at their memory and at a folder's size."""

    def __init__(self, daemons, folder):
        self.daemons, self.folder = daemons, folder
        self.probes, self.memory, self.disk = [], {daemon.name: 0 for daemon in daemons}, 0
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.probe, args=(daemon,)) for daemon in daemons]
        self.threads.append(threading.Thread(target=self.look))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def probe(self, daemon):
        connection = http.client.HTTPConnection("127.0.0.1", daemon.api_port, timeout=60)
        while not self.ending.wait(0.005):
            start = time.monotonic()
            connection.request("GET", "/probe")
            connection.getresponse().read()
            self.probes.append((time.monotonic() - start) * 1000)
        connection.close()

    def look(self):
        before = disk_usage(self.folder)
        while not self.ending.wait(0.03):
            for daemon in self.daemons:
                self.memory[daemon.name] = max(self.memory[daemon.name], daemon.memory("VmRSS"))
            self.disk = max(self.disk, disk_usage(self.folder) - before)


# ---- the measurements


class Bench:
    def __init__(self, folder, size, rounds):
        self.folder, self.size, self.rounds = folder, size, rounds
        self.ending = contextlib.ExitStack()
        self.seconds = {name: [] for name in ("openssl sha1 + cp", "store (command)", "store (API)", "curl | openssl sha1", "load")}
        self.probes, self.disk_while, self.disk_after = [], [], []
        self.memory = {"alice": 0, "bob": 0}

    def prepare(self):
        self.bootstrap = Daemon(self.folder, "bootstrap", bootstrap=True, speedup=1)
        self.alice, self.bob = (Daemon(self.folder, name, speedup=1) for name in ("alice", "bob"))
        for daemon in (self.bootstrap, self.alice, self.bob):
            self.ending.callback(daemon.kill)
            daemon.start()
        web = Web()
        self.ending.callback(web.down)
        nodes = [(daemon.node_id, daemon.name) for daemon in (self.alice, self.bob)]
        web.pages["/channel.yaml"] = channel_yaml("bench-channel", [self.bootstrap], nodes)
        for daemon in (self.alice, self.bob):
            daemon.join(web.url("/channel.yaml"))
        sources = self.folder / "sources"
        sources.mkdir()
        self.source = write_random(sources / "source.bin", self.size)
        self.sha1 = sha1_of(self.source)
        self.uri = self.alice.out("store", self.source)
        self.nginx = Nginx(self.folder / "nginx", sources)
        self.ending.callback(self.nginx.stop)
        wait_until(lambda: self.bob.knows(self.alice.node_id), "bob knows alice")

    def settle(self, *paths):
        """Before each measurement: nothing left to be written, what was written forgotten, the source in memory."""
        os.sync()
        for path in paths:
            forget(path)
        forget_everything()
        remember(self.source)

    def forget_stored(self, daemon):
        path = daemon.path_of(self.sha1)
        if path.exists():
            forget(path)
            path.unlink()

    def sha1_and_copy(self):
        copy = self.folder / "copy.bin"
        self.settle()
        seconds = timed(["openssl", "sha1", str(self.source)], ["cp", str(self.source), str(copy)])
        forget(copy)
        copy.unlink()
        return seconds

    def store_by_command(self):
        self.forget_stored(self.alice)
        self.settle()
        with self.watching(self.alice.storage):
            return timed([str(KACHERY), "store", str(self.source)], env=self.alice.environment)

    def store_by_api(self):
        self.forget_stored(self.alice)
        self.settle()
        line = ["curl", "-sSf", "-o", "/dev/null", "-H", f"KACHERY-CLIENT-AUTH-CODE: {self.alice.auth()}", "-H", "Expect:"]
        line += ["-X", "POST", "-T", str(self.source), f"http://127.0.0.1:{self.alice.api_port}/store"]
        with self.watching(self.alice.storage):
            return timed(line)

    def load(self):
        self.forget_stored(self.bob)
        self.settle()
        stored = self.alice.path_of(self.sha1)
        remember(stored)
        before = disk_usage(self.bob.storage)
        with self.watching(self.bob.storage) as watch:
            seconds = timed([str(KACHERY), "load", self.uri], env=self.bob.environment)
        self.disk_while.append(watch.disk / self.size)
        self.disk_after.append((disk_usage(self.bob.storage) - before) / self.size)
        return seconds

    def fetch(self):
        self.settle()
        return self.nginx.fetch_and_hash("source.bin")

    @contextlib.contextmanager
    def watching(self, folder):
        with Watch((self.alice, self.bob), folder) as watch:
            yield watch
        self.probes += watch.probes
        for name, most in watch.memory.items():
            self.memory[name] = max(self.memory[name], most)

    def run(self):
        steps = {
            "openssl sha1 + cp": self.sha1_and_copy,
            "store (command)": self.store_by_command,
            "store (API)": self.store_by_api,
            "curl | openssl sha1": self.fetch,
            "load": self.load,
        }
        for number in range(self.rounds):
            for name, step in steps.items():
                seconds = step()
                self.seconds[name].append(seconds)
                print(f"  round {number + 1} of {self.rounds}: {name:<22} {seconds:8.3f} s", file=sys.stderr)
        if sha1_of(self.bob.path_of(self.sha1)) != self.sha1:
            raise SystemExit("bench: what was loaded is not what was stored")
        for daemon in (self.alice, self.bob):
            self.memory[daemon.name] = max(self.memory[daemon.name], daemon.memory("VmHWM"))

    def results(self):
        median = {name: statistics.median(values) for name, values in self.seconds.items()}
        cuts = statistics.quantiles(self.probes, n=100)
        return {
            "store (command)": median["store (command)"] / median["openssl sha1 + cp"],
            "store (API)": median["store (API)"] / median["openssl sha1 + cp"],
            "load": median["load"] / median["curl | openssl sha1"],
            "disk while loading": max(self.disk_while),
            "disk after loading": max(self.disk_after),
            "memory of the storing node, MiB": self.memory["alice"] / MIB,
            "memory of the loading node, MiB": self.memory["bob"] / MIB,
            "/probe p50, ms": cuts[49],
            "/probe p99, ms": cuts[98],
        }, median


def show(results, median, size):
    print(f"{size / 1e6:.0f} MB of random data; yardsticks: ", end="")
    print(", ".join(f"{name} {median[name]:.3f} s" for name in ("openssl sha1 + cp", "curl | openssl sha1")))
    print(f"{'figure':<34} {'measured':>10} {'target':>8}  verdict")
    for name, value in results.items():
        target = TARGETS.get(name)
        verdict = "" if target is None else "good" if value <= target else "MISSED"
        print(f"{name:<34} {value:>10.2f} {target if target is not None else '':>8}  {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=parse_size, default=parse_size("1G"), help="of the file: 1G, 64M, 5000000 (1G)")
    parser.add_argument("--rounds", type=int, default=5, help="each figure is the median of so many (5)")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures there too")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    arguments = parser.parse_args()
    if not (BIN / "kachery-p2p-daemon").exists():
        parser.error(f"no kachery-p2p-daemon in {BIN}: build it first (make)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kachery-bench-"))
    bench = Bench(folder, arguments.size, arguments.rounds)
    try:
        with bench.ending:
            bench.prepare()
            bench.run()
            results, median = bench.results()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(results, median, arguments.size)
    missed = [name for name, target in TARGETS.items() if results[name] > target]
    if arguments.json:
        document = {
            "bytes": arguments.size,
            "rounds": arguments.rounds,
            "figures": {name: {"measured": round(value, 4), "target": TARGETS.get(name)} for name, value in results.items()},
            "seconds": {name: [round(value, 4) for value in values] for name, values in bench.seconds.items()},
            "missed": missed,
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    return 1 if missed and arguments.strict else 0


if __name__ == "__main__":
    sys.exit(main())
