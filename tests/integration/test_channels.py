"""Channel configuration: fetched, kept, replaced; joined and left; static configuration and mirrors."""
import json
import unittest

from harness import KacheryTest, random_bytes, sha1_of, wait_until

# The channel file is refetched every 3 minutes, mirrors are looked at every 2 to 3: with this factor, every few seconds.
FAST = 30


class Channels(KacheryTest):
    def setUp(self):
        super().setUp()
        self.bootstrap = self.daemon("bootstrap", bootstrap=True)

    def pair(self, **options):
        alice, bob = self.daemon("alice", **options), self.daemon("bob", **options)
        url = self.channel([self.bootstrap], [alice, bob])
        return url, alice, bob

    def error_of(self, daemon, url):
        for channel in daemon.stats().get("channels", []):
            if channel["channelConfigUrl"] == url:
                return channel.get("error")
        return None

    def loads(self, daemon, key):
        return daemon.load(key)["type"] == "finished"

    def test_joining_and_leaving_apply_at_once(self):
        url, alice, bob = self.pair()
        key = alice.store(random_bytes(1000))
        for node in (alice, bob):
            node.out("join-channel", url)
            self.assertEqual([channel["channelConfigUrl"] for channel in node.probe()["joinedChannels"]], [url])
        wait_until(lambda: self.loads(bob, key), "bob loads from alice")
        other = alice.store(random_bytes(1000))
        alice.out("leave-channel", url)
        self.assertEqual(alice.probe()["joinedChannels"], [])
        self.assertFalse(self.loads(bob, other))
        alice.out("join-channel", url)
        wait_until(lambda: self.loads(bob, other), "bob loads from alice again")

    def test_joined_channels_survive_a_restart(self):
        url, alice, bob = self.pair()
        key = alice.store(random_bytes(1000))
        for node in (alice, bob):
            node.join(url)
            node.kill()
            node.start()
        wait_until(lambda: self.loads(bob, key), "bob loads from alice")

    def test_joining_when_the_file_cannot_be_had_yet(self):
        url, alice, bob = self.pair(speedup=FAST)
        key = alice.store(random_bytes(1000))
        self.web.down()
        for node in (alice, bob):
            node.out("join-channel", url)
            self.assertTrue(node.answers())
        self.assertFalse(self.loads(bob, key))
        self.web.up()
        wait_until(lambda: self.loads(bob, key), "the file is fetched when it can be had")

    def bad_pages(self):
        return {
            "no YAML": "channelLabel: [unclosed\n\t:::",
            "a list": "- 1\n- 2\n",
            "empty": "",
            "no nodes": "channelLabel: test-channel\nbootstrapAddresses: []\n",
            "a wrong label": self.page.replace("test-channel", "x"),
            "a wrong node id": self.page.replace("nodeId: ", "nodeId: zz"),
            "a wrong port": self.page.replace(f"port: {self.bootstrap.port}", "port: 70000"),
            "binary": b"\x00\xff\xfe" * 100,
            "too large": "# " + "x" * (5 << 20) + "\n" + self.page,
            "deep": "a: " + "[" * 50_000,
            "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"b{i}: &b{i} [*{'a' if i == 0 else f'b{i-1}'}" + f",*{'a' if i == 0 else f'b{i-1}'}" * 8 + "]\n" for i in range(12)),
            "a page that is not there": None,
        }

    def test_a_channel_file_that_went_bad_keeps_the_old_one(self):
        url, alice, bob = self.pair(speedup=FAST)
        for node in (alice, bob):
            node.join(url)
        key = alice.store(random_bytes(1000))
        wait_until(lambda: self.loads(bob, key), "bob loads from alice")
        self.page = self.web.pages["/channel.yaml"]
        for name, page in self.bad_pages().items():
            with self.subTest(name):
                self.web.pages["/channel.yaml"] = page
                seen = self.web.counts["/channel.yaml"]
                wait_until(lambda: self.web.counts["/channel.yaml"] >= seen + 3, "it was fetched by both")
                key = alice.store(random_bytes(1000))
                wait_until(lambda: self.loads(bob, key), "bob still loads from alice")
        self.web.down()
        key = alice.store(random_bytes(1000))
        wait_until(lambda: self.loads(bob, key), "bob still loads from alice")

    def test_a_channel_file_that_was_never_good(self):
        alice = self.daemon("alice", speedup=FAST)
        self.page = "channelLabel: test-channel\nbootstrapAddresses: []\nauthorizedNodes: []\n"
        for number, (name, page) in enumerate(self.bad_pages().items()):
            with self.subTest(name):
                path = f"/bad{number}.yaml"
                self.web.pages[path] = page
                alice.join(self.web.url(path))
                wait_until(lambda: self.web.counts.get(path), "it was fetched")
                self.assertTrue(alice.answers())
        wait_until(lambda: self.web.url("/bad1.yaml") in alice.log(), "the log names the channel file")

    def test_wrong_addresses_of_channel_files(self):
        alice = self.daemon("alice")
        for url in ("hello", "ftp://example.org/a.yaml", "file:///etc/passwd", "http://" + "x" * 600, ""):
            with self.subTest(url):
                done = alice.run("join-channel", url, check=False)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(alice.out("get-channels"), "")

    def test_a_new_member_is_let_in(self):
        url, alice, bob = self.pair(speedup=FAST)
        for node in (alice, bob):
            node.join(url)
        carol = self.daemon("carol", speedup=FAST)
        carol.join(url)
        key = alice.store(random_bytes(1000))
        wait_until(lambda: self.loads(bob, key), "bob loads from alice")
        self.assertFalse(self.loads(carol, key))
        self.channel([self.bootstrap], [alice, bob, carol])
        wait_until(lambda: self.loads(carol, key), "carol is let in")

    def test_two_channels(self):
        alice, bob, carol = (self.daemon(name) for name in ("alice", "bob", "carol"))
        first = self.channel([self.bootstrap], [alice, bob], path="/first.yaml")
        second = self.channel([self.bootstrap], [bob, carol], label="second-channel", path="/second.yaml")
        alice.join(first)
        bob.join(first)
        bob.join(second)
        carol.join(second)
        key = alice.store(random_bytes(1000))
        wait_until(lambda: self.loads(bob, key), "bob loads from alice")
        wait_until(lambda: self.loads(carol, key), "carol loads from bob")
        alone = alice.store(random_bytes(1000))
        self.assertFalse(self.loads(carol, alone), "carol and alice have no channel in common")


class StaticConfiguration(KacheryTest):
    def setUp(self):
        super().setUp()
        self.bootstrap = self.daemon("bootstrap", bootstrap=True)
        self.alice = self.daemon("alice")

    def static(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def reader(self, config, **options):
        bob = self.daemon("bob", args=["--static-config", str(config)], **options)
        self.url = self.channel([self.bootstrap], [self.alice, bob])
        self.alice.join(self.url)
        return bob

    def config(self, url, mirrors=()):
        text = f"joinedChannels:\n  - channelConfigUrl: {url}\n    isPublic: false\nmirrorSources:"
        return text + ("".join(f"\n  - uri: {uri}\n    label: a mirror" for uri in mirrors) or " []") + "\n"

    def test_from_a_file(self):
        bob = self.reader(self.static("static.yaml", self.config(self.web.url("/channel.yaml"))))
        self.assertEqual(bob.probe()["joinedChannels"][0]["channelConfigUrl"], self.url)
        key = self.alice.store(random_bytes(1000))
        wait_until(lambda: bob.load(key)["type"] == "finished", "bob loads from alice")

    def test_from_an_address(self):
        self.web.pages["/static.yaml"] = self.config(self.web.url("/channel.yaml"))
        bob = self.reader(self.web.url("/static.yaml"))
        key = self.alice.store(random_bytes(1000))
        wait_until(lambda: bob.load(key)["type"] == "finished", "bob loads from alice")

    def test_bad_ones(self):
        for name, text in (("no-yaml", "a: ["), ("shape", "joinedChannels: 5\n"), ("list", "- 1\n")):
            with self.subTest(name):
                path = self.static(name + ".yaml", text)
                daemon = self.daemon(name, start=False, args=["--static-config", str(path)])
                code, said = daemon.run_to_its_end()
                self.assertNotEqual(code, 0)
                self.assertIn(str(path), said)
        daemon = self.daemon("missing", start=False, args=["--static-config", str(self.folder / "none.yaml")])
        code, said = daemon.run_to_its_end()
        self.assertNotEqual(code, 0)
        self.assertIn("none.yaml", said)

    def test_mirrors(self):
        contents = [random_bytes(1000 + i) for i in range(3)]
        keys = [self.alice.store(content) for content in contents]
        uris = [f"sha1://{key['sha1']}/file{i}.bin" for i, key in enumerate(keys)]
        listing = {"files": [uris[0], {"deep": {"er": [uris[1]]}}], uris[2]: None, "text": f"{uris[2]}", "number": 5}
        source = self.alice.store(json.dumps(listing).encode())
        unrelated = self.alice.store(b"not mentioned")
        config = self.config(self.web.url("/channel.yaml"), [f"sha1://{source['sha1']}/list.json"])
        bob = self.reader(self.static("static.yaml", config), speedup=FAST)
        for key in keys:
            wait_until(lambda: bob.holds(key["sha1"]), f"bob mirrors {key['sha1']}")
            self.assertEqual(sha1_of(bob.path_of(key["sha1"])), key["sha1"])
        self.assertFalse(bob.holds(unrelated["sha1"]))


if __name__ == "__main__":
    unittest.main()
