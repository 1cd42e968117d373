#include "transfer/serve.h"

#include <variant>

namespace kachery {

CheckForFileResponse check_for_file(const Store& store, const CheckForFileRequest& request) {
  const auto size = store.size_of(request.file_key);
  if (!size) return {};
  return {true, *size};
}

void serve_files(Node& node, const Store& store, Streams& streams) {
  node.handle("checkForFile", [&store](const Request& request, const Node::Answered& answer) {
    answer(check_for_file(store, std::get<CheckForFileRequest>(request.data)));
  });
  node.handle("downloadFileData", [&streams](const Request& request, const Node::Answered& answer) {
    answer(streams.prepare(request.from, std::get<DownloadFileDataRequest>(request.data)));
  });
}

}  // namespace kachery
