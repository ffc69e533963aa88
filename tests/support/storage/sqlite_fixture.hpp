#pragma once

#include "plain_connection.hpp"

#include <millrace/storage/sqlite/database.hpp>
#include <millrace/tests/support/printing.hpp>
#include <millrace/tests/support/temporary_folder.hpp>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::storage::testing {

using millrace::test::plain_connection;

/// Every row of every table and the whole schema. Left out: the database's UUID, and what depends on how the log was
/// cut into calls (the recorded outcomes, which stand together call by call, and what of them was forgotten) or on the
/// machine (how long changes of the schema took).
std::string dump(const std::filesystem::path& file);

/// Writes down what a writer says that it is trying.
class noted_mark final : public attempt_mark {
public:
  struct state {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::vector<std::uint64_t> at;
    bool ended = false;
  };

  // So that noting allocates nothing.
  noted_mark() { now.at.reserve(1'024); }

  void begin(std::uint64_t first, std::uint64_t last) noexcept override {
    now.first = first;
    now.last = last;
    now.at.clear();
    now.ended = false;
  }
  void at(std::uint64_t seq) noexcept override { now.at.push_back(seq); }
  void end() noexcept override { now.ended = true; }

  state now; ///< Of the last call.
};

/// A database with one writer. Work is numbered and batched as it comes.
class database_fixture {
public:
  database_fixture();

  /// Opens (again); what it had is closed first.
  void open(const database_options& options = {});
  void close() { writer.reset(); }

  /// Applies the work as one batch, in as many calls as it takes; they must succeed.
  std::vector<answer> apply(std::vector<work> items);
  answer apply_one(work item);
  /// Applies a script that must succeed.
  void schema(const std::string& sql);
  /// All rows as a stranger sees them.
  std::string rows(const std::string& sql);

  /// The next batch, not applied.
  std::shared_ptr<batch> next_batch(std::vector<work> items) const;
  /// Applies the batches in as many calls as it takes; they must succeed.
  std::vector<answer> apply_all(std::span<const batch_ptr> batches);
  /// One call with one batch.
  tl::expected<std::vector<answer>, trouble> try_to_apply(const batch_ptr& next, const write_limits& limits = {}) {
    return writer->apply(std::span{&next, 1}, mark, limits);
  }

  millrace::test::temporary_folder folder;
  std::filesystem::path file = folder.path() / "database.sqlite3";
  std::unique_ptr<database_writer> writer;
  noted_mark mark;
  std::int64_t time_ms = 1'600'000'000'000;

private:
  int scripts_ = 0;
};

/// The code an answer was rejected with; `errc::none` where it was not.
errc code_of(const answer& reply);
std::string detail_of(const answer& reply);

} // namespace millrace::storage::testing
