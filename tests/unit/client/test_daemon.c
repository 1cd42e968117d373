/* libkachery against a scripted daemon: authorization, errors, finding, channels, mutables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "kachery/kachery.h"
#include "workspace.h"

#define HASH "0123456789012345678901234567890123456789"
#define URI "sha1://" HASH "/label"

/* ---- who answers */

static void probe_needs_no_authorization(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "GET /probe", .status = 200, .body = "{\"nodeId\":\"x\"}"}};
  START(fixture, steps);
  char* json = NULL;
  assert_int_equal(kachery_probe(fixture->client, &json), KACHERY_OK);
  assert_string_equal(json, "{\"nodeId\":\"x\"}");
  kachery_free(json);
  assert_int_equal(fake_requests(&fixture->fake), 1);
  assert_null(strcasestr(fake_request(&fixture->fake, 0), "kachery-client-auth-code"));
}

static void node_info_is_of_the_daemon_that_owns_the_directory(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  char* json = NULL;
  char* node_id = NULL;
  assert_int_equal(kachery_node_info(fixture->client, &json), KACHERY_OK);
  assert_int_equal(kachery_json_get(json, "/nodeId", &node_id), KACHERY_OK);
  assert_string_equal(node_id, FAKE_NODE_ID);
  kachery_free(node_id);
  kachery_free(json);

  write_text(path_in(fixture->fake.dir, "kachery-node-id"), FAKE_NODE_2);
  assert_int_equal(kachery_node_info(fixture->client, &json), KACHERY_ERROR_WRONG_DAEMON);
  assert_non_null(strstr(message(fixture), "1111111111"));
  assert_non_null(strstr(message(fixture), "2222222222"));
  char* uri = NULL;
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_ERROR_WRONG_DAEMON);

  unlink(path_in(fixture->fake.dir, "kachery-node-id"));
  assert_int_equal(kachery_node_info(fixture->client, &json), KACHERY_ERROR_STORAGE);
  assert_null(json);
  assert_null(uri);
}

static void the_daemon_says_where_its_storage_is(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "POST /mutable/get",
                                     .status = 200,
                                     .body = "{\"success\":true,\"found\":true,\"value\":3}"}};
  START(fixture, steps);
  kachery_client* client = client_of(&fixture->fake, NULL);
  char* value = NULL;
  assert_int_equal(kachery_mutable_get(client, "\"k\"", &value), KACHERY_OK);
  assert_string_equal(value, "3");
  kachery_free(value);
  kachery_client_free(client);
}

static void no_daemon_is_unreachable(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  kachery_client* client = client_of(&fixture->fake, fixture->fake.dir);
  kill_fake(fixture);
  char* json = NULL;
  assert_int_equal(kachery_node_info(client, &json), KACHERY_ERROR_UNREACHABLE);
  assert_non_null(strstr(kachery_error_message(client), fixture->fake.port));
  assert_non_null(strstr(kachery_error_message(client), "refused"));
  assert_int_equal(kachery_load_file(client, URI, NULL, NULL, NULL, NULL, &json), KACHERY_ERROR_UNREACHABLE);

  /* But its owner may store, and read what is there. */
  char* uri = NULL;
  assert_int_equal(kachery_store_bytes(client, "hello", 5, NULL, &uri), KACHERY_OK);
  assert_int_equal(kachery_load_file(client, uri, NULL, NULL, NULL, NULL, &json), KACHERY_OK);
  kachery_free(json);
  kachery_free(uri);
  fake_deny_writing(&fixture->fake);
  assert_int_equal(kachery_store_bytes(client, "hello", 5, NULL, &uri), KACHERY_ERROR_UNREACHABLE);
  kachery_client_free(client);
}

static void a_missing_storage_directory_is_told(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  kachery_client* client = client_of(&fixture->fake, path_in(fixture->fake.dir, "absent"));
  char* json = NULL;
  assert_int_equal(kachery_node_info(client, &json), KACHERY_ERROR_STORAGE);
  assert_non_null(strstr(kachery_error_message(client), "absent"));
  kachery_client_free(client);
}

static void strangers_on_the_port_are_no_daemon(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "GET /probe", .status = 404, .body = "nothing here"},
      {.request = "GET /probe", .status = 200, .body = "<html>"},
      {.request = "GET /probe", .status = 200, .body = "{\"success\":true}"},
      {.request = "GET /probe", .raw = 1, .body = "SSH-2.0-OpenSSH_9.2p1\r\n"},
  };
  START(fixture, steps);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
    char* json = NULL;
    assert_int_equal(kachery_probe(fixture->client, &json), KACHERY_ERROR_PROTOCOL);
    assert_non_null(strstr(message(fixture), "no daemon"));
  }
}

static void a_daemon_that_does_not_answer_is_timed_out(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "GET /probe", .status = 200, .missing = 10, .hang = 1}};
  START(fixture, steps);
  kachery_client* client = client_with(&fixture->fake, fixture->fake.dir, "request-timeout-ms", "200");
  char* json = NULL;
  assert_int_equal(kachery_probe(client, &json), KACHERY_ERROR_TIMED_OUT);
  kachery_client_free(client);
}

static void a_connection_that_breaks_is_unreachable(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "GET /probe", .status = 0},
                                    {.request = "GET /probe", .status = 200, .body = "{", .missing = 10}};
  START(fixture, steps);
  for (int i = 0; i < 2; ++i) {
    char* json = NULL;
    assert_int_equal(kachery_probe(fixture->client, &json), KACHERY_ERROR_UNREACHABLE);
    assert_non_null(strstr(message(fixture), "broke"));
  }
}

/* ---- authorization */

static void requests_carry_the_code(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/set", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  assert_int_equal(kachery_mutable_set(fixture->client, "{\"type\":\"t\"}", "[1,\"x\"]"), KACHERY_OK);
  const char* request = fake_request(&fixture->fake, 0);
  assert_non_null(strcasestr(request, "\r\nkachery-client-auth-code: " FAKE_AUTH "\r\n"));
  assert_non_null(strcasestr(request, "\r\ncontent-type: application/json\r\n"));
  assert_non_null(strstr(request, "\r\n\r\n{\"key\":{\"type\":\"t\"},\"value\":[1,\"x\"]}"));
}

static void a_rotated_code_is_read_again(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/delete", .status = 403, .body = "old code", .new_auth = "DDDDEEEEFFFF"},
      {.request = "POST /mutable/delete", .status = 200, .body = "{\"success\":true}"},
  };
  START(fixture, steps);
  assert_int_equal(kachery_mutable_delete(fixture->client, "\"k\""), KACHERY_OK);
  assert_int_equal(fake_requests(&fixture->fake), 2);
  assert_non_null(strcasestr(fake_request(&fixture->fake, 0), "auth-code: " FAKE_AUTH "\r\n"));
  assert_non_null(strcasestr(fake_request(&fixture->fake, 1), "auth-code: DDDDEEEEFFFF\r\n"));
}

static void a_second_refusal_is_unauthorized(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "POST /mutable/delete", .status = 403, .body = "wrong code"},
                                    {.request = "POST /mutable/delete", .status = 403, .body = "wrong code"}};
  START(fixture, steps);
  assert_int_equal(kachery_mutable_delete(fixture->client, "\"k\""), KACHERY_ERROR_UNAUTHORIZED);
  assert_string_equal(message(fixture), "wrong code");
  assert_int_equal(fake_requests(&fixture->fake), 2);
}

static void the_code_must_be_there_and_be_one(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  const char* path = path_in(fixture->fake.dir, "client-auth");
  write_text(path, "AAAA\r\nX-Evil: 1");
  assert_int_equal(kachery_mutable_delete(fixture->client, "1"), KACHERY_ERROR_STORAGE);
  write_text(path, "");
  assert_int_equal(kachery_mutable_delete(fixture->client, "1"), KACHERY_ERROR_STORAGE);
  unlink(path);
  assert_int_equal(kachery_mutable_delete(fixture->client, "1"), KACHERY_ERROR_STORAGE);
  assert_non_null(strstr(message(fixture), "client-auth"));
  assert_int_equal(fake_requests(&fixture->fake), 0);
}

static void an_unreadable_code_names_the_group(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  const char* path = path_in(fixture->fake.dir, "client-auth");
  assert_return_code(chmod(path, 0040), 0);
  const int root = geteuid() == 0;
  if (root) assert_return_code(chown(path, 0, 54321), 0); /* a group that root is not in */
  if (root) assert_return_code(seteuid(65534), 0);
  const kachery_status for_group = kachery_mutable_delete(fixture->client, "1");
  const int names_group = strstr(message(fixture), "usermod") != NULL;
  if (root) assert_return_code(seteuid(0), 0);
  assert_return_code(chmod(path, 0), 0);
  if (root) assert_return_code(seteuid(65534), 0);
  const kachery_status for_nobody = kachery_mutable_delete(fixture->client, "1");
  const int names_option = strstr(message(fixture), "--auth-group") != NULL;
  if (root) assert_return_code(seteuid(0), 0);
  assert_int_equal(for_group, KACHERY_ERROR_UNAUTHORIZED);
  assert_true(names_group);
  assert_int_equal(for_nobody, KACHERY_ERROR_UNAUTHORIZED);
  assert_true(names_option);
}

/* ---- errors of the daemon */

static void the_daemons_word_decides_the_status(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct {
    struct fake_step step;
    kachery_status status;
  } cases[] = {
      {{.status = 500, .body = "no", .headers = "Kachery-Error: not_found\r\n"}, KACHERY_ERROR_NOT_FOUND},
      {{.status = 500, .body = "no", .headers = "kachery-error:no_space \r\n"}, KACHERY_ERROR_NO_SPACE},
      {{.status = 500, .body = "no", .headers = "Kachery-Error: unreachable\r\n"}, KACHERY_ERROR_PROVIDER},
      {{.status = 500, .body = "no", .headers = "Kachery-Error: stalled\r\n"}, KACHERY_ERROR_TIMED_OUT},
      {{.status = 413, .body = "no", .headers = "Kachery-Error: too_large\r\n"}, KACHERY_ERROR_TOO_LARGE},
      {{.status = 500, .body = "no", .headers = "Kachery-Error: made_up\r\n"}, KACHERY_ERROR_REFUSED},
      {{.status = 500, .body = "no"}, KACHERY_ERROR_REFUSED},
      {{.status = 500, .body = ""}, KACHERY_ERROR_REFUSED},
      {{.status = 404, .body = "unknown path"}, KACHERY_ERROR_PROTOCOL},
      {{.status = 200, .body = "{\"success\":false,\"error\":\"no\"}"}, KACHERY_ERROR_REFUSED},
      {{.status = 200, .body = "{\"success\":false,\"error\":\"no\",\"errorCode\":\"busy\"}"},
       KACHERY_ERROR_BUSY},
      {{.status = 200, .body = "[]"}, KACHERY_ERROR_PROTOCOL},
      {{.status = 200, .body = "{\"success\":true"}, KACHERY_ERROR_PROTOCOL},
  };
  enum { count = sizeof cases / sizeof cases[0] };
  struct fake_step steps[count];
  for (int i = 0; i < count; ++i) {
    steps[i] = cases[i].step;
    steps[i].request = "POST /mutable/set";
  }
  START(fixture, steps);
  for (int i = 0; i < count; ++i) {
    const kachery_status status = kachery_mutable_set(fixture->client, "1", "2");
    if (status != cases[i].status) fail_msg("case %d: status %d: %s", i, status, message(fixture));
    assert_true(strlen(message(fixture)) > 0);
  }
}

static void what_the_daemon_says_is_escaped(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/set", .status = 500, .body = "red \x1b[31m\nline"}};
  START(fixture, steps);
  assert_int_equal(kachery_mutable_set(fixture->client, "1", "2"), KACHERY_ERROR_REFUSED);
  assert_null(strchr(message(fixture), '\x1b'));
  assert_null(strchr(message(fixture), '\n'));
}

/* ---- mutables and channels */

static void mutables_that_are_not_there_are_not_found(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/get",
       .status = 200,
       .body = "{\"success\":true,\"found\":false,\"value\":\"\"}"},
      {.request = "POST /mutable/get", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  char* value = NULL;
  assert_int_equal(kachery_mutable_get(fixture->client, "\"k\"", &value), KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(kachery_mutable_get(fixture->client, "\"k\"", &value), KACHERY_ERROR_PROTOCOL);
  assert_int_equal(kachery_mutable_get(fixture->client, "k", &value), KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_mutable_set(fixture->client, "1", "{"), KACHERY_ERROR_INVALID);
  assert_null(value);
  assert_int_equal(fake_requests(&fixture->fake), 2);
}

#define CONFIG(channels) \
  "{\"success\":true,\"found\":true,\"value\":{\"kept\":1,\"joinedChannels\":[" channels "]}}"
#define OLD_CHANNEL "{\"channelConfigUrl\":\"https://a.example/old\",\"isPublic\":true,\"note\":\"kept\"}"

static void joins_a_first_channel(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/get",
       .status = 200,
       .body = "{\"success\":true,\"found\":false,\"value\":\"\"}"},
      {.request = "POST /mutable/set", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  char* url = NULL;
  assert_int_equal(
      kachery_join_channel(fixture->client, "https://a.example/c.yaml", KACHERY_ROLE_DATA_PROXY, &url),
      KACHERY_OK);
  assert_string_equal(url, "https://a.example/c.yaml");
  kachery_free(url);
  assert_non_null(
      strstr(fake_request(&fixture->fake, 1),
             "{\"key\":\"_joined_channels_config\",\"value\":{\"joinedChannels\":[{\"channelConfigUrl\":"
             "\"https://a.example/c.yaml\",\"isMessageProxy\":false,\"isDataProxy\":true,"
             "\"isPublic\":false}]}}"));
}

static void joining_again_changes_the_roles(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/get", .status = 200, .body = CONFIG(OLD_CHANNEL)},
      {.request = "POST /mutable/set", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  assert_int_equal(
      kachery_join_channel(fixture->client, "https://a.example/old", KACHERY_ROLE_MESSAGE_PROXY, NULL),
      KACHERY_OK);
  assert_non_null(
      strstr(fake_request(&fixture->fake, 1),
             "{\"kept\":1,\"joinedChannels\":[{\"channelConfigUrl\":\"https://a.example/old\","
             "\"isPublic\":false,\"note\":\"kept\",\"isMessageProxy\":true,\"isDataProxy\":false}]}"));
}

static void a_gists_address_loses_its_revision(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/get", .status = 200, .body = CONFIG("")},
      {.request = "POST /mutable/set", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  char* url = NULL;
  assert_int_equal(
      kachery_join_channel(fixture->client,
                           "https://gist.githubusercontent.com/alice/abc/raw/0c1a9671/channel.yaml", 0, &url),
      KACHERY_OK);
  assert_string_equal(url, "https://gist.githubusercontent.com/alice/abc/raw/channel.yaml");
  kachery_free(url);
}

static void refuses_addresses_that_are_none(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  char long_url[600] = "https://a.example/";
  memset(long_url + strlen(long_url), 'a', 490);
  const char* bad[] = {"",        "a.example/c", "ftp://a.example/c",     "file:///etc/passwd",
                       "http://", "https:///c",  "https://a.example/a b", "https://a.example/\n",
                       long_url};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    if (kachery_join_channel(fixture->client, bad[i], 0, NULL) != KACHERY_ERROR_INVALID)
      fail_msg("%s", bad[i]);
  }
  assert_int_equal(kachery_join_channel(fixture->client, "https://a.example/c", 8, NULL),
                   KACHERY_ERROR_INVALID);
  assert_int_equal(fake_requests(&fixture->fake), 0);
}

static void leaves_a_channel(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /mutable/get",
       .status = 200,
       .body = CONFIG(OLD_CHANNEL ",{\"channelConfigUrl\":\"https://a.example/b\"}")},
      {.request = "POST /mutable/set", .status = 200, .body = "{\"success\":true}"},
      {.request = "POST /mutable/get", .status = 200, .body = CONFIG(OLD_CHANNEL)},
      {.request = "POST /mutable/get",
       .status = 200,
       .body = "{\"success\":true,\"found\":true,\"value\":7}"}};
  START(fixture, steps);
  assert_int_equal(kachery_leave_channel(fixture->client, "https://a.example/b"), KACHERY_OK);
  assert_non_null(strstr(fake_request(&fixture->fake, 1), "\"joinedChannels\":[" OLD_CHANNEL "]}"));
  assert_int_equal(kachery_leave_channel(fixture->client, "https://a.example/b"), KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(kachery_leave_channel(fixture->client, "https://a.example/b"), KACHERY_ERROR_DAMAGED);
}

static void lists_the_channels_of_the_daemon(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, "[" OLD_CHANNEL "]", NULL, 0);
  char* json = NULL;
  assert_int_equal(kachery_get_channels(fixture->client, &json), KACHERY_OK);
  assert_string_equal(json, "[" OLD_CHANNEL "]");
  kachery_free(json);
}

/* ---- finding */

struct results {
  int count;
  int stop_after;
  char node[65];
  uint64_t size;
};

static int32_t on_result(void* user, const char* node_id, uint64_t size, const char* json) {
  struct results* results = user;
  snprintf(results->node, sizeof results->node, "%s", node_id);
  results->size = size;
  if (strstr(json, node_id) == NULL) return 1;
  return ++results->count == results->stop_after;
}

#define RESULT_1 "{\"nodeId\":\"" FAKE_NODE_ID "\",\"fileKey\":{\"sha1\":\"" HASH "\"},\"fileSize\":123}"
#define RESULT_2 "{\"nodeId\":\"" FAKE_NODE_2 "\",\"fileKey\":{\"sha1\":\"" HASH "\"},\"fileSize\":124}"

static void finds_nodes(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[1000];
  frames(body, sizeof body, 2, RESULT_1, RESULT_2);
  const struct fake_step steps[] = {{.request = "POST /findFile", .status = 200, .body = body, .piece = 7}};
  START(fixture, steps);
  struct results results = {0};
  assert_int_equal(kachery_find_file(fixture->client, URI, 1500, on_result, &results), KACHERY_OK);
  assert_int_equal(results.count, 2);
  assert_string_equal(results.node, FAKE_NODE_2);
  assert_int_equal(results.size, 124);
  assert_non_null(
      strstr(fake_request(&fixture->fake, 0), "{\"fileKey\":{\"sha1\":\"" HASH "\"},\"timeoutMsec\":1500}"));
}

static void finding_can_end_early(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[1000];
  frames(body, sizeof body, 2, RESULT_1, RESULT_2);
  const struct fake_step steps[] = {
      {.request = "POST /findFile", .status = 200, .body = body, .piece = 50, .hang = 1}};
  START(fixture, steps);
  struct results results = {.stop_after = 1};
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_OK);
  assert_int_equal(results.count, 1);
}

static void finding_nothing_is_not_found(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "POST /findFile", .status = 200, .body = "", .piece = 1},
                                    {.request = "POST /findFile", .status = 200, .body = "12#{}"},
                                    {.request = "POST /findFile", .status = 200, .body = "2#{}"},
                                    {.request = "POST /findFile", .status = 200, .body = "nonsense"}};
  START(fixture, steps);
  struct results results = {0};
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_ERROR_PROTOCOL);
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_ERROR_PROTOCOL);
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_ERROR_PROTOCOL);
  assert_int_equal(results.count, 0);
  assert_int_equal(kachery_find_file(fixture->client, "x", 0, on_result, &results), KACHERY_ERROR_INVALID);
}

/* ---- stopping and cancelling */

static void stopping_waits_for_the_end(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "GET /halt", .status = 200, .body = "{\"success\":true}"},
                                    {.request = "GET /halt", .status = 200, .body = "{\"success\":true}"},
                                    {.request = "GET /probe", .status = 200, .body = "{\"nodeId\":\"x\"}"},
                                    {.request = "GET /probe", .status = 0},
                                    {.request = "GET /halt", .status = 200, .body = "{\"success\":true}"}};
  START(fixture, steps);
  assert_int_equal(kachery_stop_daemon(fixture->client, 0), KACHERY_OK);
  assert_non_null(strcasestr(fake_request(&fixture->fake, 0), "auth-code: " FAKE_AUTH));
  assert_int_equal(fake_requests(&fixture->fake), 1);
  assert_int_equal(kachery_stop_daemon(fixture->client, 10000), KACHERY_OK);
  assert_int_equal(fake_requests(&fixture->fake), 4);
  /* From here on the fake answers every probe. */
  assert_int_equal(kachery_stop_daemon(fixture->client, 60), KACHERY_ERROR_TIMED_OUT);
}

static kachery_client* alarmed;
static void on_alarm(int signal) {
  (void)signal;
  kachery_cancel(alarmed);
}

static void a_signal_handler_can_cancel_a_wait(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /findFile", .status = 200, .body = "", .piece = 1, .hang = 1}};
  START(fixture, steps);
  alarmed = fixture->client;
  signal(SIGALRM, on_alarm);
  const struct itimerval soon = {.it_value = {.tv_usec = 100000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  struct results results = {0};
  assert_int_equal(kachery_find_file(fixture->client, URI, 0, on_result, &results), KACHERY_ERROR_CANCELLED);
  signal(SIGALRM, SIG_DFL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAEMON_TEST(probe_needs_no_authorization),
      DAEMON_TEST(node_info_is_of_the_daemon_that_owns_the_directory),
      DAEMON_TEST(the_daemon_says_where_its_storage_is),
      DAEMON_TEST(no_daemon_is_unreachable),
      DAEMON_TEST(a_missing_storage_directory_is_told),
      DAEMON_TEST(strangers_on_the_port_are_no_daemon),
      DAEMON_TEST(a_daemon_that_does_not_answer_is_timed_out),
      DAEMON_TEST(a_connection_that_breaks_is_unreachable),
      DAEMON_TEST(requests_carry_the_code),
      DAEMON_TEST(a_rotated_code_is_read_again),
      DAEMON_TEST(a_second_refusal_is_unauthorized),
      DAEMON_TEST(the_code_must_be_there_and_be_one),
      DAEMON_TEST(an_unreadable_code_names_the_group),
      DAEMON_TEST(the_daemons_word_decides_the_status),
      DAEMON_TEST(what_the_daemon_says_is_escaped),
      DAEMON_TEST(mutables_that_are_not_there_are_not_found),
      DAEMON_TEST(joins_a_first_channel),
      DAEMON_TEST(joining_again_changes_the_roles),
      DAEMON_TEST(a_gists_address_loses_its_revision),
      DAEMON_TEST(refuses_addresses_that_are_none),
      DAEMON_TEST(leaves_a_channel),
      DAEMON_TEST(lists_the_channels_of_the_daemon),
      DAEMON_TEST(finds_nodes),
      DAEMON_TEST(finding_can_end_early),
      DAEMON_TEST(finding_nothing_is_not_found),
      DAEMON_TEST(stopping_waits_for_the_end),
      DAEMON_TEST(a_signal_handler_can_cancel_a_wait),
  };
  return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
