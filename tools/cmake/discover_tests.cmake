# Run after a test program is linked: lists its Boost.Test cases and writes a file that gives each of them to CTest, so
# that a crash or a hang costs one case and is reported by its name.
#
# cmake -D PROGRAM=... -D FOLDER=... -D TIMEOUT=... -D MODE=SERIAL|PARALLEL -D OUTPUT=... -P discover_tests.cmake

execute_process(COMMAND ${PROGRAM} --list_content RESULT_VARIABLE failed OUTPUT_VARIABLE listing ERROR_VARIABLE listing)
if(failed)
  message(FATAL_ERROR "${PROGRAM} does not list its tests: ${listing}")
endif()

if(MODE STREQUAL "SERIAL")
  set(serial TRUE)
else()
  set(serial FALSE)
endif()

# Suites and cases, one a line, four spaces deeper per suite; `*` says enabled, what follows it is a description.
function(parse line depth name)
  string(REGEX MATCH "^( *)([^* ]+)" matched "${line}")
  string(LENGTH "${CMAKE_MATCH_1}" spaces)
  math(EXPR levels "${spaces} / 4")
  set(${depth} ${levels} PARENT_SCOPE)
  set(${name} ${CMAKE_MATCH_2} PARENT_SCOPE)
endfunction()

string(REGEX MATCHALL "[^\n]+" lines "${listing}")
set(script "")
set(path "")
while(lines)
  list(POP_FRONT lines line)
  parse("${line}" depth name)
  list(SUBLIST path 0 ${depth} path)
  list(APPEND path ${name})

  # What is followed by something deeper is a suite.
  set(next_depth 0)
  if(lines)
    list(GET lines 0 next)
    parse("${next}" next_depth next_name)
  endif()
  if(NOT next_depth GREATER depth)
    list(JOIN path "/" case)
    string(APPEND script "add_test(\"${FOLDER}/${case}\" \"${PROGRAM}\" \"--run_test=${case}\")\n"
      "set_tests_properties(\"${FOLDER}/${case}\" PROPERTIES LABELS ${FOLDER} TIMEOUT ${TIMEOUT} RUN_SERIAL ${serial}\n"
      "  SKIP_REGULAR_EXPRESSION \"(^|\\n)skipped: \")\n")
  endif()
endwhile()
file(WRITE ${OUTPUT} "${script}")
