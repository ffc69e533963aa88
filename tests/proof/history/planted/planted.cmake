# The engine again, with bugs that the proof must find: copies of its sources, into which patches put them.

# millrace_plant(program folder): applies all patches of the folder, each to one source, and links the copies into the
# program. The linker takes what a program brings itself before it looks into a library, so that of the engine's
# libraries only the other objects are used.
function(millrace_plant program folder)
  find_program(MILLRACE_PATCH patch REQUIRED)
  mark_as_advanced(MILLRACE_PATCH)
  file(GLOB patches CONFIGURE_DEPENDS ${folder}/*.patch)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${patches})
  set(bugs)
  set(sources)
  foreach(patch IN LISTS patches)
    get_filename_component(bug ${patch} NAME_WE)
    file(STRINGS ${patch} target REGEX "^\\+\\+\\+ ")
    string(REGEX REPLACE "^\\+\\+\\+ b/" "" source "${target}")
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${source})
      message(FATAL_ERROR "The planted bug \"${bug}\" is to change one source, but there is no \"${source}\"")
    endif()
    list(APPEND bugs ${bug})
    list(APPEND sources ${source})
    list(APPEND patches_of_${source} ${patch})
  endforeach()

  list(REMOVE_DUPLICATES sources)
  foreach(source IN LISTS sources)
    millrace_plant_source(${program} ${folder} ${source} ${patches_of_${source}})
  endforeach()
  list(JOIN bugs " " bugs)
  target_compile_definitions(${program} PRIVATE "MILLRACE_PLANTED_BUGS=\"${bugs}\"")
endfunction()

# millrace_plant_source(program folder source patch...): the copy is compiled as its room is, and beside it.
function(millrace_plant_source program folder source)
  get_filename_component(place ${source} DIRECTORY)
  get_property(room GLOBAL PROPERTY MILLRACE_ROOM_OF_${place})
  set(copy ${CMAKE_CURRENT_BINARY_DIR}/planted/${source})
  set(apply ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/apply.cmake)
  get_filename_component(copies ${copy} DIRECTORY)
  file(MAKE_DIRECTORY ${copies})
  add_custom_command(OUTPUT ${copy} VERBATIM
    DEPENDS ${PROJECT_SOURCE_DIR}/${source} ${ARGN} ${apply}
    COMMAND ${CMAKE_COMMAND} -P ${apply} ${MILLRACE_PATCH} ${PROJECT_SOURCE_DIR}/${source} ${copy} ${ARGN}
    COMMENT "Planting bugs in ${source}")

  set(planted millrace_planted_${room})
  if(NOT TARGET ${planted})
    add_library(${planted} OBJECT)
    target_link_libraries(${planted} PRIVATE millrace_root_${room})
    target_compile_options(${planted} PRIVATE
      "SHELL:-include ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/planted.hpp" "SHELL:-iquote ${PROJECT_SOURCE_DIR}/${place}")
    get_target_property(precompiled millrace_room_${room} PRECOMPILE_HEADERS_REUSE_FROM)
    millrace_precompile(${planted} REUSE_FROM ${precompiled})
    target_sources(${program} PRIVATE $<TARGET_OBJECTS:${planted}>)
  endif()
  target_sources(${planted} PRIVATE ${copy})
endfunction()
