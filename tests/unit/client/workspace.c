#include "workspace.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char* what, const char* path) {
  fprintf(stderr, "test set-up: %s %s: ", what, path);
  perror(NULL);
  abort();
}

char* workspace_new(void) {
  const char* base = getenv("TMPDIR");
  char path[4096];
  snprintf(path, sizeof path, "%s/kachery-test-XXXXXX", base != NULL && *base != '\0' ? base : "/tmp");
  if (mkdtemp(path) == NULL || chmod(path, 0755) != 0) die("cannot make", path);
  return strdup(path);
}

static int remove_entry(const char* path, const struct stat* status, int type, struct FTW* walk) {
  (void)status;
  (void)type;
  (void)walk;
  return remove(path);
}

void workspace_remove(char* dir) {
  if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) die("cannot remove", dir);
  free(dir);
}

const char* path_in(const char* dir, const char* name) {
  static char buffers[8][4096];
  static unsigned next;
  char* out = buffers[next++ % 8];
  snprintf(out, sizeof buffers[0], "%s/%s", dir, name);
  return out;
}

void write_file(const char* path, const void* bytes, size_t size) {
  FILE* file = fopen(path, "wb");
  if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) die("cannot write", path);
}

void write_text(const char* path, const char* text) {
  write_file(path, text, strlen(text));
}

char* read_file(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  struct stat status;
  if (file == NULL || fstat(fileno(file), &status) != 0) die("cannot open", path);
  const size_t length = (size_t)status.st_size;
  char* bytes = malloc(length + 1);
  if (bytes == NULL || fread(bytes, 1, length, file) != length) die("cannot read", path);
  bytes[length] = '\0';
  fclose(file);
  if (size != NULL) *size = length;
  return bytes;
}

int file_exists(const char* path) {
  return access(path, F_OK) == 0;
}

int entries_of(const char* dir) {
  DIR* open_dir = opendir(dir);
  if (open_dir == NULL) die("cannot list", dir);
  int count = 0;
  for (const struct dirent* entry = readdir(open_dir); entry != NULL; entry = readdir(open_dir)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) ++count;
  }
  closedir(open_dir);
  return count;
}

void fill(unsigned char* bytes, size_t size, unsigned seed) {
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525u + 1013904223u;
    bytes[i] = (unsigned char)(seed >> 24);
  }
}
