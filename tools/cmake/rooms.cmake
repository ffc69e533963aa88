# A room is a folder of sources with an include root of its own. What it may include is what its root and those of the
# rooms it knows hold; anything else is not found, so the layers are kept by the compiler. Headers are included as
# <millrace/path/in/the/tree.hpp>, or as "name.hpp" from within their own room.
#
# The links are to files, not to folders: from within a root there is no way out of it by "..".

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/rooms)
file(WRITE ${PROJECT_BINARY_DIR}/rooms/libraries.txt "")

# millrace_room(name FOLDER folder... [KNOWS room...] [HIDES room...] [LINKS library...]): compiles the sources that lie
# in the folders (not below them). KNOWS and LINKS are inherited by whoever knows the room. What it HIDES its sources
# know, and nobody else through it. Whether a room includes a library that is linked nowhere there is a test's to find
# (tests/contract), since Debian's headers are found by everybody.
function(millrace_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FOLDER;KNOWS;HIDES;LINKS")
  set(root ${PROJECT_BINARY_DIR}/rooms/${name})
  file(REMOVE_RECURSE ${root})
  set(sources)
  foreach(folder IN LISTS arg_FOLDER)
    file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR} ${folder}/*.hpp)
    file(MAKE_DIRECTORY ${root}/millrace/${folder})
    foreach(header IN LISTS headers)
      file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${header} ${root}/millrace/${header} SYMBOLIC)
    endforeach()
    file(GLOB found CONFIGURE_DEPENDS ${folder}/*.cpp)
    list(APPEND sources ${found})
    set_property(GLOBAL PROPERTY MILLRACE_ROOM_OF_${folder} ${name})
  endforeach()

  # What those see who know it.
  add_library(millrace_root_${name} INTERFACE)
  target_include_directories(millrace_root_${name} INTERFACE ${root})
  target_link_libraries(millrace_root_${name} INTERFACE ${arg_LINKS})
  foreach(known IN LISTS arg_KNOWS)
    target_link_libraries(millrace_root_${name} INTERFACE millrace_root_${known})
  endforeach()
  if(MILLRACE_COVERAGE)
    # One name for each file, however it was included.
    target_compile_options(millrace_root_${name} INTERFACE
      -fcoverage-prefix-map=${root}/millrace=${PROJECT_SOURCE_DIR})
  endif()

  set(links ${arg_LINKS})
  foreach(known IN LISTS arg_KNOWS)
    get_property(inherited TARGET millrace_root_${known} PROPERTY MILLRACE_LINKS)
    list(APPEND links ${inherited})
  endforeach()
  set_property(TARGET millrace_root_${name} PROPERTY MILLRACE_LINKS ${links})
  foreach(hidden IN LISTS arg_HIDES)
    get_property(used TARGET millrace_root_${hidden} PROPERTY MILLRACE_LINKS)
    list(APPEND links ${used})
  endforeach()
  list(JOIN links " " line)
  file(APPEND ${PROJECT_BINARY_DIR}/rooms/libraries.txt "${name} ${line}\n")

  if(sources)
    add_library(millrace_room_${name} OBJECT ${sources})
    target_link_libraries(millrace_room_${name} PRIVATE millrace_root_${name})
    foreach(hidden IN LISTS arg_HIDES)
      target_link_libraries(millrace_room_${name} PRIVATE millrace_root_${hidden})
    endforeach()
    millrace_compile_together(millrace_room_${name} ${sources})
    millrace_precompile_room(${name} ${links})
  endif()
endfunction()

# All rooms that know CAF share what is precompiled for the wire, the others what is precompiled for the messages.
function(millrace_precompile_room name)
  if(name STREQUAL wire)
    millrace_precompile(millrace_room_wire <caf/all.hpp>)
  elseif(name STREQUAL messages)
    millrace_precompile(millrace_room_messages)
  elseif(CAF::core IN_LIST ARGN)
    millrace_precompile(millrace_room_${name} REUSE_FROM millrace_room_wire)
  else()
    millrace_precompile(millrace_room_${name} REUSE_FROM millrace_room_messages)
  endif()
endfunction()

# millrace_library(name [STATIC] ROOMS room... [LINKS library...] [USES library...]): one library of the objects of some
# rooms, static or shared as BUILD_SHARED_LIBS says, or always static. In the tree, whoever links it sees the roots of
# all of them; outside, the headers that are installed. USES are what its sources alone include.
function(millrace_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "STATIC" "" "ROOMS;LINKS;USES")
  set(library millrace_${name})
  if(arg_STATIC)
    add_library(${library} STATIC)
  else()
    add_library(${library})
  endif()
  add_library(millrace::${name} ALIAS ${library})
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX
    EXPORT_NAME ${name} VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${library} PUBLIC cxx_std_20)
  target_include_directories(${library} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${library} PUBLIC ${arg_LINKS} PRIVATE ${arg_USES})
  foreach(room IN LISTS arg_ROOMS)
    target_link_libraries(${library} PUBLIC $<BUILD_INTERFACE:millrace_root_${room}>)
    if(TARGET millrace_room_${room})
      target_sources(${library} PRIVATE $<TARGET_OBJECTS:millrace_room_${room}>)
    endif()
  endforeach()
endfunction()
