// /storeFile, /linkFile, /store, /downloadFileData
#include "api/local_api.h"
#include "api/respond.h"
#include "api/upload.h"
#include "base/limits.h"
#include "codec/json_fields.h"

namespace kachery::api {

namespace {

// A job of the store worker whose client waits for the result; given up when the client goes away.
class StoreFlight final : public Flight {
 public:
  StoreFlight(Flights& flights, HttpExchangePtr exchange)
      : flights_(flights), exchange_(std::move(exchange)) {
    exchange_->on_closed([this] { flights_.land(*this); });
  }
  ~StoreFlight() override {
    exchange_->on_closed([] {});
  }

  void keep(WorkerTicketPtr ticket) { ticket_ = std::move(ticket); }

  void done(const Result<StoredFile>& stored) {
    if (stored) {
      exchange_->respond_json(200, stored_file_json(*stored));
    } else {
      respond_error(*exchange_, stored.error());
    }
    flights_.land(*this);
  }

 private:
  Flights& flights_;
  HttpExchangePtr exchange_;
  WorkerTicketPtr ticket_;
};

Status check_local_path(const std::string& path) {
  if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
    return fail(Errc::invalid, "localFilePath must be an absolute path");
  }
  return {};
}

// The bytes of `file` that a request with startByte and endByte means.
Result<ByteRange> requested_range(const OpenFile& file, std::optional<std::int64_t> start,
                                  std::optional<std::int64_t> end) {
  const auto size = static_cast<std::int64_t>(file.length);
  const std::int64_t first = start.value_or(0);
  const std::int64_t last = end.value_or(size);
  if (first < 0 || first > last || last > size) {
    return fail(Errc::invalid, "bytes {} to {} do not lie in a file of {} bytes", first, last, size);
  }
  return ByteRange{static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last)};
}

}  // namespace

void LocalApi::store_local_file(Call call) {
  JsonFields fields(call.body, "/storeFile request");
  const std::string path = fields.string("localFilePath");
  Status status = fields.finish();
  if (status) status = check_local_path(path);
  if (!status) return respond_error(*call.exchange, status.error());
  auto& flight = flights_.launch<StoreFlight>(flights_, call.exchange);
  flight.keep(context_.jobs.store_file(path, {},
                                       [&flight](const Result<StoredFile>& stored) { flight.done(stored); }));
}

void LocalApi::link_local_file(Call call) {
  JsonFields fields(call.body, "/linkFile request");
  const std::string path = fields.string("localFilePath");
  const std::int64_t size = fields.integer("size");
  const double mtime = fields.number("mtime");
  if (fields.ok() && size < 0) fields.problem("size", "must be 0 or more");
  Status status = fields.finish();
  if (status) status = check_local_path(path);
  if (!status) return respond_error(*call.exchange, status.error());
  auto& flight = flights_.launch<StoreFlight>(flights_, call.exchange);
  flight.keep(context_.jobs.link_file(path, static_cast<std::uint64_t>(size), mtime, {},
                                      [&flight](const Result<StoredFile>& stored) { flight.done(stored); }));
}

void LocalApi::store_upload(Call call) {
  flights_.launch<UploadFlight>(flights_, context_.store, context_.jobs, call.exchange).start();
}

void LocalApi::download_file_data(Call call) {
  JsonFields fields(call.body, "/downloadFileData request");
  const Json key_json = fields.object("fileKey");
  const auto start = fields.optional_integer("startByte");
  const auto end = fields.optional_integer("endByte");
  if (const Status status = fields.finish(); !status) return respond_error(*call.exchange, status.error());
  const auto key = FileKey::from_json(key_json);
  if (!key) return respond_error(*call.exchange, key.error());
  auto file = context_.store.open_file(*key);
  if (!file) return respond_error(*call.exchange, file.error());
  const auto range = requested_range(*file, start, end);
  if (!range) return respond_error(*call.exchange, range.error());
  call.exchange->respond_file(200, {{"Content-Type", "application/octet-stream"}}, std::move(file->fd),
                              file->offset + range->start, range->size(), {});
}

}  // namespace kachery::api
