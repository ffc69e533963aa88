# Copies a source and plants bugs in the copy: cmake -P apply.cmake PATCH-PROGRAM SOURCE COPY PATCH...

math(EXPR last "${CMAKE_ARGC} - 1")
set(arguments)
foreach(index RANGE 3 ${last})
  list(APPEND arguments "${CMAKE_ARGV${index}}")
endforeach()
list(POP_FRONT arguments program source copy)

file(REMOVE ${copy})
file(COPY_FILE ${source} ${copy}.clean)
foreach(bug IN LISTS arguments)
  execute_process(COMMAND ${program} --silent --fuzz=0 --no-backup-if-mismatch --reject-file=- ${copy}.clean ${bug}
                  RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(failed)
    get_filename_component(name ${bug} NAME_WE)
    message(FATAL_ERROR "The planted bug \"${name}\" no longer applies to ${source}; mend ${bug}.\n${said}")
  endif()
endforeach()
file(RENAME ${copy}.clean ${copy})
