#include "transfer/provider_search.h"

#include <utility>

#include "transfer/stream_fetch.h"

namespace kachery {

namespace {

// Protocol.md section 11: find for loading. Before the pace.
constexpr milliseconds find_timeout{4'000};

}  // namespace

ProviderSearch::ProviderSearch(Network& network, FileKey key, std::optional<NodeId> only_from,
                               Callbacks callbacks)
    : network_(network), key_(std::move(key)), only_from_(only_from), callbacks_(std::move(callbacks)) {}

void ProviderSearch::start() {
  running_ = true;
  only_error_.reset();
  unanswered_ = 0;
  if (only_from_) return ask_one(*only_from_);
  asked_ = 0;
  for (const NodeId& node : network_.data_nodes()) asked_ += node == network_.own_id() ? 0 : 1;
  find_ = std::make_unique<FindFlow>(
      network_, key_, network_.pace()(find_timeout),
      FindFlow::Callbacks{[this](const Offer& offer) { callbacks_.offer(offer); },
                          [this](const std::vector<std::pair<NodeId, Error>>& unreachable) {
                            unanswered_ = unreachable.size();
                            end();
                          }});
}

// Without a checkForFile: a stream is asked for, only to learn the size from the answer.
void ProviderSearch::ask_one(const NodeId& node) {
  if (!network_.may_exchange_data(node)) {
    only_error_ = Error{Errc::unauthorized,
                        fmt::format("node {} is on no channel on which files may be exchanged with it",
                                    network_.display_name(node))};
    return end();
  }
  request_ = network_.request(node, DownloadFileDataRequest{key_, 0, std::nullopt},
                              network_.pace()(request_timeout), [this, node](Result<ResponseData> answer) {
                                const Result<AnnouncedStream> stream = announced_stream(key_, answer);
                                if (stream) {
                                  callbacks_.offer(Offer{node, stream->length});
                                } else {
                                  only_error_ = stream.error();
                                }
                                end();
                              });
}

void ProviderSearch::end() {
  running_ = false;
  callbacks_.ended();
}

Error ProviderSearch::nobody_error() const {
  if (only_from_) {
    const std::string name = network_.display_name(*only_from_);
    if (!only_error_) return Error{Errc::not_found, fmt::format("node {} does not have this file", name)};
    switch (only_error_->code) {
      case Errc::unauthorized:
        return *only_error_;
      case Errc::not_found:
        return Error{Errc::not_found, fmt::format("node {} does not have this file", name)};
      case Errc::refused:
      case Errc::busy:
        return Error{Errc::refused, fmt::format("node {} {}", name, only_error_->message)};
      case Errc::protocol:
        return Error{Errc::damaged, fmt::format("node {} {}", name, only_error_->message)};
      default:
        return Error{Errc::unreachable,
                     fmt::format("node {} could not be reached: {}", name, only_error_->message)};
    }
  }
  if (asked_ == 0) {
    return Error{Errc::not_found, "no node of your channels has this file (there is no other node to ask)"};
  }
  if (unanswered_ == 0) {
    return Error{Errc::not_found, fmt::format("no node of your channels has this file (asked {})", asked_)};
  }
  return Error{Errc::not_found,
               fmt::format("no node of your channels has this file (asked {}, {} did not answer)", asked_,
                           unanswered_)};
}

}  // namespace kachery
