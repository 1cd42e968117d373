#include "crypto/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "codec/bson.h"
#include "crypto/sha1.h"
#include "support/vectors.h"

namespace kachery {
namespace {

using ::testing::HasSubstr;
using testing::items;
using testing::text;
using testing::vectors;

Json golden_key(std::string_view name) {
  for (const Json& v : items(vectors("keys"))) {
    if (v["name"].string() == name) return v;
  }
  throw std::runtime_error("no such key");
}

KeyPair key_pair(std::string_view name) {
  return KeyPair::from_private_pem(golden_key(name)["privateKeyPem"].string()).value();
}

const std::string private_pem(golden_key("alice")["privateKeyPem"].string());
const std::string public_pem(golden_key("alice")["publicKeyPem"].string());

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, what.size(), with);
}

TEST(Keys, GoldenPemFiles) {
  for (const Json& v : items(vectors("keys"))) {
    const auto key = KeyPair::from_private_pem(v["privateKeyPem"].string());
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->public_key().hex(), v["publicKeyHex"].string());
    EXPECT_EQ(key->private_pem(), v["privateKeyPem"].string());
    EXPECT_EQ(key->public_pem(), v["publicKeyPem"].string());
    EXPECT_EQ(public_key_from_pem(v["publicKeyPem"].string()).value(), key->public_key());

    std::array<std::uint8_t, 32> seed{};
    ASSERT_TRUE(from_hex(v["privateKeyHex"].string(), seed));
    EXPECT_EQ(KeyPair::from_seed(seed).private_pem(), v["privateKeyPem"].string());
  }
}

TEST(Keys, GoldenSignaturesOverBson) {
  for (const Json& v : items(vectors("signatures_bson"))) {
    const KeyPair key = key_pair(v["key"].string());
    const Json body = Json::parse(v["input_json"].string()).value();
    const Json message = sign_message(key, body);
    EXPECT_EQ(message["signature"].string(), v["signature"].string());
    EXPECT_TRUE(verify_message(key.public_key(), message));
  }
}

TEST(Keys, GoldenSignaturesOverJson) {
  for (const Json& v : items(vectors("signatures_json"))) {
    const KeyPair key = key_pair(v["key"].string());
    const std::string bytes = canonical_json(Json::parse(v["input_json"].string()).value());
    EXPECT_EQ(key.sign(bytes).hex(), v["signature"].string());
    EXPECT_TRUE(verify(key.public_key(), bytes, Signature::parse(v["signature"].string()).value()));
  }
}

TEST(Keys, GoldenMessagesVerify) {
  for (const std::string_view section :
       {"channel_node_info", "node_to_node_requests", "node_to_node_responses", "multicast_announce"}) {
    for (const Json& v : items(vectors(section))) {
      const Json message = v["value"];
      const Json body = message["body"];
      const Json id = body.contains("nodeId") ? body["nodeId"] : body["fromNodeId"];
      EXPECT_TRUE(verify_message(NodeId::parse(id.string()).value(), message))
          << section << ": " << message.text();
    }
  }
}

TEST(Keys, GoldenFeedChainVerifies) {
  const Json chain = vectors("feed_chain");
  const NodeId feed = NodeId::parse(chain["feedId"].string()).value();
  for (const Json& message : items(chain["signedMessages"])) {
    EXPECT_TRUE(verify(feed, canonical_json(message["body"]),
                       Signature::parse(message["signature"].string()).value()));
  }
}

TEST(Keys, AChangedMessageDoesNotVerify) {
  const KeyPair alice = key_pair("alice");
  const Json good = sign_message(alice, Json::parse(R"({"a":1,"b":{"c":"x"}})").value());
  EXPECT_TRUE(verify_message(alice.public_key(), good));
  EXPECT_FALSE(verify_message(key_pair("bob").public_key(), good));

  const auto with = [&](std::string_view field, Json value) {
    Json out = Json::object({{"body", good["body"]}, {"signature", good["signature"]}});
    out.set(field, std::move(value));
    return verify_message(alice.public_key(), out);
  };
  EXPECT_FALSE(with("body", Json::parse(R"({"a":2,"b":{"c":"x"}})").value()));
  EXPECT_FALSE(with("body", nullptr));
  EXPECT_FALSE(with("body", Json::array()));
  EXPECT_FALSE(with("extra", 1));
  EXPECT_FALSE(with("signature", nullptr));
  EXPECT_FALSE(with("signature", ""));
  EXPECT_FALSE(with("signature", std::string(128, '0')));
  EXPECT_FALSE(with("signature", text(good["signature"].string()) + "00"));
  EXPECT_TRUE(
      with("body", Json::parse(R"({"b":{"c":"x"},"a":1.0})").value()));  // the same value in another order

  for (const char* other : {"null", "[]", "{}", R"({"body":{}})", R"({"signature":"x"})"}) {
    EXPECT_FALSE(verify_message(alice.public_key(), Json::parse(other).value()));
  }
}

TEST(Keys, GeneratedKeysDiffer) {
  const KeyPair a = KeyPair::generate();
  const KeyPair b = KeyPair::generate();
  EXPECT_NE(a.public_key(), b.public_key());
  EXPECT_EQ(KeyPair::from_private_pem(a.private_pem()).value().public_key(), a.public_key());
  EXPECT_TRUE(verify(a.public_key(), "", a.sign("")));
  EXPECT_FALSE(verify(b.public_key(), "x", a.sign("x")));
}

TEST(Pem, LineEndsMayDiffer) {
  std::string crlf;
  for (const char c : private_pem) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(KeyPair::from_private_pem(crlf).value().private_pem(), private_pem);
  EXPECT_TRUE(KeyPair::from_private_pem(private_pem.substr(0, private_pem.size() - 1)));
  EXPECT_TRUE(public_key_from_pem(public_pem.substr(0, public_pem.size() - 1)));
}

TEST(Pem, DamageIsRefused) {
  for (const std::string& bad : {
           std::string(),
           std::string("\n"),
           std::string("-----BEGIN PRIVATE KEY-----"),
           "\n" + private_pem,
           " " + private_pem,
           private_pem + "\n",
           private_pem + "x",
           private_pem + private_pem,
           public_pem,
           replaced(private_pem, "BEGIN", "begin"),
           replaced(private_pem, "-----END", "----END"),
           replaced(private_pem, "MC4C", "MC4"),
           replaced(private_pem, "MC4C", "MC4CA"),
           replaced(private_pem, "MC4C", "MC4-"),
           replaced(private_pem, "MC4C", "MC 4C"),
           replaced(private_pem, "MC4C", "MC4\nC"),
           replaced(private_pem, "MC4C", std::string_view("MC4\0", 4)),
           replaced(private_pem, "MC4C", "MC4D"),  // another prefix
           replaced(private_pem, "S1K", "S1"),
       }) {
    EXPECT_FALSE(KeyPair::from_private_pem(bad)) << bad;
  }
  for (std::size_t n = 0; n + 1 < private_pem.size(); ++n) {
    EXPECT_FALSE(KeyPair::from_private_pem(private_pem.substr(0, n))) << n;
  }
  for (std::size_t n = 0; n + 1 < public_pem.size(); ++n)
    EXPECT_FALSE(public_key_from_pem(public_pem.substr(0, n))) << n;
  EXPECT_FALSE(public_key_from_pem(private_pem));
  // 44 bytes leave two bits over in base64, which must be zero.
  EXPECT_FALSE(public_key_from_pem(replaced(public_pem, "UK4=", "UK5=")));
  EXPECT_FALSE(public_key_from_pem(replaced(public_pem, "UK4=", "UK4")));
}

TEST(Pem, NoByteBeyondAsciiIsADigit) {
  for (int byte = 0x80; byte <= 0xff; ++byte) {
    const std::string bad = replaced(private_pem, "qlVF", std::string("ql") + static_cast<char>(byte) + "F");
    EXPECT_FALSE(KeyPair::from_private_pem(bad)) << byte;
  }
}

TEST(Pem, MessagesNeverQuoteTheKey) {
  const auto bad = KeyPair::from_private_pem(replaced(private_pem, "MC4C", "MC4D"));
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("no Ed25519 key"));
  const auto worse = KeyPair::from_private_pem(replaced(private_pem, "MC4C", "MC4-"));
  ASSERT_FALSE(worse);
  EXPECT_EQ(worse.error().message.find("BCIE"), std::string::npos);
}

TEST(Hashes, GoldenHashesOfCanonicalJson) {
  const auto hash = [](std::string_view json) {
    return sha1_of(canonical_json(Json::parse(json).value())).hex();
  };
  for (const std::string_view section : {"canonical_json", "canonical_json_scalars"}) {
    for (const Json& v : items(vectors(section)))
      EXPECT_EQ(hash(v["input_json"].string()), v["sha1"].string());
  }
  for (const Json& v : items(vectors("mutable_keys")))
    EXPECT_EQ(hash(v["key_json"].string()), v["sha1"].string());
  for (const Json& v : items(vectors("subfeed_hashes"))) {
    // A name that is a string is hashed as it is, anything else as canonical JSON.
    const Json name = Json::parse(v["name_json"].string()).value();
    EXPECT_EQ(sha1_of(name.is_string() ? text(name.string()) : canonical_json(name)).hex(),
              v["hash"].string());
  }
}

}  // namespace
}  // namespace kachery
