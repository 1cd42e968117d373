#include "store/piece_buffer.h"

#include <memory>

namespace kachery {

char* piece_buffer() {
  // Of the thread, since the library may be used in programs that have several.
  thread_local const std::unique_ptr<char[]> buffer = std::make_unique_for_overwrite<char[]>(piece_bytes);
  return buffer.get();
}

}  // namespace kachery
