// What one client handle works with.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "client/cancel_token.h"
#include "client/daemon.h"
#include "client/monitor.h"
#include "client/settings.h"
#include "codec/file_key.h"
#include "store/store.h"

namespace kachery::client {

class Session {
 public:
  // `cancel` must outlive it.
  Session(Settings settings, const CancelToken& cancel)
      : settings_(std::move(settings)), cancel_(cancel), daemon_(settings_, cancel) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Settings& settings() const { return settings_; }
  const CancelToken& cancel() const { return cancel_; }
  bool offline() const { return settings_.offline_dir.has_value(); }

  // At the start of every call.
  void begin_call() { daemon_.forget(); }

  // The daemon, for what only it can do; an error in offline mode.
  Result<Daemon*> daemon();

  // The storage directory for looking up local files: the one set (or offline), else the daemon's, else the
  // default one if it exists. Nothing if there is none: then the daemon's error is worth reporting.
  std::optional<std::string> reading_dir();

  // The storage directory in which this process may store, or nothing if the daemon has to do it. Works
  // without a running daemon; but a daemon of another directory is an error (errc_wrong_daemon), since it
  // would never serve the file.
  Result<std::optional<std::string>> writing_dir();

  // Opens a local copy: Errc::not_found also where the directory is unknown.
  Result<OpenFile> open_local(const FileKey& key);

 private:
  Settings settings_;
  const CancelToken& cancel_;
  Daemon daemon_;
};

}  // namespace kachery::client
