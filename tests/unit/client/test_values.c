/* What needs neither a store nor a daemon: URIs, JSON pointers, options, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kachery/kachery.h"

#define HASH "a9993e364706816aba3e25717850c26c9cd0d89d"
#define OTHER "da39a3ee5e6b4b0d3255bfef95601890afd80709"

static void parses_all_parts_of_a_uri(void** state) {
  (void)state;
  kachery_uri parts;
  assert_int_equal(kachery_uri_parse("sha1://" HASH "/some/name.txt?manifest=" OTHER, &parts, NULL),
                   KACHERY_OK);
  assert_string_equal(parts.sha1, HASH);
  assert_string_equal(parts.manifest_sha1, OTHER);
  assert_string_equal(parts.chunk_of_sha1, "");

  assert_int_equal(kachery_uri_parse("sha1://" HASH "?chunkOf=" OTHER "~20~4000000000", &parts, NULL),
                   KACHERY_OK);
  assert_string_equal(parts.manifest_sha1, "");
  assert_string_equal(parts.chunk_of_sha1, OTHER);
  assert_int_equal(parts.chunk_start, 20);
  assert_int_equal(parts.chunk_end, 4000000000u);

  assert_int_equal(kachery_uri_parse("sha1://A9993E364706816ABA3E25717850C26C9CD0D89D", &parts, NULL),
                   KACHERY_OK);
  assert_string_equal(parts.sha1, HASH);
}

static void refuses_what_is_no_uri(void** state) {
  (void)state;
  const char* bad[] = {"",
                       "sha1:/" HASH,
                       "/etc/passwd",
                       "sha1://a9993e",
                       "md5://" HASH,
                       "sha1://" HASH "00",
                       "sha1://" HASH "?manifest=xyz",
                       "sha1://" HASH "?chunkOf=" OTHER "~5~5",
                       "sha1://" HASH "?colour=red"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    kachery_uri parts;
    char* error = NULL;
    if (kachery_uri_parse(bad[i], &parts, &error) != KACHERY_ERROR_INVALID) fail_msg("accepted: %s", bad[i]);
    assert_non_null(error);
    assert_true(strlen(error) > 10);
    assert_null(strchr(error, '\n'));
    assert_string_equal(parts.sha1, "");
    kachery_free(error);
  }
}

static void finds_json_values_by_pointer(void** state) {
  (void)state;
  const char* json = "{\"a/b\":[{\"c\":\"text\"},2.5,null,true],\"~\":{},\"\":7}";
  const struct {
    const char* pointer;
    const char* value; /* NULL: not found */
  } cases[] = {{"/a~1b/0/c", "text"},
               {"/a~1b/1", "2.5"},
               {"/a~1b/2", "null"},
               {"/a~1b/3", "true"},
               {"/~0", "{}"},
               {"/", "7"},
               {"/a~1b/0", "{\"c\":\"text\"}"},
               {"/a~1b/4", NULL},
               {"/a~1b/00", NULL},
               {"/a~1b/-", NULL},
               {"/x", NULL},
               {"/a~1b/0/c/0", NULL},
               {"/~0/nothing", NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    char* value = NULL;
    const kachery_status status = kachery_json_get(json, cases[i].pointer, &value);
    if (cases[i].value == NULL) {
      if (status != KACHERY_ERROR_NOT_FOUND) fail_msg("%s: status %d", cases[i].pointer, status);
      assert_null(value);
    } else {
      if (status != KACHERY_OK) fail_msg("%s: status %d", cases[i].pointer, status);
      assert_string_equal(value, cases[i].value);
    }
    kachery_free(value);
  }
  char* value = NULL;
  assert_int_equal(kachery_json_get(json, "a", &value), KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_json_get(json, "/~2", &value), KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_json_get("{", "", &value), KACHERY_ERROR_INVALID);
  assert_null(value);
}

static void takes_options_from_the_environment(void** state) {
  (void)state;
  setenv("KACHERY_P2P_API_PORT", "1234", 1);
  setenv("KACHERY_STORAGE_DIR", "", 1); /* empty is unset */
  kachery_options* options = kachery_options_new();
  assert_string_equal(kachery_options_get(options, "api-port"), "1234");
  assert_null(kachery_options_get(options, "storage-dir"));
  assert_null(kachery_options_get(options, "no-such-option"));
  assert_int_equal(kachery_options_set(options, "api-port", NULL), KACHERY_OK);
  assert_null(kachery_options_get(options, "api-port"));
  assert_int_equal(kachery_options_set(options, "no-such-option", "1"), KACHERY_ERROR_INVALID);
  kachery_options_free(options);

  options = kachery_options_new_empty();
  assert_null(kachery_options_get(options, "api-port"));
  kachery_options_free(options);
  unsetenv("KACHERY_P2P_API_PORT");
  unsetenv("KACHERY_STORAGE_DIR");
}

static void a_client_with_bad_options_only_says_so(void** state) {
  (void)state;
  const char* bad[][2] = {{"api-port", "0"},          {"api-port", "65536"},    {"api-port", "80 "},
                          {"api-port", "http"},       {"api-host", "a b"},      {"api-host", "x/y"},
                          {"request-timeout-ms", ""}, {"idle-timeout-ms", "-1"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    kachery_options* options = kachery_options_new_empty();
    assert_int_equal(kachery_options_set(options, bad[i][0], bad[i][1]), KACHERY_OK);
    kachery_client* client = NULL;
    if (kachery_client_new(options, &client) != KACHERY_ERROR_INVALID) {
      fail_msg("accepted: %s=%s", bad[i][0], bad[i][1]);
    }
    assert_non_null(client);
    assert_non_null(strstr(kachery_error_message(client), bad[i][0]));
    char* json = NULL;
    assert_int_equal(kachery_probe(client, &json), KACHERY_ERROR_INVALID);
    assert_null(json);
    assert_non_null(strstr(kachery_error_message(client), bad[i][0]));
    kachery_client_free(client);
    kachery_options_free(options);
  }
}

static void names_every_status(void** state) {
  (void)state;
  for (kachery_status status = KACHERY_OK; status <= KACHERY_ERROR_WRONG_DAEMON; ++status) {
    const char* name = kachery_status_name(status);
    assert_true(strlen(name) >= 2);
    for (kachery_status other = KACHERY_OK; other < status; ++other) {
      assert_string_not_equal(name, kachery_status_name(other));
    }
  }
  assert_string_equal(kachery_status_name(-5), "error");
  assert_string_equal(kachery_status_name(1000), "error");
}

static void tells_versions(void** state) {
  (void)state;
  assert_string_equal(kachery_protocol_version(), "kachery-p2p-0.7.0p");
  assert_in_range(kachery_version()[0], '0', '9');
}

static void accepts_null_where_it_may_be(void** state) {
  (void)state;
  kachery_free(NULL);
  kachery_client_free(NULL);
  kachery_options_free(NULL);
  assert_int_equal(kachery_error_status(NULL), KACHERY_ERROR_NO_MEMORY);
  assert_true(strlen(kachery_error_message(NULL)) > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parses_all_parts_of_a_uri),
      cmocka_unit_test(refuses_what_is_no_uri),
      cmocka_unit_test(finds_json_values_by_pointer),
      cmocka_unit_test(takes_options_from_the_environment),
      cmocka_unit_test(a_client_with_bad_options_only_says_so),
      cmocka_unit_test(names_every_status),
      cmocka_unit_test(tells_versions),
      cmocka_unit_test(accepts_null_where_it_may_be),
  };
  return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
