// The pieces of JSON text as JavaScript's JSON.stringify writes them.
#pragma once

#include <string>
#include <string_view>

namespace kachery {

// Appends ECMAScript's Number::toString of `value`: the shortest digits that read back as the same double,
// "1e+21", "1e-7", "0" for -0; "null" for what is not finite, as JSON.stringify has it.
void append_json_number(std::string& out, double value);

// Appends `utf8` quoted. Only ", \ and U+0000-U+001F are escaped.
void append_json_string(std::string& out, std::string_view utf8);

}  // namespace kachery
