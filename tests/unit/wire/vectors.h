// The golden values captured from a reference daemon: tests/data/wire.json.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "codec/json.h"
#include "crypto/keys.h"

namespace kachery::testing {

inline const Json& vectors() {
  static const Json loaded = [] {
    std::ifstream file(KACHERY_TEST_DATA "/wire.json", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return Json::parse(text).value();
  }();
  return loaded;
}

// "alice", "bob" or "feed".
inline KeyPair vector_key(std::string_view name) {
  const Json keys = vectors()["keys"];
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i]["name"].string() == name) {
      return KeyPair::from_private_pem(keys[i]["privateKeyPem"].string()).value();
    }
  }
  throw std::logic_error("no such key in wire.json");
}

// A copy of the object `json` with `name` set to `value`.
inline Json with(const Json& json, std::string_view name, Json value) {
  Json copy = Json::object();
  for (const auto& [key, member] : json.members()) copy.set(key, member);
  copy.set(name, std::move(value));
  return copy;
}

inline Json without(const Json& json, std::string_view name) {
  Json copy = Json::object();
  for (const auto& [key, member] : json.members()) {
    if (key != name) copy.set(key, member);
  }
  return copy;
}

}  // namespace kachery::testing
