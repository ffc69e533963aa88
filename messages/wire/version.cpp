#include "version.hpp"

#include <algorithm>
#include <string>

namespace millrace::wire {

namespace {

std::string shown(const versions& all) {
  const auto newest = std::to_string(all.newest);
  return all.oldest == all.newest ? newest : std::to_string(all.oldest) + " to " + newest;
}

} // namespace

std::optional<std::uint32_t> common(const versions& one, const versions& other) noexcept {
  const auto newest = std::min(one.newest, other.newest);
  return newest >= std::max(one.oldest, other.oldest) ? std::optional{newest} : std::nullopt;
}

failure mismatch(const versions& server, const versions& program) {
  const auto* const remedy = program.newest < server.oldest ? "use a newer program"
                                                            : "use an older program or a newer server";
  return {errc::version_mismatch,
          "the server speaks wire version " + shown(server) + ", this program " + shown(program) + "; " + remedy};
}

} // namespace millrace::wire
