/* Loading, reading and storing through a scripted daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon_fixture.h"
#include "kachery/kachery.h"
#include "workspace.h"

#define ABSENT "0123456789012345678901234567890123456789"
#define ABSENT_URI "sha1://" ABSENT "/label"
#define HELLO "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
#define HELLO_URI "sha1://" HELLO
#define PROGRESS(done, total, node) \
  "{\"type\":\"progress\",\"bytesLoaded\":" #done ",\"bytesTotal\":" #total ",\"nodeId\":" node "}"
#define FINISHED(path) "{\"type\":\"finished\",\"localFilePath\":\"" path "\"}"

struct reports {
  int calls;
  int stop_after;
  uint64_t done[8];
  uint64_t total[8];
  char node[8][65];
};

static int32_t on_progress(void* user, uint64_t done, uint64_t total, const char* node_id) {
  struct reports* reports = user;
  const int i = reports->calls++;
  if (i < 8) {
    reports->done[i] = done;
    reports->total[i] = total;
    snprintf(reports->node[i], sizeof reports->node[i], "%s", node_id != NULL ? node_id : "none");
  }
  return reports->calls == reports->stop_after;
}

struct collected {
  char bytes[256];
  size_t size;
};

static int32_t collect(void* user, const void* bytes, uint64_t size) {
  struct collected* collected = user;
  if (size > sizeof collected->bytes - collected->size) return 1;
  memcpy(collected->bytes + collected->size, bytes, (size_t)size);
  collected->size += (size_t)size;
  return 0;
}

static kachery_status load(struct daemon_fixture* fixture, const char* uri, struct reports* reports,
                           char** path) {
  return kachery_load_file(fixture->client, uri, NULL, NULL, reports != NULL ? on_progress : NULL, reports,
                           path);
}

/* ---- loading */

static void loads_with_progress(void** state) {
  struct daemon_fixture* fixture = *state;
  char* loaded = workspace_new();
  const char* file = path_in(loaded, "file");
  write_text(file, "hello");
  char finished[300];
  snprintf(finished, sizeof finished, FINISHED("%s"), file);
  char body[2000];
  frames(body, sizeof body, 3, PROGRESS(1, 5, "\"" FAKE_NODE_2 "\""), PROGRESS(3, 5, "null"), finished);
  const struct fake_step steps[] = {{.request = "POST /loadFile", .status = 200, .body = body, .piece = 3},
                                    {.request = "POST /loadFile", .status = 200, .body = body}};
  START(fixture, steps);
  struct reports reports = {0};
  char* path = NULL;
  assert_int_equal(load(fixture, "sha1://" ABSENT "?manifest=" HELLO, &reports, &path), KACHERY_OK);
  assert_string_equal(path, file);
  kachery_free(path);
  assert_int_equal(reports.calls, 2);
  assert_int_equal(reports.done[0], 1);
  assert_int_equal(reports.total[0], 5);
  assert_string_equal(reports.node[0], FAKE_NODE_2);
  assert_string_equal(reports.node[1], "none");
  assert_non_null(strstr(fake_request(&fixture->fake, 0),
                         "{\"fileKey\":{\"sha1\":\"" ABSENT "\",\"manifestSha1\":\"" HELLO
                         "\"},\"fromNode\":null}"));

  const char* copy = path_in(loaded, "copy");
  assert_int_equal(kachery_load_file(fixture->client, ABSENT_URI, copy, FAKE_NODE_2, NULL, NULL, &path),
                   KACHERY_OK);
  assert_string_equal(path, copy);
  kachery_free(path);
  char* content = read_file(copy, NULL);
  assert_string_equal(content, "hello");
  free(content);
  assert_int_equal(entries_of(loaded), 2);
  assert_non_null(strstr(fake_request(&fixture->fake, 1), "\"fromNode\":\"" FAKE_NODE_2 "\"}"));
  workspace_remove(loaded);
}

static void local_files_need_no_daemon(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  char* uri = NULL;
  char* path = NULL;
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_OK);
  kill_fake(fixture);
  assert_int_equal(load(fixture, uri, NULL, &path), KACHERY_OK);
  kachery_free(path);
  kachery_free(uri);
}

static void the_daemons_reason_is_passed_on(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct {
    const char* frame;
    kachery_status status;
  } cases[] = {
      {"{\"type\":\"error\",\"error\":\"nobody has it\",\"errorCode\":\"not_found\"}",
       KACHERY_ERROR_NOT_FOUND},
      {"{\"type\":\"error\",\"error\":\"no way to it\",\"errorCode\":\"unreachable\"}",
       KACHERY_ERROR_PROVIDER},
      {"{\"type\":\"error\",\"error\":\"it said no\",\"errorCode\":\"refused\"}", KACHERY_ERROR_REFUSED},
      {"{\"type\":\"error\",\"error\":\"it stopped\",\"errorCode\":\"stalled\"}", KACHERY_ERROR_TIMED_OUT},
      {"{\"type\":\"error\",\"error\":\"wrong bytes\",\"errorCode\":\"damaged\"}", KACHERY_ERROR_DAMAGED},
      {"{\"type\":\"error\",\"error\":\"disk full\",\"errorCode\":\"no_space\"}", KACHERY_ERROR_NO_SPACE},
      {"{\"type\":\"error\",\"error\":\"File not found\"}", KACHERY_ERROR_NOT_FOUND},
      {"{\"type\":\"error\",\"error\":\"oh no\"}", KACHERY_ERROR_REFUSED},
      {"{\"type\":\"error\"}", KACHERY_ERROR_REFUSED},
  };
  enum { count = sizeof cases / sizeof cases[0] };
  struct fake_step steps[count];
  static char bodies[count][300];
  for (int i = 0; i < count; ++i) {
    frames(bodies[i], sizeof bodies[i], 1, cases[i].frame);
    steps[i] = (struct fake_step){.request = "POST /loadFile", .status = 200, .body = bodies[i]};
  }
  START(fixture, steps);
  for (int i = 0; i < count; ++i) {
    char* path = NULL;
    const kachery_status status = load(fixture, ABSENT_URI, NULL, &path);
    if (status != cases[i].status) fail_msg("case %d: status %d: %s", i, status, message(fixture));
    assert_null(path);
    assert_true(strlen(message(fixture)) > 4);
  }
}

static void broken_answers_break_the_protocol(void** state) {
  struct daemon_fixture* fixture = *state;
  char huge[64];
  snprintf(huge, sizeof huge, "%d#{", 1 << 30);
  const char* bodies[] = {
      "",                          /* ends without a result */
      "30#{\"type\":\"progress\"", /* within a frame */
      "garbage",
      "#{}",
      "2#[]",
      "2#{}",
      "8#{\"a\":1}}",
      huge,
      "18#{\"type\":\"unknown\"}",
      "19#{\"type\":\"finished\"}", /* no path */
      "48#{\"type\":\"finished\",\"localFilePath\":\"../../../x\"}",
  };
  enum { count = sizeof bodies / sizeof bodies[0] };
  struct fake_step steps[count];
  for (int i = 0; i < count; ++i) {
    steps[i] = (struct fake_step){.request = "POST /loadFile", .status = 200, .body = bodies[i], .piece = 5};
  }
  START(fixture, steps);
  for (int i = 0; i < count; ++i) {
    char* path = NULL;
    const kachery_status status = load(fixture, ABSENT_URI, NULL, &path);
    if (status != KACHERY_ERROR_PROTOCOL) fail_msg("case %d: status %d: %s", i, status, message(fixture));
    assert_null(path);
  }
}

static void a_daemon_that_ends_while_loading_is_unreachable(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[500];
  frames(body, sizeof body, 1, PROGRESS(1, 5, "null"));
  const struct fake_step steps[] = {
      {.request = "POST /loadFile", .status = 200, .body = body, .piece = 10, .missing = 1}};
  START(fixture, steps);
  char* path = NULL;
  struct reports reports = {0};
  assert_int_equal(load(fixture, ABSENT_URI, &reports, &path), KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(reports.calls, 1);
}

static void a_load_without_progress_times_out(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[500];
  frames(body, sizeof body, 1, PROGRESS(1, 5, "null"));
  const struct fake_step steps[] = {
      {.request = "POST /loadFile", .status = 200, .body = body, .piece = 10, .hang = 1}};
  START(fixture, steps);
  kachery_client* client = client_with(&fixture->fake, fixture->fake.dir, "idle-timeout-ms", "100");
  char* path = NULL;
  assert_int_equal(kachery_load_file(client, ABSENT_URI, NULL, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_TIMED_OUT);
  kachery_client_free(client);
}

static void progress_cancels_a_load(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[500];
  frames(body, sizeof body, 2, PROGRESS(1, 5, "null"), PROGRESS(2, 5, "null"));
  const struct fake_step steps[] = {
      {.request = "POST /loadFile", .status = 200, .body = body, .piece = 10, .hang = 1}};
  START(fixture, steps);
  char* dir = workspace_new();
  struct reports reports = {.stop_after = 1};
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, ABSENT_URI, path_in(dir, "copy"), NULL, on_progress,
                                     &reports, &path),
                   KACHERY_ERROR_CANCELLED);
  assert_int_equal(reports.calls, 1);
  assert_int_equal(entries_of(dir), 0);
  workspace_remove(dir);
}

/* ---- content that only the daemon can read */

#define FAR_AWAY "/nonexistent/storage/file"

static void content_out_of_reach_comes_by_http(void** state) {
  struct daemon_fixture* fixture = *state;
  char body[500];
  frames(body, sizeof body, 1, FINISHED(FAR_AWAY));
  const struct fake_step load_step = {.request = "POST /loadFile", .status = 200, .body = body};
  const struct fake_step bytes = {.request = "POST /downloadFileData", .status = 200, .body = "hello"};
  const struct fake_step range = {.request = "POST /downloadFileData", .status = 200, .body = "ell"};
  const struct fake_step wrong = {.request = "POST /downloadFileData", .status = 200, .body = "jello"};
  const struct fake_step steps[] = {load_step, load_step, bytes,     load_step, bytes,     load_step, range,
                                    load_step, range,     load_step, wrong,     load_step, wrong};
  START(fixture, steps);
  char* dir = workspace_new();
  const char* copy = path_in(dir, "copy");
  char* path = NULL;
  assert_int_equal(load(fixture, HELLO_URI, NULL, &path), KACHERY_ERROR_IO);
  assert_non_null(strstr(message(fixture), FAR_AWAY));

  assert_int_equal(kachery_load_file(fixture->client, HELLO_URI, copy, NULL, NULL, NULL, &path), KACHERY_OK);
  kachery_free(path);
  char* content = read_file(copy, NULL);
  assert_string_equal(content, "hello");
  free(content);
  assert_non_null(strstr(fake_request(&fixture->fake, 2), "\r\n\r\n{\"fileKey\":{\"sha1\":\"" HELLO "\"}}"));

  struct collected whole = {0};
  assert_int_equal(kachery_cat_file(fixture->client, HELLO_URI, 0, KACHERY_TO_END, collect, NULL, &whole),
                   KACHERY_OK);
  assert_memory_equal(whole.bytes, "hello", 5);
  struct collected part = {0};
  assert_int_equal(kachery_cat_file(fixture->client, HELLO_URI, 1, 4, collect, NULL, &part), KACHERY_OK);
  assert_memory_equal(part.bytes, "ell", 3);
  assert_non_null(strstr(fake_request(&fixture->fake, 6), "\"startByte\":1,\"endByte\":4}"));
  assert_int_equal(kachery_cat_file(fixture->client, HELLO_URI, 0, 4, collect, NULL, &part),
                   KACHERY_ERROR_PROTOCOL);

  unlink(copy);
  assert_int_equal(kachery_load_file(fixture->client, HELLO_URI, copy, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_DAMAGED);
  assert_int_equal(entries_of(dir), 0);
  assert_int_equal(kachery_cat_file(fixture->client, HELLO_URI, 0, KACHERY_TO_END, collect, NULL, &part),
                   KACHERY_ERROR_DAMAGED);
  workspace_remove(dir);
}

/* A range of a file with a manifest: only the chunks in it are loaded. */
static void ranges_of_big_files_load_chunks_only(void** state) {
  struct daemon_fixture* fixture = *state;
  start_fake(fixture, NULL, NULL, 0);
  char* ten = NULL;
  assert_int_equal(kachery_store_bytes(fixture->client, "hellohello", 10, NULL, &ten), KACHERY_OK);
  kachery_uri chunk;
  assert_int_equal(kachery_uri_parse(ten, &chunk, NULL), KACHERY_OK);
  char manifest[1000];
  snprintf(manifest, sizeof manifest,
           "{\"size\":30,\"sha1\":\"" ABSENT
           "\",\"chunks\":[{\"start\":0,\"end\":10,\"sha1\":\"%s\"},{\"start\":10,"
           "\"end\":20,\"sha1\":\"" HELLO "\"},{\"start\":20,\"end\":30,\"sha1\":\"%s\"}]}",
           chunk.sha1, chunk.sha1);
  char* manifest_uri = NULL;
  assert_int_equal(kachery_store_bytes(fixture->client, manifest, strlen(manifest), NULL, &manifest_uri),
                   KACHERY_OK);
  char uri[200];
  snprintf(uri, sizeof uri, "sha1://" ABSENT "?manifest=%s", manifest_uri + strlen("sha1://"));

  /* Chunks 1 and 3 are in the store; the daemon is asked for nothing. */
  struct collected part = {0};
  assert_int_equal(kachery_cat_file(fixture->client, uri, 3, 8, collect, NULL, &part), KACHERY_OK);
  assert_int_equal(part.size, 5);
  assert_memory_equal(part.bytes, "lohel", 5);
  struct collected last = {0};
  assert_int_equal(kachery_cat_file(fixture->client, uri, 28, KACHERY_TO_END, collect, NULL, &last),
                   KACHERY_OK);
  assert_int_equal(last.size, 2);
  assert_int_equal(fake_requests(&fixture->fake), 0);
  assert_int_equal(kachery_cat_file(fixture->client, uri, 3, 31, collect, NULL, &part),
                   KACHERY_ERROR_INVALID);

  /* Chunk 2 is not: the fake, without a script, refuses. */
  assert_int_equal(kachery_cat_file(fixture->client, uri, 8, 12, collect, NULL, &part),
                   KACHERY_ERROR_REFUSED);
  assert_non_null(strstr(fake_request(&fixture->fake, 0),
                         "{\"fileKey\":{\"sha1\":\"" HELLO "\",\"chunkOf\":{\"fileKey\":{\"sha1\":\"" ABSENT
                         "\""));
  assert_non_null(strstr(fake_request(&fixture->fake, 0), "\"startByte\":10,\"endByte\":20}"));
  kachery_free(ten);
  kachery_free(manifest_uri);
}

/* ---- storing */

#define STORED(sha1) "{\"success\":true,\"error\":null,\"sha1\":\"" sha1 "\",\"manifestSha1\":null}"

static void sends_bytes_where_it_may_not_write(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {
      {.request = "POST /store", .status = 200, .body = STORED(HELLO)},
      {.request = "POST /store", .status = 403, .body = "old code", .new_auth = "DDDDEEEEFFFF"},
      {.request = "POST /store", .status = 200, .body = STORED(HELLO)},
      {.request = "POST /store",
       .status = 200,
       .body = "{\"success\":true,\"sha1\":\"x\",\"manifestSha1\":null}"},
      {.request = "POST /store",
       .status = 200,
       .body = "{\"success\":false,\"error\":\"full\",\"errorCode\":\"no_space\",\"sha1\":null,"
               "\"manifestSha1\":null}"}};
  START(fixture, steps);
  fake_deny_writing(&fixture->fake);
  char* dir = workspace_new();
  const char* path = path_in(dir, "file");
  write_text(path, "hello");
  char* uri = NULL;
  struct reports reports = {0};
  assert_int_equal(kachery_store_file(fixture->client, path, NULL, on_progress, &reports, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI "/file");
  kachery_free(uri);
  assert_true(reports.calls >= 2);
  assert_non_null(strcasestr(fake_request(&fixture->fake, 0), "\r\ncontent-length: 5\r\n"));
  assert_non_null(strstr(fake_request(&fixture->fake, 0), "\r\n\r\nhello"));

  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_OK);
  kachery_free(uri);
  assert_non_null(
      strstr(fake_request(&fixture->fake, 2), "\r\n\r\nhello")); /* sent once more, from the start */
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_ERROR_PROTOCOL);
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_ERROR_NO_SPACE);
  assert_null(uri);
  workspace_remove(dir);
}

static void sends_big_files_whole(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "POST /store", .status = 200, .body = STORED(HELLO)},
                                    {.request = "POST /store", .status = 200, .body = STORED(HELLO)}};
  START(fixture, steps);
  fake_deny_writing(&fixture->fake);
  char* dir = workspace_new();
  const char* path = path_in(dir, "file");
  const size_t size = 5000000;
  unsigned char* bytes = malloc(size);
  fill(bytes, size, 7);
  write_file(path, bytes, size);
  free(bytes);
  char* uri = NULL;
  struct reports reports = {0};
  assert_int_equal(kachery_store_file(fixture->client, path, "", on_progress, &reports, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI);
  kachery_free(uri);
  assert_true(reports.calls > 2);
  assert_int_equal(reports.total[0], size);
  struct reports stopping = {.stop_after = 2};
  assert_int_equal(kachery_store_file(fixture->client, path, "", on_progress, &stopping, &uri),
                   KACHERY_ERROR_CANCELLED);
  assert_null(uri);
  workspace_remove(dir);
}

static void links_by_path_where_it_may_not_write(void** state) {
  struct daemon_fixture* fixture = *state;
  const struct fake_step steps[] = {{.request = "POST /linkFile", .status = 200, .body = STORED(HELLO)}};
  START(fixture, steps);
  fake_deny_writing(&fixture->fake);
  char* dir = workspace_new();
  const char* path = path_in(dir, "file");
  const char* alias = path_in(dir, "alias");
  write_text(path, "hello");
  assert_return_code(symlink(path, alias), 0);
  char* uri = NULL;
  assert_int_equal(kachery_link_file(fixture->client, alias, NULL, NULL, NULL, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI "/alias");
  kachery_free(uri);
  char* real = realpath(path, NULL);
  char expected[500];
  snprintf(expected, sizeof expected, "{\"localFilePath\":\"%s\",\"size\":5,\"mtime\":", real);
  assert_non_null(strstr(fake_request(&fixture->fake, 0), expected));
  struct stat status;
  stat(path, &status);
  const double mtime =
      strtod(strstr(fake_request(&fixture->fake, 0), "\"mtime\":") + strlen("\"mtime\":"), NULL);
  const double want = (double)status.st_mtim.tv_sec + (double)status.st_mtim.tv_nsec * 1e-9;
  assert_true(mtime - want < 1e-5 && want - mtime < 1e-5);
  free(real);
  workspace_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      DAEMON_TEST(loads_with_progress),
      DAEMON_TEST(local_files_need_no_daemon),
      DAEMON_TEST(the_daemons_reason_is_passed_on),
      DAEMON_TEST(broken_answers_break_the_protocol),
      DAEMON_TEST(a_daemon_that_ends_while_loading_is_unreachable),
      DAEMON_TEST(a_load_without_progress_times_out),
      DAEMON_TEST(progress_cancels_a_load),
      DAEMON_TEST(content_out_of_reach_comes_by_http),
      DAEMON_TEST(ranges_of_big_files_load_chunks_only),
      DAEMON_TEST(sends_bytes_where_it_may_not_write),
      DAEMON_TEST(sends_big_files_whole),
      DAEMON_TEST(links_by_path_where_it_may_not_write),
  };
  return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
