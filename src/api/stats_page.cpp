#include "api/stats_page.h"

namespace kachery::api {

namespace {

constexpr std::string_view page_head =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>kachery-p2p node</title>\n"
    "<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}"
    "th,td{border:1px solid #ccc;padding:.2em .5em;text-align:left;vertical-align:top}"
    "th{font-weight:normal;background:#f4f4f4}</style></head>\n<body><h1>kachery-p2p node</h1>\n";
constexpr std::string_view page_end = "\n</body>\n</html>\n";

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
}

void append_value(std::string& out, const Json& value);

void append_row(std::string& out, std::string_view name, const Json& value) {
  out += "<tr><th>";
  append_escaped(out, name);
  out += "</th><td>";
  append_value(out, value);
  out += "</td></tr>\n";
}

// Depth is bounded: the value is our own.
void append_value(std::string& out, const Json& value) {
  switch (value.type()) {
    case Json::Type::object:
      out += "<table>";
      for (const auto& [name, member] : value.members()) append_row(out, name, member);
      out += "</table>";
      break;
    case Json::Type::array:
      if (value.size() == 0) {
        out += "none";
        break;
      }
      out += "<table>";
      for (std::size_t i = 0; i < value.size(); ++i) append_row(out, std::to_string(i + 1), value[i]);
      out += "</table>";
      break;
    case Json::Type::string:
      append_escaped(out, value.string());
      break;
    case Json::Type::null:
      out += "-";
      break;
    default:
      append_escaped(out, value.text());
  }
}

}  // namespace

std::string stats_page(const Json& value) {
  std::string out(page_head);
  append_value(out, value);
  out += page_end;
  return out;
}

}  // namespace kachery::api
