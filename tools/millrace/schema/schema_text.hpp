#pragma once

#include <millrace/actors/schema/plan.hpp>

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

/// What commands about the schema print.
namespace millrace::tools {

/// How far backfills are stands with them.
void print_status(std::ostream& out, const std::vector<migration_status>& all,
                  const std::vector<backfill_state>& backfills);
void print_status_json(std::ostream& out, const std::vector<migration_status>& all,
                       const std::vector<backfill_state>& backfills);

/// `2,000 rows done, about 8,000 left, some 0.8 s`.
std::string progress_text(const backfill_state& now);

/// A line for each object that differs, `+ table person`, and the SQL below it, as a terminal may have it.
void print_differences(std::ostream& out, const std::vector<schema_difference>& all);
void print_differences_json(std::ostream& out, const std::vector<schema_difference>& all);

void print_rehearsal(std::ostream& out, const migration_plan& plan, const schema_rehearsed& done);
void print_rehearsal_json(std::ostream& out, const migration_plan& plan, const schema_rehearsed& done);

/// A step that took effect, and how long it took as its sender saw it.
struct taken_step {
  planned_change step;
  std::chrono::milliseconds took;
};

void print_steps_json(std::ostream& out, const std::vector<taken_step>& all);
void print_sentences_json(std::ostream& out, const std::vector<std::string>& all);

void print_history(std::ostream& out, const std::vector<recorded_change>& all);
void print_history_json(std::ostream& out, const std::vector<recorded_change>& all);

/// `main/0007_add_lease`, and what is done with it.
std::string step_text(const planned_change& step);

} // namespace millrace::tools
