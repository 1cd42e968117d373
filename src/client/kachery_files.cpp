// The C API: files.
#include "base/log.h"
#include "client/asking.h"
#include "client/handle.h"
#include "client/loading.h"
#include "client/locating.h"
#include "client/storing.h"
#include "codec/uri.h"

using namespace kachery;
using namespace kachery::client;

namespace {

constexpr std::uint32_t default_find_timeout_ms = 4'000;

// NULL, or 64 hex digits.
Result<std::optional<NodeId>> parse_node(const char* text) {
  if (text == nullptr) return std::nullopt;
  const auto id = NodeId::parse(text);
  if (!id) return fail(Errc::invalid, "a node id must be 64 hex digits, got \"{}\"", escaped(text, 80));
  return id;
}

void copy_hash(char (&out)[41], const Sha1& sha1) {
  const std::string hex = sha1.hex();
  std::memcpy(out, hex.c_str(), hex.size() + 1);
}

}  // namespace

kachery_status kachery_store_file(kachery_client* client, const char* path, const char* label,
                                  kachery_progress_fn progress, void* user, char** uri) {
  return run_for_text(client, uri, [&](Session& session) {
    return store_file(session, path, optional_text(label), Monitor(client->cancel, progress, user));
  });
}

kachery_status kachery_link_file(kachery_client* client, const char* path, const char* label,
                                 kachery_progress_fn progress, void* user, char** uri) {
  return run_for_text(client, uri, [&](Session& session) {
    return link_file(session, path, optional_text(label), Monitor(client->cancel, progress, user));
  });
}

kachery_status kachery_store_bytes(kachery_client* client, const void* bytes, uint64_t size,
                                   const char* label, char** uri) {
  return run_for_text(client, uri, [&](Session& session) {
    const std::string_view content(size == 0 ? "" : static_cast<const char*>(bytes),
                                   static_cast<std::size_t>(size));
    return store_bytes(session, content, label == nullptr ? "" : label,
                       Monitor(client->cancel, nullptr, nullptr));
  });
}

kachery_status kachery_load_file(kachery_client* client, const char* uri, const char* destination,
                                 const char* from_node, kachery_progress_fn progress, void* user,
                                 char** path) {
  return run_for_text(client, path, [&](Session& session) -> Result<std::string> {
    const Monitor monitor(client->cancel, progress, user);
    KACHERY_TRY(const auto node, parse_node(from_node));
    KACHERY_TRY(const FileKey key, locate(session, uri, monitor));
    return load_file(session, key, optional_text(destination), node, monitor);
  });
}

kachery_status kachery_cat_file(kachery_client* client, const char* uri, uint64_t start, uint64_t end,
                                kachery_sink_fn sink, kachery_progress_fn progress, void* user) {
  return run(client, [&](Session& session) -> Status {
    const Monitor monitor(client->cancel, progress, user);
    KACHERY_TRY(const FileKey key, locate(session, uri, monitor));
    const auto give = [sink, user](std::string_view piece) -> Status {
      if (sink(user, piece.data(), piece.size()) != 0) return cancelled();
      return {};
    };
    return cat_file(session, key, start, end == KACHERY_TO_END ? std::nullopt : std::optional(end), give,
                    monitor);
  });
}

kachery_status kachery_find_file(kachery_client* client, const char* uri, uint32_t timeout_ms,
                                 kachery_find_fn result, void* user) {
  return run(client, [&](Session& session) -> Status {
    KACHERY_TRY(const FileKey key, locate(session, uri, Monitor(client->cancel, nullptr, nullptr)));
    const std::chrono::milliseconds timeout(timeout_ms == 0 ? default_find_timeout_ms : timeout_ms);
    return find_file(session, key, timeout,
                     [&](const std::string& node, std::uint64_t size, const Json& whole) {
                       return result(user, node.c_str(), size, whole.text().c_str()) == 0;
                     });
  });
}

kachery_status kachery_uri_parse(const char* uri, kachery_uri* parts, char** error) {
  std::memset(parts, 0, sizeof *parts);
  if (error != nullptr) *error = nullptr;
  try {
    const auto parsed = parse_file_uri(uri);
    if (!parsed) {
      if (error != nullptr) *error = owned_copy(parsed.error().message);
      return KACHERY_ERROR_INVALID;
    }
    copy_hash(parts->sha1, parsed->key.sha1);
    if (parsed->key.manifest) copy_hash(parts->manifest_sha1, *parsed->key.manifest);
    if (parsed->key.chunk_of) {
      copy_hash(parts->chunk_of_sha1, parsed->key.chunk_of->file);
      parts->chunk_start = parsed->key.chunk_of->range.start;
      parts->chunk_end = parsed->key.chunk_of->range.end;
    }
    return KACHERY_OK;
  } catch (const std::bad_alloc&) {
    return KACHERY_ERROR_NO_MEMORY;
  }
}
