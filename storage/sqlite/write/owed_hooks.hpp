#pragma once

#include "setback.hpp"

#include <millrace/messages/operations/schema.hpp>
#include <millrace/storage/sqlite/common/connection.hpp>
#include <millrace/storage/sqlite/common/prepared_statement.hpp>

namespace millrace::storage::sqlite {

/// Millrace's table of the sets whose hook after a run is to be run yet. Works inside the open SQLite transaction of
/// its writer.
class owed_hooks {
public:
  [[nodiscard]] static result<owed_hooks> make(connection& owner);

  /// Whether a hook has nothing to do any more, as what it was owed for had it.
  [[nodiscard]] progress<bool> settled(const schema_change& hook);
  /// Notes what is owed once a change took effect.
  [[nodiscard]] progress<> note(const schema_change& done);

private:
  explicit owed_hooks(connection& owner) : owner_(&owner) {}

  connection* owner_;
  prepared_statement find_;
  prepared_statement owe_;
  prepared_statement settle_;
  prepared_statement take_back_;
};

} // namespace millrace::storage::sqlite
