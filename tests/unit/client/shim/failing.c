/* Every test but the last ones fails, on the line that says FAILS HERE; the tests of the shim run this and
 * read the report. After a failure nothing more of the test may run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#define AFTERWARDS printf("ran on after a failure: %s\n", __func__)

static void fails_assert_true(void** state) {
  (void)state;
  assert_true(1 == 2); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_int_equal(void** state) {
  (void)state;
  assert_int_equal(-1, -1);
  assert_int_equal(1, 2); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_string_equal(void** state) {
  (void)state;
  assert_string_equal("same", "same");
  assert_string_equal("one", "other"); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_memory_equal(void** state) {
  (void)state;
  assert_memory_equal("abc", "abd", 2);
  assert_memory_equal("abc", "abd", 3); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_null(void** state) {
  assert_null(NULL);
  assert_null(state); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_in_range(void** state) {
  (void)state;
  assert_in_range(3, 1, 3);
  assert_in_range(4, 1, 3); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_assert_return_code(void** state) {
  (void)state;
  assert_return_code(0, 0);
  assert_return_code(-1, ENOENT); /* FAILS HERE */
  AFTERWARDS;
}

static void fails_fail_msg(void** state) {
  (void)state;
  fail_msg("number %d", 7); /* FAILS HERE */
  AFTERWARDS;
}

static int mocked(int argument) {
  check_expected(argument); /* FAILS HERE */
  return mock_type(int);
}

static void fails_check_expected(void** state) {
  (void)state;
  expect_value(mocked, argument, 1);
  will_return(mocked, 10);
  mocked(2);
  AFTERWARDS;
}

static void fails_leftover_will_return(void** state) {
  (void)state;
  will_return(mocked, 10); /* FAILS HERE */
}

static int failing_set_up(void** state) {
  (void)state;
  assert_true(0); /* FAILS HERE */
  return 0;
}

static void fails_in_set_up(void** state) {
  (void)state;
  AFTERWARDS;
}

static int failing_tear_down(void** state) {
  (void)state;
  assert_true(0); /* FAILS HERE */
  return 0;
}

static void fails_in_tear_down(void** state) {
  (void)state;
}

static void skips(void** state) {
  (void)state;
  skip();
  AFTERWARDS;
}

static void passes(void** state) {
  (void)state;
  expect_value(mocked, argument, 3);
  will_return(mocked, 30);
  assert_int_equal(mocked(3), 30);
}

static int failing_group_set_up(void** state) {
  (void)state;
  return -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fails_assert_true),
      cmocka_unit_test(fails_assert_int_equal),
      cmocka_unit_test(fails_assert_string_equal),
      cmocka_unit_test(fails_assert_memory_equal),
      cmocka_unit_test(fails_assert_null),
      cmocka_unit_test(fails_assert_in_range),
      cmocka_unit_test(fails_assert_return_code),
      cmocka_unit_test(fails_fail_msg),
      cmocka_unit_test(fails_check_expected),
      cmocka_unit_test(fails_leftover_will_return),
      cmocka_unit_test_setup(fails_in_set_up, failing_set_up),
      cmocka_unit_test_teardown(fails_in_tear_down, failing_tear_down),
      cmocka_unit_test(skips),
      cmocka_unit_test(passes),
  };
  const struct CMUnitTest second[] = {cmocka_unit_test(passes)};
  const int failed = cmocka_run_group_tests_name("failing", tests, NULL, NULL);
  const int second_failed = cmocka_run_group_tests_name("broken", second, failing_group_set_up, NULL);
  printf("failed: %d and %d\n", failed, second_failed);
  return failed + second_failed;
}
