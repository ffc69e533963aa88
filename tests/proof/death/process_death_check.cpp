#include "process_death_check.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/actors/engine/engine.hpp>
#include <millrace/actors/schema/plan.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tests/support/line_file.hpp>
#include <millrace/tests/support/storage/plain_connection.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace millrace::test {

namespace {

constexpr std::chrono::minutes patience{1};
constexpr std::uint64_t new_client = 999'999'999;

using key = std::pair<std::uint64_t, std::uint64_t>; ///< Client and number.

std::string words(const key& one) {
  return "client " + std::to_string(one.first) + ", number " + std::to_string(one.second);
}

void require(bool kept, const std::string& otherwise) {
  if (!kept) {
    throw std::runtime_error{otherwise};
  }
}

template <class T>
T unwrap(tl::expected<T, failure> given) {
  require(given.has_value(), given ? "" : to_string(given.error()));
  return std::move(*given);
}

struct entry {
  std::int64_t id = 0;
  key what;
  friend bool operator==(const entry&, const entry&) = default;
};

/// What the victim knew of one transaction.
struct known {
  std::uint64_t seq = 0; ///< 0 where it was not acknowledged.
  std::int64_t id = 0;   ///< 0 where it was not answered as applied.
  bool rejected = false;
};

using knowledge = std::map<key, known>;

knowledge learn(const std::vector<note>& notes) {
  knowledge all;
  for (const auto& one : notes) {
    const key what{one.client, one.number};
    auto& about = all[what];
    if (one.what == noted::sent) {
      continue;
    }
    require(about.rejected == (one.what == noted::rejected) || (about.seq == 0 && !about.rejected),
            words(what) + " was both acknowledged and rejected");
    about.rejected = one.what == noted::rejected;
    require(about.seq == 0 || about.seq == one.seq, words(what) + " was answered two seqs");
    require(about.id == 0 || one.id == 0 || about.id == one.id, words(what) + " was answered two results");
    about.seq = one.seq;
    about.id = std::max(about.id, one.id);
  }
  return all;
}

/// An engine of this process that serves the folder.
class looked_into {
public:
  looked_into(const victim& left, const std::filesystem::path& data)
    : engine_(unwrap(open(system_, settings_for(data, left.task)))), client_(system_, engine_.front()) {}

  engine& served() noexcept { return engine_; }

  std::vector<entry> rows() {
    auto question = select("SELECT id, client, number FROM entry ORDER BY id");
    question.consistency = consistency::linearizable;
    std::vector<entry> all;
    for (const auto one : unwrap(client_.query(question))) {
      all.push_back(
        {one[0].as_integer(),
         {static_cast<std::uint64_t>(one[1].as_integer()), static_cast<std::uint64_t>(one[2].as_integer())}});
    }
    return all;
  }

  void work() {
    const auto before = rows().size();
    unwrap(client_.execute(victim_work(new_client, 1)));
    require(rows().size() == before + 1, "new work has not one effect");
  }

  std::vector<quarantined_transaction> quarantine() {
    std::vector<quarantined_transaction> found;
    caf::scoped_actor self{system_};
    self->request(engine_.operations(), patience, quarantine_list{})
      .receive([&](quarantine_listing& listing) { found = std::move(listing.entries); },
               [](const caf::error& why) { throw std::runtime_error{to_string(failure_of(why))}; });
    return found;
  }

  schema_state schema() {
    std::optional<schema_state> found;
    caf::scoped_actor self{system_};
    self->request(engine_.operations(), patience, schema_state_request{})
      .receive([&](schema_state& state) { found = std::move(state); },
               [](const caf::error& why) { throw std::runtime_error{to_string(failure_of(why))}; });
    return std::move(*found);
  }

  /// Sends all of these names again, all at once.
  std::map<key, tl::expected<outcome, failure>> resend(const victim& left, const std::vector<key>& names) {
    caf::scoped_actor self{system_};
    using pending = decltype(self->request(engine_.front(), patience, transaction{}));
    std::deque<std::pair<key, pending>> requests;
    for (const auto& what : names) {
      auto work = victim_work(what.first, what.second);
      work.name = {left.ids.at(what.first), what.second};
      requests.emplace_back(what, self->request(engine_.front(), patience, std::move(work)));
    }
    std::map<key, tl::expected<outcome, failure>> answers;
    for (auto& [what, request] : requests) {
      request.receive(
        [&, what = what](outcome& done) { answers.insert_or_assign(what, std::move(done)); },
        [&, what = what](const caf::error& why) { answers.insert_or_assign(what, tl::unexpected{failure_of(why)}); });
    }
    return answers;
  }

private:
  system_config config_;
  caf::actor_system system_{config_};
  engine engine_;
  client client_;
};

std::int64_t id_of(const outcome& done) {
  return done.results.empty() ? 0 : done.results.at(0).rows[0][std::size_t{0}].as_integer();
}

void check_rows(const std::vector<entry>& rows, const knowledge& sent) {
  std::map<key, std::int64_t> ids;
  std::map<std::uint64_t, std::uint64_t> last_numbers;
  for (const auto& row : rows) {
    const auto about = sent.find(row.what);
    require(about != sent.end(), words(row.what) + " was never sent");
    require(!victim_work_fails(row.what.second) && !about->second.rejected, words(row.what) + " was rejected");
    require(ids.emplace(row.what, row.id).second, words(row.what) + " is there twice");
    require(last_numbers[row.what.first] < row.what.second, words(row.what) + " is out of order");
    last_numbers[row.what.first] = row.what.second;
  }
  std::map<std::uint64_t, std::int64_t> by_seq;
  for (const auto& [what, about] : sent) {
    if (about.seq == 0) {
      continue;
    }
    const auto row = ids.find(what);
    require(row != ids.end(), words(what) + " was acknowledged as seq " + std::to_string(about.seq) + " and is lost");
    require(about.id == 0 || about.id == row->second, words(what) + " is another row than was answered");
    require(by_seq.emplace(about.seq, row->second).second,
            "seq " + std::to_string(about.seq) + " was answered to two transactions");
  }
  require(std::ranges::is_sorted(by_seq, {}, [](const auto& one) { return one.second; }),
          "rows do not stand in the order of their seqs");
}

/// Of the names that were sent, oldest first; each once.
std::vector<key> names_in(const std::vector<note>& notes) {
  std::vector<key> names;
  std::map<key, bool> seen;
  for (const auto& one : notes) {
    if (one.client < unnamed_from && !std::exchange(seen[{one.client, one.number}], true)) {
      names.emplace_back(one.client, one.number);
    }
  }
  return names;
}

/// Whether the engine may know nothing of a client any more, whose id is as old as the folder: what it sent is long
/// ago, or nothing of it was heard before others had their say.
bool may_be_forgotten(const std::vector<key>& names, std::size_t place, const knowledge& sent) {
  const auto client = names[place].first;
  const bool heard = std::ranges::any_of(
    sent, [&](const auto& one) { return one.first.first == client && (one.second.seq != 0 || one.second.rejected); });
  return place + outcomes_kept / 2 < names.size() || !heard;
}

/// Adds to what is known what the names are answered now, and checks that it is no other than before.
void check_resends(looked_into& folder, const victim& left, const std::vector<key>& names, knowledge& sent) {
  const auto answers = folder.resend(left, names);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& answer = answers.at(names[i]);
    auto& about = sent[names[i]];
    if (answer) {
      require(!about.rejected && !victim_work_fails(names[i].second), words(names[i]) + " was rejected before");
      require(about.seq == 0 || about.seq == answer->seq, words(names[i]) + " is answered another seq");
      require(about.id == 0 || id_of(*answer) == 0 || about.id == id_of(*answer),
              words(names[i]) + " is answered another result");
      about.seq = answer->seq;
      about.id = std::max(about.id, id_of(*answer));
    } else if (answer.error().code == errc::constraint) {
      require(victim_work_fails(names[i].second), words(names[i]) + ": " + to_string(answer.error()));
      about.rejected = true;
    } else {
      require(answer.error().code == errc::name_forgotten && may_be_forgotten(names, i, sent),
              words(names[i]) + ": " + to_string(answer.error()));
    }
  }
}

/// How many rows of a migration's table its backfill has changed, by what is recorded.
std::uint64_t rows_filled(const schema_state& state, std::uint64_t version) {
  const auto done = applied_of(state, "fill").migrations;
  const auto* const begun = backfill_of(state, "fill");
  return std::ranges::find(done, version, &applied_migration::version) != done.end() ? 2
         : begun != nullptr && begun->id.version == version                          ? begun->rows_done
                                                                                     : 0;
}

/// Each migration is there as a whole or not at all, and what was told to be applied is.
void check_migrations(looked_into& folder, const victim& left, const std::filesystem::path& file) {
  const auto state = folder.schema();
  require(state.drift.empty(), "the schema is not what its history made");
  std::set<std::uint64_t> applied;
  std::string tables;
  for (const auto& one : applied_of(state, "main").migrations) {
    applied.insert(one.version);
    const auto name = "m" + std::to_string(one.version);
    tables += (tables.empty() ? "" : "\n") + name;
    const auto filled = rows_filled(state, one.version);
    require(plain_connection{file}.rows("SELECT a FROM " + name + " ORDER BY rowid")
              == std::string{filled > 0 ? "11" : "1"} + '\n' + (filled > 1 ? "12" : "2"),
            name + " has not its rows, of which " + std::to_string(filled) + " are filled");
  }
  require(plain_connection{file}.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'm[0-9]*' "
                                      "ORDER BY CAST(substr(name, 2) AS INTEGER)")
            == tables,
          "there are tables of migrations that are not applied, or none of one that is");
  std::set<std::uint64_t> told;
  for (const auto& line : complete_lines(migrations_journal(left))) {
    std::istringstream fields{line};
    std::string what;
    std::uint64_t version = 0;
    fields >> what >> version;
    what == "up" ? void(told.insert(version)) : void(told.erase(version));
  }
  require(std::ranges::includes(applied, told), "a migration that was told to be applied is not");
}

} // namespace

void check_what_is_left(const victim& left, const std::filesystem::path& data) {
  const auto notes = read_journal(left.journal);
  auto sent = learn(notes);
  const auto names = names_in(notes);
  std::vector<entry> rows;
  {
    looked_into folder{left, data};
    check_rows(folder.rows(), sent);
    check_resends(folder, left, names, sent);
    check_resends(folder, left, names, sent);
    check_rows(folder.rows(), sent);
    for (const auto& one : folder.quarantine()) {
      require(one.work.statements.at(0).sql.starts_with("INSERT INTO used"),
              "seq " + std::to_string(one.seq) + " is in quarantine");
    }
    check_migrations(folder, left, data / "database.sqlite3");
    folder.work();
    rows = folder.rows();
  }
  looked_into again{left, data};
  const auto& recovery = again.served().recovery();
  require(recovery.transactions == 0 && recovery.findings.empty(), "the second recovery finds something to do");
  require(again.rows() == rows, "the second recovery changes something");
  again.served().close();
  require(plain_connection{data / "database.sqlite3"}.rows("PRAGMA integrity_check") == "ok",
          "the database is damaged");
}

} // namespace millrace::test
