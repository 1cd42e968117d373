/* Group and test fixtures, states, mocks: what cmocka does, the shim does too. Compiles and passes with the
 * real cmocka as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static int group_state = 5;
static int group_tear_downs;
static char order[32];

static void note(char c) {
  const size_t at = strlen(order);
  if (at + 1 < sizeof order) order[at] = c;
}

static int set_up_group(void** state) {
  *state = &group_state;
  return 0;
}

static int tear_down_group(void** state) {
  ++group_tear_downs;
  return *state == &group_state ? 0 : -1;
}

static int set_up(void** state) {
  note('u');
  *state = malloc(1);
  return *state == NULL;
}

static int tear_down(void** state) {
  note('d');
  free(*state);
  return 0;
}

static void gets_the_groups_state(void** state) {
  assert_ptr_equal(*state, &group_state);
}

static void has_a_state_of_its_own(void** state) {
  note('t');
  assert_non_null(*state);
  assert_ptr_not_equal(*state, &group_state);
}

static void was_set_up_and_torn_down(void** state) {
  (void)state;
  assert_string_equal(order, "utd");
}

static int own_state = 9;
static void gets_its_initial_state(void** state) {
  assert_int_equal(**(int**)state, 9);
}

static void the_first_group_is_gone(void** state) {
  (void)state;
  assert_int_equal(group_tear_downs, 1);
}

static int add(int a, const char* name) {
  check_expected(a);
  check_expected_ptr(name);
  return mock_type(int);
}

static void uses_mocks_in_order(void** state) {
  (void)state;
  expect_value(add, a, 1);
  expect_in_range(add, a, 2, 4);
  expect_not_value(add, a, 0);
  expect_string(add, name, "one");
  expect_any_count(add, name, 2);
  will_return(add, 10);
  will_return_count(add, 20, 2);
  assert_int_equal(add(1, "one"), 10);
  assert_int_equal(add(3, "two"), 20);
  assert_int_equal(add(3, "three"), 20);
}

static void uses_mocks_always(void** state) {
  (void)state;
  expect_any_always(add, a);
  expect_string_count(add, name, "x", 3);
  will_return_always(add, -4);
  will_return_maybe(gets_its_initial_state, 1);
  for (int i = 0; i < 3; ++i) assert_int_equal(add(i, "x"), -4);
}

static void compares(void** state) {
  (void)state;
  const LargestIntegralType set[] = {1, 5, 9};
  const char* nothing = NULL;
  assert_true(nothing == NULL);
  assert_true(order); /* a pointer is a condition too */
  assert_false(nothing);
  assert_null(nothing);
  assert_int_equal(-1, (long)-1);
  assert_int_not_equal(1, 2);
  assert_float_equal(0.1f + 0.2f, 0.3f, 0.0001f);
  assert_float_not_equal(0.1f, 0.2f, 0.01f);
  assert_string_not_equal("a", "b");
  assert_memory_not_equal("abc", "abd", 3);
  assert_not_in_range(7, 1, 6);
  assert_in_set(5, set, 3);
  assert_not_in_set(6, set, 3);
  assert_return_code(7, 0);
  void* memory = test_malloc(4);
  assert_non_null(memory);
  test_free(memory);
}

int main(void) {
  const struct CMUnitTest first[] = {
      cmocka_unit_test(gets_the_groups_state),
      cmocka_unit_test_setup_teardown(has_a_state_of_its_own, set_up, tear_down),
      cmocka_unit_test(was_set_up_and_torn_down),
      cmocka_unit_test(uses_mocks_in_order),
      cmocka_unit_test(uses_mocks_always),
      cmocka_unit_test(compares),
  };
  const struct CMUnitTest second[] = {
      cmocka_unit_test_prestate(gets_its_initial_state, &own_state),
      cmocka_unit_test(the_first_group_is_gone),
  };
  return cmocka_run_group_tests(first, set_up_group, tear_down_group) +
         cmocka_run_group_tests_name("second group", second, NULL, NULL);
}
