#include "row_answer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <microhttpd.h>
#include <caf/make_message.hpp>

namespace millrace::network::http {

namespace {

constexpr std::size_t piece_bytes = 64 * 1024;

} // namespace

MHD_Response* row_answer::make(std::shared_ptr<exchange> of, row_page first, bool lines, std::uint64_t most) {
  auto made = std::make_unique<row_answer>(std::move(of), std::move(first), lines, most);
  const auto give = [](void* self, std::uint64_t, char* into, std::size_t bytes) -> ssize_t {
    try {
      return static_cast<row_answer*>(self)->give(into, bytes);
    } catch (...) { // There is no memory.
      return MHD_CONTENT_READER_END_WITH_ERROR;
    }
  };
  const auto free = [](void* self) { delete static_cast<row_answer*>(self); };
  auto* const response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, piece_bytes, give, made.get(), free);
  if (response != nullptr) {
    static_cast<void>(made.release());
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            lines ? "application/x-ndjson" : "application/json");
  }
  return response;
}

row_answer::row_answer(std::shared_ptr<exchange> of, row_page first, bool lines, std::uint64_t most)
  : of_(std::move(of)), lines_(lines), most_(most), integers_(of_->integers()) {
  hold(std::move(first));
  text_ += R"({"seq":)" + std::to_string(page_.rows.seq()) + ',';
  write_columns(text_, page_.rows);
  text_ += lines_ ? "}\n" : R"(,"rows":[)";
}

row_answer::~row_answer() {
  hold({});
}

/// What waits here is not read by the program.
void row_answer::hold(row_page page) {
  const auto bytes = page.rows.cells().size();
  caller_in(of_->asker_).room().count(static_cast<std::ptrdiff_t>(bytes) - static_cast<std::ptrdiff_t>(held_));
  held_ = bytes;
  page_ = std::move(page);
  next_.emplace(std::as_const(page_.rows).begin());
}

std::ptrdiff_t row_answer::give(char* into, std::size_t most) {
  if (asked_) {
    take_next();
  }
  if (sent_ == text_.size()) {
    text_.clear();
    sent_ = 0;
    write_more();
  }
  if (text_.empty()) {
    return asked_ ? 0 : static_cast<std::ptrdiff_t>(MHD_CONTENT_READER_END_OF_STREAM);
  }
  const auto bytes = std::min(most, text_.size() - sent_);
  std::memcpy(into, text_.data() + sent_, bytes);
  sent_ += bytes;
  return static_cast<std::ptrdiff_t>(bytes);
}

void row_answer::write_more() {
  const auto last = std::as_const(page_.rows).end();
  while (*next_ != last && rows_ < most_ && text_.size() < piece_bytes) {
    text_ += lines_ || rows_ == 0 ? "" : ",";
    write_row(text_, **next_, integers_);
    text_ += lines_ ? "\n" : "";
    ++*next_;
    ++rows_;
  }
  if (!text_.empty() || ended_) {
    return;
  }
  if (page_.next && rows_ < most_) {
    ask_for_next();
  } else {
    end();
  }
}

void row_answer::end() {
  ended_ = true;
  const bool more = page_.rows.truncated() || page_.next || *next_ != std::as_const(page_.rows).end();
  text_ += lines_ ? R"({"rows":)" + std::to_string(rows_) + ',' : "],";
  text_ += more ? "\"truncated\":true}\n" : "\"truncated\":false}\n";
}

void row_answer::ask_for_next() {
  asked_ = true;
  auto cursor = std::move(*page_.next);
  hold({});
  std::vector<caf::message> requests;
  requests.push_back(caf::make_message(std::move(cursor)));
  of_->ask(std::move(requests), {});
}

void row_answer::take_next() {
  asked_ = false;
  ended_ = true;
  failure why{errc::unavailable, "the server ends"};
  if (!of_->given_up()) { // Otherwise an answer may be coming at this moment.
    auto& answer = of_->answers_.front();
    if (answer.match_elements<row_page>()) {
      auto& page = answer.get_mutable_as<row_page>(0);
      if (of_->has_room_for(page.rows.cells().size())) {
        ended_ = false;
        return hold(std::move(page));
      }
      why = no_room_for_rows();
    } else {
      why = failure_in(answer);
    }
  }
  write_failure(text_, why);
  text_ += '\n';
}

} // namespace millrace::network::http
