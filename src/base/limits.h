// Every limit on what a peer, a client or a file can make us hold or do, in one table. The manual
// (docs/limits.md) repeats it for operators.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kachery::limits {

// ---- JSON, YAML, BSON
inline constexpr std::size_t json_depth = 200;             // nested arrays and objects
inline constexpr std::size_t json_values = 8'000'000;      // in one text: under 1 GB of nodes
inline constexpr std::size_t json_public_values = 20'000;  // in one text posted by another node
inline constexpr std::size_t json_peer_values = 50'000;    // in an answer of another node: 1000 node infos
inline constexpr std::size_t yaml_bytes = 4u << 20;        // a channel or static configuration
inline constexpr std::size_t yaml_nodes = 200'000;         // scalars, sequences, mappings in it
inline constexpr std::size_t yaml_depth = 32;
inline constexpr std::size_t yaml_directives = 16;  // lines that begin with '%', %TAG above all

// ---- HTTP
inline constexpr std::size_t http_head_bytes = 16u << 10;               // request line and headers
inline constexpr std::size_t http_headers = 100;                        // header fields
inline constexpr std::size_t http_public_body_bytes = 1u << 20;         // JSON posted by other nodes
inline constexpr std::size_t http_api_body_bytes = 64u << 20;           // JSON posted by local clients
inline constexpr std::size_t http_connections = 10'000;                 // per listener
inline constexpr std::size_t http_public_json_bytes_total = 64u << 20;  // bodies being received, all together
inline constexpr std::size_t http_api_json_bytes_total = 256u << 20;

// ---- nodes
inline constexpr std::size_t peer_response_bytes = 2u << 20;  // JSON answered by another node
inline constexpr std::size_t infos_per_answer = 1'000;        // in one answer to getChannelInfo
inline constexpr std::size_t channels = 200;                  // joined
inline constexpr std::size_t authorized_nodes = 10'000;       // per channel
inline constexpr std::size_t bootstraps = 50;                 // per channel
inline constexpr std::size_t remote_nodes = 20'000;           // known at once
inline constexpr std::size_t infos_per_channel = 5'000;       // node infos kept by a bootstrap
inline constexpr std::size_t infos_total = 10'000;
inline constexpr std::size_t mirror_sources = 1'000;       // in a static configuration
inline constexpr std::size_t host_name_bytes = 1'000;      // in an address
inline constexpr std::size_t proxies_per_node = 50;        // proxy ids in a node info
inline constexpr std::size_t seen_requests = 200'000;      // request ids kept against replays
inline constexpr std::int64_t clock_skew_ms = 5 * 60'000;  // between a request's time and ours
inline constexpr std::int64_t info_future_ms = 60'000;     // a node info from the future
inline constexpr std::int64_t info_life_ms = 120'000;      // protocol: 2 minutes

// ---- files
inline constexpr std::uint64_t chunk_bytes = 20'000'000;             // protocol: the manifest's chunks
inline constexpr std::uint64_t manifest_bytes = 64u << 20;           // about 13 TB of file
inline constexpr std::uint64_t file_bytes = std::uint64_t{1} << 53;  // what a JSON number can say
inline constexpr std::size_t streams = 10'000;                       // prepared for other nodes, all together
inline constexpr std::size_t streams_per_node = 1'000;
inline constexpr std::int64_t stream_life_ms = 30 * 60'000;  // after its last use
inline constexpr std::size_t loads = 200;                    // at once; more wait their turn
inline constexpr std::size_t find_requests = 500;            // unanswered at once, per search
inline constexpr std::size_t worker_jobs = 10'000;           // queued for the store worker
inline constexpr std::size_t mutable_bytes = 64u << 20;      // one value
// ---- local clients
inline constexpr std::size_t other_client_codes = 1'000;      // in _other_client_auth_codes
inline constexpr std::int64_t find_timeout_ms = 60 * 60'000;  // the longest that /findFile may take
inline constexpr std::size_t frames_unsent_bytes = 1u << 20;  // of /findFile and /loadFile, to a slow client

// ---- mirrors
inline constexpr std::uint64_t mirror_source_bytes = 4u << 20;  // the JSON file of one mirror source
inline constexpr std::size_t mirror_files = 200'000;            // URIs in all of them together
}  // namespace kachery::limits
