#pragma once

#include <millrace/actors/base/expected.hpp>
#include <millrace/messages/wire/interfaces.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
#include <string_view>
#include <tuple>
#include <utility>

#include <caf/fwd.hpp>

namespace millrace {

class client;

/// The result of one query, of any size: an input range of its pages, each asked for when it is wanted. All show one
/// state of the database. The last element may be an error (`cursor_lost` where that state is gone, so that nothing is
/// left but to start again); nothing comes after it. Read once, while its client lives.
class row_pages {
public:
  class iterator {
  public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = expected<row_set>;
    using difference_type = std::ptrdiff_t;

    explicit iterator(row_pages& of) : of_(&of) {}
    const expected<row_set>& operator*() const { return of_->page_; }
    const expected<row_set>* operator->() const { return &of_->page_; }
    iterator& operator++() {
      of_->advance();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& one, std::default_sentinel_t) { return one.over(); }

  private:
    bool over() const noexcept { return of_->over_; }

    row_pages* of_; ///< Not owned.
  };

  row_pages(client& from, page_query first);

  /// Asks for the first page.
  iterator begin();
  std::default_sentinel_t end() const noexcept { return {}; }

private:
  void advance();
  void take(expected<row_page> given);

  client* from_; ///< Not owned; outlives this.
  page_query first_;
  std::optional<page_cursor> next_;
  expected<row_set> page_;
  bool over_ = false;
};

/// What `client::execute_many` did.
struct bulk_outcome {
  std::uint64_t rows = 0; ///< So many, from the first on, took effect.
  std::int64_t rows_changed = 0;
  std::uint64_t transactions = 0;
  std::uint64_t seq = 0; ///< Of the last of these.

  friend bool operator==(const bulk_outcome&, const bulk_outcome&) = default;
};

/// Why it did not come to its end. The rows before `done.rows` took effect; of those after them none did, but where
/// this is `outcome_unknown`: then the next `in_doubt` rows have, all of them, or none.
struct bulk_failure : failure {
  bulk_outcome done{};
  std::uint64_t in_doubt = 0;
};

/// A blocking client for code that is no actor. One thread at a time; a thread more wants a client more, and a second
/// thread in the midst of a call throws `std::logic_error` (`async_client` serves any number at once).
///
/// It names each transaction that carries no name, and sends again what was not answered or may succeed later, so a
/// transaction takes effect once at most however often it was sent.
class client {
public:
  /// `patience` bounds every call. After it the answer is the last failure where the request certainly had no effect,
  /// `outcome_unknown` where a transaction may have had one.
  client(caf::actor_system& system, engine_actor front, std::chrono::milliseconds patience = std::chrono::seconds{60});
  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

  [[nodiscard]] expected<outcome> execute(transaction work);
  template <parameter... Ts>
  [[nodiscard]] expected<outcome> execute(std::string_view sql, Ts&&... parameters) {
    return execute(millrace::execute(sql, std::forward<Ts>(parameters)...));
  }

  /// The id of a new client, for transactions that the program names itself.
  [[nodiscard]] expected<client_id> issue_id();

  /// One statement for many rows, each a value (a blob's bytes are one), a tuple of parameters, or a range of values.
  /// As many rows as a transaction holds (`limits::statements_max`, `limits::transaction_bytes_max`) are one, which
  /// takes effect as a whole or not at all; more are several, one after the other, and where one fails those before it
  /// stay.
  template <std::ranges::input_range Rows>
  [[nodiscard]] expected<bulk_outcome, bulk_failure> execute_many(std::string_view sql, Rows&& rows);

  /// At most as many rows as the query says; `row_set::truncated` tells whether there were more.
  [[nodiscard]] expected<row_set> query(millrace::query question);
  /// All rows, or `too_large` where they are more than such a query gives, of which `pages` reads any number.
  template <parameter... Ts>
  [[nodiscard]] expected<row_set> query(std::string_view sql, Ts&&... parameters) {
    return whole(query(select(sql, std::forward<Ts>(parameters)...)));
  }

  /// A result of any size: `for (const auto& page : db.pages("SELECT …")) { if (!page) … for (auto row : *page) … }`.
  [[nodiscard]] row_pages pages(millrace::query question, std::uint32_t page_rows = page_query{}.page_rows) {
    return {*this, {std::move(question), page_rows}};
  }
  template <parameter... Ts>
  [[nodiscard]] row_pages pages(std::string_view sql, Ts&&... parameters) {
    return pages(select(sql, std::forward<Ts>(parameters)...));
  }

  /// One page at a time, for who keeps the cursor.
  [[nodiscard]] expected<row_page> page(page_query first);
  [[nodiscard]] expected<row_page> page(page_cursor next);

  /// Asks once.
  [[nodiscard]] expected<health_report> health();

private:
  static expected<row_set> whole(expected<row_set> rows);

  class impl;
  std::unique_ptr<impl> impl_;
};

namespace detail {

/// Rows on their way into transactions.
class bulk {
public:
  explicit bulk(client& to) : to_(to) {}

  /// False once a transaction has failed.
  bool add(statement row);
  expected<bulk_outcome, bulk_failure> finish();

private:
  bool send();

  client& to_;
  transaction work_;
  std::size_t bytes_ = 0;
  bulk_outcome done_;
  std::optional<bulk_failure> problem_;
};

template <class Row>
statement row_statement(std::string_view sql, Row&& row) {
  if constexpr (parameter<Row>) {
    return make_statement(sql, std::forward<Row>(row));
  } else if constexpr (std::ranges::input_range<Row>) {
    auto result = make_statement(sql);
    for (auto&& parameter : row) {
      result.parameters.emplace_back(std::forward<decltype(parameter)>(parameter));
    }
    return result;
  } else {
    return std::apply([sql](auto&&... parameters) { return make_statement(sql, parameters...); },
                      std::forward<Row>(row));
  }
}

} // namespace detail

template <std::ranges::input_range Rows>
expected<bulk_outcome, bulk_failure> client::execute_many(std::string_view sql, Rows&& rows) {
  detail::bulk work{*this};
  for (auto&& row : rows) {
    if (!work.add(detail::row_statement(sql, std::forward<decltype(row)>(row)))) {
      break;
    }
  }
  return work.finish();
}

} // namespace millrace
