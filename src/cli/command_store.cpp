// store and link
#include <fmt/format.h>

#include <vector>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

namespace kachery::cli {

namespace {

using StoreFunction = kachery_status (*)(kachery_client*, const char*, const char*, kachery_progress_fn,
                                         void*, char**);

struct StoreOptions {
  std::vector<std::string> paths;
  std::string label;
  bool label_given = false;
  bool json = false;
  bool quiet = false;
};

std::string json_line(const std::string& path, std::string_view uri) {
  kachery_uri parts;
  kachery_uri_parse(std::string(uri).c_str(), &parts, nullptr);
  const std::string manifest = parts.manifest_sha1[0] == '\0' ? "null" : json_quoted(parts.manifest_sha1);
  return fmt::format("{{\"path\":{},\"uri\":{},\"sha1\":{},\"manifestSha1\":{}}}", json_quoted(path),
                     json_quoted(uri), json_quoted(parts.sha1), manifest);
}

// Stored without a daemon: right, but perhaps not what was meant.
void note_missing_daemon(const Invocation& invocation, kachery_client* client) {
  const char* offline = std::getenv("KACHERY_OFFLINE_STORAGE_DIR");
  if (offline != nullptr && *offline != '\0') return;
  Text probe;
  if (kachery_probe(client, probe.out()) != KACHERY_ERROR_UNREACHABLE) return;
  complain(invocation.command(),
           "note: no daemon is running, so other nodes cannot load this until one is started");
}

// Every file is tried; the first failure decides the exit status.
int run_each(const Invocation& invocation, const StoreOptions& options, StoreFunction function) {
  if (options.label_given && options.paths.size() > 1) {
    complain(invocation.command(), "--label is for one file, and there are several");
    return KACHERY_ERROR_INVALID;
  }
  return invocation.with_client([&](kachery_client* client) {
    int result = 0;
    bool stored = false;
    for (const std::string& path : options.paths) {
      ProgressBar progress(printable(path.substr(path.rfind('/') + 1)), !options.quiet);
      Text uri;
      const kachery_status status =
          function(client, path.c_str(), options.label_given ? options.label.c_str() : nullptr,
                   ProgressBar::on_progress, &progress, uri.out());
      if (status == KACHERY_OK) {
        progress.finish();
        stored = true;
        const int printed = invocation.print(options.json ? json_line(path, uri.view()) : uri.view());
        if (printed != 0) return printed;
        continue;
      }
      progress.clear();
      const int failure = invocation.failed(client);
      if (status == KACHERY_ERROR_CANCELLED) return failure;
      if (result == 0) result = failure;
    }
    if (stored && !options.quiet) note_missing_daemon(invocation, client);
    return result;
  });
}

int run_store(const Invocation& invocation, const StoreOptions& options) {
  return run_each(invocation, options, kachery_store_file);
}

int run_link(const Invocation& invocation, const StoreOptions& options) {
  return run_each(invocation, options, kachery_link_file);
}

void add(CLI::App* command, Choice& choice, int (*run)(const Invocation&, const StoreOptions&)) {
  auto options = std::make_shared<StoreOptions>();
  command->add_option("path", options->paths, "The files")->required()->type_name("PATH");
  command->add_option_function<std::string>(
      "--label",
      [options](const std::string& label) {
        options->label = label;
        options->label_given = true;
      },
      "What stands after the hash in the URI, for people (default: the file's name)");
  command->add_flag("--json", options->json, "Print a JSON object per file: path, uri, sha1, manifestSha1");
  command->add_flag("-q,--quiet", options->quiet, "No progress bar, no notes");
  when_chosen(command, choice, options, run);
}

}  // namespace

void add_store(CLI::App& app, Choice& choice) {
  CLI::App* command = new_command(app, "store", "Copy files into the local store and print their URIs",
                                  "kachery-p2p store recording.dat");
  command->alias("store-file");
  add(command, choice, run_store);
}

void add_link(CLI::App& app, Choice& choice) {
  CLI::App* command =
      new_command(app, "link", "Offer files from where they are, without a copy, and print their URIs",
                  "kachery-p2p link /data/recording.dat");
  command->alias("link-file");
  add(command, choice, run_link);
}

}  // namespace kachery::cli
