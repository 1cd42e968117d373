// The opaque handles of the C API, and how its functions run.
#pragma once

#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "client/cancel_token.h"
#include "client/client_error.h"
#include "client/monitor.h"
#include "client/session.h"
#include "client/settings.h"
#include "kachery/kachery.h"

struct kachery_options {
  kachery::client::OptionMap values;
};

struct kachery_client {
  kachery::client::CancelToken cancel;
  std::optional<kachery::client::Session> session;  // absent if the options were bad
  kachery::Error options_error;                     // then: why
  kachery_status status = KACHERY_OK;
  std::string message;
};

namespace kachery::client {

// A copy that kachery_free() releases; throws std::bad_alloc.
inline char* owned_copy(std::string_view text) {
  char* out = new char[text.size() + 1];
  std::memcpy(out, text.data(), text.size());
  out[text.size()] = '\0';
  return out;
}

kachery_status record(kachery_client* client, const Error& error);

// Runs the body of an API function: no exception leaves it, the client keeps its error.
// `body` takes the Session and returns Status.
template <class Body>
kachery_status run(kachery_client* client, Body&& body) noexcept {
  try {
    client->status = KACHERY_OK;
    client->message.clear();
    if (!client->session) return record(client, client->options_error);
    if (client->cancel.requested()) return record(client, cancelled().value());
    client->session->begin_call();
    const Status status = body(*client->session);
    return status ? KACHERY_OK : record(client, status.error());
  } catch (const std::bad_alloc&) {
    client->status = KACHERY_ERROR_NO_MEMORY;
    client->message.clear();
    return client->status;
  } catch (...) {
    client->status = KACHERY_ERROR;
    client->message.clear();
    return client->status;
  }
}

// The same for a body that returns Result<std::string>, which goes to *out (out may be NULL).
template <class Body>
kachery_status run_for_text(kachery_client* client, char** out, Body&& body) noexcept {
  if (out != nullptr) *out = nullptr;
  return run(client, [&](Session& session) -> Status {
    KACHERY_TRY(const std::string text, body(session));
    if (out != nullptr) *out = owned_copy(text);
    return {};
  });
}

inline std::optional<std::string> optional_text(const char* text) {
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace kachery::client
