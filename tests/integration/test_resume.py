"""Loads that are interrupted: by kill -9, by a client that goes away; and what a load takes of disk and memory."""
import hashlib
import threading
import time
import unittest

import peer as behaviour
from harness import CHUNK, MIB, KacheryTest, LoadRequest, disk_usage, has_sanitizer, random_bytes, sha1_of, wait_until
from peer import Peer

DATA = random_bytes(4 * CHUNK, 4)


class Interrupted(KacheryTest):
    def setUp(self):
        super().setUp()
        self.bootstrap = self.daemon("bootstrap", bootstrap=True)
        self.bob = self.daemon("bob")
        self.url = self.web.url("/channel.yaml")
        self.slowpoke = Peer("slowpoke", self.url)
        self.addCleanup(self.slowpoke.close)
        self.channel([self.bootstrap], [self.bob, self.slowpoke.entry()])
        self.bob.join(self.url)
        self.slowpoke.keep_announcing(self.bootstrap)
        self.slowpoke.wait_known_to(self.bob)
        self.key = self.slowpoke.add(DATA)

    def begin(self, until):
        """A load under way, of which `until` bytes have arrived."""
        request = LoadRequest(self.bob, self.key)
        for frame in request:
            self.assertEqual(frame["type"], "progress", frame)
            if frame["bytesLoaded"] >= until:
                break
        return request

    def finish(self):
        last = self.bob.load(self.key)
        self.assertEqual(last["type"], "finished", last)
        self.assertEqual(sha1_of(last["localFilePath"]), hashlib.sha1(DATA).hexdigest())
        self.assert_sound_store(self.bob.storage)
        self.assertEqual(self.bob.scratch(), [])

    def test_goes_on_after_kill_9(self):
        # The manifest and two chunks come at once, the others hardly at all.
        self.slowpoke.download = behaviour.in_turn(*[behaviour.honest] * 3, behaviour.slow(100_000))
        self.begin(2 * CHUNK)
        self.bob.kill()
        self.assertFalse(self.bob.holds(self.key["sha1"]))
        self.assert_sound_store(self.bob.storage)
        self.slowpoke.download = behaviour.honest
        wait_until(lambda: self.slowpoke.active == 0, "the old connections are gone")
        self.slowpoke.sent_bytes = 0
        self.bob.start()
        self.slowpoke.wait_known_to(self.bob)
        self.finish()
        self.assertLess(self.slowpoke.sent_bytes, len(DATA) - CHUNK, "what had arrived was fetched again")

    def test_goes_on_after_an_orderly_end(self):
        self.slowpoke.download = behaviour.in_turn(*[behaviour.honest] * 3, behaviour.slow(100_000))
        self.begin(2 * CHUNK)
        self.assertEqual(self.bob.stop(), 0)
        self.slowpoke.download = behaviour.honest
        wait_until(lambda: self.slowpoke.active == 0, "the old connections are gone")
        self.slowpoke.sent_bytes = 0
        self.bob.start()
        self.slowpoke.wait_known_to(self.bob)
        self.finish()
        self.assertLess(self.slowpoke.sent_bytes, len(DATA) - CHUNK, "what had arrived was fetched again")

    def test_killed_again_and_again(self):
        self.slowpoke.download = behaviour.slow(20_000_000)
        for until in (1, CHUNK, 2 * CHUNK, 3 * CHUNK):
            self.begin(until)
            self.bob.kill()
            self.assert_sound_store(self.bob.storage)
            self.bob.start()
            self.slowpoke.wait_known_to(self.bob)
        self.slowpoke.download = behaviour.honest
        self.finish()

    def test_what_was_kept_is_checked_again(self):
        self.slowpoke.download = behaviour.in_turn(*[behaviour.honest] * 3, behaviour.slow(100_000))
        self.begin(2 * CHUNK)
        self.bob.kill()
        kept = [path for path in self.bob.storage.rglob("*") if path.is_file() and path.stat().st_blocks * 512 > CHUNK]
        self.assertEqual(len(kept), 1, "one partial file")
        with open(kept[0], "r+b") as file:
            for position in range(0, kept[0].stat().st_size, MIB):
                file.seek(position)
                file.write(b"rotten")
        self.slowpoke.download = behaviour.honest
        self.bob.start()
        self.slowpoke.wait_known_to(self.bob)
        self.finish()

    def test_ends_when_its_client_goes_away(self):
        self.slowpoke.download = behaviour.slow(500_000)
        request = self.begin(1)
        self.assertGreater(self.slowpoke.active, 0)
        request.close()
        wait_until(lambda: self.slowpoke.active == 0, "the provider is left alone")
        self.assertFalse(self.bob.holds(self.key["sha1"]))
        self.slowpoke.download = behaviour.honest
        self.finish()

    def test_goes_on_for_those_who_stay(self):
        self.slowpoke.download = behaviour.slow(20_000_000)
        first = self.begin(1)
        second = LoadRequest(self.bob, self.key)
        first.close()
        last = list(second)[-1]
        self.assertEqual(last["type"], "finished", last)
        self.assert_sound_store(self.bob.storage)

    def test_two_clients_share_one_load(self):
        self.slowpoke.download = behaviour.slow(20_000_000)
        requests = [LoadRequest(self.bob, self.key) for _ in range(3)]
        for request in requests:
            self.assertEqual(list(request)[-1]["type"], "finished")
        self.assertLess(self.slowpoke.sent_bytes, 1.5 * len(DATA))


class Resources(KacheryTest):
    def test_disk_and_memory(self):
        size = 300_000_000
        _, _, alice, bob = self.network("alice", "bob")
        uri = alice.out("store", self.file("big.bin", size))
        disk_before = disk_usage(bob.storage)
        most = {"disk": 0, "alice": 0, "bob": 0}
        done = threading.Event()

        def watch():
            while not done.wait(0.02):
                most["disk"] = max(most["disk"], disk_usage(bob.storage) - disk_before)
                for daemon in (alice, bob):
                    most[daemon.name] = max(most[daemon.name], daemon.memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            loaded = bob.out("load", uri)
        finally:
            done.set()
            watcher.join()
        self.assertEqual(sha1_of(loaded), uri[7:47])
        self.assertLessEqual(most["disk"], 1.02 * size)
        self.assertLessEqual(disk_usage(bob.storage) - disk_before, 1.02 * size)
        if not has_sanitizer():
            self.assertLess(most["alice"], 64 * MIB)
            self.assertLess(most["bob"], 64 * MIB)
            self.assertLess(alice.memory("VmHWM"), 64 * MIB)
            self.assertLess(bob.memory("VmHWM"), 64 * MIB)

    def test_idle_memory(self):
        if has_sanitizer():
            self.skipTest("a sanitizer's memory says nothing about ours")
        self.assertLess(self.daemon("alice").memory(), 20 * MIB)

    def test_the_daemon_answers_while_it_works(self):
        _, _, alice, bob = self.network("alice", "bob")
        uri = alice.out("store", self.file("big.bin", 150_000_000))
        loader = threading.Thread(target=bob.run, args=("load", uri))
        loader.start()
        answered = 0
        while loader.is_alive():
            for daemon in (alice, bob):
                self.assertTrue(daemon.answers())
                answered += 1
            time.sleep(0.01)
        loader.join()
        self.assertGreater(answered, 2)


if __name__ == "__main__":
    unittest.main()
