#include "fake_daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace.h"

enum { most_requests = 32, most_bytes = 64 * 1024 };

struct fake_log {
  atomic_int count;
  char text[most_requests][most_bytes];
};

struct request {
  char bytes[most_bytes];
  size_t size;
};

static void send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return; /* the client went away, as some tests want */
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void send_text(int fd, const char* text) {
  send_all(fd, text, strlen(text));
}

/* Reads one request; what does not fit the buffer is read and dropped. 0 if the client went away first. */
static int receive(int fd, struct request* request) {
  size_t wanted = 0; /* head and body, once the head is known */
  size_t received = 0;
  request->size = 0;
  while (wanted == 0 || received < wanted) {
    char buffer[16384];
    const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return 0;
    const size_t room = sizeof request->bytes - 1 - request->size;
    const size_t kept = (size_t)got < room ? (size_t)got : room;
    memcpy(request->bytes + request->size, buffer, kept);
    request->size += kept;
    request->bytes[request->size] = '\0';
    received += (size_t)got;
    const char* end = wanted == 0 ? strstr(request->bytes, "\r\n\r\n") : NULL;
    if (end == NULL) continue;
    const char* length = strcasestr(request->bytes, "\r\ncontent-length:");
    wanted = (size_t)(end - request->bytes) + 4 + (length != NULL ? strtoul(length + 17, NULL, 10) : 0);
    if (strcasestr(request->bytes, "\r\nexpect: 100-continue") != NULL) {
      send_text(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    }
  }
  return 1;
}

static void answer(int fd, const struct fake_step* step) {
  const char* body = step->body != NULL ? step->body : "";
  const size_t size = strlen(body);
  char head[1024];
  if (step->status == 0 && !step->raw) return;
  if (step->raw) {
    send_all(fd, body, size);
  } else if (step->piece > 0) {
    snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nTransfer-Encoding: chunked\r\n%s\r\n", step->status,
             step->headers != NULL ? step->headers : "");
    send_text(fd, head);
    for (size_t at = 0; at < size; at += (size_t)step->piece) {
      const size_t part = size - at < (size_t)step->piece ? size - at : (size_t)step->piece;
      snprintf(head, sizeof head, "%zx\r\n", part);
      send_text(fd, head);
      send_all(fd, body + at, part);
      send_text(fd, "\r\n");
    }
    if (!step->hang && step->missing == 0) send_text(fd, "0\r\n\r\n");
  } else {
    snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n", step->status,
             size + (size_t)step->missing, step->headers != NULL ? step->headers : "");
    send_text(fd, head);
    send_all(fd, body, size);
  }
  char byte;
  while (step->hang && recv(fd, &byte, 1, 0) > 0) continue;
}

static void serve(const struct fake_daemon* fake, int listener, const char* channels,
                  const struct fake_step* steps, size_t count) {
  static struct request request;
  char probe[2048];
  snprintf(
      probe, sizeof probe,
      "{\"success\":true,\"protocolVersion\":\"kachery-p2p-0.7.0p\",\"daemonVersion\":\"kachery-p2p-9.9.9\","
      "\"nodeId\":\"%s\",\"isBootstrapNode\":false,\"webSocketAddress\":null,\"publicUdpSocketAddress\":null,"
      "\"joinedChannels\":%s,\"kacheryStorageDir\":\"%s\"}",
      FAKE_NODE_ID, channels != NULL ? channels : "[]", fake->dir);
  const struct fake_step probe_step = {.request = "GET /probe", .status = 200, .body = probe};
  const struct fake_step unexpected = {.request = "", .status = 599, .body = "not in the script"};
  size_t next = 0;
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0) _exit(1);
    if (receive(fd, &request)) {
      const struct fake_step* step = next < count ? &steps[next] : &unexpected;
      if (strncmp(request.bytes, "GET /probe ", 11) == 0 && strcmp(step->request, "GET /probe") != 0) {
        answer(fd, &probe_step);
      } else {
        const int index = atomic_load(&fake->log->count);
        if (index < most_requests) {
          memcpy(fake->log->text[index], request.bytes, request.size + 1);
          atomic_store(&fake->log->count, index + 1);
        }
        const size_t length = strlen(step->request);
        const int fits = strncmp(request.bytes, step->request, length) == 0 && request.bytes[length] == ' ';
        if (fits && step->new_auth != NULL) write_text(path_in(fake->dir, "client-auth"), step->new_auth);
        if (fits) ++next;
        answer(fd, fits ? step : &unexpected);
      }
    }
    close(fd);
  }
}

void fake_start(struct fake_daemon* fake, const char* channels, const struct fake_step* steps, size_t count) {
  fake->dir = workspace_new();
  write_text(path_in(fake->dir, "kachery-node-id"), FAKE_NODE_ID);
  write_text(path_in(fake->dir, "client-auth"), FAKE_AUTH);
  mkdir(path_in(fake->dir, "sha1"), 0755);
  fake->log = mmap(NULL, sizeof *fake->log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (fake->log == MAP_FAILED || listener < 0 || bind(listener, (struct sockaddr*)&address, length) != 0 ||
      listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr*)&address, &length) != 0) {
    perror("fake daemon");
    abort();
  }
  snprintf(fake->port, sizeof fake->port, "%u", ntohs(address.sin_port));
  fflush(NULL);
  fake->child = fork();
  if (fake->child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (fake->child == 0) serve(fake, listener, channels, steps, count);
  close(listener);
  if (fake->child < 0) abort();
}

void fake_stop(struct fake_daemon* fake) {
  if (fake->child > 0) {
    kill(fake->child, SIGKILL);
    waitpid(fake->child, NULL, 0);
  }
  munmap(fake->log, sizeof *fake->log);
  chmod(path_in(fake->dir, "sha1"), 0755);
  workspace_remove(fake->dir);
}

int fake_requests(const struct fake_daemon* fake) {
  return atomic_load(&fake->log->count);
}

const char* fake_request(const struct fake_daemon* fake, int index) {
  return index < fake_requests(fake) ? fake->log->text[index] : "";
}

void fake_deny_writing(const struct fake_daemon* fake) {
  const char* sha1 = path_in(fake->dir, "sha1");
  const int result = geteuid() == 0 ? chown(sha1, 65534, 65534) : chmod(sha1, 0555);
  if (result != 0) abort();
}
