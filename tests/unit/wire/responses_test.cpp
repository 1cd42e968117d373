#include <gtest/gtest.h>

#include <set>

#include "unit/wire/vectors.h"
#include "wire/fields.h"
#include "wire/requests.h"

namespace kachery {
namespace {

using testing::vector_key;
using testing::vectors;
using testing::with;
using testing::without;

Json response_vector(std::string_view type) {
  const Json cases = vectors()["node_to_node_responses"];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json message = cases[i]["value"];
    if (message["body"]["responseData"]["requestType"].string() == type) return message;
  }
  ADD_FAILURE() << type;
  return {};
}

Json resigned(const Json& body) {
  return sign_message(vector_key("bob"), body);
}

TEST(Response, VectorsAreReadVerifiedAndWrittenIdentically) {
  const Json cases = vectors()["node_to_node_responses"];
  ASSERT_EQ(cases.size(), 13U);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json message = cases[i]["value"];
    const Json data = message["body"]["responseData"];
    const auto response = Response::parse(message);
    ASSERT_TRUE(response) << data.text() << response.error().message;
    EXPECT_EQ(response->request_id.str(), message["body"]["requestId"].string());
    EXPECT_EQ(response->from, vector_key("bob").public_key());
    EXPECT_EQ(response->to, vector_key("alice").public_key());
    EXPECT_EQ(static_cast<double>(response->timestamp), message["body"]["timestamp"].number());
    EXPECT_EQ(response_type(response->data), data["requestType"].string());
    EXPECT_EQ(canonical_json(to_json(response->data)), canonical_json(data));
    const Json again = resigned(with(message["body"], "responseData", to_json(response->data)));
    EXPECT_EQ(again["signature"].string(), message["signature"].string()) << data.text();
  }
}

TEST(Response, EnvelopeIsStrict) {
  const Json message = response_vector("checkAlive");
  const Json body = message["body"];
  ASSERT_TRUE(Response::parse(resigned(body)));
  for (const auto& [name, value] : body.members()) {
    EXPECT_FALSE(Response::parse(resigned(without(body, name)))) << name;
    EXPECT_FALSE(Response::parse(resigned(with(body, name, true)))) << name;
  }
  EXPECT_FALSE(Response::parse(resigned(with(body, "timeoutMsec", 1))));
  EXPECT_FALSE(Response::parse(with(message, "extra", 1)));
  EXPECT_FALSE(Response::parse(with(message, "signature", std::string(128, '0'))));
  const auto version = Response::parse(resigned(with(body, "protocolVersion", "other")));
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Errc::protocol);
  EXPECT_FALSE(Response::parse(resigned(with(body, "responseData", Json::object({{"requestType", "new"}})))));
}

TEST(ResponseData, EveryTypeIsStrict) {
  const std::set<std::string> nullable = {"errorMessage", "size", "numMessages"};
  const Json cases = vectors()["node_to_node_responses"];
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Json data = cases[i]["value"]["body"]["responseData"];
    EXPECT_FALSE(response_data_from_json(with(data, "extra", 1))) << data.text();
    for (const auto& [name, value] : data.members()) {
      EXPECT_FALSE(response_data_from_json(without(data, name))) << name << " of " << data.text();
      if (!value.is_boolean()) {
        EXPECT_FALSE(response_data_from_json(with(data, name, true))) << name << " of " << data.text();
      } else {
        EXPECT_FALSE(response_data_from_json(with(data, name, "true"))) << name << " of " << data.text();
      }
      if (!nullable.contains(name)) {
        EXPECT_FALSE(response_data_from_json(with(data, name, nullptr))) << name << " of " << data.text();
      }
    }
  }
}

TEST(ResponseData, CheckForFileNeedsASizeWhenFound) {
  const Json found = Json::object({{"requestType", "checkForFile"}, {"found", true}, {"size", nullptr}});
  EXPECT_FALSE(response_data_from_json(found));
  const auto missing = response_data_from_json(with(found, "found", false));
  ASSERT_TRUE(missing);
  EXPECT_EQ(std::get<CheckForFileResponse>(*missing).size, std::nullopt);
  EXPECT_EQ(to_json(CheckForFileResponse{}).text(),
            R"({"requestType":"checkForFile","found":false,"size":0})");
  for (const double bad : {-1.0, 0.5, 1e16}) {
    EXPECT_FALSE(response_data_from_json(with(with(found, "size", bad), "found", true))) << bad;
  }
}

TEST(ResponseData, DownloadFileDataWhenNotFound) {
  DownloadFileDataResponse response;
  response.error = "File not found";
  EXPECT_EQ(
      to_json(response).text(),
      R"({"requestType":"downloadFileData","fileKey":{"sha1":"0000000000000000000000000000000000000000"},)"
      R"("startByte":0,"endByte":0,"success":false,"streamId":null,"errorMessage":"File not found"})");
  EXPECT_TRUE(response_data_from_json(to_json(response)));
}

TEST(ResponseData, DownloadFileDataNeverTakesNullPositions) {
  const Json data = response_vector("downloadFileData")["body"]["responseData"];
  for (const Json& bad : {Json(nullptr), Json(-1), Json(0.5), Json(1e300), Json("0")}) {
    EXPECT_FALSE(response_data_from_json(with(data, "startByte", bad))) << bad.text();
    EXPECT_FALSE(response_data_from_json(with(data, "endByte", bad))) << bad.text();
  }
}

TEST(ResponseData, TheReferenceAnswersNullMessagesWhenASubscriptionFails) {
  const auto data = response_data_from_json(Json::parse(R"({"requestType":"subscribeToSubfeed",
      "success":false,"numMessages":null,"errorMessage":"no"})")
                                                .value());
  ASSERT_TRUE(data);
  EXPECT_EQ(std::get<SubscribeToSubfeedResponse>(*data).num_messages, 0U);
}

TEST(ResponseData, ABadInfoIsLeftOutOfChannelInfo) {
  const Json data = response_vector("getChannelInfo")["body"]["responseData"];
  const Json good = data["channelInfo"]["nodes"][std::size_t{0}];
  const Json bad = with(good, "extra", 1);
  const Json unsigned_one = with(good, "signature", std::string(128, '0'));
  const Json info = Json::object({{"nodes", Json::array({bad, good, Json(3), unsigned_one})}});
  const auto read = response_data_from_json(with(data, "channelInfo", info));
  ASSERT_TRUE(read) << read.error().message;
  const auto& nodes = std::get<GetChannelInfoResponse>(*read).nodes;
  ASSERT_EQ(nodes.size(), 2U);  // signatures are the reader's business
  EXPECT_EQ(nodes[0].raw.text(), good.text());
  EXPECT_FALSE(SignedChannelNodeInfo::parse(nodes[1].raw));
}

TEST(ResponseData, ErrorMessagesAreCutToFit) {
  const std::string accents = [] {
    std::string text;
    for (int i = 0; i < 1200; ++i) text += "\xc3\xa9";
    return text;
  }();
  const Json json = to_json(AnnounceResponse{false, accents});
  EXPECT_EQ(utf16_length(json["errorMessage"].string()), 999U);
  EXPECT_TRUE(response_data_from_json(json));
  EXPECT_FALSE(response_data_from_json(with(json, "errorMessage", std::string(1000, 'x'))));
  EXPECT_TRUE(response_data_from_json(with(json, "errorMessage", std::string(999, 'x'))));
}

class Answers : public ::testing::Test {
 protected:
  const KeyPair alice = vector_key("alice");
  const KeyPair bob = vector_key("bob");
  const Request request = Request::sign(alice, bob.public_key(), CheckAliveRequest{}, 10'000, 5000);
};

TEST_F(Answers, FitWhenSignedForTheRequest) {
  const Response response = Response::sign(bob, request, CheckAliveResponse{}, 10'100);
  const auto read = Response::parse(Json::parse(response.raw.text()).value());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->check_answers(request));
}

TEST_F(Answers, MayBeASecondOlderThanTheRequestAndNoMore) {
  EXPECT_TRUE(Response::sign(bob, request, CheckAliveResponse{}, 9'000).check_answers(request));
  const Status old = Response::sign(bob, request, CheckAliveResponse{}, 8'999).check_answers(request);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, Errc::protocol);
}

TEST_F(Answers, MustNameTheRequestItsNodesAndItsType) {
  Response response = Response::sign(bob, request, CheckAliveResponse{}, 10'000);
  response.request_id = RequestId::random();
  EXPECT_FALSE(response.check_answers(request));

  EXPECT_FALSE(Response::sign(alice, request, CheckAliveResponse{}, 10'000).check_answers(request));

  response = Response::sign(bob, request, CheckAliveResponse{}, 10'000);
  response.to = bob.public_key();
  EXPECT_FALSE(response.check_answers(request));

  EXPECT_FALSE(Response::sign(bob, request, AnnounceResponse{}, 10'000).check_answers(request));
}

TEST(ProbeResponse, WritesWhatItReads) {
  ProbeResponse probe;
  probe.daemon_version = "kachery-p2p-0.9.0";
  probe.node_id = vector_key("alice").public_key();
  probe.is_bootstrap = true;
  probe.web_socket_address = Address{"h", 14508, ""};
  const Json json = probe.json();
  EXPECT_TRUE(json.contains("publicUdpSocketAddress"));
  EXPECT_TRUE(json["success"].boolean());
  const auto read = ProbeResponse::from_json(json);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->json().text(), json.text());
  for (const auto& [name, value] : json.members()) {
    EXPECT_FALSE(ProbeResponse::from_json(without(json, name))) << name;
    EXPECT_FALSE(ProbeResponse::from_json(with(json, name, 1))) << name;
  }
  EXPECT_FALSE(ProbeResponse::from_json(with(json, "joinedChannels", Json::array())));
  EXPECT_FALSE(ProbeResponse::from_json(with(json, "success", false)));
  const auto other = ProbeResponse::from_json(with(json, "protocolVersion", "kachery-p2p-9"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::protocol);
}

}  // namespace
}  // namespace kachery
