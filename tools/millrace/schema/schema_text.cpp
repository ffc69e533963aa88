#include "schema_text.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/table.hpp>
#include <millrace/tools/millrace/common/time_text.hpp>

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

using json = nlohmann::ordered_json;

char sign_of(const schema_difference& one) noexcept {
  return one.before.empty() ? '+' : one.after.empty() ? '-' : '~';
}

json to_json(const schema_difference& one) {
  const auto text = [](const std::string& sql) { return sql.empty() ? json{} : json(sql); };
  return {{"type", one.type}, {"name", one.name}, {"before", text(one.before)}, {"after", text(one.after)}};
}

json to_json(const std::vector<schema_difference>& all) {
  auto list = json::array();
  for (const auto& one : all) {
    list.push_back(to_json(one));
  }
  return list;
}

void print_json(std::ostream& out, const json& value) {
  out << value.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

void print_sql(std::ostream& out, std::string_view head, const std::string& sql) {
  if (sql.empty()) {
    return;
  }
  out << "    " << head;
  for (const char letter : printable(sql)) {
    out << letter;
    if (letter == '\n') {
      out << "    ";
    }
  }
  out << '\n';
}

} // namespace

std::string step_text(const planned_change& step) {
  return step.change.step == schema_step::hook
           ? step.name
           : label_of(step.id.set, step.id.version, step.name) + ' ' + to_text(step.change.step);
}

std::string progress_text(const backfill_state& now) {
  auto text = fmt::format("{} rows done, about {} left", grouped(now.rows_done), grouped(now.rows_left));
  if (now.paused) {
    return text + "; paused, `millrace migrate resume` lets it go on";
  }
  if (now.rows_done > 0) {
    const auto left = static_cast<double>(now.took_us) * static_cast<double>(now.rows_left)
                      / static_cast<double>(now.rows_done) / 1e6;
    // As long as it works it lets others work.
    text += fmt::format(", some {:.{}f} s", 2 * left, left < 5 ? 1 : 0);
  }
  return text;
}

namespace {

constexpr auto owed_remedy = "a run has not come to it; `millrace migrate up` runs it";

std::string what_to_do(const migration_status& one, const std::vector<backfill_state>& backfills) {
  const auto begun = std::ranges::find(backfills, one.id, &backfill_state::id);
  if (one.state == migration_state::begun && begun != backfills.end()) {
    return progress_text(*begun);
  }
  return one.state == migration_state::owed ? owed_remedy : remedy_for(one);
}

} // namespace

void print_status(std::ostream& out, const std::vector<migration_status>& all,
                  const std::vector<backfill_state>& backfills) {
  text_table table{{"migration", "state", "what to do"}};
  for (const auto& one : all) {
    table.add({one.state == migration_state::owed ? one.name : label_of(one.id.set, one.id.version, one.name),
               to_text(one.state), what_to_do(one, backfills)});
  }
  table.print(out);
}

void print_status_json(std::ostream& out, const std::vector<migration_status>& all,
                       const std::vector<backfill_state>& backfills) {
  auto list = json::array();
  for (const auto& one : all) {
    list.push_back({{"set", one.id.set},
                    {"version", one.id.version},
                    {"name", one.name},
                    {"state", to_text(one.state)},
                    {"remedy", one.state == migration_state::owed ? owed_remedy : remedy_for(one)}});
    if (const auto begun = std::ranges::find(backfills, one.id, &backfill_state::id); begun != backfills.end()) {
      list.back().update({{"table", begun->table},
                          {"rows_done", begun->rows_done},
                          {"rows_left", begun->rows_left},
                          {"took_us", begun->took_us},
                          {"paused", begun->paused}});
    }
  }
  print_json(out, list);
}

void print_differences(std::ostream& out, const std::vector<schema_difference>& all) {
  for (const auto& one : all) {
    out << "  " << sign_of(one) << ' ' << one.type << ' ' << on_one_line(one.name) << '\n';
    const bool both = sign_of(one) == '~';
    print_sql(out, both ? "was: " : "", one.before);
    print_sql(out, both ? "is:  " : "", one.after);
  }
}

void print_differences_json(std::ostream& out, const std::vector<schema_difference>& all) {
  print_json(out, to_json(all));
}

void print_rehearsal(std::ostream& out, const migration_plan& plan, const schema_rehearsed& done) {
  for (std::size_t i = 0; i < std::min(plan.size(), done.changes.size()); ++i) {
    out << step_text(plan[i]) << ": would take " << milliseconds_text(done.changes[i].took) << " and change "
        << grouped(static_cast<std::uint64_t>(done.changes[i].rows_changed)) << " rows\n";
    print_differences(out, done.changes[i].differences);
  }
}

void print_rehearsal_json(std::ostream& out, const migration_plan& plan, const schema_rehearsed& done) {
  auto list = json::array();
  for (std::size_t i = 0; i < std::min(plan.size(), done.changes.size()); ++i) {
    list.push_back({{"set", plan[i].id.set},
                    {"version", plan[i].id.version},
                    {"name", plan[i].name},
                    {"step", to_text(plan[i].change.step)},
                    {"took_us", done.changes[i].took.count()},
                    {"rows_changed", done.changes[i].rows_changed},
                    {"differences", to_json(done.changes[i].differences)}});
  }
  print_json(out, list);
}

void print_steps_json(std::ostream& out, const std::vector<taken_step>& all) {
  auto list = json::array();
  for (const auto& [step, took] : all) {
    list.push_back({{"set", step.id.set},
                    {"version", step.id.version},
                    {"name", step.name},
                    {"step", to_text(step.change.step)},
                    {"took_ms", took.count()}});
  }
  print_json(out, list);
}

void print_sentences_json(std::ostream& out, const std::vector<std::string>& all) {
  print_json(out, json(all));
}

void print_history(std::ostream& out, const std::vector<recorded_change>& all) {
  using align = text_table::align;
  text_table table{{"seq", "time", "step", "what", "took", "by"}};
  for (const auto& one : all) {
    const auto what = one.version > 0    ? label_of(one.set, one.version, one.name)
                      : one.name.empty() ? one.sql
                                         : one.name;
    table.add({std::to_string(one.seq), one.accepted_ms == 0 ? "" : time_text(one.accepted_ms), to_text(one.step), what,
               one.accepted_ms == 0 ? "" : milliseconds_text(std::chrono::microseconds{one.took_us}), one.author},
              {align::right, align::left, align::left, align::left, align::right, align::left});
  }
  table.print(out);
}

void print_history_json(std::ostream& out, const std::vector<recorded_change>& all) {
  auto list = json::array();
  for (const auto& one : all) {
    list.push_back({{"seq", one.seq},
                    {"accepted_ms", one.accepted_ms == 0 ? json{} : json(one.accepted_ms)},
                    {"step", to_text(one.step)},
                    {"set", one.set},
                    {"version", one.version},
                    {"name", one.name},
                    {"sql", one.sql},
                    {"author", one.author},
                    {"took_us", one.took_us}});
  }
  print_json(out, list);
}

} // namespace millrace::tools
