#include "api/local_api.h"

namespace kachery::api {

std::vector<Route> LocalApi::routes() {
  const auto to = [this](void (LocalApi::*handler)(Call)) {
    return [this, handler](Call call) { (this->*handler)(std::move(call)); };
  };
  constexpr auto open = Access::open;
  constexpr auto client = Access::client;
  constexpr auto other = Access::client_or_other;
  return {
      {"GET", "/probe", open, Body::ignored, to(&LocalApi::probe)},
      {"POST", "/probe", other, Body::json, to(&LocalApi::probe)},
      {"GET", "/halt", client, Body::ignored, to(&LocalApi::halt)},
      {"GET", "/stats", other, Body::ignored, to(&LocalApi::stats)},
      {"POST", "/storeFile", client, Body::json, to(&LocalApi::store_local_file)},
      {"POST", "/linkFile", client, Body::json, to(&LocalApi::link_local_file)},
      {"POST", "/store", other, Body::raw, to(&LocalApi::store_upload)},
      {"POST", "/findFile", other, Body::json, to(&LocalApi::find_file)},
      {"POST", "/loadFile", other, Body::json, to(&LocalApi::load_file)},
      {"POST", "/downloadFileData", other, Body::json, to(&LocalApi::download_file_data)},
      {"POST", "/mutable/get", other, Body::json, to(&LocalApi::mutable_get)},
      {"POST", "/mutable/set", other, Body::json, to(&LocalApi::mutable_set)},
      {"POST", "/mutable/delete", client, Body::json, to(&LocalApi::mutable_delete)},
  };
}

}  // namespace kachery::api
