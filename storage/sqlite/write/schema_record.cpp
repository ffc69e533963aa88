#include "schema_record.hpp"

#include <millrace/storage/base/failpoint.hpp>
#include <millrace/storage/base/hash.hpp>
#include <millrace/storage/sqlite/common/bind.hpp>
#include <millrace/storage/sqlite/common/error.hpp>
#include <millrace/storage/sqlite/common/needs_text.hpp>
#include <millrace/storage/sqlite/common/rows.hpp>

#include <algorithm>
#include <utility>

namespace millrace::storage::sqlite {

namespace {

std::string text_of(const migration_id& one) {
  return one.set + "/" + std::to_string(one.version);
}

/// Whether what a step names counts as applied after it.
bool records(schema_step step) noexcept {
  return step == schema_step::up || step == schema_step::baseline || step == schema_step::repair;
}

tl::unexpected<setback> conflict(std::string detail) {
  return set_back({errc::schema_conflict, std::move(detail)});
}

} // namespace

result<schema_record> schema_record::make(connection& owner) {
  auto seeds = seed_record::make(owner);
  auto owed = owed_hooks::make(owner);
  if (!seeds || !owed) {
    return tl::unexpected{!seeds ? std::move(seeds).error() : std::move(owed).error()};
  }
  schema_record made{owner, std::move(*seeds), std::move(*owed)};
  const std::pair<prepared_statement*, const char*> statements[] = {
    {&made.find_script_, "SELECT sql_hash FROM millrace_schema WHERE name = ?1"},
    {&made.record_script_, "INSERT INTO millrace_schema(name, seq, sql_hash) VALUES (?1, ?2, ?3)"},
    {&made.find_tip_,
     "SELECT version, chain FROM millrace_migrations WHERE set_name = ?1 ORDER BY version DESC LIMIT 1"},
    {&made.find_chain_, "SELECT chain FROM millrace_migrations WHERE set_name = ?1 AND version = ?2"},
    {&made.find_dependant_,
     "SELECT set_name, version FROM millrace_migrations WHERE instr(needs, ?1) > 0 ORDER BY set_name, version LIMIT 1"},
    {&made.record_migration_,
     "INSERT INTO millrace_migrations(set_name, version, name, checksum, chain, needs) "
     "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
    {&made.forget_migration_, "DELETE FROM millrace_migrations WHERE set_name = ?1 AND version = ?2"},
    {&made.forget_set_, "DELETE FROM millrace_migrations WHERE set_name = ?1"},
    {&made.record_history_,
     "INSERT INTO millrace_history(seq, accept_time_ms, step, set_name, version, name, sql, author, "
     "took_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {&made.record_object_,
     "INSERT OR REPLACE INTO millrace_objects(type, name, table_name, sql) "
     "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type = ?1 AND name = ?2"},
    {&made.forget_object_, "DELETE FROM millrace_objects WHERE type = ?1 AND name = ?2"},
  };
  for (const auto& [place, sql] : statements) {
    auto compiled = prepared_statement::prepare(owner.get(), sql);
    if (!compiled) {
      return tl::unexpected{std::move(compiled).error()};
    }
    *place = std::move(*compiled);
  }
  return made;
}

progress<bool> schema_record::holds(const schema_script& script) {
  reset_at_end guard{find_script_};
  bind_to(find_script_, 1, script.name);
  const int code = find_script_.step();
  if (code == SQLITE_ROW) {
    const auto recorded = static_cast<std::uint64_t>(sqlite3_column_int64(find_script_.get(), 0));
    return recorded == hash_of(script.sql)
             ? progress<bool>{true}
             : set_back({errc::schema_changed, "the script " + script.name + " was applied with another text"});
  }
  return code == SQLITE_DONE ? progress<bool>{false} : set_back(failure_of(owner_->get(), code));
}

progress<bool> schema_record::holds(const schema_change& change) {
  if (change.step == schema_step::ad_hoc || change.step == schema_step::adopt) {
    return false;
  }
  if (change.step == schema_step::hook) {
    return owed_.settled(change);
  }
  if (change.step == schema_step::seed) {
    return seeds_.holds(change);
  }
  const auto top = tip_of(change.set);
  if (!top) {
    return tl::unexpected{top.error()};
  }
  const bool fits = top->chain == change.expected;
  if (change.step == schema_step::repair) {
    return fits ? progress<bool>{false} : conflict("of set " + change.set + " other migrations are applied by now");
  }
  const auto* const last = &change.migrations.back();
  const migration_id which{change.set, last->version};
  const auto applied = chain_of(which);
  if (!applied) {
    return tl::unexpected{applied.error()};
  }
  if (change.step == schema_step::down) {
    if (!*applied) {
      return conflict("migration " + text_of(which) + " is not applied");
    }
    if (!fits || top->version != last->version) {
      return conflict("migration " + text_of(which) + " is not the newest of its set any more, which is "
                      + std::to_string(top->version));
    }
    return look_at_dependants(which).map([] { return false; });
  }
  if (*applied && **applied == last->chain) {
    return true;
  }
  if (!fits || top->version >= change.migrations.front().version) {
    return conflict("migration " + text_of(which) + " was made to follow another state of its set, of which "
                    + std::to_string(top->version) + " is the newest that is applied");
  }
  return look_at_needs(change).map([] { return false; });
}

/// A migration that is applied, or comes with the same change, is there.
progress<> schema_record::look_at_needs(const schema_change& change) {
  for (const auto& one : change.migrations) {
    for (const auto& needed : one.needs) {
      const bool comes = needed.set == change.set
                         && std::ranges::find(change.migrations, needed.version, &applied_migration::version)
                              != change.migrations.end();
      const auto applied = chain_of(needed);
      if (!applied) {
        return tl::unexpected{applied.error()};
      }
      if (!comes && !*applied) {
        return conflict("migration " + text_of({change.set, one.version}) + " needs " + text_of(needed)
                        + ", which is not applied");
      }
    }
  }
  return {};
}

progress<> schema_record::look_at_dependants(const migration_id& one) {
  reset_at_end guard{find_dependant_};
  const auto wanted = needs_text({one});
  bind_to(find_dependant_, 1, wanted);
  const int code = find_dependant_.step();
  if (code == SQLITE_ROW) {
    const migration_id dependant{std::string{blob_at(find_dependant_.get(), 0)},
                                 static_cast<std::uint64_t>(sqlite3_column_int64(find_dependant_.get(), 1))};
    return conflict("migration " + text_of(dependant) + " needs " + text_of(one) + "; take that back first");
  }
  return code == SQLITE_DONE ? progress<>{} : set_back(owner_->get(), code);
}

auto schema_record::tip_of(const std::string& set) -> progress<tip> {
  reset_at_end guard{find_tip_};
  bind_to(find_tip_, 1, set);
  const int code = find_tip_.step();
  if (code == SQLITE_ROW) {
    return tip{static_cast<std::uint64_t>(sqlite3_column_int64(find_tip_.get(), 0)), digest_at(find_tip_.get(), 1)};
  }
  return code == SQLITE_DONE ? progress<tip>{} : set_back(owner_->get(), code);
}

progress<std::optional<sha256>> schema_record::chain_of(const migration_id& one) {
  reset_at_end guard{find_chain_};
  bind_to(find_chain_, 1, one.set);
  bind_to(find_chain_, 2, one.version);
  const int code = find_chain_.step();
  if (code == SQLITE_ROW) {
    return std::optional{digest_at(find_chain_.get(), 0)};
  }
  return code == SQLITE_DONE ? progress<std::optional<sha256>>{} : set_back(owner_->get(), code);
}

progress<> schema_record::put(const schema_script& script, const applied_change& done) {
  bind_to(record_script_, 1, script.name);
  bind_to(record_script_, 2, done.seq);
  bind_to(record_script_, 3, hash_of(script.sql));
  return run(record_script_)
    .and_then([&] { return put_history(schema_step::script, "", 0, script.name, script.sql, "", done); })
    .and_then([&] { return put_differences(done); });
}

progress<> schema_record::put(const schema_change& change, const applied_change& done) {
  progress<> stored;
  if (change.step == schema_step::down) {
    bind_to(forget_migration_, 1, change.set);
    bind_to(forget_migration_, 2, change.migrations.back().version);
    stored = run(forget_migration_).and_then([this] { return seeds_.forget_all(); });
  } else if (change.step == schema_step::repair) {
    bind_to(forget_set_, 1, change.set);
    stored = run(forget_set_);
  } else if (change.step == schema_step::seed) {
    stored = seeds_.put(change, done.seq);
  }
  for (const auto& one : change.migrations) {
    if (stored && records(change.step)) {
      stored = record(change.set, one);
    }
  }
  stored = stored.and_then([&] { return owed_.note(change); });
  // A repair is of the whole set.
  const bool one = !change.migrations.empty() && change.step != schema_step::repair;
  const auto* const last = one ? &change.migrations.back() : nullptr;
  const bool hook = change.step == schema_step::hook && !change.before.empty();
  const std::string_view name = last != nullptr ? last->name : hook ? change.before.front().file : std::string_view{};
  return stored
    .and_then([&] {
      return put_history(change.step, change.set, last == nullptr ? 0 : last->version, name, whole_sql(change),
                         change.author, done);
    })
    .and_then([&] { return put_differences(done); });
}

progress<> schema_record::record(const std::string& set, const applied_migration& one) {
  const auto needs = needs_text(one.needs);
  bind_to(record_migration_, 1, set);
  bind_to(record_migration_, 2, one.version);
  bind_to(record_migration_, 3, one.name);
  bind_to(record_migration_, 4, one.checksum);
  bind_to(record_migration_, 5, one.chain);
  bind_to(record_migration_, 6, needs);
  return run(record_migration_);
}

progress<> schema_record::put_history(schema_step step, const std::string& set, std::uint64_t version,
                                      std::string_view name, std::string_view sql, std::string_view author,
                                      const applied_change& done) {
  auto& row = record_history_;
  bind_to(row, 1, done.seq);
  sqlite3_bind_int64(row.get(), 2, done.accept_time_ms);
  bind_to(row, 3, static_cast<std::uint64_t>(step));
  bind_to(row, 4, set);
  bind_to(row, 5, version);
  bind_to(row, 6, name);
  bind_to(row, 7, sql.size() > recorded_sql_bytes_max ? std::string_view{} : sql);
  bind_to(row, 8, author);
  sqlite3_bind_int64(row.get(), 9, done.took.count());
  auto stored = run(row);
  failpoint("script.recorded");
  return stored;
}

progress<> schema_record::put_differences(const applied_change& done) {
  progress<> stored;
  for (const auto& one : done.differences) {
    auto& statement = one.after.empty() ? forget_object_ : record_object_;
    bind_to(statement, 1, one.type);
    bind_to(statement, 2, one.name);
    stored = stored.and_then([&] { return run(statement); });
  }
  return stored;
}

progress<> schema_record::run(prepared_statement& statement) {
  const int code = statement.run();
  return code == SQLITE_OK ? progress<>{} : set_back(failure_of(owner_->get(), code));
}

} // namespace millrace::storage::sqlite
