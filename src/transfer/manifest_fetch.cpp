#include "transfer/manifest_fetch.h"

#include <utility>

#include "base/limits.h"

namespace kachery {

namespace {

Status within_limit(std::uint64_t bytes) {
  if (bytes <= limits::manifest_bytes) return {};
  return fail(Errc::damaged, "sent a manifest of more than {} bytes", limits::manifest_bytes);
}

}  // namespace

ManifestFetch::ManifestFetch(Network& network, const NodeId& node, const Sha1& manifest, Done done)
    : expected_(manifest),
      done_(std::move(done)),
      stream_(network, node, FileKey{manifest, std::nullopt, std::nullopt},
              {[](std::uint64_t length) { return within_limit(length); },
               [this](std::string_view piece) -> Status {
                 KACHERY_CHECK(within_limit(text_.size() + piece.size()));
                 hasher_.update(piece);
                 text_.append(piece);
                 return {};
               },
               [this](Status status) { on_done(std::move(status)); }}) {}

void ManifestFetch::on_done(Status status) {
  const auto done = std::move(done_);
  if (!status) return done(fail(status.error()));
  if (hasher_.finish() != expected_)
    return done(fail(Errc::damaged, "sent a manifest that does not match its hash"));
  done(std::move(text_));
}

}  // namespace kachery
