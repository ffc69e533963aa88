#include "client.hpp"

namespace millrace {

row_pages::row_pages(client& from, page_query first) : from_(&from), first_(std::move(first)) {}

row_pages::iterator row_pages::begin() {
  take(from_->page(first_));
  return iterator{*this};
}

void row_pages::advance() {
  over_ = !next_;
  if (next_) {
    take(from_->page(std::move(*next_)));
  }
}

void row_pages::take(expected<row_page> given) {
  if (given) {
    page_ = std::move(given->rows);
    next_ = std::move(given->next);
  } else {
    page_ = tl::unexpected{given.error()};
    next_.reset();
  }
}

} // namespace millrace
