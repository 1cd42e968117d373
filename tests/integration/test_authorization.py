"""Who may talk to whom: strangers get nothing and are asked for nothing, and messages that break the rules are refused."""
import hashlib
import unittest

from harness import KacheryTest, free_port, random_bytes, wait_until
from peer import Key, Peer, Refused, now_ms

DATA = random_bytes(100_000, 5)


class Authorization(KacheryTest):
    def setUp(self):
        super().setUp()
        self.bootstrap = self.daemon("bootstrap", bootstrap=True)
        self.alice = self.daemon("alice")
        self.url = self.web.url("/channel.yaml")
        self.friend = self.new_peer("friend")
        self.stranger = self.new_peer("stranger")
        self.allow(self.alice, self.friend.entry())
        self.alice.join(self.url)
        self.friend.keep_announcing(self.bootstrap)
        self.friend.wait_known_to(self.alice)
        self.key = self.alice.store(DATA)

    def new_peer(self, label, url=None):
        peer = Peer(label, url or self.url)
        self.addCleanup(peer.close)
        return peer

    def allow(self, *entries):
        self.channel([self.bootstrap], entries)

    def fetch(self, peer, daemon):
        answer = peer.ask(daemon, "downloadFileData", fileKey=self.key, startByte=0, endByte=None)
        self.assertTrue(answer["success"], answer)
        return answer["streamId"]

    # ---- strangers

    def test_a_friend_gets_the_file(self):
        answer = self.friend.ask(self.alice, "checkForFile", fileKey=self.key)
        self.assertEqual((answer["found"], answer["size"]), (True, len(DATA)))
        status, _, body = self.friend.fetch(self.alice, self.fetch(self.friend, self.alice))
        self.assertEqual((status, body), (200, DATA))

    def test_a_stranger_is_refused(self):
        for request in (
            {"request_type": "checkForFile", "fileKey": self.key},
            {"request_type": "downloadFileData", "fileKey": self.key, "startByte": 0, "endByte": None},
        ):
            with self.subTest(request["request_type"]), self.assertRaises(Refused) as refused:
                self.stranger.ask(self.alice, **request)
            self.assertEqual(refused.exception.args[0], 403)

    def test_announcing_makes_no_friend(self):
        self.stranger.keep_announcing(self.bootstrap)
        with self.assertRaises(Refused):
            self.stranger.ask(self.alice, "checkForFile", fileKey=self.key)

    def test_a_stranger_is_not_asked_for_data(self):
        key = self.stranger.add(random_bytes(1000))
        self.stranger.keep_announcing(self.bootstrap)
        wait_until(lambda: self.stranger.key.node_id in str(self.bootstrap.stats()), "the bootstrap knows the stranger")
        self.assertEqual(self.alice.load(key)["type"], "error")
        self.assertEqual(self.alice.load(key, from_node=self.stranger.node_id)["type"], "error")
        self.assertEqual(self.stranger.count("checkForFile") + self.stranger.count("downloadFileData"), 0)

    def test_a_stream_is_good_for_its_node_only(self):
        stream = self.fetch(self.friend, self.alice)
        status, _, body = self.stranger.fetch(self.alice, stream)
        self.assertNotEqual(status, 200)
        self.assertNotIn(DATA[:100], body)
        self.assertNotEqual(self.friend.fetch(self.alice, "abcdefghij")[0], 200)
        self.assertEqual(self.friend.fetch(self.alice, stream)[0], 200)

    def test_a_bootstrap_gives_no_data_to_strangers(self):
        key = self.bootstrap.store(b"the bootstrap's own")
        with self.assertRaises(Refused):
            self.friend.ask(self.bootstrap, "checkForFile", fileKey=key)

    def test_a_bootstrap_talks_to_everyone_for_discovery(self):
        self.assertEqual(self.stranger.ask(self.bootstrap, "checkAlive")["alive"], True)
        self.assertTrue(self.stranger.announce(self.bootstrap)["success"])
        nodes = self.stranger.ask(self.bootstrap, "getChannelInfo", channelConfigUrl=self.url)["channelInfo"]["nodes"]
        self.assertIn(self.alice.node_id, [info["body"]["nodeId"] for info in nodes])

    def test_no_longer_a_friend(self):
        alice = self.alice
        alice.kill()
        alice.environment["KACHERY_P2P_SPEEDUP_FACTOR"] = "30"
        alice.start()
        wait_until(lambda: self.friend.ask(alice, "checkForFile", fileKey=self.key)["found"], "alice is back")
        self.allow(alice)

        def refused():
            try:
                return not self.friend.ask(alice, "checkForFile", fileKey=self.key)
            except Refused:
                return True

        wait_until(refused, "the new channel file is followed")

    # ---- public nodes

    def test_a_public_node_serves_those_who_announced_themselves(self):
        public = self.daemon("public")
        self.channel([self.bootstrap], [(public.node_id, "public", "isPublic")], path="/public.yaml")
        url = self.web.url("/public.yaml")
        public.join(url, isPublic=True)
        key = public.store(DATA)
        visitor = self.new_peer("visitor", url)

        def served():
            try:
                return visitor.ask(public, "checkForFile", fileKey=key)["found"]
            except Refused:
                return False

        wait_until(lambda: visitor.announce(public)["success"], "the public node has its channel's configuration")
        wait_until(served, "the visitor is served")
        with self.assertRaises(Refused):
            self.new_peer("unannounced", url).ask(public, "checkForFile", fileKey=key)

    def test_public_in_the_configuration_alone_is_not_enough(self):
        private = self.daemon("private")
        url = self.web.url("/public.yaml")
        member, visitor = self.new_peer("member", url), self.new_peer("visitor", url)
        entries = [(private.node_id, "private", "isPublic"), member.entry()]
        self.channel([self.bootstrap], entries, path="/public.yaml")
        private.join(url)
        key = private.store(DATA)
        wait_until(lambda: member.announce(private)["success"], "the node has its channel's configuration")
        self.assertTrue(member.ask(private, "checkForFile", fileKey=key)["found"])
        self.assertFalse(visitor.announce(private)["success"])
        with self.assertRaises(Refused):
            visitor.ask(private, "checkForFile", fileKey=key)

    # ---- announcements

    def test_announcements_for_channels_not_joined(self):
        lost = self.new_peer("friend", "http://127.0.0.1:1/other.yaml")
        lost.key = self.friend.key
        self.assertFalse(lost.announce(self.alice)["success"])

    def test_announcements_from_the_future_and_the_past(self):
        self.assertFalse(self.friend.announce(self.alice, timestamp=now_ms() + 30 * 60_000)["success"])
        self.assertTrue(self.friend.announce(self.alice)["success"])
        self.friend.announce(self.alice, timestamp=now_ms() - 30 * 60_000, nodeLabel="oldlabel")
        self.assertNotIn("oldlabel", str(self.alice.stats()))

    def test_an_announcement_signed_by_another(self):
        info = self.friend.node_info()
        info["signature"] = Key().sign(info["body"])["signature"]
        try:
            answer = self.friend.ask(self.alice, "announce", channelNodeInfo=info)
            self.assertFalse(answer["success"])
        except Refused:
            pass

    # ---- messages that break the rules

    def assert_refused(self, message, *statuses):
        with self.assertRaises(Refused) as refused:
            self.friend.send(self.alice.port, message)
        self.assertIn(refused.exception.args[0], statuses)
        self.assertTrue(self.alice.answers())

    def request(self, data=None, **changes):
        return self.friend.signed_request(self.alice.node_id, data or {"requestType": "checkAlive"}, **changes)

    def test_the_same_request_twice(self):
        message = self.request()
        self.assertTrue(self.friend.send(self.alice.port, message)["alive"])
        self.assert_refused(message, 400, 403, 500)

    def test_other_times(self):
        self.assertTrue(self.friend.send(self.alice.port, self.request(timestamp=now_ms() - 60_000))["alive"])
        self.assert_refused(self.request(timestamp=now_ms() - 3_600_000), 400, 403, 500)
        self.assert_refused(self.request(timestamp=now_ms() + 3_600_000), 400, 403, 500)

    def test_a_wrong_signature(self):
        message = self.request()
        message["signature"] = "0" * 128
        self.assert_refused(message, 400, 403, 500)
        message = self.request()
        message["body"]["timestamp"] += 1
        self.assert_refused(message, 400, 403, 500)

    def test_another_protocol_version(self):
        self.assert_refused(self.request(protocolVersion="kachery-p2p-0.6.0"), 400)

    def test_for_another_node(self):
        self.assert_refused(self.friend.signed_request(Key().node_id, {"requestType": "checkAlive"}), 500)

    def test_unknown_types_and_fields(self):
        self.assert_refused(self.request({"requestType": "tellMeAll"}), 400, 500)
        self.assert_refused(self.request({"requestType": "checkAlive", "more": 1}), 400, 500)
        self.assert_refused(self.request(more=1), 400, 500)
        self.assert_refused({**self.request(), "more": 1}, 400, 500)

    def test_wrong_kinds_of_values(self):
        for change in (
            {"requestId": "short"},
            {"requestId": 7},
            {"timestamp": "now"},
            {"timestamp": 1.5},
            {"timeoutMsec": -1},
            {"fromNodeId": "xyz"},
            {"requestData": []},
            {"requestData": {}},
        ):
            with self.subTest(change):
                self.assert_refused(self.request(**change), 400, 403, 500)
        for key in ("x" * 40, "0" * 39, 5, None):
            with self.subTest(key):
                self.assert_refused(self.request({"requestType": "checkForFile", "fileKey": {"sha1": key}}), 400, 500)

    def test_ranges_outside_the_file(self):
        for start, end in ((5, 5), (6, 5), (0, len(DATA) + 1), (len(DATA), None), (2**60, 2**61)):
            with self.subTest((start, end)):
                try:
                    answer = self.friend.ask(self.alice, "downloadFileData", fileKey=self.key, startByte=start, endByte=end)
                    self.assertFalse(answer["success"])
                    self.assertIsNone(answer["streamId"])
                    self.assertIsInstance(answer["errorMessage"], str)
                except Refused as refused:
                    self.assertIn(refused.args[0], (400, 500))

    def test_what_is_not_there(self):
        answer = self.friend.ask(self.alice, "downloadFileData", fileKey={"sha1": "1" * 40}, startByte=0, endByte=None)
        self.assertEqual((answer["success"], answer["startByte"], answer["endByte"], answer["streamId"]), (False, 0, 0, None))
        self.assertFalse(self.friend.ask(self.alice, "checkForFile", fileKey={"sha1": "1" * 40})["found"])

    def test_ranges_and_chunks_are_served(self):
        answer = self.friend.ask(self.alice, "downloadFileData", fileKey=self.key, startByte=100, endByte=1100)
        self.assertEqual(self.friend.fetch(self.alice, answer["streamId"])[2], DATA[100:1100])
        part = DATA[5000:9000]
        key = {
            "sha1": hashlib.sha1(part).hexdigest(),
            "chunkOf": {"fileKey": {"sha1": self.key["sha1"]}, "startByte": 5000, "endByte": 9000},
        }
        self.assertEqual(self.friend.ask(self.alice, "checkForFile", fileKey=key)["size"], 4000)
        answer = self.friend.ask(self.alice, "downloadFileData", fileKey=key, startByte=0, endByte=None)
        self.assertEqual(self.friend.fetch(self.alice, answer["streamId"])[2], part)

    def test_probe_tells_nothing_more_to_the_public(self):
        public = self.alice.request("GET", "/probe", auth=False, port=self.alice.port).json()
        self.assertEqual(
            set(public),
            {"success", "protocolVersion", "daemonVersion", "nodeId", "isBootstrapNode", "webSocketAddress", "publicUdpSocketAddress"},
        )
        self.assertEqual(public["nodeId"], self.alice.node_id)

    def test_the_local_api_is_not_public(self):
        for path in ("/halt", "/stats", "/storeFile", "/loadFile", "/mutable/get", "/store", "/findFile"):
            for method in ("GET", "POST"):
                reply = self.alice.request(method, path, {} if method == "POST" else None, port=self.alice.port)
                self.assertIn(reply.status, (404, 405), path)
        self.assertTrue(self.alice.answers())

    def test_nobody_listens_where_no_port_was_given(self):
        silent = self.daemon("silent", public=False)
        self.assertTrue(silent.answers())
        silent.port = free_port()
        with self.assertRaises(OSError):
            silent.request("GET", "/probe", port=silent.port)


if __name__ == "__main__":
    unittest.main()
