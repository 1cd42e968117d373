// will_return(), mock(), expect_…() and check_expected() of the shim.
#include "cmocka_mocks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "cmocka.h"

namespace {

struct Queued {
  CmExpectation kind = CM_ANY;
  bool want = true;
  LargestIntegralType a = 0;
  LargestIntegralType b = 0;
  int count = 1;  // uses left, WILL_RETURN_ALWAYS or WILL_RETURN_ONCE
  bool used = false;
  const char* file = "";
  int line = 0;

  bool satisfied() const { return count == WILL_RETURN_ONCE || (count == WILL_RETURN_ALWAYS && used); }
};

// By function and parameter; a value for mock() has the parameter "".
using Queues = std::map<std::pair<std::string, std::string>, std::deque<Queued>>;

Queues& queues() {
  static Queues all;
  return all;
}

// The next one of a queue, counted down; nothing if there is none.
bool take(const char* function, const char* parameter, Queued* out) {
  const auto found = queues().find({function, parameter});
  if (found == queues().end() || found->second.empty()) return false;
  Queued& front = found->second.front();
  front.used = true;
  *out = front;
  if (front.count > 0 && --front.count == 0) found->second.pop_front();
  return true;
}

const void* pointer(LargestIntegralType value) {
  return reinterpret_cast<const void*>(static_cast<std::uintptr_t>(value));
}

bool fits(const Queued& expected, LargestIntegralType value) {
  switch (expected.kind) {
    case CM_ANY:
      return true;
    case CM_VALUE:
      return (value == expected.a) == expected.want;
    case CM_RANGE:
      return (value >= expected.a && value <= expected.b) == expected.want;
    case CM_STRING:
      return (std::strcmp(static_cast<const char*>(pointer(value)),
                          static_cast<const char*>(pointer(expected.a))) == 0) == expected.want;
    case CM_MEMORY:
      return (std::memcmp(pointer(value), pointer(expected.a), expected.b) == 0) == expected.want;
  }
  return false;
}

}  // namespace

void cmocka_shim::finish_mocks(bool report) {
  for (const auto& [name, queue] : queues()) {
    for (const Queued& left : queue) {
      if (!report || left.satisfied()) continue;
      ADD_FAILURE_AT(left.file, left.line)
          << name.first << "(" << name.second << ") was expected and did not come";
    }
  }
  queues().clear();
}

void cm_will_return(const char* function, LargestIntegralType value, int count, const char* file, int line) {
  queues()[{function, ""}].push_back({CM_ANY, true, value, 0, count, false, file, line});
}

int cm_take_mock(const char* function, LargestIntegralType* value, const char* file, int line) {
  Queued next;
  if (!take(function, "", &next))
    return cm_check_never(file, line, "no will_return() left for %s()", function);
  *value = next.a;
  return 1;
}

void cm_expect(const char* function, const char* parameter, enum CmExpectation kind, int want,
               LargestIntegralType a, LargestIntegralType b, int count, const char* file, int line) {
  queues()[{function, parameter}].push_back({kind, want != 0, a, b, count, false, file, line});
}

int cm_check_expected(const char* function, const char* parameter, LargestIntegralType value,
                      const char* file, int line) {
  Queued next;
  if (!take(function, parameter, &next)) {
    return cm_check_never(file, line, "nothing was expected for %s of %s()", parameter, function);
  }
  if (fits(next, value)) return 1;
  return cm_check_never(file, line, "%s of %s() is not what %s:%d expects", parameter, function, next.file,
                        next.line);
}
