// The store's jobs as the loop asks for them.
#include "store/jobs.h"

#include <sys/mman.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "store/incoming_file.h"
#include "store/job_format.h"

namespace kachery {
namespace {

template <class T, class Parse>
std::function<void(Result<Json>)> parsed(std::function<void(Result<T>)> done, Parse parse) {
  return [done = std::move(done), parse](Result<Json> result) {
    done(std::move(result).and_then([&](const Json& json) { return parse(json); }));
  };
}

// For a failure that is known at once: it goes the worker's way, so that done() comes later.
WorkerTicketPtr submit_failure(Worker& worker, Error error, std::function<void(Result<Json>)> done) {
  const auto replaced = [error = std::move(error), done = std::move(done)](const Result<Json>&) {
    done(fail(error));
  };
  return worker.submit("", Json(), {}, false, {{}, replaced});
}

Result<StoreJobs::RangeHash> range_hash_from_json(const Json& json) {
  StoreJobs::RangeHash hash;
  KACHERY_TRY(hash.range, sha1_from_json(json["range"]));
  KACHERY_TRY(hash.prefix, midstate_from_json(json["prefix"]));
  if (!json["prefixDigest"].is_null()) {
    KACHERY_TRY(hash.prefix_digest, sha1_from_json(json["prefixDigest"]));
  }
  return hash;
}

// Whether the manifest is cut as this network's manifests are.
bool has_standard_chunks(const Manifest& manifest) {
  std::uint64_t start = 0;
  for (const ManifestChunk& chunk : manifest.chunks) {
    const std::uint64_t end = std::min(start + limits::chunk_bytes, manifest.size);
    if (chunk.range != ByteRange{start, end}) return false;
    start = end;
  }
  return start == manifest.size;
}

}  // namespace

WorkerTicketPtr StoreJobs::store_file(const std::string& path, Progress progress, Done<StoredFile> done) {
  return worker_.submit(job::store_file, Json::object({{"path", path_to_json(path)}}), {}, true,
                        {std::move(progress), parsed(std::move(done), stored_from_json)});
}

WorkerTicketPtr StoreJobs::link_file(const std::string& path, std::uint64_t size, double mtime,
                                     Progress progress, Done<StoredFile> done) {
  const Json arguments = Json::object({{"path", path_to_json(path)}, {"size", size}, {"mtime", mtime}});
  return worker_.submit(job::link_file, arguments, {}, true,
                        {std::move(progress), parsed(std::move(done), stored_from_json)});
}

WorkerTicketPtr StoreJobs::commit(IncomingFile file, Done<StoredFile> done) {
  auto digests = file.impl_->finish();
  if (!digests) return submit_failure(worker_, digests.error(), parsed(std::move(done), stored_from_json));
  const Json arguments = Json::object({{"name", path_to_json(file.impl_->file.name())},
                                       {"size", digests->size},
                                       {"sha1", sha1_to_json(digests->file)},
                                       {"manifest", manifest_text_of(*digests)}});
  const int fd = file.impl_->file.fd();
  // Kept until the end, because it owns the temporary name, where there is one.
  const auto kept = std::make_shared<IncomingFile>(std::move(file));
  return worker_.submit(job::commit, arguments, {fd}, true,
                        {{},
                         parsed<StoredFile>([kept, done = std::move(done)](
                                                Result<StoredFile> stored) { done(std::move(stored)); },
                                            stored_from_json)});
}

WorkerTicketPtr StoreJobs::store_bytes(const std::string& bytes, Done<StoredFile> done) {
  const UniqueFd fd(::memfd_create("kachery-bytes", MFD_CLOEXEC));
  const int result = fd ? store_.env().write_all(fd.get(), bytes) : -errno;
  if (result < 0) {
    return submit_failure(worker_, system_error(-result, "cannot hand bytes to the store worker"),
                          parsed(std::move(done), stored_from_json));
  }
  return worker_.submit(job::store_bytes, Json::object({{"size", std::uint64_t{bytes.size()}}}), {fd.get()},
                        true, {{}, parsed(std::move(done), stored_from_json)});
}

WorkerTicketPtr StoreJobs::hash_range(int fd, ByteRange range, std::optional<Sha1Hasher::Midstate> before,
                                      Done<RangeHash> done) {
  const Json arguments =
      Json::object({{"start", range.start}, {"end", range.end}, {"before", midstate_to_json(before)}});
  return worker_.submit(job::hash_range, arguments, {fd}, true,
                        {{}, parsed(std::move(done), range_hash_from_json)});
}

WorkerTicketPtr StoreJobs::commit_partial(PartialFile& partial, Done<StoredFile> done) {
  const Manifest& manifest = partial.manifest();
  const bool standard = wants_manifest(manifest.size) && has_standard_chunks(manifest);
  const Json arguments = Json::object({{"path", path_to_json(partial.path())},
                                       {"recordPath", path_to_json(partial.record_path())},
                                       {"size", manifest.size},
                                       {"sha1", sha1_to_json(manifest.sha1)},
                                       {"manifest", standard ? manifest.text() : std::string()}});
  return worker_.submit(job::commit_partial, arguments, {partial.fd()}, true,
                        {{}, parsed(std::move(done), stored_from_json)});
}

WorkerTicketPtr StoreJobs::remove_stale_partials(std::int64_t max_age_s, Done<std::uint64_t> freed) {
  return worker_.submit(job::remove_partials, Json::object({{"maxAge", max_age_s}}), {}, true,
                        {{}, parsed(std::move(freed), count_from_json)});
}

}  // namespace kachery
