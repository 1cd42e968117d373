#include "node/info_intake.h"

#include "base/limits.h"
#include "crypto/keys.h"

namespace kachery {

namespace {

// About 1 ms of Ed25519.
constexpr std::size_t verified_per_slice = 12;

}  // namespace

Status InfoIntake::announce(const SignedChannelNodeInfo& info) {
  return consider(info);
}

Status InfoIntake::consider(const SignedChannelNodeInfo& info) {
  if (!access_.welcomes(info.body)) {
    return fail(Errc::unauthorized, "node {} is not welcome on this channel here", info.body.node_id.brief());
  }
  const std::int64_t now = scheduler_.wall_ms();
  switch (nodes_.judge(info.body, now)) {
    case RemoteNodes::Taken::unchanged:
      return {};
    case RemoteNodes::Taken::ahead:
      return fail(Errc::protocol, "the announcement is dated {} s ahead of this node's clock",
                  (info.body.timestamp - now) / 1000);
    case RemoteNodes::Taken::full:
      return fail(Errc::busy, "this node knows as many nodes as it can");
    case RemoteNodes::Taken::added:
    case RemoteNodes::Taken::updated:
      break;
  }
  if (!verify_message(info.body.node_id, info.raw)) {
    return fail(Errc::invalid, "the announcement's signature is not by node {}", info.body.node_id.brief());
  }
  const RemoteNodes::Taken outcome = nodes_.take(info, now);
  taken_(info.body.node_id, info.body.channel_config_url, outcome);
  return {};
}

void InfoIntake::offer(std::vector<SignedChannelNodeInfo> infos) {
  const std::int64_t now = scheduler_.wall_ms();
  for (SignedChannelNodeInfo& info : infos) {
    if (waiting_.size() >= limits::infos_per_channel) break;
    const RemoteNodes::Taken verdict = nodes_.judge(info.body, now);
    const bool news = verdict == RemoteNodes::Taken::added || verdict == RemoteNodes::Taken::updated;
    if (news && access_.welcomes(info.body)) waiting_.push_back(std::move(info));
  }
  if (!timer_ && !waiting_.empty()) work();
}

void InfoIntake::work() {
  timer_.reset();
  for (std::size_t i = 0; i < verified_per_slice && !waiting_.empty(); ++i) {
    const SignedChannelNodeInfo info = std::move(waiting_.front());
    waiting_.pop_front();
    // A forged one among them is the forger's affair; the rest counts.
    [[maybe_unused]] const Status status = consider(info);
  }
  if (!waiting_.empty()) timer_ = scheduler_.after(milliseconds{0}, [this] { work(); });
}

}  // namespace kachery
