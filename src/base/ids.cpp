#include "base/ids.h"

#include <sodium.h>

namespace kachery {

std::string random_letters(std::size_t n) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string out(n, '\0');
  for (char& c : out) c = letters[randombytes_uniform(static_cast<std::uint32_t>(letters.size()))];
  return out;
}

}  // namespace kachery
