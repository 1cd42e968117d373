"""The daemon's directories, keys, locks and ports: what is wrong with them is said clearly, and nothing is lost."""
import hashlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import unittest

from harness import DAEMON, KACHERY, MIB, KacheryTest, LoadRequest, random_bytes, sha1_of, wait_until

NOBODY = 65534


class Starting(KacheryTest):
    def assert_will_not_start(self, daemon, *words, code=None):
        ended, said = daemon.run_to_its_end()
        if code is None:
            self.assertNotEqual(ended, 0, said)
        else:
            self.assertEqual(ended, code, said)
        for word in words:
            self.assertIn(word.lower(), said.lower())
        self.assertNotIn("terminate called", said)
        daemon.process = None
        return said

    def test_a_storage_directory_that_is_missing(self):
        daemon = self.daemon("alice", start=False)
        shutil.rmtree(daemon.storage)
        self.assert_will_not_start(daemon, str(daemon.storage))
        self.assertFalse(daemon.storage.exists(), "a typing error must not make directories")

    def test_a_storage_directory_that_is_a_file(self):
        daemon = self.daemon("alice", start=False)
        daemon.storage.rmdir()
        daemon.storage.write_text("no directory")
        self.assert_will_not_start(daemon, str(daemon.storage), "directory")

    def test_a_storage_directory_that_cannot_be_written(self):
        daemon = self.daemon("alice", start=False)
        if os.getuid() == 0:
            prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            if subprocess.run([*prefix, "test", "-x", str(DAEMON)], check=False).returncode != 0:
                self.skipTest("an ordinary user cannot reach the programs here")
            self.folder.chmod(0o755)
            for path in (daemon.config, daemon.temporary):
                os.chown(path, NOBODY, NOBODY)
            daemon.prefix = prefix
        daemon.storage.chmod(0o555)
        self.assert_will_not_start(daemon, str(daemon.storage), "writ")

    def test_in_use_by_another_daemon(self):
        alice = self.daemon("alice")
        second = self.daemon("second", start=False)
        second.environment["KACHERY_STORAGE_DIR"] = str(alice.storage)
        self.assert_will_not_start(second, str(alice.storage), "alice")
        self.assertTrue(alice.answers())

    def test_an_identity_in_use_by_another_daemon(self):
        alice = self.daemon("alice")
        second = self.daemon("second", start=False)
        second.environment["KACHERY_P2P_CONFIG_DIR"] = str(alice.config)
        self.assert_will_not_start(second, "alice")
        self.assertTrue(alice.answers())

    def test_a_private_key_that_others_can_read(self):
        alice = self.daemon("alice")
        alice.kill()
        key = alice.config / "private.pem"
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        for mode in (0o644, 0o640, 0o604):
            with self.subTest(oct(mode)):
                key.chmod(mode)
                self.assert_will_not_start(alice, str(key))
        key.chmod(0o600)
        alice.start()

    def test_damaged_keys(self):
        alice = self.daemon("alice")
        node_id = alice.node_id
        alice.kill()
        key = alice.config / "private.pem"
        good = key.read_text()
        for bad in ("", "no key\n", good[: len(good) // 2], good.replace("PRIVATE", "PUBLIC")):
            with self.subTest(bad):
                key.write_text(bad)
                self.assert_will_not_start(alice, str(key))
        key.write_text(good)
        alice.start()
        self.assertEqual(alice.node_id, node_id)

    def test_a_key_pair_in_the_storage_directory_is_used(self):
        alice = self.daemon("alice")
        node_id = alice.node_id
        alice.kill()
        for name in ("private.pem", "public.pem"):
            shutil.move(alice.config / name, alice.storage / name)
        alice.start()
        self.assertEqual(alice.probe()["nodeId"], node_id)
        self.assertEqual(alice.node_id, node_id)

    def test_ports_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            daemon = self.daemon("api", start=False)
            daemon.environment["KACHERY_P2P_API_PORT"] = str(port)
            self.assert_will_not_start(daemon, str(port), "use")
        with socket.create_server(("", 0)) as taken:
            daemon = self.daemon("public", start=False)
            daemon.port = taken.getsockname()[1]
            self.assert_will_not_start(daemon, str(daemon.port), "use")

    def test_wrong_options(self):
        for arguments in (
            ["--port", "-1"],
            ["--port", "65536"],
            ["--port", "x"],
            ["--label", "two words"],
            ["--label", "x" * 21],
            ["--label", ""],
            ["--host", "not a host"],
            ["--public-url", "ftp://example.org"],
            ["--verbose", "much"],
            ["--no-such-option"],
        ):
            with self.subTest(arguments):
                daemon = self.daemon("d" + hashlib.sha1(str(arguments).encode()).hexdigest()[:8], start=False, public=False)
                done = subprocess.run(
                    [str(DAEMON), "start", *(() if "--label" in arguments else ("--label", "x")), *arguments],
                    env=daemon.environment,
                    capture_output=True,
                    text=True,
                    timeout=60,
                )
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertNotEqual(done.stderr, "")
        for port in ("0", "99999", "x"):
            with self.subTest(api=port):
                daemon = self.daemon("p" + port, start=False)
                daemon.environment["KACHERY_P2P_API_PORT"] = port
                self.assert_will_not_start(daemon, port, code=2)

    def test_modes_of_its_files(self):
        alice = self.daemon("alice")
        for name, mode in (("client-auth", 0o640), ("kachery-node-id", 0o644), ("mutables.db", 0o600)):
            with self.subTest(name):
                self.assertEqual((alice.storage / name).stat().st_mode & 0o777, mode)
        self.assertRegex(alice.auth(), r"\A[A-Za-z]{12}\Z")
        self.assertRegex(alice.node_id, r"\A[0-9a-f]{64}\Z")

    def test_old_rubbish_is_cleared_and_files_are_kept(self):
        alice = self.daemon("alice")
        key = alice.store(random_bytes(5000))
        alice.kill()
        old = alice.storage / "store.file.AbCdEfGhIj.tmp"
        scratch = alice.storage / "tmp" / "old-scratch"
        keep = alice.storage / "my own notes.txt"
        for path in (old, scratch, keep):
            path.write_bytes(b"x" * 1000)
            os.utime(path, (time.time() - 7200,) * 2)
        alice.start()
        wait_until(lambda: not old.exists() and not scratch.exists(), "rubbish is cleared")
        self.assertTrue(keep.exists())
        self.assertTrue(alice.holds(key["sha1"]))

    def test_signals_end_it_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                alice = self.daemon(f"alice{number}")
                alice.process.send_signal(number)
                self.assertEqual(alice.process.wait(60), 0)
                alice.process = None

    def test_it_ends_with_streams_under_way(self):
        _, _, alice, bob = self.network("alice", "bob")
        key = alice.store(random_bytes(60_000_000))
        request = LoadRequest(bob, key)
        next(iter(request))
        self.assertEqual(alice.stop(), 0)
        self.assertEqual(bob.stop(), 0)


class FullDisk(KacheryTest):
    """A storage directory of 30 MiB: a tmpfs in a mount namespace of the daemon's own."""

    def setUp(self):
        super().setUp()
        if os.getuid() != 0:
            self.skipTest("mounting a small file system needs root")
        if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode != 0:
            self.skipTest("file systems cannot be mounted here")

    def cramped(self, name, before="true"):
        script = f'mount -t tmpfs -o size=30m none "$KACHERY_STORAGE_DIR" && {before} && exec "$@"'
        return self.daemon(name, start=False, prefix=["unshare", "-m", "sh", "-c", script, "sh"])

    def seen_from_inside(self, daemon):
        """From now on, daemon.storage is the directory as the daemon sees it."""
        daemon.storage = pathlib.Path(f"/proc/{daemon.process.pid}/root{daemon.storage}")

    def start(self, daemon):
        daemon.start()
        self.seen_from_inside(daemon)

    def test_storing_and_loading(self):
        bootstrap = self.daemon("bootstrap", bootstrap=True)
        alice = self.daemon("alice")
        bob = self.cramped("bob")
        self.start(bob)
        url = self.channel([bootstrap], [alice, bob])
        alice.join(url)
        bob.join(url)
        wait_until(lambda: bob.knows(alice.node_id), "bob knows alice")
        reply = bob.request("POST", "/store", os.urandom(40_000_000))
        self.assertRegex(reply.text.lower(), "space|full")
        self.assertTrue(reply.status != 200 or reply.json()["success"] is False)
        last = bob.load(alice.store(os.urandom(45_000_000)))
        self.assertEqual(last["type"], "error")
        self.assertRegex(last["error"].lower(), "space|full")
        self.assertEqual([path for path in bob.scratch() if "load" not in path and "partial" not in path], [])
        small = os.urandom(1000)
        self.assertEqual(bob.store(small)["sha1"], hashlib.sha1(small).hexdigest())
        self.assertEqual(bob.load(alice.store(os.urandom(2_000_000)))["type"], "finished")
        self.assert_sound_store(bob.storage)

    def test_starting_on_a_full_disk(self):
        daemon = self.cramped("alice", before='{ head -c 100000000 /dev/zero > "$KACHERY_STORAGE_DIR/filler" || true; }')
        code, said = daemon.run_to_its_end()
        self.assertNotEqual(code, 0)
        self.assertRegex(said.lower(), "space|full")


class Killed(KacheryTest):
    """kill -9 at any moment of storing leaves a store in which every file is whole and right."""

    def test_the_daemon_while_storing(self):
        alice = self.daemon("alice")
        rng = random.Random(6)
        stored = []
        for round_number in range(6):
            data = os.urandom(rng.choice((10_000, 5_000_000, 30_000_000)))
            connection = alice.connection()
            connection.request("POST", "/store", data, alice.headers())
            time.sleep(rng.random() * 0.2)
            if round_number % 2:
                stored.append(alice.store(os.urandom(1000))["sha1"])
            alice.kill()
            connection.close()
            self.assert_sound_store(alice.storage)
            alice.start()
            for sha1 in stored:
                self.assertTrue(alice.holds(sha1), "what was said to be stored is there")
        self.assert_sound_store(alice.storage)

    def test_the_command_while_storing(self):
        alice = self.daemon("alice")
        path = self.file("big.bin", 60_000_000)
        for delay in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2):
            command = subprocess.Popen(
                [str(KACHERY), "store", str(path)], env=alice.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            time.sleep(delay)
            command.kill()
            command.communicate()
            self.assert_sound_store(alice.storage)
            self.assertEqual(alice.scratch(), [], "what a killed command leaves behind")
        uri = alice.out("store", path)
        self.assertEqual(sha1_of(alice.out("load", uri)), sha1_of(path))

    def test_the_command_interrupted(self):
        alice = self.daemon("alice")
        path = self.file("big.bin", 200_000_000)
        command = subprocess.Popen(
            [str(KACHERY), "store", str(path)], env=alice.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        out, _ = command.communicate(timeout=60)
        self.assertIn(command.returncode, (130, -signal.SIGINT))
        self.assertEqual(out, b"")
        self.assertEqual(alice.scratch(), [])

    def test_the_worker_alone(self):
        alice = self.daemon("alice")
        workers = alice.processes()[1:]
        self.assertEqual(len(workers), 1)
        os.kill(workers[0], signal.SIGKILL)
        key = wait_until(lambda: alice.store(os.urandom(3_000_000)), "a new worker is there")
        self.assertTrue(alice.holds(key["sha1"]))
        self.assertNotEqual(alice.processes()[1:], workers)

    def test_a_client_that_goes_away_in_the_middle(self):
        alice = self.daemon("alice")
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", alice.api_port)) as client:
                head = f"POST /store HTTP/1.1\r\nHost: x\r\nContent-Length: {50 * MIB}\r\nKACHERY-CLIENT-AUTH-CODE: {alice.auth()}\r\n\r\n"
                client.sendall(head.encode() + bytes(20 * MIB))
        wait_until(lambda: alice.scratch() == [] and not self.open_scratch(alice), "no rubbish is left")
        self.assert_sound_store(alice.storage)
        self.assertTrue(alice.answers())

    def open_scratch(self, daemon):
        """Nameless files (O_TMPFILE) that the daemon holds open under its storage."""
        names = []
        for pid in daemon.processes():
            for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    names.append(os.readlink(link))
                except FileNotFoundError:
                    pass
        return [name for name in names if name.startswith(str(daemon.storage)) and name.endswith("(deleted)")]


if __name__ == "__main__":
    unittest.main()
