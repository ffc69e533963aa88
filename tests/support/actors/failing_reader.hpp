#pragma once

#include <millrace/storage/database.hpp>

namespace millrace::test {

/// A connection over which everything fails but what its heirs can do.
class failing_reader : public storage::database_reader {
public:
  explicit failing_reader(errc code) : code_(code) {}

  storage::result<> begin_snapshot() override { return storage::fail(code_, "injected"); }
  void end_snapshot() noexcept override {}
  storage::result<row_set> run(const query&, const storage::read_limits&) override {
    return storage::fail(code_, "injected");
  }
  storage::result<std::unique_ptr<storage::row_cursor>> start(const query&, const storage::read_limits&) override {
    return storage::fail(code_, "injected");
  }
  storage::result<std::optional<storage::answer>> recorded_outcome(std::uint64_t) override {
    return storage::fail(code_, "injected");
  }
  storage::result<quarantine_listing> quarantine(std::uint64_t, std::uint32_t) override {
    return storage::fail(code_, "injected");
  }
  storage::result<millrace::quarantine_reasons> quarantine_reasons(std::uint64_t, std::uint32_t) override {
    return storage::fail(code_, "injected");
  }
  storage::result<schema_state> schema(std::uint64_t, std::uint32_t) override {
    return storage::fail(code_, "injected");
  }
  storage::result<std::uint64_t> applied_seq() override { return storage::fail(code_, "injected"); }
  bool superseded() const noexcept override { return false; }
  storage::result<std::vector<std::string>> find_damage(const storage::read_limits&) override {
    return storage::fail(code_, "injected");
  }

private:
  errc code_;
};

} // namespace millrace::test
