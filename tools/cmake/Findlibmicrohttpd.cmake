# Finds libmicrohttpd (Debian: libmicrohttpd-dev). Gives the imported target libmicrohttpd::microhttpd.

find_path(libmicrohttpd_INCLUDE_DIR NAMES microhttpd.h)
find_library(libmicrohttpd_LIBRARY NAMES microhttpd)
mark_as_advanced(libmicrohttpd_INCLUDE_DIR libmicrohttpd_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(libmicrohttpd REQUIRED_VARS libmicrohttpd_LIBRARY libmicrohttpd_INCLUDE_DIR)

if(libmicrohttpd_FOUND AND NOT TARGET libmicrohttpd::microhttpd)
  add_library(libmicrohttpd::microhttpd UNKNOWN IMPORTED)
  set_target_properties(libmicrohttpd::microhttpd PROPERTIES
    IMPORTED_LOCATION "${libmicrohttpd_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${libmicrohttpd_INCLUDE_DIR}")
endif()
