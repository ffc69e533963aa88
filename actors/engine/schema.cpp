#include "schema.hpp"

#include "engine_impl.hpp"

#include <millrace/actors/base/logger.hpp>
#include <millrace/actors/schema/migrator.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/storage/base/hash.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include <caf/scoped_actor.hpp>

namespace millrace {

namespace {

tl::expected<schema_script, failure> read_script(const std::filesystem::path& file) {
  const auto unusable = [&file](errc code, const std::string& why) {
    return tl::unexpected{failure{code, "schema script " + file.string() + why}};
  };
  std::error_code problem;
  if (!std::filesystem::exists(file, problem)) {
    return problem ? unusable(errc::bad_option, " cannot be read: " + problem.message())
                   : unusable(errc::file_not_found, "");
  }
  if (std::filesystem::is_directory(file, problem)) {
    return unusable(errc::bad_option, " is a folder; name the files in it, in the order in which they are applied");
  }
  errno = 0;
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  // A file without a byte in it sets the failbit.
  if (!stream || (stream.peek() != std::ifstream::traits_type::eof() && !(text << stream.rdbuf())) || stream.bad()) {
    return unusable(errc::bad_option, std::string{" cannot be read: "} + std::strerror(errno));
  }
  return schema_script{file.filename().string(), std::move(text).str()};
}

} // namespace

tl::expected<std::vector<schema_script>, failure> pending_scripts(const options& settings,
                                                                  const storage::database_identity& identity) {
  std::vector<schema_script> all;
  for (const auto& file : settings.schema) {
    auto script = read_script(file);
    if (!script) {
      return tl::unexpected{script.error()};
    }
    all.push_back(std::move(*script));
  }
  all.insert(all.end(), settings.scripts.begin(), settings.scripts.end());
  std::set<std::string> names;
  std::vector<schema_script> pending;
  for (auto& script : all) {
    if (!names.insert(script.name).second) {
      return tl::unexpected{failure{errc::bad_option, "two schema scripts are called " + script.name}};
    }
    const auto recorded = std::ranges::find(identity.scripts, script.name, &storage::recorded_script::name);
    if (recorded == identity.scripts.end()) {
      pending.push_back(std::move(script));
    } else if (recorded->sql_hash != storage::hash_of(script.sql)) {
      return tl::unexpected{
        failure{errc::schema_changed, script.name + ", applied as seq " + std::to_string(recorded->seq)}};
    }
  }
  return pending;
}

tl::expected<void, failure> engine::impl::migrate() {
  if (settings_.migrations.empty()) {
    return {};
  }
  migrator_options how{.author = "the program, when it was started", .hooks = settings_.hooks};
  how.abandon = [this] { return reason_to_give_up(); };
  how.on_progress = [](const planned_change& step, const backfill_state& now) {
    logger()->info("{}: {} rows done, about {} left", label_of(step.id.set, step.id.version, step.name), now.rows_done,
                   now.rows_left);
  };
  migrator by{system_, operations_, std::move(how)};
  const auto due = [this](const schema_state& now) { return plan_up(settings_.migrations, now, {}); };
  if (settings_.pending == pending_migrations::apply) {
    const auto done = by.run(due);
    return done ? tl::expected<void, failure>{} : tl::unexpected{done.error()};
  }
  const auto now = by.state();
  const auto plan = now ? due(*now) : expected<migration_plan>{tl::unexpected{now.error()}};
  if (!plan) {
    return tl::unexpected{plan.error()};
  }
  if (!plan->empty()) {
    const auto first = std::ranges::find_if(*plan, [](const auto& one) { return one.id.version > 0; });
    return tl::unexpected{failure{errc::schema_conflict,
                                  first == plan->end() ? plan->front().name + " is owed; `millrace migrate up` runs it"
                                                       : label_of(first->id.set, first->id.version, first->name)
                                                           + " is not applied; `millrace migrate up` applies it"}};
  }
  return {};
}

/// Where the database cannot be looked at, that is no reason not to serve.
tl::expected<void, failure> engine::impl::look_for_drift() {
  constexpr std::chrono::seconds patience{5};
  caf::scoped_actor self{system_};
  auto asked = self->request(operations_, patience, schema_state_request{.after = INT64_MAX, .limit = 1});
  if (wait_for_answer(self)) {
    return {}; // Its caller sees that, too.
  }
  std::string drift;
  asked.receive(
    [&](const schema_state& state) {
      for (const auto& one : state.drift) {
        const auto* const what = one.before.empty() ? " was added" : one.after.empty() ? " is gone" : " was changed";
        drift += (drift.empty() ? "" : ", ") + one.type + ' ' + one.name + what;
      }
    },
    [](const caf::error& why) { logger()->warn("the schema could not be looked at: {}", to_string(failure_of(why))); });
  if (drift.empty()) {
    return {};
  }
  const auto sentence = "another program changed the schema: " + drift + "; `millrace schema diff` shows it";
  if (settings_.drift == schema_drift::refuse) {
    return tl::unexpected{failure{errc::schema_conflict, sentence}};
  }
  logger()->warn("{}", sentence);
  return {};
}

} // namespace millrace
