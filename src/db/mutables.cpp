#include "db/mutables.h"

#include <utility>

#include "base/log.h"

namespace kachery {
namespace {

constexpr const char* get_job = "mutable_get";
constexpr const char* set_job = "mutable_set";
constexpr const char* remove_job = "mutable_remove";

// The worker's database, opened when it is first needed, and again after a failure.
class LazyDb {
 public:
  explicit LazyDb(std::string path) : path_(std::move(path)) {}

  Result<MutablesDb*> get() {
    if (!db_) {
      KACHERY_TRY(db_, MutablesDb::open(path_));
    }
    return db_.get();
  }

 private:
  std::string path_;
  std::unique_ptr<MutablesDb> db_;
};

// Keys and values travel as canonical texts, so that their depth does not add to that of the message.
Result<Json> do_get(MutablesDb& db, const Json& arguments) {
  KACHERY_TRY(const std::optional<std::string> text, db.get_text(arguments["key"].string()));
  return text ? Json(*text) : Json();
}

Result<Json> do_set(MutablesDb& db, const Json& arguments) {
  KACHERY_CHECK(db.set_text(arguments["key"].string(), arguments["value"].string()));
  return Json(true);
}

Result<Json> do_remove(MutablesDb& db, const Json& arguments) {
  return db.remove_text(arguments["key"].string()).map([](bool removed) { return Json(removed); });
}

using Operation = Result<Json> (*)(MutablesDb&, const Json&);

class MutablesJob final : public WorkerJob {
 public:
  MutablesJob(std::shared_ptr<LazyDb> db, Operation operation, Json arguments)
      : db_(std::move(db)), operation_(operation), arguments_(std::move(arguments)) {}

  Step step() override {
    auto db = db_->get();
    if (!db) return fail(std::move(db).error());
    return operation_(**db, arguments_);
  }

 private:
  std::shared_ptr<LazyDb> db_;
  Operation operation_;
  Json arguments_;
};

}  // namespace

void add_mutables_jobs(WorkerJobTable& table, const std::string& db_path) {
  const auto db = std::make_shared<LazyDb>(db_path);
  const auto add = [&](const char* kind, Operation operation) {
    table[kind] = [db, operation](const Json& arguments,
                                  std::vector<UniqueFd>) -> Result<std::unique_ptr<WorkerJob>> {
      return std::make_unique<MutablesJob>(db, operation, arguments);
    };
  };
  add(get_job, do_get);
  add(set_job, do_set);
  add(remove_job, do_remove);
}

void Mutables::submit(const char* kind, const Json& arguments, Answer answer) {
  const std::uint64_t id = next_++;
  const auto done = [this, id, answer = std::move(answer)](Result<Json> result) {
    const auto ticket = tickets_.extract(id);  // before the answer, which may destroy this
    answer(std::move(result));
  };
  tickets_[id] = worker_.submit(kind, arguments, {}, true, {{}, done});
}

void Mutables::get(const Json& key, std::function<void(Result<std::optional<Json>>)> done) {
  std::string key_text = canonical_json(key);
  const Json arguments = Json::object({{"key", key_text}});
  submit(get_job, arguments,
         [key_text = std::move(key_text), done = std::move(done)](const Result<Json>& text) {
           if (!text) return done(fail(text.error()));
           if (text->is_null()) return done(std::optional<Json>());
           auto value = Json::parse(text->string());
           if (!value) {
             return done(fail(Errc::damaged, "the value of the mutable {} is no JSON: {}", escaped(key_text),
                              value.error().message));
           }
           done(std::optional<Json>(*std::move(value)));
         });
}

void Mutables::set(const Json& key, const Json& value, std::function<void(Status)> done) {
  const Json arguments = Json::object({{"key", canonical_json(key)}, {"value", canonical_json(value)}});
  submit(set_job, arguments, [done = std::move(done)](const Result<Json>& result) {
    done(result ? Status() : fail(result.error()));
  });
}

void Mutables::remove(const Json& key, std::function<void(Result<bool>)> done) {
  const Json arguments = Json::object({{"key", canonical_json(key)}});
  submit(remove_job, arguments, [done = std::move(done)](const Result<Json>& result) {
    done(result.map([](const Json& removed) { return removed.boolean(); }));
  });
}

}  // namespace kachery
