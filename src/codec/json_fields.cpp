#include "codec/json_fields.h"

#include "base/log.h"

namespace kachery {

JsonFields::JsonFields(const Json& object, std::string_view what) : object_(object), what_(what) {
  if (!object.is_object()) error_ = Error{Errc::invalid, fmt::format("{} must be an object", what)};
}

std::optional<Json> JsonFields::take(std::string_view name, bool required) {
  asked_.emplace(name);
  if (error_) return std::nullopt;
  if (object_.contains(name)) return object_[name];
  if (required) problem(name, "is missing");
  return std::nullopt;
}

std::string JsonFields::string(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return {};
  if (!value->is_string()) problem(name, "must be a string");
  return std::string(value->string());
}

double JsonFields::number(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return 0;
  if (!value->is_number()) problem(name, "must be a number");
  return value->number();
}

std::int64_t JsonFields::integer(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return 0;
  const auto integer = value->integer();
  if (!integer) problem(name, "must be a whole number within 2^53");
  return integer.value_or(0);
}

bool JsonFields::boolean(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return false;
  if (!value->is_boolean()) problem(name, "must be true or false");
  return value->boolean();
}

Json JsonFields::any(std::string_view name) {
  return take(name, true).value_or(Json());
}

Json JsonFields::object(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return {};
  if (value->is_object()) return *value;
  problem(name, "must be an object");
  return {};
}

Json JsonFields::array(std::string_view name) {
  const auto value = take(name, true);
  if (!value) return {};
  if (value->is_array()) return *value;
  problem(name, "must be an array");
  return {};
}

std::optional<std::string> JsonFields::optional_string(std::string_view name) {
  if (!take(name, false)) return std::nullopt;
  return string(name);
}

std::optional<double> JsonFields::optional_number(std::string_view name) {
  if (!take(name, false)) return std::nullopt;
  return number(name);
}

std::optional<std::int64_t> JsonFields::optional_integer(std::string_view name) {
  if (!take(name, false)) return std::nullopt;
  return integer(name);
}

std::optional<bool> JsonFields::optional_boolean(std::string_view name) {
  if (!take(name, false)) return std::nullopt;
  return boolean(name);
}

std::optional<Json> JsonFields::optional_any(std::string_view name) {
  return take(name, false);
}

std::optional<std::string> JsonFields::string_or_null(std::string_view name) {
  const auto value = take(name, true);
  if (!value || value->is_null()) return std::nullopt;
  return string(name);
}

std::optional<double> JsonFields::number_or_null(std::string_view name) {
  const auto value = take(name, true);
  if (!value || value->is_null()) return std::nullopt;
  return number(name);
}

std::optional<std::int64_t> JsonFields::integer_or_null(std::string_view name) {
  const auto value = take(name, true);
  if (!value || value->is_null()) return std::nullopt;
  return integer(name);
}

std::optional<Json> JsonFields::any_or_null(std::string_view name) {
  auto value = take(name, true);
  if (!value || value->is_null()) return std::nullopt;
  return value;
}

void JsonFields::problem(std::string_view field, std::string_view reason) {
  if (!error_) error_ = Error{Errc::invalid, fmt::format("{}: {} {}", what_, field, reason)};
}

Status JsonFields::finish() {
  KACHERY_CHECK(finish_lenient());
  // Each name asked for is counted once, so equal counts mean that nothing else is there.
  std::size_t known = 0;
  for (const std::string& name : asked_) known += object_.contains(name) ? 1 : 0;
  if (known == object_.size()) return {};
  for (const auto& [name, value] : object_.members()) {
    if (!asked_.contains(name)) {
      return fail(Errc::invalid, "{}: unknown field \"{}\"", what_, escaped(name, 100));
    }
  }
  return {};
}

Status JsonFields::finish_lenient() {
  if (error_) return fail(*error_);
  return {};
}

}  // namespace kachery
