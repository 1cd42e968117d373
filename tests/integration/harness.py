"""Starts real daemons on loopback for the integration tests, each with directories and ports of its own, and ends
them whatever happens.

KACHERY_BIN names the directory with the programs (default: build/bin of this tree). Ports are chosen by the kernel, so
that tests run beside each other and beside other daemons. Nothing here waits for a fixed time: wait_until() polls, and
its time-out is only there for a program that never answers.
"""
import contextlib
import ctypes
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("KACHERY_BIN", ROOT / "build" / "bin")).resolve()
DAEMON = BIN / "kachery-p2p-daemon"
KACHERY = BIN / "kachery-p2p"

# Divides the daemon's periods and time-outs: discovery takes part of a second, and a loaded machine still meets them.
SPEEDUP = 3
PATIENCE_S = 120
MIB = 1 << 20
CHUNK = 20_000_000


def has_sanitizer():
    with open(DAEMON, "rb") as program:
        return b"__asan_init" in program.read()


def wait_until(condition, what, patience=PATIENCE_S, pause=0.05):
    """The first true value of condition(). An AssertionError is a condition that does not hold yet."""
    until = time.monotonic() + patience
    problem = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError, http.client.HTTPException) as error:
            problem = error
        if time.monotonic() > until:
            raise AssertionError(f"after {patience} s: {what}" + (f" ({problem!r})" if problem else ""))
        time.sleep(pause)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def sha1_of(path):
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


def random_bytes(size, seed=None):
    return random.Random(seed).randbytes(size) if seed is not None else os.urandom(size)


def write_random(path, size):
    with open(path, "wb") as file:
        for start in range(0, size, 8 * MIB):
            file.write(os.urandom(min(8 * MIB, size - start)))
    return path


def manifest_of(data):
    """The manifest's bytes, as protocol.md section 3 lays them out."""
    chunks = [
        {"start": start, "end": min(start + CHUNK, len(data)), "sha1": hashlib.sha1(data[start : start + CHUNK]).hexdigest()}
        for start in range(0, len(data), CHUNK)
    ]
    manifest = {"size": len(data), "sha1": hashlib.sha1(data).hexdigest(), "chunks": chunks}
    return json.dumps(manifest, separators=(",", ":")).encode()


def store_path(storage, sha1):
    return pathlib.Path(storage) / "sha1" / sha1[0:2] / sha1[2:4] / sha1[4:6] / sha1


def disk_usage(folder):
    """Bytes of disk that the files under `folder` take, those with two names once; open but nameless ones
    (/proc/PID/fd) are not seen."""
    blocks = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(os.path.join(parent, name))
                blocks[status.st_dev, status.st_ino] = status.st_blocks
    return sum(blocks.values()) * 512


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def die_with_parent():
    """In the child: ask the kernel for SIGKILL when the test's process dies, so that no daemon outlives it."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


class Daemon:
    """One daemon and its directories. start() waits until it answers; after kill() or stop() it can be started
    again, on the same storage and ports."""

    def __init__(self, folder, name, *, bootstrap=False, public=True, args=(), env=None, speedup=SPEEDUP, prefix=()):
        self.folder = pathlib.Path(folder) / name
        self.name, self.bootstrap, self.args, self.prefix = name, bootstrap, list(args), list(prefix)
        self.storage, self.config, self.temporary = (self.folder / part for part in ("storage", "config", "tmp"))
        for path in (self.storage, self.config, self.temporary):
            path.mkdir(parents=True)
        self.log_path = self.folder / "daemon.log"
        self.api_port = free_port()
        self.port = free_port() if public else None
        self.process = None
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "KACHERY_STORAGE_DIR": str(self.storage),
            "KACHERY_P2P_CONFIG_DIR": str(self.config),
            "KACHERY_TEMP_DIR": str(self.temporary),
            "KACHERY_P2P_API_PORT": str(self.api_port),
            "KACHERY_P2P_API_HOST": "127.0.0.1",
            "KACHERY_P2P_SPEEDUP_FACTOR": str(speedup),
            **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
            **(env or {}),
        }

    # ---- life

    def command_line(self):
        line = [*self.prefix, str(DAEMON), "start", "--label", self.name, "--verbose", "1", "--noudp", "--nomulticast"]
        if self.port:
            line += ["--host", "127.0.0.1", "--port", str(self.port)]
        if self.bootstrap:
            line.append("--isbootstrap")
        return line + self.args

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command_line(),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return self.process

    def start(self):
        for attempt in range(5):
            began = self.log_path.stat().st_size if self.log_path.exists() else 0
            self.spawn()
            try:
                wait_until(lambda: self.process.poll() is not None or self.answers(), f"{self.name} answers")
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log()}") from None
            if self.process.poll() is None:
                return self
            # A kernel-chosen port may have been taken by somebody else since.
            said = self.log()[began:]
            if "in use" not in said or "torage" in said or attempt == 4:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{said}")
            self.api_port = free_port()
            self.port = free_port() if self.port else None
            self.environment["KACHERY_P2P_API_PORT"] = str(self.api_port)
        return self

    def answers(self):
        return self.request("GET", "/probe", auth=False, timeout=10).json()["kacheryStorageDir"] == str(self.storage)

    def run_to_its_end(self, timeout=PATIENCE_S):
        """For a start that must fail: its exit code and what it wrote."""
        self.spawn()
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} should have ended:\n{self.log()}") from None
        return code, self.log()

    def kill(self):
        """kill -9, the worker too: as a power failure, but for what the kernel holds."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self, patience=30):
        """SIGTERM; its exit code."""
        self.process.terminate()
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end on SIGTERM:\n{self.log()}") from None
        self.process = None
        return code

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def processes(self):
        """Process ids: the daemon's and its children's."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def memory(self, field="VmRSS"):
        """The largest value of that field of /proc/PID/status among the daemon's processes, in bytes."""
        most = 0
        for pid in self.processes():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith(field + ":"):
                        most = max(most, int(line.split()[1]) * 1024)
        return most

    # ---- what it knows

    @property
    def node_id(self):
        return (self.storage / "kachery-node-id").read_text()

    def auth(self):
        return (self.storage / "client-auth").read_text()

    def path_of(self, sha1):
        return store_path(self.storage, sha1)

    def holds(self, sha1):
        return self.path_of(sha1).exists()

    def scratch(self):
        """What is under tmp/, partial downloads among it."""
        return sorted(str(path.relative_to(self.storage)) for path in (self.storage / "tmp").rglob("*") if path.is_file())

    # ---- its local API

    def connection(self, timeout=PATIENCE_S, port=None):
        return http.client.HTTPConnection("127.0.0.1", port or self.api_port, timeout=timeout)

    def headers(self, auth=True):
        return {"KACHERY-CLIENT-AUTH-CODE": self.auth() if auth is True else auth} if auth else {}

    def request(self, method, path, body=None, *, auth=True, headers=None, timeout=PATIENCE_S, port=None):
        """A value is sent as JSON, bytes as they are."""
        sent = dict(self.headers(auth), **(headers or {}))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = self.connection(timeout, port)
        try:
            connection.request(method, path, body, sent)
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def post(self, path, body, **options):
        reply = self.request("POST", path, body, **options)
        if reply.status != 200:
            raise AssertionError(f"{self.name}: {path}: {reply.status} {reply.text}")
        return reply.json()

    def probe(self):
        return self.request("GET", "/probe").json()

    def stats(self):
        return self.request("GET", "/stats?format=json").json()["stats"]

    def knows(self, node_id, channel=None):
        """Has it got a node info of this node (on that channel)?"""
        for node in self.stats()["remoteNodes"]:
            if node["remoteNodeId"] == node_id and node["channelNodeInfos"]:
                infos = json.dumps(node["channelNodeInfos"])
                return channel is None or channel in infos
        return False

    def load_frames(self, key, from_node=None):
        """The frames of /loadFile, to the last one."""
        return list(LoadRequest(self, key, from_node))

    def load(self, key, from_node=None):
        return self.load_frames(key, from_node)[-1]

    def store(self, data):
        reply = self.post("/store", data)
        if not reply["success"]:
            raise AssertionError(f"{self.name}: /store: {reply}")
        return {"sha1": reply["sha1"], **({"manifestSha1": reply["manifestSha1"]} if reply["manifestSha1"] else {})}

    def join(self, url, **flags):
        """Joins through the local API, as the existing client does: by setting the mutable."""
        found = self.post("/mutable/get", {"key": "_joined_channels_config"})
        channels = found["value"]["joinedChannels"] if found["found"] else []
        channels = [channel for channel in channels if channel["channelConfigUrl"] != url]
        channels.append({"channelConfigUrl": url, **flags})
        self.post("/mutable/set", {"key": "_joined_channels_config", "value": {"joinedChannels": channels}})

    # ---- the commands

    def command_environment(self, **changes):
        environment = {**self.environment, **changes}
        return {name: value for name, value in environment.items() if value is not None}

    def run(self, *arguments, program=None, check=True, text=True, env=None, timeout=PATIENCE_S, **options):
        """Runs `kachery-p2p ARGUMENTS` as a user of this daemon. `env` adds to the environment; None removes."""
        done = subprocess.run(
            [str(program or KACHERY), *map(str, arguments)],
            env=self.command_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=text,
            timeout=timeout,
            **options,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"kachery-p2p {' '.join(map(str, arguments))} exited {done.returncode}: {done.stderr}")
        return done

    def out(self, *arguments, **options):
        """stdout of a command that succeeds, without the newline at its end."""
        return self.run(*arguments, **options).stdout.rstrip("\n")


class LoadRequest:
    """A /loadFile request under way; iterating gives its frames, close() goes away in the middle."""

    def __init__(self, daemon, key, from_node=None):
        self.connection = daemon.connection()
        body = json.dumps({"fileKey": key, "fromNode": from_node})
        self.connection.request("POST", "/loadFile", body, {"Content-Type": "application/json", **daemon.headers()})
        self.socket = self.connection.sock  # the connection forgets it when the reply will close it
        self.reply = self.connection.getresponse()
        if self.reply.status != 200:
            raise AssertionError(f"/loadFile: {self.reply.status} {self.reply.read()[:500]}")

    def __iter__(self):
        try:
            while True:
                digits = b""
                while (byte := self.reply.read(1)) != b"#":
                    if not byte:
                        return
                    digits += byte
                yield json.loads(self.reply.read(int(digits)))
        finally:
            self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Web:
    """An HTTP server for channel and configuration files: pages[path] is what it answers; counts[path] how often it
    was asked. down() refuses connections until up()."""

    def __init__(self):
        self.pages, self.counts, self.port = {}, {}, 0
        self.up()

    def up(self):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.split("?")[0]
                web.counts[path] = web.counts.get(path, 0) + 1
                page = web.pages.get(path)
                if page is None:
                    return self.send_error(404)
                body = page.encode() if isinstance(page, str) else page
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        self.server.shutdown()
        self.server.server_close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"


def channel_yaml(label, bootstraps, nodes):
    """`nodes`: (node id, label, flags…); flags are words such as isPublic."""
    lines = [f"channelLabel: {label}", "bootstrapAddresses:" + ("" if bootstraps else " []")]
    for bootstrap in bootstraps:
        lines += ["  - hostName: 127.0.0.1", f"    port: {bootstrap.port}"]
    lines.append("authorizedNodes:" + ("" if nodes else " []"))
    for node_id, node_label, *flags in nodes:
        lines += [f"  - nodeId: {node_id}", f"    nodeLabel: {node_label}"]
        lines += [f"    {flag}: true" for flag in flags]
    return "\n".join(lines) + "\n"


class KacheryTest(unittest.TestCase):
    """A temporary folder, and daemons in it that end with the test. What they logged is shown when it fails."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kachery-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.daemons = []
        self._web = None
        self.addCleanup(self.end_daemons)

    def end_daemons(self):
        failed = not self._outcome.success
        complaints = []
        for daemon in self.daemons:
            daemon.kill()
            log = daemon.log()
            if "ERROR: AddressSanitizer" in log or "ERROR: LeakSanitizer" in log or "runtime error:" in log:
                complaints.append(daemon.name)
            if failed or daemon.name in complaints:
                print(f"\n---- log of {daemon.name} ({self.id()})", *log.splitlines()[-60:], sep="\n", file=sys.stderr)
        if complaints:
            raise AssertionError(f"a sanitizer found a fault in {', '.join(complaints)}; see the log above")

    # ---- building blocks

    def daemon(self, name, start=True, **options):
        daemon = Daemon(self.folder, name, **options)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    @property
    def web(self):
        if not self._web:
            self._web = Web()
            self.addCleanup(self._web.down)
        return self._web

    def channel(self, bootstraps, nodes, label="test-channel", path="/channel.yaml"):
        """Serves a channel file; its URL."""
        entries = [(node.node_id, node.name) if isinstance(node, Daemon) else node for node in nodes]
        self.web.pages[path] = channel_yaml(label, bootstraps, entries)
        return self.web.url(path)

    def network(self, *names, extra=(), **options):
        """A bootstrap, a daemon for each name, all on one channel that they have joined: (url, bootstrap, daemons…).
        `extra`: further entries of the channel's authorizedNodes."""
        bootstrap = self.daemon("bootstrap", bootstrap=True)
        daemons = [self.daemon(name, **options) for name in names]
        url = self.channel([bootstrap], [*daemons, *extra])
        for daemon in daemons:
            daemon.join(url)
        for daemon in daemons:
            for other in daemons:
                if other is not daemon:
                    wait_until(lambda: daemon.knows(other.node_id, url), f"{daemon.name} knows {other.name}")
        return (url, bootstrap, *daemons)

    def file(self, name, size):
        return write_random(self.folder / name, size)

    def assert_sound_store(self, storage):
        """Every file under sha1/ is whole and right."""
        for path in (pathlib.Path(storage) / "sha1").rglob("*"):
            if path.is_file() and path.suffix != ".link":
                self.assertEqual(sha1_of(path), path.name, f"{path} is not what its name says")
                self.assertEqual(path.stat().st_mode & 0o7777, 0o644, path)

    def assert_one_reason(self, done, code, *words):
        """A command failed as it should: its own exit code, nothing on stdout, one line on stderr with these words."""
        self.assertEqual(done.returncode, code, f"stderr: {done.stderr!r}")
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word.lower(), done.stderr.lower())
