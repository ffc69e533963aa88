#include "forwarding_file_system.hpp"

#include <functional>
#include <utility>

namespace millrace::test {

namespace {

/// What `proceed` is for an operation that gives a value: keeps it, and passes on why there is none.
template <class T, class Perform, class Work>
storage::result<T> giving(Perform perform, Work work) {
  storage::result<T> given = storage::fail(errc::io_error, "not done");
  auto proceed = [&]() -> storage::result<> {
    given = work();
    return given ? storage::result<>{} : tl::unexpected{given.error()};
  };
  if (auto done = perform(std::ref(proceed)); !done) {
    return tl::unexpected{std::move(done).error()};
  }
  return given;
}

} // namespace

class forwarding_file_system::open_file final : public storage::file {
public:
  open_file(forwarding_file_system& owner, std::filesystem::path path, std::uint64_t number,
            std::unique_ptr<storage::file> base)
    : owner_(owner), path_(std::move(path)), number_(number), base_(std::move(base)) {}

  storage::result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) override {
    auto asked = about(operation::read);
    asked.offset = offset;
    return giving<std::size_t>([&](const action& proceed) { return owner_.perform(asked, proceed); },
                               [&] { return base_->read_at(offset, into); });
  }
  storage::result<> write_at(std::uint64_t offset, std::string_view bytes) override {
    auto asked = about(operation::write);
    asked.offset = offset;
    asked.bytes = bytes;
    auto proceed = [&] { return base_->write_at(offset, bytes); };
    return owner_.perform(asked, std::ref(proceed));
  }
  storage::result<> sync() override {
    auto proceed = [&] { return base_->sync(); };
    return owner_.perform(about(operation::sync), std::ref(proceed));
  }
  storage::result<> preallocate(std::uint64_t bytes) override {
    auto asked = about(operation::preallocate);
    asked.size = bytes;
    auto proceed = [&] { return base_->preallocate(bytes); };
    return owner_.perform(asked, std::ref(proceed));
  }
  storage::result<> truncate(std::uint64_t bytes) override {
    auto asked = about(operation::truncate);
    asked.size = bytes;
    auto proceed = [&] { return base_->truncate(bytes); };
    return owner_.perform(asked, std::ref(proceed));
  }
  storage::result<std::uint64_t> size() override {
    return giving<std::uint64_t>([&](const action& proceed) { return owner_.perform(about(operation::size), proceed); },
                                 [&] { return base_->size(); });
  }
  void forget_cached() noexcept override { base_->forget_cached(); }

private:
  file_operation about(operation what) const {
    return {.what = what, .path = path_, .to = path_, .file = number_, .base = base_.get()};
  }

  forwarding_file_system& owner_;
  const std::filesystem::path path_;
  const std::uint64_t number_;
  const std::unique_ptr<storage::file> base_;
};

storage::result<std::unique_ptr<storage::file>> forwarding_file_system::open(const std::filesystem::path& path,
                                                                             storage::file_mode mode) {
  const file_operation asked{.what = mode == storage::file_mode::create_new ? operation::create : operation::open,
                             .path = path,
                             .to = path,
                             .file = ++opened_,
                             .mode = mode};
  return giving<std::unique_ptr<storage::file>>([&](const action& proceed) { return perform(asked, proceed); },
                                                [&] { return base_.open(path, mode); })
    .map([&](std::unique_ptr<storage::file> opened) {
      return std::unique_ptr<storage::file>{std::make_unique<open_file>(*this, path, asked.file, std::move(opened))};
    });
}

storage::result<> forwarding_file_system::rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  auto proceed = [&] { return base_.rename(from, to); };
  return perform({.what = operation::rename, .path = from, .to = to}, std::ref(proceed));
}

storage::result<> forwarding_file_system::remove(const std::filesystem::path& path) {
  auto proceed = [&] { return base_.remove(path); };
  return perform({.what = operation::remove, .path = path, .to = path}, std::ref(proceed));
}

storage::result<std::vector<std::string>> forwarding_file_system::list(const std::filesystem::path& folder) {
  const file_operation asked{.what = operation::list, .path = folder, .to = folder};
  return giving<std::vector<std::string>>([&](const action& proceed) { return perform(asked, proceed); },
                                          [&] { return base_.list(folder); });
}

storage::result<> forwarding_file_system::make_folder(const std::filesystem::path& folder) {
  auto proceed = [&] { return base_.make_folder(folder); };
  return perform({.what = operation::make_folder, .path = folder, .to = folder}, std::ref(proceed));
}

storage::result<> forwarding_file_system::sync_folder(const std::filesystem::path& folder) {
  auto proceed = [&] { return base_.sync_folder(folder); };
  return perform({.what = operation::sync_folder, .path = folder, .to = folder}, std::ref(proceed));
}

} // namespace millrace::test
