// Other nodes without sockets: each has files and a way of behaving.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/sha1.h"
#include "node/network.h"
#include "support/virtual_scheduler.h"

namespace kachery::testing {

// What a node sends for one stream.
struct StreamScript {
  explicit StreamScript(std::string content) : bytes(std::move(content)) {}

  std::string bytes;
  // The announced length: that of `bytes` if not set.
  std::optional<std::uint64_t> announced;
  bool announce_nothing = false;
  bool endless = false;  // repeats `bytes` for ever
  enum class End { success, stall, breaks, refused } end = End::success;
  milliseconds piece_interval{1};
  std::size_t piece_size = 16u << 10;
};

struct FakeNode {
  NodeId id;
  std::string label;
  std::map<Sha1, std::string> files;
  milliseconds latency{1};

  enum class Manner { answers, silent, unreachable };
  Manner manner = Manner::answers;            // to every request
  std::optional<std::uint64_t> claimed_size;  // offered instead of the true size
  bool offers = true;                         // answers "found" when it has the file
  std::optional<std::string> refusal;         // of downloadFileData
  // The stream for a key, made of the right bytes; may be changed by the test.
  std::function<StreamScript(const FileKey& key, std::string bytes)> script =
      [](const FileKey&, std::string right) { return StreamScript(std::move(right)); };

  // What it was asked for.
  std::vector<FileKey> checks;
  std::vector<FileKey> downloads;
  std::size_t streams_open = 0;
  std::size_t most_streams_open = 0;
  std::uint64_t bytes_sent = 0;

  Sha1 add(const std::string& bytes) {
    const Sha1 sha1 = sha1_of(bytes);
    files[sha1] = bytes;
    return sha1;
  }

  std::optional<std::string> content(const FileKey& key) const {
    if (const auto found = files.find(key.sha1); found != files.end()) return found->second;
    if (!key.chunk_of) return std::nullopt;
    const auto whole = files.find(key.chunk_of->file);
    if (whole == files.end()) return std::nullopt;
    return whole->second.substr(key.chunk_of->range.start, key.chunk_of->range.size());
  }
};

class FakeNetwork final : public Network {
 public:
  explicit FakeNetwork(VirtualScheduler& clock) : clock_(clock) {}

  FakeNode& add(const std::string& label) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = static_cast<std::uint8_t>(nodes_.size() + 1);
    nodes_.push_back(std::make_unique<FakeNode>());
    nodes_.back()->id = NodeId(bytes);
    nodes_.back()->label = label;
    return *nodes_.back();
  }

  // Requests other than the known ones, and answers of another type than asked for.
  std::function<std::optional<ResponseData>(const NodeId&, const RequestData&)> override_answer;
  std::vector<NodeId> not_authorized;

  Scheduler& scheduler() override { return clock_; }
  const Pace& pace() const override { return pace_; }
  NodeId own_id() const override { return NodeId{}; }

  std::vector<NodeId> data_nodes() const override {
    std::vector<NodeId> ids = {own_id()};  // must not be asked
    for (const auto& node : nodes_) ids.push_back(node->id);
    return ids;
  }
  bool may_exchange_data(const NodeId& node) const override {
    return std::find(not_authorized.begin(), not_authorized.end(), node) == not_authorized.end();
  }
  std::string display_name(const NodeId& node) const override { return find(node).label; }

  OperationPtr request(const NodeId& to, RequestData data, milliseconds timeout, Answer answer) override {
    FakeNode& node = find(to);
    auto call = std::make_unique<Call>();
    Result<ResponseData> result = CheckAliveResponse{};
    milliseconds delay = node.latency;
    if (node.manner == FakeNode::Manner::unreachable) {
      result = fail(Errc::unreachable, "connection refused");
    } else if (node.manner == FakeNode::Manner::silent || node.latency >= timeout) {
      result = fail(Errc::timed_out, "no answer within {} ms", timeout.count());
      delay = timeout;
    } else {
      result = answer_of(node, data);
    }
    call->timer =
        clock_.after(delay, [answer = std::move(answer), result = std::move(result)] { answer(result); });
    return call;
  }

  StreamOperationPtr open_stream(const NodeId& from, const StreamId& stream, std::optional<ByteRange>,
                                 milliseconds idle_timeout, StreamSink sink) override {
    return std::make_unique<Stream>(clock_, find(from), prepared_.at(stream), idle_timeout, std::move(sink));
  }

 private:
  struct Call final : Operation {
    Scheduler::TimerPtr timer;
  };

  class Stream final : public StreamOperation {
   public:
    Stream(Scheduler& clock, FakeNode& node, StreamScript script, milliseconds idle, StreamSink sink)
        : state_(std::make_shared<State>(State{clock, node, std::move(script), idle, std::move(sink)})) {
      ++node.streams_open;
      node.most_streams_open = std::max(node.most_streams_open, node.streams_open);
      State::in(state_, node.latency, [](State& s) { s.head(); });
    }
    ~Stream() override {
      --state_->node.streams_open;
      state_->timer.reset();
      state_->ended = true;
    }
    void pause(bool) override {}

   private:
    // Outlives the operation while a callback runs, as the real ones must.
    struct State : std::enable_shared_from_this<State> {
      State(Scheduler& c, FakeNode& n, StreamScript s, milliseconds i, StreamSink k)
          : clock(c), node(n), script(std::move(s)), idle(i), sink(std::move(k)) {}

      static void in(const std::shared_ptr<State>& self, milliseconds delay, void (*step)(State&)) {
        self->timer = self->clock.after(delay, [weak = std::weak_ptr<State>(self), step] {
          if (const auto s = weak.lock(); s && !s->ended) step(*s);
        });
      }
      void later(milliseconds delay, void (*step)(State&)) { in(shared_from_this(), delay, step); }

      void end(Status status) {
        if (ended) return;
        ended = true;
        const auto done = std::move(sink.done);
        done(std::move(status));
      }
      void head() {
        if (script.end == StreamScript::End::refused) return end(fail(Errc::refused, "HTTP status 404"));
        std::optional<std::uint64_t> length = script.announced.value_or(script.bytes.size());
        if (script.announce_nothing) length.reset();
        if (!sink.head(0, length)) return end(fail(Errc::cancelled, "refused by the receiver"));
        later(script.piece_interval, [](State& s) { s.piece(); });
      }
      void piece() {
        if (script.endless && at >= script.bytes.size()) at = 0;
        if (at >= script.bytes.size()) return finish();
        const std::string part = script.bytes.substr(at, script.piece_size);
        at += part.size();
        node.bytes_sent += part.size();
        if (!sink.data(part)) return end(fail(Errc::cancelled, "refused by the receiver"));
        if (!ended) later(script.piece_interval, [](State& s) { s.piece(); });
      }
      void finish() {
        switch (script.end) {
          case StreamScript::End::stall:
            return later(idle, [](State& s) { s.end(fail(Errc::stalled, "sent nothing for too long")); });
          case StreamScript::End::breaks:
            return end(fail(Errc::unreachable, "the connection broke"));
          default:
            if (script.announced && *script.announced > script.bytes.size() && !script.announce_nothing) {
              return end(fail(Errc::unreachable, "the connection ended before all bytes came"));
            }
            return end({});
        }
      }

      Scheduler& clock;
      FakeNode& node;
      const StreamScript script;
      const milliseconds idle;
      StreamSink sink;
      std::size_t at = 0;
      bool ended = false;
      Scheduler::TimerPtr timer;
    };
    std::shared_ptr<State> state_;
  };

  FakeNode& find(const NodeId& id) const {
    for (const auto& node : nodes_) {
      if (node->id == id) return *node;
    }
    throw std::logic_error("no such node");
  }

  Result<ResponseData> answer_of(FakeNode& node, const RequestData& data) {
    if (override_answer) {
      if (auto answer = override_answer(node.id, data)) return *std::move(answer);
    }
    if (const auto* check = std::get_if<CheckForFileRequest>(&data)) {
      node.checks.push_back(check->file_key);
      const auto content = node.content(check->file_key);
      if (!content || !node.offers) return CheckForFileResponse{};
      return CheckForFileResponse{true, node.claimed_size.value_or(content->size())};
    }
    if (const auto* download = std::get_if<DownloadFileDataRequest>(&data)) {
      node.downloads.push_back(download->file_key);
      DownloadFileDataResponse response;
      response.file_key = download->file_key;
      auto content = node.content(download->file_key);
      if (!content) {
        response.error = "Unable to find file";
        return response;
      }
      response.end = node.claimed_size.value_or(content->size());
      if (node.refusal) {
        response.error = node.refusal;
        return response;
      }
      response.success = true;
      response.stream_id = StreamId::random();
      prepared_.emplace(*response.stream_id, node.script(download->file_key, *std::move(content)));
      return response;
    }
    return fail(Errc::refused, "unknown request");
  }

  VirtualScheduler& clock_;
  Pace pace_;
  std::vector<std::unique_ptr<FakeNode>> nodes_;
  std::map<StreamId, StreamScript> prepared_;
};

}  // namespace kachery::testing
