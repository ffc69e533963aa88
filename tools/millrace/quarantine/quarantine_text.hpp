#pragma once

#include <millrace/messages/operations/quarantine.hpp>

#include <ostream>
#include <vector>

namespace millrace::tools {

/// For people: a table with a line each, or one with all its statements and values.
void print_quarantine(std::ostream& out, const std::vector<quarantined_transaction>& entries);
void print_quarantined(std::ostream& out, const quarantined_transaction& entry);

/// An array of objects on one line, or one object. Blobs stand as `{"blob": "hexadecimal"}`.
void print_quarantine_json(std::ostream& out, const std::vector<quarantined_transaction>& entries);
void print_quarantined_json(std::ostream& out, const quarantined_transaction& entry);

} // namespace millrace::tools
