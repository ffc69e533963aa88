# millrace_embed_migrations(target NAME set FOLDER folder [FUNCTION name]): builds the migrations in a folder into a
# program. Its sources declare `millrace::migration_set name();`, which gives them; the name is `set`_migrations where
# none is given. Its hooks come with it. A file that changes has the program built anew.
function(millrace_embed_migrations target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "NAME;FOLDER;FUNCTION" "")
  if(NOT arg_NAME OR NOT arg_FOLDER)
    message(FATAL_ERROR "millrace_embed_migrations(${target} …): NAME and FOLDER say which set, and where its files are")
  endif()
  if(NOT arg_FUNCTION)
    string(MAKE_C_IDENTIFIER "${arg_NAME}_migrations" arg_FUNCTION)
  endif()
  cmake_path(ABSOLUTE_PATH arg_FOLDER)
  file(GLOB ups CONFIGURE_DEPENDS ${arg_FOLDER}/*.up.sql)
  file(GLOB all CONFIGURE_DEPENDS ${arg_FOLDER}/*.sql)
  if(NOT ups)
    message(FATAL_ERROR "millrace_embed_migrations(${target} …): there are no migrations in ${arg_FOLDER}")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${all})
  set(entries)
  foreach(up IN LISTS ups)
    cmake_path(GET up FILENAME file)
    if(NOT file MATCHES "^([0-9]+)_(.+)\\.up\\.sql$")
      message(FATAL_ERROR "${up}: a migration is called by a number from 1 and a name, such as 0007_add_lease.up.sql")
    endif()
    set(version ${CMAKE_MATCH_1})
    set(name ${CMAKE_MATCH_2})
    string(REGEX REPLACE "^0+" "" version ${version})
    _millrace_literal(up_text ${up})
    set(down_text "std::nullopt")
    string(REGEX REPLACE "\\.up\\.sql$" ".down.sql" down ${up})
    if(EXISTS ${down})
      _millrace_literal(down_text ${down})
    endif()
    string(REGEX REPLACE "\\.up\\.sql$" "" stem ${up})
    _millrace_hook(before_text ${stem}.before.sql)
    _millrace_hook(after_text ${stem}.after.sql)
    string(APPEND entries
           "  add(${version}, \"${name}\", ${up_text}, ${down_text}, ${before_text}, ${after_text});\n")
  endforeach()
  foreach(name before_run after_run before_each after_each)
    _millrace_hook(text ${arg_FOLDER}/${name}.sql)
    string(APPEND entries "  set.hooks.${name} = ${text};\n")
  endforeach()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_${arg_FUNCTION}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [=[
#include <millrace/actors/schema/migration.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

millrace::migration_set @arg_FUNCTION@() {
  millrace::migration_set set{.name = "@arg_NAME@", .migrations = {}, .hooks = {}};
  const auto checked = [](auto made) {
    if (!made) {
      throw std::logic_error{to_string(made.error())};
    }
    return std::move(*made);
  };
  [[maybe_unused]] const auto hook = [&](std::string sql) { return checked(millrace::make_hook(std::move(sql))); };
  const auto add = [&](std::uint64_t version, std::string name, std::string up, std::optional<std::string> down,
                       std::string before, std::string after) {
    auto made = checked(millrace::make_migration(version, std::move(name), std::move(up), std::move(down)));
    made.before = std::move(before);
    made.after = std::move(after);
    set.migrations.push_back(std::move(made));
  };
@entries@  std::ranges::sort(set.migrations, {}, &millrace::migration::version);
  return set;
}
]=])
  target_sources(${target} PRIVATE ${source})
endfunction()

# The SQL of a hook as a C++ expression.
function(_millrace_hook result file)
  set(text "{}")
  if(EXISTS ${file})
    _millrace_literal(text ${file})
    set(text "hook(${text})")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# millrace_embed_text(target file header function): builds the text of a file into a target, as what the function gives
# that the header declares.
function(millrace_embed_text target file header function)
  cmake_path(ABSOLUTE_PATH file)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  _millrace_literal(text ${file})
  cmake_path(GET file STEM name)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_${name}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [=[
#include <@header@>

std::string_view @function@() noexcept {
  return @text@;
}
]=])
  target_sources(${target} PRIVATE ${source})
endfunction()

# The text of a file as a C++ literal.
function(_millrace_literal result file)
  file(READ ${file} text)
  set(${result} "R\"millrace_sql(${text})millrace_sql\"" PARENT_SCOPE)
endfunction()
