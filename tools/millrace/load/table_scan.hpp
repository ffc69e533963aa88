#pragma once

#include <millrace/messages/query.hpp>
#include <millrace/messages/row_set.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <caf/fwd.hpp>

namespace millrace::tools {

/// Reads some columns of all rows of a table or view in one state of the database, however many there are, and whatever
/// ids they have.
class table_scan {
public:
  using visit_row = std::function<void(const row& row)>;
  /// Told now and then how many rows were read; ends the scan by returning false.
  using tell_progress = std::function<bool(std::uint64_t rows)>;

  /// `system` must outlive the scan.
  table_scan(caf::actor_system& system, engine_actor front, const std::string& table,
             std::span<const std::string> columns);

  /// Reads all rows of a state that has everything accepted before. `begin` is called before the first row, and again
  /// where the state was lost under way, so that all rows come anew. Gives a sentence where it could not be done.
  [[nodiscard]] std::string each_row(const std::function<void()>& begin, const visit_row& visit,
                                     const tell_progress& on_progress) const;

private:
  caf::actor_system& system_;
  engine_actor front_;
  std::string select_;
};

} // namespace millrace::tools
