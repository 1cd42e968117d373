#include "crypto/keys.h"

#include <sodium.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>

#include "base/log.h"
#include "codec/bson.h"

namespace kachery {

namespace {

static_assert(crypto_sign_SECRETKEYBYTES == 64);
static_assert(crypto_sign_PUBLICKEYBYTES == NodeId::size);
static_assert(crypto_sign_BYTES == Signature::size);
static_assert(crypto_sign_SEEDBYTES == 32);

// The DER in front of the 32 raw bytes (RFC 8410).
constexpr std::array<std::uint8_t, 16> private_prefix = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                                         0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
constexpr std::array<std::uint8_t, 12> public_prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                        0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

using Raw = std::array<std::uint8_t, 32>;

// Bytes on the stack that are wiped when they go.
template <std::size_t N>
struct Secret {
  std::array<std::uint8_t, N> bytes{};
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_memzero(bytes.data(), N); }
};

void need_sodium() {
  static const int state = sodium_init();
  if (state < 0) {
    log_error("libsodium could not be initialized");
    std::abort();
  }
}

constexpr int base64 = sodium_base64_VARIANT_ORIGINAL;

template <std::size_t P>
std::string pem_of(std::string_view label, const std::array<std::uint8_t, P>& prefix,
                   std::span<const std::uint8_t, 32> raw) {
  need_sodium();
  Secret<P + 32> der;
  std::copy(prefix.begin(), prefix.end(), der.bytes.begin());
  std::copy(raw.begin(), raw.end(), der.bytes.begin() + P);
  // sodium_bin2base64 counts and writes a final NUL.
  std::string text(sodium_base64_encoded_len(der.bytes.size(), base64), '\0');
  sodium_bin2base64(text.data(), text.size(), der.bytes.data(), der.bytes.size(), base64);
  text.resize(text.size() - 1);
  std::string out = fmt::format("-----BEGIN {0}-----\n{1}\n-----END {0}-----\n", label, text);
  sodium_memzero(text.data(), text.size());
  return out;
}

// The next line of `text`, which is shortened by it and its line end (LF or CRLF).
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

template <std::size_t P>
Status read_pem(std::string_view pem, std::string_view label, const std::array<std::uint8_t, P>& prefix,
                Raw& out) {
  need_sodium();
  if (take_line(pem) != fmt::format("-----BEGIN {}-----", label)) {
    return fail(Errc::invalid, "a PEM file must begin with the line \"-----BEGIN {}-----\"", label);
  }
  const std::string_view body = take_line(pem);
  if (take_line(pem) != fmt::format("-----END {}-----", label)) {
    return fail(Errc::invalid, "a PEM file's third line must be \"-----END {}-----\"", label);
  }
  if (!pem.empty()) return fail(Errc::invalid, "nothing may follow the third line of a PEM file");

  Secret<P + 32> der;
  std::size_t length = 0;
  // libsodium 1.0.18 reads some bytes beyond ASCII as if they were digits of base64.
  const bool ascii = std::all_of(body.begin(), body.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!ascii ||
      sodium_base642bin(der.bytes.data(), der.bytes.size(), body.data(), body.size(), nullptr, &length,
                        nullptr, base64) != 0 ||
      length != der.bytes.size()) {
    return fail(Errc::invalid, "a PEM file's second line must be {} bytes in base64", der.bytes.size());
  }
  if (!std::equal(prefix.begin(), prefix.end(), der.bytes.begin())) {
    return fail(Errc::invalid, "the PEM file holds no Ed25519 key");
  }
  std::copy(der.bytes.begin() + P, der.bytes.end(), out.begin());
  return {};
}

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

}  // namespace

KeyPair KeyPair::generate() {
  need_sodium();
  KeyPair key;
  Raw public_key{};
  crypto_sign_keypair(public_key.data(), key.secret_.data());
  key.public_key_ = NodeId(public_key);
  return key;
}

KeyPair KeyPair::from_seed(const std::array<std::uint8_t, 32>& seed) {
  need_sodium();
  KeyPair key;
  Raw public_key{};
  crypto_sign_seed_keypair(public_key.data(), key.secret_.data(), seed.data());
  key.public_key_ = NodeId(public_key);
  return key;
}

Result<KeyPair> KeyPair::from_private_pem(std::string_view pem) {
  Secret<32> seed;
  KACHERY_CHECK(read_pem(pem, "PRIVATE KEY", private_prefix, seed.bytes));
  return from_seed(seed.bytes);
}

KeyPair::~KeyPair() {
  sodium_memzero(secret_.data(), secret_.size());
}

std::string KeyPair::private_pem() const {
  return pem_of("PRIVATE KEY", private_prefix, std::span<const std::uint8_t, 32>(secret_.data(), 32));
}

std::string KeyPair::public_pem() const {
  return pem_of("PUBLIC KEY", public_prefix, public_key_.bytes());
}

Signature KeyPair::sign(std::string_view bytes) const {
  std::array<std::uint8_t, Signature::size> out{};
  crypto_sign_detached(out.data(), nullptr, bytes_of(bytes), bytes.size(), secret_.data());
  return Signature(out);
}

Result<NodeId> public_key_from_pem(std::string_view pem) {
  Raw raw{};
  KACHERY_CHECK(read_pem(pem, "PUBLIC KEY", public_prefix, raw));
  return NodeId(raw);
}

bool verify(const NodeId& signer, std::string_view bytes, const Signature& signature) {
  need_sodium();
  return crypto_sign_verify_detached(signature.bytes().data(), bytes_of(bytes), bytes.size(),
                                     signer.bytes().data()) == 0;
}

Json sign_message(const KeyPair& key, const Json& body) {
  const auto bytes = bson::encode(body);
  if (!bytes) {
    log_error("a message that is no object was to be signed: {}", bytes.error().message);
    std::abort();
  }
  return Json::object({{"body", body}, {"signature", key.sign(*bytes).hex()}});
}

bool verify_message(const NodeId& signer, const Json& message) {
  if (message.size() != 2 || !message.contains("body") || !message.contains("signature")) return false;
  const auto signature = Signature::parse(message["signature"].string());
  const auto bytes = bson::encode(message["body"]);
  return signature && bytes && verify(signer, *bytes, *signature);
}

}  // namespace kachery
