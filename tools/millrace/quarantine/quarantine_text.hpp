#pragma once

#include <millrace/messages/operations/quarantine.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace millrace::tools {

/// A transaction that was set aside, with what the last attempt at it failed with; that may be unknown.
struct quarantine_entry {
  quarantined_transaction what;
  std::string failed_with{};
};

/// For people: a table with a line each, or one with all its statements and values.
void print_quarantine(std::ostream& out, const std::vector<quarantine_entry>& entries);
void print_quarantined(std::ostream& out, const quarantine_entry& entry);

/// An array of objects on one line, or one object. Blobs stand as `{"blob": "hexadecimal"}`.
void print_quarantine_json(std::ostream& out, const std::vector<quarantine_entry>& entries);
void print_quarantined_json(std::ostream& out, const quarantine_entry& entry);

} // namespace millrace::tools
