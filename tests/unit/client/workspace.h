/* Temporary directories and files for the tests of libkachery. */
#ifndef KACHERY_TEST_WORKSPACE_H
#define KACHERY_TEST_WORKSPACE_H

#include <stddef.h>

/* A new directory below $TMPDIR or /tmp, readable for all; the caller frees the path. Aborts on failure, as
 * all here. */
char* workspace_new(void);
/* Removes it with what is in it, and frees the path. */
void workspace_remove(char* dir);

/* DIR/NAME, in one of a few buffers that are used in turn. */
const char* path_in(const char* dir, const char* name);

void write_file(const char* path, const void* bytes, size_t size);
void write_text(const char* path, const char* text);
/* The content with a NUL behind it; the caller frees it. */
char* read_file(const char* path, size_t* size);
int file_exists(const char* path);
/* Entries of a directory, without . and .. */
int entries_of(const char* dir);

/* Bytes that look random and are the same every time. */
void fill(unsigned char* bytes, size_t size, unsigned seed);

#endif
