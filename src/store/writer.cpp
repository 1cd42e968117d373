#include "store/writer.h"

#include <sys/stat.h>

#include <utility>

#include "base/limits.h"
#include "store/incoming_file.h"
#include "store/ingest.h"

namespace kachery {
namespace {

Result<StoredFile> take_up(const Store& store, const std::string& path, Ingest::Mode mode,
                           const FileProgress& progress) {
  KACHERY_TRY(Ingest ingest, Ingest::begin(store, path, mode));
  while (true) {
    KACHERY_TRY(const bool all, ingest.step());
    if (progress && !progress(ingest.done(), ingest.total())) {
      return fail(Errc::cancelled, "cancelled after {} of {} bytes", ingest.done(), ingest.total());
    }
    if (all) return ingest.finish();
  }
}

}  // namespace

IncomingFile::IncomingFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IncomingFile::IncomingFile(IncomingFile&&) noexcept = default;
IncomingFile& IncomingFile::operator=(IncomingFile&&) noexcept = default;
IncomingFile::~IncomingFile() = default;

Result<IncomingFile> IncomingFile::create(const Store& store, std::uint64_t expected_size) {
  if (expected_size > limits::file_bytes) {
    return fail(Errc::too_large, "a file may have {} bytes, this one has {}", limits::file_bytes,
                expected_size);
  }
  KACHERY_TRY(TemporaryFile file, TemporaryFile::create(store));
  Env& env = store.env();
  if (expected_size > 0) {
    // Known to be too much: said now, and without filling the disk for a moment.
    const std::int64_t free_bytes = env.free_bytes(file.fd());
    int result = 0;
    if (free_bytes >= 0 && static_cast<std::uint64_t>(free_bytes) < expected_size) result = -ENOSPC;
    if (result == 0) result = env.allocate(file.fd(), expected_size);
    if (result < 0 && result != -EOPNOTSUPP) {
      return fail(write_error(store, result, fmt::format("cannot reserve {} bytes", expected_size)));
    }
  }
  return IncomingFile(std::unique_ptr<Impl>(new Impl{store, std::move(file), {}, expected_size, 0, false}));
}

Status IncomingFile::write(std::string_view piece) {
  Impl& me = *impl_;
  if (me.failed) return fail(Errc::internal, "a write after one that failed");
  if (piece.size() > limits::file_bytes - size()) {
    return fail(Errc::too_large, "a file may have {} bytes, this one has more", limits::file_bytes);
  }
  Env& env = me.store.env();
  if (const int result = env.write_all(me.file.fd(), piece); result < 0) {
    me.failed = true;
    return fail(write_error(me.store, result, "cannot write a new file"));
  }
  me.hasher.update(piece);
  if (size() - me.write_back >= write_back_bytes) {
    env.start_write_back(me.file.fd(), me.write_back, size() - me.write_back);
    me.write_back = size();
  }
  return {};
}

std::uint64_t IncomingFile::size() const {
  return impl_->hasher.length();
}

int IncomingFile::fd() const {
  return impl_->file.fd();
}

Result<FileAndChunkHasher::Digests> IncomingFile::Impl::finish() {
  if (failed) return fail(Errc::internal, "a commit after a write that failed");
  if (const std::uint64_t size = hasher.length(); size < allocated) {
    if (const int result = store.env().truncate(file.fd(), size); result < 0) {
      return fail(write_error(store, result, "cannot cut a new file to its size"));
    }
  }
  return hasher.finish();
}

Result<StoredFile> IncomingFile::commit() {
  KACHERY_TRY(const FileAndChunkHasher::Digests digests, impl_->finish());
  return commit_content(impl_->store, impl_->file.fd(), impl_->file.name(), digests.size, digests.file,
                        manifest_text_of(digests));
}

std::string manifest_text_of(const FileAndChunkHasher::Digests& digests) {
  return wants_manifest(digests.size) ? manifest_of(digests).text() : std::string();
}

Result<StoredFile> commit_content(const Store& store, int fd, const std::string& temporary_name,
                                  std::uint64_t size, const Sha1& sha1, const std::string& manifest_text) {
  StoredFile stored{sha1, std::nullopt, size};
  if (!manifest_text.empty()) {
    KACHERY_TRY(const StoredFile manifest, store_bytes(store, manifest_text));
    stored.manifest = manifest.sha1;
  }
  KACHERY_CHECK(place_file(store, fd, temporary_name, sha1, size));
  return stored;
}

Result<StoredFile> store_file(const Store& store, const std::string& path, const FileProgress& progress) {
  return take_up(store, path, Ingest::Mode::copy, progress);
}

Result<StoredFile> link_file(const Store& store, const std::string& path, const FileProgress& progress) {
  return take_up(store, path, Ingest::Mode::link, progress);
}

Result<StoredFile> store_bytes(const Store& store, std::string_view bytes) {
  FileAndChunkHasher hasher;
  hasher.update(bytes);
  const FileAndChunkHasher::Digests digests = hasher.finish();
  StoredFile stored{digests.file, std::nullopt, digests.size};
  if (wants_manifest(digests.size)) {
    KACHERY_TRY(const StoredFile manifest, store_bytes(store, manifest_of(digests).text()));
    stored.manifest = manifest.sha1;
  }
  if (holds_durably(store, store.path_of(stored.sha1), bytes)) return stored;
  KACHERY_TRY(const TemporaryFile file, TemporaryFile::create(store));
  if (const int result = store.env().write_all(file.fd(), bytes); result < 0) {
    return fail(write_error(store, result, "cannot write a new file"));
  }
  KACHERY_CHECK(place_file(store, file.fd(), file.name(), stored.sha1, stored.size, true));
  return stored;
}

}  // namespace kachery
