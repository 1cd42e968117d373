"""The main job: a file stored on one node is loaded on another, through a bootstrap node and a channel file."""
import json
import os
import unittest

from harness import CHUNK, KacheryTest, LoadRequest, disk_usage, random_bytes, sha1_of, wait_until


class TwoNodes(KacheryTest):
    def setUp(self):
        super().setUp()
        self.url, self.bootstrap, self.alice, self.bob = self.network("alice", "bob")

    def test_from_command_to_command(self):
        for size in (1, 65536, 1_000_001, CHUNK, CHUNK + 1, 52_345_678):
            with self.subTest(size=size):
                path = self.file(f"file-{size}.bin", size)
                uri = self.alice.out("store", path)
                self.assertEqual("manifest=" in uri, size > CHUNK)
                done = self.bob.run("load", uri)
                self.assertEqual(done.stderr, "")
                loaded = done.stdout.rstrip("\n")
                self.assertEqual(loaded, str(self.bob.path_of(sha1_of(path))))
                self.assertEqual(sha1_of(loaded), sha1_of(path))
        self.assert_sound_store(self.bob.storage)
        self.assertEqual(self.bob.scratch(), [])

    def test_a_big_file_without_naming_its_manifest(self):
        path = self.file("big.bin", 45_000_000)
        uri = self.alice.out("store", path)
        loaded = self.bob.out("load", uri.split("?")[0])
        self.assertEqual(sha1_of(loaded), sha1_of(path))

    def test_a_manifest_that_nobody_has_is_done_without(self):
        path = self.file("big.bin", 45_000_000)
        uri = self.alice.out("store", path).split("?")[0]
        loaded = self.bob.out("load", f"{uri}?manifest={'0123456789' * 4}")
        self.assertEqual(sha1_of(loaded), sha1_of(path))

    def test_linked_files_are_served(self):
        for size in (100_000, 45_000_000):
            with self.subTest(size=size):
                path = self.file(f"linked-{size}.bin", size)
                uri = self.alice.out("link", path)
                self.assertEqual(sha1_of(self.bob.out("load", uri)), sha1_of(path))

    def test_a_linked_file_that_changed_is_not_served(self):
        path = self.file("linked.bin", 100_000)
        uri = self.alice.out("link", path)
        path.write_bytes(random_bytes(100_000))
        done = self.bob.run("load", uri, check=False)
        self.assert_one_reason(done, 3)

    def test_cat_of_a_range_fetches_the_chunks_that_it_needs(self):
        path = self.file("big.bin", 3 * CHUNK)
        uri = self.alice.out("store", path)
        with open(path, "rb") as file:
            file.seek(CHUNK - 1000)
            expected = file.read(2000)
        out = self.bob.run("cat", uri, "--start", CHUNK - 1000, "--end", CHUNK + 1000, text=False).stdout
        self.assertEqual(out, expected)

    def test_find(self):
        path = self.file("f.bin", 1000)
        uri = self.alice.out("store", path)
        found = [json.loads(line) for line in self.bob.out("find", uri).splitlines()]
        self.assertEqual([(entry["nodeId"], entry["fileSize"]) for entry in found], [(self.alice.node_id, 1000)])
        self.bob.out("load", uri)
        found = [json.loads(line)["nodeId"] for line in self.bob.out("find", uri).splitlines()]
        self.assertEqual(found, [self.bob.node_id, self.alice.node_id], "this node first")

    def test_from_one_node_only(self):
        path = self.file("f.bin", 1000)
        uri = self.alice.out("store", path)
        done = self.bob.run("load", uri, "--from-node", self.bootstrap.node_id, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertEqual(sha1_of(self.bob.out("load", uri, "--from-node", self.alice.node_id)), sha1_of(path))
        done = self.bob.run("load", uri, "--from-node", "not a node id", check=False)
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_the_frames_of_a_load(self):
        data = os.urandom(45_000_000)
        key = self.alice.store(data)
        frames = self.bob.load_frames(key)
        self.assertEqual(frames[-1], {**frames[-1], "type": "finished", "localFilePath": str(self.bob.path_of(key["sha1"]))})
        for frame in frames[:-1]:
            self.assertEqual(frame["type"], "progress")
            self.assertEqual(frame["bytesTotal"], len(data))
            self.assertTrue(0 <= frame["bytesLoaded"] <= len(data))
            self.assertTrue(frame["nodeId"] is None or isinstance(frame["nodeId"], str))
        loaded = [frame["bytesLoaded"] for frame in frames[:-1]]
        self.assertEqual(loaded, sorted(loaded), "progress goes forward")
        self.assertEqual(self.bob.load_frames(key)[-1]["type"], "finished", "a local file")

    def test_upper_case_hashes_are_folded(self):
        path = self.file("f.bin", 1000)
        uri = self.alice.out("store", path)
        self.assertEqual(sha1_of(self.bob.out("load", "sha1://" + uri[7:47].upper())), sha1_of(path))

    def test_old_directories(self):
        entry = self.alice.store(b"in a directory")
        listing = {"dirs": {"sub": {"dirs": {}, "files": {"f.txt": {"sha1": entry["sha1"], "size": 14}}}}, "files": {}}
        root = self.alice.store(json.dumps(listing).encode())
        out = self.bob.run("cat", f"sha1dir://{root['sha1']}/sub/f.txt", text=False).stdout
        self.assertEqual(out, b"in a directory")
        done = self.bob.run("load", f"sha1dir://{root['sha1']}/sub/none.txt", check=False)
        self.assert_one_reason(done, 3)

    def test_many_loads_at_once(self):
        keys = [self.alice.store(os.urandom(200_000 + i)) for i in range(12)]
        requests = [LoadRequest(self.bob, key) for key in keys for _ in range(2)]
        for request in requests:
            self.assertEqual(list(request)[-1]["type"], "finished")
        self.assert_sound_store(self.bob.storage)

    def test_a_node_that_restarts_is_found_again(self):
        key = self.alice.store(b"before the restart")
        self.alice.stop()
        self.alice.start()
        self.assertEqual(self.alice.probe()["joinedChannels"][0]["channelConfigUrl"], self.url)
        wait_until(lambda: self.bob.load(key)["type"] == "finished", "bob loads from alice")

    def test_it_takes_its_size_once(self):
        size = 61_000_000
        uri = self.alice.out("store", self.file("big.bin", size))
        before = disk_usage(self.bob.storage)
        self.bob.out("load", uri)
        self.assertLessEqual(disk_usage(self.bob.storage) - before, 1.02 * size)


if __name__ == "__main__":
    unittest.main()
