#include "load_beginning.hpp"

#include <millrace/tools/millrace/common/sql_text.hpp>
#include <millrace/tools/millrace/common/waiting_note.hpp>

#include <algorithm>
#include <utility>

namespace millrace::tools {

namespace {

/// What a file is to the file of an earlier load into the same table.
enum class likeness {
  none,
  other_beginning, ///< It begins with all of that one, but has another path.
  changed,         ///< It has that one's path, but neither holds what that one did nor begins with it.
  other_reading,   ///< It is that one, or that one with lines appended, but is read in another way.
  grown,           ///< It is that one with something appended.
  same,
};

likeness compare(const file_identity& file, const prefix_hashes& prefixes, const file_identity& earlier) {
  const auto prefix = prefixes.find(earlier.bytes);
  const bool begins_alike = earlier.bytes > 0 && prefix != prefixes.end() && prefix->second == earlier.hash;
  const bool same_bytes = begins_alike && earlier.bytes == file.bytes;
  const bool same_path = file.path == earlier.path;
  if (begins_alike && (same_bytes || same_path) && file.reading != earlier.reading) {
    return likeness::other_reading;
  }
  if (same_bytes) {
    return likeness::same;
  }
  if (begins_alike) {
    return same_path ? likeness::grown : likeness::other_beginning;
  }
  return same_path ? likeness::changed : likeness::none;
}

/// What there is to say of a table that is to take rows.
struct table_look {
  bool empty = false;  ///< Whether it shows no rows.
  bool stored = false; ///< Whether it is a table, and no view that may show what it likes.
};

tl::expected<table_look, failure> look_at(client& database, const std::string& table) {
  auto question = select(
    "SELECT NOT EXISTS (SELECT 1 FROM " + quote_identifier(table)
      + "), EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE)",
    table);
  question.consistency = consistency::linearizable;
  return database.query(std::move(question)).map([](const row_set& rows) {
    return table_look{rows[0][std::size_t{0}].as_integer() != 0, rows[0][std::size_t{1}].as_integer() != 0};
  });
}

constexpr auto asking = "Waiting for the load to be recorded …";

class load_start {
public:
  load_start(client& database, const beginning& wanted) : database_(database), wanted_(wanted) {}

  tl::expected<begun_load, std::string> run();

private:
  std::string identify();
  std::string obstacle();
  std::string obstacle_to_going_on();
  std::string obstacle_to_beginning() const;
  tl::expected<begun_load, std::string> begin();
  tl::expected<begun_load, std::string> go_on();
  /// Whether the earlier load got rows in, and they are there.
  bool some_are_in() const noexcept {
    return !emptied() && (earlier_.state == load_state::unrecorded || earlier_.rows > 0);
  }
  bool emptied() const noexcept { return table_.empty && table_.stored; }

  client& database_;
  const beginning& wanted_;
  file_identity file_;
  likeness likeness_ = likeness::none;
  load_record earlier_; ///< Of the load whose file is most like this one.
  table_look table_;
};

std::string not_read(const failure& reason) {
  return "What earlier loads recorded cannot be read: " + to_string(reason);
}

tl::expected<begun_load, std::string> load_start::run() {
  for (const auto step : {&load_start::identify, &load_start::obstacle}) {
    if (auto problem = (this->*step)(); !problem.empty()) {
      return tl::unexpected{std::move(problem)};
    }
  }
  return wanted_.mode == record_mode::go_on ? go_on() : begin();
}

/// Settles what the file is, and what of what is recorded is of it.
std::string load_start::identify() {
  const auto records = read_records(database_, wanted_.table);
  const auto table = look_at(database_, wanted_.table);
  if (!records || !table) {
    return not_read(records ? table.error() : records.error());
  }
  table_ = *table;
  file_ = {.path = absolute_path(wanted_.file),
           .bytes = static_cast<std::int64_t>(wanted_.format.bytes),
           .reading = hash_of_reading(wanted_.format)};
  std::vector<std::int64_t> lengths{file_.bytes};
  for (const auto& record : *records) {
    if (record.file.bytes < file_.bytes) {
      lengths.push_back(record.file.bytes);
    }
  }
  const auto prefixes = hash_prefixes(wanted_.file, std::move(lengths), wanted_.on_progress);
  if (!prefixes) {
    return prefixes.error();
  }
  file_.hash = prefixes->at(file_.bytes);
  for (const auto& record : *records) {
    if (const auto found = compare(file_, *prefixes, record.file);
        found > likeness_ || (found == likeness_ && found != likeness::none && record.id > earlier_.id)) {
      likeness_ = found;
      earlier_ = record;
    }
  }
  return {};
}

/// Why the load may not begin; empty where it may.
std::string load_start::obstacle() {
  switch (wanted_.mode) {
    case record_mode::begin:
      return obstacle_to_beginning();
    case record_mode::go_on:
      return obstacle_to_going_on();
    case record_mode::unrecorded:
      break;
  }
  return {};
}

std::string load_start::obstacle_to_beginning() const {
  // A file of other content that took an earlier one's place is another file.
  if (likeness_ < likeness::other_reading || !some_are_in()) {
    return {};
  }
  const auto complete = earlier_.state == load_state::complete;
  const auto* const going_on = likeness_ == likeness::grown && complete ? "--resume adds what was appended since; "
                               : likeness_ >= likeness::grown && earlier_.state == load_state::begun
                                 ? "--resume goes on with it; "
                                 : "";
  return (complete ? "The rows of " + wanted_.file.string() + " are in " + wanted_.table
                       + " already, by an earlier load of it. "
                   : "Some rows of " + wanted_.file.string() + " are in " + wanted_.table
                       + ", since an earlier load of it did not get all of them in. ")
         + going_on + "--no-resume adds all of its rows all the same.";
}

std::string load_start::obstacle_to_going_on() {
  const auto file = wanted_.file.string();
  const std::string all_the_same = likeness_ >= likeness::other_reading && some_are_in()
                                     ? " --no-resume adds all of its rows all the same."
                                     : " Without --resume all of its rows are added.";
  if (likeness_ == likeness::none || (likeness_ == likeness::other_beginning && earlier_.rows == 0)) {
    return "No load of " + file + " into " + wanted_.table + " is recorded. " + recorded_loads(database_)
           + all_the_same;
  }
  if (likeness_ == likeness::other_beginning) {
    return file + " begins with all that " + earlier_.file.path + " held when that was loaded into " + wanted_.table
           + ". Give it that name to go on with what follows." + all_the_same;
  }
  if (earlier_.state == load_state::unrecorded) {
    return "Which rows of " + file + " are in " + wanted_.table
           + " is not known, since the load before was one with --no-resume and did not get all of them in. Empty the "
             "table, and load without --resume.";
  }
  if (emptied() && earlier_.rows > 0) {
    return "The table " + wanted_.table + " is empty, though rows of " + file + " were loaded into it." + all_the_same;
  }
  if (likeness_ == likeness::other_reading) {
    return file + " was loaded into " + wanted_.table
           + " with another --delimiter, --null or header, or other --columns. Resume with those." + all_the_same;
  }
  if (likeness_ == likeness::changed) {
    return file + " was changed since it was loaded into " + wanted_.table + ": its first "
           + std::to_string(earlier_.file.bytes)
           + " bytes are others now, so its rows cannot be told from those that are in. Only what is appended to a file "
             "can be loaded with --resume; put changed rows into a file of their own."
           + all_the_same;
  }
  const auto ends = likeness_ == likeness::same
                      ? true
                      : row_ends_at(file, wanted_.format, earlier_.file.bytes, wanted_.on_progress);
  if (!ends) {
    return ends.error();
  }
  return *ends ? ""
               : file + " was changed since it was loaded into " + wanted_.table
                   + ": the row that was its last one then goes on now. Put it and the rows after it into a file of "
                     "their own."
                   + all_the_same;
}

tl::expected<begun_load, std::string> load_start::begin() {
  begun_load result;
  result.recorded = wanted_.mode != record_mode::unrecorded;
  if (table_.empty) {
    result.before.emplace();
  } else if (wanted_.look_at_table) {
    auto held = wanted_.look_at_table();
    if (!held) {
      return tl::unexpected{std::move(held).error()};
    }
    result.before = *held;
  }
  const waiting_note note{asking, wanted_.voice};
  const auto id = add_record(database_, wanted_.table, file_,
                             result.recorded ? load_state::begun : load_state::unrecorded, result.before,
                             likeness_ == likeness::same ? std::optional{earlier_.id} : std::nullopt);
  if (!id) {
    return tl::unexpected{"That the load begins cannot be recorded: " + to_string(id.error())};
  }
  result.id = *id;
  return result;
}

tl::expected<begun_load, std::string> load_start::go_on() {
  const waiting_note note{asking, wanted_.voice};
  if (const auto noted = go_on_with(database_, wanted_.table, earlier_.id, file_); !noted) {
    return tl::unexpected{"That the load goes on cannot be recorded: " + to_string(noted.error())};
  }
  auto done = read_done(database_, earlier_.id);
  auto before = read_before(database_, earlier_.id);
  if (!done || !before) {
    return tl::unexpected{not_read(done ? before.error() : done.error())};
  }
  return begun_load{.id = earlier_.id, .done = std::move(*done), .before = *before};
}

} // namespace

std::string recorded_loads(client& database) {
  const auto loads = newest_loads(database);
  if (!loads) {
    return not_read(loads.error());
  }
  std::string list;
  for (const auto& [path, table] : *loads) {
    list.append(list.empty() ? "Recorded are loads of " : ", ").append(path).append(" into ").append(table);
  }
  return list.empty() ? "No load is recorded in this folder." : list + '.';
}

tl::expected<begun_load, std::string> begin_or_go_on(client& database, const beginning& wanted) {
  return load_start{database, wanted}.run();
}

} // namespace millrace::tools
