/* clang-format off */
/* libkachery: store and load content-addressed files, through a kachery-p2p daemon or in a directory.
 *
 * A file is named by its content: kachery_store_file() answers sha1://HASH/NAME, and kachery_load_file() of
 * that URI, on any node of a common channel, finds the bytes, checks them, and gives the path of a local
 * copy.
 *
 *     kachery_client* client;
 *     char* path;
 *     if (kachery_client_new(NULL, &client) != KACHERY_OK ||
 *         kachery_load_file(client, uri, NULL, NULL, NULL, NULL, &path) != KACHERY_OK)
 *       fprintf(stderr, "%s\n", kachery_error_message(client));
 *     ...
 *     kachery_free(path);
 *     kachery_client_free(client);
 *
 * Conventions
 *   Strings    are UTF-8 and end with NUL; paths are bytes, as the operating system takes them. Strings given
 *              to a function are only read, and only until it returns.
 *   Ownership  what comes back through a char** is the caller's: give it to kachery_free(). It is NULL after a
 *              failure. Strings that come back as const char* belong to the library.
 *   Sizes      are bytes, times milliseconds; byte ranges are [start, end).
 *   Errors     every function that can fail returns a kachery_status; kachery_error_message() has the words.
 *   Optional   arguments may be NULL where the comment says so; every other pointer must not be.
 *   Threads    one handle, one thread at a time; different handles are independent. kachery_cancel() alone may
 *              be called from anywhere. The library starts no threads and installs no signal handlers.
 *   Callbacks  run in the calling thread, inside the call. They must return (no longjmp, no exception) and must
 *              not use the handle, except for kachery_cancel().
 *   Stability  functions and constants may be added; what is here keeps its meaning. Handle unknown statuses
 *              like KACHERY_ERROR. */
/* clang-format on */
#ifndef KACHERY_KACHERY_H
#define KACHERY_KACHERY_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define KACHERY_API __attribute__((visibility("default")))
#else
#define KACHERY_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- statuses --------------------------------------------------------------------------------------------
 */

typedef int32_t kachery_status;

/* The first seven are also the exit statuses of the commands; all others exit with 1, cancelling with 130. */
#define KACHERY_OK 0
#define KACHERY_ERROR 1              /* anything without a number of its own */
#define KACHERY_ERROR_INVALID 2      /* an argument or option that breaks its rules */
#define KACHERY_ERROR_NOT_FOUND 3    /* nobody has the file; no such channel, key, directory entry */
#define KACHERY_ERROR_UNREACHABLE 4  /* no daemon answers, or the connection to it broke */
#define KACHERY_ERROR_UNAUTHORIZED 5 /* this user may not use the daemon, or this node not have the file */
#define KACHERY_ERROR_TIMED_OUT 6    /* no answer, or no progress, within the time allowed */
#define KACHERY_ERROR_CANCELLED 7    /* by a callback or kachery_cancel() */
#define KACHERY_ERROR_DAMAGED 8      /* content that does not match its hash */
#define KACHERY_ERROR_CHANGED 9      /* a file was altered while it was read, or after it was linked */
#define KACHERY_ERROR_NO_SPACE 10    /* the disk or the quota is full */
#define KACHERY_ERROR_IO 11          /* the operating system refused */
#define KACHERY_ERROR_PROTOCOL 12    /* what answers does not speak as a daemon does */
#define KACHERY_ERROR_REFUSED 13     /* the daemon, or a node with the file, said no */
#define KACHERY_ERROR_TOO_LARGE 14   /* beyond a limit */
#define KACHERY_ERROR_BUSY 15        /* a limit on simultaneous work is reached */
#define KACHERY_ERROR_NO_MEMORY 16
#define KACHERY_ERROR_PROVIDER 17     /* a node has the file, but could not be reached */
#define KACHERY_ERROR_STORAGE 18      /* the storage directory is missing or incomplete */
#define KACHERY_ERROR_WRONG_DAEMON 19 /* the daemon that answers does not own the storage directory */

/* "not found", for logs; "error" for a number that is not listed. */
KACHERY_API const char* kachery_status_name(kachery_status status);

/* Releases a string that the library gave. NULL is fine. */
KACHERY_API void kachery_free(void* string);

/* The library's version, "0.9.0", and the protocol's, "kachery-p2p-0.7.0p". */
KACHERY_API const char* kachery_version(void);
KACHERY_API const char* kachery_protocol_version(void);

/* ---- options ---------------------------------------------------------------------------------------------
 */

typedef struct kachery_options kachery_options;

/* Options as the environment says. Never NULL but when memory is exhausted.
 *
 *   name                 environment                   meaning (default)
 *   api-host             KACHERY_P2P_API_HOST          where the daemon listens (localhost)
 *   api-port             KACHERY_P2P_API_PORT          (20431)
 *   storage-dir          KACHERY_STORAGE_DIR           its storage directory (as the daemon says; else
 *                                                      ~/kachery-storage)
 *   offline-storage-dir  KACHERY_OFFLINE_STORAGE_DIR   work in this directory, and never ask a daemon (unset)
 *   request-timeout-ms                                 for short requests (15000)
 *   idle-timeout-ms                                    for loads and stores without progress (600000) */
KACHERY_API kachery_options* kachery_options_new(void);
/* Options that take nothing from the environment. */
KACHERY_API kachery_options* kachery_options_new_empty(void);
/* A NULL value unsets. KACHERY_ERROR_INVALID for an unknown name; values are checked by kachery_client_new().
 */
KACHERY_API kachery_status kachery_options_set(kachery_options* options, const char* name, const char* value);
/* The value, or NULL if it is unset or the name unknown; good until the option is set or the options are
 * freed. */
KACHERY_API const char* kachery_options_get(const kachery_options* options, const char* name);
KACHERY_API void kachery_options_free(kachery_options* options);

/* ---- clients ---------------------------------------------------------------------------------------------
 */

typedef struct kachery_client kachery_client;

/* Makes a client from `options` (copied; NULL: the environment). Touches neither disk nor network. When it
 * fails, *client is still set, for its error message, and has to be freed; every call of it fails likewise.
 * It is NULL only after KACHERY_ERROR_NO_MEMORY. */
KACHERY_API kachery_status kachery_client_new(const kachery_options* options, kachery_client** client);
/* NULL is fine. */
KACHERY_API void kachery_client_free(kachery_client* client);

/* Of the last call with this client: its status, and one sentence without a full stop that says what was
 * expected, what came, and what to do ("" after a success). The message is good until the next call with the
 * client. A NULL client (memory was exhausted) has a message too. */
KACHERY_API kachery_status kachery_error_status(const kachery_client* client);
KACHERY_API const char* kachery_error_message(const kachery_client* client);

/* Makes the call under way return KACHERY_ERROR_CANCELLED soon, and later calls at once, until
 * kachery_cancel_reset(): so nothing is lost when it comes between two calls. May be called from any thread
 * and from a signal handler. A cancelled call leaves no half-made file behind. */
KACHERY_API void kachery_cancel(kachery_client* client);
KACHERY_API void kachery_cancel_reset(kachery_client* client);

/* Reports `done` of `total` bytes, often; `total` is 0 while it is unknown. `node_id` is the node that bytes
 * came from last, or NULL. `user` is what was given with the callback. Not 0 cancels. */
typedef int32_t (*kachery_progress_fn)(void* user, uint64_t done, uint64_t total, const char* node_id);

/* ---- files -----------------------------------------------------------------------------------------------
 */

/* Storing makes a copy of the file's bytes in the store; linking only remembers where the file is, which then
 * must not change. Both answer the URI, sha1://HASH/LABEL, with ?manifest=HASH for files of more than
 * 20,000,000 bytes. `label` (NULL: the name of the file; "": none) is for people; characters that a URI
 * cannot have are percent-encoded. What is stored is durable when the call returns.
 *
 * A client that owns the storage directory hashes and copies in this process, whether or not the daemon runs;
 * any other client sends the bytes (or, to link, the path) to the daemon. `progress` may be NULL. */
KACHERY_API kachery_status kachery_store_file(kachery_client* client, const char* path, const char* label,
                                              kachery_progress_fn progress, void* user, char** uri);
KACHERY_API kachery_status kachery_link_file(kachery_client* client, const char* path, const char* label,
                                             kachery_progress_fn progress, void* user, char** uri);
/* `bytes` may be NULL if `size` is 0; `label` may be NULL: none. */
KACHERY_API kachery_status kachery_store_bytes(kachery_client* client, const void* bytes, uint64_t size,
                                               const char* label, char** uri);

/* What follows takes sha1://HASH… or sha1dir://HASH/path/in/it, the latter for a file of a stored directory
 * listing.
 *
 * Makes the content available as a local file. A copy in the local store is used as it is; else the daemon
 * loads the file from other nodes (from `from_node` only, if not NULL: 64 hex digits) and checks it.
 *   destination NULL: *path is the file in the store, or the linked one. Do not write to it.
 *   else: the file is copied there, and *path is `destination`. A file of that name is replaced, whole and at
 * once; a device or a pipe is written to; a directory is refused. */
KACHERY_API kachery_status kachery_load_file(kachery_client* client, const char* uri, const char* destination,
                                             const char* from_node, kachery_progress_fn progress, void* user,
                                             char** path);

/* Takes the next `size` bytes of the content, at most 1 MiB at a time. Not 0 cancels. */
typedef int32_t (*kachery_sink_fn)(void* user, const void* bytes, uint64_t size);

#define KACHERY_TO_END UINT64_MAX

/* Gives bytes [start, end) to `sink`; an `end` of KACHERY_TO_END is the content's end. Loads what is not
 * here; of a big file with a manifest, only the chunks that are asked for. A range beyond the end is
 * KACHERY_ERROR_INVALID. `progress` tells of loading, and may be NULL. */
KACHERY_API kachery_status kachery_cat_file(kachery_client* client, const char* uri, uint64_t start,
                                            uint64_t end, kachery_sink_fn sink, kachery_progress_fn progress,
                                            void* user);

/* A node that has the file: `json` is the daemon's whole report, {nodeId, fileKey, fileSize}. Not 0 ends the
 * search, which is no error. */
typedef int32_t (*kachery_find_fn)(void* user, const char* node_id, uint64_t file_size, const char* json);

/* Asks all nodes for up to `timeout_ms` (0: 4000) and reports each one that has the file as it answers, this
 * node first. KACHERY_ERROR_NOT_FOUND if there was none. */
KACHERY_API kachery_status kachery_find_file(kachery_client* client, const char* uri, uint32_t timeout_ms,
                                             kachery_find_fn result, void* user);

/* The parts of a sha1:// URI; hashes are lower-case hex, "" if absent. */
typedef struct kachery_uri {
  char sha1[41];
  char manifest_sha1[41];
  char chunk_of_sha1[41]; /* the content is also bytes [chunk_start, chunk_end) of this file */
  char reserved[5];
  uint64_t chunk_start;
  uint64_t chunk_end;
} kachery_uri;

/* KACHERY_ERROR_INVALID, with the reason in *error (the caller's; `error` may be NULL), if it is none. */
KACHERY_API kachery_status kachery_uri_parse(const char* uri, kachery_uri* parts, char** error);

/* ---- the daemon ------------------------------------------------------------------------------------------
 */

/* What the daemon says of itself, as JSON: {success, protocolVersion, daemonVersion, nodeId, isBootstrapNode,
 * webSocketAddress, publicUdpSocketAddress, joinedChannels, kacheryStorageDir}. Needs no authorization. */
KACHERY_API kachery_status kachery_probe(kachery_client* client, char** json);

/* The same, of a daemon that was found to own the storage directory (KACHERY_ERROR_WRONG_DAEMON else). */
KACHERY_API kachery_status kachery_node_info(kachery_client* client, char** json);

/* Ends the daemon, and waits until it is gone, for up to `wait_ms` (0: does not wait). */
KACHERY_API kachery_status kachery_stop_daemon(kachery_client* client, uint32_t wait_ms);

/* What this node does for a channel, added together. */
#define KACHERY_ROLE_MESSAGE_PROXY 1u
#define KACHERY_ROLE_DATA_PROXY 2u
#define KACHERY_ROLE_PUBLIC 4u

/* Joins a channel, or changes the roles on one that was joined. `url` is where its configuration is, http://
 * or https://; a gist's address that names a commit is changed to follow the newest revision: `joined_url`
 * (may be NULL) gets the address used. The daemon fetches the configuration afterwards. When two clients
 * change the channels at the same moment, the later one wins. */
KACHERY_API kachery_status kachery_join_channel(kachery_client* client, const char* url, uint32_t roles,
                                                char** joined_url);
/* KACHERY_ERROR_NOT_FOUND if it was not joined. */
KACHERY_API kachery_status kachery_leave_channel(kachery_client* client, const char* url);
/* The joined channels as a JSON array of {channelConfigUrl, isMessageProxy?, isDataProxy?, isPublic?, …}. */
KACHERY_API kachery_status kachery_get_channels(kachery_client* client, char** json);

/* Small values that the daemon keeps, JSON under JSON. Get: KACHERY_ERROR_NOT_FOUND if there is none. Delete:
 * it is no error if there was none. */
KACHERY_API kachery_status kachery_mutable_get(kachery_client* client, const char* key_json,
                                               char** value_json);
KACHERY_API kachery_status kachery_mutable_set(kachery_client* client, const char* key_json,
                                               const char* value_json);
KACHERY_API kachery_status kachery_mutable_delete(kachery_client* client, const char* key_json);

/* For callers without a JSON library: the value at an RFC 6901 pointer ("/joinedChannels/0/channelConfigUrl";
 * "" is the whole). A string comes without its quotes, anything else as JSON. KACHERY_ERROR_NOT_FOUND if
 * there is none. */
KACHERY_API kachery_status kachery_json_get(const char* json, const char* pointer, char** value);

#ifdef __cplusplus
}
#endif

#endif /* KACHERY_KACHERY_H */
