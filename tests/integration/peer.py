"""A small node of our own that speaks protocol.md over HTTP and misbehaves on request.

It announces itself to a bootstrap, answers probe, checkAlive, getChannelInfo, announce, checkForFile and
downloadFileData, and serves /download. What it does wrong is set by `peer.download` (one of the functions at the end of
this file) and by the switches of Peer. What it was asked is in `peer.asked`.
"""
import hashlib
import http.client
import http.server
import json
import random
import select
import socket
import string
import struct
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness import CHUNK, manifest_of, wait_until

PROTOCOL = "kachery-p2p-0.7.0p"
DAEMON_VERSION = "kachery-p2p-0.8.31"


def now_ms():
    return int(time.time() * 1000)


def random_id():
    return "".join(random.choices(string.ascii_letters, k=10))


# ---- canonical BSON and signatures (protocol.md section 2)


def _key_order(key):
    is_index = key == "0" or (key.isascii() and key.isdigit() and key[0] != "0" and int(key) < 2**32 - 1)
    return (0, int(key), b"") if is_index else (1, 0, key.encode("utf-16-be", "surrogatepass"))


def _element(name, value):
    name = name.encode() + b"\0"
    if value is None:
        return b"\x0a" + name
    if isinstance(value, bool):
        return b"\x08" + name + (b"\1" if value else b"\0")
    if isinstance(value, (int, float)):
        if value == int(value) and -(2**31) <= value < 2**31:
            return b"\x10" + name + struct.pack("<i", int(value))
        return b"\x01" + name + struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode() + b"\0"
        return b"\x02" + name + struct.pack("<i", len(text)) + text
    return (b"\x04" if isinstance(value, list) else b"\x03") + name + bson(value)


def bson(value):
    items = [(str(i), item) for i, item in enumerate(value)] if isinstance(value, list) else value.items()
    if isinstance(value, dict):
        items = sorted(items, key=lambda item: _key_order(item[0]))
    body = b"".join(_element(name, item) for name, item in items)
    return struct.pack("<i", len(body) + 5) + body + b"\0"


class Key:
    def __init__(self, seed=None):
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed).digest()) if seed else Ed25519PrivateKey.generate()
        self.node_id = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, body):
        return {"body": body, "signature": self.private.sign(bson(body)).hex()}


def verify(node_id, message):
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(node_id))
        public.verify(bytes.fromhex(message["signature"]), bson(message["body"]))
        return True
    except (InvalidSignature, ValueError, KeyError):
        return False


# ---- the node


class Refused(Exception):
    """Another node answered with something else than 200: (status, text)."""


class Peer:
    """`reachable` False: announces an address where nobody listens. `offers` False: says that it has no file.
    `refuses` with a text: answers downloadFileData with it. `silent`: accepts requests and never answers them.
    `lies_about_size`: added to the size in checkForFile."""

    def __init__(self, label, channel_url=None, key=None, flags=None):
        self.key = key or Key()
        self.label, self.channel_url = label, channel_url
        self.flags = flags or {}
        self.files, self.streams, self.infos = {}, {}, {}
        self.asked = []  # (request type or "download", from node id, request data or path)
        self.active = 0  # downloads under way
        self.sent_bytes = 0  # by downloads
        self.lock = threading.Lock()
        self.reachable, self.offers, self.refuses, self.silent, self.lies_about_size = True, True, None, False, 0
        self.download = honest
        self.stopping = threading.Event()
        self.threads = []
        self.listen()

    @property
    def node_id(self):
        return self.key.node_id

    def entry(self, *flags):
        """For a channel's authorizedNodes."""
        return (self.node_id, self.label, *flags)

    def listen(self):
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                peer.handle_get(self)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                peer.handle_post(self, body)

            def answer(self, status, value):
                body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain" if isinstance(value, str) else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):  # the other side went away
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()

    def close(self):
        if self.stopping.is_set():
            return
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.server.shutdown()
        self.server.server_close()

    def count(self, kind):
        return sum(1 for asked in self.asked if asked[0] == kind)

    # ---- files

    def add(self, data, manifest=None):
        """Offers these bytes; their file key. `manifest`: bytes to offer as the manifest instead of the right one."""
        sha1 = hashlib.sha1(data).hexdigest()
        self.files[sha1] = data
        if manifest is None and len(data) <= CHUNK:
            return {"sha1": sha1}
        manifest = manifest if manifest is not None else manifest_of(data)
        manifest_sha1 = hashlib.sha1(manifest).hexdigest()
        self.files[manifest_sha1] = manifest
        return {"sha1": sha1, "manifestSha1": manifest_sha1}

    def find(self, key):
        data = self.files.get(key["sha1"])
        if data is None and "chunkOf" in key:
            part = key["chunkOf"]
            whole = self.files.get(part["fileKey"]["sha1"])
            data = whole and whole[part["startByte"] : part["endByte"]]
        return data

    # ---- asking others

    def node_info(self, **changes):
        address = {"hostName": "127.0.0.1", "port": self.port if self.reachable else 1}
        body = {
            "channelConfigUrl": self.channel_url,
            "nodeId": self.node_id,
            "nodeLabel": self.label,
            "httpAddress": address,
            "webSocketAddress": None,
            "publicUdpSocketAddress": None,
            **self.flags,
            "messageProxyWebsocketNodeIds": [],
            "dataProxyWebsocketNodeIds": [],
            "timestamp": now_ms(),
            **changes,
        }
        return self.key.sign(body)

    def signed_request(self, to, data, **changes):
        return self.key.sign(
            {
                "protocolVersion": PROTOCOL,
                "requestId": random_id(),
                "fromNodeId": self.node_id,
                "toNodeId": to,
                "timestamp": now_ms(),
                "timeoutMsec": 5000,
                "requestData": data,
                **changes,
            }
        )

    def send(self, port, message):
        """POSTs a signed request; the response's responseData, checked. Refused when there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("POST", "/NodeToNodeRequest", json.dumps(message), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise Refused(reply.status, text.decode(errors="replace"))
        response, sent = json.loads(text), message["body"]
        body = response["body"]
        if not verify(sent["toNodeId"], response) or body["requestId"] != sent["requestId"]:
            raise AssertionError(f"a response that does not fit: {response}")
        if (body["fromNodeId"], body["toNodeId"]) != (sent["toNodeId"], self.node_id):
            raise AssertionError(f"a response with wrong ids: {response}")
        return body["responseData"]

    def ask(self, daemon, request_type, **fields):
        return self.send(daemon.port, self.signed_request(daemon.node_id, {"requestType": request_type, **fields}))

    def announce(self, daemon, **changes):
        return self.ask(daemon, "announce", channelNodeInfo=self.node_info(**changes))

    def keep_announcing(self, *daemons):
        """Announces itself to these now (the first time must succeed) and every half second from now on."""
        for daemon in daemons:
            answer = self.announce(daemon)
            assert answer["success"], answer

        def again():
            while not self.stopping.wait(0.5):
                for daemon in daemons:
                    try:
                        self.announce(daemon)
                    except (OSError, http.client.HTTPException, Refused, AssertionError):
                        pass  # it may be restarting

        self.threads.append(threading.Thread(target=again, daemon=True))
        self.threads[-1].start()

    def fetch(self, daemon, stream_id, as_node=None, headers=None):
        """GET /download: (status, headers, body)."""
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        try:
            connection.request("GET", f"/download/{daemon.node_id}/{as_node or self.node_id}/{stream_id}", headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    # ---- answering

    def handle_get(self, http_request):
        parts = http_request.path.split("?")[0].strip("/").split("/")
        if parts[0].lower() == "probe":
            return http_request.answer(200, self.probe())
        if parts[0].lower() == "download" and len(parts) == 4:
            self.asked.append(("download", parts[2], http_request.path))
            data = self.streams.get(parts[3])
            if data is None:
                return http_request.answer(500, f"Unable to find download info for stream: {parts[3]}")
            return self.send_stream(http_request, data)
        return http_request.answer(404, "no such path")

    def send_stream(self, http_request, data):
        with self.lock:
            self.active += 1
        try:
            self.download(self, http_request, data)
        finally:
            with self.lock:
                self.active -= 1

    def write(self, http_request, data):
        http_request.wfile.write(data)
        with self.lock:
            self.sent_bytes += len(data)

    def probe(self):
        return {
            "success": True,
            "protocolVersion": PROTOCOL,
            "daemonVersion": DAEMON_VERSION,
            "nodeId": self.node_id,
            "isBootstrapNode": False,
            "webSocketAddress": None,
            "publicUdpSocketAddress": None,
        }

    def handle_post(self, http_request, text):
        path = http_request.path.split("?")[0].strip("/").lower()
        if path == "probe":
            return http_request.answer(200, self.probe())
        if path != "nodetonoderequest":
            return http_request.answer(404, "no such path")
        request = json.loads(text)
        body = request["body"]
        if not verify(body["fromNodeId"], request):
            return http_request.answer(500, "Invalid signature in node-to-node request")
        data = body["requestData"]
        self.asked.append((data["requestType"], body["fromNodeId"], data))
        if self.silent:
            self.stopping.wait()
            return None
        answer = getattr(self, "answer_" + data["requestType"], None)
        if answer is None:
            return http_request.answer(500, "Unexpected error: unrecognized request data.")
        response = {
            "protocolVersion": PROTOCOL,
            "requestId": body["requestId"],
            "fromNodeId": self.node_id,
            "toNodeId": body["fromNodeId"],
            "timestamp": now_ms(),
            "responseData": {"requestType": data["requestType"], **answer(data)},
        }
        return http_request.answer(200, self.key.sign(response))

    def answer_checkAlive(self, _):
        return {"alive": True}

    def answer_getChannelInfo(self, data):
        mine = data["channelConfigUrl"] == self.channel_url
        return {"channelInfo": {"nodes": [self.node_info(), *self.infos.values()] if mine else []}}

    def answer_announce(self, data):
        info = data["channelNodeInfo"]
        self.infos[info["body"]["nodeId"]] = info
        return {"success": True, "errorMessage": None}

    def answer_checkForFile(self, data):
        found = self.find(data["fileKey"]) if self.offers else None
        if found is None:
            return {"found": False, "size": None}
        return {"found": True, "size": len(found) + self.lies_about_size}

    def answer_downloadFileData(self, data):
        found = self.find(data["fileKey"])
        answer = {"fileKey": data["fileKey"], "startByte": 0, "endByte": 0, "success": False, "streamId": None}
        if found is None or self.refuses:
            return {**answer, "errorMessage": self.refuses or "Unable to find file"}
        start, end = data["startByte"], data["endByte"] if data["endByte"] is not None else len(found)
        stream = random_id()
        self.streams[stream] = found[start:end]
        return {**answer, "startByte": start, "endByte": end, "success": True, "streamId": stream, "errorMessage": None}

    def wait_known_to(self, daemon):
        wait_until(lambda: daemon.knows(self.node_id), f"{daemon.name} knows {self.label}")


# ---- what a peer may do when its bytes are fetched


def send_head(request, length, status=200):
    request.send_response(status)
    request.send_header("Content-Type", "application/octet-stream")
    if length is None:
        request.send_header("Connection", "close")
        request.close_connection = True
    else:
        request.send_header("Content-Length", str(length))
    request.end_headers()


def honest(peer, request, data):
    send_head(request, len(data))
    for start in range(0, len(data), 1 << 20):
        peer.write(request, data[start : start + (1 << 20)])


def wrong_bytes(peer, request, data):
    """The right length, one bit wrong in the middle."""
    damaged = bytearray(data)
    damaged[len(damaged) // 2] ^= 1
    honest(peer, request, bytes(damaged))


def wrong_beyond(limit):
    """Honest with streams of up to `limit` bytes (manifests, say), wrong with longer ones."""
    return lambda peer, request, data: (honest if len(data) <= limit else wrong_bytes)(peer, request, data)


def short(peer, request, data):
    """A well-formed answer with half of the bytes."""
    honest(peer, request, data[: len(data) // 2])


def breaks_off(peer, request, data):
    """Promises everything, closes the connection after half of it."""
    send_head(request, len(data))
    peer.write(request, data[: len(data) // 2])
    request.wfile.flush()
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def long(peer, request, data):
    """A well-formed answer with more bytes than were asked for."""
    honest(peer, request, data + bytes(1000))


def endless(peer, request, data):
    """No length, and bytes until the other side goes or the test ends."""
    send_head(request, None)
    peer.write(request, data)
    while not peer.stopping.is_set():
        peer.write(request, bytes(65536))


def stalls(peer, request, data):
    """Promises everything, sends half, and then nothing until the other side hangs up."""
    send_head(request, len(data))
    peer.write(request, data[: len(data) // 2])
    request.wfile.flush()
    request.close_connection = True
    while not peer.stopping.is_set():
        if select.select([request.connection], [], [], 0.1)[0] and not request.connection.recv(1000):
            return


def says_no(peer, request, data):
    request.answer(500, "Unable to find download info for stream")


def disappears(peer, request, data):
    """Closes the connection without a word."""
    request.connection.shutdown(socket.SHUT_RDWR)
    request.close_connection = True


def slow(bytes_per_second):
    """Honest, but at that pace."""

    def send(peer, request, data):
        send_head(request, len(data))
        piece = max(1, bytes_per_second // 20)
        for start in range(0, len(data), piece):
            if peer.stopping.is_set():
                break
            peer.write(request, data[start : start + piece])
            time.sleep(0.05)

    return send


def in_turn(*behaviours):
    """The first download with the first behaviour, and so on; the last one for all further ones."""
    left = list(behaviours)
    lock = threading.Lock()

    def send(peer, request, data):
        with lock:
            behaviour = left.pop(0) if len(left) > 1 else left[0]
        behaviour(peer, request, data)

    return send
