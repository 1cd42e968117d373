// POST /store: a file streamed to the daemon.
#pragma once

#include <optional>

#include "api/flights.h"
#include "net/http_server.h"
#include "store/jobs.h"
#include "store/writer.h"

namespace kachery::api {

// {success: true, error: null, sha1, manifestSha1}
Json stored_file_json(const StoredFile& stored);

// Body -> temporary file on the loop -> commit in the worker -> answer. A client that goes away leaves
// nothing behind. A failure is answered with success: false (and 200), after the rest of the body was read
// and dropped: clients that send everything before they listen would see a broken connection instead.
class UploadFlight final : public Flight {
 public:
  UploadFlight(Flights& flights, const Store& store, StoreJobs& jobs, HttpExchangePtr exchange);
  ~UploadFlight() override;
  void start();

 private:
  enum class State { receiving, dropping, committing, answered };
  void receive(std::string_view piece);
  void received();
  void fail_with(Error error);
  void answer(const Result<StoredFile>& stored);

  Flights& flights_;
  const Store& store_;
  StoreJobs& jobs_;
  HttpExchangePtr exchange_;
  State state_ = State::receiving;
  std::optional<IncomingFile> file_;  // while receiving
  std::optional<Error> error_;        // while dropping
  WorkerTicketPtr ticket_;            // while committing
};

}  // namespace kachery::api
