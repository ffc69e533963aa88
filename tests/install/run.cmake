# Builds programs against an installed Millrace and runs them, and the installed program.
#
# cmake -D PREFIX=... -D SCRATCH=... -D COMPILER=... -D FLAGS=... -D STATIC=ON|OFF -P run.cmake

file(MAKE_DIRECTORY ${SCRATCH}/run)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${SCRATCH}/run COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# build(folder [option...])
function(build folder)
  run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${folder} -B ${SCRATCH}/build/${folder} -G Ninja
      -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${PREFIX} "-D CMAKE_CXX_FLAGS=${FLAGS}" ${ARGN})
  run(${CMAKE_COMMAND} --build ${SCRATCH}/build/${folder})
endfunction()

build(example)
set(migrations ${CMAKE_CURRENT_LIST_DIR}/../../migrations)
execute_process(COMMAND ${SCRATCH}/build/example/example ${migrations} WORKING_DIRECTORY ${SCRATCH}/run OUTPUT_VARIABLE output
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "Solar kettle: 8.5\n")
  message(FATAL_ERROR "The example printed: ${output}")
endif()
build(migrated)
foreach(again first second)
  execute_process(COMMAND ${SCRATCH}/build/migrated/migrated WORKING_DIRECTORY ${SCRATCH}/run OUTPUT_VARIABLE output
                  COMMAND_ERROR_IS_FATAL ANY)
  if(NOT output STREQUAL "idea 1\nscore 2\nafter each; \", before the second, after each; \"\n")
    message(FATAL_ERROR "The program with migrations built in printed: ${output}")
  endif()
endforeach()
run(${PREFIX}/bin/millrace --help)

set(hidden SQLite3 xxHash)
if(NOT STATIC)
  list(APPEND hidden spdlog OpenSSL)
endif()
list(TRANSFORM hidden REPLACE "(.+)" "-DCMAKE_DISABLE_FIND_PACKAGE_\\1=ON")
build(remote ${hidden} -D STATIC=${STATIC})
# There is no server here; that it runs, and refuses what is no address, is enough.
execute_process(COMMAND ${SCRATCH}/build/remote/remote nowhere RESULT_VARIABLE code ERROR_VARIABLE said)
if(NOT code EQUAL 1 OR NOT said MATCHES "is no address of an engine")
  message(FATAL_ERROR "The example of a program elsewhere ended with ${code} and said: ${said}")
endif()
