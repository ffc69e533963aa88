#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::storage::testing {

/// One level of a construct that SQLite compiles by recursion: what stands before and after the name of the level
/// below.
struct nesting {
  std::string before;
  std::string after;
};

/// Levels of the grammar's recursive constructs, each a SELECT of one column `x` from the level below.
const std::vector<nesting>& nestings();

/// A query of common table expressions, each made of the one before by `levels` in turn, each nested in itself `depth`
/// times, as long as `bytes` allows. The grammar itself nests no deeper than SQLite's parser has room for, about a
/// dozen levels; what is named nests without an end.
std::string nested_query(const std::vector<nesting>& levels, std::size_t depth, std::size_t bytes);

} // namespace millrace::storage::testing
