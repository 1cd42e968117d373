"""Loading from providers that fail in all the ways there are: what is right arrives, and the error says what it was."""
import hashlib
import json
import unittest

import peer as behaviour
from harness import CHUNK, KacheryTest, LoadRequest, manifest_of, random_bytes, sha1_of, wait_until
from peer import Peer

SMALL = random_bytes(300_000, 1)
BIG = random_bytes(2 * CHUNK + 5_000_000, 2)


class LoadingTest(KacheryTest):
    """One daemon, bob, and test peers of his channel."""

    peers = ("mallory",)

    def setUp(self):
        super().setUp()
        self.bootstrap = self.daemon("bootstrap", bootstrap=True)
        self.bob = self.daemon("bob")
        self.url = self.web.url("/channel.yaml")
        self.providers = []
        for label in self.peers:
            peer = Peer(label, self.url)
            self.addCleanup(peer.close)
            self.providers.append(peer)
        self.channel([self.bootstrap], [self.bob, *(peer.entry() for peer in self.providers)])
        self.bob.join(self.url)
        for peer in self.providers:
            peer.keep_announcing(self.bootstrap)
            peer.wait_known_to(self.bob)

    def assert_loads(self, key, data):
        last = self.bob.load(key)
        self.assertEqual(last["type"], "finished", last)
        self.assertEqual(sha1_of(last["localFilePath"]), hashlib.sha1(data).hexdigest())
        self.assert_clean()

    def assert_fails(self, key, pattern, *names):
        last = self.bob.load(key)
        self.assertEqual(last["type"], "error", last)
        self.assertRegex(last["error"].lower(), pattern)
        for name in names:
            self.assertIn(name, last["error"])
        self.assertFalse(self.bob.holds(key["sha1"]))
        self.assert_clean()
        return last["error"]

    def assert_clean(self):
        self.assert_sound_store(self.bob.storage)
        self.assertTrue(self.bob.answers())


class OneProvider(LoadingTest):
    def setUp(self):
        super().setUp()
        self.mallory = self.providers[0]

    def test_honest(self):
        self.assert_loads(self.mallory.add(SMALL), SMALL)
        self.assert_loads(self.mallory.add(BIG), BIG)

    def test_nobody_has_it(self):
        self.assert_fails({"sha1": "0123456789" * 4}, "nobody|no node|not found")
        self.mallory.offers = False
        self.assert_fails(self.mallory.add(SMALL), "nobody|no node|not found")

    def test_wrong_bytes(self):
        self.mallory.download = behaviour.wrong_bytes
        self.assert_fails(self.mallory.add(SMALL), "damaged|hash|match", "mallory")

    def test_wrong_chunks(self):
        self.mallory.download = behaviour.wrong_beyond(100_000)
        self.assert_fails(self.mallory.add(BIG), "damaged|hash|match", "mallory")

    def test_too_few_bytes(self):
        self.mallory.download = behaviour.short
        self.assert_fails(self.mallory.add(SMALL), "damaged|short|fewer|bytes", "mallory")

    def test_too_many_bytes(self):
        self.mallory.download = behaviour.long
        self.assert_fails(self.mallory.add(SMALL), "damaged|more|bytes", "mallory")

    def test_bytes_without_end(self):
        self.mallory.download = behaviour.endless
        self.assert_fails(self.mallory.add(SMALL), "damaged|more|bytes|length", "mallory")
        wait_until(lambda: self.mallory.active == 0, "bob has hung up")

    def test_the_connection_breaks(self):
        self.mallory.download = behaviour.breaks_off
        self.assert_fails(self.mallory.add(SMALL), "reach|clos|broke|bytes", "mallory")

    def test_the_connection_closes_at_once(self):
        self.mallory.download = behaviour.disappears
        self.assert_fails(self.mallory.add(SMALL), "reach", "mallory")

    def test_it_is_gone_when_asked_for_the_bytes(self):
        key = self.mallory.add(SMALL)
        self.mallory.answer_downloadFileData = lambda _: 1 / 0  # the server drops the connection
        self.assert_fails(key, "reach", "mallory")

    def test_it_refuses_to_prepare(self):
        self.mallory.refuses = "Not today"
        self.assert_fails(self.mallory.add(SMALL), "refus", "mallory", "Not today")

    def test_it_refuses_to_send(self):
        self.mallory.download = behaviour.says_no
        self.assert_fails(self.mallory.add(SMALL), "refus", "mallory")

    def test_its_words_are_escaped(self):
        self.mallory.refuses = "evil\x1b[31m\nline"
        said = self.assert_fails(self.mallory.add(SMALL), "refus", "mallory")
        self.assertNotIn("\x1b", said)
        self.assertNotIn("\n", said)
        self.assertNotIn("\x1b[31m", self.bob.log())

    def test_it_stalls(self):
        self.mallory.download = behaviour.stalls
        self.assert_fails(self.mallory.add(SMALL), "stall|no progress|nothing|stopped", "mallory")
        wait_until(lambda: self.mallory.active == 0, "bob has hung up")

    def test_it_never_answers(self):
        key = self.mallory.add(SMALL)
        self.mallory.silent = True
        self.assert_fails(key, "nobody|no node|not found|answer|reach")

    def test_it_lies_about_the_size(self):
        for lie in (-1, 1, 10**15):
            with self.subTest(lie):
                self.mallory.lies_about_size = lie
                last = self.bob.load(self.mallory.add(random_bytes(100_000 + lie % 97)))
                if last["type"] == "finished":  # the bytes were right: the lie did not matter
                    continue
                self.assertIn("mallory", last["error"])

    def test_the_commands_say_why(self):
        self.mallory.refuses = "Not today"
        uri = "sha1://" + self.mallory.add(SMALL)["sha1"]
        done = self.bob.run("load", uri, check=False)
        self.assertNotIn(done.returncode, (0, 2, 3, 4))
        self.assertEqual(done.stdout, "")
        self.assertIn("mallory", done.stderr)
        self.mallory.refuses = None
        self.mallory.download = behaviour.stalls
        self.assert_one_reason(self.bob.run("load", uri, check=False), 6, "mallory")
        self.mallory.download = behaviour.wrong_bytes
        self.assert_one_reason(self.bob.run("cat", uri, check=False), 1, "mallory")

    def test_after_a_failure_it_can_succeed(self):
        key = self.mallory.add(BIG)
        self.mallory.download = behaviour.wrong_bytes
        self.assertEqual(self.bob.load(key)["type"], "error")
        self.mallory.download = behaviour.honest
        self.assert_loads(key, BIG)


class Manifests(LoadingTest):
    """Manifests that lie: the whole is fetched as one stream instead, and checked."""

    def lie(self, change):
        manifest = json.loads(manifest_of(BIG))
        change(manifest)
        return json.dumps(manifest, separators=(",", ":")).encode()

    def load_with(self, manifest):
        key = self.providers[0].add(BIG, manifest)
        self.assert_loads(key, BIG)

    def test_of_another_file(self):
        self.load_with(manifest_of(random_bytes(len(BIG), 3)))

    def test_a_wrong_chunk_hash(self):
        """From one provider alone it cannot be told from damaged bytes: the load ends, with either."""
        key = self.providers[0].add(BIG, self.lie(lambda manifest: manifest["chunks"][1].update(sha1="0" * 40)))
        if self.bob.load(key)["type"] == "finished":
            return self.assert_loads(key, BIG)
        self.assert_fails(key, "damaged", "mallory")
        self.assert_loads({"sha1": key["sha1"]}, BIG)

    def test_a_wrong_size(self):
        self.load_with(self.lie(lambda manifest: manifest.update(size=manifest["size"] + 1)))

    def test_a_huge_size(self):
        self.load_with(self.lie(lambda manifest: manifest.update(size=2**60)))

    def test_a_missing_chunk(self):
        self.load_with(self.lie(lambda manifest: manifest["chunks"].pop()))

    def test_overlapping_chunks(self):
        self.load_with(self.lie(lambda manifest: manifest["chunks"][1].update(start=5)))

    def test_chunks_that_run_backwards(self):
        self.load_with(self.lie(lambda manifest: manifest["chunks"].reverse()))

    def test_negative_numbers(self):
        self.load_with(self.lie(lambda manifest: manifest["chunks"][0].update(start=-1)))

    def test_no_json(self):
        self.load_with(b"{" * 1000)

    def test_empty(self):
        self.load_with(b"{}")


class SeveralProviders(LoadingTest):
    """A good provider, slow enough that the bad one is used too."""

    peers = ("good", "bad")

    def setUp(self):
        super().setUp()
        self.good, self.bad = self.providers
        self.good.download = behaviour.slow(12_000_000)

    def load_beside(self, download):
        self.bad.download = download
        key = self.good.add(BIG)
        self.bad.add(BIG)
        self.assert_loads(key, BIG)
        self.assertGreater(self.bad.count("download"), 0, "the bad one was never tried")
        return key

    def test_wrong_bytes(self):
        self.load_beside(behaviour.wrong_beyond(100_000))
        asked = self.bad.count("download")
        self.assertLess(asked, 5, "who sent wrong bytes is asked no more in this load")
        self.assertIn("bad", self.bob.log())

    def test_too_few(self):
        self.load_beside(behaviour.short)

    def test_too_many(self):
        self.load_beside(behaviour.long)

    def test_without_end(self):
        self.load_beside(behaviour.endless)

    def test_a_broken_connection(self):
        self.load_beside(behaviour.breaks_off)

    def test_a_stall(self):
        self.load_beside(behaviour.stalls)

    def test_a_refusal(self):
        self.load_beside(behaviour.says_no)

    def test_small_files_too(self):
        for download in (behaviour.wrong_bytes, behaviour.short, behaviour.long, behaviour.disappears, behaviour.says_no):
            with self.subTest(download.__name__):
                self.bad.download = download
                data = random_bytes(50_000)
                self.bad.add(data)
                self.assert_loads(self.good.add(data), data)

    def test_one_disappears_for_good(self):
        key = self.good.add(BIG)
        self.bad.add(BIG)
        self.bad.download = behaviour.slow(3_000_000)
        frames = iter(LoadRequest(self.bob, key))
        wait_until(lambda: self.bad.active > 0, "the bad one is sending")
        self.bad.close()
        last = list(frames)[-1]
        self.assertEqual(last["type"], "finished", last)
        self.assert_clean()

    def test_both_wrong(self):
        self.good.download = self.bad.download = behaviour.wrong_bytes
        self.bad.add(SMALL)
        self.assert_fails(self.good.add(SMALL), "damaged|hash|match")


if __name__ == "__main__":
    unittest.main()
