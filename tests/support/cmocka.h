/* A test source written for cmocka compiles against this header unchanged, as C or as C++, and its tests run
 * under GoogleTest: cmocka_run_group_tests() registers them, runs them, and takes GoogleTest's command line.
 * Link with cmocka_shim (cmocka_shim.cpp, cmocka_mocks.cpp).
 *
 * A check that fails is reported as a GoogleTest failure with its file and line and ends the test function:
 * by longjmp in C, by an exception in C++, so that destructors run. Not here: the deprecated run_tests()
 * family, the leak checks of test_malloc() (which are plain allocations), and expect_assert_failure(). */
#ifndef CMOCKA_H_
#define CMOCKA_H_

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef uintmax_t LargestIntegralType;
#define cast_to_largest_integral_type(value) ((LargestIntegralType)(value))
#define cast_ptr_to_largest_integral_type(value) ((LargestIntegralType)(uintptr_t)(value))

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tests and groups */

typedef void (*CMUnitTestFunction)(void** state);
typedef int (*CMFixtureFunction)(void** state);

struct CMUnitTest {
  const char* name;
  CMUnitTestFunction test_func;
  CMFixtureFunction setup_func;
  CMFixtureFunction teardown_func;
  void* initial_state;
};

#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
  { #f, f, setup, teardown, state }
#define cmocka_unit_test_prestate(f, state) \
  { #f, f, NULL, NULL, state }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
  { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_setup(f, setup) \
  { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown) \
  { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test(f) \
  { #f, f, NULL, NULL, NULL }

/* Runs the tests and answers how many failed. May be called several times in one program. */
#define cmocka_run_group_tests(tests, setup, teardown) \
  cm_run_group(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
  cm_run_group(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

int cm_run_group(const char* name, const struct CMUnitTest* tests, size_t count, CMFixtureFunction setup,
                 CMFixtureFunction teardown);

enum cm_message_output { CM_OUTPUT_STDOUT, CM_OUTPUT_SUBUNIT, CM_OUTPUT_TAP, CM_OUTPUT_XML };
/* Without effect: see --gtest_output and --gtest_filter. */
void cmocka_set_message_output(enum cm_message_output output);
void cmocka_set_test_filter(const char* pattern);
void cmocka_set_skip_filter(const char* pattern);

__attribute__((format(printf, 1, 2))) void print_message(const char* format, ...);
__attribute__((format(printf, 1, 2))) void print_error(const char* format, ...);

/* ---- ending a test */

__attribute__((noreturn)) void cm_jump_out(void);
#ifdef __cplusplus
}
struct CmStopTest {};
[[noreturn]] inline void cm_stop() {
  throw CmStopTest();
}
extern "C" {
#define CM_STOP_() cm_stop()
#else
#define CM_STOP_() cm_jump_out()
#endif
#define CM_REQUIRE_(check) ((void)((check) || (CM_STOP_(), 0)))
#define CM_HERE_ __FILE__, __LINE__

/* Every function of the form cm_check… reports a failure unless its check holds, and answers whether it does.
 */
__attribute__((format(printf, 3, 4))) int cm_check_never(const char* file, int line, const char* format, ...);
int cm_skip(const char* file, int line);

#define fail() CM_REQUIRE_(cm_check_never(CM_HERE_, "fail()"))
#define fail_msg(...) CM_REQUIRE_(cm_check_never(CM_HERE_, __VA_ARGS__))
#define skip() CM_REQUIRE_(cm_skip(CM_HERE_))

/* ---- checks */

int cm_check_true(int holds, const char* expression, const char* file, int line);
int cm_check_return_code(int rc, int error, const char* expression, const char* file, int line);
int cm_check_int(LargestIntegralType a, LargestIntegralType b, int want_equal, const char* file, int line);
int cm_check_float(double a, double b, double epsilon, int want_equal, const char* file, int line);
int cm_check_string(const char* a, const char* b, int want_equal, const char* file, int line);
int cm_check_memory(const void* a, const void* b, size_t size, int want_equal, const char* file, int line);
int cm_check_range(LargestIntegralType value, LargestIntegralType minimum, LargestIntegralType maximum,
                   int want_inside, const char* file, int line);
int cm_check_set(LargestIntegralType value, const LargestIntegralType* values, size_t count, int want_inside,
                 const char* file, int line);

#define CM_INT_(v) cast_to_largest_integral_type(v)
#define CM_PTR_(v) cast_ptr_to_largest_integral_type(v)

#define assert_true(c) CM_REQUIRE_(cm_check_true(CM_INT_(c) != 0, #c, CM_HERE_))
#define assert_false(c) CM_REQUIRE_(cm_check_true(CM_INT_(c) == 0, "!(" #c ")", CM_HERE_))
#define assert_non_null(c) CM_REQUIRE_(cm_check_true(CM_PTR_(c) != 0, #c " is not NULL", CM_HERE_))
#define assert_null(c) CM_REQUIRE_(cm_check_true(CM_PTR_(c) == 0, #c " is NULL", CM_HERE_))
#define assert_return_code(rc, error) CM_REQUIRE_(cm_check_return_code((int)(rc), error, #rc, CM_HERE_))
#define assert_ptr_equal(a, b) CM_REQUIRE_(cm_check_int(CM_PTR_(a), CM_PTR_(b), 1, CM_HERE_))
#define assert_ptr_not_equal(a, b) CM_REQUIRE_(cm_check_int(CM_PTR_(a), CM_PTR_(b), 0, CM_HERE_))
#define assert_int_equal(a, b) CM_REQUIRE_(cm_check_int(CM_INT_(a), CM_INT_(b), 1, CM_HERE_))
#define assert_int_not_equal(a, b) CM_REQUIRE_(cm_check_int(CM_INT_(a), CM_INT_(b), 0, CM_HERE_))
#define assert_float_equal(a, b, epsilon) CM_REQUIRE_(cm_check_float(a, b, epsilon, 1, CM_HERE_))
#define assert_float_not_equal(a, b, epsilon) CM_REQUIRE_(cm_check_float(a, b, epsilon, 0, CM_HERE_))
#define assert_string_equal(a, b) CM_REQUIRE_(cm_check_string(a, b, 1, CM_HERE_))
#define assert_string_not_equal(a, b) CM_REQUIRE_(cm_check_string(a, b, 0, CM_HERE_))
#define assert_memory_equal(a, b, size) CM_REQUIRE_(cm_check_memory(a, b, size, 1, CM_HERE_))
#define assert_memory_not_equal(a, b, size) CM_REQUIRE_(cm_check_memory(a, b, size, 0, CM_HERE_))
#define assert_in_range(value, minimum, maximum) \
  CM_REQUIRE_(cm_check_range(CM_INT_(value), CM_INT_(minimum), CM_INT_(maximum), 1, CM_HERE_))
#define assert_not_in_range(value, minimum, maximum) \
  CM_REQUIRE_(cm_check_range(CM_INT_(value), CM_INT_(minimum), CM_INT_(maximum), 0, CM_HERE_))
#define assert_in_set(value, values, count) \
  CM_REQUIRE_(cm_check_set(CM_INT_(value), values, count, 1, CM_HERE_))
#define assert_not_in_set(value, values, count) \
  CM_REQUIRE_(cm_check_set(CM_INT_(value), values, count, 0, CM_HERE_))

/* ---- mocks (cmocka_mocks.cpp): values and expectations are queued by function (and parameter), used in
 * order, and must have been used when the test ends. */

#define WILL_RETURN_ALWAYS -1 /* any number of times, but at least once */
#define WILL_RETURN_ONCE -2   /* any number of times, also none */

void cm_will_return(const char* function, LargestIntegralType value, int count, const char* file, int line);
int cm_take_mock(const char* function, LargestIntegralType* value, const char* file, int line);

#define will_return_count(function, value, count) cm_will_return(#function, CM_INT_(value), count, CM_HERE_)
#define will_return(function, value) will_return_count(function, value, 1)
#define will_return_always(function, value) will_return_count(function, value, WILL_RETURN_ALWAYS)
#define will_return_maybe(function, value) will_return_count(function, value, WILL_RETURN_ONCE)

static inline LargestIntegralType cm_mock(const char* function, const char* file, int line) {
  LargestIntegralType value = 0;
  CM_REQUIRE_(cm_take_mock(function, &value, file, line));
  return value;
}
#define mock() cm_mock(__func__, CM_HERE_)
#define mock_type(type) ((type)mock())
#define mock_ptr_type(type) ((type)(uintptr_t)mock())

enum CmExpectation { CM_VALUE, CM_STRING, CM_MEMORY, CM_RANGE, CM_ANY };
/* `a` and `b`: value; string; memory and its size; both ends of the range. */
void cm_expect(const char* function, const char* parameter, enum CmExpectation kind, int want,
               LargestIntegralType a, LargestIntegralType b, int count, const char* file, int line);
int cm_check_expected(const char* function, const char* parameter, LargestIntegralType value,
                      const char* file, int line);

#define CM_EXPECT_(f, p, kind, want, a, b, count) cm_expect(#f, #p, kind, want, a, b, (int)(count), CM_HERE_)
#define expect_value_count(f, p, v, n) CM_EXPECT_(f, p, CM_VALUE, 1, CM_INT_(v), 0, n)
#define expect_value(f, p, v) expect_value_count(f, p, v, 1)
#define expect_not_value_count(f, p, v, n) CM_EXPECT_(f, p, CM_VALUE, 0, CM_INT_(v), 0, n)
#define expect_not_value(f, p, v) expect_not_value_count(f, p, v, 1)
#define expect_string_count(f, p, s, n) CM_EXPECT_(f, p, CM_STRING, 1, CM_PTR_(s), 0, n)
#define expect_string(f, p, s) expect_string_count(f, p, s, 1)
#define expect_not_string_count(f, p, s, n) CM_EXPECT_(f, p, CM_STRING, 0, CM_PTR_(s), 0, n)
#define expect_not_string(f, p, s) expect_not_string_count(f, p, s, 1)
#define expect_memory_count(f, p, m, size, n) CM_EXPECT_(f, p, CM_MEMORY, 1, CM_PTR_(m), size, n)
#define expect_memory(f, p, m, size) expect_memory_count(f, p, m, size, 1)
#define expect_not_memory_count(f, p, m, size, n) CM_EXPECT_(f, p, CM_MEMORY, 0, CM_PTR_(m), size, n)
#define expect_not_memory(f, p, m, size) expect_not_memory_count(f, p, m, size, 1)
#define expect_in_range_count(f, p, low, high, n) \
  CM_EXPECT_(f, p, CM_RANGE, 1, CM_INT_(low), CM_INT_(high), n)
#define expect_in_range(f, p, low, high) expect_in_range_count(f, p, low, high, 1)
#define expect_not_in_range_count(f, p, low, high, n) \
  CM_EXPECT_(f, p, CM_RANGE, 0, CM_INT_(low), CM_INT_(high), n)
#define expect_not_in_range(f, p, low, high) expect_not_in_range_count(f, p, low, high, 1)
#define expect_any_count(f, p, n) CM_EXPECT_(f, p, CM_ANY, 1, 0, 0, n)
#define expect_any(f, p) expect_any_count(f, p, 1)
#define expect_any_always(f, p) expect_any_count(f, p, WILL_RETURN_ALWAYS)

#define check_expected(parameter) \
  CM_REQUIRE_(cm_check_expected(__func__, #parameter, CM_INT_(parameter), CM_HERE_))
#define check_expected_ptr(parameter) \
  CM_REQUIRE_(cm_check_expected(__func__, #parameter, CM_PTR_(parameter), CM_HERE_))

/* ---- allocations of a source that is compiled with UNIT_TESTING */

#define test_malloc(size) malloc(size)
#define test_calloc(count, size) calloc(count, size)
#define test_realloc(pointer, size) realloc(pointer, size)
#define test_free(pointer) free(pointer)

#ifdef __cplusplus
}
#endif

#endif /* CMOCKA_H_ */
