# How every target of the tree is compiled. What an installed Millrace asks of its users stands in CMakeLists.txt.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# As a part of somebody else's project Millrace leaves to that how it is built.
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release or RelWithDebInfo" FORCE)
endif()
# Line tables are enough for stack traces and profiles; full debug information would triple the time to link.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers for the whole tree, such as address,undefined or thread")
option(MILLRACE_PROOF "Build the proofs in tests/proof, and the engine with places where they interfere" OFF)
option(MILLRACE_FUZZ "Build the fuzzers in tests/fuzz; needs clang" OFF)
option(MILLRACE_COVERAGE "Count which lines and branches are run; needs clang" OFF)
option(MILLRACE_TOGETHER "Compile the sources of a folder together, which takes a third of the time of all together" ON)
option(MILLRACE_PRECOMPILE "Precompile the heavy headers of CAF, Boost.Test and the standard library" ON)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_COMPILE_WARNING_AS_ERROR ON CACHE BOOL "Whether a warning stops the build")
  add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
                      -Woverloaded-virtual -Wextra-semi -Wcast-align)
endif()
# Leaving members to their defaults is what designated initialisers are for.
add_compile_options(-Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 warns wrongly inside std::string's own `insert` and `operator+` once they are inlined (GCC bug 105651).
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow)
endif()
add_compile_definitions(CAF_ENABLE_TYPE_ID_CHECKS)

if(MILLRACE_FUZZ)
  set(MILLRACE_SANITIZE address,undefined)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(MILLRACE_SANITIZE)
  # More optimisation would inline away the frames that a report is read by.
  string(REPLACE -O2 -O1 CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  add_compile_options(-fsanitize=${MILLRACE_SANITIZE} -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MILLRACE_SANITIZE})
  if(MILLRACE_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_compile_options(-fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/tests/sanitize/undefined.ignore)
  endif()
endif()
if(MILLRACE_COVERAGE)
  string(REPLACE -O2 -O0 CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  add_compile_options(-fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(MILLRACE_PROOF)
  add_compile_definitions(MILLRACE_PROOF)
endif()
if(BUILD_SHARED_LIBS)
  # On programs too, so that they may share the libraries' precompiled headers.
  add_compile_options(-fPIC)
  # Each library names those whose symbols it uses.
  add_link_options(LINKER:-z,defs)
  # The libraries lie beside each other, and the program knows the way from its own folder to theirs, whatever they are
  # called.
  file(RELATIVE_PATH libraries_from_programs ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(CMAKE_INSTALL_RPATH $ORIGIN $ORIGIN/${libraries_from_programs})
endif()

find_program(MILLRACE_CCACHE ccache)
mark_as_advanced(MILLRACE_CCACHE)
if(MILLRACE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers carry times and defines that ccache has to be told to look past.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${MILLRACE_CCACHE})
endif()

if(MILLRACE_PROOF)
  # Of a source that bugs are planted in a program takes a copy in place of the object (tests/proof/history/planted).
  file(GLOB patches CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/proof/history/planted/*.patch)
  foreach(patch IN LISTS patches)
    file(STRINGS ${patch} patched REGEX "^\\+\\+\\+ ")
    string(REGEX REPLACE "^\\+\\+\\+ b/" "${PROJECT_SOURCE_DIR}/" patched ${patched})
    list(APPEND MILLRACE_COMPILED_ALONE ${patched})
  endforeach()
endif()

# millrace_compile_together(target source...): hands the sources of each folder to the compiler as one, up to eight at a
# time, so that what they all include is read once. Their unnamed namespaces are one, too.
function(millrace_compile_together target)
  if(NOT MILLRACE_TOGETHER)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # To it a struct of a file that is included may not have a base from an unnamed namespace, as every test has.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  list(REMOVE_ITEM ARGN "" ${MILLRACE_COMPILED_ALONE})
  list(SORT ARGN)
  foreach(source IN LISTS ARGN)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE folder)
    cmake_path(GET folder PARENT_PATH folder)
    string(MAKE_C_IDENTIFIER ${folder} folder)
    math(EXPR count_${folder} "${count_${folder}}+0")
    math(EXPR number "${count_${folder}} / 8")
    math(EXPR count_${folder} "${count_${folder}} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${number})
  endforeach()
endfunction()

# Precompiles the standard library's common headers and those named for a target, or shares what another has:
# millrace_precompile(target [<header>...]) or millrace_precompile(target REUSE_FROM other).
function(millrace_precompile target)
  if(NOT MILLRACE_PRECOMPILE)
    return()
  endif()
  if("REUSE_FROM" IN_LIST ARGN)
    target_precompile_headers(${target} ${ARGN})
  else()
    target_precompile_headers(${target} PRIVATE <algorithm> <chrono> <filesystem> <functional> <map> <memory>
                              <optional> <string> <unordered_map> <variant> <vector> ${ARGN})
  endif()
endfunction()
