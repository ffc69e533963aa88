#include "fill.hpp"

#include "row_maker.hpp"
#include "table_shape.hpp"

#include <millrace/actors/client/client.hpp>
#include <millrace/messages/wire/registry.hpp>
#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/interrupt_watch.hpp>
#include <millrace/tools/millrace/common/output.hpp>
#include <millrace/tools/millrace/common/process.hpp>
#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iostream>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

/// Rows of one transaction: enough that its sync does not count, few enough that others are not kept waiting by it.
constexpr std::uint64_t batch_rows = 2'000;

struct filled_table {
  std::string name;
  std::uint64_t had = 0;
  std::uint64_t made = 0;
};

/// Which row of a batch a failure speaks of, from 1; its detail is without that then.
std::optional<std::uint64_t> take_place(std::string& detail) {
  constexpr std::string_view mark = "statement ";
  const auto at = detail.find(mark);
  if (at == std::string::npos) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const auto* const end = detail.data() + detail.size();
  const auto [rest, problem] = std::from_chars(detail.data() + at + mark.size(), end, number);
  if (problem != std::errc{} || end - rest < 2) {
    return std::nullopt;
  }
  detail = std::string{rest + 2, end};
  return number;
}

/// `first` is the place of the batch's first row in its table, from 0.
int complain_of_row(const filled_table& table, std::uint64_t first, failure reason) {
  const auto place = reason.code == errc::constraint ? take_place(reason.detail) : std::nullopt;
  if (!place) {
    return complain(reason);
  }
  return complain(fmt::format("Table {}, row {}: {}. Generated rows do not meet every constraint; fill this table by a "
                              "seed file, such as migrations/seeds/dev/01_rows.sql, and others by --table. {} rows of "
                              "it are in.",
                              table.name, grouped(first + *place - 1), reason.detail, grouped(table.made)),
                  exit_code::failed);
}

int complain_of_others(const filled_table& table, std::uint64_t present) {
  return complain(fmt::format("Table {} has {} rows: others were not taken, by a trigger, or as what must be unique is "
                              "there.",
                              table.name, grouped(present)),
                  exit_code::failed);
}

expected<std::uint64_t> count_rows(client& database, const std::string& table) {
  const auto rows = database.query("SELECT count(*) FROM " + quote_identifier(table));
  return rows ? expected<std::uint64_t>{static_cast<std::uint64_t>((*rows)[0][std::size_t{0}].as_integer())}
              : tl::unexpected{rows.error()};
}

/// The first statement of a batch, which fails it where the table has not so many rows: somebody else fills it, too.
statement guard(const std::string& table, std::uint64_t present) {
  // Of the integer that has no opposite SQLite makes an error (lang_corefunc.html, abs).
  return make_statement(
    "SELECT abs(iif((SELECT count(*) FROM " + quote_identifier(table) + ") = ?1, 1, -9223372036854775808))", present);
}

bool met_others(failure reason) {
  return reason.code != errc::constraint && take_place(reason.detail) == 1;
}

transaction batch_of(const row_maker& maker, const filled_table& table, std::uint64_t present, std::uint64_t first,
                     std::uint64_t last) {
  transaction batch;
  batch.statements.push_back(guard(table.name, present));
  for (auto place = first; place < last; ++place) {
    batch.statements.push_back({.sql = maker.sql(), .parameters = maker.row(place)});
  }
  return batch;
}

std::uint64_t rows_added(const outcome& done) {
  std::uint64_t added = 0;
  std::ranges::for_each(done.results,
                        [&](const statement_result& one) { added += static_cast<std::uint64_t>(one.rows_changed); });
  return added;
}

/// Adds what a table lacks. Nothing, or the exit code where that failed or was interrupted.
std::optional<int> fill_table(client& database, const row_maker& maker, std::uint64_t rows, filled_table& table,
                              progress_line& progress) {
  const auto end = maker.places(rows);
  auto present = table.had;
  for (auto first = table.had; present < rows;) {
    if (interrupted()) {
      return complain(fmt::format("Interrupted. {} rows of {} are in; the same command with --yes goes on.",
                                  grouped(table.made), table.name),
                      exit_code::interrupted);
    }
    if (first >= end) {
      return complain_of_others(table, present);
    }
    const auto last = std::min(first + std::min(batch_rows, rows - present), end);
    const auto done = database.execute(batch_of(maker, table, present, first, last));
    if (!done && met_others(done.error())) {
      const auto counted = count_rows(database, table.name);
      if (!counted) {
        return complain(counted.error());
      }
      present = *counted;
      continue;
    }
    if (!done) {
      return complain_of_row(table, first, done.error());
    }
    const auto added = rows_added(*done);
    table.made += added;
    present += added;
    first = last;
    progress.update(fmt::format("{}: {} rows", on_one_line(table.name), grouped(present)),
                    static_cast<double>(present) / static_cast<double>(rows));
  }
  return std::nullopt;
}

void print(const fill_job& job, const std::vector<filled_table>& all) {
  if (all.empty() && !job.json) {
    std::cout << "There is no table to fill.\n";
  }
  auto list = nlohmann::ordered_json::array();
  for (const auto& one : all) {
    if (job.json) {
      list.push_back({{"table", one.name}, {"had", one.had}, {"made", one.made}});
    } else if (one.made > 0) {
      std::cout << fmt::format("{}: {} rows{}\n", on_one_line(one.name), grouped(one.made),
                               job.dry_run ? " would be made" : "");
    } else {
      std::cout << fmt::format("{}: has {} rows\n", on_one_line(one.name), grouped(one.had));
    }
  }
  if (job.json) {
    std::cout << list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  }
}

/// How many rows each has.
expected<std::vector<filled_table>> count_rows(client& database, const std::vector<table_shape>& tables) {
  std::vector<filled_table> all;
  for (const auto& one : tables) {
    const auto rows = count_rows(database, one.name);
    if (!rows) {
      return tl::unexpected{rows.error()};
    }
    all.push_back({.name = one.name, .had = *rows});
  }
  return all;
}

int complain_of_call(const failure& reason) {
  return reason.code == errc::bad_option ? complain(reason.detail + '.', exit_code::usage) : complain(reason);
}

/// Fills one after the other; what was done by then is in `all`.
int fill_all(client& database, const fill_job& job, const std::vector<table_shape>& tables,
             std::vector<filled_table>& all) {
  progress_line progress{std::chrono::seconds{2}};
  const interrupt_watch watch{
    "Interrupted. The rows that were under way are in as a whole or not at all; the same "
    "command with --yes goes on.",
    std::chrono::seconds{1}}; // A batch can wait long for its turn.
  for (std::size_t i = 0; i < tables.size(); ++i) {
    if (all[i].had >= job.rows) {
      continue;
    }
    const auto maker = row_maker::make(database, tables[i], job.random, job.rows);
    if (!maker) {
      return complain_of_call(maker.error());
    }
    all[i].had = maker->had();
    if (const auto ended = fill_table(database, *maker, job.rows, all[i], progress)) {
      return *ended;
    }
  }
  return exit_code::ok;
}

} // namespace

int fill(caf::actor_system& system, const engine_actor& front, const fill_job& job) {
  client database{system, front};
  auto all = read_tables(database);
  const auto tables = all ? choose_tables(std::move(*all), job.tables) : std::move(all);
  if (!tables) {
    return complain_of_call(tables.error());
  }
  auto counted = count_rows(database, *tables);
  if (!counted) {
    return complain_of_call(counted.error());
  }
  for (const auto& one : *counted) {
    if (one.had > 0 && one.had < job.rows && !job.add_to_rows) {
      return complain(fmt::format("{} has rows already ({}); --yes adds generated ones to them, --table fills others.",
                                  one.name, grouped(one.had)),
                      exit_code::usage);
    }
  }
  int code = exit_code::ok;
  if (job.dry_run) {
    for (auto& one : *counted) {
      one.made = job.rows - std::min(job.rows, one.had);
    }
  } else {
    code = fill_all(database, job, *tables, *counted);
  }
  print(job, *counted);
  if (!job.dry_run && std::ranges::any_of(*counted, [](const filled_table& one) { return one.made > 0; })) {
    vouch("Rows were generated.");
  }
  return code;
}

} // namespace millrace::tools
