# Builds the program in this folder against an installed Millrace and runs it, and the installed program.
#
# cmake -D PREFIX=... -D SCRATCH=... -D COMPILER=... -D FLAGS=... -P run.cmake

file(MAKE_DIRECTORY ${SCRATCH}/run)

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${SCRATCH}/run COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${SCRATCH}/build -G Ninja -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_PREFIX_PATH=${PREFIX} "-D CMAKE_CXX_FLAGS=${FLAGS}")
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)

execute_process(COMMAND ${SCRATCH}/build/example WORKING_DIRECTORY ${SCRATCH}/run OUTPUT_VARIABLE output
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "Solar kettle: 8.5\n")
  message(FATAL_ERROR "The example printed: ${output}")
endif()
run(${PREFIX}/bin/millrace --help)
