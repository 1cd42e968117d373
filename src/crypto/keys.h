// Ed25519 keys: a node's identity, its PEM files (protocol.md section 2), and signatures.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/ids.h"
#include "codec/json.h"

namespace kachery {

// The private key is wiped from memory when the object goes.
class KeyPair {
 public:
  static KeyPair generate();
  static KeyPair from_seed(const std::array<std::uint8_t, 32>& seed);
  // The three lines of a PKCS#8 PEM, with or without the last newline, CRLF accepted.
  static Result<KeyPair> from_private_pem(std::string_view pem);

  KeyPair(const KeyPair&) = default;
  KeyPair& operator=(const KeyPair&) = default;
  ~KeyPair();

  NodeId public_key() const { return public_key_; }
  std::string private_pem() const;
  std::string public_pem() const;
  Signature sign(std::string_view bytes) const;

 private:
  KeyPair() = default;
  std::array<std::uint8_t, 64> secret_{};  // libsodium's form: seed, then public key
  NodeId public_key_;
};

Result<NodeId> public_key_from_pem(std::string_view pem);

bool verify(const NodeId& signer, std::string_view bytes, const Signature& signature);

// {body, signature} with the signature over the canonical BSON of `body`, an object without NUL in its keys.
Json sign_message(const KeyPair& key, const Json& body);

// True if `message` is exactly {body, signature} and `signer` signed its body.
bool verify_message(const NodeId& signer, const Json& message);

}  // namespace kachery
