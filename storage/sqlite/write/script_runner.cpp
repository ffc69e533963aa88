#include "script_runner.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/database.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/index_tables.hpp>
#include <millrace/storage/sqlite/common/meta.hpp>
#include <millrace/storage/sqlite/common/refusal.hpp>
#include <millrace/storage/sqlite/common/schema_objects.hpp>
#include <millrace/storage/sqlite/common/sql_tokens.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

std::chrono::microseconds since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
}

/// Where the frame may stand that other programs put around a script, such as sqlite3's .dump: `PRAGMA foreign_keys`
/// and BEGIN before all else, COMMIT after it. Then it says nothing that does not hold of every script.
class frame_order {
public:
  /// Takes the next statement. Empty, or why it may not stand here.
  std::string_view take(script_frame next) noexcept {
    const bool fits = next == script_frame::none               ? !committed_
                      : next == script_frame::begin            ? !begun_ && !anything_
                      : next == script_frame::commit           ? begun_ && !committed_
                      : next == script_frame::foreign_keys_off ? !begun_ && !anything_
                                                               : true;
    anything_ = anything_ || next == script_frame::none;
    begun_ = begun_ || next == script_frame::begin;
    committed_ = committed_ || next == script_frame::commit;
    return fits ? ""
                : "a script is one transaction: PRAGMA foreign_keys=OFF and BEGIN may only stand before all else, "
                  "COMMIT after it";
  }

  bool is_complete() const noexcept { return begun_ == committed_; }

private:
  bool anything_ = false;
  bool begun_ = false;
  bool committed_ = false;
};

/// Foreign keys that nobody looks at while a script runs which says that its tables and rows are in no order. Inside a
/// transaction the pragma has no effect, but this has.
class ignored_keys {
public:
  explicit ignored_keys(sqlite3* database) noexcept : database_(database) {}
  ignored_keys(const ignored_keys&) = delete;
  ignored_keys& operator=(const ignored_keys&) = delete;
  ~ignored_keys() { end(); }

  void begin() noexcept { set(true); }
  bool ignored() const noexcept { return ignored_; }
  /// Whether they were ignored so far, and must be looked at now.
  bool end() noexcept {
    const bool before = ignored_;
    set(false);
    return before;
  }

private:
  void set(bool ignored) noexcept {
    if (ignored != ignored_) {
      sqlite3_db_config(database_, SQLITE_DBCONFIG_ENABLE_FKEY, ignored ? 0 : 1, nullptr);
      ignored_ = ignored;
    }
  }

  sqlite3* database_;
  bool ignored_ = false;
};

/// What is said before a failure of the statement that begins at `at`.
std::string place_of(int number, const std::string& sql, const char* at) {
  const auto line = 1 + std::count(sql.c_str(), at, '\n');
  return "statement " + std::to_string(number) + " (line " + std::to_string(line) + "): ";
}

bool equal(std::string_view one, std::string_view other) noexcept {
  return one == other;
}

/// In the largest unit of which it is a whole number.
std::string text_of(std::chrono::milliseconds time) {
  constexpr std::pair<int, const char*> units[]{{3'600'000, " h"}, {60'000, " min"}, {1'000, " s"}, {1, " ms"}};
  const auto unit = std::ranges::find_if(units, [time](const auto& one) { return time.count() % one.first == 0; });
  return std::to_string(time.count() / unit->first) + unit->second;
}

} // namespace

std::string label_of(const schema_change& change) {
  if (change.migrations.empty()) {
    return "";
  }
  const auto& one = change.migrations.back();
  const auto what = change.set + '/' + std::to_string(one.version) + ' ' + one.name;
  return change.step == schema_step::seed ? "seed " + what + ": "
                                          : "migration " + what + ", " + to_text(change.step) + ": ";
}

failure overrun(const schema_change& change) {
  const auto* const what_now =
    change.backfill.empty() ? ", and nothing of it was kept; give it a longer one, or less to do, and apply it again"
                            : " for a part, which was not kept, as those before it are; let it have less to do and "
                              "apply it again, or take it back by `millrace migrate down` and give it a longer one";
  return {errc::deadline_exceeded,
          label_of(change) + "it took longer than its timeout of " + text_of(change.timeout) + what_now};
}

result<script_runner> script_runner::make(connection& owner, log_functions& functions, runaway_watch& watch) {
  auto record = schema_record::make(owner);
  auto backfills = backfill_record::make(owner);
  if (!record || !backfills) {
    return tl::unexpected{!record ? std::move(record).error() : std::move(backfills).error()};
  }
  script_runner made{owner, functions, watch, std::move(*record), std::move(*backfills)};
  auto compiled = prepared_statement::prepare(owner.get(), meta::find_intruder);
  if (!compiled) {
    return tl::unexpected{std::move(compiled).error()};
  }
  made.find_intruder_ = std::move(*compiled);
  return made;
}

progress<> script_runner::run(const schema_script& script, std::uint64_t seq, std::int64_t accept_time_ms) {
  const auto known = record_.holds(script);
  if (!known || *known) {
    return known ? progress<>{} : tl::unexpected{known.error()};
  }
  const auto begun = std::chrono::steady_clock::now();
  auto done = run_recorded({{script.sql}}, "script " + script.name + ": ", guarding::no, authority::script);
  if (!done) {
    return tl::unexpected{std::move(done).error()};
  }
  return record_.put(script, {seq, accept_time_ms, since(begun), std::move(done->differences)});
}

progress<ran_script> script_runner::run(const schema_change& change, std::uint64_t seq, std::int64_t accept_time_ms) {
  // An environment may be called like a set, and hooks of a run are in no migration's way.
  const bool apart = change.step == schema_step::seed || change.step == schema_step::hook;
  auto backfill = apart ? progress<under_way>{} : backfills_.find(change.set);
  if (!backfill) {
    return tl::unexpected{std::move(backfill).error()};
  }
  const auto known = holds(change, *backfill);
  if (!known || *known) {
    return known ? progress<ran_script>{} : tl::unexpected{known.error()};
  }
  const auto begun = std::chrono::steady_clock::now();
  auto done = run_step(change, *backfill);
  if (!done) {
    return done;
  }
  auto took = since(begun);
  if (done->rows_covered) {
    (*backfill)->took_us += took.count();
    took = std::chrono::microseconds{(*backfill)->took_us};
  }
  const bool goes_on = done->rows_covered == change.rows_max;
  auto stored = *backfill ? keep(change, **backfill, goes_on) : progress<>{};
  if (stored && !goes_on) {
    stored = record_.put(change, {seq, accept_time_ms, took, done->differences});
  }
  return stored ? std::move(done) : tl::unexpected{std::move(stored).error()};
}

progress<ran_script> script_runner::run_step(const schema_change& change, under_way& backfill) {
  switch (change.step) {
    case schema_step::adopt:
      return drift();
    case schema_step::pause:
    case schema_step::resume:
      backfill->paused = change.step == schema_step::pause;
      return ran_script{};
    default:
      break;
  }
  if (change.backfill.empty()) {
    const auto who = change.step == schema_step::seed ? authority::seed : authority::script;
    auto pieces = pieces_of(change.before);
    pieces.push_back({change.sql});
    std::ranges::move(pieces_of(change.after), std::back_inserter(pieces));
    return run_recorded(pieces, label_of(change), guarding::yes, who);
  }
  if (!backfill) {
    const auto& one = change.migrations.back();
    backfill = backfill_progress{
      .version = one.version, .name = one.name, .chain = one.chain, .table = change.backfill, .reached = {}};
  }
  return run_part(change, *backfill);
}

auto script_runner::pieces_of(const std::vector<schema_hook>& hooks) -> std::vector<piece> {
  std::vector<piece> pieces;
  pieces.reserve(hooks.size());
  std::ranges::transform(hooks, std::back_inserter(pieces), [](const schema_hook& one) {
    return piece{one.sql, one.file};
  });
  return pieces;
}

/// What others made of the schema.
progress<ran_script> script_runner::drift() {
  const auto recorded = read_recorded_objects(*owner_);
  const auto there = read_objects(*owner_);
  if (!recorded || !there) {
    return set_back(recorded ? there.error() : recorded.error());
  }
  return ran_script{differences(*recorded, *there, equal)};
}

/// Runs statements, and tells what they made of the schema.
progress<ran_script> script_runner::run_recorded(const std::vector<piece>& pieces, const std::string& label,
                                                 guarding care, authority who) {
  const auto before = read_objects(*owner_);
  const auto changed = sqlite3_total_changes64(owner_->get());
  if (!before) {
    return set_back(before.error());
  }
  auto done = run_guarded(pieces, care, who).and_then([this] { return check_names(); }).and_then([this] {
    return check_deferred_keys();
  });
  if (!done) {
    auto& detail = done.error().reason.detail;
    const bool hook = label.empty() && !pieces.front().file.empty();
    const auto whose = hook ? std::string{pieces.front().file} + ": " : label;
    detail.insert(0, detail.starts_with(whose) ? "" : whose);
    return tl::unexpected{std::move(done).error()};
  }
  const auto after = read_objects(*owner_);
  if (!after) {
    return set_back(after.error());
  }
  return ran_script{differences(*before, *after, equal), sqlite3_total_changes64(owner_->get()) - changed};
}

progress<> script_runner::run_guarded(const std::vector<piece>& pieces, guarding care, authority who) {
  if (care == guarding::no) {
    return run_pieces(pieces, {.who = who});
  }
  auto guard = key_guard::begin(*owner_);
  return guard ? run_pieces(pieces, {.who = who, .guard = &*guard}).and_then([&] { return guard->look_at_end(); })
               : tl::unexpected{std::move(guard).error()};
}

progress<> script_runner::run_pieces(const std::vector<piece>& pieces, const manner& how) {
  for (const auto& one : pieces) {
    if (auto done = run_statements(one.sql, how); !done) {
      if (!one.file.empty()) {
        done.error().reason.detail.insert(0, std::string{one.file} + ": ");
      }
      return done;
    }
  }
  return {};
}

progress<> script_runner::run_statements(const std::string& sql, const manner& how) {
  if (sql.find('\0') != std::string::npos) {
    return set_back({errc::bad_sql, "the SQL text contains a zero byte"});
  }
  const char* rest = sql.c_str();
  const char* const end = rest + sql.size();
  frame_order frame;
  ignored_keys keys{owner_->get()};
  for (int number = 1; *rest != '\0'; ++number) {
    authorizer::scope acting{owner_->rights(), how.who};
    const auto* const begin = skip_blank({rest, static_cast<std::size_t>(end - rest)}).data();
    auto statement = prepared_statement::prepare(owner_->get(), rest, -1, &rest);
    const auto placed = [&](failure why) {
      why.detail = place_of(number, sql, begin) + why.detail;
      return set_back(std::move(why));
    };
    if (auto refusal = refusal_of(statement)) {
      return placed(std::move(*refusal));
    }
    if (!statement) {
      return placed(std::move(statement).error());
    }
    if (statement->get() == nullptr) {
      continue;
    }
    if (how.part != nullptr) {
      if (auto wrong = bind_ends(*statement, *how.part)) {
        return placed(std::move(*wrong));
      }
    } else if ((how.guard != nullptr || how.who == authority::transaction)
               && sqlite3_bind_parameter_count(statement->get()) > 0) {
      return placed({errc::parameter_mismatch, "a change of the schema has no parameters"});
    }
    const auto part = owner_->rights().frame();
    if (const auto why = frame.take(part); !why.empty()) {
      return placed({errc::not_permitted, std::string{why}});
    }
    if (part == script_frame::foreign_keys_off) {
      keys.begin();
    } else if (part == script_frame::foreign_key_check) {
      if (auto done = check_keys(); !done) {
        done.error().reason.detail = place_of(number, sql, begin) + done.error().reason.detail;
        return done;
      }
    } else if (part == script_frame::none && (how.part == nullptr || how.part->rows > 0)) {
      if (auto refused = index_read_refused(*owner_)) {
        return placed(*std::move(refused));
      }
      const auto noted = how.guard == nullptr || keys.ignored() ? progress<>{}
                                                                : how.guard->note_drops(owner_->rights().drops());
      auto done = noted.and_then([&] { return run_statement(*statement); }).and_then([&] {
        return how.watch == nullptr ? progress<>{} : how.watch->look();
      });
      if (!done) {
        done.error().reason.detail = place_of(number, sql, begin) + done.error().reason.detail;
        return done;
      }
    }
  }
  if (!frame.is_complete()) {
    return set_back({errc::not_permitted, "BEGIN: the script has no COMMIT for it"});
  }
  return keys.end() ? check_keys() : progress<>{};
}

/// What of the script's rights it oversteps.
std::optional<failure> script_runner::refusal_of(const result<prepared_statement>& compiled) const {
  const auto& rights = owner_->rights();
  if (rights.refusal()) {
    return rights.refusal();
  }
  if (rights.is_module_pragma()) {
    return module_pragma_refused(authority::script);
  }
  return compiled && rights.is_vacuum(compiled->get()) ? std::optional{vacuum_refused()} : std::nullopt;
}

progress<> script_runner::run_statement(prepared_statement& statement) {
  // What SQLite's own modules compile while this runs is not the script's.
  authorizer::scope running{owner_->rights(), authority::internal};
  failpoint("script.statement");
  if (watch_->ends_before_statement()) {
    return set_back({errc::deadline_exceeded, "what stands before it took too long"});
  }
  const int code = statement.run();
  if (code == SQLITE_OK) {
    return watch_->overran() ? set_back({errc::deadline_exceeded, "it took too long"}) : progress<>{};
  }
  auto trouble = set_back(functions_->explain(failure_of(owner_->get(), code)));
  auto& how_far = trouble.value().how_far;
  if (how_far == reach::group && sqlite3_get_autocommit(owner_->get()) != 0) {
    how_far = reach::ended;
  }
  return trouble;
}

progress<> script_runner::check_keys() {
  const authorizer::scope looking{owner_->rights(), authority::internal}; // The script's own is compiled to nothing.
  auto check = prepared_statement::prepare(owner_->get(), "PRAGMA foreign_key_check");
  if (!check) {
    return set_back(std::move(check).error());
  }
  const int code = check->step();
  if (code == SQLITE_ROW) {
    const auto column = [&check](int index) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(check->get(), index));
      return std::string{text == nullptr ? "" : text};
    };
    return set_back({errc::constraint, "FOREIGN KEY constraint failed: when they are looked at, a row of " + column(0)
                                         + " refers to one of " + column(2) + " that is not there"});
  }
  return code == SQLITE_DONE ? progress<>{} : set_back(owner_->get(), code);
}

/// SQLite counts what deferred keys miss, and looks at none while foreign keys are off.
progress<> script_runner::check_deferred_keys() {
  int open = 0;
  int highest = 0;
  sqlite3_db_status(owner_->get(), SQLITE_DBSTATUS_DEFERRED_FKS, &open, &highest, 0);
  if (open == 0) {
    return {};
  }
  auto broken = check_keys();
  return !broken
           ? broken
           : set_back({errc::constraint,
                       "FOREIGN KEY constraint failed: one part of it left a deferred foreign key open, and "
                       "another, which says PRAGMA foreign_keys=OFF, mended that unseen; mend it in the part that "
                       "left it open, or leave that line out"});
}

progress<> script_runner::check_names() {
  // ALTER TABLE … RENAME shows the authorizer only the old name.
  reset_at_end guard{find_intruder_};
  const int code = find_intruder_.step();
  if (code == SQLITE_ROW) {
    const auto* const name = reinterpret_cast<const char*>(sqlite3_column_text(find_intruder_.get(), 0));
    return set_back({errc::not_permitted, std::string{"the name "} + (name == nullptr ? "" : name)
                                            + ", as names that begin with millrace_ are kept for Millrace"});
  }
  return code == SQLITE_DONE ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

} // namespace millrace::storage::sqlite
