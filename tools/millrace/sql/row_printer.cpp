#include "row_printer.hpp"

#include <millrace/tools/millrace/common/console.hpp>
#include <millrace/tools/millrace/common/exit_code.hpp>
#include <millrace/tools/millrace/common/table.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace millrace::tools {

namespace {

/// A number as SQL writes it, which has no other word for infinity.
std::optional<std::string> infinity_text(const cell& one) {
  if (one.kind() != cell::type::real || !std::isinf(one.as_real())) {
    return std::nullopt;
  }
  return one.as_real() > 0 ? "1e999" : "-1e999";
}

class table_printer final : public row_printer {
public:
  explicit table_printer(std::ostream& out) : out_(out) {}

  void print(const row_set& page) override {
    if (page.columns().empty()) {
      return;
    }
    if (!table_) {
      table_.emplace(page.columns());
    }
    for (const auto row : page) {
      std::vector<std::string> cells;
      std::vector<text_table::align> sides;
      for (std::size_t column = 0; column < row.size(); ++column) {
        const auto cell = row[column];
        const bool number = cell.kind() == cell::type::integer || cell.kind() == cell::type::real;
        cells.push_back(cell.to_string());
        sides.push_back(number ? text_table::align::right : text_table::align::left);
      }
      table_->add(std::move(cells), sides);
    }
    table_->print(out_);
  }

private:
  std::ostream& out_;
  std::optional<text_table> table_;
};

class csv_printer final : public row_printer {
public:
  csv_printer(std::string null_text, std::ostream& out) : null_text_(std::move(null_text)), out_(out) {}

  void print(const row_set& page) override {
    if (page.columns().empty()) {
      return;
    }
    if (!begun_) {
      begun_ = true;
      for (const auto& title : page.columns()) {
        add(csv_field(title));
      }
      end_line();
    }
    for (const auto row : page) {
      for (std::size_t column = 0; column < row.size(); ++column) {
        add(field(row[column]));
      }
      end_line();
    }
  }

  void end() override {
    if (null_is_quoted_) {
      complain("NULL is printed as \"\" here, as the empty text is; --null TEXT tells them apart.", exit_code::ok);
    }
  }

private:
  std::string field(const cell& one) const {
    if (one.is_null()) {
      return null_text_;
    }
    const auto text = infinity_text(one).value_or(one.to_string());
    // A text that reads like NULL is quoted, so that it is none.
    return text == null_text_ && text == csv_field(text) ? '"' + text + '"' : csv_field(text);
  }

  void add(const std::string& text) {
    line_ += text;
    line_ += ',';
  }

  void end_line() {
    line_.back() = '\n';
    if (line_ == "\n") {
      // An empty line is no row.
      line_ = "\"\"\n";
      null_is_quoted_ = true;
    }
    out_ << line_;
    line_.clear();
  }

  std::string null_text_;
  std::ostream& out_;
  std::string line_;
  bool begun_ = false;
  bool null_is_quoted_ = false;
};

/// What no JSON string can hold, bytes that are no UTF-8, is an object: nothing is lost, and it looks like no text.
std::string json_text(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    const std::vector<unsigned char> bytes{text.begin(), text.end()};
    return fmt::format(R"({{"hex":"{:02x}"}})", fmt::join(bytes, ""));
  }
}

std::string json_text(const cell& one) {
  switch (one.kind()) {
    case cell::type::null:
      return "null";
    case cell::type::integer:
      return one.to_string();
    case cell::type::real:
      break;
    case cell::type::text:
    case cell::type::blob:
      return json_text(one.to_string());
  }
  // SQLite has no NaN.
  return infinity_text(one).value_or(nlohmann::json(one.as_real()).dump());
}

/// Names of which JSON can make keys: bytes that are no UTF-8 are U+FFFD there.
std::vector<std::string> readable(std::vector<std::string> names) {
  for (auto& name : names) {
    const auto text = nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    name = nlohmann::json::parse(text).get<std::string>();
  }
  return names;
}

/// The columns' names as keys: of several with one name the first keeps it, and the others are `name:1`, `name:2`, as
/// SQLite itself names the columns of a subquery.
std::vector<std::string> keys_of(const std::vector<std::string>& columns) {
  std::vector<std::string> keys;
  for (const auto& title : columns) {
    auto key = title;
    const auto taken = [&](const std::string& name) {
      return std::ranges::find(keys, name) != keys.end()
             || (name != title && std::ranges::find(columns, name) != columns.end());
    };
    for (int number = 1; taken(key); ++number) {
      key = title + ':' + std::to_string(number);
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

class json_printer final : public row_printer {
public:
  explicit json_printer(std::ostream& out) : out_(out) {}

  void print(const row_set& page) override {
    if (!begun_) {
      begun_ = true;
      out_ << '[';
      for (const auto& key : keys_of(readable(page.columns()))) {
        keys_.push_back(nlohmann::json(key).dump() + ':');
      }
    }
    for (const auto row : page) {
      out_ << separator_ << '{';
      for (std::size_t column = 0; column < row.size(); ++column) {
        out_ << (column == 0 ? "" : ",") << keys_[column] << json_text(row[column]);
      }
      out_ << '}';
      separator_ = ",\n";
    }
  }

  void end() override { out_ << (begun_ ? "]" : "[]"); }

private:
  std::ostream& out_;
  std::vector<std::string> keys_;
  const char* separator_ = "";
  bool begun_ = false;
};

} // namespace

std::unique_ptr<row_printer> make_row_printer(row_format format, const std::string& null_text, std::ostream& out) {
  switch (format) {
    case row_format::csv:
      return std::make_unique<csv_printer>(null_text, out);
    case row_format::json:
      return std::make_unique<json_printer>(out);
    case row_format::table:
      break;
  }
  return std::make_unique<table_printer>(out);
}

} // namespace millrace::tools
