#!/usr/bin/python3
"""Shows kachery-p2p at work on this machine alone: a bootstrap node and two nodes, a channel, and a file of 300 MB that
goes from one to the other. Everything is in a temporary folder, and gone afterwards. `make demo` runs it.
"""
import argparse
import contextlib
import functools
import hashlib
import http.server
import os
import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("KACHERY_BIN", ROOT / "build" / "bin")).resolve()
PATIENCE_S = 60


class DemoError(Exception):
    pass


# ---- telling


class Voice:
    def __init__(self):
        self.colour = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" and "NO_COLOR" not in os.environ
        self.number = 0

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text

    def step(self, text):
        self.number += 1
        self.line("\n" + self.paint("1;36", f"{self.number}. {text}"))

    def command(self, line):
        self.line("   " + self.paint("2", "$ ") + self.paint("1", line))

    def note(self, text):
        self.line("   " + text)

    def good(self, text):
        self.line("   " + self.paint("32", text))

    def line(self, text):
        print(text, flush=True)


voice = Voice()


# ---- doing


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Node:
    def __init__(self, folder, name, bootstrap=False):
        self.name, self.folder, self.bootstrap = name, folder / name, bootstrap
        self.storage = self.folder / "storage"
        self.log = self.folder / "daemon.log"
        self.storage.mkdir(parents=True)
        self.api_port, self.port = free_ports(2)
        self.environment = {
            **os.environ,
            "KACHERY_STORAGE_DIR": str(self.storage),
            "KACHERY_P2P_CONFIG_DIR": str(self.folder / "config"),
            "KACHERY_TEMP_DIR": str(self.folder / "tmp"),
            "KACHERY_P2P_API_HOST": "127.0.0.1",
            "KACHERY_P2P_API_PORT": str(self.api_port),
        }
        self.environment.pop("KACHERY_OFFLINE_STORAGE_DIR", None)
        self.process = None

    def start(self):
        line = [str(BIN / "kachery-p2p-daemon"), "start", "--label", self.name, "--verbose", "1", "--noudp", "--nomulticast"]
        line += ["--host", "127.0.0.1", "--port", str(self.port)] + (["--isbootstrap"] if self.bootstrap else [])
        with open(self.log, "wb") as log:
            # A session of its own: Ctrl-C in the terminal comes to us alone, and we end the daemons in order.
            self.process = subprocess.Popen(
                line, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self.answers, f"{self.name} to answer", self)
        shown = f"kachery-p2p-daemon start --label {self.name} --host 127.0.0.1 --port {self.port}"
        voice.command(shown + (" --isbootstrap" if self.bootstrap else "") + "  &")

    def answers(self):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/probe", timeout=5) as reply:
                return reply.status == 200
        return False

    @property
    def node_id(self):
        return (self.storage / "kachery-node-id").read_text()

    def run(self, *arguments, shown=None, quiet=False):
        """Runs a command as a user of this node; its stdout. stderr, and with it the progress bar, is ours."""
        if not quiet:
            line = shown or shlex.join(["kachery-p2p", *map(str, arguments)])
            voice.command(f"{line}      # on {self.name}")
        done = subprocess.run(
            [str(BIN / "kachery-p2p"), *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            text=True,
            check=False,
        )
        if done.returncode != 0 and not quiet:
            raise DemoError(f"that command failed with {done.returncode}; {self.name} logged:\n{self.last_words()}")
        return done.stdout.strip() if done.returncode == 0 else None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join("     " + line for line in lines[-15:]) or "     (nothing)"


def wait_until(condition, what, node):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if node.process.poll() is not None:
            raise DemoError(f"{node.name} ended with {node.process.returncode}; it logged:\n{node.last_words()}")
        if time.monotonic() > until:
            raise DemoError(f"waited {PATIENCE_S} s for {what}, in vain; it logged:\n{node.last_words()}")
        time.sleep(0.05)


def serve(folder, ending):
    """An HTTP server for `folder`, ended by `ending`; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    ending.callback(server.server_close)
    ending.callback(server.shutdown)
    return f"http://127.0.0.1:{server.server_address[1]}"


def make_file(path, size):
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 22):
            file.write(os.urandom(min(1 << 22, size - start)))
    return path


def sha1_of(path):
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


# ---- the show


def demo(folder, megabytes, ending):
    began = time.monotonic()
    voice.line(voice.paint("1", "kachery-p2p on one machine: two nodes, and a file that goes from one to the other"))
    voice.note(f"Everything happens in {folder} and on loopback, and is gone afterwards.")

    voice.step("Start three daemons: a bootstrap node, and the nodes of alice and bob")
    bootstrap, alice, bob = Node(folder, "bootstrap", bootstrap=True), Node(folder, "alice"), Node(folder, "bob")
    for node in (bootstrap, alice, bob):
        ending.callback(node.stop)
        node.start()

    voice.step("Write a channel file, which says who belongs together, and serve it over HTTP")
    web = folder / "web"
    web.mkdir()
    text = "channelLabel: demo-channel\nbootstrapAddresses:\n"
    text += f"  - hostName: 127.0.0.1\n    port: {bootstrap.port}\nauthorizedNodes:\n"
    for node in (alice, bob):
        text += f"  - nodeId: {node.node_id}\n    nodeLabel: {node.name}\n"
    (web / "channel.yaml").write_text(text)
    url = serve(web, ending) + "/channel.yaml"
    for line in text.splitlines():
        voice.note(voice.paint("2", line))

    voice.step("Join it on both nodes")
    for node in (alice, bob):
        node.run("join-channel", url)

    voice.step(f"Store a file of {megabytes} MB on alice")
    path = make_file(folder / "recording.dat", megabytes * 1_000_000)
    uri = alice.run("store", path, shown="kachery-p2p store recording.dat")
    voice.note(uri)

    voice.step("Load it on bob, by its hash")
    wait_until(lambda: bob.run("find", uri, quiet=True), "bob to find alice", bob)
    start = time.monotonic()
    loaded = bob.run("load", uri)
    seconds = time.monotonic() - start
    voice.note(loaded)

    voice.step("Compare")
    original, copy = sha1_of(path), sha1_of(loaded)
    voice.note(f"SHA-1 of alice's file  {original}")
    voice.note(f"SHA-1 of bob's copy    {copy}")
    if original != copy:
        raise DemoError("they differ: this is a bug, please report it")
    voice.good(f"The same: {megabytes} MB, found, fetched chunk by chunk, and checked, in {seconds:.1f} s.")

    voice.line("\n" + voice.paint("1", f"Done in {time.monotonic() - began:.0f} s. What to type next:"))
    program = os.path.relpath(BIN)
    for line, why in (
        (f"export PATH=$PWD/{program}:$PATH", "the commands, without installing them (else: make install)"),
        ("make run LABEL=my-computer", "a daemon of your own, in ~/kachery-storage"),
        ("kachery-p2p store SOME-FILE", "in another terminal: store a file, and get its URI"),
        ("kachery-p2p node-info", "your node id, for a channel file of yours"),
        ("kachery-p2p --help", "all commands; README.md tells how to share a channel"),
    ):
        voice.line(f"   {voice.paint('1', line):<{38 + (8 if voice.colour else 0)}} {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=300, help="size of the file (300)")
    arguments = parser.parse_args()

    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kachery-demo-"))
    try:
        with contextlib.ExitStack() as ending:
            demo(folder, arguments.megabytes, ending)
            # From here on the cleaning up is not to be interrupted; it takes no time.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        return 0
    except KeyboardInterrupt:
        voice.line("\nInterrupted; the daemons are stopped and the folder is removed.")
        return 130
    except (DemoError, OSError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
