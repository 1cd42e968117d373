#include <gtest/gtest.h>

#include "unit/wire/vectors.h"
#include "wire/requests.h"

namespace kachery {
namespace {

using testing::vector_key;
using testing::vectors;
using testing::with;
using testing::without;

Json request_vector(std::string_view type) {
  const Json cases = vectors()["node_to_node_requests"];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json message = cases[i]["value"];
    if (message["body"]["requestData"]["requestType"].string() == type) return message;
  }
  ADD_FAILURE() << type;
  return {};
}

// `message` with `body`, signed anew by alice.
Json resigned(const Json& body) {
  return sign_message(vector_key("alice"), body);
}

TEST(Request, VectorsAreReadVerifiedAndWrittenIdentically) {
  const Json cases = vectors()["node_to_node_requests"];
  ASSERT_EQ(cases.size(), 15U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json message = cases[i]["value"];
    const Json data = message["body"]["requestData"];
    const auto request = Request::parse(message);
    ASSERT_EQ(request.has_value(), cases[i]["accepted"].boolean())
        << data.text() << (request ? "" : request.error().message);
    EXPECT_EQ(request->request_id.str(), message["body"]["requestId"].string());
    EXPECT_EQ(request->from, vector_key("alice").public_key());
    EXPECT_EQ(request->to, vector_key("bob").public_key());
    EXPECT_EQ(static_cast<double>(request->timestamp), message["body"]["timestamp"].number());
    EXPECT_EQ(request->timeout_ms, 5000);
    EXPECT_FALSE(std::holds_alternative<UnknownRequest>(request->data));
    EXPECT_EQ(request_type(request->data), data["requestType"].string());
    EXPECT_EQ(canonical_json(to_json(request->data)), canonical_json(data));
    // What we would have signed for the same ids and times.
    const Json again = resigned(with(message["body"], "requestData", to_json(request->data)));
    EXPECT_EQ(again["signature"].string(), message["signature"].string()) << data.text();
  }
}

TEST(Request, SignMakesAMessageThatParses) {
  const KeyPair alice = vector_key("alice");
  const NodeId bob = vector_key("bob").public_key();
  const Request made = Request::sign(alice, bob, CheckAliveRequest{}, 1637000000000, 5000);
  const auto read = Request::parse(Json::parse(made.raw.text()).value());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->request_id, made.request_id);
  EXPECT_EQ(read->from, alice.public_key());
  EXPECT_EQ(read->to, bob);
  EXPECT_EQ(read->timestamp, 1637000000000);
  EXPECT_NE(made.request_id, Request::sign(alice, bob, CheckAliveRequest{}, 1637000000000, 5000).request_id);
}

TEST(Request, EnvelopeIsStrict) {
  const Json message = request_vector("checkAlive");
  const Json body = message["body"];
  ASSERT_TRUE(Request::parse(resigned(body)));
  for (const auto& [name, value] : body.members()) {
    EXPECT_FALSE(Request::parse(resigned(without(body, name)))) << name;
    EXPECT_FALSE(Request::parse(resigned(with(body, name, true)))) << name;
  }
  EXPECT_FALSE(Request::parse(resigned(with(body, "extra", 1))));
  EXPECT_FALSE(Request::parse(resigned(with(body, "timeoutMsec", -1))));
  EXPECT_FALSE(Request::parse(resigned(with(body, "timestamp", 1.5))));
  EXPECT_FALSE(Request::parse(resigned(with(body, "requestId", "short"))));
  EXPECT_FALSE(Request::parse(with(message, "extra", 1)));
  EXPECT_FALSE(Request::parse(without(message, "signature")));
  EXPECT_FALSE(Request::parse(Json::array()));
}

TEST(Request, FractionalTimeOutsOfASpedUpReferenceAreTaken) {
  const Json body = request_vector("checkAlive")["body"];
  EXPECT_EQ(Request::parse(resigned(with(body, "timeoutMsec", 1666.6)))->timeout_ms, 1666);
  EXPECT_GT(Request::parse(resigned(with(body, "timeoutMsec", 1e300)))->timeout_ms, 0);
}

TEST(Request, SignatureMustFit) {
  const Json message = request_vector("checkAlive");
  const auto forged = Request::parse(with(message, "body", with(message["body"], "timeoutMsec", 5001)));
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().code, Errc::unauthorized);
  EXPECT_NE(forged.error().message.find("signature"), std::string::npos);
  EXPECT_FALSE(Request::parse(sign_message(vector_key("bob"), message["body"])));
}

TEST(Request, AnotherProtocolVersionIsNamed) {
  const Json body = request_vector("checkAlive")["body"];
  const auto request = Request::parse(resigned(with(body, "protocolVersion", "kachery-p2p-0.6.0")));
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().code, Errc::protocol);
  EXPECT_NE(request.error().message.find("protocol version"), std::string::npos);
}

TEST(Request, UnknownTypeIsKeptAsSuch) {
  const Json body = request_vector("checkAlive")["body"];
  const Json data = Json::object({{"requestType", "somethingNew"}, {"field", 1}});
  const auto request = Request::parse(resigned(with(body, "requestData", data)));
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<UnknownRequest>(request->data).type, "somethingNew");
  EXPECT_EQ(request_type(request->data), "somethingNew");
}

TEST(RequestData, EveryTypeIsStrict) {
  const Json cases = vectors()["node_to_node_requests"];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json data = cases[i]["value"]["body"]["requestData"];
    EXPECT_FALSE(request_data_from_json(with(data, "extra", 1))) << data.text();
    for (const auto& [name, value] : data.members()) {
      EXPECT_FALSE(request_data_from_json(without(data, name))) << name << " of " << data.text();
      if (name == "message") continue;  // any JSON value
      EXPECT_FALSE(request_data_from_json(with(data, name, true))) << name << " of " << data.text();
      EXPECT_EQ(request_data_from_json(with(data, name, nullptr)).has_value(), name == "endByte") << name;
    }
  }
}

TEST(RequestData, PositionsAreWholeAndNotNegativeAndExact) {
  const Json data = request_vector("downloadFileData")["body"]["requestData"];
  for (const double bad : {-1.0, 0.5, 1e16, 1e300}) {
    EXPECT_FALSE(request_data_from_json(with(data, "startByte", bad))) << bad;
    EXPECT_FALSE(request_data_from_json(with(data, "endByte", bad))) << bad;
  }
  const double top = 9007199254740992.0;  // 2^53
  const auto request = request_data_from_json(with(data, "endByte", top));
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<DownloadFileDataRequest>(*request).end, std::uint64_t{1} << 53);
}

TEST(RequestData, AnAnnouncementMustBeSignedByItsNode) {
  const Json data = request_vector("announce")["body"]["requestData"];
  const Json info = data["channelNodeInfo"];
  const Json forged = with(info, "body", with(info["body"], "nodeLabel", "mallory"));
  const auto request = request_data_from_json(with(data, "channelNodeInfo", forged));
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message.find("channelNodeInfo"), std::string::npos);
}

}  // namespace
}  // namespace kachery
