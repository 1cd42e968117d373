// load, cat and find
#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

namespace kachery::cli {

namespace {

constexpr const char* uri_help = "sha1://HASH/... or sha1dir://HASH/path/in/it";

// ---- load

struct LoadOptions {
  std::string uri;
  std::string destination;
  std::string from_node;
  std::string from_channel;
  bool json = false;
  bool quiet = false;
};

const char* unless_empty(const std::string& text) {
  return text.empty() ? nullptr : text.c_str();
}

int run_load(const Invocation& invocation, const LoadOptions& options) {
  if (!options.from_channel.empty() && !options.quiet) {
    complain(invocation.command(), "note: --from-channel has no effect: all joined channels are asked");
  }
  return invocation.with_client([&](kachery_client* client) {
    ProgressBar progress("load", !options.quiet);
    Text path;
    if (kachery_load_file(client, options.uri.c_str(), unless_empty(options.destination),
                          unless_empty(options.from_node), ProgressBar::on_progress, &progress,
                          path.out()) != KACHERY_OK) {
      progress.clear();
      return invocation.failed(client);
    }
    progress.finish();
    if (!options.json) return invocation.print(path.view());
    return invocation.print(
        fmt::format("{{\"uri\":{},\"path\":{}}}", json_quoted(options.uri), json_quoted(path.view())));
  });
}

// ---- cat

struct CatOptions {
  std::string uri;
  std::uint64_t start = 0;
  std::uint64_t end = KACHERY_TO_END;
};

std::int32_t write_piece(void* user, const void* bytes, std::uint64_t size) {
  if (write_stdout({static_cast<const char*>(bytes), static_cast<std::size_t>(size)})) return 0;
  *static_cast<int*>(user) = errno;
  return 1;
}

int run_cat(const Invocation& invocation, const CatOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    int write_error = 0;
    const kachery_status status = kachery_cat_file(client, options.uri.c_str(), options.start, options.end,
                                                   write_piece, nullptr, &write_error);
    if (status == KACHERY_OK) return 0;
    if (write_error == 0) return invocation.failed(client);
    complain(invocation.command(), fmt::format("cannot write the content: {}", std::strerror(write_error)));
    return 1;
  });
}

// ---- find

struct FindOptions {
  std::string uri;
  double timeout_s = 4;
};

std::int32_t print_result(void* user, const char*, std::uint64_t, const char* json) {
  const auto& invocation = *static_cast<const Invocation*>(user);
  return invocation.print(json);
}

int run_find(const Invocation& invocation, const FindOptions& options) {
  return invocation.with_client([&](kachery_client* client) {
    // The callback only reads.
    void* user = const_cast<Invocation*>(&invocation);
    const auto timeout_ms = static_cast<std::uint32_t>(options.timeout_s * 1000);
    if (kachery_find_file(client, options.uri.c_str(), timeout_ms, print_result, user) == KACHERY_OK)
      return 0;
    return invocation.failed(client);
  });
}

}  // namespace

void add_load(CLI::App& app, Choice& choice) {
  CLI::App* command =
      new_command(app, "load", "Load a file, from other nodes if need be, and print its local path",
                  "kachery-p2p load sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d/hello.txt");
  command->alias("load-file");
  auto options = std::make_shared<LoadOptions>();
  command->add_option("uri", options->uri, uri_help)->required()->type_name("URI");
  command->add_option("--dest", options->destination, "Copy it to this path, and print that")
      ->type_name("PATH");
  command->add_option("--from-node", options->from_node, "Load from this node only (64 hex digits)")
      ->type_name("ID");
  command->add_option("--from-channel", options->from_channel, "Accepted for older scripts, without effect")
      ->type_name("NAME");
  command->add_flag("--json", options->json, "Print a JSON object: uri, path");
  command->add_flag("-q,--quiet", options->quiet, "No progress bar, no notes");
  when_chosen(command, choice, options, run_load);
}

void add_cat(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(
      app, "cat", "Write a file's content to standard output, loading what is not here",
      "kachery-p2p cat --start 0 --end 100 sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d/hello.txt");
  command->alias("cat-file");
  auto options = std::make_shared<CatOptions>();
  command->add_option("uri", options->uri, uri_help)->required()->type_name("URI");
  command->add_option("--start", options->start, "The first byte, counted from 0")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command->add_option("--end", options->end, "The byte before which to stop (default: the end)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  when_chosen(command, choice, options, run_cat);
}

void add_find(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(
      app, "find", "Print which nodes have a file, a JSON object a line: nodeId, fileKey, fileSize",
      "kachery-p2p find sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d/hello.txt");
  command->alias("find-file");
  auto options = std::make_shared<FindOptions>();
  command->add_option("uri", options->uri, uri_help)->required()->type_name("URI");
  command->add_option("--timeout", options->timeout_s, "Seconds to wait for answers (default 4)")
      ->check(CLI::Range(0.001, 3600.0))
      ->type_name("SECONDS");
  command->add_flag("--json")->description("Accepted: the output is JSON always");
  when_chosen(command, choice, options, run_find);
}

}  // namespace kachery::cli
