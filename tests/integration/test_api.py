"""The local API and the public interface as HTTP servers: authorization, limits, and whatever is not HTTP at all."""
import contextlib
import hashlib
import json
import os
import socket
import unittest

from harness import CHUNK, KacheryTest, random_bytes, sha1_of, wait_until


class ApiTest(KacheryTest):
    def setUp(self):
        super().setUp()
        self.node = self.daemon("alice")

    def raw(self, data, port=None):
        """What comes back for these bytes, until the other side closes or says nothing more for a while."""
        with socket.create_connection(("127.0.0.1", port or self.node.api_port), timeout=3) as client:
            received = b""
            with contextlib.suppress(OSError):  # it may close while we still send
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while piece := client.recv(65536):
                    received += piece
            return received


class Authorization(ApiTest):
    def test_every_request_but_get_probe_needs_the_code(self):
        self.assertEqual(self.node.request("GET", "/probe", auth=False).status, 200)
        for method, path in (
            ("POST", "/probe"),
            ("GET", "/halt"),
            ("GET", "/stats"),
            ("POST", "/storeFile"),
            ("POST", "/linkFile"),
            ("POST", "/store"),
            ("POST", "/findFile"),
            ("POST", "/loadFile"),
            ("POST", "/downloadFileData"),
            ("POST", "/mutable/get"),
            ("POST", "/mutable/set"),
            ("POST", "/mutable/delete"),
        ):
            for auth in (False, "wrongwrongwr", "", "x" * 5000):
                with self.subTest(path=path, auth=auth):
                    reply = self.node.request(method, path, {} if method == "POST" else None, auth=auth)
                    self.assertEqual(reply.status, 403)
                    self.assertNotEqual(reply.text, "")
        self.assertTrue(self.node.answers())

    def test_two_codes_are_valid_over_a_rotation(self):
        self.node.stop()
        self.node.environment["KACHERY_P2P_SPEEDUP_FACTOR"] = "60"  # a new code every 3 seconds
        self.node.start()
        codes = [self.node.auth()]

        def next_code():
            code = self.node.auth()
            if code and code != codes[-1]:
                codes.append(code)
                return True
            return False

        def code_before_is_valid():
            """True if the code before the current one is accepted, decided while no rotation came in between."""
            while True:
                wait_until(next_code, "the code is changed")
                status = self.node.request("GET", "/stats", auth=codes[-2]).status
                if self.node.auth() == codes[-1]:
                    return status == 200

        self.assertTrue(code_before_is_valid())
        first = codes[0]
        wait_until(next_code, "the code is changed again")
        self.assertEqual(self.node.request("GET", "/stats", auth=first).status, 403)
        self.assertTrue(all(len(code) == 12 and code.isalpha() for code in codes), codes)

    def test_other_codes(self):
        self.node.post("/mutable/set", {"key": "_other_client_auth_codes", "value": ["othercodeone", "othercodetwo"]})
        self.assertEqual(self.node.request("GET", "/stats?format=json", auth="othercodetwo").status, 200)
        self.assertEqual(self.node.request("POST", "/probe", {}, auth="othercodeone").status, 200)
        for path in ("/halt", "/storeFile", "/linkFile", "/mutable/delete"):
            with self.subTest(path):
                reply = self.node.request("GET" if path == "/halt" else "POST", path, None if path == "/halt" else {}, auth="othercodeone")
                self.assertEqual(reply.status, 403)
        self.node.post("/mutable/set", {"key": "_other_client_auth_codes", "value": []})
        self.assertEqual(self.node.request("GET", "/stats", auth="othercodeone").status, 403)

    def test_cross_origin(self):
        reply = self.node.request("OPTIONS", "/loadFile", auth=False, headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"})
        self.assertLess(reply.status, 300)
        self.assertEqual(reply.headers["Access-Control-Allow-Origin"], "http://localhost:3000")
        reply = self.node.request("GET", "/probe", auth=False, headers={"Origin": "http://evil.example"})
        self.assertNotIn(reply.headers["Access-Control-Allow-Origin"], ("*", "http://evil.example"))
        self.assertIn("Origin", reply.headers["Vary"])

    def test_it_listens_on_loopback_only(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
                address = probe.getsockname()[0]
            except OSError:
                self.skipTest("this machine has no address but loopback")
        if address.startswith("127."):
            self.skipTest("this machine has no address but loopback")
        with self.assertRaises(OSError):
            socket.create_connection((address, self.node.api_port), timeout=5).close()


class Files(ApiTest):
    def test_store(self):
        for size in (0, 1, 100_000, CHUNK + 1):
            data = random_bytes(size)
            key = self.node.store(data)
            self.assertEqual(key["sha1"], hashlib.sha1(data).hexdigest())
            self.assertEqual("manifestSha1" in key, size > CHUNK)
            self.assertEqual(sha1_of(self.node.path_of(key["sha1"])), key["sha1"])
        self.assertEqual(self.node.scratch(), [])

    def test_store_in_chunks_of_unknown_number(self):
        for pieces in ([], [b"a"], [b"abc" * 100_000, b"d", b"e" * 70_000]):
            connection = self.node.connection()
            connection.request("POST", "/store", iter(pieces), self.node.headers(), encode_chunked=True)
            reply = json.loads(connection.getresponse().read())
            connection.close()
            self.assertEqual(reply["sha1"], hashlib.sha1(b"".join(pieces)).hexdigest())

    def test_store_file_and_link_file(self):
        path = self.folder / "file.bin"
        path.write_bytes(random_bytes(70_000))
        reply = self.node.post("/storeFile", {"localFilePath": str(path)})
        self.assertEqual((reply["success"], reply["sha1"], reply["manifestSha1"]), (True, sha1_of(path), None))
        path.write_bytes(random_bytes(80_000))
        stat = path.stat()
        good = {"localFilePath": str(path), "size": stat.st_size, "mtime": stat.st_mtime}
        for change in ({"size": stat.st_size + 1}, {"mtime": stat.st_mtime + 0.01}, {"mtime": 0}):
            self.assert_failed("/linkFile", {**good, **change})
        self.assertEqual(self.node.post("/linkFile", good)["sha1"], sha1_of(path))

    def assert_failed(self, path, body):
        reply = self.node.request("POST", path, body)
        if reply.status == 200:
            value = reply.json()
            self.assertFalse(value["success"])
            self.assertTrue(value["error"])
        else:
            self.assertEqual(reply.status, 500, reply.text)
            self.assertNotEqual(reply.text, "")

    def test_paths_that_cannot_be_stored(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        for path in ("/no/such/file", str(self.folder), str(fifo), "relative", "", "/dev/zero", "/proc/self/mem"):
            with self.subTest(path):
                self.assert_failed("/storeFile", {"localFilePath": path})
                self.assert_failed("/linkFile", {"localFilePath": path, "size": 1, "mtime": 1})
        self.assertTrue(self.node.answers())

    def test_download_file_data(self):
        data = random_bytes(200_000)
        key = self.node.store(data)
        body = lambda **range_: self.node.request("POST", "/downloadFileData", {"fileKey": key, **range_})
        self.assertEqual(body().body, data)
        self.assertEqual(body(startByte=10, endByte=20).body, data[10:20])
        self.assertEqual(body(startByte=199_999, endByte=200_000).body, data[-1:])
        for bad in ({"startByte": 20, "endByte": 10}, {"startByte": 0, "endByte": 200_001}, {"startByte": -1, "endByte": 5}):
            with self.subTest(bad):
                self.assertNotEqual(body(**bad).status, 200)
        missing = self.node.request("POST", "/downloadFileData", {"fileKey": {"sha1": "1" * 40}})
        self.assertNotEqual(missing.status, 200)

    def test_find_with_a_time(self):
        key = self.node.store(b"something")
        reply = self.node.request("POST", "/findFile", {"fileKey": key, "timeoutMsec": 1000})
        length, _, rest = reply.body.partition(b"#")
        self.assertEqual(len(rest), int(length))
        self.assertEqual(json.loads(rest)["nodeId"], self.node.node_id)

    def test_mutables(self):
        keys = ["text", {"a": 1, "b": [True, None]}, ["list"], 5]
        for number, key in enumerate(keys):
            self.node.post("/mutable/set", {"key": key, "value": {"number": number}})
        self.node.kill()
        self.node.start()
        for number, key in enumerate(keys):
            self.assertEqual(self.node.post("/mutable/get", {"key": key})["value"], {"number": number})
        self.assertEqual(self.node.post("/mutable/get", {"key": {"b": [True, None], "a": 1}})["value"], {"number": 1})
        self.node.post("/mutable/delete", {"key": "text"})
        self.assertEqual(self.node.post("/mutable/get", {"key": "text"}), {"success": True, "found": False, "value": ""})


class BadInput(ApiTest):
    def test_json_that_is_wrong(self):
        path = "/loadFile"
        for body in (b"", b"{", b"not json", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b'{"fileKey":{}} trailing'):
            with self.subTest(body[:20]):
                reply = self.node.request("POST", path, body, headers={"Content-Type": "application/json"})
                self.assertIn(reply.status, (400, 500), reply.text)
                self.assertNotEqual(reply.text, "")
        for value in ([], 5, "text", None, {}, {"fileKey": 5}, {"fileKey": {"sha1": "xyz"}}, {"fileKey": {"sha1": "0" * 40, "more": 1}}):
            with self.subTest(value=value):
                reply = self.node.request("POST", path, json.dumps(value).encode())
                self.assertEqual(reply.status, 500, reply.text)
        unknown = {"fileKey": {"sha1": "0" * 40}, "fromNode": None, "unknown": 1}
        self.assertEqual(self.node.request("POST", path, unknown).status, 500)

    def test_unknown_paths_and_methods(self):
        for path in ("/", "/nothing", "/probe/more", "/../../etc/passwd", "/%2e%2e/x", "/" + "a" * 4000):
            with self.subTest(path[:30]):
                self.assertEqual(self.node.request("GET", path).status, 404)
        self.assertIn(self.node.request("DELETE", "/probe").status, (404, 405))

    def test_json_bodies_that_are_too_large(self):
        for port, path, size in ((self.node.api_port, "/mutable/set", 70 << 20), (self.node.port, "/nodeToNodeRequest", 2 << 20)):
            with self.subTest(path):
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"
                head += f"KACHERY-CLIENT-AUTH-CODE: {self.node.auth()}\r\n\r\n"
                self.assertIn(b" 413 ", self.raw(head.encode(), port).split(b"\r\n")[0])

    def test_large_values_fit(self):
        value = {"text": "x" * (20 << 20)}
        self.node.post("/mutable/set", {"key": "large", "value": value})
        self.assertEqual(self.node.post("/mutable/get", {"key": "large"})["value"], value)

    def test_what_is_not_http(self):
        auth = f"KACHERY-CLIENT-AUTH-CODE: {self.node.auth()}\r\n".encode()
        post = b"POST /store HTTP/1.1\r\nHost: x\r\n" + auth
        cases = {
            "nothing": b"",
            "noise": random_bytes(5000, 7),
            "zeros": bytes(100_000),
            "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
            "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "HTTP/9": b"GET /probe HTTP/9.9\r\nHost: x\r\n\r\n",
            "no version": b"GET /probe\r\n\r\n",
            "a long line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
            "a long header": b"GET /probe HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
            "many headers": b"GET /probe HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % i for i in range(10_000)) + b"\r\n",
            "a header without a colon": b"GET /probe HTTP/1.1\r\nHost x\r\n\r\n",
            "a folded header": b"GET /probe HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
            "a space before the colon": b"GET /probe HTTP/1.1\r\nHost : x\r\n\r\n",
            "a NUL": b"GET /probe HTTP/1.1\r\nHost: x\0y\r\n\r\n",
            "a negative length": post + b"Content-Length: -1\r\n\r\n",
            "a length of words": post + b"Content-Length: many\r\n\r\n",
            "a huge length": post + b"Content-Length: 99999999999999999999999\r\n\r\n",
            "two lengths": post + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "length and chunks": post + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "an unknown encoding": post + b"Transfer-Encoding: gzip\r\n\r\n",
            "a bad chunk": post + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
            "a huge chunk": post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
            "an endless chunk line": post + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200_000,
            "half a head": b"GET /probe HTTP/1.1\r\nHos",
            "half a body": post + b"Content-Length: 100\r\n\r\nhalf",
        }
        for port in (self.node.api_port, self.node.port):
            for name, data in cases.items():
                with self.subTest(name, port="api" if port == self.node.api_port else "public"):
                    answer = self.raw(data, port)
                    if answer:
                        self.assertRegex(answer.split(b"\r\n")[0], rb"^HTTP/1\.[01] [45]\d\d ")
                    self.assertTrue(self.node.answers())
        self.assertEqual(self.node.scratch(), [])

    def test_the_public_interface_gets_nonsense(self):
        for body in (b"", b"{", b"[]", b"5", b"{}", b'{"body":{},"signature":""}', b"[" * 100_000, b'{"body":' * 300 + b"1" + b"}" * 300):
            with self.subTest(body[:30]):
                reply = self.node.request("POST", "/nodeToNodeRequest", body, auth=False, port=self.node.port)
                self.assertIn(reply.status, (400, 500))
                self.assertNotEqual(reply.text, "")
        for path in ("/download", "/download/a/b/c", f"/download/{self.node.node_id}/{'0' * 64}/abcdefghij", "/download/../../x/y"):
            with self.subTest(path):
                reply = self.node.request("GET", path, auth=False, port=self.node.port)
                self.assertIn(reply.status, (400, 403, 404, 500))
        self.assertEqual(self.node.request("GET", "/PROBE", auth=False, port=self.node.port).status, 200)

    def test_several_requests_on_one_connection(self):
        connection = self.node.connection()
        for _ in range(3):
            connection.request("GET", "/probe")
            self.assertEqual(connection.getresponse().read().count(b"nodeId"), 1)
        connection.close()
        one = b"GET /probe HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        self.assertEqual(self.raw(one * 3 + last).count(b"HTTP/1.1 200 "), 4)

    def test_many_idle_connections(self):
        with contextlib.ExitStack() as open_ones:
            for _ in range(200):
                for port in (self.node.api_port, self.node.port):
                    open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
            self.assertTrue(self.node.answers())
        self.assertTrue(self.node.answers())

    def test_a_reader_that_does_not_read(self):
        key = self.node.store(random_bytes(50_000_000))
        with contextlib.ExitStack() as open_ones:
            for _ in range(10):
                client = open_ones.enter_context(socket.create_connection(("127.0.0.1", self.node.api_port)))
                body = json.dumps({"fileKey": key})
                head = f"POST /downloadFileData HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                client.sendall(f"{head}KACHERY-CLIENT-AUTH-CODE: {self.node.auth()}\r\n\r\n{body}".encode())
                self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))
            self.assertTrue(self.node.answers())


if __name__ == "__main__":
    unittest.main()
