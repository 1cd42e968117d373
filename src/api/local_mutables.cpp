// /mutable/get, /mutable/set, /mutable/delete
#include "api/local_api.h"
#include "api/respond.h"
#include "codec/json_fields.h"

namespace kachery::api {

void LocalApi::mutable_get(Call call) {
  JsonFields fields(call.body, "/mutable/get request");
  const Json key = fields.any("key");
  if (const Status status = fields.finish(); !status) return respond_error(*call.exchange, status.error());
  context_.mutables.get(key, [exchange = call.exchange](Result<std::optional<Json>> value) {
    if (!value) return respond_error(*exchange, value.error());
    exchange->respond_json(
        200, Json::object(
                 {{"success", true}, {"found", value->has_value()}, {"value", value->value_or(Json(""))}}));
  });
}

void LocalApi::mutable_set(Call call) {
  JsonFields fields(call.body, "/mutable/set request");
  const Json key = fields.any("key");
  const Json value = fields.any("value");
  Status status = fields.finish();
  if (status) status = context_.check_mutable(key, value);
  if (!status) return respond_error(*call.exchange, status.error());
  context_.mutables.set(key, value, [this, exchange = call.exchange, key, value](Status stored) {
    if (!stored) return respond_error(*exchange, stored.error());
    context_.mutable_changed(key, value);
    exchange->respond_json(200, Json::object({{"success", true}}));
  });
}

void LocalApi::mutable_delete(Call call) {
  JsonFields fields(call.body, "/mutable/delete request");
  const Json key = fields.any("key");
  if (const Status status = fields.finish(); !status) return respond_error(*call.exchange, status.error());
  context_.mutables.remove(key, [this, exchange = call.exchange, key](Result<bool> removed) {
    if (!removed) return respond_error(*exchange, removed.error());
    context_.mutable_changed(key, std::nullopt);
    exchange->respond_json(200, Json::object({{"success", true}}));
  });
}

}  // namespace kachery::api
