# millrace_pkg_config(name description [REQUIRES package...] [LIBS flag...] [USES package...]): installs name.pc, which
# finds what is installed from where it lies itself. USES are asked for where the libraries are static; shared ones are
# found again when the program starts.
function(millrace_pkg_config name description)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "REQUIRES;LIBS;USES")
  set(folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  set(up ${CMAKE_INSTALL_PREFIX})
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${up})
  cmake_path(RELATIVE_PATH up BASE_DIRECTORY ${folder} OUTPUT_VARIABLE prefix)
  if(BUILD_SHARED_LIBS)
    set(arg_USES)
    list(PREPEND arg_LIBS -Wl,-rpath,\${libdir})
  endif()
  list(JOIN arg_REQUIRES " " requires)
  list(JOIN arg_USES " " uses)
  list(JOIN arg_LIBS " " libs)
  configure_file(tools/cmake/package.pc.in ${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
