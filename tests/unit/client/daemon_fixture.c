#include "daemon_fixture.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

int daemon_set_up(void** state) {
  *state = calloc(1, sizeof(struct daemon_fixture));
  return *state == NULL;
}

int daemon_tear_down(void** state) {
  struct daemon_fixture* fixture = *state;
  kachery_client_free(fixture->client);
  if (fixture->started) fake_stop(&fixture->fake);
  free(fixture);
  return 0;
}

void start_fake(struct daemon_fixture* fixture, const char* channels, const struct fake_step* steps,
                size_t count) {
  fake_start(&fixture->fake, channels, steps, count);
  fixture->started = 1;
  fixture->client = client_of(&fixture->fake, fixture->fake.dir);
}

void kill_fake(struct daemon_fixture* fixture) {
  kill(fixture->fake.child, SIGKILL);
  waitpid(fixture->fake.child, NULL, 0);
  fixture->fake.child = 0;
}

kachery_client* client_of(const struct fake_daemon* fake, const char* storage_dir) {
  return client_with(fake, storage_dir, "idle-timeout-ms", "60000");
}

kachery_client* client_with(const struct fake_daemon* fake, const char* storage_dir, const char* option,
                            const char* value) {
  kachery_options* options = kachery_options_new_empty();
  kachery_options_set(options, "api-host", "127.0.0.1");
  kachery_options_set(options, "api-port", fake->port);
  kachery_options_set(options, "storage-dir", storage_dir);
  kachery_options_set(options, option, value);
  kachery_client* client = NULL;
  if (kachery_client_new(options, &client) != KACHERY_OK) abort();
  kachery_options_free(options);
  return client;
}

const char* message(const struct daemon_fixture* fixture) {
  return kachery_error_message(fixture->client);
}

void frames(char* out, size_t room, int count, ...) {
  va_list texts;
  va_start(texts, count);
  size_t at = 0;
  for (int i = 0; i < count; ++i) {
    const char* text = va_arg(texts, const char*);
    at += (size_t)snprintf(out + at, room - at, "%zu#%s", strlen(text), text);
  }
  va_end(texts);
}
