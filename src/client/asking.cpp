#include "client/asking.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "codec/json_frames.h"

namespace kachery::client {

namespace {

constexpr std::size_t frame_bytes = 1u << 20;

}  // namespace

Status find_file(Session& session, const FileKey& key, std::chrono::milliseconds timeout,
                 const FindResult& result) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  JsonFrameReader reader(frame_bytes);
  std::uint64_t count = 0;
  bool ended = false;
  const auto take = [&](std::string_view piece) -> Status {
    reader.feed(piece);
    for (;;) {
      auto frame = reader.next();
      if (!frame)
        return fail(Errc::protocol, "the daemon's answer to /findFile is broken: {}", frame.error().message);
      if (!*frame) return {};
      const auto node = NodeId::parse((**frame)["nodeId"].string());
      const auto size = (**frame)["fileSize"].integer();
      if (!node || !size || *size < 0) {
        return fail(Errc::protocol,
                    "the daemon's answer to /findFile has a result without nodeId or fileSize");
      }
      ++count;
      if (!result(node->hex(), static_cast<std::uint64_t>(*size), **frame)) {
        ended = true;
        return cancelled();
      }
    }
  };
  const Status status = daemon->stream(
      "/findFile", Json::object({{"fileKey", key.json()}, {"timeoutMsec", std::int64_t{timeout.count()}}}),
      take);
  if (ended) return {};
  KACHERY_CHECK(status);
  if (!reader.empty()) return fail(Errc::protocol, "the daemon broke off its answer to /findFile");
  if (count == 0) return fail(Errc::not_found, "no node that answered has {}", key.sha1.hex());
  return {};
}

Result<Json> get_mutable(Session& session, const Json& key) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  KACHERY_TRY(const Json answer, daemon->post("/mutable/get", Json::object({{"key", key}})));
  if (!answer["found"].is_boolean()) {
    return fail(Errc::protocol, "the daemon's answer to /mutable/get does not say whether there is a value");
  }
  if (!answer["found"].boolean()) return fail(Errc::not_found, "there is no mutable {}", escaped(key.text()));
  return answer["value"];
}

Status set_mutable(Session& session, const Json& key, const Json& value) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  KACHERY_CHECK(daemon->post("/mutable/set", Json::object({{"key", key}, {"value", value}})));
  return {};
}

Status delete_mutable(Session& session, const Json& key) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  KACHERY_CHECK(daemon->post("/mutable/delete", Json::object({{"key", key}})));
  return {};
}

Status stop_daemon(Session& session, std::chrono::milliseconds wait) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  KACHERY_CHECK(daemon->get("/halt"));
  constexpr std::chrono::milliseconds step{50};
  for (; wait.count() > 0; wait -= std::min(wait, step)) {
    const auto answer = daemon->probe();
    if (!answer && answer.error().code == Errc::unreachable) return {};
    if (!answer && answer.error().code == Errc::cancelled) return fail(answer.error());
    pollfd cancel{session.cancel().fd(), POLLIN, 0};
    ::poll(&cancel, 1, static_cast<int>(std::min(wait, step).count()));
    if (session.cancel().requested()) return cancelled();
    if (wait <= step) return fail(Errc::timed_out, "the daemon was told to end, but still answers");
  }
  return {};
}

Result<Json> json_at(const Json& json, std::string_view pointer) {
  Json at = json;
  const std::string_view whole = pointer;
  const auto absent = [whole] { return fail(Errc::not_found, "there is nothing at \"{}\"", escaped(whole)); };
  while (!pointer.empty()) {
    if (pointer.front() != '/')
      return fail(Errc::invalid, "a JSON pointer must begin with '/', got \"{}\"", escaped(whole));
    pointer.remove_prefix(1);
    const std::string_view raw = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(raw.size());
    std::string name;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '~') {
        name += raw[i];
      } else if (i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1')) {
        name += raw[++i] == '0' ? '~' : '/';
      } else {
        return fail(Errc::invalid, "in a JSON pointer ~ is written ~0 and / is written ~1, got \"{}\"",
                    escaped(whole));
      }
    }
    if (at.is_array()) {
      std::size_t index = 0;
      const auto read = std::from_chars(name.data(), name.data() + name.size(), index);
      const bool plain =
          read.ec == std::errc() && read.ptr == name.data() + name.size() && (name == "0" || name[0] != '0');
      if (!plain || index >= at.size()) return absent();
      at = at[index];
    } else {
      if (!at.contains(name)) return absent();
      at = at[std::string_view(name)];
    }
  }
  return at;
}

}  // namespace kachery::client
