#include "setback.hpp"

#include "error.hpp"

#include <utility>

namespace millrace::storage::sqlite {

tl::unexpected<setback> set_back(failure reason) {
  const auto how_far = is_outcome(reason.code) ? reach::group : reach::call;
  return tl::unexpected{setback{how_far, std::move(reason)}};
}

} // namespace millrace::storage::sqlite
