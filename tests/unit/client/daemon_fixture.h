/* A scripted daemon and a client of it, for one test. */
#ifndef KACHERY_TEST_DAEMON_FIXTURE_H
#define KACHERY_TEST_DAEMON_FIXTURE_H

#include "fake_daemon.h"
#include "kachery/kachery.h"

struct daemon_fixture {
  struct fake_daemon fake;
  int started;
  kachery_client* client; /* with the fake's storage directory set */
};

/* cmocka fixtures; *state is a struct daemon_fixture. */
int daemon_set_up(void** state);
int daemon_tear_down(void** state);
#define DAEMON_TEST(f) cmocka_unit_test_setup_teardown(f, daemon_set_up, daemon_tear_down)

/* Starts the fake and makes the client. */
void start_fake(struct daemon_fixture* fixture, const char* channels, const struct fake_step* steps,
                size_t count);
#define START(fixture, steps) start_fake(fixture, NULL, steps, sizeof(steps) / sizeof((steps)[0]))
/* Ends the process only, so that its port refuses connections. */
void kill_fake(struct daemon_fixture* fixture);

/* Further clients; `storage_dir` may be NULL. */
kachery_client* client_of(const struct fake_daemon* fake, const char* storage_dir);
kachery_client* client_with(const struct fake_daemon* fake, const char* storage_dir, const char* option,
                            const char* value);

const char* message(const struct daemon_fixture* fixture);

/* "<length>#<json>" for each of `count` texts. */
void frames(char* out, size_t room, int count, ...);

#endif
