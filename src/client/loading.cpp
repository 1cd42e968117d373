#include "client/loading.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "client/client_error.h"
#include "client/copying.h"
#include "codec/json_frames.h"
#include "crypto/sha1.h"
#include "store/manifest.h"

namespace kachery::client {

namespace {

constexpr std::size_t frame_bytes = 1u << 20;  // a frame holds a path and some numbers

// The frames of one /loadFile answer.
class LoadAnswer {
 public:
  LoadAnswer(const FileKey& key, const Monitor& monitor) : key_(key), monitor_(monitor) {}

  Status take(std::string_view piece) {
    reader_.feed(piece);
    for (;;) {
      auto frame = reader_.next();
      if (!frame)
        return fail(Errc::protocol, "the daemon's answer to /loadFile is broken: {}", frame.error().message);
      if (!*frame) return {};
      KACHERY_CHECK(take_frame(**frame));
    }
  }

  // After the last byte.
  Result<std::string> result() const {
    if (!path_) {
      return fail(Errc::protocol, "the daemon ended its answer to /loadFile before {} was loaded",
                  key_.sha1.hex());
    }
    return *path_;
  }

 private:
  Status take_frame(const Json& frame) {
    const std::string_view type = frame["type"].string();
    if (path_) return fail(Errc::protocol, "the daemon sent more after the end of its answer to /loadFile");
    if (type == "progress") {
      const auto done = frame["bytesLoaded"].integer().value_or(0);
      const auto total = frame["bytesTotal"].integer().value_or(0);
      const auto node = NodeId::parse(frame["nodeId"].string());
      const std::string node_hex = node ? node->hex() : std::string();
      const bool go_on = monitor_.report(static_cast<std::uint64_t>(std::max<std::int64_t>(done, 0)),
                                         static_cast<std::uint64_t>(std::max<std::int64_t>(total, 0)),
                                         node ? node_hex.c_str() : nullptr);
      if (!go_on) return cancelled();
      return {};
    }
    if (type == "finished") {
      path_ = std::string(frame["localFilePath"].string());
      if (path_->empty() || path_->front() != '/' || path_->find('\0') != std::string::npos) {
        return fail(Errc::protocol, "the daemon's answer to /loadFile names no absolute path");
      }
      return {};
    }
    if (type == "error") {
      const std::string message = escaped(frame["error"].string(), 900);
      return fail(errc_of_daemon(frame["errorCode"].string(), message), "{}",
                  message.empty() ? "the daemon could not load the file, and does not say why" : message);
    }
    return fail(Errc::protocol, "the daemon's answer to /loadFile has a frame of the unknown type \"{}\"",
                escaped(type, 40));
  }

  const FileKey& key_;
  const Monitor& monitor_;
  JsonFrameReader reader_{frame_bytes};
  std::optional<std::string> path_;
};

// A file of the daemon's storage, as this process sees it.
Result<OpenFile> open_path(const std::string& path) {
  OpenFile file;
  file.path = path;
  file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.fd || ::fstat(file.fd.get(), &status) != 0) {
    return fail(system_error(errno, fmt::format("cannot open {}", escaped(path))));
  }
  if (!S_ISREG(status.st_mode)) return fail(Errc::io, "{} is no regular file", escaped(path));
  file.length = static_cast<std::uint64_t>(status.st_size);
  return file;
}

bool whole_file(const OpenFile& file) {
  struct stat status {};
  return file.offset == 0 && ::fstat(file.fd.get(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) == file.length;
}

// Whether `path` names the very file: copying a linked file over itself would make it another one.
bool is_file(const std::string& path, const OpenFile& file) {
  struct stat named {};
  struct stat opened {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(file.fd.get(), &opened) == 0 &&
         named.st_dev == opened.st_dev && named.st_ino == opened.st_ino && whole_file(file);
}

// The bytes of a file that the daemon has, by HTTP. They are checked if they are the whole file.
Status download(Session& session, const FileKey& key, std::uint64_t start, std::optional<std::uint64_t> end,
                const Sink& sink) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  Json request = Json::object({{"fileKey", key.json()}});
  if (start != 0 || end) request.set("startByte", start);
  if (end) request.set("endByte", *end);
  Sha1Hasher hasher;
  std::uint64_t received = 0;
  KACHERY_CHECK(daemon->stream("/downloadFileData", request, [&](std::string_view piece) {
    if (start == 0 && !end) hasher.update(piece);
    received += piece.size();
    return sink(piece);
  }));
  if (start == 0 && !end && hasher.finish() != key.sha1) {
    return fail(Errc::damaged, "the daemon sent bytes that do not have the hash {}", key.sha1.hex());
  }
  if (end && received != *end - start) {
    return fail(Errc::protocol, "the daemon sent {} bytes instead of {} to {}", received, start, *end);
  }
  return {};
}

Result<ByteRange> checked_range(std::uint64_t start, std::optional<std::uint64_t> end, std::uint64_t size) {
  const ByteRange range{start, end.value_or(size)};
  if (range.start > range.end || range.end > size) {
    return fail(Errc::invalid, "bytes {} to {} do not lie in a file of {} bytes", range.start, range.end,
                size);
  }
  return range;
}

// One loaded or local piece of content to the sink.
Status emit(Session& session, const FileKey& key, ByteRange range, const Sink& sink, const Monitor& monitor) {
  auto file = session.open_local(key);
  if (!file) {
    KACHERY_TRY(const std::string path, load_by_daemon(session, key, std::nullopt, monitor));
    file = open_path(path);
  }
  if (!file) return download(session, key, range.start, range.end, sink);
  KACHERY_CHECK(checked_range(range.start, range.end, file->length));
  return read_range(*file, range, monitor, sink);
}

// A part of a file that is not here, by the chunks that hold it. Nothing if the manifest cannot be had, does
// not belong to the file, or all chunks are needed anyway: then the file has to be loaded whole.
Result<bool> cat_chunks(Session& session, const FileKey& key, std::uint64_t start,
                        std::optional<std::uint64_t> end, const Sink& sink, const Monitor& monitor) {
  const auto text =
      read_verified(session, FileKey{*key.manifest, {}, {}}, limits::manifest_bytes, monitor.silent());
  if (!text && text.error().code == Errc::cancelled) return fail(text.error());
  if (!text) return false;
  const auto manifest = Manifest::parse(*text);
  if (!manifest || manifest->sha1 != key.sha1) return false;
  KACHERY_TRY(const ByteRange wanted, checked_range(start, end, manifest->size));
  if (wanted.size() == manifest->size) return false;
  for (const ManifestChunk& chunk : manifest->chunks) {
    const ByteRange part{std::max(wanted.start, chunk.range.start), std::min(wanted.end, chunk.range.end)};
    if (part.start >= part.end) continue;
    const FileKey chunk_key{chunk.sha1, {}, ChunkOf{key.sha1, key.manifest, chunk.range}};
    const ByteRange inside{part.start - chunk.range.start, part.end - chunk.range.start};
    KACHERY_CHECK(emit(session, chunk_key, inside, sink, monitor));
  }
  return true;
}

}  // namespace

Result<std::string> load_by_daemon(Session& session, const FileKey& key,
                                   const std::optional<NodeId>& from_node, const Monitor& monitor) {
  KACHERY_TRY(Daemon* const daemon, session.daemon());
  LoadAnswer answer(key, monitor);
  const Json request =
      Json::object({{"fileKey", key.json()}, {"fromNode", from_node ? Json(from_node->hex()) : Json()}});
  KACHERY_CHECK(
      daemon->stream("/loadFile", request, [&answer](std::string_view piece) { return answer.take(piece); }));
  return answer.result();
}

Result<std::string> load_file(Session& session, const FileKey& key,
                              const std::optional<std::string>& destination,
                              const std::optional<NodeId>& from_node, const Monitor& monitor) {
  if (!monitor.go_on()) return cancelled();
  // Made first: a destination that cannot be written is told before a long load.
  std::optional<Destination> target;
  if (destination) {
    KACHERY_TRY(Destination made, Destination::create(*destination));
    target.emplace(std::move(made));
  }
  if (const auto local = session.open_local(key)) {
    if (target && is_file(*destination, *local)) return *destination;
    if (target) {
      KACHERY_CHECK(copy_file(*local, *target, monitor));
      KACHERY_CHECK(target->commit());
      return *destination;
    }
    // A path stands for a whole file; the empty file may be known without having one.
    if (whole_file(*local) && ::access(local->path.c_str(), R_OK) == 0) return local->path;
  } else if (session.offline()) {
    return fail(local.error());
  }
  if (session.offline()) {
    return fail(Errc::not_found, "{} has no file of its own in the store: give a destination",
                key.sha1.hex());
  }
  KACHERY_TRY(std::string path, load_by_daemon(session, key, from_node, monitor));
  const auto file = open_path(path);
  if (!target && file) return path;
  if (!target) {
    return fail(Errc::io, "the daemon has the file, but not within your reach ({}): give a destination",
                file.error().message);
  }
  if (file) {
    KACHERY_CHECK(copy_file(*file, *target, monitor.silent()));
  } else {
    KACHERY_CHECK(download(session, key, 0, std::nullopt,
                           [&](std::string_view piece) { return target->write(piece); }));
  }
  KACHERY_CHECK(target->commit());
  return *destination;
}

Status cat_file(Session& session, const FileKey& key, std::uint64_t start, std::optional<std::uint64_t> end,
                const Sink& sink, const Monitor& monitor) {
  if (!monitor.go_on()) return cancelled();
  if (end && *end < start) return fail(Errc::invalid, "bytes {} to {} are no range", start, *end);
  auto file = session.open_local(key);
  if (!file && session.offline()) return fail(file.error());
  if (!file && key.manifest && (start != 0 || end)) {
    KACHERY_TRY(const bool done, cat_chunks(session, key, start, end, sink, monitor));
    if (done) return {};
  }
  if (!file) {
    KACHERY_TRY(const std::string path, load_by_daemon(session, key, std::nullopt, monitor));
    file = open_path(path);
  }
  if (!file) return download(session, key, start, end, sink);
  KACHERY_TRY(const ByteRange range, checked_range(start, end, file->length));
  return read_range(*file, range, monitor, sink);
}

Result<std::string> read_verified(Session& session, const FileKey& key, std::size_t max_bytes,
                                  const Monitor& monitor) {
  std::string bytes;
  KACHERY_CHECK(cat_file(
      session, key, 0, std::nullopt,
      [&](std::string_view piece) -> Status {
        if (piece.size() > max_bytes - bytes.size()) {
          return fail(Errc::too_large, "{} is longer than {} bytes", key.sha1.hex(), max_bytes);
        }
        bytes += piece;
        return {};
      },
      monitor));
  if (sha1_of(bytes) != key.sha1) {
    return fail(Errc::damaged, "the local copy of {} is damaged: remove it and load it again",
                key.sha1.hex());
  }
  return bytes;
}

}  // namespace kachery::client
