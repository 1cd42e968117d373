// UTF-8 (RFC 3629): checking, repairing, and the order of JavaScript's strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kachery {

// Length (1-4) of the valid UTF-8 sequence at the start of `text`; 0 if there is none. Overlong forms,
// surrogates and code points beyond U+10FFFF are invalid.
std::size_t utf8_sequence(std::string_view text);

bool is_valid_utf8(std::string_view text);

// `text` with every byte that starts no valid sequence replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);

// True if `a` comes before `b` in the order of UTF-16 code units, as JavaScript sorts strings. Both must be
// valid UTF-8 (else the order is some other strict weak order).
bool utf16_less(std::string_view a, std::string_view b);

}  // namespace kachery
