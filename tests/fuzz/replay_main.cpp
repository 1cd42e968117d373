// Runs a fuzz target over every file of the given directories: the corpus as a plain test. Every prefix of a
// small file runs too, so that each rule about missing input is met.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"

namespace {

constexpr std::size_t small_file = 2048;

// A copy of its own, so that AddressSanitizer sees a read beyond the end.
void run(const std::string& bytes, std::size_t size) {
  const std::vector<std::uint8_t> copy(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (!file) {
        std::cerr << "cannot read " << entry.path() << "\n";
        return 1;
      }
      std::cout << entry.path().filename().string() << ", " << bytes.size() << " bytes" << std::endl;
      run(bytes, bytes.size());
      if (bytes.size() <= small_file) {
        for (std::size_t size = 0; size < bytes.size(); ++size) run(bytes, size);
      }
      ++files;
    }
  }
  if (files == 0) {
    std::cerr << "no corpus: give directories of input files\n";
    return 1;
  }
  std::cout << files << " files held every property\n";
}
