// The golden values of tests/data/wire.json, captured from the existing network.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace kachery::testing {

inline std::string read_data(const std::string& name) {
  std::ifstream file(std::string(KACHERY_TEST_DATA) + "/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("no test data " + name);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// A section of wire.json.
inline Json vectors(std::string_view section) {
  static const Json all = Json::parse(read_data("wire.json")).value();
  if (!all.contains(section)) throw std::runtime_error("no vectors " + std::string(section));
  return all[section];
}

inline std::vector<Json> items(const Json& array) {
  std::vector<Json> out;
  for (std::size_t i = 0; i < array.size(); ++i) out.push_back(array[i]);
  return out;
}

// The bytes that `hex` writes.
inline std::string unhex(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return out;
}

inline std::string text(std::string_view view) {
  return std::string(view);
}

}  // namespace kachery::testing
