// The C API: statuses, options, handles.
#include <memory>

#include "client/handle.h"
#include "wire/address.h"

using namespace kachery;
using namespace kachery::client;

kachery_status kachery::client::record(kachery_client* client, const Error& error) {
  client->status = status_of(error.code);
  client->message = error.message;
  return client->status;
}

const char* kachery_status_name(kachery_status status) {
  switch (status) {
    case KACHERY_OK:
      return "ok";
    case KACHERY_ERROR_INVALID:
      return "invalid";
    case KACHERY_ERROR_NOT_FOUND:
      return "not found";
    case KACHERY_ERROR_UNREACHABLE:
      return "daemon not reachable";
    case KACHERY_ERROR_UNAUTHORIZED:
      return "not authorized";
    case KACHERY_ERROR_TIMED_OUT:
      return "timed out";
    case KACHERY_ERROR_CANCELLED:
      return "cancelled";
    case KACHERY_ERROR_DAMAGED:
      return "damaged";
    case KACHERY_ERROR_CHANGED:
      return "changed";
    case KACHERY_ERROR_NO_SPACE:
      return "no space";
    case KACHERY_ERROR_IO:
      return "input or output failed";
    case KACHERY_ERROR_PROTOCOL:
      return "protocol broken";
    case KACHERY_ERROR_REFUSED:
      return "refused";
    case KACHERY_ERROR_TOO_LARGE:
      return "too large";
    case KACHERY_ERROR_BUSY:
      return "busy";
    case KACHERY_ERROR_NO_MEMORY:
      return "out of memory";
    case KACHERY_ERROR_PROVIDER:
      return "provider not reachable";
    case KACHERY_ERROR_STORAGE:
      return "storage directory unusable";
    case KACHERY_ERROR_WRONG_DAEMON:
      return "wrong daemon";
    default:
      return "error";
  }
}

void kachery_free(void* string) {
  delete[] static_cast<char*>(string);
}

const char* kachery_version(void) {
  return KACHERY_VERSION;
}
const char* kachery_protocol_version(void) {
  return protocol_version.data();
}

kachery_options* kachery_options_new(void) {
  try {
    return new kachery_options{options_from_environment()};
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

kachery_options* kachery_options_new_empty(void) {
  return new (std::nothrow) kachery_options;
}

kachery_status kachery_options_set(kachery_options* options, const char* name, const char* value) {
  if (!is_option(name)) return KACHERY_ERROR_INVALID;
  try {
    if (value == nullptr) {
      options->values.erase(name);
    } else {
      options->values.insert_or_assign(name, value);
    }
  } catch (const std::bad_alloc&) {
    return KACHERY_ERROR_NO_MEMORY;
  }
  return KACHERY_OK;
}

const char* kachery_options_get(const kachery_options* options, const char* name) {
  const auto found = options->values.find(std::string_view(name));
  return found == options->values.end() ? nullptr : found->second.c_str();
}

void kachery_options_free(kachery_options* options) {
  delete options;
}

kachery_status kachery_client_new(const kachery_options* options, kachery_client** client) {
  *client = nullptr;
  try {
    auto made = std::make_unique<kachery_client>();
    const auto settings = Settings::from(options != nullptr ? options->values : options_from_environment());
    if (settings) {
      made->session.emplace(*settings, made->cancel);
    } else {
      made->options_error = settings.error();
      record(made.get(), settings.error());
    }
    *client = made.release();
    return (*client)->status;
  } catch (const std::bad_alloc&) {
    return KACHERY_ERROR_NO_MEMORY;
  }
}

void kachery_client_free(kachery_client* client) {
  delete client;
}

kachery_status kachery_error_status(const kachery_client* client) {
  return client == nullptr ? KACHERY_ERROR_NO_MEMORY : client->status;
}

const char* kachery_error_message(const kachery_client* client) {
  if (client == nullptr || client->status == KACHERY_ERROR_NO_MEMORY) return "memory is exhausted";
  if (client->status != KACHERY_OK && client->message.empty()) return kachery_status_name(client->status);
  return client->message.c_str();
}

void kachery_cancel(kachery_client* client) {
  client->cancel.request();
}
void kachery_cancel_reset(kachery_client* client) {
  client->cancel.reset();
}
