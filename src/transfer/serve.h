// What other nodes may ask about our files: checkForFile and downloadFileData.
#pragma once

#include "node/node.h"
#include "store/store.h"
#include "transfer/streams.h"

namespace kachery {

// Registers both with the node, which has checked that the asking node may have file data. All must outlive
// the node's work.
void serve_files(Node& node, const Store& store, Streams& streams);

// The answer to checkForFile: found with the size, or not.
CheckForFileResponse check_for_file(const Store& store, const CheckForFileRequest& request);

}  // namespace kachery
