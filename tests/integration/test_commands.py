"""The commands, as a user of one daemon types them: what they print, where, and how they end."""
import hashlib
import json
import os
import pty
import re
import select
import subprocess
import unittest

from harness import BIN, CHUNK, KACHERY, KacheryTest, free_port, manifest_of, sha1_of

COMMANDS = [
    "start-daemon",
    "stop-daemon",
    "join-channel",
    "leave-channel",
    "get-channels",
    "store",
    "link",
    "load",
    "cat",
    "find",
    "node-info",
    "version",
]
SHA1_URI = re.compile(r"sha1://[0-9a-f]{40}/\S+")


class OneDaemon(KacheryTest):
    def setUp(self):
        super().setUp()
        self.node = self.daemon("alice")

    def small(self, name="notes.txt", content=b"some notes\n"):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_store_prints_the_uri_and_nothing_else(self):
        path = self.small()
        done = self.node.run("store", path)
        sha1 = hashlib.sha1(b"some notes\n").hexdigest()
        self.assertEqual(done.stdout, f"sha1://{sha1}/notes.txt\n")
        self.assertEqual(self.node.path_of(sha1).read_bytes(), b"some notes\n")
        self.assertEqual(self.node.run("store", path).stdout, done.stdout, "storing again is no error")
        self.assert_sound_store(self.node.storage)
        self.assertEqual(self.node.scratch(), [])

    def test_store_of_a_big_file_names_its_manifest(self):
        data = os.urandom(CHUNK + 12345)
        path = self.small("big.dat", data)
        uri = self.node.out("store", path)
        manifest = manifest_of(data)
        sha1, manifest_sha1 = hashlib.sha1(data).hexdigest(), hashlib.sha1(manifest).hexdigest()
        self.assertEqual(uri, f"sha1://{sha1}/big.dat?manifest={manifest_sha1}")
        self.assertEqual(self.node.path_of(manifest_sha1).read_bytes(), manifest)
        self.assertEqual(sha1_of(self.node.path_of(sha1)), sha1)

    def test_empty_file(self):
        uri = self.node.out("store", self.small("empty", b""))
        self.assertEqual(uri, "sha1://da39a3ee5e6b4b0d3255bfef95601890afd80709/empty")
        loaded = self.node.out("load", uri)
        self.assertEqual(os.path.getsize(loaded), 0)
        self.assertEqual(self.node.run("cat", uri, text=False).stdout, b"")

    def test_link_keeps_the_bytes_where_they_are(self):
        path = self.small("data.bin", os.urandom(100_000))
        uri = self.node.out("link", path)
        self.assertRegex(uri, SHA1_URI)
        sha1 = sha1_of(path)
        self.assertFalse(self.node.holds(sha1))
        link = json.loads((self.node.path_of(sha1).parent / (sha1 + ".link")).read_text())
        self.assertEqual(link["path"], str(path))
        self.assertEqual(link["stat"]["size"], 100_000)
        self.assertEqual(os.path.realpath(self.node.out("load", uri)), str(path))
        self.assertEqual(self.node.run("cat", uri, text=False).stdout, path.read_bytes())

    def test_a_changed_linked_file_is_not_given_out(self):
        path = self.small("data.bin", b"as it was linked")
        uri = self.node.out("link", path)
        path.write_bytes(b"changed since then")
        done = self.node.run("cat", uri, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")

    def test_load_of_a_local_file(self):
        path = self.small()
        uri = self.node.out("store", path)
        loaded = self.node.out("load", uri)
        self.assertEqual(loaded, str(self.node.path_of(hashlib.sha1(b"some notes\n").hexdigest())))
        destination = self.folder / "copy of notes.txt"
        self.assertEqual(self.node.out("load", uri, "--dest", destination), str(destination))
        self.assertEqual(destination.read_bytes(), b"some notes\n")

    def test_cat_of_ranges(self):
        content = os.urandom(300_000)
        uri = self.node.out("store", self.small("r.bin", content))
        self.assertEqual(self.node.run("cat", uri, text=False).stdout, content)
        for start, end in ((0, 1), (17, 100_017), (299_999, 300_000)):
            out = self.node.run("cat", uri, "--start", start, "--end", end, text=False).stdout
            self.assertEqual(out, content[start:end])
        done = self.node.run("cat", uri, "--start", 5, "--end", 300_001, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")

    def test_cat_into_a_closed_pipe_ends_quietly(self):
        uri = self.node.out("store", self.small("r.bin", os.urandom(5_000_000)))
        shell = f'"{KACHERY}" cat "{uri}" | head -c 10 >/dev/null; echo "${{PIPESTATUS[0]}}"'
        done = subprocess.run(["bash", "-c", shell], env=self.node.environment, capture_output=True, text=True, timeout=60)
        self.assertNotIn("terminate", done.stderr)
        self.assertLess(len(done.stderr.splitlines()), 2, done.stderr)

    def test_find_prints_one_json_object_a_line(self):
        uri = self.node.out("store", self.small())
        lines = self.node.out("find", uri).splitlines()
        self.assertEqual(len(lines), 1)
        found = json.loads(lines[0])
        self.assertEqual(found["nodeId"], self.node.node_id)
        self.assertEqual(found["fileSize"], len(b"some notes\n"))
        self.assertEqual(found["fileKey"]["sha1"], hashlib.sha1(b"some notes\n").hexdigest())

    def test_node_info(self):
        self.assertIn(f"Node ID: {self.node.node_id}", self.node.out("node-info").splitlines())
        self.assertIn(self.node.node_id, json.dumps(json.loads(self.node.out("node-info", "--json"))))

    def test_json_output_parses(self):
        uri = self.node.out("store", self.small())
        for arguments in (
            ("store", self.folder / "notes.txt"),
            ("link", self.folder / "notes.txt"),
            ("load", uri),
            ("find", uri),
            ("get-channels",),
            ("node-info",),
            ("version",),
        ):
            with self.subTest(arguments[0]):
                json.loads(self.node.out(*arguments, "--json"))

    def test_version(self):
        self.assertRegex(self.node.out("version"), r"\d+\.\d+\.\d+.*kachery-p2p-0\.7\.0p")
        self.assertRegex(self.node.out("--version"), r"\d+\.\d+\.\d+")

    def test_help_of_each_command(self):
        for command in COMMANDS:
            with self.subTest(command):
                self.assertIn("--help", self.node.out(command, "--help"))
                by_link = self.node.out("--help", program=BIN / f"kachery-p2p-{command}")
                self.assertIn("--help", by_link)

    def test_both_shapes_and_the_long_names(self):
        path = self.small()
        uri = self.node.out("store", path)
        for program in ("kachery-p2p-store", "kachery-p2p-store-file"):
            if (BIN / program).exists() or program == "kachery-p2p-store":
                self.assertEqual(self.node.out(path, program=BIN / program), uri)
        self.assertEqual(self.node.out("store-file", path), uri)
        self.assertEqual(self.node.out("load-file", uri), self.node.out("load", uri))
        self.assertEqual(self.node.out("cat-file", uri), "some notes")
        self.assertEqual(self.node.out("find-file", uri), self.node.out("find", uri))
        self.assertEqual(sha1_of(path), self.node.out("link-file", path)[7:47])

    def test_channels(self):
        url = self.channel([], [self.node])
        other = self.channel([], [self.node], label="other-channel", path="/other.yaml")
        self.assertEqual(self.node.out("get-channels"), "")
        self.node.out("join-channel", url)
        self.node.out("join-channel", other, "--message-proxy", "--data-proxy", "--public")
        lines = self.node.out("get-channels").splitlines()
        self.assertEqual([line.split()[0] for line in lines], [url, other])
        for flag in ("message-proxy", "data-proxy", "public"):
            self.assertIn(flag, lines[1])
            self.assertNotIn(flag, lines[0])
        self.node.out("leave-channel", url)
        self.assertEqual([line.split()[0] for line in self.node.out("get-channels").splitlines()], [other])
        done = self.node.run("leave-channel", url, check=False)
        self.assert_one_reason(done, 3, url)

    def test_gist_addresses_are_made_to_follow_the_newest_revision(self):
        gist = "https://gist.githubusercontent.com/someone/0123456789abcdef/raw"
        done = self.node.run("join-channel", f"{gist}/fedcba9876543210/channel.yaml")
        self.assertIn("gist", done.stderr.lower())
        self.assertEqual(self.node.out("get-channels").split()[0], f"{gist}/channel.yaml")

    def test_stop_daemon(self):
        self.node.out("stop-daemon")
        self.assertEqual(self.node.process.wait(60), 0)
        self.node.process = None
        self.assert_one_reason(self.node.run("stop-daemon", check=False), 4)

    def test_exit_codes(self):
        missing = "sha1://" + "0123456789" * 4
        uri = self.node.out("store", self.small())
        run = lambda *arguments, **options: self.node.run(*arguments, check=False, **options)
        self.assert_one_reason(run("store", self.folder / "no such file"), 3, "no such file")
        self.assertNotEqual(run("store", self.folder).returncode, 0)
        self.assert_one_reason(run("load", missing), 3)
        self.assert_one_reason(run("cat", missing), 3)
        self.assert_one_reason(run("find", missing), 3)
        for wrong in (("load",), ("load", "--no-such-option", uri), ("no-such-command",), ("cat", uri, "--start", "x")):
            with self.subTest(wrong):
                done = run(*wrong)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")
        for bad in ("sha1://0123", "sha1://" + "g" * 40, "md5://" + "0" * 32, "hello", ""):
            with self.subTest(bad):
                self.assert_one_reason(run("load", bad), 2)
        nobody = {"KACHERY_P2P_API_PORT": str(free_port()), "KACHERY_STORAGE_DIR": None}
        self.assert_one_reason(run("node-info", env=nobody), 4)
        self.assert_one_reason(run("get-channels", env=nobody), 4)
        for port in ("0", "65536", "abc", "-1"):
            with self.subTest(port=port):
                self.assert_one_reason(run("node-info", env={"KACHERY_P2P_API_PORT": port}), 2, port)

    def test_without_the_client_authorization(self):
        auth = self.node.storage / "client-auth"
        code = auth.read_text()
        auth.write_text("A" * 12)
        url = self.channel([], [self.node])
        self.assert_one_reason(self.node.run("join-channel", url, check=False), 5)
        self.assert_one_reason(self.node.run("load", "sha1://" + "12" * 20, check=False), 5)
        self.assert_one_reason(self.node.run("stop-daemon", check=False), 5)
        auth.write_text(code)
        self.node.out("join-channel", url)


class Offline(KacheryTest):
    """KACHERY_OFFLINE_STORAGE_DIR: a directory, and no daemon."""

    def setUp(self):
        super().setUp()
        self.storage = self.folder / "offline"
        self.storage.mkdir()
        self.user = self.daemon("nobody", start=False)
        self.user.environment["KACHERY_OFFLINE_STORAGE_DIR"] = str(self.storage)

    def test_store_link_load_cat(self):
        data = os.urandom(CHUNK + 5)
        path = self.folder / "big.bin"
        path.write_bytes(data)
        uri = self.user.out("store", path)
        self.assertEqual(uri.split("?manifest=")[1], hashlib.sha1(manifest_of(data)).hexdigest())
        loaded = self.user.out("load", uri)
        self.assertTrue(loaded.startswith(str(self.storage)))
        self.assertEqual(sha1_of(loaded), hashlib.sha1(data).hexdigest())
        self.assertEqual(self.user.run("cat", uri, "--start", 10, "--end", 20, text=False).stdout, data[10:20])
        other = self.folder / "linked.bin"
        other.write_bytes(os.urandom(1000))
        linked = self.user.out("link", other)
        self.assertEqual(self.user.run("cat", linked, text=False).stdout, other.read_bytes())
        self.assertEqual(os.path.realpath(self.user.out("load", linked)), str(other))
        self.assert_sound_store(self.storage)

    def test_what_is_not_there(self):
        done = self.user.run("load", "sha1://" + "ab" * 20, check=False)
        self.assert_one_reason(done, 3)

    def test_a_missing_directory(self):
        path = self.folder / "f"
        path.write_bytes(b"x")
        done = self.user.run("store", path, env={"KACHERY_OFFLINE_STORAGE_DIR": str(self.folder / "none")}, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(self.folder / "none"), done.stderr)

    def test_commands_that_need_a_daemon(self):
        self.assertNotEqual(self.user.run("get-channels", check=False).returncode, 0)


class ProgressBar(KacheryTest):
    def on_a_terminal(self, daemon, *arguments):
        """What a command writes to its terminal (stderr) and to stdout, which is a pipe."""
        primary, secondary = pty.openpty()
        done = subprocess.Popen(
            [str(KACHERY), *map(str, arguments)],
            env={**daemon.environment, "TERM": "xterm"},
            stdin=secondary,
            stdout=subprocess.PIPE,
            stderr=secondary,
        )
        os.close(secondary)
        shown, out = b"", b""
        open_ends = {primary, done.stdout.fileno()}
        while open_ends:
            for end in select.select(list(open_ends), [], [], 60)[0]:
                try:
                    piece = os.read(end, 65536)
                except OSError:  # the terminal's other side is closed
                    piece = b""
                if not piece:
                    open_ends.discard(end)
                elif end == primary:
                    shown += piece
                else:
                    out += piece
        os.close(primary)
        done.stdout.close()
        self.assertEqual(done.wait(60), 0, shown)
        return shown.decode(), out.decode()

    def test_store_and_load_show_progress_on_a_terminal_only(self):
        _, _, alice, bob = self.network("alice", "bob")
        path = self.file("big.bin", 150_000_000)
        shown, out = self.on_a_terminal(alice, "store", path)
        uri = out.strip()
        self.assertRegex(uri, SHA1_URI)
        self.assertEqual(len(out.splitlines()), 1)
        self.assertIn("\r", shown)
        self.assertRegex(shown, r"%")
        self.assertRegex(shown, r"[MG]i?B")
        shown, out = self.on_a_terminal(bob, "load", uri)
        self.assertEqual(sha1_of(out.strip()), uri[7:47])
        self.assertEqual(len(out.splitlines()), 1)
        self.assertIn("\r", shown)
        self.assertRegex(shown, r"/s")
        done = bob.run("load", uri)
        self.assertEqual(done.stderr, "", "no bar where there is no terminal")


if __name__ == "__main__":
    unittest.main()
