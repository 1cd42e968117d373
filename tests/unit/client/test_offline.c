/* libkachery on a directory, without a daemon. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "kachery/kachery.h"
#include "workspace.h"

#define HELLO_URI "sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"
#define ABSENT_URI "sha1://0123456789012345678901234567890123456789"

struct fixture {
  char* store;
  char* files;
  kachery_client* client;
};

static int set_up(void** state) {
  struct fixture* fixture = calloc(1, sizeof *fixture);
  fixture->store = workspace_new();
  fixture->files = workspace_new();
  kachery_options* options = kachery_options_new_empty();
  kachery_options_set(options, "offline-storage-dir", fixture->store);
  const kachery_status status = kachery_client_new(options, &fixture->client);
  kachery_options_free(options);
  *state = fixture;
  return status;
}

static int tear_down(void** state) {
  struct fixture* fixture = *state;
  kachery_client_free(fixture->client);
  workspace_remove(fixture->store);
  workspace_remove(fixture->files);
  free(fixture);
  return 0;
}

/* Stores a text under its name. The caller frees the URI. */
static char* store_text(struct fixture* fixture, const char* name, const char* text) {
  const char* path = path_in(fixture->files, name);
  write_text(path, text);
  char* uri = NULL;
  kachery_store_file(fixture->client, path, NULL, NULL, NULL, &uri);
  return uri;
}

struct collected {
  char bytes[256];
  size_t size;
  int stop_after; /* calls; 0: never */
  int calls;
};

static int32_t collect(void* user, const void* bytes, uint64_t size) {
  struct collected* collected = user;
  if (size > sizeof collected->bytes - collected->size) return 1;
  memcpy(collected->bytes + collected->size, bytes, (size_t)size);
  collected->size += (size_t)size;
  return ++collected->calls == collected->stop_after;
}

static void stores_and_loads(void** state) {
  struct fixture* fixture = *state;
  char* uri = store_text(fixture, "hello.txt", "hello");
  assert_string_equal(uri, HELLO_URI "/hello.txt");
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &path), KACHERY_OK);
  assert_string_equal(kachery_error_message(fixture->client), "");
  size_t size = 0;
  char* content = read_file(path, &size);
  assert_int_equal(size, 5);
  assert_memory_equal(content, "hello", 5);
  assert_memory_equal(path, fixture->store, strlen(fixture->store));
  free(content);
  kachery_free(path);
  kachery_free(uri);
}

static void labels_are_the_callers_choice(void** state) {
  struct fixture* fixture = *state;
  const char* path = path_in(fixture->files, "x");
  write_text(path, "hello");
  char* uri = NULL;
  assert_int_equal(kachery_store_file(fixture->client, path, "", NULL, NULL, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI);
  kachery_free(uri);
  assert_int_equal(kachery_store_file(fixture->client, path, "what? ever.txt", NULL, NULL, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI "/what%3F ever.txt");
  kachery_uri parts;
  assert_int_equal(kachery_uri_parse(uri, &parts, NULL), KACHERY_OK);
  kachery_free(uri);
}

static void stores_bytes(void** state) {
  struct fixture* fixture = *state;
  char* uri = NULL;
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, "greeting", &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI "/greeting");
  kachery_free(uri);
  assert_int_equal(kachery_store_bytes(fixture->client, NULL, 0, NULL, &uri), KACHERY_OK);
  assert_string_equal(uri, "sha1://da39a3ee5e6b4b0d3255bfef95601890afd80709");
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &path), KACHERY_OK);
  size_t size = 1;
  free(read_file(path, &size));
  assert_int_equal(size, 0);
  kachery_free(path);
  kachery_free(uri);
}

static void links_without_a_copy(void** state) {
  struct fixture* fixture = *state;
  const char* path = path_in(fixture->files, "linked.txt");
  write_text(path, "hello");
  char* uri = NULL;
  assert_int_equal(kachery_link_file(fixture->client, path, NULL, NULL, NULL, &uri), KACHERY_OK);
  assert_string_equal(uri, HELLO_URI "/linked.txt");
  char* loaded = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &loaded), KACHERY_OK);
  assert_string_equal(loaded, path);
  kachery_free(loaded);

  write_text(path, "hello, changed");
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &loaded),
                   KACHERY_ERROR_CHANGED);
  assert_null(loaded);
  assert_non_null(strstr(kachery_error_message(fixture->client), path));
  kachery_free(uri);
}

static void copies_to_a_destination(void** state) {
  struct fixture* fixture = *state;
  char* uri = store_text(fixture, "hello.txt", "hello");
  const char* destination = path_in(fixture->files, "copy");
  write_text(destination, "what was there before, and longer");
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, destination, NULL, NULL, NULL, &path), KACHERY_OK);
  assert_string_equal(path, destination);
  char* content = read_file(destination, NULL);
  assert_string_equal(content, "hello");
  assert_int_equal(entries_of(fixture->files), 2); /* no temporary file left */
  struct stat status;
  stat(destination, &status);
  assert_int_equal(status.st_nlink, 1); /* no link into the store */
  free(content);
  kachery_free(path);
  kachery_free(uri);
}

static void a_linked_file_may_be_its_own_destination(void** state) {
  struct fixture* fixture = *state;
  const char* path = path_in(fixture->files, "linked.txt");
  write_text(path, "hello");
  char* uri = NULL;
  assert_int_equal(kachery_link_file(fixture->client, path, NULL, NULL, NULL, &uri), KACHERY_OK);
  char* loaded = NULL;
  for (int i = 0; i < 2; ++i) { /* the second one finds it unchanged */
    assert_int_equal(kachery_load_file(fixture->client, uri, path, NULL, NULL, NULL, &loaded), KACHERY_OK);
    kachery_free(loaded);
  }
  assert_int_equal(entries_of(fixture->files), 1);
  kachery_free(uri);
}

static void a_destination_behind_a_link_is_replaced_there(void** state) {
  struct fixture* fixture = *state;
  char* uri = store_text(fixture, "hello.txt", "hello");
  const char* target = path_in(fixture->files, "target");
  const char* name = path_in(fixture->files, "name");
  write_text(target, "old");
  assert_return_code(symlink(target, name), 0);
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, name, NULL, NULL, NULL, &path), KACHERY_OK);
  struct stat status;
  lstat(name, &status);
  assert_true(S_ISLNK(status.st_mode));
  char* content = read_file(target, NULL);
  assert_string_equal(content, "hello");
  free(content);
  kachery_free(path);
  assert_int_equal(kachery_load_file(fixture->client, uri, "/dev/null", NULL, NULL, NULL, &path), KACHERY_OK);
  stat("/dev/null", &status);
  assert_true(S_ISCHR(status.st_mode));
  kachery_free(path);
  kachery_free(uri);
}

static void refuses_destinations_that_are_no_files(void** state) {
  struct fixture* fixture = *state;
  char* uri = store_text(fixture, "hello.txt", "hello");
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, fixture->files, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_load_file(fixture->client, uri, "", NULL, NULL, NULL, &path),
                   KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_load_file(fixture->client, uri, path_in(fixture->files, "no/such/dir"), NULL, NULL,
                                     NULL, &path),
                   KACHERY_ERROR_IO);
  assert_null(path);
  kachery_free(uri);
}

static void what_is_absent_is_not_found(void** state) {
  struct fixture* fixture = *state;
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, ABSENT_URI, NULL, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(kachery_error_status(fixture->client), KACHERY_ERROR_NOT_FOUND);
  assert_non_null(strstr(kachery_error_message(fixture->client), "0123456789012345678901234567890123456789"));
  const char* destination = path_in(fixture->files, "copy");
  assert_int_equal(kachery_load_file(fixture->client, ABSENT_URI, destination, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(entries_of(fixture->files), 0);
  struct collected collected = {0};
  assert_int_equal(
      kachery_cat_file(fixture->client, ABSENT_URI, 0, KACHERY_TO_END, collect, NULL, &collected),
      KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(collected.calls, 0);
}

static void bad_arguments_are_invalid(void** state) {
  struct fixture* fixture = *state;
  char* out = NULL;
  assert_int_equal(kachery_load_file(fixture->client, "/etc/passwd", NULL, NULL, NULL, NULL, &out),
                   KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_load_file(fixture->client, ABSENT_URI, NULL, "not-a-node", NULL, NULL, &out),
                   KACHERY_ERROR_INVALID);
  assert_int_equal(kachery_store_file(fixture->client, fixture->files, NULL, NULL, NULL, &out),
                   KACHERY_ERROR_INVALID);
  const char* pipe = path_in(fixture->files, "pipe");
  assert_return_code(mkfifo(pipe, 0600), 0);
  assert_int_equal(kachery_store_file(fixture->client, pipe, NULL, NULL, NULL, &out), KACHERY_ERROR_INVALID);
  assert_int_equal(
      kachery_store_file(fixture->client, path_in(fixture->files, "absent"), NULL, NULL, NULL, &out),
      KACHERY_ERROR_NOT_FOUND);
  assert_int_equal(
      kachery_link_file(fixture->client, path_in(fixture->files, "absent"), NULL, NULL, NULL, &out),
      KACHERY_ERROR_NOT_FOUND);
  assert_null(out);
}

static void gives_ranges(void** state) {
  struct fixture* fixture = *state;
  char* uri = store_text(fixture, "digits", "0123456789");
  const struct {
    uint64_t start, end;
    const char* expected; /* NULL: invalid */
  } cases[] = {{0, KACHERY_TO_END, "0123456789"},
               {3, 7, "3456"},
               {3, KACHERY_TO_END, "3456789"},
               {0, 10, "0123456789"},
               {10, 10, ""},
               {4, 4, ""},
               {0, 11, NULL},
               {11, KACHERY_TO_END, NULL},
               {7, 3, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct collected collected = {0};
    const kachery_status status =
        kachery_cat_file(fixture->client, uri, cases[i].start, cases[i].end, collect, NULL, &collected);
    if (cases[i].expected == NULL) {
      assert_int_equal(status, KACHERY_ERROR_INVALID);
      assert_int_equal(collected.size, 0);
    } else {
      assert_int_equal(status, KACHERY_OK);
      assert_int_equal(collected.size, strlen(cases[i].expected));
      assert_memory_equal(collected.bytes, cases[i].expected, collected.size);
    }
  }
  struct collected stopped = {.stop_after = 1};
  assert_int_equal(kachery_cat_file(fixture->client, uri, 0, KACHERY_TO_END, collect, NULL, &stopped),
                   KACHERY_ERROR_CANCELLED);
  kachery_free(uri);
}

static void finds_files_in_a_listing(void** state) {
  struct fixture* fixture = *state;
  char* hello = store_text(fixture, "hello.txt", "hello");
  char* listing =
      store_text(fixture, "listing",
                 "{\"files\":{\"top.txt\":{\"sha1\":\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\"},"
                 "\"odd\":{}},"
                 "\"dirs\":{\"a\":{\"files\":{},\"dirs\":{\"b\":{\"files\":{\"deep.txt\":"
                 "{\"sha1\":\"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\",\"size\":5}},\"dirs\":{}}}}}}");
  const struct {
    const char* path;
    kachery_status status;
  } cases[] = {{"/top.txt", KACHERY_OK},
               {"/a/b/deep.txt", KACHERY_OK},
               {".json/a/b/deep.txt", KACHERY_OK},
               {"/a/b/none.txt", KACHERY_ERROR_NOT_FOUND},
               {"/x/deep.txt", KACHERY_ERROR_NOT_FOUND},
               {"/top.txt/deeper", KACHERY_ERROR_NOT_FOUND},
               {"/a/b", KACHERY_ERROR_INVALID},
               {"/a/b/", KACHERY_ERROR_INVALID},
               {"", KACHERY_ERROR_INVALID},
               {"/odd", KACHERY_ERROR_DAMAGED}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    char uri[200];
    snprintf(uri, sizeof uri, "sha1dir://%.40s%s", listing + strlen("sha1://"), cases[i].path);
    struct collected collected = {0};
    const kachery_status status =
        kachery_cat_file(fixture->client, uri, 0, KACHERY_TO_END, collect, NULL, &collected);
    if (status != cases[i].status) fail_msg("%s: %d %s", uri, status, kachery_error_message(fixture->client));
    if (status == KACHERY_OK) assert_memory_equal(collected.bytes, "hello", 5);
  }
  char uri[200];
  snprintf(uri, sizeof uri, "sha1dir://%.40s/x", hello + strlen("sha1://"));
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_DAMAGED);
  assert_int_equal(kachery_load_file(fixture->client, "sha1dir://123/x", NULL, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_INVALID);
  kachery_free(hello);
  kachery_free(listing);
}

struct reports {
  uint64_t done, total;
  int calls;
  int went_back;
  kachery_client* cancel_this;
  int stop;
};

static int32_t on_progress(void* user, uint64_t done, uint64_t total, const char* node_id) {
  struct reports* reports = user;
  if (node_id != NULL || done < reports->done) reports->went_back = 1;
  reports->done = done;
  reports->total = total;
  ++reports->calls;
  if (reports->cancel_this != NULL) kachery_cancel(reports->cancel_this);
  return reports->stop;
}

/* A file that is worth a manifest; the caller frees the path. */
static char* big_file(struct fixture* fixture, size_t size) {
  unsigned char* bytes = malloc(size);
  fill(bytes, size, 1);
  char* path = strdup(path_in(fixture->files, "big"));
  write_file(path, bytes, size);
  free(bytes);
  return path;
}

static void big_files_get_a_manifest_and_report_progress(void** state) {
  struct fixture* fixture = *state;
  const size_t size = 20000001;
  char* path = big_file(fixture, size);
  char* uri = NULL;
  struct reports reports = {0};
  assert_int_equal(kachery_store_file(fixture->client, path, NULL, on_progress, &reports, &uri), KACHERY_OK);
  assert_true(reports.calls > 1);
  assert_int_equal(reports.done, size);
  assert_int_equal(reports.total, size);
  assert_false(reports.went_back);
  kachery_uri parts;
  assert_int_equal(kachery_uri_parse(uri, &parts, NULL), KACHERY_OK);
  assert_int_equal(strlen(parts.manifest_sha1), 40);

  struct reports loading = {0};
  const char* copy = path_in(fixture->files, "copy");
  char* loaded = NULL;
  assert_int_equal(kachery_load_file(fixture->client, uri, copy, NULL, on_progress, &loading, &loaded),
                   KACHERY_OK);
  assert_int_equal(loading.done, size);
  size_t copied = 0;
  char* original = read_file(path, NULL);
  char* content = read_file(copy, &copied);
  assert_int_equal(copied, size);
  assert_memory_equal(content, original, size);
  free(original);
  free(content);
  kachery_free(loaded);
  kachery_free(uri);
  free(path);
}

static void progress_can_cancel(void** state) {
  struct fixture* fixture = *state;
  char* path = big_file(fixture, 20000001);
  char* uri = NULL;
  struct reports reports = {.stop = 1};
  assert_int_equal(kachery_store_file(fixture->client, path, NULL, on_progress, &reports, &uri),
                   KACHERY_ERROR_CANCELLED);
  assert_int_equal(reports.calls, 1);
  assert_null(uri);
  reports.calls = 0;
  assert_int_equal(kachery_link_file(fixture->client, path, NULL, on_progress, &reports, &uri),
                   KACHERY_ERROR_CANCELLED);
  assert_null(uri);

  char* hello = store_text(fixture, "hello.txt", "hello");
  char* loaded = NULL;
  const char* destination = path_in(fixture->files, "copy");
  assert_int_equal(
      kachery_load_file(fixture->client, hello, destination, NULL, on_progress, &reports, &loaded),
      KACHERY_ERROR_CANCELLED);
  assert_null(loaded);
  assert_false(file_exists(destination));
  assert_int_equal(entries_of(fixture->files), 2); /* big and hello.txt: no temporary file */
  kachery_free(hello);
  free(path);
}

static void cancelling_lasts_until_it_is_reset(void** state) {
  struct fixture* fixture = *state;
  char* path = big_file(fixture, 20000001);
  char* uri = NULL;
  struct reports reports = {.cancel_this = fixture->client};
  assert_int_equal(kachery_store_file(fixture->client, path, NULL, on_progress, &reports, &uri),
                   KACHERY_ERROR_CANCELLED);
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_ERROR_CANCELLED);
  assert_string_equal(kachery_error_message(fixture->client), "cancelled");
  assert_null(uri);
  kachery_cancel_reset(fixture->client);
  assert_int_equal(kachery_store_bytes(fixture->client, "hello", 5, NULL, &uri), KACHERY_OK);
  kachery_free(uri);
  free(path);
}

static void a_damaged_store_is_told(void** state) {
  struct fixture* fixture = *state;
  char* listing = store_text(fixture, "listing", "{\"files\":{},\"dirs\":{}}");
  char* path = NULL;
  assert_int_equal(kachery_load_file(fixture->client, listing, NULL, NULL, NULL, NULL, &path), KACHERY_OK);
  chmod(path, 0644);
  write_text(path, "{\"files\":{},\"dirs\":[]}");
  kachery_free(path);
  char uri[200];
  snprintf(uri, sizeof uri, "sha1dir://%.40s/x", listing + strlen("sha1://"));
  assert_int_equal(kachery_load_file(fixture->client, uri, NULL, NULL, NULL, NULL, &path),
                   KACHERY_ERROR_DAMAGED);
  kachery_free(listing);
}

static void a_missing_directory_is_told(void** state) {
  struct fixture* fixture = *state;
  kachery_options* options = kachery_options_new_empty();
  kachery_options_set(options, "offline-storage-dir", path_in(fixture->files, "absent"));
  kachery_client* client = NULL;
  assert_int_equal(kachery_client_new(options, &client), KACHERY_OK);
  char* uri = NULL;
  assert_int_equal(kachery_store_bytes(client, "hello", 5, NULL, &uri), KACHERY_ERROR_STORAGE);
  assert_non_null(strstr(kachery_error_message(client), "absent"));
  kachery_client_free(client);
  kachery_options_free(options);
}

static int32_t no_result(void* user, const char* node_id, uint64_t size, const char* json) {
  (void)user;
  (void)node_id;
  (void)size;
  (void)json;
  return 0;
}

static void what_needs_a_daemon_says_so(void** state) {
  struct fixture* fixture = *state;
  char* json = NULL;
  assert_int_equal(kachery_find_file(fixture->client, ABSENT_URI, 0, no_result, NULL),
                   KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(kachery_node_info(fixture->client, &json), KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(kachery_get_channels(fixture->client, &json), KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(kachery_join_channel(fixture->client, "https://example.org/c", 0, NULL),
                   KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(kachery_mutable_get(fixture->client, "\"k\"", &json), KACHERY_ERROR_UNREACHABLE);
  assert_int_equal(kachery_stop_daemon(fixture->client, 0), KACHERY_ERROR_UNREACHABLE);
  assert_non_null(strstr(kachery_error_message(fixture->client), "KACHERY_OFFLINE_STORAGE_DIR"));
  assert_null(json);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(stores_and_loads),
      TEST(labels_are_the_callers_choice),
      TEST(stores_bytes),
      TEST(links_without_a_copy),
      TEST(copies_to_a_destination),
      TEST(a_linked_file_may_be_its_own_destination),
      TEST(a_destination_behind_a_link_is_replaced_there),
      TEST(refuses_destinations_that_are_no_files),
      TEST(what_is_absent_is_not_found),
      TEST(bad_arguments_are_invalid),
      TEST(gives_ranges),
      TEST(finds_files_in_a_listing),
      TEST(big_files_get_a_manifest_and_report_progress),
      TEST(progress_can_cancel),
      TEST(cancelling_lasts_until_it_is_reset),
      TEST(a_damaged_store_is_told),
      TEST(a_missing_directory_is_told),
      TEST(what_needs_a_daemon_says_so),
  };
  return cmocka_run_group_tests_name("offline", tests, NULL, NULL);
}
