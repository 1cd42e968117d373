"""The test peer itself, against the golden values: a peer that signs wrongly would test nothing."""
import json
import pathlib
import unittest

from peer import Key, bson, verify

VECTORS = json.loads((pathlib.Path(__file__).resolve().parents[1] / "data" / "wire.json").read_text())


class PeerVectors(unittest.TestCase):
    def test_bson(self):
        for case in VECTORS["bson"]:
            with self.subTest(case["input_json"]):
                self.assertEqual(bson(json.loads(case["input_json"])).hex(), case["bson_hex"])

    def test_messages_of_running_nodes_verify(self):
        for case in VECTORS["node_to_node_requests"] + VECTORS["node_to_node_responses"]:
            self.assertTrue(verify(case["value"]["body"]["fromNodeId"], case["value"]))

    def test_a_changed_message_does_not(self):
        key = Key()
        signed = key.sign({"number": 1, "list": [True, None, "text"]})
        self.assertTrue(verify(key.node_id, signed))
        signed["body"]["number"] = 2
        self.assertFalse(verify(key.node_id, signed))


if __name__ == "__main__":
    unittest.main()
