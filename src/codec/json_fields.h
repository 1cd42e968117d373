// Reads the members of an object that must have exactly known fields: protocol.md section 1 demands that an
// object with an unknown field is refused.
//
//   JsonFields f(json, "checkForFile request");
//   auto type = f.string("requestType");
//   auto size = f.optional_integer("size");
//   KACHERY_CHECK(f.finish());
//
// The first problem is remembered; readers after it return empty values, finish() reports it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace kachery {

class JsonFields {
 public:
  // `what` names the object in errors; both references must outlive this.
  JsonFields(const Json& object, std::string_view what);

  std::string string(std::string_view name);
  double number(std::string_view name);
  std::int64_t integer(std::string_view name);  // integral, within +-2^53
  bool boolean(std::string_view name);
  Json any(std::string_view name);  // present, any type
  Json object(std::string_view name);
  Json array(std::string_view name);

  // Nothing if absent or (for the _or_null ones) null; a wrong type is an error.
  std::optional<std::string> optional_string(std::string_view name);
  std::optional<double> optional_number(std::string_view name);
  std::optional<std::int64_t> optional_integer(std::string_view name);
  std::optional<bool> optional_boolean(std::string_view name);
  std::optional<Json> optional_any(std::string_view name);
  // Must be present, may be null.
  std::optional<std::string> string_or_null(std::string_view name);
  std::optional<double> number_or_null(std::string_view name);
  std::optional<std::int64_t> integer_or_null(std::string_view name);
  std::optional<Json> any_or_null(std::string_view name);

  // Records a problem with a field from outside ("channelLabel", "must have 4 to 160 characters").
  void problem(std::string_view field, std::string_view reason);
  bool ok() const { return !error_; }

  // The first problem, or an error if the object has members that nobody asked for.
  Status finish();
  // The first problem only: for the few objects that may have more fields (protocol.md section 4).
  Status finish_lenient();

 private:
  std::optional<Json> take(std::string_view name, bool required);

  const Json& object_;
  std::string_view what_;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> error_;
};

}  // namespace kachery
