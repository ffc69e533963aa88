#pragma once

#include <millrace/messages/error.hpp>
#include <millrace/messages/health.hpp>
#include <millrace/messages/operations/quarantine.hpp>
#include <millrace/messages/outcome.hpp>
#include <millrace/messages/row_set.hpp>
#include <millrace/messages/transaction.hpp>

#include <string>
#include <string_view>

/// What programs are answered, as JSON without line breaks. Appends to `out`. Any thread.
///
/// A value is null, a number, or a text; what JSON has no word for is an object of one key: `{"blob":"00ff"}`, text
/// that is no UTF-8 `{"hex":"ff"}`, an infinity `{"real":"1e999"}`. A real always has a point or an exponent, an
/// integer never. Integers have all 64 bits; whoever reads them with fewer asks for `text` beyond 2^53.
namespace millrace::network::http {

enum class big_integers : bool {
  numbers,
  texts, ///< `{"integer":"9007199254740993"}`, for readers whose numbers have 53 bits.
};

/// One array of its cells.
void write_row(std::string& out, const row& one, big_integers as);
void write_columns(std::string& out, const row_set& rows);
void write_outcome(std::string& out, const outcome& done, big_integers as);
void write_rows(std::string& out, const row_set& rows, big_integers as);
/// `{"error":{…}}`.
void write_failure(std::string& out, const failure& why);
/// Of a long text the beginning, and of many statements the first: who wants all asks by `millrace quarantine show`.
void write_quarantine(std::string& out, const quarantine_listing& all, const quarantine_reasons& reasons);
void write_health(std::string& out, const health_report& report);

} // namespace millrace::network::http
