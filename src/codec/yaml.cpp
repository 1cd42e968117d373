#include "codec/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/log.h"

namespace kachery {

namespace {

std::string_view text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

// ---- the core schema (YAML 1.2.2, section 10.3.2)

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool one_of(std::string_view text, std::string_view a, std::string_view b, std::string_view c) {
  return text == a || text == b || text == c;
}

// [0-9]+(\.[0-9]*)? or \.[0-9]+, then ([eE][-+]?[0-9]+)?
bool is_decimal(std::string_view text) {
  const std::size_t e = text.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('-') || exponent.starts_with('+')) exponent.remove_prefix(1);
    if (!all_digits(exponent)) return false;
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return all_digits(text);
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = text.substr(point + 1);
  if (whole.empty()) return all_digits(fraction);
  return all_digits(whole) && (fraction.empty() || all_digits(fraction));
}

enum class Scalar { null, boolean, number, string, beyond };

struct Resolved {
  Scalar kind = Scalar::string;
  Json value;
};

Resolved number_in_base(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || read.ptr != digits.data() + digits.size()) return {};
  if (read.ec != std::errc()) return {Scalar::beyond, {}};
  return {Scalar::number, Json(value)};
}

// What a plain scalar means; `value` is not set for a string.
Resolved resolve(std::string_view text) {
  if (text.empty() || text == "~" || one_of(text, "null", "Null", "NULL")) return {Scalar::null, {}};
  if (one_of(text, "true", "True", "TRUE")) return {Scalar::boolean, Json(true)};
  if (one_of(text, "false", "False", "FALSE")) return {Scalar::boolean, Json(false)};
  if (text.starts_with("0o")) return number_in_base(text.substr(2), 8);
  if (text.starts_with("0x")) return number_in_base(text.substr(2), 16);
  const bool negative = text.starts_with('-');
  const std::string_view unsigned_text = text.substr(negative || text.starts_with('+') ? 1 : 0);
  if (one_of(unsigned_text, ".inf", ".Inf", ".INF") || one_of(text, ".nan", ".NaN", ".NAN")) {
    return {Scalar::beyond, {}};
  }
  if (!is_decimal(unsigned_text)) return {};
  double value = 0;
  const auto read = std::from_chars(unsigned_text.data(), unsigned_text.data() + unsigned_text.size(), value);
  if (read.ec != std::errc()) return {Scalar::beyond, {}};
  return {Scalar::number, Json(negative ? -value : value)};
}

// ---- libyaml's parser and events, freed with their owner

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (yaml_parser_initialize(&parser_) == 0) {
      log_error("out of memory while reading YAML");
      std::abort();
    }
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    // libyaml wants an address for no bytes, too.
    const char* data = text.data() == nullptr ? "" : text.data();
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const yaml_char_t*>(data), text.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }

  // The next event, valid until the next call.
  Result<const yaml_event_t*> next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 0) return fail(problem());
    return &event_;
  }

 private:
  Error problem() const {
    // Only errors of decoding have no mark; theirs is an offset.
    std::size_t line = parser_.problem_mark.line;
    std::size_t column = parser_.problem_mark.column;
    if (parser_.error == YAML_READER_ERROR) {
      const std::string_view before = text_.substr(0, parser_.problem_offset);
      line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
      column = before.size() - (before.rfind('\n') + 1);
    }
    const std::string_view context = parser_.context == nullptr ? "" : parser_.context;
    return {Errc::invalid, fmt::format("not valid YAML at line {}, column {}: {}{}{}", line + 1, column + 1,
                                       context, context.empty() ? "" : ", ",
                                       parser_.problem == nullptr ? "unreadable" : parser_.problem)};
  }

  std::string_view text_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

// True if more lines begin with '%' than limits::yaml_directives: libyaml compares each %TAG with all before
// it. Also counts what is no directive, as a line of quoted text.
bool too_many_directives(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
    // Not only LF ends a line: CR, and three characters whose last bytes are beyond ASCII.
    const std::uint8_t before = at == 0 ? std::uint8_t{'\n'} : static_cast<std::uint8_t>(text[at - 1]);
    const bool line_start = before < 0x20 || before > 0x7e;
    if (line_start && ++count > limits::yaml_directives) return true;
  }
  return false;
}

// ---- events to values

class Builder {
 public:
  Result<Json> build(std::string_view text) {
    Parser parser(text);
    for (;;) {
      KACHERY_TRY(const yaml_event_t* event, parser.next());
      if (event->type == YAML_STREAM_END_EVENT) return std::move(root_);
      KACHERY_CHECK(take(*event));
    }
  }

 private:
  struct Level {
    Json container;
    std::optional<std::string> key;  // of a mapping, while its value is awaited
  };

  template <class... Args>
  static tl::unexpected<Error> fail_at(const yaml_event_t& event, Errc code,
                                       fmt::format_string<Args...> format, Args&&... args) {
    return fail(code, "YAML, line {}, column {}: {}", event.start_mark.line + 1, event.start_mark.column + 1,
                fmt::format(format, std::forward<Args>(args)...));
  }

  Status take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ > 1) return fail_at(event, Errc::invalid, "there must be one document only");
        return {};
      case YAML_ALIAS_EVENT:
        return fail_at(event, Errc::invalid, "aliases (*{}) are not allowed: write the value out",
                       escaped(text_of(event.data.alias.anchor), 60));
      case YAML_SCALAR_EVENT:
        return scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return open(event, Json::array(), event.data.sequence_start.tag, YAML_SEQ_TAG);
      case YAML_MAPPING_START_EVENT:
        return open(event, Json::object(), event.data.mapping_start.tag, YAML_MAP_TAG);
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT: {
        Json done = std::move(levels_.back().container);
        levels_.pop_back();
        add(std::move(done));
        return {};
      }
      default:
        return {};
    }
  }

  Status count(const yaml_event_t& event) {
    if (++nodes_ > limits::yaml_nodes) {
      return fail_at(event, Errc::too_large, "there must be at most {} values", limits::yaml_nodes);
    }
    return {};
  }

  bool key_is_next() const {
    return !levels_.empty() && levels_.back().container.is_object() && !levels_.back().key;
  }

  Status open(const yaml_event_t& event, Json container, const yaml_char_t* tag, std::string_view core_tag) {
    KACHERY_CHECK(count(event));
    if (key_is_next()) return fail_at(event, Errc::invalid, "a key must be a simple value");
    if (levels_.size() >= limits::yaml_depth) {
      return fail_at(event, Errc::too_large, "values must not nest deeper than {} levels",
                     limits::yaml_depth);
    }
    if (tag != nullptr && text_of(tag) != core_tag && text_of(tag) != "!") return unknown_tag(event, tag);
    levels_.push_back({std::move(container), std::nullopt});
    return {};
  }

  Status scalar(const yaml_event_t& event) {
    KACHERY_CHECK(count(event));
    const std::string_view text(reinterpret_cast<const char*>(event.data.scalar.value),
                                event.data.scalar.length);
    if (key_is_next()) return key(event, text);
    KACHERY_TRY(Json value, scalar_value(event, text));
    add(std::move(value));
    return {};
  }

  Status key(const yaml_event_t& event, std::string_view text) {
    if (text.find('\0') != std::string_view::npos)
      return fail_at(event, Errc::invalid, "a key must not contain NUL");
    Level& level = levels_.back();
    if (level.container.contains(text)) {
      return fail_at(event, Errc::invalid, "the key \"{}\" is there twice", escaped(text, 60));
    }
    level.key = std::string(text);
    return {};
  }

  static Result<Json> scalar_value(const yaml_event_t& event, std::string_view text) {
    const auto& scalar = event.data.scalar;
    const std::string_view tag = text_of(scalar.tag);
    const bool untagged = tag.empty();
    if (tag == YAML_STR_TAG || tag == "!") return Json(text);
    if (untagged && scalar.plain_implicit == 0) return Json(text);

    const Resolved resolved = resolve(text);
    if (resolved.kind == Scalar::beyond) {
      return fail_at(event, Errc::invalid, "{} is more than a number can hold: quote it if it is text",
                     escaped(text, 80));
    }
    if (untagged) return resolved.kind == Scalar::string ? Json(text) : resolved.value;
    const bool number_tag = tag == YAML_INT_TAG || tag == YAML_FLOAT_TAG;
    if (!number_tag && tag != YAML_NULL_TAG && tag != YAML_BOOL_TAG) return unknown_tag(event, scalar.tag);
    const bool fits = number_tag             ? resolved.kind == Scalar::number
                      : tag == YAML_NULL_TAG ? resolved.kind == Scalar::null
                                             : resolved.kind == Scalar::boolean;
    const bool whole = tag != YAML_INT_TAG || resolved.value.integer().has_value();
    if (!fits || !whole) {
      return fail_at(event, Errc::invalid, "\"{}\" is not what its tag {} says", escaped(text, 80),
                     escaped(tag, 60));
    }
    return resolved.value;
  }

  static tl::unexpected<Error> unknown_tag(const yaml_event_t& event, const yaml_char_t* tag) {
    return fail_at(event, Errc::invalid, "the tag {} is not one of the core schema",
                   escaped(text_of(tag), 60));
  }

  void add(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = levels_.back(); level.key) {
      level.container.set(*level.key, std::move(value));
      level.key.reset();
    } else {
      level.container.push(std::move(value));
    }
  }

  std::vector<Level> levels_;
  Json root_;
  std::size_t documents_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace

Result<Json> parse_yaml(std::string_view text) {
  if (text.size() > limits::yaml_bytes) {
    return fail(Errc::too_large, "YAML must be at most {} bytes long, got {}", limits::yaml_bytes,
                text.size());
  }
  if (too_many_directives(text)) {
    return fail(Errc::too_large, "YAML must have at most {} lines that begin with %",
                limits::yaml_directives);
  }
  return Builder().build(text);
}

}  // namespace kachery
