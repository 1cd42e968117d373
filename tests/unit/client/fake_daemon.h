/* A daemon for tests: a child process that speaks HTTP on a port of the kernel's choice and follows a script.
 */
#ifndef KACHERY_TEST_FAKE_DAEMON_H
#define KACHERY_TEST_FAKE_DAEMON_H

#include <stddef.h>
#include <sys/types.h>

#define FAKE_NODE_ID "1111111111111111111111111111111111111111111111111111111111111111"
#define FAKE_NODE_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define FAKE_AUTH "AAAABBBBCCCC"

/* What becomes of one request. */
struct fake_step {
  const char* request;  /* "POST /loadFile", and it must be that one, else the answer is 599 */
  int status;           /* 0: the connection is closed without an answer */
  const char* body;     /* NULL: empty */
  const char* headers;  /* NULL, or lines that end with \r\n */
  int missing;          /* bytes that Content-Length announces and that never come */
  int raw;              /* body is sent as it is, without any head */
  int hang;             /* after the body nothing happens until the client goes away */
  int piece;            /* sent chunked, in pieces of so many bytes; 0: with Content-Length */
  const char* new_auth; /* written to client-auth before the answer */
};

struct fake_daemon {
  char* dir;    /* the storage directory, with kachery-node-id and client-auth */
  char port[8]; /* for the option api-port */
  pid_t child;
  struct fake_log* log;
};

/* /probe is answered without a step, with `channels` (a JSON array, or NULL) as joined channels. */
void fake_start(struct fake_daemon* fake, const char* channels, const struct fake_step* steps, size_t count);
/* Ends it and removes its directory. */
void fake_stop(struct fake_daemon* fake);

/* Requests so far, /probe excepted, and one of them: head, empty line, body, NUL. */
int fake_requests(const struct fake_daemon* fake);
const char* fake_request(const struct fake_daemon* fake, int index);

/* Makes sha1/ of the storage one that this user does not own, so that bytes have to be sent. */
void fake_deny_writing(const struct fake_daemon* fake);

#endif
